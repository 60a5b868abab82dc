"""A problem as flat arrays: what the kernels read and never write.

A *class* is what shifts have in common that prices a link: travel matrix, depot, crew, wages. A *way* is a row of
sites that empties a truck wholly (``terms.Way``). Cost of a link of ``d`` deciseconds: ``rate[c] * d``; its time ``d``
tenths of a second. ``into`` and ``out_of`` hold, per class, what lies between a place and a way, so that an unloading
between two tasks costs one addition per way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order, minimum_spanning_tree

from optimizer.problem import UNREACHABLE, Problem, ProblemShift, Window, longest_work_s, opening, schedule
from optimizer.search.terms import ways_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Indices = NDArray[np.uint32]  # without sign: compiled code need not ask whether to count from the end
Flags = NDArray[np.bool_]

NEIGHBOURS = 100
SPARE_TRIPS = 3  # so many more shifts than full trips: with fewer, a plan with a trip more may have no shift for it
NEVER_S = 1e8
LEAST_RATE = 1e-6  # euros per decisecond: where driving costs nothing, no way is still told from its price ...
ABOVE_SERVICES = 4.0  # ... which is at least so many times what all services cost
EPS = 1e-6
_INF = float("inf")
EUR, SEC = 0, 1
#: Columns of ``Ground.origin`` and ``Ground.sites``.
LEAVE, ENTER, PROFILE, STAY_S = 0, 1, 2, 2
#: Columns of ``Ground.by_shift``: euros, euros per second, euros per second more in overtime, then seconds; NEVER: the
#: euros of travel from which on there is no way; DRIVES_OUT: when it drives out, START_SERVICE seconds after its start.
(
    FIXED,
    PER_S,
    OVER_MORE,
    LENGTH,
    MOST_WORK,
    SERVICES,
    REST,
    REST_AFTER,
    NEVER,
    REST_LATEST,
    DRIVES_OUT,
    START_SERVICE,
) = range(12)


class Shape(NamedTuple):
    """What of the machinery a problem needs. Each is a tuple of so many zeros: its length is part of its type, so a
    kernel is compiled for just these features and the others cost nothing."""

    modes: tuple[int, ...]
    loads: tuple[int, ...]
    unloads: tuple[int, ...]  # empty: a route is one trip
    timed: tuple[int, ...]  # empty: no length of a route matters
    clock: tuple[int, ...]  # empty: no hours, no rests at a place
    told: tuple[int, ...]  # empty: no task can have been told to be served by a certain shift


class Ground(NamedTuple):
    """Tasks (m), modes, shifts (K), classes (C), corners, ways (W), load dimensions (D)."""

    shape: Shape
    travel_ds: Ints  # profile, corner left, corner entered
    origin: Indices  # C, (LEAVE, ENTER, PROFILE): the depot's corners
    rate: Floats  # C: euros per decisecond of travel
    serve: Floats  # C, m, modes, (EUR, SEC); inf: no such mode
    into: Floats  # C, corner left, W, (EUR, SEC): from a corner into a way, emptying included
    out: Floats  # C, corner entered, W, (EUR, SEC): from a way to a corner
    home: Floats  # C, corner left, (EUR, SEC): emptied by the best way and home; where nothing is loaded, home
    kind: Indices  # K: a shift's class
    alike: Ints  # K: the first shift that is the same in every respect
    capacity: Floats  # K, D
    daily: Floats  # K, D + 1: loads of a whole shift, and tasks, at most
    by_shift: Floats  # K, (FIXED … START_SERVICE)
    lunch: Floats  # K, (opens, closes, length) of a rest at a time of day; length 0: none
    clocked: Flags  # K: hours or a lunch may matter whatever it serves
    hours: Floats  # m, windows, (opens, closes): a service begins and ends inside one; always at least one
    windowed: Flags  # m
    site_hours: Floats  # S, windows, (opens, closes)
    sites: Floats  # S, (LEAVE, ENTER, STAY_S): its corners, the seconds to unload
    ways: Ints  # C, W, 3: site indices, -1: no more
    trip_eur: float  # what the clock adds for each way; into and home have it already
    allowed: Flags  # m, K
    told: Ints  # m: the shift that a task was told to be served by, -1: none
    moved_eur: Floats  # m: the price of another shift
    pins: Ints  # K: so many first tasks stay
    leave: Indices  # m, modes: the corner at which a mode ends
    enter: Indices  # m, modes: ... at which it begins
    load: Floats  # m, D
    unserved_eur: Floats
    least_eur: Floats  # m: what a task adds at least, wherever: to drive through may cost nothing more
    near: Indices  # m, up to NEIGHBOURS: itself first
    walk: Indices  # m: all tasks; a stretch of it is a compact part of the map
    far: Floats
    salt: NDArray[np.int64]
    balance: float


def ground_of(problem: Problem) -> tuple[Ground, list[list[tuple[int, ...]]]]:
    """The arrays, and per class the ways (rows of site indices) that their columns stand for."""
    tasks, shifts = problem.tasks, problem.shifts
    n, dims = len(tasks), len(problem.dimensions)
    most = max(len(t.modes) for t in tasks)
    place = np.array([[t.modes[min(i, len(t.modes) - 1)].place for i in range(most)] for t in tasks], dtype=np.uint32)
    load = np.array([t.load for t in tasks], dtype=float).reshape(n, dims)
    unserved_eur = np.array([t.unserved_eur for t in tasks], dtype=float)
    allowed = _allowed(problem, load)
    for k, shift in enumerate(shifts):
        for visit in shift.pinned:  # it stays as it is
            if visit.kind == "task":
                allowed[visit.index] = np.arange(len(shifts)) == k
    matrices = problem.travel_ds
    travel = matrices[0][None] if len(matrices) == 1 else np.stack(matrices)
    kinds, classes = _classes(problem, allowed, load)
    rates = _rates(problem)
    parts = [_class(problem, k, served, most, travel, rates[k]) for k, served in classes]
    ways = [part.ways for part in parts]
    width = max(1, max(len(w) for w in ways))
    serve, home = np.stack([part.serve for part in parts]), np.stack([part.home for part in parts])
    rate = np.array([rates[k] for k, _ in classes])
    never = rate * (UNREACHABLE / 2)
    for c, (k, _) in enumerate(classes):  # a mode that leads nowhere is none
        there = rate[c] * travel[shifts[k].travel, shifts[k].depot, place]
        serve[c, ..., EUR][(there >= never[c]) | (home[c, place, EUR] >= never[c])] = _INF
    for k, shift in enumerate(shifts):
        for visit in shift.pinned:
            if visit.kind == "task":
                serve[kinds[k], visit.index, np.arange(most) != visit.mode] = _INF
    for k in range(len(shifts)):
        allowed[:, k] &= np.isfinite(serve[kinds[k], ..., EUR]).any(1)
        if not ways[kinds[k]]:
            allowed[load.any(1), k] = False  # nowhere to empty all that it may load
    roads = [(travel[shifts[k].travel], shifts[k].depot) for k in {shifts[k].travel: k for k, _ in classes}.values()]
    usable: Flags = np.logical_or.reduce(np.isfinite(serve[..., EUR]), axis=0)
    near, link_ds, far = _near(roads, place, usable, allowed)
    walk = _walk(near, link_ds, far)
    left, leave, entered, enter = _corners(travel, place[walk].ravel())
    alike = _alike(problem, allowed, kinds)
    missed = _missed(problem)
    windows = [() if i in missed else t.windows for i, t in enumerate(tasks)]
    windowed = np.array([bool(own) for own in windows], dtype=bool)
    clocked = np.array([_is_clocked(problem, k, ways[kinds[k]]) for k in range(len(shifts))], dtype=bool)
    shape = Shape(
        (0,) * most,
        (0,) * dims,
        (0,) * _needs_unloads(problem, ways, alike),
        (0,) * _is_timed(problem),
        (0,) * int(clocked.any() or windowed.any()),
        (0,) * int(_is_timed(problem) or any(t.told is not None for t in tasks)),  # no replan waits for a compiler
    )
    firsts = [shifts[k] for k, _ in classes]
    ground = Ground(
        shape=shape,
        travel_ds=_between(travel, left, entered),
        origin=np.array([(leave[s.depot], enter[s.depot], s.travel) for s in firsts], dtype=np.uint32),
        rate=rate,
        serve=serve,
        into=np.stack([_widened(part.into[left], width) for part in parts]),
        out=np.stack([_widened(part.out[entered], width) for part in parts]),
        home=np.stack([part.home[left] for part in parts]),
        kind=np.array(kinds, dtype=np.uint32),
        alike=alike,
        capacity=np.array([s.capacity for s in shifts], dtype=float).reshape(len(shifts), dims) + EPS,
        daily=np.array([_daily(s, dims) for s in shifts]),
        by_shift=np.array([_by_shift(s, rates[k]) for k, s in enumerate(shifts)]),
        lunch=np.array([s.lunch or (0.0, 0.0, 0.0) for s in shifts], dtype=float),
        clocked=clocked,
        hours=_hours(windows),
        windowed=windowed,
        site_hours=_hours([s.windows for s in problem.sites]),
        sites=np.array([(leave[s.place], enter[s.place], s.unload_s) for s in problem.sites], dtype=float).reshape(
            -1, 3
        ),
        ways=_ways(ways, width),
        trip_eur=0.0,
        allowed=allowed,
        told=np.array([-1 if t.told is None else t.told for t in tasks], dtype=np.int32),
        moved_eur=np.array([t.moved_eur for t in tasks], dtype=float),
        pins=np.array([sum(v.kind == "task" for v in s.pinned) for s in shifts], dtype=np.int32),
        leave=leave[place],
        enter=enter[place],
        load=load,
        unserved_eur=unserved_eur,
        least_eur=np.minimum(unserved_eur, _least_eur(problem)),
        near=near,
        walk=walk,
        far=far,
        salt=np.random.default_rng(1).integers(1, 2**63 - 1, n),
        balance=problem.balance_eur_per_s,
    )
    return ground, ways


def small(ground: Ground) -> Ground:
    """The first tasks alone: a problem of the same shape that is solved at once."""
    n = min(3, len(ground.load))
    walk = np.arange(n, dtype=np.uint32)
    near = np.tile(walk, (n, 1))
    first: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(ground, name)[:n])
        for name in (
            "hours",
            "windowed",
            "allowed",
            "told",
            "moved_eur",
            "leave",
            "enter",
            "load",
            "unserved_eur",
            "least_eur",
            "far",
            "salt",
        )
    }
    serve, pins = np.ascontiguousarray(ground.serve[:, :n]), np.zeros_like(ground.pins)
    return ground._replace(serve=serve, near=near, walk=walk, pins=pins, **first)


def _alike(problem: Problem, allowed: Flags, kinds: list[int]) -> Ints:
    known: dict[tuple[object, ...], int] = {}
    shifts = [
        (
            replace(s, id=""),
            kinds[k],
            allowed[:, k].tobytes(),
            tuple(t.told == k for t in problem.tasks if t.told is not None),
        )
        for k, s in enumerate(problem.shifts)
    ]
    return np.array([known.setdefault(s, k) for k, s in enumerate(shifts)], dtype=np.int32)


def _by_shift(s: ProblemShift, rate: float) -> list[float]:
    # A rest after so much driving is left to the exact clock: a collection tour rarely drives so long.
    first = min((b for b in s.breaks if b.basis == "work"), key=lambda b: (b.after_s, b.break_s), default=None)
    rest_s, after_s, latest_s = (first.break_s, first.after_s, first.latest_s) if first else (0, NEVER_S, NEVER_S)
    return [
        s.fixed_eur, s.eur_per_s, s.overtime_eur_per_s - s.eur_per_s, s.length_s, longest_work_s(s) + EPS,
        s.start_service_s + s.end_service_s, rest_s, after_s - 2, rate * (UNREACHABLE / 2), latest_s - 2,
        s.start_s + s.start_service_s, s.start_service_s,
    ]  # fmt: skip


def _rates(problem: Problem) -> list[float]:
    """Per shift the euros per decisecond of travel."""
    wage, metre, crew = (
        max(getattr(s, of) for s in problem.shifts) for of in ("eur_per_s", "eur_per_m", "crew_factor")
    )
    services_eur = sum(
        max(
            (m.drive_s + m.standing_s + m.handling_s * crew) * wage
            + m.length_m * metre
            + m.reversals * problem.eur_per_reversal
            for m in task.modes
        )
        for task in problem.tasks
    )
    least = max(LEAST_RATE, ABOVE_SERVICES * services_eur / UNREACHABLE)
    return [max(least, (s.eur_per_s + s.eur_per_m * problem.mean_speed_mps) / 10) for s in problem.shifts]


def _allowed(problem: Problem, load: Floats) -> Flags:
    allowed = np.zeros((len(problem.tasks), len(problem.shifts)), dtype=bool)
    for t, task in enumerate(problem.tasks):
        allowed[t, [k for k in task.shifts if 0 <= k < len(problem.shifts)]] = True
    takes = np.array([s.takes for s in problem.sites], dtype=bool).reshape(len(problem.sites), load.shape[1])
    for k in range(len(problem.shifts)):  # no site empties it
        usable = [site.is_for(k) for site in problem.sites]
        allowed[(load > 0) @ ~takes[usable].any(0), k] = False
    capacity = np.array([s.capacity for s in problem.shifts], dtype=float).reshape(len(problem.shifts), load.shape[1])
    for k in range(len(problem.shifts)):
        allowed[:, k] &= (load <= capacity[k] + EPS).all(1)
    return allowed


def _classes(problem: Problem, allowed: Flags, load: Floats) -> tuple[list[int], list[tuple[int, Flags]]]:
    """Per shift its class; per class one of its shifts and the dimensions that it may ever load."""
    known: dict[tuple[object, ...], int] = {}
    kinds: list[int] = []
    classes: list[tuple[int, Flags]] = []
    for k, s in enumerate(problem.shifts):
        served: Flags = np.logical_or.reduce(load[allowed[:, k]] > 0, axis=0)
        usable = tuple(site.is_for(k) for site in problem.sites)
        key = (s.travel, s.depot, s.crew_factor, s.eur_per_s, s.eur_per_m, served.tobytes(), usable)
        if key not in known:
            known[key] = len(classes)
            classes.append((k, served))
        kinds.append(known[key])
    return kinds, classes


class _Class(NamedTuple):
    ways: list[tuple[int, ...]]
    serve: Floats
    into: Floats
    out: Floats
    home: Floats


def _class(problem: Problem, k: int, served: Flags, most: int, travel: Ints, rate: float) -> _Class:
    shift, d = problem.shifts[k], travel[problem.shifts[k].travel]
    serve = np.full((len(problem.tasks), most, 2), _INF)
    for t, task in enumerate(problem.tasks):
        for i, mode in enumerate(task.modes):
            seconds = mode.drive_s + mode.standing_s + mode.handling_s * shift.crew_factor
            eur = (
                seconds * shift.eur_per_s + mode.length_m * shift.eur_per_m + mode.reversals * problem.eur_per_reversal
            )
            serve[t, i] = eur, seconds
    usable = [i for i, site in enumerate(problem.sites) if site.is_for(k)]
    ways = ways_of(problem, shift.travel, served, usable) if served.any() else []
    first, last = ([problem.sites[w[end]].place for w in ways] for end in (0, -1))
    legs = np.array([sum(float(d[_at(problem, a), _at(problem, b)]) for a, b in pairwise(w)) for w in ways])
    stay_s = np.array([sum(problem.sites[s].unload_s for s in w) for w in ways])
    into_ds = (d[:, first] + legs).reshape(len(d), len(ways))
    out_ds = d[last].T.astype(float).reshape(len(d), len(ways))
    into = np.stack((into_ds * rate + stay_s * shift.eur_per_s, into_ds / 10 + stay_s), axis=2)
    out = np.stack((out_ds * rate, out_ds / 10), axis=2)
    if ways:
        through = into + out[shift.depot]
        home = through[np.arange(len(d)), through[..., EUR].argmin(1)]
    else:  # nothing is ever loaded: no need to be emptied
        home = np.stack((d[:, shift.depot] * rate, d[:, shift.depot] / 10), axis=1)
    return _Class(ways, serve, into, out, home)


def _at(problem: Problem, site: int) -> int:
    return problem.sites[site].place


def _needs_unloads(problem: Problem, ways: list[list[tuple[int, ...]]], alike: Ints) -> int:
    """0 where a trip more is a route more: all shifts alike and some to spare, one site, at the depot, no price of a
    route, nothing that ends it and nobody who waits."""
    if not any(ways):
        return 0
    shift, d = problem.shifts[0], problem.travel_ds[problem.shifts[0].travel]
    if alike.any() or any(v.kind == "unload" for v in shift.pinned):
        return 1
    home = len(problem.sites) == 1 and (
        d[shift.depot, problem.sites[0].place] == d[problem.sites[0].place, shift.depot] == 0
    )
    service_eur = (shift.start_service_s + shift.end_service_s) * shift.eur_per_s
    free = shift.fixed_eur == service_eur == 0 and not _is_timed(problem) and shift.lunch is None
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


def _missed(problem: Problem) -> set[int]:
    """Tasks whose hours are over when their turn comes in what is pinned: nothing is asked of them any more."""
    missed: set[int] = set()
    for k, shift in enumerate(problem.shifts):
        for e in schedule(problem, k, shift.pinned).events:
            if e.kind == "task" and e.visit is not None:
                task = shift.pinned[e.visit].index
                if opening(problem.tasks[task].windows, e.start_s, e.end_s - e.start_s) != e.start_s:
                    missed.add(task)
    return missed


def _least_eur(problem: Problem) -> Floats:
    """Standing and handling, in the cheapest mode, by the cheapest crew."""
    wage = min(s.eur_per_s for s in problem.shifts)
    crew = min(s.crew_factor for s in problem.shifts)
    return np.array([wage * min(m.standing_s + m.handling_s * crew for m in t.modes) for t in problem.tasks])


def _is_timed(problem: Problem) -> int:
    """1 where the length of a route may matter: there is a limit, or a price of unlike lengths."""
    limited = any(s.length_s < NEVER_S or longest_work_s(s) < NEVER_S or s.breaks for s in problem.shifts)
    return int(problem.balance_eur_per_s > 0 or limited)


def _is_clocked(problem: Problem, k: int, ways: list[tuple[int, ...]]) -> bool:
    shift = problem.shifts[k]
    begin, end = shift.start_s, shift.start_s + shift.length_s + shift.overtime_s
    hours = [problem.sites[s].windows for way in ways for s in way]
    return shift.lunch is not None or any(w and not any(a <= begin and b >= end for a, b in w) for w in hours)


def _daily(shift: ProblemShift, dims: int) -> list[float]:
    loads = shift.most_load or (_INF,) * dims
    return [q + EPS for q in loads] + [_INF if shift.most_tasks is None else float(shift.most_tasks)]


def _hours(windows: Sequence[Sequence[Window]]) -> Floats:
    most = max((len(w) for w in windows), default=1) or 1
    hours = np.empty((len(windows), most, 2))
    hours[..., 0], hours[..., 1] = _INF, -_INF
    for i, own in enumerate(windows):
        rows = own or ((-_INF, _INF),)
        hours[i, : len(rows)] = rows
    return hours


def _ways(ways: list[list[tuple[int, ...]]], width: int) -> Ints:
    rows = np.full((len(ways), width, 3), -1, dtype=np.int32)
    for c, own in enumerate(ways):
        for w, sites in enumerate(own):
            rows[c, w, : len(sites)] = sites
    return rows


def _near(
    roads: Sequence[tuple[Ints, int]], place: Indices, usable: Flags, allowed: Flags
) -> tuple[Indices, Ints, Floats]:
    """Per task the nearest ones that a truck could serve together with it, itself first, by the shortest link between
    any of their modes, either way round, by any truck's roads (travel times and depot); these links (-1: itself); and
    how far the depot is."""
    n, most = place.shape
    count = min(n, NEIGHBOURS)
    near, link_ds = np.empty((n, count), dtype=np.uint32), np.empty((n, count), dtype=np.int32)
    far = np.full(n, np.inf)
    trucks = allowed.T.astype(np.float32)
    for d, depot in roads:
        for a in range(most):
            far = np.minimum(far, np.where(usable[:, a], d[depot, place[:, a]], UNREACHABLE))
    for begin in range(0, n, 256):
        rows = slice(begin, min(n, begin + 256))
        best = np.full((rows.stop - begin, n), UNREACHABLE, dtype=np.int32)
        for d, _ in roads:
            for a in range(most):
                for b in range(most):
                    np.minimum(best, d[np.ix_(place[rows, a], place[:, b])], out=best)
                    np.minimum(best, d[np.ix_(place[:, b], place[rows, a])].T, out=best)
        best[(allowed[rows].astype(np.float32) @ trucks) == 0] = UNREACHABLE
        best[np.arange(len(best)), np.arange(rows.start, rows.stop)] = -1
        part = np.argpartition(best, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(best, part, 1), axis=1, kind="stable")
        near[rows] = np.take_along_axis(part, order, 1)
        link_ds[rows] = np.take_along_axis(best, near[rows], 1)
    return near, link_ds, far


def _corners(travel: Ints, walk: NDArray[Any]) -> tuple[list[int], Indices, list[int], Indices]:
    """Where turns cost nothing, places that end at the same corner have the same way to everywhere, and one row of the
    matrix is enough. One place for each corner left, each place's corner so, and likewise for corners entered, in the
    order of the ``walk`` over places: what is near on the map is near in memory."""
    walk = np.concatenate((walk, np.arange(travel.shape[1])))
    walk = walk[np.sort(np.unique(walk, return_index=True)[1])]
    return *_unlike(travel, walk), *_unlike(travel.transpose(0, 2, 1), walk)


def _unlike(travel: Ints, walk: NDArray[Any]) -> tuple[list[int], Indices]:
    """Places whose rows are unlike those of all before them on the walk, and per place which of them has its row."""
    digests: list[bytes] = []
    for begin in range(0, len(walk), 64):  # a copy of so many rows, not of the matrix
        rows = np.ascontiguousarray(travel[:, begin : begin + 64].transpose(1, 0, 2))
        digests += [blake2b(row.data, digest_size=16).digest() for row in rows]
    known: dict[bytes, int] = {}
    kept: list[int] = []
    row_of = np.empty(len(walk), np.uint32)
    for place in walk.tolist():
        row_of[place] = known.setdefault(digests[place], len(kept))
        if row_of[place] == len(kept):
            kept.append(place)
    return kept, row_of


def _between(travel: Ints, left: Sequence[int], entered: Sequence[int]) -> Ints:
    """These rows and columns of each matrix, copied row by row: a matrix may be as large as all the rest."""
    few = np.empty((len(travel), len(left), len(entered)), dtype=travel.dtype)
    for whole, part in zip(travel, few, strict=True):
        for row, place in zip(part, left, strict=True):
            row[:] = whole[place, entered]
    return few


def _walk(near: Indices, link_ds: Ints, far: Floats) -> Indices:
    """All tasks, each followed by one that is near: the shortest tree that joins them to their neighbours, from the
    depot on, small branches before large ones, so that any stretch of it is a compact part of the map."""
    n = len(near)
    task, other = np.repeat(np.arange(n), near.shape[1]), near.ravel()
    tree = minimum_spanning_tree(csr_array((link_ds.ravel() + 2.0, (task, other)), shape=(n, n)))
    _, part = connected_components(tree, directed=False)
    nearest = np.lexsort((far, part))
    roots = nearest[np.unique(part[nearest], return_index=True)[1]]
    walk: list[int] = []
    for root in roots[np.argsort(far[roots], kind="stable")].tolist():
        order, before = depth_first_order(tree, root, directed=False)
        size = np.ones(n, dtype=np.intp)
        branches: dict[int, list[int]] = {}
        for x in order[:0:-1].tolist():
            size[before[x]] += size[x]
            branches.setdefault(int(before[x]), []).append(x)
        ahead = [root]
        while ahead:
            walk.append(x := ahead.pop())
            ahead += sorted(branches.get(x, ()), key=lambda y: -int(size[y]))
    return np.array(walk, dtype=np.uint32)


def _widened(a: Floats, width: int) -> Floats:
    """Ways that a class does not have cost too much to be taken."""
    return np.concatenate((a, np.full((len(a), width - a.shape[1], 2), 1e15)), axis=1)
