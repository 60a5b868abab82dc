"""PNG: walked from chunk to chunk to its end, and written anew with what draws the picture only.

W3C PNG (third edition): 5.3 (chunks), 11.2 (critical ones), 11.3 (the others), 7.2 (lines), 8.1 (Adam7).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from depot_api.pictures.bounds import MOST_PARTS, judge_size, too_many_parts
from depot_api.pictures.exif_icc import only_colours, only_orientation, orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Which colours are meant, in a number or four: taken over where they are just as long as they must be.
_COLOURS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4}
#: Samples of a pixel and the bits that each may have, by colour type; and how long transparency is without a palette.
_SAMPLES = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
_TRANSPARENCY = {0: 2, 2: 6}
_PALETTE = 3
#: Adam7's passes: first column, first line, columns apart, lines apart.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
#: Unpacked: a picture of a screen takes 40 MiB, 89 million pixels of three bytes take this.
_MOST_UNPACKED_BYTES = 256 * 2**20
_STEP = 2**16
_LONGEST_PROFILE = 2**20


def only_png(body: bytes) -> bytes:
    """The picture alone; of a moving one, its first. Raises ``ValueError`` where it is damaged or cut off."""
    chunks: dict[bytes, bytes] = {}
    packed: list[bytes] = []
    for kind, content in _chunks(body):
        if kind == b"IDAT":
            packed.append(content)
        else:
            chunks.setdefault(kind, content)
    head = chunks[b"IHDR"]
    unpacked_bytes = _unpacked_bytes(head)
    parts = [SIGNATURE, _chunk(b"IHDR", head)]
    if profile := only_colours(_unpacked_profile(chunks.get(b"iCCP", b""))):
        parts.append(_chunk(b"iCCP", b"colours\0\0" + zlib.compress(profile)))
    parts += (_chunk(kind, chunks[kind]) for kind, length in _COLOURS.items() if len(chunks.get(kind, b"")) == length)
    parts += _palette(head[8], head[9], chunks.get(b"PLTE", b""), chunks.get(b"tRNS", b""))
    if exif := only_orientation(orientation(chunks.get(b"eXIf", b""))):
        parts.append(_chunk(b"eXIf", exif))
    parts += (_chunk(b"IDAT", _pixels(b"".join(packed), unpacked_bytes)), _chunk(b"IEND", b""))
    return b"".join(parts)


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of those that say something of the picture, IHDR first, up to IEND."""
    wanted = {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"IDAT", *_COLOURS}
    at = len(SIGNATURE)
    for k in range(MOST_PARTS):
        length = int.from_bytes(body[at : at + 4])
        end = at + 12 + length
        if end > len(body):
            raise ValueError(f"the PNG is cut off at byte {at}")
        kind = body[at + 4 : at + 8]
        if (k == 0) != (kind == b"IHDR"):
            raise ValueError(f"a PNG chunk at byte {at}, must be IHDR at the beginning and there only")
        if kind == b"IEND":
            return
        if kind in wanted:
            if zlib.crc32(body[at + 4 : end - 4]) != int.from_bytes(body[end - 4 : end]):
                raise ValueError(f"a PNG chunk at byte {at} is damaged")
            yield kind, body[at + 8 : end - 4]
        at = end
    raise too_many_parts("PNG chunks")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join((len(content).to_bytes(4), kind, content, zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)))


def _unpacked_bytes(head: bytes) -> int:
    """How long the lines are together, each with its filter's byte, as the header has it. Raises ``ValueError``."""
    if len(head) != 13 or head[9] not in _SAMPLES or head[8] not in _SAMPLES[head[9]][1] or head[10:12] != b"\0\0":
        raise ValueError("the PNG's header is damaged")
    across_px, down_px = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    judge_size(across_px, down_px)
    bits = head[8] * _SAMPLES[head[9]][0]
    total = 0
    for left, top, across, down in _PASSES if head[12] == 1 else ((0, 0, 1, 1),):
        columns, lines = -(-(across_px - left) // across), -(-(down_px - top) // down)
        if columns > 0 and lines > 0:
            total += lines * (1 + -(-columns * bits // 8))
    if head[12] > 1 or total > _MOST_UNPACKED_BYTES:
        raise ValueError(f"a PNG of {total} bytes unpacked, must be at most {_MOST_UNPACKED_BYTES}, in 1 or 7 passes")
    return total


def _palette(bits: int, colour_type: int, palette: bytes, transparency: bytes) -> Iterator[bytes]:
    """Where pixels choose from a palette it draws, as far as their bits reach; elsewhere it only proposes."""
    if colour_type == _PALETTE:
        drawn = palette[: 3 * 2**bits]
        if not drawn or len(drawn) % 3:
            raise ValueError("the PNG's palette is damaged")
        yield _chunk(b"PLTE", drawn)
        transparency = transparency[: len(drawn) // 3]
    elif len(transparency) != _TRANSPARENCY.get(colour_type):
        return
    if transparency:
        yield _chunk(b"tRNS", transparency)


def _unpacked_profile(content: bytes) -> bytes:
    """As much of a colour profile as is of use; empty where it is damaged."""
    packed = content[content.find(b"\0") + 2 :]
    try:
        return zlib.decompressobj().decompress(packed, _LONGEST_PROFILE)
    except zlib.error:
        return b""


def _pixels(packed: bytes, unpacked_bytes: int) -> bytes:
    """The packed lines without what hangs behind them. They are unpacked step by step, as far as the header has them.

    Raises ``ValueError`` where they are more, fewer, or damaged.
    """
    unpacking = zlib.decompressobj()
    total = 0
    try:
        for at in range(0, len(packed), _STEP):
            waiting = packed[at : at + _STEP]
            while waiting and total <= unpacked_bytes:
                total += len(unpacking.decompress(waiting, _STEP))
                waiting = unpacking.unconsumed_tail
            if unpacking.eof or total > unpacked_bytes:
                break
        else:
            total += len(unpacking.flush())
    except zlib.error as error:
        raise ValueError(f"the PNG's lines are damaged: {error}") from None
    if not unpacking.eof or total != unpacked_bytes:
        raise ValueError(f"the PNG's lines unpack to other than {unpacked_bytes} bytes, as its header has it")
    return packed[: min(at + _STEP, len(packed)) - len(unpacking.unused_data)]
