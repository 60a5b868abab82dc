"""Ctrl-C during a search: the first asks it to end, the second ends the program."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any


class GracefulStop:
    """The ``stop`` of a search: true once Ctrl-C was pressed. A second Ctrl-C interrupts the program.

    In force within ``with``, in the main thread only. ``message``: what the first one prints.
    """

    def __init__(self, message: str) -> None:
        self.requested, self.message = False, message

    def __call__(self) -> bool:
        if signal.getsignal(signal.SIGINT) != self._handle:
            # the search holds Ctrl-C back by itself, but without a word, and keeps it to itself: ours comes over it
            signal.signal(signal.SIGINT, self._handle)
        return self.requested

    def __enter__(self) -> GracefulStop:
        self._before: Any = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _handle(self, _: int, __: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print(f"\nripeur: {self.message}", file=sys.stderr)
