"""A drill: simulated trucks drive a window of a plan, many times faster, through the real programs, and a report.

Real: the depot (``ripeur serve`` over SQLite), each truck's box (``ripeur onboard``), gpsd where it is installed, the
bridges (``ripeur weighbridge``), every frame on every line. Simulated: trucks, crews, satellites, bins, plates, the
plant. What was simulated how: docs/drill.md. Nothing outlives it but its folder.
"""

from __future__ import annotations

import heapq
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from shutil import rmtree
from types import FrameType
from typing import Any

from dashboards.shared import format_day, format_number
from depot_api.drill.bridge import SPOKEN, DrillBridge, crossings
from depot_api.drill.children import Children, free_port
from depot_api.drill.count import stored_ids, witness, witnessed_ids
from depot_api.drill.monitor import DrillMonitor, Terminal
from depot_api.drill.report import ReportScope, drill_report_lines
from depot_api.drill.truck import EQUIPMENTS, DrillTruck, Event, discard, gpsfake_here
from fleet import Plan, Sorting, instant_text, new_id
from onboard.clock import clock_from
from onboard.outbox import DepotClient, DepotError, Outbox
from onboard.simulation import DrivingModel, read_courses, simulate_drive
from optimizer.area import read_area

GOOD, FAULTY, INTERRUPTED = 0, 1, 130
#: What the start of all processes may take before the drill's clock shows its first time: real seconds.
PREPARATION_S = 30.0
READY_S, DRAIN_S = 120.0, 60.0
SUMMARY_EVERY_S, SUMMARY_ELSEWHERE_S = 3.0, 15.0  # on a terminal one line that rewrites itself; elsewhere lines
USER = "demo"
#: An indicator sends seven frames a second of real time; a bridge takes five seconds of its clock without for silence.
MOST_SPEED = 30


@dataclass(frozen=True, slots=True)
class DrillSettings:
    """``folder``: what ``ripeur plan`` wrote. ``minutes``: how long it lasts in real time.

    ``port``: of the depot where it is free, else any is taken.
    ``trucks``: at most so many of the window's tours (None: all). ``gpsd``: use it where it is installed.
    """

    folder: Path
    area: Path
    minutes: float = 6.0
    speed: float = 20.0
    seed: int = 1
    port: int = 8000
    lang: str = "fr"
    trucks: int | None = None
    gpsd: bool = True
    preparation_s: float = PREPARATION_S

    def __post_init__(self) -> None:
        for name, low, high in (("minutes", 0.1, 600), ("speed", 1, MOST_SPEED), ("preparation_s", 1, 600)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"drill: {name} = {getattr(self, name)}, must be from {low} to {high}")

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.minutes * self.speed)


def window_of(plan: Plan, length: timedelta) -> datetime:
    """When the drill begins: on the full or half hour from which most unloadings fall well inside; the first of equals.

    Well inside: planned to begin after a tenth and before six tenths of the window. A window shorter than an hour may
    begin at any five minutes. The plan decides, not chance.
    """
    first, last = min(t.start_at for t in plan.tours), max(t.end_at for t in plan.tours)
    tips = [leg.start_at for tour in plan.tours for leg in tour.legs if leg.kind == "unload"]
    step = timedelta(minutes=30 if length >= timedelta(hours=1) else 5)
    starts = [first.replace(minute=first.minute // 30 * 30, second=0, microsecond=0)]
    while starts[-1] + step + length / 2 <= last:
        starts.append(starts[-1] + step)

    def inside(start: datetime) -> int:
        return sum(start + length * 0.1 <= tip < start + length * 0.6 for tip in tips)

    return max(starts, key=lambda start: (inside(start), -start.timestamp()))


def run_drill(settings: DrillSettings) -> int:
    """Drive, tell what happens, report. 0: it went well and every fact is where it should be."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as held:
            drill = _Drill(settings, held)
            try:
                return drill.run()
            except KeyboardInterrupt:
                drill.terminal.tell("interrupted")
                return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _moment(event: Event) -> datetime:
    return event[0]


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Drill:
    """One drill from its preparation to its report. What is started is ended by ``held``."""

    def __init__(self, settings: DrillSettings, held: ExitStack) -> None:
        self.settings, self.lang, self._held = settings, settings.lang, held
        self.plan = Plan.read(settings.folder / "plan.json")
        self.since = window_of(self.plan, settings.window)
        self.until = self.since + settings.window
        self.folder = settings.folder / "drill"
        self.terminal = Terminal(settings.lang, self.plan.timezone)

    # --- the whole ------------------------------------------------------------------------------------------------

    def run(self) -> int:
        s = self.settings
        rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        self.terminal.tell(
            "title", day=format_day(self.plan.date, self.lang), since=self.terminal.time(self.since),
            until=self.terminal.time(self.until), speed=format_number(s.speed, self.lang),
            minutes=format_number(s.minutes, self.lang, 0 if s.minutes == int(s.minutes) else 1),
        )  # fmt: skip
        self._prepare()
        self._start()
        self._drive()
        return self._finish()

    def _prepare(self) -> None:
        """Drive on paper; what each box remembers of the time before."""
        s = self.settings
        running = [c for c in read_courses(s.folder) if c.start_at < self.until and c.legs[-1].end_at > self.since]
        running = list({c.truck: c for c in reversed(running)}.values())[::-1]  # of a truck's two tours the first
        running = running[: s.trucks] if s.trucks else running
        self.terminal.tell("driving", tours=len(running))
        area = read_area(s.area)
        kerbs = {truck.id: truck.kerb_kg for truck in area.trucks}
        self.labels = area.flux_labels
        self.trucks = []
        for k, course in enumerate(running):
            equipment = EQUIPMENTS[k % len(EQUIPMENTS)]
            course = replace(course, kerb_kg=kerbs.get(course.truck, course.kerb_kg))
            model = DrivingModel() if equipment.contacts else DrivingModel(bins_share=0.0)
            driven = simulate_drive(course, s.seed, model)
            self.trucks.append(
                DrillTruck(
                    drive=driven,
                    equipment=equipment,
                    data=self.folder / course.truck,
                    since=self.since,
                    until=self.until,
                    kerb_kg=course.kerb_kg,
                )
            )
        self.trucks = [truck for truck in self.trucks if truck.drive.end_at > self.since]
        visits: dict[str, list[Any]] = {}
        for truck in self.trucks:
            for visit in truck.drive.unloadings:
                if self.since <= visit.gross_at and visit.gone_at < self.until:
                    visits.setdefault(visit.site, []).append((truck.name, visit))
        self.visits = visits

    def _start(self) -> None:
        """Depot, plan, boxes, bridges; the drill's clock shows the window's start when all of them are up."""
        s = self.settings
        self.children = self._held.enter_context(Children(self.folder / "logs"))
        anchor_s = time.time() + s.preparation_s
        self.clock_text = f"{instant_text(self.since)} x{s.speed:g} @{anchor_s:.3f}"
        self.clock = clock_from(self.clock_text)
        db = f"sqlite:///{self.folder / 'depot.sqlite'}"
        tokens, self.password = self._introduce(db)
        self.tokens = tokens
        port = free_port(s.port)
        self.url = f"http://127.0.0.1:{port}"
        self.terminal.tell("depot")
        self.serve = self.children.ripeur(
            "depot", "serve", "--db", db, "--area", str(s.area), "--plan", str(s.folder), "--port", str(port),
            "--clock", self.clock_text,
        )  # fmt: skip
        self.depot = DepotClient(self.url, tokens["planner"], 30.0)
        self._wait_for_depot()
        self.terminal.tell("publishing")
        self._publish(tokens["planner"])
        self.terminal.tell("boxes")
        self.crews = self._held.enter_context(ThreadPoolExecutor(4, "crew"))
        self._start_boxes(tokens)
        self._start_bridges(tokens)
        self.terminal.tell("console", url=f"http://localhost:{port}/", name=USER, password=self.password)
        for truck in self.trucks:
            self.terminal.tell("equipment", truck=truck.name, tour=truck.drive.tour,
                               what=self.terminal.text(truck.equipment.name))  # fmt: skip

    def _introduce(self, db: str) -> tuple[dict[str, str], str]:
        """Tokens of all machines, and a planner who can log in."""
        from depot_api.accounts import make_token, passwords, users
        from depot_api.store import Store

        with Store(db) as store:
            tokens = {f"box {truck.name}": make_token(store, "box", truck.name) for truck in self.trucks}
            tokens |= {f"bridge {site}": make_token(store, "bridge", site) for site in self.visits}
            tokens |= {f"plant {site}": make_token(store, "plant", site) for site in self.visits}
            tokens["planner"] = make_token(store, "planner", "drill")
            password = passwords.new_password()
            users.add_account(store, USER, "planner", password=password, now=datetime.now(UTC))
        return tokens, password

    def _wait_for_depot(self) -> None:
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            if not self.serve.alive:
                raise OSError(self.terminal.text("child_died", name="ripeur serve", why=self.serve.last_words()))
            with suppress(DepotError):
                self.depot.get("/health")
                return
            time.sleep(0.2)
        raise OSError(f"{self.url}: no depot after {READY_S:.0f} s ({self.serve.last_words()})")

    def _publish(self, token: str) -> None:
        child = self.children.ripeur(
            "publish", "publish", str(self.settings.folder), "--depot", self.url, "--area", str(self.settings.area),
            token=token,
        )  # fmt: skip
        while child.alive:
            time.sleep(0.1)
        if child.process.returncode != 0:
            raise OSError(self.terminal.text("child_died", name="ripeur publish", why=child.last_words()))
        self.terminal.say("  " + child.last_words())

    def _start_boxes(self, tokens: Mapping[str, str]) -> None:
        gpsfake = gpsfake_here() if self.settings.gpsd else None
        for truck in self.trucks:
            truck.remember()
            witness(truck.data / "outbox.db")
            truck.start(self.children, self.url, tokens[f"box {truck.name}"], self.clock_text, gpsfake)
            self._held.callback(truck.close)
        self.terminal.say("  " + self.terminal.text("trucks", boxes=len(self.trucks),
                                  receiver=self.terminal.text("gpsd" if gpsfake else "no_gpsd"),
                                  bridges=", ".join(sorted(self.visits)) or self.terminal.text("none")))  # fmt: skip

    def _start_bridges(self, tokens: Mapping[str, str]) -> None:
        self.bridges = []
        for k, (site, visits) in enumerate(sorted(self.visits.items())):
            bridge = DrillBridge(
                site=site,
                protocol=SPOKEN[k % len(SPOKEN)],
                clock=self.clock,
                crossings=crossings(visits),
                data=self.folder / f"at-{site}",
            )
            Outbox(bridge.data / "outbox.db").close()
            witness(bridge.data / "outbox.db")
            bridge.start(self.children, self.url, tokens[f"bridge {site}"], self.clock_text, self.settings.area)
            self._held.callback(bridge.close)
            self.bridges.append(bridge)
        self.plants = {site: DepotClient(self.url, tokens[f"plant {site}"]) for site in self.visits}

    # --- while it runs --------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        """Do everything at its moment until the window's end."""
        wait_s = (self.since - self.clock.now()).total_seconds() / self.settings.speed
        if wait_s > 1:
            self.terminal.tell("begins", seconds=round(wait_s))
        self.watch = DrillMonitor(
            terminal=self.terminal,
            children=self.children,
            depot=self.depot,
            plan=self.plan,
            trucks=self.trucks,
            clock=self.clock,
        )
        with ThreadPoolExecutor(1, "looker") as looker:
            events = heapq.merge(
                *(sorted(end.events(self.crews), key=_moment) for end in self._ends),
                self._looks(self.watch, looker), key=_moment,
            )  # fmt: skip
            for at, act in events:
                if at >= self.until:
                    break
                self.clock.sleep((at - self.clock.now()).total_seconds())
                act()
            self.clock.sleep((self.until - self.clock.now()).total_seconds())

    def _looks(self, watch: DrillMonitor, looker: ThreadPoolExecutor) -> Iterator[Event]:
        """The looks at the depot, so often in real time; in a thread of their own, so that no fix comes late."""
        every_s = SUMMARY_EVERY_S if sys.stdout.isatty() else SUMMARY_ELSEWHERE_S
        at, step = self.since, timedelta(seconds=every_s * self.settings.speed)
        while at < self.until:
            yield at, lambda: discard(looker.submit(watch.show))
            at += step

    # --- after ----------------------------------------------------------------------------------------------------

    @property
    def _ends(self) -> list[DrillTruck | DrillBridge]:
        return [*self.trucks, *self.bridges]

    def _finish(self) -> int:
        """Let everything be sent, end the boxes and bridges, report, count."""
        self.terminal.tell("ending")
        self.crews.shutdown()
        counted_ids, counted_kg = self._sort()
        until_s = time.monotonic() + DRAIN_S
        while time.monotonic() < until_s and any(end.pending() for end in self._ends):
            time.sleep(0.5)
        time.sleep(2.0)  # the depot's last look at the tours
        self.children.end(*(c for c in self.children.started if c.name != "depot"))
        self._send_rest()
        scope = ReportScope(self.since, self.until, counted_kg, self.labels, self.lang)
        for line in drill_report_lines(self.depot, self.plan, self.trucks, scope):
            self.terminal.say(line)
        self.children.end(self.serve)
        whole = self._count(counted_ids)
        self.terminal.tell("memory", mib=round(self.watch.peak_mib))
        self.terminal.tell("kept", folder=self.folder)
        return GOOD if whole else FAULTY

    def _send_rest(self) -> None:
        """What was recorded in the moment a box ended goes now, as it would when the box starts again."""
        for end in self._ends:
            depot = DepotClient(self.url, self.tokens[end.login])
            with closing(Outbox(end.data / "outbox.db")) as outbox, suppress(DepotError):
                for _ in range(100):
                    facts = outbox.peek(500)
                    if not facts:
                        break
                    outbox.settle(*depot.send(facts))
            depot.close()

    def _sort(self) -> tuple[list[str], dict[str, float]]:
        """The plant counts what was tipped: its report of the window, a fact per stream. Their ids; kilos by stream."""
        random, now, ids = Random(self.settings.seed), self.clock.now(), list[str]()
        counted: dict[str, float] = {}
        for site, visits in self.visits.items():
            kg: dict[str, float] = {}
            for _, visit in visits:
                for flux, v in visit.kg.items():
                    kg[flux] = kg.get(flux, 0.0) + v
            facts = [
                Sorting(id=new_id(now), at=now, from_at=self.since, site=site, flux=flux,
                        kg=round(v * random.gauss(1.0, 0.02), 1))
                for flux, v in sorted(kg.items())
            ]  # fmt: skip
            with suppress(DepotError):
                ids += self.plants[site].send([fact.to_json() for fact in facts])[0]
                for fact in facts:
                    counted[fact.flux] = counted.get(fact.flux, 0.0) + (fact.kg or 0.0)
        return ids, counted

    def _count(self, counted_ids: Iterable[str]) -> bool:
        """Facts at both ends, by their ids: what was put into an outbox against what the depot has."""
        put: list[str] = []
        pending = refused = 0
        for path in (end.data for end in self._ends):
            with closing(Outbox(path / "outbox.db")) as outbox:
                counts = outbox.counts()
            pending, refused = pending + counts.pending, refused + counts.refused
            put += witnessed_ids(path / "outbox.db")
        stored = stored_ids(self.folder / "depot.sqlite") - {id.replace("-", "") for id in counted_ids}
        whole = len(put) == len(set(put)) and set(put) == stored and not pending and not refused
        at_both = {"put": format_number(len(put), self.lang), "stored": format_number(len(stored), self.lang)}
        verdict = self.terminal.text("whole" if whole else "not_whole")
        self.terminal.tell("facts", **at_both, pending=pending, refused=refused, verdict=verdict)
        lost = sum(end.lost for end in self._ends)
        if lost:
            self.terminal.tell("unheard", n=lost)
        return whole
