"""A crew's sheet, line by line: the legs of a tour merged into rows, the same numbers on sheet, map and GPX.

A tour has 60-250 collect legs; neighbouring legs along one street and side become one row, there and back too. Driving
without collection is told with the row it leads to (``via``); a manoeuvre is told with the row that it ends, for that
is where the driver makes it. Nothing here is in a language: ``catalogue`` says it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from dashboards.shared import Basemap, LonLat, Road
from fleet import Leg, Plan, Side, Task, Tour

#: A change of heading below this is the same street bending, above the second it is a turn back.
STRAIGHT_DEG = 35.0
BACK_DEG = 155.0
#: Gaps between legs shorter than this are rounding, not waiting.
WAIT_S = 60.0
#: Shorter stretches on the way are junction pieces; telling them would hide the turns that matter.
VIA_M = 25.0
#: A height limit is told when it leaves less than this over the truck.
HEIGHT_MARGIN_M = 0.6
#: Reversing no further than this is a three-point turn (the area's price for one is 20-30 m).
THREE_POINT_MAX_M = 32.0
#: How much of the way driven is remembered, in nodes: long enough for the dead ends that trucks back out of.
_WAY_NODES = 120
#: Notes of the hours in which a street is not collected: between two times, not before one, not after one.
CLOSED = ("closed", "not_until", "not_from")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class RowNote:
    """What matters for a truck. ``key``: without its ``note_`` in the catalogue. ``m``: a length or a height.

    ``node``: where a manoeuvre is made, and ``street`` what crosses there.
    """

    key: str
    m: float | None = None
    seconds: tuple[int, int] | None = None
    street: str = ""
    node: int | None = None


@dataclass(frozen=True, slots=True)
class ViaStreet:
    """A street driven through on the way to a row. ``turn``: how it is entered (None: not known)."""

    street: str
    turn: str | None
    length_m: float


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line for the crew. ``kind``: a leg's kind, or ``wait``. ``legs``: indexes into the tour's legs.

    ``number`` counts what is collected, from 1; others have None. ``turn``: how the row is entered (None: not known,
    as when leaving a yard).
    ``via_m``: metres driven since the row before. ``trip``: which unloading this is, from 1.
    ``returns``: the street is driven there and back, ``side`` as seen each way; ``to_street`` is where the truck turns.
    """

    kind: str
    number: int | None
    start_at: datetime
    end_at: datetime
    legs: tuple[int, ...] = ()
    task_kind: str | None = None
    street: str = ""
    side: Side | None = None
    from_street: str = ""
    to_street: str = ""
    turn: str | None = None
    via: tuple[ViaStreet, ...] = ()
    via_m: float = 0.0
    kg: Mapping[str, float] | None = None
    dwellings: int = 0
    containers: int = 0
    notes: tuple[RowNote, ...] = ()
    site: str | None = None
    trip: int | None = None
    on_foot: bool = False
    osm_nodes: tuple[int, ...] = ()
    returns: bool = False


def lonlat_distance_m(here: LonLat, there: LonLat) -> float:
    """Length between two near points on a sphere of 6371 km (flat there: good to a metre within a town)."""
    x = math.radians(there[0] - here[0]) * math.cos(math.radians((here[1] + there[1]) / 2))
    return 6_371_000 * math.hypot(x, math.radians(there[1] - here[1]))


def turn_between(before: tuple[LonLat, LonLat], after: tuple[LonLat, LonLat]) -> str:
    """``straight``, ``left``, ``right`` or ``back`` between two headings."""
    headings = []
    for a, b in (before, after):
        x = (b[0] - a[0]) * math.cos(math.radians(a[1]))
        headings.append(math.degrees(math.atan2(x, b[1] - a[1])))
    change = (headings[1] - headings[0] + 180) % 360 - 180
    if abs(change) < STRAIGHT_DEG:
        return "straight"
    if abs(change) > BACK_DEG:
        return "back"
    return "right" if change > 0 else "left"


def sheet_rows(plan: Plan, tour: Tour, basemap: Basemap, truck_height_m: float | None = None) -> tuple[SheetRow, ...]:
    """The rows of a tour in order. ``truck_height_m``: unknown (None) tells every height limit under 4.5 m."""
    return _RowBuilder(plan.tasks_by_id, tour, basemap, truck_height_m).build()


class _RowBuilder:
    """Walks along the legs once and keeps what the next row needs: the way driven so far and the last heading."""

    def __init__(self, tasks: Mapping[str, Task], tour: Tour, basemap: Basemap, height_m: float | None):
        self.tasks, self.tour, self.basemap, self.height_m = tasks, tour, basemap, height_m
        self.rows: list[SheetRow] = []
        self.driven: list[Leg] = []
        self.way: list[int] = []  # nodes the truck has driven, the last ones give its heading; empty: heading unknown
        self.number = 0
        self.trip = 0

    def build(self) -> tuple[SheetRow, ...]:
        last_end = self.tour.legs[0].start_at if self.tour.legs else None
        for index, leg in enumerate(self.tour.legs):
            if last_end is not None and (leg.start_at - last_end).total_seconds() >= WAIT_S:
                self.rows.append(SheetRow(kind="wait", number=None, start_at=last_end, end_at=leg.start_at))
            last_end = leg.end_at
            if leg.kind == "drive":
                self.driven.append(leg)
            elif leg.kind == "collect":
                self._collect(index, leg)
            else:
                self._stand(index, leg)
        return tuple(self.rows)

    def _collect(self, index: int, leg: Leg) -> None:
        task = self.tasks.get(leg.task or "")
        street = self._street(task, leg.osm_nodes)
        if self.rows and self._goes_on(self.rows[-1], leg, task, street):
            between = [replace(note, key=note.key.removesuffix("_before")) for note in self._notes_before(leg)]
            last = self.rows[-1]
            fresh = tuple(note for note in between if note.key != "u_turn" and note not in last.notes)
            self.rows[-1] = self._longer(replace(last, notes=last.notes + fresh), index, leg, task)
            self.driven = []
        else:
            self.number += 1
            self.rows.append(self._first(index, leg, task, street))
        if leg.mode == "truck":
            self._drove(leg.osm_nodes)
            if _backed_out(leg):
                self.way = []

    def _stand(self, index: int, leg: Leg) -> None:
        if leg.kind == "unload":
            self.trip += 1
        before = self._notes_before(leg)
        via, via_m, entering = self._via("", leg.osm_nodes)
        self.rows.append(
            SheetRow(
                kind=leg.kind,
                number=None,
                start_at=leg.start_at,
                end_at=leg.end_at,
                legs=(index,),
                via=via,
                via_m=via_m,
                turn=entering,
                kg=leg.kg or None,
                site=leg.site,
                trip=self.trip if leg.kind == "unload" else None,
                notes=before,
                osm_nodes=leg.osm_nodes,
            )
        )
        self.driven = []
        if leg.kind in ("unload", "depot"):
            self.way = []  # a truck leaves a yard as it likes

    def _first(self, index: int, leg: Leg, task: Task | None, street: str) -> SheetRow:
        streets = self.basemap.streets
        before = self._notes_before(leg)
        via, via_m, entering = self._via(street, leg.osm_nodes)
        nodes = leg.osm_nodes
        begins = streets.crossing(nodes[0], street) if nodes else ""
        ends = streets.crossing(nodes[-1], street) if len(nodes) > 1 and nodes[0] != nodes[-1] else ""
        row = SheetRow(
            kind="collect",
            number=self.number,
            start_at=leg.start_at,
            end_at=leg.end_at,
            legs=(index,),
            task_kind=task.kind if task else "street",
            street=street,
            side=leg.side,
            from_street=begins,
            to_street=ends,
            turn=entering,
            via=via,
            via_m=via_m,
            kg=dict(leg.kg),
            dwellings=task.dwellings if task else 0,
            containers=task.containers if task else 0,
            notes=before + self._notes(leg, task),
            on_foot=leg.mode == "foot",
            osm_nodes=leg.osm_nodes,
        )
        self.driven = []
        return row

    def _goes_on(self, row: SheetRow, leg: Leg, task: Task | None, street: str) -> bool:
        """Whether a leg only prolongs the row before: same street, same side, on or back along it."""
        kinds = {row.task_kind, task.kind if task else "street"}
        if row.kind != "collect" or kinds != {"street"} or row.street != street or row.side != leg.side or not street:
            return False
        if row.on_foot or leg.mode == "foot" or leg.reversals:
            return False
        if {note for note in row.notes if note.key in CLOSED} != set(_closed(task)):
            return False  # what is shut in school hours is not said of the rest of the street
        between = _joined([drive.osm_nodes for drive in self.driven])
        if any(road.name != street for road in self._roads(between)):
            return False
        if row.osm_nodes[-1] != (between[0] if between else leg.osm_nodes[0]):
            return False
        turns = _turns_back(_joined([row.osm_nodes, between, leg.osm_nodes]))
        # there and back once: more than that is more than one row can say
        return turns <= 1 and sum(drive.reversals for drive in self.driven) <= turns

    def _longer(self, row: SheetRow, index: int, leg: Leg, task: Task | None) -> SheetRow:
        kg = dict(row.kg or {})
        for flux, value in leg.kg.items():
            kg[flux] = kg.get(flux, 0.0) + value
        notes = row.notes + tuple(note for note in self._notes(leg, task) if note not in row.notes)
        if not all(RowNote("oneway") in part for part in (row.notes, self._notes(leg, task))):
            notes = tuple(note for note in notes if note.key != "oneway")
        between = _joined([drive.osm_nodes for drive in self.driven])
        returns = row.returns or _turns_back(_joined([row.osm_nodes, between, leg.osm_nodes])) > 0
        crossing = self.basemap.streets.crossing
        end = crossing(row.osm_nodes[-1] if returns and not row.returns else leg.osm_nodes[-1], row.street)
        return replace(
            row, end_at=leg.end_at, legs=(*row.legs, index), kg=kg, notes=notes, returns=returns,
            to_street=row.to_street if row.returns else end,
            dwellings=row.dwellings + (task.dwellings if task else 0),
            osm_nodes=tuple(_joined([row.osm_nodes, between, leg.osm_nodes])),
        )  # fmt: skip

    # --- streets and turns ---

    def _roads(self, nodes: Sequence[int]) -> list[Road]:
        roads = self.basemap.streets.roads
        return [roads[pair] for pair in pairwise(nodes) if pair in roads]

    def _street(self, task: Task | None, nodes: Sequence[int]) -> str:
        if task is not None and task.name:
            return task.name
        named = next((road.name for road in self._roads(nodes) if road.name), "")
        return named or next(iter(self.basemap.streets.names_at.get(nodes[0], ())) if nodes else iter(()), "")

    def _drove(self, nodes: Sequence[int]) -> None:
        self.way = _joined([self.way[-_WAY_NODES:], nodes])

    def _via(self, street: str, nodes: Sequence[int]) -> tuple[tuple[ViaStreet, ...], float, str | None]:
        """Streets driven through since the last row, metres driven, and the turn into the row itself.

        Uses up the way: afterwards ``way`` ends where the row begins.
        """
        driven = _joined([leg.osm_nodes for leg in self.driven])
        via_m = sum(leg.length_m for leg in self.driven)
        self.way = _joined([self.way[-_WAY_NODES:], driven])
        before = next((row.street for row in reversed(self.rows) if row.kind == "collect"), "")
        via: list[ViaStreet] = []
        roads = self.basemap.streets.roads
        for a, b in pairwise(driven):
            road = roads.get((a, b))
            name = road.name if road else ""
            length = lonlat_distance_m(self.basemap.place(a), self.basemap.place(b))
            if via and via[-1].street == name:
                via[-1] = replace(via[-1], length_m=via[-1].length_m + length)
            else:
                via.append(ViaStreet(name, self._turn_at(a, b), length))
        kept = [v for v in via if v.street and v.length_m >= VIA_M]
        while kept and kept[0].street == before:
            kept = kept[1:]
        while kept and kept[-1].street == street:
            kept = kept[:-1]
        merged: list[ViaStreet] = []
        for v in kept:
            if not merged or merged[-1].street != v.street:
                merged.append(v)
        entering = self._turn_at(nodes[0], nodes[1]) if len(nodes) > 1 else None
        return tuple(merged), via_m, entering

    def _turn_at(self, node: int, following: int) -> str | None:
        """The turn onto a-b for a truck whose way passes (or ends at) a."""
        if node not in self.way:
            return None
        at = len(self.way) - 1 - self.way[::-1].index(node)
        if at == 0:
            return None
        place = self.basemap.place
        before = (place(self.way[at - 1]), place(node))
        return turn_between(before, (place(node), place(following)))

    # --- notes ---

    def _notes_before(self, leg: Leg) -> tuple[RowNote, ...]:
        """What happens between the last row and ``leg``; asked before ``_via`` uses up the way.

        A manoeuvre where the last row ended is added to that row: it is the street that is left backwards.
        """
        found = []
        reversals = sum(drive.reversals for drive in self.driven)
        reversing_m = sum(drive.reversing_m for drive in self.driven)
        entered = leg.osm_nodes if leg.mode == "truck" else ()
        nodes = _joined([self.way, *(drive.osm_nodes for drive in self.driven), entered])
        last = len(nodes) - max(0, len(entered) - 1)
        places = [
            i for i in range(max(1, len(self.way) - 1), min(last, len(nodes) - 1)) if nodes[i - 1] == nodes[i + 1]
        ]
        for i in places[:reversals] or places[:1]:
            at_end = i == len(self.way) - 1 and bool(self.rows) and self.rows[-1].kind == "collect"
            m = reversing_m if reversals == 1 else None
            key = "u_turn" if not reversals else "reverse" if self._backs(nodes, i, m) else "three_point"
            if at_end and key == "three_point" and self.rows[-1].task_kind != "street":
                key = "three_point_then"
            note = RowNote(
                key if at_end else f"{key}_before", m if key == "reverse" else None,
                street="" if at_end else self._where(nodes[i]), node=nodes[i] if reversals else None,
            )  # fmt: skip
            if not at_end:
                found.append(note)
            elif key != "u_turn":  # there the next row's arrow says it
                self.rows[-1] = replace(self.rows[-1], notes=(*self.rows[-1].notes, note))
        if reversals and not places:
            found.append(RowNote("reverse_before", reversing_m, node=entered[0] if entered else None))
        return tuple(found + self._heights([node for drive in self.driven for node in drive.osm_nodes]))

    def _backs(self, nodes: Sequence[int], at: int, reversing_m: float | None) -> bool:
        """Whether a turn at ``nodes[i]`` is driven in reverse over the way that the truck came in by."""
        if reversing_m is None:
            return False
        retraced = 0.0
        for k in range(1, min(at, len(nodes) - 1 - at) + 1):
            if nodes[at - k] != nodes[at + k]:
                break
            retraced += lonlat_distance_m(self.basemap.place(nodes[at + k - 1]), self.basemap.place(nodes[at + k]))
        return THREE_POINT_MAX_M < reversing_m <= 1.15 * retraced + 5

    def _where(self, node: int) -> str:
        return next(iter(self.basemap.streets.names_at.get(node, ())), "")

    def _notes(self, leg: Leg, task: Task | None) -> tuple[RowNote, ...]:
        found = []
        if leg.mode == "foot":
            found.append(RowNote("foot", leg.length_m / 2))
        elif leg.reversals:
            turns = (n for p, n, q in zip(leg.osm_nodes, leg.osm_nodes[1:], leg.osm_nodes[2:], strict=False) if p == q)
            node = next(turns, leg.osm_nodes[-1])
            backs = _backed_out(leg)
            found.append(RowNote("reverse", leg.reversing_m, node=node) if backs else RowNote("three_point", node=node))
        if task is not None and task.kind == "presentation_point":
            found.append(RowNote("presentation"))
        found += _closed(task)
        roads = self._roads(leg.osm_nodes)
        if roads and leg.mode == "truck" and all(road.oneway for road in roads):
            found.append(RowNote("oneway"))
        return tuple(found + self._heights(leg.osm_nodes))

    def _heights(self, nodes: Sequence[int]) -> list[RowNote]:
        limit = 4.5 if self.height_m is None else self.height_m + HEIGHT_MARGIN_M
        low = [road.max_height_m for road in self._roads(nodes) if road.max_height_m is not None]
        return [RowNote("height", min(low))] if low and min(low) < limit else []


def _closed(task: Task | None) -> list[RowNote]:
    """The hours between a task's windows: what is shut is shorter to say, and to keep in mind, than what is open."""
    if task is None or not task.windows:
        return []
    found, at = [], 0
    for opens, closes in (*sorted(task.windows), (2 * _DAY_S, 2 * _DAY_S)):
        if opens > at:
            key = "not_until" if at == 0 else "not_from" if opens >= 2 * _DAY_S else "closed"
            found.append(RowNote(key, None, (_of_the_day(at), _of_the_day(opens))))
        at = max(at, closes)
    return list(dict.fromkeys(found))


def _of_the_day(seconds: int) -> int:
    return seconds - _DAY_S if seconds > _DAY_S else seconds


def _backed_out(leg: Leg) -> bool:
    """Whether the truck drove in forwards and out backwards: about half of the way was driven in reverse."""
    return leg.reversals > 0 and leg.reversing_m >= 0.4 * leg.length_m > 0


def _turns_back(nodes: Sequence[int]) -> int:
    """How often a way goes x, y, x."""
    return sum(a == c for a, c in zip(nodes, nodes[2:], strict=False))


def _joined(parts: Sequence[Sequence[int]]) -> list[int]:
    """Node lists one after another; where one ends on the node that the next begins with, it stands once."""
    nodes: list[int] = []
    for part in parts:
        nodes.extend(part[1:] if nodes and part and nodes[-1] == part[0] else part)
    return nodes
