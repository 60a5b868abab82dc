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
import numpy as np
from pyproj import Transformer
from scipy.spatial import cKDTree

from fleet import Place, Site, Truck
from optimizer.area import Area, PlaceAt, read_area
from optimizer.demand import Demand, estimate_demand
from optimizer.drop_off import DropOffPoint, read_osm_points, read_points_csv
from optimizer.planning.sides import Pass, collection_passes
from optimizer.streets import (
    CLOSED,
    Extract,
    Roads,
    StreetNetwork,
    Stretch,
    TruckRoads,
    build_street_network,
    dead_ends,
    ineffective_windows,
    read_extract,
)

StageReporter = Callable[[str], None]

#: A truck that gets from its depot to less than this share of the junctions it may stand at is shut in.
CONNECTED_SHARE = 0.1
SAMPLE = 500  # junctions asked about


class TownFault(ValueError):
    """The area cannot be planned on this map: a depot off the graph or cut off, no street for any truck, a closure of
    nothing."""


def _silent(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Town:
    """``profiles``: truck id -> the name of its road profile; ``roads``: by profile, that of most shifts first."""

    area: Area
    extract: Extract
    streets: StreetNetwork
    depot: Place
    sites: tuple[Site, ...]
    profiles: Mapping[str, str]
    roads: Mapping[str, TruckRoads]
    drop_offs: tuple[tuple[DropOffPoint, int], ...]  # with the node where a truck stands for it
    demand: Demand

    @classmethod
    def prepare(cls, folder: Path, report_stage: StageReporter = _silent, cache: Path | None = None) -> Town:
        """Read an area and its map. Raises ``AreaFaults``, ``ExtractFault`` or ``TownFault``, each saying what to mend.

        ``cache``: where the road hierarchy is kept; None = ``.cache`` in the area's folder if that can be written.
        """
        area = read_area(folder)
        report_stage("extract")
        found = read_extract(area.extract)
        points = drop_off_points_of(area)
        places = (area.depot, *(at for at, _ in area.sites))
        fixed = [place.osm_node for place in places if place.osm_node is not None]
        unknown = [
            f"{p.id}, node = {p.osm_node}" for p in places if p.osm_node is not None and p.osm_node not in found.lonlat
        ]
        if unknown:
            raise TownFault(
                f"area.toml: {'; '.join(unknown)}: not on a street of {area.extract.name}, must be an OSM node of one "
                "(or at = [lat, lon], which is snapped to the nearest junction)"
            )
        stands = _nearest_nodes(found, area, [(p.lon_deg, p.lat_deg) for p in points])
        report_stage("streets")
        streets = build_street_network(found, area, [*fixed, *(node for node in stands if node is not None)])
        idle = ineffective_windows(area, found, streets, [node for node in stands if node is not None])
        if idle:
            raise TownFault("\n".join(idle))
        main = _main_network(streets)
        depot = Place(area.depot.id, area.depot.label, _placed(area.depot, streets, found, area, main))
        sites = tuple(replace(site, osm_node=_placed(at, streets, found, area, main)) for at, site in area.sites)
        report_stage("roads")
        roads = Roads(found, area, streets, [depot.osm_node, *(s.osm_node for s in sites)], _cache(folder, cache))
        profiles = {truck.id: _profile(truck) for truck in area.trucks}
        order = Counter(profiles[shift.truck] for shift in area.shifts)
        first = {
            profiles[truck.id]: truck for truck in reversed(area.trucks) if truck.id in {s.truck for s in area.shifts}
        }
        if not first:
            raise TownFault("area.toml: shifts, no truck is on shift")
        by_profile = {p: roads.for_truck(first[p]) for p, _ in order.most_common()}
        for truck in by_profile.values():
            _leaves_the_depot(truck, depot, main)
        for site in sites:
            if not any(_round_trips(truck, depot, [site.osm_node]) for truck in by_profile.values()):
                raise TownFault(
                    f"area.toml: site {site.id}, node {site.osm_node}, is cut off: no truck gets there from the depot "
                    f"and back; {_advice(streets, site.osm_node, main)}"
                )
        report_stage("demand")
        demand = estimate_demand(area, found, streets)
        placed = tuple((p, node) for p, node in zip(points, stands, strict=True) if node is not None)
        return cls(area, found, streets, depot, sites, profiles, by_profile, placed, demand)

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """Every street side, dead end and presentation point of the town, whatever the day."""
        return collection_passes(self.area, self.streets, self.roads, self.depot.osm_node)

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

    @cached_property
    def _to_degrees(self) -> Transformer:
        return Transformer.from_crs(self.area.crs, "EPSG:4326", always_xy=True)


def drop_off_points_of(area: Area) -> list[DropOffPoint]:
    """The town's own file where there is one, else what the map shows."""
    if area.demand.drop_off_points is not None:
        return list(read_points_csv(area.folder / area.demand.drop_off_points))
    return list(read_osm_points(area.extract).points)


def _profile(truck: Truck) -> str:
    return (
        f"{truck.gross_kg / 1000:g} t, {truck.height_m:g} m high, {truck.width_m:g} m wide, {truck.length_m:g} m long"
    )


def _cache(folder: Path, cache: Path | None) -> Path | None:
    if cache is not None:
        return cache
    own = folder / ".cache"
    try:
        own.mkdir(exist_ok=True)
    except OSError:
        return None  # a read-only area is planned all the same, only slower
    return own


def _main_network(streets: StreetNetwork) -> frozenset[int]:
    """Cut nodes of the largest part in which a truck gets from everywhere to everywhere, without dead ends."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    for s in streets.segments:
        if s.oneway >= 0:
            graph.add_edge(s.start, s.end)
        if s.oneway <= 0:
            graph.add_edge(s.end, s.start)
    dead = dead_ends(streets.segments)
    largest = max(nx.strongly_connected_components(graph), key=len)
    return frozenset(n for n in largest if not all(i in dead for i in streets.at_node[n]))


def _placed(at: PlaceAt, streets: StreetNetwork, found: Extract, area: Area, main: frozenset[int]) -> int:
    """The node of a depot or site: as given, or the nearest junction of the main network."""
    if at.osm_node is not None:
        if at.osm_node not in streets.at_node:
            raise TownFault(f"area.toml: {at.id}, node = {at.osm_node}, is on no street that vehicles may use")
        return at.osm_node
    if not main:
        raise TownFault(f"extract {found.path.name}: {_advice(streets, min(streets.at_node), main)}")
    to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
    xy = to_metres.transform(at.lon_deg, at.lat_deg)
    node = min(main, key=lambda n: (math.dist(streets.xy[n], xy), n))
    metres = math.dist(streets.xy[node], xy)
    if metres > 1000:
        west, south, east, north = found.bbox
        raise TownFault(
            f"area.toml: {at.id}, at = [{at.lat_deg}, {at.lon_deg}], is {metres:.0f} m from the nearest street of the "
            f"road network, must be within 1000 m (the extract spans lat {south:.4f} to {north:.4f}, "
            f"lon {west:.4f} to {east:.4f})"
        )
    return node


def _leaves_the_depot(truck: TruckRoads, depot: Place, main: frozenset[int]) -> None:
    """``TownFault`` where a truck is shut in at the depot: the town would be unserved, and nobody would know why."""
    who = f"truck {truck.truck.id} ({_profile(truck.truck)})"
    shut = "too heavy, too high or too wide for it, or closed to lorries"
    if not truck.usable.any():
        raise TownFault(f"area.toml: {who}, may use no street of the map: {shut}")
    standing = [node for node in sorted(main) if truck.point_stands(node)]
    advice = _advice(truck.streets, depot.osm_node, standing)
    if not truck.point_stands(depot.osm_node):
        raise TownFault(f"area.toml: {who}, may use no street at the depot (node {depot.osm_node}): {shut}; {advice}")
    asked = standing[:: max(1, len(standing) // SAMPLE)]
    if len(_round_trips(truck, depot, asked)) < CONNECTED_SHARE * len(asked) or not asked:
        raise TownFault(
            f"area.toml: depot {depot.id}, node {depot.osm_node}, is cut off from the road network for {who}: "
            f"no way there and back; {advice}"
        )


def _round_trips(truck: TruckRoads, depot: Place, nodes: Iterable[int]) -> set[int]:
    """Those of the nodes that the truck gets to from the depot, and home from."""
    stands = [stand for node in nodes for stand in truck.point_stands(node)]
    if not stands:
        return set()
    trips = truck.round_trip_ms(truck.stop_stand(depot.osm_node), stands)
    return {stand.node_in for stand, ms in zip(stands, trips, strict=True) if ms < CLOSED}


def _advice(streets: StreetNetwork, node: int, good: Iterable[int]) -> str:
    """What to write instead: the nearest junction that would do."""
    near = min(good, key=lambda n: (math.dist(streets.xy[n], streets.xy[node]), n), default=None)
    if near is None:
        return "the map has no street network that a truck can drive around on"
    metres = math.dist(streets.xy[near], streets.xy[node])
    return f"the nearest junction of the road network is node = {near}, {metres:.0f} m away"


def _nearest_nodes(found: Extract, area: Area, places: Iterable[tuple[float, float]]) -> list[int | None]:
    """The nearest node within 80 m of each place where a crane truck may stand and drive on; None: there is none."""
    wanted = list(places)
    if not wanted:
        return []
    streets = build_street_network(found, area)
    main = _main_network(streets)
    dead = dead_ends(streets.segments)
    standing = set(area.streets.collected) | {"service"}
    nodes = sorted(
        {
            n
            for s in streets.segments
            if s.way.highway in standing and s.index not in dead and s.start in main and s.end in main
            for n in s.nodes
        }
    )
    if not nodes:
        return [None for _ in wanted]
    to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
    lon, lat = zip(*wanted, strict=True)
    tree = cKDTree([streets.xy[n] for n in nodes])
    metres, nearest = tree.query(np.column_stack(to_metres.transform(lon, lat)))
    found_at = zip(np.atleast_1d(metres).tolist(), np.atleast_1d(nearest).tolist(), strict=True)
    return [nodes[k] if m <= 80 else None for m, k in found_at]
