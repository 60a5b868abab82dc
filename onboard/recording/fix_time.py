"""Which time to believe: the receiver's, or the box's.

A receiver counts weeks modulo 1,024 and may land 19.6 years off (gpsd 3.22 itself moves some dates of 2015 to
2035); a box without a battery wakes in 1970 or on the day it was switched off, until a network sets its clock, which
then jumps. Facts keep the order in which they were recorded (the outbox sees to that), and say the best time known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from onboard.clock import Clock

#: No fix and no box of this version can be older. Moved on with each release.
BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)
ROLLOVER = timedelta(weeks=1024)
#: A box that stood for a month without power or network wakes that far behind.
FURTHEST = timedelta(days=31)
#: A clock that is set by less is not worth a word.
JUMP_S = 2.0


def fix_time_fault(fix_at: datetime | None, box_at: datetime) -> str | None:
    """Why a fix time cannot be true, or None where it can.

    A box clock that is itself wrong says nothing against the receiver.
    """
    if fix_at is None:
        return "the receiver gives no time"
    if fix_at < BUILT_AT:
        return f"{fix_at:%Y-%m-%d} is before this program was made"
    if not is_plausible(box_at):
        return None if fix_at < BUILT_AT + ROLLOVER else f"{fix_at:%Y-%m-%d} is {ROLLOVER.days} days ahead or more"
    weeks = round((fix_at - box_at) / ROLLOVER)
    if weeks and abs(fix_at - box_at - weeks * ROLLOVER) <= FURTHEST:
        return f"{fix_at:%Y-%m-%d} is {weeks} × 1,024 weeks off: the receiver's week count has rolled over"
    if abs(fix_at - box_at) > FURTHEST:
        return f"{fix_at:%Y-%m-%d} is more than {FURTHEST.days} days from the box's {box_at:%Y-%m-%d}"
    return None


def is_plausible(box_at: datetime) -> bool:
    """Whether a box's clock can: not from before this program was made, nor from twenty years after."""
    return BUILT_AT <= box_at < BUILT_AT + ROLLOVER


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was: ``at`` by the best clock, ``box_at`` by the box's.

    ``doubtful``: the receiver gave a time that cannot be true.
    """

    at: datetime
    box_at: datetime
    doubtful: bool = False


class BestTime:
    """The best time this box knows, from its own clock, the last believable fix, and a clock that never jumps.

    ``known_at``: a time known to have passed already (the last ``known`` before a restart): a box clock behind it is
    wrong.
    """

    def __init__(self, clock: Clock, known_at: datetime | None = None) -> None:
        self._clock = clock
        self._floor = known_at if known_at is not None and is_plausible(known_at) else BUILT_AT
        self._floor_s = clock.monotonic_s()
        self._fix_at: datetime | None = None
        self._fix_s = 0.0
        self._box_at, self._box_s = clock.now(), clock.monotonic_s()

    def now(self) -> Moment:
        """Now, for what has no fix of its own: carried on from the last believable fix where there was one."""
        box_at, now_s = self._clock.now(), self._clock.monotonic_s()
        return Moment(self._best(box_at, now_s), box_at)

    def of_fix(self, fix_at: datetime | None) -> Moment:
        """When a fix just received was taken. Without a time of its own it is no doubt, only the box's time."""
        box_at, now_s = self._clock.now(), self._clock.monotonic_s()
        if fix_at is not None and fix_time_fault(fix_at, box_at) is None:
            self._fix_at, self._fix_s = fix_at, now_s
            return Moment(fix_at, box_at)
        return Moment(self._best(box_at, now_s), box_at, doubtful=fix_at is not None)

    @property
    def known(self) -> datetime | None:
        """Now, where a receiver has vouched for it; None while there is only the box's clock."""
        return None if self._fix_at is None else self.now().at

    def jump_s(self) -> float | None:
        """By how much the box's clock has jumped since the last call, ahead above 0; None where it has not."""
        box_at, now_s = self._clock.now(), self._clock.monotonic_s()
        jump_s = (box_at - self._box_at).total_seconds() - (now_s - self._box_s)
        self._box_at, self._box_s = box_at, now_s
        return jump_s if abs(jump_s) >= JUMP_S else None

    def _best(self, box_at: datetime, now_s: float) -> datetime:
        if self._fix_at is not None:
            return self._fix_at + timedelta(seconds=now_s - self._fix_s)
        least = self._floor + timedelta(seconds=now_s - self._floor_s)
        return box_at if is_plausible(box_at) and box_at >= least else least
