"""Lifts: what tags, contacts and weights make of one another, over real ptys and without."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.clock import SystemClock
from onboard.sensors.lifts import LiftMatcher, Lifts, contact_line, lift_sources, open_lifts
from onboard.sensors.readings import LiftReading
from onboard.sensors.serial_line import SerialSettings
from onboard.sensors.tags import Tag, em4100_frame, long_frame, short_frame

BIN = Tag(250, 12345678)
OTHER = Tag(250, 87654321)


def case(text: str) -> tuple[LiftMatcher, list]:
    sources = lift_sources(text)
    return LiftMatcher(sources), list(sources)


def test_a_tag_repeated_while_in_view_is_one_lift() -> None:
    lifts, (reader,) = case("fdxb-long:/dev/ttyUSB0,side=left")
    told = [each for s in range(40) for each in lifts.tag("250-1", reader, float(s))]
    assert told == [LiftReading("250-1", "left")]
    assert lifts.tag("250-1", reader, 53.9) == []
    assert lifts.tag("250-1", reader, 69.0) == [LiftReading("250-1", "left")]


def test_a_tag_that_both_readers_see_is_one_lift_of_the_side_that_saw_it_first() -> None:
    lifts, (left, right) = case("fdxb-long:a,side=left;fdxb-long:b,side=right")
    assert lifts.tag("250-1", right, 0.0) == [LiftReading("250-1", "right")]
    assert lifts.tag("250-1", left, 1.0) == []
    assert lifts.tag("250-2", left, 1.5) == [LiftReading("250-2", "left")]


def test_a_tag_and_its_contact_are_one_lift_with_the_weight() -> None:
    lifts, (reader, _) = case("fdxb-long:a,side=left;contacts:b")
    assert lifts.tag("250-1", reader, 0.0) == []
    assert lifts.contact("left", 14.5, "L 14.5", 4.0) == [LiftReading("250-1", "left", 14.5, "L 14.5")]
    assert lifts.tick(60.0) == []


def test_a_contact_of_the_other_side_takes_no_tag() -> None:
    lifts, (reader, _) = case("fdxb-long:a,side=left;contacts:b")
    lifts.tag("250-1", reader, 0.0)
    assert lifts.contact("right", None, "R", 1.0) == [LiftReading(None, "right", None, "R")]
    assert lifts.contact("left", None, "L", 2.0) == [LiftReading("250-1", "left", None, "L")]


def test_a_tag_whose_contact_never_comes_is_a_lift_all_the_same() -> None:
    lifts, (reader, _) = case("fdxb-long:a,side=left,pair=8;contacts:b")
    lifts.tag("250-1", reader, 0.0)
    assert lifts.tick(7.9) == []
    assert lifts.tick(8.0) == [LiftReading("250-1", "left")]
    assert lifts.tick(9.0) == []


def test_a_reader_of_a_side_without_contact_waits_for_none() -> None:
    lifts, (reader, _) = case("fdxb-long:a,side=rear;contacts:b,side=left")
    assert lifts.tag("250-1", reader, 0.0) == [LiftReading("250-1", "rear")]


@given(st.lists(st.tuples(st.sampled_from(["tag", "contact", "wait"]), st.floats(0, 30)), max_size=30))
def test_no_contact_is_lost_or_doubled_and_no_tag_waits_for_ever(events: list[tuple[str, float]]) -> None:
    lifts, (reader, _) = case("fdxb-long:a,side=left,absence=0;contacts:b")
    now_s, told = 0.0, []
    for what, later_s in events:
        now_s += later_s
        told += lifts.tick(now_s)
        if what == "tag":
            told += lifts.tag("250-1", reader, now_s)
        elif what == "contact":
            told += lifts.contact("left", None, "L", now_s)
    told += lifts.tick(now_s + 10.0)
    kinds = [what for what, _ in events]
    assert sum(lift.raw == "L" for lift in told) == kinds.count("contact")
    assert sum(lift.tag is not None for lift in told) == kinds.count("tag")


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[list[int]]:
    """Two ptys at ``a`` and ``b``: their near ends."""
    pairs = [pty.openpty() for _ in range(2)]
    for name, (_, far) in zip("ab", pairs, strict=True):
        tty.setraw(far)
        (tmp_path / name).symlink_to(os.ttyname(far))
    yield [near for near, _ in pairs]
    for pair in pairs:
        for end in pair:
            os.close(end)


class Hearing:
    """Lifts gathered in a thread, as the agent does."""

    def __init__(self, lifts: Lifts) -> None:
        self.lifts, self.told = lifts, []
        self.thread = threading.Thread(target=lambda: self.told.extend(lifts.readings()))
        self.thread.start()
        self.wait(lambda: all(line.state == "open" for line in lifts.lines))

    def wait(self, until: object) -> None:
        for _ in range(500):
            if until():
                return
            time.sleep(0.01)
        raise AssertionError(self.told)

    def close(self) -> None:
        self.lifts.close()
        self.thread.join(10)


def test_two_readers_and_an_input_box_are_heard_over_their_lines(tmp_path: Path, ports: list[int]) -> None:
    hearing = Hearing(open_lifts(f"fdxb-long:{tmp_path}/a,side=left ; contacts:{tmp_path}/b", SystemClock()))
    a, b = ports
    for _ in range(5):
        os.write(a, b"\0" + long_frame(BIN))
    os.write(b, b"L what\r\n" + contact_line("right", 9.25))
    hearing.wait(lambda: hearing.told and hearing.lifts._case._seen_s)  # the tag too: each line has its own thread
    os.write(b, contact_line("left", 31.0))
    hearing.wait(lambda: len(hearing.told) == 2)
    hearing.close()
    assert hearing.told == [
        LiftReading(None, "right", 9.2, "R 9.2"),
        LiftReading("250-000012345678", "left", 31.0, "L 31.0"),
    ]
    assert hearing.lifts.damaged == 1


def test_tags_of_animals_are_passed_over_unless_accepted(tmp_path: Path, ports: list[int]) -> None:
    text = f"fdxb-short:{tmp_path}/a;fdxb-short:{tmp_path}/b,animals=yes"
    hearing = Hearing(open_lifts(text, SystemClock()))
    dog = Tag(250, 1, animal=True)
    os.write(ports[0], short_frame(dog) + short_frame(BIN))
    hearing.wait(lambda: hearing.told)
    os.write(ports[1], short_frame(dog))
    hearing.wait(lambda: len(hearing.told) == 2)
    hearing.close()
    assert [lift.tag for lift in hearing.told] == [str(BIN), str(dog)]


def test_who_listens_again_after_a_fault_finds_the_lines_open(tmp_path: Path, ports: list[int]) -> None:
    lifts = open_lifts(f"em4100:{tmp_path}/a;contacts:{tmp_path}/b", SystemClock())

    def lift(n: int) -> None:  # what stands on a line before it is opened is not heard
        while not all(line.state == "open" for line in lifts.lines):
            time.sleep(0.01)
        os.write(ports[1], contact_line("left", n))

    for n in range(2):
        lifter = threading.Thread(target=lift, args=(n,))
        lifter.start()
        assert next(lifts.readings()).kg == n
        lifter.join()
    lifts.close()
    assert [line.opened for line in lifts.lines] == [1, 1]


def test_125_khz_tags_are_told_in_hexadecimal(tmp_path: Path, ports: list[int]) -> None:
    hearing = Hearing(open_lifts(f"em4100:{tmp_path}/a,side=rear", SystemClock()))
    os.write(ports[0], em4100_frame("0C000621A5") * 3)
    hearing.wait(lambda: hearing.told)
    hearing.close()
    assert hearing.told == [LiftReading("0C000621A5", "rear")]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_noise_never_breaks_the_input_box_and_chunks_make_no_difference(wire: bytes, cuts: list[int]) -> None:
    from onboard.sensors.lifts import _ContactLines

    whole, pieces = _ContactLines(), _ContactLines()
    at = [0, *sorted(cuts), len(wire) + 200]
    found = [each for a, b in pairwise(at) for each in pieces.feed(wire[a:b])]
    assert found == list(whole.feed(wire))
    assert pieces.damaged == whole.damaged


def test_what_the_command_line_says_is_read_whole() -> None:
    long, box = lift_sources("fdxb-long:socket://10.0.0.7:4001,side=left,absence=20; contacts:/dev/ttyACM0,baud=115200")
    assert (long.kind, long.port, long.side, long.absence_s) == ("fdxb-long", "socket://10.0.0.7:4001", "left", 20)
    assert long.settings == SerialSettings(38400)
    assert (box.kind, box.side, box.settings.baud) == ("contacts", None, 115200)
    (short,) = lift_sources("fdxb-short:/dev/ttyS0")
    assert short.settings == SerialSettings(9600, 8, "even")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing named"),
        ("/dev/ttyUSB0", "must be written KIND:PORT"),
        ("uhf:/dev/ttyUSB0", "kind = 'uhf'"),
        ("em4100:/dev/ttyUSB0,side=top", "side = 'top'"),
        ("em4100:/dev/ttyUSB0,colour=red", "'colour=red'"),
        ("em4100:/dev/ttyUSB0,absence=long", "absence = 'long'"),
        ("em4100:/dev/ttyUSB0,absence=nan", "absence = 'nan'"),
        ("em4100:/dev/ttyUSB0,pair=-1", "pair = -1.0"),
        ("em4100:/dev/ttyUSB0,animals=some", "animals = 'some'"),
        ("em4100:/dev/ttyUSB0,baud=1", "baud = 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        open_lifts(text, SystemClock())
    assert said in str(caught.value)


def test_an_input_box_knows_three_sides() -> None:
    assert [contact_line(side) for side in ("left", "right", "rear")] == [b"L\r\n", b"R\r\n", b"B\r\n"]
    with pytest.raises(ValueError, match="side = 'top'"):
        contact_line("top")
