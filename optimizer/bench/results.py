"""What a bench run gave: rows of a table that grows over days, the best known beside them, their means."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

PROGRAM = Path(__file__).parents[2]
MEASURED = ("optimizer", "fleet.py")  # what a result depends on
NUMBER = r"\d+(?:\.\d+)?"
HEADING = (
    f"{'instance':<18}{'seed':>5}{'cost':>14}{'vehicles':>9}{'best known':>14}{'gap %':>9}{'seconds':>9}"
    f"{'reading s':>10}"
)


@dataclass(frozen=True, slots=True)
class Result:
    """A row. None = not known: ``best_known``, ``claimed`` (a lower value that is only reported), ``best_vehicles``
    (where vehicles come first).

    ``seconds``: the search; ``reading_s``: the file and its distances.
    """

    commit: str
    engine: str
    format: str
    instance: str
    seed: int
    budget_s: float
    cores: int
    iterations: int | None
    cost: float
    vehicles: int
    best_known: float | None
    claimed: float | None
    best_vehicles: int | None
    seconds: float
    reading_s: float

    @property
    def gap_percent(self) -> float | None:
        """None where nothing is known, or where more vehicles than the best known uses make the costs incomparable."""
        return self._gap_percent(self.best_known)

    @property
    def gap_to_claimed_percent(self) -> float | None:
        """The gap to the lowest value that anybody reports."""
        return self._gap_percent(self.claimed or self.best_known)

    @property
    def is_new_best(self) -> bool:
        """Below the lowest value that anybody reports, by more than it may have been rounded."""
        lowest = self.claimed or self.best_known or 0.0
        return self.gap_to_claimed_percent is not None and self.cost < lowest - _half_of_the_last_digit(lowest)

    def _gap_percent(self, known: float | None) -> float | None:
        if not known or (self.best_vehicles is not None and self.vehicles > self.best_vehicles):
            return None
        return 100 * (self.cost / known - 1)

    @property
    def key(self) -> tuple[str, ...]:
        names = ("commit", "engine", "format", "instance", "seed", "budget_s", "cores", "iterations")
        return tuple("" if getattr(self, name) is None else str(getattr(self, name)) for name in names)

    def line(self) -> str:
        known = "" if self.best_known is None else number(self.best_known)
        gap = "" if self.gap_percent is None else f"{self.gap_percent:.3f}"
        vehicles = f"{self.vehicles}" if self.best_vehicles is None else f"{self.vehicles} ({self.best_vehicles})"
        return (
            f"{self.instance:<18}{self.seed:>5}{number(self.cost):>14}{vehicles:>9}{known:>14}{gap:>9}"
            f"{self.seconds:>9.1f}{self.reading_s:>10.1f}{'  new best' if self.is_new_best else ''}"
        )


def _half_of_the_last_digit(value: float) -> float:
    decimals = len(repr(float(value)).partition(".")[2].rstrip("0"))
    return 0.5 * 10.0**-decimals


def number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.3f}"


class Log:
    """The CSV that grows; a row that is there is not measured again."""

    def __init__(self, path: Path | None, commit: str) -> None:
        self.path, self.commit = path, commit
        self.there: dict[tuple[str, ...], Result] = {}
        if path is not None and path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                for line, row in enumerate(csv.DictReader(file), start=2):
                    try:
                        result = _of_row(row)
                    except (KeyError, TypeError, ValueError):
                        raise ValueError(f"{path}: line {line} is no bench result") from None
                    self.there[result.key] = result

    def add(self, result: Result) -> None:
        if self.path is None:
            return
        row = {name: "" if value is None else value for name, value in asdict(result).items()}
        gap = result.gap_percent
        text = io.StringIO()
        writer = csv.DictWriter(text, [*row, "gap_percent"], lineterminator="\n")
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # benches side by side
            if not file.seek(0, os.SEEK_END):
                writer.writeheader()
            elif file.seek(-1, os.SEEK_END) and file.read() != b"\n":  # cut, by a full disk or an editor
                text.write("\n")
            writer.writerow({**row, "gap_percent": "" if gap is None else f"{gap:.4f}"})
            file.write(text.getvalue().encode())
        self.there[result.key] = result


def _of_row(row: dict[str, str]) -> Result:
    take = {"int": int, "float": float, "str": str, "int | None": int, "float | None": float}
    values: dict[str, Any] = {}
    for field in fields(Result):
        text, kind = row[field.name], str(field.type)
        values[field.name] = None if text == "" and kind.endswith("None") else take[kind](text)
    return Result(**values)


@dataclass(frozen=True, slots=True)
class BestKnown:
    """What ``best_known.csv`` says of an instance; None = nothing. ``claimed``: lower, from its note, not verified."""

    cost: float | None = None
    claimed: float | None = None
    vehicles: int | None = None


def best_known_of(instance: Path) -> BestKnown:
    """From ``best_known.csv`` beside the file: the cost, and what its note names of vehicles and of newer values.

    What is no number is not known.
    """
    path = instance.parent / "best_known.csv"
    if not path.exists():
        return BestKnown()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("instance") == instance.stem and re.fullmatch(NUMBER, row.get("best_known") or ""):
                note = row.get("note") or ""
                vehicles = re.search(r"(\d+) vehicles", note)
                newer = re.search(f"newer literature value ({NUMBER})", note)
                return BestKnown(
                    float(row["best_known"]), float(newer[1]) if newer else None, int(vehicles[1]) if vehicles else None
                )
    return BestKnown()


def commit() -> str:
    """What was measured: the last commit that touches the search, with a digest of what is changed since; where it is
    installed without its history, the version with a digest of all of it."""
    try:
        head = _git("log", "-1", "--format=%h", "--abbrev=12", "--", *MEASURED).decode().strip()
        changed = _git("diff", "HEAD", "--", *MEASURED)
        for name in sorted(_git("ls-files", "-o", "--exclude-standard", "-z", "--", *MEASURED).split(b"\0")):
            if name.endswith(b".py"):
                changed += (PROGRAM / name.decode()).read_bytes()
    except (OSError, subprocess.CalledProcessError):
        head, changed = "", b""
    if not head:  # in somebody else's repository git says nothing at all
        files = sorted(path for name in MEASURED for path in (PROGRAM / name).rglob("*.py"))
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in [PROGRAM / "fleet.py", *files]))
        return f"{version('ripeur')}-{digest.hexdigest()[:8]}"
    return f"{head}-dirty-{hashlib.sha256(changed).hexdigest()[:8]}" if changed else head


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=PROGRAM, capture_output=True, check=True).stdout


def mean_line(results: Sequence[Result]) -> str:
    """Over instances of which each seed compares: the mean of each one's mean over its seeds, and of their best."""
    by_instance: dict[str, list[Result]] = {}
    for result in results:
        by_instance.setdefault(result.instance, []).append(result)
    every = len(by_instance)
    by_instance = {name: row for name, row in by_instance.items() if all(r.gap_percent is not None for r in row)}
    unknown = every - len(by_instance)
    line = f"{len(by_instance)} instances"
    if by_instance:
        line += f": {_means([[r.gap_percent or 0.0 for r in row] for row in by_instance.values()])}"
        if any(result.claimed for row in by_instance.values() for result in row):
            claimed = _means([[r.gap_to_claimed_percent or 0.0 for r in row] for row in by_instance.values()])
            line += f"; to the newer values that are reported: {claimed}"
    return line + (f"; without a comparable best known: {unknown}" if unknown else "")


def _means(gaps: Sequence[Sequence[float]]) -> str:
    return f"mean gap {mean(map(mean, gaps)):.3f} %, of the best of the seeds {mean(map(min, gaps)):.3f} %"
