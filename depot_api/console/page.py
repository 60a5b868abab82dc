"""``/console``: the page of who watches the day, its files, the base of its map and the streets of today's tours.

Everything is served by the depot itself; the page's policy forbids scripts in the page and every request elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from collections.abc import Callable
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

import dashboards
from dashboards.console import SHARED, TEXTS
from dashboards.shared import bounding_box, catalogue, deltas, drawn_base, leaflet_css, leaflet_js, streetmap_js
from depot_api.access import allow
from depot_api.basemap import basemap_of
from depot_api.live import WATCHERS, LiveState, TruckFilter, live_of, truck_filter_of
from depot_api.settings import Caller
from depot_api.state import Depot, depot_of, language, refusal_line, set_security_headers
from optimizer.planning import Town

router = APIRouter(tags=["console"], include_in_schema=False)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HERE = Path(dashboards.__file__).parent / "console"
_FILES: dict[str, tuple[str, Callable[[], str]]] = {
    "leaflet.js": ("text/javascript", leaflet_js),
    "leaflet.css": ("text/css", leaflet_css),
    "streetmap.js": ("text/javascript", streetmap_js),
    **{name: ("text/javascript", (_HERE / name).read_text) for name in ("console_map.js", "console.js")},
    "console.css": ("text/css", (_HERE / "console.css").read_text),
}  # fmt: skip

Watcher = Annotated[Caller, Depends(allow(*WATCHERS))]


@router.get("/console")
def console(request: Request, who: Watcher) -> HTMLResponse:
    """The page. What it shows comes by ``/live/stream``."""
    lang, depot = language(request), depot_of(request)
    session = getattr(request.state, "session", None)
    given = _given(depot, who, lang, "" if session is None else session.csrf)
    notice = "" if who.role == "contractor" else unescape(refusal_line(depot, lang, short=True))
    fixed = {
        "lang": lang, "other": "en" if lang == "fr" else "fr", "area": _area_name(depot), "csrf": given["csrf"],
        "notice": notice, "notice_hidden": "" if notice else "hidden",
    }  # fmt: skip

    def filled(match: re.Match[str]) -> str:
        if match[1] == "given":
            return json.dumps(given, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        return html.escape(fixed[match[1]] if match[1] in fixed else TEXTS[match[1]][lang])

    page = re.sub(r"{{(\w+)}}", filled, (_HERE / "console_body.html").read_text(encoding="utf-8"))
    response = HTMLResponse(page)
    set_security_headers(response, POLICY)
    if request.query_params.get("lang") in catalogue.LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie("ripeur_lang", lang, max_age=31_536_000, samesite="lax", secure=secure)
    return response


def _given(depot: Depot, who: Caller, lang: str, csrf: str) -> dict[str, Any]:
    town = depot.town
    live = depot.live if isinstance(depot.live, LiveState) else None
    texts = {key: found[lang] for key, found in TEXTS.items()}
    texts |= {key: catalogue.TEXTS[key][lang] for key in SHARED}
    return {
        "lang": "fr" if lang == "fr" else "en-GB", "texts": texts, "csrf": csrf,
        "timezone": live.timezone if live is not None else "UTC", "may_replay": who.role == "planner",
        "sites": {} if town is None else {site.id: site.label for site in town.sites},
        "flux": {} if town is None else {f.name: f.label for f in town.area.flux},
        "colours": {} if town is None else {f.name: f.bag_colour for f in town.area.flux if f.bag_colour},
    }  # fmt: skip


def _area_name(depot: Depot) -> str:
    return "Ripeur" if depot.town is None else depot.town.area.name


@router.get("/console/files/{name}", dependencies=[Depends(allow(*WATCHERS))])
def console_file(request: Request, name: str) -> Response:
    """The page's own scripts and styles."""
    if name not in _FILES:
        raise HTTPException(404, "no such file")
    body, packed, tag = _packed_file(name)
    return _cached(request, body, packed, tag, f"{_FILES[name][0]}; charset=utf-8")


@lru_cache(maxsize=16)
def _packed_file(name: str) -> tuple[bytes, bytes, str]:
    return _pack(_FILES[name][1]().encode())


@router.get("/console/base.json", dependencies=[Depends(allow(*WATCHERS))])
def console_base(request: Request) -> Response:
    """Roads, buildings and places under the tours; the same for as long as the depot runs."""
    depot = depot_of(request)
    if depot.town is not None:
        return _cached(request, *_town_base(depot.town), "application/json")
    return _cached(request, *_pack(orjson.dumps(_bare_base(depot))), "application/json")


_BASES: dict[int, tuple[bytes, bytes, str]] = {}


def _town_base(town: Town) -> tuple[bytes, bytes, str]:
    """Packed once: a town of 23,000 buildings is some 2 MB, 0.6 MB packed."""
    if id(town) not in _BASES:
        basemap = basemap_of(town)
        points = [town.extract.lonlat[n] for s in town.streets.stretches for n in (s.osm_nodes[0], s.osm_nodes[-1])]
        lonlat = basemap.places
        _BASES[id(town)] = _pack(orjson.dumps({
            "bounds": bounding_box(points) if points else bounding_box(list(town.extract.lonlat.values())),
            "keepLeft": basemap.traffic_side == "left", "attribution": basemap.attribution, "base": drawn_base(basemap),
            "places": [{"kind": "depot", "label": town.depot.label, "at": lonlat[town.depot.osm_node]}]
            + [{"kind": "site", "label": site.label, "at": lonlat[site.osm_node]} for site in town.sites],
        }))  # fmt: skip
    return _BASES[id(town)]


def _bare_base(depot: Depot) -> dict[str, Any]:
    """Without an area: an empty sheet around today's tours, or around the trucks."""
    live = depot.live if isinstance(depot.live, LiveState) else None
    points: list[tuple[float, float]] = []
    if live is not None and live.day is not None:
        points = [at for own in live.day.windows.values() for window in own for at in window.day.nodes.values()]
        points += [(t["lon_deg"], t["lat_deg"]) for t in live.board.values("trucks") if t.get("lat_deg") is not None]
    west, south, east, north = bounding_box(points or [(2.0, 46.0), (3.0, 47.0)])
    return {
        "bounds": (west - 0.002, south - 0.002, east + 0.002, north + 0.002), "keepLeft": False,
        "attribution": "© OpenStreetMap contributors", "places": [],
        "base": {"names": [""], "roads": [], "buildings": [], "water": [], "green": [], "labels": []},
    }  # fmt: skip


@router.get("/console/plan.json")
def console_plan(request: Request, who: Watcher) -> Response:
    """The streets of the tours in view: task -> [name, side in the driving direction, kind, tour, line]."""
    streets = planned(live_of(request), truck_filter_of(who))
    return _cached(request, *_pack(orjson.dumps(streets)), "application/json")


def planned(live: LiveState, may_see: TruckFilter | None) -> dict[str, Any]:
    """Tours and the lines of their tasks, packed as ``streetmap.js`` reads them."""
    tours: list[dict[str, str]] = []
    tasks: dict[str, list[Any]] = {}
    for window in [] if live.day is None else [window for own in live.day.windows.values() for window in own]:
        tour = window.tour
        if may_see is not None and not may_see(tour.truck):
            continue
        tours.append({"tour": tour.id, "name": tour.shift or tour.id, "truck": tour.truck})
        for leg in tour.legs:
            if leg.kind == "collect" and leg.task is not None:
                task = window.day.tasks[leg.task]
                line = window.day.line(leg.osm_nodes if leg.mode == "truck" else task.osm_nodes)
                tasks[task.id] = [task.name, leg.side or task.side, task.kind, tour.id, deltas(line)]
    return {"tours": tours, "tasks": tasks}


def _pack(body: bytes) -> tuple[bytes, bytes, str]:
    return body, gzip.compress(body, 6), hashlib.sha256(body).hexdigest()[:24]


def _cached(request: Request, body: bytes, packed: bytes, tag: str, media_type: str) -> Response:
    """What seldom changes: asked about each time, sent again only when it is another."""
    headers = {
        "ETag": f'"{tag}"', "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    if f'"{tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(body, media_type=media_type, headers=headers)
