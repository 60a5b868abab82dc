"""Trucks that were two days without a network drain all they have at once, while another truck's live fix must show.

``python -m tests.bench.bench_drain [--trucks 40] [--hours 16] [--batch 500] [--postgres] [--live]``

``--hours 16`` at 1 Hz is two days of duty: 40 trucks bring 2.3 million positions. Each drains as a box does: packed
batches over one kept connection, the next after the answer. The live truck sends one fix a second; ``shows`` is how
long it takes from the fix until readers have it: at the tail of the store, or (``--live``) in ``GET /live``.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import threading
import time
import uuid
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import islice
from multiprocessing import get_context
from typing import Any

import orjson

from depot_api.accounts.tokens import make_token
from depot_api.store.store import Store
from fleet import instant_text, new_id
from tests.bench.bench_intake import databases, positions
from tests.services import DepotProcess, asked

#: What is to be reached.
DRAINED_WITHIN_S, SHOWS_WITHIN_S = 600.0, 5.0


def _trucks(conn: Any, port: int, tokens: dict[str, str], seconds: int, batch: int) -> None:
    """A process of some trucks, a thread each: bodies are made as they are sent, as a box makes them."""

    def drain(truck: str, seed: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Authorization": f"Bearer {tokens[truck]}", "Content-Encoding": "gzip"}
        waiting = positions(seconds, seed, truck)
        while facts := list(islice(waiting, batch)):
            body = gzip.compress(orjson.dumps(facts), 1)
            while True:
                connection.request("POST", "/facts", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status == 200:
                    break
                assert answer.status == 503, content[:300]
                time.sleep(0.5)

    threads = [threading.Thread(target=drain, args=(truck, k)) for k, truck in enumerate(tokens)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    conn.send("drained")


def _shown(port: int, store: Store, planner: str | None, fact: dict[str, Any]) -> bool:
    if planner is None:
        return bool(store.known([uuid.UUID(fact["id"]).bytes]))
    status, live, _ = asked(port, "GET", "/live", planner)
    assert status == 200, live
    return any(truck["truck"] == "LIVE" and truck["at"] >= fact["at"] for truck in live["trucks"])


def _watch(port: int, url: str, token: str, planner: str | None, stop: threading.Event) -> list[float]:
    """Seconds from each live fix until it showed."""
    took_s = []
    with Store(url) as store:
        while not stop.is_set():
            now = datetime.now(UTC)
            fact = next(positions(1, 1, "LIVE")) | {"id": new_id(now), "at": instant_text(now)}
            start_s = time.perf_counter()
            status, answer, _ = asked(port, "POST", "/facts", token, orjson.dumps([fact]))
            assert status == 200, answer
            while not _shown(port, store, planner, fact):
                time.sleep(0.05)
            took_s.append(time.perf_counter() - start_s)
            stop.wait(max(0.0, 1.0 - took_s[-1]))
    return sorted(took_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trucks", type=int, default=40)
    parser.add_argument("--hours", type=float, default=1.0, help="of duty that each truck brings (16: two days)")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--live", action="store_true", help="measure until the fix shows in GET /live")
    parser.add_argument("--area", help="the area that the depot follows tours on")
    args = parser.parse_args()
    seconds = int(args.hours * 3600)
    with databases(args.postgres) as urls:
        url = next(urls)
        with Store(url) as store:
            tokens = {f"T{k}": make_token(store, "box", f"T{k}") for k in range(args.trucks)}
            live, planner = make_token(store, "box", "LIVE"), make_token(store, "planner", "bench")
        options = ("--area", args.area) if args.area else ()
        with DepotProcess(url, options) as depot:
            ours, theirs = get_context("spawn").Pipe()
            client = get_context("spawn").Process(
                target=_trucks, args=(theirs, depot.port, tokens, seconds, args.batch)
            )
            stop, took_s = threading.Event(), list[float]()
            watcher = threading.Thread(
                target=lambda: took_s.extend(_watch(depot.port, url, live, planner if args.live else None, stop))
            )
            start_s = time.perf_counter()
            client.start()
            watcher.start()
            assert ours.recv() == "drained"
            drained_s = time.perf_counter() - start_s
            stop.set()
            watcher.join()
            client.join()
        with Store(url) as store:
            there = store.count()
    sent = args.trucks * seconds
    assert there == sent + len(took_s), (there, sent, len(took_s))
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print("| store | trucks | positions | drained in s | positions/s | live fixes | shows, median s | worst s | MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {'PostgreSQL' if args.postgres else 'SQLite'} | {args.trucks} | {sent:,} | {drained_s:.0f} "
        f"| {sent / drained_s:,.0f} | {len(took_s)} | {took_s[len(took_s) // 2]:.2f} | {took_s[-1]:.2f} | {peak_mib} |"
    )
    if "RIPEUR_BENCH_STRICT" in os.environ:
        assert drained_s <= DRAINED_WITHIN_S, drained_s
        assert took_s[-1] <= SHOWS_WITHIN_S, took_s[-1]


if __name__ == "__main__":
    main()
