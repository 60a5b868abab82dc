"""The depot's commands as an operator types them: serve, facts, publish, backup, restore."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ripeur
from depot_api.accounts.tokens import make_token
from depot_api.store.store import Store

from .depot_clients import depot, position
from .services import ROOT, DepotProcess, asked, free_port
from .test_cli import answer, grid

MONDAY = ("--date", "2026-11-23", "--budget", "1", "--seed", "1")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny area, and beside it its plan."""
    folder = tmp_path_factory.mktemp("depot")
    extract = grid(folder / "grid.osm")
    assert ripeur.main(["area", "new", str(folder / "area"), "--osm", str(extract), "--population", "2000"]) == 0
    assert ripeur.main(["plan", str(folder / "area"), *MONDAY, "--out", str(folder / "plan")]) == 0
    return folder / "plan"


def test_stored_facts_are_printed_as_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """T1's are of its service; of T2's nobody said that it was on duty, so that they are given only when asked for."""
    db = f"{tmp_path}/depot.db"
    facts = [position(at=f"2026-11-20T05:00:0{k}Z") for k in (3, 1, 2)]
    duty = {"kind": "duty", "id": position()["id"], "at": "2026-11-20T04:00:00Z", "truck": "T1", "state": "start"}
    with depot(db) as client:
        client.post_facts([*facts, duty])
        client.post_facts([position("T2")], "box T2")
    code, out, _ = answer(capsys, "facts", "--db", db, "--off-duty")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["at"][11:19] for line in lines] == ["04:00:00", "05:00:00", "05:00:01", "05:00:02", "05:00:03"]
    code, out, told = answer(capsys, "facts", "--db", db)
    assert (code, out.splitlines()) == (0, [json.dumps(j, separators=(",", ":")) for j in (lines[0], *lines[2:])])
    assert "1 facts left out" in told
    _, out, _ = answer(
        capsys, "facts", "--db", db, "--kind", "position", "--truck", "T1", "--since", "2026-11-20T05:00:02Z"
    )
    assert [json.loads(line) for line in out.splitlines()] == [facts[2], facts[0]]
    _, out, _ = answer(capsys, "facts", "--db", db, "--kind", "duty", "--kind", "lift")
    assert [json.loads(line) for line in out.splitlines()] == [duty]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["facts", "--db", "{tmp}/none.db"], "no such database"),
        (["facts", "--db", "mysql://x/y"], "must be a file"),
        (["facts", "--db", "{tmp}/none.db", "--since", "yesterday"], "must be written YYYY-MM-DDThh:mm:ssZ"),
        (["facts", "--db", "{tmp}/none.db", "--kind", "flight"], "invalid choice"),
        (["facts"], "--db"),
        (["serve"], "give --db URL to run the depot, or --plan DIR"),
        (["serve", "--db", "{tmp}/a.db", "--port", "99999"], "0 to 65535"),
        (["serve", "--db", "{tmp}/nowhere/a.db", "--port", "0"], "no such folder"),
        (["serve", "--db", "{tmp}/a.db", "--port", "0", "--clock", "noon"], "clock"),
        (["serve", "--db", "{tmp}/a.db", "--port", "0", "--area", "{tmp}/nowhere"], "nowhere"),
        (["serve", "--db", "{tmp}/a.db", "--port", "0", "--plan", "{tmp}"], "no map.html"),
        (["backup", "--db", "{tmp}/none.db", "--out", "{tmp}/b.db"], "no such database"),
        (["restore", "{tmp}/none.db", "--db", "{tmp}/a.db"], "no such file"),
        (["publish", "{tmp}", "--depot", "http://localhost:1"], "plan.json"),
    ],
)
def test_a_call_that_cannot_work_says_why(
    argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RIPEUR_DB", raising=False)
    code, _, err = answer(capsys, *(part.format(tmp=tmp_path) for part in argv))
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_plan_is_published_and_its_tours_are_there(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with depot(tmp_path / "depot.db") as client:
        url = str(client.http.base_url)
        monkeypatch.setenv("RIPEUR_TOKEN", make_token(client.store, "planner", "night"))
        code, out, err = answer(capsys, "publish", planned, "--depot", url, "--why", "first")
        assert (code, out, err) == (0, "2026-11-23: version 1 is in force\n", "")
        plan = json.loads((planned / "plan.json").read_text(encoding="utf-8"))
        truck = plan["tours"][0]["truck"]
        tour = client.ask("GET", f"/tours/{truck}?date=2026-11-23", f"box {truck}").json()
        assert all(leg["coordinates"] for leg in tour["legs"] if leg["kind"] == "collect")
        monkeypatch.setenv("RIPEUR_TOKEN", "guess")
        code, _, err = answer(capsys, "publish", planned, "--depot", url)
        assert code == 2
        assert "RIPEUR_TOKEN must hold a planner's" in err


def test_a_plan_without_its_area_is_published_as_it_was_drawn(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(planned, folder)
    text = (folder / "plan.json").read_text(encoding="utf-8")
    plan = json.loads(text)
    plan["area"]["path"] = "nowhere"
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    with depot(tmp_path / "depot.db") as client:
        monkeypatch.setenv("RIPEUR_TOKEN", make_token(client.store, "planner", "night"))
        code, out, err = answer(capsys, "publish", folder, "--depot", str(client.http.base_url))
        assert code == 0
        assert "version 1" in out
        assert "without the checker" in err
    (folder / "tours.geojson").unlink()
    code, _, err = answer(capsys, "publish", folder, "--depot", "http://localhost:1")
    assert code == 2
    assert "--area DIR" in err


def test_a_faulty_plan_is_published_only_when_forced(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "faulty"
    shutil.copytree(planned, folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    plan["tours"][0]["legs"][1]["length_m"] += 5_000
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    area = ("--area", planned.parent / "area")
    with depot(tmp_path / "depot.db") as client:
        url = str(client.http.base_url)
        monkeypatch.setenv("RIPEUR_TOKEN", make_token(client.store, "planner", "night"))
        code, out, err = answer(capsys, "publish", folder, "--depot", url, *area)
        assert (code, out) == (1, "")
        assert "--anyway" in err
        code, out, _ = answer(capsys, "publish", folder, "--depot", url, *area, "--anyway")
        assert code == 0
        assert "version 1" in out


def test_a_depot_that_is_not_there_is_said_in_a_line(
    planned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIPEUR_TOKEN", "x")
    code, _, err = answer(capsys, "publish", planned, "--depot", f"http://127.0.0.1:{free_port()}")
    assert code == 2
    assert "refused" in err
    monkeypatch.delenv("RIPEUR_TOKEN")
    code, _, err = answer(capsys, "publish", planned, "--depot", "http://127.0.0.1:1")
    assert code == 2
    assert "RIPEUR_TOKEN" in err


def test_backup_and_restore_as_an_operator_types_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = f"sqlite:///{tmp_path}/depot.db"
    with depot(db) as client:
        client.post_facts([position()])
        code, out, _ = answer(capsys, "backup", "--db", db, "--out", tmp_path / "b.db")
        assert (code, out) == (0, f"{tmp_path}/b.db: 1 facts\n")
        assert answer(capsys, "backup", "--db", db, "--out", tmp_path / "b.db")[0] == 2
    code, out, _ = answer(capsys, "restore", tmp_path / "b.db", "--db", f"{tmp_path}/new.db")
    assert (code, out) == (0, "1 facts restored\n")


def test_serve_runs_the_depot_with_its_plan_for_those_who_may_see_it(planned: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/depot.db"
    with Store(url) as store:
        planner, box = make_token(store, "planner", "P"), make_token(store, "box", "T1")
    with DepotProcess(url, ("--plan", str(planned), "--clock", "2026-11-23T05:00:00Z x20")) as process:
        assert asked(process.port, "GET", "/plan")[0] == 401
        assert asked(process.port, "GET", "/plan", box)[0] == 403
        status, page, _ = asked(process.port, "GET", "/plan", planner)
        assert (status, page[:15].lower()) == (200, b"<!doctype html>")
        assert asked(process.port, "GET", "/plan/files/plan.json", planner)[0] == 200
        assert asked(process.port, "GET", "/plan/files/..%2Fdepot.db", planner)[0] == 404
        status, message, _ = asked(
            process.port, "POST", "/messages", planner, b'{"truck": "T1", "text": "x"}', Content_Type="application/json"
        )
        assert status == 201
        assert message["at"].startswith("2026-11-23T05:"), "the drill's clock"
        assert asked(process.port, "GET", "/docs")[0] == 404


def test_serve_ends_on_sigterm_with_everything_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/depot.db"
    process = DepotProcess(url)
    process.start()
    assert process.process is not None
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(timeout=20) in (0, -signal.SIGTERM)
    assert not (tmp_path / "depot.db-wal").exists(), "closed cleanly: the journal is gone"


def test_the_commands_load_neither_web_nor_database_until_they_run() -> None:
    code = (
        "import sys, ripeur; ripeur._parser(); print(*{'sqlalchemy', 'fastapi', 'uvicorn', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == []
