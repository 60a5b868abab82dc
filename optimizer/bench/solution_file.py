"""``<instance>.sol``: one line per vehicle, tokens separated by blanks.

- streets: ``i>j`` (the link from i to j is served in that direction; where several required links lead from i to j,
  the next one not yet served in the file's order, or ``i>j#k``: the k-th of them) and ``U<node>`` (unload there);
- stops: ``<id>``, ``U<id>`` (unload there) and ``L`` (lunch).

Where the format knows no unloading but at the depot, a line is one trip from the depot to the depot, without ``U``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.problem import Problem, Solution, Visit, schedule


@dataclass(frozen=True, slots=True)
class Tokens:
    """``tasks[t][m]``: the token of task t in mode m. ``sites[s]``: of an unloading; empty where lines are trips.

    ``several``: tokens that more than one task answers to -> (task, mode) of each, in the file's order.
    """

    tasks: tuple[tuple[str, ...], ...]
    sites: tuple[str, ...] = ()
    several: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: tuple[tuple[str, ...], ...], sites: tuple[str, ...] = ()) -> Tokens:
        owners: dict[str, list[tuple[int, int]]] = {}
        for task, modes in enumerate(tasks):
            for mode, token in enumerate(modes):
                owners.setdefault(token, []).append((task, mode))
        return cls(tasks, sites, {token: who for token, who in owners.items() if len(who) > 1})

    def of_visit(self, visit: Visit, numbered: bool) -> str:
        if visit.kind == "unload":
            return self.sites[visit.index]
        token = self.tasks[visit.index][visit.mode]
        if numbered and token in self.several:
            return f"{token}#{self.several[token].index((visit.index, visit.mode)) + 1}"
        return token


def written(problem: Problem, tokens: Tokens, solution: Solution, numbered: bool = False) -> str:
    """The text of a solution file. What is unserved is not in it (and no verifier lets that pass)."""
    lines: list[list[str]] = []
    for k, visits in enumerate(solution.routes):
        if tokens.sites:
            lines.append(_line(problem, k, visits, tokens, numbered))
            continue
        trip: list[str] = []
        for visit in visits:
            if visit.kind == "task":
                trip.append(tokens.of_visit(visit, numbered))
            else:
                lines.append(trip)
                trip = []
        lines.append(trip)
    return "".join(" ".join(line) + "\n" for line in lines if line)


def _line(problem: Problem, shift: int, visits: tuple[Visit, ...], tokens: Tokens, numbered: bool) -> list[str]:
    if problem.shifts[shift].lunch is None:
        return [tokens.of_visit(visit, numbered) for visit in visits]
    line = []
    for event in schedule(problem, shift, visits).events:
        if event.kind == "break":
            line.append("L")
        elif event.kind in ("task", "unload") and event.visit is not None:
            line.append(tokens.of_visit(visits[event.visit], numbered))
    return line
