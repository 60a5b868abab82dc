"""On-board scales: what they say of the load, in kilograms, each with the line as it came.

``--scale`` names one: ``KIND:PORT`` with ``unit=kg`` or ``lb`` (what the scale is set to show), ``every=`` seconds (10)
between two readings of the same weight, and ``baud=``, ``bits=``, ``parity=``, ``stop=`` of the line. Kinds:

- ``gpvws``: Rice Lake OB-350 Loadrunner, scoreboard format 6, a line a minute: net and gross.
- ``format5``, ``format4``: its text and its binary scoreboard formats: net.
- ``rwawt``: Right Weigh RWLS, a line per axle in a block, always in pounds.

The manuals name no line speed that all of them share: 9600 8N1 is assumed, ``baud=`` says otherwise. Checks: the NMEA
exclusive or (the Rice Lake manual prints ``*XX`` and does not define it; a line whose sum is not NMEA's is damaged),
except ``$OAWTS*00`` and ``$OAWTE*00``, which carry a wrong sum from the works. Nothing is added up: a vehicle's weight
that a scale does not say is unknown, even where all of its axles are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from onboard.checksum import nmea_checksum, nmea_sentence
from onboard.sensors.framing import FixedFrame, FrameDecoder
from onboard.sensors.lifts import MonotonicClock, option_seconds, split_source
from onboard.sensors.readings import LoadReading
from onboard.sensors.serial_line import SerialLine, SerialSettings

KG_PER_LB = 0.45359237  # exact, by the agreement of 1959
UNITS: Mapping[str, float] = {"kg": 1.0, "lb": KG_PER_LB}
_LONGEST_LINE = 160


class ScaleDecoder(Protocol):
    """``damaged``: lines or frames that could not be read."""

    @property
    def damaged(self) -> int: ...

    def feed(self, chunk: bytes) -> list[LoadReading]: ...


# --- lines in the manner of NMEA 0183 ------------------------------------------------------------------------------


_SENTENCE = re.compile(r"\$([^$*]+)\*([0-9A-Fa-f]{2})\Z")
_GPVWS = re.compile(
    r"GPVWS,\d\d,(?P<sign>[+-]),(?P<net> *\d{1,5}),(?P<gross> *\d{1,5})(?:, *\d{1,5}){2}"
    r"(?:,[NG][SP][01]){2},\d{6},\d{6}\Z",
    re.ASCII,
)
_RWAWT = re.compile(r"RWAWT,(?P<axle>[^,]{1,40}),(?P<weight> *-?\d{1,6}),(?P<number>\w{1,20})\Z", re.ASCII)
_WRONG_FROM_THE_WORKS = frozenset({"$OAWTS*00", "$OAWTE*00"})


def _read_gpvws(body: str, line: str, kg_per_unit: float) -> list[LoadReading] | None:
    match = _GPVWS.match(body)
    if match is None:
        return None
    net = int(match["net"]) * (-1 if match["sign"] == "-" else 1)
    return [
        LoadReading("net", _kg(net, kg_per_unit), raw=line),
        LoadReading("gross", _kg(int(match["gross"]), kg_per_unit), raw=line),
    ]


def _read_rwawt(body: str, line: str, kg_per_unit: float) -> list[LoadReading] | None:
    if line in _WRONG_FROM_THE_WORKS or body in ("OAWTS", "OAWTE"):
        return []
    match = _RWAWT.match(body)
    if match is None:
        return None
    return [LoadReading("axle", _kg(int(match["weight"]), kg_per_unit), axle=match["axle"].strip() or None, raw=line)]


def _kg(weight: int, kg_per_unit: float) -> float:
    return round(weight * kg_per_unit, 3)


class LineDecoder:
    """Lines with a checksum, read by a table's row; others from ``$`` on, on the same wire, are damage."""

    def __init__(self, read: Callable[[str, str, float], list[LoadReading] | None], kg_per_unit: float) -> None:
        self._read, self._kg_per_unit = read, kg_per_unit
        self.damaged = 0
        self._held = b""

    def feed(self, chunk: bytes) -> list[LoadReading]:
        *lines, self._held = (self._held + chunk).split(b"\n")
        if len(self._held) > _LONGEST_LINE:  # too long for any line: remembered as such, not kept
            self._held = self._held[:_LONGEST_LINE] + b"?"
        return [load for line in lines for load in self._line(line)]

    def _line(self, wire: bytes) -> list[LoadReading]:
        if len(wire) > _LONGEST_LINE:
            self.damaged += 1
            return []
        wire = wire.strip(b"\r\n \0")
        if not wire:
            return []
        start = max(wire.rfind(b"$"), 0)
        if start:  # the end of this line is whole: a line that was cut off stands before it
            self.damaged += 1
        line = wire[start:].decode("ascii") if wire.isascii() else ""
        match = _SENTENCE.match(line)
        if match and (line in _WRONG_FROM_THE_WORKS or nmea_checksum(match[1]) == int(match[2], 16)):
            loads = self._read(match[1], line, self._kg_per_unit)
            if loads is not None:
                return loads
        self.damaged += 1
        return []


# --- frames of a fixed length --------------------------------------------------------------------------------------


def format5_frame(net: int) -> bytes:
    """STX, the sign (a space or a minus), seven digits set right, ``N``, ETX."""
    if abs(net) > 9_999_999:
        raise ValueError(f"scale: net = {net}, must have at most seven digits")
    return b"\x02" + (b"-" if net < 0 else b" ") + f"{abs(net):7d}".encode() + b"N\x03"


def _read_format5(frame: bytes) -> int | None:
    sign, digits, end = frame[1:2], frame[2:9].lstrip(b" "), frame[9:]
    if sign not in (b" ", b"-") or not digits.isdigit() or end != b"N\x03":
        return None
    return int(digits) * (-1 if sign == b"-" else 1)


def format4_frame(net: int, counter: int = 0, head: bytes = bytes(3), middle: bytes = bytes(5)) -> bytes:
    """SOH, three bytes, a counter, five bytes, the weight (three bytes, high first), the sum of all after SOH."""
    if not 0 <= net < 1 << 24:
        raise ValueError(f"scale: net = {net}, must be from 0 to 16777215")
    body = head + bytes([counter % 256]) + middle + net.to_bytes(3, "big")
    return b"\x01" + body + bytes([sum(body) % 256])


def _read_format4(frame: bytes) -> int | None:
    """What the eight bytes before the weight mean is not public: they are kept in the raw frame."""
    return int.from_bytes(frame[10:13], "big") if sum(frame[1:13]) % 256 == frame[13] and any(frame[1:]) else None


class FixedDecoder:
    """Frames of a fixed length that say one net weight."""

    def __init__(self, frame: FixedFrame[int], kg_per_unit: float) -> None:
        self._decoder, self._kg_per_unit = FrameDecoder(frame), kg_per_unit

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def feed(self, chunk: bytes) -> list[LoadReading]:
        return [
            LoadReading("net", _kg(weight, self._kg_per_unit), raw=frame.hex(" "))
            for weight, frame in self._decoder.feed(chunk)
        ]


#: By the name used on the command line: the decoder, and the only unit where it has but one.
SCALES: Mapping[str, tuple[Callable[[float], ScaleDecoder], str | None]] = {
    "gpvws": (lambda kg_per_unit: LineDecoder(_read_gpvws, kg_per_unit), None),
    "rwawt": (lambda kg_per_unit: LineDecoder(_read_rwawt, kg_per_unit), "lb"),
    "format5": (lambda k: FixedDecoder(FixedFrame(b"\x02", 11, _read_format5, b"\r\n"), k), None),
    "format4": (lambda k: FixedDecoder(FixedFrame(b"\x01", 14, _read_format4), k), None),
}


# --- a scale on its line -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScaleSource:
    """What ``--scale`` says."""

    kind: str
    port: str
    settings: SerialSettings
    unit: str = "kg"
    every_s: float = 10.0

    def __post_init__(self) -> None:
        if self.kind not in SCALES:
            raise ValueError(f"scale: kind = {self.kind!r}, must be one of {', '.join(SCALES)}")
        only = SCALES[self.kind][1]
        if self.unit not in UNITS or (only and self.unit != only):
            raise ValueError(f"scale: unit = {self.unit!r}, must be {only or ' or '.join(UNITS)}")
        if not 0 <= self.every_s <= 3600:
            raise ValueError(f"scale: every = {self.every_s!r}, must be from 0 to 3600 s")

    def decoder(self) -> ScaleDecoder:
        return SCALES[self.kind][0](UNITS[self.unit])


def scale_source(text: str) -> ScaleSource:
    """What ``--scale`` says. Raises ``ValueError`` where it cannot be meant."""
    kind, port, options = split_source("scale", text.strip(), ("unit", "every", "baud", "bits", "parity", "stop"))
    only = SCALES[kind][1] if kind in SCALES else None
    return ScaleSource(
        kind,
        port,
        SerialSettings().changed_by(options),
        options.get("unit", only or "kg"),
        option_seconds("scale", options, "every", 10.0),
    )


class Scale:
    """One scale. A scale that repeats itself several times a second is told every ``every_s`` at most per weight."""

    def __init__(self, source: ScaleSource, line: SerialLine, clock: MonotonicClock) -> None:
        self.source, self.line = source, line
        self._clock = clock
        self._decoder = source.decoder()
        self._told_s: dict[tuple[str, str | None], float] = {}

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def readings(self) -> Iterator[LoadReading]:
        """Weights as they come, until ``close``; a line that comes loose is opened again meanwhile."""
        for chunk in self.line.chunks():
            for load in self._decoder.feed(chunk):
                which, now_s = (load.quantity, load.axle), self._clock.monotonic_s()
                if now_s - self._told_s.get(which, -math.inf) >= self.source.every_s:
                    self._told_s[which] = now_s
                    yield load

    def close(self) -> None:
        self.line.close()


def open_scale(text: str, clock: MonotonicClock) -> Scale:
    """What ``--scale`` names, ready to be heard. Raises ``ValueError`` where it cannot be meant."""
    source = scale_source(text)
    return Scale(source, SerialLine(source.port, source.settings), clock)


def gpvws_line(net: int, gross: int, time: str = "000000", date: str = "010100") -> bytes:
    """A line of format 6 for the simulator, alarms off."""
    sign = "-" if net < 0 else "+"
    return nmea_sentence(f"GPVWS,01,{sign},{abs(net):05d},{gross:05d},00000,00000,NS0,GS0,{time},{date}").encode()
