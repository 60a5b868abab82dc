"""Street sides and manoeuvres: how each stretch is served by the trucks there are (R437).

A stretch that a truck can drive through is passed once per side, in the direction of traffic, or once for both where
crossing is safe. A dead end without room to turn is, by the area's rules and its length: served on foot from its
entrance; replaced by a presentation point at its entrance; or entered and left with a counted reversal, both sides
collected on the way in, because nobody collects while a truck reverses. What no truck can enter is carried to the
nearest street that one can, or is listed as unreachable.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fleet import Side, TaskKind
from optimizer.area import Area
from optimizer.streets import CLOSED, Stand, StreetNetwork, Stretch, TruckRoads, passes_of_stretch


@dataclass(frozen=True, slots=True)
class StretchSide:
    """A side of a stretch (relative to its ``osm_nodes``) whose waste a pass takes."""

    stretch: str
    side: str  # "left" or "right"


@dataclass(frozen=True, slots=True)
class Pass:
    """One thing to serve, before anybody knows what is due: where, how, whose waste, and where trucks stand for it.

    ``stands``: by truck profile, the stands it may be served from; empty mapping = no truck gets there.
    ``drive_nodes``: for a street, the driving order of each stand's alternative, in step with ``stands``.
    ``foot_nodes``: from the entrance out and back when loaders walk. ``fits``: some truck is small and light enough.
    """

    id: str
    kind: TaskKind
    osm_way: int | None
    osm_nodes: tuple[int, ...]
    side: Side
    name: str
    stretch_sides: tuple[StretchSide, ...]
    middle_xy: tuple[float, float]
    length_m: float
    stands: Mapping[str, tuple[Stand, ...]]
    arcs: Mapping[str, tuple[tuple[int, ...], ...]]
    foot_nodes: tuple[int, ...] = ()
    foot_m: float = 0.0
    fits: bool = True

    @property
    def reachable(self) -> bool:
        return any(self.stands.values())


@dataclass(frozen=True, slots=True)
class _DeadEnd:
    """A chain of segments from a dead end back to its entrance. ``room``: a turning place at its end."""

    entrance: int
    length_m: float
    room: bool
    inward: tuple[int, ...]  # nodes from the entrance to the end
    segments: frozenset[int]


def collection_passes(
    area: Area, streets: StreetNetwork, roads: Mapping[str, TruckRoads], depot: int
) -> tuple[Pass, ...]:
    """Every pass of the town, in a stable order. ``roads``: by profile, the profile of most shifts first."""
    served = _PassBuilder(area, streets, roads, depot)
    found: list[Pass] = []
    carried: dict[int, list[Stretch]] = {}  # entrance node -> stretches whose residents bring it there
    for stretch in streets.stretches:
        how = served.how(stretch)
        if isinstance(how, int):
            carried.setdefault(how, []).append(stretch)
        else:
            found.extend(how)
    found.extend(served.presentation_point(node, stretches) for node, stretches in sorted(carried.items()))
    return tuple(_with_own_ids(found))


def _with_own_ids(found: list[Pass]) -> list[Pass]:
    """A loop has the same ends either way round: there the second node tells the directions apart."""
    times = Counter(one.id for one in found)
    return [replace(one, id=f"{one.id}~{one.osm_nodes[1]}") if times[one.id] > 1 else one for one in found]


class _PassBuilder:
    def __init__(self, area: Area, streets: StreetNetwork, roads: Mapping[str, TruckRoads], depot: int):
        self.area, self.streets, self.roads = area, streets, roads
        self.depots = {profile: truck.stop_stand(depot) for profile, truck in roads.items()}
        self.ends = {profile: self._dead_ends(truck) for profile, truck in roads.items()}
        self._trips = {profile: self._round_trips(truck, profile) for profile, truck in roads.items()}

    def _round_trips(self, truck: TruckRoads, profile: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """By state: whether the truck gets there from the depot and home again."""
        states = [Stand(k, k, False, 0, 0) for k in range(truck.turns.states)]
        return np.asarray(truck.round_trip_ms(self.depots[profile], states) < CLOSED)

    def _dead_ends(self, truck: TruckRoads) -> dict[int, _DeadEnd]:
        """By segment: the dead-end chain it belongs to, as this truck sees the network."""
        segments = self.streets.segments
        found: dict[int, _DeadEnd] = {}
        for leaf, chain in truck.dead_end_chains():
            outward = [leaf]
            for index in chain:
                piece = segments[index].nodes
                outward.extend(piece[1:] if piece[0] == outward[-1] else piece[-2::-1])
            inward = tuple(reversed(outward))
            places = self.area.streets.turning_places
            room = self.streets.node_tags.get(inward[-1], {}).get("highway") in places
            end = _DeadEnd(inward[0], sum(segments[i].length_m for i in chain), room, inward, frozenset(chain))
            for index in chain:
                found[index] = end
        return found

    # --- how a stretch is served ---------------------------------------------------------------------------------

    def how(self, stretch: Stretch) -> list[Pass] | int:
        """The passes of a stretch, or the node that its residents bring their bins to."""
        rules = self.area.streets
        usable = [p for p, truck in self.roads.items() if all(truck.usable[i] for i in stretch.segments)]
        for profile in usable:
            end = self.ends[profile].get(stretch.segments[0])
            if end is None or end.room or stretch.oneway or not end.segments.issuperset(stretch.segments):
                continue
            entered = rules.reversing == "priced"
            if profile not in self.point(end.entrance, end.segments):
                continue
            if end.length_m <= rules.foot_max_m:
                return [self.on_foot(stretch, end)]
            if end.length_m <= rules.presentation_max_m or not entered:
                return end.entrance
            if end.length_m <= rules.reversing_max_m:
                inward = self.inward(stretch, end)
                if inward.reachable:
                    return [inward]
        driven = [
            self.driven(stretch, nodes, side) for nodes, side in passes_of_stretch(stretch, self.area.traffic_side)
        ]
        reached = [p for p in driven if p.reachable]
        if len(reached) == len(driven):
            return driven
        if reached and not stretch.oneway:  # no truck comes the other way round: crossing is the lesser evil
            nodes = reached[0].osm_nodes
            return [self._street(stretch, nodes, "both", [nodes])]
        near = self.nearest_reached(stretch)
        if near is not None:
            return near
        return driven if usable else [replace(p, fits=False) for p in driven]

    def driven(self, stretch: Stretch, nodes: tuple[int, ...], side: Side) -> Pass:
        """A pass along the stretch; the other direction too where both sides are taken at once on a two-way street."""
        ways = [nodes] if side != "both" or stretch.oneway else [nodes, nodes[::-1]]
        return self._street(stretch, nodes, side, ways)

    def inward(self, stretch: Stretch, end: _DeadEnd) -> Pass:
        """Both sides on the way into a dead end that is left in reverse."""
        at = {node: k for k, node in enumerate(end.inward)}
        nodes = stretch.osm_nodes
        if at[nodes[0]] > at[nodes[-1]]:
            nodes = nodes[::-1]
        one = self._street(stretch, nodes, "both", [nodes])
        backing = [p for p in one.stands if self._backs_out(p, stretch)]  # for another truck it may be no dead end
        return replace(one, stands={p: one.stands[p] for p in backing}, arcs={p: one.arcs[p] for p in backing})

    def _backs_out(self, profile: str, stretch: Stretch) -> bool:
        end = self.ends[profile].get(stretch.segments[0])
        return end is not None and not end.room

    def _street(self, stretch: Stretch, nodes: tuple[int, ...], side: Side, ways: Sequence[tuple[int, ...]]) -> Pass:
        stands: dict[str, tuple[Stand, ...]] = {}
        arcs: dict[str, tuple[tuple[int, ...], ...]] = {}
        for profile, truck in self.roads.items():
            kept = []
            for way in ways:
                run = truck.arcs_along(way, stretch.segments)
                if run is not None and self._trips[profile][run[0]] and self._trips[profile][run[-1]]:
                    kept.append((Stand(run[0], run[-1], False, way[0], way[-1]), tuple(run)))
            if kept:
                stands[profile] = tuple(stand for stand, _ in kept)
                arcs[profile] = tuple(run for _, run in kept)
        return Pass(
            id=f"w{stretch.osm_way}:{nodes[0]}-{nodes[-1]}:{side}",
            kind="street",
            osm_way=stretch.osm_way,
            osm_nodes=nodes,
            side=side,
            name=stretch.name,
            stretch_sides=self.stretch_sides(stretch, nodes, side),
            middle_xy=stretch.middle_xy,
            length_m=stretch.length_m,
            stands=stands,
            arcs=arcs,
        )

    @staticmethod
    def stretch_sides(stretch: Stretch, nodes: tuple[int, ...], side: Side) -> tuple[StretchSide, ...]:
        if side == "both":
            return (StretchSide(stretch.id, "left"), StretchSide(stretch.id, "right"))
        same = nodes == stretch.osm_nodes
        return (StretchSide(stretch.id, side if same else ("left" if side == "right" else "right")),)

    def on_foot(self, stretch: Stretch, end: _DeadEnd) -> Pass:
        """Loaders walk from the entrance to the far end of the stretch and back."""
        at = {node: k for k, node in enumerate(end.inward)}
        far = max(at[stretch.osm_nodes[0]], at[stretch.osm_nodes[-1]])
        nodes = stretch.osm_nodes if at[stretch.osm_nodes[0]] < at[stretch.osm_nodes[-1]] else stretch.osm_nodes[::-1]
        out = end.inward[: far + 1]
        stands = self.point(end.entrance, end.segments)
        xy = self.streets.xy
        metres = sum(float(np.hypot(xy[a][0] - xy[b][0], xy[a][1] - xy[b][1])) for a, b in itertools.pairwise(out))
        return Pass(
            id=f"w{stretch.osm_way}:{nodes[0]}-{nodes[-1]}:both",
            kind="street",
            osm_way=stretch.osm_way,
            osm_nodes=nodes,
            side="both",
            name=stretch.name,
            stretch_sides=self.stretch_sides(stretch, nodes, "both"),
            middle_xy=stretch.middle_xy,
            length_m=stretch.length_m,
            stands=stands,
            arcs={p: tuple((s.arrive,) for s in found) for p, found in stands.items()},
            foot_nodes=out + out[-2::-1],
            foot_m=2 * metres,
        )

    def presentation_point(self, node: int, stretches: Sequence[Stretch]) -> Pass:
        """Where the residents of dead ends bring their bins: at the entrance, for all dead ends that begin there."""
        closed = {i for s in stretches for i in s.segments}
        stands = self.point(node, closed)
        names = sorted({s.name for s in stretches if s.name})
        sides = tuple(StretchSide(s.id, side) for s in stretches for side in ("left", "right"))
        return Pass(
            id=f"p{node}",
            kind="presentation_point",
            osm_way=None,
            osm_nodes=(node,),
            side="both",
            name=", ".join(names),
            stretch_sides=sides,
            middle_xy=self.streets.xy[node],
            length_m=sum(s.length_m for s in stretches),
            stands=stands,
            arcs={p: tuple((s.arrive,) for s in found) for p, found in stands.items()},
        )

    def point(self, node: int, without: Iterable[int] = ()) -> dict[str, tuple[Stand, ...]]:
        """The stands at a node, by profile, leaving out arrivals over the given segments."""
        skip = set(without)
        found = {
            profile: tuple(
                s
                for s in truck.point_stands(node)
                if truck.turns.arc[s.arrive] // 2 not in skip and self._trips[profile][s.arrive]
            )
            for profile, truck in self.roads.items()
        }
        return {profile: stands for profile, stands in found.items() if stands}

    def nearest_reached(self, stretch: Stretch) -> int | None:
        """The nearest node along the streets that a truck reaches, within the distance that residents carry a bin."""
        rules, segments = self.area.streets, self.streets.segments
        limit = rules.presentation_max_m if rules.reversing == "priced" else float("inf")
        frontier = {stretch.osm_nodes[0]: 0.0, stretch.osm_nodes[-1]: 0.0}
        done: set[int] = set()
        while frontier:
            node = min(frontier, key=lambda n: (frontier[n], n))
            metres = frontier.pop(node)
            done.add(node)
            if metres + stretch.length_m > limit:
                return None
            if self.point(node, stretch.segments):
                return node
            for index in self.streets.at_node.get(node, ()):
                s = segments[index]
                other = s.end if s.start == node else s.start
                if other not in done:
                    frontier[other] = min(frontier.get(other, float("inf")), metres + s.length_m)
        return None
