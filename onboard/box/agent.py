"""The box: a receiver, the sensors, the crew's door and the sender, each in its own thread around one outbox.

Any of them may fail without the others noticing; whatever breaks is said and begun again. What the agent holds in
memory may be lost at any moment: it is killed, or the truck's battery is switched off, and nothing is missing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from onboard.box.crew import CrewSocket
from onboard.box.errands import DepotPoller
from onboard.box.settings import BoxSettings
from onboard.clock import Clock
from onboard.duty import DutyState
from onboard.outbox import DepotClient, Outbox, Sender
from onboard.private import private_folder
from onboard.recording import Recorder
from onboard.recording.receiver import GpsdReceiver, Receiver
from onboard.sensors.readings import Sensor
from onboard.worker import Worker, revive_all, stop_on_signals

_AGAIN_S, _TICK_S, _SETTLE_S = 5.0, 1.0, 6.0
#: After SIGTERM the process is gone at the latest, whatever hangs.
_END_S = 9.0
_log = logging.getLogger(__name__)


class BoxAgent:
    """One truck's box. ``run`` returns when ``stop`` is set, or when its recording is over and all of it is sent."""

    def __init__(self, settings: BoxSettings, clock: Clock, equipment: BoxInputs) -> None:
        self.settings, self._clock, self._equipment = settings, clock, equipment
        self._receiver, self._sensors = equipment.receiver, equipment.sensors
        self.stop = threading.Event()
        self.workers: list[Worker] = []
        self._ends = settings.replay is not None or settings.simulate is not None
        self._over, self._crew_over = threading.Event(), threading.Event()
        if not equipment.crew:
            self._crew_over.set()
        self.depot = DepotClient(settings.depot_url, settings.token)
        self.outbox = Outbox(settings.data / "outbox.db", settings.quota_bytes)
        self._errands = DepotPoller(settings.truck, self.outbox, self.depot, clock, settings.ask_s)
        self.recorder = Recorder(
            settings.truck,
            self.outbox,
            clock,
            area=self._errands.area,
            thinning=settings.thinning,
            always_on_duty=settings.always_on_duty,
        )
        self._sender = Sender(self.outbox, self.depot, clock)
        self._door = CrewSocket(settings.data / "crew.sock", self.answer_crew)

    def run(self) -> None:
        sender = self._worker("sender", partial(self._sender.run, self.stop, self._errands.run))
        self.workers = [
            sender,
            self._worker("receiver", self._receive),
            self._worker("crew's door", self._door.run),
            *(self._worker(name, partial(self._hear, sensor)) for name, sensor in self._sensors.items()),
        ]
        if self._equipment.crew:
            self.workers.append(self._worker("simulated crew", self._play_crew))
        for worker in self.workers:
            worker.start()
        health_s = self._clock.monotonic_s() + min(10.0, self.settings.health_s)  # the first once there may be a fix
        while not self._clock.wait(self.stop, _TICK_S):
            revive_all(self.workers)
            self.recorder.watch_clock()
            if self._clock.monotonic_s() >= health_s:
                health_s = self._clock.monotonic_s() + self.settings.health_s
                self._report()
            if self._over.is_set() and self._crew_over.is_set() and self.outbox.counts().pending == 0:
                self.stop.set()
        self.stop.set()
        self.outbox.arrived.set()  # wakes the sender
        self._door.close()
        sender.join(_SETTLE_S)  # what it has sent may be settled; the others are waiting for nothing of worth
        self.outbox.close()
        self.depot.close()

    def _worker(self, name: str, work: Callable[[], None]) -> Worker:
        """A part in a thread of its own, which begins its work again when it fails."""
        return Worker(name, work, self.stop, again_s=_AGAIN_S)

    def _receive(self) -> None:
        for fix in self._receiver.fixes():
            if self.stop.is_set():
                return
            self.recorder.on_fix(fix)
        _log.info("the recording is over")
        if self._ends:
            self._over.set()

    def _play_crew(self) -> None:
        """What the crew of a simulation says, in its time; of what is past, only what duty it is on by now."""
        begun, duty = self._clock.now(), DutyState()
        for at, request in self._equipment.crew:
            if at < begun and request["do"] == "duty":
                duty = duty.after(request["state"], request["tour"])
        if duty.on_service and not self.recorder.duty.on_service:
            self.answer_crew({"do": "duty", "state": "start", "tour": duty.tour})
        if duty.in_break and not self.recorder.duty.in_break:
            self.answer_crew({"do": "duty", "state": "break_start", "tour": duty.tour})
        for at, request in self._equipment.crew:
            if at >= begun:
                if self._clock.wait(self.stop, max(0.0, (at - self._clock.now()).total_seconds())):
                    return
                self.answer_crew(request)
        self._crew_over.set()

    def _hear(self, sensor: Sensor) -> None:
        for reading in sensor.readings():
            if self.stop.is_set():
                return
            self.recorder.on_reading(reading)

    def _report(self) -> None:
        damaged = sum(sensor.damaged for sensor in self._sensors.values())
        try:
            self.recorder.report(self._receiver.state(), damaged, self._sender.trouble)
        except OSError:
            _log.exception("health: not recorded")

    def answer_crew(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the crew's door hands on; see ``crew``."""
        do = request.get("do")
        if do == "status":
            counts, duty = self.outbox.counts(), self.recorder.duty
            return {
                "truck": self.settings.truck, "tracked": duty.tracked, "on_service": duty.on_service,
                "in_break": duty.in_break, "switched_off": duty.switched_off, "tour": duty.tour,
                "receiver": self._receiver.state(), "pending": counts.pending, "refused": counts.refused,
                "photos": counts.photos, "trouble": self._sender.trouble,
            }  # fmt: skip
        if do == "tour":
            return {"tour": self._errands.tour()}
        if do == "messages":
            return {"messages": self._errands.messages()}
        return self.recorder.on_crew(request)


@dataclass(frozen=True)
class BoxInputs:
    """What feeds a box: its receiver, its sensors by name, and what a simulated crew says when (by time)."""

    receiver: Receiver
    sensors: Mapping[str, Sensor]
    crew: Sequence[tuple[datetime, Mapping[str, Any]]] = ()


def inputs_of(settings: BoxSettings, clock: Clock) -> BoxInputs:
    """What the settings name; what they do not is not even imported.

    Raises ``ValueError`` where it cannot be meant, ``OSError`` where a file is missing.
    """
    sensors: dict[str, Sensor] = {}
    if settings.lifts:
        from onboard.sensors.lifts import open_lifts

        sensors["lifts"] = open_lifts(settings.lifts, clock)
    if settings.scale:
        from onboard.sensors.scale import open_scale

        sensors["scale"] = open_scale(settings.scale, clock)
    if settings.bus:
        from onboard.sensors.vehicle_bus import open_vehicle_bus

        sensors["bus"] = open_vehicle_bus(settings.bus, clock)
    if settings.simulate is not None:
        return _simulated(settings, settings.simulate, clock, sensors)
    if settings.replay is not None:
        from onboard.recording.replay import Recording, read_recording

        return BoxInputs(Recording(read_recording(settings.replay), clock), sensors)
    return BoxInputs(GpsdReceiver(*settings.gpsd, clock=clock), sensors)


def _simulated(settings: BoxSettings, plan: Path, clock: Clock, sensors: Mapping[str, Sensor]) -> BoxInputs:
    """The truck's tour driven on paper, its crew included."""
    from onboard.recording.replay import Recording
    from onboard.simulation import crew_requests, read_course, sensors_of, simulate_drive

    driven = simulate_drive(read_course(plan, settings.truck, clock.now()), settings.seed)
    crew = sorted(crew_requests(driven), key=lambda asked: asked[0])
    receiver = Recording(driven.fixes, clock, as_now=False)
    return BoxInputs(receiver, {**sensors_of(driven, clock), **sensors}, crew)


def run_box(settings: BoxSettings, clock: Clock) -> int:
    """Run a box until it is told to stop (SIGTERM, SIGINT). Raises ``OSError`` where another one runs on its data."""
    with _alone(settings.data):
        agent = BoxAgent(settings, clock, inputs_of(settings, clock))
        with stop_on_signals(agent.stop, _END_S, signal.SIGTERM, signal.SIGINT):
            agent.run()
    return 0


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder for one agent only; the system lets go of it however this one ends."""
    private_folder(data)
    handle = os.open(data / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    os.fchmod(handle, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"{data}: another agent runs on this folder") from None
        yield
    finally:
        os.close(handle)
