"""What people are told where retention refuses or asks: one line, the page's part, ``/health``, the mail.

Told are the administrators, who decide (``desk.py``), and the staff's representatives; whoever watches the
day gets the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from anyio import to_thread
from fastapi import Request

from dashboards.staff.people import Frame
from dashboards.staff.retention import MOST_COUNTED, mail_text, notice_line, short_line
from depot_api.known_time import refusals
from depot_api.known_time.known_time import Doubt
from depot_api.known_time.refusals import RUN, Refusal
from depot_api.privacy import retention
from depot_api.settings.roles import PEOPLE, Caller
from depot_api.state.depot import Depot, depot_of, zone_of
from depot_api.state.pages import frame_of
from depot_api.store.store import Store
from fleet import instant_text

#: Who is told on every page of theirs.
OVERSEERS = ("staff_representative", "administrator")
#: Who is told by ``/health``.
STAFF = frozenset(PEOPLE) - {"contractor", "town"} | {"monitor"}


def retention_health(store: Store, now: datetime) -> dict[str, Any]:
    """What ``/health`` tells the staff: that a run is refused, since when, why, and by when a person must decide."""
    refusal = refusals.refused(store)
    if refusal is None:
        return {"state": "ok"}
    return {
        "state": "refused", "since": instant_text(refusal.at), "why": [doubt.code for doubt in refusal.why],
        "decide_by": instant_text(refusal.at + refusals.DECIDE_WITHIN), "overdue": refusal.is_overdue(now),
    }  # fmt: skip


def line_of(depot: Depot, lang: str, *, short: bool = False) -> str:
    """One line for whoever watches, escaped; empty where nothing is refused."""
    refusal = refusals.refused(depot.store)
    if refusal is None:
        return ""
    overdue = refusal.is_overdue(depot.clock.now())
    return short_line(lang, overdue) if short else notice_line(lang, _day(refusal.at, zone_of(depot)), overdue)


async def noticed(request: Request, who: Caller | None) -> Frame:
    """The frame of a page, with that line where this person is to know."""
    frame, depot = frame_of(request, who), depot_of(request)
    if who is None or who.role not in OVERSEERS:
        return frame
    return replace(frame, notice=await to_thread.run_sync(line_of, depot, frame.lang))


def shown(depot: Depot) -> list[dict[str, Any]]:
    """What stands, for the page: why, what would go, from when until when; instants in local time."""
    store, now, zone = depot.store, depot.clock.now(), zone_of(depot)
    told = []
    for refusal in refusals.standing(store):
        one: dict[str, Any] = {
            "id": refusal.id, "subject": refusal.subject, "since": _day(refusal.at, zone), "shown": instant_text(now),
            "clock": _day(now, zone), "overdue": refusal.is_overdue(now),
            "why": [_reason(doubt, zone) for doubt in refusal.why], "until": "",
        }  # fmt: skip
        if refusal.subject == RUN:
            one["counts"] = retention.would_go(store, depot.settings.terms, now, MOST_COUNTED)
        else:
            there = retention.waiting(store, refusal.why[0])
            one |= {"until": instant_text(refusal.until), "counts": {}}
            if there is not None:
                count, oldest, newest = there
                one |= {"counts": {refusal.subject: count}, "oldest": _day(oldest, zone), "newest": _day(newest, zone)}
        told.append(one)
    return told


def mailed(depot: Depot) -> Callable[[Refusal], None] | None:
    """How administrators get mail of a refusal; None where no mail is set."""
    mail, zone = depot.settings.mail, zone_of(depot)
    if mail is None:
        return None

    def send(refusal: Refusal) -> None:
        now = depot.clock.now()
        why = [_reason(doubt, zone) for doubt in refusal.why]
        mail.send(*mail_text(refusal.subject, _day(refusal.at, zone), _day(now, zone), why, refusal.is_overdue(now)))

    return send


def _reason(doubt: Doubt, zone: tzinfo) -> dict[str, Any]:
    when = "" if doubt.when is None else _day(doubt.when, zone)
    return {"code": doubt.code, "when": when, "purpose": doubt.purpose, "n": doubt.records, "of": doubt.of}


def _day(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
