"""``data/schemas/fact.schema.json``, written from the one place that says what a fact may hold: ``fleet.RULES``.

``python -m depot_api.facts.schema`` writes it again; a test holds the file equal. It is the body of
``POST /facts`` in the API's own document. What a schema cannot say (coordinates come together) stands in the kind's
description.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet import KINDS, Fact, Rule, fields_of

SCHEMA_PATH = Path(__file__).parents[2] / "data" / "schemas" / "fact.schema.json"

#: RFC 3339 with an offset, as ``fleet.instant`` reads it.
_INSTANT = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}([.,]\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$"
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def fact_schema() -> dict[str, Any]:
    """The schema of one fact: one of the kinds, told apart by ``kind``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://ripeur.example/schemas/fact.schema.json",
        "title": "Ripeur fact",
        "description": "Something observed, as POST /facts takes it (an array of these). Flat, units in the names; "
        "instants are RFC 3339 with their offset; unknown is absent or null; fields that a kind does not know are "
        "passed over.",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS],
        "$defs": {kind: _of_kind(kind, cls) for kind, cls in KINDS.items()},
    }


def facts_body() -> dict[str, Any]:
    """The body of ``POST /facts`` for an OpenAPI document: the same, without references into another document."""
    return {"type": "array", "items": {"oneOf": [_of_kind(kind, cls) for kind, cls in KINDS.items()]}}


def _of_kind(kind: str, cls: type[Fact]) -> dict[str, Any]:
    fields = fields_of(cls)
    schema: dict[str, Any] = {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").replace("``", "").split()),
        "required": ["kind", *(name for name, needed, _ in fields if needed)],
        "properties": {"kind": {"const": kind}}
        | {name: _of_rule(rule) if needed else _or_null(_of_rule(rule)) for name, needed, rule in fields},
    }
    if {"lat_deg", "lon_deg"} <= schema["properties"].keys():
        schema["dependentRequired"] = {"lat_deg": ["lon_deg"], "lon_deg": ["lat_deg"]}
    if kind == "position":  # a fix has its coordinates; without them it must say that there is none
        schema["anyOf"] = [{"required": ["lat_deg", "lon_deg"]}, {"required": ["mode"]}]
    return schema


def _of_rule(rule: Rule) -> dict[str, Any]:
    match rule.type:
        case "number" | "whole":
            kind = "number" if rule.type == "number" else "integer"
            return {"type": kind, "minimum": _plain(rule.low), "maximum": _plain(rule.high)}
        case "flag":
            return {"type": "boolean"}
        case "choice":
            return {"enum": list(rule.choices)}
        case "instant":
            return {"type": "string", "format": "date-time", "pattern": _INSTANT}
        case "uuid":
            return {"type": "string", "format": "uuid", "pattern": _UUID}
        case "sha256s":
            return {"type": "array", "maxItems": 10, "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
    return {"type": "string", "minLength": 1, "maxLength": rule.longest}


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]}


def schema_text() -> str:
    """The file as it is committed."""
    return json.dumps(fact_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
