"""The sender: lost answers, a depot that fails, a fact that it cannot take; live first; nothing lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from fleet import Fact, Incident, Position, new_id
from onboard.box.errands import DepotPoller
from onboard.clock import DrillClock
from onboard.outbox.outbox import Outbox
from onboard.outbox.sender import LONGEST_WAIT_S, DepotClient, DepotError, Sender, drain

from .clocks import ToldClock
from .fake_depot import FakeDepot, fake_depot
from .gpsd_service import free_port

START = datetime(2026, 11, 20, 5, tzinfo=UTC)


def position(second: int) -> Position:
    at = START + timedelta(seconds=second)
    return Position(id=new_id(at), at=at, truck="T1", lat_deg=43.7, lon_deg=7.4, mode=3)


@pytest.fixture
def depot() -> Iterator[FakeDepot]:
    with fake_depot() as there:
        yield there


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.db")) as box:
        yield box


opened: list[DepotClient] = []


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


def open_depot(url: str) -> DepotClient:
    opened.append(DepotClient(url, "secret", timeout_s=5))
    return opened[-1]


def sender_of(outbox: Outbox, depot: FakeDepot, batch: int = 100) -> Sender:
    return Sender(outbox, open_depot(depot.url), ToldClock(START), Random(1), batch)


def emptied(sender: Sender, most_steps: int = 400) -> int:
    """Step until nothing is left; how many steps it took."""
    for step in range(most_steps):
        if sender.outbox.counts().pending == 0:
            return step
        sender.clock.sleep(abs(sender.step()))
    raise AssertionError(f"{sender.outbox.counts()} after {most_steps} steps: {sender.trouble}")


def put(outbox: Outbox, n: int) -> list[Fact]:
    facts: list[Fact] = [position(s) for s in range(n)]
    outbox.put_all(facts)
    return facts


def test_what_is_put_in_arrives_once_over_one_connection_compressed(outbox: Outbox, depot: FakeDepot) -> None:
    facts = put(outbox, 1000)
    emptied(sender_of(outbox, depot))
    assert sorted(depot.stored) == sorted(fact.id for fact in facts)
    assert depot.stored[facts[0].id] == facts[0].to_json()
    assert depot.connections == 1
    assert {head["Authorization"] for head in depot.headers} == {"Bearer secret"}
    assert {head["Content-Encoding"] for head in depot.headers} == {"gzip"}


@pytest.mark.parametrize("plan", [["lose"], ["drop"], ["lose", "drop", 503, "lose"], ["odd", 502], [500, 500], [429]])
def test_a_lost_answer_neither_loses_nor_doubles_a_fact(
    outbox: Outbox, depot: FakeDepot, plan: list[int | str]
) -> None:
    facts = put(outbox, 250)
    depot.plan = list(plan)
    emptied(sender_of(outbox, depot))
    assert sorted(depot.stored) == sorted(fact.id for fact in facts)
    assert sorted(depot.order) == sorted(fact.id for fact in facts), "each came to be stored once"


def test_a_depot_that_is_not_there_is_asked_less_and_less_often(outbox: Outbox) -> None:
    put(outbox, 10)
    sender = Sender(outbox, open_depot(f"http://127.0.0.1:{free_port()}"), ToldClock(START), Random(1))
    waits = [sender.step() for _ in range(12)]
    assert 0.5 <= waits[0] <= 1.0
    assert all(LONGEST_WAIT_S / 2 <= wait <= LONGEST_WAIT_S for wait in waits[6:])
    assert len(set(waits)) == 12, "with jitter: trucks that lost the same network do not come back at once"
    assert outbox.counts().pending == 10
    assert "refused" in str(sender.trouble)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_accepted_keeps_every_fact_and_says_so(
    outbox: Outbox, depot: FakeDepot, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    put(outbox, 100)
    depot.plan = [status] * 20
    sender = sender_of(outbox, depot, batch=10)
    for _ in range(20):
        assert sender.step() == LONGEST_WAIT_S
    assert (outbox.counts().pending, outbox.counts().refused) == (100, 0)
    assert [r.levelname for r in caplog.records] == ["WARNING"], "said once"
    emptied(sender)


@pytest.mark.parametrize("status", [301, 404, 405, 408, 502, 503, 507])
def test_a_wrong_address_or_a_proxy_s_error_sets_nothing_aside(outbox: Outbox, depot: FakeDepot, status: int) -> None:
    put(outbox, 30)
    depot.plan = [status] * 30
    sender = sender_of(outbox, depot, batch=10)
    emptied(sender)
    assert len(depot.stored) == 30
    assert outbox.counts().refused == 0


def test_a_batch_too_large_is_halved(outbox: Outbox, depot: FakeDepot) -> None:
    put(outbox, 1000)
    depot.largest = 1500  # compressed
    emptied(sender_of(outbox, depot, batch=1000))
    assert len(depot.stored) == 1000
    assert max(depot.batches) < 500


def test_what_the_depot_refuses_is_set_aside_with_its_reason(outbox: Outbox, depot: FakeDepot) -> None:
    facts = put(outbox, 50)
    depot.refuse = {facts[7].id: "position: truck = 'T1', must be T2"}
    emptied(sender_of(outbox, depot))
    assert [(fact["id"], why) for fact, why in outbox.refused()] == list(depot.refuse.items())
    assert len(depot.stored) == 49


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("which", [[0], [99], [50], [0, 99], [40, 41, 42, 43, 44]])
def test_facts_that_the_depot_cannot_take_do_not_block_the_others(
    outbox: Outbox, depot: FakeDepot, status: int, which: list[int]
) -> None:
    facts = put(outbox, 100)
    depot.poison, depot.poison_status = {facts[k].id for k in which}, status
    sender = sender_of(outbox, depot, batch=64)
    for _ in range(150):
        sender.clock.sleep(abs(sender.step()))
        if len(depot.stored) == 100 - len(which):
            break
    assert len(depot.stored) == 100 - len(which), sender.trouble
    assert sender.clock.monotonic_s() < 120
    late = [position(1000 + s) for s in range(5)]
    outbox.put_all(late)
    for _ in range(12):
        sender.clock.sleep(abs(sender.step()))
    assert {fact.id for fact in late} <= set(depot.stored)
    there = {str(fact["id"]) for fact in outbox.peek(1000)} | {str(fact["id"]) for fact, _ in outbox.refused()}
    assert there == depot.poison, "kept, waiting or set aside"


def test_a_depot_that_fails_on_every_fact_sets_none_aside(outbox: Outbox, depot: FakeDepot) -> None:
    """Its disk is broken, say: it answers, and answers 500 to whatever it should store."""
    facts = put(outbox, 40)
    depot.poison = {fact.id for fact in facts}
    sender = sender_of(outbox, depot, batch=16)
    for _ in range(300):
        sender.clock.sleep(abs(sender.step()))
    assert (outbox.counts().pending, outbox.counts().refused) == (40, 0)
    assert sender.clock.monotonic_s() > 1000, "and it is not hammered"
    depot.poison = set()
    sender.clock.sleep(700)
    emptied(sender)
    assert len(depot.stored) == 40


def test_what_happens_now_shows_now_while_two_days_drain(outbox: Outbox, depot: FakeDepot) -> None:
    backlog = put(outbox, 20_000)
    sender = sender_of(outbox, depot, batch=500)
    for second in range(20):
        now = position(100_000 + second)
        incident = Incident(id=new_id(now.at), at=now.at, truck="T1", category="blocked_street")
        outbox.put_all([now, incident])
        sender.step()
        assert {now.id, incident.id} <= set(depot.stored), "in the very next batch"
    sent = [k for k, fact in enumerate(backlog) if fact.id in depot.stored]
    assert len(sent) > 9_000
    assert sent[0] == 0, "the backlog drains from both its ends"
    assert sent[-1] == len(backlog) - 1


def test_forty_eight_hours_offline_are_flushed_whole(outbox: Outbox, depot: FakeDepot) -> None:
    n = 48 * 3600 // 20  # as thinned by a truck in motion half of the time
    for start in range(0, n, 1000):
        outbox.put_all([position(20 * s) for s in range(start, min(start + 1000, n))])
    steps = emptied(sender_of(outbox, depot, batch=500))
    assert len(depot.stored) == len(depot.order) == n
    assert steps <= n // 500 + 2


def test_a_picture_follows_the_fact_that_names_it(outbox: Outbox, depot: FakeDepot) -> None:
    put(outbox, 5)
    name = outbox.put_photo(b"picture")
    depot.plan = [200, 503]
    sender = sender_of(outbox, depot)
    for _ in range(4):
        sender.clock.sleep(abs(sender.step()))
    assert depot.photos == {}
    assert outbox.photos() == [name]
    sender.clock.sleep(700)
    sender.step()
    assert depot.photos == {name: b"picture"}
    assert outbox.photos() == []


def test_a_picture_that_the_depot_will_never_take_is_set_aside_and_told(outbox: Outbox, depot: FakeDepot) -> None:
    bad, good = outbox.put_photo(b"GIF89a"), outbox.put_photo(b"picture")
    depot.plan = [415, 200, 200]  # the picture, what proves that it is the picture, the other one
    sender = sender_of(outbox, depot)
    for _ in range(4):
        sender.clock.sleep(abs(sender.step()) + 700)
    assert depot.photos == {good: b"picture"}
    assert outbox.photos() == []
    assert (outbox.counts().photos, outbox.counts().refused) == (0, 1)
    assert [(fact, why[:10]) for fact, why in outbox.refused()] == [({"kind": "photo", "id": bad}, "depot: 415")]
    assert outbox.photo(bad) == b"GIF89a"
    assert outbox.put_photo(b"GIF89a") == bad, "taken once more"
    assert outbox.photos() == [], "it would be refused once more"


@pytest.mark.parametrize("plan", [[401], [403], [404], [408], [413], [429], [500], [415, 503], [415, 401]])
def test_a_picture_is_kept_for_later_where_the_picture_is_not_the_cause(
    outbox: Outbox, depot: FakeDepot, plan: list[int | str]
) -> None:
    name = outbox.put_photo(b"picture")
    depot.plan = plan
    sender = sender_of(outbox, depot)
    sender.step()
    assert outbox.photos() == [name]
    assert outbox.refused() == []
    sender.clock.sleep(700)
    sender.step()
    assert depot.photos == {name: b"picture"}


def test_a_connection_that_was_closed_while_idle_is_opened_again_unnoticed(outbox: Outbox, depot: FakeDepot) -> None:
    sender = sender_of(outbox, depot)
    put(outbox, 1)
    sender.step()
    sender.depot._kept.sock.shutdown(2)  # type: ignore[union-attr]
    put(outbox, 1)
    sender.step()
    assert len(depot.stored) == 2
    assert sender.trouble is None


def test_the_loop_sends_what_comes_and_stops_when_told(outbox: Outbox, depot: FakeDepot) -> None:
    stop, clock = threading.Event(), DrillClock(START, 50)
    thread = threading.Thread(
        target=drain, args=(outbox, open_depot(depot.url), clock), kwargs={"stop": stop}, daemon=True
    )
    thread.start()
    for s in range(20):
        outbox.put(position(s))
        time.sleep(0.01)
    until = time.monotonic() + 5
    while len(depot.stored) < 20 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(depot.stored) == 20
    stop.set()
    outbox.arrived.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("url", ["", "depot", "ftp://depot", "http://", "http://depot?x=1", "http://a:b@depot"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be written http"):
        DepotClient(url, "secret")


def test_without_a_token_nothing_starts() -> None:
    with pytest.raises(ValueError, match="RIPEUR_TOKEN"):
        DepotClient("http://depot", "")


# --- what the box asks -------------------------------------------------------------------------------------------


def test_the_tour_the_settings_and_the_messages_are_fetched_and_kept(outbox: Outbox, depot: FakeDepot) -> None:
    message = b'[{"kind": "message", "id": "m1", "at": "2026-11-20T05:00:00Z", "sender": "planner", "text": "Call"}]'
    depot.answers = {
        "/settings/T%201": (200, b'{"bin_tags": "billing", "timezone": "Europe/Monaco"}', None),
        "/tours/T%201?date=2026-11-20": (200, b'{"truck": "T 1", "version": 3, "legs": []}', '"v3"'),
        "/messages?truck=T%201": (200, message, None),
    }
    clock = ToldClock(START)
    errands = DepotPoller("T 1", outbox, open_depot(depot.url), clock)
    assert errands.area().bin_tags is None, "until it is known, the strictest"
    errands.run()
    assert errands.area().bin_tags == "billing"
    assert errands.tour() == {"truck": "T 1", "version": 3, "legs": []}
    clock.sleep(60)
    errands.run()  # 304, and no message twice
    assert [m["text"] for m in errands.messages()] == ["Call"]
    depot.answers.clear()
    clock.sleep(60)
    errands.run()  # the depot has lost its way; what is known stays
    assert DepotPoller("T 1", outbox, open_depot(depot.url), clock).tour() is not None


def test_a_stranger_s_answer_is_no_settings(outbox: Outbox, depot: FakeDepot) -> None:
    depot.answers = {"/settings/T1": (200, b"<html>hotel</html>", None)}
    DepotPoller("T1", outbox, open_depot(depot.url), ToldClock(START)).run()
    assert outbox.note("settings") is None
    with pytest.raises(DepotError, match="not JSON"):
        open_depot(depot.url).get("/settings/T1").json()
