"""Ruin and recreate: neighbouring strings of tasks are taken out of a plan and put back in the best places.

After Christiaens, Vanden Berghe 2020 (https://doi.org/10.1287/trsc.2019.0914), a little worse being accepted now and
then, less and less often. Deterministic from ``seed`` as far as the clock does not end it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import Problem, Solution, cost_eur
from optimizer.search.construct import fill
from optimizer.search.draft import Draft
from optimizer.search.repair import of_draft, repair
from optimizer.search.terms import Ints, Terms

REPAIR_S_PER_TASK = 2e-4  # kept back from a time limit, for the last check on the clock
Watch = Callable[[float], bool]  # told the best cost so far (€); True = stop now

STRING = 10  # tasks in a removed string, at most
REMOVED = 10  # tasks removed per step, about
LEAST_EUR_PER_S = 1e-5  # for the temperature, where driving costs nothing


def improve(
    problem: Problem,
    start: Solution,
    until: float,
    seed: int = 0,
    watch: Watch | None = None,
    terms: Terms | None = None,
) -> Solution:
    """Ruin and recreate from a feasible plan until ``time.monotonic()`` is ``until``. Never worse than the start."""
    if not problem.tasks or not problem.shifts or time.monotonic() >= until:
        return start
    terms = terms or Terms(problem)
    draft = Draft(terms)
    draft.load(start)
    fill(draft, until)
    _ruin_and_recreate(draft, np.random.default_rng(seed), until - REPAIR_S_PER_TASK * terms.n, watch)
    better = repair(problem, of_draft(draft), terms, until)
    return better if cost_eur(problem, better) < cost_eur(problem, start) else start


@dataclass(slots=True)
class _Cooling:
    """From ``hot`` to ``cold`` (euros) over the time there is."""

    hot: float
    cold: float
    begin: float
    until: float

    def now(self) -> float:
        share = min(1.0, (time.monotonic() - self.begin) / max(self.until - self.begin, 1e-3))
        return self.hot * exp(share * log(self.cold / self.hot))


def _ruin_and_recreate(draft: Draft, rng: np.random.Generator, until: float, watch: Watch | None) -> int:
    """Improve the draft in place; the number of steps made."""
    t = draft.terms
    per_s = max(LEAST_EUR_PER_S, float((t.eur_per_s + t.travel_eur_per_s).mean()))
    cooling = _Cooling(20 * per_s, 0.5 * per_s, time.monotonic(), until)
    near = np.stack((t.after, t.before), 2).reshape(t.n, -1)  # nearest first, either way round
    current = best = draft.eur()
    kept, saved = draft.copy(), draft.copy()
    steps = 0
    told = 0.0
    while (now := time.monotonic()) < until:
        if watch is not None and now - told > 0.5:
            told = now
            if watch(best):
                break
        steps += 1
        taken = _ruin(draft, near, rng)
        _recreate(draft, taken, rng)
        eur = draft.eur()
        if eur < current - cooling.now() * log(max(rng.random(), 1e-12)):
            current = eur
            saved = draft.copy()
            if eur < best - 1e-9:
                best, kept = eur, saved
        else:
            draft.restore(saved)
    draft.restore(kept)
    return steps


def _ruin(draft: Draft, near: Ints, rng: np.random.Generator) -> list[int]:
    n = draft.terms.n
    strings = int(rng.integers(1, 4 * REMOVED // (1 + STRING) + 1))
    seed = int(rng.integers(n))
    taken: list[int] = []
    for c in (seed, *near[seed].tolist()):
        if strings == 0:
            break
        if draft.route[c] < 0:
            continue
        strings -= 1
        length = int(rng.integers(1, STRING + 1))
        node = c
        for _ in range(int(rng.integers(length))):  # c stands anywhere in the string
            node = _task_beside(draft, draft.pred, node)
        for _ in range(length):
            after = _task_beside(draft, draft.succ, node)
            draft.take(node)
            taken.append(node)
            if after == node:
                break
            node = after
    return taken


def _task_beside(draft: Draft, link: Ints, node: int) -> int:
    """The next task of the route in a direction, over unloadings; the node itself at the route's end."""
    beside = int(link[node])
    while beside >= draft.first_unload:
        beside = int(link[beside])
    return beside if beside < draft.terms.n else node


def _recreate(draft: Draft, taken: list[int], rng: np.random.Generator) -> None:
    t = draft.terms
    left = draft.unserved() if len(taken) < t.n else taken
    if len(left) > len(taken) + 5:
        others = [x for x in left if x not in taken and t.allowed[x].any()]
        left = taken + [others[i] for i in rng.permutation(len(others))[:5]]
    how = rng.random()
    key: NDArray[np.float64]
    if how < 0.4:
        key = rng.random(len(left))
    elif how < 0.7:
        key = -t.load[left, 0] if t.dims else rng.random(len(left))
    else:
        key = -(t.travel[0][t.depot[0], t.place[left, 0]]).astype(float) * (1 if how < 0.9 else -1)
    touched = set()
    for i in np.argsort(key, kind="stable"):
        offer = draft.best(left[i], rng)
        if offer is not None:
            draft.put_offer(left[i], offer)
            touched.add(int(draft.route[left[i]]))
    for k in touched:
        if len(t.ways[t.group[k]]) > 1:
            for node in draft.nodes(k):
                if node >= draft.first_unload:
                    draft.choose_way(node)
