"""A town's own file of drop-off points: CSV or GeoJSON as it comes, dirt and all.

``read_town_file`` gives points, and every refused row with all its faults. Nothing is corrected silently: a decimal
comma is read, a row with swapped coordinates is refused and says so, an encoding that had to be guessed is a remark.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyproj

from optimizer.drop_off.mapping import (
    FLUX_WORDS,
    HANDLING_WORDS,
    HEADINGS,
    POSITION_WORDS,
    STATUS_WORDS,
    ColumnMapping,
    folded,
)
from optimizer.drop_off.points import (
    FLUX,
    HANDLINGS,
    MAX_VOLUME_M3,
    MIN_VOLUME_M3,
    POSITIONS,
    STATUSES,
    BoundingBox,
    Container,
    DropOffFaults,
    DropOffPoint,
    ImportResult,
    Remark,
    RowFault,
    tidy_text,
)
from optimizer.drop_off.tables import Table, read_csv, read_geojson

#: Where a row may say where it stands.
PLACES = {"lat_deg", "lon_deg", "lat_lon", "x_m", "y_m"}
#: What towns write where they know nothing.
NOTHING = {"", "null", "none", "nan", "n/a", "#n/a", "nd", "-"}
#: Rows of one point may differ by this much (about 20 m): containers of one place are often surveyed one by one.
SAME_PLACE_DEG = 0.0002
#: Without an area to compare with, a town's points lie this close to its median point.
TOWN_DEG = 2.0
MAX_CONTAINERS = 50


def read_town_file(
    path: Path,
    mapping: ColumnMapping | None = None,
    within: BoundingBox | None = None,
    known_flux: Collection[str] = (),
) -> ImportResult:
    """Points of a town's ``.csv``, ``.geojson`` or ``.json``.

    ``within``: the area's ground (``extract_box``): what lies outside is refused, and swapped coordinates are told
    by it. ``known_flux``: the area's flux names, besides ``FLUX`` and those the mapping names. ``DropOffFaults`` when
    there are no rows to judge: no heading, no JSON, or a mapping that names columns that the file does not have.
    """
    mapping = mapping or ColumnMapping()
    table = _table(path, mapping)
    columns = _columns(path, table, mapping)
    crs = mapping.crs or table.crs or ("EPSG:2154" if "x_m" in columns and not mapping.columns else None)
    locate = _Locator(columns, crs, within)
    words = _Words(mapping, (*FLUX, *known_flux))
    refused = list(table.refused)
    rows: list[_PointRow] = []
    kept_out = 0
    for row_number, values in table.rows:
        if any(folded(values.get(heading, "")) not in wanted for heading, wanted in mapping.keep.items()):
            kept_out += 1
            continue
        cells = _Cells(table.place, row_number, values, columns)
        row = _row(cells, locate, words, mapping)
        refused += cells.refused
        rows += [row] if row else []
    rows = _not_swapped(rows, columns, table.place, refused) if within is None else rows
    by_container = (mapping.rows or ("container" if "container_id" in columns else "point")) == "container"
    points, differing = _points(rows, by_container, refused, table.place, columns, mapping.source or path.name)
    understood = ", ".join(f"{ours} = {theirs}" for ours, theirs in columns.items()) or "–"
    unknown = sum(not point.containers for point in points)
    remarks = [
        *table.remarks,
        *([] if mapping.columns else [Remark("columns", understood)]),
        *([Remark("kept_out", str(kept_out))] if kept_out else []),
        *([Remark("differs", "; ".join(differing))] if differing else []),
        *([Remark("no_containers", str(unknown))] if unknown else []),
    ]
    return ImportResult(points, tuple(sorted(refused, key=lambda refusal: refusal.row)), (), tuple(remarks))


def _table(path: Path, mapping: ColumnMapping) -> Table:
    suffix = path.suffix.lower()
    if suffix in (".geojson", ".json"):
        return read_geojson(path, mapping)
    if suffix in (".csv", ".tsv", ".txt"):
        return read_csv(path, mapping)
    raise DropOffFaults([f"{path.name}: suffix = {suffix!r}, must be one of .csv, .tsv, .txt, .geojson, .json"])


def _columns(path: Path, table: Table, mapping: ColumnMapping) -> dict[str, str]:
    """Ours -> the file's heading: the mapping's, else guessed."""
    named = [*mapping.columns.values(), *mapping.counts, *mapping.keep]
    absent = [name for name in named if name not in table.headings]
    if absent:
        raise DropOffFaults(
            f"{path.name}: column {name!r} of the mapping is missing, must be one of {', '.join(table.headings)}"
            for name in dict.fromkeys(absent)
        )
    if mapping.columns:
        columns = dict(mapping.columns)
    else:
        theirs = {folded(heading): heading for heading in reversed(table.headings)}
        guessed = ((ours, next((theirs[h] for h in known if h in theirs), None)) for ours, known in HEADINGS.items())
        columns = {ours: heading for ours, heading in guessed if heading is not None}
    if table.place == "feature" and not (mapping.columns and PLACES & set(columns)):
        # A feature stands where its geometry says, unless the mapping says otherwise.
        across, up = ("x_m", "y_m") if mapping.crs or table.crs else ("lon_deg", "lat_deg")
        columns = {ours: heading for ours, heading in columns.items() if ours not in PLACES}
        columns |= {across: "geometry.x", up: "geometry.y"}
    return columns


# --- one row -----------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def decimal_number(text: str) -> float | None:
    """A number as people write it: "48,69", "687 123,5" and "1.234,5" too. None: not a finite number."""
    plain = re.sub(r"[\s'\u2019]", "", text)
    if "," in plain:
        thousands = "." if plain.rfind(",") > plain.rfind(".") else ","
        plain = plain.replace(thousands, "").replace(",", ".")
    value = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    return value if math.isfinite(value) else None


class _Cells:
    """A row's cells under our names; what is wrong with them gathers in ``refused``."""

    def __init__(self, place: str, row: int, values: Mapping[str, str], columns: Mapping[str, str]):
        self.place, self.row, self.values, self.columns = place, row, values, columns
        self.refused: list[RowFault] = []

    def refuse(self, name: str, why: str, bound: str = "", value: str | None = None) -> None:
        heading = self.columns.get(name, name)
        shown = self.values.get(heading, "") if value is None else value
        self.refused.append(RowFault(self.place, self.row, heading, shown, why, bound))

    def text(self, name: str) -> str | None:
        value = tidy_text(self.values.get(self.columns.get(name, ""), ""))
        return None if value is None or value.casefold() in NOTHING else value

    def required(self, name: str) -> str | None:
        value = self.text(name)
        if value is None:
            self.refuse(name, "missing" if name in self.columns else "no_column")
        return value

    def number(self, name: str, required: bool = False) -> float | None:
        text = self.required(name) if required else self.text(name)
        value = None if text is None else decimal_number(text)
        if text is not None and value is None:
            self.refuse(name, "not_a_number")
        return value


class _Words:
    """A mapping's words over those understood anyway."""

    def __init__(self, mapping: ColumnMapping, flux: Sequence[str]):
        ours = {folded(name): name for name in flux}
        self.tables: dict[str, Mapping[str, str]] = {
            "flux": {**FLUX_WORDS, **ours, **mapping.flux},
            "position": {**POSITION_WORDS, **mapping.position},
            "handling": {**HANDLING_WORDS, **mapping.handling},
            "status": {**STATUS_WORDS, **mapping.status},
        }
        known = sorted({*self.tables["flux"].values()} - {""})
        self.bounds = {"flux": known, "position": POSITIONS, "handling": HANDLINGS, "status": STATUSES}

    def understand(self, cells: _Cells, name: str, text: str | None) -> str | None:
        if text is None:
            return None
        meant = self.tables[name].get(folded(text))
        if meant is None:
            cells.refuse(name, f"unknown_{name}", ", ".join(self.bounds[name]), text)
        return meant


@dataclass(frozen=True)
class _PointRow:
    """A good row. ``containers``: (id or None, flux, volume_m3, position, handling)."""

    number: int
    id: str
    lat_deg: float
    lon_deg: float
    facts: Mapping[str, Any]
    containers: tuple[tuple[str | None, str, float | None, str | None, str | None], ...] = field(default=())


def _row(cells: _Cells, locate: _Locator, words: _Words, mapping: ColumnMapping) -> _PointRow | None:
    """None when anything is wrong with the row: then ``cells.refused`` says all of it."""
    point_id = cells.required("id")
    place = locate(cells)
    facts = {
        "name": cells.text("name"),
        "commune": cells.text("commune") or mapping.commune,
        "address": cells.text("address"),
        "operator": cells.text("operator") or mapping.operator,
        "updated": _date(cells),
        "status": words.understand(cells, "status", cells.text("status")) or "active",
    }
    containers = tuple(_containers(cells, words, mapping))
    if cells.refused or point_id is None or place is None:
        return None
    return _PointRow(cells.row, point_id, *place, facts, containers)


def _containers(
    cells: _Cells, words: _Words, mapping: ColumnMapping
) -> Iterator[tuple[str | None, str, float | None, str | None, str | None]]:
    volume_m3 = cells.number("volume_m3")
    litres = cells.number("volume_l")
    name = "volume_m3" if volume_m3 is not None else "volume_l"
    volume_m3 = litres / 1000 if volume_m3 is None and litres is not None else volume_m3
    if volume_m3 is not None and not MIN_VOLUME_M3 <= volume_m3 <= MAX_VOLUME_M3:
        cells.refuse(name, "out_of_range", f"{MIN_VOLUME_M3:g}…{MAX_VOLUME_M3:g} m3")
    position = words.understand(cells, "position", cells.text("position"))
    handling = words.understand(cells, "handling", cells.text("handling"))
    container_id = cells.text("container_id")
    for flux in _flux(cells, words, mapping):
        yield container_id, flux, volume_m3, position, handling
    for heading, flux in mapping.counts.items():
        text = tidy_text(cells.values.get(heading, ""))
        count = 0.0 if text is None or text.casefold() in NOTHING else decimal_number(text)
        if count is None or not 0 <= count <= MAX_CONTAINERS or count != int(count):
            cells.refuse(heading, "not_a_count", f"0…{MAX_CONTAINERS}")
            continue
        yield from [(None, flux, volume_m3, position, handling)] * int(count)


def _flux(cells: _Cells, words: _Words, mapping: ColumnMapping) -> list[str]:
    """The row's flux, each once, in the cell's order; "" (not ours) left out."""
    text = cells.text("flux")
    if text is None:
        if mapping.rows == "container" or (mapping.rows is None and cells.text("container_id") is not None):
            cells.required("flux")
        return []
    whole = folded(text) in words.tables["flux"]  # "Papiers | cartons" may be one word of the mapping
    parts = [text] if whole else [part.strip() for part in text.split(mapping.separator) if part.strip()]
    meant = [words.understand(cells, "flux", part) for part in parts]
    return list(dict.fromkeys(flux for flux in meant if flux))


def _date(cells: _Cells) -> date | None:
    text = cells.text("updated")
    if text is None:
        return None
    day_first = re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b", text)
    year_first = re.match(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?!\d)", text)
    try:
        if day_first:
            return date(int(day_first[3]), int(day_first[2]), int(day_first[1]))
        if year_first:
            return date(int(year_first[1]), int(year_first[2]), int(year_first[3]))
    except ValueError:  # 31 February, month 13: refused below like any other text
        pass
    cells.refuse("updated", "not_a_date", "2026-11-23, 23/11/2026")
    return None


# --- where it stands ---------------------------------------------------------------------------------------------


class _Locator:
    """(lat, lon) in degrees WGS 84 of a row, from whichever columns give it."""

    def __init__(self, columns: Mapping[str, str], crs: str | None, within: BoundingBox | None):
        self.columns, self.within = columns, within
        self.plane = None
        if crs and "x_m" in columns:
            system = pyproj.CRS.from_user_input(crs)
            self.plane = pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True)
            used = system.area_of_use
            self.ground = (
                BoundingBox(used.south, used.west, used.north, used.east) if used else BoundingBox(-90, -180, 90, 180)
            )

    def __call__(self, cells: _Cells) -> tuple[float, float] | None:
        if "lat_deg" in self.columns or "lon_deg" in self.columns:
            lat_deg, lon_deg = cells.number("lat_deg", True), cells.number("lon_deg", True)
            return self._degrees(cells, "lat_deg", "lon_deg", lat_deg, lon_deg)
        if "lat_lon" in self.columns:
            text = cells.required("lat_lon")
            if text is None:
                return None
            parts = _pair(text)
            if parts is None:
                cells.refuse("lat_lon", "not_a_number", "lat, lon")
                return None
            return self._degrees(cells, "lat_lon", "lat_lon", *parts)
        if self.plane:
            return self._metres(cells, cells.number("x_m", True), cells.number("y_m", True))
        for name in ("lat_deg", "lon_deg"):
            cells.refuse(name, "no_column")
        return None

    def _degrees(
        self, cells: _Cells, lat_name: str, lon_name: str, lat_deg: float | None, lon_deg: float | None
    ) -> tuple[float, float] | None:
        if lat_deg is None or lon_deg is None:
            return None
        ground = BoundingBox(-90, -180, 90, 180)
        if lat_deg == 0 and lon_deg == 0:
            cells.refuse(lat_name, "zero_zero")
        elif not ground.holds(lat_deg, lon_deg):
            if (self.within or ground).holds(lon_deg, lat_deg):
                cells.refuse(lat_name, "swapped", f"{lat_deg:g}, {lon_deg:g}")
            else:
                for name, value, bound in ((lat_name, lat_deg, 90), (lon_name, lon_deg, 180)):
                    if not -bound <= value <= bound:
                        cells.refuse(name, "out_of_range", f"-{bound}…{bound}")
        elif self.within and not self.within.holds(lat_deg, lon_deg):
            swapped = self.within.holds(lon_deg, lat_deg)
            cells.refuse(lat_name, "swapped" if swapped else "outside_area", f"{lat_deg:g}, {lon_deg:g}; {self.within}")
        else:
            return lat_deg, lon_deg
        return None

    def _metres(self, cells: _Cells, x_m: float | None, y_m: float | None) -> tuple[float, float] | None:
        if x_m is None or y_m is None or self.plane is None:
            return None
        if x_m == 0 and y_m == 0:
            cells.refuse("x_m", "zero_zero")
            return None
        ground = self.within or self.ground
        lon_deg, lat_deg = self.plane.transform(x_m, y_m)
        if ground.holds(lat_deg, lon_deg):
            return lat_deg, lon_deg
        lon_deg, lat_deg = self.plane.transform(y_m, x_m)
        why = "swapped" if ground.holds(lat_deg, lon_deg) else "outside_area" if self.within else "out_of_range"
        cells.refuse("x_m", why, f"{x_m:g}, {y_m:g}; {ground}")
        return None


def _pair(text: str) -> tuple[float, float] | None:
    """Two numbers of one cell: "48.68, 9.01", "48,68 ; 9,01", "48.68 9.01"."""
    for separator in (";", ", ", ",", " "):
        parts = [decimal_number(part) for part in text.strip("[]() ").split(separator) if part.strip()]
        if len(parts) == 2 and parts[0] is not None and parts[1] is not None:
            return parts[0], parts[1]
    return None


def _not_swapped(
    rows: list[_PointRow], columns: Mapping[str, str], place: str, refused: list[RowFault]
) -> list[_PointRow]:
    """Without an area: a row far from the town's median whose swap lies near it. Half the file swapped is not seen."""
    if len(rows) < 3:
        return rows
    lat_deg = statistics.median(row.lat_deg for row in rows)
    lon_deg = statistics.median(row.lon_deg for row in rows)
    town = BoundingBox(lat_deg - TOWN_DEG, lon_deg - TOWN_DEG, lat_deg + TOWN_DEG, lon_deg + TOWN_DEG)
    heading = columns.get("lat_deg") or columns.get("lat_lon") or columns.get("x_m", "lat_deg")
    good = []
    for row in rows:
        if town.holds(row.lat_deg, row.lon_deg) or not town.holds(row.lon_deg, row.lat_deg):
            good.append(row)
        else:
            value = f"{row.lat_deg:g}, {row.lon_deg:g}"
            refused.append(RowFault(place, row.number, heading, value, "swapped", str(town)))
    return good


# --- points from rows --------------------------------------------------------------------------------------------


def _points(
    rows: Sequence[_PointRow], by_container: bool, refused: list[RowFault], place: str, columns: Mapping[str, str],
    source: str,
) -> tuple[tuple[DropOffPoint, ...], list[str]]:  # fmt: skip
    """Rows joined by the point's id, in the file's order; and where rows of one point disagree."""
    joined: dict[str, list[_PointRow]] = defaultdict(list)
    containers: dict[str, int] = {}
    differing = []
    for row in rows:
        same = joined[row.id]
        ids = [container[0] for container in row.containers if container[0] is not None]
        why = None
        if same and not by_container:
            why = ("id", row.id, "duplicate", f'{place} {same[0].number}; rows = "container"?')
        elif same and not _near(same[0], row):
            why = ("lat_deg", f"{row.lat_deg:g}, {row.lon_deg:g}", "elsewhere", f"{place} {same[0].number}")
        elif any(container_id in containers for container_id in ids):
            why = ("container_id", ids[0], "duplicate", f"{place} {containers[ids[0]]}")
        if why:
            refused.append(RowFault(place, row.number, columns.get(why[0], why[0]), *why[1:]))
            continue
        if same and same[0].facts != row.facts:
            named = ", ".join(name for name in row.facts if row.facts[name] != same[0].facts[name])
            differing.append(f"{place} {row.number}: {named}")
        same.append(row)
        containers.update(dict.fromkeys(ids, row.number))
    taken = set(containers)
    return tuple(_joined(same, source, taken) for same in joined.values() if same), differing


def _near(one: _PointRow, other: _PointRow) -> bool:
    away_deg = max(abs(one.lat_deg - other.lat_deg), abs(one.lon_deg - other.lon_deg))
    return away_deg <= SAME_PLACE_DEG


def _joined(rows: Sequence[_PointRow], source: str, taken: set[str]) -> DropOffPoint:
    """A point of its rows; a container without an id gets the point's and its flux, and a number if need be."""
    first, containers = rows[0], []
    for row in rows:
        for i, (container_id, flux, volume_m3, position, handling) in enumerate(row.containers):
            # A cell with two flux under one container id: the first keeps the id, the others get one of their own.
            name = container_id if container_id is not None and i == 0 else _free(f"{first.id}-{flux}", taken)
            containers.append(Container(name, flux, volume_m3, position, handling))  # type: ignore[arg-type]
    facts = first.facts
    return DropOffPoint(
        id=first.id,
        name=facts["name"],
        lat_deg=first.lat_deg,
        lon_deg=first.lon_deg,
        commune=facts["commune"],
        address=facts["address"],
        containers=tuple(containers),
        operator=facts["operator"],
        source=tidy_text(source) or "?",
        updated=facts["updated"],
        status=facts["status"],
    )


def _free(name: str, taken: set[str]) -> str:
    free, n = name, 1
    while free in taken:
        n += 1
        free = f"{name}-{n}"
    taken.add(free)
    return free
