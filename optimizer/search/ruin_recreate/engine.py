"""The search as a whole: searches side by side, each annealing its plan in cycles, that exchange their routes.

Every core runs its own ruin and recreate (compiled code that holds no lock). After each cycle the routes that all of
them pooled are recombined (``recombine``); the last cycle begins from the best plan of all. The same seed, one core and
``iterations`` give the same plan twice, to the bit; with a time limit the clock decides where a cycle ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from optimizer.problem import Problem, Solution, Visit, cost_eur, schedule
from optimizer.search import repair
from optimizer.search.draft_arrays import DraftArrays
from optimizer.search.effort import StopCheck
from optimizer.search.ruin_recreate.kernel_arrays import REST_S, KernelArrays, Sequences, kernel_arrays
from optimizer.search.ruin_recreate.kernels import decode_route
from optimizer.search.ruin_recreate.penalties import penalised
from optimizer.search.ruin_recreate.recombine import recombined
from optimizer.search.ruin_recreate.searcher import Searcher, compile_for, copy_plan
from optimizer.search.ruin_recreate.steps import STEPS, load_plan
from optimizer.search.ruin_recreate.warm_start import load_start

#: A cycle anneals the plan once: so many steps per task, where there is time for more than one cycle.
CYCLE_STEPS, MOST_CYCLES = 4_000, 12
#: Temperatures at the start and at the end of a cycle, in parts of what a link costs on average; the last of several
#: cycles begins at WARM, from the best plan of all.
HOT, WARM, COLD = 0.4, 0.1, 0.004
#: Up to this share of a cycle trucks are penalised, and where loads decide how many there are, trips; these in none
#: that is the only one: half a cycle alone is too short to find them at true prices.
PENALISED = 0.5
POOL_FROM = 0.4  # of a cycle: hot plans have no route worth it
CYCLE_BEST_FROM = 0.25  # of a cycle: from then on its best is looked for; what it began from is forgotten by then
#: Routes of plans that are dearer than the cycle's best by so many links at most go into the pool.
POOL_MARGIN = 0.3
#: Every cycle ends with an exchange of routes; in the last or only one there are more, when it is rather cold.
EXCHANGES = (0.7, 0.9, 1.0)
RECOMBINE_SHARE, RECOMBINE_MOST_S = 0.05, 5.0  # of a cycle's time, at most; of a large problem it takes too long
RECOMBINE_COUNTED_S = 1.0  # CP-SAT's own seconds, the same on each machine, where iterations are counted
CHUNK_S = 0.05  # between two looks at the clock
TELL_S = 0.5  # between two reports of the best so far
CHUNK_STEPS = 500  # where iterations are counted
CLOCK_S_PER_TASK = 4e-4


class Prepared(NamedTuple):
    """A problem as arrays, and the unload sequences that they number, with the search compiled for its features."""

    data: KernelArrays
    sequences: Sequences
    compiled_s: float  # 0 where it was compiled before


def prepare(problem: Problem) -> Prepared:
    """Everything that a search of this problem needs and that no budget should pay for. One task and shift at least."""
    data, sequences = kernel_arrays(problem)
    return Prepared(data, sequences, compile_for(data))


@dataclass(frozen=True)
class _Run:
    """A whole search: how far it has come, by the clock, or by steps where ``iterations`` are given; who is asked
    whether it goes on; how many cycles there are time for; what a link costs on average in the first plan."""

    begin: float
    until: float
    iterations: int | None
    check: StopCheck | None
    cycles: int = 1
    link_eur: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    reported: list[float] = field(default_factory=lambda: [-np.inf])  # when the best so far was last reported

    def share(self, steps: int) -> float:
        if self.iterations is not None:
            return steps / self.iterations if steps < self.iterations else 1.0
        return min(1.0, (time.monotonic() - self.begin) / max(self.until - self.begin, 1e-6))


class _Phase(NamedTuple):
    """A cycle between two exchanges: its number, whether it is the last, from and to which share of it."""

    cycle: int
    last: bool
    begin: float
    end: float


def improve(
    problem: Problem,
    start: Solution | None,
    until: float,
    seed: int = 0,
    check: StopCheck | None = None,
    cores: int = 1,
    iterations: int | None = None,
    prepared: Prepared | None = None,
) -> Solution:
    """The best plan found until ``time.monotonic()`` is ``until`` (or after ``iterations`` steps of each core).

    Feasible by ``schedule``, but for a shift whose pinned visits alone are late or cut off; not dearer than a feasible
    ``start``.
    """
    data, sequences, _ = prepared or prepare(problem)
    searchers = [Searcher.of(data, seed * 1_000 + core) for core in range(cores)]
    run = _Run(time.monotonic(), until - _final_check_s(data), iterations, check)
    for searcher in searchers:  # one after the other: what cannot be driven any more is no shift's for all of them
        load_start(searcher, problem, start)
    with ThreadPoolExecutor(cores) as threads, _stopped_by_errors(run):
        for job in [threads.submit(searcher.fill) for searcher in searchers]:
            job.result()
        link_eur = searchers[0].mean_link_eur()
        run = replace(run, link_eur=link_eur, cycles=_cycle_count(run, searchers[0], link_eur))
        for phase in _phases(run.cycles):
            jobs = [threads.submit(_Annealing(s, run, phase, s is searchers[0]).run) for s in searchers]
            for job in jobs:
                job.result()
            if run.stop.is_set():
                break
            _exchange(searchers, run)
    best = min(searchers, key=lambda s: float(s.incumbent.eur[0]))
    found = visits_of(best, problem, sequences)
    return _feasible_by_the_clock(problem, start, found, until if iterations is None else None)


@contextmanager
def _stopped_by_errors(run: _Run) -> Iterator[None]:
    """What one search fails with ends the others too, and at once."""
    try:
        yield
    except BaseException:
        run.stop.set()
        raise


def _phases(cycles: int) -> Iterator[_Phase]:
    for cycle in range(cycles):
        last = cycle == cycles - 1
        for begin, end in pairwise((0.0, *(EXCHANGES if last else (1.0,)))):
            yield _Phase(cycle, last, begin, end)


def _cycle_count(run: _Run, searcher: Searcher, link_eur: float) -> int:
    """How often there is time to anneal."""
    steps = run.iterations
    if steps is None and run.until - time.monotonic() < 20 * CHUNK_S:
        return 1
    if steps is None:
        began, done = time.monotonic(), int(searcher.scratch.counts[STEPS])
        while time.monotonic() < began + CHUNK_S:
            searcher.run(20, link_eur * HOT, link_eur * POOL_MARGIN)
        done = int(searcher.scratch.counts[STEPS]) - done
        steps = int(done / (time.monotonic() - began) * (run.until - run.begin))
    return min(MOST_CYCLES, max(1, round(steps / (CYCLE_STEPS * len(searcher.data.load)))))


class _Annealing:
    """A phase of one search, until its end or until somebody asked to stop."""

    def __init__(self, searcher: Searcher, run: _Run, phase: _Phase, reports: bool) -> None:
        self.searcher, self.whole, self.phase, self.reports = searcher, run, phase, reports
        self.true = searcher.data
        self.polishes = phase.last and phase.cycle > 0
        self.is_penalised = False
        self.offered_at = -np.inf  # when the plan was last looked at by true prices

    def run(self) -> None:
        self._begin()
        resumed = self.polishes or self.phase.begin > 0
        has_best = resumed or self.is_penalised  # of the cycle: what it began from does not count
        while (share := self._share()) < self.phase.end and not self.whole.stop.is_set():
            if self.is_penalised and share > PENALISED:
                self.searcher.update_incumbent_at(self.true)
                self.searcher.reprice(self.true)
                self.is_penalised = False
            elif not has_best and share > CYCLE_BEST_FROM:
                self.searcher.update_incumbent()
                self.searcher.cycle_best.eur[0], has_best = np.inf, True
            self._chunk(share)
            self._report()
        if self.is_penalised:  # stopped before plans were kept: what there is
            self.searcher.reprice(self.true)
            copy_plan(self.searcher.current(), self.searcher.cycle_best)
        self.searcher.update_incumbent()

    def _share(self) -> float:
        """Of the cycle."""
        return self.whole.cycles * self.whole.share(int(self.searcher.scratch.counts[STEPS])) - self.phase.cycle

    def _begin(self) -> None:
        searcher, whole, phase = self.searcher, self.whole, self.phase
        if whole.iterations is not None:
            searcher.chunk_steps = CHUNK_STEPS
        if self.polishes or phase.begin > 0:
            searcher.continue_from(searcher.incumbent)
        if self.polishes or phase.begin >= PENALISED:
            return
        trucks = int((searcher.incumbent.size > 0).sum())
        prices = penalised(self.true, whole.link_eur, trucks, trips=whole.cycles > 1, omissions=phase.cycle == 0)
        if prices is not None:
            searcher.reprice(prices)
            searcher.cycle_best.eur[0] = -np.inf  # no plan is kept for what it costs there
            self.is_penalised = True

    def _chunk(self, share: float) -> None:
        """Some steps at the temperature of now, about as many as the next look at the clock leaves time for."""
        searcher, link_eur = self.searcher, self.whole.link_eur
        hot, cold = link_eur * (WARM if self.polishes else HOT), link_eur * COLD
        margin = link_eur * POOL_MARGIN if share > POOL_FROM and not self.is_penalised else -np.inf
        began = time.monotonic()
        searcher.run(searcher.chunk_steps, hot * (cold / hot) ** max(0.0, share), margin)
        if self.whole.iterations is None:
            took_s = max(time.monotonic() - began, 1e-4)
            searcher.chunk_steps = max(1, int(searcher.chunk_steps * min(2.0, CHUNK_S / took_s)))

    def _report(self) -> None:
        """Say now and then what the best plan costs, and hear whether to stop; at penalised prices, look at the plan as
        it stands by true ones before that."""
        searcher, whole, now = self.searcher, self.whole, time.monotonic()
        if self.is_penalised and (whole.iterations is not None or now - self.offered_at > TELL_S):
            self.offered_at = now
            searcher.update_incumbent_at(self.true)
        if whole.check is None or not self.reports or now - whole.reported[0] <= TELL_S:
            return
        whole.reported[0] = now
        best = np.inf if self.is_penalised else searcher.cycle_best.eur[0]
        if whole.check(float(min(best, searcher.incumbent.eur[0]))):
            whole.stop.set()


def _exchange(searchers: list[Searcher], run: _Run) -> None:
    """Recombine the routes of all pools; everybody knows the best plan."""
    leader = min(searchers, key=lambda s: float(s.incumbent.eur[0]))
    left_s = RECOMBINE_COUNTED_S
    if run.iterations is None:
        share_s = (run.until - run.begin) / run.cycles * RECOMBINE_SHARE
        left_s = min(share_s, RECOMBINE_MOST_S, run.until - time.monotonic() - 0.2)
    if left_s > 0.05:
        best_eur = leader.pool_incumbent()
        plan = leader.incumbent
        best = [plan.tasks[r, : plan.size[r]] for r in np.flatnonzero(plan.size)]
        pools = [s.pool for s in searchers]
        answer = recombined(searchers[0].data, pools, best, best_eur, left_s, run.iterations is not None)
        if answer is not None and answer[0]:
            leader.adopt(answer[0])
    for searcher in searchers:
        if searcher is not leader:
            copy_plan(leader.incumbent, searcher.incumbent)


def _final_check_s(data: KernelArrays) -> float:
    """Kept back for the exact clock, where there are hours or rests to be looked at."""
    rests = bool((data.by_shift[:, REST_S] > 0).any())
    return CLOCK_S_PER_TASK * len(data.load) if rests or data.features.hours else 0.0


def _feasible_by_the_clock(problem: Problem, start: Solution | None, found: Solution, until: float | None) -> Solution:
    """The plan, made feasible where the exact clock (rests, hours) is not content; not worse than a feasible start."""
    broken = any(schedule(problem, k, visits).broken for k, visits in enumerate(found.routes) if visits)
    if broken or found.unserved:
        mended = repair.repaired(problem, found, DraftArrays(problem), until)
        found = mended if broken or cost_eur(problem, mended) < cost_eur(problem, found) else found
    if start is not None and all(
        r[: len(s.pinned)] == s.pinned for r, s in zip(start.routes, problem.shifts, strict=True)
    ):
        feasible = not any(schedule(problem, k, visits).broken for k, visits in enumerate(start.routes) if visits)
        start = repair.unexplained(problem, start.routes)  # what it leaves today, whatever it said
        before = start if feasible else repair.repaired(problem, start, DraftArrays(problem), until)
        if cost_eur(problem, before) < cost_eur(problem, found):
            found = before
    return repair.explained(problem, found)


def visits_of(searcher: Searcher, problem: Problem, sequences: Sequences) -> Solution:
    """The incumbent in visits: every task in its best mode, unloadings at the best sites. Reasons are still to be found
    (``repair.explained``)."""
    data, routes = searcher.data, searcher.routes
    load_plan(data, routes, searcher.scratch, searcher.incumbent)
    rows = []
    for shift, own in enumerate(problem.shifts):
        visits = list(own.pinned if routes.size[shift] else repair.emptied(problem, shift, own.pinned))
        if routes.size[shift]:  # else what is pinned is driven, if the shift could do no more with it
            visits += _visits_beyond_pinned(searcher, problem, shift, sequences[data.cost_class[shift]])
        rows.append(repair.tidy(problem, visits, len(own.pinned)))
    return repair.unexplained(problem, rows)


def _visits_beyond_pinned(
    searcher: Searcher, problem: Problem, shift: int, sequences: list[tuple[int, ...]]
) -> list[Visit]:
    data, routes, pinned = searcher.data, searcher.routes, problem.shifts[shift].pinned
    count = int(routes.size[shift])
    modes, sequence = np.zeros(count + 1, np.int32), np.zeros(count + 1, np.int32)
    decode_route(data, routes, np.uint32(shift), modes, sequence)
    since = len(pinned) - next((i for i, v in enumerate(reversed(pinned)) if v.kind == "unload"), len(pinned))
    loaded = any(bool((data.load[v.index] > 0).any()) for v in pinned[since:])
    visits = []
    for position in range(int(data.pinned[shift]), count):
        if sequence[position] >= 0:
            visits += [Visit("unload", site) for site in sequences[sequence[position]]]
            loaded = False
        task = int(routes.tasks[shift, position])
        visits.append(Visit("task", task, int(modes[position])))
        loaded |= bool((data.load[task] > 0).any())
    if loaded and sequences and sequence[count] >= 0:
        visits += [Visit("unload", site) for site in sequences[sequence[count]]]
    return visits
