"""How the crew tells the box, and asks it: JSON lines over a Unix socket, one request and one answer each.

The tablet speaks this, as does ``ripeur crew``. ``{"do": "duty", "state": "start"}`` is answered ``{"ok": true,
"id": …}`` once it is on the disk, or ``{"ok": false, "why": …}``. A request may bring its own ``id``: sent twice, it
is recorded once. Only the box's own users reach the socket (mode 660).

======== ======================================================= =========================
do       with                                                    answers beside ``ok``
======== ======================================================= =========================
duty     state, tour                                             id
outcome  task, outcome, tour, note, photos                       id
incident category, task, tour, note, photos                      id
message  text, answers                                           id
status                                                           tracked, pending, …
tour                                                             tour: the tour in force
messages                                                         messages: the planner's
======== ======================================================= =========================

``photos``: pictures in base64. Fields may be left out but for state, task, outcome, category and text.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_LONGEST_REQUEST = 48 * 2**20  # ten pictures of a tablet, in base64
_IDLE_S, _MOST_CALLERS = 300.0, 8
_log = logging.getLogger(__name__)

RequestHandler = Callable[[Mapping[str, Any]], dict[str, Any]]


class CrewSocket:
    """The box's side: listens at ``path`` and hands each request to ``handle``, which answers it."""

    def __init__(self, path: Path, handle: RequestHandler) -> None:
        self._path, self._handle = path, handle
        self._callers = threading.BoundedSemaphore(_MOST_CALLERS)
        self._closed = False
        path.unlink(missing_ok=True)  # left by a box that was killed
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.fchmod(self._listener.fileno(), 0o660)  # before it has a name: no moment in which others reach it
        try:
            self._listener.bind(str(path))
        except OSError as error:  # the longest path of a Unix socket is some 100 characters
            self._listener.close()
            raise OSError(f"{path}: {error}") from error
        path.chmod(0o660)
        self._listener.listen(_MOST_CALLERS)

    def run(self) -> None:
        """Serve until ``close``. Raises ``OSError`` where nobody can be let in just now (no more files)."""
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                if self._closed:
                    return
                raise
            self._callers.acquire()
            threading.Thread(target=self._serve, args=(caller,), daemon=True, name="crew").start()

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller, caller.makefile("rb") as lines:
                caller.settimeout(_IDLE_S)
                while line := lines.readline(_LONGEST_REQUEST + 1):
                    caller.sendall(json.dumps(self._answer(line)).encode() + b"\n")
                    if not line.endswith(b"\n"):
                        return
        except OSError as error:
            _log.info("crew: %s", error)
        finally:
            self._callers.release()

    def _answer(self, line: bytes) -> dict[str, Any]:
        if len(line) > _LONGEST_REQUEST:
            return {"ok": False, "why": f"request: longer than {_LONGEST_REQUEST} bytes"}
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError(f"request: {str(request)[:60]!r}, must be a JSON object")
            return {"ok": True, **self._handle(request)}
        except (ValueError, OSError, RecursionError) as error:
            return {"ok": False, "why": str(error)}


def ask_box(path: Path, request: Mapping[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
    """The crew's side: one request, one answer. Raises ``OSError`` where no box listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b"null")
        except OSError as error:
            raise OSError(f"{path}: no box answers: {error}") from error
    if not isinstance(answer, dict):
        raise OSError(f"{path}: the box closed the line")
    return answer
