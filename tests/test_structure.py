"""The structure of the code: imports point one way, a truck loads little, no path or host of anybody's machine."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = {"fleet", "onboard", "weighbridge", "optimizer", "dashboards", "depot_api", "ripeur"}
#: Who may import whom: fleet ← onboard ← weighbridge (its outbox only), fleet ← optimizer, fleet ← dashboards,
#: all ← depot_api ← ripeur.
MAY = {
    "fleet": set(),
    "onboard": {"fleet"},
    "weighbridge": {"fleet", "onboard"},
    "optimizer": {"fleet"},
    "dashboards": {"fleet"},
    "depot_api": PARTS - {"ripeur"},
    "ripeur": PARTS,
}
#: Outside libraries that live in one file each, or in two that share a drawing.
ALONE = {
    "ortools": {"optimizer/routing.py", "optimizer/ruin_recreate/recombine.py"},
    "pyroutingkit": {"optimizer/roads.py"},
    "folium": {"dashboards/map.py"},
    "fpdf": {"dashboards/sheets.py", "dashboards/drawing.py", "weighbridge/ticket.py"},
    "gpsd": {"onboard/receiver.py"},
    "serial": {"onboard/serial_line.py"},
    "can": {"onboard/vehicle_bus.py"},
    "authlib": {"depot_api/oidc.py"},
    "argon2": {"depot_api/passwords.py"},
    "numba": {"optimizer/compiling.py"},  # so that no compiled function is kept that is not keyed by its sources
    "llvmlite": {"optimizer/compiling.py"},
    "pyvrp": {"optimizer/bench/pyvrp_engine.py"},
    "osmnx": {"optimizer/overpass.py"},
}
#: The checker judges the search: it may not know it, nor the road graph.
CHECKER_KNOWS = {"area", "area_file", "area_keys", "area_tables", "opening_hours", "collection", "public_holidays"}


def modules(part: str) -> list[Path]:
    file = ROOT / f"{part}.py"
    return [file] if file.exists() else sorted((ROOT / part).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(filter(None, [path.parent.name, base]))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def test_the_tour_of_the_code_names_every_module_of_the_optimizer() -> None:
    page = (ROOT / "docs" / "tour-of-the-code.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([a-z_]+)\.py\b", page))
    there = {path.stem for path in modules("optimizer")} - {"__init__"}
    assert there <= named, f"not in the tour: {sorted(there - named)}"
    everywhere = {path.stem for part in PARTS for path in modules(part)}
    tests = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    assert named <= everywhere | tests, f"in the tour, but nowhere: {sorted(named - everywhere - tests)}"


@pytest.mark.parametrize("part", sorted(PARTS))
def test_imports_point_one_way(part: str) -> None:
    for path in modules(part):
        tops = {name.split(".")[0] for name in imported(path)} & PARTS
        assert tops - {part} <= MAY[part], f"{path.relative_to(ROOT)} imports {tops - {part} - MAY[part]}"


@pytest.mark.parametrize("library", sorted(ALONE))
def test_an_outside_library_lives_in_one_file(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in modules(part)
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users == ALONE[library]


def test_the_checker_knows_neither_the_search_nor_the_road_graph() -> None:
    own = {path.stem for path in (ROOT / "optimizer").glob("check*.py")} | {"rawmap", "passage"}
    for path in (ROOT / "optimizer").glob("*.py"):
        if path.stem in own:
            used = {n.split(".")[1] for n in imported(path) if n.startswith("optimizer.")}
            assert used <= own | CHECKER_KNOWS, f"{path.name} imports {used - own - CHECKER_KNOWS}"


@pytest.mark.parametrize("part", ["onboard", "weighbridge", "fleet", "ripeur"])
def test_what_a_truck_imports_pulls_in_neither_solver_nor_tables(part: str) -> None:
    code = f"import json, sys, {part}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT).stdout)
    heavy = {"ortools", "pandas", "osmnx", "numpy", "networkx", "fastapi", "folium", "sqlalchemy", "fpdf", "can"}
    assert not heavy & set(loaded)


def test_modules_are_named_by_nouns_of_the_trade() -> None:
    names = {path.stem for part in PARTS for path in modules(part)}
    assert not names & {"utils", "helpers", "common", "manager", "misc", "util", "helper"}
