"""Evidence: what of a tour was served, told from what was merely driven by, street side by street side.

For each task the visits to it (``visits.py``) are weighed (``weights.py``): the time spent against
the time planned, lifts, PTO, load, and whether the visit comes in its turn among the tasks that are surely served. What
the crew says stands, unless a whole track contradicts it. Where the truck was not tracked when it may have served a
street, the state says so, and is neither done nor missed. No speed leaves this module.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from fleet import Fact, Leg, Lift, Load, Outcome, Task, Tour, Vehicle
from optimizer.evidence import weights as weigh
from optimizer.evidence.visits import SHORT_M, TaskVisit, TaskVisits, joined
from optimizer.matching import MatchedStep, Network

Status = Literal["done", "partly", "missed", "pending"]
#: Why a task is in its state; the texts people read stand in the pages' catalogue.
REASONS = (
    "collected",  # time spent, lifts, PTO in the right direction, over (nearly) the whole length
    "part_of_length",  # collected, but not all along
    "driven_by",  # the truck was there, but did not collect
    "not_visited",  # the truck, tracked all the time, never came
    "not_tracked",  # it may have been served while there was no fix: neither done nor missed
    "not_on_map",  # the streets known here lack it: nothing can be said
    "not_yet",  # its turn has not come
    "crew_done", "crew_partly", "crew_not_presented", "crew_refused", "crew_blocked", "crew_not_done",
    "crew_and_track_disagree",  # the crew says done; the track, whole, never came there
)  # fmt: skip
#: Kinds of evidence. Never a speed.
WHAT = ("collected", "driven_by", "stops", "lifts", "tags", "pto", "weight", "crew", "no_track")
#: More than this for "served" against "driven by" is served; to anchor the order of the tour, a task must be surer.
SERVED_NATS, SURE_NATS = 2.0, 4.0
#: Of a stretch, so much must be covered, or all but so many metres.
WHOLE_SHARE, WHOLE_BUT_M = 0.75, 25.0
#: A visit of less of a stretch than this serves nothing; one of fewer metres is not worth telling.
LEAST_SHARE, LEAST_REPORTED_M = 0.3, 20.0
#: Slower than driving: what counts as work along a street, and how far it reaches to either side (stops lie apart).
WORK_S_PER_M, WORK_REACH_M = 0.30, 30.0
#: A street side left idle over so many metres, and this many times the distance between its stops, is not wholly done.
IDLE_M, IDLE_STOPS = 35.0, 1.3
#: What a stop takes at the least that counts here, how far apart two are, what lies at a door.
STOP_S, APART_M, DOOR_KG = 20.0, 30.0, 10.0
#: The on-board scale's readings around a visit count if they lie no further apart than this.
WEIGHT_WITHIN_S = 120.0
#: So long after its planned end a tour is over even if nobody says so.
OVER_AFTER = timedelta(hours=3)
#: How far a visit may lie outside its turn and still be in it; the planned time counts where there is nothing else.
TURN_S, PLANNED_WITHIN_S = 60.0, 2700.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece: what, from when until when, how much. ``unit``: m, share, lifts, stops, kg, s; none for the crew."""

    what: str
    from_at: datetime
    until_at: datetime
    amount: float
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TaskState:
    """``share``: of the task's length (1 for a point). ``passed_over``: later tasks are served, this one not."""

    status: Status
    reason: str
    share: float
    from_at: datetime | None
    until_at: datetime | None
    evidence: tuple[Evidence, ...] = ()
    passed_over: bool = False


#: What a task is before anything is known of it.
NOT_YET = TaskState(status="pending", reason="not_yet", share=0.0, from_at=None, until_at=None)
#: What the crew's "partly" stands for where no track shows how much.
PARTLY_SHARE = 0.5
#: A service that ends so long after the crew called the task blocked was a second try.
SECOND_TRY = timedelta(minutes=5)


def crew_state(outcome: Outcome, seen: TaskState | None = None) -> TaskState:
    """A task's state by the crew's word, over what the track shows; ``seen``: None where there is no track to match.

    The crew's word stands; only where a whole track shows that the truck never came, "done" is in doubt.
    """
    alone = replace(NOT_YET, share=PARTLY_SHARE, from_at=outcome.at, until_at=outcome.at)
    word = Evidence("crew", outcome.at, outcome.at, 1.0, "", outcome.outcome)
    base = replace(seen or alone, evidence=(*(seen or alone).evidence, word))
    done = replace(
        base, status="done", share=1.0, from_at=base.from_at or word.from_at, until_at=base.until_at or word.until_at
    )
    match outcome.outcome:
        case "done" if base.status == "done":
            return replace(base, reason="collected")
        case "done" if base.status == "missed" and base.reason == "not_visited":
            return TaskState(
                status="partly",
                reason="crew_and_track_disagree",
                share=0.0,
                from_at=None,
                until_at=None,
                evidence=base.evidence,
            )
        case "done":
            return replace(done, reason="crew_done")
        case "not_presented":  # the crew was there and had nothing to take
            return replace(done, reason="crew_not_presented")
        case "partly":
            return replace(base, status="partly", reason="crew_partly")
    if base.status == "done" and base.until_at is not None and base.until_at > outcome.at + SECOND_TRY:
        return replace(base, reason="collected")  # said blocked, came back and did it
    at = outcome.at if seen is None else None
    return TaskState(
        status="missed", reason=f"crew_{outcome.outcome}", share=0.0, from_at=at, until_at=at, evidence=base.evidence
    )


@dataclass(slots=True)
class _Weighed:
    """A visit with what it says."""

    visit: TaskVisit
    lifts: list[Lift]
    pto_share: float | None
    grew_kg: float | None
    nats: float = 0.0


class TourEvidence:
    """Folds what is seen of one truck into the states of tasks. Facts may come late, in any order, and twice."""

    def __init__(self, tour: Tour, tasks: Mapping[str, Task], network: Network):
        """``tasks``: by id; those that the tour's legs name, or others whose service by this truck is asked about."""
        self.tour, self.tasks = tour, dict(tasks)
        self.legs: dict[str, Leg] = {leg.task: leg for leg in tour.legs if leg.task in self.tasks}
        order = {leg.task: k for k, leg in enumerate(tour.legs) if leg.task in self.tasks}
        self._order = {task: k for k, task in enumerate(sorted(order, key=lambda t: order[t]))}
        self._visits = TaskVisits(tour, tasks, network)
        self._lifts: list[Lift] = []
        self._pto: list[tuple[float, bool]] = []
        self._loads: list[tuple[float, float]] = []
        self._outcomes: dict[str, list[Outcome]] = {}
        self._known: set[str] = set()
        self._over_at: datetime | None = None
        self._weighed: dict[str, list[_Weighed]] = {}  # kept until a step or a fact touches the task
        self._cached: tuple[bool, dict[str, TaskState]] | None = None

    # --- taking in -----------------------------------------------------------------------------------------------

    def add_steps(self, steps: Iterable[MatchedStep]) -> None:
        """Steps of the way driven (``matching.py``), each once."""
        for step in steps:
            for task in self._visits.add(step):
                self._weighed.pop(task, None)
            self._cached = None

    def add_lift(self, lift: Lift) -> None:
        if self._new(lift):
            bisect.insort(self._lifts, lift, key=lambda one: one.at)

    def add_vehicle(self, vehicle: Vehicle) -> None:
        if vehicle.pto is not None and self._new(vehicle):
            bisect.insort(self._pto, (vehicle.at.timestamp(), vehicle.pto))

    def add_load(self, load: Load) -> None:
        if load.quantity in ("net", "gross") and load.stable is not False and self._new(load):
            bisect.insort(self._loads, (load.at.timestamp(), load.kg))

    def add_outcome(self, outcome: Outcome) -> None:
        if outcome.task in self.tasks and self._new(outcome):
            outcomes = self._outcomes.setdefault(outcome.task, [])
            bisect.insort(outcomes, outcome, key=lambda one: one.at)

    def add_end(self, at: datetime | None) -> None:
        """The tour's end of service is known (None: it is not over after all)."""
        self._over_at, self._cached = at, None

    def _new(self, fact: Fact) -> bool:
        if fact.id in self._known:
            return False
        self._known.add(fact.id)
        self._cached = None
        since = fact.at.timestamp() - WEIGHT_WITHIN_S
        for task in [t for t, visits in self._weighed.items() if any(one.visit.until_s >= since for one in visits)]:
            del self._weighed[task]
        return True

    # --- what it comes to ----------------------------------------------------------------------------------------

    def states(self, now: datetime) -> dict[str, TaskState]:
        """Every task's state, in the order of the tour, then the tasks that it does not name."""
        over = now >= (self._over_at or self.tour.end_at + OVER_AFTER)
        if self._cached is None or self._cached[0] != over:
            self._cached = (over, self._judged(over))
        return self._cached[1]

    def _judged(self, over: bool) -> dict[str, TaskState]:
        for task in self.tasks.keys() - self._weighed.keys():
            self._weighed[task] = [self._weigh(task, visit) for visit in self._visits.of(task)]
        weighed = {task: self._weighed[task] for task in self.tasks}  # in one order, whatever came when
        lifts_share, pto_share, pace = 0.5, 0.5, 1.0
        for _ in range(2):  # what is usual on this tour comes from what is surely served on it
            for task, visits in weighed.items():
                for one in visits:
                    one.nats = self._nats(task, one, lifts_share, pto_share, pace)
            sure = {t: max(v, key=lambda one: one.nats) for t, v in weighed.items() if v}
            sure = {t: one for t, one in sure.items() if one.nats >= SURE_NATS}
            halts = [with_lift for one in sure.values() for with_lift in _halts(one.visit, one.lifts)]
            lifts_share = (1 + sum(halts)) / (2 + len(halts))
            pto_share = (1 + sum((one.pto_share or 0) >= weigh.PTO_ON for one in sure.values())) / (2 + len(sure))
            pace = self._pace(sure)
        anchors = self._anchors(sure)
        for task, visits in weighed.items():
            for one in visits:
                one.nats += self._turn_nats(task, one.visit, anchors)
        self._split_shared_visits(weighed)
        last = max((self._order[task] for task in anchors), default=-1)
        found = {}
        for task in sorted(self.tasks, key=lambda t: self._order.get(t, len(self._order))):
            state = self._state(task, weighed[task], anchors, over)
            passed = state.status in ("pending", "missed") and self._order.get(task, last) < last - 1
            found[task] = replace(state, passed_over=passed)
        return found

    def _split_shared_visits(self, weighed: dict[str, list[_Weighed]]) -> None:
        """One visit serves one side: the likelier ones first, the rest is driving by."""
        for twins in self._visits.twins():
            claims = sorted(
                ((one.nats, task, k) for task in twins for k, one in enumerate(weighed[task])), reverse=True
            )
            taken: set[float] = set()
            settled: set[str] = set()
            for nats, task, k in claims:
                one = weighed[task][k]
                if nats > SERVED_NATS and (one.visit.from_s in taken or task in settled):
                    one.nats = min(one.nats, 0.0)
                elif nats > SERVED_NATS:
                    taken.add(one.visit.from_s)
                    settled.add(task)

    def _weigh(self, task: str, visit: TaskVisit) -> _Weighed:
        begin, end = visit.from_s, visit.until_s
        at = bisect.bisect_left(self._lifts, begin - 3.0, key=lambda lift: lift.at.timestamp())
        lifts = []
        while at < len(self._lifts) and self._lifts[at].at.timestamp() <= end + 3.0:
            if visit.place_at(self._lifts[at].at.timestamp()) is not None:
                lifts.append(self._lifts[at])
            at += 1
        on_it = [part for part in visit.parts if part.on_it and part.leave_s > part.enter_s]
        observed = [(part.leave_s - part.enter_s, self._pto_on(part.enter_s, part.leave_s)) for part in on_it]
        lasts = sum(seconds for seconds, on in observed if on is not None)
        pto_share = sum(seconds * on for seconds, on in observed if on is not None) / lasts if lasts else None
        return _Weighed(visit, lifts, pto_share, self._grew(begin, end))

    def _pto_on(self, begin: float, end: float) -> float | None:
        """Share of the time with the PTO on; None where the vehicle bus says nothing."""
        if not self._pto or end <= begin:
            return None
        k = bisect.bisect_right(self._pto, (begin, True)) - 1
        on = 0.0
        while k < len(self._pto) and (k < 0 or self._pto[k][0] < end):
            since = begin if k < 0 else max(begin, self._pto[k][0])
            until = min(end, self._pto[k + 1][0]) if k + 1 < len(self._pto) else end
            on += (until - since) * (k >= 0 and self._pto[k][1])
            k += 1
        return on / (end - begin)

    def _grew(self, begin: float, end: float) -> float | None:
        """Kilos by which the load grew, from the last weight before to the first after; None where none is near."""
        before = bisect.bisect_right(self._loads, (begin, math.inf)) - 1
        after = bisect.bisect_left(self._loads, (end, -math.inf))
        if (
            before < 0
            or after >= len(self._loads)
            or self._loads[after][0] - self._loads[before][0] > end - begin + 120
        ):
            return None
        return self._loads[after][1] - self._loads[before][1]

    def _planned_s(self, task: str) -> float:
        leg = self.legs.get(task)
        return leg.duration_s if leg else 20.0 + 5.0 * self.tasks[task].dwellings

    def _expected_s(self, task: str, visit: TaskVisit) -> float:
        """The time beyond driving that a service of what this visit covers takes by the plan."""
        length = self._visits.lengths.get(task, 0.0)
        part = min(1.0, visit.length_m / length) if length >= SHORT_M else 1.0
        return max(weigh.LEAST_SERVICE_S, part * weigh.service_s(self._planned_s(task), length))

    def _nats(self, task: str, one: _Weighed, lifts_share: float, pto_share: float, pace: float) -> float:
        visit, length = one.visit, self._visits.lengths.get(task, 0.0)
        if length >= SHORT_M and _total(visit.covered()) < LEAST_SHARE * length:
            return -weigh.STRONGEST  # it only touched an end
        nats = weigh.of_time(visit.spent_s, visit.length_m, pace * self._expected_s(task, visit))
        if self._lifts:
            nats += weigh.of_lifts(len(one.lifts), self._stops(task, visit), lifts_share)
        if one.pto_share is not None:
            nats += weigh.of_pto(one.pto_share, pto_share)
        if one.grew_kg is not None:
            nats += weigh.of_load(one.grew_kg, self.tasks[task].total_kg)
        return nats

    def _pace(self, sure: Mapping[str, _Weighed]) -> float:
        """Time of service for time planned, shrunk towards 1 by ten minutes' worth."""
        planned = sum(self._expected_s(task, one.visit) for task, one in sure.items())
        taken = sum(one.visit.spent_s - one.visit.length_m / weigh.BY_MPS for one in sure.values())
        return min(2.0, max(0.5, (taken + 600.0) / (planned + 600.0)))

    def _anchors(self, sure: Mapping[str, _Weighed]) -> dict[str, float]:
        """The longest run of sure tasks whose times keep the plan's order: task -> the middle of it.

        Of two sides driven in one visit it holds one: at one instant a truck serves one side.
        """
        items = sorted((t for t in sure if t in self._order), key=lambda t: (sure[t].visit.middle_s, -self._order[t]))
        best: list[tuple[int, int]] = []  # length of the longest run that ends here, the item before
        for k, task in enumerate(items):
            earlier = [(best[i][0], i) for i in range(k) if self._order[items[i]] < self._order[task]]
            longest = max(earlier, default=(0, -1))
            best.append((longest[0] + 1, longest[1]))
        k = max(range(len(items)), key=lambda i: best[i][0], default=-1)
        found = {}
        while k >= 0:
            found[items[k]] = sure[items[k]].visit.middle_s
            k = best[k][1]
        return found

    def _turn(self, task: str, anchors: Mapping[str, float]) -> tuple[float, float]:
        """Between which instants the task's turn lies, by the served tasks before and after it in the plan."""
        mine = self._order[task]
        before = [at_s for t, at_s in anchors.items() if self._order[t] < mine]
        after = [at_s for t, at_s in anchors.items() if self._order[t] > mine]
        return max(before, default=-math.inf), min(after, default=math.inf)

    def _turn_nats(self, task: str, visit: TaskVisit, anchors: Mapping[str, float]) -> float:
        if task not in self._order:
            return weigh.OUT_OF_TURN / 2
        begin, end = self._turn(task, anchors)
        if math.isinf(begin) and math.isinf(end):
            off = abs(visit.from_s - self.legs[task].start_at.timestamp())
            return 1.0 if off < PLANNED_WITHIN_S else -1.0
        inside = begin - TURN_S <= visit.middle_s <= end + TURN_S
        return weigh.IN_TURN if inside else weigh.OUT_OF_TURN

    # --- the state of one task -----------------------------------------------------------------------------------

    def _state(self, task: str, visits: list[_Weighed], anchors: Mapping[str, float], over: bool) -> TaskState:
        pieces = tuple(piece for one in visits for piece in self._pieces(task, one))
        served = [one for one in visits if one.nats > SERVED_NATS]
        seen = self._seen(task, served, pieces) if served else self._unseen(task, visits, pieces, anchors, over)
        outcomes = self._outcomes.get(task)
        return crew_state(outcomes[-1], seen) if outcomes else seen

    def _seen(self, task: str, served: list[_Weighed], pieces: tuple[Evidence, ...]) -> TaskState:
        begin, end = _at(min(o.visit.from_s for o in served)), _at(max(o.visit.until_s for o in served))
        collected = TaskState(
            status="done", reason="collected", share=1.0, from_at=begin, until_at=end, evidence=pieces
        )
        length = self._visits.lengths.get(task, 0.0)
        if length < SHORT_M:
            return collected
        been = min(1.0, _total(joined(span for one in served for span in one.visit.covered())) / length)
        lost = self._lost_beside(served)
        if lost is not None and lost.amount >= 0.4 * (1 - been) * self._planned_s(task):
            return replace(collected, share=been, evidence=(*pieces, lost))
        if been < WHOLE_SHARE and length * (1 - been) > WHOLE_BUT_M:
            return replace(collected, status="partly", reason="part_of_length", share=been)
        worked = joined(span for one in served for span in self._worked(task, one))
        share = min(1.0, _total(worked) / length)
        edges = [0.0, *(edge for span in worked for edge in span), length]
        idle = max(edges[k + 1] - edges[k] for k in range(0, len(edges), 2))
        stops = self._stops(task, served[0].visit)
        if idle <= max(IDLE_M, IDLE_STOPS * length / stops) or length - share * length <= WHOLE_BUT_M:
            return replace(collected, share=max(share, WHOLE_SHARE))
        return replace(collected, status="partly", reason="part_of_length", share=share)

    def _stops(self, task: str, visit: TaskVisit) -> float:
        """How many stops a service takes: by the time planned, no more than there are doors, and never side by side."""
        places = 1.0 + self._visits.lengths.get(task, 0.0) / APART_M
        doors = self.tasks[task].dwellings or self.tasks[task].total_kg / DOOR_KG
        return max(1.0, min(doors, self._expected_s(task, visit) / STOP_S, places))

    def _worked(self, task: str, one: _Weighed) -> list[tuple[float, float]]:
        """Where along the task work was done: slow parts, stands and lifts, and as far around as stops lie apart."""
        length = self._visits.lengths[task]
        places = [
            (min(b.from_m, b.to_m), max(b.from_m, b.to_m))
            for b in one.visit.parts
            if b.leave_s - b.enter_s > WORK_S_PER_M * abs(b.to_m - b.from_m)
        ]
        for lift in one.lifts:
            at = one.visit.place_at(lift.at.timestamp())
            places += [(at, at)] if at is not None else []
        reach = [(max(0.0, a - WORK_REACH_M), min(length, b + WORK_REACH_M)) for a, b in places]
        inside = one.visit.covered()
        return joined(
            (max(a, u), min(b, v)) for a, b in reach for u, v in inside if min(b, v) > max(a, u)
        )  # never where the truck was not

    def _unseen(
        self,
        task: str,
        visits: list[_Weighed],
        pieces: tuple[Evidence, ...],
        anchors: Mapping[str, float],
        over: bool,
    ) -> TaskState:
        pending = TaskState(
            status="pending", reason="not_tracked", share=0.0, from_at=None, until_at=None, evidence=pieces
        )
        if task in self._visits.unknown:
            return replace(pending, reason="not_on_map")
        hidden = self._hidden(task, anchors, over)
        if hidden is not None:
            return replace(pending, evidence=(*pieces, hidden))
        if any(one.visit.unsure_s > 0.5 * one.visit.spent_s and one.nats > -2.0 for one in visits):
            return pending
        if not over:
            return replace(pending, reason="driven_by" if visits else "not_yet")
        return replace(pending, status="missed", reason="driven_by" if visits else "not_visited")

    def _lost_beside(self, served: list[_Weighed]) -> Evidence | None:
        """A time without track right before or after the service: the rest of the stretch may lie in it."""
        for gap in self._visits.untracked():
            if any(abs(gap.begin_s - o.visit.until_s) < 5 or abs(gap.end_s - o.visit.from_s) < 5 for o in served):
                return Evidence("no_track", _at(gap.begin_s), _at(gap.end_s), round(gap.end_s - gap.begin_s), "s")
        return None

    def _hidden(self, task: str, anchors: Mapping[str, float], over: bool) -> Evidence | None:
        """A time without track in the task's turn, long enough to have served it."""
        begin, end = self._turn(task, anchors) if task in self._order else (-math.inf, math.inf)
        middle, tracked = self._visits.middle(self.tasks[task]), self._visits.tracked()
        if middle is None:
            return None
        if tracked is None:
            return Evidence("no_track", self.tour.start_at, self.tour.end_at, 0.0, "s") if over else None
        need = 0.4 * self._planned_s(task)
        for gap in self._visits.untracked():
            if gap.end_s < begin - TURN_S or gap.begin_s > end + TURN_S:
                continue
            way = math.dist(gap.begin_xy, middle) + math.dist(middle, gap.end_xy)
            if gap.end_s - gap.begin_s >= need + way / weigh.BY_MPS:
                return Evidence("no_track", _at(gap.begin_s), _at(gap.end_s), gap.end_s - gap.begin_s, "s")
        missing = self.tour.end_at.timestamp() - tracked[1]
        if over and math.isinf(end) and self._over_at is None and missing > need:
            return Evidence("no_track", _at(tracked[1]), self.tour.end_at, missing, "s")
        if math.isinf(begin) and tracked[0] - self.tour.start_at.timestamp() > max(900.0, need):
            return Evidence("no_track", self.tour.start_at, _at(tracked[0]), 0.0, "s")
        return None

    def _pieces(self, task: str, one: _Weighed) -> Iterable[Evidence]:
        visit = one.visit
        begin, end = _at(visit.from_s), _at(visit.until_s)
        what = "collected" if one.nats > SERVED_NATS else "driven_by"
        length = self._visits.lengths.get(task, 0.0)
        if length >= SHORT_M:
            metres = _total(self._worked(task, one) if what == "collected" else visit.covered())
            if metres < LEAST_REPORTED_M:
                return
            yield Evidence(what, begin, end, round(metres), "m")
        else:
            yield Evidence(what, begin, end, round(visit.spent_s), "s")
        stops = len(_halts(visit, ()))
        if stops:
            yield Evidence("stops", begin, end, stops, "stops")
        if one.lifts:
            yield Evidence("lifts", one.lifts[0].at, one.lifts[-1].at, len(one.lifts), "lifts")
            tags = sum(lift.tag is not None for lift in one.lifts)
            if tags:
                yield Evidence("tags", one.lifts[0].at, one.lifts[-1].at, tags, "lifts")
            weighed = [lift.kg for lift in one.lifts if lift.kg is not None]
            if weighed:
                yield Evidence("weight", one.lifts[0].at, one.lifts[-1].at, round(sum(weighed), 1), "kg")
        if one.pto_share is not None:
            yield Evidence("pto", begin, end, round(one.pto_share, 2), "share")
        if one.grew_kg is not None and not any(lift.kg for lift in one.lifts):
            yield Evidence("weight", begin, end, round(one.grew_kg, 1), "kg")


def _halts(visit: TaskVisit, lifts: Iterable[Lift]) -> list[bool]:
    """The stops of a visit: whether a bin was lifted at each."""
    at = [lift.at.timestamp() for lift in lifts]
    stands = [part for part in visit.parts if part.still_s >= 4.0]
    return [any(part.enter_s - 3.0 <= second <= part.leave_s + 3.0 for second in at) for part in stands]


def _total(spans: Iterable[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in spans)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), UTC)
