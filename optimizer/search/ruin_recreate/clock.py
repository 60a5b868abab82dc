# mypy: disable-error-code="untyped-decorator,no-any-return"
"""What a route costs by the clock: hours of tasks and sites, waiting, rests.

The clock goes from task to task; a task is served in the mode, and the truck emptied by the way, that is done first.
``Routes.clock`` keeps where it stands after each task. ``Routes.tail`` keeps how long the rest of the route takes from
there, and how much later or earlier the clock may stand without a decision being made differently or anybody waiting
longer: a change to a route is followed only until the clock falls in with what was known.

Rests are looked at afterwards. Where everything after the time of a rest may be so much later, a rest costs just its
time; else the clock goes once more through that part of the route, and rests as late as it may.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.search.ruin_recreate.ground import (
    DRIVES_OUT,
    ENTER,
    EUR,
    LEAVE,
    PER_S,
    PROFILE,
    REST,
    REST_AFTER,
    REST_LATEST,
    SEC,
    SERVICES,
    START_SERVICE,
    STAY_S,
)
from optimizer.search.ruin_recreate.routes import CLOCK, INF, compiled, inlined, price

TIME, PAID, RESTED, CAME = range(4)  # Routes.clock: seconds, euros, a lunch taken, the mode of the task before
SINCE, LATER, WAIT, WAY = range(4, 8)  # Routes.labels has besides: seconds since a rest, slack, waiting, way
#: ``Routes.tail``: the mode that the route leaves a task in, seconds and euros from there on, how much later and
#: earlier the clock may stand there; and likewise for the way to the task itself.
MODE, TAIL_S, TAIL_EUR, MAY_LATER, MAY_EARLIER, OWN_LATER, OWN_EARLIER = range(7)
JUST = 1e-3  # a decision that hangs by less is taken as hanging
SAME = 1e-6


@inlined
def opens(hours: Any, i: int, arrival_s: float, length_s: float) -> tuple[float, float, float]:
    """When something may begin at the earliest (inf: never), and how much later and earlier one may arrive."""
    best, later, earlier = INF, INF, INF
    for w in range(hours.shape[1]):
        begin = max(arrival_s, hours[i, w, 0])
        if begin < hours[i, w, 1] and begin + length_s <= hours[i, w, 1] + SAME:
            if begin < best:
                best, later = begin, hours[i, w, 1] - length_s - arrival_s
                earlier = min(earlier, arrival_s - hours[i, w, 0]) if begin == arrival_s else earlier
        elif begin == arrival_s:
            earlier = min(earlier, arrival_s + length_s - hours[i, w, 1] - JUST)
    return best, later, earlier


@inlined
def pause(
    g: Any, r: int, now_s: float, paid: float, since_s: float, rested: float, ahead_s: float, due: int, last: int
) -> tuple[float, float, float, float, float, float]:
    """Rest before driving on, where it is high time: the next chance comes after ``ahead_s``, or never (``last``). Then
    time, pay, seconds since, lunches; and how much later and earlier one may come."""
    opens_s, closes_s, length_s = g.lunch[r, 0], g.lunch[r, 1], g.lunch[r, 2]
    if length_s > 0 and not rested:
        if now_s > closes_s:
            return INF, paid, since_s, rested, INF, now_s - closes_s - JUST
        if last or now_s >= opens_s or now_s + ahead_s > closes_s:
            end_s = max(now_s, opens_s) + length_s
            paid += (end_s - now_s) * g.by_shift[r, PER_S]
            earlier = now_s - opens_s if now_s >= opens_s else now_s + ahead_s - closes_s - JUST
            return end_s, paid, 0.0, 1.0, closes_s - now_s, earlier
        return now_s, paid, since_s, rested, min(opens_s - now_s, closes_s - now_s - ahead_s) - JUST, INF
    if due and (since_s + ahead_s > g.by_shift[r, REST_LATEST] or (last and not rested)):
        if since_s > g.by_shift[r, REST_LATEST]:
            return INF, paid, since_s, rested, INF, INF
        return now_s + g.by_shift[r, REST], paid, 0.0, rested + 1.0, INF, INF
    return now_s, paid, since_s, rested, INF, INF


@inlined
def step(g: Any, s: Any, r: int, half: int, j: int, k: int, a: int, b: int, y: int, via: int, due: int) -> float:
    """From mode ``j`` of one task to mode ``k`` of the next (``y``; -1: home), emptied between them or not: the label
    that is done first stays. How much earlier one may come."""
    c, per_s = g.kind[r], g.by_shift[r, PER_S]
    profile, rate = g.origin[c, PROFILE], g.rate[c]
    all_earlier = INF
    for w in range(g.ways.shape[1] if via else 1):
        if via and g.ways[c, w, 0] < 0:
            continue
        now_s, paid = s.labels[half, j, TIME], s.labels[half, j, PAID] + (g.trip_eur if via else 0.0)
        since_s, rested = s.labels[half, j, SINCE], s.labels[half, j, RESTED]
        later, waited, here = INF, False, a
        for i in range(4 if via else 1):  # sites, then the task
            site = g.ways[c, w, i] if via and i < 3 else -1
            if via and i < 3 and site < 0:
                continue
            to, stay_s, stay_eur = b, 0.0, 0.0
            if site >= 0:
                to, stay_s = int(g.sites[site, ENTER]), g.sites[site, STAY_S]
                stay_eur = stay_s * per_s
            elif y >= 0:
                stay_s, stay_eur = g.serve[c, y, k, SEC], g.serve[c, y, k, EUR]
            ds = g.travel_ds[profile, here, to]
            before_s, lunched = now_s, rested
            now_s, paid, since_s, rested, may_later, may_earlier = pause(
                g, r, now_s, paid, since_s, rested, 0.1 * ds + stay_s, due, y < 0 and site < 0
            )
            later, all_earlier = min(later, may_later), min(all_earlier, may_earlier)
            waited |= lunched < rested and before_s < g.lunch[r, 0]
            come_s = now_s + 0.1 * ds
            begin_s = come_s
            if site >= 0:
                begin_s, may_later, may_earlier = opens(g.site_hours, site, come_s, stay_s)
                later, all_earlier = min(later, may_later), min(all_earlier, may_earlier)
            elif y >= 0:
                begin_s, may_later, may_earlier = opens(g.hours, y, come_s, stay_s)
                later, all_earlier = min(later, may_later), min(all_earlier, may_earlier)
            waited |= begin_s > come_s
            paid += rate * ds + (begin_s - come_s) * per_s + stay_eur
            since_s += begin_s + stay_s - now_s
            now_s = begin_s + stay_s
            here = int(g.sites[site, LEAVE]) if site >= 0 else here
            if now_s == INF:
                break
        if waited:
            s.labels[1 - half, k, WAIT] = min(s.labels[1 - half, k, WAIT], now_s)
        if now_s < s.labels[1 - half, k, TIME]:
            s.labels[1 - half, k, TIME], s.labels[1 - half, k, PAID] = now_s, paid
            s.labels[1 - half, k, SINCE], s.labels[1 - half, k, RESTED] = since_s, rested
            s.labels[1 - half, k, LATER], s.labels[1 - half, k, CAME] = later, j
            s.labels[1 - half, k, WAY] = w if via else -1
    return all_earlier


@inlined
def arrive(g: Any, s: Any, r: int, half: int, last: int, y: int, via: int, due: int) -> tuple[float, float]:
    """From the labels of one task (``last``; -1: the depot) to those of the next (``y``; -1: home), on the other half;
    how much later and earlier one may come for all decisions to stay the same."""
    c, modes = g.kind[r], len(g.shape.modes)
    if via and (last < 0 or g.ways[c, 0, 0] < 0):
        via = 0
    for k in range(modes):
        s.labels[1 - half, k, TIME] = s.labels[1 - half, k, WAIT] = INF
    later, earlier = INF, INF
    for j in range(modes):
        if s.labels[half, j, TIME] < INF:
            a = np.int64(g.origin[c, LEAVE] if last < 0 else g.leave[last, j])
            for k in range(modes if y >= 0 else 1):
                if y < 0 or g.serve[c, y, k, EUR] < INF:
                    b = np.int64(g.origin[c, ENTER] if y < 0 else g.enter[y, k])
                    earlier = min(earlier, step(g, s, r, half, j, k, a, b, y, via, due))
    for k in range(modes if y >= 0 else 1):
        if s.labels[1 - half, k, TIME] < INF:
            wait = s.labels[1 - half, k, WAIT] - s.labels[1 - half, k, TIME]
            later = min(later, s.labels[1 - half, k, LATER], wait - JUST)
            if wait <= 0:
                earlier = 0.0
    return later, earlier


@inlined
def stand(g: Any, s: Any, r: int, p: int, by_s: float, by_eur: float) -> int:
    """The labels as the clock stands before index ``p`` of a route, so much later; the task before, -1: the depot."""
    modes = len(g.shape.modes)
    if p == 0:
        for k in range(modes):
            s.labels[0, k, TIME], s.labels[0, k, PAID] = INF, 0.0
        s.labels[0, 0, TIME] = g.by_shift[r, DRIVES_OUT]
        s.labels[0, 0, SINCE], s.labels[0, 0, RESTED] = g.by_shift[r, START_SERVICE], 0.0
        return -1
    y = np.int64(s.seq[r, p - 1])
    for k in range(modes):
        s.labels[0, k, TIME], s.labels[0, k, PAID] = s.clock[y, k, TIME] + by_s, s.clock[y, k, PAID] + by_eur
        s.labels[0, k, RESTED] = s.clock[y, k, RESTED]
        s.labels[0, k, SINCE] = (
            s.labels[0, k, TIME] - g.by_shift[r, DRIVES_OUT] + g.by_shift[r, START_SERVICE]
        )  # where it has not rested
    return int(y)


@inlined
def delay_of(g: Any, s: Any, half: int, y: int) -> tuple[float, float]:
    """How much later the labels stand than the clock is known to stand after a task, and euros likewise, where that is
    the same for all modes; else inf."""
    k = int(s.tail[y, MODE])
    by_s, by_eur = s.labels[half, k, TIME] - s.clock[y, k, TIME], s.labels[half, k, PAID] - s.clock[y, k, PAID]
    for j in range(len(g.shape.modes)):
        stands, known = s.labels[half, j, TIME], s.clock[y, j, TIME]
        if stands == INF and known == INF:
            continue
        paid_eur = s.labels[half, j, PAID] - s.clock[y, j, PAID]
        if not (abs(stands - known - by_s) <= SAME and abs(paid_eur - by_eur) <= SAME):
            return INF, INF
        if s.labels[half, j, RESTED] != s.clock[y, j, RESTED]:
            return INF, INF
    return by_s, by_eur


@inlined
def may_be(later: float, earlier: float, by_s: float) -> bool:
    """Whether being so much later (negative: earlier) changes nothing."""
    return by_s <= later + SAME and -by_s <= earlier + SAME


@inlined
def delay(g: Any, s: Any, y: int, by_s: float, by_eur: float) -> None:
    """Everything later by so much."""
    for k in range(len(g.shape.modes)):
        s.clock[y, k, TIME] += by_s
        s.clock[y, k, PAID] += by_eur
    s.tail[y, MAY_LATER] -= by_s
    s.tail[y, OWN_LATER] -= by_s
    s.tail[y, MAY_EARLIER] += by_s
    s.tail[y, OWN_EARLIER] += by_s


@compiled
def keep_time(g: Any, s: Any, r: int, first: int, last: int) -> None:
    """Clock and tails of a route anew, where nothing changed before index ``first`` and after ``last``."""
    n, modes, half = s.size[r], len(g.shape.modes), np.int64(0)
    before, known, q = stand(g, s, r, first, 0.0, 0.0), np.int64(n), np.int64(first - 1)
    while q < n:
        q += 1
        y = np.int64(s.seq[r, q]) if q < n else np.int64(-1)
        later, earlier = arrive(g, s, r, half, before, y, np.int64(s.via[y]) if q < n else np.int64(1), np.int64(0))
        half, before = np.int64(1 - half), y
        if q == n:
            break
        by_s = by_eur = INF
        if q > last:
            by_s, by_eur = delay_of(g, s, half, y)
            if by_s < INF and may_be(s.tail[y, MAY_LATER], s.tail[y, MAY_EARLIER], by_s):
                for i in range(q, n):
                    delay(g, s, np.int64(s.seq[r, i]), by_s, by_eur)
                known = q
        for k in range(modes):
            s.clock[y, k, TIME], s.clock[y, k, PAID] = s.labels[half, k, TIME], s.labels[half, k, PAID]
            s.clock[y, k, RESTED], s.clock[y, k, CAME] = s.labels[half, k, RESTED], s.labels[half, k, CAME]
        s.tail[y, OWN_LATER], s.tail[y, OWN_EARLIER] = later, earlier
        if known < n:
            break
        if by_s < INF:  # the same holds until a task for which it matters
            begin = q
            while q + 1 < n and may_be(s.tail[s.seq[r, q + 1], OWN_LATER], s.tail[s.seq[r, q + 1], OWN_EARLIER], by_s):
                q += 1
                delay(g, s, np.int64(s.seq[r, q]), by_s, by_eur)
            if q > begin:
                half, before = np.int64(0), stand(g, s, r, q + 1, 0.0, 0.0)
    for i in range(known - 1, -1, -1):
        y = np.int64(s.seq[r, i])
        if i == n - 1:  # home
            end_s, end_eur, k = s.labels[half, 0, TIME], s.labels[half, 0, PAID], int(s.labels[half, 0, CAME])
        else:
            z = np.int64(s.seq[r, i + 1])
            m = int(s.tail[z, MODE])
            k, end_s, end_eur = int(s.clock[z, m, CAME]), s.clock[z, m, TIME], s.clock[z, m, PAID]
            end_s, end_eur = end_s + s.tail[z, TAIL_S], end_eur + s.tail[z, TAIL_EUR]
            later = min(s.tail[z, OWN_LATER], s.tail[z, MAY_LATER])
            earlier = min(s.tail[z, OWN_EARLIER], s.tail[z, MAY_EARLIER])
        if end_s < INF:
            s.tail[y, MODE], s.tail[y, TAIL_S] = k, end_s - s.clock[y, k, TIME]
            s.tail[y, TAIL_EUR] = end_eur - s.clock[y, k, PAID]
            s.tail[y, MAY_LATER], s.tail[y, MAY_EARLIER] = later, earlier
        else:
            s.tail[y, MODE], s.tail[y, TAIL_S] = 0.0, INF
            s.tail[y, MAY_LATER] = s.tail[y, MAY_EARLIER] = -1.0


@inlined
def latest_rest_s(g: Any, r: int) -> float:
    """A rest is taken before the clock stands there; where there is a lunch, that has to be gone through anyway."""
    if g.lunch[r, 2] > 0:
        return -INF
    return g.by_shift[r, DRIVES_OUT] - g.by_shift[r, START_SERVICE] + g.by_shift[r, REST_LATEST]


@inlined
def is_late(g: Any, s: Any, r: int, y: int, by_s: float) -> bool:
    """Whether a task is late for a rest, being later by so much."""
    late = False
    for k in range(len(g.shape.modes)):
        late |= INF > s.clock[y, k, TIME] > latest_rest_s(g, r) - by_s
    return late


@inlined
def first_late(g: Any, s: Any, r: int, first: int, last: int, by_s: float) -> int:
    """The first of these tasks that is late for a rest, all being later by so much; else the index after them."""
    m = last
    while m > first and is_late(g, s, r, np.int64(s.seq[r, m - 1]), by_s):
        m -= 1
    return m


@compiled
def by_the_clock(g: Any, s: Any, r: int, first: int, last: int) -> tuple[float, float]:
    """The price of a route and its seconds of work, where nothing changed before index ``first`` and after ``last``."""
    n, none = np.int64(s.size[r]), np.int64(-1)
    if not s.reach[r, CLOCK]:  # it was not on the clock
        first, last = 0, int(n) - 1
    keep_time(g, s, r, np.int64(first), np.int64(last))
    s.reach[r, CLOCK] = 1
    y = np.int64(s.seq[r, 0])
    k = int(s.tail[y, MODE])
    end_s, paid = s.clock[y, k, TIME] + s.tail[y, TAIL_S], s.clock[y, k, PAID] + s.tail[y, TAIL_EUR]
    m = np.int64(first_late(g, s, r, np.int64(0), n, 0.0))
    later = s.tail[s.seq[r, m - 1], MAY_LATER] if m else min(s.tail[y, OWN_LATER], s.tail[y, MAY_LATER])
    return judged(g, s, r, none, none, none, m, 0.0, 0.0, later, end_s, paid)


@compiled
def with_task(g: Any, s: Any, r: int, x: int, at: int, code: int) -> tuple[float, float]:
    """The price of a route and its seconds of work with task ``x`` before its task ``at``; ``code`` says whether the
    truck is emptied before and after it."""
    n, half, none = np.int64(s.size[r]), np.int64(0), np.int64(-1)
    if n and not s.reach[r, CLOCK]:
        by_the_clock(g, s, r, np.int64(0), n - 1)
    before, later, end_s, paid = stand(g, s, r, at, 0.0, 0.0), INF, INF, 0.0
    q = np.int64(at - 2)
    while q < n:
        q += 1
        y = np.int64(x) if q < at else np.int64(s.seq[r, q]) if q < n else none
        if q == n:
            via = np.int64(1)
        elif q <= at:
            via = np.int64(code & 1 if q < at else code >> 1)
        else:
            via = np.int64(s.via[y])
        may_later, _ = arrive(g, s, r, half, before, y, via, np.int64(0))
        half, before = np.int64(1 - half), y
        now_s = -INF
        for k in range(len(g.shape.modes)):
            if s.labels[half, k, TIME] < INF:
                now_s = max(now_s, s.labels[half, k, TIME])
        if now_s == -INF:
            return INF, 0.0
        late = now_s > latest_rest_s(g, r)
        if late or q == n:
            later = min(later, may_later)
        if not at <= q < n:
            continue
        by_s, by_eur = delay_of(g, s, half, y)
        if by_s == INF:
            continue
        if may_be(s.tail[y, MAY_LATER], s.tail[y, MAY_EARLIER], by_s):
            k = int(s.tail[y, MODE])
            end_s, paid = s.labels[half, k, TIME] + s.tail[y, TAIL_S], s.labels[half, k, PAID] + s.tail[y, TAIL_EUR]
            m = np.int64(first_late(g, s, r, np.int64(q + 1), n, by_s))
            later = min(later, s.tail[s.seq[r, m - 1], MAY_LATER] - by_s)
            if not late:
                return judged(g, s, r, none, none, none, m, by_s, by_eur, later, end_s, paid)
            break
        begin = q  # the same holds until a task for which it matters
        while q + 1 < n and may_be(s.tail[s.seq[r, q + 1], OWN_LATER], s.tail[s.seq[r, q + 1], OWN_EARLIER], by_s):
            q += 1
            if is_late(g, s, r, np.int64(s.seq[r, q]), by_s):
                later = min(later, s.tail[s.seq[r, q], OWN_LATER] - by_s)
        if q > begin:
            half, before = np.int64(0), stand(g, s, r, q + 1, by_s, by_eur)
    if end_s == INF:
        end_s, paid = s.labels[half, 0, TIME], s.labels[half, 0, PAID]
    m = np.int64(first_late(g, s, r, np.int64(0), at, 0.0))
    for i in range(m, at):
        later = min(later, s.tail[s.seq[r, i], OWN_LATER])
    return judged(g, s, r, x, at, code, m, 0.0, 0.0, later, end_s, paid)


@inlined
def judged(
    g: Any, s: Any, r: int, x: int, at: int, code: int, m: int, by_s: float, by_eur: float, later: float,
    end_s: float, paid: float,
) -> tuple[float, float]:  # fmt: skip
    """The price of a route and its seconds of work that ends so without rests. From its task ``m`` on it is late for a
    rest, and everything may be ``later``; else it is gone through from there (see ``go_through``)."""
    if end_s == INF:
        return INF, 0.0
    work_s = end_s - g.by_shift[r, DRIVES_OUT]
    if work_s + g.by_shift[r, SERVICES] <= g.by_shift[r, REST_AFTER] or (
        later >= g.by_shift[r, REST] and not g.lunch[r, 2]
    ):
        return price(g, np.uint32(r), paid, work_s), work_s
    return go_through(g, s, r, x, at, code, m, by_s, by_eur, np.int64(1))


@compiled
def go_through(
    g: Any, s: Any, r: int, x: int, at: int, code: int, first: int, by_s: float, by_eur: float, due: int
) -> tuple[float, float]:
    """The price of a route and its seconds of work, gone through from its task ``first`` on, to which it comes so much
    later; with task ``x`` (-1: none) before its task ``at``; with rests (``due``), as late as they may be, or without.
    ``Routes.trail`` tells how it went."""
    half, more = np.int64(0), np.int64(x >= 0)
    before = stand(g, s, r, first, by_s, by_eur)
    for q in range(first, s.size[r] + more + 1):
        y, via, p = np.int64(-1), np.int64(1), q - more if q > at else q
        if more and q == at:
            y, via = np.int64(x), np.int64(code & 1)
        elif p < s.size[r]:
            y = np.int64(s.seq[r, p])
            via = np.int64(code >> 1 if more and p == at else s.via[y])
        arrive(g, s, r, half, before, y, via, due)
        half, before = np.int64(1 - half), y
        for k in range(len(g.shape.modes)):
            s.trail[q, k, 0], s.trail[q, k, 1] = s.labels[half, k, CAME], s.labels[half, k, WAY]
    if s.labels[half, 0, TIME] == INF:
        return INF, 0.0
    work_s = s.labels[half, 0, TIME] - g.by_shift[r, DRIVES_OUT]
    if g.lunch[r, 2] == 0:
        work_s -= s.labels[half, 0, RESTED] * g.by_shift[r, REST]
        if due and not s.labels[half, 0, RESTED]:  # at the very end it is due: nothing kept room for it
            return INF, work_s
    return price(g, np.uint32(r), s.labels[half, 0, PAID], work_s), work_s
