"""A town made ready to plan: an area's streets, its roads for each kind of truck, its places on the map.

``Town.prepare`` does once what every day's plan needs; it is the slow part (seconds), and its road hierarchy is cached
beside the area.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import networkx as nx
from pyproj import Transformer

from fleet import Place, Site, Truck

from scipy.spatial import cKDTree

from . import drop_off_points, extract
from .area import Area, PlaceAt
from .demand import Demand, estimate
from .drop_off_map import read_osm
from .drop_off_points import DropOffPoint
from .extract import Extract
from .roads import CLOSED, Roads, TruckRoads
from .sides import Pass, passes
from .streets import Streets, Stretch, dead_ends, survey

Told = Callable[[str], None]


class TownFault(ValueError):
    """The area cannot be planned on this map: no depot on the graph, a depot cut off, no street for any truck."""


def _silent(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Town:
    """``profiles``: truck id -> the name of its road profile; ``roads``: by profile, the profile of most shifts first."""

    area: Area
    extract: Extract
    streets: Streets
    depot: Place
    sites: tuple[Site, ...]
    profiles: Mapping[str, str]
    roads: Mapping[str, TruckRoads]
    drop_offs: tuple[tuple[DropOffPoint, int], ...]  # with the node where a truck stands for it
    demand: Demand

    @classmethod
    def prepare(cls, folder: Path, told: Told = _silent, cache: Path | None = None) -> Town:
        """Read an area and its map. Raises ``AreaFaults``, ``ExtractFault`` or ``TownFault``, each saying what to mend.

        ``cache``: where the road hierarchy is kept; None = ``.cache`` in the area's folder if that can be written.
        """
        area = Area.load(folder)
        told("extract")
        found = extract.read(area.extract)
        points = drop_off_points_of(area)
        fixed = [p.osm_node for p in (area.depot, *(at for at, _ in area.sites)) if p.osm_node is not None]
        unknown = [node for node in fixed if node not in found.lonlat]
        if unknown:
            raise TownFault(f"area.toml: node = {unknown[0]}, is not on a street of {area.extract.name}")
        stands = _nearest_nodes(found, area, [(p.lon_deg, p.lat_deg) for p in points])
        told("streets")
        streets = survey(found, area, [*fixed, *(node for node in stands if node is not None)])
        main = _main_network(streets)
        depot = Place(area.depot.id, area.depot.label, _placed(area.depot, streets, found, area, main))
        sites = tuple(replace(site, osm_node=_placed(at, streets, found, area, main)) for at, site in area.sites)
        told("roads")
        roads = Roads(found, area, streets, [depot.osm_node, *(s.osm_node for s in sites)], _cache(folder, cache))
        profiles = {truck.id: _profile(truck) for truck in area.trucks}
        order = Counter(profiles[shift.truck] for shift in area.shifts)
        first = {profiles[truck.id]: truck for truck in reversed(area.trucks) if truck.id in {s.truck for s in area.shifts}}
        if not first:
            raise TownFault("area.toml: shifts, no truck is on shift")
        by_profile = {p: roads.for_truck(first[p]) for p, _ in order.most_common()}
        for profile, truck in by_profile.items():
            if not any(truck.point_stands(depot.osm_node)):
                raise TownFault(
                    f"area.toml: truck {first[profile].id} ({profile}), may use no street at the depot "
                    f"(node {depot.osm_node}): too heavy, too high or too wide for it"
                )
        told("demand")
        demand = estimate(area, found, streets)
        placed = tuple((p, node) for p, node in zip(points, stands, strict=True) if node is not None)
        return cls(area, found, streets, depot, sites, profiles, by_profile, placed, demand)

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """Every street side, dead end and presentation point of the town, whatever the day."""
        return passes(self.area, self.streets, self.roads, self.depot.osm_node)

    def reaches(self, stretch: Stretch) -> bool:
        """Whether some truck that may use the stretch gets from the depot to an end of it and home again."""
        fits = any(all(truck.usable[i] for i in stretch.segments) for truck in self.roads.values())
        return fits and not self._reached.isdisjoint((stretch.osm_nodes[0], stretch.osm_nodes[-1]))

    @cached_property
    def _reached(self) -> frozenset[int]:
        """The cut nodes that some truck gets to and home from."""
        found: set[int] = set()
        for truck in self.roads.values():
            stands = [s for node in self.streets.at_node for s in truck.point_stands(node)]
            trips = truck.round_trip_ms(truck.stop_stand(self.depot.osm_node), stands)
            found.update(s.node_in for s, ms in zip(stands, trips, strict=True) if ms < CLOSED)
        return frozenset(found)

    def lonlat_of(self, xy: tuple[float, float]) -> tuple[float, float]:
        lon, lat = self._to_degrees.transform(*xy)
        return float(lon), float(lat)

    def xy_of(self, lon_deg: float, lat_deg: float) -> tuple[float, float]:
        x, y = self._to_metres.transform(lon_deg, lat_deg)
        return float(x), float(y)

    @cached_property
    def _to_degrees(self) -> Transformer:
        return Transformer.from_crs(self.area.crs, "EPSG:4326", always_xy=True)

    @cached_property
    def _to_metres(self) -> Transformer:
        return Transformer.from_crs("EPSG:4326", self.area.crs, always_xy=True)


def drop_off_points_of(area: Area) -> list[DropOffPoint]:
    """The town's own file where there is one, else what the map shows."""
    if area.demand.drop_off_points is not None:
        return list(drop_off_points.read(area.folder / area.demand.drop_off_points))
    return list(read_osm(area.extract).points)


def _profile(truck: Truck) -> str:
    return f"{truck.gross_kg / 1000:g} t, {truck.height_m:g} m high, {truck.width_m:g} m wide, {truck.length_m:g} m long"


def _cache(folder: Path, cache: Path | None) -> Path | None:
    if cache is not None:
        return cache
    own = folder / ".cache"
    try:
        own.mkdir(exist_ok=True)
    except OSError:
        return None  # a read-only area is planned all the same, only slower
    return own


def _main_network(streets: Streets) -> frozenset[int]:
    """Cut nodes from which a truck gets everywhere in the largest strongly connected part, and not inside a dead end."""
    graph = nx.DiGraph()
    for s in streets.segments:
        if s.oneway >= 0:
            graph.add_edge(s.start, s.end)
        if s.oneway <= 0:
            graph.add_edge(s.end, s.start)
    dead = dead_ends(streets.segments)
    largest = max(nx.strongly_connected_components(graph), key=len)
    return frozenset(n for n in largest if not all(i in dead for i in streets.at_node[n]))


def _placed(at: PlaceAt, streets: Streets, found: Extract, area: Area, main: frozenset[int]) -> int:
    """The node of a depot or site: as given, or the nearest junction of the main network."""
    if at.osm_node is not None:
        if at.osm_node not in streets.at_node:
            raise TownFault(f"area.toml: {at.id}, node = {at.osm_node}, is on no street that vehicles may use")
        return at.osm_node
    to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
    xy = to_metres.transform(at.lon_deg, at.lat_deg)
    node = min(main, key=lambda n: (math.dist(streets.xy[n], xy), n))
    metres = math.dist(streets.xy[node], xy)
    if metres > 1000:
        west, south, east, north = found.bbox
        raise TownFault(
            f"area.toml: {at.id}, at = [{at.lat_deg}, {at.lon_deg}], is {metres:.0f} m from the nearest street of the road "
            f"network, must be within 1000 m (the extract spans lat {south:.4f} to {north:.4f}, lon {west:.4f} to {east:.4f})"
        )
    return node


def _nearest_nodes(found: Extract, area: Area, places: Iterable[tuple[float, float]]) -> list[int | None]:
    """The nearest node of a collected-class street within 80 m of each place: where the crane truck stands."""
    wanted = list(places)
    if not wanted:
        return []
    classes = set(area.streets.collected) | {"service"}
    nodes = sorted({n for way in found.ways if way.highway in classes for n in way.nodes})
    to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
    lon, lat = zip(*(found.lonlat[n] for n in nodes), strict=True)
    tree = cKDTree(list(zip(*to_metres.transform(lon, lat), strict=True)))
    lon, lat = zip(*wanted, strict=True)
    metres, nearest = tree.query(list(zip(*to_metres.transform(lon, lat), strict=True)))
    return [nodes[k] if m <= 80 else None for m, k in zip(metres, nearest, strict=True)]
