"""Real towns, each read once per session: founded by ``ripeur area new``'s own code, or embedded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from optimizer.area.area import Area
from optimizer.area.file import read_area
from optimizer.demand.demand import Demand, estimate_demand
from optimizer.new_area.new_area import NewArea, make_area
from optimizer.streets import read_extract
from optimizer.streets.extract import Extract
from optimizer.streets.streets import StreetNetwork, build_street_network

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class RealTown:
    area: Area
    extract: Extract
    streets: StreetNetwork
    demand: Demand
    founded: NewArea | None = None

    @classmethod
    def of(cls, area: Area, founded: NewArea | None = None) -> RealTown:
        extract = read_extract(area.extract)
        streets = build_street_network(extract, area)
        return cls(area, extract, streets, estimate_demand(area, extract, streets), founded)


@pytest.fixture(scope="session")
def monaco() -> RealTown:
    return RealTown.of(read_area(DATA / "monaco"))


@pytest.fixture(scope="session")
def boeblingen(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> RealTown:
    made = make_area(
        tmp_path_factory.mktemp("new") / "boeblingen", shared / "realdata/osm/boeblingen.osm.pbf", language="en"
    )
    return RealTown.of(made.area, made)


@pytest.fixture(scope="session")
def heidelberg(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> RealTown:
    made = make_area(
        tmp_path_factory.mktemp("new") / "heidelberg", shared / "realdata/osm/heidelberg.test.pbf", population=160_000,
        name="Heidelberg",
    )  # fmt: skip
    return RealTown.of(made.area, made)
