"""A route on the clock: times, waiting, rests, and the codes of what is not kept. Judged here from the events alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import REGIMES
from optimizer.problem.cost import cost_eur
from optimizer.problem.problem import (
    UNREACHABLE,
    Event,
    Mode,
    Problem,
    ProblemShift,
    ProblemSite,
    ProblemTask,
    Schedule,
    Solution,
    Visit,
)
from optimizer.problem.schedule import longest_work_s, schedule
from optimizer.search.construct import construct
from tests.street_problem import small_problem

H = 3600.0
UNLOAD = Visit("unload", 0)


def problem(
    handling_s: list[float],
    regime: str = "public-agent",
    windows: dict[int, tuple[tuple[float, float], ...]] | None = None,
    **shift: object,
) -> Problem:
    """Tasks a minute's drive from everything, one site, one shift from 5:00 for 7 hours."""
    n = len(handling_s)
    travel = np.full((n + 2, n + 2), 600, dtype=np.int32)
    np.fill_diagonal(travel, 0)
    tasks = tuple(
        ProblemTask(
            f"t{i}", (Mode(2 + i, 0.0, s, 100.0),), (100.0,), (windows or {}).get(i, ()), frozenset({0}), 1000.0
        )
        for i, s in enumerate(handling_s)
    )
    law = REGIMES[regime]
    crew = ProblemShift(
        "T1", 0, 0, 5 * H, 7 * H, 1 * H, 600.0, 300.0, 1.0, (1e4,), law.breaks, law.max_work_s, law.max_driving_s,
        150.0, 0.02, 0.03, 0.001,
    )  # fmt: skip
    site = ProblemSite("plant", 1, (), 900.0, (True,))
    crew = replace(crew, **shift)  # type: ignore[arg-type]
    return Problem(date(2026, 11, 23), ("kg",), tasks, (site,), (crew,), (travel,), 7.0, 4.0, 0.0)


def tasks(*numbers: int) -> list[Visit]:
    return [Visit("task", i) for i in numbers]


def rests(plan: Schedule) -> list[Event]:
    return [e for e in plan.events if e.kind == "break"]


def test_a_short_tour_is_timed_to_the_second_and_needs_no_rest() -> None:
    plan = schedule(problem([300.0, 600.0]), 0, [*tasks(0, 1), UNLOAD])
    assert plan.broken == ()
    assert [(e.kind, e.end_s - e.start_s, e.visit) for e in plan.events] == [
        ("service", 600, None), ("drive", 60, 0), ("task", 300, 0), ("drive", 60, 1), ("task", 600, 1),
        ("drive", 60, 2), ("unload", 900, 2), ("drive", 60, None), ("service", 300, None),
    ]  # fmt: skip
    assert plan.events[0].start_s == 5 * H
    assert plan.end_s == 5 * H + 600 + 60 + 300 + 60 + 600 + 60 + 900 + 60 + 300


def test_a_shift_that_stays_has_no_events() -> None:
    assert schedule(problem([300.0]), 0, []) == Schedule((), ())


def test_a_smaller_crew_takes_longer_to_handle_but_not_to_drive() -> None:
    day = problem([300.0], crew_factor=1.5)
    day = replace(day, tasks=(replace(day.tasks[0], modes=(Mode(2, 40.0, 300.0, 100.0),)),))
    task = next(e for e in schedule(day, 0, [*tasks(0), UNLOAD]).events if e.kind == "task")
    assert task.end_s - task.start_s == 40 + 450


def test_a_truck_waits_for_a_window_and_the_gap_is_waiting() -> None:
    day = problem([300.0], windows={0: ((6 * H, 7 * H),)})
    plan = schedule(day, 0, [*tasks(0), UNLOAD])
    assert plan.broken == ()
    assert next(e for e in plan.events if e.kind == "task").start_s == 6 * H


def test_service_must_end_inside_the_window_too() -> None:
    late = problem([600.0], windows={0: ((5 * H, 5 * H + 1200),)})
    assert schedule(late, 0, [*tasks(0), UNLOAD]).broken == ("WINDOW_MISSED",)
    second = problem([600.0], windows={0: ((5 * H, 5 * H + 1200), (9 * H, 10 * H))})
    plan = schedule(second, 0, [*tasks(0), UNLOAD])
    assert plan.broken == ()
    assert next(e for e in plan.events if e.kind == "task").start_s == 9 * H


def test_a_closed_site_is_named() -> None:
    day = problem([300.0])
    day = replace(day, sites=(replace(day.sites[0], windows=((0.0, 5 * H + 1000),)),))
    assert schedule(day, 0, [*tasks(0), UNLOAD]).broken == ("SITE_CLOSED",)


def test_coming_home_loaded_is_over_load_as_too_much_is() -> None:
    assert schedule(problem([300.0]), 0, tasks(0)).broken == ("OVER_LOAD",)
    assert schedule(problem([300.0, 300.0], capacity=(150.0,)), 0, [*tasks(0, 1), UNLOAD]).broken == ("OVER_LOAD",)
    assert schedule(problem([300.0, 300.0], capacity=(150.0,)), 0, [*tasks(0), UNLOAD, *tasks(1), UNLOAD]).broken == ()


def test_no_way_and_a_forbidden_truck_are_named() -> None:
    day = problem([300.0])
    day.travel_ds[0][2, 1] = UNREACHABLE
    assert schedule(day, 0, [*tasks(0), UNLOAD]).broken == ("UNREACHABLE",)
    other = problem([300.0])
    other = replace(other, tasks=(replace(other.tasks[0], shifts=frozenset()),))
    assert schedule(other, 0, [*tasks(0), UNLOAD]).broken == ("NO_TRUCK",)


def test_more_than_length_and_overtime_is_over_shift() -> None:
    assert schedule(problem([H] * 9), 0, [*tasks(*range(9)), UNLOAD]).broken == ("OVER_SHIFT",)
    assert schedule(problem([H] * 6), 0, [*tasks(*range(6)), UNLOAD]).broken == ()


def test_ten_hours_of_work_a_day_are_not_passed_even_in_a_longer_shift() -> None:
    assert "OVER_SHIFT" in schedule(problem([H] * 10, length_s=14 * H), 0, [*tasks(*range(10)), UNLOAD]).broken


def test_nine_hours_of_driving_a_day_are_not_passed() -> None:
    day = problem([60.0] * 10, regime="eu561", length_s=14 * H)
    day.travel_ds[0][:] = 32_000  # 53 minutes each
    assert "OVER_SHIFT" in schedule(day, 0, [*tasks(*range(10)), UNLOAD]).broken
    assert "OVER_SHIFT" not in schedule(day, 0, [*tasks(*range(7)), UNLOAD]).broken


def test_a_public_agent_rests_20_minutes_before_6_hours_of_work() -> None:
    """Décret 2000-815, art. 3: 20 minutes before 6 h of work are reached."""
    plan = schedule(problem([600.0] * 36), 0, [*tasks(*range(36)), UNLOAD])
    (rest,) = rests(plan)
    assert rest.end_s - rest.start_s == 1200
    assert 5 * H < rest.start_s - 5 * H < 6 * H
    assert plan.broken == ()


def test_exactly_one_boundary_too_long_leaves_no_place_for_the_rest() -> None:
    assert "BREAK_MISSING" in schedule(problem([6.5 * H]), 0, [*tasks(0), UNLOAD]).broken


def test_the_rest_is_taken_with_an_empty_truck_where_that_costs_nothing() -> None:
    plan = schedule(problem([600.0] * 34), 0, [*tasks(*range(20)), UNLOAD, *tasks(*range(20, 34)), UNLOAD])
    (rest,) = rests(plan)
    before = max((e for e in plan.events if e.end_s <= rest.start_s and e.kind != "break"), key=lambda e: e.end_s)
    assert before.kind == "unload"
    assert plan.broken == ()


def test_a_rest_takes_the_place_of_waiting() -> None:
    day = problem([600.0] * 33, windows={10: ((8 * H, 20 * H),)})
    plan = schedule(day, 0, [*tasks(*range(33)), UNLOAD])
    without = schedule(replace(day, shifts=(replace(day.shifts[0], breaks=()),)), 0, [*tasks(*range(33)), UNLOAD])
    assert rests(plan)
    assert plan.end_s == without.end_s


def test_a_rest_moves_away_from_a_window_that_it_would_break() -> None:
    visits = [*tasks(*range(34)), UNLOAD]
    free = schedule(problem([600.0] * 34), 0, visits)
    early = next(e for e in free.events if e.visit == 32 and e.kind == "task").start_s - 1200  # as without a rest
    day = problem([600.0] * 34, windows={32: ((early - 60, early + 660),)})
    plan = schedule(day, 0, visits)
    assert plan.broken == () or rests(plan)
    day = problem([600.0] * 34, windows={5: ((6 * H, 6 * H + 2400),)})
    assert schedule(day, 0, visits).broken == ()


def test_transport_crews_rest_30_minutes_above_6_hours_and_45_above_9() -> None:
    """Directive 2002/15/EC, article 5."""
    short = schedule(problem([600.0] * 34, regime="private-transport"), 0, [*tasks(*range(34)), UNLOAD])
    assert [e.end_s - e.start_s for e in rests(short)] == [1800]
    long = problem([600.0] * 48, regime="private-transport", length_s=12 * H)
    plan = schedule(long, 0, [*tasks(*range(48)), UNLOAD])
    assert [e.end_s - e.start_s for e in rests(plan)] == [2700]
    assert plan.broken == ()


def test_driving_time_alone_asks_for_45_minutes_after_four_and_a_half_hours() -> None:
    """Regulation (EC) 561/2006, article 7."""
    day = problem([60.0] * 8, regime="eu561", length_s=12 * H)
    day.travel_ds[0][:] = 24_000  # 40 minutes each
    plan = schedule(day, 0, [*tasks(*range(6)), UNLOAD])
    (rest,) = rests(plan)
    driven = sum(e.end_s - e.start_s for e in plan.events if e.kind == "drive" and e.end_s <= rest.start_s)
    assert rest.end_s - rest.start_s == 2700
    assert driven <= 4.5 * H
    assert plan.broken == ()
    assert not rests(schedule(problem([1500.0] * 12, regime="eu561"), 0, [*tasks(*range(12)), UNLOAD]))


def test_a_driver_under_both_laws_rests_in_time_for_each() -> None:
    """561/2006 art. 7 by driving and 2002/15/EC art. 5 by work: much driving late, much work early, and both."""
    work = schedule(problem([1500.0] * 14, regime="eu561"), 0, [*tasks(*range(14)), UNLOAD])
    assert [e.end_s - e.start_s for e in rests(work)] == [1800]
    assert work.broken == ()
    day = problem([1700.0] * 4 + [60.0] * 4, regime="eu561", length_s=14 * H)
    day.travel_ds[0][:] = 24_000  # 40 minutes each
    both = schedule(day, 0, [*tasks(*range(8)), UNLOAD])
    assert both.broken == ()
    marks = [both.events[0].start_s, *(e.start_s for e in rests(both)), both.end_s]
    assert {e.end_s - e.start_s for e in rests(both)} == {2700}
    for begin, end in itertools.pairwise(marks):
        driven = sum(e.end_s - e.start_s for e in both.events if e.kind == "drive" and begin <= e.start_s < end)
        assert driven <= 4.5 * H
        assert end - begin - 2700 * (begin != marks[0]) <= 6 * H


def test_the_reserve_for_rests_is_what_the_clock_will_ask() -> None:
    assert longest_work_s(problem([1.0]).shifts[0]) == 8 * H - 1200
    assert longest_work_s(problem([1.0], length_s=5 * H).shifts[0]) == pytest.approx(6 * H, abs=1)  # no rest then
    assert longest_work_s(problem([1.0], length_s=14 * H).shifts[0]) == 10 * H


def test_the_price_of_a_tour_is_the_sum_of_its_parts() -> None:
    day = problem([H] * 7, length_s=6 * H, overtime_s=3 * H)
    solution = Solution(((*tasks(*range(6)), UNLOAD),), ((6, "SHIFT_TIME"),))
    length = schedule(day, 0, solution.routes[0]).end_s - 5 * H
    metres = 8 * 60 * 7.0 + 6 * 100.0
    over = length - 6 * H
    assert over > 0
    assert cost_eur(day, solution) == pytest.approx(150 + 6 * H * 0.02 + over * 0.03 + metres * 0.001 + 1000)


def judge(day: Problem, k: int, visits: tuple[Visit, ...], plan: Schedule) -> None:
    """From the events alone: order, durations, windows, shift, rests. Shares nothing with the scheduler."""
    shift = day.shifts[k]
    assert plan.events[0].kind == plan.events[-1].kind == "service"
    assert plan.events[0].start_s == shift.start_s
    for a, b in zip(plan.events, plan.events[1:], strict=False):
        assert a.end_s <= b.start_s + 1e-6
    place = shift.depot
    for p, visit in enumerate(visits):
        there = day.tasks[visit.index].modes[visit.mode].place if visit.kind == "task" else day.sites[visit.index].place
        drive = sum(e.end_s - e.start_s for e in plan.events if e.kind == "drive" and e.visit == p)
        assert drive == pytest.approx(int(day.travel_ds[shift.travel][place, there]) / 10)
        (stop,) = [e for e in plan.events if e.visit == p and e.kind != "drive"]
        windows = day.tasks[visit.index].windows if visit.kind == "task" else day.sites[visit.index].windows
        assert not windows or any(a <= stop.start_s < b and stop.end_s <= b + 1e-6 for a, b in windows)
        if visit.kind == "task":
            mode = day.tasks[visit.index].modes[visit.mode]
            assert stop.end_s - stop.start_s == pytest.approx(mode.drive_s + mode.handling_s * shift.crew_factor)
        place = there
    rest = sum(e.end_s - e.start_s for e in rests(plan))
    work = plan.end_s - shift.start_s - rest
    assert plan.end_s - shift.start_s <= shift.length_s + shift.overtime_s + 1e-6
    assert work <= shift.max_work_s + 1e-6

    def basis(name: str, begin: float, end: float) -> float:
        if name == "work":
            return end - begin - sum(e.end_s - e.start_s for e in rests(plan) if begin <= e.start_s < end)
        inside = [e for e in plan.events if e.visit is not None and e.kind == "task" and begin <= e.start_s < end]
        modes = [day.tasks[visits[e.visit].index].modes[visits[e.visit].mode] for e in inside if e.visit is not None]
        drives = [e for e in plan.events if e.kind == "drive" and begin <= e.start_s < end]
        return sum(e.end_s - e.start_s for e in drives) + sum(m.drive_s for m in modes)

    for rule in shift.breaks:
        due = [r for r in shift.breaks if basis(r.basis, shift.start_s, plan.end_s) > r.after_s]
        if rule in due:
            assert rest >= rule.break_s - 1e-6
            marks = [shift.start_s, *(e.start_s for e in rests(plan)), plan.end_s]
            for begin, end in itertools.pairwise(marks):
                assert basis(rule.basis, begin, end) <= rule.latest_s


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_what_the_scheduler_calls_whole_is_whole(seed: int) -> None:
    day = small_problem(seed)
    for k, visits in enumerate(construct(day, seed).routes):
        if visits:
            plan = schedule(day, k, visits)
            assert plan.broken == ()
            judge(day, k, visits, plan)
