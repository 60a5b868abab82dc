"""A night's work: one date's plan from a town made ready, and what one truck more or less would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from fleet import Plan

from .area import Area
from .day import Day
from .plan import plan_of
from .problem import Solution
from .search import Progress, solve
from .town import Town


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
) -> Plan:
    """The plan of one date. ``stop`` ends the search early with the best found so far."""
    found = Day.of(town, day)
    solution = solve(found.problem, None, budget_s, seed, progress, engine, stop)
    return plan_of(found, _explained(found, solution), seed=seed, engine=engine, version=version)


def _explained(day: Day, solution: Solution) -> Solution:
    """Reasons made exact: with nobody on duty it is the truck that is missing, not the time."""
    if day.shifts:
        return solution
    return replace(solution, unserved=tuple((index, "NO_TRUCK") for index, _ in solution.unserved))


def with_trucks(area: Area, change: int) -> Area:
    """The area with so many trucks more (copies of its commonest, crew and all) or fewer (the last shifts go first).

    Raises ``ValueError`` where fewer trucks would be left than one.
    """
    order = list(dict.fromkeys(shift.truck for shift in area.shifts))
    if change <= -len(order):
        raise ValueError(f"what-if: trucks = {change:+d}, must leave at least 1 of {len(order)} truck(s) on shift")
    if change < 0:
        gone = set(order[change:])
        return replace(area, shifts=tuple(s for s in area.shifts if s.truck not in gone))
    shape = Counter((s.start_s, area.truck(s.truck).payload_kg, area.truck(s.truck).crane) for s in area.shifts)
    commonest = next(
        s for s in area.shifts
        if (s.start_s, area.truck(s.truck).payload_kg, area.truck(s.truck).crane) == shape.most_common(1)[0][0]
    )  # fmt: skip
    trucks, shifts = list(area.trucks), list(area.shifts)
    for k in range(1, change + 1):
        name = f"{commonest.truck}+{k}"
        trucks.append(replace(area.truck(commonest.truck), id=name))
        shifts += [replace(s, id=f"{s.id}+{k}", truck=name) for s in area.shifts if s.truck == commonest.truck]
    return replace(area, trucks=tuple(trucks), shifts=tuple(shifts))


def with_area(town: Town, area: Area) -> Town:
    """The same streets under another fleet of the same kinds of trucks."""
    profiles = dict(town.profiles)
    for truck in area.trucks:
        profiles.setdefault(truck.id, profiles[truck.id.split("+")[0]])
    return replace(town, area=area, profiles=profiles)
