"""The checker's judgement of loads: what is on board after each leg, and what body it has to fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleet import Leg, Site, Tour, Truck
from optimizer.check.faults import Fault, fault

#: Rounding of the written kg, and a bin's worth of doubt.
SLACK_KG = 0.5


def load_faults(
    tour: Tour, truck: Truck | None, sites: Mapping[str, Site], density_kg_m3: Mapping[str, float]
) -> Iterator[Fault]:
    """Follow the load leg by leg. ``density_kg_m3``: by flux. An overload is told once per trip."""
    on_board: dict[str, float] = {}
    told: set[tuple[str, object]] = set()
    for k, leg in enumerate(tour.legs):
        if leg.kind == "unload":
            yield from _unloaded(tour, k, leg, on_board, sites.get(leg.site or ""))
            told = set()
        elif leg.kind == "collect":
            for flux, kg in leg.kg.items():
                on_board[flux] = on_board.get(flux, 0.0) + kg
        due = on_board
        for flux in sorted(due.keys() | leg.load_after_kg.keys()):
            own, expected = leg.load_after_kg.get(flux, 0.0), due.get(flux, 0.0)
            if abs(own - expected) > SLACK_KG + 0.001 * expected:
                yield fault("NOT_CONTINUOUS.load", tour.id, k, leg.task, flux=flux, own=own, due=expected)
                on_board[flux] = own  # told once, not again on every leg to come
        if truck is not None and leg.kind == "collect":
            for found in _body(tour, k, leg, on_board, truck, density_kg_m3):
                kind = (found.code, found.values["flux"] if found.code == "WRONG_FLUX" else None)
                if kind not in told:
                    told.add(kind)
                    yield found
    left = sum(on_board.values())
    if left > SLACK_KG:
        yield fault("NOT_EMPTIED", tour.id, len(tour.legs) - 1, None, own=left)


def _unloaded(tour: Tour, k: int, leg: Leg, on_board: dict[str, float], site: Site | None) -> Iterator[Fault]:
    """Take off what the leg says: its ``kg``, or, where it has none, what its ``load_after_kg`` lacks."""
    for flux, before in list(on_board.items()):
        off = leg.kg.get(flux, 0.0) if leg.kg else before - leg.load_after_kg.get(flux, 0.0)
        on_board[flux] = max(before - off, 0.0)
        if off > SLACK_KG and site is not None and flux not in site.accepts:
            yield fault("WRONG_FLUX.site", tour.id, k, None, site=site.id, flux=flux)


def _body(
    tour: Tour, k: int, leg: Leg, on_board: Mapping[str, float], truck: Truck, density_kg_m3: Mapping[str, float]
) -> Iterator[Fault]:
    total = sum(on_board.values())
    if total > truck.payload_kg + SLACK_KG:
        yield fault("OVER_PAYLOAD", tour.id, k, leg.task, own=total, limit=truck.payload_kg)
    for part in truck.compartments:
        inside = {flux: on_board[flux] for flux in part.flux if on_board.get(flux, 0.0) > 0}
        kg = sum(inside.values())
        m3 = sum(kg_f / density_kg_m3[flux] for flux, kg_f in inside.items() if flux in density_kg_m3)
        names = ", ".join(inside)
        if m3 > part.volume_m3 * 1.001:
            yield fault("OVER_VOLUME", tour.id, k, leg.task, own=m3, flux=names, limit=part.volume_m3)
        crushed = kg / part.volume_m3
        if part.max_density_kg_m3 is not None and crushed > part.max_density_kg_m3 * 1.001:
            yield fault("OVER_DENSITY", tour.id, k, leg.task, own=crushed, flux=names, limit=part.max_density_kg_m3)
    carried = {flux for part in truck.compartments for flux in part.flux}
    for flux, kg in leg.kg.items():
        if kg > 0 and (flux not in carried or flux not in density_kg_m3):
            yield fault("WRONG_FLUX", tour.id, k, leg.task, truck=truck.id, flux=flux)
