"""A problem as arrays: what of it every search reads, worked out once.

``DraftArrays`` (first plans, repair, OR-Tools) and ``KernelArrays`` (the compiled search) are built on these.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import UNREACHABLE, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

EPS = 1e-6  # of loads, and of seconds
LONGEST_SEQUENCE = 3  # sites in a row that empty a truck, at most


class ProblemArrays:
    """Arrays over tasks (n), modes (M, most of any task), shifts (K) and load dimensions (D); ``*_s`` in seconds.

    A task that has fewer modes than another has its first one again in the columns that are left.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tasks, shifts = problem.tasks, problem.shifts
        self.task_count, self.shift_count, self.dimension_count = len(tasks), len(shifts), len(problem.dimensions)
        self.mode_count: Ints = np.array([len(task.modes) for task in tasks], dtype=np.int64)  # n
        self.mode_place: Ints = self._by_mode("place").astype(np.int64)
        self.fixed_s: Floats = self._by_mode("drive_s") + self._by_mode("standing_s")  # what no crew shortens
        self.handling_s: Floats = self._by_mode("handling_s")  # by a full crew
        self.length_m: Floats = self._by_mode("length_m")
        self.reversals_eur: Floats = self._by_mode("reversals") * problem.eur_per_reversal
        self.load: Floats = np.array([t.load for t in tasks], dtype=float).reshape(len(tasks), self.dimension_count)
        capacity = np.array([s.capacity for s in shifts], dtype=float)
        self.capacity: Floats = capacity.reshape(len(shifts), self.dimension_count)
        self.unserved_eur: Floats = np.array([task.unserved_eur for task in tasks], dtype=float)
        self.allowed = self._allowed()

    def _by_mode(self, name: str) -> Floats:
        most = int(self.mode_count.max(initial=1))
        rows = [[getattr(mode, name) for mode in task.modes] for task in self.problem.tasks]
        return np.array([[*row, *row[:1] * (most - len(row))] for row in rows], dtype=float).reshape(len(rows), most)

    def _allowed(self) -> Flags:
        """(n, K): the task is for the shift, which has room for it, and sites that take all of it."""
        allowed = np.zeros((self.task_count, self.shift_count), dtype=bool)
        for t, task in enumerate(self.problem.tasks):
            allowed[t, [k for k in task.shifts if 0 <= k < self.shift_count]] = True
        sites = self.problem.sites
        takes = np.array([site.takes for site in sites], dtype=bool).reshape(len(sites), self.dimension_count)
        for k in range(self.shift_count):
            allowed[(self.load > 0) @ ~takes[list(self.usable_sites(k))].any(0), k] = False
            allowed[:, k] &= (self.load <= self.capacity[k] + EPS).all(1)
        return allowed

    def usable_sites(self, shift: int) -> tuple[int, ...]:
        """The sites at which a shift may unload."""
        return tuple(s for s, site in enumerate(self.problem.sites) if site.is_for(shift))

    def loaded_dimensions(self, shift: int) -> Flags:
        """(D): what the tasks that the shift may serve load."""
        loaded: Flags = np.logical_or.reduce(self.load[self.allowed[:, shift]] > 0, axis=0)
        return loaded

    def service_s(self, crew_factor: float) -> Floats:
        """(n, M): driving through, standing and handling, by a crew of that strength."""
        return self.fixed_s + self.handling_s * crew_factor

    def hours_bind(self, shift: int, sites: Sequence[int]) -> bool:
        """Whether a shift could come to one of these sites while it is closed."""
        own = self.problem.shifts[shift]
        begin, end = own.start_s, own.start_s + own.length_s + own.overtime_s
        hours = (self.problem.sites[site].windows for site in sites)
        return any(w and not any(opens <= begin and closes >= end for opens, closes in w) for w in hours)


def unload_sequences(problem: Problem, profile: int, loaded: Flags, usable: Sequence[int]) -> list[tuple[int, ...]]:
    """The minimal rows of usable sites, at most three, that take everything of these load dimensions, each site to be
    reached from the one before by the roads of ``travel_ds[profile]``."""
    sites, travel_ds = problem.sites, problem.travel_ds[profile]
    takes = np.array([s.takes for s in sites], dtype=bool).reshape(len(sites), len(loaded))
    sequences: list[tuple[int, ...]] = []
    enough: set[frozenset[int]] = set()
    for size in range(1, LONGEST_SEQUENCE + 1):
        for row in permutations(usable, size):
            if any(frozenset(row) > e for e in enough) or not (takes[list(row)].any(0) | ~loaded).all():
                continue
            if all(travel_ds[sites[a].place, sites[b].place] < UNREACHABLE for a, b in pairwise(row)):
                sequences.append(row)
        enough |= {frozenset(row) for row in sequences}
    return sequences
