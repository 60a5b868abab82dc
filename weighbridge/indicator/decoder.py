"""Frames out of a line's bytes, however they are cut up: one decoder for every protocol's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weighbridge.indicator.frames import FrameFormat, MalformedFrame


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    layout: str
    values: Mapping[str, Any]
    raw: bytes


_SEVEN = bytes(b & 0x7F for b in range(256))
_WAIT, _GOOD, _BAD = range(3)


@dataclass
class IndicatorDecoder:
    """Frames out of bytes, however they are cut up. ``damaged`` counts what came between good frames.

    What precedes the first frame of a line is not damage: one has listened in the middle.
    """

    format: FrameFormat
    damaged: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _layouts: set[str] = field(default_factory=set)
    _begun: bool = False
    _astray: bool = False  # between frames, already counted

    def feed(self, chunk: bytes) -> list[DecodedFrame]:
        self._buffer += chunk
        return self._frames(silent=False)

    def silence(self) -> list[DecodedFrame]:
        """Nothing more comes for now: what waits for a next byte is decided, what is half is damaged."""
        return self._frames(silent=True)

    def _frames(self, silent: bool) -> list[DecodedFrame]:
        view = bytes(self._buffer)
        seen = view.translate(_SEVEN) if self.format.seven_bits else view
        found: list[DecodedFrame] = []
        at = 0
        while (step := self._step(seen, at, silent)) is not None:
            body, stop = step
            if body is not None:
                frame = self._judged(seen[body], view[at:stop])
                if frame is not None:
                    found.append(frame)
            at = stop
        del self._buffer[:at]
        return found

    def _step(self, seen: bytes, at: int, silent: bool) -> tuple[slice | None, int] | None:
        """The next piece from ``at``: a frame's body and where it stops, or (None, stop) of something passed over."""
        form = self.format
        if at >= len(seen):
            return None
        if form.start:
            first = seen.find(form.start, at)
            if first != at:
                self._lost()
                return None, first if first > at else len(seen)
        inside = at + len(form.start)
        end = seen.find(form.end, inside)
        again = seen.rfind(form.start, inside, end if end >= 0 else len(seen)) if form.start else -1
        if again > at:
            self._lost(anew=True)
            return None, again
        if (end if end >= 0 else len(seen)) - at > form.longest:
            return None, self._overlong(seen, at, end)
        if end < 0:
            if not silent:
                return None
            self._lost(anew=True)
            self._astray = bool(form.start)
            return None, len(seen)
        stop = end + len(form.end)
        if not form.start and self._astray:  # the tail of a line that was too long
            self._astray = False
            return None, stop
        verdict, extra = self._check(seen, at, stop, silent)
        if verdict == _WAIT:
            return None
        if verdict == _BAD:
            self._spoilt()
            return None, stop + extra
        return slice(inside, end), stop + extra

    def _overlong(self, seen: bytes, at: int, end: int) -> int:
        self._lost(anew=not self._astray)
        if self.format.start:
            return at + 1
        keep = len(self.format.end) - 1
        if end < 0:
            return max(at + 1, len(seen) - keep)
        self._astray = False
        return end + len(self.format.end)

    def _check(self, seen: bytes, at: int, stop: int, silent: bool) -> tuple[int, int]:
        """Whether the check byte is right. A frame without one is followed by the next frame's start: two bytes are
        looked at, for a check byte may look like a start."""
        form = self.format
        if form.check is None:
            return _GOOD, 0
        if len(seen) == stop:
            return (_GOOD, 0) if silent else (_WAIT, 0)
        right = form.check(seen[at:stop])
        start = form.start[0]
        if seen[stop] != start:
            return (_GOOD if seen[stop] == right else _BAD), 1
        if len(seen) == stop + 1:
            return ((_GOOD, 1) if right == start else (_BAD, 1)) if silent else (_WAIT, 0)
        if seen[stop + 1] != start:
            return _GOOD, 0
        return (_GOOD if right == start else _BAD), 1

    def _judged(self, body: bytes, raw: bytes) -> DecodedFrame | None:
        for layout in self.format.layouts:
            if layout.unless in self._layouts:
                continue
            try:
                values = layout.read(body)
            except MalformedFrame:
                continue
            self._layouts.add(layout.name)
            self._begun, self._astray = True, False
            return DecodedFrame(layout.name, values, raw)
        self._spoilt()
        return None

    def _spoilt(self) -> None:
        """A frame from its start to its end that cannot be right; without a start byte, perhaps only its tail came."""
        self._begun |= bool(self.format.start)
        self._lost(anew=True)
        self._begun, self._astray = True, False

    def _lost(self, anew: bool = False) -> None:
        if (anew or not self._astray) and self._begun:
            self.damaged += 1
        self._astray = True
