"""A simulated drive: plausible, the same for the same seed, and it knows what was true."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from fleet import Leg, Lift, Position, Task, Tour, fact_from_json
from onboard.geo import LatLon, distance_m
from onboard.simulation.course import Course, course_of, course_of_published, detour, streets_of
from onboard.simulation.drive import Drive
from onboard.simulation.gnss import ReceiverModel
from onboard.simulation.motion import XY, Halt, move
from onboard.simulation.simulate import DrivingModel, simulate_drive

AT = datetime(2026, 11, 23, 4, 0, 0, tzinfo=UTC)
STEP = 0.0008  # degrees: about 89 m north, 64 m east
#: Nodes 10 r + c on a grid of six by six streets.
NODES = {10 * r + c: (7.42 + c * STEP, 43.73 + r * STEP) for r in range(6) for c in range(6)}
CERTAIN = DrivingModel(passed_share=0, blocked_share=0, broken_off_share=0, detour_share=0, tunnels_per_km=0)


def tour() -> tuple[Tour, dict[str, Task]]:
    """Out of the depot, six streets, to the site and back; as a planner would time it."""
    legs, at = [], AT

    def leg(kind: str, seconds: float, nodes: tuple[int, ...] = (), **more: object) -> None:
        nonlocal at
        until = at + timedelta(seconds=seconds)
        legs.append(Leg(kind, at, until, 0.0, nodes, **more))  # type: ignore[arg-type]
        at = until

    tasks = {}
    leg("depot", 600, (0,))
    for r in range(6):
        east = r % 2 == 0
        street = tuple(10 * r + c for c in (range(6) if east else range(5, -1, -1)))
        tasks[f"s{r}"] = Task(f"s{r}", "street", r, street, "right", {"residual": 120.0, "food": 30.0}, 40)
        leg("collect", 300, street, task=f"s{r}", side="right", kg={"residual": 120.0, "food": 30.0})
        if r < 5:
            leg("drive", 20, (street[-1], street[-1] + 10))
    leg("break", 1200)
    leg("drive", 60, (50, 40, 30, 20, 10, 0))
    leg("unload", 900, (0,), site="S1", kg={"residual": 720.0, "food": 180.0})
    leg("depot", 600, (0,))
    return Tour("2026-11-23-T1", "T1-m", "T1", "public-agent", None, 2, tuple(legs)), tasks


def course() -> Course:
    """With every street of the grid known, both ways."""
    found, tasks = tour()
    spots = {n: LatLon(lat, lon) for n, (lon, lat) in NODES.items()}
    ways: dict[LatLon, list[LatLon]] = {}
    for n in NODES:
        for m in (n - 1, n + 1, n - 10, n + 10):
            if m in NODES:
                ways.setdefault(spots[n], []).append(spots[m])
    return course_of(found, NODES, tasks, ways)


def test_the_same_seed_gives_the_same_drive_and_another_seed_another() -> None:
    assert simulate_drive(course(), 7) == simulate_drive(course(), 7)
    assert simulate_drive(course(), 7).fixes != simulate_drive(course(), 8).fixes


def test_a_worse_receiver_does_not_change_the_day() -> None:
    good, bad = (
        simulate_drive(course(), 3),
        simulate_drive(course(), 3, DrivingModel(receiver=ReceiverModel(drift_m=9, gap_per_h=30))),
    )
    assert good.positions == bad.positions
    assert good.truth == bad.truth
    assert good.fixes != bad.fixes


def test_a_truck_is_everywhere_in_between_and_never_faster_than_its_cruise() -> None:
    found = simulate_drive(course(), 1, CERTAIN)
    for a, b in pairwise(found.positions):
        assert b.at - a.at == timedelta(seconds=1)
        gone_m = distance_m(LatLon(a.lat_deg, a.lon_deg), LatLon(b.lat_deg, b.lon_deg))
        # a turn swings the lane offset from one side of the street to the other
        assert gone_m <= CERTAIN.cruise_mps[2] + 2 * 2 * CERTAIN.lane_m
    fastest = max(p.speed_mps for p in found.positions)
    assert 4 < fastest <= CERTAIN.cruise_mps[2]


def test_speed_is_gained_and_lost_as_a_loaded_truck_can() -> None:
    steps = list(move([XY(0, 0), XY(400, 0), XY(400, 300)], 10.0, [Halt(200.0, 5.0)]))
    assert steps[-1].at == XY(400, 300)
    assert max(s.speed_mps for s in steps) <= 10
    standing = [s for s in steps if s.halt == 0]
    assert len(standing) == 10
    assert {s.along_m for s in standing} == {200.0}
    rolling = [s.speed_mps for s in steps if s.halt is None]
    assert all(b - a <= 0.8 * 0.5 + 1e-9 for a, b in pairwise(rolling))
    assert all(a - b <= 1.5 for a, b in pairwise(rolling))
    bend = min(s.speed_mps for s in steps if s.halt is None and 390 < s.along_m < 410)
    assert bend < 5


def test_every_task_has_its_truth_and_every_kilo_goes_over_the_plate() -> None:
    found = simulate_drive(course(), 5, CERTAIN)
    assert {t.state for t in found.truth.values()} == {"done"}
    assert set(found.truth) == {f"s{r}" for r in range(6)}
    (visit,) = found.unloadings
    assert visit.gross_kg - visit.tare_kg == pytest.approx(sum(t.kg for t in found.truth.values()))
    assert visit.gross_kg - visit.tare_kg == pytest.approx(sum(visit.kg.values()))
    assert visit.arrived_at <= visit.gross_at < visit.tare_at < visit.gone_at
    assert 400 < sum(visit.kg.values()) < 1600  # planned 900


def test_lifts_lie_in_the_service_of_their_street_and_beside_it() -> None:
    found = simulate_drive(course(), 5, replace(CERTAIN, bins_share=1.0))
    assert found.lifts
    for lift in found.lifts:
        truth = found.truth[lift.task]
        assert truth.from_at <= lift.at <= truth.until_at
        row = int(lift.task[1:])
        assert abs(lift.position.lat_deg - (43.73 + row * STEP)) < 3e-5


def test_hand_loaded_streets_have_no_lift_at_all() -> None:
    found = simulate_drive(course(), 5, replace(CERTAIN, bins_share=0.0))
    assert found.lifts == ()
    assert all(t.by_hand for t in found.truth.values())


def test_a_bin_keeps_its_tag_from_day_to_day() -> None:
    sure = replace(CERTAIN, bins_share=1.0, tag_read_share=1.0)
    seen = {lift.reading.tag for lift in simulate_drive(course(), 1, sure).lifts}
    assert all(tag and tag.startswith("250-") and len(tag) == 16 for tag in seen)


def mishaps(model: DrivingModel, wanted: str) -> Drive:
    days = (simulate_drive(course(), seed, model) for seed in range(60))
    return next(day for day in days if wanted in {t.why for t in day.truth.values()})


def test_a_blocked_street_is_gone_round_and_known_to_be_missed() -> None:
    found = mishaps(replace(CERTAIN, blocked_share=0.2, reported_share=1.0), "blocked")
    task = next(t for t in found.truth.values() if t.why == "blocked")
    assert (task.state, task.kg) == ("missed", 0.0)
    row = int(task.task[1:])
    middle = [
        p for p in found.positions
        if abs(p.lat_deg - (43.73 + row * STEP)) < 1e-4 and 7.42 + 1.4 * STEP < p.lon_deg < 7.42 + 3.6 * STEP
        and abs(math.sin(math.radians(p.heading_deg))) > 0.9
    ]  # fmt: skip
    assert not middle
    said = next(s for s in found.reports if s.task == task.task)
    assert (said.outcome, said.incident) == ("blocked", "blocked_street")


def test_a_street_passed_without_service_is_driven_without_a_lift_and_without_pto() -> None:
    found = mishaps(replace(CERTAIN, passed_share=0.2), "passed")
    task = next(t for t in found.truth.values() if t.why == "passed")
    assert task.state == "missed"
    assert not [lift for lift in found.lifts if lift.task == task.task]
    row = int(task.task[1:])
    driven = [p.at for p in found.positions if abs(p.lat_deg - (43.73 + row * STEP)) < 4e-5]
    assert driven


def test_a_street_broken_off_is_partly_served() -> None:
    found = mishaps(replace(CERTAIN, broken_off_share=0.3), "broken_off")
    task = next(t for t in found.truth.values() if t.why == "broken_off")
    assert task.state == "partly"
    assert 0 < task.share < 1


def test_errors_wander_they_do_not_average_away() -> None:
    found = simulate_drive(course(), 2, replace(CERTAIN, receiver=ReceiverModel(multipath_per_h=0, gap_per_h=0)))
    truth = {p.at: p for p in found.positions}
    north_m = [
        (f.lat_deg - truth[f.at].lat_deg) * 111_195
        for f in found.fixes if f.at and f.lat_deg is not None and f.mode == 3
    ]  # fmt: skip
    spread = math.sqrt(sum(e * e for e in north_m) / len(north_m))
    alike = sum(a * b for a, b in pairwise(north_m)) / len(north_m) / spread**2
    assert 1.2 < spread < 5
    assert alike > 0.9  # from one second to the next


def test_a_receiver_starts_cold_loses_the_sky_in_tunnels_and_says_nothing_in_gaps() -> None:
    poor = ReceiverModel(gap_per_h=20)
    found = simulate_drive(course(), 4, replace(CERTAIN, tunnels_per_km=3, receiver=poor))
    assert {f.mode for f in found.fixes if f.at and f.at < AT + timedelta(seconds=20)} == {1}
    assert all(f.lat_deg is None for f in found.fixes if f.mode == 1)
    under = {p.at for p in found.positions if not p.sky}
    assert under
    assert not [f for f in found.fixes if f.placed and f.at in under]
    assert len(found.fixes) < len(found.positions)


def test_the_facts_of_a_drive_are_facts_and_stop_in_breaks() -> None:
    found = simulate_drive(course(), 5)
    facts = found.facts()
    assert [fact_from_json(f.to_json()) for f in facts] == facts
    assert facts == found.facts()
    away = [d.at for d in found.duty if d.state.startswith("break")]
    assert len(away) == 2
    assert not [f for f in facts if isinstance(f, Position) and away[0] <= f.at < away[1]]
    assert len([f for f in facts if isinstance(f, Lift)]) == len(found.lifts)
    some = found.facts(kinds=("position",), every_s=5)
    assert 0.15 < len(some) / len([f for f in facts if isinstance(f, Position)]) < 0.25


def test_a_tour_as_the_depot_publishes_it_can_be_driven_too() -> None:
    found, _ = tour()
    published = {
        "truck": "T1", "tour": found.id,
        "legs": [leg.to_json() | {"coordinates": [list(NODES[n]) for n in leg.osm_nodes]} for leg in found.legs],
    }  # fmt: skip
    driven = simulate_drive(course_of_published(published), 1, CERTAIN)
    assert set(driven.truth) == {f"s{r}" for r in range(6)}


def test_a_way_round_keeps_off_what_is_blocked_in_both_directions() -> None:
    streets = course().streets
    spots = {n: LatLon(lat, lon) for n, (lon, lat) in NODES.items()}
    way = detour(streets, spots[0], spots[5], [spots[n] for n in range(6)], 2_000)
    assert way[0] == spots[0]
    assert way[-1] == spots[5]
    assert not {(spots[n], spots[n + 1]) for n in range(5)} & set(pairwise(way))
    assert detour(streets, spots[0], spots[5], [spots[n] for n in range(6)], 300) == ()


def test_a_tour_without_coordinates_is_refused() -> None:
    found, _ = tour()
    with pytest.raises(ValueError, match="osm_node 0"):
        course_of(found, {})
    with pytest.raises(ValueError, match="no leg has coordinates"):
        course_of_published({"tour": "x", "truck": "T1", "legs": [found.legs[0].to_json()]})


def test_streets_are_known_in_the_direction_driven_only() -> None:
    found, _ = tour()
    ways = streets_of(course_of(found, NODES).legs)
    a, b = LatLon(43.73, 7.42), LatLon(43.73, 7.42 + STEP)
    assert b in ways[a]
    assert a not in ways.get(b, [])
