"""The checker's judgement of a plan's own figures: counted again from its legs, which the map and the clock prove.

Compared are km, hours, trips, reversals and kilos, by tour and in all, and the served share. What a plan does not say
is not missed: plans made by hand have no figures. Energy, CO2e and euros follow from these and the area's prices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleet import Plan, Tour
from optimizer.check.faults import Fault, fault

#: How far a figure may be off, and how far by rounding alone.
SLACK = 0.01
ROUNDING = {"km": 0.05, "hours.total": 0.02, "kg": 0.5, "served": 0.001}


def figure_faults(plan: Plan) -> Iterator[Fault]:
    """Figures that do not follow from the legs."""
    due = {tour.id: _counted(tour) for tour in plan.tours}
    told = plan.figures.get("tours", {})
    for id_ in told if isinstance(told, Mapping) else ():
        if id_ in due:
            yield from _differing(id_, told[id_], due[id_])
        else:
            yield fault("FIGURES_WRONG.tour", None, None, None, named=id_)
    total: dict[str, float] = dict.fromkeys(("km", "hours.total", "trips", "reversals"), 0.0)
    for counted in due.values():
        for name, value in counted.items():
            total[name] = total.get(name, 0.0) + value
    yield from _differing(None, plan.figures.get("total", {}), total)
    served = {leg.task for tour in plan.tours for leg in tour.legs if leg.kind == "collect"}
    whole = sum(task.total_kg for task in plan.tasks)
    share = sum(task.total_kg for task in plan.tasks if task.id in served) / whole if whole > 0 else 1.0
    shares = plan.figures.get("shares", {})
    if isinstance(shares, Mapping) and "served" in shares:
        yield from _compared(None, "served", shares["served"], share)


def _counted(tour: Tour) -> dict[str, float]:
    """By name of the figure; kilos as "kg.<flux>"."""
    found = {
        "km": sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000,
        "hours.total": (tour.end_at - tour.start_at).total_seconds() / 3600,
        "trips": float(sum(leg.kind == "unload" for leg in tour.legs)),
        "reversals": float(sum(leg.reversals for leg in tour.legs)),
    }
    for leg in tour.legs:
        for flux, kg in leg.kg.items() if leg.kind == "collect" else ():
            found[f"kg.{flux}"] = found.get(f"kg.{flux}", 0.0) + kg
    return found


def _differing(tour: str | None, told: Any, due: Mapping[str, float]) -> Iterator[Fault]:
    if not isinstance(told, Mapping):
        yield fault("FIGURES_WRONG", tour, None, None, what="figures", own=str(told)[:40], due="{}")
        return
    for name in ("km", "trips", "reversals"):
        if name in told:
            yield from _compared(tour, name, told[name], due[name])
    hours, kg = told.get("hours", {}), told.get("kg", {})
    if isinstance(hours, Mapping) and "total" in hours:
        yield from _compared(tour, "hours.total", hours["total"], due["hours.total"])
    if "kg_total" in told:
        collected = sum(value for name, value in due.items() if name.startswith("kg."))
        yield from _compared(tour, "kg_total", told["kg_total"], collected)
    if not isinstance(kg, Mapping):
        yield fault("FIGURES_WRONG", tour, None, None, what="kg", own=str(kg)[:40], due="{}")
    elif "kg" in told:
        names = sorted({name.removeprefix("kg.") for name in due if name.startswith("kg.")} | set(kg))
        for flux in names:
            yield from _compared(tour, f"kg.{flux}", kg.get(flux, 0.0), due.get(f"kg.{flux}", 0.0))


def _compared(tour: str | None, name: str, own: Any, due: float) -> Iterator[Fault]:
    slack = ROUNDING.get("kg" if name.startswith("kg") else name, 0.0)
    # "True" is a number to Python, not to JSON.
    wrong = isinstance(own, bool) or not isinstance(own, int | float) or not abs(own - due) <= slack + SLACK * abs(due)
    if wrong:
        yield fault("FIGURES_WRONG", tour, None, None, what=name, own=str(own)[:40], due=f"{due:.6g}")
