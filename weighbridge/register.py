"""The bridge's register: weighings, loads, tickets and stored tares, in one SQLite file that survives a power cut.

What belongs together is one transaction (``Register.change``), forced to the disk before it returns: a ticket's number
is given in the transaction that writes the ticket, so numbers neither skip nor repeat whenever the power goes. Every
fact is written there too and handed to the outbox afterwards; what was not handed over when the power went is handed
over at the next start. Its id is the same then, so the depot counts it once.

A weighing is known by site, instrument, date and alibi number (an indicator may restart its numbers every day); where
an indicator has no alibi memory, by this register's own series and number. The series is drawn by chance when a
register is made: a bridge whose disk was lost starts a new series and repeats no number of the old.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid5

from fleet import Fact, Ticket, Weighing, fact_from_json, instant, instant_text

#: The space in which weighings and tickets have their ids: the same weighing has the same id wherever it is read from.
NAMES = UUID("5d0f4c1e-7b1a-5c2e-9a53-4f6d1b1c7e20")
_SERIES = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS weighings(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS loads(
  n INTEGER PRIMARY KEY, truck TEXT, plate TEXT, product TEXT, flux TEXT, weighing TEXT NOT NULL, kg REAL NOT NULL,
  at TEXT NOT NULL, note TEXT, ticket TEXT);
CREATE TABLE IF NOT EXISTS tickets(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL UNIQUE,
  at TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tares(
  truck TEXT PRIMARY KEY, kg REAL NOT NULL, at TEXT NOT NULL, expires_at TEXT NOT NULL, weighing TEXT);
CREATE TABLE IF NOT EXISTS facts(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, handed INTEGER NOT NULL DEFAULT 0,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS to_hand ON facts(seq) WHERE handed = 0;
CREATE TABLE IF NOT EXISTS notes(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Facts(Protocol):
    """Where facts go on from here: ``onboard.outbox.Outbox``."""

    def put_all(self, facts: list[Fact]) -> None: ...


@dataclass(frozen=True, slots=True)
class Load:
    """A truck that was weighed once. Open until its ``ticket``."""

    n: int
    truck: str | None
    plate: str | None
    product: str | None
    flux: str | None
    weighing: str
    kg: float
    at: datetime
    note: str | None

    @property
    def who(self) -> str:
        return self.truck or self.plate or "?"


@dataclass(frozen=True, slots=True)
class Tare:
    truck: str
    kg: float
    at: datetime
    expires_at: datetime
    weighing: str | None


def weighing_id(identity: str) -> str:
    return str(uuid5(NAMES, identity))


class Change:
    """What is written together. Made by ``Register.change`` only."""

    def __init__(self, db: sqlite3.Connection, site: str, series: str) -> None:
        self._db, self._site, self._series = db, site, series

    def weighing(self, day: str, **values: Any) -> tuple[Weighing, bool]:
        """Record a legal weighing; returns it, and False where the very same was recorded before.

        ``day``: the instrument's day, to which its alibi number belongs. The same alibi number with another raw frame
        is another weighing (an indicator whose memory was reset), and keeps its own id.
        """
        alibi = values.get("alibi")
        n = 1 + int(self._db.execute("SELECT coalesce(max(n), 0) FROM weighings").fetchone()[0])
        of_site = f"{self._site}/{values['instrument']}"
        identity = f"{of_site}/{day}/{alibi}" if alibi else f"{of_site}/{self._series}/{n}"
        id = weighing_id(identity)
        found = self._db.execute("SELECT body FROM weighings WHERE id = ?", (id,)).fetchone()
        if found:
            known = _weighing(found[0])
            if known.raw == values.get("raw"):
                return known, False
            id = weighing_id(f"{identity}/{hashlib.sha256(str(values.get('raw')).encode()).hexdigest()}")
            found = self._db.execute("SELECT body FROM weighings WHERE id = ?", (id,)).fetchone()
            if found:
                return _weighing(found[0]), False
        fact = Weighing(id=id, site=self._site, **values)
        body = _written(fact)
        self._db.execute("INSERT INTO weighings VALUES (?, ?, ?, ?)", (n, id, instant_text(fact.at), body))
        self.fact(fact)
        return fact, True

    def load(self, weighing: Weighing, product: str | None, flux: str | None, note: str | None) -> None:
        """A truck has been weighed once."""
        row = (weighing.truck, weighing.plate, product, flux, weighing.id, weighing.kg, instant_text(weighing.at), note)
        self._db.execute(
            "INSERT INTO loads(truck, plate, product, flux, weighing, kg, at, note) VALUES (?,?,?,?,?,?,?,?)", row
        )

    def ticket(self, load: Load | None = None, **values: Any) -> Ticket:
        """Write a ticket under the next number; ``load`` is closed by it."""
        n = 1 + int(self._db.execute("SELECT coalesce(max(n), 0) FROM tickets").fetchone()[0])
        number = f"{self._site}-{self._series}-{n:06d}"
        fact = Ticket(id=str(uuid5(NAMES, f"ticket/{number}")), site=self._site, number=number, **values)
        self._db.execute(
            "INSERT INTO tickets VALUES (?, ?, ?, ?, ?)", (n, fact.id, number, instant_text(fact.at), _written(fact))
        )
        if load is not None:
            self._db.execute("UPDATE loads SET ticket = ? WHERE n = ?", (fact.id, load.n))
        self.fact(fact)
        return fact

    def tare(self, truck: str, kg: float, at: datetime, days: float, weighing: str | None) -> None:
        """Keep a truck's tare; it expires."""
        row = (truck, kg, instant_text(at), instant_text(at + timedelta(days=days)), weighing)
        self._db.execute("INSERT OR REPLACE INTO tares VALUES (?, ?, ?, ?, ?)", row)

    def fact(self, fact: Fact) -> None:
        """Put a fact on its way, with whatever else is written here."""
        self._db.execute("INSERT OR IGNORE INTO facts(id, body) VALUES (?, ?)", (fact.id, _written(fact)))

    def note(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))


class Register:
    """The register in ``path``, for one site. One process at a time writes it; made at the first opening.

    Raises ``ValueError`` where the file is another site's, ``OSError`` where it cannot be opened.
    """

    def __init__(self, path: Path, site: str, outbox: Facts | None = None) -> None:
        if not 0 < len(site) <= 20 or not site.isprintable() or "/" in site:
            raise ValueError(f"register: site = {site!r}, must be 1 to 20 characters without /")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=20)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise OSError(f"{path}: {error}") from error
        self.path, self.site, self._outbox = path, site, outbox
        if self.note("site", site) != site:
            raise ValueError(f"{path}: the register of site {self.note('site')!r}, must be that of {site!r}")
        self.series = str(self.note("series", ""))
        if not self.series:
            self.series = "".join(secrets.choice(_SERIES) for _ in range(4))
            with self.change() as change:
                change.note("site", site)
                change.note("series", self.series)

    @classmethod
    def look(cls, path: Path) -> Register:
        """The register in ``path``, whichever site's, to look at. Raises ``OSError`` where it cannot be opened."""
        try:
            db = sqlite3.connect(path)
            row = db.execute("SELECT value FROM notes WHERE name = 'site'").fetchone()
            db.close()
        except sqlite3.DatabaseError as error:
            raise OSError(f"{path}: {error}") from error
        if row is None:
            raise OSError(f"{path}: names no site, must be a bridge's register")
        return cls(path, json.loads(row[0]))

    @contextmanager
    def change(self) -> Iterator[Change]:
        """All of it or nothing; on the disk on return, and its facts handed on."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield Change(self._db, self.site, self.series)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.hand_over()

    def hand_over(self) -> int:
        """Give the outbox every fact that it was not given yet; returns how many. Giving one twice does no harm."""
        if self._outbox is None:
            return 0
        rows = self._db.execute("SELECT seq, body FROM facts WHERE handed = 0 ORDER BY seq").fetchall()
        if rows:
            self._outbox.put_all([fact_from_json(json.loads(body)) for _, body in rows])
            self._db.executemany("UPDATE facts SET handed = 1 WHERE seq = ?", [(seq,) for seq, _ in rows])
        return len(rows)

    def close(self) -> None:
        self._db.close()

    # --- looking ---------------------------------------------------------------------------------------------------

    def note(self, name: str, otherwise: Any = None) -> Any:
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return otherwise if row is None else json.loads(row[0])

    def open_loads(self) -> list[Load]:
        """Trucks that were weighed once only, oldest first."""
        sql = "SELECT n, truck, plate, product, flux, weighing, kg, at, note FROM loads WHERE ticket IS NULL ORDER BY n"
        return [
            Load(n, truck, plate, product, flux, weighing, kg, instant(at), note)
            for n, truck, plate, product, flux, weighing, kg, at, note in self._db.execute(sql)
        ]

    def tare_of(self, truck: str | None) -> Tare | None:
        """The stored tare, expired or not."""
        row = self._db.execute("SELECT * FROM tares WHERE truck = ?", (truck,)).fetchone()
        return None if row is None else Tare(row[0], row[1], instant(row[2]), instant(row[3]), row[4])

    def weighing(self, id: str | None) -> Weighing | None:
        row = self._db.execute("SELECT body FROM weighings WHERE id = ?", (id,)).fetchone()
        return None if row is None else _weighing(row[0])

    def ticket(self, number_or_id: str) -> Ticket:
        """Raises ``ValueError`` for a number that was never given. The digits at its end will do."""
        sql = "SELECT body FROM tickets WHERE number = ? OR id = ?"
        row = self._db.execute(sql, (number_or_id, number_or_id)).fetchone()
        if row is None and number_or_id.isascii() and number_or_id.isdigit() and len(number_or_id) < 10:
            row = self._db.execute("SELECT body FROM tickets WHERE n = ?", (int(number_or_id),)).fetchone()
        if row is None:
            raise ValueError(f"ticket: number = {number_or_id!r}, must be one of this register's")
        return _ticket(row[0])

    def tickets(self, since: datetime | None = None, until: datetime | None = None) -> list[Ticket]:
        """By number; ``since`` ≤ at < ``until``."""
        all_ = (_ticket(body) for (body,) in self._db.execute("SELECT body FROM tickets ORDER BY n"))
        return [t for t in all_ if (since is None or t.at >= since) and (until is None or t.at < until)]

    def weighings(self) -> list[Weighing]:
        return [_weighing(body) for (body,) in self._db.execute("SELECT body FROM weighings ORDER BY n")]

    def replaced_by(self, ticket: Ticket) -> Ticket | None:
        """The correction that replaces a ticket, if there is one."""
        return next((other for other in self.tickets() if other.corrects == ticket.id), None)


def _written(fact: Fact) -> str:
    return json.dumps(fact.to_json(), separators=(",", ":"), ensure_ascii=False)


def _read(body: str) -> Mapping[str, Any]:
    return json.loads(body)  # type: ignore[no-any-return]


def _weighing(body: str) -> Weighing:
    fact = fact_from_json(_read(body))
    assert isinstance(fact, Weighing)
    return fact


def _ticket(body: str) -> Ticket:
    fact = fact_from_json(_read(body))
    assert isinstance(fact, Ticket)
    return fact
