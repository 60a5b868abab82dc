"""Which kind of picture a file is, and the picture alone: without anything that camera or phone wrote beside it.

Each kind is walked, not decoded: what draws is listed and taken over, all else goes, named or not (EXIF with place and
device, XMP, comments, small and further pictures, films). Every pixel stays as it was, and a body costs the depot as
long as it is, not as large as it says it is; a decoder would cost more than a request may, and be one more to attack.
What the walk cannot see: bytes hidden among coded pixels themselves, where no camera writes.
"""

from __future__ import annotations

from depot_api.pictures.jpeg import only_jpeg
from depot_api.pictures.png import SIGNATURE, only_png
from depot_api.pictures.webp import only_webp


def media_type_of(body: bytes) -> str | None:
    """What a file is by its first bytes; None for anything but JPEG, PNG and WebP."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(SIGNATURE):
        return "image/png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None


def without_metadata(body: bytes) -> bytes:
    """The same picture, of the same kind, without anything but which side is up and which colours are meant.

    Raises ``ValueError`` where it is damaged, too large (``bounds.py``), or none of the three.
    """
    match media_type_of(body):
        case "image/jpeg":
            return only_jpeg(body)
        case "image/png":
            return only_png(body)
        case "image/webp":
            return only_webp(body)
    raise ValueError("no JPEG, PNG or WebP")
