"""One truck of a drill: its box as a real process, and everything that is wired to it, fed at the drill's own time.

The box hears a real gpsd, which gpsfake feeds: gpsfake's single-step mode (``-i``) asks before every sentence, and
is answered when that sentence's second has come. (Its ``-c`` sleeps between sentences instead and drifts.) Readers,
contacts, scale and vehicle bus write their frames to ptys; the crew speaks through the box's own door.
"""

from __future__ import annotations

import os
import shutil
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from depot_api.drill.children import Child, Children, free_port
from onboard.box.crew import ask_box
from onboard.duty import DutyState
from onboard.outbox import Outbox
from onboard.recording import nmea
from onboard.sensors import vehicle_bus
from onboard.sensors.lifts import contact_line
from onboard.sensors.scale import gpvws_line
from onboard.sensors.tags import Tag, long_frame
from onboard.simulation import BinLift, BusSample, Drive, ScaleSample, crew_requests

#: Something to be done at a moment of the drill.
Event = tuple[datetime, Callable[[], None]]
#: A reader repeats a tag while it is in view, this often before the lifter's contact closes.
READ_TIMES, READ_EVERY_S, CONTACT_AFTER_S = 3, 0.8, 3.0
#: Of the hour before the drill, which the box holds as if it had been without a network, one fix in so many.
BACKLOG_EVERY_S = 2


@dataclass(frozen=True, slots=True)
class TruckEquipment:
    """What a truck carries beside its receiver. ``name`` is a word of ``drill_words``."""

    name: str
    tags: bool = False
    contacts: bool = False
    scale: bool = False
    bus: bool = False


#: From all that there is to nothing but the receiver: fleets are like that.
EQUIPMENTS = (
    TruckEquipment("full", tags=True, contacts=True, scale=True, bus=True),
    TruckEquipment("tags", tags=True, contacts=True, scale=True),
    TruckEquipment("contacts", contacts=True),
    TruckEquipment("receiver"),
)


class Wire:
    """Our end of a pty; ``port`` is what the box opens. What nobody reads is lost, as on a cable."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()  # theirs stays open here too: the box may come and go
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.port = os.ttyname(self._theirs)

    def write(self, frame: bytes) -> None:
        with suppress(BlockingIOError):
            os.read(self._ours, 4096)  # what the box says to its adapter
        with suppress(BlockingIOError):
            os.write(self._ours, frame)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


@dataclass
class DrillTruck:
    """A drive with its box. ``lost``: how often something could not be handed over."""

    drive: Drive
    equipment: TruckEquipment
    data: Path
    since: datetime
    until: datetime
    kerb_kg: float = 12_000.0
    wires: dict[str, Wire] = field(default_factory=dict)
    box: Child | None = None
    feeder: Child | None = None
    backlog: int = 0
    lost: int = 0

    @property
    def name(self) -> str:
        return self.drive.truck

    @property
    def login(self) -> str:
        """Whose token it sends with."""
        return f"box {self.name}"

    @property
    def crew_socket(self) -> Path:
        return self.data / "crew.sock"

    # --- before ---------------------------------------------------------------------------------------------------

    def remember(self) -> None:
        """What happened before the drill, into the outbox: the box has been without a network since its tour began."""
        kinds = {"position", "duty", "outcome", "incident"}
        kinds |= {"lift"} if self.equipment.contacts else set()
        kinds |= {"load"} if self.equipment.scale else set()
        kinds |= {"vehicle"} if self.equipment.bus else set()
        facts = self.drive.facts(kinds, until=self.since, every_s=BACKLOG_EVERY_S, tags=False)
        duty = DutyState()
        for change in self.drive.duty:
            if change.at < self.since:
                duty = duty.after(change.state, self.drive.tour)
        outbox = Outbox(self.data / "outbox.db")
        outbox.put_all(facts, notes={"duty": duty.to_note()})
        self.backlog = len(facts)
        outbox.close()

    def start(self, children: Children, url: str, token: str, clock: str, gpsfake: str | None) -> None:
        """The box, and its gpsd where there is one; else the box replays the same sentences by itself."""
        log = self.data / "receiver.nmea"
        fixes = [fix for fix in self.drive.fixes if fix.at is not None and self.since <= fix.at < self.until]
        log.write_text("".join(line for fix in fixes for line in nmea.fix_sentences(fix)), encoding="ascii")
        arguments = ["onboard", "--truck", self.name, "--depot", url, "--data", str(self.data), "--clock", clock]
        if gpsfake is not None and fixes:
            port = free_port()
            self.feeder = children.start(
                f"gpsfake-{self.name}", [gpsfake, "-i", "-1", "-n", "-q", "-P", str(port), str(log)], fed=True
            )
            arguments += ["--gpsd", f"127.0.0.1:{port}"]
        elif fixes:
            arguments += ["--replay", str(log)]
        for option, source in self._sources():
            arguments += [option, source]
        self.box = children.ripeur(f"box-{self.name}", *arguments, token=token)

    def _sources(self) -> Iterator[tuple[str, str]]:
        lifts = []
        if self.equipment.tags:
            for side in ("left", "right"):
                self.wires[side] = Wire()
                lifts.append(f"fdxb-long:{self.wires[side].port},side={side}")
        if self.equipment.contacts:
            self.wires["contacts"] = Wire()
            lifts.append(f"contacts:{self.wires['contacts'].port}")
        if lifts:
            yield "--lifts", ";".join(lifts)
        if self.equipment.scale:
            self.wires["scale"] = Wire()
            yield "--scale", f"gpvws:{self.wires['scale'].port}"
        if self.equipment.bus:
            self.wires["bus"] = Wire()
            yield "--bus", f"slcan:{self.wires['bus'].port}"

    # --- while it runs --------------------------------------------------------------------------------------------

    def events(self, crews: ThreadPoolExecutor) -> Iterator[Event]:
        """Everything that this truck's receiver, sensors and crew do in the drill's window, in no order."""
        if self.feeder is not None:
            for fix in self.drive.fixes:
                if fix.at is not None and self._within(fix.at):
                    steps = len(nmea.fix_sentences(fix))
                    yield fix.at, lambda steps=steps: self._step(steps)  # type: ignore[misc]
        for lift in self.drive.lifts:
            if self._within(lift.at) and self.equipment.contacts:
                yield from self._lift(lift)
        for read in self.drive.loads if self.equipment.scale else ():
            if self._within(read.at):
                yield read.at, lambda read=read: self._weigh(read)  # type: ignore[misc]
        for bus in self.drive.vehicle if self.equipment.bus else ():
            if self._within(bus.at):
                yield bus.at, lambda bus=bus: self._bus(bus)  # type: ignore[misc]
        for at, request in self._crew_requests():
            yield at, lambda request=request: discard(crews.submit(self._ask, request))  # type: ignore[misc]

    def _within(self, at: datetime) -> bool:
        return self.since <= at < self.until

    def _step(self, steps: int) -> None:
        assert self.feeder is not None
        assert self.feeder.process.stdin is not None
        try:
            self.feeder.process.stdin.write(b"\n" * steps)
        except OSError:
            self.lost += 1

    def _lift(self, lift: BinLift) -> Iterator[Event]:
        side = lift.reading.lifter or "rear"
        if self.equipment.tags and lift.reading.tag is not None and side in self.wires:
            frame = long_frame(Tag.named(lift.reading.tag))
            for k in range(READ_TIMES):
                before_s = CONTACT_AFTER_S - k * READ_EVERY_S
                yield lift.at - timedelta(seconds=before_s), lambda: self.wires[side].write(frame)
        yield lift.at, lambda: self.wires["contacts"].write(contact_line(side, lift.reading.kg))

    def _weigh(self, read: ScaleSample) -> None:
        kg = round(read.reading.kg)
        time_and_date = read.at.strftime("%H%M%S"), read.at.strftime("%d%m%y")
        self.wires["scale"].write(gpvws_line(kg, kg + round(self.kerb_kg), *time_and_date))

    def _bus(self, read: BusSample) -> None:
        """The groups of FMS that hold what was read, as an slcan adapter hands them over."""
        v = read.reading
        groups = {
            vehicle_bus.CCVS: {"wheel_speed_mps": v.speed_mps},
            vehicle_bus.PTODE: {"pto_engaged": None if v.pto is None else float(v.pto)},
            vehicle_bus.VDHR: {"distance_m": v.distance_m},
            vehicle_bus.LFC: {"fuel_l": v.fuel_l},
            vehicle_bus.HOURS: {"engine_h": v.engine_h},
        }
        for group, values in groups.items():
            steps = {n: round(x / vehicle_bus.SIGNALS[n].scale) for n, x in values.items() if x is not None}
            message = vehicle_bus.message_of(group, steps)
            frame = f"T{message.arbitration_id:08X}{len(message.data)}{bytes(message.data).hex().upper()}\r"
            self.wires["bus"].write(frame.encode("ascii"))

    def _crew_requests(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """What the crew tells the box: its service and breaks, and what it could not serve."""
        return ((at, request) for at, request in crew_requests(self.drive) if self._within(at))

    def _ask(self, request: dict[str, Any]) -> None:
        try:
            if not ask_box(self.crew_socket, request, 20.0).get("ok"):
                self.lost += 1
        except OSError:
            self.lost += 1

    # --- after ----------------------------------------------------------------------------------------------------

    def pending(self) -> int | None:
        """Facts that the box has not been able to hand over yet; None where it does not answer."""
        try:
            answer = ask_box(self.crew_socket, {"do": "status"}, 5.0)
        except OSError:
            return None
        return int(answer["pending"]) if answer.get("ok") else None

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()
        self.wires.clear()


def discard(_: object) -> None:
    """Nobody waits for the answer."""


def gpsfake_here() -> str | None:
    """gpsfake, where it and its gpsd are installed; Debian keeps gpsd where only root's path leads."""
    paths = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("gpsfake", path=paths) if shutil.which("gpsd", path=paths) else None
