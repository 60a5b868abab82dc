"""What is done with an outbox, or a bridge's register, that has gone bad: what still reads goes into a new file.

The new file is made whole beside the old one before either gets another name, so that a box that dies in the middle
of it begins again; the old one is kept as ``….damaged-1`` for whoever services the box. Nothing is deleted.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fleet import is_uuid

from .pages import PAGE, Pages, Row
from .private import private_database

#: The longest fact that is sent; ours have less than a tenth of it.
LONGEST_FACT = 2**18
#: As every fact begins that was put into an outbox or a register.
OPENING = b'{"kind":"'
#: What a database consists of, by the ends of the files' names; the log goes first: no file is opened without its log.
_PARTS = ("-wal", "-shm", "-journal", "")


def legible(body: object) -> dict[str, Any]:
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


#: Which tables a row goes to, and what of it.
Sort = Callable[[Row], Iterable[tuple[str, tuple[Any, ...]]]]


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows came over, ``unreadable`` of these only to be kept; ``all_of_it``: or the disk is full."""

    rows: int
    unreadable: int
    all_of_it: bool


def taken_over(old: Path, schema: str, sort: Sort) -> Taken:
    """Make a new file of ``schema`` beside ``old``, of what reads of that; it counts from ``finished`` on.

    Raises ``OSError`` where it cannot be written, but for want of room.
    """
    half = made_beside(old)
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
            return Taken(0, 0, False)
        raise OSError(f"{half}: {error}") from error


def _take_over(old: Path, new: sqlite3.Connection, sort: Sort) -> Taken:
    rows = unreadable = 0
    new.execute("BEGIN")
    with Pages(old) as pages:
        for row in pages.rows(OPENING):
            for table, values in sort(row):
                rows += _insert(new, table, values)
                unreadable += table == "damaged"
    new.execute("COMMIT")
    return Taken(rows, unreadable, True)


def _insert(new: sqlite3.Connection, table: str, values: tuple[Any, ...]) -> int:
    """1 where it is new. A number that is taken costs a row its place in the order, nothing else."""
    sql = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(values))})"
    done = new.execute(sql, values).rowcount
    if not done and isinstance(values[0], int):
        done = new.execute(sql, (None, *values[1:])).rowcount
    return done


def number_of(row: Row) -> int | None:
    """A row's number where it can be one; a damaged one would put it before or behind all others, for ever."""
    return row.number if row.number is not None and 0 < row.number < 2**48 else None


def clean(text: str) -> str:
    """Text that can be written: bytes that are no UTF-8 as question marks."""
    return text.encode(errors="replace").decode()


def raw(body: object) -> object:
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


def made_beside(path: Path) -> Path:
    """Where the new file is made. It counts once it is named ``finished``."""
    return path.with_name(path.name + ".half-salvaged")


def finish(path: Path) -> Path | None:
    """Put the new file, where one is made, in the place of the old one; returns where that is kept."""
    new = path.with_name(path.name + ".salvaged")
    if not new.exists():
        return None
    aside = set_aside(path)
    new.rename(path)
    sync_folder(path.parent)
    return aside


def finished(path: Path) -> None:
    """The new file is complete: from here on it is the outbox, whatever happens before it has its name."""
    made_beside(path).rename(path.with_name(path.name + ".salvaged"))
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
