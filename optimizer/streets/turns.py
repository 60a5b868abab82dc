"""Every turn of the network, for any truck: the edge-expanded graph.

A *state* is "driving a segment in a direction" (``2 * segment`` along its way, ``2 * segment + 1`` against it); a turn
leads from one state to the next across a cut node. Depots and unloading sites have two states of their own, *in* and
*out*, so that a truck may leave as it likes but nobody drives through them to turn around. A restriction that runs over
a way (``via`` way) gives that way a second state that remembers where the truck came from.

What a turn costs and which of them a given truck may make is for ``roads.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from optimizer.streets.extract import Extract, Restriction
from optimizer.streets.streets import Segment, StreetNetwork


class TurnKind(IntEnum):
    ALONG = 0  # the same road under another way, no junction
    STRAIGHT = 1
    RIGHT = 2
    LEFT = 3
    BACK = 4  # U-turn
    ARRIVE = 5  # into a depot or site
    LEAVE = 6  # out of it


@dataclass(frozen=True, eq=False)
class TurnGraph:
    """Arrays by turn: ``tail`` and ``head`` states, ``kind``, ``node`` (OSM id).

    ``arc``: by state, 2 * segment + direction, -1 for stops.

    ``stop_in``/``stop_out``: OSM node of a depot or site -> its states.
    """

    tail: NDArray[np.uint32]
    head: NDArray[np.uint32]
    kind: NDArray[np.int8]
    node: NDArray[np.int64]
    arc: NDArray[np.int32]
    stop_in: Mapping[int, int]
    stop_out: Mapping[int, int]

    @property
    def states(self) -> int:
        return len(self.arc)


def _angle_deg(streets: StreetNetwork, before: tuple[int, ...], after: tuple[int, ...]) -> float:
    """Signed angle of the turn, positive to the left."""
    (ax, ay), (bx, by) = streets.xy[before[-2]], streets.xy[before[-1]]
    (cx, cy), (dx, dy) = streets.xy[after[0]], streets.xy[after[1]]
    return (math.degrees(math.atan2(dy - cy, dx - cx) - math.atan2(by - ay, bx - ax)) + 180) % 360 - 180


def arc_nodes(segment: Segment, arc: int) -> tuple[int, ...]:
    """The segment's nodes in the driving order of one of its two arcs."""
    return segment.nodes if arc % 2 == 0 else segment.nodes[::-1]


def expand_turns(extract: Extract, streets: StreetNetwork, stops: Iterable[int]) -> TurnGraph:
    """All turns of the streets, restrictions applied: a truck is bound by each that does not exempt ``hgv``."""
    segments = streets.segments
    banned, only = _node_restrictions(extract, streets)
    out: list[list[tuple[int, int, int]]] = [[] for _ in range(2 * len(segments))]  # (head, node, kind)
    for node, indices in streets.at_node.items():
        incoming = [a for s in indices for a in _ending_at(segments[s], node)]
        outgoing = [a ^ 1 for a in incoming]
        for a in incoming:
            allowed = only.get((a, node))
            for b in outgoing:
                if (a, b) in banned or (allowed is not None and b not in allowed):
                    continue
                if b != a ^ 1 and arc_nodes(segments[a // 2], a)[-2] == arc_nodes(segments[b // 2], b)[1]:
                    continue  # two ways drawn one over the other: going back on the twin is a U-turn too
                out[a].append((b, node, _kind(streets, segments, a, b, len(indices))))
    arc = list(range(2 * len(segments)))
    for restriction in extract.restrictions:
        if restriction.via_ways and "hgv" not in restriction.exempt:
            _remember(restriction, segments, streets, out, arc)
    stop_in, stop_out = {}, {}
    for node in sorted(set(stops)):
        stop_in[node], stop_out[node] = len(arc), len(arc) + 1
        arc += [-1, -1]
        out += [[], []]
        for s in streets.at_node.get(node, ()):
            for a in _ending_at(segments[s], node):
                for state in [k for k, base in enumerate(arc) if base == a]:
                    out[state].append((stop_in[node], node, TurnKind.ARRIVE))
                out[stop_out[node]].append((a ^ 1, node, TurnKind.LEAVE))
    flat = [(tail, *turn) for tail, turns in enumerate(out) for turn in turns]
    tail, head, node_, kind = (np.array(column) for column in zip(*flat, strict=True))
    return TurnGraph(
        tail=tail.astype(np.uint32),
        head=head.astype(np.uint32),
        kind=kind.astype(np.int8),
        node=node_.astype(np.int64),
        arc=np.array(arc, dtype=np.int32),
        stop_in=stop_in,
        stop_out=stop_out,
    )


def _ending_at(segment: Segment, node: int) -> list[int]:
    """The arcs of a segment that end at the node (both for a loop)."""
    return [2 * segment.index] * (segment.end == node) + [2 * segment.index + 1] * (segment.start == node)


def _kind(streets: StreetNetwork, segments: tuple[Segment, ...], a: int, b: int, legs: int) -> TurnKind:
    if b == a ^ 1:
        return TurnKind.BACK
    if legs == 2:
        return TurnKind.ALONG
    angle = _angle_deg(streets, arc_nodes(segments[a // 2], a), arc_nodes(segments[b // 2], b))
    return TurnKind.STRAIGHT if abs(angle) < 40 else TurnKind.LEFT if angle > 0 else TurnKind.RIGHT


def _arcs_of_ways(segments: Iterable[Segment]) -> dict[int, list[Segment]]:
    found: dict[int, list[Segment]] = {}
    for s in segments:
        found.setdefault(s.way.id, []).append(s)
    return found


def _node_restrictions(
    extract: Extract, streets: StreetNetwork
) -> tuple[set[tuple[int, int]], dict[tuple[int, int], set[int]]]:
    """(forbidden pairs of arcs, (arc, node) -> the only arcs allowed next) from the restrictions over a node."""
    of_way = _arcs_of_ways(streets.segments)
    banned: set[tuple[int, int]] = set()
    only: dict[tuple[int, int], set[int]] = {}
    for r in extract.restrictions:
        if "hgv" in r.exempt or not r.via_nodes:
            continue
        via = r.via_nodes[0]
        before = [a for w in r.from_ways for s in of_way.get(w, ()) for a in _ending_at(s, via)]
        after = [a ^ 1 for w in r.to_ways for s in of_way.get(w, ()) for a in _ending_at(s, via)]
        for a in before:
            if r.kind.startswith("only_"):
                if after:  # an only_… whose target the extract cuts away must not close the junction
                    only.setdefault((a, via), set()).update(after)
            elif r.kind == "no_u_turn" and set(r.from_ways) == set(r.to_ways):
                banned.add((a, a ^ 1))
            elif r.kind.startswith("no_"):
                banned.update((a, b) for b in after)
    return banned, only


def _remember(
    r: Restriction,
    segments: tuple[Segment, ...],
    streets: StreetNetwork,
    out: list[list[tuple[int, int, int]]],
    arc: list[int],
) -> None:
    """A restriction over via ways: each via arc gets a twin state, entered from ``from``, without the banned exit."""
    of_way = _arcs_of_ways(segments)
    to_arcs = {a for w in r.to_ways for s in of_way.get(w, ()) for a in (2 * s.index, 2 * s.index + 1)}
    via = [s for w in r.via_ways for s in of_way.get(w, ())]
    for first in [a for w in r.from_ways for s in of_way.get(w, ()) for a in (2 * s.index, 2 * s.index + 1)]:
        chain = _chain(first, via, out, to_arcs, len(segments))
        if not chain:
            continue
        twins = []
        for k, v in enumerate(chain):
            twin = len(arc)
            arc.append(v)
            twins.append(twin)
            turns = list(out[v])
            if k == len(chain) - 1:
                no = r.kind.startswith("no_")
                turns = [t for t in turns if (t[0] in to_arcs) != no]
            out.append(turns)
        for k in range(len(chain) - 1):
            out[twins[k]] = [(twins[k + 1] if t[0] == chain[k + 1] else t[0], t[1], t[2]) for t in out[twins[k]]]
        out[first] = [(twins[0] if t[0] == chain[0] else t[0], t[1], t[2]) for t in out[first]]


def _chain(
    first: int, via: list[Segment], out: list[list[tuple[int, int, int]]], to_arcs: set[int], count: int
) -> list[int]:
    """The arcs of the via ways that lead from ``first`` to one of ``to_arcs``, in order; empty where they do not."""
    inside = {a for s in via for a in (2 * s.index, 2 * s.index + 1)}
    paths = [[h] for h, _, _ in out[first] if h in inside]
    while paths:
        path = paths.pop()
        if any(h in to_arcs for h, _, _ in out[path[-1]]):
            return path
        if len(path) <= len(via):
            paths += [
                [*path, h]
                for h, _, _ in out[path[-1]]
                if h in inside and h < 2 * count and h ^ 1 not in path and h not in path
            ]
    return []
