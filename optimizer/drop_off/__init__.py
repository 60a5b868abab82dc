"""Drop-off points, off the map or off a town's file."""

from optimizer.drop_off import points
from optimizer.drop_off.listing import not_named, show, write_refused
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import FLUX_OF_OSM, extract_box, read_osm
from optimizer.drop_off.points import DropOffPoint, Reading
from optimizer.drop_off.town_file import read_town_file

__all__ = [
    "FLUX_OF_OSM",
    "ColumnMapping",
    "DropOffPoint",
    "Reading",
    "extract_box",
    "not_named",
    "points",
    "read_osm",
    "read_town_file",
    "show",
    "write_refused",
]
