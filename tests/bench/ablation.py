# mypy: disable-error-code="untyped-decorator,no-any-return"
"""What each part of the search gains: the same instances, seconds and seeds with one part taken out.

    python -m tests.bench.ablation carp FILES --budget 20 --seeds 1,2 [--variants whole,modes,…]

- ``whole``: nothing taken out.
- ``modes``: no programme over modes. A task is served the way that is best when it is put in, and stays so until it is
  taken out; what is around it is not looked at again. (The best modes of all are found only where a cycle begins from a
  plan, and at the end.)
- ``recombination``: routes met are not recombined.
- ``packing``: trips are never dear.
- ``ortools``: with a part more: OR-Tools (``--engine ortools-alone``) has the first tenth of the budget, and its plan
  is the start.

One process per variant, one core, one run at a time; every plan is judged by the verifier. ``modes`` is for problems
without hours only, and compiles anew each time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

VARIANTS = ("whole", "modes", "recombination", "packing", "ortools")
DECIDED, BEFORE = 0, 1  # columns of ``Routes.trail``, which only the clock needs: a task's mode (-1: any), and before


def without_recombination() -> None:
    from optimizer.ruin_recreate import engine

    engine.RECOMBINE_SHARE = 0.0  # searches on one core: nothing else is exchanged


def without_packing() -> None:
    from optimizer.ruin_recreate import engine

    def none(*_: object, **__: object) -> None:
        return None

    setattr(engine, "packed", none)  # noqa: B010


def without_modes() -> None:
    """Kernels that take each task in the mode decided when it was put in. To be called before anything is compiled."""
    from optimizer.ruin_recreate import engine, kernels, steps
    from optimizer.ruin_recreate.ground import EUR, PROFILE, SEC, Ground
    from optimizer.ruin_recreate.kernels import come, go, stretch
    from optimizer.ruin_recreate.kernels import insert as put_in
    from optimizer.ruin_recreate.routes import AHEAD, AHEAD_S, BACK, BACK_S, INF, compiled, inlined
    from optimizer.ruin_recreate.steps import recreate as put_all_back
    from optimizer.ruin_recreate.steps import undo as take_back

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

    def load(g: Ground, s: Any, w: Any, b: Any) -> float:
        if g.shape.clock:
            raise ValueError("a problem with hours: its modes are the clock's")
        s.trail[:, 0, DECIDED] = -1
        steps.load(g, s, w, b)
        n = s.seq.shape[1]
        for r in np.flatnonzero(s.size):
            modes = np.zeros(n + 1, np.int32)
            kernels.trace(g, s, np.uint32(r), modes, np.zeros(n + 1, np.int32))
            s.trail[s.seq[r, : s.size[r]], 0, DECIDED] = modes[: s.size[r]]
        return float(steps.load(g, s, w, b))

    for module, function in (
        (kernels, stretch_ahead), (kernels, stretch_back), (kernels, insert), (steps, insert), (steps, recreate),
        (steps, undo), (engine, load),
    ):  # fmt: skip
        name = function.py_func.__name__ if hasattr(function, "py_func") else function.__name__
        assert hasattr(module, name)
        setattr(module, name, function)


def costs(variant: str, kind: str, files: list[Path], budget_s: float, seed: int) -> None:
    """A line per instance: name, cost, gap to the best known in per cent."""
    {"modes": without_modes, "recombination": without_recombination, "packing": without_packing}.get(
        variant, lambda: None
    )()
    from optimizer.bench.commands import instance_files
    from optimizer.bench.results import known_of
    from optimizer.bench.table import READERS
    from optimizer.ruin_recreate.engine import prepare
    from optimizer.search import solve

    for path in instance_files(files):
        instance = READERS[kind](path)
        prepare(instance.problem)  # compiles, where that is to be done
        begun, start = time.monotonic(), None
        if variant == "ortools":
            start = solve(instance.problem, None, 0.1 * budget_s, seed, engine="ortools-alone")
        left_s = budget_s - (time.monotonic() - begun)
        verified, _ = instance.verified(solve(instance.problem, start, max(0.0, left_s), seed))
        known = known_of(path)
        lowest = known.claimed or known.cost
        print(instance.name, verified.cost, 100 * (verified.cost / lowest - 1) if lowest else "nan", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "SEED"), help="one column, in this process")
    options = parser.parse_args()
    if options.one:
        costs(options.one[0], options.format, options.files, options.budget, int(options.one[1]))
        return
    gaps: dict[str, dict[str, list[float]]] = {}
    for seed in options.seeds.split(","):
        for variant in options.variants.split(","):
            with tempfile.TemporaryDirectory() as own:  # the kernels without modes are not to be taken for the others
                env = {**os.environ, "NUMBA_CACHE_DIR": own} if variant == "modes" else None
                command = [sys.executable, "-m", "tests.bench.ablation", options.format]
                command += [*map(str, options.files), "--budget", str(options.budget), "--one", variant, seed]
                lines = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.splitlines()
            print(f"# seed {seed}, {variant}:", *lines, sep="\n", flush=True)
            for name, _, gap in map(str.split, lines):
                gaps.setdefault(name, {}).setdefault(variant, []).append(float(gap))
    print("| instance, mean gap to the lowest value known, % | " + " | ".join(options.variants.split(",")) + " |")
    for name, by in gaps.items():
        print(f"| {name} | " + " | ".join(f"{mean(g):.3f}" for g in by.values()) + " |")
    print("| all | " + " | ".join(f"{mean(mean(by[v]) for by in gaps.values()):.3f}" for v in by) + " |")


if __name__ == "__main__":
    main()
