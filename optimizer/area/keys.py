"""Every key of area.toml, once: how it is read, its bound and its default.

A reader gives the value or raises ``ValueError`` with the bound alone ("must be above 0"); who calls it adds the file,
the place, the field and the value.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyproj

from fleet import ENERGIES, HOLIDAY_RULES, LICENCES, REGIMES
from optimizer.area.area import SECOND_HOLIDAY
from optimizer.area.opening_hours import clock_s, opening_hours, weekdays
from optimizer.area.public_holidays import public_holidays

Reader = Callable[[Any], Any]

#: Classes of streets that OSM knows and a truck can be asked about (wiki: Key:highway).
HIGHWAYS = (
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "road",
    "track",
    "pedestrian",
    "busway",
    "turning_circle",
)


def meant(value: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(value), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


# --- readers: a value or a ValueError with the bound -------------------------------------------------------------


def number(*, above: float | None = None, least: float | None = None, most: float | None = None) -> Reader:
    bounds = [f"above {above:g}"] if above is not None else []
    bounds += [f"{least:g} or more"] if least is not None else []
    bounds += [f"at most {most:g}"] if most is not None else []
    bound = "must be a number " + " and ".join(bounds)

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(bound)
        if (above is not None and not value > above) or (least is not None and value < least):
            raise ValueError(bound)
        if most is not None and value > most:
            raise ValueError(bound)
        return float(value)

    return read


def whole(least: int, most: int | None = None) -> Reader:
    bound = f"must be a whole number, {least} or more" if most is None else f"must be a whole number, {least} to {most}"

    def read(value: Any) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or value < least
            or (most is not None and value > most)
        ):
            raise ValueError(bound)
        return value

    return read


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value.strip()


def flag(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("must be true or false")


def one_of(names: Iterable[str]) -> Reader:
    allowed = tuple(names)

    def read(value: Any) -> str:
        if value not in allowed or not isinstance(value, str):
            raise ValueError(f"must be one of {', '.join(allowed)}{meant(value, allowed)}")
        return value

    return read


def several(reader: Reader, least: int = 0) -> Reader:
    """A TOML array as a tuple without repetition."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < least:
            raise ValueError("must be a list" + (f" of at least {least}" if least else ""))
        found: list[Any] = []
        for item in value:
            try:
                item = reader(item)
            except ValueError as bound:
                raise ValueError(f"each {bound} (found {item!r})") from None
            if item in found:
                raise ValueError(f"must not name {item!r} twice")
            found.append(item)
        return tuple(found)

    return read


def written(reader: Callable[[str], Any]) -> Reader:
    """A text that ``reader`` understands."""
    return lambda value: reader(text(value))


def colour(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}|[a-zA-Z]+", value):
        raise ValueError('must be a CSS colour such as "#f2c200" or "yellow"')
    return value


def position(value: Any) -> tuple[float, float]:
    bound = "must be [lat, lon] in degrees, lat -90 to 90 and lon -180 to 180"
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(bound)
    try:
        return number(least=-90, most=90)(value[0]), number(least=-180, most=180)(value[1])
    except ValueError:
        raise ValueError(bound) from None


def hours_of_week(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = "; ".join(value)
    return opening_hours(text(value))


def crew_factor(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("must be three numbers: for 0, 1 and 2 loaders")
    return tuple(number(above=0)(item) for item in value)


def timezone(value: Any) -> str:
    try:
        return ZoneInfo(text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be a time zone of the IANA list, such as "Europe/Paris"') from None


def metric_crs(value: Any) -> str:
    bound = 'must be a projection in metres, such as "EPSG:32632", or "auto"'
    if value == "auto":
        return "auto"
    try:
        crs = pyproj.CRS.from_user_input(text(value))
    except pyproj.exceptions.CRSError:
        raise ValueError(bound) from None
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        raise ValueError(bound)
    return text(value)


def holiday_calendar(value: Any) -> str:
    public_holidays(text(value))
    return text(value)


def file_name(value: Any) -> str:
    name = text(value)
    if Path(name).name != name:
        raise ValueError("must be the name of a file in the area's folder, without a path")
    return name


# --- every key of area.toml, once --------------------------------------------------------------------------------


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Key:
    """How one key of area.toml is read. ``default``: its value where it is left out; ``REQUIRED``: it may not be."""

    read: Reader
    default: Any = REQUIRED


_highways = several(one_of(HIGHWAYS), least=1)

#: Sections with their keys. ``[[…]]`` are arrays of tables; a dot leads to a table inside one.
SECTIONS: Mapping[str, Mapping[str, Key]] = {
    "area": {
        "name": Key(text),
        "extract": Key(file_name),
        "attribution": Key(text, "© OpenStreetMap contributors, ODbL 1.0"),
        "timezone": Key(timezone, "Europe/Paris"),
        "language": Key(one_of(("fr", "en")), "fr"),
        "crs": Key(metric_crs, "auto"),
        "traffic_side": Key(one_of(("right", "left")), "right"),
        "holidays": Key(holiday_calendar, None),
        "second_holiday": Key(one_of(("auto", *SECOND_HOLIDAY)), "auto"),
    },
    "depot": {
        "id": Key(text, "D1"),
        "label": Key(text, "Dépôt"),
        "at": Key(position, None),
        "node": Key(whole(1), None),
    },
    "sites": {
        "id": Key(text),
        "label": Key(text),
        "at": Key(position, None),
        "node": Key(whole(1), None),
        "accepts": Key(several(text, least=1)),
        "hours": Key(hours_of_week, opening_hours("Mo-Sa 05:00-20:00")),
        "unload_min": Key(number(above=0), 15.0),
        "eur_per_t": Key(number(least=0), 0.0),
    },
    "flux": {
        "name": Key(text),
        "label": Key(text),
        "bag_colour": Key(colour, None),
        "density_kg_m3": Key(number(above=0)),
        "kg_per_inhabitant_year": Key(number(least=0)),
        "kg_per_bag": Key(number(above=0), None),
    },
    "services": {
        "name": Key(text),
        "label": Key(text),
        "flux": Key(several(text, least=1)),
        "holiday_rule": Key(one_of(HOLIDAY_RULES), "worked"),
    },
    "demand": {
        "people_per_dwelling": Key(number(above=0), 2.2),
        "blocks_from_levels": Key(whole(1), 3),
        "source": Key(text, None),
        "addresses": Key(file_name, None),
        "demand_csv": Key(file_name, None),
        "drop_off_points": Key(file_name, None),
        "learned": Key(file_name, None),
    },
    "communes": {
        "name": Key(text),
        "population": Key(whole(0)),
        "osm_relation": Key(whole(1), None),
    },
    "trucks": {
        "id": Key(text),
        "kerb_kg": Key(number(above=0)),
        "payload_kg": Key(number(above=0)),
        "height_m": Key(number(above=0), 3.5),
        "width_m": Key(number(above=0), 2.5),
        "length_m": Key(number(above=0), 9.0),
        "compartments": Key(lambda value: value),
        "crane": Key(flag, False),
        "energy": Key(one_of(ENERGIES), "diesel"),
        "energy_per_km": Key(number(least=0), 0.45),
        "energy_per_h": Key(number(least=0), 4.0),
        "co2e_kg_per_unit": Key(number(least=0), 3.1),
        "eur_per_km": Key(number(least=0), 0.9),
        "eur_per_day": Key(number(least=0), 180.0),
        "plate": Key(text, None),
    },
    "trucks.compartments": {
        "flux": Key(several(text, least=1)),
        "volume_m3": Key(number(above=0)),
        "max_density_kg_m3": Key(number(above=0), None),
    },
    "shifts": {
        "id": Key(text),
        "truck": Key(text),
        "driver": Key(text, None),
        "licence": Key(one_of(LICENCES), "C"),
        "loaders": Key(whole(0, 2), 2),
        "start": Key(written(clock_s), 5 * 3600),
        "hours": Key(number(above=0, most=24), 7.0),
        "overtime_hours": Key(number(least=0, most=12), 1.0),
        "start_service_min": Key(number(least=0), 15.0),
        "end_service_min": Key(number(least=0), 15.0),
        "regime": Key(one_of(REGIMES)),
        "weekdays": Key(written(weekdays), (0, 1, 2, 3, 4, 5)),
        "skills": Key(several(text), ()),
        "catch_up": Key(flag, False),
    },
    "streets": {
        "collected": Key(
            _highways,
            (
                "primary",
                "secondary",
                "tertiary",
                "unclassified",
                "residential",
                "living_street",
                "primary_link",
                "secondary_link",
                "tertiary_link",
                "road",
            ),
        ),
        "both_sides_highway": Key(several(one_of(HIGHWAYS)), ("living_street",)),
        "both_sides_oneway_max_lanes": Key(whole(0), 1),
        "both_sides_oneway_highway": Key(
            several(one_of(HIGHWAYS)), ("residential", "unclassified", "living_street", "road")
        ),
        "both_sides_max_width_m": Key(number(least=0), 5.0),
        "both_sides_two_way_highway": Key(
            several(one_of(HIGHWAYS)), ("residential", "unclassified", "living_street", "road")
        ),
        "max_task_m": Key(number(least=20), 400.0),
        "foot_max_m": Key(number(least=0), 40.0),
        "presentation_max_m": Key(number(least=0), 120.0),
        "reversing": Key(one_of(("priced", "forbidden")), "priced"),
        "reversing_max_m": Key(number(least=0), 200.0),
        "three_point_m": Key(number(least=0), 25.0),
        "turning_places": Key(several(text), ("turning_circle", "turning_loop", "mini_roundabout")),
    },
    "speeds_kmh": {
        name: Key(number(above=0, most=130), speed)
        for name, speed in {
            "motorway": 80.0,
            "motorway_link": 45.0,
            "trunk": 65.0,
            "trunk_link": 40.0,
            "primary": 40.0,
            "primary_link": 30.0,
            "secondary": 36.0,
            "secondary_link": 28.0,
            "tertiary": 32.0,
            "tertiary_link": 25.0,
            "unclassified": 28.0,
            "residential": 24.0,
            "living_street": 12.0,
            "service": 12.0,
            "road": 20.0,
            "track": 10.0,
            "pedestrian": 6.0,
            "busway": 25.0,
            "turning_circle": 15.0,
        }.items()
    },
    "turns": {
        "left_s": Key(number(least=0), 6.0),
        "right_s": Key(number(least=0), 2.0),
        "straight_s": Key(number(least=0), 0.0),
        "signal_s": Key(number(least=0), 8.0),
        "turning_place_s": Key(number(least=0), 25.0),
        "reversing_setup_s": Key(number(least=0), 45.0),
        "reversing_mps": Key(number(above=0), 1.0),
    },
    "service_times": {
        "street_speed_kmh": Key(number(above=0), 9.0),
        "kg_s": Key(number(least=0), 1.1),
        "foot_mps": Key(number(above=0), 0.8),
        "drop_off_container_s": Key(number(above=0), 360.0),
        "presentation_point_s": Key(number(least=0), 30.0),
        "pickup_s": Key(number(above=0), 240.0),
        "crew_factor": Key(crew_factor, (2.2, 1.5, 1.0)),
    },
    "windows": {
        "closed": Key(lambda value: value, ()),
    },
    "windows.closed": {
        "name": Key(text),
        "from": Key(written(clock_s)),
        "to": Key(written(clock_s)),
        "weekdays": Key(written(weekdays), (0, 1, 2, 3, 4)),
        "near": Key(text, None),
        "within_m": Key(number(above=0), 60.0),
        "streets": Key(several(text), ()),
    },
    "prices": {
        "eur_per_h": Key(number(least=0), 78.0),
        "eur_per_overtime_h": Key(number(least=0), 105.0),
        "eur_per_reversal": Key(number(least=0), 4.0),
        "eur_per_call_out": Key(number(least=0), 60.0),
        "balance_eur_per_h": Key(number(least=0), 5.0),
        "unserved_eur_per_t": Key(number(above=0), 5000.0),
    },
    "telematics": {
        "bin_tags": Key(one_of(("bin_park", "billing")), None),
    },
}

#: Arrays of tables, and how many must be there.
LISTS = {"sites": 1, "flux": 1, "services": 1, "communes": 0, "trucks": 1, "shifts": 1}


def defaults(section: str) -> dict[str, Any]:
    """What a section holds where area.toml says nothing (keys that must be given are left out)."""
    return {name: key.default for name, key in SECTIONS[section].items() if key.default is not REQUIRED}
