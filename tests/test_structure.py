"""The structure of the code: rooms with doors, arrows one way, a truck loads little, no path of anybody's machine."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = {"fleet", "onboard", "weighbridge", "optimizer", "dashboards", "depot_api", "ripeur"}
#: Every room (a package under a part, or a module beside them) and the rooms it imports. ``fleet`` is allowed
#: everywhere and imports nobody. The checker's independence is a row: it knows what an area promises, and nothing else.
MAY: dict[str, set[str]] = {
    "fleet": set(),
    "dashboards.area": {"dashboards.plan", "dashboards.shared"},
    "dashboards.console": {"dashboards.shared"},
    "dashboards.contractor": {"dashboards.console", "dashboards.shared", "dashboards.staff"},
    "dashboards.plan": {"dashboards.shared"},
    "dashboards.staff": {"dashboards.shared"},
    "depot_api.access": {
        "dashboards.staff",
        "depot_api.accounts",
        "depot_api.input_error",
        "depot_api.known_time",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
    },
    "depot_api.accounts": {
        "depot_api.input_error",
        "depot_api.known_time",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
    },
    "depot_api.app": {
        "depot_api.access",
        "depot_api.console",
        "depot_api.facts",
        "depot_api.known_time",
        "depot_api.live",
        "depot_api.plans",
        "depot_api.privacy",
        "depot_api.reports",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "onboard.clock",
        "onboard.worker",
        "optimizer.planning",
    },
    "depot_api.basemap": {"dashboards.shared", "optimizer.planning", "optimizer.streets"},
    "depot_api.commands": {
        "dashboards.area",
        "dashboards.plan",
        "dashboards.shared",
        "dashboards.staff",
        "depot_api.accounts",
        "depot_api.app",
        "depot_api.basemap",
        "depot_api.drill",
        "depot_api.duty",
        "depot_api.known_time",
        "depot_api.plan_folder",
        "depot_api.plans",
        "depot_api.privacy",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "optimizer.area",
        "optimizer.check",
        "optimizer.demand",
        "optimizer.drop_off",
        "optimizer.engine_names",
        "optimizer.new_area",
        "optimizer.night",
        "optimizer.planning",
        "optimizer.problem",
        "weighbridge.balance",
    },
    "depot_api.console": {
        "dashboards.console",
        "dashboards.shared",
        "depot_api.access",
        "depot_api.basemap",
        "depot_api.live",
        "depot_api.settings",
        "depot_api.state",
        "optimizer.planning",
    },
    "depot_api.drill": {
        "dashboards.console",
        "dashboards.shared",
        "depot_api.accounts",
        "depot_api.store",
        "onboard.box",
        "onboard.clock",
        "onboard.duty",
        "onboard.outbox",
        "onboard.recording",
        "onboard.sensors",
        "onboard.simulation",
        "optimizer.area",
        "weighbridge.bridge",
        "weighbridge.indicator",
    },
    "depot_api.duty": {"depot_api.store", "onboard.duty"},
    "depot_api.facts": {
        "depot_api.access",
        "depot_api.duty",
        "depot_api.known_time",
        "depot_api.pictures",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
    },
    "depot_api.input_error": {"dashboards.staff"},
    "depot_api.known_time": {"depot_api.duty", "depot_api.store", "onboard.clock"},
    "depot_api.live": {
        "depot_api.access",
        "depot_api.duty",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "onboard.clock",
        "onboard.worker",
        "optimizer.evidence",
        "optimizer.matching",
        "optimizer.planning",
    },
    "depot_api.plan_folder": {"dashboards.plan", "depot_api.basemap", "optimizer.check", "optimizer.planning"},
    "depot_api.plans": {
        "depot_api.access",
        "depot_api.duty",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "onboard.outbox",
        "optimizer.area",
        "optimizer.check",
        "optimizer.planning",
        "optimizer.streets",
    },
    "depot_api.privacy": {
        "dashboards.staff",
        "depot_api.access",
        "depot_api.duty",
        "depot_api.input_error",
        "depot_api.known_time",
        "depot_api.live",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "onboard.clock",
        "optimizer.matching",
    },
    "depot_api.reports": {
        "dashboards.console",
        "dashboards.contractor",
        "depot_api.access",
        "depot_api.accounts",
        "depot_api.duty",
        "depot_api.facts",
        "depot_api.input_error",
        "depot_api.live",
        "depot_api.privacy",
        "depot_api.settings",
        "depot_api.state",
        "depot_api.store",
        "onboard.geo",
        "optimizer.matching",
        "optimizer.planning",
    },
    "depot_api.state": {
        "dashboards.staff",
        "depot_api.known_time",
        "depot_api.settings",
        "depot_api.store",
        "onboard.clock",
        "optimizer.planning",
    },
    "depot_api.store": {"onboard.private", "onboard.worker"},
    "onboard.box": {
        "onboard.clock",
        "onboard.duty",
        "onboard.outbox",
        "onboard.private",
        "onboard.recording",
        "onboard.sensors",
        "onboard.simulation",
        "onboard.worker",
    },
    "onboard.outbox": {"onboard.clock", "onboard.private"},
    "onboard.recording": {
        "onboard.checksum",
        "onboard.clock",
        "onboard.duty",
        "onboard.geo",
        "onboard.outbox",
        "onboard.sensors",
    },
    "onboard.sensors": {"onboard.checksum", "onboard.clock", "onboard.worker"},
    "onboard.simulation": {"onboard.clock", "onboard.geo", "onboard.recording", "onboard.sensors"},
    "optimizer.bench": {"optimizer.engine_names", "optimizer.problem", "optimizer.search"},
    "optimizer.check": {"optimizer.area"},
    "optimizer.demand": {"optimizer.area", "optimizer.streets"},
    "optimizer.drop_off": {"optimizer.area"},
    "optimizer.evidence": {"optimizer.matching"},
    "optimizer.matching": {"optimizer.compiling", "optimizer.streets"},
    "optimizer.new_area": {"optimizer.area", "optimizer.demand", "optimizer.drop_off", "optimizer.streets"},
    "optimizer.night": {
        "optimizer.area",
        "optimizer.check",
        "optimizer.planning",
        "optimizer.problem",
        "optimizer.search",
    },
    "optimizer.planning": {
        "optimizer.area",
        "optimizer.demand",
        "optimizer.drop_off",
        "optimizer.problem",
        "optimizer.streets",
    },
    "optimizer.search": {"optimizer.compiling", "optimizer.engine_names", "optimizer.problem"},
    "optimizer.streets": {"optimizer.area", "optimizer.problem"},
    "ripeur": {"depot_api.commands", "onboard.box", "optimizer.bench", "weighbridge.commands"},
    "weighbridge.balance": {"weighbridge.bridge", "weighbridge.indicator"},
    "weighbridge.bridge": {
        "onboard.clock",
        "onboard.outbox",
        "onboard.private",
        "onboard.sensors",
        "onboard.worker",
        "weighbridge.indicator",
    },
    "weighbridge.commands": {
        "onboard.clock",
        "onboard.outbox",
        "onboard.sensors",
        "weighbridge.bridge",
        "weighbridge.file_commands",
        "weighbridge.indicator",
        "weighbridge.protocol_names",
    },
    "weighbridge.file_commands": {"onboard.outbox", "weighbridge.balance", "weighbridge.bridge"},
    "weighbridge.indicator": {"onboard.clock", "onboard.sensors", "weighbridge.protocol_names"},
}
#: Where the package itself would load what its visitor does not use (a sensor's library, the web server), or has
#: nothing of its own to say, these modules are its doors.
DOORS: dict[str, set[str]] = {
    "onboard.box": {"commands", "crew"},
    "onboard.recording": {"nmea", "receiver", "replay"},
    "onboard.sensors": {"lifts", "readings", "scale", "serial_line", "tags", "vehicle_bus"},
    "optimizer.bench": {"commands"},
    "optimizer.search": {"pyvrp_engine"},
    "depot_api.app": {"plan_page", "serving"},
    "depot_api.drill": {"run"},
}
#: Outside libraries that live in one file each, or in two that share a drawing.
ALONE = {
    "ortools": {"optimizer/search/ortools_routing.py", "optimizer/search/ruin_recreate/recombine.py"},
    "pyroutingkit": {"optimizer/streets/roads.py"},
    "folium": {"dashboards/plan/map.py"},
    "fpdf": {"dashboards/plan/sheets.py", "dashboards/plan/drawing.py", "weighbridge/bridge/ticket.py"},
    "gpsd": {"onboard/recording/receiver.py"},
    "serial": {"onboard/sensors/serial_line.py"},
    "can": {"onboard/sensors/vehicle_bus.py"},
    "authlib": {"depot_api/access/oidc.py"},
    "argon2": {"depot_api/accounts/passwords.py"},
    "numba": {"optimizer/compiling.py"},
    "llvmlite": {"optimizer/compiling.py"},
    "pyvrp": {"optimizer/search/pyvrp_engine.py"},
    "osmnx": {"optimizer/new_area/overpass.py"},
}


def modules(part: str) -> list[Path]:
    file = ROOT / f"{part}.py"
    return [file] if file.exists() else sorted((ROOT / part).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def ours() -> dict[str, Path]:
    return {name_of(path): path for part in PARTS for path in modules(part)}


@cache
def imported(path: Path) -> frozenset[str]:
    """What a file imports, by full name: ``package.name`` too, where that may be a module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                own = path.relative_to(ROOT).parts[: -node.level]
                base = ".".join(filter(None, [*own, base]))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(names)


def room_of(module: str) -> str:
    """The room that a module stands in; a module that stands in a part's folder is one by itself."""
    return ".".join(module.split(".")[:2])


def arrows() -> Iterator[tuple[Path, str, str]]:
    """Every import of ours that leaves its room: the file, its room, the module."""
    for module, path in ours().items():
        for name in sorted(imported(path) & ours().keys()):
            if room_of(name) != room_of(module) and name not in PARTS - {"fleet", "ripeur"}:
                yield path, room_of(module), name


def circle(graph: Mapping[str, Set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_rooms_import_what_the_table_says_and_nothing_else() -> None:
    there: dict[str, set[str]] = {room_of(name): set() for name, path in ours().items() if name not in PARTS}
    there |= {"fleet": set(), "ripeur": set()}
    for _, room, name in arrows():
        if name != "fleet":
            there[room].add(room_of(name))
    assert {room: used for room, used in there.items() if used} == {room: used for room, used in MAY.items() if used}


def test_no_rooms_and_no_files_stand_in_a_circle() -> None:
    assert not circle(MAY)
    files = {name: imported(path) & ours().keys() - {name} for name, path in ours().items()}
    doors = {name for name in files if ours()[name].name == "__init__.py"}
    assert not circle({name: used - doors for name, used in files.items() if name not in doors})


def test_who_stands_outside_comes_in_by_the_door() -> None:
    for path, _, name in arrows():
        room, inside = room_of(name), name.split(".")[2:]
        if not inside or inside[0] in DOORS.get(room, ()):
            continue
        door = ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
        handed_on = {alias.name for node in door.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        direct = {
            node.module for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
        }
        past = inside[0] not in handed_on or name in direct
        assert not past, f"{path.relative_to(ROOT)} imports {name} past its door"


def test_parts_are_layered() -> None:
    """fleet ← onboard ← weighbridge, fleet ← optimizer, fleet ← dashboards, all ← depot_api ← ripeur."""
    layers = {
        "onboard": {"fleet"},
        "weighbridge": {"fleet", "onboard"},
        "optimizer": {"fleet"},
        "dashboards": {"fleet"},
        "depot_api": PARTS - {"ripeur"},
    }
    for room, used in MAY.items():
        part = room.split(".")[0]
        assert {name.split(".")[0] for name in used} - {part} <= layers.get(part, PARTS), room


def definitions(kind: type[ast.AST]) -> Iterator[tuple[str, Path, ast.AST]]:
    for path in ours().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield str(getattr(node, "name", "")), path, node


def test_a_class_has_its_name_for_itself() -> None:
    places: dict[str, set[str]] = {}
    for name, path, _ in definitions(ast.ClassDef):
        places.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    assert {name: sorted(files) for name, files in places.items() if len(files) > 1} == {}


def test_no_function_is_named_by_a_word_that_says_nothing() -> None:
    named = {(name, str(path.relative_to(ROOT))) for name, path, _ in definitions(ast.FunctionDef)}
    assert not {(name, path) for name, path in named if name in ("said", "told", "found")}


def test_records_of_more_than_six_fields_are_built_by_keyword() -> None:
    """But for one or two that come first, as a name and what it names."""
    large = {name for name, _, node in definitions(ast.ClassDef) if len(record_fields(node)) > 6}
    assert len(large) > 50
    for path in ours().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in large:
                by_place = [given for given in node.args if not isinstance(given, ast.Starred)]
                assert len(by_place) < 3, f"{path.relative_to(ROOT)}, line {node.lineno}: by position"


def record_fields(node: ast.AST) -> list[ast.AnnAssign]:
    """The fields of a dataclass or a NamedTuple; of any other class none."""
    assert isinstance(node, ast.ClassDef)
    marks = [ast.unparse(mark) for mark in (*node.decorator_list, *node.bases)]
    if not any("dataclass" in mark or mark.endswith("NamedTuple") for mark in marks):
        return []
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    return [f for f in fields if "ClassVar" not in ast.unparse(f.annotation) and "init=False" not in ast.unparse(f)]


def test_the_tour_of_the_code_names_every_file() -> None:
    page = (ROOT / "docs" / "tour-of-the-code.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(\w+)\.py\b", page))
    there = {path.stem for path in ours().values() if "migrations" not in path.parts} - {"__init__"}
    assert there <= named, f"not in the tour: {sorted(there - named)}"
    tests = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    assert named <= there | tests, f"in the tour, but nowhere: {sorted(named - there - tests)}"


def test_what_the_tour_tells_to_look_for_is_there() -> None:
    """``Class.method`` and ``function`` in code marks: defined somewhere in our code."""
    page = (ROOT / "docs" / "tour-of-the-code.md").read_text(encoding="utf-8")
    walks = page[page.index("## Five walks") : page.index("## Every file")]
    functions = {name for name, _, _ in definitions(ast.FunctionDef)} | {
        name for name, _, _ in definitions(ast.AsyncFunctionDef)
    }
    members = {
        f"{name}.{getattr(part, 'name', None) or getattr(getattr(part, 'target', None), 'id', None)}"
        for name, _, node in definitions(ast.ClassDef)
        for part in getattr(node, "body", ())
    }
    for named in set(re.findall(r"`([A-Za-z_]+\.[a-z_]+)`", walks)):
        assert named in members or named.endswith((".py", ".js", ".toml")), named
    for named in set(re.findall(r"[(,] ?`([a-z_]+)`[,)]", walks)):
        assert named in functions, named


@pytest.mark.parametrize("library", sorted(ALONE))
def test_an_outside_library_lives_in_one_file(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in modules(part)
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users == ALONE[library]


def test_every_package_is_part_of_the_distribution() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        said = set(tomllib.load(file)["tool"]["setuptools"]["packages"])
    there = {".".join(p.relative_to(ROOT).parent.parts) for part in PARTS for p in (ROOT / part).rglob("__init__.py")}
    assert said == there | {"ripeur_schemas"}


@pytest.mark.parametrize("part", ["onboard", "weighbridge", "fleet", "ripeur"])
def test_what_a_truck_imports_pulls_in_neither_solver_nor_tables(part: str) -> None:
    code = f"import json, sys, {part}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT).stdout)
    heavy = {"ortools", "pandas", "osmnx", "numpy", "networkx", "fastapi", "folium", "sqlalchemy", "fpdf", "can"}
    assert not heavy & set(loaded)


def test_modules_are_named_by_nouns_of_the_trade() -> None:
    names = {path.stem for part in PARTS for path in modules(part)}
    assert not names & {"utils", "helpers", "common", "manager", "misc", "util", "helper"}
