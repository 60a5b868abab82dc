"""A refusal is told at once and every day, on pages, by /health, by /metrics and by mail; a person decides it."""

from __future__ import annotations

import html
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from depot_api.access import audit_log
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.known_time.clock import ClockMonitor, Doubt
from depot_api.known_time.refusals import notify_administrators, open_refusals, record_refusal, refused_run
from depot_api.privacy import retention
from depot_api.privacy.nightly import check_retention
from depot_api.privacy.refusal_notices import mailer_of
from depot_api.privacy.retention import run_retention
from depot_api.settings.depot import DepotSettings
from depot_api.settings.file import read_depot_file
from depot_api.settings.mail import Mail
from depot_api.settings.retention_terms import terms_of
from depot_api.state.depot import Depot
from depot_api.store.store import NewFact, Store, microseconds
from depot_api.store.tables import deletions
from fleet import new_id
from ripeur import main

from .asking import Asking
from .clocks import ToldClock
from .people_depot import NOW, Scene, csrf_in, people_app, scene

__all__ = ["scene"]

TERMS = terms_of({})
DAY = timedelta(days=1)


def fact(kind: str, at: datetime) -> NewFact:
    id = bytes.fromhex(new_id(at).replace("-", ""))
    return NewFact(id, kind, "T1", microseconds(at), microseconds(at), "{}")


def refuse_by_clock(store: Store, now: datetime = NOW) -> None:
    """A depot whose last fact is six years old."""
    store.add([fact("position", now - 2200 * DAY), fact("ticket", now - 2200 * DAY)])
    assert run_retention(store, TERMS, now) == {}


def test_the_pages_of_administrators_and_representatives_say_it_and_nobody_elses(scene: Scene) -> None:
    chief, staff, planner = (scene.person(r) for r in ("administrator", "staff_representative", "planner"))
    assert "suspendu" not in chief.get("/people").text
    refuse_by_clock(scene.store)
    for asking, path in ((chief, "/people"), (chief, "/looks"), (chief, "/privacy"), (staff, "/privacy")):
        assert "L&#x27;effacement est suspendu" in asking.get(path).text
    for asking in (planner, scene.nobody()):
        assert "suspendu" not in asking.get("/privacy").text
    page = html.unescape(chief.get("/privacy?lang=en").text)
    assert "The depot's clock says 2026-11-23 06:00." in page
    assert "The newest record of the trucks is far: 2020-11-14 06:00." in page
    assert "The clock is right: delete" in page
    assert "The clock is right: delete" not in html.unescape(staff.get("/privacy?lang=en").text)


def test_after_seven_days_the_page_says_that_a_person_must_decide(scene: Scene) -> None:
    chief = scene.person("administrator")
    refuse_by_clock(scene.store)
    assert "À DÉCIDER" not in chief.get("/privacy").text
    scene.clock.at += 7 * DAY
    chief = scene.person("administrator")
    assert "À DÉCIDER" in chief.get("/privacy").text
    assert "À DÉCIDER" in chief.get("/people").text


def test_who_is_asked_about_a_share_is_not_asked_about_the_clock(scene: Scene) -> None:
    share = Doubt("share", None, "positions", 6_000, 8_928)
    record_refusal(scene.store, [share], NOW)
    page = html.unescape(scene.person("administrator").get("/privacy?lang=en").text)
    assert "Keep, ask again" in page
    assert "It is meant so: delete" in page
    assert "The clock is right: delete" not in page
    record_refusal(scene.store, [Doubt("known_ahead", NOW), share], NOW)
    assert "The clock is right: delete" in scene.person("administrator").get("/privacy?lang=en").text


def given(scene: Scene, page: str, how: str, why: str = "looked at the wall") -> dict[str, str]:
    """The form of the first refusal on a page, filled in."""
    part = page.split('action="/privacy/decisions"')[1]
    fields = {name: part.split(f'name="{name}" value="')[1].split('"')[0] for name in ("refusal", "shown", "until")}
    return {**fields, "how": how, "why": why, "csrf": csrf_in(page)}


def test_an_administrator_decides_on_the_page_and_it_is_noted_with_name_and_reason(scene: Scene) -> None:
    chief = scene.person("administrator")
    refuse_by_clock(scene.store)
    form = given(scene, chief.get("/privacy").text, "wrong")
    assert chief.post("/privacy/decisions", data=form).status_code == 303
    assert scene.store.count() == 2
    assert refused_run(scene.store) is not None
    form = given(scene, chief.get("/privacy").text, "right")
    assert chief.post("/privacy/decisions", data=form).status_code == 303
    assert [f.kind for f in scene.store.facts()] == ["ticket"]  # which asks for itself
    assert refused_run(scene.store) is None
    noted = [(one["who"], one["what"], one["why"]) for one in audit_log.recorded_entries(scene.store)]
    assert noted == [
        ("a.administrator", "retention run: right", "looked at the wall"),
        ("a.administrator", "retention run: wrong", "looked at the wall"),
    ]
    form = given(scene, chief.get("/privacy").text, "yes", "after five years")
    assert chief.post("/privacy/decisions", data=form).status_code == 303
    assert scene.store.count() == 0
    assert "retention weighings: yes" in chief.get("/looks").text


def test_a_decision_is_refused_that_nobody_may_take_or_that_is_of_another_moment(scene: Scene) -> None:
    chief, staff = scene.person("administrator"), scene.person("staff_representative")
    refuse_by_clock(scene.store)
    form = given(scene, chief.get("/privacy").text, "right")
    headers = chief.client.pop("headers")
    assert chief.post("/privacy/decisions", data={**form, "csrf": "guess"}).status_code == 403
    chief.client["headers"] = headers
    assert staff.post("/privacy/decisions", data=form).status_code == 403
    assert scene.nobody().post("/privacy/decisions", data=form).status_code == 401
    for wrong in (
        {"how": "maybe"}, {"how": "yes"}, {"why": "no"}, {"why": ""}, {"refusal": "99"}, {"refusal": ""},
        {"shown": "2020-01-01T00:00:00Z"}, {"shown": "now"}, {"why": "a zero \0 character"},
    ):  # fmt: skip
        answer = chief.post("/privacy/decisions", data=form | wrong)
        assert answer.status_code == 422, wrong
    assert scene.store.count() == 2
    scene.clock.at += timedelta(hours=2)  # the clock has gone on, or jumped, since the page was read
    assert chief.post("/privacy/decisions", data=form).status_code == 422
    assert audit_log.recorded_entries(scene.store) == []


def test_health_tells_the_staff_and_nobody_else(scene: Scene) -> None:
    app = depot_app(scene.store, clock=scene.clock)
    people = {role: scene.person(role) for role in ("administrator", "planner", "contractor")}
    monitor, box = scene.machine("monitor"), scene.machine("box")
    asked = Asking(app)
    assert asked.get("/health").json() == {"status": "ok"}
    for asking in (*people.values(), monitor, box):
        asking.app = app
    assert monitor.get("/health").json() == {"status": "ok", "retention": {"state": "ok"}}
    refuse_by_clock(scene.store)
    for asking in (asked, box, people["contractor"]):
        assert asking.get("/health").json() == {"status": "ok"}
    for asking in (monitor, people["planner"], people["administrator"]):
        told = asking.get("/health")
        assert told.status_code == 200
        assert told.json()["retention"] == {
            "state": "refused", "since": "2026-11-23T06:00:00Z", "decide_by": "2026-11-30T06:00:00Z", "overdue": False,
            "why": ["far_from_known", "far_from_facts"],
        }  # fmt: skip


def test_metrics_show_a_refusal_and_the_last_run(scene: Scene) -> None:
    monitor = scene.machine("monitor")
    assert "ripeur_retention_refused 0.0" in monitor.get("/metrics").text
    refuse_by_clock(scene.store)
    text = monitor.get("/metrics").text
    assert "ripeur_retention_refused 1.0" in text
    since = next(line for line in text.splitlines() if line.startswith("ripeur_retention_refused_since_seconds "))
    assert float(since.split()[1]) == NOW.timestamp()
    row = {"at_us": microseconds(NOW), "purpose": "all", "records": 0}
    scene.store.write(lambda connection: connection.execute(insert(deletions).values(row)))
    assert "ripeur_retention_last_run_seconds" in monitor.get("/metrics").text


def test_the_console_says_it_to_who_watches_the_day_and_not_to_a_contractor(scene: Scene) -> None:
    app = depot_app(scene.store, clock=scene.clock)
    planner, contractor = scene.person("planner"), scene.person("contractor")
    planner.app = contractor.app = app
    assert '<p id="notice" role="alert" hidden>' in planner.get("/console").text
    refuse_by_clock(scene.store)
    assert "Deletion held back" in planner.get("/console?lang=en").text
    assert '<p id="notice" role="alert" hidden>' in contractor.get("/console").text


def test_it_is_told_at_once_and_daily_what_asks_monthly(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    sent: list[str] = []
    record_refusal(scene.store, [Doubt("last_run_ahead", NOW + 900 * DAY)], NOW)
    record_refusal(scene.store, [Doubt("asks", NOW, "weighings", 5)], NOW, "weighings")
    with caplog.at_level(logging.ERROR):
        for hours in range(0, 24 * 40, 6):
            notify_administrators(scene.store, NOW + timedelta(hours=hours), lambda one: sent.append(one.subject))
    assert sent.count("run") == 40
    assert sent.count("weighings") == 2
    assert sum(record.message == "retention refused" for record in caplog.records) == 40


def test_a_mail_that_cannot_be_sent_is_tried_again_within_the_hour_and_stops_nothing(scene: Scene) -> None:
    tried: list[str] = []

    def broken(_: object) -> None:
        tried.append("")
        raise ConnectionRefusedError

    record_refusal(scene.store, [Doubt("last_run_ahead", NOW + 900 * DAY)], NOW)
    for minutes in range(0, 181, 30):
        notify_administrators(scene.store, NOW + timedelta(minutes=minutes), broken)
    assert len(tried) == 4


# --- mail ---------------------------------------------------------------------------------------------------------


class _Smtp(socketserver.StreamRequestHandler):
    """Enough of RFC 5321 for one message."""

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                message = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.messages.append(message)  # type: ignore[attr-defined]
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@contextmanager
def smtp() -> Iterator[tuple[int, list[bytes]]]:
    """A mail server on loopback: its port, and what it took."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.messages = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], server.messages  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_administrators_get_a_mail_in_both_languages_that_names_no_truck(tmp_path: Path) -> None:
    with smtp() as (port, messages), Store(f"{tmp_path}/depot.db") as store:
        mail = Mail("127.0.0.1", "depot@example.org", ("anna@example.org", "ben@example.org"), port, "none")
        clock = ToldClock(NOW)
        depot = Depot(store, None, clock, None, DepotSettings(mail=mail))
        store.add([fact("position", NOW)])
        monitor = ClockMonitor(store, clock)
        check_retention(depot, monitor, mailer_of(depot))
        assert messages == []
        clock.at += 2200 * DAY
        for _ in range(3):
            check_retention(depot, monitor, mailer_of(depot))
        assert len(messages) == 1
        clock.gone_s += DAY.total_seconds()
        check_retention(depot, monitor, mailer_of(depot))
        assert len(messages) == 2
    text = messages[0].decode()
    assert "To: anna@example.org, ben@example.org" in text
    assert "2032" in text
    assert "/privacy" in text
    assert "T1" not in text


def test_mail_is_set_in_depot_toml_and_its_secret_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "mail-secret").write_text("hunter2\n")
    file = tmp_path / "depot.toml"

    def read(text: str) -> Any:
        file.write_text(f'[mail]\nhost = "smtp.example.org"\nfrom = "a@b.org"\nto = ["c@d.org"]\n{text}')
        return read_depot_file(file)["mail"]

    mail = read('user = "depot"\npassword_file = "mail-secret"\nport = 465\ntls = "tls"\n')
    assert (mail.password, mail.port, mail.tls) == ("hunter2", 465, "tls")
    assert "hunter2" not in repr(mail)
    assert read("").tls == "starttls"
    for wrong in (
        "port = 0", "port = true", 'port = "25"', 'tls = "no"', "user = 5", 'colour = "red"', 'password = "x"',
        'tls = "none"\npassword_file = "mail-secret"', "user = ''",
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\[mail\]"):
            read(wrong)
    for text in (
        'host = "h"', 'host = "h"\nfrom = "a"\nto = ["c@d.org"]', 'host = "h"\nfrom = "a@b"\nto = []',
        'host = "h"\nfrom = "a@b.org"\nto = [5]', 'host = "h"\nfrom = "a@b.org\\nBcc: x@y"\nto = ["c@d"]',
    ):  # fmt: skip
        file.write_text(f"[mail]\n{text}\n")
        with pytest.raises(ValueError, match=r"\[mail\]"):
            read_depot_file(file)


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_tells_a_refusal_and_takes_a_decision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"{tmp_path}/depot.db"
    now = datetime.now(NOW.tzinfo)
    with Store(url) as store:
        store.add([fact("ticket", now - 2000 * DAY), fact("position", now - 100 * DAY)])

    def ripeur(*given: str) -> tuple[int, str]:
        code = main(["retention", "--db", url, *given])
        told = capsys.readouterr()
        return code, told.out + told.err

    code, told = ripeur("--dry-run")
    assert code == 0
    assert "a run would be REFUSED now:" in told
    with Store(url) as store:
        assert open_refusals(store) == []
    code, told = ripeur()
    assert code == 1
    assert "REFUSED since" in told
    assert "0 deleted" in told
    assert ripeur("--clock-was-wrong", "the battery was flat")[0] == 1
    assert ripeur("--clock-is-right", "no")[0] == 2
    code, told = ripeur("--clock-is-right", "compared with the radio clock")
    assert code == 0
    assert "1 deleted" in told
    assert "weighings waits for an administrator's yes" in told
    assert "1 deleted" in ripeur("--yes", "weighings", "after five years")[1]
    assert ripeur("--yes", "weighings", "once more")[0] == 2
    with Store(url) as store:
        assert store.count() == 0
        assert [one["what"] for one in audit_log.recorded_entries(store)] == [
            "retention weighings: yes", "retention run: right", "retention run: wrong",
        ]  # fmt: skip
        assert all("(ripeur retention)" in one["who"] for one in audit_log.recorded_entries(store))


def test_a_refusal_is_kept_as_json_that_comes_back_the_same(scene: Scene) -> None:
    why = [Doubt("share", None, "positions", 5, 7), Doubt("far_from_known", NOW)]
    record_refusal(scene.store, why, NOW)
    one = refused_run(scene.store)
    assert one is not None
    assert list(one.why) == why
    assert json.dumps([d.code for d in one.why])
    assert one.shares == [one.why[0]]


def test_a_refusal_that_began_in_the_future_begins_when_the_clock_came_back(scene: Scene) -> None:
    for at in (NOW + 2200 * DAY, NOW, NOW + DAY):
        record_refusal(scene.store, [Doubt("far_from_known", NOW)], at)
    one = refused_run(scene.store)
    assert one is not None
    assert one.at == NOW
    assert [one.is_overdue(NOW + n * DAY) for n in (6, 7)] == [False, True]


def test_a_monitors_token_and_an_old_database_are_no_trouble(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        token = make_token(store, "monitor", "prometheus")
        app = people_app(store, ToldClock(NOW))
        answer = Asking(app, headers={"authorization": f"Bearer {token}"}).get("/metrics")
        assert "ripeur_retention_refused 0.0" in answer.text
        assert retention.run_doubts(store, TERMS, NOW) == []
