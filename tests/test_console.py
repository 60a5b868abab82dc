"""The console in headless Chromium: nobody outside is asked, a truck moves by itself, and a keyboard is enough."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import uvicorn

from dashboards.console.words import SHARED, TEXTS
from depot_api.accounts import sessions, users
from depot_api.app.factory import depot_app
from depot_api.live import api as live_api
from depot_api.live.state import ORDER, LiveState
from depot_api.live.tour import TOUR_STATES
from depot_api.store.store import Store
from fleet import INCIDENTS, OUTCOMES, Incident, Message, new_id
from optimizer.evidence.evidence import REASONS, WHAT
from tests.asking import Asking
from tests.chromium import Chromium
from tests.clocks import ToldClock
from tests.live_day import START, driven, matcher, position, published, put

NOW = START + timedelta(minutes=80)
DASHBOARDS = Path(__file__).parent.parent / "dashboards"


@dataclass
class Scene:
    url: str
    store: Store
    cookie: str
    clock: ToldClock


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A depot at 6:20 in Monaco, on a socket; T1 has driven, T2 is an hour late and never left."""
    matcher()  # compiled before the page waits for it
    monkeypatch.setattr(live_api, "LiveState", _LiveWithStreets)
    clock = ToldClock(NOW)
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        put(store, [fact for fact in driven(0) if fact.at <= NOW - timedelta(seconds=30)])
        users.add_account(store, "planner", "planner", password="correct horse battery", now=START)
        app = depot_app(store, None, clock)
        cookie = sessions.begin_session(app.state.depot, "planner")
        door = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[door])))
        thread.start()
        yield Scene(f"http://127.0.0.1:{door.getsockname()[1]}", store, cookie, clock)
        server.should_exit = True
        thread.join()


class _LiveWithStreets(LiveState):
    """As with an area, on the small plan's own streets."""

    def __init__(self, store: Store, clock: ToldClock, town: object) -> None:
        super().__init__(store, clock, None, matcher())


@contextmanager
def opened(scene: Scene, folder: Path, query: str = "?lang=fr", **size: int | bool) -> Iterator[Chromium]:
    with Chromium(folder / "profile", **size) as page:
        page.cookie(scene.url, "ripeur_session", scene.cookie)
        page.open(f"{scene.url}/console{query}")
        page.wait("document.documentElement?.dataset.ready && document.documentElement?.dataset.live")
        page.wait("document.querySelectorAll('#tour-list li').length == 2")
        page.wait("document.querySelector('#tour-list .s-very_late')")
        yield page


@pytest.mark.browser
def test_the_console_asks_nobody_outside_and_breaks_none_of_its_own_rules(scene: Scene, tmp_path: Path) -> None:
    with opened(scene, tmp_path) as page:
        assert page.run("document.querySelector('#tour-list button .name').textContent").startswith("T2-matin"), (
            "late first"
        )
        assert "pas partie, prévue 05:30" in page.run("document.getElementById('tour-list').textContent")
        page.wait("document.querySelectorAll('.badge.truck').length == 1")
        assert [url for url in page.requests if not url.startswith((scene.url, "data:"))] == []
        assert page.complaints == []
        for words in ("km/h", "m/s", "vitesse"):
            assert words not in page.run("document.documentElement.outerHTML.toLowerCase()")


@pytest.mark.browser
def test_a_truck_moves_and_an_incident_is_read_out_as_they_come(scene: Scene, tmp_path: Path) -> None:
    with opened(scene, tmp_path) as page:
        page.wait("document.querySelector('.mark.moves')")
        place = "document.querySelector('.mark.moves').style.transform"
        before = page.run(place)
        put(scene.store, [position(NOW, lat=43.7415, lon=7.4260)])
        page.wait(f"{place} != {before!r}", 5)
        old = NOW - timedelta(hours=5)
        put(scene.store, [Incident(id=new_id(old), at=old, truck="T1", category="bin", note="hours ago")], NOW)
        put(scene.store, [Incident(id=new_id(NOW), at=NOW, truck="T1", category="accident", task="a3")])
        page.wait("document.querySelectorAll('#incidents li').length == 2", 5)
        said = page.run("document.getElementById('said').textContent")
        assert said == "Incident, T1 : Accident Avenue du Berceau"
        assert "reçu à" in page.run("document.querySelector('#incidents li:last-child').textContent")
        put(scene.store, [Message(id=new_id(NOW), at=NOW, truck="T1", sender="crew", text="<b>rue barrée</b>")])
        page.wait("document.querySelector('#messages li')", 5)
        assert page.run("document.querySelector('#messages .text').textContent") == "<b>rue barrée</b>"
        page.run("document.getElementById('tab-messages').click()")
        page.run("document.getElementById('write-text').value = 'Compris'")
        page.run("document.querySelector('#write button').click()")
        page.wait("document.querySelectorAll('#messages li').length == 2", 5)
        assert [row.json()["text"] for row in scene.store.facts("message")][-1] == "Compris"
        assert page.complaints == []


@pytest.mark.browser
def test_a_keyboard_is_enough(scene: Scene, tmp_path: Path) -> None:
    with opened(scene, tmp_path) as page:
        here = "document.activeElement"
        focused = f"{here}.getAttribute('href') || {here}.dataset.tour || {here}.id"
        page.press("Tab")
        assert page.run(focused) == "#tour-list", "the first stop leads to the tours"
        page.press("Enter")
        page.press("Tab")
        assert page.run(focused) == "T2-matin"
        page.press("ArrowDown")
        assert page.run(focused) == "T1-matin"
        page.press("Enter")
        page.wait("document.querySelectorAll('#street-list button').length")
        page.run("document.getElementById('only-open').click()")
        assert page.run("document.querySelectorAll('#street-list button').length") == 13
        page.run("document.querySelector('#street-list button').focus()")
        page.press("Enter")
        page.wait("!document.getElementById('street-card').hidden")
        card = page.run("document.getElementById('street-card').textContent")
        assert "Collectée" in card
        assert "Tournée T1-matin, camion T1" in card
        page.press("Escape")
        assert page.run("document.activeElement.dataset.task") == "a1", "back to where one was"
        page.press("Escape")
        assert page.run(focused) == "T1-matin"
        outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


@pytest.mark.browser
def test_a_phone_shows_the_tours_without_scrolling_sideways(scene: Scene, tmp_path: Path) -> None:
    with opened(scene, tmp_path, "?lang=en", width=390, height=844, mobile=True) as page:
        for view in ("tours", "map", "events"):
            page.run(f"document.querySelector('#views [data-view={view}]').click()")
            assert page.run("document.documentElement.scrollWidth") <= 390
        buttons = "[...document.querySelectorAll('#views button, #states button:not([hidden])')]"
        assert page.run(f"Math.min(...{buttons}.map((button) => button.offsetHeight))") >= 40
        assert "not started, due 05:30" in page.run("document.getElementById('tour-list').textContent")
        assert "Pas partie" not in page.run("document.body.innerText")


@pytest.mark.browser
def test_a_past_day_is_shown_only_after_the_reason_is_written_down(scene: Scene, tmp_path: Path) -> None:
    scene.clock.at = NOW + timedelta(days=1)
    with Chromium(tmp_path / "profile") as page:
        page.cookie(scene.url, "ripeur_session", _session(scene))
        page.open(f"{scene.url}/console")
        page.wait("document.documentElement?.dataset.ready")
        page.wait("document.documentElement?.dataset.live")
        page.run("document.getElementById('open-replay').click()")
        page.wait("document.querySelectorAll('#replay-tour option').length == 2")
        page.run("document.getElementById('replay-reason').value = 'Réclamation rue des Lilas'")
        page.run("document.getElementById('replay-show').click()")
        page.wait("!document.getElementById('replay-bar').hidden")
        assert "T1-matin" in page.run("document.getElementById('replay-title').textContent")
        assert page.complaints == []
    with scene.store.read() as connection:
        (row,) = connection.exec_driver_sql("SELECT user, role, what, why FROM looks").all()
    assert tuple(row) == ("planner", "planner", "replay 2026-11-23 T1-matin", "Réclamation rue des Lilas")


def _session(scene: Scene) -> str:
    depot = depot_app(scene.store, None, scene.clock).state.depot
    return sessions.begin_session(depot, "planner")


# --- without a browser -------------------------------------------------------------------------------------------


def get(scene: Scene, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    asked = Request(scene.url + path, headers={"Cookie": f"ripeur_session={scene.cookie}", **headers})
    with urlopen(asked) as answer:
        return answer.status, dict(answer.headers), answer.read()


def test_the_page_holds_no_script_and_no_style_of_its_own(scene: Scene) -> None:
    _, headers, body = get(scene, "/console")
    page = body.decode()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*(?:src=|type=\"application/json\"))", page) == []
    assert not re.search(r"\son\w+=|\sstyle=|<style", page)
    assert {url.split("/")[1] for url in re.findall(r'(?:src|href|action)="([^"#?d][^"]*)"', page)} == {
        "console",
        "logout",
    }
    for name in re.findall(r'"/console/files/([^"]+)"', page):
        status, headers, file = get(scene, f"/console/files/{name}")
        assert status == 200
        assert not re.search(rb"(?:src|href|url)\s*[=(:]\s*[\"']?https?://(?!www\.openstreetmap|leafletjs)", file)
        with pytest.raises(Exception, match="304"):
            get(scene, f"/console/files/{name}", **{"If-None-Match": headers["etag"]})


def test_every_word_is_there_in_both_languages_and_every_state_has_one() -> None:
    for key, found in TEXTS.items():
        assert set(found) == {"fr", "en"}, key
        fields = [set(re.findall(r"{(\w+)}", words)) for words in found.values()]
        assert fields[0] == fields[1], key
    assert set(ORDER) == set(TOUR_STATES)
    wanted = {f"s_{s}" for s in TOUR_STATES} | {f"i_{i}" for i in INCIDENTS} | {f"why_{r}" for r in REASONS}
    wanted |= {f"e_{what}" for what in WHAT if what != "crew"} | {f"why_crew_{said}" for said in OUTCOMES}
    wanted |= {f"t_{s}" for s in ("done", "partly", "missed", "pending")}
    assert wanted <= set(TEXTS)
    used = set()
    for name in ("console/console.js", "console/console_map.js", "shared/streetmap.js"):
        used |= set(re.findall(r'\bT\("(\w+)"[,)]', (DASHBOARDS / name).read_text("utf-8")))
    assert used <= set(TEXTS) | set(SHARED)


def test_a_replay_needs_a_reason_and_a_day_within_its_term(tmp_path: Path) -> None:
    clock = ToldClock(NOW)
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        put(store, [fact for fact in driven(0) if fact.at <= NOW])
        users.add_account(store, "planner", "planner", password="correct horse battery", now=START)
        app = depot_app(store, None, clock)
        cookie = sessions.begin_session(app.state.depot, "planner")
        client = Asking(app)
        client.cookies.set("ripeur_session", cookie)
        csrf = re.search(r'"csrf":"([^"]+)"', client.get("/console").text)
        assert csrf
        head = {"X-CSRF-Token": csrf[1]}
        asked = {"date": "2026-11-23", "tour": "T1-matin", "reason": "complaint of a resident"}
        assert client.post("/replay", json=asked).status_code == 403, "without the page's token"
        assert client.post("/replay", json={**asked, "reason": " "}, headers=head).status_code == 422
        assert client.post("/replay", json={**asked, "date": "2026-01-05"}, headers=head).status_code == 410
        assert client.post("/replay", json={**asked, "tour": "T9"}, headers=head).status_code == 404
        told = client.post("/replay", json=asked, headers=head).json()
        assert told["truck"] == "T1"
        assert all(place["at"].endswith(":00Z") for place in told["places"]), "to the minute"
        assert "speed" not in str(told)
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM looks").scalar_one() == 1
