# mypy: disable-error-code="untyped-decorator,no-any-return"
"""The routes that are worked on, and the price of a link and of a route."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer import compiling
from optimizer.search.ruin_recreate.ground import (
    EUR,
    FIXED,
    LENGTH,
    MOST_WORK,
    NEVER,
    OVER_MORE,
    PER_S,
    REST,
    REST_AFTER,
    SEC,
    SERVICES,
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
compiled: Any = compiling.compiled(**_INNER)
inlined: Any = compiling.compiled(**_INNER, forceinline=True)
entry: Any = compiling.kept(**_PLAIN)


class Routes(NamedTuple):
    """Routes (K) of tasks (n). What a programme knows of a task stands with the task: it moves with it."""

    seq: Indices  # K, n: tasks in order
    size: Ints
    via: NDArray[np.int8]  # n; 1: emptied before this task
    cells: Floats  # n, modes, (AHEAD, BACK, AHEAD_S, BACK_S)
    loads: Floats  # n, loads, (FILLED, TRIP)
    cost: Floats  # K, (EUR, SEC)
    whole: Floats  # K, loads + 3: loads of the whole route, tasks, tasks with hours, euros of tasks told elsewhere
    reach: Ints  # K, (AHEAD … BROKEN_BACK): how far cells are up to date
    clock: Floats  # n, modes, (TIME, PAID, RESTED, CAME): the clock after a task
    tail: Floats  # n, (MODE … OWN_EARLIER): what is known of the route after a task (clock.py)
    spot: Ints  # n, (ROUTE, AT): a task's route (-1: unserved) and its index there
    labels: Floats  # 2, modes, (TIME … WAY): the clock at two tasks, one after the other
    trail: Ints  # n + 2, modes, (mode before, way or -1): how the clock came there


AHEAD, BACK, AHEAD_S, BACK_S = range(4)
#: ``Routes.reach``: cells are up to date before this index (AHEAD), and from it on (BACK); the clock is (1) or not; the
#: last task whose AHEAD, and the first one whose BACK, was worked out on other neighbours than it has now.
CLOCK, BROKEN_AHEAD, BROKEN_BACK = 2, 3, 4
FILLED, TRIP = range(2)
ROUTE, AT = range(2)


def routes_for(ground: Ground) -> Routes:
    """Empty routes, and room for every task in each."""
    k, n = len(ground.kind), len(ground.load)
    modes, dims = len(ground.shape.modes), len(ground.shape.loads)
    return Routes(
        seq=np.zeros((k, n), np.uint32),
        size=np.zeros(k, np.int32),
        via=np.zeros(n, np.int8),
        cells=np.zeros((n, modes, 4)),
        loads=np.zeros((n, dims, 2)),
        cost=np.zeros((k, 2)),
        whole=np.zeros((k, dims + 3)),
        reach=np.zeros((k, 5), np.int32),
        clock=np.zeros((n, modes, 4)),
        tail=np.zeros((n, 7)),
        spot=np.full((n, 2), -1, np.int32),
        labels=np.zeros((2, modes, 8)),
        trail=np.zeros((n + 2, modes, 2), np.int32),
    )


@inlined
def link(g: Any, c: int, profile: int, rate: float, via: int, a: int, b: int) -> tuple[float, float]:
    """Euros and seconds from corner ``a`` to corner ``b``, emptied between them or not.

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
    if eur >= g.by_shift[r, NEVER]:
        return INF
    eur += g.by_shift[r, FIXED] + g.by_shift[r, SERVICES] * g.by_shift[r, PER_S]
    if not len(g.shape.timed):
        return eur
    work_s = seconds + g.by_shift[r, SERVICES]
    if work_s > g.by_shift[r, MOST_WORK]:
        return INF
    rest_s = g.by_shift[r, REST] if work_s > g.by_shift[r, REST_AFTER] else 0.0
    over_s = max(0.0, work_s + rest_s - g.by_shift[r, LENGTH])
    return eur + rest_s * g.by_shift[r, PER_S] + over_s * g.by_shift[r, OVER_MORE]
