"""A depot under an ordinary morning's load for a quarter of an hour: does it stay as it is?

``python -m tests.bench.bench_soak [--minutes 15] [--trucks 100] [--area data/monaco] [--postgres]``

Each truck sends a position a second over a line of its own, a lift every ten seconds, and asks for its tour and its
messages every thirty; two consoles watch the stream. Told each minute: resident memory, the median and the 99th of a
hundred of the time that a fact's answer took. ``goal``: memory at the end at most 5 % over that of minute 2, median at
most 20 ms. Exits 1 where it is not reached.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
import uuid
from datetime import UTC, datetime
from http.client import HTTPConnection
from random import Random

import orjson

from depot_api.accounts.tokens import make_token
from depot_api.store.store import Store
from fleet import instant_text
from tests.bench.bench_bounds import Process
from tests.bench.bench_intake import databases
from tests.services import DepotProcess

GOAL_GROWTH, GOAL_MEDIAN_MS = 0.05, 20.0


class Truck(threading.Thread):
    """A box that drives about; ``took_s``: what each answer to a fact took, emptied by whoever reads it."""

    def __init__(self, port: int, name: str, token: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.truck, self.took_s, self.failed = name, list[float](), 0
        self._port, self._stop_, self._chance = port, stop, Random(name)
        self._head = {"Authorization": f"Bearer {token}"}

    def run(self) -> None:
        line = HTTPConnection("127.0.0.1", self._port, timeout=30)
        lat, lon = 43.73 + self._chance.random() / 50, 7.41 + self._chance.random() / 50
        time.sleep(self._chance.random())
        due_s, second = time.monotonic(), 0
        while not self._stop_.is_set():
            lat, lon = lat + self._chance.gauss(0, 4e-5), lon + self._chance.gauss(0, 5e-5)
            at = instant_text(datetime.now(UTC))
            about = {"truck": self.truck, "at": at, "lat_deg": round(lat, 7), "lon_deg": round(lon, 7)}
            facts = [{"kind": "position", "id": self._id(), "mode": 3, "speed_mps": 4.0, **about}]
            if second % 10 == 0:
                facts.append({"kind": "lift", "id": self._id(), **about})
            begun_s = time.perf_counter()
            self.failed += self._asked(line, "POST", "/facts", orjson.dumps(facts)) != 200
            self.took_s.append(time.perf_counter() - begun_s)
            if second % 30 == 0:
                self._asked(line, "GET", f"/tours/{self.truck}", None)
                self._asked(line, "GET", f"/messages?truck={self.truck}&since={at}", None)
            second += 1
            due_s += 1.0
            self._stop_.wait(max(0.0, due_s - time.monotonic()))

    def _asked(self, line: HTTPConnection, method: str, path: str, body: bytes | None) -> int:
        try:
            line.request(method, path, body, self._head)
            answer = line.getresponse()
            answer.read()
            return answer.status
        except OSError:
            line.close()
            return 0

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128)))


def watch(port: int, token: str, stop: threading.Event) -> None:
    """A console: reads the stream as it comes."""
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/live/stream", None, {"Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    while not stop.is_set() and answer.readline():
        pass
    line.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--trucks", type=int, default=100)
    parser.add_argument("--area")
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    stop = threading.Event()
    with databases(args.postgres) as urls:
        url = next(urls)
        with Store(url) as store:
            tokens = {f"T{k}": make_token(store, "box", f"T{k}") for k in range(args.trucks)}
            planner = make_token(store, "planner", "P")
        with DepotProcess(url, ("--area", args.area) if args.area else ()) as depot:
            assert depot.process is not None
            process = Process(depot.process.pid)
            trucks = [Truck(depot.port, name, token, stop) for name, token in tokens.items()]
            for thread in [*trucks, *(
                threading.Thread(target=watch, args=(depot.port, planner, stop), daemon=True) for _ in range(2)
            )]:  # fmt: skip
                thread.start()
            print("| minute | facts | refused or lost | RSS, MiB | median, ms | p99, ms |\n|---|---|---|---|---|---|")
            all_s: list[float] = []
            rss: list[float] = []
            for minute in range(1, args.minutes + 1):
                time.sleep(60)
                took_s = sorted(s for truck in trucks for s in _emptied(truck.took_s))
                rss.append(process.mib("VmRSS"))
                all_s += took_s
                print(f"| {minute} | {len(took_s)} | {sum(truck.failed for truck in trucks)} | {rss[-1]:.1f} "
                      f"| {1000 * statistics.median(took_s):.1f} | {1000 * took_s[int(len(took_s) * 0.99)]:.1f} |",
                      flush=True)  # fmt: skip
            stop.set()
    growth = rss[-1] / rss[min(1, len(rss) - 1)] - 1
    median_ms = 1000 * statistics.median(all_s)
    print(f"\nmemory {100 * growth:+.1f} % from minute 2 on (goal {100 * GOAL_GROWTH:.0f}), "
          f"median {median_ms:.1f} ms (goal {GOAL_MEDIAN_MS:.0f})")  # fmt: skip
    raise SystemExit(0 if growth <= GOAL_GROWTH and median_ms <= GOAL_MEDIAN_MS else 1)


def _emptied(found: list[float]) -> list[float]:
    taken = found[:]
    del found[: len(taken)]
    return taken


if __name__ == "__main__":
    main()
