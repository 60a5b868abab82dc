"""The vehicle's own bus: FMS-Standard messages (SAE J1939, 250 kbit/s), heard and never sent. Alone with python-can.

``--bus`` names it: ``INTERFACE:CHANNEL`` as python-can knows them (``socketcan:can0``, ``slcan:/dev/ttyACM0``), or
``log:FILE`` to replay a recording (``.asc``, ``.blf``, ``.log``, ``.trc``) at its own pace. ``every=`` seconds (10,
from 1) stand between two readings, a change of the power take-off comes at once; ``bitrate=`` is for adapters that set
it themselves.

Nothing here transmits. Adapters that can be told to keep silent even on the wire (no acknowledge bit) are:
``slcan``, ``pcan``, ``systec``, ``vector``, ``nixnet``. With ``socketcan`` that is the system's to set
(``ip link set can0 type can bitrate 250000 listen-only on``).
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import can

from onboard.clock import Clock
from onboard.sensors.lifts import option_seconds, split_source
from onboard.sensors.readings import LoadReading, VehicleReading

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
AXLE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Signal:
    """Where a value stands: the parameter group, the first byte (counted from 1), how many, low byte first.

    ``bits``: the lowest bit (from 1) and how many, of a value smaller than a byte. ``scale``: its unit per step, in the
    unit that the name says. ``lasts_s``: how long it holds without being heard again.
    """

    name: str
    group: int
    first: int
    size: int
    scale: float
    bits: tuple[int, int] | None = None
    lasts_s: float = 60.0

    def read(self, data: bytes) -> int | None:
        """The steps; None where not available. ``ValueError`` for a message too short to hold it."""
        if len(data) < self.first - 1 + self.size:
            raise ValueError(f"{self.name}: {len(data)} bytes, must be at least {self.first - 1 + self.size}")
        number = int.from_bytes(data[self.first - 1 : self.first - 1 + self.size], "little")
        if self.bits is not None:
            low, count = self.bits
            number = number >> low - 1 & (1 << count) - 1
            return None if number == (1 << count) - 1 else number
        # FFh in the highest byte: not available; FEh: an error; FBh to FDh: kept for other uses (SAE J1939-71).
        return None if number >> 8 * (self.size - 1) > 0xFA else number

    def write(self, steps: int, data: bytearray) -> None:
        """Put the steps into a message's bytes, leaving its other values."""
        span = slice(self.first - 1, self.first - 1 + self.size)
        number = int.from_bytes(data[span], "little")
        low, count = self.bits or (1, 8 * self.size)
        mask = (1 << count) - 1 << low - 1
        data[span] = (number & ~mask | steps << low - 1 & mask).to_bytes(self.size, "little")


CCVS, PTODE, TCO1, VDHR, LFC, HRLFC = 65265, 64932, 65132, 65217, 65257, 64777
HOURS, VW, CVW = 65253, 65258, 65136
_MPS_PER_STEP = 1 / 256 / 3.6

#: FMS-Standard 01 to 04. Other values of these groups (brakes, clutch, driver's card …) are not read.
SIGNALS: Mapping[str, Signal] = {
    s.name: s
    for s in (
        Signal(name="wheel_speed_mps", group=CCVS, first=2, size=2, scale=_MPS_PER_STEP, lasts_s=5.0),
        Signal(name="pto_state", group=CCVS, first=7, size=1, scale=1.0, bits=(1, 5), lasts_s=5.0),  # 0: off
        Signal(
            name="pto_engaged", group=PTODE, first=7, size=1, scale=1.0, bits=(1, 2), lasts_s=5.0
        ),  # 0: none, 1: at least one, 2: error
        Signal(name="tachograph_speed_mps", group=TCO1, first=7, size=2, scale=_MPS_PER_STEP, lasts_s=5.0),
        Signal(name="distance_m", group=VDHR, first=1, size=4, scale=5.0),
        Signal(name="fuel_l", group=LFC, first=5, size=4, scale=0.5),
        Signal(name="fine_fuel_l", group=HRLFC, first=5, size=4, scale=0.001),
        Signal(name="engine_h", group=HOURS, first=1, size=4, scale=0.05),
        Signal(
            name="axle", group=VW, first=1, size=1, scale=1.0
        ),  # high half: the axle from the front, low half: the wheel from the left
        Signal(name="axle_kg", group=VW, first=2, size=2, scale=0.5),
        Signal(name="gross_kg", group=CVW, first=1, size=2, scale=10.0),
    )
}
_BY_GROUP: Mapping[int, tuple[Signal, ...]] = {
    group: tuple(s for s in SIGNALS.values() if s.group == group) for group in {s.group for s in SIGNALS.values()}
}


def group_of(identifier: int) -> int:
    """The parameter group number in a 29-bit identifier (below F0h the next byte is an address, not part of it)."""
    group = identifier >> 8 & 0x3FFFF
    return group if group >> 8 & 0xFF >= 0xF0 else group & 0x3FF00


def message_of(group: int, steps: Mapping[str, int], source: int = 0x00, priority: int = 6) -> can.Message:
    """A message as a truck sends it, for the simulator and the tests; what is not given is not available (FFh)."""
    data = bytearray(b"\xff" * 8)
    for signal in _BY_GROUP[group]:
        if signal.name in steps:
            signal.write(steps[signal.name], data)
    return can.Message(arbitration_id=priority << 26 | group << 8 | source, is_extended_id=True, data=data)


class SignalState:
    """What the bus has said, and for how long it holds. ``damaged``: messages too short for what they should hold."""

    def __init__(self) -> None:
        self.damaged = 0
        self._heard: dict[str, tuple[int, float]] = {}  # steps, and until when they hold

    def hear(self, message: can.Message, now_s: float) -> LoadReading | None:
        """Take a message in; an axle's weight is told at once."""
        if not message.is_extended_id or message.is_error_frame or message.is_remote_frame:
            return None
        signals = _BY_GROUP.get(group_of(message.arbitration_id), ())
        for signal in signals:
            try:
                steps = signal.read(bytes(message.data))
            except ValueError:
                self.damaged += 1
                return None
            if steps is None:
                self._heard.pop(signal.name, None)
            else:
                self._heard[signal.name] = (steps, now_s + signal.lasts_s)
        if signals and signals[0].group == VW and (axle := self._value("axle", now_s)) is not None:
            kg = self._value("axle_kg", now_s)
            return None if kg is None else LoadReading("axle", kg, axle=f"axle {(int(axle) >> 4) + 1}")
        return None

    def _value(self, name: str, now_s: float) -> float | None:
        steps, until_s = self._heard.get(name, (0, -math.inf))
        return round(steps * SIGNALS[name].scale, 4) if now_s <= until_s else None

    def pto(self, now_s: float) -> bool | None:
        """FMS from version 2 says it outright; before, a state of the governor other than off."""
        engaged = self._value("pto_engaged", now_s)
        if engaged in (0, 1):
            return engaged == 1
        state = self._value("pto_state", now_s)
        return None if state is None else state > 0

    def seen(self, now_s: float) -> VehicleReading:
        def first(*names: str) -> float | None:
            return next((value for name in names if (value := self._value(name, now_s)) is not None), None)

        return VehicleReading(
            speed_mps=first("wheel_speed_mps", "tachograph_speed_mps"),
            pto=self.pto(now_s),
            fuel_l=first("fine_fuel_l", "fuel_l"),
            engine_h=first("engine_h"),
            distance_m=first("distance_m"),
            gross_kg=first("gross_kg"),
        )


@dataclass(frozen=True, slots=True)
class BusSource:
    """What ``--bus`` says. ``interface`` is one of python-can's, or ``log``."""

    interface: str
    channel: str
    every_s: float = 10.0
    bitrate: int = 250_000

    def __post_init__(self) -> None:
        known = {"log", *can.VALID_INTERFACES}
        if self.interface not in known:
            raise ValueError(f"bus: interface = {self.interface!r}, must be one of {', '.join(sorted(known))}")
        if not 1 <= self.every_s <= 3600:
            raise ValueError(f"bus: every = {self.every_s!r}, must be from 1 to 3600 s")
        if not 10_000 <= self.bitrate <= 1_000_000:
            raise ValueError(f"bus: bitrate = {self.bitrate!r}, must be from 10000 to 1000000")


def bus_source(text: str) -> BusSource:
    """What ``--bus`` says. Raises ``ValueError`` where it cannot be meant."""
    interface, channel, options = split_source("bus", text.strip(), ("every", "bitrate"))
    return BusSource(
        interface,
        channel,
        option_seconds("bus", options, "every", 10.0),
        int(option_seconds("bus", options, "bitrate", 250_000)),
    )


#: How each adapter is told to keep silent on the wire, where python-can can tell it.
_SILENT: Mapping[str, Mapping[str, Any]] = {
    "slcan": {"listen_only": True},
    "vector": {"listen_only": True},
    "nixnet": {"listen_only": True},
    "pcan": {"state": can.BusState.PASSIVE},
    "systec": {"state": can.BusState.PASSIVE},
}
#: Only our groups, whatever their priority and source: an adapter or the system passes the rest over for us.
_FILTERS: list[Any] = [{"can_id": group << 8, "can_mask": 0x3FFFF00, "extended": True} for group in sorted(_BY_GROUP)]


def _opened(source: BusSource) -> can.BusABC:
    return can.Bus(
        channel=source.channel, interface=source.interface, ignore_config=True, can_filters=_FILTERS,
        bitrate=source.bitrate, **_SILENT.get(source.interface, {}),
    )  # fmt: skip


class VehicleBus:
    """One bus, live or recorded. ``state``: ``closed``, ``open``, ``lost``; ``why``: what the last loss was."""

    def __init__(
        self, source: BusSource, clock: Clock, opened: Callable[[BusSource], can.BusABC] = _opened, wait_s: float = 0.5
    ) -> None:
        self.source = source
        self.state, self.why = "closed", ""
        self._clock, self._opened, self._wait_s = clock, opened, wait_s
        self._dashboard = SignalState()
        self._ended = threading.Event()

    @property
    def damaged(self) -> int:
        return self._dashboard.damaged

    def readings(self) -> Iterator[VehicleReading | LoadReading]:
        """What the vehicle says, until ``close`` or a recording's end; a bus that is lost is opened again meanwhile."""
        told_s, told_pto, news = -math.inf, None, False
        axles_s: dict[str | None, float] = {}
        for message in self._recorded() if self.source.interface == "log" else self._live():
            now_s = self._clock.monotonic_s()
            if message is not None:
                load = self._dashboard.hear(message, now_s)
                if load is not None and now_s - axles_s.get(load.axle, -math.inf) >= AXLE_EVERY_S:
                    axles_s[load.axle] = now_s
                    yield load
                news = news or group_of(message.arbitration_id) in _BY_GROUP
            pto = self._dashboard.pto(now_s)
            if news and (now_s - told_s >= self.source.every_s or (pto is not None and pto != told_pto)):
                seen = self._dashboard.seen(now_s)
                news = False
                if seen != VehicleReading():
                    told_s, told_pto = now_s, pto
                    yield seen

    def close(self) -> None:
        self._ended.set()

    def _live(self) -> Iterator[can.Message | None]:
        retry_s = FIRST_RETRY_S
        while not self._ended.is_set():
            try:
                bus = self._opened(self.source)
                self.state = "open"
                with contextlib.closing(_Shutdown(bus)):
                    while not self._ended.is_set():
                        message = bus.recv(self._wait_s)
                        if message is not None:
                            retry_s = FIRST_RETRY_S
                        yield message
            except (can.CanError, OSError, ValueError) as error:  # ValueError: python-can, for a channel that has gone
                self.state, self.why = "lost", str(error) or type(error).__name__
                self._clock.wait(self._ended, retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
        self.state = "closed"

    def _recorded(self) -> Iterator[can.Message]:
        began_s = first_s = None
        with can.LogReader(self.source.channel) as messages:
            for message in messages:
                if began_s is None or first_s is None:
                    began_s, first_s = self._clock.monotonic_s(), message.timestamp
                ahead_s = (message.timestamp - first_s) - (self._clock.monotonic_s() - began_s)
                if self._ended.is_set() or (ahead_s > 0 and self._clock.wait(self._ended, ahead_s)):
                    return
                yield message


class _Shutdown:
    """python-can's bus closes by another name."""

    def __init__(self, bus: can.BusABC) -> None:
        self.close = bus.shutdown


def open_vehicle_bus(text: str, clock: Clock) -> VehicleBus:
    """What ``--bus`` names. Raises ``ValueError`` where it cannot be meant, ``OSError`` for a recording not there."""
    source = bus_source(text)
    if source.interface == "log":
        Path(source.channel).stat()
    return VehicleBus(source, clock)
