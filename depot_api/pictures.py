"""JPEG, PNG and WebP as their formats lay them out: which one it is, and what the camera wrote beside the picture.

JPEG: ITU-T T.81 B.1 (segments); EXIF: CIPA DC-008 4.5 (APP1 holds a TIFF file, tag 0x0112 says which side is up).
PNG: W3C PNG 5.2 (chunks). WebP: RFC 9649 2.7 (RIFF chunks, flags in VP8X).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
#: What draws the picture in a PNG; everything else (text, time, EXIF) is left out.
_PNG_KEPT = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs")
)
_WEBP_DROPPED = frozenset((b"EXIF", b"XMP "))
_WEBP_FLAGS = 0x08 | 0x04  # EXIF, XMP
_ORIENTATION = 0x0112
_FILL = re.compile(rb"\xff+")


def media_type_of(body: bytes) -> str | None:
    """What a file is by its first bytes; None for anything but JPEG, PNG and WebP."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(_PNG):
        return "image/png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None


def without_metadata(body: bytes) -> bytes:
    """The same picture without EXIF (but for which side of a JPEG is up), XMP, IPTC and comments.

    Raises ``ValueError`` where the file is damaged before its picture, or none of the three.
    """
    match media_type_of(body):
        case "image/jpeg":
            return _jpeg(body)
        case "image/png":
            return _PNG + b"".join(chunk for kind, chunk in _png_chunks(body) if kind in _PNG_KEPT)
        case "image/webp":
            return _webp(body)
    raise ValueError("no JPEG, PNG or WebP")


def _jpeg(body: bytes) -> bytes:
    """APP0 (JFIF), APP2 (colour profile) and APP14 (Adobe's colours) stay, the other APPn and comments go."""
    parts = [body[:2]]
    at = 2
    while True:
        if at + 4 > len(body) or body[at] != 0xFF:
            raise ValueError(f"no JPEG segment at byte {at}")
        marker = body[at + 1]
        if marker == 0xFF:  # fill bytes
            at += len(_FILL.match(body, at)[0]) - 1  # type: ignore[index]  # at least this one
            continue
        if marker == 0xDA:  # the picture itself follows
            end = body.rfind(b"\xff\xd9")
            if end < at:
                raise ValueError("the JPEG has no end")
            return b"".join([*parts, body[at : end + 2]])  # phones hang films and depth maps behind
        length = int.from_bytes(body[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(body):
            raise ValueError(f"a JPEG segment at byte {at} is cut off")
        segment = body[at : at + 2 + length]
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            upright = _orientation(segment[10:])
            if 1 < upright <= 8:
                parts.append(_only_orientation(upright))
        elif _draws(marker, segment):
            parts.append(segment)
        at += 2 + length


def _draws(marker: int, segment: bytes) -> bool:
    """Whether a segment is needed to show the picture (MPF, an APP2, points at films and depth maps behind it)."""
    if 0xE0 <= marker <= 0xEF:
        return marker in (0xE0, 0xE2, 0xEE) and segment[4:8] != b"MPF\0"
    return marker != 0xFE


def _orientation(tiff: bytes) -> int:
    """1 to 8; 1 where nothing is said or the EXIF is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for k in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * k)
            if tag == _ORIENTATION and kind == 3:
                return int(value)
    except struct.error:
        pass
    return 1


def _only_orientation(upright: int) -> bytes:
    """An APP1 segment whose EXIF says which side is up, and nothing else."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, upright, 0, 0)
    content = b"Exif\0\0" + tiff
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content


def _png_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while True:
        if at + 12 > len(body):
            raise ValueError("the PNG has no end")
        length = int.from_bytes(body[at : at + 4])
        kind = body[at + 4 : at + 8]
        if at + 12 + length > len(body):
            raise ValueError(f"a PNG chunk at byte {at} is cut off")
        yield kind, body[at : at + 12 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def _webp(body: bytes) -> bytes:
    end = 8 + int.from_bytes(body[4:8], "little")
    if end > len(body):
        raise ValueError("the WebP is cut off")
    parts: list[bytes] = []
    at = 12
    while at + 8 <= end:
        kind = body[at : at + 4]
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        chunk = body[at : at + 8 + length + length % 2]
        if len(chunk) < 8 + length or at + 8 + length > end:
            raise ValueError(f"a WebP chunk at byte {at} is cut off")
        if kind == b"VP8X" and length >= 1:
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if kind not in _WEBP_DROPPED:
            parts.append(chunk)
        at += 8 + length + length % 2
    if not parts:
        raise ValueError("the WebP holds no picture")
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(content).to_bytes(4, "little") + content
