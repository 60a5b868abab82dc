"""Hours in which streets are closed: a window that closes nothing is told, with what may be meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.area.area import Area, ClosedWindow
from optimizer.area.file import read_area
from optimizer.new_area.new_area import make_area
from optimizer.new_area.summary import summary
from optimizer.planning.town import Town, TownFault
from optimizer.streets.closures import Closure, ineffective_windows
from optimizer.streets.extract import Extract, read_extract
from optimizer.streets.streets import StreetNetwork, build_street_network

from .tiny_map import write_map
from .towns import RealTown

WINDOW = ClosedWindow("écoles", 27_000, 30_600, (0, 1, 2, 3, 4), None, 60.0, ())
SCHOOL = """
[[windows.closed]]
name = "écoles"
from = "07:30"
to = "08:30"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four streets in a grid of blocks, a school in the middle of one, and a motorway that nobody collects."""
    nodes = {1 + 10 * i + j: (i * 150.0, j * 150.0) for i in range(4) for j in range(4)}
    nodes |= {500: (75.0, 20.0), 600: (-2000.0, -500.0), 601: (2000.0, -500.0)}
    ways = {
        100 + j: ([1 + 10 * i + j for i in range(4)], {"highway": "residential", "name": f"Rue n° {j}"})
        for j in range(1, 4)
    }
    ways[100] = ([1, 11, 21, 31], {"highway": "residential", "name": "Rue de l'Église"})
    ways |= {
        200 + i: ([1 + 10 * i + j for j in range(4)], {"highway": "residential", "name": f"Allée {i}"})
        for i in range(4)
    }
    ways[300] = ([600, 601], {"highway": "motorway", "name": "Autoroute du Soleil"})
    made = tmp_path_factory.mktemp("closures")
    extract = write_map(made / "grid.osm", nodes, ways, {500: {"amenity": "school"}})
    make_area(made / "town", extract, population=500)
    return made / "town"


@pytest.fixture(scope="module")
def town(folder: Path) -> tuple[Area, Extract, StreetNetwork]:
    area = read_area(folder)
    extract = read_extract(area.extract)
    return area, extract, build_street_network(extract, area)


def told(town: tuple[Area, Extract, StreetNetwork], **changes: object) -> list[str]:
    area, extract, streets = town
    return ineffective_windows(replace(area, closed=(replace(WINDOW, **changes),)), extract, streets)  # type: ignore[arg-type]


def test_a_window_near_a_school_closes_the_streets_around_it_and_is_no_fault(
    town: tuple[Area, Extract, StreetNetwork],
) -> None:
    window = replace(WINDOW, near="amenity=school")
    assert told(town, near="amenity=school") == []
    area, extract, streets = town
    assert Closure(window, area, extract, streets).street_count() == 1  # its door is in the middle of a street


def test_a_misspelt_object_is_told_with_what_may_be_meant_and_what_is_known(
    town: tuple[Area, Extract, StreetNetwork],
) -> None:
    (fault,) = told(town, near="amenity=shcool")
    assert fault.startswith("area.toml [[windows.closed]] 1 (écoles), near = 'amenity=shcool', must be one of amenity=")
    assert "kindergarten" in fault
    assert fault.endswith("(did you mean 'amenity=school'?)")


@pytest.mark.parametrize("near", ["school", "amenity", "amenity=", "=", "shop=bakery"])
def test_an_object_that_is_not_read_from_the_map_is_told(town: tuple[Area, Extract, StreetNetwork], near: str) -> None:
    (fault,) = told(town, near=near)
    assert f"near = {near!r}, must be one of" in fault


def test_an_object_that_is_nowhere_on_the_map_is_told_with_those_that_are(
    town: tuple[Area, Extract, StreetNetwork],
) -> None:
    (fault,) = told(town, near="amenity=kindergarten")
    assert fault.endswith("is nowhere on the map, must be an object that is there: amenity=school (1)")


def test_a_window_too_narrow_to_meet_a_street_is_told(town: tuple[Area, Extract, StreetNetwork]) -> None:
    (fault,) = told(town, near="amenity=school", within_m=5.0)
    assert "within_m = 5, meets no collected street" in fault


@pytest.mark.parametrize(
    "name", ["rue de l'eglise", "RUE DE L'ÉGLISE", "Rue de l’Église", "Rue Église", "Rue de l'Eglisse"]
)
def test_a_street_misspelt_or_in_another_case_or_without_accents_is_told_with_the_map_s_name(
    town: tuple[Area, Extract, StreetNetwork], name: str
) -> None:
    assert told(town, streets=("Rue de l'Église",)) == []
    (fault,) = told(town, streets=("Rue de l'Église", name))
    assert f"streets = {name!r}, must be a street as the map names it" in fault
    assert fault.endswith("""(did you mean "Rue de l'Église"?)""")


def test_a_street_that_is_not_collected_is_told_so(town: tuple[Area, Extract, StreetNetwork]) -> None:
    (fault,) = told(town, streets=("Autoroute du Soleil",))
    assert "is on the map but not collected" in fault


def test_a_town_with_idle_windows_is_not_prepared_and_all_of_them_are_told_at_once(
    folder: Path, tmp_path: Path
) -> None:
    area = tmp_path / "town"
    area.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (area / file.name).write_bytes(file.read_bytes())
    text = (area / "area.toml").read_text(encoding="utf-8")
    (area / "area.toml").write_text(
        text + SCHOOL + 'near = "amenity=shcool"\n' + SCHOOL + 'streets = ["Alée 1", "Allée 2"]\n', encoding="utf-8"
    )
    with pytest.raises(TownFault) as fault:
        Town.prepare(area)
    near, street = str(fault.value).splitlines()
    assert "[[windows.closed]] 1" in near
    assert "[[windows.closed]] 2" in street
    assert "did you mean 'Allée 1'?" in street


def test_the_summary_names_each_window_with_its_hours_days_and_streets(monaco: RealTown) -> None:
    closed = (
        replace(WINDOW, near="amenity=school"),
        replace(WINDOW, name="marché", weekdays=(5,), streets=("Rue Grimaldi",)),
    )
    area = replace(monaco.area, closed=closed)
    count = Closure(closed[0], area, monaco.extract, monaco.streets).street_count()
    assert count > 1
    lines = summary(area, monaco.extract, monaco.streets, monaco.demand, "fr")
    assert f"Fermetures : écoles 07:30-08:30 (lun.-ven.), {count} rues ; marché 07:30-08:30 (sam.), 1 rue" in lines
    lines = summary(area, monaco.extract, monaco.streets, monaco.demand, "en")
    assert f"Closures: écoles 07:30-08:30 (Mo-Fr), {count} streets; marché 07:30-08:30 (Sa), 1 street" in lines
    assert not any("Closures" in line for line in summary(monaco.area, monaco.extract, monaco.streets, monaco.demand))
