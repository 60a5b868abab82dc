"""How many positions a second the depot takes in, each on disk before the answer, over HTTP from another process.

``python -m tests.bench.bench_intake [--postgres] [--positions 200000] [--batch 100] [--connections 8] [--gzip]``

The depot is ``ripeur serve`` as it runs for real, the clients are processes of their own. ``raw``: what the same store
takes in the same run with nothing in front of it, rows ready, commits of 10,000. Ids are of a seeded random, so that
two runs send the same.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from depot_api.accounts.tokens import make_token
from depot_api.store.store import NewFact, Store, microseconds
from fleet import instant
from tests.services import DepotProcess, cluster


def positions(n: int, seed: int, truck: str = "T1", start_us: int = 1_795_150_800_000_000) -> Iterator[dict[str, Any]]:
    """A truck's positions, one a second, by a seeded random."""
    chance = random.Random(seed)
    for k in range(n):
        at_us = start_us + k * 1_000_000
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))
        id = (at_us // 1000) << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)
        yield {
            "kind": "position", "id": str(uuid.UUID(int=id)), "truck": truck, "at": at, "box_at": at,
            "lat_deg": round(43.7 + chance.random() / 20, 7), "lon_deg": round(7.4 + chance.random() / 20, 7),
            "speed_mps": round(chance.random() * 12, 2), "heading_deg": round(chance.random() * 360, 1),
            "eph_m": round(2 + chance.random() * 8, 1), "mode": 3,
        }  # fmt: skip


def raw_rate(url: str, n: int) -> float:
    """Rows a second into a store of the same kind, in commits of 10,000."""
    rows = [
        NewFact(uuid.UUID(j["id"]).bytes, "position", "T1", microseconds(instant(j["at"])), 0, orjson.dumps(j).decode())
        for j in positions(n, 99)
    ]
    with Store(url) as store:
        start_s = time.perf_counter()
        for first in range(0, n, 10_000):
            store.add(rows[first : first + 10_000])
        return n / (time.perf_counter() - start_s)


def sent(port: int, token: str, bodies: list[bytes], connections: int, packed: bool) -> list[float]:
    """Send every body over so many kept connections; seconds that each answer took."""
    waiting, lock, took_s = iter(bodies), threading.Lock(), []
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Encoding": "gzip"} if packed else {})

    def go() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            start_s = time.perf_counter()
            connection.request("POST", "/facts", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            took_s.append(time.perf_counter() - start_s)
            assert answer.status == 200, content[:300]
            assert b'"refused":[]' in content, content[:300]

    threads = [threading.Thread(target=go) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took_s


def _client(conn: Any, port: int, token: str, args: argparse.Namespace, seed: int) -> None:
    facts = list(positions(args.positions, seed))
    bodies = [orjson.dumps(facts[k : k + args.batch]) for k in range(0, len(facts), args.batch)]
    if args.gzip:
        bodies = [gzip.compress(body, 3) for body in bodies]
    conn.send("ready")
    conn.recv()
    start_s = time.perf_counter()
    took_s = sorted(sent(port, token, bodies, args.connections, args.gzip))
    conn.send((time.perf_counter() - start_s, took_s[len(took_s) // 2], took_s[int(len(took_s) * 0.99)]))


@contextmanager
def databases(postgres: bool) -> Iterator[Iterator[str]]:
    """URLs of empty databases of one kind."""
    if postgres:
        with cluster() as server:
            yield iter(server.new_database, "")
    else:
        with tempfile.TemporaryDirectory(prefix="ripeur-bench-", dir=os.environ.get("RIPEUR_BENCH_DIR")) as folder:
            yield (f"sqlite:///{Path(folder) / f'depot{k}.db'}" for k in range(100))


def measured(args: argparse.Namespace, urls: Iterator[str], seed: int) -> str:
    raw = raw_rate(next(urls), args.positions)
    url = next(urls)
    with Store(url) as store:
        token = make_token(store, "box", "T1")
    with DepotProcess(url) as depot:
        ours, theirs = get_context("spawn").Pipe()
        client = get_context("spawn").Process(target=_client, args=(theirs, depot.port, token, args, seed))
        client.start()
        ours.recv()
        ours.send("go")
        took_s, median_s, slow_s = ours.recv()
        client.join()
        depot.kill()  # what was named must be there all the same
    with Store(url) as store:
        assert store.count() == args.positions, store.count()
    rate = args.positions / took_s
    kind = "PostgreSQL" if args.postgres else "SQLite"
    return (
        f"| {kind} | {args.batch} | {args.connections} | {raw:,.0f} | {rate:,.0f} | {rate / raw:.2f} "
        f"| {median_s * 1000:.0f} | {slow_s * 1000:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--positions", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print("| store | batch | connections | raw, rows/s | over HTTP, positions/s | ratio | median ms | p99 ms |")
    print("|---|---|---|---|---|---|---|---|")
    with databases(args.postgres) as urls:
        for seed in range(args.runs):
            print(measured(args, urls, seed + 1), flush=True)


if __name__ == "__main__":
    main()
