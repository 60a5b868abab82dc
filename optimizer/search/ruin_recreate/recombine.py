"""The best plan out of the pool of routes: a set partitioning model for OR-Tools CP-SAT.

A route that was good once is not lost with its plan: each column is a route, each task stands in one of them or stays
unserved at its price, each shift type is used as often as there are such shifts, what is pinned is driven. The
linear relaxation (HiGHS) says which columns can still matter: those whose reduced cost is above the gap to the best
plan cannot be in a better one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model
from scipy.optimize import linprog
from scipy.sparse import coo_array, csc_array, eye_array, hstack

from optimizer.search.problem_arrays import Floats
from optimizer.search.ruin_recreate.geography import Int32s
from optimizer.search.ruin_recreate.kernel_arrays import KernelArrays
from optimizer.search.ruin_recreate.steps import RoutePool

#: Columns in the linear relaxation at most: those of the best plan, then the newest, of the coldest plans.
MOST_COLUMNS = 4_000
MOST_PIVOTS = 50_000  # where seconds are not counted
UNIT = 1e-8  # of the price of a plan: the model counts in whole numbers of it

Indices = NDArray[np.integer[Any]]


class PooledRoute(NamedTuple):
    """A route of the pool: its shift type, tasks in order, emptied before each or not, its price."""

    shift_type: int
    tasks: Int32s
    unload_before: Int32s
    eur: float


class Columns(NamedTuple):
    """Routes of one or more pools, the cheapest of each key: ``source`` and ``place`` say where it stands."""

    source: Indices
    place: Indices
    eur: Floats
    shift_type: Indices
    tasks: csc_array[Any]


def columns_of(pools: Sequence[RoutePool], task_count: int) -> Columns:
    """All routes of some pools as the columns of a 0-1 matrix (tasks, routes)."""
    parts = []
    for i, pool in enumerate(pools):
        count = int(pool.counts[0])
        parts.append(np.stack((np.full(count, i), np.arange(count))))
    source, index = np.concatenate(parts, axis=1)
    key = np.concatenate([pool.keys[: int(pool.counts[0])] for pool in pools])
    eur = np.concatenate([pool.eur[: int(pool.counts[0])] for pool in pools])
    order = np.lexsort((eur, key))
    first = order[np.concatenate(([True], key[order][1:] != key[order][:-1]))] if len(order) else order
    source, index, eur = source[first], index[first], eur[first]
    rows, columns_of_rows = [], []
    for number, (own, i) in enumerate(zip(source, index, strict=True)):
        pool = pools[own]
        begin, length = pool.begin[i], pool.length[i]
        rows.append(pool.tasks[begin : begin + length])
        columns_of_rows.append(np.full(length, number))
    row = np.concatenate(rows) if rows else np.zeros(0, int)
    column = np.concatenate(columns_of_rows) if columns_of_rows else np.zeros(0, int)
    shift_type = np.array([pools[own].shift_type[i] for own, i in zip(source, index, strict=True)], dtype=np.int32)
    matrix = coo_array((np.ones(len(row)), (row, column)), shape=(task_count, len(eur))).tocsc()
    return Columns(source, index, eur, shift_type, matrix)


def recombined(
    data: KernelArrays,
    pools: Sequence[RoutePool],
    best: Sequence[Indices],
    best_eur: float,
    seconds: float,
    deterministic: bool = False,
) -> tuple[list[PooledRoute], Columns, Floats] | None:
    """A plan from pooled routes that is cheaper than ``best_eur`` (balance aside), with the columns looked at and their
    reduced costs; an empty list where none was found in ``seconds``; None where there is nothing to combine.

    ``best``: the tasks of each route of the best plan.
    """
    columns = columns_of(pools, len(data.load))
    if len(columns.eur) < 2 or best_eur <= 0:
        return None  # nothing to combine, nothing to gain
    shifts, counts = np.unique(data.shift_type, return_counts=True)
    if len(columns.eur) > MOST_COLUMNS:
        age = np.array([int(pool.counts[0]) for pool in pools])[columns.source] - columns.place
        age[_of_plan(columns, best)] = -1
        columns = _some(columns, np.argsort(age, kind="stable")[:MOST_COLUMNS])
    leave_eur = np.minimum(data.unserved_eur, best_eur)  # a plan that leaves such a task is not better anyway
    relaxed = _relaxed(columns, leave_eur, shifts, counts, None if deterministic else seconds)
    if relaxed is None:
        return [], columns, np.zeros(len(columns.eur))
    bound, reduced = relaxed
    wanted = np.flatnonzero(reduced <= best_eur - bound + 1e-6)
    found = _solved(data, columns, wanted, shifts, counts, best_eur, seconds, deterministic)
    routes = [_route(pools, columns, int(j)) for j in found]
    return routes, columns, reduced


def _some(columns: Columns, wanted: Indices) -> Columns:
    return Columns(
        columns.source[wanted],
        columns.place[wanted],
        columns.eur[wanted],
        columns.shift_type[wanted],
        columns.tasks[:, wanted],
    )


def _of_plan(columns: Columns, plan: Sequence[Indices]) -> Indices:
    """The columns of these sets of tasks."""
    route = np.full(columns.tasks.shape[0], -1)
    for r, tasks in enumerate(plan):
        route[tasks] = r
    route_of, begins = route[columns.tasks.indices], columns.tasks.indptr
    first, last = np.minimum.reduceat(route_of, begins[:-1]), np.maximum.reduceat(route_of, begins[:-1])
    size = np.array([*(len(tasks) for tasks in plan), 0])
    return np.flatnonzero((first == last) & (first >= 0) & (np.diff(begins) == size[first]))


def _relaxed(
    columns: Columns, leave_eur: Floats, shifts: Indices, counts: Indices, seconds: float | None
) -> tuple[float, Floats] | None:
    """The linear relaxation's value and the columns' reduced costs; None where that is not known in so many seconds
    (None: after so many iterations)."""
    tasks, routes = columns.tasks.shape
    cover = csc_array(hstack((columns.tasks, eye_array(tasks))))
    use = csc_array((columns.shift_type[None, :] == shifts[:, None]).astype(float))
    use = hstack((use, csc_array((len(shifts), tasks)))).tocsc()
    eur = np.concatenate((columns.eur, leave_eur))
    answer: Any = linprog(
        eur, A_ub=use, b_ub=counts.astype(float), A_eq=cover, b_eq=np.ones(tasks), bounds=(0, None), method="highs",
        options={"maxiter": MOST_PIVOTS} if seconds is None else {"time_limit": max(0.5, seconds)},
    )  # type: ignore[call-overload]  # fmt: skip
    if answer.status != 0:
        return None
    reduced = eur - cover.T @ answer.eqlin.marginals - use.T @ answer.ineqlin.marginals
    return float(answer.fun), reduced[:routes]


def _solved(
    data: KernelArrays, columns: Columns, wanted: Indices, shifts: Indices, counts: Indices, best_eur: float,
    seconds: float, deterministic: bool,
) -> list[int]:  # fmt: skip
    """The columns of a plan cheaper than ``best_eur``; empty where none was found."""
    unit = best_eur * UNIT
    model = cp_model.CpModel()
    take = [model.new_bool_var("") for _ in wanted]
    matrix = columns.tasks[:, wanted].tocsr()
    leave = {}
    for task in range(matrix.shape[0]):
        inside = [take[j] for j in matrix.indices[matrix.indptr[task] : matrix.indptr[task + 1]]]
        if data.unserved_eur[task] < best_eur:  # else nobody would
            leave[task] = model.new_bool_var("")
            inside.append(leave[task])
        if not inside:
            return []
        model.add_exactly_one(inside)
    for shift, count in zip(shifts, counts, strict=True):
        used = sum(take[j] for j in np.flatnonzero(columns.shift_type[wanted] == shift))
        model.add(used == 1 if data.pinned[shift] else used <= int(count))  # what is pinned is driven
    price = sum(round(columns.eur[j] / unit) * take[i] for i, j in enumerate(wanted))
    price += sum(round(data.unserved_eur[task] / unit) * leave[task] for task in leave)
    model.add(price <= int(best_eur / unit) - 1)
    model.minimize(price)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2  # the relaxation is tight: often its solution is whole already
    if deterministic:
        solver.parameters.max_deterministic_time = seconds
    else:
        solver.parameters.max_time_in_seconds = max(0.1, seconds)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return []
    return [int(wanted[i]) for i, var in enumerate(take) if solver.value(var)]


def _route(pools: Sequence[RoutePool], columns: Columns, column: int) -> PooledRoute:
    pool, place = pools[columns.source[column]], columns.place[column]
    part = slice(pool.begin[place], pool.begin[place] + pool.length[place])
    return PooledRoute(
        int(columns.shift_type[column]),
        pool.tasks[part].copy(),
        pool.unload_before[part].copy(),
        float(columns.eur[column]),
    )
