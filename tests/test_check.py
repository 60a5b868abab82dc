"""The checker: it passes a good plan, finds every kind of fault that is planted, and owes nothing to the planner."""

import ast
import json
import random
import string
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fleet
from fleet import REGIMES, Leg, Plan, Tour, Unserved
from optimizer.area.area import Area
from optimizer.check import times as check_times
from optimizer.check.checker import SCHEMA, SCHEMAS, check, check_file, document_faults, report_lines
from optimizer.check.faults import TEXTS, JsonValue
from optimizer.check.passage import _METRES, _TONNES, parse_quantity
from optimizer.check.rawmap import MapFault, read_map
from tests.check_planters import (
    PLANTERS,
    Planter,
    by_way_of,
    places,
    settled,
    with_leg,
    with_legs,
)
from tests.check_town import BESIDE_FINE, good_plan, osm, town_area, write_map

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Area:
    folder = tmp_path_factory.mktemp("town")
    write_map(folder / "town.osm")
    for name in ("area.toml", "collection.csv", "exceptions.csv"):
        (folder / name).write_text(f"# {name} of the town\n", encoding="utf-8")
    return town_area(folder)


@pytest.fixture(scope="module")
def plan(area: Area) -> Plan:
    return good_plan(area)


# --- good plans --------------------------------------------------------------------------------------------------


def test_a_good_plan_has_no_fault(plan: Plan, area: Area) -> None:
    report = check(plan, area, area.folder)
    assert report.ok, "\n".join(report_lines(report, "en"))
    assert report.reversals == 1
    assert (report.served_share, report.length_share) == (1.0, 1.0)
    assert report.foot_m == pytest.approx(60, abs=1)
    driven = sum(leg.length_m for tour in plan.tours for leg in tour.legs if leg.mode == "truck")
    assert report.length_m == pytest.approx(driven)


def test_a_task_listed_as_unserved_is_no_fault_but_lowers_the_share(plan: Plan, area: Area) -> None:
    place = next(p for p in places(plan, "collect") if plan.tours[p[0]].legs[p[1]].task == "wide left")
    less = settled(with_leg(plan, place, kind="drive", task=None, side=None, kg={}))
    report = check(replace(less, unserved=(Unserved("wide left", "SHIFT_TIME"),)), area, area.folder)
    assert report.ok
    total = sum(task.total_kg for task in plan.tasks)
    assert report.served_share == pytest.approx(1 - plan.task("wide left").total_kg / total)
    assert 0.8 < report.length_share < 1


@pytest.mark.parametrize("node", BESIDE_FINE)
def test_a_street_that_admits_collection_trucks_is_no_fault(node: int, plan: Plan, area: Area) -> None:
    report = check(by_way_of(plan, area, _first, 0, node, 10), area, area.folder)
    assert report.ok, report_lines(report, "en")


def test_a_truck_may_turn_at_a_junction_inside_a_dead_end_tree_if_it_counts_it(plan: Plan, area: Area) -> None:
    raw = read_map(area.extract)
    place = next(p for p in places(plan, "drive") if plan.tours[p[0]].legs[p[1]].osm_nodes[-1] == osm(30))
    nodes = (*plan.tours[place[0]].legs[place[1]].osm_nodes, osm(951), osm(30))
    into = with_leg(plan, place, osm_nodes=nodes, length_m=raw.length_m(nodes), reversals=1, reversing_m=25.0)
    report = check(into, area, area.folder)
    assert report.ok, report_lines(report, "en")
    assert report.reversals == 2


@pytest.mark.parametrize("counted", [0, 1, 2])
def test_a_truck_may_collect_on_the_way_into_a_dead_end_and_back_out_later(
    counted: int, plan: Plan, area: Area
) -> None:
    t, k = next(p for p in places(plan, "collect") if plan.tours[p[0]].legs[p[1]].task == "dead end")
    whole, length_m = plan.tours[t].legs[k], plan.tours[t].legs[k].length_m / 2
    times = [whole.start_at + timedelta(seconds=s) for s in (0, 600, 800, 1200)]
    pieces = [((osm(34), osm(902)), length_m), ((osm(902),), 0.0), ((osm(902), osm(34)), length_m)]
    legs = [
        Leg("drive", times[n], times[n + 1], metres, nodes, load_after_kg=whole.load_after_kg,
            reversals=int(n == counted), reversing_m=150.0 if n == counted else 0.0)
        for n, (nodes, metres) in enumerate(pieces)
    ]  # fmt: skip
    legs[0] = replace(legs[0], kind="collect", task="dead end", side="both", kg=whole.kg)
    before, after = plan.tours[t].legs[:k], plan.tours[t].legs[k + 1 :]
    report = check(with_legs(plan, t, [*before, *legs, *after]), area, area.folder)
    assert report.ok, report_lines(report, "en")
    legs[counted] = replace(legs[counted], reversals=0, reversing_m=0.0)
    forgotten = check(with_legs(plan, t, [*before, *legs, *after]), area, area.folder)
    assert set(forgotten.codes) == {"REVERSING_FORBIDDEN"}


def _first(found: Sequence[Any]) -> Any:
    return found[0]


# --- planted faults ----------------------------------------------------------------------------------------------

#: What a planted fault cannot help but bring along.
ALONGSIDE = {
    "a_node_of_another_town": {"NOT_CONTINUOUS"},
    "one_shift_for_two_tours": {"SHIFT_UNKNOWN", "NO_DRIVER", "SKILL_MISSING"},
    "a_tour_that_ends_in_the_street": {"TIME_MISMATCH"},
}


@pytest.mark.parametrize(("code", "planter"), PLANTERS, ids=lambda p: getattr(p, "__name__", p))
def test_a_planted_fault_is_found_and_nothing_else(code: str, planter: Planter, plan: Plan, area: Area) -> None:
    report = check(*planter(plan, area, _first), area.folder)
    assert code in report.codes
    assert set(report.codes) - {code} <= ALONGSIDE.get(planter.__name__, set()), report_lines(report, "en")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_fault_planted_at_random_is_found(data: st.DataObject, plan: Plan, area: Area) -> None:
    code, planter = data.draw(st.sampled_from(PLANTERS), label="planter")
    seed = data.draw(st.integers(0, 2**32), label="seed")
    report = check(*planter(plan, area, random.Random(seed).choice), area.folder)
    assert code in report.codes


def test_every_code_has_a_planter() -> None:
    assert {key.partition(".")[0] for key in TEXTS} == {code for code, _ in PLANTERS}


def test_a_fault_says_where_it_is(plan: Plan, area: Area) -> None:
    place = places(plan, "unload")[0]
    (found,) = check(with_leg(plan, place, site="S-night"), area, area.folder).faults
    assert (found.code, found.tour, found.leg) == ("SITE_CLOSED", plan.tours[place[0]].id, place[1])
    assert found.sentence("fr").startswith("S-night est fermé de lun. ")
    assert found.sentence("en").startswith("S-night is closed from Mon ")


def test_a_plan_without_its_area_is_judged_as_far_as_it_goes(plan: Plan) -> None:
    assert set(check(plan, None, None).codes) == {"AREA_MISSING"}
    assert "BREAK_MISSING" in check(PLANTER["no_break"](plan, None, _first)[0], None, None).codes  # type: ignore[arg-type]


PLANTER = {planter.__name__: planter for _, planter in PLANTERS}


# --- breaks and clocks -------------------------------------------------------------------------------------------


def _tour(regime: str, *pieces: tuple[fleet.LegKind, float]) -> Tour:
    """A tour of legs given by kind and minutes."""
    at, legs = datetime(2026, 11, 23, 4, tzinfo=UTC), []
    for kind, minutes in pieces:
        end = at + timedelta(minutes=minutes)
        legs.append(replace(Leg("drive", at, end), kind=kind))
        at = end
    return Tour("X", "", "T1", regime, None, 0, tuple(legs))


@pytest.mark.parametrize(
    ("regime", "pieces", "codes"),
    [
        ("public-agent", [("drive", 360)], []),
        ("public-agent", [("drive", 361)], ["BREAK_MISSING", "BREAK_MISSING"]),
        ("public-agent", [("drive", 365), ("break", 20), ("drive", 30)], ["BREAK_MISSING"]),
        ("public-agent", [("drive", 120), ("break", 20), ("drive", 361)], ["BREAK_MISSING"]),
        ("public-agent", [("drive", 300), ("break", 20), ("drive", 300)], []),
        ("public-agent", [("drive", 300), ("break", 20), ("drive", 301)], ["OVER_SHIFT"]),
        ("private", [("drive", 200), ("break", 10), ("drive", 170), ("break", 10)], ["BREAK_MISSING"] * 2),
        ("private-transport", [("drive", 200), ("break", 15), ("drive", 100), ("break", 15), ("drive", 70)], []),
        ("private-transport", [("drive", 300), ("break", 30), ("drive", 241)], ["BREAK_MISSING"]),
        ("private-transport", [("drive", 300), ("break", 45), ("drive", 241)], []),
        ("eu561", [("drive", 270), ("collect", 90)], []),
        ("eu561", [("drive", 270), ("collect", 120)], ["BREAK_MISSING"] * 2),
        ("eu561", [("drive", 180), ("collect", 120), ("break", 30), ("drive", 90), ("collect", 120)], []),
        ("eu561", [("drive", 200), ("collect", 161), ("break", 45), ("drive", 10)], ["BREAK_MISSING"]),
        ("eu561", [("drive", 200), ("break", 30), ("drive", 70), ("break", 15), ("drive", 10)], ["BREAK_MISSING"]),
        ("eu561", [("drive", 200), ("break", 30), ("drive", 70), ("break", 30), ("drive", 200)], []),
        ("eu561", [("drive", 200), ("break", 15), ("drive", 50), ("break", 15), ("drive", 20), ("break", 15),
                   ("drive", 10)], ["BREAK_MISSING"]),
        ("eu561", [("drive", 200), ("break", 15), ("drive", 70), ("break", 30), ("drive", 200)], []),
        ("eu561", [("drive", 200), ("break", 30), ("drive", 80)], ["BREAK_MISSING"]),
        ("eu561", [("drive", 269), ("break", 45), ("drive", 269), ("break", 45), ("drive", 10)], ["OVER_SHIFT"]),
    ],
)  # fmt: skip
def test_breaks_are_judged_by_the_tours_regime(regime: str, pieces: Any, codes: list[str]) -> None:
    tour = _tour(regime, *pieces)
    found = check_times.break_faults(tour, REGIMES[regime], check_times.driving_s(tour, None))
    assert [f.code for f in found] == codes


def test_hours_are_the_walls_on_the_days_the_clocks_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    eight = {
        day: check_times.wall_clock_instant(day, 8 * 3600, paris) for day in (date(2026, 3, 29), date(2026, 10, 25))
    }
    assert [at.hour for at in eight.values()] == [6, 7]
    # A window from 2 to 3 o'clock in the autumn night, when that hour comes twice, lasts two hours.
    start = check_times.wall_clock_instant(date(2026, 10, 25), 2 * 3600, paris)
    end = check_times.wall_clock_instant(date(2026, 10, 25), 3 * 3600, paris, end=True)
    assert end - start == timedelta(hours=2)


def test_a_site_open_around_midnight_is_open_at_midnight(plan: Plan, area: Area) -> None:
    hours = tuple(fleet.Hours(day, 0, 24 * 3600) for day in range(7))
    site = replace(area.sites[0][1], hours=hours)
    (t, k) = places(plan, "unload")[0]
    late = replace(
        plan.tours[t].legs[k],
        start_at=datetime(2026, 11, 23, 22, 50, tzinfo=UTC),
        end_at=datetime(2026, 11, 23, 23, 10, tzinfo=UTC),
    )
    tour = replace(plan.tours[t], legs=(late,))
    assert not list(check_times.opening_faults(tour, {"S1": site}, ZoneInfo("Europe/Paris")))
    closed_on_tuesday = replace(site, hours=hours[:1])
    assert list(check_times.opening_faults(tour, {"S1": closed_on_tuesday}, ZoneInfo("Europe/Paris")))


# --- form --------------------------------------------------------------------------------------------------------


def _schema() -> dict[str, Any]:
    schema = json.loads((SCHEMAS / SCHEMA).read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


def test_a_written_plan_keeps_to_the_schema_and_reads_back(plan: Plan, area: Area, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema())
    document = plan.to_json()
    jsonschema.Draft202012Validator(_schema()).validate(document)
    defs = _schema()["$defs"]
    assert set(document) == set(_schema()["properties"])
    assert set(document["tours"][0]) == set(defs["tour"]["properties"])
    assert set(document["tours"][0]["legs"][0]) == set(defs["leg"]["properties"])
    assert set(document["tasks"][0]) == set(defs["task"]["properties"])
    plan.write(tmp_path / "plan.json")
    assert check_file(tmp_path / "plan.json", area, area.folder).ok


def test_the_schema_knows_the_trades_words() -> None:
    schema = _schema()
    tour, leg, task = (schema["$defs"][name]["properties"] for name in ("tour", "leg", "task"))
    assert tuple(leg["kind"]["enum"]) == fleet.LEG_KINDS
    assert (*fleet.SIDES, None) == tuple(leg["side"]["enum"])
    assert tuple(task["kind"]["enum"]) == fleet.TASK_KINDS
    assert tuple(task["side"]["enum"]) == fleet.SIDES
    assert set(tour["regime"]["enum"]) == set(REGIMES)
    unserved = schema["properties"]["unserved"]["items"]["properties"]
    assert tuple(unserved["reason"]["enum"]) == fleet.UNSERVED_REASONS


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.tours[0].legs[2].osm_nodes", "somewhere"),
        ("$.tours[1].legs[0].start_at", "5 o'clock"),
        ("$.tours[1].legs[1].kind", "fly"),
        ("$.tasks[3].demand_kg", {"residual": -1}),
        ("$.tasks[0].side", "top"),
        ("$.unserved", None),
    ],
)
def test_a_malformed_plan_names_the_json_path(path: str, value: Any, plan: Plan, area: Area, tmp_path: Path) -> None:
    document = plan.to_json()
    here: Any = document
    *parents, last = path.replace("[", ".").replace("]", "").split(".")[1:]
    for name in parents:
        here = here[int(name)] if name.isdigit() else here[name]
    here[last] = value
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    (found,) = check_file(tmp_path / "plan.json", area, area.folder).faults
    assert found.code == "MALFORMED"
    assert (found.place or "").startswith(path)
    assert path in found.sentence("en")


@pytest.mark.parametrize(
    ("change", "place", "values", "en", "fr"),
    [
        (
            {"side": "top"}, "$.tasks[0].side", ("side", "top", '"left", "right", "both"'),
            'side = "top", must be one of "left", "right", "both"',
            'side = "top", doit être l\'un de "left", "right", "both"',
        ),
        (
            {"dwellings": -2}, "$.tasks[0].dwellings", ("dwellings", -2, 0),
            "dwellings = -2, must be 0 or more", "dwellings = -2, doit être 0 ou plus",
        ),
        (
            {"osm_nodes": None}, "$.tasks[0].osm_nodes", ("osm_nodes", None, "array"),
            "osm_nodes = null, must be of JSON type array", "osm_nodes = null, doit être de type JSON array",
        ),
        (
            {"osm_nodes": [7]}, "$.tasks[0]", ("osm_nodes", (7,), 2),
            "osm_nodes = [7], must hold at least 2", "osm_nodes = [7], doit avoir au moins 2 éléments",
        ),
        (
            {"colour": 1}, "$.tasks[0]", ("colour", None, None),
            "colour: unknown field", "colour : champ inconnu",
        ),
    ],
)  # fmt: skip
def test_a_fault_of_the_document_is_its_place_field_value_and_bound_worded_last(
    change: dict[str, Any], place: str, values: tuple[Any, Any, Any], en: str, fr: str, plan: Plan
) -> None:
    document = plan.to_json()
    street = next(task for task in document["tasks"] if task["kind"] == "street")
    document["tasks"] = [street | change]
    found = next(fault for fault in document_faults(document))
    field, value, bound = values
    assert (found.code, found.place, found.values["field"]) == ("MALFORMED", place, field)
    assert found.values["value"] == JsonValue(value)
    assert bound is None or found.values["bound"] == bound
    assert (found.reason("en"), found.reason("fr")) == (en, fr)


def test_every_keyword_of_the_published_schema_has_its_sentence() -> None:
    """The sentence of last resort names a keyword of JSON Schema, which no reader knows."""
    judging = {"type", "required", "enum", "const", "pattern", "minimum", "minItems", "maxItems"}
    gathering = {"properties", "additionalProperties", "items", "prefixItems", "allOf", "$ref"}
    saying = {"$schema", "$id", "$defs", "title", "description"}

    def keywords(schema: Any, names: bool = False) -> set[str]:
        if isinstance(schema, list):
            return set[str]().union(*map(keywords, schema))
        if not isinstance(schema, dict):
            return set()
        inner = {key: keywords(value, key in ("properties", "$defs")) for key, value in schema.items()}
        return set[str]().union(*inner.values()) | (set() if names else set(schema))

    schema = json.loads((SCHEMAS / SCHEMA).read_text(encoding="utf-8"))
    assert keywords(schema) <= judging | gathering | saying


def test_what_only_the_trades_classes_refuse_is_malformed_too(plan: Plan, area: Area, tmp_path: Path) -> None:
    document = plan.to_json()
    document["tours"][0]["legs"][4]["end_at"] = "2026-02-31T10:00:00Z"
    document["tasks"][1]["osm_nodes"] = [1001]
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    report = check_file(tmp_path / "plan.json", area, area.folder)
    assert [f.sentence("en").split(":")[0] for f in report.faults] == [
        "malformed plan, $.tasks[1]", "malformed plan, $.tours[0].legs[4]",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tours": NaN}', "\x00"])
def test_what_is_no_plan_at_all_is_malformed(text: str, area: Area, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    assert set(check_file(tmp_path / "plan.json", area, area.folder).codes) == {"MALFORMED"}
    assert set(check_file(tmp_path / "no.json", area, area.folder).codes) == {"MALFORMED"}


def test_every_sentence_stands_in_both_languages_with_the_same_values() -> None:
    for key, texts in TEXTS.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(texts[lang])} - {None} for lang in ("fr", "en")]
        assert fields[0] == fields[1], key


# --- independence, and real maps ---------------------------------------------------------------------------------


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_checker_imports_neither_search_nor_roads() -> None:
    """Its row in ``test_structure.py`` says of whom it knows; of libraries too it takes none that plans or routes."""
    files = [*(ROOT / "optimizer" / "check").glob("*.py")]
    assert len(files) > 9
    for path in files:
        imported = _imports(path)
        assert not any(module.startswith(("ortools", "pyroutingkit", "osmnx", "networkx")) for module in imported)
        assert {m.split(".")[1] for m in imported if m.startswith("optimizer.")} <= {"check", "area"}


def test_a_missing_or_truncated_extract_is_said(area: Area, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(MapFault, match="no such file"):
        read_map(tmp_path / "none.osm.pbf")
    whole = (shared / "realdata/osm/monaco.osm.pbf").read_bytes()
    (tmp_path / "half.osm.pbf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MapFault, match="half"):
        read_map(tmp_path / "half.osm.pbf")


@pytest.mark.parametrize("name", ["monaco.osm.pbf", "boeblingen.osm.pbf", "heidelberg.test.pbf"])
def test_a_real_map_is_read_in_seconds(name: str, shared: Path) -> None:
    began = time.monotonic()
    raw = read_map(shared / "realdata/osm" / name)
    assert time.monotonic() - began < 20
    assert len(raw.ways) > 2000
    assert sum(len(rules) for rules in raw.restrictions_from.values()) >= 20


@pytest.mark.parametrize(
    ("text", "kg"),
    [("7.5", 7500), ("7,5 t", 7500), ("3500 kg", 3500), ("none", None), ("16 st", 14515), ("5;3.5", 3500)],
)
def test_weights_are_read_as_mappers_write_them(text: str, kg: float | None) -> None:
    assert parse_quantity(text, _TONNES) == (None if kg is None else pytest.approx(kg, abs=1))


@pytest.mark.parametrize(
    ("text", "metres"), [("3.5", 3.5), ("3.5 m", 3.5), ("11'6\"", 3.505), ("12'", 3.658), ("default", None)]
)
def test_heights_are_read_as_mappers_write_them(text: str, metres: float | None) -> None:
    assert parse_quantity(text, _METRES) == (None if metres is None else pytest.approx(metres, abs=0.01))
