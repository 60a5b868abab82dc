"""The public promise: which (sector, service, kind of dwelling) is collected on which date, and why.

``collection.csv`` gives the usual days: a weekday, every so many weeks counted from the Monday of an anchor date, in a
season. Counting from an anchor and not by week parity keeps the rhythm over a year with a week 53 (2026). The anchor
gives the phase only, not a beginning: the rhythm runs before it too.

On a public holiday each service follows its rule (``Service.holiday_rule``), within the week Monday to Saturday:

- ``worked``: collected as usual.
- ``none``: no collection and no catch-up.
- ``cascade``: nothing on the week's first holiday; its collection goes to the next day, and each later day's to the day
  after it, until Saturday. What finds no day until Saturday is collected on the week's last working day: Saturday; or,
  where Saturday itself is free, the day before it (brought forward). A second holiday of the week is, as the area
  says (``second_holiday``), ``worked`` (Grand Besançon, 8 and 9 May 2024: one shift by one day, Ascension is worked)
  or ``free`` (Germany, 25 and 26 December: neither is worked, so Thursday's goes to Saturday).
- ``saturday``: moved to the Saturday of that week; where Saturday is a holiday, to the week's last working day.
- ``next_usual_day``: goes with the next day on which the service comes to that sector anyway (another kind of dwelling
  counts: the truck is there), within four weeks; where none comes, nothing extra.

A Sunday is never collected by these rules. ``exceptions.csv`` comes last and may name any day:

- its ``date`` is the day on which the collection would take place, the holiday rule applied; on a holiday left free it
  is the usual day, and the exception then replaces the holiday rule for that collection;
- ``cancelled`` takes away what the rules put on that date, ``moved`` puts it on another date, ``collected`` adds a
  collection; what another row brings to the date stays;
- the row that says more wins: sector and service, then sector alone, then service alone, then ``*`` twice.

Two collections of the same (sector, service, dwelling) on one date are one stop of the truck: ``due`` holds it once,
and ``occurrences`` keeps both, so that none is lost in the count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from optimizer.area.area import DWELLINGS, Area, CollectionException, CollectionRule
from optimizer.area.public_holidays import public_holidays

Key = tuple[str, str, str]  # sector, service, kind of dwelling

SATURDAY = 5
SUNDAY = 6
#: Waste does not pile up without end: who is collected again after longer has found another way for it.
LONGEST_DAYS = 28
#: How far the next usual day may be: four weeks.
NEXT_USUAL_DAYS = 28
#: How far ahead a day with anything to collect is looked for: four weeks.
NEXT_COLLECTION_DAYS = 28
#: How far back the last collection is looked for: over the longest pause between two seasons.
SEASON_PAUSE_DAYS = 366

#: Why something is collected on a day, or not; keys of the catalogue of texts.
REASONS = (
    "regular",  # its usual day
    "holiday_shift",  # moved here by the holiday rule, from Reason.other
    "moved",  # moved here by exceptions.csv, from Reason.other
    "extra",  # exceptions.csv adds a collection
    "holiday_none",  # usual day, but a holiday without catch-up
    "holiday_away",  # usual day, but moved to Reason.other by the holiday rule
    "moved_away",  # moved to Reason.other by exceptions.csv
    "cancelled",  # exceptions.csv takes it away
    "not_due",  # no collection is promised on this day
)


@dataclass(frozen=True, slots=True)
class Reason:
    """``key``: one of ``REASONS``. ``note``: the holiday's name, or the note of the exception."""

    key: str
    other: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One promised collection. ``usual``: its day by collection.csv (None: an extra one); ``date``: None = not made."""

    sector: str
    service: str
    dwelling: str
    usual: date | None
    date: date | None
    reason: Reason

    @property
    def key(self) -> Key:
        return self.sector, self.service, self.dwelling


def promise(area: Area) -> Promise:
    return Promise(area)


def next_collection_day(area: Area, today: date) -> date:
    """The first day after today on which something is collected; ``ValueError`` where four weeks have none."""
    promised = promise(area)
    for k in range(1, NEXT_COLLECTION_DAYS + 1):
        if promised.due(today + timedelta(days=k)):
            return today + timedelta(days=k)
    raise ValueError(f"{area.folder / 'collection.csv'}: nothing is collected in the four weeks after {today}")


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _days(first: date, last: date) -> Iterator[date]:
    for step in range((last - first).days + 1):
        yield first + timedelta(days=step)


def usual(rule: CollectionRule, day: date) -> bool:
    """Whether ``rule`` collects on ``day``, holidays and exceptions apart."""
    if day.weekday() != rule.weekday:
        return False
    if (monday_of(day) - monday_of(rule.anchor)).days // 7 % rule.every_weeks:
        return False
    if rule.season_from is None or rule.season_to is None:
        return True
    at = (day.month, day.day)
    if rule.season_from <= rule.season_to:
        return rule.season_from <= at <= rule.season_to
    return at >= rule.season_from or at <= rule.season_to  # over New Year


class Promise:
    """The promise of one area. Weeks are worked out once and kept."""

    def __init__(self, area: Area):
        self.area = area
        self.holiday = public_holidays(area.holidays)
        self._holiday_rule = {service.name: service.holiday_rule for service in area.services}
        self._rules: dict[Key, list[CollectionRule]] = {}
        for rule in area.rules:
            self._rules.setdefault((rule.sector, rule.service, rule.dwelling), []).append(rule)
        self._exceptions: dict[date, list[CollectionException]] = {}
        self._arrivals: dict[date, list[CollectionException]] = {}
        for row in area.exceptions:
            self._exceptions.setdefault(row.date, []).append(row)
            if row.moved_to is not None:
                self._arrivals.setdefault(row.moved_to, []).append(row)
        self._weeks: dict[date, tuple[Occurrence, ...]] = {}
        self._on: dict[date, tuple[Occurrence, ...]] = {}

    # --- what is asked -------------------------------------------------------------------------------------------

    def due(self, day: date) -> frozenset[Key]:
        """What is collected on ``day``."""
        return frozenset(occurrence.key for occurrence in self._made_on(day))

    def dates(self, sector: str, service: str, dwelling: str, first: date, last: date) -> list[date]:
        """The collection days from ``first`` to ``last``, both included, each once."""
        return [day for day in _days(first, last) if (sector, service, dwelling) in self.due(day)]

    def occurrences(self, first: date, last: date) -> list[Occurrence]:
        """Every collection made from ``first`` to ``last``, both included; merged ones each by themselves."""
        return [occurrence for day in _days(first, last) for occurrence in self._made_on(day)]

    def days_since_last(self, sector: str, service: str, dwelling: str, day: date) -> int:
        """Days of waste that lie out on ``day``: since the collection before it, at most four weeks.

        A longer period than four weeks is its own bound. The very first collection finds one period of its rule.
        """
        key = sector, service, dwelling
        period_days = 7 * min((rule.every_weeks for rule in self._rules.get(key, [])), default=1)
        longest_days = max(LONGEST_DAYS, period_days)
        for back in range(1, longest_days + 1):
            if key in self.due(day - timedelta(days=back)):
                return back
        earlier = self.dates(*key, day - timedelta(days=SEASON_PAUSE_DAYS), day - timedelta(days=longest_days + 1))
        return longest_days if earlier else period_days

    def why(self, sector: str, service: str, dwelling: str, day: date) -> Reason:
        """Why it is collected on ``day``, or why not; the usual day comes first where several collections merge."""
        key = sector, service, dwelling
        made = [occurrence.reason for occurrence in self._made_on(day) if occurrence.key == key]
        if made:
            return min(made, key=lambda reason: REASONS.index(reason.key))
        for occurrence in self._planned_around(day):
            if occurrence.key != key:
                continue
            row = self._row_for(occurrence)
            if row is not None and row.date == day:
                return Reason("moved_away" if row.what == "moved" else "cancelled", row.moved_to, row.note)
            if occurrence.usual == day and occurrence.date is None:
                return Reason("holiday_none", None, occurrence.reason.note)
            if occurrence.usual == day:
                if row is not None and row.what == "cancelled":
                    return Reason("cancelled", None, row.note)
                return Reason("holiday_away", row.moved_to if row else occurrence.date, occurrence.reason.note)
        return Reason("not_due")

    def different(self, day: date) -> list[tuple[Key, Reason]]:
        """What is not as usual on ``day``, with its reason: what is collected besides the usual, and what is not."""
        found = [(one.key, one.reason) for one in self._made_on(day) if one.reason.key != "regular"]
        due = self.due(day)
        left = ((key, self.why(*key, day)) for key in self._rules if key not in due)
        return found + [(key, reason) for key, reason in left if reason.key != "not_due"]

    def without_effect(self) -> tuple[CollectionException, ...]:
        """Rows of exceptions.csv that change nothing: a wrong date, mostly, or a row that a more exact one replaces."""
        used = {
            row
            for day in self._exceptions
            for occurrence in self._planned_around(day)
            if (row := self._row_for(occurrence)) is not None
        }
        idle = (row for row in self.area.exceptions if row not in used)
        return tuple(row for row in idle if row.what != "collected" or not self._keys(row))

    # --- exceptions ----------------------------------------------------------------------------------------------

    def _made_on(self, day: date) -> tuple[Occurrence, ...]:
        """The collections of one day: what the rules put there, less what exceptions take, more what they bring."""
        if day not in self._on:
            kept = [o for o in self._planned_around(day) if o.date == day and self._row_for(o) is None]
            moved = [
                Occurrence(*o.key, o.usual, day, Reason("moved", row.date, row.note))
                for row in self._arrivals.get(day, [])
                for o in self._planned_around(row.date)
                if self._row_for(o) is row
            ]
            extra = [
                Occurrence(*key, None, day, Reason("extra", None, row.note))
                for row in self._exceptions.get(day, [])
                if row.what == "collected"
                for key in self._keys(row)
            ]
            self._on[day] = (*kept, *moved, *extra)
        return self._on[day]

    def _row_for(self, planned: Occurrence) -> CollectionException | None:
        """The row that takes a planned collection away, or None. On a holiday left free, its usual day is named."""
        days = [planned.date] if planned.usual == planned.date else [planned.usual, planned.date]
        for day in days:
            rows = self._exceptions.get(day, []) if day is not None else []
            taking = [row for row in rows if row.what != "collected" and _meets(row, planned)]
            # The second name: on a day that is worked, others' usual collections are not meant by their usual day.
            if taking and (day == planned.date or self._is_free(planned)):
                return max(taking, key=_exactness)
        return None

    def _is_free(self, planned: Occurrence) -> bool:
        """Whether the collection left its usual day because nothing of the service is collected on it."""
        day = planned.usual
        return day is not None and planned.date != day and day in self._free_days(planned.service, monday_of(day))

    def _keys(self, row: CollectionException) -> list[Key]:
        """What a row that adds a collection brings: every kind of dwelling that the service has there."""
        known = [key for key in self._rules if row.sector in ("*", key[0]) and row.service in ("*", key[1])]
        if known or "*" in (row.sector, row.service):
            return known
        kinds = {dwelling for _, service, dwelling in self._rules if service == row.service} or set(DWELLINGS)
        return [(row.sector, row.service, dwelling) for dwelling in sorted(kinds)]

    # --- the usual days and their holidays -----------------------------------------------------------------------

    def _planned_around(self, day: date) -> Iterator[Occurrence]:
        """Planned collections whose usual day or planned date may be ``day``."""
        monday = monday_of(day)
        for back in range(0, NEXT_USUAL_DAYS + 7, 7):
            for occurrence in self._week(monday - timedelta(days=back)):
                if day in (occurrence.usual, occurrence.date):
                    yield occurrence

    def _week(self, monday: date) -> tuple[Occurrence, ...]:
        """The collections whose usual day lies in the week of ``monday``, holiday rules applied, exceptions not."""
        if monday not in self._weeks:
            self._weeks[monday] = tuple(
                self._after_holidays(key, day)
                for key in self._rules
                for day in _days(monday, monday + timedelta(days=SUNDAY))
                if self._usual(key, day)
            )
        return self._weeks[monday]

    def _usual(self, key: Key, day: date) -> bool:
        return any(usual(rule, day) for rule in self._rules.get(key, []))

    def _after_holidays(self, key: Key, day: date) -> Occurrence:
        rule = self._holiday_rule.get(key[1], "worked")
        free = self._free_days(key[1], monday_of(day))
        to: date | None = day
        if rule == "cascade":
            to = self._cascaded(day, free)
        elif day in free:
            to = self._moved(key, day, free, rule)
        if to == day:
            return Occurrence(*key, day, day, Reason("regular"))
        cause = max((other for other in free if other <= day), default=day)
        note = self.holiday(cause) or ""
        return Occurrence(
            *key, day, to, Reason("holiday_shift", day, note) if to else Reason("holiday_none", None, note)
        )

    def _free_days(self, service: str, monday: date) -> tuple[date, ...]:
        """The days of a week, Monday to Saturday, on which holidays leave the service out."""
        rule = self._holiday_rule.get(service, "worked")
        if rule == "worked":
            return ()
        found = [day for day in _days(monday, monday + timedelta(days=SATURDAY)) if self.holiday(day) is not None]
        return tuple(found[:1] if rule == "cascade" and self.area.second_holiday == "worked" else found)

    def _moved(self, key: Key, day: date, free: tuple[date, ...], rule: str) -> date | None:
        """Where the collection of a free day goes by the rules that move this day alone."""
        if rule == "saturday":
            return _last_working_day(day, free)
        if rule == "next_usual_day":
            for later in _days(day + timedelta(days=1), day + timedelta(days=NEXT_USUAL_DAYS)):
                kinds = {dwelling for sector, service, dwelling in self._rules if (sector, service) == key[:2]}
                comes = any(self._usual((*key[:2], dwelling), later) for dwelling in kinds)
                if comes and later not in self._free_days(key[1], monday_of(later)):
                    return later
        return None

    def _cascaded(self, day: date, free: tuple[date, ...]) -> date | None:
        """A collection goes no earlier than its day, and not on the day that took the one before it."""
        if not free or day < free[0] or day.weekday() == SUNDAY:
            return day
        taken = free[0] - timedelta(days=1)
        for turn in _days(free[0], day):
            taken = max(turn, taken + timedelta(days=1))
            while taken in free:
                taken += timedelta(days=1)
        return (
            taken if taken.weekday() != SUNDAY and monday_of(taken) == monday_of(day) else _last_working_day(day, free)
        )


def _last_working_day(day: date, free: tuple[date, ...]) -> date | None:
    """The last day of ``day``'s week, Saturday at the latest, that is not free; None in a week of holidays only."""
    week = _days(monday_of(day), monday_of(day) + timedelta(days=SATURDAY))
    return max((other for other in week if other not in free), default=None)


def _meets(row: CollectionException, planned: Occurrence) -> bool:
    return row.sector in ("*", planned.sector) and row.service in ("*", planned.service)


def _exactness(row: CollectionException) -> int:
    return 2 * (row.sector != "*") + (row.service != "*")
