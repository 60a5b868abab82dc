"""A published instance: its problem, as the search knows problems, and what is needed to write its solutions down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optimizer.bench.solution_file import Tokens, written
from optimizer.bench.verify import Verified, verify
from optimizer.problem import UNREACHABLE, Problem, Solution


@dataclass(frozen=True, slots=True)
class Instance:
    """``kind``: the format (``carp``, ``mcarp``, ``mcarptif``, ``wcvrptw``, ``mcvrp``); ``source``: the file."""

    name: str
    kind: str
    source: Path
    problem: Problem
    tokens: Tokens

    def verified(self, solution: Solution) -> tuple[Verified, str]:
        """The solution judged as a file by code that shares nothing with the search; and that file's text.

        ValueError: what is wrong, with the line. Where several links lead from i to j, ``i>j`` alone is tried first
        (the next one in the file's order) and their numbers are written only where the loads ask for it.
        """
        text = written(self.problem, self.tokens, solution)
        if self.tokens.several:
            try:
                return verify(self.kind, self.source, text), text
            except ValueError:
                text = written(self.problem, self.tokens, solution, numbered=True)
        return verify(self.kind, self.source, text), text

    def check(self) -> None:
        """ValueError: what no vehicle can serve, by its token."""
        shift, ds = self.problem.shifts[0], self.problem.travel_ds[0]
        for task, (token, *_) in zip(self.problem.tasks, self.tokens.tasks, strict=True):
            for load, most in zip(task.load, shift.capacity, strict=True):
                if load > most + 1e-6:
                    raise ValueError(f"{token}: demand = {load:g}, must be at most {most:g}")
            if all(max(ds[shift.depot, m.place], ds[m.place, shift.depot]) >= UNREACHABLE for m in task.modes):
                raise ValueError(f"{token}: no way there and back")

    def objective(self, solution: Solution) -> float:
        """In the format's own units. ValueError: the solution breaks a rule of the format."""
        return self.verified(solution)[0].cost
