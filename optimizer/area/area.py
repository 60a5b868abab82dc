"""An area: the folder that says what a town has and promises, read once, judged whole, frozen.

``read_area(folder)`` reads it. Every fault of every file is listed in one ``AreaFaults`` (file, row or key,
field, value, bound), not only the first.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fleet import Flux, Service, Shift, Site, Truck

T = TypeVar("T")

DWELLINGS = ("houses", "blocks", "shops")
#: The kind that stands in collection.csv for drop-off points, beside the kinds of dwellings.
DROP_OFF = "drop_off"
#: The files that every area has, beside its extract.
INPUT_FILES = ("area.toml", "collection.csv", "exceptions.csv", "sectors.geojson")
#: What the second holiday of a week is, where the first has pushed the week by a day: a working day, or free too.
SECOND_HOLIDAY = ("worked", "free")


class AreaFaults(ValueError):
    """All faults of an area's files at once."""

    def __init__(self, faults: list[str]):
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class StreetRules:
    """Which streets are collected, and how (``[streets]`` of area.toml, same names)."""

    collected: tuple[str, ...]
    both_sides_highway: tuple[str, ...]
    both_sides_oneway_max_lanes: int
    both_sides_oneway_highway: tuple[str, ...]
    both_sides_max_width_m: float
    both_sides_two_way_highway: tuple[str, ...]
    max_task_m: float
    foot_max_m: float
    presentation_max_m: float
    reversing: str  # "priced" or "forbidden"
    reversing_max_m: float
    three_point_m: float
    turning_places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TurnRules:
    left_s: float
    right_s: float
    straight_s: float
    signal_s: float
    turning_place_s: float
    reversing_setup_s: float
    reversing_mps: float


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    street_speed_kmh: float
    kg_s: float
    foot_mps: float
    drop_off_container_s: float
    presentation_point_s: float
    pickup_s: float
    crew_factor: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Prices:
    eur_per_h: float
    eur_per_overtime_h: float
    eur_per_reversal: float
    eur_per_call_out: float
    balance_eur_per_h: float
    unserved_eur_per_t: float


@dataclass(frozen=True, slots=True)
class PlaceAt:
    """Depot or site as area.toml gives it: by ``at`` (lat, lon) or by ``node``."""

    id: str
    label: str
    lat_deg: float | None
    lon_deg: float | None
    osm_node: int | None


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """Hours in which some streets cannot be served: by name, or near mapped objects (``near``: "amenity=school")."""

    name: str
    from_s: int
    to_s: int
    weekdays: tuple[int, ...]
    near: str | None
    within_m: float
    streets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Commune:
    name: str
    population: int
    osm_relation: int | None = None


@dataclass(frozen=True, slots=True)
class DemandRules:
    people_per_dwelling: float
    blocks_from_levels: int
    addresses: str | None = None  # file name of a national address base CSV
    demand_csv: str | None = None  # file name of real demand
    drop_off_points: str | None = None  # file name of the town's drop-off points
    learned: str | None = None  # file name of what weighings taught (learning.py)


@dataclass(frozen=True, slots=True)
class CollectionRule:
    """One row of collection.csv. ``weekday``: 0 = Monday. Season as (month, day), both included, may pass New Year."""

    row: int
    sector: str
    service: str
    dwelling: str
    weekday: int
    every_weeks: int
    anchor: datetime.date
    season_from: tuple[int, int] | None
    season_to: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CollectionException:
    """One row of exceptions.csv; ``sector`` or ``service`` "*" means all. ``what``: collected, cancelled or moved."""

    row: int
    sector: str
    service: str
    date: datetime.date
    what: str
    moved_to: datetime.date | None
    note: str


@dataclass(frozen=True, slots=True)
class Sector:
    """``rings``: polygons as (lon, lat) rings, GeoJSON order, outer ring first in each polygon."""

    name: str
    polygons: tuple[tuple[tuple[tuple[float, float], ...], ...], ...]


@dataclass(frozen=True)
class Area:
    folder: Path
    name: str
    extract: Path
    attribution: str
    timezone: str
    language: str
    crs: str
    traffic_side: str
    holidays: str | None
    second_holiday: str  # one of SECOND_HOLIDAY
    depot: PlaceAt
    sites: tuple[tuple[PlaceAt, Site], ...]  # Site.osm_node is 0 until roads.py has snapped it
    flux: tuple[Flux, ...]
    services: tuple[Service, ...]
    communes: tuple[Commune, ...]
    demand: DemandRules
    trucks: tuple[Truck, ...]
    shifts: tuple[Shift, ...]
    streets: StreetRules
    speeds_kmh: Mapping[str, float]
    turns: TurnRules
    service_times: ServiceTimes
    closed: tuple[ClosedWindow, ...]
    prices: Prices
    rules: tuple[CollectionRule, ...]
    exceptions: tuple[CollectionException, ...]
    sectors: tuple[Sector, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def flux_labels(self) -> dict[str, str]:
        """What people read for each flux, by its name."""
        return {flux.name: flux.label for flux in self.flux}

    def flux_named(self, name: str) -> Flux:
        """ValueError where the area has no such flux."""
        return self._named("flux", name, {flux.name: flux for flux in self.flux})

    def service_named(self, name: str) -> Service:
        """ValueError where the area has no such service."""
        return self._named("service", name, {service.name: service for service in self.services})

    def truck(self, id: str) -> Truck:
        """ValueError where the area has no such truck."""
        return self._named("truck", id, {truck.id: truck for truck in self.trucks})

    def shift(self, id: str) -> Shift:
        """ValueError where the area has no such shift."""
        return self._named("shift", id, {shift.id: shift for shift in self.shifts})

    def _named(self, what: str, name: str, known: Mapping[str, T]) -> T:
        if name not in known:
            raise ValueError(f"area {self.name}: {what} = {name!r}, must be one of {', '.join(known)}")
        return known[name]

    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of every file the area is made of, by file name: what a plan was made from."""
        optional = (
            self.demand.addresses, self.demand.demand_csv, self.demand.drop_off_points, self.demand.learned
        )  # fmt: skip
        names = [self.extract.name, *INPUT_FILES, *(name for name in optional if name is not None)]
        return {name: _sha256(self.folder / name) for name in names}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
