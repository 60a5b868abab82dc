"""What is kept of a camera's notes: which side is up, and which of three colour spaces, both said in our own words.

EXIF: CIPA DC-008 4.5 (a TIFF file; tag 0x0112 says which side is up). Colour profiles: ICC.1:2022 7.2 (header), 7.3
(tags). A profile can name a device and its serial number, in text and in numbers measured for that one device; here it
only chooses. Wide colours without any profile would look pale.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ORIENTATION = 0x0112

Xyz = tuple[float, float, float]
_D50: Xyz = (0.9642, 1.0, 0.8249)
#: From D65, the white of all three, to D50, in which profiles reckon (Bradford).
_TO_D50 = (1.04788, 0.02292, -0.0502, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """``colourants``: red, green and blue as seen under D50. ``curve``: an ICC curve, from the stored to the seen."""

    name: str
    colourants: tuple[Xyz, Xyz, Xyz]
    curve: bytes


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


_SRGB_CURVE = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB = ColourSpace(
    "sRGB", ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)), _SRGB_CURVE
)
#: Phones, since 2016.
DISPLAY_P3 = ColourSpace(
    "Display P3", ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)), _SRGB_CURVE
)
#: Cameras that are set so.
ADOBE_RGB = ColourSpace(
    "Adobe RGB (1998)",
    ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    b"para" + struct.pack(">IHH", 0, 0, 0) + _fixed(563 / 256),
)


def orientation(tiff: bytes) -> int:
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
                return int(value) if value <= 8 else 1
    except struct.error:
        pass
    return 1


def only_orientation(upright: int) -> bytes:
    """An EXIF that says which side is up, and nothing else; empty where it is the upper one."""
    if upright <= 1:
        return b""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, upright, 0, 0)


def only_colours(profile: bytes) -> bytes:
    """The profile of the colour space that is nearest; empty for sRGB, which is meant where nothing is said.

    Empty, too, where a profile is damaged or mixes no red, green and blue by three colourants.
    """
    if profile[16:20] != b"RGB ":
        return b""
    try:
        measured = [number for name in (b"rXYZ", b"gXYZ", b"bXYZ") for number in _xyz(profile, name)]
    except (struct.error, KeyError):
        return b""

    def apart(space: ColourSpace) -> float:
        wanted = (number for colourant in space.colourants for number in colourant)
        return sum((a - b) ** 2 for a, b in zip(measured, wanted, strict=True))

    space = min((SRGB, DISPLAY_P3, ADOBE_RGB), key=apart)
    return b"" if space is SRGB else profile_of(space)


def _xyz(profile: bytes, name: bytes) -> Xyz:
    """Raises ``struct.error``, ``KeyError`` where there is none."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for k in range(min(count, 200)):
        tag, start = struct.unpack_from(">4sI", profile, 132 + 12 * k)
        if tag == name:
            x, y, z = struct.unpack_from(">3i", profile, start + 8)
            return x / 65536, y / 65536, z / 65536
    raise KeyError(name)


def profile_of(space: ColourSpace) -> bytes:
    """An ICC profile that holds what every profile must, and names nobody."""
    name = space.name.encode("utf-16-be")
    words = b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(name), 28) + name
    tags = {b"desc": words, b"cprt": words, b"chad": b"sf32\0\0\0\0" + _fixed(*_TO_D50), b"wtpt": _xyz_tag(_D50)}
    for letter, colourant in zip((b"r", b"g", b"b"), space.colourants, strict=True):
        tags |= {letter + b"XYZ": _xyz_tag(colourant), letter + b"TRC": space.curve}
    at = 132 + 12 * len(tags)
    table, content = [], []
    for tag, value in tags.items():
        table.append(struct.pack(">4sII", tag, at, len(value)))
        content.append(value + bytes(-len(value) % 4))
        at += len(content[-1])
    dated = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    head = struct.pack(">II", at, 0) + b"\x04\x30\0\0mntrRGB XYZ " + dated + b"acsp" + bytes(28) + _fixed(*_D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + b"".join(table + content)


def _xyz_tag(xyz: Xyz) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*xyz)
