"""Sessions: where the cookie goes, when a session ends, and what ends it at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from depot_api import people, sessions
from depot_api.sessions import COOKIE, IDLE, LONGEST
from depot_api.tables import sessions as table

from .asking import Asking
from .people_depot import PASSWORD, Scene, log_in, scene

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
        people.disable(scene.store, "a.planner", scene.clock.now())
    elif what == "change":
        people.change(scene.store, "a.planner", role="town", bound_to=["Monaco"])
    else:
        people.change(scene.store, "a.planner", password="another password")
    assert planner.get("/me").status_code == 401


def test_the_last_use_is_written_down_once_a_minute_at_most(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = scene.person("planner")
    writes: list[object] = []
    monkeypatch.setattr(type(scene.store), "write", lambda *given: writes.append(given))
    for _ in range(5):
        planner.get("/me")
    assert not writes
    scene.clock.at += sessions.TOUCH + timedelta(seconds=1)
    planner.get("/me")
    assert len(writes) == 1
