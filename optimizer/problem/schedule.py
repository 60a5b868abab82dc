"""A route on the clock: when each thing begins and ends, where the crew rests, and what cannot be kept.

This is the exact word on time: the search plans with reserves, this module decides. Definitions, once:

- A shift starts at ``start_s`` exactly. Nothing is hurried or delayed on purpose; a truck that comes early waits.
- *Work* is all time between start and end that is not a rest, waiting included. *Driving* is the ``drive`` events and
  the ``Mode.drive_s`` inside tasks.
- Every ``BreakRule`` whose ``after_s`` is exceeded is due. Rests are whole and as long as the longest rule due asks
  for; one must have begun before ``latest_s`` of any such rule's basis has accumulated since the shift's start or the
  last rest.
- Rests stand between visits: before the drive towards a visit, or before the drive home. A rest that meets a gap
  (a window or a site not open yet) takes the place of waiting.

Sites without windows are always open, as tasks without windows are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from fleet import BreakRule
from optimizer.problem.problem import UNREACHABLE, Event, Problem, ProblemShift, Schedule, Visit, Window

#: Plans are written in whole seconds: rest one second before it is due, so that rounding never makes it late.
ROUNDING_S = 1.0
#: Where no likely place for the first rest keeps everything, about so many others are tried.
ODD_PLACES = 20
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class _Stop:
    takes_s: float
    driving_s: float  # the part of ``takes_s`` at the wheel
    windows: tuple[Window, ...]
    code: str  # when it cannot be inside one
    empties: bool


@dataclass(frozen=True, slots=True)
class _Route:
    """What of a route does not depend on the clock. ``drives_s[p]`` leads to stop ``p``, the last one home."""

    shift: ProblemShift
    kinds: tuple[Literal["task", "unload"], ...]
    stops: tuple[_Stop, ...]
    drives_s: tuple[float, ...]
    cut: bool  # no way somewhere

    @classmethod
    def of(cls, problem: Problem, shift: ProblemShift, visits: Sequence[Visit]) -> _Route:
        places = [shift.depot, *(place_of(problem, v) for v in visits), shift.depot]
        legs_ds = problem.travel_ds[shift.travel][places[:-1], places[1:]].tolist()
        drives_s = tuple(ds / 10 if ds < UNREACHABLE else 0.0 for ds in legs_ds)
        stops = tuple(_stop(problem, shift, v) for v in visits)
        return cls(shift, tuple(v.kind for v in visits), stops, drives_s, max(legs_ds) >= UNREACHABLE)


@dataclass(frozen=True, slots=True)
class _Rest:
    before: int  # the drive towards this visit; the number of visits = the drive home
    length_s: float
    opens_s: float = -inf  # a lunch does not begin earlier: the truck waits


@dataclass(slots=True)
class _Clock:
    """One pass over a route with rests at given places."""

    rests: tuple[_Rest, ...]
    begins_s: list[float] = field(default_factory=list)  # of each stop
    waits_s: list[float] = field(default_factory=list)  # before each stop
    #: per boundary p (before the drive towards visit p, or home): (work, driving) since the last full rest
    since: list[tuple[float, float]] = field(default_factory=list)
    tail: tuple[float, float] = (0.0, 0.0)  # (work, driving) from the last rest to the end
    work_s: float = 0.0
    driving_s: float = 0.0
    end_s: float = 0.0
    broken: dict[str, None] = field(default_factory=dict)  # an ordered set

    @property
    def rank(self) -> tuple[int, float]:
        return len(self.broken), round(self.end_s, 3)


def opening(windows: tuple[Window, ...], arrival_s: float, length_s: float) -> float | None:
    """When something of ``length_s`` may begin, from ``arrival_s`` on; None if never. It ends inside the window too."""
    if not windows:
        return arrival_s
    best = inf
    for opens, closes in windows:
        begin = max(arrival_s, opens)
        if begin < closes and begin + length_s <= closes + _EPS:
            best = min(best, begin)
    return None if best == inf else best


def schedule(problem: Problem, shift_index: int, visits: Sequence[Visit]) -> Schedule:
    """The times of a route, with the rests that its shift's rules ask for at the places that serve it best.

    ``broken`` holds reason codes, empty when all is kept: ``WINDOW_MISSED``, ``SITE_CLOSED``, ``OVER_SHIFT`` (length
    and overtime, daily work, daily driving), ``BREAK_MISSING``, ``UNREACHABLE``, ``OVER_LOAD`` (also: comes home
    loaded), ``NO_TRUCK`` (a task that this shift may not serve, a site that is not for it), ``PINNED`` (does not begin
    with what is pinned). Loads, hours and choice of truck are not judged in what is pinned: it is driven already.
    A route without visits gives no events.
    """
    if not visits:
        return Schedule((), ())
    route = _Route.of(problem, problem.shifts[shift_index], visits)
    clock = _best(route, rests=()) if route.shift.lunch is None else _with_lunch(route, route.shift.lunch)
    broken = dict.fromkeys([*_load_faults(problem, shift_index, visits), *clock.broken])
    return Schedule(_events(route, clock), tuple(broken))


def breaks_due(shift: ProblemShift, work_s: float, driving_s: float) -> tuple[BreakRule, ...]:
    """The rules that so much work and driving in one shift makes due."""
    return tuple(r for r in shift.breaks if (work_s if r.basis == "work" else driving_s) > r.after_s - ROUNDING_S)


def longest_work_s(shift: ProblemShift) -> float:
    """How much work (rests not counted) fits into the shift: overtime, rests and the daily limit included.

    A rest that depends on driving is reserved wherever the shift is long enough for it: only the clock knows.
    """
    limit_s = shift.length_s + shift.overtime_s
    fits = limit_s
    for rule in shift.breaks:
        if limit_s <= rule.after_s:
            continue
        rests = max(1, -int(-(limit_s - rule.break_s) // rule.latest_s) - 1)
        reserved = limit_s - rests * rule.break_s
        fits = min(fits, max(reserved, rule.after_s - ROUNDING_S) if rule.basis == "work" else reserved)
    return min(fits, shift.max_work_s)


def _best(route: _Route, rests: tuple[_Rest, ...]) -> _Clock:
    """The best clock that keeps ``rests`` and adds what is still due after them."""
    plain = _pass(route, rests)
    due = breaks_due(route.shift, plain.work_s, plain.driving_s)
    if not due:
        return plain
    rest_s = max(rule.break_s for rule in due)
    if any(rest.length_s < rest_s for rest in rests):  # with rests, it waits so long that more is due
        return _best(route, tuple(_Rest(rest.before, max(rest_s, rest.length_s), rest.opens_s) for rest in rests))
    latest = [(0 if rule.basis == "work" else 1, rule.latest_s - ROUNDING_S) for rule in due]

    def in_time(since: tuple[float, float]) -> bool:
        return all(since[basis] <= latest_s for basis, latest_s in latest)

    if rests and in_time(plain.tail):  # rested, and nothing more is due before the end
        return plain
    first, home = rests[-1].before + 1 if rests else 0, len(route.stops)
    possible = [p for p in range(first, home + 1) if in_time(plain.since[p])]
    if not possible:
        plain.broken["BREAK_MISSING"] = None
        return plain
    emptied = [p for p in possible if p > 0 and route.stops[p - 1].empties]
    gaps = [p for p in possible if p < home and plain.waits_s[p] > 0]
    likely = list(dict.fromkeys([*reversed(emptied), possible[-1], *gaps[-3:]]))

    def best_of(places: Sequence[int], best: _Clock | None = None) -> _Clock:
        for p in places:
            clock = _best(route, (*rests, _Rest(p, rest_s)))
            if best is None or clock.rank < best.rank:  # on a tie the first stays: likely places are in order of liking
                best = clock
        assert best is not None  # there is always a place to try
        return best

    best = best_of(likely)
    if best.broken and not rests:  # a window or a closing site may ask for an odd place
        others = [p for p in possible if p not in likely]
        best = best_of(others[:: max(1, len(others) // ODD_PLACES)], best)
    return best


def _with_lunch(route: _Route, lunch: tuple[float, float, float]) -> _Clock:
    """The best clock with a lunch that begins inside its hours; where none can, ``BREAK_MISSING``."""
    opens_s, closes_s, length_s = lunch
    plain = _pass(route, ())
    free_s = [route.shift.start_s + route.shift.start_service_s]
    free_s += [begin + stop.takes_s for begin, stop in zip(plain.begins_s, route.stops, strict=True)]
    possible = [p for p, at in enumerate(free_s) if at <= closes_s]
    early = [p for p in possible if free_s[p] < opens_s]
    best: _Clock | None = None
    for p in [*possible[len(early) :], *early[-1:], *early[-2::-1]]:
        clock = _best(route, (_Rest(p, length_s, opens_s),))
        if best is None or clock.rank < best.rank:
            best = clock
        if not best.broken and p in early[-1:]:  # what waits longer is no better
            break
    if best is None:
        plain.broken["BREAK_MISSING"] = None
        return plain
    return best


def _pass(route: _Route, rests: tuple[_Rest, ...]) -> _Clock:
    """The clock of a route with exactly these rests."""
    clock, shift = _Clock(rests=rests), route.shift
    since, begins_s, waits_s = clock.since, clock.begins_s, clock.waits_s
    rest_at = {rest.before: rest for rest in rests}
    now = shift.start_s + shift.start_service_s
    work, driving, all_driving = shift.start_service_s, 0.0, 0.0  # the first two since the last rest
    for p, stop in enumerate(route.stops):
        since.append((work, driving))
        if p in rest_at:
            now = max(now, rest_at[p].opens_s) + rest_at[p].length_s
            work = driving = 0.0
        drive_s = route.drives_s[p]
        now += drive_s
        begin = now
        if stop.windows:
            opens = opening(stop.windows, now, stop.takes_s)
            if opens is not None:
                begin = opens
            elif p >= len(shift.pinned):
                clock.broken[stop.code] = None
        begins_s.append(begin)
        waits_s.append(begin - now)
        work += drive_s + begin - now + stop.takes_s
        driving += drive_s + stop.driving_s
        all_driving += drive_s + stop.driving_s
        now = begin + stop.takes_s
    since.append((work, driving))
    home = len(route.stops)
    if home in rest_at:
        now = max(now, rest_at[home].opens_s) + rest_at[home].length_s
        work = driving = 0.0
    drive_s = route.drives_s[home]
    clock.tail = (work + drive_s + shift.end_service_s, driving + drive_s)
    clock.driving_s = all_driving + drive_s
    clock.end_s = now + drive_s + shift.end_service_s
    clock.work_s = clock.end_s - shift.start_s - sum(rest.length_s for rest in rests)
    if route.cut:
        clock.broken["UNREACHABLE"] = None
    if (
        clock.end_s - shift.start_s > shift.length_s + shift.overtime_s + _EPS
        or clock.work_s > shift.max_work_s + _EPS
        or (shift.max_driving_s is not None and clock.driving_s > shift.max_driving_s + _EPS)
    ):
        clock.broken["OVER_SHIFT"] = None
    return clock


def _events(route: _Route, clock: _Clock) -> tuple[Event, ...]:
    shift = route.shift
    rest_at = {rest.before: rest for rest in clock.rests}
    now = shift.start_s + shift.start_service_s
    events = [Event("service", shift.start_s, now)]
    for p, drive_s in enumerate(route.drives_s):
        if p in rest_at:
            now = max(now, rest_at[p].opens_s)
            events.append(Event("break", now, now + rest_at[p].length_s))
            now += rest_at[p].length_s
        home = p == len(route.stops)
        if drive_s > 0:
            events.append(Event("drive", now, now + drive_s, None if home else p))
            now += drive_s
        if not home:
            begin = clock.begins_s[p]
            now = begin + route.stops[p].takes_s
            events.append(Event(route.kinds[p], begin, now, p))
    events.append(Event("service", now, now + shift.end_service_s))
    return tuple(events)


def _stop(problem: Problem, shift: ProblemShift, visit: Visit) -> _Stop:
    if visit.kind == "unload":
        site = problem.sites[visit.index]
        return _Stop(site.unload_s, 0.0, site.windows, "SITE_CLOSED", True)
    task = problem.tasks[visit.index]
    mode = task.modes[visit.mode]
    takes_s = mode.drive_s + mode.standing_s + mode.handling_s * shift.crew_factor
    return _Stop(takes_s, mode.drive_s, task.windows, "WINDOW_MISSED", False)


def place_of(problem: Problem, visit: Visit) -> int:
    if visit.kind == "task":
        return problem.tasks[visit.index].modes[visit.mode].place
    return problem.sites[visit.index].place


def _load_faults(problem: Problem, shift_index: int, visits: Sequence[Visit]) -> list[str]:
    shift = problem.shifts[shift_index]
    load = [0.0] * len(problem.dimensions)
    whole = [0.0] * len(problem.dimensions)
    faults: list[str] = []
    if tuple(visits[: len(shift.pinned)]) != shift.pinned:
        faults.append("PINNED")
    for p, visit in enumerate(visits):
        judged = p >= len(shift.pinned)
        if visit.kind == "unload":
            if judged and not problem.sites[visit.index].is_for(shift_index):
                faults.append("NO_TRUCK")
            takes = problem.sites[visit.index].takes
            load = [0.0 if takes[d] else q for d, q in enumerate(load)]
            continue
        task = problem.tasks[visit.index]
        if judged and shift_index not in task.shifts:
            faults.append("NO_TRUCK")
        load = [a + b for a, b in zip(load, task.load, strict=True)]
        whole = [a + b for a, b in zip(whole, task.load, strict=True)]
        if judged and any(q > c + _EPS for q, c in zip(load, shift.capacity, strict=True)):
            faults.append("OVER_LOAD")
    tasks = sum(visit.kind == "task" for visit in visits)
    over = shift.most_load is not None and any(q > c + _EPS for q, c in zip(whole, shift.most_load, strict=True))
    over |= shift.most_tasks is not None and tasks > shift.most_tasks
    if over and any(visit.kind == "task" for visit in visits[len(shift.pinned) :]):
        faults.append("OVER_LOAD")
    if any(q > _EPS for q in load):
        faults.append("OVER_LOAD")
    return faults
