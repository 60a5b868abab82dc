"""A plan at once: what a budget of zero answers with, and where the engines begin that are compared with ``ripeur``.

1. *Tour first*: one long row through all tasks, always on to the nearest one left (a turn-aware street network makes
   that follow streets).
2. *Split*: that row cut into trips and shifts by dynamic programming, exact for the row: which shifts are worth using,
   where each ends, what is better left (Beasley 1983, Ulusoy 1985: "route first, cluster second").
3. *Insertion* of what the split leaves out: tasks with windows, and tasks that no stretch had time for.

Deterministic from ``seed``.
"""

from __future__ import annotations

import time

import numpy as np

from optimizer.problem import Problem, Solution
from optimizer.search.draft import Draft
from optimizer.search.repair import of_draft, repair, solution_of
from optimizer.search.terms import NEVER, Floats, Ints, Terms


def construct(problem: Problem, seed: int = 0, until: float | None = None, terms: Terms | None = None) -> Solution:
    """A feasible plan. ``until``: ``time.monotonic()`` from which nothing more is tried; one plan comes anyway."""
    if not problem.tasks or not problem.shifts:
        return solution_of(problem, [() for _ in problem.shifts])
    terms = terms or Terms(problem)
    rng = np.random.default_rng(seed)
    best: tuple[float, Draft] | None = None
    for start in _starts(terms, rng):
        if best is not None and until is not None and time.monotonic() > until:
            break
        draft = _split_draft(terms, start)
        fill(draft)
        if best is None or draft.eur() < best[0]:
            best = (draft.eur(), draft)
    assert best is not None  # there is at least one start
    return repair(problem, of_draft(best[1]), terms)


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
    """Which shift serves which stretch ``[a, b)`` of the row. Stretches may be left out at their price."""
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
    names = (
        "profile",
        "crew",
        "depot",
        "length_s",
        "limit_s",
        "fixed_eur",
        "eur_per_s",
        "eur_per_m",
        "overtime_more",
        "group",
    )
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


def fill(draft: Draft) -> None:
    """Put unserved tasks into the draft: those with the least choice first, then the dearest to leave."""
    t = draft.terms
    left = [task for task in draft.unserved() if t.allowed[task].any()]
    left.sort(key=lambda task: (not t.windowed[task], int(t.allowed[task].sum()), -float(t.unserved_eur[task])))
    for task in left:
        offer = draft.best(task)
        if offer is not None:
            draft.put_offer(task, offer)
