# mypy: disable-error-code="untyped-decorator,no-any-return"
"""What a route costs by the clock: windows of tasks and sites, waiting, rests.

The clock goes from task to task; a task is served in the mode, and the truck emptied by the unload sequence, that is
done first.
``Routes.clock`` keeps where it stands after each task. ``Routes.tail`` keeps how long the rest of the route takes from
there, and how much later or earlier the clock may stand without a decision being made differently or anybody waiting
longer: a change to a route is followed only until the clock falls in with what was known.

Rests are looked at afterwards. Where everything after the time of a rest may be so much later, a rest costs just its
time; else the clock goes once more through that part of the route, and rests as late as it may.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.search.ruin_recreate.kernel_arrays import (
    DRIVE_OUT_S,
    ENTER,
    EUR,
    EUR_PER_S,
    LEAVE,
    PROFILE,
    REST_AFTER_S,
    REST_LATEST_S,
    REST_S,
    SEC,
    SERVICE_S,
    START_SERVICE_S,
    STAY_S,
)
from optimizer.search.ruin_recreate.routes import CLOCK, INF, compiled, inlined, route_cost

TIME, PAID, RESTED, FROM_MODE = range(4)  # Routes.clock: seconds, euros, a lunch taken, the mode of the task before
SINCE, LATER, WAIT, SEQUENCE = range(4, 8)  # Routes.labels has besides: since a rest, slack, waiting, sequence
#: ``Routes.tail``: the mode that the route leaves a task in, seconds and euros from there on, how much later and
#: earlier the clock may stand there (slack); and likewise for the link to the task itself.
TAIL_MODE, TAIL_S, TAIL_EUR, SLACK_LATER, SLACK_EARLIER, OWN_SLACK_LATER, OWN_SLACK_EARLIER = range(7)
TIE_S = 1e-3  # a decision that hangs by less is taken as undecided
EPS_S = 1e-6


@inlined
def earliest_start(windows: Any, index: int, arrival_s: float, length_s: float) -> tuple[float, float, float]:
    """When something may begin at the earliest (inf: never), and how much later and earlier one may arrive
    without another window being chosen or waiting longer."""
    best, later, earlier = INF, INF, INF
    for window in range(windows.shape[1]):
        begin = max(arrival_s, windows[index, window, 0])
        if begin < windows[index, window, 1] and begin + length_s <= windows[index, window, 1] + EPS_S:
            if begin < best:
                best, later = begin, windows[index, window, 1] - length_s - arrival_s
                earlier = min(earlier, arrival_s - windows[index, window, 0]) if begin == arrival_s else earlier
        elif begin == arrival_s:
            earlier = min(earlier, arrival_s + length_s - windows[index, window, 1] - TIE_S)
    return best, later, earlier


@inlined
def rest_if_due(
    data: Any,
    route: int,
    now_s: float,
    paid: float,
    since_s: float,
    rested: float,
    ahead_s: float,
    with_rests: int,
    last: int,
) -> tuple[float, float, float, float, float, float]:
    """Rest before driving on, where it is high time: the next chance comes after ``ahead_s``, or never (``last``). Then
    seconds, euros, seconds since the last rest, rests taken; and how much later and earlier one may come."""
    opens_s, closes_s, length_s = data.lunch[route, 0], data.lunch[route, 1], data.lunch[route, 2]
    if length_s > 0 and not rested:
        if now_s > closes_s:
            return INF, paid, since_s, rested, INF, now_s - closes_s - TIE_S
        if last or now_s >= opens_s or now_s + ahead_s > closes_s:
            end_s = max(now_s, opens_s) + length_s
            paid += (end_s - now_s) * data.by_shift[route, EUR_PER_S]
            earlier = now_s - opens_s if now_s >= opens_s else now_s + ahead_s - closes_s - TIE_S
            return end_s, paid, 0.0, 1.0, closes_s - now_s, earlier
        return now_s, paid, since_s, rested, min(opens_s - now_s, closes_s - now_s - ahead_s) - TIE_S, INF
    if with_rests and (since_s + ahead_s > data.by_shift[route, REST_LATEST_S] or (last and not rested)):
        if since_s > data.by_shift[route, REST_LATEST_S]:
            return INF, paid, since_s, rested, INF, INF
        return now_s + data.by_shift[route, REST_S], paid, 0.0, rested + 1.0, INF, INF
    return now_s, paid, since_s, rested, INF, INF


@inlined
def stay_at(data: Any, cost_class: int, per_s: float, site: int, task: int, to_mode: int) -> tuple[float, float]:
    """Seconds and euros of unloading at a site, else (-1) of serving a task, else (-1: home) nothing."""
    if site >= 0:
        return data.sites[site, STAY_S], data.sites[site, STAY_S] * per_s
    if task >= 0:
        return data.service[cost_class, task, to_mode, SEC], data.service[cost_class, task, to_mode, EUR]
    return 0.0, 0.0


@inlined
def start_at(data: Any, site: int, task: int, arrival_s: float, stay_s: float) -> tuple[float, float, float]:
    """``earliest_start`` at a site, else (-1) of a task, else (-1: home) at once."""
    if site >= 0:
        return earliest_start(data.site_windows, site, arrival_s, stay_s)
    if task >= 0:
        return earliest_start(data.windows, task, arrival_s, stay_s)
    return arrival_s, INF, INF


@inlined
def extend_label(
    data: Any,
    routes: Any,
    route: int,
    half: int,
    from_mode: int,
    to_mode: int,
    left: int,
    entered: int,
    task: int,
    unload: int,
    with_rests: int,
) -> float:
    """From a mode of one task to a mode of the next (``task``; -1: home), emptied between them or not: the label that
    is done first stays. How much earlier one may come."""
    cost_class, per_s = data.cost_class[route], data.by_shift[route, EUR_PER_S]
    profile, rate = data.depot[cost_class, PROFILE], data.eur_per_ds[cost_class]
    all_earlier = INF
    for sequence in range(data.unload_sequences.shape[1] if unload else 1):
        if unload and data.unload_sequences[cost_class, sequence, 0] < 0:
            continue
        now_s = routes.labels[half, from_mode, TIME]
        paid = routes.labels[half, from_mode, PAID] + (data.trip_eur if unload else 0.0)
        since_s, rested = routes.labels[half, from_mode, SINCE], routes.labels[half, from_mode, RESTED]
        later, waited, here = INF, False, left
        for stop in range(4 if unload else 1):  # sites, then the task
            site = data.unload_sequences[cost_class, sequence, stop] if unload and stop < 3 else -1
            if unload and stop < 3 and site < 0:
                continue
            stay_s, stay_eur = stay_at(data, cost_class, per_s, site, task, to_mode)
            ds = data.travel_ds[profile, here, int(data.sites[site, ENTER]) if site >= 0 else entered]
            before_s, lunched = now_s, rested
            now_s, paid, since_s, rested, may_later, may_earlier = rest_if_due(
                data, route, now_s, paid, since_s, rested, 0.1 * ds + stay_s, with_rests, task < 0 and site < 0
            )
            later, all_earlier = min(later, may_later), min(all_earlier, may_earlier)
            waited |= lunched < rested and before_s < data.lunch[route, 0]
            arrival_s = now_s + 0.1 * ds
            begin_s, may_later, may_earlier = start_at(data, site, task, arrival_s, stay_s)
            later, all_earlier = min(later, may_later), min(all_earlier, may_earlier)
            waited |= begin_s > arrival_s
            paid += rate * ds + (begin_s - arrival_s) * per_s + stay_eur
            since_s += begin_s + stay_s - now_s
            now_s = begin_s + stay_s
            here = int(data.sites[site, LEAVE]) if site >= 0 else here
            if now_s == INF:
                break
        other = 1 - half
        if waited:
            routes.labels[other, to_mode, WAIT] = min(routes.labels[other, to_mode, WAIT], now_s)
        if now_s < routes.labels[other, to_mode, TIME]:
            routes.labels[other, to_mode, TIME], routes.labels[other, to_mode, PAID] = now_s, paid
            routes.labels[other, to_mode, SINCE], routes.labels[other, to_mode, RESTED] = since_s, rested
            routes.labels[other, to_mode, LATER], routes.labels[other, to_mode, FROM_MODE] = later, from_mode
            routes.labels[other, to_mode, SEQUENCE] = sequence if unload else -1
    return all_earlier


@inlined
def extend_labels(
    data: Any, routes: Any, route: int, half: int, last: int, task: int, unload: int, with_rests: int
) -> tuple[float, float]:
    """From the labels of one task (``last``; -1: the depot) to those of the next (``task``; -1: home), on the other
    half; how much later and earlier one may come for all decisions to stay the same."""
    cost_class, modes = data.cost_class[route], len(data.features.modes)
    if unload and (last < 0 or data.unload_sequences[cost_class, 0, 0] < 0):
        unload = 0
    for to_mode in range(modes):
        routes.labels[1 - half, to_mode, TIME] = routes.labels[1 - half, to_mode, WAIT] = INF
    later, earlier = INF, INF
    for from_mode in range(modes):
        if routes.labels[half, from_mode, TIME] < INF:
            left = np.int64(data.depot[cost_class, LEAVE] if last < 0 else data.leave[last, from_mode])
            for to_mode in range(modes if task >= 0 else 1):
                if task < 0 or data.service[cost_class, task, to_mode, EUR] < INF:
                    entered = np.int64(data.depot[cost_class, ENTER] if task < 0 else data.enter[task, to_mode])
                    earlier = min(
                        earlier,
                        extend_label(
                            data, routes, route, half, from_mode, to_mode, left, entered, task, unload, with_rests
                        ),
                    )
    for to_mode in range(modes if task >= 0 else 1):
        if routes.labels[1 - half, to_mode, TIME] < INF:
            wait = routes.labels[1 - half, to_mode, WAIT] - routes.labels[1 - half, to_mode, TIME]
            later = min(later, routes.labels[1 - half, to_mode, LATER], wait - TIE_S)
            if wait <= 0:
                earlier = 0.0
    return later, earlier


@inlined
def load_labels(data: Any, routes: Any, route: int, position: int, by_s: float, by_eur: float) -> int:
    """The labels as the clock stands before index ``p`` of a route, so much later; the task before, -1: the depot."""
    modes = len(data.features.modes)
    if position == 0:
        for mode in range(modes):
            routes.labels[0, mode, TIME], routes.labels[0, mode, PAID] = INF, 0.0
        routes.labels[0, 0, TIME] = data.by_shift[route, DRIVE_OUT_S]
        routes.labels[0, 0, SINCE], routes.labels[0, 0, RESTED] = data.by_shift[route, START_SERVICE_S], 0.0
        return -1
    task = np.int64(routes.tasks[route, position - 1])
    for mode in range(modes):
        routes.labels[0, mode, TIME] = routes.clock[task, mode, TIME] + by_s
        routes.labels[0, mode, PAID] = routes.clock[task, mode, PAID] + by_eur
        routes.labels[0, mode, RESTED] = routes.clock[task, mode, RESTED]
        work_s = routes.labels[0, mode, TIME] - data.by_shift[route, DRIVE_OUT_S]
        routes.labels[0, mode, SINCE] = work_s + data.by_shift[route, START_SERVICE_S]  # where it has not rested
    return int(task)


@inlined
def common_delay(data: Any, routes: Any, half: int, task: int) -> tuple[float, float]:
    """How much later the labels stand than the clock is known to stand after a task, and euros likewise, where that is
    the same for all modes; else inf."""
    mode = int(routes.tail[task, TAIL_MODE])
    by_s = routes.labels[half, mode, TIME] - routes.clock[task, mode, TIME]
    by_eur = routes.labels[half, mode, PAID] - routes.clock[task, mode, PAID]
    for other in range(len(data.features.modes)):
        stands, known = routes.labels[half, other, TIME], routes.clock[task, other, TIME]
        if stands == INF and known == INF:
            continue
        paid_eur = routes.labels[half, other, PAID] - routes.clock[task, other, PAID]
        if not (abs(stands - known - by_s) <= EPS_S and abs(paid_eur - by_eur) <= EPS_S):
            return INF, INF
        if routes.labels[half, other, RESTED] != routes.clock[task, other, RESTED]:
            return INF, INF
    return by_s, by_eur


@inlined
def within_slack(later: float, earlier: float, by_s: float) -> bool:
    """Whether being so much later (negative: earlier) changes nothing."""
    return by_s <= later + EPS_S and -by_s <= earlier + EPS_S


@inlined
def delay_clock(data: Any, routes: Any, task: int, by_s: float, by_eur: float) -> None:
    """Everything later by so much."""
    for mode in range(len(data.features.modes)):
        routes.clock[task, mode, TIME] += by_s
        routes.clock[task, mode, PAID] += by_eur
    routes.tail[task, SLACK_LATER] -= by_s
    routes.tail[task, OWN_SLACK_LATER] -= by_s
    routes.tail[task, SLACK_EARLIER] += by_s
    routes.tail[task, OWN_SLACK_EARLIER] += by_s


@inlined
def update_tails(data: Any, routes: Any, route: int, end: int, half: int, later: float, earlier: float) -> None:
    """Tails of a route anew before index ``end``, from home on where that is its size: the labels stand there."""
    for index in range(end - 1, -1, -1):
        task = np.int64(routes.tasks[route, index])
        if index == routes.size[route] - 1:  # home
            end_s, end_eur = routes.labels[half, 0, TIME], routes.labels[half, 0, PAID]
            mode = int(routes.labels[half, 0, FROM_MODE])
        else:
            next_task = np.int64(routes.tasks[route, index + 1])
            next_mode = int(routes.tail[next_task, TAIL_MODE])
            mode = int(routes.clock[next_task, next_mode, FROM_MODE])
            end_s = routes.clock[next_task, next_mode, TIME] + routes.tail[next_task, TAIL_S]
            end_eur = routes.clock[next_task, next_mode, PAID] + routes.tail[next_task, TAIL_EUR]
            later = min(routes.tail[next_task, OWN_SLACK_LATER], routes.tail[next_task, SLACK_LATER])
            earlier = min(routes.tail[next_task, OWN_SLACK_EARLIER], routes.tail[next_task, SLACK_EARLIER])
        if end_s < INF:
            routes.tail[task, TAIL_MODE], routes.tail[task, TAIL_S] = mode, end_s - routes.clock[task, mode, TIME]
            routes.tail[task, TAIL_EUR] = end_eur - routes.clock[task, mode, PAID]
            routes.tail[task, SLACK_LATER], routes.tail[task, SLACK_EARLIER] = later, earlier
        else:
            routes.tail[task, TAIL_MODE], routes.tail[task, TAIL_S] = 0.0, INF
            routes.tail[task, SLACK_LATER] = routes.tail[task, SLACK_EARLIER] = -1.0


@compiled
def update_clock(data: Any, routes: Any, route: int, first: int, last: int) -> None:
    """Clock and tails of a route anew, where nothing changed before index ``first`` and after ``last``."""
    n, modes, half = routes.size[route], len(data.features.modes), np.int64(0)
    before, known, position = load_labels(data, routes, route, first, 0.0, 0.0), np.int64(n), np.int64(first - 1)
    while position < n:
        position += 1
        task = np.int64(routes.tasks[route, position]) if position < n else np.int64(-1)
        later, earlier = extend_labels(
            data,
            routes,
            route,
            half,
            before,
            task,
            np.int64(routes.unload_before[task]) if position < n else np.int64(1),
            np.int64(0),
        )
        half, before = np.int64(1 - half), task
        if position == n:
            break
        by_s = by_eur = INF
        if position > last:
            by_s, by_eur = common_delay(data, routes, half, task)
            if by_s < INF and within_slack(routes.tail[task, SLACK_LATER], routes.tail[task, SLACK_EARLIER], by_s):
                for index in range(position, n):
                    delay_clock(data, routes, np.int64(routes.tasks[route, index]), by_s, by_eur)
                known = position
        for mode in range(modes):
            routes.clock[task, mode, TIME] = routes.labels[half, mode, TIME]
            routes.clock[task, mode, PAID] = routes.labels[half, mode, PAID]
            routes.clock[task, mode, RESTED] = routes.labels[half, mode, RESTED]
            routes.clock[task, mode, FROM_MODE] = routes.labels[half, mode, FROM_MODE]
        routes.tail[task, OWN_SLACK_LATER], routes.tail[task, OWN_SLACK_EARLIER] = later, earlier
        if known < n:
            break
        if by_s < INF:  # the same holds until a task for which it matters
            begin = position
            while position + 1 < n and within_slack(
                routes.tail[routes.tasks[route, position + 1], OWN_SLACK_LATER],
                routes.tail[routes.tasks[route, position + 1], OWN_SLACK_EARLIER],
                by_s,
            ):
                position += 1
                delay_clock(data, routes, np.int64(routes.tasks[route, position]), by_s, by_eur)
            if position > begin:
                half, before = np.int64(0), load_labels(data, routes, route, position + 1, 0.0, 0.0)
    update_tails(data, routes, route, known, half, later, earlier)


@inlined
def latest_rest_s(data: Any, route: int) -> float:
    """A rest is taken before the clock stands there; where there is a lunch, that has to be gone through anyway."""
    if data.lunch[route, 2] > 0:
        return -INF
    return (
        data.by_shift[route, DRIVE_OUT_S] - data.by_shift[route, START_SERVICE_S] + data.by_shift[route, REST_LATEST_S]
    )


@inlined
def is_late(data: Any, routes: Any, route: int, task: int, by_s: float) -> bool:
    """Whether a task is late for a rest, being later by so much."""
    late = False
    for mode in range(len(data.features.modes)):
        late |= INF > routes.clock[task, mode, TIME] > latest_rest_s(data, route) - by_s
    return late


@inlined
def first_late(data: Any, routes: Any, route: int, first: int, last: int, by_s: float) -> int:
    """The first of these tasks that is late for a rest, all being later by so much; else the index after them."""
    index = last
    while index > first and is_late(data, routes, route, np.int64(routes.tasks[route, index - 1]), by_s):
        index -= 1
    return index


@compiled
def clocked_cost(data: Any, routes: Any, route: int, first: int, last: int) -> tuple[float, float]:
    """The price of a route and its seconds of work, where nothing changed before index ``first`` and after ``last``."""
    n, none = np.int64(routes.size[route]), np.int64(-1)
    if not routes.valid[route, CLOCK]:  # it was not on the clock
        first, last = 0, int(n) - 1
    update_clock(data, routes, route, np.int64(first), np.int64(last))
    routes.valid[route, CLOCK] = 1
    task = np.int64(routes.tasks[route, 0])
    mode = int(routes.tail[task, TAIL_MODE])
    end_s = routes.clock[task, mode, TIME] + routes.tail[task, TAIL_S]
    paid = routes.clock[task, mode, PAID] + routes.tail[task, TAIL_EUR]
    late_from = np.int64(first_late(data, routes, route, np.int64(0), n, 0.0))
    later = (
        routes.tail[routes.tasks[route, late_from - 1], SLACK_LATER]
        if late_from
        else min(routes.tail[task, OWN_SLACK_LATER], routes.tail[task, SLACK_LATER])
    )
    return cost_with_rests(data, routes, route, none, none, none, late_from, 0.0, 0.0, later, end_s, paid)


@compiled
def clocked_cost_with(
    data: Any, routes: Any, route: int, new_task: int, at: int, unload_code: int
) -> tuple[float, float]:
    """The price of a route and its seconds of work with ``new_task`` before its task ``at``; ``unload_code`` says
    whether the truck is emptied before (1) and after it (2)."""
    n, half, none = np.int64(routes.size[route]), np.int64(0), np.int64(-1)
    if n and not routes.valid[route, CLOCK]:
        clocked_cost(data, routes, route, np.int64(0), n - 1)
    before, later, end_s, paid = load_labels(data, routes, route, at, 0.0, 0.0), INF, INF, 0.0
    index = np.int64(at - 2)
    while index < n:
        index += 1
        task = np.int64(new_task) if index < at else np.int64(routes.tasks[route, index]) if index < n else none
        if index == n:
            unload = np.int64(1)
        elif index <= at:
            unload = np.int64(unload_code & 1 if index < at else unload_code >> 1)
        else:
            unload = np.int64(routes.unload_before[task])
        may_later, _ = extend_labels(data, routes, route, half, before, task, unload, np.int64(0))
        half, before = np.int64(1 - half), task
        now_s = -INF
        for mode in range(len(data.features.modes)):
            if routes.labels[half, mode, TIME] < INF:
                now_s = max(now_s, routes.labels[half, mode, TIME])
        if now_s == -INF:
            return INF, 0.0
        late = now_s > latest_rest_s(data, route)
        if late or index == n:
            later = min(later, may_later)
        if not at <= index < n:
            continue
        by_s, by_eur = common_delay(data, routes, half, task)
        if by_s == INF:
            continue
        if within_slack(routes.tail[task, SLACK_LATER], routes.tail[task, SLACK_EARLIER], by_s):
            mode = int(routes.tail[task, TAIL_MODE])
            end_s = routes.labels[half, mode, TIME] + routes.tail[task, TAIL_S]
            paid = routes.labels[half, mode, PAID] + routes.tail[task, TAIL_EUR]
            late_from = np.int64(first_late(data, routes, route, np.int64(index + 1), n, by_s))
            later = min(later, routes.tail[routes.tasks[route, late_from - 1], SLACK_LATER] - by_s)
            if not late:
                return cost_with_rests(
                    data, routes, route, none, none, none, late_from, by_s, by_eur, later, end_s, paid
                )
            break
        begin = index  # the same holds until a task for which it matters
        while index + 1 < n and within_slack(
            routes.tail[routes.tasks[route, index + 1], OWN_SLACK_LATER],
            routes.tail[routes.tasks[route, index + 1], OWN_SLACK_EARLIER],
            by_s,
        ):
            index += 1
            if is_late(data, routes, route, np.int64(routes.tasks[route, index]), by_s):
                later = min(later, routes.tail[routes.tasks[route, index], OWN_SLACK_LATER] - by_s)
        if index > begin:
            half, before = np.int64(0), load_labels(data, routes, route, index + 1, by_s, by_eur)
    if end_s == INF:
        end_s, paid = routes.labels[half, 0, TIME], routes.labels[half, 0, PAID]
    late_from = np.int64(first_late(data, routes, route, np.int64(0), at, 0.0))
    for i in range(late_from, at):
        later = min(later, routes.tail[routes.tasks[route, i], OWN_SLACK_LATER])
    return cost_with_rests(data, routes, route, new_task, at, unload_code, late_from, 0.0, 0.0, later, end_s, paid)


@inlined
def cost_with_rests(
    data: Any,
    routes: Any,
    route: int,
    new_task: int,
    at: int,
    unload_code: int,
    late_from: int,
    by_s: float,
    by_eur: float,
    later: float,
    end_s: float,
    paid: float,
) -> tuple[float, float]:
    """The price of a route and its seconds of work that ends so without rests. From index ``late_from`` on it is late
    for a rest, and everything may be ``later``; else it is gone through from there (see ``simulate_route``)."""
    if end_s == INF:
        return INF, 0.0
    work_s = end_s - data.by_shift[route, DRIVE_OUT_S]
    if work_s + data.by_shift[route, SERVICE_S] <= data.by_shift[route, REST_AFTER_S] or (
        later >= data.by_shift[route, REST_S] and not data.lunch[route, 2]
    ):
        return route_cost(data, np.uint32(route), paid, work_s), work_s
    return simulate_route(data, routes, route, new_task, at, unload_code, late_from, by_s, by_eur, np.int64(1))


@compiled
def simulate_route(
    data: Any,
    routes: Any,
    route: int,
    new_task: int,
    at: int,
    unload_code: int,
    first: int,
    by_s: float,
    by_eur: float,
    with_rests: int,
) -> tuple[float, float]:
    """The price of a route and its seconds of work, gone through from its task ``first`` on, to which it comes so much
    later; with ``new_task`` (-1: none) before its task ``at``; with rests, as late as they may be, or without.
    ``Routes.predecessors`` holds how it went."""
    half, more = np.int64(0), np.int64(new_task >= 0)
    before = load_labels(data, routes, route, first, by_s, by_eur)
    for index in range(first, routes.size[route] + more + 1):
        task, unload, position = np.int64(-1), np.int64(1), index - more if index > at else index
        if more and index == at:
            task, unload = np.int64(new_task), np.int64(unload_code & 1)
        elif position < routes.size[route]:
            task = np.int64(routes.tasks[route, position])
            unload = np.int64(unload_code >> 1 if more and position == at else routes.unload_before[task])
        extend_labels(data, routes, route, half, before, task, unload, with_rests)
        half, before = np.int64(1 - half), task
        for mode in range(len(data.features.modes)):
            routes.predecessors[index, mode, 0] = routes.labels[half, mode, FROM_MODE]
            routes.predecessors[index, mode, 1] = routes.labels[half, mode, SEQUENCE]
    if routes.labels[half, 0, TIME] == INF:
        return INF, 0.0
    work_s = routes.labels[half, 0, TIME] - data.by_shift[route, DRIVE_OUT_S]
    if data.lunch[route, 2] == 0:
        work_s -= routes.labels[half, 0, RESTED] * data.by_shift[route, REST_S]
        if with_rests and not routes.labels[half, 0, RESTED]:  # at the very end it is due: nothing kept room for it
            return INF, work_s
    return route_cost(data, np.uint32(route), routes.labels[half, 0, PAID], work_s), work_s
