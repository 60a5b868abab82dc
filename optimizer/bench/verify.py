"""Judges of solution files, for each published format. They share nothing with the readers, the problem or the search:
each reads the instance's own file anew, and the ``.sol`` file as anybody's program would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optimizer.bench.verify_stops import compartments, waste_windows
from optimizer.bench.verify_streets import streets


@dataclass(frozen=True, slots=True)
class Verified:
    """``cost``: the format's own objective, in its own units."""

    cost: float
    vehicles: int


def verify(kind: str, source: Path, solution: str) -> Verified:
    """``solution``: the text of the ``.sol`` file. ValueError: the rule that is broken, with the line."""
    text = source.read_text(encoding="latin-1")
    lines = [(number, line.split()) for number, line in enumerate(solution.splitlines(), start=1) if line.strip()]
    if kind in ("carp", "mcarp", "mcarptif"):
        cost = streets(kind, text, lines)
    elif kind == "wcvrptw":
        cost = waste_windows(text, lines)
    elif kind == "mcvrp":
        cost = compartments(text, lines)
    else:
        raise ValueError(f"kind = {kind!r}, must be carp, mcarp, mcarptif, wcvrptw or mcvrp")
    return Verified(cost, len(lines))
