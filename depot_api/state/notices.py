"""What staff is told on every page of theirs, and by ``/health``: that the retention run is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from anyio import to_thread
from fastapi import Request

from dashboards.staff import PageFrame, notice_line, short_line
from depot_api.known_time import refusals
from depot_api.settings import PEOPLE, Caller
from depot_api.state.depot import Depot, depot_of, minute_of, zone_of
from depot_api.state.pages import frame_of
from depot_api.store import Store
from fleet import instant_text

#: Who is told on every page of theirs.
OVERSEERS = ("staff_representative", "administrator")
#: Who is told by ``/health``.
STAFF = frozenset(PEOPLE) - {"contractor", "town"} | {"monitor"}


def retention_health(store: Store, now: datetime) -> dict[str, Any]:
    """What ``/health`` tells the staff: that a run is refused, since when, why, and by when a person must decide."""
    refusal = refusals.refused_run(store)
    if refusal is None:
        return {"state": "ok"}
    return {
        "state": "refused", "since": instant_text(refusal.at), "why": [doubt.code for doubt in refusal.why],
        "decide_by": instant_text(refusal.at + refusals.DECIDE_WITHIN), "overdue": refusal.is_overdue(now),
    }  # fmt: skip


def refusal_line(depot: Depot, lang: str, *, short: bool = False) -> str:
    """One line for whoever watches, escaped; empty where nothing is refused."""
    refusal = refusals.refused_run(depot.store)
    if refusal is None:
        return ""
    overdue = refusal.is_overdue(depot.clock.now())
    return short_line(lang, overdue) if short else notice_line(lang, minute_of(refusal.at, zone_of(depot)), overdue)


async def frame_with_notice(request: Request, who: Caller | None) -> PageFrame:
    """The frame of a page, with that line where this person is to know."""
    frame, depot = frame_of(request, who), depot_of(request)
    if who is None or who.role not in OVERSEERS:
        return frame
    return replace(frame, notice=await to_thread.run_sync(refusal_line, depot, frame.lang))
