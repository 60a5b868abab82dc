"""Which fixes are worth keeping: by time, by distance or by turn; starts and stops always.

A truck that collects creeps and halts: most of what a receiver says at 1 Hz says nothing new. What is left out here
was never recorded; what is kept is never thinned again unless the disk is full.
"""

from __future__ import annotations

from dataclasses import dataclass

from onboard.geo import distance_m
from onboard.recording.fix_time import Moment
from onboard.recording.receiver import Fix


@dataclass(frozen=True, slots=True)
class ThinningRules:
    """When a fix is kept: so long or so far after the last kept one, or turned by so much from it.

    A truck stands below ``still_mps`` and moves again above ``moving_mps`` (two, or noise would make a start of
    every stop); at a standstill, and without a fix, only every ``still_s``. All 0: every fix is kept.
    """

    every_s: float = 5.0
    every_m: float = 30.0
    turn_deg: float = 20.0
    still_s: float = 60.0
    still_mps: float = 0.4
    moving_mps: float = 0.9

    def __post_init__(self) -> None:
        for name in ("every_s", "every_m", "turn_deg", "still_s", "still_mps"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"thinning: {name} = {getattr(self, name)!r}, must be 0 or more")
        if not self.moving_mps >= self.still_mps:
            raise ValueError(f"thinning: moving_mps = {self.moving_mps!r}, must be {self.still_mps} or more")


EVERY_FIX = ThinningRules(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class TimedFix:
    """A fix and when it was seen: on a clock that never jumps (seconds), and by the best clock."""

    fix: Fix
    at_s: float
    moment: Moment


class Thinning:
    """Takes fixes one by one and gives those to keep, each with whether it is marked.

    Marked, and so thinned last when the disk is full: a start, a stop, the fix lost or found, the place of a lift.
    """

    def __init__(self, rules: ThinningRules | None = None) -> None:
        self._rules = rules or ThinningRules()
        self._kept: TimedFix | None = None
        self._last: TimedFix | None = None
        self._moving = False

    def take(self, seen: TimedFix) -> list[tuple[TimedFix, bool]]:
        """The fixes to keep now, in order: none, this one, or the one before it (where the truck still stood) too."""
        before, kept = self._last, self._kept
        self._last = seen
        if kept is None or before is None or seen.fix.placed != before.fix.placed:
            self._moving = False if not seen.fix.placed else self._moving
            edge = [before] if before is not None and before is not kept else []
            return self._keep(*edge, seen, marked=True)
        if not seen.fix.placed:
            return self._keep(seen) if seen.at_s - kept.at_s >= self._rules.still_s else []
        speed_mps = _speed_mps(before, seen)
        if self._moving and speed_mps < self._rules.still_mps:
            self._moving = False
            return self._keep(seen, marked=True)
        if not self._moving and speed_mps > self._rules.moving_mps:
            self._moving = True
            return self._keep(*([before] if before is not kept else []), seen, marked=True)
        return self._keep(seen) if self._is_due(kept, seen) else []

    def hold(self) -> list[tuple[TimedFix, bool]]:
        """The last fix, to be kept because something happened there (a lift); nothing where it is kept already."""
        if self._last is None or self._last is self._kept or not self._last.fix.placed:
            return []
        return self._keep(self._last, marked=True)

    def forget(self) -> None:
        """Tracking has stopped: what was seen before must not come back."""
        self._kept = self._last = None
        self._moving = False

    def _keep(self, *seen: TimedFix, marked: bool = False) -> list[tuple[TimedFix, bool]]:
        self._kept = seen[-1]
        return [(one, marked) for one in seen]

    def _is_due(self, kept: TimedFix, seen: TimedFix) -> bool:
        gone_s = seen.at_s - kept.at_s
        if not self._moving:
            return gone_s >= self._rules.still_s
        return (
            gone_s >= self._rules.every_s
            or distance_m(kept.fix, seen.fix) >= self._rules.every_m
            or _turned_deg(kept.fix, seen.fix) >= self._rules.turn_deg
        )


def _speed_mps(before: TimedFix, seen: TimedFix) -> float:
    """The receiver's own speed, which is better than any difference of places; else that difference."""
    if seen.fix.speed_mps is not None:
        return seen.fix.speed_mps
    gone_s = seen.at_s - before.at_s
    return distance_m(before.fix, seen.fix) / gone_s if gone_s > 0 else 0.0


def _turned_deg(kept: Fix, fix: Fix) -> float:
    if kept.heading_deg is None or fix.heading_deg is None:
        return 0.0
    return abs((fix.heading_deg - kept.heading_deg + 180) % 360 - 180)
