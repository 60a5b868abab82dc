"""The command line in clumsy hands: every bad input gets a clear answer, and no plan is lost."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ripeur
from dashboards.shared.catalogue import TEXTS
from optimizer.area.file import read_area
from optimizer.area.notes import Note
from optimizer.engine_names import ENGINE_NAMES
from optimizer.new_area.summary import note_text
from optimizer.new_area.template import LABELS
from optimizer.search import engines as search

from .tiny_map import DATA, write_map

MONDAY = ("--date", "2026-11-23", "--budget", "0")
FILES = {"plan.json", "tours.geojson", "tours.csv", "kpi.csv", "map.html", "sheets.pdf"}
Change = Callable[[Path], object]


def grid(path: Path, tags: dict[str, str] | None = None) -> Path:
    """Eight by eight residential streets, 120 m apart, and four streets of an island."""
    nodes = {1000 + i * 100 + j: (i * 120.0, j * 120.0) for i in range(8) for j in range(8)}
    nodes |= {5000: (2000.0, 0.0), 5001: (2100.0, 0.0), 5002: (2100.0, 100.0), 5003: (2000.0, 100.0)}
    street = {"highway": "residential", **(tags or {})}
    ways = {1 + i: ([1000 + i * 100 + j for j in range(8)], street | {"name": f"Rue {chr(65 + i)}"}) for i in range(8)}
    ways |= {101 + j: ([1000 + i * 100 + j for i in range(8)], street | {"name": f"Allée {j}"}) for j in range(8)}
    ways[200] = ([5000, 5001, 5002, 5003, 5000], street | {"name": "Rue de l'Île"})
    return write_map(path, nodes, ways)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    extract = grid(folder / "grid.osm")
    assert ripeur.main(["area", "new", str(folder / "area"), "--osm", str(extract), "--population", "2000"]) == 0
    return folder / "area"


@pytest.fixture
def area(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "area", ignore=shutil.ignore_patterns(".cache")))


@pytest.fixture(scope="module")
def planned(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("planned") / "plan"
    assert ripeur.main(["plan", str(founded), *MONDAY, "--out", str(out)]) == 0
    return out


def answer(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a call, argparse's own exit included."""
    capsys.readouterr()
    try:
        code = ripeur.main([str(a) for a in argv])
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def node_of(area: Path, section: str) -> str:
    after = (area / "area.toml").read_text(encoding="utf-8").split(section, 1)[1]
    return next(line for line in after.splitlines() if line.startswith("node = "))


# --- the call ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget", "-1"], "0 or more"),
        (["--budget", "nan"], "0 or more"),
        (["--budget", "inf"], "less than 86400"),
        (["--budget", "plenty"], "'plenty', must be a number of seconds"),
        (["--date", "tomorrow"], "'tomorrow', must be a day of the calendar, YYYY-MM-DD"),
        (["--date", "2026-02-30"], "must be a day of the calendar"),
        (["--date", "0001-01-01"], "must lie in the years 2000 to 2100"),
        (["--seed", "-1"], "must be a whole number, 0 or more"),
        (["--engine", "hal"], "--engine hal, must be one of ripeur"),
        (["--what-if", "trucks"], "must be written trucks=+1"),
        (["--what-if", "cars=+1"], "must be written trucks=+1"),
        (["--what-if", "trucks=0"], "must be written trucks=+1"),
        (["--what-if", "trucks=+1000000000"], "by 100 at most"),
        (["--what-if", "trucks=-9"], "must leave at least 1 of"),
    ],
)
def test_an_option_out_of_bounds_is_refused_before_any_work(
    options: list[str], said: str, area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = answer(capsys, "plan", area, "--out", tmp_path / "out", *options)
    assert code == 2
    assert said in err
    assert not (tmp_path / "out").exists()


def test_a_call_without_a_command_shows_the_help_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys)
    assert code == 0
    assert "drop-off-points" in out
    assert "exit codes: 0 good" in out


def test_a_sunday_with_nothing_due_gives_an_empty_plan_that_says_so(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = answer(capsys, "plan", area, "--date", "2026-11-22", "--budget", "0", "--out", tmp_path / "out")
    assert code == 0
    assert "Rien n'est à collecter le dimanche 22 novembre 2026" in out
    assert json.loads((tmp_path / "out/plan.json").read_text(encoding="utf-8"))["tours"] == []


def test_a_day_long_past_is_planned_and_said_to_be_past(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = answer(capsys, "plan", area, "--date", "2001-11-26", "--budget", "0", "--out", tmp_path / "out")
    assert code == 0
    assert "le lundi 26 novembre 2001 est passé" in err


def test_a_day_that_is_not_as_usual_says_so_with_its_notes_once_for_all_kinds_of_dwellings(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (area / "exceptions.csv").open("a", encoding="utf-8") as rows:
        rows.write("Secteur 1,bags,2026-11-23,moved,2026-11-24,Marché de Noël\n")
        rows.write("Secteur 3,bags,2026-11-24,collected,,\n")
    day = ("--budget", "0", "--out", tmp_path / "out", "--replace", "--date")
    _, out, _ = answer(capsys, "plan", area, *day, "2026-11-24")
    assert out.count("Secteur 1, Sacs de couleur : déplacé du 23/11 (Marché de Noël)\n") == 1
    assert out.count("Secteur 3, Sacs de couleur : collecte en plus\n") == 1
    _, out, _ = answer(capsys, "plan", area, *day, "2026-11-24", "--lang", "en")
    assert "Secteur 1, Sacs de couleur: moved from 23 Nov (Marché de Noël)\n" in out
    _, out, _ = answer(capsys, "plan", area, *day, "2026-11-23")
    assert "Secteur 1, Sacs de couleur : déplacé au 24/11 (Marché de Noël)\n" in out
    _, out, _ = answer(capsys, "plan", area, *day, "2026-12-25")
    assert "Secteur 5, Sacs de couleur : déplacé au 26/12, jour férié (Noël)\n" in out
    _, out, _ = answer(capsys, "plan", area, *day, "2026-12-26")
    assert "Secteur 5, Sacs de couleur : déplacé du 25/12, jour férié (Noël)\n" in out
    _, out, _ = answer(capsys, "plan", area, *day, "2026-12-01")
    assert "Sacs de couleur :" not in out


# --- the area ----------------------------------------------------------------------------------------------------


def truncated(area: Path) -> None:
    shutil.copyfile(DATA / "monaco/monaco.osm.pbf", area / "town.osm.pbf")
    os.truncate(area / "town.osm.pbf", 500_000)
    edited(area / "area.toml", '"grid.osm"', '"town.osm.pbf"')


def foreign(area: Path) -> None:
    (area / "grid.osm").write_text("no map at all", encoding="utf-8")


def other_town(area: Path) -> None:
    shutil.copyfile(DATA / "monaco/monaco.osm.pbf", area / "town.osm.pbf")
    edited(area / "area.toml", '"grid.osm"', '"town.osm.pbf"')


def moved(section: str, to: str) -> Change:
    return lambda area: edited(area / "area.toml", node_of(area, section), to)


def light_streets_only(area: Path) -> None:
    grid(area / "grid.osm", {"maxweight": "3.5"})


def light_streets_at_the_depot(area: Path) -> None:
    """The island is for light vehicles only, and the depot is on it."""
    text = (area / "grid.osm").read_text(encoding="utf-8")
    before, island = text.split('<way id="200"')
    marked = island.replace("<tag ", '<tag k="maxweight" v="3.5"/><tag ', 1)
    (area / "grid.osm").write_text(f'{before}<way id="200"{marked}', encoding="utf-8")
    edited(area / "area.toml", node_of(area, "[depot]"), "node = 5001")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda area: (area / "grid.osm").unlink(), ["extract = 'grid.osm'", "no such file"]),
        (truncated, ["town.osm.pbf: cannot be read as OSM data"]),
        (foreign, ["grid.osm: cannot be read as OSM data"]),
        (other_town, ["D1, node = ", "S1, node = ", "not on a street of town.osm.pbf"]),
        (lambda area: (area / "area.toml").unlink(), ["area.toml"]),
        (lambda area: (area / "area.toml").write_bytes(b"\xff\xfe"), ["area.toml row 1", "UTF-8"]),
        (lambda area: (area / "sectors.geojson").write_text("[[["), ["sectors.geojson: not readable as JSON"]),
        (lambda area: (area / "collection.csv").write_text(""), ["collection.csv row 1"]),
        (moved("[depot]", "# no node"), ["area.toml [depot]: must be given by at = [lat, lon] or by node"]),
        (moved("[depot]", "node = 77"), ["D1, node = 77", "not on a street of grid.osm"]),
        (moved("[depot]", "at = [10.0, 10.0]"), ["D1, at = [10.0, 10.0]", "from the nearest street"]),
        (moved("[depot]", "node = 5001"), ["depot D1, node 5001, is cut off", "nearest junction", "node = 1700"]),
        (moved("[[sites]]", "node = 5001"), ["site S1, node 5001, is cut off", "node = 1700"]),
        (light_streets_only, ["truck T1 (19 t", "may use no street of the map: too heavy"]),
        (light_streets_at_the_depot, ["truck T1 (19 t", "may use no street at the depot (node 5001)", "node = 1700"]),
    ],
)
def test_an_area_that_cannot_be_planned_says_what_to_mend(
    change: Change, said: list[str], area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(area)
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "out")
    assert code == 2
    for words in said:
        assert words in err
    assert not (tmp_path / "out").exists()


def test_all_faults_of_a_table_are_listed_at_once_with_row_and_column(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = (area / "collection.csv").read_text(encoding="utf-8").splitlines()[0]
    rows = [head, "Nord,bags,houses,Mo,1,2026-01-05,,", "Secteur 1,sacs,huts,Lu,x,2026-13-01,,"]
    (area / "collection.csv").write_text("\n".join(rows), encoding="utf-8")
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "out")
    assert code == 2
    for words in (
        "row 2, sector = 'Nord'", "row 3, service = 'sacs'", "row 3, dwelling = 'huts'", "row 3, weekday = 'Lu'",
        "row 3, every_weeks = 'x'", "row 3, anchor_date = '2026-13-01'",
    ):  # fmt: skip
        assert words in err


def test_bad_rows_of_real_demand_are_told_when_planning_and_good_rows_kept(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(area / "area.toml", '# demand_csv = "demand.csv" ', 'demand_csv = "demand.csv" ')
    table = "street;dwelling;residual_kg_week\nRue A;houses;12\nRue Nulle;houses;3\nRue B;houses;1,5x\n"
    (area / "demand.csv").write_text(table, encoding="utf-8")
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "out")
    assert code == 0
    assert "demand.csv row 3: street = 'Rue Nulle', must be a collected street of the map" in err
    assert "demand.csv row 4: residual_kg_week = '1,5x', must be a number" in err


def test_a_demand_larger_than_the_fleet_gives_a_plan_with_what_is_left_and_why(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(area / "area.toml", "population = 2000", "population = 200000")
    code, out, _ = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "out")
    assert code == 0
    assert "[SHIFT_TIME]" in out or "[OVER_" in out or "CAPACITY]" in out
    assert json.loads((tmp_path / "out/plan.json").read_text(encoding="utf-8"))["unserved"]


def test_what_another_fleet_would_bring_is_searched_from_the_plan_and_told(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--budget", "1", "--what-if", "trucks=+1,+2", "--out", tmp_path / "out")
    code, out, _ = answer(capsys, "plan", area, *MONDAY, *options, "--lang", "en")
    assert code == 0
    told = [line for line in out.splitlines() if line.strip().startswith("With ")]
    assert len(told) == 2, out


# --- the folder of the plan ----------------------------------------------------------------------------------------


def test_a_plan_is_never_overwritten_unasked(area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text("yesterday", encoding="utf-8")
    (out / "tour-old.gpx").write_text("yesterday", encoding="utf-8")
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", out)
    assert (code, (out / "plan.json").read_text(encoding="utf-8")) == (2, "yesterday")
    assert "holds a plan already, not overwritten (--replace, or another --out)" in err
    code, _, _ = answer(capsys, "plan", area, *MONDAY, "--out", out, "--replace")
    assert code == 0
    assert {path.name for path in out.iterdir()} > FILES
    assert not (out / "tour-old.gpx").exists()
    assert not list(out.glob(".*"))


def test_two_plans_at_once_cannot_share_a_folder(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    other = os.open(out, os.O_RDONLY)  # what another ripeur holds while it plans
    fcntl.flock(other, fcntl.LOCK_EX)
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", out)
    os.close(other)
    assert code == 2
    assert "another plan is being written into it" in err


def test_an_out_path_that_is_a_file_is_refused_before_the_search(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file/below"):
        code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", out)
        assert code == 2
        assert str(out) in err
        assert "lecture de la carte" not in err, "it worked before it looked"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_out_folder_that_cannot_be_written_is_refused_before_the_search(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    code, _, err = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "closed")
    assert code == 2
    assert "Permission denied" in err


# --- what is kept between calls ------------------------------------------------------------------------------------


def cached(area: Path) -> list[Path]:
    return sorted(path for path in (area / ".cache").rglob("*") if path.is_file() and path.stat().st_size)


@pytest.mark.parametrize("spoil", ["emptied", "cut", "scrambled", "unfinished"])
def test_a_broken_cache_is_built_again(
    spoil: str, area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "one")[0] == 0
    files = cached(area)
    whole = [path.read_bytes() for path in files]
    assert files
    for path in files:
        if spoil == "unfinished" and path.name == "complete":
            path.unlink()
        elif spoil in ("emptied", "cut"):
            os.truncate(path, 0 if spoil == "emptied" else path.stat().st_size // 2)
        elif spoil == "scrambled" and path.name != "complete":
            path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    # in its own process: the library that reads it would take ours down with it
    ran = command("plan", area, *MONDAY, "--out", tmp_path / "two")
    assert ran.returncode == 0, ran.stderr
    assert [path.read_bytes() for path in cached(area)] == whole
    first, second = (json.loads((tmp_path / k / "plan.json").read_text(encoding="utf-8")) for k in ("one", "two"))
    assert first["tours"] == second["tours"]


def test_a_cache_that_cannot_be_kept_costs_nothing_but_time(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (area / ".cache").write_text("a file where a folder should be", encoding="utf-8")
    assert answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "out")[0] == 0


# --- Ctrl-C and other ends -----------------------------------------------------------------------------------------


def command(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ripeur", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def searching(area: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A real ``ripeur plan`` that has begun to search, for a minute."""
    # a shell without a terminal starts its children deaf to Ctrl-C, and so may whatever runs the tests
    code = (
        "import signal, sys, ripeur; signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(ripeur.main())"
    )
    argv = ["plan", str(area), "--date", "2026-11-23", "--budget", "60", "--lang", "en", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert any(" s left" in line for line in run.stderr), "no search"
        yield run
        run.kill()


def test_ctrl_c_during_the_search_writes_the_best_plan_so_far(
    searching: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searching.send_signal(signal.SIGINT)
    out, err = searching.communicate(timeout=30)
    assert searching.returncode == 0, err
    assert "stopping with the best plan so far" in err
    assert "plan.json" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} > FILES
    assert answer(capsys, "check", tmp_path / "out", "--area", tmp_path / "area")[0] == 0


def test_a_second_ctrl_c_ends_at_once_without_a_trace(searching: subprocess.Popen[str], tmp_path: Path) -> None:
    assert searching.stderr is not None
    searching.send_signal(signal.SIGINT)
    assert any("stopping" in line for line in searching.stderr)
    searching.send_signal(signal.SIGINT)
    _, err = searching.communicate(timeout=30)
    assert "Traceback" not in err
    # so small a town may be written already when the second one comes
    assert (searching.returncode, (tmp_path / "out/plan.json").exists()) in ((130, False), (130, True), (0, True))


def test_a_reader_that_has_had_enough_does_not_cost_the_plan(area: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ripeur", "plan", str(area), *MONDAY, "--out", str(tmp_path / "out")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.stderr is not None
        err = run.stderr.read()
        run.wait(60)
    assert "Traceback" not in err
    assert {path.name for path in (tmp_path / "out").iterdir()} > FILES


def test_a_terminal_that_has_no_euro_does_not_cost_the_plan(area: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ripeur", "plan", str(area), *MONDAY, "--out", str(tmp_path / "out")],
        capture_output=True, timeout=60, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out/plan.json").exists()


# --- check ---------------------------------------------------------------------------------------------------------


def test_check_takes_the_folder_too_and_finds_a_good_plan_good(
    planned: Path, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "check", planned)[0] == 0
    assert answer(capsys, "check", planned / "plan.json", "--area", founded)[0] == 0


@pytest.mark.parametrize("garbage", [b"", b"{", b'{"a": 1}', b"[1e999]", b"\xff\xfe", b"\x00\x01", b"null"])
def test_check_calls_garbage_malformed(garbage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_bytes(garbage)
    code, out, _ = answer(capsys, "check", tmp_path / "plan.json")
    assert code == 1
    assert "MALFORMED" in out


def test_check_of_something_nested_without_end_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_text("[" * 100_000, encoding="utf-8")
    assert answer(capsys, "check", tmp_path)[0] in (1, 2)


def test_check_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "check", tmp_path / "nowhere.json")
    assert code == 2
    assert "nowhere.json: no such file" in err


def test_check_finds_another_area_and_a_changed_one(
    planned: Path, area: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (area / "area.toml").write_text((area / "area.toml").read_text(encoding="utf-8") + "# x\n", encoding="utf-8")
    code, out, _ = answer(capsys, "check", planned, "--area", area)
    assert (code, out.count("AREA_CHANGED ")) == (1, 2)  # the sum, and the file
    code, out, _ = answer(capsys, "check", planned, "--area", DATA / "monaco")
    assert code == 1
    assert "AREA_CHANGED" in out
    assert "NO_SUCH_STREET" in out


def test_check_without_the_area_asks_for_it_and_takes_it_where_it_has_moved(
    planned: Path, area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((planned / "plan.json").read_text(encoding="utf-8"))
    document["area"]["path"] = str(tmp_path / "gone")
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    code, out, err = answer(capsys, "check", tmp_path / "plan.json")
    assert code == 1
    assert "AREA_MISSING" in out
    assert "--area DIR" in err
    assert answer(capsys, "check", tmp_path / "plan.json", "--area", area)[0] == 0


# --- area new and serve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--osm", "nowhere.osm.pbf"], "nowhere.osm.pbf: no such file"),
        (["--osm", "{grid}", "--population", "0"], "'0', must be a whole number, 1 to 100000000"),
        (["--osm", "{grid}", "--population", "-5"], "must be a whole number"),
        (["--osm", "{grid}", "--population", "many"], "'many', must be a whole number"),
        (["--osm", "{grid}", "--timezone", "Mars"], "timezone = 'Mars'"),
        (["--osm", "{grid}", "--holidays", "ZZ"], "holidays = 'ZZ'"),
        (["--osm", "{grid}", "--addresses", "nowhere.csv"], "nowhere.csv: no such file"),
        ([], "one of the arguments --place --osm is required"),
    ],
)
def test_an_area_that_cannot_be_founded_leaves_no_folder(
    options: list[str], said: str, founded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [option.format(grid=founded / "grid.osm") for option in options]
    code, _, err = answer(capsys, "area", "new", tmp_path / "new", *filled)
    assert code == 2
    assert said in err
    assert not (tmp_path / "new").exists()


def test_an_area_is_never_founded_over_another(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (founded / "area.toml").read_bytes()
    code, _, err = answer(capsys, "area", "new", founded, "--osm", founded / "grid.osm")
    assert code == 2
    assert "never overwritten" in err
    assert (founded / "area.toml").read_bytes() == before


def test_serve_wants_a_plan_and_a_free_port(planned: Path, founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "serve", "--plan", founded)
    assert code == 2
    assert "must be a folder that `ripeur plan` wrote" in err
    code, _, err = answer(capsys, "serve", "--plan", planned, "--port", "99999")
    assert code == 2
    assert "must be a whole number, 0 to 65535" in err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = answer(capsys, "serve", "--plan", planned, "--port", str(port))
        assert code == 2
        assert f"127.0.0.1, port {port}: cannot be served on" in err
        code, _, err = answer(capsys, "demo", founded, "--port", str(port), "--out", planned)
        assert code == 2
        assert "lecture de la carte" not in err, "it planned before it looked"


def test_drop_off_points_that_were_never_imported_are_asked_for(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for action in (["show"], ["export", "--out", str(tmp_path / "data")]):
        code, _, err = answer(capsys, "drop-off-points", *action, "--area", area)
        assert code == 2
        assert "`ripeur drop-off-points import` makes it" in err


def test_an_import_speaks_the_areas_language_and_clears_what_is_mended(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town, refused = tmp_path / "town.csv", area / "drop_off_points-refused.csv"
    argv = ("drop-off-points", "import", town, "--area", area, "--anywhere", "--replace")
    town.write_text("id,lat,lon,flux\nP1,43.7,7.4,verre\nP2,43.7,7.4,vere\n", encoding="utf-8")
    code, out, _ = answer(capsys, *argv)
    assert code == 0
    assert refused.exists()
    assert 'À écrire dans area.toml, [demand] : drop_off_points = "drop_off_points.csv"' in out
    town.write_text("id,lat,lon,flux\nP1,43.7,7.4,verre\nP2,43.7,7.4,verre\n", encoding="utf-8")
    code, out, _ = answer(capsys, *argv, "--language", "en")
    assert code == 0
    assert "To write in area.toml, [demand]" in out
    assert not refused.exists()


# --- words ---------------------------------------------------------------------------------------------------------


def test_the_engines_offered_are_those_that_exist_and_the_help_loads_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(ENGINE_NAMES) == set(search.ENGINES)
    _, out, _ = answer(capsys, "plan", "--help")
    assert all(name in out for name in ENGINE_NAMES)
    code = "import sys, ripeur\ntry: ripeur.main(['plan', '--help'])\nfinally: print('ortools' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("spelling", ["--lang", "--language"])
@pytest.mark.parametrize(
    "call",
    ["plan A --out B", "demo", "check P", "area new A --place P", "area show A", "drop-off-points show --area A",
     "drop-off-points export --area A --out B", "drop-off-points import F --area A"],
)  # fmt: skip
def test_the_language_is_asked_for_by_either_spelling(spelling: str, call: str) -> None:
    assert ripeur._parser().parse_args([*call.split(), spelling, "en"]).lang == "en"


def test_progress_is_told_in_the_planners_language(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, french = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "fr")
    _, _, english = answer(capsys, "plan", area, *MONDAY, "--out", tmp_path / "en", "--lang", "en")
    assert "lecture de la carte …" in french
    assert "reading the map …" in english
    for word in ("extract", "streets …", "roads", "demand", "construct"):
        assert word not in french


def test_every_step_of_preparing_and_searching_has_its_words() -> None:
    optimizer = Path(ripeur.__file__).parent / "optimizer"
    told = {
        word
        for path in optimizer.rglob("*.py")
        for word in re.findall(r'\b(?:report_stage|watch)\("(\w+)"\)', path.read_text(encoding="utf-8"))
    }
    assert {"extract", "streets", "roads", "demand", "construct", "improve", "ortools"} <= told
    assert {f"step_{word}" for word in told} <= set(TEXTS)


def test_check_finds_the_area_from_another_folder_by_where_the_plan_lies(
    planned: Path, area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads((planned / "plan.json").read_text(encoding="utf-8"))
    document["area"]["path"] = area.name
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/plan.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, out, _ = answer(capsys, "check", tmp_path / "out", "--lang", "fr")
    assert code == 0
    assert "Plan vérifié : aucun défaut." in out
    assert re.search(r"servi : \d+,\d\u202f% du tonnage", out)


def test_check_without_a_map_gives_no_figures(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((planned / "plan.json").read_text(encoding="utf-8"))
    document["area"]["path"] = "gone"
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    _, out, _ = answer(capsys, "check", tmp_path / "plan.json", "--lang", "en")
    assert "AREA_MISSING" in out
    assert "km by truck" not in out
    assert "of the tasks' weight" not in out


def test_an_area_is_shown_in_plain_french(area: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = answer(capsys, "area", "show", area)
    assert "Territoire : " in out
    assert "Site de vidage S1" in out
    assert "Exutoire" not in out
    assert LABELS["fr"]["glass_service"] == "Verre"  # "points d'apport volontaire" is said beside it
    assert read_area(DATA / "monaco").service_named("glass").label == "Verre"


def test_one_of_a_kind_is_in_the_singular() -> None:
    lost = Note("addresses_lost", {"count": 1, "reach_m": 100})
    assert note_text(lost, "fr") == "1 adresse à plus de 100 m de toute rue collectée"
    assert note_text(Note("addresses_lost", {"count": 2, "reach_m": 100}), "en").startswith("2 addresses more")


def test_the_bare_distribution_says_what_a_planners_command_needs(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = None; import ripeur; "
        f"sys.exit(ripeur.main(['plan', 'data/monaco', '--out', {str(tmp_path / 'out')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=DATA.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'ripeur[all]'" in done.stderr
    assert "Traceback" not in done.stderr
