"""Tracks with a known way: real ones corrected by hand (Hof), simulated ones over any town; and how much is right.

The simulation knows nothing of the matcher's model: routes are cheapest under random street costs, speeds and stops are
drawn per street, and the receiver's error is white noise on an error that drifts (a first-order process), with the
truck keeping to its side of the street.
"""

from __future__ import annotations

import csv
import itertools
import math
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from optimizer.matching.matching import LocatedFix, MatchedStep, Matcher
from optimizer.matching.network import FORBIDDEN_TURN, ArcSpan, Line, Network

BEGIN = datetime(2026, 11, 23, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Track:
    """``way``: the true one, in driving order; ``fixes``: what the receiver said."""

    way: tuple[ArcSpan, ...]
    fixes: tuple[LocatedFix, ...]


# --- measures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """Metres of arcs, each counted once, direction told apart: driven, of those found, and added wrongly."""

    driven_m: float
    found_m: float
    added_m: float

    @property
    def found(self) -> float:
        return self.found_m / self.driven_m

    @property
    def added(self) -> float:
        return self.added_m / self.driven_m

    def __add__(self, other: Right) -> Right:
        return Right(self.driven_m + other.driven_m, self.found_m + other.found_m, self.added_m + other.added_m)


NOTHING = Right(0.0, 0.0, 0.0)


def _joined(spans: Iterable[ArcSpan]) -> dict[int, list[tuple[float, float]]]:
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for arc, begin, to in sorted(spans):
        if to <= begin:
            continue
        last = found[arc]
        if last and begin <= last[-1][1] + 1e-6:
            last[-1] = (last[-1][0], max(last[-1][1], to))
        else:
            last.append((begin, to))
    return found


def right(true: Iterable[ArcSpan], matched: Iterable[ArcSpan]) -> Right:
    a, b = _joined(true), _joined(matched)
    driven = sum(t - f for spans in a.values() for f, t in spans)
    said = sum(t - f for spans in b.values() for f, t in spans)
    found = sum(
        max(0.0, min(t, v) - max(f, u)) for arc, spans in a.items() for f, t in spans for u, v in b.get(arc, ())
    )
    return Right(driven, found, said - found)


def spans_of(steps: Iterable[MatchedStep]) -> list[ArcSpan]:
    return [ArcSpan(s.arc, s.from_m, s.to_m) for s in steps]


def matched(matcher: Matcher, fixes: Sequence[LocatedFix]) -> list[MatchedStep]:
    track = matcher.track()
    return track.add(fixes).steps + track.flush().steps


class NearestEdge:
    """What many systems do: every fix on the nearest street, joined where two streets meet; direction by movement."""

    def __init__(self, network: Network):
        self.network = network
        a = network.arrays
        counts = np.maximum(1, np.ceil(a.piece_length / 4.0)).astype(int)
        piece = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = (within + 0.5) / counts[piece]
        self._segment, self._along = a.piece_segment[piece], a.at[piece] + share * a.piece_length[piece]
        x, y = a.ax[piece] + share * (a.bx - a.ax)[piece], a.ay[piece] + share * (a.by - a.ay)[piece]
        self._tree = cKDTree(np.column_stack([x, y]))

    def spans(self, fixes: Sequence[LocatedFix]) -> list[ArcSpan]:
        places = np.array([self.network.plane.xy(f.lon_deg, f.lat_deg) for f in fixes])
        _, nearest = self._tree.query(places)
        runs = [
            (segment, [float(self._along[k]) for _, k in group])
            for segment, group in itertools.groupby(
                ((int(self._segment[k]), k) for k in nearest), key=lambda found: found[0]
            )
        ]
        spans: list[ArcSpan] = []
        for i, (segment, along) in enumerate(runs):
            length = float(self.network.arrays.length[2 * segment])
            begin, end = along[0], along[-1]
            before = self._shared(runs[i - 1][0], segment) if i else None
            after = self._shared(segment, runs[i + 1][0], first=True) if i + 1 < len(runs) else None
            begin = begin if before is None else before * length
            end = end if after is None else after * length
            forward = end >= begin
            spans.append(
                ArcSpan(2 * segment, begin, end) if forward else ArcSpan(2 * segment + 1, length - begin, length - end)
            )
        return spans

    def _shared(self, a: int, b: int, first: bool = False) -> float | None:
        """Where the two segments meet, as a share of b's length (of a's with ``first``); None where they do not."""
        own, other = (a, b) if first else (b, a)
        nodes, ends = self.network.lines[own].nodes, self.network.lines[other].nodes
        for share, node in ((0.0, nodes[0]), (1.0, nodes[-1])):
            if node in (ends[0], ends[-1]):
                return share
        return None


# --- Hof ---------------------------------------------------------------------------------------------------------


class Hof:
    """132 tracks of fleet vehicles in the town of Hof, with ways corrected by hand.

    There is no map with them: the streets are the union of the ways. Of one-way streets it knows nothing; those are
    taken from the *other* tracks: a street that at least one of them drove, and none the other way.
    """

    def __init__(self, folder: Path):
        csv.field_size_limit(sys.maxsize)
        with (folder / "hof_ground_truth.csv").open(encoding="utf-8") as file:
            drawn = {row["id"]: re.findall(r"\(([^()]+)\)", row["WKT"]) for row in csv.DictReader(file)}
        ids: dict[tuple[float, ...], int] = {}
        self.ways: dict[str, list[list[int]]] = {}
        for track, parts in drawn.items():
            found = [
                [ids.setdefault(tuple(map(float, p.split())), len(ids)) for p in part.split(",")] for part in parts
            ]
            self.ways[track] = [[n for n, _ in itertools.groupby(part)] for part in found]
        self.lonlat = {n: (p[0], p[1]) for p, n in ids.items()}
        self.lines = self._lines()
        self.fixes = self._fixes(folder / "hof_points.csv")
        place = {pair: (k, 1) for k, line in enumerate(self.lines) for pair in itertools.pairwise(line)}
        place |= {(b, a): (k, -1) for (a, b), (k, _) in list(place.items())}
        self._driven: dict[int, set[tuple[str, int]]] = defaultdict(set)
        for track, way in self.ways.items():
            for part in way:
                for pair in itertools.pairwise(part):
                    k, direction = place[pair]
                    self._driven[k].add((track, direction))

    def _lines(self) -> list[tuple[int, ...]]:
        """From junction to junction."""
        beside: dict[int, set[int]] = defaultdict(set)
        for way in self.ways.values():
            for part in way:
                for a, b in itertools.pairwise(part):
                    beside[a].add(b)
                    beside[b].add(a)
        cut = {n for n, others in beside.items() if len(others) != 2}
        lines, seen = [], set()
        for begin in sorted(cut):
            for second in sorted(beside[begin]):
                if (begin, second) in seen:
                    continue
                line = [begin, second]
                while line[-1] not in cut:
                    line.append(next(n for n in beside[line[-1]] if n != line[-2]))
                seen |= {(a, b) for a, b in itertools.pairwise(line)} | {(b, a) for a, b in itertools.pairwise(line)}
                lines.append(tuple(line))
        return lines

    @staticmethod
    def _fixes(path: Path) -> dict[str, list[LocatedFix]]:
        found: dict[str, list[LocatedFix]] = defaultdict(list)
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                lon, lat = map(float, re.findall(r"[-\d.]+", row["geometry"]))
                found[row["id"]].append(LocatedFix(datetime.fromisoformat(row["time"]), lat, lon))
        return {track: sorted(fixes, key=lambda fix: fix.at) for track, fixes in found.items()}

    def network(self, without: str) -> Network:
        """The streets with the one-ways that the other tracks show."""
        lines = []
        for k, nodes in enumerate(self.lines):
            ways = {direction for track, direction in self._driven[k] if track != without}
            lines.append(Line(nodes, ways.pop() if len(ways) == 1 else 0))
        return Network.of_lines(lines, self.lonlat)

    def true_spans(self, network: Network, track: str) -> list[ArcSpan]:
        return [span for part in self.ways[track] for span in network.along(part) or ()]


# --- simulated ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receiver:
    """Errors: ``drift_m`` that lasts ``drift_s``, and white ``white_m`` (deviations per axis)."""

    every_s: float = 1.0
    drift_m: float = 9.0
    drift_s: float = 20.0
    white_m: float = 4.0
    doppler: bool = True  # tells speed and course too


class Driver:
    """Random drives over a network."""

    def __init__(self, network: Network, seed: int):
        self.network, self.random = network, random.Random(seed)
        a = network.arrays
        self._tails = np.repeat(np.arange(len(a.length)), np.diff(a.turn_from))
        allowed = a.turn_nats < min(FORBIDDEN_TURN, 3.0)  # a U-turn at a dead end stays
        self._tails, self._heads = self._tails[allowed], a.turn_to[allowed]
        open_ = ~a.against[self._heads]
        self._tails, self._heads = self._tails[open_], self._heads[open_]

    def route(self, least_m: float) -> list[int]:
        """Arcs in order, cheapest under random costs: drivers know neither the shortest way nor want it."""
        a, rng = self.network.arrays, np.random.default_rng(self.random.randrange(2**32))
        cost = a.length * rng.lognormal(0.0, 0.4, len(a.length))
        graph = csr_matrix((cost[self._heads], (self._tails, self._heads)), shape=(len(cost), len(cost)))
        while True:
            begin = self.random.randrange(len(cost))
            if a.against[begin]:
                continue
            reach, before = dijkstra(graph, indices=begin, return_predecessors=True, limit=3 * least_m)
            ends = np.flatnonzero(np.isfinite(reach) & (reach > least_m))
            if len(ends) == 0:
                continue
            arcs = [int(self.random.choice(ends))]
            while arcs[-1] != begin:
                arcs.append(int(before[arcs[-1]]))
            return arcs[::-1]

    def track(self, receiver: Receiver, least_m: float = 3000.0) -> Track:
        arcs = self.route(least_m)
        seconds = self._driven(arcs)
        return Track(
            tuple(ArcSpan(arc, 0.0, float(self.network.arrays.length[arc])) for arc in arcs),
            tuple(self._received(seconds, receiver)),
        )

    def _driven(self, arcs: Sequence[int]) -> list[tuple[float, float, float, float]]:
        """x, y, speed, course, a row a second: streets driven at their own pace, some collected, stops at junctions."""
        rows: list[tuple[float, float, float, float]] = []
        rest = 0.0
        for arc in arcs:
            collecting = self.random.random() < 0.3
            speed = self.random.uniform(1.5, 3.0) if collecting else self.random.uniform(5.0, 13.0)
            length, at = float(self.network.arrays.length[arc]), rest
            stop_at = self.random.uniform(0.0, length) if collecting else math.inf
            while at < length:
                x, y = self.network.place(arc, at)
                ahead_x, ahead_y = self.network.place(arc, min(length, at + 3.0))
                back_x, back_y = self.network.place(arc, max(0.0, at - 3.0))
                course = math.atan2(ahead_x - back_x, ahead_y - back_y)
                x, y = x + 2.0 * math.cos(course), y - 2.0 * math.sin(course)  # on the right of the middle
                rows.append((x, y, speed, course))
                at += speed
                if at > stop_at:
                    rows += [(x, y, 0.0, course)] * self.random.randrange(5, 40)
                    stop_at = at + self.random.uniform(15.0, 60.0)
            rest = at - length
            if self.random.random() < 0.15:
                x, y, _, course = rows[-1]
                rows += [(x, y, 0.0, course)] * self.random.randrange(5, 45)
        return rows

    def _received(self, rows: Sequence[tuple[float, float, float, float]], receiver: Receiver) -> list[LocatedFix]:
        keep = math.exp(-1.0 / receiver.drift_s)
        kick = receiver.drift_m * math.sqrt(1.0 - keep * keep)
        gauss = self.random.gauss
        dx, dy = gauss(0, receiver.drift_m), gauss(0, receiver.drift_m)
        fixes, due = [], 0.0
        for second, (x, y, speed, course) in enumerate(rows):
            dx, dy = keep * dx + gauss(0, kick), keep * dy + gauss(0, kick)
            if second < due:
                continue
            due += receiver.every_s
            white = receiver.white_m
            lon, lat = self.network.plane.lonlat(x + dx + gauss(0, white), y + dy + gauss(0, white))
            at = BEGIN + timedelta(seconds=second)
            if receiver.doppler:
                heading = math.degrees(course + gauss(0, 0.1 + 0.5 / (1.0 + speed))) % 360.0
                fixes.append(LocatedFix(at, lat, lon, 20.0, max(0.0, speed + abs(gauss(0, 0.15))), heading))
            else:
                fixes.append(LocatedFix(at, lat, lon))
        return fixes


def beside_another(network: Network, metres: float = 30.0) -> set[int]:
    """The segments of which most runs within so many metres of another street, nearly parallel to it."""
    a = network.arrays
    x, y = (a.ax + a.bx) / 2, (a.ay + a.by) / 2
    course = np.arctan2(a.by - a.ay, a.bx - a.ax)
    tree = cKDTree(np.column_stack([x, y]))
    near: dict[int, float] = defaultdict(float)
    for k, others in enumerate(tree.query_ball_point(np.column_stack([x, y]), metres)):
        for other in others:
            turned = abs(math.sin(course[k] - course[other]))
            own, its = int(a.piece_segment[k]), int(a.piece_segment[other])
            ends = {network.lines[own].nodes[0], network.lines[own].nodes[-1]}
            if own != its and turned < 0.35 and not ends & {network.lines[its].nodes[0], network.lines[its].nodes[-1]}:
                near[own] += float(a.piece_length[k])
                break
    return {segment for segment, metres_near in near.items() if metres_near > 0.5 * a.length[2 * segment]}
