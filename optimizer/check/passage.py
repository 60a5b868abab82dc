"""Passage: what one truck may do on the raw map, by the tags alone. Used by the checker.

Decided here, with OSM's wiki as the source (*Key:access*, *Key:oneway*, *Key:maxweight*, *Key:maxheight*,
*Key:maxwidth*, *Key:barrier*):

- Access: the most specific of ``hgv`` (above 3.5 t), ``goods``, ``motor_vehicle``, ``vehicle``, ``access`` speaks, its
  ``:forward``/``:backward`` form first. A collection truck serves the addresses of a street, so ``destination``,
  ``delivery``, ``customers``, ``permissive``, ``permit`` let it in; ``no``, ``private``, ``agricultural``, … do not.
- A weight sign is about the truck's gross weight. ``none``, ``default``, ``unsigned`` and what is no number is no
  limit; so is a limit that a ``:conditional`` tag lifts ("none @ delivery").
- One-way: ``oneway:hgv`` … ``oneway:vehicle`` over ``oneway``; a roundabout and a motorway are one-way untold.
- Barriers: bollards and the like stop a truck unless the node's own access lets vehicles in; gates and toll booths let
  it through unless their access says otherwise. A kerb is driven over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet import Truck
from optimizer.check.faults import OsmElement
from optimizer.check.rawmap import RawMap, RawWay

DRIVABLE = frozenset({
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
    "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service", "road",
})  # fmt: skip
CLOSED = frozenset({
    "no", "private", "agricultural", "forestry", "psv", "bus", "emergency", "military", "restricted", "use_sidepath",
})  # fmt: skip
BARRIERS = frozenset({
    "bollard", "block", "cycle_barrier", "jersey_barrier", "fence", "wall", "chain", "debris", "log", "turnstile",
    "stile", "kissing_gate", "sump_buster", "planter", "full-height_turnstile", "motorcycle_barrier", "bus_trap",
    "horse_stile", "rope",
})  # fmt: skip
HEAVY_KG = 3500  # from here on "hgv" is meant, and a driver needs a licence C

_TONNES = {"": 1000.0, "t": 1000.0, "kg": 1.0, "st": 907.18474, "lbs": 0.45359237}
_METRES = {"": 1.0, "m": 1.0, "cm": 0.01, "ft": 0.3048}
_KMH = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "mph": 1.609344}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) *([a-z/]*)")
_FEET_INCHES = re.compile(r"(\d+)' *-? *(?:(\d+(?:\.\d+)?)\")?")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a truck may not pass. ``key``: a key of the fault texts; ``where``: the way or the node."""

    key: str
    where: OsmElement
    limit: float | None = None
    own: float | None = None
    tag: str = ""


def parse_quantity(text: str | None, units: Mapping[str, float]) -> float | None:
    """The smallest of the numbers written in a tag; None where none is ("none", "signals", "DE:urban")."""
    if text is None:
        return None
    found = []
    for part in text.lower().replace(",", ".").split(";"):
        if units is _METRES and (feet := _FEET_INCHES.fullmatch(part.strip())):
            found.append(int(feet[1]) * 0.3048 + float(feet[2] or 0) * 0.0254)
        elif (one := _QUANTITY.fullmatch(part.strip())) and one[2] in units:
            found.append(float(one[1]) * units[one[2]])
    return min(found, default=None)


def signed_kmh(tags: Mapping[str, str], forward: bool) -> float | None:
    """The lowest speed that the map's signs allow a truck in this direction, None = no sign."""
    keys = ("maxspeed", "maxspeed:hgv", f"maxspeed:{'forward' if forward else 'backward'}")
    return min((v for key in keys if (v := parse_quantity(tags.get(key), _KMH))), default=None)


def street_width_m(tags: Mapping[str, str]) -> float | None:
    return parse_quantity(tags.get("width"), _METRES)


def tagged_lanes(tags: Mapping[str, str]) -> int:
    """Untagged is one."""
    return int(tags["lanes"]) if tags.get("lanes", "").isdigit() else 1


def allowed_direction(tags: Mapping[str, str]) -> int:
    """1: along the way only, -1: against it only, 0: both."""
    for key in ("oneway:hgv", "oneway:goods", "oneway:motor_vehicle", "oneway:vehicle", "oneway"):
        if key in tags:
            return {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1}.get(tags[key], 0)
    return 1 if tags.get("junction") == "roundabout" or tags.get("highway") == "motorway" else 0


def _lifted(tags: Mapping[str, str], key: str) -> bool:
    """Whether the sign does not bind those who serve the street: ``maxweight:conditional=none @ destination``."""
    said = [tags.get(f"{name}:conditional", "") for name in (key, key.split(":")[0])]
    return any(one.replace(" ", "").startswith("none@") and ("destination" in one or "delivery" in one) for one in said)


class Passage:
    """What ``truck`` may do on ``raw``. Answers are remembered: a plan asks for the same street many times."""

    def __init__(self, raw: RawMap, truck: Truck, turning_places: tuple[str, ...]):
        self.raw, self.truck, self._turning_places = raw, truck, turning_places
        heavy = truck.gross_kg > HEAVY_KG
        self._modes = (*(("hgv",) if heavy else ()), "goods", "motor_vehicle", "vehicle", "access")
        self._steps: dict[tuple[int, int], tuple[RawWay, bool, tuple[Obstacle, ...]] | None] = {}
        self._ways: dict[tuple[int, bool], tuple[Obstacle, ...]] = {}
        self._legs: dict[int, frozenset[int]] = {}
        self._dead: frozenset[int] | None = None

    def step(self, a: int, b: int) -> tuple[RawWay, bool, tuple[Obstacle, ...]] | None:
        """The drivable way from ``a`` to the next node ``b`` with the fewest obstacles, and whether along it."""
        if (a, b) not in self._steps:
            ways = [
                (way, forward, self._barring(way, forward))
                for way, forward in self.raw.joining(a, b)
                if way.tags["highway"] in DRIVABLE
            ]
            self._steps[a, b] = min(ways, key=lambda found: len(found[2]), default=None)
        return self._steps[a, b]

    def _barring(self, way: RawWay, forward: bool) -> tuple[Obstacle, ...]:
        if (way.id, forward) not in self._ways:
            self._ways[way.id, forward] = tuple(self._obstacles(way, forward))
        return self._ways[way.id, forward]

    def _obstacles(self, way: RawWay, forward: bool) -> Iterator[Obstacle]:
        where = OsmElement("way", way.id)
        direction = allowed_direction(way.tags)
        if direction and (direction > 0) != forward:
            yield Obstacle("AGAINST_ONE_WAY", where)
        yield from self._access(way.tags, where, "forward" if forward else "backward")
        yield from self._size(way.tags, where)

    def _access(self, tags: Mapping[str, str], where: OsmElement, direction: str) -> Iterator[Obstacle]:
        for mode in self._modes:
            for key in (f"{mode}:{direction}", mode):
                if key in tags:
                    if all(value.strip() in CLOSED for value in tags[key].split(";")):
                        yield Obstacle("NO_ACCESS", where, tag=f"{key}={tags[key]}")
                    return

    def _size(self, tags: Mapping[str, str], where: OsmElement) -> Iterator[Obstacle]:
        truck = self.truck
        signs = (
            ("TOO_HEAVY", truck.gross_kg, _TONNES,
             ("maxweight", "maxweight:hgv", "maxweightrating", "maxweightrating:hgv", "maxweightrating:goods")),
            ("TOO_HIGH", truck.height_m, _METRES, ("maxheight", "maxheight:physical")),
            ("TOO_WIDE", truck.width_m, _METRES, ("maxwidth", "maxwidth:physical", "width")),
            ("TOO_LONG", truck.length_m, _METRES, ("maxlength",)),
        )  # fmt: skip
        for code, own, units, keys in signs:
            for key in keys:
                limit = parse_quantity(tags.get(key), units)
                if limit is not None and own > limit and not _lifted(tags, key):
                    yield Obstacle(code, where, limit, own, f"{key}={tags[key]}")
                    break

    def at_node(self, node: int) -> tuple[Obstacle, ...]:
        """What stands in the way on the node itself: a bollard, a locked gate, a height bar."""
        tags = self.raw.tags.get(node)
        if not tags:
            return ()
        where = OsmElement("node", node)
        # A node's "width" is the kerb's or the gate post's; its weight may be a sign's that stands there for elsewhere.
        kept = tags if "barrier" in tags else {k: v for k, v in tags.items() if k.startswith(("maxheight", "maxwidth"))}
        found = list(self._size({k: v for k, v in kept.items() if k != "width"}, where))
        if "barrier" in tags:
            spoken = any(mode in tags for mode in self._modes)
            closed = list(self._access(tags, where, "forward"))
            if tags["barrier"] in BARRIERS and not spoken:
                closed = [Obstacle("NO_ACCESS", where, tag=f"barrier={tags['barrier']}")]
            found += closed
        return tuple(found)

    def legs(self, node: int) -> frozenset[int]:
        """The nodes next to this one over streets that the truck may use, in whatever direction."""
        if node not in self._legs:
            self._legs[node] = frozenset(b for b in self.raw.neighbours(node) if self._usable(node, b))
        return self._legs[node]

    def _usable(self, a: int, b: int) -> bool:
        return any(
            (step := self.step(*pair)) is not None and all(o.key == "AGAINST_ONE_WAY" for o in step[2])
            for pair in ((a, b), (b, a))
        )

    def is_turning_place(self, node: int) -> bool:
        return self.raw.tags.get(node, {}).get("highway") in self._turning_places

    def is_dead_end(self, node: int, came_from: int) -> bool:
        """Whether a truck that came here can only go back: nothing leads on, or what leads on is barred."""
        if self.at_node(node):
            return True
        onward = ((b, self.step(node, b)) for b in self.raw.neighbours(node) if b != came_from)
        return not any(step is not None and not step[2] for _, step in onward)

    def is_junction_in_dead_end(self, node: int) -> bool:
        """Whether three legs or more meet here and all of them lie in a dead-end tree."""
        if self._dead is None:
            self._dead = self._dead_end_nodes()
        return node in self._dead and len(self.legs(node)) >= 3

    def _dead_end_nodes(self) -> frozenset[int]:
        """The nodes of the dead-end trees: what goes when leaf after leaf is taken off the truck's network."""
        legs: dict[int, set[int]] = {}
        barred = {node for node in self.raw.tags if self.at_node(node)}
        for way in self.raw.ways.values():
            if way.tags["highway"] not in DRIVABLE or all(
                any(o.key != "AGAINST_ONE_WAY" for o in self._barring(way, forward)) for forward in (True, False)
            ):
                continue
            for a, b in zip(way.nodes, way.nodes[1:], strict=False):
                if a != b:
                    legs.setdefault(a, set()).add(b)
                    legs.setdefault(b, set()).add(a)
        for node in barred & legs.keys():  # nobody drives through: each street ends before it
            for other in legs.pop(node):
                if other in legs:
                    legs[other].discard(node)
        leaves = [node for node, near in legs.items() if len(near) <= 1]
        dead: set[int] = set()
        while leaves:
            leaf = leaves.pop()
            if leaf in dead:
                continue
            dead.add(leaf)
            for other in legs[leaf] - dead:
                legs[other].discard(leaf)
                if len(legs[other]) == 1:
                    leaves.append(other)
        return frozenset(dead | barred)
