"""Lifts: a bin went up, known by its tag, by the lifter's own contact, or by both, with its weight where one is given.

``--lifts`` names what is wired to the box, one source or several apart by ``;``::

    fdxb-long:/dev/ttyUSB0,side=left;fdxb-long:/dev/ttyUSB1,side=right;contacts:/dev/ttyACM0

A source is ``KIND:PORT`` and options. Kinds: the tag readers of ``tags.py`` (``fdxb-long``, ``fdxb-short``,
``em4100``) and ``contacts``, an input box that says when a lifter has gone up (the line below). Options: ``side=``
``left``, ``right`` or ``rear``; ``absence=`` seconds (15) after which a tag seen again is a new lift; ``pair=`` seconds
(10) that a tag waits for the contact of its side; ``animals=yes`` to accept tags that say they are an animal's (some
sellers leave that bit set; without it a dog's chip never becomes a fact); ``baud=``, ``bits=``, ``parity=``,
``stop=`` of the line.

A line of an input box is ours, plain text, so that a few lines of code on any microcontroller write it::

    L            the left lifter went up (R: right, B: the back)
    L 14.5       and weighed 14.5 kg of content

No speed is needed of it: debouncing the contact is the box's own work, one line is one lift.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from onboard.sensors.framing import FrameDecoder, LineListeners
from onboard.sensors.readings import LiftReading
from onboard.sensors.serial_line import SerialLine, SerialSettings
from onboard.sensors.tags import READERS

SIDES = ("left", "right", "rear")
CONTACTS = "contacts"
_LETTERS = {b"L": "left", b"R": "right", b"B": "rear"}
_CONTACT = re.compile(rb"([LRB])(?: {1,8}(-?[0-9]{1,5}(?:\.[0-9]{1,3})?))?\Z")
_OPTIONS = ("side", "absence", "pair", "animals", "baud", "bits", "parity", "stop")
_LONGEST_LINE = 32


class MonotonicClock(Protocol):
    def monotonic_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class LiftSource:
    """One line of ``--lifts``."""

    kind: str
    port: str
    settings: SerialSettings
    side: str | None = None
    absence_s: float = 15.0
    pair_s: float = 10.0
    animals: bool = False

    def __post_init__(self) -> None:
        if self.kind not in (*READERS, CONTACTS):
            raise ValueError(f"lifts: kind = {self.kind!r}, must be one of {', '.join((*READERS, CONTACTS))}")
        if self.side is not None and self.side not in SIDES:
            raise ValueError(f"lifts: side = {self.side!r}, must be one of {', '.join(SIDES)}")
        for name, value in (("absence", self.absence_s), ("pair", self.pair_s)):
            if not 0 <= value <= 600:
                raise ValueError(f"lifts: {name} = {value!r}, must be from 0 to 600 s")


def lift_sources(text: str) -> tuple[LiftSource, ...]:
    """What ``--lifts`` says. Raises ``ValueError`` naming the part that cannot be meant."""
    sources = tuple(_source(part.strip()) for part in text.split(";") if part.strip())
    if not sources:
        raise ValueError("lifts: nothing named, must be KIND:PORT[,side=left|right|rear][;KIND:PORT…]")
    return sources


def _source(text: str) -> LiftSource:
    kind, port, options = split_source("lifts", text, _OPTIONS)
    usual = READERS[kind].settings if kind in READERS else SerialSettings()
    if options.get("animals", "no") not in ("yes", "no"):
        raise ValueError(f"lifts: animals = {options['animals']!r}, must be yes or no")
    return LiftSource(
        kind=kind,
        port=port,
        settings=usual.changed_by(options),
        side=options.get("side"),
        absence_s=option_seconds("lifts", options, "absence", 15.0),
        pair_s=option_seconds("lifts", options, "pair", 10.0),
        animals=options.get("animals") == "yes",
    )


def split_source(owner: str, text: str, known: tuple[str, ...]) -> tuple[str, str, dict[str, str]]:
    """``KIND:PORT,name=value,…`` in its parts. Raises ``ValueError`` for a form or an option that is not known."""
    first, *rest = (part.strip() for part in text.split(","))
    kind, colon, port = first.partition(":")
    if not colon or not port:
        raise ValueError(f"{owner}: {text!r}, must be written KIND:PORT[,option=value…]")
    options = {}
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals or name not in known:
            raise ValueError(f"{owner}: {part!r}, must be one of {', '.join(known)} with =value")
        options[name] = value
    return kind, port, options


def option_seconds(owner: str, options: dict[str, str], name: str, otherwise: float) -> float:
    """An option in seconds."""
    if name not in options:
        return otherwise
    try:
        value = float(options[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{owner}: {name} = {options[name]!r}, must be a number of seconds")
    return value


class _TagStream:
    """The tags that one reader sees, each once until it has been out of view for a while."""

    def __init__(self, source: LiftSource) -> None:
        self._decoder = FrameDecoder(READERS[source.kind].frame)
        self._source = source

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def feed(self, chunk: bytes) -> Iterator[str]:
        for tag, _ in self._decoder.feed(chunk):
            if isinstance(tag, str) or self._source.animals or not tag.animal:
                yield str(tag)


class _ContactLines:
    """Lines of an input box: the side, the weight, the line as it came."""

    def __init__(self) -> None:
        self.damaged = 0
        self._held = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, float | None, str]]:
        *lines, self._held = (self._held + chunk).split(b"\n")
        if len(self._held) > _LONGEST_LINE:  # no box of ours: keep what no line can be from filling the memory
            self._held = self._held[:_LONGEST_LINE] + b"?"
        for line in lines:
            stripped = line.strip()
            match = _CONTACT.match(stripped) if len(line) <= _LONGEST_LINE else None
            if match:
                kg = float(match[2]) if match[2] else None
                yield _LETTERS[match[1]], kg, stripped.decode("ascii")
            elif stripped:
                self.damaged += 1


class LiftMatcher:
    """Tags and contacts in, lifts out: what makes one lift of what several sources say. Knows no line and no thread.

    A tag is one lift however often it is read, by whichever reader, until nobody has read it for ``absence_s``. Where
    the input box covers the tag's side, the tag waits up to ``pair_s`` for that contact, and the two are one lift at
    the contact's moment; a tag left without contact is a lift all the same (a broken wire must not hide a tour), and
    so is a contact without tag.
    """

    def __init__(self, sources: tuple[LiftSource, ...]) -> None:
        contacts = [source for source in sources if source.kind == CONTACTS]
        self._covered = {side for source in contacts for side in ((source.side,) if source.side else SIDES)}
        self._seen_s: dict[str, float] = {}
        self._waiting: list[tuple[float, str, str | None]] = []  # until when, the tag, its side

    def tag(self, tag: str, source: LiftSource, now_s: float) -> list[LiftReading]:
        seen_s = self._seen_s.pop(tag, -math.inf)
        self._seen_s[tag] = now_s  # the latest seen stand last
        if now_s - seen_s < source.absence_s:
            return []
        if self._covered & {source.side or "", *(SIDES if source.side is None else ())}:
            self._waiting.append((now_s + source.pair_s, tag, source.side))
            return []
        return [LiftReading(tag=tag, lifter=source.side)]

    def contact(self, side: str, kg: float | None, raw: str, now_s: float) -> list[LiftReading]:
        lifts = self.tick(now_s)
        for i, (_, tag, tag_side) in enumerate(self._waiting):
            if tag_side in (side, None):
                del self._waiting[i]
                return [*lifts, LiftReading(tag, side, kg, raw)]
        return [*lifts, LiftReading(None, side, kg, raw)]

    def tick(self, now_s: float) -> list[LiftReading]:
        """Tags that have waited in vain; forgets those long out of view."""
        late = [LiftReading(tag=tag, lifter=side) for until_s, tag, side in self._waiting if until_s <= now_s]
        self._waiting = [waiting for waiting in self._waiting if waiting[0] > now_s]
        while self._seen_s and now_s - next(iter(self._seen_s.values())) > 600:
            del self._seen_s[next(iter(self._seen_s))]
        return late


class Lifts:
    """The lifts that all sources together tell of. ``damaged``: frames and lines that could not be read."""

    def __init__(self, sources: tuple[LiftSource, ...], lines: list[SerialLine], clock: MonotonicClock) -> None:
        self.sources, self.lines = sources, lines
        self._clock = clock
        self._case = LiftMatcher(sources)
        self._listeners = LineListeners(lines)
        self._decoders = [_ContactLines() if s.kind == CONTACTS else _TagStream(s) for s in sources]

    @property
    def damaged(self) -> int:
        return sum(decoder.damaged for decoder in self._decoders)

    def readings(self) -> Iterator[LiftReading]:
        """Lifts as they happen, until ``close``; lines that come loose are opened again meanwhile."""
        for i, chunk in self._listeners.chunks():
            now_s, source, decoder = self._clock.monotonic_s(), self.sources[i], self._decoders[i]
            yield from self._case.tick(now_s)
            if isinstance(decoder, _ContactLines):
                for side, kg, raw in decoder.feed(chunk):
                    yield from self._case.contact(source.side or side, kg, raw, now_s)
            else:
                for tag in decoder.feed(chunk):
                    yield from self._case.tag(tag, source, now_s)

    def close(self) -> None:
        self._listeners.close()


def open_lifts(text: str, clock: MonotonicClock) -> Lifts:
    """What ``--lifts`` names, ready to be heard. Raises ``ValueError`` where it cannot be meant."""
    sources = lift_sources(text)
    return Lifts(sources, [SerialLine(source.port, source.settings) for source in sources], clock)


def contact_line(side: str, kg: float | None = None) -> bytes:
    """A line as an input box writes it, for the simulator. Raises ``ValueError`` for a side that is none."""
    letters = {name: letter for letter, name in _LETTERS.items()}
    if side not in letters:
        raise ValueError(f"lifts: side = {side!r}, must be one of {', '.join(SIDES)}")
    return letters[side] + (b"" if kg is None else f" {kg:.1f}".encode()) + b"\r\n"
