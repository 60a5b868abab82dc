"""The road graph for trucks: streets, access, turns, ways."""

from optimizer.streets import access, closures, extract
from optimizer.streets.access import max_height_m, oneway, truck_may_use
from optimizer.streets.closures import Closure
from optimizer.streets.extract import Boundary, Building, Extract, MappedObject, whole_number
from optimizer.streets.roads import CLOSED, RoadPath, Roads, Stand, TruckRoads
from optimizer.streets.scenery import scenery
from optimizer.streets.snapping import Floats, Ints, Kerbs, by_numbers, odd_sides, parity, plain_name
from optimizer.streets.streets import Streets, Stretch, dead_ends, sides_of, survey
from optimizer.streets.turns import Turns, driven

__all__ = [
    "CLOSED",
    "Boundary",
    "Building",
    "Closure",
    "Extract",
    "Floats",
    "Ints",
    "Kerbs",
    "MappedObject",
    "RoadPath",
    "Roads",
    "Stand",
    "Streets",
    "Stretch",
    "TruckRoads",
    "Turns",
    "access",
    "by_numbers",
    "closures",
    "dead_ends",
    "driven",
    "extract",
    "max_height_m",
    "odd_sides",
    "oneway",
    "parity",
    "plain_name",
    "scenery",
    "sides_of",
    "survey",
    "truck_may_use",
    "whole_number",
]
