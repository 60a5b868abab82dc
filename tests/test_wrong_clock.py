"""A clock that is wrong deletes nothing: whatever it shows, jumps to or comes back from, on both databases."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select

from depot_api.access import audit_log
from depot_api.accounts import sessions, throttle, users
from depot_api.facts import messages, phones, photos
from depot_api.known_time.clock import FAR, NEAR, ClockMonitor, read_known_time
from depot_api.known_time.refusals import open_refusals, refused_run
from depot_api.privacy import nightly, retention
from depot_api.privacy.archiving import archive_due_days, days_to_archive
from depot_api.privacy.decisions import record_decision
from depot_api.privacy.nightly import check_retention
from depot_api.privacy.retention import last_run, run_retention
from depot_api.settings.retention_terms import terms_of
from depot_api.settings.roles import Caller
from depot_api.state.depot import Depot
from depot_api.store.backup import back_up, restore
from depot_api.store.store import NewFact, Store, microseconds
from depot_api.store.tables import attempts, deletions, facts, metadata, plans
from depot_api.store.tables import photos as pictures
from depot_api.store.tables import sessions as logins
from fleet import instant_text, new_id

from .clocks import ToldClock
from .people_depot import NOW, PASSWORD, Scene, people_app
from .services import db_url, postgres_cluster, postgres_url

__all__ = ["db_url", "postgres_cluster", "postgres_url"]

TERMS = terms_of({})
DAY, HOUR, YEAR = timedelta(days=1), timedelta(hours=1), timedelta(days=365)
CHIEF = Caller("administrator", "anna")


def fact(kind: str, at: datetime, received: datetime | None = None, who: str = "T1") -> NewFact:
    id = bytes.fromhex(new_id(at).replace("-", ""))
    return NewFact(id, kind, who, microseconds(at), microseconds(received or at), "{}")


def decide(depot: Depot, how: str, subject: str = "run") -> None:
    """An administrator's word, as the page gives it."""
    one = next(one for one in open_refusals(depot.store) if one.subject == subject)
    given = {"refusal": str(one.id), "how": how, "why": "looked at the wall"}
    if how == "yes":
        given["until"] = instant_text(one.until)
    todo = record_decision(depot, CHIEF, given, depot.clock.now())
    if todo is not None:
        todo()


class World:
    """The true time, a depot with a clock that may show another, and two trucks whose boxes are always right."""

    def __init__(self, store: Store, now: datetime = NOW) -> None:
        self.true, self.clock = now, ToldClock(now)
        self.sent: dict[bytes, datetime] = {}
        self.serve(store)

    def serve(self, store: Store) -> None:
        self.store, self.depot = store, Depot(store, None, self.clock)
        self.watch = ClockMonitor(store, self.clock)

    def filled(self, days: int = 70) -> World:
        """With what came in honest days, and the run of each night."""
        for n in range(days, 0, -1):
            self.report(self.true - n * DAY, self.true - n * DAY)
        self.store.write(
            lambda c: c.execute(insert(deletions).values(at_us=microseconds(self.true - DAY), purpose="all", records=0))
        )
        check_retention(self.depot, self.watch)
        return self

    def report(self, at: datetime, received: datetime, truck: str = "T1") -> None:
        new = fact("position", at, received, truck)
        self.sent[new.id] = at
        self.store.add([new])

    def go_on(self, by: timedelta, steps: int = 1, sending: bool = True) -> None:
        for _ in range(steps):
            self.true += by
            self.clock.gone_s += by.total_seconds()
            if sending:
                for truck in ("T1", "T2"):
                    self.report(self.true, self.clock.now(), truck)
            check_retention(self.depot, self.watch)

    def jump(self, by: timedelta) -> None:
        self.clock.at += by

    def right(self) -> None:
        self.clock.at = self.true

    def restart(self, off: timedelta = timedelta(minutes=5)) -> None:
        """The machine is off for a while; its clock goes on in the meantime."""
        self.true += off
        self.clock.at += off
        self.watch = ClockMonitor(self.store, self.clock)

    def there(self) -> set[bytes]:
        return {one.id for one in self.store.facts("position")}

    def lost(self, slack: timedelta = NEAR) -> list[datetime]:
        """What went within its term."""
        there = self.there()
        return [at for id, at in self.sent.items() if self.true - at < 61 * DAY - slack and id not in there]

    def overdue(self, by: timedelta) -> list[datetime]:
        there = self.there()
        return [at for id, at in self.sent.items() if self.true - at > 61 * DAY + by and id in there]


@pytest.fixture
def store(db_url: str) -> Iterator[Store]:
    with Store(db_url) as opened:
        yield opened


# --- the attack's own three, and their kind ---------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [6 * YEAR, 100 * DAY, 62 * DAY, 31 * DAY, 5 * DAY])
def test_a_depot_started_once_with_a_clock_ahead_deletes_nothing(store: Store, ahead: timedelta) -> None:
    world = World(store).filled()
    before = store.count()
    world.restart()
    world.jump(ahead)
    world.go_on(timedelta(minutes=1), 3)
    assert store.count() == before + 6
    assert refused_run(store) is not None
    world.restart()
    world.right()
    world.go_on(timedelta(minutes=1), 3)
    assert refused_run(store) is None
    assert not world.lost()
    world.go_on(8 * HOUR, 9)
    assert not world.lost()
    assert not world.overdue(DAY)


def test_an_old_depot_without_any_mark_or_run_loses_nothing_either(store: Store) -> None:
    store.add([fact(kind, NOW - days * DAY) for days in range(60, 0, -1) for kind in ("position", "outcome", "ticket")])
    for ahead in (6 * YEAR, 40 * DAY, 4 * DAY):
        assert run_retention(store, TERMS, NOW + ahead) == {}
        assert store.count() == 180
        assert refused_run(store) is not None
    run_retention(store, TERMS, NOW)
    assert refused_run(store) is None
    assert last_run(store) == (NOW, 0)


@pytest.mark.parametrize("ahead", [6 * YEAR, 20 * DAY])
def test_a_depot_whose_clock_was_ahead_from_its_first_day_keeps_what_comes(store: Store, ahead: timedelta) -> None:
    world = World(store)
    world.jump(ahead)
    world.go_on(8 * HOUR, 200)
    assert store.count() == 400
    assert refused_run(store) is not None
    world.right()
    world.go_on(8 * HOUR, 3)
    assert not world.lost()
    assert not world.overdue(DAY)


@pytest.mark.parametrize("new", [True, False])
def test_what_came_while_the_clock_was_behind_stays_once_it_is_right(store: Store, new: bool) -> None:
    world = World(store) if new else World(store).filled()
    if not new:
        world.restart()
    world.jump(-100 * DAY)
    world.go_on(timedelta(minutes=1), 30)
    world.restart()
    world.right()
    world.go_on(timedelta(minutes=1), 2)
    world.go_on(8 * HOUR, 12)
    assert refused_run(store) is None
    assert not world.lost()
    assert not world.overdue(DAY)
    with store.read() as connection:
        early = connection.execute(select(func.count()).where(facts.c.at_us > facts.c.received_us + 10**9)).scalar()
    assert early == 0


@pytest.mark.parametrize("n", [10, 25, 300])
@pytest.mark.parametrize("kind", ["position", "outcome"])
def test_what_came_to_a_new_depot_whose_clock_was_behind_stays_though_it_was_killed_at_once(
    store: Store, kind: str, n: int
) -> None:
    world = World(store)
    world.jump(-400 * DAY)
    check_retention(world.depot, world.watch)
    store.add([fact(kind, world.true - timedelta(seconds=k), world.clock.now()) for k in range(n)])
    world.restart()  # no look since they came
    world.right()
    world.go_on(8 * HOUR, 12)
    assert store.count() == n + 24
    assert refused_run(store) is None


@pytest.mark.parametrize("at", [None, NOW + timedelta(minutes=1)])
def test_what_the_depot_gives_its_own_time_while_its_clock_is_behind_stays_once_it_is_right(
    store: Store, at: datetime | None
) -> None:
    world = World(store).filled()
    world.jump(-100 * DAY)
    world.go_on(timedelta(minutes=1), 2)
    scene = Scene(store, people_app(store, world.clock), world.clock)
    scene.app.include_router(messages.router)
    said = scene.machine("planner").post("/messages", json={"truck": "T1", "text": "the bridge is closed"})
    assert said.status_code == 201
    fix = {"_type": "location", "lat": 43.7384, "lon": 7.4246} | ({} if at is None else {"tst": int(at.timestamp())})
    taken, why = phones._judged(world.depot, phones.owntracks_position, [fix], Caller("contractor", "acme", ("T8",)))
    assert why == []
    store.add([row for _, row in taken])
    world.right()
    world.go_on(8 * HOUR, 9)
    assert refused_run(store) is None
    assert len(list(store.facts("message"))) == 1
    assert [abs(one.at - NOW) < 2 * DAY for one in store.facts("position", "T8")] == [True]


def test_a_depot_that_was_off_and_wakes_behind_its_time_but_ahead_of_its_marks_loses_nothing(store: Store) -> None:
    world = World(store).filled()
    world.restart(70 * DAY)
    world.jump(-69 * DAY)
    world.go_on(timedelta(minutes=1), 10)
    assert [doubt.code for doubt in refused_run(store).why] == ["senders_ahead"]  # type: ignore[union-attr]
    world.right()
    world.go_on(8 * HOUR, 12)
    if refused_run(store) is not None:  # seventy days off: nearly everything is past its term
        decide(world.depot, "right")
    world.go_on(8 * HOUR, 6)
    assert not world.lost()
    assert not world.overdue(DAY)


def test_without_any_process_that_watched_a_fact_stamped_before_the_known_time_stays(store: Store) -> None:
    store.add([fact("position", NOW - HOUR)])
    store.add([fact("position", NOW - timedelta(minutes=n), NOW - 100 * DAY) for n in range(30, 0, -1)])
    store.add([fact("position", NOW)])
    run_retention(store, TERMS, NOW)
    assert refused_run(store) is None
    assert store.count() == 32


def test_a_jump_for_a_minute_costs_nothing_and_leaves_no_stamp_in_the_future(store: Store) -> None:
    world = World(store).filled()
    for by in (6 * YEAR, -6 * YEAR, 2 * DAY, -2 * DAY):
        world.jump(by)
        world.report(world.true, world.clock.now())  # between two looks
        world.right()
        world.go_on(timedelta(minutes=1))
        world.jump(by)
        world.go_on(timedelta(minutes=1))
        world.right()
        world.go_on(timedelta(minutes=1))
        assert refused_run(store) is None
    world.go_on(8 * HOUR, 9)
    assert not world.lost()
    with store.read() as connection:
        newest = connection.execute(select(func.max(facts.c.received_us))).scalar_one()
    assert newest <= microseconds(world.true)


def test_small_jumps_from_restart_to_restart_do_not_add_up(store: Store) -> None:
    world = World(store).filled()
    for _ in range(20):
        world.restart()
        world.jump(2 * DAY)
        world.go_on(HOUR, 2, sending=False)
    assert not world.lost()
    assert refused_run(store) is not None


def test_a_monotonic_clock_that_leaps_proves_no_more_than_a_day(store: Store) -> None:
    world = World(store).filled(60)
    before = store.count()
    world.clock.gone_s += 30 * 86_400  # a machine restored from a snapshot; a library that fakes both clocks
    check_retention(world.depot, world.watch)
    assert store.count() == before
    assert [doubt.code for doubt in refused_run(store).why][:1] == ["far_from_known"]  # type: ignore[union-attr]


def test_a_last_run_in_the_future_is_due_refused_and_told_and_a_person_ends_it(store: Store) -> None:
    world = World(store).filled()
    row = {"at_us": microseconds(NOW + 6 * YEAR), "purpose": "all", "records": 1552}
    store.write(lambda connection: connection.execute(insert(deletions).values(row)))
    world.restart()
    world.go_on(HOUR)
    refusal = refused_run(store)
    assert refusal is not None
    assert [doubt.code for doubt in refusal.why] == ["last_run_ahead"]
    world.go_on(8 * HOUR, 9)
    assert world.overdue(DAY)
    decide(world.depot, "right")
    assert refused_run(store) is None
    world.go_on(8 * HOUR, 6)
    assert refused_run(store) is None
    assert not world.lost()
    assert not world.overdue(DAY)


def test_a_box_whose_clock_is_years_ahead_moves_nothing(store: Store) -> None:
    world = World(store).filled()
    for _ in range(9):
        store.add([fact("position", world.true + 3 * YEAR, world.true, "T3")])
        world.go_on(8 * HOUR)
    assert refused_run(store) is None
    assert not world.lost()
    assert read_known_time(store).at <= world.true  # type: ignore[operator]


def test_a_phone_without_a_time_confirms_nothing(store: Store) -> None:
    world = World(store).filled()
    world.restart()
    world.jump(6 * YEAR)
    ours = world.clock.now()
    store.add([fact("position", ours, ours)._replace(body='{"time_doubtful":true}')])
    store.add([fact("message", ours, ours)])
    check_retention(world.depot, world.watch)
    assert refused_run(store) is not None
    assert not world.lost()


def test_files_written_later_than_now_stop_the_run(tmp_path: Path) -> None:
    place = tmp_path / "depot.db"
    with Store(str(place)) as store:
        store.add([fact("position", NOW - 70 * DAY, NOW - 70 * DAY), fact("position", NOW)])
        later = time.time() + 30 * 86_400
        os.utime(place, (later, later))
        assert run_retention(store, TERMS, NOW) == {}
        assert [doubt.code for doubt in refused_run(store).why] == ["files_ahead"]  # type: ignore[union-attr]
        os.utime(place)
        assert run_retention(store, TERMS, NOW) == {"positions": 1}


# --- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 3_000])
def test_an_unusual_share_waits_for_a_person(store: Store, n: int) -> None:
    store.add([fact("position", NOW - 90 * DAY + timedelta(seconds=i)) for i in range(n)])
    store.add([fact("position", NOW - timedelta(seconds=i)) for i in range(n, 0, -1)])
    row = {"at_us": microseconds(NOW - DAY), "purpose": "all", "records": 0}
    store.write(lambda connection: connection.execute(insert(deletions).values(row)))
    assert run_retention(store, TERMS, NOW) == {}
    refusal = refused_run(store)
    assert refusal is not None
    assert [(d.code, d.purpose, d.records, d.of) for d in refusal.why] == [("share", "positions", n, 2 * n)]
    decide(Depot(store, None, ToldClock(NOW)), "right")
    assert store.count() == n
    assert refused_run(store) is None


def test_an_unusual_share_waits_for_a_person_however_long_and_whatever_comes_in_meanwhile(store: Store) -> None:
    world = World(store).filled(60)
    late = [fact("position", world.true - 90 * DAY + timedelta(seconds=k)) for k in range(40)]
    store.add(late)
    world.go_on(8 * HOUR, 6)
    open_refusals = refused_run(store)
    assert open_refusals is not None
    assert [doubt.code for doubt in open_refusals.why] == ["share"]
    for n in range(30):
        world.go_on(8 * HOUR)
        if n == 10:
            world.restart(5 * DAY)  # a doubt of the clock comes and goes
            world.go_on(timedelta(minutes=1), 1, sending=False)
    assert {one.id for one in late} <= world.there()
    still = refused_run(store)
    assert still is not None
    assert still.is_overdue(world.true)
    assert [(doubt.code, doubt.purpose) for doubt in still.why] == [("share", "positions")]
    decide(world.depot, "right")
    world.go_on(8 * HOUR, 6)
    assert refused_run(store) is None
    assert not world.overdue(DAY)
    assert not {one.id for one in late} & world.there()


def test_a_shorter_term_in_the_settings_asks_once(store: Store) -> None:
    world = World(store).filled()
    shorter = terms_of({"positions": 30})
    assert run_retention(store, shorter, world.true) == {}
    assert run_retention(store, TERMS, world.true) == {"positions": 9}
    assert refused_run(store) is None


def test_ten_facts_are_no_share_of_anything_and_still_no_prey_of_a_clock(store: Store) -> None:
    store.add([fact("outcome", NOW - 366 * DAY + n * HOUR) for n in range(9)])
    store.add([fact("outcome", NOW - DAY)])
    assert run_retention(store, TERMS, NOW + 2 * YEAR) == {}
    assert store.count() == 10
    assert run_retention(store, TERMS, NOW) == {"service": 9}


# --- everything else that has a term ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [6 * YEAR, -100 * DAY])
def test_pictures_looks_accounts_and_logins_outlive_a_wrong_clock_too(store: Store, by: timedelta) -> None:
    world = World(store).filled()
    world.restart()
    world.jump(by)
    world.go_on(timedelta(minutes=1), 2)
    photos._store_picture(world.depot, "0" * 64, "image/png", "T1", b"")
    audit_log.record_access(store, CHIEF, "replay 2026-11-20", "a complaint", world.clock.now())
    users.add_account(store, "ben", "planner", password=PASSWORD, now=world.clock.now())
    users.disable_account(store, "ben", world.clock.now())
    users.add_account(store, "eve", "planner", password=PASSWORD, now=world.clock.now())
    cookie = sessions.begin_session(world.depot, "eve")
    throttle.may_try(store, "eve", "10.0.0.1", world.clock.now())
    world.right()
    world.go_on(8 * HOUR, 3 * 50)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(pictures)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(attempts)).scalar() == 0
        assert connection.execute(select(func.count()).select_from(logins)).scalar() == 0
    assert sessions.find_session(world.depot, cookie) is None
    assert [one["what"] for one in audit_log.recorded_entries(store)] == ["replay 2026-11-20"]
    assert {account.name for account in users.all_accounts(store)} == {"ben", "eve"}
    world.go_on(8 * HOUR, 3 * 13)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(pictures)).scalar() == 0
    assert refused_run(store) is None


def test_nobody_stays_logged_in_out_of_the_future(store: Store) -> None:
    world = World(store).filled()
    world.jump(6 * YEAR)
    users.add_account(store, "eve", "planner", password=PASSWORD, now=world.clock.now())
    cookie = sessions.begin_session(world.depot, "eve")
    world.go_on(timedelta(minutes=1))
    world.right()
    world.go_on(timedelta(minutes=1))
    assert sessions.find_session(world.depot, cookie) is None


def test_no_day_is_archived_by_a_wrong_clock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(store).filled()
    called: list[datetime] = []
    monkeypatch.setattr("depot_api.privacy.archiving.archive_due_days", lambda depot, now: called.append(now))
    depot = Depot(store, object(), world.clock)  # type: ignore[arg-type]  # only asked whether there is one
    monitor = ClockMonitor(store, world.clock)
    world.jump(6 * YEAR)
    nightly.run_night(depot, world.clock.now(), monitor.update(world.clock.now()))
    nightly.run_night(depot, world.clock.now())
    assert called == []
    world.right()
    nightly.run_night(depot, world.clock.now(), monitor.update(world.clock.now()))
    assert len(called) == 1
    assert abs(called[0] - world.true) <= DAY


def test_days_that_a_refusal_held_back_are_archived_before_their_positions_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"date": (NOW - 80 * DAY).date().isoformat(), "version": 1, "published_us": 0, "published_by": "", "why": "",
           "sha256": "", "body": "", "nodes": ""}  # fmt: skip
    store.write(lambda connection: connection.execute(insert(plans).values(row)))
    late = {"at_us": microseconds(NOW - 30 * DAY), "purpose": "all", "records": 0}
    store.write(lambda connection: connection.execute(insert(deletions).values(late)))
    archived: list[object] = []
    monkeypatch.setattr("depot_api.privacy.archiving.network_of", lambda town: None)
    monkeypatch.setattr("depot_api.privacy.archiving.Matcher", lambda network: None)
    monkeypatch.setattr("depot_api.privacy.archiving.day_archive", lambda *given: ([], {}))
    monkeypatch.setattr("depot_api.privacy.archiving.zone_of", lambda depot: UTC)
    monkeypatch.setattr("depot_api.privacy.archiving.save_archive", lambda store, day, *rest: archived.append(day))

    town = SimpleNamespace(streets=SimpleNamespace(segments=()))
    archive_due_days(Depot(store, town, ToldClock(NOW)), NOW)  # type: ignore[arg-type]
    assert archived == days_to_archive(store, NOW.date())


# --- legal weights and working time -----------------------------------------------------------------------------------


def test_legal_weights_and_working_time_go_with_a_persons_yes_alone(store: Store) -> None:
    kinds = ("weighing", "ticket", "sorting", "duty")
    store.add([fact(kind, NOW - days * DAY) for days in (1830, 1829, 100) for kind in kinds])
    store.add([fact("position", NOW)])
    depot = Depot(store, None, ToldClock(NOW))
    for _ in range(2):
        run_retention(store, TERMS, NOW)
        assert store.count() == 13
    run_retention(store, TERMS, NOW, sure=True)
    assert store.count() == 13
    asked = {one.subject: one.why[0] for one in open_refusals(store)}
    assert {key: doubt.records for key, doubt in asked.items()} == {"weighings": 6, "working_time": 2}
    assert retention.waiting_for_yes(store, asked["weighings"]) == (6, NOW - 1830 * DAY, NOW - 1829 * DAY)
    decide(depot, "wrong", "weighings")
    assert store.count() == 13
    decide(depot, "yes", "weighings")
    assert store.count() == 7
    decide(depot, "yes", "working_time")
    assert store.count() == 5
    assert open_refusals(store) == []
    assert [(one["who"], one["what"]) for one in audit_log.recorded_entries(store)] == [
        ("anna", "retention working_time: yes"), ("anna", "retention weighings: yes"),
        ("anna", "retention weighings: wrong"),
    ]  # fmt: skip
    assert retention.oldest_records(store)["weighings"] == NOW - 100 * DAY


def test_a_yes_is_for_what_was_shown_and_nothing_that_came_due_since(store: Store) -> None:
    store.add([fact("ticket", NOW - 1828 * DAY), fact("ticket", NOW - 1826 * DAY), fact("position", NOW)])
    run_retention(store, TERMS, NOW)
    seen = open_refusals(store)[0]
    store.add([fact("position", NOW + 5 * DAY)])
    run_retention(store, TERMS, NOW + 5 * DAY)
    depot = Depot(store, None, ToldClock(NOW + 5 * DAY))
    given = {"refusal": str(seen.id), "how": "yes", "why": "five years", "until": instant_text(seen.until)}
    with pytest.raises(ValueError, match="load it again"):
        record_decision(depot, CHIEF, given, NOW + 5 * DAY)
    assert store.count() == 4


# --- the honest case --------------------------------------------------------------------------------------------------


def test_an_ordinary_depot_keeps_exactly_its_terms_over_four_hundred_nights_and_is_never_refused(
    tmp_path: Path,
) -> None:
    now = NOW.replace(hour=18)
    first = Store(f"{tmp_path}/depot.db")
    world = World(first, now)
    opened = [first]
    refusals: list[int] = []

    def live(days: int, weekends: bool = True) -> None:
        for _ in range(days):
            for _ in range(3):  # at two, ten and eighteen o'clock
                working = weekends or (world.true + 8 * HOUR).weekday() < 5
                world.go_on(8 * HOUR, sending=working)
                if refused_run(world.store) is not None:
                    refusals.append((world.true - now).days)
                assert not world.lost(timedelta(0))
            assert not world.overdue(DAY)

    try:
        live(90)
        live(60, weekends=False)
        world.restart(30 * DAY)  # off for a month
        for truck in ("T1", "T2"):
            world.report(world.true, world.true, truck)
        live(40)
        for n in range(48, 0, -1):  # a truck that drains 48 h
            world.report(world.true - n * HOUR, world.true, "T3")
        live(20)
        for n in range(31, 0, -1):  # a contractor's month
            world.report(world.true - n * DAY, world.true, "T8")
        live(50)
        back_up(f"{tmp_path}/depot.db", tmp_path / "backup.db")
        live(1)
        restore(tmp_path / "backup.db", f"{tmp_path}/restored.db")
        opened.append(Store(f"{tmp_path}/restored.db"))
        world.serve(opened[-1])
        kept_then = world.there()
        world.sent = {id: at for id, at in world.sent.items() if id in kept_then}
        live(100)
        for _ in range(40):  # closed, and the depot goes on
            world.go_on(8 * HOUR, 3, sending=False)
            assert not world.lost(timedelta(0))
            assert refused_run(world.store) is None
            assert not world.overdue(DAY)
    finally:
        for store in opened:
            store.close()
    assert refusals == []


def test_nights_that_are_run_by_hand_go_on_as_ever(store: Store) -> None:
    for night in range(130):
        now = NOW + night * DAY
        store.add([fact("position", now - n * HOUR) for n in range(8, 0, -1)])
        run_retention(store, TERMS, now)
        assert refused_run(store) is None
    oldest = min(one.at for one in store.facts("position"))
    assert oldest >= now - 61 * DAY
    assert store.count() == 61 * 8


def test_a_depot_that_was_off_for_months_goes_on_with_a_trucks_word_or_a_persons(store: Store) -> None:
    world = World(store).filled()
    world.restart(150 * DAY)
    world.go_on(HOUR, sending=False)
    refusal = refused_run(store)
    assert refusal is not None
    assert {doubt.code for doubt in refusal.why} == {"far_from_known", "far_from_last_run", "far_from_facts"}
    world.go_on(HOUR)
    refusal = refused_run(store)  # the time is sure; that everything is to go at once is still to be looked at
    assert refusal is not None
    assert [doubt.code for doubt in refusal.why] == ["share"]
    decide(world.depot, "right")
    assert refused_run(store) is None
    assert not world.overdue(DAY)
    assert not world.lost()


# --- any history of clocks --------------------------------------------------------------------------------------------

_SPAN = st.integers(-2_500, 2_500).map(lambda days: days * DAY) | st.integers(-72, 72).map(lambda h: h * HOUR)
_STEP = st.one_of(
    st.tuples(st.just("jump"), _SPAN),
    st.tuples(st.just("restart"), st.sampled_from([timedelta(minutes=5), 10 * HOUR, 5 * DAY, 40 * DAY])),
    st.tuples(st.just("work"), st.integers(1, 8).map(lambda n: n * 6 * HOUR)),
    st.tuples(st.just("rest"), st.integers(1, 8).map(lambda n: n * 6 * HOUR)),
    st.tuples(st.just("right"), st.just(timedelta(0))),
)


def test_whatever_the_clock_does_nothing_goes_within_its_term_and_all_goes_after_it(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:

        @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.booleans(), st.lists(_STEP, max_size=8))
        def holds(new: bool, steps: list[tuple[str, timedelta]]) -> None:
            store.write(lambda connection: [connection.execute(delete(table)) for table in metadata.sorted_tables])
            store.known_sources.clear()
            world = World(store) if new else World(store).filled(60)
            for what, span in steps:
                if what == "jump" and world.clock.now() + span > datetime(2021, 1, 1, tzinfo=UTC):
                    world.jump(span)
                elif what == "restart":
                    world.restart(span)
                elif what == "right":
                    world.right()
                elif what in ("work", "rest"):
                    world.go_on(6 * HOUR, span // (6 * HOUR), sending=what == "work")
                check_retention(world.depot, world.watch)
                assert not world.lost()
            world.right()
            world.go_on(4 * HOUR, 12)
            if refused_run(store) is not None:
                decide(world.depot, "right")
            world.go_on(4 * HOUR, 12)
            assert not world.lost()
            assert refused_run(store) is None
            assert not world.overdue(2 * DAY)
            world.go_on(DAY, 65)
            assert not world.overdue(3 * DAY)

        holds()


def test_the_slack_of_a_clock_is_shorter_than_any_term_that_matters() -> None:
    assert NEAR < FAR < min(days for key, days in TERMS.items() if key != "sessions") * DAY
