"""The map opens offline, shows every tour, and its colours are told apart."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.plan.map import write_map
from dashboards.shared import catalogue
from dashboards.shared.basemap import Basemap
from dashboards.shared.palette import TOUR_COLOURS, UNSERVED_COLOUR, ink_on, rgb
from dashboards.shared.streetmap import SCALE, deltas
from fleet import UNSERVED_REASONS, Plan
from tests.small_plan import small_basemap, small_plan, small_words

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


def page(folder: Path, plan: Plan | None = None, lang: str = "fr") -> Path:
    path = folder / "map.html"
    write_map(plan or small_plan(), small_basemap(), small_words(), path, lang)
    return path


def data(html: str) -> dict:
    found = re.search(r'<script type="application/json" id="plan">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def opened(path: Path, folder: Path, script: str = "") -> tuple[str, list[str]]:
    """The page's DOM after its scripts ran with every host blocked, and the addresses it asked for by itself."""
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("no Chromium (package chromium)")
        pytest.skip("no Chromium (package chromium)")
    if script:
        changed = folder / "scripted.html"
        own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        html = path.read_text("utf-8").replace("script-src ", f"script-src 'sha256-{own}' ", 1)
        changed.write_text(html.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
        path = changed
    log = folder / "net.json"
    ran = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--window-size=1366,768", "--virtual-time-budget=5000", f"--log-net-log={log}", "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    events = json.loads(log.read_text("utf-8"))["events"]
    asked = [
        e["params"]["url"] for e in events
        # Chromium's own errands have no origin; those of a page of a file have the origin "null"
        if str(e.get("params", {}).get("initiator", "not an origin")) != "not an origin"
        and e["params"].get("url", "").startswith(("http", "ws", "ftp"))
    ]  # fmt: skip
    return ran.stdout, asked


@pytest.mark.browser
def test_the_page_draws_itself_with_every_host_blocked_and_asks_nobody(tmp_path: Path) -> None:
    dom, asked = opened(page(tmp_path), tmp_path)
    assert asked == []
    assert 'data-ready="yes"' in dom, "the page's script did not reach its end"
    for part in ("leaflet-map-pane", "leaflet-tile-pane", "leaflet-overlay-pane", "leaflet-annotations-pane"):
        assert part in dom
    assert dom.count('class="tour"') == 2
    assert "T1-matin" in dom
    assert 'class="badge reverse"' in dom
    assert "2 non collectés" in dom
    assert dom.count("<canvas") >= 3


@pytest.mark.browser
def test_the_check_for_requests_sees_a_page_that_makes_one(tmp_path: Path) -> None:
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://example.test/x.png"><script>fetch("https://example.test/y")</script>', "utf-8")
    _, asked = opened(asking, tmp_path)
    assert {url.rsplit("/", 1)[1] for url in asked} == {"x.png", "y"}


@pytest.mark.browser
def test_a_step_opens_its_card_and_the_clock_shows_the_trucks(tmp_path: Path) -> None:
    script = """
      document.querySelector('.tour summary').click();
      setTimeout(() => document.querySelectorAll('.tour .steps button')[5].click(), 100);
      setTimeout(() => { const c = document.querySelector('#clock'); c.value = Number(c.min) + 3600;
        c.dispatchEvent(new Event('input')); }, 300);
      document.querySelector('#toggle').click();
    """
    dom, asked = opened(page(tmp_path), tmp_path, f"setTimeout(() => {{{script}}}, 200);")
    assert asked == []
    card = re.search(r'<div class="card">.*?</table>.*?</div></div>', dom, re.DOTALL)
    assert card, "no card"
    for words in ("Tournée T1-matin · N° 5", "Rue des Lilas", "MARCHE ARRIÈRE", "Ordures résiduelles", "05:42"):
        assert words in dom
    assert 'class="badge truck"' in dom
    assert re.search(r'<output id="now"[^>]*>06:00</output>', dom)
    assert 'aria-expanded="true"' in dom


def test_nothing_in_the_file_points_outside_but_the_attribution(tmp_path: Path) -> None:
    html = page(tmp_path).read_text("utf-8")
    pointing = re.findall(r"""(?:src|href|action|data)\s*[=:]\s*\\?["']?(?:https?:)?//[^"'\s>]*""", html, re.IGNORECASE)
    # Leaflet's own credit is a link in its code; the map replaces it by the attribution
    assert {re.sub(r".*//", "", p).rstrip("\\") for p in pointing} <= {
        "www.openstreetmap.org/copyright",
        "leafletjs.com",
    }
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)[^)]", html.split("</style>")[0] + html.split("</style>")[1])
    for word in (
        "@import",
        "XMLHttpRequest",
        "fetch(",
        "WebSocket",
        "sendBeacon",
        "import(",
        "sourceMappingURL",
        "cdn",
    ):
        assert word not in html
    assert "default-src 'none'" in html
    assert html.count("<link ") == 1
    assert '<link rel="icon" href="data:," />' in html


def test_every_leg_of_every_tour_is_on_the_map(tmp_path: Path) -> None:
    plan = small_plan()
    found = data(page(tmp_path).read_text("utf-8"))
    assert [t["id"] for t in found["tours"]] == [t.id for t in plan.tours]
    for drawn, tour in zip(found["tours"], plan.tours, strict=True):
        assert [leg[0] for leg in drawn["legs"]] == [leg.kind for leg in tour.legs]
        assert [len(leg[6]) for leg in drawn["legs"]] == [2 * len(leg.osm_nodes) for leg in tour.legs]
        in_rows = sorted(i for row in drawn["rows"] for i in row.get("legs", []))
        assert in_rows == [i for i, leg in enumerate(tour.legs) if leg.kind != "drive"]
    assert len(found["unserved"]) == 2


def test_people_read_the_shifts_name_and_machines_the_id(tmp_path: Path) -> None:
    plan = small_plan()
    tours = tuple(replace(tour, id=f"2026-11-23-{tour.shift}") for tour in plan.tours)
    html = page(tmp_path, replace(plan, tours=tours)).read_text("utf-8")
    assert [(t["id"], t["name"]) for t in data(html)["tours"]] == [(t.id, t.shift) for t in tours]
    assert "tour.id" not in html.split('id="plan"')[0]


def test_a_street_left_in_reverse_has_its_mark_where_the_truck_turns(tmp_path: Path) -> None:
    first = data(page(tmp_path).read_text("utf-8"))["tours"][0]
    ((row, lon, lat),) = first["turnings"]
    assert first["rows"][row]["street"] == "Rue des Lilas"
    expected = small_basemap().place(1759785856)
    assert (lon / SCALE, lat / SCALE) == pytest.approx(expected, abs=1e-6)


def test_the_page_stands_still_for_who_asks_for_it(tmp_path: Path) -> None:
    html = page(tmp_path).read_text("utf-8")
    assert html.count("prefers-reduced-motion: reduce") >= 2
    assert "zoomAnimation: moves" in html


def test_english_pages_have_no_french_and_both_languages_have_every_text(tmp_path: Path) -> None:
    html = page(tmp_path, lang="en").read_text("utf-8")
    assert "<html lang='en'>" in html
    assert "Tours of Monday 23 November 2026" in html
    for words in ("Tournées", "Légende", "Cadrer"):
        assert words not in html
    for key, found in catalogue.TEXTS.items():
        assert set(found) == {"fr", "en"}, key
        fields = [set(re.findall(r"{(\w+)}", words)) for words in found.values()]
        assert fields[0] == fields[1], key
    assert set(UNSERVED_REASONS) <= set(catalogue.TEXTS)


def test_the_same_plan_gives_the_same_file(tmp_path: Path) -> None:
    first = page(tmp_path).read_bytes()
    assert page(tmp_path).read_bytes() == first


def test_a_street_name_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    plan = small_plan()
    evil = "</script><script>document.title='broken'</script>{{ 7*7 }}{% raw %}"
    tasks = (replace(plan.tasks[0], name=evil), *plan.tasks[1:])
    html = page(tmp_path, replace(plan, tasks=tasks)).read_text("utf-8")
    assert "</script><script>document" not in html
    assert evil in [row.get("street") for row in data(html)["tours"][0]["rows"]]


def test_a_plan_without_tours_still_has_a_map(tmp_path: Path) -> None:
    found = data(page(tmp_path, replace(small_plan(), tours=())).read_text("utf-8"))
    assert found["tours"] == []
    assert found["bounds"][0] < found["bounds"][2]


def test_a_node_that_the_basemap_lacks_is_named(tmp_path: Path) -> None:
    base = small_basemap()
    lost = small_plan().tours[0].legs[2].osm_nodes[-1]
    poorer = Basemap(base.roads, {n: p for n, p in base.places.items() if n != lost})
    with pytest.raises(KeyError, match=str(lost)):
        write_map(small_plan(), poorer, small_words(), tmp_path / "map.html", "fr")


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-85, 85)), min_size=1, max_size=30))
def test_packed_lines_unpack_to_a_millionth_of_a_degree(line: list[tuple[float, float]]) -> None:
    x = y = 0
    unpacked = []
    packed = iter(deltas(line))
    for dx in packed:
        x, y = x + dx, y + next(packed)
        unpacked.append((x / SCALE, y / SCALE))
    for (a, b), (c, d) in zip(line, unpacked, strict=True):
        assert abs(a - c) <= 0.51 / SCALE
        assert abs(b - d) <= 0.51 / SCALE


# --- colours -----------------------------------------------------------------------------------------------------

#: Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB.
VIEWS = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def cielab(colour: str, view: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb(colour)]
    seen = [min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in view]
    white = (0.9505, 1.0, 1.0888)
    x, y, z = (sum(m * c for m, c in zip(row, seen, strict=True)) / w for row, w in zip(XYZ, white, strict=True))
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def apart(a: str, b: str, view: tuple[tuple[float, ...], ...]) -> float:
    return sum((p - q) ** 2 for p, q in zip(cielab(a, view), cielab(b, view), strict=True)) ** 0.5


@pytest.mark.parametrize("view", VIEWS)
def test_colour_blind_eyes_tell_the_first_tours_apart(view: str) -> None:
    assert len(set(TOUR_COLOURS)) >= 20
    for a, b in combinations((*TOUR_COLOURS[:8], UNSERVED_COLOUR), 2):
        assert apart(a, b, VIEWS[view]) > 20, (a, b)
    for a, b in combinations(TOUR_COLOURS, 2):
        assert apart(a, b, VIEWS[view]) > 10, (a, b)


def test_bag_colours_may_be_written_as_css_does() -> None:
    assert rgb("#f2c200") == (0xF2, 0xC2, 0)
    assert rgb("#fc0") == (0xFF, 0xCC, 0)
    assert rgb(" Orange ") == (255, 165, 0)
    with pytest.raises(ValueError, match="colour = 'mauvish'"):
        rgb("mauvish")
    assert ink_on("#000080") == (255, 255, 255)
    assert ink_on("yellow") == (0, 0, 0)


# --- words and numbers -------------------------------------------------------------------------------------------


def test_numbers_weights_lengths_and_days_are_written_as_people_write_them() -> None:
    nbsp = "\u00a0"
    assert catalogue.format_number(1234.56, "fr", 1) == f"1{nbsp}234,6"
    assert catalogue.format_number(1234.56, "en", 1) == "1,234.6"
    assert catalogue.format_number(-0.01, "fr", 1) == "0,0"
    assert catalogue.format_mass(999.4, "fr") == f"999{nbsp}kg"
    assert catalogue.format_mass(999.6, "fr") == f"1,0{nbsp}t"
    assert catalogue.format_distance(3, "en") == f"5{nbsp}m"
    assert catalogue.format_distance(997, "en") == f"1.0{nbsp}km"
    assert catalogue.format_duration(3660, "fr") == f"1{nbsp}h{nbsp}01"
    assert catalogue.format_day(small_plan().date.replace(month=2, day=1), "fr") == "dimanche 1er février 2026"
    with pytest.raises(ValueError, match="lang = 'de'"):
        catalogue.catalogue_text("tour", "de")


def test_times_are_local_on_both_sides_of_a_clock_change() -> None:
    at = small_plan().tours[0].start_at
    assert catalogue.format_time(at, "Europe/Paris") == "05:00"
    assert catalogue.format_time(at.replace(month=7), "Europe/Paris") == "06:00"


def test_bags_are_rounded_up_and_unknown_without_a_bag() -> None:
    words = small_words()
    assert words.bags("residual", 10.0) == 2
    assert words.bags("residual", 10.1) == 3
    assert words.bags("glass", 10.0) is None
