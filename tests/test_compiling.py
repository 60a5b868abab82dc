"""Compiled functions: what is kept on disk is of the sources as they are, and runs only for as long as it is."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from types import ModuleType

import pytest
from numba.core import dispatcher

from optimizer.compiling import digest_of, kept, sources_of
from optimizer.matching import kernels as match_kernels
from optimizer.search.ruin_recreate import kernels, steps

ROOT = Path(__file__).parent.parent
#: A weight is the product of three constants: of the kernel's module, of one that a package's door opens, and of one
#: outside the package that only that one knows.
YARD = {
    "bins.py": "LITRES = 240\n",
    "yard/__init__.py": "",
    "yard/scale/__init__.py": "from .beam import filled\n",
    "yard/scale/beam.py": (
        "from optimizer.compiling import compiled\n"
        "import bins\n"
        "SHARE = 0.5\n"
        "LITRES = bins.LITRES\n"
        "@compiled()\n"
        "def filled(count):\n"
        "    return count * SHARE * LITRES\n"
    ),
    "yard/kernels.py": (
        "from optimizer.compiling import kept\n"
        "from .scale import filled\n"
        "KG = 2.0\n"
        "@kept()\n"
        "def weight(count):\n"
        "    return KG * filled(count)\n"
    ),
}
RUN = """
import json
from yard.kernels import weight
kg, stats = weight(1), weight.stats
print(json.dumps([kg, sum(stats.cache_hits.values()), stats.cache_path]))
"""


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    for name, text in YARD.items():
        path = tmp_path / "town" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "town"


def run(folder: Path, code: str = RUN, write_bytecode: bool = False, **environment: str) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "PYTHON"))}
    env |= {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), **environment}
    command = [sys.executable, *([] if write_bytecode else ["-B"]), "-c", code]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def weighed(folder: Path, write_bytecode: bool = False, **environment: str) -> tuple[float, bool, str | None]:
    """What a bin weighs, by a new process: the weight, whether the kernel was on disk, and where it is kept."""
    kg, loaded, where = json.loads(run(folder, RUN, write_bytecode, **environment))
    return kg, bool(loaded), where


def edit(path: Path, old: str, new: str) -> None:
    """An update that neither the time nor the size of the file tells."""
    stat, text = path.stat(), path.read_text()
    assert old in text
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.nb[ci]"))


def test_a_kernel_is_loaded_as_long_as_its_sources_say_the_same(yard: Path) -> None:
    assert weighed(yard)[:2] == (240.0, False)
    assert weighed(yard)[:2] == (240.0, True)
    for path in yard.rglob("*.py"):
        os.utime(path, (1, 1))
    (yard / "yard" / "of_no_kernel.py").write_text("KG = 3.0\n")
    assert weighed(yard)[:2] == (240.0, True), "of a later time, beside other modules"
    assert weighed(copytree(yard, yard.parent / "checkout"))[:2] == (240.0, True), "in another folder"


def test_a_kernel_is_compiled_anew_where_a_constant_of_another_module_has_changed(yard: Path) -> None:
    weighed(yard)
    before = entries(yard)
    expected = 240.0
    for name, old, new, factor in [
        ("bins.py", "240", "120", 0.5),
        ("yard/scale/beam.py", "0.5", "1.0", 2.0),
        ("yard/kernels.py", "2.0", "3.0", 1.5),
    ]:
        edit(yard / name, old, new)
        expected *= factor
        assert weighed(yard)[:2] == (expected, False), name
    assert weighed(yard)[:2] == (expected, True)
    assert entries(yard) == before, "what is stale is overwritten"


def test_what_is_compiled_of_a_module_that_python_took_for_unchanged_is_not_kept(yard: Path) -> None:
    weighed(yard, write_bytecode=True)
    edit(yard / "bins.py", "240", "120")
    assert weighed(yard)[:2] == (240.0, False), "Python runs its own compiled file, by time and size"
    os.utime(yard / "bins.py", (1, 1))
    assert weighed(yard)[:2] == (120.0, False)


def test_a_function_that_has_moved_leaves_no_file_of_its_old_line_when_it_is_compiled(yard: Path) -> None:
    weighed(yard)
    before = entries(yard)
    path = yard / "yard" / "kernels.py"
    folder = path.parent / "__pycache__"
    others = ["kernels.weight-1.py00.nbi", "kernels.weights-1.py311.nbi", "other_kernels.weight-1.py311.nbi"]
    for other in others:
        (folder / other).write_bytes(b"of another Python, another function, another module")
    path.write_text(f"# A line more.\n{path.read_text()}")
    run(yard, "import yard.kernels")
    assert set(before) < set(entries(yard)), "not before it is compiled"
    weighed(yard)
    now = entries(yard)
    assert not set(before) & set(now)
    assert set(others) < set(now)
    assert len(now) == len(before) + len(others)


def test_an_index_that_names_a_class_that_is_gone_is_of_other_sources(yard: Path) -> None:
    """numba unpickles what the arguments were before it asks whether the sources are still the same."""
    path = yard / "yard" / "kernels.py"
    path.write_text(
        "from typing import NamedTuple\n"
        "from optimizer.compiling import kept\n"
        "class Load(NamedTuple):\n    kg: float\n"
        "@kept()\ndef weight_of(load):\n    return load.kg\n"
        "def weight(count):\n    return weight_of(Load(2.0 * count))\n"
        "weight.stats = weight_of.stats\n"
    )
    assert weighed(yard)[:2] == (2.0, False)
    path.write_text(path.read_text().replace("Load", "Burden"))
    assert weighed(yard)[:2] == (2.0, False), "compiled anew"
    assert weighed(yard)[:2] == (2.0, True)
    (index,) = (yard / "yard" / "__pycache__").glob("*weight_of*.nbi")
    index.write_bytes(index.read_bytes()[:-20])
    assert weighed(yard)[:2] == (2.0, False), "a file that a power cut has cut off"


def test_an_import_deletes_no_file(yard: Path) -> None:
    weighed(yard)
    edit(yard / "bins.py", "240", "120")
    (yard / "yard" / "__pycache__" / "kernels.gone-1.py311.nbi").write_bytes(b"stale")
    before = entries(yard)
    run(yard, "import yard.kernels")
    assert entries(yard) == before
    watched = """
import sys
def watch(event, args):
    assert event not in ("os.remove", "os.rename") or ".nb" not in str(args[0]), args
sys.addaudithook(watch)
import optimizer.matching, optimizer.search.ruin_recreate.engine
"""
    run(yard, watched)


def test_where_the_folder_cannot_be_written_kernels_are_kept_for_the_user_and_else_compiled_at_each_start(
    yard: Path,
) -> None:
    own = yard.parent / "cache"
    assert weighed(yard, NUMBA_CACHE_DIR=str(own))[:2] == (240.0, False)
    assert weighed(yard, NUMBA_CACHE_DIR=str(own))[:2] == (240.0, True)
    edit(yard / "bins.py", "240", "120")
    assert weighed(yard, NUMBA_CACHE_DIR=str(own))[:2] == (120.0, False)
    (yard / "yard" / "__pycache__").write_text("no folder")  # to root every folder can be written
    user = yard.parent / "user"
    for loaded in (False, True):
        kg, from_disk, where = weighed(yard, XDG_CACHE_HOME=str(user))
        assert (kg, from_disk) == (120.0, loaded)
        assert where
        assert where.startswith(str(user))
    user = yard / "bins.py"  # no folder either
    for _ in range(2):
        assert weighed(yard, XDG_CACHE_HOME=str(user)) == (120.0, False, None)


def double(count: int) -> int:
    return 2 * count


class OfAnotherNumba:
    """Keeps its files in a way that we do not know."""

    cache_path = "somewhere"

    def __init__(self, function: object) -> None:
        pass


def test_with_a_numba_that_keeps_its_files_otherwise_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "FunctionCache", OfAnotherNumba)
    kernel = kept()(double)
    assert kernel(2) == 4
    assert kernel.stats.cache_path is None


def test_a_function_of_no_file_is_compiled_and_not_kept() -> None:
    there: dict[str, object] = {"__name__": "__nowhere__"}
    exec("def double(count):\n    return 2 * count\n", there)
    kernel = kept()(there["double"])
    assert kernel(2) == 4
    assert kernel.stats.cache_path is None


@pytest.mark.parametrize("module", [steps, kernels, match_kernels])
def test_the_kernels_of_search_and_matching_are_keyed_by_all_that_they_import(module: ModuleType) -> None:
    name = module.__name__
    sources = sources_of(name)
    constants = "search.ruin_recreate.kernel_arrays" if "ruin" in name else "matching.network"
    assert {name, "optimizer.compiling", f"optimizer.{constants}", "fleet"} <= set(sources)
    assert not {"optimizer.search.engines", "optimizer.matching.matching"} & set(sources), (
        "behind a door, but not asked"
    )
    own = [f for f in vars(module).values() if getattr(f, "__module__", "") == name and hasattr(f, "py_func")]
    stamps = {f._cache._cache_file._source_stamp for f in own if f.stats.cache_path}
    assert stamps == {digest_of(sources)}


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def written(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


def test_every_way_to_import_a_module_is_seen(town: Path) -> None:
    written(
        town,
        depot__start="from . import near, FAR\nfrom .near import *\nimport depot.deep.one as one, math\nimport alone\n",
        depot__near="def late():\n    from .deep import two\n    return two\n",
        depot__deep__one="try:\n    from ..up import A\nexcept ImportError:\n    import depot.start\n",
        depot__deep__two="from depot.deep import three\n",
        depot__deep__three="",
        depot__up="A = 1\n",
        depot__unused="",
        alone="import json",
    )
    (town / "depot" / "__init__.py").write_text("from .door import FAR\n")
    (town / "depot" / "door.py").write_text("FAR = 1\n")
    importlib.import_module("depot.start")
    inside = {"start", "near", "deep.one", "deep.two", "deep.three", "up", "door"}
    assert set(sources_of("depot.start")) == {"alone", *(f"depot.{name}" for name in inside)}
    assert set(sources_of("depot")) == {"depot", "depot.door"}


def test_what_others_have_installed_beside_us_is_not_ours(town: Path) -> None:
    written(town, depot__start="import theirs, ours, unknown\n", theirs="", ours="", unknown="")
    for project, names in {"mine": "depot\nours\n", "other": "theirs\n"}.items():
        folder = town / f"{project}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        (folder / "top_level.txt").write_text(names)
    importlib.import_module("depot.start")
    assert set(sources_of("depot.start")) == {"depot.start", "ours", "unknown"}
