"""Frames of a fixed length out of a stream of bytes, and what several lines say, in one row.

A frame is declared once (its mark, its length, how its body is read); one decoder serves them all. It finds its feet
again after any noise, counts what it could not read and never mends or guesses.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from onboard.sensors.serial_line import SerialLine
from onboard.worker import Worker, revive_all

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FixedFrame(Generic[T]):
    """``mark``: the bytes it begins with. ``length``: all its bytes, mark and check included.

    ``read``: the value of a whole frame, None where its check or its form is wrong. ``filler``: bytes that may stand
    between two frames and are no damage.
    """

    mark: bytes
    length: int
    read: Callable[[bytes], T | None]
    filler: bytes = b""


class FrameDecoder(Generic[T]):
    """Bytes in, values out, in any chunks. ``damaged``: how many frames' worth of bytes could not be read.

    Bytes dropped in a row count as one damaged frame, and as one more for each further frame's length.
    """

    def __init__(self, frame: FixedFrame[T]) -> None:
        self.frame = frame
        self.damaged = 0
        self._held = bytearray()
        self._dropped_in_a_row = 0

    def feed(self, chunk: bytes) -> list[tuple[T, bytes]]:
        """The values that this chunk completes, each with its frame as it came."""
        self._held += chunk
        frame, held = self.frame, self._held
        found: list[tuple[T, bytes]] = []
        while held:
            at = held.find(frame.mark)
            if at < 0:
                self._drop(len(held) - self._beginning_of_a_mark())
                break
            self._drop(at)
            if len(held) < frame.length:
                break
            whole = bytes(held[: frame.length])
            value = frame.read(whole)
            if value is None:
                self._drop(1)  # only one byte: the next frame may begin inside this one
                continue
            found.append((value, whole))
            del held[: frame.length]
            self._dropped_in_a_row = 0
        return found

    def _beginning_of_a_mark(self) -> int:
        """How many of the last bytes may be the beginning of a mark of which the rest is still to come."""
        mark = self.frame.mark
        return next(n for n in range(len(mark) - 1, -1, -1) if self._held.endswith(mark[:n]))

    def _drop(self, count: int) -> None:
        for byte in self._held[:count]:
            if byte not in self.frame.filler:
                if self._dropped_in_a_row % self.frame.length == 0:
                    self.damaged += 1
                self._dropped_in_a_row += 1
        del self._held[:count]


class LineListeners:
    """Several lines heard at once, each in a thread of its own: which line, and what it brought, as it comes."""

    def __init__(self, lines: Sequence[SerialLine]) -> None:
        self.lines = lines
        self._heard: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._workers = [
            Worker(f"line {line.url}", partial(self._listen, i), self._ended) for i, line in enumerate(lines)
        ]
        self._started = False

    def chunks(self, wait_s: float = 0.5) -> Iterator[tuple[int, bytes]]:
        """Until ``close``: a line's number and what came; an empty chunk whenever ``wait_s`` passed without any."""
        if not self._started:  # who listens again, after a fault of his own, finds the lines as they are
            self._started = True
            for worker in self._workers:
                worker.start()
        while not self._ended.is_set():
            revive_all(self._workers)
            try:
                yield self._heard.get(timeout=wait_s)
            except queue.Empty:
                yield 0, b""

    def close(self) -> None:
        self._ended.set()
        for line in self.lines:
            line.close()

    def _listen(self, index: int) -> None:
        for chunk in self.lines[index].chunks():
            if chunk:
                self._heard.put((index, chunk))
