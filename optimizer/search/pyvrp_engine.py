"""PyVRP behind our problem, to compare with: the only file that knows it (an optional package).

Model (PyVRP 0.14): a client per task and mode, the modes of a task in a mutually exclusive group with its price as
prize; sites as reload depots; an artificial end depot per depot, the way to which goes over the best site, for a
truck comes home empty. Time in deciseconds; prices in the price of a decisecond, so that its penalties fit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pyvrp
from numpy.typing import NDArray

from optimizer.problem import (
    UNREACHABLE,
    UNSERVED_EUR,
    Mode,
    Problem,
    ProblemShift,
    Solution,
    Visit,
    cost_eur,
    schedule,
)
from optimizer.search.effort import StopCheck

LONG_S = 1e8  # a shift that may last so long has no limit
MOST_PLACES = 8_000  # its matrices take 16 bytes per pair
TELL_S = 0.5  # between two reports of the best so far
Whole = NDArray[np.int64]


def improve_by_pyvrp(
    problem: Problem,
    start: Solution | None,
    until: float,
    seed: int,
    watch: StopCheck | None = None,
) -> Solution:
    """What PyVRP finds, from a start of its own, by ``time.monotonic()`` = ``until``; ``start`` where that is better.

    ValueError: something of the problem that it cannot carry, by name; or nothing feasible found and no ``start``.
    """
    try:
        plan: Solution | None = _searched(problem, until, seed, watch)[0]
    except ValueError:
        if start is None or cannot_carry(problem):
            raise
        plan = None
    candidates = [p for p in (plan, start) if p is not None]
    return min(candidates, key=lambda p: cost_eur(problem, p))


def solve_by_pyvrp(problem: Problem, budget_s: float, seed: int) -> Solution:
    """As ``improve_by_pyvrp``, without a plan to fall back on."""
    return improve_by_pyvrp(problem, None, time.monotonic() + budget_s, seed)


def priced_by_pyvrp(problem: Problem, budget_s: float, seed: int) -> tuple[Solution, float]:
    """A plan, and what PyVRP's model takes for its price, in euros: to compare with ``cost_eur``."""
    return _searched(problem, time.monotonic() + budget_s, seed, None)


def _searched(problem: Problem, until: float, seed: int, watch: StopCheck | None) -> tuple[Solution, float]:
    model = _Model.of(problem)

    ask_at = 0.0

    def stop(best_cost: float) -> bool:
        nonlocal ask_at
        now = time.monotonic()
        if now >= until or watch is None or now < ask_at:
            return now >= until
        ask_at = now + TELL_S
        return watch(best_cost / model.units_per_eur)

    result = pyvrp.solve(model.data, stop, seed=seed, collect_stats=False, display=False)
    if not result.best.is_feasible():
        raise ValueError("PyVRP found no feasible plan")
    plan = model.read(result.best)
    if any(schedule(problem, k, visits).broken for k, visits in enumerate(plan.routes)):
        raise ValueError("PyVRP found no plan that keeps the clock")
    # of a task's modes all but one are always left: their prizes are no price of the plan
    left = sum(t.unserved_eur * (len(t.modes) - 1) for t in problem.tasks if t.unserved_eur < UNSERVED_EUR)
    return plan, result.cost() / model.units_per_eur - left


def cannot_carry(problem: Problem) -> list[str]:
    """What of the problem PyVRP has no place for, in words."""
    shifts = problem.shifts
    everyone = frozenset(range(len(shifts)))
    first = min((s.start_s for s in shifts), default=0.0)
    last = max((s.start_s + s.length_s + s.overtime_s for s in shifts), default=0.0)
    asked = {
        "breaks": any(s.breaks or s.lunch for s in shifts),
        "limits on a shift's whole load or tasks": any(
            s.most_load is not None or s.most_tasks is not None for s in shifts
        ),
        "limits on driving": any(s.max_driving_s is not None for s in shifts),
        "crews of several strengths": len({s.crew_factor for s in shifts}) > 1,
        "several windows of a task": any(len(t.windows) > 1 for t in problem.tasks),
        "site hours": any(w[0] > first or w[1] < last for site in problem.sites for w in site.windows),
        "sites that take some loads only": any(not all(site.takes) for site in problem.sites),
        "sites for some shifts only": any(site.shifts is not None for site in problem.sites),
        "tasks for some shifts only": any(t.shifts != everyone for t in problem.tasks),
        "balance": problem.balance_eur_per_s > 0,
        f"more than {MOST_PLACES} places": sum(len(t.modes) for t in problem.tasks) > MOST_PLACES,
    }
    return [name for name, is_asked in asked.items() if is_asked]


@dataclass(frozen=True)
class _Model:
    """``client[i]``: (task, mode). ``shifts``: of each vehicle type. The first depots are the sites."""

    problem: Problem
    data: pyvrp.ProblemData
    units_per_eur: float
    client: list[tuple[int, int]]
    shifts: list[list[int]]

    @classmethod
    def of(cls, problem: Problem) -> _Model:
        refused = cannot_carry(problem)
        if refused:
            raise ValueError(f"PyVRP cannot carry: {', '.join(refused)}")
        client = [(t, m) for t, task in enumerate(problem.tasks) for m in range(len(task.modes))]
        kinds: dict[ProblemShift, list[int]] = {}
        for k, shift in enumerate(problem.shifts):
            kinds.setdefault(replace(shift, id=""), []).append(k)
        units = _units_per_eur(problem, list(kinds))
        sites, types = len(problem.sites), []
        depots = [pyvrp.Depot(location=len(client) + i, service_duration=_ds(s.unload_s))
                  for i, s in enumerate(problem.sites)]  # fmt: skip
        for i, shift in enumerate(kinds):  # each kind has a start, an end and matrices of its own
            at = len(client) + sites + 2 * i
            depots += [pyvrp.Depot(location=at, service_duration=_ds(shift.start_service_s)), pyvrp.Depot(at + 1)]
            types.append(_vehicle(problem, shift, len(kinds[shift]), i, units))
        distances = [_ways_price(problem, shift, i, len(kinds), units) for i, shift in enumerate(kinds)]
        durations = [_durations(problem, shift, i, len(kinds)) if _timed(problem) else np.zeros_like(distances[i])
                     for i, shift in enumerate(kinds)]  # fmt: skip
        data = pyvrp.ProblemData(
            [pyvrp.Location(0, 0)] * (len(client) + sites + 2 * len(kinds)), _clients(problem, units), depots, types,
            cast(Any, distances), cast(Any, durations), [group for group, _ in _groups(problem)],
        )  # fmt: skip
        return cls(problem, data, units, client, list(kinds.values()))

    def read(self, found: pyvrp.Solution) -> Solution:
        routes: list[tuple[Visit, ...]] = [()] * len(self.problem.shifts)
        free = [list(reversed(row)) for row in self.shifts]
        for route in found.routes():
            visits: list[Visit] = []
            for activity in route:
                if activity.is_client():
                    visits.append(Visit("task", *self.client[activity.idx]))
                elif activity.idx < len(self.problem.sites) and visits and visits[-1].kind == "task":
                    visits.append(Visit("unload", activity.idx))
            if not visits:
                continue
            k = free[route.vehicle_type()].pop()
            if visits[-1].kind == "task":
                visits.append(Visit("unload", _last_site(self.problem, k, visits[-1])))
            routes[k] = tuple(visits)
        served = {v.index for visits in routes for v in visits if v.kind == "task"}
        left = tuple((t, "SHIFT_TIME") for t in range(len(self.problem.tasks)) if t not in served)
        return Solution(tuple(routes), left)


def _ds(seconds: float) -> int:
    return round(seconds * 10)


def _units_per_eur(problem: Problem, kinds: list[ProblemShift]) -> float:
    """So that the cheapest second costs ten units (one per decisecond), or a thousand where prices differ."""
    prices = {s.eur_per_s or s.eur_per_m * problem.mean_speed_mps for s in kinds} - {0.0}
    prices |= {s.overtime_eur_per_s for s in kinds if s.overtime_s > 0}
    return (10.0 if len(prices) == 1 else 1000.0) / min(prices, default=1.0)


def _timed(problem: Problem) -> bool:
    """Whether the clock matters to feasibility; else time is a part of the ways' price, which PyVRP is quicker with."""
    endless = all(min(s.length_s, s.max_work_s) >= LONG_S for s in problem.shifts)
    return not endless or any(t.windows for t in problem.tasks)


def _vehicle(problem: Problem, shift: ProblemShift, count: int, kind: int, units: float) -> pyvrp.VehicleType:
    sites = len(problem.sites)
    timed = _timed(problem)
    price = round(shift.eur_per_s * units / 10) if timed else 0
    limit_s = min(shift.length_s + shift.overtime_s, shift.max_work_s)
    regular_s = min(shift.length_s, limit_s)
    scale = _load_scale(problem)
    whole = [sum(t.load[d] for t in problem.tasks) for d in range(len(problem.dimensions))]
    return pyvrp.VehicleType(
        num_available=count,
        capacity=[int(min(c, q) * scale + 1e-3) for c, q in zip(shift.capacity, whole, strict=True)],
        start_depot=sites + 2 * kind, end_depot=sites + 2 * kind + 1, fixed_cost=round(shift.fixed_eur * units),
        tw_early=_ds(shift.start_s), start_late=_ds(shift.start_s), shift_duration=_ds(regular_s),
        max_overtime=_ds(limit_s - regular_s), unit_distance_cost=1, unit_duration_cost=price,
        unit_overtime_cost=max(0, round(shift.overtime_eur_per_s * units / 10) - price), profile=kind,
        reload_depots=[] if _another_truck_does(problem, shift) else list(range(sites)),
    )  # fmt: skip


def _another_truck_does(problem: Problem, shift: ProblemShift) -> bool:
    """Whether a second trip of a truck is no better than a truck more: unloading at the depot, trucks for nothing."""
    travel = problem.travel_ds[shift.travel]
    at_depot = all(travel[shift.depot, s.place] == 0 == travel[s.place, shift.depot] for s in problem.sites)
    return at_depot and shift.fixed_eur == shift.start_service_s == shift.end_service_s == 0


def _load_scale(problem: Problem) -> int:
    """Of loads in whole numbers: thousandths at the finest."""
    loads = np.array([t.load for t in problem.tasks])
    return next((s for s in (1, 10, 100) if np.abs(loads * s - np.rint(loads * s)).max(initial=0) < 1e-3), 1000)


def _clients(problem: Problem, units: float) -> list[pyvrp.Client]:
    crew = problem.shifts[0].crew_factor
    scale = _load_scale(problem)
    group_of = {task: g for g, (_, task) in enumerate(_groups(problem))}
    clients: list[pyvrp.Client] = []
    timed = _timed(problem)
    for t, task in enumerate(problem.tasks):
        must = task.unserved_eur >= UNSERVED_EUR
        for mode in task.modes:
            serve_s = _serve_s(mode, crew) if timed else 0.0
            opens_s, closes_s = task.windows[0] if task.windows else (0.0, 1e10)
            clients.append(
                pyvrp.Client(
                    location=len(clients), pickup=[int(np.ceil(q * scale - 1e-3)) for q in task.load],
                    service_duration=_ds(serve_s), tw_early=_ds(opens_s), tw_late=max(0, _ds(closes_s - serve_s)),
                    prize=0 if must else round(task.unserved_eur * units), required=must and t not in group_of,
                    group=group_of.get(t),
                )
            )  # fmt: skip
    return clients


def _groups(problem: Problem) -> list[tuple[pyvrp.ClientGroup, int]]:
    groups, first = [], 0
    for t, task in enumerate(problem.tasks):
        if len(task.modes) > 1:
            must = task.unserved_eur >= UNSERVED_EUR
            groups.append((pyvrp.ClientGroup(list(range(first, first + len(task.modes))), required=must), t))
        first += len(task.modes)
    return groups


def _durations(problem: Problem, shift: ProblemShift, kind: int, kinds: int, standing: bool = True) -> Whole:
    """Deciseconds between clients, sites, and this kind's start and end; the other kinds' are out of reach.

    ``standing``: with the last unloading and the end of service on the way to the end.
    """
    clients = [m.place for t in problem.tasks for m in t.modes]
    sites = [s.place for s in problem.sites]
    travel = problem.travel_ds[shift.travel]
    c, n = len(clients), len(clients) + len(sites)
    ways: Whole = np.full((n + 2 * kinds, n + 2 * kinds), UNREACHABLE, dtype=np.int64)
    ways[:n, :n] = travel[np.ix_(clients + sites, clients + sites)]
    begin, end = n + 2 * kind, n + 2 * kind + 1
    ways[begin, :n] = travel[shift.depot, clients + sites]
    ways[begin, end] = 0
    home = travel[sites, shift.depot].astype(np.int64)
    unload = np.array([_ds(s.unload_s) for s in problem.sites], dtype=np.int64)
    over = ways[:c, c:n] + unload + home
    best = over.argmin(1)
    ways[:c, end] = over[np.arange(c), best] - (0 if standing else unload[best])
    ways[c:n, end] = home
    if standing:
        ways[:n, end] += _ds(shift.end_service_s)
    np.fill_diagonal(ways, 0)
    return np.minimum(ways, UNREACHABLE)


def _ways_price(problem: Problem, shift: ProblemShift, kind: int, kinds: int, units: float) -> Whole:
    """What going to, and serving, each place costs: metres and reversals; time too where the clock does not matter."""
    timed = _timed(problem)
    per_ds = shift.eur_per_m * problem.mean_speed_mps / 10 * units
    modes = [m for t in problem.tasks for m in t.modes]
    own = np.array([m.length_m * shift.eur_per_m + m.reversals * problem.eur_per_reversal for m in modes])
    priced = _durations(problem, shift, kind, kinds, standing=False) * per_ds
    if not timed:
        own += [_serve_s(m, shift.crew_factor) * shift.eur_per_s for m in modes]
        priced += _durations(problem, shift, kind, kinds) * (shift.eur_per_s / 10 * units)
        # unloading before the next trip; that before the end is in the way there
        clients, sites = len(modes), len(problem.sites)
        unload = np.array([s.unload_s for s in problem.sites]) * shift.eur_per_s * units
        priced[clients : clients + sites, :clients] += unload[:, None]
    priced[:, : len(modes)] += own * units
    np.fill_diagonal(priced, 0)
    whole: Whole = np.rint(priced).astype(np.int64)
    return whole


def _serve_s(mode: Mode, crew_factor: float) -> float:
    return mode.drive_s + mode.standing_s + mode.handling_s * crew_factor


def _last_site(problem: Problem, shift_index: int, visit: Visit) -> int:
    shift = problem.shifts[shift_index]
    travel = problem.travel_ds[shift.travel]
    place = problem.tasks[visit.index].modes[visit.mode].place
    ds = [int(travel[place, s.place]) + _ds(s.unload_s) + int(travel[s.place, shift.depot]) for s in problem.sites]
    return int(np.argmin(ds))
