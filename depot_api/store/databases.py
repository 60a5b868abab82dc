"""The two databases behind the store, and all that differs between them: SQLite by default, PostgreSQL by a URL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)

from depot_api.store import files as depot_files

#: How long a writer waits for another process's write before it says so.
BUSY_S = 10
#: How long readers are waited for when the depot ends.
READERS_END_S = 2.0
#: Writers on PostgreSQL take turns on this lock, until their commit is visible: ``seq`` then grows in commit order.
WRITERS_LOCK = 0x52495045  # "RIPE"

_COLUMNS = "id, kind, who, at_us, received_us, body"
#: Rows that one SQLite statement inserts: Python's lock is taken again after each statement, and waiting for it
#: while requests are read costs more than the row.
TOGETHER = 50
_ROW = "(?, ?, ?, ?, ?, ?)"
_SQLITE_INSERT = f"INSERT INTO facts ({_COLUMNS}) VALUES {_ROW} ON CONFLICT (id, who) DO NOTHING"
_SQLITE_INSERT_TOGETHER = (
    f"INSERT INTO facts ({_COLUMNS}) VALUES {', '.join([_ROW] * TOGETHER)} ON CONFLICT (id, who) DO NOTHING"
)
#: All rows in one JSON text: a quarter of the time of arrays, which the driver writes out value by value.
_POSTGRES_INSERT = (
    f"INSERT INTO facts ({_COLUMNS}) SELECT decode(j->>0, 'hex'), j->>1, j->>2, (j->>3)::bigint, (j->>4)::bigint, "
    "j->>5 FROM jsonb_array_elements(%s::jsonb) AS j ON CONFLICT (id, who) DO NOTHING"
)
_TAIL = f"SELECT seq, {_COLUMNS} FROM facts WHERE seq > {{0}} ORDER BY seq LIMIT {{0}}"


class StoreDown(OSError):
    """The database cannot be written or read just now; nothing was said to be stored. Sending again is safe."""


class StoreFull(StoreDown):
    """There is no room left on the database's disk."""


def store_down_of(error: SQLAlchemyError) -> StoreDown:
    """A database's error as a reason that an operator can use, without its statement and parameters."""
    cause = getattr(error, "orig", None) or error
    reason = " ".join(str(cause).split()) or type(cause).__name__
    state = getattr(cause, "sqlstate", None)
    if "disk is full" in reason or state in ("53100", "53200"):
        return StoreFull(f"database: {reason}")
    return StoreDown(f"database: {reason}")


def is_down(error: DBAPIError) -> bool:
    """Whether the database cannot do anything just now; else it does not take what this one asks of it."""
    return not isinstance(error, (DataError, IntegrityError, NotSupportedError, ProgrammingError))


def database_url(text: str) -> URL:
    """``--db`` as people write it: a bare path, ``sqlite:///path``, ``postgresql://…``. Raises ``ValueError``."""
    if "://" not in text:
        if not text:
            raise ValueError("--db is empty, must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME")
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("--db cannot be read, must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    kind = url.drivername.split("+")[0]
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite" or url.database in (None, "", ":memory:"):
        shown = url.render_as_string(hide_password=True)
        raise ValueError(f"--db {shown}, must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME")
    return url


@dataclass(frozen=True)
class Databases:
    """One database, opened twice: for the writer thread (one connection), and for everybody else."""

    shown: str  # the URL without its password
    is_postgres: bool
    writer: Engine
    reader: Engine

    @property
    def tail_sql(self) -> str:
        return _TAIL.format("%s" if self.is_postgres else "?")

    def writing(self) -> AbstractContextManager[Connection]:
        return _writing(self)

    def reading(self) -> AbstractContextManager[Connection]:
        return self.reader.connect()

    def last_written_at(self) -> datetime | None:
        """When SQLite's files were last written, by the file system; None where there are none (a server has them)."""
        place = Path(str(self.reader.url.database))
        times: list[float] = []
        for file in () if self.is_postgres else (place, place.with_name(f"{place.name}-wal")):
            with suppress(FileNotFoundError):  # the journal goes and comes
                times.append(file.stat().st_mtime)
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def close(self) -> None:
        """Let go of every connection; whoever still reads is waited for, though not for long."""
        until_s = time.monotonic() + READERS_END_S
        pool = self.reader.pool
        while isinstance(pool, QueuePool) and pool.checkedout() and time.monotonic() < until_s:
            time.sleep(0.02)
        self.writer.dispose()
        self.reader.dispose()

    def insert_facts(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert what is not known yet, in the order given; how many were new. Plain SQL: this is the busy line."""
        if self.is_postgres:
            text = orjson.dumps([(row[0].hex(), *row[1:]) for row in rows]).decode()
            return connection.exec_driver_sql(_POSTGRES_INSERT, (text,)).rowcount
        whole = len(rows) - len(rows) % TOGETHER
        new = 0
        for start in range(0, whole, TOGETHER):
            flat = tuple(value for row in rows[start : start + TOGETHER] for value in row)
            new += connection.exec_driver_sql(_SQLITE_INSERT_TOGETHER, flat).rowcount
        if whole < len(rows):
            new += connection.exec_driver_sql(_SQLITE_INSERT, list(rows[whole:])).rowcount
        return new

    def insert_sources(self, connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
        mark = "%s" if self.is_postgres else "?"
        connection.exec_driver_sql(
            f"INSERT INTO sources (who, kind) VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING", list(pairs)
        )


@contextmanager
def _writing(databases: Databases) -> Iterator[Connection]:
    with databases.writer.connect() as connection, connection.begin():
        if databases.is_postgres:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
        yield connection


def opened(text: str, make: bool = True) -> Databases:
    """Open a database and bring its tables up to date. ``make``: whether a SQLite file that is not there is made.

    Raises ``ValueError`` (the URL, or a file that is no depot's), ``FileNotFoundError``, ``FileExistsError``,
    ``StoreDown`` (the rest).
    """
    url = database_url(text)
    try:
        if not url.drivername.startswith("postgresql"):
            depot_files.ready(Path(str(url.database)), make, lambda new: _made(url.set(database=str(new))))
        databases = _postgres(url) if url.drivername.startswith("postgresql") else _sqlite(url)
        try:
            _brought_up_to_date(databases)
        except BaseException:
            databases.close()
            raise
    except DBAPIError as error:
        down = store_down_of(error)
        instead = f": {depot_files.INSTEAD}" if "file is not a database" in str(down) else ""
        raise type(down)(f"{url.render_as_string(hide_password=True)}: {down}{instead}") from None
    return databases


def _made(url: URL) -> None:
    databases = _sqlite(url)
    try:
        _brought_up_to_date(databases, new=True)
    finally:
        databases.close()


def _sqlite(url: URL) -> Databases:
    writer = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=None, connect_args={"timeout": BUSY_S})
    reader = create_engine(url, pool_size=8, max_overflow=8, connect_args={"timeout": BUSY_S})
    for engine, begin, pragmas in (
        (writer, "BEGIN IMMEDIATE", _WRITER_PRAGMAS),
        (reader, "BEGIN", _READER_PRAGMAS),
    ):
        _transactions_of_our_own(engine, begin, pragmas)
    return Databases(url.render_as_string(hide_password=True), False, writer, reader)


_WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # in WAL mode NORMAL would lose the last commits with the power
    "cache_size = -4096",  # 4 MiB: 64 made no writing faster, and filled for half an hour
    "wal_autocheckpoint = 4000",
    "journal_size_limit = 67108864",
    "foreign_keys = ON",
)
_READER_PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")


def _transactions_of_our_own(engine: Engine, begin: str, pragmas: Sequence[str]) -> None:
    """Python's sqlite3 begins transactions late and by itself; here they begin when we say (SQLAlchemy's recipe)."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgres(url: URL) -> Databases:
    given: dict[str, Any] = {"pool_pre_ping": True, "connect_args": {"connect_timeout": BUSY_S}}
    writer = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=None, **given)  # never behind the readers
    reader = create_engine(url, pool_size=8, max_overflow=8, **given)

    @event.listens_for(writer, "connect")
    @event.listens_for(reader, "connect")
    def _durable(connection: Any, _: object) -> None:
        """A server set to acknowledge before the disk has it is told to wait in our transactions."""
        if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            connection.execute("SET synchronous_commit = on")
        connection.commit()

    return Databases(url.render_as_string(hide_password=True), True, writer, reader)


def revision_of(connection: Connection) -> str | None:
    """The last step of ``migrations`` that a database has taken."""
    return MigrationContext.configure(connection).get_current_revision()


def _brought_up_to_date(databases: Databases, new: bool = False) -> None:
    """``new``: whether this is a SQLite file made just now: else one without our tables is somebody else's."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    steps = ScriptDirectory.from_config(config)
    head = steps.get_current_head()
    with databases.reader.connect() as connection:
        revision = revision_of(connection)
    if revision == head:
        return
    if revision is None and not (new or databases.is_postgres):
        raise depot_files.no_depot(databases.shown)
    if revision is not None and revision not in {step.revision for step in steps.walk_revisions()}:
        raise ValueError(f"{databases.shown}: of a newer Ripeur or another program (revision {revision})")
    with databases.writing() as connection:  # whoever opens it at the same moment waits, and finds it done
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
