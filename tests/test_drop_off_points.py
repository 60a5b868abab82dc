"""Drop-off points: the map's, a town's with its dirt, an area's own file, and the open data made of them."""

import csv
import io
import json
import math
import re
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.area import open_data
from optimizer.drop_off.listing import TEXTS, listing_lines, write_refused
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import FLUX_OF_OSM, extract_bounds, read_osm_points
from optimizer.drop_off.points import (
    HANDLINGS,
    OSM_SOURCE,
    POSITIONS,
    STATUSES,
    BoundingBox,
    Container,
    DropOffFaults,
    DropOffPoint,
    ImportResult,
    read_points_csv,
    write_points_csv,
)
from optimizer.drop_off.town_file import decimal_number, read_town_file

ROOT = Path(__file__).parent.parent
POINT = DropOffPoint(
    "P1", "Mairie", 49.42, 2.82, "Compiègne", "1 rue du Port", (Container("C1", "glass", 4.0, "buried", "kinshofer"),),
    "Service déchets", "Agglomération", date(2026, 1, 31),
)  # fmt: skip
TOWN = BoundingBox(49.0, 2.0, 50.0, 3.0)

# --- strategies --------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(
    lambda t: t == t.strip()
)
maybe = st.none() | texts


@st.composite
def points(draw: st.DrawFn) -> list[DropOffPoint]:
    ids = draw(st.lists(texts, unique=True, max_size=4))
    return [
        DropOffPoint(
            point_id, draw(maybe), draw(st.floats(-90, 90)), draw(st.floats(-180, 180)), draw(maybe), draw(maybe),
            tuple(draw(st.lists(containers, max_size=3, unique_by=lambda box: box.id))),
            draw(maybe), draw(texts), draw(st.none() | st.dates()), draw(st.sampled_from(STATUSES)),
        )
        for point_id in ids
    ]  # fmt: skip


containers = st.builds(
    Container, texts, texts, st.none() | st.floats(0.001, 60), st.none() | st.sampled_from(POSITIONS),
    st.none() | st.sampled_from(HANDLINGS),
)  # fmt: skip


def town_file(folder: Path, text: str, name: str = "town.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def why(reading: ImportResult) -> list[tuple[int, str, str]]:
    return [(refusal.row, refusal.column, refusal.why) for refusal in reading.refused]


# --- the words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lat_deg": 90.5}, "lat_deg = 90.5, must be within -90 to 90"),
        ({"lon_deg": math.nan}, "lon_deg = nan, must be within -180 to 180"),
        ({"id": ""}, "id = ''"),
        ({"name": " Mairie"}, "name = ' Mairie'"),
        ({"address": "1\nrue"}, "must be a text without outer blanks or control characters"),
        ({"status": "lost"}, "must be one of active, out_of_service, planned, removed"),
        ({"containers": (Container("C", "glass"), Container("C", "paper"))}, "each id must be there once"),
    ],
)
def test_a_point_that_breaks_a_rule_names_field_value_and_bound(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        replace(POINT, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("volume_m3", [0.0, -4.0, 4000.0, math.nan])
def test_a_container_of_impossible_volume_is_refused(volume_m3: float) -> None:
    with pytest.raises(ValueError, match=r"volume_m3 = .* must be within 0.001 to 60"):
        Container("C", "glass", volume_m3)


# --- an area's own file ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(points=points())
def test_what_is_written_to_an_area_reads_back_the_same(
    points: list[DropOffPoint], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("area") / "drop_off_points.csv"
    write_points_csv(points, path)
    assert read_points_csv(path) == tuple(points)


def test_two_points_of_one_id_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="id = P1, each must be there once"):
        write_points_csv([POINT, POINT], tmp_path / "points.csv")


def test_all_faults_of_an_area_file_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "drop_off_points.csv"
    write_points_csv([POINT, replace(POINT, id="P2"), replace(POINT, id="P3")], path)
    broken = path.read_text().replace("P1,Mairie,49.42", "P1,Mairie,north").replace("P2,Mairie,49.42", "P2,Mairie,99")
    path.write_text(broken.replace("kinshofer", "tongs", 1) + "P3,too short\n")
    with pytest.raises(DropOffFaults) as caught:
        read_points_csv(path)
    assert sorted(fault.split(": ")[1] for fault in caught.value.faults) == ["row 2", "row 2", "row 3", "row 5"]
    assert "lat_deg = 'north', must be a number" in str(caught.value)
    assert "handling = 'tongs', must be one of hook, kinshofer, other" in str(caught.value)
    assert "lat_deg = 99.0, must be within -90 to 90" in str(caught.value)


# --- the map -----------------------------------------------------------------------------------------------------


def test_boeblingens_points_are_those_extracted_by_others(shared: Path) -> None:
    """osm_recycling_boeblingen.csv has 51 objects, one of them an amenity=waste_disposal that takes no recycling."""
    reading = read_osm_points(shared / "realdata/osm/boeblingen.osm.pbf")
    with (shared / "realdata/pav/osm_recycling_boeblingen.csv").open(encoding="utf-8", newline="") as file:
        theirs = {f"osm-{row['osm_type']}-{row['osm_id']}": row for row in csv.DictReader(file)}
    assert len(theirs) == 51
    recycling = {name: row for name, row in theirs.items() if row["amenity"] == "recycling"}
    ours = {point.id: point for point in (*reading.points, *reading.centres)}
    assert ours.keys() == recycling.keys()
    assert (len(reading.points), len(reading.centres), reading.refused) == (48, 2, ())
    for name, row in recycling.items():
        assert ours[name].lat_deg == pytest.approx(float(row["lat"]), abs=2e-4), name  # of areas: another centre
        assert ours[name].lon_deg == pytest.approx(float(row["lon"]), abs=2e-4), name
        materials = row["materials"].split(";") if row["materials"] else []
        assert {box.flux for box in ours[name].containers} == {FLUX_OF_OSM[m] for m in materials if m in FLUX_OF_OSM}
    assert {centre.id for centre in reading.centres} == {
        name for name, row in recycling.items() if row["recycling_type"] == "centre"
    }


def test_the_csv_of_boeblingen_reads_through_a_mapping(shared: Path, tmp_path: Path) -> None:
    mapping = ColumnMapping.read(
        town_file(
            tmp_path,
            'separator = ";"\n[columns]\nid = "osm_id"\nlat_deg = "lat"\nlon_deg = "lon"\nflux = "materials"\n'
            '[keep]\nrecycling_type = ["container", ""]\namenity = ["recycling"]\n',
            "m.toml",
        )
    )
    box = extract_bounds(shared / "realdata/osm/boeblingen.osm.pbf")
    reading = read_town_file(shared / "realdata/pav/osm_recycling_boeblingen.csv", mapping, box)
    assert (len(reading.points), reading.refused) == (48, ())
    mapped = read_osm_points(shared / "realdata/osm/boeblingen.osm.pbf").points
    assert {p.id: {b.flux for b in p.containers} for p in reading.points} == {
        p.id.removeprefix("osm-node-"): {b.flux for b in p.containers} for p in mapped
    }


@pytest.mark.parametrize(("extract", "glass", "centres"), [("monaco.osm.pbf", 2, 0), ("heidelberg.test.pbf", 1, 2)])
def test_other_extracts_give_their_points(shared: Path, extract: str, glass: int, centres: int) -> None:
    reading = read_osm_points(shared / "realdata/osm" / extract)
    assert sum(box.flux == "glass" for point in reading.points for box in point.containers) == glass
    assert len(reading.centres) == centres
    box = extract_bounds(shared / "realdata/osm" / extract)
    assert all(box.holds(point.lat_deg, point.lon_deg) for point in reading.points)
    assert box.east_deg - box.west_deg < 5


def drawn(folder: Path) -> Path:
    """A small extract: a tagged relation of two ways, a closed way, and a way whose nodes lie outside the extract."""
    corners = [(1, 49.0, 2.0), (2, 49.0, 2.2), (3, 49.2, 2.2), (4, 49.2, 2.0)]
    nodes = "".join(f'<node id="{i}" version="1" lat="{lat}" lon="{lon}"/>' for i, lat, lon in corners)
    kind = '<tag k="amenity" v="recycling"/><tag k="recycling_type" v="container"/>'
    glass = '<tag k="recycling:glass" v="yes"/><tag k="recycling:cds" v="yes"/><tag k="name" v=" Le&#10;port "/>'

    def way(number: int, *refs: int, tags: str = "") -> str:
        return f'<way id="{number}" version="1">{"".join(f"<nd ref={chr(34)}{r}{chr(34)}/>" for r in refs)}{tags}</way>'

    members = '<member type="way" ref="10" role="outer"/><member type="way" ref="11" role="outer"/>'
    relation = f'<relation id="20" version="1">{members}<tag k="type" v="multipolygon"/>{kind}{glass}</relation>'
    ways = way(10, 1, 2, 3) + way(11, 3, 4, 1) + way(12, 1, 2, 3, 4, 1, tags=kind) + way(13, 98, 99, tags=kind)
    path = folder / "small.osm"
    path.write_text(f'<osm version="0.6">{nodes}{ways}{relation}</osm>', encoding="utf-8")
    return path


def test_ways_and_relations_stand_at_their_centroid_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    reading = read_osm_points(drawn(tmp_path))
    assert {point.id: (point.lat_deg, point.lon_deg) for point in reading.points} == {
        "osm-way-12": (49.1, 2.1),
        "osm-relation-20": (49.1, 2.1),
    }
    assert why(reading) == [(13, "geometry", "no_location")]
    assert [(r.key, r.detail) for r in reading.remarks] == [("materials_ignored", "cds × 1"), ("no_containers", "1")]
    assert [point.name for point in reading.points] == [None, "Le port"]


def test_a_mapping_renames_or_drops_the_maps_materials(tmp_path: Path) -> None:
    mapping = ColumnMapping(osm={"glass": "", "cds": "discs"})
    reading = read_osm_points(drawn(tmp_path), {**FLUX_OF_OSM, **mapping.osm})
    assert [box.flux for point in reading.points for box in point.containers] == ["discs"]


def test_a_missing_or_truncated_extract_is_one_clear_fault(tmp_path: Path) -> None:
    for name, content in (("no.osm.pbf", None), ("cut.osm.pbf", b"\0\0\0\x0d\x0a"), ("cut.osm", b"<osm><node")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        for reader in (read_osm_points, extract_bounds):
            with pytest.raises(DropOffFaults, match="cannot be read as an OSM extract"):
                reader(path)


# --- a town's file -----------------------------------------------------------------------------------------------

COMPIEGNE = """\
idlieu;insee;commune;adresse;x_l93;y_l93;statut;idconteneur;flux;volume;pos;mode_preh
12;60159;Compiègne;1 rue du Port;687123,5;6924561,2;Actif;457;Verre;4;semi-enterré;Kinshofer
12;60159;Compiègne;1 rue du Port;687123,5;6924561,2;Actif;458;Papier;3,5;aérien;crochet
13;60159;Compiègne;;687 500,0;6 924 000,0;Actif;459;VERRE;;enterré;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_compiegnes_model_is_understood_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    reading = read_town_file(town_file(tmp_path, COMPIEGNE, encoding=encoding), within=TOWN)
    assert reading.refused == ()
    first, second = reading.points
    assert (first.id, first.commune, first.address) == ("12", "Compiègne", "1 rue du Port")
    assert [first.lat_deg, first.lon_deg] == pytest.approx([49.4203795, 2.8225878])
    assert first.containers == (
        Container("457", "glass", 4.0, "semi-buried", "kinshofer"),
        Container("458", "paper", 3.5, "aerial", "hook"),
    )
    assert second.containers == (Container("459", "glass", None, "buried"),)
    guessed = {"cp1252": ["cp1252"], "utf-16": ["UTF-16"]}.get(encoding, [])
    assert [remark.detail for remark in reading.remarks if remark.key == "encoding"] == guessed


DIRT = [
    (",49.42,2.82,glass,4,buried", ("id", "missing")),
    ("P1,49.42,2.82,glass,4,buried", ("id", "duplicate")),
    ("D,,2.82,glass,4,buried", ("lat", "missing")),
    ("D,here,2.82,glass,4,buried", ("lat", "not_a_number")),
    ("D,nan,2.82,glass,4,buried", ("lat", "missing")),
    ("D,1_0,2.82,glass,4,buried", ("lat", "not_a_number")),
    ("D,149.42,2.82,glass,4,buried", ("lat", "out_of_range")),
    ("D,49.42,282,glass,4,buried", ("lon", "out_of_range")),
    ("D,2.82,49.42,glass,4,buried", ("lat", "swapped")),
    ("D,0,0,glass,4,buried", ("lat", "zero_zero")),
    ("D,47.5,2.82,glass,4,buried", ("lat", "outside_area")),
    ("D,49.42,2.82,glas,4,buried", ("flux", "unknown_flux")),
    ("D,49.42,2.82,glass|vere,4,buried", ("flux", "unknown_flux")),
    ("D,49.42,2.82,glass,-4,buried", ("volume", "out_of_range")),
    ("D,49.42,2.82,glass,4000,buried", ("volume", "out_of_range")),
    ("D,49.42,2.82,glass,4 m3,buried", ("volume", "not_a_number")),
    ("D,49.42,2.82,glass,4,floating", ("position", "unknown_position")),
    ("D,49.42,2.82,glass,4,buried,1,2", ("", "too_many_cells")),
    ('D,"49.42,2.82,glass,4,buried', ("", "unreadable")),
]


@pytest.mark.parametrize(("bad", "said"), DIRT)
def test_a_bad_row_is_refused_with_its_reason_and_the_good_rows_stay(
    tmp_path: Path, bad: str, said: tuple[str, str]
) -> None:
    good = 'P1,49.42,2.82,glass,4,buried\n{bad}\n\nP2,"49,43","2,83",verre|papiers,"3,5",Semi-Enterrée\n'
    text = "id,lat,lon,flux,volume,position\n" + good.format(bad=bad)
    reading = read_town_file(town_file(tmp_path, text), within=TOWN)
    assert why(reading) == [(3, *said)]
    assert reading.refused_rows == 1
    assert [point.id for point in reading.points] == ["P1", "P2"]
    last = reading.points[1]
    assert (last.lat_deg, last.lon_deg) == (49.43, 2.83)
    assert last.containers == (
        Container("P2-glass", "glass", 3.5, "semi-buried"),
        Container("P2-paper", "paper", 3.5, "semi-buried"),
    )


def test_all_faults_of_a_row_are_told_at_once(tmp_path: Path) -> None:
    text = "id,lat,lon,flux,volume,position,date_maj,statut\n,x,2.82,glas,-1,up,31/02/2026,lost\n"
    reading = read_town_file(town_file(tmp_path, text))
    assert {refusal.why for refusal in reading.refused} == {
        "missing", "not_a_number", "unknown_flux", "out_of_range", "unknown_position", "not_a_date", "unknown_status",
    }  # fmt: skip
    assert reading.refused_rows == 1


def test_a_row_swapped_among_good_ones_is_seen_without_an_area(tmp_path: Path) -> None:
    rows = "".join(f"P{i},49.4{i},2.8{i}\n" for i in range(5))
    reading = read_town_file(town_file(tmp_path, f"id,lat,lon\n{rows}S,2.81,49.41\n"))
    assert why(reading) == [(7, "lat", "swapped")]
    assert len(reading.points) == 5


def test_swapped_or_wild_lambert_coordinates_are_told(tmp_path: Path) -> None:
    text = "id;x_l93;y_l93\n1;687123,5;6924561,2\n2;6924561,2;687123,5\n3;5;5\n4;0;0\n5;1e300;7\n"
    reading = read_town_file(town_file(tmp_path, text))
    assert why(reading) == [
        (3, "x_l93", "swapped"), (4, "x_l93", "out_of_range"), (5, "x_l93", "zero_zero"), (6, "x_l93", "out_of_range"),
    ]  # fmt: skip


def test_rows_of_containers_are_joined_by_point_and_judged_one_by_one(tmp_path: Path) -> None:
    text = (
        "id,nom,lat,lon,idconteneur,flux\n"
        "P,Port,49.4,2.8,C1,verre\nP,Port,49.4,2.8,C1,papier\nP,Port,49.5,2.8,C2,verre\n"
        "P,Gare,49.4,2.8,C3,papier\nP,Port,49.4,2.8,,verre\nP,Port,49.4,2.8,C9,\nQ,,49.4,2.8,,\n"
    )
    reading = read_town_file(town_file(tmp_path, text), within=TOWN)
    assert why(reading) == [(3, "idconteneur", "duplicate"), (4, "lat", "elsewhere"), (7, "flux", "missing")]
    port, empty = reading.points
    assert [(box.id, box.flux) for box in port.containers] == [("C1", "glass"), ("C3", "paper"), ("P-glass", "glass")]
    assert empty.containers == ()
    assert [remark.detail for remark in reading.remarks if remark.key == "differs"] == ["row 5: name"]


def test_counts_of_containers_become_containers(tmp_path: Path) -> None:
    mapping = ColumnMapping(
        columns={"id": "n", "lat_lon": "geo_point_2d", "volume_l": "litres"},
        counts={"VERRE": "glass", "OM": "residual"},
    )
    text = 'n;geo_point_2d;VERRE;OM;litres\n1;49.4, 2.8;2;;4000\n2;"49,4 ; 2,8";0;1,5;\n3;49.4;1;1;\n'
    reading = read_town_file(town_file(tmp_path, text), mapping)
    assert [(b.id, b.flux, b.volume_m3) for p in reading.points for b in p.containers] == [
        ("1-glass", "glass", 4.0),
        ("1-glass-2", "glass", 4.0),
    ]
    assert why(reading) == [(3, "OM", "not_a_count"), (4, "geo_point_2d", "not_a_number")]


def test_a_quote_that_never_closes_does_not_swallow_the_rows_after_it(tmp_path: Path) -> None:
    text = 'id,lat,lon,adresse\nA,49.4,2.8,"1 rue du Port\nB,49.4,2.8,2 rue\nC,49.4,2.8,"3, rue"\n'
    reading = read_town_file(town_file(tmp_path, text))
    assert [point.id for point in reading.points] == ["B", "C"]
    assert why(reading) == [(2, "", "unreadable")]


def test_a_damaged_byte_spoils_its_row_not_every_accent(tmp_path: Path) -> None:
    rows = "id,nom,lat,lon\nA,Hôtel,49.4,2.8\nB,Évêché,49.4,2.8\nC,Musée,49.4,2.8\n".encode()
    path = tmp_path / "town.csv"
    path.write_bytes(rows.replace("Évêché".encode(), b"\xc9v\xc3\xaach\xc3\xa9"))
    reading = read_town_file(path)
    assert [point.name for point in reading.points] == ["Hôtel", "Musée"]
    assert why(reading) == [(3, "", "unreadable")]


def test_a_collection_calendar_is_refused_row_by_row_without_a_crash(shared: Path, tmp_path: Path) -> None:
    """cacem-dechets.csv has 9,298 rules and no coordinates: no row is a drop-off point."""
    path = shared / "realdata/pav/cacem-dechets.csv"
    mapping = ColumnMapping(columns={"id": "adresse_id", "commune": "commune_name", "flux": "type_collecte"})
    for reading in (read_town_file(path), read_town_file(path, mapping)):
        assert reading.points == ()
        assert reading.refused_rows == 9298
        assert ("lat_deg", "no_column") in {(refusal.column, refusal.why) for refusal in reading.refused}
        assert len(listing_lines(reading, "fr")) < 40  # grouped by reason, not 9,298 lines
        write_refused(reading.refused, tmp_path / "refused.csv", "fr")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("town.csv", b"", "empty, must have a heading"),
        ("town.csv", b"id,lat,lat\n", "heading lat is there more than once"),
        ("town.json", b'{"features": [', "not JSON"),
        ("town.json", b"[" * 100_000, "not JSON"),
        ("town.geojson", b'{"type": "Topology"}', "must be a GeoJSON FeatureCollection"),
        ("town.xlsx", b"PK", "suffix = '.xlsx', must be one of"),
    ],
)
def test_a_file_without_rows_to_judge_is_one_clear_fault(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DropOffFaults, match=re.escape(says)):
        read_town_file(tmp_path / name)


def geojson(*features: object, **members: object) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features, **members})


def feature(x: object, y: object, kind: str = "Point", **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": [x, y]}, "properties": properties}


def test_geojson_is_read_with_its_dirt(tmp_path: Path) -> None:
    text = geojson(
        feature(2.8, 49.4, idlieu=1, flux="Verre", nom=None),
        feature(49.4, 2.8, idlieu=2, flux="Verre"),
        feature(2.8, 49.4, "LineString", idlieu=3),
        feature("a", 49.4, idlieu=4),
        feature(2.8, 49.4, idlieu=5, flux="Verre", nom="\ud800 A\nB"),
        {"type": "Feature", "geometry": None, "properties": {}},
        "nonsense",
        {"id": "F8", **feature(2.8, 49.4)},
    )
    reading = read_town_file(town_file(tmp_path, text, "town.geojson"), within=TOWN)
    assert [(point.id, point.name) for point in reading.points] == [("1", None), ("5", "A B")]
    assert [(r.place, r.row, r.why) for r in reading.refused] == [
        ("feature", 2, "swapped"), ("feature", 3, "not_a_point"), ("feature", 4, "not_a_number"),
        ("feature", 6, "not_a_point"), ("feature", 7, "not_a_point"), ("feature", 8, "missing"),
    ]  # fmt: skip
    "\n".join(listing_lines(reading)).encode()  # half a surrogate pair must not break the terminal


def test_geojson_in_lambert_93_is_read_by_its_old_crs_member(tmp_path: Path) -> None:
    member = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    text = geojson(feature(687123.5, 6924561.2, id="A"), crs=member)
    (point,) = read_town_file(town_file(tmp_path, text, "town.geojson"), within=TOWN).points
    assert [point.lat_deg, point.lon_deg] == pytest.approx([49.4203795, 2.8225878])


# Single spaces, no control characters, no word for nothing: what a town's cell can hold and keep.
words = st.text("abé;,\"' ", min_size=1, max_size=8).map(lambda t: " ".join(t.split())).filter(bool)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(words, st.integers(-89_000, 89_000), st.integers(1, 179_000), st.integers(1, 60_000)), max_size=5
    ),
    delimiter=st.sampled_from(",;\t"),
    comma=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
)
def test_every_town_csv_gives_back_its_rows_whatever_its_dialect(
    rows: list[tuple[str, int, int, int]], delimiter: str, comma: bool, encoding: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    written = [(f"P{i}", f"é {name}", lat / 1000, lon / 1000, v / 1000) for i, (name, lat, lon, v) in enumerate(rows)]
    file = io.StringIO(newline="")
    table = csv.writer(file, delimiter=delimiter)
    table.writerow(("id", "nom", "latitude", "longitude", "volume", "flux"))
    for point_id, name, *figures in written:
        table.writerow((point_id, name, *(str(f).replace(".", ",") if comma else f for f in figures), "Verre"))
    path = town_file(tmp_path_factory.mktemp("town"), file.getvalue(), encoding=encoding)
    reading = read_town_file(path, within=BoundingBox(-90, -180, 90, 180))
    assert reading.refused == ()
    assert [(p.id, p.name, p.lat_deg, p.lon_deg, p.containers[0].volume_m3) for p in reading.points] == written


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=80) | st.text("id,lon\n\"'48.9;", max_size=80).map(lambda t: f"id,lat,lon\n{t}".encode())
)
def test_no_file_makes_the_reader_crash(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("town.csv", "town.json"):
        path = tmp_path_factory.mktemp("town") / name
        path.write_bytes(content)
        try:
            reading = read_town_file(path)
        except DropOffFaults:
            continue
        write_points_csv(reading.points, path)
        assert read_points_csv(path) == reading.points


@pytest.mark.parametrize(
    ("text", "value"),
    [("48,69", 48.69), ("687 123,5", 687123.5), ("1.234,5", 1234.5), ("1,234.5", 1234.5), ("1e3", 1e3), ("-.5", -0.5),
     ("1\u202f000", 1000.0), ("", None), ("inf", None), ("0x1", None), ("1e999", None), ("1,2,3", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert decimal_number(text) == value


# --- the mapping file --------------------------------------------------------------------------------------------


def test_the_mapping_of_the_docs_reads_compiegnes_file(tmp_path: Path) -> None:
    docs = (ROOT / "docs/drop-off-points.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", docs, re.DOTALL)
    mapping = ColumnMapping.read(town_file(tmp_path, example, "pav.toml"))
    text = COMPIEGNE.replace("Actif", "10").replace(";Papier;", ";TLC;")
    reading = read_town_file(town_file(tmp_path, text), mapping, TOWN)
    assert reading.refused == ()
    assert {point.source for point in reading.points} == {tomllib.loads(example)["source"]}
    assert [box.flux for point in reading.points for box in point.containers] == ["glass", "glass"]


def test_all_faults_of_a_mapping_are_listed_at_once(tmp_path: Path) -> None:
    text = (
        'colour = "red"\ncrs = "EPSG:0"\nrows = "lorry"\nencoding = "klingon"\n[columns]\nplace = "x"\nx_m = "x"\n'
        '[flux]\nVERRE = 3\n[position]\nhaut = "up"\n[keep]\ntype = "PAV"\n'
    )
    with pytest.raises(DropOffFaults) as caught:
        ColumnMapping.read(town_file(tmp_path, text, "m.toml"))
    said = [re.split(r"[:=]", fault.removeprefix("m.toml: "))[0].strip() for fault in caught.value.faults]
    assert said == [
        "colour",
        "crs",
        "rows",
        "encoding",
        "[columns] place",
        "[flux] VERRE",
        "[position] haut",
        "[keep] type",
    ]


def test_a_mapping_that_names_absent_columns_says_which_and_what_there_is(tmp_path: Path) -> None:
    mapping = ColumnMapping(columns={"id": "idlieu", "lat_deg": "lat"}, counts={"nb": "glass"})
    with pytest.raises(DropOffFaults) as caught:
        read_town_file(town_file(tmp_path, "id,lat\n1,2\n"), mapping)
    assert caught.value.faults == [
        f"town.csv: column {name!r} of the mapping is missing, must be one of id, lat" for name in ("idlieu", "nb")
    ]


# --- what is shown -----------------------------------------------------------------------------------------------


def test_show_counts_flux_communes_volume_and_refusals_in_both_languages(tmp_path: Path) -> None:
    text = COMPIEGNE + "14;60159;Compiègne;;687500;6924000;Actif;460;Vere;;;\n"
    reading = read_town_file(town_file(tmp_path, text), within=TOWN)
    french, english = (
        "\n".join(listing_lines(reading, "fr")),
        "\n".join(listing_lines(reading, "en", {"glass": "Bottles"})),
    )
    assert "2 points, 3 conteneurs, volume 7.5 m³ (dont 1 de volume inconnu)" in french
    assert "ligne 5, flux = 'Vere': flux inconnu" in french
    assert re.search(r"Bottles +2 containers +2 points", english)
    assert re.search(r"Compiègne +2 points", english)
    assert "Refused rows: 1" in english


def test_words_refused_in_many_rows_are_named_with_their_number_and_a_way_out(tmp_path: Path) -> None:
    cells = ["cans;glass"] * 38 + ["Vere"] * 7 + [f"mot{k}" for k in range(10)]
    rows = "".join(f"P{k},48.68,9.0,{cell}\n" for k, cell in enumerate(cells))
    path = town_file(tmp_path, "id,lat,lon,flux\n" + rows)
    english = "\n".join(listing_lines(read_town_file(path), "en"))
    assert "flux: unknown flux: 'cans;glass' (38 rows), 'Vere' (7 rows), 'mot0' (1 row)" in english
    assert "and 4 more" in english
    assert 'separator = ";"' in english
    assert "Plusieurs flux dans une cellule ?" in "\n".join(listing_lines(read_town_file(path), "fr"))
    reading = read_town_file(path, ColumnMapping(separator=";"))
    assert [box.flux for box in reading.points[0].containers] == ["metal", "glass"]
    assert "separator" not in "\n".join(listing_lines(reading, "en"))


def test_every_text_is_there_in_french_and_english() -> None:
    assert all(set(said) == {"fr", "en"} and all(said.values()) for said in TEXTS.values())


# --- open data ---------------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 23)


def check_table(text: str, schema: dict[str, object]) -> list[str]:
    """What a Table Schema validator would say of a CSV: header, required, type, and the constraints we use."""
    fields = schema["fields"]
    assert isinstance(fields, list)
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    faults = [] if header == [field["name"] for field in fields] else [f"header {header}"]
    for n, row in enumerate(rows, 2):
        for field, cell in zip(fields, row, strict=True):
            bound = field["constraints"]
            if cell == "":
                faults += [f"{n} {field['name']}: required"] if bound["required"] else []
                continue
            if field["type"] == "number":
                value = float(cell)
                within = bound.get("minimum", -math.inf) <= value <= bound.get("maximum", math.inf)
                faults += [] if within else [f"{n} {field['name']}: {cell}"]
            elif field["type"] == "date" and date.fromisoformat(cell).strftime(field["format"]) != cell:
                faults.append(f"{n} {field['name']}: {cell}")
            if cell not in bound.get("enum", [cell]) or not re.fullmatch(bound.get("pattern", "(?s).*"), cell):
                faults.append(f"{n} {field['name']}: {cell}")
    return faults


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    found = json.loads((ROOT / "data/schemas/drop_off_points.schema.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@settings(max_examples=50, deadline=None)
@given(points=points())
def test_every_exported_csv_obeys_the_table_schema(schema: dict[str, object], points: list[DropOffPoint]) -> None:
    # strftime("%Y") writes the year 99 as "99": no town's update is that old.
    points = [replace(p, updated=p.updated and p.updated.replace(year=2024)) for p in points]
    terms = open_data.Publication("Ville", "lov2", "Ville", TODAY)
    text = open_data.csv_text(points, terms)
    assert check_table(text, schema) == []
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == sum(max(1, len(point.containers)) for point in points)
    assert {row["licence"] for row in rows} <= {"lov2"}
    assert {row["date_export"] for row in rows} <= {"2026-11-23"}


def test_the_check_of_the_schema_finds_planted_faults(schema: dict[str, object]) -> None:
    text = open_data.csv_text([POINT], open_data.Publication("Ville", "lov2", "Ville", TODAY))
    for right, wrong in (("49.42", "99"), ("enterré", "posé"), ("lov2", ""), ("nom,", "name,"), ("P1", "")):
        assert right in text
        assert check_table(text.replace(right, wrong), schema), wrong


def test_the_schema_describes_the_fields_that_are_exported(schema: dict[str, object]) -> None:
    fields = schema["fields"]
    assert isinstance(fields, list)
    assert [field["name"] for field in fields] == [names["fr"] for names in open_data.NAMES.values()]
    values = {field["name"]: field["constraints"].get("enum") for field in fields}
    assert values["statut"] == [open_data.VALUES[status] for status in STATUSES]
    assert values["position"] == [open_data.VALUES[position] for position in POSITIONS]
    assert values["prehension"] == [open_data.VALUES[handling] for handling in HANDLINGS]


@settings(max_examples=50, deadline=None)
@given(points=points(), language=st.sampled_from(["fr", "en"]))
def test_every_exported_geojson_obeys_rfc_7946(points: list[DropOffPoint], language: str) -> None:
    terms = open_data.Publication("Ville", "lov2", "Ville de X", TODAY, language)
    found = json.loads(json.dumps(open_data.geojson(points, terms), allow_nan=False))
    assert (found["type"], found["licence"], found["attribution"]) == ("FeatureCollection", "lov2", "Ville de X")
    assert "crs" not in found
    assert len(found["features"]) == len(points)
    assert len({one["id"] for one in found["features"]}) == len(points)
    for one, point in zip(found["features"], points, strict=True):
        assert one["type"] == "Feature"
        assert one["geometry"]["type"] == "Point"
        lon_deg, lat_deg = one["geometry"]["coordinates"]
        assert [lat_deg, lon_deg] == pytest.approx([point.lat_deg, point.lon_deg], abs=1e-7)
        west, south, east, north = found["bbox"]
        assert west <= lon_deg <= east
        assert south <= lat_deg <= north
        boxes = one["properties"]["conteneurs" if language == "fr" else "containers"]
        assert len(boxes) == len(point.containers)
        assert one["properties"]["licence"] == "lov2"
        assert one["properties"]["source"] == point.source


def test_ids_stay_from_export_to_export_and_differ_between_towns() -> None:
    assert (
        open_data.point_uid("Ville", "12")
        == open_data.point_uid("Ville", "12")
        == "a8a439bc-fa3f-5a23-a20b-65948b7b38e0"
    )
    assert open_data.point_uid("Ville", "12") != open_data.point_uid("Autre", "12")


def test_points_of_the_map_are_published_under_its_licence_only() -> None:
    mapped = replace(POINT, id="M", source=OSM_SOURCE)
    assert open_data.OSM_SOURCE == OSM_SOURCE
    terms = open_data.publication_terms([mapped, POINT], "Ville", TODAY)
    assert (terms.licence, terms.attribution) == ("ODbL-1.0", "© OpenStreetMap contributors; Agglomération")
    with pytest.raises(ValueError, match=r"licence = 'lov2', must be ODbL-1\.0"):
        open_data.publication_terms([mapped], "Ville", TODAY, "lov2")


def test_a_towns_own_points_need_the_licence_that_the_town_chose() -> None:
    with pytest.raises(ValueError, match="licence = None, must be given"):
        open_data.publication_terms([POINT], "Ville", TODAY)
    assert open_data.publication_terms([POINT], "Ville", TODAY, "lov2").attribution == "Agglomération"


def test_an_export_is_never_overwritten_silently(tmp_path: Path) -> None:
    terms = open_data.publication_terms([POINT], "Ville", TODAY, "lov2")
    written = open_data.write_open_data([POINT], terms, tmp_path / "out")
    with pytest.raises(FileExistsError, match=r"drop-off-points\.geojson, drop-off-points\.csv already there"):
        open_data.write_open_data([], terms, tmp_path / "out")
    assert "P1" in written[1].read_text(encoding="utf-8")
    open_data.write_open_data([], terms, tmp_path / "out", replace=True)
    assert "P1" not in written[1].read_text(encoding="utf-8")


def test_the_exported_csv_can_be_imported_again_by_anyone(tmp_path: Path) -> None:
    terms = open_data.publication_terms([POINT], "Ville", TODAY, "lov2")
    _, path = open_data.write_open_data([POINT, replace(POINT, id="P2", containers=())], terms, tmp_path)
    mapping = ColumnMapping(
        columns={
            "id": "id_point", "name": "nom", "lat_deg": "latitude", "lon_deg": "longitude", "commune": "commune",
            "address": "adresse", "operator": "exploitant", "updated": "date_maj", "status": "statut",
            "container_id": "id_conteneur", "flux": "flux", "volume_m3": "volume_m3", "position": "position",
            "handling": "prehension",
        },
        source="Agglomération",
    )  # fmt: skip
    assert read_town_file(path, mapping).points == (POINT, replace(POINT, id="P2", containers=()))
