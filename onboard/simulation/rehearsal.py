"""A plan driven in rehearsal: courses off its files, and a drive's sensors as a box hears them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fleet import Plan
from onboard.clock import Clock
from onboard.sensors.readings import Sensor, SensorReading
from onboard.simulation.course import Course, course_of, course_of_published, streets_of
from onboard.simulation.drive import Drive


def read_courses(folder: Path) -> list[Course]:
    """Every tour of a folder that ``ripeur plan`` wrote; each driver knows the streets that any of the tours drives.

    Coordinates come from the ``tours.geojson`` beside ``plan.json``. Raises ``ValueError``, ``OSError`` with the file.
    """
    path = folder / "plan.json"
    try:
        plan = Plan.read(path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: no plan ({error!r})") from None
    nodes = coordinates(folder, plan)
    tasks = plan.tasks_by_id
    plain = [course_of(tour, nodes, tasks, {}) for tour in plan.tours]
    streets = streets_of([leg for course in plain for leg in course.legs])
    return [Course(course.tour, course.truck, course.legs, streets, course.kerb_kg) for course in plain]


def coordinates(folder: Path, plan: Plan) -> dict[int, tuple[float, float]]:
    """(lon, lat) of every node of a plan's legs, off the tours drawn beside it."""
    path = folder / "tours.geojson"
    tours = {tour.id: tour for tour in plan.tours}
    nodes: dict[int, tuple[float, float]] = {}
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        for feature in features:
            of, line = feature["properties"], feature["geometry"]["coordinates"]
            line = [line] if feature["geometry"]["type"] == "Point" else line
            leg = tours[of["tour"]].legs[of["leg"]]
            nodes |= {node: (lon, lat) for node, (lon, lat) in zip(leg.osm_nodes, line, strict=True)}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: does not draw the tours of the plan.json beside it ({error!r})") from None
    return nodes


def read_course(path: Path, truck: str, at: datetime) -> Course:
    """A truck's tour of a plan's folder, or of a file that holds one tour as the depot publishes it.

    Of several tours of the truck, the one that runs at ``at``, else the next, else the last.
    """
    if path.is_file():
        try:
            published: Any = json.loads(path.read_text(encoding="utf-8"))
            found = [course_of_published(published)]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: no tour as the depot publishes it ({error!r})") from None
    else:
        found = read_courses(path)
    own = sorted((c for c in found if c.truck == truck), key=lambda c: c.start_at)
    if not own:
        trucks = ", ".join(sorted({c.truck for c in found}))
        raise ValueError(f"{path}: has no tour of truck {truck}, must be one of {trucks}")
    return next((c for c in own if c.legs[-1].end_at > at), own[-1])


class PlayedReadings:
    """What the sensors of a drive say, when the clock shows its time; what the clock has passed already is left out."""

    damaged = 0

    def __init__(self, played: Sequence[tuple[datetime, SensorReading]], clock: Clock) -> None:
        self._played, self._clock = sorted(played, key=lambda pair: pair[0]), clock
        self._ended = threading.Event()

    def readings(self) -> Iterator[SensorReading]:
        begun = self._clock.now()
        for at, reading in self._played:
            if at < begun:
                continue
            if self._clock.wait(self._ended, max(0.0, (at - self._clock.now()).total_seconds())):
                return
            yield reading

    def close(self) -> None:
        self._ended.set()


def sensors_of(driven: Drive, clock: Clock) -> dict[str, Sensor]:
    """The sensors of a drive, played by a clock."""
    series: dict[str, list[tuple[datetime, SensorReading]]] = {
        "lifts": [(lift.at, lift.reading) for lift in driven.lifts],
        "scale": [(load.at, load.reading) for load in driven.loads],
        "bus": [(bus.at, bus.reading) for bus in driven.vehicle],
    }
    return {name: PlayedReadings(played, clock) for name, played in series.items() if played}
