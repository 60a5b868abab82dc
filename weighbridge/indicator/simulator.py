"""A weighbridge that is not there: trucks drive on and off a platform, and an indicator speaks about it on a pty.

The indicator speaks through the same tables as the reader (``protocols.py``). The load comes on axle by
axle, swinging, then at rest; its noise stays below half a division, its zero may drift. For drills and tests.
"""

from __future__ import annotations

import math
import os
import select
import threading
import time
import tty
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from onboard.clock import Clock
from weighbridge.indicator.protocols import IndicatorProtocol

AXLES = 3
SWING_KG, SWING_S, SETTLE_S = 90.0, 0.7, 1.2
FRAMES_PER_S = 7  # continuous indicators send about so many


@dataclass
class Platform:
    """What stands on the platform, as a function of the time. ``drive_s``: how long a truck takes to get on or off."""

    clock: Clock
    random: Random = field(default_factory=lambda: Random(1))
    division_kg: float = 20.0
    drive_s: float = 6.0
    drift_kg: float = 0.0
    _from_kg: float = 0.0
    _to_kg: float = 0.0
    _since_s: float = -1e9

    def move(self, kg: float) -> None:
        """A truck of ``kg`` drives on (below 0: off), from now on; another one may be on it already."""
        now_kg = self._true_kg()
        self._from_kg, self._to_kg, self._since_s = now_kg, self._to_kg + kg, self.clock.monotonic_s()

    def empty(self) -> None:
        self.move(-self._to_kg)

    @property
    def moving(self) -> bool:
        return self.clock.monotonic_s() - self._since_s < self.drive_s + 4 * SETTLE_S

    def obey(self, order: str) -> bool:
        """``on KG``, ``off`` or ``drift KG``, as typed in a drill; False where it is none of these.

        Raises ``ValueError`` where KG is no number.
        """
        match order.split():
            case ["on", kg]:
                self.move(float(kg))
            case ["off"]:
                self.empty()
            case ["drift", kg]:
                self.drift_kg = float(kg)
            case _:
                return False
        return True

    def displayed(self) -> tuple[float, bool]:
        """What the display shows, in whole divisions, and whether it is stable."""
        kg = self._true_kg() + self.drift_kg + self.random.uniform(-0.3, 0.3) * self.division_kg
        return round(kg / self.division_kg) * self.division_kg, not self.moving

    def _true_kg(self) -> float:
        gone_s = self.clock.monotonic_s() - self._since_s
        share = min(1.0, gone_s / self.drive_s)
        share = math.floor(share * AXLES) / AXLES if share < 1 else 1.0
        after_s = gone_s - self.drive_s
        swing = SWING_KG * math.exp(-after_s / SETTLE_S) * math.sin(after_s / SWING_S * 2 * math.pi)
        return self._from_kg + (self._to_kg - self._from_kg) * share + (swing if 0 <= after_s < 20 else 0.0)


@dataclass
class SimulatedIndicator:
    """Speaks ``protocol`` about a platform. Its alibi numbers restart every day. ``damage``: share of frames spoilt."""

    protocol: IndicatorProtocol
    platform: Platform
    clock: Clock
    timezone: str = "UTC"
    damage: float = 0.0
    random: Random = field(default_factory=lambda: Random(2))
    alibi_memory: list[tuple[str, float]] = field(default_factory=list)  # (day and number, kg)

    def respond(self, question: bytes = b"") -> bytes:
        """The frame that is sent now, or the answer to a question."""
        kg, stable = self.platform.displayed()
        legal = question == self.protocol.weigh and question != b""
        if legal and not stable:
            return self.protocol.format.encode("error", {"code": "13"})
        local = self.clock.now().astimezone(ZoneInfo(self.timezone))
        weight = Decimal(round(kg))
        values: dict[str, Any] = {
            "weight": weight, "gross": weight, "net": weight, "tare": Decimal(0), "shown": "gross", "stable": stable,
            "unit": "kg", "step": 2, "date": local.strftime("%d.%m.%y"), "time": local.strftime("%H:%M"),
            "alibi": self._alibi(local, float(kg)) if legal else "0", "tail": "1     00000",
        }  # fmt: skip
        frame = self.protocol.format.encode(self.protocol.talks, values, checked=True)
        if self.random.random() < self.damage:
            spoilt = bytearray(frame)
            spoilt[self.random.randrange(len(spoilt))] ^= 1 << self.random.randrange(7)
            return bytes(spoilt)
        return frame

    def _alibi(self, local: datetime, kg: float) -> str:
        day = local.strftime("%Y-%m-%d")
        number = 1 + sum(1 for name, _ in self.alibi_memory if name.startswith(day))
        self.alibi_memory.append((f"{day}/{number}", kg))
        return str(number)


class PtyIndicator:
    """A simulated indicator at the end of a pty, at the pace of its baud rate. ``port`` is what a reader opens."""

    def __init__(self, indicator: SimulatedIndicator, baud: int | None = None) -> None:
        self.indicator, self.baud = indicator, baud or indicator.protocol.baud
        self._ours, self._theirs = os.openpty()  # theirs stays open here too: a reader may come and go
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated indicator", daemon=True)

    def __enter__(self) -> PtyIndicator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def _run(self) -> None:
        asked = b""
        while not self._ended.is_set():
            protocol = self.indicator.protocol
            if protocol.watch is None:
                began_s = time.monotonic()
                self._send(self.indicator.respond())
                self._ended.wait(max(0.0, 1 / FRAMES_PER_S - (time.monotonic() - began_s)))
                continue
            if not select.select([self._ours], [], [], 0.05)[0]:
                continue
            asked += os.read(self._ours, 64)
            for question in filter(None, (protocol.watch, protocol.weigh)):
                while question in asked:
                    asked = asked.replace(question, b"", 1)
                    self._send(self.indicator.respond(question))
            asked = asked[-16:]

    def _send(self, frame: bytes) -> None:
        if select.select([], [self._ours], [], 0.2)[1]:  # nobody reads: the pty is full, an indicator does not care
            for k in range(0, len(frame), 8):
                os.write(self._ours, frame[k : k + 8])
                self._ended.wait(8 * 10 / self.baud)
