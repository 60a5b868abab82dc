"""The board and its stream: whoever has seen any change is brought up to date, and nobody is waited for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depot_api.live import streaming
from depot_api.live.board import Board
from depot_api.live.streaming import EventStream, events, seen_change
from depot_api.settings.roles import Caller
from depot_api.state.quotas import Quota

PLANNER = Caller("planner", "P")

PUTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.one_of(st.none(), st.integers(0, 3))), max_size=30
)


def told(board: Board) -> dict[str, dict[str, Any]]:
    return {name: dict(news) for name, news in board.since(0)[1].items()}


@given(PUTS, st.integers(0, 30))
def test_whoever_has_seen_a_change_is_brought_up_to_date_by_what_changed_since(
    puts: list[tuple[str, str, int | None]], seen: int
) -> None:
    board = Board("ab", "1")
    reader: dict[str, dict[str, Any]] = {}
    at = 0
    for k, (table, key, value) in enumerate(puts):
        if k == seen:
            at, news = board.since(0)
            reader = {name: dict(items) for name, items in news.items()}
        board.put(table, key, value)
    _, news = board.since(at)
    for name, items in news.items():
        for key, value in items.items():
            if value is None:
                reader.get(name, {}).pop(key, None)
            else:
                reader.setdefault(name, {})[key] = value
    assert {n: items for n, items in reader.items() if items} == told(board)


def test_the_same_value_again_is_no_news() -> None:
    board = Board(["trucks"], "1")
    board.put("trucks", "T1", {"lat_deg": 1.0}, "T1")
    change = board.change
    board.put("trucks", "T1", {"lat_deg": 1.0}, "T1")
    assert board.change == change
    assert board.since(change) == (change, {})


def test_a_reader_sees_only_what_is_his() -> None:
    board = Board(["trucks"], "1")
    for name in ("T1", "T2"):
        board.put("trucks", name, {"truck": name}, name)
    assert set(board.since(0, lambda truck: truck == "T2")[1]["trucks"]) == {"T2"}


@pytest.mark.parametrize(
    ("last_event_id", "expected"),
    [
        ("7-2", 2),
        ("7-99", 0),
        ("6-2", 0),
        (None, 0),
        ("", 0),
        ("7-x", 0),
        ("-", 0),
        ("7-²", 0),
        ("7-" + "9" * 5000, 0),
    ],
)
def test_a_number_of_another_board_or_from_the_future_counts_for_nothing(
    last_event_id: str | None, expected: int
) -> None:
    board = Board(["trucks"], "7")
    for k in range(3):
        board.put("trucks", str(k), k)
    assert seen_change(last_event_id, board) == expected


def data(chunk: bytes) -> dict[str, Any]:
    return next(json.loads(line[6:]) for line in chunk.decode().splitlines() if line.startswith("data: "))


async def _some(chunks: AsyncIterator[bytes], count: int) -> list[tuple[float, dict[str, Any]]]:
    found = []
    async for chunk in chunks:
        if b"data: " in chunk:
            found.append((time.monotonic(), data(chunk)))
        if len(found) == count:
            break
    return found


def test_news_come_at_most_twice_a_second_and_only_what_changed() -> None:
    board = Board(["trucks"], "1")
    board.put("trucks", "T1", 0)
    board.put("trucks", "T2", 0)

    async def watched() -> list[tuple[float, dict[str, Any]]]:
        async def busy() -> None:
            for k in range(1, 40):
                board.put("trucks", "T1", k)
                await asyncio.sleep(0.05)

        writing = asyncio.create_task(busy())
        found = await _some(events(lambda: board, lambda: {"now": "x"}, None, None), 3)
        writing.cancel()
        return found

    (a_s, first), (b_s, second), (c_s, third) = asyncio.run(watched())
    assert first["full"]
    assert set(first["trucks"]) == {"T1", "T2"}
    assert not second["full"]
    assert set(second["trucks"]) == set(third["trucks"]) == {"T1"}
    assert b_s - a_s >= 0.45
    assert c_s - b_s >= 0.45


def test_who_comes_back_is_given_what_he_missed_and_another_days_board_whole() -> None:
    board, tomorrow = Board(["trucks"], "1"), Board(["trucks"], "2")
    board.put("trucks", "T1", 0)
    board.put("trucks", "T2", 0)
    tomorrow.put("trucks", "T3", 0)
    hangs = [board]

    async def watched() -> list[dict[str, Any]]:
        chunks = events(lambda: hangs[0], dict, "1-1", None)
        first = await _some(chunks, 1)
        hangs[0] = tomorrow
        async for chunk in events(lambda: hangs[0], dict, "1-2", None):
            if b"data: " in chunk:
                return [first[0][1], data(chunk)]
        return []

    missed, whole = asyncio.run(watched())
    assert (missed["full"], set(missed["trucks"])) == (False, {"T2"})
    assert (whole["full"], set(whole["trucks"])) == (True, {"T3"})


def test_a_reader_who_reads_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SLOW_S", 0.2)
    made = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"data: {}\n\n"

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    async def connected() -> Any:
        await asyncio.sleep(60)

    async def rights() -> bool:
        return True

    began = time.monotonic()
    asyncio.run(EventStream(chunks(), rights, Quota("streams", 1), PLANNER)({}, connected, stuck))
    assert time.monotonic() - began < 5
    assert made == 1, "nothing piles up for a slow reader"


def test_a_stream_ends_when_its_reader_may_no_longer_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "RIGHTS_S", 0.0)
    sent: list[Any] = []

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: {}\n\n"
            await asyncio.sleep(0.01)

    async def keep(message: Any) -> None:
        sent.append(message)

    async def connected() -> Any:
        await asyncio.sleep(60)

    async def rights() -> bool:
        return len(sent) < 4

    asyncio.run(EventStream(chunks(), rights, Quota("streams", 1), PLANNER)({}, connected, keep))
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
