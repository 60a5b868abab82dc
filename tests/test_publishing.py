"""Plans put in force and the tours that trucks fetch: versions, what changed and why, ETags, who may have what."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from depot_api.plans.publishing import same_etag
from depot_api.settings.depot import DepotSettings
from depot_api.store.tables import plans, tours
from fleet import Plan, Unserved
from onboard.clock import DrillClock

from .depot_clients import Client, depot
from .services import wait_until
from .small_plan import small_basemap, small_plan

DAY = small_plan().date.isoformat()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    start = small_plan().tours[0].start_at - timedelta(hours=1)
    with depot(tmp_path / "depot.db", clock=DrillClock(start)) as made:
        yield made


def body_of(plan: Plan, **more: Any) -> dict[str, Any]:
    basemap = small_basemap()
    nodes = {n for tour in plan.tours for leg in tour.legs for n in leg.osm_nodes}
    return {"plan": plan.to_json(), "nodes": {str(n): list(basemap.place(n)) for n in nodes}, **more}


def publish(client: Client, plan: Plan, **more: Any) -> Any:
    answer = client.ask("POST", "/plans", "planner P", json=body_of(plan, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_published_tour_reaches_its_truck_with_coordinates(db_url: str) -> None:
    plan = small_plan()
    tour = plan.tours[0]
    with depot(db_url, clock=DrillClock(tour.start_at)) as client:
        assert publish(client, plan) == {"date": DAY, "version": 1}
        answer = client.ask("GET", f"/tours/{tour.truck}?date={DAY}&tour={tour.id}", f"box {tour.truck}")
        got = answer.json()
        assert {
            "truck": tour.truck,
            "date": DAY,
            "version": 1,
            "tour": tour.id,
            "shift": tour.shift,
        }.items() <= got.items()
        assert got["changed"] == []
        assert [leg["kind"] for leg in got["legs"]] == [leg.kind for leg in tour.legs]
        for leg, there in zip(tour.legs, got["legs"], strict=True):
            assert [tuple(at) for at in there["coordinates"]] == [small_basemap().place(n) for n in leg.osm_nodes]
            assert there.get("name", "") == (plan.task(leg.task).name if leg.task else "")
        assert "osm_nodes" not in got["legs"][1]


def test_an_unchanged_tour_is_not_sent_again(client: Client) -> None:
    plan = small_plan()
    truck = plan.tours[0].truck
    publish(client, plan)
    first = client.ask("GET", f"/tours/{truck}?date={DAY}", f"box {truck}")
    etag = first.headers["ETag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.ask("GET", f"/tours/{truck}?date={DAY}", f"box {truck}", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    publish(client, replace(plan, seed=plan.seed + 1))
    newer = client.ask("GET", f"/tours/{truck}?date={DAY}", f"box {truck}", headers={"If-None-Match": etag})
    assert (newer.status_code, newer.json()["version"]) == (200, 2)
    assert same_etag(None, etag) is False


def test_after_a_restore_a_version_s_number_again_is_another_tour(client: Client) -> None:
    plan, tour = small_plan(), small_plan().tours[0]
    path, box = f"/tours/{tour.truck}?date={DAY}&tour={tour.id}", f"box {tour.truck}"
    publish(client, plan)
    etag = client.ask("GET", path, box).headers["ETag"]
    for table in (tours, plans):  # the backup was taken before
        client.store.write(lambda connection, table=table: connection.execute(delete(table)))  # type: ignore[misc]
    assert publish(client, plan, why="again")["version"] == 1
    assert client.ask("GET", path, box, headers={"If-None-Match": etag}).status_code == 200


def test_the_same_plan_again_is_no_new_version(client: Client) -> None:
    assert publish(client, small_plan()) == publish(client, small_plan()) == {"date": DAY, "version": 1}


def test_a_changed_tour_says_what_changed_and_why(client: Client) -> None:
    plan = small_plan()
    first, second = plan.tours[:2]
    moved = next(leg for leg in first.legs if leg.task is not None)
    assert moved.task is not None
    gone = next(leg for leg in second.legs if leg.task is not None and leg.task != moved.task)
    assert gone.task is not None
    publish(client, plan)
    after = replace(
        plan,
        tours=(
            replace(first, legs=tuple(leg for leg in first.legs if leg.task != moved.task)),
            replace(
                second,
                legs=(
                    *(leg for leg in second.legs[:-1] if leg.task != gone.task),
                    moved,
                    replace(second.legs[-1], end_at=second.legs[-1].end_at + timedelta(minutes=5)),
                ),
            ),
            *plan.tours[2:],
        ),
        unserved=(*plan.unserved, Unserved(gone.task, "SHIFT_TIME")),
    )
    publish(client, after, why="truck T2 has broken down")

    def changes(tour: Any) -> list[dict[str, Any]]:
        path = f"/tours/{tour.truck}?date={DAY}&tour={tour.id}"
        got = client.ask("GET", path, "planner P").json()
        assert (got["version"], got["why"]) == (2, "truck T2 has broken down")
        return list(got["changed"])

    names = plan.tasks_by_id
    assert changes(first) == [
        {"what": "task_removed", "task": moved.task, "name": names[moved.task].name, "tour": second.id}
    ]
    found = {change["what"]: change for change in changes(second)}
    assert found["task_added"]["task"] == moved.task
    assert found["task_added"]["tour"] == first.id
    assert found["task_removed"]["why"] == "unserved: SHIFT_TIME"
    assert found["end_at"]["from"] < found["end_at"]["to"]


def test_a_tour_that_is_new_or_withdrawn_is_said_to_be(client: Client) -> None:
    plan = small_plan()
    last = plan.tours[-1]
    publish(client, replace(plan, tours=plan.tours[:-1]))
    publish(client, plan)
    got = client.ask("GET", f"/tours/{last.truck}?date={DAY}&tour={last.id}", "planner P").json()
    assert got["changed"] == [{"what": "tour_added"}]
    publish(client, replace(plan, tours=plan.tours[:-1]))
    answer = client.ask("GET", f"/tours/{last.truck}?date={DAY}&tour={last.id}", "planner P")
    assert answer.status_code == 404
    assert "version 3" in answer.json()["detail"]


def test_of_two_tours_a_day_a_truck_gets_the_one_that_is_not_over(tmp_path: Path) -> None:
    plan = small_plan()
    early, late = sorted((replace(tour, truck="T9") for tour in plan.tours[:2]), key=lambda tour: tour.end_at)
    plan = replace(plan, tours=(early, late))
    for at, expected in ((early.start_at, early), (early.end_at + timedelta(seconds=1), late), (late.end_at, late)):
        with depot(tmp_path / f"{at:%H%M%S}.db", clock=DrillClock(at)) as client:
            publish(client, plan)
            got = client.ask("GET", f"/tours/T9?date={DAY}", "box T9").json()
            if expected is late and early.end_at >= late.end_at:
                continue
            assert (got["tour"], got["others"]) == (expected.id, [({early.id, late.id} - {expected.id}).pop()])
            assert client.ask("GET", "/tours/T9", "box T9").json()["date"] == DAY, "today is the default"


def test_a_box_gets_its_own_truck_s_tours_only(client: Client) -> None:
    plan = small_plan()
    publish(client, plan)
    truck = plan.tours[0].truck
    assert client.ask("GET", f"/tours/{truck}?date={DAY}", "box OTHER").status_code == 403
    assert client.ask("GET", f"/tours/{truck}?date={DAY}").status_code == 401
    assert client.ask("GET", f"/tours/{truck}?date={DAY}", "bridge S1").status_code == 403
    assert client.ask("GET", f"/tours/{truck}?date=2031-01-01", f"box {truck}").status_code == 404
    assert client.ask("GET", f"/tours/{truck}?date=tomorrow", f"box {truck}").status_code == 422
    assert client.ask("POST", "/plans", f"box {truck}", json=body_of(plan)).status_code == 403


def test_a_tour_travels_packed_where_the_box_says_that_it_can(client: Client) -> None:
    plan = small_plan()
    truck = plan.tours[0].truck
    publish(client, plan)
    path = f"/tours/{truck}?date={DAY}"
    plain = client.ask("GET", path, f"box {truck}", headers={"Accept-Encoding": "identity"})
    packed = client.ask("GET", path, f"box {truck}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()


def test_a_plan_may_be_sent_packed(client: Client) -> None:
    body = gzip.compress(orjson.dumps(body_of(small_plan())))
    answer = client.ask("POST", "/plans", "planner P", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == {"date": DAY, "version": 1}


def _without(path: str) -> dict[str, Any]:
    body = json.loads(json.dumps(body_of(small_plan())))
    *way, last = path.split(".")
    at: Any = body
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    del at[last]
    return body  # type: ignore[no-any-return]


def _with(path: str, value: Any) -> dict[str, Any]:
    body = json.loads(json.dumps(body_of(small_plan())))
    *way, last = path.split(".")
    at: Any = body
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[int(last) if last.isdigit() else last] = value
    return body  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$.plan"),
        ({"plan": 5}, "$.plan"),
        (_without("plan.tours"), "$.plan"),
        (_with("plan.date", "2026-13-01"), "$.plan"),
        (_with("plan.timezone", "Mars/Base"), "$.plan.timezone"),
        (_with("plan.tours.0.legs.1.kind", "fly"), "$.plan.tours[0].legs[1].kind"),
        (_with("plan.tours.0.legs.1.start_at", "2026-02-30T05:00:00Z"), "$.plan.tours[0].legs[1]"),
        (_with("plan.tours.1.id", small_plan().tours[0].id), "$.plan.tours[1].id"),
        (_with("plan.tours.0.truck", ""), "$.plan.tours[0].truck"),
        (_with("plan.tours.0.legs.1.task", "nowhere"), "$.plan.tours[0].legs[1].task"),
        (_without("nodes"), "$.nodes"),
        (_with("nodes", {}), "$.plan.tours[0].legs[0].osm_nodes"),
        (_with("nodes.5", [7.4, 91]), "$.nodes.5"),
        (_with("nodes.5", ["7.4", 43]), "$.nodes.5"),
        (_with("why", "x" * 501), "$.why"),
    ],
)
def test_a_wrong_plan_is_a_422_with_the_path(client: Client, body: Any, path: str) -> None:
    answer = client.ask("POST", "/plans", "planner P", json=body)
    assert answer.status_code == 422
    assert path in [fault["path"] for fault in answer.json()["detail"]], answer.text
    assert client.ask("GET", f"/tours/{small_plan().tours[0].truck}?date={DAY}", "planner P").status_code == 404


def test_what_is_no_json_is_no_plan(client: Client) -> None:
    assert client.ask("POST", "/plans", "planner P", content=b"{").status_code == 400


def test_a_day_without_tours_can_be_published_too(client: Client) -> None:
    publish(client, small_plan())
    assert publish(client, replace(small_plan(), tours=()))["version"] == 2


def test_settings_tell_a_box_whether_it_may_keep_tags(tmp_path: Path) -> None:
    for purpose in (None, "billing"):
        with depot(tmp_path / f"{purpose}.db", settings=DepotSettings(bin_tags=purpose)) as client:
            assert client.ask("GET", "/settings/T1", "box T1").json()["bin_tags"] == purpose
            assert client.ask("GET", "/settings/T2", "box T1").status_code == 403


def _at(day: str) -> Any:
    """The small plan with all of its legs at one time of a day."""
    plan = body_of(small_plan())
    for tour in plan["plan"]["tours"]:
        for leg in tour["legs"]:
            leg["start_at"] = leg["end_at"] = f"{day}T05:00:00Z"
    return plan


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-11-21", "2026-12-01"])
def test_a_plan_of_no_time_near_its_day_is_told_and_not_kept(client: Client, day: str) -> None:
    answer = client.ask("POST", "/plans", "planner P", json=_at(day))
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["path"] == "$.plan.tours[0].legs[0]"


@pytest.mark.parametrize("day", ["0001-01-01", "1979-12-31", "2100-01-01", "9999-12-31"])
def test_a_plan_of_no_day_of_ours_is_told_and_not_kept(client: Client, day: str) -> None:
    body = _at(day)
    body["plan"]["date"] = day
    assert client.ask("POST", "/plans", "planner P", json=body).status_code == 422


@pytest.mark.parametrize("node", ["abc", "", "1.0", "1e3", "9" * 5_000, "\u0661", " 1", "1_0"])
def test_a_place_of_no_node_is_told_and_not_kept(client: Client, node: str) -> None:
    body = body_of(small_plan())
    body["nodes"][node] = [7.42, 43.74]
    answer = client.ask("POST", "/plans", "planner P", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"] == [{"path": f"$.nodes.{node[:40]}", "why": "must be named by an OSM node"}]


@pytest.mark.parametrize(
    "spoil",
    [{"nodes": '{"abc": [1, 2]}'}, {"body": "{}"}, {"body": "0001-01-01"}, {"body": "9999-12-31"}],
    ids=["a node that is none", "no plan", "year 1", "year 9999"],
)
def test_a_plan_that_an_earlier_ripeur_took_and_nobody_can_follow_stops_neither_the_depot_nor_the_next(
    tmp_path: Path, spoil: dict[str, str]
) -> None:
    start = small_plan().tours[0].start_at
    with depot(tmp_path / "depot.db", clock=DrillClock(start)) as client:
        publish(client, small_plan())
        values = {"sha256": "0" * 64, **spoil}
        if len(values.get("body", "")) == 10:
            values["body"] = json.dumps(_at(values["body"])["plan"])
        client.store.write(lambda connection: connection.execute(update(plans).values(**values)))
    with depot(tmp_path / "depot.db", clock=DrillClock(start)) as client:  # it starts
        assert client.ask("GET", f"/days/{DAY}/report", "planner P").status_code == 200
        assert client.ask("GET", "/live", "planner P").json()["tours"] == []
        assert publish(client, small_plan()) == {"date": DAY, "version": 2}
        wait_until(lambda: client.ask("GET", "/live", "planner P").json()["plans"], "the next plan")
