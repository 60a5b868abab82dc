"""The bridge's register: numbers that neither repeat nor skip, identities of weighings, and what a power cut leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet import Fact
from onboard.outbox.outbox import Outbox
from weighbridge.bridge.register import Register

AT = datetime(2026, 11, 23, 6, tzinfo=UTC)
ROOT = Path(__file__).parent.parent


class Basket:
    """An outbox in memory that may fail."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.broken = False

    def put_all(self, facts: list[Fact]) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.facts += facts


def weigh(register: Register, kg: float, alibi: str | None, day: str = "2026-11-23", **more: Any) -> tuple[str, bool]:
    with register.transaction() as change:
        values = {"at": AT, "instrument": "IT1", "kg": kg, "alibi": alibi, "raw": f"<{kg}>", **more}
        weighing, new = change.weighing(day, **values)
    return weighing.id, new


def test_a_weighing_is_known_by_site_instrument_date_and_alibi_number(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.db", "S1")
    first = weigh(register, 15000, "1")
    assert weigh(register, 15000, "1") == (first[0], False)  # said twice, recorded once
    next_day = weigh(register, 15000, "1", day="2026-11-24")  # the indicator starts again at 1
    other = weigh(register, 15000, "1", instrument="IT2")
    assert len({first[0], next_day[0], other[0]}) == 3
    assert len(register.weighings()) == 3
    elsewhere = Register(tmp_path / "other.db", "S1")  # the same weighing, read by another program
    assert weigh(elsewhere, 15000, "1")[0] == first[0]


def test_the_same_alibi_number_with_another_weight_is_another_weighing(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.db", "S1")
    ids = {weigh(register, kg, "7")[0] for kg in (15000, 9000)}
    assert len(ids) == 2
    assert [w.kg for w in register.weighings()] == [15000, 9000]
    assert weigh(register, 9000, "7")[1] is False


def test_weighings_without_an_alibi_memory_are_told_apart_even_by_a_bridge_that_lost_its_disk(tmp_path: Path) -> None:
    one, after = Register(tmp_path / "1.db", "S1"), Register(tmp_path / "2.db", "S1")
    ids = [weigh(register, 15000, None)[0] for register in (one, one, after)]
    assert len(set(ids)) == 3
    numbers = []
    for register in (one, after):
        with register.transaction() as change:
            numbers.append(change.ticket(at=AT, net_kg=1.0).number)
    assert len(set(numbers)) == 2


def test_a_change_that_fails_leaves_no_gap_in_the_numbers(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.db", "S1")
    for k in range(6):
        try:
            with register.transaction() as change:
                change.ticket(at=AT, net_kg=float(k))
                if k % 2:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    assert [t.number[-6:] for t in register.tickets()] == ["000001", "000002", "000003"]
    assert register.ticket("2").net_kg == 2.0
    with pytest.raises(ValueError, match="must be one of this register's"):
        register.ticket("4")


def test_facts_that_the_outbox_could_not_take_are_handed_over_at_the_next_start(tmp_path: Path) -> None:
    basket = Basket()
    basket.broken = True
    register = Register(tmp_path / "r.db", "S1", basket)
    with pytest.raises(OSError, match="disk is full"):
        weigh(register, 15000, "1")
    assert [w.kg for w in register.weighings()] == [15000]  # recorded all the same
    register.close()
    basket.broken = False
    again = Register(tmp_path / "r.db", "S1", basket)
    again.hand_over()
    again.hand_over()
    assert [fact.id for fact in basket.facts] == [w.id for w in again.weighings()]


def test_a_register_belongs_to_one_site(tmp_path: Path) -> None:
    Register(tmp_path / "r.db", "S1").close()
    with pytest.raises(ValueError, match="the register of site 'S1'"):
        Register(tmp_path / "r.db", "S2")
    with pytest.raises(ValueError, match="must be 1 to 20 characters"):
        Register(tmp_path / "s.db", "a/b")


WORKER = """
    import sys, pathlib, itertools
    from datetime import UTC, datetime
    from onboard.outbox import Outbox
    from weighbridge.bridge.register import Register
    folder = pathlib.Path(sys.argv[1])
    register = Register(folder / "register.db", "S1", Outbox(folder / "outbox.db"))
    register.hand_over()
    start = len(register.weighings())
    for k in itertools.count(start + 1):
        with register.transaction() as change:
            at = datetime.now(UTC)
            w, new = change.weighing("2026-11-23", at=at, instrument="I", kg=float(k), alibi=str(k), raw=str(k))
            t = change.ticket(at=at, net_kg=float(k), gross_weighing=w.id)
        print(k, t.number, flush=True)
"""


def test_kill_9_leaves_no_gap_no_double_and_no_fact_behind(tmp_path: Path) -> None:
    said: list[str] = []
    for round_ in range(8):
        worker = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert worker.stdout is not None
        said.append(worker.stdout.readline())
        time.sleep(0.01 + 0.017 * round_)
        os.kill(worker.pid, signal.SIGKILL)
        said += worker.stdout.read().splitlines()
        worker.stdout.close()
        worker.wait()
    told = {int(line.split()[0]): line.split()[1] for line in said if len(line.split()) == 2}
    outbox = Outbox(tmp_path / "outbox.db")
    register = Register(tmp_path / "register.db", "S1", outbox)
    register.hand_over()
    tickets, weighings = register.tickets(), register.weighings()
    assert [int(t.number[-6:]) for t in tickets] == list(range(1, len(tickets) + 1))
    assert [w.kg for w in weighings] == list(range(1, len(weighings) + 1))
    assert len(tickets) == len(weighings) >= len(told) > 8
    for k, number in told.items():  # whatever was said to be done is there
        assert tickets[k - 1].number == number
    waiting = outbox.peek(10_000)
    assert {fact["id"] for fact in waiting} == {fact.id for fact in (*tickets, *weighings)}
    assert len(waiting) == len(tickets) + len(weighings)
    outbox.close()


def test_a_stored_tare_has_its_term(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.db", "S1")
    with register.transaction() as change:
        change.tare("T1", 12000.0, AT, 30, None)
    tare = register.tare_of("T1")
    assert tare is not None
    assert tare.expires_at == AT + timedelta(days=30)
    assert register.tare_of("T2") is None
    assert json.dumps(register.note("nothing")) == "null"
