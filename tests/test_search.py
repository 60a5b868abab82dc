"""Plans from every engine: each task once or left with a reason, loads and clock kept, whatever the day looks like."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import UNSERVED_REASONS
from optimizer.problem.cost import cost_eur
from optimizer.problem.problem import UNREACHABLE, Problem, Solution, Visit
from optimizer.problem.schedule import schedule
from optimizer.search import engines as search
from optimizer.search import repair as repair_module
from optimizer.search.construct import construct
from optimizer.search.engines import Progress, solve
from optimizer.search.ortools_routing import _cut, improve_by_routing
from optimizer.search.repair import insert_unserved, repair, solution_of, tidy
from optimizer.search.ruin_recreate.ground import Ground
from tests.street_problem import small_problem, street_problem

SEEDS = st.integers(0, 100_000)
ENGINES = [name for name in search.ENGINES if name != "pyvrp"]  # a package of its own, and no day of ours


def judge(day: Problem, plan: Solution) -> None:
    """Everything that a plan promises, from the problem alone."""
    assert len(plan.routes) == len(day.shifts)
    served = [v.index for visits in plan.routes for v in visits if v.kind == "task"]
    left = [t for t, _ in plan.unserved]
    assert Counter(served + left) == Counter(range(len(day.tasks)))
    assert all(reason in UNSERVED_REASONS for _, reason in plan.unserved)
    for k, visits in enumerate(plan.routes):
        shift, load = day.shifts[k], np.zeros(len(day.dimensions))
        for visit in visits:
            if visit.kind == "unload":
                load[np.array(day.sites[visit.index].takes, dtype=bool)] = 0
            else:
                assert k in day.tasks[visit.index].shifts
                assert 0 <= visit.mode < len(day.tasks[visit.index].modes)
                load += day.tasks[visit.index].load
            assert (load <= np.array(shift.capacity) + 1e-6).all()
        assert not load.any()
        assert not visits or any(v.kind == "task" for v in visits)
        assert schedule(day, k, visits).broken == ()


def reasons(plan: Solution) -> set[str]:
    return {reason for _, reason in plan.unserved}


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_first_plan_serves_each_task_once_or_says_why_not(seed: int) -> None:
    day = small_problem(seed)
    judge(day, solve(day, None, 0, seed))


@given(st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_the_search_keeps_every_rule_and_never_makes_a_plan_dearer(seed: int) -> None:
    day = street_problem(40, 3, seed=seed)
    first = construct(day, seed)
    better = solve(day, first, 60.0, seed, iterations=200)
    judge(day, better)
    assert cost_eur(day, better) <= cost_eur(day, first) + 1e-6


@given(SEEDS)
@settings(max_examples=7, deadline=None)
def test_or_tools_keeps_every_rule_and_never_makes_a_plan_dearer(seed: int) -> None:
    day = small_problem(seed)
    first = construct(day, seed)
    better = improve_by_routing(day, first, time.monotonic() + 1.3, seed)
    judge(day, better)
    assert cost_eur(day, better) <= cost_eur(day, first) + 1e-6


@given(SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_repair_makes_any_row_of_visits_feasible(seed: int, random: object) -> None:
    day = small_problem(seed)
    rng = np.random.default_rng(seed)
    rows: list[list[Visit]] = [[] for _ in day.shifts]
    for t in rng.permutation(len(day.tasks)):
        rows[rng.integers(len(rows))].append(Visit("task", int(t), int(rng.integers(len(day.tasks[t].modes)))))
    judge(day, repair(day, Solution(tuple(map(tuple, rows)), ())))


def without(day: Problem, plan: Solution, taken: int) -> Solution:
    return solution_of(day, [tidy(day, [v for v in r if v.kind == "unload" or v.index != taken]) for r in plan.routes])


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_what_is_put_into_a_plan_makes_it_cheaper_and_nothing_dearer(seed: int) -> None:
    day = small_problem(seed)
    plan = construct(day, seed)
    for taken in [v.index for visits in plan.routes for v in visits if v.kind == "task"][:1]:
        rest = without(day, plan, taken)
        again = insert_unserved(day, rest)
        judge(day, again)
        assert len(again.unserved) <= len(rest.unserved)
        if len(again.unserved) == len(rest.unserved):
            assert again.routes == rest.routes


def test_a_task_taken_out_is_put_back_and_the_routes_of_others_stay_as_they_are() -> None:
    day = street_problem(80, 5, seed=3, windows_share=0.0, mean_kg=400.0)  # each truck unloads several times
    plan = construct(day, 1)
    taken = next(v.index for v in max(plan.routes, key=len) if v.kind == "task")
    rest = without(day, plan, taken)
    again = insert_unserved(day, rest)
    judge(day, again)
    assert (taken, "SHIFT_TIME") in rest.unserved
    assert taken not in {t for t, _ in again.unserved}
    changed = [i for i, (a, b) in enumerate(zip(rest.routes, again.routes, strict=True)) if a != b]
    assert len(changed) == 1
    assert cost_eur(day, again) < cost_eur(day, rest)
    cheap = tuple(replace(t, unserved_eur=0.5) if i == taken else t for i, t in enumerate(day.tasks))
    assert insert_unserved(replace(day, tasks=cheap), rest) == rest, "it costs less to leave it"


def test_what_a_start_leaves_is_not_asked_for_it_is_served_or_left_with_a_reason() -> None:
    day = street_problem(60, 3, seed=2)
    judge(day, solve(day, Solution(((), (), ()), ()), 0.0, 1))
    plan = solve(day, None, 60.0, 1, iterations=500)
    taken = next(v.index for visits in plan.routes for v in visits)
    silent = Solution(without(day, plan, taken).routes, ())
    for engine in ENGINES:
        judge(day, solve(day, silent, 0.0, 1, engine=engine))


def test_a_start_that_is_not_of_this_problem_is_refused() -> None:
    day = street_problem(20, 2)
    visit = Visit("task", 3)
    for routes, says in (
        (((),), "start: 1 routes, must be 2"),
        (((visit,), (visit,)), "start: shift T2: task s3 is served twice"),
        (((Visit("task", 20),), ()), "start: shift T1: Visit.* must be a task or a site of the problem"),
        (((), (visit, Visit("unload", 2))), "start: shift T2: Visit.* must be a task or a site of the problem"),
    ):
        with pytest.raises(ValueError, match=says):
            solve(day, Solution(routes, ()), 1.0, 1)


def test_prices_and_loads_are_numbers_that_can_be_added_up() -> None:
    day = street_problem(3, 1)
    for bad in (float("nan"), float("inf"), -1.0):
        with pytest.raises(ValueError, match=r"task s\d+: unserved_eur, moved_eur = "):
            replace(day, tasks=(replace(day.tasks[0], unserved_eur=bad), *day.tasks[1:]))
        with pytest.raises(ValueError, match=r"task s\d+: load = "):
            replace(day, tasks=(replace(day.tasks[0], load=(bad, 0.0)), *day.tasks[1:]))
        with pytest.raises(ValueError, match="shift T1: fixed_eur, "):
            replace(day, shifts=(replace(day.shifts[0], fixed_eur=bad),))
        with pytest.raises(ValueError, match="problem: mean_speed_mps, "):
            replace(day, balance_eur_per_s=bad)


@pytest.mark.parametrize("engine", ["ripeur", "ortools"])
def test_a_truck_drives_out_for_what_no_street_alone_pays_for(engine: str) -> None:
    day = street_problem(60, 2, seed=3, windows_share=0.0)
    day = replace(
        day,
        tasks=tuple(replace(t, unserved_eur=120.0, shifts=frozenset({0, 1})) for t in day.tasks),
        shifts=tuple(replace(s, fixed_eur=900.0, capacity=(9_000.0, 99.0)) for s in day.shifts),
    )
    plan = solve(day, None, 0.0, 1, engine=engine)
    judge(day, plan)
    assert sum(map(bool, plan.routes)) >= 1
    assert cost_eur(day, plan) < sum(t.unserved_eur for t in day.tasks)


def test_where_driving_costs_nothing_everything_is_served_all_the_same() -> None:
    day = street_problem(60, 3, seed=3, windows_share=0.0)
    free = replace(day, shifts=tuple(replace(s, eur_per_s=0.0, eur_per_m=0.0) for s in day.shifts))
    plan = solve(free, None, 60.0, 1, iterations=500)
    judge(free, plan)
    assert len(plan.unserved) <= len(solve(day, None, 60.0, 1, iterations=500).unserved)
    for engine in ENGINES:
        judge(free, solve(free, None, 1.5, 1, engine=engine, iterations=200))
    modes = [tuple(replace(m, reversals=200) for m in t.modes) for t in free.tasks]
    dear = [replace(t, modes=m, unserved_eur=5_000.0) for t, m in zip(free.tasks, modes, strict=True)]
    plan = solve(replace(free, tasks=tuple(dear)), None, 60.0, 1, iterations=500)
    assert len(plan.unserved) <= len(solve(day, None, 60.0, 1, iterations=500).unserved), "however dear a service is"


def test_tasks_without_any_load_are_a_problem_too() -> None:
    day = street_problem(30, 2, seed=3)
    empty = replace(
        day,
        dimensions=(),
        tasks=tuple(replace(t, load=()) for t in day.tasks),
        sites=tuple(replace(s, takes=()) for s in day.sites),
        shifts=tuple(replace(s, capacity=()) for s in day.shifts),
    )
    plan = solve(empty, None, 60.0, 1, iterations=200)
    assert not any(v.kind == "unload" for visits in plan.routes for v in visits)
    assert reasons(plan) <= {"UNREACHABLE"}
    travel = empty.travel_ds[0].copy()
    travel[:, [m.place for m in empty.tasks[4].modes]] = UNREACHABLE
    for engine in ENGINES:
        cut_off = solve(replace(empty, travel_ds=(travel,)), None, 1.0, 1, engine=engine, iterations=200)
        assert (4, "UNREACHABLE") in cut_off.unserved


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_problem_survives_its_json(seed: int) -> None:
    day = small_problem(seed)
    again = Problem.from_json(json.loads(json.dumps(day.to_json())))
    assert again.to_json() == day.to_json()
    assert all((a == b).all() for a, b in zip(again.travel_ds, day.travel_ds, strict=True))
    assert (again.tasks, again.sites, again.shifts) == (day.tasks, day.sites, day.shifts)
    endless = replace(day, shifts=tuple(replace(s, most_load=(np.inf, 9.0)) for s in day.shifts))
    assert Problem.from_json(json.loads(json.dumps(endless.to_json(), allow_nan=False))).shifts == endless.shifts
    assert solve(again, None, 0, 1) == solve(day, None, 0, 1)


def test_a_town_is_served_whole_and_cheaper_by_every_engine() -> None:
    day = street_problem(120, 4)
    first = solve(day, None, 0, 1)
    judge(day, first)
    assert reasons(first) <= {"UNREACHABLE"}
    for engine in ENGINES:
        phases: list[str] = []
        plan = solve(day, None, 2.5, 1, _noted(phases), engine)
        judge(day, plan)
        assert reasons(plan) <= {"UNREACHABLE"}
        assert cost_eur(day, plan) < cost_eur(day, first)
        assert phases[-1] == "done"
        assert len(phases) > 3


def _noted(phases: list[str]) -> Progress:
    def progress(phase: str, best_eur: float | None, left_s: float) -> None:
        assert left_s >= 0
        phases.append(phase)

    return progress


def test_a_plan_larger_than_a_part_is_improved_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.search.ortools_routing.LARGEST", 60)
    monkeypatch.setattr("optimizer.search.ortools_routing.PART_S", 0.7)
    day = street_problem(150, 6)
    first = construct(day)
    plan = improve_by_routing(day, first, time.monotonic() + 3.0)
    judge(day, plan)
    assert cost_eur(day, plan) < cost_eur(day, first)


def test_a_plan_of_very_many_short_trips_is_improved() -> None:
    day = street_problem(400, 30)
    day = replace(day, shifts=tuple(replace(s, capacity=(350.0, 22.0)) for s in day.shifts))
    first = construct(day)
    assert sum(v.kind == "unload" for visits in first.routes for v in visits) > 40
    plan = solve(day, first, 60.0, 1, iterations=2_000)
    judge(day, plan)
    assert cost_eur(day, plan) < cost_eur(day, first)


def test_the_same_seed_gives_the_same_first_plan() -> None:
    day = street_problem(100, 3)
    assert solve(day, None, 0, 7) == solve(day, None, 0, 7)


def test_a_given_plan_is_repaired_and_never_worsened() -> None:
    day = street_problem(80, 3)
    good = solve(day, None, 60.0, 1, iterations=1_000)
    assert cost_eur(day, solve(day, good, 0, 1)) <= cost_eur(day, good) + 1e-6
    row = tuple(Visit("task", t) for t in range(len(day.tasks)))
    judge(day, solve(day, Solution((row, (), ()), ()), 0, 1))


def test_stop_ends_the_search_with_the_best_plan_so_far() -> None:
    day = street_problem(80, 3)
    for engine in ENGINES:
        asked: list[int] = []
        begin = time.monotonic()
        plan = solve(day, None, 60.0, 1, None, engine, _third_time(asked))
        assert time.monotonic() - begin < 30  # far from the budget, whatever the machine
        assert len(asked) >= 3
        judge(day, plan)


def _third_time(asked: list[int]) -> Callable[[], bool]:
    def stop() -> bool:
        asked.append(1)
        return len(asked) >= 3

    return stop


def test_a_demand_larger_than_the_fleet_still_gives_a_plan() -> None:
    day = street_problem(300, 2, mean_kg=300.0)
    for engine in ENGINES:
        plan = solve(day, None, 2.0, 1, engine=engine)
        judge(day, plan)
        assert "SHIFT_TIME" in reasons(plan)
        assert any(plan.routes)


def test_what_no_truck_can_hold_is_left_for_its_size() -> None:
    day = street_problem(30, 2)
    day = replace(day, tasks=(replace(day.tasks[0], load=(50_000.0, 1.0)), *day.tasks[1:]))
    plan = solve(day, None, 0, 1)
    judge(day, plan)
    assert (0, "CAPACITY") in plan.unserved
    alone = replace(day, tasks=day.tasks[:1])
    assert solve(alone, None, 2.0, 1) == Solution(((), ()), ((0, "CAPACITY"),))


def test_a_shift_too_short_for_its_own_minutes_stays_at_the_depot() -> None:
    day = street_problem(20, 2)
    day = replace(day, shifts=tuple(replace(s, length_s=600.0, overtime_s=0.0) for s in day.shifts))
    plan = solve(day, None, 2.0, 1)
    judge(day, plan)
    assert not any(plan.routes)
    assert reasons(plan) <= {"SHIFT_TIME", "UNREACHABLE"}


def test_no_shifts_no_tasks_no_sites_and_no_truck_for_a_task_have_answers() -> None:
    day = street_problem(20, 2)
    nobody = replace(day, shifts=(), tasks=tuple(replace(t, shifts=frozenset()) for t in day.tasks))
    assert reasons(solve(nobody, None, 2.0, 1)) == {"NO_TRUCK"}
    nothing = replace(day, tasks=())
    assert solve(nothing, None, 2.0, 1) == Solution(((), ()), ())
    nowhere = replace(day, sites=())
    plan = solve(nowhere, None, 2.0, 1)
    judge(nowhere, plan)
    assert reasons(plan) == {"UNREACHABLE"}
    choosy = replace(day, tasks=(replace(day.tasks[0], shifts=frozenset()), *day.tasks[1:]))
    assert (0, "NO_TRUCK") in solve(choosy, None, 0, 1).unserved


def test_a_street_without_a_way_and_a_window_that_nobody_meets_are_named() -> None:
    day = street_problem(20, 2)
    cut = day.travel_ds[0].copy()
    cut[:, [m.place for m in day.tasks[0].modes]] = UNREACHABLE
    asleep = replace(day.tasks[1], windows=((2 * 3600.0, 3 * 3600.0),))
    day = replace(day, travel_ds=(cut,), tasks=(day.tasks[0], asleep, *day.tasks[2:]))
    plan = solve(day, None, 0, 1)
    judge(day, plan)
    assert {(0, "UNREACHABLE"), (1, "TIME_WINDOW")} <= set(plan.unserved)


def test_an_unknown_engine_or_a_negative_budget_is_refused() -> None:
    day = street_problem(10, 1)
    with pytest.raises(ValueError, match="engine = 'vroom', must be one of ripeur"):
        solve(day, None, 1.0, 1, engine="vroom")
    for budget_s in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"budget_s = {budget_s}, must be 0 or more"):
            solve(day, None, budget_s, 1)


def test_compiling_is_told_and_is_not_counted_as_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(ground: Ground) -> float:
        time.sleep(1.3)
        return 1_000.0  # what it says it took

    monkeypatch.setattr("optimizer.search.ruin_recreate.engine.warm", slowly)
    told: list[tuple[str, float]] = []
    solve(
        street_problem(20, 2), None, 500.0, 1,
        lambda phase, best_eur, left_s: told.append((phase, left_s)),
        stop=lambda: told[-1][0] == "improve",
    )  # fmt: skip
    assert ("compile", 500.0) in told
    assert all(500 < left_s <= 1_500 for phase, left_s in told if phase == "improve")


def test_a_part_of_a_plan_for_or_tools_has_its_own_sites_and_its_own_told_shifts() -> None:
    day = street_problem(30, 4, seed=3)
    told = (replace(day.tasks[0], told=2, moved_eur=5.0), replace(day.tasks[1], told=3, moved_eur=5.0))
    own = (replace(day.sites[0], shifts=frozenset({0})), replace(day.sites[1], shifts=frozenset({2, 3})))
    whole = replace(day, tasks=(*told, *day.tasks[2:]), sites=own)
    part, _ = _cut(whole, solution_of(whole, [()] * 4), [0, 1], [0, 2])
    assert [site.shifts for site in part.sites] == [{0}, {1}]
    assert [task.told for task in part.tasks] == [1, 2], "the second one was told to none of them"


def test_a_day_on_which_no_site_opens_is_explained_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    day = street_problem(200, 8, seed=3)
    shut = replace(day, sites=tuple(replace(s, windows=((0.0, 1.0),)) for s in day.sites))
    looked: list[int] = []
    clock = repair_module.schedule
    monkeypatch.setattr(repair_module, "schedule", lambda *args: (looked.append(1), clock(*args))[1])
    plan = solve(shut, None, 60.0, 1, iterations=10)
    assert reasons(plan) <= {"TIME_WINDOW", "UNREACHABLE"}
    modes, kinds, sites = sum(len(t.modes) for t in day.tasks), 4, 2  # small or not, by two regimes and crews
    assert len(looked) <= 1.2 * modes * kinds * sites
