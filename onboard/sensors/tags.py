"""Bin tags: the ISO 11784/11785 FDX-B code and the frames in which readers hand it over, read and written.

The code is 64 bits, the least significant first: 38 of a national number, 10 of a country (ISO 3166 numeric, or a
manufacturer from 900), 1 that announces a data block, 14 reserved, 1 for animals (0 on a bin). Its check is
CRC-16/KERMIT. EN 14803 has bins carry low-frequency tags: 134.2 kHz (FDX-B, HDX) or 125 kHz.

Frames of two long- and short-range readers as R. Gerhauser's driver describes them, and of the ID-2/12/20LA series
(EM4100, 125 kHz) as their data sheet does. In the short one the place of the eight code bytes is inferred, not
documented: try it on your own reader before you rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onboard.checksum import xor_of
from onboard.sensors.framing import FixedFrame
from onboard.sensors.serial_line import SerialSettings


@dataclass(frozen=True, slots=True)
class Tag:
    """What an FDX-B transponder holds. ``reserved`` (14 bits) is kept as it is: EN 14803's own use is not public."""

    country: int
    national: int
    data_block: bool = False
    reserved: int = 0
    animal: bool = False

    def __post_init__(self) -> None:
        for name, bits in (("country", 10), ("national", 38), ("reserved", 14)):
            value = getattr(self, name)
            if not 0 <= value < 1 << bits:
                raise ValueError(f"tag: {name} = {value!r}, must be from 0 to {(1 << bits) - 1}")

    def __str__(self) -> str:
        """``country-number`` as it is printed on bins: three and twelve digits."""
        return f"{self.country:03d}-{self.national:012d}"

    @classmethod
    def named(cls, text: str) -> Tag:
        """A bin's tag from its name, ``250-000012345678``."""
        country, dash, national = text.partition("-")
        if not (dash and country.isascii() and country.isdigit() and national.isascii() and national.isdigit()):
            raise ValueError(f"tag: {text!r}, must be written COUNTRY-NUMBER")
        return cls(int(country), int(national))

    def code(self) -> bytes:
        """The eight bytes as readers send them, least significant bit and byte first."""
        number = self.national | self.country << 38 | self.data_block << 48 | self.reserved << 49 | self.animal << 63
        return number.to_bytes(8, "little")


def tag_of(code: bytes) -> Tag | None:
    """The tag of eight code bytes; None for the empty code, which passes every check and is nobody's."""
    number = int.from_bytes(code, "little")
    if not number & (1 << 48) - 1:
        return None
    return Tag(
        country=number >> 38 & 0x3FF,
        national=number & (1 << 38) - 1,
        data_block=bool(number >> 48 & 1),
        reserved=number >> 49 & 0x3FFF,
        animal=bool(number >> 63),
    )


def kermit(data: bytes) -> int:
    """CRC-16/KERMIT: polynomial 1021h, reflected, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


_LONG, _SHORT, _STX = b"T", b"\x0e\x00\x11\x00\x05", b"\x02"


def long_frame(tag: Tag) -> bytes:
    """11 bytes: ``T``, the code, its CRC with the low byte first."""
    return _LONG + tag.code() + kermit(tag.code()).to_bytes(2, "little")


def _read_long(frame: bytes) -> Tag | None:
    code, crc = frame[1:9], int.from_bytes(frame[9:], "little")
    return tag_of(code) if kermit(code) == crc else None


def short_frame(tag: Tag) -> bytes:
    """14 bytes: five fixed ones, the code, and the exclusive or of those thirteen."""
    body = _SHORT + tag.code()
    return body + bytes([xor_of(body)])


def _read_short(frame: bytes) -> Tag | None:
    return tag_of(frame[5:13]) if xor_of(frame) == 0 else None


def em4100_frame(number: str) -> bytes:
    """STX, ten hexadecimal digits, the exclusive or of their five bytes as two more, CR, LF, ETX."""
    data = bytes.fromhex(number)
    if len(data) != 5:
        raise ValueError(f"tag: {number!r}, must be ten hexadecimal digits")
    return _STX + (data + bytes([xor_of(data)])).hex().upper().encode() + b"\r\n\x03"


def _read_em4100(frame: bytes) -> str | None:
    digits = frame[1:]
    if not all(byte in b"0123456789ABCDEFabcdef" for byte in digits):
        return None
    data = bytes.fromhex(digits.decode())
    return data[:5].hex().upper() if xor_of(data) == 0 and any(data) else None


@dataclass(frozen=True, slots=True)
class TagReader:
    """A kind of tag reader: its frame and how its line is set when it leaves the works."""

    frame: FixedFrame[Tag | str]
    settings: SerialSettings


#: By the name used on the command line.
READERS: Mapping[str, TagReader] = {
    "fdxb-long": TagReader(FixedFrame(_LONG, 11, _read_long, b"\0"), SerialSettings(38400)),
    "fdxb-short": TagReader(FixedFrame(_SHORT, 14, _read_short), SerialSettings(9600, 8, "even")),
    "em4100": TagReader(FixedFrame(_STX, 13, _read_em4100, b"\r\n\x03"), SerialSettings(9600)),
}
