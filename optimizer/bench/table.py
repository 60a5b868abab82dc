"""A row of the bench: an instance read, solved, judged, written down."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from optimizer.bench import abdulkader, belenguer, carplib, kim
from optimizer.bench.instance import Instance
from optimizer.bench.results import Log, Result, best_known_of
from optimizer.bench.shifts import with_shifts
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
    solutions: Path | None


class Measured:
    """An instance in a table, read when the first seed asks for it (``instance``: None until then)."""

    def __init__(self, path: Path, run: Run, log: Log) -> None:
        self.path, self.run, self.log = path, run, log
        self.instance: Instance | None = None
        self.reading_s = 0.0

    def row(self, seed: int) -> tuple[Result, bool]:
        """The result of a seed, and whether it is new. ValueError: the file, or a solution."""
        run, known = self.run, best_known_of(self.path)
        vehicles = known.vehicles if run.format in VEHICLES_FIRST else None
        new = Result(
            commit=self.log.commit,
            engine=run.engine,
            format=run.format,
            instance=self.path.stem,
            seed=seed,
            budget_s=run.budget_s,
            cores=run.cores,
            iterations=run.iterations,
            cost=0.0,
            vehicles=0,
            best_known=known.cost,
            claimed=known.claimed,
            best_vehicles=vehicles,
            seconds=0.0,
            reading_s=0.0,
        )
        there = self.log.there.get(new.key)
        if there is not None:  # beside what is known now
            return replace(there, best_known=known.cost, claimed=known.claimed, best_vehicles=vehicles), False
        instance = self.instance or self._read()
        begun = time.monotonic()
        instance, solution = _solved(instance, run, seed)
        seconds, self.instance = time.monotonic() - begun, instance
        verified, text = instance.verified(solution)
        if run.solutions is not None:
            _keep(run.solutions / f"{instance.name}.sol", instance, verified, text)
        new = replace(
            new, cost=verified.cost, vehicles=verified.vehicles,
            seconds=round(seconds, 2), reading_s=round(self.reading_s, 2),
        )  # fmt: skip
        self.log.add(new)
        return new, True

    def _read(self) -> Instance:
        begun = time.monotonic()
        instance = READERS[self.run.format](self.path)
        if instance.kind != self.run.format:
            raise ValueError(f"format {instance.kind}, must be {self.run.format}")
        instance.check()
        self.instance, self.reading_s = instance, time.monotonic() - begun
        return instance


def _solved(instance: Instance, run: Run, seed: int) -> tuple[Instance, Solution]:
    """The solution, and the instance with as many vehicles as it took: the readers offer what loads and services ask
    for; where the way takes most of the time, or everybody waits for the same hour, twice as many are tried."""
    while True:
        solution = _solve(instance, run, seed)
        count = len(instance.problem.shifts)
        if not solution.unserved or not all(solution.routes) or count == len(instance.problem.tasks):
            return instance, solution
        more = with_shifts(instance.problem, min(2 * count, len(instance.problem.tasks)))
        instance = replace(instance, problem=more)


def _solve(instance: Instance, run: Run, seed: int) -> Solution:
    if run.engine == "pyvrp":
        try:
            from optimizer.search.pyvrp_engine import solve_by_pyvrp
        except ModuleNotFoundError as missing:
            raise ValueError(f"{missing.name} is not installed: --engine pyvrp needs pip install pyvrp") from None
        return solve_by_pyvrp(instance.problem, run.budget_s, seed)
    return solve(
        instance.problem, None, run.budget_s, seed, engine=run.engine, cores=run.cores, iterations=run.iterations
    )


def _keep(path: Path, instance: Instance, verified: Verified, text: str) -> None:
    """Write the solution, unless a better one of the same instance is there."""
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
