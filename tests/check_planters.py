"""Planters: each takes the good plan of ``check_town`` and plants one fault in it, at a place that ``pick`` chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeVar

from fleet import Compartment, Hours, Leg, Plan, Tour, Unserved
from optimizer.area.area import Area, CollectionRule
from optimizer.check.rawmap import read_map
from tests.check_town import BESIDE, osm

T = TypeVar("T")
Pick = Callable[[Sequence[Any]], Any]
Case = tuple[Plan, Area]
Planter = Callable[[Plan, Area, Pick], Case]
Place = tuple[int, int]  # tour, leg

PLANTERS: list[tuple[str, Planter]] = []


def plants(code: str) -> Callable[[Planter], Planter]:
    def note(planter: Planter) -> Planter:
        PLANTERS.append((code, planter))
        return planter

    return note


# --- how a plan is changed ---------------------------------------------------------------------------------------


def places(plan: Plan, *kinds: str) -> list[Place]:
    return [(t, k) for t, tour in enumerate(plan.tours) for k, leg in enumerate(tour.legs) if leg.kind in kinds]


def leg_at(plan: Plan, place: Place) -> Leg:
    return plan.tours[place[0]].legs[place[1]]


def with_tour(plan: Plan, t: int, tour: Tour) -> Plan:
    return replace(plan, tours=(*plan.tours[:t], tour, *plan.tours[t + 1 :]))


def with_legs(plan: Plan, t: int, legs: Sequence[Leg]) -> Plan:
    return with_tour(plan, t, replace(plan.tours[t], legs=tuple(legs)))


def with_leg(plan: Plan, place: Place, **changes: Any) -> Plan:
    t, k = place
    legs = list(plan.tours[t].legs)
    legs[k] = replace(legs[k], **changes)
    return with_legs(plan, t, legs)


def with_task(plan: Plan, id: str | None, **changes: Any) -> Plan:
    return replace(plan, tasks=tuple(replace(t, **changes) if t.id == id else t for t in plan.tasks))


def settled(plan: Plan) -> Plan:
    """The same plan with loads that follow from what is collected."""
    for t, tour in enumerate(plan.tours):
        load: dict[str, float] = {}
        legs = []
        for leg in tour.legs:
            if leg.kind == "collect":
                load = {flux: load.get(flux, 0.0) + leg.kg.get(flux, 0.0) for flux in load.keys() | leg.kg.keys()}
            elif leg.kind == "unload":
                leg, load = replace(leg, kg=load), {}
            legs.append(replace(leg, load_after_kg=load))
        plan = with_legs(plan, t, legs)
    return plan


def by_way_of(plan: Plan, area: Area, pick: Pick, *nodes: int) -> Plan:
    """A drive that goes straight from the first node to the last goes by these instead."""
    ids = [osm(node) for node in nodes]
    found = [
        (place, k)
        for place in places(plan, "drive")
        for k, step in enumerate(pairwise(leg_at(plan, place).osm_nodes))
        if step == (ids[0], ids[-1])
    ]
    place, k = pick(found)
    old = leg_at(plan, place).osm_nodes
    new = (*old[:k], *ids, *old[k + 2 :])
    return with_leg(plan, place, osm_nodes=new, length_m=read_map(area.extract).length_m(new))


def without_glass(plan: Plan, reason: str, times: int = 1) -> Plan:
    place = next(p for p in places(plan, "collect") if leg_at(plan, p).task == "bottles")
    less = settled(with_leg(plan, place, kind="drive", task=None, side=None, kg={}))
    return replace(less, unserved=(Unserved("bottles", reason),) * times)


def load_kg(plan: Plan, t: int) -> float:
    return max(sum(leg.load_after_kg.values()) for leg in plan.tours[t].legs)


def with_truck(area: Area, t: int, **changes: Any) -> Area:
    trucks = list(area.trucks)
    trucks[t] = replace(trucks[t], **changes)
    return replace(area, trucks=tuple(trucks))


def with_shift(area: Area, t: int, **changes: Any) -> Area:
    shifts = list(area.shifts)
    shifts[t] = replace(shifts[t], **changes)
    return replace(area, shifts=tuple(shifts))


def one_sided(plan: Plan) -> list[Place]:
    return [p for p in places(plan, "collect") if leg_at(plan, p).side in ("left", "right")]


# --- form and inputs ---------------------------------------------------------------------------------------------


@plants("MALFORMED")
def an_unserved_task_that_does_not_exist(plan: Plan, area: Area, pick: Pick) -> Case:
    return replace(plan, unserved=(Unserved("nowhere", "CAPACITY"),)), area


@plants("MALFORMED")
def a_leg_for_a_task_that_does_not_exist(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_leg(plan, pick(places(plan, "collect")), task="nowhere"), area


@plants("AREA_CHANGED")
def another_digest(plan: Plan, area: Area, pick: Pick) -> Case:
    digests = plan.area["digests"]
    return replace(plan, area={**plan.area, "digests": {**digests, pick(sorted(digests)): "0" * 64}}), area


@plants("AREA_CHANGED")
def a_digest_left_out(plan: Plan, area: Area, pick: Pick) -> Case:
    out = pick(sorted(plan.area["digests"]))
    digests = {name: digest for name, digest in plan.area["digests"].items() if name != out}
    return replace(plan, area={**plan.area, "digests": digests}), area


@plants("AREA_MISSING")
def no_extract(plan: Plan, area: Area, pick: Pick) -> Case:
    digests = {name: digest for name, digest in plan.area["digests"].items() if name != area.extract.name}
    return replace(plan, area={**plan.area, "digests": digests}), replace(area, extract=area.folder / "gone.osm")


@plants("MALFORMED")
def a_task_listed_twice_as_unserved(plan: Plan, area: Area, pick: Pick) -> Case:
    return without_glass(plan, "SHIFT_TIME", times=2), area


@plants("MALFORMED")
def a_task_served_and_listed_as_unserved(plan: Plan, area: Area, pick: Pick) -> Case:
    return replace(plan, unserved=(Unserved(pick(plan.tasks).id, "SHIFT_TIME"),)), area


@plants("MALFORMED")
def a_drop_off_point_without_containers(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_task(plan, "bottles", containers=0), area


@plants("NO_TOURS")
def an_empty_plan_on_a_day_of_collection(plan: Plan, area: Area, pick: Pick) -> Case:
    rule = CollectionRule(2, "town", "bags", "house", plan.date.weekday(), 1, plan.date, None, None)
    return replace(plan, tasks=(), tours=()), replace(area, rules=(rule,))


@plants("FIGURES_WRONG")
def figures_out_of_the_air(plan: Plan, area: Area, pick: Pick) -> Case:
    km = sum(leg.length_m for leg in plan.tours[0].legs if leg.mode == "truck") / 1000
    wrong: tuple[dict[str, Any], ...] = (
        {"tours": {"A": {"km": km * 0.97}}},
        {"tours": {"A": {"hours": {"total": 2.0}}}},
        {"tours": {"A": {"trips": 2}}},
        {"tours": {"Z": {}}},
        {"total": {"reversals": 0}},
        {"total": {"kg": {"residual": 10.0}}},
        {"total": {"kg": 7}},
        {"total": []},
        {"shares": {"served": 0.9}},
    )
    return replace(plan, figures=pick(wrong)), area


@plants("NO_TOURS")
def no_tours(plan: Plan, area: Area, pick: Pick) -> Case:
    unserved = tuple(Unserved(task.id, "SHIFT_TIME") for task in plan.tasks)
    return replace(plan, tours=(), unserved=unserved), area


# --- service and loads -------------------------------------------------------------------------------------------


@plants("UNSERVED")
def a_street_only_driven_through(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "collect"))
    return settled(with_leg(plan, place, kind="drive", task=None, side=None, kg={})), area


@plants("UNSERVED")
def a_street_collected_from_another(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in one_sided(plan) if leg_at(plan, p).task in ("00-01", "01-00", "wide left")])
    return with_task(plan, leg_at(plan, place).task, osm_way=2021, osm_nodes=(osm(20), osm(21))), area


def _claimed(id: str, reason: str) -> Planter:
    """A task only driven past, and listed as one that could not be served."""

    def plant(plan: Plan, area: Area, pick: Pick) -> Case:
        place = next(p for p in places(plan, "collect") if leg_at(plan, p).task == id)
        less = settled(with_leg(plan, place, kind="drive", task=None, side=None, kg={}))
        return replace(less, unserved=(Unserved(id, reason),)), area

    plant.__name__ = f"{id.replace(' ', '_')}_claimed_{reason}"
    return plant


PLANTERS += [
    ("UNSERVED", _claimed(_id, _reason))
    for _id in ("00-01", "row1 west", "wide left", "circle back")
    for _reason in ("UNREACHABLE", "NO_TRUCK", "SKILL_MISSING", "CAPACITY")
]
# What fits every truck needs no way to be proven.
PLANTERS += [("UNSERVED", _claimed(_id, "CAPACITY")) for _id in ("sofa", "bottles", "dead end")]


@plants("SERVED_TWICE")
def a_point_served_twice(plan: Plan, area: Area, pick: Pick) -> Case:
    points = {task.id for task in plan.tasks if task.kind != "street"}
    t, k = pick([p for p in places(plan, "collect") if leg_at(plan, p).task in points])
    legs = plan.tours[t].legs
    later = timedelta(seconds=legs[k].duration_s)
    again = [replace(leg, start_at=leg.start_at + later, end_at=leg.end_at + later) for leg in legs[k:]]
    return settled(with_legs(plan, t, [*legs[: k + 1], *again])), area


@plants("LOAD_MISMATCH")
def a_third_of_the_bags_left(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "collect"))
    kg = {flux: kg * 2 / 3 for flux, kg in leg_at(plan, place).kg.items()}
    return settled(with_leg(plan, place, kg=kg)), area


@plants("OVER_PAYLOAD")
def a_smaller_payload(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return plan, with_truck(area, t, payload_kg=load_kg(plan, t) * 0.95)


@plants("OVER_VOLUME")
def a_smaller_body(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    parts = [replace(part, volume_m3=1.0, max_density_kg_m3=None) for part in area.trucks[t].compartments]
    return plan, with_truck(area, t, compartments=tuple(parts))


@plants("OVER_DENSITY")
def bags_that_tear_sooner(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    parts = [replace(part, max_density_kg_m3=20) for part in area.trucks[t].compartments]
    return plan, with_truck(area, t, compartments=tuple(parts))


@plants("WRONG_FLUX")
def a_flux_the_truck_does_not_take(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "collect"))
    kg = {("paper" if place[0] else "glass"): 80.0}
    return settled(with_leg(with_task(plan, leg_at(plan, place).task, demand_kg=kg), place, kg=kg)), area


@plants("WRONG_FLUX")
def a_site_that_does_not_take_it(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_leg(plan, pick(places(plan, "unload")), site="S-paper"), area


@plants("NOT_EMPTIED")
def half_a_load_brought_home(plan: Plan, area: Area, pick: Pick) -> Case:
    t, k = pick(places(plan, "unload"))
    legs = list(plan.tours[t].legs)
    half = {flux: kg / 2 for flux, kg in legs[k].kg.items()}
    legs[k] = replace(legs[k], kg=half)
    legs[k:] = [replace(leg, load_after_kg=half) for leg in legs[k:]]
    return with_legs(plan, t, legs), area


# --- times -------------------------------------------------------------------------------------------------------


@plants("OVER_SHIFT")
def a_shorter_shift(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return plan, with_shift(area, t, length_s=5400, overtime_s=300)


@plants("OVER_SHIFT")
def a_shift_that_starts_later(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, with_shift(area, pick(range(len(plan.tours))), start_s=6 * 3600)


def _moved(name: str, hours: float) -> None:
    def plant(plan: Plan, area: Area, pick: Pick) -> Case:
        t = pick(range(len(plan.tours)))
        later = timedelta(hours=hours)
        legs = [replace(g, start_at=g.start_at + later, end_at=g.end_at + later) for g in plan.tours[t].legs]
        open_ = tuple(Hours(day, 0, 48 * 3600) for day in range(7))
        sites = tuple((place, replace(site, hours=open_)) for place, site in area.sites)
        free = replace(plan, tasks=tuple(replace(task, windows=()) for task in plan.tasks))
        return with_legs(free, t, legs), replace(area, sites=sites)

    plant.__name__ = name
    PLANTERS.append(("OVER_SHIFT", plant))


_moved("a_tour_two_minutes_late", 1 / 30)
_moved("a_tour_eight_hours_late", 8)
_moved("a_tour_a_week_late", 7 * 24)
_moved("a_tour_four_weeks_late", 28 * 24)
_moved("a_tour_a_week_early", -7 * 24)


@plants("OVER_SHIFT")
def a_driver_with_two_days_work_in_one(plan: Plan, area: Area, pick: Pick) -> Case:
    """Ada drives the second tour too, after the first; each for itself is short enough."""
    first, second = plan.tours
    start = first.start_at + timedelta(hours=9)
    later = start - second.start_at
    legs = [replace(g, start_at=g.start_at + later, end_at=g.end_at + later) for g in second.legs]
    last = replace(legs[-1], end_at=start + timedelta(hours=6, minutes=-1))
    whole = with_tour(plan, 1, replace(second, driver="Ada", legs=(*legs[:-1], last)))
    sites = tuple((p, replace(s, hours=tuple(Hours(d, 0, 86400) for d in range(7)))) for p, s in area.sites)
    shifted = with_shift(area, 1, driver="Ada", start_s=14 * 3600, length_s=6 * 3600)
    return whole, replace(shifted, sites=sites)


@plants("BREAK_MISSING")
def no_break(plan: Plan, area: Area, pick: Pick) -> Case:
    t, k = pick(places(plan, "break"))
    return with_legs(plan, t, [leg for n, leg in enumerate(plan.tours[t].legs) if n != k]), area


@plants("BREAK_MISSING")
def a_break_too_short(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "break"))
    return with_leg(plan, place, end_at=leg_at(plan, place).start_at + timedelta(minutes=15)), area


@plants("WINDOW_MISSED")
def a_window_that_closes_too_soon(plan: Plan, area: Area, pick: Pick) -> Case:
    leg = leg_at(plan, pick(places(plan, "collect")))
    local_s = (leg.end_at.hour + 1) * 3600 + leg.end_at.minute * 60  # Paris in winter
    return with_task(plan, leg.task, windows=((0, local_s - 60), (local_s + 60, 86400))), area


@plants("SITE_CLOSED")
def a_site_open_at_night(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_leg(plan, pick(places(plan, "unload")), site="S-night"), area


@plants("TIME_MISMATCH")
def a_leg_in_no_time(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "drive", "collect", "unload", "depot"))
    return with_leg(plan, place, end_at=leg_at(plan, place).start_at + timedelta(seconds=1)), area


@plants("TIME_MISMATCH")
def a_leg_before_the_last_one_ends(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in places(plan, "collect", "unload", "break") if p[1]])
    before = leg_at(plan, (place[0], place[1] - 1))
    return with_leg(plan, place, start_at=before.end_at - timedelta(seconds=30)), area


@plants("TIME_MISMATCH")
def a_leg_that_ends_before_it_starts(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(places(plan, "drive", "collect", "unload"))
    return with_leg(plan, place, end_at=leg_at(plan, place).start_at - timedelta(seconds=30)), area


# --- ways --------------------------------------------------------------------------------------------------------


def _beside(node: int) -> Planter:
    def plant(plan: Plan, area: Area, pick: Pick) -> Case:
        return by_way_of(plan, area, pick, 0, node, 10), area

    plant.__name__ = f"by_way_of_{node}"
    return plant


for _node, (_code, _, _) in BESIDE.items():
    PLANTERS.append((_code, _beside(_node)))


@plants("FORBIDDEN_TURN")
def no_left_turn(plan: Plan, area: Area, pick: Pick) -> Case:
    return by_way_of(plan, area, pick, 11, 21, 22, 12), area


@plants("FORBIDDEN_TURN")
def only_straight_on(plan: Plan, area: Area, pick: Pick) -> Case:
    return by_way_of(plan, area, pick, 22, 12, 13, 23, 22, 21), area


@plants("FORBIDDEN_TURN")
def no_turn_by_way_of_a_third_street(plan: Plan, area: Area, pick: Pick) -> Case:
    return by_way_of(plan, area, pick, 24, 23, 13, 14), area


@plants("NO_SUCH_STREET")
def a_node_of_another_town(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in places(plan, "drive") if len(leg_at(plan, p).osm_nodes) > 2])
    nodes = leg_at(plan, place).osm_nodes
    return with_leg(plan, place, osm_nodes=(nodes[0], 77, *nodes[2:])), area


@plants("NO_SUCH_STREET")
def a_leap_over_a_corner(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in places(plan, "drive") if len(leg_at(plan, p).osm_nodes) > 2])
    nodes = leg_at(plan, place).osm_nodes
    short = (nodes[0], *nodes[2:])
    return with_leg(plan, place, osm_nodes=short, length_m=read_map(area.extract).length_m(short)), area


@plants("NO_SUCH_STREET")
def a_street_that_does_not_say_its_way(plan: Plan, area: Area, pick: Pick) -> Case:
    task = pick([task for task in plan.tasks if task.kind == "street"])
    return with_task(plan, task.id, osm_way=None), area


@plants("NO_SUCH_STREET")
def a_task_on_another_way(plan: Plan, area: Area, pick: Pick) -> Case:
    task = pick([task for task in plan.tasks if task.osm_way is not None and task.osm_way != 2122])
    return with_task(plan, task.id, osm_way=pick((2122, 77))), area


@plants("NOT_CONTINUOUS")
def a_length_out_of_the_air(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in places(plan, "drive") if leg_at(plan, p).length_m > 0])
    return with_leg(plan, place, length_m=leg_at(plan, place).length_m * pick((0.9, 1.1))), area


@plants("NOT_CONTINUOUS")
def a_drive_left_out(plan: Plan, area: Area, pick: Pick) -> Case:
    t, k = pick(places(plan, "drive"))
    return with_legs(plan, t, [leg for n, leg in enumerate(plan.tours[t].legs) if n != k]), area


@plants("NOT_CONTINUOUS")
def a_load_that_does_not_follow(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_leg(plan, pick(places(plan, "collect")), load_after_kg={"residual": 9.0}), area


@plants("NOT_CONTINUOUS")
def a_tour_that_ends_in_the_street(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return with_legs(plan, t, plan.tours[t].legs[:-1]), area


@plants("NOT_CONTINUOUS")
def a_drive_relabelled(plan: Plan, area: Area, pick: Pick) -> Case:
    t, k = pick([p for p in places(plan, "drive") if len(leg_at(plan, p).osm_nodes) > 2])
    return with_leg(plan, (t, k), kind=pick(("depot", "break"))), area


@plants("NOT_CONTINUOUS")
def a_depot_leg_that_hides_a_turn(plan: Plan, area: Area, pick: Pick) -> Case:
    """In 902 the truck stands in a depot of its own making: nobody sees that it must reverse out."""
    t, k = next(p for p in places(plan, "collect") if leg_at(plan, p).task == "dead end")
    whole = leg_at(plan, (t, k))
    half_m, node = whole.length_m / 2, whole.osm_nodes[1]
    times = [whole.start_at + timedelta(seconds=s) for s in (0, 600, 601)] + [whole.end_at]
    load, both = whole.load_after_kg, whole.osm_nodes
    inward = replace(whole, end_at=times[1], osm_nodes=both[:2], length_m=half_m, reversals=0, reversing_m=0.0)
    stop = Leg("depot", times[1], times[2], 0.0, pick(((node,), ())), load_after_kg=load)
    outward = Leg("drive", times[2], times[3], half_m, both[1:], load_after_kg=load)
    legs = plan.tours[t].legs
    return with_legs(plan, t, [*legs[:k], inward, stop, outward, *legs[k + 1 :]]), area


@plants("REVERSING_FORBIDDEN")
def reversing_that_the_area_forbids(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, replace(area, streets=replace(area.streets, reversing="forbidden"))


@plants("REVERSING_FORBIDDEN")
def a_u_turn_in_a_street(plan: Plan, area: Area, pick: Pick) -> Case:
    return by_way_of(plan, area, pick, *pick(((13, 23, 13, 14), (22, 12, 22, 21)))), area


@plants("REVERSING_FORBIDDEN")
def reversing_not_counted(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in places(plan, "collect") if leg_at(plan, p).reversals])
    return with_leg(plan, place, **pick(({"reversals": 0}, {"reversing_m": 20.0}))), area


@plants("REVERSING_FORBIDDEN")
def bins_emptied_while_reversing(plan: Plan, area: Area, pick: Pick) -> Case:
    t, k = pick([p for p in places(plan, "collect") if leg_at(plan, p).reversals])
    legs = plan.tours[t].legs
    out_and_in = legs[k].osm_nodes
    inward = replace(
        legs[k], kind="drive", end_at=legs[k].start_at + timedelta(seconds=100), osm_nodes=out_and_in[:2], task=None,
        side=None, kg={}, reversals=0, reversing_m=0.0, length_m=legs[k].length_m / 2,
    )  # fmt: skip
    outward = replace(legs[k], start_at=inward.end_at, osm_nodes=out_and_in[1:], length_m=legs[k].length_m / 2)
    return settled(with_legs(plan, t, [*legs[:k], inward, outward, *legs[k + 1 :]])), area


# --- sides -------------------------------------------------------------------------------------------------------


@plants("WRONG_SIDE")
def the_other_side(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick(one_sided(plan))
    return with_leg(plan, place, side="left" if leg_at(plan, place).side == "right" else "right"), area


@plants("WRONG_SIDE")
def across_oncoming_traffic(plan: Plan, area: Area, pick: Pick) -> Case:
    place = pick([p for p in one_sided(plan) if "wide" not in str(leg_at(plan, p).task)])
    return with_leg(with_task(plan, leg_at(plan, place).task, side="left"), place, side="left"), area


@plants("WRONG_SIDE")
def against_the_tasks_direction(plan: Plan, area: Area, pick: Pick) -> Case:
    task = plan.task(leg_at(plan, pick(one_sided(plan))).task or "")
    return with_task(plan, task.id, osm_nodes=task.osm_nodes[::-1]), area


@plants("WRONG_SIDE")
def both_sides_where_crossing_is_not_safe(plan: Plan, area: Area, pick: Pick) -> Case:
    rules = pick(({"both_sides_highway": ()}, {"both_sides_oneway_max_lanes": 0}))
    return plan, replace(area, streets=replace(area.streets, **rules))


@plants("FOOT_TOO_FAR")
def a_shorter_walk_allowed(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, replace(area, streets=replace(area.streets, foot_max_m=10))


# --- trucks and crews --------------------------------------------------------------------------------------------


@plants("NO_DRIVER")
def nobody_at_the_wheel(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return with_tour(plan, t, replace(plan.tours[t], driver=None)), area


@plants("NO_DRIVER")
def a_day_off(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, with_shift(area, pick(range(len(plan.tours))), weekdays=(2, 3))


@plants("NO_DRIVER")
def a_driver_in_two_trucks(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_tour(plan, 1, replace(plan.tours[1], driver="Ada")), with_shift(area, 1, driver="Ada")


@plants("SKILL_MISSING")
def a_skill_nobody_has(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_task(plan, leg_at(plan, pick(places(plan, "collect"))).task, skills=("asbestos",)), area


@plants("SKILL_MISSING")
def a_truck_without_a_crane(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, with_truck(area, 1, crane=False)


@plants("SKILL_MISSING")
def a_drop_off_point_that_asks_for_no_crane(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_task(plan, "bottles", skills=()), pick(
        (with_truck(area, 1, crane=False), with_shift(area, 1, skills=()))
    )


@plants("SKILL_MISSING")
def a_car_licence(plan: Plan, area: Area, pick: Pick) -> Case:
    return plan, with_shift(area, pick(range(len(plan.tours))), licence="B")


@plants("SKILL_MISSING")
def loaders_out_of_the_air(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_tour(plan, 1, replace(plan.tours[1], loaders=1)), area


@plants("TRUCK_UNKNOWN")
def a_truck_of_another_town(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return with_tour(plan, t, replace(plan.tours[t], truck="T9")), with_shift(area, t, truck="T9")


@plants("SHIFT_UNKNOWN")
def a_shift_of_another_town(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return with_tour(plan, t, replace(plan.tours[t], shift="T9-am")), area


@plants("SHIFT_UNKNOWN")
def an_easier_law_than_the_shifts(plan: Plan, area: Area, pick: Pick) -> Case:
    t = pick(range(len(plan.tours)))
    return with_tour(plan, t, replace(plan.tours[t], regime="private")), area


@plants("TRUCK_TWICE")
def one_truck_in_two_places(plan: Plan, area: Area, pick: Pick) -> Case:
    parts = (*area.trucks[0].compartments, Compartment(("glass",), 9))
    moved = with_tour(plan, 1, replace(plan.tours[1], truck="T1"))
    return moved, with_shift(with_truck(area, 0, compartments=parts, crane=True), 1, truck="T1")


@plants("TRUCK_TWICE")
def one_shift_for_two_tours(plan: Plan, area: Area, pick: Pick) -> Case:
    return with_tour(plan, 1, replace(plan.tours[1], shift=plan.tours[0].shift)), area
