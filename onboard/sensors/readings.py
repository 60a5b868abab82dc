"""What the sensors on a truck say, before the agent gives it an id, a time and a place.

A sensor is an object with ``readings() -> Iterator[SensorReading]``: a blocking iterator that survives its cable being
pulled. Units stand in the names; None is what the sensor does not say; ``raw`` is the frame as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LiftReading:
    """A bin lifted: its tag where one was read, the lifter (left, right, rear), its weight where the lifter weighs."""

    tag: str | None = None
    lifter: str | None = None
    kg: float | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class LoadReading:
    """What the on-board scale says: ``kg`` of ``quantity`` (net, gross or axle, then with the axle's name)."""

    quantity: str
    kg: float
    axle: str | None = None
    stable: bool | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class VehicleReading:
    """What the vehicle bus says (FMS)."""

    speed_mps: float | None = None
    pto: bool | None = None
    fuel_l: float | None = None
    engine_h: float | None = None
    distance_m: float | None = None
    gross_kg: float | None = None


SensorReading = LiftReading | LoadReading | VehicleReading


class Sensor(Protocol):
    """A lifter, a scale, a vehicle bus. ``damaged``: frames that could not be read since the start."""

    @property
    def damaged(self) -> int: ...

    def readings(self) -> Iterator[SensorReading]: ...
