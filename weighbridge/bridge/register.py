"""The bridge's register: weighings, loads, tickets and stored tares, in one SQLite file that survives a power cut.

What belongs together is one transaction (``Register.transaction``), forced to the disk before it returns: a ticket's
number is given in the transaction that writes the ticket, so numbers neither skip nor repeat whenever the power goes.
Every fact is written there too and handed to the outbox afterwards; what was not handed over when the power went is
handed over at the next start. Its id is the same then, so the depot counts it once.

A weighing is known by site, instrument, date and alibi number (an indicator may restart its numbers every day); where
an indicator has no alibi memory, by this register's own series and number. The series is drawn by chance when a
register is made: a bridge whose disk was lost starts a new series and repeats no number of the old. So does one whose
file was damaged: what can be read is taken over (``salvage.py`` of the outbox), but whether the last number was is not
known.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid5

from fleet import Fact, Ticket, Weighing, fact_from_json, instant, instant_text
from onboard.outbox import (
    TableRow,
    encodable,
    mark_salvaged,
    open_checked,
    raw_bytes,
    readable_fact,
    row_number,
    salvage_rows,
    swap_in_salvaged,
)
from onboard.private import private_folder

#: The space in which weighings and tickets have their ids: the same weighing has the same id wherever it is read from.
ID_NAMESPACE = UUID("5d0f4c1e-7b1a-5c2e-9a53-4f6d1b1c7e20")
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
CREATE TABLE IF NOT EXISTS damaged(n INTEGER PRIMARY KEY, why TEXT NOT NULL, body);
"""
#: A fact's state in ``handed``; one that cannot be read stays where it is, by its number.
_WAITS, _HANDED, _UNREADABLE = 0, 1, 2
_log = logging.getLogger(__name__)


class FactSink(Protocol):
    """Where facts go on from here: ``onboard.outbox.outbox.Outbox``."""

    def put_all(self, facts: list[Fact]) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenLoad:
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
class StoredTare:
    truck: str
    kg: float
    at: datetime
    expires_at: datetime
    weighing: str | None


def weighing_id(identity: str) -> str:
    return str(uuid5(ID_NAMESPACE, identity))


class Transaction:
    """What is written together. Made by ``Register.transaction`` only."""

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
            with suppress(ValueError):  # what cannot be read any more may have been another
                known = _weighing(found[0])
                if known.raw == values.get("raw"):
                    return known, False
            id = weighing_id(f"{identity}/{hashlib.sha256(str(values.get('raw')).encode()).hexdigest()}")
            found = self._db.execute("SELECT body FROM weighings WHERE id = ?", (id,)).fetchone()
            if found:
                with suppress(ValueError):
                    return _weighing(found[0]), False
                id = weighing_id(f"{identity}/{n}")
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

    def ticket(self, load: OpenLoad | None = None, **values: Any) -> Ticket:
        """Write a ticket under the next number; ``load`` is closed by it."""
        n = 1 + int(self._db.execute("SELECT coalesce(max(n), 0) FROM tickets").fetchone()[0])
        number = f"{self._site}-{self._series}-{n:06d}"
        fact = Ticket(id=str(uuid5(ID_NAMESPACE, f"ticket/{number}")), site=self._site, number=number, **values)
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

    def __init__(self, path: Path, site: str, outbox: FactSink | None = None, *, read_only: bool = False) -> None:
        if not 0 < len(site) <= 20 or not site.isprintable() or "/" in site:
            raise ValueError(f"register: site = {site!r}, must be 1 to 20 characters without /")
        self.path, self.site, self._outbox = path, site, outbox
        if read_only:  # beside a running bridge, whose log is written while we read: nothing to judge, nor to mend
            self._db, self.series = _looked_at(path), ""
            return
        private_folder(path.parent)
        self._db = self._opened()
        self._begin()

    def _begin(self) -> None:
        """Find the site's name and the series in the file, or put them there."""
        of = self.note("site", self.site)
        if of != self.site and not any(weighing.site == self.site for weighing in self.weighings()):
            self._db.close()
            raise ValueError(f"{self.path}: the register of site {of!r}, must be that of {self.site!r}")
        self.series = str(self.note("series", ""))
        if of != self.site or not re.fullmatch(f"[{_SERIES}]{{4}}", self.series):  # new, or no longer what was written
            self.series = "".join(secrets.choice(_SERIES) for _ in range(4))
            with self.transaction() as change:
                change.note("site", self.site)
                change.note("series", self.series)

    def reopen(self) -> None:
        """Open the file anew, and take over what can be read of it where it is damaged. Raises ``OSError``."""
        with suppress(sqlite3.Error):
            self._db.close()
        self._db = self._opened()
        self._begin()

    def _opened(self) -> sqlite3.Connection:
        swap_in_salvaged(self.path)  # what a bridge began that died in the middle of it
        for attempt in range(2):
            try:
                return self._open()
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
                if attempt or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                    raise OSError(f"{self.path}: {error}") from error
                taken = salvage_rows(self.path, _SCHEMA, _sorted)
                if not taken.all_of_it:
                    raise OSError(f"{self.path}: {error}, and no room to take it over into a new file") from error
                mark_salvaged(self.path)
                _log.error(
                    "%s could not be read (%s): kept as %s, %d rows taken over, %d of them unreadable and set aside; "
                    "ticket numbers begin a new series",
                    self.path, error, swap_in_salvaged(self.path), taken.rows, taken.unreadable,
                )  # fmt: skip
        raise AssertionError("unreachable")

    def _open(self) -> sqlite3.Connection:
        db = open_checked(self.path, _SCHEMA, _text, later={b"damaged"})  # not in registers from before
        try:
            _mend(db)
        except BaseException:
            db.close()
            raise
        return db

    @classmethod
    def open_read_only(cls, path: Path) -> Register:
        """The register in ``path``, whichever site's, to look at. Raises ``OSError`` where it cannot be opened."""
        try:
            with closing(_looked_at(path)) as db:
                row = db.execute("SELECT value FROM notes WHERE name = 'site'").fetchone()
            site = None if row is None else json.loads(row[0])
        except (sqlite3.DatabaseError, UnicodeDecodeError, ValueError, TypeError) as error:
            raise OSError(f"{path}: {error}") from error
        if not isinstance(site, str):
            raise OSError(f"{path}: names no site, must be a bridge's register")
        return cls(path, site, read_only=True)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it or nothing; on the disk on return, and its facts handed on."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(self._db, self.site, self.series)
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
        facts, states = [], []
        for seq, id, body in self._db.execute(
            "SELECT seq, id, body FROM facts WHERE handed = 0 ORDER BY seq"
        ).fetchall():
            fact = _first_legible([body, *self._copies(id)])
            if fact is None:
                _log.error("%s: fact %d cannot be read and is set aside", self.path, seq)
            else:
                facts.append(fact)
            states.append((_UNREADABLE if fact is None else _HANDED, seq))
        if states:
            if facts:
                self._outbox.put_all(facts)
            self._db.executemany("UPDATE facts SET handed = ? WHERE seq = ?", states)
        return len(facts)

    def _copies(self, id: str) -> list[str]:
        """The same fact's words where they stand a second time."""
        sql = "SELECT body FROM weighings WHERE id = ? UNION ALL SELECT body FROM tickets WHERE id = ?"
        return [body for (body,) in self._db.execute(sql, (encodable(str(id)), encodable(str(id))))]

    def unreadable(self) -> int:
        """How many of its rows cannot be read any more: kept, told here, and passed over everywhere else."""
        counted = self._db.execute(
            "SELECT (SELECT count(*) FROM damaged) + (SELECT count(*) FROM facts WHERE handed = 2)"
        ).fetchone()
        return int(counted[0])

    def close(self) -> None:
        self._db.close()

    # --- looking ---------------------------------------------------------------------------------------------------

    def note(self, name: str, otherwise: Any = None) -> Any:
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        try:
            return otherwise if row is None else json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            _log.error("%s: the note %r cannot be read", self.path, name)
            return otherwise

    def open_loads(self) -> list[OpenLoad]:
        """Trucks that were weighed once only, oldest first."""
        sql = "SELECT n, truck, plate, product, flux, weighing, kg, at, note FROM loads WHERE ticket IS NULL ORDER BY n"
        return [load for row in self._db.execute(sql).fetchall() if (load := _load(row)) is not None]

    def tare_of(self, truck: str | None) -> StoredTare | None:
        """The stored tare, expired or not."""
        row = self._db.execute("SELECT * FROM tares WHERE truck = ?", (truck,)).fetchone()
        try:
            return None if row is None else StoredTare(row[0], _kg(row[1]), instant(row[2]), instant(row[3]), row[4])
        except ValueError:
            return None

    def weighing(self, id: str | None) -> Weighing | None:
        row = self._db.execute("SELECT body FROM weighings WHERE id = ?", (id,)).fetchone()
        with suppress(ValueError):
            return None if row is None else _weighing(row[0])
        return None

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
        all_ = [fact for fact in self._facts_of("tickets") if isinstance(fact, Ticket)]
        return [t for t in all_ if (since is None or t.at >= since) and (until is None or t.at < until)]

    def weighings(self) -> list[Weighing]:
        return [fact for fact in self._facts_of("weighings") if isinstance(fact, Weighing)]

    def _facts_of(self, table: str) -> Iterator[Fact]:
        """By number. One that cannot be read is told and passed over."""
        for n, body in self._db.execute(f"SELECT n, body FROM {table} ORDER BY n").fetchall():
            fact = _first_legible([body])
            if fact is None:
                _log.error("%s: row %d of %s cannot be read", self.path, n, table)
            else:
                yield fact

    def replaced_by(self, ticket: Ticket) -> Ticket | None:
        """The correction that replaces a ticket, if there is one."""
        return next((other for other in self.tickets() if other.corrects == ticket.id), None)


def _written(fact: Fact) -> str:
    return json.dumps(fact.to_json(), separators=(",", ":"), ensure_ascii=False)


def _looked_at(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)
    db.text_factory = _text
    return db


def _text(raw: bytes) -> str:
    """Text as it stands there, be it no UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def _weighing(body: object) -> Weighing:
    fact = fact_from_json(readable_fact(body))
    if not isinstance(fact, Weighing):
        raise ValueError(f"weighing: kind = {fact.kind!r}, must be weighing")
    return fact


def _ticket(body: object) -> Ticket:
    fact = fact_from_json(readable_fact(body))
    if not isinstance(fact, Ticket):
        raise ValueError(f"ticket: kind = {fact.kind!r}, must be ticket")
    return fact


def _first_legible(bodies: list[Any]) -> Fact | None:
    for body in bodies:
        with suppress(ValueError):
            return fact_from_json(readable_fact(body))
    return None


def _kg(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise ValueError(f"kg = {value!r}, must be a number")


def _load(row: tuple[Any, ...]) -> OpenLoad | None:
    n, truck, plate, product, flux, weighing, kg, at, note = row
    try:
        return OpenLoad(
            n=n,
            truck=truck,
            plate=plate,
            product=product,
            flux=flux,
            weighing=weighing,
            kg=_kg(kg),
            at=instant(at),
            note=note,
        )
    except ValueError as error:
        _log.error("load %d cannot be read: %s", n, error)
        return None


def _sorted(row: TableRow) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Which table of a register a row of a damaged file belongs to, by its shape. The series is left behind."""
    number = row_number(row)
    match row.values:
        case (text,):
            yield _fact_row(number, _WAITS, text)
        case (None, str(), int() as handed, body):
            yield _fact_row(number, handed, body)
        case (None, str(), str(), body) | (None, str(), str(), str(), body):
            fact = _first_legible([body])
            if isinstance(fact, Weighing | Ticket):
                table, values = _own_row(number, fact)
                yield table, values
            else:
                yield "damaged", (number, "a weighing or a ticket", raw_bytes(body))
        case (None, truck, plate, product, flux, str(), int() | float(), str(), note, ticket) as load:
            with suppress(ValueError):
                instant(load[7])
                names = (truck, plate, product, flux, note, ticket)
                if all(name is None or (isinstance(name, str) and encodable(name) == name) for name in names):
                    yield "loads", (number, *load[1:])
        case (str(), int() | float(), str(), str(), weighing) as tare if weighing is None or isinstance(weighing, str):
            if encodable("".join(map(str, tare))) == "".join(map(str, tare)):
                yield "tares", tare
        case (None, str() as why, body):
            yield "damaged", (number, encodable(why), raw_bytes(body))
        case (str() as name, str() as value) if encodable(name + value) == name + value and name != "series":
            yield "notes", (name, value)


def _fact_row(number: int | None, handed: int, body: Any) -> tuple[str, tuple[Any, ...]]:
    fact = _first_legible([body])
    if fact is None:
        return "damaged", (number, "a fact", raw_bytes(body))
    return "facts", (number, fact.id, _HANDED if handed == _HANDED else _WAITS, _written(fact))


def _own_row(number: int | None, fact: Weighing | Ticket) -> tuple[str, tuple[Any, ...]]:
    if isinstance(fact, Weighing):
        return "weighings", (number, fact.id, instant_text(fact.at), _written(fact))
    return "tickets", (number, fact.id, fact.number, instant_text(fact.at), _written(fact))


def _mend(db: sqlite3.Connection) -> None:
    """Every weighing and ticket stands here twice: what one table has lost the other still holds."""
    for table in ("weighings", "tickets"):
        sql = f"SELECT id, body FROM {table} WHERE id NOT IN (SELECT id FROM facts)"
        db.executemany("INSERT OR IGNORE INTO facts(id, body) VALUES (?, ?)", db.execute(sql).fetchall())
    sql = "SELECT body FROM facts WHERE id NOT IN (SELECT id FROM weighings UNION ALL SELECT id FROM tickets)"
    for (body,) in db.execute(sql).fetchall():
        fact = _first_legible([body])
        if isinstance(fact, Weighing | Ticket):
            table, values = _own_row(int(fact.number[-6:]) if isinstance(fact, Ticket) else None, fact)
            marks = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(values))})"
            if not db.execute(marks, values).rowcount:
                db.execute(marks, (None, *values[1:]))
