"""The satellite receiver, by way of gpsd.

``gpsd-py3`` reads gpsd's reports, and this file undoes what it makes of what is missing: coordinates of 0.0, a speed
and a course of 0, an error of 0 metres, a time without a zone, a connection shared by the whole program that waits
for ever, and an ``IndexError`` before the first report (it polls; here the reports are taken as they come). Nothing
is invented: what gpsd does not say is None.
"""

from __future__ import annotations

import json
import logging
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import gpsd

from fleet import instant
from onboard.clock import Clock, SystemClock

ReceiverState = Literal["fix", "no_fix", "no_data", "no_gpsd"]
#: A receiver at 1 Hz that says nothing for so long is unplugged, or gpsd has lost it.
SILENCE_S = 10.0
_CONNECT_S, _AGAIN_S, _LONGEST_LINE = 5.0, 2.0, 2**16
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fix:
    """What a receiver says at one moment. ``mode`` as gpsd gives it: 0 nothing heard, 1 no fix, 2 and 3 a fix.

    ``at``: the receiver's own time, which may not be true (see ``fix_time``). ``eph_m``: estimated horizontal error.
    """

    at: datetime | None
    lat_deg: float | None
    lon_deg: float | None
    speed_mps: float | None
    heading_deg: float | None
    eph_m: float | None
    mode: int

    @property
    def placed(self) -> bool:
        return self.lat_deg is not None and self.lon_deg is not None


NO_REPORT = Fix(at=None, lat_deg=None, lon_deg=None, speed_mps=None, heading_deg=None, eph_m=None, mode=0)


class Receiver(Protocol):
    """Anything that gives fixes: gpsd, a recording, a simulation. ``fixes`` blocks, and ends only when it is over."""

    def fixes(self) -> Iterator[Fix]: ...

    def state(self) -> ReceiverState: ...


def fix_of(report: Mapping[str, Any]) -> Fix:
    """A fix from gpsd's ``TPV`` report. Whatever is missing or out of its bounds is None; without a place, no fix."""
    if report.get("mode") not in (2, 3):
        return Fix(
            at=_instant(report),
            lat_deg=None,
            lon_deg=None,
            speed_mps=None,
            heading_deg=None,
            eph_m=None,
            mode=1 if report.get("mode") == 1 else 0,
        )
    read = gpsd.GpsResponse.from_json({"active": 1, "tpv": [dict(report)], "sky": [{}]})

    def given(name: str, value: Any, low: float, high: float) -> float | None:
        """The value, but only where gpsd did say it: gpsd-py3 has a 0 for what is missing."""
        number = name in report and isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and math.isfinite(value) and low <= value <= high else None

    lat_deg, lon_deg = given("lat", read.lat, -90, 90), given("lon", read.lon, -180, 180)
    if lat_deg is None or lon_deg is None:
        return Fix(
            at=_instant(report), lat_deg=None, lon_deg=None, speed_mps=None, heading_deg=None, eph_m=None, mode=1
        )
    eph_m = given("eph", report.get("eph"), 0, 1e6)
    if eph_m is None and "epx" in report:
        eph_m = given("epy", read.position_precision()[0], 0, 1e6)
    speed_mps, heading_deg = given("speed", read.hspeed, 0, 150), given("track", read.track, 0, 360)
    return Fix(
        at=_instant(report),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        speed_mps=speed_mps,
        heading_deg=heading_deg,
        eph_m=eph_m,
        mode=read.mode,
    )


def _instant(report: Mapping[str, Any]) -> datetime | None:
    try:
        return instant(report.get("time"))
    except ValueError:  # absent, or a leap second's 60
        return None


class GpsdReceiver:
    """A receiver behind gpsd at ``host``:``port``. Outlives gpsd dying and starting again, and an unplugged receiver.

    While there is nothing, ``fixes`` says so with ``NO_REPORT`` every few seconds, so that whoever listens is never
    stuck; ``state`` says why.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 2947, clock: Clock | None = None, silence_s: float = SILENCE_S
    ) -> None:
        self.host, self.port, self.silence_s = host, port, silence_s
        self._clock: Clock = clock or SystemClock()
        self._state: ReceiverState = "no_gpsd"

    def state(self) -> ReceiverState:
        return self._state

    def fixes(self) -> Iterator[Fix]:
        while True:
            try:
                with socket.create_connection((self.host, self.port), _CONNECT_S) as link:
                    link.sendall(b'?WATCH={"enable":true,"json":true};\n')
                    yield from self._reports(link)
            except OSError as error:
                if self._state != "no_gpsd":
                    _log.warning("gpsd at %s:%d: %s", self.host, self.port, error)
            self._state = "no_gpsd"
            yield NO_REPORT
            self._clock.sleep(_AGAIN_S)

    def _reports(self, link: socket.socket) -> Iterator[Fix]:
        """The fixes of one connection, until it ends. A silent one is asked, so that a dead line is found out."""
        self._state, asked, rest = "no_data", False, b""
        link.settimeout(self.silence_s)
        while True:
            try:
                got = link.recv(2**16)
            except TimeoutError:
                if asked:
                    raise OSError("no answer") from None
                link.sendall(b"?DEVICES;\n")
                asked, self._state = True, "no_data"
                yield NO_REPORT
                continue
            if not got:
                raise OSError("closed the connection")
            *lines, rest = (rest + got).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise OSError("sends no lines: not gpsd")
            silent = asked
            asked = False
            for line in lines:
                fix = self._read(line)
                if fix is not None:
                    silent = False
                    self._state = "fix" if fix.placed else "no_fix"
                    yield fix
            if silent:  # gpsd lives, its receiver is silent
                yield NO_REPORT

    def _read(self, line: bytes) -> Fix | None:
        try:
            report = json.loads(line)
        except ValueError:  # cut, or noise: the next line will do
            return None
        if not isinstance(report, dict) or report.get("class") != "TPV":
            return None
        return fix_of(report)
