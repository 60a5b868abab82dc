"""What an argument may be: readers of one word each, and the options that several commands have.

A reader raises ``argparse.ArgumentTypeError``, which names the value and its bound and ends in the usage line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date, datetime

import fleet


def duration_s(text: str) -> float:
    """A number of seconds, less than a day."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r}, must be a number of seconds, 0 or more and less than 86400")
    return value


def integer_between(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` to ``most``, both included."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            bound = f"{least} or more" if most is None else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r}, must be a whole number, {bound}")
        return value

    return read


#: A port, 0 for any that is free.
port = integer_between(0, 65_535)


def calendar_day(text: str) -> date:
    """A day in the years that plans are made for."""
    try:
        value = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}, must be a day of the calendar, YYYY-MM-DD") from None
    if not 2000 <= value.year <= 2100:
        raise argparse.ArgumentTypeError(f"{text!r}, must lie in the years 2000 to 2100")
    return value


def utc_instant(text: str) -> datetime:
    """An aware UTC instant, as facts are written."""
    try:
        return fleet.instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_language_to(parser: argparse.ArgumentParser, of_what: str) -> None:
    """``--lang``, by either spelling."""
    parser.add_argument("--lang", "--language", dest="lang", choices=("fr", "en"), help=of_what)
