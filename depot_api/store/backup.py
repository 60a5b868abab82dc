"""``ripeur backup`` and ``ripeur restore``: the whole depot in one file, taken while it runs.

A backup is a SQLite database with the depot's tables, whichever database it comes from: SQLite's own online copy, or
PostgreSQL's rows read in one snapshot. It is written beside its place, checked, synced and only then put there. It can
be restored into either kind: that is also the way from SQLite to PostgreSQL.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, create_engine, func, insert, select, text

from depot_api.store.databases import StoreDown, database_url, opened, revision_of
from depot_api.store.tables import facts, metadata
from onboard.private import fsync_path

#: Rows copied at a time.
ROWS = 5_000


def back_up(url: str, out: Path, replace: bool = False) -> int:
    """Write a backup; how many facts are in it. Raises ``FileExistsError``, ``ValueError``, ``StoreDown``, ``OSError``.

    Everything that was acknowledged before this was called is in it.
    """
    if out.exists() and not replace:
        raise FileExistsError(f"{out}: already there, not overwritten (--replace)")
    with _beside(out) as new:
        source = database_url(url)
        if source.drivername == "sqlite":
            _copied_online(Path(str(source.database)), new)
        else:
            _copied_snapshot(url, new)
        return _sound(new)


def restore(backup: Path, url: str) -> int:
    """Fill a new database; how many facts it holds then. Raises ``ValueError`` where it holds anything already."""
    if not backup.is_file():
        raise FileNotFoundError(f"{backup}: no such file")
    _sound(backup)
    target = database_url(url)
    if target.drivername.startswith("postgresql"):
        return _restored_rows(backup, url)
    place = Path(str(target.database))
    for suffix in ("", "-wal", "-journal"):  # another database's journal would be played into this one
        there = place.with_name(place.name + suffix)
        if there.exists():
            raise FileExistsError(f"{there}: already there, not overwritten: move it away first")
    with _beside(place) as new:
        _copied_online(backup, new)
    opened(url).close()  # an older backup is brought up to date
    return _sound(place)


def _restored_rows(backup: Path, url: str) -> int:
    source, target = create_engine(f"sqlite:///file:{backup.absolute()}?mode=ro&uri=true"), opened(url)
    try:
        with source.connect() as old, target.writing() as new:
            if revision_of(old) != revision_of(new):
                raise ValueError(f"{backup}: of an older version: restore it into a file, and back that up")
            for table in metadata.sorted_tables:
                if new.execute(select(table).limit(1)).first() is not None:
                    raise ValueError(f"{target.shown}: holds {table.name} already, must be empty to restore into")
            for table in metadata.sorted_tables:
                _copied_rows(old, new, table)
                _numbering_goes_on(new, table)
            return int(new.execute(select(func.count()).select_from(facts)).scalar_one())
    finally:
        source.dispose()
        target.close()


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A file to write in the same folder, which takes its place, synced, once it is whole."""
    if not place.parent.is_dir():
        raise FileNotFoundError(f"{place.parent}: no such folder")
    new = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds where people were
        yield new
        fsync_path(new)
        new.replace(place)
        fsync_path(place.parent)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            new.with_name(new.name + suffix).unlink(missing_ok=True)


def _copied_online(source: Path, new: Path) -> None:
    """SQLite's own online backup: consistent, while others write."""
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such database")
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(new)) as copy:
            old.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    except sqlite3.Error as error:
        raise StoreDown(f"{source}: {error}") from None


def _copied_snapshot(url: str, new: Path) -> None:
    """PostgreSQL's rows, as they stood at one moment."""
    new.unlink()  # no empty file is taken for a depot: it is made here
    source, target = opened(url), opened(str(new))
    try:
        snapshot = source.reader.execution_options(isolation_level="REPEATABLE READ")
        with snapshot.connect() as old, target.writing() as copy:
            for table in metadata.sorted_tables:
                _copied_rows(old, copy, table)
    finally:
        source.close()
        target.close()
    with closing(sqlite3.connect(new)) as copy_file:
        copy_file.execute("PRAGMA journal_mode = DELETE")


def _copied_rows(old: Connection, new: Connection, table: Table) -> None:
    rows = old.execution_options(stream_results=True, yield_per=ROWS).execute(select(table))
    for part in rows.mappings().partitions():
        new.execute(insert(table), [dict(row) for row in part])


def _numbering_goes_on(new: Connection, table: Table) -> None:
    """PostgreSQL's counters do not see numbers that were given."""
    column = table.autoincrement_column
    if column is not None and table.primary_key.columns.keys() == [column.name]:
        new.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "
                f"coalesce((SELECT max({column.name}) FROM {table.name}), 0) + 1, false)"
            )
        )


def _sound(path: Path) -> int:
    """How many facts a backup holds. Raises ``ValueError`` where it is damaged or none."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            (state,) = file.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise ValueError(f"{path}: damaged ({state})")
            return int(file.execute("SELECT count(*) FROM facts").fetchone()[0])
    except sqlite3.Error as error:
        raise ValueError(f"{path}: no backup of a depot ({error})") from None
