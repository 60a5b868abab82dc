"""Waste collection with time windows (Kim, Kim and Sahoo 2006, doi:10.1016/j.cor.2005.02.045): stops, disposal sites,
one lunch, limits on a vehicle's trip and day.

Miles are Manhattan; the price is miles, and so much per vehicle that vehicles come first. Driving is rounded up to the
next tenth of a second, so that what keeps its hours here keeps them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from optimizer.bench.instance import Instance
from optimizer.bench.network import DAY, header
from optimizer.bench.shifts import enough, shifts
from optimizer.bench.solution_file import Tokens
from optimizer.problem import UNSERVED_EUR, Mode, Problem, ProblemSite, ProblemTask, Window

FEET_PER_MILE, METRES_PER_MILE = 5280.0, 1609.344
HEAD = ("capacity", "yards of the day", "stops of the day", "lunch", "mph")  # lines 1 to 5
VEHICLE_EUR = 100_000.0
LUNCH_S = (11 * 3600.0, 12 * 3600.0)  # between these it begins
DEPOT, STOP, DISPOSAL = 0, 1, 2
ALWAYS: Window = (0.0, 86_400.0)


@dataclass(frozen=True, slots=True)
class _KimRow:
    id: str
    x_ft: float
    y_ft: float
    hours: Window
    serve_s: float
    yards: float
    type: int

    @property
    def windows(self) -> tuple[Window, ...]:
        """Only the beginning of a service is bound, so the window is longer by the service."""
        return () if self.hours == ALWAYS else ((self.hours[0], self.hours[1] + self.serve_s),)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Lines 1 to 5 of a file."""

    trip_yards: float
    day_yards: float
    day_stops: float
    lunch_s: float
    mph: float


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is not as the format has it."""
    lines = [(i, line.split()) for i, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1)]
    lines = [(number, words) for number, words in lines if words]
    head = {name: words[0] for name, (_, words) in zip(HEAD, lines, strict=False)}
    trip_yards, day_yards, day_stops, mph = (header(path, head, name, above=0) for name in (*HEAD[:3], HEAD[4]))
    limits = _Limits(trip_yards, day_yards, day_stops, header(path, head, "lunch"), mph)
    rows = [_row(path, number, words) for number, words in lines[6:]]
    depots, stops, sites = ([i for i, row in enumerate(rows) if row.type == type] for type in (DEPOT, STOP, DISPOSAL))
    if len(depots) != 1 or not stops or not sites:
        raise ValueError(f"{path.name}: depots, stops, disposal sites = {len(depots)}, {len(stops)}, {len(sites)}, "
                         "must be one, some, some")  # fmt: skip
    problem = _problem(rows, limits, depots[0], stops, sites)
    tokens = Tokens.of(tuple((rows[i].id,) for i in stops), tuple(f"U{rows[i].id}" for i in sites))
    return Instance(path.stem, "wcvrptw", path, problem, tokens)


def _problem(rows: list[_KimRow], limits: _Limits, depot: int, stops: list[int], sites: list[int]) -> Problem:
    length_s = rows[depot].hours[1] - rows[depot].hours[0]
    count = _shifts_for(rows, limits, length_s, stops, sites)
    tasks = tuple(
        ProblemTask(
            id=rows[i].id,
            modes=(Mode(i, 0.0, rows[i].serve_s, 0.0),),
            load=(rows[i].yards,),
            windows=rows[i].windows,
            shifts=frozenset(range(count)),
            unserved_eur=UNSERVED_EUR,
        )
        for i in stops
    )
    return Problem(
        date=DAY,
        dimensions=("yards",),
        tasks=tasks,
        sites=tuple(ProblemSite(rows[i].id, i, rows[i].windows, rows[i].serve_s, (True,)) for i in sites),
        shifts=shifts(
            count,
            depot=depot,
            start_s=rows[depot].hours[0],
            length_s=length_s,
            capacity=(limits.trip_yards,),
            fixed_eur=VEHICLE_EUR,
            eur_per_m=1 / METRES_PER_MILE,
            most_load=(limits.day_yards,),
            most_tasks=int(limits.day_stops),
            lunch=(*LUNCH_S, limits.lunch_s) if limits.lunch_s > 0 else None,
        ),
        travel_ds=(_travel_ds(rows, limits.mph),),
        mean_speed_mps=limits.mph * METRES_PER_MILE / 3600,
        eur_per_reversal=0.0,
        balance_eur_per_s=0.0,
    )


def _shifts_for(rows: list[_KimRow], limits: _Limits, length_s: float, stops: list[int], sites: list[int]) -> int:
    """Twice what loads, numbers of stops and services ask for: the way takes time too."""
    yards = sum(rows[i].yards for i in stops)
    trips = ceil(yards / limits.trip_yards)
    busy_s = sum(rows[i].serve_s for i in stops) + trips * min(rows[i].serve_s for i in sites)
    least = max(yards / limits.day_yards, len(stops) / limits.day_stops, 2 * busy_s / (length_s - limits.lunch_s))
    return enough(2 * least, len(stops))


def _travel_ds(rows: list[_KimRow], mph: float) -> NDArray[np.int32]:
    """Manhattan, rounded up, row by row: what lies between is as large as the matrix."""
    at = np.array([(row.x_ft, row.y_ft) for row in rows])
    s_per_ft = 3600 / mph / FEET_PER_MILE
    travel_ds = np.empty((len(rows), len(rows)), dtype=np.int32)
    for row in range(len(rows)):
        travel_ds[row] = np.ceil(np.abs(at - at[row]).sum(1) * s_per_ft * 10 - 1e-6)
    return travel_ds


def _row(path: Path, number: int, words: list[str]) -> _KimRow:
    try:
        x_ft, y_ft, early, late, serve_s, yards = (float(word) for word in words[1:7])
        if not isfinite(x_ft + y_ft) or not min(early, late, serve_s, yards) >= 0:
            raise ValueError
        opens_s, closes_s = (float(hhmm // 100 * 3600 + hhmm % 100 * 60) for hhmm in (early, late))
        return _KimRow(
            id=words[0],
            x_ft=x_ft,
            y_ft=y_ft,
            hours=(opens_s, closes_s),
            serve_s=serve_s,
            yards=yards,
            type=int(words[7]),
        )
    except (ValueError, IndexError):
        raise ValueError(f"{path.name}: line {number}: {' '.join(words)!r}, must be id, x, y, early, late, seconds, "
                         "yards, type") from None  # fmt: skip
