"""The day as it runs: a fold over the store's tail. Cheap things at once, matching later and by priority.

``add_facts`` looks at each stored fact once, in the order of arrival: a truck's place moves only forward in the fix's
own time, so a truck that sends two days of backlog newest first does not jump about, and what is older than what is
shown is not even unpacked. What the tours need waits for ``work``: live tours first, backlog after. A tour with more
waiting than ``MOST_WAITING`` forgets it and reads itself from the store when its truck has stopped pouring: memory is
bounded.

What sensors saw off duty (``duty/spans.py``) moves nothing. A change of duty, or a plan, that comes after what it
judges takes it back: the truck's place is looked up again, and its tours read themselves from the store.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from depot_api.duty import (
    MOST_AHEAD_US,
    MOST_DUTY_REPORTS,
    SENSED,
    DayPlan,
    DutyReport,
    DutySpans,
    PlannedService,
    TourWindow,
    duty_report_of,
    duty_spans,
    is_usable,
    known_duty,
    shown_duty,
    tour_windows,
)
from depot_api.live.board import Board
from depot_api.live.tour import Carried, LiveTour, carry_over
from depot_api.store import Store, StoredFact, instant_of, microseconds
from fleet import Fact, instant_text
from optimizer.matching import Matcher

LOG = logging.getLogger("ripeur.live")
TABLES = ("trucks", "tours", "tasks", "incidents", "tickets", "weighings", "messages", "plan")
#: Kinds that say something of a tour.
TOUR_KINDS = ("position", "lift", "vehicle", "load", "outcome", "duty")
#: What hangs on the board one by one: of one truck or site so much in a day. More is kept, and not shown live: whoever
#: sends more must not keep every console busy.
LISTED, MOST_LISTED = frozenset({"incident", "message", "weighing", "ticket"}), 1_000
MOST_WAITING = 3_000
SLICE = 2_000
#: Real seconds: between two judgements of a tour with news, of one without, and as a multiple of what the last took.
NEWS_S, STALE_S, SHARE = 1.0, 20.0, 10.0
#: A truck that pours its backlog is read from the store when it has been quiet for so long, or at the latest after …
QUIET_S, LATEST_S = 4.0, 45.0


@dataclass(slots=True)
class _Truck:
    """``at_us``: of the newest place on duty; ``heard_us``: of the newest fact that is no sensor's; ``sensed_us``: of
    the newest fix or lift on duty; ``seen_us``: of any; ``lifts_us``: the times of its lifts."""

    at_us: int = 0
    heard_us: int = 0
    sensed_us: int = 0
    seen_us: int = 0
    place: dict[str, Any] = field(default_factory=dict)
    duty: tuple[int, str] = (0, "none")
    health: tuple[int, dict[str, Any]] = (0, {})
    lifts_us: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _TourSlot:
    """A tour with what waits for it. ``behind_s``: real time since when it must be read from the store; ``whole``:
    False until it was read once; ``seen_us``: of the newest that sensors saw, on duty or not."""

    live: LiveTour
    waiting: deque[StoredFact] = field(default_factory=deque)
    behind_s: float | None = None
    whole: bool = True
    seen_us: int = 0
    poured_s: float = 0.0
    reading: Iterator[list[Fact]] | None = None
    judged_s: float = 0.0
    cost_s: float = 0.0
    news: bool = True
    shown: dict[str, str] = field(default_factory=dict)


class LiveDay:
    """One local day of the depot. ``take`` belongs to one thread, ``work`` to one other; both may run at once."""

    def __init__(
        self, board: Board, today: date, since: datetime, days: Iterable[DayPlan], matcher: Matcher | None,
        carried: Mapping[str, Carried] | None = None, planned: Mapping[str, list[PlannedService]] | None = None,
        without_plans: bool = False,
    ) -> None:  # fmt: skip
        """``planned``: each truck's tours in all versions; ``without_plans``: the depot has had none for a week."""
        self.board, self.today, self.matcher = board, today, matcher
        self.since_us = microseconds(since)
        self.now = since
        self._duty_reports: dict[str, set[DutyReport]] = {}
        self._planned: Mapping[str, list[PlannedService]] = {}
        self._without_plans = False
        self._duty_of: dict[str, DutySpans] = {}
        self._incidents: dict[str, dict[bytes, StoredFact]] = {}
        self._listed: Counter[tuple[str, str]] = Counter()
        self._trucks_to_place: set[str] = set()
        self.trucks: dict[str, _Truck] = {}
        self.carried: dict[str, Carried] = dict(carried or {})
        self.slots: dict[str, _TourSlot] = {}
        self.windows: dict[str, list[TourWindow]] = {}
        self._streets: dict[str, str] = {}
        self.plan(days, planned or {}, without_plans)

    def plan(self, days: Iterable[DayPlan], planned: Mapping[str, list[PlannedService]], without_plans: bool) -> None:
        """Put these plans in force: tours that stay as they were go on, what was served stays served."""
        day_plans = list(days)
        self.carried = carry_over(self.carried, [slot.live for slot in self.slots.values()])
        windows = tour_windows(day_plans)
        slots: dict[str, _TourSlot] = {}
        for window in (window for own in windows.values() for window in own):
            known = self.slots.get(window.tour.id)
            if known is not None and known.live.is_same_tour(window):
                slots[window.tour.id] = known
            else:
                live = LiveTour(window, self.matcher, self.carried)
                slots[window.tour.id] = _TourSlot(live=live, behind_s=time.monotonic() - LATEST_S, whole=False)
        self._streets = {task.id: task.name for day in day_plans for task in day.plan.tasks}
        self.windows, self.slots = windows, slots
        self.board.keep_only("tours", slots)
        self.board.keep_only("tasks", [leg.task for slot in slots.values() for leg in slot.live.tour.legs if leg.task])
        for day in day_plans:
            name = day.plan.date.isoformat()
            self.board.put("plan", name, {"date": name, "version": day.version})
        self._planned, self._without_plans = planned, without_plans
        for who in list(self._duty_of):
            self._redecide(who)

    # --- who is on duty --------------------------------------------------------------------------------------------

    def duty_of(self, who: str) -> DutySpans:
        """When a truck may be followed, by all that is known now."""
        known = self._duty_of.get(who)
        return known if known is not None else self._duty_of.setdefault(who, self._decided(who))  # asked by two threads

    def _decided(self, who: str) -> DutySpans:
        reports = tuple(self._duty_reports.get(who, ()))
        return duty_spans(reports, self._planned.get(who, ()), without_plans=self._without_plans)

    def add_duty_reports(self, who: str, reports: Iterable[DutyReport]) -> None:
        """A crew's changes of duty, of today and of the days before: they are known before anything else is judged."""
        own = self._duty_reports.setdefault(who, set())
        before = len(own)
        for report in reports:
            if len(own) > MOST_DUTY_REPORTS:  # enough to show that nobody can tell
                break
            own.add(report)
        if len(own) > before:
            self._redecide(who)

    def _redecide(self, who: str) -> None:
        """Decide again when a truck is on duty, and take back what was shown or followed otherwise."""
        before, after = self._duty_of.get(who, DutySpans(())), self._decided(who)
        self._duty_of[who] = after
        differs, truck = after.first_difference(before), self.trucks.get(who)
        if truck is None or differs is None:
            return
        from_us = microseconds(differs)
        if truck.seen_us >= from_us:
            self._trucks_to_place.add(who)
        for window in self.windows.get(who, ()):
            slot = self.slots.get(window.tour.id)
            if slot is not None and slot.seen_us >= from_us:
                self.slots[window.tour.id] = _TourSlot(
                    live=LiveTour(window, self.matcher, self.carried), behind_s=slot.behind_s or time.monotonic(),
                    poured_s=time.monotonic(), whole=False, seen_us=slot.seen_us, shown=slot.shown,
                )  # fmt: skip
        for row in self._incidents.get(who, {}).values():
            self._show_incident(row, row.json())
        self._show_truck(who, truck)

    def trucks_to_place(self) -> set[str]:
        """Trucks whose newest place on duty must be looked up again; each is told once."""
        trucks, self._trucks_to_place = self._trucks_to_place, set()
        return trucks

    def set_newest_positions(self, who: str, rows: Iterable[StoredFact]) -> None:
        """A truck's newest positions on duty, as the store has them; nobody knows what else it has."""
        truck, duty = self.trucks.setdefault(who, _Truck()), self.duty_of(who)
        truck.at_us, truck.place = 0, {}
        truck.sensed_us = max((at for at in truck.lifts_us if instant_of(at) in duty), default=0)
        truck.seen_us = max(truck.seen_us, microseconds(self.now) + MOST_AHEAD_US)
        for row in rows:
            if is_usable(row, duty):
                self._position(row)
        if self.board.get("trucks", who) is not None:
            self._show_truck(who, truck)

    def advance_to(self, now: datetime) -> None:
        """The time goes on: whose service has ended by it is shown no longer."""
        self.now = now
        for who, truck in list(self.trucks.items()):
            if truck.place:
                self._show_truck(who, truck)

    # --- cheap: each fact once, as it comes ----------------------------------------------------------------------

    def add_facts(self, rows: Iterable[StoredFact], now: datetime) -> None:
        """Stored facts, in the order of ``seq``."""
        self.now = now
        taken = list(rows)
        reports: dict[str, list[DutyReport]] = {}
        for row in taken:
            if row.kind == "duty":
                reports.setdefault(row.who, []).append(duty_report_of(row.at_us, row.received_us, row.body))
        for who, own in reports.items():  # before what they judge
            self.add_duty_reports(who, own)
        for row in taken:
            if row.at_us < self.since_us or row.at_us > row.received_us + MOST_AHEAD_US:
                continue
            try:
                self._take(row)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                LOG.exception("live state: fact %d is passed over", row.seq)

    def _take(self, row: StoredFact) -> None:
        followed = row.kind not in SENSED or row.at in self.duty_of(row.who)
        if row.kind in SENSED:
            self._sensed(row, followed)
        elif self._listed[row.who, row.kind] < MOST_LISTED:
            take = getattr(self, f"_{row.kind}", None)
            if take is not None:
                self._listed[row.who, row.kind] += row.kind in LISTED
                take(row, row.json())
        if row.kind in TOUR_KINDS:
            self._queue_for_tour(row, followed)

    def _truck(self, row: StoredFact) -> _Truck:
        """The truck that a fact is of, which its crew or its box speaks of."""
        truck = self.trucks.setdefault(row.who, _Truck())
        if row.at_us > truck.heard_us:
            truck.heard_us = row.at_us
        return truck

    def _sensed(self, row: StoredFact, followed: bool) -> None:
        """What sensors saw: off duty (not ``followed``) it moves nothing, and is not heard of."""
        truck = self.trucks.setdefault(row.who, _Truck())
        truck.seen_us = max(truck.seen_us, row.at_us)
        if row.kind == "lift":
            truck.lifts_us.append(row.at_us)  # judged when they are counted
        if followed and row.kind in ("position", "lift"):
            truck.sensed_us = max(truck.sensed_us, row.at_us)
            if row.kind == "position":
                self._position(row)

    def _position(self, row: StoredFact) -> None:
        """A position on duty."""
        truck = self.trucks[row.who]
        if row.at_us <= truck.at_us:
            return
        body = row.json()
        if body.get("lat_deg") is None:
            return
        truck.at_us = row.at_us
        truck.sensed_us = max(truck.sensed_us, row.at_us)
        truck.place = {"lat_deg": round(body["lat_deg"], 6), "lon_deg": round(body["lon_deg"], 6)}
        if body.get("heading_deg") is not None:
            truck.place["heading_deg"] = round(body["heading_deg"])
        if body.get("eph_m") is not None:
            truck.place["eph_m"] = round(body["eph_m"])
        self._show_truck(row.who, truck)

    def _show_truck(self, who: str, truck: _Truck) -> None:
        """A truck's line. Its place was seen on duty, and is shown while it is on duty, whoever sent it."""
        duty = self.duty_of(who)
        shown = bool(truck.place) and instant_of(truck.at_us) in duty and self.now in duty
        window = self.window_at(who, self.heard_us(who))
        self.board.put("trucks", who, {
            "truck": who, "tour": window.tour.id if window else None, "duty": truck.duty[1],
            "at": _text(truck.at_us) if shown else None, **(truck.place if shown else {}), **truck.health[1],
        }, who)  # fmt: skip

    def heard_us(self, who: str) -> int:
        """When a truck was heard of last: what its sensors say counts on duty only. 0: never."""
        truck = self.trucks.get(who) or _Truck()
        sensed_at = self.duty_of(who).last(instant_of(truck.sensed_us)) if truck.sensed_us else None
        return max(truck.heard_us, microseconds(sensed_at) if sensed_at is not None else 0)

    def _duty(self, row: StoredFact, body: dict[str, Any]) -> None:
        truck = self._truck(row)
        if row.at_us >= truck.duty[0]:
            truck.duty = (row.at_us, shown_duty(body["state"]))
            self._show_truck(row.who, truck)

    def _health(self, row: StoredFact, body: dict[str, Any]) -> None:
        if body.get("truck") is None:
            return
        truck = self._truck(row)
        if row.at_us >= truck.health[0]:
            health = {
                name: body[name] for name in ("receiver", "pending", "refused", "thinned") if body.get(name) is not None
            }
            truck.health = (row.at_us, health)
            self._show_truck(row.who, truck)

    def _incident(self, row: StoredFact, body: dict[str, Any]) -> None:
        self._truck(row)
        self._incidents.setdefault(row.who, {})[row.id] = row
        self._show_incident(row, body)

    def _show_incident(self, row: StoredFact, body: Mapping[str, Any]) -> None:
        """What a crew reports stands, on duty or not; its place is shown where it was on duty."""
        placed = row.at in self.duty_of(row.who)
        window = self._window_named(body) or self.window_at(row.who, row.at_us)
        self.board.put("incidents", _key(row.who, body["id"]), {
            "id": body["id"], "at": _text(row.at_us), "received_at": _text(row.received_us), "truck": row.who,
            "tour": window.tour.id if window else None, "category": body["category"], "task": body.get("task"),
            "street": self._streets.get(body.get("task") or "", ""), "note": body.get("note"),
            "lat_deg": body.get("lat_deg") if placed else None, "lon_deg": body.get("lon_deg") if placed else None,
            "photos": body.get("photos") or [],
        }, row.who)  # fmt: skip

    def _message(self, row: StoredFact, body: dict[str, Any]) -> None:
        self._truck(row)
        self.board.put("messages", _key(row.who, body["id"]), {
            "id": body["id"], "at": _text(row.at_us), "truck": row.who, "sender": body["sender"], "text": body["text"],
            "answers": body.get("answers"),
        }, row.who)  # fmt: skip

    def _weighing(self, row: StoredFact, body: dict[str, Any]) -> None:
        key = _key(row.who, body["id"])
        self.board.put("weighings", key, {
            "id": body["id"], "at": _text(row.at_us), "site": row.who, "truck": body.get("truck"),
            "plate": body.get("plate"), "kg": body["kg"],
            "ticket": (self.board.get("weighings", key) or {}).get("ticket"),
        }, body.get("truck"))  # fmt: skip

    def _ticket(self, row: StoredFact, body: dict[str, Any]) -> None:
        truck, key = body.get("truck"), _key(row.who, body["id"])
        window = self.window_at(truck, row.at_us) if truck else None
        fields = {name: body.get(name) for name in (
            "id", "number", "site", "truck", "plate", "flux", "product", "net_kg", "gross_kg", "tare_kg", "corrects",
            "reason",
        )}  # fmt: skip
        known = self.board.get("tickets", key) or {}
        self.board.put("tickets", key, fields | {
            "at": _text(row.at_us), "in_at": body.get("in_at"), "tour": window.tour.id if window else None,
            "replaced_by": known.get("replaced_by"),
        }, truck)  # fmt: skip
        replaced = _key(row.who, body.get("corrects") or "")  # a site corrects its own tickets only
        before = self.board.get("tickets", replaced)
        if before is not None:
            self.board.put("tickets", replaced, before | {"replaced_by": body["number"]}, before["truck"])
        for weighing in (body.get("gross_weighing") or "", body.get("tare_weighing") or ""):
            read = self.board.get("weighings", _key(row.who, weighing))
            if read is not None:
                self.board.put("weighings", _key(row.who, weighing), read | {"ticket": body["number"]}, read["truck"])

    def _window_named(self, body: Mapping[str, Any]) -> TourWindow | None:
        slot = self.slots.get(body.get("tour") or "")
        return slot.live.window if slot is not None and slot.live.tour.truck == body.get("truck") else None

    def window_at(self, truck: str, at_us: int) -> TourWindow | None:
        """The tour that a truck's fact of this time belongs to."""
        at = instant_of(at_us)
        return next((window for window in self.windows.get(truck, ()) if window.since <= at < window.until), None)

    def _queue_for_tour(self, row: StoredFact, followed: bool) -> None:
        named = self._window_named(row.json()) if row.kind in ("outcome", "duty") else None
        window = named or self.window_at(row.who, row.at_us)
        slot = self.slots.get(window.tour.id) if window is not None else None
        if slot is None:
            return
        if row.kind in SENSED:
            slot.seen_us = max(slot.seen_us, row.at_us)
            if not followed:
                return
        if len(slot.waiting) < MOST_WAITING:
            slot.waiting.append(row)
            return
        slot.poured_s = time.monotonic()
        slot.waiting.clear()
        if slot.behind_s is None or slot.reading is not None:
            slot.behind_s, slot.reading = slot.poured_s, None

    # --- dear: tours, by priority --------------------------------------------------------------------------------

    def work(self, store: Store, now: datetime) -> bool:
        """One piece of work, most urgent first; False where nothing is to be done just now."""
        clock_s = time.monotonic()
        slots = list(self.slots.values())
        due = [s for s in slots if s.whole and s.waiting and clock_s - s.judged_s >= max(NEWS_S, SHARE * s.cost_s)]
        if due:
            self._judge(min(due, key=lambda s: (s.behind_s is not None, s.judged_s)), now)
            return True
        behind = [s for s in slots if s.behind_s is not None and (
            s.reading is not None or clock_s - s.poured_s >= QUIET_S or clock_s - s.behind_s >= LATEST_S)]  # fmt: skip
        if behind:
            self._read_on(
                min(behind, key=lambda s: (s.reading is None, max(s.behind_s or 0.0, s.poured_s))), store, now
            )
            return True
        stale = [s for s in slots if s.whole and clock_s - s.judged_s >= max(STALE_S, SHARE * s.cost_s)]
        if stale:
            self._judge(min(stale, key=lambda s: s.judged_s), now)
            return True
        return False

    def _judge(self, slot: _TourSlot, now: datetime) -> None:
        began_s = slot.judged_s = time.monotonic()  # now already: one that fails each time leaves the others their turn
        rows: list[StoredFact] = []
        while slot.waiting:
            rows.append(slot.waiting.popleft())
        slot.live.add_all(row.fact() for row in rows)
        self._show_tour(slot, now)
        slot.cost_s = slot.judged_s - began_s

    def show_planned(self, now: datetime) -> None:
        """Hang up the tours whose trucks have not been heard of: what is said of them needs no matching."""
        for slot in self.slots.values():
            if self.heard_us(slot.live.tour.truck) < microseconds(slot.live.window.since):
                self._show_tour(slot, now)

    def _show_tour(self, slot: _TourSlot, now: datetime) -> None:
        truck = self.trucks.get(slot.live.tour.truck) or _Truck()
        window, duty, heard_us = (
            slot.live.window,
            self.duty_of(slot.live.tour.truck),
            self.heard_us(slot.live.tour.truck),
        )
        low, high = microseconds(window.since), microseconds(window.until)
        heard_at = instant_of(min(heard_us, high)) if heard_us >= low else None
        piece = duty.span_number(now)
        slot.live.judge(now, heard_at, None if piece is None else duty.spans[piece][0])
        lifts = sum(low <= at < high and instant_of(at) in duty for at in tuple(truck.lifts_us))
        slot.judged_s = time.monotonic()
        self._show_tasks(slot)
        line = slot.live.line(now, heard_at, lifts, slot.behind_s is not None)
        self.board.put("tours", slot.live.tour.id, line, slot.live.tour.truck)

    def _show_tasks(self, slot: _TourSlot) -> None:
        """Each street side that is not simply to come: status, share in hundredths, the tour."""
        tour = slot.live.tour
        for task, state in slot.live.states.items():
            text = "" if state.status == "pending" else f"{state.status}{round(100 * state.share)}"
            if slot.shown.get(task, "") != text:
                slot.shown[task] = text
                value = [state.status, round(state.share, 2), tour.id] if text else None
                self.board.put("tasks", task, value, tour.truck)

    def _read_on(self, slot: _TourSlot, store: Store, now: datetime) -> None:
        """One slice of a tour that reads itself from the store."""
        if slot.reading is None:
            slot.reading = tour_facts(store, slot.live.window)
            slot.seen_us = max(slot.seen_us, microseconds(now) + MOST_AHEAD_US)  # whatever is there may have been read
        part = next(slot.reading, None)
        if part is None:
            slot.reading = slot.behind_s = None
            slot.whole = True
            self._judge(slot, now)
            return
        slot.live.add_all(part)


def tour_facts(store: Store, window: TourWindow, until: datetime | None = None) -> Iterator[list[Fact]]:
    """A tour's facts from the store, in slices, in the order of their own time; no read stays open between slices.

    What sensors saw off duty, by all that the store knows now, is left out.
    """
    at, end = window.since, min(window.until, until or window.until)
    duty = known_duty(store, window.tour.truck, window.since, window.until).spans
    while True:
        rows = list(islice(store.facts(kind=TOUR_KINDS, who=window.tour.truck, since=at, until=end), SLICE))
        yield [row.fact() for row in rows if is_usable(row, duty)]
        if len(rows) < SLICE:
            return
        at = max(rows[-1].at, at + timedelta(microseconds=1))


def carried_from(
    store: Store, versions: Iterable[DayPlan], matcher: Matcher | None, tasks: Collection[str] | None = None
) -> dict[str, Carried]:
    """What was served while earlier versions of a day's plan were in force: the last version's is not among it.

    ``tasks``: those of interest; tours that have none of them are not read.
    """
    kept: dict[str, Carried] = {}
    all_versions = list(versions)
    for old, new in pairwise(all_versions):
        for own in tour_windows([old]).values():
            for window in own:
                if window.since >= new.published_at or not (tasks is None or _serves(window, tasks)):
                    continue
                tour = LiveTour(window, matcher, kept)
                for part in tour_facts(store, window, new.published_at):
                    tour.add_all(part)
                tour.judge(new.published_at, None)
                kept = carry_over(kept, [tour])
    return kept


def _serves(window: TourWindow, tasks: Collection[str]) -> bool:
    return any(leg.task in tasks for leg in window.tour.legs)


def _key(who: str, id: str) -> str:
    """What hangs on the board is known by its id and whose it is, as in the store: an id alone anybody may take."""
    return f"{id.lower()} {who}"


def _text(us: int) -> str:
    return instant_text(instant_of(us))
