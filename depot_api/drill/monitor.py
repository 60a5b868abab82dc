"""What a drill shows on the terminal while it runs: one calm line that rewrites itself, and lines for what happens."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from shutil import get_terminal_size
from typing import Any

from dashboards.console import console_text
from dashboards.shared import format_mass
from dashboards.shared import format_time as local_time
from depot_api.drill.children import Children
from depot_api.drill.texts import drill_text
from depot_api.drill.truck import DrillTruck
from fleet import Plan, instant
from onboard.clock import Clock
from onboard.outbox import DepotClient, DepotError


@dataclass(frozen=True, slots=True)
class Terminal:
    lang: str
    timezone: str

    def say(self, line: str, *, passing: bool = False) -> None:
        """A line that stays or, ``passing`` on a terminal, one that the next rewrites."""
        if sys.stdout.isatty():
            shown = line[: get_terminal_size().columns - 1] if passing else line  # a wrapped line is not rewritten
            print("\r\x1b[K" + shown, end="" if passing else "\n", flush=True)  # noqa: T201
        else:
            print(line, flush=True)  # noqa: T201

    def text(self, key: str, **values: object) -> str:
        return drill_text(key, self.lang, **values)

    def time(self, at: datetime) -> str:
        return local_time(at, self.timezone)

    def tell(self, key: str, **values: object) -> None:
        self.say(self.text(key, **values))


@dataclass
class DrillMonitor:
    """Looks at the depot as a planner would. For one thread. ``peak_mib``: the most memory seen of all processes."""

    terminal: Terminal
    children: Children
    depot: DepotClient
    plan: Plan
    trucks: Sequence[DrillTruck]
    clock: Clock
    peak_mib: float = 0.0
    announced: set[str] = field(default_factory=set)

    def show(self) -> None:
        """What the depot says now, in one line; incidents and tickets as they come; a process that has ended."""
        self.peak_mib = max(self.peak_mib, self.children.memory_mib())
        for child in self.children.started:
            if not child.alive and child.name != "publish" and self._is_new(child.name):
                self.terminal.tell("child_died", name=child.name, why=child.last_words())
        try:
            live = self.depot.get("/live").json()
        except DepotError:
            return
        self._tell_news(live)
        self.terminal.say(self._summary(live), passing=True)

    def _summary(self, live: Mapping[str, Any]) -> str:
        now, ours = self.clock.now(), {truck.drive.tour for truck in self.trucks}
        tours = [tour for tour in live["tours"] if tour["tour"] in ours]
        tickets = [ticket for ticket in live["tickets"] if not ticket.get("replaced_by")]
        due = [leg for t in self.plan.tours if t.id in ours for leg in t.legs if leg.task and leg.end_at <= now]
        return self.terminal.text(
            "summary", time=self.terminal.time(now), active=sum(t.get("duty") == "on" for t in tours),
            done=sum(t["done_tasks"] for t in tours), due=len(due), missed=sum(t["missed_tasks"] for t in tours),
            late=sum(t["state"] in ("late", "very_late") for t in tours), lifts=sum(t["lifts"] for t in tours),
            tickets=len(tickets), kg=format_mass(sum(t["net_kg"] for t in tickets), self.terminal.lang),
            incidents=len(live["incidents"]), pending=sum(truck.pending() or 0 for truck in self.trucks),
        )  # fmt: skip

    def _tell_news(self, live: Mapping[str, Any]) -> None:
        for incident in filter(lambda one: self._is_new(one["id"]), live["incidents"]):
            what = console_text("i_" + incident["category"], self.terminal.lang)
            self.terminal.tell(
                "incident", time=self.terminal.time(instant(incident["at"])), truck=incident["truck"],
                what=", ".join(filter(None, (what, incident.get("street")))),
            )  # fmt: skip
        for ticket in filter(lambda one: self._is_new(one["id"]), live["tickets"]):
            kg = {
                name: format_mass(ticket[f"{name}_kg"] or 0.0, self.terminal.lang) for name in ("net", "gross", "tare")
            }
            who = ticket["truck"] or ticket["plate"] or "?"
            at = self.terminal.time(instant(ticket["at"]))
            self.terminal.tell("ticket", time=at, site=ticket["site"], truck=who, number=ticket["number"], **kg)

    def _is_new(self, key: str) -> bool:
        if key in self.announced:
            return False
        self.announced.add(key)
        return True
