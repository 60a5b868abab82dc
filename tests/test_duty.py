"""Duty: followed on service only, never in breaks, not while the crew says no; and it survives a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import DUTY_STATES
from onboard.duty import DutyState, duty_from_note


def after(*states: str) -> DutyState:
    duty = DutyState()
    for state in states:
        duty = duty.after(state, "tour 1" if state == "start" else None)
    return duty


@pytest.mark.parametrize(
    ("states", "tracked"),
    [
        ([], False),
        (["start"], True),
        (["start", "break_start"], False),
        (["start", "break_start", "break_end"], True),
        (["start", "tracking_off"], False),
        (["start", "tracking_off", "break_start", "break_end"], False),
        (["start", "tracking_off", "tracking_on"], True),
        (["start", "tracking_on", "break_start", "tracking_on"], False),
        (["start", "end"], False),
        (["tracking_on"], False),
        (["break_end"], False),
        (["start", "break_start", "end", "start"], True),
        (["start", "tracking_off", "end", "start"], True),
    ],
)
def test_tracking_runs_on_service_only(states: list[str], tracked: bool) -> None:
    assert after(*states).tracked is tracked


@given(st.lists(st.sampled_from(DUTY_STATES), max_size=12))
def test_after_the_end_of_service_nothing_is_tracked_until_the_next_start(states: list[str]) -> None:
    duty = after("start", *states, "end")
    assert duty == DutyState()
    for state in states:
        if state == "start":
            break
        duty = duty.after(state)
        assert not duty.tracked


@given(st.lists(st.sampled_from(DUTY_STATES), max_size=12))
def test_the_state_survives_a_restart(states: list[str]) -> None:
    duty = after(*states)
    assert duty_from_note(duty.to_note()) == duty


@pytest.mark.parametrize("note", [None, "", "{", "[]", "[1]", "null", '["yes", 0, 0, null]', "[1, 0, 0, 3]", "3"])
def test_a_box_that_knows_nothing_tracks_nobody(note: str | None) -> None:
    assert not duty_from_note(note).tracked


def test_a_word_that_is_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="state = 'lunch'"):
        after("lunch")
