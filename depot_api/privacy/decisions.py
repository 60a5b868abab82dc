"""Where an administrator decides what retention refuses or asks: the forms of /privacy, and what a decision does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from depot_api.access import allow, audit_log
from depot_api.known_time import RUN, refusals
from depot_api.privacy import nightly, retention
from depot_api.settings import Caller
from depot_api.state import Depot, depot_of
from fleet import instant, instant_text

router = APIRouter(tags=["people"])

#: A page older than this shows counts and a clock that may have changed since.
FRESH = timedelta(hours=1)


@router.post("/privacy/decisions", include_in_schema=False)
async def decide(
    request: Request, who: Annotated[Caller, Depends(allow("administrator"))], then: BackgroundTasks
) -> Response:
    """An administrator's word on what retention refuses or asks; what goes by it goes behind the answer.

    ``refusal``: its number; ``how``: ``right`` (the clock is right, delete), ``wrong`` (keep, ask again), ``yes``
    (delete what asks); ``shown``: the depot's clock as the page showed it; ``until``: of what asks; ``why``: a reason.
    """
    given = {key: str(value)[:1_000] for key, value in (await request.form(max_files=0, max_fields=10)).items()}
    depot = depot_of(request)
    now = depot.clock.now()
    try:
        if abs(instant(given.get("shown", "")) - now) > FRESH:
            raise ValueError(
                f"shown = {given.get('shown', '')}, the clock says {instant_text(now)}: load the page again"
            )
        todo = await to_thread.run_sync(partial(record_decision, depot, who, given, now))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    if todo is not None:
        then.add_task(to_thread.run_sync, todo)
    return RedirectResponse("/privacy", 303)


def record_decision(
    depot: Depot, who: Caller, given: dict[str, str], now: datetime
) -> Callable[[], dict[str, int]] | None:
    """Note a decision, end the refusal; what is to be deleted by it, or None. Raises ``ValueError``."""
    store, how = depot.store, given.get("how", "")
    refusal = next((one for one in refusals.open_refusals(store) if str(one.id) == given.get("refusal")), None)
    if refusal is None:
        raise ValueError(f"refusal = {given.get('refusal', '')[:20]!r}, stands no more: load the page again")
    ways = ("right", "wrong") if refusal.subject == RUN else ("yes", "wrong")
    if how not in ways:
        raise ValueError(f"how = {how[:20]!r}, must be one of {', '.join(ways)}")
    if how == "yes" and given.get("until") != instant_text(refusal.until):
        raise ValueError("until: more waits by now than the page showed: load it again")
    audit_log.record_access(store, who, f"retention {refusal.subject}: {how}", given.get("why", ""), now)
    if how == "wrong":
        refusals.keep_and_ask_again(store, refusal, now, who.name)
        return None
    if how == "yes":
        return partial(retention.delete_agreed, store, refusal.why[0], who.name, now)
    refusals.end_refusal(store, RUN, "right", now, who.name)
    return partial(nightly.run_night, depot, now, sure=True)
