"""Names of streets, sites, trucks and people's words reach every page as text: in a real browser, nothing of them runs.

Each page is opened with markup in every text that somebody else may write, everything that opens is opened, and then:
no script of theirs ran, no element of theirs is there, nobody was asked for anything, and the page is still ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from dashboards.area.area_map import write_area_map
from dashboards.plan.map import write_map
from dashboards.shared.basemap import MapLabel
from dashboards.shared.catalogue import AreaWords
from depot_api.access import audit_log
from depot_api.accounts import sessions, users
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.app.plan_page import PLAN_POLICY, plan_pages
from depot_api.console import page as console_page
from depot_api.live import api as live_api
from depot_api.live.state import LiveState
from depot_api.settings.depot import DepotSettings
from depot_api.settings.roles import Caller
from depot_api.store.store import Store, microseconds
from depot_api.store.tables import objections, services
from fleet import Fact, Incident, Message, Plan, Ticket, new_id

from .asking import Asking
from .chromium import Chromium
from .clocks import ToldClock
from .depot_clients import served
from .live_day import START, driven, matcher, published, put
from .small_plan import DEPOT, small_basemap, small_plan, small_words
from .test_area_map import small_layers
from .test_contractor import told

DASHBOARDS = Path(__file__).parent.parent / "dashboards"
NOW = START + timedelta(minutes=80)
#: What each name ends in: an element of its own, a script, a request and a way elsewhere.
SHORT = "<b class=x><img src=x onerror=PWNED=1>"
GOES = "<meta http-equiv=refresh content='0;url=/gone'>"
LONG = (
    f"{SHORT}{GOES}\"'><script>PWNED=1</script></script><script>PWNED=1</script><!--<script>\u2028${{7*7}}{{{{7*7}}}}"
)

#: Before any script of the page: Leaflet's map is kept for us, and all markup that is read after that is written down.
WATCH = """
  window.markup = [];
  for (const [owner, name] of [[Element.prototype, "innerHTML"], [Element.prototype, "outerHTML"]]) {
    const known = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { ...known, set(text) {
      window.markup.push(String(text));
      known.set.call(this, text);
    } });
  }
  let leaflet;
  Object.defineProperty(window, "L", { configurable: true, get: () => leaflet, set(value) {
    leaflet = value;
    value.Map.addInitHook(function () { window.shownMap = this; });
  } });
"""
OPEN_EVERYTHING = """(() => {
  const open = (layer) => {
    for (const name of ["openTooltip", "openPopup"]) {
      try {
        if (layer[name]) layer[name]();
      } catch (error) { // of a layer that has no place of its own
        if (!/latlng|undefined|null/i.test(String(error))) throw error;
      }
    }
    if (layer.fire) layer.fire("click", { latlng: shownMap.getCenter(), layerPoint: L.point(0, 0) });
    const seen = document.querySelectorAll(".leaflet-tooltip, .leaflet-popup-content");
    window.opened = (window.opened || []).concat([...seen].map((one) => one.textContent));
  };
  const layers = [];
  shownMap.eachLayer((layer) => layers.push(layer));
  layers.forEach(open);
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  return layers.length;
})()"""


def clean(page: Chromium, url: str) -> None:
    """Nothing of theirs happened in this page."""
    assert page.run("typeof PWNED") == "undefined"
    assert page.run("document.querySelectorAll('b.x, img[src=x], meta[http-equiv=refresh]').length") == 0
    assert page.run("(window.markup || []).filter((text) => text.includes('PWNED'))") == []
    assert page.run("location.href").split("?")[0] == url
    assert [asked for asked in page.requests if asked.endswith(("/x", "/gone"))] == []


def evil_plan() -> Plan:
    """The small plan, markup in all its texts."""
    plan = small_plan()
    tasks = tuple(replace(task, name=f"{task.id} {LONG}", sector=LONG, skills=(LONG,)) for task in plan.tasks)
    tours = tuple(
        replace(tour, shift=f"{tour.shift} {LONG}", truck=f"{tour.truck}{SHORT}"[:40], driver=LONG)
        for tour in plan.tours
    )
    return replace(plan, tasks=tasks, tours=tours, engine=LONG, program_version=LONG)


def evil_basemap() -> Any:
    base = small_basemap()
    roads = tuple(replace(road, name=f"{road.name} {LONG}") for road in base.roads)
    labels = (MapLabel(LONG, (7.4232, 43.7398), 1),)
    return replace(base, roads=roads, labels=labels, attribution=f"© {LONG}")


def evil_words() -> AreaWords:
    words = small_words()
    assert words.depot is not None
    return replace(
        words,
        name=LONG,
        flux=tuple(replace(flux, label=f"{flux.label} {LONG}") for flux in words.flux),
        depot=replace(words.depot, label=f"D {LONG}"),
        sites=tuple(replace(site, label=f"S {LONG}") for site in words.sites),
    )


@contextmanager
def watched(folder: Path) -> Iterator[Chromium]:
    with Chromium(folder / "profile") as page:
        page("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield page


# --- pages that are files ------------------------------------------------------------------------------------------


@pytest.fixture
def plan_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plan"
    folder.mkdir()
    write_map(evil_plan(), evil_basemap(), evil_words(), folder / "map.html", "fr")
    (folder / "plan.json").write_bytes(orjson.dumps(evil_plan().to_json()))
    return folder


@pytest.mark.browser
def test_the_plan_s_map_shows_markup_in_names_as_it_is_written(plan_folder: Path, tmp_path: Path) -> None:
    with watched(tmp_path) as page, served(plan_pages(plan_folder)) as url:
        for address in ((plan_folder / "map.html").as_uri(), f"{url}/plan"):
            page.open(address)
            page.wait("document.documentElement?.dataset.ready && location.protocol != 'about:'")
            assert page.run(OPEN_EVERYTHING) > 20
            page.run("document.querySelectorAll('.steps button').forEach((one) => one.click())")
            assert page.run("opened.some((text) => text.includes('S <b class=x>'))"), "the site's label was shown"
            assert page.run("opened.some((text) => text.includes('a1 <b class=x>'))"), "and the streets' names"
            assert page.run("document.querySelector('.leaflet-control-attribution').textContent").startswith("© <b")
            assert page.run("document.querySelectorAll('#key svg').length") >= 5
            clean(page, address)
        assert [said for said in page.complaints if "favicon" not in said] == []


@pytest.mark.browser
def test_an_area_s_map_shows_markup_in_names_as_it_is_written(tmp_path: Path) -> None:
    layers = small_layers(f"Rue {LONG}")
    for name in ("sectors", "places", "drop_off_points"):
        for feature in layers[name]["features"]:
            for key in {"name", "label"} & set(feature["properties"]):
                feature["properties"][key] += LONG
    write_area_map(layers, evil_basemap(), LONG, tmp_path / "area.html", "fr")
    with watched(tmp_path) as page:
        page.open((tmp_path / "area.html").as_uri())
        page.wait("document.documentElement?.dataset.area")
        assert page.run(OPEN_EVERYTHING) > 4
        assert page.run("opened.some((text) => text.includes('Rue <b class=x>'))")
        assert page.run("opened.some((text) => text.includes('Marché<b class=x>'))"), "a drop-off point's name"
        assert page.run("document.querySelectorAll('#area-key .badge svg').length") == 2
        clean(page, (tmp_path / "area.html").as_uri())
        assert page.complaints == []


@pytest.mark.browser
def test_a_script_that_got_into_the_plan_s_map_all_the_same_does_not_run(plan_folder: Path, tmp_path: Path) -> None:
    """The policy, should the drawing fail: neither a script nor a handler nor a form of another's."""
    smuggled = "<script>PWNED = 1</script><img src=x onerror='PWNED = 1'><form action=/gone><button id=sent></form>"
    planted = (plan_folder / "map.html").read_text("utf-8").replace("<main>", f"{smuggled}<main>", 1)
    (plan_folder / "planted.html").write_text(planted, "utf-8")
    with Chromium(tmp_path / "profile") as page:
        page.open((plan_folder / "planted.html").as_uri())
        page.wait("document.documentElement?.dataset.ready")
        page.run("document.getElementById('sent').click()")
        assert page.run("typeof PWNED") == "undefined"
        assert page.run("location.pathname").endswith("planted.html")
        assert "unsafe-inline" not in planted
        assert len(page.complaints) >= 2


def test_the_depot_shows_a_plan_as_a_site_of_its_own(plan_folder: Path, tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        app = depot_app(store, settings=DepotSettings(plan_folder=plan_folder))
        asking = Asking(app, headers={"authorization": f"Bearer {make_token(store, 'planner', 'P')}"})
        for path in ("/plan", "/plan/files/map.html", "/plan/files/plan.json"):
            answer = asking.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-security-policy"] == PLAN_POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
    for rule in ("sandbox allow-scripts;", "default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert rule in PLAN_POLICY
    assert "allow-same-origin" not in PLAN_POLICY


def test_no_script_of_ours_reads_markup() -> None:
    """What makes markup of text stands in no script; Leaflet's own ways are closed in ``streetmap.js``."""
    makes_markup = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|"
        r"html:(?!\s*(?:made|box|S\.element))"
    )
    scripts, pages = [*DASHBOARDS.rglob("*.js")], [*DASHBOARDS.rglob("*.html")]
    assert len(scripts) > 5
    assert len(pages) > 2
    for script in scripts:
        assert re.findall(makes_markup, script.read_text("utf-8")) == [], script.name
    for page in pages:
        assert not re.search(r"\son\w+=", page.read_text("utf-8")), page.name


# --- the depot's pages ---------------------------------------------------------------------------------------------


@dataclass
class Scene:
    url: str
    store: Store
    app: Any
    clock: ToldClock

    def cookie(self, name: str) -> str:
        return sessions.begin_session(self.app.state.depot, name)


class _LiveWithStreets(LiveState):
    def __init__(self, store: Store, clock: ToldClock, town: object) -> None:
        super().__init__(store, clock, None, matcher())


def evil(fact: Fact, truck: str) -> Fact:
    texts = {"note", "text", "product", "reason"} & {field.name for field in fields(fact)}
    return replace(fact, truck=truck, **{name: LONG[:200] for name in texts if getattr(fact, name)})


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A depot at 6:20: a plan, trucks, incidents, messages, tickets, sites, flux, with markup in all of them."""
    matcher()
    monkeypatch.setattr(live_api, "LiveState", _LiveWithStreets)
    given, base = console_page._given, console_page._bare_base

    def evil_given(*args: Any) -> dict[str, Any]:
        return given(*args) | {
            "sites": {"S1": LONG}, "flux": {"residual": LONG}, "colours": {"residual": f"url(/gone){SHORT}"},
        }  # fmt: skip

    def evil_base(*args: Any) -> dict[str, Any]:
        at = small_basemap().place(DEPOT)
        found = base(*args) | {"attribution": LONG, "places": [{"kind": "site", "label": f"S {LONG}", "at": at}]}
        return found | {"base": found["base"] | {"labels": [[LONG, 0, 7423200, 43739800]]}}

    monkeypatch.setattr(console_page, "_given", evil_given)
    monkeypatch.setattr(console_page, "_bare_base", evil_base)
    monkeypatch.setattr(console_page, "_area_name", lambda depot: LONG)
    clock, plan = ToldClock(NOW), evil_plan()
    with Store(str(tmp_path / "depot.db")) as store:
        published(store, plan)
        put(store, [evil(fact, plan.tours[0].truck) for fact in driven(0) if fact.at <= NOW - timedelta(seconds=30)])
        truck = plan.tours[0].truck
        put(
            store,
            [
                Incident(id=new_id(NOW), at=NOW, truck=truck, category="accident", task="a3", note=LONG[:300]),
                Message(id=new_id(NOW), at=NOW, truck=truck, sender="crew", text=LONG[:300]),
                Ticket(
                    id=new_id(NOW), at=NOW, site="S1", number=SHORT[:40], net_kg=1200.0, truck=truck,
                    flux="residual", product=SHORT[:40], plate=SHORT[:20],
                ),
            ],
        )  # fmt: skip
        for role in ("planner", "staff_representative", "administrator"):
            users.add_account(store, role, role, password="correct horse battery", now=START)
        users.add_account(store, "acme", "contractor", password="correct horse battery", now=START, bound_to=(SHORT,))
        body = told("w1", "missed", "crew_blocked", name=LONG, crew={"outcome": "blocked", "note": LONG, "photos": []})
        line = {"date": "2026-11-20", "tour": f"A {SHORT}", "task": "w1"}
        row = {**line, "truck": SHORT, "state": "missed", "body": orjson.dumps(body).decode()}
        note = {**line, "at_us": microseconds(NOW), "user": SHORT, "role": "planner", "text": LONG}
        store.write(lambda connection: connection.execute(insert(services), [row]))
        store.write(lambda connection: connection.execute(insert(objections), [note]))
        audit_log.record_access(store, Caller("planner", SHORT), f"replay 2026-11-20 {SHORT}", LONG[:300], NOW)
        app = depot_app(store, None, clock)
        with served(app) as url:
            yield Scene(url, store, app, clock)


@pytest.mark.browser
def test_the_console_shows_markup_in_names_as_it_is_written(scene: Scene, tmp_path: Path) -> None:
    with watched(tmp_path) as page:
        page.cookie(scene.url, "ripeur_session", scene.cookie("planner"))
        page.open(f"{scene.url}/console?lang=fr")
        page.wait("document.documentElement?.dataset.ready && document.documentElement?.dataset.live")
        page.wait("document.querySelectorAll('#tour-list li').length == 2")
        page.wait("document.querySelector('.badge.truck')")
        page.wait("document.querySelector('#messages li') && document.querySelector('#incidents li')")
        layers = "(() => { let n = 0; window.shownMap && shownMap.eachLayer(() => n++); return n; })()"
        page.wait(f"{layers} > 20")
        page.run(OPEN_EVERYTHING)
        assert page.run("opened.some((text) => text.includes('S <b class=x>'))"), "the site's label was shown"
        assert page.run("opened.some((text) => text.includes('a1 <b class=x>'))"), "and the streets' names"
        page.wait("!document.getElementById('street-card').hidden")
        clean(page, f"{scene.url}/console")
        page.run("document.querySelector('#tour-list button').click()")
        page.wait("document.querySelectorAll('#street-list button').length")
        page.run("document.querySelectorAll('#street-list button, #incidents button').forEach((one) => one.click())")
        page.run("document.getElementById('open-report').click()")
        page.wait("document.querySelector('#report-body td')")
        assert "<b class=x>" in page.run("document.querySelector('#report-body').textContent")
        clean(page, f"{scene.url}/console")
        assert [said for said in page.complaints if "/live/" not in said] == []


@pytest.mark.browser
def test_a_replay_shows_markup_in_names_as_it_is_written(scene: Scene, tmp_path: Path) -> None:
    scene.clock.at = NOW + timedelta(days=1)
    with watched(tmp_path) as page:
        page.cookie(scene.url, "ripeur_session", scene.cookie("planner"))
        page.open(f"{scene.url}/console")
        page.wait("document.documentElement?.dataset.ready && document.documentElement?.dataset.live")
        page.run("document.getElementById('open-replay').click()")
        page.wait("document.querySelectorAll('#replay-tour option').length == 2")
        page.run("document.getElementById('replay-reason').value = 'Réclamation <b class=x>'")
        page.run("document.getElementById('replay-show').click()")
        page.wait("!document.getElementById('replay-bar').hidden")
        page.run(OPEN_EVERYTHING)
        assert "<b class=x>" in page.run("document.getElementById('replay-title').textContent")
        clean(page, f"{scene.url}/console")


@pytest.mark.browser
def test_pages_about_people_show_markup_as_it_is_written(scene: Scene, tmp_path: Path) -> None:
    with watched(tmp_path) as page:
        for who, path, shown in (
            ("planner", "/contractor?month=2026-11&contractor=acme", "<b class=x>"),
            ("acme", "/contractor?month=2026-11", "<b class=x>"),
            ("staff_representative", "/looks", "<b class=x>"),
            ("administrator", "/people", "<b class=x>"),
            ("acme", "/account", "<b class=x>"),
        ):
            page.cookie(scene.url, "ripeur_session", scene.cookie(who))
            page.open(scene.url + path)
            page.wait(f"location.pathname == {path.split('?')[0]!r} && document.querySelector('main, #content')")
            assert shown in page.run("document.body.textContent"), path
            clean(page, scene.url + path.split("?")[0])
