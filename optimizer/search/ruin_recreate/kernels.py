# mypy: disable-error-code="untyped-decorator,no-any-return"
"""The price of any change to the routes: compiled, without a lock on the interpreter.

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

from typing import Any

import numpy as np

from optimizer.search.ruin_recreate.clock import by_the_clock, go_through
from optimizer.search.ruin_recreate.ground import ENTER, EUR, LEAVE, PROFILE, SEC
from optimizer.search.ruin_recreate.routes import (
    AHEAD,
    AHEAD_S,
    AT,
    BACK,
    BACK_S,
    BROKEN_AHEAD,
    BROKEN_BACK,
    CLOCK,
    FILLED,
    INF,
    ROUTE,
    TRIP,
    compiled,
    entry,
    inlined,
    link,
    price,
)

#: Two programmes are further by the same where they differ by less (euros, seconds): what rounding makes of nothing.
ALIKE = 1e-8
SHORT = 16  # a route of so few tasks is worked out sooner than it is compared


@inlined
def come(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int, via: int, b: int) -> tuple[float, float]:
    """The cheapest way from the depot over the first ``p`` tasks of a route to corner ``b``."""
    if p == 0:
        return link(g, c, profile, rate, np.int64(0), g.origin[c, LEAVE], b)
    best, seconds, y = INF, 0.0, s.seq[r, p - 1]
    for j in range(len(g.shape.modes)):
        eur, sec = link(g, c, profile, rate, via, g.leave[y, j], b)
        eur += s.cells[y, j, AHEAD]
        if eur < best:
            best, seconds = eur, sec + s.cells[y, j, AHEAD_S]
    return best, seconds


@inlined
def go(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int, via: int, a: int) -> tuple[float, float]:
    """The cheapest way from corner ``a`` over the tasks of a route from ``p`` on, and home."""
    if p == s.size[r]:
        return g.home[c, a, EUR], g.home[c, a, SEC]
    best, seconds, y = INF, 0.0, s.seq[r, p]
    for j in range(len(g.shape.modes)):
        eur, sec = link(g, c, profile, rate, via, a, g.enter[y, j])
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
    """Bring AHEAD up to date before index ``p`` of a route, and BACK from there on.

    As soon as a task is dearer by the same in each of its modes, so is all that comes after it (for BACK: before it),
    as far as nothing else changed there: it is added, not worked out.
    """
    if s.reach[r, AHEAD] < p:
        stretch_ahead(g, s, c, profile, rate, r, p)
    if s.reach[r, BACK] > p:
        stretch_back(g, s, c, profile, rate, r, p)


@compiled
def stretch_ahead(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int) -> None:
    q, n = s.reach[r, AHEAD], s.size[r]
    while q < p:
        y = s.seq[r, q]
        alike, seen, more, more_s = n > SHORT, False, 0.0, 0.0
        for k in range(len(g.shape.modes)):
            eur, sec = come(g, s, c, profile, rate, r, q, np.int64(s.via[y]), g.enter[y, k])
            eur, sec = eur + g.serve[c, y, k, EUR], sec + g.serve[c, y, k, SEC]
            if alike and eur < INF:
                k_more, k_more_s = eur - s.cells[y, k, AHEAD], sec - s.cells[y, k, AHEAD_S]
                if not seen:
                    seen, more, more_s = True, k_more, k_more_s
                alike = same(g, k_more, k_more_s, more, more_s)
            s.cells[y, k, AHEAD] = eur
            if len(g.shape.timed):
                s.cells[y, k, AHEAD_S] = sec
        q += 1
        if alike and q > s.reach[r, BROKEN_AHEAD]:
            add_on(g, s, r, np.int64(AHEAD), np.int64(q), np.int64(n), more, more_s)
            q = n
    s.reach[r, AHEAD] = q
    s.reach[r, BROKEN_AHEAD] = max(s.reach[r, BROKEN_AHEAD], q) if q < n else 0


@compiled
def stretch_back(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int) -> None:
    q, n = s.reach[r, BACK], s.size[r]
    while q > p:
        q -= 1
        y = s.seq[r, q]
        via = s.via[s.seq[r, q + 1]] if q < n - 1 else 0
        alike, seen, more, more_s = n > SHORT, False, 0.0, 0.0
        for k in range(len(g.shape.modes)):
            eur, sec = go(g, s, c, profile, rate, r, q + 1, via, g.leave[y, k])
            eur, sec = eur + g.serve[c, y, k, EUR], sec + g.serve[c, y, k, SEC]
            if alike and eur < INF:
                k_more, k_more_s = eur - s.cells[y, k, BACK], sec - s.cells[y, k, BACK_S]
                if not seen:
                    seen, more, more_s = True, k_more, k_more_s
                alike = same(g, k_more, k_more_s, more, more_s)
            s.cells[y, k, BACK] = eur
            if len(g.shape.timed):
                s.cells[y, k, BACK_S] = sec
        if alike and q <= s.reach[r, BROKEN_BACK]:
            add_on(g, s, r, np.int64(BACK), np.int64(0), np.int64(q), more, more_s)
            q = 0
    s.reach[r, BACK] = q
    s.reach[r, BROKEN_BACK] = min(s.reach[r, BROKEN_BACK], q - 1) if q else n


@inlined
def same(g: Any, eur: float, sec: float, eur_then: float, sec_then: float) -> bool:
    return abs(eur - eur_then) < ALIKE and (not len(g.shape.timed) or abs(sec - sec_then) < ALIKE)


@inlined
def add_on(g: Any, s: Any, r: int, which: int, first: int, end: int, eur: float, sec: float) -> None:
    """Add this to a programme of some tasks, in every mode."""
    if eur == 0.0 and sec == 0.0:
        return
    for q in range(first, end):
        y = s.seq[r, q]
        for k in range(len(g.shape.modes)):
            s.cells[y, k, which] += eur
            if len(g.shape.timed):
                s.cells[y, k, which + 2] += sec


@inlined
def refresh(g: Any, s: Any, r: int, first: int, last: int) -> None:
    """A route's loads and price anew, where nothing changed before index ``first`` and after ``last``, but for whether
    the truck is emptied next. ``reach`` counts by the new indices already."""
    n, c, dims = s.size[r], g.kind[r], len(g.shape.loads)
    s.cost[r, EUR] = s.cost[r, SEC] = 0.0
    if n == 0:
        for i in range(5):
            s.reach[r, i] = 0
        for i in range(s.whole.shape[1]):
            s.whole[r, i] = 0.0
        return
    profile, rate = g.origin[c, PROFILE], g.rate[c]
    s.via[s.seq[r, 0]] = 0
    s.reach[r, AHEAD], s.reach[r, BACK] = min(s.reach[r, AHEAD], first), max(s.reach[r, BACK], last + 1)
    s.reach[r, BROKEN_AHEAD] = max(s.reach[r, BROKEN_AHEAD], last + 1)
    s.reach[r, BROKEN_BACK] = min(s.reach[r, BROKEN_BACK], first - 1)
    for p in range(first, n):
        s.spot[s.seq[r, p], AT], s.spot[s.seq[r, p], ROUTE] = p, r
    refresh_loads(g, s, r, first, last)
    if on_clock(g, s, r):
        s.cost[r, EUR], s.cost[r, SEC] = by_the_clock(g, s, np.int64(r), np.int64(first), np.int64(last))
    else:
        s.reach[r, CLOCK] = 0
        stretch(g, s, c, profile, rate, r, first)
        best, seconds, y = INF, 0.0, s.seq[r, min(first, n - 1)]
        for k in range(len(g.shape.modes)):
            a = g.leave[y, k]
            if first < n:
                eur, sec = come(g, s, c, profile, rate, r, first, np.int64(s.via[y]), g.enter[y, k])
                eur, sec = eur + s.cells[y, k, BACK], sec + s.cells[y, k, BACK_S]
            else:
                eur, sec = s.cells[y, k, AHEAD] + g.home[c, a, EUR], s.cells[y, k, AHEAD_S] + g.home[c, a, SEC]
            if eur < best:
                best, seconds = eur, sec
        s.cost[r, EUR], s.cost[r, SEC] = price(g, r, best, seconds), seconds
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
        come_eur, come_s = come(g, s, c, profile, rate, r, p, first, g.enter[x, k])
        go_eur, go_s = go(g, s, c, profile, rate, r, p, then, g.leave[x, k])
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
    on = np.int64(0)
    best, code = through(g, s, c, profile, rate, x, r, p, on, on), 0
    if best + told >= most:  # to be emptied on the way as well is never cheaper
        return INF, 0
    if len(g.shape.unloads) and not fits(g, s, x, r, p, on, on):
        best = INF
        for how in range(1, 4):  # before it, after it, both
            first, then = how & 1, how >> 1
            if (first and p == 0) or (then and p == n) or (how == 3 and best < INF):
                continue
            if fits(g, s, x, r, p, first, then):
                eur = through(g, s, c, profile, rate, x, r, p, first, then)
                if eur < best:
                    best, code = eur, how
    return best + told, code


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
    s.reach[r, BROKEN_AHEAD] += 1
    count(g, s, x, r, np.int64(1))
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
                refresh(g, s, r, np.int64(p), np.int64(p - 1))


@entry
def trace(g: Any, s: Any, r: int, modes_out: Any, way_out: Any) -> None:
    """The modes that a refreshed route is driven in, and the way by which it is emptied before each task (and home)."""
    n, c, modes = s.size[r], g.kind[r], len(g.shape.modes)
    if on_clock(g, s, r):
        none, start = np.int64(-1), np.int64(0)
        go_through(g, s, np.int64(r), none, none, none, start, 0.0, 0.0, start)
        by_the_clock(g, s, np.int64(r), np.int64(n), np.int64(n - 1))  # where a rest matters, it goes through anew
        k = 0
        for q in range(n, -1, -1):
            way_out[q] = s.trail[q, k, 1]
            k = s.trail[q, k, 0]
            if q:
                modes_out[q - 1] = k
        return
    before = g.origin[c, LEAVE]
    stretch(g, s, c, g.origin[c, PROFILE], g.rate[c], r, np.int64(0))
    for p in range(n):
        y = s.seq[r, p]
        via, best = s.via[y], INF
        for k in range(modes):
            eur = (
                link(g, c, g.origin[c, PROFILE], g.rate[c], np.int64(via), before, g.enter[y, k])[0]
                + s.cells[y, k, BACK]
            )
            if eur < best:
                best, modes_out[p] = eur, k
        way_out[p] = way(g, c, before, g.enter[y, modes_out[p]]) if via else -1
        before = g.leave[y, modes_out[p]]
    way_out[n] = way(g, c, before, g.origin[c, ENTER])


@compiled
def way(g: Any, c: int, a: int, b: int) -> int:
    """The cheapest way to be emptied between two corners."""
    best, found = INF, 0
    for w in range(g.into.shape[2]):
        eur = g.into[c, a, w, EUR] + g.out[c, b, w, EUR]
        if eur < best:
            best, found = eur, w
    return found
