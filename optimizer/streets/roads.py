"""The road graph for a given truck: where it may drive, how long it takes, how it turns.

``Roads`` holds the edge-expanded network of an area (``turns.py``) and its customizable contraction hierarchy (CCH,
built once, cached beside the area); ``Roads.for_truck`` puts one truck's weights on it: closed turns are infinite, a
new closure is a partial update. Times are integer milliseconds inside, ``int32`` deciseconds in the matrices.

Turning around (R437): at a mapped turning place; as a counted reversal at the end of a dead end, or as a three-point
turn at a junction inside a dead-end tree. Nowhere else: where another way out exists, a truck takes it.

References: Dibbelt, Strasser, Wagner, *Customizable Contraction Hierarchies*, JEA 21 (2016), doi:10.1145/2886843.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import networkx as nx
import numpy as np
import pyroutingkit
from numpy.typing import NDArray

from fleet import Truck
from optimizer.area import Area
from optimizer.problem import UNREACHABLE
from optimizer.streets import access
from optimizer.streets.extract import Extract
from optimizer.streets.streets import Segment, StreetNetwork, dead_ends, split_at_barriers
from optimizer.streets.turns import TurnGraph, TurnKind, arc_nodes, expand_turns

CLOSED = int(pyroutingkit.INF_WEIGHT)
#: Raised whenever what is cached changes its meaning.
CACHE_FORMAT = 2
#: Written last beside the cached hierarchy: the digest of each of its files. ``load`` believes whatever it reads.
COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Stand:
    """A place of the travel matrix: the state a truck arrives at and the one it leaves from.

    ``at_end``: a point at the end of the arrival arc, which is driven to get there; else a street's first arc, which is
    driven while serving. ``node_out``/``node_in``: the OSM nodes where the place begins and ends.
    """

    arrive: int
    leave: int
    at_end: bool
    node_in: int
    node_out: int


@dataclass(frozen=True, slots=True)
class RoadPath:
    """A way from one stand to the next: complete OSM nodes in driving order, at least one."""

    nodes: tuple[int, ...]
    length_m: float
    time_s: float
    reversing_m: float
    reversals: int


class Roads:
    """The turns of an area and their contraction hierarchy, for all trucks."""

    def __init__(
        self, extract: Extract, area: Area, streets: StreetNetwork, stops: Iterable[int], cache: Path | None = None
    ):
        """``stops``: OSM nodes of depot and sites (cut nodes of ``streets``). ``cache``: a folder, or None for none."""
        self.area = area
        self.streets = streets
        self.turns: TurnGraph = expand_turns(extract, streets, stops)
        self.topology = pyroutingkit.CCHTopology()
        self._build(extract, cache)

    def _build(self, extract: Extract, cache: Path | None) -> None:
        turns = self.turns
        kept = None
        if cache is not None:
            digest = hashlib.sha256(turns.tail.tobytes() + turns.head.tobytes()).hexdigest()[:16]
            kept = cache / f"cch-{CACHE_FORMAT}-{digest}"
            if _whole(kept):
                self.topology.load(str(kept))
                return
        lat, lon = self._middles(extract)
        self.topology.build(turns.tail, turns.head, lat, lon, turns.states)
        if kept is not None:
            self._keep(kept)

    def _keep(self, kept: Path) -> None:
        """Written aside and renamed into its place: whoever reads meanwhile finds all of it, or nothing."""
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".cch-") as made:
                stage = Path(made) / kept.name
                stage.mkdir()
                self.topology.save(str(stage))
                (stage / COMPLETE).write_text(_sums(stage), encoding="ascii")
                if kept.exists():
                    kept.rename(Path(made) / "broken")
                stage.rename(kept)
        except OSError:
            return  # a full or read-only disk, or another plan was quicker: only the next start is slower for it

    def _middles(self, extract: Extract) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latitude and longitude of each state, for the nested dissection."""
        lonlat = np.zeros((self.turns.states, 2))
        for state, arc in enumerate(self.turns.arc):
            if arc >= 0:
                nodes = self.streets.segments[arc // 2].nodes
                lonlat[state] = extract.lonlat[nodes[len(nodes) // 2]]
        for stop in (self.turns.stop_in, self.turns.stop_out):
            for node, state in stop.items():
                lonlat[state] = extract.lonlat[node]
        return lonlat[:, 1].astype(np.float32), lonlat[:, 0].astype(np.float32)

    def for_truck(self, truck: Truck) -> TruckRoads:
        return TruckRoads(self, truck)


class TruckRoads:
    """The road graph of one truck: travel times, ways, what it can reach."""

    def __init__(self, roads: Roads, truck: Truck):
        self.roads = roads
        self.truck = truck
        self.area = roads.area
        self.streets = roads.streets
        self.turns = roads.turns
        segments = self.streets.segments
        self.usable = np.array([access.truck_may_use(s.way.tags, truck) for s in segments], dtype=bool)
        self.blocked = {n for n, tags in self.streets.node_tags.items() if not access.truck_may_pass(tags, truck)}
        self.arc_ms = self._arc_times(segments)
        self.dead = dead_ends(self._barred(s) for s in segments if self.usable[s.index])
        self._backs = self._turnarounds()
        self.weights = self._weights()
        self.metric = pyroutingkit.CCHMetric(roads.topology)
        self.metric.customize(self.weights)

    def _barred(self, segment: Segment) -> Segment:
        """The segment as this truck sees it: cut off where a bollard or a height bar stops it."""
        return split_at_barriers(segment, self.blocked)

    def _arc_times(self, segments: Sequence[Segment]) -> NDArray[np.int64]:
        """Milliseconds by arc; ``CLOSED`` where the truck may not drive in that direction."""
        speeds, signal_ms = self.area.speeds_kmh, round(self.area.turns.signal_s * 1000)
        signals = {n for n, tags in self.streets.node_tags.items() if tags.get("highway") == "traffic_signals"}
        found = np.full(2 * len(segments), CLOSED, dtype=np.int64)
        for s in segments:
            if not self.usable[s.index]:
                continue
            kmh = min(speeds[s.way.highway], access.max_speed_kmh(s.way.tags) or 1000.0)
            ms = max(1, round(s.length_m / kmh * 3600)) + signal_ms * sum(n in signals for n in s.nodes[1:-1])
            if s.oneway >= 0 and access.truck_may_use(s.way.tags, self.truck, "forward"):
                found[2 * s.index] = ms
            if s.oneway <= 0 and access.truck_may_use(s.way.tags, self.truck, "backward"):
                found[2 * s.index + 1] = ms
        return found

    def _turnarounds(self) -> dict[tuple[int, int], tuple[int, float]]:
        """(arc, node) -> (milliseconds, metres reversed) of every U-turn that this truck may make."""
        rules, times, segments = self.area.streets, self.area.turns, self.streets.segments
        found: dict[tuple[int, int], tuple[int, float]] = {}
        legs = self._legs()
        for node, indices in legs.items():
            ends = [(i, a) for i in indices for a in self._ending_at(i, node)]
            room = self.streets.node_tags.get(node, {}).get("highway") in rules.turning_places
            for index, arc in ends:
                at = arc_nodes(segments[index], arc)[-1]
                if room:
                    found[arc, at] = (round(times.turning_place_s * 1000), 0.0)
                elif rules.reversing != "priced" or index not in self.dead:
                    continue
                elif len(indices) == 1:
                    back = self._backing_out(index, legs)
                    if back is not None:
                        found[arc, at] = back
                elif len(indices) >= 3 and all(i in self.dead for i in indices):
                    ms = times.reversing_setup_s + rules.three_point_m / times.reversing_mps
                    found[arc, at] = (round(ms * 1000), rules.three_point_m)
        return found

    def _ending_at(self, index: int, node: int) -> list[int]:
        barred = self._barred(self.streets.segments[index])
        return [2 * index] * (barred.end == node) + [2 * index + 1] * (barred.start == node)

    def _backing_out(self, index: int, legs: dict[int, list[int]]) -> tuple[int, float] | None:
        """The whole way back to the last junction in reverse, or a three-point turn at the end of a long dead end.

        None for a dead end that is served from its entrance: no truck enters it, not to turn round either.
        """
        rules, times = self.area.streets, self.area.turns
        chain = self._chain_back(index, legs)
        back = sum(self.streets.segments[i].length_m for i in chain)
        if back <= max(rules.foot_max_m, rules.presentation_max_m):
            return None
        if back > rules.reversing_max_m:
            ms = times.reversing_setup_s + rules.three_point_m / times.reversing_mps
            return round(ms * 1000), rules.three_point_m
        # the arcs back are part of the path and bring their own driving time: only what reversing takes longer is added
        drive_ms = sum(int(min(self.arc_ms[2 * i], self.arc_ms[2 * i + 1])) for i in chain)
        extra = times.reversing_setup_s * 1000 + back / times.reversing_mps * 1000 - drive_ms
        return max(0, round(extra)), back

    def _chain_back(self, index: int, legs: dict[int, list[int]]) -> list[int]:
        """The segments from a dead end back to the first junction or turning place: what a truck backs out over."""
        places = self.area.streets.turning_places
        first = self._barred(self.streets.segments[index])
        at = first.start if len(legs[first.end]) == 1 else first.end
        chain = [index]
        while len(legs[at]) == 2 and self.streets.node_tags.get(at, {}).get("highway") not in places:
            onward = [i for i in legs[at] if i != chain[-1]]
            if not onward or onward[0] in chain:
                break
            barred = self._barred(self.streets.segments[onward[0]])
            at = barred.end if barred.start == at else barred.start
            chain.append(onward[0])
        return chain

    def dead_end_chains(self) -> list[tuple[int, list[int]]]:
        """(the map's node at the dead end, its segments from there to the entrance) of every dead end."""
        legs = self._legs()
        found = []
        for node, indices in legs.items():
            if len(indices) == 1 and indices[0] in self.dead:
                s = self.streets.segments[indices[0]]
                end = s.end if self._barred(s).end == node else s.start
                found.append((end, self._chain_back(indices[0], legs)))
        return found

    def _legs(self) -> dict[int, list[int]]:
        """Node, as this truck sees it, to the usable segments that meet there."""
        legs: dict[int, list[int]] = {}
        for s in self.streets.segments:
            if self.usable[s.index]:
                barred = self._barred(s)
                for node in {barred.start, barred.end}:
                    legs.setdefault(node, []).append(s.index)
        return legs

    def _weights(self) -> NDArray[np.uint32]:
        """By turn: the driving time of the tail arc and the turn's own time."""
        turns, times = self.turns, self.area.turns
        cost = np.zeros(8)
        cost[[TurnKind.STRAIGHT, TurnKind.RIGHT, TurnKind.LEFT]] = times.straight_s, times.right_s, times.left_s
        if self.area.traffic_side == "left":
            cost[TurnKind.RIGHT], cost[TurnKind.LEFT] = cost[TurnKind.LEFT], cost[TurnKind.RIGHT]
        ms = (cost[turns.kind] * 1000).astype(np.int64)
        signals = [n for n, tags in self.streets.node_tags.items() if tags.get("highway") == "traffic_signals"]
        driving = (turns.kind != TurnKind.ARRIVE) & (turns.kind != TurnKind.LEAVE)
        ms[np.isin(turns.node, signals) & driving] += round(times.signal_s * 1000)
        tail_arc, head_arc = turns.arc[turns.tail], turns.arc[turns.head]
        tail_ms = np.where(tail_arc >= 0, self.arc_ms[tail_arc], 0)
        head_ms = np.where(head_arc >= 0, self.arc_ms[head_arc], 0)
        total = tail_ms + ms
        for k in np.flatnonzero(turns.kind == TurnKind.BACK):
            back = self._backs.get((int(tail_arc[k]), int(turns.node[k])))
            total[k] = CLOSED if back is None else tail_ms[k] + back[0]
        through = np.isin(turns.node, list(self.blocked)) & driving & (turns.kind != TurnKind.BACK)
        total[through | (tail_ms >= CLOSED) | (head_ms >= CLOSED)] = CLOSED
        return np.minimum(total, CLOSED).astype(np.uint32)

    # --- closing and reopening streets ---------------------------------------------------------------------------

    def close(self, segments: Iterable[int]) -> None:
        """Close segments (roadworks) for this truck: a partial update of the hierarchy."""
        arcs = np.array([a for s in segments for a in (2 * s, 2 * s + 1)])
        hit = np.flatnonzero(np.isin(self.turns.arc[self.turns.head], arcs))
        self.metric.update_weights(hit.astype(np.uint32), np.full(len(hit), CLOSED, dtype=np.uint32))

    def reopen(self, segments: Iterable[int]) -> None:
        arcs = np.array([a for s in segments for a in (2 * s, 2 * s + 1)])
        hit = np.flatnonzero(np.isin(self.turns.arc[self.turns.head], arcs))
        self.metric.update_weights(hit.astype(np.uint32), self.weights[hit])

    # --- places --------------------------------------------------------------------------------------------------

    def street_stand(self, nodes: Sequence[int], segments: Sequence[int]) -> Stand | None:
        """The stand of a stretch driven along ``nodes``; None where this truck may not drive it so."""
        arcs = self.arcs_along(nodes, segments)
        if arcs is None:
            return None
        return Stand(arcs[0], arcs[-1], False, nodes[0], nodes[-1])

    def arcs_along(self, nodes: Sequence[int], segments: Sequence[int]) -> list[int] | None:
        """The arcs of a stretch's segments in driving order; None where one, or passing between two, is closed."""
        ordered = list(segments)
        if self.streets.segments[ordered[0]].start != nodes[0] or (
            self.streets.segments[ordered[0]].nodes != tuple(nodes[: len(self.streets.segments[ordered[0]].nodes)])
        ):
            ordered.reverse()
        arcs, at = [], 0
        for index in ordered:
            piece = self.streets.segments[index].nodes
            run = tuple(nodes[at : at + len(piece)])
            arcs.append(2 * index if run == piece else 2 * index + 1)
            at += len(piece) - 1
        if any(self.arc_ms[a] >= CLOSED for a in arcs):
            return None
        if any(self._between(a, b) >= CLOSED for a, b in itertools.pairwise(arcs)):
            return None
        return arcs

    @cached_property
    def _turn_index(self) -> dict[tuple[int, int], int]:
        return {(int(t), int(h)): k for k, (t, h) in enumerate(zip(self.turns.tail, self.turns.head, strict=True))}

    def _between(self, a: int, b: int) -> int:
        k = self._turn_index.get((a, b))
        return CLOSED if k is None else int(self.weights[k])

    def drive_s(self, arcs: Sequence[int]) -> float:
        """Driving through consecutive arcs at the truck's free speed, turns between them included."""
        ms = sum(self._between(a, b) for a, b in itertools.pairwise(arcs)) + int(self.arc_ms[arcs[-1]])
        return ms / 1000

    def turns_s(self, arcs: Sequence[int]) -> float:
        """What the turns and lights between consecutive arcs take beside the driving."""
        return self.drive_s(arcs) - sum(int(self.arc_ms[a]) for a in arcs) / 1000

    def point_stands(self, node: int) -> list[Stand]:
        """A stand at a node for every arc that the truck may arrive by; it goes on from there in its direction."""
        found = []
        for index in self.streets.at_node.get(node, ()):
            for arc in (2 * index, 2 * index + 1):
                nodes = arc_nodes(self.streets.segments[index], arc)
                if nodes[-1] == node and self.arc_ms[arc] < CLOSED:
                    found.append(Stand(arc, arc, True, node, node))
        return found

    def stop_stand(self, node: int) -> Stand:
        """The stand of a depot or an unloading site."""
        return Stand(self.turns.stop_in[node], self.turns.stop_out[node], False, node, node)

    def round_trip_ms(self, depot: Stand, stands: Sequence[Stand]) -> NDArray[np.int64]:
        """Depot to each stand and back to the depot, milliseconds; ``CLOSED`` or more where there is no way."""
        out = self._distances([depot.leave], [s.arrive for s in stands])[0]
        home = self._distances([s.leave for s in stands], [depot.arrive])[:, 0]
        return np.where((out >= CLOSED) | (home >= CLOSED), CLOSED, out + home)

    def _distances(self, sources: Sequence[int], targets: Sequence[int]) -> NDArray[np.int64]:
        if not sources or not targets:
            return np.zeros((len(sources), len(targets)), dtype=np.int64)
        table: NDArray[np.uint32] = self.metric.distances_many_to_many(
            np.array(sources, dtype=np.uint32), np.array(targets, dtype=np.uint32)
        )
        return table.astype(np.int64)

    def _own_ms(self, state: int) -> int:
        arc = int(self.turns.arc[state])
        return int(self.arc_ms[arc]) if arc >= 0 else 0

    def matrix_ds(self, stands: Sequence[Stand]) -> NDArray[np.int32]:
        """Deciseconds from the end of each stand to the beginning of each other; ``UNREACHABLE`` where no way leads."""
        sources, rows = np.unique([s.leave for s in stands], return_inverse=True)
        targets, columns = np.unique([s.arrive for s in stands], return_inverse=True)
        table = self._distances(sources.tolist(), targets.tolist())
        spent = np.array([self._own_ms(int(s)) for s in sources])
        table = np.where(table >= CLOSED, np.int64(2**40), table - spent[:, None])
        for k, target in enumerate(targets):  # arriving again on the arc just left: a way round is needed
            same = np.flatnonzero(sources == target)
            if same.size:
                table[same[0], k] = self._way_round_ms(int(target)) - spent[same[0]]
        found = table[np.ix_(rows, columns)]
        for k, stand in enumerate(stands):
            if stand.at_end:
                found[:, k] += self._own_ms(stand.arrive)
                found[np.array([s.leave == stand.arrive for s in stands]), k] = 0  # already standing there
        found = np.where(found >= 2**39, UNREACHABLE * 100, found)
        return np.minimum((found + 50) // 100, UNREACHABLE).astype(np.int32)

    def _way_round_ms(self, state: int) -> int:
        found = self._way_round(state)
        return 2**40 if found is None else found[0]

    def _way_round(self, state: int) -> tuple[int, int] | None:
        """The shortest way from a state back to itself: (milliseconds, first state on it)."""
        mine = np.flatnonzero(self.turns.tail == state)
        mine = mine[self.weights[mine] < CLOSED]
        if not mine.size:
            return None
        back = self._distances(self.turns.head[mine].tolist(), [state])[:, 0] + self.weights[mine].astype(np.int64)
        best = int(np.argmin(back))
        return None if back[best] >= CLOSED else (int(back[best]), int(self.turns.head[mine[best]]))

    # --- ways ----------------------------------------------------------------------------------------------------

    def path(self, start: Stand, goal: Stand) -> RoadPath | None:
        """The quickest way between two stands, node by node; None where there is none."""
        if goal.at_end and start.leave == goal.arrive:
            return RoadPath((goal.node_in,), 0.0, 0.0, 0.0, 0)
        states = self._states(start.leave, goal.arrive)
        if states is None:
            return None
        ms = sum(self._between(a, b) for a, b in itertools.pairwise(states)) - self._own_ms(states[0])
        driven_states = states[1:] if goal.at_end else states[1:-1]
        if goal.at_end:
            ms += self._own_ms(states[-1])
        nodes = [start.node_out]
        for state in driven_states:
            arc = int(self.turns.arc[state])
            if arc >= 0:
                nodes.extend(arc_nodes(self.streets.segments[arc // 2], arc)[1:])
        length = sum(
            self.streets.segments[int(self.turns.arc[s]) // 2].length_m for s in driven_states if self.turns.arc[s] >= 0
        )
        backs = [self._reversed_m(a, b) for a, b in itertools.pairwise(states)]
        backs = [m for m in backs if m > 0]
        return RoadPath(tuple(nodes), length, ms / 1000, sum(backs), len(backs))

    def _reversed_m(self, a: int, b: int) -> float:
        arc, after = int(self.turns.arc[a]), int(self.turns.arc[b])
        if arc < 0 or after != arc ^ 1:
            return 0.0
        node = arc_nodes(self.streets.segments[arc // 2], arc)[-1]
        back = self._backs.get((arc, node))
        return back[1] if back else 0.0

    def _states(self, source: int, target: int) -> list[int] | None:
        if source != target:
            distance, states, _ = self.metric.query(source, target)
            return None if distance >= CLOSED else list(states)
        found = self._way_round(source)
        if found is None:
            return None
        _, states, _ = self.metric.query(found[1], target)
        return [source, *states]

    # --- for others' tools ---------------------------------------------------------------------------------------

    def graph(self) -> nx.MultiDiGraph[int]:
        """The truck's roads as OSMnx draws and measures them: nodes with x, y, edges with length, travel_time."""
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=self.area.crs, name=self.area.name, simplified=True)
        for s in self.streets.segments:
            for arc in (2 * s.index, 2 * s.index + 1):
                if self.arc_ms[arc] < CLOSED:
                    nodes = arc_nodes(s, arc)
                    for n in (nodes[0], nodes[-1]):
                        x, y = self.streets.xy[n]
                        graph.add_node(n, x=x, y=y, street_count=len(self.streets.at_node[n]))
                    graph.add_edge(
                        nodes[0], nodes[-1], osmid=s.way.id, osm_nodes=nodes, highway=s.way.highway, length=s.length_m,
                        name=s.way.tags.get("name", ""), oneway=bool(s.oneway),
                        travel_time=float(self.arc_ms[arc]) / 1000,
                    )  # fmt: skip
        return graph


def _sums(folder: Path) -> str:
    """Name and SHA-256 of every file, a line each."""
    files = sorted(path for path in folder.iterdir() if path.name != COMPLETE)
    return "".join(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files)


def _whole(kept: Path) -> bool:
    """Whether a cached hierarchy is as it was written; a broken one is built again."""
    try:
        return (kept / COMPLETE).read_text(encoding="ascii") == _sums(kept)
    except (OSError, UnicodeDecodeError):
        return False
