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
from optimizer.search.draft_arrays import NEVER, DraftArrays
from optimizer.search.effort import StopCheck
from optimizer.search.repair import repair

LARGEST = 500  # nodes (task modes) of a part
PART_S = 4.0  # seconds given to a part
LEAST_S = 1.0  # less time than this is not worth a model
UNITS_PER_EUR = 10_000
LOAD_UNITS = 1_000_000_000  # integer units of a truck's capacity

Matrix = NDArray[np.float64]


def improve_by_routing(
    problem: Problem,
    start: Solution,
    until: float,
    seed: int = 0,
    watch: StopCheck | None = None,
    arrays: DraftArrays | None = None,
) -> Solution:
    """A plan not worse than ``start`` (feasible), by ``time.monotonic()`` = ``until``.

    ``seed`` draws which parts are looked at, in which order; OR-Tools itself has none. ``watch`` is given the best cost
    twice a second and ends the search by returning True.
    """
    best, best_eur = start, cost_eur(problem, start)
    if not problem.tasks or not problem.shifts:
        return best
    rng = np.random.default_rng(seed)
    arrays = arrays or DraftArrays(problem)
    reported = [0.0]

    def stop() -> bool:
        now = time.monotonic()
        if watch is not None and now - reported[0] > 0.5:
            reported[0] = now
            if watch(best_eur):
                return True
        return now >= until

    while until - time.monotonic() > LEAST_S and not stop():
        tasks, shifts = _neighbourhood(arrays, best, rng)
        whole = len(shifts) == len(problem.shifts)
        left_s = until - time.monotonic()
        part, mine = _subproblem(problem, best, tasks, shifts)
        part_until = until if whole else time.monotonic() + min(PART_S, left_s)
        better = _improve_subproblem(part, mine, part_until, stop)
        if better is not None:
            merged = _merged(problem, best, better, tasks, shifts)
            eur = cost_eur(problem, merged)
            if eur < best_eur - 1e-6:
                best, best_eur = merged, eur
        if whole:
            break
    return best


# --- parts of a plan ---------------------------------------------------------------------------------------------


def _neighbourhood(arrays: DraftArrays, solution: Solution, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Tasks and shifts of some neighbouring routes, with unserved tasks near by, of about ``LARGEST`` nodes."""
    size = [sum(int(arrays.mode_count[v.index]) for v in visits if v.kind == "task") for visits in solution.routes]
    unserved = [t for t, _ in solution.unserved if arrays.allowed[t].any()]
    route_of = np.full(arrays.task_count, -1)
    for shift, visits in enumerate(solution.routes):
        route_of[[v.index for v in visits if v.kind == "task"]] = shift
    if sum(size) + len(unserved) <= LARGEST:
        return np.flatnonzero((route_of >= 0) | arrays.allowed.any(1)).tolist(), list(range(arrays.shift_count))
    seed = int(rng.integers(arrays.task_count))
    chosen: list[int] = []
    nodes, frontier, seen = 0, [seed], {seed}
    while frontier:
        task = frontier.pop(0)
        shift = int(route_of[task])
        if shift >= 0 and shift not in chosen and (not chosen or nodes + size[shift] <= LARGEST):
            chosen.append(shift)
            nodes += size[shift]
        for other in arrays.after[task].tolist():
            if other not in seen:
                seen.add(other)
                frontier.append(other)
        if nodes > 0.8 * LARGEST or len(seen) > 4 * LARGEST:
            break
    idle = next((shift for shift in range(arrays.shift_count) if not solution.routes[shift]), None)
    if idle is not None:
        chosen.append(idle)
    mine = np.isin(route_of, chosen)
    free = [t for t in unserved if arrays.allowed[t, chosen].any()]
    picked = rng.permutation(len(free))[: LARGEST // 10]
    return [*np.flatnonzero(mine).tolist(), *(free[i] for i in picked)], sorted(chosen)


def _subproblem(problem: Problem, solution: Solution, tasks: list[int], shifts: list[int]) -> tuple[Problem, Solution]:
    """The problem of some tasks and shifts alone, and the plan for them. A shift outside that a task was published with
    is numbered as one more than there are."""
    task_number = {t: i for i, t in enumerate(tasks)}
    shift_number = {shift: i for i, shift in enumerate(shifts)}

    def numbered(some: Iterable[int]) -> frozenset[int]:
        return frozenset(shift_number[shift] for shift in some if shift in shift_number)

    def of_part(task: ProblemTask) -> ProblemTask:
        published = None if task.published_shift is None else shift_number.get(task.published_shift, len(shifts))
        return replace(task, shifts=numbered(task.shifts), published_shift=published)

    part = replace(
        problem,
        tasks=tuple(of_part(problem.tasks[t]) for t in tasks),
        sites=tuple(s if s.shifts is None else replace(s, shifts=numbered(s.shifts)) for s in problem.sites),
        shifts=tuple(problem.shifts[shift] for shift in shifts),
    )
    routes = tuple(
        tuple(replace(v, index=task_number[v.index]) if v.kind == "task" else v for v in solution.routes[shift])
        for shift in shifts
    )
    unserved = tuple((task_number[t], why) for t, why in solution.unserved if t in task_number)
    return part, Solution(routes, unserved)


def _merged(problem: Problem, whole: Solution, part: Solution, tasks: list[int], shifts: list[int]) -> Solution:
    routes = list(whole.routes)
    for shift, visits in zip(shifts, part.routes, strict=True):
        routes[shift] = tuple(replace(v, index=tasks[v.index]) if v.kind == "task" else v for v in visits)
    inside = set(tasks)
    unserved = [(t, why) for t, why in whole.unserved if t not in inside] + [
        (tasks[t], why) for t, why in part.unserved
    ]
    return Solution(tuple(routes), tuple(sorted(unserved)))


# --- the model ---------------------------------------------------------------------------------------------------


def _improve_subproblem(problem: Problem, start: Solution, until: float, stop: Callable[[], bool]) -> Solution | None:
    arrays = DraftArrays(problem)
    draft = Draft(arrays)
    if draft.load(start):
        return None
    model = _RoutingModel(arrays, draft)
    trips = model.solve(until, stop)
    if trips is None:
        return None
    found = Draft(arrays)
    for shift, rows in enumerate(trips):
        for trip in rows:
            found.append_trip(shift, trip)
    routes = tuple(found.visits(shift) for shift in range(arrays.shift_count))
    return repair(problem, Solution(routes, ()), arrays)


@dataclass(frozen=True, slots=True)
class _ModelNodes:
    """Nodes of the model: 0 start, 1 end, then (task, mode), then unload sequences, several copies of each.

    ``group``: the group of shifts (``DraftArrays.group``) that each sequence is for.
    """

    task: NDArray[np.int64]
    mode: NDArray[np.int64]
    sequence: NDArray[np.int64]
    group: NDArray[np.int64]

    @property
    def count(self) -> int:
        return 2 + len(self.task) + len(self.sequence)


class _RoutingModel:
    def __init__(self, arrays: DraftArrays, start: Draft) -> None:
        self.arrays, self.start = arrays, start
        usable = arrays.usable_mode & (np.arange(arrays.place.shape[1]) < arrays.mode_count[:, None])
        task, mode = np.nonzero(usable)
        self.trips = [self._trips(shift) for shift in range(arrays.shift_count)]
        sequences = [(w, g) for g in sorted(set(arrays.group.tolist())) for w in self._unload_copies(g)]
        sequence, group = np.array(sequences, dtype=np.int64).reshape(-1, 2).T
        self.nodes = _ModelNodes(task, mode, sequence, group)
        self.timed = bool(arrays.windowed.any()) or any(any(row) for row in arrays.hours_binding)
        self.manager = pywrapcp.RoutingIndexManager(
            self.nodes.count, arrays.shift_count, [0] * arrays.shift_count, [1] * arrays.shift_count
        )
        self.routing = pywrapcp.RoutingModel(self.manager)
        self._time_and_cost()
        self._loads()
        self._choices()

    def _unload_copies(self, group: int) -> list[int]:
        """The unload sequences of a group between trips, each as often as the start uses it, and some more."""
        mine = [rows for shift, rows in enumerate(self.trips) if self.arrays.group[shift] == group]
        used = [sequence for rows in mine for sequence, _ in rows[:-1]]
        copies = len(used) // 2 + min(len(mine), 3) + 1
        return [w for w in range(len(self.arrays.sequences[group])) for _ in range(max(copies, used.count(w) + 1))]

    def _trips(self, shift: int) -> list[tuple[int, list[tuple[int, int]]]]:
        """(unload sequence, tasks with modes) of each trip of the start."""
        rows: list[tuple[int, list[tuple[int, int]]]] = []
        trip: list[tuple[int, int]] = []
        for node in self.start.nodes(shift):
            if node < self.arrays.task_count:
                trip.append((node, int(self.start.mode[node])))
            else:
                rows.append((int(self.start.mode[node]), trip))
                trip = []
        return rows

    def _seconds(self, shift: int) -> tuple[Matrix, Matrix, Matrix]:
        """For a shift: seconds at each node; at the wheel from node to node; unloading on the way home."""
        arrays, nodes = self.arrays, self.nodes
        travel, depot = arrays.travel[arrays.profile[shift]], arrays.depot[shift]
        tasks = slice(2, 2 + len(nodes.task))
        unloads = slice(tasks.stop, nodes.count)
        group = int(arrays.group[shift])
        place_in = np.empty(nodes.count, dtype=np.int64)
        place_in[:2] = depot
        place_in[tasks] = arrays.place[nodes.task, nodes.mode]
        place_out = place_in.copy()
        each = list(zip(nodes.group.tolist(), nodes.sequence.tolist(), strict=True))
        place_in[unloads] = [arrays.unload_entry[g][w] for g, w in each]
        place_out[unloads] = [arrays.unload_exit[g][w] for g, w in each]
        at = np.zeros(nodes.count)
        at[0] = arrays.problem.shifts[shift].start_service_s
        at[tasks] = (
            arrays.fixed_s[nodes.task, nodes.mode]
            + arrays.handling_s[nodes.task, nodes.mode] * arrays.crew_factor[shift]
        )
        at[unloads] = [arrays.unload_s[g][w] for g, w in each]
        wheel = travel[np.ix_(place_out, place_in)].astype(float)
        other = np.zeros_like(wheel)
        last = int(self.start.pred[arrays.task_count + shift])
        sequences = [w for w in range(len(arrays.sequences[group])) if not arrays.hours_binding[shift][w]]
        if not sequences or (last >= self.start.first_unload and arrays.hours_binding[shift][self.start.mode[last]]):
            sequences = list(range(len(arrays.sequences[group])))  # it unloads in time there now
        if sequences:
            emptying = (
                travel[place_out[tasks]][:, arrays.unload_entry[group][sequences]] + arrays.unload_s[group][sequences]
            )
            home = emptying + travel[arrays.unload_exit[group][sequences], depot]
            best = home.argmin(1)
            wheel[tasks, 1] = home[np.arange(len(best)), best] - arrays.unload_s[group][sequences][best]
            other[tasks, 1] = arrays.unload_s[group][sequences][best]
        other[:, 1] += arrays.problem.shifts[shift].end_service_s
        wheel[0, 1] = other[0, 1] = 0.0
        wheel[:, 0] = NEVER
        return at, np.minimum(wheel, NEVER), other

    def _time_and_cost(self) -> None:
        """The price of every arc, for each kind of truck, and the time dimension."""
        arrays, nodes, routing = self.arrays, self.nodes, self.routing
        keys = [self._truck_key(index) for index in range(arrays.shift_count)]
        seconds: dict[tuple[object, ...], tuple[Matrix, Matrix, Matrix]] = {}
        cheapest = np.full(nodes.count, np.inf)
        for index, key in enumerate(keys):
            if key not in seconds:
                seconds[key] = self._seconds(index)
            cheapest = np.minimum(cheapest, self._own_eur(index, seconds[key][0]))
        # what a task costs by its best mode and truck is the same in every plan, so it is left out of the prices
        least = np.full(arrays.task_count, np.inf)
        np.minimum.at(least, nodes.task, cheapest[2 : 2 + len(nodes.task)])
        first_s = float(arrays.start_s.min())
        self.horizon = int((arrays.start_s + arrays.limit_s).max() - first_s) * 10 + 36_000
        time_of: dict[object, int] = {}
        cost_of: dict[object, int] = {}
        for index, key in enumerate(keys):
            shift, eur_per_s = arrays.problem.shifts[index], arrays.eur_per_s[index]
            if key not in time_of:
                at, wheel, other = seconds[key]
                transit = np.minimum(np.rint((at[:, None] + wheel + other) * 10), self.horizon + 1)
                transit[0, 1] = 0
                time_of[key] = self._register(transit)
                cost_of[key] = self._register(self._arc_cost(index, seconds[key], least))
            routing.SetArcCostEvaluatorOfVehicle(cost_of[key], index)
            service_s = shift.start_service_s + shift.end_service_s
            routing.SetFixedCostOfVehicle(int((arrays.fixed_eur[index] + service_s * eur_per_s) * UNITS_PER_EUR), index)
        self._time_dimension([time_of[key] for key in keys], first_s)

    def _truck_key(self, index: int) -> tuple[object, ...]:
        """Shifts of one key have the same matrices."""
        arrays, shift = self.arrays, self.arrays.problem.shifts[index]
        last = int(self.start.pred[arrays.task_count + index])
        late = last >= self.start.first_unload and arrays.hours_binding[index][self.start.mode[last]]
        truck = (arrays.profile[index], arrays.depot[index], arrays.crew_factor[index], arrays.group[index], late)
        prices = (arrays.eur_per_s[index], arrays.eur_per_m[index])
        return (*truck, shift.start_service_s, shift.end_service_s, *prices)

    def _arc_cost(self, index: int, seconds: tuple[Matrix, Matrix, Matrix], least: Matrix) -> Matrix:
        """In units, from node to node; ``least``: what of each task's price is left out."""
        arrays, (at, wheel, other) = self.arrays, seconds
        own = self._own_eur(index, at)
        own[2 : 2 + len(self.nodes.task)] -= least[self.nodes.task]
        wheel_eur_per_s = arrays.eur_per_s[index] + arrays.travel_eur_per_s[index]
        eur = wheel * wheel_eur_per_s + other * arrays.eur_per_s[index] + own[None, :]
        eur[:, 1] -= arrays.problem.shifts[index].end_service_s * arrays.eur_per_s[index]
        eur[0, 1] = 0.0
        return np.where(wheel < NEVER, np.rint(eur * UNITS_PER_EUR), UNITS_PER_EUR * 10_000)

    def _time_dimension(self, times: list[int], first_s: float) -> None:
        """From each shift's start to its end, with a soft bound for overtime, and hours where they matter."""
        arrays, routing = self.arrays, self.routing
        begins = [round((start_s - first_s) * 10) for start_s in arrays.start_s]
        routing.AddDimensionWithVehicleTransits(
            times, self.horizon if self.timed else 0, self.horizon * 2, False, "time"
        )
        dimension = routing.GetDimensionOrDie("time")
        for index in range(arrays.shift_count):
            dimension.CumulVar(routing.Start(index)).SetValue(begins[index])
            if self.timed and self.start.count[index]:
                self.start.refresh(index)
            # the start must stay possible
            work_s = max(float(arrays.limit_s[index]), float(self.start.work_s[index]) + 1.0)
            dimension.CumulVar(routing.End(index)).SetMax(begins[index] + int(work_s * 10))
            rest_s = arrays.rest_s[index] if arrays.limit_s[index] > arrays.rest_after_s[index] else 0.0
            regular_s = arrays.length_s[index] - rest_s
            if arrays.overtime_more_eur_per_s[index] > 0 and regular_s < work_s:
                more = round(arrays.overtime_more_eur_per_s[index] / 10 * UNITS_PER_EUR)
                dimension.SetCumulVarSoftUpperBound(routing.End(index), begins[index] + int(regular_s * 10), more)
        if self.timed:
            self._hours(dimension, first_s)

    def _own_eur(self, shift: int, at_s: Matrix) -> Matrix:
        """What being at each node costs a shift, without the driving between nodes."""
        arrays, nodes = self.arrays, self.nodes
        own: Matrix = at_s * arrays.eur_per_s[shift]
        own[:2] = 0.0
        tasks = slice(2, 2 + len(nodes.task))
        own[tasks] += (
            arrays.length_m[nodes.task, nodes.mode] * arrays.eur_per_m[shift]
            + arrays.reversals_eur[nodes.task, nodes.mode]
        )
        return own

    def _register(self, matrix: Matrix) -> int:
        """Row by row into Python integers, small ones shared: a list of fresh integers takes five times the memory."""
        return int(self.routing.RegisterTransitMatrix([row.tolist() for row in matrix.astype(np.int64)]))

    def _hours(self, dimension: Any, first_s: float) -> None:
        arrays, nodes = self.arrays, self.nodes
        slowest = float(arrays.crew_factor.max())
        rest_s = float(arrays.rest_s.max())
        for i, (task, mode) in enumerate(zip(nodes.task, nodes.mode, strict=True)):
            if arrays.windows[task]:
                serve_s = float(arrays.fixed_s[task, mode] + arrays.handling_s[task, mode] * slowest)
                self._inside(dimension, 2 + i, arrays.windows[task], serve_s, rest_s, first_s)
        for i, (sequence, group) in enumerate(zip(nodes.sequence.tolist(), nodes.group.tolist(), strict=True)):
            windows = arrays.problem.sites[arrays.sequences[group][sequence].sites[0]].windows
            if windows and any(
                arrays.hours_binding[shift][sequence]
                for shift in range(arrays.shift_count)
                if arrays.group[shift] == group
            ):
                self._inside(
                    dimension,
                    2 + len(nodes.task) + i,
                    windows,
                    float(arrays.unload_s[group][sequence]),
                    rest_s,
                    first_s,
                )

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
        arrays, nodes, routing = self.arrays, self.nodes, self.routing
        for d in range(arrays.dimension_count):
            finite = arrays.capacity[:, d][np.isfinite(arrays.capacity[:, d])]
            if not len(finite) or not (arrays.load[:, d] > 0).any():
                continue
            scale = LOAD_UNITS / float(finite.max())
            load = np.floor(arrays.load[:, d] * scale).astype(
                np.int64
            )  # rounded up, an exactly full trip might not fit
            capacity = [
                int(c * scale) if np.isfinite(c) else int(load.sum()) + LOAD_UNITS for c in arrays.capacity[:, d]
            ]
            for shift, rows in enumerate(self.trips):  # the start must stay possible, rounded as it is
                capacity[shift] = max(
                    [capacity[shift], *(int(sum(load[task] for task, _ in trip)) for _, trip in rows)]
                )
            most = max(capacity)
            demand = [0, 0, *load[nodes.task].tolist(), *[-most] * len(nodes.sequence)]
            evaluator = routing.RegisterUnaryTransitVector(demand)
            routing.AddDimensionWithVehicleCapacity(evaluator, most, capacity, True, f"load {d}")
            dimension = routing.GetDimensionOrDie(f"load {d}")
            for i in range(len(nodes.task)):
                dimension.SlackVar(self.manager.NodeToIndex(2 + i)).SetValue(0)
            for shift in range(arrays.shift_count):
                dimension.SlackVar(routing.Start(shift)).SetValue(0)

    def _choices(self) -> None:
        arrays, nodes, routing = self.arrays, self.nodes, self.routing
        indices: dict[int, list[int]] = {}
        self.index_of: dict[tuple[int, int], int] = {}
        for i, (task, mode) in enumerate(zip(nodes.task.tolist(), nodes.mode.tolist(), strict=True)):
            index = self.manager.NodeToIndex(2 + i)
            indices.setdefault(task, []).append(index)
            self.index_of[task, mode] = index
            if not arrays.allowed[task].all():
                self._only(index, np.flatnonzero(arrays.allowed[task]).tolist())
        for task, row in indices.items():
            routing.AddDisjunction(row, int(arrays.unserved_eur[task] * UNITS_PER_EUR), 1)
        self.unload_index: dict[tuple[int, int], list[int]] = {}
        for i, (sequence, group) in enumerate(zip(nodes.sequence.tolist(), nodes.group.tolist(), strict=True)):
            index = self.manager.NodeToIndex(2 + len(nodes.task) + i)
            self.unload_index.setdefault((group, sequence), []).append(index)
            routing.AddDisjunction([index], 0)
            may = np.flatnonzero(arrays.group == group).tolist()
            if len(may) < arrays.shift_count:
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
        arrays, routing = self.arrays, self.routing
        unloads = {key: list(row) for key, row in self.unload_index.items()}
        routes = []
        for shift, rows in enumerate(self.trips):
            route: list[int] = []
            for i, (_way, trip) in enumerate(rows):
                if i:
                    route.append(unloads[int(arrays.group[shift]), rows[i - 1][0]].pop())
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
        for shift in range(self.arrays.shift_count):
            trips: list[list[tuple[int, int]]] = [[]]
            index = solution.Value(routing.NextVar(routing.Start(shift)))
            while not routing.IsEnd(index):
                node = self.manager.IndexToNode(index) - 2
                if node < len(nodes.task):
                    trips[-1].append((int(nodes.task[node]), int(nodes.mode[node])))
                else:
                    trips.append([])
                index = solution.Value(routing.NextVar(index))
            found.append([trip for trip in trips if trip])
        return found
