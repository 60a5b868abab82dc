"""``ripeur balance``, ``ripeur learn`` and ``ripeur compare``: what was weighed and sorted, beside what was planned."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from depot_api.commands.db_option import add_db_to
from depot_api.commands.exit_codes import FAULTY, GOOD
from fleet import Outcome, Plan, Sorting, Ticket

if TYPE_CHECKING:
    from depot_api.store import Store
    from optimizer.area import Area
    from optimizer.demand import WeighedLoads
    from weighbridge.balance import TornBags, Trip

#: Samples and stocks from so long before a day count for it.
BACK = timedelta(days=400)
NOT_COLLECTED = ("not_done", "blocked", "not_presented", "refused")


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these commands to ``ripeur``."""
    balance = subparsers.add_parser("balance", help="close a sorting site's day: in, out by flux, residue, stock, gap")
    add_db_to(balance)
    balance.add_argument("--date", type=date.fromisoformat, required=True)
    balance.add_argument("--site", help="only this site (all that weighed or sorted)")
    balance.add_argument("--area", type=Path, help="its time zone; its trucks' bodies, for torn bags")
    balance.add_argument("--plan", type=Path, metavar="plan.json", help="else the depot's plan of that day")
    balance.add_argument("--timezone", default=None)
    balance.add_argument("--lang", choices=("fr", "en"))
    balance.set_defaults(run=_balance)

    learn = subparsers.add_parser("learn", help="correct an area's demand by sector and flux after its weighings")
    learn.add_argument("area", type=Path, metavar="AREA")
    add_db_to(learn)
    learn.add_argument("--from", dest="since", type=date.fromisoformat, help="first day (90 days before --to)")
    learn.add_argument("--to", dest="until", type=date.fromisoformat, help="last day (yesterday)")
    learn.add_argument("--out", type=Path, help="the file to write (AREA/learned.csv)")
    learn.set_defaults(run=_learn)

    compare = subparsers.add_parser("compare", help="two plans side by side: hours, euros, unloadings, densities, bags")
    compare.add_argument("plan_a", type=Path, metavar="PLAN_A", help="a plan.json, or a folder that holds one")
    compare.add_argument("plan_b", type=Path, metavar="PLAN_B")
    compare.add_argument("--area", type=Path, required=True)
    compare.add_argument("--db", metavar="URL", help="the depot's samples: what density does to bags")
    compare.add_argument("--not-recycled", action="append", metavar="FLUX", help="(residual); may be repeated")
    compare.add_argument("--lang", choices=("fr", "en"))
    compare.set_defaults(run=_compare)


def _area(folder: Path | None) -> Area | None:
    from optimizer.area import read_area

    return read_area(folder) if folder is not None else None


def _plan_file(path: Path) -> Plan:
    path = path / "plan.json" if path.is_dir() else path
    try:
        return Plan.read(path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: is not a plan: {error!r}") from None


def _facts(store: Store, kinds: list[str], zone: ZoneInfo, first: date, last: date) -> list[Any]:
    """Facts of these kinds on these local days, in the order in which they came in."""
    from weighbridge.balance import local_day_bounds

    since, until = local_day_bounds(first, zone)[0], local_day_bounds(last, zone)[1] + timedelta(microseconds=1)
    return [row.fact() for row in sorted(store.facts(kind=kinds, since=since, until=until), key=lambda row: row.seq)]


def _bodies(area: Area | None) -> dict[str, tuple[str, float]]:
    """By truck: what kind of body it has, and its volume."""
    found = {}
    for truck in area.trucks if area else ():
        volume_m3 = sum(part.volume_m3 for part in truck.compartments)
        found[truck.id] = (f"{volume_m3:g} m3", volume_m3)
    return found


# --- ripeur balance ---------------------------------------------------------------------------------------------------


def _balance(args: argparse.Namespace) -> int:
    from depot_api.commands.balance_words import day_lines, torn_lines
    from depot_api.duty import plan_in_force
    from depot_api.store import Store
    from weighbridge.balance import (
        close_day,
        fit_torn_bags,
        match_tickets,
        sampled_loads,
        samples_of,
        tour_shares,
        trips_of,
    )

    area = _area(args.area)
    zone = ZoneInfo(args.timezone or (area.timezone if area else "Europe/Paris"))
    lang = args.lang or (area.language if area else "fr")
    with Store(args.db, make=False) as store:
        facts = _facts(store, ["ticket", "sorting"], zone, args.date - BACK, args.date)
        undone = _undone(store, zone, args.date)
        in_force = None if args.plan else plan_in_force(store, args.date)
    plan = _plan_file(args.plan) if args.plan else (in_force.plan if in_force else None)
    tickets = [fact for fact in facts if isinstance(fact, Ticket)]
    sortings = [fact for fact in facts if isinstance(fact, Sorting)]
    sites = [args.site] if args.site else sorted({fact.site for fact in facts})
    samples = [s for s in sortings if s.ticket is not None]
    closed = True
    for site in sites:
        day = close_day(site, args.date, tickets, sortings, zone)
        if not day.tickets and not day.reports:
            continue
        pairing = match_tickets(day.tickets, trips_of(plan, site, undone) if plan else [])
        here = [s for s in samples if s.site == site]
        tours = tour_shares(day, pairing, here)
        print("\n".join(day_lines(day, pairing, tours, sampled_loads(day, here), plan is not None, lang)))
        closed = closed and bool(day.reports)
    torn = fit_torn_bags(samples_of(tickets, samples, _bodies(area)))
    print("\n".join(torn_lines(torn, area is not None, lang)))
    return GOOD if closed else FAULTY


def _undone(store: Store, zone: ZoneInfo, day: date) -> set[tuple[str, str]]:
    """(truck, task) that the crew says it did not collect."""
    found: set[tuple[str, str]] = set()
    for fact in _facts(store, ["outcome"], zone, day, day):
        if isinstance(fact, Outcome):
            (found.add if fact.outcome in NOT_COLLECTED else found.discard)((fact.truck, fact.task))
    return found


# --- ripeur learn -----------------------------------------------------------------------------------------------------


def _learn(args: argparse.Namespace) -> int:
    from depot_api.store import Store
    from optimizer.demand import LEAST_DWELLINGS, learn_factors, write_learned

    area = _area(args.area)
    assert area is not None
    zone = ZoneInfo(area.timezone)
    until = args.until or date.today() - timedelta(days=1)  # noqa: DTZ011 - the planner's own day
    since = args.since or until - timedelta(days=90)
    if since > until:
        raise ValueError(f"--from = {since}, must not be after --to = {until}")
    evidence = _Evidence(area, zone)
    with Store(args.db, make=False) as store:
        for day in (since + timedelta(days=k) for k in range((until - since).days + 1)):
            evidence.add(store, day)
    known = {sector.name for sector in area.sectors}
    if strange := sorted(evidence.dwellings.keys() - known):
        print(f"not learned of, no sectors of this area: {', '.join(strange)}")
    learned = [one for one in learn_factors(evidence.rows, evidence.dwellings) if one.sector in known]
    for line in evidence.notes:
        print(line)
    small = sorted(sector for sector, count in evidence.dwellings.items() if count < LEAST_DWELLINGS)
    if small:
        print(f"not learned of, fewer than {LEAST_DWELLINGS} homes: {', '.join(small)}")
    if not learned:
        print(f"nothing to learn from between {since} and {until}: no ticket meets a trip of a published plan")
        return FAULTY
    for one in learned:
        print(f"{one.sector:24} {one.flux:16} x{one.factor:.2f} ({one.low:.2f}-{one.high:.2f}), {one.loads} loads")
    path = args.out or area.folder / (area.demand.learned or "learned.csv")
    write_learned(learned, path)
    print(path)
    if area.demand.learned is None:
        print(f'in force once area.toml says, under [demand]: learned = "{path.name}"')
    return GOOD


class _Evidence:
    """Rows for ``learn_factors``, day by day: what plans expect, taken back to the estimate where it was corrected."""

    def __init__(self, area: Area, zone: ZoneInfo) -> None:
        from optimizer.demand import read_learned

        self.area, self.zone = area, zone
        self.rows: list[WeighedLoads] = []
        self.dwellings: dict[str, int] = {}
        self.notes: list[str] = []
        self._factor: dict[tuple[str, str], float] = {}
        if area.demand.learned:
            path = area.folder / area.demand.learned
            known = read_learned(path, [s.name for s in area.sectors], [f.name for f in area.flux])
            self._factor = {(one.sector, one.flux): one.factor for one in known}

    def add(self, store: Store, day: date) -> None:
        from depot_api.duty import plan_in_force
        from optimizer.demand import WeighedLoads
        from weighbridge.balance import close_day, match_tickets, trips_of

        in_force = plan_in_force(store, day)
        if in_force is None:
            return
        plan = in_force.plan
        if not self._comparable(plan):
            self.notes.append(f"{day}: left out, its plan was corrected by another {self.area.demand.learned}")
            return
        count: dict[str, int] = defaultdict(int)
        for task in plan.tasks:
            count[task.sector] += task.dwellings
        self.dwellings |= {s: max(n, self.dwellings.get(s, 0)) for s, n in count.items()}
        facts = _facts(store, ["ticket", "sorting"], self.zone, day - timedelta(days=7), day)
        tickets = [fact for fact in facts if isinstance(fact, Ticket)]
        sortings = [fact for fact in facts if isinstance(fact, Sorting)]
        undone = _undone(store, self.zone, day)
        for site in sorted({ticket.site for ticket in tickets}):
            closed = close_day(site, day, tickets, sortings, self.zone)
            pairing = match_tickets(closed.tickets, trips_of(plan, site, undone))
            self.rows += [WeighedLoads(ticket.net_kg, self._estimate([trip])) for ticket, trip in pairing.pairs]
            if pairing.tickets_alone or pairing.trips_alone:
                continue  # the plant's day is not that of the plan
            trips = [trip for _, trip in pairing.pairs]
            sorted_kg = sum(kg for flux, kg in closed.out_kg.items() if flux != "residue")
            for flux, kg in closed.out_kg.items():
                mine = {cell: value for cell, value in self._estimate(trips).items() if cell[1] == flux}
                if flux != "residue" and mine and sorted_kg > 0:  # residue comes out of every flux alike
                    self.rows.append(WeighedLoads(closed.in_kg * kg / sorted_kg, mine, loads=0))

    def _comparable(self, plan: Plan) -> bool:
        name = self.area.demand.learned
        digests: Mapping[str, str] = plan.area.get("digests", {})
        if name is None or name not in digests:
            return True
        return digests[name] == self.area.digests()[name]

    def _estimate(self, trips: Iterable[Trip]) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = defaultdict(float)
        for trip in trips:
            for cell, kg in trip.kg.items():
                found[cell] += kg / self._factor.get(cell, 1.0)
        return dict(found)


# --- ripeur compare ---------------------------------------------------------------------------------------------------


def _compare(args: argparse.Namespace) -> int:
    from depot_api.commands.balance_words import compare_lines

    area = _area(args.area)
    assert area is not None
    plans = [_plan_file(path) for path in (args.plan_a, args.plan_b)]
    not_recycled = args.not_recycled or ["residual"]
    unknown = sorted(set(not_recycled) - {flux.name for flux in area.flux})
    if unknown and args.not_recycled:
        raise ValueError(f"--not-recycled = {unknown[0]!r}, must be one of {', '.join(f.name for f in area.flux)}")
    torn = _torn(args.db, area)
    sides = [_side(plan, area, torn, not_recycled) for plan in plans]
    print("\n".join(compare_lines(sides, torn, args.lang or area.language)))
    return GOOD


def _torn(db: str | None, area: Area) -> TornBags:
    from depot_api.store import Store
    from weighbridge.balance import fit_torn_bags, samples_of

    if db is None:
        return fit_torn_bags([])
    with Store(db, make=False) as store:
        facts = [row.fact() for row in store.facts(kind=["ticket", "sorting"])]
    tickets = [fact for fact in facts if isinstance(fact, Ticket)]
    return fit_torn_bags(samples_of(tickets, (f for f in facts if isinstance(f, Sorting)), _bodies(area)))


def _side(plan: Plan, area: Area, torn: TornBags, not_recycled: list[str]) -> dict[str, Any]:
    """One plan's figures. ``recycled_t``: (mid, low, high), None where what density does to bags is not known."""
    from optimizer.planning import plan_figures

    total = plan_figures(plan, area, 1.0)["total"]
    loads = list(_loads(plan, area))
    recycled: list[float] | None = [0.0, 0.0, 0.0]
    for density, kg in loads:
        useful_t = sum(value for flux, value in kg.items() if flux not in not_recycled) / 1000
        at = torn.at(density)
        if recycled is None or (at is None and useful_t > 0):
            recycled = None
        elif at is not None:
            recycled = [
                have + useful_t * (1 - share) for have, share in zip(recycled, (at[0], at[2], at[1]), strict=True)
            ]
    return {
        "name": f"{plan.date} {plan.engine}", "hours": total["hours"]["total"], "eur": total["eur"]["total"],
        "unloadings": total["trips"], "km": total["km"], "co2e_kg": total["co2e_kg"], "t": total["kg_total"] / 1000,
        "unserved": len(plan.unserved), "densest_kg_m3": max((density for density, _ in loads), default=0.0),
        "recycled_t": recycled if loads else None,
    }  # fmt: skip


def _loads(plan: Plan, area: Area) -> Iterator[tuple[float, Mapping[str, float]]]:
    """Each unloading of bags: the density in its compartment, and its kilos by flux."""
    bagged = {flux.name for flux in area.flux if flux.bag_colour is not None}
    for tour in plan.tours:
        parts = area.truck(tour.truck).compartments
        for leg in tour.legs:
            if leg.kind != "unload":
                continue
            for part in parts:
                kg = {flux: leg.kg[flux] for flux in part.flux if flux in leg.kg and flux in bagged}
                if sum(kg.values()) > 0:
                    yield sum(kg.values()) / part.volume_m3, kg
