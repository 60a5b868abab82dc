"""Evidence: served or merely driven by, and where a tour stands against its plan."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet import Duty, Fact, Leg, Lift, Outcome, Side, Task, Tour, Vehicle, new_id
from onboard.simulation.course import course_of, streets_of
from onboard.simulation.simulate import simulate_drive
from optimizer.evidence.evidence import (
    OVER_AFTER,
    REASONS,
    WHAT,
    Evidence,
    TaskState,
    TourEvidence,
    _Weighed,
    crew_state,
)
from optimizer.evidence.follow import FollowedTour
from optimizer.evidence.progress import TourProgress
from optimizer.evidence.visits import TaskVisit, VisitPart
from optimizer.matching.matching import Matcher
from optimizer.matching.network import Network
from optimizer.night.night import plan_day
from optimizer.planning.town import Town
from tests.ladder import BEGIN, XY, Wheel, ladder, place

#: Planned: 1 -> 5 along the south, on the right; then back along the north. Every street three minutes.
SOUTH = [(1, 2), (2, 3), (3, 4), (4, 5)]
NORTH = [(15, 14), (14, 13), (13, 12), (12, 11)]
SERVICE_S = 180


def task(nodes: tuple[int, ...], side: Side = "right", dwellings: int = 12) -> Task:
    return Task(f"w{nodes[0]}-{nodes[-1]}:{side}", "street", 1, nodes, side, {"residual": 90.0}, dwellings)


def minutes(value: float) -> datetime:
    return BEGIN + timedelta(minutes=value)


def planned(served: Iterable[Task], start: float = 0.0) -> tuple[Tour, dict[str, Task]]:
    """Depot, the tasks of three minutes each with a minute of driving between, a site, depot."""
    legs, clock = [Leg("depot", minutes(start - 5), minutes(start), osm_nodes=(1,))], start
    tasks = list(served)
    for one in tasks:
        legs.append(
            Leg(
                "collect",
                minutes(clock),
                minutes(clock + 3),
                200.0,
                one.osm_nodes,
                one.id,
                one.side,
                kg={"residual": 90.0},
            )
        )
        legs.append(Leg("drive", minutes(clock + 3), minutes(clock + 4), 50.0, ()))
        clock += 4
    legs.append(Leg("unload", minutes(clock), minutes(clock + 12), osm_nodes=(11,), site="S1"))
    legs.append(Leg("depot", minutes(clock + 12), minutes(clock + 17), osm_nodes=(1,)))
    return Tour("tour", "shift", "T1", "private", None, 2, tuple(legs)), {one.id: one for one in tasks}


def served(wheel: Wheel, nodes: Iterable[int]) -> Wheel:
    """Collect along the nodes: a stop of twenty seconds every thirty metres."""
    return wheel.over(list(nodes), 4.0, 30.0, 20)


@pytest.fixture(scope="module")
def town() -> Matcher:
    return ladder()


def follow(town: Matcher, tour: Tour, tasks: dict[str, Task], facts: Iterable[Fact]) -> FollowedTour:
    followed = FollowedTour(town, tour, tasks)
    followed.add_all(facts)
    return followed


def after(tour: Tour) -> datetime:
    return tour.end_at + OVER_AFTER


def by_street(states: dict[str, TaskState]) -> dict[str, str]:
    return {id_.split(":")[0][1:]: state.status for id_, state in states.items()}


def lifts_along(wheel: Wheel, since: datetime, until: datetime, every_s: int = 25) -> list[Fact]:
    count = int((until - since).total_seconds() // every_s)
    ats = [since + timedelta(seconds=every_s * (k + 0.5)) for k in range(count)]
    return [Lift(id=new_id(at), at=at, truck="T1", kg=12.0) for at in ats]


# --- streets -----------------------------------------------------------------------------------------------------


def test_a_street_collected_slowly_with_stops_is_done_and_one_driven_through_is_missed(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2])
    wheel.over([3], 9)
    served(wheel, [4, 5])
    states = follow(town, tour, tasks, wheel.positions()).states(after(tour))
    assert by_street(states) == {"1-2": "done", "2-3": "missed", "3-4": "done", "4-5": "done"}
    assert states["w2-3:right"].reason == "driven_by"
    assert states["w2-3:right"].passed_over
    assert {"collected", "stops"} <= {piece.what for piece in states["w1-2:right"].evidence}


def test_the_side_across_is_not_done_until_it_is_driven_the_other_way(town: Matcher) -> None:
    tour, tasks = planned([task((1, 2)), task((2, 3)), task((3, 2)), task((2, 1))])
    there = served(Wheel(*XY[1]), [2, 3])
    states = follow(town, tour, tasks, there.positions()).states(minutes(10))
    assert by_street(states) == {"1-2": "done", "2-3": "done", "3-2": "pending", "2-1": "pending"}
    back = served(there.stand(5), [2, 1])
    states = follow(town, tour, tasks, back.positions()).states(after(tour))
    assert set(by_street(states).values()) == {"done"}


def test_a_street_for_both_sides_is_done_in_one_pass_and_backing_out_belongs_to_it(town: Matcher) -> None:
    tour, tasks = planned([task((2, 3)), task((3, 8), "both"), task((3, 4))])
    wheel = served(Wheel(*XY[2]), [3, 8])
    served(wheel.over([3], 1.5), [4])
    assert set(by_street(follow(town, tour, tasks, wheel.positions()).states(after(tour))).values()) == {"done"}


def test_a_street_left_half_way_is_partly_done(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(served(Wheel(*XY[1]), [2]).to(480, 0, 4, 30, 20), [])
    served(wheel.over([3], 11), [4, 5])
    state = follow(town, tour, tasks, wheel.positions()).states(after(tour))["w2-3:right"]
    assert (state.status, state.reason) == ("partly", "part_of_length")
    assert 0.3 < state.share < 0.75


def test_a_truck_that_turns_back_half_way_has_done_half(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).to(500, 0, 4, 30, 20).to(400, 0, 8)
    served(wheel.over([12, 13, 14, 4], 9), [5])
    states = follow(town, tour, tasks, wheel.positions()).states(after(tour))
    assert states["w2-3:right"].status == "partly"
    assert states["w3-4:right"].reason == "not_visited"


def test_a_street_passed_on_the_way_elsewhere_is_not_served_by_a_red_light(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in [*SOUTH[1:], *NORTH, SOUTH[0]]])
    wheel = Wheel(*XY[1]).over([2], 8).stand(25)  # before its turn, out of the tour's order
    served(wheel, [3, 4, 5]).over([15], 9)
    served(wheel, [14, 13, 12, 11])
    end = Duty(id=new_id(wheel.at), at=wheel.at, truck="T1", state="end")
    states = follow(town, tour, tasks, [*wheel.positions(), end]).states(after(tour))
    assert states["w1-2:right"].status == "missed"
    assert sum(state.status == "done" for state in states.values()) == 7


def test_before_its_turn_a_street_is_pending(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).over([3], 9)
    states = follow(town, tour, tasks, served(wheel, [4]).positions()).states(minutes(9))
    assert by_street(states) == {"1-2": "done", "2-3": "pending", "3-4": "done", "4-5": "pending"}
    assert states["w4-5:right"].reason == "not_yet"


def test_the_two_sides_of_a_one_way_need_two_passes(town: Matcher) -> None:
    sides = [task((3, 13), "right"), task((3, 13), "left")]
    tour, tasks = planned([task((2, 3)), *sides, task((13, 12))])
    once = served(Wheel(*XY[2]), [3, 13, 12])
    states = follow(town, tour, tasks, once.positions()).states(after(tour))
    assert sorted(states[one.id].status for one in sides) == ["done", "missed"]
    twice = served(Wheel(*XY[2]), [3, 13]).over([14, 4, 3], 9)
    states = follow(town, tour, tasks, served(twice, [13, 12]).positions()).states(after(tour))
    assert {states[one.id].status for one in sides} == {"done"}


def test_a_presentation_point_is_served_by_standing_at_it(town: Matcher) -> None:
    point = Task("p4", "presentation_point", None, (4,), "both", {"residual": 60.0}, 8)
    tour, tasks = planned([task((1, 2)), point, task((15, 14))])
    for stands, status in ((90, "done"), (0, "missed")):
        wheel = served(Wheel(*XY[1]), [2]).over([3, 4], 9).stand(stands).over([5, 15], 9)
        states = follow(town, tour, tasks, served(wheel, [14]).positions()).states(after(tour))
        assert states["p4"].status == status


# --- sensors and crews -------------------------------------------------------------------------------------------


def test_a_lift_shows_that_a_quick_stop_was_a_service(town: Matcher) -> None:
    tour, tasks = planned([task(n, dwellings=1 if n == (2, 3) else 12) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).to(490, 0, 8)
    stop = wheel.at
    served(wheel.stand(8).over([3], 8), [4, 5])
    lifts = lifts_along(wheel, BEGIN, stop - timedelta(seconds=30))
    lifts += lifts_along(wheel, stop + timedelta(seconds=30), wheel.at)
    with_it = [*lifts, Lift(id=new_id(stop), at=stop + timedelta(seconds=5), truck="T1")]
    without = follow(town, tour, tasks, [*wheel.positions(), *lifts]).states(after(tour))
    state = follow(town, tour, tasks, [*wheel.positions(), *with_it]).states(after(tour))["w2-3:right"]
    assert state.status == "done"
    assert [piece.amount for piece in state.evidence if piece.what == "lifts"] == [1]
    assert without["w1-2:right"].status == "done"


def test_the_pto_off_all_along_says_that_slow_traffic_was_no_service(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in [*SOUTH, *NORTH]])
    wheel = served(Wheel(*XY[1]), [2])
    jam = wheel.at
    wheel.over([3], 2.0)
    on_again = wheel.at
    served(served(wheel, [4, 5]).over([15], 9), [14, 13, 12, 11])
    states = follow(town, tour, tasks, wheel.positions()).states(after(tour))
    assert states["w2-3:right"].status in ("done", "partly")  # a crawl looks like a service thrown by hand
    pto = [(BEGIN, True), (jam, False), (on_again, True)]
    facts = [Vehicle(id=new_id(at), at=at, truck="T1", pto=on) for at, on in pto]
    states = follow(town, tour, tasks, [*wheel.positions(), *facts]).states(after(tour))
    assert states["w2-3:right"].status == "missed"


def said(task_: str, outcome: str, at: datetime) -> Outcome:
    return Outcome(id=new_id(at), at=at, truck="T1", task=task_, outcome=outcome)


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        ("done", "done", "crew_done"),
        ("partly", "partly", "crew_partly"),
        ("not_presented", "done", "crew_not_presented"),
        ("refused", "missed", "crew_refused"),
        ("blocked", "missed", "crew_blocked"),
        ("not_done", "missed", "crew_not_done"),
    ],
)
def test_what_the_crew_says_stands(town: Matcher, outcome: str, status: str, reason: str) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).over([3], 8)
    word = said("w2-3:right", outcome, wheel.at)
    state = follow(town, tour, tasks, [*served(wheel, [4, 5]).positions(), word]).states(after(tour))["w2-3:right"]
    assert (state.status, state.reason) == (status, reason)
    assert state.evidence[-1].what == "crew"


@pytest.mark.parametrize(
    ("outcome", "status", "share"),
    [("done", "done", 1.0), ("partly", "partly", 0.5), ("not_presented", "done", 1.0), ("blocked", "missed", 0.0)],
)
def test_without_a_track_the_crews_word_is_all_there_is(outcome: str, status: str, share: float) -> None:
    state = crew_state(said("w2-3:right", outcome, BEGIN))
    assert (state.status, state.reason, state.share) == (status, f"crew_{outcome}", share)
    assert (state.from_at, state.until_at) == (BEGIN, BEGIN)
    assert [(piece.what, piece.note) for piece in state.evidence] == [("crew", outcome)]  # the pages word the note


def test_a_crew_that_says_done_where_the_truck_never_was_leaves_a_doubt(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in [SOUTH[0], (4, 5), NORTH[0]]])
    wheel = served(Wheel(*XY[1]), [2]).over([12, 13, 14, 15], 9)
    word = said("w4-5:right", "done", wheel.at)
    served(wheel, [14])
    state = follow(town, tour, tasks, [*wheel.positions(), word]).states(after(tour))["w4-5:right"]
    assert (state.status, state.reason) == ("partly", "crew_and_track_disagree")


def test_a_street_blocked_at_first_and_served_later_is_done(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2])
    word = said("w2-3:right", "blocked", wheel.at)
    served(wheel.over([12, 13, 14, 4], 9), [5]).over([15, 14, 13, 12, 2], 9)
    served(wheel, [3])
    states = follow(town, tour, tasks, [*wheel.positions(), word]).states(after(tour))
    assert states["w2-3:right"].status == "done"


def test_of_two_sides_driven_in_one_visit_one_keeps_the_plans_order_whichever_comes_first(town: Matcher) -> None:
    tour, tasks = planned([task(SOUTH[0]), task(SOUTH[0], "left"), task(SOUTH[1])])
    evidence = TourEvidence(tour, tasks, town.network)
    both, later = (
        _Weighed(
            TaskVisit(
                True,
                [
                    VisitPart(
                        from_m=0.0, to_m=200.0, enter_s=at_s, leave_s=at_s + 180.0, still_s=0.0, gap_s=1.0, on_it=True
                    )
                ],
            ),
            [],
            None,
            None,
        )
        for at_s in (BEGIN.timestamp(), BEGIN.timestamp() + 600)
    )
    right, left, onward = tasks
    runs = [
        evidence._anchors({task_id: later if task_id == onward else both for task_id in order})
        for order in ((right, left, onward), (left, right, onward), (onward, left, right))
    ]
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) == 2
    assert onward in runs[0]


# --- what is not known -------------------------------------------------------------------------------------------


def test_where_the_track_was_lost_a_street_is_neither_done_nor_missed(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).away(300, *XY[4])
    states = follow(town, tour, tasks, served(wheel, [5]).positions()).states(after(tour))
    for street in ("w2-3:right", "w3-4:right"):
        assert (states[street].status, states[street].reason) == ("pending", "not_tracked")
        assert states[street].evidence[-1].what == "no_track"


def test_without_any_fix_nothing_is_known_after_the_tour(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    followed = FollowedTour(town, tour, tasks)
    assert {state.reason for state in followed.states(minutes(1)).values()} == {"not_yet"}
    assert {state.reason for state in followed.states(after(tour)).values()} == {"not_tracked"}


def test_a_street_that_this_map_lacks_is_said_to_be_unknown(town: Matcher) -> None:
    tour, tasks = planned([task((1, 2)), task((77, 78))])
    states = follow(town, tour, tasks, served(Wheel(*XY[1]), [2]).positions()).states(after(tour))
    assert (states["w77-78:right"].status, states["w77-78:right"].reason) == ("pending", "not_on_map")


# --- facts in any order ------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_late_facts_in_any_order_and_twice_come_to_the_same(town: Matcher, order: random.Random, parts: int) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).over([3], 9)
    served(wheel, [4, 5])
    facts: list[Fact] = [
        *wheel.positions(),
        *lifts_along(wheel, BEGIN, minutes(3)),
        said("w2-3:right", "blocked", minutes(4)),
    ]
    whole = follow(town, tour, tasks, facts).states(after(tour))
    mixed = [*facts, *facts[::7]]
    order.shuffle(mixed)
    followed = FollowedTour(town, tour, tasks)
    for k in range(parts):
        followed.add_all(mixed[k::parts])
        followed.states(minutes(k))
    assert followed.states(after(tour)) == whole


def test_facts_of_another_truck_or_another_day_change_nothing(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    followed = follow(town, tour, tasks, served(Wheel(*XY[1]), [2]).positions("T2"))
    followed.add_all(served(Wheel(*XY[1], BEGIN - timedelta(days=1)), [2]).positions())
    assert followed.here() is None
    assert set(by_street(followed.states(minutes(20))).values()) == {"pending"}


def test_no_speed_leaves_the_module() -> None:
    names = {field.name for cls in (TaskState, Evidence, TourProgress) for field in fields(cls)}
    assert not [name for name in names if "speed" in name or "mps" in name or "kmh" in name]
    assert not [what for what in WHAT if "speed" in what]
    assert len(set(REASONS)) == len(REASONS)


# --- progress ----------------------------------------------------------------------------------------------------


def test_a_tour_on_its_plan_is_not_late_and_one_ten_minutes_behind_is(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in [*SOUTH, *NORTH]])
    for behind in (0, 10):
        wheel = served(Wheel(*XY[1], minutes(behind)), [2])
        now = wheel.at
        followed = follow(town, tour, tasks, wheel.positions())
        progress = followed.progress(now + timedelta(minutes=3))
        assert progress.late_s == pytest.approx(60 * behind + (now - minutes(behind + 3)).total_seconds(), abs=150)
        assert progress.done_tasks == 1
        assert not progress.over
        times = [progress.expected_at[one] for one in tasks if one in progress.expected_at]
        assert len(times) == 7
        assert times == sorted(times)
        assert times[-1] < progress.sites_at[0][2] < progress.ends_at


def test_a_tour_that_has_not_begun_is_not_late_but_what_it_will_do_moves_on(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    progress = FollowedTour(town, tour, tasks).progress(tour.start_at + timedelta(minutes=20))
    assert progress.late_s is None
    assert progress.leg == 0
    assert progress.expected_at["w1-2:right"] == minutes(20)


def test_a_street_passed_over_is_not_expected_any_more(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2]).over([3], 9)
    served(wheel, [4])
    progress = follow(town, tour, tasks, wheel.positions()).progress(wheel.at)
    assert set(progress.expected_at) == {"w4-5:right"}


def test_unloading_is_seen_by_the_stay_at_the_site_and_the_end_by_the_duty(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    wheel = served(Wheel(*XY[1]), [2, 3, 4, 5]).over([15, 14, 13, 12, 11], 9).stand(600)
    followed = follow(town, tour, tasks, wheel.positions())
    assert followed.progress(wheel.at).sites_at == ()
    end = wheel.at + timedelta(minutes=6)
    followed.add(Duty(id=new_id(end), at=end, truck="T1", state="end", tour="tour"))
    progress = followed.progress(end)
    assert progress.over
    assert progress.ends_at == end
    assert progress.done_tasks == 4


def test_a_slow_crew_is_expected_later_but_not_by_one_slow_street(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in [*SOUTH, *NORTH]])
    wheel = Wheel(*XY[1]).over([2], 4.0, 30.0, 60)
    progress = follow(town, tour, tasks, wheel.positions()).progress(wheel.at)
    assert 1.0 < progress.pace < 1.3


# --- a real town's day -------------------------------------------------------------------------------------------


def test_a_simulated_day_of_monaco_is_told_as_it_was(tmp_path: Path) -> None:
    town = Town.prepare(Path(__file__).parent.parent / "data" / "monaco", cache=tmp_path)
    lonlat = town.extract.lonlat
    matcher = Matcher(Network.of(town.streets, lonlat, next(iter(town.roads.values())).turns))
    plan = plan_day(town, date(2026, 11, 23), budget_s=0, seed=1, engine="ortools", version="test")
    tasks = plan.tasks_by_id
    streets = streets_of(leg for tour in plan.tours for leg in course_of(tour, lonlat).legs)
    told = []
    for tour in plan.tours[:4]:
        done = simulate_drive(course_of(tour, lonlat, tasks, streets), 3)
        followed = FollowedTour(matcher, tour, {leg.task: tasks[leg.task] for leg in tour.legs if leg.task})
        followed.add_all(done.facts(("position", "vehicle", "lift", "duty")))
        states = followed.states(tour.end_at + OVER_AFTER)
        assert followed.progress(tour.end_at + OVER_AFTER).over
        assert sum(len(line) for line in followed.way()) > 500
        told += [(truth.state, states[task].status) for task, truth in done.truth.items()]
    wrong = [pair for pair in told if pair[0] != pair[1]]
    assert len(told) > 80
    assert len(wrong) <= 0.05 * len(told)
    assert sum(pair == ("missed", "done") for pair in told) <= 1


def test_places_of_a_tour_are_drawn_as_driven(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    lines = follow(town, tour, tasks, served(Wheel(*XY[1]), [2, 12]).positions())
    lines.states(after(tour))
    drawn = lines.way()
    lines.add(Duty(id=new_id(minutes(30)), at=minutes(30), truck="T1", state="end"))
    lines.states(after(tour))
    drawn = lines.way()
    assert len(drawn) == 1
    corner = place(*XY[2])
    assert min(abs(lon - corner[0]) + abs(lat - corner[1]) for lon, lat in drawn[0]) < 1e-6
    assert all(a != b for a, b in itertools.pairwise(drawn[0]))


def test_another_tours_task_may_be_asked_about_too(town: Matcher) -> None:
    tour, tasks = planned([task(n) for n in SOUTH])
    other = replace(task((13, 12)), id="other")
    wheel = served(Wheel(*XY[1]), [2, 3, 4, 5]).over([15, 14, 13], 9)
    served(wheel, [12])
    followed = FollowedTour(town, tour, {**tasks, "other": other})
    followed.add_all(wheel.positions())
    assert followed.states(after(tour))["other"].status == "done"
