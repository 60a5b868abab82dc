"""Founding an area: from an OSM file, or a place's name, to a folder that can be planned."""

from __future__ import annotations

import csv
import math
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import networkx as nx
import numpy as np
import osmnx
import pytest

from dashboards.area.area_map import _sectors
from optimizer.area.area import INPUT_FILES
from optimizer.area.file import read_area
from optimizer.area.notes import Note, number_text
from optimizer.new_area import notes as new_area_notes
from optimizer.new_area.country import country_of
from optimizer.new_area.new_area import NewAreaFault, make_area
from optimizer.new_area.notes import in_words
from optimizer.new_area.overpass import DownloadFault, download, slug
from optimizer.new_area.proposal import drivable_nodes, stretch_work, together
from optimizer.new_area.summary import TEXTS, layers, sector_indices, summary
from optimizer.streets.extract import ExtractFault, read_extract

from .tiny_map import write_map
from .towns import DATA, RealTown

# --- from a file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["boeblingen", "heidelberg"])
def test_a_founded_area_is_read_back_without_a_fault(name: str, request: pytest.FixtureRequest) -> None:
    town: RealTown = request.getfixturevalue(name)
    area = town.area
    assert read_area(area.folder) == area
    assert [s.name for s in area.sectors] == [
        f"{'Sector' if area.language == 'en' else 'Secteur'} {k}" for k in range(1, 6)
    ]
    bags = {(r.sector, r.dwelling): r.weekday for r in area.rules if r.service == "bags"}
    assert len(bags) == 15  # each sector, each kind of dwelling, once a week
    assert sorted(set(bags.values())) == [0, 1, 2, 3, 4]
    assert area.crs == "EPSG:32632"
    assert area.timezone == "Europe/Berlin"
    assert area.holidays == "DE"


@pytest.mark.parametrize("name", ["boeblingen", "heidelberg"])
def test_the_five_days_of_a_founded_area_have_about_the_same_work(name: str, request: pytest.FixtureRequest) -> None:
    town: RealTown = request.getfixturevalue(name)
    work = stretch_work(town.area, town.streets, town.demand, ("bags",))
    hours = np.bincount(sector_indices(town.area, town.streets.stretches), [w.hours for w in work])
    assert hours.max() / hours.min() <= 1.1


@pytest.mark.parametrize("name", ["boeblingen", "heidelberg"])
def test_depot_and_site_stand_apart_on_junctions_that_trucks_reach_and_leave(
    name: str, request: pytest.FixtureRequest
) -> None:
    town: RealTown = request.getfixturevalue(name)
    depot, site = town.area.depot.osm_node, town.area.sites[0][0].osm_node
    assert depot is not None
    assert site is not None
    assert depot != site
    graph: nx.DiGraph[int] = nx.DiGraph()
    for s in town.streets.segments:
        graph.add_edges_from([(s.start, s.end)] * (s.oneway >= 0) + [(s.end, s.start)] * (s.oneway <= 0))
    largest = max(nx.strongly_connected_components(graph), key=len)
    for node in (depot, site):
        assert node in largest
        assert graph.in_degree(node) >= 2
        assert graph.out_degree(node) >= 2


def test_boeblingen_s_depot_and_site_are_what_the_map_shows(boeblingen: RealTown) -> None:
    text = (boeblingen.area.folder / "area.toml").read_text(encoding="utf-8")
    assert "# nearest junction to a vehicle depot (Betriebshof Regiobus Stuttgart)" in text
    assert "# nearest junction to a recycling centre (Wertstoffhof Böblingen)" in text


@pytest.mark.parametrize("name", ["boeblingen", "heidelberg"])
def test_depot_and_site_lie_300_m_apart_where_the_map_has_places_enough(
    name: str, request: pytest.FixtureRequest
) -> None:
    town: RealTown = request.getfixturevalue(name)
    depot, site = town.area.depot.osm_node, town.area.sites[0][0].osm_node
    assert depot is not None
    assert site is not None
    assert math.dist(town.streets.xy[depot], town.streets.xy[site]) >= 300


def test_what_was_proposed_is_told_in_the_area_s_language_and_without_tags(
    boeblingen: RealTown, heidelberg: RealTown
) -> None:
    assert boeblingen.founded is not None
    assert heidelberg.founded is not None
    english, french = ("\n".join(town.founded.notes) for town in (boeblingen, heidelberg) if town.founded)
    assert "Unloading site: nearest junction to a recycling centre (Wertstoffhof Böblingen), " in english
    assert "Population : celle donnée à `ripeur area new`" in french
    assert "Site de vidage : carrefour le plus proche d'une déchèterie, à " in french
    assert "Dépôt : pas de lieu pour lui sur la carte, sinon au site de vidage" in french
    assert "1 conteneur à verre de la carte" in french
    assert "DE-BW, DE-BY" in english
    assert "DE-BW, DE-BY" in french
    for notes in (english, french):
        assert not re.search(r"\w=\w", notes)
    assert not re.search(r"\b(the|of|trucks|away)\b", french)


@pytest.mark.parametrize(("count", "fr", "en"), [(1, "1 camion", "1 truck"), (2, "2 camions", "2 trucks")])
def test_one_truck_is_not_several(count: int, fr: str, en: str) -> None:
    note = Note("trucks", {"count": count})
    assert (in_words(note, "fr"), in_words(note, "en")) == (fr, en)


def test_a_country_without_holidays_of_its_parts_is_not_asked_for_one(tmp_path: Path) -> None:
    made = make_area(tmp_path / "new", crossroads(tmp_path / "grid.osm"), holidays="DE-BW", population=100)
    assert "jours fériés : comme demandé" in made.notes[0]
    assert "régions" not in made.notes[0]


@pytest.mark.parametrize("name", ["boeblingen", "heidelberg"])
def test_the_fleet_carries_the_heaviest_day_with_some_in_hand(name: str, request: pytest.FixtureRequest) -> None:
    town: RealTown = request.getfixturevalue(name)
    area = town.area
    work = stretch_work(area, town.streets, town.demand, ("bags",))
    mine = sector_indices(area, town.streets.stretches)
    days = [together([w for w, s in zip(work, mine, strict=True) if s == k]) for k in range(5)]
    bag_trucks = [t for t in area.trucks if not t.crane and t.payload_kg == 7000]
    assert len(bag_trucks) * 7 > 1.12 * max(day.hours for day in days)
    assert len(bag_trucks) * 7 < 3 * max(day.hours for day in days)
    assert {s.truck for s in area.shifts} == {t.id for t in area.trucks}
    assert [t.id for t in area.trucks] == [f"T{k}" for k in range(1, len(area.trucks) + 1)]


def test_streets_signed_for_light_trucks_only_get_one(boeblingen: RealTown) -> None:
    """Böblingen has kilometres of streets signed 7.5 t."""
    light = [t for t in boeblingen.area.trucks if t.gross_kg <= 7500]
    assert 1 <= len(light) <= 2


def test_every_key_of_a_new_area_is_commented_by_its_line_or_its_section(boeblingen: RealTown) -> None:
    text = (boeblingen.area.folder / "area.toml").read_text(encoding="utf-8")
    assert "ASSUMED" in text
    for section in ("[depot]", "[[sites]]", "[[flux]]", "[[trucks]]", "[streets]", "[prices]"):
        before, _, after = text.partition(section)
        assert "#" in (before.splitlines()[-1] or before.splitlines()[-2]) + after[:400]


def test_a_given_population_is_the_whole_area_s(heidelberg: RealTown) -> None:
    assert [(c.name, c.population) for c in heidelberg.area.communes] == [("Heidelberg", 160_000)]
    assert heidelberg.demand.people == pytest.approx(160_000, rel=1e-6)


def test_an_area_that_is_there_already_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sectors.geojson").write_text("mine")
    with pytest.raises(NewAreaFault, match=r"holds an area already \(sectors.geojson\)"):
        make_area(folder, DATA / "monaco/monaco.osm.pbf")
    assert [p.name for p in folder.iterdir()] == ["sectors.geojson"]
    assert (folder / "sectors.geojson").read_text() == "mine"


def test_a_new_area_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(NewAreaFault, match="population = 0, must be 1 or more"):
        make_area(tmp_path / "a", DATA / "monaco/monaco.osm.pbf", population=0)
    (tmp_path / "cut.osm.pbf").write_bytes((DATA / "monaco/monaco.osm.pbf").read_bytes()[:100_000])
    with pytest.raises(ExtractFault):
        make_area(tmp_path / "b", tmp_path / "cut.osm.pbf")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.osm.pbf"]


def crossroads(path: Path, **tags: str) -> Path:
    """A grid of 5 x 5 streets, 100 m apart, without anything else on it."""
    nodes = {10 * r + c + 1: (100.0 * c, 100.0 * r) for r in range(5) for c in range(5)}
    ways = {
        100 + k: (refs, {"highway": "residential", "name": f"{chr(65 + k)}weg", **tags})
        for k, refs in enumerate(
            [[10 * r + c + 1 for c in range(5)] for r in range(5)]
            + [[10 * r + c + 1 for r in range(5)] for c in range(5)]
        )
    }
    return write_map(path, nodes, ways)


def test_a_map_without_people_buildings_or_industry_still_makes_an_area_and_says_what_is_assumed(
    tmp_path: Path,
) -> None:
    made = make_area(tmp_path / "new", crossroads(tmp_path / "grid.osm"), name="Grille")
    (commune,) = made.area.communes
    assert commune.population == 1000  # 10 streets of 400 m
    text = (tmp_path / "new/area.toml").read_text(encoding="utf-8")
    assert "Population: ASSUMED, 250 inhabitants per km" in text
    assert "no depot or industrial land on the map" in text
    assert "10 of 10 street names read like DE" in text
    assert not any(t.crane for t in made.area.trucks)
    rows = list(csv.DictReader((tmp_path / "new/collection.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["dwelling"] for row in rows} == {"houses", "blocks", "shops"}


def test_options_win_over_what_the_map_suggests(tmp_path: Path) -> None:
    made = make_area(
        tmp_path / "new", crossroads(tmp_path / "grid.osm"), timezone="Europe/Zurich", holidays="CH",
        traffic_side="left", language="en", population=77,
    )  # fmt: skip
    area = made.area
    assert (area.timezone, area.holidays, area.traffic_side, area.language) == ("Europe/Zurich", "CH", "left", "en")
    assert area.name == "new"
    assert area.sites[0][1].label == "Sorting plant"


def test_a_wrong_option_is_told_by_its_key_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="timezone = 'Mars/Olympus'"):
        make_area(tmp_path / "new", crossroads(tmp_path / "grid.osm"), timezone="Mars/Olympus")
    assert not (tmp_path / "new").exists()


def test_an_address_base_is_copied_into_the_area(tmp_path: Path) -> None:
    base = tmp_path / "adresses-59.csv"
    base.write_text("id;numero;rep;nom_voie;lon;lat\n", encoding="utf-8")
    made = make_area(tmp_path / "new", crossroads(tmp_path / "grid.osm"), addresses=base)
    assert made.area.demand.addresses == "adresses-59.csv"
    assert {p.name for p in (tmp_path / "new").iterdir()} == {*INPUT_FILES, "grid.osm", "adresses-59.csv"}
    assert not (tmp_path / "new/grid.osm").samefile(tmp_path / "grid.osm")


def test_a_map_that_no_truck_may_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NewAreaFault, match="junctions that a truck of 19 t can reach and leave, must be at least 2"):
        make_area(tmp_path / "new", crossroads(tmp_path / "grid.osm", maxweight="3.5"))
    assert not (tmp_path / "new").exists()


def test_a_truck_cannot_start_inside_a_dead_end_or_where_one_way_streets_lead_out_only(tmp_path: Path) -> None:
    from .tiny_map import rules

    nodes = {1: (0.0, 0.0), 2: (200.0, 0.0), 3: (200.0, 200.0), 4: (0.0, 200.0), 5: (-200.0, 0.0), 6: (400.0, 0.0),
             7: (0.0, 400.0), 8: (200.0, 400.0)}  # fmt: skip
    ways = {
        10: ([1, 2, 3, 4, 1], {"highway": "residential"}),
        11: ([1, 5], {"highway": "residential"}),  # a dead end
        12: ([2, 6], {"highway": "residential", "oneway": "yes"}),  # leads away
        13: ([4, 7, 8, 3], {"highway": "residential", "maxweight": "7.5"}),
    }
    extract = read_extract(write_map(tmp_path / "map.osm", nodes, ways))
    from optimizer.streets.streets import build_street_network

    area = rules()
    assert drivable_nodes(build_street_network(extract, area), extract, area.trucks[0]) == {1, 2, 3, 4}


def test_the_embedded_map_reads_like_france(monaco: RealTown) -> None:
    assert country_of(monaco.extract).holidays == "FR"


# --- by a place's name -------------------------------------------------------------------------------------------

SQUARE = [[2.998, 48.735], [3.012, 48.735], [3.012, 48.745], [2.998, 48.745], [2.998, 48.735]]


@dataclass
class Server:
    """Plays Nominatim and Overpass on one port."""

    places: list[object]
    map: bytes
    status: int = 200
    queries: list[str] = field(default_factory=list)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    import json

    found_place = {
        "place_id": 1, "osm_type": "relation", "osm_id": 1, "lat": "48.74", "lon": "3.005", "class": "boundary",
        "type": "administrative", "place_rank": 16, "importance": 0.5, "addresstype": "town", "name": "Grille",
        "display_name": "Grille, France", "boundingbox": ["48.735", "48.745", "2.998", "3.012"],
        "geojson": {"type": "Polygon", "coordinates": [SQUARE]},
    }  # fmt: skip
    server = Server([found_place], crossroads(tmp_path / "served.osm").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(json.dumps(server.places).encode(), "application/json", 200)

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            server.queries.append(parse_qs(asked)["data"][0])
            self.answer(server.map, "application/osm3s+xml", server.status)

        def answer(self, body: bytes, kind: str, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{http.server_address[1]}"
    monkeypatch.setattr(osmnx.settings, "nominatim_url", f"{base}/")
    monkeypatch.setattr(osmnx.settings, "overpass_url", f"{base}/api")
    monkeypatch.chdir(tmp_path)
    yield server
    http.shutdown()
    http.server_close()
    thread.join()


def test_a_place_is_downloaded_whole_and_can_be_founded(network: Server, tmp_path: Path) -> None:
    path = download("Grille-sur-Mer, France", tmp_path / "maps")
    assert path == tmp_path / "maps/grille-sur-mer-france.osm"
    (query,) = network.queries
    for wanted in ('way["highway"]', 'way["building"]', 'relation["type"="restriction"]', 'node["place"]', "(._;>;);"):
        assert wanted in query
    corners = query.partition('poly:"')[2].partition('"')[0].split()
    assert len(corners) % 2 == 0
    assert all(48 < float(lat) < 49 for lat in corners[::2])
    assert make_area(tmp_path / "new", path, population=500).area.extract.name == path.name
    assert not (tmp_path / "cache").exists()  # OSMnx's own habit


def test_an_unknown_place_is_told_and_nothing_is_written(network: Server, tmp_path: Path) -> None:
    network.places = []
    with pytest.raises(DownloadFault, match="place 'Nowhere' was not found"):
        download("Nowhere", tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


@pytest.mark.parametrize(
    ("map_", "status", "told"),
    [
        (b"<osm><remark>runtime error: Query timed out</remark></osm>", 200, "did not finish .*: runtime error"),
        (b"<osm><node id='1'", 200, "sent an incomplete answer"),
        (b"busy", 504, "answered 504"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused_and_not_kept(
    network: Server, tmp_path: Path, map_: bytes, status: int, told: str
) -> None:
    network.map, network.status = map_, status
    with pytest.raises(DownloadFault, match=told):
        download("Grille", tmp_path / "maps")
    assert list((tmp_path / "maps").iterdir()) == []


def test_without_a_network_the_fault_says_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osmnx.settings, "nominatim_url", "http://127.0.0.1:9/")
    with pytest.raises(DownloadFault, match=r"cannot be reached .* --osm FILE.osm.pbf"):
        download("Grille", tmp_path)


def test_a_map_that_is_there_is_not_fetched_over(network: Server, tmp_path: Path) -> None:
    (tmp_path / "grille.osm").write_text("mine")
    with pytest.raises(DownloadFault, match="exists already"):
        download("Grille", tmp_path)
    assert network.queries == []


def test_a_place_s_name_makes_a_file_name() -> None:
    assert slug("Saint-Étienne, France") == "saint-etienne-france"
    with pytest.raises(DownloadFault, match="must be a name"):
        slug("…")


# --- what is in it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_summary_names_people_waste_streets_sectors_trucks_and_what_is_assumed(
    monaco: RealTown,
    language: str,
) -> None:
    lines = "\n".join(summary(monaco.area, monaco.extract, monaco.streets, monaco.demand, language))
    people = sum(c.population for c in monaco.area.communes)
    assert (f"{people:,}" if language == "en" else f"{people:,}".replace(",", "\u202f")) in lines
    for flux in monaco.area.flux:
        assert flux.label in lines
    for sector in monaco.area.sectors:
        assert sector.name in lines
    for truck in monaco.area.trucks:
        assert f"  {truck.id}" in lines
    assert "residential" in lines
    assert TEXTS["assumed"][language] in lines


@pytest.mark.parametrize("texts", [TEXTS, new_area_notes.TEXTS], ids=["summary", "new area"])
def test_every_text_is_there_in_french_and_in_english(texts: dict[str, dict[str, str]]) -> None:
    for key, both in texts.items():
        assert set(both) == {"fr", "en"}, key
        fields = [{part.partition("}")[0] for part in text.split("{")[1:]} for text in both.values()]
        assert fields[0] == fields[1], key


def test_terminal_and_drawing_give_each_sector_the_same_people_tonnes_and_kilometres(
    monaco: RealTown, tmp_path: Path
) -> None:
    """Glass goes to its own points: it is in neither. Passes and streets are told apart by name."""
    drawn = layers(monaco.area, monaco.extract, monaco.streets, monaco.demand)
    data = _sectors(drawn, "fr")
    lines = summary(monaco.area, monaco.extract, monaco.streets, monaco.demand, "fr")
    metres: dict[int, float] = {}
    for feature, stretch in zip(drawn["streets"]["features"], monaco.streets.stretches, strict=True):
        index = feature["properties"]["sector_index"]
        if feature["properties"]["kg_week"] > 0:
            metres[index] = metres.get(index, 0.0) + stretch.length_m
    for k, sector in enumerate(data):
        line = next(line for line in lines if line.startswith(f"  {sector['name']} : ") and " hab., " in line)
        people = number_text(round(sector["people"]), "fr")
        tonnes = number_text(round(sector["kg"] / 1000, 1), "fr")
        km = number_text(round(metres[k] / 1000, 1), "fr")
        assert f"  {sector['name']} : {people} hab., {tonnes} t par semaine, {km} km de rues (" in line
        assert " km de passages)" in line


def test_the_map_s_layers_hold_every_stretch_with_its_sector(monaco: RealTown) -> None:
    drawn = layers(monaco.area, monaco.extract, monaco.streets, monaco.demand)
    assert set(drawn) == {"sectors", "streets", "places"}
    assert len(drawn["streets"]["features"]) == len(monaco.streets.stretches)
    names = {s.name for s in monaco.area.sectors}
    assert {f["properties"]["sector"] for f in drawn["streets"]["features"]} == names
    people = sum(f["properties"]["people"] for f in drawn["streets"]["features"])
    assert people == pytest.approx(monaco.demand.people, rel=1e-3)
    assert [f["properties"]["kind"] for f in drawn["places"]["features"]] == ["depot", "site", "site"]
