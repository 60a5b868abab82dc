"""The door to every search: a problem in, a plan out, at a given time.

Engines: ``ripeur`` (the default: compiled ruin and recreate with recombination, docs/search.md), ``ortools`` (the same
search, OR-Tools on its plan, and the search again) and, to compare with, ``ortools-alone`` and ``pyvrp``. Others come
behind the same door by a name in ``optimizer/engine_names.py`` and a line in ``ENGINES``. Measured by ``ripeur bench``
and ``tests/bench/bench_search.py``.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType

from optimizer.engine_names import ENGINE_NAMES
from optimizer.problem import Problem, Solution, cost_eur
from optimizer.search.construct import construct
from optimizer.search.effort import Effort, StopCheck
from optimizer.search.ortools_routing import improve_by_routing
from optimizer.search.repair import repair
from optimizer.search.ruin_recreate import engine as ruin_recreate
from optimizer.search.terms import Terms
from optimizer.search.tie import kept

#: Told (phase, best cost so far in € or None, seconds left) about twice a second. Phases: construct, compile (the
#: first time on a machine), improve, ortools, done.
Progress = Callable[[str, float | None, float], None]


#: (problem, start or None, effort, watch per phase) -> a plan feasible by the clock, not worse than a feasible start
Engine = Callable[[Problem, Solution | None, Effort, Callable[[str], StopCheck]], Solution]

#: Of the time left after the first plan. Measured (docs/benchmarks.md), OR-Tools finds hardly anything that ruin and
#: recreate has not found, and less by itself.
ORTOOLS_SHARE = 0.1


def solve(
    problem: Problem,
    start: Solution | None,
    budget_s: float,
    seed: int,
    progress: Progress | None = None,
    engine: str = "ripeur",
    stop: Callable[[], bool] | None = None,
    cores: int = 1,
    iterations: int | None = None,
) -> Solution:
    """The best plan found in ``budget_s`` (obeyed within 5 % from 10 s on; a first plan is made in any case).

    ``start``: a plan to begin from (repaired first, never returned worsened), or None. ``cores`` and ``iterations``
    (per core, in place of the budget; with one core the same seed then gives the same plan twice) are for ``ripeur``.
    OR-Tools has no seed, so its engines may answer differently twice, as any engine may when the clock ends it
    elsewhere. Only ``ripeur`` keeps pinned visits. ``stop`` returning True, or Ctrl-C, ends the search with the best
    plan so far. Every route of the answer is feasible by ``optimizer.problem.schedule``, but for a shift whose
    pinned visits alone are late or cut off: it comes home with these. What a machine compiles the first time
    is not counted as budget. ValueError: an unknown engine, a negative budget, fewer cores than one, another engine
    than ``ripeur`` where visits are pinned, a start that is not of this problem (what it leaves is not asked for).
    """
    if engine not in ENGINES:
        raise ValueError(f"engine = {engine!r}, must be one of {', '.join(ENGINES)}")
    if not 0 <= budget_s < inf:
        raise ValueError(f"budget_s = {budget_s!r}, must be 0 or more, and finite")
    if engine != "ripeur" and any(shift.pinned for shift in problem.shifts):
        raise ValueError(f"engine = {engine!r}, must be 'ripeur' where visits are pinned")
    if cores < 1 or (iterations is not None and iterations < 0):
        raise ValueError(f"cores = {cores}, iterations = {iterations}, must be at least 1 and 0")
    if start is not None:
        _check(problem, start)
    effort = Effort(time.monotonic() + budget_s, seed, cores, iterations)
    with _interrupted() as interrupted:

        def watch(phase: str) -> StopCheck:
            def tell(best_eur: float) -> bool:
                if progress is not None:
                    left_s = budget_s if phase == "compile" else max(0.0, effort.until - time.monotonic())
                    progress(phase, None if best_eur == inf else best_eur, left_s)
                return interrupted() or (stop is not None and stop())

            return tell

        watch("construct")(inf)
        if not problem.tasks or not problem.shifts:
            return construct(problem, seed)
        best = kept(problem, ENGINES[engine](problem, start, effort, watch))
        watch("done")(cost_eur(problem, best))
        return best


def _check(problem: Problem, start: Solution) -> None:
    if len(start.routes) != len(problem.shifts):
        raise ValueError(f"start: {len(start.routes)} routes, must be {len(problem.shifts)}, one per shift")
    served: set[int] = set()
    for shift, visits in zip(problem.shifts, start.routes, strict=True):
        problem.check_visits(f"start: shift {shift.id}", visits)
        for visit in visits:
            if visit.kind == "task" and visit.index in served:
                raise ValueError(f"start: shift {shift.id}: task {problem.tasks[visit.index].id} is served twice")
            served |= {visit.index} if visit.kind == "task" else set()


def _ripeur(problem: Problem, start: Solution | None, effort: Effort, watch: Callable[[str], StopCheck]) -> Solution:
    ready = _prepared(problem, effort, watch)
    return ruin_recreate.improve(
        problem, start, effort.until, effort.seed, watch("improve"), effort.cores, effort.iterations, ready
    )


def _prepared(problem: Problem, effort: Effort, watch: Callable[[str], StopCheck]) -> ruin_recreate.Ready:
    """The compiled search made ready; what is compiled now is not counted as budget."""
    with _telling(watch("compile")):
        ready = ruin_recreate.prepare(problem)
    effort.until += ready.compiled_s
    return ready


def _ortools(problem: Problem, start: Solution | None, effort: Effort, watch: Callable[[str], StopCheck]) -> Solution:
    terms, best, going_on = _first(problem, start, effort, watch)
    if not going_on:
        return best
    ready = _prepared(problem, effort, watch)
    now = time.monotonic()
    soon = now + (effort.until - now) * (1 - ORTOOLS_SHARE)
    best = ruin_recreate.improve(problem, best, soon, effort.seed, watch("improve"), effort.cores, ready=ready)
    best = improve_by_routing(problem, best, effort.until, effort.seed, watch("ortools"), terms)
    if time.monotonic() >= effort.until:
        return best
    return ruin_recreate.improve(  # with what OR-Tools leaves of the time
        problem, best, effort.until, effort.seed + 1, watch("improve"), effort.cores, ready=ready
    )


def _ortools_alone(
    problem: Problem, start: Solution | None, effort: Effort, watch: Callable[[str], StopCheck]
) -> Solution:
    terms, first, going_on = _first(problem, start, effort, watch)
    if not going_on:
        return first
    return improve_by_routing(problem, first, effort.until, effort.seed, watch("ortools"), terms)


def _pyvrp(problem: Problem, start: Solution | None, effort: Effort, watch: Callable[[str], StopCheck]) -> Solution:
    from optimizer.search.pyvrp_engine import improve_by_pyvrp  # an extra of its own, to compare with

    _, first, going_on = _first(problem, start, effort, watch)
    return improve_by_pyvrp(problem, first, effort.until, effort.seed, watch("improve")) if going_on else first


def _first(
    problem: Problem, start: Solution | None, effort: Effort, watch: Callable[[str], StopCheck]
) -> tuple[Terms, Solution, bool]:
    """A first feasible plan, and whether there is time to go on."""
    terms = Terms(problem)
    first = construct(problem, effort.seed, effort.until, terms) if start is None else repair(problem, start, terms)
    asked = watch("construct")(cost_eur(problem, first))
    return terms, first, not asked and time.monotonic() < effort.until


#: In the order of ``ENGINE_NAMES``, where the names stand once.
ENGINES: dict[str, Engine] = dict(zip(ENGINE_NAMES, (_ripeur, _ortools, _ortools_alone, _pyvrp), strict=True))


@contextmanager
def _telling(tell: StopCheck, every_s: float = 1.0) -> Iterator[None]:
    """Say every so often what is under way; nothing where it is done sooner."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every_s):
            tell(inf)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
