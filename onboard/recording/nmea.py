"""NMEA 0183 as receivers speak it: RMC, GGA, GSA, GST (and GLL, VTG, ZDA) read into fixes, and fixes written out.

Read for recordings (on duty the box listens to gpsd, which knows far more dialects); written so that a real gpsd, fed
by gpsfake, sees a simulated drive through the whole chain. A sentence whose check fails is no sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from onboard.checksum import nmea_checksum, nmea_sentence
from onboard.recording.receiver import Fix

KNOT_MPS = 1852 / 3600
#: The radius that holds 95 % of a round error cloud, over its standard deviation per axis: sqrt(-2 ln 0.05).
CIRCLE_95 = 2.4477
_FIRST_YEAR = 1980  # of GPS: two-digit years from 80 on are of the last century
_DAY = timedelta(days=1)


# --- writing -----------------------------------------------------------------------------------------------------


def fix_sentences(fix: Fix) -> tuple[str, ...]:
    """One second of a receiver's output: RMC, GGA, GSA and, with an error estimate, GST.

    A fix without coordinates is written as receivers write it: void, quality 0, mode 1.
    """
    at = fix.at.astimezone(UTC) if fix.at is not None else None
    hms = at.strftime("%H%M%S.") + f"{at.microsecond // 10_000:02d}" if at else ""
    dmy = at.strftime("%d%m%y") if at else ""
    if fix.lat_deg is None or fix.lon_deg is None:
        return (
            nmea_sentence(f"GPRMC,{hms},V,,,,,,,{dmy},,,N"), nmea_sentence(f"GPGGA,{hms},,,,,0,03,,,M,,M,,"),
            nmea_sentence("GPGSA,A,1,,,,,,,,,,,,,,,"),
        )  # fmt: skip
    where = f"{_angle(fix.lat_deg, 2, 'NS')},{_angle(fix.lon_deg, 3, 'EW')}"
    knots = "" if fix.speed_mps is None else f"{fix.speed_mps / KNOT_MPS:.2f}"
    course = "" if fix.heading_deg is None else f"{fix.heading_deg % 360:.1f}"
    spread_m = (fix.eph_m or 0.0) / CIRCLE_95
    hdop = f"{max(0.5, spread_m / 3.0):.1f}"  # as if each pseudorange were 3 m off
    flat = fix.mode == 2
    satellites = 4 if flat else 9
    ids = ",".join([f"{n:02d}" for n in range(1, satellites + 1)] + [""] * (12 - satellites))
    out = [
        nmea_sentence(f"GPRMC,{hms},A,{where},{knots},{course},{dmy},,,A"),
        nmea_sentence(f"GPGGA,{hms},{where},1,{satellites:02d},{hdop},50.0,M,48.0,M,,"),
        nmea_sentence(f"GPGSA,A,{2 if flat else 3},{ids},{float(hdop) * 1.6:.1f},{hdop},{float(hdop) * 1.2:.1f}"),
    ]
    if fix.eph_m is not None:
        each = f"{spread_m:.2f}"
        out.append(nmea_sentence(f"GPGST,{hms},{each},{each},{each},0.0,{each},{each},{1.5 * spread_m:.2f}"))
    return tuple(out)


def _angle(degrees: float, digits: int, letters: str) -> str:
    """Degrees and decimal minutes, ``4344.12345,N``: to 2 cm."""
    units = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(units, 60 * 100_000)
    return f"{whole:0{digits}d}{rest / 100_000:08.5f},{letters[0] if degrees >= 0 else letters[1]}"


# --- reading -----------------------------------------------------------------------------------------------------


def sentence_fields(line: str) -> list[str] | None:
    """The fields of a sentence without its talker (``RMC`` first); None where it is none or its check fails."""
    line = line.strip()
    if not line.startswith("$") or len(line) > 120:
        return None
    body, star, said = line[1:].rpartition("*")
    if not star or len(said) != 2 or said.upper() != f"{nmea_checksum(body):02X}":
        return None
    fields = body.split(",")
    fields[0] = fields[0][-3:]
    return fields


@dataclass(slots=True)
class _Epoch:
    """What one second's sentences have said so far."""

    clock: str = ""  # hhmmss.ss, which the sentences of one epoch share
    day: date | None = None
    lat_deg: float | None = None
    lon_deg: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    eph_m: float | None = None
    mode: int | None = None
    valid: bool | None = None


@dataclass(slots=True)
class NmeaReader:
    """Puts the sentences of an epoch together; ``damaged`` counts those whose check failed."""

    damaged: int = 0
    _now: _Epoch = field(default_factory=_Epoch)
    _heard: bool = False
    _day: date | None = None
    _last: datetime | None = None

    def push(self, line: str) -> Fix | None:
        """A fix, when this line shows that the epoch before it is whole."""
        fields = sentence_fields(line)
        if fields is None:
            self.damaged += line.lstrip().startswith("$")
            return None
        read = _READERS.get(fields[0])
        if read is None:
            return None
        clock = _clock_of(fields)
        before = None
        if clock and self._now.clock and clock != self._now.clock:
            before = self.finish()
        self._now.clock = clock or self._now.clock
        try:
            read(self._now, fields)
        except (ValueError, IndexError):  # a right check over nonsense: some receivers do that when they start
            self.damaged += 1
        self._heard = True
        return before

    def finish(self) -> Fix | None:
        """What has been said of the last epoch; None where nothing was."""
        now, self._now = self._now, _Epoch()
        if not self._heard:
            return None
        self._heard = False
        self._day = now.day or self._day
        at = self._instant(now.clock)
        placed = now.valid is not False and now.lat_deg is not None and now.lon_deg is not None and now.mode != 1
        if not placed:
            return Fix(at=at, lat_deg=None, lon_deg=None, speed_mps=None, heading_deg=None, eph_m=None, mode=1)
        return Fix(
            at=at, lat_deg=now.lat_deg, lon_deg=now.lon_deg, speed_mps=now.speed_mps, heading_deg=now.heading_deg,
            eph_m=now.eph_m, mode=now.mode or 2,
        )  # fmt: skip

    def _instant(self, clock: str) -> datetime | None:
        """The epoch's time on the last date heard; past midnight without a new date, the day after."""
        if not clock or self._day is None:
            return None
        try:
            whole = time(int(clock[:2]), int(clock[2:4]), min(59, int(clock[4:6])))
            at = datetime.combine(self._day, whole, UTC) + timedelta(seconds=float("0" + (clock[6:] or ".0")))
        except ValueError:
            return None
        if self._last is not None and at < self._last - _DAY / 2 and at + _DAY - self._last < _DAY / 2:
            at, self._day = at + _DAY, self._day + _DAY
        self._last = at
        return at


def read_fixes(lines: Iterable[str]) -> Iterator[Fix]:
    """Every epoch of an NMEA log, those without a fix too."""
    reader = NmeaReader()
    for line in lines:
        fix = reader.push(line)
        if fix is not None:
            yield fix
    last = reader.finish()
    if last is not None:
        yield last


def _clock_of(fields: list[str]) -> str:
    place = {"RMC": 1, "GGA": 1, "GST": 1, "ZDA": 1, "GLL": 5}.get(fields[0])
    clock = fields[place] if place is not None and place < len(fields) else ""
    return clock if len(clock) >= 6 and clock[:6].isdigit() else ""


def _degrees(text: str, letter: str) -> float | None:
    if not text or letter not in ("N", "S", "E", "W"):
        return None
    whole = int(float(text) / 100)
    degrees = whole + (float(text) - whole * 100) / 60
    limit = 90 if letter in "NS" else 180
    if not 0 <= degrees <= limit:
        raise ValueError(f"nmea: {text},{letter}, must be within {limit} degrees")
    return round(-degrees if letter in "SW" else degrees, 8)


def _number(text: str) -> float | None:
    value = float(text) if text else None
    if value is not None and not math.isfinite(value):
        raise ValueError(f"nmea: {text}, must be finite")
    return value


def _place(now: _Epoch, fields: list[str], first: int) -> None:
    lat, lon = _degrees(fields[first], fields[first + 1]), _degrees(fields[first + 2], fields[first + 3])
    if lat is not None and lon is not None:
        now.lat_deg, now.lon_deg = lat, lon


def _rmc(now: _Epoch, fields: list[str]) -> None:
    now.valid = fields[2] == "A"
    _place(now, fields, 3)
    knots, course = _number(fields[7]), _number(fields[8])
    now.speed_mps = None if knots is None else round(knots * KNOT_MPS, 4)
    now.heading_deg = None if course is None else course % 360
    if len(fields[9]) == 6:
        year = int(fields[9][4:])
        now.day = date(year + (2000 if year < _FIRST_YEAR % 100 else 1900), int(fields[9][2:4]), int(fields[9][:2]))


def _gga(now: _Epoch, fields: list[str]) -> None:
    _place(now, fields, 2)
    if fields[6] == "0":
        now.valid = False


def _gll(now: _Epoch, fields: list[str]) -> None:
    _place(now, fields, 1)
    if len(fields) > 6 and fields[6] == "V":
        now.valid = False


def _gsa(now: _Epoch, fields: list[str]) -> None:
    now.mode = int(fields[2]) if fields[2] in ("1", "2", "3") else None


def _gst(now: _Epoch, fields: list[str]) -> None:
    north_m, east_m = _number(fields[6]), _number(fields[7])
    if north_m is not None and east_m is not None:
        now.eph_m = round(CIRCLE_95 * math.sqrt((north_m**2 + east_m**2) / 2), 2)


def _vtg(now: _Epoch, fields: list[str]) -> None:
    kmh, course = _number(fields[7]) if len(fields) > 7 else None, _number(fields[1])
    now.speed_mps = round(kmh / 3.6, 4) if kmh is not None else now.speed_mps
    now.heading_deg = course % 360 if course is not None else now.heading_deg


def _zda(now: _Epoch, fields: list[str]) -> None:
    if fields[2] and fields[3] and fields[4]:
        now.day = date(int(fields[4]), int(fields[3]), int(fields[2]))


_READERS = {"RMC": _rmc, "GGA": _gga, "GLL": _gll, "GSA": _gsa, "GST": _gst, "VTG": _vtg, "ZDA": _zda}
