"""On-board scales: the manuals' own lines and frames, units at the edge, and nothing guessed."""

from __future__ import annotations

import os
import pty
import threading
import tty
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.checksum import nmea_checksum
from onboard.sensors.lifts import CONTACTS
from onboard.sensors.readings import LoadReading
from onboard.sensors.scale import (
    SCALES,
    ScaleDecoder,
    format4_frame,
    format5_frame,
    gpvws_line,
    open_scale,
    scale_source,
)
from onboard.sensors.tags import READERS

from .clocks import ToldClock

#: Rice Lake OB-350 manual, format 6; it prints XX for the sum, here is NMEA's.
GPVWS = "GPVWS,01,+,15000,25000,15500,26000,NS0,GP0,164100,280210"


def decoder(text: str) -> ScaleDecoder:
    return scale_source(text).decoder()


def line(body: str) -> bytes:
    return f"${body}*{nmea_checksum(body):02X}\r\n".encode()


def test_the_manuals_format_6_line_reads_as_net_and_gross_with_its_raw_line() -> None:
    scale = decoder("gpvws:/dev/ttyUSB0")
    raw = line(GPVWS).decode().strip()
    assert scale.feed(line(GPVWS)) == [LoadReading("net", 15000.0, raw=raw), LoadReading("gross", 25000.0, raw=raw)]
    assert scale.feed(line(GPVWS.replace("+", "-").replace("15000", "00040")))[0].kg == -40.0
    assert scale.damaged == 0


def test_pounds_become_kilograms_at_the_edge() -> None:
    net, gross = decoder("gpvws:/dev/ttyUSB0,unit=lb").feed(line(GPVWS))
    assert (net.kg, gross.kg) == (6803.886, 11339.809)
    assert net.raw.startswith("$GPVWS,01,+,15000,25000")


def test_the_manuals_axle_lines_read_as_published_in_their_block_of_wrong_sums() -> None:
    """Right Weigh RS-232 manual: both lines carry their right sum, the two lines around them 00."""
    scale = decoder("rwawt:/dev/ttyUSB0")
    block = b"$OAWTS*00\r\n$RWAWT,Drive,11600,11111111*11\r\n$RWAWT,Cal 1,10000,22222222*05\r\n$OAWTE*00\r\n"
    assert scale.feed(block) == [
        LoadReading("axle", 5261.671, "Drive", raw="$RWAWT,Drive,11600,11111111*11"),
        LoadReading("axle", 4535.924, "Cal 1", raw="$RWAWT,Cal 1,10000,22222222*05"),
    ]
    assert scale.damaged == 0
    assert (nmea_checksum("OAWTS"), nmea_checksum("OAWTE")) == (0x5E, 0x48)
    assert scale.feed(b"$OAWTS*5E\r\n$OAWTE*48\r\n") == []
    assert scale.damaged == 0


@pytest.mark.parametrize(
    "wire",
    [
        b"$RWAWT,Drive,11600,11111111*12\r\n",
        b"$RWAWT,Drive,11600,11111111*00\r\n",
        b"$RWAWT,Drive,11600,11111111\r\n",
        line("RWAWT,Drive,-----,11111111"),
        line("RWAWT,Drive"),
        line("GPVWS,01,+,15000"),
        b"garbage\r\n",
        b"\xff\xfe\r\n",
        b"$" * 5000 + b"\r\n",
    ],
)
def test_a_line_that_is_not_whole_and_right_is_counted_and_says_nothing(wire: bytes) -> None:
    scale = decoder("rwawt:/dev/ttyUSB0")
    assert scale.feed(wire) == []
    assert scale.damaged == 1
    assert len(scale.feed(line("RWAWT,Drive,11600,1"))) == 1


def test_a_line_cut_off_by_the_next_costs_only_itself() -> None:
    scale = decoder("rwawt:/dev/ttyUSB0")
    assert [load.axle for load in scale.feed(b"$RWAWT,Dri" + line("RWAWT,Rear,11600,1"))] == ["Rear"]
    assert scale.damaged == 1


def test_the_manuals_format_5_frame_reads_as_published() -> None:
    frame = bytes.fromhex("02 20 20 20 31 35 30 30 30 4E 03")
    assert decoder("format5:/dev/ttyUSB0").feed(frame) == [LoadReading("net", 15000.0, raw=frame.hex(" "))]
    assert format5_frame(15000) == frame


def test_the_manuals_format_4_frame_reads_as_published() -> None:
    frame = bytes.fromhex("01 00 0A 81 BE 01 01 00 01 00 00 48 58 EC")
    assert decoder("format4:/dev/ttyUSB0").feed(frame) == [LoadReading("net", 18520.0, raw=frame.hex(" "))]
    assert format4_frame(18520, 0xBE, frame[1:4], frame[5:10]) == frame


@given(st.integers(-9_999_999, 9_999_999))
def test_every_weight_survives_format_5(net: int) -> None:
    assert [load.kg for load in decoder("format5:x").feed(format5_frame(net))] == [float(net)]


@given(st.integers(0, (1 << 24) - 1), st.integers(0, 255), st.binary(min_size=3, max_size=3))
def test_every_weight_survives_format_4(net: int, counter: int, head: bytes) -> None:
    found = decoder("format4:x").feed(format4_frame(net, counter, head))
    assert [load.kg for load in found] == ([float(net)] if net or counter or any(head) else [])


@given(st.integers(-99_999, 99_999), st.integers(0, 99_999))
def test_every_weight_survives_format_6(net: int, gross: int) -> None:
    assert [load.kg for load in decoder("gpvws:x").feed(gpvws_line(net, gross))] == [net, gross]


@given(
    st.sampled_from(sorted(SCALES)),
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [line(GPVWS), line("RWAWT,Drive,11600,1"), format5_frame(7), format4_frame(7), b"$OAWTS*00\n"]
            ),
            st.integers(0, 300).map(lambda n: b"$" * n),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_noise_never_breaks_a_scale_and_chunks_make_no_difference(
    kind: str, parts: list[bytes], cuts: list[int]
) -> None:
    wire = b"".join(parts)
    whole, pieces = decoder(f"{kind}:x"), decoder(f"{kind}:x")
    at = [0, *sorted(cuts), 10_000]
    assert [load for a, b in pairwise(at) for load in pieces.feed(wire[a:b])] == whole.feed(wire)
    assert pieces.damaged == whole.damaged


def test_a_scale_that_repeats_itself_is_told_every_ten_seconds(tmp_path: Path) -> None:
    near, far = pty.openpty()
    tty.setraw(far)
    clock, told = ToldClock(), []
    scale = open_scale(f"format5:{os.ttyname(far)},baud=4800", clock)
    heard = threading.Event()

    def hear() -> None:
        for load in scale.readings():
            told.append(load.kg)
            clock.gone_s += 4.0
            if len(told) == 2:
                heard.set()

    thread = threading.Thread(target=hear)
    thread.start()
    while scale.line.state != "open":
        heard.wait(0.01)
    os.write(near, format5_frame(100) * 3)
    while not told:
        heard.wait(0.01)
    clock.gone_s += 6.0
    os.write(near, b"noise" + format5_frame(200) * 2)
    assert heard.wait(10)
    scale.close()
    thread.join(10)
    os.close(near)
    os.close(far)
    assert told == [100.0, 200.0]
    assert scale.damaged == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spring:/dev/ttyUSB0", "kind = 'spring'"),
        ("gpvws:/dev/ttyUSB0,unit=st", "unit = 'st'"),
        ("rwawt:/dev/ttyUSB0,unit=kg", "unit = 'kg', must be lb"),
        ("gpvws:/dev/ttyUSB0,every=-1", "every = -1.0"),
        ("gpvws", "must be written KIND:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        open_scale(text, ToldClock())
    assert said in str(caught.value)


def test_weights_that_no_frame_can_carry_are_refused() -> None:
    with pytest.raises(ValueError, match="seven digits"):
        format5_frame(10_000_000)
    with pytest.raises(ValueError, match="16777215"):
        format4_frame(-1)


def test_every_kind_of_sensor_is_in_the_manual() -> None:
    manual = (Path(__file__).parent.parent / "docs" / "sensors.md").read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in manual for kind in (*SCALES, *READERS, CONTACTS))
