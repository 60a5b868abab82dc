"""``POST /facts``: each fact judged alone, on disk before the answer, whatever is sent and however often."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from depot_api.accounts.tokens import make_token
from depot_api.settings.depot import DepotSettings
from depot_api.store import databases
from depot_api.store.store import Store, StoreDown

from .depot_clients import Client, depot, position
from .services import Cluster, DepotProcess, asked, wait_until


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with depot(tmp_path / "depot.db") as made:
        yield made


def test_a_batch_is_stored_and_every_id_is_named(db_url: str) -> None:
    facts = [position() for _ in range(3)]
    with depot(db_url) as client:
        answer = client.post_facts(facts)
        assert (answer.status_code, answer.json()) == (200, {"stored": [f["id"] for f in facts], "refused": []})
        assert [row.json() for row in client.store.after(0)] == facts


def test_one_bad_fact_does_not_cost_the_others(client: Client) -> None:
    good, bad = position(), position(lat_deg=91)
    answer = client.post_facts([good, bad, 7, None, [], {"id": "x"}]).json()
    assert answer["stored"] == [good["id"]]
    assert [refused["id"] for refused in answer["refused"]] == [bad["id"], None, None, None, "x"]
    assert answer["refused"][0]["why"] == "position: lat_deg = 91, must be from -90 to 90"
    assert client.store.count() == 1


def test_a_fact_sent_again_counts_as_stored_and_its_first_content_stays(client: Client) -> None:
    fact = position()
    for speed in (3.0, 9.0):
        answer = client.post_facts([fact | {"speed_mps": speed}, fact]).json()
        assert answer == {"stored": [fact["id"], fact["id"]], "refused": []}
    (stored,) = client.store.after(0)
    assert stored.json()["speed_mps"] == 3.0


def test_ids_are_echoed_exactly_as_they_were_sent(client: Client) -> None:
    capital = position(id="0197A8C0-0000-7000-8000-00000000000F")
    answer = client.post_facts([capital, capital | {"id": capital["id"].lower()}]).json()
    assert answer["stored"] == [capital["id"], capital["id"].lower()]
    assert client.store.count() == 1


def test_a_token_reports_for_its_own_truck_or_site_only(client: Client) -> None:
    ticket = {"kind": "ticket", "id": str(uuid.uuid4()), "at": "2026-11-20T05:00:00Z", "site": "S1", "number": "1"}
    ticket["net_kg"] = 900.0  # type: ignore[assignment]
    for who, fact, why in (
        ("box T1", position("T2"), "T2 is not what this token is bound to"),
        ("box T1", ticket, "ticket: not reported by a box"),
        ("bridge S1", position(), "position: not reported by a bridge"),
        ("bridge S2", ticket, "S1 is not what this token is bound to"),
        ("plant S1", ticket | {"kind": "weighing", "instrument": "i", "kg": 1}, "weighing: not reported by a plant"),
    ):
        answer = client.post_facts([fact], who).json()
        assert answer["stored"] == []
        assert why in answer["refused"][0]["why"]
    assert client.post_facts([ticket], "bridge S1").json()["stored"] == [ticket["id"]]


def test_the_crew_cannot_speak_as_the_planner(client: Client) -> None:
    message = {
        "kind": "message", "id": str(uuid.uuid4()), "at": "2026-11-20T05:00:00Z", "truck": "T1", "sender": "planner",
        "text": "go home",
    }  # fmt: skip
    assert "must be crew" in client.post_facts([message]).json()["refused"][0]["why"]
    assert client.post_facts([message | {"sender": "crew"}]).json()["stored"] == [message["id"]]


def test_nobody_stores_a_fact_without_a_token(client: Client) -> None:
    assert client.ask("POST", "/facts", json=[position()]).status_code == 401
    assert client.ask("POST", "/facts", json=[], headers={"Authorization": "Bearer guess"}).status_code == 401
    assert client.ask("POST", "/facts", "town T1", json=[]).status_code == 403


def test_a_year_old_and_a_future_fact_are_stored_like_any_other(client: Client) -> None:
    facts = [position(at="1999-01-01T00:00:00Z"), position(at="2035-01-01T00:00:00+01:00")]
    assert len(client.post_facts(facts).json()["stored"]) == 2
    assert [row.at.year for row in client.store.facts()] == [1999, 2034]


def test_batches_newest_first_interleaved_and_doubled_come_out_in_the_order_of_observation(client: Client) -> None:
    facts = [position(at=f"2026-11-20T05:{k // 60:02d}:{k % 60:02d}Z") for k in range(300)]
    shuffled = [*reversed(facts), *facts[::7], *facts[::3]]
    for start in range(0, len(shuffled), 45):
        client.post_facts(shuffled[start : start + 45])
    assert [row.json()["id"] for row in client.store.facts("position", "T1")] == [fact["id"] for fact in facts]


def test_ten_thousand_facts_at_once_are_no_trouble(client: Client) -> None:
    facts = [position() for _ in range(10_000)]
    answer = client.post_facts(facts)
    assert answer.status_code == 200
    assert len(answer.json()["stored"]) == client.store.count() == 10_000


def test_what_a_kind_does_not_know_is_not_kept(client: Client) -> None:
    fact = position()
    client.post_facts([fact | {"crew_name": "Zoé", "satellites": 9}])
    assert client.store.after(0)[0].json() == fact


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "a JSON object, must be an array"),
        (b"null", "a JSON null, must be an array"),
        (b'"facts"', "a JSON string, must be an array"),
    ],
)
def test_a_body_that_is_no_array_is_said_to_be_none(client: Client, body: bytes, said: str) -> None:
    answer = client.ask("POST", "/facts", "box T1", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_number_that_is_none_and_half_a_character_cost_their_own_fact_only(client: Client) -> None:
    good = position()
    for damage in ('"speed_mps":NaN', '"truck":"\\ud800"', '"lat_deg":1e999', '"eph_m":' + "9" * 400):
        bad = json.dumps(position())[:-1] + "," + damage + "}"
        answer = client.ask("POST", "/facts", "box T1", content=f"[{json.dumps(good)},{bad}]")
        assert answer.status_code == 200
        assert answer.json()["stored"] == [good["id"]], damage
        assert len(answer.json()["refused"]) == 1


def test_half_a_character_in_a_note_is_refused(client: Client) -> None:
    incident = {"kind": "incident", "id": str(uuid.uuid4()), "at": "2026-11-20T05:00:00Z", "truck": "T1"}
    body = json.dumps([incident | {"category": "other", "note": "\ud800"}])
    answer = client.ask("POST", "/facts", "box T1", content=body).json()
    assert answer["refused"][0]["id"] == incident["id"]


def test_gzip_is_taken_and_a_bomb_is_not(client: Client) -> None:
    fact = position()
    packed = {"Content-Encoding": "gzip"}
    answer = client.ask("POST", "/facts", "box T1", content=gzip.compress(orjson.dumps([fact])), headers=packed)
    assert answer.json()["stored"] == [fact["id"]]
    bomb = gzip.compress(b" " * 500_000_000, 9)
    start_s = time.monotonic()
    assert client.ask("POST", "/facts", "box T1", content=bomb, headers=packed).status_code == 413
    assert time.monotonic() - start_s < 2
    for damaged in (b"no gzip", gzip.compress(b"[]")[:-3]):
        answer = client.ask("POST", "/facts", "box T1", content=damaged, headers=packed)
        assert (answer.status_code, "gzip" in answer.json()["detail"]) == (400, True)
    assert client.ask("POST", "/facts", "box T1", content=b"", headers={"Content-Encoding": "br"}).status_code == 415


def test_a_body_over_the_limit_is_told_to_come_in_parts(tmp_path: Path) -> None:
    with depot(tmp_path / "depot.db", settings=DepotSettings(most_facts_bytes=10_000)) as client:
        assert client.post_facts([position() for _ in range(100)]).status_code == 413

        def parts() -> Iterator[bytes]:  # without a Content-Length
            yield from (b"[" + b" " * 5_000, b" " * 5_000, b"]")

        assert client.ask("POST", "/facts", "box T1", content=parts()).status_code == 413
        assert client.post_facts([position() for _ in range(30)]).status_code == 200


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(junk | st.dictionaries(st.sampled_from(sorted(position())), junk), max_size=5))
def test_whatever_is_in_an_array_each_item_is_answered(client: Client, items: list[Any]) -> None:
    mixed = [position() | item if isinstance(item, dict) else item for item in items]
    answer = client.ask("POST", "/facts", "box T1", content=json.dumps(mixed))
    assert answer.status_code == 200
    assert len(answer.json()["stored"]) + len(answer.json()["refused"]) == len(items)


# --- trouble -----------------------------------------------------------------------------------------------------


def test_a_locked_database_is_a_503_and_the_facts_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_S", 0.2)
    facts = [position()]
    with depot(tmp_path / "depot.db") as client:
        client.post_facts([])
        with closing(sqlite3.connect(tmp_path / "depot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = client.post_facts(facts)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "locked" in answer.json()["detail"]
            assert client.ask("GET", "/health").status_code == 503
            other.execute("ROLLBACK")
        assert client.post_facts(facts).json()["stored"] == [facts[0]["id"]]
        assert client.ask("GET", "/health").json() == {"status": "ok"}


def test_a_full_disk_is_a_507_with_the_reason_and_health_says_so(client: Client) -> None:
    client.post_facts([position()])
    pages = client.store.write(lambda connection: connection.execute(text("PRAGMA page_count")).scalar_one())
    client.store.write(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {pages + 1}")))
    answer = client.post_facts([position() for _ in range(500)])
    assert answer.status_code == 507
    assert "full" in answer.json()["detail"]
    assert "full" in client.ask("GET", "/health").json()["why"]
    assert client.store.count() == 1


def test_a_database_that_does_not_answer_is_a_503_not_a_wait_without_end(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("depot_api.facts.intake.PATIENCE_S", 0.2)
    client.post_facts([])
    gate = threading.Event()
    blocker = threading.Thread(target=client.store.write, args=(lambda _: gate.wait(20),))
    blocker.start()
    fact = position()
    assert client.post_facts([fact]).status_code == 503
    gate.set()
    blocker.join()
    monkeypatch.setattr("depot_api.facts.intake.PATIENCE_S", 20)
    assert client.post_facts([fact]).json()["stored"] == [fact["id"]]
    assert client.store.count() == 1


# --- the real process, killed ------------------------------------------------------------------------------------


class _Box(threading.Thread):
    """Posts batches as a box does: the same again until the depot names them."""

    def __init__(self, depot: DepotProcess, token: str) -> None:
        super().__init__()
        self.depot, self.token = depot, token
        self.named: list[str] = []
        self.made: set[str] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            batch = [position() for _ in range(50)]
            self.made |= {fact["id"] for fact in batch}
            while not self.stop.is_set():
                try:
                    status, answer, _ = asked(self.depot.port, "POST", "/facts", self.token, orjson.dumps(batch))
                except (OSError, HTTPException):
                    time.sleep(0.02)
                    continue
                if status == 200:
                    self.named += answer["stored"]
                    break
                assert status == 503, answer
                time.sleep(0.02)


@pytest.mark.slow
def test_a_depot_killed_at_random_moments_has_every_fact_that_it_named_and_none_twice(db_url: str) -> None:
    chance = random.Random(1)
    with Store(db_url) as store:
        token = make_token(store, "box", "T1")
    with DepotProcess(db_url) as depot:
        boxes = [_Box(depot, token) for _ in range(3)]
        for box in boxes:
            box.start()
        for _ in range(3):
            time.sleep(chance.uniform(0.05, 0.8))
            depot.kill()
            depot.start()
        counts = [len(box.named) for box in boxes]
        wait_until(lambda: all(len(box.named) > n for box, n in zip(boxes, counts, strict=True)), "facts at the end")
        for box in boxes:
            box.stop.set()
            box.join()
    with Store(db_url) as store:
        stored = [row.json()["id"] for row in store.after(0, 10_000_000)]
    named = {id for box in boxes for id in box.named}
    assert len(stored) == len(set(stored))
    assert named <= set(stored) <= {id for box in boxes for id in box.made}


@pytest.mark.postgres
def test_a_postgresql_that_is_away_is_a_503_and_comes_back(postgres_cluster: Cluster) -> None:
    fact = position()
    with depot(postgres_cluster.new_database()) as client:
        client.post_facts([])
        postgres_cluster.kill()
        answer = client.post_facts([fact])
        assert answer.status_code == 503
        assert client.ask("GET", "/health").status_code == 503
        postgres_cluster.start()
        try:
            assert client.post_facts([fact]).json()["stored"] == [fact["id"]]
        except StoreDown:  # pragma: no cover
            pytest.fail("the store did not come back")
