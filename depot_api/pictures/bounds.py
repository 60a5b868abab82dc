"""How large a picture may be, judged by what it says of itself and before anything is unpacked or collected."""

from __future__ import annotations

#: The largest phone cameras that fit into a body of 8 MiB take 108 megapixels.
MOST_PIXELS = 120_000_000
#: Segments or chunks. A PNG has one for every 8 KiB or so, a phone's JPEG a few hundred where it carries films.
MOST_PARTS = 10_000


def too_many_parts(what: str) -> ValueError:
    return ValueError(f"more than {MOST_PARTS} {what}")


def judge_size(across_px: int, down_px: int) -> None:
    """Raises ``ValueError`` where a picture has no pixels, or too many."""
    if not 0 < across_px * down_px <= MOST_PIXELS:
        raise ValueError(f"{across_px} × {down_px} pixels, must be 1 to {MOST_PIXELS}")
