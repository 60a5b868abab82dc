"""Bin tags: the published vectors, the frames both ways, and decoders that no noise upsets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.sensors.framing import FrameDecoder
from onboard.sensors.tags import READERS, Tag, em4100_frame, kermit, long_frame, short_frame, tag_of

#: The code of Proxmark3's own example, A8 28 0C 92 EA 6F 00 01 on the air, each byte turned round.
CODE = bytes.fromhex("15 14 30 49 57 f6 00 80")
EXAMPLE = Tag(country=985, national=100012135445, animal=True)

tags = st.builds(
    Tag, st.integers(1, 1023), st.integers(0, 2**38 - 1), st.booleans(), st.integers(0, 2**14 - 1), st.booleans()
)
numbers = st.binary(min_size=5, max_size=5).filter(any).map(lambda data: data.hex().upper())
WRITE: dict[str, Any] = {"fdxb-long": long_frame, "fdxb-short": short_frame, "em4100": em4100_frame}


def decoder(kind: str) -> FrameDecoder[Any]:
    return FrameDecoder(READERS[kind].frame)


def values(kind: str, wire: bytes) -> list[Any]:
    return [value for value, _ in decoder(kind).feed(wire)]


def test_the_published_code_reads_as_published() -> None:
    air = bytes.fromhex("A8 28 0C 92 EA 6F 00 01")
    assert bytes(int(f"{byte:08b}"[::-1], 2) for byte in air) == CODE
    assert tag_of(CODE) == EXAMPLE
    assert EXAMPLE.code() == CODE
    assert str(EXAMPLE) == "985-100012135445"
    assert kermit(CODE) == 0x1DE2


def test_the_check_is_kermits() -> None:
    """The catalogue's check value (reveng.sourceforge.io, CRC-16/KERMIT)."""
    assert kermit(b"123456789") == 0x2189


def test_the_published_long_frame_reads_as_published() -> None:
    frame = bytes.fromhex("54 15 14 30 49 57 f6 00 80 e2 1d")
    assert values("fdxb-long", frame) == [EXAMPLE]
    assert long_frame(EXAMPLE) == frame


def test_zeros_before_a_long_frame_are_no_damage() -> None:
    reader = decoder("fdxb-long")
    assert (
        reader.feed(b"\0\0\0" + long_frame(EXAMPLE) + b"\0" + long_frame(EXAMPLE))
        == [(EXAMPLE, long_frame(EXAMPLE))] * 2
    )
    assert reader.damaged == 0


def test_a_short_frame_ends_with_the_exclusive_or_of_the_rest() -> None:
    frame = short_frame(EXAMPLE)
    assert frame[:13] == bytes.fromhex("0e 00 11 00 05") + CODE
    assert len(frame) == 14
    assert values("fdxb-short", frame) == [EXAMPLE]


def test_the_data_sheets_125_khz_example_reads_as_published() -> None:
    """ID-2/12/20LA series data sheet, 11.04.2013, page 4."""
    assert values("em4100", b"\x020C000621A58E\r\n\x03") == ["0C000621A5"]
    assert em4100_frame("0C000621A5") == b"\x020C000621A58E\r\n\x03"


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("fdxb-long", b"T" + bytes(10)),
        ("fdxb-short", bytes.fromhex("0e 00 11 00 05") + bytes(8) + b"\x1a"),
        ("em4100", b"\x02" + b"0" * 12),
    ],
)
def test_the_empty_code_is_nobodys_tag_though_its_check_is_right(kind: str, frame: bytes) -> None:
    reader = decoder(kind)
    assert reader.feed(frame) == []
    assert reader.damaged == 1


@given(tags)
def test_every_tag_survives_its_code_and_both_frames(tag: Tag) -> None:
    assert tag_of(tag.code()) == tag
    assert values("fdxb-long", long_frame(tag)) == [tag]
    assert values("fdxb-short", short_frame(tag)) == [tag]
    plain = Tag(tag.country, tag.national)
    assert Tag.named(str(plain)) == plain


@given(numbers)
def test_every_125_khz_number_survives_its_frame(number: str) -> None:
    assert values("em4100", em4100_frame(number)) == [number]


@given(st.sampled_from(sorted(READERS)), st.data())
def test_a_frame_with_any_one_byte_changed_is_counted_and_never_read(kind: str, data: st.DataObject) -> None:
    frame = bytearray(WRITE[kind](data.draw(numbers if kind == "em4100" else tags)))
    length = READERS[kind].frame.length
    at = data.draw(st.integers(0, length - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != frame[at]))
    if kind == "em4100" and chr(frame[at]).lower() == chr(changed).lower():
        return  # a small letter is the same digit
    frame[at] = changed
    reader = decoder(kind)
    # A good frame after it is still read, whatever the damage.
    good = WRITE[kind]("0C000621A5" if kind == "em4100" else EXAMPLE)
    assert [value for value, _ in reader.feed(bytes(frame) + good)] == values(kind, good)
    assert reader.damaged == 1


@st.composite
def noisy(draw: st.DrawFn) -> tuple[str, bytes]:
    kind = draw(st.sampled_from(sorted(READERS)))
    frames = (numbers if kind == "em4100" else tags).map(WRITE[kind])
    mark = READERS[kind].frame.mark
    part = st.one_of(st.binary(max_size=20), frames, st.just(mark), frames.map(lambda frame: frame[:-4]))
    return kind, b"".join(draw(st.lists(part, max_size=8)))


@given(noisy(), st.data())
def test_noise_never_breaks_a_reader_and_chunks_make_no_difference(
    kind_and_wire: tuple[str, bytes], data: st.DataObject
) -> None:
    kind, wire = kind_and_wire
    whole, pieces = decoder(kind), decoder(kind)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    found = [each for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) for each in pieces.feed(wire[a:b])]
    assert found == whole.feed(wire)
    assert pieces.damaged == whole.damaged


@given(noisy(), st.data())
def test_a_frame_after_noise_is_read(kind_and_wire: tuple[str, bytes], data: st.DataObject) -> None:
    """Once there has been a pause of one frame's length of filler, whatever stood before."""
    kind, wire = kind_and_wire
    frame = READERS[kind].frame
    pause = (frame.filler or b"\xff")[:1] * frame.length
    value = data.draw(numbers if kind == "em4100" else tags)
    assert values(kind, wire + pause + WRITE[kind](value))[-1] == value


@pytest.mark.parametrize("text", ["250", "250-", "-12", "FR-000000000001", "1024-1", "1-274877906944"])
def test_a_name_that_no_tag_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Tag.named(text)


def test_a_125_khz_number_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="ten hexadecimal digits"):
        em4100_frame("0C0006")
