"""Published formats: read as problems, written as solution files, judged by code that knows nothing of the search."""

from __future__ import annotations

import ast
import csv
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.bench import abdulkader, belenguer, carplib, kim, results
from optimizer.bench.commands import DATA
from optimizer.bench.network import Link, deadheads_ds
from optimizer.bench.solution_file import written
from optimizer.bench.verify import verify
from optimizer.problem.cost import cost_eur
from optimizer.problem.problem import UNREACHABLE, Solution, Visit
from optimizer.search.construct import construct
from optimizer.search.engines import solve
from optimizer.search.ortools_routing import improve_by_routing
from tests.bench_files import BESIDE, TRIANGLE, file_with
from tests.solution_reading import read

BENCH = Path(results.__file__).parent
SAMPLES = {
    "carp/gdb/gdb1.dat": carplib, "carp/egl/egl-e1-A.dat": carplib, "carp/mcarp-lpr/Lpr-a-01.txt": belenguer,
    "carp/mcarp-mval/mval1A.txt": belenguer, "carp/mcarptif-lpr/Lpr_IF-c-01.txt": belenguer,
    "carp/mcarptif-cen/Cen-IF-a.dat": belenguer, "vrp/mcvrp-abdulkader/vrpnc1a.txt": abdulkader,
    "vrp/mcvrp-abdulkader/vrpnc6a.txt": abdulkader,
}  # fmt: skip


@pytest.mark.parametrize("engine", ["ortools", "ripeur"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_plan_of_an_instance_is_verified_and_costs_what_the_search_thinks(
    shared: Path, name: str, engine: str
) -> None:
    instance = SAMPLES[name].read(shared / "benchmarks" / name)
    plan = solve(instance.problem, None, 0.3, 1, engine=engine)
    assert plan.unserved == ()
    cost = instance.objective(plan)
    thought = cost_eur(instance.problem, plan)
    assert cost <= thought + 1e-9
    assert thought - cost <= (0.1 if instance.kind == "mcvrp" else 1e-9)  # scaled lengths are rounded up


@pytest.mark.parametrize("name", SAMPLES)
def test_a_solution_file_is_read_as_it_was_written(shared: Path, name: str) -> None:
    instance = SAMPLES[name].read(shared / "benchmarks" / name)
    plan = construct(instance.problem, 1)
    text = written(instance.problem, instance.tokens, plan, numbered=True)
    again = read(instance.problem, instance.tokens, text)
    assert again.unserved == ()
    assert written(instance.problem, instance.tokens, again, numbered=True) == text


def test_the_english_keywords_are_read_too(shared: Path) -> None:
    instance = carplib.read(shared / "benchmarks" / "carp" / "large-kw" / "F1_g-6.txt")
    problem = instance.problem
    assert len(problem.tasks) == 780
    assert len(problem.shifts) == 65 + 3
    assert sum(task.modes[0].drive_s for task in problem.tasks) == 92_982  # the file's own COSTE_TOTAL_REQ
    assert problem.travel_ds[0].max() < UNREACHABLE


def test_a_triangle_costs_what_one_reckons_by_hand(tmp_path: Path) -> None:
    path = file_with(tmp_path, "triangle.dat", TRIANGLE)
    assert verify("carp", path, "1>2 2>3\n1>3\n").cost == (3 + 4 + 5) + (5 + 5)
    instance = carplib.read(path)
    plan = solve(instance.problem, None, 0.2, 1)
    assert instance.objective(plan) == (3 + 3) + (3 + 4 + 5)  # 1>2 and back; 2>3 3>1


def test_the_number_of_vehicles_is_a_hint_that_a_file_need_not_give(tmp_path: Path) -> None:
    for reader, text, hint in ((carplib, TRIANGLE, " VEHICULOS : 2"), (belenguer, BESIDE, "VEHICLES : 1")):
        assert hint in text
        instance = reader.read(file_with(tmp_path, "none.dat", text.replace(hint, "")))  # type: ignore[attr-defined]
        assert not construct(instance.problem, 1).unserved


def test_links_beside_each_other_get_numbers_only_where_the_loads_ask_for_it(tmp_path: Path) -> None:
    instance = belenguer.read(file_with(tmp_path, "beside.txt", BESIDE))
    edge, four, five = 0, 1, 2
    unload = Visit("unload", 0)

    def plan(*first: int) -> Solution:
        visits = [Visit("task", edge), unload]
        routes = [*visits, *(v for t in first for v in (Visit("task", t), unload))]
        return Solution((tuple(routes), *[()] * (len(instance.problem.shifts) - 1)), ())

    verified, text = instance.verified(plan(four, five))
    assert text == "1>2 U2 1>2 U2 1>2 U2\n"
    assert verified.cost == (7 + 10) + (2 + 5 + 10) + (2 + 6 + 10) + 2
    served = (Visit("task", four), Visit("task", edge, 1), unload, Visit("task", five), unload)
    swapped = Solution((served, *plan().routes[1:]), ())
    verified, text = instance.verified(swapped)
    assert text == "1>2#2 2>1 U2 1>2#3 U2\n"


FAULTS = {
    "carp": [
        ("1>2 2>3 3>1\n", "line 1: 3>1: load = 6, must be at most 4"),
        ("1>2 2>3\n", "1 required links not served: (3,1)"),
        ("1>2 2>3\n3>1 2>1\n", "line 2: 2>1: served before"),
        ("1>2 2>3\n3>4\n", "line 2: 3>4: no such required link"),
        ("1>2 2>3\n3>1 U1\n", "line 2: U1: no unloading site"),
        ("1-2\n", "line 1: '1-2', must be"),
        ("1>x\n", "line 1: 'x', must be a node's number"),
    ],
    "mcarptif": [
        ("1>2#1 U2 1>2#2 U2 1>2#3\n", "line 1: comes home with 5, must be empty"),
        ("1>2#1 U3 1>2#2 U2 1>2#3 U2\n", "line 1: U3: no unloading site"),
        ("1>2#3 2>1\n", "line 1: 2>1: load = 6, must be at most 5"),
        ("2>1#2\n", "line 1: 2>1#2: no such required link"),
        ("1>2 U2 U2 U2 U2 U2 U2 U2 1>2 U2 1>2 U2\n", "line 1: time = 114, must be at most 100"),
    ],
}


@pytest.mark.parametrize(("kind", "text", "said"), [(kind, *fault) for kind, row in FAULTS.items() for fault in row])
def test_a_fault_in_a_solution_of_streets_is_found_and_named(tmp_path: Path, kind: str, text: str, said: str) -> None:
    path = file_with(tmp_path, "x.dat", TRIANGLE if kind == "carp" else BESIDE)
    with pytest.raises(ValueError, match="^" + "".join(f"[{c}]" if c in "()[]+?*." else c for c in said)):
        verify(kind, path, text)


def lonely_lines(path: Path) -> list[str]:
    """Of one of Kim's files: each stop alone, with lunch before it where it opens late."""
    rows = [row.split() for row in path.read_text(encoding="latin-1").splitlines()[6:]]
    site = next(row[0] for row in rows if row[7] == "2")
    return [
        f"L {row[0]} U{site}" if int(row[3]) >= 1100 else f"{row[0]} U{site} L" for row in rows if row[7] == "1"
    ]  # fmt: skip


def test_stops_and_disposal_and_lunch_are_verified(shared: Path) -> None:
    path = shared / "benchmarks" / "vrp" / "wcvrptw-kim" / "102_stop.txt"
    lines = lonely_lines(path)
    verified = verify("wcvrptw", path, "\n".join(lines))
    assert verified.vehicles == 99
    instance = kim.read(path)
    costs = {}
    for line in lines:  # a problem has fewer vehicles than that: one by one
        plan = read(instance.problem, instance.tokens, line)
        costs[line] = cost_eur(instance.problem, Solution(plan.routes, ())) - kim.VEHICLE_EUR
    assert sum(costs.values()) == pytest.approx(verified.cost, abs=99 * 3 * 0.1 / 3600 * 40)
    assert sum(costs.values()) >= verified.cost


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line.replace(" L", ""), "line 1: no lunch"),
        (lambda line: line.replace("U1", ""), "line 1: comes home with 12, must be empty"),
        (lambda line: line + " L", "line 1: a second lunch"),
        (lambda line: line + " 4 4 U1", "line 1: 4: served before"),
        (lambda line: line + " 1", "line 1: 1: no such stop"),
        (lambda line: line + " U4", "line 1: U4: no disposal site"),
        (lambda line: line + " 0 4 99 nonsense", "line 1: 0: no such stop"),
        (lambda line: line + " U0", "line 1: U0: no disposal site"),
        (lambda line: line + " 5 U1", "line 1: 5 at 12:"),
        (lambda line: line + " U1 U1 U1 U1 U1 U1 U1", "line 1: 0 at 15:"),
        (lambda line: line.replace("L", "U1 U1 U1 U1 U1 U1 U1 U1 U1 U1 U1 U1 L"), "line 1: lunch at 12:"),
        (lambda line: line, "98 stops not served"),
    ],
)  # fmt: skip
def test_a_fault_in_a_solution_of_stops_is_found_and_named(shared: Path, change: object, said: str) -> None:
    path = shared / "benchmarks" / "vrp" / "wcvrptw-kim" / "102_stop.txt"
    assert callable(change)
    with pytest.raises(ValueError, match=f"^{said}"):
        verify("wcvrptw", path, change("3 U1 L"))


def test_a_vehicle_has_its_yards_and_stops_of_the_day(tmp_path: Path, shared: Path) -> None:
    text = (shared / "benchmarks" / "vrp" / "wcvrptw-kim" / "102_stop.txt").read_text(encoding="latin-1")
    few = file_with(tmp_path, "few.txt", text.replace("500\t", "2\t", 1))
    with pytest.raises(ValueError, match=r"^line 1: 17: stops = 3, must be at most 2"):
        verify("wcvrptw", few, "3 4 17 U1 L")
    small = file_with(tmp_path, "small.txt", text.replace("400.0\t", "13.0\t", 1))
    with pytest.raises(ValueError, match=r"^line 1: 4: yards of the day = 16, must be at most 13"):
        verify("wcvrptw", small, "3 U1 4 U1 L")


def test_one_of_kims_days_is_planned_and_verified(shared: Path) -> None:
    instance = kim.read(shared / "benchmarks" / "vrp" / "wcvrptw-kim" / "102_stop.txt")
    verified, text = instance.verified(solve(instance.problem, None, 2.0, 1, engine="ripeur"))
    assert verified.vehicles <= 4
    assert all(line.split().count("L") == 1 for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2 3\n1 4", "line 2: 1: served before"),
        ("1 51", "line 1: 51: no such customer"),
        ("1 2 3 4 5 6 7 8 9 10 11", "line 1: 11: load 1 = 130.5, must be at most 120"),
        ("1", "49 stops not served"),
    ],
)
def test_a_fault_in_a_solution_with_two_compartments_is_found(shared: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        verify("mcvrp", shared / "benchmarks" / "vrp" / "mcvrp-abdulkader" / "vrpnc1a.txt", text)


def test_route_time_is_bound_where_the_file_says_so(shared: Path) -> None:
    with pytest.raises(ValueError, match=r"^line 1: time = 315\.366, must be at most 200"):
        verify("mcvrp", shared / "benchmarks" / "vrp" / "mcvrp-abdulkader" / "vrpnc6a.txt", "1 7 2 25 3 33")


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9), st.booleans()), min_size=1), st.data()
)
@settings(max_examples=60, deadline=None)
def test_deadheads_are_shortest_ways_in_any_network(
    rows: list[tuple[int, int, int, bool]], data: st.DataObject
) -> None:
    links = [Link(*row) for row in rows]
    nodes = sorted({node for link in links for node in (link.tail, link.head)})
    begins = data.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=8))
    ends = data.draw(st.lists(st.sampled_from(nodes), min_size=len(begins), max_size=len(begins)))
    far = np.full((6, 6), UNREACHABLE, dtype=np.int64)
    np.fill_diagonal(far, 0)
    for link in links:
        for a, b in link.directions:
            far[a, b] = min(far[a, b], 10 * link.cross)
    for k in range(6):
        far = np.minimum(far, far[:, k : k + 1] + far[k])
    assert (deadheads_ds(links, begins, ends) == np.minimum(far, UNREACHABLE)[np.ix_(ends, begins)]).all()


@pytest.mark.parametrize(
    ("reader", "text", "said"),
    [
        (carplib, TRIANGLE.replace("CAPACIDAD : 4", ""), "CAPACITY = None, must be a number"),
        (carplib, TRIANGLE.replace("coste 3", "preis 3"), "line 8: .* must be a street with a cost, in a list"),
        (carplib, TRIANGLE.replace("coste 3", "coste drei"), "line 8: cost = 'drei', must be a number of 0"),
        (carplib, TRIANGLE.replace("coste 3", "coste nan"), "line 8: cost = 'nan', must be a number of 0"),
        (carplib, TRIANGLE.replace("4 demanda 2", "4 demanda -2"), "line 9: demand = '-2', must be a number"),
        (carplib, TRIANGLE.replace("4 demanda 2", "4"), "line 9: demand = None, must be a number of 0 or more"),
        (carplib, TRIANGLE.replace("CAPACIDAD : 4", "CAPACIDAD : 0"), "CAPACITY = '0', must be a number above 0"),
        (carplib, TRIANGLE.replace("ARISTAS_REQ : 3", "ARISTAS_REQ : 4"), "EDGES_REQ = 4, but 3 in the file"),
        (carplib, TRIANGLE.replace("DEPOSITO :   1", "DEPOSITO : 9"), "node = 9, must be the end of a link"),
        (belenguer, BESIDE.replace("serv_cost 5", "serv_cost x"), "line 9: serv_cost = 'x', must be a number"),
        (belenguer, BESIDE.replace("MAX_TRIP : 100", "MAX_TRIP : 0"), "MAX_TRIP = '0', must be a number above 0"),
        (belenguer, "REQ_ARCS : 4\n" + BESIDE, "REQ_ARCS = 4, but 2 in the file"),
        (belenguer, BESIDE.replace("MAX_TRIP : 100", ""), "MAX_TRIP = None, must be a number"),
        (belenguer, BESIDE.replace("demand 4", ""), "line 9: .* must give costs, and a demand"),
        (kim, "200\n", "yards of the day = None, must be a number above 0"),
        (kim, "280\n400\n500\n3600\n0\n", "mph = '0', must be a number above 0"),
        (kim, "280\n400\n500\n3600\n40\nhead\n0 nan 0 0400 1500 0 1 0\n", "line 7: .*, must be id, x, y"),
        (abdulkader, "0 1 2 3\n", "line 1: .*, must be number, x, y and two demands"),
        (abdulkader, "0 1 2 0 9 1 9 0\n1 2 3 4 5", "line 1: capacity 1 = '0', must be a number above 0"),
        (abdulkader, "0 1 2 9 9 2 9 0\n1 2 3 4 5", "customers = 2, but 1 in the file"),
        (abdulkader, "0 1 2 9 9 1 9 0\n1 nan 3 4 5", "line 2: .*, must be number, x, y and two demands"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_line(tmp_path: Path, reader: object, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^bad.txt: {said}"):
        reader.read(file_with(tmp_path, "bad.txt", text))  # type: ignore[attr-defined]


def test_the_judges_share_nothing_with_readers_problem_or_search() -> None:
    for path in BENCH.glob("verify*.py"):
        tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
        froms = [node for node in tree if isinstance(node, ast.ImportFrom)]
        assert not any(node.level for node in froms), "no relative imports: they would not be seen here"
        used |= {node.module or "" for node in froms}
        assert all(name.startswith("optimizer.bench.verify") for name in used if name.startswith("optimizer"))


KEPT = Path(__file__).parents[1] / "docs" / "measured"


@pytest.mark.parametrize("kept", sorted(KEPT.glob("*/*.sol")), ids=lambda path: path.stem)
def test_a_plan_that_is_kept_costs_what_the_table_says_and_is_below_what_was_known(kept: Path, shared: Path) -> None:
    source = next(p for p in (shared / "benchmarks").rglob(f"{kept.stem}.*") if p.suffix in DATA)
    cost = verify(kept.parent.name, source, kept.read_text(encoding="utf-8")).cost
    with (KEPT / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = [float(row["cost"]) for row in csv.DictReader(file) if row["instance"] == kept.stem]
    assert cost == pytest.approx(min(rows))
    known = results.best_known_of(source).cost
    assert known is not None
    assert cost < known


@pytest.mark.parametrize(
    "name", ["carp/gdb/gdb1.dat", "carp/mcarptif-lpr/Lpr_IF-c-01.txt", "vrp/mcvrp-abdulkader/vrpnc6a.txt"]
)
def test_pyvrp_solves_what_it_can_carry(shared: Path, name: str) -> None:
    pytest.importorskip("pyvrp")
    from optimizer.search.pyvrp_engine import solve_by_pyvrp

    instance = SAMPLES[name].read(shared / "benchmarks" / name)
    known = results.best_known_of(shared / "benchmarks" / name).cost
    assert known is not None
    assert instance.objective(solve_by_pyvrp(instance.problem, 0.7, 1)) <= 1.1 * known


def test_pyvrp_ends_when_somebody_asks_it_to(shared: Path) -> None:
    pytest.importorskip("pyvrp")
    instance = carplib.read(shared / "benchmarks" / "carp/gdb/gdb1.dat")
    told: list[str] = []
    plan = solve(
        instance.problem, None, 3_600.0, 1, lambda phase, best_eur, left_s: told.append(phase), "pyvrp",
        stop=lambda: told.count("improve") > 1,
    )  # fmt: skip
    assert told.count("improve") == 2
    assert not plan.unserved


def test_pyvrp_names_what_it_cannot_carry() -> None:
    pytest.importorskip("pyvrp")
    from optimizer.search.pyvrp_engine import solve_by_pyvrp
    from tests.street_problem import street_problem

    with pytest.raises(ValueError, match=r"^PyVRP cannot carry: breaks"):
        solve_by_pyvrp(street_problem(20, 2), 0.1, 1)


def test_pyvrp_prices_a_towns_plan_as_we_do() -> None:
    """Metres, reversals, overtime, unloading, service at the depot: where its model says another price, it is wrong."""
    pytest.importorskip("pyvrp")
    from optimizer.search.pyvrp_engine import priced_by_pyvrp
    from tests.street_problem import street_problem

    day = street_problem(60, 3, windows_share=0.0)
    everyone = frozenset(range(3))
    day = replace(
        day, balance_eur_per_s=0.0, sites=tuple(replace(site, windows=()) for site in day.sites),
        tasks=tuple(replace(task, shifts=everyone) for task in day.tasks),
        shifts=tuple(replace(s, breaks=(), max_driving_s=None, crew_factor=1.0, length_s=5400.0, capacity=(1200.0, 9.0))
                     for s in day.shifts),
    )  # fmt: skip
    plan, price_eur = priced_by_pyvrp(day, 1.0, 1)
    served = [visits for visits in plan.routes if visits]
    assert served
    assert any(v.kind == "unload" for visits in served for v in visits[:-1])
    assert price_eur == pytest.approx(cost_eur(day, plan), rel=0.005)


def test_lists_may_be_indented_and_sites_written_in_any_way(tmp_path: Path) -> None:
    other = BESIDE.replace("LIST_", " LIST_").replace("DUMPING_SITES : 2", "DUMPING_SITES : {2; 3}")
    path = file_with(tmp_path, "beside.txt", other.replace("VEHICLES : 1", "VEHICLES : 1\nNOTHING : ELSE"))
    instance = belenguer.read(path)
    assert [site.id for site in instance.problem.sites] == ["U2", "U3"]
    assert verify("mcarptif", path, "1>2#1 U2\n1>2#2 U2\n1>2#3 U2\n").vehicles == 3


def test_or_tools_may_fill_a_truck_exactly(tmp_path: Path) -> None:
    loads = (8, 20, 32, 26, 34)  # 120 in all; rounded to parts of a million they were one part too many
    streets = "".join(f" ( {i + 1}, {i + 2})  coste 9 demanda {q}\n" for i, q in enumerate(loads))
    text = (
        " VERTICES : 6\n ARISTAS_REQ : 5\n ARISTAS_NOREQ : 1\n CAPACIDAD : 120\n"
        f" LISTA_ARISTAS_REQ :\n{streets} LISTA_ARISTAS_NOREQ :\n ( 6, 1)  coste 1\n DEPOSITO :   1\n"
    )
    problem = carplib.read(file_with(tmp_path, "full.dat", text)).problem
    apart = [(Visit("task", t, 0), Visit("unload", 0)) for t in range(5)]
    start = Solution((apart[0], apart[1], apart[2], apart[3] + apart[4]), ())
    plan = improve_by_routing(problem, start, time.monotonic() + 1.5)
    assert cost_eur(problem, plan) == 5 * 9 + 1
