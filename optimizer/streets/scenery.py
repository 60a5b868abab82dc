"""What makes a map readable beside its streets: sea, water, green, footways. Drawn only; nothing is planned on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import osmium
import osmium.filter
import osmium.osm
from shapely import LineString, Point, Polygon, box
from shapely.ops import linemerge, polygonize, unary_union

from optimizer.streets.extract import LonLat, osm_file

Line = tuple[LonLat, ...]

GREEN = {
    "landuse": {"forest", "grass", "cemetery", "meadow", "village_green", "allotments"},
    "leisure": {"park", "garden", "golf_course", "pitch"},
    "natural": {"wood", "scrub", "grassland"},
}
FOOTWAYS = frozenset(("pedestrian", "footway", "path", "steps", "track", "cycleway"))
#: How far beyond the streets the sea is drawn, degrees.
MARGIN_DEG = 0.02


@dataclass(frozen=True)
class Scenery:
    """Rings and lines as (lon, lat); ``footways``: (class, name, line)."""

    water: tuple[Line, ...]
    green: tuple[Line, ...]
    footways: tuple[tuple[str, str, Line], ...]


def read_scenery(path: Path, bbox: tuple[float, float, float, float]) -> Scenery:
    """Read it from an extract whose streets span ``bbox`` (west, south, east, north)."""
    water: list[Line] = []
    green: list[Line] = []
    footways: list[tuple[str, str, Line]] = []
    coast: list[Line] = []
    ways = osmium.FileProcessor(osm_file(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for o in ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(
        osmium.filter.KeyFilter("natural", "landuse", "leisure", "waterway", "highway")
    ):
        if not isinstance(o, osmium.osm.Way):
            continue
        line = tuple((n.location.lon, n.location.lat) for n in o.nodes if n.location.valid())
        tags = dict(o.tags)
        if len(line) < 2:
            continue
        if tags.get("highway") in FOOTWAYS:
            footways.append((tags["highway"], tags.get("name", ""), line))
        elif tags.get("natural") == "coastline":
            coast.append(line)
        elif tags.get("natural") == "water" or tags.get("waterway") == "riverbank":
            water.append(line)
        elif any(tags.get(key) in values for key, values in GREEN.items()):
            green.append(line)
    return Scenery((*sea(coast, bbox), *water), tuple(green), tuple(footways))


def sea(coast: Iterable[Line], bbox: tuple[float, float, float, float]) -> list[Line]:
    """The faces of the frame that lie to the right of the coastline (OSM wiki, *Tag:natural=coastline*)."""
    lines = [LineString(line) for line in coast]
    if not lines:
        return []
    west, south, east, north = bbox
    frame = box(west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    merged = linemerge(lines)
    pieces = list(merged.geoms) if hasattr(merged, "geoms") else [merged]
    faces = polygonize(unary_union([*(_led_out(p) for p in pieces), frame.exterior]))
    inside = frame.buffer(1e-6)
    return [tuple((x, y) for x, y, *_ in f.exterior.coords) for f in faces if inside.contains(f) and _wet(f, pieces)]


def _led_out(line: LineString) -> LineString:
    """An extract ends somewhere: loose ends of the coast go straight on, out of the frame."""
    points = [(float(x), float(y)) for x, y in line.coords]
    if points[0] == points[-1]:
        return line
    return LineString([_beyond(points[1], points[0]), *points, _beyond(points[-2], points[-1])])


def _beyond(inner: LonLat, end: LonLat) -> LonLat:
    length = max(1e-9, math.dist(inner, end))
    return end[0] + (end[0] - inner[0]) / length, end[1] + (end[1] - inner[1]) / length


def _wet(face: Polygon, coast: list[LineString]) -> bool:
    """Whether more of the coast has this face on its right than on its left."""
    wet = 0.0
    for line in coast:
        for (ax, ay), (bx, by) in pairwise(line.coords):
            length = math.dist((ax, ay), (bx, by))
            if not length:
                continue
            x, y = (ax + bx) / 2, (ay + by) / 2
            right_x, right_y = (by - ay) / length * 1e-5, -(bx - ax) / length * 1e-5
            if face.contains(Point(x + right_x, y + right_y)):
                wet += length
            elif face.contains(Point(x - right_x, y - right_y)):
                wet -= length
    return wet > 0
