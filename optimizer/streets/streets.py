"""Streets: the extract cut at its junctions into segments, and the collected ones into stretches with their sides.

A *segment* runs along one way from one cut node to the next; it is what the road graph drives on. A *stretch* is one or
a few consecutive segments of one way: it is what a crew collects at once, and what demand is laid on. Neither depends
on a truck.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from fleet import Side, Truck
from optimizer.area import Area, StreetRules
from optimizer.streets import access
from optimizer.streets.extract import Extract, Way

XY = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """``nodes``: every OSM node from cut node to cut node, in the way's order."""

    index: int
    way: Way
    nodes: tuple[int, ...]
    length_m: float
    oneway: int

    @property
    def start(self) -> int:
        return self.nodes[0]

    @property
    def end(self) -> int:
        return self.nodes[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What is collected at once. ``both_sides``: crossing the street is safe (see ``[streets]`` in area.toml)."""

    id: str
    osm_way: int
    osm_nodes: tuple[int, ...]
    segments: tuple[int, ...]
    name: str
    highway: str
    oneway: int
    both_sides: bool
    xy: XY
    length_m: float

    @property
    def middle_xy(self) -> tuple[float, float]:
        """The point half-way along."""
        steps = np.hypot(*np.diff(self.xy, axis=0).T)
        at = np.searchsorted(np.cumsum(steps), steps.sum() / 2)
        before = steps[:at].sum()
        share = (steps.sum() / 2 - before) / steps[at] if steps[at] else 0.0
        x, y = self.xy[at] + share * (self.xy[at + 1] - self.xy[at])
        return float(x), float(y)


@dataclass(frozen=True, eq=False)
class StreetNetwork:
    """``xy``: metric coordinates of every street node; ``junctions``: the cut nodes."""

    segments: tuple[Segment, ...]
    stretches: tuple[Stretch, ...]
    xy: Mapping[int, tuple[float, float]]
    node_tags: Mapping[int, Mapping[str, str]]
    at_node: Mapping[int, tuple[int, ...]] = field(repr=False)  # cut node -> indices of its segments


def crossing_is_safe(tags: Mapping[str, str], rules: StreetRules) -> bool:
    """Whether both sides may be collected in one pass (R437: the exception, by the area's rule)."""
    highway = tags["highway"]
    if highway in rules.both_sides_highway:
        return True
    if access.oneway_direction(tags):
        return (
            highway in rules.both_sides_oneway_highway
            and (access.lane_count(tags) or 1) <= rules.both_sides_oneway_max_lanes
        )
    width = access.width_m(tags)
    return highway in rules.both_sides_two_way_highway and width is not None and width <= rules.both_sides_max_width_m


def passes_of_stretch(stretch: Stretch, traffic_side: str) -> tuple[tuple[tuple[int, ...], Side], ...]:
    """The passes a stretch needs when a truck can drive it through: (nodes in driving order, side) each.

    A two-way street is collected one side at a time in the direction of traffic; a wide one-way takes two passes.
    """
    along, back = stretch.osm_nodes, stretch.osm_nodes[::-1]
    curb: Side = "left" if traffic_side == "left" else "right"
    far: Side = "right" if curb == "left" else "left"
    if stretch.both_sides:
        return (((back if stretch.oneway < 0 else along), "both"),)
    if stretch.oneway:
        nodes = along if stretch.oneway > 0 else back
        return ((nodes, curb), (nodes, far))
    return ((along, curb), (back, curb))


def metric(extract: Extract, crs: str) -> dict[int, tuple[float, float]]:
    """Every street node in metres, by the area's projection."""
    nodes = list(extract.lonlat)
    lon, lat = np.array([extract.lonlat[n] for n in nodes]).T
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return {n: (float(a), float(b)) for n, a, b in zip(nodes, x, y, strict=True)}


def build_street_network(extract: Extract, area: Area, stops: Iterable[int] = ()) -> StreetNetwork:
    """Cut the extract. ``stops``: nodes that must be cut nodes too (depot, sites, drop-off points)."""
    xy = metric(extract, area.crs)
    rules = area.streets
    ways = [way for way in extract.ways if access.way_is_public(way.tags)]
    touches = Counter(node for way in ways for node in way.nodes)
    cut = {way.nodes[0] for way in ways} | {way.nodes[-1] for way in ways} | set(stops)
    cut |= {node for node, times in touches.items() if times > 1}
    for node, tags in extract.node_tags.items():
        if tags.get("highway") in rules.turning_places or "barrier" in tags:
            cut.add(node)
    pieces: list[tuple[Way, tuple[int, ...]]] = []
    for way in ways:
        collected = way.highway in rules.collected
        for piece in _cut(way.nodes, cut):
            parts = _even_parts(piece, xy, rules.max_task_m) if collected else [piece]
            pieces.extend((way, part) for part in parts)
    segments = tuple(
        Segment(k, way, nodes, _length_m(nodes, xy), access.oneway_direction(way.tags))
        for k, (way, nodes) in enumerate(pieces)
    )
    at_node: dict[int, list[int]] = {}
    for s in segments:
        at_node.setdefault(s.start, []).append(s.index)
        if s.end != s.start:
            at_node.setdefault(s.end, []).append(s.index)
    frozen = {node: tuple(found) for node, found in at_node.items()}
    alone = dead_end_segments(segments, area.trucks, extract.node_tags)
    return StreetNetwork(
        segments, _stretches(segments, rules, xy, extract.node_tags, alone), xy, extract.node_tags, frozen
    )


def _cut(nodes: tuple[int, ...], cut: set[int]) -> list[tuple[int, ...]]:
    pieces, start = [], 0
    for k in range(1, len(nodes)):
        if nodes[k] in cut or k == len(nodes) - 1:
            pieces.append(nodes[start : k + 1])
            start = k
    return [piece for piece in pieces if len(piece) > 1]


def _length_m(nodes: tuple[int, ...], xy: Mapping[int, tuple[float, float]]) -> float:
    return sum(math.dist(xy[a], xy[b]) for a, b in itertools.pairwise(nodes))


def _even_parts(nodes: tuple[int, ...], xy: Mapping[int, tuple[float, float]], max_m: float) -> list[tuple[int, ...]]:
    """Parts of about equal length, none longer than ``max_m`` where the way has nodes to cut at."""
    total = _length_m(nodes, xy)
    count = math.ceil(total / max_m)
    if count <= 1:
        return [nodes]
    parts: list[tuple[int, ...]] = []
    start, run, done = 0, 0.0, 0.0
    for k in range(1, len(nodes)):
        run += math.dist(xy[nodes[k - 1]], xy[nodes[k]])
        if done + run >= total * (len(parts) + 1) / count and k < len(nodes) - 1:
            parts.append(nodes[start : k + 1])
            start, done, run = k, done + run, 0.0
    parts.append(nodes[start:])
    return parts


def _stretches(
    segments: tuple[Segment, ...],
    rules: StreetRules,
    xy: Mapping[int, tuple[float, float]],
    node_tags: Mapping[int, Mapping[str, str]],
    alone: Collection[int],
) -> tuple[Stretch, ...]:
    """Join consecutive segments of a collected way into stretches of at most ``max_task_m``.

    ``alone``: segments of dead ends, each of which is served by a rule of its own.
    """
    barriers = {node for node, tags in node_tags.items() if "barrier" in tags}
    runs: list[list[Segment]] = []
    for s in segments:
        if s.way.highway not in rules.collected:
            continue
        last = runs[-1] if runs else None
        if (
            last
            and last[-1].way.id == s.way.id
            and last[-1].end == s.start
            and s.start not in barriers
            and s.index not in alone
            and last[-1].index not in alone
            and sum(p.length_m for p in last) + s.length_m <= rules.max_task_m
            and s.end not in {p.start for p in last}  # never a closed loop: a stretch has two ends
        ):
            last.append(s)
        else:
            runs.append([s])
    found = []
    for run in runs:
        way = run[0].way
        nodes = run[0].nodes + tuple(node for s in run[1:] for node in s.nodes[1:])
        found.append(
            Stretch(
                id=f"w{way.id}:{nodes[0]}-{nodes[-1]}" + (f"~{nodes[1]}" if nodes[0] == nodes[-1] else ""),
                osm_way=way.id,
                osm_nodes=nodes,
                segments=tuple(s.index for s in run),
                name=way.tags.get("name", way.tags.get("ref", "")),
                highway=way.highway,
                oneway=access.oneway_direction(way.tags),
                both_sides=crossing_is_safe(way.tags, rules),
                xy=np.array([xy[n] for n in nodes]),
                length_m=sum(s.length_m for s in run),
            )
        )
    return tuple(found)


def dead_end_segments(
    segments: Collection[Segment], trucks: Iterable[Truck], node_tags: Mapping[int, Mapping[str, str]]
) -> frozenset[int]:
    """The segments that are a dead end for some truck: a weight sign ends a street for one and not for another."""
    shapes = {(t.gross_kg, t.height_m, t.width_m, t.length_m): t for t in trucks}
    found: set[int] = set()
    for truck in shapes.values():
        blocked = {n for n, tags in node_tags.items() if not access.truck_may_pass(tags, truck)}
        found.update(
            dead_ends(split_at_barriers(s, blocked) for s in segments if access.truck_may_use(s.way.tags, truck))
        )
    return frozenset(found)


def split_at_barriers(segment: Segment, barred: Collection[int]) -> Segment:
    """The segment with an end of its own at each barred node, so that nothing joins it to the next one there."""
    nodes = list(segment.nodes)
    for end in (0, -1):
        if nodes[end] in barred:
            nodes[end] = -2 * segment.index - 1 - (end == 0)
    return Segment(segment.index, segment.way, tuple(nodes), segment.length_m, segment.oneway)


def dead_ends(segments: Iterable[Segment]) -> dict[int, int]:
    """Segments that hang on the rest and lead nowhere else: segment index -> its far (dead) end node.

    They are what is left out of the 2-core: pruned from the leaves inwards.
    """
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    for s in segments:  # a loop counts twice at its node: who drives round it has turned
        graph.add_edge(s.start, s.end, s.index)
    degree = {node: graph.degree(node) for node in graph}
    leaves = sorted(node for node, d in degree.items() if d == 1)
    far: dict[int, int] = {}
    while leaves:
        leaf = leaves.pop()
        for _, other, index in graph.edges(leaf, keys=True):
            if index not in far:
                far[index] = leaf
                degree[other] -= 1
                if degree[other] == 1:
                    leaves.append(other)
    return far
