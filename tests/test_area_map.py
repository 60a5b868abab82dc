"""An area on its map: every street in its sector's colour, the days beside it, and nothing asked of anybody."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import ripeur
from dashboards.area.area_map import TEXTS, weekday_names, write_area_map
from dashboards.shared.palette import tour_colour

from .small_plan import small_basemap
from .test_cli import grid
from .test_maps import opened


def collection(*features: tuple[str, Any, dict[str, Any]]) -> dict[str, Any]:
    made = [{"type": "Feature", "geometry": {"type": t, "coordinates": at}, "properties": p} for t, at, p in features]
    return {"type": "FeatureCollection", "features": made}


def small_layers(name: str = "Rue des Lilas") -> dict[str, dict[str, Any]]:
    (west, south), (east, north) = small_basemap().roads[0].points[:2]
    lines = [[[west, south], [east, north]], [[east, north], [east + 0.002, north]]]
    return {
        "sectors": collection(
            ("Polygon", [], {"name": "Nord", "weekdays": [0, 3]}), ("Polygon", [], {"name": "Sud", "weekdays": []})
        ),
        "streets": collection(
            (
                "LineString",
                lines[0],
                {"sector": "Nord", "sector_index": 0, "name": name, "people": 120.0, "kg_week": 800},
            ),
            ("LineString", lines[1], {"sector": "Sud", "sector_index": 1, "name": "", "people": 0.0, "kg_week": 0.0}),
        ),
        "places": collection(
            ("Point", [west, south], {"kind": "depot", "id": "D1", "label": "Le dépôt"}),
            ("Point", [east, north], {"kind": "site", "id": "S1", "label": "Centre de tri"}),
        ),
        "drop_off_points": collection(("Point", [east, north], {"name": "Verre, place du Marché"})),
    }


def page(folder: Path, lang: str = "fr", **changes: Any) -> Path:
    path = folder / "area.html"
    write_area_map(small_layers() | changes, small_basemap(), "Petiteville", path, lang)
    return path


def data(path: Path) -> Any:
    found = re.search(r'<script type="application/json" id="plan">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.browser
def test_the_area_draws_itself_with_every_host_blocked_and_asks_nobody(tmp_path: Path) -> None:
    dom, asked = opened(page(tmp_path), tmp_path)
    assert asked == []
    assert 'data-ready="yes"' in dom
    assert 'data-area="yes"' in dom, "the sectors were not drawn"
    assert dom.count('class="sector"') == 2
    for words in ("lundi, jeudi", "aucune collecte promise", "Dépôt : Le dépôt", "Point d'apport volontaire (1)"):
        assert words in dom
    assert "leaflet-sectors-pane" in dom
    assert "aucune tournée" not in dom.lower().split("<div hidden")[0]


def test_streets_carry_their_sector_and_sectors_their_sums_and_days(tmp_path: Path) -> None:
    found = data(page(tmp_path, lang="en"))["area"]
    assert [s["name"] for s in found["sectors"]] == ["Nord", "Sud"]
    assert [s["days"] for s in found["sectors"]] == ["Monday, Thursday", ""]
    assert [s["colour"] for s in found["sectors"]] == [tour_colour(0), tour_colour(1)]
    assert [(s["people"], s["kg"]) for s in found["sectors"]] == [(120, 800), (0, 0)]
    assert [(street[0], street[1], street[3]) for street in found["streets"]] == [(0, "Rue des Lilas", 800), (1, "", 0)]


def test_an_area_without_drop_off_points_or_sectors_is_drawn_too(tmp_path: Path) -> None:
    nothing = collection()
    path = tmp_path / "empty.html"
    write_area_map({"sectors": nothing, "streets": nothing, "places": nothing}, small_basemap(), "Vide", path, "fr")
    assert data(path)["area"]["streets"] == []


def test_a_street_name_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    evil = "</script><script>document.title='broken'</script>{{ 7*7 }}"
    path = page(tmp_path, streets=small_layers(evil)["streets"])
    assert "</script><script>document" not in path.read_text("utf-8")
    assert data(path)["area"]["streets"][0][1] == evil


def test_days_that_follow_each_other_are_a_span() -> None:
    assert weekday_names([0, 1, 2, 3, 4, 5], "fr") == "lundi – samedi"
    assert weekday_names([1, 2], "en") == "Tuesday, Wednesday"
    assert weekday_names([0, 2, 4], "fr") == "lundi, mercredi, vendredi"
    assert weekday_names([], "fr") == ""


def test_both_languages_have_every_text_with_the_same_fields() -> None:
    for key, found in TEXTS.items():
        assert set(found) == {"fr", "en"}, key
        fields = [set(re.findall(r"{(\w+)}", words)) for words in found.values()]
        assert fields[0] == fields[1], key


def test_area_show_draws_the_area_beside_it_or_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    area = tmp_path / "area"
    assert (
        ripeur.main(["area", "new", str(area), "--osm", str(grid(tmp_path / "grid.osm")), "--population", "900"]) == 0
    )
    assert ripeur.main(["area", "show", str(area)]) == 0
    assert str(area / ".cache/area.html") in capsys.readouterr().out
    assert len(data(area / ".cache/area.html")["area"]["sectors"]) == 5
    assert ripeur.main(["area", "show", str(area), "--out", str(tmp_path / "here.html"), "--lang", "en"]) == 0
    assert "inhabitants" in (tmp_path / "here.html").read_text("utf-8")
    shutil.rmtree(area / ".cache")
    (area / ".cache").write_text("", encoding="utf-8")  # nothing can be kept beside this area
    monkeypatch.chdir(tmp_path)
    assert ripeur.main(["area", "show", str(area)]) == 0
    assert (tmp_path / "area.html").is_file()
