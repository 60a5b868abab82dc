"""Frames on a wire as declared tables: kinds of fields, read and written by the same rows.

A ``FrameLayout`` is a row of fields; a ``Protocol`` is the layouts that an indicator may send between its start and end
bytes. Both ways go through the same table, so whatever is decoded can be spoken by a simulator too. What does not fit
any layout is damaged: it is counted and passed over, never mended.

Values that fields share (a name means the same in every protocol): ``weight`` as displayed, ``gross``, ``tare``,
``net`` (``Decimal`` in ``unit``, None where the indicator gives none), ``shown`` (gross, net or tare), ``stable``,
``unit``, ``fault`` (why a weight may not be used), ``alibi``, ``scale``, ``date``, ``time``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

Values = dict[str, Any]
#: What a frame means where its layout says nothing of it.
DEFAULTS: Mapping[str, Any] = {"stable": True, "fault": None, "negative": False}
_NUMBER = re.compile(rb" *([+-]?) *([0-9]+\.?[0-9]*|\.[0-9]+)\Z")
_WHOLE = re.compile(rb" *([0-9]+)\Z")


class MalformedFrame(ValueError):
    """Bytes that the table does not allow."""


class Field(Protocol):
    @property
    def width(self) -> int: ...

    def read(self, wire: bytes, into: Values) -> None:
        """Raises ``MalformedFrame``."""

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Raises ``ValueError`` where the value does not fit."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Bytes that are always the same."""

    wire: bytes

    @property
    def width(self) -> int:
        return len(self.wire)

    def read(self, wire: bytes, into: Values) -> None:
        if wire != self.wire:
            raise MalformedFrame(f"{wire!r}, must be {self.wire!r}")

    def write(self, values: Mapping[str, Any]) -> bytes:
        return self.wire


@dataclass(frozen=True, slots=True)
class Number:
    """A number set to the right. Dashes or blanks only: no weight. ``whole``: digits alone, the point is elsewhere."""

    name: str
    width: int
    whole: bool = False
    fill: str = " "
    nothing: str = "-"  # what stands for no weight

    def read(self, wire: bytes, into: Values) -> None:
        if not wire.strip(b"-" if self.nothing == "-" else b" "):
            into[self.name] = None
            return
        match = (_WHOLE if self.whole else _NUMBER).match(wire)
        if not match:
            raise MalformedFrame(f"{self.name} = {wire!r}, must be a number of {self.width} characters")
        into[self.name] = Decimal(b"".join(match.groups()).decode())

    def write(self, values: Mapping[str, Any]) -> bytes:
        value = values.get(self.name)
        text = self.nothing * self.width if value is None else f"{value:f}".rjust(self.width, self.fill)
        if len(text) != self.width or (self.whole and value is not None and not text.strip().isdigit()):
            raise ValueError(f"{self.name} = {value}, must fit {self.width} characters")
        return text.encode()


@dataclass(frozen=True, slots=True)
class Text:
    """Characters, blanks around them taken off; ``pattern`` where not any will do. ``right``: set to the right."""

    name: str
    width: int
    pattern: str = ""
    right: bool = False
    usual: str = ""

    def read(self, wire: bytes, into: Values) -> None:
        text = wire.decode("latin-1")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise MalformedFrame(f"{self.name} = {text!r}, must match {self.pattern}")
        into[self.name] = text.strip(" ")

    def write(self, values: Mapping[str, Any]) -> bytes:
        text = str(values.get(self.name, self.usual))
        text = text.rjust(self.width) if self.right else text.ljust(self.width)
        if len(text) != self.width or (self.pattern and not re.fullmatch(self.pattern, text)):
            raise ValueError(f"{self.name} = {text!r}, must be {self.width} characters {self.pattern}")
        return text.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Rest:
    """Whatever is left before the end: kept, not judged."""

    name: str
    width: int = -1

    def read(self, wire: bytes, into: Values) -> None:
        into[self.name] = wire.decode("latin-1")

    def write(self, values: Mapping[str, Any]) -> bytes:
        return str(values.get(self.name, "")).encode("latin-1")


@dataclass(frozen=True, slots=True)
class Code:
    """Letters that mean something. Written: the first whose meaning agrees. ``others``: what any other letters mean."""

    width: int
    table: Mapping[bytes, Mapping[str, Any]]
    others: Mapping[str, Any] | None = None

    def read(self, wire: bytes, into: Values) -> None:
        meaning = self.table.get(wire, self.others)
        if meaning is None:
            raise MalformedFrame(f"{wire!r}, must be one of {b' '.join(self.table)!r}")
        for name, value in meaning.items():
            said, usual = into.get(name, value), DEFAULTS.get(name, ...)
            if said != value and usual not in (said, value):
                raise MalformedFrame(f"{name} = {said} and {value}, must be the same all through a frame")
            into[name] = value if said == usual else said

    def write(self, values: Mapping[str, Any]) -> bytes:
        known = {**DEFAULTS, **values}
        for wire, meaning in self.table.items():
            if all(known.get(name) == value for name, value in meaning.items()):
                return wire
        wanted = {name: known.get(name) for meaning in self.table.values() for name in meaning}
        raise ValueError(f"{wanted}, must be something that {b' '.join(self.table)!r} can say")


def code(name: str, **meanings: Any) -> Code:
    """A ``Code`` of one name whose letters are words: ``code("shown", GS="gross", NT="net")``."""
    return Code(len(next(iter(meanings))), {wire.encode(): {name: value} for wire, value in meanings.items()})


@dataclass(frozen=True, slots=True)
class Bits:
    """One value spread over bits of a ``StatusWord``: ``at`` names them, highest first, as (byte, bit)."""

    name: str
    at: tuple[tuple[int, int], ...]
    meaning: Mapping[int, Any]


@dataclass(frozen=True, slots=True)
class StatusWord:
    """Status bytes read bit by bit. ``ones``: written as 1; ``held``: (byte, bit, value) that a reader insists on."""

    width: int
    bits: tuple[Bits, ...]
    ones: tuple[tuple[int, int], ...] = ()
    held: tuple[tuple[int, int, int], ...] = ()

    def read(self, wire: bytes, into: Values) -> None:
        for byte, bit, value in self.held:
            if wire[byte] >> bit & 1 != value:
                raise MalformedFrame(f"byte {byte}, bit {bit}, must be {value}")
        for bits in self.bits:
            number = 0
            for byte, bit in bits.at:
                number = number << 1 | wire[byte] >> bit & 1
            if number not in bits.meaning:
                raise MalformedFrame(f"{bits.name} = {number}, must be one of {sorted(bits.meaning)}")
            into[bits.name] = bits.meaning[number]

    def write(self, values: Mapping[str, Any]) -> bytes:
        wire = bytearray(self.width)
        for byte, bit in self.ones:
            wire[byte] |= 1 << bit
        for bits in self.bits:
            usual = next(iter(bits.meaning.values()))
            value = values.get(bits.name, usual)
            number = next((n for n, meant in bits.meaning.items() if meant == value), None)
            if number is None:
                raise ValueError(f"{bits.name} = {value!r}, must be one of {list(bits.meaning.values())}")
            for k, (byte, bit) in enumerate(reversed(bits.at)):
                wire[byte] |= (number >> k & 1) << bit
        return bytes(wire)


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """One form of frame. ``unless``: not believed once the named layout was seen on the line (it is a part of it)."""

    name: str
    fields: tuple[Field, ...]
    unless: str | None = None

    def read(self, body: bytes) -> Values:
        """Raises ``MalformedFrame``."""
        values: Values = {}
        at = 0
        for part in self.fields:
            width = part.width if part.width >= 0 else len(body) - at
            if width < 0 or at + width > len(body):
                raise MalformedFrame(f"{len(body)} bytes, too few for {self.name}")
            part.read(body[at : at + width], values)
            at += width
        if at != len(body):
            raise MalformedFrame(f"{len(body)} bytes, too many for {self.name}")
        return _scaled(values)

    def write(self, values: Mapping[str, Any]) -> bytes:
        values = self._unscaled(values)
        return b"".join(part.write(values) for part in self.fields)

    def _unscaled(self, values: Mapping[str, Any]) -> Values:
        names = {bits.name for part in self.fields if isinstance(part, StatusWord) for bits in part.bits}
        apart = "negative" in names or any(
            "negative" in meaning for part in self.fields if isinstance(part, Code) for meaning in part.table.values()
        )
        plain = dict(values)
        if apart and plain.get("weight") is not None:
            plain["negative"] = plain["weight"] < 0
            plain["weight"] = abs(plain["weight"])
        if "decimals" in names:
            places = max(0, plain.setdefault("decimals", 0))
            for name in ("weight", "tare"):
                if plain.get(name) is not None:
                    plain[name] = plain[name].scaleb(places)
                    if plain[name] != plain[name].to_integral_value():
                        raise ValueError(f"{name} = {values[name]}, must have at most {places} decimals")
                    plain[name] = plain[name].quantize(Decimal(1))
        return plain


def _scaled(values: Values) -> Values:
    """Sign and decimals, where they travel in other bytes than the digits."""
    places = values.get("decimals", 0)
    for name in ("weight", "tare"):
        if places > 0 and values.get(name) is not None:
            values[name] = values[name].scaleb(-places)
    if values.get("negative") and values.get("weight") is not None:
        values["weight"] = -values["weight"]
    return values


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """What an indicator may send: ``start`` (empty: none), one of the layouts, ``end``, then perhaps a check byte.

    ``check``: computes the byte that may follow the end. ``seven_bits``: the eighth is parity and not looked at.
    """

    name: str
    start: bytes
    end: bytes
    layouts: tuple[FrameLayout, ...]
    longest: int = 64
    check: Callable[[bytes], int] | None = None
    seven_bits: bool = False

    def encode(self, layout: str, values: Mapping[str, Any], checked: bool = False) -> bytes:
        """A frame. Raises ``ValueError`` for an unknown layout or a value that does not fit it."""
        found = next((s for s in self.layouts if s.name == layout), None)
        if found is None:
            raise ValueError(
                f"{self.name}: layout = {layout!r}, must be one of {', '.join(s.name for s in self.layouts)}"
            )
        frame = self.start + found.write(values) + self.end
        return frame + bytes([self.check(frame)]) if checked and self.check else frame
