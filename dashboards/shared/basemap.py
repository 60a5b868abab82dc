"""What is drawn under the tours: the area's own roads, buildings and water, so that a map needs no tile server.

Plain data: whoever has the extract fills it (this package never reads one). Every point is ``(lon, lat)`` in degrees,
the order of GeoJSON. Where roads carry their ``osm_nodes``, maps and sheets also know crossings, one-ways and heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

#: (lon, lat) in degrees.
LonLat = tuple[float, float]
Line = tuple[LonLat, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """A way of the map as it is drawn. ``highway``: OSM class. ``osm_nodes``: as many as ``points``, or none known."""

    highway: str
    name: str
    points: Line
    osm_nodes: tuple[int, ...] = ()
    oneway: bool = False
    max_height_m: float | None = None

    def __post_init__(self) -> None:
        if len(self.points) < 2:
            raise ValueError(f"road {self.name!r}: points = {len(self.points)}, must be 2 or more")
        if self.osm_nodes and len(self.osm_nodes) != len(self.points):
            raise ValueError(
                f"road {self.name!r}: osm_nodes = {len(self.osm_nodes)}, must be as many as points = {len(self.points)}"
            )


@dataclass(frozen=True, slots=True)
class MapLabel:
    """The name of a place. ``rank``: 0 city or town, 1 village or suburb, 2 smaller."""

    text: str
    at: LonLat
    rank: int = 1


@dataclass(frozen=True)
class Basemap:
    """Roads, rings (closed or not; the first point need not be repeated) and the places of the plan's nodes.

    ``places``: the (lon, lat) of **every** node that a leg or a task of the plan names.
    """

    roads: tuple[Road, ...]
    places: Mapping[int, LonLat]
    buildings: tuple[Line, ...] = ()
    water: tuple[Line, ...] = ()
    green: tuple[Line, ...] = ()
    labels: tuple[MapLabel, ...] = ()
    attribution: str = "© OpenStreetMap contributors"
    traffic_side: str = "right"

    def place(self, node: int) -> LonLat:
        """Where a node is; ``KeyError`` that names it where the basemap was filled without it."""
        try:
            return self.places[node]
        except KeyError:
            raise KeyError(f"basemap: places has no osm_node {node}, must hold every node of the plan") from None

    def line(self, nodes: Iterable[int]) -> Line:
        return tuple(self.place(node) for node in nodes)

    @cached_property
    def _extents(self) -> tuple[tuple[float, float, float, float], ...]:
        return tuple(
            (min(p[0] for p in road.points), min(p[1] for p in road.points),
             max(p[0] for p in road.points), max(p[1] for p in road.points)) for road in self.roads
        )  # fmt: skip

    def roads_within(self, south_west: LonLat, north_east: LonLat) -> list[Road]:
        """The roads that may be seen in a frame: their extents meet it."""
        (west, south), (east, north) = south_west, north_east
        return [
            road for road, (w, s, e, n) in zip(self.roads, self._extents, strict=True)
            if w <= east and e >= west and s <= north and n >= south
        ]  # fmt: skip

    @cached_property
    def streets(self) -> StreetIndex:
        """The names along the plan's nodes, indexed once."""
        return StreetIndex.of(self)


@dataclass(frozen=True, slots=True)
class StreetIndex:
    """Names by node and by pair of neighbouring nodes, for the nodes of a plan only (a town has a million others)."""

    names_at: Mapping[int, tuple[str, ...]]
    roads: Mapping[tuple[int, int], Road]

    @classmethod
    def of(cls, basemap: Basemap) -> StreetIndex:
        names: dict[int, list[str]] = {}
        roads: dict[tuple[int, int], Road] = {}
        wanted = basemap.places
        for road in basemap.roads:
            for node in road.osm_nodes:
                if node in wanted and road.name and road.name not in names.setdefault(node, []):
                    names[node].append(road.name)
            for a, b in pairwise(road.osm_nodes):
                if a in wanted and b in wanted:
                    roads.setdefault((a, b), road)
                    roads.setdefault((b, a), road)
        return cls({node: tuple(found) for node, found in names.items()}, roads)

    def crossing(self, node: int, street: str) -> str:
        """The first other street that meets ``street`` at this node; "" where there is none."""
        return next((name for name in self.names_at.get(node, ()) if name != street), "")
