# mypy: disable-error-code="untyped-decorator,no-any-return"
"""The routes that are worked on, and the price of any change to them: compiled, without a lock on the interpreter.

A route is a row of tasks; a task may be entered in several modes, and before each task the truck may be emptied on the
way. Which mode, and which site, is never decided: forward and backward dynamic programmes over the whole route keep
the best for every mode of every task, so that what a route costs with one more task, at any place, in its best modes,
is a few additions (the idea of Vidal 2017, https://doi.org/10.1287/opre.2017.1595, for CARP).

``cells[y, k, AHEAD]``: from the depot until task ``y`` has been served in mode ``k``; ``BACK``: from the beginning of
its service until home; both in euros, by the cheapest way, with the seconds of that way beside them. They are renewed
only as far as somebody looks (``reach``): a change in the middle of a long route costs little.
``loads[y, i, FILLED]``: what is on board when ``y`` has been served; ``TRIP``: what will have been on board when the
truck is emptied next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from optimizer.ruin_recreate.ground import (
    BEGIN,
    DEPOT,
    EUR,
    FIXED,
    LENGTH,
    LIMIT,
    NEVER,
    OVER_MORE,
    PER_S,
    PROFILE,
    REST,
    REST_AFTER,
    REST_LATEST,
    SEC,
    SERVICES,
    SET_OUT,
    Floats,
    Ground,
    Indices,
    Ints,
)

INF = np.inf
#: Nothing here makes an array, so that arrays need not be counted: that costs more than the arithmetic. Only what
#: Python calls is cached on disk and gets a way in from Python, which takes longer to compile than the function.
_PLAIN: Any = {"nogil": True, "_nrt": False}
_INNER: Any = {**_PLAIN, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
compiled = njit(**_INNER)
inlined = njit(**_INNER, forceinline=True)
entry = njit(**_PLAIN, cache=True)


class Routes(NamedTuple):
    """Routes (K) of tasks (n). What a programme knows of a task stands with the task: it moves with it."""

    seq: Indices  # K, n: tasks in order
    size: Ints
    via: NDArray[np.int8]  # n; 1: emptied before this task
    cells: Floats  # n, modes, (AHEAD, BACK, AHEAD_S, BACK_S)
    loads: Floats  # n, loads, (FILLED, TRIP)
    cost: Floats  # K, (EUR, SEC)
    whole: Floats  # K, loads + 3: loads of the whole route, tasks, tasks with hours, euros of tasks told elsewhere
    reach: Ints  # K, (AHEAD, BACK): AHEAD is up to date for tasks before this index, BACK for those from this one on
    spot: Ints  # n, (ROUTE, AT): a task's route (-1: unserved) and its index there
    labels: Floats  # 2, modes, (TIME, PAID, SINCE, RESTED): where the clock stands
    trail: Ints  # n + 2, modes, (mode before, way or -1): how the clock came there


AHEAD, BACK, AHEAD_S, BACK_S = range(4)
FILLED, TRIP = range(2)
ROUTE, AT = range(2)
TIME, PAID, SINCE, RESTED = range(4)


def routes_for(ground: Ground) -> Routes:
    """Empty routes, and room for every task in each."""
    k, n = len(ground.kind), len(ground.place)
    modes, dims = len(ground.shape.modes), len(ground.shape.loads)
    return Routes(
        np.zeros((k, n), np.uint32), np.zeros(k, np.int32), np.zeros(n, np.int8),
        np.zeros((n, modes, 4)), np.zeros((n, dims, 2)), np.zeros((k, 2)), np.zeros((k, dims + 3)),
        np.zeros((k, 2), np.int32), np.full((n, 2), -1, np.int32), np.zeros((2, modes, 4)),
        np.zeros((n + 2, modes, 2), np.int32),
    )  # fmt: skip


@inlined
def link(g: Any, c: int, profile: int, rate: float, via: int, a: int, b: int) -> tuple[float, float]:
    """Euros and seconds from the end of place ``a`` to the beginning of ``b``, emptied between them or not.

    ``profile`` and ``rate`` are the class's: given, so that they are not looked up again and again.
    """
    if len(g.shape.unloads) and via:
        best, seconds = g.into[c, a, 0, EUR] + g.out[c, b, 0, EUR], g.into[c, a, 0, SEC] + g.out[c, b, 0, SEC]
        for w in range(1, g.into.shape[2]):
            eur = g.into[c, a, w, EUR] + g.out[c, b, w, EUR]
            if eur < best:
                best, seconds = eur, g.into[c, a, w, SEC] + g.out[c, b, w, SEC]
        return best, seconds
    ds = g.travel_ds[profile, a, b]
    return rate * ds, 0.1 * ds


@inlined
def price(g: Any, r: int, eur: float, seconds: float) -> float:
    """What a used route costs whose links and services cost ``eur`` and take ``seconds``; inf: it may not be."""
    if eur >= g.terms[r, NEVER]:
        return INF
    eur += g.terms[r, FIXED] + g.terms[r, SERVICES] * g.terms[r, PER_S]
    if not len(g.shape.timed):
        return eur
    work_s = seconds + g.terms[r, SERVICES]
    if work_s > g.terms[r, LIMIT]:
        return INF
    rest_s = g.terms[r, REST] if work_s > g.terms[r, REST_AFTER] else 0.0
    over_s = max(0.0, work_s + rest_s - g.terms[r, LENGTH])
    return eur + rest_s * g.terms[r, PER_S] + over_s * g.terms[r, OVER_MORE]


@inlined
def come(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int, via: int, b: int) -> tuple[float, float]:
    """The cheapest way from the depot over the first ``p`` tasks of a route to the beginning of place ``b``."""
    if p == 0:
        return link(g, c, profile, rate, 0, g.origin[c, DEPOT], b)
    best, seconds, y = INF, 0.0, s.seq[r, p - 1]
    for j in range(len(g.shape.modes)):
        eur, sec = link(g, c, profile, rate, via, g.place[y, j], b)
        eur += s.cells[y, j, AHEAD]
        if eur < best:
            best, seconds = eur, sec + s.cells[y, j, AHEAD_S]
    return best, seconds


@inlined
def go(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int, via: int, a: int) -> tuple[float, float]:
    """The cheapest way from the end of place ``a`` over the tasks of a route from ``p`` on, and home."""
    if p == s.size[r]:
        return g.home[c, a, EUR], g.home[c, a, SEC]
    best, seconds, y = INF, 0.0, s.seq[r, p]
    for j in range(len(g.shape.modes)):
        eur, sec = link(g, c, profile, rate, via, a, g.place[y, j])
        eur += s.cells[y, j, BACK]
        if eur < best:
            best, seconds = eur, sec + s.cells[y, j, BACK_S]
    return best, seconds


@inlined
def refresh_loads(g: Any, s: Any, r: int, first: int, last: int) -> None:
    """What is on board in the trips that a change touches."""
    end = s.size[r]
    for p in range(first, s.size[r]):
        y = s.seq[r, p]
        if p > last + 1 and s.via[y]:
            end = p
            break
        for i in range(len(g.shape.loads)):
            before = s.loads[s.seq[r, p - 1], i, FILLED] if p and not s.via[y] else 0.0
            s.loads[y, i, FILLED] = before + g.load[y, i]
    if not len(g.shape.unloads):
        return
    for p in range(end - 1, -1, -1):
        y = s.seq[r, p]
        z = s.seq[r, p + 1] if p < end - 1 else y
        via = s.via[z] if p < end - 1 else 1
        if via and p < first - 1:
            break
        for i in range(len(g.shape.loads)):
            s.loads[y, i, TRIP] = s.loads[y, i, FILLED] if via else s.loads[z, i, TRIP]


@inlined
def stretch(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int) -> None:
    """Bring AHEAD up to date before index ``p`` of a route, and BACK from there on."""
    modes, timed = len(g.shape.modes), len(g.shape.timed)
    if s.reach[r, AHEAD] < p:
        for q in range(s.reach[r, AHEAD], p):
            y = s.seq[r, q]
            for k in range(modes):
                eur, sec = come(g, s, c, profile, rate, r, q, s.via[y], g.place[y, k])
                s.cells[y, k, AHEAD] = eur + g.serve[c, y, k, EUR]
                if timed:
                    s.cells[y, k, AHEAD_S] = sec + g.serve[c, y, k, SEC]
        s.reach[r, AHEAD] = p
    if s.reach[r, BACK] > p:
        for q in range(s.reach[r, BACK] - 1, p - 1, -1):
            y = s.seq[r, q]
            via = s.via[s.seq[r, q + 1]] if q < s.size[r] - 1 else 0
            for k in range(modes):
                eur, sec = go(g, s, c, profile, rate, r, q + 1, via, g.place[y, k])
                s.cells[y, k, BACK] = eur + g.serve[c, y, k, EUR]
                if timed:
                    s.cells[y, k, BACK_S] = sec + g.serve[c, y, k, SEC]
        s.reach[r, BACK] = p


@inlined
def refresh(g: Any, s: Any, r: int, first: int, last: int) -> None:
    """A route's loads and price anew, where nothing changed before index ``first`` and after ``last``, but for whether
    the truck is emptied next. ``reach`` counts by the new indices already."""
    n, c, dims = s.size[r], g.kind[r], len(g.shape.loads)
    s.cost[r, EUR] = s.cost[r, SEC] = 0.0
    if n == 0:
        s.reach[r, AHEAD] = s.reach[r, BACK] = 0
        for i in range(s.whole.shape[1]):
            s.whole[r, i] = 0.0
        return
    profile, rate = g.origin[c, PROFILE], g.rate[c]
    s.via[s.seq[r, 0]] = 0
    s.reach[r, AHEAD], s.reach[r, BACK] = min(s.reach[r, AHEAD], first), max(s.reach[r, BACK], last + 1)
    for p in range(first, n):
        s.spot[s.seq[r, p], AT], s.spot[s.seq[r, p], ROUTE] = p, r
    refresh_loads(g, s, r, first, last)
    stretch(g, s, c, profile, rate, r, first)
    best, seconds, y = INF, 0.0, s.seq[r, min(first, n - 1)]
    for k in range(len(g.shape.modes)):
        a = g.place[y, k]
        if first < n:
            eur, sec = come(g, s, c, profile, rate, r, first, s.via[y], a)
            eur, sec = eur + s.cells[y, k, BACK], sec + s.cells[y, k, BACK_S]
        else:
            eur, sec = s.cells[y, k, AHEAD] + g.home[c, a, EUR], s.cells[y, k, AHEAD_S] + g.home[c, a, SEC]
        if eur < best:
            best, seconds = eur, sec
    s.cost[r, EUR], s.cost[r, SEC] = price(g, r, best, seconds), seconds
    if on_clock(g, s, r):
        s.cost[r, EUR], s.cost[r, SEC] = by_the_clock(g, s, np.int64(r), np.int64(-1), np.int64(n), np.int64(0))
    s.cost[r, EUR] += s.whole[r, dims + 2]


@inlined
def on_clock(g: Any, s: Any, r: int) -> bool:
    """Whether hours or a lunch matter in this route."""
    return len(g.shape.clock) > 0 and (g.clocked[r] or s.whole[r, len(g.shape.loads) + 1] > 0)


@inlined
def moved_eur(g: Any, x: int, r: int) -> float:
    """The price of serving a task by another shift than was told."""
    return g.moved_eur[x] if len(g.shape.told) and g.told[x] >= 0 and g.told[x] != r else 0.0


@inlined
def count(g: Any, s: Any, x: int, r: int, sign: int) -> None:
    """Add a task to what is known of a whole route, or take it off."""
    dims = len(g.shape.loads)
    for i in range(dims):
        s.whole[r, i] += sign * g.load[x, i]
    s.whole[r, dims] += sign
    s.whole[r, dims + 1] += sign * g.windowed[x]
    s.whole[r, dims + 2] += sign * moved_eur(g, x, r)


@inlined
def fits(g: Any, s: Any, x: int, r: int, p: int, first: int, then: int) -> bool:
    """Whether the trips that an insertion makes fit into the truck."""
    n = s.size[r]
    for i in range(len(g.shape.loads)):
        load = g.load[x, i]
        if p and not first:
            load += s.loads[s.seq[r, p - 1], i, FILLED]
        if p < n and not then:
            load += s.loads[s.seq[r, p], i, TRIP]
            if p and not s.via[s.seq[r, p]]:
                load -= s.loads[s.seq[r, p - 1], i, FILLED]
        if load > g.capacity[r, i]:
            return False
    return True


@inlined
def has_room(g: Any, s: Any, x: int, r: int) -> bool:
    """Whether a shift may serve a task at all, beside what it serves."""
    dims, n = len(g.shape.loads), s.size[r]
    if not g.allowed[x, r] or s.whole[r, dims] + 1 > g.daily[r, dims]:
        return False
    for i in range(dims):
        if s.whole[r, i] + g.load[x, i] > g.daily[r, i]:
            return False
        if n and not len(g.shape.unloads) and s.loads[s.seq[r, n - 1], i, FILLED] + g.load[x, i] > g.capacity[r, i]:
            return False
    return True


@inlined
def through(g: Any, s: Any, c: int, profile: int, rate: float, x: int, r: int, p: int, first: int, then: int) -> float:
    """The price of route ``r`` with task ``x`` before its task ``p``, emptied before ``x`` (``first``) and after
    (``then``) or not, everything in its best modes."""
    best, seconds = INF, 0.0
    for k in range(len(g.shape.modes)):
        a = g.place[x, k]
        come_eur, come_s = come(g, s, c, profile, rate, r, p, first, a)
        go_eur, go_s = go(g, s, c, profile, rate, r, p, then, a)
        eur = come_eur + g.serve[c, x, k, EUR] + go_eur
        if eur < best:
            best, seconds = eur, come_s + g.serve[c, x, k, SEC] + go_s
    return price(g, r, best, seconds)


@inlined
def place_eur(g: Any, s: Any, x: int, r: int, p: int, most: float) -> tuple[float, int]:
    """The price of a route with one more task at a place (on the clock: a lower bound; inf: not below ``most``), and
    how the truck is emptied (1: before the task, 2: after it)."""
    n, c = s.size[r], g.kind[r]
    profile, rate = g.origin[c, PROFILE], g.rate[c]
    told = s.whole[r, len(g.shape.loads) + 2] + moved_eur(g, x, r)
    stretch(g, s, c, profile, rate, r, p)
    best, code = through(g, s, c, profile, rate, x, r, p, 0, 0), 0
    if best + told >= most:  # to be emptied on the way as well is never cheaper
        return INF, 0
    if len(g.shape.unloads) and not fits(g, s, x, r, p, 0, 0):
        best = INF
        for way in range(1, 4):
            first, then = way & 1, way >> 1
            if (first and p == 0) or (then and p == n) or (way == 3 and best < INF):
                continue
            if fits(g, s, x, r, p, first, then):
                eur = through(g, s, c, profile, rate, x, r, p, first, then)
                if eur < best:
                    best, code = eur, way
    return best + told, code


@inlined
def opens(hours: Any, i: int, arrival_s: float, length_s: float) -> float:
    """When something may begin at the earliest; inf: never."""
    best = INF
    for w in range(hours.shape[1]):
        begin = max(arrival_s, hours[i, w, 0])
        if begin < hours[i, w, 1] and begin + length_s <= hours[i, w, 1] + 1e-6:
            best = min(best, begin)
    return best


@inlined
def pause(
    g: Any, r: int, now_s: float, paid: float, since_s: float, rested: float, ahead_s: float, due: int, last: int
) -> tuple[float, float, float, float]:
    """Rest before driving on, where it is high time: the next chance comes after ``ahead_s``, or never (``last``)."""
    opens_s, closes_s, length_s = g.lunch[r, 0], g.lunch[r, 1], g.lunch[r, 2]
    if length_s > 0 and not rested and (last or now_s >= opens_s or now_s + ahead_s > closes_s):
        if now_s > closes_s:
            return INF, paid, since_s, rested
        end_s = max(now_s, opens_s) + length_s
        return end_s, paid + (end_s - now_s) * g.terms[r, PER_S], 0.0, 1.0
    if due and (since_s + ahead_s > g.terms[r, REST_LATEST] or (last and not rested)):
        if since_s > g.terms[r, REST_LATEST]:
            return INF, paid, since_s, rested
        return now_s + g.terms[r, REST], paid, 0.0, rested + 1.0
    return now_s, paid, since_s, rested


@compiled
def step(g: Any, s: Any, r: int, q: int, half: int, j: int, k: int, a: int, b: int, y: int, via: int, due: int) -> None:
    """From mode ``j`` of one task to mode ``k`` of the next (``y``; -1: home), emptied between them or not: the label
    that is done first stays."""
    c, per_s = g.kind[r], g.terms[r, PER_S]
    profile, rate = g.origin[c, PROFILE], g.rate[c]
    if via and g.ways[c, 0, 0] < 0:
        via = 0
    for w in range(g.ways.shape[1] if via else 1):
        if via and g.ways[c, w, 0] < 0:
            continue
        now_s, paid = s.labels[half, j, TIME], s.labels[half, j, PAID]
        since_s, rested = s.labels[half, j, SINCE], s.labels[half, j, RESTED]
        here = a
        for i in range(4 if via else 1):  # sites, then the task
            site = g.ways[c, w, i] if via and i < 3 else -1
            if via and i < 3 and site < 0:
                continue
            to, stay_s, stay_eur = b, 0.0, 0.0
            if site >= 0:
                to, stay_s = int(g.sites[site, 0]), g.sites[site, 1]
                stay_eur = stay_s * per_s
            elif y >= 0:
                stay_s, stay_eur = g.serve[c, y, k, SEC], g.serve[c, y, k, EUR]
            ds = g.travel_ds[profile, here, to]
            now_s, paid, since_s, rested = pause(
                g, r, now_s, paid, since_s, rested, 0.1 * ds + stay_s, due, y < 0 and site < 0
            )
            come_s = now_s + 0.1 * ds
            begin_s = come_s
            if site >= 0:
                begin_s = opens(g.site_hours, site, come_s, stay_s)
            elif y >= 0:
                begin_s = opens(g.hours, y, come_s, stay_s)
            paid += rate * ds + (begin_s - come_s) * per_s + stay_eur
            since_s += begin_s + stay_s - now_s
            now_s = begin_s + stay_s
            here = to
            if now_s == INF:
                break
        if now_s < s.labels[1 - half, k, TIME]:
            s.labels[1 - half, k, TIME], s.labels[1 - half, k, PAID] = now_s, paid
            s.labels[1 - half, k, SINCE], s.labels[1 - half, k, RESTED] = since_s, rested
            s.trail[q, k, 0], s.trail[q, k, 1] = j, w if via else -1


@compiled
def by_the_clock(g: Any, s: Any, r: int, x: int, at: int, code: int) -> tuple[float, float]:
    """The price of a route and its seconds of work by the clock: hours of tasks and sites, waiting, rests. With task
    ``x`` (-1: none) before its task ``at``. Each task is in the mode, and each unloading at the site, that is done
    first; rests are taken as late as they may be."""
    eur = work_s = 0.0
    for due in range(2):  # a rest that is due changes when everything is done
        eur, work_s = clocked(g, s, r, x, at, code, due)
        if eur == INF or work_s + g.terms[r, SERVICES] <= g.terms[r, REST_AFTER]:
            break
    return eur, work_s


@compiled
def clocked(g: Any, s: Any, r: int, x: int, at: int, code: int, due: int) -> tuple[float, float]:
    """One pass of the clock, with rests (``due``) or without."""
    c, modes = g.kind[r], len(g.shape.modes)
    begin_s = g.terms[r, BEGIN]
    total = s.size[r] + (1 if x >= 0 else 0)
    half, last = np.int64(0), np.int64(-1)
    for k in range(modes):
        s.labels[0, k, TIME], s.labels[0, k, PAID] = INF, 0.0
    s.labels[0, 0, TIME], s.labels[0, 0, SINCE], s.labels[0, 0, RESTED] = begin_s, g.terms[r, SET_OUT], 0.0
    for q in range(total + 1):
        y, via = np.int64(-1), np.int64(1)
        if q < total and x >= 0 and q == at:
            y, via = np.int64(x), np.int64(code & 1)
        elif q < total:
            p = q - 1 if x >= 0 and q > at else q
            y = np.int64(s.seq[r, p])
            via = np.int64(s.via[y])
            if x >= 0 and q == at + 1:
                via = np.int64(code >> 1)
        if q == 0:
            via = np.int64(0)
        for k in range(modes):
            s.labels[1 - half, k, TIME] = INF
        for j in range(modes):
            if s.labels[half, j, TIME] == INF:
                continue
            a = np.int64(g.origin[c, DEPOT] if last < 0 else g.place[last, j])
            for k in range(modes if y >= 0 else 1):
                if y < 0 or g.serve[c, y, k, EUR] < INF:
                    b = np.int64(g.origin[c, DEPOT] if y < 0 else g.place[y, k])
                    step(g, s, r, q, half, j, k, a, b, y, via, due)
        half, last = np.int64(1 - half), y
    end_s, rested = s.labels[half, 0, TIME], s.labels[half, 0, RESTED]
    if end_s == INF:
        return INF, 0.0
    lunch_s = g.lunch[r, 2]
    work_s = end_s - begin_s
    if lunch_s == 0:
        work_s -= rested * g.terms[r, REST]
        if due and not rested:  # at the very end it is due: nothing kept room for it
            return INF, work_s
    return price(g, r, s.labels[half, 0, PAID], work_s), work_s


@inlined
def insert(g: Any, s: Any, x: int, r: int, p: int, code: int) -> None:
    """Put a task into a route."""
    n = s.size[r]
    for i in range(n, p, -1):
        s.seq[r, i] = s.seq[r, i - 1]
    s.seq[r, p], s.via[x] = x, code & 1
    if p < n:
        s.via[s.seq[r, p + 1]] = code >> 1
    s.size[r] = n + 1
    s.reach[r, BACK] += 1
    count(g, s, x, r, 1)
    refresh(g, s, r, np.int64(p), np.int64(p))


@compiled
def drop_needless_unloads(g: Any, s: Any, r: int) -> None:
    """Trips of a refreshed route that fit into one are made one."""
    for p in range(max(1, g.pins[r]), s.size[r]):
        y, x = s.seq[r, p], s.seq[r, p - 1]
        if s.via[y]:
            one = True
            for i in range(len(g.shape.loads)):
                one &= s.loads[x, i, FILLED] + s.loads[y, i, TRIP] <= g.capacity[r, i]
            if one:
                s.via[y] = 0
                refresh(g, s, np.int64(r), np.int64(p), np.int64(p - 1))


@entry
def trace(g: Any, s: Any, r: int, modes_out: Any, way_out: Any) -> None:
    """The modes that a refreshed route is driven in, and the way by which it is emptied before each task (and home)."""
    n, c, modes = s.size[r], g.kind[r], len(g.shape.modes)
    if on_clock(g, s, r):
        by_the_clock(g, s, np.int64(r), np.int64(-1), np.int64(n), np.int64(0))
        k = 0
        for q in range(n, -1, -1):
            way_out[q] = s.trail[q, k, 1]
            k = s.trail[q, k, 0]
            if q:
                modes_out[q - 1] = k
        return
    before = g.origin[c, DEPOT]
    stretch(g, s, c, g.origin[c, PROFILE], g.rate[c], r, np.int64(0))
    for p in range(n):
        y = s.seq[r, p]
        via, best = s.via[y], INF
        for k in range(modes):
            eur = link(g, c, g.origin[c, PROFILE], g.rate[c], via, before, g.place[y, k])[0] + s.cells[y, k, BACK]
            if eur < best:
                best, modes_out[p] = eur, k
        here = g.place[y, modes_out[p]]
        way_out[p] = way(g, c, before, here) if via else -1
        before = here
    way_out[n] = way(g, c, before, g.origin[c, DEPOT])


@compiled
def way(g: Any, c: int, a: int, b: int) -> int:
    """The cheapest way to be emptied between two places."""
    best, found = INF, 0
    for w in range(g.into.shape[2]):
        eur = g.into[c, a, w, EUR] + g.out[c, b, w, EUR]
        if eur < best:
            best, found = eur, w
    return found
