"""Short messages between planner and crew, as facts: the planner writes here, the crew by ``POST /facts``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from depot_api.access import allow, audit_log
from depot_api.known_time import no_earlier
from depot_api.settings import BOUND, Caller
from depot_api.state import day_of, depot_of, today_of
from depot_api.store import new_fact
from fleet import Message, instant, new_id

router = APIRouter(tags=["messages"])

#: The newest messages that one answer holds.
MOST_MESSAGES = 500


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What the planner writes to a truck's crew. ``answers``: the id of the message it replies to."""

    truck: str
    text: str
    answers: str | None = None


@router.post("/messages", status_code=201)
def post_message(
    request: Request, message: NewMessage, who: Annotated[Caller, Depends(allow("planner"))]
) -> dict[str, Any]:
    """Write to a truck's crew; answers the message as the truck will get it, with its id."""
    depot = depot_of(request)
    now = no_earlier(depot.store, depot.clock.now())
    try:
        fact = Message(
            id=new_id(now), at=now, truck=message.truck, sender="planner", text=message.text, answers=message.answers
        )
        row = new_fact(fact, now)
    except (ValueError, TypeError) as error:
        raise HTTPException(422, str(error)) from None
    depot.store.add([row])
    return fact.to_json()


@router.get("/messages")
def get_messages(
    request: Request,
    who: Annotated[Caller, Depends(allow("box", "planner", "crew_leader", "contractor"))],
    truck: Annotated[str | None, Query(description="of one truck; a box may ask for its own only")] = None,
    since: Annotated[str | None, Query(description="an RFC 3339 instant: what came to the depot from then on")] = None,
) -> list[dict[str, Any]]:
    """Messages of both sides, oldest first, the newest 500 at most. ``since`` counts by arrival at the depot.

    Where there are any of past days, a person's look at them is noted first.
    """
    depot = depot_of(request)
    if truck is not None and not who.is_for(truck):
        raise HTTPException(403, f"{truck[:40]} is not what this token is bound to")
    of = [truck] if truck is not None else list(who.bound_to) if who.role in BOUND else None
    own = depot.store.newest("message", of, MOST_MESSAGES, _instant(since))
    today = today_of(depot)
    past = sorted({day for fact in own if (day := day_of(depot, fact.at)) < today})
    if past:
        days = "..".join(dict.fromkeys(day.isoformat() for day in (past[0], past[-1])))
        audit_log.record_past_access(depot.store, who, f"messages {days} {truck or ''}".rstrip(), depot.clock.now())
    return [fact.json() for fact in own]


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else instant(text)
    except ValueError as error:
        raise HTTPException(422, f"since: {error}") from None
