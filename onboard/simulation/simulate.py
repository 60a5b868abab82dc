"""A tour driven on paper: its own model of speeds, stops, loads and mishaps, not the planner's, and what was true.

Its numbers are in ``behaviour.DrivingModel``, each with its source or ASSUMED; docs/drill.md tells them. The same
course, seed and model give the same drive. Chance is drawn from separate streams, so that a worse receiver changes no
street.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from onboard.geo import EARTH_M, LatLon, distance_m
from onboard.sensors.readings import LiftReading
from onboard.simulation.behaviour import DrivingModel, Range
from onboard.simulation.course import Course, CourseLeg, detour
from onboard.simulation.drive import BinLift, CrewReport, Drive, DutyChange, TaskTruth, TruePosition, Unloading
from onboard.simulation.gnss import simulated_fixes
from onboard.simulation.motion import STEP_S, XY, Halt, Zone, length_m, move, reach_of, turns_round
from onboard.simulation.sensing import scale_reads, vehicle_reads
from onboard.simulation.stops import Stop, stops_of

__all__ = ["DrivingModel", "simulate_drive"]


def simulate_drive(course: Course, seed: int, model: DrivingModel | None = None) -> Drive:
    """The whole tour. ``seed``: any whole number; each tour of a plan differs under the same seed."""
    model = model or DrivingModel()
    driver = _Driver(course, Random(f"{seed}/{course.tour}/drive"), model)
    driver.run()
    positions = tuple(driver.positions)
    sensors = Random(f"{seed}/{course.tour}/sensors")
    return Drive(
        tour=course.tour,
        truck=course.truck,
        seed=seed,
        start_at=course.start_at,
        end_at=driver.now,
        positions=positions,
        fixes=tuple(simulated_fixes(positions, model.receiver, Random(f"{seed}/{course.tour}/receiver"))),
        lifts=tuple(sorted(driver.lifts, key=lambda lift: lift.at)),
        loads=tuple(scale_reads(positions, driver.body_kg, course.kerb_kg, sensors)),
        vehicle=tuple(vehicle_reads(positions, driver.pto, sensors)),
        unloadings=tuple(driver.unloadings),
        duty=tuple(driver.duty),
        reports=tuple(driver.reports),
        truth=dict(driver.truth),
        driven_m=driver.driven_m,
    )


class _Driver:
    """Drives one course from its first to its last leg, and writes everything down."""

    def __init__(self, course: Course, random: Random, model: DrivingModel) -> None:
        self.course, self.random, self.model = course, random, model
        self.origin = course.start
        self._m_per_deg = math.radians(1) * EARTH_M
        self._shrink = math.cos(math.radians(self.origin.lat_deg))
        self.ticks = 0  # half seconds since the start
        self.at, self.heading = XY(0.0, 0.0), 0.0
        self.position = course.start
        self.activity, self.sky = "service", True
        self.task: str | None = None
        self.positions: list[TruePosition] = []
        self.lifts: list[BinLift] = []
        self.unloadings: list[Unloading] = []
        self.duty: list[DutyChange] = []
        self.reports: list[CrewReport] = []
        self.pto: list[tuple[datetime, bool]] = [(course.start_at, False)]
        self.body_kg: list[tuple[datetime, float]] = [(course.start_at, 0.0)]
        self.load: dict[str, float] = {}
        self.truth: dict[str, TaskTruth] = {}
        self.driven_m = 0.0
        self.day_factor = math.exp(random.gauss(0, model.day_spread))

    @property
    def now(self) -> datetime:
        return self.course.start_at + timedelta(seconds=self.ticks * STEP_S)

    def run(self) -> None:
        legs = list(self.course.legs)
        self.duty.append(DutyChange(self.now, "start"))
        for k in range(len(legs)):
            leg = legs[k]  # which going round a blocked street may have changed
            if leg.line and leg.line[0] != self.position:
                self._get_to(leg.line[0])
            if leg.kind == "collect" and leg.task is not None:
                self._collect(legs, k, leg, leg.task)
            elif leg.kind == "drive":
                self._pto(False)
                self._drive(self._detoured(leg.line))
            elif leg.kind == "unload":
                self._unload(leg)
            elif leg.kind == "break":
                self._break(leg)
            else:
                self._stand(leg.planned_s * self._drawn(self.model.service_share), "service")
        self.duty.append(DutyChange(self.now, "end"))

    # --- moving ---------------------------------------------------------------------------------------------------

    def _drawn(self, span: Range) -> float:
        return self.random.uniform(*span)

    def _xy(self, position: LatLon) -> XY:
        return XY(
            (position.lon_deg - self.origin.lon_deg) * self._m_per_deg * self._shrink,
            (position.lat_deg - self.origin.lat_deg) * self._m_per_deg,
        )

    def _here(self) -> LatLon:
        """Where the truck is: beside the street's line, in its lane."""
        right = math.radians(self.heading + 90)
        x, y = self.at.x_m + self.model.lane_m * math.sin(right), self.at.y_m + self.model.lane_m * math.cos(right)
        return LatLon(
            self.origin.lat_deg + y / self._m_per_deg,
            self.origin.lon_deg + x / (self._m_per_deg * self._shrink),
        )

    def _record(self, speed_mps: float = 0.0) -> None:
        """Write the truck's place down, once a second."""
        if self.ticks % 2 == 0:
            here = self._here()
            self.positions.append(
                TruePosition(
                    at=self.now,
                    lat_deg=here[0],
                    lon_deg=here[1],
                    speed_mps=speed_mps,
                    heading_deg=self.heading,
                    activity=self.activity,
                    task=self.task,
                    sky=self.sky,
                )
            )

    def _stand(self, seconds: float, activity: str, task: str | None = None) -> None:
        self.activity, self.task = activity, task
        for _ in range(max(0, round(seconds / STEP_S))):
            self._record()
            self.ticks += 1

    def _drive(self, line: Sequence[LatLon]) -> None:
        """Along the streets without serving: lights, traffic, turnings, tunnels."""
        self.task = None
        if len(line) < 2:
            return
        points = [self._xy(point) for point in line]
        whole_m = length_m(points)
        m = self.model
        halts = [Halt(at, self._drawn(m.lights_s)) for at in self._met(whole_m, m.lights_per_km)]
        halts += [Halt(at, self._drawn(m.traffic_s)) for at in self._met(whole_m, m.traffic_per_km)]
        tunnels = [(at, at + self._drawn(m.tunnel_m)) for at in self._met(whole_m, m.tunnels_per_km)]
        self._roll(line, points, self.random.triangular(m.cruise_mps[0], m.cruise_mps[2], m.cruise_mps[1]), halts, (),
                   (), None, tunnels)  # fmt: skip

    def _met(self, whole_m: float, per_km: float) -> Iterator[float]:
        """Places along a line, at random."""
        at_m = self.random.expovariate(per_km / 1000) if per_km > 0 else math.inf
        while at_m < whole_m:
            yield at_m
            at_m += self.random.expovariate(per_km / 1000)

    def _roll(
        self, line: Sequence[LatLon], points: Sequence[XY], cruise_mps: float, halts: Sequence[Halt],
        zones: Sequence[Zone], stops: Sequence[Stop], task: str | None, tunnels: Sequence[tuple[float, float]] = (),
    ) -> None:  # fmt: skip
        reach = reach_of(points)
        turnings = [
            Halt(reach[k], self._drawn(self.model.turning_s))
            for k in range(1, len(points) - 1)
            if turns_round(*points[k - 1 : k + 2])
        ]
        all_halts = [*halts, *turnings]
        served = -1
        for moved in move(points, cruise_mps, all_halts, zones):
            stop = all_halts[moved.halt].stop if moved.halt is not None else None
            self.at, self.heading = moved.at, moved.heading_deg
            self.sky = not any(a <= moved.along_m < b for a, b in tunnels)
            if stop is not None and stop != served:
                served = stop
                self._load_at(stops[stop], task or "")
            self.activity = "serve" if stop is not None else "wait" if moved.halt is not None else "drive"
            self.task = task
            self._record(moved.speed_mps)
            self.ticks += 1
        self.sky = True
        self.position = line[-1]
        self.driven_m += reach[-1]

    def _get_to(self, goal: LatLon) -> None:
        """Back to the plan after leaving it; as the crow flies where no way is known (metres, mostly)."""
        way = detour(self.course.streets, self.position, goal, (), 20_000)
        self._drive(way or (self.position, goal))

    def _detoured(self, line: tuple[LatLon, ...]) -> tuple[LatLon, ...]:
        if len(line) < 6 or self.random.random() >= self.model.detour_share:
            return line
        k = self.random.randrange(2, len(line) - 2)
        planned_m = sum(distance_m(a, b) for a, b in pairwise(line))
        return detour(self.course.streets, line[0], line[-1], line[k - 1 : k + 1], planned_m + 2_000) or line

    # --- serving --------------------------------------------------------------------------------------------------

    def _collect(self, legs: list[CourseLeg], index: int, leg: CourseLeg, task: str) -> None:
        """Serve a task, or fail to."""
        m, chance, began = self.model, self.random.random(), self.now
        street = leg.mode == "truck" and len(leg.line) > 1
        if street and chance < m.blocked_share and self._round(legs, index, leg):
            self.truth[task] = TaskTruth(
                task=task, state="missed", from_at=began, until_at=self.now, share=0.0, why="blocked"
            )
            self._say(task, "blocked", "blocked_street")
            return
        if street and chance < m.blocked_share + m.passed_share:
            self._pto(False)
            self._drive(leg.line)
            self.truth[task] = TaskTruth(
                task=task, state="missed", from_at=began, until_at=self.now, share=0.0, why="passed"
            )
            self._say(task, "not_done")
            return
        off = street and chance < m.blocked_share + m.passed_share + m.broken_off_share
        self._serve(leg, task, self._drawn((0.25, 0.75)) if off else 1.0)

    def _round(self, legs: list[CourseLeg], index: int, leg: CourseLeg) -> bool:
        """Go round a blocked street: the next way starts here instead. False where no way round is known."""
        onward = next((j for j in range(index + 1, len(legs)) if legs[j].line), None)
        if onward is None:
            return False
        following = legs[onward]
        goal = following.line[-1] if following.kind == "drive" else following.line[0]
        if goal == leg.line[0] and following.kind != "drive":
            return True
        way = detour(self.course.streets, self.position, goal, leg.line, 5_000)
        if not way:
            return False
        if following.kind == "drive":
            legs[onward] = replace(following, line=way)
        else:
            self._pto(False)
            self._drive(way)
        return True

    def _say(self, task: str, outcome: str, incident: str | None = None) -> None:
        if self.random.random() < self.model.reported_share:
            self.reports.append(CrewReport(self.now, self._here(), task, outcome, incident))

    def _serve(self, leg: CourseLeg, task: str, part: float) -> None:
        """Load at the task's stops, up to ``part`` of them; then drive by the rest."""
        self._pto(True)
        kg = {
            f: v * self.day_factor * math.exp(self.random.gauss(0, self.model.demand_spread)) for f, v in leg.kg.items()
        }
        points = [self._xy(point) for point in leg.line] or [self.at]
        moving = leg.mode == "truck" and len(points) > 1
        whole_m = length_m(points) if moving else 0.0
        stops = stops_of(leg, whole_m, sum(kg.values()), self.model, self.random)
        done = stops[: max(1, round(part * len(stops)))] if part < 1 else stops
        share = sum(s.kg for s in done) / max(1e-9, sum(s.kg for s in stops)) if stops else 1.0
        began, loaded = self.now, sum(self.load.values())
        if moving:
            halts = [Halt(s.at_m, s.dwell_s, i) for i, s in enumerate(done)]
            zones = [Zone(max(0.0, s.at_m - 12), min(whole_m, s.at_m + 12), 1.2) for s in done if s.creeping]
            last_m = done[-1].at_m if done else 0.0
            zones.append(Zone(0.0, whole_m if len(done) == len(stops) else last_m, self._drawn(self.model.serving_mps)))
            halts += [
                Halt(at, self._drawn(self.model.traffic_s)) for at in self._met(whole_m, self.model.traffic_per_km)
            ]
            self._roll(leg.line, points, self.random.triangular(*_lmh(self.model.cruise_mps)), halts, zones, done, task)
        else:
            self._serve_standing(leg, done, task)
        for flux, v in kg.items():
            self.load[flux] = self.load.get(flux, 0.0) + v * share
        self.body_kg.append((self.now, sum(self.load.values())))
        by_hand = all(s.by_hand for s in done)
        state, why = ("done", None) if share > 0.999 else ("partly", "broken_off")
        self.truth[task] = TaskTruth(
            task=task,
            state=state,
            from_at=began,
            until_at=self.now,
            share=share,
            why=why,
            kg=sum(self.load.values()) - loaded,
            by_hand=by_hand,
        )
        if state == "partly":
            self._say(task, "partly", self.random.choice(("roadworks", "bin", "breakdown", "other")))

    def _serve_standing(self, leg: CourseLeg, stops: Sequence[Stop], task: str) -> None:
        """A presentation point, a container, or a dead end on foot: the truck stands."""
        if leg.line:
            self.at = self._xy(leg.line[0])
        if leg.mode == "foot":
            walked_m = sum(distance_m(a, b) for a, b in pairwise(leg.line))
            self._stand(walked_m / self.model.walk_mps, "serve", task)
        for stop in stops:
            self._load_at(stop, task)
            self._stand(stop.dwell_s, "serve", task)

    def _load_at(self, stop: Stop, task: str) -> None:
        """The lifts of a stop that begins now."""
        for k, (after_s, kg) in enumerate(stop.events):
            at = self.now + timedelta(seconds=round(max(0.5, after_s), 1))
            read = self.random.random() < self.model.tag_read_share
            number = Random(f"{task}/{round(stop.at_m / 10)}/{k}").randrange(1, 274_877_906_943)  # 38 bits (ISO 11784)
            self.lifts.append(
                BinLift(
                    at, self._here(), task,
                    LiftReading(
                        tag=f"250-{number:012d}" if read else None, lifter="left" if k % 2 == 0 else "right",
                        kg=round(kg, 1) if self.model.lifter_weighs else None,
                    ),
                )
            )  # fmt: skip

    # --- standing -------------------------------------------------------------------------------------------------

    def _pto(self, on: bool) -> None:
        if self.pto[-1][1] != on:
            self.pto.append((self.now, on))

    def _unload(self, leg: CourseLeg) -> None:
        m = self.model
        self._pto(False)
        arrived = self.now
        self._stand(self.random.expovariate(1 / m.queue_s), "wait")
        on_plate = self.now
        gross_kg = self.course.kerb_kg + sum(self.load.values())
        self._stand(self._drawn(m.plate_s), "unload")
        self._pto(True)
        self._stand(m.tipping_s * math.exp(self.random.gauss(0, m.tipping_spread)), "unload")
        self._pto(False)
        tipped = {flux: kg for flux, kg in self.load.items() if kg > 0 and (flux in leg.kg or not leg.kg)}
        for flux in tipped:
            self.load[flux] = 0.0
        left_kg = sum(self.load.values())
        self.body_kg.append((self.now, left_kg))
        on_plate_again = self.now
        self._stand(self._drawn(m.plate_s), "unload")
        self.unloadings.append(
            Unloading(
                site=leg.site or "",
                arrived_at=arrived,
                gross_at=on_plate,
                tare_at=on_plate_again,
                gone_at=self.now,
                gross_kg=gross_kg,
                tare_kg=self.course.kerb_kg + left_kg,
                kg=tipped,
            )
        )

    def _break(self, leg: CourseLeg) -> None:
        self._pto(False)
        self.duty.append(DutyChange(self.now, "break_start"))
        self._stand(leg.planned_s * self._drawn(self.model.break_share), "break")
        self.duty.append(DutyChange(self.now, "break_end"))


def _lmh(cruise_mps: tuple[float, float, float]) -> tuple[float, float, float]:
    """As ``random.triangular`` takes them: low, high, mode."""
    return cruise_mps[0], cruise_mps[2], cruise_mps[1]
