"""Functions compiled by numba, and kept on disk as long as the sources that they were made of stay as they are.

numba asks of a kept function whether its own file has changed, not whether a file has whose functions and constants
were compiled into it: after an update that leaves its own file alone the old code would run on. So what is kept here
is keyed by the contents of the function's module, of every module of ours that it imports, and of what these import.
They are found in the sources, so that none can be forgotten; only an import that no ``import`` says is not seen. What
was kept of other sources is not loaded, and overwritten when the function is compiled again: an import deletes nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from glob import escape
from hashlib import blake2b
from importlib.machinery import SourceFileLoader
from importlib.metadata import packages_distributions
from itertools import accumulate
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar, cast

import llvmlite
import numpy as np
from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])
#: What reading an index may end in that is of other classes, or cut off.
UNREADABLE = (AttributeError, ImportError, EOFError, UnpicklingError, TypeError, ValueError, IndexError, KeyError)


def compiled(**options: Any) -> Callable[[_F], _F]:
    """For what only compiled code calls: compiled with its callers, and kept as a part of them."""
    return cast(Callable[[_F], _F], njit(**options))


def kept(**options: Any) -> Callable[[_F], _F]:
    """Compiled when it is first called, and kept beside the module or for the user. Where neither can be written, where
    the sources cannot be read, or where numba keeps its files in a way that is not known here: compiled at each start.
    """

    def decorate(function: _F) -> _F:
        try:
            kernel = njit(**options, cache=True)(function)
            _key(kernel._cache, sources_of(function.__module__))
        except (RuntimeError, AttributeError, OSError, SyntaxError):
            kernel = njit(**options)(function)
        return cast(_F, kernel)

    return decorate


def _key(disk: Any, sources: dict[str, bytes]) -> None:
    """Let numba's cache of a function ask for these sources where it asks for the function's file."""
    if not (hasattr(disk._cache_file, "_source_stamp") and hasattr(disk._cache_file, "_load_index")):
        raise RuntimeError("this numba keys what it keeps in another way")
    disk._cache_file._source_stamp = digest_of(sources)
    load_index = disk._cache_file._load_index

    def readable_index() -> Any:
        """numba reads all of an index before it looks at its stamp: an older one may name a class that is gone."""
        try:
            return load_index()
        except UNREADABLE:
            return {}

    disk._cache_file._load_index = readable_index
    save, folder, name = disk.save_overload, Path(disk.cache_path), disk._impl.filename_base

    def save_overload(signature: Any, made: Any) -> None:
        if _loaded_as_written(sources):
            save(signature, made)
            _forget_other_lines(folder, name)

    disk.save_overload = save_overload


def digest_of(sources: dict[str, bytes]) -> str:
    """Of contents alone: neither the time of a file nor the folder of a checkout matters. numba itself looks at its own
    version, Python's and the processor."""
    digest = blake2b(f"{llvmlite.__version__} {np.__version__}".encode(), digest_size=16)
    for name, source in sorted(sources.items()):
        digest.update(f"\0{name} {len(source)} ".encode() + source)
    return digest.hexdigest()


def sources_of(module: str) -> dict[str, bytes]:
    """What stands in a module and in every one of ours that it imports, by name.

    Of a package that is only a door (``__init__`` hands names on, and says nothing else) what is asked for is followed
    to where it stands: the others behind the door are none of its sources.
    """
    spec = getattr(sys.modules.get(module), "__spec__", None)
    if spec is None or not spec.origin:  # a script, a notebook
        raise RuntimeError(f"{module} is no module of a file")
    own = str(spec.name)
    root = Path(spec.origin).parents[own.count(".") + (spec.submodule_search_locations is not None)]
    ours = {path.stem for path in root.iterdir()} - _foreign(root, own.partition(".")[0])
    sources: dict[str, bytes] = {}
    seen, left = set[str](), {own}
    while left:
        name = left.pop()
        seen.add(name)
        package, _, wanted = name.rpartition(".")
        path = _file_of(root, name)
        if name.partition(".")[0] not in ours:
            continue
        if path is None:  # a name of the package, or of its door
            above = _file_of(root, package) if package else None
            door = _door(above.read_bytes(), package) if above else None
            named = {package} if door is None else door.values() if wanted == "*" else {door.get(wanted, package)}
            left |= {*named} - seen
            continue
        source = path.read_bytes()
        is_package = path.stem == "__init__"
        if is_package and name != own and _door(source, name) is not None:
            continue
        sources[name] = source
        left |= (_imported(source, name if is_package else package) | ({package} - {""})) - seen
    if own not in sources:
        raise RuntimeError(f"{module} has no source")
    return sources


@cache
def _door(source: bytes, package: str) -> dict[str, str] | None:
    """What a package hands on, by name, where it does nothing else; None where it does."""
    handed: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            handed |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) and not (
            isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
        ):
            return None
    return None if "*" in handed else handed


@cache
def _imported(source: bytes, package: str) -> frozenset[str]:
    """Names that may be modules', or of modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {
                f"{part}{rest}" for alias in node.names for part in _with_packages(alias.name) for rest in ("", ".*")
            }
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def _base(node: ast.ImportFrom, package: str) -> str:
    steps = package.split(".")[: 1 - node.level or None] if node.level else []
    return ".".join([*steps, *filter(None, [node.module])])


def _with_packages(name: str) -> Iterator[str]:
    return accumulate(name.split("."), "{}.{}".format)


def _file_of(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()), None)


@cache
def _foreign(root: Path, own: str) -> frozenset[str]:
    """What others have installed beside us. In a checkout all is ours, and so is what nobody has installed."""
    if not any(root.glob("*.dist-info")):
        return frozenset()
    owners = packages_distributions()
    ours = {*owners.get(own, ())}
    return frozenset(name for name, theirs in owners.items() if ours.isdisjoint(theirs))


def _loaded_as_written(sources: dict[str, bytes]) -> bool:
    """Python takes its own compiled files by time and size: after an update that keeps both it runs the module as it
    was, and what is made of that must not be kept as made of the new one."""
    for name in sources:
        loader = getattr(sys.modules.get(name), "__loader__", None)
        if isinstance(loader, SourceFileLoader):
            path = loader.get_filename(name)
            if loader.get_code(name) != loader.source_to_code(loader.get_data(path), path):
                return False
    return True


def _forget_other_lines(folder: Path, name: str) -> None:
    """numba names files by the line as well ("steps.search-660.py311"): a function that has moved would leave its old
    ones behind at each update."""
    function, _, line = name.rpartition("-")
    python = line.partition(".")[2]
    with suppress(OSError):
        for old in folder.glob(f"{escape(function)}-*.{escape(python)}.*nb[ci]"):
            if not old.name.startswith(f"{name}."):
                old.unlink(missing_ok=True)
