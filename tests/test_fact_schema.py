"""``data/schemas/fact.schema.json`` says exactly what ``fleet.RULES`` say."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from depot_api.facts.schema import SCHEMA_PATH, fact_schema, facts_body, schema_text
from fleet import KINDS, Fact, fact_from_json

from .test_facts import POSITION, facts

VALIDATOR = jsonschema.Draft202012Validator(fact_schema())


def test_the_committed_schema_is_the_one_that_the_rules_make() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), "run python -m depot_api.facts.schema"


def test_it_is_a_schema_and_knows_every_kind() -> None:
    jsonschema.Draft202012Validator.check_schema(fact_schema())
    jsonschema.Draft202012Validator.check_schema(facts_body())
    assert set(fact_schema()["$defs"]) == set(KINDS)


@given(facts())
def test_every_fact_passes_it(fact: Fact) -> None:
    j = fact.to_json()
    for name in ("at", "box_at", "from_at", "in_at"):
        if name in j:
            j[name] = str(j[name])
    VALIDATOR.validate(json.loads(json.dumps(j)))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "flight"}, {"id": "7"}, {"at": "2026-11-20T05:00:00"}, {"lat_deg": 91}, {"lon_deg": "7.4"},
        {"mode": 1.5}, {"mode": 4}, {"truck": ""}, {"truck": None}, {"truck": "x" * 41}, {"speed_mps": -1},
        {"time_doubtful": "yes"},
    ],
)  # fmt: skip
def test_what_the_reader_refuses_the_schema_refuses_too(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        fact_from_json(POSITION | change)
    assert not VALIDATOR.is_valid(POSITION | change)


def test_unknown_may_be_absent_or_null_and_a_newer_box_may_send_more() -> None:
    VALIDATOR.validate(POSITION | {"speed_mps": None, "satellites": 9})
    VALIDATOR.validate({name: value for name, value in POSITION.items() if name != "speed_mps"})
