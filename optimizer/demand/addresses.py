"""Addresses: the map's own and the national address base (BAN), one list without repeats.

The base is France's *Base Adresse Nationale* as published by département (adresse.data.gouv.fr, CSV, ``;``, UTF-8):
``id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;…;x;y;lon;lat;…``.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from optimizer.streets import Extract, normalized_street_name

BASE_COLUMNS = ("numero", "nom_voie", "lon", "lat")


@dataclass(frozen=True, slots=True)
class Address:
    lon_deg: float
    lat_deg: float
    number: str
    street: str | None

    def __str__(self) -> str:
        return f"{self.number} {self.street or ''}".strip()

    @property
    def key(self) -> tuple[str, str]:
        return normalized_street_name(self.street or ""), self.number.casefold().replace(" ", "")


def csv_table(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, str]]]]:
    """Header and rows of a CSV (``;`` or ``,``, UTF-8); the row number is the file's line, the header being row 1.

    ValueError where the file is not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: byte {error.start} is not UTF-8, the file must be saved as UTF-8") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") >= first.count(",") else ",")
    header = [name.strip() for name in next(reader, [])]

    def rows() -> Iterator[tuple[int, Mapping[str, str]]]:
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                padded = cells + [""] * (len(header) - len(cells))
                yield start, {name: cell.strip() for name, cell in zip(header, padded, strict=False)}
            start = reader.line_num + 1

    return header, rows()


def read_address_base(path: Path, bbox: tuple[float, float, float, float]) -> tuple[list[Address], list[str], int]:
    """The base's addresses inside ``bbox`` (west, south, east, north), the refused rows, and how many lie outside."""
    try:
        header, rows = csv_table(path)
    except ValueError as error:
        return [], [str(error)], 0
    missing = [name for name in BASE_COLUMNS if name not in header]
    if missing:
        return [], [f"{path.name} row 1: no column {', '.join(missing)}, must have {', '.join(BASE_COLUMNS)}"], 0
    west, south, east, north = bbox
    addresses: list[Address] = []
    refused: list[str] = []
    outside = 0
    for row, cells in rows:
        faults = []
        place: dict[str, float] = {}
        for column, bound in (("lon", 180.0), ("lat", 90.0)):
            try:
                place[column] = float(cells[column].replace(",", "."))
            except ValueError:
                faults.append(f"{column} = {cells[column]!r}, must be a number of degrees")
                continue
            if not (math.isfinite(place[column]) and abs(place[column]) <= bound):
                faults.append(f"{column} = {cells[column]!r}, must be within ±{bound:g} degrees")
        if not cells["nom_voie"]:
            faults.append("nom_voie is empty, must be the street's name")
        if not cells["numero"].isdigit():
            faults.append(f"numero = {cells['numero']!r}, must be a whole number")
        if faults:
            refused += [f"{path.name} row {row}: {fault}" for fault in faults]
        elif not (west <= place["lon"] <= east and south <= place["lat"] <= north):
            outside += 1
        else:
            number = f"{cells['numero']}{cells.get('rep', '')}"
            addresses.append(Address(place["lon"], place["lat"], number, cells["nom_voie"]))
    return addresses, refused, outside


def merged_addresses(base: list[Address], extract: Extract) -> list[Address]:
    """The base's addresses, then those of the map that it does not hold (same street and number)."""
    known = {a.key for a in base}
    mapped = [Address(a.lon_deg, a.lat_deg, a.number, a.street) for a in extract.addresses]
    return base + [a for a in mapped if not a.street or a.key not in known]
