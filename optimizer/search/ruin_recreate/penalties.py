"""Penalised prices for a while, by which plans come out with fewer and fuller trips and trucks.

Where trucks are nearly full, the last one too many is hard to get rid of: no change of a few streets does it, and each
step on the way costs. So a cycle begins at prices where trips and trucks carry a penalty and a task left out costs its
share of some trips: plans with one trip less and something left out are then on the way to plans with one trip less.
The second half of the cycle goes on from there at true prices. The aim is that of the fleet's minimization in
Christiaens and Vanden Berghe (2020), who count how often a task was left out; here prices alone do it, and the kernels
know nothing of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.search.problem_arrays import Floats
from optimizer.search.ruin_recreate.kernel_arrays import EUR, FIXED_EUR, MAX_WORK_S, SEC, KernelArrays

#: What a trip costs more, in mean links per task that fits into it, and what a truck costs at least, in links per task
#: that it has in the plan; what a task left out costs, in its share of such trips and of a truck's day.
PENALTY_LINKS, OMISSION_TRIPS = 2.5, 3.0


def penalised(data: KernelArrays, link_eur: float, trucks: int, *, trips: bool, omissions: bool) -> KernelArrays | None:
    """The same problem where a truck that costs something is penalised; with ``trips`` a trip too, and then with
    ``omissions`` a task may be left out cheaply. None where none of this changes a price.

    ``link_eur``: what a link costs on average (€); ``trucks``: how many the plan uses.
    """
    other = _with_penalised_trucks(data, link_eur, trucks)
    if trips:
        other = _with_penalised_trips(other, link_eur, omissions)
    return None if other is data else other


def _with_penalised_trucks(data: KernelArrays, link_eur: float, trucks: int) -> KernelArrays:
    """Where trucks are penalised; the same where they cost as much, or nothing, so that more of them may be right."""
    truck_eur = link_eur * PENALTY_LINKS * len(data.load) / max(1, trucks)
    penalised_shifts = (data.by_shift[:, FIXED_EUR] > 0) & (data.by_shift[:, FIXED_EUR] < truck_eur)
    if not penalised_shifts.any():
        return data
    by_shift = data.by_shift.copy()
    by_shift[penalised_shifts, FIXED_EUR] = truck_eur
    return data._replace(by_shift=by_shift)


def _with_penalised_trips(data: KernelArrays, link_eur: float, omissions: bool) -> KernelArrays:
    """Where trips are penalised; the same where loads do not decide how many there are."""
    mean = data.load.mean(0)
    loaded = mean > 0
    capacity = data.capacity[:, loaded].max(0)
    tasks_per_trip = float((capacity / mean[loaded]).min(initial=np.inf))  # in the largest truck
    if tasks_per_trip >= len(data.load):
        return data
    trip_eur = link_eur * PENALTY_LINKS * tasks_per_trip
    fields: dict[str, Any] = {}
    if len(data.features.unloads):
        fields = {"to_unload": data.to_unload.copy(), "home": data.home.copy(), "trip_eur": data.trip_eur + trip_eur}
        fields["to_unload"][..., EUR] += trip_eur
        fields["home"][data.unload_sequences[:, 0, 0] >= 0, :, EUR] += trip_eur
    else:
        fields = {"by_shift": data.by_shift.copy()}
        fields["by_shift"][:, FIXED_EUR] += trip_eur
    if omissions:
        share_eur = trip_eur * (data.load[:, loaded] / capacity).max(1)
        share_eur += data.by_shift[:, FIXED_EUR].max() * _share_of_a_day(data, link_eur)
        fields["unserved_eur"] = np.minimum(data.unserved_eur, data.least_service_eur + OMISSION_TRIPS * share_eur)
    return data._replace(**fields)


def _share_of_a_day(data: KernelArrays, link_eur: float) -> Floats:
    """(n): which part of a truck's day each task takes, with a link to it: of what it may load, serve, and work."""
    link_s = link_eur / max(10 * float(data.eur_per_ds.max()), 1e-9)
    seconds = np.where(np.isfinite(data.service[..., EUR]), data.service[..., SEC], np.inf).min((0, 2))
    seconds[np.isinf(seconds)] = 0.0  # nobody can serve it
    loads = data.load.shape[1]
    most = data.shift_limits.max(0)
    if not len(data.features.unloads):  # a day is a trip
        most[:loads] = np.minimum(most[:loads], data.capacity.max(0))
    parts = (data.load / most[:loads]).max(1, initial=0.0)
    work_s = float(data.by_shift[:, MAX_WORK_S].max())
    parts = np.maximum(parts, (seconds + link_s) / work_s)
    days: Floats = np.maximum(parts, 1 / most[loads])
    return days
