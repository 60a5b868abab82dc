"""Where people can live: footprints with their levels, and addresses, as arrays in metres.

Buildings and addresses only *spread* a population that is known from elsewhere; so what counts here is which of two
places holds more people, not how many. Every figure assumed is a name at the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from optimizer.area import Area
from optimizer.demand.addresses import Address
from optimizer.streets import Building, Extract, Floats, Ints

Flags = NDArray[np.bool_]

HOUSES = frozenset(
    (
        "house", "detached", "semidetached_house", "terraced_house", "terrace", "bungalow", "villa", "farm", "cabin",
        "static_caravan", "houseboat", "hut", "ger", "allotment_house",
    )
)  # fmt: skip
BLOCKS = frozenset(("apartments", "dormitory"))
#: ``yes`` is what most buildings of the world are tagged; it may be anything, mostly homes.
UNSPECIFIED_USE = frozenset(("yes", "residential", "mixed"))
SHOPS = frozenset(
    ("retail", "supermarket", "kiosk", "commercial", "shop", "store", "office", "hotel", "mall", "restaurant")
)

#: Levels where none are mapped: a house; an unspecified footprint up to LARGE_M2; a larger one or a block.
HOUSE_LEVELS, SMALL_LEVELS, BLOCK_LEVELS = 2.0, 2.0, 4.0
LARGE_M2 = 250.0
#: Unspecified footprints below are sheds and garages; above, halls: they count for no more than this.
SHED_M2, HALL_M2 = 20.0, 3000.0
#: Where at least this share of the homes is told by its tag, a large ``building=yes`` is a hall, and nobody's home.
TAGGED_SHARE, TAGGED_HALL_M2 = 0.1, 800.0
HOUSE_FLOOR_M2 = 250.0  # a larger house does not hold more people
LONE_ADDRESS_M2 = 120.0  # floor of an address without a building
FLAT_M2 = 80.0
BLOCK_FLATS = 3
ENTRANCE_M = 15.0  # an address this near to a building is its entrance


@dataclass(frozen=True, eq=False)
class Households:
    """Homes and shops as they stand on the map; lone addresses are homes of their own.

    One *home* is a building: ``footprint_m2`` (0 where nobody lives), ``levels`` with ``guessed`` where they are not
    mapped, ``flats`` (0 unknown), ``use`` (1 house, 2 block, 0 unspecified), ``shops``. One *door* is where a home is
    reached: ``home`` is its index, ``share`` its part of the home.
    """

    xy: Floats
    footprint_m2: Floats
    levels: Floats
    guessed: Flags
    flats: Floats
    use: Ints
    shops: Floats
    door_home: Ints
    door_share: Floats
    door_xy: Floats
    door_address: tuple[Address, ...]

    @classmethod
    def of(cls, area: Area, extract: Extract, addresses: list[Address]) -> Households:
        to_metres = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
        buildings = [b for b in extract.buildings if len(b.outline) >= 4 and b.outline[0] == b.outline[-1]]
        shapes = _shapes(buildings, to_metres)
        traits = np.array([_traits(b) for b in buildings], np.float64).reshape(-1, 6)
        area_m2 = shapely.area(shapes)
        unspecified, use, levels, guessed, flats, shops = traits.T
        lives_m2 = np.where(unspecified == 1, np.where(area_m2 < SHED_M2, 0.0, np.minimum(area_m2, HALL_M2)), area_m2)
        if len(buildings) and np.mean(use > 0) >= TAGGED_SHARE:
            plain = np.array([b.use == "yes" for b in buildings])
            lives_m2[plain & guessed.astype(bool) & (area_m2 > TAGGED_HALL_M2)] = 0.0
        lives_m2[unspecified == 2] = 0.0
        large = guessed.astype(bool) & (unspecified == 1) & (area_m2 > LARGE_M2)
        levels = np.where(large, BLOCK_LEVELS, levels)
        own_xy = shapely.get_coordinates(shapely.centroid(shapes)).reshape(-1, 2)

        door_xy = _metres([a.lon_deg for a in addresses], [a.lat_deg for a in addresses], to_metres)
        home = _entrances(shapes, (lives_m2 > 0) | (shops > 0), door_xy)
        lone = np.flatnonzero(home < 0)
        home[lone] = len(buildings) + np.arange(len(lone))
        bare = np.setdiff1d(np.arange(len(buildings)), home)  # buildings without an address point: their own door
        doors = tuple(addresses) + tuple(
            Address(0.0, 0.0, buildings[k].number or "", buildings[k].street) for k in bare
        )
        door_home = np.concatenate((home, bare)).astype(np.int64)
        count = len(buildings) + len(lone)
        ones = np.ones(len(lone))
        return cls(
            np.concatenate((own_xy, door_xy[lone])),
            np.concatenate((lives_m2, ones * LONE_ADDRESS_M2 / HOUSE_LEVELS)),
            np.concatenate((levels, ones * HOUSE_LEVELS)),
            np.concatenate((guessed.astype(bool) & (use != 1), ones == 0)),
            np.concatenate((flats, ones * 0)),
            np.concatenate((use, ones)).astype(np.int64),
            np.concatenate((shops, ones * 0)),
            door_home,
            1.0 / np.bincount(door_home, minlength=count)[door_home],
            np.concatenate((door_xy, own_xy[bare])),
            doors,
        )

    def floor_m2(self, levels: Floats) -> Floats:
        """Floor to live on, by home."""
        floor = self.footprint_m2 * levels
        floor = np.where(self.use == 1, np.minimum(floor, HOUSE_FLOOR_M2), floor)
        return np.where((self.flats > 0) & (self.footprint_m2 > 0), self.flats * FLAT_M2, floor)

    def blocks(self, levels: Floats, from_levels: int) -> Flags:
        """Which homes are blocks: by their use, else by flats, else by levels."""
        tagged = (self.use == 2) | (self.flats >= BLOCK_FLATS)
        return np.asarray((self.use != 1) & (tagged | (np.round(levels) >= from_levels)), dtype=bool)


def _metres(lon: list[float], lat: list[float], to_metres: Transformer) -> Floats:
    x, y = to_metres.transform(np.array(lon, np.float64), np.array(lat, np.float64))
    return np.column_stack((x, y))


def _shapes(buildings: list[Building], to_metres: Transformer) -> NDArray[np.object_]:
    if not buildings:
        return np.array([], dtype=object)
    lon, lat = np.array([p for b in buildings for p in b.outline], np.float64).T
    x, y = to_metres.transform(lon, lat)
    ring = np.repeat(np.arange(len(buildings)), [len(b.outline) for b in buildings])
    rings = shapely.linearrings(np.column_stack((x, y)), indices=ring)
    return np.asarray(shapely.polygons(rings), dtype=object)


def _traits(building: Building) -> tuple[float, float, float, float, float, float]:
    """(1 unspecified, 2 no home; use; levels; levels guessed; flats; shops)."""
    use = 1 if building.use in HOUSES else 2 if building.use in BLOCKS else 0
    shop = 1.0 if building.shop or building.use in SHOPS else 0.0
    guessed = building.levels is None or building.levels <= 0
    default = HOUSE_LEVELS if use == 1 else BLOCK_LEVELS if use == 2 else SMALL_LEVELS
    levels = default if building.levels is None or building.levels <= 0 else min(building.levels, 60.0)
    home = use > 0 or building.use in UNSPECIFIED_USE or bool(building.flats)
    # A shop lies on the ground floor; an unspecified building with a shop is all shop.
    if shop and home and not building.flats:
        if use == 0 and guessed:
            home = False
        else:
            levels = max(levels - 1.0, 0.0 if use == 0 else 1.0)
            home = levels > 0
    unspecified = 2.0 if not home else 1.0 if use == 0 and not building.flats else 0.0
    return unspecified, float(use), levels, float(guessed), float(building.flats or 0), shop


def _entrances(shapes: NDArray[np.object_], inhabited: Flags, door_xy: Floats) -> Ints:
    """The building of each address: the nearest with homes or shops within ENTRANCE_M, else any around it, else -1.

    Garages stand nearer to the street than their house; a school's own address must not become a home.
    """
    home = np.full(len(door_xy), -1, np.int64)
    for among, reach_m in ((np.flatnonzero(~inhabited), 0.1), (np.flatnonzero(inhabited), ENTRANCE_M)):
        if len(among) and len(door_xy):
            near, which = shapely.STRtree(shapes[among]).query_nearest(
                shapely.points(door_xy), max_distance=reach_m, all_matches=True
            )
            order = np.lexsort((which, near))
            at, first = np.unique(near[order], return_index=True)
            home[at] = among[which[order][first]]
    return home
