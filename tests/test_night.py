"""A night's work on the embedded town: plans that the checker passes, whatever the day and the fleet."""

import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fleet import Hours, Plan, Unserved
from optimizer.area.area import Area
from optimizer.check.checker import check
from optimizer.check.rawmap import RawMap, read_map
from optimizer.new_area.new_area import make_area
from optimizer.night.night import SearchSettings, plan_day, solve_day
from optimizer.night.what_if import (
    comparisons,
    fleet_changes,
    search_alternative,
    warm_start,
    with_area,
    with_trucks,
)
from optimizer.planning.day import Day, due_tasks, mixable_services
from optimizer.planning.town import Town, TownFault
from optimizer.problem.cost import cost_eur
from tests.small_plan import at_cost, small_plan
from tests.tiny_map import DATA

MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def monaco() -> Town:
    return Town.prepare(DATA / "monaco")


@pytest.fixture(scope="module")
def raw(monaco: Town) -> RawMap:
    return read_map(monaco.area.extract)


def plan_at_once(town: Town, day: date) -> Plan:
    return plan_day(town, day, budget_s=0, seed=1, engine="ortools", version="test")


def settings(engine: str, budget_s: float) -> SearchSettings:
    return SearchSettings(budget_s=budget_s, seed=1, engine=engine, version="test")


def faults(plan: Plan, town: Town, raw: RawMap) -> list[str]:
    folder = town.area.folder
    return [str(f) for f in check(plan, town.area, folder, raw).faults]


def changed(town: Town, **fields: object) -> Town:
    return with_area(town, replace(town.area, **fields))  # type: ignore[arg-type]


def test_a_budget_of_zero_gives_a_plan_that_passes_the_checker(monaco: Town, raw: RawMap) -> None:
    plan = plan_at_once(monaco, MONDAY)
    assert faults(plan, monaco, raw) == []
    assert {u.reason for u in plan.unserved} <= {"UNREACHABLE", "NO_TRUCK"}
    assert plan.figures["shares"]["covered"] >= 0.98
    assert Plan.from_json(plan.to_json()) == Plan.from_json(Plan.from_json(plan.to_json()).to_json())


def test_the_same_seed_gives_the_same_plan(monaco: Town) -> None:
    assert plan_at_once(monaco, MONDAY).to_json() == plan_at_once(monaco, MONDAY).to_json()


def test_a_short_search_gives_no_dearer_plan_and_passes_the_checker(monaco: Town, raw: RawMap) -> None:
    at_once = plan_at_once(monaco, MONDAY)
    told: list[str] = []
    plan = plan_day(
        monaco, MONDAY, budget_s=8, seed=1, engine="ortools", version="test",
        progress=lambda phase, _, __: told.append(phase),
    )  # fmt: skip
    assert faults(plan, monaco, raw) == []
    assert plan.figures["total"]["eur"]["total"] <= at_once.figures["total"]["eur"]["total"]
    assert told


def test_a_demand_larger_than_the_fleet_still_gives_a_plan_and_says_why(monaco: Town, raw: RawMap) -> None:
    town = changed(monaco, shifts=monaco.area.shifts[:1])
    plan = plan_at_once(town, MONDAY)
    assert faults(plan, town, raw) == []
    assert len(plan.tours) == 1
    assert Counter(u.reason for u in plan.unserved)["SHIFT_TIME"] > 50


def test_with_nobody_on_duty_everything_is_unserved_for_want_of_a_truck(monaco: Town) -> None:
    town = changed(monaco, shifts=tuple(replace(s, weekdays=(6,)) for s in monaco.area.shifts))
    plan = plan_at_once(town, MONDAY)
    assert not plan.tours
    assert {u.reason for u in plan.unserved} <= {"NO_TRUCK", "UNREACHABLE"}
    assert len(plan.unserved) == len(plan.tasks)


def test_a_drop_off_point_without_a_crane_on_shift_names_the_skill(monaco: Town) -> None:
    shifts = tuple(replace(s, skills=()) for s in monaco.area.shifts)
    days = (MONDAY + timedelta(days=k) for k in range(14))
    day = next(d for d in days if any(t.kind == "drop_off" for t, _ in due_tasks(monaco, d)))
    plan = plan_at_once(changed(monaco, shifts=shifts), day)
    drop_offs = {t.id for t in plan.tasks if t.kind == "drop_off"}
    assert {u.reason for u in plan.unserved if u.task in drop_offs} == {"SKILL_MISSING"}


def test_regular_crews_are_filled_before_catch_up_crews_are_called_out(monaco: Town, raw: RawMap) -> None:
    """A day that carries a holiday's collections: a crew called out costs its call-out, once, beside its truck."""
    day = next(d for d in days() if any(s.catch_up for s in Day.of(monaco, d).shifts))
    found = Day.of(monaco, day)
    price = monaco.area.prices.eur_per_call_out
    for shift, costs in zip(found.shifts, found.problem.shifts, strict=True):
        assert costs.fixed_eur == monaco.area.truck(shift.truck).eur_per_day + price * shift.catch_up
    plan = plan_at_once(monaco, day)
    assert faults(plan, monaco, raw) == []
    for tour in plan.tours:
        shift = monaco.area.shift(tour.shift)
        due = monaco.area.truck(shift.truck).eur_per_day + price * shift.catch_up
        assert plan.figures["tours"][tour.id]["eur"]["truck"] == pytest.approx(due)
    for_nothing = plan_at_once(changed(monaco, prices=replace(monaco.area.prices, eur_per_call_out=0.0)), day)
    assert called_out(plan, monaco) <= called_out(for_nothing, monaco)


def called_out(plan: Plan, town: Town) -> int:
    return sum(town.area.shift(tour.shift).catch_up for tour in plan.tours)


def test_school_hours_close_a_street_to_collection(monaco: Town, raw: RawMap) -> None:
    plan = plan_at_once(monaco, MONDAY)
    windowed = [t for t in plan.tasks if t.windows]
    assert bool(windowed) == bool(monaco.area.closed)
    assert faults(plan, monaco, raw) == []


@pytest.mark.parametrize("saturday", [date(2026, 10, 24), date(2027, 3, 27)])
def test_a_night_shift_over_the_change_of_clocks_keeps_its_hours(monaco: Town, raw: RawMap, saturday: date) -> None:
    always = tuple(Hours(d, 0, 86_400) for d in range(7))
    night = tuple(replace(s, start_s=22 * 3600, weekdays=(5,)) for s in monaco.area.shifts if s.id.endswith("matin"))
    sites = tuple((at, replace(site, hours=always)) for at, site in monaco.area.sites)
    area = replace(monaco.area, shifts=night, sites=sites)
    town = replace(with_area(monaco, area), sites=tuple(replace(s, hours=always) for s in monaco.sites))
    plan = plan_at_once(town, saturday)
    assert faults(plan, town, raw) == []
    zone = ZoneInfo(plan.timezone)
    longest = max(plan.tours, key=lambda t: t.end_at)
    begins, ends = longest.start_at.astimezone(zone), longest.end_at.astimezone(zone)
    assert (begins.hour, begins.date()) == (22, saturday)
    assert ends.date() == saturday + timedelta(days=1)
    assert begins.utcoffset() != ends.utcoffset()
    regular = timedelta(seconds=night[0].length_s + night[0].overtime_s)
    assert longest.end_at - longest.start_at <= regular


def test_a_site_closed_all_day_leaves_nothing_collected(monaco: Town, raw: RawMap) -> None:
    sundays = tuple(Hours(6, 0, 3600) for _ in range(1))
    area = replace(monaco.area, sites=tuple((at, replace(s, hours=sundays)) for at, s in monaco.area.sites))
    town = replace(with_area(monaco, area), sites=tuple(replace(s, hours=sundays) for s in monaco.sites))
    plan = plan_at_once(town, MONDAY)
    assert not plan.tours
    assert "TIME_WINDOW" in {u.reason for u in plan.unserved}


def test_one_truck_less_or_more_is_still_a_fleet_with_crews_of_its_own(monaco: Town, raw: RawMap) -> None:
    area = monaco.area
    fewer, more = with_trucks(area, -1), with_trucks(area, 2)
    gone = {s.truck for s in area.shifts} - {s.truck for s in fewer.shifts}
    assert len(gone) == 1
    assert not any(area.truck(t).crane for t in gone)  # the kind that most shifts drive, not the only glass crane
    assert len({s.truck for s in more.shifts}) == len({s.truck for s in area.shifts}) + 2
    on_monday = [s.driver for s in more.shifts if not s.catch_up]
    assert len(set(on_monday)) >= len({s.driver for s in area.shifts if not s.catch_up}) + 2
    with pytest.raises(ValueError, match="at least 1"):
        with_trucks(area, -99)
    town = with_area(monaco, with_trucks(area, 1))
    assert faults(plan_at_once(town, MONDAY), town, raw) == []


def test_a_warm_start_for_another_fleet_keeps_the_tours_of_the_trucks_that_stay(monaco: Town) -> None:
    base = Day.of(monaco, MONDAY)
    solution = solve_day(base, None, settings("ortools", 0))
    other = Day.of(with_area(monaco, with_trucks(monaco.area, -1)), MONDAY)
    start = warm_start(solution, base, other)
    kept = {shift.id: len(route) for shift, route in zip(other.shifts, start.routes, strict=True)}
    assert kept == {s.id: len(r) for s, r in zip(base.shifts, solution.routes, strict=True) if s.id in kept}
    served = sum(v.kind == "task" for route in start.routes for v in route)
    assert served + len(start.unserved) == len(other.tasks)


def test_an_alternative_is_a_checked_plan_of_its_fleet_unless_the_search_was_stopped(monaco: Town) -> None:
    base = Day.of(monaco, MONDAY)
    quick = settings("ortools-alone", 0)
    solution = solve_day(base, None, quick)
    fewer = search_alternative(base, solution, -1, quick, lambda *_: None, lambda: False)
    assert fewer is not None
    assert fewer.report.ok
    assert {t.shift for t in fewer.plan.tours} <= {s.id for s in with_trucks(monaco.area, -1).shifts}
    assert search_alternative(base, solution, 0, quick, lambda *_: None, lambda: True) is None


def test_more_trucks_are_never_worse_than_fewer_and_waste_left_counts_before_money() -> None:
    plan = small_plan()
    cheap, dear = at_cost(plan, -100, plan.unserved), at_cost(plan, 100, plan.unserved)
    wasteful = at_cost(plan, -1000, (*plan.unserved, Unserved("a1", "SHIFT_TIME")))
    plans = {0: plan, 1: dear, -1: wasteful}
    assert list(comparisons(plans, [1, -1])) == [(1, plan, plan), (-1, plan, wasteful)]
    assert list(comparisons(plans | {1: cheap}, [1])) == [(1, plan, cheap)]
    assert list(comparisons({-1: cheap, 1: dear}, [-1, 1])) == []  # nothing to compare with


def test_changes_of_the_fleet_are_read_in_their_order() -> None:
    assert fleet_changes("trucks=-1,+1,2") == [-1, 1, 2]


def test_or_tools_by_itself_improves_the_constructed_plan(monaco: Town) -> None:
    day = Day.of(monaco, MONDAY)
    start = solve_day(day, None, settings("ortools-alone", 0))
    better = solve_day(day, None, settings("ortools-alone", 8))
    assert cost_eur(day.problem, better) < cost_eur(day.problem, start)


# --- the promise kept --------------------------------------------------------------------------------------------

FIRST, LAST = date(2026, 12, 21), date(2027, 1, 17)  # holidays, week 53, and a week after: four weeks


HOLIDAYS = {date(2026, 12, 25), date(2027, 1, 1)}  # both Fridays: the cascade ends on the Saturday


def promised_times(area: Area) -> dict[tuple[str, str, str], int]:
    """How often collection.csv promises each thing in the four weeks, counted here by itself from the raw rows.

    A holiday's collection goes to the Saturday; where that is a usual day of the same thing, one stop takes both.
    """
    dates: dict[tuple[str, str, str], set[date]] = defaultdict(set)
    for rule in area.rules:
        for day in days():
            monday = day - timedelta(days=day.weekday())
            weeks = (monday - (rule.anchor - timedelta(days=rule.anchor.weekday()))).days // 7
            if day.weekday() == rule.weekday and weeks % rule.every_weeks == 0 and in_season(rule, day):
                made = day + timedelta(days=1) if day in HOLIDAYS else day
                dates[rule.sector, rule.service, rule.dwelling].add(made)
    return {key: len(found) for key, found in dates.items()}


def in_season(rule, day: date) -> bool:
    if rule.season_from is None:
        return True
    start, end, at = rule.season_from, rule.season_to, (day.month, day.day)
    return start <= at <= end if start <= end else at >= start or at <= end


def days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        yield day
        day += timedelta(days=1)


@pytest.mark.slow
def test_four_weeks_of_plans_serve_every_street_side_as_often_as_promised(monaco: Town, raw: RawMap) -> None:
    """21 December 2026 to 17 January 2027: Christmas, New Year, ISO week 53. Every plan passes the checker."""
    in_the_way = [
        e for e in monaco.area.exceptions if FIRST <= e.date <= LAST or (e.moved_to and FIRST <= e.moved_to <= LAST)
    ]
    area = replace(monaco.area, exceptions=tuple(e for e in monaco.area.exceptions if e not in in_the_way))
    town = with_area(monaco, area)
    pass_of = {one.id: one for one in town.passes}
    times: Counter[tuple[str, str]] = Counter()
    unserved: set[str] = set()
    sector: dict[tuple[str, str], str] = {}
    for day in days():
        plan = plan_at_once(town, day)
        assert faults(plan, town, raw) == []
        left = {u.task for u in plan.unserved}
        assert {u.reason for u in plan.unserved} <= {"UNREACHABLE", "NO_TRUCK"}
        for task in plan.tasks:
            one = pass_of.get(task.id)
            for share in one.shares if one else ():
                sector[share.stretch, share.side] = task.sector
                if task.id in left:
                    unserved.add(share.stretch + share.side)
                else:
                    times[share.stretch, share.side] += 1
    promised = promised_times(area)
    checked = 0
    for (stretch, side), homes in town.demand.dwellings.items():
        if stretch + side in unserved:
            continue
        kinds = [kind for kind in ("houses", "blocks", "shops") if getattr(homes, kind) > 0]
        here = sector.get((stretch, side), "")
        most = max((promised.get((here, "bags", kind), 0) for kind in kinds), default=0)
        assert times[stretch, side] >= most, f"{stretch} {side}: {times[stretch, side]} times, promised {most}"
        checked += 1
    assert checked > 1500


@pytest.mark.slow
def test_a_founded_town_keeps_its_weekly_promise_over_the_same_four_weeks(shared: Path, tmp_path: Path) -> None:
    """Böblingen: 25 and 26 December, 1 and 6 January are free; what is due then is brought forward or put off."""
    folder = tmp_path / "boeblingen"
    make_area(folder, shared / "realdata" / "osm" / "boeblingen.osm.pbf", language="en", holidays="DE-BW")
    town = Town.prepare(folder)
    raw = read_map(town.area.extract)
    pass_of = {one.id: one for one in town.passes}
    times: Counter[tuple[str, str]] = Counter()
    never: set[tuple[str, str]] = set()
    for day in days():
        plan = plan_at_once(town, day)
        assert faults(plan, town, raw) == []
        left = {u.task for u in plan.unserved}
        assert {u.reason for u in plan.unserved} <= {"UNREACHABLE", "NO_TRUCK"}
        for task in plan.tasks:
            for share in pass_of[task.id].shares if task.id in pass_of else ():
                times[share.stretch, share.side] += 1
                if task.id in left:
                    never.add((share.stretch, share.side))
    assert {times[where] for where in town.demand.dwellings if where not in never} == {4}


def test_waste_is_neither_lost_nor_doubled_between_collections(monaco: Town) -> None:
    """Over four weeks the tasks' kilos are four weeks of the town's bags, to a few percent at the two ends."""
    first = date(2026, 9, 7)
    kg = sum(
        sum(weight for flux, weight in task.demand_kg.items() if flux != "glass")
        for k in range(28)
        for task, _ in due_tasks(monaco, first + timedelta(days=k))
        if task.kind != "drop_off"
    )
    weekly = sum(monaco.demand.total_weekly_kg(flux) for flux in monaco.area.service_named("bags").flux)
    assert kg == pytest.approx(4 * weekly, rel=0.04)


# --- what cannot be planned --------------------------------------------------------------------------------------


def area_with(tmp_path: Path, old: str, new: str) -> Path:
    folder = tmp_path / "area"
    shutil.copytree(DATA / "monaco", folder, ignore=shutil.ignore_patterns(".cache"))
    text = (folder / "area.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "area.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def depot_line() -> str:
    lines = (DATA / "monaco" / "area.toml").read_text(encoding="utf-8").splitlines()
    at = next(k for k, line in enumerate(lines) if line.strip() == "[depot]")
    return next(line for line in lines[at:] if line.startswith("at = "))


def test_a_depot_far_from_every_street_is_refused_with_its_distance(tmp_path: Path) -> None:
    with pytest.raises(TownFault, match="must be within 1000 m"):
        Town.prepare(area_with(tmp_path, depot_line(), "at = [43.60, 7.10]"))


def test_a_depot_on_no_street_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TownFault, match="node = 1: not on a street"):
        Town.prepare(area_with(tmp_path, depot_line(), "node = 1"))


def test_trucks_too_heavy_for_a_street_leave_it_with_its_reason(tmp_path: Path) -> None:
    text = (DATA / "monaco" / "area.toml").read_text(encoding="utf-8")
    folder = tmp_path / "giants"
    shutil.copytree(DATA / "monaco", folder, ignore=shutil.ignore_patterns(".cache"))
    heavier = re.sub(r"(?m)^kerb_kg = .*$", "kerb_kg = 90000", text).replace('licence = "B"', 'licence = "C"')
    (folder / "area.toml").write_text(heavier, encoding="utf-8")
    town = Town.prepare(folder)
    plan = plan_at_once(town, date(2026, 11, 24))
    assert "NO_TRUCK" in {u.reason for u in plan.unserved}


def test_services_that_share_a_truck_are_collected_together(monaco: Town) -> None:
    assert mixable_services(monaco.area) == [["bags"], ["glass"]]
    day = Day.of(monaco, MONDAY)
    assert day.midnight == datetime(2026, 11, 22, 23, 0, tzinfo=ZoneInfo("UTC"))


def test_a_driver_with_two_shifts_works_no_more_than_a_day_allows(monaco: Town, raw: RawMap) -> None:
    first, second, *others = monaco.area.shifts
    first = replace(first, length_s=5 * 3600, overtime_s=3600)
    second = replace(second, driver=first.driver, start_s=first.start_s + 6 * 3600, length_s=4 * 3600, overtime_s=7200)
    town = changed(monaco, shifts=(first, second, *others[2:6]))
    plan = plan_at_once(town, MONDAY)
    assert faults(plan, town, raw) == []
    own = [tour for tour in plan.tours if tour.driver == first.driver]
    assert len(own) == 2
    rest_s = sum(leg.duration_s for tour in own for leg in tour.legs if leg.kind == "break")
    assert sum((tour.end_at - tour.start_at).total_seconds() for tour in own) - rest_s <= 10 * 3600
