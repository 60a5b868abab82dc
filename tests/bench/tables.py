"""The tables of ``docs/measured/README.md``, out of the rows that ``ripeur bench --csv`` appended.

    python -m tests.bench.tables > docs/measured/README.md

A table is a set and a budget; an engine is shown with its newest commit that measured all the
instances which any commit did, so that a run half done does not replace a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean

from optimizer.bench.results import Log, Result, mean_line

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "results.csv"
SETS = {  # by the first letters of an instance
    "egl": "egl",
    "gdb": "gdb",
    "val": "val",
    "Lpr-": "mcarp-lpr",
    "mval": "mcarp-mval",
    "Lpr_IF-c": "mcarptif-lpr",
    "Lpr_IF-": "mcarptif-lpr, a and b",
    "Cen": "mcarptif-cen",
    "vrpnc": "mcvrp-abdulkader",
    "F1": "large-kw",
    "N1": "large-kw",
    "O1": "large-kw",
}
ENGINES = {"ripeur": "Ripeur", "pyvrp": "PyVRP", "ortools-alone": "OR-Tools"}
BEGIN = """# Measured, instance by instance

Written by `python -m tests.bench.tables` from [results.csv](results.csv). What it says, and the machine:
[benchmarks](../benchmarks.md). One core unless said.

- Gap: of the mean over the seeds to the best known value, per cent; of a set: the mean over its instances.
- Newer: a lower value that is reported elsewhere, not verified by us. Bold: below all that is reported.
- Vehicles: of the best seed (in brackets: of the best known, where vehicles come first).
- `FORMAT/INSTANCE.sol`: a plan below the stored value. PyVRP and OR-Tools: one seed, one core.
"""
ROUNDED = 0.05  # the best known values have one digit after the point at most
Runs = dict[str, dict[str, list[Result]]]  # by engine, then by instance, by seed


def set_of(result: Result) -> str:
    found = (name for begin, name in SETS.items() if result.instance.startswith(begin))
    return next(found, "wcvrptw-kim" if result.format == "wcvrptw" else result.format)


def newest(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Of one engine: its rows by instance, of the last commit that has as many instances as any."""
    by_commit: dict[str, dict[str, list[Result]]] = {}
    for result in results:
        by_commit.setdefault(result.commit, {}).setdefault(result.instance, []).append(result)
    most = max(map(len, by_commit.values()), default=0)
    return next((rows for rows in reversed(by_commit.values()) if len(rows) == most), {})


def gap(rows: Sequence[Result]) -> str:
    gaps = [row.gap_percent for row in rows if row.gap_percent is not None]
    return signed(mean(gaps)) if rows and len(gaps) == len(rows) else "–"


def signed(percent: float) -> str:
    return f"{percent:+.3f}".replace("-", "−")


def cells(instance: str, runs: Runs, seeds: Sequence[int], others: Sequence[str], newer: bool) -> Iterator[str]:
    ours = {row.seed: row for row in runs["ripeur"].get(instance, [])}
    some = next(row for by_instance in runs.values() for row in by_instance.get(instance, []))
    yield instance
    yield "–" if some.best_known is None else thousands(some.best_known, 1)
    if newer:
        yield "" if some.claimed is None else thousands(some.claimed, 1)
    for seed in seeds:
        yield cost(ours[seed]) if seed in ours else "–"
    best = min(ours.values(), key=lambda row: (row.best_vehicles and row.vehicles, row.cost), default=None)
    yield "–" if best is None else f"{best.vehicles}" + (f" ({some.best_vehicles})" if some.best_vehicles else "")
    yield gap(list(ours.values()))
    for engine in others:
        rows = runs[engine].get(instance, [])
        yield "–" if not rows else cost(rows[0]) + (f" with {rows[0].vehicles}" if some.best_vehicles else "")
        yield gap(rows)


def cost(row: Result) -> str:
    text = thousands(row.cost, 2)
    return f"**{text}**" if row.is_new_best else text


def thousands(value: float, decimals: int) -> str:
    return f"{value:,.{0 if value == round(value) else decimals}f}"


def summary(runs: Runs) -> Iterator[str]:
    for engine, title in ENGINES.items():
        if rows := [row for row in runs.get(engine, {}).values() if row[0].best_known is not None]:
            reached = sum(
                any(r.gap_percent is not None and r.cost <= (r.best_known or 0.0) + ROUNDED for r in row)
                for row in rows
            )
            yield f"- {title}, {mean_line([r for row in rows for r in row])}; at or below the best known: {reached}"


def tables(results: Sequence[Result]) -> Iterator[str]:
    def group(result: Result) -> tuple[str, str, float]:
        return result.format, set_of(result), result.budget_s

    for (kind, name, budget_s), found in groupby(sorted(results, key=group), key=group):
        by_engine: dict[str, list[Result]] = {"ripeur": []}
        for result in found:
            by_engine.setdefault(result.engine, []).append(result)
        runs = {engine: newest(rows) for engine, rows in by_engine.items()}
        ours = [row for rows in runs["ripeur"].values() for row in rows]
        seeds = sorted({row.seed for row in ours})
        others = [engine for engine in ENGINES if engine in runs and engine != "ripeur"]
        commits = sorted({row.commit for row in ours})
        cores = max((row.cores for row in ours), default=1)
        yield f"\n## {name}, {budget_s:g} s, {cores} core{'s' if cores > 1 else ''}\n"
        yield from summary(runs)
        yield f"- `ripeur bench {kind} … --budget {budget_s:g} --cores {cores}`, commit {', '.join(commits)}\n"
        newer = any(row.claimed for row in ours)
        head = ["instance", "best known", *["newer"] * newer, *(f"seed {seed}" for seed in seeds), "vehicles", "gap"]
        head += [word for engine in others for word in (ENGINES[engine], "gap")]
        yield "| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|"
        for instance in sorted({name for rows in runs.values() for name in rows}, key=natural):
            yield "| " + " | ".join(cells(instance, runs, seeds, others, newer)) + " |"


def natural(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def page(log: Log) -> str:
    return BEGIN + "\n".join(tables([row for row in log.there.values() if row.iterations is None])) + "\n"


if __name__ == "__main__":
    print(page(Log(MEASURED, "")), end="")
