"""The day as it runs: a fold over the store's tail. Cheap things at once, matching later and by priority.

``take`` looks at each stored fact once, in the order of arrival: a truck's place moves only forward in the fix's own
time, so a truck that sends two days of backlog newest first does not jump about, and what is older than what is shown
is not even unpacked. What the tours need waits for ``work``: live tours first, backlog after. A tour with more waiting
than ``MOST_WAITING`` forgets it and reads itself from the store when its truck has stopped pouring: memory is bounded.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from depot_api.board import Board
from depot_api.live_plan import DayPlan, Turn, turns_of
from depot_api.live_tour import Carried, LiveTour, carried_over
from depot_api.store import Store, StoredFact, instant_of, microseconds
from fleet import Fact, instant_text
from optimizer.matching import Matcher

TABLES = ("trucks", "tours", "tasks", "incidents", "tickets", "weighings", "messages", "plan")
#: Kinds that say something of a tour.
TOUR_KINDS = ("position", "lift", "vehicle", "load", "outcome", "duty")
#: A fact from later than this after its arrival is a wrong clock's: it is kept, and moves nothing here.
FUTURE_US = 120_000_000
MOST_WAITING = 3_000
SLICE = 2_000
#: Real seconds: between two judgements of a tour with news, of one without, and as a multiple of what the last took.
NEWS_S, STALE_S, SHARE = 1.0, 20.0, 10.0
#: A truck that pours its backlog is read from the store when it has been quiet for so long, or at the latest after …
QUIET_S, LATEST_S = 4.0, 45.0


@dataclass(slots=True)
class _Truck:
    """``at_us``: of the place shown; ``heard_us``: of the newest fact; ``lifts_us``: the times of its lifts."""

    at_us: int = 0
    heard_us: int = 0
    place: dict[str, Any] = field(default_factory=dict)
    duty: tuple[int, str] = (0, "none")
    health: tuple[int, dict[str, Any]] = (0, {})
    lifts_us: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Slot:
    """A tour with what waits for it. ``behind_s``: real time since when it must be read from the store."""

    live: LiveTour
    waiting: deque[StoredFact] = field(default_factory=deque)
    behind_s: float | None = None
    poured_s: float = 0.0
    reading: Iterator[list[Fact]] | None = None
    judged_s: float = 0.0
    cost_s: float = 0.0
    news: bool = True
    pinned: dict[str, str] = field(default_factory=dict)


class LiveDay:
    """One local day of the depot. ``take`` belongs to one thread, ``work`` to one other; both may run at once."""

    def __init__(
        self, board: Board, today: date, since: datetime, days: Iterable[DayPlan], matcher: Matcher | None,
        carried: Mapping[str, Carried] | None = None,
    ) -> None:  # fmt: skip
        self.board, self.today, self.matcher = board, today, matcher
        self.since_us = microseconds(since)
        self.trucks: dict[str, _Truck] = {}
        self.carried: dict[str, Carried] = dict(carried or {})
        self.slots: dict[str, _Slot] = {}
        self.turns: dict[str, list[Turn]] = {}
        self._streets: dict[str, str] = {}
        self.plan(days)

    def plan(self, days: Iterable[DayPlan]) -> None:
        """Put these plans in force: tours that stay as they were go on, what was served stays served."""
        found = list(days)
        self.carried = carried_over(self.carried, [slot.live for slot in self.slots.values()])
        turns = turns_of(found)
        slots: dict[str, _Slot] = {}
        for turn in (turn for own in turns.values() for turn in own):
            known = self.slots.get(turn.tour.id)
            if known is not None and known.live.is_as(turn):
                slots[turn.tour.id] = known
            else:
                live = LiveTour(turn, self.matcher, self.carried)
                slots[turn.tour.id] = _Slot(live, behind_s=time.monotonic() - LATEST_S)
        self._streets = {task.id: task.name for day in found for task in day.plan.tasks}
        self.turns, self.slots = turns, slots
        self.board.keep_only("tours", slots)
        self.board.keep_only("tasks", [leg.task for slot in slots.values() for leg in slot.live.tour.legs if leg.task])
        for day in found:
            name = day.plan.date.isoformat()
            self.board.put("plan", name, {"date": name, "version": day.version})

    # --- cheap: each fact once, as it comes ----------------------------------------------------------------------

    def take(self, rows: Iterable[StoredFact]) -> None:
        """Stored facts, in the order of ``seq``."""
        for row in rows:
            if row.at_us < self.since_us or row.at_us > row.received_us + FUTURE_US:
                continue
            if row.kind == "position":
                self._position(row)
            else:
                take = getattr(self, f"_{row.kind}", None)
                if take is not None:
                    take(row, row.json())
            if row.kind in TOUR_KINDS:
                self._hand_on(row)

    def _truck(self, row: StoredFact) -> _Truck:
        truck = self.trucks.get(row.who)
        if truck is None:
            truck = self.trucks[row.who] = _Truck()
        if row.at_us > truck.heard_us:
            truck.heard_us = row.at_us
        return truck

    def _position(self, row: StoredFact) -> None:
        truck = self._truck(row)
        if row.at_us <= truck.at_us:
            return
        j = row.json()
        if j.get("lat_deg") is None:
            return
        truck.at_us = row.at_us
        truck.place = {"lat_deg": round(j["lat_deg"], 6), "lon_deg": round(j["lon_deg"], 6)}
        if j.get("heading_deg") is not None:
            truck.place["heading_deg"] = round(j["heading_deg"])
        if j.get("eph_m") is not None:
            truck.place["eph_m"] = round(j["eph_m"])
        self._pin_truck(row.who, truck)

    def _pin_truck(self, who: str, truck: _Truck) -> None:
        """A truck's line. Off duty, in a break and switched off its place is not shown, whoever sent it."""
        shown = truck.place and not (truck.duty[1] in ("break", "off", "ended") and truck.at_us >= truck.duty[0])
        on_duty = truck.duty[1] not in ("off", "ended")
        turn = self.turn_at(who, truck.heard_us)
        self.board.put("trucks", who, {
            "truck": who, "tour": turn.tour.id if turn else None, "duty": truck.duty[1],
            "at": _text(truck.at_us) if truck.at_us and shown and on_duty else None,
            **(truck.place if shown and on_duty else {}), **truck.health[1],
        }, who)  # fmt: skip

    def _duty(self, row: StoredFact, j: dict[str, Any]) -> None:
        truck = self._truck(row)
        if row.at_us >= truck.duty[0]:
            said = {"break_start": "break", "tracking_off": "off", "end": "ended"}.get(j["state"], "on")
            truck.duty = (row.at_us, said)
            self._pin_truck(row.who, truck)

    def _health(self, row: StoredFact, j: dict[str, Any]) -> None:
        if j.get("truck") is None:
            return
        truck = self._truck(row)
        if row.at_us >= truck.health[0]:
            told = {name: j[name] for name in ("receiver", "pending", "refused", "thinned") if j.get(name) is not None}
            truck.health = (row.at_us, told)
            self._pin_truck(row.who, truck)

    def _lift(self, row: StoredFact, j: dict[str, Any]) -> None:
        self._truck(row).lifts_us.append(row.at_us)

    def _incident(self, row: StoredFact, j: dict[str, Any]) -> None:
        self._truck(row)
        turn = self._named(j) or self.turn_at(row.who, row.at_us)
        self.board.put("incidents", _key(row.who, j["id"]), {
            "id": j["id"], "at": _text(row.at_us), "received_at": _text(row.received_us), "truck": row.who,
            "tour": turn.tour.id if turn else None, "category": j["category"], "task": j.get("task"),
            "street": self._streets.get(j.get("task") or "", ""), "note": j.get("note"),
            "lat_deg": j.get("lat_deg"), "lon_deg": j.get("lon_deg"), "photos": j.get("photos") or [],
        }, row.who)  # fmt: skip

    def _message(self, row: StoredFact, j: dict[str, Any]) -> None:
        self._truck(row)
        self.board.put("messages", _key(row.who, j["id"]), {
            "id": j["id"], "at": _text(row.at_us), "truck": row.who, "sender": j["sender"], "text": j["text"],
            "answers": j.get("answers"),
        }, row.who)  # fmt: skip

    def _weighing(self, row: StoredFact, j: dict[str, Any]) -> None:
        key = _key(row.who, j["id"])
        self.board.put("weighings", key, {
            "id": j["id"], "at": _text(row.at_us), "site": row.who, "truck": j.get("truck"), "plate": j.get("plate"),
            "kg": j["kg"], "ticket": (self.board.get("weighings", key) or {}).get("ticket"),
        }, j.get("truck"))  # fmt: skip

    def _ticket(self, row: StoredFact, j: dict[str, Any]) -> None:
        truck, key = j.get("truck"), _key(row.who, j["id"])
        turn = self.turn_at(truck, row.at_us) if truck else None
        told = {name: j.get(name) for name in (
            "id", "number", "site", "truck", "plate", "flux", "product", "net_kg", "gross_kg", "tare_kg", "corrects",
            "reason",
        )}  # fmt: skip
        known = self.board.get("tickets", key) or {}
        self.board.put("tickets", key, told | {
            "at": _text(row.at_us), "in_at": j.get("in_at"), "tour": turn.tour.id if turn else None,
            "replaced_by": known.get("replaced_by"),
        }, truck)  # fmt: skip
        replaced = _key(row.who, j.get("corrects") or "")  # a site corrects its own tickets only
        before = self.board.get("tickets", replaced)
        if before is not None:
            self.board.put("tickets", replaced, before | {"replaced_by": j["number"]}, before["truck"])
        for weighing in (j.get("gross_weighing") or "", j.get("tare_weighing") or ""):
            read = self.board.get("weighings", _key(row.who, weighing))
            if read is not None:
                self.board.put("weighings", _key(row.who, weighing), read | {"ticket": j["number"]}, read["truck"])

    def _named(self, j: Mapping[str, Any]) -> Turn | None:
        slot = self.slots.get(j.get("tour") or "")
        return slot.live.turn if slot is not None and slot.live.tour.truck == j.get("truck") else None

    def turn_at(self, truck: str, at_us: int) -> Turn | None:
        """The tour that a truck's fact of this time belongs to."""
        at = instant_of(at_us)
        return next((turn for turn in self.turns.get(truck, ()) if turn.since <= at < turn.until), None)

    def _hand_on(self, row: StoredFact) -> None:
        named = self._named(row.json()) if row.kind in ("outcome", "duty") else None
        turn = named or self.turn_at(row.who, row.at_us)
        slot = self.slots.get(turn.tour.id) if turn is not None else None
        if slot is None:
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
        due = [s for s in slots if s.waiting and clock_s - s.judged_s >= max(NEWS_S, SHARE * s.cost_s)]
        if due:
            self._judge(min(due, key=lambda s: (s.behind_s is not None, s.judged_s)), now)
            return True
        behind = [s for s in slots if s.behind_s is not None and (
            s.reading is not None or clock_s - s.poured_s >= QUIET_S or clock_s - s.behind_s >= LATEST_S)]  # fmt: skip
        if behind:
            self._read_on(min(behind, key=lambda s: (s.reading is None, s.behind_s)), store, now)
            return True
        stale = [s for s in slots if clock_s - s.judged_s >= max(STALE_S, SHARE * s.cost_s)]
        if stale:
            self._judge(min(stale, key=lambda s: s.judged_s), now)
            return True
        return False

    def _judge(self, slot: _Slot, now: datetime) -> None:
        began_s = slot.judged_s = time.monotonic()  # now already: one that fails each time leaves the others their turn
        rows: list[StoredFact] = []
        while slot.waiting:
            rows.append(slot.waiting.popleft())
        slot.live.add_all(row.fact() for row in rows)
        self._pin(slot, now)
        slot.cost_s = slot.judged_s - began_s

    def pin_planned(self, now: datetime) -> None:
        """Hang up the tours whose trucks have not been heard of: what is said of them needs no matching."""
        for slot in self.slots.values():
            truck = self.trucks.get(slot.live.tour.truck)
            if truck is None or truck.heard_us < microseconds(slot.live.turn.since):
                self._pin(slot, now)

    def _pin(self, slot: _Slot, now: datetime) -> None:
        truck = self.trucks.get(slot.live.tour.truck) or _Truck()
        turn = slot.live.turn
        low, high = microseconds(turn.since), microseconds(turn.until)
        heard_at = instant_of(min(truck.heard_us, high)) if truck.heard_us >= low else None
        slot.live.judge(now, heard_at)
        lifts = sum(low <= at < high for at in truck.lifts_us)
        slot.judged_s = time.monotonic()
        self._pin_tasks(slot)
        line = slot.live.line(now, heard_at, lifts, slot.behind_s is not None)
        self.board.put("tours", slot.live.tour.id, line, slot.live.tour.truck)

    def _pin_tasks(self, slot: _Slot) -> None:
        """Each street side that is not simply to come: status, share in hundredths, the tour."""
        tour = slot.live.tour
        for task, state in slot.live.states.items():
            told = "" if state.status == "pending" else f"{state.status}{round(100 * state.share)}"
            if slot.pinned.get(task, "") != told:
                slot.pinned[task] = told
                value = [state.status, round(state.share, 2), tour.id] if told else None
                self.board.put("tasks", task, value, tour.truck)

    def _read_on(self, slot: _Slot, store: Store, now: datetime) -> None:
        """One slice of a tour that reads itself from the store."""
        if slot.reading is None:
            slot.reading = facts_of_turn(store, slot.live.turn)
        part = next(slot.reading, None)
        if part is None:
            slot.reading = slot.behind_s = None
            self._judge(slot, now)
            return
        slot.live.add_all(part)


def facts_of_turn(store: Store, turn: Turn, until: datetime | None = None) -> Iterator[list[Fact]]:
    """A tour's facts from the store, in slices, in the order of their own time; no read stays open between slices."""
    at, end = turn.since, min(turn.until, until or turn.until)
    while True:
        rows = list(islice(store.facts(kind=TOUR_KINDS, who=turn.tour.truck, since=at, until=end), SLICE))
        yield [row.fact() for row in rows if row.at_us <= row.received_us + FUTURE_US]
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
        for own in turns_of([old]).values():
            for turn in own:
                if turn.since >= new.published_at or not (tasks is None or _serves(turn, tasks)):
                    continue
                tour = LiveTour(turn, matcher, kept)
                for part in facts_of_turn(store, turn, new.published_at):
                    tour.add_all(part)
                tour.judge(new.published_at, None)
                kept = carried_over(kept, [tour])
    return kept


def _serves(turn: Turn, tasks: Collection[str]) -> bool:
    return any(leg.task in tasks for leg in turn.tour.legs)


def _key(who: str, id: str) -> str:
    """What hangs on the board is known by its id and whose it is, as in the store: an id alone anybody may take."""
    return f"{id.lower()} {who}"


def _text(us: int) -> str:
    return instant_text(instant_of(us))
