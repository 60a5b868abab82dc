"""What the planner reads in the terminal: the table of tours, the figures, what is left and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from dashboards.shared import (
    catalogue_text,
    format_day,
    format_duration,
    format_mass,
    format_number,
    format_short_day,
    format_time,
)
from fleet import Plan

_PHASES = ("collect", "drive", "unload", "break", "wait")


def tour_table(plan: Plan, lang: str) -> list[str]:
    """A row per tour and one in all: hours by phase, load, trips, km, reversals, cost."""
    keys = [
        "tour",
        "t_span",
        *(f"t_{p}" for p in _PHASES),
        "t_km",
        "t_trips",
        "t_load",
        "t_reversals",
        "t_cost",
        "t_per_tonne",
    ]
    rows = [[catalogue_text(key, lang) for key in keys]]
    for tour in plan.tours:
        times = f"{format_time(tour.start_at, plan.timezone)}-{format_time(tour.end_at, plan.timezone)}"
        rows.append([tour.shift or tour.truck, times, *_cells(plan.figures["tours"][tour.id], lang)])
    total = plan.figures["total"]
    rows.append(
        [catalogue_text("t_total", lang), format_duration(total["hours"]["total"] * 3600, "fr"), *_cells(total, lang)]
    )
    return [catalogue_text("tours_of", lang, day=format_day(plan.date, lang)), "", *_aligned(rows)]


def _cells(figures: Mapping[str, Any], lang: str) -> list[str]:
    per_tonne = "-" if figures["eur_per_t"] is None else format_number(figures["eur_per_t"], lang)
    return [
        *(format_duration(figures["hours"][phase] * 3600, "fr") for phase in _PHASES),
        format_number(figures["km"], lang, 1), str(int(figures["trips"])), format_mass(figures["kg_total"], lang),
        str(int(figures["reversals"])),
        f"{format_number(figures['eur']['total'], lang)} €", per_tonne,
    ]  # fmt: skip


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns right-aligned but the first, a rule under the head and over the sum."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


def figure_lines(plan: Plan, lang: str, flux_labels: Mapping[str, str]) -> list[str]:
    """The sums in words: kilos per flux (named as the area names them), energy, CO2e, euros, shares."""
    total, shares = plan.figures["total"], plan.figures["shares"]
    energy = " + ".join(f"{format_number(value, lang)} {unit}" for unit, value in total["energy"].items()) or "0"
    per_t = "-" if total["eur_per_t"] is None else format_number(total["eur_per_t"], lang)
    flux = ", ".join(f"{flux_labels.get(name, name)} {format_mass(kg, lang)}" for name, kg in total["kg"].items())
    return [
        flux,
        catalogue_text(
            "t_more", lang, km=format_number(total["km"], lang), energy=energy,
            co2e=format_mass(total["co2e_kg"], lang), eur=format_number(total["eur"]["total"], lang), per_t=per_t,
            reversals=int(total["reversals"]), metres=f"{format_number(total['reversing_m'], lang)} m",
        ),
        catalogue_text("t_euros", lang, **{name: format_number(value, lang) for name, value in total["eur"].items()}),
        catalogue_text(
            "t_shares", lang, covered=format_number(shares["covered"] * 100, lang, 1),
            served=format_number(shares["served"] * 100, lang, 1),
        ),
        *unserved_lines(plan, lang),
    ]  # fmt: skip


def unserved_lines(plan: Plan, lang: str) -> list[str]:
    """One line per reason: how many tasks, how much waste, the first few streets."""
    tasks = plan.tasks_by_id
    lines = []
    for reason, count in sorted(Counter(u.reason for u in plan.unserved).items()):
        mine = [tasks[u.task] for u in plan.unserved if u.reason == reason]
        names = list(dict.fromkeys(t.name or t.id for t in mine))
        some = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        why = f"{catalogue_text(reason, lang)} [{reason}]: {some}"
        lines.append(
            catalogue_text("t_unserved", lang, n=count, kg=format_mass(sum(t.total_kg for t in mine), lang), why=why)
        )
    return lines


def what_if_line(change: int, before: Plan, after: Plan, lang: str) -> str:
    """What more or fewer trucks would change, against the plan. Waste left in the street is no saving: said first."""
    eur = after.figures["total"]["eur"]["total"] - before.figures["total"]["eur"]["total"]
    kg = _left_kg(after) - _left_kg(before)
    tasks = len(after.unserved) - len(before.unserved)
    longest = max((f["hours"]["total"] for f in after.figures["tours"].values()), default=0.0)
    more = round(kg) > 0 or (round(kg) == 0 and tasks > 0)
    cost = catalogue_text("t_what_if_cost", lang, eur=f"{_sign(eur)}{format_number(abs(eur), lang)}")
    left = catalogue_text("t_what_if_same", lang)
    if round(kg) or tasks:
        counted = catalogue_text("one_task" if abs(tasks) == 1 else "n_tasks", lang, n=f"{tasks:+d}")
        key = "t_what_if_more" if more else "t_what_if_left"
        left = catalogue_text(key, lang, kg=f"{_sign(kg)}{format_mass(abs(kg), lang)}", tasks=counted)
    parts = [left, cost] if more else [cost, left]
    trucks = catalogue_text(
        f"t_{'one' if abs(change) == 1 else 'n'}_{'more' if change > 0 else 'less'}", lang, n=abs(change)
    )
    return catalogue_text(
        "t_what_if", lang, trucks=trucks, what=", ".join(parts), longest=format_duration(longest * 3600, lang)
    )


def _left_kg(plan: Plan) -> float:
    return sum(plan.tasks_by_id[one.task].total_kg for one in plan.unserved)


def _sign(value: float) -> str:
    return "-" if round(value) < 0 else "+"


def nothing_due(plan: Plan, lang: str) -> str:
    """What a plan without tasks says."""
    return catalogue_text("t_nothing_due", lang, day=format_day(plan.date, lang))


def different_lines(found: Iterable[tuple[str, str, str, date | None, str]], lang: str) -> list[str]:
    """A line per service and reason that is not the usual day: (sector, service, reason, the other day, note) each."""
    where: dict[tuple[str, str], dict[str, None]] = {}
    for sector, service, reason, other, note in found:
        why = catalogue_text(reason, lang, other=format_short_day(other, lang) if other else "")
        where.setdefault((service, f"{why} ({note})" if note else why), {})[sector] = None
    return [
        catalogue_text("t_different", lang, where=", ".join(sectors), what=service, why=why)
        for (service, why), sectors in where.items()
    ]
