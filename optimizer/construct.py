"""A plain plan at once, and its repair: what a budget of zero answers with, and what every engine falls back on.

1. *Tour first*: one long row through all tasks, always on to the nearest one left (a turn-aware street network makes
   that follow streets).
2. *Split*: that row cut into trips and shifts by dynamic programming, exact for the row: which shifts are worth using,
   where each ends, what is better left (Beasley 1983, Ulusoy 1985: "route first, cluster second").
3. *Insertion* of what the split leaves out: tasks with windows, tasks for a few trucks only.
4. While time is left, *ruin and recreate*: take neighbouring strings of tasks out and put them back in the best places
   (Christiaens, Vanden Berghe 2020, https://doi.org/10.1287/trsc.2019.0914), accepting a little worse now and then.

Everything is deterministic from ``seed`` as far as time does not end it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from optimizer.cost import cost_eur
from optimizer.draft import NEVER, Draft, Floats, Ints, Offer, Terms
from optimizer.problem import Problem, Solution, Visit
from optimizer.schedule import longest_work_s, opening, schedule

Watch = Callable[[float], bool]  # told the best cost so far (€); True = stop now


def construct(
    problem: Problem, seed: int = 0, until: float | None = None, terms: Terms | None = None
) -> Solution:
    """A feasible plan. ``until``: ``time.monotonic()`` from which nothing more is tried (the first plan still comes)."""
    if not problem.tasks or not problem.shifts:
        return _solution(problem, [() for _ in problem.shifts])
    terms = terms or Terms(problem)
    rng = np.random.default_rng(seed)
    best: tuple[float, Draft] | None = None
    for start in _starts(terms, rng):
        if best is not None and until is not None and time.monotonic() > until:
            break
        draft = _split_draft(terms, start)
        fill(draft, rng)
        if best is None or draft.eur() < best[0]:
            best = (draft.eur(), draft)
    assert best is not None  # there is at least one start
    return repair(problem, _of_draft(best[1]), terms)


def improve(
    problem: Problem, start: Solution, until: float, seed: int = 0, watch: Watch | None = None, terms: Terms | None = None
) -> Solution:
    """Ruin and recreate from a feasible plan until ``time.monotonic()`` is ``until``. Never worse than the start."""
    if not problem.tasks or not problem.shifts or time.monotonic() >= until:
        return start
    terms = terms or Terms(problem)
    draft = Draft(terms)
    draft.load(start)
    rng = np.random.default_rng(seed)
    fill(draft, rng)
    _ruin_and_recreate(draft, rng, until, watch)
    better = repair(problem, _of_draft(draft), terms)
    return better if cost_eur(problem, better) < cost_eur(problem, start) else start


def insert_unserved(
    problem: Problem, solution: Solution, until: float | None = None, terms: Terms | None = None
) -> Solution:
    """Put unserved tasks into the routes where ``schedule`` finds the result feasible. Feasible in, feasible out."""
    if not solution.unserved or not problem.shifts:
        return solution
    draft = Draft(terms or Terms(problem))
    draft.load(solution)
    if any(schedule(problem, k, draft.visits(k)).broken for k in range(len(problem.shifts))):
        return solution  # its unloadings cannot be made anew (a site's hours): leave it as it is
    tasks = sorted((t for t, _ in solution.unserved), key=lambda t: -problem.tasks[t].unserved_eur)
    for task in tasks:
        if until is not None and time.monotonic() > until:
            break
        _insert_exactly(draft, task)
    return _of_draft(draft)


def repair(problem: Problem, solution: Solution, terms: Terms | None = None) -> Solution:
    """A plan that ``schedule`` finds feasible: tasks are taken out of broken routes, then put in again where they fit."""
    if not problem.tasks or not problem.shifts:
        return _solution(problem, [() for _ in problem.shifts])
    terms = terms or Terms(problem)
    routes = [_feasible(terms, k, visits) for k, visits in enumerate(solution.routes)]
    return insert_unserved(problem, _solution(problem, routes), terms=terms)


# --- repair ------------------------------------------------------------------------------------------------------


def _feasible(terms: Terms, k: int, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """The route without what breaks it."""
    problem = terms.problem
    plan = schedule(problem, k, visits)
    if {"OVER_LOAD", "NO_TRUCK", "SITE_CLOSED"} & set(plan.broken):  # new unloadings, without what the shift may not serve
        draft = Draft(terms)
        trip = [(v.index, v.mode) for v in visits if v.kind == "task"]
        draft.append_trip(k, trip)
        again = draft.visits(k)
        if "SITE_CLOSED" not in schedule(problem, k, again).broken or "OVER_LOAD" in plan.broken:
            visits = again
            plan = schedule(problem, k, visits)
    import os
    if os.environ.get('DBG') and plan.broken: print(k, plan.broken, len(visits), plan.end_s-plan.events[0].start_s, longest_work_s(problem.shifts[k]))
    while plan.broken:
        drop = _culprits(problem, k, visits)
        visits = _tidy(problem, tuple(v for i, v in enumerate(visits) if i not in drop))
        plan = schedule(problem, k, visits)
    return visits


def _culprits(problem: Problem, k: int, visits: tuple[Visit, ...]) -> set[int]:
    """Which task visits (indices into the route) to take out of a broken route next: at least one."""
    shift, plan = problem.shifts[k], schedule(problem, k, visits)
    travel = problem.travel_ds[shift.travel]
    tasks = [i for i, v in enumerate(visits) if v.kind == "task"]
    if not tasks:
        return set(range(len(visits)))
    if "WINDOW_MISSED" in plan.broken:
        begins = {e.visit: e for e in plan.events if e.kind == "task"}
        late = {
            i for i in tasks
            if opening(problem.tasks[visits[i].index].windows, begins[i].start_s, begins[i].end_s - begins[i].start_s)
            != begins[i].start_s
        }  # fmt: skip
        if late:
            return {min(late)}  # the rest may be in time without it
    places = [shift.depot, *(_place(problem, v) for v in visits), shift.depot]
    if "UNREACHABLE" in plan.broken:
        cut = {i for i in tasks if max(travel[places[i], places[i + 1]], travel[places[i + 1], places[i + 2]]) >= 2**30}
        return cut or set(tasks)

    def worth(i: int) -> float:
        task = problem.tasks[visits[i].index]
        mode = task.modes[visits[i].mode]
        detour = float(travel[places[i], places[i + 1]]) + float(travel[places[i + 1], places[i + 2]])
        saved_s = (detour - float(travel[places[i], places[i + 2]])) / 10 + mode.drive_s + mode.handling_s * shift.crew_factor
        return task.unserved_eur / max(saved_s, 0.1)

    return {min(tasks, key=worth)}


def _place(problem: Problem, visit: Visit) -> int:
    if visit.kind == "task":
        return problem.tasks[visit.index].modes[visit.mode].place
    return problem.sites[visit.index].place


def _tidy(problem: Problem, visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    """Without unloadings that empty nothing."""
    load = np.zeros(len(problem.dimensions))
    kept: list[Visit] = []
    for visit in visits:
        if visit.kind == "task":
            load = load + np.array(problem.tasks[visit.index].load)
        else:
            takes = np.array(problem.sites[visit.index].takes, dtype=bool)
            if not (load[takes] > 0).any() and not (kept and kept[-1].kind == "task" and not load.any()):
                continue
            load = np.where(takes, 0.0, load)
        kept.append(visit)
    return tuple(kept) if any(v.kind == "task" for v in kept) else ()


def _insert_exactly(draft: Draft, task: int, tries: int = 4) -> bool:
    """Put a task where the clock, rests included, allows it: the cheapest place of the ``tries`` cheapest routes."""
    problem = draft.terms.problem
    eur, after, mode = draft.offers(task)
    offers: dict[int, Offer] = {}
    for i in np.argsort(eur, kind="stable"):
        k = int(draft.route[after[i]])
        if k not in offers:
            offers[k] = Offer(float(eur[i]), int(after[i]), int(mode[i]))
            if len(offers) == tries:
                break
    for offer in [*offers.values(), *draft.new_trips(task, tries)]:
        k = int(draft.route[offer.after])
        draft.put_offer(task, offer)
        if not schedule(problem, k, draft.visits(k)).broken:
            return True
        draft.take(task)
    return False


# --- what is left, and why ---------------------------------------------------------------------------------------


def _of_draft(draft: Draft) -> Solution:
    return _solution(draft.terms.problem, [draft.visits(k) for k in range(draft.terms.k)])


def _solution(problem: Problem, routes: Sequence[tuple[Visit, ...]]) -> Solution:
    served = {v.index for visits in routes for v in visits if v.kind == "task"}
    left = [t for t in range(len(problem.tasks)) if t not in served]
    return Solution(tuple(routes), tuple((t, reason(problem, t)) for t in left))


def reason(problem: Problem, index: int) -> str:
    """Why a task is left: what would keep it from being the only one of the day, else ``SHIFT_TIME``."""
    task = problem.tasks[index]
    shifts = [k for k in sorted(task.shifts) if k < len(problem.shifts)]
    if not shifts:
        return "NO_TRUCK"
    shifts = [k for k in shifts if all(q <= c + 1e-6 for q, c in zip(task.load, problem.shifts[k].capacity, strict=True))]
    if not shifts:
        return "CAPACITY"
    broken: set[str] = set()
    for k in shifts:
        for m in range(len(task.modes)):
            alone = _alone(problem, k, index, m)
            if alone is None:
                broken.add("UNREACHABLE")
            elif not alone:
                return "SHIFT_TIME"
            else:
                broken |= set(alone)
    if broken == {"UNREACHABLE"}:
        return "UNREACHABLE"
    return "TIME_WINDOW" if broken & {"WINDOW_MISSED", "SITE_CLOSED"} else "SHIFT_TIME"


def _alone(problem: Problem, k: int, index: int, mode: int) -> tuple[str, ...] | None:
    """What a shift with this task alone breaks, with the unloadings that break least; None = no way, or nowhere to unload."""
    loaded = [q > 0 for q in problem.tasks[index].load]
    best: tuple[str, ...] | None = None
    for visits in _emptied(problem, Visit("task", index, mode), loaded):
        broken = schedule(problem, k, visits).broken
        if "UNREACHABLE" not in broken and (best is None or len(broken) < len(best)):
            best = broken
            if not best:
                break
    return best


def _emptied(problem: Problem, visit: Visit, loaded: list[bool]) -> list[tuple[Visit, ...]]:
    """A task with each single unloading, or each pair, that takes all its loads."""
    if not any(loaded):
        return [(visit,), *((visit, Visit("unload", s)) for s in range(len(problem.sites)))]
    takes = [s.takes for s in problem.sites]
    rows = [(a,) for a in range(len(takes))] + [(a, b) for a in range(len(takes)) for b in range(len(takes)) if a != b]
    enough = [row for row in rows if all(any(takes[s][d] for s in row) for d, q in enumerate(loaded) if q)]
    return [(visit, *(Visit("unload", s) for s in row)) for row in enough]


# --- a first plan ------------------------------------------------------------------------------------------------


def _starts(terms: Terms, rng: np.random.Generator) -> list[int]:
    """Places to begin the long row at: the depot, the task farthest from it, a task anywhere."""
    out = terms.travel[0][terms.depot[0], terms.place[:, 0]]
    out = np.where(out < NEVER, out, -1.0)
    far = terms.place[int(out.argmax()), 0]
    return [int(terms.depot[0]), int(far), int(terms.place[rng.integers(terms.n), 0])]


def _split_draft(terms: Terms, start: int) -> Draft:
    draft = Draft(terms)
    some = terms.allowed.any(1) & ~terms.windowed
    everywhere = terms.allowed.all(1)
    for part in (some & ~everywhere, some & everywhere):  # tasks for some trucks only come first: they have less choice
        tasks = np.flatnonzero(part)
        if len(tasks):
            order, modes = _row(terms, tasks, start)
            for k, a, b in _split(draft, order, modes):
                draft.append_trip(k, list(zip(order[a:b].tolist(), modes[a:b].tolist(), strict=True)))
    return draft


def _row(terms: Terms, tasks: Ints, start: int) -> tuple[Ints, Ints]:
    """All tasks in a row, always on to the nearest one left; with the modes so found."""
    usable = terms.open_mode[tasks] & (np.arange(terms.place.shape[1]) < terms.modes[tasks, None])
    owner, mode = np.nonzero(usable)
    place = terms.place[tasks[owner], mode]
    first = np.concatenate(([0], np.cumsum(usable.sum(1))))
    travel = terms.travel[0]
    done = np.zeros(len(owner), dtype=np.float32)
    order = np.empty(len(tasks), dtype=np.int64)
    at = start
    for i in range(len(tasks)):
        node = int((travel[at, place] + done).argmin())
        order[i] = node
        done[first[owner[node]] : first[owner[node] + 1]] = np.inf
        at = int(place[node])
    return tasks[owner[order]], mode[order]


def _split(draft: Draft, order: Ints, modes: Ints) -> list[tuple[int, int, int]]:
    """Which shift serves which stretch ``[a, b)`` of the row, in shift order. Stretches may be left out at their price."""
    t = draft.terms
    n = len(order)
    price = np.concatenate(([0.0], np.cumsum(t.unserved_eur[order])))
    best = price.copy()
    took: list[Ints] = []
    jump: list[Ints] = []
    tables: dict[tuple[object, ...], list[Floats]] = {}
    positions = np.arange(n + 1)
    shifts = sorted(range(t.k), key=lambda k: (draft.count[k] == 0, t.fixed_eur[k], t.profile[k], t.crew[k], k))
    for k in shifts:
        key = (*_likeness(t, k), float(draft.work_s[k]), bool(draft.count[k]), t.allowed[order, k].tobytes())
        if key not in tables:
            tables[key] = _stretches(draft, order, modes, k)
        now, source = best.copy(), np.full(n + 1, -1, dtype=np.int64)
        for length, eur in enumerate(tables[key], start=1):
            cost = best[: n + 1 - length] + eur
            better = cost < now[length:]
            now[length:][better] = cost[better]
            source[length:][better] = positions[: n + 1 - length][better]
        least = np.minimum.accumulate(now - price)
        jump.append(np.maximum.accumulate(np.where(now - price <= least, positions, 0)))
        took.append(source)
        best = least + price
    found = []
    at = n
    for i in range(len(shifts) - 1, -1, -1):
        at = int(jump[i][at])
        if took[i][at] >= 0:
            found.append((shifts[i], int(took[i][at]), at))
            at = int(took[i][at])
    return found[::-1]


def _likeness(t: Terms, k: int) -> tuple[object, ...]:
    names = ("profile", "crew", "depot", "length_s", "limit_s", "fixed_eur", "eur_per_s", "eur_per_m", "overtime_more", "group")
    return (*(float(getattr(t, name)[k]) for name in names), *t.capacity[k], tuple(t.is_binding[k]))


def _stretches(draft: Draft, order: Ints, modes: Ints, k: int) -> list[Floats]:
    """Per length, the price of serving the stretch that begins at each position with shift ``k``; inf = impossible.

    The truck is emptied when the next task finds no room. A shift that has work already goes on from it.
    """
    t = draft.terms
    group = int(t.group[k])
    ways = [w for w in range(len(t.ways[group])) if not t.is_binding[k][w]] or list(range(len(t.ways[group])))
    if not ways:
        return []
    travel, place = t.travel[t.profile[k]], t.place[order, modes]
    into, out, way_s = t.way_in[group][ways], t.way_out[group][ways], t.way_s[group][ways]
    serve = t.drive_s[order, modes] + t.handling_s[order, modes] * t.crew[k]
    direct = np.concatenate((travel[place[:-1], place[1:]], [0.0])).astype(float)  # to the next of the row
    emptying = travel[place][:, into] + way_s
    onward = np.concatenate((travel[out][:, place[1:]].T, np.zeros((1, len(ways)))))
    via = (emptying + onward).min(1).astype(float)
    home = (emptying + travel[out, t.depot[k]]).min(1).astype(float)
    load, capacity, allowed = t.load[order], t.capacity[k], t.allowed[order, k]
    used = bool(draft.count[k])
    fixed = 0.0 if used else float(t.fixed_eur[k])
    i = np.flatnonzero(allowed)
    time_s = draft.work_s[k] + travel[t.depot[k], place[i]].astype(float) + serve[i]
    loaded = load[i]
    before = float(draft.work_s[k]) if used else 0.0
    table: list[Floats] = []
    length = 0
    n = len(order)
    while len(i):
        j = i + length
        total = time_s + home[j]
        fits = total <= t.limit_s[k]
        over = np.maximum(0.0, total + t.rest_s[k] - t.length_s[k]) * t.overtime_more[k]
        eur = np.full(n - length, np.inf)
        eur[i[fits]] = (fixed + (total - before) * (t.eur_per_s[k] + t.travel_eur_per_s[k]) + over)[fits]
        table.append(eur)
        going = (total <= t.limit_s[k] + 600.0) & (j + 1 < n)
        going[going] = allowed[j[going] + 1]
        i, time_s, loaded, j = i[going], time_s[going], loaded[going], j[going]
        full = (loaded + load[j + 1] > capacity).any(1)
        time_s = time_s + np.where(full, via[j], direct[j]) + serve[j + 1]
        loaded = np.where(full[:, None], load[j + 1], loaded + load[j + 1])
        length += 1
    return table


def fill(draft: Draft, rng: np.random.Generator) -> None:
    """Put unserved tasks into the draft: those with the least choice first, then the dearest to leave."""
    t = draft.terms
    left = [task for task in draft.unserved() if t.allowed[task].any()]
    left.sort(key=lambda task: (not t.windowed[task], int(t.allowed[task].sum()), -float(t.unserved_eur[task])))
    for task in left:
        offer = draft.best(task)
        if offer is not None:
            draft.put_offer(task, offer)


# --- ruin and recreate -------------------------------------------------------------------------------------------

STRING = 10  # tasks in a removed string, at most
REMOVED = 10  # tasks removed per step, about


@dataclass(slots=True)
class _Cooling:
    """From ``hot`` to ``cold`` (euros) over the time there is."""

    hot: float
    cold: float
    begin: float
    until: float

    def now(self) -> float:
        share = min(1.0, (time.monotonic() - self.begin) / max(self.until - self.begin, 1e-3))
        return self.hot * exp(share * log(self.cold / self.hot))


def _ruin_and_recreate(draft: Draft, rng: np.random.Generator, until: float, watch: Watch | None) -> int:
    """Improve the draft in place; the number of steps made."""
    t = draft.terms
    per_s = float((t.eur_per_s + t.travel_eur_per_s).mean())
    cooling = _Cooling(20 * per_s, 0.5 * per_s, time.monotonic(), until)
    near = np.stack((t.after, t.before), 2).reshape(t.n, -1)  # nearest first, either way round
    current = best = draft.eur()
    kept, saved = draft.copy(), draft.copy()
    steps = 0
    told = 0.0
    while (now := time.monotonic()) < until:
        if watch is not None and now - told > 0.5:
            told = now
            if watch(best):
                break
        steps += 1
        taken = _ruin(draft, near, rng)
        _recreate(draft, taken, rng)
        eur = draft.eur()
        if eur < current - cooling.now() * log(max(rng.random(), 1e-12)):
            current = eur
            saved = draft.copy()
            if eur < best - 1e-9:
                best, kept = eur, saved
        else:
            draft.restore(saved)
    draft.restore(kept)
    return steps


def _ruin(draft: Draft, near: Ints, rng: np.random.Generator) -> list[int]:
    n = draft.terms.n
    strings = int(rng.integers(1, 4 * REMOVED // (1 + STRING) + 1))
    seed = int(rng.integers(n))
    taken: list[int] = []
    for c in (seed, *near[seed].tolist()):
        if strings == 0:
            break
        if draft.route[c] < 0:
            continue
        strings -= 1
        length = int(rng.integers(1, STRING + 1))
        node = c
        for _ in range(int(rng.integers(length))):  # c stands anywhere in the string
            node = _task_beside(draft, draft.pred, node)
        for _ in range(length):
            after = _task_beside(draft, draft.succ, node)
            draft.take(node)
            taken.append(node)
            if after == node:
                break
            node = after
    return taken


def _task_beside(draft: Draft, link: Ints, node: int) -> int:
    """The next task of the route in a direction, over unloadings; the node itself at the route's end."""
    beside = int(link[node])
    while beside >= draft.first_unload:
        beside = int(link[beside])
    return beside if beside < draft.terms.n else node


def _recreate(draft: Draft, taken: list[int], rng: np.random.Generator) -> None:
    t = draft.terms
    left = draft.unserved() if len(taken) < t.n else taken
    if len(left) > len(taken) + 5:
        others = [x for x in left if x not in taken and t.allowed[x].any()]
        left = taken + [others[i] for i in rng.permutation(len(others))[:5]]
    how = rng.random()
    key: NDArray[np.float64]
    if how < 0.4:
        key = rng.random(len(left))
    elif how < 0.7:
        key = -t.load[left, 0]
    else:
        key = -(t.travel[0][t.depot[0], t.place[left, 0]]).astype(float) * (1 if how < 0.9 else -1)
    touched = set()
    for i in np.argsort(key, kind="stable"):
        offer = draft.best(left[i], rng.random(256))
        if offer is not None:
            draft.put_offer(left[i], offer)
            touched.add(int(draft.route[left[i]]))
    for k in touched:
        if len(t.ways[t.group[k]]) > 1:
            for node in draft.nodes(k):
                if node >= draft.first_unload:
                    draft.choose_way(node)
