"""What the plan's map and the depot's console draw alike: Leaflet itself, and an area's roads and buildings, packed.

Leaflet 1.9.4 comes from ``django-js-lib-leaflet``; ``streetmap.js`` draws the base. Geometry travels as millionths of
a degree, each point as the difference to the one before: a quarter of GeoJSON's size.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from dashboards.shared.basemap import Basemap, LonLat

#: Above this many buildings the smallest are left out: a file that a phone can open matters more.
MAX_BUILDINGS = 120_000
SCALE = 1_000_000

#: How a class of road is drawn, 0 the widest. Absent: as the narrowest.
ROAD_RANKS = {
    "motorway": 0, "trunk": 0, "motorway_link": 1, "trunk_link": 1, "primary": 1, "primary_link": 1,
    "secondary": 2, "secondary_link": 2, "tertiary": 3, "tertiary_link": 3, "unclassified": 4, "residential": 4,
    "living_street": 4, "road": 4, "pedestrian": 5, "service": 5,
}  # fmt: skip
_NARROWEST = 6


def leaflet_css() -> str:
    """Leaflet's style with its pictures in it, so that the page asks for none."""
    leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"

    def inlined(match: re.Match[str]) -> str:
        image = (leaflet / "images" / match[1]).read_bytes()
        return f"url(data:image/png;base64,{base64.b64encode(image).decode()})"

    css = re.sub(r"url\(images/([\w.-]+)\)", inlined, (leaflet / "leaflet.css").read_text(encoding="utf-8"))
    return css.replace("behavior: url(#default#VML);", "")  # for Internet Explorer 8


def leaflet_js() -> str:
    """Leaflet's script, without the mention of a source map that no page of ours has beside it."""
    leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    return re.sub(r"//# sourceMappingURL=.*", "", (leaflet / "leaflet.js").read_text(encoding="utf-8"))


def streetmap_js() -> str:
    """The drawing code that pages share."""
    return (Path(__file__).parent / "streetmap.js").read_text(encoding="utf-8")


def deltas(line: Iterable[LonLat]) -> list[int]:
    """lon, lat in millionths of a degree, then the differences; read again by ``undelta`` in ``streetmap.js``."""
    written: list[int] = []
    x = y = 0
    for lon, lat in line:
        a, b = round(lon * SCALE), round(lat * SCALE)
        written += (a - x, b - y)
        x, y = a, b
    return written


def bounding_box(points: Sequence[LonLat]) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    return min(lons), min(lats), max(lons), max(lats)


def drawn_base(basemap: Basemap) -> dict[str, Any]:
    """Roads, buildings, water, green and the names of places as ``streetmap.js`` reads them."""
    names = list(dict.fromkeys(["", *(road.name for road in basemap.roads)]))
    index = {name: i for i, name in enumerate(names)}
    return {
        "names": names,
        "roads": [[ROAD_RANKS.get(road.highway, _NARROWEST), index[road.name], deltas(road.points)]
                  for road in basemap.roads],
        "buildings": [deltas(ring) for ring in _largest(basemap.buildings)],
        "water": [deltas(ring) for ring in basemap.water],
        "green": [deltas(ring) for ring in basemap.green],
        "labels": [[label.text, label.rank, *deltas([label.at])] for label in basemap.labels],
    }  # fmt: skip


def _largest(buildings: Sequence[Sequence[LonLat]]) -> Sequence[Sequence[LonLat]]:
    if len(buildings) <= MAX_BUILDINGS:
        return buildings

    def size(ring: Sequence[LonLat]) -> float:
        west, south, east, north = bounding_box(ring)
        return (east - west) * (north - south)

    return sorted(buildings, key=size, reverse=True)[:MAX_BUILDINGS]
