"""When a truck may be followed: by its crew's words, else by its tour; whatever comes late, twice or contradicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depot_api.duty.spans import (
    FORGOTTEN,
    LATE,
    LONGEST,
    MOST,
    MOST_DUTY_REPORTS,
    DutyReport,
    DutySpans,
    PlannedService,
    duty_spans,
    report_time,
)
from fleet import DUTY_STATES

DAY = date(2026, 11, 23)
FIVE = datetime(2026, 11, 23, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def at(hours: float) -> datetime:
    """So many hours after five o'clock."""
    return FIVE + timedelta(hours=hours)


def tour(begin: float = 0, end: float = 6, *breaks: tuple[float, float], day: date = DAY) -> PlannedService:
    return PlannedService(day, at(begin), at(end), tuple((at(a), at(b)) for a, b in breaks))


def said(*words: tuple[float, str]) -> list[DutyReport]:
    return [DutyReport(at(hours), state) for hours, state in words]


def spans(found: DutySpans) -> list[tuple[float, float]]:
    """In hours after five."""
    return [((a - FIVE) / HOUR, (b - FIVE) / HOUR) for a, b in found.spans]


# --- what was said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (((0, "start"), (5, "end")), [(0, 5)]),
        (((0, "start"), (2, "break_start"), (2.5, "break_end"), (5, "end")), [(0, 2), (2.5, 5)]),
        (((0, "start"), (2, "tracking_off"), (3, "tracking_on"), (5, "end")), [(0, 2), (3, 5)]),
        (((0, "start"), (2, "tracking_off"), (3, "break_start"), (4, "break_end"), (5, "end")), [(0, 2)]),
        (((0, "start"), (2, "tracking_off"), (5, "end"), (5.5, "start"), (6, "end")), [(0, 2), (5.5, 6)]),
        (((0, "start"), (1, "end"), (2, "tracking_on"), (3, "break_end")), [(0, 1)]),
        (((1, "start"), (1, "end")), []),
        (((0, "start"), (0, "start"), (1, "end"), (1, "end")), [(0, 1)]),
        (((0, "start"), (9, "end")), [(0, 9)]),  # overtime is service
        (((0, "start"),), [(0, 8)]),  # forgotten
        (((0, "start"), (24, "end")), [(0, 8)]),  # said when the next day began
        (((0, "start"), (2, "break_start")), [(0, 2)]),
        (((2, "break_start"), (2.5, "break_end"), (5, "end")), [(0, 2), (2.5, 5)]),  # began with its tour
        (((5, "end"),), [(0, 5)]),
        (((2, "break_end"), (5, "end")), [(2, 5)]),  # it was in a break that nobody said
        (((2, "tracking_on"), (5, "end")), [(2, 5)]),
        (((-1, "end"),), []),
    ],
)
def test_on_a_day_of_which_the_crew_spoke_its_words_decide(
    words: tuple[tuple[float, str], ...], expected: list[tuple[float, float]]
) -> None:
    assert spans(duty_spans(said(*words), [tour(0, 6, (3, 3.5))])) == expected


def test_where_nothing_was_said_the_tours_bound_without_their_breaks() -> None:
    two = [tour(0, 6, (3, 3.5)), tour(9, 12)]
    assert spans(duty_spans([], two)) == [(0, 3), (3.5, 6), (9, 12)]
    assert spans(duty_spans([], [])) == []


def test_words_of_the_first_tour_speak_for_the_second_too() -> None:
    two = [tour(0, 6), tour(9, 12)]
    assert spans(duty_spans(said((0, "start"), (6, "end")), two)) == [(0, 6)]
    assert spans(duty_spans(said((0, "start"), (6, "end"), (9, "start"), (12, "end")), two)) == [(0, 6), (9, 12)]


def test_a_forgotten_end_does_not_bridge_a_long_pause() -> None:
    two = [tour(0, 6), tour(9, 12)]
    assert spans(duty_spans(said((0, "start")), two)) == [(0, 8)]
    assert spans(duty_spans(said((0, "start"), (9, "start"), (12, "end")), two)) == [(0, 8), (9, 12)]


def test_yesterdays_words_are_yesterdays() -> None:
    today = tour(24, 30, day=DAY + timedelta(days=1))
    assert spans(duty_spans(said((0, "start"), (5, "end")), [tour(), today])) == [(0, 5), (24, 30)]
    assert spans(duty_spans(said((0, "start")), [tour(), today])) == [(0, 8), (24, 30)]


def test_a_night_goes_on_over_midnight() -> None:
    night = tour(17, 23)  # 22:00 to 4:00
    words = said((17, "start"), (20, "break_start"), (20.5, "break_end"), (23.2, "end"))
    assert spans(duty_spans(words, [night, tour(24, 30, day=DAY + timedelta(days=1))])) == [
        (17, 20), (20.5, 23.2), (24, 30)
    ]  # fmt: skip


def test_a_service_without_a_tour_ends_by_itself() -> None:
    assert spans(duty_spans(said((0, "start")), [])) == [(0, LONGEST / HOUR)]
    assert spans(duty_spans(said((0, "start"), (2, "end")), [])) == [(0, 2)]


def test_a_depot_without_plans_shows_whom_nobody_calls_off_duty() -> None:
    assert FIVE in duty_spans([], [], without_plans=True)
    assert FIVE not in duty_spans(said((-9, "start"), (-1, "end")), [], without_plans=True)
    assert FIVE in duty_spans(said((-90, "start")), [], without_plans=True), "as one of which nothing is said"
    assert at(-100) not in duty_spans(said((-90, "start")), [], without_plans=True)
    assert FIVE not in duty_spans(said((-1, "break_start")), [], without_plans=True)
    assert spans(duty_spans([], [tour()], without_plans=True)) == [(0, 6)]


def test_a_version_bounds_while_it_is_in_force() -> None:
    first = PlannedService(DAY, at(0), at(6), (), until=at(4))
    second = PlannedService(DAY, at(1), at(8), ((at(5), at(5.5)),), since=at(4))
    assert spans(duty_spans([], [second, first])) == [(0, 5), (5.5, 8)]
    taken_off = PlannedService(DAY, at(0), at(6), (), until=at(4))
    assert spans(duty_spans([], [taken_off])) == [(0, 4)]


def test_a_word_from_a_clock_that_cannot_be_true_counts_from_when_it_came() -> None:
    assert report_time(at(90), at(5)) == at(5)
    assert report_time(datetime(1980, 1, 6, tzinfo=UTC), at(5)) == at(5)
    assert report_time(at(5) + MINUTE, at(5)) == at(5) + MINUTE
    assert report_time(at(1), at(5)) == at(1)


def test_the_day_on_which_the_clocks_change_is_as_long_as_it_is() -> None:
    paris = ZoneInfo("Europe/Paris")
    begin, end = (datetime(2026, 10, 25, hour, tzinfo=paris).astimezone(UTC) for hour in (1, 5))
    found = duty_spans([], [PlannedService(date(2026, 10, 25), begin, end)])
    assert found.spans[0][1] - found.spans[0][0] == 5 * HOUR


# --- whatever is said --------------------------------------------------------------------------------------------

words_of_a_day = st.lists(
    st.tuples(st.integers(-90, 9 * 60), st.sampled_from(DUTY_STATES)).map(
        lambda w: DutyReport(FIVE + w[0] * MINUTE, w[1])
    ),
    max_size=12,
)
tours_of_a_day = st.sampled_from([[], [tour()], [tour(0, 6, (3, 3.5))], [tour(0, 3), tour(5, 8)], [tour(-2, 1)]])
instants = st.integers(-36 * 60, 60 * 60).map(lambda minutes: FIVE + minutes * MINUTE + timedelta(seconds=30))


def last_before(words: Sequence[DutyReport], when: datetime, *states: str) -> datetime | None:
    return max((word.at for word in words if word.state in states and word.at <= when), default=None)


@given(words_of_a_day, tours_of_a_day, instants, st.booleans())
def test_never_after_an_end_and_before_the_next_start(
    words: list[DutyReport], tours: list[PlannedService], when: datetime, without_plans: bool
) -> None:
    ended_at, began_at = last_before(words, when, "end"), last_before(words, when, "start")
    if ended_at is not None and (began_at is None or began_at <= ended_at):
        assert when not in duty_spans(words, tours, without_plans=without_plans)


@given(words_of_a_day, tours_of_a_day, instants)
def test_never_in_a_break_nor_switched_off_that_nothing_ended(
    words: list[DutyReport], tours: list[PlannedService], when: datetime
) -> None:
    for stops, goes_on in (("break_start", "break_end"), ("tracking_off", "tracking_on")):
        stopped_at = last_before(words, when, stops)
        went_on_at = last_before(words, when, goes_on, "start", "end")
        if stopped_at is not None and (went_on_at is None or went_on_at < stopped_at):
            assert when not in duty_spans(words, tours)


@given(words_of_a_day, tours_of_a_day, st.randoms(use_true_random=False))
def test_neither_the_order_of_arrival_nor_repeating_matters(
    words: list[DutyReport], tours: list[PlannedService], random: Random
) -> None:
    again = [*words, *random.choices(words, k=3)] if words else []
    random.shuffle(again)
    assert duty_spans(again, tours[::-1]).spans == duty_spans(words, tours).spans


@given(words_of_a_day, tours_of_a_day, instants)
def test_nobody_is_followed_for_long_after_whatever_began_it(
    words: list[DutyReport], tours: list[PlannedService], when: datetime
) -> None:
    if when in duty_spans(words, tours):
        begun = [word.at for word in words if word.state == "start"] + [one.start_at for one in tours]
        assert any(begin <= when < begin + MOST + LATE for begin in begun)
    if not words:
        assert (when in duty_spans(words, tours)) == any(a <= when < b for one in tours for a, b in one.spans)


@given(words_of_a_day, tours_of_a_day, words_of_a_day, instants)
def test_what_changes_is_told_from_its_first_instant(
    words: list[DutyReport], tours: list[PlannedService], more: list[DutyReport], when: datetime
) -> None:
    before, after = duty_spans(words, tours), duty_spans([*words, *more], tours)
    differs = before.first_difference(after)
    assert differs == after.first_difference(before)
    assert differs is None or (differs in before) != (differs in after)
    if differs is None or when < differs:
        assert (when in before) == (when in after)


@given(words_of_a_day, tours_of_a_day, instants)
def test_spans_are_apart_and_the_last_instant_on_duty_is_found(
    words: list[DutyReport], tours: list[PlannedService], when: datetime
) -> None:
    found = duty_spans(words, tours)
    assert all(a < b for a, b in found.spans)
    assert all(a[1] < b[0] for a, b in pairwise(found.spans))
    last = found.last(when)
    if when in found:
        assert last == when
    else:
        assert last == max((end for _, end in found.spans if end <= when), default=None)


def test_of_a_box_that_speaks_without_end_nobody_is_on_duty() -> None:
    words = [DutyReport(FIVE + k * timedelta(seconds=1), "start") for k in range(MOST_DUTY_REPORTS + 1)]
    assert duty_spans(words, [tour()]).spans == ()
    assert duty_spans(words[1:], [tour()]).spans == ((words[1].at, at(8)),)


def test_the_bounds_are_those_that_the_documents_tell() -> None:
    assert (FORGOTTEN, FORGOTTEN + LATE, LONGEST) == (2 * HOUR, 4 * HOUR, 12 * HOUR)
