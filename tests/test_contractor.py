"""The contractor: positions by CSV, its own lines only, and a sheet that is the same for both sides."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from dashboards.contractor.sheet import COLUMNS, STATES, Sheet, UndoneLine, evidence_text, sheet_csv
from depot_api.access.audit_log import recorded_entries
from depot_api.accounts import sessions, users
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.reports import contractor
from depot_api.reports.contractor import RefusedRow, read_positions
from depot_api.settings.roles import Caller
from depot_api.store.store import NewFact, Store, StoreDown
from depot_api.store.tables import services
from onboard.clock import DrillClock

from .asking import Asking
from .chromium import Chromium

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
ACME = Caller("contractor", "acme", ("T1", "T2"))
PASSWORD = "a long enough password"


def told(task: str, status: str, reason: str, **more: Any) -> dict[str, Any]:
    """A task's state as it is kept when its day is closed (``LiveTour.street``)."""
    return {
        "task": task, "name": "Rue <Haute>", "kind": "street", "side": "left", "planned_at": "2026-11-20T06:10:00Z",
        "expected_at": None, "status": status, "reason": reason, "share": 0.4 if status == "partly" else 0.0,
        "from_at": None, "until_at": None, "passed_over": True, "tour": "A", "served_by": None,
        "evidence": [
            {"what": "driven_by", "from_at": "2026-11-20T06:12:00Z", "until_at": "2026-11-20T06:13:00Z",
             "amount": 120.0, "unit": "m", "note": ""},
            {"what": "lifts", "from_at": "2026-11-20T06:12:00Z", "until_at": "2026-11-20T06:12:00Z",
             "amount": 0.0, "unit": "lifts", "note": ""},
        ],
        "crew": {"outcome": "blocked", "at": "2026-11-20T06:12:30Z", "note": "=SUM(A1) van", "photos": []},
    } | more  # fmt: skip


LINES = [
    ("2026-11-20", "A", "w1", "T1", told("w1", "missed", "crew_blocked")),
    ("2026-11-20", "A", "w2", "T1", told("w2", "done", "collected")),
    ("2026-11-20", "A", "w3", "T1", told("w3", "pending", "not_tracked", planned_at="2026-11-20T06:00:00Z")),
    ("2026-11-21", "B", "w1", "T2", told("w1", "partly", "part_of_length")),
    ("2026-11-21", "C", "w9", "T9", told("w9", "missed", "not_visited")),
    ("2026-12-01", "A", "w1", "T1", told("w1", "missed", "not_visited")),
]


class Depot:
    """A depot with a closed November, a contractor and a planner."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.app = depot_app(store, clock=DrillClock(NOW, 0.001))
        if not any(getattr(route, "path", "").startswith("/contractor") for route in self.app.routes):
            self.app.include_router(contractor.router)
        users.add_account(store, "acme", "contractor", password=PASSWORD, now=NOW, bound_to=("T1", "T2"))
        users.add_account(store, "other", "contractor", password=PASSWORD, now=NOW, bound_to=("T9",))
        users.add_account(store, "paula", "planner", password=PASSWORD, now=NOW)
        rows = [
            {"date": day, "tour": tour, "task": task, "truck": truck, "state": body["status"],
             "body": orjson.dumps(body).decode()}
            for day, tour, task, truck, body in LINES
        ]  # fmt: skip
        store.write(lambda connection: connection.execute(insert(services), rows))

    def as_(self, name: str) -> Asking:
        cookie = sessions.begin_session(self.app.state.depot, name)
        asking = Asking(self.app)
        asking.cookies.set(sessions.COOKIE, cookie)
        session = sessions.find_session(self.app.state.depot, cookie)
        assert session is not None
        asking.csrf = session.csrf
        return asking


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    with Store(f"sqlite:///{tmp_path}/depot.db") as store:
        yield Depot(store)


# --- positions by CSV ----------------------------------------------------------------------------------------------

GOOD = "truck,at,lat_deg,lon_deg,speed_kmh,heading_deg,eph_m\nT1,2026-11-20T05:00:00Z,43.74,7.42,18,90,4\n"


def read(text: str, who: Caller = ACME) -> tuple[list[dict[str, Any]], list[RefusedRow]]:
    rows = list(read_positions(text, who, NOW))
    facts = [orjson.loads(row.body) for row in rows if isinstance(row, NewFact)]
    return facts, [row for row in rows if isinstance(row, RefusedRow)]


def test_a_row_is_a_position_in_our_units() -> None:
    (fact,), refused = read(GOOD)
    assert refused == []
    assert fact == {
        "kind": "position", "id": fact["id"], "truck": "T1", "at": "2026-11-20T05:00:00Z", "lat_deg": 43.74,
        "lon_deg": 7.42, "speed_mps": 5.0, "heading_deg": 90.0, "eph_m": 4.0,
    }  # fmt: skip


def test_a_spreadsheet_of_a_country_with_decimal_commas_is_read() -> None:
    text = "\ufeffAt;Lat_deg;Lon_deg;speed_mps\r\n2026-11-20T06:00:00+01:00;43,74;7,42;\r\n\r\n"
    (fact,), refused = read(text, Caller("contractor", "acme", ("T1",)))
    assert refused == []
    assert (fact["truck"], fact["at"], fact["lat_deg"]) == ("T1", "2026-11-20T05:00:00Z", 43.74)
    assert "speed_mps" not in fact


def test_each_row_is_judged_alone_and_the_good_ones_survive() -> None:
    text = GOOD + (
        "T9,2026-11-20T05:00:01Z,43.74,7.42,,,\n"
        "T1,2026-11-20 05:00,43.74,7.42,,,\n"
        "T1,2026-11-20T05:00:02Z,93.74,7.42,,,\n"
        "T1,2026-11-20T05:00:03Z,north,7.42,,,\n"
        "T1,2026-11-20T05:00:04Z,,,,,\n"
        "T1,2036-11-20T05:00:05Z,43.74,7.42,,,\n"
        "T1\n"
        "T2,2026-11-20T05:00:06Z,43.75,7.43,,,\n"
    )
    facts, refused = read(text)
    assert [fact["truck"] for fact in facts] == ["T1", "T2"]
    assert [each.row for each in refused] == [3, 4, 5, 6, 7, 8, 9]
    for each, said in zip(
        refused,
        [
            "T9 is not what",
            "must be written",
            "must be from -90 to 90",
            "lat_deg = 'north'",
            "are missing",
            "ahead",
            "",
        ],
        strict=True,
    ):
        assert said in each.why


@pytest.mark.parametrize(
    "head", ["", "at,lat_deg\n", "truck,at,lat_deg,lon_deg,at\n", "at,lat_deg,lon_deg\n", "{}", "a" * 5000]
)
def test_a_head_that_cannot_be_meant_is_refused(head: str) -> None:
    with pytest.raises(ValueError, match="must name"):
        list(read_positions(head, ACME, NOW))


@given(st.text(max_size=200), st.booleans())
def test_no_text_breaks_the_reader(text: str, with_head: bool) -> None:
    try:
        facts, _ = read((GOOD if with_head else "") + text)
    except ValueError:
        assert not with_head
        return
    assert len(facts) >= with_head or '"' in text


def test_a_file_is_taken_once_however_often_it_is_sent(depot: Depot) -> None:
    acme = depot.as_("acme")
    bad = GOOD + "T1,soon,43.7,7.4,,,\n"
    for _ in range(2):
        answer = acme.post("/contractor/positions", content=bad.encode("cp1252"), headers={"X-CSRF-Token": acme.csrf})
        assert answer.status_code == 200
        assert answer.json()["stored"] == 1
        assert answer.json()["refused_rows"] == 1
        assert answer.json()["refused"][0]["row"] == 3
    assert len(list(depot.store.facts("position"))) == 1


def test_a_contractors_box_sends_the_same_file_by_its_token_and_for_its_own_truck_only(depot: Depot) -> None:
    token = make_token(depot.store, "box", "T1", now=NOW)
    text = GOOD + "T2,2026-11-20T05:00:06Z,43.75,7.43,,,\n"
    asking = Asking(depot.app, headers={"Authorization": f"Bearer {token}"})
    answer = asking.post("/contractor/positions", content=text).json()
    assert (answer["stored"], answer["refused_rows"]) == (1, 1)
    assert asking.post("/contractor/positions", content="nothing").status_code == 422


def test_who_may_not_send_positions_is_turned_away(depot: Depot) -> None:
    assert Asking(depot.app).post("/contractor/positions", content=GOOD).status_code == 401
    paula = depot.as_("paula")
    answer = paula.post("/contractor/positions", content=GOOD, headers={"X-CSRF-Token": paula.csrf})
    assert answer.status_code == 403
    acme = depot.as_("acme")
    assert acme.post("/contractor/positions", content=GOOD).status_code == 403  # forged: no CSRF token


def test_a_database_that_is_down_is_said(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(rows: object) -> None:
        raise StoreDown("the disk is away")

    monkeypatch.setattr(depot.store, "add", down)
    acme = depot.as_("acme")
    answer = acme.post("/contractor/positions", content=GOOD, headers={"X-CSRF-Token": acme.csrf})
    assert answer.status_code == 503


# --- the monthly sheet ---------------------------------------------------------------------------------------------


def test_both_sides_see_the_same_lines_and_a_contractor_its_own_only(depot: Depot) -> None:
    own = depot.as_("acme").get("/contractor/undone.json?month=2026-11").json()
    theirs = depot.as_("paula").get("/contractor/undone.json?month=2026-11&contractor=acme").json()
    assert own == theirs
    assert [(line["date"], line["task"], line["status"]) for line in own["lines"]] == [
        ("2026-11-20", "w3", "pending"),
        ("2026-11-20", "w1", "missed"),
        ("2026-11-21", "w1", "partly"),
    ]
    assert depot.as_("acme").get("/contractor/undone.json?month=2026-11&contractor=other").status_code == 403
    assert depot.as_("paula").get("/contractor/undone.json?month=2026-11&contractor=nobody").status_code == 404
    assert depot.as_("paula").get("/contractor/undone.json?month=2026-11").status_code == 422
    for month in ("2026-13", "0000-01", "٢٠٢٦-01"):
        assert depot.as_("acme").get("/contractor/undone.json", params={"month": month}).status_code == 422
    assert Asking(depot.app).get("/contractor/undone.json").status_code == 401


def test_every_look_at_the_sheet_is_noted(depot: Depot) -> None:
    depot.as_("paula").get("/contractor/undone.json?month=2026-11&contractor=acme")
    (look,) = recorded_entries(depot.store)
    assert (look["who"], look["what"]) == ("paula", "undone 2026-11 acme")


def test_a_note_of_either_side_is_added_and_seen_by_both(depot: Depot) -> None:
    acme, paula = depot.as_("acme"), depot.as_("paula")
    line = {"month": "2026-11", "date": "2026-11-20", "tour": "A", "task": "w1"}
    for asking, text in ((acme, "Rue barrée,  voir photo"), (paula, "Accepté <ok>")):
        answer = asking.post(
            "/contractor/notes", data={**line, "contractor": "acme", "text": text, "csrf": asking.csrf}
        )
        assert answer.status_code == 303
        page = asking.get(answer.headers["location"])
        assert page.status_code == 200
    lines = acme.get("/contractor/undone.json?month=2026-11").json()["lines"]
    notes = next(each["notes"] for each in lines if each["task"] == "w1")
    assert [(record_access["who"], record_access["role"], record_access["text"]) for record_access in notes] == [
        ("acme", "contractor", "Rue barrée, voir photo"),
        ("paula", "planner", "Accepté <ok>"),
    ]
    assert "Accepté &lt;ok&gt;" in page.text


def test_the_sheet_is_the_same_on_both_databases(db_url: str) -> None:
    with Store(db_url) as store:
        Depot(store)
        contractor.add_note(store, ACME, "2026-11-20", "A", "w1", ACME.bound_to, "barrée", NOW)
        lines = contractor.undone_lines(store, "2026-11", ACME.bound_to)
        assert [(line.task, [record_access.text for record_access in line.notes]) for line in lines] == [
            ("w3", []),
            ("w1", ["barrée"]),
            ("w1", []),
        ]


@pytest.mark.parametrize(
    "change",
    [
        {"task": "w2"},  # served: no line
        {"task": "w9", "tour": "C", "date": "2026-11-21"},  # another contractor's
        {"text": "   "},
        {"text": "x" * 1_500},
        {"text": "a\0b"},
    ],
)
def test_a_note_on_no_line_of_ones_own_is_refused(depot: Depot, change: dict[str, str]) -> None:
    acme = depot.as_("acme")
    form = {"month": "2026-11", "date": "2026-11-20", "tour": "A", "task": "w1", "text": "no", "csrf": acme.csrf}
    answer = acme.post("/contractor/notes", data=form | change)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "Observation" in answer.text.partition('role="alert"')[2].partition("</p>")[0]
    assert all(not line["notes"] for line in acme.get("/contractor/undone.json?month=2026-11").json()["lines"])


def test_a_forged_note_is_refused(depot: Depot) -> None:
    form = {"month": "2026-11", "date": "2026-11-20", "tour": "A", "task": "w1", "text": "no"}
    assert depot.as_("acme").post("/contractor/notes", data=form).status_code == 403


def test_the_csv_holds_the_same_lines_and_no_formula(depot: Depot) -> None:
    answer = depot.as_("acme").get("/contractor/undone.csv?month=2026-11&lang=en")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["date"], row["task"], row["state"], row["reason"]) for row in rows] == [
        ("2026-11-20", "w3", "pending", "not_tracked"),
        ("2026-11-20", "w1", "missed", "crew_blocked"),
        ("2026-11-21", "w1", "partly", "part_of_length"),
    ]
    assert rows[0]["evidence"] == "Driven by: 120 m 06:12–06:13; Bins lifted: 0 06:12"
    assert rows[0]["crew_note"] == "'=SUM(A1) van"


def test_the_page_shows_the_lines_in_both_languages_without_a_script_of_others(depot: Depot) -> None:
    for lang, said in (("fr", "non fait"), ("en", "missed")):
        answer = depot.as_("acme").get(f"/contractor?month=2026-11&lang={lang}")
        assert answer.status_code == 200
        assert f"<b>{said}</b>" in answer.text
        assert "Rue &lt;Haute&gt;" in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert not re.search(r'(src|href)="(https?:)?//', answer.text)
        assert "km/h" not in re.sub(r"speed_kmh", "", answer.text)
    assert depot.as_("acme").get("/contractor.js").status_code == 200
    choose = depot.as_("paula").get("/contractor")
    assert "<option>acme</option>" in choose.text
    assert 'id="upload"' not in choose.text


@pytest.mark.browser
def test_in_a_browser_a_file_is_sent_and_each_refused_row_named(depot: Depot, tmp_path: Path) -> None:
    server = uvicorn.Server(uvicorn.Config(depot.app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with Chromium(tmp_path / "profile") as page:
            page.cookie(url, sessions.COOKIE, sessions.begin_session(depot.app.state.depot, "acme"))
            page.open(f"{url}/contractor?month=2026-11&lang=en")
            page.wait("document.readyState == 'complete' && document.getElementById('upload')")
            text = json.dumps(GOOD + "T1,soon,43.7,7.4,,,\n")
            page.run(
                f"(() => {{ const some = new DataTransfer(); some.items.add(new File([{text}], 'a.csv'));"
                "form.elements.file.files = some.files; form.requestSubmit(); })()"
            )
            page.wait("uploaded.innerText")
            said = page.run("uploaded.innerText")
            assert said.startswith("1 positions stored, 1 refused.")
            assert "Row 3: 'soon', must be written" in said
            # longer than the depot takes at once: in parts, each row by its number in the file
            head, row = json.dumps(GOOD.splitlines()[0] + "\n"), json.dumps(GOOD.splitlines()[1] + "\n")
            page.run(
                f"(() => {{ const long = {head} + {row}.repeat(10000) + 'T1,late,43.7,7.4,,,\\n' + {row}.repeat(15000);"
                "const some = new DataTransfer(); some.items.add(new File([long], 'b.csv'));"
                "uploaded.replaceChildren(); form.elements.file.files = some.files; form.requestSubmit(); })()"
            )
            page.wait("uploaded.innerText")
            said = page.run("uploaded.innerText")
            assert said.startswith("25000 positions stored, 1 refused."), said
            assert "Row 10002: 'late', must be written" in said
            assert not [each for each in page.complaints if "favicon" not in each]
            assert {asked for asked in page.requests if not asked.startswith((url, "data:"))} == set()
    finally:
        server.should_exit = True
        thread.join(10)
    assert len(list(depot.store.facts("position"))) == 1


def test_every_state_has_its_words() -> None:
    assert set(STATES) == {"done", "partly", "missed", "pending"}
    assert all(set(each) == {"fr", "en"} for each in STATES.values())


def piece(what: str, amount: float, unit: str, record_access: str = "") -> dict[str, Any]:
    at = "2026-11-20T06:00:00Z"
    return {"what": what, "amount": amount, "unit": unit, "from_at": at, "until_at": at, "note": record_access}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (piece("collected", 52, "m"), "Collected: 52 m"),
        (piece("collected", 45, "s"), "Collected: 45 s"),
        (piece("pto", 0.8, "share"), "Power take-off on: 80 % of the time"),
        (piece("lifts", 3, "lifts"), "Bins lifted: 3"),
        (piece("no_track", 0, "s"), "No position: for an unknown time"),
        (piece("no_track", 600, "s"), "No position: 10 min"),
        (piece("crew", 1, "", "not_presented"), "The crew: nothing was put out"),
    ],
)
def test_a_piece_of_evidence_is_told_with_its_unit_in_the_console_s_words(told: dict[str, Any], words: str) -> None:
    assert evidence_text({"evidence": [told]}, UTC, "en") == f"{words} 06:00"


def test_a_line_of_little_known_is_still_a_line() -> None:
    line = UndoneLine("2026-11-20", "A", "T1", "w1", {"status": "missed"})
    text = sheet_csv(Sheet("2026-11", "acme", ("T1",), (line,), ()), UTC, "fr")
    assert text.splitlines()[1].startswith("2026-11-20,A,T1,w1,,")
