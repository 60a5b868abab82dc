"""The roster: what the store knows of a truck's service, for whoever reads positions out of it or takes them in.

Changes of duty and the tours of every version of the plans are looked up by index, for one truck and a few days at a
time; ``spans.py`` decides. The live state keeps the same in memory and asks the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

import orjson
from sqlalchemy import ColumnElement, Connection, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSON

from depot_api.duty.day_plan import DayPlan, TourWindow
from depot_api.duty.spans import (
    EARLIEST_CLOCK,
    EVER,
    MOST_AHEAD_US,
    MOST_DUTY_REPORTS,
    NEVER,
    PLACED,
    REACH,
    SENSED,
    DutyReport,
    DutySpans,
    PlannedService,
    duty_spans,
    report_time,
)
from depot_api.store import Store, StoredFact, facts, instant_of, microseconds, plans, tours
from fleet import instant_text, utc_instant

#: What a roster reads at once: for the fixes of now a day, for files of months a fortnight.
DAY, FORTNIGHT = timedelta(days=1), timedelta(days=14)
#: A fact's place, to be left out of what a crew says off duty.
_PLACE = ("lat_deg", "lon_deg", "eph_m")


def planned_services(versions: Iterable[DayPlan]) -> dict[str, list[PlannedService]]:
    """Each truck's tours in all versions of one day's plan, oldest first: each bounds while it is in force."""
    by_truck: dict[str, list[PlannedService]] = {}
    own = list(versions)
    for version, (since, until) in zip(own, _in_force([v.published_at for v in own]), strict=True):
        for tour in version.plan.tours:
            breaks = tuple((leg.start_at, leg.end_at) for leg in tour.legs if leg.kind == "break")
            planned = PlannedService(version.plan.date, tour.start_at, tour.end_at, breaks, since, until)
            by_truck.setdefault(tour.truck, []).append(planned)
    return by_truck


def _in_force(published: list[datetime]) -> list[tuple[datetime, datetime]]:
    """From when until when each version is in force; the first from ever, for what came before it was published."""
    return list(pairwise([EVER, *published[1:], NEVER]))


@dataclass(frozen=True, slots=True)
class KnownDuty:
    """What is known of a truck's service around some time. ``days``: local ones with a plan in force, or a change."""

    spans: DutySpans
    tours: DutySpans
    days: frozenset[date]
    zone: tzinfo

    def covers(self, at: datetime) -> bool:
        """Whether there is a plan of the instant's local day, a tour at it or a change of duty on that day."""
        return at.astimezone(self.zone).date() in self.days or at in self.tours


def known_duty(store: Store, truck: str, since: datetime, until: datetime, zone: tzinfo = UTC) -> KnownDuty:
    """What the store knows of a truck between two instants, with what bears upon them. ``zone``: of its days."""
    low, high = since - REACH, until + REACH
    with store.read() as connection:
        reports = duty_reports(connection, truck, low, high)
        planned_days, planned = _planned(connection, truck, low.date(), high.date())
    days = planned_days | {report.at.astimezone(zone).date() for report in reports}
    tours = DutySpans((tour.start_at, tour.end_at) for tour in planned)
    return KnownDuty(duty_spans(reports, planned), tours, days, zone)


def duty_reports(connection: Connection, truck: str, since: datetime, until: datetime) -> set[DutyReport]:
    """Changes reported between two instants; those of a clock that cannot have been true count from their arrival.

    Of a truck with more than ``MOST_DUTY_REPORTS``, as many as show that it is one.
    """
    low, high = microseconds(since), microseconds(until)
    at, came = facts.c.at_us, facts.c.received_us
    # as ``report_time`` judges, where the rows are
    is_true = and_(at >= microseconds(EARLIEST_CLOCK), at <= came + MOST_AHEAD_US)
    of_truck = (
        select(case((is_true, at), else_=came), _state(connection))
        .where(facts.c.who == truck, facts.c.kind == "duty")
        .distinct()
        .limit(MOST_DUTY_REPORTS + 1)  # reported a thousand times it is one change
    )
    reports: set[DutyReport] = set()
    for query in (
        of_truck.where(at >= low, at < high),
        of_truck.where(at > came, came >= low, came < high),
        of_truck.where(at < microseconds(EARLIEST_CLOCK), came >= low, came < high),
    ):
        reports |= {DutyReport(instant_of(said_us), state) for said_us, state in connection.execute(query)}
        if len(reports) > MOST_DUTY_REPORTS:
            break
    return reports


def _state(connection: Connection) -> ColumnElement[str]:
    """The state itself, read by the database."""
    state: ColumnElement[str] = (
        cast(facts.c.body, JSON)["state"].astext
        if connection.dialect.name == "postgresql"
        else func.json_extract(facts.c.body, "$.state")
    )
    return state


def duty_report_of(at_us: int, received_us: int, body: str) -> DutyReport:
    """A duty fact as a change of state, and when it was."""
    return DutyReport(report_time(instant_of(at_us), instant_of(received_us)), orjson.loads(body)["state"])


def _planned(
    connection: Connection, truck: str, first: date, last: date
) -> tuple[frozenset[date], list[PlannedService]]:
    """The days with a plan, and the truck's tours in every version."""
    between = (plans.c.date >= first.isoformat(), plans.c.date <= last.isoformat())
    rows = connection.execute(
        select(plans.c.date, plans.c.version, plans.c.published_us)
        .where(*between)
        .order_by(plans.c.date, plans.c.version)
    ).all()
    if not rows:
        return frozenset(), []
    published: dict[str, list[tuple[int, datetime]]] = {}
    for row in rows:
        published.setdefault(row.date, []).append((row.version, instant_of(row.published_us)))
    in_force = {
        (day, version): span
        for day, own in published.items()
        for (version, _), span in zip(own, _in_force([at for _, at in own]), strict=True)
    }
    own_tours = select(tours.c.date, tours.c.version, tours.c.start_us, tours.c.end_us, tours.c.body).where(
        tours.c.date >= first.isoformat(), tours.c.date <= last.isoformat(), tours.c.truck == truck
    )
    services = []
    for tour in connection.execute(own_tours):
        legs = orjson.loads(tour.body)["legs"]
        breaks = tuple(
            (utc_instant(leg["start_at"]), utc_instant(leg["end_at"])) for leg in legs if leg["kind"] == "break"
        )
        since, until = in_force.get((tour.date, tour.version), (EVER, NEVER))
        day, start_at, end_at = date.fromisoformat(tour.date), instant_of(tour.start_us), instant_of(tour.end_us)
        services.append(PlannedService(day, start_at, end_at, breaks, since, until))
    return frozenset(map(date.fromisoformat, published)), services


class Roster:
    """Answers for many instants, a truck's ``stretch`` read at once. For one piece of work: it sees no later news."""

    def __init__(self, store: Store, stretch: timedelta = FORTNIGHT, zone: tzinfo = UTC) -> None:
        self._store, self._stretch, self._zone = store, stretch, zone
        self._known: dict[tuple[str, int], KnownDuty] = {}

    @property
    def stretches(self) -> int:
        """How many trucks' stretches have been looked up."""
        return len(self._known)

    def duty_at(self, truck: str, at: datetime) -> KnownDuty:
        """What is known of a truck around an instant."""
        number = (at - EVER) // self._stretch
        known = self._known.get((truck, number))
        if known is None:
            begin = EVER + number * self._stretch
            known = known_duty(self._store, truck, begin, begin + self._stretch, self._zone)
            self._known[truck, number] = known
        return known

    def why_not_stored(self, truck: str, at: datetime) -> str | None:
        """Why a position that no box cut is not stored; None where it is. What nothing is known of is stored."""
        known = self.duty_at(truck, at)
        if at in known.spans or not known.covers(at):
            return None
        return f"position: at = {instant_text(at)}, must be on duty (service or tour, outside breaks): not stored"

    def releasable_body(self, row: StoredFact) -> str | None:
        """A fact's body as it may be given out: off duty nothing that sensors saw, and no place of what a crew said."""
        if row.kind not in SENSED | PLACED:
            return row.body
        if row.at_us <= row.received_us + MOST_AHEAD_US and row.at in self.duty_at(row.who, row.at).spans:
            return row.body
        if row.kind in SENSED:
            return None
        return orjson.dumps({name: value for name, value in row.json().items() if name not in _PLACE}).decode()


def is_usable(row: StoredFact, duty: DutySpans) -> bool:
    """Whether a fact may be used: by a clock that can be true, and on duty where sensors saw it."""
    return row.at_us <= row.received_us + MOST_AHEAD_US and (row.kind not in SENSED or row.at in duty)


def facts_in_window(store: Store, kind: str, window: TourWindow) -> Iterator[StoredFact]:
    """What a tour's truck reported of a kind; what sensors saw off duty is left out, as everywhere."""
    duty = known_duty(store, window.tour.truck, window.since, window.until).spans
    rows = store.facts(kind, window.tour.truck, window.since, window.until)
    return (row for row in rows if is_usable(row, duty))
