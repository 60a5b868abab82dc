"""Drop-off points, off the map or off a town's file."""

from optimizer.drop_off.listing import listing_lines, unnamed_file_hint, write_refused
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import FLUX_OF_OSM, extract_bounds, read_osm_points
from optimizer.drop_off.points import Container, DropOffPoint, ImportResult, read_points_csv, write_points_csv
from optimizer.drop_off.town_file import read_town_file

__all__ = [
    "FLUX_OF_OSM",
    "ColumnMapping",
    "Container",
    "DropOffPoint",
    "ImportResult",
    "extract_bounds",
    "listing_lines",
    "read_osm_points",
    "read_points_csv",
    "read_town_file",
    "unnamed_file_hint",
    "write_points_csv",
    "write_refused",
]
