"""What weighings teach of the next plan's demand: a factor per sector and flux, with its uncertainty.

A ticket says what a trip weighed; the plan says what it expected of each sector and flux in it; a sorting plant's day
says how much of a flux came out of all trips together. Factors are the least-squares answer to all of these at once,
drawn towards 1 (the estimate): a prior of 1 ± ``PRIOR``, so that what few loads say changes little. How much a row may
err is taken from how well all of them fit, and never below ``LEAST_ERROR``.

Nothing is learned below the level of a sector, nor of a sector with fewer than ``LEAST_DWELLINGS`` homes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: ASSUMED: estimates of a sector's demand are mostly within 30 % of what is weighed.
PRIOR = 0.3
LEAST_ERROR = 0.05
LEAST_DWELLINGS = 30
LEAST_KG = 1.0  # a trip that was to bring less teaches nothing
LOWEST, HIGHEST = 0.3, 3.0
Z90 = 1.645
COLUMNS = ("sector", "flux", "factor", "low", "high", "loads")


@dataclass(frozen=True, slots=True)
class WeighedLoads:
    """One row of evidence: ``kg`` weighed where the plan expected ``planned_kg`` by (sector, flux), its estimate before
    any earlier correction. ``loads``: tickets that it stands for; 0 for a plant's sum of a day, whose tickets count by
    themselves."""

    kg: float
    planned_kg: Mapping[tuple[str, str], float]
    loads: int = 1


@dataclass(frozen=True, slots=True)
class LearnedFactor:
    """``factor``: what the estimate is multiplied by; ``low``, ``high``: its 90 % interval."""

    sector: str
    flux: str
    factor: float
    low: float
    high: float
    loads: int


def learn_factors(rows: Iterable[WeighedLoads], dwellings: Mapping[str, int]) -> list[LearnedFactor]:
    """Factors of every sector and flux that some load touched. ``dwellings``: by sector, as the plans count them."""
    rows = [row for row in rows if row.kg >= 0 and sum(row.planned_kg.values()) >= LEAST_KG]
    wide = {sector for sector, count in dwellings.items() if count >= LEAST_DWELLINGS}
    cells = sorted({cell for row in rows for cell, kg in row.planned_kg.items() if kg > 0 and cell[0] in wide})
    if not cells:
        return []
    at = {cell: k for k, cell in enumerate(cells)}
    planned = np.zeros((len(rows), len(cells)))
    rest = np.zeros(len(rows))  # of sectors too small to learn of: taken as estimated
    for i, row in enumerate(rows):
        for cell, kg in row.planned_kg.items():
            if cell in at:
                planned[i, at[cell]] += kg
            else:
                rest[i] += kg
    expected = planned.sum(axis=1) + rest
    off = (np.array([row.kg for row in rows]) - expected) / expected  # relative, as are the rows' errors
    share = planned / expected[:, None]
    # a plant's day weighs the same kilos as its tickets: two rows of evidence of one truth
    by_ticket = np.array([row.loads > 0 for row in rows])
    twice = 1 + min(1.0, float(expected[~by_ticket].sum() / max(1e-9, float(expected[by_ticket].sum()))))
    error = 0.15
    for _ in range(5):
        precision = share.T @ share / (twice * error**2) + np.eye(len(cells)) / PRIOR**2
        covariance = np.linalg.inv(precision)
        shift = covariance @ (share.T @ off) / (twice * error**2)
        # parameters that the data, not the prior, decide
        free = max(1.0, len(rows) - float(np.trace(share @ covariance @ share.T)) / (twice * error**2))
        fit = math.sqrt(float(((off - share @ shift) ** 2).sum()) / free)
        error = max(LEAST_ERROR, min(1.0, fit))
    half = Z90 * np.sqrt(np.diag(covariance))
    loads = [sum(row.loads for row in rows if row.planned_kg.get(cell, 0.0) > 0) for cell in cells]
    return [
        LearnedFactor(sector, flux, _bounded(1 + m), _bounded(1 + m - h), _bounded(1 + m + h), n)
        for (sector, flux), m, h, n in zip(cells, shift, half, loads, strict=True)
    ]


def _bounded(factor: float) -> float:
    return float(min(HIGHEST, max(LOWEST, factor)))


def write_learned(learned: Sequence[LearnedFactor], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in learned:
            figures = (f"{value:.4f}" for value in (one.factor, one.low, one.high))
            writer.writerow([one.sector, one.flux, *figures, one.loads])


def read_learned(path: Path, sectors: Sequence[str], flux: Sequence[str]) -> list[LearnedFactor]:
    """Raises ``ValueError`` naming the row, the field, the value and the bound."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=";")
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path.name} row 1: columns must be {';'.join(COLUMNS)}")
        found = [_row(f"{path.name} row {reader.line_num}", cells, sectors, flux) for cells in reader]
    cells = [(one.sector, one.flux) for one in found]
    if twice := sorted({cell for cell in cells if cells.count(cell) > 1}):
        raise ValueError(f"{path.name}: {twice[0]}, must be there once")
    return found


def _row(where: str, cells: Mapping[str, str | None], sectors: Sequence[str], flux: Sequence[str]) -> LearnedFactor:
    for name, known in (("sector", sectors), ("flux", flux)):
        if cells[name] not in known:
            raise ValueError(f"{where}: {name} = {cells[name]!r}, must be one of {', '.join(known)}")
    figures = []
    for name in ("factor", "low", "high"):
        try:
            value = float(cells[name] or "")
        except ValueError:
            raise ValueError(f"{where}: {name} = {cells[name]!r}, must be a number") from None
        if not LOWEST <= value <= HIGHEST:
            raise ValueError(f"{where}: {name} = {value}, must be from {LOWEST} to {HIGHEST}")
        figures.append(value)
    loads = cells["loads"] or ""
    if not loads.isascii() or not loads.isdigit():
        raise ValueError(f"{where}: loads = {loads!r}, must be a whole number")
    factor, low, high = figures
    return LearnedFactor(str(cells["sector"]), str(cells["flux"]), factor, low, high, int(loads))
