"""Sessions of people who logged in: kept at the depot, ended by it; the cookie is only a random key to them.

Kept: the SHA-256 of the cookie, who, when it began and was last used. A session ends after ``IDLE`` without use and
after ``LONGEST`` in any case; with the log-out, the account's end, a new password or another role it ends at once.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from depot_api.accounts.tokens import token_digest
from depot_api.settings import Caller
from depot_api.store import StoreDown, microseconds, sessions, users

if TYPE_CHECKING:
    from fastapi import Request, Response
    from sqlalchemy import Connection

    from depot_api.state import Depot
    from depot_api.store import Store

COOKIE = "ripeur_session"
IDLE = timedelta(hours=4)
LONGEST = timedelta(hours=12)  # one working day and its overtime
#: The last use is written down this often at most: a console asks every second.
TOUCH = timedelta(minutes=1)
PATIENCE_S = 2.0
_USES = threading.Lock()


@dataclass(frozen=True, slots=True)
class Session:
    """``csrf`` must come with every change that the cookie asks for."""

    csrf: str
    caller: Caller


def begin_session(depot: Depot, user: str) -> str:
    """A new session of this account: the cookie's value."""
    cookie = secrets.token_urlsafe(32)
    now = depot.clock.now()
    row = {
        "sha256": token_digest(cookie),
        "user": user,
        "csrf": secrets.token_urlsafe(32),
        "created_us": microseconds(now),
        "seen_us": microseconds(now),
        "expires_us": microseconds(now + LONGEST),
    }
    depot.store.write(lambda connection: connection.execute(insert(sessions).values(row)))
    return cookie


def find_session(depot: Depot, cookie: str) -> Session | None:
    """The session of this cookie, if it has not ended and its account is in force; its use is noted."""
    sha256 = token_digest(cookie)
    now = depot.clock.now()
    with depot.store.read() as connection:
        row = connection.execute(
            select(sessions, users.c.role, users.c.bound_to)
            .join(users, users.c.name == sessions.c.user)
            .where(
                sessions.c.sha256 == sha256,
                sessions.c.expires_us > microseconds(now),
                sessions.c.seen_us > microseconds(now - IDLE),
                users.c.disabled_us.is_(None),
            )
        ).one_or_none()
    if row is None:
        return None
    if row.seen_us < microseconds(now - TOUCH):
        _note_use(depot, sha256, microseconds(now))
    holder = Caller(row.role, row.user, tuple((row.bound_to or "").splitlines()))
    return Session(row.csrf, holder)


def _note_use(depot: Depot, sha256: str, now_us: int) -> None:
    """Write a session's use down; no page fails where that cannot be, or waits for it longer than ``PATIENCE_S``.

    Where the database cannot be written for ``IDLE``, sessions end as if they had not been used. One piece of writing
    waits at a time, for all sessions together: a locked database keeps facts waiting no longer than it must.
    """
    uses = depot.session_uses
    with _USES:
        under_way = bool(uses)
        uses[sha256] = now_us
    if under_way:
        return

    def written(connection: Connection) -> None:
        with _USES:
            now = tuple(uses.items())
        for of, seen_us in now:
            connection.execute(update(sessions).where(sessions.c.sha256 == of).values(seen_us=seen_us))

    def done(_: object) -> None:  # well or not: what was not written is noted again at the session's next use
        with _USES:
            uses.clear()

    try:
        writing = depot.store.write_later(written)
    except StoreDown:  # the store is closing
        done(None)
        return
    writing.add_done_callback(done)
    with suppress(StoreDown, TimeoutError):
        writing.result(PATIENCE_S)


def end_session(store: Store, cookie: str) -> None:
    """Log out."""
    gone = delete(sessions).where(sessions.c.sha256 == token_digest(cookie))
    store.write(lambda connection: connection.execute(gone))


def end_sessions_of(connection: Connection, user: str) -> None:
    """End every session of an account: its role, its password or itself has changed."""
    connection.execute(delete(sessions).where(sessions.c.user == user))


def set_session_cookie(request: Request, response: Response, cookie: str) -> None:
    """Set the cookie: no script reads it, no other site's page sends it, no plain HTTP carries it where TLS is used."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def clear_session_cookie(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")
