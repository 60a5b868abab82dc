"""A plan on the bench: routes that tasks are taken out of and put into, with the price of each move at hand.

Exact in travel, loads and prices, fast (numpy over all places that a task could go to), and a little rough in time:
rests are a reserve (``longest_work_s``), not yet on the clock. ``optimizer/problem/schedule.py`` has the last word.

Nodes of the linked routes: tasks ``0 … n-1``, then one end and one start per shift, then unloadings. A *trip* is
known by the unloading that closes it. An unloading empties the truck wholly: one site, or two or three in a row
where one alone does not take everything (a *way* to empty).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from optimizer.problem import Solution, Visit, Window, opening
from optimizer.search.terms import EPS, NEVER, Floats, Ints, Terms, Way

TRIES = 40  # places for a new trip that are looked at on the clock


class Offer(NamedTuple):
    """A place for a task: after a node, in a mode, and for a new trip the way that closes it (else -1)."""

    eur: float
    after: int
    mode: int
    way: int = -1


class Draft:
    """The routes of a plan as linked lists, and what it costs to change them."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        n, k = terms.n, terms.k
        self.first_start, self.first_unload = n + k, n + 2 * k
        size = n + 2 * k + n + 1  # never more trips than tasks; the last row stays "nowhere"
        self.succ = np.full(size, -1, dtype=np.int64)
        self.next = memoryview(self.succ)  # type: ignore[arg-type]  # the same memory; a single number comes faster out of it
        self.pred = np.full(size, -1, dtype=np.int64)
        self.route = np.full(size, -1, dtype=np.int64)
        self.trip = np.full(size, -1, dtype=np.int64)  # the unloading that closes the trip after this node
        self.mode = np.zeros(size, dtype=np.int64)  # of a task; the way of an unloading
        self.place_in = np.zeros(size, dtype=np.int64)
        self.place_out = np.zeros(size, dtype=np.int64)
        self.serve_s = np.zeros(size)
        self.leg_s = np.zeros(size)  # to the successor
        self.room = np.zeros((size, terms.dims))  # of the trip that an unloading closes
        self.timed = np.zeros(size, dtype=bool)  # hours that could matter at this node
        self.free_s = np.zeros(size)  # when a truck is done at a node (of a refreshed route)
        self.late_s = np.zeros(size)  # by when it must arrive there
        self.gap_s = np.zeros(size)  # the rest that is taken before driving on
        self.work_s = np.array([s.start_service_s + s.end_service_s for s in terms.problem.shifts], dtype=float)
        self.travel_s = np.zeros(k)
        self.extra_eur = np.zeros(k)
        self.count = np.zeros(k, dtype=np.int64)
        self.timed_count = np.zeros(k, dtype=np.int64)
        self.stale = np.ones(k, dtype=bool)
        self.held = np.zeros(size, dtype=bool)  # nothing may be put after this node
        self.free = list(range(size - 2, self.first_unload - 1, -1))
        self.high = self.first_unload
        for r in range(k):
            start, end = self.first_start + r, n + r
            self.succ[start], self.pred[end] = end, start
            self.route[start] = self.route[end] = r
            self.place_in[[start, end]] = self.place_out[[start, end]] = terms.depot[r]
            self.serve_s[start] = terms.problem.shifts[r].start_service_s
            self.serve_s[end] = terms.problem.shifts[r].end_service_s

    # --- as a whole ----------------------------------------------------------------------------------------------

    def eur(self) -> float:
        """The price of the draft, balance and what is unserved included."""
        t = self.terms
        for k in np.flatnonzero(self.stale & (self.timed_count > 0)):
            self.refresh(int(k))
        used = self.count > 0
        unserved = float(t.unserved_eur[self.route[: t.n] < 0].sum())
        if not used.any():
            return unserved
        length = self.work_s + t.rest_s * (self.work_s > t.rest_after_s)
        eur = t.fixed_eur + length * t.eur_per_s + np.maximum(0, length - t.length_s) * t.overtime_more
        eur += self.travel_s * t.travel_eur_per_s + self.extra_eur
        longest = length[used]
        return unserved + float(eur[used].sum() + t.problem.balance_eur_per_s * (longest.max() - longest.mean()))

    def unserved(self) -> list[int]:
        return [int(t) for t in np.flatnonzero(self.route[: self.terms.n] < 0)]

    def nodes(self, k: int) -> list[int]:
        """The nodes of a route between start and end."""
        row, link, end = [], self.next, self.terms.n + k
        node = link[self.first_start + k]
        while node != end:
            row.append(node)
            node = link[node]
        return row

    def visits(self, k: int) -> tuple[Visit, ...]:
        row: list[Visit] = []
        for node in self.nodes(k):
            if node < self.terms.n:
                row.append(Visit("task", node, int(self.mode[node])))
            else:
                row += [Visit("unload", s) for s in self.way(node).sites]
        return tuple(row)

    def way(self, unload: int) -> Way:
        group = int(self.terms.group[self.route[unload]])
        return self.terms.ways[group][int(self.mode[unload])]

    def load(self, solution: Solution) -> list[int]:
        """Take over a solution's routes, with unloadings made anew where its trips end. Returned: what does not fit."""
        left: list[int] = []
        for k, visits in enumerate(solution.routes):
            trip: list[tuple[int, int]] = []
            for visit in visits:
                if visit.kind == "task":
                    trip.append((visit.index, visit.mode))
                elif trip:
                    left += self.append_trip(k, trip)
                    trip = []
            if trip:
                left += self.append_trip(k, trip)
            for node in self.nodes(k):
                if node >= self.first_unload:  # it goes on elsewhere than home now
                    self.choose_way(node)
        return left

    def append_trip(self, k: int, trip: Sequence[tuple[int, int]]) -> list[int]:
        """Put a row of (task, mode) at the end of a route, with an unloading; a fuller truck than it may be is emptied
        on the way. Tasks that the shift cannot serve are returned. Time is not looked at."""
        left: list[int] = []
        unload = -1
        t = self.terms
        for task, mode in trip:
            if not t.allowed[task, k] or not t.ways[t.group[k]]:
                left.append(task)
                continue
            full = -1
            if unload < 0 or (self.room[unload] < t.load[task] - EPS).any():
                full, unload = unload, self._open(k, int(self.pred[t.n + k]), 0)
            self.put(task, int(self.pred[unload]), mode)
            if full >= 0:
                self.choose_way(full)
        if unload >= 0:
            self.choose_way(unload)
        return left

    def hold(self) -> None:
        """Put nothing among what is pinned from now on."""
        for k, shift in enumerate(self.terms.problem.shifts):
            last = shift.pinned[-1].index if shift.pinned else -1
            if last >= 0 and self.route[last] == k:
                node = int(self.pred[last])
                while node >= 0:
                    self.held[node] = True
                    node = int(self.pred[node])

    # --- single changes ------------------------------------------------------------------------------------------

    def _join(self, k: int, a: int, b: int) -> None:
        self.succ[a], self.pred[b] = b, a
        leg = float(self.terms.travel[self.terms.profile[k]][self.place_out[a], self.place_in[b]])
        self.leg_s[a] = leg
        self.work_s[k] += leg
        self.travel_s[k] += leg

    def _cut(self, k: int, a: int) -> None:
        leg = self.leg_s[a]
        self.leg_s[a] = 0.0
        self.work_s[k] -= leg
        self.travel_s[k] -= leg

    def put(self, task: int, after: int, mode: int) -> None:
        """Put a task after a node, into the trip that goes on there."""
        t, k, trip = self.terms, int(self.route[after]), int(self.trip[after])
        before = int(self.succ[after])
        self.route[task], self.trip[task], self.mode[task] = k, trip, mode
        self.place_in[task] = self.place_out[task] = t.place[task, mode]
        self.serve_s[task] = t.drive_s[task, mode] + t.handling_s[task, mode] * t.crew[k]
        self.timed[task] = t.windowed[task]
        self._cut(k, after)
        self._join(k, after, task)
        self._join(k, task, before)
        self.work_s[k] += self.serve_s[task]
        self.extra_eur[k] += t.length_m[task, mode] * t.eur_per_m[k] + t.reversals_eur[task, mode]
        self.room[trip] -= t.load[task]
        self.count[k] += 1
        self.timed_count[k] += self.timed[task]
        self.stale[k] = True

    def put_offer(self, task: int, offer: Offer) -> None:
        if offer.way >= 0:
            self._open(int(self.route[offer.after]), offer.after, offer.way)
        self.put(task, offer.after, offer.mode)

    def take(self, task: int) -> None:
        """Take a task out; a trip that is empty then goes with it."""
        t, k, trip = self.terms, int(self.route[task]), int(self.trip[task])
        a, b = int(self.pred[task]), int(self.succ[task])
        self._cut(k, a)
        self._cut(k, task)
        self._join(k, a, b)
        self.work_s[k] -= self.serve_s[task]
        self.extra_eur[k] -= t.length_m[task, self.mode[task]] * t.eur_per_m[k] + t.reversals_eur[task, self.mode[task]]
        self.room[trip] += t.load[task]
        self.count[k] -= 1
        self.timed_count[k] -= self.timed[task]
        self.stale[k] = True
        self.route[task] = self.trip[task] = self.pred[task] = self.succ[task] = -1
        if b == trip and a >= t.n:
            self._close(k, trip)

    def _open(self, k: int, after: int, way: int) -> int:
        """A new, empty trip after a start or an unloading."""
        unload, before = self.free.pop(), int(self.succ[after])
        self.high = max(self.high, unload + 1)
        self.route[unload], self.trip[unload] = k, self.trip[after]
        self.trip[after] = unload
        self.room[unload] = self.terms.capacity[k]
        self._set_way(unload, way)
        self._cut(k, after)
        self._join(k, after, unload)
        self._join(k, unload, before)
        return unload

    def _close(self, k: int, unload: int) -> None:
        a, b = int(self.pred[unload]), int(self.succ[unload])
        self._cut(k, a)
        self._cut(k, unload)
        self._join(k, a, b)
        self.trip[a] = self.trip[unload]
        self.work_s[k] -= self.serve_s[unload]
        self.travel_s[k] -= self.way(unload).travel_s
        self.timed_count[k] -= self.timed[unload]
        self.timed[unload] = False
        self.serve_s[unload] = 0.0
        self.route[unload] = self.trip[unload] = self.pred[unload] = self.succ[unload] = -1
        self.free.append(unload)

    def _set_way(self, unload: int, way: int) -> None:
        t, k = self.terms, int(self.route[unload])
        chosen = t.ways[t.group[k]][way]
        self.mode[unload] = way
        self.place_in[unload], self.place_out[unload] = t.site_place[chosen.sites[0]], t.site_place[chosen.sites[-1]]
        self.serve_s[unload] = chosen.time_s
        self.work_s[k] += chosen.time_s
        self.travel_s[k] += chosen.travel_s
        self.timed[unload] = t.is_binding[k][way]
        self.timed_count[k] += self.timed[unload]

    def choose_way(self, unload: int) -> None:
        """Unload where it costs least between the neighbours in the route, if open then."""
        t, k = self.terms, int(self.route[unload])
        group = int(t.group[k])
        if len(t.ways[group]) < 2:
            return
        a, b = int(self.pred[unload]), int(self.succ[unload])
        travel = t.travel[t.profile[k]]
        seconds = (
            travel[self.place_out[a], t.way_in[group]] + t.way_s[group] + travel[t.way_out[group], self.place_in[b]]
        )
        current = int(self.mode[unload])
        if (self.timed_count[k] or any(t.is_binding[k])) and self.stale[k]:
            self.refresh(k)
        for way in np.argsort(seconds, kind="stable"):
            if not t.is_binding[k][way] and not self.timed_count[k]:
                break
            arrival = self.free_s[a] + self.gap_s[a] + float(travel[self.place_out[a], t.way_in[group][way]])
            done = self._through(k, t.ways[group][way], arrival)
            late = self.late_s[b] if self.late_s[b] > 0 else NEVER  # below 0: the route is in trouble anyway
            on_s = self.gap_s[unload] + float(travel[t.way_out[group][way], self.place_in[b]])
            if done is not None and done + on_s <= late:
                break
        else:
            return
        if way == current or (seconds[way] > seconds[current] - 0.05 and self.late_s[b] > 0):
            return
        self._cut(k, a)
        self._cut(k, unload)
        old = self.way(unload)
        self.work_s[k] -= old.time_s
        self.travel_s[k] -= old.travel_s
        self.timed_count[k] -= self.timed[unload]
        self._set_way(unload, int(way))
        self._join(k, a, unload)
        self._join(k, unload, b)
        self.stale[k] = True

    # --- the clock, without rests --------------------------------------------------------------------------------

    def _through(self, k: int, way: Way, arrival_s: float) -> float | None:
        sites, travel = self.terms.problem.sites, self.terms.travel[self.terms.profile[k]]
        now, at = arrival_s, -1
        for s in way.sites:
            if at >= 0:
                now += float(travel[self.terms.site_place[at], self.terms.site_place[s]])
            begin = opening(sites[s].windows, now, sites[s].unload_s)
            if begin is None:
                return None
            now, at = begin + sites[s].unload_s, s
        return now

    def _latest(self, k: int, node: int, done_s: float) -> float | None:
        """The latest arrival at a node that still allows to be done by ``done_s``."""
        t = self.terms
        if node < t.n:
            return _latest_begin(t.windows[node], float(self.serve_s[node]), done_s)
        sites, travel, latest = t.problem.sites, t.travel[t.profile[k]], done_s
        row = self.way(node).sites
        for i in range(len(row) - 1, -1, -1):
            begin = _latest_begin(sites[row[i]].windows, sites[row[i]].unload_s, latest)
            if begin is None:
                return None
            latest = begin
            if i:
                latest -= float(travel[t.site_place[row[i - 1]], t.site_place[row[i]]])
        return latest

    def refresh(self, k: int) -> None:
        """Work out when the truck is free at each node and by when it must arrive, waiting included.

        A rest stands where the clock would put it at the latest; ``schedule`` may find a better place.
        """
        t = self.terms
        self.stale[k] = False
        start_s = float(t.start_s[k])
        row = np.array([self.first_start + k, *self.nodes(k), t.n + k])
        serve, legs = self.serve_s[row], self.leg_s[row[:-1]].copy()
        free = start_s + np.cumsum(serve)
        free[1:] += np.cumsum(legs)
        rest_s = 0.0
        self.gap_s[row] = 0.0
        if free[-1] - start_s > t.rest_after_s[k]:
            rest_s = float(t.rest_s[k])
            boundary = min(max(0, int(np.searchsorted(free, start_s + t.rest_latest_s[k])) - 1), len(legs) - 1)
            legs[boundary] += rest_s
            self.gap_s[row[boundary]] = rest_s
            free[boundary + 1 :] += rest_s
        late = start_s + t.limit_s[k] + rest_s - np.cumsum(serve[::-1])[::-1]
        late[:-1] -= np.cumsum(legs[::-1])[::-1]
        hours = self.timed[row].nonzero()[0].tolist()
        possible = True
        for i in hours:
            node, serve_s = int(row[i]), float(serve[i])
            arrival = float(free[i]) - serve_s
            if node < t.n:
                begin = opening(t.windows[node], arrival, serve_s)
                done = None if begin is None else begin + serve_s
            else:
                done = self._through(k, self.way(node), arrival)
            if done is None:
                possible = False
            elif done > arrival + serve_s + EPS:
                free[i:] += done - arrival - serve_s
        for i in reversed(hours):
            latest = self._latest(k, int(row[i]), float(late[i + 1] - legs[i]))
            if latest is None:
                possible = False
            elif latest < late[i]:
                late[: i + 1] -= late[i] - latest
        self.free_s[row] = free
        self.late_s[row] = late if possible else -NEVER
        self.work_s[k] = free[-1] - start_s - rest_s

    # --- where a task could go -----------------------------------------------------------------------------------

    def _price(self, k: Ints, travel_s: Floats, work_s: Floats) -> Floats:
        """What more travel and more work (both in seconds) in routes ``k`` cost."""
        t = self.terms
        rest = self.work_s[k] + t.rest_s[k] - t.length_s[k]
        over = np.maximum(0, rest + work_s) - np.maximum(0, rest)
        eur: Floats = travel_s * t.travel_eur_per_s[k] + work_s * t.eur_per_s[k] + over * t.overtime_more[k]
        return eur

    def offers(self, task: int) -> tuple[Floats, Ints, Ints]:
        """Every place beside near tasks, and at the ends of all trips, where a task fits: (eur, after node, mode)."""
        t = self.terms
        after = np.concatenate((
            t.before[task], self.pred[t.after[task]],
            np.arange(self.first_start, self.high), self.pred[self.first_unload : self.high],
        ))  # fmt: skip
        k, trip = self.route[after], self.trip[after]
        fits = (k >= 0) & (trip >= 0) & ~self.held[after]
        fits &= t.allowed[task][k]
        for d in range(t.dims):
            if t.load[task, d] > 0:
                fits &= self.room[trip, d] >= t.load[task, d] - EPS
        after = after[fits]
        k = k[fits]
        before = self.succ[after]
        places = t.place[task, : t.modes[task], None]
        a, b = self.place_out[after], self.place_in[before]
        there, on = self._legs(k, a, places, b)
        more = there + on - self.leg_s[after]
        serve = t.drive_s[task, : t.modes[task], None] + t.handling_s[task, : t.modes[task], None] * t.crew[k]
        work = more + serve
        fits = self.work_s[k] + work <= t.limit_s[k]
        clocked = np.ones(len(k), dtype=bool) if t.windowed[task] else self.timed_count[k] > 0
        if clocked.any():
            for r in np.unique(k[clocked]):
                if self.stale[r]:
                    self.refresh(int(r))
            done = self._done(task, self.free_s[after] + there, serve)
            first_rest = (self.work_s[k] <= t.rest_after_s[k]) & (self.work_s[k] + work > t.rest_after_s[k])
            done = (
                done + first_rest * t.rest_s[k] + self.gap_s[after]
            )  # wherever it will stand, it may make others late
            fits &= (done + on <= self.late_s[before]) | ~clocked
        eur = self._price(k, more, work)
        eur += t.length_m[task, : t.modes[task], None] * t.eur_per_m[k] + t.reversals_eur[task, : t.modes[task], None]
        mode, place = np.nonzero(fits)
        return eur[mode, place], after[place], mode

    def _legs(self, k: Ints, a: Ints, places: Ints, b: Ints) -> tuple[Floats, Floats]:
        """Seconds from ``a`` to each of the places and on to ``b``, by the trucks of routes ``k``."""
        t = self.terms
        if len(t.travel) == 1:
            travel = t.travel[0]
            return travel[a, places].astype(float), travel[places, b].astype(float)
        there, on = np.empty((len(places), len(a))), np.empty((len(places), len(a)))
        for p in np.unique(t.profile[k]):
            mine = t.profile[k] == p
            there[:, mine] = t.travel[p][a[mine], places]
            on[:, mine] = t.travel[p][places, b[mine]]
        return there, on

    def _done(self, task: int, arrival_s: Floats, serve_s: Floats) -> Floats:
        windows = self.terms.windows[task]
        if not windows:
            return arrival_s + serve_s
        done = np.full(arrival_s.shape, np.inf)
        for opens, closes in windows:
            begin = np.maximum(arrival_s, opens)
            good = (begin < closes) & (begin + serve_s <= closes)
            done = np.where(good, np.minimum(done, begin + serve_s), done)
        return done

    def best(self, task: int) -> Offer | None:
        """The cheapest place for a task; None where there is none. A new trip is opened where no trip has room."""
        eur, after, mode = self.offers(task)
        if len(eur):
            i = int(eur.argmin())
            return Offer(float(eur[i]), int(after[i]), int(mode[i]))
        return next(iter(self.new_trips(task, 1)), None)

    def new_trips(self, task: int, count: int) -> list[Offer]:
        """The cheapest new trips for a task alone: one per route at most, ``count`` in all."""
        t = self.terms
        after = np.arange(self.first_start, self.high)
        k = self.route[after]
        fits = (k >= 0) & t.allowed[task][k] & ~self.held[after]
        after, k = after[fits], k[fits]
        found: list[tuple[float, int, int, int]] = []
        for group in np.unique(t.group[k]):
            mine = t.group[k] == group
            if t.ways[group]:
                found += self._trips_of(task, after[mine], k[mine], int(group))
        offers: list[Offer] = []
        seen: set[int] = set()
        for eur, node, mode, way in sorted(found)[:TRIES]:
            route = int(self.route[node])
            if route not in seen and self._on_time(task, node, mode, way):
                seen.add(route)
                offers.append(Offer(eur, node, mode, way))
                if len(offers) == count:
                    break
        return offers

    def _trips_of(self, task: int, after: Ints, k: Ints, group: int) -> list[tuple[float, int, int, int]]:
        t = self.terms
        travel = t.travel[t.profile[k[0]]]  # a group has one profile
        places = t.place[task, : t.modes[task]]
        before = self.succ[after]
        there = travel[self.place_out[after]][:, places].T[:, None, :]
        away = travel[places][:, t.way_in[group]][:, :, None]
        on = travel[t.way_out[group]][:, self.place_in[before]][None]
        ways = t.ways[group]
        more = there + away + on - self.leg_s[after]
        driven = more + np.array([w.travel_s for w in ways])[None, :, None]
        serve = (t.drive_s[task, : t.modes[task], None] + t.handling_s[task, : t.modes[task], None] * t.crew[k])[
            :, None, :
        ]
        work = more + t.way_s[group][None, :, None] + serve
        opens = self.count[k] == 0
        eur = self._price(k, driven, work) + opens * (t.fixed_eur[k] + self.work_s[k] * t.eur_per_s[k])
        eur += (
            t.length_m[task, : t.modes[task], None] * t.eur_per_m[k] + t.reversals_eur[task, : t.modes[task], None]
        )[:, None]
        fits = self.work_s[k] + work <= t.limit_s[k]
        return [(float(eur[m, w, i]), int(after[i]), int(m), int(w)) for m, w, i in zip(*np.nonzero(fits), strict=True)]

    def _on_time(self, task: int, after: int, mode: int, way: int) -> bool:
        t, k, before = self.terms, int(self.route[after]), int(self.succ[after])
        if not (t.windowed[task] or t.is_binding[k][way] or self.timed_count[k]):
            return True
        if self.stale[k]:
            self.refresh(k)
        group, travel, place = int(t.group[k]), t.travel[t.profile[k]], t.place[task, mode]
        arrival = float(self.free_s[after] + travel[self.place_out[after], place])
        serve = float(t.drive_s[task, mode] + t.handling_s[task, mode] * t.crew[k])
        begin = opening(t.windows[task], arrival, serve)
        if begin is None:
            return False
        done = self._through(k, t.ways[group][way], begin + serve + float(travel[place, t.way_in[group][way]]))
        if done is None:
            return False
        done += float(travel[t.way_out[group][way], self.place_in[before]])
        work_s = self.work_s[k] + done - self.free_s[after] - self.leg_s[after]
        if self.work_s[k] <= t.rest_after_s[k] < work_s:
            done += t.rest_s[k]
        return bool(done + self.gap_s[after] <= self.late_s[before])


def _latest_begin(windows: tuple[Window, ...], serve_s: float, done_s: float) -> float | None:
    if not windows:
        return done_s - serve_s
    begins = [(min(b - serve_s, done_s - serve_s, b - 1.0), a) for a, b in windows]
    return max((begin for begin, opens in begins if begin >= opens), default=None)
