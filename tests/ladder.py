"""A small made-up town for matching and evidence: two long streets 200 m apart, rungs between, a dead end, a one-way.

11 ---- 12 ---- 13 ---- 14 ---- 15          y = 200
 |       |       |       |       |
 1 ----- 2 ----- 3 ----- 4 ----- 5          y = 0      3 -> 8: dead end to the south, 150 m
                 |
                 8
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from fleet import Position, new_id
from optimizer.matching.matching import LocatedFix, MatchedStep, Matcher
from optimizer.matching.network import Line, Network, Plane

BEGIN = datetime(2026, 11, 23, 5, tzinfo=UTC)
MIDDLE = Plane(43.74, 7.42)
XY = {n: (200.0 * n, 0.0) for n in (1, 2, 3, 4, 5)} | {10 + n: (200.0 * n, 200.0) for n in (1, 2, 3, 4, 5)}
XY[8] = (600.0, -150.0)
LINES = (
    *[Line(pair) for pair in itertools.pairwise((1, 2, 3, 4, 5))],
    *[Line(pair) for pair in itertools.pairwise((11, 12, 13, 14, 15))],
    *[Line((n, 10 + n)) for n in (1, 2, 4, 5)],
    Line((3, 13), oneway=1),
    Line((3, 8)),
)
LONLAT = {n: MIDDLE.lonlat(*xy) for n, xy in XY.items()}


def ladder(lines: Iterable[Line] = LINES) -> Matcher:
    return Matcher(Network.of_lines(lines, LONLAT))


def place(x: float, y: float) -> tuple[float, float]:
    return MIDDLE.lonlat(x, y)


class Wheel:
    """A truck driven by hand: it keeps its place and its clock, and notes a fix a second."""

    def __init__(self, x: float, y: float, at: datetime = BEGIN):
        self.x, self.y, self.at = x, y, at
        self.fixes: list[LocatedFix] = []
        self.stand(1)

    def _note(self, speed: float, heading: float | None, off: tuple[float, float] = (0.0, 0.0)) -> None:
        lon, lat = place(self.x + off[0], self.y + off[1])
        self.fixes.append(LocatedFix(self.at, lat, lon, 6.0, speed, heading))
        self.at += timedelta(seconds=1)

    def stand(self, seconds: int, wander: Sequence[tuple[float, float]] = ((0.0, 0.0),)) -> Wheel:
        for k in range(seconds):
            self._note(0.0, None, wander[k % len(wander)])
        return self

    def to(self, x: float, y: float, speed: float, stop_every: float = math.inf, stop_s: int = 0) -> Wheel:
        """Straight there, standing ``stop_s`` after each ``stop_every`` metres."""
        heading = math.degrees(math.atan2(x - self.x, y - self.y)) % 360
        since = 0.0
        while (left := math.dist((self.x, self.y), (x, y))) > 1e-6:
            step = min(speed, left)
            self.x += (x - self.x) * step / left
            self.y += (y - self.y) * step / left
            since += step
            self._note(speed, heading)
            if since >= stop_every:
                self.stand(stop_s)
                since = 0.0
        return self

    def over(self, nodes: Sequence[int], speed: float, stop_every: float = math.inf, stop_s: int = 0) -> Wheel:
        for node in nodes:
            self.to(*XY[node], speed, stop_every, stop_s)
        return self

    def away(self, seconds: int, x: float, y: float) -> Wheel:
        """No fix for so long; then it is elsewhere."""
        self.at += timedelta(seconds=seconds)
        self.x, self.y = x, y
        return self

    def positions(self, truck: str = "T1") -> list[Position]:
        return [
            Position(
                id=new_id(f.at), at=f.at, truck=truck, lat_deg=f.lat_deg, lon_deg=f.lon_deg, eph_m=f.eph_m,
                speed_mps=f.speed_mps, heading_deg=f.heading_deg, mode=3,
            )
            for f in self.fixes
        ]  # fmt: skip


def way(matcher: Matcher, steps: Iterable[MatchedStep]) -> list[tuple[int, int]]:
    """The streets driven, as (from node, to node), in order; a street left after less than 15 m is not told."""
    told: list[tuple[int, int]] = []
    for arc, group in itertools.groupby((s for s in steps if s.length_m > 0), key=lambda s: s.arc):
        if sum(step.length_m for step in group) < 15:
            continue
        nodes = matcher.network.lines[arc // 2].nodes
        told.append((nodes[0], nodes[-1]) if arc % 2 == 0 else (nodes[-1], nodes[0]))
    return [pair for pair, _ in itertools.groupby(told)]
