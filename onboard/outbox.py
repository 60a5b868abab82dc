"""The outbox: every fact is on disk before anything else happens to it, and leaves only when the depot has named it.

One SQLite file (write-ahead log, ``synchronous=FULL``: a commit has been forced to the disk when it returns). Facts
keep the order in which they were recorded, whatever the clocks say. A quota bounds the file; when it, or the disk,
is full, room is made by the rule of ``docs/decisions/005-what-is-thinned-when-the-disk-is-full.md``: positions
first, what cannot be had twice never. A file that has gone bad is set aside, and what can be read of it is saved.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from fleet import Fact

from .salvage import set_aside

#: Seven days at 1 Hz, not thinned at all, are 604,800 positions: 195 MB as measured (docs/onboard.md).
QUOTA_BYTES = 256 * 2**20
#: A file kept beside the outbox: given up when the disk is full, so that there is room to make room.
RESERVE_BYTES = 2 * 2**20
NEVER, ORDINARY, MEASURED, MARKED = range(4)
#: What may be thinned, by kind; every other kind is NEVER thinned. A marked position (a start, a stop, the place
#: of a lift) comes last.
_RANKS = {"position": ORDINARY, "vehicle": MEASURED, "load": MEASURED, "health": MEASURED}
#: One row of this many stays at each thinning. One of two would free no page: SQLite joins pages emptier than a third.
ONE_OF = 4
_BITE, _LEVELS = 1_024, 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, rank INTEGER NOT NULL, level INTEGER NOT NULL DEFAULT 0,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS thinnable ON facts(rank, level, seq) WHERE rank > 0;
CREATE INDEX IF NOT EXISTS precious ON facts(seq) WHERE rank = 0;
CREATE TABLE IF NOT EXISTS refused(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, rank INTEGER NOT NULL, why TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS photos(sha256 TEXT PRIMARY KEY, body BLOB NOT NULL, refused TEXT);
CREATE TABLE IF NOT EXISTS notes(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_FULL, _BROKEN = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}, {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_log = logging.getLogger(__name__)
T = TypeVar("T")


class OutboxFull(OSError):
    """No room on the disk, and nothing left that may be thinned. What was to be recorded is not."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the outbox holds: facts and photos that wait, facts and photos refused; facts thinned since it exists."""

    pending: int
    refused: int
    photos: int
    thinned: int


def _key(id: str) -> bytes:
    return UUID(id).bytes


class Outbox:
    """Facts waiting for the depot. Safe to use from several threads, and to kill at any moment.

    ``arrived`` is set whenever something was put in: a sender waits on it and clears it.
    Raises ``OutboxFull`` where there is no room left, and other ``OSError`` where the file cannot be opened at all.
    """

    def __init__(self, path: Path | str, quota_bytes: int = QUOTA_BYTES) -> None:
        if quota_bytes < 2**20:
            raise ValueError(f"outbox: quota_bytes = {quota_bytes}, must be {2**20} or more")
        self.path, self.quota_bytes = Path(path), quota_bytes
        self.arrived = threading.Event()
        self._lock = threading.RLock()
        self._reserve = self.path.with_name(self.path.name + ".reserve")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            self._db = self._start_again(error)
        self._commits = 0
        self._keep_reserve()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=20)
        try:
            page = int(db.execute("PRAGMA page_size").fetchone()[0])
            self._quota_pages = self.quota_bytes // page
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA wal_autocheckpoint=256")  # 1 MB: less than the reserve
            db.execute(f"PRAGMA max_page_count={self._quota_pages}")
            db.executescript(_SCHEMA)
            said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if said != "ok":
                raise sqlite3.DatabaseError(said)
        except BaseException:
            db.close()
            raise
        return db

    def _start_again(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        if (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF) not in _BROKEN:
            raise OSError(f"{self.path}: {error}") from error
        where, rows = set_aside(self.path)
        db = self._open()
        db.execute("BEGIN IMMEDIATE")
        for table, row in rows:
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(row))})", row)
        db.execute("COMMIT")
        _log.error("%s could not be read (%s): set aside as %s, %d rows saved", self.path, error, where, len(rows))
        return db

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- recording ------------------------------------------------------------------------------------------------

    def put(self, fact: Fact, *, marked: bool = False) -> None:
        """Record a fact: it is on the disk on return. ``marked``: a position that is thinned last."""
        self.put_all([fact], marked=[marked])

    def put_all(
        self, facts: Sequence[Fact], *, marked: Sequence[bool] | None = None, notes: Mapping[str, str] | None = None
    ) -> None:
        """Record facts, and ``notes`` beside them, all or nothing and on the disk on return. A known id is passed over.

        Raises ``OutboxFull``; nothing of these facts is recorded then.
        """
        rows = []
        for fact, mark in zip(facts, marked or [False] * len(facts), strict=True):
            rank = _RANKS.get(fact.kind, NEVER)
            body = json.dumps(fact.to_json(), separators=(",", ":"), ensure_ascii=False)
            body = body.encode("utf-8", "replace").decode()  # half a surrogate pair, which no UTF-8 can hold
            rows.append((_key(fact.id), MARKED if mark and rank == ORDINARY else rank, body))

        def write() -> None:
            self._db.executemany("INSERT OR IGNORE INTO facts(id, rank, body) VALUES (?, ?, ?)", rows)
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", (notes or {}).items())

        self._whole(write)
        if rows:
            self.arrived.set()

    def note(self, name: str) -> str | None:
        """What was noted under this name (the state of duty, the tour in force), or None."""
        row = self._whole(lambda: self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone(), False)
        return None if row is None else str(row[0])

    def put_photo(self, picture: bytes) -> str:
        """Keep a picture for the depot; returns its SHA-256, by which a fact names it. Raises ``OutboxFull``."""
        name = hashlib.sha256(picture).hexdigest()
        self._whole(
            lambda: self._db.execute("INSERT OR IGNORE INTO photos(sha256, body) VALUES (?, ?)", (name, picture))
        )
        self.arrived.set()
        return name

    # --- sending --------------------------------------------------------------------------------------------------

    def peek(self, n: int, skip: Collection[str] = ()) -> list[dict[str, Any]]:
        """Up to ``n`` facts in their wire form to send next, newest first; they stay until ``settle`` names them.

        Half of them are the newest, so that what happens now shows now; a quarter the oldest of those that cannot
        be had twice (lifts, weighings, what the crew said); the rest the oldest of all, so that the backlog drains
        from its far end as well. ``skip``: ids to leave out.
        """
        left_out = {_key(id) for id in skip}
        picked: dict[int, str] = {}
        for which, share in (
            ("ORDER BY seq DESC", (n + 1) // 2),
            ("WHERE rank = 0 ORDER BY seq", n // 4),
            ("ORDER BY seq", n),
        ):
            sql, room = f"SELECT seq, id, body FROM facts {which} LIMIT ?", min(share, n - len(picked))
            found = self._whole(lambda sql=sql: self._db.execute(sql, (n + len(left_out),)).fetchall(), False)  # type: ignore[misc]
            new = [(seq, body) for seq, id, body in found if seq not in picked and id not in left_out]
            picked.update(new[:room])
        return [json.loads(picked[seq]) for seq in sorted(picked, reverse=True)]

    def settle(self, stored: Iterable[str], refused: Mapping[str, str] | None = None) -> None:
        """Let go of exactly the facts that the depot says it has; set aside those that it refuses, with its reason."""
        gone = [(_key(id),) for id in stored]
        aside = [(why[:500], _key(id)) for id, why in (refused or {}).items()]

        def write() -> None:
            self._db.executemany(
                "INSERT OR IGNORE INTO refused(id, rank, why, body) SELECT id, rank, ?, body FROM facts WHERE id = ?",
                aside,
            )
            self._db.executemany("DELETE FROM facts WHERE id = ?", [*gone, *((key,) for _, key in aside)])

        self._whole(write)

    def photos(self) -> list[str]:
        """The names of the pictures that wait for the depot."""
        sql = "SELECT sha256 FROM photos WHERE refused IS NULL ORDER BY rowid"
        found = self._whole(lambda: self._db.execute(sql).fetchall(), False)
        return [name for (name,) in found]

    def photo(self, name: str) -> bytes:
        """A picture that is kept. Raises ``KeyError`` where there is none of that name."""
        row = self._whole(
            lambda: self._db.execute("SELECT body FROM photos WHERE sha256 = ?", (name,)).fetchone(), False
        )
        if row is None:
            raise KeyError(name)
        return bytes(row[0])

    def photo_stored(self, name: str) -> None:
        self._whole(lambda: self._db.execute("DELETE FROM photos WHERE sha256 = ?", (name,)))

    def photo_refused(self, name: str, why: str) -> None:
        """Set a picture aside: it is kept, and not sent again."""
        self._whole(lambda: self._db.execute("UPDATE photos SET refused = ? WHERE sha256 = ?", (why[:500], name)))

    # --- looking --------------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        return self._whole(lambda: _counts(self._db), False)

    def refused(self) -> list[tuple[dict[str, Any], str]]:
        """The facts that the depot refused, with its reasons, oldest first; then pictures (kind ``photo``)."""
        return self._whole(lambda: _refused(self._db), False)

    # --- room and trouble -----------------------------------------------------------------------------------------

    def _whole(self, work: Callable[[], T], writes: bool = True) -> T:
        """One transaction, all or nothing; makes room where there is none, starts a new file where this one is bad."""
        with self._lock:
            for attempt in range(3):
                try:
                    if not writes:
                        return work()
                    return self._commit(work)
                except sqlite3.DatabaseError as error:
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    if code in _BROKEN and attempt < 2:
                        with suppress(sqlite3.Error):
                            self._db.close()
                        self._db = self._start_again(error)
                    elif code in _FULL and attempt < 2:
                        self._make_room(attempt)
                    elif code in _FULL:
                        raise OutboxFull(f"{self.path}: {error}, and nothing left to thin") from error
                    else:
                        raise OSError(f"{self.path}: {error}") from error
        raise AssertionError("unreachable")

    def _commit(self, work: Callable[[], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = work()
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._commits += 1
        if self._commits % 1_000 == 0:
            self._keep_reserve()
        if self._count_pages() > self._quota_pages * 0.97:
            with suppress(sqlite3.DatabaseError):  # what was to be written is; the next full disk comes back here
                self._thin_until(self._quota_pages * 0.96)
        return result

    def _count_pages(self) -> int:
        pages, free = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count")
        )
        return pages - free

    def _make_room(self, attempt: int) -> None:
        """Give the reserve up, so that the log can be written back and a thinning be logged; the log keeps its size."""
        _log.warning("%s: no room (attempt %d): thinning positions", self.path, attempt + 1)
        self._reserve.unlink(missing_ok=True)
        with suppress(sqlite3.DatabaseError):
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            self._thin_until(self._count_pages() - 64)
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _keep_reserve(self) -> None:
        """Write the reserve where it is missing and the disk has plenty of room again."""
        with suppress(OSError):
            disk = os.statvfs(self.path.parent)
            if self._reserve.exists() or disk.f_bavail * disk.f_frsize < 2 * RESERVE_BYTES:
                return
            half = self._reserve.with_name(self._reserve.name + ".half")
            half.write_bytes(os.urandom(RESERVE_BYTES))  # zeros take no room on some disks
            half.rename(self._reserve)

    def _thin_until(self, pages: float) -> None:
        before = self._count_pages()
        while self._count_pages() > pages and (thinned := self._thin_once()) is not None:
            total = int(
                self._db.execute("SELECT coalesce(max(value), 0) FROM notes WHERE name='thinned'").fetchone()[0]
            )
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('thinned', ?)", (str(total + thinned),))
        _log.warning("%s: thinned from %d to %d pages", self.path, before, self._count_pages())

    def _thin_once(self) -> int | None:
        """Take one bite of the rows that are due first; how many went, or None where nothing is left to thin."""
        old = self._db.execute("SELECT seq FROM refused WHERE rank = 1 ORDER BY seq LIMIT ?", (_BITE,)).fetchall()
        if old:  # positions that the depot has judged and will not have
            self._db.executemany("DELETE FROM refused WHERE seq = ?", old)
            return len(old)
        groups = self._db.execute(
            "SELECT rank, level, count(*) FROM facts WHERE rank > 0 AND level < ? GROUP BY rank, level "
            "ORDER BY level + 2 * (rank - 1), rank",
            (_LEVELS,),
        ).fetchall()
        # the last minutes stay whole as long as there is a bite of anything else
        due = next((group for group in groups if group[2] >= 2 * _BITE), next(iter(groups), None))
        if due is None:
            return None
        rows = self._db.execute(
            "SELECT seq FROM facts WHERE rank = ? AND level = ? ORDER BY seq LIMIT ?", (*due[:2], _BITE)
        ).fetchall()
        gone = [row for i, row in enumerate(rows) if i % ONE_OF]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("DELETE FROM facts WHERE seq = ?", gone)
            self._db.executemany("UPDATE facts SET level = level + 1 WHERE seq = ?", rows[::ONE_OF])
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        return len(gone)


def shown(path: Path) -> tuple[Counts, list[tuple[dict[str, Any], str]]]:
    """What an outbox holds and what was refused, read beside a running agent and without touching anything.

    Raises ``OSError`` where there is no outbox.
    """
    path.stat()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as db:
            return _counts(db), _refused(db)
    except sqlite3.DatabaseError as error:
        raise OSError(f"{path}: {error}") from error


def _counts(db: sqlite3.Connection) -> Counts:
    pending, refused, photos, kept = (
        int(db.execute(f"SELECT count({what}").fetchone()[0])
        for what in ("*) FROM facts", "*) FROM refused", "*) FROM photos", "refused) FROM photos")
    )
    thinned = db.execute("SELECT value FROM notes WHERE name = 'thinned'").fetchone()
    return Counts(pending, refused + kept, photos - kept, int(thinned[0]) if thinned else 0)


def _refused(db: sqlite3.Connection) -> list[tuple[dict[str, Any], str]]:
    facts = [(json.loads(body), why) for body, why in db.execute("SELECT body, why FROM refused ORDER BY seq")]
    photos = db.execute("SELECT sha256, refused FROM photos WHERE refused IS NOT NULL ORDER BY rowid")
    return facts + [({"kind": "photo", "id": name}, why) for name, why in photos]
