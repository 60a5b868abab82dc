"""A day's report: what was planned against what was driven, tour by tour in the order of the plan, and in all.

Per tour, never per person, and never sorted by result: it is no ranking of crews. ``None``: not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from dashboards.console.words import console_text
from dashboards.shared import catalogue, format_mass, format_number, format_time
from fleet import instant_text


@dataclass(frozen=True, slots=True)
class TourReport:
    """``driven_km``: along the matched way. ``weighed_kg``: tickets of its truck in its time, by flux ("" unknown)."""

    tour: str
    name: str
    truck: str
    tasks: int
    done_tasks: int
    partly_tasks: int
    missed_tasks: int
    planned_km: float
    driven_km: float | None
    planned_start_at: datetime
    planned_end_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    planned_kg: Mapping[str, float]
    weighed_kg: Mapping[str, float]
    planned_unloadings: int
    tickets: int
    lifts: int

    @property
    def open_tasks(self) -> int:
        """Neither served nor missed: nothing is known of them (no fix, or still to come)."""
        return self.tasks - self.done_tasks - self.partly_tasks - self.missed_tasks


@dataclass(frozen=True, slots=True)
class DayReport:
    """``flux``: labels by name, where an area is at hand. ``version``: of the plan in force at the end; 0: none."""

    date: date
    timezone: str
    version: int
    tours: tuple[TourReport, ...]
    incidents: Mapping[str, int]
    flux: Mapping[str, str]

    def kg(self) -> dict[str, tuple[float, float]]:
        """By flux: planned, weighed. A ticket without a flux is under ""."""
        names = dict.fromkeys(name for t in self.tours for kg in (t.planned_kg, t.weighed_kg) for name in kg)
        return {
            name: (sum(t.planned_kg.get(name, 0.0) for t in self.tours),
                   sum(t.weighed_kg.get(name, 0.0) for t in self.tours)) for name in names
        }  # fmt: skip

    def json(self) -> dict[str, Any]:
        """For machines: instants as RFC 3339."""
        tours = [
            {name: instant_text(value) if isinstance(value, datetime) else value for name, value in asdict(t).items()}
            | {"open_tasks": t.open_tasks}
            for t in self.tours
        ]
        return {
            "date": self.date.isoformat(), "timezone": self.timezone, "version": self.version, "tours": tours,
            "kg": {name: {"planned": p, "weighed": w} for name, (p, w) in self.kg().items()},
            "incidents": dict(self.incidents),
        }  # fmt: skip

    def lines(self, lang: str) -> list[str]:
        """For a terminal: a table, then kilos by flux and incidents."""
        day = catalogue.format_day(self.date, lang)
        title = console_text("report_of", lang, day=day)
        if not self.tours:
            return [title, console_text("report_empty", lang)]
        keys = ("tour", "truck", "r_served", "r_partly", "r_missed", "r_open", "r_km", "r_start", "r_end", "r_kg")
        table = [[console_text(key, lang) for key in keys]]
        table += [self._row(t, lang) for t in self.tours]
        table.append(self._sum(lang))
        widths = [max(len(row[k]) for row in table) for k in range(len(keys))]
        written = [
            "  ".join(c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
            for row in table
        ]
        rule = "-" * len(written[0])
        lines = [title, "", written[0], rule, *written[1:-1], rule, written[-1], ""]
        for name, (planned, weighed) in self.kg().items():
            label = self.flux.get(name, name) or console_text("r_unknown_flux", lang)
            lines.append(
                console_text(
                    "r_flux", lang, flux=label, planned=format_mass(planned, lang), weighed=format_mass(weighed, lang)
                )
            )
        if self.incidents:
            told = ", ".join(f"{console_text('i_' + name, lang)} {n}" for name, n in self.incidents.items())
            lines.append(console_text("r_incidents", lang, what=told))
        return lines

    def _row(self, tour: TourReport, lang: str) -> list[str]:
        def times(planned: datetime, real: datetime | None) -> str:
            return f"{format_time(planned, self.timezone)} > {format_time(real, self.timezone) if real else '-'}"

        km = "-" if tour.driven_km is None else format_number(tour.driven_km, lang, 1)
        return [
            tour.name, tour.truck, f"{tour.done_tasks}/{tour.tasks}", str(tour.partly_tasks), str(tour.missed_tasks),
            str(tour.open_tasks),
            f"{format_number(tour.planned_km, lang, 1)} > {km}", times(tour.planned_start_at, tour.began_at),
            times(tour.planned_end_at, tour.ended_at),
            f"{format_mass(sum(tour.planned_kg.values()), lang)} > {format_mass(sum(tour.weighed_kg.values()), lang)}",
        ]  # fmt: skip

    def _sum(self, lang: str) -> list[str]:
        known = [t.driven_km for t in self.tours if t.driven_km is not None]
        driven = format_number(sum(known), lang, 1) if known else "-"
        counts = {f.name: sum(getattr(t, f.name) for t in self.tours) for f in fields(TourReport) if "tasks" in f.name}
        planned, weighed = (sum(both[k] for both in self.kg().values()) for k in (0, 1))
        return [
            console_text("r_all", lang), "", f"{counts['done_tasks']}/{counts['tasks']}", str(counts["partly_tasks"]),
            str(counts["missed_tasks"]), str(sum(t.open_tasks for t in self.tours)),
            f"{format_number(sum(t.planned_km for t in self.tours), lang, 1)} > {driven}", "", "",
            f"{format_mass(planned, lang)} > {format_mass(weighed, lang)}",
        ]  # fmt: skip
