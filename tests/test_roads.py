"""The road graph for a truck: turns, restrictions, dead ends, closures, and the same times in matrix and paths."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.area.file import read_area
from optimizer.planning.town import Town
from optimizer.problem.problem import UNREACHABLE
from optimizer.streets.extract import ExtractFault, read_extract
from optimizer.streets.roads import CLOSED, Roads, TruckRoads
from optimizer.streets.streets import StreetNetwork, build_street_network
from tests.tiny_map import DATA, roads_of, rules, write_map

RESIDENTIAL = {"highway": "residential", "name": "Rue"}

#  A square of four streets with a dead end to the east of corner 2:
#
#   4 --- 3
#   |     |
#   1 --- 2 --- 5 --- 6
SQUARE = {1: (0.0, 0.0), 2: (200.0, 0.0), 3: (200.0, 200.0), 4: (0.0, 200.0), 5: (300.0, 0.0), 6: (400.0, 0.0)}
STREETS = {
    10: ((1, 2), RESIDENTIAL),
    11: ((2, 3), RESIDENTIAL),
    12: ((3, 4), RESIDENTIAL),
    13: ((4, 1), RESIDENTIAL),
    14: ((2, 5, 6), RESIDENTIAL),
}


def stretch_stand(streets: StreetNetwork, roads: TruckRoads, nodes: tuple[int, ...]):
    stretch = next(s for s in streets.stretches if set(nodes) <= set(s.osm_nodes))
    stand = roads.street_stand(nodes, stretch.segments)
    assert stand is not None
    return stand


def test_a_truck_does_not_turn_around_in_the_street_but_drives_round_the_block(tmp_path: Path) -> None:
    ways = {**STREETS, 14: ((1, 3), RESIDENTIAL)}  # no dead end, and a diagonal
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, ways), rules())
    there, back = stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (2, 1))
    path = roads.path(there, back)
    assert path is not None
    assert path.reversals == 0
    assert path.nodes in ((2, 3, 4, 1, 3, 2), (2, 3, 1, 4, 3, 2))


def test_a_restriction_over_a_node_closes_that_turn_only(tmp_path: Path) -> None:
    banned = [("no_left_turn", 10, ("n", 2), 11)]
    area = rules()
    _, streets, free = roads_of(write_map(tmp_path / "a.osm", SQUARE, STREETS), area)
    _, streets2, bound = roads_of(write_map(tmp_path / "b.osm", SQUARE, STREETS, restrictions=banned), area)
    a = free.path(stretch_stand(streets, free, (1, 2)), stretch_stand(streets, free, (2, 3)))
    b = bound.path(stretch_stand(streets2, bound, (1, 2)), stretch_stand(streets2, bound, (2, 3)))
    assert a is not None
    assert a.nodes == (2,)
    assert b is None or b.length_m > 100


def test_an_only_restriction_forbids_every_other_turn(tmp_path: Path) -> None:
    only = [("only_straight_on", 10, ("n", 2), 14)]
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS, restrictions=only), rules())
    path = roads.path(stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (2, 3)))
    assert path is not None
    assert path.reversals == 1  # straight on into the dead end, and back out


def test_a_restriction_over_a_way_remembers_where_the_truck_came_from(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (100.0, 20.0), 4: (0.0, 20.0), 5: (200.0, 0.0), 6: (200.0, 20.0)}
    ways = {
        1: ((1, 2), {**RESIDENTIAL, "oneway": "yes"}),
        2: ((2, 5), {**RESIDENTIAL, "oneway": "yes"}),
        3: ((2, 3), RESIDENTIAL),
        4: ((6, 3), {**RESIDENTIAL, "oneway": "yes"}),
        5: ((3, 4), {**RESIDENTIAL, "oneway": "yes"}),
        6: ((5, 6), {**RESIDENTIAL, "oneway": "yes"}),
    }
    over = [("no_u_turn", 1, ("w", 3), 5)]
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", nodes, ways, restrictions=over), rules())
    path = roads.path(stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (3, 4)))
    assert path is not None
    assert path.nodes == (2, 5, 6, 3)


def test_backing_out_of_a_dead_end_counts_one_reversal_of_its_length(tmp_path: Path) -> None:
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), rules(reversing_max_m=250))
    goal = stretch_stand(streets, roads, (2, 3))
    path = roads.path(stretch_stand(streets, roads, (2, 5, 6)), goal)
    assert path is not None
    assert path.reversals == 1
    assert path.reversing_m == pytest.approx(200, rel=0.01)
    area = roads.area
    assert path.time_s == pytest.approx(area.turns.reversing_setup_s + 200 / area.turns.reversing_mps + 2, abs=6)


def test_a_long_dead_end_is_left_by_a_three_point_turn(tmp_path: Path) -> None:
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), rules(reversing_max_m=100))
    path = roads.path(stretch_stand(streets, roads, (2, 5, 6)), stretch_stand(streets, roads, (2, 3)))
    assert path is not None
    assert (path.reversals, path.reversing_m) == (1, roads.area.streets.three_point_m)


def test_a_turning_circle_needs_no_reversal(tmp_path: Path) -> None:
    tags = {6: {"highway": "turning_circle"}}
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS, tags), rules())
    path = roads.path(stretch_stand(streets, roads, (2, 5, 6)), stretch_stand(streets, roads, (2, 3)))
    assert path is not None
    assert path.reversals == 0


def test_a_loop_at_the_end_of_a_street_is_driven_round_without_reversing(tmp_path: Path) -> None:
    nodes = {**SQUARE, 7: (450.0, 50.0), 8: (500.0, 0.0), 9: (450.0, -50.0)}
    ways = {**STREETS, 20: ((6, 7, 8, 9, 6), RESIDENTIAL)}
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", nodes, ways), rules(reversing="forbidden"))
    path = roads.path(stretch_stand(streets, roads, (2, 5, 6)), stretch_stand(streets, roads, (2, 3)))
    assert path is not None
    assert path.reversals == 0


def test_a_street_drawn_twice_is_no_place_to_turn_round(tmp_path: Path) -> None:
    twins = {10: ((1, 2), RESIDENTIAL), 11: ((2, 3), RESIDENTIAL), 12: ((2, 3), RESIDENTIAL), 13: ((3, 4), RESIDENTIAL)}
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, twins), rules(reversing="forbidden"))
    assert roads.path(stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (2, 1))) is None


def test_where_reversing_is_forbidden_no_truck_enters_a_dead_end(tmp_path: Path) -> None:
    area = rules(reversing="forbidden")
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), area)
    assert roads.path(stretch_stand(streets, roads, (2, 5, 6)), stretch_stand(streets, roads, (2, 3))) is None


@pytest.mark.parametrize(
    "tags",
    [
        {"maxweight": "3.5"}, {"maxweight": "7,5 t"}, {"maxheight": "3.2"}, {"maxheight": "10'0\""}, {"hgv": "no"},
        {"access": "private"}, {"maxwidth": "2 m"}, {"motor_vehicle": "agricultural;forestry"}, {"maxlength": "7"},
    ],
)  # fmt: skip
def test_a_street_closed_to_this_truck_is_driven_round(tmp_path: Path, tags: dict[str, str]) -> None:
    ways = {**STREETS, 11: ((2, 3), {**RESIDENTIAL, **tags})}
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, ways), rules())
    segment = next((s for s in streets.segments if s.way.id == 11), None)
    assert segment is None or roads.arc_ms[2 * segment.index] >= CLOSED


@pytest.mark.parametrize(
    "tags",
    [
        {"maxheight": "default"}, {"maxheight": "none"}, {"maxweight": "26"}, {"hgv": "destination"},
        {"access": "no", "hgv": "delivery"}, {"motor_vehicle": "destination"}, {"access": "customers"},
    ],
)  # fmt: skip
def test_a_street_open_to_collection_is_used(tmp_path: Path, tags: dict[str, str]) -> None:
    ways = {**STREETS, 11: ((2, 3), {**RESIDENTIAL, **tags})}
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, ways), rules())
    segment = next(s for s in streets.segments if s.way.id == 11)
    assert roads.arc_ms[2 * segment.index] < CLOSED


def test_a_bollard_stops_a_truck_and_a_gate_does_not(tmp_path: Path) -> None:
    for barrier, passes in (("bollard", False), ("gate", True)):
        nodes = {**SQUARE, 7: (200.0, 100.0)}
        ways = {**STREETS, 11: ((2, 7, 3), RESIDENTIAL)}
        path = write_map(tmp_path / f"{barrier}.osm", nodes, ways, {7: {"barrier": barrier}})
        _, streets, roads = roads_of(path, rules())
        start, goal = stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (3, 4))
        found = roads.path(start, goal)
        assert found is not None
        assert (found.nodes == (2, 7, 3)) is passes


def test_a_closed_street_is_driven_round_until_it_opens_again(tmp_path: Path) -> None:
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), rules())
    start, goal = stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (3, 4))
    before = roads.path(start, goal)
    roads.close([s.index for s in streets.segments if s.way.id == 11])
    closed = roads.matrix_ds([start, goal])[0, 1]
    roads.reopen([s.index for s in streets.segments if s.way.id == 11])
    assert before is not None
    assert closed > before.time_s * 10 + 100
    assert roads.path(start, goal) == before


def test_turning_across_traffic_takes_longer(tmp_path: Path) -> None:
    area = rules()
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), area)
    left = roads.path(stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (2, 3)))
    right = roads.path(stretch_stand(streets, roads, (3, 2)), stretch_stand(streets, roads, (2, 1)))
    assert left is not None
    assert right is not None
    assert (left.time_s, right.time_s) == (area.turns.left_s, area.turns.right_s)


def test_a_missing_truncated_or_streetless_extract_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExtractFault, match="no such file"):
        read_extract(tmp_path / "none.osm.pbf")
    whole = (DATA / "monaco" / "monaco.osm.pbf").read_bytes()
    (tmp_path / "cut.osm.pbf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExtractFault, match="cannot be read"):
        read_extract(tmp_path / "cut.osm.pbf")
    with pytest.raises(ExtractFault, match="holds no street"):
        read_extract(write_map(tmp_path / "empty.osm", {1: (0, 0)}, {}))


@pytest.fixture(scope="module")
def monaco() -> Town:
    return Town.prepare(DATA / "monaco")


def test_paths_take_exactly_the_time_of_the_matrix_and_follow_the_map(monaco: Town) -> None:
    profile, roads = next(iter(monaco.roads.items()))
    stands = [one.stands[profile][0] for one in monaco.passes if profile in one.stands][::29]
    matrix = roads.matrix_ds(stands)
    neighbours = {
        frozenset(pair) for way in monaco.extract.ways for pair in zip(way.nodes, way.nodes[1:], strict=False)
    }
    for i in range(0, len(stands), 3):
        for j in range(1, len(stands), 5):
            if i == j:
                continue
            path = roads.path(stands[i], stands[j])
            assert path is not None
            assert abs(path.time_s * 10 - matrix[i, j]) <= 1
            assert path.nodes[0] == stands[i].node_out
            assert all(frozenset(pair) in neighbours for pair in zip(path.nodes, path.nodes[1:], strict=False))


def test_a_second_town_from_the_cache_gives_the_same_times(tmp_path: Path) -> None:
    area = read_area(DATA / "monaco")
    extract = read_extract(area.extract)
    streets = build_street_network(extract, area, ())
    stop = next(node for node, found in streets.at_node.items() if len(found) > 3)
    fresh = Roads(extract, area, streets, [stop], tmp_path).for_truck(area.trucks[0])
    kept = Roads(extract, area, streets, [stop], tmp_path).for_truck(area.trucks[0])
    stands = [*fresh.point_stands(stop), fresh.stop_stand(stop)]
    assert (fresh.matrix_ds(stands) == kept.matrix_ds(stands)).all()


def test_the_graph_serves_osmnx(monaco: Town) -> None:
    import osmnx

    roads = next(iter(monaco.roads.values()))
    stats = osmnx.stats.basic_stats(roads.graph())
    assert 250_000 < stats["street_length_total"] < 400_000


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["", "yes", "-1"]), min_size=12, max_size=12),
    st.integers(0, 11),
)
def test_going_from_anywhere_to_anywhere_never_beats_the_straight_line(
    tmp_path: Path, oneways: list[str], closed: int
) -> None:
    nodes = {1 + x + 3 * y: (150.0 * x, 150.0 * y) for x in range(3) for y in range(3)}
    pairs = [(n, n + 1) for n in nodes if n % 3] + [(n, n + 3) for n in nodes if n <= 6]
    ways = {
        k: (pair, {**RESIDENTIAL, **({"oneway": o} if o else {}), **({"access": "no"} if k == closed else {})})
        for k, (pair, o) in enumerate(zip(pairs, oneways, strict=True))
    }
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", nodes, ways), rules())
    stands = [
        s for stretch in streets.stretches for nodes_ in (stretch.osm_nodes, stretch.osm_nodes[::-1])
        if (s := roads.street_stand(nodes_, stretch.segments)) is not None
    ]  # fmt: skip
    matrix = roads.matrix_ds(stands)
    fastest = max(roads.area.speeds_kmh.values()) / 3.6
    for i, a in enumerate(stands):
        for j, b in enumerate(stands):
            metres = np.hypot(*np.subtract(streets.xy[a.node_out], streets.xy[b.node_in]))
            assert matrix[i, j] >= metres / fastest * 10 - 1 or matrix[i, j] >= UNREACHABLE
            if i != j and matrix[i, j] < UNREACHABLE:
                path = roads.path(a, b)
                assert path is not None
                assert path.nodes[0] == a.node_out
                assert path.nodes[-1] == b.node_in


def test_another_country_drives_on_the_left(tmp_path: Path) -> None:
    area = replace(rules(), traffic_side="left")
    _, streets, roads = roads_of(write_map(tmp_path / "m.osm", SQUARE, STREETS), area)
    left = roads.path(stretch_stand(streets, roads, (1, 2)), stretch_stand(streets, roads, (2, 3)))
    assert left is not None
    assert left.time_s == area.turns.right_s
