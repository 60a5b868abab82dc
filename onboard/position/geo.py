"""The ground under a truck: places, and how far they lie apart."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

EARTH_M = 6_371_008.8  # mean radius (IUGG)


class Place(Protocol):
    """Anything with a place, WGS 84; None: not known."""

    @property
    def lat_deg(self) -> float | None: ...

    @property
    def lon_deg(self) -> float | None: ...


class Spot(NamedTuple):
    """A place on the ground, WGS 84."""

    lat_deg: float
    lon_deg: float


def metres(a: Place, b: Place) -> float:
    """Between two places near each other (equirectangular, 0.1 % within a town); infinite where one is unknown."""
    if a.lat_deg is None or a.lon_deg is None or b.lat_deg is None or b.lon_deg is None:
        return math.inf
    east_deg = ((b.lon_deg - a.lon_deg + 180) % 360 - 180) * math.cos(math.radians((a.lat_deg + b.lat_deg) / 2))
    return EARTH_M * math.radians(math.hypot(east_deg, b.lat_deg - a.lat_deg))
