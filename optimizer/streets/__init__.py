"""The road graph for trucks: streets, access, turns, ways."""

from optimizer.streets.access import max_height_m, oneway_direction, truck_may_pass, truck_may_use
from optimizer.streets.closures import Closure, ineffective_windows
from optimizer.streets.extract import Boundary, Building, Extract, MappedObject, parse_count, read_extract
from optimizer.streets.roads import CLOSED, RoadPath, Roads, Stand, TruckRoads
from optimizer.streets.scenery import read_scenery
from optimizer.streets.snapping import (
    Floats,
    Ints,
    StretchIndex,
    house_number_parity,
    normalized_street_name,
    odd_sides,
    sides_by_house_number,
)
from optimizer.streets.streets import StreetNetwork, Stretch, build_street_network, dead_ends, passes_of_stretch
from optimizer.streets.turns import TurnGraph, arc_nodes

__all__ = [
    "CLOSED",
    "Boundary",
    "Building",
    "Closure",
    "Extract",
    "Floats",
    "Ints",
    "MappedObject",
    "RoadPath",
    "Roads",
    "Stand",
    "StreetNetwork",
    "Stretch",
    "StretchIndex",
    "TruckRoads",
    "TurnGraph",
    "arc_nodes",
    "build_street_network",
    "dead_ends",
    "house_number_parity",
    "ineffective_windows",
    "max_height_m",
    "normalized_street_name",
    "odd_sides",
    "oneway_direction",
    "parse_count",
    "passes_of_stretch",
    "read_extract",
    "read_scenery",
    "sides_by_house_number",
    "truck_may_pass",
    "truck_may_use",
]
