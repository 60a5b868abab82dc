"""Visits: when a truck was on what a task names, for how long, and how it moved there.

A street task is visited along its own stretch, in its own direction (a task for both sides: in either). What is a
point, is served on foot, or is hardly longer than a receiver's error is visited by being near it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet import Task, Tour
from optimizer.matching import ArcSpan, MatchedStep, Network

#: A stretch shorter than this is a point to a receiver; how near to a point, or beyond a stretch's ends, counts.
SHORT_M, NEAR_M, BEYOND_M = 40.0, 40.0, 12.0
#: Of a stretch no longer than this all stops may lie so near its ends that the receiver puts them on its neighbour; of
#: a longer one those near its ends, where another task's street goes on, are left out: they may be the neighbour's.
ALL_AT_END_M = 50.0
#: A visit goes on if the truck is back within so many seconds, no further behind than this share of the stretch.
BACK_WITHIN_S, BACK_SHARE = 60.0, 0.6
#: Two fixes further apart than this leave the time between them open.
UNTRACKED_S = 60.0


class VisitPart(NamedTuple):
    """A piece of a visit: from where to where along the task (its own metres), when (unix seconds), standing."""

    from_m: float
    to_m: float
    enter_s: float
    leave_s: float
    still_s: float
    gap_s: float
    on_it: bool  # on the task's own street in its own direction, not merely near


@dataclass(slots=True)
class TaskVisit:
    """``forward``: it began along the task's nodes."""

    forward: bool
    parts: list[VisitPart] = field(default_factory=list)

    @property
    def from_s(self) -> float:
        return self.parts[0].enter_s

    @property
    def until_s(self) -> float:
        return max(part.leave_s for part in self.parts)

    @property
    def middle_s(self) -> float:
        return (self.from_s + self.until_s) / 2

    @property
    def spent_s(self) -> float:
        return sum(part.leave_s - part.enter_s for part in self.parts)

    @property
    def length_m(self) -> float:
        return sum(abs(part.to_m - part.from_m) for part in self.parts)

    @property
    def unsure_s(self) -> float:
        """Of the time spent, what lies between fixes far apart."""
        return sum(part.leave_s - part.enter_s for part in self.parts if part.gap_s > UNTRACKED_S)

    def covered(self) -> list[tuple[float, float]]:
        return joined((min(b.from_m, b.to_m), max(b.from_m, b.to_m)) for b in self.parts if b.on_it)

    def place_at(self, at_s: float) -> float | None:
        """Metres along the task at an instant of the visit; None outside it."""
        for part in self.parts:
            if part.enter_s - 1.0 <= at_s <= part.leave_s + 1.0:
                lasts = part.leave_s - part.enter_s
                share = min(1.0, max(0.0, (at_s - part.enter_s) / lasts)) if lasts else 0.0
                return part.from_m + share * (part.to_m - part.from_m)
        return None


def joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Overlapping spans made one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + 1e-6:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


class _TaskSpan(NamedTuple):
    """A part of an arc that belongs to a task; ``begins_m`` is where its ``from_m`` lies along the task.

    ``sign``: 1 along the task's nodes, -1 against, 0 just beyond one of its ends: a stop there may be one of its own.
    """

    task: str
    from_m: float
    to_m: float
    begins_m: float
    forward: bool
    sign: float


class _Point(NamedTuple):
    x: float
    y: float
    radius_m: float


class UntrackedTime(NamedTuple):
    """A time for which the way is open, and where it began and ended."""

    begin_s: float
    end_s: float
    begin_xy: tuple[float, float]
    end_xy: tuple[float, float]


class TaskVisits:
    """The visits of a tour's tasks, from the steps of the way driven. Steps may come in any order."""

    def __init__(self, tour: Tour, tasks: Mapping[str, Task], network: Network):
        self.network = network
        self.lengths: dict[str, float] = {}  # by task; 0 for a point
        self.unknown: set[str] = set()  # tasks that lie on no street of this map
        self._ways: dict[str, tuple[int, ...]] = {}
        self._both: set[str] = set()  # driven in, backed out: one visit
        self._task_spans: dict[int, list[_TaskSpan]] = defaultdict(list)
        self._points: dict[str, _Point] = {}
        on_foot = {leg.task: leg.osm_nodes for leg in tour.legs if leg.task and leg.mode == "foot" and leg.osm_nodes}
        self._shared_ends: dict[str, tuple[bool, bool]] = {}
        ends = Counter(node for task in tasks.values() for node in {task.osm_nodes[0], task.osm_nodes[-1]})
        for task in tasks.values():
            self._shared_ends[task.id] = (ends[task.osm_nodes[0]] > 1, ends[task.osm_nodes[-1]] > 1)
            if task.kind == "street" and task.id not in on_foot:
                self._index_stretch(task)
            else:
                self._set_point(task.id, on_foot.get(task.id, task.osm_nodes)[0], NEAR_M)
        self._parts: dict[str, list[tuple[bool, VisitPart]]] = defaultdict(list)
        self._steps: list[MatchedStep] = []
        self._untracked: list[UntrackedTime] | None = None
        self._cells: dict[tuple[int, int], list[str]] = defaultdict(list)
        for id_, point in self._points.items():
            for column in range(int((point.x - point.radius_m) // 100), int((point.x + point.radius_m) // 100) + 1):
                for row in range(int((point.y - point.radius_m) // 100), int((point.y + point.radius_m) // 100) + 1):
                    self._cells[column, row].append(id_)

    def _index_stretch(self, task: Task) -> None:
        spans = self.network.along(task.osm_nodes)
        if spans is None:
            self.unknown.add(task.id)
            return
        total = sum(span.to_m - span.from_m for span in spans)
        self.lengths[task.id] = total
        self._ways[task.id] = task.osm_nodes
        at = 0.0
        for arc, begin, end in spans:
            long = float(self.network.arrays.length[arc])
            self._task_spans[arc].append(_TaskSpan(task.id, begin, end, at, True, 1.0))
            if task.side == "both":
                self._both.add(task.id)
                self._task_spans[arc ^ 1].append(
                    _TaskSpan(task.id, long - end, long - begin, at + end - begin, False, -1.0)
                )
            at += end - begin
        self._index_approaches(task, spans, total)
        if total < SHORT_M:
            arc, begin, end = spans[len(spans) // 2]
            x, y = self.network.place(arc, (begin + end) / 2)
            self._points[task.id] = _Point(x, y, total / 2 + BEYOND_M + 3.0)

    def _index_approaches(self, task: Task, spans: list[ArcSpan], total: float) -> None:
        """The last metres of the arcs that lead to the stretch, the first of those that lead on."""
        a, first, last = self.network.arrays, spans[0], spans[-1]
        own = {arc for span in spans for arc in (span.arc, span.arc ^ 1)}
        for forward in (True, False) if task.side == "both" else (True,):
            into, out = (first.arc, last.arc) if forward else (last.arc ^ 1, first.arc ^ 1)
            at_start, at_end = (0.0, total) if forward else (total, 0.0)
            for arc in self.network.after(out):
                if arc not in own:
                    to = min(BEYOND_M, float(a.length[arc]))
                    self._task_spans[arc].append(_TaskSpan(task.id, 0.0, to, at_end, forward, 0.0))
            for back in self.network.after(into ^ 1):  # the arcs that lead here, seen backwards
                arc, long = back ^ 1, float(a.length[back])
                if arc not in own:
                    self._task_spans[arc].append(
                        _TaskSpan(task.id, max(0.0, long - BEYOND_M), long, at_start, forward, 0.0)
                    )

    def _set_point(self, id_: str, node: int, radius_m: float) -> None:
        place = self.network.xy.get(node)
        if place is None:
            self.unknown.add(id_)
        else:
            self.lengths[id_] = 0.0
            self._points[id_] = _Point(*place, radius_m)

    # --- taking steps in -----------------------------------------------------------------------------------------

    def add(self, step: MatchedStep) -> set[str]:
        """The tasks that the step touches."""
        self._steps.append(step)
        self._untracked = None
        enter, leave = step.enter_at.timestamp(), step.leave_at.timestamp()
        own: set[str] = set()
        task_spans = self._task_spans.get(step.arc, ())
        streets = {task_span.task for task_span in task_spans if task_span.sign}
        for task_span in task_spans:
            part = _part_on(step, task_span, enter, leave)
            if part is None or (
                not task_span.sign and self.lengths[task_span.task] > ALL_AT_END_M and streets - {task_span.task}
            ):
                continue  # what happens on another task's own street is that one's
            if task_span.task in self._points:
                if task_span.sign:
                    own.add(task_span.task)
            elif step.length_m == 0 and task_span.sign and self._at_shared_end(task_span.task, part.from_m):
                continue
            else:
                self._parts[task_span.task].append((task_span.forward, part))
        return {task_span.task for task_span in task_spans} | self._near(step, enter, leave, own)

    def _at_shared_end(self, task: str, at_m: float) -> bool:
        """Whether a stand lies where the street of another task goes on."""
        length = self.lengths[task]
        if length <= ALL_AT_END_M:
            return False
        start, end = self._shared_ends[task]
        return (start and at_m < BEYOND_M) or (end and at_m > length - BEYOND_M)

    def _near(self, step: MatchedStep, enter: float, leave: float, own: set[str]) -> set[str]:
        if not self._points:
            return set()
        ends = (self.network.place(step.arc, step.from_m), self.network.place(step.arc, step.to_m))
        near = {id_ for x, y in ends for id_ in self._cells.get((int(x // 100), int(y // 100)), ())} | own
        for id_ in near:
            point = self._points[id_]
            inside = sum(math.hypot(x - point.x, y - point.y) <= point.radius_m for x, y in ends)
            if not inside:
                continue
            share = inside / 2
            long, lasts = step.length_m * share, (leave - enter) * share
            on_it = self.lengths[id_] == 0.0 or id_ in own
            self._parts[id_].append(
                (
                    True,
                    VisitPart(
                        from_m=0.0,
                        to_m=long,
                        enter_s=enter,
                        leave_s=enter + lasts,
                        still_s=step.still_s * share,
                        gap_s=step.gap_s,
                        on_it=on_it,
                    ),
                )
            )
        return near

    # --- what they come to ---------------------------------------------------------------------------------------

    def of(self, task: str) -> list[TaskVisit]:
        """In order of time; for a short street, those that were on it at all."""
        found: list[TaskVisit] = []
        either_way = task in self._points or task in self._both
        least_m = -BACK_SHARE * self.lengths.get(task, 0.0)
        for forward, part in sorted(self._parts.get(task, ()), key=lambda one: one[1].enter_s):
            last = next((v for v in reversed(found) if either_way or v.forward == forward), None)
            again = last is not None and part.enter_s - last.until_s <= BACK_WITHIN_S
            if last is not None and again and (either_way or part.from_m - last.parts[-1].to_m >= least_m):
                last.parts.append(part)
            else:
                found.append(TaskVisit(forward, [part]))
        return [visit for visit in found if any(part.on_it for part in visit.parts)]

    def untracked(self) -> list[UntrackedTime]:
        """Times for which the way is open: between two pieces, and where two fixes lie far apart."""
        if self._untracked is None:
            self._untracked = list(self._open_times())
        return self._untracked

    def _open_times(self) -> Iterator[UntrackedTime]:
        place = self.network.place
        steps = sorted(self._steps, key=lambda step: step.enter_at)
        for before, after in itertools.pairwise(steps):
            if (after.enter_at - before.leave_at).total_seconds() > UNTRACKED_S:
                begin, end = before.leave_at.timestamp(), after.enter_at.timestamp()
                yield UntrackedTime(begin, end, place(before.arc, before.to_m), place(after.arc, after.from_m))
        for step in steps:
            if step.gap_s > UNTRACKED_S:
                begin, end = step.enter_at.timestamp(), step.leave_at.timestamp()
                yield UntrackedTime(begin, end, place(step.arc, step.from_m), place(step.arc, step.to_m))

    def tracked(self) -> tuple[float, float] | None:
        """From the first to the last instant seen."""
        if not self._steps:
            return None
        return (
            min(s.enter_at for s in self._steps).timestamp(),
            max(s.leave_at for s in self._steps).timestamp(),
        )

    def twins(self) -> list[list[str]]:
        """Tasks that are driven the same way, one after the other: the two sides of a wide one-way street."""
        by_way: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for task in self._ways:
            by_way[self._ways[task]].append(task)
        return [tasks for tasks in by_way.values() if len(tasks) > 1]

    def middle(self, task: Task) -> tuple[float, float] | None:
        if task.id in self._points:
            return self._points[task.id][:2]
        return self.network.xy.get(task.osm_nodes[len(task.osm_nodes) // 2])


def _part_on(step: MatchedStep, task_span: _TaskSpan, enter: float, leave: float) -> VisitPart | None:
    """The part of a step that lies on a part of a task, the time shared out by length."""
    begin, end = max(step.from_m, task_span.from_m), min(step.to_m, task_span.to_m)
    if end < begin or (end == begin and step.length_m > 0):
        return None
    sign = 1.0 if task_span.forward else -1.0
    a, b = (task_span.begins_m + sign * (at - task_span.from_m) for at in (begin, end))
    if step.length_m == 0:
        return VisitPart(
            from_m=a, to_m=b, enter_s=enter, leave_s=leave, still_s=step.still_s, gap_s=step.gap_s, on_it=True
        )
    rate = (leave - enter) / step.length_m
    since = enter + rate * (begin - step.from_m)
    return VisitPart(
        from_m=a,
        to_m=b,
        enter_s=since,
        leave_s=since + rate * (end - begin),
        still_s=step.still_s * (end - begin) / step.length_m,
        gap_s=step.gap_s,
        on_it=True,
    )
