"""The pages of what is kept, and of who looked at it: the audit log read."""

from __future__ import annotations

from html import escape
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from dashboards.staff import audit_log_page, privacy_page, refusals_part, staff_text
from depot_api.access import ENTRIES_PER_PAGE, allow, audit_log, caller
from depot_api.input_error import InputError
from depot_api.privacy import refusal_notices, retention
from depot_api.settings import Caller, Purpose, purposes_with_terms
from depot_api.state import OVERSEERS, Depot, depot_of, frame_of, frame_with_notice, html_page, language, zone_of
from fleet import instant_text

router = APIRouter(tags=["people"])


@router.get("/looks.json", dependencies=[Depends(allow(*OVERSEERS))])
async def looks_json(
    request: Request, before: Annotated[int | None, Query(ge=0, le=2**53)] = None
) -> dict[str, list[dict[str, str | int]]]:
    """Who looked at what and why, newest first, 200 at a time; ``before``: the last id seen."""
    entries = await to_thread.run_sync(audit_log.recorded_entries, depot_of(request).store, before)
    return {"looks": [{**look, "at": instant_text(look["at"])} for look in entries]}


@router.get("/looks", include_in_schema=False)
async def audit_log_html(request: Request, who: Annotated[Caller, Depends(allow(*OVERSEERS))]) -> Response:
    """The same as a page."""
    depot = depot_of(request)
    before = request.query_params.get("before", "")
    from_id = int(before) if before.isdecimal() and len(before) < 16 else None
    entries = await to_thread.run_sync(audit_log.recorded_entries, depot.store, from_id)
    zone = zone_of(depot)
    rows = [{**look, "at": f"{look['at'].astimezone(zone):%Y-%m-%d %H:%M}"} for look in entries]
    older = f"/looks?before={entries[-1]['id']}" if len(entries) == ENTRIES_PER_PAGE else None
    return html_page(request, audit_log_page(await frame_with_notice(request, who), rows, older))


@router.get("/privacy.json")
async def privacy_json(request: Request) -> dict[str, list[dict[str, str | int]]]:
    """What is kept, why, for how many days: the table that the retention run enforces. Open to everybody."""
    lang = language(request)
    return {"purposes": [_row(purpose, lang) for purpose in _purposes(depot_of(request))]}


@router.get("/privacy", include_in_schema=False)
async def privacy_html(request: Request) -> Response:
    """The same as a page, open to everybody; staff representatives also see how much there is and how old it is."""
    return await privacy_response(request, await caller(request))


async def privacy_response(request: Request, who: Caller | None, error: InputError | None = None) -> Response:
    """The page for this reader; ``error``: what was wrong with a decision, then with status 422."""
    depot, lang, frame = depot_of(request), language(request), frame_of(request, who)
    rows = [_row(purpose, lang) for purpose in _purposes(depot)]
    last_run = refusals_html = ""
    if who is not None and who.role in OVERSEERS:
        oldest = await to_thread.run_sync(retention.oldest_records, depot.store)
        zone = zone_of(depot)
        for row in rows:
            at = oldest.get(str(row["key"]))
            row["oldest"] = f"{at.astimezone(zone):%Y-%m-%d}" if at else ""
        last = await to_thread.run_sync(retention.last_run, depot.store)
        last_run = (
            staff_text("last_run", lang, when=f"{last[0].astimezone(zone):%Y-%m-%d %H:%M}", n=last[1])
            if last
            else staff_text("no_run", lang)
        )
        standing = await to_thread.run_sync(refusal_notices.refusals_on_page, depot)
        names = {str(row["key"]): str(row["purpose"]) for row in rows}
        refusals_html = refusals_part(frame, standing, names, who.role == "administrator")
    if error is not None:
        refusals_html = frame.message(escape(error.text(lang)), bad=True) + refusals_html
    page = privacy_page(frame, rows, last_run, refusals_html)
    return html_page(request, page, 200 if error is None else 422)


def _purposes(depot: Depot) -> list[Purpose]:
    return purposes_with_terms(depot.settings.terms)


def _row(purpose: Purpose, lang: str) -> dict[str, str | int]:
    return {
        "key": purpose.key, "purpose": purpose.why[lang], "kept": purpose.what[lang], "days": purpose.days,
        "ground": purpose.ground[lang], "source": purpose.source[lang],
    }  # fmt: skip
