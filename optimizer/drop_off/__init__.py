"""Drop-off points, off the map or off a town's file."""

from optimizer.drop_off.listing import listing_lines, unnamed_file_hint
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import read_osm_points
from optimizer.drop_off.points import DropOffPoint, ImportResult, read_points_csv, write_points_csv
from optimizer.drop_off.stored import points_file, read_points, stored_points, write_refused_rows

__all__ = [
    "ColumnMapping",
    "DropOffPoint",
    "ImportResult",
    "listing_lines",
    "points_file",
    "read_osm_points",
    "read_points",
    "read_points_csv",
    "stored_points",
    "unnamed_file_hint",
    "write_points_csv",
    "write_refused_rows",
]
