"""The shifts of an instance: all alike, without any rule that the format does not have."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from optimizer.problem import Problem, ProblemShift
from optimizer.search import SPARE_TRIPS

ENDLESS_S = 1e9


def shifts(count: int, **rules: Any) -> tuple[ProblemShift, ...]:
    """``count`` shifts from midnight, without end, crew, price or rest but what ``rules`` say."""
    every: dict[str, Any] = {
        "travel": 0, "depot": 0, "start_s": 0.0, "length_s": ENDLESS_S, "overtime_s": 0.0, "start_service_s": 0.0,
        "end_service_s": 0.0, "crew_factor": 1.0, "breaks": (), "max_work_s": ENDLESS_S, "max_driving_s": None,
        "fixed_eur": 0.0, "eur_per_s": 0.0, "overtime_eur_per_s": 0.0, "eur_per_m": 0.0,
    }  # fmt: skip
    return tuple(ProblemShift(id=f"V{k + 1}", **(every | rules)) for k in range(count))


def enough(least: float, tasks: int) -> int:
    """How many shifts to offer where at least ``least`` are needed: some to spare, at most one per task."""
    return max(1, min(tasks, ceil(least - 1e-9) + SPARE_TRIPS))


def with_shifts(problem: Problem, count: int) -> Problem:
    """The same tasks for so many shifts like the first one."""
    everyone = frozenset(range(count))
    tasks = tuple(replace(task, shifts=everyone) for task in problem.tasks)
    return replace(problem, tasks=tasks, shifts=tuple(replace(problem.shifts[0], id=f"V{k + 1}") for k in everyone))
