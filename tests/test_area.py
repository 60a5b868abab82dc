"""The area's files: what is read, and that every fault of every file is told at once, with place, value and bound."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import Hours
from optimizer.area import INPUT_FILES, AreaFaults
from optimizer.area_file import read_area
from optimizer.area_keys import HIGHWAYS, LISTS, REQUIRED, SECTIONS, defaults
from optimizer.opening_hours import DAY_S, LATEST_S, WEEKDAYS, opening_hours, weekdays

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
    from optimizer.area_file import _read_toml
    from optimizer.area_tables import Faults

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


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page_on_areas_names_every_key_with_its_section() -> None:
    page = (ROOT / "docs" / "area.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^### `\[+([\w.]+)\]+`.*?\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    for section, keys in SECTIONS.items():
        assert section in parts, f"docs/area.md has no heading for [{section}]"
        told = {
            name for cell in re.findall(r"^\| (.*?) \|", parts[section], re.M) for name in re.findall(r"`(\w+)`", cell)
        }
        assert set(keys) <= told, f"docs/area.md, [{section}]: {sorted(set(keys) - told)} not explained"
        assert told <= set(keys), f"docs/area.md, [{section}]: {sorted(told - set(keys))} is no key"


def test_the_page_on_areas_gives_the_defaults_that_apply() -> None:
    """Numbers and words of the third column are those of the code."""
    page = (ROOT / "docs" / "area.md").read_text(encoding="utf-8")
    for section, keys in SECTIONS.items():
        for name, key in keys.items():
            row = re.search(
                rf"^\| `{name}` \|.*?\| (.*?) \|", page.split(f"### `{_heading(section)}`")[1], re.MULTILINE
            )
            assert row is not None, (section, name)
            if key.default is REQUIRED:
                assert row[1] == "required", (section, name, row[1])
            elif isinstance(key.default, float | int) and not isinstance(key.default, bool) and name != "start":
                assert row[1] == f"{key.default:g}", (section, name, row[1])


def _heading(section: str) -> str:
    array = section in LISTS or section == "windows.closed"
    return f"[[{section}]]" if array else f"[{section}]"


def test_every_street_class_with_a_speed_is_a_known_one() -> None:
    assert set(SECTIONS["speeds_kmh"]) <= set(HIGHWAYS)


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
    from optimizer.area_file import _table
    from optimizer.area_tables import Faults

    for key in SECTIONS[section]:
        for value in WEIRD:
            told = Faults()
            _table({key: value}, section, "here", told)
            assert all("must" in line for line in told.lines), told.lines
