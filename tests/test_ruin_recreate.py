"""The compiled search: what an insertion costs is what the whole route costs with it, whatever the day looks like."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from optimizer.bench.network import ArcNetwork, Link, instance_of
from optimizer.bench.shifts import with_shifts
from optimizer.problem.cost import cost_eur, route_eur
from optimizer.problem.problem import UNREACHABLE, Problem, ProblemShift
from optimizer.problem.schedule import schedule
from optimizer.search.construct import construct
from optimizer.search.engines import solve
from optimizer.search.repair import emptied, tidy
from optimizer.search.ruin_recreate import engine
from optimizer.search.ruin_recreate.engine import visits_of
from optimizer.search.ruin_recreate.geography import spatial_order_of
from optimizer.search.ruin_recreate.kernel_arrays import (
    EUR,
    MAX_WORK_S,
    PROFILE,
    SEC,
    KernelArrays,
    kernel_arrays,
    shifts_to_spare,
)
from optimizer.search.ruin_recreate.kernels import (
    SHORT_ROUTE,
    add_to_totals,
    extend_partials,
    insert_task,
    refresh_route,
)
from optimizer.search.ruin_recreate.penalties import OMISSION_TRIPS, PENALTY_LINKS, penalised
from optimizer.search.ruin_recreate.recombine import recombined
from optimizer.search.ruin_recreate.routes import BACKWARD, INDEX, ROUTE
from optimizer.search.ruin_recreate.searcher import Searcher
from optimizer.search.ruin_recreate.steps import LARGE, PlanRows, RoutePool, best_insertion, load_plan
from optimizer.search.ruin_recreate.warm_start import load_start
from tests.street_problem import small_problem, street_problem

SEEDS = st.integers(0, 100_000)


@njit
def offer(data: Any, routes: Any, scratch: Any, task: int, out: Any) -> None:
    out[0], out[1], out[2], out[3] = best_insertion(data, routes, scratch, np.uint32(task), 0.0, np.int64(20))


@njit
def put(data: Any, routes: Any, task: int, route: int, position: int, code: int) -> None:
    insert_task(data, routes, np.uint32(task), np.uint32(route), np.int64(position), np.int64(code))


@njit
def take(data: Any, routes: Any, task: int) -> None:
    route = np.uint32(routes.assigned[task, ROUTE])
    at = routes.assigned[task, INDEX]
    for position in range(at, routes.size[route] - 1):
        routes.tasks[route, position] = routes.tasks[route, position + 1]
    routes.size[route] -= 1
    if at < routes.size[route]:
        routes.unload_before[routes.tasks[route, at]] |= routes.unload_before[task]
    routes.valid[route, BACKWARD] -= 1
    routes.assigned[task, ROUTE] = -1
    add_to_totals(data, routes, np.uint32(task), route, -1)
    refresh_route(data, routes, route, np.int64(at), np.int64(at - 1))


@njit
def complete(data: Any, routes: Any) -> None:
    for route in range(len(routes.size)):
        cost_class, n = data.cost_class[route], routes.size[route]
        extend_partials(
            data,
            routes,
            cost_class,
            data.depot[cost_class, PROFILE],
            data.eur_per_ds[cost_class],
            np.uint32(route),
            np.int64(0),
        )
        extend_partials(
            data,
            routes,
            cost_class,
            data.depot[cost_class, PROFILE],
            data.eur_per_ds[cost_class],
            np.uint32(route),
            np.int64(n),
        )


def searched(
    problem: Problem, seed: int, steps: int = 200
) -> tuple[KernelArrays, Searcher, list[list[tuple[int, ...]]]]:
    data, sequences = kernel_arrays(problem)
    searcher = Searcher.of(data, seed, 20_000)
    load_start(searcher, problem, None)
    searcher.fill()
    searcher.run(steps, 5.0, 50.0)
    searcher.update_incumbent()
    return data, searcher, sequences


def _with_limits(shift: ProblemShift, random: np.random.Generator) -> ProblemShift:
    if random.random() < 0.3:
        shift = replace(shift, most_tasks=int(random.integers(1, 12)))
    if random.random() < 0.3:
        shift = replace(shift, most_load=(float(random.uniform(300, 4000)), float(random.choice([np.inf, 5.0]))))
    if random.random() < 0.3:
        opens = shift.start_s + float(random.uniform(0.0, 0.8)) * shift.length_s
        lunch = (opens, opens + float(random.uniform(600, 5_400)), float(random.uniform(600, 2_700)))
        shift = replace(shift, breaks=(), lunch=lunch)
    return shift


def everything_on(seed: int) -> Problem:
    """An odd problem: half of the tasks were published with a shift, one has a window at least, some shifts have a
    lunch or serve and load so much a day at most, sites are for some shifts only, and some first visits are pinned:
    every feature, so that kernels are compiled but once per number of modes."""
    problem, random = small_problem(seed), np.random.default_rng(seed)
    k = len(problem.shifts)
    shifts = [_with_limits(shift, random) for shift in problem.shifts]
    sites = tuple(
        replace(site, shifts=frozenset(random.choice(k, size=int(random.integers(1, k + 1))).tolist()))
        if random.random() < 0.2
        else site
        for site in problem.sites
    )
    problem = replace(problem, shifts=tuple(shifts), sites=sites)
    published = [
        replace(
            t,
            published_shift=int(random.integers(k)),
            reassignment_eur=float(random.uniform(0, 80)),
            modes=tuple(replace(m, standing_s=float(random.uniform(0, 90))) for m in t.modes),
        )
        if random.random() < 0.5 or not i
        else t
        for i, t in enumerate(problem.tasks)
    ]
    published[0] = replace(published[0], windows=published[0].windows or ((0.0, 30 * 3600.0),))
    problem = replace(problem, tasks=tuple(published))
    if random.random() < 0.5:
        return problem
    plan = solve(problem, None, 60.0, seed, iterations=100)
    shifts = list(problem.shifts)
    for i, visits in enumerate(plan.routes):
        ends = [n for n, v in enumerate(visits, 1) if v.kind == "task"]
        if ends and random.random() < 0.7:
            shifts[i] = replace(shifts[i], pinned=visits[: int(random.choice(ends))])
    return replace(problem, shifts=tuple(shifts))


@given(seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_the_price_of_an_insertion_is_the_price_of_the_route_with_it(seed: int) -> None:
    data, searcher, _ = searched(everything_on(seed), seed)
    routes, out = searcher.routes, np.zeros(4)
    for task in range(len(data.load)):
        route = int(routes.assigned[task, ROUTE])
        if route < 0 or routes.assigned[task, INDEX] < data.pinned[route]:
            continue
        take(data, routes, task)
        before = routes.cost[:, EUR].copy()
        offer(data, routes, searcher.scratch, task, out)
        route = int(out[1])
        if route < 0:
            assert out[0] == data.unserved_eur[task]
            continue
        put(data, routes, task, route, int(out[2]), int(out[3]))
        assert routes.cost[route, EUR] - before[route] == pytest.approx(out[0], abs=1e-6)
        complete(data, routes)
        anew = PlanRows(routes.tasks.copy(), routes.unload_before.copy(), routes.size.copy(), np.zeros(1))
        kept = [array.copy() for array in (routes.partials, routes.loads, routes.cost, routes.totals)]
        load_plan(data, routes, searcher.scratch, anew)
        complete(data, routes)
        served = routes.assigned[:, ROUTE] >= 0
        for array, was in zip((routes.partials, routes.loads), kept[:2], strict=True):
            assert array[served] == pytest.approx(was[served], abs=1e-6)
        assert routes.cost == pytest.approx(kept[2], abs=1e-6)
        assert routes.totals == pytest.approx(kept[3], abs=1e-6)


@given(seed=SEEDS)
@example(seed=4581)
@settings(max_examples=60, deadline=None)
def test_a_plan_costs_by_the_exact_clock_what_the_kernels_say(seed: int) -> None:
    problem = everything_on(seed)
    _, searcher, sequences = searched(problem, seed)
    plan = visits_of(searcher, problem, sequences)
    for k, visits in enumerate(plan.routes):
        if not searcher.routes.size[k]:
            pinned = problem.shifts[k].pinned
            assert visits[: len(pinned)] == pinned, "nothing, or what is pinned and cannot be driven"
            assert visits == emptied(problem, k, pinned), "and comes home empty, where a site takes it"
            continue
        judged = schedule(problem, k, visits)
        kernel_eur = float(searcher.routes.cost[k, EUR])
        if any(v.kind == "unload" for v in problem.shifts[k].pinned):
            continue  # priced at the cheapest site, not at the pinned one
        if judged.broken:  # rests after driving: what the last look is for
            assert any(rule.basis == "driving" for rule in problem.shifts[k].breaks)
            continue
        exact = route_eur(problem, k, visits, judged.end_s - problem.shifts[k].start_s)
        rest_s = sum(event.end_s - event.start_s for event in judged.events if event.kind == "break")
        rows = [tuple(v.index for v in row) for kind, row in groupby(visits, lambda v: v.kind) if kind == "unload"]
        if rest_s:  # the exact clock knows rests after driving too, and takes each where it costs least
            assert exact <= kernel_eur + rest_s * problem.shifts[k].overtime_eur_per_s + 1e-3
        elif any(row not in sequences[int(searcher.data.cost_class[k])] for row in rows):
            assert exact <= kernel_eur + 1e-3, "a site that takes nothing of what is aboard was left out"
        else:
            assert exact == pytest.approx(kernel_eur, abs=1e-3)


@pytest.mark.parametrize(("tasks", "steps"), [(80, 6_000), (20, 240_000)])  # a part of a cycle; three cycles
def test_the_same_seed_and_iterations_give_the_same_plan_twice_to_the_bit(tasks: int, steps: int) -> None:
    problem = street_problem(tasks, 3, seed=2)
    watches = {60.0: None, 1.0: lambda phase, best_eur, left_s: None}
    plans = [solve(problem, None, budget_s, 7, watch, iterations=steps) for budget_s, watch in watches.items()]
    assert plans[0] == plans[1]
    if tasks == 80:
        assert solve(problem, None, 60.0, 8, iterations=steps) != plans[0]


def test_pooled_routes_are_recombined_into_a_plan_that_is_worth_what_its_routes_are() -> None:
    problem = street_problem(60, 4, seed=4, windows_share=0.0)
    short = tuple(replace(s, length_s=6_000.0, overtime_s=0.0) for s in problem.shifts)  # it takes several
    data, searcher, _ = searched(replace(problem, shifts=short), 1, 5_000)
    worst = 2 * float(searcher.cycle_best.eur[0])
    answer = recombined(data, [searcher.pool], [], worst, 60.0, deterministic=True)
    assert answer is not None
    routes, columns, reduced = answer
    assert len(columns.eur) == len(reduced) == len(set(searcher.pool.keys[: int(searcher.pool.counts[0])].tolist()))
    tasks = [int(task) for route in routes for task in route.tasks]
    assert len(tasks) == len(set(tasks))
    left = float(data.unserved_eur.sum() - data.unserved_eur[tasks].sum())
    assert sum(route.eur for route in routes) + left <= float(searcher.cycle_best.eur[0]) + 1e-6
    was = float(searcher.cycle_best.eur[0])
    searcher.adopt(routes)
    assert float(searcher.incumbent.eur[0]) <= was + 1e-6


def test_two_cores_exchange_and_never_return_a_worse_plan_than_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = street_problem(100, 4, seed=6)
    start = solve(problem, None, 60.0, 1, iterations=1_000)
    pools: list[list[int]] = []

    def seen(data: KernelArrays, all_pools: list[RoutePool], *rest: Any) -> Any:
        pools.append([int(met.counts[0]) for met in all_pools])
        return recombined(data, all_pools, *rest)

    monkeypatch.setattr(engine, "recombined", seen)
    better = solve(problem, start, 5.0, 1, cores=2)
    assert cost_eur(problem, better) <= cost_eur(problem, start) + 1e-9
    assert len(pools) >= 2, "where there is time for one cycle only too"
    assert all(len(pool) == 2 and min(pool) > 0 for pool in pools), "the routes of both"


def test_what_is_pinned_is_driven_in_every_recombination() -> None:
    problem = street_problem(60, 4, seed=4, windows_share=0.0)
    short = [replace(s, length_s=6_000.0, overtime_s=0.0) for s in problem.shifts]  # it takes several
    plan = solve(replace(problem, shifts=tuple(short)), None, 60.0, 1, iterations=1_000)
    k = next(k for k, visits in enumerate(plan.routes) if len(visits) > 4)
    short[k] = replace(short[k], pinned=plan.routes[k][:2], fixed_eur=50_000.0)  # to leave all of it were cheaper
    data, searcher, _ = searched(replace(problem, shifts=tuple(short)), 1, 5_000)
    answer = recombined(data, [searcher.pool], [], 2 * float(searcher.cycle_best.eur[0]), 60.0, deterministic=True)
    assert answer is not None
    assert any(route.shift_type == data.shift_type[k] for route in answer[0])


def test_a_start_that_today_s_loads_and_hours_do_not_allow_is_taken_over_as_far_as_they_do() -> None:
    problem = street_problem(60, 6, seed=5, windows_share=0.0)
    start = solve(problem, None, 60.0, 1, iterations=2_000)
    heavier = [replace(t, load=tuple(2.5 * q for q in t.load), unserved_eur=5_000.0) for t in problem.tasks]
    heavy = replace(problem, tasks=tuple(heavier))
    short = replace(
        heavy, shifts=tuple(replace(s, length_s=0.5 * s.length_s, overtime_s=600.0) for s in problem.shifts)
    )
    for day in (heavy, short):
        data, sequences = kernel_arrays(day)
        searcher = Searcher.of(data, 1, 20_000)
        load_start(searcher, day, start)
        laid = solution_of_routes(searcher, day, sequences)
        assert np.isfinite(searcher.routes.cost[:, EUR]).all()
        assert not any("OVER_LOAD" in schedule(day, k, visits).broken for k, visits in enumerate(laid))
        taken = sum(v.kind == "task" for visits in laid for v in visits)
        assert taken > 0.3 * len(day.tasks), "much of it stays"
        found = solve(day, start, 60.0, 1, iterations=2_000)
        assert not any(schedule(day, k, visits).broken for k, visits in enumerate(found.routes) if visits)
        assert len(found.unserved) <= len(day.tasks) - taken


def solution_of_routes(searcher: Searcher, problem: Problem, sequences: list[list[tuple[int, ...]]]) -> list[Any]:
    now = searcher.current()
    searcher.incumbent.tasks[:], searcher.incumbent.unload_before[:], searcher.incumbent.size[:] = (
        now.tasks,
        now.unload_before,
        now.size,
    )
    return list(visits_of(searcher, problem, sequences).routes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_a_route_that_waits_for_its_site_streets_change_places_as_in_any_other(seed: int) -> None:
    problem = street_problem(60, 1, seed=seed, windows_share=0.0)
    endless = replace(problem.shifts[0], capacity=(1e9, 1e9), length_s=14 * 3600.0, overtime_s=0.0, breaks=())
    shift = replace(endless, max_work_s=1e9, max_driving_s=None, eur_per_m=0.01)
    tasks = tuple(replace(t, shifts=frozenset({0})) for t in problem.tasks)
    plant = problem.sites[0]
    late = replace(problem, tasks=tasks, shifts=(shift,), sites=(replace(plant, windows=((15 * 3600.0, 86_400.0),)),))
    early = replace(late, sites=(replace(plant, windows=()),))
    found = [solve(day, None, 60.0, 1, iterations=4_000) for day in (late, early)]
    assert cost_eur(late, found[0]) <= cost_eur(late, found[1]) + 0.05


def test_shifts_that_may_unload_at_different_sites_are_not_of_one_type() -> None:
    problem = street_problem(10, 4, seed=3)
    twins = tuple(replace(problem.shifts[1], id=f"V{k}") for k in range(4))
    problem = replace(problem, shifts=twins, tasks=tuple(replace(t, shifts=frozenset(range(4))) for t in problem.tasks))
    assert kernel_arrays(problem)[0].shift_type.tolist() == [0, 0, 0, 0]
    plant, yard = problem.sites
    some = replace(problem, sites=(plant, replace(yard, shifts=frozenset({1, 2}))))
    assert kernel_arrays(some)[0].shift_type.tolist() == [0, 1, 1, 0]


def test_a_shift_that_no_row_of_sites_empties_loads_nothing() -> None:
    problem = street_problem(20, 2, seed=3, windows_share=0.0)
    fluxes = 4  # each goes to a site of its own, and an unload sequence has three at most
    one = [tuple(float(d == i % fluxes) for d in range(fluxes)) for i in range(len(problem.tasks))]
    tasks = [replace(t, load=load) for t, load in zip(problem.tasks, one, strict=True)]
    light = [replace(t, load=(0.0,) * fluxes) for t in tasks[:5]]
    sites = [
        replace(problem.sites[0], id=f"S{d}", windows=(), takes=tuple(d == e for e in range(fluxes)))
        for d in range(fluxes)
    ]
    problem = replace(
        problem,
        dimensions=tuple("abcd"),
        tasks=tuple(light + tasks[5:]),
        sites=tuple(sites),
        shifts=tuple(replace(s, capacity=(99.0,) * fluxes) for s in problem.shifts),
    )
    plan = solve(problem, None, 60.0, 1, iterations=200)
    served = {v.index for visits in plan.routes for v in visits if v.kind == "task"}
    assert served <= set(range(5))
    assert served
    assert not any(schedule(problem, k, visits).broken for k, visits in enumerate(plan.routes) if visits)


def test_what_a_watcher_fails_with_ends_all_searches() -> None:
    def fail(phase: str, best_eur: float | None, left_s: float) -> None:
        if phase == "improve":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):  # the other core would search on for an hour
        solve(street_problem(60, 3, seed=2), None, 3_600.0, 1, fail, cores=2)


def test_a_watcher_is_told_what_he_gets_who_stops_now_also_while_trucks_are_penalised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = street_problem(120, 8, seed=5, windows_share=0.0)
    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.TELL_S", -1.0)
    told: list[float] = []

    def watch(best_eur: float) -> bool:
        told.append(best_eur)
        return len(told) > 3  # of 40: long before the half

    plan = engine.improve(problem, None, 0.0, 1, watch, iterations=40 * engine.CHUNK_STEPS)
    assert cost_eur(problem, plan) == pytest.approx(told[-1])
    assert told[-1] < cost_eur(problem, engine.improve(problem, None, 0.0, 1, iterations=0))
    first = searched(problem, 1)[1]
    assert penalised(first.data, first.mean_link_eur(), 1, trips=False, omissions=False) is not None


def test_a_truck_goes_to_no_site_that_takes_nothing_of_what_is_aboard() -> None:
    problem = street_problem(30, 2, seed=3, windows_share=0.0)
    paper = [  # a street of paper, a street of glass, each to its own plant
        replace(t, load=(t.load[0], 0.0) if i % 2 else (0.0, t.load[1])) for i, t in enumerate(problem.tasks)
    ]
    own = ((True, False), (False, True))
    sites = tuple(replace(s, takes=takes) for s, takes in zip(problem.sites, own, strict=True))
    problem = replace(problem, tasks=tuple(paper), sites=sites)
    plan = solve(problem, None, 60.0, 1, iterations=2_000)
    for k, visits in enumerate(plan.routes):
        assert visits == tidy(problem, visits)
        assert not schedule(problem, k, visits).broken or not visits


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


def test_a_route_is_one_trip_only_where_a_trip_more_has_a_shift_of_its_own() -> None:
    def with_unloads(day: Problem) -> bool:
        return bool(kernel_arrays(day)[0].features.unloads)

    day = grid()
    assert not with_unloads(day), "a trip more is a route more"
    for_two = tuple(replace(t, shifts=frozenset({0, 1})) for t in day.tasks)
    assert with_unloads(replace(day, shifts=day.shifts[:2], tasks=for_two)), "fewer shifts than trips"
    assert with_unloads(replace(day, tasks=for_two)), "the others may not go there"
    small = tuple(replace(s, capacity=(2.0,)) for s in day.shifts[1:])
    assert with_unloads(replace(day, shifts=(day.shifts[0], *small))), "the others are small"
    for other in ({"eur_per_s": 2.0}, {"crew_factor": 1.5}, {"start_s": 3_600.0}, {"lunch": (0.0, 9_000.0, 60.0)}):
        assert with_unloads(replace(day, shifts=(day.shifts[0], *(replace(s, **other) for s in day.shifts[1:])))), other
    in_all: dict[str, Any]
    for in_all in ({"start_service_s": 60.0}, {"lunch": (0.0, 9_000.0, 60.0)}, {"max_work_s": 9_000.0}):
        assert with_unloads(replace(day, shifts=tuple(replace(s, **in_all) for s in day.shifts))), "a route has a price"
    early = replace(day.tasks[0], windows=((0.0, 900.0),))
    assert with_unloads(replace(day, tasks=(early, *day.tasks[1:]))), "somebody may wait, and is paid"
    some = frozenset(range(len(day.shifts) - 1))
    assert with_unloads(replace(day, sites=(replace(day.sites[0], shifts=some),))), "one may not unload"


def test_streets_that_fill_more_than_half_a_truck_have_as_many_trips_as_streets() -> None:
    day = grid()
    halves = replace(day, tasks=tuple(replace(t, load=(10.2,)) for t in day.tasks[:10]))
    few = with_shifts(replace(halves, shifts=(replace(day.shifts[0], capacity=(20.0,)),)), 9)  # 5.1 trips, and some
    assert kernel_arrays(few)[0].features.unloads
    assert not solve(few, None, 60.0, 1, iterations=500).unserved
    loads = np.array([[10.2]] * 10)
    assert shifts_to_spare(loads, np.array([20.0])) == 10
    assert shifts_to_spare(np.repeat(loads, 10, axis=0) / 2, np.array([20.0])) == 35, "three each, and one to spare"
    assert shifts_to_spare(np.ones((40, 2)), np.array([10.0, np.inf])) == 7


def test_a_shift_that_only_its_work_limits_is_not_planned_longer() -> None:
    problem = street_problem(80, 3, seed=3, windows_share=0.0)
    shifts = [replace(s, length_s=1e9, breaks=(), max_work_s=9_000.0, max_driving_s=None) for s in problem.shifts]
    day = replace(problem, shifts=tuple(shifts), balance_eur_per_s=0.0)
    data, searcher, sequences = searched(day, 1, 2_000)
    assert data.features.durations
    plan = visits_of(searcher, day, sequences)
    assert not any(schedule(day, k, visits).broken for k, visits in enumerate(plan.routes) if visits)


def tight_town(seed: int) -> Problem:
    """Streets without hours, trucks that unload several times a day."""
    problem = street_problem(60, 4, seed=seed, windows_share=0.0, mean_kg=400.0)
    shifts = tuple(replace(s, lunch=None) for s in problem.shifts)
    return replace(problem, shifts=shifts, sites=tuple(replace(s, windows=()) for s in problem.sites))


def with_price_of_a_truck(problem: Problem, eur: float) -> Problem:
    return replace(problem, shifts=tuple(replace(s, fixed_eur=eur) for s in problem.shifts))


@given(seed=st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_at_penalised_prices_a_plan_costs_so_much_more_for_each_of_its_trips_and_nothing_else(seed: int) -> None:
    problem = with_price_of_a_truck(tight_town(seed), 0.0)
    data, searcher, sequences = searched(problem, seed)
    assert not data.features.hours
    plan = visits_of(searcher, problem, sequences)
    trips = sum(v.kind == "unload" for visits in plan.routes for v in visits)
    prices = penalised(data, 2.0, 4, trips=True, omissions=False)
    assert prices is not None
    fits = (data.capacity.max(0) / data.load.mean(0)).min()
    true_eur = load_plan(data, searcher.routes, searcher.scratch, searcher.incumbent)
    penalised_eur = load_plan(prices, searcher.routes, searcher.scratch, searcher.incumbent)
    assert penalised_eur - true_eur == pytest.approx(trips * 2.0 * PENALTY_LINKS * fits)


def test_at_penalised_prices_a_task_left_out_costs_its_share_of_some_trips_and_never_more_than_in_truth() -> None:
    data, _ = kernel_arrays(with_price_of_a_truck(tight_town(3), 0.0))
    prices = penalised(data, 2.0, 4, trips=True, omissions=True)
    assert prices is not None
    share = (data.load / data.capacity.max(0)).max(1)
    trip_eur = 2.0 * PENALTY_LINKS * (data.capacity.max(0) / data.load.mean(0)).min()
    expected = np.minimum(data.unserved_eur, data.least_service_eur + OMISSION_TRIPS * trip_eur * share)
    assert prices.unserved_eur == pytest.approx(expected)
    assert (prices.unserved_eur >= data.least_service_eur).all()


def test_at_penalised_prices_what_a_full_truck_carries_costs_more_to_leave_than_its_trips_and_the_truck() -> None:
    data, searcher, _ = searched(with_price_of_a_truck(tight_town(3), 5_000.0), 3)
    prices = penalised(data, 2.0, int((searcher.incumbent.size > 0).sum()), trips=True, omissions=True)
    assert prices is not None
    load_plan(prices, searcher.routes, searcher.scratch, searcher.incumbent)
    full = np.flatnonzero(searcher.routes.cost[:, SEC] > 0.5 * data.by_shift[:, MAX_WORK_S])
    assert len(full) > 0
    for route in full:
        tasks = searcher.routes.tasks[route, : searcher.routes.size[route]]
        assert prices.unserved_eur[tasks].sum() > searcher.routes.cost[route, EUR]


@given(seed=st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_on_the_clock_too_a_penalised_trip_costs_so_much_more_and_the_price_without_the_clock_stays_below(
    seed: int,
) -> None:
    problem = street_problem(40, 4, seed=seed, windows_share=0.5, mean_kg=400.0)
    data, searcher, sequences = searched(with_price_of_a_truck(problem, 0.0), seed)
    assert data.features.hours
    prices = penalised(data, 2.0, 4, trips=True, omissions=False)
    assert prices is not None
    trips = sum(v.kind == "unload" for visits in visits_of(searcher, problem, sequences).routes for v in visits)
    load_plan(data, searcher.routes, searcher.scratch, searcher.incumbent)
    true_eur = searcher.routes.cost[:, EUR].copy()
    load_plan(prices, searcher.routes, searcher.scratch, searcher.incumbent)
    more = searcher.routes.cost[:, EUR] - true_eur
    assert (more >= -1e-6).all()
    assert more.sum() == pytest.approx(trips * prices.trip_eur)
    without = prices._replace(features=prices.features._replace(hours=()))
    load_plan(without, searcher.routes, searcher.scratch, searcher.incumbent)
    assert (searcher.routes.cost[:, EUR] <= true_eur + more + 1e-6).all()


def test_trips_are_not_penalised_where_one_truck_takes_it_all() -> None:
    light = tight_town(3)
    shifts = tuple(replace(s, capacity=tuple(1e9 for _ in s.capacity)) for s in light.shifts)
    free, _ = kernel_arrays(with_price_of_a_truck(replace(light, shifts=shifts), 0.0))
    assert penalised(free, 2.0, 4, trips=True, omissions=True) is None
    roomy, _ = kernel_arrays(replace(light, shifts=shifts))
    prices = penalised(roomy, 50.0, 4, trips=True, omissions=True)
    assert prices is not None
    assert prices._replace(by_shift=roomy.by_shift) == roomy


@given(seed=st.integers(0, 50), windows_share=st.sampled_from([0.0, 0.5]))
@settings(max_examples=10, deadline=None)
def test_where_trucks_are_penalised_a_plan_costs_so_much_more_for_each_truck_with_a_price_below_that(
    seed: int, windows_share: float
) -> None:
    problem = street_problem(40, 4, seed=seed, windows_share=windows_share, mean_kg=400.0)
    fixed_eur = (0.0, 10.0, 30.0, 1_000.0)  # the first one is paid anyway
    shifts = tuple(replace(s, fixed_eur=eur) for s, eur in zip(problem.shifts, fixed_eur, strict=True))
    problem = replace(problem, shifts=shifts)
    data, searcher, _ = searched(problem, seed)
    prices = penalised(data, 2.0, 3, trips=False, omissions=False)
    assert prices is not None
    load_plan(data, searcher.routes, searcher.scratch, searcher.incumbent)
    true_eur = searcher.routes.cost[:, EUR].copy()
    load_plan(prices, searcher.routes, searcher.scratch, searcher.incumbent)
    truck_eur = 2.0 * PENALTY_LINKS * 40 / 3
    more = np.array([0.0, truck_eur - 10.0, truck_eur - 30.0, 0.0]) * (searcher.incumbent.size > 0)
    assert searcher.routes.cost[:, EUR] - true_eur == pytest.approx(more)


@pytest.mark.parametrize("cycle_steps", [10, 1_000_000])  # many cycles, the only one
def test_a_search_at_penalised_prices_tells_and_returns_true_prices_whenever_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, cycle_steps: int
) -> None:
    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.CYCLE_STEPS", cycle_steps)
    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.CHUNK_STEPS", 20)
    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.TELL_S", 0.0)
    problem = tight_town(5)
    first = cost_eur(problem, solve(problem, None, 60.0, 1, iterations=0))
    for stop_at in (1, 5, 12, 40, 10_000):
        told: list[float] = []

        def tell(phase: str, eur: float | None, left_s: float, told: list[float] = told) -> None:
            if phase == "improve" and eur is not None:
                told.append(eur)

        def stop(told: list[float] = told, stop_at: int = stop_at) -> bool:
            return len(told) >= stop_at

        plan = solve(problem, None, 60.0, 1, tell, stop=stop, iterations=4_000)
        assert not plan.unserved
        assert told == sorted(told, reverse=True)
        assert cost_eur(problem, plan) <= first + 1e-6
        assert cost_eur(problem, plan) <= told[-1] * 1.01  # the exact clock may place a rest otherwise


def test_neighbours_are_those_by_the_roads_of_the_truck_that_may_go_there() -> None:
    problem = street_problem(60, 6, seed=2)
    place, closed = problem.tasks[7].modes[0].place, problem.travel_ds[0].copy()
    closed[place, :] = closed[:, place] = UNREACHABLE
    alone = replace(problem.tasks[7], modes=problem.tasks[7].modes[:1])
    tasks = (*problem.tasks[:7], alone, *problem.tasks[8:])
    shifts = (problem.shifts[0], *(replace(s, travel=1) for s in problem.shifts[1:]))
    mixed = replace(problem, tasks=tasks, shifts=shifts, travel_ds=(closed, problem.travel_ds[0]))
    near = kernel_arrays(mixed)[0].neighbours[7]
    assert near.tolist() == kernel_arrays(replace(problem, tasks=tasks))[0].neighbours[7].tolist()


def test_what_a_link_costs_does_not_hang_by_a_crew_that_serves_hardly_anything() -> None:
    problem = street_problem(60, 6, seed=2)
    slow = replace(problem.shifts[0], crew_factor=100.0, length_s=36_000.0)
    _, alike, _ = searched(problem, 2)
    _, unlike, _ = searched(replace(problem, shifts=(slow, *problem.shifts[1:])), 2)
    assert unlike.mean_link_eur() == pytest.approx(alike.mean_link_eur(), rel=0.5)


@given(seed=st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_with_a_price_of_unlike_lengths_the_price_that_is_kept_is_the_plans(seed: int) -> None:
    problem = replace(street_problem(40, 5, seed=seed, windows_share=0.0), balance_eur_per_s=0.05)
    data, searcher, _ = searched(problem, seed)
    searcher.run(300, 5.0, 0.0)
    kept = searcher.eur
    assert load_plan(data, searcher.routes, searcher.scratch, searcher.current()) == pytest.approx(kept)
    assert load_plan(data, searcher.routes, searcher.scratch, searcher.cycle_best) == pytest.approx(
        searcher.cycle_best.eur[0]
    )


def test_a_search_may_run_for_any_number_of_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.CHUNK_STEPS", 1)
    assert not solve(street_problem(20, 2), None, 60.0, 1, iterations=1_500).unserved


@pytest.mark.parametrize("windows_share", [0.0, 0.1])
def test_in_long_routes_what_is_added_up_is_what_would_be_worked_out(windows_share: float) -> None:
    problem = street_problem(150, 3, seed=5, windows_share=windows_share)
    for steps in (1, 50, 3_000):
        data, searcher, _ = searched(problem, steps, steps)
        routes = searcher.routes
        assert routes.size.max() > 3 * SHORT_ROUTE
        complete(data, routes)
        kept = [array.copy() for array in (routes.partials, routes.cost)]
        load_plan(data, routes, searcher.scratch, searcher.current())
        complete(data, routes)
        served = routes.assigned[:, ROUTE] >= 0
        assert routes.partials[served] == pytest.approx(kept[0][served], abs=1e-6)
        assert routes.cost == pytest.approx(kept[1], abs=1e-6)


def grid() -> Problem:
    """A published kind of instance: a trip ends at the depot, so that a truck's second trip is another route."""
    side = range(6)
    links = [Link(10 * i + j, 10 * i + j + 1, 7.0 + i, True, 9.0, 1.0) for i in side for j in side]
    links += [Link(10 * i + j, 10 * i + j + 10, 5.0 + j, True, 9.0, 1.0) for i in side for j in side]
    return instance_of(ArcNetwork("grid", tuple(links), 0, 20.0, 4), "carp", Path("grid")).problem


def test_a_start_whose_trucks_drive_twice_is_taken_over_within_their_capacity() -> None:
    problem = grid()
    start = construct(problem, 1)
    assert any(sum(v.kind == "unload" for v in visits) > 1 for visits in start.routes)
    data, _ = kernel_arrays(problem)
    searcher = Searcher.of(data, 1, 100)
    load_start(searcher, problem, start)
    assert (searcher.routes.assigned[:, ROUTE] >= 0).any()
    assert (searcher.routes.totals[:, 0] <= data.capacity[:, 0]).all()
    assert cost_eur(problem, solve(problem, start, 60.0, 1, iterations=2_000)) < cost_eur(problem, start)


def test_corners_tell_the_same_times_as_places_and_are_fewer_where_turns_are_free() -> None:
    problem = grid()
    data, _ = kernel_arrays(problem)
    place = np.array([[mode.place for mode in task.modes] for task in problem.tasks])
    leave, enter = data.leave.ravel(), data.enter.ravel()
    assert (data.travel_ds[0][np.ix_(leave, enter)] == problem.travel_ds[0][np.ix_(place.ravel(), place.ravel())]).all()
    corners = 7 * 7 - 1
    assert data.travel_ds[0].shape == (corners, corners)
    slower = problem.travel_ds[0].copy()
    slower[place[0, 0], place[5, 0]] += 7  # for some trucks a turn costs time: two streets no longer end alike
    several, _ = kernel_arrays(replace(problem, travel_ds=(problem.travel_ds[0], slower)))
    assert several.travel_ds.shape[1:] == (corners + 1, corners + 1)
    for few, whole in zip(several.travel_ds, (problem.travel_ds[0], slower), strict=True):
        assert (
            few[np.ix_(several.leave.ravel(), several.enter.ravel())] == whole[np.ix_(place.ravel(), place.ravel())]
        ).all()
    assert several.travel_ds.flags.c_contiguous, "the kernels are compiled for rows in one piece"
    street, _ = kernel_arrays(street_problem(60, 4, seed=1))  # turns cost time there
    assert sorted(street.spatial_order.tolist()) == list(range(60))


def test_the_spatial_order_goes_through_every_island_and_every_stretch_of_it_is_compact() -> None:
    islands = 400 * (np.arange(90) // 30)[:, None]
    at = np.random.default_rng(1).uniform(0, 100, (90, 2)) + islands
    link_ds = np.abs(at[:, None] - at[None]).sum(2)
    near = np.argsort(link_ds, axis=1, kind="stable")[:, :12].astype(np.uint32)
    walk = spatial_order_of(near, np.take_along_axis(link_ds, near, 1).astype(np.int32), at.sum(1))
    assert sorted(walk.tolist()) == list(range(90))
    assert (np.diff(walk // 30) != 0).sum() == 2, "an island is left when all of it is done"
    on_walk = np.mean([link_ds[np.ix_(walk[i : i + 6], walk[i : i + 6])].max() for i in range(0, 90, 6)])
    at_random = np.mean([link_ds[np.ix_(range(i, i + 6), range(i, i + 6))].max() for i in range(0, 90, 6)])
    assert on_walk < 0.7 * at_random


def test_the_first_plan_of_a_large_problem_serves_all_that_it_can_and_is_better_than_one_filled_at_random() -> None:
    problem = street_problem(LARGE + 100, 40, seed=8, windows_share=0.0)
    data, _ = kernel_arrays(problem)
    searcher = Searcher.of(data, 1, 100)
    searcher.fill()
    routes = searcher.routes
    along = searcher.eur
    assert (
        routes.size.sum(),
        len(
            np.unique(np.concatenate([routes.tasks[route, : routes.size[route]] for route in range(len(routes.size))]))
        ),
    ) == ((routes.assigned[:, ROUTE] >= 0).sum(),) * 2
    assert np.isfinite(routes.cost[:, EUR]).all()
    shuffled = data._replace(spatial_order=np.random.default_rng(1).permutation(data.spatial_order))
    other = Searcher.of(shuffled, 1, 100)
    other.fill()
    assert along < other.eur
