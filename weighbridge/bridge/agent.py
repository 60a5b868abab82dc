"""What runs at a bridge: the indicator is read, trucks are weighed, tickets printed, facts sent to the depot.

One thread reads the indicator and owns the register; the operator's words reach it through a socket in the data
folder, tags through a reader; a last thread empties the outbox. All of it may be killed at any moment.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fleet import Health, Ticket, new_id
from onboard.clock import Clock
from onboard.outbox import Outbox
from onboard.private import private_folder
from onboard.sensors.readings import LiftReading
from onboard.worker import Worker, revive_all
from weighbridge.bridge.bridge import operator_message
from weighbridge.bridge.plate import Identification
from weighbridge.bridge.register import Register
from weighbridge.bridge.ticket import TicketSheet, write_pdf
from weighbridge.bridge.weighing import Weighbridge
from weighbridge.indicator import IndicatorLine, WeightReading

HEALTH_S, TICK_S = 600.0, 30.0
_log = logging.getLogger(__name__)
Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BridgeFiles:
    """Where a bridge keeps what it must not lose."""

    folder: Path

    @property
    def register(self) -> Path:
        return self.folder / "register.db"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox.db"

    @property
    def tickets(self) -> Path:
        return self.folder / "tickets"

    @property
    def socket(self) -> Path:
        return self.folder / "bridge.sock"


def ticket_sheet(register: Register, ticket: Ticket, timezone: str, copy: bool = False) -> TicketSheet:
    """A ticket with everything that its paper shows."""
    return TicketSheet(
        ticket=ticket,
        timezone=timezone,
        gross=register.weighing(ticket.gross_weighing),
        tare=register.weighing(ticket.tare_weighing),
        original=register.ticket(ticket.corrects) if ticket.corrects else None,
        replaced_by=register.replaced_by(ticket),
        copy=copy,
    )


@dataclass
class BridgeAgent:
    """``notify``: called with what the operator should read, whenever it changes. ``run`` until ``stop`` is set."""

    weighbridge: Weighbridge
    indicator: IndicatorLine
    outbox: Outbox
    clock: Clock
    files: BridgeFiles
    notify: Notify
    language: str = "fr"
    stop: threading.Event = field(default_factory=threading.Event)
    workers: Sequence[Worker] = ()  # looked after while it runs
    asked: queue.SimpleQueue[tuple[Mapping[str, Any], queue.SimpleQueue[dict[str, Any]] | None]] = field(
        default_factory=queue.SimpleQueue
    )

    def run(self) -> None:
        said, health_at = "", self.clock.now()
        tick_at = health_at
        for reading in self.indicator.readings():
            if self.stop.is_set():
                return
            revive_all(self.workers)
            now = self.clock.now()
            try:
                self._listen()
                self._look(reading)
                if abs(now - tick_at) >= timedelta(seconds=TICK_S):
                    tick_at = now
                    self._printed(self.weighbridge.tick(now))
                if abs(now - health_at) >= timedelta(seconds=HEALTH_S):
                    health_at = now
                    with suppress(OSError):  # the disk is full: what is weighed says so itself
                        self._healthy(now)
                said = self._tell(said, now)
            except sqlite3.DatabaseError as error:  # what was to be written is not: the truck is weighed again
                _log.error("%s: %s", self.files.register, error)
                self.weighbridge.register.reopen()

    def _look(self, reading: WeightReading | None) -> None:
        bridge = self.weighbridge
        if reading is None:
            last = bridge.last
            if last is None or (self.clock.now() - last.at).total_seconds() > 5:
                bridge.silent()
            return
        bridge.heard(reading)
        if not bridge.ready:
            return
        legal = self.indicator.weigh() if self.indicator.protocol.weigh else reading
        if legal is None or legal.fault:
            self.notify(f"the indicator gives no weighing: {operator_message(legal.fault) if legal else 'no answer'}")
            return
        before = len(bridge.register.open_loads())
        ticket = bridge.weighed(legal)
        if ticket is not None:
            self._printed([ticket])
        elif len(bridge.register.open_loads()) > before:
            self.notify(f"weighed {legal.gross_kg:g} kg, alibi {legal.alibi or '-'}: the tare is due on the way out")

    def _printed(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            self.notify(f"ticket {ticket.number}: {ticket.truck or ticket.plate or '?'} {ticket.net_kg:g} kg net")
            try:
                private_folder(self.files.tickets)
                sheet = ticket_sheet(self.weighbridge.register, ticket, self.weighbridge.bridge.timezone)
                write_pdf(sheet, self.files.tickets / f"{ticket.number}.pdf", self.language)
            except (OSError, ValueError, ModuleNotFoundError) as error:  # the register has it: it can be printed later
                _log.warning("ticket %s is recorded and not printed: %s", ticket.number, error)

    def _healthy(self, now: datetime) -> None:
        counts = self.outbox.counts()
        unreadable = counts.unreadable + self.weighbridge.register.unreadable()
        self.outbox.put_all(
            [
                Health(
                    id=new_id(now), at=now, site=self.weighbridge.bridge.site, pending=counts.pending,
                    refused=counts.refused, damaged=self.indicator.damaged + unreadable,
                    note=self.indicator.why[:500] if self.indicator.why else None,
                )
            ]
        )  # fmt: skip

    def _tell(self, said: str, now: datetime) -> str:
        status = self.weighbridge.status(now)
        line = f"plate {status['plate']}" + (
            f", {status['who']}" if status["who"] and status["plate"] != "empty" else ""
        )
        if status["says"]:
            line += f": {operator_message(status['says'])}"
        if self.indicator.why:
            line = f"the indicator's line is lost: {self.indicator.why}"
        if line != said:
            self.notify(line)
        return line

    # --- the operator's words -----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self.asked.empty():
            request, answer = self.asked.get()
            try:
                said: dict[str, Any] = self._done(request)
            except (ValueError, TypeError, KeyError) as error:
                said = {"error": str(error)}
            if answer is not None:
                answer.put(said)

    def _done(self, request: Mapping[str, Any]) -> dict[str, Any]:
        bridge, now = self.weighbridge, self.clock.now()
        values = {name: value for name, value in request.items() if name != "do"}
        match request.get("do"):
            case "status":
                return bridge.status(now)
            case "announce" | "type" | "tag" as how:
                source = {"announce": "announced", "type": "typed", "tag": "tag"}[how]
                return {"who": bridge.name(Identification(source, now, **values)).to_json()}
            case "accept":
                bridge.accept(values["reason"])
                return {}
            case "tare":
                bridge.tare(values["truck"], float(values["kg"]), now)
                return {}
            case "close":
                ticket = bridge.close(values["truck"], now)
            case "correct":
                ticket = bridge.correct(values.pop("number"), values.pop("reason"), now, **values)
            case other:
                raise ValueError(f"bridge: do = {other!r}, must be a word that it knows")
        self._printed([ticket])
        return {"number": ticket.number, "net_kg": ticket.net_kg}

    def watch_tags(self, tags: Iterator[LiftReading]) -> None:
        """Name the truck whose tag a reader at the plate has read. Runs in a thread of its own."""
        of = {truck.tag: truck.id for truck in self.weighbridge.trucks.values() if truck.tag}
        for seen in tags:
            truck = of.get(seen.tag) if seen.tag else None
            if truck is not None:
                self.asked.put(({"do": "tag", "truck": truck}, None))

    def serve_operator(self) -> None:
        """Listen for the operator's words on the socket in the data folder, until ``stop`` is set."""
        with suppress(FileNotFoundError):
            self.files.socket.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            os.fchmod(door.fileno(), 0o600)  # before it has a name: no moment in which others reach it
            door.bind(str(self.files.socket))
            self.files.socket.chmod(0o600)
            door.listen()
            door.settimeout(0.5)
            while not self.stop.is_set():
                with suppress(TimeoutError, OSError, ValueError):
                    self._greet(door.accept()[0])

    def _greet(self, caller: socket.socket) -> None:
        with caller:
            caller.settimeout(5)
            with caller.makefile("rwb") as wire:
                request = json.loads(wire.readline(65_536))
                answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
                self.asked.put((request if isinstance(request, dict) else {}, answer))
                try:
                    said = answer.get(timeout=10)
                except queue.Empty:
                    said = {"error": "the bridge is busy; ask again"}
                wire.write(json.dumps(said).encode() + b"\n")


def ask_bridge(files: BridgeFiles, request: Mapping[str, Any]) -> dict[str, Any]:
    """Say something to the agent that runs in this folder. Raises ``OSError`` where none does, ``ValueError`` where it
    says no."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(15)
        try:
            door.connect(str(files.socket))
        except (FileNotFoundError, ConnectionRefusedError):
            raise OSError(f"{files.folder}: no `ripeur weighbridge` runs on this folder") from None
        with door.makefile("rwb") as wire:
            wire.write(json.dumps(dict(request)).encode() + b"\n")
            wire.flush()
            said: dict[str, Any] = json.loads(wire.readline() or b'{"error": "no answer"}')
    if "error" in said:
        raise ValueError(said["error"])
    return said
