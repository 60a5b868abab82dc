"""OR-Tools routing, and nothing else of OR-Tools: a given plan improved by its guided local search.

A part of the plan of at most ``LARGEST`` nodes is modelled at a time (a few neighbouring tours, then others): measured,
it finds its local optimum of a few hundred nodes in a second or two and hardly improves thousands in a minute;
and its matrices stay small. Its model knows loads, unloadings, shift and windows. Rests are a reserve here and
placed by ``schedule`` afterwards, with a repair where that does not hold: what comes back is never worse than it was.

Model, per part:

- a node per task and mode, in a disjunction of which one is served or ``unserved_eur`` paid;
- unloadings between trips as optional nodes; the last unloading is folded into the way home (the best site for it);
- loads empty at an unloading by negative demand with slack (as OR-Tools' own reload sample does);
- time from the fixed start of the shift, with a soft bound for overtime.

OR-Tools 9.15 has no seed: two runs differ only by what the clock allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from optimizer.problem import Problem, ProblemTask, Solution, Window, cost_eur
from optimizer.search.draft import Draft
from optimizer.search.effort import StopCheck
from optimizer.search.repair import repair
from optimizer.search.terms import NEVER, Terms

LARGEST = 500  # nodes (task modes) of a part
PART_S = 4.0  # seconds given to a part
START_S = 1.0  # less time than this is not worth a model
UNITS_PER_EUR = 10_000
FULL = 1_000_000_000  # integer units of a truck's capacity

Matrix = NDArray[np.float64]


def improve_by_routing(
    problem: Problem,
    start: Solution,
    until: float,
    seed: int = 0,
    watch: StopCheck | None = None,
    terms: Terms | None = None,
) -> Solution:
    """A plan not worse than ``start`` (feasible), by ``time.monotonic()`` = ``until``.

    ``seed`` draws which parts are looked at, in which order; OR-Tools itself has none. ``watch`` is told the best cost
    twice a second and ends the search by returning True.
    """
    best, best_eur = start, cost_eur(problem, start)
    if not problem.tasks or not problem.shifts:
        return best
    rng = np.random.default_rng(seed)
    terms = terms or Terms(problem)
    told = [0.0]

    def stop() -> bool:
        now = time.monotonic()
        if watch is not None and now - told[0] > 0.5:
            told[0] = now
            if watch(best_eur):
                return True
        return now >= until

    while until - time.monotonic() > START_S and not stop():
        tasks, shifts = _part(terms, best, rng)
        whole = len(shifts) == len(problem.shifts)
        left_s = until - time.monotonic()
        part, mine = _cut(problem, best, tasks, shifts)
        part_until = until if whole else time.monotonic() + min(PART_S, left_s)
        better = _improve_part(part, mine, part_until, stop)
        if better is not None:
            merged = _merge(problem, best, better, tasks, shifts)
            eur = cost_eur(problem, merged)
            if eur < best_eur - 1e-6:
                best, best_eur = merged, eur
        if whole:
            break
    return best


# --- parts of a plan ---------------------------------------------------------------------------------------------


def _part(terms: Terms, solution: Solution, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Tasks and shifts of some neighbouring routes, with unserved tasks near by, of about ``LARGEST`` nodes."""
    size = [sum(int(terms.modes[v.index]) for v in visits if v.kind == "task") for visits in solution.routes]
    unserved = [t for t, _ in solution.unserved if terms.allowed[t].any()]
    route_of = np.full(terms.n, -1)
    for k, visits in enumerate(solution.routes):
        route_of[[v.index for v in visits if v.kind == "task"]] = k
    if sum(size) + len(unserved) <= LARGEST:
        return np.flatnonzero((route_of >= 0) | terms.allowed.any(1)).tolist(), list(range(terms.k))
    seed = int(rng.integers(terms.n))
    chosen: list[int] = []
    nodes, frontier, seen = 0, [seed], {seed}
    while frontier:
        task = frontier.pop(0)
        k = int(route_of[task])
        if k >= 0 and k not in chosen and (not chosen or nodes + size[k] <= LARGEST):
            chosen.append(k)
            nodes += size[k]
        for other in terms.after[task].tolist():
            if other not in seen:
                seen.add(other)
                frontier.append(other)
        if nodes > 0.8 * LARGEST or len(seen) > 4 * LARGEST:
            break
    idle = next((k for k in range(terms.k) if not solution.routes[k]), None)
    if idle is not None:
        chosen.append(idle)
    mine = np.isin(route_of, chosen)
    free = [t for t in unserved if terms.allowed[t, chosen].any()]
    picked = rng.permutation(len(free))[: LARGEST // 10]
    return [*np.flatnonzero(mine).tolist(), *(free[i] for i in picked)], sorted(chosen)


def _cut(problem: Problem, solution: Solution, tasks: list[int], shifts: list[int]) -> tuple[Problem, Solution]:
    """The problem of some tasks and shifts alone, and the plan for them. A shift outside that a task was told to is
    numbered as one more than there are."""
    task_number = {t: i for i, t in enumerate(tasks)}
    shift_number = {k: i for i, k in enumerate(shifts)}

    def numbered(some: Iterable[int]) -> frozenset[int]:
        return frozenset(shift_number[k] for k in some if k in shift_number)

    def of_part(task: ProblemTask) -> ProblemTask:
        told = None if task.told is None else shift_number.get(task.told, len(shifts))
        return replace(task, shifts=numbered(task.shifts), told=told)

    part = replace(
        problem,
        tasks=tuple(of_part(problem.tasks[t]) for t in tasks),
        sites=tuple(s if s.shifts is None else replace(s, shifts=numbered(s.shifts)) for s in problem.sites),
        shifts=tuple(problem.shifts[k] for k in shifts),
    )
    routes = tuple(
        tuple(replace(v, index=task_number[v.index]) if v.kind == "task" else v for v in solution.routes[k])
        for k in shifts
    )
    unserved = tuple((task_number[t], why) for t, why in solution.unserved if t in task_number)
    return part, Solution(routes, unserved)


def _merge(problem: Problem, whole: Solution, part: Solution, tasks: list[int], shifts: list[int]) -> Solution:
    routes = list(whole.routes)
    for k, visits in zip(shifts, part.routes, strict=True):
        routes[k] = tuple(replace(v, index=tasks[v.index]) if v.kind == "task" else v for v in visits)
    inside = set(tasks)
    unserved = [(t, why) for t, why in whole.unserved if t not in inside] + [
        (tasks[t], why) for t, why in part.unserved
    ]
    return Solution(tuple(routes), tuple(sorted(unserved)))


# --- the model ---------------------------------------------------------------------------------------------------


def _improve_part(problem: Problem, start: Solution, until: float, stop: Callable[[], bool]) -> Solution | None:
    terms = Terms(problem)
    draft = Draft(terms)
    if draft.load(start):
        return None
    model = _Model(terms, draft)
    trips = model.solve(until, stop)
    if trips is None:
        return None
    found = Draft(terms)
    for k, rows in enumerate(trips):
        for trip in rows:
            found.append_trip(k, trip)
    routes = tuple(found.visits(k) for k in range(terms.k))
    return repair(problem, Solution(routes, ()), terms)


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Nodes of the model: 0 start, 1 end, then (task, mode), then ways to empty a truck, several copies of each.

    ``group``: the kind of truck (``Terms.group``) that each way is for.
    """

    task: NDArray[np.int64]
    mode: NDArray[np.int64]
    way: NDArray[np.int64]
    group: NDArray[np.int64]

    @property
    def count(self) -> int:
        return 2 + len(self.task) + len(self.way)


class _Model:
    def __init__(self, terms: Terms, start: Draft) -> None:
        self.terms, self.start = terms, start
        usable = terms.open_mode & (np.arange(terms.place.shape[1]) < terms.modes[:, None])
        task, mode = np.nonzero(usable)
        self.trips = [self._trips(k) for k in range(terms.k)]
        ways = [(w, g) for g in sorted(set(terms.group.tolist())) for w in self._unloadings(g)]
        way, group = np.array(ways, dtype=np.int64).reshape(-1, 2).T
        self.nodes = _Nodes(task, mode, way, group)
        self.timed = bool(terms.windowed.any()) or any(any(row) for row in terms.is_binding)
        self.manager = pywrapcp.RoutingIndexManager(self.nodes.count, terms.k, [0] * terms.k, [1] * terms.k)
        self.routing = pywrapcp.RoutingModel(self.manager)
        self._time_and_cost()
        self._loads()
        self._choices()

    def _unloadings(self, group: int) -> list[int]:
        """The ways to empty a kind of truck between trips, each as often as the start uses it, and some more."""
        mine = [rows for k, rows in enumerate(self.trips) if self.terms.group[k] == group]
        used = [way for rows in mine for way, _ in rows[:-1]]
        copies = len(used) // 2 + min(len(mine), 3) + 1
        return [w for w in range(len(self.terms.ways[group])) for _ in range(max(copies, used.count(w) + 1))]

    def _trips(self, k: int) -> list[tuple[int, list[tuple[int, int]]]]:
        """(way, tasks with modes) of each trip of the start."""
        rows: list[tuple[int, list[tuple[int, int]]]] = []
        trip: list[tuple[int, int]] = []
        for node in self.start.nodes(k):
            if node < self.terms.n:
                trip.append((node, int(self.start.mode[node])))
            else:
                rows.append((int(self.start.mode[node]), trip))
                trip = []
        return rows

    def _seconds(self, k: int) -> tuple[Matrix, Matrix, Matrix]:
        """For shift ``k``: seconds at each node; at the wheel from node to node; unloading on the way home."""
        t, nodes = self.terms, self.nodes
        travel, depot = t.travel[t.profile[k]], t.depot[k]
        tasks = slice(2, 2 + len(nodes.task))
        unloads = slice(tasks.stop, nodes.count)
        group = int(t.group[k])
        place_in = np.empty(nodes.count, dtype=np.int64)
        place_in[:2] = depot
        place_in[tasks] = t.place[nodes.task, nodes.mode]
        place_out = place_in.copy()
        each = list(zip(nodes.group.tolist(), nodes.way.tolist(), strict=True))
        place_in[unloads] = [t.way_in[g][w] for g, w in each]
        place_out[unloads] = [t.way_out[g][w] for g, w in each]
        at = np.zeros(nodes.count)
        at[0] = t.problem.shifts[k].start_service_s
        at[tasks] = t.drive_s[nodes.task, nodes.mode] + t.handling_s[nodes.task, nodes.mode] * t.crew[k]
        at[unloads] = [t.way_s[g][w] for g, w in each]
        wheel = travel[np.ix_(place_out, place_in)].astype(float)
        other = np.zeros_like(wheel)
        last = int(self.start.pred[t.n + k])
        ways = [w for w in range(len(t.ways[group])) if not t.is_binding[k][w]]
        if not ways or (last >= self.start.first_unload and t.is_binding[k][self.start.mode[last]]):
            ways = list(range(len(t.ways[group])))  # it unloads in time there now
        if ways:
            emptying = travel[place_out[tasks]][:, t.way_in[group][ways]] + t.way_s[group][ways]
            home = emptying + travel[t.way_out[group][ways], depot]
            best = home.argmin(1)
            wheel[tasks, 1] = home[np.arange(len(best)), best] - t.way_s[group][ways][best]
            other[tasks, 1] = t.way_s[group][ways][best]
        other[:, 1] += t.problem.shifts[k].end_service_s
        wheel[0, 1] = other[0, 1] = 0.0
        wheel[:, 0] = NEVER
        return at, np.minimum(wheel, NEVER), other

    def _time_and_cost(self) -> None:
        t, nodes, routing = self.terms, self.nodes, self.routing
        first_s = float(t.start_s.min())
        self.horizon = horizon = int((t.start_s + t.limit_s).max() - first_s) * 10 + 36_000
        cheapest = np.full(nodes.count, np.inf)
        seconds: dict[tuple[object, ...], tuple[Matrix, Matrix, Matrix]] = {}
        keys = []
        tasks = slice(2, 2 + len(nodes.task))
        for k in range(t.k):
            shift = t.problem.shifts[k]
            last = int(self.start.pred[t.n + k])
            late = last >= self.start.first_unload and t.is_binding[k][self.start.mode[last]]
            truck = (t.profile[k], t.depot[k], t.crew[k], t.group[k], late)
            keys.append((*truck, shift.start_service_s, shift.end_service_s, t.eur_per_s[k], t.eur_per_m[k]))
            if keys[-1] not in seconds:
                seconds[keys[-1]] = self._seconds(k)
            own = self._own_eur(k, seconds[keys[-1]][0])
            cheapest = np.minimum(cheapest, own)
        # what a task costs by its best mode and truck is the same in every plan, so it is left out of the prices
        least = np.full(t.n, np.inf)
        np.minimum.at(least, nodes.task, cheapest[tasks])
        time_of: dict[object, int] = {}
        cost_of: dict[object, int] = {}
        for k, key in enumerate(keys):
            if key not in time_of:
                at, wheel, other = seconds[key]
                transit = np.minimum(np.rint((at[:, None] + wheel + other) * 10), horizon + 1)
                transit[0, 1] = 0
                time_of[key] = self._register(transit)
                own = self._own_eur(k, at)
                own[tasks] -= least[nodes.task]
                eur = wheel * (t.eur_per_s[k] + t.travel_eur_per_s[k]) + other * t.eur_per_s[k] + own[None, :]
                eur[:, 1] -= t.problem.shifts[k].end_service_s * t.eur_per_s[k]
                eur[0, 1] = 0.0
                cost_of[key] = self._register(
                    np.where(wheel < NEVER, np.rint(eur * UNITS_PER_EUR), UNITS_PER_EUR * 10_000)
                )
            routing.SetArcCostEvaluatorOfVehicle(cost_of[key], k)
            service_s = t.problem.shifts[k].start_service_s + t.problem.shifts[k].end_service_s
            routing.SetFixedCostOfVehicle(int((t.fixed_eur[k] + service_s * t.eur_per_s[k]) * UNITS_PER_EUR), k)
        begins = [round((s - first_s) * 10) for s in t.start_s]
        routing.AddDimensionWithVehicleTransits(
            [time_of[key] for key in keys], horizon if self.timed else 0, horizon * 2, False, "time"
        )
        dimension = routing.GetDimensionOrDie("time")
        for k in range(t.k):
            dimension.CumulVar(routing.Start(k)).SetValue(begins[k])
            if self.timed and self.start.count[k]:
                self.start.refresh(k)
            work_s = max(float(t.limit_s[k]), float(self.start.work_s[k]) + 1.0)  # the start must stay possible
            dimension.CumulVar(routing.End(k)).SetMax(begins[k] + int(work_s * 10))
            regular_s = t.length_s[k] - (t.rest_s[k] if t.limit_s[k] > t.rest_after_s[k] else 0.0)
            if t.overtime_more[k] > 0 and regular_s < work_s:
                more = round(t.overtime_more[k] / 10 * UNITS_PER_EUR)
                dimension.SetCumulVarSoftUpperBound(routing.End(k), begins[k] + int(regular_s * 10), more)
        if self.timed:
            self._hours(dimension, first_s)

    def _own_eur(self, k: int, at_s: Matrix) -> Matrix:
        """What being at each node costs shift ``k``, without the ways."""
        t, nodes = self.terms, self.nodes
        own: Matrix = at_s * t.eur_per_s[k]
        own[:2] = 0.0
        tasks = slice(2, 2 + len(nodes.task))
        own[tasks] += t.length_m[nodes.task, nodes.mode] * t.eur_per_m[k] + t.reversals_eur[nodes.task, nodes.mode]
        return own

    def _register(self, matrix: Matrix) -> int:
        """Row by row into Python integers, small ones shared: a list of fresh integers takes five times the memory."""
        return int(self.routing.RegisterTransitMatrix([row.tolist() for row in matrix.astype(np.int64)]))

    def _hours(self, dimension: Any, first_s: float) -> None:
        t, nodes = self.terms, self.nodes
        slowest = float(t.crew.max())
        rest_s = float(t.rest_s.max())
        for i, (task, mode) in enumerate(zip(nodes.task, nodes.mode, strict=True)):
            if t.windows[task]:
                serve_s = float(t.drive_s[task, mode] + t.handling_s[task, mode] * slowest)
                self._inside(dimension, 2 + i, t.windows[task], serve_s, rest_s, first_s)
        for i, (way, group) in enumerate(zip(nodes.way.tolist(), nodes.group.tolist(), strict=True)):
            windows = t.problem.sites[t.ways[group][way].sites[0]].windows
            if windows and any(t.is_binding[k][way] for k in range(t.k) if t.group[k] == group):
                self._inside(dimension, 2 + len(nodes.task) + i, windows, float(t.way_s[group][way]), rest_s, first_s)

    def _inside(
        self, dimension: Any, node: int, windows: tuple[Window, ...], serve_s: float, rest_s: float, first_s: float
    ) -> None:
        """Bind a node's beginning to its windows, closed early by the rest that may come before, where that can be."""
        ds = []
        for opens, closes in sorted(windows):
            latest = closes - serve_s - (rest_s if closes - opens > 3 * rest_s + serve_s else 0.0)
            if latest >= max(opens, first_s) and (opens - first_s) * 10 <= self.horizon:
                ds.append((int(max(0.0, opens - first_s) * 10), int((latest - first_s) * 10)))
        index = self.manager.NodeToIndex(node)
        if not ds:
            self.routing.ActiveVar(index).SetValue(0)
            return
        cumul = dimension.CumulVar(index)
        cumul.SetRange(ds[0][0], max(closes_ds for _, closes_ds in ds))
        shut = ds[0][1]
        for opens_ds, closes_ds in ds[1:]:
            if shut + 1 < opens_ds:
                cumul.RemoveInterval(shut + 1, opens_ds - 1)
            shut = max(shut, closes_ds)

    def _loads(self) -> None:
        t, nodes, routing = self.terms, self.nodes, self.routing
        for d in range(t.dims):
            finite = t.capacity[:, d][np.isfinite(t.capacity[:, d])]
            if not len(finite) or not (t.load[:, d] > 0).any():
                continue
            scale = FULL / float(finite.max())
            load = np.floor(t.load[:, d] * scale).astype(np.int64)  # rounded up, an exactly full trip might not fit
            capacity = [int(c * scale) if np.isfinite(c) else int(load.sum()) + FULL for c in t.capacity[:, d]]
            for k, rows in enumerate(self.trips):  # the start must stay possible, rounded as it is
                capacity[k] = max([capacity[k], *(int(sum(load[task] for task, _ in trip)) for _, trip in rows)])
            most = max(capacity)
            demand = [0, 0, *load[nodes.task].tolist(), *[-most] * len(nodes.way)]
            evaluator = routing.RegisterUnaryTransitVector(demand)
            routing.AddDimensionWithVehicleCapacity(evaluator, most, capacity, True, f"load {d}")
            dimension = routing.GetDimensionOrDie(f"load {d}")
            for i in range(len(nodes.task)):
                dimension.SlackVar(self.manager.NodeToIndex(2 + i)).SetValue(0)
            for k in range(t.k):
                dimension.SlackVar(routing.Start(k)).SetValue(0)

    def _choices(self) -> None:
        t, nodes, routing = self.terms, self.nodes, self.routing
        indices: dict[int, list[int]] = {}
        self.index_of: dict[tuple[int, int], int] = {}
        for i, (task, mode) in enumerate(zip(nodes.task.tolist(), nodes.mode.tolist(), strict=True)):
            index = self.manager.NodeToIndex(2 + i)
            indices.setdefault(task, []).append(index)
            self.index_of[task, mode] = index
            if not t.allowed[task].all():
                self._only(index, np.flatnonzero(t.allowed[task]).tolist())
        for task, row in indices.items():
            routing.AddDisjunction(row, int(t.unserved_eur[task] * UNITS_PER_EUR), 1)
        self.unload_index: dict[tuple[int, int], list[int]] = {}
        for i, (way, group) in enumerate(zip(nodes.way.tolist(), nodes.group.tolist(), strict=True)):
            index = self.manager.NodeToIndex(2 + len(nodes.task) + i)
            self.unload_index.setdefault((group, way), []).append(index)
            routing.AddDisjunction([index], 0)
            may = np.flatnonzero(t.group == group).tolist()
            if len(may) < t.k:
                self._only(index, may)

    def _only(self, index: int, shifts: list[int]) -> None:
        # SetAllowedVehiclesForIndex takes no Python list in 9.15 (absl::Span)
        self.routing.VehicleVar(index).SetValues([-1, *shifts])

    def _parameters(self, seconds: float) -> Any:
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        parameters.time_limit.FromMilliseconds(max(1, int(seconds * 1000)))
        parameters.lns_time_limit.FromMilliseconds(100)
        return parameters

    def solve(self, until: float, stop: Callable[[], bool]) -> list[list[list[tuple[int, int]]]] | None:
        """The trips of each shift, (task, mode) in order; None where OR-Tools finds nothing in time."""
        t, routing = self.terms, self.routing
        unloads = {key: list(row) for key, row in self.unload_index.items()}
        routes = []
        for k, rows in enumerate(self.trips):
            route: list[int] = []
            for i, (_way, trip) in enumerate(rows):
                if i:
                    route.append(unloads[int(t.group[k]), rows[i - 1][0]].pop())
                route += [self.index_of[entry] for entry in trip]
            routes.append(route)
        routing.CloseModelWithParameters(self._parameters(1.0))  # before the routes are read, or they are all there is
        assignment = routing.ReadAssignmentFromRoutes(routes, True)
        left_s = until - time.monotonic()
        if left_s <= 0.1:
            return None
        parameters = self._parameters(left_s)
        asked = count(1)
        # asked some 400,000 times a second, while no other Python thread can run; it holds the time limit where
        # OR-Tools' own does not (first solutions), and is the only way to end a search from outside
        limit = routing.solver().CustomLimit(lambda: next(asked) % 512 == 0 and (stop() or time.monotonic() >= until))
        routing.AddSearchMonitor(limit)
        if assignment is not None:
            solution = routing.SolveFromAssignmentWithParameters(assignment, parameters)
        else:
            solution = routing.SolveWithParameters(parameters)
        return None if solution is None else self._read(solution)

    def _read(self, solution: Any) -> list[list[list[tuple[int, int]]]]:
        nodes, routing = self.nodes, self.routing
        found = []
        for k in range(self.terms.k):
            trips: list[list[tuple[int, int]]] = [[]]
            index = solution.Value(routing.NextVar(routing.Start(k)))
            while not routing.IsEnd(index):
                node = self.manager.IndexToNode(index) - 2
                if node < len(nodes.task):
                    trips[-1].append((int(nodes.task[node]), int(nodes.mode[node])))
                else:
                    trips.append([])
                index = solution.Value(routing.NextVar(index))
            found.append([trip for trip in trips if trip])
        return found
