"""The checker's judgement of what a plan says it cannot serve.

Of the reasons, those that the area and the map decide are verified: ``UNREACHABLE``, ``NO_TRUCK``, ``SKILL_MISSING``
and ``CAPACITY`` are all false where one crew on shift has the skills and a truck that takes the flux, has room for it,
and gets there and home without reversing. ``TIME_WINDOW`` and ``SHIFT_TIME`` would take a search to disprove: they are
believed. Where the proof is not complete, the plan is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from fleet import Plan, Shift, Task, Truck
from optimizer.area import Area
from optimizer.check.faults import Fault, fault
from optimizer.check.passage import HEAVY_KG, Passage
from optimizer.check.reach import NodePair, follows

#: The reasons that are verified.
VERIFIED = ("UNREACHABLE", "NO_TRUCK", "SKILL_MISSING", "CAPACITY")


def claimed_coverage(plan_file: Path) -> float | None:
    """The share of the streets (0 to 1) that the promised weeks cover, as the plan says: one day cannot prove it.

    None where the file is no plan, or says nothing of it.
    """
    try:
        return float(Plan.read(plan_file).figures["shares"]["covered"])
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None


def skills_due(task: Task) -> frozenset[str]:
    """What the crew must be able to do: containers of a drop-off point are lifted by crane, whatever the task says."""
    return frozenset(task.skills) | ({"crane"} if task.kind == "drop_off" else frozenset())


def claim_faults(
    plan: Plan, area: Area, passage_of: Callable[[Truck], Passage], trips_of: Callable[[Truck], frozenset[NodePair]]
) -> Iterator[Fault]:
    """Tasks listed as unserved for a reason that does not hold. ``trips_of``: the steps that a truck may drive on a
    way from the depot and home; asked only for trucks that a claim depends on."""
    asked = [one for one in plan.unserved if one.reason in VERIFIED]
    if not asked:
        return
    trucks = {truck.id: truck for truck in area.trucks}
    density = {flux.name: flux.density_kg_m3 for flux in area.flux}
    crews = [
        (shift, trucks[shift.truck])
        for shift in area.shifts
        if shift.truck in trucks and _on_duty(shift, trucks[shift.truck], plan.date.weekday())
    ]
    for one in asked:
        task = plan.task(one.task)
        able = [(s, t) for s, t in crews if _takes(t, task, area) and _skilled(s, t, task)]
        room = [(s, t) for s, t in able if has_room(t, task, density)]
        # A load that fits every truck there is needs no way to be proven: it is not the capacity that lacks.
        certain = one.reason == "CAPACITY" and len(room) == len(able)
        for shift, truck in room:
            if certain or reaches(task, area, passage_of(truck), trips_of(truck)):
                yield fault("UNSERVED.can_be", None, None, task.id, reason=one.reason, shift=shift.id, truck=truck.id)
                break


def _on_duty(shift: Shift, truck: Truck, weekday: int) -> bool:
    """Whether the shift works that day for certain. A catch-up crew is called in on some days only."""
    licensed = truck.gross_kg <= HEAVY_KG or shift.licence != "B"
    return weekday in shift.weekdays and not shift.catch_up and shift.driver is not None and licensed


def _takes(truck: Truck, task: Task, area: Area) -> bool:
    body = {flux for part in truck.compartments for flux in part.flux}
    wanted = {flux for flux, kg in task.demand_kg.items() if kg > 0}
    return wanted <= body and any(body <= set(site.accepts) for _, site in area.sites)


def _skilled(shift: Shift, truck: Truck, task: Task) -> bool:
    due = skills_due(task)
    return due <= set(shift.skills) and ("crane" not in due or truck.crane)


def has_room(truck: Truck, task: Task, density_kg_m3: Mapping[str, float]) -> bool:
    """Whether the empty truck has room for the task's demand."""
    if task.total_kg > truck.payload_kg:
        return False
    for part in truck.compartments:
        inside = {flux: task.demand_kg.get(flux, 0.0) for flux in part.flux}
        if any(kg > 0 and flux not in density_kg_m3 for flux, kg in inside.items()):
            return False
        if sum(kg / density_kg_m3[flux] for flux, kg in inside.items() if kg > 0) > part.volume_m3:
            return False
        if part.max_density_kg_m3 is not None and sum(inside.values()) > part.max_density_kg_m3 * part.volume_m3:
            return False
    return True


def reaches(task: Task, area: Area, passage: Passage, trips: frozenset[NodePair]) -> bool:
    """Whether the truck may drive along a street task, in its direction, on a way from the depot and home.

    Points are believed: their node may be reached by a street that the truck may not stand in.
    """
    if task.kind != "street" or task.osm_way is None or any(n not in passage.raw.lat_deg for n in task.osm_nodes):
        return False
    ways = [task.osm_nodes, task.osm_nodes[::-1]] if task.side == "both" else [task.osm_nodes]
    for nodes in ways:
        steps = list(pairwise(nodes))
        along = all(follows(passage, before, then[1], frozenset(), strict=True) for before, then in pairwise(steps))
        if trips.issuperset(steps) and along:
            return True
    return False
