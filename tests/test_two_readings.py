"""The planner and the checker read the map with code of their own: on real towns they must agree on every street."""

from itertools import pairwise
from pathlib import Path

import pytest

from fleet import Truck
from optimizer.area.file import read_area
from optimizer.check.passage import Passage
from optimizer.check.rawmap import read_map
from optimizer.streets.extract import read_extract
from optimizer.streets.roads import CLOSED, Roads
from optimizer.streets.streets import build_street_network
from tests.tiny_map import DATA


def disagreements(extract_path: Path, truck: Truck) -> list[str]:
    area = read_area(DATA / "monaco")
    extract = read_extract(extract_path)
    streets = build_street_network(extract, area)
    roads = Roads(extract, area, streets, []).for_truck(truck)
    passage = Passage(read_map(extract_path), truck, area.streets.turning_places)
    found = []
    for s in streets.segments:
        if s.way.tags.get("junction") == "circular":
            continue  # one-way to the planner, to be safe; the map does not say so
        for arc, nodes in ((2 * s.index, s.nodes), (2 * s.index + 1, s.nodes[::-1])):
            steps = [passage.step(a, b) for a, b in pairwise(nodes)]
            judged = all(step is not None and not step[2] for step in steps)
            if judged != bool(roads.arc_ms[arc] < CLOSED):
                found.append(f"way {s.way.id} {dict(s.way.tags)}: checker {judged}")
    return found


@pytest.mark.parametrize("kind", ["T1", "T6", "T8", "T11"])
def test_on_the_embedded_town_the_two_readings_agree(kind: str) -> None:
    area = read_area(DATA / "monaco")
    assert disagreements(area.extract, area.truck(kind)) == []


@pytest.mark.parametrize("town", ["boeblingen.osm.pbf", "heidelberg.test.pbf"])
def test_on_other_towns_the_two_readings_agree(shared: Path, town: str) -> None:
    area = read_area(DATA / "monaco")
    assert disagreements(shared / "realdata" / "osm" / town, area.truck("T1")) == []
