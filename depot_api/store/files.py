"""A depot's SQLite file on its disk: made whole and for its owner alone, and nothing else ever taken for one.

A new depot is made only where there is no file. An empty one is what a failed restore or a disk that lost its contents
leaves: whoever went on with it would lose what was there, and every token and account, without a word.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from onboard.private import fsync_path

log = logging.getLogger("ripeur.store")

#: What to do about a file that is no depot.
INSTEAD = "move it away for a new depot, or restore a backup (`ripeur restore FILE --db URL`)"

_MAKING = threading.Lock()


def ready(place: Path, make: bool, fill: Callable[[Path], None]) -> None:
    """See to it that a SQLite file is there to be opened, its owner's alone.

    ``make``: whether one that is not there is made; ``fill`` makes the tables in a file and lets go of it. Raises
    ``FileNotFoundError`` (no file, no folder), ``FileExistsError`` (another database's journal), ``ValueError`` (what
    is there is no database), ``OSError``.
    """
    place = place.resolve()
    with _MAKING:
        if not place.exists():
            if not make:
                raise FileNotFoundError(f"{place}: no such database")
            _make(place, fill)
    if not place.is_file():
        raise ValueError(f"{place}: no file, must be a depot's database")
    if place.stat().st_size == 0:
        raise ValueError(f"{place}: an empty file and no depot: {INSTEAD}")
    _keep_private(place)


def _make(place: Path, fill: Callable[[Path], None]) -> None:
    """Beside its place, then put there in one step: a depot that is there is whole, whatever is killed when."""
    if not place.parent.is_dir():
        raise FileNotFoundError(f"{place.parent}: no such folder, must be there for the database")
    for suffix in ("-wal", "-journal"):
        journal = place.with_name(place.name + suffix)
        if journal.exists() and not place.exists():  # somebody else may be making it right now
            raise FileExistsError(f"{journal}: of a database that is gone, would be played into the new one: {INSTEAD}")
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as folder:
        new = Path(folder) / place.name
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        fill(new)
        fsync_path(new)
        try:
            os.link(new, place)
        except FileExistsError:  # somebody else has made it meanwhile: that one it is
            pass
        except OSError:  # a disk without hard links
            if not place.exists():
                new.rename(place)
    fsync_path(place.parent)


def no_depot(shown: str) -> ValueError:
    """A database that holds no depot's tables, said."""
    return ValueError(f"{shown}: holds no depot's tables: {INSTEAD}")


def _keep_private(place: Path) -> None:
    """Take from others what they may do with the file and its journals: they hold where people were.

    Journals take the file's own rights when SQLite makes them. Not the owner: as it is.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = place.with_name(place.name + suffix)
        with suppress(OSError):
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & 0o077:
                file.chmod(mode & 0o700)
                log.warning("%s was open to others (%o), is its owner's alone now", file, mode)
