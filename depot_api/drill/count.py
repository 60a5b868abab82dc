"""Facts counted at both ends of a drill, by their ids: what was put into an outbox, and what the depot has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def witness(outbox: Path) -> None:
    """Have an outbox's own file remember the id of every fact that is ever put into it, in the same transaction."""
    with closing(sqlite3.connect(outbox)) as db:
        db.executescript(
            "CREATE TABLE IF NOT EXISTS witnessed(id BLOB NOT NULL);"
            "INSERT INTO witnessed SELECT id FROM facts;"
            "CREATE TRIGGER IF NOT EXISTS witness AFTER INSERT ON facts BEGIN"
            " INSERT INTO witnessed VALUES (new.id); END;"
        )


def witnessed_ids(outbox: Path) -> list[str]:
    """The ids of all facts ever put into an outbox that has a witness, in hexadecimal, in order."""
    with closing(sqlite3.connect(outbox)) as db:
        return [bytes(id).hex() for (id,) in db.execute("SELECT id FROM witnessed ORDER BY rowid")]


def stored_ids(depot: Path) -> set[str]:
    """The ids of all facts in a depot's SQLite file, in hexadecimal."""
    with closing(sqlite3.connect(depot)) as db:
        return {bytes(id).hex() for (id,) in db.execute("SELECT id FROM facts")}
