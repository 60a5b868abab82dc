"""The outbox: on disk before anything else, gone only when named, full without losing what cannot be had twice."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fleet import Fact, Health, Lift, Position, fact_from_json, new_id
from onboard.outbox.outbox import QUOTA_BYTES, RESERVE_BYTES, Outbox, OutboxFull, read_outbox
from onboard.recording.receiver import Fix
from onboard.recording.recorder import Recorder
from onboard.sensors.readings import LiftReading
from ripeur import main

from .clocks import ToldClock

ROOT = Path(__file__).parent.parent
START = datetime(2026, 11, 20, 5, tzinfo=UTC)
FEW = 2 * 2**20  # bytes: some 6,000 positions


def position(second: float) -> Position:
    """As long as a real one: a week of these is what the quota must hold."""
    at = START + timedelta(seconds=second)
    return Position(
        id=new_id(at), at=at, box_at=at + timedelta(microseconds=123_456), truck="T1", lat_deg=43.7384123,
        lon_deg=7.4246123, speed_mps=3.21, heading_deg=123.4, eph_m=12.3, mode=3,
    )  # fmt: skip


def lift(second: float) -> Lift:
    at = START + timedelta(seconds=second)
    return Lift(id=new_id(at), at=at, truck="T1", lat_deg=43.7, lon_deg=7.4, lifter="left")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.db")) as box:
        yield box


def ids(facts: list[Fact]) -> list[str]:
    return [fact.id for fact in facts]


def held(outbox: Outbox) -> list[str]:
    return [str(fact["id"]) for fact in outbox.peek(1_000_000)]


def test_a_fact_is_on_the_disk_when_put_returns(outbox: Outbox) -> None:
    fact = position(0)
    outbox.put(fact)
    with closing(sqlite3.connect(outbox.path)) as other:
        assert fact_from_json(json.loads(other.execute("SELECT body FROM facts").fetchone()[0])) == fact


def test_facts_survive_closing_and_come_in_the_order_recorded_whatever_their_clocks(tmp_path: Path) -> None:
    facts = [position(0), position(-86_400 * 7000), position(50), position(-3)]
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        for fact in facts:
            outbox.put(fact)
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        assert held(outbox) == ids(facts)[::-1]


def test_the_newest_go_first_then_the_oldest_of_what_cannot_be_had_twice_then_the_oldest(outbox: Outbox) -> None:
    facts: list[Fact] = [position(s) if s % 10 else lift(s) for s in range(1000)]
    outbox.put_all(facts)
    picked = held_at(outbox, 40, facts)
    assert picked[:20] == list(range(999, 979, -1)), "half of them the newest"
    assert {0, 10, 20, 30, 40, 50, 60, 70, 80, 90} <= set(picked), "a quarter the oldest lifts"
    assert set(range(11)) <= set(picked), "the rest from the far end"


def held_at(outbox: Outbox, n: int, facts: list[Fact]) -> list[int]:
    place = {fact.id: k for k, fact in enumerate(facts)}
    return [place[str(fact["id"])] for fact in outbox.peek(n)]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 1000])
def test_a_batch_is_never_longer_than_asked_and_never_shorter_than_there_is(outbox: Outbox, n: int) -> None:
    facts: list[Fact] = [position(s) for s in range(50)]
    outbox.put_all(facts)
    assert len(set(held_at(outbox, n, facts))) == len(outbox.peek(n)) == min(n, 50)
    assert len(outbox.peek(n, skip=ids(facts[:25] + facts[40:]))) == min(n, 15)


def test_exactly_the_facts_named_leave(outbox: Outbox) -> None:
    facts: list[Fact] = [position(s) for s in range(10)]
    outbox.put_all(facts)
    outbox.settle([facts[3].id.upper(), new_id(START)], {facts[5].id: "truck = 'T2'"})
    assert sorted(held(outbox)) == sorted(ids(facts[:3] + facts[4:5] + facts[6:]))
    assert [(fact["id"], why) for fact, why in outbox.refused()] == [(facts[5].id, "truck = 'T2'")]
    outbox.settle([], {facts[5].id: "again"})
    assert outbox.counts().refused == 1


def test_the_same_fact_put_twice_is_there_once(outbox: Outbox) -> None:
    fact = lift(0)
    outbox.put(fact)
    outbox.put(fact)
    assert held(outbox) == [fact.id]


def test_notes_are_written_with_the_facts_or_not_at_all(outbox: Outbox) -> None:
    outbox.put_all([lift(0)], notes={"duty": "on"})
    with pytest.raises(OSError, match="not supported"):
        outbox.put_all([lift(1)], notes={"duty": object()})  # type: ignore[dict-item]
    assert outbox.note("duty") == "on"
    assert outbox.counts().pending == 1


def test_words_that_no_utf8_can_hold_do_not_stop_the_line(outbox: Outbox) -> None:
    at = START
    outbox.put(Health(id=new_id(at), at=at, truck="T1", note="half a pair: \ud83d"))
    assert outbox.peek(1)[0]["note"] == "half a pair: ?"


def test_pictures_wait_under_their_sum(outbox: Outbox) -> None:
    name = outbox.put_photo(b"\x89PNG picture")
    assert outbox.photos() == [name]
    assert outbox.photo(name) == b"\x89PNG picture"
    outbox.photo_stored(name)
    assert outbox.photos() == []
    with pytest.raises(KeyError):
        outbox.photo(name)


def test_many_threads_at_once_lose_nothing(outbox: Outbox) -> None:
    facts = [[position(1000 * k + s) for s in range(100)] for k in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: [outbox.put(f) for f in mine]) for mine in facts]
    for thread in threads:
        thread.start()
    settled: list[str] = []
    while any(thread.is_alive() for thread in threads):
        got = [str(fact["id"]) for fact in outbox.peek(7)]
        outbox.settle(got)
        settled += got
    assert sorted(settled + held(outbox)) == sorted(id for mine in facts for id in ids(list(mine)))


# --- the quota ---------------------------------------------------------------------------------------------------


def test_seven_days_at_one_hertz_fit_in_the_default_quota(tmp_path: Path) -> None:
    """A fiftieth of the time in a fiftieth of the room."""
    with closing(Outbox(tmp_path / "outbox.db", QUOTA_BYTES // 50)) as outbox:
        week: list[Fact] = [position(s) for s in range(7 * 86_400 // 50)]
        for start in range(0, len(week), 1000):
            outbox.put_all(week[start : start + 1000])
        counts = outbox.counts()
    assert (counts.pending, counts.thinned) == (len(week), 0)


def test_when_it_is_full_positions_are_thinned_oldest_first_and_lifts_never(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.db", FEW)) as outbox:
        lifts: list[Fact] = [lift(s) for s in range(0, 20_000, 50)]
        starts: list[Fact] = []
        for s in range(0, 20_000, 100):
            batch: list[Fact] = [position(s + k) for k in range(100)]
            outbox.put_all([*batch, *(f for f in lifts if s <= (f.at - START).total_seconds() < s + 100)])
            starts.append(position(s + 0.5))
            outbox.put(starts[-1], marked=True)
        there, counts = set(held(outbox)), outbox.counts()
        assert set(ids(lifts)) <= there
        assert set(ids(starts)) <= there, "starts and stops are thinned last"
        assert counts.thinned == 20_000 + len(lifts) + len(starts) - len(there) > 10_000
        seconds = sorted(
            (fact_from_json(fact).at - START).total_seconds()
            for fact in outbox.peek(10**6)
            if fact["kind"] == "position"
        )
    gaps = [b - a for a, b in pairwise(seconds)]
    assert max(gaps) <= 64, "no hole in the track"
    assert max(gaps[-500:]) <= 1.0, "the last minutes are whole"
    assert sum(path.stat().st_size for path in tmp_path.glob("outbox.db")) <= FEW


def fill(outbox: Outbox, kept: list[str]) -> None:
    for s in range(0, 100_000, 40):
        facts: list[Fact] = [lift(s + k) for k in range(40)]
        outbox.put_all(facts)
        kept += ids(facts)


def test_with_nothing_left_to_thin_it_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.db", 2**20)) as outbox:
        kept: list[str] = []
        with pytest.raises(OutboxFull, match="nothing left to thin"):
            fill(outbox, kept)
        assert sorted(held(outbox)) == sorted(kept)
        outbox.settle(kept[:100])
        outbox.put(lift(-1))


def test_refused_positions_make_room_first(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.db", FEW)) as outbox:
        wrong: list[Fact] = [position(s) for s in range(3000)]
        odd = lift(0)
        outbox.put_all([*wrong, odd])
        outbox.settle([], dict.fromkeys([*ids(wrong), odd.id], "truck = 'T1', must be what the token is bound to"))
        good: list[Fact] = [position(s) for s in range(3000, 6000)]
        for start in range(0, 3000, 100):
            outbox.put_all(good[start : start + 100])
        assert sorted(held(outbox)) == sorted(ids(good))
        assert odd.id in {fact["id"] for fact, _ in outbox.refused()}


def fill_disk(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(os.urandom(4096))


def fill_a_disk_beside_an_outbox(disk: Path) -> None:
    """Another program fills the disk while the outbox is far from its quota."""
    with closing(Outbox(disk / "outbox.db")) as outbox:
        before: list[Fact] = [position(s) if s % 20 else lift(s) for s in range(5000)]
        outbox.put_all(before)
        assert (disk / "outbox.db.reserve").stat().st_size == RESERVE_BYTES
        fill_disk(disk / "log")
        after: list[Fact] = []
        for s in range(5000, 9000, 20):
            batch: list[Fact] = [position(s + k) if k else lift(s) for k in range(20)]
            outbox.put_all(batch)
            after += batch
        there = set(held(outbox))
        assert {fact.id for fact in before + after if isinstance(fact, Lift)} <= there
        assert set(ids(after[-100:])) <= there
        assert outbox.counts().thinned > 0
        outbox.settle(ids(after[-100:]))
        (disk / "log").unlink()
        outbox.put_all([position(9000 + s) for s in range(1500)])
        assert set(ids(after[:-100])) & there <= set(held(outbox)) | set(ids(before))


def others_fill_the_disk(disk: Path, before: int, again: bool, restarted: bool) -> None:
    """Other programs take every byte, at once and (``again``) whenever one is free; the box may start in that."""
    outbox = Outbox(disk / "outbox.db")
    kept: list[Fact] = [position(s) if s % 20 else lift(s) for s in range(before)]
    for s in range(0, before, 50):
        outbox.put_all(kept[s : s + 50])
    if restarted:
        outbox.close()
    fill_disk(disk / "log")
    if restarted:
        outbox = Outbox(disk / "outbox.db")
    for s in range(before, before + 1500):
        kept.append(position(s) if s % 20 else lift(s))
        outbox.put(kept[-1])  # raises nothing
        if again:
            fill_disk(disk / "more")
            assert os.statvfs(disk).f_bavail == 0
    there = set(held(outbox))
    outbox.close()
    with closing(Outbox(disk / "outbox.db")) as outbox:
        assert set(held(outbox)) == there
    assert {fact.id for fact in kept if isinstance(fact, Lift)} <= there
    assert set(ids(kept[-20:])) <= there or before < 1000, "where there is room for little, it is for lifts"


#: A small disk, gone with the process that mounted it.
_ON_A_SMALL_DISK = """mount -t tmpfs -o size="$2" tmpfs "$0" && echo mounted && exec "$1" -c '
import sys; from pathlib import Path; from tests import test_outbox as on
eval(sys.argv[2])' "$0" "$3"
"""


def test_a_full_disk_is_survived_and_what_was_recorded_stays(tmp_path: Path) -> None:
    on_a_small_disk(tmp_path, "6m", "on.fill_a_disk_beside_an_outbox(Path(sys.argv[1]))")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(("size", "before"), [("2m", 200), ("2m", 3000), ("6m", 200), ("6m", 3000)])
def test_a_disk_that_others_fill_costs_positions_and_never_a_lift(
    size: str, before: int, again: bool, restarted: bool, tmp_path: Path
) -> None:
    on_a_small_disk(tmp_path, size, f"on.others_fill_the_disk(Path(sys.argv[1]), {before}, {again}, {restarted})")


def on_a_small_disk(folder: Path, size: str, call: str) -> None:
    """As root, else as root of a user namespace. Skips only where the kernel allows neither."""
    refusals = []
    for more in ([], ["--user", "--map-root-user"]):
        command = ["unshare", "--mount", *more, "sh", "-c", _ON_A_SMALL_DISK, str(folder), sys.executable, size, call]
        try:
            child = subprocess.run(
                command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "LC_ALL": "C"}, check=False
            )
        except FileNotFoundError as error:
            refusals.append(str(error))
            continue
        if child.stdout.startswith("mounted"):
            assert child.returncode == 0, child.stderr
            return
        refusals.append(child.stderr.strip())
    told = f"a full disk: a small one cannot be mounted: {'; '.join(refusals)}"
    if "CI" in os.environ and not all(re.search("not permitted|denied", why) for why in refusals):
        pytest.fail(told)
    pytest.skip(told)


def test_with_no_page_left_in_the_file_lifts_go_in_and_positions_go(tmp_path: Path) -> None:
    """The same where nothing can be mounted: not one page more is to be had, and none is free."""
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        outbox.put_all([position(s) for s in range(3000)])
        outbox._quota_pages = outbox._pages()[0]
        outbox._db.execute(f"PRAGMA max_page_count={outbox._quota_pages}")
        lifts: list[Fact] = [lift(5000 + s) for s in range(2500)]
        for one in lifts:
            outbox.put(one)
        assert set(ids(lifts)) <= set(held(outbox))
        assert outbox.counts().thinned > 500


def test_a_position_that_finds_no_room_does_not_keep_a_lift_off_the_disk(tmp_path: Path) -> None:
    class Small(Outbox):
        """Has room for what is never thinned only."""

        def put_all(self, facts: Sequence[Fact], **more: Any) -> None:
            if any(isinstance(fact, Position) for fact in facts):
                raise OutboxFull("no room")
            super().put_all(facts, **more)

    with closing(Small(tmp_path / "outbox.db")) as outbox:
        clock = ToldClock(START)
        recorder = Recorder("T1", outbox, clock, always_on_duty=True)
        for _ in range(4):
            recorder.on_fix(Fix(clock.now(), 43.7, 7.4, 2.0, 90.0, 4.0, 3))
            clock.sleep(1)
        recorder.on_reading(LiftReading(lifter="left"))  # and with it its place, which was not kept yet
        assert [fact["kind"] for fact in outbox.peek(9)] == ["lift", "duty"]
        assert recorder.lost == 3


# --- a file gone bad ---------------------------------------------------------------------------------------------


def filled(path: Path, n: int = 2000) -> list[str]:
    with closing(Outbox(path)) as outbox:
        facts: list[Fact] = [position(s) if s % 4 else lift(s) for s in range(n)]
        outbox.put_all(facts, notes={"duty": "on"})
    return ids(facts)


def test_a_file_of_nonsense_is_set_aside_and_a_new_one_opened(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(random.Random(1).randbytes(50_000))
    with closing(Outbox(path)) as outbox:
        outbox.put(lift(0))
        assert outbox.counts().pending == 1
    assert (tmp_path / "outbox.db.damaged-1").stat().st_size == 50_000


@pytest.mark.parametrize("seed", range(6))
def test_of_a_damaged_file_what_can_be_read_is_saved(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "outbox.db"
    put = filled(path)
    chance = random.Random(seed)
    with path.open("r+b") as file:
        data = file.read()
        used = [k for k in range(1, len(data) // 4096) if any(data[k * 4096 : k * 4096 + 4096])]  # others are spare
        for page in chance.sample(used, 3):
            file.seek(4096 * page)
            file.write(chance.randbytes(4096))
    with closing(Outbox(path)) as outbox:
        there = held(outbox)
        assert set(there) <= set(put)
        assert len(there) == len(set(there))
        outbox.put(lift(-1))
        assert outbox.counts().pending == len(there) + 1
    assert (tmp_path / "outbox.db.damaged-1").exists()


def test_one_bad_page_costs_the_facts_on_it_only(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    put = filled(path)
    with path.open("r+b") as file:  # a leaf of the facts' own tree, somewhere in the middle
        data = file.read()
        text = b'"lifter":"left"'
        at = [k for k in range(len(data) // 4096) if data[k * 4096] == 13 and text in data[k * 4096 : k * 4096 + 4096]]
        file.seek(at[len(at) // 2] * 4096)
        file.write(bytes(4096))
    with closing(Outbox(path)) as outbox:
        assert len(put) - 40 <= len(held(outbox)) < len(put)
        assert outbox.note("duty") == "on"


def test_a_file_that_goes_bad_while_it_is_open_does_not_stop_the_box(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    filled(path, 12_000)  # more than its cache holds
    with closing(Outbox(path)) as outbox:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(random.Random(3).randbytes(path.stat().st_size - 4096))
        for s in range(50):
            outbox.put(lift(10_000 + s))
        assert len([fact for fact in outbox.peek(100) if fact["at"] > "2026-11-20T07"]) == 50
    assert (tmp_path / "outbox.db.damaged-1").exists()


def test_what_was_refused_is_shown_beside_a_running_agent(outbox: Outbox, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = lift(0), position(1)
    outbox.put_all([good, bad])
    assert main(["outbox", str(outbox.path)]) == 0
    assert "2 facts and 0 photos wait" in capsys.readouterr().out
    outbox.settle([], {bad.id: "eph_m = -1"})
    assert main(["outbox", str(outbox.path)]) == 1
    assert f"position {bad.id}: eph_m = -1" in capsys.readouterr().out
    assert main(["outbox", "--json", str(outbox.path)]) == 1
    assert json.loads(capsys.readouterr().out)["fact"]["id"] == bad.id
    assert read_outbox(outbox.path)[0].pending == 1
    assert main(["outbox", str(outbox.path) + "x"]) == 2
