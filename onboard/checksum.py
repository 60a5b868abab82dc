"""The exclusive or that receivers, scales and tag readers check their messages with, and NMEA 0183's framing by it."""

from __future__ import annotations

from functools import reduce
from operator import xor


def xor_of(data: bytes) -> int:
    """The exclusive or of all bytes; 0 of none."""
    return reduce(xor, data, 0)


def nmea_checksum(body: str) -> int:
    """Of what stands between ``$`` and ``*`` (NMEA 0183); what is no ASCII counts as ``?``."""
    return xor_of(body.encode("ascii", "replace"))


def nmea_sentence(body: str) -> str:
    """A line as it goes over the wire: ``$``, the body, ``*``, the checksum as two hexadecimal digits, CR LF."""
    return f"${body}*{nmea_checksum(body):02X}\r\n"
