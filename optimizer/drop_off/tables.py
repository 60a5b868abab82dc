"""Rows of text from a CSV or a GeoJSON as a town gives it; what they mean is judged in ``town_file.py``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.points import DropOffFaults, Remark, RowFault, tidy_text


@dataclass(frozen=True)
class Table:
    """``rows``: number (a CSV's heading is 1) and cells by heading."""

    place: str
    headings: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    refused: tuple[RowFault, ...] = ()
    remarks: tuple[Remark, ...] = ()
    crs: str | None = None


def read_csv(path: Path, mapping: ColumnMapping) -> Table:
    text, remarks, damaged = _decoded(path, mapping.encoding)
    records = _records(text, mapping)
    start = next((i for i, (_, cells) in enumerate(records) if cells and any(cell.strip() for cell in cells)), None)
    if start is None:
        raise DropOffFaults([f"{path.name}: empty, must have a heading and rows"])
    headings = tuple(cell.strip() for cell in records[start][1] or ())
    doubled = sorted({name for name in headings if name and headings.count(name) > 1})
    if doubled:
        raise DropOffFaults([f"{path.name}: heading {', '.join(doubled)} is there more than once"])
    rows, refused = [], []
    for number, cells in records[start + 1 :]:
        if cells is None:
            refused.append(RowFault("row", number, "", "", "unreadable"))
        elif len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings) :]):
            # One stray delimiter shifts everything after it: no cell of the row can be trusted.
            refused.append(RowFault("row", number, "", str(len(cells)), "too_many_cells", f"<= {len(headings)}"))
        elif damaged and any("\N{REPLACEMENT CHARACTER}" in cell for cell in cells):
            refused.append(RowFault("row", number, "", ";".join(cells), "unreadable", "UTF-8"))
        elif any(cell.strip() for cell in cells):
            rows.append((number, dict(zip(headings, cells, strict=False))))
    return Table("row", headings, tuple(rows), tuple(refused), remarks)


def _decoded(path: Path, encoding: str | None) -> tuple[str, tuple[Remark, ...], bool]:
    """Text, what was guessed, and whether it is UTF-8 with damaged bytes (then replaced)."""
    data = path.read_bytes()
    if encoding:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), (), False
        except UnicodeDecodeError as error:
            raise DropOffFaults([f"{path.name}: not {encoding} at byte {error.start}"]) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), (Remark("encoding", "UTF-16"),), False
    try:
        return data.decode("utf-8-sig"), (), False
    except UnicodeDecodeError:
        pass
    # A cut or a pasted byte in a UTF-8 file must not turn every "é" of it into "Ã©".
    valid = sum(_is_utf8(line) for line in data.splitlines() if not line.isascii())
    broken = sum(not _is_utf8(line) for line in data.splitlines())
    if valid > broken:
        return data.decode("utf-8-sig", errors="replace"), (Remark("encoding", f"UTF-8, {broken} !"),), True
    try:
        return data.decode("cp1252"), (Remark("encoding", "cp1252"),), False
    except UnicodeDecodeError:
        return data.decode("latin-1"), (Remark("encoding", "latin-1"),), False


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _records(text: str, mapping: ColumnMapping) -> list[tuple[int, list[str] | None]]:
    """Numbered records; None where a record cannot be read.

    The delimiter is the one under which the heading holds most of the mapping's columns, then most cells. A quote
    that is never closed would swallow the rows after it, so a file that is no clean CSV is read line by line.
    """
    heading = next((line for line in text.splitlines() if line.strip()), "")
    wanted = {*mapping.columns.values(), *mapping.counts, *mapping.keep}

    def fit(delimiter: str) -> tuple[int, int]:
        cells = _line(heading, delimiter) or []
        return len(wanted & {cell.strip() for cell in cells}), len(cells)

    delimiter = max(",;\t|", key=fit)
    try:
        return list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1))
    except csv.Error:
        return list(enumerate((_line(line, delimiter) for line in io.StringIO(text, newline=None)), 1))


def _line(line: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([line.rstrip("\n")], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def read_geojson(path: Path, mapping: ColumnMapping) -> Table:
    """Properties are the cells; ``feature.id``, ``geometry.x`` and ``geometry.y`` stand beside them."""
    text, remarks, _ = _decoded(path, mapping.encoding)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # no JSON, a number of 5,000 digits, brackets without end
        raise DropOffFaults([f"{path.name}: not JSON: {error}"]) from error
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list):
        raise DropOffFaults([f"{path.name}: features: missing, must be a GeoJSON FeatureCollection"])
    rows, refused = [], []
    headings: dict[str, None] = {}  # a dict, for the order in which the file brings them
    for number, feature in enumerate(features, 1):
        position = _point_of(feature)
        if position is None:
            geometry = feature.get("geometry") if isinstance(feature, dict) else None
            kind = geometry.get("type") if isinstance(geometry, dict) else geometry
            refused.append(RowFault("feature", number, "geometry", str(kind), "not_a_point", "Point"))
            continue
        properties = feature.get("properties") or {}
        properties = properties if isinstance(properties, dict) else {}
        cells = {tidy_text(name) or "?": _shown(value) for name, value in properties.items()}
        cells |= {"geometry.x": _shown(position[0]), "geometry.y": _shown(position[1])}
        cells |= {"feature.id": _shown(feature["id"])} if "id" in feature else {}
        headings |= dict.fromkeys(cells)
        rows.append((number, cells))
    return Table("feature", tuple(headings), tuple(rows), tuple(refused), remarks, _named_crs(found))


def _point_of(feature: object) -> list[Any] | None:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return None
    position = geometry.get("coordinates")
    if geometry.get("type") == "MultiPoint" and isinstance(position, list) and len(position) == 1:
        position = position[0]
    elif geometry.get("type") != "Point":
        return None
    return position if isinstance(position, list) and len(position) >= 2 else None


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _named_crs(found: Mapping[str, Any]) -> str | None:
    """The ``crs`` member of GeoJSON before RFC 7946, which French portals still write for Lambert 93."""
    member = found.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) and "EPSG" in name.upper() and not name.endswith("4326") else None
