"""A row of the bench: an instance read, solved, judged, written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from optimizer.bench import abdulkader, belenguer, carplib, kim
from optimizer.bench.instance import Instance
from optimizer.bench.results import Log, Result, known_of
from optimizer.bench.verify import Verified, verify
from optimizer.problem import Solution
from optimizer.search import solve

READERS = {
    "carp": carplib.read, "mcarp": belenguer.read, "mcarptif": belenguer.read, "wcvrptw": kim.read,
    "mcvrp": abdulkader.read,
}  # fmt: skip
VEHICLES_FIRST = {"wcvrptw"}


@dataclass(frozen=True, slots=True)
class Run:
    """How every instance of a table is solved. ``solutions``: the folder of ``.sol`` files, None = not written."""

    format: str
    engine: str
    budget_s: float
    cores: int
    iterations: int | None
    seeds: tuple[int, ...]
    solutions: Path | None


def solved(path: Path, run: Run, log: Log) -> Iterator[tuple[Result, bool]]:
    """The results of an instance, seed by seed, and whether each is new. ValueError: the file, or a solution."""
    known = known_of(path)
    instance: Instance | None = None
    reading_s = 0.0
    for seed in run.seeds:
        begun = time.monotonic()

        def result(verified: Verified, seconds: float, seed: int = seed, reading_s: float = reading_s) -> Result:
            return Result(
                log.commit, run.engine, run.format, path.stem, seed, run.budget_s, run.cores, run.iterations,
                verified.cost, verified.vehicles, known.cost, known.claimed,
                known.vehicles if run.format in VEHICLES_FIRST else None,
                seconds, reading_s,
            )  # fmt: skip

        there = log.there.get(result(Verified(0.0, 0), 0.0).key)
        if there is not None:
            yield there, False
            continue
        if instance is None:
            instance = READERS[run.format](path)
            if instance.kind != run.format:
                raise ValueError(f"format {instance.kind}, must be {run.format}")
            reading_s = time.monotonic() - begun
            begun = time.monotonic()
        solution = _solve(instance, run, seed)
        seconds = time.monotonic() - begun
        verified, text = instance.verified(solution)
        if run.solutions is not None:
            _keep(run.solutions / f"{instance.name}.sol", instance, verified, text)
        new = result(verified, round(seconds, 2), reading_s=round(reading_s, 2))
        log.add(new)
        yield new, True


def _solve(instance: Instance, run: Run, seed: int) -> Solution:
    if run.engine == "pyvrp":
        try:
            from optimizer.bench.pyvrp_engine import solve_by_pyvrp
        except ModuleNotFoundError as missing:
            raise ValueError(f"{missing.name} is not installed: --engine pyvrp needs pip install pyvrp") from None
        return solve_by_pyvrp(instance.problem, run.budget_s, seed)
    return solve(
        instance.problem, None, run.budget_s, seed, engine=run.engine, cores=run.cores, iterations=run.iterations
    )


def _keep(path: Path, instance: Instance, verified: Verified, text: str) -> None:
    """Write the solution, unless a better one of the same instance is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        try:
            before = verify(instance.kind, instance.source, path.read_text(encoding="utf-8"))
        except ValueError:  # not this instance's, or broken
            before = None
        if before is not None and _rank(instance, before) <= _rank(instance, verified):
            return
    path.write_text(text, encoding="utf-8")


def _rank(instance: Instance, verified: Verified) -> tuple[float, float]:
    return (verified.vehicles if instance.kind in VEHICLES_FIRST else 0, verified.cost)
