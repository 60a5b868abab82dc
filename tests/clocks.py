"""A clock that only the test moves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

#: What it shows where a test does not say.
MORNING = datetime(2026, 11, 20, 5, tzinfo=UTC)


class ToldClock:
    """Waits pass at once. ``at`` may be set as a machine's clock is; ``gone_s`` never jumps and knows nothing of it."""

    def __init__(self, at: datetime = MORNING) -> None:
        self._zero, self.gone_s = at, 0.0
        self.slept: list[float] = []

    @property
    def at(self) -> datetime:
        return self._zero + timedelta(seconds=self.gone_s)

    @at.setter
    def at(self, at: datetime) -> None:
        self._zero = at - timedelta(seconds=self.gone_s)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.gone_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.gone_s += max(seconds, 0.0)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.sleep(seconds)
        return event.is_set()
