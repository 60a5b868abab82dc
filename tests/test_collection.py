"""The public promise: usual days, seasons, holidays, week 53 and exceptions; published notices come out exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import HOLIDAY_RULES, Service
from optimizer.area.area import CollectionException, CollectionRule
from optimizer.area.collection import REASONS, Key, Promise, Reason, monday_of, promise, usual
from optimizer.area.file import read_area
from optimizer.area.public_holidays import parts_with_more, public_holidays

MONACO = read_area(Path(__file__).parent.parent / "data" / "monaco")
MO, TU, WE, TH, FR, SA, SU = range(7)
WEEK = (MO, TU, WE, TH, FR)
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ANCHOR = date(2026, 1, 5)
Season = tuple[tuple[int, int] | None, tuple[int, int] | None]


def rule(
    weekday: int, sector: str = "A", dwelling: str = "houses", every: int = 1, anchor: date = ANCHOR,
    season: Season = (None, None), service: str = "bags",
) -> CollectionRule:  # fmt: skip
    return CollectionRule(2, sector, service, dwelling, weekday, every, anchor, *season)


def exception(
    day: date, what: str, to: date | None = None, sector: str = "*", service: str = "*"
) -> CollectionException:
    return CollectionException(2, sector, service, day, what, to, "note")


def town(
    *rules: CollectionRule, holidays: str | None = "FR", holiday_rule: str = "cascade",
    exceptions: tuple[CollectionException, ...] = (), second: str = "worked",
) -> Promise:  # fmt: skip
    services = tuple(
        Service(name, name, (flux,), holiday_rule) for name, flux in (("bags", "food"), ("glass", "glass"))
    )
    area = replace(
        MONACO, rules=rules, exceptions=exceptions, services=services, holidays=holidays, second_holiday=second
    )
    return promise(area)


def by_weekday(**more: str) -> Promise:
    """A town in which every sector is called after its usual day, Monday to Friday."""
    return town(*(rule(day, NAMES[day]) for day in WEEK), **more)  # type: ignore[arg-type]


def notice(made: Promise, monday: date) -> dict[str, date]:
    """The week's collections as a notice prints them: usual day and date."""
    week = made.occurrences(monday, monday + timedelta(days=6))
    return {one.sector: one.date for one in week if one.date is not None}


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


# --- published notices -------------------------------------------------------------------------------------------

# Grand Besançon Métropole, notices as printed by macommune.info (29 April 2024, 31 October 2019, 19 December 2025) and
# pleinair.net (1 and 8 May 2025): usual day -> date; what is not named is collected as usual.
PUBLISHED = {
    date(2024, 4, 29): {"Wednesday": date(2024, 5, 2), "Thursday": date(2024, 5, 3), "Friday": date(2024, 5, 4)},
    date(2024, 5, 6): {"Wednesday": date(2024, 5, 9), "Thursday": date(2024, 5, 10), "Friday": date(2024, 5, 11)},
    date(2024, 5, 20): {NAMES[day]: date(2024, 5, 21) + timedelta(days=day) for day in WEEK},
    date(2019, 10, 28): {"Friday": date(2019, 11, 2)},
    date(2019, 11, 11): {NAMES[day]: date(2019, 11, 12) + timedelta(days=day) for day in WEEK},
    date(2025, 4, 28): {"Thursday": date(2025, 5, 2), "Friday": date(2025, 5, 3)},
    date(2025, 5, 5): {"Thursday": date(2025, 5, 9), "Friday": date(2025, 5, 10)},
    date(2025, 12, 22): {"Thursday": date(2025, 12, 26), "Friday": date(2025, 12, 27)},
    date(2025, 12, 29): {"Thursday": date(2026, 1, 2), "Friday": date(2026, 1, 3)},
}


@pytest.mark.parametrize("monday", PUBLISHED, ids=str)
def test_the_published_weeks_of_grand_besancon_come_out_exactly(monday: date) -> None:
    usually = {NAMES[day]: monday + timedelta(days=day) for day in WEEK}
    assert notice(by_weekday(), monday) == usually | PUBLISHED[monday]


def test_nothing_is_collected_on_8_may_2024_and_ascension_is_worked() -> None:
    made = by_weekday()
    assert made.due(date(2024, 5, 8)) == frozenset()
    assert made.due(date(2024, 5, 9)) == {("Wednesday", "bags", "houses")}
    assert made.why("Wednesday", "bags", "houses", date(2024, 5, 9)).key == "holiday_shift"
    assert made.why("Wednesday", "bags", "houses", date(2024, 5, 8)) == Reason(
        "holiday_away", date(2024, 5, 9), made.holiday(date(2024, 5, 8)) or ""
    )


# --- two holidays, and holidays at the week's end ----------------------------------------------------------------


def test_christmas_on_thursday_and_friday_is_free_on_both_days_in_germany() -> None:
    made = by_weekday(holidays="DE-BW", second="free")
    monday = date(2025, 12, 22)
    assert notice(made, monday) == {
        "Monday": monday, "Tuesday": date(2025, 12, 23), "Wednesday": date(2025, 12, 24),
        "Thursday": date(2025, 12, 27), "Friday": date(2025, 12, 27),
    }  # fmt: skip


def test_what_cannot_go_past_a_free_saturday_is_brought_forward() -> None:
    """25 and 26 December 2026 are Friday and Saturday: Thursday is the week's last working day."""
    made = by_weekday(holidays="DE-BW", second="free")
    week = notice(made, date(2026, 12, 21))
    assert (week["Thursday"], week["Friday"]) == (date(2026, 12, 24), date(2026, 12, 24))


def test_saturdays_collection_stays_on_saturday_where_fridays_comes_to_it() -> None:
    made = town(rule(FR, "F"), rule(SA, "S"))
    assert made.due(date(2026, 12, 26)) == {("F", "bags", "houses"), ("S", "bags", "houses")}


def test_easter_monday_moves_the_whole_week() -> None:
    week = notice(by_weekday(), date(2026, 4, 6))
    assert week == {NAMES[day]: date(2026, 4, 7) + timedelta(days=day) for day in WEEK}


def test_a_holiday_on_a_sunday_changes_nothing() -> None:
    monday = date(2026, 10, 26)  # All Saints' is Sunday 1 November 2026
    assert notice(by_weekday(), monday) == {NAMES[day]: monday + timedelta(days=day) for day in WEEK}


# --- week 53 -----------------------------------------------------------------------------------------------------


def test_the_weeks_around_new_year_2027_keep_every_promise() -> None:
    """21 December 2026 - 10 January 2027 with ISO week 53 between: Christmas and New Year are both Fridays."""
    assert [date(2026, 12, 21).isocalendar().week + k for k in (0, 1)] == [52, 53]
    made = town(*(rule(day, NAMES[day]) for day in range(6)))
    found = {name: made.dates(name, "bags", "houses", date(2026, 12, 21), date(2027, 1, 10)) for name in NAMES[:6]}
    for day in (MO, TU, WE, TH, SA):
        first = date(2026, 12, 21) + timedelta(days=day)
        assert found[NAMES[day]] == [first, first + timedelta(days=7), first + timedelta(days=14)]
    assert found["Friday"] == [date(2026, 12, 26), date(2027, 1, 2), date(2027, 1, 8)]
    assert made.due(date(2026, 12, 25)) == made.due(date(2027, 1, 1)) == frozenset()


def test_every_other_week_goes_on_across_week_53() -> None:
    """By parity, weeks 53 and 1 would both be odd."""
    odd = town(rule(WE, every=2, anchor=date(2026, 12, 16)))
    assert odd.dates("A", "bags", "houses", date(2026, 12, 14), date(2027, 1, 31)) == [
        date(2026, 12, 16), date(2026, 12, 30), date(2027, 1, 13), date(2027, 1, 27),
    ]  # fmt: skip


def test_the_anchor_counts_weeks_from_its_monday_and_backwards_too() -> None:
    sunday_of_the_week = town(rule(TU, every=3, anchor=date(2026, 3, 15)), holidays=None)
    found = sunday_of_the_week.dates("A", "bags", "houses", date(2026, 2, 1), date(2026, 4, 30))
    assert found == [date(2026, 2, 17), date(2026, 3, 10), date(2026, 3, 31), date(2026, 4, 21)]


# --- seasons -----------------------------------------------------------------------------------------------------


def test_a_season_includes_both_ends_and_may_pass_new_year() -> None:
    winter = rule(FR, season=((11, 27), (3, 5)))
    assert usual(winter, date(2026, 11, 27))
    assert usual(winter, date(2027, 3, 5))
    assert usual(winter, date(2027, 1, 1))
    assert not usual(winter, date(2026, 11, 20))
    assert not usual(winter, date(2027, 3, 12))


def test_a_season_that_ends_on_29_february_ends_on_28_in_other_years() -> None:
    until = rule(SA, season=((1, 1), (2, 29)))
    assert usual(until, date(2026, 2, 28))
    assert not usual(until, date(2026, 3, 7))


# --- the other holiday rules -------------------------------------------------------------------------------------


def test_worked_means_as_usual() -> None:
    assert date(2026, 12, 25) in town(rule(FR), holiday_rule="worked").dates(
        "A", "bags", "houses", date(2026, 12, 21), date(2026, 12, 27)
    )


def test_none_means_no_collection_and_no_catch_up() -> None:
    made = town(rule(FR), holiday_rule="none")
    assert made.dates("A", "bags", "houses", date(2026, 12, 14), date(2027, 1, 10)) == [
        date(2026, 12, 18), date(2027, 1, 8),
    ]  # fmt: skip
    assert made.why("A", "bags", "houses", date(2026, 12, 25)).key == "holiday_none"
    assert made.days_since_last("A", "bags", "houses", date(2027, 1, 8)) == 21


def test_saturday_moves_that_day_alone() -> None:
    made = by_weekday(holiday_rule="saturday")
    week = notice(made, date(2024, 5, 6))
    assert (week["Wednesday"], week["Thursday"], week["Friday"]) == (
        date(2024, 5, 11),
        date(2024, 5, 11),
        date(2024, 5, 10),
    )


def test_next_usual_day_goes_with_the_truck_that_comes_anyway() -> None:
    """Blocks are collected on Monday: there Friday's houses go with them; else with their own next day."""
    made = town(rule(FR), rule(MO, dwelling="blocks"), rule(FR, sector="B"), holiday_rule="next_usual_day")
    assert made.dates("A", "bags", "houses", date(2026, 12, 21), date(2027, 1, 10)) == [
        date(2026, 12, 28), date(2027, 1, 4), date(2027, 1, 8),
    ]  # fmt: skip
    assert made.dates("B", "bags", "houses", date(2026, 12, 21), date(2027, 1, 10)) == [date(2027, 1, 8)]
    assert made.days_since_last("B", "bags", "houses", date(2027, 1, 8)) == 21
    merged = [one for one in made.occurrences(date(2027, 1, 8), date(2027, 1, 8)) if one.sector == "B"]
    assert {one.usual for one in merged} == {date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 8)}


def test_next_usual_day_does_not_wait_longer_than_four_weeks() -> None:
    made = town(rule(FR, every=8, anchor=date(2026, 12, 25)), holiday_rule="next_usual_day")
    assert made.dates("A", "bags", "houses", date(2026, 12, 1), date(2027, 2, 28)) == [date(2027, 2, 19)]


# --- exceptions --------------------------------------------------------------------------------------------------


def test_an_exception_cancels_moves_or_adds() -> None:
    made = town(
        rule(MO),
        rule(TH),
        holidays=None,
        exceptions=(
            exception(date(2026, 11, 23), "cancelled"),
            exception(date(2026, 11, 26), "moved", date(2026, 11, 29)),  # a Sunday, where a row says so
            exception(date(2026, 12, 1), "collected"),
        ),
    )
    found = made.dates("A", "bags", "houses", date(2026, 11, 23), date(2026, 12, 3))
    assert found == [date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 3)]
    why = [
        made.why("A", "bags", "houses", day)
        for day in (date(2026, 11, 23), date(2026, 11, 26), *found, date(2026, 12, 2))
    ]
    assert [reason.key for reason in why] == [
        "cancelled", "moved_away", "moved", "regular", "extra", "regular", "not_due",
    ]  # fmt: skip
    assert (why[1].other, why[2].other, why[2].note) == (date(2026, 11, 29), date(2026, 11, 26), "note")


def test_what_is_not_as_usual_on_a_day_is_named_with_its_reason_and_nothing_else_is() -> None:
    tuesday = date(2026, 11, 24)
    rows = (
        exception(tuesday, "moved", date(2026, 11, 25), sector="A"),
        exception(tuesday, "cancelled", sector="B"),
        exception(date(2026, 11, 23), "moved", tuesday, sector="C"),
        exception(tuesday, "collected", sector="D"),
    )
    rules = [rule(TU), rule(TU, "B"), rule(MO, "C"), rule(MO, "D"), rule(TU, "E"), rule(MO, "F")]
    made = town(*rules, holidays=None, exceptions=rows)
    found = {key[0]: (why.key, why.other, why.note) for key, why in made.different(tuesday)}
    assert found == {
        "A": ("moved_away", date(2026, 11, 25), "note"),
        "B": ("cancelled", None, "note"),
        "C": ("moved", date(2026, 11, 23), "note"),
        "D": ("extra", None, "note"),
    }
    assert made.different(date(2026, 12, 1)) == []


def test_a_holiday_and_the_day_after_it_are_both_not_as_usual() -> None:
    made = town(rule(MO), rule(TU, "B"))
    easter_monday, tuesday = date(2026, 4, 6), date(2026, 4, 7)
    assert [(key[0], why.key, why.other) for key, why in made.different(easter_monday)] == [
        ("A", "holiday_away", tuesday)
    ]
    assert [(key[0], why.key) for key, why in made.different(tuesday)] == [
        ("A", "holiday_shift"), ("B", "holiday_away"),
    ]  # fmt: skip


def test_an_exception_on_a_holiday_replaces_the_holiday_rule() -> None:
    """Christmas Friday is brought forward to Thursday; Saturday's collection is not touched."""
    early = exception(date(2026, 12, 25), "moved", date(2026, 12, 24))
    made = town(rule(FR, "F"), rule(SA, "S"), exceptions=(early,))
    assert notice(made, date(2026, 12, 21)) == {"F": date(2026, 12, 24), "S": date(2026, 12, 26)}
    assert made.without_effect() == ()


def test_a_strike_meets_what_would_run_that_day_and_not_what_was_shifted_from_it() -> None:
    """Thursday 9 May 2024: Wednesday's collection would run, Thursday's is on Friday anyway."""
    made = by_weekday()
    struck = town(*made.area.rules, exceptions=(exception(date(2024, 5, 9), "cancelled"),))
    assert set(notice(struck, date(2024, 5, 6))) == {"Monday", "Tuesday", "Thursday", "Friday"}


def test_the_row_that_says_more_wins() -> None:
    day, to = date(2026, 11, 23), date(2026, 11, 24)
    rows = (
        exception(day, "cancelled"),
        exception(day, "moved", to, sector="A"),
        exception(day, "cancelled", service="bags"),
    )
    made = town(rule(MO), rule(MO, "B"), exceptions=rows)
    assert made.due(day) == frozenset()
    assert made.due(to) == {("A", "bags", "houses")}


def test_a_cancelled_date_does_not_cancel_what_is_moved_there() -> None:
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    rows = (exception(monday, "moved", tuesday, sector="A"), exception(tuesday, "cancelled"))
    made = town(rule(MO), rule(TU), exceptions=rows)
    assert [one.usual for one in made.occurrences(monday, tuesday)] == [monday]


def test_two_collections_on_one_day_are_one_stop_and_two_promises() -> None:
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    made = town(rule(MO), rule(TU), exceptions=(exception(monday, "moved", tuesday),))
    assert made.due(tuesday) == {("A", "bags", "houses")}
    assert len(made.occurrences(tuesday, tuesday)) == 2
    assert made.why("A", "bags", "houses", tuesday).key == "regular"


def test_an_added_collection_brings_every_kind_of_dwelling_the_service_has_there() -> None:
    day = date(2026, 11, 25)
    made = town(
        rule(MO), rule(TU, dwelling="blocks"), rule(MO, "B"), exceptions=(exception(day, "collected", sector="A"),)
    )
    assert made.due(day) == {("A", "bags", "houses"), ("A", "bags", "blocks")}


def test_parts_of_a_country_with_more_holidays_are_named_and_only_those() -> None:
    assert {"DE-BW", "DE-BY"} <= set(parts_with_more("DE"))
    assert "FR-57" in parts_with_more("FR")
    assert parts_with_more("MC") == parts_with_more("DE-BW") == parts_with_more("XX") == ()


def test_rows_that_change_nothing_are_named() -> None:
    sunday, monday = date(2026, 11, 22), date(2026, 11, 23)
    rows = (exception(sunday, "cancelled"), exception(monday, "cancelled", sector="A"))
    assert town(rule(MO), exceptions=rows).without_effect() == rows[:1]


def test_two_rules_that_meet_on_one_weekday_are_one_collection() -> None:
    made = town(rule(MO), rule(MO, every=2), rule(MO, season=((6, 1), (9, 30))))
    assert len(made.occurrences(date(2026, 6, 1), date(2026, 6, 28))) == 4


# --- how much lies there -----------------------------------------------------------------------------------------


def test_days_since_last_follow_what_really_was_collected() -> None:
    made = town(rule(MO), rule(TH), exceptions=(exception(date(2026, 11, 26), "cancelled"),))
    since = [made.days_since_last("A", "bags", "houses", date(2026, 11, day)) for day in (19, 23, 30)]
    assert since == [3, 4, 7]


def test_days_since_last_are_four_weeks_at_most_after_a_pause() -> None:
    made = town(rule(MO, season=((6, 1), (9, 30))))
    assert made.days_since_last("A", "bags", "houses", date(2026, 6, 1)) == 28


def test_a_longer_period_than_four_weeks_is_its_own_bound() -> None:
    made = town(rule(MO, every=8), holidays=None)
    assert made.days_since_last("A", "bags", "houses", date(2026, 3, 2)) == 56


def test_the_very_first_collection_finds_one_period() -> None:
    made = town(
        rule(WE, service="bulky"),
        holidays=None,
        exceptions=(exception(date(2026, 11, 25), "collected", service="glass", sector="A"),),
    )
    assert made.days_since_last("A", "glass", "houses", date(2026, 11, 25)) == 7


# --- properties --------------------------------------------------------------------------------------------------

FIRST, LAST = date(2019, 12, 30), date(2031, 12, 28)  # whole weeks
mondays = st.integers(0, 600).map(lambda k: FIRST + timedelta(weeks=k))
month_days = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))
seasons = st.none() | st.tuples(month_days, month_days)
rules = st.builds(
    lambda weekday, sector, dwelling, every, anchor, season: rule(
        weekday, sector, dwelling, every, anchor, season or (None, None)
    ),
    st.integers(0, 5),
    st.sampled_from("AB"),
    st.sampled_from(("houses", "blocks")),
    st.sampled_from((1, 1, 2, 4)),
    st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    seasons,
)
towns = st.lists(rules, min_size=1, max_size=5)
countries = st.sampled_from(("FR", "FR-57", "DE-BW", "MC", None))
seconds = st.sampled_from(("worked", "free"))
kept_rules = st.sampled_from(("worked", "cascade", "saturday"))


def promised(given_rules: list[CollectionRule], first: date, last: date) -> Counter[tuple[Key, date]]:
    return Counter(
        {((r.sector, r.service, r.dwelling), day): 1 for r in given_rules for day in days(first, last) if usual(r, day)}
    )


@settings(deadline=None)
@given(towns, mondays, countries, seconds, kept_rules)
def test_nothing_promised_is_lost_or_doubled_and_stays_in_its_week(
    some: list[CollectionRule], monday: date, country: str | None, second: str, holiday_rule: str
) -> None:
    made = town(*some, holidays=country, second=second, holiday_rule=holiday_rule)
    last = monday + timedelta(days=27)  # four weeks
    found = made.occurrences(monday, last)
    assert Counter((one.key, one.usual) for one in found) == promised(some, monday, last)
    for one in found:
        assert one.date is not None
        assert one.usual is not None
        assert monday_of(one.date) == monday_of(one.usual)
        assert one.date.weekday() != SU


@settings(deadline=None)
@given(towns, mondays, countries, st.sampled_from(("none", "saturday", "next_usual_day")))
def test_a_free_holiday_sees_no_truck(
    some: list[CollectionRule], monday: date, country: str | None, holiday_rule: str
) -> None:
    made = town(*some, holidays=country, holiday_rule=holiday_rule)
    holiday = public_holidays(country)
    for day in days(monday, monday + timedelta(days=13)):
        assert not (made.due(day) and (holiday(day) or day.weekday() == SU))


@settings(deadline=None)
@given(towns, mondays, countries)
def test_no_holiday_sees_a_truck_under_a_cascade_with_free_second_holidays(
    some: list[CollectionRule], monday: date, country: str | None
) -> None:
    made = town(*some, holidays=country, second="free")
    holiday = public_holidays(country)
    assert not any(made.due(day) and holiday(day) for day in days(monday, monday + timedelta(days=5)))


@settings(deadline=None)
@given(mondays, countries, seconds)
def test_a_cascade_keeps_the_order_of_the_days(monday: date, country: str | None, second: str) -> None:
    """But where the week has no working day left, and its last ones are brought forward."""
    made = town(*(rule(day, NAMES[day]) for day in range(6)), holidays=country, second=second)
    week = notice(made, monday)
    saturday_works = any(when.weekday() == SA for when in week.values())
    dates = [week[NAMES[day]] for day in range(6)]
    if saturday_works:
        assert dates == sorted(dates)
        assert all(when.weekday() >= day for day, when in enumerate(dates))


exceptions_of_a_week = st.lists(
    st.builds(
        lambda offset, what, to, sector: (offset, what, to, sector),
        st.integers(-7, 14),
        st.sampled_from(("cancelled", "moved", "collected")),
        st.integers(-10, 10).filter(bool),
        st.sampled_from(("*", "A", "B")),
    ),
    max_size=4,
    unique_by=lambda row: (row[0], row[3]),
)


@settings(deadline=None)
@given(towns, mondays, countries, st.sampled_from(HOLIDAY_RULES), exceptions_of_a_week)
def test_why_and_days_since_last_agree_with_what_is_due(
    some: list[CollectionRule], monday: date, country: str | None, holiday_rule: str,
    rows: list[tuple[int, str, int, str]],
) -> None:  # fmt: skip
    given_rows = tuple(
        exception(
            monday + timedelta(days=at), what, monday + timedelta(days=at + to) if what == "moved" else None, sector
        )
        for at, what, to, sector in rows
    )
    made = town(*some, holidays=country, holiday_rule=holiday_rule, exceptions=given_rows)
    keys = {(r.sector, r.service, r.dwelling) for r in some}
    for day in days(monday, monday + timedelta(days=6)):
        due = made.due(day)
        assert due <= keys
        for key in keys:
            reason = made.why(*key, day)
            assert reason.key in REASONS
            assert (reason.key in ("regular", "holiday_shift", "moved", "extra")) == (key in due)
            if reason.key in ("holiday_away", "moved_away"):
                assert reason.other is not None
                assert key in made.due(reason.other)
        for key in due:
            back = made.days_since_last(*key, day)
            assert 1 <= back <= 28
            assert key in made.due(day - timedelta(days=back)) or back in (7, 14, 28)


@settings(deadline=None)
@given(towns, mondays, exceptions_of_a_week)
def test_exceptions_lose_only_what_they_cancel_and_add_only_what_they_say(
    some: list[CollectionRule], monday: date, rows: list[tuple[int, str, int, str]]
) -> None:
    given_rows = tuple(
        exception(monday + timedelta(days=at), "moved", monday + timedelta(days=at + to), sector)
        for at, _, to, sector in rows
    )
    first, last = monday - timedelta(days=35), monday + timedelta(days=41)
    found = town(*some, holidays=None, exceptions=given_rows).occurrences(first, last)
    assert Counter((one.key, one.usual) for one in found) == promised(some, first, last)


# --- the embedded area -------------------------------------------------------------------------------------------


def test_every_kind_of_dwelling_of_the_embedded_area_is_collected_in_any_two_weeks() -> None:
    made = promise(MONACO)
    keys = {(r.sector, r.service, r.dwelling) for r in MONACO.rules}
    sectors = {sector.name for sector in MONACO.sectors}
    assert keys == {(s, "bags", kind) for s in sectors for kind in ("houses", "blocks", "shops")} | {
        (s, "glass", "drop_off") for s in sectors
    }
    for first in days(date(2026, 12, 21), date(2027, 1, 10)):
        seen = frozenset[Key]().union(*(made.due(day) for day in days(first, first + timedelta(days=14))))
        assert seen == keys


def test_no_exception_of_the_embedded_area_is_without_effect() -> None:
    assert promise(MONACO).without_effect() == ()


def test_every_working_day_of_the_embedded_area_has_blocks_to_collect() -> None:
    made = promise(MONACO)
    for day in days(date(2026, 11, 23), date(2026, 12, 19)):
        assert any(dwelling == "blocks" for _, _, dwelling in made.due(day)) == (day.weekday() != SU)
