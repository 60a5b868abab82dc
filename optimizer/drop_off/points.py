"""Drop-off points (points d'apport volontaire): where residents bring glass, paper or clothes, and what stands there.

A point has an id, a position and containers; each container takes one flux. Points come from the map
(``osm.py``), from a town's file (``town_file.py``), or from an area's own ``drop_off_points.csv`` (``read_points_csv``,
``write_points_csv``: one row per container, lossless). What a reader refuses is a value (``RowFault``: where, column,
value, why, bound), never an exception: the good rows survive the bad ones.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

Position = Literal["aerial", "semi-buried", "buried"]
Handling = Literal["hook", "kinshofer", "other"]
Status = Literal["active", "out_of_service", "planned", "removed"]

POSITIONS: tuple[Position, ...] = ("aerial", "semi-buried", "buried")
HANDLINGS: tuple[Handling, ...] = ("hook", "kinshofer", "other")
STATUSES: tuple[Status, ...] = ("active", "out_of_service", "planned", "removed")
#: Nothing that a crane empties in the street is larger; a figure above is litres under a heading of m3.
MAX_VOLUME_M3 = 60.0
MIN_VOLUME_M3 = 0.001
#: The source of what is read from the map: the licence of an export depends on it (ODbL).
OSM_SOURCE = "OpenStreetMap"

#: The flux names that a town's file may use without declaring them in its mapping.
FLUX: tuple[str, ...] = ("residual", "packaging", "paper", "glass", "food", "green", "metal", "clothes")


class DropOffFaults(ValueError):
    """All faults of a file of ours (points or mapping) at once; an outside file's rows are refused instead."""

    def __init__(self, faults: Iterable[str]):
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


# --- the trade's words -------------------------------------------------------------------------------------------


def _text(owner: str, name: str, value: str | None, required: bool = False) -> None:
    """Texts are tidy, so that no file format can change them: no control characters, no outer blanks, never ''."""
    if value is None and not required:
        return
    tidy = bool(value) and value == str(value).strip() and not any(map(_unwritable, str(value)))
    if not tidy:
        raise ValueError(f"{owner}: {name} = {value!r}, must be a text without outer blanks or control characters")


def _unwritable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")  # Cs: half a surrogate pair, which UTF-8 cannot hold


def _one_of(owner: str, name: str, value: str | None, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{owner}: {name} = {value!r}, must be one of {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class Container:
    """One container, one flux. ``None``: unknown (the map hardly ever says the volume or how a crane takes it)."""

    id: str
    flux: str
    volume_m3: float | None = None
    position: Position | None = None
    handling: Handling | None = None

    def __post_init__(self) -> None:
        me = f"container {self.id}"
        _text("container", "id", self.id, required=True)
        _text(me, "flux", self.flux, required=True)
        if self.volume_m3 is not None and not MIN_VOLUME_M3 <= self.volume_m3 <= MAX_VOLUME_M3:
            bound = f"{MIN_VOLUME_M3:g} to {MAX_VOLUME_M3:g}"
            raise ValueError(f"{me}: volume_m3 = {self.volume_m3!r}, must be within {bound}")
        if self.position is not None:
            _one_of(me, "position", self.position, POSITIONS)
        if self.handling is not None:
            _one_of(me, "handling", self.handling, HANDLINGS)


@dataclass(frozen=True, slots=True)
class DropOffPoint:
    """A place with containers. ``lat_deg``, ``lon_deg``: WGS 84. No container: what stands there is unknown."""

    id: str
    name: str | None
    lat_deg: float
    lon_deg: float
    commune: str | None
    address: str | None
    containers: tuple[Container, ...]
    operator: str | None
    source: str
    updated: date | None = None
    status: Status = "active"

    def __post_init__(self) -> None:
        me = f"drop-off point {self.id}"
        _text("drop-off point", "id", self.id, required=True)
        _text(me, "source", self.source, required=True)
        for name in ("name", "commune", "address", "operator"):
            _text(me, name, getattr(self, name))
        for name, bound in (("lat_deg", 90.0), ("lon_deg", 180.0)):
            if not -bound <= getattr(self, name) <= bound:
                raise ValueError(f"{me}: {name} = {getattr(self, name)!r}, must be within -{bound:g} to {bound:g}")
        _one_of(me, "status", self.status, STATUSES)
        ids = [container.id for container in self.containers]
        if len(ids) != len(set(ids)):
            raise ValueError(f"{me}: containers = {ids}, each id must be there once")


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A rectangle of the map, WGS 84, borders included."""

    south_deg: float
    west_deg: float
    north_deg: float
    east_deg: float

    def holds(self, lat_deg: float, lon_deg: float) -> bool:
        return self.south_deg <= lat_deg <= self.north_deg and self.west_deg <= lon_deg <= self.east_deg

    def __str__(self) -> str:
        return f"lat {self.south_deg:.4f}…{self.north_deg:.4f}, lon {self.west_deg:.4f}…{self.east_deg:.4f}"


# --- what a reading gives ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RowFault:
    """One reason why a row is not taken. ``place``: row, feature, node, way or relation; ``row``: its number or id.

    A CSV's heading is row 1, as a spreadsheet counts. ``column`` is the file's own name for it, ``why`` a key of
    ``listing.TEXTS``. A row with three faults gives three refusals.
    """

    place: str
    row: int
    column: str
    value: str
    why: str
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A doubt that refuses nothing but must be said (the encoding was guessed, say). ``key`` as ``why``."""

    key: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """``points``: what is good. ``centres``: staffed recycling centres, which are no drop-off points: listed apart."""

    points: tuple[DropOffPoint, ...]
    refused: tuple[RowFault, ...] = ()
    centres: tuple[DropOffPoint, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def refused_rows(self) -> int:
        return len({(refusal.place, refusal.row) for refusal in self.refused})


# --- an area's own file ------------------------------------------------------------------------------------------

POINT_COLUMNS = (
    "id", "name", "lat_deg", "lon_deg", "commune", "address", "operator", "source", "updated", "status",
)  # fmt: skip
COLUMNS = (*POINT_COLUMNS, "container_id", "flux", "volume_m3", "position", "handling")


def write_points_csv(points: Iterable[DropOffPoint], path: Path) -> None:
    """Write an area's ``drop_off_points.csv``: UTF-8, one row per container, one row for a point without any."""
    points = tuple(points)
    doubled = [point_id for point_id, n in Counter(point.id for point in points).items() if n > 1]
    if doubled:
        raise ValueError(f"drop-off points: id = {', '.join(doubled[:5])}, each must be there once")
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for point in points:
            head = [_cell(getattr(point, name)) for name in POINT_COLUMNS]
            for container in point.containers:
                rows.writerow(
                    [
                        *head,
                        container.id,
                        container.flux,
                        *map(_cell, (container.volume_m3, container.position, container.handling)),
                    ]
                )
            if not point.containers:
                rows.writerow([*head, "", "", "", "", ""])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, float | int) else str(value)


def read_points_csv(path: Path) -> tuple[DropOffPoint, ...]:
    """What ``write_points_csv`` wrote, in its order. ``DropOffFaults`` names file, row, column, value and bound."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DropOffFaults([f"{path.name}: not UTF-8 at byte {error.start}"]) from error
    table = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(table.fieldnames or ()) != COLUMNS:
        raise DropOffFaults([f"{path.name}: row 1 = {table.fieldnames}, must be {','.join(COLUMNS)}"])
    heads: dict[str, dict[str, str]] = {}
    first: dict[str, int] = {}
    containers: dict[str, list[Container]] = defaultdict(list)
    faults: list[str] = []
    for number, row in enumerate(table, 2):
        if None in row or None in row.values():
            faults.append(f"{path.name}: row {number}: must have {len(COLUMNS)} cells")
            continue
        head = {name: row[name] for name in POINT_COLUMNS}
        if heads.setdefault(row["id"], head) != head:
            faults.append(f"{path.name}: row {number}: id = {row['id']!r}, row {first[row['id']]} says otherwise")
        first.setdefault(row["id"], number)
        try:
            if row["container_id"] or row["flux"]:
                containers[row["id"]].append(_container(row))
        except ValueError as error:
            faults.append(f"{path.name}: row {number}: {error}")
    points = []
    for point_id, head in heads.items():
        try:
            points.append(_point(head, tuple(containers[point_id])))
        except ValueError as error:
            faults.append(f"{path.name}: row {first[point_id]}: {error}")
    if faults:
        raise DropOffFaults(faults)
    return tuple(points)


def _container(row: Mapping[str, str]) -> Container:
    volume_m3 = _float("volume_m3", row["volume_m3"]) if row["volume_m3"] else None
    # Container refuses any other word, so the narrowing is not left to the type checker.
    return Container(row["container_id"], row["flux"], volume_m3, row["position"] or None, row["handling"] or None)  # type: ignore[arg-type]


def _point(head: Mapping[str, str], containers: tuple[Container, ...]) -> DropOffPoint:
    try:
        updated = date.fromisoformat(head["updated"]) if head["updated"] else None
    except ValueError as error:
        raise ValueError(f"updated = {head['updated']!r}, must be a date such as 2026-11-23") from error
    return DropOffPoint(
        id=head["id"],
        name=head["name"] or None,
        lat_deg=_float("lat_deg", head["lat_deg"]),
        lon_deg=_float("lon_deg", head["lon_deg"]),
        commune=head["commune"] or None,
        address=head["address"] or None,
        containers=containers,
        operator=head["operator"] or None,
        source=head["source"],
        updated=updated,
        status=head["status"],  # type: ignore[arg-type]
    )


def _float(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{name} = {value!r}, must be a number") from error


def tidy_text(value: str) -> str | None:
    """A text as the domain takes it: control characters and runs of blanks become one blank; nothing left: None."""
    text = " ".join("".join(" " if _unwritable(c) else c for c in value).split())
    return text or None
