"""A problem as arrays for ``Draft``: first plans, repair, and the model of OR-Tools.

Only the places that occur, renumbered; travel in float32 seconds; a reserve of time where the clock has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import UNREACHABLE, Problem, Window, longest_work_s
from optimizer.search.problem_arrays import Flags, Floats, Ints, ProblemArrays, unload_sequences

NEIGHBOURS = 24  # before and after a task: of so many tasks is asked whether it could go beside them
NEVER = 1e7  # seconds: no way


@dataclass(frozen=True, slots=True)
class UnloadSequence:
    """Sites in a row that empty a truck. ``time_s``: unloading and driving between them; ``travel_s``: the driving."""

    sites: tuple[int, ...]
    time_s: float
    travel_s: float


class DraftArrays(ProblemArrays):
    """What ``ProblemArrays`` has, and shifts, travel times, unload sequences and neighbours as a ``Draft`` reads them.

    ``place`` (n, M), ``site_place`` and ``depot`` (K) are rows and columns of ``travel`` (one matrix per profile).
    ``allowed`` (n, K) is also that the shift comes there, on to a site and home; ``usable_mode`` (n, M) that one does.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._places()
        self.windows: list[tuple[Window, ...]] = [task.windows for task in problem.tasks]
        self.windowed = np.array([bool(task.windows) for task in problem.tasks], dtype=bool)
        self._shifts()
        self._unload_sequences()
        self._reach()
        self.hours_binding = [
            [self.hours_bind(k, sequence.sites) for sequence in self.sequences[group]]
            for k, group in enumerate(self.group)
        ]
        self._neighbours()

    def _places(self) -> None:
        problem = self.problem
        others = [site.place for site in problem.sites] + [shift.depot for shift in problem.shifts]
        used, place = np.unique(
            np.concatenate([self.mode_place.ravel(), np.array(others, dtype=np.int64)]), return_inverse=True
        )
        of_tasks, sites = self.mode_place.size, len(problem.sites)
        self.place: Ints = place[:of_tasks].reshape(self.mode_place.shape)
        self.site_place: Ints = place[of_tasks : of_tasks + sites]
        self.depot: Ints = place[of_tasks + sites :]
        self.travel = [_seconds(matrix, used) for matrix in problem.travel_ds]

    def _shifts(self) -> None:
        shifts = self.problem.shifts

        def by_shift(name: str) -> Floats:
            return np.array([getattr(shift, name) for shift in shifts], dtype=float)

        self.profile = np.array([shift.travel for shift in shifts], dtype=np.int64)
        self.crew_factor, self.start_s = by_shift("crew_factor"), by_shift("start_s")
        self.length_s, self.fixed_eur = by_shift("length_s"), by_shift("fixed_eur")
        self.eur_per_s, self.eur_per_m = by_shift("eur_per_s"), by_shift("eur_per_m")
        self.travel_eur_per_s = self.eur_per_m * self.problem.mean_speed_mps
        self.overtime_more_eur_per_s = by_shift("overtime_eur_per_s") - self.eur_per_s
        self.limit_s = np.array([longest_work_s(s) for s in shifts]) - 1.0  # float32 travel adds up a little off
        self.rest_s = np.array([max((b.break_s for b in s.breaks), default=0) for s in shifts], dtype=float)
        self.rest_after_s = np.array([min((b.after_s for b in s.breaks), default=NEVER) for s in shifts], dtype=float)
        self.rest_latest_s = np.array([min((b.latest_s for b in s.breaks), default=NEVER) for s in shifts]) - 2.0

    def _unload_sequences(self) -> None:
        """Per group of shifts the minimal rows of sites that take everything it could ever load."""
        groups: dict[tuple[int, bytes, tuple[int, ...]], int] = {}
        self.sequences: list[list[UnloadSequence]] = []
        group = []
        for k, shift in enumerate(self.problem.shifts):
            loaded, usable = self.loaded_dimensions(k), self.usable_sites(k)
            key = (shift.travel, loaded.tobytes(), usable)
            if key not in groups:
                groups[key] = len(self.sequences)
                rows = unload_sequences(self.problem, shift.travel, loaded, usable)
                self.sequences.append([self._sequence(shift.travel, row) for row in rows])
            group.append(groups[key])
        self.group = np.array(group, dtype=np.int64)
        self.unload_entry = [self.site_place[[s.sites[0] for s in rows]] for rows in self.sequences]
        self.unload_exit = [self.site_place[[s.sites[-1] for s in rows]] for rows in self.sequences]
        self.unload_s = [np.array([s.time_s for s in rows]) for rows in self.sequences]

    def _sequence(self, profile: int, sites: tuple[int, ...]) -> UnloadSequence:
        travel, place = self.travel[profile], self.site_place
        legs_s = sum(float(travel[place[a], place[b]]) for a, b in pairwise(sites))
        return UnloadSequence(sites, legs_s + sum(self.problem.sites[s].unload_s for s in sites), legs_s)

    def _reach(self) -> None:
        self.usable_mode = np.zeros(self.place.shape, dtype=bool)
        seen: dict[tuple[int, int, int], Flags] = {}
        for k in range(self.shift_count):
            profile, depot, group = key = (int(self.profile[k]), int(self.depot[k]), int(self.group[k]))
            if key not in seen:
                travel, entry, exit = self.travel[profile], self.unload_entry[group], self.unload_exit[group]
                back = (travel[self.place][:, :, entry] + travel[exit, depot]).min(2, initial=np.inf)
                seen[key] = (travel[depot, self.place] < NEVER) & (back < NEVER)
            self.allowed[:, k] &= seen[key].any(1)
            self.usable_mode |= seen[key] & self.allowed[:, k, None]

    def _neighbours(self) -> None:
        """The nearest tasks that could come just before and just after each task, by the first truck's travel times."""
        n = self.task_count
        count = min(NEIGHBOURS, n - 1)
        if count < 1 or not self.travel:
            self.before = self.after = np.zeros((n, 0), dtype=np.int64)
            return
        best = np.full((n, n), np.inf, dtype=np.float32)
        for a in range(self.place.shape[1]):
            for b in range(self.place.shape[1]):
                np.minimum(best, self.travel[0][np.ix_(self.place[:, a], self.place[:, b])], out=best)
        np.fill_diagonal(best, np.inf)
        self.after = _smallest(best, count)
        self.before = _smallest(np.ascontiguousarray(best.T), count)


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
