"""Weekdays, times of day and opening hours, as people write them: ``Mo-Sa 05:00-20:00; Su 08:00-12:00``.

A subset of OSM's ``opening_hours`` (https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification): weekdays and
their ranges, times, ``24/7`` and ``off``; a later part replaces an earlier one on the weekdays it names, as there.
Holidays, months and weeks are not understood, and refused rather than ignored.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from fleet import Hours

WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAY_S = 24 * 3600
#: A night shift, or a site open past midnight, counts on from the day it began: up to the next day's midnight.
LATEST_S = 2 * DAY_S

#: What each text must be, in words: for faults and for docs/area.md.
DAYS = f'weekdays such as "Mo-Sa" or "Mo,We,Fr", of {" ".join(WEEKDAYS)}'
CLOCK = f'a time "hh:mm", from 00:00 to {LATEST_S // 3600}:00'
HOURS = "hours such as Mo-Sa 05:00-20:00; Su 08:00-12:00"

_PART = re.compile(r"(?P<days>[A-Za-z][A-Za-z, -]*?)?\s*(?P<times>off|closed|\d.*)")
_TIME = re.compile(r"(\d{1,2}):(\d{2})")


def weekday(text: str, allowed: tuple[str, ...] = WEEKDAYS) -> int:
    """0 = Monday. ValueError (the bound alone) for anything but ``allowed``."""
    if text not in allowed:
        raise ValueError(f"must be one of {' '.join(allowed)}")
    return WEEKDAYS.index(text)


def weekdays(text: str) -> tuple[int, ...]:
    """``"Mo-Sa"`` or ``"Mo,We,Fr"`` as sorted numbers, 0 = Monday; a range may pass Sunday (``"Sa-Mo"``)."""
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.strip().partition("-"))
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise ValueError(f"must be {DAYS}")
        start = WEEKDAYS.index(first)
        end = WEEKDAYS.index(last) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(days))


def weekdays_text(days: Iterable[int]) -> str:
    """``"Mo-Sa"``, or ``"Mo,We,Fr"`` where they are no run: what ``weekdays`` reads back as the same days."""
    found = sorted(days)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{WEEKDAYS[found[0]]}-{WEEKDAYS[found[-1]]}"
    return ",".join(WEEKDAYS[day] for day in found)


def clock_s(text: str) -> int:
    """``"05:30"`` as seconds after midnight. Past 24:00 is the next day, to 48:00."""
    match = _TIME.fullmatch(text.strip())
    if match is None or int(match[2]) > 59:
        raise ValueError(f"must be {CLOCK}")
    seconds = int(match[1]) * 3600 + int(match[2]) * 60
    if seconds > LATEST_S:
        raise ValueError(f"must be {CLOCK}")
    return seconds


def _spans(text: str) -> list[tuple[int, int]]:
    spans = []
    for part in text.split(","):
        opens, dash, closes = part.strip().partition("-")
        if not dash:
            raise ValueError(f"must be times such as 05:00-20:00, not {part.strip()!r}")
        start_s, end_s = clock_s(opens), clock_s(closes)
        if end_s <= start_s < DAY_S:  # 22:00-05:00, as OSM means it: closes the next morning
            end_s += DAY_S
        if not start_s < end_s:
            raise ValueError(f"must open before it closes, unlike {part.strip()!r}")
        spans.append((start_s, end_s))
    return sorted(spans)


def opening_hours(text: str) -> tuple[Hours, ...]:
    """The hours of a week, sorted. ValueError (the bound alone) where the text is outside the subset."""
    days: dict[int, list[tuple[int, int]]] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        if part == "24/7":
            days = {day: [(0, DAY_S)] for day in range(7)}
            continue
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"must be {HOURS}, not {part!r}")
        times = match["times"]
        named = weekdays(match["days"].strip(" ,")) if match["days"] else tuple(range(7))
        spans = [] if times in ("off", "closed") else _spans(times)
        for (_, closes_s), (opens_s, _) in itertools.pairwise(spans):
            if opens_s < closes_s:
                raise ValueError(f"must not overlap, unlike {part!r}")
        days |= dict.fromkeys(named, spans)
    hours = tuple(Hours(day, start, end) for day in sorted(days) for start, end in days[day])
    if not hours:
        raise ValueError("must name at least one opening, such as Mo-Sa 05:00-20:00")
    return hours
