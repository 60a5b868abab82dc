"""One day's problem: what is due on a date, by whom it can be served, and the numbers the search needs.

``Day.of(town, date)`` binds the town's passes to the promise of that date. What no truck reaches, or no crew on shift
may serve, never enters the problem: it stands in ``excluded`` with its reason.
"""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from fleet import LICENCES, REGIMES, Hours, Shift, Site, Task, Truck
from optimizer.area import DROP_OFF, DWELLINGS, Area, Promise, promise, sector_of
from optimizer.planning.sides import Pass
from optimizer.planning.town import Town
from optimizer.problem import UNREACHABLE, Mode, Problem, ProblemShift, ProblemSite, ProblemTask, Window
from optimizer.streets import Closure, Stand

#: Leaving a task is never cheaper than this, however little lies there: a promise is a promise.
UNSERVED_FLOOR_EUR = 500.0
#: A container is emptied when full at the latest; volume where neither the map nor the town says.
CONTAINER_M3 = 3.0
#: How full a container is at most when the truck comes.
CONTAINER_FULL = 0.9
DAY_S = 86_400
#: Hours of a site that is closed all day: none at all would mean always open.
NEVER: Window = (0.0, 0.0)
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Day:
    """``tasks`` and ``passes`` in step with ``problem.tasks``; ``stands``: the places of the matrices, in order.

    ``all_tasks``: these and the excluded ones. ``shifts``: in step with ``problem.shifts``.
    """

    town: Town
    date: datetime.date
    midnight: datetime.datetime  # of the date, local, as UTC
    tasks: tuple[Task, ...]
    passes: tuple[Pass, ...]
    all_tasks: tuple[Task, ...]
    excluded: tuple[tuple[str, str], ...]
    shifts: tuple[Shift, ...]
    stands: tuple[Stand, ...]
    problem: Problem

    @classmethod
    def of(cls, town: Town, day: datetime.date) -> Day:
        return _DayBuilder(town, day).day()


def due_tasks(town: Town, day: datetime.date, promised: Promise | None = None) -> list[tuple[Task, Pass]]:
    """What is due on a date, in the order of the town's passes: the tasks with today's demand."""
    promised = promised or promise(town.area)
    due = promised.due(day)
    groups = mixable_services(town.area)
    windows = _Windows(town, day)
    sectors = sectors_of_passes(town)
    found: list[tuple[Task, Pass]] = []
    waste: dict[tuple[str, str, str], float] = {}
    for one, sector in zip(town.passes, sectors, strict=True):
        for g, group in enumerate(groups):
            kg: dict[str, float] = defaultdict(float)
            services: list[str] = []
            dwellings = 0.0
            counted: set[str] = set()  # a home that puts out two services is one dwelling
            for service in group:
                for kind in DWELLINGS:
                    if (sector, service, kind) not in due:
                        continue
                    key = (sector, service, kind)
                    if key not in waste:
                        waste[key] = promised.days_since_last(sector, service, kind, day) / DAYS_PER_WEEK
                    here = 0.0
                    for one_side in one.stretch_sides:
                        for flux, weekly in town.demand.weekly_kg(
                            one_side.stretch, one_side.side, service, kind
                        ).items():
                            kg[flux] += weekly * waste[key]
                            here += weekly
                        homes = town.demand.dwellings.get((one_side.stretch, one_side.side))
                        if homes is not None and kind not in counted:
                            dwellings += getattr(homes, kind)
                    if here:
                        counted.add(kind)
                        if service not in services:
                            services.append(service)
            if not services:
                continue
            suffix = "" if g == 0 else f"/{services[0]}"
            found.append(
                (
                    Task(
                        id=one.id + suffix,
                        kind=one.kind,
                        osm_way=one.osm_way,
                        osm_nodes=one.osm_nodes,
                        side=one.side,
                        demand_kg={f: round(v, 3) for f, v in kg.items()},
                        dwellings=round(dwellings),
                        name=one.name,
                        sector=sector,
                        services=tuple(services),
                        windows=windows.allowed(one),
                    ),
                    one,
                )
            )
    return found + _drop_off_tasks(town, day, promised, windows)


def _drop_off_tasks(town: Town, day: datetime.date, promised: Promise, windows: _Windows) -> list[tuple[Task, Pass]]:
    """Drop-off points due on a date: each flux's weekly kilos are shared by its containers."""
    area = town.area
    due = promised.due(day)
    names = [sector_of(area.sectors, [p.lon_deg], [p.lat_deg])[0] for p, _ in town.drop_offs]
    containers: dict[str, int] = defaultdict(int)
    for point, _ in town.drop_offs:
        for container in point.containers:
            containers[container.flux] += 1
    found = []
    for (point, node), sector in zip(town.drop_offs, names, strict=True):
        for service in area.services:
            key = (sector, service.name, DROP_OFF)
            mine = [c for c in point.containers if c.flux in service.flux]
            if key not in due or not mine:
                continue
            weeks = promised.days_since_last(*key, day) / DAYS_PER_WEEK
            kg: dict[str, float] = defaultdict(float)
            for c in mine:
                most = (c.volume_m3 or CONTAINER_M3) * CONTAINER_FULL * area.flux_named(c.flux).density_kg_m3
                kg[c.flux] += min(most, town.demand.total_weekly_kg(c.flux) / containers[c.flux] * weeks)
            stands = {profile: tuple(s for s in truck.point_stands(node)) for profile, truck in town.roads.items()}
            one = Pass(
                id=f"d{point.id}/{service.name}",
                kind="drop_off",
                osm_way=None,
                osm_nodes=(node,),
                side="both",
                name=point.name or "",
                stretch_sides=(),
                middle_xy=town.streets.xy[node],
                length_m=0.0,
                stands={p: s for p, s in stands.items() if s},
                arcs={},
            )
            task = Task(
                id=one.id,
                kind="drop_off",
                osm_way=None,
                osm_nodes=(node,),
                side="both",
                demand_kg=dict(kg),
                dwellings=0,
                name=one.name,
                sector=sector,
                services=(service.name,),
                windows=windows.allowed(one),
                skills=("crane",),
                containers=len(mine),
            )
            found.append((task, one))
    return found


def sectors_of_passes(town: Town) -> list[str]:
    """The sector of each of the town's passes, by the middle of its stretch."""
    places = [town.lonlat_of(one.middle_xy) for one in town.passes]
    return list(sector_of(town.area.sectors, [p[0] for p in places], [p[1] for p in places]))


def mixable_services(area: Area) -> list[list[str]]:
    """Services that one truck on shift may take together, in groups: what is collected in one pass."""
    on_shift = {shift.truck for shift in area.shifts}
    bodies = [{f for part in t.compartments for f in part.flux} for t in area.trucks if t.id in on_shift]
    groups: list[list[str]] = []
    for service in area.services:
        for group in groups:
            flux = {f for name in [*group, service.name] for f in area.service_named(name).flux}
            if any(flux <= body for body in bodies):
                group.append(service.name)
                break
        else:
            groups.append([service.name])
    return groups


def shifts_on_duty(area: Area, day: datetime.date, promised: Promise) -> list[Shift]:
    """The shifts of a date that may drive: with a driver whose licence fits; catch-up crews when called for."""
    moved = {"holiday_shift", "moved"}
    catching_up = any(o.reason.key in moved for o in promised.occurrences(day, day))
    return [
        s
        for s in area.shifts
        if day.weekday() in s.weekdays
        and (catching_up or not s.catch_up)
        and s.driver is not None
        and licensed(s, area.truck(s.truck))
    ]


def licensed(shift: Shift, truck: Truck) -> bool:
    """Above 3.5 t a lorry licence is needed (Directive 2006/126/EC, art. 4)."""
    return truck.gross_kg <= 3500 or LICENCES.index(shift.licence) >= LICENCES.index("C")


class _Windows:
    """Hours in which streets are closed to collection, turned into the hours in which they are open."""

    def __init__(self, town: Town, day: datetime.date):
        closed = [w for w in town.area.closed if day.weekday() in w.weekdays]
        self.closures = [Closure(w, town.area, town.extract, town.streets) for w in closed]

    def allowed(self, one: Pass) -> tuple[tuple[int, int], ...]:
        """The open hours (wall clock, seconds after local midnight, two days); empty where none is closed."""
        shut = sorted((c.window.from_s, c.window.to_s) for c in self.closures if c.meets(one.name, one.osm_nodes))
        if not shut:
            return ()
        open_, at = [], 0
        for begin, end in shut:
            if begin > at:
                open_.append((at, begin))
            at = max(at, end)
        return (*open_, (at, 2 * DAY_S))


class _DayBuilder:
    """The making of a day, step by step."""

    def __init__(self, town: Town, day: datetime.date):
        self.town, self.area, self.date = town, town.area, day
        self.zone = ZoneInfo(town.area.timezone)
        self.midnight = datetime.datetime.combine(day, datetime.time(), self.zone).astimezone(datetime.UTC)
        self.promised = promise(self.area)
        self.shifts = tuple(shifts_on_duty(self.area, day, self.promised))
        self.places: dict[tuple[int, int, bool], int] = {}
        self.stands: list[Stand] = []
        self.flux_sets = self._flux_sets()

    def elapsed(self, wall_s: float) -> float:
        """Seconds since local midnight of a wall-clock time: the same but on the days when clocks change."""
        wall = datetime.datetime.combine(self.date, datetime.time()) + datetime.timedelta(seconds=wall_s)
        return (wall.replace(tzinfo=self.zone).astimezone(datetime.UTC) - self.midnight).total_seconds()

    def place(self, stand: Stand) -> int:
        key = stand.arrive, stand.leave, stand.at_end
        if key not in self.places:
            self.places[key] = len(self.stands)
            self.stands.append(stand)
        return self.places[key]

    # --- loads ---------------------------------------------------------------------------------------------------

    def _flux_sets(self) -> list[tuple[str, frozenset[str]]]:
        """The load dimensions: payload by what a truck may carry, volume and bag density by compartment."""
        found: dict[tuple[str, frozenset[str]], None] = {}
        for truck in self._trucks():
            found["kg", frozenset(f for part in truck.compartments for f in part.flux)] = None
            for part in truck.compartments:
                found["m3", frozenset(part.flux)] = None
                if part.max_density_kg_m3 is not None:
                    found["bags", frozenset(part.flux)] = None
        return list(found)

    def _trucks(self) -> list[Truck]:
        return [self.area.truck(id_) for id_ in dict.fromkeys(shift.truck for shift in self.shifts)]

    def load(self, kg: Mapping[str, float]) -> tuple[float, ...]:
        """A demand in each load dimension: kg, or m3 at the densest that each flux gets in a body."""
        return tuple(
            sum(
                v / (self.area.flux_named(f).density_kg_m3 if what == "m3" else 1.0) for f, v in kg.items() if f in flux
            )
            for what, flux in self.flux_sets
        )

    def capacity(self, truck: Truck) -> tuple[float, ...]:
        bounds = {("kg", frozenset(f for part in truck.compartments for f in part.flux)): truck.payload_kg}
        for part in truck.compartments:
            bounds["m3", frozenset(part.flux)] = part.volume_m3
            if part.max_density_kg_m3 is not None:
                bounds["bags", frozenset(part.flux)] = part.max_density_kg_m3 * part.volume_m3
        return tuple(bounds.get(dimension, math.inf) for dimension in self.flux_sets)

    # --- the parts -----------------------------------------------------------------------------------------------

    def day(self) -> Day:
        depot = self.place(next(iter(self.town.roads.values())).stop_stand(self.town.depot.osm_node))
        sites = tuple(self._site(site) for site in self.town.sites)
        due = due_tasks(self.town, self.date, self.promised)
        tasks: list[Task] = []
        passes: list[Pass] = []
        problem_tasks: list[ProblemTask] = []
        excluded: list[tuple[str, str]] = []
        for task, one in due:
            reason, shifts = self._who(task, one)
            if reason is not None:
                excluded.append((task.id, reason))
                continue
            tasks.append(task)
            passes.append(one)
            problem_tasks.append(
                ProblemTask(
                    id=task.id,
                    modes=self._modes(task, one),
                    load=self.load(task.demand_kg),
                    windows=tuple((self.elapsed(a), self.elapsed(b)) for a, b in task.windows),
                    shifts=frozenset(shifts),
                    unserved_eur=UNSERVED_FLOOR_EUR + self.area.prices.unserved_eur_per_t * task.total_kg / 1000,
                )
            )
        profiles = list(dict.fromkeys(self.town.profiles[s.truck] for s in self.shifts))
        travel = tuple(self.town.roads[p].matrix_ds(self.stands) for p in profiles)
        prices = self.area.prices
        problem = Problem(
            date=self.date,
            dimensions=tuple(f"{what}:{'+'.join(sorted(flux))}" for what, flux in self.flux_sets),
            tasks=tuple(problem_tasks),
            sites=sites,
            shifts=tuple(
                self._shift(shift, profiles.index(self.town.profiles[shift.truck]), depot) for shift in self.shifts
            ),
            travel_ds=travel,
            mean_speed_mps=self._mean_speed_mps(),
            eur_per_reversal=prices.eur_per_reversal,
            balance_eur_per_s=prices.balance_eur_per_h / 3600,
        )
        return Day(
            town=self.town,
            date=self.date,
            midnight=self.midnight,
            tasks=tuple(tasks),
            passes=tuple(passes),
            all_tasks=tuple(t for t, _ in due),
            excluded=tuple(excluded),
            shifts=self.shifts,
            stands=tuple(self.stands),
            problem=problem,
        )

    def _who(self, task: Task, one: Pass) -> tuple[str | None, list[int]]:
        """The shifts that may serve a task, or why none may."""
        if not one.fits:
            return "NO_TRUCK", []
        if not one.reachable:
            return "UNREACHABLE", []
        fit = []
        for k, shift in enumerate(self.shifts):
            truck = self.area.truck(shift.truck)
            body = {f for part in truck.compartments for f in part.flux}
            flux = {f for f, kg in task.demand_kg.items() if kg > 0}
            if flux <= body and self.town.profiles[truck.id] in one.stands and self._site_for(body):
                fit.append(k)
        if not fit:
            return "NO_TRUCK", []
        skilled = [
            k for k in fit
            if set(task.skills) <= set(self.shifts[k].skills)
            and ("crane" not in task.skills or self.area.truck(self.shifts[k].truck).crane)
        ]  # fmt: skip
        return (None, skilled) if skilled else ("SKILL_MISSING", [])

    def _site_for(self, body: set[str]) -> bool:
        return any(body <= set(site.accepts) for site in self.town.sites)

    def _modes(self, task: Task, one: Pass) -> tuple[Mode, ...]:
        times = self.area.service_times
        modes: dict[int, Mode] = {}
        for profile, stands in one.stands.items():
            truck = self.town.roads[profile]
            arcs_of = one.arcs.get(profile, tuple((s.arrive,) for s in stands))
            for stand, arcs in zip(stands, arcs_of, strict=True):
                place = self.place(stand)
                if place in modes:
                    continue
                handling = task.total_kg * times.kg_s
                if one.foot_nodes:
                    modes[place] = Mode(place, 0.0, handling, 0.0, standing_s=one.foot_m / times.foot_mps)
                elif task.kind == "street":
                    crawling = one.length_m / (times.street_speed_kmh / 3.6) + truck.turns_s(arcs)
                    modes[place] = Mode(place, max(crawling, truck.drive_s(arcs)), handling, one.length_m)
                elif task.kind == "drop_off":
                    modes[place] = Mode(place, 0.0, 0.0, 0.0, standing_s=task.containers * times.drop_off_container_s)
                else:
                    modes[place] = Mode(place, 0.0, handling, 0.0, standing_s=times.presentation_point_s)
        return tuple(modes.values())

    def _site(self, site: Site) -> ProblemSite:
        stand = next(iter(self.town.roads.values())).stop_stand(site.osm_node)
        return ProblemSite(
            site.id, self.place(stand), self._open(site.hours), site.unload_s,
            tuple(flux <= set(site.accepts) for _, flux in self.flux_sets),
        )  # fmt: skip

    def _open(self, hours: tuple[Hours, ...]) -> tuple[Window, ...]:
        """A site's hours from the date's midnight over the night: yesterday's late, today's, tomorrow's, joined."""
        found = sorted(
            (max(0.0, self.elapsed(shift * DAY_S + h.opens_s)), self.elapsed(shift * DAY_S + h.closes_s))
            for shift in (-1, 0, 1)
            for h in hours
            if h.weekday == (self.date + datetime.timedelta(days=shift)).weekday() and shift * DAY_S + h.closes_s > 0
        )
        joined: list[Window] = []
        for opens, closes in found:
            if joined and opens <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
            else:
                joined.append((opens, closes))
        return tuple(joined) or (NEVER,)

    def _shift(self, shift: Shift, travel: int, depot: int) -> ProblemShift:
        truck, prices, regime = self.area.truck(shift.truck), self.area.prices, REGIMES[shift.regime]
        return ProblemShift(
            id=shift.id,
            travel=travel,
            depot=depot,
            start_s=self.elapsed(shift.start_s),
            length_s=shift.length_s,
            overtime_s=self._overtime_s(shift),
            start_service_s=shift.start_service_s,
            end_service_s=shift.end_service_s,
            crew_factor=self.area.service_times.crew_factor[shift.loaders],
            capacity=self.capacity(truck),
            breaks=regime.breaks,
            max_work_s=self._max_work_s(shift),
            max_driving_s=regime.max_driving_s,
            fixed_eur=truck.eur_per_day + (prices.eur_per_call_out if shift.catch_up else 0.0),
            eur_per_s=prices.eur_per_h / 3600,
            overtime_eur_per_s=prices.eur_per_overtime_h / 3600,
            eur_per_m=truck.eur_per_km / 1000,
        )

    def _overtime_s(self, shift: Shift) -> float:
        """The overtime that leaves the truck, and the driver, to the next shift of the day in time."""
        end_s = shift.start_s + shift.length_s
        later = [
            s.start_s
            for s in self.shifts
            if s.start_s > shift.start_s and (s.truck == shift.truck or s.driver == shift.driver)
        ]
        return min([float(shift.overtime_s), *(float(max(0, start_s - end_s)) for start_s in later)])

    def _max_work_s(self, shift: Shift) -> int:
        """The law's daily limit; of a driver with several shifts, each gets its length and a part of what is left.

        A what-if copies crews: shifts that begin together are one day's work, not two.
        """
        day = {s.start_s: s for s in self.shifts if s.driver == shift.driver}.values()
        limit_s = min(REGIMES[s.regime].max_work_s for s in day)
        left_s = limit_s - sum(s.length_s for s in day)
        return limit_s if len(day) < 2 else max(0, min(limit_s, shift.length_s + left_s // len(day)))

    def _mean_speed_mps(self) -> float:
        """What a second of travel is in metres, in the mean over the town's streets."""
        truck = next(iter(self.town.roads.values()))
        lengths = np.repeat([s.length_m for s in self.town.streets.segments], 2)
        driven = truck.arc_ms < UNREACHABLE
        return float(lengths[driven].sum() / (truck.arc_ms[driven].sum() / 1000))
