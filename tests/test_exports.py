"""What other programs read holds every leg, in the shape that its standard demands."""

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboards.area.open_data import Publication, csv_text
from dashboards.plan.exports import GPX, write_geojson, write_gpx, write_kpi_csv, write_tours_csv
from fleet import Plan, spreadsheet_cell, utc_instant
from optimizer.drop_off.listing import write_refused
from optimizer.drop_off.points import RowFault
from tests.small_plan import small_basemap, small_plan, small_words
from tests.test_drop_off_points import POINT

#: The order of children that the GPX 1.1 schema demands (of the elements that we write), per element.
ORDER = {
    "gpx": ["metadata", "wpt", "rte", "trk", "extensions"],
    "metadata": ["name", "desc", "author", "copyright", "link", "time", "keywords", "bounds", "extensions"],
    "rte": ["name", "cmt", "desc", "src", "link", "number", "type", "extensions", "rtept"],
    "trk": ["name", "cmt", "desc", "src", "link", "number", "type", "extensions", "trkseg"],
    "trkseg": ["trkpt", "extensions"],
    "wpt": ["ele", "time", "magvar", "geoidheight", "name", "cmt", "desc", "src", "link", "sym", "type"],
}
ORDER["rtept"] = ORDER["trkpt"] = ORDER["wpt"]


def local(element: ET.Element) -> str:
    space, _, name = element.tag.rpartition("}")
    assert space == "{" + GPX
    return name


def assert_gpx(root: ET.Element) -> None:
    assert local(root) == "gpx"
    assert root.get("version") == "1.1"
    assert root.get("creator")
    for element in root.iter():
        order = ORDER.get(local(element), [])
        places = [order.index(local(child)) for child in element]
        assert places == sorted(places), f"children of {element.tag} are out of order"
        if local(element).endswith("pt"):
            assert -90 <= float(element.attrib["lat"]) <= 90
            assert -180 <= float(element.attrib["lon"]) < 180


def gpx(folder: Path, plan: Plan | None = None) -> list[ET.Element]:
    files = write_gpx(plan or small_plan(), small_basemap(), small_words(), folder, "fr")
    return [ET.parse(file).getroot() for file in files]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_geojson_has_a_feature_for_each_leg_with_nodes(tmp_path: Path) -> None:
    plan = small_plan()
    write_geojson(plan, small_basemap(), tmp_path / "tours.geojson")
    found = json.loads((tmp_path / "tours.geojson").read_text("utf-8"))
    assert set(found) == {"type", "features"}, "RFC 7946 has no crs member"
    legs = [(tour, i, leg) for tour in plan.tours for i, leg in enumerate(tour.legs) if leg.osm_nodes]
    assert len(found["features"]) == len(legs)
    assert len({feature["id"] for feature in found["features"]}) == len(legs)
    for feature, (tour, index, leg) in zip(found["features"], legs, strict=True):
        shape, said = feature["geometry"], feature["properties"]
        assert shape["type"] == ("LineString" if len(leg.osm_nodes) > 1 else "Point")
        line = shape["coordinates"] if len(leg.osm_nodes) > 1 else [shape["coordinates"]]
        assert len(line) == len(leg.osm_nodes)
        assert all(7.41 < lon < 7.43 and 43.73 < lat < 43.75 for lon, lat in line)
        assert (said["tour"], said["leg"], said["kind"], said["task"]) == (tour.id, index, leg.kind, leg.task)
        assert utc_instant(said["start_at"]) == leg.start_at
    walked = next(f for f in found["features"] if f["properties"]["mode"] == "foot")
    assert walked["properties"]["street"] == "Place de la Source"


def test_gpx_follows_the_schema_and_its_times_never_go_back(tmp_path: Path) -> None:
    plan = small_plan()
    for root, tour in zip(gpx(tmp_path), plan.tours, strict=True):
        assert_gpx(root)
        times = [utc_instant(time.text or "") for time in root.iterfind(f".//{{{GPX}}}trkpt/{{{GPX}}}time")]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (tour.start_at, tour.end_at)


def test_the_track_keeps_the_truck_at_the_entrance_while_the_crew_walks(tmp_path: Path) -> None:
    lane = small_basemap().place(2993560651)
    places = {(p.attrib["lon"], p.attrib["lat"]) for p in gpx(tmp_path)[1].iterfind(f".//{{{GPX}}}trkpt")}
    assert (f"{lane[0]:.7f}", f"{lane[1]:.7f}") not in places


def test_the_route_names_steps_and_turns(tmp_path: Path) -> None:
    names = [n.text for n in gpx(tmp_path)[0].iterfind(f".//{{{GPX}}}rtept/{{{GPX}}}name")]
    assert names[:4] == ["Prise de service", "Avenue du Maréchal Foch", "Place de la Source", "Rue de la Source"]
    assert "5. Rue des Lilas (2 côtés)" in names
    assert "Vidage 1: Centre de tri optique" in names
    assert names[-1] == "Fin de service"


def test_a_tour_name_cannot_leave_the_folder_nor_hide_another(tmp_path: Path) -> None:
    plan = small_plan()
    tours = (replace(plan.tours[0], id="../équipe 1"), replace(plan.tours[1], id="../equipe?1"))
    files = write_gpx(replace(plan, tours=tours), small_basemap(), small_words(), tmp_path, "fr")
    assert {file.parent for file in files} == {tmp_path}
    assert len(set(files)) == 2
    twins = tuple(replace(tour, id="T 1" if i else "T?1") for i, tour in enumerate(plan.tours))
    assert len(set(write_gpx(replace(plan, tours=twins), small_basemap(), small_words(), tmp_path, "fr"))) == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_street_name_comes_through_whole(tmp_path: Path, name: str) -> None:
    plan = small_plan()
    plan = replace(plan, tasks=(replace(plan.tasks[0], name=name), *plan.tasks[1:]))
    write_tours_csv(plan, tmp_path / "tours.csv")
    assert table(tmp_path / "tours.csv")[2]["street"] == spreadsheet_cell(name)
    write_geojson(plan, small_basemap(), tmp_path / "tours.geojson")
    features = json.loads((tmp_path / "tours.geojson").read_text("utf-8"))["features"]
    assert features[2]["properties"]["street"] == name
    for root in gpx(tmp_path, plan):
        assert_gpx(root)


FORMULAS = ("=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1", "=HYPERLINK(0)", "＝1+1")


@pytest.mark.parametrize("name", FORMULAS)
def test_no_name_in_a_table_is_taken_for_a_formula_by_a_spreadsheet(tmp_path: Path, name: str) -> None:
    plan = small_plan()
    tours = (replace(plan.tours[0], id=name, truck=name), *plan.tours[1:])
    plan = replace(plan, tasks=tuple(replace(task, name=name) for task in plan.tasks), tours=tours)
    write_tours_csv(plan, tmp_path / "tours.csv")
    write_kpi_csv(plan, tmp_path / "kpi.csv")
    point = POINT  # of which nothing may begin with a blank
    if name.strip() == name:
        point = replace(POINT, id=name, name=name, commune=name, address=name, operator=name)
    published = Publication("Ville", "lov2", "Ville", date(2026, 11, 23))
    (tmp_path / "points.csv").write_bytes(csv_text([point], published).encode())
    write_refused([RowFault("town.csv", 2, "name", name, "unreadable")], tmp_path / "refused.csv")
    for file in ("tours.csv", "kpi.csv", "points.csv", "refused.csv"):
        cells = [cell for row in table(tmp_path / file) for cell in row.values()]
        assert f"'{name}" in cells or (file == "points.csv" and point is POINT), file
        assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r", "\n", "＝"))] == [], file


def test_numbers_stay_numbers_in_a_table() -> None:
    for number in (-3, -0.5, 7.25, None, "-0.5", "+33612345678", "-12", "-1,5", "12", ""):
        assert spreadsheet_cell(number) is number
    for words in ("-", "--", "-1-1", "+", "-x", "=1", "-0.5.1"):
        assert spreadsheet_cell(words) == f"'{words}"
    for words in ("Rue A=B", "a", " =1", "'=1", "<b>"):
        assert spreadsheet_cell(words) == words


def test_tours_csv_has_a_row_per_leg_and_the_whole_load(tmp_path: Path) -> None:
    plan = small_plan()
    write_tours_csv(plan, tmp_path / "tours.csv")
    raw = (tmp_path / "tours.csv").read_bytes()
    assert "Avenue du Maréchal Foch".encode() in raw
    found = table(tmp_path / "tours.csv")
    legs = [(tour.id, leg) for tour in plan.tours for leg in tour.legs]
    assert [(row["tour"], row["kind"], row["task"]) for row in found] == [(t, x.kind, x.task or "") for t, x in legs]
    assert [row["osm_nodes"].split() for row in found] == [[str(n) for n in leg.osm_nodes] for _, leg in legs]
    glass = [float(row["kg_glass"]) for row in found if row["kg_glass"]]
    assert glass == [640.0, 640.0], "collected, then unloaded"


def test_kpi_csv_adds_up_and_names_its_units(tmp_path: Path) -> None:
    plan = small_plan()
    write_kpi_csv(plan, tmp_path / "kpi.csv")
    found = table(tmp_path / "kpi.csv")
    assert [row["tour"] for row in found] == ["T1-matin", "T2-matin", "total"]
    for column in ("km", "drive_h", "collect_h", "unload_h", "break_h", "total_h", "trips", "kg_total", "energy_l",
                   "co2e_kg", "crew_eur", "total_eur", "reversals", "dwellings"):  # fmt: skip
        assert float(found[0][column]) + float(found[1][column]) == pytest.approx(float(found[2][column]), abs=0.11), (
            column
        )
    assert float(found[2]["eur_per_t"]) == pytest.approx(
        1000 * float(found[2]["total_eur"]) / float(found[2]["kg_total"]), abs=0.01
    )
    assert found[0]["kg_glass"] == "", "not carried is not zero"


def test_figures_that_are_not_there_stay_empty(tmp_path: Path) -> None:
    plan = replace(small_plan(), figures={"total": {"energy": {"kWh": 12.0}, "eur_per_t": None}})
    write_kpi_csv(plan, tmp_path / "kpi.csv")
    found = table(tmp_path / "kpi.csv")
    assert (found[0]["km"], found[0]["energy_kWh"]) == ("", "")
    assert (found[2]["energy_kWh"], found[2]["eur_per_t"]) == ("12.00", "")


def test_a_plan_without_tours_exports_heads_alone(tmp_path: Path) -> None:
    plan = replace(small_plan(), tours=(), figures={})
    write_tours_csv(plan, tmp_path / "tours.csv")
    write_kpi_csv(plan, tmp_path / "kpi.csv")
    write_geojson(plan, small_basemap(), tmp_path / "tours.geojson")
    assert table(tmp_path / "tours.csv") == []
    assert [row["tour"] for row in table(tmp_path / "kpi.csv")] == ["total"]
    assert write_gpx(plan, small_basemap(), small_words(), tmp_path, "fr") == ()
    assert json.loads((tmp_path / "tours.geojson").read_text("utf-8"))["features"] == []


def test_instants_are_utc_with_seconds(tmp_path: Path) -> None:
    write_tours_csv(small_plan(), tmp_path / "tours.csv")
    assert table(tmp_path / "tours.csv")[0]["start_at"] == "2026-11-23T04:00:00Z"
    assert utc_instant("2026-11-23T04:00:00Z") == datetime(2026, 11, 23, 4, tzinfo=UTC)
