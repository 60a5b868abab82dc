"""``POST /replay``: a past day's tour on the map, for planners, with a typed reason that is written down first.

Within the term for raw positions only. One place a minute, and the streets driven: enough to see where a tour went,
and nothing that could be read as anybody's speed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request

from depot_api.access import allow, audit_log
from depot_api.duty import DayPlan, TourWindow, facts_in_window, plan_in_force, plan_versions, tour_windows
from depot_api.live import LiveState, network_of
from depot_api.reports.day_report import read_tour
from depot_api.settings import Caller
from depot_api.state import depot_of
from depot_api.store import Store
from fleet import instant_text
from optimizer.matching import Matcher

router = APIRouter(tags=["replay"])


@dataclass(frozen=True, slots=True)
class Replay:
    """Which tour of which day, and why it must be seen."""

    date: dt.date  # not the field's own name again
    tour: str
    reason: str


@router.get("/replay/tours", dependencies=[Depends(allow("planner"))])
def replay_tours(request: Request, date: date) -> dict[str, Any]:
    """The tours of a day that could be replayed: names out of the plan, nothing of what was driven, so no look yet."""
    day_plan = plan_in_force(depot_of(request).store, date)
    tours = () if day_plan is None else day_plan.plan.tours
    return {
        "date": date.isoformat(),
        "tours": [{"tour": t.id, "name": t.shift or t.id, "truck": t.truck} for t in tours],
    }


@router.post("/replay")
def post_replay(request: Request, asked: Replay, who: Annotated[Caller, Depends(allow("planner"))]) -> dict[str, Any]:
    """The way and the streets of a past tour. 410: past its term; 422: no reason given."""
    depot = depot_of(request)
    now = depot.clock.now()
    days = depot.settings.terms["positions"]
    if datetime.combine(asked.date, datetime.min.time(), now.tzinfo) < now - timedelta(days=days):
        raise HTTPException(410, f"positions are kept for {days} days")
    versions = plan_versions(depot.store, asked.date)
    window = window_of_tour(versions[-1], asked.tour) if versions else None
    if window is None:
        raise HTTPException(404, "no such tour in the plan of that day")
    try:
        audit_log.record_access(depot.store, who, f"replay {asked.date} {asked.tour}", asked.reason, now)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    matcher = depot.live.matcher if isinstance(depot.live, LiveState) else None
    if matcher is None and depot.town is not None:
        matcher = Matcher(network_of(depot.town))
    with depot.quotas.heavy.held(who):
        tour = read_tour(depot.store, window, matcher, min(now, window.until))
    return {
        "date": asked.date.isoformat(), "tour": asked.tour, "name": window.tour.shift or asked.tour,
        "truck": window.tour.truck,
        "timezone": window.day.plan.timezone, "streets": tour.streets(),
        "way": tour.followed.way() if tour.followed is not None else [],
        "places": minute_places(depot.store, window),
    }  # fmt: skip


def window_of_tour(day: DayPlan, tour: str) -> TourWindow | None:
    """A tour of a day's plan in its truck's time."""
    return next((window for own in tour_windows([day]).values() for window in own if window.tour.id == tour), None)


def minute_places(store: Store, window: TourWindow) -> list[dict[str, Any]]:
    """Where the truck was on duty, the first fix of each minute, the time to the minute."""
    by_minute: dict[datetime, dict[str, Any]] = {}
    for row in facts_in_window(store, "position", window):
        minute = row.at.replace(second=0, microsecond=0)
        j = row.json() if minute not in by_minute else {}
        if j.get("lat_deg") is not None:
            by_minute[minute] = {
                "at": instant_text(minute), "lat_deg": round(j["lat_deg"], 5), "lon_deg": round(j["lon_deg"], 5),
            }  # fmt: skip
    return list(by_minute.values())
