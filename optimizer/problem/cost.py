"""What a plan costs, in euros: the one definition that searches minimise and comparisons use."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from optimizer.problem.problem import UNREACHABLE, Problem, Solution, Visit
from optimizer.problem.schedule import place_of, schedule

#: What is left of a task costs, where a plan must serve everything (a published instance).
UNSERVED_EUR = 1e7


def cost_eur(problem: Problem, solution: Solution) -> float:
    """The price of a solution whose routes are feasible by ``schedule``.

    Per used shift: ``fixed_eur``; regular time at ``eur_per_s``, overtime at ``overtime_eur_per_s`` instead; metres
    (``travel_m`` and the tasks' own) at ``eur_per_m``; reversals; tasks by another shift than published. For the plan:
    what is unserved, and ``balance_eur_per_s`` for each second that the longest used shift is longer than the mean of
    the used ones.
    """
    eur = sum(problem.tasks[task].unserved_eur for task, _ in solution.unserved)
    lengths = []
    for k, visits in enumerate(solution.routes):
        if visits:
            length_s = schedule(problem, k, visits).end_s - problem.shifts[k].start_s
            lengths.append(length_s)
            eur += route_eur(problem, k, visits, length_s)
    if lengths:
        eur += problem.balance_eur_per_s * (max(lengths) - sum(lengths) / len(lengths))
    return eur


def route_eur(problem: Problem, shift_index: int, visits: Sequence[Visit], length_s: float) -> float:
    """The price of one used shift of ``length_s``, from start to end of service, rests included."""
    shift = problem.shifts[shift_index]
    overtime_s = max(0.0, length_s - shift.length_s)
    tasks = [problem.tasks[v.index] for v in visits if v.kind == "task"]
    modes = [problem.tasks[v.index].modes[v.mode] for v in visits if v.kind == "task"]
    metres = travel_m(problem, shift_index, visits) + sum(m.length_m for m in modes)
    return (
        shift.fixed_eur
        + (length_s - overtime_s) * shift.eur_per_s
        + overtime_s * shift.overtime_eur_per_s
        + metres * shift.eur_per_m
        + sum(m.reversals for m in modes) * problem.eur_per_reversal
        + sum(t.reassignment_eur for t in tasks if t.published_shift not in (None, shift_index))
    )


def travel_m(problem: Problem, shift_index: int, visits: Sequence[Visit]) -> float:
    """Metres driven between the visits and from and to the depot, as the search sees them (mean speed)."""
    shift = problem.shifts[shift_index]
    places = [shift.depot, *(place_of(problem, v) for v in visits), shift.depot]
    travel = problem.travel_ds[shift.travel]
    legs = (int(travel[a, b]) for a, b in itertools.pairwise(places))
    return sum(ds for ds in legs if ds < UNREACHABLE) / 10 * problem.mean_speed_mps
