"""How an outbox, or a bridge's register, is opened, and what is done with one that has gone bad.

It is opened only where every page is what was written; else what still reads goes into a new file.

The new file is made whole beside the old one before either gets another name, so that a box that dies in the middle
of it begins again; the old one is kept as ``….damaged-1`` for whoever services the box. Nothing is deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fleet import is_uuid
from onboard.outbox.pages import PAGE, Pages, TableRow, log_is_whole
from onboard.private import fsync_path, private_database

#: The longest fact that is sent; ours have less than a tenth of it.
LONGEST_FACT = 2**18
#: As every fact begins that was put into an outbox or a register.
OPENING = b'{"kind":"'
#: What a database consists of, by the ends of the files' names; the log goes first: no file is opened without its log.
_PARTS = ("-wal", "-shm", "-journal", "")


def readable_fact(body: object) -> dict[str, Any]:
    """A fact as it was written down, to be sent. Raises ``ValueError`` saying why it cannot be one.

    Judged is what concerns the line: that it is text, JSON, short, and has a kind and an id. The rest the depot judges.
    """
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    if not isinstance(text, str):
        raise ValueError(f"a {type(body).__name__}, must be text")
    if len(text) > LONGEST_FACT:
        raise ValueError(f"{len(text)} characters, must be {LONGEST_FACT} at most")
    try:
        fact = json.loads(text, parse_constant=_no_number)
        if not text.isascii() or "\\u" in text:
            json.dumps(fact, ensure_ascii=False).encode()  # half a surrogate pair can be written, and not be sent
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(fact, dict) or not isinstance(fact.get("kind"), str):
        raise ValueError("no fact: has no kind")
    if not is_uuid(fact.get("id")):
        raise ValueError(f"id = {str(fact.get('id'))[:60]!r}, must be a UUID")
    return fact


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


class CorruptDatabase(sqlite3.DatabaseError):
    """SQLite finds nothing amiss, but this is not what was written."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def open_checked(
    path: Path, schema: str, text_factory: Callable[[bytes], Any], *, later: Collection[bytes] = (),
    pragmas: Sequence[str] = (),
) -> sqlite3.Connection:  # fmt: skip
    """A database of ours, made where there is none: its log, its tables and every page found to be what was written.

    ``text_factory``: never one that raises for text that is no UTF-8; ``later``: tables that one from before may lack,
    and is given. Raises ``sqlite3.DatabaseError`` (``CorruptDatabase`` where SQLite itself would go on).
    """
    if path.exists() and not path.is_file():
        raise CorruptDatabase("not a file")
    if not log_is_whole(path):
        raise CorruptDatabase("its log is damaged")
    private_database(path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=20)
    db.text_factory = text_factory
    try:
        # secure_delete: what is gone is not found again in a damaged file
        for pragma in (f"page_size={PAGE}", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", *pragmas):
            db.execute(f"PRAGMA {pragma}")
        if db.execute("PRAGMA page_size").fetchone()[0] != PAGE or not _has_tables(db, schema, later):
            raise CorruptDatabase("its tables are others")
        db.executescript(f"BEGIN IMMEDIATE;{schema}COMMIT;")
        said = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if text != "ok":
            raise CorruptDatabase(text.splitlines()[-1])
    except UnicodeDecodeError as error:  # a message of SQLite itself that quotes what it cannot read
        db.close()
        raise CorruptDatabase(str(error)) from error
    except BaseException:
        db.close()
        raise
    return db


def _has_tables(db: sqlite3.Connection, schema: str, later: Collection[bytes]) -> bool:
    """Whether the tables are those of a schema, to the letter; or there are none yet."""
    sql = "SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master WHERE sql IS NOT NULL"
    there = dict(db.execute(sql).fetchall())
    with closing(sqlite3.connect(":memory:")) as plain:
        plain.executescript(schema)
        wanted = dict(plain.execute(sql).fetchall())
    return not there or all(
        there.get(name) == text or (name in later and name not in there) for name, text in wanted.items()
    )


#: Which tables a row goes to, and what of it.
RowSorter = Callable[[TableRow], Iterable[tuple[str, tuple[Any, ...]]]]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many rows came over, ``unreadable`` of these only to be kept; ``all_of_it``: or the disk is full."""

    rows: int
    unreadable: int
    all_of_it: bool


def salvage_rows(old: Path, schema: str, sort: RowSorter) -> Salvaged:
    """Make a new file of ``schema`` beside ``old``, of what reads of that; it counts from ``mark_salvaged`` on.

    Raises ``OSError`` where it cannot be written, but for want of room.
    """
    half = half_salvaged(old)
    for part in ("", "-journal"):
        half.with_name(half.name + part).unlink(missing_ok=True)
    private_database(half)
    try:
        with closing(sqlite3.connect(half, isolation_level=None)) as new:
            new.execute(f"PRAGMA page_size={PAGE}")
            new.execute("PRAGMA journal_mode=MEMORY")  # dies the box now, this file is begun again
            new.execute("PRAGMA synchronous=FULL")
            new.executescript(schema)
            return _take_over(old, new, sort)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return Salvaged(0, 0, False)
        raise OSError(f"{half}: {error}") from error


def _take_over(old: Path, new: sqlite3.Connection, sort: RowSorter) -> Salvaged:
    rows = unreadable = 0
    new.execute("BEGIN")
    with Pages(old) as pages:
        for row in pages.rows(OPENING):
            for table, values in sort(row):
                rows += _insert(new, table, values)
                unreadable += table == "damaged"
    new.execute("COMMIT")
    return Salvaged(rows, unreadable, True)


def _insert(new: sqlite3.Connection, table: str, values: tuple[Any, ...]) -> int:
    """1 where it is new. A number that is taken costs a row its place in the order, nothing else."""
    sql = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(values))})"
    done = new.execute(sql, values).rowcount
    if not done and isinstance(values[0], int):
        done = new.execute(sql, (None, *values[1:])).rowcount
    return done


def row_number(row: TableRow) -> int | None:
    """A row's number where it can be one; a damaged one would put it before or behind all others, for ever."""
    return row.number if row.number is not None and 0 < row.number < 2**48 else None


def encodable(text: str) -> str:
    """Text that can be written: bytes that are no UTF-8 as question marks."""
    return text.encode(errors="replace").decode()


def raw_bytes(body: object) -> object:
    """An unreadable value as it was, bytes for bytes."""
    return body.encode(errors="surrogateescape") if isinstance(body, str) else body


def set_aside(path: Path) -> Path:
    """Give a bad file, or whatever stands in its place, and its log a name of their own; returns that name."""
    number = 1
    while any(path.parent.glob(f"{path.name}.damaged-{number}*")):
        number += 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            moved = path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
            if moved.is_file():
                moved.chmod(0o600)
    return aside


def half_salvaged(path: Path) -> Path:
    """Where the new file is made. It counts once it is marked (``mark_salvaged``)."""
    return path.with_name(path.name + ".half-salvaged")


def swap_in_salvaged(path: Path) -> Path | None:
    """Put the new file, where one is made, in the place of the old one; returns where that is kept."""
    new = path.with_name(path.name + ".salvaged")
    if not new.exists():
        return None
    aside = set_aside(path)
    new.rename(path)
    fsync_path(path.parent)
    return aside


def mark_salvaged(path: Path) -> None:
    """The new file is complete: from here on it is the outbox, whatever happens before it has its name."""
    half_salvaged(path).rename(path.with_name(path.name + ".salvaged"))
    fsync_path(path.parent)
