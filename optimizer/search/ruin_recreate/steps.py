# mypy: disable-error-code="untyped-decorator,no-any-return"
"""Ruin and recreate: strings of neighbouring tasks are taken out and put back, thousands of times a second.

Slack induction by string removals (Christiaens and Vanden Berghe 2020, https://doi.org/10.1287/trsc.2019.0914): strings
near a task are removed from as many routes, the tasks go back one by one, each where the plan becomes cheapest, a place
being passed over now and then; what is a little worse is accepted as in simulated annealing. What differs from the
paper: modes and unloadings are priced exactly (``kernels``), a task is tried beside its neighbours only, and every good
route is kept (``RoutePool``) for the recombination.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.search.problem_arrays import EPS, Floats
from optimizer.search.ruin_recreate.clock import clocked_cost_with
from optimizer.search.ruin_recreate.geography import Indices, Int32s
from optimizer.search.ruin_recreate.kernel_arrays import EUR, FIXED_EUR, SEC, KernelArrays
from optimizer.search.ruin_recreate.kernels import (
    add_to_totals,
    drop_needless_unloads,
    insert_task,
    insertion_cost,
    is_clocked,
    may_serve,
    reassignment_eur,
    refresh_route,
)
from optimizer.search.ruin_recreate.routes import (
    BACKWARD,
    CLOCK,
    FORWARD,
    INDEX,
    INF,
    ROUTE,
    STALE_BACKWARD,
    STALE_FORWARD,
    compiled,
    empty_routes,
    entry,
    inlined,
)

REMOVED, STRING = 10, 10  # tasks removed per step about, in a string at most
SPLIT_CHANCE, SPLIT_DEPTH = 0.5, 0.5  # a string keeps a part in its middle; that part grows
BLINK = 0.01
WHOLE_CHANCE = 0.01  # of the steps take a whole route out, where a truck has its price, or a whole trip
LARGE = 2_000  # tasks: from then on the first plan follows the spatial order, and
REGION_TASKS, REGION_STEPS = 250, 250  # so many tasks in a row of that order are ruined for so many steps, and
LONG_STRING = 0.3  # strings are such a part of a mean route
FEW_ROUTES = 4  # with so few routes a route may lose several strings
NEIGHBOURS_TRIED = 20  # a task is tried beside so many of its neighbours; beside all where that gives none
EVERYWHERE_CHANCE = 0.05  # chance to be tried everywhere where that gives none either
CLOCKED_TRIES = 16  # places that are looked at on the clock, the cheapest first
RETRIES = 4  # unserved tasks near a ruin that are tried again


class RoutePool(NamedTuple):
    """Routes of good plans, by shift type and set of tasks, the cheapest order of each: a hash table over rows."""

    slots: NDArray[np.int64]  # index into the following, -1 free
    keys: NDArray[np.uint64]
    eur: Floats
    shift_type: Int32s
    begin: NDArray[np.int64]
    length: Int32s
    tasks: Int32s
    unload_before: NDArray[np.int8]
    counts: NDArray[np.int64]  # routes, tasks written


class Scratch(NamedTuple):
    """What one search needs besides its routes: the routes as they were before the step, lists, random numbers."""

    tasks: Indices  # n: tasks of the routes saved, one route after the other
    begin: Int32s  # K: where a saved route begins
    size: Int32s
    unload_before: NDArray[np.int8]  # n, by the place in ``tasks``, as are partials, loads, clock and tail
    partials: Floats
    loads: Floats
    cost: Floats
    totals: Floats
    valid: Int32s
    clock: Floats
    tail: Floats
    marks: Indices  # K, (SAVED, RUINED, CHANGED_ROUTE, HAS_ROOM): flags, and a list of routes
    route_seen: NDArray[np.int64]  # per route the number of the insertion that looked at it
    place_seen: NDArray[np.int64]  # n + K: ... that looked at the place before a task, at the end of a route
    deferred: Floats  # n + 2 K, (lower bound, route, position, unload code): insertions yet to be clocked
    absent: Int32s  # n; TASK: a list, first those removed in this step; WAS_UNSERVED: by task, before this step
    sort_key: Floats
    counts: NDArray[np.int64]
    random: NDArray[np.uint64]


SAVED, RUINED, CHANGED_ROUTE, HAS_ROOM = range(4)
TASK, WAS_UNSERVED = range(2)
#: ``Scratch.counts``: insertions looked for, steps, routes changed and tasks absent in this step, tasks unserved,
#: insertions deferred, tasks of the routes saved, around where in the spatial order it is ruined.
INSERTIONS, STEPS, CHANGED, ABSENT, UNSERVED, DEFERRED, SAVED_TASKS, REGION = range(8)


class PlanRows(NamedTuple):
    """A plan set aside: its routes, and its price."""

    tasks: Indices
    unload_before: NDArray[np.int8]
    size: Int32s
    eur: Floats  # one number


def empty_pool(routes: int, tasks: int) -> RoutePool:
    slots = 1 << (2 * routes - 1).bit_length()
    return RoutePool(
        slots=np.full(slots, -1, np.int64),
        keys=np.zeros(routes, np.uint64),
        eur=np.zeros(routes),
        shift_type=np.zeros(routes, np.int32),
        begin=np.zeros(routes, np.int64),
        length=np.zeros(routes, np.int32),
        tasks=np.zeros(tasks, np.int32),
        unload_before=np.zeros(tasks, np.int8),
        counts=np.zeros(2, np.int64),
    )


def new_scratch(data: KernelArrays, seed: int) -> Scratch:
    shifts, tasks = len(data.cost_class), len(data.load)
    saved = empty_routes(data)
    return Scratch(
        np.zeros(tasks, np.uint32), np.zeros(shifts, np.int32), *saved[1:10],
        np.zeros((shifts, 4), np.uint32), np.zeros(shifts, np.int64), np.zeros(tasks + shifts, np.int64),
        np.zeros((tasks + 2 * shifts, 4)), np.zeros((tasks, 2), np.int32), np.zeros(tasks), np.zeros(8, np.int64),
        np.random.SeedSequence(seed).generate_state(2, np.uint64).astype(np.uint64),
    )  # fmt: skip


@inlined
def uniform(state: Any) -> float:
    """Uniform in [0, 1): xorshift128+ (Vigna 2017, https://doi.org/10.1016/j.cam.2016.11.006)."""
    first, second = state[0], state[1]
    state[0] = second
    first ^= first << np.uint64(23)
    state[1] = first ^ second ^ (first >> np.uint64(18)) ^ (second >> np.uint64(5))
    return float((state[1] + second) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def uniform_int(state: Any, end: int) -> int:
    return int(uniform(state) * end)


@inlined
def save_route(data: Any, routes: Any, scratch: Any, route: int) -> None:
    """Save a route before it is changed in this step: its tasks one after the other, behind those saved before."""
    if scratch.marks[route, SAVED]:
        return
    scratch.marks[route, SAVED] = 1
    scratch.marks[scratch.counts[CHANGED], CHANGED_ROUTE] = route
    scratch.counts[CHANGED] += 1
    n, begin = routes.size[route], scratch.counts[SAVED_TASKS]
    scratch.counts[SAVED_TASKS] += n
    scratch.begin[route], scratch.size[route] = begin, n
    copy_route(routes, scratch, route)
    for position in range(n):
        task, row = routes.tasks[route, position], np.uint32(begin + position)
        scratch.tasks[row], scratch.unload_before[row] = task, routes.unload_before[task]
        copy_task(data, routes, scratch, task, row)


@inlined
def undo_step(data: Any, routes: Any, scratch: Any) -> None:
    """All as it was before this step."""
    for i in range(scratch.counts[ABSENT]):
        routes.assigned[scratch.absent[i, TASK], ROUTE] = -1
    for i in range(scratch.counts[CHANGED]):
        route = scratch.marks[i, CHANGED_ROUTE]
        routes.size[route] = scratch.size[route]
        copy_route(scratch, routes, route)
        for position in range(scratch.size[route]):
            row = np.uint32(scratch.begin[route] + position)
            task = scratch.tasks[row]
            routes.tasks[route, position], routes.unload_before[task] = task, scratch.unload_before[row]
            routes.assigned[task, ROUTE], routes.assigned[task, INDEX] = route, position
            copy_task(data, scratch, routes, row, task)


@inlined
def copy_route(source: Any, target: Any, route: int) -> None:
    target.cost[route, EUR], target.cost[route, SEC] = source.cost[route, EUR], source.cost[route, SEC]
    for i in range(5):
        target.valid[route, i] = source.valid[route, i]
    for i in range(source.totals.shape[1]):
        target.totals[route, i] = source.totals[route, i]


@inlined
def copy_task(data: Any, source: Any, target: Any, from_row: int, to_row: int) -> None:
    """What stands with one task (a row) of ``source``, to one of ``target``."""
    for column in range(len(data.features.modes)):
        for i in range(4 if len(data.features.durations) else 2):
            target.partials[to_row, column, i] = source.partials[from_row, column, i]
    for column in range(len(data.features.loads)):
        for i in range(2 if len(data.features.unloads) else 1):
            target.loads[to_row, column, i] = source.loads[from_row, column, i]
    if len(data.features.hours):
        for column in range(len(data.features.modes)):
            for i in range(4):
                target.clock[to_row, column, i] = source.clock[from_row, column, i]
        for i in range(7):
            target.tail[to_row, i] = source.tail[from_row, i]


@compiled
def remove_tasks(
    data: Any, routes: Any, scratch: Any, route: int, start: int, end: int, gap: int, end_gap: int
) -> None:
    """Take the tasks of a route from one index to another out of it, but for those in a gap between them."""
    save_route(data, routes, scratch, route)
    size, to, carried = routes.size[route], start, 0
    for position in range(start, size):
        task = routes.tasks[route, position]
        if position < end and not gap <= position < end_gap:
            scratch.absent[scratch.counts[ABSENT], TASK] = task
            scratch.counts[ABSENT] += 1
            routes.assigned[task, ROUTE] = -1
            carried |= routes.unload_before[task]
            add_to_totals(data, routes, task, route, np.int64(-1))
        else:
            routes.tasks[route, to] = task
            routes.unload_before[task] |= carried
            carried = 0
            to += 1
    routes.size[route] = to
    routes.valid[route, BACKWARD] -= size - to
    if routes.valid[route, STALE_FORWARD] >= end:
        routes.valid[route, STALE_FORWARD] -= size - to
    refresh_route(data, routes, route, np.int64(start), np.int64(start + end_gap - gap - 1))
    if len(data.features.unloads):
        drop_needless_unloads(data, routes, route)


@inlined
def remove_string(data: Any, routes: Any, scratch: Any, around: int, longest: float) -> None:
    """Take a string of tasks around one out of its route, or two with some between them left."""
    route = np.uint32(routes.assigned[around, ROUTE])
    pinned, size = data.pinned[route], routes.size[route]
    n = size - pinned
    length = min(n, int(uniform(scratch.random) * min(float(n), longest) + 1.0))
    left = 0
    if 1 < length < n and uniform(scratch.random) < SPLIT_CHANCE:
        while length + left < n and uniform(scratch.random) > SPLIT_DEPTH:
            left += 1
    whole = length + left
    at = routes.assigned[around, INDEX]
    lowest, highest = max(pinned, at - whole + 1), min(at, size - whole)
    start = np.int64(lowest + uniform_int(scratch.random, highest - lowest + 1))
    gap = start
    if left:
        gap = start + 1 + uniform_int(scratch.random, length - 1)
    remove_tasks(data, routes, scratch, route, start, np.int64(start + whole), np.int64(gap), np.int64(gap + left))


@inlined
def remove_trip(data: Any, routes: Any, scratch: Any, around: int) -> None:
    """Take all that is loaded together with a task out of its route."""
    route = np.uint32(routes.assigned[around, ROUTE])
    start, end = np.int64(routes.assigned[around, INDEX]), np.int64(routes.assigned[around, INDEX] + 1)
    while start > data.pinned[route] and not routes.unload_before[routes.tasks[route, start]]:
        start -= 1
    while end < routes.size[route] and not routes.unload_before[routes.tasks[route, end]]:
        end += 1
    remove_tasks(data, routes, scratch, route, start, end, end, end)


@inlined
def ruin(data: Any, routes: Any, scratch: Any) -> int:
    """Take strings out near a task, which is returned; now and then its whole trip or route."""
    n, used = len(routes.assigned), 0
    if n > LARGE:  # for a while all that happens is near: it stays in the processor's cache
        if scratch.counts[STEPS] % REGION_STEPS == 0:
            scratch.counts[REGION] = uniform_int(scratch.random, n)
        ahead = uniform_int(scratch.random, np.int64(REGION_TASKS))
        seed = int(data.spatial_order[(scratch.counts[REGION] + ahead) % n])
    else:
        seed = uniform_int(scratch.random, n)
    for route in range(len(routes.size)):
        scratch.marks[route, RUINED] = 0
        used += routes.size[route] > 0
    if not used:
        return seed
    own, trips = routes.assigned[seed, ROUTE], len(data.features.unloads) > 0
    if own >= 0 and routes.assigned[seed, INDEX] >= data.pinned[own] and uniform(scratch.random) < WHOLE_CHANCE:
        priced = data.by_shift[own, FIXED_EUR] > 0
        if trips and not (priced and uniform(scratch.random) < 0.5):
            remove_trip(data, routes, scratch, seed)
            return seed
        if priced:
            size = np.int64(routes.size[own])
            remove_tasks(data, routes, scratch, np.uint32(own), np.int64(data.pinned[own]), size, size, size)
            return seed
    long = LONG_STRING * n / used if n > LARGE else 0.0
    longest = min(max(float(STRING), long), max(1.0, n / used))
    strings = int(uniform(scratch.random) * (4.0 * max(float(REMOVED), long) / (1.0 + longest) - 1.0) + 1.0)
    for i in range(data.neighbours.shape[1]):
        near = data.neighbours[seed, i]
        route = routes.assigned[near, ROUTE]
        if (
            route < 0
            or (scratch.marks[route, RUINED] and used > FEW_ROUTES)
            or routes.assigned[near, INDEX] < data.pinned[route]
        ):
            continue
        scratch.marks[route, RUINED] = 1
        remove_string(data, routes, scratch, near, longest)
        strings -= 1
        if strings == 0:
            break
    return seed


@inlined
def sort_absent(data: Any, scratch: Any) -> None:
    """Sort the absent tasks: at random, heaviest first, farthest first, nearest first."""
    how = uniform_int(scratch.random, np.int64(11))
    absent = scratch.counts[ABSENT]
    for i in range(absent):
        task = scratch.absent[i, TASK]
        if how < 4:
            scratch.sort_key[i] = uniform(scratch.random)
        elif how < 8:
            scratch.sort_key[i] = -data.load[task, 0] if data.load.shape[1] else uniform(scratch.random)
        elif how < 10:
            scratch.sort_key[i] = -data.depot_ds[task]
        else:
            scratch.sort_key[i] = data.depot_ds[task]
    for i in range(1, absent):
        key, task, j = scratch.sort_key[i], scratch.absent[i, TASK], i - 1
        while j >= 0 and scratch.sort_key[j] > key:
            scratch.sort_key[j + 1], scratch.absent[j + 1, TASK] = scratch.sort_key[j], scratch.absent[j, TASK]
            j -= 1
        scratch.sort_key[j + 1], scratch.absent[j + 1, TASK] = key, task


class Insertion(NamedTuple):
    """Where a task goes: what the plan becomes dearer, the route (-1: none), the index there, how it is emptied."""

    eur: Any
    route: Any
    position: Any
    unload_code: Any


@inlined
def better_insertion(data: Any, routes: Any, scratch: Any, task: int, route: int, position: int, best: Any) -> Any:
    """The better one of the best insertion and another. On the clock that is not known yet: it is deferred."""
    eur, unload_code = insertion_cost(data, routes, task, route, position, best.eur + routes.cost[route, EUR])
    eur -= routes.cost[route, EUR]
    if eur >= best.eur:
        return best
    if len(data.features.hours) and (data.windowed[task] or is_clocked(data, routes, route)):
        i = scratch.counts[DEFERRED]
        scratch.deferred[i, 0], scratch.deferred[i, 1] = eur, route
        scratch.deferred[i, 2], scratch.deferred[i, 3] = position, unload_code
        scratch.counts[DEFERRED] += 1
        return best
    return Insertion(eur, np.int64(route), np.int64(position), np.int64(unload_code))


@inlined
def best_clocked_insertion(data: Any, routes: Any, scratch: Any, task: int, best: Any) -> Any:
    """The best of the deferred insertions, clocked from the cheapest on, and of the best one known."""
    for tried in range(scratch.counts[DEFERRED]):
        if tried >= CLOCKED_TRIES and best.route >= 0:
            break
        i = 0
        for j in range(1, scratch.counts[DEFERRED]):
            if scratch.deferred[j, 0] < scratch.deferred[i, 0]:
                i = j
        if scratch.deferred[i, 0] >= best.eur:
            break
        scratch.deferred[i, 0] = INF
        route, position = np.int64(scratch.deferred[i, 1]), np.int64(scratch.deferred[i, 2])
        unload_code = np.int64(scratch.deferred[i, 3])
        eur = clocked_cost_with(data, routes, route, np.int64(task), position, unload_code)[0] - routes.cost[route, EUR]
        eur += routes.totals[route, len(data.features.loads) + 2] + reassignment_eur(data, task, route)
        if eur < best.eur:
            best = Insertion(eur, route, position, unload_code)
    return best


@inlined
def best_insertion(data: Any, routes: Any, scratch: Any, task: int, blink: float, beside: int) -> Any:
    """Where a task costs least: beside the first ``beside`` of its neighbours that are served, or in an empty route;
    with ``beside`` 0 at any place. Places are passed over with a chance of ``blink``."""
    scratch.counts[INSERTIONS] += 1
    scratch.counts[DEFERRED] = 0
    stamp, seen, tasks = scratch.counts[INSERTIONS], 0, len(routes.assigned)
    best = Insertion(data.unserved_eur[task], np.int64(-1), np.int64(0), np.int64(0))
    for i in range(1, data.neighbours.shape[1] if beside else 1):
        neighbour = data.neighbours[task, i]
        if routes.assigned[neighbour, ROUTE] < 0:
            continue
        near_route = np.uint32(routes.assigned[neighbour, ROUTE])
        seen += 1
        if seen > beside:
            break
        if scratch.route_seen[near_route] != stamp:
            scratch.route_seen[near_route] = stamp
            scratch.marks[near_route, HAS_ROOM] = may_serve(data, routes, task, near_route)
        if not scratch.marks[near_route, HAS_ROOM]:
            continue
        for position in range(
            max(routes.assigned[neighbour, INDEX], data.pinned[near_route]), routes.assigned[neighbour, INDEX] + 2
        ):
            after = routes.tasks[near_route, position] if position < routes.size[near_route] else tasks + near_route
            if scratch.place_seen[after] != stamp:
                scratch.place_seen[after] = stamp
                if uniform(scratch.random) >= blink:
                    best = better_insertion(data, routes, scratch, task, near_route, position, best)
    empty = -1
    for i in range(len(routes.size)):
        route = np.uint32(i)
        if routes.size[route]:
            if beside or not may_serve(data, routes, task, route):
                continue
        elif (empty >= 0 and data.shift_type[route] == data.shift_type[empty]) or not may_serve(
            data, routes, task, route
        ):
            continue
        else:
            empty = i
        for position in range(data.pinned[route], routes.size[route] + 1):
            if routes.size[route] == 0 or uniform(scratch.random) >= blink:
                best = better_insertion(data, routes, scratch, task, route, position, best)
    if len(data.features.hours):
        best = best_clocked_insertion(data, routes, scratch, task, best)
    return best


@inlined
def reinsert(data: Any, routes: Any, scratch: Any, task: int, everywhere: float) -> float:
    """Put a task where it costs least, if that is less than to leave it; what the plan becomes dearer by it. As long as
    there is a place in a route, nothing is left and no truck drives out: it is looked for ``everywhere`` with this
    chance."""
    timed = len(data.features.durations) > 0
    for tried in range(3):
        beside = NEIGHBOURS_TRIED if tried == 0 else data.neighbours.shape[1] if tried == 1 else 0
        best = best_insertion(data, routes, scratch, task, 0.0 if tried else BLINK, beside)
        if best.route >= 0 and (routes.size[best.route] or not (data.by_shift[best.route, FIXED_EUR] or timed)):
            break
        if tried == 1 and uniform(scratch.random) >= everywhere:
            break
    if best.route >= 0:
        route = np.uint32(best.route)
        save_route(data, routes, scratch, route)
        insert_task(data, routes, task, route, best.position, best.unload_code)
    return float(best.eur)


@inlined
def recreate(data: Any, routes: Any, scratch: Any, most: float) -> bool:
    """Put the absent tasks back. False as soon as it is certain that the plan becomes ``most`` euros dearer than before
    the step: what is still absent costs at least its service, but for where a truck may wait: it costs nothing then."""
    sort_absent(data, scratch)
    more, least = 0.0, 0.0
    for i in range(scratch.counts[CHANGED]):
        route = scratch.marks[i, CHANGED_ROUTE]
        more += routes.cost[route, EUR] - scratch.cost[route, EUR]
    for i in range(scratch.counts[ABSENT]):
        task = scratch.absent[i, TASK]
        more -= data.unserved_eur[task] * scratch.absent[task, WAS_UNSERVED]
        if not len(data.features.hours):
            least += data.least_service_eur[task]
    for i in range(scratch.counts[ABSENT]):
        task = np.uint32(scratch.absent[i, TASK])
        more += reinsert(data, routes, scratch, task, EVERYWHERE_CHANCE)
        if not len(data.features.hours):
            least -= data.least_service_eur[task]
        if more + least > most + EPS:
            return False
    return True


@compiled
def imbalance_eur(data: Any, routes: Any) -> float:
    """The price of the longest route being longer than the mean."""
    longest, all_s, used = 0.0, 0.0, 0
    for route in range(len(routes.size) if data.balance_eur_per_s else 0):
        if routes.size[route]:
            used += 1
            all_s += routes.cost[route, SEC]
            longest = max(longest, routes.cost[route, SEC])
    return data.balance_eur_per_s * (longest - all_s / used) if used else 0.0


@compiled
def plan_eur(data: Any, routes: Any) -> float:
    """The price of the plan: routes, what is unserved, balance."""
    eur = imbalance_eur(data, routes)
    for route in range(len(routes.size)):
        if routes.size[route]:
            eur += routes.cost[route, EUR]
    for task in range(len(routes.assigned)):
        if routes.assigned[task, ROUTE] < 0:
            eur += data.unserved_eur[task]
    return eur


@compiled
def pool_route(data: Any, routes: Any, pool: Any, route: int) -> None:
    """Put a route into the pool; where the same set of tasks is there, the cheaper order stays."""
    n = routes.size[route]
    key = np.uint64(data.shift_type[route] + 1) * np.uint64(0x9E3779B97F4A7C15)
    for position in range(n):
        key ^= np.uint64(data.hash_keys[routes.tasks[route, position]])
    mask = np.uint64(len(pool.slots) - 1)
    slot = key & mask
    while pool.slots[slot] >= 0 and pool.keys[pool.slots[slot]] != key:
        slot = (slot + np.uint64(1)) & mask
    i = pool.slots[slot]
    if i < 0:
        if pool.counts[0] >= len(pool.keys) or pool.counts[1] + n > len(pool.tasks):
            return
        i = pool.counts[0]
        pool.slots[slot] = i
        pool.keys[i], pool.shift_type[i], pool.begin[i], pool.length[i] = key, data.shift_type[route], pool.counts[1], n
        pool.eur[i] = INF
        pool.counts[0] += 1
        pool.counts[1] += n
    if routes.cost[route, EUR] < pool.eur[i]:
        pool.eur[i] = routes.cost[route, EUR]
        for position in range(n):
            task = routes.tasks[route, position]
            row = pool.begin[i] + position
            pool.tasks[row], pool.unload_before[row] = task, routes.unload_before[task]


@compiled
def retry_unserved(data: Any, routes: Any, scratch: Any, seed: int) -> None:
    """Unserved tasks near a ruin are tried again."""
    wanted, taken = RETRIES, scratch.counts[ABSENT]
    for i in range(taken):
        routes.assigned[scratch.absent[i, TASK], ROUTE] = -2  # not these
    for i in range(data.neighbours.shape[1]):
        task = data.neighbours[seed, i]
        if routes.assigned[task, ROUTE] == -1:
            scratch.absent[scratch.counts[ABSENT], TASK] = task
            scratch.counts[ABSENT] += 1
            scratch.absent[task, WAS_UNSERVED] = True
            wanted -= 1
            if wanted == 0:
                break
    for i in range(taken):
        routes.assigned[scratch.absent[i, TASK], ROUTE] = -1


@inlined
def step_eur(data: Any, routes: Any, scratch: Any) -> float:
    """What this step has changed of the plan's price, balance aside."""
    more = 0.0
    for i in range(scratch.counts[CHANGED]):
        route = scratch.marks[i, CHANGED_ROUTE]
        more += routes.cost[route, EUR] - scratch.cost[route, EUR]
    for i in range(scratch.counts[ABSENT]):
        task = scratch.absent[i, TASK]
        more += data.unserved_eur[task] * ((routes.assigned[task, ROUTE] < 0) - scratch.absent[task, WAS_UNSERVED])
    return more


@compiled
def save_best(routes: Any, best_plan: Any, eur: float) -> None:
    """This plan is the best so far."""
    best_plan.eur[0] = eur
    for route in range(len(routes.size)):
        best_plan.size[route] = routes.size[route]
        for position in range(routes.size[route]):
            task = routes.tasks[route, position]
            best_plan.tasks[route, position], best_plan.unload_before[task] = task, routes.unload_before[task]


@inlined
def invalidate(routes: Any, route: int) -> None:
    """A route's partials are to be worked out anew."""
    routes.valid[route, FORWARD], routes.valid[route, BACKWARD] = 0, routes.size[route]
    routes.valid[route, STALE_FORWARD], routes.valid[route, STALE_BACKWARD] = routes.size[route], -1


@entry
def load_plan(data: Any, routes: Any, scratch: Any, plan: Any) -> float:
    """Go on from a plan set aside; its price."""
    for task in range(len(routes.assigned)):
        routes.assigned[task, ROUTE] = -1
    scratch.counts[UNSERVED] = len(routes.assigned)
    for route in range(len(routes.size)):
        routes.size[route] = plan.size[route]
        scratch.counts[UNSERVED] -= plan.size[route]
        for i in range(routes.totals.shape[1]):
            routes.totals[route, i] = 0.0
        for position in range(plan.size[route]):
            task = plan.tasks[route, position]
            routes.tasks[route, position], routes.unload_before[task] = task, plan.unload_before[task]
            add_to_totals(data, routes, task, np.uint32(route), np.int64(1))
        routes.valid[route, CLOCK] = 0
        invalidate(routes, route)
        refresh_route(data, routes, np.uint32(route), np.int64(0), np.int64(plan.size[route] - 1))
    return plan_eur(data, routes)


@entry
def pool_plan(data: Any, routes: Any, pool: Any) -> None:
    """Put all routes of the plan into the pool."""
    for route in range(len(routes.size)):
        if routes.size[route]:
            pool_route(data, routes, pool, np.uint32(route))


@inlined
def next_insertion(data: Any, routes: Any, scratch: Any, task: int, route: int) -> Any:
    """At the end of a route if the task finds a place there, else where it costs least in an empty one."""
    timed = len(data.features.durations) > 0
    best = Insertion(data.unserved_eur[task], np.int64(-1), np.int64(0), np.int64(0))
    scratch.counts[DEFERRED] = 0
    if route >= 0 and may_serve(data, routes, task, np.uint32(route)):
        best = better_insertion(data, routes, scratch, task, np.uint32(route), routes.size[route], best)
        if len(data.features.hours):
            best = best_clocked_insertion(data, routes, scratch, task, best)
    if best.route < 0 or timed:
        empty = -1
        for i in range(len(routes.size)):
            empty_route = np.uint32(i)
            if (
                routes.size[empty_route] == 0
                and (empty < 0 or data.shift_type[empty_route] != data.shift_type[empty])
                and may_serve(data, routes, task, empty_route)
            ):
                empty = i
                best = better_insertion(data, routes, scratch, task, empty_route, np.int64(0), best)
        if len(data.features.hours):
            best = best_clocked_insertion(data, routes, scratch, task, best)
    return best


@inlined
def fill_in_order(data: Any, routes: Any, scratch: Any) -> None:
    """Serve what is unserved in the spatial order, one route after the other, as far as there is a place."""
    route = np.int64(-1)
    for i in range(len(routes.assigned)):
        task = data.spatial_order[i]
        if routes.assigned[task, ROUTE] < 0:
            best = next_insertion(data, routes, scratch, task, route)
            if best.route >= 0:
                route = best.route
                insert_task(data, routes, task, np.uint32(route), best.position, best.unload_code)


@entry
def fill_plan(data: Any, routes: Any, scratch: Any, best_plan: Any) -> float:
    """Put in whatever is unserved: in the spatial order in a large problem, then in random order; the plan's price.
    It becomes the best plan."""
    if len(routes.assigned) > LARGE:
        fill_in_order(data, routes, scratch)
    scratch.counts[CHANGED] = scratch.counts[ABSENT] = scratch.counts[SAVED_TASKS] = 0
    for task in range(len(routes.assigned)):
        if routes.assigned[task, ROUTE] < 0:
            scratch.absent[scratch.counts[ABSENT], TASK] = task
            scratch.counts[ABSENT] += 1
    scratch.counts[UNSERVED] = 0
    for i in range(scratch.counts[ABSENT]):
        picked = i + uniform_int(scratch.random, scratch.counts[ABSENT] - i)
        absent_task = np.uint32(scratch.absent[picked, TASK])
        scratch.absent[picked, TASK] = scratch.absent[i, TASK]
        reinsert(data, routes, scratch, absent_task, 1.0)
        scratch.counts[UNSERVED] += routes.assigned[absent_task, ROUTE] < 0
    for route in range(len(routes.size)):
        scratch.marks[route, SAVED] = 0
    eur = plan_eur(data, routes)
    save_best(routes, best_plan, eur)
    return eur


@entry
def run_steps(
    data: Any,
    routes: Any,
    scratch: Any,
    best_plan: Any,
    pool: Any,
    steps: int,
    temperature: float,
    eur: float,
    margin: float,
) -> float:
    """``steps`` steps at a ``temperature`` (euros) from a plan of ``eur``; the price of the plan at the end.

    Routes of plans within ``margin`` euros of the best go into the pool.
    """
    for route in range(len(routes.size)):
        invalidate(routes, np.uint32(route))  # sums of differences are as exact as they are short
    uneven = imbalance_eur(data, routes)
    for _ in range(steps):
        scratch.counts[STEPS] += 1
        scratch.counts[CHANGED] = scratch.counts[ABSENT] = scratch.counts[SAVED_TASKS] = 0
        seed = ruin(data, routes, scratch)
        if scratch.counts[UNSERVED]:
            retry_unserved(data, routes, scratch, seed)
        most = -temperature * np.log(max(uniform(scratch.random), 1e-300))
        found, then = INF, 0.0
        if recreate(data, routes, scratch, most + uneven):  # it may become as even as can be
            then = imbalance_eur(data, routes)
            found = eur + step_eur(data, routes, scratch) + then - uneven
        if found < eur + most:
            eur, uneven = found, then
            for i in range(scratch.counts[ABSENT]):
                task = scratch.absent[i, TASK]
                scratch.counts[UNSERVED] += (routes.assigned[task, ROUTE] < 0) - scratch.absent[task, WAS_UNSERVED]
            if eur < best_plan.eur[0] - 1e-7:
                save_best(routes, best_plan, eur)
            if eur < best_plan.eur[0] + margin:
                for i in range(scratch.counts[CHANGED]):
                    if routes.size[scratch.marks[i, CHANGED_ROUTE]]:
                        pool_route(data, routes, pool, scratch.marks[i, CHANGED_ROUTE])
        else:
            undo_step(data, routes, scratch)
        for i in range(scratch.counts[CHANGED]):
            scratch.marks[scratch.marks[i, CHANGED_ROUTE], SAVED] = 0
        for i in range(scratch.counts[ABSENT]):
            scratch.absent[scratch.absent[i, TASK], WAS_UNSERVED] = False
    return eur
