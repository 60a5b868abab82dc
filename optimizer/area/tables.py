"""What stands beside area.toml: the promise (two CSV tables) and the sectors (GeoJSON), read with all their faults."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from shapely.geometry import Polygon
from shapely.validation import explain_validity

from optimizer.area.area import DROP_OFF, DWELLINGS, CollectionException, CollectionRule, Sector
from optimizer.area.opening_hours import WEEKDAYS, weekday
from optimizer.area.readers import meant, number, one_of
from optimizer.area.settings import REQUIRED

# --- faults ------------------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """The value as a fault prints it, short enough for one line."""
    word = repr(value)
    return word if len(word) <= 80 else word[:77] + "…"


class Faults:
    """What is wrong, line by line: file, place, field, value, bound."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, field: str, value: Any, bound: object) -> None:
        self.lines.append(f"{where}, {field} = {shown(value)}, {bound}")

    def say(self, where: str, fault: object) -> None:
        self.lines.append(f"{where}: {fault}")


def text_of(path: Path, faults: Faults) -> str | None:
    """A file's text: UTF-8, a byte order mark allowed (spreadsheets write one)."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        faults.say(path.name, "no such file in the area's folder, must exist")
        return None
    except OSError as why:
        faults.say(path.name, f"cannot be read ({why.strerror}), must be a readable file")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = raw.count(b"\n", 0, why.start) + 1
        faults.say(
            f"{path.name} row {line}", f"byte 0x{raw[why.start]:02x} is not UTF-8, the file must be saved as UTF-8"
        )
        return None


# --- the tables beside it ----------------------------------------------------------------------------------------


RULE_COLUMNS = ("sector", "service", "dwelling", "weekday", "every_weeks", "anchor_date", "season_from", "season_to")
EXCEPTION_COLUMNS = ("sector", "service", "date", "what", "moved_to", "note")
EXCEPTION_KINDS = ("collected", "cancelled", "moved")
#: Collection days of the scheme; a Sunday is collected by an exception only.
COLLECTION_DAYS = WEEKDAYS[:6]
#: The phase of a weekly rule does not matter; any Monday does.
ANY_MONDAY = date(2024, 1, 1)


def iso_date(value: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a date of the calendar, YYYY-MM-DD")


def month_day(value: str) -> tuple[int, int]:
    try:
        if re.fullmatch(r"\d{2}-\d{2}", value):
            day = date.fromisoformat(f"2024-{value}")  # a leap year: 02-29 may be said
            return day.month, day.day
    except ValueError:
        pass
    raise ValueError("must be a day of the year, MM-DD")


def weeks(value: str) -> int:
    if not re.fullmatch(r"\d{1,2}", value) or not 1 <= int(value) <= 52:
        raise ValueError("must be a whole number, 1 to 52")
    return int(value)


def _rows(path: Path, columns: tuple[str, ...], faults: Faults) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with ``,`` or ``;`` as (row, cells by column); the header is row 1, as in a spreadsheet."""
    content = text_of(path, faults)
    if content is None:
        return []
    header_line = content.split("\n", 1)[0]
    separator = ";" if header_line.count(";") > header_line.count(",") else ","
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in header:
            if name not in columns:
                faults.say(
                    f"{path.name} row 1",
                    f"unknown column {name!r}, must be one of {', '.join(columns)}{meant(name, columns)}",
                )
        missing = [name for name in columns if name not in header]
        if missing or len(header) != len(set(header)):
            which = f"without {', '.join(missing)}" if missing else "with a column twice"
            faults.say(f"{path.name} row 1", f"header {which}, must be {separator.join(columns)}")
            return []
        row = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) == len(header):
                    rows.append((row, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}))
                else:
                    faults.say(f"{path.name} row {row}", f"{len(cells)} cells, must be {len(header)}")
            row = reader.line_num + 1
    except csv.Error as why:
        faults.say(f"{path.name} row {reader.line_num}", f"not readable as CSV ({why}), must be closed quotes and text")
    return rows


class _TableRow:
    """One row being read: each cell or None, faults noted."""

    def __init__(self, where: str, cells: Mapping[str, str], faults: Faults):
        self.where, self.cells, self.faults = where, cells, faults

    def get(self, column: str, read: Callable[[str], Any], default: Any = REQUIRED) -> Any:
        value = self.cells[column]
        if not value and default is not REQUIRED:
            return default
        try:
            return read(value)
        except ValueError as bound:
            self.faults.add(self.where, column, value, bound)
            return None


def _name_in(names: set[str] | None, what: str, *, star: bool = False) -> Callable[[str], str]:
    """One of ``names``; any where they are unknown (their own file is at fault, which is told already)."""

    def read(value: str) -> str:
        if not value or (names is not None and value not in names and not (star and value == "*")):
            known = ", ".join(sorted(names or ())) + (" or * for all" if star else "")
            raise ValueError(f"must be {what}: {known}{meant(value, names or ())}")
        return value

    return read


def read_rules(path: Path, sectors: set[str] | None, services: set[str] | None, faults: Faults) -> list[CollectionRule]:
    rules: list[CollectionRule] = []
    seen: dict[tuple[object, ...], int] = {}
    for number_of_row, cells in _rows(path, RULE_COLUMNS, faults):
        before = len(faults.lines)
        row = _TableRow(f"{path.name} row {number_of_row}", cells, faults)
        sector = row.get("sector", _name_in(sectors, "a sector of sectors.geojson"))
        service = row.get("service", _name_in(services, "a [[services]] name"))
        dwelling = row.get("dwelling", one_of((*DWELLINGS, DROP_OFF)))
        day = row.get("weekday", lambda value: weekday(value, COLLECTION_DAYS))
        every = row.get("every_weeks", weeks, 1)
        anchor = row.get("anchor_date", iso_date, REQUIRED if every is not None and every > 1 else ANY_MONDAY)
        season_from, season_to = row.get("season_from", month_day, None), row.get("season_to", month_day, None)
        if (not cells["season_from"]) != (not cells["season_to"]):
            one = "season_from" if not cells["season_from"] else "season_to"
            faults.add(row.where, one, "", "must be given where the other end of the season is (MM-DD)")
        if len(faults.lines) > before:
            continue
        rule = CollectionRule(
            row=number_of_row,
            sector=sector,
            service=service,
            dwelling=dwelling,
            weekday=day,
            every_weeks=every,
            anchor=anchor,
            season_from=season_from,
            season_to=season_to,
        )
        same = (sector, service, dwelling, day, every, anchor.toordinal() // 7 % every, season_from, season_to)
        if seen.setdefault(same, number_of_row) != number_of_row:
            faults.say(row.where, f"the same rule as row {seen[same]}, must be written once")
        rules.append(rule)
    if not rules and not any(line.startswith(path.name) for line in faults.lines):
        faults.say(path.name, "no rule, must hold at least one (nothing would ever be collected)")
    return rules


def read_exceptions(
    path: Path, sectors: set[str] | None, services: set[str] | None, faults: Faults
) -> list[CollectionException]:
    exceptions: list[CollectionException] = []
    seen: dict[tuple[str, str, date], int] = {}
    for number_of_row, cells in _rows(path, EXCEPTION_COLUMNS, faults):
        before = len(faults.lines)
        row = _TableRow(f"{path.name} row {number_of_row}", cells, faults)
        sector = row.get("sector", _name_in(sectors, "a sector of sectors.geojson", star=True))
        service = row.get("service", _name_in(services, "a [[services]] name", star=True))
        day = row.get("date", iso_date)
        what = row.get("what", one_of(EXCEPTION_KINDS))
        moved_to = row.get("moved_to", iso_date, REQUIRED if what == "moved" else None)
        if what in ("collected", "cancelled") and cells["moved_to"]:
            faults.add(row.where, "moved_to", cells["moved_to"], f"must be empty where what = {what!r}")
        if moved_to is not None and moved_to == day:
            faults.add(row.where, "moved_to", cells["moved_to"], "must be another day than date")
        if len(faults.lines) > before:
            continue
        if seen.setdefault((sector, service, day), number_of_row) != number_of_row:
            earlier = seen[(sector, service, day)]
            faults.add(
                row.where, "date", cells["date"], f"must have one row for a sector and service (also row {earlier})"
            )
        exceptions.append(
            CollectionException(
                row=number_of_row,
                sector=sector,
                service=service,
                date=day,
                what=what,
                moved_to=moved_to,
                note=cells["note"],
            )
        )
    return exceptions


# --- sectors.geojson ---------------------------------------------------------------------------------------------


def read_sectors(path: Path, faults: Faults) -> list[Sector] | None:
    """The sectors, or None where the file as a whole cannot be read."""
    content = text_of(path, faults)
    if content is None:
        return None
    try:
        raw = json.loads(content)
    except ValueError as why:
        faults.say(path.name, f"not readable as JSON ({why}), must be a GeoJSON FeatureCollection")
        return None
    features = raw.get("features") if isinstance(raw, dict) and raw.get("type") == "FeatureCollection" else None
    if not isinstance(features, list) or not features:
        faults.say(path.name, "must be a GeoJSON FeatureCollection (RFC 7946) with at least one feature")
        return None
    sectors: list[Sector] = []
    first: dict[str, int] = {}
    for i, feature in enumerate(features, 1):
        where = f"{path.name} feature {i}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        name = properties.get("name") if isinstance(properties, dict) else None
        if not isinstance(name, str) or not name.strip() or name.strip() == "*":
            faults.add(where, "properties.name", name, 'must be the sector\'s name (not "*", which means all)')
            continue
        name = name.strip()
        if first.setdefault(name, i) != i:
            faults.add(where, "properties.name", name, f"must be unique (also feature {first[name]})")
        try:
            sectors.append(Sector(name, _polygons(feature.get("geometry"))))
        except ValueError as why:
            faults.say(f"{where} ({name})", why)
            sectors.append(Sector(name, ()))
    return sectors


def _polygons(geometry: Any) -> tuple[tuple[tuple[tuple[float, float], ...], ...], ...]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"geometry.type = {kind!r}, must be Polygon or MultiPolygon")
    given = geometry.get("coordinates")
    parts = [given] if kind == "Polygon" else given
    if not isinstance(parts, list) or not parts or not all(isinstance(part, list) and part for part in parts):
        raise ValueError("geometry.coordinates must hold at least one ring")
    polygons = tuple(tuple(_ring(ring) for ring in part) for part in parts)
    for outer, *holes in polygons:
        shape = Polygon(outer, holes)
        if not shape.is_valid:
            raise ValueError(f"not a plain polygon ({explain_validity(shape)}), must not cross or touch itself")
    return polygons


def _ring(raw: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(raw, list) or len(raw) < 4:
        raise ValueError(f"ring {shown(raw)}, must have at least 4 positions, the last equal to the first")
    points = []
    for point in raw:
        try:
            lon_deg = number(least=-180, most=180)(point[0])
            lat_deg = number(least=-90, most=90)(point[1])
        except (ValueError, TypeError, IndexError, KeyError):
            raise ValueError(f"position {shown(point)}, must be [lon, lat] in degrees (WGS 84)") from None
        points.append((lon_deg, lat_deg))
    if points[0] != points[-1]:
        raise ValueError(f"ring that begins at {points[0]}, must end where it began")
    return tuple(points)
