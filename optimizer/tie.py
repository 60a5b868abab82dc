"""Two tours tied at a place and time: a satellite, which goes where no large truck fits, tips into a large truck.

For the satellite the meeting is one more place to unload, open while the large truck stands there; for the large truck
it is a task of just that length, with room for what may be tipped, which costs more to leave than all else together.
So whatever plan serves that task and keeps the hours keeps the tie.
"""

from __future__ import annotations

from dataclasses import replace

from optimizer.draft import Draft
from optimizer.problem import Mode, Problem, ProblemSite, ProblemTask, Window
from optimizer.schedule import schedule
from optimizer.terms import Terms

ABOVE_ALL_EUR = 1e6  # no day of two trucks costs as much


def tied(problem: Problem, id: str, satellite: int, carrier: int, place: int, window: Window, tip_s: float) -> Problem:
    """The problem with a meeting of two shifts (indices) at a place of the travel matrices.

    The carrier stands there for the whole ``window`` (seconds after midnight) with room for one full satellite, which
    tips in ``tip_s``. A plan whose ``unserved`` has the task ``id`` has no meeting: other tasks pinned or the carrier's
    hours leave no room for it. ValueError: shifts that are one or do not exist, a window in which the satellite could
    not tip exactly once, a load that the carrier could not take, a window or place that it cannot keep.
    """
    shifts, stands_s = problem.shifts, window[1] - window[0]
    if satellite == carrier or not all(0 <= k < len(shifts) for k in (satellite, carrier)):
        raise ValueError(f"tie {id}: shifts = {satellite}, {carrier}, must be two of 0 to {len(shifts) - 1}")
    if not tip_s <= stands_s < 2 * tip_s:
        raise ValueError(f"tie {id}: window = {window} s, must last from {tip_s} to less than {2 * tip_s} s")
    load = tuple(
        min(q, sum(t.load[d] for t in problem.tasks if satellite in t.shifts))
        for d, q in enumerate(shifts[satellite].capacity)
    )
    if any(q > most for q, most in zip(load, shifts[carrier].capacity, strict=True)):
        raise ValueError(f"tie {id}: load = {load}, must not be above the carrier's {shifts[carrier].capacity}")
    above_all_eur = ABOVE_ALL_EUR + sum(t.unserved_eur for t in problem.tasks)
    stand = ProblemTask(
        id, (Mode(place, 0.0, 0.0, 0.0, standing_s=stands_s),), load, (window,), frozenset({carrier}), above_all_eur
    )
    meeting = ProblemSite(id, place, (window,), tip_s, (True,) * len(load), frozenset({satellite}))
    together = replace(problem, tasks=(*problem.tasks, stand), sites=(*problem.sites, meeting))
    draft = Draft(Terms(together))
    draft.append_trip(carrier, [(len(problem.tasks), 0)])
    visits = (*shifts[carrier].pinned, *draft.visits(carrier))
    broken = {*schedule(together, carrier, visits).broken} - {"OVER_LOAD"}  # it may unload before
    if broken:
        raise ValueError(f"tie {id}: shift {shifts[carrier].id} cannot stand there from {window[0]} s: {broken}")
    return together
