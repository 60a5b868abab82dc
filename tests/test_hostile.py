"""What hostile and clumsy clients do: others' facts, bodies without an end, values that break whoever shows them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import QueuePool

from depot_api.access import audit_log, oidc
from depot_api.accounts import users
from depot_api.facts import phones
from depot_api.facts.json_array import read_array
from depot_api.settings.depot import DepotSettings
from depot_api.settings.file import Provider
from depot_api.settings.roles import Caller
from depot_api.store.store import Store, StoreDown, new_fact
from fleet import Position, fact_from_json

from .depot_clients import Client, depot, position
from .people_depot import Scene, people_app, scene

__all__ = ["scene"]

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with depot(tmp_path / "depot.db") as made:
        yield made


# --- others' facts ---------------------------------------------------------------------------------------------------


def test_a_box_that_guesses_another_truck_s_id_takes_nothing_from_it(db_url: str) -> None:
    theirs = position("T2", id=phones.position_id("T2", NOW))  # anybody can work a phone's ids out
    with depot(db_url) as client:
        client.post_facts([position("T1", id=theirs["id"])])
        assert client.post_facts([theirs], "box T2").json() == {"stored": [theirs["id"]], "refused": []}
        assert client.post_facts([theirs | {"lat_deg": 1.0}], "box T2").json()["stored"] == [theirs["id"]]
        assert [row.json() for row in client.store.facts(who="T2")] == [theirs]
        assert client.store.count() == 2


def test_no_health_is_of_a_truck_and_a_site(client: Client) -> None:
    health = {"kind": "health", "id": str(uuid.uuid4()), "at": "2026-11-20T05:00:00Z", "pending": 9}
    for who in ("box T1", "bridge T1"):
        (refused,) = client.post_facts([health | {"site": "T1", "truck": "T2"}], who).json()["refused"]
        assert refused["why"] == "health: truck and site, must be one of them: it is a box's or a bridge's"


# --- values that break whoever reads or shows them -------------------------------------------------------------------


@pytest.mark.parametrize("photos", ["[1]", "[{}]", "[null]", '["x"]', "[[]]"])
def test_photos_that_are_no_sums_are_refused_like_any_other_value(photos: str) -> None:
    (j,) = read_array(
        b'[{"kind":"incident","category":"other","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","photos":%s}]'
        % (str(uuid.uuid4()).encode(), photos.encode())
    )
    with pytest.raises(ValueError, match="must be up to 10 SHA-256 sums"):
        fact_from_json(j)


@pytest.mark.parametrize("depth", [900, 985, 1_000, 1_020])
def test_a_value_nested_deep_costs_no_other_fact(client: Client, depth: int) -> None:
    nested, good = b"[" * depth + b"]" * depth, position()
    bad = b'{"kind":"position","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","lat_deg":%s,"lon_deg":7}'
    bodies = (bad % (str(uuid.uuid4()).encode(), nested), nested, b'{"kind":"position","id":%s}' % nested)
    for body in bodies:
        sent = b"[%s,%s]" % (body, str(good).replace("'", '"').encode())
        answer = client.ask("POST", "/facts", "box T1", content=sent)
        assert answer.status_code == 200, answer.text[:200]
        assert answer.json()["stored"] == [good["id"]]


@pytest.mark.parametrize("body", ['{"truck": NaN, "text": "x"}', '{"truck": {"a": "\\ud800"}, "text": "x"}', "[" * 900])
def test_a_typed_body_that_no_json_could_tell_back_is_refused_with_its_place(client: Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.ask("POST", "/messages", "planner P", content=body, headers=headers)
    assert answer.status_code == 422
    assert "input" not in answer.text


def test_a_zero_character_is_a_400_on_either_database(db_url: str) -> None:
    with depot(db_url) as client:
        for path in ("/tours/%00", "/tours/T1?tour=%00", "/messages?truck=%00", "/live/tours/a%00"):
            assert client.ask("GET", path, "planner P").status_code == 400, path
        assert client.ask("POST", "/login", data={"name": "\0", "password": "x"}).status_code == 401


def test_a_reason_with_a_zero_character_is_none(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store, pytest.raises(ValueError, match="zero character"):
        audit_log.record_access(store, Caller("planner", "a"), "replay", "because\0of it", NOW)


def test_a_digit_that_is_no_number_shows_the_newest_looks(scene: Scene) -> None:
    assert scene.person("staff_representative").get("/looks?before=%C2%B2").status_code == 200


# --- bodies without an end -------------------------------------------------------------------------------------------


def _endless(first: bytes, then: bytes, sent: list[int]) -> Iterator[bytes]:
    yield first
    for _ in range(600):
        sent[0] += len(then)
        yield then


@pytest.mark.parametrize("path", ["/messages", "/replay", "/people", "/login", "/phones/traccar", "/nowhere"])
def test_nobody_fills_the_memory_without_a_token(client: Client, path: str) -> None:
    kind = "application/json" if path in ("/messages", "/replay") else "application/x-www-form-urlencoded"
    sent = [0]
    try:
        answer = client.ask("POST", path, content=_endless(b"[", b" " * 65_536, sent), headers={"Content-Type": kind})
        assert answer.status_code in (401, 403, 404, 413)
    except OSError:  # hung up on while still sending
        pass
    assert path not in ("/messages", "/replay") or answer.status_code == 413


@pytest.mark.parametrize("then", [b"\0" * 65_536, b"\0\0\0\xff\xff" * 13_107], ids=["behind the end", "empty blocks"])
def test_what_is_packed_counts_too(tmp_path: Path, then: bytes) -> None:
    head = gzip.compress(b"[]")
    first = head if then[:4] == b"\0\0\0\0" else head[:10]  # the head alone, then blocks that unpack to nothing
    with depot(tmp_path / "depot.db", settings=DepotSettings(most_facts_bytes=1 << 20)) as client:
        answer = client.ask(
            "POST", "/facts", "box T1", content=_endless(first, then, [0]), headers={"Content-Encoding": "gzip"}
        )
        assert answer.status_code == 413


def test_nothing_that_hangs_behind_a_gzip_is_passed_over(client: Client) -> None:
    packed = {"Content-Encoding": "gzip"}
    for behind in (b"x", gzip.compress(b"[]")):
        content = gzip.compress(b"[]") + behind
        assert client.ask("POST", "/facts", "box T1", content=content, headers=packed).status_code == 400


# --- one client's work is not another's wait -------------------------------------------------------------------------


def test_a_picture_that_takes_long_keeps_nobody_waiting(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go = threading.Event(), threading.Event()

    def slow(_: bytes) -> bytes:
        began.set()
        go.wait(20)
        return b""

    monkeypatch.setattr("depot_api.facts.photos.without_metadata", slow)
    body = b"\xff\xd8\xff" + b"\xff" * 100
    put = ("PUT", f"/photos/{hashlib.sha256(body).hexdigest()}", "box T1")
    client.ask("GET", "/me", "box T1")
    sender = threading.Thread(target=client.ask, args=put, kwargs={"content": body})
    sender.start()
    assert began.wait(10)
    try:
        assert client.ask("GET", "/people.css", timeout=5).status_code == 200
    finally:
        go.set()
        sender.join()


def test_an_identity_provider_that_hangs_leaves_threads_for_the_others(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = Provider(
        name="Mairie",
        issuer="http://127.0.0.1:9",
        client_id="x",
        client_secret="x",
        public_url="http://localhost:8000",
        roles={"x": "planner"},
    )
    app = people_app(scene.store, scene.clock, DepotSettings(oidc=provider))
    waiting, go, lock, most = [0], threading.Event(), threading.Lock(), 8

    def hangs(*_: Any) -> str:
        with lock:
            waiting[0] += 1
        go.wait(20)
        return "http://127.0.0.1:9/authorize"

    monkeypatch.setattr(oidc, "_address", hangs)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://depot") as http:
            asked = [asyncio.create_task(http.get("/login/oidc")) for _ in range(most)]
            await asyncio.sleep(0.5)
            assert 0 < waiting[0] < most
            go.set()
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {303}

    asyncio.run(ask())


@pytest.mark.postgres
def test_readers_that_hold_every_connection_do_not_stop_the_writer(postgres_url: str) -> None:
    with Store(postgres_url) as store:
        pool = store.engine.pool
        assert isinstance(pool, QueuePool)
        pool._timeout = 0.2
        held = [store.engine.connect() for _ in range(pool.size() + 8)]
        try:
            fact = Position(id=str(uuid.uuid4()), at=NOW, truck="T1", lat_deg=43.0, lon_deg=7.0)
            store.add([new_fact(fact, NOW)])
            with pytest.raises(StoreDown, match="QueuePool"):
                store.count()
        finally:
            for connection in held:
                connection.close()
        assert store.count() == 1


# --- killed between two commits --------------------------------------------------------------------------------------


def test_a_new_password_and_the_end_of_the_old_sessions_are_one_commit(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner = scene.person("planner")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("depot_api.access.admin_page.users.sessions.end_sessions_of", killed)
        with pytest.raises(StoreDown, match="the writer died and began again"):
            users.change_account(scene.store, "a.planner", role="crew_leader")
    assert users.account_named(scene.store, "a.planner").role == "planner"
    assert planner.get("/me").json()["role"] == "planner"
