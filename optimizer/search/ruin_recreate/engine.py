"""The search as a whole: searches side by side, each annealing its plan in cycles, that exchange what they met.

Every core runs its own ruin and recreate (compiled code that holds no lock). After each cycle the routes that all of
them met are recombined (``recombine``); the last cycle begins from the best plan of all. The same seed, one core and
``iterations`` give the same plan twice, to the bit; with a time limit the clock decides where a cycle ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from optimizer.problem import Problem, Solution, Visit, cost_eur, schedule
from optimizer.search import repair
from optimizer.search.effort import StopCheck
from optimizer.search.ruin_recreate.ground import EUR, FIXED, REST, Ground, ground_of, small
from optimizer.search.ruin_recreate.kernels import trace
from optimizer.search.ruin_recreate.packing import packed
from optimizer.search.ruin_recreate.recombine import Route, recombined
from optimizer.search.ruin_recreate.routes import ROUTE, Routes, routes_for
from optimizer.search.ruin_recreate.steps import (
    STEPS,
    UNSERVED,
    Best,
    Met,
    Work,
    fill,
    met_for,
    remember_plan,
    search,
    set_plan,
    work_for,
)
from optimizer.search.terms import Terms

#: A cycle anneals the plan once: so many steps per task, where there is time for more than one cycle.
CYCLE_STEPS, MOST_CYCLES = 4_000, 12
#: Temperatures at the start and at the end of a cycle, in parts of what a link costs on average; the last of several
#: cycles begins at WARM, from the best plan of all.
HOT, WARM, COLD = 0.4, 0.1, 0.004
#: Up to this share of a cycle trucks are dear (``packing``), and where loads decide how many there are, trips; these in
#: none that is the only one: half a cycle alone is too short to find them at true prices.
PACKED = 0.5
REMEMBER = 0.4  # of a cycle: hot plans have no route worth it
FORGET = 0.25  # of a cycle: from then on its best is looked for; what it began from is forgotten by then
#: Routes of plans that are dearer than the cycle's best by so many links at most are remembered.
MARGIN = 0.3
#: Every cycle ends with an exchange of what was met; in the last or only one there are more, when it is rather cold.
EXCHANGES = (0.7, 0.9, 1.0)
RECOMBINE_SHARE, RECOMBINE_MOST_S = 0.05, 5.0  # of a cycle's time, at most; of a large problem it takes too long
RECOMBINE_COUNTED_S = 1.0  # CP-SAT's own seconds, the same on each machine, where iterations are counted
MET_ROUTES, TASKS_EACH, FULL = 60_000, 50, 0.95  # how many are remembered, and with how many tasks on average
CHUNK_S = 0.05  # between two looks at the clock
TELL_S = 0.5  # between two reports of the best so far
CHUNK_STEPS = 500  # where iterations are counted
LOADED_S = 1.0  # to load compiled code takes less, to compile it more
CLOCK_S_PER_TASK = 4e-4


@dataclass
class Searcher:
    """One core's search."""

    ground: Ground
    routes: Routes
    work: Work
    best: Best  # of this cycle
    top: Best  # of all
    met: Met
    eur: float = np.inf
    chunk: int = 100  # steps between two looks at the clock

    @classmethod
    def of(cls, ground: Ground, seed: int, met: int = MET_ROUTES) -> Searcher:
        routes = routes_for(ground)
        best, top = (
            Best(routes.seq.copy(), routes.via.copy(), routes.size.copy(), np.array([np.inf])) for _ in range(2)
        )
        return cls(ground, routes, work_for(ground, seed), best, top, met_for(met, met * TASKS_EACH))

    def begin(self) -> None:
        """Put in whatever is not in the plan yet."""
        self.eur = fill(self.ground, self.routes, self.work, self.best)
        if self.work.counts[UNSERVED] and (self.ground.by_shift[:, FIXED] > 0).any():
            self._drive_out()
        remember_plan(self.ground, self.routes, self.met)
        self.crown()

    def _drive_out(self) -> None:
        """Trucks for what is left, where all of it together pays for one, though no task does alone."""
        true, without = self.ground, self.now()
        by_shift = true.by_shift.copy()
        by_shift[:, FIXED] = 0.0
        self.price_by(true._replace(by_shift=by_shift))
        fill(self.ground, self.routes, self.work, self.best)
        self.price_by(true)
        if self.eur < without.eur[0]:
            _copy(self.now(), self.best)
        else:
            _copy(without, self.best)
            self.eur = set_plan(true, self.routes, self.work, self.best)

    def take(self, routes: list[Route]) -> None:
        """A plan made of routes met becomes the best of all, where it is better."""
        best = self.best
        best.size[:] = 0
        for route in routes:
            r = next(k for k in np.flatnonzero(self.ground.alike == route.alike) if not best.size[k])
            n = len(route.tasks)
            best.size[r], best.seq[r, :n], best.via[route.tasks] = n, route.tasks, route.via
        best.eur[0] = self.eur = set_plan(self.ground, self.routes, self.work, best)
        self.crown()

    def crown(self) -> None:
        """The cycle's best becomes the best of all, where it is better."""
        if self.best.eur[0] < self.top.eur[0] - 1e-9:
            _copy(self.best, self.top)

    def remember_top(self) -> float:
        """The routes of the best plan of all are among those met, whatever was forgotten since; its price without that
        of unlike lengths, which routes do not have."""
        now, s = self.now(), self.routes
        set_plan(self.ground, s, self.work, self.top)
        remember_plan(self.ground, s, self.met)
        left = self.ground.unserved_eur[s.spot[:, ROUTE] < 0]
        eur = float(s.cost[s.size > 0, EUR].sum() + left.sum())
        set_plan(self.ground, s, self.work, now)
        return eur

    def go_on_from(self, best: Best) -> None:
        _copy(best, self.best)
        self.eur = set_plan(self.ground, self.routes, self.work, self.best)
        remember_plan(self.ground, self.routes, self.met)

    def price_by(self, ground: Ground) -> None:
        """Go on with the same plan at other prices; the best is looked for anew."""
        self.ground, self.eur = ground, set_plan(ground, self.routes, self.work, self.now())
        self.best.eur[0] = np.inf

    def now(self) -> Best:
        """The plan as it stands, which may be worse than the best."""
        return Best(self.routes.seq.copy(), self.routes.via.copy(), self.routes.size.copy(), np.array([self.eur]))

    def crown_now(self, true: Ground) -> None:
        """The plan as it stands becomes the best of all, where it is better at true prices."""
        now = self.now()
        now.eur[0] = set_plan(true, routes_for(true), self.work, now)
        if now.eur[0] < self.top.eur[0] - 1e-9:
            _copy(now, self.top)

    def run(self, steps: int, heat: float, margin: float) -> None:
        self.eur = search(self.ground, self.routes, self.work, self.best, self.met, steps, heat, self.eur, margin)
        if self.met.counts[0] > FULL * len(self.met.keys) or self.met.counts[1] > FULL * len(self.met.tasks):
            self.met.slots[:], self.met.counts[:] = -1, 0  # what was met early is worth least


def _copy(a: Best, b: Best) -> None:
    b.seq[:], b.via[:], b.size[:], b.eur[:] = a


@dataclass(frozen=True)
class Pace:
    """How far a search has come: by the clock, or by steps where ``iterations`` are given."""

    begin: float
    until: float
    iterations: int | None
    stop: threading.Event = field(default_factory=threading.Event)
    told: list[float] = field(default_factory=lambda: [-np.inf])  # when somebody was last told the best so far

    def share(self, steps: int) -> float:
        if self.iterations is not None:
            return steps / self.iterations if steps < self.iterations else 1.0
        return min(1.0, (time.monotonic() - self.begin) / max(self.until - self.begin, 1e-6))


class Ready(NamedTuple):
    """A problem as arrays, and the ways to get empty that they number, with the search compiled for its shape."""

    ground: Ground
    ways: list[list[tuple[int, ...]]]
    compiled_s: float  # 0 where it was compiled before


def prepare(problem: Problem) -> Ready:
    ground, ways = ground_of(problem)
    return Ready(ground, ways, warm(ground))


def improve(
    problem: Problem,
    start: Solution | None,
    until: float,
    seed: int = 0,
    watch: StopCheck | None = None,
    cores: int = 1,
    iterations: int | None = None,
    ready: Ready | None = None,
) -> Solution:
    """The best plan found until ``time.monotonic()`` is ``until`` (or after ``iterations`` steps of each core).

    Routes are feasible in loads, shift lengths and ways; windows and rests are the clock's (``repair.py``).
    """
    ready = ready or prepare(problem)
    ground, ways = ready.ground, ready.ways
    searchers = [Searcher.of(ground, seed * 1_000 + core) for core in range(cores)]
    pace = Pace(time.monotonic(), until - _last_look_s(ground), iterations)
    for searcher in searchers:  # one after the other: what cannot be driven any more is no shift's for all of them
        _lay(searcher, problem, start)
    with ThreadPoolExecutor(cores) as pool, _stopped_by_errors(pace):
        for job in [pool.submit(searcher.begin) for searcher in searchers]:
            job.result()
        unit = _link_eur(searchers[0])
        cycles = _cycles(pace, searchers[0], unit)
        for cycle, begin, end in _parts(cycles):
            jobs = [
                pool.submit(_anneal, s, pace, cycle, cycles, begin, end, unit, watch if s is searchers[0] else None)
                for s in searchers
            ]
            for job in jobs:
                job.result()
            if pace.stop.is_set():
                break
            _exchange(searchers, pace, cycles)
    best = min(searchers, key=lambda s: float(s.top.eur[0]))
    return _kept_by_the_clock(problem, start, solution_of(best, problem, ways), until if iterations is None else None)


@contextmanager
def _stopped_by_errors(pace: Pace) -> Iterator[None]:
    """What one search fails with ends the others too, and at once."""
    try:
        yield
    except BaseException:
        pace.stop.set()
        raise


def _parts(cycles: int) -> Iterator[tuple[int, float, float]]:
    """Cycles, in parts between exchanges: number, and from which share of the cycle to which."""
    for cycle in range(cycles):
        ends = EXCHANGES if cycle == cycles - 1 else (1.0,)
        yield from ((cycle, begin, end) for begin, end in pairwise((0.0, *ends)))


def _cycles(pace: Pace, searcher: Searcher, unit: float) -> int:
    """How often there is time to anneal."""
    steps = pace.iterations
    if steps is None and pace.until - time.monotonic() < 20 * CHUNK_S:
        return 1
    if steps is None:
        began, done = time.monotonic(), int(searcher.work.counts[STEPS])
        while time.monotonic() < began + CHUNK_S:
            searcher.run(20, unit * HOT, unit * MARGIN)
        done = int(searcher.work.counts[STEPS]) - done
        steps = int(done / (time.monotonic() - began) * (pace.until - pace.begin))
    return min(MOST_CYCLES, max(1, round(steps / (CYCLE_STEPS * len(searcher.ground.load)))))


def warm(ground: Ground) -> float:
    """Compile what this shape of problem needs, or load it from the disk; the seconds that took where it was much."""
    began = time.monotonic()
    few = Searcher.of(small(ground), 0, 100)
    few.begin()
    few.run(1, 1.0, 0.0)
    set_plan(few.ground, few.routes, few.work, few.best)
    trace(few.ground, few.routes, np.uint32(0), np.zeros(9, np.int32), np.zeros(9, np.int32))
    took_s = time.monotonic() - began
    return took_s if took_s > LOADED_S else 0.0


def _last_look_s(ground: Ground) -> float:
    """Kept back for the exact clock, where there are hours or rests to be looked at."""
    rests = bool((ground.by_shift[:, REST] > 0).any())
    return CLOCK_S_PER_TASK * len(ground.load) if rests or ground.shape.clock else 0.0


def _kept_by_the_clock(problem: Problem, start: Solution | None, found: Solution, until: float | None) -> Solution:
    """The plan, made feasible where the exact clock (rests, hours) is not content; not worse than a feasible start."""
    broken = any(schedule(problem, k, visits).broken for k, visits in enumerate(found.routes) if visits)
    if broken or found.unserved:
        mended = repair.repaired(problem, found, Terms(problem), until)
        found = mended if broken or cost_eur(problem, mended) < cost_eur(problem, found) else found
    if start is not None and all(
        r[: len(s.pinned)] == s.pinned for r, s in zip(start.routes, problem.shifts, strict=True)
    ):
        feasible = not any(schedule(problem, k, visits).broken for k, visits in enumerate(start.routes) if visits)
        start = repair.unexplained(problem, start.routes)  # what it leaves today, whatever it said
        before = start if feasible else repair.repaired(problem, start, Terms(problem), until)
        if cost_eur(problem, before) < cost_eur(problem, found):
            found = before
    return repair.explained(problem, found)


def _anneal(
    searcher: Searcher,
    pace: Pace,
    cycle: int,
    cycles: int,
    begin: float,
    end: float,
    unit: float,
    watch: StopCheck | None,
) -> None:
    """One cycle from a share of it to another, or until somebody asked to stop."""
    polish = cycle == cycles - 1 > 0
    hot, cold = unit * (WARM if polish else HOT), unit * COLD
    if pace.iterations is not None:
        searcher.chunk = CHUNK_STEPS
    if polish or begin > 0:
        searcher.go_on_from(searcher.top)
    true = searcher.ground
    dear = None
    if not polish and begin < PACKED:
        trucks = int((searcher.top.size > 0).sum())
        dear = packed(true, unit, trucks, trips=cycles > 1, leaving=cycle == 0)
    if dear is not None:
        searcher.price_by(dear)
        searcher.best.eur[0] = -np.inf  # no plan is kept for what it costs there
    known = polish or begin > 0 or dear is not None
    looked = -np.inf
    while (share := cycles * pace.share(int(searcher.work.counts[STEPS])) - cycle) < end and not pace.stop.is_set():
        if dear is not None and share > PACKED:
            searcher.crown_now(true)
            searcher.price_by(true)
            dear = None
        elif not known and share > FORGET:
            searcher.crown()
            searcher.best.eur[0], known = np.inf, True
        margin = unit * MARGIN if share > REMEMBER and dear is None else -np.inf
        began = time.monotonic()
        searcher.run(searcher.chunk, hot * (cold / hot) ** max(0.0, share), margin)
        now = time.monotonic()
        if pace.iterations is None:
            searcher.chunk = max(1, int(searcher.chunk * min(2.0, CHUNK_S / max(now - began, 1e-4))))
        if dear is not None and (pace.iterations is not None or now - looked > TELL_S):
            looked = now
            searcher.crown_now(true)
        if watch is not None and now - pace.told[0] > TELL_S:
            pace.told[0] = now
            best = np.inf if dear is not None else searcher.best.eur[0]
            if watch(float(min(best, searcher.top.eur[0]))):
                pace.stop.set()
    if dear is not None:  # stopped before plans were kept: what there is
        searcher.price_by(true)
        _copy(searcher.now(), searcher.best)
    searcher.crown()


def _exchange(searchers: list[Searcher], pace: Pace, cycles: int) -> None:
    """Recombine what was met; everybody knows the best plan."""
    leader = min(searchers, key=lambda s: float(s.top.eur[0]))
    left_s = RECOMBINE_COUNTED_S
    if pace.iterations is None:
        share_s = (pace.until - pace.begin) / cycles * RECOMBINE_SHARE
        left_s = min(share_s, RECOMBINE_MOST_S, pace.until - time.monotonic() - 0.2)
    if left_s > 0.05:
        best_eur = leader.remember_top()
        best = [leader.top.seq[r, : leader.top.size[r]] for r in np.flatnonzero(leader.top.size)]
        mets = [s.met for s in searchers]
        answer = recombined(searchers[0].ground, mets, best, best_eur, left_s, pace.iterations is not None)
        if answer is not None and answer[0]:
            leader.take(answer[0])
    for searcher in searchers:
        if searcher is not leader:
            _copy(leader.top, searcher.top)


def _lay(searcher: Searcher, problem: Problem, start: Solution | None) -> None:
    """Take over what is pinned and then a given plan, as far as today's loads and hours allow; what they leave is put
    in by ``begin``. A shift whose pinned visits cannot be driven today gets nothing (``_cut``)."""
    g, best = searcher.ground, searcher.best
    for k, shift in enumerate(problem.shifts):
        if not all(g.allowed[v.index, k] for v in shift.pinned if v.kind == "task"):
            g.pins[k], g.allowed[:, k] = 0, False
            continue
        given = repair.beyond(shift.pinned, start.routes[k]) if start is not None else ()
        n, via, laid = 0, 0, set()
        aboard, day = np.zeros(g.load.shape[1]), np.zeros(g.daily.shape[1])
        for visit in (*shift.pinned, *given):
            if visit.kind == "unload":
                via, aboard = 1, np.zeros_like(aboard)
                if n and not g.shape.unloads:
                    break  # here a trip is a route: the others are put in anew
            elif g.allowed[visit.index, k] and visit.index not in laid:
                more = np.append(g.load[visit.index], 1.0)
                fits = (aboard + more[:-1] <= g.capacity[k]).all() and (day + more <= g.daily[k]).all()
                if n < g.pins[k] or fits:
                    best.seq[k, n], best.via[visit.index] = visit.index, via if n else 0
                    aboard, day = aboard + more[:-1], day + more
                    laid.add(visit.index)
                    n, via = n + 1, 0
        best.size[k] = n
    set_plan(g, searcher.routes, searcher.work, best)
    _cut(searcher)


def _cut(searcher: Searcher) -> None:
    """The longest feasible beginning of each route of ``best`` becomes the plan. A shift whose pinned visits alone are
    not feasible gets nothing more: they are driven all the same (``repair``), whatever is planned for the others."""
    g, best, s = searcher.ground, searcher.best, searcher.routes
    finite = np.isfinite(s.cost[:, EUR])
    sound, broken = np.where(finite, best.size, g.pins), np.where(finite, best.size + 1, best.size)
    while (open_ := broken - sound > 1).any():
        best.size[:] = np.where(open_, (sound + broken) // 2, sound)
        set_plan(g, s, searcher.work, best)
        finite = np.isfinite(s.cost[:, EUR])
        sound, broken = np.where(finite, best.size, sound), np.where(finite, broken, best.size)
    best.size[:] = sound
    set_plan(g, s, searcher.work, best)
    lost = ~np.isfinite(s.cost[:, EUR])
    if lost.any():
        best.size[lost], g.pins[lost], g.allowed[:, lost] = 0, 0, False
        set_plan(g, s, searcher.work, best)


def _link_eur(searcher: Searcher) -> float:
    """What a link costs on average in the first plan: its price without services, trucks and what is left."""
    g, s = searcher.ground, searcher.routes
    used, served = s.size > 0, np.flatnonzero(s.spot[:, 0] >= 0)
    by = g.kind[s.spot[served, 0]]  # the crew that serves it: another one may be twice as slow
    links = s.cost[used, EUR].sum() - g.by_shift[used, FIXED].sum() - g.serve[by, served, :, EUR].min(1).sum()
    return max(float(links) / max(1, len(served)), 1e-6)


def solution_of(searcher: Searcher, problem: Problem, ways: list[list[tuple[int, ...]]]) -> Solution:
    """The best plan in visits: every task in its best mode, unloadings at the best sites. Reasons are still to be found
    (``repair.explained``)."""
    g, s = searcher.ground, searcher.routes
    set_plan(g, s, searcher.work, searcher.top)
    modes, way = np.zeros(s.seq.shape[1] + 1, np.int32), np.zeros(s.seq.shape[1] + 1, np.int32)
    routes = []
    for r in range(len(s.size)):
        n, own = int(s.size[r]), ways[g.kind[r]]
        pinned = problem.shifts[r].pinned
        visits = list(pinned if n else repair.emptied(problem, r, pinned))  # driven, if it could do no more with it
        if n:
            trace(g, s, np.uint32(r), modes, way)
            since = len(pinned) - next((i for i, v in enumerate(reversed(pinned)) if v.kind == "unload"), len(pinned))
            loaded = any(bool((g.load[v.index] > 0).any()) for v in pinned[since:])
            for p in range(int(g.pins[r]), n):
                if way[p] >= 0:
                    visits += [Visit("unload", site) for site in own[way[p]]]
                    loaded = False
                x = int(s.seq[r, p])
                visits.append(Visit("task", x, int(modes[p])))
                loaded |= bool((g.load[x] > 0).any())
            if loaded and own and way[n] >= 0:
                visits += [Visit("unload", site) for site in own[way[n]]]
        routes.append(repair.tidy(problem, visits, len(pinned)))
    return repair.unexplained(problem, routes)
