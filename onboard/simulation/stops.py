"""Where a crew halts to load in a simulated street, for how long, and when the bins go up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from onboard.simulation.behaviour import DrivingModel
from onboard.simulation.course import CourseLeg


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the crew loads: ``events``: seconds after halting at which a bin goes up, and its kg."""

    at_m: float
    dwell_s: float
    kg: float
    events: tuple[tuple[float, float], ...] = ()
    by_hand: bool = False
    creeping: bool = False


def stops_of(leg: CourseLeg, whole_m: float, kg: float, model: DrivingModel, random: Random) -> list[Stop]:
    """The stops of a task, by their place along its line of ``whole_m``: bins lifted or bags thrown, ``kg`` in all."""
    if kg <= 0 and not leg.containers:
        return []
    if leg.containers:
        each = kg / leg.containers
        return [Stop(0.0, random.uniform(*model.container_s), each, ((30.0, each),)) for _ in range(leg.containers)]
    if whole_m <= 0:
        return [_stop(0.0, kg, model, random, on_foot=leg.mode == "foot")]
    places: list[float] = []
    at_m = random.uniform(1.0, model.stop_every_m[0])
    while at_m < whole_m - 1:
        places.append(at_m)
        at_m += random.uniform(*model.stop_every_m)
    places = places or [whole_m / 2]
    most = min(
        leg.dwellings or len(places), math.ceil(kg / model.stop_kg)
    )  # no more stops than doors, nor for a bag each
    if len(places) > most:
        places = sorted(random.sample(places, most))
    parts = [random.gammavariate(2.0, 1.0) for _ in places]
    return [_stop(at, kg * part / sum(parts), model, random) for at, part in zip(places, parts, strict=True)]


def _stop(at_m: float, kg: float, model: DrivingModel, random: Random, on_foot: bool = False) -> Stop:
    dwell_s = random.uniform(*model.board_s)
    if not on_foot and random.random() < model.bins_share:
        bins = max(1, math.ceil(kg / random.uniform(*model.bin_kg)))
        events = []
        for k in range(bins):
            if k % 2 == 0:  # the comb takes two at once
                dwell_s += random.uniform(*model.lift_s)
            events.append((dwell_s - 2.0 - k % 2, kg / bins))
        return Stop(at_m, dwell_s + 2.0, kg, tuple(events))
    bags = max(1, math.ceil(kg / random.uniform(*model.bag_kg)))
    dwell_s += bags * random.uniform(*model.bag_s)
    creeping = random.random() < model.creep_share
    return Stop(at_m, 2.0 if creeping and bags < 6 else dwell_s, kg, (), True, creeping)
