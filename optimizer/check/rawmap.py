"""The raw map, as the checker reads it: highways, their nodes and turn restrictions, straight from the OSM file.

The checker shares no code with the planner's own reading (``extract.py``, ``roads.py``): a mistake there must not hide
itself here. Nothing is interpreted in this file but the file format and the members of restriction relations; what a
truck may do with it is ``passage.py``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import osmium
import osmium.filter
import osmium.osm
from numpy.typing import NDArray
from pyproj import Geod

#: Keys under which a turn restriction may bind a truck (wiki: Relation:restriction). Conditional ones are ignored.
RESTRICTION_KEYS = ("restriction", "restriction:motor_vehicle", "restriction:goods", "restriction:hgv")
#: An ``except`` that names one of these lets a truck off.
EXEMPTIONS = {"vehicle", "motor_vehicle", "goods", "hgv"}

_WGS84 = Geod(ellps="WGS84")


class MapFault(ValueError):
    """The extract is missing (``detail`` None), or truncated or no OSM file (``detail``: what osmium says of it)."""

    def __init__(self, path: Path, detail: str | None = None):
        self.path, self.detail = path, detail
        super().__init__(f"{path}: {detail or 'no such file'}")


@dataclass(frozen=True, slots=True)
class RawWay:
    id: int
    nodes: tuple[int, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RawRestriction:
    """A turn restriction that binds trucks. ``only``: whoever comes by ``from_ways`` must go on by ``to_ways``.

    Exactly one of ``via_node`` and ``via_ways`` is given.
    """

    id: int
    kind: str
    only: bool
    from_ways: frozenset[int]
    via_node: int | None
    via_ways: frozenset[int]
    to_ways: frozenset[int]


@dataclass(frozen=True)
class RawMap:
    """Every way with ``highway=…`` and its nodes. ``tags``: of those nodes that have any."""

    ways: Mapping[int, RawWay]
    lat_deg: Mapping[int, float]
    lon_deg: Mapping[int, float]
    tags: Mapping[int, Mapping[str, str]]
    ways_at: Mapping[int, Sequence[int]]  # node -> ids of the ways through it
    restrictions_from: Mapping[int, Sequence[RawRestriction]]  # way -> restrictions that begin on it

    def joining(self, a: int, b: int) -> list[tuple[RawWay, bool]]:
        """The ways on which ``b`` is the very next node to ``a``; True where that is the way's own direction."""
        found: dict[tuple[int, bool], tuple[RawWay, bool]] = {}
        for id_ in self.ways_at.get(a, ()):
            way = self.ways[id_]
            for here, there in zip(way.nodes, way.nodes[1:], strict=False):
                if (here, there) == (a, b):
                    found[id_, True] = (way, True)
                elif (here, there) == (b, a):
                    found[id_, False] = (way, False)
        return list(found.values())

    def neighbours(self, node: int) -> dict[int, list[RawWay]]:
        """The nodes next to this one, with the ways that lead there."""
        found: dict[int, list[RawWay]] = {}
        for id_ in self.ways_at.get(node, ()):
            way = self.ways[id_]
            for a, b in zip(way.nodes, way.nodes[1:], strict=False):
                if a == node and b != node:
                    found.setdefault(b, []).append(way)
                elif b == node and a != node:
                    found.setdefault(a, []).append(way)
        return found

    def steps_m(self, nodes: Sequence[int]) -> NDArray[np.float64]:
        """Geodesic length (WGS 84) of each step along the nodes; KeyError where a node is not on the map."""
        lon = np.array([self.lon_deg[n] for n in nodes])
        lat = np.array([self.lat_deg[n] for n in nodes])
        return np.asarray(_WGS84.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2], dtype=np.float64)

    def length_m(self, nodes: Sequence[int]) -> float:
        return float(self.steps_m(nodes).sum()) if len(nodes) > 1 else 0.0

    def distance_m(self, node: int, lat_deg: float, lon_deg: float) -> float:
        return float(_WGS84.inv(self.lon_deg[node], self.lat_deg[node], lon_deg, lat_deg)[2])


def read_map(path: Path) -> RawMap:
    """Read the highways of an OSM file (.osm, .osm.pbf, .pbf). MapFault where that cannot be done."""
    if not path.is_file():
        raise MapFault(path)
    try:
        ways, restrictions = _ways_and_restrictions(path)
        return _with_nodes(path, ways, restrictions)
    except RuntimeError as error:  # what osmium raises for a truncated or foreign file
        raise MapFault(path, str(error)) from error


def _open(path: Path) -> osmium.io.File:
    # "town.test.pbf" is PBF too, but osmium goes by the first of several endings.
    return osmium.io.File(str(path), "pbf") if path.suffix == ".pbf" else osmium.io.File(str(path))


def _ways_and_restrictions(path: Path) -> tuple[dict[int, RawWay], list[RawRestriction]]:
    ways: dict[int, RawWay] = {}
    restrictions: list[RawRestriction] = []
    wanted = osmium.filter.KeyFilter("highway", *RESTRICTION_KEYS)
    for o in osmium.FileProcessor(_open(path), osmium.osm.WAY | osmium.osm.RELATION).with_filter(wanted):
        tags = {tag.k: tag.v for tag in o.tags}
        if isinstance(o, osmium.osm.Way) and "highway" in tags:
            if tags.get("area") == "yes":
                continue  # a square drawn by its outline: nobody drives along that
            ways[o.id] = RawWay(o.id, tuple(node.ref for node in o.nodes), tags)
        elif isinstance(o, osmium.osm.Relation):
            members = [(m.type, m.role, m.ref) for m in o.members]
            restrictions.extend(_restrictions(o.id, tags, members))
    return ways, restrictions


def _restrictions(id_: int, tags: Mapping[str, str], members: Iterable[tuple[str, str, int]]) -> list[RawRestriction]:
    exempt = {word.strip() for word in tags.get("except", "").split(";")}
    # day_on/hour_on are the old way to write a conditional restriction.
    if exempt & EXEMPTIONS or {"day_on", "hour_on"} & tags.keys():
        return []
    members = list(members)

    def refs(role: str, kind: str) -> frozenset[int]:
        return frozenset(ref for type_, r, ref in members if (r, type_) == (role, kind))

    from_ways, to_ways = refs("from", "w"), refs("to", "w")
    via_nodes, via_ways = refs("via", "n"), refs("via", "w")
    if not from_ways or not to_ways or bool(via_nodes) == bool(via_ways) or len(via_nodes) > 1:
        return []  # broken in the map: it binds nobody
    kinds = {tags[key] for key in RESTRICTION_KEYS if tags.get(key, "").startswith(("no_", "only_"))}
    via_node = next(iter(via_nodes), None)
    return [
        RawRestriction(
            id=id_,
            kind=kind,
            only=kind.startswith("only_"),
            from_ways=from_ways,
            via_node=via_node,
            via_ways=via_ways,
            to_ways=to_ways,
        )
        for kind in sorted(kinds)
    ]


def _with_nodes(path: Path, ways: Mapping[int, RawWay], restrictions: Iterable[RawRestriction]) -> RawMap:
    ways_at: dict[int, list[int]] = {}
    for way in ways.values():
        for node in dict.fromkeys(way.nodes):
            ways_at.setdefault(node, []).append(way.id)
    lat_deg: dict[int, float] = {}
    lon_deg: dict[int, float] = {}
    tagged: dict[int, Mapping[str, str]] = {}
    wanted = osmium.filter.IdFilter(ways_at)
    for o in osmium.FileProcessor(_open(path), osmium.osm.NODE).with_filter(wanted):
        if isinstance(o, osmium.osm.Node):
            lat_deg[o.id], lon_deg[o.id] = o.lat, o.lon
            if o.tags:
                tagged[o.id] = {tag.k: tag.v for tag in o.tags}
    starting: dict[int, list[RawRestriction]] = {}
    for restriction in restrictions:
        for way_id in restriction.from_ways:
            starting.setdefault(way_id, []).append(restriction)
    return RawMap(ways, lat_deg, lon_deg, tagged, ways_at, starting)
