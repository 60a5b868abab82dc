"""A transfer: a satellite tips into a large truck, at a place and time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.problem.problem import UNREACHABLE, Problem, Visit
from optimizer.problem.schedule import schedule
from optimizer.search.engines import solve
from optimizer.search.transfer import with_transfer, without_broken_transfers
from tests.street_problem import street_problem


def test_a_satellite_tips_into_a_large_truck_that_stands_there() -> None:
    problem = street_problem(60, 4, seed=12, windows_share=0.0)
    satellite, carrier = 0, 1
    place = problem.tasks[30].modes[0].place
    opens_s = problem.shifts[carrier].start_s + 9_000
    far = tuple(replace(s, shifts=frozenset({1, 2, 3})) for s in problem.sites)  # it reaches no plant
    window = (opens_s, opens_s + 900)
    problem = with_transfer(replace(problem, sites=far), "meeting", satellite, carrier, place, window, 600.0)
    plan = solve(problem, None, 60.0, 1, iterations=6_000)
    assert plan.routes[satellite], "the streets that only the small truck fits are worth the meeting"
    tips = [v for v in plan.routes[satellite] if v.kind == "unload"]
    assert tips == [Visit("unload", len(problem.sites) - 1)]
    judged = [schedule(problem, k, plan.routes[k]) for k in (satellite, carrier)]
    assert [j.broken for j in judged] == [(), ()]
    tip = next(e for e in judged[0].events if e.kind == "unload")
    at = next(n for n, v in enumerate(plan.routes[carrier]) if v == Visit("task", len(problem.tasks) - 1, 0))
    stand = next(e for e in judged[1].events if e.visit == at and e.kind == "task")
    assert stand.start_s <= tip.start_s
    assert tip.end_s <= stand.end_s
    for bad, says in (((opens_s, opens_s + 100), "window"), ((opens_s, opens_s + 5_000), "window")):
        with pytest.raises(ValueError, match=says):
            with_transfer(problem, "bad", satellite, carrier, place, bad, 600.0)


def test_a_meeting_to_which_the_large_truck_cannot_come_is_refused() -> None:
    problem = street_problem(40, 4, seed=12, windows_share=0.0)
    place, opens_s = problem.tasks[5].modes[0].place, problem.shifts[1].start_s + 9_000

    def meet(problem: Problem, place: int = place, id: str = "meeting") -> Problem:
        return with_transfer(problem, id, 0, 1, place, (opens_s, opens_s + 900), 600.0)

    def with_carrier(**changes: Any) -> Problem:
        shifts = (problem.shifts[0], replace(problem.shifts[1], **changes), *problem.shifts[2:])
        return replace(problem, shifts=shifts)

    closed = replace(problem, sites=tuple(replace(s, shifts=frozenset({0, 2, 3})) for s in problem.sites))
    late_too = replace(problem, sites=tuple(replace(s, windows=()) for s in problem.sites[::-1]))
    late_too = replace(late_too, sites=(replace(late_too.sites[0], windows=((79_200.0, 86_400.0),)), late_too.sites[1]))
    assert len(meet(late_too).sites) == 3, "the other site is open"
    travel = problem.travel_ds[0].copy()
    travel[:, place] = UNREACHABLE
    no_way = replace(problem, travel_ds=(travel,))
    for bad in (with_carrier(start_s=opens_s + 3_600.0), with_carrier(most_tasks=0), closed, no_way):
        with pytest.raises(ValueError, match="T2 cannot stand at place"):
            meet(bad)
    for nowhere in (-1, 10**6):
        with pytest.raises(ValueError, match=f"place = {nowhere}"):
            meet(problem, nowhere)
    with pytest.raises(ValueError, match="must not be that of a task or site"):
        meet(problem, id=problem.tasks[0].id)


def test_the_large_truck_comes_to_the_meeting_whatever_it_costs() -> None:
    problem = street_problem(40, 4, seed=12, windows_share=0.0)
    cheap = tuple(replace(t, unserved_eur=0.5) for t in problem.tasks)  # nothing is worth a truck
    window = (problem.shifts[1].start_s + 9_000, problem.shifts[1].start_s + 9_900)
    problem = with_transfer(replace(problem, tasks=cheap), "meeting", 0, 1, cheap[5].modes[0].place, window, 600.0)
    plan = solve(problem, None, 60.0, 1, iterations=500)
    assert Visit("task", len(cheap), 0) in plan.routes[1]


def test_a_satellite_does_not_tip_where_no_large_truck_comes() -> None:
    problem = street_problem(40, 4, seed=12, windows_share=0.0)
    only = tuple(replace(t, shifts=frozenset({0})) for t in problem.tasks)
    far = tuple(replace(s, shifts=frozenset({1, 2, 3})) for s in problem.sites)  # it reaches no plant
    window = (problem.shifts[1].start_s + 9_000, problem.shifts[1].start_s + 9_900)
    problem = replace(problem, tasks=only, sites=far)
    problem = with_transfer(problem, "meeting", 0, 1, only[5].modes[0].place, window, 600.0)
    plan = solve(problem, None, 60.0, 1, iterations=500)
    assert plan.routes[0], "it tips"
    assert without_broken_transfers(problem, plan) == plan
    gone = replace(plan, routes=(plan.routes[0], (), *plan.routes[2:]), unserved=((len(only), "CAPACITY"),))
    mended = without_broken_transfers(problem, gone)
    assert mended.routes == ((),) * 4
    assert len(mended.unserved) == len(problem.tasks)
    assert (len(only), "CAPACITY") in mended.unserved


def test_the_large_truck_needs_room_for_what_the_satellite_may_collect_and_for_no_more() -> None:
    problem = street_problem(40, 4, seed=12, windows_share=0.0)
    window = (problem.shifts[1].start_s + 9_000, problem.shifts[1].start_s + 9_900)
    satellite = replace(problem.shifts[0], capacity=(1_000.0, np.inf))  # no bound of its own for m3
    carrier = replace(problem.shifts[1], capacity=(np.inf, 5.0))
    day = replace(problem, shifts=(satellite, carrier, *problem.shifts[2:]))
    stand = with_transfer(day, "meeting", 0, 1, day.tasks[5].modes[0].place, window, 600.0).tasks[-1]
    assert stand.load[0] == 1_000.0
    assert stand.load[1] == pytest.approx(1_000.0 / 350), "a street of so many kg has so many m3"
    narrow = replace(day, shifts=(satellite, replace(carrier, capacity=(np.inf, 2.0)), *day.shifts[2:]))
    with pytest.raises(ValueError, match="must not be above the carrier's"):
        with_transfer(narrow, "meeting", 0, 1, day.tasks[5].modes[0].place, window, 600.0)


def test_the_large_truck_may_come_with_other_waste_aboard_that_goes_elsewhere() -> None:
    problem = street_problem(40, 4, seed=12, windows_share=0.0)
    bags, rest, *_ = (t for t, task in enumerate(problem.tasks) if 1 in task.shifts)
    tasks = [replace(task, load=(task.load[0], 0.0)) for task in problem.tasks]
    tasks[bags] = replace(tasks[bags], load=(0.0, 1.0), shifts=frozenset({1}))
    plant, yard = (
        replace(site, windows=(), takes=takes)
        for site, takes in zip(problem.sites, ((True, False), (False, True)), strict=True)
    )
    day = replace(problem, tasks=tuple(tasks), sites=(plant, yard))
    window = (problem.shifts[1].start_s + 9_000, problem.shifts[1].start_s + 9_900)

    def meets(*pinned: Visit, yard_closes_s: float = 86_400.0) -> bool:
        begun = replace(problem.shifts[1], pinned=pinned)
        open_ = replace(yard, windows=((0.0, yard_closes_s),))
        today = replace(day, sites=(plant, open_), shifts=(problem.shifts[0], begun, *problem.shifts[2:]))
        try:
            return bool(with_transfer(today, "meeting", 0, 1, day.tasks[5].modes[0].place, window, 600.0))
        except ValueError:
            return False

    assert meets(Visit("task", bags))
    assert not meets(Visit("task", bags), yard_closes_s=60.0), "it would come home with them"
    tipped = (Visit("task", bags), Visit("unload", 1), Visit("task", rest))
    assert meets(*tipped, yard_closes_s=60.0), "they are tipped already"


def test_a_street_left_that_has_a_site_s_name_and_hours_is_no_meeting() -> None:
    problem = street_problem(40, 3, seed=4, windows_share=0.0)
    plan = solve(problem, None, 60.0, 1, iterations=500)
    left = next(v.index for visits in plan.routes for v in visits if v.kind == "task")
    plant = problem.sites[0]
    street = replace(problem.tasks[left], id=plant.id, windows=plant.windows)
    day = replace(problem, tasks=tuple(street if t == left else task for t, task in enumerate(problem.tasks)))
    routes = [tuple(v for v in r if v.kind == "unload" or v.index != left) for r in plan.routes]
    gone = replace(plan, routes=tuple(routes), unserved=((left, "SHIFT_TIME"),))
    assert without_broken_transfers(day, gone) == gone
