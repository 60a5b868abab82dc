"""The log of who looked at what of a past day, and the page that shows what is kept.

Every route that shows a person something of a past day calls ``note`` (a replay, which is asked its reason) or
``note_past`` (everything else); nothing is shown before the look is on disk, and nothing where it cannot be written.
A machine that reads its own truck's tour or messages is no look, nor is the day that runs.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy import insert, select

from dashboards.staff.looks import looks_page, privacy_page
from dashboards.staff.people import word
from dashboards.staff.retention import refusals_part
from depot_api.access.access import allow, caller
from depot_api.known_time.known_time import no_earlier
from depot_api.privacy import retention
from depot_api.privacy import told as retention_told
from depot_api.settings.retention_terms import purposes
from depot_api.settings.roles import MACHINES, Caller
from depot_api.state.depot import Depot, depot_of, zone_of
from depot_api.state.pages import frame_of, html, language
from depot_api.store.store import Store, instant_of, microseconds
from depot_api.store.tables import looks
from fleet import instant_text

router = APIRouter(tags=["people"])

SHORTEST_WHY, LONGEST_WHY = 5, 300
PAGE = 200
#: The same person's next look at the same thing is noted again only after this: a page that is asked again and again
#: would fill the log.
AGAIN = timedelta(minutes=10)
#: Who may see who looked, and how much is kept.
OVERSEERS = retention_told.OVERSEERS


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


def today_of(depot: Depot) -> date:
    """The local day that runs: whatever is of an earlier one is past."""
    return day_of(depot, depot.clock.now())


def day_of(depot: Depot, at: datetime) -> date:
    """The local day of an instant."""
    return at.astimezone(zone_of(depot)).date()


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


@router.get("/looks.json", dependencies=[Depends(allow(*OVERSEERS))])
async def looks_json(
    request: Request, before: Annotated[int | None, Query(ge=0, le=2**53)] = None
) -> dict[str, list[dict[str, str | int]]]:
    """Who looked at what and why, newest first, 200 at a time; ``before``: the last id seen."""
    found = await to_thread.run_sync(noted, depot_of(request).store, before)
    return {"looks": [{**look, "at": instant_text(look["at"])} for look in found]}


@router.get("/looks", include_in_schema=False)
async def looks_html(request: Request, who: Annotated[Caller, Depends(allow(*OVERSEERS))]) -> Response:
    """The same as a page."""
    depot = depot_of(request)
    before = request.query_params.get("before", "")
    from_id = int(before) if before.isdecimal() and len(before) < 16 else None
    found = await to_thread.run_sync(noted, depot.store, from_id)
    zone = zone_of(depot)
    rows = [{**look, "at": f"{look['at'].astimezone(zone):%Y-%m-%d %H:%M}"} for look in found]
    older = f"/looks?before={found[-1]['id']}" if len(found) == PAGE else None
    return html(request, looks_page(await retention_told.noticed(request, who), rows, older))


@router.get("/privacy.json")
async def privacy_json(request: Request) -> dict[str, list[dict[str, str | int]]]:
    """What is kept, why, for how many days: the table that the retention run enforces. Open to everybody."""
    lang = language(request)
    return {"purposes": [_told(row, lang) for row in _rows(depot_of(request))]}


@router.get("/privacy", include_in_schema=False)
async def privacy_html(request: Request) -> Response:
    """The same as a page, open to everybody; staff representatives also see how much there is and how old it is."""
    depot = depot_of(request)
    lang = language(request)
    who = await caller(request)
    rows = [_told(row, lang) for row in _rows(depot)]
    last_run = refused = ""
    if who is not None and who.role in OVERSEERS:
        held = await to_thread.run_sync(retention.held, depot.store)
        zone = zone_of(depot)
        for row in rows:
            oldest = held.get(str(row["key"]))
            row["oldest"] = f"{oldest.astimezone(zone):%Y-%m-%d}" if oldest else ""
        last = await to_thread.run_sync(retention.last_run, depot.store)
        last_run = (
            word("last_run", lang, when=f"{last[0].astimezone(zone):%Y-%m-%d %H:%M}", n=last[1])
            if last
            else word("no_run", lang)
        )
        frame = frame_of(request, who)
        standing = await to_thread.run_sync(retention_told.shown, depot)
        names = {str(row["key"]): str(row["purpose"]) for row in rows}
        refused = refusals_part(frame, standing, names, who.role == "administrator")
    return html(request, privacy_page(frame_of(request, who), rows, last_run, refused))


def _rows(depot: Depot) -> list[Any]:
    return purposes(depot.settings.terms)


def _told(row: Any, lang: str) -> dict[str, str | int]:
    return {
        "key": row.key, "purpose": row.why[lang], "kept": row.what[lang], "days": row.days,
        "ground": row.ground[lang], "source": row.source[lang],
    }  # fmt: skip
