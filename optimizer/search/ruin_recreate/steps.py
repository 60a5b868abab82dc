# mypy: disable-error-code="untyped-decorator,no-any-return"
"""Ruin and recreate: strings of neighbouring tasks are taken out and put back, thousands of times a second.

Slack induction by string removals (Christiaens and Vanden Berghe 2020, https://doi.org/10.1287/trsc.2019.0914): strings
near a task are removed from as many routes, the tasks go back one by one, each where the plan becomes cheapest, a place
being passed over now and then; what is a little worse is accepted as in simulated annealing. What differs from the
paper: modes and unloadings are priced exactly (``kernels``), a task is tried beside its neighbours only, and every good
route is remembered (``Met``) for the recombination.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.search.ruin_recreate.clock import with_task
from optimizer.search.ruin_recreate.ground import EPS, EUR, FIXED, SEC, Floats, Ground, Indices, Ints
from optimizer.search.ruin_recreate.kernels import (
    count,
    drop_needless_unloads,
    has_room,
    insert,
    moved_eur,
    on_clock,
    place_eur,
    refresh,
)
from optimizer.search.ruin_recreate.routes import (
    AHEAD,
    AT,
    BACK,
    BROKEN_AHEAD,
    BROKEN_BACK,
    CLOCK,
    INF,
    ROUTE,
    compiled,
    entry,
    inlined,
    routes_for,
)

REMOVED, STRING = 10, 10  # tasks removed per step about, in a string at most
SPLIT, DEEPER = 0.5, 0.5  # a string keeps a part in its middle; that part grows
BLINK = 0.01
WHOLE = 0.01  # of the steps take a whole route out, where a truck has its price, or a whole trip
LARGE = 2_000  # tasks: from then on the first plan follows the walk, and
HERE, STAY = 250, 250  # tasks along the walk are ruined for so many steps, and
LONG = 0.3  # strings are such a part of a mean route
FEW = 4  # with so few routes a route may lose several strings
BESIDE = 20  # a task is tried beside so many of its neighbours; beside all where that gives none
EVERYWHERE = 0.05  # chance to be tried everywhere where that gives none either
TRIES = 16  # places that are looked at on the clock, the cheapest first
RETRIES = 4  # unserved tasks near a ruin that are tried again


class Met(NamedTuple):
    """Routes met on the way, by shift and set of tasks, the cheapest row of each; a hash table over rows of tasks."""

    slots: NDArray[np.int64]  # index into the following, -1 free
    keys: NDArray[np.uint64]
    eur: Floats
    shift: Ints
    begin: NDArray[np.int64]
    length: Ints
    tasks: Ints
    via: NDArray[np.int8]
    counts: NDArray[np.int64]  # routes, tasks written


class Work(NamedTuple):
    """What one search needs besides its routes: the routes as they were before the step, lists, random numbers."""

    seq: Indices  # n: tasks of the routes kept, one route after the other
    begin: Ints  # K: where a route kept begins
    size: Ints
    via: NDArray[np.int8]  # n, by the place in ``seq``, as are cells, loads, clock and tail
    cells: Floats
    loads: Floats
    cost: Floats
    whole: Floats
    reach: Ints
    clock: Floats
    tail: Floats
    marks: Indices  # K, (DIRTY, RUINED, TOUCHED, ROOM): three flags and a list
    looked: NDArray[np.int64]  # per route the number of the insertion that looked at it
    before: NDArray[np.int64]  # n + K: ... that looked at the place before a task, at the end of a route
    offers: Floats  # n + 2 K, (price, route, index, code): places on the clock
    absent: (
        Ints  # n; TASK: a list, first those taken out in this step; WAS_OUT: by task, whether it was unserved before
    )
    key: Floats
    counts: NDArray[np.int64]
    random: NDArray[np.uint64]


DIRTY, RUINED, TOUCHED, ROOM = range(4)
TASK, WAS_OUT = range(2)
#: ``Work.counts``: insertions, steps, routes touched, tasks absent in this step, tasks unserved, offers on the clock,
#: tasks of the routes kept, around where on the walk it is ruined.
INSERTIONS, STEPS, CHANGED, ABSENT, UNSERVED, OFFERS, KEPT, AROUND = range(8)


class Best(NamedTuple):
    """The best plan so far."""

    seq: Indices
    via: NDArray[np.int8]
    size: Ints
    eur: Floats  # one number


def met_for(routes: int, tasks: int) -> Met:
    slots = 1 << (2 * routes - 1).bit_length()
    return Met(
        slots=np.full(slots, -1, np.int64),
        keys=np.zeros(routes, np.uint64),
        eur=np.zeros(routes),
        shift=np.zeros(routes, np.int32),
        begin=np.zeros(routes, np.int64),
        length=np.zeros(routes, np.int32),
        tasks=np.zeros(tasks, np.int32),
        via=np.zeros(tasks, np.int8),
        counts=np.zeros(2, np.int64),
    )


def work_for(ground: Ground, seed: int) -> Work:
    k, n = len(ground.kind), len(ground.load)
    was = routes_for(ground)
    return Work(
        np.zeros(n, np.uint32), np.zeros(k, np.int32), *was[1:10],
        np.zeros((k, 4), np.uint32), np.zeros(k, np.int64), np.zeros(n + k, np.int64),
        np.zeros((n + 2 * k, 4)), np.zeros((n, 2), np.int32), np.zeros(n), np.zeros(8, np.int64),
        np.random.SeedSequence(seed).generate_state(2, np.uint64).astype(np.uint64),
    )  # fmt: skip


@inlined
def rand(state: Any) -> float:
    """Uniform in [0, 1): xorshift128+ (Vigna 2017, https://doi.org/10.1016/j.cam.2016.11.006)."""
    a, b = state[0], state[1]
    state[0] = b
    a ^= a << np.uint64(23)
    state[1] = a ^ b ^ (a >> np.uint64(18)) ^ (b >> np.uint64(5))
    return float((state[1] + b) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def below(state: Any, n: int) -> int:
    return int(rand(state) * n)


@inlined
def keep(g: Any, s: Any, w: Any, r: int) -> None:
    """Remember a route before it is changed in this step: its tasks one after the other, behind those kept before."""
    if w.marks[r, DIRTY]:
        return
    w.marks[r, DIRTY] = 1
    w.marks[w.counts[CHANGED], TOUCHED] = r
    w.counts[CHANGED] += 1
    n, begin = s.size[r], w.counts[KEPT]
    w.counts[KEPT] += n
    w.begin[r], w.size[r] = begin, n
    copy_route(s, w, r)
    for p in range(n):
        x, i = s.seq[r, p], np.uint32(begin + p)
        w.seq[i], w.via[i] = x, s.via[x]
        copy_task(g, s, w, x, i)


@inlined
def undo(g: Any, s: Any, w: Any) -> None:
    """All as it was before this step."""
    for i in range(w.counts[ABSENT]):
        s.spot[w.absent[i, TASK], ROUTE] = -1
    for i in range(w.counts[CHANGED]):
        r = w.marks[i, TOUCHED]
        s.size[r] = w.size[r]
        copy_route(w, s, r)
        for p in range(w.size[r]):
            j = np.uint32(w.begin[r] + p)
            x = w.seq[j]
            s.seq[r, p], s.via[x] = x, w.via[j]
            s.spot[x, ROUTE], s.spot[x, AT] = r, p
            copy_task(g, w, s, j, x)


@inlined
def copy_route(a: Any, b: Any, r: int) -> None:
    b.cost[r, EUR], b.cost[r, SEC] = a.cost[r, EUR], a.cost[r, SEC]
    for i in range(5):
        b.reach[r, i] = a.reach[r, i]
    for i in range(a.whole.shape[1]):
        b.whole[r, i] = a.whole[r, i]


@inlined
def copy_task(g: Any, a: Any, b: Any, x: int, y: int) -> None:
    """What stands with task ``x`` of ``a`` to ``y`` of ``b``."""
    for k in range(len(g.shape.modes)):
        for i in range(4 if len(g.shape.timed) else 2):
            b.cells[y, k, i] = a.cells[x, k, i]
    for k in range(len(g.shape.loads)):
        for i in range(2 if len(g.shape.unloads) else 1):
            b.loads[y, k, i] = a.loads[x, k, i]
    if len(g.shape.clock):
        for k in range(len(g.shape.modes)):
            for i in range(4):
                b.clock[y, k, i] = a.clock[x, k, i]
        for i in range(7):
            b.tail[y, i] = a.tail[x, i]


@compiled
def take_out(g: Any, s: Any, w: Any, r: int, start: int, end: int, gap: int, end_gap: int) -> None:
    """Take the tasks of a route from one index to another out of it, but for those in a gap between them."""
    keep(g, s, w, r)
    size, to, carried = s.size[r], start, 0
    for p in range(start, size):
        x = s.seq[r, p]
        if p < end and not gap <= p < end_gap:
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
            s.spot[x, ROUTE] = -1
            carried |= s.via[x]
            count(g, s, x, r, np.int64(-1))
        else:
            s.seq[r, to] = x
            s.via[x] |= carried
            carried = 0
            to += 1
    s.size[r] = to
    s.reach[r, BACK] -= size - to
    if s.reach[r, BROKEN_AHEAD] >= end:
        s.reach[r, BROKEN_AHEAD] -= size - to
    refresh(g, s, r, np.int64(start), np.int64(start + end_gap - gap - 1))
    if len(g.shape.unloads):
        drop_needless_unloads(g, s, r)


@inlined
def remove_string(g: Any, s: Any, w: Any, c: int, longest: float) -> None:
    """Take a string of tasks around ``c`` out of its route, or two with a rest between them left."""
    r = np.uint32(s.spot[c, ROUTE])
    pins, size = g.pins[r], s.size[r]
    n = size - pins
    length = min(n, int(rand(w.random) * min(float(n), longest) + 1.0))
    left = 0
    if 1 < length < n and rand(w.random) < SPLIT:
        while length + left < n and rand(w.random) > DEEPER:
            left += 1
    whole = length + left
    lowest, highest = max(pins, s.spot[c, AT] - whole + 1), min(s.spot[c, AT], size - whole)
    start = np.int64(lowest + below(w.random, highest - lowest + 1))
    gap = start
    if left:
        gap = start + 1 + below(w.random, length - 1)
    take_out(g, s, w, r, start, np.int64(start + whole), np.int64(gap), np.int64(gap + left))


@inlined
def remove_trip(g: Any, s: Any, w: Any, c: int) -> None:
    """Take all that is loaded together with ``c`` out of its route."""
    r = np.uint32(s.spot[c, ROUTE])
    start, end = np.int64(s.spot[c, AT]), np.int64(s.spot[c, AT] + 1)
    while start > g.pins[r] and not s.via[s.seq[r, start]]:
        start -= 1
    while end < s.size[r] and not s.via[s.seq[r, end]]:
        end += 1
    take_out(g, s, w, r, start, end, end, end)


@inlined
def ruin(g: Any, s: Any, w: Any) -> int:
    """Take strings out near a task, which is returned; now and then its whole trip or route."""
    n, used = len(s.spot), 0
    if n > LARGE:  # for a while all that happens is near: it stays in the processor's cache
        if w.counts[STEPS] % STAY == 0:
            w.counts[AROUND] = below(w.random, n)
        seed = int(g.walk[(w.counts[AROUND] + below(w.random, np.int64(HERE))) % n])
    else:
        seed = below(w.random, n)
    for r in range(len(s.size)):
        w.marks[r, RUINED] = 0
        used += s.size[r] > 0
    if not used:
        return seed
    own, trips = s.spot[seed, ROUTE], len(g.shape.unloads) > 0
    if own >= 0 and s.spot[seed, AT] >= g.pins[own] and rand(w.random) < WHOLE:
        priced = g.by_shift[own, FIXED] > 0
        if trips and not (priced and rand(w.random) < 0.5):
            remove_trip(g, s, w, seed)
            return seed
        if priced:
            size = np.int64(s.size[own])
            take_out(g, s, w, np.uint32(own), np.int64(g.pins[own]), size, size, size)
            return seed
    long = LONG * n / used if n > LARGE else 0.0
    longest = min(max(float(STRING), long), max(1.0, n / used))
    strings = int(rand(w.random) * (4.0 * max(float(REMOVED), long) / (1.0 + longest) - 1.0) + 1.0)
    for i in range(g.near.shape[1]):
        c = g.near[seed, i]
        r = s.spot[c, ROUTE]
        if r < 0 or (w.marks[r, RUINED] and used > FEW) or s.spot[c, AT] < g.pins[r]:
            continue
        w.marks[r, RUINED] = 1
        remove_string(g, s, w, c, longest)
        strings -= 1
        if strings == 0:
            break
    return seed


@inlined
def order_absent(g: Any, w: Any) -> None:
    """Sort the absent tasks: at random, heaviest first, farthest first, nearest first."""
    how = below(w.random, np.int64(11))
    absent = w.counts[ABSENT]
    for i in range(absent):
        x = w.absent[i, TASK]
        if how < 4:
            w.key[i] = rand(w.random)
        elif how < 8:
            w.key[i] = -g.load[x, 0] if g.load.shape[1] else rand(w.random)
        elif how < 10:
            w.key[i] = -g.far[x]
        else:
            w.key[i] = g.far[x]
    for i in range(1, absent):
        key, x, j = w.key[i], w.absent[i, TASK], i - 1
        while j >= 0 and w.key[j] > key:
            w.key[j + 1], w.absent[j + 1, TASK] = w.key[j], w.absent[j, TASK]
            j -= 1
        w.key[j + 1], w.absent[j + 1, TASK] = key, x


class Spot(NamedTuple):
    """Where a task goes: what the plan becomes dearer, the route (-1: none), the index there, how it is emptied."""

    eur: Any
    route: Any
    at: Any
    code: Any


@inlined
def look(g: Any, s: Any, w: Any, x: int, r: int, p: int, best: Any) -> Any:
    """The better one of a spot and another. On the clock that is not known yet: it is put on the list of offers."""
    eur, code = place_eur(g, s, x, r, p, best.eur + s.cost[r, EUR])
    eur -= s.cost[r, EUR]
    if eur >= best.eur:
        return best
    if len(g.shape.clock) and (g.windowed[x] or on_clock(g, s, r)):
        i = w.counts[OFFERS]
        w.offers[i, 0], w.offers[i, 1], w.offers[i, 2], w.offers[i, 3] = eur, r, p, code
        w.counts[OFFERS] += 1
        return best
    return Spot(eur, np.int64(r), np.int64(p), np.int64(code))


@inlined
def by_hours(g: Any, s: Any, w: Any, x: int, best: Any) -> Any:
    """The best of the offers on the clock, looked at from the cheapest on, and of the spot known."""
    for tried in range(w.counts[OFFERS]):
        if tried >= TRIES and best.route >= 0:
            break
        i = 0
        for j in range(1, w.counts[OFFERS]):
            if w.offers[j, 0] < w.offers[i, 0]:
                i = j
        if w.offers[i, 0] >= best.eur:
            break
        w.offers[i, 0] = INF
        r, p, code = np.int64(w.offers[i, 1]), np.int64(w.offers[i, 2]), np.int64(w.offers[i, 3])
        eur = with_task(g, s, r, np.int64(x), p, code)[0] - s.cost[r, EUR]
        eur += s.whole[r, len(g.shape.loads) + 2] + moved_eur(g, x, r)
        if eur < best.eur:
            best = Spot(eur, r, p, code)
    return best


@inlined
def best_spot(g: Any, s: Any, w: Any, x: int, blink: float, beside: int) -> Any:
    """Where a task costs least: beside the first ``beside`` of its neighbours that are served, or in an empty route;
    with ``beside`` 0 at any place. Places are passed over with a chance of ``blink``."""
    w.counts[INSERTIONS] += 1
    w.counts[OFFERS] = 0
    stamp, seen, tasks = w.counts[INSERTIONS], 0, len(s.spot)
    best = Spot(g.unserved_eur[x], np.int64(-1), np.int64(0), np.int64(0))
    for i in range(1, g.near.shape[1] if beside else 1):
        y = g.near[x, i]
        if s.spot[y, ROUTE] < 0:
            continue
        r = np.uint32(s.spot[y, ROUTE])
        seen += 1
        if seen > beside:
            break
        if w.looked[r] != stamp:
            w.looked[r] = stamp
            w.marks[r, ROOM] = has_room(g, s, x, r)
        if not w.marks[r, ROOM]:
            continue
        for p in range(max(s.spot[y, AT], g.pins[r]), s.spot[y, AT] + 2):
            after = s.seq[r, p] if p < s.size[r] else tasks + r
            if w.before[after] != stamp:
                w.before[after] = stamp
                if rand(w.random) >= blink:
                    best = look(g, s, w, x, r, p, best)
    empty = -1
    for i in range(len(s.size)):
        k = np.uint32(i)
        if s.size[k]:
            if beside or not has_room(g, s, x, k):
                continue
        elif (empty >= 0 and g.alike[k] == g.alike[empty]) or not has_room(g, s, x, k):
            continue
        else:
            empty = i
        for p in range(g.pins[k], s.size[k] + 1):
            if s.size[k] == 0 or rand(w.random) >= blink:
                best = look(g, s, w, x, k, p, best)
    if len(g.shape.clock):
        best = by_hours(g, s, w, x, best)
    return best


@inlined
def put_back(g: Any, s: Any, w: Any, x: int, everywhere: float) -> float:
    """Put a task where it costs least, if that is less than to leave it; what the plan becomes dearer by it. As long as
    there is a place in a route, nothing is left and no truck drives out: it is looked for ``everywhere`` with this
    chance."""
    timed = len(g.shape.timed) > 0
    for tried in range(3):
        beside = BESIDE if tried == 0 else g.near.shape[1] if tried == 1 else 0
        best = best_spot(g, s, w, x, 0.0 if tried else BLINK, beside)
        if best.route >= 0 and (s.size[best.route] or not (g.by_shift[best.route, FIXED] or timed)):
            break
        if tried == 1 and rand(w.random) >= everywhere:
            break
    if best.route >= 0:
        r = np.uint32(best.route)
        keep(g, s, w, r)
        insert(g, s, x, r, best.at, best.code)
    return float(best.eur)


@inlined
def recreate(g: Any, s: Any, w: Any, most: float) -> bool:
    """Put the absent tasks back. False as soon as it is certain that the plan becomes ``most`` euros dearer than before
    the step: what is still absent costs at least its service, but for where a truck may wait: it costs nothing then."""
    order_absent(g, w)
    more, least = 0.0, 0.0
    for i in range(w.counts[CHANGED]):
        r = w.marks[i, TOUCHED]
        more += s.cost[r, EUR] - w.cost[r, EUR]
    for i in range(w.counts[ABSENT]):
        x = w.absent[i, TASK]
        more -= g.unserved_eur[x] * w.absent[x, WAS_OUT]
        if not len(g.shape.clock):
            least += g.least_eur[x]
    for i in range(w.counts[ABSENT]):
        x = np.uint32(w.absent[i, TASK])
        more += put_back(g, s, w, x, EVERYWHERE)
        if not len(g.shape.clock):
            least -= g.least_eur[x]
        if more + least > most + EPS:
            return False
    return True


@compiled
def uneven_eur(g: Any, s: Any) -> float:
    """The price of the longest route being longer than the mean."""
    longest, all_s, used = 0.0, 0.0, 0
    for r in range(len(s.size) if g.balance else 0):
        if s.size[r]:
            used += 1
            all_s += s.cost[r, SEC]
            longest = max(longest, s.cost[r, SEC])
    return g.balance * (longest - all_s / used) if used else 0.0


@compiled
def whole_eur(g: Any, s: Any) -> float:
    """The price of the plan: routes, what is unserved, balance."""
    eur = uneven_eur(g, s)
    for r in range(len(s.size)):
        if s.size[r]:
            eur += s.cost[r, EUR]
    for x in range(len(s.spot)):
        if s.spot[x, ROUTE] < 0:
            eur += g.unserved_eur[x]
    return eur


@compiled
def remember(g: Any, s: Any, met: Any, r: int) -> None:
    """Put a route among those met; where the same tasks were met before, the cheaper row stays."""
    n = s.size[r]
    key = np.uint64(g.alike[r] + 1) * np.uint64(0x9E3779B97F4A7C15)
    for p in range(n):
        key ^= np.uint64(g.salt[s.seq[r, p]])
    mask = np.uint64(len(met.slots) - 1)
    slot = key & mask
    while met.slots[slot] >= 0 and met.keys[met.slots[slot]] != key:
        slot = (slot + np.uint64(1)) & mask
    i = met.slots[slot]
    if i < 0:
        if met.counts[0] >= len(met.keys) or met.counts[1] + n > len(met.tasks):
            return
        i = met.counts[0]
        met.slots[slot] = i
        met.keys[i], met.shift[i], met.begin[i], met.length[i] = key, g.alike[r], met.counts[1], n
        met.eur[i] = INF
        met.counts[0] += 1
        met.counts[1] += n
    if s.cost[r, EUR] < met.eur[i]:
        met.eur[i] = s.cost[r, EUR]
        for p in range(n):
            x = s.seq[r, p]
            met.tasks[met.begin[i] + p], met.via[met.begin[i] + p] = x, s.via[x]


@compiled
def add_unserved(g: Any, s: Any, w: Any, seed: int) -> None:
    """Unserved tasks near a ruin are tried again."""
    wanted, taken = RETRIES, w.counts[ABSENT]
    for i in range(taken):
        s.spot[w.absent[i, TASK], ROUTE] = -2  # not these
    for i in range(g.near.shape[1]):
        x = g.near[seed, i]
        if s.spot[x, ROUTE] == -1:
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
            w.absent[x, WAS_OUT] = True
            wanted -= 1
            if wanted == 0:
                break
    for i in range(taken):
        s.spot[w.absent[i, TASK], ROUTE] = -1


@inlined
def changed_eur(g: Any, s: Any, w: Any) -> float:
    """What this step has changed of the plan's price, balance aside."""
    more = 0.0
    for i in range(w.counts[CHANGED]):
        r = w.marks[i, TOUCHED]
        more += s.cost[r, EUR] - w.cost[r, EUR]
    for i in range(w.counts[ABSENT]):
        x = w.absent[i, TASK]
        more += g.unserved_eur[x] * ((s.spot[x, ROUTE] < 0) - w.absent[x, WAS_OUT])
    return more


@compiled
def save(s: Any, b: Any, eur: float) -> None:
    """This plan is the best so far."""
    b.eur[0] = eur
    for r in range(len(s.size)):
        b.size[r] = s.size[r]
        for p in range(s.size[r]):
            x = s.seq[r, p]
            b.seq[r, p], b.via[x] = x, s.via[x]


@inlined
def forget(s: Any, r: int) -> None:
    """A route's programmes are to be worked out anew."""
    s.reach[r, AHEAD], s.reach[r, BACK] = 0, s.size[r]
    s.reach[r, BROKEN_AHEAD], s.reach[r, BROKEN_BACK] = s.size[r], -1


@entry
def set_plan(g: Any, s: Any, w: Any, b: Any) -> float:
    """Go on from the plan in ``b``; its price."""
    for x in range(len(s.spot)):
        s.spot[x, ROUTE] = -1
    w.counts[UNSERVED] = len(s.spot)
    for r in range(len(s.size)):
        s.size[r] = b.size[r]
        w.counts[UNSERVED] -= b.size[r]
        for i in range(s.whole.shape[1]):
            s.whole[r, i] = 0.0
        for p in range(b.size[r]):
            x = b.seq[r, p]
            s.seq[r, p], s.via[x] = x, b.via[x]
            count(g, s, x, np.uint32(r), np.int64(1))
        s.reach[r, CLOCK] = 0
        forget(s, r)
        refresh(g, s, np.uint32(r), np.int64(0), np.int64(b.size[r] - 1))
    return whole_eur(g, s)


@entry
def remember_plan(g: Any, s: Any, met: Any) -> None:
    """Put all routes of a plan among those met."""
    for r in range(len(s.size)):
        if s.size[r]:
            remember(g, s, met, np.uint32(r))


@inlined
def next_spot(g: Any, s: Any, w: Any, x: int, r: int) -> Any:
    """At the end of route ``r`` if the task finds a place there, else where it costs least in an empty one."""
    timed = len(g.shape.timed) > 0
    best = Spot(g.unserved_eur[x], np.int64(-1), np.int64(0), np.int64(0))
    w.counts[OFFERS] = 0
    if r >= 0 and has_room(g, s, x, np.uint32(r)):
        best = look(g, s, w, x, np.uint32(r), s.size[r], best)
        if len(g.shape.clock):
            best = by_hours(g, s, w, x, best)
    if best.route < 0 or timed:
        empty = -1
        for i in range(len(s.size)):
            k = np.uint32(i)
            if s.size[k] == 0 and (empty < 0 or g.alike[k] != g.alike[empty]) and has_room(g, s, x, k):
                empty = i
                best = look(g, s, w, x, k, np.int64(0), best)
        if len(g.shape.clock):
            best = by_hours(g, s, w, x, best)
    return best


@inlined
def lay_out(g: Any, s: Any, w: Any) -> None:
    """Serve what is unserved in the order of the walk, one route after the other, as far as there is a place."""
    r = np.int64(-1)
    for i in range(len(s.spot)):
        x = g.walk[i]
        if s.spot[x, ROUTE] < 0:
            best = next_spot(g, s, w, x, r)
            if best.route >= 0:
                r = best.route
                insert(g, s, x, np.uint32(r), best.at, best.code)


@entry
def fill(g: Any, s: Any, w: Any, b: Any) -> float:
    """Put in whatever is unserved: along the walk in a large problem, then in random order; the plan's price. It
    becomes the best plan."""
    if len(s.spot) > LARGE:
        lay_out(g, s, w)
    w.counts[CHANGED] = w.counts[ABSENT] = w.counts[KEPT] = 0
    for x in range(len(s.spot)):
        if s.spot[x, ROUTE] < 0:
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
    w.counts[UNSERVED] = 0
    for i in range(w.counts[ABSENT]):
        j = i + below(w.random, w.counts[ABSENT] - i)
        y = np.uint32(w.absent[j, TASK])
        w.absent[j, TASK] = w.absent[i, TASK]
        put_back(g, s, w, y, 1.0)
        w.counts[UNSERVED] += s.spot[y, ROUTE] < 0
    for r in range(len(s.size)):
        w.marks[r, DIRTY] = 0
    eur = whole_eur(g, s)
    save(s, b, eur)
    return eur


@entry
def search(g: Any, s: Any, w: Any, b: Any, met: Any, steps: int, heat: float, eur: float, margin: float) -> float:
    """``steps`` steps at a temperature of ``heat`` euros from a plan of ``eur``; the price of the plan at the end.

    Routes of plans within ``margin`` euros of the best are remembered.
    """
    for r in range(len(s.size)):
        forget(s, np.uint32(r))  # sums of differences are as exact as they are short
    uneven = uneven_eur(g, s)
    for _ in range(steps):
        w.counts[STEPS] += 1
        w.counts[CHANGED] = w.counts[ABSENT] = w.counts[KEPT] = 0
        seed = ruin(g, s, w)
        if w.counts[UNSERVED]:
            add_unserved(g, s, w, seed)
        most = -heat * np.log(max(rand(w.random), 1e-300))
        found, then = INF, 0.0
        if recreate(g, s, w, most + uneven):  # it may become as even as can be
            then = uneven_eur(g, s)
            found = eur + changed_eur(g, s, w) + then - uneven
        if found < eur + most:
            eur, uneven = found, then
            for i in range(w.counts[ABSENT]):
                w.counts[UNSERVED] += (s.spot[w.absent[i, TASK], ROUTE] < 0) - w.absent[w.absent[i, TASK], WAS_OUT]
            if eur < b.eur[0] - 1e-7:
                save(s, b, eur)
            if eur < b.eur[0] + margin:
                for i in range(w.counts[CHANGED]):
                    if s.size[w.marks[i, TOUCHED]]:
                        remember(g, s, met, w.marks[i, TOUCHED])
        else:
            undo(g, s, w)
        for i in range(w.counts[CHANGED]):
            w.marks[w.marks[i, TOUCHED], DIRTY] = 0
        for i in range(w.counts[ABSENT]):
            w.absent[w.absent[i, TASK], WAS_OUT] = False
    return eur
