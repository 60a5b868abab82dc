"""Progress: where a tour is against its plan, and when it will be where.

The last thing surely done tells how late the tour is; from there on the plan's own durations hold, times the pace
measured so far on this tour, shrunk towards the plan. Nothing fancier: a planner can redo it by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet import Leg, Tour
from optimizer.evidence.evidence import OVER_AFTER, TaskState

#: So much of the plan's own pace is mixed to what is measured; the pace stays within these bounds.
PACE_SHRUNK_S, PACE_LEAST, PACE_MOST = 1800.0, 0.6, 1.7
#: A service that was still going on so short a time ago goes on.
GOING_ON = timedelta(seconds=120)
#: Gaps between legs longer than this are waiting, for a site or a street to open: they end when the plan says.
WAIT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class SiteVisit:
    """The truck at an unloading site. ``left_at``: None while it is there."""

    site: str
    arrived_at: datetime
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class TourProgress:
    """``leg``: index of the leg under way (or next); ``late_s``: against the plan, negative = early, None = not begun.

    ``expected_at``: task id -> when its service is expected to begin, for every task still ahead; one that was passed
    over is not expected any more. ``sites_at``: (leg index, site id, expected arrival) of each unloading still to come.
    ``pace``: time taken for time planned, shrunk towards 1. ``ends_at``: end of service; the real one once it is over.
    """

    leg: int
    late_s: float | None
    pace: float
    expected_at: Mapping[str, datetime]
    sites_at: tuple[tuple[int, str, datetime], ...]
    ends_at: datetime
    tasks: int
    done_tasks: int
    over: bool


def tour_progress(
    tour: Tour,
    states: Mapping[str, TaskState],
    now: datetime,
    *,
    began_at: datetime | None,
    ended_at: datetime | None,
    at_sites: tuple[SiteVisit, ...] = (),
) -> TourProgress:
    """Where the tour stands at ``now``.

    ``began_at``, ``ended_at``: start and end of service (a Duty fact, else the first fix). ``at_sites``: visits to
    unloading sites seen so far, in order of time.
    """
    own = [leg.task for leg in tour.legs if leg.task]
    done = sum(1 for task in own if task in states and states[task].status == "done")
    over = ended_at is not None or now >= tour.end_at + OVER_AFTER
    pace = _pace(tour, states)
    reached = _reached(tour, states, at_sites)
    # by when they began: a street passed again hours later ends later, and is not where the tour is
    last = max(reached, key=lambda k: reached[k][0], default=-1)
    if over:
        late = None if ended_at is None else (ended_at - tour.end_at).total_seconds()
        return TourProgress(
            leg=len(tour.legs),
            late_s=late,
            pace=pace,
            expected_at={},
            sites_at=(),
            ends_at=ended_at or tour.end_at,
            tasks=len(own),
            done_tasks=done,
            over=True,
        )
    late_s: float | None = None
    if last < 0 and began_at is None:
        leg, free_at = -1, tour.start_at + max(timedelta(0), now - tour.start_at)
    else:
        leg, free_at = _under_way(tour, reached, last, now, began_at)
        late_s = (free_at - tour.legs[leg].end_at).total_seconds()
    expected_at, sites_at, ends_at = _ahead(tour, states, reached, leg, free_at, pace)
    return TourProgress(
        leg=min(leg + 1, len(tour.legs) - 1),
        late_s=late_s,
        pace=pace,
        expected_at=expected_at,
        sites_at=sites_at,
        ends_at=ends_at,
        tasks=len(own),
        done_tasks=done,
        over=False,
    )


def _pace(tour: Tour, states: Mapping[str, TaskState]) -> float:
    planned = taken = 0.0
    for leg in tour.legs:
        state = states.get(leg.task or "")
        if state is None or state.status != "done" or state.from_at is None or state.until_at is None:
            continue
        planned += leg.duration_s
        taken += min(3 * leg.duration_s, (state.until_at - state.from_at).total_seconds())
    return min(PACE_MOST, max(PACE_LEAST, (taken + PACE_SHRUNK_S) / (planned + PACE_SHRUNK_S)))


def _reached(
    tour: Tour, states: Mapping[str, TaskState], at_sites: tuple[SiteVisit, ...]
) -> dict[int, tuple[datetime, datetime, bool]]:
    """By leg that is done or going on: from when, until when, and whether it is an unloading that goes on."""
    found: dict[int, tuple[datetime, datetime, bool]] = {}
    served: list[datetime] = []  # ends of the services since the last unloading
    visits = [visit for visit in at_sites if not _at_work(visit, states)]
    for k, leg in enumerate(tour.legs):
        state = states.get(leg.task or "")
        if state is not None and state.status in ("done", "partly") and state.from_at and state.until_at:
            found[k] = (state.from_at, state.until_at, False)
            served.append(state.until_at)
        elif leg.kind == "unload" and served:
            half = sorted(served)[len(served) // 2]
            visit = next((v for v in visits if v.site == leg.site and v.arrived_at >= half), None)
            if visit is not None:
                visits = visits[visits.index(visit) + 1 :]
                found[k] = (visit.arrived_at, visit.left_at or visit.arrived_at, visit.left_at is None)
                served = []
    return found


def _at_work(visit: SiteVisit, states: Mapping[str, TaskState]) -> bool:
    """Whether the truck was near a site because it collected there: for more than half of that time."""
    ends = [state.until_at for state in states.values() if state.until_at]
    left_at = visit.left_at or max([visit.arrived_at, *ends])
    worked_s = sum(
        max(0.0, (min(left_at, state.until_at) - max(visit.arrived_at, state.from_at)).total_seconds())
        for state in states.values()
        if state.status in ("done", "partly") and state.from_at and state.until_at
    )
    return worked_s > (left_at - visit.arrived_at).total_seconds() / 2


def _under_way(
    tour: Tour,
    reached: Mapping[int, tuple[datetime, datetime, bool]],
    last: int,
    now: datetime,
    began_at: datetime | None,
) -> tuple[int, datetime]:
    """The last leg begun (-1: none) and when it is or will be over, by what is seen; never before it can be."""
    if last < 0:
        first = tour.legs[0]
        begun = max(began_at or now, tour.start_at - timedelta(hours=1))
        return 0, max(begun + (first.end_at - first.start_at), min(now, first.end_at))
    leg, (begin, end, there) = tour.legs[last], reached[last]
    if there or now - end < GOING_ON:  # still at it: it takes the time planned, or longer
        return last, max(begin + (leg.end_at - leg.start_at), now)
    free = end
    onward = _next_stop(tour, last)
    if onward is not None:  # not there yet although the plan's time for the way is over: late by that much at least
        way = tour.legs[onward].start_at - leg.end_at
        free = max(free, now - way)
    return last, free


def _next_stop(tour: Tour, last: int) -> int | None:
    return next((k for k in range(last + 1, len(tour.legs)) if tour.legs[k].kind in ("collect", "unload")), None)


def _ahead(
    tour: Tour,
    states: Mapping[str, TaskState],
    reached: Mapping[int, tuple[datetime, datetime, bool]],
    leg: int,
    free_at: datetime,
    pace: float,
) -> tuple[dict[str, datetime], tuple[tuple[int, str, datetime], ...], datetime]:
    """Expected beginnings of what lies after ``leg``, unloadings and the end, by the plan's durations."""
    clock, expected, sites = free_at, {}, []
    before: Leg | None = tour.legs[leg] if leg >= 0 else None
    for k in range(leg + 1, len(tour.legs)):
        one = tour.legs[k]
        if before is not None and one.start_at - before.end_at > WAIT:
            clock = max(clock, one.start_at)
        before = one
        state = states.get(one.task or "")
        if k in reached or (state is not None and state.status != "pending"):
            continue
        if one.task is not None:
            expected[one.task] = clock
        elif one.kind == "unload":
            sites.append((k, one.site or "", clock))
        clock += (one.end_at - one.start_at) * (pace if one.kind in ("collect", "drive") else 1.0)
    return expected, tuple(sites), clock
