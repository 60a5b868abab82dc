"""The colour-bag balance: a day closed, spread over tours with its uncertainty, torn bags, two plans side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ripeur
from depot_api.plans.publishing import publish
from depot_api.store.store import Store, new_fact
from fleet import Fact, Leg, Plan, Sorting, Task, Ticket, Tour, new_id
from optimizer.area.file import read_area
from optimizer.demand.learning import read_learned
from weighbridge.balance.balance import DayBalance, close_day, sampled_loads, tickets_in_force, tour_shares
from weighbridge.balance.torn_bags import Sample, fit_torn_bags, samples_of
from weighbridge.balance.trips import Pairing, Trip, match_tickets, trips_of

DATA = Path(__file__).parent.parent / "data"
PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 11, 23)
SIX = datetime(2026, 11, 23, 5, tzinfo=UTC)


def ticket(number: str, net_kg: float, hours: float = 1, truck: str | None = "T1", **more: Any) -> Ticket:
    at = SIX + timedelta(hours=hours)
    return Ticket(id=new_id(at), at=at, site="S1", number=number, net_kg=net_kg, truck=truck, **more)


def sorting(flux: str, kg: float | None = None, hours: float = 12, **more: Any) -> Sorting:
    at = SIX + timedelta(hours=hours)
    return Sorting(id=new_id(at), at=at, site="S1", flux=flux, kg=kg, **more)


# --- one day ---------------------------------------------------------------------------------------------------------


def test_a_day_closes_with_its_gap_and_its_stock() -> None:
    tickets = [ticket("1", 5000), ticket("2", 4000), ticket("other day", 900, hours=30)]
    reports = [
        sorting("residual", 5500, stock_kg=700.0),
        sorting("packaging", 1500),
        sorting("residue", 600),
        sorting("residual", hours=-10, stock_kg=200.0),  # what the day before left
        sorting("packaging", 99, ticket="1"),  # a sample is no report
    ]
    day = close_day("S1", DAY, tickets, reports, PARIS)
    assert (day.in_kg, day.stock_kg, day.gap_kg) == (9000, 500, 9000 - 7600 - 500)
    assert day.gap_share == pytest.approx(0.1)
    assert day.out_kg == {"residual": 5500, "packaging": 1500, "residue": 600}
    assert day.shares["residual"] == pytest.approx(5500 / 7600)


def test_stock_that_nobody_said_is_unknown_and_not_zero() -> None:
    assert close_day("S1", DAY, [ticket("1", 5000)], [sorting("residual", 4000)], PARIS).stock_kg is None
    empty = close_day("S1", DAY, [], [], PARIS)
    assert (empty.gap_share, empty.shares, empty.reports) == (None, {}, 0)


def test_a_corrected_ticket_and_a_row_that_the_plant_changed_count_once() -> None:
    first = ticket("1", 5000)
    corrected = ticket("2", 4800, corrects=first.id, reason="tare")
    row, changed = ticket("P7", 3000), ticket("P7", 3100)
    kept, left = tickets_in_force([first, corrected, row, changed], PARIS)
    assert [t.net_kg for t in kept] == [4800, 3100]
    assert left == [first, row]


# --- over tours -----------------------------------------------------------------------------------------------------


def day_of(loads: Mapping[str, float], out: Mapping[str, float]) -> DayBalance:
    tickets = [ticket(number, kg, hours=k) for k, (number, kg) in enumerate(loads.items())]
    return close_day("S1", DAY, tickets, [sorting(flux, kg) for flux, kg in out.items()], PARIS)


def paired(day: DayBalance, planned: Mapping[str, Mapping[str, float]] | None = None) -> Pairing:
    """Every ticket a trip of the tour that its number begins with."""
    pairs = []
    for t in day.tickets:
        kg = {("A", flux): value for flux, value in (planned or {}).get(t.number, {}).items()}
        pairs.append((t, Trip(t.number.split("/")[0], "T1", t.at, kg=kg)))
    return Pairing(tuple(pairs), (), ())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_tours_add_up_to_their_tickets_and_to_the_plant_s_report(data: st.DataObject) -> None:
    loads = {
        f"T{k % 3}/{k}": float(kg)
        for k, kg in enumerate(data.draw(st.lists(st.integers(1, 9000), min_size=1, max_size=8)))
    }
    kilos = st.integers(1, 5000).map(float)
    day = day_of(loads, {f: data.draw(kilos) for f in ("residual", "packaging", "residue")})
    planned = {n: {f: data.draw(kilos) for f in ("residual", "packaging")} for n in loads if data.draw(st.booleans())}
    tours = tour_shares(day, paired(day, planned), [])
    assert sum(tour.kg for tour in tours) == pytest.approx(day.in_kg)
    for tour in tours:
        assert sum(one.value for one in tour.flux.values()) == pytest.approx(tour.kg, rel=0.01)
        for one in tour.flux.values():
            assert 0 <= one.low <= one.value * 1.0001
            assert one.value <= one.high * 1.0001 or one.high == pytest.approx(tour.kg)
    for flux, share in day.shares.items():
        assert sum(tour.flux[flux].value for tour in tours) == pytest.approx(share * day.in_kg, rel=0.01, abs=1)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Loads drawn from the stated model: Dirichlet around each tour's mean, concentration 15."""
    random = Random(3)
    inside = total = 0
    for _ in range(60):
        truth: dict[str, list[float]] = {}
        planned: dict[str, dict[str, float]] = {}
        loads = {}
        for k in range(12):
            name, share = f"R{k % 4}/{k}", 0.55 + 0.1 * (k % 4) / 3
            a, b = random.gammavariate(15 * share, 1), random.gammavariate(15 * (1 - share), 1)
            loads[name] = random.uniform(3000, 6000)
            truth[name] = [loads[name] * a / (a + b), loads[name] * b / (a + b)]
            planned[name] = {"residual": share, "packaging": 1 - share}
        out = {"residual": sum(t[0] for t in truth.values()), "packaging": sum(t[1] for t in truth.values())}
        day = day_of(loads, out)
        for tour in tour_shares(day, paired(day, planned), []):
            true_kg = sum(t[0] for name, t in truth.items() if name.startswith(tour.tour))
            inside += tour.flux["residual"].low <= true_kg <= tour.flux["residual"].high
            total += 1
    assert 0.85 <= inside / total <= 0.96


def test_a_sample_narrows_its_tour_and_only_sampled_loads_are_shown_by_colour() -> None:
    day = day_of({"A/1": 5000, "B/1": 5000}, {"residual": 7000, "packaging": 3000})
    sample = [
        sorting("residual", None, 3, ticket="A/1", bags=40, torn_bags=5),
        sorting("packaging", None, 3, ticket="A/1", bags=55),
    ]
    before = {tour.tour: tour for tour in tour_shares(day, paired(day), [])}
    after = {tour.tour: tour for tour in tour_shares(day, paired(day), sample)}
    assert after["A"].flux["residual"].value < before["A"].flux["residual"].value
    assert after["B"].flux["residual"].value > before["B"].flux["residual"].value
    assert (after["A"].sampled, after["B"].sampled) == (1, 0)
    assert sampled_loads(day, sample) == {"A/1": {"packaging": 0.55, "residual": 0.45}}
    assert sampled_loads(day, []) == {}


def test_the_plan_s_demand_tells_tours_apart_where_the_day_alone_cannot() -> None:
    day = day_of({"A/1": 5000, "B/1": 5000}, {"residual": 6000, "packaging": 4000})
    same = {tour.tour: tour.flux["packaging"].value for tour in tour_shares(day, paired(day), [])}
    assert same["A"] == pytest.approx(same["B"]) == pytest.approx(2000)
    planned = {"A/1": {"residual": 8.0, "packaging": 2.0}, "B/1": {"residual": 4.0, "packaging": 6.0}}
    told = {tour.tour: tour.flux["packaging"].value for tour in tour_shares(day, paired(day, planned), [])}
    assert told["A"] < 1300 < 2700 < told["B"]


def test_tickets_without_a_trip_are_in_the_pit_too() -> None:
    day = day_of({"A/1": 5000, "B/1": 5000}, {"residual": 9000})
    one = paired(day).pairs[:1]
    tours = tour_shares(day, Pairing(one, day.tickets[1:], ()), [])
    assert [(tour.tour, tour.kg) for tour in tours] == [("?", 5000), ("A", 5000)]


# --- torn bags ------------------------------------------------------------------------------------------------------


def counted(n: int, seed: int = 1, per_100: float = 0.8, bodies: tuple[str, ...] = ("18 m3",)) -> list[Sample]:
    """Samples whose odds of a torn bag grow by exp(per_100) with every 100 kg/m3."""
    random = Random(seed)
    found = []
    for k in range(n):
        density, delay_h = random.uniform(150, 400), random.uniform(0.5, 20)
        share = 1 / (1 + math.exp(4.5 - per_100 * density / 100 - random.gauss(0, 0.1)))
        torn = sum(random.random() < share for _ in range(200))
        found.append(Sample(str(k), torn, 200, density, delay_h, bodies[k % len(bodies)]))
    return found


def test_torn_bags_are_not_explained_by_too_few_samples() -> None:
    none = fit_torn_bags([])
    assert (none.share, none.causes) == (None, ())
    few = fit_torn_bags(counted(12))
    assert few.causes == ()
    assert few.share is not None
    assert few.why is not None
    assert "12 samples, at least 16" in few.why
    assert few.at(300) is None
    alike = fit_torn_bags([Sample(str(k), 10, 200, 300.0, 2.0, "18 m3") for k in range(40)])
    assert alike.why is not None
    assert "all alike" in alike.why


def test_the_regression_finds_what_density_does_and_leaves_delay_and_body_alone() -> None:
    hits = 0
    for seed in range(20):
        found = fit_torn_bags(counted(60, seed, bodies=("18 m3", "11 m3")))
        density, hour, body = found.causes
        assert (density.per, hour.per, body.per) == ("100 kg/m3", "hour", "11 m3")
        hits += density.low <= math.exp(0.8) <= density.high
        assert density.low > 1.3
        assert hour.low <= 1.03
        assert hour.high >= 0.97
    assert hits >= 17  # 95 % intervals
    at = found.at(300)
    assert at is not None
    mid, low, high = at
    assert low < mid < high
    assert mid == pytest.approx(1 / (1 + math.exp(4.5 - 2.4)), abs=0.03)
    assert found.at(800) is None  # nobody sampled such loads


def test_samples_meet_their_ticket_and_their_truck_s_body() -> None:
    tickets = [ticket("1", 5400, 1), ticket("2", 5000, 1, truck="T99")]
    counts = [
        sorting("residual", None, 4, ticket="1", bags=90, torn_bags=10),
        sorting("packaging", None, 5, ticket="1", bags=40, torn_bags=0),
        sorting("residual", None, 4, ticket="2", bags=90, torn_bags=10),
        sorting("residual", None, 4, ticket="3", bags=90, torn_bags=10),
    ]
    (sample,) = samples_of(tickets, counts, {"T1": ("18 m3", 18.0)})
    assert sample == Sample("1", 10, 140, 300.0, 3.0, "18 m3")


# --- the commands ---------------------------------------------------------------------------------------------------


def plan_of(day: date, kg: float = 4800, trips: int = 2) -> Plan:
    """Two tours in two sectors of Monaco; each trip holds ``kg``."""
    begin = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    tasks, tours = [], []
    for truck, sector in (("T1", "Monaco-Est"), ("T2", "Beausoleil")):
        legs = [Leg("depot", begin, begin + timedelta(minutes=15), 0.0, (1,))]
        for k in range(trips):
            start = begin + timedelta(hours=1 + 2 * k)
            part = {"residual": kg * 0.7, "packaging": kg * 0.2, "food": kg * 0.1}
            name = f"{truck}-{k}"
            tasks.append(Task(name, "street", 1, (1, 2), "both", part, 400, "", sector, ("bags",)))
            legs.append(Leg("collect", start, start + timedelta(hours=1), 900, (1, 2), name, "both", kg=part))
            legs.append(
                Leg("unload", start + timedelta(hours=1), start + timedelta(minutes=75), 0, (2,), site="S1", kg=part)
            )
        end = begin + timedelta(hours=6)
        legs.append(Leg("depot", end, end + timedelta(minutes=15), 0.0, (2,)))
        tours.append(Tour(f"{truck}-am", f"{truck}-matin", truck, "public-agent", "C1", 2, tuple(legs)))
    return Plan({"path": ""}, day, "Europe/Monaco", 1, "test", "0", tuple(tasks), tuple(tours), ())


@pytest.fixture
def db(tmp_path: Path) -> str:
    """Ten days: each truck tips twice a day; T1's loads weigh 20 % more than planned, T2's 10 % less."""
    url = f"sqlite:///{tmp_path / 'depot.db'}"
    random = Random(5)
    with Store(url) as store:
        for k in range(10):
            day = DAY + timedelta(days=k)
            plan = plan_of(day)
            publish(store, plan, {"1": (7.42, 43.73), "2": (7.43, 43.74)}, "", "test", 1)
            facts: list[Fact] = []
            for trip in trips_of(plan):
                kg = 4800 * (1.2 if trip.truck == "T1" else 0.9) * random.uniform(0.97, 1.03)
                number = f"{k}-{trip.truck}-{trip.nth}"
                values = {"at": trip.at + timedelta(minutes=7), "site": "S1", "number": number}
                facts.append(Ticket(id=new_id(trip.at), net_kg=round(kg, 1), truck=trip.truck, **values))
                count = {"at": trip.at + timedelta(hours=2), "site": "S1", "flux": "residual", "ticket": number}
                facts.append(Sorting(id=new_id(trip.at), bags=150, torn_bags=round(kg / 200), **count))
            tipped = sum(f.net_kg for f in facts if isinstance(f, Ticket))
            at = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
            for flux, share in (("residual", 0.66), ("packaging", 0.18), ("food", 0.08), ("residue", 0.05)):
                facts.append(Sorting(id=new_id(at), at=at, site="S1", flux=flux, kg=round(tipped * share, 1)))
            store.add([new_fact(fact, at) for fact in facts])
    return url


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = ripeur.main(list(words))
    said = capsys.readouterr()
    return code, (said.out + said.err).replace("\u202f", " ").replace("\xa0", " ")


def test_the_balance_of_a_day_is_printed_with_its_gap_tours_and_samples(
    db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(
        capsys, "balance", "--db", db, "--date", "2026-11-23", "--area", str(DATA / "monaco"), "--lang", "en"
    )
    assert code == 0
    for words in ("S1 2026-11-23", "4 tickets", "residue", "3.0 % of what came in", "stock in the pit not said",
                  "T1-am", "2 loads, 2 of them sampled", "torn bags:"):  # fmt: skip
        assert words in said, said
    code, said = run(capsys, "balance", "--db", db, "--date", "2026-11-23", "--area", str(DATA / "monaco"))
    assert "refus" in said
    assert "par tournée" in said


def test_a_day_without_a_report_is_not_closed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'd.db'}"
    with Store(url) as store:
        store.add([new_fact(ticket("1", 5000), SIX)])
    code, said = run(capsys, "balance", "--db", url, "--date", "2026-11-23", "--lang", "en")
    assert code == 1
    assert "no report of the sorting plant" in said
    assert "no plan" not in said  # nothing is spread


def test_two_plans_are_laid_side_by_side(db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    plan_of(DAY, 4500, 2).write(a)
    plan_of(DAY, 3000, 3).write(b)
    area = str(DATA / "monaco")
    code, said = run(capsys, "compare", str(a), str(b), "--area", area, "--lang", "en")
    assert code == 0
    lines = {line[:30].strip(): line.split() for line in said.splitlines()}
    assert lines["unloadings"][-3:] == ["4", "6", "2"]
    assert lines["kg/m3 at the densest"][-3:] == ["250", "167", "-83"]
    assert "samples at these densities are needed" in said  # without them nothing is said of what can be sorted
    with_samples = [*map(str, (a, a)), "--area", area, "--db", db, "--lang", "en"]
    code, said = run(capsys, "compare", *with_samples)
    assert "% CI" not in said
    code, said = run(capsys, "compare", str(a), str(b), "--area", area, "--not-recycled", "paper")
    assert code == 2
    assert "must be one of residual" in said


def test_learning_is_told_and_written_by_sector_and_flux(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "learned.csv"
    words = ["learn", str(DATA / "monaco"), "--db", db, "--from", "2026-11-23", "--to", "2026-12-02", "--out", str(out)]
    code, said = run(capsys, *words)
    assert code == 0
    rows = [line.split(";") for line in out.read_text(encoding="utf-8").splitlines()[1:]]
    factor = {(row[0], row[1]): float(row[2]) for row in rows}
    assert 1.1 < factor["Monaco-Est", "residual"] < 1.3
    assert 0.8 < factor["Beausoleil", "residual"] < 1.0
    assert all(float(row[3]) < float(row[2]) < float(row[4]) for row in rows)
    assert {row[5] for row in rows} == {"20"}
    assert "in force once area.toml says" in said
    area = read_area(DATA / "monaco")
    assert len(read_learned(out, [s.name for s in area.sectors], [f.name for f in area.flux])) == len(rows)
    code, said = run(capsys, *words[:4], "--from", "2025-01-01", "--to", "2025-01-02")
    assert code == 1
    assert "nothing to learn from" in said


def test_matching_a_plan_s_trips_knows_what_each_should_hold() -> None:
    trips = trips_of(plan_of(DAY), "S1", {("T1", "T1-0")})
    assert [(t.tour, t.nth, round(sum(t.kg.values()))) for t in trips] == [
        ("T1-am", 1, 0), ("T1-am", 2, 4800), ("T2-am", 1, 4800), ("T2-am", 2, 4800),
    ]  # fmt: skip
    assert trips[1].by_flux() == pytest.approx({"residual": 3360, "packaging": 960, "food": 480})
    assert len(match_tickets([], trips).trips_alone) == 4
