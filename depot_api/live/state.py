"""The live state: two threads over the store's tail, and the board that pages and streams are read from.

The first thread follows the tail and does what is cheap (where each truck is, incidents, tickets, messages); the second
matches tours to the streets. A restart is a replay of today's facts: nothing is kept but in the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from depot_api.duty import (
    TOUR_AFTER,
    TOUR_BEFORE,
    WITHOUT_PLANS,
    DayPlan,
    PlannedService,
    TourWindow,
    duty_reports,
    newest_versions,
    plan_versions,
    planned_services,
)
from depot_api.live.board import Board, TruckFilter
from depot_api.live.day import TABLES, LiveDay, carried_from
from depot_api.live.tour import Carried, LiveTour
from depot_api.store import Store, StoredFact, StoreDown, facts, microseconds, sources
from fleet import instant_text
from onboard.clock import Clock
from onboard.worker import Worker
from optimizer.matching import Matcher, Network

if TYPE_CHECKING:
    from optimizer.planning import Town

LOG = logging.getLogger("ripeur.live")
#: Real seconds between two looks at the tail, and at the versions of the plans.
TAIL_S, PLANS_S = 0.2, 3.0
#: Spans on duty that are looked into for a truck's newest place, newest first: no crew stops and begins so often.
MOST_SPANS = 100
#: Steps that fail one after the other from which on a thread says so (it dies, and begins again).
MOST_FAILED = 3
#: How long each thread is waited for when the depot ends.
STOP_S = 2.0
#: Kinds that are read whole when a day begins; positions are read by the tours themselves.
_READ_WHOLE = ("duty", "health", "lift", "incident", "message", "weighing", "ticket")


class LiveState:
    """``start`` it once; ``stop`` it before the store is closed. Without a town trucks are shown, not matched."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        town: Town | None = None,
        matcher: Matcher | None = None,
        timezone: str = "UTC",
    ) -> None:
        self.store, self.clock, self.town = store, clock, town
        self.timezone = town.area.timezone if town is not None else timezone
        self.matcher = matcher
        self.seq = 0
        self.board = Board(TABLES, "0")
        self.day: LiveDay | None = None
        self.versions: dict[date, int] = {}
        self.without_plans = True
        self._stop = threading.Event()
        self.workers = (
            Worker("live-tail", lambda: self._run(self.follow, TAIL_S), self._stop),
            Worker("live-tours", self._match, self._stop),
        )

    def start(self) -> None:
        """Read today from the store, then follow it in the background."""
        if self.town is not None and self.matcher is None:
            self.matcher = Matcher(network_of(self.town))
        self.renew()
        for worker in self.workers:
            worker.start()

    def stop(self) -> None:
        """Told to both; who matches, or compiles for it, may take longer to hear it, and holds nothing of worth."""
        self._stop.set()
        for worker in self.workers:
            worker.join(STOP_S)

    def _match(self) -> None:
        if self.matcher is not None:
            if self.day is not None:  # the first time on a machine, warming takes half a minute
                self.day.show_planned(self.clock.now())
            self.matcher.warm()
        self._run(self.work, 0.1)

    def _run(self, step: Callable[[], bool], wait_s: float) -> None:
        """A thread's main loop: what fails is written down and tried again; where all fails, ``/health`` is told."""
        failed = 0
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                busy = step()
                failed = 0
            except StoreDown as error:
                LOG.warning("live state: %s", error)
                busy = False
                self._stop.wait(1.0)
            except Exception:
                if self._stop.is_set():
                    return
                failed += 1
                if failed >= MOST_FAILED:
                    raise
                LOG.exception("live state: a step failed")
                busy = False
                self._stop.wait(1.0)
            # a third of one core at most: whoever takes facts in and sends news out must have his turn
            took_s = time.monotonic() - began_s
            pause_s = min(0.5, 2 * took_s) if step == self.work else 0.0
            self._stop.wait(pause_s if busy else wait_s)

    # --- the tail ------------------------------------------------------------------------------------------------

    _plans_s = 0.0

    def follow(self) -> bool:
        """One look at the tail. True where more may be waiting."""
        assert self.day is not None
        rows = self.store.after(self.seq, 5_000)
        if rows:
            self.seq = rows[-1].seq  # before: whatever cannot be taken in blocks nobody
            self.day.add_facts(rows, self.clock.now())
        if time.monotonic() - self._plans_s >= PLANS_S:  # behind the tail, which goes on where this fails each time
            self.renew()
            self._plans_s = time.monotonic()
            self.day.advance_to(self.clock.now())
        for who in self.day.trucks_to_place():
            self.day.set_newest_positions(who, self._last_places(who, self.day))
        return len(rows) == 5_000

    def renew(self) -> None:
        """Begin another day at local midnight, and put new versions of plans in force."""
        now = self.clock.now()
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        week = [today - timedelta(days=k) for k in range(WITHOUT_PLANS.days + 1)]
        recent = newest_versions(self.store, week)
        versions = {day: recent[day] for day in week[:2] if day in recent}
        new_day = self.day is None or self.day.today != today
        if not new_day and versions == self.versions and self.without_plans == (not recent):
            return
        self.without_plans = not recent
        versions_by_day = {day: readable for day in versions if (readable := plan_versions(self.store, day))}
        if self.town is None and versions_by_day:
            self.timezone = next(iter(versions_by_day.values()))[-1].plan.timezone
        days = [running(all_versions[-1], today, now) for all_versions in versions_by_day.values()]
        days = [day for day in days if day.plan.tours or day.plan.date == today]
        if new_day:
            self._begin(today, now, days, versions_by_day)
        else:
            assert self.day is not None
            self.day.plan(days, _planned(versions_by_day), self.without_plans)
        self.versions = versions

    def _begin(
        self, today: date, now: datetime, days: list[DayPlan], versions_by_day: dict[date, list[DayPlan]]
    ) -> None:
        midnight = datetime.combine(today, datetime.min.time(), ZoneInfo(self.timezone))
        since = min([midnight, *(t.start_at - TOUR_BEFORE for day in days for t in day.plan.tours)])
        board = Board(TABLES, f"{today:%Y%m%d}{time.time_ns() % 10**9:09d}")
        carried: dict[str, Carried] = {}
        for all_versions in versions_by_day.values():
            carried |= carried_from(self.store, all_versions, self.matcher)
        day = LiveDay(
            board=board,
            today=today,
            since=since,
            days=days,
            matcher=self.matcher,
            carried=carried,
            planned=_planned(versions_by_day),
            without_plans=self.without_plans,
        )
        seq = self.store.last_seq()
        with self.store.read() as connection:
            for who in self._sending("duty"):
                day.add_duty_reports(who, duty_reports(connection, who, since - WITHOUT_PLANS, now + timedelta(days=1)))
        day.add_facts(self.store.facts(kind=_READ_WHOLE, since=since, until=now + timedelta(minutes=2)), now)
        for who in self._sending("position"):
            day.set_newest_positions(who, self._last_places(who, day))
        for slot in day.slots.values():
            slot.waiting.clear()  # each tour reads itself whole
        self.seq, self.board, self.day = seq, board, day

    def _sending(self, kind: str) -> list[str]:
        """Trucks that ever sent a fact of a kind."""
        with self.store.read() as connection:
            return list(connection.execute(select(sources.c.who).where(sources.c.kind == kind)).scalars())

    def _last_places(self, who: str, day: LiveDay) -> list[StoredFact]:
        """A truck's newest positions of the day while it was on duty: one look into an index per span, newest first."""
        low, high = day.since_us, microseconds(self.clock.now() + timedelta(minutes=2))
        with self.store.read() as connection:
            for begin, end in islice(reversed(day.duty_of(who).spans), MOST_SPANS):
                query = (
                    select(facts)
                    .where(facts.c.who == who, facts.c.kind == "position")
                    .where(facts.c.at_us >= max(low, microseconds(begin)), facts.c.at_us < min(high, microseconds(end)))
                    .order_by(facts.c.at_us.desc())
                    .limit(20)
                )
                rows = [StoredFact._make(row) for row in connection.execute(query)]
                if rows or microseconds(begin) <= low:
                    return rows
        return []

    def work(self) -> bool:
        """One piece of matching. True where there was something to do."""
        day = self.day
        return day is not None and day.work(self.store, self.clock.now())

    # --- what is asked of it -------------------------------------------------------------------------------------

    def tour(self, id: str) -> LiveTour | None:
        """A tour that is in view today."""
        slot = self.day.slots.get(id) if self.day is not None else None
        return None if slot is None else slot.live

    def matched(self, window: TourWindow) -> LiveTour | None:
        """A tour that is in view today, as it is matched already; None where something of it must still be read."""
        slot = self.day.slots.get(window.tour.id) if self.day is not None else None
        if (
            slot is None
            or slot.behind_s is not None
            or slot.live.progress is None
            or not slot.live.is_same_tour(window)
        ):
            return None
        return slot.live

    def tour_of_task(self, task: str) -> LiveTour | None:
        """The tour that a task is on today: the one that served it, where two days' plans name it."""
        slots = () if self.day is None else tuple(self.day.slots.values())
        tours = [slot.live for slot in slots if task in slot.live.tasks]
        best_first = ("done", "partly", "missed", "pending")
        return min(tours, key=lambda tour: best_first.index(tour.status(task)), default=None)

    def snapshot(self, may_see: TruckFilter | None = None) -> dict[str, Any]:
        """Everything that is to be seen now."""
        board, now = self.board, self.clock.now()
        tours = {line["tour"]: line for line in board.values("tours", may_see)}
        return {
            "now": instant_text(now), "date": None if self.day is None else self.day.today.isoformat(),
            "timezone": self.timezone,
            "plans": board.values("plan"),
            "trucks": [
                line | {"age_s": _age_s(line["at"], now), "state": tours.get(line["tour"], {}).get("state")}
                for line in board.values("trucks", may_see)
            ],
            "tours": sorted(tours.values(), key=late_first),
            **{table: board.values(table, may_see) for table in ("incidents", "tickets", "weighings", "messages")},
            "tasks": {task: value[:2] for task, value in board.since(0, may_see)[1].get("tasks", {}).items()},
        }  # fmt: skip


#: The order in which a planner needs to see tours: what is late first, what is over last.
ORDER: tuple[Literal["very_late", "late", "silent", "under_way", "on_time", "not_started", "done"], ...] = (
    "very_late", "late", "silent", "under_way", "on_time", "not_started", "done",
)  # fmt: skip


def late_first(line: dict[str, Any]) -> tuple[int, float, str]:
    """What needs somebody first; tours that run or ran as they should stand by their time, never by result."""
    wanting = line["state"] in ORDER[:3]
    return ORDER.index(line["state"]), -(line["late_s"] or 0) if wanting else 0, line["starts_at"] or ""


def running(day: DayPlan, today: date, now: datetime) -> DayPlan:
    """A day's plan with the tours that still count: all of today's, of yesterday's those that may still be out."""
    if day.plan.date == today:
        return day
    tours = tuple(tour for tour in day.plan.tours if tour.end_at + TOUR_AFTER > now)
    return replace(day, plan=replace(day.plan, tours=tours))


def _planned(versions_by_day: dict[date, list[DayPlan]]) -> dict[str, list[PlannedService]]:
    """Each truck's tours in every version of these days' plans."""
    planned: dict[str, list[PlannedService]] = {}
    for versions in versions_by_day.values():
        for truck, tours in planned_services(versions).items():
            planned.setdefault(truck, []).extend(tours)
    return planned


def network_of(town: Town) -> Network:
    """The streets that a town's trucks are matched to."""
    return Network.of(town.streets, town.extract.lonlat, next(iter(town.roads.values())).turns)


def _age_s(at: str | None, now: datetime) -> int | None:
    return None if at is None else max(0, round((now - datetime.fromisoformat(at)).total_seconds()))
