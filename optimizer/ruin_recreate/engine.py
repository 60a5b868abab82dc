"""The search as a whole: searches side by side, colder and colder, that exchange what they met.

Every core runs its own ruin and recreate (compiled code that holds no lock). After each round the routes that all of
them met are recombined (``recombine``); whoever is behind goes on from the best plan. The same seed, one core and
``iterations`` give the same plan twice, to the bit; with a time limit the clock decides where a round ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from optimizer import repair
from optimizer.cost import cost_eur
from optimizer.problem import Problem, Solution, Visit
from optimizer.ruin_recreate.ground import EUR, FIXED, REST, Flags, Ground, ground_of, small
from optimizer.ruin_recreate.kernels import Memo, Routes, memo_for, routes_for, trace
from optimizer.ruin_recreate.recombine import Indices, Route, kept, recombined
from optimizer.ruin_recreate.steps import Best, Met, Work, fill, load, met_for, search, work_for
from optimizer.schedule import schedule
from optimizer.terms import Terms

Watch = Callable[[float], bool]  # told the best cost so far (€); True = stop now

ROUNDS = 12
#: Temperatures at the start and at the end, in parts of what a link costs on average.
HOT, COLD = 0.4, 0.004
#: Routes of plans that are dearer than the best by so many links at most are remembered.
NEAR = 1.0
RECOMBINE_SHARE = 0.15  # of a round's time, at most
MET_ROUTES, TASKS_EACH = 60_000, 50  # how many are remembered, and with how many tasks on average
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
    memo: Memo
    work: Work
    best: Best
    met: Met
    eur: float = np.inf
    chunk: int = 100

    @classmethod
    def of(cls, ground: Ground, seed: int, met: int = MET_ROUTES) -> Searcher:
        n = len(ground.place)
        routes = routes_for(ground, n)
        best = Best(routes.seq.copy(), routes.via.copy(), routes.size.copy(), np.array([np.inf]))
        return cls(ground, routes, memo_for(ground), work_for(ground, n, seed), best, met_for(met, met * TASKS_EACH))

    def begin(self) -> None:
        """Put in whatever is not in the plan yet."""
        self.eur = fill(self.ground, self.routes, self.work, self.memo, self.best)

    def take(self, routes: list[Route]) -> None:
        """Go on from a plan made of routes met, where it is better than the best so far."""
        best = self.best
        was = (best.seq.copy(), best.via.copy(), best.size.copy(), float(best.eur[0]))
        best.size[:] = 0
        for route in routes:
            r = next(k for k in np.flatnonzero(self.ground.alike == route.alike) if not best.size[k])
            n = len(route.tasks)
            best.size[r], best.seq[r, :n], best.via[r, :n] = n, route.tasks, route.via
        best.eur[0] = load(self.ground, self.routes, self.work, best)
        if best.eur[0] > was[3] - 1e-9:
            best.seq[:], best.via[:], best.size[:], best.eur[0] = was
            load(self.ground, self.routes, self.work, best)
        self.eur = float(best.eur[0])

    def follow(self, other: Searcher) -> None:
        """Go on from another's best plan."""
        best, theirs = self.best, other.best
        best.seq[:], best.via[:], best.size[:], best.eur[:] = theirs
        self.eur = load(self.ground, self.routes, self.work, self.best)

    def run(self, steps: int, heat: float, near: float) -> None:
        self.eur = search(
            self.ground, self.routes, self.work, self.memo, self.best, self.met, steps, heat, self.eur, near
        )


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
            return min(1.0, steps / self.iterations)
        return min(1.0, (time.monotonic() - self.begin) / max(self.until - self.begin, 1e-6))


def improve(
    problem: Problem,
    start: Solution | None,
    until: float,
    seed: int = 0,
    watch: Watch | None = None,
    cores: int = 1,
    iterations: int | None = None,
) -> Solution:
    """The best plan found until ``time.monotonic()`` is ``until`` (or after ``iterations`` steps of each core).

    Routes are feasible in loads, shift lengths and ways; windows and rests are the clock's (``optimizer.repair``).
    """
    ground, ways = ground_of(problem)
    until += warm(ground)
    searchers = [Searcher.of(ground, seed * 1_000 + core) for core in range(cores)]
    pace = Pace(time.monotonic(), until - _last_look_s(ground), iterations)
    for searcher in searchers:
        if start is not None:
            _lay(searcher, start)
        searcher.begin()
    unit = _link_eur(searchers[0])
    with ThreadPoolExecutor(cores) as pool:
        for round in range(1, ROUNDS + 1):
            end = round / ROUNDS
            jobs = [pool.submit(_anneal, s, pace, end, unit, watch if s is searchers[0] else None) for s in searchers]
            for job in jobs:
                job.result()
            if pace.stop.is_set():
                break
            _exchange(searchers, pace)
    best = min(searchers, key=lambda s: float(s.best.eur[0]))
    return _kept_by_the_clock(problem, start, solution_of(best, problem, ways), until)


def warm(ground: Ground) -> float:
    """Compile what this shape of problem needs, or load it from the disk; the seconds that took where it was much."""
    began = time.monotonic()
    few = Searcher.of(small(ground), 0, 100)
    few.begin()
    few.run(1, 1.0, 0.0)
    load(few.ground, few.routes, few.work, few.best)
    trace(few.ground, few.routes, 0, np.zeros(9, np.int32), np.zeros(9, np.int32))
    took_s = time.monotonic() - began
    return took_s if took_s > LOADED_S else 0.0


def _last_look_s(ground: Ground) -> float:
    """Kept back for the exact clock, where there are hours or rests to be looked at."""
    rests = bool((ground.terms[:, REST] > 0).any())
    return CLOCK_S_PER_TASK * len(ground.place) if rests or ground.shape.clock else 0.0


def _kept_by_the_clock(problem: Problem, start: Solution | None, found: Solution, until: float) -> Solution:
    """The plan, made feasible where the exact clock (rests, hours) is not content; not worse than a feasible start."""
    broken = any(schedule(problem, k, visits).broken for k, visits in enumerate(found.routes) if visits)
    if broken or found.unserved:
        terms = Terms(problem)
        found = repair.repair(problem, found, terms, until)
    if start is not None:
        feasible = not any(schedule(problem, k, visits).broken for k, visits in enumerate(start.routes) if visits)
        before = start if feasible else repair.repair(problem, start, Terms(problem), until)
        if cost_eur(problem, before) < cost_eur(problem, found):
            return before
    return found


def _anneal(searcher: Searcher, pace: Pace, end: float, unit: float, watch: Watch | None) -> None:
    """Search until this share of the whole is done, or somebody asked to stop."""
    while (share := pace.share(int(searcher.work.counts[2]))) < end and not pace.stop.is_set():
        heat = unit * HOT * (COLD / HOT) ** share
        began = time.monotonic()
        searcher.run(CHUNK_STEPS if pace.iterations is not None else searcher.chunk, heat, unit * NEAR)
        now = time.monotonic()
        searcher.chunk = max(1, int(searcher.chunk * min(2.0, CHUNK_S / max(now - began, 1e-4))))
        if watch is not None and now - pace.told[0] > TELL_S:
            pace.told[0] = now
            if watch(float(searcher.best.eur[0])):
                pace.stop.set()


def _exchange(searchers: list[Searcher], pace: Pace) -> None:
    """Recombine what was met; who is behind goes on from the best."""
    leader = min(searchers, key=lambda s: float(s.best.eur[0]))
    left_s = (pace.until - pace.begin) / ROUNDS * RECOMBINE_SHARE
    if pace.iterations is None:
        left_s = min(left_s, pace.until - time.monotonic() - 0.2)
    if left_s > 0.05:
        mets = [s.met for s in searchers]
        answer = recombined(searchers[0].ground, mets, float(leader.best.eur[0]), left_s, pace.iterations is not None)
        if answer is not None:
            routes, columns, reduced = answer
            if routes:
                leader.take(routes)
            if (
                max(int(met.counts[0]) / len(met.keys) for met in mets) > 0.7
                or max(int(met.counts[1]) / len(met.tasks) for met in mets) > 0.7
            ):
                _forget(searchers, columns.source, columns.place, kept(columns, reduced, MET_ROUTES // 6))
    for searcher in searchers:
        if float(searcher.best.eur[0]) > float(leader.best.eur[0]) + 1e-9:
            searcher.follow(leader)


def _forget(searchers: list[Searcher], source: Indices, index: Indices, chosen: Flags) -> None:
    """Make room: of the routes met only the chosen ones stay."""
    for k, searcher in enumerate(searchers):
        met = searcher.met
        stay = np.sort(index[chosen & (source == k)])
        rows = [
            (met.keys[i], met.eur[i], met.shift[i], met.tasks[met.begin[i] : met.begin[i] + met.length[i]].copy(),
             met.via[met.begin[i] : met.begin[i] + met.length[i]].copy())
            for i in stay
        ]  # fmt: skip
        met.slots[:] = -1
        met.counts[:] = 0
        mask = len(met.slots) - 1
        for key, eur, shift, tasks, via in rows:
            i, begin = int(met.counts[0]), int(met.counts[1])
            slot = int(key) & mask
            while met.slots[slot] >= 0:
                slot = (slot + 1) & mask
            met.slots[slot] = i
            met.keys[i], met.eur[i], met.shift[i], met.begin[i], met.length[i] = key, eur, shift, begin, len(tasks)
            met.tasks[begin : begin + len(tasks)], met.via[begin : begin + len(tasks)] = tasks, via
            met.counts[:] = i + 1, begin + len(tasks)


def _lay(searcher: Searcher, start: Solution) -> None:
    """Take over a given plan; what it leaves is put in by ``begin``."""
    best = searcher.best
    for k, visits in enumerate(start.routes):
        n, via = 0, 0
        for visit in visits:
            if visit.kind == "unload":
                via = 1
            elif searcher.ground.allowed[visit.index, k]:
                best.seq[k, n], best.via[k, n] = visit.index, via if n else 0
                n, via = n + 1, 0
        best.size[k] = n
    load(searcher.ground, searcher.routes, searcher.work, best)


def _link_eur(searcher: Searcher) -> float:
    """What a link costs on average in the first plan: its price without services, trucks and what is left."""
    g, s = searcher.ground, searcher.routes
    used = s.size > 0
    served = s.spot[:, 0] >= 0
    links = s.cost[used, EUR].sum() - g.terms[used, FIXED].sum() - g.serve[0, served, :, EUR].min(1).sum()
    return max(float(links) / max(1, int(served.sum())), 1e-6)


def solution_of(searcher: Searcher, problem: Problem, ways: list[list[tuple[int, ...]]]) -> Solution:
    """The best plan in visits: every task in its best mode, unloadings at the best sites."""
    g, s = searcher.ground, searcher.routes
    load(g, s, searcher.work, searcher.best)
    modes, way = np.zeros(s.seq.shape[1] + 1, np.int32), np.zeros(s.seq.shape[1] + 1, np.int32)
    routes = []
    for r in range(len(s.size)):
        n, visits = int(s.size[r]), []
        own = ways[g.kind[r]]
        if n:
            trace(g, s, r, modes, way)
            loaded = False
            for p in range(n):
                if way[p] >= 0:
                    visits += [Visit("unload", site) for site in own[way[p]]]
                    loaded = False
                x = int(s.seq[r, p])
                visits.append(Visit("task", x, int(modes[p])))
                loaded |= bool((g.load[x] > 0).any())
            if loaded and own and way[n] >= 0:
                visits += [Visit("unload", site) for site in own[way[n]]]
        routes.append(tuple(visits))
    return repair.solution_of(problem, routes)
