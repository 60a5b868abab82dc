"""What a new area is given for want of better: where trucks may start and unload, and how many there must be.

Everything here is a proposal that the planner is told of and can change in area.toml.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
from pyproj import Transformer

from fleet import Truck
from optimizer.area import Area, Note
from optimizer.demand import Demand
from optimizer.streets import (
    Extract,
    Floats,
    MappedObject,
    StreetNetwork,
    passes_of_stretch,
    truck_may_pass,
    truck_may_use,
)

#: An object of the map lies this near to a street that trucks reach, else it is not proposed. Land uses are large.
NEAR_M = 400.0
#: Depot and site are so far apart where the map shows places enough: on one spot, every trip would be free.
APART_M = 300.0
_QUIET = frozenset(["tertiary", "secondary", "unclassified", "residential", "service"])
#: What a depot or an unloading site is looked for, best first: (tag, value), reason.
DEPOT_SIGNS = (
    ("landuse", "depot"), ("amenity", "recycling"), ("landuse", "industrial"), ("man_made", "works"),
    ("man_made", "wastewater_plant"), ("amenity", "waste_transfer_station"), ("landuse", "landfill"),
)  # fmt: skip
SITE_SIGNS = (
    ("amenity", "waste_transfer_station"), ("amenity", "recycling"), ("landuse", "landfill"),
    ("amenity", "waste_disposal"), ("landuse", "industrial"), ("man_made", "works"), ("man_made", "wastewater_plant"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProposedPlace:
    node: int
    lon_deg: float
    lat_deg: float
    reason: Note


def drivable_nodes(streets: StreetNetwork, extract: Extract, truck: Truck) -> frozenset[int]:
    """Junctions that this truck reaches from all others and can leave to all others without ever turning round.

    They lie in the largest strongly connected part of the directed segments, turn restrictions heeded.
    """
    usable = [
        truck_may_use(s.way.tags, truck)
        and all(truck_may_pass(streets.node_tags.get(n, {}), truck) for n in s.nodes[1:-1])
        for s in streets.segments
    ]
    blocked = {n for n, tags in streets.node_tags.items() if not truck_may_pass(tags, truck)}
    # A state is a directed segment: 2 x index along, 2 x index + 1 against the way.
    leaving: dict[int, list[int]] = defaultdict(list)
    for s in streets.segments:
        if usable[s.index]:
            if s.oneway >= 0:
                leaving[s.start].append(2 * s.index)
            if s.oneway <= 0:
                leaving[s.end].append(2 * s.index + 1)
    banned, only = _restrictions(extract)
    graph: nx.DiGraph[int] = nx.DiGraph()
    for state in sorted(state for states in leaving.values() for state in states):
        segment = streets.segments[state // 2]
        end = segment.end if state % 2 == 0 else segment.start
        for other in leaving[end]:
            way = streets.segments[other // 2].way.id
            allowed = only.get((segment.way.id, end))
            signed_off = (allowed and way not in allowed) or (segment.way.id, end, way) in banned
            if other != state ^ 1 and end not in blocked and not signed_off:
                graph.add_edge(state, other)
    largest = max(nx.strongly_connected_components(graph), key=lambda part: (len(part), -min(part)), default=set())
    starts, ends = set(), set()
    for state in largest:
        segment = streets.segments[state // 2]
        first, last = (segment.start, segment.end) if state % 2 == 0 else (segment.end, segment.start)
        starts.add(first)
        ends.add(last)
    return frozenset(starts & ends)


def _restrictions(extract: Extract) -> tuple[set[tuple[int, int, int]], dict[tuple[int, int], set[int]]]:
    """Turn restrictions over a node: forbidden (from way, node, to way), and the only ways from (way, node)."""
    banned: set[tuple[int, int, int]] = set()
    only: dict[tuple[int, int], set[int]] = defaultdict(set)
    for r in extract.restrictions:
        if "hgv" in r.exempt:
            continue
        for via in r.via_nodes:
            for from_way in r.from_ways:
                if r.kind.startswith("no_"):
                    banned.update((from_way, via, to) for to in r.to_ways)
                elif r.kind.startswith("only_"):
                    only[from_way, via].update(r.to_ways)
    return banned, only


def places(
    extract: Extract, streets: StreetNetwork, area: Area, demand: Demand, truck: Truck
) -> tuple[ProposedPlace, ProposedPlace]:
    """Depot and unloading site, each on a junction that trucks reach and leave. ValueError where there is none."""
    core = drivable_nodes(streets, extract, truck)
    by_node: dict[int, set[str]] = {n: {streets.segments[i].way.highway for i in streets.at_node[n]} for n in core}
    busy = {"motorway", "motorway_link", "trunk", "trunk_link"}
    quiet = sorted(n for n, classes in by_node.items() if classes & _QUIET and not classes & busy)
    # Two ways in and two out: one roadworks must not shut a depot in.
    nodes = [n for n in quiet if _ways_out(streets, n) >= 2] or quiet or sorted(core)
    if len(nodes) < 2:
        raise ValueError(
            f"extract {extract.path.name}: {len(nodes)} junctions that a truck of {truck.gross_kg / 1000:g} t "
            "can reach and leave, must be at least 2"
        )
    xy = np.array([streets.xy[n] for n in nodes])
    centre = middle_of_people(streets, demand)
    to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)

    def candidates(signs: tuple[tuple[str, str], ...]) -> Iterator[tuple[int, Note]]:
        """Junctions beside what the map shows, the best sign first, of one sign the most central first."""
        for sign in signs:
            shown = [o for o in extract.objects if _shows(o, sign)]
            found = [(o, np.array(to_metres.transform(o.lon_deg, o.lat_deg))) for o in shown]
            for one, at in sorted(found, key=lambda f: (float(np.hypot(*(f[1] - centre))), f[0].id)):
                away = np.hypot(*(xy - at).T)
                for k in np.argsort(away, kind="stable")[:2]:
                    if away[k] <= NEAR_M:
                        name = f" ({one.tags['name']})" if "name" in one.tags else ""
                        why = {"what": Note("=".join(sign)), "name": name, "metres": round(away[k])}
                        yield nodes[k], Note("place_near", why)

    def apart(node: int, taken: int | None) -> bool:
        return taken is None or math.dist(streets.xy[node], streets.xy[taken]) >= APART_M

    def central(taken: int | None, otherwise: Note) -> ProposedPlace:
        away = np.hypot(*(xy - centre).T)
        if taken is not None:  # two places on one spot would make every trip free
            away = np.where(np.hypot(*(xy - xy[nodes.index(taken)]).T) >= 1000.0, away, away + 1e6)
            away[nodes.index(taken)] = np.inf
        k = int(np.argmin(away))
        return _place(extract, nodes[k], otherwise)

    depot = next(candidates(DEPOT_SIGNS), None)
    taken = depot[0] if depot else None
    sites = list(candidates(SITE_SIGNS))
    site = next((s for s in sites if apart(s[0], taken)), None)
    if site is None and sites:  # one yard for both: it is where trucks unload, and the depot is elsewhere
        site = sites[0]
        return central(site[0], Note("no_other_depot")), _place(extract, *site)
    at_depot = _place(extract, *depot) if depot else central(None, Note("no_depot"))
    return at_depot, _place(extract, *site) if site else central(at_depot.node, Note("no_site"))


def _ways_out(streets: StreetNetwork, node: int) -> int:
    """The smaller of the numbers of neighbours that lead in and that lead out."""
    into, out = set(), set()
    for s in (streets.segments[i] for i in streets.at_node[node]):
        other = s.end if s.start == node else s.start
        along = s.oneway if s.start == node else -s.oneway
        if along >= 0:
            out.add(other)
        if along <= 0:
            into.add(other)
    return min(len(into), len(out))


def _shows(o: MappedObject, sign: tuple[str, str]) -> bool:
    if o.tags.get(sign[0]) != sign[1]:
        return False
    if sign == ("amenity", "recycling"):  # containers in the street are no place for trucks; many are tagged as centres
        return o.tags.get("recycling_type") == "centre" and (o.osm_type == "way" or "opening_hours" in o.tags)
    return sign != ("amenity", "waste_disposal") or o.osm_type == "way"


def _place(extract: Extract, node: int, reason: Note) -> ProposedPlace:
    lon, lat = extract.lonlat[node]
    return ProposedPlace(node, lon, lat, reason)


def middle_of_people(streets: StreetNetwork, demand: Demand) -> Floats:
    """The weighted median of where people live: a far hamlet does not move it."""
    people: dict[str, float] = defaultdict(float)
    for (stretch, _), residents in demand.dwellings.items():
        people[stretch] += residents.people
    xy = np.array([s.middle_xy for s in streets.stretches]).reshape(-1, 2)
    weight = np.array([people.get(s.id, 0.0) for s in streets.stretches])
    if weight.sum() <= 0:
        return np.asarray(np.median(np.array(list(streets.xy.values())), axis=0))
    middle = []
    for axis in (0, 1):
        order = np.argsort(xy[:, axis], kind="stable")
        k = int(np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2))
        middle.append(float(xy[order[k], axis]))
    return np.array(middle)


# --- how much work there is --------------------------------------------------------------------------------------

#: Of the metres collected, so many are driven again without collecting, at this speed. ASSUMED.
DEADHEAD_SHARE, DEADHEAD_KMH = 0.5, 20.0
#: A way is longer than its beeline; to the site and home, trucks drive so fast in town, and beyond. ASSUMED.
DETOUR, TOWN_KMH, TOWN_M, BEYOND_KMH = 1.4, 25.0, 4000.0, 45.0
MARGIN = 1.12
FILLED = 0.95  # of what a load could be: the next street side does not fit any more
BREAK_S = 20 * 60.0


@dataclass(frozen=True, slots=True)
class DayWork:
    """One sector's day: metres collected, kg by flux, hours of collecting, driving between and handling."""

    metres: float
    kg: Mapping[str, float]
    hours: float


@dataclass(frozen=True, slots=True)
class Ways:
    """Beelines in metres: from the depot to a sector, from there to the site, and home from the site."""

    from_depot_m: float
    to_site_m: float
    home_m: float


def stretch_work(area: Area, streets: StreetNetwork, demand: Demand, services: tuple[str, ...]) -> list[DayWork]:
    """A week's work at each stretch, for the services collected in the street."""
    found = []
    for s in streets.stretches:
        kg: dict[str, float] = defaultdict(float)
        for side in ("left", "right"):
            for service in services:
                for kind in ("houses", "blocks", "shops"):
                    for flux, value in demand.weekly_kg(s.id, side, service, kind).items():
                        kg[flux] += value
        metres = s.length_m * len(passes_of_stretch(s, area.traffic_side)) if sum(kg.values()) > 0 else 0.0
        times = area.service_times
        hours = metres / 1000 / times.street_speed_kmh + metres / 1000 * DEADHEAD_SHARE / DEADHEAD_KMH
        found.append(DayWork(metres, dict(kg), hours + sum(kg.values()) * times.kg_s / 3600))
    return found


def together(parts: list[DayWork]) -> DayWork:
    kg: dict[str, float] = defaultdict(float)
    for part in parts:
        for flux, value in part.kg.items():
            kg[flux] += value
    return DayWork(sum(p.metres for p in parts), dict(kg), sum(p.hours for p in parts))


def transfer_h(beeline_m: float) -> float:
    """Driving to the site or home, one way."""
    way_m = beeline_m * DETOUR
    return min(way_m, TOWN_M) / 1000 / TOWN_KMH + max(way_m - TOWN_M, 0.0) / 1000 / BEYOND_KMH


def trucks_needed(area: Area, day: DayWork, truck: Truck, ways: Ways, shift_s: float) -> int:
    """How many shifts of ``shift_s`` the heaviest day takes, each truck going to the site as often as it is full."""
    total = sum(day.kg.values())
    if total <= 0:
        return 1
    body = truck.compartments[0]
    volume_m3 = sum(kg / area.flux_named(f).density_kg_m3 for f, kg in day.kg.items())
    bags_kg = (body.max_density_kg_m3 or math.inf) * body.volume_m3
    load_kg = FILLED * min(truck.payload_kg, bags_kg, body.volume_m3 * total / volume_m3)
    to_site_h = transfer_h(ways.to_site_m)
    trip_h = 2 * to_site_h + area.sites[0][1].unload_s / 3600
    # The last trip does not come back from the site: the truck goes home from there.
    drive_h = transfer_h(ways.from_depot_m) + transfer_h(ways.home_m) - to_site_h
    net_h = max((shift_s - 2 * 15 * 60 - BREAK_S) / 3600 - drive_h, 1.0)
    count = 1
    while count < 500 and count * net_h < MARGIN * (day.hours + count * math.ceil(total / count / load_kg) * trip_h):
        count += 1
    return count
