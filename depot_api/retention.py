"""The retention run: every night, what is past its term is deleted, in small batches that intake hardly notices.

A term counts from when a fact was observed. A fact cannot be observed after it came, nor before there was Ripeur: where
the clock of a box said so, the term counts from the arrival. The depot refuses no fact for its age: one that comes past
its term is stored, and goes with the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from threading import Event
from time import sleep

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select

from depot_api.depot import Depot
from depot_api.retention_terms import PURPOSES, Purpose
from depot_api.store import Store, StoreDown, instant_of, microseconds
from depot_api.tables import (
    attempts,
    deletions,
    distilled,
    facts,
    looks,
    objections,
    paces,
    photos,
    plans,
    services,
    sessions,
    sources,
    tokens,
    tours,
    users,
)
from onboard.clock import SystemClock

log = logging.getLogger("ripeur.retention")

#: Records deleted in one commit: some 50 ms in which no fact is written.
BATCH = 2_000
#: Between two batches the writer is everybody else's.
PAUSE_S = 0.05
#: Before that no box of ours had a true clock.
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
#: Nights run in these hours of the depot's clock (UTC); a depot that slept through them runs when it wakes.
NIGHT_HOURS = range(1, 4)
LOOK_EVERY_S = 60.0

#: What is past its term in a table, given the last instant kept.
Past = Callable[[datetime], list[tuple[Table, ColumnElement[bool]]]]


#: The tables behind a purpose that are no facts.
_TABLES: Mapping[str, Past] = {
    "services": lambda kept_from: [
        (objections, objections.c.date < kept_from.date().isoformat()),
        (services, services.c.date < kept_from.date().isoformat()),
    ],
    "photos": lambda kept_from: [(photos, photos.c.received_us < microseconds(kept_from))],
    "plans": lambda kept_from: [
        (tours, tours.c.date < kept_from.date().isoformat()),
        (plans, plans.c.date < kept_from.date().isoformat()),
    ],
    "paces": lambda kept_from: [(paces, paces.c.year < kept_from.year)],
    "looks": lambda kept_from: [
        (looks, looks.c.at_us < microseconds(kept_from)),
        (deletions, deletions.c.at_us < microseconds(kept_from)),
    ],
    "sessions": lambda kept_from: [
        (sessions, sessions.c.expires_us < microseconds(kept_from)),
        (attempts, attempts.c.at_us < microseconds(kept_from)),
    ],
    "users": lambda kept_from: [
        (users, users.c.disabled_us < microseconds(kept_from)),
        (tokens, tokens.c.revoked_us < microseconds(kept_from)),
    ],
}


def kept_from(purpose: Purpose, terms: Mapping[str, int], now: datetime) -> datetime:
    """The first instant that is kept for a purpose."""
    return now - timedelta(days=terms.get(purpose.key, purpose.days))


def run(
    store: Store,
    terms: Mapping[str, int],
    now: datetime,
    *,
    dry: bool = False,
    pause: Callable[[float], None] = sleep,
) -> dict[str, int]:
    """Delete what is past its term (``dry``: only count it): records by purpose, those with none left out."""
    gone: dict[str, int] = {}
    for purpose in PURPOSES:
        parts = _fact_parts(store, purpose, kept_from(purpose, terms, now))
        if purpose.table is not None:
            parts += _TABLES[purpose.table](kept_from(purpose, terms, now))
        count = sum(_count(store, *part) if dry else _delete(store, *part, pause) for part in parts)
        if count:
            gone[purpose.key] = count
    if not dry:
        rows = [{"at_us": microseconds(now), "purpose": key, "records": count} for key, count in gone.items()]
        rows.append({"at_us": microseconds(now), "purpose": "all", "records": sum(gone.values())})
        store.write(lambda connection: connection.execute(insert(deletions), rows))
    return gone


def _fact_parts(store: Store, purpose: Purpose, since: datetime) -> list[tuple[Table, ColumnElement[bool]]]:
    """Per source (so that an index finds them): facts observed before ``since``; those of untrue clocks by arrival."""
    if not purpose.kinds:
        return []
    with store.read() as connection:
        found = connection.execute(select(sources.c.who, sources.c.kind).where(sources.c.kind.in_(purpose.kinds))).all()
    at, received, past, first = facts.c.at_us, facts.c.received_us, microseconds(since), microseconds(FIRST)
    parts: list[tuple[Table, ColumnElement[bool]]] = []
    for who, kind in found:
        of = and_(facts.c.who == who, facts.c.kind == kind)
        parts.append((facts, and_(of, at >= first, at < past, at <= received)))
        parts.append((facts, and_(of, at < first, received < past)))
        parts.append((facts, and_(of, at > received, received < past)))
    return parts


def _count(store: Store, table: Table, past: ColumnElement[bool]) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table).where(past)).scalar_one())


def _delete(store: Store, table: Table, past: ColumnElement[bool], pause: Callable[[float], None]) -> int:
    keys = list(table.primary_key.columns)
    total = 0

    def some(connection: Connection) -> int:
        if len(keys) > 1:  # small tables, whole days at a time
            return connection.execute(delete(table).where(past)).rowcount
        chosen = select(keys[0]).where(past).limit(BATCH)
        return connection.execute(delete(table).where(keys[0].in_(chosen))).rowcount

    while True:
        count = store.write(some)
        total += count
        if count < BATCH or len(keys) > 1:
            return total
        pause(PAUSE_S)


def held(store: Store) -> dict[str, datetime]:
    """The oldest record of each purpose: what shows that the terms are kept."""
    oldest: dict[str, datetime] = {}
    with store.read() as connection:
        for purpose in PURPOSES:
            found = [
                connection.execute(
                    select(func.min(facts.c.at_us)).where(facts.c.who == who, facts.c.kind == kind)
                ).scalar()
                for who, kind in connection.execute(
                    select(sources.c.who, sources.c.kind).where(sources.c.kind.in_(purpose.kinds))
                ).all()
            ]
            instants = [instant_of(us) for us in found if us is not None]
            instants += _oldest_in_table(connection, purpose.table)
            if instants:
                oldest[purpose.key] = min(instants)
    return oldest


def _oldest_in_table(connection: Connection, table: str | None) -> list[datetime]:
    columns = {
        "photos": photos.c.received_us, "looks": looks.c.at_us, "sessions": sessions.c.created_us,
        "users": users.c.disabled_us,
    }  # fmt: skip
    dates = {"services": services.c.date, "plans": plans.c.date}
    if table in columns:
        us = connection.execute(select(func.min(columns[table]))).scalar()
        return [] if us is None else [instant_of(us)]
    if table in dates:
        day = connection.execute(select(func.min(dates[table]))).scalar()
        return [] if day is None else [datetime.fromisoformat(day).replace(tzinfo=UTC)]
    return []


def last_run(store: Store) -> tuple[datetime, int] | None:
    """When the last run was, and how many records it deleted."""
    query = select(deletions).where(deletions.c.purpose == "all").order_by(deletions.c.id.desc()).limit(1)
    with store.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (instant_of(row.at_us), row.records)


# --- every night -----------------------------------------------------------------------------------------------------


def is_due(last: datetime | None, now: datetime) -> bool:
    """Whether a run is due: in the night's hours once, at any hour where a night was missed."""
    if last is None:
        return True
    since = now - last
    return since >= timedelta(hours=30) or (since >= timedelta(hours=20) and now.hour in NIGHT_HOURS)


def night(depot: Depot, now: datetime) -> dict[str, int]:
    """What a night does: distil the days whose positions will go, then delete."""
    from depot_api.distilling import distil_due  # the solver's tables: only a depot with an area loads them

    if depot.town is not None:
        distil_due(depot, now)
    gone = run(depot.store, depot.settings.terms, now)
    log.info("retention", extra={"deleted": gone})
    return gone


def every_night(depot: Depot, stop: Event) -> None:
    """Run until told to stop. A drill's clock deletes nothing: it may be years ahead of the facts."""
    if not isinstance(depot.clock, SystemClock):
        return
    while not stop.is_set():
        try:
            last = last_run(depot.store)
            now = depot.clock.now()
            if is_due(last[0] if last else None, now):
                night(depot, now)
        except StoreDown as error:
            log.warning("retention: %s", error)
        stop.wait(LOOK_EVERY_S)


def days_to_distil(store: Store, before: date) -> list[date]:
    """Days with a plan in force, before ``before``, that nobody has distilled, oldest first."""
    query = (
        select(plans.c.date)
        .distinct()
        .where(plans.c.date < before.isoformat(), plans.c.date.not_in(select(distilled.c.date)))
        .order_by(plans.c.date)
    )
    with store.read() as connection:
        return [date.fromisoformat(day) for (day,) in connection.execute(query)]
