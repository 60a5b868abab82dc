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
from optimizer.area.file import read_area
from optimizer.area.notes import Note, number_text
from optimizer.area.opening_hours import WEEKDAYS
from optimizer.area.plan_area import area_of_plan, holds_area
from optimizer.area.public_holidays import parts_with_more
from optimizer.area.readers import file_name, flag, several, text
from optimizer.area.sectors import sector_of
from optimizer.area.settings import REQUIRED, SECTIONS, Setting, toml_text

__all__ = [
    "DROP_OFF",
    "DWELLINGS",
    "INPUT_FILES",
    "REQUIRED",
    "SECTIONS",
    "WEEKDAYS",
    "Area",
    "ClosedWindow",
    "Commune",
    "Note",
    "PlaceAt",
    "Promise",
    "Sector",
    "Setting",
    "StreetRules",
    "area_of_plan",
    "file_name",
    "flag",
    "holds_area",
    "next_collection_day",
    "number_text",
    "parts_with_more",
    "promise",
    "read_area",
    "sector_of",
    "sectors",
    "several",
    "text",
    "toml_text",
]
