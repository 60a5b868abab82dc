"""Real demand from a CSV: it replaces the estimate for the streets that it names.

Columns (``;`` or ``,``, UTF-8): ``street`` (a name), or ``way`` (an OSM id), or ``stretch`` (an id of the plan);
``side`` (optional: ``odd``, ``even``; with ``way`` or ``stretch`` also ``left``, ``right`` as seen along the way;
empty = both); ``dwelling`` (houses, blocks, shops); ``dwellings`` (their number, optional); one ``<flux>_kg_week`` per
known flux. A number left empty stays estimated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from optimizer.area import DWELLINGS, Area
from optimizer.demand.addresses import csv_table
from optimizer.streets import Ints, StretchIndex, normalized_street_name

SideKey = tuple[str, str]
SIDES = ("left", "right")


@dataclass(frozen=True)
class KnownDemand:
    """``kg``: per week by (stretch id, side, kind) and flux; ``dwellings``: counts by kind at every side named."""

    kg: Mapping[tuple[str, str, str], Mapping[str, float]]
    dwellings: Mapping[SideKey, Mapping[str, float]]
    refused: tuple[str, ...]

    @property
    def sides(self) -> set[SideKey]:
        return set(self.dwellings)


@dataclass(frozen=True, slots=True)
class _DemandRow:
    places: tuple[tuple[int, str], ...]  # index of the stretch, side
    kind: str
    count: float | None
    kg: Mapping[str, float]


@dataclass
class _Reader:
    """One file being read: the streets by name, way and id, and what was refused so far."""

    stretch_index: StretchIndex
    odd: Ints
    flux: tuple[str, ...]
    file: str
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by: dict[str, dict[str, list[int]]] = {"street": {}, "way": {}, "stretch": {}}
        for k, s in enumerate(self.stretch_index.stretches):
            for column, key in (("street", normalized_street_name(s.name)), ("way", str(s.osm_way)), ("stretch", s.id)):
                if key:
                    self.by[column].setdefault(key, []).append(k)

    def row(self, number: int, cells: Mapping[str, str]) -> _DemandRow | None:
        faults: list[str] = []
        column = next((c for c in ("stretch", "way", "street") if cells.get(c)), "street")
        named = cells.get(column, "")
        stretches = self.by[column].get(normalized_street_name(named) if column == "street" else named, [])
        if not stretches:
            faults.append(f"{column} = {named!r}, must be a collected street of the map")
        kind = cells.get("dwelling", "")
        if kind not in DWELLINGS:
            faults.append(f"dwelling = {kind!r}, must be one of {', '.join(DWELLINGS)}")
        places = self._places(stretches, cells.get("side", ""), column, faults)
        count = self._number(cells, "dwellings", faults)
        kg = {name: self._number(cells, f"{name}_kg_week", faults) for name in self.flux}
        self.refused += [f"{self.file} row {number}: {fault}" for fault in faults]
        if faults:
            return None
        return _DemandRow(places, kind, count, {name: value for name, value in kg.items() if value is not None})

    def _places(self, stretches: list[int], side: str, column: str, faults: list[str]) -> tuple[tuple[int, str], ...]:
        if side == "":
            return tuple((k, s) for k in stretches for s in SIDES)
        if side in SIDES:
            if column == "street":  # a street's ways may be drawn in either direction
                faults.append(f"side = {side!r}, must be odd or even where a street is given by its name")
            return tuple((k, side) for k in stretches)
        if side not in ("odd", "even"):
            faults.append(f"side = {side!r}, must be odd, even, left, right or empty")
            return ()
        told = [k for k in stretches if self.odd[k]]
        if stretches and not told:
            faults.append(
                f"side = {side!r}, no numbered address of the street tells which side that is; leave it empty"
            )
        wanted = 1 if side == "odd" else -1
        return tuple((k, "left" if self.odd[k] == wanted else "right") for k in told)

    @staticmethod
    def _number(cells: Mapping[str, str], column: str, faults: list[str]) -> float | None:
        text = cells.get(column, "")
        if not text:
            return None
        try:
            value = float(text.replace(",", ".").replace("\u202f", "").replace(" ", ""))
        except ValueError:
            faults.append(f"{column} = {text!r}, must be a number")
            return None
        if not (math.isfinite(value) and value >= 0):
            faults.append(f"{column} = {text!r}, must be 0 or more")
        return value


def read_demand(
    area: Area, stretch_index: StretchIndex, counts: Mapping[SideKey, Mapping[str, float]], odd: Ints
) -> KnownDemand:
    """The file ``[demand] demand_csv``. ``counts``: estimated dwellings, by which a street's row is shared."""
    name = area.demand.demand_csv or ""
    flux = tuple(f.name for f in area.flux)
    try:
        header, rows = csv_table(area.folder / name)
    except ValueError as error:
        return KnownDemand({}, {}, (str(error),))
    known = {"street", "way", "stretch", "side", "dwelling", "dwellings", *(f"{f}_kg_week" for f in flux)}
    reader = _Reader(stretch_index, odd, flux, name)
    reader.refused += [f"{name} row 1: unknown column {c!r}, must be one of {', '.join(sorted(known))}"
                       for c in header if c not in known]  # fmt: skip
    if "dwelling" not in header or not {"street", "way", "stretch"} & set(header):
        reader.refused.append(
            f"{name} row 1: columns {', '.join(header)}, must hold dwelling and street, way or stretch"
        )
        return KnownDemand({}, {}, tuple(reader.refused))
    good = [row for number, cells in rows if (row := reader.row(number, cells)) is not None]
    dwellings: dict[SideKey, dict[str, float]] = {}
    kg: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in good:
        places = [(stretch_index.stretches[k].id, side) for k, side in row.places]
        shares = _shares(row, places, stretch_index, counts)
        for where, share in zip(places, shares, strict=True):
            here = dwellings.setdefault(where, dict.fromkeys(DWELLINGS, 0.0))
            estimated = counts.get(where, {}).get(row.kind, 0.0)
            here[row.kind] += estimated if row.count is None else row.count * share
            for flux_name, value in row.kg.items():
                at = kg.setdefault((*where, row.kind), {})
                at[flux_name] = at.get(flux_name, 0.0) + value * share
    return KnownDemand(kg, dwellings, tuple(reader.refused))


def _shares(
    row: _DemandRow, places: list[SideKey], stretch_index: StretchIndex, counts: Mapping[SideKey, Mapping[str, float]]
) -> list[float]:
    """How a row's total is shared: by estimated dwellings of its kind, else of all kinds, else by length."""
    for weigh in (
        [counts.get(where, {}).get(row.kind, 0.0) for where in places],
        [sum(counts.get(where, {}).values()) for where in places],
        [stretch_index.stretches[k].length_m for k, _ in row.places],
        [1.0] * len(places),
    ):
        if sum(weigh) > 0:
            return [float(w) for w in np.array(weigh) / sum(weigh)]
    return []
