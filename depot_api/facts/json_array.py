"""An array of facts as it came, each to be judged alone: one that cannot even be read costs no other.

What a body would cost is counted before anything is made of it: 16 KB of gzip hold eight million numbers. A body that
holds a number of five thousand digits, or a value nested without an end, is no JSON for any parser: it is taken apart
at the commas of its array, and only what holds it is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import HTTPException

from depot_api.state import count_values

#: Facts in one request: some second of work. Boxes send 500 at once.
MOST_FACTS = 50_000
#: Values in one request, counted by the commas and brackets that stand between them (those in texts count too): at
#: some 230 bytes for the dearest, an object, they take less than 140 MiB.
MOST_VALUES = 600_000
#: A fact that no fast parser reads is looked at closer up to this length only.
LONGEST_ODD_BYTES = 65_536
LONGEST_WHOLE = 100

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_ID = re.compile(rb'"id"\s*:\s*"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"')
_NAMES = {dict: "object", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element that is no JSON. ``id``: what seems to be its id, None where nothing does."""

    id: str | None
    why: str


def read_array(body: bytes) -> list[Any]:
    """A body's elements, whatever they are. Raises 400 where it is no array, 413 where it holds too much at once."""
    if count_values(body) > MOST_VALUES:
        raise _too_many()
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if body.count(b'"') > 4 * MOST_VALUES:  # each value, and what it is called
            raise _too_many() from None
        given = [_read(raw) for raw in _elements(body, str(error))]
    if not isinstance(given, list):
        raise HTTPException(400, f"the body is a JSON {_NAMES.get(type(given), 'value')}, must be an array of facts")
    if len(given) > MOST_FACTS:
        raise _too_many()
    return given


def _too_many() -> HTTPException:
    return HTTPException(413, f"more than {MOST_FACTS} facts, or {MOST_VALUES} values, send less at once")


def _elements(body: bytes, why: str) -> list[bytes]:
    """An array's elements as they were written, taken apart by its brackets alone. Raises 400 where they do not fit."""
    text = body.strip(b" \t\r\n")
    if not text.startswith(b"["):
        raise HTTPException(400, f"the body is no JSON: {why[:200]}")
    elements: list[bytes] = []
    depth, begin = 0, 1
    for token in _TOKEN.finditer(text):
        mark, at = text[token.start()], token.start()
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
            if depth == 0 and (mark != 0x5D or token.end() != len(text)):
                break
        elif mark == 0x22 and token.end() - at == 1:  # a text without an end
            break
        elif mark == 0x2C and depth == 1:
            elements.append(text[begin:at])
            begin = at + 1
    else:
        if depth == 0:
            last = text[begin:-1]
            return [*elements, last] if elements or last.strip() else []
    raise HTTPException(400, f"the body is no JSON: {why[:200]}")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_WHOLE:  # the time for it grows with the square of its length
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _read(raw: bytes) -> Any:
    """One element: ``Unreadable`` where it is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        why = str(error)
    if len(raw) <= LONGEST_ODD_BYTES:
        try:  # NaN, half a surrogate pair: that field's fault, which the judge names
            return json.loads(raw, parse_int=_whole)
        except (ValueError, RecursionError) as error:
            why = "nested too deep" if isinstance(error, RecursionError) else str(error)
    id = _ID.search(raw)
    return Unreadable(id[1].decode() if id else None, f"fact: cannot be read as JSON: {why[:200]}")
