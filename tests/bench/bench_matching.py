"""Map matching beside nearest-edge: how much of the way is right, and how many fixes a second.

    python tests/bench/bench_matching.py [--tracks 40] [--seeds 1,2,3]

Hof: real fleet tracks with ways corrected by hand, on a graph made of the ways (which flatters). Heidelberg: simulated
tracks on the whole town's graph, 10 m of lasting error per axis; ``positions only``: the receiver tells neither speed
nor course nor its error. Found: share of the metres driven, each street and direction; added: metres said wrongly, as a
share of those driven; beside: found of streets that run within 30 m of a parallel one. Median over the seeds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from optimizer.matching.matching import Matcher
from optimizer.matching.network import ArcSpan, Network
from optimizer.new_area.new_area import make_area
from optimizer.streets import read_extract
from optimizer.streets.streets import build_street_network
from optimizer.streets.turns import expand_turns
from tests.tracks import NOTHING, Driver, Hof, NearestEdge, Receiver, Right, beside_another, matched, right, spans_of

SHARED = Path(os.environ.get("RIPEUR_SHARED", Path(__file__).parents[3] / "shared"))
HEAD = (
    "| tracks | every, s | fixes | found | added | beside | found, nearest edge | added | beside | fixes/s |\n"
    + "|---" * 10
    + "|"
)


def line(name: str, every: str, fixes: int, cells: list[str]) -> None:
    print(f"| {name} | {every} | {fixes} | {' | '.join(cells)} |", flush=True)


def share(value: float) -> str:
    return f"{100 * value:.1f} %"


def hof() -> None:
    data = Hof(SHARED / "realdata/traces")
    ours, nearest, fixes, seconds = NOTHING, NOTHING, 0, 0.0
    for track, said in data.fixes.items():
        network = data.network(track)
        matcher, true = Matcher(network), data.true_spans(network, track)
        begin = time.perf_counter()
        steps = matched(matcher, said)
        seconds += time.perf_counter() - begin
        fixes += len(said)
        ours += right(true, spans_of(steps))
        nearest += right(true, NearestEdge(network).spans(said))
    cells = [share(ours.found), share(ours.added), "", share(nearest.found), share(nearest.added), ""]
    line("Hof, real", "1 to 16", fixes, [*cells, f"{fixes / seconds:,.0f}"])


def heidelberg() -> Network:
    with tempfile.TemporaryDirectory() as folder:
        made = make_area(
            Path(folder) / "heidelberg", SHARED / "realdata/osm/heidelberg.test.pbf", population=160_000,
            name="Heidelberg",
        )  # fmt: skip
        extract = read_extract(made.area.extract)
        streets = build_street_network(extract, made.area)
        return Network.of(streets, extract.lonlat, expand_turns(extract, streets, ()))


def simulated(network: Network, every_s: float, doppler: bool, tracks: int, seeds: list[int]) -> None:
    matcher, nearest, beside = Matcher(network), NearestEdge(network), beside_another(network)
    columns: list[list[float]] = []
    fixes = 0
    for seed in seeds:
        driver = Driver(network, seed)
        sums: dict[str, Right] = dict.fromkeys(("ours", "near", "ours beside", "near beside"), NOTHING)
        count, seconds = 0, 0.0
        for _ in range(tracks):
            track = driver.track(Receiver(every_s, doppler=doppler))
            begin = time.perf_counter()
            steps = matched(matcher, track.fixes)
            seconds += time.perf_counter() - begin
            count += len(track.fixes)
            for name, spans in (("ours", spans_of(steps)), ("near", nearest.spans(track.fixes))):
                sums[name] += right(track.way, spans)
                only = [s for s in track.way if s.arc // 2 in beside]
                sums[f"{name} beside"] += right(only, [ArcSpan(*s) for s in spans if s[0] // 2 in beside])
        fixes += count
        columns.append([
            sums["ours"].found, sums["ours"].added, sums["ours beside"].found,
            sums["near"].found, sums["near"].added, sums["near beside"].found, count / seconds,
        ])  # fmt: skip
    middle = [statistics.median(column) for column in zip(*columns, strict=True)]
    name = "Heidelberg, simulated" + ("" if doppler else ", positions only")
    line(name, f"{every_s:g}", fixes, [*map(share, middle[:6]), f"{middle[6]:,.0f}"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--seeds", default="1,2,3")
    args = parser.parse_args()
    network = heidelberg()
    begin = time.perf_counter()
    Matcher(network).warm()
    print(f"kernels ready after {time.perf_counter() - begin:.1f} s\n\n{HEAD}")
    hof()
    for doppler in (True, False):
        for every_s in (1.0, 5.0, 15.0):
            simulated(network, every_s, doppler, args.tracks, [int(seed) for seed in args.seeds.split(",")])


if __name__ == "__main__":
    main()
