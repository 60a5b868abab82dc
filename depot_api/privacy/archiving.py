"""What stays of a day when its positions go: the proof of service per task, and how long streets of a class take.

Fourteen days after a day (a truck's week without a network has come in by then) its tours are followed once more, as
the live state follows them; each task's state and evidence is kept as proof of service, and the seconds and metres per
class of street, hour and year are added up over all trucks, with no truck, date or street in them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, insert, select, update

from depot_api.duty import plan_versions, tour_windows
from depot_api.live import LiveTour, carried_from, network_of, tour_facts
from depot_api.privacy.retention import last_run
from depot_api.state import Depot, zone_of
from depot_api.store import Store, archived_days, microseconds, paces, plans, services
from fleet import Position
from optimizer.matching import LocatedFix, MatchedStep, Matcher

log = logging.getLogger("ripeur.retention")

ARCHIVE_AFTER_DAYS = 14
#: Steps between fixes further apart say where the truck went, not how long it took.
LONGEST_GAP_S = 20.0


class PaceKey(NamedTuple):
    """``what``: ``serve`` while a task is being collected, else ``drive``; ``hour``: of the local day."""

    year: int
    what: str
    street_class: str
    hour: int


@dataclass(slots=True)
class StreetPace:
    """Seconds and metres added up. Driving leaves standing out (lights, breaks); serving is mostly standing."""

    seconds: float = 0.0
    metres: float = 0.0
    times: int = 0


def archive_due_days(depot: Depot, now: datetime) -> list[date]:
    """Distil the days that are due, oldest first. Needs the depot's town."""
    assert depot.town is not None
    after = min(ARCHIVE_AFTER_DAYS, depot.settings.terms["positions"] - 1)
    last = last_run(depot.store)  # positions that a refused run left are there until the next
    swept = now if last is None else min(now, last[0])
    still_there = swept.date() - timedelta(days=depot.settings.terms["positions"])
    due = [day for day in days_to_archive(depot.store, now.date() - timedelta(days=after)) if day >= still_there]
    if due:
        matcher = Matcher(network_of(depot.town))
        classes = [segment.way.highway for segment in depot.town.streets.segments]
        for day in due:
            rows, sums = day_archive(depot.store, matcher, classes, zone_of(depot), day)
            save_archive(depot.store, day, rows, sums, now)
            log.info("distilled", extra={"day": day.isoformat(), "tasks": len(rows)})
    return due


def days_to_archive(store: Store, before: date) -> list[date]:
    """Days with a plan in force, before ``before``, that are not archived yet, oldest first."""
    query = (
        select(plans.c.date)
        .distinct()
        .where(plans.c.date < before.isoformat(), plans.c.date.not_in(select(archived_days.c.date)))
        .order_by(plans.c.date)
    )
    with store.read() as connection:
        return [date.fromisoformat(day) for (day,) in connection.execute(query)]


def day_archive(
    store: Store, matcher: Matcher, classes: Sequence[str], zone: tzinfo, day: date
) -> tuple[list[dict[str, Any]], dict[PaceKey, StreetPace]]:
    """The rows of ``services`` of a day, and what its driving adds to ``paces``.

    ``classes``: of each street, by the number of its segment in the matcher's network.
    """
    versions = plan_versions(store, day)
    carried = carried_from(store, versions, matcher)
    rows: list[dict[str, Any]] = []
    sums: dict[PaceKey, StreetPace] = defaultdict(StreetPace)
    for window in (window for own in tour_windows(versions[-1:]).values() for window in own):
        tour = LiveTour(window, matcher, carried)
        positions: list[Position] = []
        for part in tour_facts(store, window):
            tour.add_all(part)
            positions += [fact for fact in part if isinstance(fact, Position)]
        tour.judge(window.until, None)
        for task in tour.states:
            street = tour.street(task)
            rows.append({
                "date": day.isoformat(), "tour": window.tour.id, "task": task, "truck": window.tour.truck,
                "state": street["status"], "body": orjson.dumps(street).decode(),
            })  # fmt: skip
        done = (state for state in tour.states.values() if state.status == "done")
        served = [(state.from_at, state.until_at) for state in done if state.from_at and state.until_at]
        add_paces(sums, matched_steps(matcher, positions), classes, served, zone)
    return rows, sums


def matched_steps(matcher: Matcher, positions: Iterable[Position]) -> list[MatchedStep]:
    """The way of one truck over the streets, from its positions in the order of time."""
    track = matcher.track()
    return [*track.add(filter(None, map(LocatedFix.of, positions))).steps, *track.flush().steps]


def add_paces(
    sums: dict[PaceKey, StreetPace],
    steps: Iterable[MatchedStep],
    classes: Sequence[str],
    served: Sequence[tuple[datetime, datetime]],
    zone: tzinfo,
) -> None:
    """Add steps up by class of street and local hour. ``served``: from when until when tasks were collected."""
    for step in steps:
        if step.gap_s > LONGEST_GAP_S:
            continue
        collecting = any(begin <= step.enter_at < end for begin, end in served)
        seconds = (step.leave_at - step.enter_at).total_seconds() - (0.0 if collecting else step.still_s)
        local = step.enter_at.astimezone(zone)
        pace = sums[PaceKey(local.year, "serve" if collecting else "drive", classes[step.segment], local.hour)]
        pace.seconds += max(0.0, seconds)
        pace.metres += abs(step.to_m - step.from_m)
        pace.times += 1


def save_archive(
    store: Store, day: date, rows: list[dict[str, Any]], sums: dict[PaceKey, StreetPace], now: datetime
) -> None:
    """Write a day's archive down, once: the mark, the proof and the sums in one commit."""

    def write(connection: Connection) -> None:
        if connection.execute(
            select(archived_days.c.date).where(archived_days.c.date == day.isoformat())
        ).one_or_none():
            return
        connection.execute(insert(archived_days).values(date=day.isoformat(), at_us=microseconds(now)))
        if rows:
            connection.execute(insert(services), rows)
        for key, pace in sums.items():
            _add(connection, key, pace)

    store.write(write)


def _add(connection: Connection, key: PaceKey, pace: StreetPace) -> None:
    of = [paces.c[name] == value for name, value in key._asdict().items()]
    seconds, metres = round(pace.seconds), round(pace.metres)
    added = update(paces).where(*of).values(
        seconds=paces.c.seconds + seconds, metres=paces.c.metres + metres, times=paces.c.times + pace.times
    )  # fmt: skip
    if not connection.execute(added).rowcount:
        row = {**key._asdict(), "seconds": seconds, "metres": metres, "times": pace.times}
        connection.execute(insert(paces).values(row))
