"""The day's report: each tour of the plan in force, as it is followed live or read again whole, with its tickets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request

from dashboards.console import DayReport, TourReport
from depot_api.access import allow, audit_log
from depot_api.duty import TourWindow, facts_in_window, known_duty, plan_in_force, plan_versions, tour_windows
from depot_api.live import Carried, LiveState, LiveTour, carried_from, network_of, tour_facts
from depot_api.settings import Caller
from depot_api.state import depot_of, today_of
from depot_api.store import Store
from onboard.geo import LatLon, distance_m
from optimizer.matching import Matcher

if TYPE_CHECKING:
    from optimizer.planning import Town

router = APIRouter(tags=["live"])


@router.get("/days/{date}/report")
def get_report(
    request: Request, date: date, who: Annotated[Caller, Depends(allow("planner", "crew_leader", "contractor"))]
) -> dict[str, Any]:
    """Planned against driven, per tour in the plan's order, and kilos by flux. A contractor: his own trucks.

    Of a past day the look is noted first.
    """
    depot = depot_of(request)
    if date < today_of(depot):
        audit_log.record_past_access(depot.store, who, f"report {date}", depot.clock.now())
    live = depot.live if isinstance(depot.live, LiveState) else None
    with depot.quotas.heavy.held(who):
        report = day_report(depot.store, depot.town, date, depot.clock.now(), live=live, of=who.is_for)
    body = report.json()
    if who.role == "contractor":
        del body["kg"], body["incidents"]
    return body


def day_report(
    store: Store,
    town: Town | None,
    date: date,
    now: datetime | None = None,
    matcher: Matcher | None = None,
    live: LiveState | None = None,
    of: Callable[[str], bool] = lambda truck: True,
) -> DayReport:
    """What was planned for a day and what was driven. ``matcher``: the town's, where one is ready; ``live``: likewise;
    ``of``: whose trucks' tours are reported: no others are read.

    What is matched already is not matched again: only tours that the live state does not hold are read from the store.
    """
    day, until = plan_in_force(store, date), now or datetime.now(UTC)
    flux = {f.name: f.label for f in town.area.flux} if town is not None else {}
    if day is None:
        return DayReport(date, "UTC", 0, (), {}, flux)
    windows = {
        window.tour.id: window for own in tour_windows([day]).values() for window in own if of(window.tour.truck)
    }
    held = {
        id: tour for id, window in windows.items() if live is not None and (tour := live.matched(window)) is not None
    }
    carried: dict[str, Carried] = {}
    if len(held) < len(windows):
        matcher = matcher or (live.matcher if live is not None else None)
        if matcher is None and town is not None:
            matcher = Matcher(network_of(town))
        tasks = {task for window in windows.values() for task in day.tasks_of(window.tour)}
        carried = carried_from(store, plan_versions(store, date), matcher, tasks)

    def followed(window: TourWindow) -> LiveTour:
        return held.get(window.tour.id) or read_tour(store, window, matcher, min(until, window.until), carried)

    span = (
        min((t.since for t in windows.values()), default=until),
        max((t.until for t in windows.values()), default=until),
    )
    tickets = DayTickets(store, *span)
    tours = tuple(
        _reported(store, followed(windows[tour.id]), tickets) for tour in day.plan.tours if tour.id in windows
    )
    incidents = Counter(row.json()["category"] for row in store.facts("incident", None, *span))
    return DayReport(date, day.plan.timezone, day.version, tours, dict(sorted(incidents.items())), flux)


def read_tour(
    store: Store, window: TourWindow, matcher: Matcher | None, now: datetime, carried: dict[str, Carried] | None = None
) -> LiveTour:
    """A tour as the store knows it, judged at ``now``."""
    tour = LiveTour(window, matcher, carried or {})
    for part in tour_facts(store, window):
        tour.add_all(part)
    tour.judge(now, None)
    return tour


def _reported(store: Store, live: LiveTour, all_tickets: DayTickets) -> TourReport:
    window, tour = live.window, live.tour
    count = Counter(state.status for state in live.states.values())
    tickets = all_tickets.of(window)
    weighed: dict[str, float] = {}
    for j in tickets:
        weighed[j.get("flux") or ""] = weighed.get(j.get("flux") or "", 0.0) + j["net_kg"]
    planned: dict[str, float] = {}
    for leg in tour.legs:
        for flux, kg in leg.kg.items() if leg.kind == "collect" else ():
            planned[flux] = planned.get(flux, 0.0) + kg
    driven_m = _driven_m(store, live)
    return TourReport(
        tour=tour.id,
        name=tour.shift or tour.id,
        truck=tour.truck,
        tasks=len(live.tasks),
        done_tasks=count["done"],
        partly_tasks=count["partly"],
        missed_tasks=count["missed"],
        planned_km=round(sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000, 3),
        driven_km=round(driven_m / 1000, 3) if driven_m else None,
        planned_start_at=tour.start_at,
        planned_end_at=tour.end_at,
        began_at=live.began_at,
        ended_at=live.ended_at,
        planned_kg={name: round(kg, 1) for name, kg in planned.items()},
        weighed_kg={name: round(kg, 1) for name, kg in weighed.items()},
        planned_unloadings=sum(leg.kind == "unload" for leg in tour.legs),
        tickets=len(tickets),
        lifts=sum(1 for _ in facts_in_window(store, "lift", window)),
    )


class DayTickets:
    """The tickets of some time, read once for all of its tours: a bridge may send fifty thousand in a day."""

    def __init__(self, store: Store, since: datetime, until: datetime) -> None:
        self._of: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
        self._corrected: dict[tuple[str, str], list[datetime]] = {}
        for row in store.facts("ticket", None, since, until):
            j = row.json()
            if j.get("corrects"):
                self._corrected.setdefault((j["site"], j["corrects"].lower()), []).append(row.at)
            if j.get("truck"):
                self._of.setdefault(j["truck"], []).append((row.at, j))

    def of(self, window: TourWindow) -> list[dict[str, Any]]:
        """Those of a tour's loads that no other ticket of the same site corrects."""
        since, until = window.since, window.until
        return [
            j for at, j in self._of.get(window.tour.truck, ())
            if since <= at < until
            and not any(since <= other < until for other in self._corrected.get((j["site"], j["id"].lower()), ()))
        ]  # fmt: skip


def _driven_m(store: Store, live: LiveTour) -> float:
    """Along the matched way; without streets, from place to place."""
    if live.followed is not None:
        return sum(step.length_m for step in live.followed.steps() if step.length_m > 0)
    window = live.window
    duty = known_duty(store, window.tour.truck, window.since, window.until).spans
    driven_m = 0.0
    for _, rows in groupby(facts_in_window(store, "position", window), lambda row: duty.span_number(row.at)):
        fixes = (row.json() for row in rows)  # of one span on duty: what lies between two is nobody's business
        minute_places = (LatLon(j["lat_deg"], j["lon_deg"]) for j in fixes if j.get("lat_deg") is not None)
        driven_m += sum(distance_m(a, b) for a, b in pairwise(thin_track(minute_places)))
    return driven_m


def thin_track(minute_places: Iterable[LatLon], step_m: float = 20.0) -> list[LatLon]:
    """A track without the trembling of a receiver that stands still: points at least so far apart."""
    kept: list[LatLon] = []
    for at in minute_places:
        if not kept or distance_m(kept[-1], at) >= step_m:
            kept.append(at)
    return kept
