"""Off duty nothing is seen: a day with what was recorded off duty is, on every way out, the day without it.

Twice: of a truck whose crew spoke (a box that does not cut), and of one whose crew said nothing (a phone, a file).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

import ripeur
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.duty.day_plan import plan_in_force
from depot_api.duty.roster import DAY as DAY_LONG
from depot_api.duty.roster import Roster, known_duty
from depot_api.duty.spans import MOST_DUTY_REPORTS
from depot_api.live import api as live_api
from depot_api.live.state import LiveState
from depot_api.privacy.archiving import day_archive
from depot_api.reports.day_report import day_report, read_tour
from depot_api.reports.replay import minute_places, window_of_tour
from depot_api.store.store import Store
from fleet import Duty, Fact, Incident, Lift, Load, Outcome, Position, Tour, Vehicle, instant_text, new_id

from .asking import Asking
from .clocks import ToldClock
from .depot_clients import Client, served
from .live_day import START, caught_up, driven, duty, live_at, matcher, position, published, put
from .small_plan import small_plan

DAY = small_plan().date
TOUR = small_plan().tours[0]
NIGHT = START + timedelta(hours=16)
SENSED = (Position, Lift, Load, Vehicle)


def clock(text: str) -> datetime:
    """A time of the day's morning, UTC."""
    return datetime.fromisoformat(f"2026-11-23T{text}+00:00")


@dataclass(frozen=True)
class Day:
    """What a truck reported on duty, and off duty."""

    on: tuple[Fact, ...]
    off: tuple[Fact, ...]


@cache
def strolls(*begins: str) -> tuple[Fact, ...]:
    """Ten minutes each of another tour's drive as if T1 had driven it then, with a lift and a weight a minute."""
    seen = [f for f in driven(1) if isinstance(f, (Position, Vehicle)) and f.at < START + timedelta(minutes=75)]
    seen = [f for f in seen if f.at >= START + timedelta(minutes=45)]
    found: list[Fact] = []
    for begin in map(clock, begins):
        for fact in seen:
            at = begin + (fact.at - seen[0].at)
            if at < begin + timedelta(minutes=10):
                found.append(replace(fact, id=new_id(at), at=at, truck="T1"))
        for minute in range(10):
            at = begin + timedelta(minutes=minute, seconds=20)
            found.append(Lift(id=new_id(at), at=at, truck="T1", lat_deg=43.7412, lon_deg=7.4251, kg=17))
            found.append(Load(id=new_id(at), at=at, truck="T1", quantity="net", kg=4321))
    return tuple(found)


@cache
def spoken() -> Day:
    """T1's crew says all: its service, its break, and ten minutes for which it switched the record off."""
    words = [duty(clock("04:30:00"), "tracking_off"), duty(clock("04:40:00"), "tracking_on")]
    off_from, off_until = words[0].at, words[1].at
    on = [fact for fact in driven(0) if not (isinstance(fact, SENSED) and off_from <= fact.at < off_until)]
    return Day((*on, *words), strolls("03:35", "04:30", "05:00", "05:55"))


@cache
def silent() -> Day:
    """T1's crew says nothing: its tour is planned from 4:00 to 6:15:16, with a break from 5:16:56 to 5:36:56."""
    said_nothing = [fact for fact in driven(0) if not isinstance(fact, Duty)]
    (rest,) = (leg for leg in TOUR.legs if leg.kind == "break")
    in_break = [f for f in said_nothing if isinstance(f, SENSED) and rest.start_at <= f.at < rest.end_at]
    on = [fact for fact in said_nothing if fact not in in_break]
    return Day(tuple(on), (*in_break, *strolls("03:35", "05:20", "06:16")))


days = pytest.mark.parametrize("day", [spoken(), silent()], ids=["spoken", "silent"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "depot.db")) as opened:
        yield opened


def other_store(tmp_path: Path, facts: tuple[Fact, ...]) -> Store:
    other = Store(str(tmp_path / "other.db"))
    published(other)
    put(other, facts)
    return other


def board_of(live: LiveState) -> dict[str, Any]:
    """What pages and streams show, in an order that does not tell when it came there."""
    told, (_, streamed) = live.snapshot(), live.board.since(0)
    tour = live.tour("T1-matin")
    assert tour is not None
    way = [] if tour.followed is None else tour.followed.way()
    lists = {key: sorted(map(json.dumps, value)) for key, value in told.items() if isinstance(value, list)}
    return {**told, **lists, "stream": streamed, "way": way, "streets": tour.streets()}


# --- ways out ----------------------------------------------------------------------------------------------------


@days
def test_live_shows_the_day_without_what_was_off_duty(store: Store, tmp_path: Path, day: Day) -> None:
    published(store)
    put(store, [*day.off, *day.on])
    with other_store(tmp_path, day.on) as without:
        for text in ("03:50:00", "04:38:00", "05:08:00", "05:25:00", "05:50:00", "06:10:00", "06:25:00"):
            now = clock(text)
            shown = []
            for each in (store, without):
                with Store(str(tmp_path / f"{text[:5]}{len(shown)}.db")) as until_now:
                    published(until_now)
                    until_now.add([row[1:] for row in each.facts(until=now)])
                    shown.append(board_of(live_at(until_now, now)))
            assert shown[0] == shown[1], text


@pytest.mark.parametrize("text", ["03:50:00", "04:38:00", "05:08:00", "06:10:00"])
def test_whom_his_crew_calls_off_duty_has_no_place_live_whoever_sends_one(store: Store, text: str) -> None:
    published(store)
    live = live_at(store, START)
    live.clock.at = now = clock(text)
    put(store, [fact for fact in (*spoken().off, *spoken().on) if fact.at <= now])
    caught_up(live)
    (line,) = (one for one in live.snapshot()["trucks"] if one["truck"] == "T1") if text > "04" else ({"at": None},)
    assert line["at"] is None
    assert "lat_deg" not in line


def test_in_whatever_order_words_and_places_come_the_board_ends_the_same(store: Store, tmp_path: Path) -> None:
    published(store)
    facts = [fact for fact in (*spoken().on, *spoken().off) if fact.at <= clock("05:45:00")]
    put(store, sorted(facts, key=lambda fact: fact.at))
    now = clock("05:45:00")
    expected = board_of(live_at(store, now))
    places_first = sorted(facts, key=lambda fact: (isinstance(fact, Duty), fact.at))
    for k, order in enumerate((places_first, sorted(facts, key=lambda fact: fact.at, reverse=True))):
        with Store(str(tmp_path / f"{k}.db")) as other:
            published(other)
            live = live_at(other, now)
            for begin in range(0, len(order), 500):
                put(other, order[begin : begin + 500], now)
                live.follow()
                live.work()
            caught_up(live)
            told = board_of(live)
            assert told["trucks"] == expected["trucks"]
            assert told["way"] == expected["way"]
            assert told["streets"] == expected["streets"]
            caught_up(again := live_at(other, now))
            assert board_of(again)["trucks"] == expected["trucks"]


def test_a_place_goes_when_the_end_of_service_comes_late_and_when_the_planned_end_passes(store: Store) -> None:
    published(store)
    live = live_at(store, clock("04:50:00"))
    put(store, [duty(START, "start"), position(clock("04:49:00"))])
    caught_up(live)
    (line,) = live.snapshot()["trucks"]
    assert line["lat_deg"] == 43.74
    put(store, [duty(clock("04:45:00"), "end")], clock("04:50:00"))
    caught_up(live)
    (line,) = live.snapshot()["trucks"]
    assert (line.get("lat_deg"), line["at"]) == (None, None)
    put(store, [position(clock("04:50:00"), "T2")])
    caught_up(live)
    assert next(one for one in live.snapshot()["trucks"] if one["truck"] == "T2")["lat_deg"] == 43.74
    live.clock.at = clock("06:22:00")  # its tour ended at 6:21:53
    caught_up(live)
    assert "lat_deg" not in next(one for one in live.snapshot()["trucks"] if one["truck"] == "T2")


def test_a_truck_without_a_tour_on_a_day_with_a_plan_is_off_duty(store: Store) -> None:
    published(store)
    live = live_at(store, clock("05:00:00"))
    put(store, [position(clock("04:59:00"), "T7")])
    caught_up(live)
    assert not [line for line in live.snapshot()["trucks"] if line.get("lat_deg") is not None]
    for sunday in (1, 7):
        later = live_at(store, clock("05:00:00") + timedelta(days=sunday))
        put(store, [position(later.clock.now(), "T7")])
        caught_up(later)
        assert not [line for line in later.snapshot()["trucks"] if line.get("lat_deg") is not None]


def test_a_depot_without_plans_shows_trucks_live_until_their_crews_say_that_they_are_off(store: Store) -> None:
    live = live_at(store, clock("05:00:00"))
    put(store, [position(clock("04:59:00"))])
    caught_up(live)
    assert live.snapshot()["trucks"][0]["lat_deg"] == 43.74
    put(store, [duty(clock("04:00:00"), "end")], clock("05:00:00"))
    caught_up(live)
    assert "lat_deg" not in live.snapshot()["trucks"][0]
    tomorrow = live_at(store, clock("05:00:00") + timedelta(days=1))
    put(store, [position(tomorrow.clock.now())])
    caught_up(tomorrow)
    assert not [line for line in tomorrow.snapshot()["trucks"] if "lat_deg" in line]


def test_what_a_crew_reports_off_duty_stands_without_its_place(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    published(store)
    said = [duty(START, "start"), duty(clock("05:00:00"), "break_start")]
    told = [
        Incident(
            id=new_id(at), at=at, truck="T1", category="accident", lat_deg=43.9, lon_deg=7.4, eph_m=5.0, note="tyre"
        )
        for at in (clock("04:30:00"), clock("05:05:00"))
    ]
    word = Outcome(
        id=new_id(START), at=clock("05:06:00"), truck="T1", task="a9", outcome="blocked", lat_deg=43.9, lon_deg=7.4
    )
    put(store, told)
    live = live_at(store, clock("05:10:00"))
    put(store, [*said, word])  # late
    caught_up(live)
    assert [one["lat_deg"] for one in sorted(live.snapshot()["incidents"], key=lambda one: one["at"])] == [43.9, None]
    tour = live.tour("T1-matin")
    assert tour is not None
    assert tour.status("a9") == "missed"
    lines = exported(store, capsys)
    assert [line.get("lat_deg") for line in lines if line["kind"] == "incident"] == [43.9, None]
    assert [(line["outcome"], line.get("lat_deg")) for line in lines if line["kind"] == "outcome"] == [
        ("blocked", None)
    ]


def exported(store: Store, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert ripeur.main(["facts", "--db", store.databases.reader.url.database or "", *more]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@days
def test_replay_report_and_export_are_those_of_the_day_without_what_was_off_duty(
    store: Store, tmp_path: Path, day: Day, capsys: pytest.CaptureFixture[str]
) -> None:
    published(store)
    put(store, [*day.off, *day.on])
    with other_store(tmp_path, day.on) as without:
        told: list[list[Any]] = []
        for each in (store, without):
            plan = plan_in_force(each, DAY)
            assert plan is not None
            window = window_of_tour(plan, "T1-matin")
            assert window is not None
            tour = read_tour(each, window, matcher(), NIGHT)
            assert tour.followed is not None
            reports = [day_report(each, None, DAY, NIGHT, streets).json() for streets in (matcher(), None)]
            told.append([
                minute_places(each, window), tour.followed.way(), tour.streets(), reports,
                sorted(exported(each, capsys), key=lambda fact: fact["id"]),
            ])  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0][0]) > 30
    assert told[0][1]
    ids = {fact["id"] for fact in exported(store, capsys, "--off-duty")}
    assert ids == {fact.id for fact in (*day.on, *day.off)}, "whom it is about may have it all"


@days
def test_what_is_archived_of_a_day_has_nothing_of_what_was_off_duty(store: Store, tmp_path: Path, day: Day) -> None:
    published(store)
    put(store, [*day.off, *day.on])
    classes = ["residential"] * len(matcher().network.lines)
    with other_store(tmp_path, day.on) as without:
        kept = [day_archive(each, matcher(), classes, ZoneInfo("Europe/Paris"), DAY) for each in (store, without)]
    assert kept[0] == kept[1]
    assert sum(pace.times for pace in kept[0][1].values()) > 50


def test_no_way_is_made_up_across_what_the_crew_kept_to_itself(store: Store) -> None:
    """A minute without the record, in which the truck drove on: the streets in between are not driven by anybody."""
    published(store)
    fixes = [fact for fact in driven(0) if isinstance(fact, Position) and fact.speed_mps and fact.speed_mps > 3]
    first = next(a for a, b in zip(fixes, fixes[20:], strict=False) if b.at - a.at < timedelta(seconds=80))
    off = first.at + timedelta(seconds=20)
    words = [duty(START, "start"), duty(off, "tracking_off"), duty(off + timedelta(seconds=40), "tracking_on")]
    seen = [f for f in driven(0) if isinstance(f, Position) and not off <= f.at < off + timedelta(seconds=40)]
    put(store, [*words, *seen])
    plan = plan_in_force(store, DAY)
    assert plan is not None
    window = window_of_tour(plan, "T1-matin")
    assert window is not None
    followed = read_tour(store, window, matcher(), NIGHT).followed
    assert followed is not None
    assert not [s for s in followed.steps() if s.enter_at < off + timedelta(seconds=35) and s.leave_at > off]


# --- over the wire -----------------------------------------------------------------------------------------------


class _LiveWithStreets(LiveState):
    """As with an area, on the small plan's own streets."""

    def __init__(self, store: Store, clock: ToldClock, town: object) -> None:
        super().__init__(store, clock, None, matcher(), "Europe/Paris")


def moments(*texts: str) -> list[dict[str, Any]]:
    """A position at each of these times, each with a latitude of its own."""
    return [
        {"kind": "position", "id": new_id(clock(text)), "truck": "T1", "at": instant_text(clock(text)),
         "lat_deg": 43.74 + k / 1000, "lon_deg": 7.42, "mode": 3} for k, text in enumerate(texts)
    ]  # fmt: skip


BEFORE, SERVED, IN_BREAK, OFF, ENDED = ("03:50:00", "04:10:00", "04:32:00", "04:42:00", "05:01:00")


def test_a_box_that_does_not_cut_is_cut_on_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matcher()
    monkeypatch.setattr(live_api, "LiveState", _LiveWithStreets)
    now = clock("04:55:00")
    words = {"04:00:00": "start", "04:30:00": "break_start", "04:35:00": "break_end", "04:40:00": "tracking_off",
             "04:45:00": "tracking_on", "05:00:00": "end"}  # fmt: skip
    said = [
        {"kind": "duty", "id": new_id(clock(at)), "truck": "T1", "at": instant_text(clock(at)), "state": state}
        for at, state in words.items()
    ]
    sent = moments(BEFORE, SERVED, IN_BREAK, OFF, ENDED)
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        clock_told = ToldClock(now)
        app = depot_app(store, None, clock_told)
        with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            client = Client(store, http, app)
            answer = client.post_facts([*sent[:4], *said[:5]]).json()
            assert answer["refused"] == [], "a box's fact is never lost"
            shown = wait_for_place(client, sent[1]["lat_deg"])
            assert shown["at"] == sent[1]["at"]
            clock_told.at = clock("05:10:00")
            assert client.post_facts([sent[4], said[5]]).json()["refused"] == []
            wait_for_place(client, None)
            with http.stream("GET", "/live/stream", headers=client_headers(client)) as stream:
                first = next(line for line in stream.iter_lines() if line.startswith("data: "))
            clock_told.at = NIGHT
            replayed = client.ask("POST", "/replay", "planner x", json={
                "date": DAY.isoformat(), "tour": "T1-matin", "reason": "a street not done"}).json()  # fmt: skip
            told = [
                client.ask("GET", path, "planner x").text
                for path in ("/live", "/live/tours/T1-matin", f"/days/{DAY}/report")
            ]
    assert [place["lat_deg"] for place in replayed["places"]] == [sent[1]["lat_deg"]]
    for text in (*told, first, json.dumps(replayed["way"])):
        for fact in (sent[0], *sent[2:]):
            assert str(round(fact["lat_deg"], 5)) not in text


def client_headers(client: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.tokens['planner x']}"}


def wait_for_place(client: Client, lat_deg: float | None) -> dict[str, Any]:
    """T1's line once it shows this latitude (None: no place)."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = client.ask("GET", "/live", "planner x").json()["trucks"]
        line = next((line for line in lines if line["truck"] == "T1"), None)
        if line is not None and line.get("lat_deg") == lat_deg:
            return line
        time.sleep(0.1)
    raise AssertionError(f"never shown at {lat_deg}: {lines}")


# --- ways in -----------------------------------------------------------------------------------------------------

TIMES = {"03:50:00": False, "04:10:00": True, "05:20:00": False, "05:40:00": True, "06:20:00": False}


def stored(store: Store) -> set[str]:
    return {row.json()["at"][11:19] for row in store.facts("position")}


@pytest.fixture
def asking(store: Store) -> Asking:
    """A depot that night: T1's tour was planned from 4:00 to 6:15:16, with a break from 5:16:56 to 5:36:56."""
    published(store)
    return Asking(depot_app(store, clock=ToldClock(NIGHT)))


def test_a_phones_fixes_from_off_duty_are_not_kept_and_not_sent_again(store: Store, asking: Asking) -> None:
    token = make_token(store, "box", "T1", now=NIGHT)
    for text, kept in TIMES.items():
        query = {"id": token, "timestamp": str(int(clock(text).timestamp())), "lat": "43.74", "lon": "7.42"}
        answer = asking.get("/phones/traccar", params=query)
        assert answer.status_code == 200
        assert bool(answer.json()["stored"]) is kept
        assert kept or "must be on duty" in answer.json()["refused"][0]["why"]
    assert stored(store) == {text for text, kept in TIMES.items() if kept}
    locations = [
        {"timestamp": instant_text(clock(text) + timedelta(seconds=1)), "coords": {"latitude": 43.7, "longitude": 7.4}}
        for text in TIMES
    ]
    answer = asking.post("/phones/traccar", json={"device_id": token, "location": locations}).json()
    assert (len(answer["stored"]), len(answer["refused"])) == (2, 3)


def test_owntracks_is_told_why_in_a_head_and_content_with_it(store: Store, asking: Asking) -> None:
    token = make_token(store, "box", "T1", now=NIGHT)
    basic = {"Authorization": "Basic " + base64.b64encode(f"T1:{token}".encode()).decode()}
    for text, kept in TIMES.items():
        body = {"_type": "location", "tst": int(clock(text).timestamp()), "lat": 43.74, "lon": 7.42}
        answer = asking.post("/phones/owntracks", json=body, headers=basic)
        assert (answer.status_code, answer.json()) == (200, [])
        assert ("must be on duty" in answer.headers.get("X-Refused", "")) is not kept
    assert stored(store) == {text for text, kept in TIMES.items() if kept}


def test_a_contractors_rows_from_off_duty_are_refused_by_number(store: Store, asking: Asking) -> None:
    token = make_token(store, "box", "T1", now=NIGHT)
    rows = "".join(f"{instant_text(clock(text))},43.74,7.42\n" for text in TIMES)
    headers = {"Authorization": f"Bearer {token}"}
    answer = asking.post("/contractor/positions", content=f"at,lat_deg,lon_deg\n{rows}", headers=headers).json()
    assert (answer["stored"], answer["refused_rows"]) == (2, 3)
    assert [each["row"] for each in answer["refused"]] == [2, 4, 6]
    assert all("must be on duty" in each["why"] for each in answer["refused"])
    assert stored(store) == {text for text, kept in TIMES.items() if kept}


def test_where_nothing_is_known_yet_a_fix_is_kept_and_judged_when_more_is(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(depot_app(store, clock=ToldClock(NIGHT)))
    token = make_token(store, "box", "T1", now=NIGHT)
    for text in TIMES:
        query = {"id": token, "timestamp": str(int(clock(text).timestamp())), "lat": "43.74", "lon": "7.42"}
        assert asking.get("/phones/traccar", params=query).json()["stored"]
    assert stored(store) == set(TIMES)
    assert exported(store, capsys) == []
    published(store, at=NIGHT)
    assert {line["at"][11:19] for line in exported(store, capsys)} == {text for text, kept in TIMES.items() if kept}
    put(store, [duty(START, "start"), duty(clock("05:30:00"), "end")], NIGHT)
    told = [line["at"][11:19] for line in exported(store, capsys) if line["kind"] == "position"]
    assert told == ["04:10:00", "05:20:00"], "the crew's own words, not the planned break"


def test_a_word_of_the_crew_is_enough_to_know_without_any_plan(store: Store) -> None:
    asking = Asking(depot_app(store, clock=ToldClock(NIGHT)))
    token = make_token(store, "box", "T1", now=NIGHT)
    put(store, [duty(START, "start"), duty(clock("05:30:00"), "end")])
    kept = []
    for text in TIMES:
        query = {"id": token, "timestamp": str(int(clock(text).timestamp())), "lat": "43.74", "lon": "7.42"}
        kept += [text] if asking.get("/phones/traccar", params=query).json()["stored"] else []
    assert kept == ["04:10:00", "05:20:00"]


def test_a_file_of_many_years_asks_the_store_seldom(store: Store, asking: Asking) -> None:
    """Rows of three months ask once per fortnight, not once per row."""
    token = make_token(store, "box", "T1", now=NIGHT)
    begin = NIGHT - timedelta(days=90)
    rows = "".join(f"{instant_text(begin + timedelta(hours=k))},43.74,7.42\n" for k in range(2_000))
    asked = 0
    read = store.read

    def counted() -> Any:
        nonlocal asked
        asked += 1
        return read()

    store.read = counted  # type: ignore[method-assign]
    headers = {"Authorization": f"Bearer {token}"}
    answer = asking.post("/contractor/positions", content=f"at,lat_deg,lon_deg\n{rows}", headers=headers).json()
    assert answer["stored"] == 2_000
    assert asked < 30


def test_the_same_is_decided_live_and_however_much_is_read_at_once(db_url: str) -> None:
    """Five days with a night over midnight, words on some, forgotten ends, clocks that cannot be true."""
    with Store(db_url) as store:
        tour = small_plan().tours[0]
        today = DAY + timedelta(days=4)
        for k in range(5):
            shift = timedelta(days=k)
            morning = moved(tour, "m", shift)
            night = moved(tour, "n", shift + timedelta(hours=17))  # 21:00 to 23:15 UTC: over midnight in Monaco
            published(
                store,
                replace(small_plan(), date=DAY + shift, tours=(morning, night)),
                START + shift - timedelta(hours=8),
            )
        for k, words in enumerate(
            [("start", "break_start", "break_end", "end"), (), ("start",), ("break_start", "end")]
        ):
            begin = START + timedelta(days=k)
            put(store, [duty(begin + timedelta(minutes=31 * n), state) for n, state in enumerate(words)])
        late = START + timedelta(days=4, minutes=50)
        put(store, [duty(late - timedelta(minutes=50), "start")])
        put(store, [duty(late + timedelta(days=900), "break_start")], late)
        put(store, [duty(late + timedelta(minutes=20), "break_end")])
        put(store, [duty(datetime(1980, 1, 6, tzinfo=START.tzinfo), "end")], late + timedelta(minutes=70))
        live = live_at(store, late + timedelta(hours=2), streets=False)
        assert live.day is not None
        spans = [(a, b) for a, b in live.day.duty_of("T1").spans if a.date() == today]
        begin = late - timedelta(minutes=50)
        assert spans == [(begin, late), (late + timedelta(minutes=20), late + timedelta(minutes=70))]
        random, daily, fortnightly = Random(4), Roster(store, DAY_LONG), Roster(store)
        on = 0
        for _ in range(600):
            at = START - timedelta(hours=6) + timedelta(seconds=random.randrange(6 * 86_400))
            alone = at in known_duty(store, "T1", at, at).spans
            assert (at in daily.duty_at("T1", at).spans) == (at in fortnightly.duty_at("T1", at).spans) == alone, at
            if at.date() == today:
                assert (at in live.day.duty_of("T1")) == alone, at
            on += alone
        assert 30 < on < 300


def moved(tour: Tour, name: str, shift: timedelta) -> Tour:
    """The same tour at another time."""
    legs = tuple(replace(leg, start_at=leg.start_at + shift, end_at=leg.end_at + shift) for leg in tour.legs)
    return replace(tour, id=f"{name}{shift.days}", legs=legs)


def test_what_is_said_a_thousand_times_hides_no_end(store: Store) -> None:
    published(store)
    live = live_at(store, clock("05:00:00"))
    again = [replace(duty(START, "start"), id=new_id(START)) for _ in range(MOST_DUTY_REPORTS + 10)]
    put(store, [*again, duty(clock("04:50:00"), "end"), position(clock("04:55:00"))], clock("05:00:00"))
    caught_up(live)
    assert live.snapshot()["trucks"][0]["at"] is None
    known = known_duty(store, "T1", START, START)
    assert (START in known.spans, clock("04:55:00") in known.spans) == (True, False)
