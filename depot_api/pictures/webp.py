"""WebP: its chunks walked to the end that the file states, and written anew with what draws the picture only.

RFC 9649 2.3 (RIFF), 2.5 to 2.7 (lossy, lossless, extended; ALPH, ICCP, EXIF), 3.4 (a lossless picture's head);
RFC 6386 9.1 (a lossy one's).
"""

from __future__ import annotations

from collections.abc import Iterator

from depot_api.pictures.bounds import MOST_PARTS, judge_size, too_many_parts
from depot_api.pictures.exif_icc import only_colours, only_orientation, orientation

_COLOURS, _ALPHA, _EXIF = 0x20, 0x10, 0x08
_LOSSY, _LOSSLESS = b"VP8 ", b"VP8L"


def only_webp(body: bytes) -> bytes:
    """The picture alone. Raises ``ValueError`` where it is damaged, cut off, or moves."""
    chunks: dict[bytes, bytes] = {}
    for kind, content in _chunks(body):
        chunks.setdefault(kind, content)
    if (_LOSSY in chunks) == (_LOSSLESS in chunks):
        raise ValueError("a WebP, must hold one picture that does not move")
    drawn = _LOSSY if _LOSSY in chunks else _LOSSLESS
    across_px, down_px, see_through = (_lossy if drawn == _LOSSY else _lossless)(chunks[drawn])
    judge_size(across_px, down_px)
    alpha = _alpha(chunks[b"ALPH"], across_px * down_px) if drawn == _LOSSY and b"ALPH" in chunks else b""
    exif = chunks.get(b"EXIF", b"")
    profile = only_colours(chunks.get(b"ICCP", b""))
    upright = only_orientation(orientation(exif.removeprefix(b"Exif\0\0")))
    flags = (_COLOURS if profile else 0) | (_ALPHA if see_through or alpha else 0) | (_EXIF if upright else 0)
    parts = [b"WEBP"]
    if profile or alpha or upright:
        extent = (across_px - 1).to_bytes(3, "little") + (down_px - 1).to_bytes(3, "little")
        parts.append(_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + extent))
    wanted = ((b"ICCP", profile), (b"ALPH", alpha), (drawn, chunks[drawn]), (b"EXIF", upright))
    parts += (_chunk(kind, content) for kind, content in wanted if content)
    content = b"".join(parts)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int.from_bytes(body[4:8], "little")
    if end > len(body):
        raise ValueError("the WebP is cut off")
    at = 12
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            return
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            raise ValueError(f"a WebP chunk at byte {at} is cut off")
        yield body[at : at + 4], body[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise too_many_parts("WebP chunks")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _lossy(content: bytes) -> tuple[int, int, bool]:
    """Columns, lines, whether one sees through it by itself."""
    if len(content) < 10 or content[0] & 1 or content[3:6] != b"\x9d\x01\x2a":
        raise ValueError("the WebP's picture is damaged")
    return int.from_bytes(content[6:8], "little") & 0x3FFF, int.from_bytes(content[8:10], "little") & 0x3FFF, False


def _lossless(content: bytes) -> tuple[int, int, bool]:
    if len(content) < 5 or content[0] != 0x2F or content[4] >> 5:
        raise ValueError("the WebP's picture is damaged")
    bits = int.from_bytes(content[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _alpha(content: bytes, pixels: int) -> bytes:
    """How far one sees through a lossy picture; what is not packed has one byte for each pixel."""
    if not content or content[0] & 3 > 1:
        raise ValueError("the WebP's transparency is damaged")
    return content if content[0] & 3 else content[: 1 + pixels]
