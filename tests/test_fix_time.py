"""Which time to believe, and clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.recording.fix_time import BUILT_AT, FURTHEST, ROLLOVER, BestTime, fix_time_fault

from .clocks import ToldClock

BOX = datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_a_fix_time_near_the_box_s_is_believed() -> None:
    for off in (timedelta(0), timedelta(hours=-3), timedelta(days=30), timedelta(days=-30)):
        assert fix_time_fault(BOX + off, BOX) is None


@pytest.mark.parametrize(
    ("fix_at", "said"),
    [
        (None, "no time"),
        (datetime(2015, 10, 10, tzinfo=UTC), "before this program was made"),
        (datetime(2007, 4, 6, 5, tzinfo=UTC), "before this program was made"),  # a receiver 1,024 weeks behind
        (BOX + ROLLOVER, "week count has rolled over"),  # gpsd 3.22's 2015 → 2035, from today
        (BOX + 2 * ROLLOVER + timedelta(days=3), "week count has rolled over"),
        (BOX + timedelta(days=40), "more than 31 days"),
        (BOX - timedelta(days=40), "more than 31 days"),
    ],
)
def test_a_fix_time_that_cannot_be_true_is_told_with_the_reason(fix_at: datetime | None, said: str) -> None:
    assert said in str(fix_time_fault(fix_at, BOX))


def test_a_box_that_woke_in_1970_believes_the_receiver_but_not_1024_weeks_ahead() -> None:
    woke = datetime(1970, 1, 1, tzinfo=UTC)
    assert fix_time_fault(BOX, woke) is None
    assert fix_time_fault(BOX + ROLLOVER, woke) is not None


def test_the_program_was_made_before_today() -> None:
    assert datetime.now(UTC) > BUILT_AT


@given(st.integers(-3, 3), st.timedeltas(-FURTHEST, FURTHEST))
def test_whole_rollovers_are_never_believed(weeks: int, off: timedelta) -> None:
    fault = fix_time_fault(BOX + weeks * ROLLOVER + off, BOX)
    assert (fault is None) == (weeks == 0)


def test_a_doubtful_time_is_replaced_by_the_box_s_and_flagged() -> None:
    clock = ToldClock(BOX)
    moment = BestTime(clock).of_fix(BOX + ROLLOVER)
    assert (moment.at, moment.box_at, moment.doubtful) == (BOX, BOX, True)
    assert BestTime(clock).of_fix(None).doubtful is False, "no time given is no false time"


def test_the_best_time_is_carried_on_from_the_last_good_fix_whatever_the_box_shows() -> None:
    clock = ToldClock(BOX)
    best = BestTime(clock)
    true = BOX + timedelta(seconds=90)
    best.of_fix(true)
    clock.sleep(5)
    clock.at = BOX - timedelta(hours=7)
    assert best.now().at == true + timedelta(seconds=5)
    assert best.now().box_at == BOX - timedelta(hours=7)
    clock.sleep(1)
    doubtful = best.of_fix(true + ROLLOVER)
    assert (doubtful.at, doubtful.doubtful) == (true + timedelta(seconds=6), True)


def test_a_box_that_woke_behind_what_it_knew_goes_on_from_there() -> None:
    clock = ToldClock(datetime(1970, 1, 1, tzinfo=UTC))
    best = BestTime(clock, known_at=BOX)
    clock.sleep(10)
    assert best.now().at == BOX + timedelta(seconds=10)


@pytest.mark.parametrize("year", [1970, 1999, 2050, 2105, 9999])
def test_a_box_whose_clock_cannot_be_true_still_makes_times_that_a_fact_can_hold(year: int) -> None:
    clock = ToldClock(datetime(year, 1, 1, tzinfo=UTC))
    best = BestTime(clock)
    assert best.now().at == BUILT_AT
    assert best.known is None, "nothing to be noted for the next start"
    assert best.of_fix(BOX).at == BOX
    clock.sleep(3)
    assert best.known == BOX + timedelta(seconds=3)


@pytest.mark.parametrize("jump_s", [7200.0, -86_400.0, 2.5, 1.8e9])
def test_a_jump_of_the_clock_is_told_once(jump_s: float) -> None:
    clock = ToldClock(BOX)
    best = BestTime(clock)
    clock.sleep(100)
    assert best.jump_s() is None
    clock.at = clock.now() + timedelta(seconds=jump_s)
    assert best.jump_s() == pytest.approx(jump_s)
    clock.sleep(1)
    assert best.jump_s() is None


def test_a_clock_that_is_set_by_little_is_not_worth_a_word() -> None:
    clock = ToldClock(BOX)
    best = BestTime(clock)
    clock.at = clock.now() + timedelta(seconds=1.5)
    assert best.jump_s() is None
