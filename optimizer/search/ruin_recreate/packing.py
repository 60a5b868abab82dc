"""Other prices for a while, by which plans come out with fewer and fuller trips and trucks.

Where trucks are nearly full, the last one too many is hard to get rid of: no change of a few streets does it, and each
step on the way costs. So a cycle begins on a ground where a trip and a truck are dear and a task left out costs its
share of some trips: plans with one trip less and something left out are then on the way to plans with one trip less.
The second half of the cycle goes on from there at true prices. The aim is that of the fleet's minimization in
Christiaens and Vanden Berghe (2020), who count how often a task was left out; here prices alone do it, and the kernels
know nothing of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.search.ruin_recreate.ground import EUR, FIXED, MOST_WORK, SEC, Floats, Ground

#: What a trip costs more, in links per task that fits into it, and what a truck costs at least, in links per task that
#: it has in the plan; what a task left out costs, in its share of such trips and of a truck's day.
DEAR_LINKS, LEFT_OUT_TRIPS = 2.5, 3.0


def packed(ground: Ground, link_eur: float, trucks: int, *, trips: bool, leaving: bool) -> Ground | None:
    """The same problem where a truck that costs something is dear; with ``trips`` a trip too, and then with
    ``leaving`` a task may be left out cheaply. None where none of this changes a price.

    ``link_eur``: what a link costs on average; ``trucks``: how many the plan uses."""
    dear = _trucks(ground, link_eur, trucks)
    if trips:
        dear = _trips(dear, link_eur, leaving)
    return None if dear is ground else dear


def _trucks(ground: Ground, link_eur: float, trucks: int) -> Ground:
    """Where trucks are dear; the same where they are already, or cost nothing, so that more of them may be right."""
    truck_eur = link_eur * DEAR_LINKS * len(ground.load) / max(1, trucks)
    cheap = (ground.by_shift[:, FIXED] > 0) & (ground.by_shift[:, FIXED] < truck_eur)
    if not cheap.any():
        return ground
    by_shift = ground.by_shift.copy()
    by_shift[cheap, FIXED] = truck_eur
    return ground._replace(by_shift=by_shift)


def _trips(ground: Ground, link_eur: float, leaving: bool) -> Ground:
    """Where trips are dear; the same where loads do not decide how many there are."""
    mean = ground.load.mean(0)
    loaded = mean > 0
    capacity = ground.capacity[:, loaded].max(0)
    fits = float((capacity / mean[loaded]).min(initial=np.inf))  # tasks in the largest truck
    if fits >= len(ground.load):
        return ground
    trip_eur = link_eur * DEAR_LINKS * fits
    prices: dict[str, Any] = {}
    if len(ground.shape.unloads):
        prices = {"into": ground.into.copy(), "home": ground.home.copy(), "trip_eur": ground.trip_eur + trip_eur}
        prices["into"][..., EUR] += trip_eur
        prices["home"][ground.ways[:, 0, 0] >= 0, :, EUR] += trip_eur
    else:
        prices = {"by_shift": ground.by_shift.copy()}
        prices["by_shift"][:, FIXED] += trip_eur
    if leaving:
        share_eur = trip_eur * (ground.load[:, loaded] / capacity).max(1)
        share_eur += ground.by_shift[:, FIXED].max() * _days(ground, link_eur)
        prices["unserved_eur"] = np.minimum(ground.unserved_eur, ground.least_eur + LEFT_OUT_TRIPS * share_eur)
    return ground._replace(**prices)


def _days(ground: Ground, link_eur: float) -> Floats:
    """Which part of a truck's day each task takes, with a link to it: of what it may load, serve, and work."""
    link_s = link_eur / max(10 * float(ground.rate.max()), 1e-9)
    seconds = np.where(np.isfinite(ground.serve[..., EUR]), ground.serve[..., SEC], np.inf).min((0, 2))
    seconds[np.isinf(seconds)] = 0.0  # nobody can serve it
    dims = ground.load.shape[1]
    most = ground.daily.max(0)
    if not len(ground.shape.unloads):  # a day is a trip
        most[:dims] = np.minimum(most[:dims], ground.capacity.max(0))
    parts = (ground.load / most[:dims]).max(1, initial=0.0)
    work_s = float(ground.by_shift[:, MOST_WORK].max())
    parts = np.maximum(parts, (seconds + link_s) / work_s)
    days: Floats = np.maximum(parts, 1 / most[dims])
    return days
