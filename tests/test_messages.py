"""Short messages between planner and crew: facts on both ways."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet import instant_text
from onboard.clock import DrillClock

from .depot_clients import Client, depot

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with depot(tmp_path / "depot.db", clock=DrillClock(NOW)) as made:
        yield made


def test_a_question_and_its_answer_reach_the_other_side(db_url: str) -> None:
    with depot(db_url, clock=DrillClock(NOW)) as client:
        sent = client.ask("POST", "/messages", "planner P", json={"truck": "T1", "text": "Rue Grimaldi bloquée ?"})
        assert sent.status_code == 201
        question = sent.json()
        assert {"kind": "message", "truck": "T1", "sender": "planner"}.items() <= question.items()
        assert client.ask("GET", "/messages", "box T1").json() == [question]
        answer = {
            "kind": "message", "id": str(uuid.uuid4()), "at": instant_text(NOW + timedelta(minutes=2)), "truck": "T1",
            "sender": "crew", "text": "Oui", "answers": question["id"],
        }  # fmt: skip
        assert client.post_facts([answer]).json()["refused"] == []
        assert client.ask("GET", "/messages?truck=T1", "planner P").json() == [question, answer]


def test_a_box_reads_its_own_truck_s_messages_only(client: Client) -> None:
    for truck in ("T1", "T2"):
        client.ask("POST", "/messages", "planner P", json={"truck": truck, "text": f"for {truck}"})
    assert [m["truck"] for m in client.ask("GET", "/messages", "box T2").json()] == ["T2"]
    assert client.ask("GET", "/messages?truck=T1", "box T2").status_code == 403
    assert client.ask("POST", "/messages", "box T1", json={"truck": "T1", "text": "x"}).status_code == 403
    assert client.ask("GET", "/messages").status_code == 401


def test_since_counts_by_arrival_so_that_a_late_message_is_not_missed(client: Client) -> None:
    late = {
        "kind": "message", "id": str(uuid.uuid4()), "at": "2026-11-19T05:00:00Z", "truck": "T1", "sender": "crew",
        "text": "was offline",
    }  # fmt: skip
    client.post_facts([late])
    assert client.ask("GET", f"/messages?since={instant_text(NOW)}", "planner P").json() == [late]
    assert client.ask("GET", "/messages?since=2026-11-20T09:00:00Z", "planner P").json() == []
    assert client.ask("GET", "/messages?since=yesterday", "planner P").status_code == 422


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"truck": "T1", "text": ""}, "text = ''"),
        ({"truck": "T1", "text": "x" * 501}, "1 to 500 characters"),
        ({"truck": "", "text": "x"}, "truck = ''"),
        ({"truck": "T1", "text": "x", "answers": "7"}, "must be a UUID"),
        ({"truck": "T1", "text": "a\0b"}, "text = "),
        ({"truck": "T1"}, "text"),
    ],
)
def test_a_message_that_is_none_is_a_422(client: Client, body: dict[str, str], said: str) -> None:
    answer = client.ask("POST", "/messages", "planner P", json=body)
    assert answer.status_code == 422
    assert said in answer.text
