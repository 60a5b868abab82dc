"""What one request may hold and one account may take: counted before it is collected, and told where it is too much."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from depot_api.accounts import sessions, users
from depot_api.app.http_limits import MOST_HEAD_BYTES
from depot_api.facts.json_array import MOST_FACTS, MOST_VALUES, Unreadable, read_array
from depot_api.facts.messages import MOST_MESSAGES
from depot_api.live.day import MOST_LISTED
from depot_api.plans.publishing import read_publication
from depot_api.reports.contractor import MOST_CELLS, MOST_ROWS, MOST_STRETCHES, read_positions
from depot_api.reports.day_report import day_report
from depot_api.settings.roles import Caller
from depot_api.state import quotas
from depot_api.state.quotas import Quota
from depot_api.store.store import Store
from fleet import Incident, Message, Position, new_id
from optimizer.evidence.evidence import TourEvidence
from optimizer.evidence.follow import FollowedTour

from .depot_clients import Client, depot, position
from .forgeries import NOW
from .live_day import START, driven, duty, live_at, matcher, published, put
from .services import wait_until
from .small_plan import small_plan

MIB = 1 << 20
T1 = Caller("box", "T1", ("T1",))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with depot(tmp_path / "depot.db") as made:
        yield made


# --- facts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", [b"1", b"{}", b"[]", b'""', b"0.1", b"null", b'{"a":{}}', b"[" * 400 + b"]" * 400], ids=repr
)
def test_a_body_of_sixteen_mib_of_small_things_is_turned_away_by_a_count(client: Client, part: bytes) -> None:
    body = b"[" + b",".join([part] * ((16 * MIB - 2) // (len(part) + 1))) + b"]"
    answer = client.ask(
        "POST", "/facts", "box T1", content=gzip.compress(body, 1), headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 413
    assert answer.json()["detail"] == f"more than {MOST_FACTS} facts, or {MOST_VALUES} values, send less at once"
    assert client.post_facts([position()]).status_code == 200


def test_as_many_facts_as_are_taken_at_once_are_each_judged() -> None:
    assert len(read_array(b"[" + b",".join([b"1"] * MOST_FACTS) + b"]")) == MOST_FACTS
    with pytest.raises(HTTPException, match="413"):
        read_array(b"[" + b",".join([b"1"] * (MOST_FACTS + 1)) + b"]")


ODD = {
    "5,000 digits": b'"lat_deg":' + b"9" * 5_000,
    "digits by the thousand": b'"lat_deg":' + b"9" * 4_200,
    "nested 100,000 deep": b'"lat_deg":' + b"[" * 100_000 + b"]" * 100_000,
    "nested 100,000 objects deep": b'"lat_deg":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no number": b'"lat_deg":-',
    "no word": b'"lat_deg":nul',
    "a text with a tab": b'"note":"\t"',
    "no UTF-8": b'"note":"\xff"',
    "two values": b'"note":1 1',
    "a comma too many": b'"note":1,',
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_no_parser_reads_costs_no_other_fact(client: Client, odd: bytes) -> None:
    good, id = [position(), position()], str(uuid.uuid4())
    bad = b'{"kind":"position","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z",%s}' % (id.encode(), odd)
    body = b"[%s,\n%s, %s]" % (orjson.dumps(good[0]), bad, orjson.dumps(good[1]))
    answer = client.ask("POST", "/facts", "box T1", content=body)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.json()["stored"] == [fact["id"] for fact in good]
    (refused,) = answer.json()["refused"]
    assert refused["id"] == id
    assert len(refused["why"]) < 400


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"]", b"[[]", b"[1]]", b'["]', b"[1}", b"{]", b'[1,"a', b"[1] 2", b"[{]}]", b"nul", b"\xff", b'"["'],
)
def test_what_is_no_array_at_all_is_refused_whole(body: bytes) -> None:
    with pytest.raises(HTTPException, match="400"):
        read_array(body)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 0, 1, "\t"]), st.booleans())
def test_beside_one_that_is_unreadable_all_others_are_read_as_they_are(
    given_: list[object], indent: int | str | None, plain: bool
) -> None:
    parts = [json.dumps(value, indent=indent, ensure_ascii=plain).encode("utf-8", "surrogatepass") for value in given_]
    odd = b'{"id": "x", "n": %s}' % (b"9" * 500)
    read = read_array(b"[" + b" , ".join([*parts, odd]) + b"]")
    assert read[:-1] == given_
    assert isinstance(read[-1], Unreadable)


@given(st.binary(max_size=60).map(lambda b: b"[" + b + b"]"))
def test_whatever_comes_is_a_list_or_a_400(body: bytes) -> None:
    why = None
    try:
        assert isinstance(read_array(body), list)
    except HTTPException as refused:
        why = refused.status_code
    assert why in (None, 400)


@pytest.mark.parametrize("value", ["x" * 10**6, ["x"] * 10**5, {str(k): k for k in range(10**4)}, [[[[[[]]]]]]])
def test_a_reason_spells_out_no_more_of_a_value_than_a_person_reads(value: object) -> None:
    with pytest.raises(ValueError, match="truck = ") as refused:
        Position(id=str(uuid.uuid4()), at=NOW, truck=value, mode=1)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 200


def test_what_was_meant_as_an_id_is_told_back_only_as_far_as_one_may_be_long(client: Client) -> None:
    answer = client.ask("POST", "/facts", "box T1", content=b'[{"id":"%s"},{"id":"short"}]' % (b"x" * 10**6))
    assert [refused["id"] for refused in answer.json()["refused"]] == [None, "short"]


# --- tables, plans ---------------------------------------------------------------------------------------------------

HEAD = "at,lat_deg,lon_deg\n"


@pytest.mark.parametrize(
    "text",
    [HEAD + "\n" * 10**6, HEAD + "\r" * 10**6, HEAD + ",\n" * 10**6, HEAD + "," * 10**6, "at" + "," * 10**6,
     HEAD.replace(",", ";") + ";" * 10**6],
    ids=["lines", "old ends of lines", "cells in lines", "cells in a line", "a head", "semicolons"],
)  # fmt: skip
def test_rows_and_cells_of_a_table_are_counted_before_they_are_read(text: str) -> None:
    with pytest.raises(HTTPException, match="413") as refused:
        next(read_positions(text, T1, NOW))
    assert refused.value.detail == f"more than {MOST_ROWS} rows, or {MOST_CELLS} cells, send fewer at once"


def test_a_table_as_long_as_is_taken_is_read_to_its_end() -> None:
    assert sum(1 for _ in read_positions(HEAD + "x,y,z\r\n" * MOST_ROWS, T1, NOW)) == MOST_ROWS


def test_characters_that_some_take_for_the_end_of_a_line_are_none() -> None:
    assert len(list(read_positions(HEAD + "x\x1c\u2028\x0b" * 1_000, T1, NOW))) == 1


def test_a_plan_of_values_too_short_for_one_is_turned_away_by_a_count() -> None:
    with pytest.raises(HTTPException, match="413"):
        read_publication(b'{"plan":{"tasks":[%s]}}' % b",".join([b"{}"] * 10**6))


# --- HTTP itself -----------------------------------------------------------------------------------------------------


def _told(client: Client, *parts: bytes) -> bytes:
    """What the depot answers to these bytes, sent over a line of their own; b"" where it only hangs up."""
    port = client.http.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line, suppress(ConnectionError):
        for part in parts:
            line.sendall(part)
        return line.recv(100)
    return b""


@pytest.mark.parametrize("line", [b"a: b\r\n", b"a", b"\r\n"], ids=["headers", "one header", "empty lines"])
def test_a_head_without_an_end_is_hung_up_on(client: Client, line: bytes) -> None:
    first = b"" if line == b"\r\n" else b"GET / HTTP/1.1\r\n" + (b"x: " if line == b"a" else b"")
    told = _told(client, first, *[line * 4_096] * (64 * MOST_HEAD_BYTES // 4_096))
    assert told == b"" or told.startswith(b"HTTP/1.1 400")
    assert client.post_facts([position()]).status_code == 200


def test_a_body_in_pieces_of_a_byte_is_hung_up_on(client: Client) -> None:
    client.post_facts([])
    head = f"POST /facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.tokens['box T1']}\r\n"
    told = _told(client, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n" * 1_000] * 100)
    assert told == b"" or told.startswith(b"HTTP/1.1 400")
    assert client.post_facts([position()]).status_code == 200


def test_a_large_body_that_comes_at_once_and_one_in_fair_pieces_are_read(client: Client) -> None:
    facts = [position() for _ in range(1_000)]
    body = orjson.dumps(facts)

    def pieces() -> Iterator[bytes]:
        for k in range(0, len(body), 100):
            yield body[k : k + 100]

    assert len(client.ask("POST", "/facts", "box T1", content=pieces()).json()["stored"]) == 1_000
    for _ in range(3):  # over one line, kept
        assert len(client.ask("POST", "/facts", "box T1", content=body).json()["stored"]) == 1_000


# --- shares ----------------------------------------------------------------------------------------------------------


def test_streams_of_one_account_and_of_all_contractors_leave_room_for_the_others() -> None:
    streams = quotas.Quotas().streams
    planner = Caller("planner", "P")
    taken = 0
    for k in range(100):
        acme = Caller("contractor", f"acme {k}", ("T1",))
        with suppress(HTTPException):
            for _ in range(200):
                streams.acquire(acme)
                taken += 1
    assert taken == quotas.STREAMS_BOUND
    for _ in range(quotas.STREAMS):
        streams.acquire(planner)
    with pytest.raises(HTTPException, match="429"):
        streams.acquire(planner)
    streams.release(planner)
    streams.acquire(planner)


def test_a_share_is_whole_again_when_all_is_given_back() -> None:
    share, who = Quota("bytes", 10), Caller("box", "T1", ("T1",))
    for _ in range(3):
        with share.growing(who) as more:
            more(6)
            with pytest.raises(HTTPException, match="429"):
                more(5)
        with share.growing(who) as more:
            more(10)
    with share.held(who), share.held(Caller("box", "T2")):
        pass
    share.acquire(who, 10)


def test_open_streams_of_a_contractor_do_not_shut_a_planner_out(client: Client) -> None:
    users.add_account(client.store, "acme", "contractor", password="a long enough password", now=NOW, bound_to=("T1",))
    app_depot = client.app.state.depot
    cookie = {"Cookie": f"{sessions.COOKIE}={sessions.begin_session(app_depot, 'acme')}"}
    opened, go = [0], threading.Event()

    def watch() -> None:
        with client.http.stream("GET", "/live/stream", headers=cookie) as stream:
            if stream.status_code == 200:
                opened[0] += 1
                go.wait(60)

    watchers = [threading.Thread(target=watch) for _ in range(quotas.STREAMS)]
    try:
        for watcher in watchers:
            watcher.start()
        wait_until(lambda: opened[0] == quotas.STREAMS, "the streams", 60)
        assert client.http.get("/live/stream", headers=cookie).status_code == 429
        client.ask("GET", "/me", "planner P")
        token = {"Authorization": f"Bearer {client.tokens['planner P']}"}
        with client.http.stream("GET", "/live/stream", headers=token) as stream:
            assert stream.status_code == 200
    finally:
        go.set()
        for watcher in watchers:
            watcher.join()


def test_an_account_reads_so_many_past_days_at_once_and_others_read_theirs(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Semaphore(0), threading.Event()
    real = client.app.state.depot.quotas.heavy

    def slow(*_: object, **__: object) -> object:
        entered.release()
        go.wait(60)
        raise HTTPException(404, "none")

    monkeypatch.setattr("depot_api.reports.day_report.day_report", slow)
    client.ask("GET", "/me", "planner P")
    client.ask("GET", "/me", "planner Q")
    busy = [threading.Thread(target=client.ask, args=("GET", "/days/2026-11-20/report", "planner P"))
            for _ in range(quotas.HEAVY)]  # fmt: skip
    for thread in busy:
        thread.start()
    try:
        for _ in busy:
            assert entered.acquire(timeout=60)
        assert client.ask("GET", "/days/2026-11-20/report", "planner P").status_code == 429
        other = threading.Thread(target=client.ask, args=("GET", "/days/2026-11-20/report", "planner Q"))
        other.start()
        assert entered.acquire(timeout=60)
    finally:
        go.set()
        for thread in [*busy, other]:
            thread.join()
    real.acquire(Caller("planner", "P"), quotas.HEAVY)


def test_one_truck_does_not_fill_every_console(tmp_path: Path) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        at = START + timedelta(hours=1)
        put(store, [Incident(id=new_id(at), at=at, truck="T1", category="other") for _ in range(MOST_LISTED + 50)])
        put(store, [Incident(id=new_id(at), at=at, truck="T2", category="damage")])
        live = live_at(store, at)
        assert Counter(line["truck"] for line in live.board.values("incidents")) == {"T1": MOST_LISTED, "T2": 1}
        assert sum(1 for _ in store.facts("incident")) == MOST_LISTED + 51, "all of them are kept"


def test_a_contractor_s_report_of_a_past_day_reads_no_other_s_tours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        first = published(store)
        put(store, [*driven(0), *driven(1)])
        assert published(store, replace(small_plan(), seed=2), START + timedelta(hours=1)) == first + 1
        read: list[str | None] = []
        real = store.facts

        def facts(kind: Any = None, who: str | None = None, *bounds: Any, **more: Any) -> Any:
            read.append(who)
            return real(kind, who, *bounds, **more)

        monkeypatch.setattr(store, "facts", facts)
        report = day_report(
            store, None, START.date(), START + timedelta(days=2), matcher(), of=lambda truck: truck == "T1"
        )
        assert [tour.truck for tour in report.tours] == ["T1"]
        assert "T2" not in read


# --- what looked cheap -----------------------------------------------------------------------------------------------


def test_trucks_fortnights_of_a_table_are_counted_before_they_are_looked_up(client: Client) -> None:
    days = [datetime(1980, 1, 10, tzinfo=UTC) + timedelta(days=14 * k) for k in range(MOST_STRETCHES + 1)]
    rows = [f"{day:%Y-%m-%dT%H:%M:%SZ},43.7,7.4" for day in days]
    answer = client.ask("POST", "/contractor/positions", "box T1", content=HEAD + "\n".join(rows[:-1]))
    assert answer.status_code == 200
    answer = client.ask("POST", "/contractor/positions", "box T1", content=HEAD + "\n".join(rows))
    assert (answer.status_code, "fortnights" in answer.json()["detail"]) == (413, True)


def test_a_refusal_does_not_name_every_truck_of_an_account() -> None:
    big = Caller("contractor", "big", tuple(f"{k:040d}" for k in range(200)))
    why = big.why_not("position", "T1")
    assert why is not None
    assert len(why) < 250


def test_words_of_duty_that_come_together_are_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    monkeypatch.setattr(TourEvidence, "add_end", lambda _, at: looked.append(at))
    tour = small_plan().tours[0]
    followed = FollowedTour(matcher(), tour, small_plan().tasks_by_id)
    followed.add_all(duty(START + timedelta(seconds=k), ("start", "end")[k % 2], tour.truck) for k in range(100))
    assert looked == [START + timedelta(seconds=99)]


def test_tickets_are_read_once_for_all_tours_of_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[object] = []
    facts = Store.facts
    monkeypatch.setattr(Store, "facts", lambda self, *a, **k: (asked_for.append(a[:1]), facts(self, *a, **k))[1])
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        assert len(day_report(store, None, START.date(), START).tours) == 2
    assert asked_for.count(("ticket",)) == 1


@pytest.mark.parametrize("charset", ["undefined", "punycode"])
def test_a_form_in_a_character_set_of_no_text_is_told(client: Client, charset: str) -> None:
    users.add_account(client.store, "C", "contractor", password="a password of ours", now=NOW, bound_to=["T1"])
    answer = client.http.post("/login", data={"name": "C", "password": "a password of ours"})
    assert answer.status_code == 303
    form = b'--a\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\xff-\xff\r\n--a--\r\n'
    answer = client.http.post(
        "/contractor/notes",
        content=form,
        headers={
            "Content-Type": f"multipart/form-data; boundary=a; charset={charset}",
            "X-CSRF-Token": client.http.get("/me").json()["csrf"],
        },
    )
    assert answer.status_code == 422


def test_small_values_count_in_an_account_s_quota_by_what_they_cost(client: Client) -> None:
    bodies = client.app.state.depot.quotas.bodies
    body = b"[" + b",".join([b'{"a":[{},{},{},{},{},{},{},{}]}'] * 30_000) + b"]"  # 0.9 MB, 14 MB as values
    bodies.acquire(T1, quotas.BODY_BYTES - 10 * MIB)
    try:
        assert client.ask("POST", "/facts", "box T1", content=body).status_code == 429
        assert client.post_facts([position()] * 100).status_code == 200
    finally:
        bodies.release(T1, quotas.BODY_BYTES - 10 * MIB)
    assert client.ask("POST", "/facts", "box T1", content=body).status_code == 200


def test_messages_are_asked_of_the_database_no_more_than_are_told(client: Client) -> None:
    told = [
        Message(id=new_id(NOW), at=NOW + timedelta(seconds=k % 400), truck=f"T{k % 2 + 1}", sender="crew", text=str(k))
        for k in range(1_500)
    ]
    put(client.store, told, NOW)
    for who, own in (("box T1", told[::2]), ("planner P", told)):
        newest = sorted(own, key=lambda fact: fact.at)[-MOST_MESSAGES:]
        assert [fact["id"] for fact in client.ask("GET", "/messages", who).json()] == [fact.id for fact in newest]
    read = client.store.newest("message", ["T2"], 3)
    assert [row.fact() for row in read] == sorted(told[1::2], key=lambda fact: fact.at)[-3:]
    assert client.store.newest("message", None, 3, NOW + timedelta(days=1)) == []


def test_a_truck_s_place_is_looked_for_in_its_newest_spans_on_duty_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        published(store)
        live = live_at(store, START + timedelta(hours=2))
        words = [duty(START + timedelta(seconds=k), ("start", "end")[k % 2]) for k in range(1_000)]
        put(store, [Position(id=new_id(NOW), at=START, truck="T1", lat_deg=43.7, lon_deg=7.4), *words])
        live.follow()
        assert live.day is not None
        monkeypatch.setattr("depot_api.live.state.MOST_SPANS", 499)
        assert live._last_places("T1", live.day) == []
        monkeypatch.setattr("depot_api.live.state.MOST_SPANS", 500)
        assert len(live._last_places("T1", live.day)) == 1


def test_requests_of_one_account_wait_for_each_other_and_keep_nobody_else_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        entered.release()
        go.wait(60)
        return []

    monkeypatch.setattr(client.store, "newest", slow)
    client.ask("GET", "/me", "box T1")
    client.ask("GET", "/me", "box T2")
    asked = [threading.Thread(target=client.ask, args=("GET", "/messages", "box T1")) for _ in range(60)]
    for thread in asked:
        thread.start()
    try:
        for _ in range(quotas.REQUESTS):
            assert entered.acquire(timeout=60)
        assert not entered.acquire(timeout=0.5), "the others wait"
        assert client.post_facts([position("T2")], "box T2").status_code == 200
        assert client.ask("GET", "/live", "planner P").status_code == 200
    finally:
        go.set()
        for thread in asked:
            thread.join(60)
    slots = client.app.state.depot.quotas.request_slots
    wait_until(lambda: not slots._places, "every slot released")
