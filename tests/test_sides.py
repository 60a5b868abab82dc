"""How street sides and dead ends are served (R437): passes, presentation points, reversals, what is carried."""

from pathlib import Path

from optimizer.planning.sides import Pass, collection_passes
from tests.test_roads import RESIDENTIAL, SQUARE, STREETS
from tests.tiny_map import roads_of, rules, write_map

DEPOT = 4


def found(tmp_path: Path, ways=STREETS, node_tags=None, nodes=SQUARE, **streets: object) -> list[Pass]:
    area = rules(**streets)
    path = write_map(tmp_path / "m.osm", nodes, ways, node_tags)
    _, surveyed, roads = roads_of(path, area, stops=[DEPOT])
    return list(collection_passes(area, surveyed, {"all": roads}, DEPOT))


def of_way(passes_: list[Pass], way: int) -> list[Pass]:
    return [p for p in passes_ if p.osm_way == way]


def test_a_two_way_street_is_passed_once_per_side_in_the_direction_of_traffic(tmp_path: Path) -> None:
    two = of_way(found(tmp_path), 11)
    assert sorted((p.osm_nodes, p.side) for p in two) == [((2, 3), "right"), ((3, 2), "right")]
    assert sorted(share.side for p in two for share in p.shares) == ["left", "right"]


def test_a_living_street_is_passed_once_for_both_sides_from_either_end(tmp_path: Path) -> None:
    ways = {**STREETS, 11: ((2, 3), {"highway": "living_street"})}
    (one,) = of_way(found(tmp_path, ways), 11)
    assert one.side == "both"
    assert len(one.stands["all"]) == 2


def test_a_wide_one_way_street_takes_two_passes_and_a_narrow_one_one(tmp_path: Path) -> None:
    wide = {**STREETS, 12: ((3, 4), {**RESIDENTIAL, "oneway": "yes", "lanes": "2"})}
    assert sorted(p.side for p in of_way(found(tmp_path, wide), 12)) == ["left", "right"]
    narrow = {**STREETS, 12: ((3, 4), {**RESIDENTIAL, "oneway": "yes"})}
    (one,) = of_way(found(tmp_path, narrow), 12)
    assert (one.side, one.osm_nodes) == ("both", (3, 4))


def test_a_short_dead_end_is_served_on_foot_from_its_entrance(tmp_path: Path) -> None:
    (one,) = of_way(found(tmp_path, foot_max_m=250), 14)
    assert one.foot_nodes == (2, 5, 6, 5, 2)
    assert round(one.foot_m) == 400
    assert {stand.node_in for stand in one.stands["all"]} == {2}


def test_residents_of_a_dead_end_bring_their_bins_to_its_entrance(tmp_path: Path) -> None:
    all_ = found(tmp_path, presentation_max_m=250)
    assert not of_way(all_, 14)
    (point,) = [p for p in all_ if p.kind == "presentation_point"]
    assert point.osm_nodes == (2,)
    assert len(point.shares) == 2


def test_a_longer_dead_end_is_entered_collecting_both_sides_and_left_in_reverse(tmp_path: Path) -> None:
    (one,) = of_way(found(tmp_path, reversing_max_m=250), 14)
    assert (one.osm_nodes, one.side) == ((2, 5, 6), "both")
    assert len(one.stands["all"]) == 1  # inwards only: nobody collects while a truck reverses


def test_a_dead_end_longer_than_one_reverses_takes_a_side_each_way(tmp_path: Path) -> None:
    two = of_way(found(tmp_path, reversing_max_m=150), 14)
    assert sorted((p.osm_nodes, p.side) for p in two) == [((2, 5, 6), "right"), ((6, 5, 2), "right")]


def test_with_room_to_turn_a_dead_end_is_like_any_street(tmp_path: Path) -> None:
    two = of_way(found(tmp_path, node_tags={6: {"highway": "turning_circle"}}, reversing_max_m=250), 14)
    assert sorted(p.osm_nodes for p in two) == [(2, 5, 6), (6, 5, 2)]


def test_where_reversing_is_forbidden_every_dead_end_is_a_presentation_point(tmp_path: Path) -> None:
    all_ = found(tmp_path, reversing="forbidden", presentation_max_m=10, foot_max_m=0)
    assert not of_way(all_, 14)
    assert [p.osm_nodes for p in all_ if p.kind == "presentation_point"] == [(2,)]


def test_a_street_too_narrow_for_every_truck_is_carried_to_the_corner_or_listed(tmp_path: Path) -> None:
    ways = {**STREETS, 11: ((2, 3), {**RESIDENTIAL, "width": "1.8"})}
    near = found(tmp_path, ways, presentation_max_m=205)
    assert not of_way(near, 11)
    assert [p for p in near if p.kind == "presentation_point" and any("w11" in s.stretch for s in p.shares)]
    far = of_way(found(tmp_path, ways, presentation_max_m=50), 11)
    assert far
    assert not any(p.reachable for p in far)


def test_where_no_truck_comes_the_other_way_round_both_sides_are_collected_in_one_pass(tmp_path: Path) -> None:
    """A two-way street in a ring of one-ways: nobody can enter it against the ring, nor turn round in it."""
    once = {**RESIDENTIAL, "oneway": "yes"}
    ways = {10: ((1, 2), RESIDENTIAL), 11: ((2, 3), once), 12: ((3, 4), once), 13: ((4, 1), once)}
    (one,) = of_way(found(tmp_path, ways), 10)
    assert (one.osm_nodes, one.side) == ((1, 2), "both")
    assert len(one.stands["all"]) == 1


def test_an_island_that_no_road_reaches_is_listed_as_unreachable(tmp_path: Path) -> None:
    nodes = {**SQUARE, 8: (2000.0, 2000.0), 9: (2100.0, 2000.0)}
    ways = {**STREETS, 20: ((8, 9), RESIDENTIAL)}
    assert not any(p.reachable for p in of_way(found(tmp_path, ways, nodes=nodes), 20))


def test_every_side_of_every_street_is_in_exactly_one_pass(tmp_path: Path) -> None:
    for rule in (
        {},
        {"foot_max_m": 300},
        {"presentation_max_m": 300},
        {"reversing_max_m": 300},
        {"reversing": "forbidden"},
    ):
        shares = [(s.stretch, s.side) for p in found(tmp_path, **rule) for s in p.shares]
        assert len(shares) == len(set(shares)) == 2 * 5
