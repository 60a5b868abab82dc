"""The time that the depot is sure of, whatever its clock shows: what retention counts back from.

A clock may be wrong by years, jump, and come right again; what is deleted by it does not come back. So the depot keeps
the last time that it is sure of, durably: a lower bound of the true time. It grows with what trucks say (their time
comes from satellites), with the monotonic clock while the depot runs, and with an administrator's word; never by the
machine's clock alone. A clock behind it is wrong, one far ahead of it is in doubt until others say so too.

Facts that came while the clock was in doubt carry a ``received`` that means nothing; once it is right again they count
as received then at the latest, so that no term is counted from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import sleep
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Update,
    and_,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from depot_api.duty import EARLIEST_CLOCK
from depot_api.store import (
    Store,
    attempts,
    audit_entries,
    deletions,
    facts,
    instant_of,
    known_time,
    microseconds,
    photos,
    refusals,
    sessions,
    sources,
    tokens,
    users,
)
from onboard.clock import Clock

#: Clocks that agree are this near to each other.
NEAR = timedelta(minutes=15)
#: The machine's clock and a server's or a file system's, which may be another machine's, are no further apart.
APART = timedelta(hours=1)
#: A clock this far ahead of all that is known is in doubt: a long weekend with the machine off is not.
FAR = timedelta(days=3)
#: Runs that follow one another carry the clock over a quiet time this long, without a fact or a person to confirm it.
QUIET = timedelta(days=45)
#: From look to look the monotonic clock proves no more: it leaps where a machine is moved or comes from a snapshot.
LONGEST_INTERVAL_S = 86_400.0
#: The known time is written down when it has grown by this much.
SAVE_EVERY = timedelta(minutes=10)
#: Facts looked through for those that came with a wrong clock, where nothing is known of before.
TAIL = 100_000
#: Facts stamped anew in one commit, and the writer's rest between two.
BATCH, PAUSE_S = 2_000, 0.05

#: Observed on trucks, whose time comes from satellites; bridges and plants have the network's, which may be wrong with
#: ours, and are believed where there is no truck.
_TRUCKS = ("position", "lift", "load", "vehicle", "outcome", "incident", "duty")
_SITES = ("weighing", "ticket", "sorting")
#: An ordinary phone's fix without a time has ours: it confirms nothing.
_OWN_TIME = facts.c.body.not_like('%"time_doubtful":true%')
#: Doubts of a clock that is behind: what it stamps seems older than it is.
_BEHIND = frozenset({"known_ahead", "senders_ahead", "files_ahead"})
#: What the depot stamps by its own clock and retention goes by.
_STAMPS: tuple[tuple[Table, Column[Any]], ...] = (
    (photos, photos.c.received_us), (audit_entries, audit_entries.c.at_us), (deletions, deletions.c.at_us),
    (refusals, refusals.c.at_us), (users, users.c.disabled_us), (tokens, tokens.c.revoked_us),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why retention refuses. ``when``: what the clock is held against; for shares: ``purpose``, ``records`` ``of``."""

    code: str
    when: datetime | None = None
    purpose: str = ""
    records: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class KnownTime:
    """The row that is kept. ``at``: None where nothing is known yet; ``confirmed``: when a person last said the time.

    ``doubted``: what the clock showed when it was first doubted since; ``behind``: whether it was behind.
    """

    at: datetime | None = None
    seq: int = 0
    doubted: datetime | None = None
    behind: bool = False
    confirmed: datetime | None = None


def read_known_time(store: Store) -> KnownTime:
    """What was last written down."""
    with store.read() as connection:
        row = connection.execute(select(known_time)).one_or_none()
    if row is None:
        return KnownTime()
    at, doubted, confirmed = (
        None if us is None else instant_of(us) for us in (row.known_us, row.doubted_us, row.said_us)
    )
    return KnownTime(at, row.seq, doubted, bool(row.behind), confirmed)


def _write_known_time(store: Store, **values: Any) -> None:
    def write(connection: Any) -> None:
        if not connection.execute(update(known_time).values(**values)).rowcount:
            connection.execute(insert(known_time).values(**({"id": 1, "seq": 0, "behind": 0} | values)))

    store.write(write)


def record_doubt(store: Store, now: datetime, doubts: Sequence[Doubt]) -> None:
    """From here on until the time is known again, nothing that is stamped ``received`` counts."""
    row, behind = read_known_time(store), any(doubt.code in _BEHIND for doubt in doubts)
    if row.doubted is None or behind > row.behind:
        _write_known_time(store, doubted_us=microseconds(now), behind=int(behind))


def no_earlier(store: Store, now: datetime) -> datetime:
    """The clock's time, or the last known where it is behind that: for what has its time from the depot alone."""
    known = read_known_time(store).at
    return now if known is None else max(now, known)


# --- what others say of the time -------------------------------------------------------------------------------------


def newest_confirmed(store: Store, now: datetime, since: datetime | None = None) -> datetime | None:
    """The newest time that a truck gave and that our clock agrees with or is ahead of; None: none after ``since``.

    A fact that came before it was observed tells of a wrong clock, its own or ours: it is no witness.
    """
    with store.read() as connection:
        for kinds in (_TRUCKS, _SITES):
            senders = connection.execute(select(sources.c.who, sources.c.kind).where(sources.c.kind.in_(kinds))).all()
            newest: int | None = None if since is None else microseconds(since)
            for who, kind in senders:
                query = (
                    select(facts.c.at_us, facts.c.received_us)
                    .where(facts.c.who == who, facts.c.kind == kind, facts.c.at_us <= microseconds(now + NEAR))
                    .where(facts.c.at_us >= microseconds(EARLIEST_CLOCK), _OWN_TIME)
                    .order_by(facts.c.at_us.desc())
                    .limit(50)
                )
                if newest is not None:
                    query = query.where(facts.c.at_us > newest)
                for at_us, received_us in connection.execute(query):
                    if received_us >= at_us - NEAR // timedelta(microseconds=1):
                        newest = at_us
                        break
            if senders:
                return None if newest is None or newest == (since and microseconds(since)) else instant_of(newest)
    return None


def newest_received(store: Store, after: int = 0) -> datetime | None:
    """What our clock showed when the fact stored last came; None: none has come after ``after``."""
    query = select(facts.c.received_us).where(facts.c.seq > after).order_by(facts.c.seq.desc()).limit(1)
    with store.read() as connection:
        us = connection.execute(query).scalar()
    return None if us is None else instant_of(us)


def senders_ahead(store: Store, now: datetime) -> datetime | None:
    """The time that trucks gave of late, where more of them are ahead of our clock than agree with it."""
    query = (
        select(facts.c.who, func.max(facts.c.at_us))
        .where(facts.c.seq > store.last_seq() - 2_000, facts.c.kind.in_(_TRUCKS), _OWN_TIME)
        .where(facts.c.received_us > microseconds(now - timedelta(days=1)))
        .group_by(facts.c.who)
    )
    with store.read() as connection:
        newest = [instant_of(us) for _, us in connection.execute(query)]
    ahead = [at for at in newest if at > now + NEAR]
    agreeing = [at for at in newest if now - timedelta(days=1) <= at <= now + NEAR]
    return max(ahead) if len(ahead) > len(agreeing) else None


def machine_doubts(store: Store) -> list[Doubt]:
    """The machine's own clock against the times of the database's files, or its server's."""
    if store.is_postgres:
        with store.read() as connection:
            server: datetime = connection.exec_driver_sql("SELECT now()").scalar_one()
        machine = datetime.fromtimestamp(time.time(), UTC)
        return [Doubt("server_apart", server.astimezone(UTC))] if abs(server - machine) > APART else []
    written, machine = store.databases.last_written_at(), datetime.fromtimestamp(time.time(), UTC)
    return [Doubt("files_ahead", written)] if written is not None and written > machine + APART else []


def clock_doubts(store: Store, now: datetime, known: datetime | None, last: datetime | None) -> list[Doubt]:
    """Why nothing is to be deleted by this clock; empty where it may. ``known``: the last known time; ``last``: run."""
    doubts = machine_doubts(store)
    if last is not None and last > now + NEAR:
        doubts.append(Doubt("last_run_ahead", last))
    if known is None:
        return doubts
    if known > now + NEAR:
        doubts.append(Doubt("known_ahead", known))
    if now - known > FAR:
        doubts.append(Doubt("far_from_known", known))
        for code, when in (("far_from_last_run", last), ("far_from_facts", newest_confirmed(store, now))):
            if when is not None and now - when > FAR:
                doubts.append(Doubt(code, when))
    return doubts


def judge_clock_once(store: Store, now: datetime, last: datetime | None) -> tuple[datetime | None, list[Doubt]]:
    """The last known time and the doubts for a program that has not watched the clock: by the newest facts alone."""
    row = read_known_time(store)
    proofs = [at for at in (row.at, newest_confirmed(store, now)) if at is not None]
    received = newest_received(store, row.seq)
    if received is not None and not proofs:
        proofs.append(min(received, now))
    known = max(proofs, default=None)
    quiet = known is not None and last is not None and now - FAR <= last <= now and now - known <= QUIET
    doubts = clock_doubts(store, now, last if quiet and known is not None else known, last)
    if received is not None and received > now + NEAR:
        doubts.append(Doubt("facts_ahead", received))
    return known, doubts


class ClockMonitor:
    """The clock, watched by a process that goes on: what is known grows with the monotonic clock from look to look."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._row: KnownTime | None = None
        self._at: datetime | None = None
        self._seq = 0
        self._updated_s = 0.0

    def update(self, now: datetime) -> datetime | None:
        """The time that is sure by now; None where nothing tells of it."""
        row, now_s = read_known_time(self._store), self._clock.monotonic_s()
        if self._at is not None:
            self._at += timedelta(seconds=min(now_s - self._updated_s, LONGEST_INTERVAL_S))
        self._updated_s = now_s
        if self._row is None or row.confirmed != self._row.confirmed or self._at is None:
            self._at = row.at
        elif row.at is not None:
            self._at = max(self._at, row.at)  # another process on the same database may know more
        self._seq = max(self._seq, row.seq)
        self._row = row
        seen = newest_confirmed(self._store, now, self._at)
        if seen is not None:
            self._at = min(now, seen) if self._at is None else max(self._at, min(now, seen))
        return self._at

    def confirm(self, now: datetime) -> None:
        """The clock is right: stamp anew what came while it was not, and go on from here."""
        assert self._row is not None
        last_seq = self._store.last_seq()
        restamp_received(self._store, now, self._row, self._seq)
        self._seq = last_seq
        if self._row.doubted is not None or _grown(self._row.at, self._at):
            save_known_time(self._store, self._at, last_seq)


def _grown(kept_at: datetime | None, at: datetime | None) -> bool:
    return at is not None and (kept_at is None or at - kept_at >= SAVE_EVERY)


def save_known_time(store: Store, at: datetime | None, seq: int, confirmed: datetime | None = None) -> None:
    """Write down the time that is sure, and that everything up to ``seq`` is stamped by a right clock.

    ``confirmed``: a person has just said so.
    """
    by_a_person = {} if confirmed is None else {"said_us": microseconds(confirmed)}
    known_us = None if at is None else microseconds(at)
    _write_known_time(store, known_us=known_us, seq=seq, doubted_us=None, behind=0, **by_a_person)


# --- what came while the clock was wrong -----------------------------------------------------------------------------


def restamp_received(
    store: Store, now: datetime, row: KnownTime, seq: int, pause: Callable[[float], None] = sleep
) -> None:
    """Stamp anew what was received since ``seq`` by a wrong clock; ``now`` is right.

    In the future: received now. Before the time that was known when it came, or in a doubted time and before it was
    observed: received when it was observed, now at the latest. So, too, what a new depot got before anybody agreed with
    its clock.
    """
    after = seq if row.at is not None or row.doubted is not None else max(seq, store.last_seq() - TAIL)
    at, received, now_us, near_us = facts.c.at_us, facts.c.received_us, microseconds(now), NEAR // _MICROSECOND
    in_time = case((and_(at >= microseconds(EARLIEST_CLOCK), at < now_us), at), else_=now_us)
    _stamp_anew(store, after, received > now_us + near_us, now_us, pause)
    if row.doubted is not None:
        _stamp_anew(store, after, (at > received + near_us) | (at < microseconds(EARLIEST_CLOCK)), in_time, pause)
        _restamp_tables(store, now, row)
        return
    tail = select(facts.c.seq, at, received, func.max(received).over(order_by=facts.c.seq).label("known_us")).where(
        facts.c.seq > after
    )
    of = tail.subquery()
    back = select(of.c.seq).where(of.c.received_us < of.c.known_us - near_us, of.c.at_us > of.c.received_us + near_us)
    if row.at is None:
        early = and_(facts.c.seq < _agreed_first(store, after), at < now_us)
    else:
        early = received < microseconds(row.at) - near_us
    before = and_(early, at > received + near_us)
    _stamp_anew(store, after, before | facts.c.seq.in_(back), in_time, pause)


_MICROSECOND = timedelta(microseconds=1)


def _agreed_first(store: Store, after: int) -> int:
    """The number of the first fact since then whose sender agreed with our clock; behind the last where none did."""
    apart_us, near_us = facts.c.at_us - facts.c.received_us, NEAR // _MICROSECOND
    query = select(func.min(facts.c.seq)).where(facts.c.seq > after, apart_us.between(-near_us, near_us))
    with store.read() as connection:
        seq = connection.execute(query).scalar()
    return store.last_seq() + 1 if seq is None else int(seq)


def _stamp_anew(
    store: Store, after: int, which: ColumnElement[bool], value: Any, pause: Callable[[float], None]
) -> None:
    with store.read() as connection:
        rows = connection.execute(select(facts.c.seq).where(facts.c.seq > after, which).order_by(facts.c.seq))
        seqs: Sequence[int] = rows.scalars().all()
    for start in range(0, len(seqs), BATCH):
        some = seqs[start : start + BATCH]
        anew: Update = (
            update(facts).where(facts.c.seq >= some[0], facts.c.seq <= some[-1], facts.c.seq.in_(some)).values(
                received_us=value
            )
        )  # fmt: skip
        store.write(partial(Connection.execute, statement=anew))
        if start:
            pause(PAUSE_S)


def _restamp_tables(store: Store, now: datetime, row: KnownTime) -> None:
    """What the depot stamped itself: in the future, or since the last known time by a clock that was behind: now.

    The log of runs stays as it is; no login stays from the future.
    """
    now_us, ahead_us = microseconds(now), microseconds(now + NEAR)

    def write(connection: Any) -> None:
        for table, column in _STAMPS:
            wrong = column > ahead_us
            if row.behind and table not in (deletions, refusals):
                wrong = wrong | and_(column >= (0 if row.at is None else microseconds(row.at)), column < now_us)
            connection.execute(update(table).where(wrong).values({column: now_us}))
        connection.execute(delete(sessions).where(sessions.c.created_us > ahead_us))
        connection.execute(delete(attempts).where(attempts.c.at_us > ahead_us))

    store.write(write)
