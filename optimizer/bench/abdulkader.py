"""Two compartments (Abdulkader, Gajpal and ElMekkawy 2015): customers with two demands, Euclidean, no rounding.

First row: depot's number, x, y, the compartments' capacities, customers, route time, service time; then a row per
customer: number, x, y, demands. A unit of length is 100 s, so that travel is exact to a thousandth (rounded up).
"""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import numpy as np

from optimizer.bench.instance import Instance
from optimizer.bench.network import DAY, check_count, parse_number
from optimizer.bench.shifts import ENDLESS_S, enough, shifts
from optimizer.bench.solution_file import Tokens
from optimizer.problem import UNSERVED_EUR, Mode, Problem, ProblemSite, ProblemTask
from optimizer.search import shifts_to_spare

S_PER_UNIT = 100.0
NO_LIMIT = 999_999
HEAD = ("depot", "x", "y", "capacity 1", "capacity 2", "customers", "route time", "service time")


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is not as the format has it."""
    lines = path.read_text(encoding="latin-1").splitlines()
    rows = [_numbers(path, i, line) for i, line in enumerate(lines, start=1) if line.strip()]
    if not rows or len(rows[0]) < 8 or len(rows) < 2:
        raise ValueError(f"{path.name}: line 1: must give {', '.join(HEAD)}")
    customers = rows[1:]
    head = dict(zip(HEAD, next(line for line in lines if line.strip()).split(), strict=False))
    check_count(path, head, "customers", len(customers))
    where = f"{path.name}: line 1"
    capacity = tuple(parse_number(where, name, head[name], above=0) for name in HEAD[3:5])
    limit, serve = parse_number(where, "route time", head["route time"], above=0), rows[0][7]
    load = np.array([row[3:5] for row in customers], dtype=float)
    count = shifts_to_spare(load, np.array(capacity))
    if limit < NO_LIMIT:
        count = max(count, enough(2 * serve * len(customers) / limit, len(customers)))
    everyone = frozenset(range(count))
    at = np.array([row[1:3] for row in rows])
    units = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    travel_ds = np.ceil(units * S_PER_UNIT * 10 - 1e-6).astype(np.int32)
    mode = [Mode(i, 0.0, serve * S_PER_UNIT, 0.0) for i in range(len(rows))]
    # paid by the metre (one per second of travel): service takes time, but costs nothing
    problem = Problem(
        date=DAY,
        dimensions=("first", "second"),
        tasks=tuple(
            ProblemTask(
                id=f"{row[0]:.0f}",
                modes=(mode[i],),
                load=(row[3], row[4]),
                windows=(),
                shifts=everyone,
                unserved_eur=UNSERVED_EUR,
            )
            for i, row in enumerate(customers, start=1)
        ),
        sites=(ProblemSite("depot", 0, (), 0.0, (True, True)),),
        shifts=shifts(
            count,
            capacity=capacity,
            eur_per_m=1 / S_PER_UNIT,
            length_s=limit * S_PER_UNIT if limit < NO_LIMIT else ENDLESS_S,
        ),
        travel_ds=(travel_ds,),
        mean_speed_mps=1.0,
        eur_per_reversal=0.0,
        balance_eur_per_s=0.0,
    )
    tokens = Tokens.of(tuple((task.id,) for task in problem.tasks))
    return Instance(path.stem, "mcvrp", path, problem, tokens)


def _numbers(path: Path, number: int, line: str) -> list[float]:
    try:
        row = [float(word) for word in line.split()]
    except ValueError:
        row = []
    if len(row) < 5 or not all(map(isfinite, row)) or min(row[3:]) < 0:
        where = f"{path.name}: line {number}: {line.strip()!r}"
        raise ValueError(f"{where}, must be number, x, y and two demands of 0 or more")
    return row
