# mypy: disable-error-code="untyped-decorator,no-any-return"
"""What each part of the search gains: the same instances, seconds and seeds with one part taken out.

    python -m tests.bench.ablation carp FILES --budget 20 --seeds 1,2 [--variants whole,modes,…]
    python -m tests.bench.ablation drawn 300 1000 [--cores 2]

``drawn``: towns of so many streets (``tests/street_problem.py``), with turns, one-ways, sides, rests and two unloading
sites, without hours; € in per cent of what the whole search needs. Else a file of a bench format: the gap to the lowest
value known.


- ``whole``: nothing taken out.
- ``modes``: no programme over modes. A task is served the way that is best when it is put in, and stays so until it is
  taken out; what is around it is not looked at again. (The best modes of all are found only where a cycle begins from a
  plan, and at the end.)
- ``recombination``: routes met are not recombined.
- ``packing``: neither trips nor trucks are ever dear.
- ``ortools``: with a part more: OR-Tools (``--engine ortools-alone``) has the first tenth of the budget, and its plan
  is the start.

One process per variant, one run at a time; every plan is judged by the verifier (of drawn towns: by the exact clock).
``modes`` is for problems without hours only, and compiles anew each time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from optimizer.problem.problem import Problem, Solution

VARIANTS = ("whole", "modes", "recombination", "packing", "ortools")
DECIDED, BEFORE = 0, 1  # columns of ``Routes.trail``, which only the clock needs: a task's mode (-1: any), and before


def without_recombination() -> None:
    from optimizer.search.ruin_recreate import engine

    engine.RECOMBINE_SHARE = 0.0  # searches on one core: nothing else is exchanged


def without_packing() -> None:
    from optimizer.search.ruin_recreate import engine

    def none(*_: object, **__: object) -> None:
        return None

    setattr(engine, "packed", none)  # noqa: B010


def without_modes() -> None:
    """Kernels that take each task in the mode decided when it was put in. To be called before anything is compiled."""
    from optimizer.search.ruin_recreate import engine, kernels, steps
    from optimizer.search.ruin_recreate.ground import EUR, PROFILE, SEC, Ground
    from optimizer.search.ruin_recreate.kernels import come, go, stretch
    from optimizer.search.ruin_recreate.kernels import insert as put_in
    from optimizer.search.ruin_recreate.routes import AHEAD, AHEAD_S, BACK, BACK_S, INF, compiled, inlined
    from optimizer.search.ruin_recreate.steps import recreate as put_all_back
    from optimizer.search.ruin_recreate.steps import undo as take_back

    @compiled
    def stretch_ahead(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int) -> None:
        for q in range(s.reach[r, AHEAD], p):
            y = s.seq[r, q]
            for k in range(len(g.shape.modes)):
                eur, sec = come(g, s, c, profile, rate, r, q, np.int64(s.via[y]), g.enter[y, k])
                decided = s.trail[y, 0, DECIDED]
                s.cells[y, k, AHEAD] = eur + g.serve[c, y, k, EUR] if decided < 0 or decided == k else INF
                s.cells[y, k, AHEAD_S] = sec + g.serve[c, y, k, SEC]
        s.reach[r, AHEAD] = p

    @compiled
    def stretch_back(g: Any, s: Any, c: int, profile: int, rate: float, r: int, p: int) -> None:
        for q in range(s.reach[r, BACK] - 1, p - 1, -1):
            y = s.seq[r, q]
            via = s.via[s.seq[r, q + 1]] if q < s.size[r] - 1 else 0
            for k in range(len(g.shape.modes)):
                eur, sec = go(g, s, c, profile, rate, r, q + 1, via, g.leave[y, k])
                decided = s.trail[y, 0, DECIDED]
                s.cells[y, k, BACK] = eur + g.serve[c, y, k, EUR] if decided < 0 or decided == k else INF
                s.cells[y, k, BACK_S] = sec + g.serve[c, y, k, SEC]
        s.reach[r, BACK] = p

    @inlined
    def insert(g: Any, s: Any, x: int, r: int, p: int, code: int) -> None:
        c = g.kind[r]
        profile, rate = g.origin[c, PROFILE], g.rate[c]
        stretch(g, s, c, profile, rate, r, p)
        best = INF
        for k in range(len(g.shape.modes)):
            eur = come(g, s, c, profile, rate, r, p, np.int64(code & 1), g.enter[x, k])[0] + g.serve[c, x, k, EUR]
            eur += go(g, s, c, profile, rate, r, p, np.int64(code >> 1), g.leave[x, k])[0]
            if eur < best:
                best, s.trail[x, 0, DECIDED] = eur, k
        put_in(g, s, x, r, p, code)

    @inlined
    def recreate(g: Any, s: Any, w: Any, most: float) -> bool:
        for i in range(w.counts[steps.ABSENT]):
            x = w.absent[i, steps.TASK]
            s.trail[x, 0, BEFORE] = s.trail[x, 0, DECIDED]
        return put_all_back(g, s, w, most)

    @inlined
    def undo(g: Any, s: Any, w: Any) -> None:
        take_back(g, s, w)
        for i in range(w.counts[steps.ABSENT]):
            x = w.absent[i, steps.TASK]
            s.trail[x, 0, DECIDED] = s.trail[x, 0, BEFORE]

    def set_plan(g: Ground, s: Any, w: Any, b: Any) -> float:
        if g.shape.clock:
            raise ValueError("a problem with hours: its modes are the clock's")
        s.trail[:, 0, DECIDED] = -1
        steps.set_plan(g, s, w, b)
        n = s.seq.shape[1]
        for r in np.flatnonzero(s.size):
            modes = np.zeros(n + 1, np.int32)
            kernels.trace(g, s, np.uint32(r), modes, np.zeros(n + 1, np.int32))
            s.trail[s.seq[r, : s.size[r]], 0, DECIDED] = modes[: s.size[r]]
        return float(steps.set_plan(g, s, w, b))

    for module, function in (
        (kernels, stretch_ahead), (kernels, stretch_back), (kernels, insert), (steps, insert), (steps, recreate),
        (steps, undo), (engine, set_plan),
    ):  # fmt: skip
        name = function.py_func.__name__ if hasattr(function, "py_func") else function.__name__
        assert hasattr(module, name)
        setattr(module, name, function)


def costs(variant: str, kind: str, files: list[str], budget_s: float, seed: int, cores: int) -> None:
    """A line per instance: name, cost, lowest cost known or None."""
    {"modes": without_modes, "recombination": without_recombination, "packing": without_packing}.get(
        variant, lambda: None
    )()
    from optimizer.search.engines import solve
    from optimizer.search.ruin_recreate.engine import prepare

    for name, problem, judge, lowest in instances(kind, files):
        prepare(problem)  # compiles, where that is to be done
        begun, start = time.monotonic(), None
        if variant == "ortools":
            start = solve(problem, None, 0.1 * budget_s, seed, engine="ortools-alone")
        left_s = budget_s - (time.monotonic() - begun)
        print(name, judge(solve(problem, start, max(0.0, left_s), seed, cores=cores)), lowest, flush=True)


def instances(kind: str, files: list[str]) -> Iterator[tuple[str, Problem, Callable[[Solution], float], float | None]]:
    """Name, problem, what a solution of it costs when it has been judged, the lowest cost known."""
    from optimizer.bench.commands import instance_files
    from optimizer.bench.results import known_of
    from optimizer.bench.table import READERS
    from optimizer.problem.cost import cost_eur
    from optimizer.problem.schedule import schedule
    from tests.street_problem import street_problem

    if kind == "drawn":
        for streets in map(int, files):
            day = street_problem(streets, max(4, streets // 55), seed=streets, windows_share=0.0)
            day = replace(day, sites=tuple(replace(site, windows=()) for site in day.sites))

            def judged(plan: Solution, day: Problem = day) -> float:
                broken = [word for k, visits in enumerate(plan.routes) for word in schedule(day, k, visits).broken]
                assert not broken, broken
                return cost_eur(day, plan)

            yield str(streets), day, judged, None
    else:
        for path in instance_files(list(map(Path, files))):
            instance, known = READERS[kind](path), known_of(path)

            def verified(plan: Solution, instance: Any = instance) -> float:
                return float(instance.verified(plan)[0].cost)

            yield instance.name, instance.problem, verified, known.claimed or known.cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format")
    parser.add_argument("files", nargs="+", help="instances, or folders of them; of drawn towns, numbers of streets")
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "SEED"), help="one column, in this process")
    options = parser.parse_args()
    if options.one:
        costs(options.one[0], options.format, options.files, options.budget, int(options.one[1]), options.cores)
        return
    found: dict[str, dict[str, list[float]]] = {}
    lowest: dict[str, float] = {}
    for seed in options.seeds.split(","):
        for variant in options.variants.split(","):
            with tempfile.TemporaryDirectory() as own:  # the kernels without modes are not to be taken for the others
                env = {**os.environ, "NUMBA_CACHE_DIR": own} if variant == "modes" else None
                command = [sys.executable, "-m", "tests.bench.ablation", options.format, *options.files]
                command += ["--budget", str(options.budget), "--cores", str(options.cores), "--one", variant, seed]
                lines = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.splitlines()
            print(f"# seed {seed}, {variant}:", *lines, sep="\n", flush=True)
            for name, cost, known in map(str.split, lines):
                found.setdefault(name, {}).setdefault(variant, []).append(float(cost))
                if known != "None":
                    lowest[name] = float(known)
    of = {name: lowest.get(name) or mean(next(iter(by.values()))) for name, by in found.items()}
    rows = {name: [100 * (mean(costs) / of[name] - 1) for costs in by.values()] for name, by in found.items()}
    rows["all"] = [mean(column) for column in zip(*rows.values(), strict=True)]
    print("| instance, mean gap, % | " + " | ".join(options.variants.split(",")) + " |")
    for name, gaps in rows.items():
        print(f"| {name} | " + " | ".join(f"{gap:.3f}" for gap in gaps) + " |")


if __name__ == "__main__":
    main()
