"""The processes of a drill: each in a session of its own, its words in a file of its own; at the end all are gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: How long a child may take to end by itself when told to, before it is killed.
PATIENCE_S = 8.0


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """The last line it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.process.poll()}"


@dataclass
class Children:
    """Started in order, ended in the opposite order. A context manager: whatever happens inside, none is left."""

    logs: Path
    started: list[Child] = field(default_factory=list)

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None, *, fed: bool = False
    ) -> Child:
        """``fed``: with a pipe to its standard input, and what it prints there thrown away (its errors are kept).

        Out of the terminal's reach: Ctrl-C comes to us alone.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if fed else out, stderr=out,
                env={**os.environ, **(env or {})}, start_new_session=True, bufsize=0,
            )  # fmt: skip
        child = Child(name, process, log)
        self.started.append(child)
        return child

    def ripeur(self, name: str, *arguments: str, token: str | None = None) -> Child:
        """A ``ripeur`` command of this very installation."""
        return self.start(name, ripeur_command(*arguments), {"RIPEUR_TOKEN": token} if token else None)

    def end(self, *children: Child, patience_s: float = PATIENCE_S) -> None:
        """Tell them to end and wait; kill the whole session of whoever does not."""
        for child in children:
            if child.process.stdin is not None:
                with suppress(OSError):
                    child.process.stdin.close()
            _signal(child, signal.SIGTERM)
        until_s = time.monotonic() + patience_s
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.05, until_s - time.monotonic()))
            _signal(child, signal.SIGKILL, whole=True)  # what it may have started itself is in its session
            child.process.wait()
        self.started = [child for child in self.started if child not in children]

    def memory_mib(self) -> float:
        """What all of them hold resident now, as far as the system says (shared pages count for each)."""
        pages = 0
        for pid in {child.process.pid for child in self.started if child.alive}:
            with suppress(OSError, ValueError, IndexError):
                pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(*reversed(self.started))


def _signal(child: Child, number: signal.Signals, *, whole: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if whole:
            os.killpg(child.process.pid, number)
        elif child.alive:
            child.process.send_signal(number)


def ripeur_command(*arguments: str) -> list[str]:
    """How this installation's command line is called."""
    return [sys.executable, "-m", "ripeur", *arguments]


def free_port(wanted: int = 0) -> int:
    """The wanted port where nobody listens on it, else any that is free."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", wanted))
        except OSError:
            door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
