"""Demand: who lives on which side of which street, and what they put out in a week.

The number of people comes from the communes of area.toml (else from the map, else from a stated density). Addresses and
footprints x levels only *spread* them, each on the side of the street where it stands; where buildings are missing,
people are spread evenly along residential streets. Rows of real demand (``demand_csv``) replace what they name.
Everything that was assumed is said in ``Demand.notes``. The same input gives the same demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from optimizer.area import DWELLINGS, Area, Note, sector_of
from optimizer.demand.addresses import Address, merged_addresses, read_address_base
from optimizer.demand.communes import PEOPLE_PER_KM, Territories, populated_communes
from optimizer.demand.demand_file import KnownDemand, read_demand
from optimizer.demand.households import Households
from optimizer.demand.learning import read_learned
from optimizer.streets import (
    Extract,
    Floats,
    Ints,
    StreetNetwork,
    StretchIndex,
    house_number_parity,
    odd_sides,
    sides_by_house_number,
)

WEEKS_PER_YEAR = 365.2425 / 7
SIDES = ("left", "right")
#: A shop (bakery, restaurant, office) puts out about as much beside the households as so many inhabitants. ASSUMED.
SHOP_PEOPLE = 4.0
#: A door further than this from any collected street has nobody to collect from.
REACH_M = 200.0
#: Below this share of the residential length with a home on it, buildings are taken as not mapped.
COVERED_SHARE = 0.5
SPREAD_ALONG = ("residential", "living_street", "unclassified")
#: Share of people in blocks where no building tells. ASSUMED.
BLOCKS_SHARE = 0.5
#: Floor per person by which unmapped levels are guessed: 40 m2 of dwelling, walls and stairs added. ASSUMED.
FLOOR_M2_PER_PERSON = 45.0
MOST_LEVELS = 12.0


@dataclass(frozen=True, slots=True)
class Residents:
    """People and dwellings by kind on one side of a stretch: expected values, so not whole numbers."""

    people: float
    houses: float
    blocks: float
    shops: float

    @property
    def dwellings(self) -> float:
        return self.houses + self.blocks


@dataclass(frozen=True)
class Demand:
    """``dwellings``: by (stretch id, side), side as seen along ``Stretch.osm_nodes``; sides without anybody are absent.

    ``kg_per_person_week``: by flux; a shop counts as ``shop_people`` persons. ``known_kg``: real demand, kg per week
    by (stretch id, side, kind), replacing the estimate for the fluxes it names. ``learned``: by stretch id and flux, by
    what the estimate is multiplied: its sector's factor, learned from weighings.
    """

    dwellings: Mapping[tuple[str, str], Residents]
    kg_per_person_week: Mapping[str, float]
    services: Mapping[str, tuple[str, ...]]
    people_per_dwelling: float
    shop_people: float = SHOP_PEOPLE
    known_kg: Mapping[tuple[str, str, str], Mapping[str, float]] = field(default_factory=dict)
    learned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    refused: tuple[str, ...] = ()
    addresses_without_street: tuple[str, ...] = ()

    def weekly_kg(self, stretch_id: str, side: str, service: str, dwelling_kind: str) -> dict[str, float]:
        """kg per week by flux of the service; ValueError for an unknown service, side or kind."""
        if service not in self.services:
            raise ValueError(f"demand: service = {service!r}, must be one of {', '.join(self.services)}")
        if side not in SIDES:
            raise ValueError(f"demand: side = {side!r}, must be left or right")
        return {flux: self._kg((stretch_id, side), dwelling_kind, flux) for flux in self.services[service]}

    def _kg(self, where: tuple[str, str], kind: str, flux: str) -> float:
        known = self.known_kg.get((*where, kind), {})
        if flux in known:
            return known[flux]
        residents = self.dwellings.get(where)
        factor = self.learned.get(where[0], {}).get(flux, 1.0)
        return self._persons(residents, kind) * self.kg_per_person_week[flux] * factor if residents else 0.0

    def _persons(self, residents: Residents, kind: str) -> float:
        if kind == "shops":
            return residents.shops * self.shop_people
        if kind == "houses":
            return residents.houses * self.people_per_dwelling
        if kind == "blocks":
            return residents.blocks * self.people_per_dwelling
        raise ValueError(f"demand: dwelling kind = {kind!r}, must be one of houses, blocks, shops")

    @property
    def people(self) -> float:
        return sum(r.people for r in self.dwellings.values())

    def total(self, kind: str) -> float:
        """Dwellings (or shops) of a kind in the whole area."""
        return float(sum(getattr(r, kind) for r in self.dwellings.values()))

    def total_weekly_kg(self, flux: str) -> float:
        """Everything of a flux in a week, whether it goes by bag or to drop-off points."""
        if flux not in self.kg_per_person_week:
            raise ValueError(f"demand: flux = {flux!r}, must be one of {', '.join(self.kg_per_person_week)}")
        return self._totals_kg[flux]

    @cached_property
    def _totals_kg(self) -> dict[str, float]:
        places = sorted(set(self.dwellings) | {(stretch, side) for stretch, side, _ in self.known_kg})
        return {
            flux: sum(self._kg(where, kind, flux) for where in places for kind in DWELLINGS)
            for flux in self.kg_per_person_week
        }


def estimate_demand(area: Area, extract: Extract, streets: StreetNetwork) -> Demand:
    """The demand of an area. Never fails on bad rows: ``Demand.refused`` names them, the good ones count."""
    notes: list[Note] = []
    stretches = streets.stretches
    stretch_index = StretchIndex.of(stretches, extract)
    base, refused = _addresses(area, extract, notes)
    homes = Households.of(area, extract, base)
    doors = _Doors.laid(homes, stretch_index, len(base))
    if doors.lost:
        notes.append(Note("addresses_lost", {"count": len(doors.lost), "reach_m": REACH_M}))

    highway = np.array([s.highway for s in stretches])
    length_m = np.array([s.length_m for s in stretches])
    lived_on = np.isin(highway, SPREAD_ALONG)
    lived_on[np.setdiff1d(np.arange(len(stretches)), stretch_index.open_air)] = False
    communes, source = populated_communes(area, extract, float(length_m[lived_on].sum()) / 1000)
    notes.append(
        Note(f"people_from_{source}", {"people": sum(c.population for c in communes), "per_km": PEOPLE_PER_KM})
    )

    ground = Territories(communes, extract, area.crs)
    middles = np.array([s.middle_xy for s in stretches]).reshape(-1, 2)
    spread = _Spread(homes, doors, ground.of(homes.xy), ground.of(middles), np.where(lived_on, length_m, 0.0), highway)
    people = np.zeros((2, 2 * len(stretches)))  # houses, blocks; by stretch x 2 + (0 left, 1 right)
    rate = spread.usual_rate([k for k, whole in enumerate(ground.complete) if whole], [c.population for c in communes])
    for pool in ground.pools:
        total = sum(communes[k].population for k in pool)
        name = ", ".join(communes[k].name for k in pool)
        whole = all(ground.complete[k] for k in pool)
        people += spread.of(pool[0], name, total, None if whole else rate, area.demand.blocks_from_levels, notes)
    shop = homes.shops[doors.home] * doors.share * (spread.home_commune[doors.home] >= 0)
    shops = np.bincount(doors.place, shop, minlength=2 * len(stretches))
    strangers = int((homes.footprint_m2[spread.home_commune < 0] > 0).sum())
    if strangers:
        notes.append(Note("strangers", {"count": strangers}))

    per_dwelling = area.demand.people_per_dwelling
    ids = [(s.id, side) for s in stretches for side in SIDES]
    dwellings = {
        ids[k]: Residents(
            float(people[0, k] + people[1, k]), float(people[0, k] / per_dwelling), float(people[1, k] / per_dwelling),
            float(shops[k]),
        )
        for k in np.flatnonzero((people.sum(axis=0) > 0) | (shops > 0))
    }  # fmt: skip
    # Published kg per inhabitant hold the shops' share already (FR: "ménagers et assimilés"): it is moved to them.
    persons, shop_persons = float(people.sum()), float(shops.sum()) * SHOP_PEOPLE
    part = persons / (persons + shop_persons) if persons else 1.0
    if shop_persons:
        notes.append(Note("shops", {"count": round(float(shops.sum())), "people": SHOP_PEOPLE}))
    known = KnownDemand({}, {}, ())
    if area.demand.demand_csv:
        known = read_demand(area, stretch_index, dwelling_counts(dwellings, per_dwelling), doors.odd)
        notes.append(Note("demand_csv", {"file": area.demand.demand_csv, "sides": len(known.sides)}))
        for where, counts in known.dwellings.items():
            people_here = (counts["houses"] + counts["blocks"]) * per_dwelling
            dwellings[where] = Residents(people_here, **counts)
    return Demand(
        dwellings=dwellings,
        kg_per_person_week={f.name: f.kg_per_inhabitant_year / WEEKS_PER_YEAR * part for f in area.flux},
        services={s.name: s.flux for s in area.services},
        people_per_dwelling=per_dwelling,
        shop_people=SHOP_PEOPLE,
        known_kg=known.kg,
        learned=_learned(area, streets, notes),
        notes=tuple(notes),
        refused=(*refused, *known.refused),
        addresses_without_street=doors.lost,
    )


def _learned(area: Area, streets: StreetNetwork, notes: list[Note]) -> dict[str, Mapping[str, float]]:
    """Each stretch's factors: those of the sector that its middle lies in."""
    if area.demand.learned is None:
        return {}
    file = area.folder / area.demand.learned
    known = read_learned(file, [s.name for s in area.sectors], [f.name for f in area.flux])
    if not known:
        return {}
    values = [one.factor for one in known]
    notes.append(Note("learned", {"file": file.name, "count": len(known), "low": min(values), "high": max(values)}))
    factors: dict[str, dict[str, float]] = {}
    for one in known:
        factors.setdefault(one.sector, {})[one.flux] = one.factor
    middles = np.array([s.middle_xy for s in streets.stretches]).reshape(-1, 2)
    lon, lat = Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True).transform(*middles.T)
    names = sector_of(area.sectors, lon, lat)
    return {s.id: factors[name] for s, name in zip(streets.stretches, names, strict=True) if name in factors}


def dwelling_counts(
    dwellings: Mapping[tuple[str, str], Residents], per_dwelling: float
) -> dict[tuple[str, str], dict[str, float]]:
    """Counts by kind, as rows of real demand share a street's total by them."""
    return {where: {"houses": r.houses, "blocks": r.blocks, "shops": r.shops} for where, r in dwellings.items()}


def _addresses(area: Area, extract: Extract, notes: list[Note]) -> tuple[list[Address], list[str]]:
    if area.demand.addresses is None:
        return merged_addresses([], extract), []
    path = area.folder / area.demand.addresses
    west, south, east, north = extract.bbox
    room_deg = 2 * REACH_M / 111_000  # houses stand beside the outermost street; twice for meridians up to 60°
    base, refused, outside = read_address_base(
        path, (west - room_deg, south - room_deg, east + room_deg, north + room_deg)
    )
    notes.append(Note("addresses", {"file": path.name, "count": len(base), "outside": outside}))
    return merged_addresses(base, extract), refused


@dataclass(frozen=True, eq=False)
class _Doors:
    """Doors that lie within reach of a street: home, share of it, and place = stretch x 2 + (0 left, 1 right)."""

    home: Ints
    share: Floats
    place: Ints
    odd: Ints  # by stretch, see snapping.odd_sides
    lost: tuple[str, ...]

    @classmethod
    def laid(cls, homes: Households, stretch_index: StretchIndex, addresses: int) -> _Doors:
        """The first ``addresses`` doors are addresses, the others buildings."""
        streets = [a.street for a in homes.door_address]
        numbers = np.array([house_number_parity(a.number) for a in homes.door_address], np.int64)
        snapped = stretch_index.snap(homes.door_xy, streets, REACH_M)
        odd = odd_sides(snapped, numbers, len(stretch_index.stretches))
        snapped = sides_by_house_number(snapped, numbers, odd)
        has = snapped.stretch >= 0
        lost = tuple(str(homes.door_address[k]) for k in np.flatnonzero(~has[:addresses]))
        place = snapped.stretch * 2 + np.where(snapped.left, 0, 1)
        return cls(homes.door_home[has], homes.door_share[has], place[has], odd, lost)


@dataclass(frozen=True, eq=False)
class _Spread:
    """Spreading the people of one commune (or pool) after the other."""

    homes: Households
    doors: _Doors
    home_commune: Ints
    stretch_commune: Ints
    lived_on_m: Floats  # 0 where people are not spread along
    highway: NDArray[np.str_]

    def _mine(self, commune: int) -> Ints:
        return np.flatnonzero(self.home_commune[self.doors.home] == commune)

    def _floor_m2(self, commune: int, levels: Floats) -> float:
        mine = self._mine(commune)
        return float((self.homes.floor_m2(levels)[self.doors.home[mine]] * self.doors.share[mine]).sum())

    def usual_rate(self, whole: list[int], population: list[int]) -> float | None:
        """People per m2 of floor in the communes that lie whole on the map (their median); None where none does."""
        floors = [(self._floor_m2(k, self.homes.levels), population[k]) for k in whole]
        rates = [people / floor for floor, people in floors if floor > 0]
        return float(np.median(rates)) if rates else None

    def covered(self, commune: int) -> float:
        """Share of the residential length with a home on it."""
        mine = self._mine(commune)
        lived = mine[self.homes.footprint_m2[self.doors.home[mine]] > 0]
        has = np.zeros(len(self.highway), bool)
        has[self.doors.place[lived] // 2] = True
        quiet = (self.stretch_commune == commune) & np.isin(self.highway, ("residential", "living_street"))
        length = np.where(quiet, self.lived_on_m, 0.0)
        return float(length[has].sum() / length.sum()) if length.sum() else 1.0

    def of(
        self, commune: int, name: str, people: float, cut_rate: float | None, blocks_from: int, notes: list[Note]
    ) -> Floats:
        """People in houses and blocks by place (2 x places). ``cut_rate``: people per m2 where the map may cut it."""
        mine, homes = self._mine(commune), self.homes
        floor = self._floor_m2(commune, homes.levels)
        found = np.zeros((2, 2 * len(self.highway)))
        length = np.where(self.stretch_commune == commune, self.lived_on_m, 0.0)
        covered = self.covered(commune)
        if floor > 0 and (covered >= COVERED_SHARE or length.sum() == 0):
            if cut_rate is not None and floor * cut_rate < people:
                notes.append(Note("commune_cut", {"name": name, "people": people, "here": round(floor * cut_rate)}))
                people = floor * cut_rate
            levels = self._raised(mine, people, name, notes)
            at = self.doors.home[mine]
            weight = homes.floor_m2(levels)[at] * self.doors.share[mine]
            block = homes.blocks(levels, blocks_from)[at]
            for row, kind in enumerate((~block, block)):
                found[row] = np.bincount(self.doors.place[mine[kind]], weight[kind], minlength=found.shape[1])
            return np.asarray(found * (people / weight.sum()))
        if length.sum() > 0:
            values = {"name": name, "covered": round(100 * covered), "blocks": round(100 * BLOCKS_SHARE)}
            notes.append(Note("along_streets", values))
            each = np.repeat(length / length.sum() / 2, 2) * people
            return np.stack((each * (1 - BLOCKS_SHARE), each * BLOCKS_SHARE))
        if people:
            notes.append(Note("nowhere", {"name": name, "people": people}))
        return found

    def _raised(self, mine: Ints, people: float, name: str, notes: list[Note]) -> Floats:
        """Levels, the guessed ones raised until the people find their floor: a dense town has no two-level houses."""
        homes, levels = self.homes, self.homes.levels
        at, share = self.doors.home[mine], self.doors.share[mine]
        floor = homes.floor_m2(levels)[at] * share
        guessed = homes.guessed[at] & (homes.flats[at] == 0)
        room, told = float(floor[guessed].sum()), float(floor[~guessed].sum())
        times = (people * FLOOR_M2_PER_PERSON - told) / room if room > 0 else 1.0
        if times <= 1.0:
            return levels
        notes.append(Note("levels_raised", {"name": name, "times": round(times, 1)}))
        return np.where(homes.guessed, np.minimum(levels * times, np.maximum(levels, MOST_LEVELS)), levels)
