"""The picture alone: whatever is planted beside it goes, wherever it stands; the pixels stay; no file costs much."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from depot_api.pictures.metadata import media_type_of, without_metadata

MARK = b"Zoe's SM-S918B R5CW30ABCDE 43.7384N 7.4246E"
Plant = Callable[[], bytes]


def image(mode: str = "RGB") -> Image.Image:
    ramp = Image.linear_gradient("L").resize((60, 44))
    return Image.merge("RGB", (ramp, ramp.rotate(90).resize((60, 44)), ramp.rotate(180))).convert(mode)


def saved(kind: str, mode: str = "RGB", **given: Any) -> bytes:
    out = io.BytesIO()
    image(mode).save(out, kind, **given)
    return out.getvalue()


def pixels(body: bytes) -> tuple[str, tuple[int, int], bytes, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow reads what was planted, and finds it odd
        found = Image.open(io.BytesIO(body))
    return found.mode, found.size, found.tobytes(), found.convert("RGBA").tobytes()


def judge(planted: bytes, plain: bytes | None = None) -> bytes:
    """A planted picture is given out with the same pixels and without the mark; what that is.

    ``plain``: the same before it was planted, where Pillow cannot read it any more.
    """
    assert MARK in planted
    kept = without_metadata(planted)
    assert MARK not in kept
    assert media_type_of(kept) == media_type_of(planted)
    assert pixels(kept) == pixels(plain or planted)
    assert without_metadata(kept) == kept
    return kept


# --- JPEG ------------------------------------------------------------------------------------------------------------


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def places(jpeg: bytes) -> list[int]:
    """Where a segment begins, the end among them."""
    found, at = [], 2
    while jpeg[at + 1] != 0xD9:
        found.append(at)
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        while jpeg[at] != 0xFF or jpeg[at + 1] == 0 or 0xD0 <= jpeg[at + 1] <= 0xD7:
            at += 1
    return [*found, at]


def put(body: bytes, at: int, extra: bytes) -> bytes:
    return body[:at] + extra + body[at:]


def first(jpeg: bytes, marker: int) -> int:
    return next(at for at in places(jpeg) if jpeg[at + 1] == marker)


def gps() -> bytes:
    """An EXIF with a place, a maker and a serial number."""
    exif = Image.Exif()
    exif[0x010F] = MARK.decode()
    exif[0x8825] = {1: "N", 2: (43.0, 44.0, 18.24), 29: "2026:11:20"}
    return exif.tobytes()


def between_scans(extra: bytes) -> bytes:
    jpeg = saved("JPEG", progressive=True)
    scans = [at for at in places(jpeg) if jpeg[at + 1] == 0xDA]
    assert len(scans) > 3
    return put(put(jpeg, scans[3], extra), scans[1], extra)


def in_head(extra: bytes) -> bytes:
    return put(saved("JPEG"), 2, extra)


def film() -> bytes:
    return struct.pack(">I4s4sI", 20, b"ftyp", b"isom", 512) + b"mp42" + b"\0\0\0\x40moov" + MARK


def tail_of(marker: int, extra: bytes) -> bytes:
    """A picture in which the first segment of a kind is longer than what it has to say."""
    jpeg = saved("JPEG", "CMYK")  # Adobe's
    at = first(jpeg, marker)
    length = int.from_bytes(jpeg[at + 2 : at + 4])
    return jpeg[: at + 2] + segment(0, jpeg[at + 4 : at + 2 + length] + extra)[2:] + jpeg[at + 2 + length :]


def instead_of_jfif(content: bytes) -> bytes:
    jpeg = saved("JPEG")
    return jpeg[:2] + segment(0xE0, content) + jpeg[places(jpeg)[1] :]


JPEGS: Mapping[str, Plant] = {
    "EXIF": lambda: in_head(segment(0xE1, gps())),
    "EXIF twice": lambda: in_head(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0") + segment(0xE1, gps())),
    "XMP": lambda: in_head(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARK)),
    "XMP that goes on": lambda: in_head(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + MARK)),
    "IPTC": lambda: in_head(segment(0xED, b"Photoshop 3.0\0008BIM\x04\x04\0\0\0\0\0\x30" + MARK)),
    "a comment": lambda: in_head(segment(0xFE, b"<script>alert(1)</script>" + MARK)),
    "FPXR": lambda: in_head(segment(0xE2, b"FPXR\0\0\1" + MARK)),
    "JFXX": lambda: put(saved("JPEG"), places(saved("JPEG"))[1], segment(0xE0, b"JFXX\0\x10" + in_head(MARK))),
    "a small picture in JFIF": lambda: instead_of_jfif(b"JFIF\0\1\2\0\0\1\0\1\4\5" + MARK.ljust(60)),
    "further pictures": lambda: in_head(segment(0xE2, b"MPF\0II*\0" + MARK)) + in_head(segment(0xE1, gps())),
    "two pictures of one moment": lambda: saved("MPO", save_all=True, append_images=[image()], exif=gps()),
    "how bright it may be": lambda: in_head(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + MARK)),
    "a profile's own segment": lambda: in_head(segment(0xE2, b"ICC_PROFILE\0\1\1" + MARK)),
    "a second picture behind": lambda: saved("JPEG") + saved("JPEG", exif=gps()),
    "two behind": lambda: saved("JPEG") + saved("JPEG", exif=gps()) + saved("JPEG", exif=gps()) + b"\xff\xd9",
    "a film behind": lambda: saved("JPEG") + film() + b"\xff\xd9",
    "Samsung's film behind": lambda: saved("JPEG") + b"\0\0\x30\x0aMotionPhoto_Data" + film() + b"SEFHSEFT\xff\xd9",
    "EXIF between scans": lambda: between_scans(segment(0xE1, gps())),
    "a comment between scans": lambda: between_scans(segment(0xFE, MARK)),
    "colours between scans": lambda: between_scans(segment(0xE2, b"ICC_PROFILE\0\1\1" + MARK)),
    "EXIF before the end": lambda: put(saved("JPEG"), places(saved("JPEG"))[-1], segment(0xE1, gps())),
    "a number of lines, and more": lambda: put(saved("JPEG"), places(saved("JPEG"))[-1], segment(0xDC, MARK)),
    "stray bytes": lambda: put(saved("JPEG"), places(saved("JPEG"))[1], MARK),
    "fill bytes and stray ones": lambda: put(saved("JPEG"), places(saved("JPEG"))[1], b"\xff" * 9 + b"\0" + MARK),
    "stray bytes behind a restart": lambda: put(saved("JPEG"), places(saved("JPEG"))[1], b"\xff\xd3" + MARK),
    "stray bytes before the end": lambda: put(
        saved("JPEG"), places(saved("JPEG"))[-1], segment(0xFE, b"") + MARK + b"\xff" * 5
    ),
    "a table that nobody uses": lambda: in_head(segment(0xDB, b"\3" + MARK.ljust(64))),
    "a table that is replaced": lambda: in_head(segment(0xDB, b"\0" + MARK.ljust(64))),
    "codes that nobody uses": lambda: in_head(
        segment(0xC4, b"\x13\0\0\0\0\0\0" + bytes((len(MARK), *bytes(9))) + MARK)
    ),
    "codes that are replaced": lambda: in_head(segment(0xC4, b"\0\0\0\0\0\0\0" + bytes((len(MARK), *bytes(9))) + MARK)),
    "behind Adobe's": lambda: tail_of(0xEE, MARK),
    **{
        f"segment {marker:02X}": lambda marker=marker: in_head(segment(marker, MARK))  # type: ignore[misc]
        for marker in range(0xE0, 0xF0)
    },
}


@pytest.mark.parametrize("kind", JPEGS)
def test_what_is_planted_in_a_jpeg_goes(kind: str) -> None:
    judge(JPEGS[kind]())


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("given", [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"subsampling": "4:1:1"}])
def test_every_pixel_of_a_jpeg_stays(mode: str, given: dict[str, Any]) -> None:
    judge(put(saved("JPEG", mode, **given), 2, segment(0xFE, MARK)))
    both = given | {"progressive": True, "optimize": True, "restart_marker_rows": 1, "quality": 99}
    judge(put(saved("JPEG", mode, **both), 2, segment(0xFE, MARK)))


NAMES = [
    b"",
    b"JFIF\0",
    b"JFXX\0",
    b"Exif\0\0",
    b"Exif\0\0II*\0",
    b"ICC_PROFILE\0\1\1",
    b"MPF\0",
    b"FPXR\0",
    b"Adobe\0d",
]
JPEG_BASES = [saved("JPEG", "L"), saved("JPEG"), saved("JPEG", progressive=True), saved("JPEG", restart_marker_rows=1)]


@given(
    base=st.sampled_from(JPEG_BASES),
    plants=st.lists(
        st.tuples(
            st.integers(0, 99),
            st.sampled_from([*range(0xE0, 0xF0), 0xFE]),
            st.sampled_from(NAMES),
            st.binary(max_size=9),
        ),
        min_size=1,
        max_size=6,
    ),
    behind=st.sampled_from([b"", MARK, film(), saved("JPEG", exif=gps())]),
)
def test_no_segment_in_any_order_keeps_its_mark(
    base: bytes, plants: list[tuple[int, int, bytes, bytes]], behind: bytes
) -> None:
    body = base
    for place, marker, name, content in plants:
        there = places(body)
        body = put(body, there[place % len(there)], segment(marker, name + content + MARK))
    judge(body + behind)


def test_an_end_within_a_segment_is_no_end() -> None:
    judge(in_head(segment(0xE1, b"Exif\0\0" + saved("JPEG", exif=gps()))))
    judge(in_head(segment(0xFE, b"\xff\xd9" + MARK)))


# --- PNG -------------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def in_png(kind: bytes, content: bytes, place: int = 1, mode: str = "RGB") -> bytes:
    chunks = png_chunks(saved("PNG", mode))
    chunks.insert(place, (kind, content))
    return png_of(chunks)


def behind_the_lines() -> bytes:
    return png_of([(kind, c + MARK if kind == b"IDAT" else c) for kind, c in png_chunks(saved("PNG"))])


def in_further_lines() -> bytes:
    chunks = png_chunks(saved("PNG"))
    return png_of([*chunks[:-1], (b"IDAT", MARK), (b"IDAT", MARK), chunks[-1]])


def moving_png() -> bytes:
    out = io.BytesIO()
    image().save(out, "PNG", save_all=True, append_images=[image().rotate(180)], duration=40)
    assert b"fdAT" in out.getvalue()
    chunks = png_chunks(out.getvalue())
    return png_of([(kind, c + MARK if kind == b"fdAT" else c) for kind, c in chunks])


PNGS: Mapping[str, Plant] = {
    "text": lambda: in_png(b"tEXt", b"Author\0" + MARK),
    "packed text": lambda: in_png(b"zTXt", b"Author\0\0" + zlib.compress(MARK, 0)),
    "XMP": lambda: in_png(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + MARK),
    "text behind the lines": lambda: in_png(b"iTXt", b"Comment\0\0\0\0\0" + MARK, -1),
    "EXIF": lambda: in_png(b"eXIf", gps()[6:]),
    "EXIF behind the lines": lambda: in_png(b"eXIf", gps()[6:], -1),
    "a chunk of its own": lambda: in_png(b"loCa", MARK),
    "a palette that is proposed": lambda: in_png(b"sPLT", MARK[:20] + b"\0\x08" + MARK.ljust(60)),
    "a palette that draws nothing": lambda: in_png(b"PLTE", MARK.ljust(60)),
    "colours of a device": lambda: in_png(b"iCCP", MARK + b"\0\0" + zlib.compress(b"profile")),
    "colours of a device, badly packed": lambda: in_png(b"iCCP", b"icc\0\0" + MARK),
    "behind the end": lambda: saved("PNG") + MARK,
    "a picture behind the end": lambda: saved("PNG") + in_png(b"eXIf", gps()[6:]),
    "behind the packed lines": behind_the_lines,
    "in further lines": in_further_lines,
    "a moving one": moving_png,
}


@pytest.mark.parametrize("kind", PNGS)
def test_what_is_planted_in_a_png_goes(kind: str) -> None:
    judge(PNGS[kind]())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_pixel_of_a_png_stays(mode: str) -> None:
    judge(in_png(b"tEXt", b"Author\0" + MARK, mode=mode))


def test_what_one_sees_through_stays() -> None:
    for body in (
        saved("PNG", "P", transparency=3),
        saved("PNG", transparency=(0, 0, 0)),
        saved("PNG", "L", transparency=9),
    ):
        chunks = png_chunks(body)
        assert b"tRNS" in dict(chunks)
        judge(png_of([*chunks[:-1], (b"tEXt", b"a\0" + MARK), chunks[-1]]))


def test_colours_that_no_pixel_can_choose_go() -> None:
    """Pixels of one bit choose from two, whatever a palette and what one sees through it go on to say."""
    plain = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 2, 1, 3, 0, 0, 0)),
        (b"PLTE", bytes((1, 2, 3, 250, 9, 8))),
        (b"tRNS", b"\x80\xff"),
        (b"IDAT", zlib.compress(b"\0\x5a\0\xc3")),
        (b"IEND", b""),
    ]
    longer = (b"PLTE", b"tRNS", b"IEND")
    planted = [(kind, content + MARK.ljust(60) if kind in longer else content) for kind, content in plain]
    judge(png_of(planted), png_of(plain))


def test_measured_colours_of_a_png_go() -> None:
    assert MARK[:32] not in without_metadata(in_png(b"cHRM", MARK[:32]))


def test_a_png_in_seven_passes_stays() -> None:
    """Five by four pixels, of which one pass has none."""
    head = struct.pack(">IIBBBBB", 5, 4, 8, 2, 0, 0, 1)
    rows = [(1, 1), (1, 1), (0, 0), (1, 1), (3, 1), (2, 2), (5, 2)]  # columns, lines of each pass
    lines = b"".join((b"\0" + bytes(range(3 * columns))) * count for columns, count in rows)
    judge(png_of([(b"IHDR", head), (b"tEXt", b"a\0" + MARK), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]))


@given(
    mode=st.sampled_from(["L", "P", "RGBA"]),
    plants=st.lists(
        st.tuples(
            st.integers(0, 99),
            st.sampled_from(
                [b"tEXt", b"zzZz", b"tIME", b"eXIf", b"iCCP", b"pHYs", b"bKGD", b"hIST", b"acTL", b"cHRM", b"gAMA"]
            ),
            st.binary(max_size=9),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_no_chunk_of_a_png_in_any_order_keeps_its_mark(mode: str, plants: list[tuple[int, bytes, bytes]]) -> None:
    plain = saved("PNG", mode)
    chunks = png_chunks(plain)
    for place, kind, content in plants:
        chunks.insert(1 + place % (len(chunks) - 1), (kind, content + MARK))
    kept = without_metadata(png_of(chunks))
    assert MARK not in kept
    assert pixels(kept) == pixels(plain)  # Pillow refuses some of what was planted


# --- WebP ------------------------------------------------------------------------------------------------------------


def riff(kind: bytes, content: bytes, padding: bytes = b"\0") -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + padding[: len(content) % 2]


def webp_of(*chunks: bytes) -> bytes:
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def drawing(mode: str = "RGB", **given: Any) -> bytes:
    """The chunks that draw, without the head of an extended file."""
    body = saved("WEBP", mode, **given)[12:]
    return body[18:] if body.startswith(b"VP8X") else body


def extended(*chunks: bytes, flags: int = 0, rest: bytes = b"\0\0\0") -> bytes:
    return webp_of(riff(b"VP8X", bytes((flags,)) + rest + struct.pack("<HBHB", 59, 0, 43, 0)), *chunks)


def raw_alpha(behind: bytes) -> bytes:
    """A lossy picture that one sees through, byte by byte, and more behind."""
    return extended(riff(b"ALPH", b"\0" + bytes(range(240)) * 11 + behind), drawing(), flags=0x10)


WEBPS: Mapping[str, Plant] = {
    "EXIF": lambda: saved("WEBP", exif=gps()),
    "EXIF, lossless": lambda: saved("WEBP", lossless=True, exif=gps()),
    "XMP": lambda: saved("WEBP", xmp=MARK),
    "an unknown chunk before": lambda: extended(riff(b"LOCA", MARK), drawing()),
    "an unknown chunk behind": lambda: extended(drawing(), riff(b"LOCA", MARK)),
    "in a simple file": lambda: webp_of(drawing(), riff(b"LOCA", MARK)),
    "in lower case": lambda: extended(drawing(), riff(b"exif", MARK), riff(b"XMP\0", MARK)),
    "a list within": lambda: extended(drawing(), riff(b"LIST", b"INFO" + riff(b"IART", MARK))),
    "a second picture": lambda: extended(drawing(), riff(b"VP8 ", MARK)),
    "a second EXIF": lambda: extended(drawing(), riff(b"EXIF", b"MM\0*"), riff(b"EXIF", MARK), flags=8),
    "a profile": lambda: extended(riff(b"ICCP", MARK), drawing(), flags=0x20),
    "a frame that does not move": lambda: extended(drawing(), riff(b"ANMF", bytes(16) + riff(b"LOCA", MARK))),
    "behind the end": lambda: saved("WEBP") + MARK,
    "behind what one sees through": lambda: raw_alpha(MARK),
    "a head that is too long": lambda: webp_of(
        riff(b"VP8X", bytes(4) + struct.pack("<HBHB", 59, 0, 43, 0) + MARK), drawing()
    ),
}


@pytest.mark.parametrize("kind", WEBPS)
def test_what_is_planted_in_a_webp_goes(kind: str) -> None:
    plain = {"EXIF, lossless": saved("WEBP", lossless=True), "behind what one sees through": raw_alpha(b"")}
    judge(WEBPS[kind](), plain.get(kind, saved("WEBP")))


def test_what_a_webp_says_of_its_chunks_is_true() -> None:
    kept = without_metadata(extended(drawing(), riff(b"EXIF", b"MM"), riff(b"XMP ", MARK), flags=0xCC, rest=b"\1\2\3"))
    assert b"VP8X" not in kept
    kept = without_metadata(raw_alpha(MARK))
    assert kept[12:16] == b"VP8X"
    assert kept[20:30] == b"\x10\0\0\0" + struct.pack("<HBHB", 59, 0, 43, 0)


@pytest.mark.parametrize("given", [{}, {"lossless": True}, {"quality": 5}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_pixel_of_a_webp_stays(mode: str, given: dict[str, Any]) -> None:
    if mode == "RGBA":  # one that is not seen through is saved as any other
        seen = image("RGBA")
        seen.putalpha(image("L"))
        out = io.BytesIO()
        seen.save(out, "WEBP", exif=gps(), **given)
        assert Image.open(io.BytesIO(judge(out.getvalue()))).mode == "RGBA"
    else:
        judge(saved("WEBP", mode, exif=gps(), **given))


@given(
    given_=st.sampled_from([{}, {"lossless": True}]),
    plants=st.lists(
        st.tuples(st.booleans(), st.sampled_from([b"EXIF", b"XMP ", b"ICCP", b"LOCA", b"JUNK"]), st.binary(max_size=9)),
        min_size=1,
        max_size=6,
    ),
)
def test_no_chunk_of_a_webp_in_any_order_keeps_its_mark(
    given_: dict[str, Any], plants: list[tuple[bool, bytes, bytes]]
) -> None:
    chunks = [drawing(**given_)]
    for before, kind, content in plants:
        chunks.insert(0 if before else len(chunks), riff(kind, content + MARK, b"x"))
    kept = without_metadata(extended(*chunks))
    assert MARK not in kept
    assert pixels(kept) == pixels(webp_of(drawing(**given_)))


# --- which side is up, which colours are meant -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8, 9])
def test_which_side_is_up_stays_known(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x010F] = MARK.decode()
    exif[0x0112] = orientation
    kept = judge(saved(kind, exif=exif))
    assert dict(Image.open(io.BytesIO(kept)).getexif()) == ({0x0112: orientation} if 1 < orientation <= 8 else {})


#: Red, green, blue (x, y), as the standards name them: IEC 61966-2-1, SMPTE EG 432-1, Adobe RGB (1998); all under D65.
PRIMARIES = {
    "sRGB": ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06)),
    "Display P3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "Adobe RGB (1998)": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}


def colourants(name: str) -> Any:
    """Under D50, a row each."""

    def xyz(x: float, y: float) -> Any:
        return np.array((x / y, 1.0, (1 - x - y) / y))

    white = xyz(0.3127, 0.329)
    rows = np.array([xyz(*each) for each in PRIMARIES[name]])
    rows *= np.linalg.solve(rows.T, white)[:, None]
    cone = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))  # Bradford
    ratio = (cone @ (0.9642, 1.0, 0.8249)) / (cone @ white)
    return rows @ (np.linalg.inv(cone) @ np.diag(ratio) @ cone).T


def device_profile(name: str) -> bytes:
    """A profile of these colours that names a device, in a tag of its own and behind the end."""
    body = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for k in range(int.from_bytes(body[128:132])):
        tag, start = struct.unpack_from(">4sI", body, 132 + 12 * k)
        if tag[1:] == b"XYZ":
            row = colourants(name)[b"rgb".index(tag[0])]
            struct.pack_into(">3i", body, start + 8, *(round(float(v) * 65536) for v in row))
    struct.pack_into(">I", body, 0, len(body) + len(MARK))
    body[80:84] = MARK[:4]  # who made it
    return bytes(body) + MARK


def seen(profile: bytes, colour: tuple[int, int, int]) -> tuple[int, ...]:
    """A colour as a screen of sRGB shows it."""
    turned = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), colour),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
    )
    assert turned is not None
    return tuple(turned.getpixel((0, 0)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_wide_colours_stay_wide_and_name_no_device(kind: str) -> None:
    given = device_profile("Display P3")
    planted = saved(kind, icc_profile=given, exif=gps())  # a PNG packs its profile
    kept = Image.open(io.BytesIO(judge(planted))).info["icc_profile"]
    assert MARK not in kept
    assert MARK[:4] not in kept
    for colour in ((200, 100, 50), (30, 120, 60), (90, 90, 200), (250, 250, 250), (12, 12, 12)):
        now, before = seen(kept, colour), seen(given, colour)
        assert max(abs(a - b) for a, b in zip(now, before, strict=True)) <= 1, (colour, now, before)
    assert seen(kept, (200, 100, 50)) != (200, 100, 50)


@pytest.mark.parametrize("name", PRIMARIES)
def test_the_nearest_of_three_colour_spaces_is_named(name: str) -> None:
    kept = Image.open(io.BytesIO(judge(saved("JPEG", icc_profile=device_profile(name))))).info.get("icc_profile")
    if name == "sRGB":
        assert kept is None, "meant where nothing is said"
        return
    found = ImageCms.ImageCmsProfile(io.BytesIO(kept)).profile
    assert found.profile_description == name
    wanted = colourants(name)
    for row, made in zip(wanted, (found.red_colorant, found.green_colorant, found.blue_colorant), strict=True):
        assert np.abs(row - np.array(made[0])).max() < 5e-4


def test_a_profile_in_pieces_is_read_whole() -> None:
    given = device_profile("Display P3")
    pieces = [*(given[k : k + 300] for k in range(0, len(given), 300)), MARK]
    put_in = [segment(0xE2, b"ICC_PROFILE\0" + bytes((k + 1, len(pieces))) + piece) for k, piece in enumerate(pieces)]
    kept = judge(in_head(b"".join(reversed(put_in))))
    assert b"D\0i\0s\0p\0l\0a\0y" in kept


# --- what is refused, and that nothing costs much --------------------------------------------------------------------

MIB = 2**20
HEAD = b"\xff\xd8"
FRAME = segment(0xC0, b"\x08" + (44).to_bytes(2) + (60).to_bytes(2) + b"\x01\x01\x11\0")
SCAN = segment(0xDA, b"\x01\x01\0\0\x3f\0")


def header(across: int, down: int, kind: int = 2, bits: int = 8) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", across, down, bits, kind, 0, 0, 0)


def bomb() -> bytes:
    """Four gigabytes of zeros in four mebibytes: one block, again and again."""
    packing = zlib.compressobj(9, wbits=-15)
    block = packing.compress(bytes(16 * MIB)) + packing.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * 256


def moving_webp() -> bytes:
    frame = bytes(6) + struct.pack("<HBHB", 59, 0, 43, 0) + bytes(4) + drawing() + riff(b"EXIF", MARK)
    return extended(riff(b"ANIM", bytes(6)), riff(b"ANMF", frame), riff(b"ANMF", frame), flags=2)


REFUSED: Mapping[str, tuple[Plant, str]] = {
    "a length of 0": (lambda: in_head(b"\xff\xe1\0\0"), "damaged"),
    "a length of 1": (lambda: in_head(b"\xff\xe1\0\1" + MARK), "damaged"),
    "a table that is too long": (lambda: in_head(segment(0xDB, bytes(65) + MARK)), "quantisation"),
    "codes that are too long": (lambda: in_head(segment(0xC4, bytes(17) + MARK)), "Huffman"),
    "a frame that is too long": (lambda: HEAD + segment(0xC0, FRAME[4:] + MARK) + SCAN + b"\xff\xd9", "frame"),
    "a scan's head that is too long": (lambda: HEAD + FRAME + segment(0xDA, SCAN[4:] + MARK) + b"\xff\xd9", "scan"),
    "a restart interval that is too long": (lambda: in_head(segment(0xDD, b"\0\1" + MARK)), "FFDD"),
    "a beginning within": (lambda: in_head(saved("JPEG")), "damaged"),
    "restarts that nobody announced": (
        lambda: put(saved("JPEG"), len(saved("JPEG")) - 2, b"\xff\xd0" + MARK),
        "restarts",
    ),
    "more restarts than rows": (
        lambda: put(
            saved("JPEG", restart_marker_rows=1), len(saved("JPEG", restart_marker_rows=1)) - 2, b"\xff\xd7" + MARK
        ),
        "restarts",
    ),
    "lines that come later": (lambda: HEAD + FRAME[:5] + b"\0\0" + FRAME[7:] + SCAN + b"\xff\xd9", "pixels"),
    "no end": (lambda: saved("JPEG")[:-2] + film(), "no end"),
    "no picture": (lambda: HEAD + segment(0xE1, gps()) + b"\xff\xd9", "before its picture"),
    "a JPEG coded in another way": (lambda: saved("JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1), "FFC9"),
    "two million segments": (lambda: HEAD + b"\xff\xfe\0\2" * 2_000_000 + b"\xff\xd9", "10000"),
    "a million scans": (lambda: HEAD + FRAME + SCAN * 1_000_000 + b"\xff\xd9", "100 JPEG scans"),
    "a million restarts": (lambda: HEAD + FRAME + SCAN + b"\xff\xd0" * MIB + b"\xff\xd9", "restarts"),
    "a JPEG of 3,600 million pixels": (
        lambda: HEAD + FRAME[:5] + struct.pack(">HH", 60_000, 60_000) + FRAME[9:] + SCAN + b"\xff\xd9",
        "60000 × 60000",
    ),
    "eight million fill bytes": (lambda: HEAD + b"\xff" * 8 * MIB, "no end"),
    "a PNG of 3,600 million pixels": (
        lambda: png_of([header(60_000, 60_000), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]),
        "60000 × 60000",
    ),
    "a PNG of gigabytes": (lambda: png_of([header(60, 44), (b"IDAT", bomb()), (b"IEND", b"")]), "7964 bytes"),
    "a large PNG of gigabytes": (lambda: png_of([header(9000, 9000), (b"IDAT", bomb()), (b"IEND", b"")]), "unpack to"),
    "a PNG of 800 million bytes": (
        lambda: png_of([header(10_000, 10_000, 6, 16), (b"IDAT", bomb()), (b"IEND", b"")]),
        "at most 268435456",
    ),
    "a million chunks of a PNG": (
        lambda: png_of([header(60, 44)]) + chunk(b"IDAT", b"") * MIB + chunk(b"IEND", b""),
        "10000",
    ),
    "a PNG that is cut off": (lambda: saved("PNG")[:-20], "cut off"),
    "lines that are missing": (
        lambda: png_of([header(60, 44), (b"IDAT", zlib.compress(bytes(60))), (b"IEND", b"")]),
        "unpack to",
    ),
    "no lines": (lambda: png_of([header(60, 44), (b"IEND", b"")]), "unpack to"),
    "Apple's own PNG": (lambda: png_of([(b"CgBI", bytes(4)), *png_chunks(saved("PNG"))]), "IHDR"),
    "a header twice": (lambda: png_of([header(60, 44), header(60, 44)]), "IHDR"),
    "a chunk whose sum is wrong": (lambda: saved("PNG").replace(b"IDAT", b"IDAT\0", 1), "damaged"),
    "a million chunks of a WebP": (lambda: webp_of(riff(b"LOCA", b"") * MIB, drawing()), "10000"),
    "a WebP that moves": (moving_webp, "does not move"),
    "a WebP that is cut off": (lambda: saved("WEBP")[:-20], "cut off"),
    "a WebP chunk that is cut off": (lambda: webp_of(drawing(), b"LOCA\xff\xff\0\0"), "cut off"),
    "a WebP of 268 million pixels": (lambda: webp_of(riff(b"VP8L", b"\x2f\xff\xff\xff\x0f")), "16384 × 16384"),
    "no WebP picture": (lambda: webp_of(riff(b"EXIF", gps())), "one picture"),
}


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many lines of Python run, and how many bytes they hold at most."""
    found = [0, 0]

    def line(_: FrameType, what: str, __: object) -> Any:
        found[0] += what == "line"
        return line

    tracemalloc.start()
    before = sys.gettrace()
    sys.settrace(line)
    try:
        yield found
    finally:
        sys.settrace(before)
        found[1] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_damaged_or_too_large_is_refused_at_once(kind: str) -> None:
    made, why = REFUSED[kind]
    body = made()
    with counted() as found, pytest.raises(ValueError, match=why):
        without_metadata(body)
    lines, held = found
    assert lines < 300_000
    assert held < 2 * len(body) + MIB


def test_a_profile_that_unpacks_to_gigabytes_costs_little() -> None:
    body = in_png(b"iCCP", b"icc\0\0" + bomb())
    with counted() as found:
        without_metadata(body)
    assert found[1] < 4 * len(body) + 4 * MIB


BASES = [
    *JPEG_BASES,
    saved("JPEG", "CMYK"),
    JPEGS["JFXX"](),
    saved("PNG", "P"),
    saved("PNG", icc_profile=device_profile("Display P3")),
    saved("PNG", exif=gps()),
    saved("WEBP", exif=gps()),
    saved("WEBP", lossless=True),
    raw_alpha(b""),
]


@settings(max_examples=300)
@given(base=st.sampled_from(BASES), data=st.data())
def test_a_picture_damaged_anywhere_is_refused_or_given_out_alone(base: bytes, data: st.DataObject) -> None:
    body = bytearray(base)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["set", "drop", "add", "again"])):
            case "set":
                body[at] = data.draw(st.integers(0, 255))
            case "drop":
                del body[at : at + data.draw(st.integers(1, 20))]
            case "add":
                body[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "again":
                body[at:at] = body[at : at + 40]
        if not body:
            return
    with suppress(ValueError):  # refused with a reason; anything else fails
        kept = without_metadata(bytes(body))
        assert without_metadata(kept) == kept


@settings(max_examples=300)
@given(
    head=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"RIFF\x40\0\0\0WEBP"]),
    rest=st.binary(max_size=200),
)
def test_random_bytes_are_refused(head: bytes, rest: bytes) -> None:
    with suppress(ValueError):
        without_metadata(head + rest)
