"""Hours in which streets are closed to collection (``[[windows.closed]]``): where each of them is.

A window that meets nothing is a fault, not an opinion: a misspelt street would be collected in the school's rush hour,
and nobody would know why.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from pyproj import Transformer

from optimizer.area import Area, ClosedWindow
from optimizer.streets.extract import OBJECTS, Extract
from optimizer.streets.snapping import normalized_street_name
from optimizer.streets.streets import StreetNetwork

#: What ``near`` may name: the objects that are read from the map.
KNOWN_NEAR = tuple(f"{key}={value}" for key, values in OBJECTS.items() for value in sorted(values))


class Closure:
    """One window on the map: the streets it names, and those within its metres of what it is near to."""

    def __init__(self, window: ClosedWindow, area: Area, extract: Extract, streets: StreetNetwork):
        self.window, self.streets = window, streets
        key, _, value = (window.near or "").partition("=")
        here = [(o.lon_deg, o.lat_deg) for o in extract.objects if value and o.tags.get(key) == value]
        self.objects = len(here)
        if here:
            to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
            lon, lat = zip(*here, strict=True)
            self._near = shapely.MultiPoint(np.column_stack(to_metres.transform(lon, lat)))

    def meets(self, name: str, nodes: Sequence[int]) -> bool:
        """Whether a street of that name, along these nodes of the streets, is closed by it."""
        return (bool(name) and name in self.window.streets) or self.is_near(nodes)

    def is_near(self, nodes: Sequence[int]) -> bool:
        if not self.objects:
            return False
        xy = [self.streets.xy[node] for node in nodes]  # a long straight street has no node at the school's door
        line = shapely.LineString(xy) if len(xy) > 1 else shapely.Point(xy[0])
        return bool(shapely.dwithin(line, self._near, self.window.within_m))

    def street_count(self) -> int:
        """How many collected streets it closes, of one name or none each."""
        return len({s.name or s.osm_way for s in self.streets.stretches if self.meets(s.name, s.osm_nodes)})


def ineffective_windows(area: Area, extract: Extract, streets: StreetNetwork, stands: Iterable[int] = ()) -> list[str]:
    """Every window, or part of one, that meets nothing of this map; one line each, with what may be meant.

    ``stands``: nodes where trucks stand for drop-off points, which a window may be near to as well.
    """
    points = list(stands)
    said: list[str] = []
    for k, window in enumerate(area.closed, 1):
        where = f"area.toml [[windows.closed]] {k} ({window.name})"
        said += [f"{where}, streets = {name!r}, {why}" for name in window.streets if (why := _lost(name, streets))]
        if window.near is not None:
            closure = Closure(window, area, extract, streets)
            why = _nowhere(closure, window.near, extract, points)
            said += [f"{where}, near = {window.near!r}, {why}"] if why else []
    return said


def _lost(name: str, streets: StreetNetwork) -> str:
    """Why a street's name closes nothing; empty where it closes something."""
    collected = sorted({s.name for s in streets.stretches if s.name})
    if name in collected:
        return ""
    if name in {s.way.tags.get("name", s.way.tags.get("ref")) for s in streets.segments}:
        return "is on the map but not collected ([streets] collected), must be a collected street"
    return f"must be a street as the map names it{_street_meant(name, collected)}"


def _street_meant(name: str, known: Sequence[str]) -> str:
    """The nearest name, case, accents and abbreviations aside."""
    plain = {normalized_street_name(other): other for other in reversed(known)}
    near = difflib.get_close_matches(normalized_street_name(name), list(plain), n=1, cutoff=0.6)
    return f" (did you mean {plain[near[0]]!r}?)" if near else ""


def _nowhere(closure: Closure, near: str, extract: Extract, points: Sequence[int]) -> str:
    if near not in KNOWN_NEAR:
        meant = difflib.get_close_matches(near, KNOWN_NEAR, n=1, cutoff=0.6)
        known = "; ".join(f"{key}={', '.join(sorted(values))}" for key, values in OBJECTS.items())
        return f"must be one of {known}" + (f" (did you mean {meant[0]!r}?)" if meant else "")
    if not closure.objects:
        there = Counter(tag for o in extract.objects for k, v in o.tags.items() if (tag := f"{k}={v}") in KNOWN_NEAR)
        shown = ", ".join(f"{tag} ({count})" for tag, count in sorted(there.items()))
        return f"is nowhere on the map, must be an object that is there: {shown or 'there is none'}"
    places = [s.osm_nodes for s in closure.streets.stretches] + [(node,) for node in points]
    if any(closure.is_near(nodes) for nodes in places):
        return ""
    return (
        f"within_m = {closure.window.within_m:g}, meets no collected street around the {closure.objects} of the map, "
        "must be more metres"
    )
