# mypy: disable-error-code="untyped-decorator,no-any-return"
"""The routes that are worked on, and the price of a link and of a route."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer import compiling
from optimizer.search.problem_arrays import Floats
from optimizer.search.ruin_recreate.geography import Indices, Int32s
from optimizer.search.ruin_recreate.kernel_arrays import (
    EUR,
    EUR_PER_S,
    FIXED_EUR,
    MAX_WORK_S,
    OVERTIME_EUR_PER_S,
    REGULAR_S,
    REST_AFTER_S,
    REST_S,
    SEC,
    SERVICE_S,
    UNREACHABLE_EUR,
    KernelArrays,
)

INF = np.inf
#: Nothing here makes an array, so that arrays need not be counted: that costs more than the arithmetic. Only what
#: Python calls is cached on disk and gets a way in from Python, which takes longer to compile than the function.
_PLAIN: Any = {"nogil": True, "_nrt": False}
_INNER: Any = {**_PLAIN, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
compiled: Any = compiling.compiled(**_INNER)
inlined: Any = compiling.compiled(**_INNER, forceinline=True)
entry: Any = compiling.kept(**_PLAIN)


class Routes(NamedTuple):
    """Routes (K, one per shift) of tasks (n). What a dynamic programme knows of a task stands with the task: it moves
    with it."""

    tasks: Indices  # K, n: tasks in order
    size: Int32s
    unload_before: NDArray[np.int8]  # n; 1: the truck is emptied before this task
    partials: Floats  # n, M, (FORWARD, BACKWARD, FORWARD_S, BACKWARD_S): see kernels.py
    loads: Floats  # n, D, (ABOARD, TRIP_LOAD)
    cost: Floats  # K, (EUR, SEC)
    totals: Floats  # K, D + 3: loads of the whole route, tasks, tasks with windows, euros of reassigned tasks
    valid: Int32s  # K, (FORWARD … STALE_BACKWARD): how far partials are up to date
    clock: Floats  # n, M, (TIME, PAID, RESTED, FROM_MODE): the clock after a task
    tail: Floats  # n, (TAIL_MODE … OWN_SLACK_EARLIER): the route after a task (clock.py)
    assigned: Int32s  # n, (ROUTE, INDEX): a task's route (-1: unserved) and its index there
    labels: Floats  # 2, M, (TIME … SEQUENCE): the clock at two tasks, one after the other
    predecessors: Int32s  # n + 2, M, (mode before, unload sequence or -1): how the clock came there


FORWARD, BACKWARD, FORWARD_S, BACKWARD_S = range(4)
#: ``Routes.valid``: partials are up to date before this index (FORWARD), and from it on (BACKWARD); the clock is (1) or
#: not; the last index whose FORWARD, and the first one whose BACKWARD, was worked out beside other tasks than now.
CLOCK, STALE_FORWARD, STALE_BACKWARD = 2, 3, 4
ABOARD, TRIP_LOAD = range(2)
ROUTE, INDEX = range(2)


def empty_routes(data: KernelArrays) -> Routes:
    """Empty routes, and room for every task in each."""
    shifts, tasks = len(data.cost_class), len(data.load)
    modes, loads = len(data.features.modes), len(data.features.loads)
    return Routes(
        tasks=np.zeros((shifts, tasks), np.uint32),
        size=np.zeros(shifts, np.int32),
        unload_before=np.zeros(tasks, np.int8),
        partials=np.zeros((tasks, modes, 4)),
        loads=np.zeros((tasks, loads, 2)),
        cost=np.zeros((shifts, 2)),
        totals=np.zeros((shifts, loads + 3)),
        valid=np.zeros((shifts, 5), np.int32),
        clock=np.zeros((tasks, modes, 4)),
        tail=np.zeros((tasks, 7)),
        assigned=np.full((tasks, 2), -1, np.int32),
        labels=np.zeros((2, modes, 8)),
        predecessors=np.zeros((tasks + 2, modes, 2), np.int32),
    )


@inlined
def link_cost(
    data: Any, cost_class: int, profile: int, rate: float, unload: int, left: int, entered: int
) -> tuple[float, float]:
    """Euros and seconds from the corner left to the corner entered, emptied between them or not.

    ``profile`` and ``rate`` are the class's: given, so that they are not looked up again and again.
    """
    if len(data.features.unloads) and unload:
        best = data.to_unload[cost_class, left, 0, EUR] + data.from_unload[cost_class, entered, 0, EUR]
        seconds = data.to_unload[cost_class, left, 0, SEC] + data.from_unload[cost_class, entered, 0, SEC]
        for sequence in range(1, data.to_unload.shape[2]):
            eur = data.to_unload[cost_class, left, sequence, EUR] + data.from_unload[cost_class, entered, sequence, EUR]
            if eur < best:
                best, seconds = eur, data.to_unload[cost_class, left, sequence, SEC]
                seconds += data.from_unload[cost_class, entered, sequence, SEC]
        return best, seconds
    ds = data.travel_ds[profile, left, entered]
    return rate * ds, 0.1 * ds


@inlined
def route_cost(data: Any, route: int, eur: float, seconds: float) -> float:
    """What a used route costs (€) whose links and services cost ``eur`` and take ``seconds``; inf: it may not be."""
    if eur >= data.by_shift[route, UNREACHABLE_EUR]:
        return INF
    eur += data.by_shift[route, FIXED_EUR] + data.by_shift[route, SERVICE_S] * data.by_shift[route, EUR_PER_S]
    if not len(data.features.durations):
        return eur
    work_s = seconds + data.by_shift[route, SERVICE_S]
    if work_s > data.by_shift[route, MAX_WORK_S]:
        return INF
    rest_s = data.by_shift[route, REST_S] if work_s > data.by_shift[route, REST_AFTER_S] else 0.0
    over_s = max(0.0, work_s + rest_s - data.by_shift[route, REGULAR_S])
    return eur + rest_s * data.by_shift[route, EUR_PER_S] + over_s * data.by_shift[route, OVERTIME_EUR_PER_S]
