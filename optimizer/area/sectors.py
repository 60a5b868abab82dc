"""Sectors: compact parts of a town with about the same work, one for each day of the week.

The plane is cut in two at the weighted share, each half again, always across its longer side, so that parts are compact
and without gaps or overlaps. Cuts are straight in metres; corners that lie on a neighbour's edge are corners of both,
so that the parts still meet exactly in degrees.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from optimizer.area.area import Sector

Floats = NDArray[np.float64]
Degrees = Sequence[float] | Floats
Corner = tuple[float, float]
#: A cut that misses its share by more than this of the whole is tried across the other side and at a slant.
GOOD_CUT = 0.005
_SLANTS_DEG = (0.0, 90.0, 7.0, -7.0, 97.0, 83.0, 20.0, -20.0)
_NAMES = {"fr": "Secteur {k}", "en": "Sector {k}"}
_SAME_M = 1e-6
#: Corners nearer to each other become one: they would meet when written in degrees, and cross.
_ONE_CORNER_M = 0.5


def balanced(
    points_xy: Floats, work: Floats, count: int, bbox: tuple[float, float, float, float], crs: str, language: str = "fr"
) -> tuple[Sector, ...]:
    """``count`` sectors with about the same ``work`` each, numbered from north-west to south-east.

    ``points_xy``: n x 2 in metres of ``crs``; ``bbox``: (west, south, east, north) in degrees, which the sectors cover.
    """
    if count < 1:
        raise ValueError(f"sectors: count = {count}, must be 1 or more")
    if len(points_xy) != len(work):
        raise ValueError(f"sectors: {len(points_xy)} points and {len(work)} weights, must be as many")
    to_metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    west, south, east, north = bbox
    edge = np.linspace(0.0, 1.0, 21)  # a parallel is bent in metres: look along it, not at its ends only
    lon = np.concatenate((west + (east - west) * edge,) * 2 + (np.full(21, west), np.full(21, east)))
    lat = np.concatenate((np.full(21, south), np.full(21, north)) + (south + (north - south) * edge,) * 2)
    x, y = to_metres.transform(lon, lat)
    low, high = (float(x.min()), float(y.min())), (float(x.max()), float(y.max()))
    if len(points_xy):
        low = min(low[0], float(points_xy[:, 0].min())), min(low[1], float(points_xy[:, 1].min()))
        high = max(high[0], float(points_xy[:, 0].max())), max(high[1], float(points_xy[:, 1].max()))
    margin = max(100.0, 0.02 * max(high[0] - low[0], high[1] - low[1]))
    cell = [
        (low[0] - margin, low[1] - margin), (high[0] + margin, low[1] - margin),
        (high[0] + margin, high[1] + margin), (low[0] - margin, high[1] + margin),
    ]  # fmt: skip
    cells = _parted(points_xy, np.asarray(work, np.float64), np.arange(len(points_xy)), count, cell)
    cells.sort(key=_reading_order)
    name = _NAMES.get(language, _NAMES["en"])
    rings = _degrees(_meeting(cells), crs)
    return tuple(Sector(name.format(k=k), ((ring,),)) for k, ring in enumerate(rings, 1))


def _reading_order(cell: list[Corner]) -> tuple[float, float]:
    x, y = np.mean(cell, axis=0)
    return (float(-y + x), float(x))


def _parted(xy: Floats, work: Floats, mine: NDArray[np.intp], count: int, cell: list[Corner]) -> list[list[Corner]]:
    if count == 1:
        return [cell]
    first = count // 2
    normal, at = _cut(xy[mine], work[mine], first / count, cell)
    ahead = xy[mine] @ np.array(normal)
    below, above = _clipped(cell, normal, at)
    return _parted(xy, work, mine[ahead < at], first, below) + _parted(
        xy, work, mine[ahead >= at], count - first, above
    )


def _cut(xy: Floats, work: Floats, share: float, cell: list[Corner]) -> tuple[Corner, float]:
    """The line ``normal . p = at`` with ``share`` of the work below it: across the longer side where that works out."""
    spread = _spread(xy, work) if work.sum() > 0 else np.ptp(np.array(cell), axis=0)
    turn = 0.0 if spread[0] >= spread[1] else 90.0
    best: tuple[float, Corner, float] | None = None
    for slant in _SLANTS_DEG:
        angle = math.radians(turn + slant)
        normal = (math.cos(angle), math.sin(angle))
        at, miss = _share_at(xy @ np.array(normal), work, share, [c[0] * normal[0] + c[1] * normal[1] for c in cell])
        if best is None or miss < best[0]:
            best = (miss, normal, at)
        if miss <= GOOD_CUT:
            break
    assert best is not None
    return best[1], best[2]


def _spread(xy: Floats, work: Floats) -> Floats:
    """Width and height of where 90 % of the work is: one far farm must not decide how a town is cut."""
    sizes = []
    for axis in (0, 1):
        order = np.argsort(xy[:, axis], kind="stable")
        done = np.cumsum(work[order]) / work.sum()
        ends = np.minimum(np.searchsorted(done, (0.05, 0.95)), len(done) - 1)
        sizes.append(float(np.diff(xy[order][ends, axis])[0]))
    return np.array(sizes)


def _share_at(ahead: Floats, work: Floats, share: float, corners: list[float]) -> tuple[float, float]:
    """Where along the normal to cut, and by how much of the whole the share is missed. Never through a point."""
    if len(ahead) < 2 or work.sum() <= 0:
        return min(corners) + share * (max(corners) - min(corners)), 0.0
    order = np.argsort(ahead, kind="stable")
    line, done = ahead[order], np.cumsum(work[order]) / work.sum()
    gaps = np.flatnonzero(np.diff(line) > 1e-3)  # cut only where there is room between two points
    if len(gaps) == 0:
        return min(corners) + share * (max(corners) - min(corners)), 1.0
    best = gaps[np.argmin(np.abs(done[gaps] - share))]
    return float(line[best] + line[best + 1]) / 2, float(abs(done[best] - share))


def _clipped(cell: list[Corner], normal: Corner, at: float) -> tuple[list[Corner], list[Corner]]:
    """A convex cell cut by a line: the part below and the part above, sharing the two points of the cut."""
    below: list[Corner] = []
    above: list[Corner] = []
    height = [c[0] * normal[0] + c[1] * normal[1] - at for c in cell]
    height = [0.0 if abs(h) < _ONE_CORNER_M else h for h in height]
    for k, corner in enumerate(cell):
        other, h, g = cell[(k + 1) % len(cell)], height[k], height[(k + 1) % len(cell)]
        if h <= 0:
            below.append(corner)
        if h >= 0:
            above.append(corner)
        if h * g < 0:
            part = h / (h - g)
            point = (corner[0] + part * (other[0] - corner[0]), corner[1] + part * (other[1] - corner[1]))
            below.append(point)
            above.append(point)
    return below, above


def _meeting(cells: list[list[Corner]]) -> list[list[Corner]]:
    """Cells with every corner of a neighbour that lies on their edge added to that edge."""
    corners = sorted({corner for cell in cells for corner in cell})
    points = np.array(corners)
    full: list[list[Corner]] = []
    for cell in cells:
        ring: list[Corner] = []
        for k, corner in enumerate(cell):
            start, end = np.array(corner), np.array(cell[(k + 1) % len(cell)])
            way = end - start
            length = float(np.hypot(*way))
            along = (points - start) @ way / length
            aside = np.abs((points - start) @ np.array([-way[1], way[0]])) / length
            on = np.flatnonzero((aside < _SAME_M) & (along > _SAME_M) & (along < length - _SAME_M))
            ring.append(corner)
            ring.extend(corners[j] for j in on[np.argsort(along[on])])
        full.append(ring)
    one = _merged(points)
    return [_without_repeats([one[corner] for corner in ring]) for ring in full]


def _merged(points: Floats) -> dict[Corner, Corner]:
    """Each corner -> the first of those that lie together."""
    one: dict[Corner, Corner] = {}
    kept: list[Corner] = []
    for x, y in points:
        here = (float(x), float(y))
        near = (k for k in kept if math.dist(k, here) < _ONE_CORNER_M)
        one[here] = next(near, here)
        if one[here] == here:
            kept.append(here)
    return one


def _without_repeats(ring: list[Corner]) -> list[Corner]:
    return [corner for k, corner in enumerate(ring) if corner != ring[k - 1]]


def _degrees(rings: list[list[Corner]], crs: str) -> list[tuple[tuple[float, float], ...]]:
    back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    found = []
    for ring in rings:
        lon, lat = back.transform(*np.array([*ring, ring[0]]).T)
        found.append(tuple((round(float(a), 7), round(float(b), 7)) for a, b in zip(lon, lat, strict=True)))
    return found


def sector_of(sectors: Sequence[Sector], lon_deg: Degrees, lat_deg: Degrees) -> list[str]:
    """The name of each point's sector; on a border the first of the list, outside of all the nearest."""
    return [sectors[k].name for k in indices(sectors, lon_deg, lat_deg)]


def indices(sectors: Sequence[Sector], lon_deg: Degrees, lat_deg: Degrees) -> NDArray[np.intp]:
    """As ``sector_of``, positions in ``sectors`` instead of names."""
    if not sectors:
        raise ValueError("sectors: none, must be at least one")
    lon, lat = np.atleast_1d(np.asarray(lon_deg, np.float64)), np.atleast_1d(np.asarray(lat_deg, np.float64))
    # Degrees of longitude are shorter than degrees of latitude: "nearest" needs them alike.
    squeeze = math.cos(math.radians(float(lat.mean()))) if len(lat) else 1.0
    shapes = [shapely.transform(_shape(sector), lambda c: c * (squeeze, 1.0)) for sector in sectors]
    x = lon * squeeze
    found = np.full(len(lon), -1, np.intp)
    for k, shape in enumerate(shapes):
        shapely.prepare(shape)
        found[(found < 0) & shapely.intersects_xy(shape, x, lat)] = k
    outside = np.flatnonzero(found < 0)
    if len(outside):
        points = shapely.points(x[outside], lat[outside])
        found[outside] = np.argmin([shapely.distance(shape, points) for shape in shapes], axis=0)
    return found


def _shape(sector: Sector) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([(rings[0], list(rings[1:])) for rings in sector.polygons])


def to_geojson(sectors: Sequence[Sector]) -> dict[str, Any]:
    """RFC 7946: one MultiPolygon or Polygon per sector, outer rings counter-clockwise."""
    features = []
    for sector in sectors:
        parts = [[_turned(ring, k == 0) for k, ring in enumerate(rings)] for rings in sector.polygons]
        geometry = {"type": "Polygon", "coordinates": parts[0]} if len(parts) == 1 else (
            {"type": "MultiPolygon", "coordinates": parts}
        )  # fmt: skip
        features.append({"type": "Feature", "properties": {"name": sector.name}, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _turned(ring: tuple[tuple[float, float], ...], outer: bool) -> list[list[float]]:
    """Outer rings counter-clockwise, holes clockwise (RFC 7946, 3.1.6)."""
    points = [list(p) for p in ring]
    return points if shapely.LinearRing(ring).is_ccw == outer else points[::-1]


def write(sectors: Sequence[Sector], path: Path) -> None:
    path.write_text(json.dumps(to_geojson(sectors), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
