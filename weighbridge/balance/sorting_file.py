"""The sorting plant's file: what came out per day or shift, and samples of single loads.

Columns: ``at`` (end of the period), ``from`` (its start), ``flux`` (the plant's code, mapped by ``[flux]``, where
``residue`` is one), ``bags`` (whole ones), ``torn`` (torn ones), ``kg``, ``bales``, ``stock``, and for a sampling
campaign ``ticket``, the number of the load that was counted. Every row is judged alone; the same row has the same id
however often it is imported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid5

from fleet import Sorting
from weighbridge.balance.plant_file import (
    PlantFormat,
    PlantRow,
    PlantRowFault,
    plant_rows,
    read_mapping,
    resolve_period,
    row_message,
)
from weighbridge.bridge import ID_NAMESPACE

COLUMNS = ("at", "from", "flux", "bags", "torn", "kg", "bales", "stock", "ticket")
NEEDED = ("at", "flux")


@dataclass(frozen=True, slots=True)
class SortingReading:
    facts: tuple[Sorting, ...]
    refused: tuple[str, ...]
    doubtful: tuple[str, ...]


def sorting_format(path: Path) -> PlantFormat:
    """The TOML that maps a sorting file. Raises ``ValueError``."""
    return read_mapping(path, COLUMNS, NEEDED)


def read_sorting(path: Path, form: PlantFormat, site: str) -> SortingReading:
    """Every good row as a fact. Raises ``ValueError`` only where the file as a whole cannot be read."""
    facts: dict[str, Sorting] = {}
    refused: list[str] = []
    doubtful: list[str] = []
    for row in plant_rows(path, form):
        try:
            fact = _fact(row, site)
        except ValueError as error:
            refused.append(row_message(row, error))
            continue
        doubtful += [row_message(row, doubt) for doubt in row.doubts]
        facts.setdefault(fact.id, fact)
    return SortingReading(tuple(facts.values()), tuple(refused), tuple(doubtful))


def _fact(row: PlantRow, site: str) -> Sorting:
    code = row.needed("flux")
    flux = row.flux("flux")
    if flux is None:
        raise PlantRowFault(f"flux = {code!r}, must be one of [flux]: {', '.join(row.mapping.flux) or 'none there'}")
    row.needed("at")
    begun, at, doubtful = resolve_period(row.instants("from"), row.instants("at"), None)
    if doubtful:
        row.doubts.append(f"at = {row.text('at')!r}, an hour that comes twice: taken as the first")
    values: dict[str, Any] = {
        "at": at, "from_at": begun, "flux": flux, "bags": row.whole("bags"), "torn_bags": row.whole("torn"),
        "kg": row.kg("kg"), "bales": row.whole("bales"), "stock_kg": row.kg("stock"), "ticket": row.text("ticket"),
    }  # fmt: skip
    if all(values[name] is None for name in ("bags", "torn_bags", "kg", "bales", "stock_kg")):
        raise PlantRowFault("bags, torn, kg, bales and stock are empty, one must be given")
    text = "|".join(f"{name}={values[name]}" for name in sorted(values))
    id = str(uuid5(ID_NAMESPACE, f"sorting/{site}/{hashlib.sha256(text.encode()).hexdigest()}"))
    return Sorting(id=id, site=site, **values)
