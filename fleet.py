"""The trade's words: what a truck, a shift, a street task, a leg, a tour and a plan are.

Everybody imports this file; it imports the standard library only. Every class is frozen, and each rule of the
trade is written once, in ``__post_init__``: breaking it is a ``ValueError`` that names the field, the value and
the bound. Units stand in the names (``_m``, ``_s``, ``_kg``, ``_m3``, ``_eur``); instants are aware UTC; ``None``
is unknown or absent, zero is zero. ``to_json``/``from_json`` give and read the published JSON
(``data/schemas/plan.schema.json``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

Side = Literal["left", "right", "both"]
TaskKind = Literal["street", "presentation_point", "drop_off", "pickup"]
LegKind = Literal["drive", "collect", "unload", "break", "depot"]
LegMode = Literal["truck", "foot"]

TASK_KINDS = ("street", "presentation_point", "drop_off", "pickup")
LEG_KINDS = ("drive", "collect", "unload", "break", "depot")
SIDES = ("left", "right", "both")
LICENCES = ("B", "C", "CE")
ENERGIES = ("diesel", "cng", "electric")

#: Why a task is not served, as printed and as stored in ``Plan.unserved``.
UNSERVED_REASONS = (
    "UNREACHABLE",  # no way leads there and back for any allowed truck
    "NO_TRUCK",  # no truck on shift takes this flux, or fits the street
    "SKILL_MISSING",  # no crew on shift has the skill (a crane, say)
    "CAPACITY",  # larger than any truck's body
    "TIME_WINDOW",  # cannot be reached inside its hours
    "SHIFT_TIME",  # no time left in the shifts: the fleet cannot carry it
)


def _positive(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ValueError(f"{owner}: {name} = {value!r}, must be above 0")


def _not_negative(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value >= 0:
            raise ValueError(f"{owner}: {name} = {value!r}, must be 0 or more")


def _one_of(owner: str, name: str, value: object, allowed: Iterable[object]) -> None:
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{owner}: {name} = {value!r}, must be one of {', '.join(map(str, allowed))}")


# --- what is collected -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flux:
    """A stream of waste. ``bag_colour`` is a CSS colour, or None where it goes without a bag of its own colour."""

    name: str
    label: str
    bag_colour: str | None
    density_kg_m3: float  # the densest it gets in a truck's body
    kg_per_inhabitant_year: float
    kg_per_bag: float | None = None

    def __post_init__(self) -> None:
        _positive(f"flux {self.name}", density_kg_m3=self.density_kg_m3, kg_per_bag=self.kg_per_bag)
        _not_negative(f"flux {self.name}", kg_per_inhabitant_year=self.kg_per_inhabitant_year)


@dataclass(frozen=True, slots=True)
class Service:
    """What is put out together on the same day: one promise to the resident."""

    name: str
    label: str
    flux: tuple[str, ...]
    holiday_rule: str = "worked"

    def __post_init__(self) -> None:
        _one_of(f"service {self.name}", "holiday_rule", self.holiday_rule, HOLIDAY_RULES)
        if not self.flux:
            raise ValueError(f"service {self.name}: flux is empty, must name at least one")


#: What happens to a collection that falls on a public holiday (rules found in published notices).
HOLIDAY_RULES = ("worked", "none", "cascade", "saturday", "next_usual_day")


# --- trucks and crews --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compartment:
    """A part of the body and the flux that may share it.

    ``max_density_kg_m3`` keeps colour bags whole: bags crushed harder tear, and torn bags are not sorted.
    """

    flux: tuple[str, ...]
    volume_m3: float
    max_density_kg_m3: float | None = None

    def __post_init__(self) -> None:
        _positive("compartment", volume_m3=self.volume_m3, max_density_kg_m3=self.max_density_kg_m3)
        if not self.flux:
            raise ValueError("compartment: flux is empty, must name at least one")


@dataclass(frozen=True, slots=True)
class Truck:
    id: str
    kerb_kg: float
    payload_kg: float
    height_m: float
    width_m: float
    length_m: float
    compartments: tuple[Compartment, ...]
    crane: bool = False
    energy: str = "diesel"
    energy_per_km: float = 0.45  # litres, kg (cng) or kWh
    energy_per_h: float = 4.0  # while collecting and unloading (lifter, compaction, idling)
    co2e_kg_per_unit: float = 3.1  # per litre, kg or kWh, well to wheel
    eur_per_km: float = 0.9
    eur_per_day: float = 180.0

    def __post_init__(self) -> None:
        me = f"truck {self.id}"
        _positive(
            me,
            kerb_kg=self.kerb_kg,
            payload_kg=self.payload_kg,
            height_m=self.height_m,
            width_m=self.width_m,
            length_m=self.length_m,
        )
        _not_negative(
            me,
            energy_per_km=self.energy_per_km,
            energy_per_h=self.energy_per_h,
            co2e=self.co2e_kg_per_unit,
            eur_per_km=self.eur_per_km,
            eur_per_day=self.eur_per_day,
        )
        _one_of(me, "energy", self.energy, ENERGIES)
        if not self.compartments:
            raise ValueError(f"{me}: compartments is empty, must hold at least one")
        names = [flux for part in self.compartments for flux in part.flux]
        if len(names) != len(set(names)):
            raise ValueError(f"{me}: compartments = {names}, a flux may be in one compartment only")

    @property
    def gross_kg(self) -> float:
        """The weight that a weight sign is about: kerb and payload."""
        return self.kerb_kg + self.payload_kg

    @property
    def energy_unit(self) -> str:
        return {"diesel": "l", "cng": "kg", "electric": "kWh"}[self.energy]


@dataclass(frozen=True, slots=True)
class BreakRule:
    """``break_s`` of rest, in parts of at least ``min_part_s``, once more than ``after_s`` of ``basis`` is done.

    ``latest_s``: the rest must have begun before this much of the basis has passed since the last full rest.
    ``last_part_s``: of a rest taken in parts, the one that completes it is at least this long.
    """

    basis: Literal["work", "driving"]
    after_s: int
    latest_s: int
    break_s: int
    min_part_s: int
    last_part_s: int = 0

    def __post_init__(self) -> None:
        _positive("break rule", latest_s=self.latest_s, break_s=self.break_s, min_part_s=self.min_part_s)
        if self.min_part_s > self.break_s:
            raise ValueError(f"break rule: min_part_s = {self.min_part_s}, must not exceed break_s = {self.break_s}")
        if not 0 <= self.last_part_s <= self.break_s:
            raise ValueError(
                f"break rule: last_part_s = {self.last_part_s}, must be from 0 to break_s = {self.break_s}"
            )


@dataclass(frozen=True, slots=True)
class Regime:
    """The law that a tour's crew works under. An attribute of the tour, not of the fleet."""

    name: str
    breaks: tuple[BreakRule, ...]
    max_work_s: int
    max_driving_s: int | None
    source: str


def _h(hours: float) -> int:
    return int(hours * 3600)


#: The regimes as data. When several rules of one regime apply, the longest break is due, in time for each of them.
REGIMES: dict[str, Regime] = {
    r.name: r
    for r in (
        Regime(
            "public-agent",
            (BreakRule("work", _h(6), _h(6), 20 * 60, 20 * 60),),
            _h(10),
            None,
            "FR: décret 2000-815 art. 3 (through décret 2001-623): 20 min before 6 h of work are reached, 10 h a day",
        ),
        Regime(
            "private",
            (BreakRule("work", _h(6), _h(6), 20 * 60, 20 * 60),),
            _h(10),
            None,
            "FR: Code du travail L3121-16 (20 min once 6 h are reached), L3121-18 (10 h a day)",
        ),
        Regime(
            "private-transport",
            (
                BreakRule("work", _h(6), _h(6), 30 * 60, 15 * 60),
                BreakRule("work", _h(9), _h(6), 45 * 60, 15 * 60),
            ),
            _h(10),
            None,
            "Directive 2002/15/EC art. 5: 30 min above 6 h of work, 45 min above 9 h, parts of at least 15 min",
        ),
        Regime(
            "eu561",
            (
                BreakRule("driving", _h(4.5), _h(4.5), 45 * 60, 15 * 60, 30 * 60),
                BreakRule("work", _h(6), _h(6), 30 * 60, 15 * 60),
                BreakRule("work", _h(9), _h(6), 45 * 60, 15 * 60),
            ),
            _h(10),
            _h(9),
            "Regulation (EC) 561/2006 art. 6 and 7: 45 min (15, then 30) after 4 h 30 of driving, 9 h of driving "
            "a day; mobile workers too: Directive 2002/15/EC art. 5, 30 min above 6 h of work, 45 min above 9 h",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Shift:
    """A truck with a driver and 0-2 loaders, from start of service to end of service (both inside working time).

    ``start``: seconds after local midnight of the plan's date. ``length_s``: regular length, breaks included;
    up to ``overtime_s`` more is allowed and paid. ``weekdays``: 0 = Monday. ``catch_up``: called in only on days
    that carry collections moved there from a holiday.
    """

    id: str
    truck: str
    driver: str | None
    licence: str
    loaders: int
    start_s: int
    length_s: int
    overtime_s: int
    start_service_s: int
    end_service_s: int
    regime: str
    skills: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    catch_up: bool = False

    def __post_init__(self) -> None:
        me = f"shift {self.id}"
        _one_of(me, "licence", self.licence, LICENCES)
        _one_of(me, "regime", self.regime, REGIMES)
        _one_of(me, "loaders", self.loaders, (0, 1, 2))
        _positive(me, length_s=self.length_s)
        _not_negative(
            me,
            start_s=self.start_s,
            overtime_s=self.overtime_s,
            start_service_s=self.start_service_s,
            end_service_s=self.end_service_s,
        )
        if self.start_s >= 48 * 3600:
            raise ValueError(f"{me}: start_s = {self.start_s}, must be below 172800 (the next day's midnight)")
        for day in self.weekdays:
            _one_of(me, "weekdays", day, range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of one weekday (0 = Monday), seconds after local midnight, half-open."""

    weekday: int
    opens_s: int
    closes_s: int

    def __post_init__(self) -> None:
        _one_of("hours", "weekday", self.weekday, range(7))
        if not 0 <= self.opens_s < self.closes_s <= 48 * 3600:
            raise ValueError(f"hours: {self.opens_s}-{self.closes_s}, must be rising within 0-172800")


@dataclass(frozen=True, slots=True)
class Place:
    """Something that stands on a node of the map."""

    id: str
    label: str
    osm_node: int


@dataclass(frozen=True, slots=True)
class Site(Place):
    """Where trucks unload."""

    accepts: tuple[str, ...]
    hours: tuple[Hours, ...]
    unload_s: int
    eur_per_t: float = 0.0

    def __post_init__(self) -> None:
        _positive(f"site {self.id}", unload_s=self.unload_s)
        if not self.accepts:
            raise ValueError(f"site {self.id}: accepts is empty, must name at least one flux")


# --- the plan ----------------------------------------------------------------------------------------------------


def utc(text: str) -> datetime:
    """An instant as the plan writes it, ``YYYY-MM-DDThh:mm:ssZ``."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"instant {text!r}, must be written YYYY-MM-DDThh:mm:ssZ") from None


def written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _kg(weights: Mapping[str, float]) -> dict[str, float]:
    return {flux: round(float(kg), 3) for flux, kg in sorted(weights.items())}


@dataclass(frozen=True, slots=True)
class Task:
    """What must be served (the arc-routing word): a street side, a presentation point, a drop-off point, a pickup.

    ``osm_nodes``: the stretch in the direction of traffic for a one-sided task (``side`` is as seen in that
    direction), in the way's own direction for ``both``; a single node for a point. Demand is today's.
    ``windows``: allowed hours, seconds after local midnight; empty = any time.
    """

    id: str
    kind: TaskKind
    osm_way: int | None
    osm_nodes: tuple[int, ...]
    side: Side
    demand_kg: Mapping[str, float]
    dwellings: int
    name: str = ""
    sector: str = ""
    services: tuple[str, ...] = ()
    windows: tuple[tuple[int, int], ...] = ()
    skills: tuple[str, ...] = ()
    containers: int = 0

    def __post_init__(self) -> None:
        me = f"task {self.id}"
        _one_of(me, "kind", self.kind, TASK_KINDS)
        _one_of(me, "side", self.side, SIDES)
        _not_negative(me, dwellings=self.dwellings, containers=self.containers)
        _not_negative(me, **{f"demand_kg[{flux}]": kg for flux, kg in self.demand_kg.items()})
        if len(self.osm_nodes) < (2 if self.kind == "street" else 1):
            raise ValueError(f"{me}: osm_nodes = {self.osm_nodes}, too few for a {self.kind}")

    @property
    def total_kg(self) -> float:
        return sum(self.demand_kg.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "kind": self.kind, "osm_way": self.osm_way, "osm_nodes": list(self.osm_nodes),
            "side": self.side, "demand_kg": _kg(self.demand_kg), "dwellings": self.dwellings, "name": self.name,
            "sector": self.sector, "services": list(self.services), "windows": [list(w) for w in self.windows],
            "skills": list(self.skills), "containers": self.containers,
        }  # fmt: skip

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Task:
        return cls(
            j["id"], j["kind"], j["osm_way"], tuple(j["osm_nodes"]), j["side"], dict(j["demand_kg"]), j["dwellings"],
            j.get("name", ""), j.get("sector", ""), tuple(j.get("services", ())),
            tuple((a, b) for a, b in j.get("windows", ())), tuple(j.get("skills", ())), j.get("containers", 0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leg:
    """One thing a tour does. A gap between two legs is waiting (a site or a window that is not open yet).

    ``osm_nodes``: every node of the map along the way, in driving order; it starts where the last leg with nodes
    ended. On foot (``mode``), the nodes go out and come back while the truck stands at the first.
    ``side`` is as seen in the driving direction. ``reversing_m`` is the part of ``length_m`` driven backwards.
    """

    kind: LegKind
    start_at: datetime
    end_at: datetime
    length_m: float = 0.0
    osm_nodes: tuple[int, ...] = ()
    task: str | None = None
    side: Side | None = None
    mode: LegMode = "truck"
    site: str | None = None
    kg: Mapping[str, float] = field(default_factory=dict)
    load_after_kg: Mapping[str, float] = field(default_factory=dict)
    reversing_m: float = 0.0
    reversals: int = 0

    def __post_init__(self) -> None:
        _one_of("leg", "kind", self.kind, LEG_KINDS)
        for at in (self.start_at, self.end_at):
            if at.tzinfo is None:
                raise ValueError(f"leg {self.kind}: {at!r} has no time zone, must be UTC")

    @property
    def duration_s(self) -> float:
        return (self.end_at - self.start_at).total_seconds()

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "start_at": written(self.start_at), "end_at": written(self.end_at),
            "length_m": round(self.length_m, 1), "osm_nodes": list(self.osm_nodes), "task": self.task,
            "side": self.side, "mode": self.mode, "site": self.site, "kg": _kg(self.kg),
            "load_after_kg": _kg(self.load_after_kg), "reversing_m": round(self.reversing_m, 1),
            "reversals": self.reversals,
        }  # fmt: skip

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Leg:
        return cls(
            j["kind"], utc(j["start_at"]), utc(j["end_at"]), j["length_m"], tuple(j["osm_nodes"]), j["task"],
            j["side"], j.get("mode", "truck"), j.get("site"), dict(j.get("kg", {})), dict(j.get("load_after_kg", {})),
            j.get("reversing_m", 0.0), j.get("reversals", 0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tour:
    """What one shift does on one day. The first and last legs are ``depot``: start and end of service."""

    id: str
    shift: str
    truck: str
    regime: str
    driver: str | None
    loaders: int
    legs: tuple[Leg, ...]

    @property
    def start_at(self) -> datetime:
        return self.legs[0].start_at

    @property
    def end_at(self) -> datetime:
        return self.legs[-1].end_at

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "shift": self.shift, "truck": self.truck, "regime": self.regime, "driver": self.driver,
            "loaders": self.loaders, "legs": [leg.to_json() for leg in self.legs],
        }  # fmt: skip

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Tour:
        return cls(
            j["id"], j.get("shift", ""), j["truck"], j["regime"], j.get("driver"), j.get("loaders", 0),
            tuple(Leg.from_json(leg) for leg in j["legs"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unserved:
    task: str
    reason: str

    def __post_init__(self) -> None:
        _one_of(f"unserved {self.task}", "reason", self.reason, UNSERVED_REASONS)


@dataclass(frozen=True)
class Plan:
    """A day's tours, with what they rest on. ``area``: ``path`` and the SHA-256 ``digests`` of the inputs by file name.

    ``figures``: the numbers per tour and in all (``optimizer/figures.py`` says which).
    """

    area: Mapping[str, Any]
    date: date
    timezone: str
    seed: int
    engine: str
    program_version: str
    tasks: tuple[Task, ...]
    tours: tuple[Tour, ...]
    unserved: tuple[Unserved, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    format: str = "ripeur-plan/1"

    def task(self, id: str) -> Task:
        return self.tasks_by_id[id]

    @property
    def tasks_by_id(self) -> dict[str, Task]:
        return {task.id: task for task in self.tasks}

    def to_json(self) -> dict[str, Any]:
        return {
            "format": self.format, "area": dict(self.area), "date": self.date.isoformat(), "timezone": self.timezone,
            "seed": self.seed, "engine": self.engine, "program_version": self.program_version,
            "tours": [tour.to_json() for tour in self.tours], "tasks": [task.to_json() for task in self.tasks],
            "unserved": [{"task": u.task, "reason": u.reason} for u in self.unserved], "figures": dict(self.figures),
        }  # fmt: skip

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Plan:
        return cls(
            j["area"], date.fromisoformat(j["date"]), j.get("timezone", "UTC"), j.get("seed", 0), j.get("engine", ""),
            j.get("program_version", ""), tuple(map(Task.from_json, j["tasks"])),
            tuple(map(Tour.from_json, j["tours"])),
            tuple(Unserved(u["task"], u["reason"]) for u in j["unserved"]), j.get("figures", {}),
            j.get("format", "ripeur-plan/1"),
        )  # fmt: skip

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
