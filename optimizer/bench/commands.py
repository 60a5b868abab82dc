"""``ripeur bench``: solve published instances, judge each solution, compare with the best known."""

from __future__ import annotations

import argparse
import math
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from optimizer.engine_names import ENGINE_NAMES

FORMATS = ("carp", "mcarp", "mcarptif", "wcvrptw", "mcvrp")
DATA = {".dat", ".txt"}
#: What a file, or an engine that is being measured, may fail with.
FAILURES = (ValueError, OSError, MemoryError, RuntimeError, ArithmeticError, LookupError, AssertionError)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the command line."""
    bench = commands.add_parser("bench", help="solve published instances and compare with the best known")
    bench.add_argument("format", choices=FORMATS)
    bench.add_argument("files", type=Path, nargs="+", metavar="FILE", help="instances, or folders of them")
    bench.add_argument("--budget", type=_seconds, default=60.0, metavar="S", help="seconds of search per seed (60)")
    bench.add_argument("--seeds", type=_seeds, default=(1,), metavar="1,2,3", help="(1); ortools and pyvrp: the first")
    bench.add_argument(
        "--cores", type=_count, default=1, metavar="N", help="searches side by side, of --engine ripeur (1)"
    )
    bench.add_argument("--iterations", type=_count, metavar="N", help="of --engine ripeur, in place of the budget")
    bench.add_argument("--engine", choices=ENGINE_NAMES, default=ENGINE_NAMES[0])
    bench.add_argument("--csv", type=Path, metavar="OUT", help="append results; what is there already is not repeated")
    bench.add_argument("--solutions", type=Path, metavar="DIR", help="write <instance>.sol, the best of the seeds")
    bench.set_defaults(run=_bench)


def instance_files(given: Sequence[Path]) -> Iterator[Path]:
    """The files, and those in folders: ``.dat`` and ``.txt``, 2 before 10. ValueError: a path that does not exist, a
    folder without instances."""
    for path in given:
        if path.is_dir():
            inside = sorted((p for p in path.iterdir() if p.suffix.lower() in DATA), key=_in_order)
            if not inside:
                raise ValueError(f"{path}: no {' or '.join(sorted(DATA))} in it")
            yield from inside
        elif path.is_file():
            yield path
        else:
            raise ValueError(f"{path}: no such file or folder")


def _in_order(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.findall(r"\d+|\D+", path.name)]


def _bench(args: argparse.Namespace) -> int:
    # Ctrl-C ends the bench at once (the search alone would end with its best so far, and that would be measured)
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return _rows(args)
    finally:
        signal.signal(signal.SIGINT, interrupt)


def _rows(args: argparse.Namespace) -> int:
    from optimizer.bench import results, table

    files = list(instance_files(args.files))  # a path mistyped is told before anything is measured
    twice = [name for name, count in Counter(path.stem for path in files).items() if count > 1]
    if twice:
        raise ValueError(f"{', '.join(twice)}: given twice; rows are told apart by the file's name")
    seeds = args.seeds if args.engine == "ripeur" else args.seeds[:1]
    cores, iterations = (args.cores, args.iterations) if args.engine == "ripeur" else (1, None)
    run = table.Run(args.format, args.engine, args.budget, cores, iterations, args.solutions)
    log = results.Log(args.csv, results.commit())
    if args.csv is not None:  # what cannot be written is told before anything is measured, too
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        args.csv.open("a").close()
    if args.solutions is not None:
        args.solutions.mkdir(parents=True, exist_ok=True)
    print(results.HEADING)
    done: list[results.Result] = []
    bad: set[Path] = set()
    for path in files:
        measured = table.Measured(path, run, log)
        for seed in seeds:
            try:
                result, is_new = measured.row(seed)
            except FAILURES as error:  # one bad file does not cost the table, nor one bad seed the others
                bad.add(path)
                print(f"ripeur bench: {path.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                if measured.instance is None:
                    break
                continue
            print(result.line() + ("" if is_new else "  (there already)"), flush=True)
            done.append(result)
    if done:
        print(results.mean_line(done))
    if bad:
        print(f"{len(bad)} of the files failed", file=sys.stderr)
    return 1 if bad else 0


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 or more seconds")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number, 1 or more")
    return int(text)


def _seeds(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text}: must be whole numbers with commas between")
    return tuple(map(int, text.split(",")))
