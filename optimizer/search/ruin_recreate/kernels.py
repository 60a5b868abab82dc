# mypy: disable-error-code="untyped-decorator,no-any-return"
"""The price of any change to the routes: compiled, without a lock on the interpreter.

A route is a row of tasks; a task may be entered in several modes, and before each task the truck may be emptied on the
way. Which mode, and which site, is never decided: forward and backward dynamic programmes over the whole route keep
the best for every mode of every task, so that what a route costs with one more task, at any place, in its best modes,
is a few additions (the idea of Vidal 2017, https://doi.org/10.1287/opre.2017.1595, for CARP).

``partials[task, mode, FORWARD]``: from the depot until the task has been served in that mode; ``BACKWARD``: from the
beginning of its service until home; both in euros, by the cheapest way, with the seconds of that way beside them. They
are renewed only as far as somebody looks (``valid``): a change in the middle of a long route costs little.
``loads[task, d, ABOARD]``: what is on board when the task has been served; ``TRIP_LOAD``: what will have been on board
when the truck is emptied next.

Unload codes: 1, the truck is emptied before the task; 2, after it; 3, both. ``profile`` and ``rate`` are those of the
cost class, handed on so that they are not looked up again and again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.search.ruin_recreate.clock import clocked_cost, simulate_route
from optimizer.search.ruin_recreate.kernel_arrays import ENTER, EUR, LEAVE, PROFILE, SEC
from optimizer.search.ruin_recreate.routes import (
    ABOARD,
    BACKWARD,
    BACKWARD_S,
    CLOCK,
    FORWARD,
    FORWARD_S,
    INDEX,
    INF,
    ROUTE,
    STALE_BACKWARD,
    STALE_FORWARD,
    TRIP_LOAD,
    compiled,
    entry,
    inlined,
    link_cost,
    route_cost,
)

#: Two changes are the same where they differ by less (euros, seconds): what rounding makes of nothing.
SAME_CHANGE = 1e-8
SHORT_ROUTE = 16  # a route of so few tasks is worked out sooner than it is compared


@inlined
def forward_cost(
    data: Any,
    routes: Any,
    cost_class: int,
    profile: int,
    rate: float,
    route: int,
    position: int,
    unload: int,
    entered: int,
) -> tuple[float, float]:
    """Euros and seconds of the cheapest way from the depot over the tasks before ``position`` to a corner."""
    if position == 0:
        return link_cost(data, cost_class, profile, rate, np.int64(0), data.depot[cost_class, LEAVE], entered)
    best, seconds, task = INF, 0.0, routes.tasks[route, position - 1]
    for mode in range(len(data.features.modes)):
        eur, sec = link_cost(data, cost_class, profile, rate, unload, data.leave[task, mode], entered)
        eur += routes.partials[task, mode, FORWARD]
        if eur < best:
            best, seconds = eur, sec + routes.partials[task, mode, FORWARD_S]
    return best, seconds


@inlined
def backward_cost(
    data: Any,
    routes: Any,
    cost_class: int,
    profile: int,
    rate: float,
    route: int,
    position: int,
    unload: int,
    left: int,
) -> tuple[float, float]:
    """Euros and seconds of the cheapest way from a corner over the tasks from ``position`` on, and home."""
    if position == routes.size[route]:
        return data.home[cost_class, left, EUR], data.home[cost_class, left, SEC]
    best, seconds, task = INF, 0.0, routes.tasks[route, position]
    for mode in range(len(data.features.modes)):
        eur, sec = link_cost(data, cost_class, profile, rate, unload, left, data.enter[task, mode])
        eur += routes.partials[task, mode, BACKWARD]
        if eur < best:
            best, seconds = eur, sec + routes.partials[task, mode, BACKWARD_S]
    return best, seconds


@inlined
def refresh_loads(data: Any, routes: Any, route: int, first: int, last: int) -> None:
    """What is on board in the trips that a change touches."""
    end = routes.size[route]
    for position in range(first, routes.size[route]):
        task = routes.tasks[route, position]
        if position > last + 1 and routes.unload_before[task]:
            end = position
            break
        for load in range(len(data.features.loads)):
            before = 0.0
            if position and not routes.unload_before[task]:
                before = routes.loads[routes.tasks[route, position - 1], load, ABOARD]
            routes.loads[task, load, ABOARD] = before + data.load[task, load]
    if not len(data.features.unloads):
        return
    for position in range(end - 1, -1, -1):
        task = routes.tasks[route, position]
        next_task = routes.tasks[route, position + 1] if position < end - 1 else task
        unload = routes.unload_before[next_task] if position < end - 1 else 1
        if unload and position < first - 1:
            break
        for load in range(len(data.features.loads)):
            routes.loads[task, load, TRIP_LOAD] = (
                routes.loads[task, load, ABOARD] if unload else routes.loads[next_task, load, TRIP_LOAD]
            )


@inlined
def extend_partials(
    data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
) -> None:
    """Bring FORWARD up to date before ``position``, and BACKWARD from there on.

    As soon as a task is dearer by the same in each of its modes, so is all that comes after it (for BACKWARD: before
    it), as far as nothing else changed there: it is added, not worked out.
    """
    if routes.valid[route, FORWARD] < position:
        extend_forward(data, routes, cost_class, profile, rate, route, position)
    if routes.valid[route, BACKWARD] > position:
        extend_backward(data, routes, cost_class, profile, rate, route, position)


@compiled
def extend_forward(
    data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
) -> None:
    reached, n = routes.valid[route, FORWARD], routes.size[route]
    while reached < position:
        task = routes.tasks[route, reached]
        unload = np.int64(routes.unload_before[task])
        equal, seen, more, more_s = n > SHORT_ROUTE, False, 0.0, 0.0
        for mode in range(len(data.features.modes)):
            enter = data.enter[task, mode]
            eur, sec = forward_cost(data, routes, cost_class, profile, rate, route, reached, unload, enter)
            eur, sec = eur + data.service[cost_class, task, mode, EUR], sec + data.service[cost_class, task, mode, SEC]
            if equal and eur < INF:
                mode_more = eur - routes.partials[task, mode, FORWARD]
                mode_more_s = sec - routes.partials[task, mode, FORWARD_S]
                if not seen:
                    seen, more, more_s = True, mode_more, mode_more_s
                equal = same_change(data, mode_more, mode_more_s, more, more_s)
            routes.partials[task, mode, FORWARD] = eur
            if len(data.features.durations):
                routes.partials[task, mode, FORWARD_S] = sec
        reached += 1
        if equal and reached > routes.valid[route, STALE_FORWARD]:
            add_to_partials(data, routes, route, np.int64(FORWARD), np.int64(reached), np.int64(n), more, more_s)
            reached = n
    routes.valid[route, FORWARD] = reached
    routes.valid[route, STALE_FORWARD] = max(routes.valid[route, STALE_FORWARD], reached) if reached < n else 0


@compiled
def extend_backward(
    data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
) -> None:
    reached, n = routes.valid[route, BACKWARD], routes.size[route]
    while reached > position:
        reached -= 1
        task = routes.tasks[route, reached]
        unload = routes.unload_before[routes.tasks[route, reached + 1]] if reached < n - 1 else 0
        equal, seen, more, more_s = n > SHORT_ROUTE, False, 0.0, 0.0
        for mode in range(len(data.features.modes)):
            eur, sec = backward_cost(
                data, routes, cost_class, profile, rate, route, reached + 1, unload, data.leave[task, mode]
            )
            eur, sec = eur + data.service[cost_class, task, mode, EUR], sec + data.service[cost_class, task, mode, SEC]
            if equal and eur < INF:
                mode_more = eur - routes.partials[task, mode, BACKWARD]
                mode_more_s = sec - routes.partials[task, mode, BACKWARD_S]
                if not seen:
                    seen, more, more_s = True, mode_more, mode_more_s
                equal = same_change(data, mode_more, mode_more_s, more, more_s)
            routes.partials[task, mode, BACKWARD] = eur
            if len(data.features.durations):
                routes.partials[task, mode, BACKWARD_S] = sec
        if equal and reached <= routes.valid[route, STALE_BACKWARD]:
            add_to_partials(data, routes, route, np.int64(BACKWARD), np.int64(0), np.int64(reached), more, more_s)
            reached = 0
    routes.valid[route, BACKWARD] = reached
    routes.valid[route, STALE_BACKWARD] = min(routes.valid[route, STALE_BACKWARD], reached - 1) if reached else n


@inlined
def same_change(data: Any, eur: float, sec: float, eur_then: float, sec_then: float) -> bool:
    return abs(eur - eur_then) < SAME_CHANGE and (not len(data.features.durations) or abs(sec - sec_then) < SAME_CHANGE)


@inlined
def add_to_partials(
    data: Any, routes: Any, route: int, which: int, first: int, end: int, eur: float, sec: float
) -> None:
    """Add this to FORWARD or BACKWARD of some tasks, in every mode."""
    if eur == 0.0 and sec == 0.0:
        return
    for position in range(first, end):
        task = routes.tasks[route, position]
        for mode in range(len(data.features.modes)):
            routes.partials[task, mode, which] += eur
            if len(data.features.durations):
                routes.partials[task, mode, which + 2] += sec


@inlined
def joined_cost(
    data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
) -> tuple[float, float]:
    """Euros and seconds of a route by its partials before and from ``position`` on, which are up to date."""
    n = routes.size[route]
    best, seconds, task = INF, 0.0, routes.tasks[route, min(position, n - 1)]
    unload = np.int64(routes.unload_before[task])
    for mode in range(len(data.features.modes)):
        if position < n:
            enter = data.enter[task, mode]
            eur, sec = forward_cost(data, routes, cost_class, profile, rate, route, position, unload, enter)
            eur, sec = eur + routes.partials[task, mode, BACKWARD], sec + routes.partials[task, mode, BACKWARD_S]
        else:
            left = data.leave[task, mode]
            eur = routes.partials[task, mode, FORWARD] + data.home[cost_class, left, EUR]
            sec = routes.partials[task, mode, FORWARD_S] + data.home[cost_class, left, SEC]
        if eur < best:
            best, seconds = eur, sec
    return best, seconds


@inlined
def refresh_route(data: Any, routes: Any, route: int, first: int, last: int) -> None:
    """A route's loads and price anew, where nothing changed before index ``first`` and after ``last``, but for whether
    the truck is emptied next. ``valid`` counts by the new indices already."""
    n, cost_class, dims = routes.size[route], data.cost_class[route], len(data.features.loads)
    routes.cost[route, EUR] = routes.cost[route, SEC] = 0.0
    if n == 0:
        for i in range(5):
            routes.valid[route, i] = 0
        for i in range(routes.totals.shape[1]):
            routes.totals[route, i] = 0.0
        return
    profile, rate = data.depot[cost_class, PROFILE], data.eur_per_ds[cost_class]
    routes.unload_before[routes.tasks[route, 0]] = 0
    routes.valid[route, FORWARD] = min(routes.valid[route, FORWARD], first)
    routes.valid[route, BACKWARD] = max(routes.valid[route, BACKWARD], last + 1)
    routes.valid[route, STALE_FORWARD] = max(routes.valid[route, STALE_FORWARD], last + 1)
    routes.valid[route, STALE_BACKWARD] = min(routes.valid[route, STALE_BACKWARD], first - 1)
    for position in range(first, n):
        task = routes.tasks[route, position]
        routes.assigned[task, INDEX], routes.assigned[task, ROUTE] = position, route
    refresh_loads(data, routes, route, first, last)
    if is_clocked(data, routes, route):
        routes.cost[route, EUR], routes.cost[route, SEC] = clocked_cost(
            data, routes, np.int64(route), np.int64(first), np.int64(last)
        )
    else:
        routes.valid[route, CLOCK] = 0
        extend_partials(data, routes, cost_class, profile, rate, route, first)
        eur, seconds = joined_cost(data, routes, cost_class, profile, rate, route, first)
        routes.cost[route, EUR], routes.cost[route, SEC] = route_cost(data, route, eur, seconds), seconds
    routes.cost[route, EUR] += routes.totals[route, dims + 2]


@inlined
def is_clocked(data: Any, routes: Any, route: int) -> bool:
    """Whether windows or a lunch matter in this route, so that it is priced by the clock."""
    return len(data.features.hours) > 0 and (
        data.clocked[route] or routes.totals[route, len(data.features.loads) + 1] > 0
    )


@inlined
def reassignment_eur(data: Any, task: int, route: int) -> float:
    """The price of serving a task by another shift than it was published with."""
    if len(data.features.published) and data.published_shift[task] >= 0 and data.published_shift[task] != route:
        return data.reassignment_eur[task]
    return 0.0


@inlined
def add_to_totals(data: Any, routes: Any, task: int, route: int, sign: int) -> None:
    """Add a task to what is known of a whole route, or take it off."""
    dims = len(data.features.loads)
    for i in range(dims):
        routes.totals[route, i] += sign * data.load[task, i]
    routes.totals[route, dims] += sign
    routes.totals[route, dims + 1] += sign * data.windowed[task]
    routes.totals[route, dims + 2] += sign * reassignment_eur(data, task, route)


@inlined
def capacity_allows(
    data: Any, routes: Any, task: int, route: int, position: int, unload_first: int, unload_then: int
) -> bool:
    """Whether the trips that an insertion makes fit into the truck."""
    n = routes.size[route]
    for i in range(len(data.features.loads)):
        load = data.load[task, i]
        if position and not unload_first:
            load += routes.loads[routes.tasks[route, position - 1], i, ABOARD]
        if position < n and not unload_then:
            load += routes.loads[routes.tasks[route, position], i, TRIP_LOAD]
            if position and not routes.unload_before[routes.tasks[route, position]]:
                load -= routes.loads[routes.tasks[route, position - 1], i, ABOARD]
        if load > data.capacity[route, i]:
            return False
    return True


@inlined
def may_serve(data: Any, routes: Any, task: int, route: int) -> bool:
    """Whether a shift may serve a task at all, beside what it serves."""
    dims, n = len(data.features.loads), routes.size[route]
    if not data.allowed[task, route] or routes.totals[route, dims] + 1 > data.shift_limits[route, dims]:
        return False
    for i in range(dims):
        if routes.totals[route, i] + data.load[task, i] > data.shift_limits[route, i]:
            return False
        if (
            n
            and not len(data.features.unloads)
            and routes.loads[routes.tasks[route, n - 1], i, ABOARD] + data.load[task, i] > data.capacity[route, i]
        ):
            return False
    return True


@inlined
def cost_through(
    data: Any,
    routes: Any,
    cost_class: int,
    profile: int,
    rate: float,
    task: int,
    route: int,
    position: int,
    unload_first: int,
    unload_then: int,
) -> float:
    """The price of a route with ``task`` at ``position``, emptied before and after it or not, all in the best modes."""
    best, seconds = INF, 0.0
    for mode in range(len(data.features.modes)):
        forward_eur, forward_s = forward_cost(
            data, routes, cost_class, profile, rate, route, position, unload_first, data.enter[task, mode]
        )
        backward_eur, backward_s = backward_cost(
            data, routes, cost_class, profile, rate, route, position, unload_then, data.leave[task, mode]
        )
        eur = forward_eur + data.service[cost_class, task, mode, EUR] + backward_eur
        if eur < best:
            best, seconds = eur, forward_s + data.service[cost_class, task, mode, SEC] + backward_s
    return route_cost(data, route, best, seconds)


@inlined
def insertion_cost(data: Any, routes: Any, task: int, route: int, position: int, most: float) -> tuple[float, int]:
    """The price of a route with one more task at ``position`` (on the clock: a lower bound; inf: not below ``most``),
    and the unload code."""
    n, cost_class = routes.size[route], data.cost_class[route]
    profile, rate = data.depot[cost_class, PROFILE], data.eur_per_ds[cost_class]
    reassigned_eur = routes.totals[route, len(data.features.loads) + 2] + reassignment_eur(data, task, route)
    extend_partials(data, routes, cost_class, profile, rate, route, position)
    loaded = np.int64(0)
    best, unload_code = cost_through(data, routes, cost_class, profile, rate, task, route, position, loaded, loaded), 0
    if best + reassigned_eur >= most:  # to be emptied on the way as well is never cheaper
        return INF, 0
    if len(data.features.unloads) and not capacity_allows(data, routes, task, route, position, loaded, loaded):
        best = INF
        for candidate in range(1, 4):  # before it, after it, both
            unload_first, unload_then = candidate & 1, candidate >> 1
            if (unload_first and position == 0) or (unload_then and position == n) or (candidate == 3 and best < INF):
                continue
            if capacity_allows(data, routes, task, route, position, unload_first, unload_then):
                eur = cost_through(
                    data, routes, cost_class, profile, rate, task, route, position, unload_first, unload_then
                )
                if eur < best:
                    best, unload_code = eur, candidate
    return best + reassigned_eur, unload_code


@inlined
def insert_task(data: Any, routes: Any, task: int, route: int, position: int, unload_code: int) -> None:
    """Put a task into a route."""
    n = routes.size[route]
    for i in range(n, position, -1):
        routes.tasks[route, i] = routes.tasks[route, i - 1]
    routes.tasks[route, position], routes.unload_before[task] = task, unload_code & 1
    if position < n:
        routes.unload_before[routes.tasks[route, position + 1]] = unload_code >> 1
    routes.size[route] = n + 1
    routes.valid[route, BACKWARD] += 1
    routes.valid[route, STALE_FORWARD] += 1
    add_to_totals(data, routes, task, route, np.int64(1))
    refresh_route(data, routes, route, np.int64(position), np.int64(position))


@compiled
def drop_needless_unloads(data: Any, routes: Any, route: int) -> None:
    """Trips of a refreshed route that fit into one are made one."""
    for position in range(max(1, data.pinned[route]), routes.size[route]):
        task, before = routes.tasks[route, position], routes.tasks[route, position - 1]
        if routes.unload_before[task]:
            one = True
            for i in range(len(data.features.loads)):
                one &= routes.loads[before, i, ABOARD] + routes.loads[task, i, TRIP_LOAD] <= data.capacity[route, i]
            if one:
                routes.unload_before[task] = 0
                refresh_route(data, routes, route, np.int64(position), np.int64(position - 1))


@entry
def decode_route(data: Any, routes: Any, route: int, modes_out: Any, sequence_out: Any) -> None:
    """The modes that a refreshed route is driven in, and the unload sequence before each task and home
    (-1: none)."""
    n, cost_class, modes = routes.size[route], data.cost_class[route], len(data.features.modes)
    if is_clocked(data, routes, route):
        none, start = np.int64(-1), np.int64(0)
        simulate_route(data, routes, np.int64(route), none, none, none, start, 0.0, 0.0, start)
        # where a rest matters, it goes through anew
        clocked_cost(data, routes, np.int64(route), np.int64(n), np.int64(n - 1))
        mode = 0
        for index in range(n, -1, -1):
            sequence_out[index] = routes.predecessors[index, mode, 1]
            mode = routes.predecessors[index, mode, 0]
            if index:
                modes_out[index - 1] = mode
        return
    before, profile, rate = data.depot[cost_class, LEAVE], data.depot[cost_class, PROFILE], data.eur_per_ds[cost_class]
    extend_partials(data, routes, cost_class, profile, rate, route, np.int64(0))
    for position in range(n):
        task = routes.tasks[route, position]
        unload, best = routes.unload_before[task], INF
        for mode in range(modes):
            enter = data.enter[task, mode]
            eur = link_cost(data, cost_class, profile, rate, np.int64(unload), before, enter)[0]
            eur += routes.partials[task, mode, BACKWARD]
            if eur < best:
                best, modes_out[position] = eur, mode
        enter = data.enter[task, modes_out[position]]
        sequence_out[position] = cheapest_sequence(data, cost_class, before, enter) if unload else -1
        before = data.leave[task, modes_out[position]]
    sequence_out[n] = cheapest_sequence(data, cost_class, before, data.depot[cost_class, ENTER])


@compiled
def cheapest_sequence(data: Any, cost_class: int, left: int, entered: int) -> int:
    """The unload sequence that costs least between two corners."""
    best, found = INF, 0
    for sequence in range(data.to_unload.shape[2]):
        eur = data.to_unload[cost_class, left, sequence, EUR] + data.from_unload[cost_class, entered, sequence, EUR]
        if eur < best:
            best, found = eur, sequence
    return found
