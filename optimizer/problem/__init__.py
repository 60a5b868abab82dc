"""A day as the search sees it, its exact clock and its one price."""

from optimizer.problem.cost import UNSERVED_EUR, cost_eur
from optimizer.problem.problem import (
    UNREACHABLE,
    Event,
    Mode,
    Problem,
    ProblemShift,
    ProblemSite,
    ProblemTask,
    Solution,
    Visit,
    Window,
)
from optimizer.problem.schedule import longest_work_s, opening, place_of, schedule

__all__ = [
    "UNREACHABLE",
    "UNSERVED_EUR",
    "Event",
    "Mode",
    "Problem",
    "ProblemShift",
    "ProblemSite",
    "ProblemTask",
    "Solution",
    "Visit",
    "Window",
    "cost_eur",
    "longest_work_s",
    "opening",
    "place_of",
    "schedule",
]
