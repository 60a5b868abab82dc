"""Which truck stands on the plate: announced, read from its tag, or typed; and what it can weigh.

What is typed goes before a tag, a tag before an announcement. Two tags at once, or two announcements that nobody
chose between, name no truck at all: nothing is guessed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fleet import instant, instant_text

#: What a scale, a driver's weight and a full tank may add to what a truck is said to weigh; dirt and less equipment
#: take off.
ABOVE, BELOW = 1.10, 0.85
SOURCES = ("announced", "tag", "typed")


@dataclass(frozen=True, slots=True)
class KnownTruck:
    """A truck as the area has it. ``tag``: what a reader at the plate reads from it."""

    id: str
    plate: str | None = None
    kerb_kg: float | None = None
    payload_kg: float | None = None
    tag: str | None = None

    def doubt(self, kg: float) -> str | None:
        """Why this weight cannot be this truck's alone and whole, or None."""
        if self.kerb_kg is not None and kg < self.kerb_kg * BELOW:
            return "too_light"
        if self.kerb_kg is not None and self.payload_kg is not None and kg > (self.kerb_kg + self.payload_kg) * ABOVE:
            return "too_heavy"
        return None


def normalized_plate(plate: str) -> str:
    """A number plate as it is compared: capital letters and digits only."""
    return re.sub(r"[^0-9A-Z]", "", plate.upper())


def trucks_of(path: Path) -> dict[str, KnownTruck]:
    """The ``[[trucks]]`` of an ``area.toml``, or of a file that holds only these (``id``, ``plate``, ``kerb_kg``,
    ``payload_kg``, ``tag``). Raises ``ValueError`` naming the file, the truck, the field, the value and the bound."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("trucks", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as TOML: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: trucks = {str(rows)[:60]}, must be tables, [[trucks]]")
    try:
        found = [_known_truck(row, number) for number, row in enumerate(rows, 1)]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return {truck.id: truck for truck in found}


def _known_truck(row: Mapping[str, Any], number: int) -> KnownTruck:
    if "id" not in row:
        raise ValueError(f"[[trucks]] {number}: id is missing, must be given")
    for name in ("plate", "tag"):
        if not isinstance(row.get(name), str | None):
            raise ValueError(f"truck {row['id']}: {name} = {row[name]!r}, must be text")
    return KnownTruck(str(row["id"]), row.get("plate"), _kg(row, "kerb_kg"), _kg(row, "payload_kg"), row.get("tag"))


def _kg(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0):
        raise ValueError(f"truck {row['id']}: {name} = {value!r}, must be above 0")
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Identification:
    """A truck named by somebody or something. At least one of ``truck`` and ``plate``."""

    source: str
    at: datetime
    truck: str | None = None
    plate: str | None = None
    product: str | None = None
    flux: str | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"who: source = {self.source!r}, must be one of {', '.join(SOURCES)}")
        if not self.truck and not self.plate:
            raise ValueError("who: truck and plate are missing, one must be given")

    def same(self, truck: str | None, plate: str | None) -> bool:
        if self.truck and truck:
            return self.truck == truck
        return bool(self.plate and plate) and normalized_plate(self.plate or "") == normalized_plate(plate or "")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": instant_text(self.at)}

    @classmethod
    def from_json(cls, j: Mapping[str, Any]) -> Identification:
        return cls(**{**j, "at": instant(j["at"])})


def with_known_truck(who: Identification, trucks: Mapping[str, KnownTruck]) -> Identification:
    """The same, with the truck of a known plate and the plate of a known truck."""
    if who.truck is None and who.plate is not None:
        for truck in trucks.values():
            if truck.plate and normalized_plate(truck.plate) == normalized_plate(who.plate):
                return replace(who, truck=truck.id)
    if who.truck is not None and who.plate is None and who.truck in trucks:
        return replace(who, plate=trucks[who.truck].plate)
    return who


def truck_on_platform(
    said: Sequence[Identification], now: datetime, valid: timedelta
) -> tuple[Identification | None, str | None]:
    """Which truck it is, or why that is not known: ``who``, ``several_announced`` or ``two_trucks``."""
    typed = [who for who in said if who.source == "typed"]
    if typed:
        return typed[-1], None
    tags = [who for who in said if who.source == "tag"]
    if tags:
        one = all(who.same(tags[0].truck, tags[0].plate) for who in tags)
        return (tags[0], None) if one else (None, "two_trucks")
    waiting = [who for who in said if who.source == "announced" and timedelta(0) <= now - who.at <= valid]
    if not waiting:
        return None, "who"
    if not all(who.same(waiting[0].truck, waiting[0].plate) for who in waiting):
        return None, "several_announced"
    return waiting[-1], None
