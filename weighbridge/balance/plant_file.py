"""A plant operator's CSV, its columns mapped by a small TOML file; every row is judged alone.

``[file]`` says how it is written: ``separator`` (``;``), ``encoding`` (``utf-8``, ``cp1252``), ``decimal`` (``,``),
``dates`` (a ``strptime`` format), ``timezone``, ``unit`` (kg, t, lb), ``skip_lines`` before the header. ``[columns]``
says which column is what; an instant may be spread over two. ``[flux]`` maps the plant's codes to our flux.

Local time repeats an hour in October: a row that lies in it is put where the file's order, or its own way in and out,
allows it; where both fit, into the first, and it is said. An hour that a spring night skipped is refused.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from weighbridge.indicator import KG_PER

_FILE_KEYS = {"separator": ";", "encoding": "utf-8", "decimal": ",", "dates": "%d/%m/%Y %H:%M",
              "timezone": "Europe/Paris", "unit": "kg", "skip_lines": 0}  # fmt: skip


@dataclass(frozen=True)
class PlantFormat:
    """How a plant writes its files. Made by ``read_mapping``."""

    separator: str
    encoding: str
    decimal: str
    dates: str
    timezone: str
    unit: str
    skip_lines: int
    columns: Mapping[str, tuple[str, ...]]
    flux: Mapping[str, str]


def read_mapping(path: Path, known: tuple[str, ...], needed: tuple[str, ...]) -> PlantFormat:
    """``known``: what ``[columns]`` may name; ``needed``: what it must. Raises ``ValueError`` saying what is wrong."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    file, columns, flux = raw.get("file", {}), raw.get("columns", {}), raw.get("flux", {})
    if unknown := [
        *(set(raw) - {"file", "columns", "flux"}),
        *(set(file) - set(_FILE_KEYS)),
        *(set(columns) - set(known)),
    ]:
        raise ValueError(f"{path}: {', '.join(sorted(unknown))}: unknown, must be of [file], [columns] or [flux]")
    if missing := [name for name in needed if name not in columns]:
        raise ValueError(f"{path}: [columns] {', '.join(missing)} missing, must be given")
    written = {**_FILE_KEYS, **file}
    _judge_form(path, written)
    named = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in columns.items()}
    return PlantFormat(**written, columns=named, flux={str(code).strip(): str(name) for code, name in flux.items()})


def _judge_form(path: Path, written: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` naming the key of ``[file]``, its value and what it must be."""
    for name, usual in _FILE_KEYS.items():
        if not isinstance(written[name], type(usual)):
            raise ValueError(f"{path}: [file] {name} = {written[name]!r}, must be written like {usual!r}")
    for name, good, bound in (
        ("unit", written["unit"] in KG_PER, f"one of {', '.join(KG_PER)}"),
        ("separator", len(written["separator"]) == 1, "one character"),
        ("decimal", written["decimal"] in (",", "."), "a comma or a point"),
        ("timezone", _is_known(ZoneInfo, written["timezone"]), "one of the tz database"),
        ("encoding", _is_known("".encode, written["encoding"]), "an encoding that Python knows"),
    ):
        if not good:
            raise ValueError(f"{path}: [file] {name} = {written[name]!r}, must be {bound}")


def _is_known(look_up: Callable[[str], object], name: str) -> bool:
    try:
        look_up(name)
    except (KeyError, ValueError, OSError, LookupError):
        return False
    return True


class PlantRowFault(ValueError):
    """What is wrong with one row."""


@dataclass
class PlantRow:
    """One row: ``text``, ``kg``, ``whole``, ``instants`` of a column of the mapping; None where it is empty."""

    number: int
    cells: Mapping[str, str]
    mapping: PlantFormat
    doubts: list[str] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        parts = [self.cells.get(column, "").strip() for column in self.mapping.columns.get(name, ())]
        return " ".join(part for part in parts if part) or None

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise PlantRowFault(f"{name} is empty, must be given")
        return value

    def kg(self, name: str) -> float | None:
        value = self._number(name)
        return None if value is None else float(value * KG_PER[self.mapping.unit])

    def whole(self, name: str) -> int | None:
        value = self._number(name)
        if value is not None and value != value.to_integral_value():
            raise PlantRowFault(f"{name} = {value}, must be a whole number")
        return None if value is None else int(value)

    def _number(self, name: str) -> Decimal | None:
        text = self.text(name)
        if text is None:
            return None
        plain = text.replace("\xa0", "").replace("\u202f", "").replace(" ", "")
        if self.mapping.decimal == ",":
            plain = plain.replace(".", "").replace(",", ".") if plain.count(",") == 1 else plain.replace(",", "x")
            if "." in text and "," not in text:
                raise PlantRowFault(f"{name} = {text!r}, must be written with a decimal comma")
        else:
            plain = plain.replace(",", "")
        try:
            value = Decimal(plain)
        except InvalidOperation:
            raise PlantRowFault(f"{name} = {text!r}, must be a number") from None
        if not value.is_finite() or abs(value) > 10**9:
            raise PlantRowFault(f"{name} = {text!r}, must be a number")
        return value

    def instants(self, name: str) -> tuple[datetime, ...]:
        """The instants that a local time may be: two in October's repeated hour, none where the column is empty."""
        text = self.text(name)
        if text is None:
            return ()
        try:
            naive = datetime.strptime(text, self.mapping.dates)  # noqa: DTZ007 - its zone is put on below
        except ValueError:
            raise PlantRowFault(f"{name} = {text!r}, must be written like {self.mapping.dates}") from None
        if naive.tzinfo is not None:
            return (naive.astimezone(UTC),)
        zone = ZoneInfo(self.mapping.timezone)
        both = [naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        there = [at for at in dict.fromkeys(both) if at.astimezone(zone).replace(tzinfo=None) == naive]
        if not there:
            raise PlantRowFault(f"{name} = {text!r}, an hour that {self.mapping.timezone} skipped that night")
        return tuple(there)

    def flux(self, name: str) -> str | None:
        code = self.text(name)
        return None if code is None else self.mapping.flux.get(code)


def plant_rows(path: Path, mapping: PlantFormat) -> Iterator[PlantRow]:
    """The rows under the header. Raises ``ValueError`` where the file or its header is not what the mapping says."""
    try:
        lines = path.read_text(encoding="utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding).splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not {mapping.encoding} at byte {error.start}; see [file] encoding") from None
    reader = csv.DictReader(lines[mapping.skip_lines :], delimiter=mapping.separator)
    header = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = header
    missing = sorted({column for names in mapping.columns.values() for column in names} - set(header))
    if missing:
        raise ValueError(f"{path}: columns {', '.join(missing)} missing, header is {', '.join(header) or 'empty'}")
    for cells in reader:
        given: dict[str, str] = {k: v for k, v in cells.items() if isinstance(k, str) and isinstance(v, str)}
        if any(value.strip() for value in given.values()):
            yield PlantRow(mapping.skip_lines + reader.line_num, given, mapping)


def resolve_period(
    begins: tuple[datetime, ...], ends: tuple[datetime, ...], last: datetime | None
) -> tuple[datetime | None, datetime, bool]:
    """Begin and end out of what each may be: the end not before the begin, nor (in a file in order) before ``last``,
    the end of the row before; the earliest such end, the shortest stay. And whether more than one end would do.

    Raises ``PlantRowFault`` where no end is after a begin.
    """
    good = [end for end in ends if not begins or begins[0] <= end]
    if not good:
        raise PlantRowFault("ends before it begins")
    after = [end for end in good if last is None or end >= last] or good
    came = [begin for begin in begins if begin <= after[0]]
    return (came[-1] if came else None), after[0], len(after) > 1


def row_message(row: PlantRow, error: Any) -> str:
    return f"row {row.number}: {error}"
