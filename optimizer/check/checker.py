"""The checker: judges any plan, whoever made it, against the area and the raw map.

It shares nothing with the planner but the trade's words (``fleet``), the area's dataclasses and the promise that they
make (``collection``): not the search, not the road graph, not even the reading of the extract. Every rule is therefore
written twice in Ripeur, once to obey and once here to judge; where they disagree, one of them is wrong and somebody
looks. ``docs/plan.md`` says what is proven and what is taken from the plan.

``check_file`` judges a ``plan.json``, ``check`` a plan in memory. Reason codes and sentences: ``faults.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jsonschema  # type: ignore[import-untyped, unused-ignore]

from fleet import REGIMES, BrokenRule, Leg, Plan, Shift, Task, Tour, Truck, utc_instant
from optimizer.area import INPUT_FILES, Area, promise
from optimizer.check import claims as check_claims
from optimizer.check import figures as check_figures
from optimizer.check import loads as check_loads
from optimizer.check import route as check_route
from optimizer.check import times as check_times
from optimizer.check.faults import Fault, JsonValue, Report, fault, malformed, report_lines
from optimizer.check.passage import HEAVY_KG, Passage
from optimizer.check.rawmap import MapFault, RawMap, read_map
from optimizer.check.reach import round_trips

__all__ = ["Fault", "Report", "check", "check_file", "report_lines"]

SCHEMA = "plan.schema.json"
#: In a checkout the schemas lie here; an installed distribution brings them as ``ripeur_schemas``.
SCHEMAS = Path(__file__).parents[2] / "data" / "schemas"
#: How far the served kg may be from the task's demand.
SLACK_DEMAND = 0.01


def check_file(path: Path, area: Area | None, folder: Path | None) -> Report:
    """Judge a ``plan.json``. What is no plan is ``MALFORMED``, with the JSON path of every fault."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError) as error:
        return Report(faults=(malformed("unreadable", "$", "$", None, None, detail=str(error)),))
    faults = tuple(document_faults(document))
    return Report(faults=faults) if faults else check(Plan.from_json(document), area, folder)


def check(plan: Plan, area: Area | None, folder: Path | None, raw: RawMap | None = None) -> Report:
    """Judge a plan. ``folder``: the area's folder, whose files are compared with the digests that the plan carries.

    ``raw``: the map, where the caller has already read it with ``rawmap.read_map``; read from the area's extract
    otherwise. Without an area, or without its map, what can be judged is, and ``AREA_MISSING`` is among the faults.
    """
    faults = list(_references(plan, area))
    if faults:
        return Report(faults=tuple(faults))
    if plan.tasks and not plan.tours:
        faults.append(fault("NO_TOURS", tasks=len(plan.tasks)))
    elif not plan.tours and area is not None and (due := promise(area).due(plan.date)):
        faults.append(fault("NO_TOURS.due", due=len(due), date=plan.date))
    faults += _service(plan)
    faults += check_figures.figure_faults(plan)
    if area is None:
        faults.append(fault("AREA_MISSING", what="area.toml", folder=folder))
    else:
        faults += _inputs(plan, area, folder)
        faults += _crews(plan, area)
        if raw is None:
            try:
                raw = read_map(_extract(area, folder))
            except MapFault as error:
                key = "AREA_MISSING.map" if error.detail is None else "AREA_MISSING.map_unreadable"
                faults.append(fault(key, what=area.extract.name, path=error.path, detail=error.detail))
    case = _Case(plan, area, raw)
    for tour in plan.tours:
        faults += case.tour(tour)
    faults += check_times.driver_faults(plan.tours, case.shifts)
    if raw is not None:
        faults += check_route.task_map_faults(plan.tasks, raw)
        faults += case.claims()
    return case.report(faults)


# --- form --------------------------------------------------------------------------------------------------------


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _schema() -> Traversable:
    return (SCHEMAS if SCHEMAS.is_dir() else files("ripeur_schemas")) / SCHEMA


@cache
def _validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads(_schema().read_text(encoding="utf-8")))


def document_faults(document: Any) -> Iterator[Fault]:
    """What keeps a JSON document from being a plan: by the published schema, then by the classes of ``fleet``."""
    found = False
    for one in (*_schema_faults(document),):
        found = True
        yield one
    if not found:
        yield from _rule_faults(document)


def _schema_faults(document: Any) -> Iterator[Fault]:
    missing: set[str] = set()
    for error in _validator().iter_errors(document):
        place, value, bound = error.json_path, error.instance, error.validator_value
        field = _last_name(error.absolute_path)
        match error.validator:
            case "required":  # one error for every missing name, and none of them says which
                if place not in missing:
                    missing.add(place)
                    for name in bound:
                        if name not in value:
                            yield malformed("missing", place, name, None, None)
            case "additionalProperties":
                known = error.schema.get("properties", {})
                yield malformed("unknown_field", place, ", ".join(sorted(set(value) - set(known))), None, tuple(known))
            case "type":
                yield malformed("type", place, field, value, bound if isinstance(bound, str) else ", ".join(bound))
            case "enum":
                yield malformed("one_of", place, field, value, ", ".join(format(JsonValue(one)) for one in bound))
            case "const":
                yield malformed("one_of", place, field, value, format(JsonValue(bound)))
            case "pattern" | "minimum" | "minItems" | "maxItems" as rule:
                yield malformed(_SCHEMA_RULES[rule], place, field, value, bound)
            case rule:
                yield malformed("schema", place, field, value, f"{rule} {bound}"[:200])


#: JSON Schema's keyword -> ours, where the bound is the keyword's own value.
_SCHEMA_RULES = {"pattern": "pattern", "minimum": "at_least", "minItems": "too_few", "maxItems": "too_many"}


def _last_name(path: Iterable[str | int]) -> str:
    """The field that a path ends at, with the index in it where it is a list's; ``$`` for the document itself."""
    name = ""
    for part in path:
        name = f"{name}[{part}]" if isinstance(part, int) else part
    return name or "$"


def _rule_faults(document: Any) -> Iterator[Fault]:
    """What the schema cannot say: days of the calendar, and the rules of ``fleet``'s classes."""
    try:
        date.fromisoformat(document["date"])
    except ValueError:
        yield malformed("date", "$", "date", document["date"], "YYYY-MM-DD")
    for k, task in enumerate(document["tasks"]):
        try:
            Task.from_json(task)
        except BrokenRule as error:
            yield malformed(error.rule, f"$.tasks[{k}]", error.field, error.value, error.bound)
    for k, tour in enumerate(document["tours"]):
        for n, leg in enumerate(tour["legs"]):
            for name in ("start_at", "end_at"):
                try:
                    utc_instant(leg[name])
                except ValueError:
                    yield malformed("instant", f"$.tours[{k}].legs[{n}]", name, leg[name], "YYYY-MM-DDThh:mm:ssZ")


def _references(plan: Plan, area: Area | None) -> Iterator[Fault]:
    """Names in the plan that name nothing, or two things; numbers that no document may hold."""
    try:
        ZoneInfo(plan.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield malformed("timezone", "$.timezone", "timezone", plan.timezone, "IANA")
    for what, field, ids in (
        ("tasks", "id", [t.id for t in plan.tasks]),
        ("tours", "id", [t.id for t in plan.tours]),
        ("unserved", "task", [u.task for u in plan.unserved]),
    ):
        for id_, times in Counter(ids).items():
            if times > 1:
                yield malformed("repeated", f"$.{what}", field, id_, 1, times=times)
    for k, task in enumerate(plan.tasks):
        if task.kind == "drop_off" and task.containers < 1:
            yield malformed("at_least", f"$.tasks[{k}].containers", "containers", task.containers, 1, task=task.id)
    known = {task.id for task in plan.tasks}
    served = {leg.task for tour in plan.tours for leg in tour.legs if leg.kind == "collect"}
    for k, one in enumerate(plan.unserved):
        if one.task not in known or one.task in served:
            rule = "served" if one.task in served else "no_task"
            yield malformed(rule, f"$.unserved[{k}].task", "task", one.task, None, task=one.task)
    sites = None if area is None else {site.id for _, site in area.sites}
    for k, tour in enumerate(plan.tours):
        if not tour.legs:
            yield malformed("too_few", f"$.tours[{k}].legs", "legs", [], 1, tour=tour.id)
        if tour.regime not in REGIMES:
            bound = ", ".join(REGIMES)
            yield malformed("one_of", f"$.tours[{k}].regime", "regime", tour.regime, bound, tour=tour.id)
        for n, leg in enumerate(tour.legs):
            yield from _leg_references(f"$.tours[{k}].legs[{n}]", tour.id, n, leg, known, sites)


def _leg_references(
    place: str, tour: str, n: int, leg: Leg, tasks: Set[str], sites: Set[str] | None
) -> Iterator[Fault]:
    """``sites``: ids of the area's, None where there is no area to ask."""
    if leg.kind == "collect" and leg.task not in tasks:
        yield malformed("no_task", f"{place}.task", "task", leg.task, None, tour=tour, leg=n, task=leg.task)
    if leg.kind == "unload" and (leg.site is None or (sites is not None and leg.site not in sites)):
        yield malformed("no_site", f"{place}.site", "site", leg.site, None, tour=tour, leg=n)
    for name, numbers in (("kg", leg.kg), ("load_after_kg", leg.load_after_kg)):
        wrong = next((kg for kg in numbers.values() if not kg >= 0), None)
        if wrong is not None:
            yield malformed("at_least", f"{place}.{name}", name, wrong, 0, tour=tour, leg=n, task=leg.task)
    reversing: tuple[tuple[str, float], ...] = (("reversing_m", leg.reversing_m), ("reversals", leg.reversals))
    for name, number in reversing:
        if not number >= 0:
            yield malformed("at_least", place, name, number, 0, tour=tour, leg=n, task=leg.task)
            break


# --- what the plan rests on --------------------------------------------------------------------------------------


def _extract(area: Area, folder: Path | None) -> Path:
    return area.extract if area.extract.is_absolute() or folder is None else folder / area.extract.name


def _inputs(plan: Plan, area: Area, folder: Path | None) -> Iterator[Fault]:
    if plan.timezone != area.timezone:
        yield fault("AREA_CHANGED.timezone", own=plan.timezone, due=area.timezone)
    if folder is None:
        return
    digests: Mapping[str, str] = plan.area.get("digests", {})
    for name, digest in digests.items():
        path = _extract(area, folder) if name == area.extract.name else folder / name
        if not path.is_file():
            yield fault("AREA_CHANGED.gone", file=name)
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest.lower():
            yield fault("AREA_CHANGED", file=name)
    optional = (area.demand.addresses, area.demand.demand_csv, area.demand.drop_off_points, area.demand.learned)
    for file in (area.extract.name, *INPUT_FILES, *optional):
        if file is not None and file not in digests and (folder / file).is_file():
            yield fault("AREA_CHANGED.unnamed", file=file)


def _service(plan: Plan) -> Iterator[Fault]:
    """Every task served once and wholly, or listed as unserved."""
    serving: dict[str, list[tuple[Tour, int, Leg]]] = defaultdict(list)
    for tour in plan.tours:
        for k, leg in enumerate(tour.legs):
            if leg.kind == "collect" and leg.task is not None:
                serving[leg.task].append((tour, k, leg))
    listed = {one.task for one in plan.unserved}
    for task in plan.tasks:
        by = serving[task.id]
        if not by and task.id not in listed:
            yield fault("UNSERVED", None, None, task.id, kg=task.total_kg)
        if len(by) > 1:
            tour, k, _ = by[1]
            names = ", ".join(tour.id for tour, _, _ in by)
            yield fault("SERVED_TWICE", tour.id, k, task.id, times=len(by), tours=names)
        if len(by) == 1:
            tour, k, leg = by[0]
            for flux in sorted(task.demand_kg.keys() | leg.kg.keys()):
                own, due = leg.kg.get(flux, 0.0), task.demand_kg.get(flux, 0.0)
                if abs(own - due) > SLACK_DEMAND * due + check_loads.SLACK_KG:
                    yield fault("LOAD_MISMATCH", tour.id, k, task.id, flux=flux, own=own, due=due)


# --- trucks and crews --------------------------------------------------------------------------------------------


def _crews(plan: Plan, area: Area) -> Iterator[Fault]:
    shifts = {shift.id: shift for shift in area.shifts}
    trucks = {truck.id: truck for truck in area.trucks}
    tasks = plan.tasks_by_id
    for tour in plan.tours:
        shift, truck = shifts.get(tour.shift), trucks.get(tour.truck)
        if truck is None:
            yield fault("TRUCK_UNKNOWN", tour.id, truck=tour.truck)
        if tour.driver is None:
            yield fault("NO_DRIVER", tour.id)
        if shift is None:
            yield fault("SHIFT_UNKNOWN", tour.id, shift=tour.shift)
            continue
        yield from _crew(plan, tour, shift)
        if truck is not None:
            yield from _skills(tour, shift, truck, tasks)
    for one, other in combinations(plan.tours, 2):
        if one.shift and one.shift == other.shift:
            yield fault("TRUCK_TWICE.shift", other.id, shift=one.shift, other=one.id)
        if one.start_at < other.end_at and other.start_at < one.end_at:
            if one.truck == other.truck:
                yield fault("TRUCK_TWICE", other.id, truck=one.truck, other=one.id)
            if one.driver is not None and one.driver == other.driver:
                yield fault("NO_DRIVER.elsewhere", other.id, driver=one.driver, other=one.id)


def _crew(plan: Plan, tour: Tour, shift: Shift) -> Iterator[Fault]:
    if plan.date.weekday() not in shift.weekdays:
        yield fault("NO_DRIVER.off_duty", tour.id, shift=shift.id, date=plan.date)
    if tour.driver is not None and tour.driver != shift.driver:
        yield fault("NO_DRIVER.other", tour.id, own=tour.driver, shift=shift.id, due=shift.driver)
    for what, own, due in (("truck", tour.truck, shift.truck), ("regime", tour.regime, shift.regime)):
        if own != due:
            yield fault("SHIFT_UNKNOWN.differs", tour.id, what=what, own=own, shift=shift.id, due=due)
    if tour.loaders > shift.loaders:
        yield fault("SKILL_MISSING.loaders", tour.id, own=tour.loaders, shift=shift.id, limit=shift.loaders)


def _skills(tour: Tour, shift: Shift, truck: Truck, tasks: Mapping[str, Task]) -> Iterator[Fault]:
    if truck.gross_kg > HEAVY_KG and shift.licence == "B":
        yield fault("SKILL_MISSING.licence", tour.id, licence=shift.licence, own=truck.gross_kg)
    for k, leg in enumerate(tour.legs):
        if leg.kind == "collect" and leg.task is not None and leg.task in tasks:
            for skill in sorted(check_claims.skills_due(tasks[leg.task])):
                if skill not in shift.skills:
                    yield fault("SKILL_MISSING", tour.id, k, leg.task, shift=shift.id, skill=skill)
                if skill == "crane" and not truck.crane:
                    yield fault("SKILL_MISSING.crane", tour.id, k, leg.task, truck=truck.id)


# --- tour by tour ------------------------------------------------------------------------------------------------


def _first_node(tour: Tour) -> int:
    """Where the tour starts; 0, which no node is, where it says nothing of it."""
    return next((leg.osm_nodes[0] for leg in tour.legs if leg.osm_nodes), 0)


class _Case:
    """One plan under judgement: what is looked up again and again, and the figures that add up on the way."""

    def __init__(self, plan: Plan, area: Area | None, raw: RawMap | None):
        self.plan, self.area, self.raw = plan, area, raw
        self.tasks, self.zone = plan.tasks_by_id, ZoneInfo(plan.timezone)
        self.shifts = {shift.id: shift for shift in area.shifts} if area else {}
        self.trucks = {truck.id: truck for truck in area.trucks} if area else {}
        self.sites = {site.id: site for _, site in area.sites} if area else {}
        self.site_places = {site.id: place for place, site in area.sites} if area else {}
        self.density = {flux.name: flux.density_kg_m3 for flux in area.flux} if area else {}
        self.task_m: dict[str, float] = {}
        if raw is not None:
            streets = [t for t in plan.tasks if t.kind == "street"]
            on_map = [t for t in streets if all(node in raw.lat_deg for node in t.osm_nodes)]
            self.task_m = {t.id: raw.length_m(t.osm_nodes) for t in on_map}
        self._passages: dict[str, Passage] = {}
        self._reached: dict[tuple[float, ...], frozenset[tuple[int, int]]] = {}
        self._stands = {
            node for tour in plan.tours for leg in tour.legs if leg.kind == "unload" for node in leg.osm_nodes
        }
        self._length_m = self._foot_m = 0.0
        self._reversals = 0

    def tour(self, tour: Tour) -> Iterator[Fault]:
        shift, truck = self.shifts.get(tour.shift), self.trucks.get(tour.truck)
        yield from check_times.order_faults(tour)
        yield from check_times.window_faults(tour, self.tasks, self.plan.date, self.zone)
        yield from check_times.opening_faults(tour, self.sites, self.zone)
        if shift is not None:
            yield from check_times.shift_faults(tour, shift, self.plan.date, self.zone)
        regime = check_times.regime_of(tour, shift)
        if regime is not None:
            yield from check_times.break_faults(tour, regime, check_times.driving_s(tour, self.area))
        yield from check_loads.load_faults(tour, truck, self.sites, self.density)
        if self.area is not None and self.raw is not None and truck is not None:
            yield from self._on_map(tour, self.area, self.raw, shift, truck)

    def _passage(self, truck: Truck, area: Area, raw: RawMap) -> Passage:
        if truck.id not in self._passages:
            self._passages[truck.id] = Passage(raw, truck, area.streets.turning_places)
        return self._passages[truck.id]

    def _round_trips(
        self, depot: int, passage: Passage, truck: Truck, *, strict: bool = False
    ) -> frozenset[tuple[int, int]]:
        """Where trucks of this shape drive from this depot and home without reversing; worked out once."""
        key = strict, depot, truck.gross_kg, truck.height_m, truck.width_m, truck.length_m
        if key not in self._reached:
            self._reached[key] = round_trips(passage, depot, self._stands, strict=strict)
        return self._reached[key]

    def claims(self) -> Iterator[Fault]:
        """Tasks that the plan says it cannot serve, and somebody could."""
        area, raw = self.area, self.raw
        if area is None or raw is None:
            return
        depot = area.depot.osm_node or next(map(_first_node, self.plan.tours), 0)

        def passage_of(truck: Truck) -> Passage:
            return self._passage(truck, area, raw)

        def trips_of(truck: Truck) -> frozenset[tuple[int, int]]:
            return self._round_trips(depot, passage_of(truck), truck, strict=True)

        yield from check_claims.claim_faults(self.plan, area, passage_of, trips_of)

    def _on_map(self, tour: Tour, area: Area, raw: RawMap, shift: Shift | None, truck: Truck) -> Iterator[Fault]:
        passage = self._passage(truck, area, raw)
        traced = check_route.trace_tour(tour, passage, area)
        rounds = check_route.u_turns(traced, passage)
        yield from check_route.continuity_faults(tour, traced, raw, area.depot, self.site_places)
        yield from check_route.street_faults(tour, traced, passage)
        yield from check_route.turn_faults(tour, traced, raw)
        yield from check_route.reversing_faults(tour, rounds, area)
        yield from check_route.side_faults(
            tour, self.tasks, raw, area, rounds, lambda: self._round_trips(_first_node(tour), passage, truck)
        )
        yield from check_times.duration_faults(tour, area, shift, self.tasks, traced.driven, self.task_m, self.sites)
        self._reversals += len(rounds)
        for k, driven in traced.driven.items():
            if tour.legs[k].mode == "foot":
                self._foot_m += driven.length_m
            else:
                self._length_m += driven.length_m

    def report(self, faults: list[Fault]) -> Report:
        # A leg that does not go along its task serves nothing, whatever it says.
        absent = {f.task for f in faults if f.code == "UNSERVED"}
        served = {leg.task for tour in self.plan.tours for leg in tour.legs if leg.kind == "collect"} - absent
        kg, metres = ({t.id: t.total_kg for t in self.plan.tasks}, self.task_m)

        def share(of: Mapping[str, float]) -> float:
            whole = sum(of.values())
            return sum(v for task, v in of.items() if task in served) / whole if whole > 0 else 1.0

        measured = self.raw is not None and self.area is not None
        return Report(
            faults=tuple(faults),
            length_m=self._length_m,
            foot_m=self._foot_m,
            reversals=self._reversals,
            served_share=share(kg),
            length_share=share(metres),
            measured=measured,
        )
