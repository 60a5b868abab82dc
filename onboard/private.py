"""Files and folders for their owner only, whatever the umask: where a truck was is nobody else's to read.

And how what stands in them is forced to the disk.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: What is kept beside a database under its name; SQLite makes its own of these with the database's rights.
BESIDE = ("", "-wal", "-shm", "-journal", ".reserve")


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, with mode 700. One that is there stays as it is."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            with suppress(FileExistsError):  # somebody else has just made it
                folder.mkdir(0o700)
                folder.chmod(0o700)


def private_database(path: Path) -> None:
    """Make a database file, where there is none, with mode 600, and give that to what is there of it already."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    for part in BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).chmod(0o600)


def fsync_path(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_copy(path: Path, content: bytes) -> None:
    """Write a file anew with mode 600: whole or not at all, until it is forced to the disk by somebody else."""
    half = path.with_name(path.name + ".half")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        file.write(content)
    half.chmod(0o600)
    half.rename(path)
