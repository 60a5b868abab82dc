"""Sessions: where the cookie goes, when a session ends, and what ends it at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select

from depot_api.accounts import sessions, users
from depot_api.accounts.sessions import COOKIE, IDLE, LONGEST
from depot_api.store.store import Store, StoreDown, instant_of
from depot_api.store.tables import sessions as table

from .asking import Asking
from .clocks import ToldClock
from .people_depot import NOW, PASSWORD, Scene, log_in, people_app, scene
from .test_audit_log import fill_up

__all__ = ["scene"]


def cookie_of(scene: Scene, **client: str) -> str:
    scene.person("planner")
    asking = Asking(scene.app, **client)
    return log_in(asking, "a.planner", PASSWORD).headers["set-cookie"]


def test_no_script_reads_the_cookie_and_no_other_site_sends_it(scene: Scene) -> None:
    cookie = cookie_of(scene).lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie


def test_behind_tls_the_cookie_never_goes_over_plain_http(scene: Scene) -> None:
    assert "secure" in cookie_of(scene, base_url="https://depot").lower()


def test_the_store_holds_the_cookies_hash_only(scene: Scene) -> None:
    cookie = cookie_of(scene).split("=", 1)[1].split(";")[0]
    with scene.store.read() as connection:
        assert cookie not in str(connection.execute(select(table)).all())


def test_a_session_ends_after_hours_without_use(scene: Scene) -> None:
    planner = scene.person("planner")
    for _ in range(2):
        scene.clock.at += IDLE - timedelta(minutes=2)
        assert planner.get("/me").status_code == 200
    scene.clock.at += IDLE + timedelta(minutes=1)
    assert planner.get("/me").status_code == 401


def test_a_session_in_use_all_day_ends_all_the_same(scene: Scene) -> None:
    planner = scene.person("planner")
    for _ in range(int(LONGEST / timedelta(hours=1)) - 1):
        scene.clock.at += timedelta(hours=1)
        assert planner.get("/me").status_code == 200
    scene.clock.at += timedelta(hours=1)
    assert planner.get("/me").status_code == 401


def test_a_clock_set_back_lengthens_no_session_beyond_its_end(scene: Scene) -> None:
    planner = scene.person("planner")
    scene.clock.at -= timedelta(hours=1)
    assert planner.get("/me").status_code == 200
    scene.clock.at += LONGEST + timedelta(hours=1)
    assert planner.get("/me").status_code == 401


def test_logging_out_ends_the_session_at_the_depot_and_not_only_in_the_browser(scene: Scene) -> None:
    planner = scene.person("planner")
    cookie = planner.cookies[COOKIE]
    assert planner.post("/logout").status_code == 303
    thief = Asking(scene.app, headers={"cookie": f"{COOKIE}={cookie}"})
    assert thief.get("/me").status_code == 401


def test_a_login_never_takes_over_a_session_that_was_there(scene: Scene) -> None:
    planner = scene.person("planner")
    before = planner.cookies[COOKIE]
    log_in(planner, "a.planner", PASSWORD)
    assert planner.cookies[COOKIE] != before
    assert Asking(scene.app, headers={"cookie": f"{COOKIE}={before}"}).get("/me").status_code == 401


@pytest.mark.parametrize("what", ["disable", "change", "password"])
def test_a_change_of_the_account_ends_its_sessions_at_once(scene: Scene, what: str) -> None:
    planner = scene.person("planner")
    if what == "disable":
        users.disable_account(scene.store, "a.planner", scene.clock.now())
    elif what == "change":
        users.change_account(scene.store, "a.planner", role="town", bound_to=["Monaco"])
    else:
        users.change_account(scene.store, "a.planner", password="another password")
    assert planner.get("/me").status_code == 401


def test_the_last_use_is_written_down_once_a_minute_at_most(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = scene.person("planner")
    writes = counted(scene.store, monkeypatch)
    for _ in range(5):
        planner.get("/me")
    assert not writes
    scene.clock.at += sessions.TOUCH + timedelta(seconds=1)
    planner.get("/me")
    until_written(scene)
    planner.get("/me")
    assert len(writes) == 1
    assert seen(scene) == scene.clock.now()


# --- where it cannot be written ------------------------------------------------------------------------------------


def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is written without anybody waiting for it, from now on."""
    writes: list[object] = []
    known = store.write_later

    def counting(task: Callable[[Connection], object]) -> Future[Any]:
        writes.append(task)
        return known(task)

    monkeypatch.setattr(store, "write_later", counting)
    return writes


def until_written(scene: Scene) -> None:
    """Until no use waits to be written, well or not."""
    until_s = time.monotonic() + 60
    while scene.app.state.depot.session_uses:
        assert time.monotonic() < until_s
        time.sleep(0.01)


def seen(scene: Scene) -> datetime:
    with scene.store.read() as connection:
        return instant_of(
            connection.execute(select(table.c.seen_us).order_by(table.c.seen_us.desc())).scalars().first()
        )


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Another process holds the database for writing."""
    with closing(sqlite3.connect(scene.store.url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_no_page_fails_or_waits_to_the_end_for_a_last_use_that_a_lock_keeps_from_being_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    people_here = [scene.person("planner"), scene.person("crew_leader"), scene.person("administrator")]
    scene.clock.at += sessions.TOUCH + timedelta(seconds=1)
    writes = counted(scene.store, monkeypatch)
    scene.store.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 120000"))
    with locked(scene):
        for _ in range(3):
            for person in people_here:
                assert person.get("/me").status_code == 200
                assert person.get("/account").status_code == 200
        assert len(scene.app.state.depot.session_uses) == 3, "none is written yet: the pages came before"
        assert len(writes) == 1, "and facts wait behind one piece of writing, not behind eighteen"
    until_written(scene)
    for person in people_here:
        person.get("/me")
    until_written(scene)
    assert seen(scene) == scene.clock.now()


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_no_page_fails_for_a_last_use_where_the_database_takes_no_writing(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SQLite without a disk to write to, a PostgreSQL standby: read only."""
    where = f"sqlite:///{tmp_path}/depot.db" if url == "sqlite" else request.getfixturevalue("postgres_url")
    frozen = "PRAGMA query_only = on" if url == "sqlite" else "SET SESSION default_transaction_read_only = on"
    clock = ToldClock(NOW)
    with Store(where) as store:
        scene = Scene(store, people_app(store, clock), clock)
        planner = scene.person("planner")
        store.write(lambda connection: connection.exec_driver_sql(frozen))
        with pytest.raises(StoreDown):
            store.write(lambda connection: connection.execute(delete(table)))
        for _ in range(3):
            clock.at += sessions.TOUCH + timedelta(seconds=1)
            assert planner.get("/me").status_code == 200
            until_written(scene)
        assert seen(scene) == NOW
        with pytest.raises(StoreDown):  # which the depot answers with 503: a try that is not counted is none
            log_in(scene.nobody(), "a.planner", PASSWORD)
        store.databases.writer.dispose()  # the next connection may write again
        assert planner.get("/me").status_code == 200
        until_written(scene)
        assert seen(scene) == clock.now()


def test_a_page_is_shown_while_the_disk_is_full(scene: Scene) -> None:
    planner = scene.person("planner")
    fill_up(scene.store)
    for _ in range(3):
        scene.clock.at += sessions.TOUCH + timedelta(seconds=1)
        assert planner.get("/me").status_code == 200
        until_written(scene)


def test_a_session_whose_use_cannot_be_written_for_hours_ends_as_if_it_had_none(scene: Scene) -> None:
    planner = scene.person("planner")
    scene.store.write(lambda connection: connection.exec_driver_sql("PRAGMA query_only = on"))
    for _ in range(int(IDLE / timedelta(hours=1)) - 1):
        scene.clock.at += timedelta(hours=1)
        assert planner.get("/me").status_code == 200
        until_written(scene)
    scene.clock.at += timedelta(hours=1)
    assert planner.get("/me").status_code == 401


def test_a_page_asked_for_while_the_store_closes_is_told_so(scene: Scene) -> None:
    planner = scene.person("planner")
    scene.clock.at += sessions.TOUCH + timedelta(seconds=1)
    scene.store._closing = True
    assert planner.get("/me").status_code == 200
    assert scene.app.state.depot.session_uses == {}
    scene.store._closing = False
