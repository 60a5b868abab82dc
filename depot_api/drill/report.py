"""A drill's report: what was planned until its end against what was driven, weighed and judged, and what was true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from dashboards.shared import format_duration, format_mass, format_number, format_time
from depot_api.drill.texts import drill_text
from depot_api.drill.truck import DrillTruck
from fleet import Leg, Plan, Tour
from onboard.outbox import DepotClient


@dataclass(frozen=True, slots=True)
class TourLine:
    """One tour at the drill's end. ``due``: street sides and points that the plan has served by then; the counts
    ``done``, ``partly``, ``missed`` are of these, ``ahead`` of others. ``driven_km``: along the matched way."""

    name: str
    due: int
    done: int
    partly: int
    missed: int
    ahead: int
    planned_km: float
    driven_km: float | None
    late_s: float | None
    planned_kg: float
    weighed_kg: float
    lifts: int


def planned_km(tour: Tour, until: datetime) -> float:
    """Kilometres that the plan has driven by then; of the leg being driven, by its time."""
    return sum(leg.length_m * _part(leg, until) for leg in tour.legs if leg.mode == "truck") / 1000


def _part(leg: Leg, until: datetime) -> float:
    if leg.end_at <= until:
        return 1.0
    return max(0.0, (until - leg.start_at).total_seconds() / leg.duration_s) if leg.duration_s > 0 else 0.0


def tour_line(tour: Tour, live: Mapping[str, Any], reported: Mapping[str, Any], scope: ReportScope) -> TourLine:
    """``live``: of ``GET /live/tours/{tour}``; ``reported``: this tour's part of ``GET /days/{date}/report``."""
    until = scope.until
    due = {leg.task for leg in tour.legs if leg.task is not None and leg.end_at <= until}
    status = {street["task"]: street["status"] for street in live["streets"]}
    count = Counter(status.get(task, "pending") for task in due)
    tipped = [leg for leg in tour.legs if leg.kind == "unload" and scope.since <= leg.end_at <= until]
    return TourLine(
        name=tour.shift or tour.id,
        due=len(due),
        done=count["done"],
        partly=count["partly"],
        missed=count["missed"],
        ahead=sum(state == "done" for task, state in status.items() if task not in due),
        planned_km=planned_km(tour, until),
        driven_km=reported.get("driven_km"),
        late_s=live.get("late_s"),
        planned_kg=sum(sum(leg.kg.values()) for leg in tipped),
        weighed_kg=sum(reported.get("weighed_kg", {}).values()),
        lifts=reported.get("lifts", 0),
    )


@dataclass(frozen=True, slots=True)
class ReportScope:
    """What a report is about: the drill's window, the plant's kilos by stream, the streams' labels, the language."""

    since: datetime
    until: datetime
    counted_kg: Mapping[str, float]
    labels: Mapping[str, str]
    lang: str


def drill_report_lines(
    depot: DepotClient, plan: Plan, trucks: Sequence[DrillTruck], scope: ReportScope
) -> Iterator[str]:
    """The whole report, from what the depot says and what the simulation knows. Raises ``DepotError``."""
    since, until, lang = scope.since, scope.until, scope.lang
    day = depot.get(f"/days/{plan.date.isoformat()}/report").json()
    reported = {tour["tour"]: tour for tour in day["tours"]}
    tours = {tour.id: tour for tour in plan.tours}
    live = {t.drive.tour: depot.get(f"/live/tours/{quote(t.drive.tour, safe='')}").json() for t in trucks}
    lines = [tour_line(tours[id], found, reported.get(id, {}), scope) for id, found in live.items()]
    yield ""
    yield drill_text("report", lang, since=format_time(since, plan.timezone), until=format_time(until, plan.timezone))
    yield ""
    yield from _table(lines, lang)
    yield ""
    due, done, ahead = (sum(getattr(line, name) for line in lines) for name in ("due", "done", "ahead"))
    share = format_number(100 * done / due if due else 100.0, lang, 1)
    ends = format_time(until, plan.timezone)
    yield drill_text("coverage", lang, done=done, due=due, share=share, ahead=ahead, until=ends)
    yield from _fluxes(scope, plan, trucks)
    yield _truth(trucks, live, until, lang)


def _table(lines: Sequence[TourLine], lang: str) -> Iterator[str]:
    keys = ("r_tour", "r_due", "r_done", "r_partly", "r_missed", "r_ahead", "r_km", "r_late", "r_kg", "r_lifts")
    rows = [[drill_text(key, lang) for key in keys], *(_row(line, lang) for line in lines)]
    rows.append(_row(_sum(lines, lang), lang))
    widths = [max(len(row[k]) for row in rows) for k in range(len(keys))]
    texts = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        texts.append("  ".join(cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(cells)))
    rule = "-" * len(texts[0])
    yield from (texts[0], rule, *texts[1:-1], rule, texts[-1])


def _sum(lines: Sequence[TourLine], lang: str) -> TourLine:
    known = [line.driven_km for line in lines if line.driven_km is not None]

    def total(name: str) -> Any:
        return sum(getattr(line, name) for line in lines)

    return TourLine(
        name=drill_text("r_all", lang),
        due=total("due"),
        done=total("done"),
        partly=total("partly"),
        missed=total("missed"),
        ahead=total("ahead"),
        planned_km=total("planned_km"),
        driven_km=sum(known) if known else None,
        late_s=None,
        planned_kg=total("planned_kg"),
        weighed_kg=total("weighed_kg"),
        lifts=total("lifts"),
    )


def _row(line: TourLine, lang: str) -> list[str]:
    driven = "-" if line.driven_km is None else format_number(line.driven_km, lang, 1)
    late = "" if line.late_s is None else ("-" if line.late_s < 0 else "+") + format_duration(abs(line.late_s), "fr")
    return [
        line.name, str(line.due), str(line.done), str(line.partly), str(line.missed), str(line.ahead),
        f"{format_number(line.planned_km, lang, 1)} > {driven}", late,
        f"{format_mass(line.planned_kg, lang)} > {format_mass(line.weighed_kg, lang)}", str(line.lifts),
    ]  # fmt: skip


def _fluxes(scope: ReportScope, plan: Plan, trucks: Sequence[DrillTruck]) -> Iterator[str]:
    """By stream: planned of the unloadings in the window, and counted at the plant."""
    ours = {truck.drive.tour for truck in trucks}
    planned: dict[str, float] = {}
    for tour in plan.tours:
        for leg in tour.legs:
            if tour.id in ours and leg.kind == "unload" and scope.since <= leg.end_at <= scope.until:
                for flux, kg in leg.kg.items():
                    planned[flux] = planned.get(flux, 0.0) + kg
    for flux in dict.fromkeys((*planned, *scope.counted_kg)):
        both_kg = {"planned": planned.get(flux, 0.0), "sorted": scope.counted_kg.get(flux, 0.0)}
        masses = {name: format_mass(kg, scope.lang) for name, kg in both_kg.items()}
        yield drill_text("flux", scope.lang, flux=scope.labels.get(flux, flux), **masses)
    if planned or scope.counted_kg:
        yield drill_text("flux_note", scope.lang)


def _truth(trucks: Sequence[DrillTruck], live: Mapping[str, Mapping[str, Any]], until: datetime, lang: str) -> str:
    """The depot's judgement against what the simulation knows, of what was over by the end."""
    pairs: list[tuple[str, str]] = []
    for truck in trucks:
        status = {street["task"]: street["status"] for street in live[truck.drive.tour]["streets"]}
        pairs += [
            (truth.state, status[task]) for task, truth in truck.drive.truth.items()
            if truth.until_at < until and status.get(task, "pending") != "pending"
        ]  # fmt: skip
    return drill_text(
        "truth", lang, judged=len(pairs), right=sum(a == b for a, b in pairs),
        false_done=sum(b == "done" and a == "missed" for a, b in pairs),
        false_missed=sum(b == "missed" and a != "missed" for a, b in pairs),
    )  # fmt: skip
