"""The colour-bag balance of a sorting site's day: what came over the bridge, and what came out of the pit.

All trucks tip into one pit, so only the site as a whole has a composition: bridge in = flux out + residue ± stock. What
is left over is the gap, and it is shown. Tours get their part of each flux by a plain model:

- a load's composition is Dirichlet around a mean, with the concentration ``KAPPA`` (loads scatter around their mean;
  15 means: a share of 30 % is between 12 and 50 % in nine loads of ten). The mean is the plan's demand where a plan is
  given, else the day's own shares;
- a sample of a load adds its counted bags, halved (bags of one street resemble each other), to that concentration;
- the means are then raked until tours add up to their tickets and fluxes to what the plant reports;
- the interval is ±1.645 standard deviations (90 %), narrowed by what the known totals take away, widened by the gap.

No figure by flux is given for a single load unless that load was sampled.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from fleet import Sorting, Ticket
from weighbridge.balance.trips import Pairing, Trip
from weighbridge.bridge import local_day_bounds

KAPPA = 15.0
BAG_DESIGN = 2.0  # counted bags per independent one
KG_PER_BAG = 4.0  # where a sample gives kilos only
Z90 = 1.645
RESIDUE = "residue"


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DayBalance:
    """``stock_kg``: by how much the pit's stock rose; None where the plant did not say both.

    ``gap_kg``: in - out - stock. ``replaced``: tickets that others replace, left out. ``reports``: how many rows of the
    plant it rests on.
    """

    site: str
    day: date
    tickets: tuple[Ticket, ...]
    replaced: tuple[Ticket, ...]
    in_kg: float
    out_kg: Mapping[str, float]
    stock_kg: float | None
    reports: int

    @property
    def gap_kg(self) -> float:
        return self.in_kg - sum(self.out_kg.values()) - (self.stock_kg or 0.0)

    @property
    def gap_share(self) -> float | None:
        return self.gap_kg / self.in_kg if self.in_kg > 0 else None

    @property
    def shares(self) -> dict[str, float]:
        """Of what came out, by flux and residue; empty where the plant reported nothing."""
        out = sum(self.out_kg.values())
        return {flux: kg / out for flux, kg in self.out_kg.items()} if out > 0 else {}


def tickets_in_force(tickets: Sequence[Ticket], zone: ZoneInfo) -> tuple[list[Ticket], list[Ticket]]:
    """Those that count, and those replaced: by a correction, or by a later row of the same site, number and day.

    ``tickets``: in the order in which they came in.
    """
    gone = {(ticket.site, ticket.corrects.lower()) for ticket in tickets if ticket.corrects}  # its own tickets only
    last: dict[tuple[str, str, date], str] = {}
    for ticket in tickets:
        last[ticket.site, ticket.number, ticket.at.astimezone(zone).date()] = ticket.id
    kept: list[Ticket] = []
    left: list[Ticket] = []
    for ticket in tickets:
        is_last = last[ticket.site, ticket.number, ticket.at.astimezone(zone).date()] == ticket.id
        (kept if is_last and (ticket.site, ticket.id.lower()) not in gone else left).append(ticket)
    return kept, left


def close_day(
    site: str, day: date, tickets: Sequence[Ticket], sorted_: Iterable[Sorting], zone: ZoneInfo
) -> DayBalance:
    """The balance of one day. ``sorted_``: the site's reports, the days before too (for the stock they left)."""
    since, until = local_day_bounds(day, zone)
    kept, left = tickets_in_force([ticket for ticket in tickets if ticket.site == site], zone)
    reports = [s for s in sorted_ if s.site == site and s.ticket is None and s.at <= until]
    today = [s for s in reports if since < s.at]  # a night shift's report at midnight is of the day that ends
    out: dict[str, float] = defaultdict(float)
    for report in today:
        if report.kg is not None:
            out[report.flux] += report.kg
    before, after = _stock([s for s in reports if s.at <= since]), _stock(reports)
    rise = after - before if before is not None and after is not None else None
    mine = tuple(ticket for ticket in kept if since <= ticket.at < until)
    gone = tuple(ticket for ticket in left if since <= ticket.at < until)
    return DayBalance(
        site=site,
        day=day,
        tickets=mine,
        replaced=gone,
        in_kg=sum(t.net_kg for t in mine),
        out_kg=dict(out),
        stock_kg=rise,
        reports=len(today),
    )


def _stock(reports: Sequence[Sorting]) -> float | None:
    """The last stock that each flux was said to leave, together."""
    last = {s.flux: s.stock_kg for s in sorted(reports, key=lambda s: s.at) if s.stock_kg is not None}
    return sum(last.values()) if last else None


@dataclass(frozen=True, slots=True)
class TourShare:
    """What a tour brought: its tickets' kilos, exactly; and its part of each flux, with the interval."""

    tour: str
    kg: float
    loads: int
    sampled: int
    flux: Mapping[str, Interval]


def _counted(samples: Iterable[Sorting]) -> dict[str, float]:
    """A sample's independent bags by flux."""
    found: dict[str, float] = defaultdict(float)
    for s in samples:
        bags = (s.bags or 0) + (s.torn_bags or 0)
        found[s.flux] += (bags or (s.kg or 0.0) / KG_PER_BAG) / BAG_DESIGN
    return {flux: n for flux, n in found.items() if n > 0}


def tour_shares(day: DayBalance, pairing: Pairing, samples: Iterable[Sorting]) -> list[TourShare]:
    """The day's fluxes over its tours; empty where the plant reported nothing. Tickets without a trip make one line
    of their own (``?``): their kilos are in the pit too."""
    total = day.shares
    if not total:
        return []
    counted: dict[str, list[Sorting]] = defaultdict(list)
    for sample in samples:
        if sample.ticket is not None:
            counted[sample.ticket].append(sample)
    trip_of = {ticket.id: trip for ticket, trip in pairing.pairs}
    loads = [ticket for ticket in day.tickets if ticket.net_kg > 0]
    names = sorted(total)
    means, kappas = [], []
    for ticket in loads:
        prior = _prior(trip_of.get(ticket.id), total)
        bags = _counted(counted.get(ticket.number, ()))
        kappa = KAPPA + sum(bags.values())
        means.append([(KAPPA * prior[f] + bags.get(f, 0.0)) / kappa for f in names])
        kappas.append(kappa)
    weights = [ticket.net_kg for ticket in loads]
    fitted = _raked(means, weights, [total[f] for f in names])
    spreads = [_variances(fitted, weights, kappas, k) for k in range(len(names))]
    by_tour: dict[str, list[int]] = defaultdict(list)
    for i, ticket in enumerate(loads):
        by_tour[trip_of[ticket.id].tour if ticket.id in trip_of else "?"].append(i)
    gap = abs(day.gap_share or 0.0)
    found = []
    for tour, mine in sorted(by_tour.items()):
        kg = sum(weights[i] for i in mine)
        flux = {}
        for k, name in enumerate(names):
            value = sum(fitted[i][k] * weights[i] for i in mine)
            variance = max(
                0.0, sum(spreads[k][i] for i in mine) - sum(spreads[k][i] for i in mine) ** 2 / _sum(spreads[k])
            )
            half = Z90 * math.sqrt(variance + (gap * value) ** 2)
            flux[name] = Interval(value, max(0.0, value - half), min(kg, value + half))
        sampled = sum(loads[i].number in counted for i in mine)
        found.append(TourShare(tour, kg, len(mine), sampled, flux))
    return found


def _sum(values: Sequence[float]) -> float:
    return sum(values) or 1.0


def _prior(trip: Trip | None, total: Mapping[str, float]) -> dict[str, float]:
    """What the plan expects of a load, residue taken from every flux alike; the day's shares where it says nothing."""
    planned = {f: kg for f, kg in trip.by_flux().items() if f in total and kg > 0} if trip else {}
    if not planned:
        return dict(total)
    residue = total.get(RESIDUE, 0.0)
    kg = sum(planned.values())
    found = {f: (1 - residue) * planned.get(f, 0.0) / kg for f in total if f != RESIDUE}
    # what the plan does not know of at all may be there all the same
    mixed = {f: 0.98 * share + 0.02 * total[f] for f, share in found.items()}
    scale = (1 - residue) / _sum(list(mixed.values()))
    return {f: share * scale for f, share in mixed.items()} | ({RESIDUE: residue} if RESIDUE in total else {})


def _raked(means: list[list[float]], weights: Sequence[float], total: Sequence[float]) -> list[list[float]]:
    """Compositions moved as little as it takes for the loads to add up to the totals (iterative proportional fit)."""
    wanted = [share * sum(weights) for share in total]
    fitted = [list(row) for row in means]
    for _ in range(200):
        for k, kg in enumerate(wanted):
            have = sum(row[k] * w for row, w in zip(fitted, weights, strict=True))
            for row in fitted:
                row[k] *= kg / have if have > 0 else 1.0
        worst = max((abs(sum(row) - 1) for row in fitted), default=0.0)
        fitted = [[x / (sum(row) or 1.0) for x in row] for row in fitted]
        if worst < 1e-9:
            break
    return fitted


def _variances(fitted: list[list[float]], weights: Sequence[float], kappas: Sequence[float], flux: int) -> list[float]:
    return [
        w * w * row[flux] * (1 - row[flux]) / (kappa + 1) for row, w, kappa in zip(fitted, weights, kappas, strict=True)
    ]


def sampled_loads(day: DayBalance, samples: Iterable[Sorting]) -> dict[str, dict[str, float]]:
    """By ticket number, the counted shares of each flux: only of loads that were sampled."""
    numbers = {ticket.number for ticket in day.tickets}
    found: dict[str, dict[str, float]] = {}
    for number in sorted(numbers):
        bags = _counted(s for s in samples if s.ticket == number)
        if bags:
            found[number] = {flux: n / sum(bags.values()) for flux, n in sorted(bags.items())}
    return found
