"""The compiled search: what an insertion costs is what the whole route costs with it, whatever the day looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from optimizer.cost import cost_eur, route_eur
from optimizer.problem import Problem
from optimizer.ruin_recreate.engine import Searcher, solution_of
from optimizer.ruin_recreate.ground import EUR, Ground, ground_of
from optimizer.ruin_recreate.kernels import AT, ROUTE, best_place, insert, refresh
from optimizer.ruin_recreate.recombine import recombined
from optimizer.schedule import schedule
from optimizer.search import solve
from tests.street_problem import small_problem, street_problem

SEEDS = st.integers(0, 100_000)


@njit
def offer(g: Any, s: Any, x: int, r: int, out: Any) -> None:
    out[0], out[1], out[2] = best_place(g, s, x, r)


@njit
def put(g: Any, s: Any, x: int, r: int, p: int, code: int) -> None:
    insert(s, np.int64(x), np.int64(r), np.int64(p), np.int64(code))
    refresh(g, s, np.int64(r))


@njit
def take(g: Any, s: Any, x: int) -> None:
    r = s.spot[x, ROUTE]
    for p in range(s.spot[x, AT], s.size[r] - 1):
        s.seq[r, p], s.via[r, p] = s.seq[r, p + 1], s.via[r, p + 1] | (s.via[r, p] if p == s.spot[x, AT] else 0)
    s.size[r] -= 1
    s.spot[x, ROUTE] = -1
    refresh(g, s, np.int64(r))


def searched(problem: Problem, seed: int, steps: int = 200) -> tuple[Ground, Searcher, list[list[tuple[int, ...]]]]:
    ground, ways = ground_of(problem)
    searcher = Searcher.of(ground, seed, 2_000)
    searcher.begin()
    searcher.run(steps, 5.0, 50.0)
    return ground, searcher, ways


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_price_of_an_insertion_is_the_price_of_the_route_with_it(seed: int) -> None:
    ground, searcher, _ = searched(small_problem(seed), seed)
    s, out = searcher.routes, np.zeros(3)
    for x in range(len(ground.place)):
        if s.spot[x, ROUTE] < 0:
            continue
        r = int(s.spot[x, ROUTE])
        take(ground, s, x)
        offer(ground, s, x, r, out)
        assert np.isfinite(out[0])
        put(ground, s, x, r, int(out[1]), int(out[2]))
        assert s.cost[r, EUR] == pytest.approx(out[0], abs=1e-6)


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_plan_costs_by_the_exact_clock_what_the_kernels_say(seed: int) -> None:
    problem = small_problem(seed)
    _, searcher, ways = searched(problem, seed)
    plan = solution_of(searcher, problem, ways)
    for k, visits in enumerate(plan.routes):
        if not visits:
            continue
        judged = schedule(problem, k, visits)
        told = float(searcher.routes.cost[k, EUR])
        if judged.broken:  # rests after driving: what the last look is for
            assert any(rule.basis == "driving" for rule in problem.shifts[k].breaks)
            continue
        exact = route_eur(problem, k, visits, judged.end_s - problem.shifts[k].start_s)
        rest_s = sum(event.end_s - event.start_s for event in judged.events if event.kind == "break")
        if rest_s:  # the exact clock knows rests after driving too, and takes each where it costs least
            assert exact <= told + rest_s * problem.shifts[k].overtime_eur_per_s + 1e-3
        else:
            assert exact == pytest.approx(told, abs=1e-3)


def test_the_same_seed_and_iterations_give_the_same_plan_twice_to_the_bit() -> None:
    problem = street_problem(80, 3, seed=2)
    plans = [solve(problem, None, 60.0, 7, iterations=6_000) for _ in range(2)]
    assert plans[0] == plans[1]
    assert solve(problem, None, 60.0, 8, iterations=6_000) != plans[0]


def test_what_was_met_is_recombined_into_a_plan_that_is_worth_what_its_routes_are() -> None:
    problem = street_problem(60, 4, seed=4, windows_share=0.0)
    short = tuple(replace(s, length_s=6_000.0, overtime_s=0.0) for s in problem.shifts)  # it takes several
    ground, searcher, _ = searched(replace(problem, shifts=short), 1, 20_000)
    worst = 2 * float(searcher.best.eur[0])
    answer = recombined(ground, [searcher.met], worst, 60.0, deterministic=True)
    assert answer is not None
    routes, columns, reduced = answer
    assert len(columns.eur) == len(reduced) == len(set(searcher.met.keys[: int(searcher.met.counts[0])].tolist()))
    tasks = [int(x) for route in routes for x in route.tasks]
    assert len(tasks) == len(set(tasks))
    left = float(ground.unserved_eur.sum() - ground.unserved_eur[tasks].sum())
    assert sum(route.eur for route in routes) + left <= float(searcher.best.eur[0]) + 1e-6
    was = float(searcher.best.eur[0])
    searcher.take(routes)
    assert float(searcher.best.eur[0]) <= was + 1e-6


def test_two_cores_exchange_and_never_return_a_worse_plan_than_the_start() -> None:
    problem = street_problem(100, 4, seed=6)
    start = solve(problem, None, 2.0, 1, engine="plain")
    better = solve(problem, start, 3.0, 1, cores=2)
    assert cost_eur(problem, better) <= cost_eur(problem, start) + 1e-9


def test_a_truck_s_whole_day_bounds_loads_and_tasks_and_its_lunch_is_at_noon() -> None:
    problem = street_problem(60, 4, seed=9, windows_share=0.0)
    shifts = tuple(
        replace(s, breaks=(), most_tasks=20, lunch=(s.start_s + 5_000, s.start_s + 7_000, 1_800.0))
        for s in problem.shifts
    )
    problem = replace(problem, shifts=shifts)
    plan = solve(problem, None, 2.0, 1)
    used = [k for k, visits in enumerate(plan.routes) if visits]
    assert used
    for k in used:
        judged = schedule(problem, k, plan.routes[k])
        assert not judged.broken
        assert sum(v.kind == "task" for v in plan.routes[k]) <= 20
        rests = [e for e in judged.events if e.kind == "break"]
        assert len(rests) == 1
        begin_s = rests[0].start_s - problem.shifts[k].start_s
        assert 5_000 <= begin_s <= 7_000
