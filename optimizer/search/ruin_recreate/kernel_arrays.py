"""A problem as flat arrays: what the kernels read and never write.

A *cost class* is what shifts have in common that prices a link: travel matrix, depot, crew, wages, what may be loaded
and where it may be unloaded. An *unload sequence* is a row of sites that empties a truck wholly. A link of ``d``
deciseconds costs ``eur_per_ds[class] * d`` and takes ``d`` tenths of a second. ``to_unload`` and ``from_unload`` hold,
per class, what lies between a place and an unload sequence, so that an unloading between two tasks costs one addition
per sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import UNREACHABLE, Problem, ProblemShift, Window, longest_work_s, opening, schedule
from optimizer.search.problem_arrays import EPS, Flags, Floats, ProblemArrays, unload_sequences
from optimizer.search.ruin_recreate.geography import Indices, Int32s, corners, nearest, spatial_order_of

SPARE_TRIPS = 3  # so many more shifts than full trips: with fewer, a plan with a trip more may have no shift for it
NEVER_S = 1e8
LEAST_EUR_PER_DS = 1e-6  # where driving costs nothing, no way is still told from its price ...
ABOVE_SERVICES = 4.0  # ... which is at least so many times what all services cost
NO_SEQUENCE_EUR = 1e15  # an unload sequence that a cost class does not have costs too much to be taken
_INF = float("inf")
EUR, SEC = 0, 1
#: Columns of ``KernelArrays.depot`` and ``KernelArrays.sites``.
LEAVE, ENTER, PROFILE, STAY_S = 0, 1, 2, 2
#: Columns of ``KernelArrays.by_shift``. OVERTIME_EUR_PER_S comes on top of EUR_PER_S; SERVICE_S: at the shift's start
#: and end; UNREACHABLE_EUR: the euros of travel from which on there is no way; DRIVE_OUT_S: when it leaves the depot.
(
    FIXED_EUR,
    EUR_PER_S,
    OVERTIME_EUR_PER_S,
    REGULAR_S,
    MAX_WORK_S,
    SERVICE_S,
    REST_S,
    REST_AFTER_S,
    UNREACHABLE_EUR,
    REST_LATEST_S,
    DRIVE_OUT_S,
    START_SERVICE_S,
) = range(12)


class Features(NamedTuple):
    """What of the machinery a problem needs. Each is a tuple of so many zeros: its length is part of its type, so a
    kernel is compiled for just these features and the others cost nothing."""

    modes: tuple[int, ...]
    loads: tuple[int, ...]
    unloads: tuple[int, ...]  # empty: a route is one trip
    durations: tuple[int, ...]  # empty: no length of a route matters
    hours: tuple[int, ...]  # empty: no windows, no rest at a place
    published: tuple[int, ...]  # empty: no task can have been published with a certain shift


class KernelArrays(NamedTuple):
    """Over tasks (n), modes (M), shifts (K), cost classes (C), corners, unload sequences (U), load dimensions (D) and
    sites (S)."""

    features: Features
    travel_ds: Int32s  # profile, corner left, corner entered
    depot: Indices  # C, (LEAVE, ENTER, PROFILE): its corners
    eur_per_ds: Floats  # C: of travel
    service: Floats  # C, n, M, (EUR, SEC); inf: no such mode
    to_unload: Floats  # C, corner left, U, (EUR, SEC): from a corner to a sequence, unloading included
    from_unload: Floats  # C, corner entered, U, (EUR, SEC): from a sequence to a corner
    home: Floats  # C, corner left, (EUR, SEC): by the best sequence and home; where nothing is loaded, home
    cost_class: Indices  # K
    shift_type: Int32s  # K: the first shift that is the same in every respect
    capacity: Floats  # K, D
    shift_limits: Floats  # K, D + 1: loads of a whole shift, and tasks, at most
    by_shift: Floats  # K, (FIXED_EUR … START_SERVICE_S)
    lunch: Floats  # K, (opens, closes, length) of a rest at a time of day; length 0: none
    clocked: Flags  # K: hours or a lunch may matter whatever it serves
    windows: Floats  # n, windows, (opens, closes): a service begins and ends inside one; always at least one
    windowed: Flags  # n
    site_windows: Floats  # S, windows, (opens, closes)
    sites: Floats  # S, (LEAVE, ENTER, STAY_S): its corners, the seconds to unload
    unload_sequences: Int32s  # C, U, 3: site indices, -1: no more
    trip_eur: float  # what the clock adds for each unload sequence; to_unload and home have it already
    allowed: Flags  # n, K
    published_shift: Int32s  # n: the shift that a task was published with, -1: none
    reassignment_eur: Floats  # n: the price of another shift
    pinned: Int32s  # K: so many first tasks stay
    leave: Indices  # n, M: the corner at which a mode ends
    enter: Indices  # n, M: ... at which it begins
    load: Floats  # n, D
    unserved_eur: Floats  # n
    least_service_eur: Floats  # n: what a task adds at least, wherever: to drive through may cost nothing more
    neighbours: Indices  # n, up to NEIGHBOURS: itself first
    spatial_order: Indices  # n: all tasks; a stretch of it is a compact part of the map
    depot_ds: Floats  # n: from the depot
    hash_keys: NDArray[np.int64]  # n: a set of tasks is known by them
    balance_eur_per_s: float


#: Per cost class the unload sequences (rows of site indices) that the columns of its arrays stand for.
Sequences = list[list[tuple[int, ...]]]


def kernel_arrays(problem: Problem) -> tuple[KernelArrays, Sequences]:
    """The arrays, and the unload sequences that they number. At least one task and one shift."""
    arrays = ProblemArrays(problem)
    allowed = arrays.allowed
    _bind_pinned_tasks(problem, allowed)
    travel = problem.travel_ds[0][None] if len(problem.travel_ds) == 1 else np.stack(problem.travel_ds)
    place = arrays.mode_place.astype(np.uint32)
    classes = _CostClasses(arrays, travel)
    allowed &= classes.servable(arrays.load)
    neighbours, link_ds, depot_ds = nearest(classes.roads(), place, classes.usable_mode(), allowed)
    spatial_order = spatial_order_of(neighbours, link_ds, depot_ds)
    left, leave, entered, enter = corners(travel, place[spatial_order].ravel())
    shift_type = _shift_types(problem, allowed, classes.of_shift)
    missed = _missed(problem)
    windows = [() if t in missed else task.windows for t, task in enumerate(problem.tasks)]
    windowed = np.array([bool(own) for own in windows], dtype=bool)
    clocked = np.array([classes.is_clocked(k) for k in range(len(problem.shifts))], dtype=bool)
    limited = _is_length_limited(problem)
    features = Features(
        modes=(0,) * place.shape[1],
        loads=(0,) * arrays.dimension_count,
        unloads=(0,) * _needs_unloads(problem, classes.sequences, shift_type),
        durations=(0,) * limited,
        hours=(0,) * int(clocked.any() or windowed.any()),
        # where lengths matter in any case, so that no replan waits for a compiler
        published=(0,) * int(limited or any(task.published_shift is not None for task in problem.tasks)),
    )
    kernel = KernelArrays(
        features=features,
        travel_ds=_between(travel, left, entered),
        clocked=clocked,
        windows=_padded_windows(windows),
        windowed=windowed,
        site_windows=_padded_windows([site.windows for site in problem.sites]),
        sites=_site_rows(problem, leave, enter),
        allowed=allowed,
        shift_type=shift_type,
        leave=leave[place],
        enter=enter[place],
        neighbours=neighbours,
        spatial_order=spatial_order,
        depot_ds=depot_ds,
        balance_eur_per_s=problem.balance_eur_per_s,
        **classes.fields(left, leave, entered, enter),
        **_task_fields(arrays),
        **_shift_fields(arrays, classes.rates),
    )
    return kernel, classes.sequences


def first_tasks(arrays: KernelArrays) -> KernelArrays:
    """The first tasks alone: a problem of the same features that is solved at once."""
    count = min(3, len(arrays.load))
    order = np.arange(count, dtype=np.uint32)
    by_task = (
        "windows", "windowed", "allowed", "published_shift", "reassignment_eur", "leave", "enter", "load",
        "unserved_eur", "least_service_eur", "depot_ds", "hash_keys",
    )  # fmt: skip
    first: dict[str, Any] = {name: np.ascontiguousarray(getattr(arrays, name)[:count]) for name in by_task}
    return arrays._replace(
        service=np.ascontiguousarray(arrays.service[:, :count]),
        neighbours=np.tile(order, (count, 1)),
        spatial_order=order,
        pinned=np.zeros_like(arrays.pinned),
        **first,
    )


def _bind_pinned_tasks(problem: Problem, allowed: Flags) -> None:
    """What is pinned stays with its shift."""
    for k, shift in enumerate(problem.shifts):
        for visit in shift.pinned:
            if visit.kind == "task":
                allowed[visit.index] = np.arange(len(problem.shifts)) == k


def _task_fields(arrays: ProblemArrays) -> dict[str, Any]:
    tasks = arrays.problem.tasks
    published = [-1 if task.published_shift is None else task.published_shift for task in tasks]
    return {
        "load": arrays.load,
        "unserved_eur": arrays.unserved_eur,
        "least_service_eur": np.minimum(arrays.unserved_eur, _least_service_eur(arrays.problem)),
        "published_shift": np.array(published, dtype=np.int32),
        "reassignment_eur": np.array([task.reassignment_eur for task in tasks], dtype=float),
        "hash_keys": np.random.default_rng(1).integers(1, 2**63 - 1, len(tasks)),
    }


def _shift_fields(arrays: ProblemArrays, rates: Sequence[float]) -> dict[str, Any]:
    shifts = arrays.problem.shifts
    return {
        "capacity": arrays.capacity + EPS,
        "shift_limits": np.array([_shift_limits(shift, arrays.dimension_count) for shift in shifts]),
        "by_shift": np.array([_by_shift(shift, rate) for shift, rate in zip(shifts, rates, strict=True)]),
        "lunch": np.array([shift.lunch or (0.0, 0.0, 0.0) for shift in shifts], dtype=float),
        "pinned": np.array([sum(v.kind == "task" for v in shift.pinned) for shift in shifts], dtype=np.int32),
    }


def _site_rows(problem: Problem, leave: Indices, enter: Indices) -> Floats:
    rows = [(leave[site.place], enter[site.place], site.unload_s) for site in problem.sites]
    return np.array(rows, dtype=float).reshape(-1, 3)


# --- cost classes ------------------------------------------------------------------------------------------------


class _CostClass(NamedTuple):
    """One of its shifts, its unload sequences, and what they and services cost: see ``KernelArrays``, by place."""

    shift: int
    sequences: list[tuple[int, ...]]
    service: Floats
    to_unload: Floats
    from_unload: Floats
    home: Floats


class _CostClasses:
    """The cost classes of a problem; ``of_shift``: each shift's; ``rates``: its euros per decisecond of travel."""

    def __init__(self, arrays: ProblemArrays, travel: Int32s) -> None:
        self.arrays, self.travel = arrays, travel
        self.rates = _rates(arrays)
        self.of_shift, firsts = _classified(arrays)
        self.classes = [self._class(shift) for shift in firsts]
        self.sequences = [own.sequences for own in self.classes]
        self.service = np.stack([own.service for own in self.classes])
        self.eur_per_ds = np.array([self.rates[own.shift] for own in self.classes])
        self._without_dead_ends()
        self._without_modes_that_are_not_pinned()

    def _class(self, shift: int) -> _CostClass:
        arrays, problem, own = self.arrays, self.arrays.problem, self.arrays.problem.shifts[shift]
        seconds = arrays.service_s(own.crew_factor)
        eur = seconds * own.eur_per_s + arrays.length_m * own.eur_per_m + arrays.reversals_eur
        service = np.stack((eur, seconds), axis=2)
        service[np.arange(seconds.shape[1]) >= arrays.mode_count[:, None]] = _INF
        loaded = arrays.loaded_dimensions(shift)
        usable = arrays.usable_sites(shift)
        sequences = unload_sequences(problem, own.travel, loaded, usable) if loaded.any() else []
        return _CostClass(shift, sequences, service, *self._unloading(own, sequences, self.rates[shift]))

    def _unloading(
        self, shift: ProblemShift, sequences: list[tuple[int, ...]], rate: float
    ) -> tuple[Floats, Floats, Floats]:
        """From every place to every sequence, and from there; and home, by the best one."""
        sites, travel = self.arrays.problem.sites, self.travel[shift.travel]
        places = [[sites[site].place for site in row] for row in sequences]
        first, last = [row[0] for row in places], [row[-1] for row in places]
        legs_ds = np.array([sum(float(travel[a, b]) for a, b in pairwise(row)) for row in places])
        stay_s = np.array([sum(sites[site].unload_s for site in row) for row in sequences])
        into_ds = (travel[:, first] + legs_ds).reshape(len(travel), len(sequences))
        out_ds = travel[last].T.astype(float).reshape(len(travel), len(sequences))
        into = np.stack((into_ds * rate + stay_s * shift.eur_per_s, into_ds / 10 + stay_s), axis=2)
        out = np.stack((out_ds * rate, out_ds / 10), axis=2)
        if not sequences:  # nothing is ever loaded: no need to be emptied
            home_ds = travel[:, shift.depot]
            return into, out, np.stack((home_ds * rate, home_ds / 10), axis=1)
        through = into + out[shift.depot]
        return into, out, through[np.arange(len(travel)), through[..., EUR].argmin(1)]

    def _without_dead_ends(self) -> None:
        """A mode that leads nowhere is none."""
        place, shifts = self.arrays.mode_place, self.arrays.problem.shifts
        for own, rate, service in zip(self.classes, self.eur_per_ds, self.service, strict=True):
            never_eur = rate * (UNREACHABLE / 2)
            shift = shifts[own.shift]
            there_eur = rate * self.travel[shift.travel, shift.depot, place]
            service[(there_eur >= never_eur) | (own.home[place, EUR] >= never_eur), EUR] = _INF

    def _without_modes_that_are_not_pinned(self) -> None:
        modes = np.arange(self.service.shape[2])
        for k, shift in enumerate(self.arrays.problem.shifts):
            for visit in shift.pinned:
                if visit.kind == "task":
                    self.service[self.of_shift[k], visit.index, modes != visit.mode] = _INF

    def servable(self, load: Floats) -> Flags:
        """(n, K): some mode of the task is open to the shift, which can be emptied of all that it may load."""
        servable: Flags = np.logical_or.reduce(np.isfinite(self.service[..., EUR]), axis=2)[self.of_shift].T
        for k, own in enumerate(self.of_shift):
            if not self.sequences[own]:
                servable[load.any(1), k] = False
        return servable

    def usable_mode(self) -> Flags:
        """(n, M): open to some class."""
        usable: Flags = np.logical_or.reduce(np.isfinite(self.service[..., EUR]), axis=0)
        return usable

    def roads(self) -> list[tuple[Int32s, int]]:
        """Travel times and depot, of each profile once."""
        shifts = self.arrays.problem.shifts
        by_profile = {shifts[own.shift].travel: own.shift for own in self.classes}
        return [(self.travel[shifts[k].travel], shifts[k].depot) for k in by_profile.values()]

    def is_clocked(self, shift: int) -> bool:
        """Whether a lunch or the hours of a site could matter to a shift."""
        sites = [site for row in self.sequences[self.of_shift[shift]] for site in row]
        return self.arrays.problem.shifts[shift].lunch is not None or self.arrays.hours_bind(shift, sites)

    def fields(self, left: Sequence[int], leave: Indices, entered: Sequence[int], enter: Indices) -> dict[str, Any]:
        """The fields of ``KernelArrays`` by class, by these corners."""
        width = max(1, max(len(rows) for rows in self.sequences))
        firsts = [self.arrays.problem.shifts[own.shift] for own in self.classes]
        sequences = np.full((len(self.classes), width, 3), -1, dtype=np.int32)
        for c, rows in enumerate(self.sequences):
            for u, sites in enumerate(rows):
                sequences[c, u, : len(sites)] = sites
        return {
            "cost_class": np.array(self.of_shift, dtype=np.uint32),
            "depot": np.array([(leave[s.depot], enter[s.depot], s.travel) for s in firsts], dtype=np.uint32),
            "eur_per_ds": self.eur_per_ds,
            "service": self.service,
            "to_unload": np.stack([_widened(own.to_unload[left], width) for own in self.classes]),
            "from_unload": np.stack([_widened(own.from_unload[entered], width) for own in self.classes]),
            "home": np.stack([own.home[left] for own in self.classes]),
            "unload_sequences": sequences,
            "trip_eur": 0.0,
        }


def _classified(arrays: ProblemArrays) -> tuple[list[int], list[int]]:
    """Per shift its cost class; per class its first shift."""
    known: dict[tuple[object, ...], int] = {}
    of_shift: list[int] = []
    firsts: list[int] = []
    for k, s in enumerate(arrays.problem.shifts):
        can = (arrays.loaded_dimensions(k).tobytes(), arrays.usable_sites(k))
        key = (s.travel, s.depot, s.crew_factor, s.eur_per_s, s.eur_per_m, *can)
        if key not in known:
            known[key] = len(firsts)
            firsts.append(k)
        of_shift.append(known[key])
    return of_shift, firsts


def _rates(arrays: ProblemArrays) -> list[float]:
    """Per shift the euros per decisecond of travel."""
    problem = arrays.problem
    wage, metre, crew = (
        max(getattr(s, of) for s in problem.shifts) for of in ("eur_per_s", "eur_per_m", "crew_factor")
    )
    services_eur = arrays.service_s(crew) * wage + arrays.length_m * metre + arrays.reversals_eur
    least = max(LEAST_EUR_PER_DS, ABOVE_SERVICES * sum(services_eur.max(1).tolist()) / UNREACHABLE)
    return [max(least, (s.eur_per_s + s.eur_per_m * problem.mean_speed_mps) / 10) for s in problem.shifts]


def _widened(costs: Floats, width: int) -> Floats:
    missing = np.full((len(costs), width - costs.shape[1], 2), NO_SEQUENCE_EUR)
    return np.concatenate((costs, missing), axis=1)


# --- shifts and tasks --------------------------------------------------------------------------------------------


def _shift_types(problem: Problem, allowed: Flags, cost_class: list[int]) -> Int32s:
    known: dict[tuple[object, ...], int] = {}
    types = []
    for k, shift in enumerate(problem.shifts):
        published = tuple(t.published_shift == k for t in problem.tasks if t.published_shift is not None)
        key = (replace(shift, id=""), cost_class[k], allowed[:, k].tobytes(), published)
        types.append(known.setdefault(key, k))
    return np.array(types, dtype=np.int32)


def _by_shift(shift: ProblemShift, rate: float) -> list[float]:
    # A rest after so much driving is left to the exact clock: a collection tour rarely drives so long.
    by_work = (rule for rule in shift.breaks if rule.basis == "work")
    first = min(by_work, key=lambda rule: (rule.after_s, rule.break_s), default=None)
    rest_s, after_s, latest_s = (first.break_s, first.after_s, first.latest_s) if first else (0, NEVER_S, NEVER_S)
    return [
        shift.fixed_eur,
        shift.eur_per_s,
        shift.overtime_eur_per_s - shift.eur_per_s,
        shift.length_s,
        longest_work_s(shift) + EPS,
        shift.start_service_s + shift.end_service_s,
        rest_s,
        after_s - 2,
        rate * (UNREACHABLE / 2),
        latest_s - 2,
        shift.start_s + shift.start_service_s,
        shift.start_service_s,
    ]


def _shift_limits(shift: ProblemShift, dimensions: int) -> list[float]:
    loads = shift.most_load or (_INF,) * dimensions
    return [load + EPS for load in loads] + [_INF if shift.most_tasks is None else float(shift.most_tasks)]


def _needs_unloads(problem: Problem, sequences: Sequences, shift_type: Int32s) -> int:
    """0 where a trip more is a route more: all shifts of one type and some to spare, one site, at the depot, no price
    of a route, nothing that ends it and nobody who waits."""
    if not any(sequences):
        return 0
    shift, travel_ds = problem.shifts[0], problem.travel_ds[problem.shifts[0].travel]
    if shift_type.any() or any(v.kind == "unload" for v in shift.pinned):
        return 1
    home = len(problem.sites) == 1 and (
        travel_ds[shift.depot, problem.sites[0].place] == travel_ds[problem.sites[0].place, shift.depot] == 0
    )
    service_eur = (shift.start_service_s + shift.end_service_s) * shift.eur_per_s
    free = shift.fixed_eur == service_eur == 0 and not _is_length_limited(problem) and shift.lunch is None
    free &= not any(t.windows for t in problem.tasks) and not any(s.windows for s in problem.sites)
    load = np.array([t.load for t in problem.tasks], dtype=float).reshape(len(problem.tasks), -1)
    return 0 if home and free and len(problem.shifts) >= shifts_to_spare(load, np.array(shift.capacity)) else 1


def shifts_to_spare(load: Floats, capacity: Floats) -> int:
    """So many shifts that a trip more has one of its own: more than full trips by ``SPARE_TRIPS``, than first-fit
    decreasing makes of the loads (tasks, dimensions) by one."""
    share = np.divide(load, capacity, out=np.zeros_like(load), where=capacity > 0)
    trips = np.zeros((len(load) + 1, load.shape[1]))
    used = 0
    for one in share[np.argsort(-share.max(1, initial=0.0), kind="stable")]:
        first = int((trips[: used + 1] + one <= 1 + EPS).all(1).argmax())
        trips[first] += one
        used = max(used, first + 1)
    full = ceil(float(share.sum(0).max(initial=0.0)) - EPS)
    return min(len(load), max(full + SPARE_TRIPS, used + 1))


def _is_length_limited(problem: Problem) -> int:
    """1 where the length of a route may matter: there is a limit, or a price of unlike lengths."""
    limited = any(s.length_s < NEVER_S or longest_work_s(s) < NEVER_S or s.breaks for s in problem.shifts)
    return int(problem.balance_eur_per_s > 0 or limited)


def _missed(problem: Problem) -> set[int]:
    """Tasks whose hours are over when their turn comes in what is pinned: nothing is asked of them any more."""
    missed: set[int] = set()
    for k, shift in enumerate(problem.shifts):
        for event in schedule(problem, k, shift.pinned).events:
            if event.kind == "task" and event.visit is not None:
                task = shift.pinned[event.visit].index
                begin_s = opening(problem.tasks[task].windows, event.start_s, event.end_s - event.start_s)
                if begin_s != event.start_s:
                    missed.add(task)
    return missed


def _least_service_eur(problem: Problem) -> Floats:
    """Standing and handling, in the cheapest mode, by the cheapest crew."""
    wage = min(s.eur_per_s for s in problem.shifts)
    crew = min(s.crew_factor for s in problem.shifts)
    return np.array([wage * min(m.standing_s + m.handling_s * crew for m in t.modes) for t in problem.tasks])


def _padded_windows(windows: Sequence[Sequence[Window]]) -> Floats:
    most = max((len(own) for own in windows), default=1) or 1
    padded = np.empty((len(windows), most, 2))
    padded[..., 0], padded[..., 1] = _INF, -_INF
    for i, own in enumerate(windows):
        rows = own or ((-_INF, _INF),)
        padded[i, : len(rows)] = rows
    return padded


def _between(travel: Int32s, left: Sequence[int], entered: Sequence[int]) -> Int32s:
    """These rows and columns of each matrix, copied row by row: a matrix may be as large as all the rest."""
    few = np.empty((len(travel), len(left), len(entered)), dtype=travel.dtype)
    for whole, part in zip(travel, few, strict=True):
        for row, place in zip(part, left, strict=True):
            row[:] = whole[place, entered]
    return few
