"""``<instance>.sol`` read back: what was written is the plan it was written of."""

from __future__ import annotations

from optimizer.bench.solution_file import Tokens
from optimizer.problem.problem import Problem, Solution, Visit


def read(problem: Problem, tokens: Tokens, text: str) -> Solution:
    """The solution that a file describes; tasks that it does not name are unserved. Rests are not read.

    ValueError: a token that the instance does not have, or has no more of; more lines than shifts.
    """
    owners: dict[str, list[tuple[int, int]]] = {}
    for task, modes in enumerate(tokens.tasks):
        for mode, token in enumerate(modes):
            owners.setdefault(token, []).append((task, mode))
    sites = {token: i for i, token in enumerate(tokens.sites)}
    left = set(range(len(problem.tasks)))
    routes: list[tuple[Visit, ...]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        route = []
        for token in line.split():
            if token in sites:
                route.append(Visit("unload", sites[token]))
            elif token != "L":
                name, _, which = token.partition("#")
                candidates = owners.get(name, [])
                if which:
                    candidates = candidates[int(which) - 1 : int(which)]
                found = next(((t, m) for t, m in candidates if t in left), None)
                if found is None:
                    raise ValueError(f"line {number}: {token}: no such task, or served before")
                left.remove(found[0])
                route.append(Visit("task", *found))
        if route and not tokens.sites:
            route.append(Visit("unload", 0))
        if route:
            routes.append(tuple(route))
    if len(routes) > len(problem.shifts):
        raise ValueError(f"{len(routes)} lines, must be at most {len(problem.shifts)} (shifts)")
    routes += [()] * (len(problem.shifts) - len(routes))
    return Solution(tuple(routes), tuple((t, "SHIFT_TIME") for t in sorted(left)))
