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
from optimizer.search.draft_arrays import NEVER, DraftArrays
from optimizer.search.problem_arrays import Floats, Ints
from optimizer.search.repair import repair, solution_of, solution_of_draft


def construct(
    problem: Problem, seed: int = 0, until: float | None = None, arrays: DraftArrays | None = None
) -> Solution:
    """A feasible plan. ``until``: ``time.monotonic()`` from which nothing more is tried; one plan comes anyway."""
    if not problem.tasks or not problem.shifts:
        return solution_of(problem, [() for _ in problem.shifts])
    arrays = arrays or DraftArrays(problem)
    rng = np.random.default_rng(seed)
    best: tuple[float, Draft] | None = None
    for start in _tour_starts(arrays, rng):
        if best is not None and until is not None and time.monotonic() > until:
            break
        draft = _split_draft(arrays, start)
        fill(draft)
        if best is None or draft.eur() < best[0]:
            best = (draft.eur(), draft)
    assert best is not None  # there is at least one start
    return repair(problem, solution_of_draft(best[1]), arrays)


def _tour_starts(arrays: DraftArrays, rng: np.random.Generator) -> list[int]:
    """Places to begin the long row at: the depot, the task farthest from it, a task anywhere."""
    out = arrays.travel[0][arrays.depot[0], arrays.place[:, 0]]
    out = np.where(out < NEVER, out, -1.0)
    far = arrays.place[int(out.argmax()), 0]
    return [int(arrays.depot[0]), int(far), int(arrays.place[rng.integers(arrays.task_count), 0])]


def _split_draft(arrays: DraftArrays, start: int) -> Draft:
    draft = Draft(arrays)
    some = arrays.allowed.any(1) & ~arrays.windowed
    everywhere = arrays.allowed.all(1)
    for part in (some & ~everywhere, some & everywhere):  # tasks for some trucks only come first: they have less choice
        tasks = np.flatnonzero(part)
        if len(tasks):
            order, modes = _nearest_neighbour_tour(arrays, tasks, start)
            for shift, a, b in _split(draft, order, modes):
                draft.append_trip(shift, list(zip(order[a:b].tolist(), modes[a:b].tolist(), strict=True)))
    return draft


def _nearest_neighbour_tour(arrays: DraftArrays, tasks: Ints, start: int) -> tuple[Ints, Ints]:
    """All tasks in a row, always on to the nearest one left; with the modes so found."""
    usable = arrays.usable_mode[tasks] & (np.arange(arrays.place.shape[1]) < arrays.mode_count[tasks, None])
    owner, mode = np.nonzero(usable)
    place = arrays.place[tasks[owner], mode]
    first = np.concatenate(([0], np.cumsum(usable.sum(1))))
    travel = arrays.travel[0]
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
    arrays = draft.arrays
    count = len(order)
    price = np.concatenate(([0.0], np.cumsum(arrays.unserved_eur[order])))
    best = price.copy()
    took: list[Ints] = []
    jump: list[Ints] = []
    tables: dict[tuple[object, ...], list[Floats]] = {}
    positions = np.arange(count + 1)
    used_and_cheap_first = (np.arange(arrays.shift_count), arrays.crew_factor, arrays.profile, arrays.fixed_eur)
    shifts: list[int] = np.lexsort((*used_and_cheap_first, draft.count == 0)).tolist()
    for shift in shifts:
        key = (
            *_draft_type(arrays, shift),
            float(draft.work_s[shift]),
            bool(draft.count[shift]),
            arrays.allowed[order, shift].tobytes(),
        )
        if key not in tables:
            tables[key] = _segment_costs(draft, order, modes, shift)
        now, source = best.copy(), np.full(count + 1, -1, dtype=np.int64)
        for length, eur in enumerate(tables[key], start=1):
            cost = best[: count + 1 - length] + eur
            better = cost < now[length:]
            now[length:][better] = cost[better]
            source[length:][better] = positions[: count + 1 - length][better]
        least = np.minimum.accumulate(now - price)
        jump.append(np.maximum.accumulate(np.where(now - price <= least, positions, 0)))
        took.append(source)
        best = least + price
    found = []
    at = count
    for i in range(len(shifts) - 1, -1, -1):
        at = int(jump[i][at])
        if took[i][at] >= 0:
            found.append((shifts[i], int(took[i][at]), at))
            at = int(took[i][at])
    return found[::-1]


def _draft_type(arrays: DraftArrays, shift: int) -> tuple[object, ...]:
    names = (
        "profile",
        "crew_factor",
        "depot",
        "length_s",
        "limit_s",
        "fixed_eur",
        "eur_per_s",
        "eur_per_m",
        "overtime_more_eur_per_s",
        "group",
    )
    return (
        *(float(getattr(arrays, name)[shift]) for name in names),
        *arrays.capacity[shift],
        tuple(arrays.hours_binding[shift]),
    )


def _segment_costs(draft: Draft, order: Ints, modes: Ints, shift: int) -> list[Floats]:
    """Per length, the price of serving the stretch that begins at each position with shift ``k``; inf = impossible.

    The truck is emptied when the next task finds no room. A shift that has work already goes on from it.
    """
    arrays = draft.arrays
    group = int(arrays.group[shift])
    every = list(range(len(arrays.sequences[group])))
    sequences = [s for s in every if not arrays.hours_binding[shift][s]] or every
    if not sequences:
        return []
    travel, place = arrays.travel[arrays.profile[shift]], arrays.place[order, modes]
    into, out = arrays.unload_entry[group][sequences], arrays.unload_exit[group][sequences]
    unload_s = arrays.unload_s[group][sequences]
    serve = arrays.fixed_s[order, modes] + arrays.handling_s[order, modes] * arrays.crew_factor[shift]
    direct = np.concatenate((travel[place[:-1], place[1:]], [0.0])).astype(float)  # to the next of the row
    emptying = travel[place][:, into] + unload_s
    onward = np.concatenate((travel[out][:, place[1:]].T, np.zeros((1, len(sequences)))))
    by_unload = (emptying + onward).min(1).astype(float)
    home = (emptying + travel[out, arrays.depot[shift]]).min(1).astype(float)
    load, capacity, allowed = arrays.load[order], arrays.capacity[shift], arrays.allowed[order, shift]
    used = bool(draft.count[shift])
    fixed = 0.0 if used else float(arrays.fixed_eur[shift])
    i = np.flatnonzero(allowed)
    time_s = draft.work_s[shift] + travel[arrays.depot[shift], place[i]].astype(float) + serve[i]
    loaded = load[i]
    before = float(draft.work_s[shift]) if used else 0.0
    eur_per_s = arrays.eur_per_s[shift] + arrays.travel_eur_per_s[shift]
    table: list[Floats] = []
    length = 0
    n = len(order)
    while len(i):
        j = i + length
        total = time_s + home[j]
        fits = total <= arrays.limit_s[shift]
        over_s = np.maximum(0.0, total + arrays.rest_s[shift] - arrays.length_s[shift])
        over = over_s * arrays.overtime_more_eur_per_s[shift]
        eur = np.full(n - length, np.inf)
        eur[i[fits]] = (fixed + (total - before) * eur_per_s + over)[fits]
        table.append(eur)
        going = (total <= arrays.limit_s[shift] + 600.0) & (j + 1 < n)
        going[going] = allowed[j[going] + 1]
        i, time_s, loaded, j = i[going], time_s[going], loaded[going], j[going]
        full = (loaded + load[j + 1] > capacity).any(1)
        time_s = time_s + np.where(full, by_unload[j], direct[j]) + serve[j + 1]
        loaded = np.where(full[:, None], load[j + 1], loaded + load[j + 1])
        length += 1
    return table


def fill(draft: Draft) -> None:
    """Put unserved tasks into the draft: those with the least choice first, then the dearest to leave."""
    arrays = draft.arrays
    left = [task for task in draft.unserved() if arrays.allowed[task].any()]
    left.sort(
        key=lambda task: (not arrays.windowed[task], int(arrays.allowed[task].sum()), -float(arrays.unserved_eur[task]))
    )
    for task in left:
        insertion = draft.best(task)
        if insertion is not None:
            draft.apply(task, insertion)
