"""``area.html``: an area on the same offline map as its plans, streets coloured by the sector that they belong to.

The base, the frame and the marks of depot and sites are the plan's map without a tour (``map.py``, ``map.js``); the
sectors come over it (``area_map.js``). Nothing in the page is asked of anybody.
"""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Any

from dashboards.plan import Literal, OfflineMap, Page, map_data, map_head, sealed
from dashboards.shared import AreaWords, Basemap, LonLat, bounding_box, catalogue_text, deltas, format_day, tour_colour
from fleet import Plan

Collection = Mapping[str, Any]

FRAME = 0.05  # shown around that

TEXTS: dict[str, dict[str, str]] = {
    "title": {"fr": "Territoire – {name}", "en": "Area – {name}"},
    "panel": {"fr": "Secteurs et légende", "en": "Sectors and key"},
    "map": {"fr": "Carte des secteurs de collecte", "en": "Map of the collection sectors"},
    "skip": {"fr": "Aller à la liste des secteurs", "en": "Go to the list of sectors"},
    "sum": {
        "fr": "{sectors} secteurs · {people} habitants · {km} km de rues à collecter · {tonnes} t par semaine",
        "en": "{sectors} sectors · {people} inhabitants · {km} km of streets to collect · {tonnes} t a week",
    },
    "figures": {
        "fr": "{people} hab. · {km} km de rues · {tonnes} t/sem.",
        "en": "{people} people · {km} km of streets · {tonnes} t/week",
    },
    "never": {"fr": "aucune collecte promise", "en": "no collection promised"},
    "street": {"fr": "{people} habitants, {kg} kg par semaine", "en": "{people} inhabitants, {kg} kg a week"},
    "empty": {"fr": "Rue sans habitants : rien à collecter", "en": "Street without people: nothing to collect"},
    "drop_off": {"fr": "Point d'apport volontaire", "en": "Drop-off point"},
    "show": {"fr": "Montrer {name}", "en": "Show {name}"},
}


def write_area_map(layers: Mapping[str, Collection], basemap: Basemap, title: str, path: Path, lang: str) -> None:
    """Write the map of an area.

    ``layers``: GeoJSON FeatureCollections as ``optimizer/new_area/summary.py`` makes them: ``streets`` (LineString;
    sector, sector_index, name, people, kg_week), ``places`` (Point; kind depot or site, label), ``sectors`` (name,
    and ``weekdays``: 0 = Monday, where known) and, where there are any, ``drop_off_points`` (Point; name).
    """
    data = _area_data(layers, basemap, title, lang)
    west, south, east, north = data["bounds"]
    base = OfflineMap(((west + east) / 2, (south + north) / 2))
    data["area"]["map"] = base.get_name()  # the page's variable that area_map.js draws on
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    texts = {key: found[lang] for key, found in TEXTS.items()} | {
        "title": data["title"],
        "legend": catalogue_text("legend", lang),
    }

    def filled(match: re.Match[str]) -> str:
        return written if match[1] == "data" else html.escape(texts[match[1]])

    here = Path(__file__).parent
    body = re.sub(r"{{(\w+)}}", filled, (here / "area_map_body.html").read_text(encoding="utf-8"))
    page = Page(data["title"], lang)
    base.add_to(page)
    page.html.add_child(Literal(body), name="body")
    head = map_head() | {
        "area_css": f"<style>{(here / 'area_map.css').read_text(encoding='utf-8')}</style>",
        "area_js": f"<script>{(here / 'area_map.js').read_text(encoding='utf-8')}</script>",
    }
    for name, part in head.items():
        page.header.add_child(Literal(part), name=name)
    path.write_text(sealed(page.render()), encoding="utf-8")


def _area_data(layers: Mapping[str, Collection], basemap: Basemap, title: str, lang: str) -> dict[str, Any]:
    nothing = Plan(
        area={},
        date=date(2000, 1, 3),
        timezone="UTC",
        seed=0,
        engine="",
        program_version="",
        tasks=(),
        tours=(),
        unserved=(),
    )
    data = map_data(nothing, basemap, AreaWords(title, ()), lang, TEXTS["title"][lang].format(name=title))
    streets = [(f["properties"], f["geometry"]["coordinates"]) for f in layers["streets"]["features"]]
    if streets:
        data["bounds"] = _lived_in([(p["people"], line) for p, line in streets])
    data["places"] = [
        {"kind": f["properties"]["kind"], "label": f["properties"]["label"], "at": f["geometry"]["coordinates"]}
        for f in layers["places"]["features"]
    ]
    data["area"] = {
        "texts": {key: found[lang] for key, found in TEXTS.items()},
        "sectors": _sectors(layers, lang),
        "streets": [
            [p["sector_index"], p["name"], round(p["people"], 1), _whole_kg(p["kg_week"]), deltas(line)]
            for p, line in streets
        ],
        "dropOffPoints": [
            [f["properties"].get("name") or "", *f["geometry"]["coordinates"]]
            for f in layers.get("drop_off_points", {"features": ()})["features"]
        ],
    }
    return data


def _whole_kg(kg: float) -> int:
    """Rounded, but never to nothing: a street with nothing to collect is drawn otherwise."""
    return max(1, round(kg)) if kg > 0 else 0


def _lived_in(streets: Sequence[tuple[float, Sequence[LonLat]]]) -> tuple[float, float, float, float]:
    """West, south, east, north of where 98 % of the people live, and a frame: a road may run off to the next town."""
    weights = [people for people, _ in streets]
    if not sum(weights):
        weights = [1.0 for _ in streets]
    middles = [line[len(line) // 2] for _, line in streets]

    def span(axis: int) -> tuple[float, float]:
        order = sorted(range(len(streets)), key=lambda k: middles[k][axis])
        below = list(accumulate(weights[k] for k in order))
        low, high = (order[bisect_left(below, share * below[-1])] for share in (0.01, 0.99))
        west, east = middles[low][axis], middles[high][axis]
        return west - FRAME * (east - west), east + FRAME * (east - west)

    points = [point for _, line in streets for point in line]
    seen = bounding_box(points)
    (west, east), (south, north) = span(0), span(1)
    return max(west, seen[0]), max(south, seen[1]), min(east, seen[2]), min(north, seen[3])


def _sectors(layers: Mapping[str, Collection], lang: str) -> list[dict[str, Any]]:
    """Name, colour, days and sums of each; kilometres are added up in the page, which knows how long a line is."""
    people: dict[int, float] = defaultdict(float)
    kg: dict[int, float] = defaultdict(float)
    for feature in layers["streets"]["features"]:
        found = feature["properties"]
        people[found["sector_index"]] += found["people"]
        kg[found["sector_index"]] += found["kg_week"]
    return [
        {
            "name": f["properties"]["name"], "colour": tour_colour(k),
            "people": round(people[k], 3), "kg": round(kg[k], 3),  # the page rounds, after adding up
            "days": weekday_names(f["properties"].get("weekdays", ()), lang),
        }
        for k, f in enumerate(layers["sectors"]["features"])
    ]  # fmt: skip


def weekday_names(numbers: Sequence[int], lang: str) -> str:
    """Days of the week in order, 0 = Monday; three and more that follow each other are a span: ``lundi – samedi``."""
    names = [format_day(date(2001, 1, 1 + number), lang).split()[0] for number in numbers]
    if len(names) > 2 and numbers[-1] - numbers[0] == len(names) - 1:
        return f"{names[0]} – {names[-1]}"
    return ", ".join(names)
