"""A bridge's register with damaged bytes; and that what a box and a bridge keep is for their owner only."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from fleet import Fact, Ticket
from onboard.outbox.outbox import Outbox
from weighbridge.bridge.bridge import BridgeSettings
from weighbridge.bridge.register import Register
from weighbridge.bridge.weighing import Weighbridge

from .test_damage import NO_FACTS, PAGE, ROOT, START, edited, stand_in


def weighed(path: Path, outbox: Outbox | None = None, n: int = 40) -> dict[str, Fact]:
    """A register with so many weighings and half as many tickets; its facts by id."""
    register = Register(path, "S1", outbox)
    facts: list[Fact] = []
    for k in range(n):
        at = START + timedelta(minutes=k)
        with register.transaction() as change:
            weighing, _ = change.weighing(
                "2026-11-20", at=at, instrument="IT1", kg=15_000.0 + k, alibi=str(k), raw=f"<{k}>", truck=f"T{k % 7}"
            )
            facts.append(weighing)
            if k % 2 == 0:
                change.load(weighing, "rest", None, "à côté")
            else:
                load = register.open_loads()[-1]
                facts.append(change.ticket(load, at=at, net_kg=float(k), truck=load.truck, gross_weighing=weighing.id))
            change.note("plate", {"occupied": False, "said": []})
    register.close()
    return {fact.id: fact for fact in facts}


class Basket:
    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()

    def put_all(self, facts: list[Fact]) -> None:
        self.ids.update(fact.id for fact in facts)


@pytest.mark.parametrize("what", NO_FACTS)
def test_one_row_of_the_register_that_is_no_fact_is_handed_on_from_its_copy_or_set_aside(
    what: str, tmp_path: Path
) -> None:
    path, basket = tmp_path / "register.db", Basket()
    facts = weighed(path)
    body = NO_FACTS[what]
    words = "CAST(:body AS TEXT)" if isinstance(body, bytes) else ":body"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        lone = db.execute("SELECT id FROM facts WHERE seq = 13").fetchone()[0]
    edited(path, f"UPDATE facts SET body = {words} WHERE seq IN (3, 13)",
           f"UPDATE weighings SET body = {words} WHERE id = '{lone}'", f"UPDATE tickets SET body = {words} WHERE n = 2",
           body=body)  # fmt: skip
    register = Register(path, "S1", basket)
    register.hand_over()
    assert basket.ids == Counter(id for id in facts if id != lone), "the third has its words a second time"
    assert register.unreadable() == 1
    assert len(register.weighings()) == 39
    assert len(register.tickets()) == 19
    with register.transaction() as change:
        assert change.ticket(at=START, net_kg=1.0).number.endswith("-000021")
    assert Weighbridge(BridgeSettings("S1"), register).status(START)["open"] is not None
    register.close()


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_register_opens_hands_on_what_reads_and_repeats_no_number(seed: int, tmp_path: Path) -> None:
    path, basket, chance = tmp_path / "register.db", Basket(), random.Random(seed)
    facts = weighed(path)
    numbers = {fact.number for fact in facts.values() if isinstance(fact, Ticket)}
    data = bytearray(path.read_bytes())
    pages = {
        at // PAGE for at in (chance.choice((chance.randrange(len(data)), chance.randrange(200))) for _ in range(3))
    }
    clean = {id for id in facts if not pages & {at // PAGE for at in occurrences(bytes(data), words(facts[id]))}}
    for page in pages:
        at = page * PAGE + chance.randrange(PAGE)
        data[at : at + chance.choice((1, 1, 50))] = chance.randbytes(1)
    path.write_bytes(data)
    register = Register(path, "S1", basket)
    for _ in range(2):
        register.hand_over()
        with register.transaction() as change:
            new = change.ticket(at=START, net_kg=1.0)
        assert new.number not in numbers
        numbers.add(new.number)
    assert clean <= set(basket.ids)
    assert max(basket.ids.values()) == 1
    assert clean <= {fact.id for fact in (*register.weighings(), *register.tickets())}
    Weighbridge(BridgeSettings("S1"), register).status(START)
    register.close()
    assert Register.open_read_only(path).tickets()


def words(fact: Fact) -> bytes:
    return json.dumps(fact.to_json(), separators=(",", ":"), ensure_ascii=False).encode()


def occurrences(data: bytes, wanted: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(wanted, at)] if wanted in data else []


@pytest.mark.parametrize(
    "what", ["an empty file", "noise", "a folder", "no schema", "no head", "a half", "a page too many", "text"]
)
def test_whatever_stands_where_the_register_was_the_bridge_starts(what: str, tmp_path: Path) -> None:
    path, basket = tmp_path / "outbox.db", Basket()
    facts = weighed(path)
    stand_in(path, what)
    register = Register(path, "S1", basket)
    register.hand_over()
    with register.transaction() as change:
        change.ticket(at=START, net_kg=1.0)
    if what in ("no schema", "no head", "a page too many"):
        assert set(facts) <= set(basket.ids)
        assert {fact.id for fact in (*register.weighings(), *register.tickets())} >= set(facts)
        assert Weighbridge(BridgeSettings("S1"), register).status(START)["open"] == []
    register.close()


@pytest.mark.parametrize(
    "note", ["\xff", "[", "5", '{"said": 5}', '{"said": [5]}', '{"said": [{"at": 1}]}', '{"taken_kg": "x"}']
)
def test_a_note_of_the_bridge_that_does_not_read_any_more_does_not_stop_it(note: str, tmp_path: Path) -> None:
    path = tmp_path / "register.db"
    weighed(path)
    edited(path, "UPDATE notes SET value = CAST(:note AS TEXT)", note=note.encode("latin-1"))
    register = Register(path, "S1")
    Weighbridge(BridgeSettings("S1"), register).status(START)
    with register.transaction() as change:
        change.ticket(at=START, net_kg=1.0)
    register.close()


def test_a_register_that_goes_bad_in_use_is_mended_in_use(tmp_path: Path) -> None:
    path, basket = tmp_path / "register.db", Basket()
    weighed(path, n=300)
    register = Register(path, "S1", basket)
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(random.Random(1).randbytes(path.stat().st_size - PAGE))
    register._db.execute("PRAGMA shrink_memory")
    with pytest.raises(sqlite3.DatabaseError):
        register.weighings()
    register.reopen()
    with register.transaction() as change:
        number = change.ticket(at=START, net_kg=1.0).number
    assert register.ticket(number).net_kg == 1.0
    register.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_a_box_keeps_is_its_owner_s_only_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    data = tmp_path / "var" / "box"
    script = (
        "import os, pathlib, sys; os.umask(int(sys.argv[2])); path = pathlib.Path(sys.argv[1]) / 'outbox.db'\n"
        "from onboard.box.agent import _alone; from onboard.outbox.outbox import Outbox\n"
        "from onboard.box.crew import CrewSocket\n"
        "from weighbridge.bridge.register import Register\n"
        "with _alone(path.parent):\n"
        "    outbox = Outbox(path); outbox.put_photo(b'x'); register = Register(path.with_name('register.db'), 'S1')\n"
        "    outbox._db.execute('SELECT 1 FROM facts').fetchall(); os._exit(0)\n"
    )
    for damaged in (False, True):
        if damaged:
            stand_in(data / "outbox.db", "no head")
            stand_in(data / "register.db", "no head")
            for file in data.iterdir():
                file.chmod(0o644)  # as versions before left them
        subprocess.run([sys.executable, "-c", script, str(data), str(umask)], cwd=ROOT, check=True)
        assert {oct(folder.stat().st_mode & 0o777) for folder in (data, data.parent)} == {"0o700"}
        there = {file.name: oct(file.stat().st_mode & 0o777) for file in data.iterdir()}
        assert {"outbox.db", "outbox.db-wal", "outbox.db-shm", "outbox.db.reserve", "register.db"} <= set(there)
        assert set(there.values()) == {"0o600"}, there
        assert ("outbox.db.damaged-1" in there) == damaged
