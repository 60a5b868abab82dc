"""Plans made feasible: what the clock does not allow is taken out, what fits is put in, and what is left gets a reason.

``optimizer/problem/schedule.py`` decides what is feasible; every engine's plan goes through here before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimizer.problem import UNREACHABLE, Problem, Solution, Visit, opening, place_of, schedule
from optimizer.search.draft import Draft, Offer
from optimizer.search.terms import Flags, Terms, ways_of


def repair(problem: Problem, solution: Solution, terms: Terms | None = None, until: float | None = None) -> Solution:
    """A plan that ``schedule`` finds feasible, but for a shift whose pinned visits alone are late or cut off: tasks are
    taken out of broken routes, then put in again where they fit.

    ``until``: ``time.monotonic()`` from which no more tasks are put in.
    """
    return explained(problem, repaired(problem, solution, terms, until))


def repaired(problem: Problem, solution: Solution, terms: Terms | None = None, until: float | None = None) -> Solution:
    """``repair``, whose reasons are still to be found (``explained``)."""
    if not problem.tasks or not problem.shifts:
        return unexplained(problem, [() for _ in problem.shifts])
    terms = terms or Terms(problem)
    routes = [_feasible(terms, k, visits) for k, visits in enumerate(solution.routes)]
    return _inserted(unexplained(problem, routes), until, terms)


def insert_unserved(
    problem: Problem, solution: Solution, until: float | None = None, terms: Terms | None = None
) -> Solution:
    """Put unserved tasks into routes where that costs less than to leave them and ``schedule`` finds the result
    feasible. Feasible in, feasible out; a route into which nothing is put stays as it is."""
    if not solution.unserved or not problem.shifts:
        return solution
    return explained(problem, _inserted(solution, until, terms or Terms(problem)))


def _inserted(solution: Solution, until: float | None, terms: Terms) -> Solution:
    if not solution.unserved:
        return solution
    problem, draft = terms.problem, Draft(terms)
    draft.load(solution)
    draft.hold()
    shut = {k for k, visits in enumerate(solution.routes) if not _is_carried(draft, k, visits)}
    changed: set[int] = set()
    for task in sorted((t for t, _ in solution.unserved), key=lambda t: -problem.tasks[t].unserved_eur):
        if until is not None and time.monotonic() > until:
            break
        k = _insert_exactly(draft, task, shut)
        if k is not None:
            changed.add(k)
    routes = [_tidied(problem, k, draft.visits(k)) if k in changed else row for k, row in enumerate(solution.routes)]
    return unexplained(problem, routes)


def _is_carried(draft: Draft, k: int, visits: Sequence[Visit]) -> bool:
    """Whether the draft's unloadings, made anew, do for a route too (a site may have closed by then)."""
    own = draft.visits(k)
    tasks = [(v.index, v.mode) for v in visits if v.kind == "task"]
    return [(v.index, v.mode) for v in own if v.kind == "task"] == tasks and not schedule(
        draft.terms.problem, k, own
    ).broken


def _tidied(problem: Problem, k: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    less = tidy(problem, visits, len(problem.shifts[k].pinned))
    return visits if schedule(problem, k, less).broken else less


def _feasible(terms: Terms, k: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The route without what breaks it."""
    problem = terms.problem
    pinned = problem.shifts[k].pinned
    visits = (*pinned, *beyond(pinned, visits))
    if not any(v.kind == "task" for v in visits):
        return ()
    if pinned:
        visits = emptied(problem, k, visits)  # where it was told without its last unloading
    plan = schedule(problem, k, visits)
    if not pinned and {"OVER_LOAD", "NO_TRUCK", "SITE_CLOSED"} & set(
        plan.broken
    ):  # new unloadings, without what the shift may not serve
        draft = Draft(terms)
        trip = [(v.index, v.mode) for v in visits if v.kind == "task"]
        draft.append_trip(k, trip)
        again = draft.visits(k)
        if "SITE_CLOSED" not in schedule(problem, k, again).broken or "OVER_LOAD" in plan.broken:
            visits = again
            plan = schedule(problem, k, visits)
    while plan.broken:
        drop = _culprits(problem, k, visits)
        if not drop:
            return emptied(problem, k, pinned)  # it cannot be kept, and stays all the same
        free = tuple(v for i, v in enumerate(visits) if i not in drop)
        visits = tidy(problem, free, len(pinned))
        plan = schedule(problem, k, visits)
    return visits


def _culprits(problem: Problem, k: int, visits: tuple[Visit, ...]) -> set[int]:
    """Which task visits (indices into the route) to take out of a broken route next: at least one."""
    shift, plan = problem.shifts[k], schedule(problem, k, visits)
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

    def worth(i: int) -> float:
        task = problem.tasks[visits[i].index]
        mode = task.modes[visits[i].mode]
        detour = float(travel[places[i], places[i + 1]]) + float(travel[places[i + 1], places[i + 2]])
        saved_s = (
            (detour - float(travel[places[i], places[i + 2]])) / 10
            + mode.drive_s
            + mode.standing_s
            + mode.handling_s * shift.crew_factor
        )
        return task.unserved_eur / max(saved_s, 0.1)

    return {min(tasks, key=worth)}


def beyond(pinned: Sequence[Visit], visits: Sequence[Visit]) -> tuple[Visit, ...]:
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
    problem = draft.terms.problem
    own = problem.tasks[task]
    eur, after, mode = draft.offers(task)
    offers: dict[int, Offer] = {}
    for i in np.argsort(eur, kind="stable"):
        k = int(draft.route[after[i]])
        if k not in offers and k not in shut:
            offers[k] = Offer(float(eur[i]), int(after[i]), int(mode[i]))
            if len(offers) == tries:
                break
    for offer in [*offers.values(), *draft.new_trips(task, tries)]:
        k = int(draft.route[offer.after])
        if k in shut or offer.eur + (own.moved_eur if own.told not in (None, k) else 0.0) >= own.unserved_eur:
            continue
        draft.put_offer(task, offer)
        if not schedule(problem, k, draft.visits(k)).broken:
            return k
        draft.take(task)
    return None


# --- what is left, and why ---------------------------------------------------------------------------------------


def of_draft(draft: Draft) -> Solution:
    return solution_of(draft.terms.problem, [draft.visits(k) for k in range(draft.terms.k)])


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
        self.kinds = [known.setdefault(key, k) for k, key in enumerate(keys)]  # alike: a task alone is the same there
        self.rows: dict[tuple[int, tuple[bool, ...]], list[tuple[Visit, ...]]] = {}

    def of(self, index: int) -> str:
        """What would keep a task from being the only one of the day, else ``SHIFT_TIME``."""
        problem, task = self.problem, self.problem.tasks[index]
        shifts = list({self.kinds[k]: k for k in sorted(task.shifts) if k < len(problem.shifts)}.values())
        if not shifts:
            return "NO_TRUCK"
        shifts = [
            k for k in shifts if all(q <= c + 1e-6 for q, c in zip(task.load, problem.shifts[k].capacity, strict=True))
        ]
        if not shifts:
            return "CAPACITY"
        broken: set[str] = set()
        for k in shifts:
            for m in range(len(task.modes)):
                alone = self._alone(k, index, m)
                if alone is None:
                    broken.add("UNREACHABLE")
                elif not alone:
                    return "SHIFT_TIME"
                else:
                    broken |= set(alone)
        if broken == {"UNREACHABLE"}:
            return "UNREACHABLE"
        return "TIME_WINDOW" if broken & {"WINDOW_MISSED", "SITE_CLOSED"} else "SHIFT_TIME"

    def _alone(self, k: int, index: int, mode: int) -> tuple[str, ...] | None:
        """What a shift with this task alone breaks, by the best unloadings; None = no way, or no site for it."""
        loaded = tuple(q > 0 for q in self.problem.tasks[index].load)
        if (self.kinds[k], loaded) not in self.rows:
            self.rows[self.kinds[k], loaded] = _rows(self.problem, k, np.array(loaded, dtype=bool))
        visit = Visit("task", index, mode)
        best: tuple[str, ...] | None = None
        for row in self.rows[self.kinds[k], loaded]:
            broken = schedule(self.problem, k, (visit, *row)).broken
            if "UNREACHABLE" not in broken and (best is None or len(broken) < len(best)):
                best = broken
                if not best:
                    break
        return best


def _rows(problem: Problem, k: int, loaded: Flags) -> list[tuple[Visit, ...]]:
    """The rows of unloadings that empty shift ``k`` of these dimensions; one without any where there is nothing."""
    if not loaded.any():
        return [()]
    usable = [s for s, site in enumerate(problem.sites) if site.is_for(k)]
    ways = ways_of(problem, problem.shifts[k].travel, loaded, usable)
    return [tuple(Visit("unload", s) for s in way) for way in ways]


def unloadings(problem: Problem, k: int, visits: Sequence[Visit]) -> list[tuple[Visit, ...]]:
    """The rows of unloadings that empty shift ``k`` after these visits; one without any where nothing is aboard."""
    load = np.zeros(len(problem.dimensions))
    for v in visits:
        if v.kind == "task":
            load = load + np.array(problem.tasks[v.index].load)
        else:
            load = np.where(problem.sites[v.index].takes, 0.0, load)
    return _rows(problem, k, load > 0)


def emptied(problem: Problem, k: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The visits of shift ``k`` and, where something is aboard then, what empties it so that it is home first."""
    if not visits:
        return visits
    judged = [(schedule(problem, k, (*visits, *row)), row) for row in unloadings(problem, k, visits)]
    best = min(judged, key=lambda j: (len(j[0].broken), j[0].end_s), default=None)
    return visits if best is None else (*visits, *best[1])
