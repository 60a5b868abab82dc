"""A plan's figures: km, hours by phase, trips, kilos, energy, CO2e, euros, reversals; per tour and in all.

Everything is counted from the plan's own legs, so that a plan made by hand has the same figures as one made here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fleet import Plan, Tour
from optimizer.area import Area

#: The phase that a leg's time goes to. What is between two legs is waiting.
PHASES = {"depot": "service", "drive": "drive", "collect": "collect", "unload": "unload", "break": "break"}
HOURS = ("service", "drive", "collect", "unload", "break", "wait", "total", "overtime")
EUROS = ("crew", "overtime", "km", "truck", "gate", "reversals", "total")


def plan_figures(plan: Plan, area: Area, covered_share: float) -> dict[str, Any]:
    """``{"tours": {id: F}, "total": F, "shares": {"covered", "served"}}``; ``docs/plan.md`` gives the keys of F.

    ``covered_share``: length of the streets with waste that the promised weeks cover, of those a truck reaches (0-1).
    """
    tours = {tour.id: tour_figures(tour, plan, area) for tour in plan.tours}
    left = {u.task for u in plan.unserved}
    due_kg = sum(task.total_kg for task in plan.tasks)
    served_kg = sum(task.total_kg for task in plan.tasks if task.id not in left)
    shares = {"covered": round(covered_share, 4), "served": round(served_kg / due_kg, 4) if due_kg else 1.0}
    return {"tours": tours, "total": total_figures(tours.values()), "shares": shares}


def tour_figures(tour: Tour, plan: Plan, area: Area) -> dict[str, Any]:
    """The figures of one tour."""
    truck, shift = area.truck(tour.truck), area.shift(tour.shift)
    tasks = plan.tasks_by_id
    hours = dict.fromkeys(HOURS, 0.0)
    for leg in tour.legs:
        hours[PHASES[leg.kind]] += leg.duration_s / 3600
    hours["total"] = (tour.end_at - tour.start_at).total_seconds() / 3600
    hours["wait"] = max(0.0, hours["total"] - sum(hours[p] for p in PHASES.values()))
    hours["overtime"] = max(0.0, hours["total"] - shift.length_s / 3600)
    km = sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000
    collected: dict[str, float] = defaultdict(float)
    gate = 0.0
    prices = {site.id: site.eur_per_t for _, site in area.sites}
    for leg in tour.legs:
        if leg.kind == "collect":
            for flux, kg in leg.kg.items():
                collected[flux] += kg
        elif leg.kind == "unload" and leg.site in prices:
            gate += sum(leg.kg.values()) / 1000 * prices[leg.site]
    energy = truck.energy_per_km * km + truck.energy_per_h * (hours["collect"] + hours["unload"])
    reversals = sum(leg.reversals for leg in tour.legs)
    euros = {
        "crew": (hours["total"] - hours["overtime"]) * area.prices.eur_per_h,
        "overtime": hours["overtime"] * area.prices.eur_per_overtime_h,
        "km": km * truck.eur_per_km,
        "truck": truck.eur_per_day + (area.prices.eur_per_call_out if shift.catch_up else 0.0),
        "gate": gate,
        "reversals": reversals * area.prices.eur_per_reversal,
    }
    euros["total"] = sum(euros.values())
    tonnes = sum(collected.values()) / 1000
    collects = [leg for leg in tour.legs if leg.kind == "collect"]
    return {
        "km": round(km, 2),
        "hours": {k: round(v, 3) for k, v in hours.items()},
        "trips": sum(leg.kind == "unload" for leg in tour.legs),
        "kg": {flux: round(kg, 1) for flux, kg in sorted(collected.items())},
        "kg_total": round(tonnes * 1000, 1),
        "energy": {truck.energy_unit: round(energy, 1)},
        "co2e_kg": round(energy * truck.co2e_kg_per_unit, 1),
        "eur": {k: round(v, 2) for k, v in euros.items()},
        "eur_per_t": round(euros["total"] / tonnes, 2) if tonnes else None,
        "reversals": reversals,
        "reversing_m": round(sum(leg.reversing_m for leg in tour.legs), 1),
        "stops": len(collects),
        "dwellings": sum(tasks[leg.task].dwellings for leg in collects if leg.task in tasks),
        "foot_m": round(sum(leg.length_m for leg in tour.legs if leg.mode == "foot"), 1),
    }


def total_figures(tours: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of several tours' figures; of none, zeros."""
    found = list(tours)

    def added(key: str) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for f in found:
            for name, value in f[key].items():
                sums[name] += value
        return {name: round(value, 3) for name, value in sorted(sums.items())}

    eur = {k: round(sum(f["eur"][k] for f in found), 2) for k in EUROS}
    kg_total = sum(f["kg_total"] for f in found)
    plain = ("km", "trips", "co2e_kg", "reversals", "reversing_m", "stops", "dwellings", "foot_m")
    return {
        **{key: round(sum(f[key] for f in found), 2) for key in plain},
        "hours": {k: round(sum(f["hours"][k] for f in found), 3) for k in HOURS},
        "kg": added("kg"), "kg_total": round(kg_total, 1), "energy": added("energy"), "eur": eur,
        "eur_per_t": round(eur["total"] / kg_total * 1000, 2) if kg_total else None,
    }  # fmt: skip
