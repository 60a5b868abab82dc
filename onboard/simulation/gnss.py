"""What a satellite receiver in a truck says of where the truck is: wrong by metres, and wrong the same way for minutes.

Civilian receivers' errors are correlated in time; white noise alone would be averaged away by any filter and flatter it
(Ornstein-Uhlenbeck fits recorded receivers best: Sensors 2020, 20(21), 6050; a bend at about one minute in a recorded
autocorrelation: D. L. Wilson, GPS correlation of errors). The numbers themselves are ASSUMED: ``ReceiverModel``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from onboard.geo import EARTH_M
from onboard.recording.receiver import Fix
from onboard.simulation.drive import TruePosition


@dataclass(frozen=True, slots=True)
class ReceiverModel:
    """How good a receiver is. Standard deviations are per axis; rates are per hour of operation."""

    drift_m: float = 2.5  # the part that wanders
    drift_s: float = 90.0  # how long it stays alike
    white_m: float = 0.4
    multipath_per_h: float = 6.0  # house fronts: some ten metres for some ten seconds
    multipath_m: tuple[float, float] = (6.0, 25.0)
    multipath_s: tuple[float, float] = (8.0, 45.0)
    speed_mps: float = 0.12  # of Doppler speed
    gap_per_h: float = 0.3  # nothing comes at all: a loose plug, a dip of the supply
    gap_s: tuple[float, float] = (5.0, 150.0)
    cold_start_s: tuple[float, float] = (20.0, 60.0)  # first fix after switching on
    recovery_s: tuple[float, float] = (3.0, 10.0)  # after a tunnel: two dimensions, far off
    recovery_m: float = 12.0


def simulated_fixes(positions: Iterable[TruePosition], receiver: ReceiverModel, random: Random) -> Iterator[Fix]:
    """A fix for every true position (one a second), less what gets lost; without coordinates where there is no sky."""
    first_fix_s = random.uniform(*receiver.cold_start_s)
    noise = _Noise(receiver, random)
    silent_s, poor_s = 0.0, 0.0
    seen_before = False
    for k, p in enumerate(positions):
        noise.step(p.speed_mps)
        if silent_s > 0:
            silent_s -= 1
            continue
        if random.random() < receiver.gap_per_h / 3600:
            silent_s = random.uniform(*receiver.gap_s)
        if k < first_fix_s or not p.sky:
            seen_before = False
            yield Fix(
                at=p.at if k >= 2 else None,
                lat_deg=None,
                lon_deg=None,
                speed_mps=None,
                heading_deg=None,
                eph_m=None,
                mode=1,
            )  # its clock needs a satellite or two
            continue
        if not seen_before:
            poor_s, seen_before = random.uniform(*receiver.recovery_s), True
        poor_s -= 1
        yield _fix(p, noise, receiver, poor_s > 0, random)


def _fix(true: TruePosition, noise: _Noise, receiver: ReceiverModel, poor: bool, random: Random) -> Fix:
    widening = receiver.recovery_m / receiver.drift_m if poor else 1.0
    east_m, north_m = noise.error(widening)
    lat = true.lat_deg + math.degrees(north_m / EARTH_M)
    lon = true.lon_deg + math.degrees(east_m / (EARTH_M * math.cos(math.radians(true.lat_deg))))
    speed = max(0.0, true.speed_mps + random.gauss(0, receiver.speed_mps))
    heading = None
    if speed > 0.5:  # slower, the course over ground means nothing and receivers leave it out
        heading = (true.heading_deg + random.gauss(0, math.degrees(receiver.speed_mps / speed))) % 360
    # what receivers call their error: 95 %, a circle; they know of reflections only in part
    spread_m = math.hypot(receiver.drift_m, receiver.white_m) * widening
    eph_m = 2.45 * spread_m * math.exp(random.gauss(0, 0.1)) + 0.4 * math.hypot(*noise.reflection)
    return Fix(
        at=true.at, lat_deg=round(lat, 7), lon_deg=round(lon, 7), speed_mps=round(speed, 3),
        heading_deg=None if heading is None else round(heading, 1) % 360, eph_m=round(eph_m, 1), mode=2 if poor else 3,
    )  # fmt: skip


class _Noise:
    """The wandering error and the reflections, second by second."""

    def __init__(self, receiver: ReceiverModel, random: Random) -> None:
        self.receiver, self.random = receiver, random
        self.drift = (random.gauss(0, receiver.drift_m), random.gauss(0, receiver.drift_m))
        self.reflection = (0.0, 0.0)
        self._left_s = self._whole_s = 0.0
        self._to = (0.0, 0.0)

    def step(self, speed_mps: float) -> None:
        r, chance = self.receiver, self.random
        kept = math.exp(-1 / r.drift_s)
        fresh = r.drift_m * math.sqrt(1 - kept * kept)
        self.drift = (self.drift[0] * kept + chance.gauss(0, fresh), self.drift[1] * kept + chance.gauss(0, fresh))
        if self._left_s <= 0 and chance.random() < r.multipath_per_h / 3600:
            size, way = chance.uniform(*r.multipath_m), chance.uniform(0, 2 * math.pi)
            self._to = (size * math.cos(way), size * math.sin(way))
            self._left_s = self._whole_s = chance.uniform(*r.multipath_s)
        if self._left_s > 0:
            self._left_s -= 1
            part = math.sin(math.pi * max(0.0, self._left_s) / self._whole_s)  # comes and goes
            self.reflection = (self._to[0] * part, self._to[1] * part)

    def error(self, widening: float) -> tuple[float, float]:
        white = self.receiver.white_m
        return (
            self.drift[0] * widening + self.reflection[0] + self.random.gauss(0, white),
            self.drift[1] * widening + self.reflection[1] + self.random.gauss(0, white),
        )
