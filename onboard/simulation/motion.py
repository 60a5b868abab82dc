"""How a heavy truck moves along a line: it gains and loses speed slowly, takes bends slowly, halts where it must.

Plane metres and seconds, no randomness: what is decided by chance comes in as halts and slow zones.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

STEP_S = 0.5
_ACCELERATION_MPS2 = 0.8  # a loaded truck in town; ASSUMED, as the next three
_BRAKING_MPS2 = 1.1
_SIDEWAYS_MPS2 = 1.5  # in bends
_TURNING_MPS = 1.2  # turning round on the spot, reversing
_CREEP_MPS = 0.4  # the last metre before a halt


class XY(NamedTuple):
    """Metres east and north of a tour's start."""

    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Halt:
    """Standing still at ``at_m`` along the line for ``dwell_s``; ``stop``: which of the caller's stops this is."""

    at_m: float
    dwell_s: float
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """Not faster than ``most_mps`` from ``from_m`` until ``until_m``."""

    from_m: float
    until_m: float
    most_mps: float


class Moved(NamedTuple):
    """Half a second later. ``halt``: index of the halt the truck stands at, or None while it rolls."""

    at: XY
    along_m: float
    speed_mps: float
    heading_deg: float
    halt: int | None


def length_m(line: Sequence[XY]) -> float:
    return sum(math.dist(a, b) for a, b in pairwise(line))


def move(
    line: Sequence[XY], cruise_mps: float, halts: Sequence[Halt] = (), zones: Sequence[Zone] = ()
) -> Iterator[Moved]:
    """Half-second steps along the line, from standing to standing.

    ``cruise_mps``: what the driver would keep on a straight street. Halts lie on the line, in any order.
    """  # fmt: skip
    reach = reach_of(line)
    whole_m = reach[-1]
    ordered = sorted(range(len(halts)), key=lambda k: halts[k].at_m)
    gates = _gates(line, reach, cruise_mps, halts, zones)
    places = [gate.at_m for gate in gates]
    along_m = speed_mps = 0.0
    pending = 0
    while True:
        while pending < len(ordered) and halts[ordered[pending]].at_m <= along_m + 1e-9:
            halt = ordered[pending]
            at, heading = _place(line, reach, along_m)
            for _ in range(round(halts[halt].dwell_s / STEP_S)):
                yield Moved(at, along_m, 0.0, heading, halt)
            speed_mps = 0.0
            pending += 1
        if along_m >= whole_m - 1e-9:
            return
        k = bisect.bisect_right(places, along_m + 1e-9)
        gate = gates[min(k, len(gates) - 1)]
        allowed = math.sqrt(gate.most_mps**2 + 2 * _BRAKING_MPS2 * max(0.0, gate.at_m - along_m))
        speed_mps = max(_CREEP_MPS, min(speed_mps + _ACCELERATION_MPS2 * STEP_S, allowed, gate.before_mps))
        until_m = halts[ordered[pending]].at_m if pending < len(ordered) else whole_m
        along_m = min(along_m + speed_mps * STEP_S, max(until_m, along_m))
        at, heading = _place(line, reach, along_m)
        yield Moved(at, along_m, speed_mps, heading, None)


class _Gate(NamedTuple):
    at_m: float
    most_mps: float  # when passing it, such that all gates after it can be kept too
    before_mps: float  # on the way to it


def _gates(
    line: Sequence[XY], reach: Sequence[float], cruise_mps: float, halts: Sequence[Halt], zones: Sequence[Zone]
) -> list[_Gate]:
    marks = dict.fromkeys(reach, cruise_mps)
    for k in range(1, len(line) - 1):
        marks[reach[k]] = min(marks[reach[k]], _bend_mps(line[k - 1], line[k], line[k + 1]))
    marks[reach[-1]] = 0.0
    for zone in zones:
        for m in (zone.from_m, zone.until_m):
            if 0 <= m <= reach[-1]:
                marks[m] = min(marks.get(m, cruise_mps), zone.most_mps)
    for halt in halts:
        marks[halt.at_m] = 0.0
    gates: list[_Gate] = []
    following_m, following_mps = reach[-1], 0.0
    for m in sorted(marks, reverse=True):
        slow = min((z.most_mps for z in zones if z.from_m < m <= z.until_m), default=cruise_mps)
        most = min(marks[m], math.sqrt(following_mps**2 + 2 * _BRAKING_MPS2 * (following_m - m)))
        gates.append(_Gate(m, most, min(slow, cruise_mps)))
        following_m, following_mps = m, most
    return gates[::-1]


def _bend_mps(before: XY, at: XY, after: XY) -> float:
    """What a bend allows: its radius is guessed from the turn and the shorter of the two sides."""
    a, b = math.dist(before, at), math.dist(at, after)
    if a < 0.01 or b < 0.01:
        return math.inf
    turn = abs(_turn_rad(before, at, after))
    if turn < math.radians(8):
        return math.inf
    if turn > math.radians(150):
        return _TURNING_MPS
    radius_m = max(5.0, min(a, b, 30.0)) / (2 * math.tan(turn / 2))
    return max(2.0, math.sqrt(_SIDEWAYS_MPS2 * max(4.0, radius_m)))


def _turn_rad(before: XY, at: XY, after: XY) -> float:
    first = math.atan2(at.y_m - before.y_m, at.x_m - before.x_m)
    then = math.atan2(after.y_m - at.y_m, after.x_m - at.x_m)
    return math.remainder(then - first, 2 * math.pi)


def turns_round(before: XY, at: XY, after: XY) -> bool:
    """Whether the truck goes back the way it came: a manoeuvre, not a bend."""
    return abs(_turn_rad(before, at, after)) > math.radians(150)


def reach_of(line: Sequence[XY]) -> list[float]:
    """Metres along the line at each of its points."""
    reach = [0.0]
    for a, b in pairwise(line):
        reach.append(reach[-1] + math.dist(a, b))
    return reach


def _place(line: Sequence[XY], reach: Sequence[float], along_m: float) -> tuple[XY, float]:
    k = min(max(1, bisect.bisect_right(reach, along_m)), len(line) - 1)
    while k > 1 and reach[k] - reach[k - 1] < 0.01:
        k -= 1
    a, b = line[k - 1], line[k]
    part = (along_m - reach[k - 1]) / max(1e-9, reach[k] - reach[k - 1])
    part = min(1.0, max(0.0, part))
    heading = math.degrees(math.atan2(b.x_m - a.x_m, b.y_m - a.y_m)) % 360
    return XY(a.x_m + (b.x_m - a.x_m) * part, a.y_m + (b.y_m - a.y_m) * part), heading
