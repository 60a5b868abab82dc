"""The area's files: what is read, and that every fault of every file is told at once, with place, value and bound."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import Compartment, Flux, Hours, Service, Shift, Site, Truck
from optimizer.area.area import (
    INPUT_FILES,
    Area,
    AreaFaults,
    ClosedWindow,
    Commune,
    DemandRules,
    PlaceAt,
    Prices,
    ServiceTimes,
    StreetRules,
    TurnRules,
)
from optimizer.area.file import read_area
from optimizer.area.notes import Note
from optimizer.area.opening_hours import DAY_S, LATEST_S, WEEKDAYS, opening_hours, weekdays, weekdays_text
from optimizer.area.settings import HIGHWAYS, REQUIRED, SECTIONS, Section, Setting, defaults, toml_text
from optimizer.area.settings_table import PLACE, page
from optimizer.new_area.template import Wanted, area_toml
from optimizer.streets.closures import KNOWN_NEAR

ROOT = Path(__file__).parent.parent
MONACO = ROOT / "data" / "monaco"

SHORT = """
[area]
name = "Kleinstadt"
extract = "town.osm.pbf"
holidays = "DE-BW"

[depot]
at = [48.68, 9.01]

[[sites]]
id = "S1"
label = "Umladestation"
at = [48.69, 9.02]
accepts = ["residual"]

[[flux]]
name = "residual"
label = "Restmüll"
density_kg_m3 = 450
kg_per_inhabitant_year = 120

[[services]]
name = "bags"
label = "Säcke"
flux = ["residual"]

[[trucks]]
id = "T1"
kerb_kg = 12000
payload_kg = 7000
compartments = [{ flux = ["residual"], volume_m3 = 18 }]

[[shifts]]
id = "T1-early"
truck = "T1"
regime = "private-transport"
"""
RULES = "sector,service,dwelling,weekday,every_weeks,anchor_date,season_from,season_to\nNord,bags,houses,Mo,1,,,\n"
EXCEPTIONS = "sector,service,date,what,moved_to,note\n"
SQUARE = [[9.0, 48.6], [9.1, 48.6], [9.1, 48.7], [9.0, 48.7], [9.0, 48.6]]
SECTORS: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": "Nord"}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    ],
}


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A small area whose files are good."""
    (tmp_path / "town.osm.pbf").write_bytes(b"an extract: only its being there is judged here")
    (tmp_path / "area.toml").write_text(SHORT, encoding="utf-8")
    (tmp_path / "collection.csv").write_text(RULES, encoding="utf-8")
    (tmp_path / "exceptions.csv").write_text(EXCEPTIONS, encoding="utf-8")
    (tmp_path / "sectors.geojson").write_text(json.dumps(SECTORS), encoding="utf-8")
    return tmp_path


def faults(folder: Path) -> list[str]:
    with pytest.raises(AreaFaults) as told:
        read_area(folder)
    return told.value.faults


def only_fault(folder: Path) -> str:
    found = faults(folder)
    assert len(found) == 1, found
    return found[0]


def with_toml(town: Path, old: str, new: str) -> Path:
    assert old in SHORT, old
    (town / "area.toml").write_text(SHORT.replace(old, new, 1), encoding="utf-8")
    return town


# --- what is read ------------------------------------------------------------------------------------------------


def test_the_embedded_area_is_read_and_its_figures_are_the_sourced_ones() -> None:
    area = read_area(MONACO)
    assert {commune.name: commune.population for commune in area.communes}["Monaco"] == 36371
    assert sum(commune.population for commune in area.communes) == 73306
    per_year = {flux.name: flux.kg_per_inhabitant_year for flux in area.flux}
    # Insee Première 2055 (245 kg unsorted, food taken out), ADEME 2018 (46 kg food), Citeo 2023 (25 + 14 kg, 33 kg)
    assert per_year == {"residual": 245 - 46, "packaging": 25 + 14, "food": 46, "glass": 33}
    assert {truck.id for truck in area.trucks} == {f"T{i}" for i in range(1, 12)}
    assert area.second_holiday == "worked"


def test_a_short_area_gets_every_default(town: Path) -> None:
    area = read_area(town)
    assert area.crs == "EPSG:32632"  # the UTM zone of the depot
    assert area.second_holiday == "free"  # Germany does not work on holidays
    assert (area.timezone, area.language, area.traffic_side) == ("Europe/Paris", "fr", "right")
    assert area.streets.max_task_m == defaults("streets")["max_task_m"]
    assert area.speeds_kmh == defaults("speeds_kmh")
    assert (area.shifts[0].length_s, area.shifts[0].weekdays) == (7 * 3600, (0, 1, 2, 3, 4, 5))
    assert (area.trucks[0].crane, area.trucks[0].width_m) == (False, 2.5)
    assert (area.closed, area.communes, area.exceptions) == ((), (), ())
    assert area.rules[0].anchor == date(2024, 1, 1)
    assert area.sites[0][1].unload_s == 15 * 60


def test_the_embedded_area_says_what_the_defaults_say_where_it_gives_rules() -> None:
    """Both are the same town's rules; a drift between them would be a mistake."""
    area = read_area(MONACO)
    for section in ("streets", "turns", "service_times", "prices"):
        built = getattr(area, section)
        assert {name: getattr(built, name) for name in defaults(section)} == defaults(section), section


def test_a_byte_order_mark_crlf_and_semicolons_are_read(town: Path) -> None:
    for name in INPUT_FILES[:3]:
        path = town / name
        content = path.read_text(encoding="utf-8")
        if name.endswith(".csv"):
            content = content.replace(",", ";").replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    area = read_area(town)
    assert [(rule.row, rule.sector) for rule in area.rules] == [(2, "Nord")]


def test_digests_name_every_file_the_area_is_made_of(town: Path) -> None:
    with_toml(town, "[[flux]]", '[demand]\naddresses = "ban.csv"\n\n[[flux]]')
    (town / "ban.csv").write_text("id;numero\n", encoding="utf-8")
    digests = read_area(town).digests()
    assert set(digests) == {"town.osm.pbf", *INPUT_FILES, "ban.csv"}
    assert digests["ban.csv"] == hashlib.sha256(b"id;numero\n").hexdigest()


def test_look_ups_name_what_there_is() -> None:
    area = read_area(MONACO)
    assert area.truck("T8").crane
    assert area.shift("T8-verre").truck == "T8"
    assert area.flux_named("glass").kg_per_bag is None
    assert area.service_named("bags").flux[0] == "residual"
    with pytest.raises(ValueError, match=r"truck = 'T99', must be one of T1, T2"):
        area.truck("T99")


def test_windows_seasons_and_exceptions_are_read(town: Path) -> None:
    closed = '[[windows.closed]]\nname = "school"\nfrom = "08:00"\nto = "09:00"\nnear = "amenity=school"\n'
    with_toml(town, "[[flux]]", closed + "\n[[flux]]")
    (town / "collection.csv").write_text(
        RULES + 'Nord,bags,shops,Sa,2,2026-01-07,11-15,03-15\n"Nord",bags,blocks,Tu,,,,\n', encoding="utf-8"
    )
    (town / "exceptions.csv").write_text(
        EXCEPTIONS + '*,bags,2026-12-24,moved,2026-12-23,"early, said the mayor"\n', encoding="utf-8"
    )
    area = read_area(town)
    assert (area.closed[0].from_s, area.closed[0].weekdays) == (8 * 3600, (0, 1, 2, 3, 4))
    assert (area.rules[1].season_from, area.rules[1].season_to) == ((11, 15), (3, 15))
    assert (area.rules[1].row, area.rules[1].every_weeks, area.rules[1].weekday) == (3, 2, 5)
    assert area.exceptions[0].moved_to == date(2026, 12, 23)
    assert "mayor" in area.exceptions[0].note


# --- faults ------------------------------------------------------------------------------------------------------

TOML_FAULTS = {
    'name = "Kleinstadt"\n': ("", r"\[area\]: name is missing, must be given"),
    "payload_kg = 7000": ("payload_kg = -1", r"\[\[trucks\]\] 1, payload_kg = -1, must be a number above 0"),
    "kerb_kg = 12000": ("kerb_kg = nan", r"kerb_kg = nan, must be a number above 0"),
    "density_kg_m3 = 450": ('density_kg_m3 = "450"', r"density_kg_m3 = '450', must be a number"),
    "kg_per_inhabitant_year": ("kg_per_inhabitants_year", r"unknown key \(did you mean kg_per_inhabitant_year\?\)"),
    "[[services]]": ("[[service]]", r"service = .*unknown section \(did you mean services\?\)"),
    'accepts = ["residual"]': ('accepts = ["residul"]', r"accepts = 'residul', .*did you mean residual"),
    'truck = "T1"': ('truck = "T2"', r"\[\[shifts\]\] 1, truck = 'T2', must be a \[\[trucks\]\] id: T1"),
    'regime = "private-transport"': ('regime = "private_transport"', r"regime = .*did you mean private-transport"),
    "volume_m3 = 18": ("volume_m3 = 0", r"compartments 1, volume_m3 = 0, must be a number above 0"),
    'flux = ["residual"]\n': ('flux = ["rest"]\n', r"\[\[services\]\] 1, flux = 'rest', must be a \[\[flux\]\] name"),
    "at = [48.68, 9.01]": ("at = [9.01, 148.68, 3]", r"\[depot\], at = .*must be \[lat, lon\]"),
    "at = [48.69, 9.02]": ("at = [48.69, 9.02]\nnode = 7", r"by at = \[lat, lon\] or by node = …, one of the two"),
    'holidays = "DE-BW"': ('holidays = "DE-XX"', r"holidays = 'DE-XX', must be a country"),
    'extract = "town.osm.pbf"': ('extract = "city.osm.pbf"', r"area.extract = 'city.osm.pbf', must be a file"),
    '[depot]\nat = [48.68, 9.01]': ('[depot]\nnode = 5', r"crs is missing, must be given where the depot"),
    'name = "residual"': ('name = "residual"\nbag_colour = "#12345"', r"bag_colour = '#12345', must be a CSS colour"),
    'id = "T1-early"': ('id = "T1-early"\nlicence = "B"', r"licence = 'B', must be C or CE: truck T1 weighs 19000 kg"),
    'id = "S1"': ('id = "S1"\nhours = "Mo-Sa 20:00-"', r"hours = 'Mo-Sa 20:00-', must be a time \"hh:mm\""),
    'label = "Säcke"': ('label = "Säcke"\nholiday_rule = "cascad"', r"holiday_rule = 'cascad', .*did you mean cascade"),
}  # fmt: skip


@pytest.mark.parametrize("old", TOML_FAULTS)
def test_a_fault_of_area_toml_names_place_value_and_bound(town: Path, old: str) -> None:
    new, expected = TOML_FAULTS[old]
    found = faults(with_toml(town, old, new))
    assert any(re.search(expected, line) for line in found), found
    assert all(line.startswith("area.toml") for line in found)


SECTION_FAULTS = {
    "[streets]\nfoot_max = 40": r"\[streets\], foot_max = 40, unknown key \(did you mean foot_max_m\?\)",
    '[streets]\ncollected = ["residental"]': r"each must be one of .*mean residential\?\) \(found 'residental'\)",
    "[speeds_kmh]\nprimary = 300": r"\[speeds_kmh\], primary = 300, must be a number above 0 and at most 130",
    "[service_times]\ncrew_factor = [2, 1]": r"crew_factor = \[2, 1\], must be three numbers",
    '[turns]\nleft_s = "6 s"': r"\[turns\], left_s = '6 s', must be a number 0 or more",
    "[prices]\neur_per_h = true": r"eur_per_h = True, must be a number",
    '[demand]\naddresses = "../ban.csv"': r"addresses = '../ban.csv', must be the name of a file in the area's folder",
    '[[windows.closed]]\nname = "x"\nfrom = "09:00"\nto = "08:00"\nstreets = ["A"]': r"to = '08:00', must be later",
    '[[windows.closed]]\nname = "x"\nfrom = "07:00"\nto = "08:00"': r"must say where: near",
    '[[windows.closed]]\nname = "x"\nfrom = "07:00"\nto = "08:00"\nnear = "school"': (
        r"\[\[windows.closed\]\] 1, near = 'school', must be a tag of the map"
    ),
    '[windows.closed]\nname = "x"': r"\[windows\], closed = .*must be an array of tables: \[\[windows.closed\]\]",
    '[[communes]]\nname = "K"\npopulation = 3.5': r"\[\[communes\]\] 1, population = 3.5, must be a whole number",
    '[[communes]]\nname = "K"\npopulation = 3\n' * 2: r"\[\[communes\]\] 2, name = 'K', must be unique",
    '[[shifts]]\nid = "L"\ntruck = "T1"\nregime = "private"\nstart = "11:59"': r"'T1', must not be on two shifts",
    '[[shifts]]\nid = "L"\ntruck = "T1"\nregime = "private"\nstart = "12:00"\ndriver = "Eva"\n'
    '[[shifts]]\nid = "M"\ntruck = "T1"\nregime = "private"\nstart = "19:00"\ndriver = "Eva"\nhours = 4': (
        r"\[\[shifts\]\] 3, driver = 'Eva', works 11 h a day with L, must be at most 10 h of work"
    ),
    '[[services]]\nname = "more"\nlabel = "M"\nflux = ["residual"]': r"must belong to one service only",
}  # fmt: skip


@pytest.mark.parametrize("more", SECTION_FAULTS)
def test_a_fault_of_a_section_names_place_value_and_bound(town: Path, more: str) -> None:
    (town / "area.toml").write_text(SHORT + "\n" + more + "\n", encoding="utf-8")
    found = only_fault(town)
    assert re.search(SECTION_FAULTS[more], found), found


RULE_FAULTS = {
    "Nord,bags,houses,Sunnday,1,,,": "row 3, weekday = 'Sunnday', must be one of Mo Tu We Th Fr Sa",
    "Nort,bags,houses,Tu,1,,,": "row 3, sector = 'Nort', must be a sector of sectors.geojson: Nord (did you",
    "Nord,bag,houses,Tu,1,,,": "row 3, service = 'bag', must be a [[services]] name: bags (did you mean bags?)",
    "Nord,bags,house,Tu,1,,,": "row 3, dwelling = 'house', must be one of houses, blocks, shops, drop_off",
    "Nord,bags,houses,Tu,0,,,": "row 3, every_weeks = '0', must be a whole number, 1 to 52",
    "Nord,bags,houses,Tu,2,,,": "row 3, anchor_date = '', must be a date of the calendar, YYYY-MM-DD",
    "Nord,bags,houses,Tu,1,05/01/2026,,": "row 3, anchor_date = '05/01/2026', must be a date of the calendar",
    "Nord,bags,houses,Tu,1,2026-02-30,,": "row 3, anchor_date = '2026-02-30', must be a date of the calendar",
    "Nord,bags,houses,Tu,1,,13-01,12-31": "row 3, season_from = '13-01', must be a day of the year, MM-DD",
    "Nord,bags,houses,Tu,1,,06-01,": "row 3, season_to = '', must be given where the other end of the season is",
    "Nord,bags,houses,Mo,1,2026-01-05,,": "row 3: the same rule as row 2, must be written once",
    "Nord,bags,houses,Tu,1,": "row 3: 6 cells, must be 8",
    '"Nord,bags,houses,Tu,1,,,': "not readable as CSV",
}  # fmt: skip


@pytest.mark.parametrize("row", RULE_FAULTS)
def test_a_fault_of_collection_csv_names_row_value_and_bound(town: Path, row: str) -> None:
    (town / "collection.csv").write_text(RULES + row + "\n", encoding="utf-8")
    found = only_fault(town)
    assert found.startswith("collection.csv row")
    assert RULE_FAULTS[row] in found


EXCEPTION_FAULTS = {
    "*,bags,2026-12-24,shifted,,": "row 2, what = 'shifted', must be one of collected, cancelled, moved",
    "*,bags,2026-12-24,moved,,": "row 2, moved_to = '', must be a date of the calendar",
    "*,bags,2026-12-24,cancelled,2026-12-23,": "row 2, moved_to = '2026-12-23', must be empty where what = 'cancelled'",
    "*,bags,2026-12-24,moved,2026-12-24,": "row 2, moved_to = '2026-12-24', must be another day than date",
    "Süd,bags,2026-12-24,cancelled,,": "row 2, sector = 'Süd', must be a sector of sectors.geojson: Nord or * for all",
    "*,*,2026-12-24,cancelled,,\n*,*,2026-12-24,moved,2026-12-23,": "row 3, date = '2026-12-24', must have one row",
}  # fmt: skip


@pytest.mark.parametrize("row", EXCEPTION_FAULTS)
def test_a_fault_of_exceptions_csv_names_row_value_and_bound(town: Path, row: str) -> None:
    (town / "exceptions.csv").write_text(EXCEPTIONS + row + "\n", encoding="utf-8")
    assert EXCEPTION_FAULTS[row] in only_fault(town)


def _bow() -> object:
    return {"type": "Polygon", "coordinates": [[[9, 48], [10, 49], [10, 48], [9, 49], [9, 48]]]}


SECTOR_FAULTS: dict[str, tuple[Callable[[], object], str]] = {
    "open ring": (lambda: {"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "must end where it began"),
    "bow tie": (_bow, "not a plain polygon (Self-intersection"),
    "metres": (
        lambda: {"type": "Polygon", "coordinates": [[[500000, 5300000]] * 4]},
        "must be [lon, lat] in degrees",
    ),
    "point": (lambda: {"type": "Point", "coordinates": [9, 48]}, "geometry.type = 'Point', must be Polygon"),
    "nothing": (lambda: None, "geometry.type = None, must be Polygon"),
    "few": (lambda: {"type": "Polygon", "coordinates": [[[9, 48]]]}, "must have at least 4 positions"),
}


@pytest.mark.parametrize("case", SECTOR_FAULTS)
def test_a_fault_of_sectors_geojson_names_the_feature(town: Path, case: str) -> None:
    make, expected = SECTOR_FAULTS[case]
    feature = {"type": "Feature", "properties": {"name": "Nord"}, "geometry": make()}
    (town / "sectors.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    found = only_fault(town)
    assert found.startswith("sectors.geojson feature 1 (Nord): ")
    assert expected in found


def test_the_same_sector_twice_is_a_fault(town: Path) -> None:
    twice = SECTORS | {"features": SECTORS["features"] * 2}
    (town / "sectors.geojson").write_text(json.dumps(twice))
    assert faults(town) == ["sectors.geojson feature 2, properties.name = 'Nord', must be unique (also feature 1)"]


@pytest.mark.parametrize("name", [*INPUT_FILES, "town.osm.pbf"])
def test_a_missing_file_is_one_fault(town: Path, name: str) -> None:
    (town / name).unlink()
    found = only_fault(town)
    assert name in found
    assert "no such file" in found


@pytest.mark.parametrize("name", [*INPUT_FILES, "town.osm.pbf"])
def test_an_empty_file_is_a_fault(town: Path, name: str) -> None:
    (town / name).write_bytes(b"")
    assert any(name in line for line in faults(town))


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    assert "no such folder" in faults(tmp_path / "nowhere")[0]


@pytest.mark.parametrize("name", INPUT_FILES)
def test_another_encoding_is_told_with_its_row(town: Path, name: str) -> None:
    path = town / name
    path.write_bytes(path.read_bytes() + b"\n\nM\xfcll")
    found = only_fault(town)
    assert found.startswith(f"{name} row ")
    assert "byte 0xfc is not UTF-8, the file must be saved as UTF-8" in found


def test_every_cut_of_area_toml_is_told_and_never_raises_anything_else(town: Path) -> None:
    for end in range(0, len(SHORT) - 1, 7):
        (town / "area.toml").write_text(SHORT[:end], encoding="utf-8")
        assert faults(town)


def test_a_missing_column_or_a_wrong_one_is_told(town: Path) -> None:
    (town / "collection.csv").write_text(RULES.replace("every_weeks", "every_week"), encoding="utf-8")
    found = faults(town)
    assert "unknown column 'every_week'" in found[0]
    assert "did you mean every_weeks?" in found[0]
    assert "header without every_weeks" in found[1]


def test_all_faults_of_all_files_come_at_once(town: Path) -> None:
    with_toml(town, "payload_kg = 7000", "payload_kg = 0")
    (town / "collection.csv").write_text(RULES + "Nord,bags,houses,Xx,9x,,,\n", encoding="utf-8")
    (town / "exceptions.csv").write_text(EXCEPTIONS + "Nord,bags,soon,cancelled,,\n", encoding="utf-8")
    sectors = {"type": "FeatureCollection", "features": [*SECTORS["features"], {"type": "Feature"}]}
    (town / "sectors.geojson").write_text(json.dumps(sectors))
    found = faults(town)
    files = sorted(line.split(",")[0].split(" ")[0] for line in found)
    assert files == ["area.toml", "collection.csv", "collection.csv", "exceptions.csv", "sectors.geojson"]


def test_a_fault_is_told_once_and_not_again_where_its_name_is_used(town: Path) -> None:
    """A truck with a bad weight is still a truck that the shift may name."""
    assert len(faults(with_toml(town, "kerb_kg = 12000", "kerb_kg = 0"))) == 1


def test_faults_never_say_where_the_folder_lies(town: Path) -> None:
    """Paths of the reader's machine tell nothing and end up in tickets."""
    for name in INPUT_FILES:
        (town / name).write_bytes(b"\xff")
    assert not any(str(town) in line for line in faults(town))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from([*SECTIONS, "x"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=6,
), max_size=4))  # fmt: skip
def test_any_values_in_area_toml_give_faults_and_never_another_error(raw: dict[str, object]) -> None:
    from optimizer.area.file import _read_toml
    from optimizer.area.tables import Faults

    told = Faults()
    _read_toml(MONACO, raw, told)
    assert told.lines  # no such table is a whole area


# --- opening hours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo 05:00-20:00", [(0, 5, 20)]),
        ("Mo-Tu 05:00-20:00; Su 08:00-12:00", [(0, 5, 20), (1, 5, 20), (6, 8, 12)]),
        ("Mo,We 06:00-12:00,13:00-18:00", [(0, 6, 12), (0, 13, 18), (2, 6, 12), (2, 13, 18)]),
        ("Mo, We 06:00-12:00, 13:00-18:00", [(0, 6, 12), (0, 13, 18), (2, 6, 12), (2, 13, 18)]),
        ("Sa-Mo 08:00-09:00", [(0, 8, 9), (5, 8, 9), (6, 8, 9)]),
        ("Fr 22:00-05:00", [(4, 22, 29)]),
        ("Fr 22:00-30:00", [(4, 22, 30)]),
        ("Mo-Fr 06:00-18:00; Tu-Fr off", [(0, 6, 18)]),
        ("Mo-Tu 06:00-18:00; Tu 07:00-08:00", [(0, 6, 18), (1, 7, 8)]),
    ],
)
def test_opening_hours_are_read_as_osm_means_them(text: str, expected: list[tuple[int, int, int]]) -> None:
    assert opening_hours(text) == tuple(Hours(day, a * 3600, b * 3600) for day, a, b in expected)


def test_around_the_clock_is_every_day_and_hours_without_a_day_too() -> None:
    assert opening_hours("24/7") == tuple(Hours(day, 0, DAY_S) for day in range(7))
    assert opening_hours("00:00-24:00") == opening_hours("24/7")


@pytest.mark.parametrize(
    "text",
    ["", ";", "Mo", "PH off", "Mo-Sa", "Mo 25:61-26:00", "Mo 10:00-49:00", "Mo 10:00", "lundi 05:00-06:00",
     "Mo 08:00-12:00,11:00-14:00", "Mo-Su off", "Jan 05:00-06:00", "Mo 05:00-06:00 open"],
)  # fmt: skip
def test_hours_outside_the_subset_are_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        opening_hours(text)


@given(
    st.text(max_size=30) | st.from_regex(r"(Mo|Tu|Su|PH)?[-,; ]?(\d\d:\d\d)?[-,; ]{0,2}(\d\d:\d\d)?", fullmatch=True)
)
def test_any_text_gives_hours_or_a_bound(text: str) -> None:
    try:
        found = opening_hours(text)
    except ValueError as bound:
        said = str(bound)
    else:
        said = "must be open" if found else ""
        assert all(0 <= h.opens_s < h.closes_s <= LATEST_S for h in found)
    assert "must" in said


@given(st.sets(st.integers(0, 6), min_size=1))
def test_weekdays_come_back_as_written(days: set[int]) -> None:
    assert weekdays(",".join(WEEKDAYS[day] for day in days)) == tuple(sorted(days))
    assert weekdays(weekdays_text(days)) == tuple(sorted(days))


@pytest.mark.parametrize(("days", "text"), [((0, 1, 2, 3, 4, 5), "Mo-Sa"), ((0, 2, 4), "Mo,We,Fr"), ((5, 6), "Sa,Su")])
def test_days_in_a_row_are_written_as_a_range(days: tuple[int, ...], text: str) -> None:
    assert weekdays_text(days) == text


# --- the settings, declared once ---------------------------------------------------------------------------------


def test_the_page_on_areas_holds_the_tables_that_the_declarations_make() -> None:
    now = PLACE.read_text(encoding="utf-8")
    assert now == page(now), "run python -m optimizer.area.settings_table"


def test_a_page_without_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="of which one is missing"):
        page("# The area")


SETTINGS = [(section, setting) for section in SECTIONS.values() for setting in section.settings]


def test_every_setting_says_what_it_means() -> None:
    dumb = [f"{section.name}.{setting.key}" for section, setting in SETTINGS if not setting.meaning]
    assert dumb == [f"speeds_kmh.{name}" for name in HIGHWAYS]  # their section says it


@pytest.mark.parametrize(("section", "setting"), SETTINGS, ids=[f"{a.name}.{b.key}" for a, b in SETTINGS])
def test_defaults_and_examples_are_within_their_bounds_as_area_toml_writes_them(
    section: Section, setting: Setting
) -> None:
    for value in (setting.default, setting.example):
        if value is not None and value is not REQUIRED:
            written = tomllib.loads(f"it = {toml_text(value)}")["it"]
            assert setting.reader(written) == setting.reader(value)


@pytest.mark.parametrize(("section", "setting"), SETTINGS, ids=[f"{a.name}.{b.key}" for a, b in SETTINGS])
def test_a_fault_says_the_bound_that_the_page_says(section: Section, setting: Setting) -> None:
    told = []
    for odd in ("nonsense", "a/b", 7):
        try:
            setting.reader(odd)
        except ValueError as bound:
            told.append(str(bound))
    assert any(line.startswith(f"must be {setting.bound}") for line in told), told


def test_a_street_class_that_is_none_is_told_with_those_that_are() -> None:
    known = r"each must be one of the classes of .*: motorway, .*did you mean road\?\) \(found 'roads'\)"
    with pytest.raises(ValueError, match=known):
        SECTIONS["streets"].settings[0].reader(["roads"])


def test_near_says_every_object_that_is_read_from_the_map() -> None:
    near = next(setting for setting in SECTIONS["windows.closed"].settings if setting.key == "near")
    said = {
        f"{key}={value}"
        for key, values in re.findall(r"`(\w+)=` ([\w, ]+)", near.meaning)
        for value in values.split(", ")
    }
    assert said == set(KNOWN_NEAR)


# --- the file of a new area --------------------------------------------------------------------------------------


def wanted(**changes: Any) -> Wanted:
    """A bag truck, a light one and a crane truck, in French."""
    nothing = Note("no_depot")
    return replace(
        Wanted(
            name='Ville "X"', extract="town.osm.pbf", timezone="Europe/Paris", language="fr", crs="EPSG:32632",
            traffic_side="right", holidays="FR", country_why=(), depot_node=5, depot_why=nothing, site_node=7,
            site_why=nothing, communes=(Commune("A", 100, 5), Commune("Bé", 200)), communes_why=Note("people_given"),
            addresses=None, trucks=1, light_trucks=1, crane_trucks=1, fleet_why=(),
        ),
        **changes,
    )  # fmt: skip


def founded(town: Path) -> Area:
    (town / "area.toml").write_text(area_toml(wanted()), encoding="utf-8")
    return read_area(town)


def test_a_new_area_has_the_town_that_it_always_had(town: Path) -> None:
    """Written out, so that no change of a declaration changes every new area unseen."""
    area = founded(town)
    assert (area.name, area.attribution) == ('Ville "X"', "© OpenStreetMap contributors, ODbL 1.0")
    assert (area.timezone, area.language, area.crs) == ("Europe/Paris", "fr", "EPSG:32632")
    assert (area.traffic_side, area.holidays, area.second_holiday) == ("right", "FR", "worked")
    assert area.depot == PlaceAt("D1", "Dépôt", None, None, 5)
    hours = tuple(Hours(day, 5 * 3600, 20 * 3600) for day in range(6))
    bags = ("residual", "packaging", "food")
    site = Site("S1", "Centre de tri", 0, (*bags, "glass"), hours, 720, 120)
    assert area.sites == ((PlaceAt("S1", "Centre de tri", None, None, 7), site),)
    assert area.flux == (
        Flux("residual", "Ordures résiduelles", "#6b6b6b", 450, 199, 5.0),
        Flux("packaging", "Emballages et papiers", "#f2c200", 150, 39, 1.5),
        Flux("food", "Restes alimentaires", "#2e8b57", 600, 46, 2.0),
        Flux("glass", "Verre", None, 350, 33, None),
    )
    assert area.services == (
        Service("bags", "Sacs de couleur", bags, "cascade"),
        Service("glass", "Verre", ("glass",), "next_usual_day"),
    )
    assert area.demand == DemandRules(2.2, 3)
    assert area.communes == (Commune("A", 100, 5), Commune("Bé", 200))


def test_a_new_area_has_the_fleet_that_it_always_had(town: Path) -> None:
    area = founded(town)
    bags, glass = ("residual", "packaging", "food"), (Compartment(("glass",), 28),)
    assert area.trucks == (
        Truck("T1", 12000, 7000, 3.5, 2.5, 8.5, (Compartment(bags, 18, 330),), False, "diesel", 0.45, 4, 3.1, 0.9, 180),
        Truck("T2", 4700, 2800, 2.8, 2.0, 5.9, (Compartment(bags, 7, 330),), False, "diesel", 0.25, 2.5, 3.1, 0.6, 120),
        Truck("T3", 15000, 11000, 3.9, 2.5, 9.5, glass, True, "diesel", 0.5, 5, 3.1, 1.0, 210),
    )
    week = (0, 1, 2, 3, 4, 5)
    early = (5 * 3600, 7 * 3600, 3600, 900, 900, "public-agent")
    late = (13 * 3600, 6 * 3600, 3600, 900, 900, "public-agent")
    assert area.shifts == (
        Shift("T1-matin", "T1", "C1", "C", 2, *early, (), week, False),
        Shift("T2-matin", "T2", "C2", "C", 2, *early, (), week, False),
        Shift("T3-verre", "T3", "C3", "C", 0, *early, ("crane",), week, False),
        Shift("T1-rattrapage", "T1", "R1", "C", 2, *late, (), week, True),
        Shift("T2-rattrapage", "T2", "R2", "C", 2, *late, (), week, True),
    )


def test_a_new_area_has_the_rules_that_it_always_had(town: Path) -> None:
    area = founded(town)
    quiet = ("residential", "unclassified", "living_street", "road")
    links = ("primary_link", "secondary_link", "tertiary_link")
    assert area.streets == StreetRules(
        ("primary", "secondary", "tertiary", "unclassified", "residential", "living_street", *links, "road"),
        ("living_street",), 1, quiet, 5.0, quiet, 400, 40, 120, "priced", 200, 25,
        ("turning_circle", "turning_loop", "mini_roundabout"),
    )  # fmt: skip
    assert area.speeds_kmh == {
        "motorway": 80, "motorway_link": 45, "trunk": 65, "trunk_link": 40, "primary": 40, "primary_link": 30,
        "secondary": 36, "secondary_link": 28, "tertiary": 32, "tertiary_link": 25, "unclassified": 28,
        "residential": 24, "living_street": 12, "service": 12, "road": 20, "track": 10, "pedestrian": 6, "busway": 25,
        "turning_circle": 15,
    }  # fmt: skip
    assert area.turns == TurnRules(6, 2, 0, 8, 25, 45, 1.0)
    assert area.service_times == ServiceTimes(9.0, 1.1, 0.8, 360, 30, 240, (2.2, 1.5, 1.0))
    assert area.prices == Prices(78, 105, 4, 60, 5, 5000)
    assert area.closed == ()


def test_a_new_area_shows_every_setting_with_what_it_means() -> None:
    text = area_toml(wanted())
    comments = " ".join(re.findall(r"# (.*)", text))
    for section, setting in SETTINGS:
        if f"{section.name}.{setting.key}" == "windows.closed":
            continue  # shown as the tables that it holds
        assert setting.meaning in comments, (section.name, setting.key)
        if section.name != "trucks.compartments":  # these stand inside a line
            table = text.partition(f"{section.heading}\n")[2].partition("\n\n")[0]
            assert re.search(rf"^(# )?{setting.key} = ", table, re.MULTILINE), (section.name, setting.key)


def test_what_a_new_area_shows_commented_out_may_be_given(town: Path) -> None:
    before, heading, after = area_toml(wanted()).partition("# [[windows.closed]]\n")
    window, _, rest = after.partition("\n\n")
    shown = re.sub(r"^# (\w+ = )", r"\1", window, flags=re.MULTILINE)
    given = before.replace("# plate = ", "plate = ") + heading[2:] + shown + "\n\n" + rest.replace("# bin_t", "bin_t")
    (town / "area.toml").write_text(given, encoding="utf-8")
    area = read_area(town)
    assert area.closed == (
        ClosedWindow("écoles", 8 * 3600, 9 * 3600, (0, 1, 2, 3, 4), "amenity=school", 60, ("Rue Grimaldi",)),
    )
    assert area.trucks[0].plate == "AB-123-CD"
    assert area.raw["telematics"] == {"bin_tags": "bin_park"}


# --- odd values --------------------------------------------------------------------------------------------------


WEIRD: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    "",
    " ",
    "x",
    [],
    [[]],
    ["x"],
    [1, 2],
    {},
    {"x": 1},
    [{}],
    date.max,
]


@pytest.mark.parametrize("section", SECTIONS)
def test_odd_values_for_any_key_are_faults_and_never_another_error(section: str) -> None:
    from optimizer.area.file import _table
    from optimizer.area.tables import Faults

    for key in SECTIONS[section].keys:
        for value in WEIRD:
            told = Faults()
            _table({key: value}, section, "here", told)
            assert all("must" in line for line in told.lines), told.lines
