"""What the scale under the body and the vehicle's bus say during a simulated drive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

from onboard.sensors.readings import LoadReading, VehicleReading
from onboard.simulation.drive import BusSample, ScaleSample, TruePosition

SCALE_EVERY_S = 60  # as the on-board scale of protocols 6 reports
BUS_EVERY_S = 10  # what a box keeps of the 100 ms of FMS; changes of PTO come at once
_SCALE_STEP_KG = 20
_SCALE_SPREAD_KG = 30.0  # ASSUMED: springs and slopes
_IDLE_L_H, _DRIVE_L_KM = 4.0, 0.45  # ASSUMED, a 19 t diesel collecting


def scale_reads(
    positions: Sequence[TruePosition], body_kg: Sequence[tuple[datetime, float]], kerb_kg: float, random: Random
) -> Iterator[ScaleSample]:
    """Net weight every minute; ``stable`` only where the truck stands."""
    times = [at for at, _ in body_kg]
    for p in positions[::SCALE_EVERY_S]:
        kg = body_kg[max(0, bisect_right(times, p.at) - 1)][1]
        moving = p.speed_mps > 0.1
        read = kg + random.gauss(0, _SCALE_SPREAD_KG * (4 if moving else 1))
        yield ScaleSample(
            p.at, LoadReading("net", float(max(0, round(read / _SCALE_STEP_KG) * _SCALE_STEP_KG)), None, not moving)
        )


def vehicle_reads(
    positions: Sequence[TruePosition], pto: Sequence[tuple[datetime, bool]], random: Random
) -> Iterator[BusSample]:
    """Wheel speed, PTO, totals: every ten seconds, and in the second in which the PTO changes."""
    times = [at for at, _ in pto]
    fuel_l, distance_m = random.uniform(20_000, 90_000), random.uniform(5e7, 2e8)
    engine_h = random.uniform(3_000, 15_000)
    last: bool | None = None
    for k, p in enumerate(positions):
        on = pto[max(0, bisect_right(times, p.at) - 1)][1]
        fuel_l += _IDLE_L_H / 3600 + p.speed_mps * _DRIVE_L_KM / 1000
        distance_m += p.speed_mps
        engine_h += 1 / 3600
        if k % BUS_EVERY_S == 0 or on != last:
            speed = round(p.speed_mps * 3.6 * 256) / (3.6 * 256)  # 1/256 km/h on the bus
            totals = round(fuel_l * 2) / 2, round(engine_h * 20) / 20, float(round(distance_m / 5) * 5)
            yield BusSample(p.at, VehicleReading(round(speed, 4), on, *totals))
        last = on
