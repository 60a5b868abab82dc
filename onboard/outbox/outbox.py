"""The outbox: every fact is on disk before anything else happens to it, and leaves only when the depot has named it.

One SQLite file (write-ahead log, ``synchronous=FULL``: a commit has been forced to the disk when it returns). Facts
keep the order in which they were recorded, whatever the clocks say. A quota bounds the file; when it, or the disk,
is full, room is made by the rule of ``docs/decisions/005-what-is-thinned-when-the-disk-is-full.md``: positions
first, what cannot be had twice never. A fact that cannot be read any more is set aside by its number; a file that has
gone bad is, too, and what can be read of it is taken over into a new one (``salvage``).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from fleet import Fact
from onboard.outbox.pages import PAGE, TableRow
from onboard.outbox.salvage import (
    CorruptDatabase,
    encodable,
    half_salvaged,
    mark_salvaged,
    open_checked,
    raw_bytes,
    readable_fact,
    row_number,
    salvage_rows,
    swap_in_salvaged,
)
from onboard.private import private_copy, private_folder

#: Seven days at 1 Hz, not thinned at all, are 604,800 positions: 195 MB as measured (docs/onboard.md).
QUOTA_BYTES = 256 * 2**20
#: A file kept beside the outbox (on a small disk half of what is left): given up when the disk is full, so that an
#: outbox can be opened there at all, and there is room to make room.
RESERVE_BYTES = 2 * 2**20
#: So many pages are kept free in the file, and twice as many in the log, for a disk that others fill at once.
SPARE_PAGES = 64
NEVER, ORDINARY, MEASURED, MARKED = range(4)
#: What may be thinned, by kind; every other kind is NEVER thinned. A marked position (a start, a stop, the place
#: of a lift) comes last.
_RANKS = {"position": ORDINARY, "vehicle": MEASURED, "load": MEASURED, "health": MEASURED}
#: One row of this many stays at each thinning. One of two would free no page: SQLite joins pages emptier than a third.
ONE_OF = 4
_BITE, _LEVELS, _SMALLEST_BITE = 1_024, 12, 16
#: So many facts that have left are known by their ids: several times what the log holds.
_REMEMBERED = 10_000
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
CREATE TABLE IF NOT EXISTS damaged(seq INTEGER PRIMARY KEY, why TEXT NOT NULL, body);
"""
#: Not in outboxes from before facts were judged singly.
_LATER = {b"damaged"}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
#: Nothing is wrong with the file: it is in use, or the machine has no memory left.
_ELSEWHERE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT}
#: The file cannot be read where it was written: not a full disk, though SQLite calls all of it an I/O error.
_BAD_SECTOR = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}
_SHA256 = re.compile(rb"[0-9a-f]{64}\Z")
_NO_SUM = "damaged on board: its sum is another"
_log = logging.getLogger(__name__)
T = TypeVar("T")


class OutboxFull(OSError):
    """No room on the disk, and nothing left that may be thinned. What was to be recorded is not."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the outbox holds: facts and photos that wait, facts and photos refused; facts thinned since it exists;
    facts that cannot be read any more, set aside by their numbers."""

    pending: int
    refused: int
    photos: int
    thinned: int
    unreadable: int = 0


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
        self._quota_pages = quota_bytes // PAGE
        self.arrived = threading.Event()
        self._lock = threading.RLock()
        self._reserve = self.path.with_name(self.path.name + ".reserve")
        self._handed: dict[bytes, int] = {}  # the facts that were given out to be sent, by id: where they stand
        self._shown: dict[str, int] = {}  # the same of pictures
        #: What has left: an older image of a page may hold it still.
        self._gone: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._commits = 0
        self._lost = False  # nothing is open: salvaging has failed and is tried again
        private_folder(self.path.parent)
        self._db = self._opened()
        self._keep_reserve()
        self._keep_room()

    def _opened(self) -> sqlite3.Connection:
        """The file, open and whole, whatever stood in its place. Raises ``OSError``."""
        swap_in_salvaged(self.path)  # what a box began that died in the middle of it
        for attempt in range(4):
            try:
                return self._open()
            except sqlite3.DatabaseError as error:
                if _is_full(error) and attempt == 0:
                    self._reserve.unlink(missing_ok=True)
                    continue
                if _is_full(error):
                    raise OutboxFull(f"{self.path}: {error}") from error
                if _code(error) & 0xFF in _ELSEWHERE or attempt > 1:
                    raise OSError(f"{self.path}: {error}") from error
                self._salvage(error)
        raise AssertionError("unreachable")

    def _open(self) -> sqlite3.Connection:
        pragmas = (f"wal_autocheckpoint={2 * SPARE_PAGES - 16}", f"max_page_count={self._quota_pages}")
        return open_checked(self.path, _SCHEMA, bytes, later=_LATER, pragmas=pragmas)

    def _salvage(self, error: sqlite3.DatabaseError, in_use: sqlite3.Connection | None = None) -> None:
        """Take over what reads into a new file and put that in the old one's place. Raises ``OSError``."""
        for most_rank in (MARKED, MARKED, NEVER):
            # at last, what can be had twice stays behind, in the file that is set aside
            taken = salvage_rows(self.path, _SCHEMA, partial(_sorted, most_rank))
            if taken.all_of_it:
                break
            self._reserve.unlink(missing_ok=True)
        else:
            half_salvaged(self.path).unlink(missing_ok=True)
            raise OutboxFull(f"{self.path}: {error}, and no room to take it over into a new file") from error
        mark_salvaged(self.path)
        where = swap_in_salvaged(self.path)
        if in_use is not None:
            # only now: the last to close a file writes its log back, and that may be what is damaged
            with suppress(sqlite3.Error):
                in_use.close()
        self._handed.clear()
        self._shown.clear()
        _log.error(
            "%s could not be read (%s): kept as %s, %d rows taken over, %d of them unreadable and set aside",
            self.path, error, where, taken.rows, taken.unreadable,
        )  # fmt: skip

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
            body = json.dumps(fact.to_json(), separators=(",", ":"), ensure_ascii=False)
            body = body.encode("utf-8", "replace").decode()  # half a surrogate pair, which no UTF-8 can hold
            rows.append((_key(fact.id), _rank_of(fact.kind, MARKED if mark else ORDINARY), body))

        def write() -> None:
            self._db.executemany("INSERT OR IGNORE INTO facts(id, rank, body) VALUES (?, ?, ?)", rows)
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", (notes or {}).items())

        self._whole(write)
        if rows:
            self.arrived.set()

    def note(self, name: str) -> str | None:
        """What was noted under this name (the state of duty, the tour in force), or None."""
        row = self._whole(lambda: self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone(), False)
        return None if row is None else _text(row[0])

    def put_photo(self, picture: bytes) -> str:
        """Keep a picture for the depot; returns its SHA-256, by which a fact names it. Raises ``OutboxFull``."""
        name = hashlib.sha256(picture).hexdigest()
        self._whole(
            lambda: self._db.execute("INSERT OR IGNORE INTO photos(sha256, body) VALUES (?, ?)", (name, picture))
        )
        self.arrived.set()
        return name

    # --- sending --------------------------------------------------------------------------------------------------

    def peek(self, most: int, skip: Collection[str] = ()) -> list[dict[str, Any]]:
        """Up to ``most`` facts in their wire form to send next, newest first; they stay until ``settle`` names them.

        Half of them are the newest, so that what happens now shows now; a quarter the oldest of those that cannot
        be had twice (lifts, weighings, what the crew said); the rest the oldest of all, so that the backlog drains
        from its far end as well. ``skip``: ids to leave out.
        """
        left_out = {_key(id) for id in skip}
        while True:
            picked, unreadable = self._whole(lambda: self._pick(most, left_out), False)
            if not unreadable:
                return [picked[seq] for seq in sorted(picked, reverse=True)]
            self._whole(lambda unreadable=unreadable: self._keep_unreadable(unreadable))  # type: ignore[misc]
            _log.error("%s: %d facts cannot be read and are set aside: %s", self.path, len(unreadable), unreadable[:10])

    def _pick(self, most: int, left_out: set[bytes]) -> tuple[dict[int, dict[str, Any]], list[tuple[str, int]]]:
        """The facts to send by their numbers; and the numbers of those met that cannot be read, with the reason."""
        picked: dict[int, dict[str, Any]] = {}
        handed: dict[bytes, int] = {}
        unreadable: dict[int, str] = {}
        for which, share in (
            ("ORDER BY seq DESC", (most + 1) // 2),
            ("WHERE rank = 0 ORDER BY seq", most // 4),
            ("ORDER BY seq", most),
        ):
            sql, room = f"SELECT seq, id, body FROM facts {which} LIMIT ?", min(share, most - len(picked))
            found = self._db.execute(sql, (most + len(left_out),)).fetchall()
            for seq, id, body in [row for row in found if row[0] not in picked and row[1] not in left_out][:room]:
                try:
                    picked[seq] = readable_fact(body)
                except ValueError as error:
                    unreadable[seq] = str(error)[:500]
                    continue
                key = _key(picked[seq]["id"])
                if key != id or handed.setdefault(key, seq) != seq:
                    raise CorruptDatabase(f"row {seq} has the id of another fact")
        if not unreadable:
            self._handed = handed if len(self._handed) > 100_000 else self._handed | handed
        return picked, [(why, seq) for seq, why in unreadable.items()]

    def _keep_unreadable(self, rows: list[tuple[str, int]]) -> None:
        """Move rows out of the line. A number that was set aside once before is not given up for another."""
        self._db.executemany(
            "INSERT INTO damaged SELECT CASE WHEN seq IN (SELECT seq FROM damaged) THEN NULL ELSE seq END, ?, body "
            "FROM facts WHERE seq = ?",
            rows,
        )
        self._db.executemany("DELETE FROM facts WHERE seq = ?", [(seq,) for _, seq in rows])

    def settle(self, stored: Iterable[str], refused: Mapping[str, str] | None = None) -> None:
        """Let go of exactly the facts that the depot says it has; set aside those that it refuses, with its reason."""
        aside = {_key(id): why[:500] for id, why in (refused or {}).items()}
        taken = [*map(_key, stored)]
        gone = [*taken, *aside]

        def write() -> None:
            # by number first, without the index: were that damaged, a fact would be sent for ever
            where = [(self._handed[key], key) for key in gone if key in self._handed]
            keep = "INSERT OR IGNORE INTO refused(id, rank, why, body) SELECT id, rank, ?, body FROM facts WHERE id = ?"
            self._db.executemany(keep, [(why, key) for key, why in aside.items()])
            self._db.executemany("DELETE FROM facts WHERE seq = ? AND +id = ?", where)
            self._db.executemany("DELETE FROM facts WHERE id = ?", [(key,) for key in gone])

        self._whole(write)
        self._gone += taken
        for key in gone:
            self._handed.pop(key, None)

    def photos(self) -> list[str]:
        """The names of the pictures that wait for the depot."""
        sql = "SELECT rowid, sha256 FROM photos WHERE refused IS NULL ORDER BY rowid"
        found = self._whole(lambda: self._db.execute(sql).fetchall(), False)
        odd = [number for number, name in found if not isinstance(name, bytes) or not _SHA256.match(name)]
        for number in odd:
            self._refuse_photo(number, "damaged on board: has no name")
        self._shown = {name.decode(): number for number, name in found if number not in odd}
        return list(self._shown)

    def photo(self, name: str) -> bytes:
        """A picture that is kept. Raises ``KeyError`` where there is none of that name, or not as it was taken."""
        sql = "SELECT rowid, body FROM photos WHERE sha256 = ?"
        row = self._whole(lambda: self._db.execute(sql, (name,)).fetchone(), False)
        if row is None:
            raise KeyError(name)
        if not isinstance(row[1], bytes) or hashlib.sha256(row[1]).hexdigest() != name:
            self._refuse_photo(row[0], _NO_SUM)
            raise KeyError(name)
        return row[1]

    def photo_stored(self, name: str) -> None:
        def write() -> None:
            self._db.execute("DELETE FROM photos WHERE rowid = ?", (self._shown.get(name),))
            self._db.execute("DELETE FROM photos WHERE sha256 = ?", (name,))

        self._whole(write)
        self._shown.pop(name, None)

    def photo_refused(self, name: str, why: str) -> None:
        """Set a picture aside: it is kept, and not sent again."""
        self._whole(lambda: self._db.execute("UPDATE photos SET refused = ? WHERE sha256 = ?", (why[:500], name)))

    def _refuse_photo(self, number: int, why: str) -> None:
        _log.error("%s: picture %d is set aside: %s", self.path, number, why)
        self._whole(lambda: self._db.execute("UPDATE photos SET refused = ? WHERE rowid = ?", (why, number)))

    # --- looking --------------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        return self._whole(lambda: _counts(self._db), False)

    def refused(self) -> list[tuple[dict[str, Any], str]]:
        """The facts that the depot refused, with its reasons, oldest first; then pictures (kind ``photo``); then what
        cannot be read (kind ``unreadable``) by its number."""
        return self._whole(lambda: _refused(self._db), False)

    # --- room and trouble -----------------------------------------------------------------------------------------

    def _whole(self, work: Callable[[], T], writes: bool = True) -> T:
        """One transaction, all or nothing; makes room where there is none, starts a new file where this one is bad."""
        with self._lock:
            for attempt in range(5):
                try:
                    if self._lost:
                        self._db, self._lost = self._opened(), False
                        self._db.executemany("DELETE FROM facts WHERE id = ?", [(key,) for key in self._gone])
                    return self._commit(work) if writes else work()
                except (sqlite3.DatabaseError, UnicodeDecodeError) as met:
                    error = CorruptDatabase(str(met)) if isinstance(met, UnicodeDecodeError) else met
                    if _is_full(error) and attempt < 4:
                        self._make_room(attempt)
                    elif _is_full(error):
                        raise OutboxFull(f"{self.path}: {error}, and nothing left to thin") from error
                    elif _code(error) == 0 or _code(error) & 0xFF in _ELSEWHERE or attempt > 2:
                        raise OSError(f"{self.path}: {error}") from error
                    else:
                        self._lost = True
                        self._salvage(error, self._db)
        raise AssertionError("unreachable")

    def _commit(self, work: Callable[[], T]) -> T:
        with self._transaction():
            result = work()
        self._commits += 1
        if self._commits % 1_000 == 0:
            self._keep_reserve()
        self._keep_room()
        return result

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk at the end."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _count_pages(self) -> int:
        """How many pages are in use."""
        pages, free = self._pages()
        return pages - free

    def _pages(self) -> tuple[int, int]:
        """The file's pages, and how many of them are free."""
        pages, free = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        return int(pages), int(free)

    def _keep_room(self) -> None:
        """Room for what comes next, while there is some: positions are thinned, or pages kept free in the file.

        So it is known before a disk is full, whoever fills it; and what is written then takes no new room: its pages
        are free ones, and the log is as long as it needs to be.
        """
        with suppress(sqlite3.DatabaseError, OSError):  # what was to be written is; a full disk comes back to it
            pages, free = self._pages()
            if self.path.stat().st_size < pages * PAGE:  # what has grown in the log grows on the disk now
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            disk = os.statvfs(self.path.parent)
            more = min(self._quota_pages - pages, disk.f_bavail * disk.f_frsize // PAGE // 2)
            low = max(8, min(SPARE_PAGES, (pages + more) // 32))
            if free + more < low:
                self._thin_until(pages + more - low * 3 // 2)
            elif free < low and more > 2 * low:
                with self._transaction():
                    self._db.execute("INSERT OR REPLACE INTO notes VALUES ('spare', zeroblob(?))", (2 * low * PAGE,))
                    self._db.execute("DELETE FROM notes WHERE name = 'spare'")
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _make_room(self, attempt: int) -> None:
        """Begin the log anew; where that is not enough, thin inside the file; then with the room the reserve held."""
        if attempt:
            _log.warning("%s: no room (attempt %d): thinning positions", self.path, attempt)
        if attempt > 1:
            self._reserve.unlink(missing_ok=True)
        with suppress(sqlite3.DatabaseError):
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            if attempt:
                self._thin_until(self._count_pages() - SPARE_PAGES // 2)
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _keep_reserve(self) -> None:
        """Write the reserve where it is missing, or was small for want of room, and the disk has room."""
        with suppress(OSError):
            disk = os.statvfs(self.path.parent)
            there = self._reserve.stat().st_size if self._reserve.exists() else 0
            wanted = min(RESERVE_BYTES, disk.f_bavail * disk.f_frsize // 2)
            if wanted >= RESERVE_BYTES // 16 and there < (RESERVE_BYTES if wanted == RESERVE_BYTES else 1):
                private_copy(self._reserve, os.urandom(wanted))  # zeros take no room on some disks

    def _thin_until(self, pages: float) -> None:
        """Thin until no more pages than these are in use. A bite that the log has no room for is taken in parts."""
        before, bite = self._count_pages(), _BITE
        while self._count_pages() > pages:
            try:
                thinned = self._thin_once(bite)
            except sqlite3.OperationalError as error:
                if not _is_full(error) or bite <= _SMALLEST_BITE:
                    raise
                bite //= 4
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                continue
            if thinned is None:
                break
        _log.warning("%s: thinned from %d to %d pages", self.path, before, self._count_pages())

    def _thin_once(self, bite: int) -> int | None:
        """Take one bite of the rows that are due first; how many went, or None where nothing is left to thin."""
        # positions that the depot has judged and will not have
        gone = self._db.execute("SELECT seq FROM refused WHERE rank = 1 ORDER BY seq LIMIT ?", (bite,)).fetchall()
        table, kept = "refused", []
        if not gone:
            table, rows = "facts", self._due(bite)
            gone, kept = [row for i, row in enumerate(rows) if i % ONE_OF], rows[::ONE_OF]
            if not rows:
                return None
        with self._transaction():
            self._db.executemany(f"DELETE FROM {table} WHERE seq = ?", gone)
            self._db.executemany("UPDATE facts SET level = level + 1 WHERE seq = ?", kept)
            thinned = _number(self._db.execute("SELECT value FROM notes WHERE name = 'thinned'").fetchone())
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('thinned', ?)", (str(thinned + len(gone)),))
        return len(gone)

    def _due(self, bite: int) -> list[tuple[int]]:
        """The numbers of the rows to thin next, oldest first."""
        groups = self._db.execute(
            "SELECT rank, level, count(*) FROM facts WHERE rank > 0 AND level < ? GROUP BY rank, level "
            "ORDER BY level + 2 * (rank - 1), rank",
            (_LEVELS,),
        ).fetchall()
        # the last minutes stay whole as long as there is a bite of anything else
        due = next((group for group in groups if group[2] >= 2 * _BITE), next(iter(groups), None))
        if due is None:
            return []
        return self._db.execute(
            "SELECT seq FROM facts WHERE rank = ? AND level = ? ORDER BY seq LIMIT ?", (*due[:2], bite)
        ).fetchall()


def _rank_of(kind: str, rank: object) -> int:
    """What may be thinned when; a marked position is known by the rank that it has."""
    by_kind = _RANKS.get(kind, NEVER)
    return MARKED if by_kind == ORDINARY and rank == MARKED else by_kind


def _sorted(most_rank: int, row: TableRow) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Which table of an outbox a row of a damaged file belongs to, by its shape; of facts above ``most_rank`` none."""
    number = row_number(row)
    match row.values:
        case (text,):
            yield _judged(number, None, None, text)
        case (None, _, rank, str() as why, body):
            table, values = _judged(number, rank, None, body)
            yield ("refused", (*values[:3], encodable(why), body)) if table == "facts" else (table, values)
        case (None, _, rank, level, body):
            table, values = _judged(number, rank, level, body)
            if table != "facts" or values[2] <= most_rank:
                yield table, values
        case (None, str() as why, body):
            yield "damaged", (number, encodable(why), raw_bytes(body))
        case (str() as name, bytes() as picture, str() | None as why):
            if hashlib.sha256(picture).hexdigest() != name:
                why = why or _NO_SUM
            yield "photos", (encodable(name), picture, why and encodable(why))
        case (str() as name, str() as value) if encodable(name + value) == name + value:
            yield "notes", (name, value)


def _judged(number: int | None, rank: object, level: object, body: object) -> tuple[str, tuple[Any, ...]]:
    """A fact's row; or one of those that cannot be read. Its words say which it is, whatever stands beside."""
    try:
        fact = readable_fact(body)
    except ValueError as error:
        return "damaged", (number, encodable(str(error)[:500]), raw_bytes(body))
    thinned = level if isinstance(level, int) and 0 <= level <= _LEVELS else 0
    text = body.decode() if isinstance(body, bytes) else body
    return "facts", (number, _key(fact["id"]), _rank_of(fact["kind"], rank), thinned, text)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0))


def _is_full(error: sqlite3.Error) -> bool:
    return _code(error) & 0xFF in _FULL and _code(error) not in _BAD_SECTOR


def _text(value: object) -> str | None:
    """A note's text; None where it is none."""
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def _number(row: tuple[Any, ...] | None) -> int:
    try:
        return int(row[0]) if row else 0
    except (TypeError, ValueError):
        return 0


def read_outbox(path: Path) -> tuple[Counts, list[tuple[dict[str, Any], str]]]:
    """What an outbox holds and what was refused, read beside a running agent and without touching anything.

    Raises ``OSError`` where there is no outbox.
    """
    path.stat()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as db:
            db.text_factory = bytes
            return _counts(db), _refused(db)
    except sqlite3.DatabaseError as error:
        raise OSError(f"{path}: {error}") from error


def _counts(db: sqlite3.Connection) -> Counts:
    pending, refused, photos, kept = (
        int(db.execute(f"SELECT count({what}").fetchone()[0])
        for what in ("*) FROM facts", "*) FROM refused", "*) FROM photos", "refused) FROM photos")
    )
    thinned = _number(db.execute("SELECT value FROM notes WHERE name = 'thinned'").fetchone())
    return Counts(pending, refused + kept, photos - kept, thinned, len(_unreadable(db)))


def _refused(db: sqlite3.Connection) -> list[tuple[dict[str, Any], str]]:
    found: list[tuple[dict[str, Any], str]] = []
    for seq, body, why in db.execute("SELECT seq, body, why FROM refused ORDER BY seq"):
        try:
            fact = readable_fact(body)
        except ValueError:
            fact = {"kind": "unreadable", "id": f"refused row {seq}"}
        found.append((fact, _said(why)))
    photos = db.execute("SELECT sha256, refused FROM photos WHERE refused IS NOT NULL ORDER BY rowid")
    found += [({"kind": "photo", "id": _said(name)}, _said(why)) for name, why in photos]
    return found + [({"kind": "unreadable", "id": f"row {seq}"}, _said(why)) for seq, why in _unreadable(db)]


def _unreadable(db: sqlite3.Connection) -> list[tuple[int, object]]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'damaged'").fetchone():
        return []  # an outbox from before there were any
    return db.execute("SELECT seq, why FROM damaged ORDER BY seq").fetchall()


def _said(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
