"""Plans made feasible: what the clock does not allow is taken out, what fits is put in, and what is left gets a reason.

``optimizer/problem/schedule.py`` decides what is feasible; every engine's plan goes through here before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimizer.problem import UNREACHABLE, Problem, Solution, Visit, opening, place_of, schedule
from optimizer.search.draft import Draft, DraftInsertion
from optimizer.search.draft_arrays import DraftArrays
from optimizer.search.problem_arrays import Flags, unload_sequences


def repair(
    problem: Problem, solution: Solution, arrays: DraftArrays | None = None, until: float | None = None
) -> Solution:
    """A plan that ``schedule`` finds feasible, but for a shift whose pinned visits alone are late or cut off: tasks are
    taken out of broken routes, then put in again where they fit.

    ``until``: ``time.monotonic()`` from which no more tasks are put in.
    """
    return explained(problem, repaired(problem, solution, arrays, until))


def repaired(
    problem: Problem, solution: Solution, arrays: DraftArrays | None = None, until: float | None = None
) -> Solution:
    """``repair``, whose reasons are still to be found (``explained``)."""
    if not problem.tasks or not problem.shifts:
        return unexplained(problem, [() for _ in problem.shifts])
    arrays = arrays or DraftArrays(problem)
    routes = [_feasible_route(arrays, shift, visits) for shift, visits in enumerate(solution.routes)]
    return _with_unserved_inserted(unexplained(problem, routes), until, arrays)


def insert_unserved(
    problem: Problem, solution: Solution, until: float | None = None, arrays: DraftArrays | None = None
) -> Solution:
    """Put unserved tasks into routes where that costs less than to leave them and ``schedule`` finds the result
    feasible. Feasible in, feasible out; a route into which nothing is put stays as it is."""
    if not solution.unserved or not problem.shifts:
        return solution
    return explained(problem, _with_unserved_inserted(solution, until, arrays or DraftArrays(problem)))


def _with_unserved_inserted(solution: Solution, until: float | None, arrays: DraftArrays) -> Solution:
    if not solution.unserved:
        return solution
    problem, draft = arrays.problem, Draft(arrays)
    draft.load(solution)
    draft.lock_pinned()
    shut = {shift for shift, visits in enumerate(solution.routes) if not _is_represented(draft, shift, visits)}
    changed: set[int] = set()
    for task in sorted((t for t, _ in solution.unserved), key=lambda t: -problem.tasks[t].unserved_eur):
        if until is not None and time.monotonic() > until:
            break
        shift = _insert_exactly(draft, task, shut)
        if shift is not None:
            changed.add(shift)
    routes = [
        _tidied_if_feasible(problem, shift, draft.visits(shift)) if shift in changed else row
        for shift, row in enumerate(solution.routes)
    ]
    return unexplained(problem, routes)


def _is_represented(draft: Draft, shift: int, visits: Sequence[Visit]) -> bool:
    """Whether the draft's unloadings, made anew, do for a route too (a site may have closed by then)."""
    own = draft.visits(shift)
    tasks = [(v.index, v.mode) for v in visits if v.kind == "task"]
    return [(v.index, v.mode) for v in own if v.kind == "task"] == tasks and not schedule(
        draft.arrays.problem, shift, own
    ).broken


def _tidied_if_feasible(problem: Problem, shift: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    less = tidy(problem, visits, len(problem.shifts[shift].pinned))
    return visits if schedule(problem, shift, less).broken else less


def _feasible_route(arrays: DraftArrays, shift: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The route without what breaks it."""
    problem = arrays.problem
    pinned = problem.shifts[shift].pinned
    visits = (*pinned, *beyond_pinned(pinned, visits))
    if not any(v.kind == "task" for v in visits):
        return ()
    if pinned:
        visits = emptied(problem, shift, visits)  # where it came without its last unloading
    plan = schedule(problem, shift, visits)
    if not pinned and {"OVER_LOAD", "NO_TRUCK", "SITE_CLOSED"} & set(
        plan.broken
    ):  # new unloadings, without what the shift may not serve
        draft = Draft(arrays)
        trip = [(v.index, v.mode) for v in visits if v.kind == "task"]
        draft.append_trip(shift, trip)
        again = draft.visits(shift)
        if "SITE_CLOSED" not in schedule(problem, shift, again).broken or "OVER_LOAD" in plan.broken:
            visits = again
            plan = schedule(problem, shift, visits)
    while plan.broken:
        drop = _culprits(problem, shift, visits)
        if not drop:
            return emptied(problem, shift, pinned)  # it cannot be kept, and stays all the same
        free = tuple(v for i, v in enumerate(visits) if i not in drop)
        visits = tidy(problem, free, len(pinned))
        plan = schedule(problem, shift, visits)
    return visits


def _culprits(problem: Problem, index: int, visits: tuple[Visit, ...]) -> set[int]:
    """Which task visits (indices into the route) to take out of a broken route next: at least one."""
    shift, plan = problem.shifts[index], schedule(problem, index, visits)
    travel = problem.travel_ds[shift.travel]
    tasks = [i for i, v in enumerate(visits) if v.kind == "task" and i >= len(shift.pinned)]
    if not tasks:
        return set() if shift.pinned else set(range(len(visits)))
    if "WINDOW_MISSED" in plan.broken:
        begins = {e.visit: e for e in plan.events if e.kind == "task"}
        late = {
            i for i in tasks
            if opening(problem.tasks[visits[i].index].windows, begins[i].start_s, begins[i].end_s - begins[i].start_s)
            != begins[i].start_s
        }  # fmt: skip
        if late:
            return {min(late)}  # the rest may be in time without it
    places = [shift.depot, *(place_of(problem, v) for v in visits), shift.depot]
    if "UNREACHABLE" in plan.broken:
        cut = {
            i
            for i in tasks
            if max(travel[places[i], places[i + 1]], travel[places[i + 1], places[i + 2]]) >= UNREACHABLE
        }
        return cut or set(tasks)

    def worth(position: int) -> float:
        task = problem.tasks[visits[position].index]
        mode = task.modes[visits[position].mode]
        detour = float(travel[places[position], places[position + 1]]) + float(
            travel[places[position + 1], places[position + 2]]
        )
        saved_s = (
            (detour - float(travel[places[position], places[position + 2]])) / 10
            + mode.drive_s
            + mode.standing_s
            + mode.handling_s * shift.crew_factor
        )
        return task.unserved_eur / max(saved_s, 0.1)

    return {min(tasks, key=worth)}


def beyond_pinned(pinned: Sequence[Visit], visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """What a route goes on with after what is pinned, in whatever order or mode it had that."""
    begun = {v.index for v in pinned if v.kind == "task"}
    last = max((i for i, v in enumerate(visits) if v.kind == "task" and v.index in begun), default=-1)
    return tuple(v for i, v in enumerate(visits) if (i > last if v.kind == "unload" else v.index not in begun))


def tidy(problem: Problem, visits: Sequence[Visit], pinned: int = 0) -> tuple[Visit, ...]:
    """A route without unloadings that empty nothing, but for the first ``pinned`` visits."""
    load = np.zeros(len(problem.dimensions))
    kept: list[Visit] = []
    for i, visit in enumerate(visits):
        if visit.kind == "task":
            load = load + np.array(problem.tasks[visit.index].load)
        else:
            takes = np.array(problem.sites[visit.index].takes, dtype=bool)
            empties = (load[takes] > 0).any() or (kept and kept[-1].kind == "task" and not load.any())
            if i >= pinned and not empties:
                continue
            load = np.where(takes, 0.0, load)
        kept.append(visit)
    return tuple(kept) if any(v.kind == "task" for v in kept) else ()


def _insert_exactly(draft: Draft, task: int, shut: set[int], tries: int = 4) -> int | None:
    """Put a task where the clock, rests included, allows it: the cheapest place of the ``tries`` cheapest routes that
    are not ``shut``. The route; None where there is none that costs less than to leave the task."""
    problem = draft.arrays.problem
    own = problem.tasks[task]
    eur, after, mode = draft.insertions(task)
    insertions: dict[int, DraftInsertion] = {}
    for i in np.argsort(eur, kind="stable"):
        shift = int(draft.route[after[i]])
        if shift not in insertions and shift not in shut:
            insertions[shift] = DraftInsertion(float(eur[i]), int(after[i]), int(mode[i]))
            if len(insertions) == tries:
                break
    for insertion in [*insertions.values(), *draft.new_trips(task, tries)]:
        shift = int(draft.route[insertion.after])
        moved_eur = own.reassignment_eur if own.published_shift not in (None, shift) else 0.0
        if shift in shut or insertion.eur + moved_eur >= own.unserved_eur:
            continue
        draft.apply(task, insertion)
        if not schedule(problem, shift, draft.visits(shift)).broken:
            return shift
        draft.remove(task)
    return None


# --- what is left, and why ---------------------------------------------------------------------------------------


def solution_of_draft(draft: Draft) -> Solution:
    return solution_of(draft.arrays.problem, [draft.visits(shift) for shift in range(draft.arrays.shift_count)])


def solution_of(problem: Problem, routes: Sequence[tuple[Visit, ...]]) -> Solution:
    return explained(problem, unexplained(problem, routes))


def unexplained(problem: Problem, routes: Sequence[tuple[Visit, ...]]) -> Solution:
    """A solution whose reasons are still to be found: each takes a look at the clock for every kind of shift."""
    served = {v.index for visits in routes for v in visits if v.kind == "task"}
    return Solution(tuple(routes), tuple((t, "") for t in range(len(problem.tasks)) if t not in served))


def explained(problem: Problem, solution: Solution) -> Solution:
    """The solution with the reasons that it does not have yet."""
    if all(why for _, why in solution.unserved):
        return solution
    day = problem
    if any(s.pinned for s in problem.shifts):
        day = replace(problem, shifts=tuple(replace(s, pinned=()) for s in problem.shifts))
    reasons = _Reasons(day)
    return Solution(solution.routes, tuple((t, why or reasons.of(t)) for t, why in solution.unserved))


class _Reasons:
    """Why tasks are left on a day."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        known: dict[tuple[object, ...], int] = {}
        keys = [
            (replace(shift, id=""), *(site.is_for(k) for site in problem.sites))
            for k, shift in enumerate(problem.shifts)
        ]
        self.kinds = [
            known.setdefault(key, k) for k, key in enumerate(keys)
        ]  # of one kind: a task alone is the same there
        self.rows: dict[tuple[int, tuple[bool, ...]], list[tuple[Visit, ...]]] = {}

    def of(self, index: int) -> str:
        """What would keep a task from being the only one of the day, else ``SHIFT_TIME``."""
        problem, task = self.problem, self.problem.tasks[index]
        shifts = list(
            {self.kinds[shift]: shift for shift in sorted(task.shifts) if shift < len(problem.shifts)}.values()
        )
        if not shifts:
            return "NO_TRUCK"
        shifts = [
            shift
            for shift in shifts
            if all(q <= c + 1e-6 for q, c in zip(task.load, problem.shifts[shift].capacity, strict=True))
        ]
        if not shifts:
            return "CAPACITY"
        broken: set[str] = set()
        for shift in shifts:
            for mode in range(len(task.modes)):
                alone = self._alone(shift, index, mode)
                if alone is None:
                    broken.add("UNREACHABLE")
                elif not alone:
                    return "SHIFT_TIME"
                else:
                    broken |= set(alone)
        if broken == {"UNREACHABLE"}:
            return "UNREACHABLE"
        return "TIME_WINDOW" if broken & {"WINDOW_MISSED", "SITE_CLOSED"} else "SHIFT_TIME"

    def _alone(self, shift: int, index: int, mode: int) -> tuple[str, ...] | None:
        """What a shift with this task alone breaks, by the best unloadings; None = no way, or no site for it."""
        loaded = tuple(q > 0 for q in self.problem.tasks[index].load)
        if (self.kinds[shift], loaded) not in self.rows:
            self.rows[self.kinds[shift], loaded] = _unload_rows(self.problem, shift, np.array(loaded, dtype=bool))
        visit = Visit("task", index, mode)
        best: tuple[str, ...] | None = None
        for row in self.rows[self.kinds[shift], loaded]:
            broken = schedule(self.problem, shift, (visit, *row)).broken
            if "UNREACHABLE" not in broken and (best is None or len(broken) < len(best)):
                best = broken
                if not best:
                    break
        return best


def _unload_rows(problem: Problem, shift: int, loaded: Flags) -> list[tuple[Visit, ...]]:
    """The rows of unloadings that empty shift ``k`` of these dimensions; one without any where there is nothing."""
    if not loaded.any():
        return [()]
    usable = [index for index, site in enumerate(problem.sites) if site.is_for(shift)]
    sequences = unload_sequences(problem, problem.shifts[shift].travel, loaded, usable)
    return [tuple(Visit("unload", site) for site in sequence) for sequence in sequences]


def unloadings(problem: Problem, shift: int, visits: Sequence[Visit]) -> list[tuple[Visit, ...]]:
    """The rows of unloadings that empty shift ``k`` after these visits; one without any where nothing is aboard."""
    load = np.zeros(len(problem.dimensions))
    for visit in visits:
        if visit.kind == "task":
            load = load + np.array(problem.tasks[visit.index].load)
        else:
            load = np.where(problem.sites[visit.index].takes, 0.0, load)
    return _unload_rows(problem, shift, load > 0)


def emptied(problem: Problem, shift: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The visits of shift ``k`` and, where something is aboard then, what empties it so that it is home first."""
    if not visits:
        return visits
    judged = [(schedule(problem, shift, (*visits, *row)), row) for row in unloadings(problem, shift, visits)]
    best = min(judged, key=lambda j: (len(j[0].broken), j[0].end_s), default=None)
    return visits if best is None else (*visits, *best[1])
