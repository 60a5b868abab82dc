"""What goes into map matching and what comes out: fixes in; steps of the way driven and snapped fixes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from fleet import Position


class LocatedFix(NamedTuple):
    """What a receiver said of a place. ``eph_m``: its own estimate of the error; heading: the course over ground."""

    at: datetime
    lat_deg: float
    lon_deg: float
    eph_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None

    @classmethod
    def of(cls, position: Position) -> LocatedFix | None:
        """None where the receiver had no fix: nothing is made up for it."""
        if position.lat_deg is None or position.lon_deg is None or position.mode in (0, 1):
            return None
        return cls(
            position.at, position.lat_deg, position.lon_deg, position.eph_m, position.speed_mps, position.heading_deg
        )


@dataclass(frozen=True, slots=True)
class MatchedStep:
    """A part of one segment driven in one direction between two fixes, or a stand (``from_m == to_m``).

    ``arc``: 2 * segment + (0 along the segment's nodes, 1 against); metres count from where the arc begins. ``piece``:
    number of the unbroken chain it belongs to; nothing is said of the way from one piece to the next. ``still_s``: of
    its duration, spent standing. ``gap_s``: between the two fixes that hold it: where it is long, the way is the
    likeliest one and its timing a guess. ``confidence``: 0 to 1, the less sure of the two fixes.
    """

    arc: int
    from_m: float
    to_m: float
    enter_at: datetime
    leave_at: datetime
    piece: int
    still_s: float
    gap_s: float
    confidence: float

    @property
    def segment(self) -> int:
        return self.arc // 2

    @property
    def forward(self) -> bool:
        """Along the segment's own nodes."""
        return self.arc % 2 == 0

    @property
    def length_m(self) -> float:
        return self.to_m - self.from_m

    @property
    def duration_s(self) -> float:
        return (self.leave_at - self.enter_at).total_seconds()


@dataclass(frozen=True, slots=True)
class MatchedFix:
    """A fix on its street: the place there, how sure it is (0 to 1).

    Fixes that say nothing new (nearly the same place, standing) are not matched each: the one before speaks for them.
    """

    at: datetime
    arc: int
    offset_m: float
    lat_deg: float
    lon_deg: float
    confidence: float
    piece: int


class SettledTrack(NamedTuple):
    """What no later fix can change any more."""

    steps: list[MatchedStep]
    fixes: list[MatchedFix]
