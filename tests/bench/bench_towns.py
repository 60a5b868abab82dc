"""A day's plan of whole towns: cost without the gate fees, seconds by step, peak memory, by engine and budget.

    python tests/bench/bench_towns.py AREA [AREA …] --budgets 60 --engines ripeur,ortools-alone --seeds 1,2 --cores 2

One process per row, so that the peak memory is its own. Every plan is judged by the checker. OR-Tools has no seed.
Towns with everything on are made by ``make_towns``.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from datetime import date
from itertools import product
from pathlib import Path


def row(area: Path, day: date, engine: str, budget_s: float, seed: int, cores: int) -> str:
    from optimizer.check.checker import check
    from optimizer.night.night import plan_day
    from optimizer.planning.town import Town

    begin = time.monotonic()
    town = Town.prepare(area)
    prepared = time.monotonic()
    plan = plan_day(town, day, budget_s=budget_s, seed=seed, engine=engine, version="bench", cores=cores)
    planned = time.monotonic()
    report = check(plan, town.area, town.area.folder)
    judged = time.monotonic()
    total = plan.figures["total"]
    late = {"SHIFT_TIME", "TIME_WINDOW", "CAPACITY"}
    left = sum(u.reason in late for u in plan.unserved)
    eur = total["eur"]["total"] - total["eur"]["gate"]
    steps = (prepared - begin, planned - prepared, judged - planned)
    cells = (
        *(area.name, engine, seed, f"{budget_s:g}", len(plan.tasks), len(plan.tours), left),
        *(f"{eur:.0f}", f"{total['km']:.0f}", f"{total['hours']['drive']:.1f}", total["reversals"]),
        *(f"{step:.1f}" for step in steps),
        "ok" if report.ok else f"{len(report.faults)} faults",
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )
    return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| area | engine | seed | budget, s | tasks | tours | no time left | € | km | driving, h | reversals "
    "| prepare, s | plan, s | check, s | checked | peak, MiB |\n" + "|---" * 16 + "|"
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("areas", type=Path, nargs="*", default=[Path(__file__).parents[2] / "data" / "monaco"])
    parser.add_argument("--date", type=date.fromisoformat, default=date(2026, 11, 23))
    parser.add_argument("--budgets", default="0,10")
    parser.add_argument("--engines", default="ortools")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--one", action="store_true", help="this process measures one row")
    args = parser.parse_args()
    if args.one:
        print(row(args.areas[0], args.date, args.engines, float(args.budgets), int(args.seeds), args.cores))
        return
    print(HEAD)
    for area in args.areas:
        for engine in args.engines.split(","):
            seeds = args.seeds.split(",") if engine == "ripeur" else ["1"]
            for budget, seed in product(args.budgets.split(","), seeds):
                one = ["--date", str(args.date), "--budgets", budget, "--engines", engine, "--seeds", seed]
                command = [sys.executable, __file__, str(area), *one, "--cores", str(args.cores), "--one"]
                print(subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
