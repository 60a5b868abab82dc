"""Tokens of machines: 256 random bits, shown once, kept as SHA-256, looked up by it, revocable.

A hash of so many random bits needs no salt and no slow function, and a look-up by hash tells nothing by its time. A
token is bound to what it is named for: a box to its truck, a bridge or a plant to its site, a town to its commune.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from depot_api.known_time import no_earlier
from depot_api.settings import BOUND, TOKEN_KINDS, Caller
from depot_api.store import Store, instant_of, microseconds, tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

#: A token revoked by another process is refused this many seconds later at most.
CACHE_S = 2.0
LONGEST_NAME = 40


def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def make_token(
    store: Store,
    kind: str,
    name: str,
    *,
    now: datetime | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> str:
    """A new token of a machine, a town, a planner; nobody can read it again. Raises ``ValueError``."""
    if kind not in TOKEN_KINDS:
        raise ValueError(f"token: kind = {kind!r}, must be one of {', '.join(TOKEN_KINDS)}")
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ValueError(f"token: name = {name[:50]!r}, must be 1 to {LONGEST_NAME} characters")
    token = base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")
    row = {
        "kind": kind,
        "name": name,
        "sha256": token_digest(token),
        "created_us": microseconds(now or datetime.now(UTC)),
    }
    store.write(lambda connection: connection.execute(insert(tokens).values(row)))
    return token


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as lists show it: never itself."""

    id: int
    kind: str
    name: str
    created: datetime
    revoked: datetime | None


def issued_tokens(store: Store) -> list[IssuedToken]:
    """All tokens ever made, oldest first."""
    with store.read() as connection:
        rows = connection.execute(select(tokens).order_by(tokens.c.id)).all()
    return [
        IssuedToken(
            r.id, r.kind, r.name, instant_of(r.created_us), None if r.revoked_us is None else instant_of(r.revoked_us)
        )
        for r in rows
    ]


def revoke_token(store: Store, token_id: int, *, now: datetime | None = None) -> bool:
    """Refuse a token from now on; whether there was one in force."""
    at = microseconds(no_earlier(store, now or datetime.now(UTC)))
    in_force = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_us.is_(None))
    return store.write(lambda connection: connection.execute(in_force.values(revoked_us=at)).rowcount) == 1


class TokenCache:
    """Who holds which token; asked of the store once in ``CACHE_S`` seconds, so that a busy box costs no look-up."""

    def __init__(self, store: Store, clock_s: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock_s = clock_s
        self._known: dict[str, tuple[Caller, float]] = {}

    def cached(self, sha256: str) -> Caller | None:
        """The holder, if the store was asked a moment ago."""
        known = self._known.get(sha256)
        return known[0] if known is not None and self._clock_s() - known[1] < CACHE_S else None

    def find(self, sha256: str) -> Caller | None:
        """The holder, asked of the store; ``None`` for a token unknown or revoked (unknown ones fill no memory)."""
        asked_s = self._clock_s()
        with self._store.read() as connection:
            row = connection.execute(
                select(tokens.c.kind, tokens.c.name).where(tokens.c.sha256 == sha256, tokens.c.revoked_us.is_(None))
            ).one_or_none()
        if row is None:
            self._known.pop(sha256, None)
            return None
        holder = Caller(row.kind, row.name, (row.name,) if row.kind in BOUND else ())
        self._known[sha256] = (holder, asked_s)
        return holder


def token_cache_of(app: FastAPI) -> TokenCache:
    """The app's token cache."""
    cache = getattr(app.state, "token_cache", None)
    if not isinstance(cache, TokenCache):
        cache = app.state.token_cache = TokenCache(app.state.depot.store)
    return cache
