"""An ordinary phone instead of a box: both apps' own messages, repeated, damaged and without a good token."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.facts import phones
from depot_api.facts.phones import fix_time, owntracks_position, position_id, traccar_json_position, traccar_position
from depot_api.store.store import Store
from fleet import Position

from .asking import Asking
from .clocks import ToldClock

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
#: traccar.org/osmand, its own example of the JSON form, at a place and a time of ours.
TRACCAR_9 = {
    "location": {
        "timestamp": "2026-11-23T05:59:30.000Z",
        "coords": {
            "latitude": 43.74, "longitude": 7.42, "accuracy": 6, "speed": 3.5, "heading": 90, "altitude": 40,
        },
        "is_moving": False, "odometer": 0, "event": "motionchange",
        "battery": {"level": 1, "is_charging": False}, "activity": {"type": "still"}, "extras": {},
    },
    "device_id": "48241179",
}  # fmt: skip
#: owntracks.org/booklet/features/traccar, its own payload, likewise.
OWNTRACKS = {
    "cog": 271, "batt": 41, "lon": 7.42, "acc": 5, "vel": 18, "lat": 43.74, "_type": "location",
    "tst": 1795413570, "tid": "JJ", "created_at": 1795413571,
}  # fmt: skip


def app_over(store: Store) -> FastAPI:
    app = depot_app(store, clock=ToldClock(NOW))
    if not any(getattr(route, "path", "").startswith("/phones") for route in app.routes):
        app.include_router(phones.router)
    return app


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[tuple[Store, Asking, str]]:
    """A store, its app, and the token of truck T1's box."""
    with Store(f"sqlite:///{tmp_path}/depot.db") as store:
        token = make_token(store, "box", "T1", now=NOW)
        yield store, Asking(app_over(store)), token


def kept(store: Store) -> list[dict[str, Any]]:
    return [fact.json() for fact in store.facts("position")]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_traccar_clients_query_becomes_a_position_in_our_units() -> None:
    query = {
        "id": "x", "timestamp": "1795413570", "lat": "43.74", "lon": "7.42", "speed": "10", "bearing": "90.5",
        "altitude": "40.0", "accuracy": "6.5", "batt": "88.0", "charge": "false",
    }  # fmt: skip
    fact = traccar_position("T1", query, NOW)
    assert fact.to_json() == {
        "kind": "position", "id": fact.id, "at": "2026-11-23T05:59:30Z", "truck": "T1", "lat_deg": 43.74,
        "lon_deg": 7.42, "eph_m": 6.5, "speed_mps": 5.1444, "heading_deg": 90.5,
    }  # fmt: skip
    assert traccar_position("T1", query | {"location": "43.75,7.43"}, NOW).lon_deg == 7.43


def test_traccar_client_9_sends_json_in_metres_per_second() -> None:
    fact = traccar_json_position("T1", TRACCAR_9["location"], NOW)
    assert (fact.speed_mps, fact.heading_deg, fact.eph_m) == (3.5, 90.0, 6.0)
    assert fact.at == datetime(2026, 11, 23, 5, 59, 30, tzinfo=UTC)


def test_owntracks_speaks_kilometres_an_hour_and_says_the_phones_clock_too() -> None:
    fact = owntracks_position("T1", OWNTRACKS, NOW)
    assert (fact.speed_mps, fact.heading_deg, fact.eph_m) == (5.0, 271.0, 5.0)
    assert fact.box_at == datetime(2026, 11, 23, 5, 59, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["1795413570", "1795413570000", 1795413570, "2026-11-23T05:59:30Z", "2026-11-23 05:59:30"]
)
def test_a_fix_time_is_read_in_every_form_the_protocol_allows(text: object) -> None:
    assert fix_time(text) == datetime(2026, 11, 23, 5, 59, 30, tzinfo=UTC)


def test_no_coordinates_or_none_valid_is_no_fix_and_never_the_gulf_of_guinea() -> None:
    for given_ in ({"lat": "0.0", "lon": "0.0"}, {}, {"lat": "43.7", "lon": "7.4", "valid": "false"}):
        fact = traccar_position("T1", {"timestamp": "1795413570", **given_}, NOW)
        assert (fact.mode, fact.lat_deg, fact.speed_mps) == (1, None, None)


def test_a_time_that_cannot_be_true_is_flagged_and_the_depots_stands_beside_it() -> None:
    for timestamp in (None, "soon", "2046-07-01T00:00:00Z", "0"):
        fact = traccar_position("T1", {"timestamp": timestamp, "lat": "43.7", "lon": "7.4"}, NOW)
        assert (fact.at, fact.time_doubtful) == (NOW, True)
    year_old = traccar_position("T1", {"timestamp": "2025-11-23T00:00:00Z", "lat": "43.7", "lon": "7.4"}, NOW)
    assert year_old.time_doubtful is None


def test_unknown_is_sent_as_minus_one_and_kept_as_unknown() -> None:
    location = {"timestamp": "2026-11-23T05:59:30Z", "coords": {
        "latitude": 43.7, "longitude": 7.4, "accuracy": 0, "speed": -1, "heading": -1}}  # fmt: skip
    fact = traccar_json_position("T1", location, NOW)
    assert (fact.speed_mps, fact.heading_deg, fact.eph_m) == (None, None, None)


def test_the_same_fix_has_the_same_id_and_another_truck_or_time_another() -> None:
    at = datetime(2026, 11, 23, 5, 59, 30, tzinfo=UTC)
    assert position_id("T1", at) == position_id("T1", at)
    assert len({position_id("T1", at), position_id("T2", at), position_id("T1", NOW)}) == 3


def test_a_fix_by_query_form_and_json_is_stored_once_however_often_it_is_sent(
    depot: tuple[Store, Asking, str],
) -> None:
    store, client, token = depot
    query = {"id": token, "timestamp": "1795413570", "lat": "43.74", "lon": "7.42", "speed": "10"}
    answers = [
        client.get("/phones/traccar", params=query),
        client.post("/phones/traccar", params=query),
        client.post("/phones/traccar", data={**query, "deviceid": token}),
        client.post("/phones/traccar", json=TRACCAR_9 | {"device_id": token}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["stored"][0] for answer in answers}) == 1
    assert [(fact["truck"], fact["at"]) for fact in kept(store)] == [("T1", "2026-11-23T05:59:30Z")]


def test_owntracks_gets_the_empty_list_it_expects(depot: tuple[Store, Asking, str]) -> None:
    store, client, token = depot
    for body in (OWNTRACKS, OWNTRACKS, {"_type": "lwt", "tst": 1}, {"_type": "transition", "lat": 1, "lon": 1}):
        answer = client.post("/phones/owntracks", json=body, headers=basic("T1", token))
        assert (answer.status_code, answer.json()) == (200, [])
    assert client.post("/phones/owntracks", content=b"", headers=basic("T1", token)).json() == []
    assert len(kept(store)) == 1


def test_a_fix_that_cannot_be_used_does_not_block_those_behind_it(depot: tuple[Store, Asking, str]) -> None:
    """The apps keep what is refused and send it again for ever: it is answered 200, with the reason."""
    store, client, token = depot
    answer = client.get("/phones/traccar", params={"id": token, "lat": "95", "lon": "7.4"})
    assert answer.status_code == 200
    assert answer.json()["stored"] == []
    assert "lat_deg = 95.0, must be from -90 to 90" in answer.json()["refused"][0]["why"]
    answer = client.post("/phones/owntracks", json=OWNTRACKS | {"lat": "north"}, headers=basic("T1", token))
    assert (answer.status_code, answer.json()) == (200, [])
    assert "must be two numbers" in answer.headers["X-Refused"]
    assert kept(store) == []


def test_several_locations_in_one_upload_are_each_judged_alone(depot: tuple[Store, Asking, str]) -> None:
    store, client, token = depot
    good = TRACCAR_9["location"]
    later = good | {"timestamp": "2026-11-23T05:59:40Z"}
    answer = client.post("/phones/traccar", json={"device_id": token, "location": [good, "junk", {}, later]}).json()
    assert (len(answer["stored"]), len(answer["refused"])) == (2, 2)
    assert len(kept(store)) == 2


def test_without_a_boxs_own_token_nothing_is_taken(depot: tuple[Store, Asking, str]) -> None:
    store, client, token = depot
    bridge = make_token(store, "bridge", "S1", now=NOW)
    assert client.get("/phones/traccar", params={"lat": "1", "lon": "1"}).status_code == 401
    assert client.get("/phones/traccar", params={"id": "guess", "lat": "1", "lon": "1"}).status_code == 401
    assert client.get("/phones/traccar", params={"id": bridge, "lat": "1", "lon": "1"}).status_code == 403
    for headers in ({}, basic("T1", "guess"), {"Authorization": "Basic !!"}, {"Authorization": f"Bearer {token}"}):
        assert client.post("/phones/owntracks", json=OWNTRACKS, headers=headers).status_code == 401
    assert client.post("/phones/owntracks", json=OWNTRACKS, headers=basic("T2", token)).status_code == 403
    assert kept(store) == []


def test_what_no_app_sends_is_refused_without_a_fault(depot: tuple[Store, Asking, str]) -> None:
    _, client, token = depot
    own = basic("T1", token)
    assert client.post("/phones/traccar", content=b"{" * 5000).status_code == 400
    assert client.post("/phones/traccar", content=b"a=1&" * 200).status_code == 400
    assert client.post("/phones/traccar", content=b"x" * 100_000).status_code == 413
    assert client.post("/phones/owntracks", content=b"[]", headers=own).status_code == 400
    assert client.post("/phones/owntracks", json={"_type": "encrypted", "data": "…"}, headers=own).status_code == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["timestamp", "lat", "lon", "location", "speed", "bearing", "valid", "tst", "vel", "coords", "created_at"]
        ),
        json_values,
    )
)
def test_junk_is_read_or_refused_with_a_reason_and_never_breaks(given_: dict[str, Any]) -> None:
    for read in (traccar_position, traccar_json_position, owntracks_position):
        try:
            fact = read("T1", given_, NOW)
        except ValueError:
            continue
        assert isinstance(fact, Position)
        json.dumps(fact.to_json())


def test_neither_token_nor_place_stands_in_the_access_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A real uvicorn with its access log on (``ripeur serve`` keeps it off)."""
    import uvicorn

    with Store(f"sqlite:///{tmp_path}/depot.db") as store:
        token = make_token(store, "box", "T1", now=NOW)
        server = uvicorn.Server(uvicorn.Config(app_over(store), port=0, log_config=None, access_log=True))
        thread = threading.Thread(target=server.run)
        access = logging.getLogger("uvicorn.access")
        access.propagate = True  # off where a test before this one has served
        with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, access.name):
            thread.start()
            while not server.started:
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            for sent in (token, "guess"):
                connection = HTTPConnection("127.0.0.1", port)
                connection.request("GET", f"/phones/traccar?id={sent}&lat=43.74&lon=7.42&timestamp=1795413570")
                connection.getresponse().read()
                connection.close()
            server.should_exit = True
            thread.join(10)
        lines = [record.getMessage() for record in caplog.records]
        assert [line for line in lines if '"GET /phones/traccar HTTP/1.1" 200' in line]
        assert not [line for line in lines if token in line or "guess" in line or "43.74" in line]
        assert len(kept(store)) == 1
