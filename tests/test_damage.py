"""A box's or a bridge's file with damaged bytes: one costs what it has hit, never the line nor the start."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet import Fact, Lift, Outcome, Position, new_id
from onboard.box.errands import DepotPoller
from onboard.outbox.outbox import Outbox
from onboard.outbox.sender import DepotClient, Sender
from onboard.recording.recorder import Recorder
from ripeur import main

from .clocks import ToldClock
from .fake_depot import FakeDepot, fake_depot

START = datetime(2026, 11, 20, 5, tzinfo=UTC)
ROOT = Path(__file__).parent.parent
PAGE = 4096


def fact(k: int) -> Fact:
    at = START + timedelta(seconds=k)
    id = new_id(at, random.Random(k).randbytes)
    if k % 5 == 0:
        return Lift(id=id, at=at, truck="T1", lat_deg=43.7, lon_deg=7.4, lifter="left")
    if k % 7 == 0:
        return Outcome(id=id, at=at, truck="T1", outcome="done", task=f"way {k} left", note="Rien dehors, à côté")
    return Position(id=id, at=at, box_at=at, truck="T1", lat_deg=43.7384123, lon_deg=7.4246123, speed_mps=3.2, mode=3)


class Counting(DepotClient):
    """Counts how often each fact is named as stored: the real depot would pass over the second time."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "secret", timeout_s=5)
        self.taken: Counter[str] = Counter()

    def send(self, facts: Sequence[Any]) -> tuple[list[str], dict[str, str]]:
        stored, refused = super().send(facts)
        self.taken.update(stored)
        return stored, refused


@pytest.fixture(scope="module")
def depot() -> Iterator[FakeDepot]:
    with fake_depot() as there:
        yield there


def drained(outbox: Outbox, depot: FakeDepot, batch: int = 50) -> Counter[str]:
    """What leaves, by id, through the real sender."""
    with closing(Counting(depot.url)) as link:
        sender = Sender(outbox, link, ToldClock(START), random.Random(1), batch)
        for _ in range(400):
            if outbox.counts().pending == 0:
                return link.taken
            sender.clock.sleep(abs(sender.step()))
    raise AssertionError(f"{outbox.counts()} after 400 steps: {sender.trouble}")


# --- three hundred random damages -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An outbox as ``kill -9`` leaves it, some of it in its log only, some of it sent; and what waits in it."""
    folder = tmp_path_factory.mktemp("filled")
    with closing(Outbox(folder / "live.db")) as outbox:
        outbox.put_all([fact(k) for k in range(250)], notes={"duty": "on"})
        gone = [fact(k).id for k in range(40, 90)]
        outbox.peek(250)
        outbox.settle(gone)
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for k in range(250, 330):
            outbox.put(fact(k))
        gone += [fact(k).id for k in range(310, 316)]
        outbox.peek(300)
        outbox.settle(gone[-6:])
        for part in ("", "-wal"):
            shutil.copy(folder / f"live.db{part}", folder / f"outbox.db{part}")
    bodies = {fact(k).id: json.dumps(fact(k).to_json(), separators=(",", ":"), ensure_ascii=False) for k in range(330)}
    assert (folder / "outbox.db-wal").stat().st_size > 20 * PAGE
    return folder / "outbox.db", {id: body.encode() for id, body in bodies.items() if id not in gone}


def damage(path: Path, chance: random.Random) -> list[tuple[str, int, int]]:
    """Damage a file or its log; what was hit: which of them, from where, to where."""
    hit = []
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        part = chance.choice(("", "", "-wal"))
        file = path.with_name(path.name + part)
        data = bytearray(file.read_bytes())
        if not data:
            continue
        at = chance.choice((chance.randrange(len(data)), chance.randrange(min(len(data), 2 * PAGE))))
        how = chance.choice(("flip", "flip", "flip", "zeros", "noise", "cut"))
        length = 1 if how == "flip" else chance.choice((2, 16, 200, PAGE, 3 * PAGE))
        ends = len(data) if how == "cut" else min(at + length, len(data))
        if how == "cut":
            del data[at:]
        elif how == "flip":
            data[at] ^= chance.randrange(1, 256)
        else:
            data[at:ends] = bytes(ends - at) if how == "zeros" else chance.randbytes(ends - at)
        file.write_bytes(data)
        hit.append((part, at, ends))
    return hit


def places(path: Path, bodies: dict[str, bytes]) -> dict[str, list[tuple[str, int, int]]]:
    """Where each fact's words stand in the file and in its log, wherever they do."""
    found: dict[str, list[tuple[str, int, int]]] = {id: [] for id in bodies}
    for part in ("", "-wal"):
        data = path.with_name(path.name + part).read_bytes()
        for id, body in bodies.items():
            at = data.find(body)
            while at >= 0:
                found[id].append((part, at, at + len(body)))
                at = data.find(body, at + 1)
    return found


def touched(place: tuple[str, int, int], hit: list[tuple[str, int, int]], whole_page: bool) -> bool:
    part, at, ends = place
    if whole_page:
        head = 56 if part else 0  # the log's own head and the frame's
        first = (at - head) // (PAGE + 24) * (PAGE + 24) + 32 if part else at // PAGE * PAGE
        at, ends = first, first + PAGE + (24 if part else 0)
    return any(part == where and begins < ends and stops > at for where, begins, stops in hit)


def test_of_three_hundred_damages_none_stops_the_line_and_every_readable_fact_leaves_once(
    filled: tuple[Path, dict[str, bytes]], depot: FakeDepot, tmp_path: Path, record_property: Any
) -> None:
    """Readable without doubt: every copy of the fact's words, and the page each stands on, is as it was written."""
    source, bodies = filled
    where = places(source, bodies)
    assert all(where.values())
    beside = Counter[str]()
    for seed in range(300):
        path = tmp_path / f"{seed}" / "outbox.db"
        path.parent.mkdir()
        for part in ("", "-wal"):
            shutil.copy(source.with_name(source.name + part), path.with_name(path.name + part))
        hit = damage(path, random.Random(seed))
        with closing(Outbox(path)) as outbox:
            left = drained(outbox, depot)
            late = fact(1000 + seed)
            outbox.put(late)
            after = drained(outbox, depot)
        must = {id for id in bodies if not any(touched(place, hit, True) for place in where[id])}
        may = {id for id in bodies if not all(touched(place, hit, False) for place in where[id])}
        assert must <= set(left), f"seed {seed}: {len(must - set(left))} of {len(must)} readable facts stay: {hit}"
        assert max([*left.values(), 0]) <= 1, f"seed {seed}: sent twice: {hit}"
        assert after == {late.id: 1}, f"seed {seed}: later facts"
        beside.update(on_damaged_pages=len(may - must), of_these_left=len((may - must) & set(left)), certain=len(must))
        shutil.rmtree(path.parent)
    record_property("damages", dict(beside))
    assert beside["of_these_left"] > 0.8 * beside["on_damaged_pages"]


# --- a row alone ------------------------------------------------------------------------------------------------------


def written(path: Path, n: int = 60) -> list[Fact]:
    with closing(Outbox(path)) as outbox:
        facts = [fact(k) for k in range(n)]
        outbox.put_all(facts, notes={"duty": "on"})
    return facts


def edited(path: Path, *statements: str, **values: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement, {name: values[name] for name in values if f":{name}" in statement})


BODY = json.dumps(fact(10).to_json(), separators=(",", ":"), ensure_ascii=False)
#: What may stand where fact 10's words stood. None of it is a fact any more.
NO_FACTS: dict[str, Any] = {
    "no JSON": BODY[:-1] + "]",
    "cut short": BODY[:40],
    "empty": "",
    "no UTF-8": BODY.encode().replace(b"T1", b"\xff\xfe"),
    "zeros": bytes(200),
    "a number": 12,
    "a real number": 1.5,
    "an endless number": BODY.replace("43.7", "Infinity"),
    "no number": BODY.replace("43.7", "NaN"),
    "five thousand digits": BODY.replace("43.7", "9" * 5000),
    "half a surrogate pair": BODY.replace("left", "\\ud83d"),
    "no object": '["lift"]',
    "null": "null",
    "nested too deep": "[" * 100_000,
    "too long": BODY[:-1] + ',"raw":"' + "x" * 300_000 + '"}',
    "no kind": BODY.replace('"kind"', '"kjnd"'),
    "a kind that is no text": BODY.replace('"lift"', "5", 1),
    "no id": BODY.replace('"id"', '"jd"'),
    "an id that is no UUID": BODY.replace(fact(10).id, fact(10).id[:-1] + "~"),
    "an id that is a number": BODY.replace(f'"{fact(10).id}"', "7"),
    "an id that is a list": BODY.replace(f'"{fact(10).id}"', "[[]]"),
    "an id in braces": BODY.replace(fact(10).id, "{" + fact(10).id + "}"),
}


@pytest.mark.parametrize("what", NO_FACTS)
def test_one_row_that_is_no_fact_is_set_aside_by_its_number_and_every_other_leaves(
    what: str, depot: FakeDepot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "outbox.db"
    facts = written(path)
    body = NO_FACTS[what]
    edited(path, "UPDATE facts SET body = CAST(:body AS TEXT) WHERE seq = 11" if isinstance(body, bytes) else
           "UPDATE facts SET body = :body WHERE seq = 11", body=body)  # fmt: skip
    with closing(Outbox(path)) as outbox:
        assert drained(outbox, depot) == Counter(fact.id for k, fact in enumerate(facts) if k != 10)
        outbox.put(fact(2000))
        assert drained(outbox, depot) == {fact(2000).id: 1}
        assert outbox.counts().unreadable == 1
        assert [(row["kind"], row["id"]) for row, _ in outbox.refused()] == [("unreadable", "row 11")]
    assert not list(tmp_path.glob("*.damaged-*")), "the file is good"
    assert main(["outbox", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "1 cannot be read" in shown
    assert "unreadable row 11" in shown


def test_a_whole_outbox_of_rows_that_are_no_facts_is_passed_through(depot: FakeDepot, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    written(path, 600)
    edited(path, "UPDATE facts SET body = 'x' || body WHERE seq % 20")
    with closing(Outbox(path)) as outbox:
        assert drained(outbox, depot, 7) == Counter(fact(k).id for k in range(600) if (k + 1) % 20 == 0)
        assert outbox.counts().unreadable == 570


#: Damage that SQLite's own tables make no sense of: a row and its index disagree.
DISAGREE = {
    "another id": "UPDATE facts SET id = x'00112233445566778899aabbccddeeff' WHERE seq = 11",
    "a short id": "UPDATE facts SET id = x'00' WHERE seq = 11",
    "an id of text": "UPDATE facts SET id = 'é' WHERE seq = 11",
    "an id that is a number": "UPDATE facts SET id = 7 WHERE seq = 11",
    "the id of another fact": "UPDATE facts SET body = (SELECT body FROM facts WHERE seq = 12) WHERE seq = 11",
    "a level of text": "UPDATE facts SET level = 'x' WHERE seq = 11",
    "a rank that is none": "UPDATE facts SET rank = 'y' WHERE seq = 11",
    "an odd number": "UPDATE facts SET seq = 9223372036854775807 WHERE seq = 11",
    "a negative number": "UPDATE facts SET seq = -5 WHERE seq = 11",
}


@pytest.mark.parametrize("how", DISAGREE)
def test_a_fact_whose_words_are_whole_leaves_once_whatever_stands_beside_them(
    how: str, depot: FakeDepot, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    facts = written(path)
    edited(path, DISAGREE[how])
    with closing(Outbox(path)) as outbox:
        left = drained(outbox, depot)
        outbox.put(fact(2000))
        assert drained(outbox, depot) == {fact(2000).id: 1}
    gone = {facts[10].id} if how == "the id of another fact" else set()  # its words are another's now
    assert left == Counter(fact.id for fact in facts if fact.id not in gone)


def test_a_damaged_index_does_not_make_a_fact_be_sent_for_ever(depot: FakeDepot, tmp_path: Path) -> None:
    """While it runs: the ids in the index are no longer those of the rows."""
    path = tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        outbox.put_all([fact(k) for k in range(3000)])
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray(path.read_bytes())
        for page in range(len(data) // PAGE):
            if data[page * PAGE] == 10 and page * PAGE != data.find(fact(2999).id.encode()):  # leaves of indexes
                for at in range((page + 1) * PAGE - 1000, (page + 1) * PAGE, 25):
                    data[at] ^= 0xFF
        path.write_bytes(data)
        outbox._db.execute("PRAGMA cache_size=1")
        outbox._db.execute("PRAGMA shrink_memory")
        outbox.put(fact(5000))
        assert drained(outbox, depot, 500) == Counter(fact(k).id for k in (*range(3000), 5000))


@pytest.mark.parametrize(
    "note", ["\xff", "[", "nul", "5", '{"tour": 5}', '[{"at": 5}, 7]', '{"date": []}', "[" * 99_999]
)
def test_a_note_that_does_not_read_any_more_stops_neither_the_box_nor_the_line(
    note: str, depot: FakeDepot, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    written(path)
    with closing(Outbox(path)) as outbox:
        outbox.put_all([], notes=dict.fromkeys(("duty", "tour", "messages", "settings", "known_at", "thinned"), "x"))
    edited(path, "UPDATE notes SET value = CAST(:note AS TEXT)", note=note.encode("latin-1"))
    with closing(Outbox(path)) as outbox, closing(DepotClient(depot.url, "secret", timeout_s=5)) as link:
        clock = ToldClock(START)
        errands = DepotPoller("T1", outbox, link, clock)
        recorder = Recorder("T1", outbox, clock, area=errands.area)
        assert not recorder.duty.tracked
        assert errands.tour() is None or note == '{"tour": 5}'
        assert errands.messages() == []
        depot.answers = {"/settings/T1": (200, b"{}", None), "/messages?truck=T1": (200, b"[]", None)}
        errands.run()
        recorder.report("fix", 0)
        assert len(drained(outbox, depot)) == 61


def test_a_picture_whose_bytes_or_name_are_damaged_is_set_aside_and_the_others_go(
    depot: FakeDepot, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        names = [outbox.put_photo(b"\x89PNG" + bytes([k]) * 9000) for k in range(6)]
    edited(path, "UPDATE photos SET body = x'00' WHERE rowid = 1", "UPDATE photos SET sha256 = NULL WHERE rowid = 2",
           "UPDATE photos SET sha256 = CAST(x'ff0d0a' AS TEXT) WHERE rowid = 3",
           "UPDATE photos SET body = 5 WHERE rowid = 4")  # fmt: skip
    with closing(Outbox(path)) as outbox:
        outbox.put(fact(1))
        with closing(DepotClient(depot.url, "secret", timeout_s=5)) as link:
            sender = Sender(outbox, link, ToldClock(START), random.Random(1))
            for _ in range(20):
                sender.step()
        assert set(names[4:]) <= set(depot.photos)
        assert not set(names[:4]) & set(depot.photos)
        assert (outbox.counts().pending, outbox.counts().photos, outbox.counts().refused) == (0, 0, 4)
        assert len(outbox.refused()) == 4


@pytest.mark.parametrize("frame", [0, 7, -1])
def test_no_bit_of_a_log_frame_s_head_costs_a_fact(
    frame: int, filled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    """SQLite stops reading at a frame that it does not take for one of its own, and drops what is behind it unsaid."""
    source, waiting = filled
    whole = source.with_name("outbox.db-wal").read_bytes()
    frame %= (len(whole) - 32) // (24 + PAGE)
    for at in range(24):
        path = tmp_path / str(at) / "outbox.db"
        path.parent.mkdir()
        shutil.copy(source, path)
        log, head = bytearray(whole), 32 + frame * (24 + PAGE)
        for each in range(8, 16) if at == 8 else (at,):  # both of its salts at once
            log[head + each] ^= 1
        path.with_name("outbox.db-wal").write_bytes(log)
        with closing(Outbox(path)) as outbox:
            left = {one["id"] for one in outbox.peek(1_000)}
        assert set(waiting) <= left, at


# --- a file that is none, and one that goes bad in use ----------------------------------------------------------------


def stand_in(path: Path, what: str) -> None:
    """Put something else where an outbox was."""
    data = path.read_bytes()
    match what:
        case "nothing, beside its log":
            path.unlink()
        case "an empty file":
            path.write_bytes(b"")
        case "an empty file beside a log":
            path.with_name("outbox.db-wal").write_bytes(random.Random(1).randbytes(9000))
            path.write_bytes(b"")
        case "one byte":
            path.write_bytes(b"S")
        case "a head only":
            path.write_bytes(data[:100])
        case "noise":
            path.write_bytes(random.Random(1).randbytes(50_000))
        case "zeros":
            path.write_bytes(bytes(50_000))
        case "text":
            path.write_text("{}\n" * 9000)
        case "a folder":
            path.unlink()
            (path / "inside").mkdir(parents=True)
        case "a folder for a log":
            path.with_name("outbox.db-wal").mkdir()
        case "a folder for an index":
            path.with_name("outbox.db-shm").mkdir()
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "a link to nowhere":
            path.unlink()
            path.symlink_to(path.parent / "gone" / "outbox.db")
        case "another database":
            path.unlink()
            edited(path, "CREATE TABLE facts(a, b)", "INSERT INTO facts VALUES (1, 2)")
        case "no schema":
            path.write_bytes(data[:100] + bytes(PAGE - 100) + data[PAGE:])
        case "no head":
            path.write_bytes(bytes(100) + data[100:])
        case "another table's name":
            path.write_bytes(
                data.replace(b"CREATE TABLE facts", b"CREATE TABLE fbcts").replace(b"\x12facts", b"\x12fbcts")
            )
        case "a half":
            path.write_bytes(data[: len(data) // 2])
        case "a page too many":
            path.write_bytes(data + random.Random(1).randbytes(5000))


@pytest.mark.parametrize(
    ("what", "all_of_it"),
    [
        ("nothing, beside its log", False), ("an empty file", False), ("an empty file beside a log", False),
        ("one byte", False), ("a head only", False), ("noise", False), ("zeros", False), ("text", False),
        ("a folder", False), ("a folder for a log", True), ("a folder for an index", True), ("a pipe", False),
        ("a link to nowhere", False), ("another database", False), ("no schema", True), ("no head", True),
        ("another table's name", True), ("a half", False), ("a page too many", True),
    ],
)  # fmt: skip
def test_whatever_stands_where_the_outbox_was_the_box_starts_and_what_is_legible_leaves(
    what: str, all_of_it: bool, depot: FakeDepot, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    facts = written(path)
    stand_in(path, what)
    with closing(Outbox(path)) as outbox:
        left = drained(outbox, depot)
        outbox.put(fact(2000))
        assert drained(outbox, depot) == {fact(2000).id: 1}
        assert outbox.note("duty") == ("on" if all_of_it else outbox.note("duty"))
    assert set(left) <= {fact.id for fact in facts}
    assert max([0, *left.values()]) <= 1
    assert len(left) == len(facts) or not all_of_it
    with closing(Outbox(path)):
        pass
    assert len(list(tmp_path.glob("outbox.db.damaged-2*"))) == 0, "mended once for all"


def test_a_box_that_dies_while_it_salvages_loses_nothing(depot: FakeDepot, tmp_path: Path) -> None:
    """Killed between any two of the steps, of which each gives a file a name."""
    facts = written(tmp_path / "good.db")
    for steps in range(8):
        path = tmp_path / str(steps) / "outbox.db"
        path.parent.mkdir()
        shutil.copy(tmp_path / "good.db", path)
        stand_in(path, "no head")
        script = (
            "import os, pathlib, sys; left = int(sys.argv[2]); rename = os.rename\n"
            "def counted(*a, **k):\n    global left\n    left -= 1\n    if left < 0: os._exit(9)\n    rename(*a, **k)\n"
            "os.rename = counted\n"
            "from onboard.outbox.outbox import Outbox; Outbox(pathlib.Path(sys.argv[1])).close()"
        )
        subprocess.run(
            [sys.executable, "-c", script, str(path), str(steps)], cwd=ROOT, check=False, capture_output=True
        )
        with closing(Outbox(path)) as outbox:
            assert drained(outbox, depot) == Counter(fact.id for fact in facts), steps


@pytest.mark.parametrize("seed", range(12))
def test_damage_under_a_running_box_neither_stops_it_nor_loses_what_is_born_in_that_moment(
    seed: int, depot: FakeDepot, tmp_path: Path
) -> None:
    path, chance = tmp_path / "outbox.db", random.Random(seed)
    born: list[str] = []
    with closing(Outbox(path)) as outbox:
        outbox.put_all([fact(k) for k in range(2000)])
        left = Counter[str]()
        for step in range(6):
            file = path.with_name(path.name + chance.choice(("", "-wal")))
            with file.open("r+b") as raw:
                raw.seek(
                    chance.choice((0, PAGE * chance.randrange(1, 20), chance.randrange(max(1, file.stat().st_size))))
                )
                raw.write(chance.randbytes(chance.choice((1, 100, PAGE, 20 * PAGE))))
            outbox._db.execute("PRAGMA shrink_memory")
            for k in range(5):
                new = fact(3000 + 10 * step + k)
                outbox.put(new)
                born.append(new.id)
            left += drained(outbox, depot, 300) if step % 2 else Counter()
            outbox.counts()
            outbox.note("duty")
        assert outbox.counts().pending == 0
    assert set(born[-5:]) <= set(left), "what was born after the damage left"
    assert max(left.values()) <= 1


def test_a_real_box_starts_on_a_damaged_file_and_sends_what_reads(tmp_path: Path) -> None:
    with fake_depot() as depot:
        start_on_a_damaged_file(depot, tmp_path)


def start_on_a_damaged_file(depot: FakeDepot, tmp_path: Path) -> None:
    path = tmp_path / "box" / "outbox.db"
    facts = written(path)
    stand_in(path, "no head")
    path.write_bytes(path.read_bytes().replace(b'"task":"way 14 left"', b'"task":"way 14 lef\xff"'))
    (tmp_path / "drive.csv").write_text("at,lat,lon\n2026-11-22T05:00:00Z,43.7,7.4\n2026-11-22T05:00:01Z,43.7,7.4\n")
    done = subprocess.run(
        [sys.executable, "-m", "ripeur", "onboard", "--truck", "T1", "--data", str(path.parent), "--depot", depot.url,
         "--replay", str(tmp_path / "drive.csv"), "--always-on-duty", "--clock", "2026-11-22T05:00:00Z x20"],
        cwd=ROOT, env=os.environ | {"RIPEUR_TOKEN": "t" * 43}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {fact.id for k, fact in enumerate(facts) if k != 14} <= set(depot.stored)
    assert fact(14).id not in depot.stored
    with closing(Outbox(path)) as outbox:
        assert (outbox.counts().pending, outbox.counts().unreadable) == (0, 1)
    assert (path.parent / "outbox.db.damaged-1").exists()
