"""The table of the bench: it grows, repeats nothing, survives bad files, and says nothing that it does not know."""

from __future__ import annotations

import argparse
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optimizer.bench import results, table
from optimizer.bench.commands import add_to, instance_files
from optimizer.bench.verify import verify
from optimizer.problem.problem import Problem, Solution
from optimizer.search.engines import solve
from tests.bench import tables
from tests.bench_files import TRIANGLE, file_with

KEPT = Path(__file__).parents[1] / "docs" / "measured"


def bench(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    args = parser.parse_args(["bench", *words])
    return int(args.run(args))


def test_the_tables_in_the_docs_are_what_was_measured() -> None:
    assert (KEPT / "README.md").read_text(encoding="utf-8") == tables.page(results.Log(KEPT / "results.csv", ""))


def test_a_table_has_each_engine_beside_the_other_and_no_run_half_done_for_a_whole_one() -> None:
    def row(engine: str, commit: str, instance: str, seed: int, cost: float, known: float = 100.0) -> results.Result:
        return results.Result(
            commit, engine, "carp", instance, seed, 60.0, 1, None, cost, 4, known, None, None, 60.0, 0.0
        )  # fmt: skip

    old = [row("ripeur", "old", name, seed, cost) for name, seed, cost in
           [("gdb1", 1, 100.0), ("gdb1", 2, 102.0), ("gdb2", 1, 99.0), ("gdb2", 2, 101.0)]]  # fmt: skip
    beside, half = row("pyvrp", "old", "gdb1", 1, 110.0), row("ripeur", "new", "gdb1", 1, 500.0)
    said = "\n".join(tables.tables([*old, beside, half]))
    assert (
        "- Ripeur, 2 instances: mean gap 0.500 %, of the best of the seeds -0.500 %; at or below the best known: 2"
        in said
    )
    assert (
        "- PyVRP, 1 instances: mean gap 10.000 %, of the best of the seeds 10.000 %; at or below the best known: 0"
        in said
    )
    assert "| gdb1 | 100 | 100 | 102 | 4 | +1.000 | 110 | +10.000 |" in said
    assert "| gdb2 | 100 | **99** | 101 | 4 | +0.000 | – | – |" in said
    assert "500" not in said.replace("0.500", "")


def test_a_table_grows_and_repeats_nothing(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "commit", lambda: "this")
    gdb = shared / "benchmarks" / "carp" / "gdb"
    words = ("--iterations", "20", "--csv", str(tmp_path / "t.csv"), "--solutions", str(tmp_path))
    assert bench("carp", str(gdb / "gdb1.dat"), *words, "--seeds", "1,2") == 0
    first = (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert len(first.splitlines()) == 3
    assert bench("carp", str(gdb / "gdb1.dat"), str(gdb / "gdb4.dat"), *words, "--seeds", "2") == 0
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").startswith(first)
    said = capsys.readouterr().out
    assert said.count("there already") == 1
    assert "2 instances: mean gap" in said
    best = min(float(row.split(",")[8]) for row in first.splitlines()[1:])
    assert verify("carp", gdb / "gdb1.dat", (tmp_path / "gdb1.sol").read_text(encoding="utf-8")).cost == best


def test_a_bad_file_does_not_cost_the_table(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    bad = file_with(tmp_path, "bad.dat", "nothing")
    good = shared / "benchmarks" / "carp" / "gdb" / "gdb4.dat"
    assert bench("carp", str(bad), str(good), "--budget", "0", "--engine", "ortools") == 1
    said = capsys.readouterr()
    assert "bad.dat: ValueError: bad.dat: DEPOT = None" in said.err
    assert "1 instances: mean gap" in said.out


def test_a_path_mistyped_is_told_before_anything_is_measured(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = shared / "benchmarks" / "carp" / "gdb" / "gdb4.dat"
    with pytest.raises(ValueError, match=r"typo\.dat: no such file or folder"):
        bench("carp", str(good), str(tmp_path / "typo.dat"), "--budget", "0", "--engine", "ortools")
    assert "gdb4" not in capsys.readouterr().out


def test_a_folder_is_its_instances_in_their_order(shared: Path) -> None:
    names = [path.stem for path in instance_files([shared / "benchmarks" / "carp" / "gdb"])]
    assert names[:3] == ["gdb1", "gdb2", "gdb3"]
    assert len(names) == 23


def a_row(cost: float, vehicles: int, known: results.BestKnown, seed: int = 1, instance: str = "x") -> results.Result:
    return results.Result(
        "c", "ripeur", "carp", instance, seed, 1.0, 1, None, cost, vehicles, known.cost, known.claimed, known.vehicles,
        1.0, 0.0,
    )  # fmt: skip


def test_miles_are_compared_at_equal_vehicles_only(shared: Path) -> None:
    known = results.best_known_of(shared / "benchmarks" / "vrp" / "wcvrptw-kim" / "102_stop.txt")
    assert known == results.BestKnown(174.5, None, 3)
    assert a_row(349.0, 3, known).gap_percent == pytest.approx(100)
    assert a_row(349.0, 4, known).gap_percent is None


def test_nothing_is_called_a_new_best_that_is_above_a_reported_value(shared: Path) -> None:
    known = results.best_known_of(shared / "benchmarks" / "carp" / "egl" / "egl-e4-C.dat")
    assert known == results.BestKnown(11_540.0, 11_529.0, None)
    between = a_row(11_530.0, 19, known)
    assert between.gap_percent is not None
    assert between.gap_percent < 0
    assert not between.is_new_best
    assert a_row(11_528.0, 19, known).is_new_best


def test_a_value_that_may_only_have_been_rounded_is_no_new_best() -> None:
    assert not a_row(550.696, 6, results.BestKnown(550.7)).is_new_best
    assert not a_row(550.651, 6, results.BestKnown(550.7)).is_new_best
    assert a_row(550.649, 6, results.BestKnown(550.7)).is_new_best
    assert a_row(999.0, 6, results.BestKnown(1_000.0)).is_new_best


def test_the_mean_of_the_seeds_and_their_best_are_told_apart() -> None:
    rows = [a_row(cost, 1, results.BestKnown(100.0), seed, name)
            for name, costs in (("x", (100, 102)), ("y", (104, 106))) for seed, cost in enumerate(costs)]  # fmt: skip
    assert results.mean_line(rows) == "2 instances: mean gap 3.000 %, of the best of the seeds 2.000 %"


def test_an_instance_of_which_a_seed_needs_more_vehicles_is_in_no_mean() -> None:
    known = results.BestKnown(100.0, None, 3)
    rows = [a_row(90.0, 4, known, 1), a_row(90.0, 3, known, 2), a_row(110.0, 3, known, 1, "y")]
    said = results.mean_line(rows)
    assert said.startswith("1 instances: mean gap 10.000 %")
    assert said.endswith("without a comparable best known: 1")
    assert "at or below the best known: 0" in "\n".join(tables.tables([replace(rows[0], engine="ripeur")]))


def test_what_is_there_stands_beside_what_is_known_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("carp", str(file_with(tmp_path, "t.dat", TRIANGLE)), "--budget", "0", "--engine", "ortools")
    words = (*words, "--csv", str(tmp_path / "new" / "t.csv"))
    assert bench(*words) == 0
    assert "%" not in capsys.readouterr().out.splitlines()[-1]
    known = "\ufeffinstance,best_known,note\nt,18,by hand: P\u00f3voa\n"
    (tmp_path / "best_known.csv").write_bytes(known.encode())
    assert bench(*words) == 0
    assert "there already" in (said := capsys.readouterr().out)
    assert "1 instances: mean gap 0.000 %" in said
    (tmp_path / "best_known.csv").write_bytes("instance,best_known,note\nt,n/a,P\u00f3voa\n".encode("latin-1"))
    assert bench(*words) == 0
    assert "without a comparable best known: 1" in capsys.readouterr().out


def test_a_table_whose_last_line_was_cut_loses_no_new_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    known = results.BestKnown(100.0)
    results.Log(path, "c").add(a_row(101.0, 1, known, 1))
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    results.Log(path, "c").add(a_row(102.0, 1, known, 2))
    assert [row.cost for row in results.Log(path, "c").there.values()] == [101.0, 102.0]


def test_benches_side_by_side_write_one_heading_and_each_row_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    logs = [results.Log(path, "c") for _ in range(8)]
    rows = [[a_row(100.0 + seed, 1, results.BestKnown(100.0), seed, f"x{i}") for seed in range(20)] for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda log, mine: [log.add(row) for row in mine], logs, rows))
    assert len(results.Log(path, "c").there) == 160
    assert len(path.read_text(encoding="utf-8").splitlines()) == 161


def test_what_cannot_be_written_or_told_apart_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = file_with(tmp_path, "t.dat", TRIANGLE), file_with(tmp_path, "t.txt", TRIANGLE)
    words = ("--budget", "0", "--engine", "ortools")
    with pytest.raises(ValueError, match=r"^t: given twice"):
        bench("carp", str(one), str(other), *words)
    with pytest.raises(OSError, match=r"t\.dat"):
        bench("carp", str(one), *words, "--csv", str(one / "t.csv"))
    with pytest.raises(OSError, match=r"t\.dat"):
        bench("carp", str(one), *words, "--solutions", str(one))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no \.dat or \.txt in it"):
        bench("carp", str(tmp_path / "empty"), *words)
    assert capsys.readouterr().out == ""
    assert [path.name for path in instance_files([file_with(tmp_path / "empty", "A.DAT", TRIANGLE).parent])] == [
        "A.DAT"
    ]


def test_a_seed_that_fails_does_not_cost_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sometimes(problem: Problem, *args: Any, **words: Any) -> Solution:
        if args[2] == 1:
            raise RuntimeError("no luck")
        return solve(problem, *args, **words)

    monkeypatch.setattr(table, "solve", sometimes)
    path = file_with(tmp_path, "t.dat", TRIANGLE)
    assert bench("carp", str(path), "--iterations", "20", "--seeds", "1,2") == 1
    said = capsys.readouterr()
    assert "t.dat: RuntimeError: no luck" in said.err
    assert "1 of the files failed" in said.err
    assert said.out.splitlines()[1].split()[:2] == ["t", "2"]


def test_where_the_way_takes_the_time_as_many_vehicles_drive_as_it_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = "".join(f"(2,{node}) serv_cost 10 trav_cost 5 demand 1\n" for node in range(3, 13))
    text = (
        "NAME : far\nCAPACITY : 100\nMAX_TRIP : 100\nDUMPING_COST : 0\nDEPOT : 1\nDUMPING_SITES : { 1 }\n"
        f" LIST_REQ_EDGES :\n{ends} LIST_NOREQ_EDGES :\n(1,2) cost 40\n"
    )
    path = file_with(tmp_path, "far.dat", text)
    assert bench("mcarptif", str(path), "--budget", "0", "--engine", "ortools") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["far", "1", "950", "10"]


def test_what_no_vehicle_can_serve_is_told_before_the_budget_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heavy = file_with(tmp_path, "heavy.dat", TRIANGLE.replace("coste 4 demanda 2", "coste 4 demanda 5"))
    island = TRIANGLE.replace(" ( 3, 1)  coste 5 demanda 2", " ( 5, 6)  coste 5 demanda 2")
    path = file_with(tmp_path, "island.dat", island.replace("VERTICES : 4", "VERTICES : 6"))
    assert bench("carp", str(heavy), str(path), "--budget", "3600", "--engine", "ripeur") == 1
    said = capsys.readouterr().err
    assert "heavy.dat: ValueError: 2>3: demand = 5, must be at most 4" in said
    assert "island.dat: ValueError: 5>6: no way there and back" in said


def test_a_program_installed_without_its_history_is_told_by_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_git", lambda *words: b"")  # somebody else's repository
    assert re.fullmatch(r"\d.*-[0-9a-f]{8}", results.commit())
