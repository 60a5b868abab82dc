"""What the search reaches on towns of several sizes: cost at several budgets, seconds, unserved, peak memory.

    python -m tests.bench.bench_search --sizes 300,1000,2300,4500 --budgets 10,30,60 --engines ripeur,ortools

One process and one run at a time; each row is a fresh process, so that the peak memory is its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

from optimizer.problem.cost import cost_eur
from optimizer.problem.problem import Problem
from optimizer.problem.schedule import schedule
from optimizer.search.engines import solve
from tests.street_problem import street_problem

SHIFTS = {300: 14, 1000: 14, 2300: 14, 4500: 20}


def town(n: int, seed: int) -> Problem:
    """A town whose waste fits its fleet, rather tightly from 2,300 tasks on."""
    return street_problem(n, SHIFTS.get(n, max(4, n // 160)), seed, mean_kg=45.0 if n > 3000 else 75.0)


def row(n: int, seed: int, engine: str, budget_s: float) -> str:
    day = town(n, seed)
    begin = time.monotonic()
    plan = solve(day, None, budget_s, seed, engine=engine)
    seconds = time.monotonic() - begin
    eur = cost_eur(day, plan)
    clocks = [schedule(day, k, visits) for k, visits in enumerate(plan.routes) if visits]
    drive_h = sum(e.end_s - e.start_s for c in clocks for e in c.events if e.kind == "drive") / 3600
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    broken = sum(bool(c.broken) for c in clocks)
    return (
        f"{n:5d} tasks  {engine if budget_s else 'construct':9s} {budget_s:4.0f} s  {eur:10.1f} €  {seconds:6.2f} s  "
        f"{len(clocks):2d} shifts  {drive_h:5.1f} h between tasks  {len(plan.unserved):3d} unserved  "
        f"{broken} broken  {peak_mb} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="300,1000")
    parser.add_argument("--budgets", default="10,30")
    parser.add_argument("--engines", default="ripeur,ortools")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=3, metavar=("SIZE", "ENGINE", "BUDGET"), help="one row, in this process")
    options = parser.parse_args()
    if options.one:
        size, engine, budget = options.one
        print(row(int(size), options.seed, engine, float(budget)), flush=True)
        return
    for size in options.sizes.split(","):
        runs = [("ortools", "0")] + [(e, b) for b in options.budgets.split(",") for e in options.engines.split(",")]
        for engine, budget in runs:
            command = [sys.executable, "-m", "tests.bench.bench_search", "--seed", str(options.seed)]
            subprocess.run([*command, "--one", size, engine, budget], check=True)


if __name__ == "__main__":
    main()
