"""Replans: what is driven already stays, and what was published is changed only where that pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optimizer.problem.problem import UNREACHABLE, Problem, Visit
from optimizer.problem.schedule import schedule
from optimizer.search import repair
from optimizer.search.engines import solve
from optimizer.search.ruin_recreate.kernel_arrays import kernel_arrays
from optimizer.search.ruin_recreate.searcher import Searcher
from optimizer.search.ruin_recreate.warm_start import load_start
from tests.street_problem import street_problem


def test_a_shift_that_is_too_late_already_drives_what_is_pinned_and_the_others_are_planned() -> None:
    problem = street_problem(40, 4, seed=4, windows_share=0.0)
    plan = solve(problem, None, 60.0, 1, iterations=1_000)
    k = next(k for k, visits in enumerate(plan.routes) if len(visits) > 6)
    shifts = list(problem.shifts)
    shifts[k] = replace(shifts[k], pinned=plan.routes[k][:5], length_s=600.0, overtime_s=0.0)
    again = solve(replace(problem, shifts=tuple(shifts)), None, 60.0, 1, iterations=2_000)
    assert again.routes[k][:5] == shifts[k].pinned
    assert all(v.kind == "unload" for v in again.routes[k][5:]), "and comes home empty"
    assert schedule(replace(problem, shifts=tuple(shifts)), k, again.routes[k]).broken == ("OVER_SHIFT",)
    assert sum(v.kind == "task" for i, visits in enumerate(again.routes) if i != k for v in visits) > 20


def test_a_pinned_street_that_is_closed_today_costs_only_its_own_shift() -> None:
    problem = street_problem(40, 3, seed=5, windows_share=0.0)
    plan = solve(problem, None, 60.0, 1, iterations=1_000)
    k = next(k for k, visits in enumerate(plan.routes) if len(visits) > 6)
    closed = problem.travel_ds[0].copy()
    street = [m.place for m in problem.tasks[plan.routes[k][0].index].modes]
    assert not {problem.shifts[k].depot, *(site.place for site in problem.sites)} & {*street}
    closed[:, street] = UNREACHABLE
    shifts = list(problem.shifts)
    shifts[k] = replace(shifts[k], pinned=plan.routes[k][:2])
    today = replace(problem, shifts=tuple(shifts), travel_ds=(closed,))
    again = solve(today, plan, 60.0, 1, iterations=1_000)
    assert again.routes[k][:2] == shifts[k].pinned, "what is pinned is driven all the same"
    assert all(v.kind == "unload" for v in again.routes[k][2:]), "and the truck emptied"
    others = [v for i, visits in enumerate(again.routes) if i != k for v in visits if v.kind == "task"]
    assert len(others) == len({v.index for v in others}) > 20
    assert not any(schedule(today, i, visits).broken for i, visits in enumerate(again.routes) if i != k and visits)


def test_what_is_pinned_stays_and_what_was_published_is_changed_only_where_it_pays() -> None:
    problem = street_problem(120, 4, seed=3, windows_share=0.0)
    short = tuple(replace(s, length_s=8_000.0, overtime_s=0.0) for s in problem.shifts)  # it takes several
    problem = replace(problem, shifts=short)
    plan = solve(problem, None, 60.0, 1, iterations=4_000)
    of_task = {v.index: k for k, visits in enumerate(plan.routes) for v in visits if v.kind == "task"}
    pinned = tuple(
        replace(s, pinned=tuple(v for v in visits if v.kind == "task")[:4])
        for s, visits in zip(problem.shifts, plan.routes, strict=True)
    )
    ill = max(range(120), key=lambda t: problem.tasks[t].load[0])  # one street has twice its waste today

    def moved(eur: float) -> int:
        told = tuple(
            replace(
                task,
                published_shift=of_task.get(t),
                reassignment_eur=eur,
                load=tuple(q * (2 if t == ill else 1) for q in task.load),
            )
            for t, task in enumerate(problem.tasks)
        )
        again = solve(replace(problem, tasks=told, shifts=pinned), None, 60.0, 2, iterations=4_000)
        for k, visits in enumerate(again.routes):
            assert visits[: len(pinned[k].pinned)] == pinned[k].pinned
            assert not schedule(replace(problem, tasks=told, shifts=pinned), k, visits).broken
        now = {v.index: k for k, visits in enumerate(again.routes) for v in visits if v.kind == "task"}
        return sum(now[t] != of_task[t] for t in now if t in of_task)

    assert moved(1_000.0) < moved(0.0)


def test_an_unloading_that_is_pinned_is_not_taken_over_from_the_start_once_more() -> None:
    problem = street_problem(40, 3, seed=3, windows_share=0.0)
    k, visits = next((k, v) for k, v in enumerate(solve(problem, None, 60.0, 1, iterations=500).routes) if len(v) > 8)
    tasks = [v for v in visits if v.kind == "task"]
    unload = next(v for v in visits if v.kind == "unload")
    begun = (tasks[0], unload, tasks[1])
    shifts = list(problem.shifts)
    shifts[k] = replace(shifts[k], pinned=begun)
    routes = [()] * len(shifts)
    routes[k] = (*begun, *tasks[2:5], unload)
    problem = replace(problem, shifts=tuple(shifts))
    searcher = Searcher.of(kernel_arrays(problem)[0], 1)
    load_start(searcher, problem, repair.solution_of(problem, tuple(routes)))
    order = searcher.routes.tasks[k, : searcher.routes.size[k]]
    assert order.tolist() == [v.index for v in tasks[:5]]
    assert searcher.routes.unload_before[order].tolist() == [0, 1, 0, 0, 0]
    otherwise = (replace(tasks[0], mode=9), *begun[1:], *routes[k][3:])  # begun the other way round than it was told
    assert repair.beyond_pinned(begun, otherwise) == repair.beyond_pinned(begun, routes[k]) == routes[k][3:]
    assert repair.beyond_pinned((), routes[k]) == routes[k]


def test_pinned_visits_ask_for_the_engine_that_keeps_them_and_must_end_with_a_task() -> None:
    problem = street_problem(10, 2, seed=3)
    visit = Visit("task", 0, 0)
    pinned = (replace(problem.shifts[0], pinned=(visit,)), *problem.shifts[1:])
    with pytest.raises(ValueError, match="must be 'ripeur' where visits are pinned"):
        solve(replace(problem, shifts=pinned), None, 1.0, 1, engine="ortools")
    with pytest.raises(ValueError, match="must end with a task"):
        replace(problem, shifts=(replace(problem.shifts[0], pinned=(Visit("unload", 0),)), *problem.shifts[1:]))
    assert Problem.from_json(replace(problem, shifts=pinned).to_json()).shifts == pinned


def test_pinned_visits_that_the_problem_does_not_have_are_refused_by_name() -> None:
    problem = street_problem(10, 2, seed=3)
    for bad in (Visit("task", 10), Visit("task", -1), Visit("task", 0, 9)):
        with pytest.raises(ValueError, match=r"shift T1: pinned: Visit.*must be a task or a site of the problem"):
            replace(problem, shifts=(replace(problem.shifts[0], pinned=(bad,)), problem.shifts[1]))


def begun(problem: Problem, visits: int = 3) -> tuple[Problem, int]:
    """A day of which one shift has driven its first visits, and which shift that is."""
    plan = solve(problem, None, 60.0, 1, iterations=1_000)
    k = max(range(len(problem.shifts)), key=lambda k: len(plan.routes[k]))
    pinned = tuple(v for v in plan.routes[k] if v.kind == "task")[:visits]
    shifts = list(problem.shifts)
    shifts[k] = replace(shifts[k], pinned=pinned)
    return replace(problem, shifts=tuple(shifts)), k


def heavier(problem: Problem, tasks: set[int]) -> Problem:
    full = problem.shifts[1].capacity
    loads = [full if t in tasks else task.load for t, task in enumerate(problem.tasks)]
    return replace(problem, tasks=tuple(replace(t, load=q) for t, q in zip(problem.tasks, loads, strict=True)))


@pytest.mark.parametrize("fault", ["too full", "for others", "window missed", "site closed", "site for others"])
def test_what_went_wrong_in_what_is_pinned_ends_no_shift(fault: str) -> None:
    today, k = begun(street_problem(60, 3, seed=5, windows_share=0.0))
    pinned = [v.index for v in today.shifts[k].pinned]
    if fault == "too full":
        today = heavier(today, set(pinned))  # three times as much as goes into the truck
    elif fault == "for others":
        tasks = [replace(t, shifts=t.shifts - {k}) if i in pinned else t for i, t in enumerate(today.tasks)]
        today = replace(today, tasks=tuple(tasks))
    elif fault == "window missed":
        tasks = [replace(t, windows=((0.0, 60.0),)) if i == pinned[1] else t for i, t in enumerate(today.tasks)]
        today = replace(today, tasks=tuple(tasks))
    else:
        shut = replace(today.sites[1], windows=((0.0, 60.0),), id="shut", shifts=None)
        shut = shut if fault == "site closed" else replace(shut, windows=(), shifts=frozenset({9}))
        first, *others = today.shifts[k].pinned
        shift = replace(today.shifts[k], pinned=(first, Visit("unload", 2), *others))
        shifts = tuple(shift if i == k else s for i, s in enumerate(today.shifts))
        today = replace(today, sites=(*today.sites, shut), shifts=shifts)
    again = solve(today, None, 60.0, 2, iterations=1_000)
    own = today.shifts[k].pinned
    assert again.routes[k][: len(own)] == own
    assert sum(v.kind == "task" for v in again.routes[k][len(own) :]) > 5, "it goes on working"
    assert not any(schedule(today, i, visits).broken for i, visits in enumerate(again.routes) if visits)


def test_what_comes_after_what_is_pinned_is_judged_as_any_other() -> None:
    today, k = begun(street_problem(60, 3, seed=5, windows_share=0.0), visits=1)
    pinned, capacity = today.shifts[k].pinned, today.shifts[k].capacity
    other = next(t for t, task in enumerate(today.tasks) if k in task.shifts and t != pinned[0].index)
    row = (*pinned, Visit("task", other), Visit("unload", 0))
    assert schedule(today, k, row).broken == ()
    full = tuple(0.99 * q for q in capacity)
    tasks = [replace(t, load=full) if i == pinned[0].index else t for i, t in enumerate(today.tasks)]
    assert schedule(replace(today, tasks=tuple(tasks)), k, row).broken == ("OVER_LOAD",)
    assert "OVER_LOAD" in schedule(today, k, row[:-1]).broken, "it comes home loaded"
    tasks = [replace(t, shifts=frozenset()) if i == other else t for i, t in enumerate(today.tasks)]
    assert schedule(replace(today, tasks=tuple(tasks)), k, row).broken == ("NO_TRUCK",)
    one = replace(today.shifts[k], most_tasks=1)
    limited = replace(today, shifts=tuple(one if i == k else s for i, s in enumerate(today.shifts)))
    assert schedule(limited, k, row).broken == ("OVER_LOAD",)
    assert schedule(limited, k, (*pinned, Visit("unload", 0))).broken == ()


def test_what_the_clock_took_out_is_put_in_after_what_is_pinned() -> None:
    today, k = begun(street_problem(30, 1, seed=4, windows_share=0.0))
    route = (*today.shifts[k].pinned, Visit("unload", 0))
    served = {v.index for v in route if v.kind == "task"}
    for left in range(len(today.tasks)):
        beside = today.tasks[today.shifts[k].pinned[1].index].modes[0].place
        if left in served or k not in today.tasks[left].shifts:
            continue  # its cheapest place is among what is pinned: it is on the spot there
        mode = replace(today.tasks[left].modes[0], place=beside)
        tasks = [replace(t, modes=(mode,)) if i == left else t for i, t in enumerate(today.tasks)]
        day = replace(today, tasks=tuple(tasks))
        again = repair.insert_unserved(day, repair.solution_of(day, [route]))
        assert again.routes[0][:3] == today.shifts[k].pinned
        assert any(v == Visit("task", left) for v in again.routes[0])
        assert schedule(day, 0, again.routes[0]).broken == ()
        break


def test_a_street_that_another_truck_was_to_serve_is_unloaded_where_its_waste_goes() -> None:
    problem = street_problem(60, 3, seed=5, windows_share=0.0)
    other = next(t for t, task in enumerate(problem.tasks) if 2 in task.shifts)
    tasks = [replace(task, load=(task.load[0], 0.0)) for task in problem.tasks]
    tasks[other] = replace(tasks[other], load=(0.0, 1.0), shifts=frozenset({2}))
    plant, yard = (
        replace(site, windows=(), takes=takes)
        for site, takes in zip(problem.sites, ((True, False), (False, True)), strict=True)
    )
    begun = replace(problem.shifts[1], pinned=(Visit("task", other),))
    today = replace(
        problem, tasks=tuple(tasks), sites=(plant, yard), shifts=(problem.shifts[0], begun, problem.shifts[2])
    )
    again = solve(today, None, 60.0, 1, iterations=1_000)
    assert sum(v.kind == "task" for v in again.routes[1]) > 5, "it goes on working"
    assert Visit("unload", 1) in again.routes[1]
    assert not any(schedule(today, i, visits).broken for i, visits in enumerate(again.routes) if visits)


def test_what_is_pinned_comes_home_by_a_site_that_is_open() -> None:
    problem = street_problem(30, 2, seed=5, windows_share=0.0)
    first = next(t for t, task in enumerate(problem.tasks) if 1 in task.shifts)
    late = replace(problem.shifts[1], pinned=(Visit("task", first),), length_s=60.0, overtime_s=0.0)
    shut = tuple(replace(s, windows=hours) for s, hours in zip(problem.sites, (((0.0, 60.0),), ()), strict=True))
    today = replace(problem, sites=shut, shifts=(problem.shifts[0], late))
    yesterday = repair.solution_of(today, [(), (Visit("task", first), Visit("unload", 0))])
    assert repair.repair(today, yesterday).routes[1] == (Visit("task", first), Visit("unload", 1))
