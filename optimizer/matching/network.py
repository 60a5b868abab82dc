"""The network that fixes are matched to: every public street in both directions, as arrays.

An *arc* is a segment driven in a direction: ``2 * segment`` along its nodes, ``2 * segment + 1`` against them. A truck
that was there was there: a forbidden turn, a one-way driven against and a U-turn anywhere are not closed but *dear*,
priced in nats (natural logarithms of likelihood), and so are ways that a collection seldom leads over.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.streets import StreetNetwork, TurnGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

#: Edge of a cell of the index of street pieces.
CELL_M = 50.0
EARTH_M = 6_371_008.8
#: What is dear, in nats: 5 is about 1 in 150. Chosen by hand from these meanings, not fitted to the benchmark.
FORBIDDEN_TURN = 5.0  # crews know which signs do not bind them, and maps err
AGAINST_ONE_WAY = 5.0  # on entering it
U_TURN = 6.0  # where other ways lead on
U_TURN_AT_END = 1.0  # at a dead end or a turning place, where it is the way to leave
SERVICE_ROAD = 0.7  # aisles of car parks and drives, beside the street they leave


@dataclass(frozen=True, slots=True)
class Line:
    """A street from cut node to cut node. ``oneway``: 1 along the nodes, -1 against, 0 both; ``nats``: how unlikely."""

    nodes: tuple[int, ...]
    oneway: int = 0
    nats: float = 0.0


class Arrays(NamedTuple):
    """What the kernels read. Metres on a plane that touches the middle of the town (x east, y north).

    By arc: ``length``, ``against`` (a one-way), ``turn_from`` (where its turns begin; one longer than the arcs).
    By turn: ``turn_to`` (arc), ``turn_nats``. By segment: ``nats``, ``piece_from`` (one longer than the segments).
    By piece, the straight bits of a segment in its order: ``ax, ay, bx, by``, ``at`` (metres from the segment's start),
    ``piece_length``, ``piece_segment``. The index: ``cell_from`` (one longer than ``columns * rows``), ``cell_piece``,
    ``corner`` (x, y of its south-west).
    """

    length: Floats
    against: NDArray[np.bool_]
    turn_from: Ints
    turn_to: Ints
    turn_nats: Floats
    nats: Floats
    piece_from: Ints
    ax: Floats
    ay: Floats
    bx: Floats
    by: Floats
    at: Floats
    piece_length: Floats
    piece_segment: Ints
    cell_from: Ints
    cell_piece: Ints
    corner: Floats
    columns: int
    rows: int


@dataclass(frozen=True)
class Plane:
    """Metres around a middle: over a town of 30 km it is true to 0.2 %, and fixes and streets err alike."""

    lat_deg: float
    lon_deg: float

    @cached_property
    def east_m(self) -> float:
        """Metres of a degree of longitude."""
        return math.radians(EARTH_M) * math.cos(math.radians(self.lat_deg))

    @cached_property
    def north_m(self) -> float:
        return math.radians(EARTH_M)

    def xy(self, lon_deg: float, lat_deg: float) -> tuple[float, float]:
        return (lon_deg - self.lon_deg) * self.east_m, (lat_deg - self.lat_deg) * self.north_m

    def lonlat(self, x: float, y: float) -> tuple[float, float]:
        return self.lon_deg + x / self.east_m, self.lat_deg + y / self.north_m


class ArcSpan(NamedTuple):
    """A part of an arc, metres from where the arc begins."""

    arc: int
    from_m: float
    to_m: float


@dataclass(frozen=True, eq=False)
class Network:
    """``lines``: by segment. ``pairs``: two neighbouring nodes in driving order -> where they lie on which arc."""

    lines: tuple[Line, ...]
    plane: Plane
    arrays: Arrays
    pairs: Mapping[tuple[int, int], ArcSpan] = field(repr=False)
    xy: Mapping[int, tuple[float, float]] = field(repr=False)

    @classmethod
    def of(
        cls, streets: StreetNetwork, lonlat: Mapping[int, tuple[float, float]], turns: TurnGraph | None = None
    ) -> Network:
        """A town's streets: ``Network.of(town.streets, town.extract.lonlat, roads.turns)``.

        Segment numbers are those of ``streets``. ``turns``: what is allowed; without it no turn is forbidden.
        """
        lines = [
            Line(s.nodes, s.oneway, SERVICE_ROAD if s.way.tags.get("service") in ("parking_aisle", "driveway") else 0.0)
            for s in streets.segments
        ]
        places = {
            n for n, tags in streets.node_tags.items() if tags.get("highway") in ("turning_circle", "turning_loop")
        }
        allowed = None
        if turns is not None:
            tails, heads = turns.arc[turns.tail], turns.arc[turns.head]
            allowed = set(zip(tails.tolist(), heads.tolist(), strict=True))
        return cls.of_lines(lines, lonlat, places, allowed)

    @classmethod
    def of_lines(
        cls,
        lines: Iterable[Line],
        lonlat: Mapping[int, tuple[float, float]],
        turning_places: Iterable[int] = (),
        allowed: set[tuple[int, int]] | None = None,
    ) -> Network:
        """Any lines that meet at their end nodes. ``allowed``: pairs of arcs, None = all but U-turns."""
        lines = tuple(lines)
        if not lines:
            raise ValueError("network: lines is empty, must hold at least one street")
        used = {n for line in lines for n in line.nodes}
        degrees = np.array([lonlat[n] for n in used])
        west_south, east_north = degrees.min(axis=0), degrees.max(axis=0)
        plane = Plane(float(west_south[1] + east_north[1]) / 2, float(west_south[0] + east_north[0]) / 2)
        xy = {n: plane.xy(*lonlat[n]) for n in used}
        pieces = _pieces(lines, xy)
        length = np.repeat(np.add.reduceat(pieces["piece_length"], pieces["piece_from"][:-1]), 2)
        against = np.array([oneway for line in lines for oneway in (line.oneway < 0, line.oneway > 0)])
        turn_from, turn_to, turn_nats = _turns(lines, against, set(turning_places), allowed)
        arrays = Arrays(
            length=length, against=against, turn_from=turn_from, turn_to=turn_to, turn_nats=turn_nats,
            nats=np.array([line.nats for line in lines]), **pieces, **_cells(pieces),
        )  # fmt: skip
        return cls(lines, plane, arrays, _pairs(lines, pieces), xy)

    def along(self, nodes: Sequence[int]) -> list[ArcSpan] | None:
        """The arcs that lead along the nodes, in order and joined; None where two neighbours are on no street."""
        found: list[ArcSpan] = []
        for pair in itertools.pairwise(nodes):
            span = self.pairs.get(pair)
            if span is None:
                return None
            if found and found[-1].arc == span.arc and abs(found[-1].to_m - span.from_m) < 1e-6:
                found[-1] = ArcSpan(span.arc, found[-1].from_m, span.to_m)
            else:
                found.append(span)
        return found

    def after(self, arc: int) -> list[int]:
        """The arcs that begin where this one ends, itself backwards left out."""
        a = self.arrays
        onward = a.turn_to[a.turn_from[arc] : a.turn_from[arc + 1]].tolist()
        return [b for b in onward if b != arc ^ 1]

    def place(self, arc: int, offset_m: float) -> tuple[float, float]:
        """x, y on the plane of a place on an arc."""
        a = self.arrays
        at = offset_m if arc % 2 == 0 else float(a.length[arc]) - offset_m
        first, last = int(a.piece_from[arc // 2]), int(a.piece_from[arc // 2 + 1])
        k = first + max(0, int(np.searchsorted(a.at[first:last], at, side="right")) - 1)
        share = (at - a.at[k]) / a.piece_length[k] if a.piece_length[k] else 0.0
        share = min(1.0, max(0.0, share))
        return float(a.ax[k] + share * (a.bx[k] - a.ax[k])), float(a.ay[k] + share * (a.by[k] - a.ay[k]))

    def drawn(self, arc: int, from_m: float, to_m: float) -> list[tuple[float, float]]:
        """(lon, lat) along a part of an arc: its two ends and every node of the map between."""
        a = self.arrays
        first, last = int(a.piece_from[arc // 2]), int(a.piece_from[arc // 2 + 1])
        bends = a.at[first + 1 : last]
        bends = bends if arc % 2 == 0 else (a.length[arc] - bends)[::-1]
        offsets = [from_m, *(float(b) for b in bends if from_m < b < to_m), to_m]
        return [self.plane.lonlat(*self.place(arc, at)) for at in offsets]


def _pieces(lines: Sequence[Line], xy: Mapping[int, tuple[float, float]]) -> dict[str, Any]:
    counts = [len(line.nodes) - 1 for line in lines]
    a = np.array([xy[n] for line in lines for n in line.nodes[:-1]])
    b = np.array([xy[n] for line in lines for n in line.nodes[1:]])
    long = np.hypot(*(b - a).T)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    run = np.concatenate([[0.0], np.cumsum(long)])
    of = np.repeat(np.arange(len(lines)), counts)
    return {
        "piece_from": first, "ax": a[:, 0].copy(), "ay": a[:, 1].copy(), "bx": b[:, 0].copy(), "by": b[:, 1].copy(),
        "at": run[:-1] - run[first[of]], "piece_length": long, "piece_segment": of.astype(np.int32),
    }  # fmt: skip


def _cells(pieces: Mapping[str, Any]) -> dict[str, Any]:
    """The index: every piece stands in each cell that its bounding box touches."""
    x = np.stack([pieces["ax"], pieces["bx"]]).astype(np.float64)
    y = np.stack([pieces["ay"], pieces["by"]]).astype(np.float64)
    corner = np.array([x.min(), y.min()])
    columns, rows = (int(v) + 1 for v in ((x.max() - corner[0]) // CELL_M, (y.max() - corner[1]) // CELL_M))
    held: dict[int, list[int]] = {}
    west, east = (((edge - corner[0]) // CELL_M).astype(int).tolist() for edge in (x.min(axis=0), x.max(axis=0)))
    south, north = (((edge - corner[1]) // CELL_M).astype(int).tolist() for edge in (y.min(axis=0), y.max(axis=0)))
    for k, (w, e, s, n) in enumerate(zip(west, east, south, north, strict=True)):
        for row in range(s, n + 1):
            for column in range(w, e + 1):
                held.setdefault(row * columns + column, []).append(k)
    counts = np.zeros(columns * rows + 1, dtype=np.int32)
    for cell, inside in held.items():
        counts[cell + 1] = len(inside)
    flat = [k for cell in sorted(held) for k in held[cell]]
    return {
        "cell_from": np.cumsum(counts, dtype=np.int32), "cell_piece": np.array(flat, dtype=np.int32),
        "corner": corner, "columns": columns, "rows": rows,
    }  # fmt: skip


def _turns(
    lines: Sequence[Line],
    against: NDArray[np.bool_],
    turning_places: set[int],
    allowed: set[tuple[int, int]] | None,
) -> tuple[Ints, Ints, Floats]:
    """Every turn there is, by the arc it leaves, with its nats."""
    leaving: dict[int, list[int]] = {}
    for k, line in enumerate(lines):
        leaving.setdefault(line.nodes[0], []).append(2 * k)
        leaving.setdefault(line.nodes[-1], []).append(2 * k + 1)
    first, to, nats = [0], [], []
    for arc in range(2 * len(lines)):
        node = lines[arc // 2].nodes[-1 if arc % 2 == 0 else 0]
        onward = leaving[node]
        for b in onward:
            dear = AGAINST_ONE_WAY if against[b] and not against[arc] else 0.0
            if b == arc ^ 1:
                dear += U_TURN_AT_END if len(onward) == 1 or node in turning_places else U_TURN
            elif allowed is not None and (arc, b) not in allowed:
                dear += FORBIDDEN_TURN
            to.append(b)
            nats.append(dear)
        first.append(len(to))
    return np.array(first, dtype=np.int32), np.array(to, dtype=np.int32), np.array(nats)


def _pairs(lines: Sequence[Line], pieces: Mapping[str, Any]) -> dict[tuple[int, int], ArcSpan]:
    """By two neighbouring nodes; of streets drawn one over the other, the first."""
    found: dict[tuple[int, int], ArcSpan] = {}
    at, long, first = pieces["at"].tolist(), pieces["piece_length"].tolist(), pieces["piece_from"].tolist()
    for k, line in enumerate(lines):
        total = at[first[k + 1] - 1] + long[first[k + 1] - 1]
        for i, (a, b) in enumerate(itertools.pairwise(line.nodes), start=first[k]):
            found.setdefault((a, b), ArcSpan(2 * k, at[i], at[i] + long[i]))
            found.setdefault((b, a), ArcSpan(2 * k + 1, total - at[i] - long[i], total - at[i]))
    return found
