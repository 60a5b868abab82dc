"""May this truck drive here? What the tags of a way or a node say, read for one truck.

Sources: OSM wiki *Key:access* (the most specific key wins), *Key:maxweight*, *Key:maxheight*, *Key:barrier*.
A collection truck serves the addresses of a street, so ``destination``, ``delivery`` and ``customers`` let it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fleet import Truck

_CLOSED = frozenset(
    (
        "no", "private", "agricultural", "forestry", "psv", "bus", "emergency", "military", "restricted",
        "use_sidepath",
    )
)  # fmt: skip
_OPEN = frozenset(
    (
        "yes", "destination", "delivery", "permissive", "designated", "customers", "public", "official", "residents",
    )
)  # fmt: skip
#: Barriers that stop a truck unless the node's own access tags let vehicles through.
_BARRIERS = frozenset(
    (
        "bollard", "block", "cycle_barrier", "jersey_barrier", "fence", "wall", "chain", "debris", "log", "turnstile",
        "stile", "kissing_gate", "sump_buster", "planter", "full-height_turnstile", "motorcycle_barrier", "bus_trap",
        "horse_stile", "rope",
    )
)  # fmt: skip
_NUMBER = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*([a-z]*)")
_FEET = re.compile(r"^\s*(\d+)'\s*(?:(\d+)\")?")
_KG = {"": 1000.0, "t": 1000.0, "kg": 1.0, "lbs": 0.45359237, "lb": 0.45359237, "st": 907.18474}
_METRES = {"": 1.0, "m": 1.0, "cm": 0.01, "ft": 0.3048}
_KMH = {"": 1.0, "kmh": 1.0, "km": 1.0, "mph": 1.609344}


def _measure(text: str | None, units: Mapping[str, float]) -> float | None:
    """A number with its unit; None for what is absent, unlimited or not a number (``none``, ``default``)."""
    if text is None:
        return None
    feet = _FEET.match(text)
    if feet and units is _METRES:
        return int(feet[1]) * 0.3048 + int(feet[2] or 0) * 0.0254
    number = _NUMBER.match(text.split(";")[0])
    if not number or number[2] not in units:
        return None
    return float(number[1].replace(",", ".")) * units[number[2]]


def max_kg(tags: Mapping[str, str]) -> float | None:
    """The lowest weight sign; None where it does not bind those who serve the street (``none @ destination``)."""
    for key in ("maxweight:conditional", "maxweight:hgv:conditional"):
        lifted = tags.get(key, "").replace(" ", "")
        if lifted.startswith("none@") and ("destination" in lifted or "delivery" in lifted):
            return None
    found = [
        _measure(tags.get(key), _KG) for key in ("maxweight", "maxweight:hgv", "maxweightrating", "maxweightrating:hgv")
    ]
    return min((kg for kg in found if kg is not None), default=None)


def max_height_m(tags: Mapping[str, str]) -> float | None:
    found = [_measure(tags.get(key), _METRES) for key in ("maxheight", "maxheight:physical")]
    return min((m for m in found if m is not None), default=None)


def max_width_m(tags: Mapping[str, str]) -> float | None:
    """A sign (``maxwidth``) or the street's own width."""
    found = [_measure(tags.get(key), _METRES) for key in ("maxwidth", "maxwidth:physical", "width")]
    return min((m for m in found if m is not None), default=None)


def width_m(tags: Mapping[str, str]) -> float | None:
    return _measure(tags.get("width"), _METRES)


def max_length_m(tags: Mapping[str, str]) -> float | None:
    return _measure(tags.get("maxlength"), _METRES)


def max_speed_kmh(tags: Mapping[str, str]) -> float | None:
    """The lower of the signs for all and for lorries; ``walk`` is 7 km/h."""
    found = [7.0 if tags.get(key) == "walk" else _measure(tags.get(key), _KMH) for key in ("maxspeed", "maxspeed:hgv")]
    return min((v for v in found if v), default=None)


def lane_count(tags: Mapping[str, str]) -> int | None:
    text = tags.get("lanes", "")
    return int(text) if text.isdigit() else None


def access_value(tags: Mapping[str, str], heavy: bool, direction: str | None = None) -> str | None:
    """The most specific access value that speaks of this vehicle, or None.

    ``direction``: ``forward`` or ``backward`` along the way, where signs may differ (``hgv:backward=no``).
    """
    for key in (*(("hgv",) if heavy else ()), "goods", "motor_vehicle", "vehicle", "access"):
        said = tags.get(f"{key}:{direction}", tags.get(key)) if direction else tags.get(key)
        if said is not None:
            values = [value.strip() for value in said.split(";")]
            return next((v for v in values if v not in _CLOSED), values[0])
    return None


def way_is_public(tags: Mapping[str, str]) -> bool:
    """Open to motor vehicles at all, whatever their size."""
    return access_value(tags, heavy=False) not in _CLOSED or access_value(tags, heavy=True) not in _CLOSED


def truck_may_use(tags: Mapping[str, str], truck: Truck, direction: str | None = None) -> bool:
    """Whether the way's tags let this truck in: access, weight, height, width, length."""
    if access_value(tags, truck.gross_kg > 3500, direction) in _CLOSED:
        return False
    for bound, own in (
        (max_kg(tags), truck.gross_kg),
        (max_height_m(tags), truck.height_m),
        (max_width_m(tags), truck.width_m),
        (max_length_m(tags), truck.length_m),
    ):
        if bound is not None and own > bound:
            return False
    return True


def truck_may_pass(tags: Mapping[str, str], truck: Truck) -> bool:
    """Whether a node of the way (a gate, a bollard, a height bar) lets this truck through."""
    said = access_value(tags, truck.gross_kg > 3500) if "barrier" in tags else None
    if said in _CLOSED or (tags.get("barrier") in _BARRIERS and said not in _OPEN):
        return False
    height, width = max_height_m(tags), _measure(tags.get("maxwidth"), _METRES)
    return not ((height is not None and truck.height_m > height) or (width is not None and truck.width_m > width))


def oneway_direction(tags: Mapping[str, str]) -> int:
    """1 in the way's direction, -1 against it, 0 both ways. Roundabouts and motorways are one-way unless tagged."""
    said = tags.get("oneway:hgv") or tags.get("oneway:motor_vehicle") or tags.get("oneway")
    if said in ("yes", "1", "true"):
        return 1
    if said in ("-1", "reverse"):
        return -1
    if said is None and (
        tags.get("junction") in ("roundabout", "circular") or tags.get("highway") in ("motorway", "motorway_link")
    ):
        return 1
    return 0
