"""A night's work: one date's plan from a town made ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from fleet import Plan
from optimizer.planning import Day, Town, plan_of
from optimizer.problem import Solution
from optimizer.search import Progress, solve


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How days are searched. ``cores``: searches side by side; ``version``: of the program, written in every plan."""

    budget_s: float
    seed: int
    engine: str
    version: str
    cores: int = 1

    def plan_of(self, day: Day, solution: Solution) -> Plan:
        """The solution as a plan that names the search which made it. Errors: those of ``planning.plan_of``."""
        return plan_of(day, solution, seed=self.seed, engine=self.engine, version=self.version)


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
    settings = SearchSettings(budget_s=budget_s, seed=seed, engine=engine, version=version, cores=cores)
    prepared = Day.of(town, day)
    return settings.plan_of(prepared, solve_day(prepared, None, settings, progress, stop))


def solve_day(
    day: Day,
    start: Solution | None,
    settings: SearchSettings,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Solution:
    """A day's search, with reasons made exact: with nobody on duty it is the truck that is missing, not the time.

    ``start``: a plan to begin from, or None. ``stop`` ends the search early with the best found so far. ``ValueError``
    as ``optimizer.search.solve`` raises it.
    """
    solution = solve(
        day.problem,
        start,
        settings.budget_s,
        settings.seed,
        progress=progress,
        engine=settings.engine,
        stop=stop,
        cores=settings.cores,
    )
    if day.shifts:
        return solution
    return replace(solution, unserved=tuple((index, "NO_TRUCK") for index, _ in solution.unserved))
