"""What can still be read of an outbox that has gone bad: a worn card, a file cut short, a page of nonsense."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

#: The tables of an outbox, what of them is kept, and where the JSON stands that must still read.
_TABLES = (
    ("facts", "seq, id, rank, level, body", 4),
    ("refused", "seq, id, rank, why, body", 4),
    ("photos", "sha256, body, refused", None),
    ("notes", "name, value", None),
)


def set_aside(path: Path) -> tuple[Path, list[tuple[str, tuple[Any, ...]]]]:
    """Move a bad file (and its log) out of the way under a name of its own; returns that name and the rows that read.

    Nothing is deleted: whoever services the box may look at it later.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for ending in ("-wal", "-shm", ""):  # the log first: the file without its log is not opened in between
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    rows: list[tuple[str, tuple[Any, ...]]] = []
    with suppress(sqlite3.Error), closing(sqlite3.connect(aside)) as db:
        for table, columns, body in _TABLES:
            rows += [(table, row) for row in _readable(db, table, columns) if body is None or _is_json(row[body])]
    return aside, rows


def _is_json(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _readable(db: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows from the front until the damage, and from the back until the damage: each once."""
    seen: set[int] = set()
    for order in ("", "DESC"):
        with suppress(sqlite3.Error, UnicodeDecodeError):
            for rowid, *row in db.execute(f"SELECT rowid, {columns} FROM {table} NOT INDEXED ORDER BY rowid {order}"):
                if rowid in seen:
                    break
                seen.add(rowid)
                yield tuple(row)
