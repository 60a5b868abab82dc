"""The audit log: who looked at what of a past day.

Every route that shows a person something of a past day calls ``note`` (a replay, which is asked its reason) or
``note_past`` (everything else); nothing is shown before the look is on disk, and nothing where it cannot be written.
A machine that reads its own truck's tour or messages is no look, nor is the day that runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from depot_api.known_time import no_earlier
from depot_api.settings import MACHINES, Caller
from depot_api.store import Store, instant_of, looks, microseconds

SHORTEST_WHY, LONGEST_WHY = 5, 300
PAGE = 200
#: The same person's next look at the same thing is noted again only after this: a page that is asked again and again
#: would fill the log.
AGAIN = timedelta(minutes=10)


def note(store: Store, who: Caller, what: str, why: str, now: datetime) -> None:
    """Write down that somebody looks at ``what`` (``replay 2026-11-20 T1``). Raises ``ValueError`` without a reason."""
    reason = " ".join(why.split())
    if not SHORTEST_WHY <= len(reason) <= LONGEST_WHY:
        raise ValueError(f"why: {len(reason)} characters, must be from {SHORTEST_WHY} to {LONGEST_WHY}")
    if "\0" in reason:  # which PostgreSQL keeps in no text
        raise ValueError("why: holds a zero character, must be text")
    _write(store, who, what, reason, no_earlier(store, now))


def note_past(store: Store, who: Caller, what: str, now: datetime) -> None:
    """Write down that a person looks at ``what`` of a past day (``report 2026-11-20``), where no reason is asked.

    Once in ``AGAIN`` for the same person and thing; a machine's reading is not noted. Raises ``StoreDown``: then
    nothing may be shown.
    """
    if who.role in MACHINES:
        return
    now = no_earlier(store, now)  # as it will be written: by a clock that is behind it would be noted each time
    same = (looks.c.user == who.name, looks.c.role == who.role, looks.c.what == what[:200])
    lately = (looks.c.at_us > microseconds(now - AGAIN), looks.c.at_us <= microseconds(now))
    with store.read() as connection:
        if connection.execute(select(looks.c.id).where(*same, *lately).limit(1)).first() is not None:
            return
    _write(store, who, what, "", now)


def _write(store: Store, who: Caller, what: str, why: str, at: datetime) -> None:
    row = {"at_us": microseconds(at), "user": who.name, "role": who.role, "what": what[:200], "why": why}
    store.write(lambda connection: connection.execute(insert(looks).values(row)))


def noted(store: Store, before: int | None = None, limit: int = PAGE) -> list[dict[str, Any]]:
    """Looks, newest first: ``id at who role what why``; ``before``: older than this id."""
    query = select(looks).order_by(looks.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(looks.c.id < before)
    with store.read() as connection:
        rows = connection.execute(query).all()
    return [
        {"id": r.id, "at": instant_of(r.at_us), "who": r.user, "role": r.role, "what": r.what, "why": r.why}
        for r in rows
    ]
