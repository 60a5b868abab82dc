"""``GET /live``, its stream, one tour, one street: where every tour stands, now.

Planners, crew leaders and phone agents see all tours, a contractor his own trucks'. No answer holds a speed or a name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response

from depot_api.access import allow, caller
from depot_api.live.board import TruckFilter
from depot_api.live.state import LiveState
from depot_api.live.streaming import EventStream, events
from depot_api.live.tour import LiveTour
from depot_api.settings import BOUND, Caller
from depot_api.state import Depot, depot_of
from fleet import instant_text

#: Who sees where the trucks are. A contractor: his own only.
WATCHERS = ("planner", "crew_leader", "phone_agent", "contractor")


@asynccontextmanager
async def _following(app: FastAPI) -> AsyncIterator[None]:
    """The live state runs as long as the depot does."""
    depot: Depot = app.state.depot
    live = LiveState(depot.store, depot.clock, depot.town)
    await to_thread.run_sync(live.start)
    app.state.depot = replace(depot, live=live)
    try:
        yield
    finally:
        await to_thread.run_sync(live.stop)


router = APIRouter(tags=["live"], lifespan=_following)

Watcher = Annotated[Caller, Depends(allow(*WATCHERS))]


def live_of(request: Request) -> LiveState:
    """The live state. Raises 503 where this depot follows none."""
    live = depot_of(request).live
    if not isinstance(live, LiveState):
        raise HTTPException(503, "this depot follows no live state")
    return live


def truck_filter_of(who: Caller) -> TruckFilter | None:
    """What a caller may see; None: everything."""
    if who.role not in BOUND:
        return None
    return lambda truck: truck is not None and who.is_for(truck)


@router.get("/live")
def live_now(request: Request, who: Watcher) -> Response:
    """Trucks, tours (late first), incidents, tickets and messages of today, and each street that is no more to come."""
    return _now(live_of(request).snapshot(truck_filter_of(who)))


@router.get("/live/stream", response_class=EventStream, status_code=200)
async def live_stream(request: Request, who: Watcher) -> Response:
    """The same as server-sent events: everything first, then at most once a second what changed.

    ``event: live``, tables by name, items by key, null for what is gone; ``full``: forget what you had.
    """
    live = live_of(request)

    def header() -> dict[str, Any]:
        today = None if live.day is None else live.day.today.isoformat()
        return {"now": instant_text(live.clock.now()), "date": today, "timezone": live.timezone}

    async def may_read() -> bool:
        known = await caller(request)
        return known is not None and known.role in WATCHERS

    chunks = events(lambda: live.board, header, request.headers.get("last-event-id"), truck_filter_of(who))
    return EventStream(chunks, may_read, depot_of(request).quotas.streams, who)


@router.get("/live/tours/{tour}")
def live_tour(request: Request, tour: str, who: Watcher) -> Response:
    """One tour: its line, the way driven, every street in the order of the plan with its state and expected time."""
    live = live_of(request)
    shown = _seen(live.tour(tour), who)
    followed = shown.followed
    return _now({
        **(live.board.get("tours", tour) or {"tour": tour, "truck": shown.tour.truck}),
        "version": shown.window.day.version, "streets": shown.streets(),
        "way": [] if followed is None or shown.progress is None else followed.way(),
    })  # fmt: skip


@router.get("/live/streets/{task}")
def live_street(request: Request, task: str, who: Watcher) -> Response:
    """One street side: which truck and tour served it, when, on what evidence."""
    shown = _seen(live_of(request).tour_of_task(task), who)
    return _now(shown.street(task))


def _now(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})


def _seen(tour: LiveTour | None, who: Caller) -> LiveTour:
    if tour is None or not who.is_for(tour.tour.truck):
        raise HTTPException(404, "not on any tour of today")
    return tour
