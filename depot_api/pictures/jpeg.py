"""JPEG: walked from segment to segment to its first end, and written anew with what draws the picture only.

ITU-T T.81 B.1 (segments, fill bytes, which bytes are a scan's own), B.2 (frame, scans, tables). JFIF: T.871. Adobe's
segment, which says how colours are mixed: T.872 6.5.3. Colour profiles in APP2: ICC.1:2022 B.4.

No byte is taken over but of the frame's and the scans' heads, the tables that a scan uses, and the coded scans. The
rest either chooses among our own words (JFIF, Adobe, which side is up, colours) or is left out, wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from depot_api.pictures.bounds import MOST_PARTS, judge_size, too_many_parts
from depot_api.pictures.exif_icc import only_colours, only_orientation, orientation

_SOF = (0xC0, 0xC1, 0xC2)  # what browsers draw: baseline, extended, progressive; Huffman-coded
_PROGRESSIVE = 0xC2
_DHT, _EOI, _SOS, _DQT, _DNL, _DRI, _COM = 0xC4, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
#: The next segment. Within a scan 0xFF is followed by zero, and D0 to D7 are its own (restarts).
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTARTS = tuple(bytes((0xFF, 0xD0 + k)) for k in range(8))
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"  # square pixels, no small picture
_ICC = b"ICC_PROFILE\0"
#: Each costs whoever looks a whole pass over the picture; encoders make 10 or so.
_MOST_SCANS = 100

#: A kind of table (its marker) and its number; the restart interval is one, too.
Slot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Component:
    across: int
    down: int
    quantisation: int


@dataclass(frozen=True, slots=True)
class _Frame:
    segment: bytes
    progressive: bool
    across_px: int
    down_px: int
    components: Mapping[int, _Component]

    def units(self, named: list[int]) -> int:
        """How many units a scan of these components codes (MCU): restarts stand between them."""
        across = max(component.across for component in self.components.values())
        down = max(component.down for component in self.components.values())
        if len(named) > 1:
            return -(-self.across_px // (8 * across)) * -(-self.down_px // (8 * down))
        alone = self.components[named[0]]
        return -(-self.across_px * alone.across // (8 * across)) * -(-self.down_px * alone.down // (8 * down))


@dataclass(slots=True)
class _Metadata:
    """What the segments before the picture say of it."""

    jfif: bool = False
    adobe: int | None = None
    upright: int | None = None
    profile: dict[int, bytes] = field(default_factory=dict)

    def read(self, marker: int, content: bytes) -> None:
        if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= 14:
            self.jfif = True
        elif marker == _APP1 and content.startswith(b"Exif\0\0") and self.upright is None:
            self.upright = orientation(content[6:])
        elif marker == _APP2 and content.startswith(_ICC) and len(content) > 14:
            self.profile.setdefault(content[12], content[14:])
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
            self.adobe = min(content[11], 2)

    def segments(self) -> bytes:
        parts = [_segment(_APP0, _JFIF)] if self.jfif else []
        if exif := only_orientation(self.upright or 1):
            parts.append(_segment(_APP1, b"Exif\0\0" + exif))
        if profile := only_colours(b"".join(self.profile[k] for k in sorted(self.profile))):
            parts.append(_segment(_APP2, _ICC + b"\x01\x01" + profile))
        if self.adobe is not None:
            parts.append(_segment(_APP14, b"Adobe\0\x64\0\0\0\0" + bytes((self.adobe,))))
        return b"".join(parts)


def only_jpeg(body: bytes) -> bytes:
    """The picture alone. Raises ``ValueError`` where it is damaged, has no end, or is of a kind no browser draws."""
    notes, frame, scans = _Metadata(), None, _Scans()
    for marker, content, behind in _segments(body):
        if marker in _SOF and frame is None:
            frame = _frame(marker, content)
        elif marker == _SOS and frame is not None:
            scans.add(frame, content, behind)
        elif marker == _DQT:
            scans.tables.update(_quantisations(content))
        elif marker == _DHT:
            scans.tables.update(_codes(content))
        elif marker == _DRI and len(content) == 2:
            scans.tables[_DRI, 0] = content
        elif _APP0 <= marker <= _APP15:
            if not scans.drawn:
                notes.read(marker, content)
        elif marker not in (_COM, _DNL):
            raise ValueError(f"a JPEG segment FF{marker:02X} that does not belong there")
    if frame is None or not scans.drawn:
        raise ValueError("the JPEG ends before its picture")
    return b"".join((b"\xff\xd8", notes.segments(), frame.segment, *scans.drawn, b"\xff\xd9"))


def _segments(body: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, content and, of a scan, the coded bytes behind it; up to the first end, without which nobody knows where
    a picture ends and what hangs behind it begins. Stray bytes between segments are passed over, as decoders do.
    """
    marker, at = _next(body, 2)
    for _ in range(MOST_PARTS):
        if marker == _EOI:
            return
        start, end = at + 4, at + 2 + int.from_bytes(body[at + 2 : at + 4])
        if not start <= end <= len(body):
            raise ValueError(f"a JPEG segment at byte {at} is damaged or cut off")
        following, at = _next(body, end)
        yield marker, body[start:end], body[end:at] if marker == _SOS else b""
        marker = following
    raise too_many_parts("JPEG segments")


def _next(body: bytes, start: int) -> tuple[int, int]:
    """The next segment's marker, and where it stands."""
    match = _MARKER.search(body, start)
    if match is None:
        raise ValueError("the JPEG has no end")
    return body[match.end() - 1], match.start()


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def _frame(marker: int, content: bytes) -> _Frame:
    if len(content) < 6 or len(content) != 6 + 3 * content[5] or content[5] not in (1, 3, 4) or content[0] != 8:
        raise ValueError("a JPEG frame, must be of 1, 3 or 4 components of 8 bits")
    down_px, across_px = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    judge_size(across_px, down_px)
    components = {
        content[k]: _Component(content[k + 1] >> 4, content[k + 1] & 15, content[k + 2])
        for k in range(6, len(content), 3)
    }
    if len(components) != content[5] or not all(
        1 <= each.across <= 4 and 1 <= each.down <= 4 and each.quantisation <= 3 for each in components.values()
    ):
        raise ValueError("a JPEG frame's components are damaged")
    return _Frame(_segment(marker, content), marker == _PROGRESSIVE, across_px, down_px, components)


def _quantisations(content: bytes) -> Iterator[tuple[Slot, bytes]]:
    """The tables of one segment, which they must fill."""
    at = 0
    while at < len(content):
        size = 129 if content[at] >> 4 else 65
        if content[at] >> 4 > 1 or content[at] & 15 > 3 or at + size > len(content):
            raise ValueError("a JPEG quantisation table is damaged")
        yield (_DQT, content[at] & 15), content[at : at + size]
        at += size


def _codes(content: bytes) -> Iterator[tuple[Slot, bytes]]:
    """The Huffman tables of one segment, which they must fill; numbered 0 to 3 for DC, 16 to 19 for AC."""
    at = 0
    while at < len(content):
        size = 17 + sum(content[at + 1 : at + 17])
        if content[at] >> 4 > 1 or content[at] & 15 > 3 or size > 17 + 256 or at + size > len(content):
            raise ValueError("a JPEG Huffman table is damaged")
        yield (_DHT, content[at]), content[at : at + size]
        at += size


@dataclass(slots=True)
class _Scans:
    """``tables``: as the file said them last. ``written``: as they were given out last. ``drawn``: what goes out."""

    tables: dict[Slot, bytes] = field(default_factory=dict)
    written: dict[Slot, bytes] = field(default_factory=dict)
    drawn: list[bytes] = field(default_factory=list)
    count: int = 0

    def add(self, frame: _Frame, head: bytes, coded: bytes) -> None:
        """A scan with those of its tables that changed since they were written. Raises ``ValueError``."""
        self.count += 1
        if self.count > _MOST_SCANS:
            raise ValueError(f"more than {_MOST_SCANS} JPEG scans")
        if not head or len(head) != 4 + 2 * head[0] or not 1 <= head[0] <= 4:
            raise ValueError("a JPEG scan's head is damaged")
        named = list(head[1:-3:2])
        if not set(named) <= frame.components.keys():
            raise ValueError("a JPEG scan of components that the frame does not have")
        interval = int.from_bytes(self.tables.get((_DRI, 0), b""))
        most = -(-frame.units(named) // interval) - 1 if interval else 0
        if sum(coded.count(restart) for restart in _RESTARTS) > most:
            raise ValueError(f"a JPEG scan restarts more often than {most} times, as its picture has it")
        for slot in (*((_DQT, frame.components[name].quantisation) for name in named), *_used(frame, head), (_DRI, 0)):
            table = self.tables.get(slot)
            if table is not None and self.written.get(slot) != table:
                self.written[slot] = table
                self.drawn.append(_segment(slot[0], table))
        self.drawn += (_segment(_SOS, head), coded.rstrip(b"\xff"))  # fill bytes


def _used(frame: _Frame, head: bytes) -> Iterator[Slot]:
    """The Huffman tables of a scan; a progressive one codes coefficient 0 (DC, once), or some behind it (AC)."""
    first, last, before = head[-3], head[-2], head[-1] >> 4
    for choice in head[2:-3:2]:
        if not frame.progressive or (first == 0 and before == 0):
            yield _DHT, choice >> 4
        if not frame.progressive or last > 0:
            yield _DHT, 16 + (choice & 15)
