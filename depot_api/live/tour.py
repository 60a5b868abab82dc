"""One tour as it stands now: facts of its truck in, its line on the board and the state of each street out.

The states are those of the tour, never of a person: where it is against its plan, not how fast anybody is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from depot_api.duty import TourWindow, shown_duty
from fleet import Duty, Fact, Load, Outcome, Task, instant_text
from optimizer.evidence import NOT_YET, FollowedTour, TaskState, TourProgress, crew_state
from optimizer.matching import Matcher

#: What a tour may be. ``under_way``: begun, but without streets to match on nobody can say whether it is late.
TOUR_STATES = ("not_started", "on_time", "late", "very_late", "silent", "under_way", "done")
LATE_S = 10 * 60
VERY_LATE_S = 30 * 60
#: A tour that was late is on time again only so far below the bound: rows must not jump to and fro.
STEADY_S = 2 * 60
#: On duty, and nothing heard for so long.
SILENT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Carried:
    """A task that was served while an earlier version of the plan was in force: by which tour and truck."""

    tour: str
    truck: str
    state: TaskState


class LiveTour:
    """``matcher``: None without an area; then only what crews say and where trucks are is known."""

    def __init__(self, window: TourWindow, matcher: Matcher | None, carried: Mapping[str, Carried]) -> None:
        self.window, self.tour = window, window.tour
        self.tasks: dict[str, Task] = window.day.tasks_of(window.tour)
        self.carried = {task: c for task, c in carried.items() if task in self.tasks}
        self.followed: FollowedTour | None = None
        if matcher is not None:
            self.followed = FollowedTour(matcher, window.tour, self.tasks, window.since, window.until)
        self.states: dict[str, TaskState] = {}
        self.progress: TourProgress | None = None
        self.state = "not_started"
        self._duties: dict[str, Duty] = {}  # copied before it is gone through: another thread may put one in
        self._outcomes: dict[str, Outcome] = {}  # by task, the last by its own time
        self._scale: Load | None = None

    def is_same_tour(self, window: TourWindow) -> bool:
        """Whether a new version of the plan leaves this tour as it was."""
        own = self.window
        return (own.tour, own.since, own.until) == (window.tour, window.since, window.until)

    def add_all(self, facts: Iterable[Fact]) -> None:
        """Take facts of this tour's truck in, in any order; one that is known already changes nothing."""
        taken = list(facts)
        for fact in taken:
            if isinstance(fact, Duty):
                self._duties[fact.id] = fact
            elif isinstance(fact, Outcome):
                before = self._outcomes.get(fact.task)
                if before is None or before.at <= fact.at:
                    self._outcomes[fact.task] = fact
            elif isinstance(fact, Load) and fact.quantity == "net" and (not self._scale or self._scale.at <= fact.at):
                self._scale = fact
        if self.followed is not None:
            self.followed.add_all(taken)

    def judge(self, now: datetime, heard_at: datetime | None, on_duty_since: datetime | None = None) -> None:
        """Work the states out anew. ``heard_at``: the time of the truck's newest fact; ``on_duty_since``: since when
        it may be followed without a break, None where it may not just now (and nobody waits to hear of it)."""
        if self.followed is not None:
            states = self.followed.states(now)
            self.progress = self.followed.progress(now)
        else:
            states = {leg.task: self._by_word(leg.task) for leg in self.tour.legs if leg.task is not None}
        for task, carried in self.carried.items():
            if task in states and states[task].status not in ("done", "partly"):
                states[task] = carried.state
        self.states = states
        self.state = self._state(now, heard_at, on_duty_since)

    def _by_word(self, task: str) -> TaskState:
        outcome = self._outcomes.get(task)
        return NOT_YET if outcome is None else crew_state(outcome)

    # --- where it stands -----------------------------------------------------------------------------------------

    @property
    def began_at(self) -> datetime | None:
        """Start of service: as the crew said it, else the first fix on the streets."""
        reported_at = min((d.at for d in tuple(self._duties.values()) if d.state == "start"), default=None)
        return reported_at if reported_at is not None or self.followed is None else self.followed.began_at

    @property
    def ended_at(self) -> datetime | None:
        """End of service as the crew said it; None while it goes on, or goes on again."""
        last = max((d for d in tuple(self._duties.values()) if d.state in ("start", "end")), key=_when, default=None)
        return last.at if last is not None and last.state == "end" else None

    def duty(self) -> str:
        """``none``, ``on``, ``break``, ``off`` (tracking switched off) or ``ended``: the last that was said."""
        last = max(tuple(self._duties.values()), key=_when, default=None)
        return "none" if last is None else shown_duty(last.state)

    def late_s(self, now: datetime) -> float | None:
        """Behind the plan (negative: ahead); a tour that should have begun is late by what it has lost already."""
        if self.progress is not None and self.progress.late_s is not None:
            return self.progress.late_s
        if self._begun(now):
            return None
        return max(0.0, (now - self.tour.start_at).total_seconds()) or None

    def _begun(self, now: datetime) -> bool:
        if self.began_at is not None:
            return self.began_at <= now
        return self.progress is not None and self.progress.late_s is not None

    def _state(self, now: datetime, heard_at: datetime | None, on_duty_since: datetime | None) -> str:
        if self.ended_at is not None or (self.progress is not None and self.progress.over):
            return "done"
        late = self.late_s(now)
        begun = self._begun(now)
        if begun and on_duty_since is not None and now - max(heard_at or on_duty_since, on_duty_since) > SILENT:
            return "silent"
        if late is None:
            return "under_way" if begun else "not_started"
        lower = STEADY_S if self.state in ("late", "very_late") else 0
        if late > VERY_LATE_S - (STEADY_S if self.state == "very_late" else 0):
            return "very_late"
        if late > LATE_S - lower:
            return "late"
        return "on_time" if begun else "not_started"

    # --- on the board --------------------------------------------------------------------------------------------

    def line(self, now: datetime, heard_at: datetime | None, lifts: int, behind: bool) -> dict[str, Any]:
        """The tour's line. Times to the second, lateness to half a minute: what changes each second is not news."""
        tour, progress = self.tour, self.progress
        late = self.late_s(now)
        count = Counter(state.status for state in self.states.values())
        sites = [] if progress is None else [
            {"site": site, "at": _second(at), "planned_at": _second(tour.legs[leg].start_at)}
            for leg, site, at in progress.sites_at
        ]  # fmt: skip
        tips = sum(leg.kind == "unload" for leg in tour.legs)
        ends = self.ended_at or (progress.ends_at if progress is not None else None)
        return {
            "tour": tour.id, "name": tour.shift or tour.id, "truck": tour.truck,
            "date": self.window.day.plan.date.isoformat(),
            "state": self.state, "late_s": None if late is None else round(late / 30) * 30,
            "tasks": len(self.tasks), "done_tasks": count["done"], "partly_tasks": count["partly"],
            "missed_tasks": count["missed"], "lifts": lifts, "duty": self.duty(),
            "load_kg": self.load_kg(), "scale_kg": None if self._scale is None else self._scale.kg,
            "starts_at": _second(tour.start_at), "began_at": _second(self.began_at),
            "planned_ends_at": _second(tour.end_at), "ends_at": _second(ends),
            "eta_site_at": sites[0]["at"] if sites else None, "sites": sites,
            "unloadings": tips, "unloaded": tips - len(sites) if progress is not None else None,
            "heard_at": None if heard_at is None else _second(heard_at.replace(second=0, microsecond=0)),
            "behind": behind,
        }  # fmt: skip

    def load_kg(self) -> dict[str, float]:
        """What should be on board by flux: the expected kilos of what was served since the last unloading."""
        left = {leg for leg, _, _ in self.progress.sites_at} if self.progress is not None else set()
        tipped = [
            i for i, leg in enumerate(self.tour.legs) if leg.kind == "unload" and self.progress and i not in left
        ]  # fmt: skip
        since = max(tipped, default=-1)
        kg: dict[str, float] = {}
        for leg in self.tour.legs[since + 1 :]:
            state = self.states.get(leg.task or "")
            if leg.kind == "collect" and state is not None and state.status in ("done", "partly"):
                for flux, planned in leg.kg.items():
                    share = 1.0 if state.status == "done" else state.share
                    kg[flux] = kg.get(flux, 0.0) + planned * share
        return {flux: round(value, 1) for flux, value in kg.items()}

    def streets(self) -> list[dict[str, Any]]:
        """Every task in the order of the plan: its state, what it rests on, when it was or will be served."""
        expected = self.progress.expected_at if self.progress is not None else {}
        streets: list[dict[str, Any]] = []
        for leg in self.tour.legs:
            if leg.task is None:
                continue
            task, state = self.tasks[leg.task], self.states.get(leg.task, NOT_YET)
            streets.append({
                "task": task.id, "name": task.name, "kind": task.kind, "side": task.side,
                "planned_at": _second(leg.start_at), "expected_at": _second(expected.get(task.id)),
                "status": state.status, "reason": state.reason, "share": round(state.share, 3),
                "from_at": _second(state.from_at), "until_at": _second(state.until_at),
                "passed_over": state.passed_over,
            })  # fmt: skip
        return streets

    def status(self, task: str) -> str:
        return self.states.get(task, NOT_YET).status

    def street(self, task: str) -> dict[str, Any]:
        """One task with its evidence: which tour and truck served it, when, how that is known. No person, no speed."""
        street = next(s for s in self.streets() if s["task"] == task)
        state, carried = self.states.get(task, NOT_YET), self.carried.get(task)
        by = {"tour": self.tour.id, "truck": self.tour.truck}
        if carried is not None and state is carried.state:
            by = {"tour": carried.tour, "truck": carried.truck}
        outcome = self._outcomes.get(task)
        return street | {
            "tour": self.tour.id,
            "served_by": by if state.status in ("done", "partly") else None,
            "evidence": [
                {
                    "what": e.what,
                    "from_at": _second(e.from_at),
                    "until_at": _second(e.until_at),
                    "amount": round(e.amount, 2),
                    "unit": e.unit,
                    "note": e.note,
                }
                for e in state.evidence
            ],
            "crew": None
            if outcome is None
            else {
                "outcome": outcome.outcome,
                "at": _second(outcome.at),
                "note": outcome.note,
                "photos": list(outcome.photos or ()),
            },
        }


def carry_over(before: Mapping[str, Carried], tours: Iterable[LiveTour]) -> dict[str, Carried]:
    """What was served so far, to be kept when another version of the plan comes into force."""
    kept = dict(before)
    for tour in tours:
        for task, state in tour.states.items():
            known = tour.carried.get(task)
            if state.status == "done" and (known is None or state is not known.state):
                kept[task] = Carried(tour.tour.id, tour.tour.truck, replace(state))
    return kept


def _when(duty: Duty) -> tuple[datetime, str]:
    return duty.at, duty.id


def _second(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at.replace(microsecond=0))
