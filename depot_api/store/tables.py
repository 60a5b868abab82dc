"""The depot's tables, all of them, for SQLite and PostgreSQL. ``migrations/`` makes them; a test holds the two equal.

Instants are whole microseconds since 1970 UTC (``…_us``): both databases order, compare and index them alike.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata = MetaData()

#: SQLite's own row number; a bigint elsewhere.
_Seq = BigInteger().with_variant(Integer, "sqlite")

#: A clock ran ahead when this was observed: retention finds such facts by their arrival.
_AHEAD = text("at_us > received_us")

#: Everything observed, as it came. ``seq`` grows with every commit and is never used twice: readers follow it.
#: ``who``: the truck or the site that a fact is of: an id is known for it alone, so that no box can take another's
#: (an ordinary phone's ids are made from truck and time, for anybody to work out). ``body``: the fact's JSON.
facts = Table(
    "facts",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=True),
    Column("id", LargeBinary(16), nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("facts_by_id", "id", "who", unique=True),
    Index("facts_by_who", "who", "kind", "at_us"),
    Index("facts_ahead", "who", "kind", "received_us", sqlite_where=_AHEAD, postgresql_where=_AHEAD),
    sqlite_autoincrement=True,
)

#: Who has ever sent which kind: so that "all tickets since …" reads an index and not every position.
sources = Table(
    "sources",
    metadata,
    Column("who", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
)

#: Every version of a day's plan that was put in force. ``body``: plan.json; ``nodes``: [lon, lat] by OSM node.
plans = Table(
    "plans",
    metadata,
    Column("date", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("published_us", BigInteger, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("nodes", Text, nullable=False),
)

#: The tours of each version, ready to be fetched by their trucks.
tours = Table(
    "tours",
    metadata,
    Column("date", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tour", Text, primary_key=True),
    Column("truck", Text, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

#: Pictures named by facts, under the SHA-256 of what was sent. ``who``: the token's name.
photos = Table(
    "photos",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("picture", LargeBinary, nullable=False),
)

#: What boxes, bridges and programs show to be let in: of the token itself only the SHA-256 is kept.
tokens = Table(
    "tokens",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
    sqlite_autoincrement=True,
)

#: People. ``password``: argon2's own text, None where they log in elsewhere (``subject``: issuer and subject of OIDC).
users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("bound_to", Text),
    Column("password", Text),
    Column("subject", Text, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("disabled_us", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
)

#: The audit log: who looked at what of the past, and why. Staff representatives see it.
audit_entries = Table(
    "looks",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_autoincrement=True,
)

#: Logins tried of late, good or bad, by what is limited (the SHA-256 of an account, of an address, of both).
attempts = Table(
    "attempts",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("attempts_by_key", "key", "at_us"),
    sqlite_autoincrement=True,
)

#: What became of each task of a day, archived before the day's positions go: the proof of service.
#: ``body``: state and evidence, without a track.
services = Table(
    "services",
    metadata,
    Column("date", Text, primary_key=True),
    Column("tour", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("truck", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", Text, nullable=False),
)

#: How long streets of a class take at an hour, over all trucks of a year: no truck, no date, no street.
#: ``what``: drive or serve; ``metres`` may be 0 for what is counted by the stop.
paces = Table(
    "paces",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("street_class", Text, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("seconds", BigInteger, nullable=False),
    Column("metres", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
)

#: Days archived in ``services`` and ``paces``: never twice, or what they add up would be doubled.
archived_days = Table(
    "distilled",
    metadata,
    Column("date", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
)

#: What the retention run deleted, newest run of each purpose with something to delete.
deletions = Table(
    "deletions",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("records", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

#: What a contractor or the authority noted on a line of the monthly sheet (a row of ``services``); never changed.
objections = Table(
    "objections",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("date", Text, nullable=False),
    Column("tour", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("objections_by_date", "date"),
    sqlite_autoincrement=True,
)

#: One row: the last time that the depot is sure of (a lower bound of the true time), and the newest fact until then.
#: ``doubted_us``: what the clock showed when it was first doubted since; ``said_us``: when a person last said so.
known_time = Table(
    "known_time",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("known_us", BigInteger),
    Column("seq", BigInteger, nullable=False),
    Column("doubted_us", BigInteger),
    Column("behind", Integer, nullable=False),
    Column("said_us", BigInteger),
)

#: When retention refused (``subject``: ``run``), or asks before it deletes (a purpose's key), and how that ended.
#: ``why``: a JSON list of reasons; ``tried_us``: last refused; ``told_us``: last told; ``how``: see ``refusals.py``.
refusals = Table(
    "refusals",
    metadata,
    Column("id", _Seq, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("tried_us", BigInteger, nullable=False),
    Column("told_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("ended_by", Text),
    Column("how", Text),
    sqlite_autoincrement=True,
)
