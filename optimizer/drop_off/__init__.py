"""Drop-off points, off the map or off a town's file."""

from optimizer.drop_off import points
from optimizer.drop_off.listing import not_named, show
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import read_osm
from optimizer.drop_off.points import DropOffPoint, Reading
from optimizer.drop_off.stored import points_file, read_points, stored_points, write_refused_rows

__all__ = [
    "ColumnMapping",
    "DropOffPoint",
    "Reading",
    "not_named",
    "points",
    "points_file",
    "read_osm",
    "read_points",
    "show",
    "stored_points",
    "write_refused_rows",
]
