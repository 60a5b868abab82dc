"""Compiled kernels on disk are of the sources as they are.

numba compiles an entry anew when its own file has changed, not when a file has whose functions it calls: after an
update that leaves the entry's file alone the old code would run on.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

#: What is compiled, and the constants that are compiled in.
SOURCES = ("clock.py", "ground.py", "kernels.py", "routes.py", "steps.py")


def forget_stale(folder: Path = Path(__file__).parent) -> None:
    """Delete what was compiled of other ``SOURCES`` than those of the folder now. Where nothing can be written numba
    keeps what it compiles elsewhere, and whoever installed the files there installed all of them."""
    digest = blake2b(digest_size=16)
    cache = folder / "__pycache__"
    witness = cache / "sources"
    with suppress(OSError):
        for source in SOURCES:
            digest.update((folder / source).read_bytes())
        now = digest.hexdigest()
        if witness.exists() and witness.read_text() == now:
            return
        cache.mkdir(exist_ok=True)
        for old in cache.glob("*.nb[ci]"):
            old.unlink(missing_ok=True)
        witness.write_text(now)
