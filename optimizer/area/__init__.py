"""What a town has and promises, read with every fault at once."""

from optimizer.area import sectors
from optimizer.area.area import (
    DROP_OFF,
    DWELLINGS,
    INPUT_FILES,
    Area,
    ClosedWindow,
    Commune,
    PlaceAt,
    Sector,
    StreetRules,
)
from optimizer.area.collection import Promise, next_collection_day, promise
from optimizer.area.notes import Note, number_text
from optimizer.area.opening_hours import WEEKDAYS
from optimizer.area.plan_area import area_of_plan, holds_area
from optimizer.area.public_holidays import parts_with_more
from optimizer.area.sectors import sector_of

__all__ = [
    "DROP_OFF",
    "DWELLINGS",
    "INPUT_FILES",
    "WEEKDAYS",
    "Area",
    "ClosedWindow",
    "Commune",
    "Note",
    "PlaceAt",
    "Promise",
    "Sector",
    "StreetRules",
    "area_of_plan",
    "holds_area",
    "next_collection_day",
    "number_text",
    "parts_with_more",
    "promise",
    "sector_of",
    "sectors",
]
