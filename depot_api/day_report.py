"""The day's report worked out from the store: each tour of the plan in force read again, whole, with its tickets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request

from dashboards.day_report import DayReport, TourReport
from depot_api.access import allow
from depot_api.depot import depot_of
from depot_api.live_day import carried_from, facts_of_turn
from depot_api.live_plan import Turn, plan_versions, turns_of
from depot_api.live_tour import Carried, LiveTour
from depot_api.roles import Caller
from depot_api.store import Store
from fleet import Lift, Position
from optimizer.matching import Matcher

if TYPE_CHECKING:
    from optimizer.town import Town

router = APIRouter(tags=["live"])
EARTH_M = 6_371_008.8


@router.get("/days/{date}/report")
def get_report(
    request: Request, date: date, who: Annotated[Caller, Depends(allow("planner", "crew_leader", "contractor"))]
) -> dict[str, Any]:
    """Planned against driven, per tour in the plan's order, and kilos by flux. A contractor: his own trucks."""
    depot = depot_of(request)
    matcher = getattr(depot.live, "matcher", None)
    report = day_report(depot.store, depot.town, date, depot.clock.now(), matcher)
    told = report.json()
    told["tours"] = [tour for tour in told["tours"] if who.is_for(tour["truck"])]
    if who.role == "contractor":
        del told["kg"], told["incidents"]
    return told


def day_report(
    store: Store, town: Town | None, date: date, now: datetime | None = None, matcher: Matcher | None = None
) -> DayReport:
    """What was planned for a day and what was driven. ``matcher``: the town's, where one is ready."""
    versions = plan_versions(store, date)
    flux = {f.name: f.label for f in town.area.flux} if town is not None else {}
    if not versions:
        return DayReport(date, "UTC", 0, (), {}, flux)
    if matcher is None and town is not None:
        from depot_api.live import network_of

        matcher = Matcher(network_of(town))
    day, until = versions[-1], now or datetime.now(UTC)
    carried = carried_from(store, versions, matcher)
    turns = turns_of([day])
    tours = tuple(
        _reported(store, next(turn for turn in turns[tour.truck] if turn.tour.id == tour.id), matcher, until, carried)
        for tour in day.plan.tours
    )
    own = [turn for found in turns.values() for turn in found]
    span = (min((t.since for t in own), default=until), max((t.until for t in own), default=until))
    incidents = Counter(row.json()["category"] for row in store.facts("incident", None, *span))
    return DayReport(date, day.plan.timezone, day.version, tours, dict(sorted(incidents.items())), flux)


def read_tour(
    store: Store, turn: Turn, matcher: Matcher | None, now: datetime, carried: dict[str, Carried] | None = None
) -> LiveTour:
    """A tour as the store knows it, judged at ``now``."""
    tour = LiveTour(turn, matcher, carried or {})
    for part in facts_of_turn(store, turn):
        tour.add_all(part)
    tour.judge(now, None)
    return tour


def _reported(
    store: Store, turn: Turn, matcher: Matcher | None, now: datetime, carried: dict[str, Carried]
) -> TourReport:
    """One tour: its facts are read once, in slices."""
    live, tour = LiveTour(turn, matcher, carried), turn.tour
    places: list[tuple[float, float]] = []
    lifts = 0
    for part in facts_of_turn(store, turn):
        live.add_all(part)
        lifts += sum(isinstance(fact, Lift) for fact in part)
        if matcher is None:
            places += [(f.lon_deg, f.lat_deg) for f in part
                       if isinstance(f, Position) and f.lon_deg is not None and f.lat_deg is not None]  # fmt: skip
    live.judge(min(now, turn.until), None)
    lines: Sequence[Sequence[tuple[float, float]]] = (
        live.followed.way() if live.followed is not None else [thin(places)]
    )
    count = Counter(state.status for state in live.states.values())
    tickets = tickets_of(store, turn)
    weighed: dict[str, float] = {}
    for j in tickets:
        weighed[j.get("flux") or ""] = weighed.get(j.get("flux") or "", 0.0) + j["net_kg"]
    planned: dict[str, float] = {}
    for leg in tour.legs:
        for flux, kg in leg.kg.items() if leg.kind == "collect" else ():
            planned[flux] = planned.get(flux, 0.0) + kg
    metres = sum(length_m(line) for line in lines)
    return TourReport(
        tour.id, tour.shift or tour.id, tour.truck, len(live.tasks), count["done"], count["partly"], count["missed"],
        round(sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000, 3),
        round(metres / 1000, 3) if metres else None, tour.start_at, tour.end_at, live.began_at, live.ended_at,
        {name: round(kg, 1) for name, kg in planned.items()}, {name: round(kg, 1) for name, kg in weighed.items()},
        sum(leg.kind == "unload" for leg in tour.legs), len(tickets), lifts,
    )  # fmt: skip


def tickets_of(store: Store, turn: Turn) -> list[dict[str, Any]]:
    """The tickets of a tour's loads that no other ticket corrects."""
    found = [row.json() for row in store.facts("ticket", None, turn.since, turn.until)]
    replaced = {j.get("corrects") for j in found}
    return [j for j in found if j.get("truck") == turn.tour.truck and j["id"] not in replaced]


def thin(places: Iterable[tuple[float, float]], step_m: float = 20.0) -> list[tuple[float, float]]:
    """A track without the trembling of a receiver that stands still: points at least so far apart."""
    kept: list[tuple[float, float]] = []
    for at in places:
        if not kept or length_m([kept[-1], at]) >= step_m:
            kept.append(at)
    return kept


def length_m(line: Sequence[tuple[float, float]]) -> float:
    """Length along (lon, lat) in degrees, on the sphere."""
    total = 0.0
    for (a, b), (c, d) in pairwise(line):
        east = math.radians(c - a) * math.cos(math.radians((b + d) / 2))
        total += EARTH_M * math.hypot(east, math.radians(d - b))
    return total
