"""A given plan taken over: what is pinned, and of the rest what today's loads, limits and hours allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.problem import Problem, Solution, Visit
from optimizer.search import repair
from optimizer.search.ruin_recreate.kernel_arrays import EUR
from optimizer.search.ruin_recreate.searcher import Searcher
from optimizer.search.ruin_recreate.steps import load_plan


def load_start(searcher: Searcher, problem: Problem, start: Solution | None) -> None:
    """Take over what is pinned and then a given plan, as far as today's loads and hours allow; what they leave is put
    in by ``Searcher.fill``. A shift whose pinned visits cannot be driven today gets nothing more."""
    data, plan = searcher.data, searcher.cycle_best
    for shift, own in enumerate(problem.shifts):
        if not all(data.allowed[visit.index, shift] for visit in own.pinned if visit.kind == "task"):
            data.pinned[shift], data.allowed[:, shift] = 0, False
            continue
        given = repair.beyond_pinned(own.pinned, start.routes[shift]) if start is not None else ()
        _take_over(searcher, shift, (*own.pinned, *given))
    load_plan(data, searcher.routes, searcher.scratch, plan)
    _cut_infeasible_ends(searcher)


def _take_over(searcher: Searcher, shift: int, visits: Sequence[Visit]) -> None:
    """A route of ``cycle_best``: what is pinned, and what of the other visits fits into its trips and the day."""
    data, plan = searcher.data, searcher.cycle_best
    count, unload, seen = 0, 0, set()
    aboard, day = np.zeros(data.load.shape[1]), np.zeros(data.shift_limits.shape[1])
    for visit in visits:
        if visit.kind == "unload":
            unload, aboard = 1, np.zeros_like(aboard)
            if count and not data.features.unloads:
                break  # here a trip is a route: the others are put in anew
        elif data.allowed[visit.index, shift] and visit.index not in seen:
            more = np.append(data.load[visit.index], 1.0)
            fits = (aboard + more[:-1] <= data.capacity[shift]).all() and (day + more <= data.shift_limits[shift]).all()
            if count < data.pinned[shift] or fits:
                plan.tasks[shift, count], plan.unload_before[visit.index] = visit.index, unload if count else 0
                aboard, day = aboard + more[:-1], day + more
                seen.add(visit.index)
                count, unload = count + 1, 0
    plan.size[shift] = count


def _cut_infeasible_ends(searcher: Searcher) -> None:
    """The longest feasible beginning of each route of ``cycle_best`` becomes the plan. A shift whose pinned visits
    alone are not feasible gets nothing more: they are driven all the same (``repair``), whatever the others get."""
    data, plan, routes = searcher.data, searcher.cycle_best, searcher.routes
    finite = np.isfinite(routes.cost[:, EUR])
    sound, broken = np.where(finite, plan.size, data.pinned), np.where(finite, plan.size + 1, plan.size)
    while (between := broken - sound > 1).any():
        plan.size[:] = np.where(between, (sound + broken) // 2, sound)
        load_plan(data, routes, searcher.scratch, plan)
        finite = np.isfinite(routes.cost[:, EUR])
        sound, broken = np.where(finite, plan.size, sound), np.where(finite, broken, plan.size)
    plan.size[:] = sound
    load_plan(data, routes, searcher.scratch, plan)
    lost = ~np.isfinite(routes.cost[:, EUR])
    if lost.any():
        plan.size[lost], data.pinned[lost], data.allowed[:, lost] = 0, 0, False
        load_plan(data, routes, searcher.scratch, plan)
