"""The depot's memory: SQLite (the default) or PostgreSQL, one writer thread, everything durable before it is said.

Whatever is written goes through one thread: facts that arrive while it commits wait together and share the next
commit (group commit), small batches before large ones, so that a live fix never waits behind a truck's backlog.
``add`` and ``write`` return when the disk has it, or raise ``StoreDown``: then nothing is known to be stored, and
sending again is safe, since a known id is not stored twice and the first content stays.

Readers follow ``seq`` with ``after``: no row ever becomes visible behind one that was already seen. SQLite has one
writer at a time; on PostgreSQL every writer holds an advisory lock until its commit is visible.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import orjson
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree

from depot_api.store.databases import Databases, StoreDown, StoreFull, is_down, opened, store_down_of
from depot_api.store.tables import facts, sources
from fleet import Fact, fact_from_json
from onboard.worker import Worker

__all__ = ["NewFact", "Store", "StoreDown", "StoreFull", "StoredFact", "instant_of", "microseconds"]

T = TypeVar("T")

#: Rows in one commit: some 0.2 s of writing, the longest that a live fix waits for its turn.
GROUP_ROWS = 10_000
#: A batch of no more rows is live: it goes before backlogs.
LIVE_ROWS = 500
#: Rows that may wait for the writer (some 200 MB); more are turned away until it has caught up.
MOST_WAITING_ROWS = 400_000
#: How long a piece of writing may wait for its turn before whoever asked is told to come again.
PATIENCE_S = 60.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """An aware instant as the tables keep it."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(us: int) -> datetime:
    """The aware UTC instant of a table's ``…_us``."""
    return _EPOCH + timedelta(microseconds=us)


class NewFact(NamedTuple):
    """A judged fact on its way into the store. ``id``: the UUID's 16 bytes; ``body``: its JSON."""

    id: bytes
    kind: str
    who: str
    at_us: int
    received_us: int
    body: str


class StoredFact(NamedTuple):
    """A fact as the store has it: ``who`` is its truck or site, ``received_us`` the depot's clock when it came."""

    seq: int
    id: bytes
    kind: str
    who: str
    at_us: int
    received_us: int
    body: str

    @property
    def at(self) -> datetime:
        return instant_of(self.at_us)

    def json(self) -> dict[str, Any]:
        """The wire form, as it was sent (fields that its kind does not know left out)."""
        return dict(orjson.loads(self.body))

    def fact(self) -> Fact:
        return fact_from_json(orjson.loads(self.body))


def new_fact(fact: Fact, received_at: datetime) -> NewFact:
    """A fact made at the depot itself (a planner's message, an ordinary phone's position), ready for ``Store.add``."""
    return NewFact(
        bytes.fromhex(fact.id.replace("-", "")), fact.kind, fact.who or "", microseconds(fact.at),
        microseconds(received_at), orjson.dumps(fact.to_json()).decode(),
    )  # fmt: skip


@dataclass(slots=True)
class _Job:
    """Rows to add, or another piece of writing (``task``), and who waits for it."""

    rows: Sequence[NewFact]
    task: Callable[[Connection], Any] | None
    done: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why the last writing failed. ``of_facts``: facts, which are larger than what else is written: a disk that is full
    for them may take that all the same, which is no sign that they can be stored again."""

    why: str
    of_facts: bool
    at_s: float

    def may_end(self, now_s: float) -> bool:
        """Whether another piece of writing that worked ends it: whoever has facts comes again within a minute."""
        return not self.of_facts or now_s - self.at_s > PATIENCE_S


class _Group:
    """Batches of facts that share a commit."""

    def __init__(self, store: Store, jobs: list[_Job]) -> None:
        self._store = store
        self._rows = jobs[0].rows if len(jobs) == 1 else [row for job in jobs for row in job.rows]
        self._sources = {(row[2], row[1]) for row in self._rows} - store.known_sources
        self._new = 0

    def __call__(self, connection: Connection) -> None:
        if self._rows:
            self._new = self._store.databases.insert_facts(connection, self._rows)
        if self._sources:
            self._store.databases.insert_sources(connection, sorted(self._sources))

    def committed(self) -> None:
        """Remembered and counted only once they are on disk."""
        self._store.known_sources |= self._sources
        self._store.new_facts += self._new
        self._store.known_facts += len(self._rows) - self._new


class Store:
    """``url``: ``sqlite:///depot.db``, a bare path, or ``postgresql://user:password@host/name``.

    Opening makes the tables or brings them up to date; with ``make=False`` the database must be there already. Raises
    ``ValueError`` for a URL that is none, ``FileNotFoundError``, ``StoreDown`` where it cannot be opened.
    """

    def __init__(self, url: str, make: bool = True) -> None:
        self.databases: Databases = opened(url, make)
        self.url = self.databases.shown
        self._turn = threading.Condition()
        self._live: deque[_Job] = deque()
        self._backlog: deque[_Job] = deque()
        self._in_hand: list[_Job] = []  # taken off the queues, not settled yet
        self._began_s = 0.0  # when the writer began with them
        self._waiting_rows = 0
        self._closing = False
        self._closed = threading.Event()
        self.known_sources: set[tuple[str, str]] = set()
        self._trouble: _Trouble | None = None
        self.new_facts = 0  # since the store was opened
        self.known_facts = 0  # sent again
        self.writer = Worker("store-writer", self._write_on, self._closed)
        self.writer.start()

    @property
    def is_postgres(self) -> bool:
        return self.databases.is_postgres

    @property
    def engine(self) -> Engine:
        """The database for everything but facts: reading, and single statements of writing (longer: ``write``)."""
        return self.databases.reader

    def close(self) -> None:
        """Write what waits, then let go of the database."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self.writer.revive()
        self.writer.join()
        self._closed.set()
        self.databases.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing -------------------------------------------------------------------------------------------------

    def submit(self, rows: Sequence[NewFact]) -> Future[None]:
        """Queue facts; done when they are on disk, or holding a ``StoreDown``. Raises that where too many wait."""
        return self._queued(_Job(rows, None))

    def add(self, rows: Sequence[NewFact]) -> None:
        """Facts, on disk when this returns. An id that is known stays as it was. Raises ``StoreDown``."""
        self.submit(rows).result()

    def write(self, task: Callable[[Connection], T]) -> T:
        """Run another piece of writing on the writer's connection, in its own transaction, committed on return.

        Raises ``StoreDown``, or what ``task`` raises (then nothing of it is kept).
        """
        done: Future[T] = self._queued(_Job((), task))
        try:
            result = done.result(PATIENCE_S)
        except TimeoutError:
            if not done.cancel() and done.done():  # just now
                return done.result()
            raise StoreDown(f"database: no answer within {PATIENCE_S:g} s") from None
        return result

    def write_later(self, task: Callable[[Connection], object]) -> Future[Any]:
        """As ``write``, waiting for nothing: for what nobody is told of. Raises ``StoreDown`` where it is closing."""
        return self._queued(_Job((), task))

    def _queued(self, job: _Job) -> Future[Any]:
        with self._turn:
            if self._closing:
                raise StoreDown("the store is closing")
            if job.rows and self._waiting_rows + len(job.rows) > MOST_WAITING_ROWS and self._waiting_rows:
                raise StoreDown(f"{self._waiting_rows} facts wait to be written, try again later")
            self._waiting_rows += len(job.rows)
            (self._live if len(job.rows) <= LIVE_ROWS else self._backlog).append(job)
            self._turn.notify()
        self.writer.revive()
        return job.done

    def _write_on(self) -> None:
        """The writer's work: one group after the other, until the store is closed and nothing waits."""
        self._drop_in_hand()
        while self._take_jobs():
            jobs = [job for job in self._in_hand if not job.done.done() and job.done.set_running_or_notify_cancel()]
            if jobs:
                self._began_s = time.monotonic()
                self._settle(jobs)
            self._in_hand = []

    def _drop_in_hand(self) -> None:
        """What a writer that died had in its hands is not known to be stored: whoever waits may send it again."""
        for job in self._in_hand:
            if not job.done.done():
                job.done.set_exception(StoreDown("database: the writer died and began again, nothing was kept"))
        self._in_hand = []
        with self._turn:
            self._waiting_rows = sum(len(job.rows) for queue in (self._live, self._backlog) for job in queue)

    def _take_jobs(self) -> bool:
        """Take in hand what goes into the next transaction: one task alone, or batches of facts together, live ones
        first. False when the store is closed and nothing waits."""
        with self._turn:
            while not self._live and not self._backlog:
                if self._closing:
                    return False
                self._turn.wait()
            jobs = self._in_hand
            rows = 0
            for queue, most_rows in ((self._live, GROUP_ROWS), (self._backlog, 2 * GROUP_ROWS)):  # each gets its part
                while queue and rows < most_rows and not (jobs and (jobs[0].task or queue[0].task)):
                    jobs.append(queue[0])  # in hand before it is off the queue: it is never in neither
                    queue.popleft()
                    rows += len(jobs[-1].rows)
            self._waiting_rows -= rows
            return True

    def _settle(self, jobs: list[_Job]) -> None:
        """Write them in one transaction. What fails for what is in it fails alone: others are written without it."""
        group: _Group | None = None
        try:
            task = jobs[0].task
            if task is None:
                task = group = _Group(self, jobs)
            with self.databases.writing() as connection:
                result = task(connection)
        except Exception as error:  # noqa: BLE001 - goes to whoever waits; the writer lives on
            down = store_down_of(error) if isinstance(error, DBAPIError) and is_down(error) else None
            if down is None and len(jobs) > 1:
                for job in jobs:
                    self._settle([job])
                return
            if down is not None:
                of_facts = group is not None or (self._trouble is not None and self._trouble.of_facts)
                self._trouble = _Trouble(str(down), of_facts, time.monotonic())
            for job in jobs:
                job.done.set_exception(down or error)
        else:
            if self._trouble is not None and (group is not None or self._trouble.may_end(time.monotonic())):
                self._trouble = None
            if group is not None:
                group.committed()
            for job in jobs:
                job.done.set_result(result)

    # --- reading -------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with. Raises ``StoreDown``."""
        try:
            with self.databases.reading() as connection:
                yield connection
        except (DBAPIError, NoneFree) as error:  # none free: every connection is taken by another reader
            raise store_down_of(error) from None

    def after(self, seq: int, limit: int = 10_000) -> list[StoredFact]:
        """The next facts behind ``seq`` in the order in which they were stored, ``limit`` at most: the tail."""
        with self.read() as connection:
            rows = connection.exec_driver_sql(self.databases.tail_sql, (seq, limit))
            return [StoredFact(*row) for row in rows]

    def last_seq(self) -> int:
        """The ``seq`` of the newest fact; 0 in an empty store."""
        with self.read() as connection:
            return int(connection.execute(text("SELECT coalesce(max(seq), 0) FROM facts")).scalar_one())

    def known(self, ids: Iterable[bytes]) -> set[bytes]:
        """Those of the ids that the store has."""
        wanted = list(ids)
        known_ids: set[bytes] = set()
        with self.read() as connection:
            for i in range(0, len(wanted), 500):
                rows = connection.execute(select(facts.c.id).where(facts.c.id.in_(wanted[i : i + 500])))
                known_ids.update(bytes(row[0]) for row in rows)
        return known_ids

    def facts(
        self,
        kind: str | Sequence[str] | None = None,
        who: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        received_since: datetime | None = None,
    ) -> Iterator[StoredFact]:
        """Facts in the order of ``at`` (then of arrival), ``since`` included, ``until`` not; read as they are taken."""
        narrowed = any(bound is not None for bound in (kind, who, since, until))
        senders = select(sources.c.who, sources.c.kind)
        if kind is not None:
            senders = senders.where(sources.c.kind.in_([kind] if isinstance(kind, str) else list(kind)))
        if who is not None:
            senders = senders.where(sources.c.who == who)
        query = select(facts).order_by(facts.c.at_us, facts.c.seq)
        if since is not None:
            query = query.where(facts.c.at_us >= microseconds(since))
        if until is not None:
            query = query.where(facts.c.at_us < microseconds(until))
        if received_since is not None:
            query = query.where(facts.c.received_us >= microseconds(received_since))
        with self.read() as connection:
            if narrowed:  # by names that there are: the index is then entered at each sender's own start
                pairs = connection.execute(senders).all()
                query = query.where(facts.c.who.in_({who for who, _ in pairs}))
                query = query.where(facts.c.kind.in_({kind for _, kind in pairs}))
            rows = connection.execution_options(stream_results=True, yield_per=2_000).execute(query)
            for row in rows:
                yield StoredFact._make(row)

    def newest(
        self, kind: str, who: Sequence[str] | None, limit: int, received_since: datetime | None = None
    ) -> list[StoredFact]:
        """The newest facts of a kind by their own time, oldest first, ``limit`` at most; ``who``: of these only."""
        query = select(facts).where(facts.c.kind == kind).order_by(facts.c.at_us.desc(), facts.c.seq.desc())
        if who is not None:
            query = query.where(facts.c.who.in_(who))
        else:  # by names that there are: see ``facts``
            query = query.where(facts.c.who.in_(select(sources.c.who).where(sources.c.kind == kind)))
        if received_since is not None:
            query = query.where(facts.c.received_us >= microseconds(received_since))
        with self.read() as connection:
            rows = [StoredFact._make(row) for row in connection.execute(query.limit(limit))]
        return rows[::-1]

    def count(self) -> int:
        """How many facts there are (reads an index whole: for tests and reports)."""
        with self.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM facts")).scalar_one())

    # --- health --------------------------------------------------------------------------------------------------

    def trouble(self) -> str | None:
        """Why nothing can be stored just now, or None: what the last write met, or what reading meets."""
        if (why := self.writer.trouble()) is not None:
            return why
        if self._in_hand and time.monotonic() - self._began_s > PATIENCE_S:
            return f"database: the writer has waited for more than {PATIENCE_S:g} s"
        try:
            with self.databases.reading() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return str(store_down_of(error))
        return None if self._trouble is None else self._trouble.why

    @property
    def waiting_rows(self) -> int:
        """Facts that wait to be written."""
        return self._waiting_rows
