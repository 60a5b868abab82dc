"""How a value of area.toml is read. Each reader says its bound once, in words: for the fault and for the tables.

A reader gives the value or raises ``ValueError`` with the bound alone ("must be a number above 0"); who calls it adds
the file, the place, the field and the value.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyproj

from fleet import Hours
from optimizer.area import opening_hours as written_hours
from optimizer.area import public_holidays as calendars

T = TypeVar("T")


def meant(value: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(value), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


class Outside(ValueError):
    """The value is outside its reader's bound. Its text, where it has one, is a hint that is told after the bound."""


@dataclass(frozen=True, slots=True)
class Reader(Generic[T]):
    """``bound``: what a value must be, in words. ``read`` raises ``Outside``, or ``ValueError`` in its own words."""

    bound: str
    read: Callable[[Any], T]

    def __call__(self, value: Any) -> T:
        try:
            return self.read(value)
        except Outside as hint:
            raise ValueError(f"must be {self.bound}{hint}") from None


def bounded(bound: str) -> Callable[[Callable[[Any], T]], Reader[T]]:
    """Makes a reader of the function below it."""
    return lambda read: Reader(bound, read)


# --- numbers -----------------------------------------------------------------------------------------------------


def number(*, above: float | None = None, least: float | None = None, most: float | None = None) -> Reader[float]:
    bounds = [f"above {above:g}"] if above is not None else []
    bounds += [f"{least:g} or more"] if least is not None else []
    bounds += [f"at most {most:g}"] if most is not None else []

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Outside
        if (above is not None and not value > above) or (least is not None and value < least):
            raise Outside
        if most is not None and value > most:
            raise Outside
        return float(value)

    return Reader("a number " + " and ".join(bounds), read)


def whole(least: int, most: int | None = None) -> Reader[int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise Outside
        if most is not None and value > most:
            raise Outside
        return value

    return Reader(f"a whole number, {least} or more" if most is None else f"a whole number, {least} to {most}", read)


@bounded("[lat, lon] in degrees, lat -90 to 90 and lon -180 to 180")
def position(value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise Outside
    try:
        return number(least=-90, most=90)(value[0]), number(least=-180, most=180)(value[1])
    except ValueError:
        raise Outside from None


@bounded("three numbers above 0: for 0, 1 and 2 loaders")
def crew_factor(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise Outside
    try:
        return tuple(number(above=0)(item) for item in value)
    except ValueError:
        raise Outside from None


# --- words -------------------------------------------------------------------------------------------------------


@bounded("a text that is not empty")
def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Outside
    return value.strip()


@bounded("true or false")
def flag(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Outside


def one_of(names: Iterable[str], called: str = "") -> Reader[str]:
    """``called``: what the names are together, where they are too many for a bound."""
    allowed = tuple(names)
    listed = ", ".join(allowed)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Outside((f": {listed}" if called else "") + meant(value, allowed))
        return value

    return Reader(f"one of {called or listed}", read)


@bounded('a CSS colour such as "#f2c200" or "yellow"')
def colour(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}|[a-zA-Z]+", value):
        raise Outside
    return value


@bounded('a time zone of the IANA list, such as "Europe/Paris"')
def timezone(value: Any) -> str:
    try:
        return ZoneInfo(text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Outside from None


@bounded('a projection in metres, such as "EPSG:32632", or "auto"')
def metric_crs(value: Any) -> str:
    if value == "auto":
        return "auto"
    try:
        crs = pyproj.CRS.from_user_input(text(value))
    except pyproj.exceptions.CRSError:
        raise Outside from None
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        raise Outside
    return text(value)


@bounded(calendars.KNOWN)
def holiday_calendar(value: Any) -> str:
    calendars.public_holidays(text(value))
    return text(value)


@bounded("the name of a file in the area's folder, without a path")
def file_name(value: Any) -> str:
    name = text(value)
    if Path(name).name != name:
        raise Outside
    return name


@bounded('a tag of the map, such as "amenity=school"')
def tag(value: Any) -> str:
    if not re.fullmatch(r"[\w:]+=\S.*", text(value)):
        raise Outside
    return text(value)


# --- times -------------------------------------------------------------------------------------------------------


@bounded(written_hours.CLOCK)
def clock(value: Any) -> int:
    """Seconds after midnight."""
    return written_hours.clock_s(text(value))


@bounded(written_hours.DAYS)
def weekdays(value: Any) -> tuple[int, ...]:
    return written_hours.weekdays(text(value))


@bounded(written_hours.HOURS)
def hours_of_week(value: Any) -> tuple[Hours, ...]:
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = "; ".join(value)
    return written_hours.opening_hours(text(value))


# --- lists -------------------------------------------------------------------------------------------------------


def several(reader: Reader[T], least: int = 0) -> Reader[tuple[T, ...]]:
    """A TOML array as a tuple without repetition."""

    def read(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise Outside
        found: list[T] = []
        for item in value:
            try:
                one = reader(item)
            except ValueError as bound:
                raise ValueError(f"each {bound} (found {item!r})") from None
            if one in found:
                raise ValueError(f"must not name {one!r} twice")
            found.append(one)
        return tuple(found)

    return Reader(f"a list{f' of at least {least}' if least else ''}, each {reader.bound}", read)


def tables(bound: str, least: int = 0) -> Reader[list[Any]]:
    """Tables within a table, as they stand: they have keys of their own."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise Outside
        return list(value)

    return Reader(bound, read)
