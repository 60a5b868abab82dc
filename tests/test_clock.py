"""Clocks: the machine's, and a drill's that several processes share."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from onboard.clock import DrillClock, SystemClock, clock_from

START = datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_without_words_it_is_the_machine_s_clock() -> None:
    clock = clock_from(None)
    assert isinstance(clock, SystemClock)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1


def test_a_drill_starts_now_and_runs_as_fast_as_told() -> None:
    clock = clock_from("2026-11-23T05:00:00Z x1000")
    assert abs((clock.now() - START).total_seconds()) < 100
    before = clock.now(), clock.monotonic_s()
    clock.sleep(50)
    assert 50 <= (clock.now() - before[0]).total_seconds() < 500
    assert 50 <= clock.monotonic_s() - before[1] < 500
    begun = time.monotonic()
    assert not clock.wait(threading.Event(), 50)
    assert 0.04 < time.monotonic() - begun < 5


def test_processes_that_share_an_instant_agree_on_the_time() -> None:
    text = f"2026-11-23T06:00:00+01:00 x20 @{time.time() - 60:.3f}"
    a, b = clock_from(text), clock_from(text)
    assert abs((a.now() - b.now()).total_seconds()) < 1
    assert 1199.9 <= (a.now() - START).total_seconds() < 1260


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-23T05:00:00", "2026-11-23T05:00:00Z 20", "05:00 x2", "x20"])
def test_a_clock_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="clock"):
        clock_from(text)


def test_a_clock_must_go_on() -> None:
    with pytest.raises(ValueError, match="speed"):
        DrillClock(START, 0)
