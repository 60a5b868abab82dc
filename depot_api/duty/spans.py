"""On duty: when a truck may be followed, from what its crew said and from what was planned. The one place that decides.

A box cuts on board; phones, files and other people's boxes do not, so the depot judges whatever is shown, matched,
counted, learned from or given out, and what phones and files bring in. It judges again each time: a report that comes
late takes back what was shown before it came. The rules, which docs/privacy promises:

- On a day on which a truck's crew reported any change of duty, these reports decide, by the box's own rules
  (``onboard/duty.py``); planned breaks count for nothing then. A crew whose first report of the day is no start of
  service began with its tour.
- Where nothing was reported, the tour in force bounds: from its planned start to its planned end, without its breaks.
- A service that nobody ended is over ``FORGOTTEN`` after the planned end of its tour (and of those that follow within
  that time), without a tour after ``LONGEST``. An end reported up to ``LATE`` later still counts: overtime is service.
- A truck with neither reports nor a tour is off duty. Only a depot that has no plans at all shows it, live.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise, zip_longest

from onboard.duty import DutyState

Span = tuple[datetime, datetime]

#: What sensors see of a truck: off duty it is as if it had never been.
SENSED = frozenset({"position", "lift", "load", "vehicle"})
#: What a crew says of its own accord, with a place beside it: off duty the report stands, and the place is left out.
PLACED = frozenset({"outcome", "incident"})
#: A fact from later than this after its arrival is a wrong clock's: it says nothing of when a truck was where.
MOST_AHEAD_US = 120_000_000

#: A truck's facts belong to its tour from this long before its planned start until this long after its planned end.
TOUR_BEFORE, TOUR_AFTER = timedelta(hours=2), timedelta(hours=4)
FORGOTTEN, LATE = timedelta(hours=2), timedelta(hours=2)
#: The longest day from start to end of service (décret 2000-815, art. 3: amplitude maximale de douze heures).
LONGEST = timedelta(hours=12)
#: However many tours follow one another, no service lasts longer: two days of reports and tours say all of an instant.
MOST = timedelta(hours=24)
REACH = timedelta(days=2)
#: A depot that put no plan in force for so many days has none.
WITHOUT_PLANS = timedelta(days=7)

#: Before that no box of ours had a true clock.
EARLIEST_CLOCK = datetime(2020, 1, 1, tzinfo=UTC)
#: No crew says so much in a fortnight: of a box that does, nobody can tell when it was on duty.
MOST_DUTY_REPORTS = 5_000
EVER, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: Of two changes of one instant, the one that ends the following counts last.
_ORDER = ("start", "break_end", "tracking_on", "break_start", "tracking_off", "end")
_START, _END = 0, len(_ORDER) - 1
#: What is shown of a truck's duty after these changes; after every other it is on duty.
_SHOWN = {"break_start": "break", "tracking_off": "off", "end": "ended"}
#: What must have been reported before a crew can report this.
_IMPLIED = {"break_end": "break_start", "tracking_on": "tracking_off"}


@dataclass(frozen=True, slots=True)
class DutyReport:
    """A change of duty that a crew reported (``state``: of ``fleet.DUTY_STATES``) and when it was."""

    at: datetime
    state: str


def shown_duty(state: str) -> str:
    """What is shown of a truck after this change (``fleet.DUTY_STATES``): ``on``, ``break``, ``off`` or ``ended``."""
    return _SHOWN.get(state, "on")


def report_time(at: datetime, received_at: datetime) -> datetime:
    """When a change was: by its own clock where that can be true, else when it came."""
    return at if EARLIEST_CLOCK <= at <= received_at + timedelta(microseconds=MOST_AHEAD_US) else received_at


@dataclass(frozen=True, slots=True)
class PlannedService:
    """A truck's tour in one version of its day's plan, which is in force ``since`` ≤ at < ``until``."""

    day: date
    start_at: datetime
    end_at: datetime
    breaks: tuple[Span, ...] = ()
    since: datetime = EVER
    until: datetime = NEVER

    @property
    def spans(self) -> list[Span]:
        """From start to end without the breaks, while the version is in force."""
        edges = [self.start_at, *chain.from_iterable(sorted(self.breaks)), self.end_at]
        pieces = zip(edges[::2], edges[1::2], strict=True)
        return [(max(a, self.since), min(b, self.until)) for a, b in pieces]


class DutySpans:
    """When a truck may be followed: half-open spans in the order of time, none touching the next."""

    __slots__ = ("_begins", "spans")

    def __init__(self, spans: Iterable[Span]) -> None:
        merged: list[Span] = []
        for begin, end in sorted(span for span in spans if span[0] < span[1]):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        self.spans: tuple[Span, ...] = tuple(merged)
        self._begins = [begin for begin, _ in merged]

    def span_number(self, at: datetime) -> int | None:
        """The number of the span that an instant is in; None off duty."""
        k = bisect_right(self._begins, at) - 1
        return k if k >= 0 and at < self.spans[k][1] else None

    def __contains__(self, at: datetime) -> bool:
        return self.span_number(at) is not None

    def last(self, at: datetime) -> datetime | None:
        """The instant itself on duty, else the end of the last span before it."""
        k = bisect_right(self._begins, at) - 1
        return min(at, self.spans[k][1]) if k >= 0 else None

    def first_difference(self, other: DutySpans) -> datetime | None:
        """The first instant that the two judge differently; None where there is none."""
        edges = zip_longest(chain.from_iterable(self.spans), chain.from_iterable(other.spans), fillvalue=NEVER)
        return next((min(a, b) for a, b in edges if a != b), None)


def duty_spans(
    reports: Iterable[DutyReport], planned: Iterable[PlannedService], *, without_plans: bool = False
) -> DutySpans:
    """When one truck may be followed. Words and tours in any order, as often as they like.

    ``without_plans``: the depot has none at all, and what is asked is what to show live: then silence is no end.
    """
    ordered = sorted({(one.at, _ORDER.index(one.state)) for one in reports})
    if len(ordered) > MOST_DUTY_REPORTS:
        return DutySpans(())
    tours = sorted(planned, key=lambda tour: (tour.start_at, tour.end_at))
    if without_plans and not tours:
        return DutySpans(_open_spans(ordered))
    days = _days(tours)
    for begin, end, own in days:
        first = next((change for change in ordered if begin <= change[0] < end), None)
        starts_at = own[0].start_at
        if (
            first is not None
            and first[1] != _START
            and starts_at < first[0]
            and not _serving(ordered, starts_at, tours)
        ):
            ordered += [(starts_at, _START)]
            implied = _IMPLIED.get(_ORDER[first[1]])
            ordered += [(starts_at, _ORDER.index(implied))] if implied else []
            ordered.sort()
    spans, services = _served(ordered, tours)
    for begin, end, own in days:
        spoken = any(begin <= at < end for at, _ in ordered)
        if not spoken and not any(a < own[-1].end_at and own[0].start_at < b for a, b in services):
            spans += [span for tour in own for span in tour.spans]
    return DutySpans(spans)


_Change = tuple[datetime, int]


def _open_spans(ordered: Sequence[_Change]) -> list[Span]:
    """Without any tour to bound a service: followed until the crew says otherwise, and where it says nothing."""
    state, spans = DutyState(on_service=not ordered or ordered[0][1] != _START), []
    for (at, _), (until, change) in pairwise([(EVER, -1), *ordered, (NEVER, -1)]):
        spans += [(at, until)] if state.tracked else []
        state = state.after(_ORDER[change]) if change >= 0 else state
    return spans


def _served(ordered: Sequence[_Change], tours: Sequence[PlannedService]) -> tuple[list[Span], list[Span]]:
    """What was tracked, and the services from start to end, however they ended."""
    spans: list[Span] = []
    services: list[Span] = []
    state, limit = DutyState(), EVER
    pairs = pairwise([*ordered, (NEVER, -1)])
    for ((at, change), (until, _)), (over_at, ended) in zip(pairs, _ends(ordered), strict=True):
        state = state.after(_ORDER[change])
        if change == _START:
            limit = _limit(at, tours)
            if ended and over_at <= limit + LATE:
                limit = max(limit, over_at)
            services.append((at, min(limit, over_at)))
        if state.tracked:
            spans.append((at, min(until, limit)))
    return spans, services


def _ends(ordered: Sequence[_Change]) -> list[tuple[datetime, bool]]:
    """For each change when the next start or end was, and whether it was an end."""
    ends: list[tuple[datetime, bool]] = []
    following = (NEVER, False)
    for at, change in reversed(ordered):
        ends.append(following)
        if change in (_START, _END):
            following = (at, change == _END)
    return ends[::-1]


def _limit(start_at: datetime, tours: Sequence[PlannedService]) -> datetime:
    """When a service that began then is over, if nobody says so before."""
    limit = None
    for tour in tours:
        if tour.end_at > start_at and tour.start_at <= (limit or start_at + TOUR_BEFORE):
            limit = max(limit or start_at, tour.end_at + FORGOTTEN)
    return min(limit, start_at + MOST) if limit is not None else start_at + LONGEST


def _serving(ordered: Sequence[_Change], at: datetime, tours: Sequence[PlannedService]) -> bool:
    """Whether a reported service goes on at an instant (a night's, say)."""
    return any(begin <= at < end for begin, end in _served(ordered, tours)[1])


def _days(tours: Sequence[PlannedService]) -> list[tuple[datetime, datetime, list[PlannedService]]]:
    """The tours of each day with the time in which reports are of that day; the middle of a pause divides two days."""
    own: dict[date, list[PlannedService]] = {}
    for tour in tours:
        own.setdefault(tour.day, []).append(tour)
    days = sorted(own.values(), key=lambda of_day: of_day[0].start_at)
    bounds = [(of_day[0].start_at, max(tour.end_at for tour in of_day)) for of_day in days]
    begins = [start - TOUR_BEFORE for start, _ in bounds]
    ends = [end + TOUR_AFTER for _, end in bounds]
    for k, ((_, a_end), (b_start, _)) in enumerate(pairwise(bounds)):
        middle = a_end + (b_start - a_end) / 2
        ends[k], begins[k + 1] = min(ends[k], middle), max(begins[k + 1], middle)
    return list(zip(begins, ends, days, strict=True))
