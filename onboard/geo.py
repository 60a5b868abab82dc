"""The ground under a truck: places, and how far they lie apart."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

EARTH_M = 6_371_008.8  # mean radius (IUGG)


class Located(Protocol):
    """Anything that has a position, WGS 84 degrees; None: not known."""

    @property
    def lat_deg(self) -> float | None: ...

    @property
    def lon_deg(self) -> float | None: ...


class LatLon(NamedTuple):
    """A point on the ground, WGS 84."""

    lat_deg: float
    lon_deg: float


def distance_m(here: Located, there: Located) -> float:
    """Between two points near each other (equirectangular, 0.1 % within a town); infinite where one is unknown."""
    if here.lat_deg is None or here.lon_deg is None or there.lat_deg is None or there.lon_deg is None:
        return math.inf
    east_deg = ((there.lon_deg - here.lon_deg + 180) % 360 - 180) * math.cos(
        math.radians((here.lat_deg + there.lat_deg) / 2)
    )
    return EARTH_M * math.radians(math.hypot(east_deg, there.lat_deg - here.lat_deg))
