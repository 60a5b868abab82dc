"""The roster: what the store knows of a truck's service, for whoever reads positions out of it or takes them in.

Words of duty and the tours of every version of the plans are looked up by index, for one truck and a few days at a
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

from depot_api.duty.day_plan import DayPlan, Turn
from depot_api.duty.spans import (
    EVER,
    FIRST,
    FUTURE_US,
    MOST_WORDS,
    NEVER,
    PLACED,
    REACH,
    SENSED,
    OnDuty,
    Planned,
    Said,
    on_duty,
    said_at,
)
from depot_api.store import Store, StoredFact, facts, instant_of, microseconds, plans, tours
from fleet import instant_text, utc_instant

#: What a roster reads at once: for the fixes of now a day, for files of months a fortnight.
DAY, FORTNIGHT = timedelta(days=1), timedelta(days=14)
#: A fact's place, to be left out of what a crew says off duty.
_PLACE = ("lat_deg", "lon_deg", "eph_m")


def planned_of(versions: Iterable[DayPlan]) -> dict[str, list[Planned]]:
    """Each truck's tours in all versions of one day's plan, oldest first: each bounds while it is in force."""
    found: dict[str, list[Planned]] = {}
    own = list(versions)
    for version, (since, until) in zip(own, _in_force([v.published_at for v in own]), strict=True):
        for tour in version.plan.tours:
            breaks = tuple((leg.start_at, leg.end_at) for leg in tour.legs if leg.kind == "break")
            planned = Planned(version.plan.date, tour.start_at, tour.end_at, breaks, since, until)
            found.setdefault(tour.truck, []).append(planned)
    return found


def _in_force(published: list[datetime]) -> list[tuple[datetime, datetime]]:
    """From when until when each version is in force; the first from ever, for what came before it was published."""
    return list(pairwise([EVER, *published[1:], NEVER]))


@dataclass(frozen=True, slots=True)
class KnownDuty:
    """What is known of a truck's service around some time. ``days``: local ones with a plan in force, or a word."""

    on_duty: OnDuty
    tours: OnDuty
    days: frozenset[date]
    zone: tzinfo

    def speaks_of(self, at: datetime) -> bool:
        """Whether there is a plan of the instant's local day, a tour at it or a word on that day."""
        return at.astimezone(self.zone).date() in self.days or at in self.tours


def known_of(store: Store, truck: str, since: datetime, until: datetime, zone: tzinfo = UTC) -> KnownDuty:
    """What the store knows of a truck between two instants, with what bears upon them. ``zone``: of its days."""
    low, high = since - REACH, until + REACH
    with store.read() as connection:
        said = words_of(connection, truck, low, high)
        planned_days, planned = _planned(connection, truck, low.date(), high.date())
    days = planned_days | {word.at.astimezone(zone).date() for word in said}
    tours = OnDuty((tour.start_at, tour.end_at) for tour in planned)
    return KnownDuty(on_duty(said, planned), tours, days, zone)


def words_of(connection: Connection, truck: str, since: datetime, until: datetime) -> set[Said]:
    """Words said between two instants; those of a clock that cannot have been true count from when they came.

    Of a truck with more than ``MOST_WORDS``, as many as show that it is one.
    """
    low, high = microseconds(since), microseconds(until)
    at, came = facts.c.at_us, facts.c.received_us
    is_true = and_(at >= microseconds(FIRST), at <= came + FUTURE_US)  # as ``said_at`` judges, where the rows are
    words = (
        select(case((is_true, at), else_=came), _state(connection))
        .where(facts.c.who == truck, facts.c.kind == "duty")
        .distinct()
        .limit(MOST_WORDS + 1)  # said a thousand times it is one word
    )
    found: set[Said] = set()
    for query in (
        words.where(at >= low, at < high),
        words.where(at > came, came >= low, came < high),
        words.where(at < microseconds(FIRST), came >= low, came < high),
    ):
        found |= {Said(instant_of(said_us), state) for said_us, state in connection.execute(query)}
        if len(found) > MOST_WORDS:
            break
    return found


def _state(connection: Connection) -> ColumnElement[str]:
    """The word itself, read by the database."""
    state: ColumnElement[str] = (
        cast(facts.c.body, JSON)["state"].astext
        if connection.dialect.name == "postgresql"
        else func.json_extract(facts.c.body, "$.state")
    )
    return state


def word_of(at_us: int, received_us: int, body: str) -> Said:
    """A duty fact as a word and when it was said."""
    return Said(said_at(instant_of(at_us), instant_of(received_us)), orjson.loads(body)["state"])


def _planned(connection: Connection, truck: str, first: date, last: date) -> tuple[frozenset[date], list[Planned]]:
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
    found = []
    for tour in connection.execute(own_tours):
        legs = orjson.loads(tour.body)["legs"]
        breaks = tuple(
            (utc_instant(leg["start_at"]), utc_instant(leg["end_at"])) for leg in legs if leg["kind"] == "break"
        )
        since, until = in_force.get((tour.date, tour.version), (EVER, NEVER))
        day, start_at, end_at = date.fromisoformat(tour.date), instant_of(tour.start_us), instant_of(tour.end_us)
        found.append(Planned(day, start_at, end_at, breaks, since, until))
    return frozenset(map(date.fromisoformat, published)), found


class Roster:
    """Answers for many instants, a truck's ``stretch`` read at once. For one piece of work: it sees no later news."""

    def __init__(self, store: Store, stretch: timedelta = FORTNIGHT, zone: tzinfo = UTC) -> None:
        self._store, self._stretch, self._zone = store, stretch, zone
        self._known: dict[tuple[str, int], KnownDuty] = {}

    @property
    def stretches(self) -> int:
        """How many trucks' stretches have been looked up."""
        return len(self._known)

    def known(self, truck: str, at: datetime) -> KnownDuty:
        """What is known of a truck around an instant."""
        number = (at - EVER) // self._stretch
        known = self._known.get((truck, number))
        if known is None:
            begin = EVER + number * self._stretch
            known = known_of(self._store, truck, begin, begin + self._stretch, self._zone)
            self._known[truck, number] = known
        return known

    def why_not_stored(self, truck: str, at: datetime) -> str | None:
        """Why a position that no box cut is not stored; None where it is. What nothing is known of is stored."""
        known = self.known(truck, at)
        if at in known.on_duty or not known.speaks_of(at):
            return None
        return f"position: at = {instant_text(at)}, must be on duty (service or tour, outside breaks): not stored"

    def given_out(self, row: StoredFact) -> str | None:
        """A fact's body as it may be given out: off duty nothing that sensors saw, and no place of what a crew said."""
        if row.kind not in SENSED | PLACED:
            return row.body
        if row.at_us <= row.received_us + FUTURE_US and row.at in self.known(row.who, row.at).on_duty:
            return row.body
        if row.kind in SENSED:
            return None
        return orjson.dumps({name: value for name, value in row.json().items() if name not in _PLACE}).decode()


def is_usable(row: StoredFact, duty: OnDuty) -> bool:
    """Whether a fact may be used: by a clock that can be true, and on duty where sensors saw it."""
    return row.at_us <= row.received_us + FUTURE_US and (row.kind not in SENSED or row.at in duty)


def rows_of_turn(store: Store, kind: str, turn: Turn) -> Iterator[StoredFact]:
    """What a tour's truck reported of a kind; what sensors saw off duty is left out, as everywhere."""
    duty = known_of(store, turn.tour.truck, turn.since, turn.until).on_duty
    rows = store.facts(kind, turn.tour.truck, turn.since, turn.until)
    return (row for row in rows if is_usable(row, duty))
