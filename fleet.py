"""The trade's words: what a truck, a shift, a street task, a leg, a tour, a plan and an observed fact are.

Everybody imports this file; it imports the standard library only. Every class is frozen, and each rule of the
trade is written once, in ``__post_init__``: breaking it is a ``ValueError`` that names the field, the value and
the bound. Units stand in the names (``_m``, ``_s``, ``_kg``, ``_m3``, ``_eur``); instants are aware UTC; ``None``
is unknown or absent, zero is zero. ``to_json``/``from_json`` give and read the published JSON
(``data/schemas/plan.schema.json``, ``data/schemas/fact.schema.json``).
"""

from __future__ import annotations

import json
import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path
from reprlib import Repr
from typing import Any, Literal
from uuid import UUID

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


class BrokenRule(ValueError):
    """A rule of the trade broken: whose (``owner``), which ``field``, its ``value``, the ``rule`` and its ``bound``.

    ``rule``: ``above``, ``at_least``, ``one_of`` or ``too_few`` (elements of a sequence).
    """

    def __init__(self, owner: str, field: str, value: object, rule: str, bound: object):
        self.owner, self.field, self.value, self.rule, self.bound = owner, field, value, rule, bound
        super().__init__(f"{owner}: {field} = {value!r}, {_BOUNDS[rule].format(bound)}")


_BOUNDS = {
    "above": "must be above {}",
    "at_least": "must be {} or more",
    "one_of": "must be one of {}",
    "too_few": "must hold at least {}",
}


def _positive(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise BrokenRule(owner, name, value, "above", 0)


def _not_negative(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value >= 0:
            raise BrokenRule(owner, name, value, "at_least", 0)


def _one_of(owner: str, name: str, value: object, allowed: Iterable[object]) -> None:
    allowed = tuple(allowed)
    if value not in allowed:
        raise BrokenRule(owner, name, value, "one_of", ", ".join(map(str, allowed)))


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
    plate: str | None = None  # by which a weighbridge's tickets know it

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


def utc_instant(text: str) -> datetime:
    """An instant as the plan writes it, ``YYYY-MM-DDThh:mm:ssZ``."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"instant {text!r}, must be written YYYY-MM-DDThh:mm:ssZ") from None


def utc_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


#: With which a spreadsheet begins a formula, wide letters included; a tab or a line's end before it is passed over.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def spreadsheet_cell(value: Any) -> Any:
    """A CSV's cell as no spreadsheet takes for a formula: words that begin like one get a ``'`` before them.

    Numbers stay numbers, written out (``-0.5``) or not. For files that people open; those that Ripeur reads back keep
    every name as it is.
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA) or re.fullmatch(r"[+-]?\d+([.,]\d+)?", value):
        return value
    return f"'{value}"


#: Letters and marks beyond Latin-1 that no decomposition gives.
_LATIN = str.maketrans(
    {"œ": "oe", "Œ": "OE", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u202f": "\xa0",
     "ł": "l", "Ł": "L", "đ": "d", "ı": "i", "€": "EUR"}
)  # fmt: skip


def latin(text: str) -> str:
    """A text in Latin-1 (as PDF core fonts): accents it lacks are dropped, other letters become ``?``."""
    out = []
    for letter in text.translate(_LATIN):
        if ord(letter) < 256:
            out.append(letter)
        else:
            bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
            out.append(bare if bare and all(ord(c) < 256 for c in bare) else "?")
    return "".join(out)


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
        least = 2 if self.kind == "street" else 1
        if len(self.osm_nodes) < least:
            raise BrokenRule(me, "osm_nodes", self.osm_nodes, "too_few", least)

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
            "kind": self.kind, "start_at": utc_text(self.start_at), "end_at": utc_text(self.end_at),
            "length_m": round(self.length_m, 1), "osm_nodes": list(self.osm_nodes), "task": self.task,
            "side": self.side, "mode": self.mode, "site": self.site, "kg": _kg(self.kg),
            "load_after_kg": _kg(self.load_after_kg), "reversing_m": round(self.reversing_m, 1),
            "reversals": self.reversals,
        }  # fmt: skip

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Leg:
        return cls(
            j["kind"], utc_instant(j["start_at"]), utc_instant(j["end_at"]), j["length_m"], tuple(j["osm_nodes"]),
            j["task"], j["side"], j.get("mode", "truck"), j.get("site"), dict(j.get("kg", {})),
            dict(j.get("load_after_kg", {})), j.get("reversing_m", 0.0), j.get("reversals", 0),
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

    ``figures``: the numbers per tour and in all (``optimizer/planning/figures.py`` says which).
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


# --- facts: what is observed -------------------------------------------------------------------------------------

#: What the crew says of a street or a point. ``not_presented``: nothing was put out; ``refused``: wrong content.
OUTCOMES = ("done", "partly", "not_presented", "refused", "blocked", "not_done")
INCIDENTS = (
    "blocked_street",
    "roadworks",
    "illegal_dumping",
    "damage",
    "accident",
    "breakdown",
    "bin",
    "reversing",
    "other",
)
#: Start and end of service, breaks, and the crew's own switch: tracking runs only between ``start`` and ``end``,
#: outside breaks, while it is not switched off.
DUTY_STATES = ("start", "end", "break_start", "break_end", "tracking_off", "tracking_on")
#: What an on-board scale says: the load in the body, the whole vehicle, or one axle.
SCALE_QUANTITIES = ("net", "gross", "axle")
#: How a ticket's tare came to be known.
TARE_SOURCES = ("weighed", "stored", "typed", "operator")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field of a fact may hold. One rule per field name, whichever the kind: the unit stands in the name."""

    type: Literal["number", "whole", "flag", "text", "choice", "instant", "uuid", "sha256s"]
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    longest: int = 80

    def judge(self, owner: str, name: str, value: Any) -> None:
        """Raises ``ValueError`` naming the owner, the field, the value and the bound."""
        kind = self.type
        if kind == "number" or kind == "whole":
            wanted = (int, float) if kind == "number" else int
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be a {kind} number")
            if not self.low <= value <= self.high:
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be from {self.low:g} to {self.high:g}")
        elif kind == "text":
            if not isinstance(value, str) or not 0 < len(value) <= self.longest or "\0" in value:
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be text of 1 to {self.longest} characters")
        elif kind == "choice":
            if value not in self.choices:
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be one of {', '.join(self.choices)}")
        elif kind == "instant":
            if not isinstance(value, datetime) or value.tzinfo is None:
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be an instant with its time zone")
            if not _FIRST_INSTANT <= value < _LAST_INSTANT:
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be from 1980 to 2099")
        elif kind == "flag":
            if not isinstance(value, bool):
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be true or false")
        elif kind == "uuid":
            if not is_uuid(value):
                raise ValueError(f"{owner}: {name} = {_shown(value)}, must be a UUID")
        elif not isinstance(value, tuple) or len(value) > 10 or not all(map(_is_sha256, value)):
            raise ValueError(f"{owner}: {name} = {_shown(value)}, must be up to 10 SHA-256 sums in hexadecimal")


_FIRST_INSTANT, _LAST_INSTANT = datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.match(value) is not None


def _shown(value: object) -> str:
    """A value in a reason: as much of it as a person reads. What may be of any size is never spelled out whole."""
    text = value.isoformat() if isinstance(value, datetime) else _SHORT.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 4, 70, 70, 70


def is_uuid(value: object) -> bool:
    """Whether this is a UUID as RFC 9562 writes it, of any version, in small or capital letters."""
    return isinstance(value, str) and _UUID.match(value) is not None


def new_id(at: datetime, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A UUIDv7 (RFC 9562): the milliseconds of ``at``, then 74 random bits. Made when a fact is born."""
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(random_bytes(10))
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))


def instant(text: object) -> datetime:
    """An RFC 3339 instant with its offset, of any precision, as aware UTC (microseconds). Raises ``ValueError``."""
    if isinstance(text, str) and len(text) <= 40:
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is UTC:
                return at
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{_shown(text)}, must be written YYYY-MM-DDThh:mm:ssZ")


def instant_text(at: datetime) -> str:
    """An instant as facts carry it: UTC, with as many decimals of a second as it has."""
    text = at.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


#: What each field may hold. A name means the same in every kind.
RULES: Mapping[str, Rule] = {
    "id": Rule("uuid"),
    "at": Rule("instant"),
    "box_at": Rule("instant"),
    "from_at": Rule("instant"),
    "in_at": Rule("instant"),
    "truck": Rule("text", longest=40),
    "site": Rule("text", longest=40),
    "lat_deg": Rule("number", -90, 90),
    "lon_deg": Rule("number", -180, 180),
    "speed_mps": Rule("number", 0, 150),
    "heading_deg": Rule("number", 0, 360),
    "eph_m": Rule("number", 0, 1_000_000),
    "mode": Rule("whole", 0, 3),
    "time_doubtful": Rule("flag"),
    "tag": Rule("text", longest=64),
    "lifter": Rule("choice", choices=("left", "right", "rear")),
    "kg": Rule("number", -100_000, 1_000_000),
    "gross_kg": Rule("number", 0, 200_000),
    "tare_kg": Rule("number", 0, 200_000),
    "net_kg": Rule("number", -200_000, 200_000),
    "quantity": Rule("choice", choices=SCALE_QUANTITIES),
    "axle": Rule("text", longest=40),
    "stable": Rule("flag"),
    "raw": Rule("text", longest=2_000),
    "pto": Rule("flag"),
    "fuel_l": Rule("number", 0, 10_000_000),
    "engine_h": Rule("number", 0, 1_000_000),
    "distance_m": Rule("number", 0, 100_000_000_000),
    "instrument": Rule("text", longest=40),
    "alibi": Rule("text", longest=40),
    "plate": Rule("text", longest=20),
    "number": Rule("text", longest=40),
    "product": Rule("text", longest=40),
    "gross_weighing": Rule("uuid"),
    "tare_weighing": Rule("uuid"),
    "tare_source": Rule("choice", choices=TARE_SOURCES),
    "corrects": Rule("uuid"),
    "reason": Rule("text", longest=500),
    "flux": Rule("text", longest=40),
    "bags": Rule("whole", 0, 100_000_000),
    "torn_bags": Rule("whole", 0, 100_000_000),
    "bales": Rule("whole", 0, 1_000_000),
    "stock_kg": Rule("number", 0, 100_000_000),
    "ticket": Rule("text", longest=40),
    "task": Rule("text", longest=80),
    "tour": Rule("text", longest=80),
    "outcome": Rule("choice", choices=OUTCOMES),
    "category": Rule("choice", choices=INCIDENTS),
    "state": Rule("choice", choices=DUTY_STATES),
    "note": Rule("text", longest=2_000),
    "photos": Rule("sha256s"),
    "sender": Rule("choice", choices=("crew", "planner")),
    "answers": Rule("uuid"),
    "text": Rule("text", longest=500),
    "pending": Rule("whole", 0, 1_000_000_000),
    "refused": Rule("whole", 0, 1_000_000_000),
    "thinned": Rule("whole", 0, 1_000_000_000),
    "damaged": Rule("whole", 0, 1_000_000_000),
    "receiver": Rule("choice", choices=("fix", "no_fix", "no_data", "no_gpsd")),
    "clock_jump_s": Rule("number", -10_000_000_000, 10_000_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something observed, never changed afterwards: a correction is a new fact that points at the old.

    ``id``: any UUID, made when the fact is born (ours are UUIDv7). ``at``: when it was observed, by the best clock
    (a fix's own time; the box's where that cannot be true). ``box_at``: the box's clock at that moment. The third
    time, the depot's arrival, is the depot's to add.
    """

    id: str
    at: datetime
    box_at: datetime | None = None

    def __post_init__(self) -> None:
        owner = KIND_OF[type(self)]
        for name, needed, rule, low, high in _JUDGED[type(self)]:
            value = getattr(self, name)
            if value.__class__ is float and low <= value <= high:  # most values of most facts: no call for them
                continue
            if value is not None:
                rule.judge(owner, name, value)
            elif needed:
                raise ValueError(f"{owner}: {name} is missing, must be given")

    @property
    def kind(self) -> str:
        return KIND_OF[type(self)]

    @property
    def who(self) -> str | None:
        """The truck or the site that it is of: whose box or bridge may report it, and nobody else's."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """The wire form: flat, unknown fields left out."""
        j: dict[str, Any] = {"kind": KIND_OF[type(self)]}
        for name, _, rule in _FIELDS[type(self)]:
            value = getattr(self, name)
            if value is not None:
                j[name] = instant_text(value) if rule.type == "instant" else value
        if "photos" in j:
            j["photos"] = list(j["photos"])
        return j


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnTruck(Fact):
    truck: str

    @property
    def who(self) -> str:
        return self.truck


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtSite(Fact):
    site: str

    @property
    def who(self) -> str:
        return self.site


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed(_OnTruck):
    """``lat_deg``, ``lon_deg`` (WGS 84) come together or not at all; ``eph_m``: estimated horizontal error."""

    lat_deg: float | None = None
    lon_deg: float | None = None
    eph_m: float | None = None

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise ValueError(f"{self.kind}: lat_deg and lon_deg must be given together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(_Placed):
    """Where a truck was. ``mode`` as gpsd gives it: 0 and 1 no fix (no coordinates then), 2 two, 3 three dimensions.

    ``time_doubtful``: the receiver's time could not be true, ``at`` is the box's clock.
    """

    speed_mps: float | None = None
    heading_deg: float | None = None
    mode: int | None = None
    time_doubtful: bool | None = None

    def __post_init__(self) -> None:
        _Placed.__post_init__(self)
        if self.lat_deg is None and self.mode not in (0, 1):
            raise ValueError(
                f"position: lat_deg and lon_deg are missing, must be given unless mode is 0 or 1 ({self.mode=})"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift(_Placed):
    """A bin lifted. ``tag`` (ISO 11784 ``country-number``, or hexadecimal) is absent unless a purpose is declared."""

    tag: str | None = None
    lifter: str | None = None
    kg: float | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(_OnTruck):
    """What the on-board scale says: ``kg`` of ``quantity``; ``raw`` is the line as it came."""

    quantity: str
    kg: float
    axle: str | None = None
    stable: bool | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle(_OnTruck):
    """What the vehicle bus says (FMS): wheel speed, power take-off, totals of fuel, engine hours and distance."""

    speed_mps: float | None = None
    pto: bool | None = None
    fuel_l: float | None = None
    engine_h: float | None = None
    distance_m: float | None = None
    gross_kg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing(_AtSite):
    """One legal reading of a bridge's indicator, immutable: known by site, instrument, date and alibi number."""

    instrument: str
    kg: float
    alibi: str | None = None
    truck: str | None = None
    plate: str | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(_AtSite):
    """A load: gross in, tare out, net. ``at`` is the way out, ``in_at`` the way in. ``product``: the bridge's own code.

    ``gross_weighing``, ``tare_weighing``: ids of the weighings it rests on (a plant operator's file has none).
    ``corrects``: the id of the ticket that this one replaces, with the ``reason``.
    """

    number: str
    net_kg: float
    gross_kg: float | None = None
    tare_kg: float | None = None
    in_at: datetime | None = None
    truck: str | None = None
    plate: str | None = None
    product: str | None = None
    flux: str | None = None
    tare_source: str | None = None
    gross_weighing: str | None = None
    tare_weighing: str | None = None
    corrects: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting(_AtSite):
    """What the plant sorted of one flux from ``from_at`` until ``at``: whole and torn bags, kg out, bales, stock left.

    ``flux`` may be ``residue``. With ``ticket`` it is a sample: a campaign's count of one load.
    """

    flux: str
    from_at: datetime | None = None
    bags: int | None = None
    torn_bags: int | None = None
    kg: float | None = None
    bales: int | None = None
    stock_kg: float | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(_Placed):
    """What the crew says of one task of the tour."""

    task: str
    outcome: str
    tour: str | None = None
    note: str | None = None
    photos: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident(_Placed):
    """What the crew met on the way. ``photos``: SHA-256 sums of pictures sent apart."""

    category: str
    task: str | None = None
    tour: str | None = None
    note: str | None = None
    photos: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty(_OnTruck):
    """Start and end of service, breaks, and tracking switched off or on by the crew. Carries no place and no name."""

    state: str
    tour: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(_OnTruck):
    """A short text between the planner and a truck's crew; ``answers`` is the id of the message it replies to."""

    sender: str
    text: str
    answers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Fact):
    """How a box or a bridge is: facts waiting, refused, thinned for want of room; the receiver's state.

    ``damaged``: frames of sensors, and facts on its disk, that cannot be read.

    ``clock_jump_s``: by how much the box's clock has just jumped.
    """

    truck: str | None = None
    site: str | None = None
    receiver: str | None = None
    pending: int | None = None
    refused: int | None = None
    thinned: int | None = None
    damaged: int | None = None
    clock_jump_s: float | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        if self.truck is not None and self.site is not None:
            raise ValueError("health: truck and site, must be one of them: it is a box's or a bridge's")

    @property
    def who(self) -> str | None:
        return self.truck or self.site


KINDS: Mapping[str, type[Fact]] = {
    cls.__name__.lower(): cls
    for cls in (
        Position, Lift, Load, Vehicle, Weighing, Ticket, Sorting, Outcome, Incident, Duty, Message, Health,
    )
}  # fmt: skip
KIND_OF: Mapping[type[Fact], str] = {cls: kind for kind, cls in KINDS.items()}
_FIELDS: Mapping[type[Fact], tuple[tuple[str, bool, Rule], ...]] = {
    cls: tuple((f.name, f.default is MISSING, RULES[f.name]) for f in fields(cls)) for cls in KIND_OF
}
#: The same with the bounds within which a float is good; where a field is no number, none is.
_JUDGED: Mapping[type[Fact], tuple[tuple[str, bool, Rule, float, float], ...]] = {
    cls: tuple(
        (name, needed, rule, *((rule.low, rule.high) if rule.type == "number" else (math.inf, -math.inf)))
        for name, needed, rule in named
    )
    for cls, named in _FIELDS.items()
}
_INSTANTS: Mapping[type[Fact], tuple[str, ...]] = {
    cls: tuple(name for name, _, rule in named if rule.type == "instant") for cls, named in _FIELDS.items()
}
_NEEDED: Mapping[type[Fact], tuple[str, ...]] = {
    cls: tuple(name for name, needed, _ in named if needed) for cls, named in _FIELDS.items()
}
_NAMES: Mapping[type[Fact], frozenset[str]] = {cls: frozenset(f.name for f in fields(cls)) for cls in KIND_OF}


def fields_of(kind: type[Fact]) -> tuple[tuple[str, bool, Rule], ...]:
    """The fields of a kind: name, whether it must be given, what it may hold."""
    return _FIELDS[kind]


def fact_from_json(j: object) -> Fact:
    """A fact from its wire form. Fields that its kind does not know are passed over (a newer box may send more).

    Raises ``ValueError`` naming the field, the value and the bound.
    """
    if not isinstance(j, dict):
        raise ValueError(f"fact: {_shown(j)}, must be a JSON object")
    kind = j.get("kind")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"fact: kind = {_shown(kind)}, must be one of {', '.join(KINDS)}")
    names = _NAMES[cls]
    given: dict[str, Any] = {name: value for name, value in j.items() if value is not None and name in names}
    for name in _INSTANTS[cls]:
        if name in given:
            try:
                given[name] = instant(given[name])
            except ValueError as error:
                raise ValueError(f"{kind}: {name} = {error}") from None
    if isinstance(given.get("photos"), list):
        given["photos"] = tuple(given["photos"])
    for name in _NEEDED[cls]:
        if name not in given:
            raise ValueError(f"{kind}: {name} is missing, must be given")
    return cls(**given)
