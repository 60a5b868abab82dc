"""One core's search: its plan, its best plans, its pool of routes, and the arrays that they are priced by."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from optimizer.search.ruin_recreate.kernel_arrays import EUR, FIXED_EUR, KernelArrays, first_tasks
from optimizer.search.ruin_recreate.kernels import decode_route
from optimizer.search.ruin_recreate.recombine import PooledRoute
from optimizer.search.ruin_recreate.routes import ROUTE, Routes, empty_routes
from optimizer.search.ruin_recreate.steps import (
    UNSERVED,
    PlanRows,
    RoutePool,
    Scratch,
    empty_pool,
    fill_plan,
    load_plan,
    new_scratch,
    pool_plan,
    run_steps,
)

POOL_ROUTES, POOL_TASKS_PER_ROUTE = 60_000, 50  # how many are kept, and with how many tasks on average
POOL_FULL = 0.95  # from this share on it is emptied
LOADED_S = 1.0  # to load compiled code takes less, to compile it more
BETTER_EUR = 1e-9


@dataclass
class Searcher:
    """One core's search. ``cycle_best``: the best plan of the cycle, ``incumbent``: of all cycles, at true prices;
    ``eur``: the price of the plan as it stands, by ``data``."""

    data: KernelArrays
    routes: Routes
    scratch: Scratch
    cycle_best: PlanRows
    incumbent: PlanRows
    pool: RoutePool
    eur: float = np.inf
    chunk_steps: int = 100  # between two looks at the clock

    @classmethod
    def of(cls, data: KernelArrays, seed: int, pool_routes: int = POOL_ROUTES) -> Searcher:
        routes = empty_routes(data)
        cycle_best, incumbent = (
            PlanRows(routes.tasks.copy(), routes.unload_before.copy(), routes.size.copy(), np.array([np.inf]))
            for _ in range(2)
        )
        pool = empty_pool(pool_routes, pool_routes * POOL_TASKS_PER_ROUTE)
        return cls(data, routes, new_scratch(data, seed), cycle_best, incumbent, pool)

    def fill(self) -> None:
        """Put in whatever is not in the plan yet."""
        self.eur = fill_plan(self.data, self.routes, self.scratch, self.cycle_best)
        if self.scratch.counts[UNSERVED] and (self.data.by_shift[:, FIXED_EUR] > 0).any():
            self._add_trucks()
        pool_plan(self.data, self.routes, self.pool)
        self.update_incumbent()

    def _add_trucks(self) -> None:
        """Trucks for what is left, where all of it together pays for one, though no task does alone."""
        true, without = self.data, self.current()
        by_shift = true.by_shift.copy()
        by_shift[:, FIXED_EUR] = 0.0
        self.reprice(true._replace(by_shift=by_shift))
        fill_plan(self.data, self.routes, self.scratch, self.cycle_best)
        self.reprice(true)
        if self.eur < without.eur[0]:
            copy_plan(self.current(), self.cycle_best)
        else:
            copy_plan(without, self.cycle_best)
            self.eur = load_plan(true, self.routes, self.scratch, self.cycle_best)

    def current(self) -> PlanRows:
        """The plan as it stands, which may be worse than the best."""
        routes = self.routes
        return PlanRows(routes.tasks.copy(), routes.unload_before.copy(), routes.size.copy(), np.array([self.eur]))

    def adopt(self, routes: list[PooledRoute]) -> None:
        """Go on from a plan of these routes; it becomes the incumbent where it is better."""
        plan = self.cycle_best
        plan.size[:] = 0
        for route in routes:
            shift = next(k for k in np.flatnonzero(self.data.shift_type == route.shift_type) if not plan.size[k])
            count = len(route.tasks)
            plan.size[shift], plan.tasks[shift, :count] = count, route.tasks
            plan.unload_before[route.tasks] = route.unload_before
        plan.eur[0] = self.eur = load_plan(self.data, self.routes, self.scratch, plan)
        self.update_incumbent()

    def update_incumbent(self) -> None:
        """The cycle's best becomes the incumbent, where it is better."""
        if self.cycle_best.eur[0] < self.incumbent.eur[0] - BETTER_EUR:
            copy_plan(self.cycle_best, self.incumbent)

    def update_incumbent_at(self, true: KernelArrays) -> None:
        """The plan as it stands becomes the incumbent, where it is better at true prices."""
        plan = self.current()
        plan.eur[0] = load_plan(true, empty_routes(true), self.scratch, plan)
        if plan.eur[0] < self.incumbent.eur[0] - BETTER_EUR:
            copy_plan(plan, self.incumbent)

    def pool_incumbent(self) -> float:
        """Put the incumbent's routes into the pool, whatever it has lost since; the incumbent's price without that of
        unlike lengths, which routes do not have."""
        current, routes = self.current(), self.routes
        load_plan(self.data, routes, self.scratch, self.incumbent)
        pool_plan(self.data, routes, self.pool)
        unserved_eur = self.data.unserved_eur[routes.assigned[:, ROUTE] < 0]
        eur = float(routes.cost[routes.size > 0, EUR].sum() + unserved_eur.sum())
        load_plan(self.data, routes, self.scratch, current)
        return eur

    def continue_from(self, plan: PlanRows) -> None:
        copy_plan(plan, self.cycle_best)
        self.eur = load_plan(self.data, self.routes, self.scratch, self.cycle_best)
        pool_plan(self.data, self.routes, self.pool)

    def reprice(self, data: KernelArrays) -> None:
        """Go on with the same plan at other prices; the cycle's best is looked for anew."""
        self.data, self.eur = data, load_plan(data, self.routes, self.scratch, self.current())
        self.cycle_best.eur[0] = np.inf

    def run(self, steps: int, temperature: float, margin: float) -> None:
        """So many steps at a temperature (€); routes of plans within ``margin`` (€) of the cycle's best are pooled."""
        plan, pool = self.cycle_best, self.pool
        self.eur = run_steps(self.data, self.routes, self.scratch, plan, pool, steps, temperature, self.eur, margin)
        if pool.counts[0] > POOL_FULL * len(pool.keys) or pool.counts[1] > POOL_FULL * len(pool.tasks):
            pool.slots[:], pool.counts[:] = -1, 0  # what came early is worth least

    def mean_link_eur(self) -> float:
        """What a link costs on average in the plan as it stands: without services, trucks and what is left."""
        data, routes = self.data, self.routes
        used, served = routes.size > 0, np.flatnonzero(routes.assigned[:, ROUTE] >= 0)
        by = data.cost_class[routes.assigned[served, ROUTE]]  # the crew that serves it: another may be twice as slow
        links = routes.cost[used, EUR].sum() - data.by_shift[used, FIXED_EUR].sum()
        links -= data.service[by, served, :, EUR].min(1).sum()
        return max(float(links) / max(1, len(served)), 1e-6)


def copy_plan(source: PlanRows, target: PlanRows) -> None:
    target.tasks[:], target.unload_before[:], target.size[:], target.eur[:] = source


def compile_for(data: KernelArrays) -> float:
    """Compile what a problem of these features needs, or load it from the disk; the seconds that took where it was
    much, else 0."""
    began = time.monotonic()
    few = Searcher.of(first_tasks(data), 0, 100)
    few.fill()
    few.run(1, 1.0, 0.0)
    load_plan(few.data, few.routes, few.scratch, few.cycle_best)
    decode_route(few.data, few.routes, np.uint32(0), np.zeros(9, np.int32), np.zeros(9, np.int32))
    took_s = time.monotonic() - began
    return took_s if took_s > LOADED_S else 0.0
