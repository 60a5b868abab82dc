"""Tickets and trips: which load of which tour a ticket is, by truck and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fleet import Plan, Ticket

#: A ticket further from its trip than this is another's: crews run late, not half a shift.
APART = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Trip:
    """One unloading: which tour's, its truck, when, where, and the n-th of its tour.

    ``kg``: what the plan expects in it, by (sector, flux). ``tasks``: the same by (task, flux).
    """

    tour: str
    truck: str
    at: datetime
    nth: int = 1
    site: str | None = None
    kg: Mapping[tuple[str, str], float] = field(default_factory=dict)
    tasks: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def by_flux(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for (_, flux), kg in self.kg.items():
            found[flux] = found.get(flux, 0.0) + kg
        return found


@dataclass(frozen=True, slots=True)
class Pairing:
    pairs: tuple[tuple[Ticket, Trip], ...]
    tickets_alone: tuple[Ticket, ...]
    trips_alone: tuple[Trip, ...]


def trips_of(plan: Plan, site: str | None = None, left_out: Collection[tuple[str, str]] = ()) -> list[Trip]:
    """The unloadings of a plan, those at ``site`` only where one is given.

    ``left_out``: (truck, task) that was not collected after all: its kilos are in no load.
    """
    found = []
    tasks = plan.tasks_by_id
    for tour in plan.tours:
        nth, kg, by_task = 0, defaultdict[tuple[str, str], float](float), dict[tuple[str, str], float]()
        for leg in tour.legs:
            if leg.kind == "collect" and leg.task in tasks and (tour.truck, leg.task) not in left_out:
                for flux, value in leg.kg.items():
                    kg[tasks[leg.task].sector, flux] += value
                    by_task[leg.task, flux] = by_task.get((leg.task, flux), 0.0) + value
            elif leg.kind == "unload":
                nth += 1
                found.append(
                    Trip(
                        tour=tour.id,
                        truck=tour.truck,
                        at=leg.end_at,
                        nth=nth,
                        site=leg.site,
                        kg=dict(kg),
                        tasks=by_task,
                    )
                )
                kg, by_task = defaultdict(float), {}
    return [trip for trip in found if site is None or trip.site == site]


def match_tickets(tickets: Iterable[Ticket], trips: Iterable[Trip], apart: timedelta = APART) -> Pairing:
    """Each truck's tickets laid beside its trips in order of time, none crossing, so that the differences are least."""
    tickets, trips = sorted(tickets, key=lambda t: t.at), sorted(trips, key=lambda t: t.at)
    pairs: list[tuple[Ticket, Trip]] = []
    for truck in sorted({ticket.truck for ticket in tickets if ticket.truck}):
        mine = [ticket for ticket in tickets if ticket.truck == truck]
        pairs += _aligned(mine, [trip for trip in trips if trip.truck == truck], apart.total_seconds())
    taken = {id(thing) for pair in pairs for thing in pair}
    return Pairing(
        tuple(pairs),
        tuple(ticket for ticket in tickets if id(ticket) not in taken),
        tuple(trip for trip in trips if id(trip) not in taken),
    )


def _aligned(tickets: Sequence[Ticket], trips: Sequence[Trip], apart_s: float) -> list[tuple[Ticket, Trip]]:
    """Least sum of differences, one left alone on either side costing half of ``apart_s``."""
    cost = [[(i + j) * apart_s / 2 for j in range(len(trips) + 1)] for i in range(len(tickets) + 1)]
    for i, ticket in enumerate(tickets, 1):
        for j, trip in enumerate(trips, 1):
            alone = min(cost[i - 1][j], cost[i][j - 1]) + apart_s / 2
            cost[i][j] = min(alone, cost[i - 1][j - 1] + abs((ticket.at - trip.at).total_seconds()))
    pairs = []
    i, j = len(tickets), len(trips)
    while i and j:
        difference = abs((tickets[i - 1].at - trips[j - 1].at).total_seconds())
        if difference <= apart_s and cost[i][j] == cost[i - 1][j - 1] + difference:
            i, j = i - 1, j - 1
            pairs.append((tickets[i], trips[j]))
        elif cost[i][j] == cost[i - 1][j] + apart_s / 2:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]
