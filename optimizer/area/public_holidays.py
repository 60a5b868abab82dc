"""Public holidays of a country or a part of it, by date and name. The only file that knows the `holidays` package."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import holidays

#: What a code must be, in words: for faults and for docs/area.md.
KNOWN = 'a country or a part of it that has a holiday list: "FR", "DE-BW", "MC"'
#: Parts of a country are compared in this year; which of them have holidays of their own hardly changes.
_YEAR = 2026


@cache
def parts_with_more(code: str) -> tuple[str, ...]:
    """The parts of a country ("DE-BW") that have holidays besides the national ones; none for a part, or an unknown
    code."""
    try:
        nation = holidays.country_holidays(code, years=_YEAR)
        parts = {part: holidays.country_holidays(code, subdiv=part, years=_YEAR) for part in nation.subdivisions}
    except NotImplementedError:
        return ()
    return tuple(f"{code}-{part}" for part, days in parts.items() if days.keys() - nation.keys())


@cache
def public_holidays(code: str | None) -> Callable[[date], str | None]:
    """The name of the holiday on a date, or None. ``code``: "FR", "DE-BW", "MC"; None: no holidays.

    Names are in the country's own language. ValueError (the bound alone) for a code that the package does not know.
    """
    if code is None:
        return lambda day: None
    country, _, part = code.partition("-")
    try:
        own = holidays.country_holidays(country, subdiv=part or None).default_language
        calendar = holidays.country_holidays(country, subdiv=part or None, language=own)  # else this machine's language
    except NotImplementedError:
        raise ValueError(f"must be {KNOWN}") from None

    def name(day: date) -> str | None:
        found = calendar.get(day)
        return str(found) if found is not None else None

    return name
