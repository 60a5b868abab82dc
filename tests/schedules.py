"""A box's life in one process, with everything that can go wrong drawn from a seed: nothing lost, nothing doubled.

One schedule is some two hundred events: fixes, lifts, what the crew says, changes of duty, steps of the sender, a depot
that is away, breaks the line before or after it has stored, answers 413, 500 or 503, refuses or chokes on a fact; the
box dying in the middle of a transaction or between the answer and its settling; its clock set by hours or years; the
disk full for a while. At the end the network is good again, and both ends are counted by id.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from fleet import Fact
from onboard.clock import Clock
from onboard.outbox.outbox import Outbox, OutboxFull
from onboard.outbox.sender import DepotError, Sender
from onboard.recording.receiver import Fix
from onboard.recording.recorder import Recorder
from onboard.recording.thinning import EVERY_FIX
from onboard.sensors.readings import LiftReading, LoadReading

from .clocks import ToldClock

START = datetime(2026, 11, 20, 5, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone at this point, whatever it was doing."""


@dataclass
class DrawnDepot:
    """A depot whose faults are drawn. What it has named as stored it has."""

    random: Random
    bad: float
    stored: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    away: bool = False
    faults: Counter[str] = field(default_factory=Counter)

    def send(self, facts: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, str]]:
        if self.away:
            raise DepotError("away", sent=False)
        fault = self.random.choice(FAULTS) if self.random.random() < self.bad else "none"
        self.faults[fault] += 1
        if fault == "half stored":  # it died between two commits
            self._take(facts[: len(facts) // 2])
            raise DepotError("line broken")
        if fault in ("413", "500", "503", "401", "404"):
            raise DepotError(fault, int(fault))
        if fault == "no line":
            raise DepotError("line broken")
        if any(fact["id"] in self.poison for fact in facts):
            raise DepotError("chokes", 500)
        answer = self._take(facts)
        if fault == "answer lost":
            raise DepotError("line broken")
        if fault == "killed before settling":
            raise Killed
        if fault == "names half":
            return answer[0][::2], {}
        return answer

    def _take(self, facts: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, str]]:
        stored, refused = [], {}
        for fact in facts:
            id = str(fact["id"])
            if id in self.refused:
                refused[id] = "not for this truck"
                continue
            if id not in self.bodies:
                self.stored[id] += 1
                self.bodies[id] = dict(fact)
            assert self.bodies[id] == fact, "the same id with other words"
            stored.append(id)
        return stored, refused


FAULTS = (
    "half stored", "413", "500", "503", "401", "404", "no line", "answer lost", "killed before settling", "names half",
)  # fmt: skip


class WatchedOutbox(Outbox):
    """Remembers what it has acknowledged as recorded; may be killed inside a transaction."""

    recorded: dict[str, str]
    random: Random
    killing = 0.0

    def put_all(
        self, facts: Sequence[Fact], *, marked: Sequence[bool] | None = None, notes: Mapping[str, str] | None = None
    ) -> None:
        if self.random.random() < self.killing:
            with suppress(sqlite3.Error):  # in the middle of it: written, not committed
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute("INSERT INTO facts(id, rank, body) VALUES (?, 1, '{}')", (self.random.randbytes(16),))
            raise Killed
        super().put_all(facts, marked=marked, notes=notes)
        self.recorded.update((fact.id, fact.kind) for fact in facts)
        if self.random.random() < self.killing:
            raise Killed


@dataclass(frozen=True)
class Ending:
    """What one schedule came to: facts recorded, at the depot, thinned, refused, deaths, and faults met."""

    recorded: int
    stored: int
    thinned: int
    refused: int
    deaths: int
    jumps: int
    faults: Counter[str]


class _Life:
    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self.path = folder / f"{seed}.db"
        self.clock, self.depot = ToldClock(START), DrawnDepot(self.random, self.random.uniform(0.0, 0.5))
        self.killing = self.random.choice((0.0, 0.01, 0.03))
        self.quota = self.random.choice((2**20, 2**26))
        self.recorded: dict[str, str] = {}
        self.deaths = self.jumps = 0
        self.second = 0
        self.boot()

    def boot(self) -> None:
        clock: Clock = self.clock
        WatchedOutbox.random = self.random
        WatchedOutbox.killing = 0.0
        self.outbox = WatchedOutbox(self.path, self.quota)
        self.outbox.recorded = self.recorded
        self.recorder = Recorder("T1", self.outbox, clock, thinning=EVERY_FIX, always_on_duty=True)
        self.sender = Sender(self.outbox, self.depot, clock, self.random, batch=self.random.choice((5, 40, 200)))  # type: ignore[arg-type]
        WatchedOutbox.killing = self.killing

    def die(self) -> None:
        """As ``kill -9`` leaves it: no commit, no goodbye; what is in memory is gone."""
        self.deaths += 1
        self.outbox._db.close()
        self.boot()

    def event(self) -> None:
        draw = self.random.random()
        self.clock.sleep(self.random.choice((0.2, 1.0, 30.0)))
        if draw < 0.45:
            for _ in range(self.random.randint(1, 12)):
                self.second += 1
                self.clock.sleep(1)
                at = START + timedelta(seconds=self.clock.gone_s)
                self.recorder.on_fix(Fix(at, 43.7, 7.4 + self.second / 1e5, 3.0, 90.0, 4.0, 3))
        elif draw < 0.55:
            self.recorder.on_reading(self.random.choice((LiftReading(lifter="left"), LoadReading("net", 1000.0))))
        elif draw < 0.62:
            self.crew()
        elif draw < 0.90:
            self.clock.sleep(abs(self.sender.step()))
        elif draw < 0.94:
            self.depot.away = not self.depot.away
        elif draw < 0.96:
            self.jumps += 1
            at = self.clock.at + timedelta(seconds=self.random.choice((-1e9, -7200.0, 40.0, 7200.0, 6.2e8)))
            self.clock.at = min(max(at, datetime(1950, 1, 1, tzinfo=UTC)), datetime(2200, 1, 1, tzinfo=UTC))
            self.recorder.watch_clock()
        elif draw < 0.97:
            self.full_disk()
        elif draw < 0.98 and self.recorded:
            judged = set(self.random.sample(sorted(self.recorded), 1)) - set(self.depot.bodies)
            (self.depot.refused if self.random.random() < 0.5 else self.depot.poison).update(judged)
        elif draw < 0.99:
            self.recorder.report("fix", 0, self.sender.trouble)
        else:
            self.die()

    def crew(self) -> None:
        with suppress(OutboxFull):
            if self.random.random() < 0.3:
                self.recorder.on_crew(
                    {"do": "duty", "state": self.random.choice(("break_start", "break_end", "start"))}
                )
            else:
                answer = self.recorder.on_crew({"do": "incident", "category": "bin"})
                assert answer["id"] in self.recorded

    def full_disk(self) -> None:
        """For a while not one page more can be had; what is thinned makes room inside the file."""
        self.outbox._db.execute(f"PRAGMA max_page_count={self.outbox._count_pages()}")
        for _ in range(3):
            self.crew()
            self.recorder.on_reading(LiftReading(lifter="rear"))
        self.outbox._db.execute(f"PRAGMA max_page_count={self.outbox._quota_pages}")


def run_schedule(seed: int, folder: Path, events: int = 200) -> Ending:
    """Live one life and count. Raises ``AssertionError`` naming the seed where anything is lost or doubled."""
    life = _Life(seed, folder)
    for _ in range(events):
        try:
            life.event()
        except Killed:
            life.die()
    life.depot.away, life.depot.bad, WatchedOutbox.killing = False, 0.0, 0.0
    life.depot.poison.clear()
    for _ in range(3000):
        if life.outbox.counts().pending == 0:
            break
        life.clock.sleep(abs(life.sender.step()))
    counts = life.outbox.counts()
    aside = {str(fact["id"]) for fact, _ in life.outbox.refused()}
    missing = set(life.recorded) - set(life.depot.bodies) - aside
    where = f"seed {seed}: "
    assert counts.pending == 0, where + f"{counts.pending} never sent: {life.sender.trouble}"
    assert max(life.depot.stored.values(), default=1) == 1, where + "doubled"
    assert set(life.depot.bodies) <= set(life.recorded), where + "at the depot, but never on board"
    assert {life.recorded[id] for id in missing} <= {"position", "health", "load"}, where + "lost what is never thinned"
    assert len(missing) <= counts.thinned, where + f"{len(missing)} missing, but only {counts.thinned} thinned"
    life.outbox.close()
    return Ending(
        len(life.recorded), len(life.depot.bodies), len(missing), len(aside), life.deaths, life.jumps, life.depot.faults
    )
