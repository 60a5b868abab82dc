"""Facts: the wire form, what each kind may hold, and what is refused with its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import KINDS, Fact, Health, Position, fact_from_json, fields_of, instant, instant_text, new_id

POSITION = {
    "kind": "position", "id": "0197a8c0-0000-7000-8000-000000000001", "truck": "T1", "at": "2026-11-20T05:00:00Z",
    "lat_deg": 43.74, "lon_deg": 7.42, "speed_mps": 3.0, "heading_deg": 90.0, "eph_m": 4.0, "mode": 3,
}  # fmt: skip


def test_a_position_reads_and_writes_as_it_is_on_the_wire() -> None:
    fact = fact_from_json(POSITION)
    assert isinstance(fact, Position)
    assert fact.at == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert fact.to_json() == POSITION


def test_unknown_is_absent_or_null() -> None:
    assert fact_from_json({**POSITION, "speed_mps": None}) == fact_from_json(
        {name: value for name, value in POSITION.items() if name != "speed_mps"}
    )


def test_what_a_newer_box_sends_beside_is_passed_over() -> None:
    assert fact_from_json({**POSITION, "satellites": 9}) == fact_from_json(POSITION)


def test_no_fix_has_no_coordinates_and_a_fix_has_both() -> None:
    without = {name: value for name, value in POSITION.items() if name not in ("lat_deg", "lon_deg")}
    assert fact_from_json({**without, "mode": 1}).to_json()["mode"] == 1
    with pytest.raises(ValueError, match="lat_deg and lon_deg"):
        fact_from_json(without)
    with pytest.raises(ValueError, match="together"):
        fact_from_json({**without, "lat_deg": 43.7})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "flight"}, "kind = 'flight', must be one of"),
        ({"id": "7"}, "id = '7', must be a UUID"),
        ({"at": "2026-11-20T05:00:00"}, "at = '2026-11-20T05:00:00', must be written"),
        ({"at": 5}, "at = 5, must be written"),
        ({"at": "0001-01-01T00:00:00Z"}, "must be from 1980 to 2099"),
        ({"lat_deg": 91}, "lat_deg = 91, must be from -90 to 90"),
        ({"lon_deg": "7.4"}, "lon_deg = '7.4', must be a number"),
        ({"speed_mps": float("nan")}, "speed_mps = nan, must be from 0 to 150"),
        ({"mode": True}, "mode = True, must be a whole number"),
        ({"truck": ""}, "truck = '', must be text of 1 to 40"),
        ({"truck": None}, "truck is missing"),
        ({"eph_m": 10**400}, "eph_m = 1000"),
    ],
)
def test_a_refused_fact_says_the_field_the_value_and_the_bound(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        fact_from_json({**POSITION, **change})
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_instant_with_an_offset_is_the_same_instant_in_utc() -> None:
    assert instant("2026-11-20T06:00:00.25+01:00") == datetime(2026, 11, 20, 5, 0, 0, 250_000, tzinfo=UTC)
    paris = datetime(2026, 11, 20, 6, tzinfo=timezone(timedelta(hours=1)))
    assert instant_text(paris) == "2026-11-20T05:00:00Z"


def test_ids_made_later_sort_later_and_are_of_version_7() -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    ids = [new_id(start + timedelta(milliseconds=i)) for i in range(50)]
    assert ids == sorted(ids)
    assert {UUID(id).version for id in ids} == {7}
    assert len({new_id(start) for _ in range(1000)}) == 1000


def _value(name: str, rule: Any) -> st.SearchStrategy[Any]:
    match rule.type:
        case "number":
            return st.floats(rule.low, rule.high, allow_nan=False)
        case "whole":
            return st.integers(int(rule.low), int(rule.high))
        case "flag":
            return st.booleans()
        case "choice":
            return st.sampled_from(rule.choices)
        case "instant":
            return st.datetimes(datetime(1980, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
        case "uuid":
            return st.uuids().map(str)
        case "sha256s":
            return st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=3).map(tuple)
    return st.text(min_size=1, max_size=rule.longest).filter(lambda text: "\0" not in text)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    cls = draw(st.sampled_from(sorted(KINDS.values(), key=lambda c: c.__name__)))
    values: dict[str, Any] = {}
    for name, needed, rule in fields_of(cls):
        if needed or draw(st.booleans()):
            values[name] = draw(_value(name, rule))
    if ("lat_deg" in values) != ("lon_deg" in values):
        values |= {"lat_deg": 43.7, "lon_deg": 7.4}
    if cls is Position and "lat_deg" not in values:
        values["mode"] = 1
    if cls is Health and "site" in values:  # a bridge's, or a box's
        values.pop("truck", None)
    return cls(**values)


@given(facts())
def test_every_fact_survives_its_wire_form(fact: Fact) -> None:
    assert fact_from_json(json.loads(json.dumps(fact.to_json()))) == fact


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(sorted(POSITION)), junk))
def test_junk_is_refused_or_read_but_never_breaks_the_reader(kind: str, change: dict[str, Any]) -> None:
    try:
        fact = fact_from_json({**POSITION, "kind": kind, **change})
    except ValueError:  # refused, with a reason; any other exception fails
        return
    assert fact_from_json(fact.to_json()) == fact
