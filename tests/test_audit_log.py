"""Whoever looks at a past day is noted before anything is shown: every way to it, every person, and no machine."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from depot_api.access import audit_log
from depot_api.accounts import sessions, users
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.settings.roles import MACHINES, Caller
from depot_api.store import databases
from depot_api.store.store import Store, StoreFull, microseconds
from depot_api.store.tables import audit_entries, photos, services
from fleet import Message, Plan, new_id

from .asking import Asking
from .clocks import ToldClock
from .live_day import START, driven, published, put
from .small_plan import small_plan
from .test_contractor import told
from .test_photos import picture

NOW = START + timedelta(days=1, hours=2)  # the next morning
DAY, TODAY = START.date().isoformat(), NOW.date().isoformat()
PICTURE = picture("PNG")
SHA256 = hashlib.sha256(PICTURE).hexdigest()
#: Every way in which a person sees something of a past day without being asked why, and what is noted of it.
PAST = {
    f"/days/{DAY}/report": f"report {DAY}",
    "/messages": f"messages {DAY}",
    "/messages?truck=T1": f"messages {DAY} T1",
    f"/tours/T1?date={DAY}": f"tour {DAY} T1 T1-matin",
    f"/photos/{SHA256}": f"photo {DAY} {SHA256[:12]}",
    "/contractor/undone.json?month=2026-11&contractor=acme": "undone 2026-11 acme",
    "/contractor/undone.csv?month=2026-11&contractor=acme": "undone 2026-11 acme",
    "/contractor?month=2026-11&contractor=acme": "undone 2026-11 acme",
}


class Scene:
    def __init__(self, store: Store, app: FastAPI, clock: ToldClock) -> None:
        self.store, self.app, self.clock = store, app, clock

    def as_(self, role: str) -> Asking:
        name = role if role != "contractor" else "acme"
        if not any(account.name == name for account in users.all_accounts(self.store)):
            bound_to = ("T1",) if role == "contractor" else ()
            users.add_account(self.store, name, role, password="correct horse battery", now=START, bound_to=bound_to)
        asking = Asking(self.app)
        asking.cookies.set(sessions.COOKIE, sessions.begin_session(self.app.state.depot, name))
        return asking

    def noted(self) -> list[tuple[str, str, str]]:
        """(who, what, why), oldest first."""
        return [(look["who"], look["what"], look["why"]) for look in reversed(audit_log.recorded_entries(self.store))]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A depot on the morning after a day with a plan, positions, a message of each day, a picture."""
    monkeypatch.setattr(databases, "BUSY_S", 1)  # a locked database is waited for ten seconds otherwise
    clock = ToldClock(NOW)
    with Store(f"{tmp_path}/depot.db") as store:
        published(store)
        published(store, _of_today(), NOW)
        put(store, driven(0)[::40])
        for at in (START + timedelta(hours=1), NOW - timedelta(minutes=5)):
            put(store, [Message(id=new_id(at), at=at, truck="T1", sender="planner", text="Bonjour")])
        kept = {"sha256": SHA256, "media_type": "image/png", "who": "T1", "picture": PICTURE}
        row = {"date": DAY, "tour": "T1-matin", "task": "a1", "truck": "T1", "state": "missed",
               "body": orjson.dumps(told("a1", "missed", "not_visited")).decode()}  # fmt: skip
        store.write(
            lambda connection: (
                connection.execute(insert(photos), [{**kept, "received_us": microseconds(START)}]),
                connection.execute(insert(services), [row]),
            )
        )
        scene = Scene(store, depot_app(store, None, clock), clock)
        scene.as_("contractor")
        yield scene


def _of_today() -> Plan:
    plan, day = small_plan(), timedelta(days=1)
    tours = tuple(
        replace(
            tour,
            legs=tuple(replace(leg, start_at=leg.start_at + day, end_at=leg.end_at + day) for leg in tour.legs),
        )
        for tour in plan.tours
    )
    return replace(plan, date=NOW.date(), tours=tours)


@pytest.mark.parametrize("path", PAST)
def test_every_look_at_a_past_day_is_noted(scene: Scene, path: str) -> None:
    answer = scene.as_("planner").get(path)
    assert answer.status_code == 200, answer.text
    assert scene.noted() == [("planner", PAST[path], "")]


def test_a_contractor_a_crew_leader_and_a_phone_agent_are_noted_too(scene: Scene) -> None:
    assert scene.as_("contractor").get(f"/days/{DAY}/report").status_code == 200
    assert scene.as_("contractor").get("/contractor/undone.json?month=2026-11").status_code == 200
    assert scene.as_("crew_leader").get("/messages").status_code == 200
    assert scene.as_("phone_agent").get(f"/photos/{SHA256}").status_code == 200
    assert [(who, what.split()[0]) for who, what, _ in scene.noted()] == [
        ("acme", "report"), ("acme", "undone"), ("crew_leader", "messages"), ("phone_agent", "photo"),
    ]  # fmt: skip


def test_a_planner_s_token_is_a_person_s(scene: Scene) -> None:
    script = Asking(scene.app, headers={"authorization": f"Bearer {make_token(scene.store, 'planner', 'script')}"})
    script.get(f"/days/{DAY}/report")
    assert scene.noted() == [("script", f"report {DAY}", "")]


def test_today_is_no_look_and_neither_is_a_machine_s(scene: Scene) -> None:
    planner = scene.as_("planner")
    since = (NOW - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    for path in (
        f"/days/{TODAY}/report", f"/tours/T1?date={TODAY}", "/tours/T1", f"/messages?since={since}",
        f"/replay/tours?date={DAY}", "/live", "/console/plan.json",
    ):  # fmt: skip
        answer = planner.get(path)
        assert answer.status_code in (200, 503), (path, answer.text)  # 503: nobody follows a live state here
    box = Asking(scene.app, headers={"authorization": f"Bearer {make_token(scene.store, 'box', 'T1')}"})
    for path in (f"/tours/T1?date={DAY}", "/messages", "/messages?truck=T1"):
        assert box.get(path).status_code == 200
    assert scene.noted() == []


def test_who_is_refused_or_finds_nothing_has_not_looked(scene: Scene) -> None:
    planner = scene.as_("planner")
    assert planner.get(f"/tours/T9?date={DAY}").status_code == 404
    assert planner.get(f"/photos/{'0' * 64}").status_code == 404
    assert scene.as_("contractor").get(f"/tours/T2?date={DAY}").status_code == 403
    assert scene.as_("phone_agent").get(f"/days/{DAY}/report").status_code == 403
    assert scene.as_("contractor").get("/messages?truck=T2").status_code == 403
    assert scene.noted() == []


def test_a_page_that_is_asked_again_and_again_is_noted_once_in_ten_minutes(scene: Scene) -> None:
    planner, leader = scene.as_("planner"), scene.as_("crew_leader")
    for _ in range(5):
        planner.get(f"/days/{DAY}/report")
        scene.clock.at += timedelta(minutes=1)
    leader.get(f"/days/{DAY}/report")
    planner.get("/messages")
    assert [who for who, what, _ in scene.noted() if what == f"report {DAY}"] == ["planner", "crew_leader"]
    assert len(scene.noted()) == 3, "another person, and another thing, are noted"
    scene.clock.at += timedelta(minutes=6)
    planner.get(f"/days/{DAY}/report")
    assert len(scene.noted()) == 4
    scene.clock.at -= timedelta(hours=3)  # a clock set back hides nobody
    scene.as_("planner").get(f"/days/{DAY}/report")
    assert len(scene.noted()) == 5


def test_a_replay_keeps_its_reason_and_is_noted_each_time(scene: Scene) -> None:
    who = Caller("planner", "anna")
    for _ in range(2):
        audit_log.record_access(scene.store, who, f"replay {DAY} T1-matin", "a complaint", NOW)
    assert scene.noted() == [("anna", f"replay {DAY} T1-matin", "a complaint")] * 2
    page = scene.as_("staff_representative").get("/looks?lang=fr").text
    assert f"replay {DAY} T1-matin (relecture)" in page


def test_staff_representatives_read_what_was_looked_at_in_their_words(scene: Scene) -> None:
    scene.as_("crew_leader").get(f"/days/{DAY}/report")
    representative = scene.as_("staff_representative")
    page = representative.get("/looks?lang=fr").text
    for words in (f"report {DAY} (bilan du jour)", "sans motif demandé", "Chef d&#x27;équipe"):
        assert words in page
    assert f"report {DAY} (report of the day)" in representative.get("/looks?lang=en").text


@pytest.mark.parametrize("path", PAST)
@pytest.mark.parametrize("trouble", ["locked", "full"])
def test_what_cannot_be_noted_is_not_shown(scene: Scene, path: str, trouble: str) -> None:
    planner = scene.as_("planner")
    with closing(sqlite3.connect(scene.store.url.removeprefix("sqlite:///"))) as other:
        if trouble == "locked":
            other.execute("BEGIN IMMEDIATE")
        else:
            fill_up(scene.store)
        answer = planner.get(path)
    assert answer.status_code == (503 if trouble == "locked" else 507), answer.text
    assert "T1-matin" not in answer.text
    assert [look for look in scene.noted() if look[1] != "filling"] == []


def fill_up(store: Store) -> None:
    """The database may grow no more, and has no room left: what SQLite meets on a full disk."""

    def held(connection: Any) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    store.write(held)
    for size in (3_000, 100, 1):
        with pytest.raises(StoreFull):
            _fill(store, "x" * size)


def _fill(store: Store, why: str) -> None:
    row = {"at_us": 0, "user": "x", "role": "planner", "what": "filling", "why": why}
    while True:
        store.write(lambda connection: connection.execute(insert(audit_entries), [row]))


def test_every_machine_is_known_to_be_one(scene: Scene) -> None:
    for role in MACHINES:
        audit_log.record_past_access(scene.store, Caller(role, "T1", ("T1",)), f"tour {DAY} T1", NOW)
    assert scene.noted() == []
