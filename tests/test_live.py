"""The live state is the same for facts in any order, tells nothing old as if it were now, and names no speed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from depot_api.duty.day_plan import DayPlan, tour_windows
from depot_api.live.day import MOST_WAITING
from depot_api.live.state import LiveState
from depot_api.live.tour import LATE_S
from depot_api.reports.day_report import day_report
from depot_api.store.store import Store
from fleet import Incident, Message, Outcome, Ticket, Weighing, instant_text, new_id
from tests.live_day import START, caught_up, driven, drives, duty, live_at, matcher, position, published, put
from tests.small_plan import small_plan

NOON = START + timedelta(minutes=90)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "depot.db")) as opened:
        yield opened


def truck(live: LiveState, name: str = "T1") -> dict:
    return next(line for line in live.snapshot()["trucks"] if line["truck"] == name)


def tour(live: LiveState, name: str) -> dict:
    return next(line for line in live.snapshot()["tours"] if line["name"] == name)


def seen(live: LiveState) -> dict:
    """What is on the board, in an order that does not tell when it came there."""
    told = live.snapshot()
    return {key: sorted(value, key=json.dumps) if isinstance(value, list) else value for key, value in told.items()}


# --- where the trucks are ----------------------------------------------------------------------------------------


def test_a_truck_never_jumps_back_to_an_older_place(store: Store) -> None:
    live = live_at(store, NOON)
    put(store, [position(NOON, lat=43.7401), position(NOON - timedelta(minutes=1), lat=43.5)])
    put(store, [position(NOON - timedelta(days=2), lat=43.1), position(NOON - timedelta(days=370), lat=42)], NOON)
    caught_up(live)
    assert truck(live)["lat_deg"] == 43.7401
    assert truck(live)["age_s"] == 0


def test_a_fix_from_the_future_moves_nothing(store: Store) -> None:
    live = live_at(store, NOON)
    put(store, [position(NOON, lat=43.7401)])
    put(store, [position(NOON + timedelta(hours=3), lat=43.9)], NOON)
    caught_up(live)
    assert truck(live)["lat_deg"] == 43.7401


@pytest.mark.parametrize("state", ["break_start", "tracking_off", "end"])
def test_off_duty_in_a_break_and_switched_off_no_place_is_shown(store: Store, state: str) -> None:
    live = live_at(store, NOON)
    put(store, [duty(NOON - timedelta(minutes=9), "start"), position(NOON - timedelta(minutes=8))])
    caught_up(live)
    assert "lat_deg" in truck(live)
    put(store, [duty(NOON - timedelta(minutes=5), state), position(NOON - timedelta(minutes=1))], NOON)
    caught_up(live)
    assert "lat_deg" not in truck(live) or truck(live)["at"] == instant_text(NOON - timedelta(minutes=8))


def test_without_an_area_trucks_are_shown_and_what_crews_say_counts(store: Store) -> None:
    published(store)
    live = live_at(store, NOON, streets=False)
    said = Outcome(id=new_id(NOON), at=NOON, truck="T1", task="a1", outcome="done")
    put(store, [duty(START, "start"), position(NOON), said])
    caught_up(live)
    assert truck(live)["lat_deg"] == 43.74
    line = tour(live, "T1-matin")
    assert (line["state"], line["done_tasks"], line["late_s"]) == ("under_way", 1, None)


# --- tours -------------------------------------------------------------------------------------------------------


def test_a_morning_is_followed_street_by_street(store: Store) -> None:
    published(store)
    now = START + timedelta(minutes=28)  # before the first unloading
    put(store, [fact for fact in driven(0) if fact.at <= now])
    live = live_at(store, now)
    line = tour(live, "T1-matin")
    assert line["tasks"] == 13
    assert line["done_tasks"] >= 2
    found = live.tour("T1-matin")
    assert found is not None
    streets = found.streets()
    assert [s["task"] for s in streets] == [f"a{n}" for n in range(1, 14)]
    expected = [s["expected_at"] for s in streets if s["expected_at"]]
    assert expected == sorted(expected)
    assert expected[0] > instant_text(now)
    done = found.street("a1")
    assert done["status"] == "done"
    assert done["served_by"] == {"tour": "T1-matin", "truck": "T1"}
    assert done["evidence"]
    assert line["sites"]
    assert line["eta_site_at"] == line["sites"][0]["at"]


def test_what_should_be_on_board_is_what_was_served_since_the_last_unloading(store: Store) -> None:
    published(store)
    put(store, [fact for fact in driven(1) if fact.at <= NOON])
    live = live_at(store, START + timedelta(minutes=65))
    found = live.tour("T2-matin")
    assert found is not None
    served = [task for task in found.tour.legs if task.task and found.status(task.task) == "done"]
    assert served
    expected = sum(leg.kg.get("residual", 0.0) for leg in served)
    assert found.load_kg()["residual"] == pytest.approx(expected, abs=30)


def test_a_tour_that_should_have_left_is_late_before_anything_is_heard(store: Store) -> None:
    published(store)
    assert tour(live_at(store, START + timedelta(seconds=LATE_S - 1)), "T1-matin")["state"] == "not_started"
    live = live_at(store, START + timedelta(seconds=LATE_S + 60))
    assert tour(live, "T1-matin")["state"] == "late"
    assert live.snapshot()["tours"][0]["name"] == "T1-matin", "late tours stand first"


def test_a_truck_on_duty_that_is_not_heard_of_is_silent_and_one_in_a_break_is_not(store: Store) -> None:
    published(store)
    heard = [fact for fact in driven(0) if fact.at <= START + timedelta(minutes=40)]
    put(store, heard)
    assert tour(live_at(store, START + timedelta(minutes=60)), "T1-matin")["state"] == "silent"
    put(store, [duty(START + timedelta(minutes=41), "break_start", tour="T1-matin")])
    assert tour(live_at(store, START + timedelta(minutes=60)), "T1-matin")["state"] != "silent"


def test_whatever_the_order_in_which_facts_come_the_board_ends_the_same(store: Store, tmp_path: Path) -> None:
    published(store)
    facts = [fact for k in (0, 1) for fact in driven(k, 5) if fact.at <= NOON]
    put(store, facts)
    expected = seen(live_at(store, NOON))
    for seed in (1, 2):
        with Store(str(tmp_path / f"{seed}.db")) as other:
            published(other)
            live = live_at(other, NOON)
            batches = [facts[i : i + 400] for i in range(0, len(facts), 400)]
            order = batches[::-1] if seed == 1 else Random(seed).sample(batches, len(batches))
            for batch in order:
                put(other, batch, NOON)
                live.follow()
                live.work()
            caught_up(live)
            told = seen(live)
            assert told["trucks"] == expected["trucks"]
            for a, b in zip(told["tours"], expected["tours"], strict=True):
                assert {**a, "load_kg": 0} == {**b, "load_kg": 0}
            assert told["tasks"] == expected["tasks"]


def test_a_restart_is_a_replay_of_todays_facts(store: Store) -> None:
    published(store)
    live = live_at(store, NOON)
    for k in (0, 1):
        put(store, [fact for fact in driven(k) if fact.at <= NOON])
        caught_up(live)
    again = live_at(store, NOON)
    assert seen(again) == seen(live)
    assert again.board.epoch != live.board.epoch


def test_a_tour_with_too_much_waiting_forgets_it_and_reads_itself_from_the_store(store: Store) -> None:
    published(store)
    live = live_at(store, NOON)
    assert live.day is not None
    slot = live.day.slots["T1-matin"]
    many = [
        position(START + timedelta(milliseconds=900 * k), lat=43.74 + k * 1e-7) for k in range(2 * MOST_WAITING + 50)
    ]
    put(store, many)
    most = 0
    while live.follow():
        most = max(most, len(slot.waiting))
    assert len(slot.waiting) <= MOST_WAITING
    assert slot.behind_s is not None
    caught_up(live)
    assert slot.behind_s is None
    assert slot.live.followed is not None
    assert slot.live.followed.began_at == START


def test_a_new_version_of_the_plan_keeps_what_was_served(store: Store) -> None:
    published(store)
    put(store, [fact for fact in driven(0) if fact.at <= NOON])
    live = live_at(store, NOON)
    done = {task for task, (status, _) in live.snapshot()["tasks"].items() if status == "done"}
    assert "a1" in done
    plan = small_plan()
    first, second = plan.tours
    kept = tuple(leg for leg in first.legs if leg.task not in ("a1", "a2"))
    moved = tuple(leg for leg in first.legs if leg.task in ("a1", "a2"))
    second = replace(second, legs=(*second.legs[:1], *moved, *second.legs[1:]))
    assert published(store, replace(plan, tours=(replace(first, legs=kept), second)), NOON) == 2
    for after in (live, live_at(store, NOON)):  # as it runs, and after a restart
        caught_up(after)
        told = after.snapshot()
        assert done <= {task for task, (status, _) in told["tasks"].items() if status == "done"}
        found = after.tour_of_task("a1")
        assert found is not None
        assert found.tour.id == "T2-matin"
        assert found.street("a1")["served_by"] == {"tour": "T1-matin", "truck": "T1"}
        assert told["plans"] == [{"date": "2026-11-23", "version": 2}]


def test_between_two_tours_of_a_truck_the_middle_of_the_pause_divides_the_facts() -> None:
    plan = small_plan()
    first = plan.tours[0]
    shift = timedelta(hours=4)
    legs = tuple(replace(leg, start_at=leg.start_at + shift, end_at=leg.end_at + shift) for leg in first.legs)
    evening = replace(first, id="T1-soir", shift="T1-soir", legs=legs)
    windows = tour_windows([DayPlan(1, START, replace(plan, tours=(evening, first)), {})])["T1"]
    assert [window.tour.id for window in windows] == ["T1-matin", "T1-soir"]
    assert windows[0].until == windows[1].since == first.end_at + (evening.start_at - first.end_at) / 2


# --- what else hangs there ---------------------------------------------------------------------------------------


def test_an_incident_of_last_year_is_no_news_and_one_of_today_names_its_street(store: Store) -> None:
    published(store)
    live = live_at(store, NOON)
    old, new = NOON - timedelta(days=365), NOON - timedelta(hours=1)
    put(store, [Incident(id=new_id(at), at=at, truck="T1", category="damage", task="a3") for at in (old, new)], NOON)
    caught_up(live)
    (told,) = live.snapshot()["incidents"]
    assert told["street"] == "Avenue du Berceau"
    assert (told["at"], told["received_at"]) == (instant_text(new), instant_text(NOON))


def test_a_corrected_ticket_says_by_which_it_is_replaced_and_a_weighing_which_ticket_it_is_on(store: Store) -> None:
    live = live_at(store, NOON)
    gross = Weighing(id=new_id(NOON), at=NOON, site="S1", instrument="A", kg=18_000, truck="T1")
    first = Ticket(id=new_id(NOON), at=NOON, site="S1", number="7", net_kg=6000, truck="T1", gross_weighing=gross.id)
    right = Ticket(
        id=new_id(NOON), at=NOON, site="S1", number="8", net_kg=5900, truck="T1", corrects=first.id, reason="wrong tare"
    )
    put(store, [gross])
    caught_up(live)
    assert live.snapshot()["weighings"][0]["ticket"] is None
    put(store, [first, right])
    caught_up(live)
    tickets = {t["number"]: t["replaced_by"] for t in live.snapshot()["tickets"]}
    assert tickets == {"7": "8", "8": None}
    assert live.snapshot()["weighings"][0]["ticket"] == "7"


def test_no_answer_of_the_live_state_holds_a_speed_or_a_name_of_a_person(store: Store) -> None:
    plan = small_plan()
    published(store)
    put(store, [fact for k in (0, 1) for fact in driven(k) if fact.at <= NOON])
    put(store, [Message(id=new_id(NOON), at=NOON, truck="T1", sender="crew", text="ok")])
    live = live_at(store, NOON)
    found = live.tour("T1-matin")
    assert found is not None
    told = json.dumps([live.snapshot(), found.streets(), found.street("a1"), live.board.since(0)])
    assert "speed" not in told
    assert "pace" not in told
    for driver in {t.driver for t in plan.tours if t.driver}:
        assert driver not in told


def test_a_contractor_sees_his_own_trucks_only(store: Store) -> None:
    published(store)
    put(store, [fact for k in (0, 1) for fact in driven(k) if fact.at <= NOON])
    told = live_at(store, NOON).snapshot(lambda truck: truck == "T2")
    assert {t["truck"] for t in told["tours"]} == {t["truck"] for t in told["trucks"]} == {"T2"}
    assert set(told["tasks"]) <= {leg.task for leg in small_plan().tours[1].legs}


def test_at_midnight_another_day_begins_with_another_board(store: Store) -> None:
    published(store)
    live = live_at(store, NOON)
    before = live.board
    live.clock.at = START.replace(hour=23, minute=30)  # 0:30 in Monaco
    caught_up(live)
    assert live.board is not before
    assert live.snapshot()["date"] == "2026-11-24"
    assert live.snapshot()["tours"] == []


# --- the day's report --------------------------------------------------------------------------------------------


def test_the_days_report_lays_what_was_driven_beside_the_plan(store: Store) -> None:
    published(store)
    put(store, [fact for k in (0, 1) for fact in driven(k)])
    at = drives()[0].unloadings[0].gone_at
    put(store, [Ticket(id=new_id(at), at=at, site="S1", number="1", net_kg=1234, truck="T1", flux="residual")])
    report = day_report(store, None, small_plan().date, START + timedelta(hours=12), matcher())
    first, second = report.tours
    assert (first.tasks, second.tasks) == (13, 11)
    assert first.done_tasks + first.partly_tasks + first.missed_tasks + first.open_tasks == 13
    assert first.done_tasks >= 10
    assert first.driven_km == pytest.approx(drives()[0].driven_m / 1000, rel=0.15)
    assert first.weighed_kg == {"residual": 1234}
    assert report.kg()["residual"][1] == 1234
    for lang in ("fr", "en"):
        lines = report.lines(lang)
        assert any(line.startswith("T1-matin") for line in lines)
    assert [t.name for t in report.tours] == ["T1-matin", "T2-matin"], "in the plan's order: no ranking"


def test_the_report_of_today_matches_nothing_that_is_matched_already(store: Store) -> None:
    published(store)
    put(store, [fact for k in (0, 1) for fact in driven(k) if fact.at < NOON])
    live = live_at(store, NOON)
    day, read = small_plan().date, live.matcher
    whole = day_report(store, None, day, NOON, matcher())
    live.matcher = None  # a tour that was matched again would have no streets
    assert day_report(store, None, day, NOON, live=live) == whole
    assert live.day is not None
    live.day.slots[whole.tours[1].tour].behind_s = 0.0  # of this one the store knows more
    assert day_report(store, None, day, NOON, live=live) != whole
    live.matcher = read
    assert day_report(store, None, day, NOON, live=live) == whole


def test_the_report_of_a_day_without_a_plan_says_so(store: Store) -> None:
    report = day_report(store, None, small_plan().date)
    assert report.lines("en")[-1] == "No plan was published for this day."
