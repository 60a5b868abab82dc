"""Demand: everybody is counted once, on the right side of the right street."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.area.area import Area, Commune
from optimizer.demand.demand import WEEKS_PER_YEAR, Demand, estimate_demand
from optimizer.streets.extract import Extract, read_extract
from optimizer.streets.snapping import normalized_street_name
from optimizer.streets.streets import StreetNetwork, build_street_network

from .tiny_map import rules, write_map
from .towns import RealTown

Tags = Mapping[str, str]
PEOPLE = 1000
ROAD = {1: (0.0, 0.0), 2: (150.0, 0.0), 3: (300.0, 0.0), 4: (150.0, 300.0), 5: (300.0, 300.0)}
#: 10 runs east and 11 north from its middle; 12 runs west, far in the north. Tertiary: on residential streets without
#: a home, buildings would count as not mapped.
WAYS: dict[int, tuple[Iterable[int], Tags]] = {
    10: ((1, 2, 3), {"highway": "tertiary", "name": "Rue de l'Église"}),
    11: ((2, 4), {"highway": "tertiary", "name": "Av. du Gén. Leclerc"}),
    12: ((5, 4), {"highway": "tertiary", "name": "Impasse"}),
}


class Drawn:
    """A drawn town of one commune of ``PEOPLE``: buildings as squares, and a demand estimated from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes = dict(ROAD)
        self.ways = dict(WAYS)
        self.node_tags: dict[int, Tags] = {}
        self.area = replace(rules(), folder=folder, name="Drawn", communes=(Commune("Drawn", PEOPLE),))
        self.area = replace(self.area, demand=replace(self.area.demand, drop_off_points=None, addresses=None))

    def building(self, x: float, y: float, size: float = 10.0, **tags: str) -> None:
        first = 100 + 10 * len(self.ways)
        corners = ((0, 0), (size, 0), (size, size), (0, size))
        for k, (dx, dy) in enumerate(corners):
            self.nodes[first + k] = (x - size / 2 + dx, y - size / 2 + dy)
        ring = (first, first + 1, first + 2, first + 3, first)
        self.ways[900 + len(self.ways)] = (
            ring,
            {"building": "house"} | {k.replace("__", ":"): v for k, v in tags.items()},
        )

    def address(self, x: float, y: float, number: str, street: str) -> None:
        node = 10_000 + len(self.node_tags)
        self.nodes[node] = (x, y)
        self.node_tags[node] = {"addr:housenumber": number, "addr:street": street}

    def read(self) -> tuple[Area, Extract, StreetNetwork]:
        extract = read_extract(write_map(self.folder / "map.osm", self.nodes, self.ways, self.node_tags))
        return self.area, extract, build_street_network(extract, self.area)

    def demand(self) -> Demand:
        return estimate_demand(*self.read())

    def people(self, demand: Demand) -> dict[tuple[int, str], int]:
        """By way and side, whole persons."""
        found: dict[tuple[int, str], float] = defaultdict(float)
        for (stretch, side), residents in demand.dwellings.items():
            found[int(stretch[1:].split(":")[0]), side] += residents.people
        return {where: round(people) for where, people in found.items()}


@pytest.fixture
def town(tmp_path: Path) -> Drawn:
    return Drawn(tmp_path)


# --- sides -------------------------------------------------------------------------------------------------------


def test_a_house_north_of_an_eastbound_way_is_on_its_left_and_one_south_of_it_on_its_right(town: Drawn) -> None:
    town.building(50, 15)
    town.building(60, 15)
    town.building(70, 15)
    town.building(50, -15)
    assert town.people(town.demand()) == {(10, "left"): 750, (10, "right"): 250}


def test_sides_follow_the_order_of_the_way_s_nodes_not_the_compass(town: Drawn) -> None:
    town.building(230, 315)  # north of a way that runs west
    assert town.people(town.demand()) == {(12, "right"): PEOPLE}


def test_a_house_beyond_the_end_of_a_street_is_still_laid_on_it(town: Drawn) -> None:
    town.building(340, -12)
    assert town.people(town.demand()) == {(10, "right"): PEOPLE}


def test_a_corner_house_goes_to_the_street_of_its_address_though_another_is_nearer(town: Drawn) -> None:
    town.building(130, 12, addr__street="Avenue du Général Leclerc", addr__housenumber="1")
    assert town.people(town.demand()) == {(11, "left"): PEOPLE}


def test_a_house_whose_street_is_not_near_goes_to_the_nearest_one(town: Drawn) -> None:
    town.building(50, 15, addr__street="Rue d'ailleurs", addr__housenumber="1")
    assert town.people(town.demand()) == {(10, "left"): PEOPLE}


def test_an_address_on_the_axis_goes_to_the_side_of_its_number(town: Drawn) -> None:
    for x, y, number in (
        (20, 15, "1"),
        (80, 15, "3"),
        (20, -15, "2"),
        (80, -15, "4"),
        (50, 0.5, "6"),
        (110, -0.5, "5"),
    ):
        town.address(x, y, number, "Rue de l'Église")
    assert town.people(town.demand()) == {(10, "left"): 500, (10, "right"): 500}


def test_a_tunnel_has_no_neighbours(town: Drawn) -> None:
    town.ways[10] = (WAYS[10][0], {**WAYS[10][1], "tunnel": "yes"})
    town.building(140, 10)
    assert town.people(town.demand()) == {(11, "left"): PEOPLE}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rue de l'Église", "rue de l’eglise"),
        ("Av. du Gén. Leclerc", "AVENUE DU GENERAL LECLERC"),
        ("Hauptstr.", "Hauptstraße"),
        ("Chemin des Prés-Fleuris", "Che des Prés Fleuris"),
    ],
)
def test_street_names_meet_across_accents_case_and_abbreviations(one: str, other: str) -> None:
    assert normalized_street_name(one) == normalized_street_name(other)


# --- how people are spread ---------------------------------------------------------------------------------------


def test_floor_decides_how_many_people_live_in_a_building(town: Drawn) -> None:
    town.building(50, 20, 20, building="apartments", building__levels="6")  # 2400 m2
    town.building(50, -20, 20, building="apartments", building__levels="2")  # 800 m2
    assert town.people(town.demand()) == {(10, "left"): 750, (10, "right"): 250}


def test_nobody_lives_in_garages_churches_schools_or_sheds(town: Drawn) -> None:
    town.building(50, 15)
    for k, use in enumerate(("garage", "garages", "church", "school", "industrial", "shed", "hospital", "roof")):
        town.building(20.0 + 15 * k, -15, building=use)
    assert town.people(town.demand()) == {(10, "left"): PEOPLE}


def test_a_building_with_two_addresses_is_shared_by_its_two_doors(town: Drawn) -> None:
    town.building(140, 12, 20)
    town.address(141, 4, "1", "Rue de l'Église")
    town.address(148, 12, "2", "Avenue du Général Leclerc")
    people = town.people(town.demand())
    assert people == {(10, "left"): 500, (11, "left"): 500}


def test_levels_use_and_flats_tell_houses_from_blocks(town: Drawn) -> None:
    town.building(20, 15, building="house", building__levels="3")
    town.building(50, 15, building="yes", building__levels="4")
    town.building(80, 15, building="residential", building__levels="2", building__flats="6")
    town.building(50, -15, building="yes", building__levels="2")
    demand = town.demand()
    sides = {side: r for (_, side), r in demand.dwellings.items()}
    assert sides["right"].houses > 0
    assert sides["right"].blocks == 0
    assert sides["left"].houses > 0
    assert sides["left"].blocks > sides["left"].houses


def test_where_no_building_is_mapped_people_are_spread_evenly_by_length_on_both_sides(town: Drawn) -> None:
    for way in (10, 11, 12):
        town.ways[way] = (WAYS[way][0], {"highway": "residential"})
    town.ways[13] = ((1, 4), {"highway": "primary"})
    town.building(50, 15)  # one building does not make a mapped town
    people = town.people(town.demand())
    assert people == {(way, side): pytest.approx(PEOPLE * m / 750 / 2, abs=1)
                      for way, m in ((10, 300), (11, 300), (12, 150)) for side in ("left", "right")}  # fmt: skip


def test_a_building_far_from_every_street_has_no_people_and_its_address_is_listed(town: Drawn) -> None:
    town.building(50, 15)
    town.address(0, 900, "7", "Chemin perdu")
    demand = town.demand()
    assert town.people(demand) == {(10, "left"): PEOPLE}
    assert demand.addresses_without_street == ("7 Chemin perdu",)


def test_two_estimates_of_the_same_town_are_equal(boeblingen: RealTown) -> None:
    again = estimate_demand(boeblingen.area, boeblingen.extract, boeblingen.streets)
    assert again == boeblingen.demand


# --- kilograms ---------------------------------------------------------------------------------------------------


def test_a_week_s_kilograms_are_people_times_the_published_figure(town: Drawn) -> None:
    town.building(50, 15)
    demand = town.demand()
    residual = town.area.flux_named("residual")
    assert demand.total_weekly_kg("residual") == pytest.approx(
        PEOPLE * residual.kg_per_inhabitant_year / WEEKS_PER_YEAR
    )
    (where,) = demand.dwellings
    kg = demand.weekly_kg(*where, "bags", "houses")
    assert set(kg) == {"residual", "packaging", "food"}
    assert kg["residual"] == pytest.approx(demand.total_weekly_kg("residual"))
    assert demand.weekly_kg(*where, "bags", "blocks")["residual"] == 0


def test_shops_take_their_part_out_of_the_total_instead_of_adding_to_it(town: Drawn) -> None:
    town.building(50, 15)
    before = town.demand().total_weekly_kg("residual")
    town.building(50, -15, building="retail", shop="bakery")
    demand = town.demand()
    assert demand.total("shops") == 1
    assert demand.total_weekly_kg("residual") == pytest.approx(before)
    shop = next(where for where in demand.dwellings if where[1] == "right")
    assert demand.weekly_kg(*shop, "bags", "shops")["residual"] == pytest.approx(before * 4 / (PEOPLE + 4))


def test_an_unknown_service_is_refused_with_those_there_are(town: Drawn) -> None:
    with pytest.raises(ValueError, match="service = 'bulky', must be one of bags, glass"):
        town.demand().weekly_kg("w10:1-3", "left", "bulky", "houses")


# --- files -------------------------------------------------------------------------------------------------------

BASE = "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;x;y;lon;lat"


def lonlat(x: float, y: float) -> str:
    from .tiny_map import _TO_DEGREES, ORIGIN

    lon, lat = _TO_DEGREES.transform(ORIGIN[0] + x, ORIGIN[1] + y)
    return f"{lon:.7f};{lat:.7f}"


def test_the_national_address_base_places_people_and_names_its_bad_rows(town: Drawn) -> None:
    town.area = replace(town.area, demand=replace(town.area.demand, addresses="addresses.csv"))
    rows = [
        f"1;;1;;Rue de l’Eglise;59000;59001;Drawn;0;0;{lonlat(20, 15)}",
        f"2;;2;bis;Rue de l’Eglise;59000;59001;Drawn;0;0;{lonlat(20, -15)}",
        f"3;;4;;Rue de l’Eglise;59000;59001;Drawn;0;0;{lonlat(60, -15)}",
        "4;;6;;Rue de l’Eglise;59000;59001;Drawn;0;0;abc;48.9",
        "5;;x;;;59000;59001;Drawn;0;0;3.0;148.9",
        "6;;8;;Rue de l’Eglise;59000;59001;Drawn;0;0;9.0;45.0",
    ]
    (town.folder / "addresses.csv").write_text("\n".join([BASE, *rows]), encoding="utf-8-sig")
    town.address(21, 15, "1", "Rue de l'Église")  # the map's own copy of the first: not counted twice
    demand = town.demand()
    assert town.people(demand) == {(10, "left"): 333, (10, "right"): 667}
    assert demand.refused == (
        "addresses.csv row 5: lon = 'abc', must be a number of degrees",
        "addresses.csv row 6: lat = '148.9', must be within ±90 degrees",
        "addresses.csv row 6: nom_voie is empty, must be the street's name",
        "addresses.csv row 6: numero = 'x', must be a whole number",
    )
    assert any(n.code == "addresses" and n.values["outside"] == 1 for n in demand.notes)


def known(town: Drawn, *rows: str, header: str = "street;side;dwelling;dwellings;residual_kg_week") -> Demand:
    town.area = replace(town.area, demand=replace(town.area.demand, demand_csv="demand.csv"))
    (town.folder / "demand.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return town.demand()


def test_real_demand_replaces_the_estimate_of_the_streets_it_names_and_no_other(town: Drawn) -> None:
    town.building(50, 15)
    town.building(165, 200)
    before = town.demand()
    demand = known(town, "rue de l'eglise;;houses;12;345,5")
    (_, mine), (_, other) = (
        next((w, w) for w in before.dwellings if w[0].startswith(f"w{way}")) for way in (10, 11)
    )  # fmt: skip
    assert demand.dwellings[mine].houses == pytest.approx(12)
    assert demand.weekly_kg(*mine, "bags", "houses")["residual"] == pytest.approx(345.5)
    food = 12 * 2.2 * town.area.flux_named("food").kg_per_inhabitant_year / WEEKS_PER_YEAR
    assert demand.weekly_kg(*mine, "bags", "houses")["food"] == pytest.approx(food)
    assert demand.dwellings[other] == before.dwellings[other]
    assert demand.refused == ()


def test_odd_and_even_sides_of_real_demand_come_from_the_addresses(town: Drawn) -> None:
    for x, y, number in ((20, 15, "1"), (80, 15, "3"), (20, -15, "2"), (80, -15, "4")):
        town.address(x, y, number, "Rue de l'Église")
    demand = known(town, "Rue de l'Église;odd;houses;7;70", "Rue de l'Église;even;blocks;30;300")
    totals: dict[str, float] = defaultdict(float)
    for stretch, side in demand.dwellings:
        for kind in ("houses", "blocks"):
            totals[f"{side} {kind}"] += demand.weekly_kg(stretch, side, "bags", kind)["residual"]
    # The part of the street east of the junction has no address, so it says nothing about its sides.
    assert {key: round(kg) for key, kg in totals.items() if kg} == {"left houses": 70, "right blocks": 300}


def test_every_bad_row_of_real_demand_is_named_and_the_good_ones_count(town: Drawn) -> None:
    town.building(50, 15)
    demand = known(
        town, "Rue inconnue;;houses;1;1", "Impasse;;castles;x;-3", "Impasse;left;houses;1;1", "Impasse;odd;houses;1;1",
        "Impasse;;houses;2;10",
    )  # fmt: skip
    assert demand.refused == (
        "demand.csv row 2: street = 'Rue inconnue', must be a collected street of the map",
        "demand.csv row 3: dwelling = 'castles', must be one of houses, blocks, shops",
        "demand.csv row 3: dwellings = 'x', must be a number",
        "demand.csv row 3: residual_kg_week = '-3', must be 0 or more",
        "demand.csv row 4: side = 'left', must be odd or even where a street is given by its name",
        "demand.csv row 5: side = 'odd', no numbered address of the street tells which side that is; leave it empty",
    )
    assert sum(r.houses for (s, _), r in demand.dwellings.items() if s.startswith("w12")) == pytest.approx(2)


def test_a_demand_file_without_its_columns_is_refused_and_the_estimate_stays(town: Drawn) -> None:
    town.building(50, 15)
    demand = known(town, "1;2", header="rue;kg")
    assert town.people(demand) == {(10, "left"): PEOPLE}
    assert any("must hold dwelling and street, way or stretch" in row for row in demand.refused)


# --- real towns --------------------------------------------------------------------------------------------------


def test_all_the_people_of_monaco_and_its_neighbours_live_somewhere(monaco: RealTown) -> None:
    assert monaco.demand.people == pytest.approx(sum(c.population for c in monaco.area.communes), rel=1e-6)
    assert monaco.demand.refused == ()


def test_monaco_s_people_live_inside_monaco(monaco: RealTown) -> None:
    alone = replace(monaco.area, communes=tuple(c for c in monaco.area.communes if c.name == "Monaco"))
    demand = estimate_demand(alone, monaco.extract, monaco.streets)
    assert demand.people == pytest.approx(36371, rel=1e-6)
    stretches = {s.id: s for s in monaco.streets.stretches}
    lonlat_ = monaco.extract.lonlat
    for stretch, _ in demand.dwellings:
        lon, lat = lonlat_[stretches[stretch].osm_nodes[0]]
        assert 7.405 < lon < 7.445
        assert 43.72 < lat < 43.755


def test_all_the_people_of_boeblingen_live_somewhere(boeblingen: RealTown) -> None:
    assert boeblingen.demand.people == pytest.approx(46714, rel=1e-6)
    assert boeblingen.demand.total("blocks") > 5000
    assert len(boeblingen.demand.addresses_without_street) < 10


def test_heidelberg_without_buildings_has_its_people_along_residential_streets(heidelberg: RealTown) -> None:
    assert heidelberg.demand.people == pytest.approx(160_000, rel=1e-6)
    stretches = {s.id: s for s in heidelberg.streets.stretches}
    classes = {stretches[s].highway for s, _ in heidelberg.demand.dwellings}
    assert classes == {"residential", "living_street", "unclassified"}
    assert any(note.code == "along_streets" for note in heidelberg.demand.notes)


def test_addresses_lie_on_the_street_they_name(boeblingen: RealTown) -> None:
    """Of Böblingen's addressed buildings whose street exists, nearly all are laid on that street."""
    from optimizer.demand.addresses import merged_addresses
    from optimizer.demand.households import Households
    from optimizer.streets.snapping import StretchIndex

    stretch_index = StretchIndex.of(boeblingen.streets.stretches, boeblingen.extract)
    homes = Households.of(boeblingen.area, boeblingen.extract, merged_addresses([], boeblingen.extract))
    snapped = stretch_index.snap(homes.door_xy, [a.street for a in homes.door_address], 200.0)
    right = wrong = 0
    for address, k in zip(homes.door_address, snapped.stretch, strict=True):
        if k >= 0 and address.street and normalized_street_name(address.street) in stretch_index.codes:
            same = normalized_street_name(boeblingen.streets.stretches[k].name) == normalized_street_name(
                address.street
            )
            right, wrong = right + same, wrong + (not same)
    assert right > 5000
    assert wrong < 0.03 * right
