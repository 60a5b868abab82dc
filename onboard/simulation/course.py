"""What there is to drive: a tour's legs as lines on the ground, and the streets that a driver knows for going round.

Made from a plan with its nodes' coordinates (``course_of``), or from a tour as the depot publishes it
(``course_of_published``). Knows nothing of how it will be driven: that is ``simulate.py``.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from fleet import Task, Tour, instant
from onboard.geo import LatLon, distance_m


@dataclass(frozen=True, slots=True)
class CourseLeg:
    """One leg: ``line`` in driving order (one point: the truck stands there; none: where it is).

    ``dwellings`` and ``containers`` of its task, as far as they are known: they make the stops.
    """

    kind: str
    start_at: datetime
    end_at: datetime
    line: tuple[LatLon, ...] = ()
    task: str | None = None
    side: str | None = None
    mode: str = "truck"
    site: str | None = None
    kg: Mapping[str, float] = field(default_factory=dict)
    dwellings: int = 0
    containers: int = 0

    @property
    def planned_s(self) -> float:
        return (self.end_at - self.start_at).total_seconds()


#: From a point, the points that a truck can drive to next.
StreetGraph = Mapping[LatLon, Sequence[LatLon]]


@dataclass(frozen=True, slots=True)
class Course:
    """A tour to drive. ``streets``: where the driver may go round what is blocked (at least what the plan drives)."""

    tour: str
    truck: str
    legs: tuple[CourseLeg, ...]
    streets: StreetGraph = field(default_factory=dict)
    kerb_kg: float = 12_000.0

    def __post_init__(self) -> None:
        if not any(leg.line for leg in self.legs):
            raise ValueError(f"course {self.tour}: no leg has coordinates, must be published with them")

    @property
    def start_at(self) -> datetime:
        return self.legs[0].start_at

    @property
    def start(self) -> LatLon:
        return next(leg.line[0] for leg in self.legs if leg.line)


def course_of(
    tour: Tour,
    coordinates: Mapping[int, Sequence[float]],
    tasks: Mapping[str, Task] | None = None,
    streets: StreetGraph | None = None,
    kerb_kg: float = 12_000.0,
) -> Course:
    """A plan's tour. ``coordinates``: (lon, lat) in degrees by OSM node. ``tasks``: the plan's, by id, for their stops.

    ``streets``: None: those of this tour alone (``streets_of`` over all tours knows more ways round).
    Raises ``ValueError`` naming a node without coordinates.
    """
    legs = []
    for leg in tour.legs:
        task = (tasks or {}).get(leg.task or "")
        legs.append(
            CourseLeg(
                kind=leg.kind,
                start_at=leg.start_at,
                end_at=leg.end_at,
                line=tuple(_point(node, coordinates) for node in leg.osm_nodes),
                task=leg.task,
                side=leg.side,
                mode=leg.mode,
                site=leg.site,
                kg=dict(leg.kg),
                dwellings=task.dwellings if task else 0,
                containers=task.containers if task else 0,
            )
        )
    known = streets if streets is not None else streets_of(legs)
    return Course(tour.id, tour.truck, tuple(legs), known, kerb_kg)


def _point(node: int, coordinates: Mapping[int, Sequence[float]]) -> LatLon:
    try:
        lon, lat = coordinates[node]
    except KeyError:
        raise ValueError(f"course: coordinates has no osm_node {node}, must hold every node of the tour") from None
    return LatLon(lat, lon)


def course_of_published(tour: Mapping[str, Any], kerb_kg: float = 12_000.0) -> Course:
    """A tour as ``GET /tours/{truck}`` gives it: legs with ``coordinates`` as ``[lon, lat]``."""
    legs = tuple(
        CourseLeg(
            kind=leg["kind"],
            start_at=instant(leg["start_at"]),
            end_at=instant(leg["end_at"]),
            line=tuple(LatLon(lat, lon) for lon, lat in leg.get("coordinates") or ()),
            task=leg.get("task"),
            side=leg.get("side"),
            mode=leg.get("mode") or "truck",
            site=leg.get("site"),
            kg=dict(leg.get("kg") or {}),
            dwellings=leg.get("dwellings") or 0,
            containers=leg.get("containers") or 0,
        )
        for leg in tour["legs"]
    )
    return Course(tour["tour"], tour["truck"], legs, streets_of(legs), kerb_kg)


def streets_of(legs: Iterable[CourseLeg]) -> dict[LatLon, list[LatLon]]:
    """The streets that these legs drive, each in the direction driven."""
    ways: dict[LatLon, list[LatLon]] = {}
    for leg in legs:
        if leg.mode == "truck":
            for a, b in pairwise(leg.line):
                onward = ways.setdefault(a, [])
                if b not in onward:
                    onward.append(b)
    return ways


def detour(
    streets: StreetGraph, start: LatLon, goal: LatLon, blocked: Iterable[LatLon], most_m: float
) -> tuple[LatLon, ...]:
    """The shortest way that keeps off every street between blocked neighbours; () where none within ``most_m``."""
    closed = {pair for a, b in pairwise(blocked) for pair in ((a, b), (b, a))}
    best: dict[LatLon, float] = {start: 0.0}
    came: dict[LatLon, LatLon] = {}
    queue = [(0.0, start)]
    while queue:
        gone_m, at = heapq.heappop(queue)
        if at == goal:
            way = [at]
            while way[-1] != start:
                way.append(came[way[-1]])
            return tuple(reversed(way))
        if gone_m > best[at]:
            continue
        for onward in streets.get(at, ()):
            m = gone_m + distance_m(at, onward)
            if m <= most_m and m < best.get(onward, math.inf) and (at, onward) not in closed:
                best[onward], came[onward] = m, at
                heapq.heappush(queue, (m, onward))
    return ()
