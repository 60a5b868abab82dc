"""The checker's judgement of ways: a tour followed node by node on the raw map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fleet import Leg, Task, Tour
from optimizer.area import Area, PlaceAt
from optimizer.check.faults import Fault, fault
from optimizer.check.passage import Passage, allowed_direction, signed_kmh, street_width_m, tagged_lanes
from optimizer.check.rawmap import RawMap, RawRestriction, RawWay
from optimizer.check.times import Driven

SLACK_M, SLACK_LENGTH = 2.0, 0.01
#: Kinds of legs in which the truck does not move.
STANDING = ("depot", "unload", "break")
#: A depot or a site given by coordinates stands on a node this near: the nearest that trucks reach may be further.
PLACE_WITHIN_M = 1000.0


@dataclass(frozen=True, slots=True)
class NodeStep:
    """From one node to the next, on leg ``leg``. ``way``: None where no drivable street joins them."""

    leg: int
    a: int
    b: int
    way: RawWay | None
    forward: bool


@dataclass(frozen=True)
class TourTrace:
    """A tour on the map. ``runs``: the truck's steps, cut where it stands in a depot or a site (there it may turn).
    ``driven``: by index of leg, for legs whose nodes are all on the map."""

    runs: tuple[tuple[NodeStep, ...], ...]
    driven: Mapping[int, Driven]


def trace_tour(tour: Tour, passage: Passage, area: Area) -> TourTrace:
    runs: list[list[NodeStep]] = [[]]
    driven: dict[int, Driven] = {}
    for k, leg in enumerate(tour.legs):
        steps = [_step(k, a, b, passage) for a, b in pairwise(leg.osm_nodes)]
        if all(node in passage.raw.lat_deg for node in leg.osm_nodes):
            driven[k] = _driven(leg, steps, passage.raw, area)
        if leg.kind in ("depot", "unload"):
            runs += [steps, []]
        elif leg.mode == "truck":
            runs[-1].extend(steps)
    return TourTrace(tuple(tuple(run) for run in runs if run), driven)


def _step(k: int, a: int, b: int, passage: Passage) -> NodeStep:
    found = passage.step(a, b)
    return NodeStep(k, a, b, None, True) if found is None else NodeStep(k, a, b, found[0], found[1])


def _driven(leg: Leg, steps: Sequence[NodeStep], raw: RawMap, area: Area) -> Driven:
    if not steps:
        return Driven()
    lengths_m = raw.steps_m(leg.osm_nodes)
    any_kmh = max(area.speeds_kmh.values())  # for a class the area says nothing of
    free_s, slowest_mps = 0.0, any_kmh / 3.6
    for step, length_m in zip(steps, lengths_m, strict=True):
        kmh = any_kmh
        if step.way is not None:
            kmh = area.speeds_kmh.get(step.way.tags["highway"], any_kmh)
            kmh = min(kmh, signed_kmh(step.way.tags, step.forward) or kmh)
        free_s += float(length_m) / (kmh / 3.6)
        slowest_mps = min(slowest_mps, kmh / 3.6)
    return Driven(float(lengths_m.sum()), free_s, slowest_mps)


# --- continuity --------------------------------------------------------------------------------------------------


def continuity_faults(
    tour: Tour, traced: TourTrace, raw: RawMap, depot: PlaceAt, sites: Mapping[str, PlaceAt]
) -> Iterator[Fault]:
    """Whether the legs hang together in space, begin and end at the depot, and have the length of their nodes."""
    at: int | None = None
    start: int | None = None
    if len(tour.legs) < 2 or tour.legs[0].kind != "depot" or tour.legs[-1].kind != "depot":
        yield fault("NOT_CONTINUOUS.depot", tour.id)
    for k, leg in enumerate(tour.legs):
        nodes = leg.osm_nodes
        if nodes:
            if at is not None and nodes[0] != at:
                yield fault("NOT_CONTINUOUS", tour.id, k, leg.task, own=nodes[0], due=at)
            if leg.mode == "foot" and nodes != nodes[::-1]:
                yield fault("NOT_CONTINUOUS.foot", tour.id, k, leg.task)
            start = nodes[0] if start is None else start
            at = nodes[-1]
            # The trace is cut where a truck stands, so a way relabelled as standing would hide how it was driven.
            if leg.kind in STANDING and len(set(nodes)) > 1:
                yield fault("NOT_CONTINUOUS.moved", tour.id, k, leg.task, kind=leg.kind, a=nodes[0], b=nodes[-1])
        if leg.kind == "depot" and 0 < k < len(tour.legs) - 1 and at != start:
            yield fault("NOT_CONTINUOUS.inner", tour.id, k, leg.task, node=at)
        if leg.kind == "unload" and at is not None and leg.site is not None and leg.site in sites:
            yield from _stands_at(tour, k, at, sites[leg.site], raw)
        own_m = traced.driven[k].length_m if k in traced.driven else None
        if own_m is not None and abs(leg.length_m - own_m) > SLACK_M + SLACK_LENGTH * own_m:
            yield fault("NOT_CONTINUOUS.length", tour.id, k, leg.task, own=leg.length_m, due=own_m)
    if start is not None and at is not None:
        if start != at:
            yield fault("NOT_CONTINUOUS.home", tour.id, len(tour.legs) - 1, None, own=start, due=at)
        yield from _stands_at(tour, 0, start, depot, raw)


def _stands_at(tour: Tour, k: int, node: int, place: PlaceAt, raw: RawMap) -> Iterator[Fault]:
    if place.osm_node is not None:
        if node != place.osm_node:
            yield fault("NOT_CONTINUOUS", tour.id, k, None, own=place.osm_node, due=node)
    elif place.lat_deg is not None and place.lon_deg is not None and node in raw.lat_deg:
        away_m = raw.distance_m(node, place.lat_deg, place.lon_deg)
        if away_m > PLACE_WITHIN_M:
            yield fault("NOT_CONTINUOUS.place", tour.id, k, None, node=node, own=away_m, place=place.id)


# --- streets and turns -------------------------------------------------------------------------------------------


def street_faults(tour: Tour, traced: TourTrace, passage: Passage) -> Iterator[Fault]:
    """Steps that no street carries, or that its tags forbid this truck. Each street is told once per leg."""
    raw, told = passage.raw, set()
    for k, leg in enumerate(tour.legs):
        for node in dict.fromkeys(leg.osm_nodes):
            if node not in raw.lat_deg:
                yield fault("NO_SUCH_STREET.node", tour.id, k, leg.task, node=node)
        if leg.mode == "foot":
            for a, b in pairwise(leg.osm_nodes):
                if a in raw.lat_deg and b in raw.lat_deg and not raw.joining(a, b):
                    yield fault("NO_SUCH_STREET", tour.id, k, leg.task, a=a, b=b)
    for run in traced.runs:
        for n, step in enumerate(run):
            leg = tour.legs[step.leg]
            found = passage.step(step.a, step.b)
            if found is None and step.a in raw.lat_deg and step.b in raw.lat_deg:
                yield fault("NO_SUCH_STREET", tour.id, step.leg, leg.task, a=step.a, b=step.b)
            barred = list(found[2]) if found is not None else []
            if n and run[n - 1].b == step.a and run[n - 1].a != step.b:  # driven through, not turned round at
                barred += passage.at_node(step.a)
            for o in barred:
                if (step.leg, o.key, o.where) not in told:
                    told.add((step.leg, o.key, o.where))
                    yield fault(
                        o.key, tour.id, step.leg, leg.task,
                        where=o.where, tag=o.tag, limit=o.limit, own=o.own, a=step.a, b=step.b,
                    )  # fmt: skip


def turn_faults(tour: Tour, traced: TourTrace, raw: RawMap) -> Iterator[Fault]:
    """Turn restrictions. A run of steps is cut into the ways it follows; a restriction binds from one to the next."""
    for run in traced.runs:
        stretches: list[list[NodeStep]] = []
        for step in run:
            if stretches and _goes_on(stretches[-1][-1], step, raw):
                stretches[-1].append(step)
            else:
                stretches.append([step])
        for k, stretch in enumerate(stretches):
            way = stretch[0].way
            for rule in raw.restrictions_from.get(way.id, ()) if way is not None else ():
                broken_at = _breaks(rule, k, stretches)
                if broken_at is not None:
                    task = tour.legs[broken_at.leg].task
                    yield fault(
                        "FORBIDDEN_TURN", tour.id, broken_at.leg, task, kind=rule.kind, id=rule.id, node=broken_at.a
                    )


def _goes_on(before: NodeStep, step: NodeStep, raw: RawMap) -> bool:
    """Whether the step stays on the way, straight on, past no node where the way's traffic must turn off."""
    way = step.way
    if way is None or before.way is not way or before.b != step.a or before.a == step.b:
        return False
    return not any(rule.only and rule.via_node == step.a for rule in raw.restrictions_from.get(way.id, ()))


def _breaks(rule: RawRestriction, k: int, stretches: Sequence[Sequence[NodeStep]]) -> NodeStep | None:
    """The step with which the stretches from ``k`` on break the rule."""
    after = k + 1 + len(rule.via_ways)
    if after >= len(stretches):
        return None
    chain = stretches[k : after + 1]
    came, step = chain[0][-1], chain[-1][0]
    if any(before[-1].b != then[0].a for before, then in pairwise(chain)) or not _plain(came.way, came.b):
        return None
    if rule.via_node is not None:
        if step.a != rule.via_node:
            return None
    elif {s[0].way.id for s in chain[1:-1] if s[0].way is not None} != rule.via_ways:
        return None
    taken = step.way is not None and step.way.id in rule.to_ways
    if rule.only:
        return None if taken else step
    if step.way is came.way and step.b != came.a:
        return None  # "no U-turn" from a way to itself, and this one goes straight on
    return step if taken and _plain(step.way, step.a) else None


def _plain(way: RawWay | None, node: int) -> bool:
    """Whether a restriction that names the way and the node says which of the way's two arms it means."""
    return way is not None and (node in (way.nodes[0], way.nodes[-1]) or allowed_direction(way.tags) != 0)


# --- turning round -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UTurn:
    """A U-turn without a turning place: ``legs`` are those before and after it and between, one of which counts it.

    ``chain``: the nodes from the end of the dead end back to its entrance or to room to turn, ``back_m`` their length;
    ``back_legs``: the legs that drive this way back. All are empty elsewhere.
    """

    node: int
    legs: range
    chain: tuple[int, ...]
    back_m: float
    back_legs: tuple[int, ...]
    possible: bool


def u_turns(traced: TourTrace, passage: Passage) -> list[UTurn]:
    found = []
    for run in traced.runs:
        for n in range(1, len(run)):
            before, step = run[n - 1], run[n]
            if before.b != step.a or before.a != step.b or passage.is_turning_place(step.a):
                continue
            node, legs = step.a, range(before.leg, step.leg + 1)
            if node in passage.raw.lat_deg and passage.is_dead_end(node, before.a):
                chain = _way_back(run, n, passage)
                back_legs = tuple(dict.fromkeys(s.leg for s in run[n : n + len(chain) - 1]))
                found.append(UTurn(node, legs, chain, passage.raw.length_m(chain), back_legs, True))
            else:
                found.append(UTurn(node, legs, (), 0.0, (), passage.is_junction_in_dead_end(node)))
    return found


def _way_back(run: Sequence[NodeStep], n: int, passage: Passage) -> tuple[int, ...]:
    """From the end of the dead end back along the way it was entered, up to the first junction or turning place."""
    nodes = [run[n].a]
    for k in range(1, min(n, len(run) - n) + 1):
        into, out = run[n - k], run[n + k - 1]
        if into.a != out.b or out.b not in passage.raw.lat_deg:
            break
        nodes.append(out.b)
        if len(passage.legs(out.b)) >= 3 or passage.is_turning_place(out.b):
            break
    return tuple(nodes)


def _counted(tour: Tour, rounds: Sequence[UTurn]) -> list[int | None]:
    """The leg that counts each U-turn: one of its own legs, the later where both could (a bipartite matching)."""
    owner: dict[tuple[int, int], int] = {}

    def place(n: int, tried: set[tuple[int, int]]) -> bool:
        for k in reversed(rounds[n].legs):
            for slot in ((k, s) for s in range(tour.legs[k].reversals)):
                if slot not in tried:
                    tried.add(slot)
                    if slot not in owner or place(owner[slot], tried):
                        owner[slot] = n
                        return True
        return False

    for n in range(len(rounds)):
        place(n, set())
    legs = {n: slot[0] for slot, n in owner.items()}
    return [legs.get(n) for n in range(len(rounds))]


def reversing_faults(tour: Tour, rounds: Sequence[UTurn], area: Area) -> Iterator[Fault]:
    """U-turns where a truck cannot make one, and reversing that is forbidden, not counted or longer than allowed."""
    rules = area.streets
    due_m: dict[int, float] = {}
    for one, counted in zip(rounds, _counted(tour, rounds), strict=True):
        task = tour.legs[one.legs[-1]].task
        if not one.possible:
            yield fault("REVERSING_FORBIDDEN", tour.id, one.legs[-1], task, node=one.node)
        if counted is None:
            yield fault("REVERSING_FORBIDDEN.undeclared", tour.id, one.legs[-1], task, node=one.node)
            continue
        whole_way = 0 < one.back_m <= rules.reversing_max_m
        due_m[counted] = due_m.get(counted, 0.0) + (one.back_m if whole_way else rules.three_point_m)
        # A way back as short as a three-point turn is a manoeuvre, not a street collected in reverse.
        for k in one.back_legs if whole_way and one.back_m > rules.three_point_m else ():
            if tour.legs[k].kind == "collect" and k != one.legs[0] and len(tour.legs[k].osm_nodes) > 1:
                yield fault("REVERSING_FORBIDDEN.collecting", tour.id, k, tour.legs[k].task, node=one.node)
    for k, leg in enumerate(tour.legs):
        if (leg.reversals or leg.reversing_m > 0) and rules.reversing == "forbidden":
            yield fault("REVERSING_FORBIDDEN.rule", tour.id, k, leg.task)
        due = due_m.get(k, 0.0)
        if due - leg.reversing_m > SLACK_M + SLACK_LENGTH * due:
            yield fault("REVERSING_FORBIDDEN.short", tour.id, k, leg.task, own=leg.reversing_m, due=due)
        limit_m = leg.reversals * max(rules.reversing_max_m, rules.three_point_m)
        if leg.reversing_m > limit_m * (1 + SLACK_LENGTH) + SLACK_M:
            yield fault("REVERSING_FORBIDDEN.far", tour.id, k, leg.task, own=leg.reversing_m, limit=limit_m)


# --- tasks on the map --------------------------------------------------------------------------------------------


def task_map_faults(tasks: Sequence[Task], raw: RawMap) -> Iterator[Fault]:
    """Tasks whose way or nodes are not on the map, or not on each other."""
    for task in tasks:
        missing = [node for node in task.osm_nodes if node not in raw.lat_deg]
        for node in missing:
            yield fault("NO_SUCH_STREET.node", None, None, task.id, node=node)
        if task.osm_way is None and task.kind == "street":  # no way, no rule on sides
            yield fault("NO_SUCH_STREET.untold", None, None, task.id)
        if task.osm_way is None or missing:
            continue
        way = raw.ways.get(task.osm_way)
        if way is None:
            yield fault("NO_SUCH_STREET.way", None, None, task.id, way=task.osm_way)
            continue
        joined = set(pairwise(way.nodes))
        for a, b in pairwise(task.osm_nodes):
            if (a, b) not in joined and (b, a) not in joined:
                yield fault("NO_SUCH_STREET.off_way", None, None, task.id, a=a, b=b, way=way.id)
                break
        if len(task.osm_nodes) == 1 and task.osm_nodes[0] not in way.nodes:
            a = task.osm_nodes[0]
            yield fault("NO_SUCH_STREET.off_way", None, None, task.id, a=a, b=a, way=way.id)


def side_faults(
    tour: Tour,
    tasks: Mapping[str, Task],
    raw: RawMap,
    area: Area,
    rounds: Sequence[UTurn],
    round_trips: Callable[[], frozenset[tuple[int, int]]],
) -> Iterator[Fault]:
    """Whether each collection goes along its task, in its direction and on its side.

    Both sides are collected at once where the area's rules allow it, on the way into a dead end that the truck leaves
    backwards, and where no truck like this one comes the other way round without reversing (``round_trips``: the steps
    that it can).
    """
    dead_ends = [frozenset(one.chain) for one in rounds if one.possible]
    at: int | None = None
    for k, leg in enumerate(tour.legs):
        at = leg.osm_nodes[-1] if leg.osm_nodes else at
        task = tasks.get(leg.task or "")
        if leg.kind != "collect" or task is None:
            continue
        if leg.mode == "foot":
            one_way_m = leg.length_m / 2
            limit_m = area.streets.foot_max_m
            if one_way_m > limit_m * (1 + SLACK_LENGTH) + SLACK_M:
                yield fault("FOOT_TOO_FAR", tour.id, k, task.id, own=one_way_m, limit=limit_m)
        if task.kind == "street":
            backed_out = any(chain.issuperset(task.osm_nodes) for chain in dead_ends)
            yield from _side(tour.id, k, leg, task, raw, area, backed_out, round_trips)
        elif task.osm_nodes[0] not in (leg.osm_nodes or (at,)):
            yield fault("UNSERVED.not_there", tour.id, k, task.id)


def _side(
    tour: str,
    k: int,
    leg: Leg,
    task: Task,
    raw: RawMap,
    area: Area,
    backed_out: bool,
    round_trips: Callable[[], frozenset[tuple[int, int]]],
) -> Iterator[Fault]:
    along = _holds(leg.osm_nodes, task.osm_nodes)
    back = _holds(leg.osm_nodes, task.osm_nodes[::-1])
    if not along and not back:
        yield fault("UNSERVED.not_there", tour, k, task.id)
        return
    if leg.side != task.side:
        yield fault("WRONG_SIDE", tour, k, task.id, own=leg.side, due=task.side)
    way = raw.ways.get(task.osm_way) if task.osm_way is not None else None
    if leg.mode == "foot" or (along and back) or way is None:
        return  # on foot, or driven in and out, both sides are at hand
    if task.side == "both":
        other_way = pairwise(task.osm_nodes if back else task.osm_nodes[::-1])
        if (
            not backed_out
            and not _may_cross(way, area)
            and (allowed_direction(way.tags) or round_trips().issuperset(other_way))
        ):
            yield fault("WRONG_SIDE.crossing", tour, k, task.id, way=way.id)
        return
    if not along:
        yield fault("WRONG_SIDE.against", tour, k, task.id, a=task.osm_nodes[-1], b=task.osm_nodes[0])
    if not allowed_direction(way.tags) and task.side != area.traffic_side:
        yield fault("WRONG_SIDE.oncoming", tour, k, task.id, own=task.side, way=way.id)


def _holds(nodes: Sequence[int], part: Sequence[int]) -> bool:
    part, size = tuple(part), len(part)
    return any(tuple(nodes[k : k + size]) == part for k in range(len(nodes) - size + 1))


def _may_cross(way: RawWay, area: Area) -> bool:
    """Whether both sides may be collected in one pass: [streets] of area.toml."""
    rules, highway = area.streets, way.tags["highway"]
    if highway in rules.both_sides_highway:
        return True
    if allowed_direction(way.tags):
        return (
            highway in rules.both_sides_oneway_highway and tagged_lanes(way.tags) <= rules.both_sides_oneway_max_lanes
        )
    width_m = street_width_m(way.tags)
    narrow = width_m is not None and width_m <= rules.both_sides_max_width_m
    return narrow and highway in rules.both_sides_two_way_highway
