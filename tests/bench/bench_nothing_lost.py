"""A thousand boxes' lives with everything that can go wrong, in process: nothing lost, nothing doubled.

    python -m tests.bench.bench_nothing_lost --schedules 1000 --seed 0

What a schedule is stands in ``tests/schedules.py``; those with real processes and real ``kill -9`` are in
``tests/test_nothing_lost.py``. The files lie in memory where the system has such a folder: what is tried here are the
deaths of processes, not of disks.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

if __package__ in (None, ""):  # `python tests/bench/bench_nothing_lost.py`, as `make bench` calls it
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.schedules import Ending, run_schedule

MEMORY = Path("/dev/shm")


def lived(seed: int) -> Ending | str:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        try:
            return run_schedule(seed, Path(folder))
        except AssertionError as error:
            return str(error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    begun = time.monotonic()
    with ProcessPoolExecutor(args.processes) as pool:
        endings = list(pool.map(lived, range(args.seed, args.seed + args.schedules), chunksize=10))
    bad = [ending for ending in endings if isinstance(ending, str)]
    good = [ending for ending in endings if not isinstance(ending, str)]
    faults = sum((ending.faults for ending in good), Counter[str]())
    print("| schedules | recorded | at the depot | thinned | refused | deaths | clock jumps | faults | wrong | s |")
    print("|" + "---|" * 10)
    sums = (
        sum(getattr(e, name) for e in good) for name in ("recorded", "stored", "thinned", "refused", "deaths", "jumps")
    )
    print(
        f"| {len(endings)} | {' | '.join(f'{total:,}' for total in sums)} | {faults.total() - faults['none']:,} "
        f"| {len(bad)} | {time.monotonic() - begun:.0f} |"
    )
    print(", ".join(f"{name} {n:,}" for name, n in sorted(faults.items()) if name != "none"))
    for said in bad[:10]:
        print(said)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
