"""The kernels of map matching (``matching.py``): candidates of a fix, ways between them, the likeliest sequence.

Compiled by numba, once per machine; plain loops over arrays. All weights are in nats: natural logarithms of likelihood.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.compiling import kept
from optimizer.matching.network import AGAINST_ONE_WAY, CELL_M, U_TURN, Arrays, Floats, Ints

#: How far from a fix a street is looked for.
NEAR_DEVIATIONS, NEAR_M = 5.0, 10.0
#: How long a receiver's error lasts: fixes closer in time share one.
ERROR_LASTS_S = 15.0
#: Deviation of the course over ground from the street's; no fix says more than the last one.
COURSE_RAD, COURSE_NATS = 0.35, 4.0
#: How far way and straight line differ, in metres: at least, and as a share of the line.
DETOUR_M, DETOUR_SHARE = 6.0, 0.15
#: Metres of way that a driver makes to save a nat.
METRES_PER_NAT = 12.0
AGAINST_PER_M = 0.02
#: How far back along its own arc a fix may fall and still be the receiver's error.
SLIP_M = 25.0
#: A truck is no faster.
FASTEST_MPS = 30.0
#: A candidate, or a sequence, this much worse than the best is given up; a fix that costs more than ``ODD`` is odd.
HOPELESS, ODD = 14.0, 12.0

WINDOW, WIDTH = 64, 16  # columns kept at most, candidates in each
NEAR = 32  # segments looked at around a fix

_kernel = kept()


class DijkstraScratch(NamedTuple):
    """Scratch of a search over the arcs. ``stamp`` tells this search's entries from old ones.

    ``cost`` in metres (nats turned into metres) and ``nats`` count to where the arc begins. ``before``: the arc before,
    -1: from the place itself, -2: from the place after turning round there.
    """

    stamp: Ints
    seen: Ints
    goal: Ints
    final: Ints
    cost: Floats
    nats: Floats
    before: Ints
    heap_cost: Floats
    heap_arc: Ints


class Chain(NamedTuple):
    """The columns of a chain that are not settled: a ring of ``WINDOW`` columns, each of up to ``WIDTH`` candidates.

    ``ring``: index of the first column, number of columns. ``fix``: seconds (from, until), x, y, metres moved since the
    column before by the receiver's speeds (NaN: not known). ``between``: nats from each candidate of the column before.
    """

    ring: Ints
    fix: Floats
    width: Ints
    arc: Ints
    offset: Floats
    x: Floats
    y: Floats
    said: Floats
    score: Floats
    back: Ints
    between: NDArray[np.float32]


def new_chain() -> Chain:
    table = (WINDOW, WIDTH)
    return Chain(
        ring=np.zeros(2, np.int32),
        fix=np.zeros((WINDOW, 5)),
        width=np.zeros(WINDOW, np.int32),
        arc=np.zeros(table, np.int32),
        offset=np.zeros(table),
        x=np.zeros(table),
        y=np.zeros(table),
        said=np.zeros(table),
        score=np.zeros(table),
        back=np.zeros(table, np.int32),
        between=np.zeros((WINDOW, WIDTH, WIDTH), np.float32),
    )


# --- kernels: where a fix may be ---------------------------------------------------------------------------------


@_kernel
def _near(net: Arrays, x: float, y: float, radius: float, segment: Ints, found: Floats) -> int:
    """The segments within the radius, nearest first: number; ``found`` rows are metres away, metres along, x, y."""
    count = 0
    west, east = int((x - radius - net.corner[0]) // CELL_M), int((x + radius - net.corner[0]) // CELL_M)
    south, north = int((y - radius - net.corner[1]) // CELL_M), int((y + radius - net.corner[1]) // CELL_M)
    for row in range(max(0, south), min(net.rows - 1, north) + 1):
        for column in range(max(0, west), min(net.columns - 1, east) + 1):
            cell = row * net.columns + column
            for i in range(net.cell_from[cell], net.cell_from[cell + 1]):
                k = net.cell_piece[i]
                dx, dy = net.bx[k] - net.ax[k], net.by[k] - net.ay[k]
                square = dx * dx + dy * dy
                share = 0.0 if square == 0.0 else ((x - net.ax[k]) * dx + (y - net.ay[k]) * dy) / square
                share = min(1.0, max(0.0, share))
                px, py = net.ax[k] + share * dx, net.ay[k] + share * dy
                away = math.hypot(x - px, y - py)
                if away > radius:
                    continue
                at = count
                for j in range(count):
                    if segment[j] == net.piece_segment[k]:
                        at = j
                        break
                if at == count:
                    if count == NEAR:
                        continue
                    count += 1
                elif found[at, 0] <= away:
                    continue
                while at > 0 and found[at - 1, 0] > away:
                    segment[at] = segment[at - 1]
                    found[at] = found[at - 1]
                    at -= 1
                segment[at] = net.piece_segment[k]
                found[at, 0], found[at, 1] = away, net.at[k] + share * net.piece_length[k]
                found[at, 2], found[at, 3] = px, py
    return count


@_kernel
def _course(net: Arrays, segment: int, along: float) -> float:
    """The direction of a segment at a place, radians from north, clockwise."""
    k = net.piece_from[segment]
    while k + 1 < net.piece_from[segment + 1] and net.at[k + 1] <= along:
        k += 1
    return math.atan2(net.bx[k] - net.ax[k], net.by[k] - net.ay[k])


@_kernel
def _candidates(
    net: Arrays, chain: Chain, column: int, x: float, y: float, sigma: float, heading: float, weight: float
) -> int:
    """Fill a column with where the fix may be. ``heading``: radians, NaN unknown. The number of candidates."""
    segment, found = np.empty(NEAR, np.int32), np.empty((NEAR, 4))
    near = _near(net, x, y, NEAR_DEVIATIONS * sigma + NEAR_M, segment, found)
    count, best = 0, np.inf
    for k in range(near):
        z = found[k, 0] / sigma
        said = 0.5 * z * z if z < 2.0 else 2.0 * z - 2.0
        said += net.nats[segment[k]]
        for direction in range(2):
            nats = said
            if not math.isnan(heading):
                turned = heading - _course(net, segment[k], found[k, 1]) - math.pi * direction
                turned = abs((turned + math.pi) % (2.0 * math.pi) - math.pi)
                nats += min(COURSE_NATS, 0.5 * (turned / COURSE_RAD) ** 2)
            nats *= weight
            if count == WIDTH or nats > best + HOPELESS:
                continue
            best = min(best, nats)
            arc = 2 * segment[k] + direction
            chain.arc[column, count] = arc
            chain.offset[column, count] = found[k, 1] if direction == 0 else net.length[arc] - found[k, 1]
            chain.said[column, count] = nats
            chain.x[column, count], chain.y[column, count] = found[k, 2], found[k, 3]
            count += 1
    chain.width[column] = count
    return count


# --- kernels: the ways between -----------------------------------------------------------------------------------


@_kernel
def _push(scratch: DijkstraScratch, size: int, cost: float, arc: int) -> int:
    k = size
    while k > 0 and scratch.heap_cost[(k - 1) // 2] > cost:
        scratch.heap_cost[k], scratch.heap_arc[k] = scratch.heap_cost[(k - 1) // 2], scratch.heap_arc[(k - 1) // 2]
        k = (k - 1) // 2
    scratch.heap_cost[k], scratch.heap_arc[k] = cost, arc
    return size + 1


@_kernel
def _pop(scratch: DijkstraScratch, size: int) -> int:
    """Take the first off the heap; the new size."""
    size -= 1
    cost, arc = scratch.heap_cost[size], scratch.heap_arc[size]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and scratch.heap_cost[child + 1] < scratch.heap_cost[child]:
            child += 1
        if scratch.heap_cost[child] >= cost:
            break
        scratch.heap_cost[k], scratch.heap_arc[k] = scratch.heap_cost[child], scratch.heap_arc[child]
        k = child
    scratch.heap_cost[k], scratch.heap_arc[k] = cost, arc
    return size


@_kernel
def _reach(
    net: Arrays, scratch: DijkstraScratch, size: int, arc: int, before: int, cost: float, nats: float, cap: float
) -> int:
    """Take the turns at the end of an arc, where it is reached at this cost; the heap's new size."""
    stamp = scratch.stamp[0]
    for t in range(net.turn_from[arc], net.turn_from[arc + 1]):
        b = net.turn_to[t]
        total = cost + METRES_PER_NAT * net.turn_nats[t]
        if total > cap or size >= len(scratch.heap_cost) or (scratch.seen[b] == stamp and scratch.cost[b] <= total):
            continue
        scratch.seen[b], scratch.cost[b], scratch.nats[b] = stamp, total, nats + net.turn_nats[t]
        scratch.before[b] = before
        size = _push(scratch, size, total, b)
    return size


@_kernel
def _spread(net: Arrays, scratch: DijkstraScratch, arc: int, offset: float, goals: Ints, cap: float) -> None:
    """The cheapest ways from a place to where the goal arcs begin, none dearer than ``cap`` (Dijkstra)."""
    scratch.stamp[0] += 1
    stamp = scratch.stamp[0]
    left = 0
    for b in goals:
        if scratch.goal[b] != stamp:
            scratch.goal[b] = stamp
            left += 1
    dear = AGAINST_PER_M if net.against[arc] else 0.0
    rest = net.length[arc] - offset
    size = _reach(net, scratch, 0, arc, -1, rest * (1.0 + METRES_PER_NAT * dear), rest * dear, cap)
    back = arc ^ 1
    turned = _round_nats(net, back) + offset * (AGAINST_PER_M if net.against[back] else 0.0)
    size = _reach(net, scratch, size, back, -2, offset + METRES_PER_NAT * turned, turned, cap)
    while size > 0 and left > 0:
        cost, a = scratch.heap_cost[0], scratch.heap_arc[0]
        size = _pop(scratch, size)
        if scratch.final[a] == stamp:
            continue
        scratch.final[a] = stamp
        if scratch.goal[a] == stamp:
            left -= 1
        nats = net.length[a] * (AGAINST_PER_M if net.against[a] else 0.0)
        cost += net.length[a] + METRES_PER_NAT * nats
        if cost <= cap:
            size = _reach(net, scratch, size, a, a, cost, scratch.nats[a] + nats, cap)


@_kernel
def _round_nats(net: Arrays, back: int) -> float:
    """Turning round in the middle of a street, onto the arc ``back``."""
    return U_TURN + (AGAINST_ONE_WAY if net.against[back] else 0.0)


@_kernel
def _way(
    net: Arrays, scratch: DijkstraScratch, a: int, x: float, b: int, y: float, slip: float
) -> tuple[float, float, int]:
    """After ``_spread`` from x on arc a: metres and nats of the best way to y on arc b, and how it leads there.

    0 along the arc, 1 turning round at x, 2 turning round at the place itself, 3 over the network, -1 there is none.
    """
    if a == b and y >= x - slip:  # a little back is the receiver's error
        return max(0.0, y - x), max(0.0, y - x) * (AGAINST_PER_M if net.against[a] else 0.0), 0
    cost, metres, nats, how = np.inf, np.inf, np.inf, -1
    if scratch.seen[b] == scratch.stamp[0]:
        nats = scratch.nats[b] + y * (AGAINST_PER_M if net.against[b] else 0.0)
        metres = scratch.cost[b] - METRES_PER_NAT * scratch.nats[b] + y
        cost, how = metres + METRES_PER_NAT * nats, 3
    if b == a ^ 1:
        straight = abs(net.length[a] - y - x)
        if straight + METRES_PER_NAT * _round_nats(net, b) < cost:
            return straight, _round_nats(net, b), 1 if y >= net.length[a] - x else 2
    return metres, nats, how


@_kernel
def _cap(line: float, seconds: float) -> float:
    """The dearest way worth looking at, metres: some detour, some dear turns, no faster than a truck."""
    return min(2.0 * line + 100.0, FASTEST_MPS * max(1.0, seconds) + 60.0) + METRES_PER_NAT * 10.0


@_kernel
def advance(net: Arrays, scratch: DijkstraScratch, chain: Chain, fix: Floats, sigma: float, heading: float) -> int:
    """Put a fix (as ``Chain.fix``) at the end of the chain: 1 done, 0 no street near it, -1 nothing leads there."""
    count = chain.ring[1]
    column = (chain.ring[0] + count) % WINDOW
    if count == 0:
        if _candidates(net, chain, column, fix[2], fix[3], sigma, heading, 1.0) == 0:
            return 0
        for j in range(chain.width[column]):
            wrong = 2.0 if net.against[chain.arc[column, j]] else 0.0
            chain.score[column, j], chain.back[column, j] = chain.said[column, j] + wrong, -1
    else:
        last = (column - 1) % WINDOW
        seconds = max(0.0, fix[0] - chain.fix[last, 1])
        weight = min(1.0, max(0.1, seconds / ERROR_LASTS_S))
        if _candidates(net, chain, column, fix[2], fix[3], sigma, heading, weight) == 0:
            return 0
        line = fix[4] if fix[4] >= 0.0 else math.hypot(fix[2] - chain.fix[last, 2], fix[3] - chain.fix[last, 3])
        if not _join(net, scratch, chain, last, column, line, seconds, sigma):
            return -1
    chain.fix[column] = fix
    chain.ring[1] += 1
    return 1


@_kernel
def _join(
    net: Arrays,
    scratch: DijkstraScratch,
    chain: Chain,
    last: int,
    column: int,
    line: float,
    seconds: float,
    sigma: float,
) -> bool:
    """The best way to each candidate from those of the column before; False where the best is too odd to believe."""
    sources, targets = chain.width[last], chain.width[column]
    goals = chain.arc[column, :targets]
    best = np.min(chain.score[last, :sources])
    slip = min(SLIP_M, 2.0 * sigma)
    detour = DETOUR_M + DETOUR_SHARE * line
    cap = _cap(line, seconds)
    chain.score[column, :targets] = np.inf
    for i in range(sources):
        chain.between[column, i, :targets] = np.inf
        if chain.score[last, i] > best + HOPELESS:
            continue
        a, x = chain.arc[last, i], chain.offset[last, i]
        _spread(net, scratch, a, x, goals, cap)
        for j in range(targets):
            metres, nats, how = _way(net, scratch, a, x, goals[j], chain.offset[column, j], slip)
            if how < 0:
                continue
            nats += abs(metres - line) / detour
            chain.between[column, i, j] = nats
            total = chain.score[last, i] + nats + chain.said[column, j]
            if total < chain.score[column, j]:
                chain.score[column, j], chain.back[column, j] = total, i
    return bool(np.min(chain.score[column, :targets]) <= best + ODD)


# --- kernels: settling -------------------------------------------------------------------------------------------


@_kernel
def _agreed(chain: Chain, alive: NDArray[np.bool_]) -> int:
    """How many columns, from the first, all sequences alive agree on; the last column is never among them."""
    first, count = chain.ring[0], chain.ring[1]
    for t in range(count - 1, 0, -1):
        column, before = (first + t) % WINDOW, (first + t - 1) % WINDOW
        alive[before, :] = False
        for j in range(chain.width[column]):
            if alive[column, j]:
                alive[before, chain.back[column, j]] = True
        if np.sum(alive[before, : chain.width[before]]) == 1:
            return t
    return 0


@_kernel
def settle_columns(chain: Chain, at_least: int, arc: Ints, found: Floats) -> int:
    """Take what is settled off the chain: the columns all agree on, and ``at_least`` so many by the best sequence.

    The number of columns; their arc, and in ``found`` rows: offset, from, until, confidence, x, y.
    """
    first, count = chain.ring[0], chain.ring[1]
    if count == 0:
        return 0
    last = (first + count - 1) % WINDOW
    alive = np.zeros((WINDOW, WIDTH), np.bool_)
    best = np.argmin(chain.score[last, : chain.width[last]])
    for j in range(chain.width[last]):
        alive[last, j] = chain.score[last, j] <= chain.score[last, best] + HOPELESS
    number = max(at_least, _agreed(chain, alive))
    if number == 0:
        return 0
    _confidence(chain, found)
    state = best
    for t in range(count - 1, -1, -1):
        column = (first + t) % WINDOW
        if t < number:
            arc[t] = chain.arc[column, state]
            found[t, 0] = chain.offset[column, state]
            found[t, 1], found[t, 2] = chain.fix[column, 0], chain.fix[column, 1]
            found[t, 4], found[t, 5] = chain.x[column, state], chain.y[column, state]
        state = chain.back[column, state]
    if at_least and number < count:
        _keep_to(chain, number, arc[number - 1])
    chain.ring[0], chain.ring[1] = (first + number) % WINDOW, count - number
    return number


@_kernel
def _keep_to(chain: Chain, number: int, arc: int) -> None:
    """Give up the sequences that do not lead over what has just been settled."""
    first, count = chain.ring[0], chain.ring[1]
    last = (first + count - 1) % WINDOW
    for j in range(chain.width[last]):
        state = j
        for t in range(count - 1, number - 1, -1):
            state = chain.back[(first + t) % WINDOW, state]
            if state < 0 or chain.score[last, j] == np.inf:
                break
        if state < 0 or chain.arc[(first + number - 1) % WINDOW, state] != arc:
            chain.score[last, j] = np.inf


@_kernel
def _confidence(chain: Chain, found: Floats) -> None:
    """By column, how much of the likelihood its best place holds, past and future fixes together (max-marginals).

    Candidates within five metres are one place, unless they drive opposite ways.
    """
    first, count = chain.ring[0], chain.ring[1]
    ahead = np.zeros((count, WIDTH))
    for t in range(count - 1, -1, -1):
        column, after = (first + t) % WINDOW, (first + t + 1) % WINDOW
        n = chain.width[column]
        if t < count - 1:
            for i in range(n):
                ahead[t, i] = np.inf
                for j in range(chain.width[after]):
                    total = chain.between[after, i, j] + chain.said[after, j] + ahead[t + 1, j]
                    ahead[t, i] = min(ahead[t, i], total)
        sums = chain.score[column, :n] + ahead[t, :n]
        best = np.argmin(sums)
        same, every = 0.0, 0.0
        for i in range(n):
            likely = math.exp(min(0.0, sums[best] - sums[i]))
            every += likely
            near = math.hypot(chain.x[column, i] - chain.x[column, best], chain.y[column, i] - chain.y[column, best])
            if i == best or (near < 5.0 and chain.arc[column, i] != chain.arc[column, best] ^ 1):
                same += likely
        found[t, 3] = same / every


@_kernel
def way_between(
    net: Arrays, scratch: DijkstraScratch, a: int, x: float, b: int, y: float, line: float, seconds: float, slip: float,
    arc: Ints, span: Floats,
) -> int:  # fmt: skip
    """The parts of arcs driven from x on arc a to y on arc b, in order (``span``: from, to); their number, or -1."""
    goals = np.empty(1, np.int32)
    goals[0] = b
    if a != b or y < x - slip:
        _spread(net, scratch, a, x, goals, _cap(line, seconds))
    _, _, how = _way(net, scratch, a, x, b, y, slip)
    if how < 0:
        return -1
    arc[0], span[0, 0], span[0, 1] = a, x, max(x, y)
    if how == 0:
        return 1
    if how == 1:
        arc[0], span[0, 0], span[0, 1] = b, net.length[a] - x, y
        return 1
    if how == 2:
        span[0, 1] = net.length[a] - y
        return 1
    n, k = 1, b
    while scratch.before[k] >= 0:
        k = scratch.before[k]
        n += 1
    if n + 1 > len(arc):
        return -1
    turned = scratch.before[k] == -2
    arc[0] = a ^ 1 if turned else a
    span[0, 0], span[0, 1] = (net.length[a] - x if turned else x), net.length[a]
    k = b
    for i in range(n, 0, -1):
        arc[i], span[i, 0], span[i, 1] = k, 0.0, (y if i == n else net.length[k])
        k = scratch.before[k]
    return n + 1
