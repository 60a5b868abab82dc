"""The best plan out of all routes met on the way: a set partitioning model for OR-Tools CP-SAT.

A route that was good once is not lost with its plan: each column is a route, each task stands in one of them or stays
unserved at its price, each kind of shift is used as often as there are such shifts, what is pinned is driven. The
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

from optimizer.search.ruin_recreate.ground import Floats, Ground, Ints
from optimizer.search.ruin_recreate.steps import Met

#: Columns in the linear relaxation at most: those of the best plan, then those met last, which are the coldest.
MOST = 4_000
MOST_PIVOTS = 50_000  # where seconds are not counted
UNIT = 1e-8  # of the price of a plan: the model counts in whole numbers of it

Indices = NDArray[np.integer[Any]]


class Route(NamedTuple):
    """A route as it was met: a shift like which it is, tasks in order, emptied before or not."""

    alike: int
    tasks: Ints
    via: Ints
    eur: float


class Columns(NamedTuple):
    """Routes met by one or more searches, the cheapest of each key: ``source`` and ``place`` say where it stands."""

    source: Indices
    place: Indices
    eur: Floats
    alike: Indices
    tasks: csc_array[Any]


def columns_of(mets: Sequence[Met], tasks: int) -> Columns:
    """All routes of some searches as the columns of a 0-1 matrix (tasks, routes)."""
    parts = []
    for i, met in enumerate(mets):
        n = int(met.counts[0])
        parts.append(np.stack((np.full(n, i), np.arange(n))))
    source, index = np.concatenate(parts, axis=1)
    key = np.concatenate([met.keys[: int(met.counts[0])] for met in mets])
    eur = np.concatenate([met.eur[: int(met.counts[0])] for met in mets])
    order = np.lexsort((eur, key))
    first = order[np.concatenate(([True], key[order][1:] != key[order][:-1]))] if len(order) else order
    source, index, eur = source[first], index[first], eur[first]
    rows, columns = [], []
    for j, (s, i) in enumerate(zip(source, index, strict=True)):
        met = mets[s]
        begin, length = met.begin[i], met.length[i]
        rows.append(met.tasks[begin : begin + length])
        columns.append(np.full(length, j))
    row = np.concatenate(rows) if rows else np.zeros(0, int)
    column = np.concatenate(columns) if columns else np.zeros(0, int)
    alike = np.array([mets[s].shift[i] for s, i in zip(source, index, strict=True)], dtype=np.int32)
    matrix = coo_array((np.ones(len(row)), (row, column)), shape=(tasks, len(eur))).tocsc()
    return Columns(source, index, eur, alike, matrix)


def recombined(
    ground: Ground,
    mets: Sequence[Met],
    best: Sequence[Indices],
    best_eur: float,
    seconds: float,
    deterministic: bool = False,
) -> tuple[list[Route], Columns, Floats] | None:
    """A plan from routes met that is cheaper than ``best_eur`` (balance aside), with the columns looked at and their
    reduced costs; an empty list where none was found in ``seconds``; None where there is nothing to combine.

    ``best``: the tasks of each route of the best plan.
    """
    columns = columns_of(mets, len(ground.load))
    if len(columns.eur) < 2 or best_eur <= 0:
        return None  # nothing to combine, nothing to gain
    shifts, counts = np.unique(ground.alike, return_counts=True)
    if len(columns.eur) > MOST:
        age = np.array([int(met.counts[0]) for met in mets])[columns.source] - columns.place
        age[_of_plan(columns, best)] = -1
        columns = _some(columns, np.argsort(age, kind="stable")[:MOST])
    leave_eur = np.minimum(ground.unserved_eur, best_eur)  # a plan that leaves such a task is not better anyway
    relaxed = _relaxed(columns, leave_eur, shifts, counts, None if deterministic else seconds)
    if relaxed is None:
        return [], columns, np.zeros(len(columns.eur))
    bound, reduced = relaxed
    wanted = np.flatnonzero(reduced <= best_eur - bound + 1e-6)
    found = _solved(ground, columns, wanted, shifts, counts, best_eur, seconds, deterministic)
    routes = [_route(mets, columns, int(j)) for j in found]
    return routes, columns, reduced


def _some(columns: Columns, kept: Indices) -> Columns:
    return Columns(
        columns.source[kept], columns.place[kept], columns.eur[kept], columns.alike[kept], columns.tasks[:, kept]
    )


def _of_plan(columns: Columns, plan: Sequence[Indices]) -> Indices:
    """The columns of these sets of tasks."""
    route = np.full(columns.tasks.shape[0], -1)
    for r, tasks in enumerate(plan):
        route[tasks] = r
    of, begins = route[columns.tasks.indices], columns.tasks.indptr
    first, last = np.minimum.reduceat(of, begins[:-1]), np.maximum.reduceat(of, begins[:-1])
    size = np.array([*(len(tasks) for tasks in plan), 0])
    return np.flatnonzero((first == last) & (first >= 0) & (np.diff(begins) == size[first]))


def _relaxed(
    columns: Columns, leave_eur: Floats, shifts: Indices, counts: Indices, seconds: float | None
) -> tuple[float, Floats] | None:
    """The linear relaxation's value and the columns' reduced costs; None where that is not known in so many seconds
    (None: after so many iterations)."""
    n, k = columns.tasks.shape
    cover = csc_array(hstack((columns.tasks, eye_array(n))))
    use = csc_array((columns.alike[None, :] == shifts[:, None]).astype(float))
    use = hstack((use, csc_array((len(shifts), n)))).tocsc()
    eur = np.concatenate((columns.eur, leave_eur))
    answer: Any = linprog(
        eur, A_ub=use, b_ub=counts.astype(float), A_eq=cover, b_eq=np.ones(n), bounds=(0, None), method="highs",
        options={"maxiter": MOST_PIVOTS} if seconds is None else {"time_limit": max(0.5, seconds)},
    )  # type: ignore[call-overload]  # fmt: skip
    if answer.status != 0:
        return None
    reduced = eur - cover.T @ answer.eqlin.marginals - use.T @ answer.ineqlin.marginals
    return float(answer.fun), reduced[:k]


def _solved(
    ground: Ground, columns: Columns, wanted: Indices, shifts: Indices, counts: Indices, best_eur: float,
    seconds: float, deterministic: bool,
) -> list[int]:  # fmt: skip
    """The columns of a plan cheaper than ``best_eur``; empty where none was found."""
    unit = best_eur * UNIT
    model = cp_model.CpModel()
    take = [model.new_bool_var("") for _ in wanted]
    matrix = columns.tasks[:, wanted].tocsr()
    leave = {}
    for x in range(matrix.shape[0]):
        inside = [take[j] for j in matrix.indices[matrix.indptr[x] : matrix.indptr[x + 1]]]
        if ground.unserved_eur[x] < best_eur:  # else nobody would
            leave[x] = model.new_bool_var("")
            inside.append(leave[x])
        if not inside:
            return []
        model.add_exactly_one(inside)
    for shift, count in zip(shifts, counts, strict=True):
        used = sum(take[j] for j in np.flatnonzero(columns.alike[wanted] == shift))
        model.add(used == 1 if ground.pins[shift] else used <= int(count))  # what is pinned is driven
    price = sum(round(columns.eur[j] / unit) * take[i] for i, j in enumerate(wanted))
    price += sum(round(ground.unserved_eur[x] / unit) * leave[x] for x in leave)
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


def _route(mets: Sequence[Met], columns: Columns, j: int) -> Route:
    met, i = mets[columns.source[j]], columns.place[j]
    part = slice(met.begin[i], met.begin[i] + met.length[i])
    return Route(int(columns.alike[j]), met.tasks[part].copy(), met.via[part].copy(), float(columns.eur[j]))
