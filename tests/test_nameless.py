"""No driver's name leaves the planner's folder: not to the depot, not from it, not from what was stored before."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from dashboards.plan.exports import write_geojson, write_gpx, write_kpi_csv, write_tours_csv
from dashboards.plan.map import write_map
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.app.plan_page import plan_pages
from depot_api.plans.nameless import without_names
from depot_api.plans.publisher import publication
from depot_api.settings.depot import DepotSettings
from depot_api.store.store import Store
from depot_api.store.tables import metadata, plans, tours
from fleet import Plan
from onboard.clock import DrillClock

from .asking import Asking
from .depot_clients import Client, depot
from .small_plan import small_basemap, small_plan, small_words
from .test_publishing import DAY, body_of, publish

DRIVER = "Jeanne Exemple-Dupont"


def named_plan() -> Plan:
    """The small plan as another program may write it: the driver's name in every place that the format leaves open."""
    plan = small_plan()
    figures = json.loads(json.dumps(plan.figures))
    figures["tours"]["T1-matin"] |= {"driver": DRIVER, "crew": {"who": [DRIVER], "name": DRIVER, "n": 3}}
    return replace(
        plan,
        tours=tuple(replace(tour, driver=DRIVER) for tour in plan.tours),
        area={**plan.area, "drivers": [DRIVER], "planned_for": DRIVER},
        figures=figures,
    )


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """A folder as ``ripeur plan`` writes it."""
    folder, plan, base = tmp_path / "monday", named_plan(), small_basemap()
    folder.mkdir()
    plan.write(folder / "plan.json")
    plan.write(folder / "plan-rejected.json")
    write_map(plan, base, small_words(), folder / "map.html", "fr")
    write_geojson(plan, base, folder / "tours.geojson")
    write_gpx(plan, base, small_words(), folder, "fr")
    write_tours_csv(plan, folder / "tours.csv")
    write_kpi_csv(plan, folder / "kpi.csv")
    (folder / "sheets.pdf").write_bytes(b"%PDF " + DRIVER.encode())
    return folder


@pytest.fixture
def client(tmp_path: Path, planned: Path) -> Iterator[Client]:
    start = small_plan().tours[0].start_at - timedelta(hours=1)
    with depot(tmp_path / "depot.db", clock=DrillClock(start), settings=DepotSettings(plan_folder=planned)) as made:
        yield made


def everything(store: Store) -> str:
    """Every row of every table."""
    with store.read() as connection:
        return "".join(str(connection.execute(select(table)).all()) for table in metadata.sorted_tables)


def test_a_driver_s_name_is_neither_stored_nor_told_whoever_sends_it(client: Client) -> None:
    assert DRIVER in json.dumps(body_of(named_plan()))
    publish(client, named_plan())
    publish(client, replace(named_plan(), seed=7))  # an earlier version with the name, and a changed one
    assert DRIVER not in everything(client.store)
    for tour in small_plan().tours:
        for who in (f"box {tour.truck}", "planner P"):
            assert DRIVER not in client.ask("GET", f"/tours/{tour.truck}?date={DAY}", who).text
    for path in ("/live", "/console/plan.json", f"/replay/tours?date={DAY}", f"/days/{DAY}/report"):
        answer = client.ask("GET", path, "planner P")
        assert answer.status_code == 200, path
        assert DRIVER not in answer.text


def test_publish_sends_no_name(planned: Path) -> None:
    assert DRIVER in (planned / "plan.json").read_text("utf-8"), "the planner's own folder keeps it, for the sheets"
    assert DRIVER not in json.dumps(publication(planned, None, ""))


def test_the_same_plan_from_an_older_publisher_is_the_same_version(client: Client, planned: Path) -> None:
    older = publish(client, named_plan())
    body = publication(planned, None, "")
    body["nodes"] = body_of(named_plan())["nodes"]
    assert client.ask("POST", "/plans", "planner P", json=body).json() == older


def test_no_page_or_file_that_a_depot_shows_names_a_driver(client: Client, planned: Path) -> None:
    for path in ("/plan", *(f"/plan/files/{file.name}" for file in planned.iterdir())):
        answer = client.ask("GET", path, "planner P")
        assert DRIVER not in answer.text, path
        assert answer.status_code == (404 if path.endswith(("sheets.pdf", "plan-rejected.json")) else 200), path
    assert Plan.from_json(client.ask("GET", "/plan/files/plan.json", "planner P").json()).tours[0].driver is None


@pytest.mark.parametrize("own_machine", [True, False])
def test_nothing_of_the_folder_is_shown_but_what_a_plan_wrote(planned: Path, tmp_path: Path, own_machine: bool) -> None:
    (planned / "drill").mkdir()
    for name in ("depot.db", "depot.sqlite", ".env", "drill/depot.sqlite"):
        (planned / name).write_bytes(b"tokens and places")
    with Store(f"{tmp_path}/other.db") as store:
        app = plan_pages(planned) if own_machine else depot_app(store, settings=DepotSettings(plan_folder=planned))
        asking = Asking(app, headers={"authorization": f"Bearer {make_token(store, 'planner', 'P')}"})
        for name in ("depot.db", "depot.sqlite", ".env", "drill/depot.sqlite", "drill%2Fdepot.sqlite"):
            assert asking.get(f"/plan/files/{name}").status_code == 404, name
        assert asking.get("/plan/files/kpi.csv").status_code == 200


def test_figures_and_what_else_the_planner_says_stay() -> None:
    told = without_names(named_plan().to_json())
    assert told["figures"]["total"] == small_plan().figures["total"]
    assert told["figures"]["tours"]["T1-matin"]["crew"] == {"n": 3}
    assert told["area"] == small_plan().area
    nobody = replace(small_plan(), tours=tuple(replace(tour, driver=None) for tour in small_plan().tours))
    assert told == nobody.to_json() | {"figures": told["figures"]}


words = st.text(min_size=1, max_size=5)
trees = st.recursive(
    st.none() | st.integers(-9, 9) | st.just(DRIVER),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(words, trees, max_size=4), st.dictionaries(words, trees, max_size=4))
def test_no_name_is_left_wherever_it_stands(area: dict[str, Any], figures: dict[str, Any]) -> None:
    given_plan = small_plan().to_json() | {"area": area, "figures": figures}
    before = copy.deepcopy(given_plan)
    told = without_names(given_plan)
    assert set(told["area"]) <= {"name", "path", "digests"}
    assert DRIVER not in json.dumps({**told, "area": {}})
    assert given_plan == before


def test_plans_stored_with_names_lose_them_when_the_depot_opens(db_url: str) -> None:
    """A database as the version before left it."""
    with depot(db_url, clock=DrillClock(small_plan().tours[0].start_at)) as client:
        publish(client, small_plan())
        with client.store.read() as connection:
            row = connection.execute(select(plans)).one()
            told = connection.execute(select(tours)).mappings().all()
    body = orjson.dumps(named_plan().to_json() | {"area": small_plan().area, "figures": small_plan().figures})
    sha256 = hashlib.sha256(body + row.nodes.encode()).hexdigest()
    with Store(db_url) as store:

        def set_back(connection: Any) -> None:
            connection.execute(plans.update().values(body=body.decode(), sha256=sha256))
            connection.execute(tours.delete())
            named = [orjson.dumps(orjson.loads(one["body"]) | {"driver": DRIVER}).decode() for one in told]
            connection.execute(insert(tours), [{**one, "body": b} for one, b in zip(told, named, strict=True)])
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")

        store.write(set_back)
        assert DRIVER in everything(store)
    with depot(db_url, clock=DrillClock(small_plan().tours[0].start_at)) as client:
        assert DRIVER not in everything(client.store)
        assert client.ask("GET", f"/tours/T1?date={DAY}", "planner P").json()["loaders"] == 2
        assert publish(client, small_plan())["version"] == 1, "the same plan again stays the version that it is"
