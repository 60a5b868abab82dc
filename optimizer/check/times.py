"""The checker's judgement of times: durations, shifts, breaks, windows and opening hours.

"Seconds after local midnight" are read as the clock on the wall shows them: 28,800 is eight o'clock, on the day the
clocks change too. Durations are elapsed time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fleet import REGIMES, BreakRule, Leg, Regime, Shift, Site, Task, Tour
from optimizer.area import Area
from optimizer.check.faults import Duration, Fault, fault

Span = tuple[datetime, datetime]

#: Times are written in whole seconds, so each end may be off by one.
SLACK_S = 1.0
SLACK_DURATION_S, SLACK_DURATION = 2.0, 0.02
#: A tour begins when its shift does; so much later is a clock that is off, more is another day or another shift.
LATE_S = 60.0


@dataclass(frozen=True, slots=True)
class Driven:
    """What a leg's way takes at the least. ``free_s``: at the highest speed that is legal and that the area allows
    trucks; ``slowest_mps``: the lowest such speed on it; ``length_m``: along its nodes."""

    length_m: float = 0.0
    free_s: float = 0.0
    slowest_mps: float = 1.0


def wall_clock_instant(day: date, seconds: float, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """When the clock shows ``seconds`` after midnight of ``day``. Of an hour that comes twice ``end`` is the second."""
    wall = datetime.combine(day, time()) + timedelta(seconds=seconds)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(first, second) if end else first


def order_faults(tour: Tour) -> Iterator[Fault]:
    """Legs that end before they start, or start before the one before them ends."""
    for k, leg in enumerate(tour.legs):
        if leg.duration_s < 0:
            yield fault("TIME_MISMATCH.backwards", tour.id, k, leg.task, own=-leg.duration_s)
    for k, (before, leg) in enumerate(pairwise(tour.legs), start=1):
        early_s = (before.end_at - leg.start_at).total_seconds()
        if early_s > SLACK_S:
            yield fault("TIME_MISMATCH.overlap", tour.id, k, leg.task, own=early_s)


# --- how long things take ----------------------------------------------------------------------------------------


def duration_faults(
    tour: Tour, area: Area, shift: Shift | None, tasks: Mapping[str, Task], driven: Mapping[int, Driven],
    task_m: Mapping[str, float], sites: Mapping[str, Site],
) -> Iterator[Fault]:  # fmt: skip
    """Legs shorter than the area says they take. ``driven``: by leg index; ``task_m``: length of each street task."""
    last = len(tour.legs) - 1
    for k, leg in enumerate(tour.legs):
        due_s = 0.0
        if leg.kind == "depot" and shift is not None:
            due_s = shift.start_service_s if k == 0 else shift.end_service_s if k == last else 0.0
        elif leg.kind == "unload" and leg.site is not None and leg.site in sites:
            due_s = sites[leg.site].unload_s
        elif leg.kind == "collect" and leg.task is not None and leg.task in tasks and k in driven:
            due_s = _collect_s(leg, tasks[leg.task], area, tour.loaders, driven[k], task_m.get(leg.task, 0.0))
        elif leg.kind == "drive" and k in driven:
            due_s = _way_s(leg, area, driven[k], 0.0)
        if due_s - leg.duration_s > SLACK_DURATION_S + SLACK_DURATION * due_s:
            yield fault("TIME_MISMATCH", tour.id, k, leg.task, kind=leg.kind, own=leg.duration_s, due=due_s)


def _way_s(leg: Leg, area: Area, driven: Driven, slow_m: float) -> float:
    """The least time along the way, ``slow_m`` of it at collecting speed, and the reversing."""
    turns = area.turns
    # What is reversed is not driven forwards too; a three-point turn is short, so the slowest street bounds it.
    back_m = min(leg.reversing_m, driven.length_m)
    free_s = max(driven.free_s - (back_m + slow_m) / driven.slowest_mps, 0.0)
    slow_s = slow_m / (area.service_times.street_speed_kmh / 3.6)
    reversing_s = leg.reversals * turns.reversing_setup_s + leg.reversing_m / turns.reversing_mps
    return free_s + slow_s + reversing_s


def _collect_s(leg: Leg, task: Task, area: Area, loaders: int, driven: Driven, task_m: float) -> float:
    times = area.service_times
    kg_s = sum(leg.kg.values()) * times.kg_s * times.crew_factor[min(max(loaders, 0), 2)]
    if leg.mode == "foot":
        return driven.length_m / times.foot_mps + kg_s
    if task.kind == "drop_off":
        return _way_s(leg, area, driven, 0.0) + task.containers * times.drop_off_container_s
    if task.kind == "pickup":
        return _way_s(leg, area, driven, 0.0) + times.pickup_s
    if task.kind == "presentation_point":
        return _way_s(leg, area, driven, 0.0) + times.presentation_point_s + kg_s
    return _way_s(leg, area, driven, min(task_m, driven.length_m)) + kg_s


# --- shifts and breaks -------------------------------------------------------------------------------------------


def shift_faults(tour: Tour, shift: Shift, day: date, zone: ZoneInfo) -> Iterator[Fault]:
    own_s = (tour.end_at - tour.start_at).total_seconds()
    limit_s = shift.length_s + shift.overtime_s
    if own_s > limit_s + SLACK_S:
        yield fault("OVER_SHIFT", tour.id, None, None, own=Duration(own_s), limit=Duration(limit_s))
    early_s = (wall_clock_instant(day, shift.start_s, zone) - tour.start_at).total_seconds()
    if early_s > SLACK_S:
        yield fault("OVER_SHIFT.early", tour.id, 0, None, own=Duration(early_s))
    elif -early_s > LATE_S:
        yield fault("OVER_SHIFT.late", tour.id, 0, None, own=Duration(early_s))
    over_s = (tour.end_at - wall_clock_instant(day, shift.start_s, zone)).total_seconds() - limit_s
    if over_s > SLACK_S and own_s <= limit_s + SLACK_S:
        yield fault("OVER_SHIFT.end", tour.id, len(tour.legs) - 1, None, own=Duration(over_s))


def work_s(tour: Tour) -> float:
    """All but the break legs, waiting included."""
    rest_s = sum(leg.duration_s for leg in tour.legs if leg.kind == "break")
    return (tour.end_at - tour.start_at).total_seconds() - rest_s


def driver_faults(tours: Sequence[Tour], shifts: Mapping[str, Shift]) -> Iterator[Fault]:
    """The daily work of a driver with several tours, against the strictest of their regimes."""
    own: dict[str, list[Tour]] = {}
    for tour in tours:
        if tour.driver is not None:
            own.setdefault(tour.driver, []).append(tour)
    for driver, driven in own.items():
        regimes = [found for tour in driven if (found := regime_of(tour, shifts.get(tour.shift))) is not None]
        if len(driven) < 2 or not regimes:
            continue
        regime = min(regimes, key=lambda one: one.max_work_s)
        day_s = sum(work_s(tour) for tour in driven)
        if day_s > regime.max_work_s + SLACK_S:
            names, limit = ", ".join(tour.id for tour in driven), Duration(regime.max_work_s)
            yield fault(
                "OVER_SHIFT.driver", driven[-1].id, None, None,
                driver=driver, tours=names, own=Duration(day_s), limit=limit, regime=regime.name,
            )  # fmt: skip


def break_faults(tour: Tour, regime: Regime, driving_s: Sequence[float]) -> Iterator[Fault]:
    """The regime's rules. Work is all but the break legs, waiting included; ``driving_s``: by leg."""
    worked_s = work_s(tour)
    bounds = (("work", worked_s, regime.max_work_s), ("driving", sum(driving_s), regime.max_driving_s))
    for basis, own_s, limit_s in bounds:
        if limit_s is not None and own_s > limit_s + SLACK_S:
            key = f"OVER_SHIFT.{basis}"
            yield fault(key, tour.id, None, None, own=Duration(own_s), limit=Duration(limit_s), regime=regime.name)
    due = [rule for rule in regime.breaks if rule.basis == "work" and worked_s > rule.after_s + SLACK_S]
    if due:  # of several rules the longest break is due
        rule = max(due, key=lambda rule: rule.break_s)
        taken_s = sum(
            leg.duration_s for leg in tour.legs if leg.kind == "break" and leg.duration_s >= rule.min_part_s - SLACK_S
        )
        if taken_s < rule.break_s - SLACK_S:
            yield fault(
                "BREAK_MISSING", tour.id, None, None,
                own=Duration(taken_s), basis=Duration(worked_s), due=Duration(rule.break_s), regime=regime.name,
            )  # fmt: skip
        # No stretch of work may reach the limit: any part long enough interrupts it.
        latest_s = min(rule.latest_s for rule in due)
        part = replace(rule, latest_s=latest_s, break_s=rule.min_part_s, last_part_s=0)
        yield from _too_late(tour, _working_s(tour), part, regime)
    for rule in regime.breaks:
        if rule.basis == "driving":  # the whole rest has to be had before the limit
            stretches = [(k, s) for k, s in enumerate(driving_s)]
            yield from _too_late(tour, stretches, rule, regime)


def _working_s(tour: Tour) -> list[tuple[int, float]]:
    """(leg, seconds) of work: the leg and the wait before it."""
    found = []
    for k, leg in enumerate(tour.legs):
        wait_s = (leg.start_at - tour.legs[k - 1].end_at).total_seconds() if k else 0.0
        found.append((k, wait_s + (leg.duration_s if leg.kind != "break" else 0.0)))
    return found


def _too_late(tour: Tour, done_s: Sequence[tuple[int, float]], rule: BreakRule, regime: Regime) -> Iterator[Fault]:
    """Stretches above the rule's ``latest_s`` between its rests. A rest in parts is whole with a last part that is
    long enough, whatever came before it."""
    since_s = rested_s = 0.0
    for k, seconds in done_s:
        leg = tour.legs[k]
        since_s += seconds
        if since_s > rule.latest_s + SLACK_S:
            own, limit = Duration(since_s), Duration(rule.latest_s)
            yield fault("BREAK_MISSING.late", tour.id, k, None, own=own, limit=limit, regime=regime.name)
            since_s = rested_s = 0.0
        if leg.kind == "break" and leg.duration_s >= rule.min_part_s - SLACK_S:
            rested_s += leg.duration_s
            if rested_s >= rule.break_s - SLACK_S and leg.duration_s >= rule.last_part_s - SLACK_S:
                since_s = rested_s = 0.0


def driving_s(tour: Tour, area: Area | None) -> list[float]:
    """Seconds at the wheel by leg: drives whole, and of a street's collection the moving part."""
    found = []
    for leg in tour.legs:
        seconds = leg.duration_s if leg.kind == "drive" else 0.0
        if leg.kind == "collect" and leg.mode == "truck" and area is not None:
            seconds = min(leg.duration_s, leg.length_m / (area.service_times.street_speed_kmh / 3.6))
        found.append(max(seconds, 0.0))
    return found


def regime_of(tour: Tour, shift: Shift | None) -> Regime | None:
    """The shift's, so that a plan cannot choose itself an easier law."""
    return REGIMES.get(shift.regime if shift is not None else tour.regime)


# --- windows and opening hours -----------------------------------------------------------------------------------


def window_faults(tour: Tour, tasks: Mapping[str, Task], day: date, zone: ZoneInfo) -> Iterator[Fault]:
    """Collections that do not lie wholly inside one of their task's windows."""
    for k, leg in enumerate(tour.legs):
        task = tasks.get(leg.task or "")
        if leg.kind != "collect" or task is None or not task.windows:
            continue
        spans = _merged(
            (wall_clock_instant(day, a, zone), wall_clock_instant(day, b, zone, end=True)) for a, b in task.windows
        )
        if not _inside(leg, spans):
            start, end = (at.astimezone(zone) for at in (leg.start_at, leg.end_at))
            allowed = ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in task.windows)
            yield fault("WINDOW_MISSED", tour.id, k, task.id, start=start, end=end, windows=allowed)


def opening_faults(tour: Tour, sites: Mapping[str, Site], zone: ZoneInfo) -> Iterator[Fault]:
    """Unloadings that do not lie wholly inside their site's opening hours."""
    for k, leg in enumerate(tour.legs):
        site = sites.get(leg.site or "")
        if leg.kind != "unload" or site is None:
            continue
        first = leg.start_at.astimezone(zone).date() - timedelta(days=2)  # hours may run past midnight
        days = [first + timedelta(days=n) for n in range(5)]
        spans = _merged(
            (wall_clock_instant(day, hours.opens_s, zone), wall_clock_instant(day, hours.closes_s, zone, end=True))
            for day in days
            for hours in site.hours
            if hours.weekday == day.weekday()
        )
        if not _inside(leg, spans):
            start, end = (at.astimezone(zone) for at in (leg.start_at, leg.end_at))
            yield fault("SITE_CLOSED", tour.id, k, None, site=site.id, start=start, end=end)


def _merged(spans: Iterator[Span]) -> list[Span]:
    """Spans that touch made one, so that a leg over midnight fits where two days join."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _inside(leg: Leg, spans: Sequence[Span]) -> bool:
    slack = timedelta(seconds=SLACK_S)
    return any(start - slack <= leg.start_at and leg.end_at <= end + slack for start, end in spans)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02}:{int(seconds) % 3600 // 60:02}"
