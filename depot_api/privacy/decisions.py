"""Where an administrator decides what retention refuses or asks: the forms of /privacy, and what a decision does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import RedirectResponse, Response

from depot_api.access import allow, audit_log
from depot_api.input_error import InputError
from depot_api.known_time import RUN, refusals
from depot_api.privacy import nightly, retention
from depot_api.privacy.page import privacy_response
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
        _judge_age(given.get("shown", ""), now)
        todo = await to_thread.run_sync(partial(record_decision, depot, who, given, now))
    except InputError as error:
        return await privacy_response(request, who, error)
    if todo is not None:
        then.add_task(to_thread.run_sync, todo)
    return RedirectResponse("/privacy", 303)


def _judge_age(shown: str, now: datetime) -> None:
    """Raises ``InputError`` where the page showed no clock, or one of too long ago."""
    try:
        fresh = abs(instant(shown) - now) <= FRESH
    except ValueError:
        fresh = False
    if not fresh:
        raise InputError("decision_outdated", shown=shown[:40], now=instant_text(now))


def record_decision(
    depot: Depot, who: Caller, given: dict[str, str], now: datetime
) -> Callable[[], dict[str, int]] | None:
    """Note a decision, end the refusal; what is to be deleted by it, or None. Raises ``InputError``."""
    store, how = depot.store, given.get("how", "")
    refusal = next((one for one in refusals.open_refusals(store) if str(one.id) == given.get("refusal")), None)
    if refusal is None:
        raise InputError("decision_over", refusal=given.get("refusal", "")[:20])
    ways = ("right", "wrong") if refusal.subject == RUN else ("yes", "wrong")
    if how not in ways:
        raise InputError("decision_unknown", how=how[:20], ways=", ".join(ways))
    if how == "yes" and given.get("until") != instant_text(refusal.until):
        raise InputError("decision_more_waits")
    audit_log.record_access(store, who, f"retention {refusal.subject}: {how}", given.get("why", ""), now)
    if how == "wrong":
        refusals.keep_and_ask_again(store, refusal, now, who.name)
        return None
    if how == "yes":
        return partial(retention.delete_agreed, store, refusal.why[0], who.name, now)
    refusals.end_refusal(store, RUN, "right", now, who.name)
    return partial(nightly.run_night, depot, now, sure=True)
