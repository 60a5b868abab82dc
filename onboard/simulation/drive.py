"""A drive: what one truck did on one tour, what its sensors said meanwhile, and what was true.

Pure data, whole tours at once: nothing waits. ``simulate_drive`` makes one; ``replay.Recording`` and the drill play it
by a clock; ``Drive.facts`` gives what a box would have written down, for benches that need no box.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from fleet import KIND_OF, Duty, Fact, Incident, Lift, Load, Outcome, Position, Vehicle, new_id
from onboard.geo import LatLon
from onboard.recording.receiver import Fix
from onboard.sensors.readings import LiftReading, LoadReading, VehicleReading


class TruePosition(NamedTuple):
    """Where the truck really was. ``activity``: service, drive, serve, wait, unload, break. No ``sky`` in tunnels."""

    at: datetime
    lat_deg: float
    lon_deg: float
    speed_mps: float
    heading_deg: float
    activity: str
    task: str | None
    sky: bool


@dataclass(frozen=True, slots=True)
class BinLift:
    """A lift as the sensor gave it, where it happened, and for which task."""

    at: datetime
    position: LatLon
    task: str
    reading: LiftReading


@dataclass(frozen=True, slots=True)
class ScaleSample:
    at: datetime
    reading: LoadReading


@dataclass(frozen=True, slots=True)
class BusSample:
    at: datetime
    reading: VehicleReading


@dataclass(frozen=True, slots=True)
class Unloading:
    """A visit to a site: arrived, on the plate (gross), tipped, on the plate again (tare), gone."""

    site: str
    arrived_at: datetime
    gross_at: datetime
    tare_at: datetime
    gone_at: datetime
    gross_kg: float
    tare_kg: float
    kg: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class DutyChange:
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class CrewReport:
    """What the crew reported of a task: an ``outcome``, and an ``incident`` where there was one."""

    at: datetime
    position: LatLon
    task: str
    outcome: str
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class TaskTruth:
    """What became of a task, and when the truck was about it. ``share``: of its kilos that were loaded. ``why`` of a
    task not done: ``blocked`` (the truck went round), ``passed`` (driven through without service), ``broken_off``.
    """

    task: str
    state: str  # done | partly | missed
    from_at: datetime
    until_at: datetime
    share: float
    why: str | None = None
    kg: float = 0.0
    by_hand: bool = False


@dataclass(frozen=True)
class Drive:
    """One tour driven. Every series is in order of time."""

    tour: str
    truck: str
    seed: int
    start_at: datetime
    end_at: datetime
    positions: tuple[TruePosition, ...]
    fixes: tuple[Fix, ...]
    lifts: tuple[BinLift, ...]
    loads: tuple[ScaleSample, ...]
    vehicle: tuple[BusSample, ...]
    unloadings: tuple[Unloading, ...]
    duty: tuple[DutyChange, ...]
    reports: tuple[CrewReport, ...]
    truth: Mapping[str, TaskTruth]
    driven_m: float

    def facts(
        self,
        kinds: Collection[str] = ("position", "lift", "load", "vehicle", "outcome", "incident", "duty"),
        since: datetime | None = None,
        until: datetime | None = None,
        every_s: int = 1,
        tags: bool = True,
    ) -> list[Fact]:
        """What a box with the sensors of these kinds would report, by time, half-open; the same ids for the same seed.

        ``every_s``: of the fixes, one in so many seconds. ``tags``: whether bins' tags may be kept. Nothing outside
        duty, nothing in breaks.
        """
        found = [
            fact
            for fact in self._facts(every_s, tags)
            if KIND_OF[type(fact)] in kinds
            and (since is None or fact.at >= since)
            and (until is None or fact.at < until)
        ]
        return sorted(found, key=lambda fact: fact.at)

    def _facts(self, every_s: int, tags: bool) -> Iterator[Fact]:
        new = _ids(Random(f"{self.seed}/{self.tour}/ids"))
        for d in self.duty:
            yield Duty(id=new(d.at), at=d.at, truck=self.truck, state=d.state, tour=self.tour)
        on_duty = _on_duty(self.duty)
        for k, f in enumerate(self.fixes):
            if k % every_s == 0 and f.at is not None and on_duty(f.at):
                yield position_of(f, f.at, self.truck, new(f.at))
        for lift in self.lifts:
            yield Lift(
                id=new(lift.at), at=lift.at, truck=self.truck, lat_deg=lift.position.lat_deg,
                lon_deg=lift.position.lon_deg,
                tag=lift.reading.tag if tags else None, lifter=lift.reading.lifter, kg=lift.reading.kg,
            )  # fmt: skip
        for load in self.loads:
            s = load.reading
            yield Load(id=new(load.at), at=load.at, truck=self.truck, quantity=s.quantity, kg=s.kg, stable=s.stable)
        for bus in self.vehicle:
            if on_duty(bus.at):
                v = bus.reading
                yield Vehicle(
                    id=new(bus.at), at=bus.at, truck=self.truck, speed_mps=v.speed_mps, pto=v.pto, fuel_l=v.fuel_l,
                    engine_h=v.engine_h, distance_m=v.distance_m, gross_kg=v.gross_kg,
                )  # fmt: skip
        for report in self.reports:
            yield from crew_report_facts(report, self.truck, self.tour, new)


def crew_requests(drive: Drive) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What the crew of a drive asks its box to record, and when: duty first, then reports (see ``box/crew.py``)."""
    for change in drive.duty:
        yield change.at, {"do": "duty", "state": change.state, "tour": drive.tour}
    for report in drive.reports:
        about = {"task": report.task, "tour": drive.tour}
        yield report.at, {"do": "outcome", "outcome": report.outcome, **about}
        if report.incident is not None:
            yield report.at, {"do": "incident", "category": report.incident, **about}


def position_of(fix: Fix, at: datetime, truck: str, id: str) -> Position:
    """A fix as a fact, as it is; a simulated receiver's own time is true."""
    return Position(
        id=id, at=at, truck=truck, lat_deg=fix.lat_deg, lon_deg=fix.lon_deg, eph_m=fix.eph_m,
        speed_mps=fix.speed_mps, heading_deg=fix.heading_deg, mode=fix.mode,
    )  # fmt: skip


def crew_report_facts(report: CrewReport, truck: str, tour: str, new: Callable[[datetime], str]) -> Iterator[Fact]:
    """A crew's report as facts: an outcome, and an incident where there was one."""
    lat, lon = report.position
    yield Outcome(
        id=new(report.at), at=report.at, truck=truck, lat_deg=lat, lon_deg=lon, task=report.task, tour=tour,
        outcome=report.outcome,
    )  # fmt: skip
    if report.incident is not None:
        yield Incident(
            id=new(report.at), at=report.at, truck=truck, lat_deg=lat, lon_deg=lon, task=report.task, tour=tour,
            category=report.incident,
        )  # fmt: skip


def _ids(random: Random) -> Callable[[datetime], str]:
    return lambda at: new_id(at, random.randbytes)


def _on_duty(changes: tuple[DutyChange, ...]) -> Callable[[datetime], bool]:
    """Whether tracking runs at an instant; asked in order of time or not."""
    times, running = [c.at for c in changes], [c.state in ("start", "break_end", "tracking_on") for c in changes]

    def asked(at: datetime) -> bool:
        k = bisect_right(times, at) - 1
        return k >= 0 and running[k]

    return asked
