"""Travel times between street sides: our hierarchy against scipy's Dijkstra (and OSRM's table, on Python 3.13).

Same extract, same stands, one run. Prints milliseconds (median of RUNS) and the ratio. Usage:
``python tests/bench/bench_matrix.py [AREA] [--osrm PYTHON3.13]``; sizes 500, 1,000, 2,000.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from optimizer.planning.town import Town
from optimizer.streets.roads import CLOSED, TruckRoads

RUNS = 5
SIZES = (500, 1000, 2000)
ROOT = Path(__file__).parents[2]


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def turn_graph(roads: TruckRoads) -> csr_matrix:
    """The same edge-expanded graph for scipy: milliseconds by turn (0 would mean no turn, so at least 1)."""
    turns, open_ = roads.turns, roads.weights < CLOSED
    weights = np.maximum(1, roads.weights[open_].astype(np.int64))
    return csr_matrix((weights, (turns.tail[open_], turns.head[open_])), shape=(turns.states, turns.states))


def osrm_ms(python: str, town: Town, lonlat: list[tuple[float, float]]) -> dict[str, float]:
    """OSRM's table between the same places, in a Python that has ``osrm-bindings``; snapping and JSON included."""
    asked = {"extract": str(town.area.extract), "sizes": SIZES, "runs": 3, "lonlat": lonlat}
    script = Path(__file__).parent / "osrm_table.py"
    said = subprocess.run([python, str(script)], input=json.dumps(asked), capture_output=True, check=True, text=True)
    answer = json.loads(said.stdout.splitlines()[-1])
    print(f"OSRM prepares the extract in {answer['prepare_s']:.1f} s")
    return dict(answer["ms"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("area", type=Path, nargs="?", default=ROOT / "data" / "monaco")
    parser.add_argument("--osrm", metavar="PYTHON", help="a Python 3.12 or newer that has osrm-bindings")
    args = parser.parse_args()
    area = args.area
    town = Town.prepare(area)
    roads = next(iter(town.roads.values()))
    profile = next(iter(town.roads))
    stands = [one.stands[profile][0] for one in town.passes if one.stands.get(profile)]
    graph = turn_graph(roads)
    rng = np.random.default_rng(1)
    print(f"{area.name}: {roads.turns.states} states, {len(roads.turns.tail)} turns, seed 1, median of {RUNS} runs")
    customize = median_ms(lambda: roads.metric.customize(roads.weights))
    print(f"customize one truck: {customize:.1f} ms")
    some = [town.streets.segments[5].index]
    closing = median_ms(lambda: (roads.close(some), roads.reopen(some)))
    print(f"close and reopen a street (arcs found again each time): {closing:.2f} ms")
    osrm = {}
    if args.osrm:
        order = rng.integers(0, len(stands), SIZES[-1])
        osrm = osrm_ms(args.osrm, town, [town.extract.lonlat[stands[k].node_in] for k in order])
    heads = ("size", "matrix, ms", "hierarchy alone, ms", "scipy Dijkstra, ms", "ratio", "OSRM table, ms")
    print("  ".join(f"{head:>19}" for head in heads))
    for size in SIZES:
        if len(stands) < size:
            chosen = [stands[k] for k in rng.integers(0, len(stands), size)]
        else:
            chosen = [stands[k] for k in rng.choice(len(stands), size, replace=False)]
        sources, targets = [s.leave for s in chosen], [s.arrive for s in chosen]
        whole = median_ms(lambda chosen=chosen: roads.matrix_ds(chosen))
        alone = median_ms(lambda s=sources, t=targets: roads._distances(s, t))
        unique = np.unique(sources)
        theirs = median_ms(lambda u=unique: dijkstra(graph, indices=u), runs=1 if size > 1000 else 3)
        row = [size, round(whole), round(alone), round(theirs), f"{theirs / alone:.1f}"]
        row.append(round(osrm[str(size)]) if osrm else "-")
        print("  ".join(f"{cell!s:>19}" for cell in row))
        ours = roads._distances(sources, targets)
        check = dijkstra(graph, indices=unique)[np.searchsorted(unique, sources)][:, targets]
        known = ours < CLOSED
        assert np.array_equal(known, np.isfinite(check)), "the two engines disagree on what can be reached"
        assert np.abs(ours[known] - check[known]).max() <= 50, "the two engines disagree on times"


if __name__ == "__main__":
    main()
