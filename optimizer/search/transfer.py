"""A transfer: two tours meet at a place and time, and a satellite, which goes where no large truck fits, tips into a
large truck.

For the satellite the meeting is one more place to unload, open while the large truck stands there; for the large truck
it is a task of just that length, with room for what may be tipped, which costs more to leave than all else together.
So whatever plan serves that task and keeps the hours keeps the transfer; ``without_broken_transfers`` sees to the
others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linprog

from optimizer.problem import Mode, Problem, ProblemSite, ProblemTask, Solution, Visit, Window, schedule
from optimizer.search.problem_arrays import EPS
from optimizer.search.repair import emptied, repair, unloadings

ABOVE_ALL_EUR = 1e6  # no day of two trucks costs as much


def with_transfer(
    problem: Problem, id: str, satellite: int, carrier: int, place: int, window: Window, tip_s: float
) -> Problem:
    """The problem with a meeting of two shifts (indices) at a place of the travel matrices.

    The carrier stands there for the whole ``window`` (seconds after midnight) with room for one full satellite, which
    tips in ``tip_s``. A plan whose ``unserved`` has the task ``id`` has no meeting: what else is pinned leaves no room.
    ValueError: an id that a task or site has, shifts that are one or do not exist, a place that does not, a window in
    which the satellite could not tip exactly once, a load that the carrier could not take, a meeting that it could not
    come to on a day with nothing else but what is pinned.
    """
    shifts, stands_s = problem.shifts, window[1] - window[0]
    if satellite == carrier or not all(0 <= shift < len(shifts) for shift in (satellite, carrier)):
        raise ValueError(f"transfer {id}: shifts = {satellite}, {carrier}, must be two of 0 to {len(shifts) - 1}")
    if id in {task.id for task in problem.tasks} | {site.id for site in problem.sites}:
        raise ValueError(f"transfer {id}: id = {id!r}, must not be that of a task or site")
    if not 0 <= place < len(problem.travel_ds[shifts[carrier].travel]):
        raise ValueError(f"transfer {id}: place = {place}, must be one of the travel matrices")
    if not tip_s <= stands_s < 2 * tip_s:
        raise ValueError(f"transfer {id}: window = {window} s, must last from {tip_s} to less than {2 * tip_s} s")
    load = _largest_load(problem, satellite)
    if any(q > most + EPS for q, most in zip(load, shifts[carrier].capacity, strict=True)):
        raise ValueError(f"transfer {id}: load = {load}, must not be above the carrier's {shifts[carrier].capacity}")
    above_all_eur = ABOVE_ALL_EUR + sum(t.unserved_eur for t in problem.tasks if t.unserved_eur < ABOVE_ALL_EUR)
    stand = ProblemTask(
        id=id,
        modes=(Mode(place, 0.0, 0.0, 0.0, standing_s=stands_s),),
        load=load,
        windows=(window,),
        shifts=frozenset({carrier}),
        unserved_eur=above_all_eur,
    )
    meeting = ProblemSite(id, place, (window,), tip_s, (True,) * len(load), frozenset({satellite}))
    together = replace(problem, tasks=(*problem.tasks, stand), sites=(*problem.sites, meeting))
    if not _can_come(together, carrier):
        raise ValueError(f"transfer {id}: shift {shifts[carrier].id} cannot stand at place {place} from {window[0]} s")
    return together


def _largest_load(problem: Problem, satellite: int) -> tuple[float, ...]:
    """What the shift can have aboard at most in each dimension, parts of a task counted: where it has no bound of its
    own, those of the others bound what it may collect."""
    capacity = np.array(problem.shifts[satellite].capacity, dtype=float)
    load = np.array([t.load for t in problem.tasks if satellite in t.shifts], dtype=float).reshape(-1, len(capacity))
    bound = np.isfinite(capacity)
    most = np.minimum(capacity, load.sum(0))
    if bound.any() and len(load):
        for dimension in np.flatnonzero(~bound):
            answer: Any = linprog(-load[:, dimension], load[:, bound].T, capacity[bound], bounds=(0, 1))
            most[dimension] = -answer.fun
    return tuple(most.tolist())


def _can_come(problem: Problem, carrier: int) -> bool:
    """Whether the shift could serve the last task on a day with nothing else but what is pinned."""
    pinned, stand = problem.shifts[carrier].pinned, Visit("task", len(problem.tasks) - 1)
    return any(
        not schedule(problem, carrier, emptied(problem, carrier, (*pinned, *before, stand))).broken
        for before in ((), *unloadings(problem, carrier, pinned))
    )


def _is_transfer(site: ProblemSite, task: ProblemTask) -> bool:
    """Whether they are two sides of one, as ``with_transfer`` makes them, and not of the same name only."""
    alone = site.shifts is not None and len(site.shifts) == len(task.shifts) == 1
    return alone and site.windows == task.windows and [m.place for m in task.modes] == [site.place]


def without_broken_transfers(problem: Problem, solution: Solution) -> Solution:
    """The plan, where no satellite tips into a truck that does not come: what it would have tipped is unloaded
    elsewhere, collected by others or left."""
    left = {problem.tasks[task].id: task for task, _ in solution.unserved}
    gone = {
        place: left[site.id]
        for place, site in enumerate(problem.sites)
        if site.id in left and _is_transfer(site, problem.tasks[left[site.id]])
    }
    if not gone:
        return solution
    nobody: frozenset[int] = frozenset()
    sites = tuple(replace(s, shifts=nobody) if i in gone else s for i, s in enumerate(problem.sites))
    tasks = tuple(replace(t, shifts=nobody) if i in gone.values() else t for i, t in enumerate(problem.tasks))
    mended, reasons = repair(replace(problem, tasks=tasks, sites=sites), solution), dict(solution.unserved)
    return Solution(mended.routes, tuple((task, reasons.get(task, why)) for task, why in mended.unserved))
