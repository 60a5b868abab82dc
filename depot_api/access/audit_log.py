"""The audit log: who looked at what of a past day.

Every route that shows a person something of a past day calls ``record_access`` (a replay, which is asked its reason) or
``record_past_access`` (everything else); nothing is shown before the access is on disk, and nothing where it cannot be
written. A machine that reads its own truck's tour or messages is not recorded, nor is the day that runs.

The table is named ``looks``, and so are the page ``/looks`` and the field of ``/looks.json``: databases and programs
that are in use know them by that name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from depot_api.input_error import InputError
from depot_api.known_time import no_earlier
from depot_api.settings import MACHINES, Caller
from depot_api.store import Store, audit_entries, instant_of, microseconds

SHORTEST_REASON, LONGEST_REASON = 5, 300
ENTRIES_PER_PAGE = 200
#: The same person's next access to the same thing is recorded again only after this: a page that is asked again and
#: again would fill the log.
REPEAT_AFTER = timedelta(minutes=10)


def record_access(store: Store, who: Caller, what: str, why: str, now: datetime) -> None:
    """Write down that somebody looks at ``what`` (``replay 2026-11-20 T1``). Raises ``InputError`` without a reason."""
    reason = " ".join(why.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InputError("reason_length", length=len(reason), shortest=SHORTEST_REASON, longest=LONGEST_REASON)
    if "\0" in reason:  # which PostgreSQL keeps in no text
        raise InputError("reason_no_text")
    _write(store, who, what, reason, no_earlier(store, now))


def record_past_access(store: Store, who: Caller, what: str, now: datetime) -> None:
    """Write down that a person looks at ``what`` of a past day (``report 2026-11-20``), where no reason is asked.

    Once in ``REPEAT_AFTER`` for the same person and thing; a machine's reading is not noted. Raises ``StoreDown``: then
    nothing may be shown.
    """
    if who.role in MACHINES:
        return
    now = no_earlier(store, now)  # as it will be written: by a clock that is behind it would be noted each time
    same = (audit_entries.c.user == who.name, audit_entries.c.role == who.role, audit_entries.c.what == what[:200])
    lately = (audit_entries.c.at_us > microseconds(now - REPEAT_AFTER), audit_entries.c.at_us <= microseconds(now))
    with store.read() as connection:
        if connection.execute(select(audit_entries.c.id).where(*same, *lately).limit(1)).first() is not None:
            return
    _write(store, who, what, "", now)


def _write(store: Store, who: Caller, what: str, why: str, at: datetime) -> None:
    row = {"at_us": microseconds(at), "user": who.name, "role": who.role, "what": what[:200], "why": why}
    store.write(lambda connection: connection.execute(insert(audit_entries).values(row)))


def recorded_entries(store: Store, before: int | None = None, limit: int = ENTRIES_PER_PAGE) -> list[dict[str, Any]]:
    """Entries, newest first: ``id at who role what why``; ``before``: older than this id."""
    query = select(audit_entries).order_by(audit_entries.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_entries.c.id < before)
    with store.read() as connection:
        rows = connection.execute(query).all()
    return [
        {"id": r.id, "at": instant_of(r.at_us), "who": r.user, "role": r.role, "what": r.what, "why": r.why}
        for r in rows
    ]
