"""A plan in the making: linked routes that tasks are taken out of and put into, with the price of each move at hand.

Exact in travel, loads and prices, fast (numpy over all places that a task could go to), and a little rough in time:
rests are a reserve (``longest_work_s``), not yet on the clock. ``optimizer/problem/schedule.py`` has the last word.

Nodes of the linked routes: tasks ``0 … n-1``, then one end and one start per shift, then unloadings. A *trip* is
known by the unloading that closes it. An unloading empties the truck wholly: one site, or two or three in a row
where one alone does not take everything (an *unload sequence*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from optimizer.problem import Solution, Visit, Window, opening
from optimizer.search.draft_arrays import NEVER, DraftArrays, UnloadSequence
from optimizer.search.problem_arrays import EPS, Floats, Ints

NEW_TRIP_TRIES = 40  # places for a new trip that are looked at on the clock


class DraftInsertion(NamedTuple):
    """A place for a task: after a node, in a mode, and for a new trip the unload sequence that closes it (else -1)."""

    eur: float
    after: int
    mode: int
    sequence: int = -1


class Draft:
    """The routes of a plan as linked lists, and what it costs to change them."""

    def __init__(self, arrays: DraftArrays) -> None:
        self.arrays = arrays
        tasks, shifts = arrays.task_count, arrays.shift_count
        self.first_start, self.first_unload = tasks + shifts, tasks + 2 * shifts
        size = tasks + 2 * shifts + tasks + 1  # never more trips than tasks; the last row stays "nowhere"
        self.succ = np.full(size, -1, dtype=np.int64)
        # the same memory: a single number comes faster out of it
        self.successors = memoryview(self.succ)  # type: ignore[arg-type]
        self.pred = np.full(size, -1, dtype=np.int64)
        self.route = np.full(size, -1, dtype=np.int64)
        self.trip = np.full(size, -1, dtype=np.int64)  # the unloading that closes the trip after this node
        self.mode = np.zeros(size, dtype=np.int64)  # of a task; the sequence of an unloading
        self.place_in = np.zeros(size, dtype=np.int64)
        self.place_out = np.zeros(size, dtype=np.int64)
        self.serve_s = np.zeros(size)
        self.leg_s = np.zeros(size)  # to the successor
        self.room = np.zeros((size, arrays.dimension_count))  # of the trip that an unloading closes
        self.timed = np.zeros(size, dtype=bool)  # hours that could matter at this node
        self.done_s = np.zeros(size)  # when a truck is done at a node (of a refreshed route)
        self.latest_s = np.zeros(size)  # by when it must arrive there
        self.rest_before_leg_s = np.zeros(size)  # the rest that is taken before driving on
        self.work_s = np.array([s.start_service_s + s.end_service_s for s in arrays.problem.shifts], dtype=float)
        self.travel_s = np.zeros(shifts)
        self.extra_eur = np.zeros(shifts)
        self.count = np.zeros(shifts, dtype=np.int64)
        self.timed_count = np.zeros(shifts, dtype=np.int64)
        self.stale = np.ones(shifts, dtype=bool)
        self.locked = np.zeros(size, dtype=bool)  # nothing may be put after this node
        self.free_nodes = list(range(size - 2, self.first_unload - 1, -1))
        self.end_of_used = self.first_unload
        for shift in range(shifts):
            start, end = self.first_start + shift, tasks + shift
            self.succ[start], self.pred[end] = end, start
            self.route[start] = self.route[end] = shift
            self.place_in[[start, end]] = self.place_out[[start, end]] = arrays.depot[shift]
            self.serve_s[start] = arrays.problem.shifts[shift].start_service_s
            self.serve_s[end] = arrays.problem.shifts[shift].end_service_s

    # --- as a whole ----------------------------------------------------------------------------------------------

    def eur(self) -> float:
        """The price of the draft, balance and what is unserved included."""
        arrays = self.arrays
        for shift in np.flatnonzero(self.stale & (self.timed_count > 0)):
            self.refresh(int(shift))
        used = self.count > 0
        unserved = float(arrays.unserved_eur[self.route[: arrays.task_count] < 0].sum())
        if not used.any():
            return unserved
        length = self.work_s + arrays.rest_s * (self.work_s > arrays.rest_after_s)
        eur = (
            arrays.fixed_eur
            + length * arrays.eur_per_s
            + np.maximum(0, length - arrays.length_s) * arrays.overtime_more_eur_per_s
        )
        eur += self.travel_s * arrays.travel_eur_per_s + self.extra_eur
        longest = length[used]
        return unserved + float(eur[used].sum() + arrays.problem.balance_eur_per_s * (longest.max() - longest.mean()))

    def unserved(self) -> list[int]:
        return [int(task) for task in np.flatnonzero(self.route[: self.arrays.task_count] < 0)]

    def nodes(self, shift: int) -> list[int]:
        """The nodes of a route between start and end."""
        row, link, end = [], self.successors, self.arrays.task_count + shift
        node = link[self.first_start + shift]
        while node != end:
            row.append(node)
            node = link[node]
        return row

    def visits(self, shift: int) -> tuple[Visit, ...]:
        row: list[Visit] = []
        for node in self.nodes(shift):
            if node < self.arrays.task_count:
                row.append(Visit("task", node, int(self.mode[node])))
            else:
                row += [Visit("unload", site) for site in self.sequence(node).sites]
        return tuple(row)

    def sequence(self, unload: int) -> UnloadSequence:
        group = int(self.arrays.group[self.route[unload]])
        return self.arrays.sequences[group][int(self.mode[unload])]

    def load(self, solution: Solution) -> list[int]:
        """Take over a solution's routes, with unloadings made anew where its trips end. Returned: what does not fit."""
        left: list[int] = []
        for shift, visits in enumerate(solution.routes):
            trip: list[tuple[int, int]] = []
            for visit in visits:
                if visit.kind == "task":
                    trip.append((visit.index, visit.mode))
                elif trip:
                    left += self.append_trip(shift, trip)
                    trip = []
            if trip:
                left += self.append_trip(shift, trip)
            for node in self.nodes(shift):
                if node >= self.first_unload:  # it goes on elsewhere than home now
                    self.choose_sequence(node)
        return left

    def append_trip(self, shift: int, trip: Sequence[tuple[int, int]]) -> list[int]:
        """Put a row of (task, mode) at the end of a route, with an unloading; a fuller truck than it may be is emptied
        on the way. Tasks that the shift cannot serve are returned. Time is not looked at."""
        left: list[int] = []
        unload = -1
        arrays = self.arrays
        for task, mode in trip:
            if not arrays.allowed[task, shift] or not arrays.sequences[arrays.group[shift]]:
                left.append(task)
                continue
            full = -1
            if unload < 0 or (self.room[unload] < arrays.load[task] - EPS).any():
                full, unload = unload, self._open(shift, int(self.pred[arrays.task_count + shift]), 0)
            self.insert(task, int(self.pred[unload]), mode)
            if full >= 0:
                self.choose_sequence(full)
        if unload >= 0:
            self.choose_sequence(unload)
        return left

    def lock_pinned(self) -> None:
        """Put nothing among what is pinned from now on."""
        for route, shift in enumerate(self.arrays.problem.shifts):
            last = shift.pinned[-1].index if shift.pinned else -1
            if last >= 0 and self.route[last] == route:
                node = int(self.pred[last])
                while node >= 0:
                    self.locked[node] = True
                    node = int(self.pred[node])

    # --- single changes ------------------------------------------------------------------------------------------

    def _join(self, shift: int, before: int, after: int) -> None:
        self.succ[before], self.pred[after] = after, before
        leg = float(self.arrays.travel[self.arrays.profile[shift]][self.place_out[before], self.place_in[after]])
        self.leg_s[before] = leg
        self.work_s[shift] += leg
        self.travel_s[shift] += leg

    def _cut(self, shift: int, node: int) -> None:
        leg = self.leg_s[node]
        self.leg_s[node] = 0.0
        self.work_s[shift] -= leg
        self.travel_s[shift] -= leg

    def insert(self, task: int, after: int, mode: int) -> None:
        """Put a task after a node, into the trip that goes on there."""
        arrays, shift, trip = self.arrays, int(self.route[after]), int(self.trip[after])
        before = int(self.succ[after])
        self.route[task], self.trip[task], self.mode[task] = shift, trip, mode
        self.place_in[task] = self.place_out[task] = arrays.place[task, mode]
        self.serve_s[task] = arrays.fixed_s[task, mode] + arrays.handling_s[task, mode] * arrays.crew_factor[shift]
        self.timed[task] = arrays.windowed[task]
        self._cut(shift, after)
        self._join(shift, after, task)
        self._join(shift, task, before)
        self.work_s[shift] += self.serve_s[task]
        self.extra_eur[shift] += (
            arrays.length_m[task, mode] * arrays.eur_per_m[shift] + arrays.reversals_eur[task, mode]
        )
        self.room[trip] -= arrays.load[task]
        self.count[shift] += 1
        self.timed_count[shift] += self.timed[task]
        self.stale[shift] = True

    def apply(self, task: int, insertion: DraftInsertion) -> None:
        if insertion.sequence >= 0:
            self._open(int(self.route[insertion.after]), insertion.after, insertion.sequence)
        self.insert(task, insertion.after, insertion.mode)

    def remove(self, task: int) -> None:
        """Take a task out; a trip that is empty then goes with it."""
        arrays, shift, trip = self.arrays, int(self.route[task]), int(self.trip[task])
        before, after = int(self.pred[task]), int(self.succ[task])
        self._cut(shift, before)
        self._cut(shift, task)
        self._join(shift, before, after)
        self.work_s[shift] -= self.serve_s[task]
        self.extra_eur[shift] -= (
            arrays.length_m[task, self.mode[task]] * arrays.eur_per_m[shift]
            + arrays.reversals_eur[task, self.mode[task]]
        )
        self.room[trip] += arrays.load[task]
        self.count[shift] -= 1
        self.timed_count[shift] -= self.timed[task]
        self.stale[shift] = True
        self.route[task] = self.trip[task] = self.pred[task] = self.succ[task] = -1
        if after == trip and before >= arrays.task_count:
            self._close(shift, trip)

    def _open(self, shift: int, after: int, sequence: int) -> int:
        """A new, empty trip after a start or an unloading."""
        unload, before = self.free_nodes.pop(), int(self.succ[after])
        self.end_of_used = max(self.end_of_used, unload + 1)
        self.route[unload], self.trip[unload] = shift, self.trip[after]
        self.trip[after] = unload
        self.room[unload] = self.arrays.capacity[shift]
        self._set_sequence(unload, sequence)
        self._cut(shift, after)
        self._join(shift, after, unload)
        self._join(shift, unload, before)
        return unload

    def _close(self, shift: int, unload: int) -> None:
        before, after = int(self.pred[unload]), int(self.succ[unload])
        self._cut(shift, before)
        self._cut(shift, unload)
        self._join(shift, before, after)
        self.trip[before] = self.trip[unload]
        self.work_s[shift] -= self.serve_s[unload]
        self.travel_s[shift] -= self.sequence(unload).travel_s
        self.timed_count[shift] -= self.timed[unload]
        self.timed[unload] = False
        self.serve_s[unload] = 0.0
        self.route[unload] = self.trip[unload] = self.pred[unload] = self.succ[unload] = -1
        self.free_nodes.append(unload)

    def _set_sequence(self, unload: int, sequence: int) -> None:
        arrays, shift = self.arrays, int(self.route[unload])
        chosen = arrays.sequences[arrays.group[shift]][sequence]
        self.mode[unload] = sequence
        self.place_in[unload], self.place_out[unload] = (
            arrays.site_place[chosen.sites[0]],
            arrays.site_place[chosen.sites[-1]],
        )
        self.serve_s[unload] = chosen.time_s
        self.work_s[shift] += chosen.time_s
        self.travel_s[shift] += chosen.travel_s
        self.timed[unload] = arrays.hours_binding[shift][sequence]
        self.timed_count[shift] += self.timed[unload]

    def choose_sequence(self, unload: int) -> None:
        """Unload where it costs least between the neighbours in the route, if open then."""
        arrays, shift = self.arrays, int(self.route[unload])
        group = int(arrays.group[shift])
        if len(arrays.sequences[group]) < 2:
            return
        before, after = int(self.pred[unload]), int(self.succ[unload])
        travel = arrays.travel[arrays.profile[shift]]
        seconds = (
            travel[self.place_out[before], arrays.unload_entry[group]]
            + arrays.unload_s[group]
            + travel[arrays.unload_exit[group], self.place_in[after]]
        )
        current = int(self.mode[unload])
        if (self.timed_count[shift] or any(arrays.hours_binding[shift])) and self.stale[shift]:
            self.refresh(shift)
        for sequence in np.argsort(seconds, kind="stable"):
            if not arrays.hours_binding[shift][sequence] and not self.timed_count[shift]:
                break
            arrival = (
                self.done_s[before]
                + self.rest_before_leg_s[before]
                + float(travel[self.place_out[before], arrays.unload_entry[group][sequence]])
            )
            done = self._done_unloading(shift, arrays.sequences[group][sequence], arrival)
            # below 0: the route is in trouble anyway
            late = self.latest_s[after] if self.latest_s[after] > 0 else NEVER
            on_s = self.rest_before_leg_s[unload] + float(
                travel[arrays.unload_exit[group][sequence], self.place_in[after]]
            )
            if done is not None and done + on_s <= late:
                break
        else:
            return
        if sequence == current or (seconds[sequence] > seconds[current] - 0.05 and self.latest_s[after] > 0):
            return
        self._cut(shift, before)
        self._cut(shift, unload)
        old = self.sequence(unload)
        self.work_s[shift] -= old.time_s
        self.travel_s[shift] -= old.travel_s
        self.timed_count[shift] -= self.timed[unload]
        self._set_sequence(unload, int(sequence))
        self._join(shift, before, unload)
        self._join(shift, unload, after)
        self.stale[shift] = True

    # --- the clock, without rests --------------------------------------------------------------------------------

    def _done_unloading(self, shift: int, sequence: UnloadSequence, arrival_s: float) -> float | None:
        sites, travel = self.arrays.problem.sites, self.arrays.travel[self.arrays.profile[shift]]
        now, at = arrival_s, -1
        for site in sequence.sites:
            if at >= 0:
                now += float(travel[self.arrays.site_place[at], self.arrays.site_place[site]])
            begin = opening(sites[site].windows, now, sites[site].unload_s)
            if begin is None:
                return None
            now, at = begin + sites[site].unload_s, site
        return now

    def _latest(self, shift: int, node: int, done_s: float) -> float | None:
        """The latest arrival at a node that still allows to be done by ``done_s``."""
        arrays = self.arrays
        if node < arrays.task_count:
            return _latest_begin(arrays.windows[node], float(self.serve_s[node]), done_s)
        sites, travel, latest = arrays.problem.sites, arrays.travel[arrays.profile[shift]], done_s
        row = self.sequence(node).sites
        for i in range(len(row) - 1, -1, -1):
            begin = _latest_begin(sites[row[i]].windows, sites[row[i]].unload_s, latest)
            if begin is None:
                return None
            latest = begin
            if i:
                latest -= float(travel[arrays.site_place[row[i - 1]], arrays.site_place[row[i]]])
        return latest

    def refresh(self, shift: int) -> None:
        """Work out when the truck is free at each node and by when it must arrive, waiting included.

        A rest stands where the clock would put it at the latest; ``schedule`` may find a better place.
        """
        arrays = self.arrays
        self.stale[shift] = False
        start_s = float(arrays.start_s[shift])
        row = np.array([self.first_start + shift, *self.nodes(shift), arrays.task_count + shift])
        serve, legs = self.serve_s[row], self.leg_s[row[:-1]].copy()
        free = start_s + np.cumsum(serve)
        free[1:] += np.cumsum(legs)
        rest_s = 0.0
        self.rest_before_leg_s[row] = 0.0
        if free[-1] - start_s > arrays.rest_after_s[shift]:
            rest_s = float(arrays.rest_s[shift])
            boundary = min(max(0, int(np.searchsorted(free, start_s + arrays.rest_latest_s[shift])) - 1), len(legs) - 1)
            legs[boundary] += rest_s
            self.rest_before_leg_s[row[boundary]] = rest_s
            free[boundary + 1 :] += rest_s
        late = start_s + arrays.limit_s[shift] + rest_s - np.cumsum(serve[::-1])[::-1]
        late[:-1] -= np.cumsum(legs[::-1])[::-1]
        hours = self.timed[row].nonzero()[0].tolist()
        possible = True
        for i in hours:
            node, serve_s = int(row[i]), float(serve[i])
            arrival = float(free[i]) - serve_s
            if node < arrays.task_count:
                begin = opening(arrays.windows[node], arrival, serve_s)
                done = None if begin is None else begin + serve_s
            else:
                done = self._done_unloading(shift, self.sequence(node), arrival)
            if done is None:
                possible = False
            elif done > arrival + serve_s + EPS:
                free[i:] += done - arrival - serve_s
        for i in reversed(hours):
            latest = self._latest(shift, int(row[i]), float(late[i + 1] - legs[i]))
            if latest is None:
                possible = False
            elif latest < late[i]:
                late[: i + 1] -= late[i] - latest
        self.done_s[row] = free
        self.latest_s[row] = late if possible else -NEVER
        self.work_s[shift] = free[-1] - start_s - rest_s

    # --- where a task could go -----------------------------------------------------------------------------------

    def _price(self, shift: Ints, travel_s: Floats, work_s: Floats) -> Floats:
        """What more travel and more work (both in seconds) in routes ``shift`` cost."""
        arrays = self.arrays
        rest = self.work_s[shift] + arrays.rest_s[shift] - arrays.length_s[shift]
        over = np.maximum(0, rest + work_s) - np.maximum(0, rest)
        eur: Floats = (
            travel_s * arrays.travel_eur_per_s[shift]
            + work_s * arrays.eur_per_s[shift]
            + over * arrays.overtime_more_eur_per_s[shift]
        )
        return eur

    def insertions(self, task: int) -> tuple[Floats, Ints, Ints]:
        """Every place beside near tasks, and at the ends of all trips, where a task fits: (eur, after node, mode)."""
        arrays = self.arrays
        after = np.concatenate((
            arrays.before[task], self.pred[arrays.after[task]],
            np.arange(self.first_start, self.end_of_used), self.pred[self.first_unload : self.end_of_used],
        ))  # fmt: skip
        shift, trip = self.route[after], self.trip[after]
        fits = (shift >= 0) & (trip >= 0) & ~self.locked[after]
        fits &= arrays.allowed[task][shift]
        for dimension in range(arrays.dimension_count):
            if arrays.load[task, dimension] > 0:
                fits &= self.room[trip, dimension] >= arrays.load[task, dimension] - EPS
        after = after[fits]
        shift = shift[fits]
        before = self.succ[after]
        places = arrays.place[task, : arrays.mode_count[task], None]
        left, entered = self.place_out[after], self.place_in[before]
        there, on = self._legs(shift, left, places, entered)
        more = there + on - self.leg_s[after]
        serve = (
            arrays.fixed_s[task, : arrays.mode_count[task], None]
            + arrays.handling_s[task, : arrays.mode_count[task], None] * arrays.crew_factor[shift]
        )
        work = more + serve
        fits = self.work_s[shift] + work <= arrays.limit_s[shift]
        clocked = np.ones(len(shift), dtype=bool) if arrays.windowed[task] else self.timed_count[shift] > 0
        if clocked.any():
            for route in np.unique(shift[clocked]):
                if self.stale[route]:
                    self.refresh(int(route))
            done = self._done(task, self.done_s[after] + there, serve)
            first_rest = (self.work_s[shift] <= arrays.rest_after_s[shift]) & (
                self.work_s[shift] + work > arrays.rest_after_s[shift]
            )
            # wherever the rest will stand, it may make others late
            done = done + first_rest * arrays.rest_s[shift] + self.rest_before_leg_s[after]
            fits &= (done + on <= self.latest_s[before]) | ~clocked
        eur = self._price(shift, more, work)
        eur += (
            arrays.length_m[task, : arrays.mode_count[task], None] * arrays.eur_per_m[shift]
            + arrays.reversals_eur[task, : arrays.mode_count[task], None]
        )
        mode, place = np.nonzero(fits)
        return eur[mode, place], after[place], mode

    def _legs(self, shift: Ints, left: Ints, places: Ints, entered: Ints) -> tuple[Floats, Floats]:
        """Seconds from each place left to each of the places, and on to each entered, by the trucks of ``shift``."""
        arrays = self.arrays
        if len(arrays.travel) == 1:
            travel = arrays.travel[0]
            return travel[left, places].astype(float), travel[places, entered].astype(float)
        there, on = np.empty((len(places), len(left))), np.empty((len(places), len(left)))
        for profile in np.unique(arrays.profile[shift]):
            mine = arrays.profile[shift] == profile
            there[:, mine] = arrays.travel[profile][left[mine], places]
            on[:, mine] = arrays.travel[profile][places, entered[mine]]
        return there, on

    def _done(self, task: int, arrival_s: Floats, serve_s: Floats) -> Floats:
        windows = self.arrays.windows[task]
        if not windows:
            return arrival_s + serve_s
        done = np.full(arrival_s.shape, np.inf)
        for opens, closes in windows:
            begin = np.maximum(arrival_s, opens)
            good = (begin < closes) & (begin + serve_s <= closes)
            done = np.where(good, np.minimum(done, begin + serve_s), done)
        return done

    def best(self, task: int) -> DraftInsertion | None:
        """The cheapest place for a task; None where there is none. A new trip is opened where no trip has room."""
        eur, after, mode = self.insertions(task)
        if len(eur):
            i = int(eur.argmin())
            return DraftInsertion(float(eur[i]), int(after[i]), int(mode[i]))
        return next(iter(self.new_trips(task, 1)), None)

    def new_trips(self, task: int, count: int) -> list[DraftInsertion]:
        """The cheapest new trips for a task alone: one per route at most, ``count`` in all."""
        arrays = self.arrays
        after = np.arange(self.first_start, self.end_of_used)
        shift = self.route[after]
        fits = (shift >= 0) & arrays.allowed[task][shift] & ~self.locked[after]
        after, shift = after[fits], shift[fits]
        found: list[tuple[float, int, int, int]] = []
        for group in np.unique(arrays.group[shift]):
            mine = arrays.group[shift] == group
            if arrays.sequences[group]:
                found += self._trips_of(task, after[mine], shift[mine], int(group))
        insertions: list[DraftInsertion] = []
        seen: set[int] = set()
        for eur, node, mode, sequence in sorted(found)[:NEW_TRIP_TRIES]:
            route = int(self.route[node])
            if route not in seen and self._on_time(task, node, mode, sequence):
                seen.add(route)
                insertions.append(DraftInsertion(eur, node, mode, sequence))
                if len(insertions) == count:
                    break
        return insertions

    def _trips_of(self, task: int, after: Ints, shift: Ints, group: int) -> list[tuple[float, int, int, int]]:
        arrays = self.arrays
        travel = arrays.travel[arrays.profile[shift[0]]]  # a group has one profile
        places = arrays.place[task, : arrays.mode_count[task]]
        before = self.succ[after]
        there = travel[self.place_out[after]][:, places].T[:, None, :]
        away = travel[places][:, arrays.unload_entry[group]][:, :, None]
        on = travel[arrays.unload_exit[group]][:, self.place_in[before]][None]
        sequences = arrays.sequences[group]
        more = there + away + on - self.leg_s[after]
        driven = more + np.array([index.travel_s for index in sequences])[None, :, None]
        serve = (
            arrays.fixed_s[task, : arrays.mode_count[task], None]
            + arrays.handling_s[task, : arrays.mode_count[task], None] * arrays.crew_factor[shift]
        )[:, None, :]
        work = more + arrays.unload_s[group][None, :, None] + serve
        opens = self.count[shift] == 0
        eur = self._price(shift, driven, work) + opens * (
            arrays.fixed_eur[shift] + self.work_s[shift] * arrays.eur_per_s[shift]
        )
        eur += (
            arrays.length_m[task, : arrays.mode_count[task], None] * arrays.eur_per_m[shift]
            + arrays.reversals_eur[task, : arrays.mode_count[task], None]
        )[:, None]
        fits = self.work_s[shift] + work <= arrays.limit_s[shift]
        return [
            (float(eur[mode, index, place]), int(after[place]), int(mode), int(index))
            for mode, index, place in zip(*np.nonzero(fits), strict=True)
        ]

    def _on_time(self, task: int, after: int, mode: int, sequence: int) -> bool:
        arrays, shift, before = self.arrays, int(self.route[after]), int(self.succ[after])
        if not (arrays.windowed[task] or arrays.hours_binding[shift][sequence] or self.timed_count[shift]):
            return True
        if self.stale[shift]:
            self.refresh(shift)
        group, travel, place = int(arrays.group[shift]), arrays.travel[arrays.profile[shift]], arrays.place[task, mode]
        arrival = float(self.done_s[after] + travel[self.place_out[after], place])
        serve = float(arrays.fixed_s[task, mode] + arrays.handling_s[task, mode] * arrays.crew_factor[shift])
        begin = opening(arrays.windows[task], arrival, serve)
        if begin is None:
            return False
        done = self._done_unloading(
            shift,
            arrays.sequences[group][sequence],
            begin + serve + float(travel[place, arrays.unload_entry[group][sequence]]),
        )
        if done is None:
            return False
        done += float(travel[arrays.unload_exit[group][sequence], self.place_in[before]])
        work_s = self.work_s[shift] + done - self.done_s[after] - self.leg_s[after]
        if self.work_s[shift] <= arrays.rest_after_s[shift] < work_s:
            done += arrays.rest_s[shift]
        return bool(done + self.rest_before_leg_s[after] <= self.latest_s[before])


def _latest_begin(windows: tuple[Window, ...], serve_s: float, done_s: float) -> float | None:
    if not windows:
        return done_s - serve_s
    begins = [(min(closes_s - serve_s, done_s - serve_s, closes_s - 1.0), opens_s) for opens_s, closes_s in windows]
    return max((begin for begin, opens in begins if begin >= opens), default=None)
