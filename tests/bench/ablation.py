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
- ``recombination``: pooled routes are not recombined.
- ``penalties``: neither trips nor trucks are ever penalised.
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

VARIANTS = ("whole", "modes", "recombination", "penalties", "ortools")
DECIDED, BEFORE = (
    0,
    1,
)  # columns of ``Routes.predecessors``, which only the clock needs: a task's mode (-1: any), and before


def without_recombination() -> None:
    from optimizer.search.ruin_recreate import engine

    engine.RECOMBINE_SHARE = 0.0  # searches on one core: nothing else is exchanged


def without_penalties() -> None:
    from optimizer.search.ruin_recreate import engine

    def none(*_: object, **__: object) -> None:
        return None

    setattr(engine, "penalised", none)  # noqa: B010


def without_modes() -> None:
    """Kernels that take each task in the mode decided when it was put in. To be called before anything is compiled."""
    from optimizer.search.ruin_recreate import engine, kernels, searcher, steps, warm_start
    from optimizer.search.ruin_recreate.kernel_arrays import EUR, PROFILE, SEC, KernelArrays
    from optimizer.search.ruin_recreate.kernels import backward_cost, extend_partials, forward_cost
    from optimizer.search.ruin_recreate.kernels import insert_task as put_in
    from optimizer.search.ruin_recreate.routes import BACKWARD, BACKWARD_S, FORWARD, FORWARD_S, INF, compiled, inlined
    from optimizer.search.ruin_recreate.steps import recreate as put_all_back
    from optimizer.search.ruin_recreate.steps import undo_step as take_back

    @compiled
    def extend_forward(
        data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
    ) -> None:
        for index in range(routes.valid[route, FORWARD], position):
            task = routes.tasks[route, index]
            for mode in range(len(data.features.modes)):
                eur, sec = forward_cost(
                    data,
                    routes,
                    cost_class,
                    profile,
                    rate,
                    route,
                    index,
                    np.int64(routes.unload_before[task]),
                    data.enter[task, mode],
                )
                decided = routes.predecessors[task, 0, DECIDED]
                routes.partials[task, mode, FORWARD] = (
                    eur + data.service[cost_class, task, mode, EUR] if decided < 0 or decided == mode else INF
                )
                routes.partials[task, mode, FORWARD_S] = sec + data.service[cost_class, task, mode, SEC]
        routes.valid[route, FORWARD] = position

    @compiled
    def extend_backward(
        data: Any, routes: Any, cost_class: int, profile: int, rate: float, route: int, position: int
    ) -> None:
        for index in range(routes.valid[route, BACKWARD] - 1, position - 1, -1):
            task = routes.tasks[route, index]
            unload = routes.unload_before[routes.tasks[route, index + 1]] if index < routes.size[route] - 1 else 0
            for mode in range(len(data.features.modes)):
                eur, sec = backward_cost(
                    data, routes, cost_class, profile, rate, route, index + 1, unload, data.leave[task, mode]
                )
                decided = routes.predecessors[task, 0, DECIDED]
                routes.partials[task, mode, BACKWARD] = (
                    eur + data.service[cost_class, task, mode, EUR] if decided < 0 or decided == mode else INF
                )
                routes.partials[task, mode, BACKWARD_S] = sec + data.service[cost_class, task, mode, SEC]
        routes.valid[route, BACKWARD] = position

    @inlined
    def insert_task(data: Any, routes: Any, task: int, route: int, position: int, unload_code: int) -> None:
        cost_class = data.cost_class[route]
        profile, rate = data.depot[cost_class, PROFILE], data.eur_per_ds[cost_class]
        extend_partials(data, routes, cost_class, profile, rate, route, position)
        best = INF
        for mode in range(len(data.features.modes)):
            eur = (
                forward_cost(
                    data,
                    routes,
                    cost_class,
                    profile,
                    rate,
                    route,
                    position,
                    np.int64(unload_code & 1),
                    data.enter[task, mode],
                )[0]
                + data.service[cost_class, task, mode, EUR]
            )
            eur += backward_cost(
                data,
                routes,
                cost_class,
                profile,
                rate,
                route,
                position,
                np.int64(unload_code >> 1),
                data.leave[task, mode],
            )[0]
            if eur < best:
                best, routes.predecessors[task, 0, DECIDED] = eur, mode
        put_in(data, routes, task, route, position, unload_code)

    @inlined
    def recreate(data: Any, routes: Any, scratch: Any, most: float) -> bool:
        for i in range(scratch.counts[steps.ABSENT]):
            task = scratch.absent[i, steps.TASK]
            routes.predecessors[task, 0, BEFORE] = routes.predecessors[task, 0, DECIDED]
        return put_all_back(data, routes, scratch, most)

    @inlined
    def undo_step(data: Any, routes: Any, scratch: Any) -> None:
        take_back(data, routes, scratch)
        for i in range(scratch.counts[steps.ABSENT]):
            task = scratch.absent[i, steps.TASK]
            routes.predecessors[task, 0, DECIDED] = routes.predecessors[task, 0, BEFORE]

    def load_plan(data: KernelArrays, routes: Any, scratch: Any, plan: Any) -> float:
        if data.features.hours:
            raise ValueError("a problem with hours: its modes are the clock's")
        routes.predecessors[:, 0, DECIDED] = -1
        steps.load_plan(data, routes, scratch, plan)
        count = routes.tasks.shape[1]
        for route in np.flatnonzero(routes.size):
            modes = np.zeros(count + 1, np.int32)
            kernels.decode_route(data, routes, np.uint32(route), modes, np.zeros(count + 1, np.int32))
            routes.predecessors[routes.tasks[route, : routes.size[route]], 0, DECIDED] = modes[: routes.size[route]]
        return float(steps.load_plan(data, routes, scratch, plan))

    for module, function in (
        (kernels, extend_forward), (kernels, extend_backward), (kernels, insert_task), (steps, insert_task),
        (steps, recreate), (steps, undo_step), (searcher, load_plan), (warm_start, load_plan), (engine, load_plan),
    ):  # fmt: skip
        name = function.py_func.__name__ if hasattr(function, "py_func") else function.__name__
        assert hasattr(module, name)
        setattr(module, name, function)


def costs(variant: str, kind: str, files: list[str], budget_s: float, seed: int, cores: int) -> None:
    """A line per instance: name, cost, lowest cost known or None."""
    {"modes": without_modes, "recombination": without_recombination, "penalties": without_penalties}.get(
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
    from optimizer.bench.results import best_known_of
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
            instance, known = READERS[kind](path), best_known_of(path)

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
