# mypy: disable-error-code="untyped-decorator,no-any-return"
"""Ruin and recreate: strings of neighbouring tasks are taken out and put back, thousands of times a second.

Slack induction by string removals (Christiaens and Vanden Berghe 2020, https://doi.org/10.1287/trsc.2019.0914): strings
near a task are removed from as many routes, the tasks go back one by one, each where the plan becomes cheapest, a route
being passed over now and then; what is a little worse is accepted as in simulated annealing. What differs from the
paper: modes and unloadings are priced exactly (``kernels``), a route that has not changed is not priced again for the
same task (``Memo``), and every good route is remembered (``Met``) for the recombination.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.ruin_recreate.ground import EUR, FIXED, SEC, Floats, Ground, Ints
from optimizer.ruin_recreate.kernels import (
    AT,
    FILLED,
    ROUTE,
    best_place,
    compiled,
    drop_needless_unloads,
    entry,
    inlined,
    insert,
    refresh,
    routes_for,
)

REMOVED, STRING = 10, 10  # tasks removed per step about, in a string at most
SPLIT, DEEPER = 0.5, 0.5  # a string keeps a part in its middle; that part grows
BLINK = 0.01
WHOLE = 0.01  # of the steps take a whole route out, where a truck has its price
FEW = 4  # with so few routes a route may lose several strings
GRANULAR_FROM, GRANULAR = 150, 40  # tasks; from then on only routes of so many neighbours are looked at
RETRIES = 10  # unserved tasks that are tried again in a step
INF = np.inf


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

    seq: Ints
    via: NDArray[np.int8]
    size: Ints
    cells: Floats
    loads: Floats
    cost: Floats
    version: NDArray[np.int64]
    whole: Floats
    marks: Ints  # K, (DIRTY, RUINED, TOUCHED, LOOKING): two flags and two lists
    looked: NDArray[np.int64]  # per route the number of the insertion that looked at it
    absent: Ints  # m, (TASK, WAS_OUT): first those taken out in this step
    key: Floats
    counts: NDArray[np.int64]
    random: NDArray[np.uint64]


DIRTY, RUINED, TOUCHED, LOOKING = range(4)
TASK, WAS_OUT = range(2)
#: ``Work.counts``: versions given, insertions, steps, routes touched, tasks absent in this step, tasks unserved.
VERSIONS, INSERTIONS, STEPS, CHANGED, ABSENT, UNSERVED = range(6)


class Best(NamedTuple):
    """The best plan so far."""

    seq: Ints
    via: NDArray[np.int8]
    size: Ints
    eur: Floats  # one number


def met_for(routes: int, tasks: int) -> Met:
    slots = 1 << (2 * routes - 1).bit_length()
    return Met(
        np.full(slots, -1, np.int64), np.zeros(routes, np.uint64), np.zeros(routes), np.zeros(routes, np.int32),
        np.zeros(routes, np.int64), np.zeros(routes, np.int32), np.zeros(tasks, np.int32), np.zeros(tasks, np.int8),
        np.zeros(2, np.int64),
    )  # fmt: skip


def work_for(ground: Ground, most: int, seed: int) -> Work:
    k, n = len(ground.kind), len(ground.place)
    was = routes_for(ground, most)
    return Work(
        *was[:7], was.whole, np.zeros((k, 4), np.int32), np.zeros(k, np.int64), np.zeros((n, 2), np.int32), np.zeros(n),
        np.zeros(6, np.int64), np.random.SeedSequence(seed).generate_state(2, np.uint64).astype(np.uint64),
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
def copy(a: Any, b: Any, r: int, n: int) -> None:
    """Route ``r`` of ``a``, with ``n`` tasks, into ``b``."""
    b.size[r], b.version[r] = n, a.version[r]
    b.cost[r, EUR], b.cost[r, SEC] = a.cost[r, EUR], a.cost[r, SEC]
    for i in range(a.whole.shape[1]):
        b.whole[r, i] = a.whole[r, i]
    for p in range(n):
        b.seq[r, p], b.via[r, p] = a.seq[r, p], a.via[r, p]
        for k in range(a.cells.shape[2]):
            for i in range(4):
                b.cells[r, p, k, i] = a.cells[r, p, k, i]
        for k in range(a.loads.shape[2]):
            for i in range(2):
                b.loads[r, p, k, i] = a.loads[r, p, k, i]


@compiled
def keep(s: Any, w: Any, r: int) -> None:
    """Remember a route before it is changed in this step."""
    if not w.marks[r, DIRTY]:
        w.marks[r, DIRTY] = 1
        w.marks[w.counts[CHANGED], TOUCHED] = r
        w.counts[CHANGED] += 1
        copy(s, w, r, s.size[r])


@compiled
def undo(s: Any, w: Any) -> None:
    """All as it was before this step."""
    for i in range(w.counts[ABSENT]):
        s.spot[w.absent[i, TASK], ROUTE] = -1
    for i in range(w.counts[CHANGED]):
        r = w.marks[i, TOUCHED]
        copy(w, s, r, w.size[r])
        for p in range(s.size[r]):
            x = s.seq[r, p]
            s.spot[x, ROUTE], s.spot[x, AT] = r, p


@compiled
def renew(g: Any, s: Any, w: Any, r: int) -> None:
    refresh(g, s, np.int64(r))
    w.counts[VERSIONS] += 1
    s.version[r] = w.counts[VERSIONS]


@compiled
def remove_string(g: Any, s: Any, w: Any, c: int, longest: float) -> None:
    """Take a string of tasks around ``c`` out of its route, or two with a rest between them left; 0: all."""
    r = s.spot[c, ROUTE]
    keep(s, w, np.int64(r))
    n = s.size[r]
    length = min(n, int(rand(w.random) * min(float(n), longest) + 1.0)) if longest > 0 else n
    left = 0
    if 1 < length < n and rand(w.random) < SPLIT:
        while length + left < n and rand(w.random) > DEEPER:
            left += 1
    whole = length + left
    lowest, highest = max(0, s.spot[c, AT] - whole + 1), min(s.spot[c, AT], n - whole)
    start = lowest + below(w.random, highest - lowest + 1)
    gap = end_gap = start
    if left:
        gap = start + 1 + below(w.random, length - 1)
        end_gap = gap + left
    to, carried = start, 0
    for p in range(start, n):
        x = s.seq[r, p]
        if p < start + whole and not gap <= p < end_gap:
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
            s.spot[x, ROUTE] = -1
            carried |= s.via[r, p]
        else:
            s.seq[r, to], s.via[r, to] = x, s.via[r, p] | carried
            carried = 0
            to += 1
    s.size[r] = to
    renew(g, s, w, np.int64(r))
    if len(g.shape.unloads):
        drop_needless_unloads(g, s, r)


@compiled
def ruin(g: Any, s: Any, w: Any) -> None:
    n, used = len(s.spot), 0
    for r in range(len(s.size)):
        w.marks[r, RUINED] = 0
        used += s.size[r] > 0
    if not used:
        return
    longest = min(float(STRING), max(1.0, n / used))
    strings = int(rand(w.random) * (4.0 * REMOVED / (1.0 + longest) - 1.0) + 1.0)
    seed = below(w.random, n)
    if s.spot[seed, ROUTE] >= 0 and g.terms[s.spot[seed, ROUTE], FIXED] > 0 and rand(w.random) < WHOLE:
        remove_string(g, s, w, np.int64(seed), 0.0)
        return
    for i in range(g.near.shape[1]):
        c = g.near[seed, i]
        r = s.spot[c, ROUTE]
        if r < 0 or (w.marks[r, RUINED] and used > FEW):
            continue
        w.marks[r, RUINED] = 1
        remove_string(g, s, w, np.int64(c), longest)
        strings -= 1
        if strings == 0:
            break


@compiled
def order_absent(g: Any, w: Any) -> None:
    """Sort the absent tasks: at random, heaviest first, farthest first, nearest first."""
    how = below(w.random, 11)
    count = w.counts[ABSENT]
    for i in range(count):
        x = w.absent[i, TASK]
        if how < 4:
            w.key[i] = rand(w.random)
        elif how < 8:
            w.key[i] = -g.load[x, 0] if g.load.shape[1] else rand(w.random)
        elif how < 10:
            w.key[i] = -g.far[x]
        else:
            w.key[i] = g.far[x]
    for i in range(1, count):
        key, x, j = w.key[i], w.absent[i, TASK], i - 1
        while j >= 0 and w.key[j] > key:
            w.key[j + 1], w.absent[j + 1, TASK] = w.key[j], w.absent[j, TASK]
            j -= 1
        w.key[j + 1], w.absent[j + 1, TASK] = key, x


@inlined
def offered(g: Any, s: Any, m: Any, x: int, r: int) -> float:
    """What the plan becomes dearer by task ``x`` at its best place in route ``r``, remembered by version."""
    if not len(g.shape.unloads) and s.size[r]:
        for i in range(len(g.shape.loads)):
            if s.loads[r, s.size[r] - 1, i, FILLED] + g.load[x, i] > g.capacity[r, i]:
                return INF
    if m.version[x, r] != s.version[r]:
        eur, at, code = best_place(g, s, x, r)
        m.eur[x, r], m.place[x, r], m.version[x, r] = eur, 4 * at + code, s.version[r]
    return m.eur[x, r] - s.cost[r, EUR]


@compiled
def candidates(g: Any, s: Any, w: Any, x: int) -> int:
    """How many routes are looked at for a task, listed in ``w.looking``: all, or in a large problem those of its
    neighbours; of the empty ones that are alike the first."""
    count, empty, large = 0, -1, len(s.spot) >= GRANULAR_FROM
    if large:
        w.counts[INSERTIONS] += 1
        seen = 0
        for i in range(1, g.near.shape[1]):
            r = s.spot[g.near[x, i], ROUTE]
            if r < 0:
                continue
            seen += 1
            if seen > GRANULAR:
                break
            if w.looked[r] != w.counts[INSERTIONS]:
                w.looked[r] = w.counts[INSERTIONS]
                w.marks[count, LOOKING] = r
                count += 1
    everywhere = count == 0
    for r in range(len(s.size)):
        if s.size[r] == 0:
            if empty >= 0 and g.alike[r] == g.alike[empty]:
                continue
            empty = r
        elif not everywhere:
            continue
        w.marks[count, LOOKING] = r
        count += 1
    return count


@compiled
def put_back(g: Any, s: Any, w: Any, m: Any, x: int) -> float:
    """Put a task where it costs least, if that is less than to leave it; what the plan becomes dearer by it."""
    best, where = g.unserved_eur[x], -1
    looked, passed = candidates(g, s, w, x), 0
    for again in range(2):
        for i in range(looked):
            r = w.marks[i, LOOKING]
            if not g.allowed[x, r]:
                continue
            if not again and s.size[r] and rand(w.random) < BLINK:
                passed += 1
                continue
            more = offered(g, s, m, x, r)
            if more < best:
                best, where = more, r
        if passed == 0 or (where >= 0 and (s.size[where] or g.terms[where, FIXED] == 0)):
            break  # no truck that has its price drives out, and nothing is left, because a route was passed over
    if where < 0:
        return best
    keep(s, w, np.int64(where))
    insert(s, x, where, m.place[x, where] >> 2, m.place[x, where] & 3)
    renew(g, s, w, np.int64(where))
    return best


@compiled
def recreate(g: Any, s: Any, w: Any, m: Any, most: float) -> bool:
    """Put the absent tasks back. False as soon as the plan has become ``most`` euros dearer than before the step: what
    is still absent can only make it worse."""
    order_absent(g, w)
    more = 0.0
    for i in range(w.counts[CHANGED]):
        r = w.marks[i, TOUCHED]
        more += s.cost[r, EUR] - w.cost[r, EUR]
    for i in range(w.counts[ABSENT]):
        x = w.absent[i, TASK]
        more -= g.unserved_eur[x] * w.absent[x, WAS_OUT]
    for i in range(w.counts[ABSENT]):
        more += put_back(g, s, w, m, w.absent[i, TASK])
        if more > most:
            return False
    return True


@compiled
def whole_eur(g: Any, s: Any) -> float:
    """The price of the plan: routes, what is unserved, balance."""
    eur, longest, all_s, used = 0.0, 0.0, 0.0, 0
    for r in range(len(s.size)):
        if s.size[r]:
            eur += s.cost[r, EUR]
            used += 1
            all_s += s.cost[r, SEC]
            longest = max(longest, s.cost[r, SEC])
    for x in range(len(s.spot)):
        if s.spot[x, ROUTE] < 0:
            eur += g.unserved_eur[x]
    return eur + (g.balance * (longest - all_s / used) if used and g.balance else 0.0)


@compiled
def remember(g: Any, s: Any, met: Any, r: int) -> None:
    """Put a route among those met; where the same tasks were met before, the cheaper row stays."""
    n = s.size[r]
    key = np.uint64(g.alike[r] + 1) * np.uint64(0x9E3779B97F4A7C15)
    for p in range(n):
        key ^= g.salt[s.seq[r, p]]
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
            met.tasks[met.begin[i] + p], met.via[met.begin[i] + p] = s.seq[r, p], s.via[r, p]


@compiled
def add_unserved(g: Any, s: Any, w: Any) -> None:
    """Some of the unserved tasks are tried again."""
    n, begin, wanted = len(s.spot), below(w.random, len(s.spot)), min(RETRIES, w.counts[UNSERVED])
    taken = w.counts[ABSENT]
    for i in range(taken):
        s.spot[w.absent[i, TASK], ROUTE] = -2  # not these
    for i in range(n):
        x = (begin + i) % n
        if s.spot[x, ROUTE] == -1:
            if wanted == 0:
                break
            wanted -= 1
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
            w.absent[x, WAS_OUT] = True
    for i in range(taken):
        s.spot[w.absent[i, TASK], ROUTE] = -1


@compiled
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
            b.seq[r, p], b.via[r, p] = s.seq[r, p], s.via[r, p]


@entry
def load(g: Any, s: Any, w: Any, b: Any) -> float:
    """Go on from the plan in ``b``; its price."""
    for x in range(len(s.spot)):
        s.spot[x, ROUTE] = -1
    w.counts[UNSERVED] = len(s.spot)
    for r in range(len(s.size)):
        s.size[r] = b.size[r]
        w.counts[UNSERVED] -= b.size[r]
        for p in range(b.size[r]):
            s.seq[r, p], s.via[r, p] = b.seq[r, p], b.via[r, p]
        renew(g, s, w, np.int64(r))
    return whole_eur(g, s)


@entry
def fill(g: Any, s: Any, w: Any, m: Any, b: Any) -> float:
    """Put in whatever is unserved, in random order; the plan's price. It becomes the best plan."""
    w.counts[CHANGED] = w.counts[ABSENT] = 0
    for x in range(len(s.spot)):
        if s.spot[x, ROUTE] < 0:
            w.absent[w.counts[ABSENT], TASK] = x
            w.counts[ABSENT] += 1
    w.counts[UNSERVED] = 0
    for i in range(w.counts[ABSENT]):
        j = i + below(w.random, w.counts[ABSENT] - i)
        x = w.absent[j, TASK]
        w.absent[j, TASK] = w.absent[i, TASK]
        put_back(g, s, w, m, x)
        w.counts[UNSERVED] += s.spot[x, ROUTE] < 0
    for r in range(len(s.size)):
        w.marks[r, DIRTY] = 0
    eur = whole_eur(g, s)
    save(s, b, eur)
    return eur


@entry
def search(g: Any, s: Any, w: Any, m: Any, b: Any, met: Any, steps: int, heat: float, eur: float, near: float) -> float:
    """``steps`` steps at a temperature of ``heat`` euros from a plan of ``eur``; the price of the plan at the end.

    Routes of plans within ``near`` euros of the best are remembered.
    """
    for _ in range(steps):
        w.counts[STEPS] += 1
        w.counts[CHANGED] = w.counts[ABSENT] = 0
        ruin(g, s, w)
        if w.counts[UNSERVED]:
            add_unserved(g, s, w)
        most = -heat * np.log(max(rand(w.random), 1e-300))
        good = recreate(g, s, w, m, INF if g.balance else most)
        found = INF
        if good:
            found = whole_eur(g, s) if g.balance else eur + changed_eur(g, s, w)
        if found < eur + most:
            eur = found
            for i in range(w.counts[ABSENT]):
                w.counts[UNSERVED] += (s.spot[w.absent[i, TASK], ROUTE] < 0) - w.absent[w.absent[i, TASK], WAS_OUT]
            if eur < b.eur[0] - 1e-7:
                save(s, b, eur)
            if eur < b.eur[0] + near:
                for i in range(w.counts[CHANGED]):
                    if s.size[w.marks[i, TOUCHED]]:
                        remember(g, s, met, w.marks[i, TOUCHED])
        else:
            undo(s, w)
        for i in range(w.counts[CHANGED]):
            w.marks[w.marks[i, TOUCHED], DIRTY] = 0
        for i in range(w.counts[ABSENT]):
            w.absent[w.absent[i, TASK], WAS_OUT] = False
    return eur
