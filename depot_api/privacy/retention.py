"""The retention run: every night, what is past its term is deleted, in small batches that intake hardly notices.

A term counts from when a fact was observed. A fact cannot be observed after it came, nor before there was Ripeur: where
the clock of a box said so, the term counts from the arrival. The depot refuses no fact for its age: one that comes past
its term is stored, and goes with the next run.

The depot's own clock may be wrong as well: a run is refused then (``known_time/clock.py`` judges, ``refusals.py``
tells), and one that would take an unusual share of what is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import sleep

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, true

from depot_api.duty import EARLIEST_CLOCK
from depot_api.known_time import (
    FAR,
    RUN,
    Doubt,
    clock_doubts,
    end_refusal,
    judge_clock_once,
    read_known_time,
    record_doubt,
    record_refusal,
    refused_run,
    restamp_received,
    save_known_time,
)
from depot_api.settings import PURPOSES, Purpose
from depot_api.store import (
    Store,
    attempts,
    audit_entries,
    deletions,
    facts,
    instant_of,
    microseconds,
    objections,
    paces,
    photos,
    plans,
    refusals,
    services,
    sessions,
    sources,
    tokens,
    tours,
    users,
)

log = logging.getLogger("ripeur.retention")

#: Records deleted in one commit: some 50 ms in which no fact is written.
BATCH = 2_000
#: Between two batches the writer is everybody else's.
PAUSE_S = 0.05
#: No more of a purpose than this goes in one run without a person's word; of what should have gone before, than that.
MOST, MOST_LATE = 0.6, 0.25
#: So few records are no share of anything, and what is kept for so few days goes whole after a quiet weekend.
FEW, SHORT_TERM_DAYS = 20, 7

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
        (audit_entries, audit_entries.c.at_us < microseconds(kept_from)),
        (deletions, deletions.c.at_us < microseconds(kept_from)),
        (refusals, refusals.c.ended_us < microseconds(kept_from)),
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


def run_retention(
    store: Store,
    terms: Mapping[str, int],
    now: datetime,
    *,
    dry: bool = False,
    pause: Callable[[float], None] = sleep,
    known: datetime | None = None,
    sure: bool = False,
) -> dict[str, int]:
    """Delete what is past its term (``dry``: only count it): records by purpose, those with none left out.

    Nothing goes, and the refusal is written down (``refusals.refused_run``), where the clock is in doubt or an unusual
    share would go. ``known``: the time that a ``ClockMonitor`` is sure of, which terms are counted back from; ``sure``:
    a person says that the clock is right. What asks for a person's yes is counted but never deleted here
    (``delete_agreed``).
    """
    if dry:
        return count_expired(store, terms, now)
    proven, doubts = judge_clock(store, now, known)
    if doubts and not sure:
        record_doubt(store, now, doubts)
        refusal = refused_run(store)
        record_refusal(store, doubts if refusal is None else doubts + refusal.shares, now)
        return {}
    row = read_known_time(store)
    seq = store.last_seq()
    restamp_received(store, now, row, row.seq, pause)
    back_from = now if known is None or sure else min(now, known)
    shares = [] if sure else unusual_shares(store, terms, back_from)
    save_known_time(store, now if sure else proven, seq, confirmed=now if sure else None)
    if shares:
        record_refusal(store, shares, now)
        return {}
    gone: dict[str, int] = {}
    for purpose in PURPOSES:
        if purpose.asks:
            _ask(store, purpose, terms, back_from, now)
        elif count := sum(_delete(store, *part, pause) for part in _parts(store, purpose, terms, back_from)):
            gone[purpose.key] = count
    at_us = microseconds(back_from)
    rows = [{"at_us": at_us, "purpose": key, "records": count} for key, count in gone.items()]
    rows.append({"at_us": at_us, "purpose": "all", "records": sum(gone.values())})
    store.write(lambda connection: connection.execute(insert(deletions), rows))
    end_refusal(store, RUN, "lifted", now)
    return gone


def judge_clock(store: Store, now: datetime, known: datetime | None) -> tuple[datetime | None, list[Doubt]]:
    """The last known time and the doubts of the clock: a watch's where there is one, else by the newest facts."""
    last = last_run_at(store)
    return (known, clock_doubts(store, now, known, last)) if known else judge_clock_once(store, now, last)


def last_run_at(store: Store) -> datetime | None:
    """When the last run was."""
    last = last_run(store)
    return None if last is None else last[0]


def run_doubts(store: Store, terms: Mapping[str, int], now: datetime) -> list[Doubt]:
    """What a run would be refused for now."""
    return judge_clock(store, now, None)[1] or unusual_shares(store, terms, now)


def count_expired(
    store: Store, terms: Mapping[str, int], now: datetime, of: Iterable[Purpose] = PURPOSES, most: int | None = None
) -> dict[str, int]:
    """What is past its term, by purpose; counted no further than ``most``."""
    counts = {purpose.key: _count_parts(store, _parts(store, purpose, terms, now), most) for purpose in of}
    return {key: count for key, count in counts.items() if count}


def count_to_delete(store: Store, terms: Mapping[str, int], now: datetime, most: int) -> dict[str, int]:
    """What a run would delete now: without what asks for a yes."""
    return count_expired(store, terms, now, (purpose for purpose in PURPOSES if not purpose.asks), most)


def _count_parts(store: Store, parts: Sequence[tuple[Table, ColumnElement[bool]]], most: int | None = None) -> int:
    count = 0
    for table, which in parts:
        if most is not None and count >= most:
            break
        some = select(true()).select_from(table).where(which).limit(None if most is None else most - count).subquery()
        with store.read() as connection:
            count += int(connection.execute(select(func.count()).select_from(some)).scalar_one())
    return count


def _parts(
    store: Store, purpose: Purpose, terms: Mapping[str, int], now: datetime
) -> list[tuple[Table, ColumnElement[bool]]]:
    since = kept_from(purpose, terms, now)
    parts = _fact_parts(store, purpose, since)
    return parts + (_TABLES[purpose.table](since) if purpose.table is not None else [])


# --- a person's yes ---------------------------------------------------------------------------------------------------


def _ask(store: Store, purpose: Purpose, terms: Mapping[str, int], back_from: datetime, now: datetime) -> None:
    """Write down what waits for an administrator's yes; or that nothing waits any more."""
    count = _count_parts(store, _parts(store, purpose, terms, back_from))
    if count:
        record_refusal(
            store, [Doubt("asks", kept_from(purpose, terms, back_from), purpose.key, count)], now, purpose.key
        )
    else:
        end_refusal(store, purpose.key, "lifted", now)


def waiting_for_yes(store: Store, asked: Doubt) -> tuple[int, datetime, datetime] | None:
    """What waits for a yes: how many records, observed from when until when."""
    assert asked.when is not None
    purpose = next(p for p in PURPOSES if p.key == asked.purpose)
    count, oldest, newest = 0, list[int](), list[int]()
    with store.read() as connection:
        for table, past in _fact_parts(store, purpose, asked.when):
            query = select(func.count(), func.min(table.c.at_us), func.max(table.c.at_us)).where(past)
            n, first, last = connection.execute(query).one()
            if n:
                count, oldest, newest = count + n, [*oldest, first], [*newest, last]
    return (count, instant_of(min(oldest)), instant_of(max(newest))) if count else None


def delete_agreed(
    store: Store, asked: Doubt, who: str, now: datetime, pause: Callable[[float], None] = sleep
) -> dict[str, int]:
    """Delete what an administrator has seen and said yes to, nothing newer; how many records of the purpose went."""
    assert asked.when is not None
    purpose = next(p for p in PURPOSES if p.key == asked.purpose)
    count = sum(_delete(store, *part, pause) for part in _fact_parts(store, purpose, asked.when))
    row = {"at_us": microseconds(now), "purpose": purpose.key, "records": count}
    store.write(lambda connection: connection.execute(insert(deletions).values(row)))
    end_refusal(store, purpose.key, "yes", now, who)
    return {purpose.key: count}


# --- unusual shares ---------------------------------------------------------------------------------------------------


def unusual_shares(store: Store, terms: Mapping[str, int], now: datetime) -> list[Doubt]:
    """Purposes of which more would go than a night's: more than ``MOST`` in any case, or more than ``MOST_LATE`` of
    what should have gone with an earlier run. Few records, and terms of some days, are no share of anything. What was
    refused before is so until a person decides or less would go: time alone, and what comes in, make it no more usual.
    """
    last, refusal = last_run_at(store), refused_run(store)
    asked = {} if refusal is None else {doubt.purpose: doubt.records for doubt in refusal.shares}
    since_last = None if last is None or last > now else now - last
    doubts, gone, held_all = [], 0, 0
    for purpose in PURPOSES:
        if purpose.asks or terms.get(purpose.key, purpose.days) <= SHORT_TERM_DAYS:
            continue
        past = _count_parts(store, _parts(store, purpose, terms, now))
        held = _held_up_to(store, purpose, past * 5)
        gone, held_all = gone + past, held_all + held
        late = past
        if since_last is not None:  # what came due since then goes by rights
            before = now - since_last - timedelta(days=1)
            regular = past <= FEW or since_last > FAR
            late = 0 if regular else _count_parts(store, _parts(store, purpose, terms, before))
        unusual = (past > FEW and past > MOST * held) or (late > FEW and late > MOST_LATE * held)
        if unusual or past >= asked.get(purpose.key, past + 1):
            doubts.append(Doubt("share", None, purpose.key, past, held))
    if not doubts and ((gone > FEW and gone > MOST * held_all) or gone >= asked.get("all", gone + 1)):
        doubts.append(Doubt("share", None, "all", gone, held_all))
    return doubts


def _held_up_to(store: Store, purpose: Purpose, enough: int) -> int:
    """How many records of a purpose there are; counted no further than ``enough``."""
    everything = _fact_parts(store, purpose, None)
    if purpose.table is not None:
        everything += [(table, true()) for table, _ in _TABLES[purpose.table](EARLIEST_CLOCK)]
    return _count_parts(store, everything, enough)


def _fact_parts(store: Store, purpose: Purpose, since: datetime | None) -> list[tuple[Table, ColumnElement[bool]]]:
    """Per source (so that an index finds them): facts observed before ``since``; those of untrue clocks by arrival.

    None: all of them.
    """
    if not purpose.kinds:
        return []
    with store.read() as connection:
        senders = connection.execute(
            select(sources.c.who, sources.c.kind).where(sources.c.kind.in_(purpose.kinds))
        ).all()
    if since is None:
        return [(facts, and_(facts.c.who == who, facts.c.kind == kind)) for who, kind in senders]
    at, received, past, first = facts.c.at_us, facts.c.received_us, microseconds(since), microseconds(EARLIEST_CLOCK)
    parts: list[tuple[Table, ColumnElement[bool]]] = []
    for who, kind in senders:
        of = and_(facts.c.who == who, facts.c.kind == kind)
        parts.append((facts, and_(of, at >= first, at < past, at <= received)))
        parts.append((facts, and_(of, at < first, received < past)))
        parts.append((facts, and_(of, at > received, received < past)))
    return parts


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


def oldest_records(store: Store) -> dict[str, datetime]:
    """The oldest record of each purpose: what shows that the terms are kept."""
    oldest: dict[str, datetime] = {}
    with store.read() as connection:
        for purpose in PURPOSES:
            oldest_us = [
                connection.execute(
                    select(func.min(facts.c.at_us)).where(facts.c.who == who, facts.c.kind == kind)
                ).scalar()
                for who, kind in connection.execute(
                    select(sources.c.who, sources.c.kind).where(sources.c.kind.in_(purpose.kinds))
                ).all()
            ]
            instants = [instant_of(us) for us in oldest_us if us is not None]
            instants += _oldest_in_table(connection, purpose.table)
            if instants:
                oldest[purpose.key] = min(instants)
    return oldest


def _oldest_in_table(connection: Connection, table: str | None) -> list[datetime]:
    columns = {
        "photos": photos.c.received_us, "looks": audit_entries.c.at_us, "sessions": sessions.c.created_us,
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
