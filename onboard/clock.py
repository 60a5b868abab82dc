"""The clock of a box, a bridge or a depot: the machine's own, or one that runs faster for a drill.

Time comes in as an argument everywhere, so that a day can be driven in minutes and a test needs no waiting.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from fleet import instant


class Clock(Protocol):
    """``now`` is aware UTC and may jump; ``monotonic_s`` never does; both run at the same speed, as do the waits."""

    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep until the event is set (True) or ``seconds`` of this clock have gone (False)."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(0.0, seconds))


class DrillClock:
    """A clock that shows ``start`` at one real instant and runs ``speed`` times as fast from there.

    ``anchor_s``: that real instant as Unix seconds (None: now); processes given the same three agree on the time.
    """

    def __init__(self, start: datetime, speed: float = 1.0, anchor_s: float | None = None) -> None:
        if not 0 < speed <= 10_000:
            raise ValueError(f"clock: speed = {speed!r}, must be above 0 and up to 10000")
        gone_s = 0.0 if anchor_s is None else (time.time() - anchor_s) * speed
        self.start, self.speed = start + timedelta(seconds=gone_s), speed
        self._zero_s = time.monotonic()  # the machine's clock may be set during the drill

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        return (time.monotonic() - self._zero_s) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds / self.speed))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(0.0, seconds / self.speed))


_DRILL = re.compile(r"(?P<start>\S+)(?:\s+x(?P<speed>\d+(?:\.\d+)?))?(?:\s+@(?P<anchor>\d+(?:\.\d+)?))?")


def clock_from(text: str | None) -> Clock:
    """None: the machine's clock. ``2026-11-23T05:00:00Z [x20] [@1790000000.5]``: a drill.

    ``x20``: twenty times as fast; ``@``: the real instant (Unix seconds) at which the drill shows its first time, so
    that several processes agree; without it, now. Raises ``ValueError`` where the text is none of these.
    """
    if text is None or not text.strip():
        return SystemClock()
    match = _DRILL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"clock: {text!r}, must be written YYYY-MM-DDThh:mm:ssZ [xSPEED] [@UNIX_SECONDS]")
    try:
        start = instant(match["start"])
    except ValueError as error:
        raise ValueError(f"clock: {error}") from None
    anchor_s = float(match["anchor"]) if match["anchor"] else None
    return DrillClock(start, float(match["speed"] or 1), anchor_s)
