"""A night's work: one date's plan from a town made ready, and what one truck more or less would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from fleet import Plan, Truck
from optimizer.area import Area
from optimizer.planning import Day, Town, plan_of
from optimizer.problem import Solution
from optimizer.search import Progress, solve


def plan_day(
    town: Town,
    day: date,
    *,
    budget_s: float,
    seed: int,
    engine: str,
    version: str,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    cores: int = 1,
) -> Plan:
    """The plan of one date. ``stop`` ends the search early with the best found so far."""
    found = Day.of(town, day)
    solution = solved(found, None, budget_s, seed, engine, progress, stop, cores)
    return plan_of(found, solution, seed=seed, engine=engine, version=version)


def solved(
    day: Day,
    start: Solution | None,
    budget_s: float,
    seed: int,
    engine: str,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    cores: int = 1,
) -> Solution:
    """A day's search, with reasons made exact: with nobody on duty it is the truck that is missing, not the time."""
    solution = solve(day.problem, start, budget_s, seed, progress, engine, stop, cores)
    if day.shifts:
        return solution
    return replace(solution, unserved=tuple((index, "NO_TRUCK") for index, _ in solution.unserved))


def carried_over(solution: Solution, before: Day, after: Day) -> Solution:
    """The routes of one fleet given to another on the same day: the search's start for a what-if.

    Shifts that are gone leave their tasks unserved, for the search to place.
    """
    index = {task.id: k for k, task in enumerate(after.tasks)}
    route_of = {shift.id: route for shift, route in zip(before.shifts, solution.routes, strict=True)}
    routes = []
    served: set[int] = set()
    for shift in after.shifts:
        visits = [
            v if v.kind == "unload" else replace(v, index=index[before.tasks[v.index].id])
            for v in route_of.get(shift.id, ())
        ]
        served.update(v.index for v in visits if v.kind == "task")
        routes.append(tuple(visits))
    left = tuple((k, "SHIFT_TIME") for k in range(len(after.tasks)) if k not in served)
    return Solution(tuple(routes), left)


def with_trucks(area: Area, change: int) -> Area:
    """The area with so many trucks more, or fewer, of the kind that most regular shifts drive.

    More: copies with crews of their own. Fewer: the last of the kind go, with all their shifts. Raises ``ValueError``
    where that kind would be left without a truck.
    """
    regular = [s for s in area.shifts if not s.catch_up]
    kinds = Counter(_kind(area.truck(s.truck)) for s in regular)
    kind = kinds.most_common(1)[0][0]
    mine = list(dict.fromkeys(s.truck for s in regular if _kind(area.truck(s.truck)) == kind))
    if change <= -len(mine):
        raise ValueError(f"what-if: trucks = {change:+d}, must leave at least 1 of {len(mine)} truck(s) of the kind")
    if change < 0:
        gone = set(mine[change:])
        return replace(area, shifts=tuple(s for s in area.shifts if s.truck not in gone))
    model = mine[0]
    trucks, shifts = list(area.trucks), list(area.shifts)
    for k in range(1, change + 1):
        trucks.append(replace(area.truck(model), id=f"{model}+{k}"))
        shifts += [
            replace(s, id=f"{s.id}+{k}", truck=f"{model}+{k}", driver=f"{s.driver}+{k}")
            for s in area.shifts
            if s.truck == model
        ]
    return replace(area, trucks=tuple(trucks), shifts=tuple(shifts))


def _kind(truck: Truck) -> tuple[float, bool, frozenset[str]]:
    return truck.payload_kg, truck.crane, frozenset(f for part in truck.compartments for f in part.flux)


def with_area(town: Town, area: Area) -> Town:
    """The same streets under another fleet of the same kinds of trucks."""
    profiles = dict(town.profiles)
    for truck in area.trucks:
        profiles.setdefault(truck.id, profiles[truck.id.split("+")[0]])
    return replace(town, area=area, profiles=profiles)
