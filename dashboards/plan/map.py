"""``map.html``: the day's tours on a folium map that opens offline.

Folium's own page links to six content networks; this one holds Leaflet itself, draws its base from the area's own roads
and buildings (``streetmap.py``). Its content security policy forbids every request, and every script and style but the
page's own, which it names by their sums: what a name might smuggle in would not run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import folium
from branca.element import Element, Figure
from folium.template import Template

from dashboards.plan.rows import SheetRow, sheet_rows
from dashboards.shared import (
    UNSERVED_COLOUR,
    AreaWords,
    Basemap,
    LonLat,
    bounding_box,
    catalogue,
    catalogue_text,
    deltas,
    drawn_base,
    ink_on,
    leaflet_css,
    leaflet_js,
    streetmap_js,
    tour_colour,
    tour_name,
)
from fleet import Leg, Plan, Task, Tour

#: Filled in once the page is whole. The quotes tell them from words, whose quotes are escaped.
_SCRIPTS, _STYLES = "'scripts'", "'styles'"
_POLICY = (
    f"default-src 'none'; script-src {_SCRIPTS}; style-src {_STYLES}; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


class Page(Figure):
    """Folium's page with a language, and its script inside the body (folium writes it after, which is not HTML)."""

    _template = Template(
        "<!DOCTYPE html>\n<html lang='{{ this.lang }}'>\n<head>\n<title>{{ this.title }}</title>\n"
        "{{ this.header.render(**kwargs) }}\n</head>\n<body>\n{{ this.html.render(**kwargs) }}\n"
        "<script>\n{{ this.script.render(**kwargs) }}\n</script>\n</body>\n</html>\n"
    )

    def __init__(self, title: str, lang: str):
        super().__init__(title=html.escape(title))
        self.lang = lang


class Literal(Element):
    """Words that stand as they are. Branca reads other elements' words as templates, even the names of streets."""

    _template = Template("{{ this.words }}")

    def __init__(self, words: str):
        super().__init__()
        self.words = words


class OfflineMap(folium.Map):
    """A folium map without a link: what it needs stands in the page."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var moves = !matchMedia('(prefers-reduced-motion: reduce)').matches;\n"
        "var {{ this.get_name() }} = L.map('map', {zoomControl: false, attributionControl: false, preferCanvas: true,"
        " zoomAnimation: moves, fadeAnimation: moves, markerZoomAnimation: moves, inertia: moves,"
        " zoomSnap: 0.25, maxZoom: 20, minZoom: 9, center: {{ this.location|tojson }}, zoom: 13});\n"
        "ripeur({{ this.get_name() }}, JSON.parse(document.getElementById('plan').textContent));"
        "{% endmacro %}"
    )

    def __init__(self, centre: LonLat):
        super().__init__(location=[centre[1], centre[0]], tiles=None)
        self.default_js, self.default_css = [], []
        self._id = "ripeur"  # folium draws a random one: the same plan must give the same file


def write_map(plan: Plan, basemap: Basemap, words: AreaWords, path: Path, lang: str) -> None:
    """Write the map of a plan. ``KeyError`` where the basemap lacks a node of the plan."""
    title = f"{catalogue_text('tours_of', lang, day=catalogue.format_day(plan.date, lang))} – {words.name}"
    data = map_data(plan, basemap, words, lang, title)
    west, south, east, north = data["bounds"]
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")

    def filled(match: re.Match[str]) -> str:
        if match[1] == "data":
            return written
        return html.escape(title if match[1] == "title" else catalogue_text(match[1], lang))

    body = re.sub(r"{{(\w+)}}", filled, (Path(__file__).parent / "map_body.html").read_text(encoding="utf-8"))
    page = Page(title, lang)
    OfflineMap(((west + east) / 2, (south + north) / 2)).add_to(page)
    page.html.add_child(Literal(body), name="body")
    for name, part in map_head().items():
        page.header.add_child(Literal(part), name=name)
    path.write_text(sealed(page.render()), encoding="utf-8")


def sealed(page: str) -> str:
    """The page with the sums of its own scripts and styles in its policy. Names in it are escaped already."""
    for tag, place in (("script", _SCRIPTS), ("style", _STYLES)):
        sums = (hashlib.sha256(own.encode()).digest() for own in re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL))
        named = dict.fromkeys(f"'sha256-{base64.b64encode(one).decode()}'" for one in sums)
        page = page.replace(place, " ".join(named), 1)
    return page


def map_head() -> dict[str, str]:
    here = Path(__file__).parent
    ours = (here / "map.js").read_text(encoding="utf-8")
    return {
        "meta_policy": f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}" />',
        "meta_view": '<meta name="viewport" content="width=device-width, initial-scale=1" />',
        "icon": '<link rel="icon" href="data:," />',
        "leaflet_css": f"<style>{leaflet_css()}</style>",
        "ripeur_css": f"<style>{(here / 'map.css').read_text(encoding='utf-8')}</style>",
        "leaflet_js": f"<script>{leaflet_js()}</script>",
        "streetmap_js": f"<script>{streetmap_js()}</script>",
        "ripeur_js": f"<script>{ours}</script>",
    }


# --- the data in the page ----------------------------------------------------------------------------------------


def map_data(plan: Plan, basemap: Basemap, words: AreaWords, lang: str, title: str) -> dict[str, Any]:
    on_tours = [basemap.place(node) for tour in plan.tours for leg in tour.legs for node in leg.osm_nodes]
    points = on_tours or [point for road in basemap.roads for point in road.points] or [(0.0, 0.0)]
    tasks = plan.tasks_by_id
    return {
        "title": title, "lang": "fr" if lang == "fr" else "en-GB", "timezone": plan.timezone,
        "texts": {key: found[lang] for key, found in catalogue.TEXTS.items()},
        "attribution": basemap.attribution, "unservedColour": UNSERVED_COLOUR, "bounds": bounding_box(points),
        "keepLeft": basemap.traffic_side == "left",
        "flux": [{"name": f.name, "label": f.label, "colour": f.bag_colour, "kgPerBag": f.kg_per_bag}
                 for f in words.flux],
        "base": drawn_base(basemap),
        "places": [
            {"kind": kind, "label": place.label, "id": place.id, "at": basemap.place(place.osm_node)}
            for kind, found in (("depot", (words.depot,) if words.depot else ()), ("site", words.sites))
            for place in found if place.osm_node in basemap.places
        ],
        "tours": [_tour(plan, tour, i, basemap, words) for i, tour in enumerate(plan.tours)],
        "unserved": [
            {"name": task.name, "reason": lost.reason, "kind": task.kind, "kg": task.demand_kg, "side": task.side,
             "dwellings": task.dwellings, "line": deltas(basemap.line(task.osm_nodes))}
            for lost in plan.unserved for task in (tasks[lost.task],)
        ],
    }  # fmt: skip


def _tour(plan: Plan, tour: Tour, index: int, basemap: Basemap, words: AreaWords) -> dict[str, Any]:
    truck = words.trucks.get(tour.truck)
    rows = sheet_rows(plan, tour, basemap, truck.height_m if truck else None)
    row_of = {leg: i for i, row in enumerate(rows) for leg in row.legs}
    figures = plan.figures.get("tours", {}).get(tour.id, {})
    tasks = plan.tasks_by_id
    collected = [leg for leg in tour.legs if leg.kind == "collect"]
    return {
        "id": tour.id, "name": tour_name(tour), "colour": tour_colour(index),
        "ink": "#fff" if ink_on(tour_colour(index)) == (255, 255, 255) else "#000",
        "truck": tour.truck, "loaders": tour.loaders,
        "start": _unix_s(tour.start_at), "end": _unix_s(tour.end_at),
        "km": figures.get("km", sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000),
        "kg": sum(kg for leg in collected for kg in leg.kg.values()),
        "trips": sum(leg.kind == "unload" for leg in tour.legs),
        "turnings": [[i, *deltas([basemap.place(note.node)])] for i, row in enumerate(rows) for note in row.notes
                     if note.node is not None],
        "rows": [_row(row, words) for row in rows],
        "legs": [_leg(leg, row_of.get(i, -1), basemap, tasks) for i, leg in enumerate(tour.legs)],
    }  # fmt: skip


def _row(row: SheetRow, words: AreaWords) -> dict[str, Any]:
    found = {
        "kind": row.kind, "n": row.number, "start": _unix_s(row.start_at), "end": _unix_s(row.end_at),
        "task": row.task_kind, "street": row.street, "side": row.side, "a": row.from_street, "b": row.to_street,
        "kg": {flux: round(kg, 1) for flux, kg in (row.kg or {}).items()}, "dwellings": row.dwellings,
        "containers": row.containers, "trip": row.trip, "foot": row.on_foot, "legs": row.legs,
        "site": words.site_label(row.site) if row.site else "",
        "notes": [[note.key, note.m, note.seconds, note.street] for note in row.notes], "returns": row.returns,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in (None, "", 0, False, [], {}, ())}


def _leg(leg: Leg, row: int, basemap: Basemap, tasks: Mapping[str, Task]) -> list[Any]:
    """[kind, row, start s, end s, side, on foot, points, kg, dwellings]; its row has the sums."""
    task = tasks.get(leg.task or "")
    return [
        leg.kind, row, _unix_s(leg.start_at), _unix_s(leg.end_at), leg.side or "",
        int(leg.mode == "foot"), deltas(basemap.line(leg.osm_nodes)),
        {flux: round(kg, 1) for flux, kg in leg.kg.items()}, task.dwellings if task else 0,
    ]  # fmt: skip


def _unix_s(at: datetime) -> int:
    return round(at.timestamp())
