"""What is kept of a track: by time, distance or turn; starts, stops and the place of a lift whatever happens."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.geo import distance_m
from onboard.recording.fix_time import Moment
from onboard.recording.receiver import Fix
from onboard.recording.thinning import EVERY_FIX, Thinning, ThinningRules, TimedFix

START = datetime(2026, 11, 20, 5, tzinfo=UTC)
DEG_PER_M = 1 / 111_195


def seen(
    second: float, north_m: float = 0.0, speed_mps: float | None = 0.0, heading_deg: float | None = 0.0
) -> TimedFix:
    at = START + timedelta(seconds=second)
    fix = Fix(at, 43.7 + north_m * DEG_PER_M, 7.4, speed_mps, heading_deg, 4.0, 3)
    return TimedFix(fix, second, Moment(at, at))


def lost(second: float) -> TimedFix:
    at = START + timedelta(seconds=second)
    return TimedFix(Fix(None, None, None, None, None, None, 1), second, Moment(at, at))


def kept(track: list[TimedFix], measures: ThinningRules | None = None) -> list[tuple[float, bool]]:
    thinning = Thinning(measures)
    return [(one.at_s, marked) for fix in track for one, marked in thinning.take(fix)]


def test_a_truck_that_stands_is_told_once_a_minute() -> None:
    assert [at for at, _ in kept([seen(s) for s in range(200)])] == [0, 60, 120, 180]


def test_at_collecting_speed_time_decides_and_on_the_road_distance() -> None:
    creeping = [seen(s, 1.2 * s, 1.2) for s in range(41)]
    assert [at for at, _ in kept(creeping)][2:] == [6, 11, 16, 21, 26, 31, 36]
    fast = [seen(s, 16.0 * s, 16.0) for s in range(11)]
    assert [at for at, _ in kept(fast)][2:] == [3, 5, 7, 9]


def test_a_turn_is_kept_where_it_happens() -> None:
    track = [seen(s, s * 2.0, 2.0, 0.0 if s < 4 else 90.0) for s in range(6)]
    assert 4 in [at for at, _ in kept(track, ThinningRules(every_s=1e6, every_m=1e6))]
    around = [seen(s, s * 2.0, 2.0, 355.0 if s < 4 else 5.0) for s in range(6)]
    assert 4 not in [at for at, _ in kept(around, ThinningRules(every_s=1e6, every_m=1e6))], "north is no turn"


def test_starts_and_stops_are_kept_and_marked_with_where_the_truck_still_stood() -> None:
    speeds = [0.0] * 10 + [3.0] * 3 + [0.1] * 10 + [3.0] * 3
    where = [sum(speeds[:s]) for s in range(len(speeds))]
    found = kept([seen(s, where[s], v) for s, v in enumerate(speeds)], ThinningRules(1e6, 1e6, 360, 1e6))
    assert found == [(0, True), (9, True), (10, True), (13, True), (22, True), (23, True)]


def test_noise_about_standing_makes_no_starts() -> None:
    wobble = [seen(s, 0, 0.3 if s % 2 else 0.7) for s in range(50)]
    assert [at for at, _ in kept(wobble)] == [0]


def test_without_a_speed_of_its_own_the_way_between_two_fixes_is_taken() -> None:
    track = [seen(s, 0 if s < 10 else (s - 9) * 3.0, None, None) for s in range(20)]
    assert (10, True) in kept(track)


def test_where_the_fix_was_lost_and_found_again_is_kept() -> None:
    track = [seen(0, 0, 5.0), seen(1, 5, 5.0), seen(2, 10, 5.0), *(lost(s) for s in range(3, 200)), seen(200, 990, 5.0)]
    found = kept(track)
    assert (2, True) in found
    assert (3, True) in found
    assert (200, True) in found
    assert len(found) < 12, "and a tunnel is not told every second"


def test_the_place_of_a_lift_is_kept_once() -> None:
    thinning = Thinning()
    assert thinning.hold() == []
    for s in range(5):
        thinning.take(seen(s))
    assert [(one.at_s, marked) for one, marked in thinning.hold()] == [(4, True)]
    assert thinning.hold() == []


def test_what_was_seen_before_tracking_stopped_does_not_come_back() -> None:
    thinning = Thinning()
    for s in range(5):
        thinning.take(seen(s))
    thinning.forget()
    assert thinning.hold() == []
    assert [one.at_s for one, _ in thinning.take(seen(9, 500, 3.0))] == [9]


def test_every_fix_can_be_kept() -> None:
    assert [at for at, _ in kept([seen(s, s, 1.0) for s in range(20)], EVERY_FIX)] == list(range(20))


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 360), st.booleans()), min_size=1, max_size=80))
def test_nothing_is_kept_twice_nor_out_of_order_and_no_gap_grows_beyond_its_measure(
    steps: list[tuple[float, float, bool]],
) -> None:
    """And between two kept fixes no placed one strays further than the measure plus one step."""
    track: list[TimedFix] = []
    north_m = 0.0
    for s, (speed, heading, has_fix) in enumerate(steps):
        north_m += speed
        track.append(seen(s, north_m, speed, heading) if has_fix else lost(s))
    found = [at for at, _ in kept(track)]
    assert found == sorted(set(found))
    assert found[0] == 0
    for fix in track:
        if fix.fix.placed:
            near = [k for k in found if track[int(k)].fix.placed]
            assert min(distance_m(fix.fix, track[int(k)].fix) for k in near) <= 30.0 + 20.0


def test_distances_are_right_across_the_date_line_and_unknown_without_a_place() -> None:
    a = Fix(START, 0.0, 179.9999, None, None, None, 3)
    b = Fix(START, 0.0, -179.9999, None, None, None, 3)
    assert distance_m(a, b) == pytest.approx(22.24, abs=0.05)
    assert distance_m(a, lost(0).fix) == math.inf


@pytest.mark.parametrize("name", ["every_s", "every_m", "turn_deg", "still_s", "still_mps"])
def test_a_measure_is_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ThinningRules(**{name: -1.0})
