"""The terms of one problem, as arrays: what does not change while its plans are worked on.

Tasks by mode, shifts, neighbours, ways to empty a truck. Only the places that occur, renumbered; seconds as float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import UNREACHABLE, Mode, Problem, ProblemShift, Window, longest_work_s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEIGHBOURS = 24  # before and after a task: of so many tasks is asked whether it could go beside them
NEVER = 1e7  # seconds: no way
EPS = 1e-6  # of loads, and of seconds


@dataclass(frozen=True, slots=True)
class Way:
    """A way to empty a truck: sites in a row. ``time_s``: unloading and driving between them."""

    sites: tuple[int, ...]
    time_s: float
    travel_s: float


def ways_of(problem: Problem, profile: int, served: Flags, usable: Sequence[int]) -> list[tuple[int, ...]]:
    """The minimal rows of usable sites, at most three, that take everything of these load dimensions, each site to be
    reached from the one before by the roads of ``travel_ds[profile]``."""
    sites, travel_ds = problem.sites, problem.travel_ds[profile]
    takes = np.array([s.takes for s in sites], dtype=bool).reshape(len(sites), len(served))
    ways: list[tuple[int, ...]] = []
    enough: set[frozenset[int]] = set()
    for size in (1, 2, 3):
        for row in permutations(usable, size):
            if any(frozenset(row) > e for e in enough) or not (takes[list(row)].any(0) | ~served).all():
                continue
            if all(travel_ds[sites[a].place, sites[b].place] < UNREACHABLE for a, b in pairwise(row)):
                ways.append(row)
        enough |= {frozenset(w) for w in ways}
    return ways


class Terms:
    """Arrays over tasks (n), modes (most of any task), shifts (k) and load dimensions; ``*_s`` in seconds."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tasks, shifts = problem.tasks, problem.shifts
        self.n, self.k, self.dims = len(tasks), len(shifts), len(problem.dimensions)
        n, k = self.n, self.k
        self.modes = np.array([len(t.modes) for t in tasks], dtype=np.int64)
        most = int(self.modes.max(initial=1))

        def by_mode(name: str) -> Floats:
            return np.array([[getattr(m, name) for m in _padded(t.modes, most)] for t in tasks]).reshape(n, most)

        used, place = np.unique(
            np.concatenate([
                by_mode("place").astype(np.int64).ravel(),
                np.array([s.place for s in problem.sites] + [s.depot for s in shifts], dtype=np.int64),
            ]), return_inverse=True,
        )  # fmt: skip
        self.place: Ints = place[: n * most].reshape(n, most)
        self.site_place = place[n * most : n * most + len(problem.sites)]
        self.depot = place[n * most + len(problem.sites) :]
        self.travel = [_seconds(m, used) for m in problem.travel_ds]
        self.drive_s = by_mode("drive_s") + by_mode("standing_s")  # what no crew shortens
        self.handling_s = by_mode("handling_s")
        self.length_m, self.reversals_eur = by_mode("length_m"), by_mode("reversals") * problem.eur_per_reversal
        self.load = np.array([t.load for t in tasks]).reshape(n, self.dims)
        self.unserved_eur = np.array([t.unserved_eur for t in tasks])
        self.windows: list[tuple[Window, ...]] = [t.windows for t in tasks]
        self.windowed = np.array([bool(t.windows) for t in tasks], dtype=bool)

        def by_shift(name: str) -> Floats:
            return np.array([getattr(s, name) for s in shifts], dtype=float)

        self.profile = np.array([s.travel for s in shifts], dtype=np.int64)
        self.crew, self.start_s, self.length_s = by_shift("crew_factor"), by_shift("start_s"), by_shift("length_s")
        self.fixed_eur, self.eur_per_s, self.eur_per_m = (
            by_shift("fixed_eur"),
            by_shift("eur_per_s"),
            by_shift("eur_per_m"),
        )
        self.travel_eur_per_s = self.eur_per_m * problem.mean_speed_mps
        self.overtime_more = by_shift("overtime_eur_per_s") - self.eur_per_s
        self.limit_s = np.array([longest_work_s(s) for s in shifts]) - 1.0  # float32 travel adds up a little off
        self.rest_s = np.array([max((b.break_s for b in s.breaks), default=0) for s in shifts], dtype=float)
        self.rest_after_s = np.array([min((b.after_s for b in s.breaks), default=NEVER) for s in shifts], dtype=float)
        self.rest_latest_s = np.array([min((b.latest_s for b in s.breaks), default=NEVER) for s in shifts]) - 2.0
        self.capacity = np.array([s.capacity for s in shifts], dtype=float).reshape(k, self.dims)
        self._ways()
        self.allowed = np.zeros((n, k), dtype=bool)
        for t, task in enumerate(tasks):
            self.allowed[t, [s for s in task.shifts if 0 <= s < k]] = True
        # every dimension that a task loads must have a site that takes it
        takes = np.array([s.takes for s in problem.sites], dtype=bool).reshape(len(problem.sites), self.dims).any(0)
        self.allowed[(self.load > 0) @ ~takes] = False
        self.allowed &= (self.load[:, None, :] <= self.capacity[None] + EPS).all(2)
        self._reach()
        self.is_binding = [[self.binding(r, w) for w in self.ways[g]] for r, g in enumerate(self.group)]
        self._near()

    def _ways(self) -> None:
        """Per shift the minimal rows of sites that take everything it could ever load."""
        sites = self.problem.sites
        groups: dict[tuple[int, tuple[bool, ...], tuple[int, ...]], int] = {}
        self.ways: list[list[Way]] = []
        group = []
        takes = np.array([s.takes for s in sites], dtype=bool).reshape(len(sites), self.dims)
        somewhere: Flags = np.logical_or.reduce(takes, axis=0)
        for k, shift in enumerate(self.problem.shifts):
            served = [t for t, task in enumerate(self.problem.tasks) if k in task.shifts]
            mask = (
                tuple(bool(x) for x in (self.load[served] > 0).any(0) & somewhere) if served else (False,) * self.dims
            )
            usable = tuple(s for s, site in enumerate(sites) if site.is_for(k))
            key = (shift.travel, mask, usable)
            if key not in groups:
                groups[key] = len(self.ways)
                self.ways.append(self._ways_of(shift, np.array(mask, dtype=bool), usable))
            group.append(groups[key])
        self.group = np.array(group, dtype=np.int64)
        self.way_in = [self.site_place[[w.sites[0] for w in ways]] for ways in self.ways]
        self.way_out = [self.site_place[[w.sites[-1] for w in ways]] for ways in self.ways]
        self.way_s = [np.array([w.time_s for w in ways]) for ways in self.ways]

    def _ways_of(self, shift: ProblemShift, mask: Flags, usable: tuple[int, ...]) -> list[Way]:
        sites, travel = self.problem.sites, self.travel[shift.travel]
        ways: list[Way] = []
        for row in ways_of(self.problem, shift.travel, mask, usable):
            legs = sum(float(travel[self.site_place[a], self.site_place[b]]) for a, b in pairwise(row))
            ways.append(Way(row, legs + sum(sites[s].unload_s for s in row), legs))
        return ways

    def _reach(self) -> None:
        """``open_mode`` (tasks, modes): a truck can go there, on to a site and home. ``allowed`` without the others."""
        self.open_mode = np.zeros(self.place.shape, dtype=bool)
        seen: dict[tuple[int, int, int], Flags] = {}
        for k in range(self.k):
            key = (int(self.profile[k]), int(self.depot[k]), int(self.group[k]))
            if key not in seen:
                travel, into, out = self.travel[key[0]], self.way_in[key[2]], self.way_out[key[2]]
                back = (travel[self.place][:, :, into] + travel[out, key[1]]).min(2, initial=np.inf)
                seen[key] = (travel[key[1], self.place] < NEVER) & (back < NEVER)
            self.allowed[:, k] &= seen[key].any(1)
            self.open_mode |= seen[key] & self.allowed[:, k, None]

    def _near(self) -> None:
        """The nearest tasks that could come just before and just after each task, by the first truck's travel times."""
        c = min(NEIGHBOURS, self.n - 1)
        if c < 1 or not self.travel:
            self.before = self.after = np.zeros((self.n, 0), dtype=np.int64)
            return
        best = np.full((self.n, self.n), np.inf, dtype=np.float32)
        for a in range(self.place.shape[1]):
            for b in range(self.place.shape[1]):
                np.minimum(best, self.travel[0][np.ix_(self.place[:, a], self.place[:, b])], out=best)
        np.fill_diagonal(best, np.inf)
        self.after = _smallest(best, c)
        self.before = _smallest(np.ascontiguousarray(best.T), c)

    def binding(self, k: int, way: Way) -> bool:
        """Whether the hours of a way's sites could matter to shift ``k``."""
        begin, end = (
            self.start_s[k],
            self.start_s[k] + self.problem.shifts[k].length_s + self.problem.shifts[k].overtime_s,
        )
        hours = (self.problem.sites[s].windows for s in way.sites)
        return any(w and not any(a <= begin and b >= end for a, b in w) for w in hours)


def _padded(items: Sequence[Mode], size: int) -> list[Mode]:
    return [*items, *[items[0]] * (size - len(items))]


def _seconds(travel_ds: NDArray[np.int32], used: Ints) -> NDArray[np.float32]:
    cut = travel_ds[np.ix_(used, used)]
    seconds = cut.astype(np.float32)
    seconds /= 10
    seconds[cut >= UNREACHABLE] = 10 * NEVER
    return seconds


def _smallest(rows: NDArray[np.float32], count: int) -> Ints:
    """The column indices of each row's ``count`` smallest values, smallest first."""
    part = np.argpartition(rows, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(rows, part, 1), axis=1, kind="stable")
    return np.take_along_axis(part, order, 1).astype(np.int64)
