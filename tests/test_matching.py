"""Map matching: the way driven, from fixes that err."""

import itertools
import math
import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet import Position, new_id
from optimizer.matching.matching import GAP_S, LocatedFix, MatchedStep, Matcher
from optimizer.matching.network import Line, Network
from optimizer.streets.turns import expand_turns
from tests.ladder import BEGIN, LINES, LONLAT, XY, Wheel, ladder, place, way
from tests.towns import RealTown
from tests.tracks import NOTHING, Driver, Hof, NearestEdge, Receiver, matched, right, spans_of


@pytest.fixture(scope="module")
def town() -> Matcher:
    return ladder()


def test_a_way_is_found_street_by_street_in_its_direction(town: Matcher) -> None:
    steps = matched(town, Wheel(*XY[1]).over([2, 12, 13, 14, 4, 5], 9).fixes)
    assert way(town, steps) == [(1, 2), (2, 12), (12, 13), (13, 14), (14, 4), (4, 5)]


def test_steps_follow_each_other_without_a_hole_in_place_or_time(town: Matcher) -> None:
    steps = matched(town, Wheel(*XY[1]).over([2, 12, 13], 7).stand(30).over([14, 4], 7).fixes)
    for before, after in itertools.pairwise(steps):
        assert after.enter_at == before.leave_at
        if before.arc == after.arc:
            assert after.from_m == pytest.approx(before.to_m)
    assert sum(step.still_s for step in steps) == pytest.approx(30, abs=3)


def test_a_truck_that_stands_at_a_crossing_goes_nowhere_however_the_receiver_wanders(town: Matcher) -> None:
    wander = [(18 * math.sin(k / 7), 18 * math.cos(k / 5)) for k in range(120)]
    steps = matched(town, Wheel(*XY[1]).over([2], 9).stand(120, wander).over([3], 9).fixes)
    assert way(town, steps) == [(1, 2), (2, 3)]
    assert sum(step.length_m for step in steps) == pytest.approx(400, abs=20)


def test_one_fix_far_off_changes_nothing(town: Matcher) -> None:
    fixes = Wheel(*XY[1]).over([2, 3, 4], 9).fixes
    lon, lat = place(450, 95)
    odd = fixes[30]._replace(lat_deg=lat, lon_deg=lon)
    assert way(town, matched(town, [*fixes[:30], odd, *fixes[31:]])) == [(1, 2), (2, 3), (3, 4)]


def test_a_dead_end_is_driven_in_and_out_again_be_it_in_reverse(town: Matcher) -> None:
    steps = matched(town, Wheel(*XY[2]).over([3, 8], 6).stand(20).over([3, 4], 2).fixes)
    assert way(town, steps) == [(2, 3), (3, 8), (8, 3), (3, 4)]


def test_a_truck_that_turns_in_the_middle_of_a_street_is_seen_to(town: Matcher) -> None:
    steps = matched(town, Wheel(*XY[1]).to(320, 0, 8).to(200, 0, 8).fixes)
    assert way(town, steps) == [(1, 2), (2, 1)]
    assert sum(step.length_m for step in steps) == pytest.approx(240, abs=30)


def test_a_one_way_is_dear_against_but_a_truck_that_was_there_was_there(town: Matcher) -> None:
    assert way(town, matched(town, Wheel(*XY[12]).over([13, 3, 4], 8).fixes)) == [(12, 13), (13, 3), (3, 4)]


def test_a_forbidden_turn_is_dear_where_another_way_fits_as_well() -> None:
    beside = {**LONLAT, 6: place(600, 14), 7: place(800, 14)}
    lines = (*LINES[:2], Line((3, 4)), Line((3, 6)), Line((6, 7)), Line((7, 4)), *LINES[3:])
    allowed = {(a, b) for a in range(2 * len(lines)) for b in range(2 * len(lines))}
    into = next(2 * k for k, line in enumerate(lines) if line.nodes == (2, 3))
    onto = next(2 * k for k, line in enumerate(lines) if line.nodes == (3, 4))
    between = Wheel(*XY[2]).over([3], 8).to(610, 7, 8).to(790, 7, 8).over([4, 5], 8).fixes
    free = Matcher(Network.of_lines(lines, beside, (), allowed))
    barred = Matcher(Network.of_lines(lines, beside, (), allowed - {(into, onto)}))
    assert (3, 4) in way(free, matched(free, between))
    assert (6, 7) in way(barred, matched(barred, between))


def test_of_two_streets_side_by_side_the_one_that_the_whole_way_fits_is_taken() -> None:
    beside = {**LONLAT, 21: place(400, 20), 22: place(800, 20)}
    town = Matcher(Network.of_lines([*LINES, Line((21, 22))], beside))
    wheel = Wheel(*XY[1]).over([2], 9).to(420, 12, 9).to(780, 12, 9).over([4, 5], 9)  # nearer to the other one
    assert way(town, matched(town, wheel.fixes)) == [(1, 2), (2, 3), (3, 4), (4, 5)]
    middle = [f for f in wheel.fixes if f.lat_deg > place(0, 11)[1]]
    assert len(LINES) in {span.arc // 2 for span in NearestEdge(town.network).spans(middle)}


def test_the_tour_tips_the_scales_between_streets_that_fit_alike() -> None:
    beside = {**LONLAT, 21: place(400, 12), 22: place(800, 12)}
    town = Matcher(Network.of_lines([*LINES, Line((21, 22))], beside))
    fixes = Wheel(420, 6).to(780, 6, 6).fixes
    for expected in (1, len(LINES)):
        track = town.track([expected])
        steps = track.add(fixes).steps + track.flush().steps
        assert steps[0].segment == expected


def test_a_short_tunnel_is_bridged_and_says_so(town: Matcher) -> None:
    wheel = Wheel(*XY[1]).over([2], 10).to(450, 0, 10)
    wheel.away(30, 750, 0).to(1000, 0, 10)
    steps = matched(town, wheel.fixes)
    assert way(town, steps) == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert max(step.gap_s for step in steps) == pytest.approx(31, abs=3)


def test_a_long_silence_ends_the_chain_and_nothing_is_made_up_between(town: Matcher) -> None:
    wheel = Wheel(*XY[1]).over([2], 9)
    wheel.away(int(GAP_S) + 60, *XY[14]).over([15], 9)
    steps = matched(town, wheel.fixes)
    assert way(town, steps) == [(1, 2), (14, 15)]
    assert {step.piece for step in steps} == {0, 1}


def test_a_yard_off_the_streets_ends_the_chain(town: Matcher) -> None:
    wheel = Wheel(*XY[1]).over([2], 9).to(400, -250, 9).stand(100).to(420, -300, 2).stand(60)
    wheel.to(1000, -250, 9).to(*XY[5], 9).over([15], 9)
    steps = matched(town, wheel.fixes)
    assert way(town, steps) == [(1, 2), (5, 15)]
    assert len({step.piece for step in steps}) == 2


def test_far_from_every_street_there_is_no_way(town: Matcher) -> None:
    fixes = [LocatedFix(BEGIN + timedelta(seconds=k), 52.0 + k / 1e4, 4.35, 4.0, 10.0, 0.0) for k in range(200)]
    assert matched(town, fixes) == []


def test_positions_without_a_fix_are_no_places() -> None:
    told = {"id": new_id(BEGIN), "at": BEGIN, "truck": "T1"}
    assert LocatedFix.of(Position(**told, mode=1)) is None
    fix = LocatedFix.of(Position(**told, lat_deg=43.7, lon_deg=7.4, mode=3, speed_mps=3.0))
    assert fix is not None
    assert fix.speed_mps == 3.0


def test_a_fix_older_than_the_last_is_passed_over(town: Matcher) -> None:
    fixes = Wheel(*XY[1]).over([2, 3], 9).fixes
    shuffled = [*fixes[:20], fixes[5], *fixes[20:], fixes[1]]
    assert matched(town, shuffled) == matched(town, fixes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 5))
def test_the_way_is_the_same_however_the_fixes_arrive(town: Matcher, cuts: list[int], seed: int) -> None:
    fixes = Driver(town.network, seed).track(Receiver(), 800.0).fixes
    track, steps, at = town.track(), list[MatchedStep](), 0
    for cut in cuts:
        steps += track.add(fixes[at : at + cut]).steps
        at += cut
    steps += track.add(fixes[at:]).steps
    assert steps + track.flush().steps == matched(town, fixes)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.floats(-500, 1500), st.floats(-500, 700), st.none() | st.floats(0, 40)),
        max_size=60,
    )
)
def test_whatever_a_receiver_says_steps_lie_on_streets_and_in_order(
    town: Matcher, said: list[tuple[int, float, float, float | None]]
) -> None:
    fixes, at = [], BEGIN
    for seconds, x, y, speed in said:
        at += timedelta(seconds=seconds)
        lon, lat = place(x, y)
        fixes.append(LocatedFix(at, lat, lon, None, speed, None if speed is None else 90.0))
    clock = BEGIN
    for step in matched(town, fixes):
        assert clock <= step.enter_at <= step.leave_at
        assert -1e-6 <= step.from_m <= step.to_m <= town.network.arrays.length[step.arc] + 1e-6
        assert 0 < step.confidence <= 1 + 1e-9
        clock = step.leave_at


def test_the_place_now_is_told_before_it_is_settled(town: Matcher) -> None:
    track = town.track()
    track.add(Wheel(*XY[1]).to(350, 0, 9).fixes)
    here = track.here()
    assert here is not None
    assert town.network.lines[here.arc // 2].nodes == (1, 2)
    assert here.offset_m == pytest.approx(150, abs=15) or here.arc % 2 == 1


def test_where_two_ways_fit_alike_the_confidence_says_so() -> None:
    beside = {**LONLAT, 21: place(400, 14), 22: place(800, 14)}
    town = Matcher(Network.of_lines([*LINES, Line((21, 22))], beside))
    unsure = matched(town, Wheel(420, 7).to(780, 7, 9).fixes)
    sure = matched(town, Wheel(*XY[11]).over([12, 13], 9).fixes)
    assert min(step.confidence for step in unsure) < 0.8 < min(step.confidence for step in sure[2:])


def test_streets_off_the_network_are_not_laid_along(town: Matcher) -> None:
    assert town.network.along([1, 2, 12]) is not None
    assert town.network.along([1, 99]) is None


# --- real and realistic ------------------------------------------------------------------------------------------


def test_on_the_tracks_of_hof_97_percent_of_the_length_is_right(shared: Path) -> None:
    data = Hof(shared / "realdata/traces")
    total = NOTHING
    for track, fixes in data.fixes.items():
        network = data.network(track)
        total += right(data.true_spans(network, track), spans_of(matched(Matcher(network), fixes)))
    assert total.found >= 0.97
    assert total.added <= 0.025


@pytest.mark.parametrize("every_s", [1.0, 5.0, 15.0])
def test_over_heidelberg_the_whole_path_beats_the_nearest_street(heidelberg: RealTown, every_s: float) -> None:
    network = _network(heidelberg)
    matcher, nearest, driver = Matcher(network), NearestEdge(network), Driver(network, 4)
    ours, theirs = NOTHING, NOTHING
    for _ in range(6):
        track = driver.track(Receiver(every_s))
        ours += right(track.way, spans_of(matched(matcher, track.fixes)))
        theirs += right(track.way, nearest.spans(track.fixes))
    assert ours.found >= 0.955
    assert ours.added <= 0.045
    assert ours.found > theirs.found + 0.05


_NETWORKS: dict[str, Network] = {}


def _network(town: RealTown) -> Network:
    if town.area.name not in _NETWORKS:
        turns = expand_turns(town.extract, town.streets, ())
        _NETWORKS[town.area.name] = Network.of(town.streets, town.extract.lonlat, turns)
    return _NETWORKS[town.area.name]


def test_a_real_receivers_hour_is_followed_without_a_break_where_its_streets_are_known(shared: Path) -> None:
    text = (shared / "realdata/traces/sbn-v13.gpx").read_text(encoding="utf-8")
    found = re.findall(r'<trkpt lat="([-\d.]+)" lon="([-\d.]+)">.*?<time>([^<]+)</time>', text, re.DOTALL)
    fixes = [LocatedFix(datetime.fromisoformat(at), float(lat), float(lon)) for lat, lon, at in found]
    kept = [fixes[0]]
    for fix in fixes:
        if abs(fix.lat_deg - kept[-1].lat_deg) + abs(fix.lon_deg - kept[-1].lon_deg) > 4e-4:
            kept.append(fix)
    lonlat = {k: (fix.lon_deg, fix.lat_deg) for k, fix in enumerate(kept)}
    town = Matcher(Network.of_lines([Line((k, k + 1), 1) for k in range(len(kept) - 1)], lonlat))
    noise = random.Random(1)
    said = [
        f._replace(lat_deg=f.lat_deg + noise.gauss(0, 3e-5), lon_deg=f.lon_deg + noise.gauss(0, 5e-5)) for f in fixes
    ]
    driven = sum(step.length_m for step in matched(town, said))
    assert driven == pytest.approx(float(town.network.arrays.length.sum()) / 2, rel=0.06)
