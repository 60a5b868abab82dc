"""What one request may cost: nasty bodies of up to 16 MiB unpacked, from one box's token, while others send facts.

``python -m tests.bench.bench_bounds [--postgres] [--only NAME]``

The depot is ``ripeur serve`` as it runs for real. For each body: what its process took in CPU seconds and in memory
above what it held before (VmHWM, set back by /proc), the answer's status, and how long the others' facts waited
meanwhile: ten trucks at 10 Hz. ``goal``: 2 s of CPU, 200 MiB, 1 s.
"""

from __future__ import annotations

import argparse
import gzip
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import orjson

from depot_api.accounts.tokens import make_token
from depot_api.facts.json_array import MOST_FACTS, MOST_VALUES
from depot_api.reports.contractor import MOST_ROWS
from depot_api.store.store import Store
from tests.bench.bench_intake import databases, positions
from tests.services import DepotProcess

MIB = 1 << 20
GOAL_CPU_S, GOAL_MIB, GOAL_WAIT_S = 2.0, 200, 1.0


def fact(field: bytes = b'"lat_deg":43.7', more: bytes = b"") -> bytes:
    return b'{"kind":"position","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z",%s,"lon_deg":7.4%s}' % (
        str(uuid.uuid4()).encode(), field, more,
    )  # fmt: skip


def filled(part: bytes, first: bytes = b"[", last: bytes = b"]", between: bytes = b",", size: int = 16 * MIB) -> bytes:
    """As many parts as go into ``size`` bytes."""
    n = (size - len(first) - len(last)) // (len(part) + len(between))
    return first + between.join([part] * n) + last


def honest(n: int) -> bytes:
    return orjson.dumps(list(positions(n, 7)))


#: Bodies for ``POST /facts``, by name: made when they are sent.
FACTS: dict[str, Callable[[], bytes]] = {
    "numbers": lambda: filled(b"1"),
    "empty objects": lambda: filled(b"{}"),
    "objects with a field": lambda: filled(b'{"a":{}}'),
    "empty lists, nested": lambda: filled(b"[" * 500 + b"]" * 500),
    "texts": lambda: filled(b'"ab"'),
    "floats": lambda: filled(b"0.1"),
    "numbers, as many as are read": lambda: filled(b"1", size=2 * MOST_VALUES - 10),
    "objects, as many as are read": lambda: filled(b'{"a":1}', size=4 * MOST_VALUES - 10),
    "one text of four-byte characters": lambda: b'["' + "\U0001f69b".encode() * (4 * MIB - 8) + b'"]',
    "one text of escapes": lambda: b'["' + b"\\\\" * (8 * MIB - 8) + b'"]',
    "one id": lambda: b'[{"kind":"position","id":"%s"}]' % (b"x" * (16 * MIB - 100)),
    "one truck": lambda: b"[%s]" % fact(b'"truck":"%s"' % (b"\\u0001" * (2 * MIB))),
    "a number of 16 million digits": lambda: b"[%s]" % fact(b'"lat_deg":%s' % (b"9" * (16 * MIB - 300))),
    "numbers of 4,300 digits": lambda: filled(b"9" * 4_300),
    "nested without an end": lambda: b"[" * (16 * MIB),
    "nested 100,000 deep, beside 500 facts": lambda: b"[%s,%s]" % (
        fact(b'"lat_deg":%s' % (b"[" * 100_000 + b"]" * 100_000)), honest(500)[1:-1]),
    "NaN in every fact": lambda: filled(fact(b'"lat_deg":NaN'), size=130 * MOST_FACTS),
    "commas": lambda: b"[" + b"," * (16 * MIB - 2) + b"]",
    "quotes": lambda: b"[" + b'"' * (16 * MIB - 2) + b"]",
    "blanks": lambda: b" " * (16 * MIB),
    "refused facts, as many as are read": lambda: filled(b'{"kind":"x"}', size=13 * MOST_FACTS),
    "facts with lists of photos": lambda: filled(
        b'{"kind":"incident","category":"other","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","photos":[%s]}'
        % (str(uuid.uuid4()).encode(), b",".join([b'"%s"' % (b"a" * 64)] * 10)), size=15 * MIB),
    "notes": lambda: filled(
        b'{"kind":"incident","category":"other","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","note":"%s"}'
        % (str(uuid.uuid4()).encode(), b"x" * 1_900)),
    f"{MOST_FACTS:,} good facts": lambda: honest(MOST_FACTS),
    "16 MiB of good facts": lambda: honest(68_000)[: 16 * MIB],
}  # fmt: skip
#: Bodies for ``POST /contractor/positions``.
TABLES: dict[str, Callable[[], bytes]] = {
    "empty lines": lambda: b"at,lat_deg,lon_deg\n" + b"\n" * (16 * MIB - 30),
    "commas in lines": lambda: b"at,lat_deg,lon_deg\n" + b",\n" * (8 * MIB - 30),
    "one line of commas": lambda: b"at,lat_deg,lon_deg\n" + b"," * (16 * MIB - 30),
    "other ends of lines": lambda: b"at,lat_deg,lon_deg\n" + "\x1c\u2028".encode() * (4 * MIB - 30),
    "a quote without an end": lambda: b'at,lat_deg,lon_deg\n"' + b"x" * (16 * MIB - 30),
    "a head of commas": lambda: b"at,lat_deg,lon_deg" + b"," * (16 * MIB - 30),
    f"{MOST_ROWS:,} bad rows": lambda: b"at,lat_deg,lon_deg\n" + b"x,y,z\n" * MOST_ROWS,
    f"{MOST_ROWS:,} good rows": lambda: b"at,lat_deg,lon_deg\n" + b"".join(
        b"2026-11-20T%02d:%02d:%02dZ,43.7,7.4\n" % (k // 3600, k // 60 % 60, k % 60) for k in range(MOST_ROWS)),
}  # fmt: skip
#: Bodies for ``POST /plans``, with a planner's token.
PLANS: dict[str, Callable[[], bytes]] = {
    "tasks that are numbers": lambda: b'{"plan":{"tasks":%s}}' % filled(b"1", size=16 * MIB - 30),
    "tasks that are empty": lambda: b'{"plan":{"tasks":%s}}' % filled(b"{}", size=16 * MIB - 30),
    "nodes that are numbers": lambda: b'{"plan":{},"nodes":%s}' % filled(b"1", size=16 * MIB - 30),
    "unknown fields": lambda: b'{"plan":{%s}}' % b",".join(b'"%07d":{}' % k for k in range(16 * MIB // 14)),
    "unknown fields, as many as are read": lambda: (
        b'{"plan":{%s}}' % b",".join(b'"%012d":{}' % k for k in range(16 * MIB // 18))
    ),
    "objects, as many as are read": lambda: (
        b'{"plan":{"tasks":%s}}' % filled(b"{" + b" " * 22 + b"}", size=16 * MIB - 30)
    ),
    "nested lists": lambda: b'{"plan":{"tours":%s}}' % filled(b"[" * 500 + b"]" * 500, size=16 * MIB - 30),
}


class Process:
    """What the depot's process takes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mib(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Others:
    """Ten trucks that send a fact ten times a second, each over a line of its own; the longest that one waited."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self.longest_s, self.sent = 0.0, 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go, args=(port, token, k)) for k, token in enumerate(tokens)
        ]  # fmt: skip

    def __enter__(self) -> Others:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _go(self, port: int, token: str, k: int) -> None:
        line = HTTPConnection("127.0.0.1", port, timeout=120)
        facts = positions(10**9, k + int(time.time() * 1000) % 10**9, f"O{k}")
        while not self._stop.wait(0.1):
            begun_s = time.perf_counter()
            line.request("POST", "/facts", orjson.dumps([next(facts)]), {"Authorization": f"Bearer {token}"})
            answer = line.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            self.longest_s = max(self.longest_s, time.perf_counter() - begun_s)
            self.sent += 1
        line.close()


def asked(port: int, path: str, body: bytes, headers: dict[str, str]) -> int:
    line = HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        line.request("POST", path, body, headers)
        answer = line.getresponse()
        while answer.read(MIB):
            pass
        return answer.status
    except (OSError, HTTPException):
        return 0
    finally:
        line.close()


def endless_head(port: int) -> int:
    """A request whose head has no end, as far as 64 MiB."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        with suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\n")
            for _ in range(1_024):
                line.sendall(b"a:b\r\n" * 13_000)
        with suppress(OSError):
            return int(line.recv(20).split()[1])
    return 0


def tiny_pieces(port: int, token: str) -> int:
    """A body of 16 MiB in pieces of a byte."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        head = f"POST /facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        with suppress(OSError):
            line.sendall(head.encode())
            for _ in range(1_024):
                line.sendall(b"1\r\n \r\n" * 16_384)
            line.sendall(b"0\r\n\r\n")
        with suppress(OSError):
            return int(line.recv(20).split()[1])
    return 0


def runs(port: int, token: str, planner: str, only: str | None) -> Iterator[tuple[str, Callable[[], int]]]:
    for path, bodies, shown in (
        ("/facts", FACTS, token),
        ("/contractor/positions", TABLES, token),
        ("/plans", PLANS, planner),
    ):
        head = {"Authorization": f"Bearer {shown}", "Content-Encoding": "gzip"}
        for name, made in bodies.items():
            if only is None or only in name:
                body = gzip.compress(made(), 6)
                yield (
                    f"`{path}` {name} ({len(body) / 1024:,.0f} KB packed)",
                    lambda p=path, b=body, h=head: asked(port, p, b, h),
                )
    if only is None or only in "head":
        yield "a head without an end", lambda: endless_head(port)
    if only is None or only in "pieces":
        yield "16 MiB in pieces of a byte", lambda: tiny_pieces(port, token)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--only", help="bodies whose name holds this")
    args = parser.parse_args()
    print("| request | status | CPU, s | memory, MiB | longest wait of others, s | within the goal |")
    print("|---|---|---|---|---|---|")
    bad = 0
    with databases(args.postgres) as urls:
        url = next(urls)
        with Store(url) as store:
            token = make_token(store, "box", "T1")
            planner = make_token(store, "planner", "P")
            others = [make_token(store, "box", f"O{k}") for k in range(10)]
        with DepotProcess(url) as depot:
            assert depot.process is not None
            process = Process(depot.process.pid)
            asked(depot.port, "/facts", honest(100), {"Authorization": f"Bearer {token}"})
            for name, run in runs(depot.port, token, planner, args.only):
                with Others(depot.port, others) as waiting:
                    time.sleep(1.0)
                    idle_s, begun_s, cpu_s = process.cpu_s(), time.perf_counter(), 0.0
                    time.sleep(2.0)  # what the others cost alone
                    idle = (process.cpu_s() - idle_s) / (time.perf_counter() - begun_s)
                    waiting.longest_s = 0.0
                    process.forget_peak()
                    rss_mib, cpu_s, begun_s = process.mib("VmRSS"), process.cpu_s(), time.perf_counter()
                    status = run()
                    time.sleep(1.0)  # what follows it: the live state, the answer let go of
                    took_s = time.perf_counter() - begun_s
                    cpu_s = max(0.0, process.cpu_s() - cpu_s - idle * took_s)
                    mib, wait_s = process.mib("VmHWM") - rss_mib, waiting.longest_s
                good = cpu_s <= GOAL_CPU_S and mib <= GOAL_MIB and wait_s <= GOAL_WAIT_S
                bad += not good
                print(f"| {name} | {status} | {cpu_s:.2f} | {mib:.0f} | {wait_s:.2f} | {'yes' if good else '**no**'} |",
                      flush=True)  # fmt: skip
    print(f"\n{bad} outside of the goal")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
