"""Recordings as receivers: GPX, NMEA logs, gpsd's JSON, positions in CSV, stored facts; and a simulated drive.

A recording is read whole and played by a clock, at any speed that the clock has. What it does not say stays unknown.
"""

from __future__ import annotations

import csv
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleet import Position, fact_from_json, instant
from onboard.clock import Clock
from onboard.recording import nmea
from onboard.recording.receiver import Fix, ReceiverState, fix_of

_SECOND = timedelta(seconds=1)
_MODES = {"none": 1, "2d": 2, "3d": 3, "dgps": 3, "pps": 3}


class Recording:
    """A receiver that plays fixes by a clock; it ends when they do.

    ``as_now``: the first fix is now and every time is shifted by as much. Else each comes when the clock shows its own
    time, and what the clock has passed already is left out (a box switched on in the middle of a drive).
    """

    def __init__(self, fixes: Sequence[Fix], clock: Clock, *, as_now: bool = True) -> None:
        self._fixes, self._clock, self._as_now = tuple(fixes), clock, as_now
        self._state: ReceiverState = "no_data"

    def state(self) -> ReceiverState:
        return self._state

    def fixes(self) -> Iterator[Fix]:
        times = _times(self._fixes)
        if not times:
            return
        shift = self._clock.now() - times[0] if self._as_now else timedelta(0)
        begun_s, begun = self._clock.monotonic_s(), self._clock.now()
        for fix, recorded in zip(self._fixes, times, strict=True):
            due_s = begun_s + (recorded + shift - begun).total_seconds()
            if due_s < begun_s - 1:
                continue
            left_s = due_s - self._clock.monotonic_s()
            if left_s > 0:
                self._clock.sleep(left_s)
            self._state = "fix" if fix.placed else "no_fix"
            yield fix if fix.at is None or not shift else replace(fix, at=fix.at + shift)


def _times(fixes: Sequence[Fix]) -> list[datetime]:
    """When each fix is due: its own time; a second after the one before where it has none or would go back."""
    known = next((fix.at for fix in fixes if fix.at is not None), None)
    if known is None:
        known = datetime(2000, 1, 1, tzinfo=UTC)
    else:  # those before the first that knows its time
        known -= _SECOND * next(k for k, fix in enumerate(fixes) if fix.at is not None)
    times: list[datetime] = []
    for fix in fixes:
        at = fix.at if fix.at is not None else (times[-1] + _SECOND if times else known)
        times.append(max(at, times[-1]) if times else at)
    return times


def read_recording(path: Path) -> tuple[Fix, ...]:
    """The fixes of a recording, whichever of the kinds above it is: told by its name and its first lines.

    Raises ``ValueError`` naming the file where there is no fix in it, ``OSError`` where it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(64 * 1024).decode("utf-8", "replace")
    kind = path.suffix.lower()
    read: Callable[[Path], Iterable[Fix]]
    if kind == ".gpx" or "<gpx" in head[:2000]:
        read = gpx_fixes
    elif '"class":"TPV"' in head.replace(" ", ""):
        read = gpsd_fixes
    elif re.search(r'^\{.*"kind"', head, re.MULTILINE):
        read = fact_fixes
    elif re.search(r"^\$..(RMC|GGA|GLL)", head, re.MULTILINE):
        read = nmea_fixes
    elif kind in (".csv", ".txt"):
        read = csv_fixes
    else:
        raise ValueError(
            f"{path}: no recording known here: GPX, NMEA, gpsd JSON, CSV of positions, facts as JSON lines"
        )
    found = tuple(read(path))
    if not found:
        raise ValueError(f"{path}: holds no fix")
    return found


def nmea_fixes(path: Path) -> Iterator[Fix]:
    with path.open(encoding="ascii", errors="replace") as lines:
        yield from nmea.read_fixes(lines)


def gpsd_fixes(path: Path) -> Iterator[Fix]:
    """gpsd's reports, one JSON object a line; other lines between them (raw sentences) are passed over."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("{"):
                try:
                    report = json.loads(line)
                except ValueError:
                    continue
                if isinstance(report, dict) and report.get("class") == "TPV":
                    yield fix_of(report)


def fact_fixes(path: Path) -> Iterator[Fix]:
    """Positions among stored facts (``ripeur facts``), in order of their time; other kinds are passed over."""
    found: list[Fix] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                fact = fact_from_json(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
            if isinstance(fact, Position):
                mode = fact.mode if fact.mode is not None else 2 if fact.lat_deg is not None else 1
                found.append(
                    Fix(
                        at=fact.at,
                        lat_deg=fact.lat_deg,
                        lon_deg=fact.lon_deg,
                        speed_mps=fact.speed_mps,
                        heading_deg=fact.heading_deg,
                        eph_m=fact.eph_m,
                        mode=mode,
                    )
                )
    yield from sorted(found, key=lambda fix: fix.at or datetime.min.replace(tzinfo=UTC))


def gpx_fixes(path: Path) -> Iterator[Fix]:
    """Track points of GPX 1.0 and 1.1. ``<fix>none</fix>`` is no fix, whatever coordinates stand beside it."""
    try:
        for _, point in ET.iterparse(path):
            if point.tag.rpartition("}")[2] == "trkpt":
                yield _gpx_fix(point)
                point.clear()
    except ET.ParseError as error:
        raise ValueError(f"{path}: {error}") from None


def _gpx_fix(point: ET.Element) -> Fix:
    said = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in point.iter() if child is not point}
    mode = _MODES.get(said.get("fix", ""), 2)
    at = _instant(said.get("time", ""))
    lat, lon = _within(point.get("lat"), 90), _within(point.get("lon"), 180)
    if mode == 1 or lat is None or lon is None:
        return Fix(at=at, lat_deg=None, lon_deg=None, speed_mps=None, heading_deg=None, eph_m=None, mode=1)
    course = _within(said.get("course"), 360)
    return Fix(
        at=at,
        lat_deg=lat,
        lon_deg=lon,
        speed_mps=_within(said.get("speed"), 150),
        heading_deg=course,
        eph_m=None,
        mode=mode,
    )


#: What the columns of a CSV may be called: field, factor to our unit.
_COLUMNS = {
    "at": ("at", 1.0), "time": ("at", 1.0), "timestamp": ("at", 1.0), "datetime": ("at", 1.0),
    "lat_deg": ("lat", 1.0), "lat": ("lat", 1.0), "latitude": ("lat", 1.0),
    "lon_deg": ("lon", 1.0), "lon": ("lon", 1.0), "lng": ("lon", 1.0), "longitude": ("lon", 1.0),
    "speed_mps": ("speed", 1.0), "speed_kmh": ("speed", 1 / 3.6), "heading_deg": ("heading", 1.0),
    "course": ("heading", 1.0), "heading": ("heading", 1.0), "eph_m": ("eph", 1.0), "accuracy_m": ("eph", 1.0),
    "mode": ("mode", 1.0),
}  # fmt: skip
_POINT = re.compile(r"POINT\s*\(\s*(\S+)\s+(\S+)\s*\)", re.IGNORECASE)


def csv_fixes(path: Path, only: str | None = None) -> Iterator[Fix]:
    """Positions in CSV (comma, semicolon or tab): a time, and ``lat``/``lon`` or a ``geometry`` as ``POINT (lon lat)``.

    A speed without a unit in its column's name is passed over. ``only``: of a file with an ``id`` column, that track.
    Raises ``ValueError`` naming the line that cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        rows = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        known = {_COLUMNS[name][0] for name in names if name in _COLUMNS}
        if "at" not in known or not ({"lat", "lon"} <= known or "geometry" in names):
            raise ValueError(f"{path}: columns = {', '.join(names)}, must hold a time and lat, lon (or a geometry)")
        for number, row in enumerate(rows, 2):
            cells = {(k or "").strip().lower(): (v or "").strip() for k, v in row.items() if isinstance(v, str | None)}
            if only is None or cells.get("id") == only:
                try:
                    yield _csv_fix(cells)
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from None


def _csv_fix(cells: dict[str, str]) -> Fix:
    said: dict[str, float] = {}
    at: datetime | None = None
    for name, text in cells.items():
        meant, factor = _COLUMNS.get(name, ("", 1.0))
        if meant == "at" and text:
            at = _csv_instant(text)
        elif meant and text:
            said[meant] = float(text) * factor
    point = _POINT.search(cells.get("geometry", ""))
    if point:
        said["lon"], said["lat"] = float(point[1]), float(point[2])
    lat, lon = said.get("lat"), said.get("lon")
    mode = int(said.get("mode", 1 if lat is None or lon is None else 2))
    if mode < 2 or lat is None or lon is None:
        return Fix(at=at, lat_deg=None, lon_deg=None, speed_mps=None, heading_deg=None, eph_m=None, mode=min(mode, 1))
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"lat, lon = {lat:g}, {lon:g}, must be degrees")
    return Fix(
        at=at,
        lat_deg=lat,
        lon_deg=lon,
        speed_mps=said.get("speed"),
        heading_deg=said.get("heading"),
        eph_m=said.get("eph"),
        mode=min(mode, 3),
    )


def _csv_instant(text: str) -> datetime:
    """With an offset, or Unix seconds (or milliseconds)."""
    if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    return instant(text)


def _instant(text: str) -> datetime | None:
    try:
        return instant(text)
    except ValueError:
        return None


def _within(text: str | None, most: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and -most <= value <= most else None
