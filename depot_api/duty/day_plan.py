"""The plans that are being driven: read from the store, newest version of each day, with the places of their nodes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import orjson
from sqlalchemy import Row, Select, func, select

from depot_api.duty.spans import TOUR_AFTER, TOUR_BEFORE
from depot_api.store import Store, instant_of, plans
from fleet import Plan, Task, Tour

LOG = logging.getLogger("ripeur.live")
#: A day's tours lie within these around its midnight in UTC: a shift begins within 48 hours of the local one.
EARLIEST, LATEST = timedelta(days=-1), timedelta(days=4)
#: Days that a plan may be of: what is reckoned from them must still be a date.
FIRST_YEAR, LAST_YEAR = 1980, 2099


@dataclass(frozen=True)
class DayPlan:
    """One version of a day's plan. ``nodes``: (lon, lat) in degrees of every OSM node that it names."""

    version: int
    published_at: datetime
    plan: Plan
    nodes: Mapping[int, tuple[float, float]]

    @cached_property
    def tasks(self) -> dict[str, Task]:
        return self.plan.tasks_by_id

    def tasks_of(self, tour: Tour) -> dict[str, Task]:
        """The tasks that a tour's legs name."""
        return {leg.task: self.tasks[leg.task] for leg in tour.legs if leg.task is not None}

    def line(self, osm_nodes: Iterable[int]) -> list[tuple[float, float]]:
        """(lon, lat) along nodes; those whose place did not come with the plan are passed over."""
        return [self.nodes[n] for n in osm_nodes if n in self.nodes]


def newest_versions(store: Store, days: Sequence[date]) -> dict[date, int]:
    """Which version of each of these days is in force; days without a plan are absent."""
    query = (
        select(plans.c.date, func.max(plans.c.version))
        .where(plans.c.date.in_([day.isoformat() for day in days]))
        .group_by(plans.c.date)
    )
    with store.read() as connection:
        return {date.fromisoformat(day): int(version) for day, version in connection.execute(query)}


def plan_versions(store: Store, day: date) -> list[DayPlan]:
    """Every version of a day's plan, oldest first."""
    with store.read() as connection:
        rows = connection.execute(_versions(day).order_by(plans.c.version))
        return [day_plan for row in rows if (day_plan := _day_plan(row)) is not None]


def plan_in_force(store: Store, day: date) -> DayPlan | None:
    """The newest version of a day's plan, the only one that is read; None where none was published."""
    with store.read() as connection:
        row = connection.execute(_versions(day).order_by(plans.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else _day_plan(row)


def _versions(day: date) -> Select[Any]:
    return select(plans).where(plans.c.date == day.isoformat())


def _day_plan(row: Row[Any]) -> DayPlan | None:
    """A version; None (logged) for one that earlier versions of Ripeur took, and nobody can follow."""
    plan = read_plan(row.body)
    try:
        nodes = {int(node): (at[0], at[1]) for node, at in orjson.loads(row.nodes).items()}
    except ValueError:
        plan = None
    if plan is None:
        LOG.error("plan of %s, version %d: cannot be followed, passed over", row.date, row.version)
        return None
    return DayPlan(row.version, instant_of(row.published_us), plan, nodes)


def read_plan(body: str) -> Plan | None:
    """A stored plan; None for one that nobody can follow, as its legs are of no time near its day."""
    try:
        plan = Plan.from_json(orjson.loads(body))
    except (LookupError, TypeError, ValueError):
        return None
    return None if any(True for tour in plan.tours for _ in misdated_legs(plan.date, tour)) else plan


def misdated_legs(day: date, tour: Tour) -> Iterator[tuple[int, str]]:
    """The legs of a day's tour that are of no time near the day, by number, with what they must be."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        yield 0, f"is of {day}, must be of {FIRST_YEAR} to {LAST_YEAR}"
        return
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    low, high = midnight + EARLIEST, midnight + LATEST
    for n, leg in enumerate(tour.legs):
        if not (low <= leg.start_at < high and low <= leg.end_at < high):
            yield n, f"is from {leg.start_at} to {leg.end_at}, must be within {low} to {high}"


@dataclass(frozen=True, slots=True)
class TourWindow:
    """A tour in its truck's time: facts ``since`` ≤ at < ``until`` are of this tour."""

    day: DayPlan
    tour: Tour
    since: datetime
    until: datetime


def tour_windows(days: Iterable[DayPlan]) -> dict[str, list[TourWindow]]:
    """Each truck's tours in the order of time; between two of them the middle of the pause divides the facts."""
    by_truck: dict[str, list[tuple[DayPlan, Tour]]] = {}
    for day in days:
        for tour in day.plan.tours:
            by_truck.setdefault(tour.truck, []).append((day, tour))
    windows: dict[str, list[TourWindow]] = {}
    for truck, own in by_truck.items():
        own.sort(key=lambda pair: (pair[1].start_at, pair[1].id))
        edges = [own[0][1].start_at - TOUR_BEFORE]
        for (_, a), (_, b) in pairwise(own):
            edges.append(max(edges[-1], a.end_at + (b.start_at - a.end_at) / 2))
        edges.append(max(edges[-1], own[-1][1].end_at + TOUR_AFTER))
        windows[truck] = [
            TourWindow(
                day, tour, max(edges[i], tour.start_at - TOUR_BEFORE), min(edges[i + 1], tour.end_at + TOUR_AFTER)
            )
            for i, (day, tour) in enumerate(own)
        ]
    return windows
