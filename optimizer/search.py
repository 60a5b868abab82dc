"""The door to every search: a problem in, a plan out, at a given time.

Engines, all from our first plan: ``ortools`` (ruin and recreate, then OR-Tools routing for the last quarter of the
time), ``ortools-alone`` (OR-Tools all the time: to compare with) and ``plain`` (ruin and recreate alone). Others come
behind the same door by a line in ``ENGINES``. Measured by ``tests/bench/bench_search.py``.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType

from optimizer.construct import construct
from optimizer.cost import cost_eur
from optimizer.problem import Problem, Solution
from optimizer.recreate import Watch, improve
from optimizer.repair import repair
from optimizer.routing import improve_by_routing
from optimizer.terms import Terms

#: Told (phase, best cost so far in € or None, seconds left) about twice a second.
Progress = Callable[[str, float | None, float], None]
#: (problem, feasible start, time.monotonic() to end at, seed, watch per phase, terms) -> a plan not worse than that
Engine = Callable[[Problem, Solution, float, int, Callable[[str], Watch], Terms], Solution]

#: Of the time left after the first plan. Measured (docs/benchmarks.md), OR-Tools finds hardly anything that ruin and
#: recreate has not found, and less by itself.
ORTOOLS_SHARE = 0.1


def solve(
    problem: Problem,
    start: Solution | None,
    budget_s: float,
    seed: int,
    progress: Progress | None = None,
    engine: str = "ortools",
    stop: Callable[[], bool] | None = None,
) -> Solution:
    """The best plan found in ``budget_s`` (obeyed within 5 % from 10 s on; a first plan is made in any case).

    ``start``: a plan to begin from (repaired first, never returned worsened), or None. ``seed`` is our own
    construction's and search's; OR-Tools has none, so its engines may answer differently twice, as any engine may
    when the clock ends it elsewhere. ``stop`` returning True, or Ctrl-C, ends the search with the best plan so far.
    Every route of the answer is feasible by ``optimizer.schedule``. ValueError: an unknown engine, a negative budget.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine = {engine!r}, must be one of {', '.join(ENGINES)}")
    if not budget_s >= 0:
        raise ValueError(f"budget_s = {budget_s!r}, must be 0 or more")
    until = time.monotonic() + budget_s
    with _interrupted() as interrupted:

        def watch(phase: str) -> Watch:
            def tell(best_eur: float) -> bool:
                if progress is not None:
                    progress(phase, None if best_eur == inf else best_eur, max(0.0, until - time.monotonic()))
                return interrupted() or (stop is not None and stop())

            return tell

        watch("construct")(inf)
        if not problem.tasks or not problem.shifts:
            return construct(problem, seed)
        terms = Terms(problem)
        best = construct(problem, seed, until, terms) if start is None else repair(problem, start, terms)
        if not watch("construct")(cost_eur(problem, best)) and time.monotonic() < until:
            best = ENGINES[engine](problem, best, until, seed, watch, terms)
        watch("done")(cost_eur(problem, best))
        return best


def _ortools(
    problem: Problem, start: Solution, until: float, seed: int, watch: Callable[[str], Watch], terms: Terms
) -> Solution:
    now = time.monotonic()
    quick = improve(problem, start, now + (until - now) * (1 - ORTOOLS_SHARE), seed, watch("improve"), terms)
    best = improve_by_routing(problem, quick, until, seed, watch("ortools"), terms)
    return improve(problem, best, until, seed + 1, watch("improve"), terms)  # what OR-Tools leaves of its time


def _ortools_alone(
    problem: Problem, start: Solution, until: float, seed: int, watch: Callable[[str], Watch], terms: Terms
) -> Solution:
    return improve_by_routing(problem, start, until, seed, watch("ortools"), terms)


def _plain(
    problem: Problem, start: Solution, until: float, seed: int, watch: Callable[[str], Watch], terms: Terms
) -> Solution:
    return improve(problem, start, until, seed, watch("improve"), terms)


ENGINES: dict[str, Engine] = {"ortools": _ortools, "ortools-alone": _ortools_alone, "plain": _plain}


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Hold back the first Ctrl-C, to be asked for; a second one interrupts as usual.

    A KeyboardInterrupt raised anywhere would lose the best plan, and inside OR-Tools' callback perhaps the process.
    """
    caught = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield caught.is_set
        return

    def catch(number: int, frame: FrameType | None) -> None:
        caught.set()
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, or set outside Python
        yield caught.is_set
        return
    signal.signal(signal.SIGINT, catch)
    try:
        yield caught.is_set
    finally:
        signal.signal(signal.SIGINT, before)
