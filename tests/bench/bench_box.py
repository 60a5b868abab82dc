"""What a box costs: resident memory and share of one core at 1 Hz, with real gpsd and with a recording; bytes a week.

    python -m tests.bench.bench_box --seconds 60

The agent is a process of its own, on duty, driving 2 m/s round a block, its depot (a few lines of this process) takes
all; the last row is what a commit costs when one, ten or a hundred positions go into it.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[2]))

from fleet import Fact, Position, new_id
from onboard.outbox.outbox import Outbox
from tests.fake_depot import fake_depot
from tests.gpsd_service import Gpsd

ROOT = Path(__file__).parents[2]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START = datetime(2026, 11, 20, 5, tzinfo=UTC)


def place(second: float) -> tuple[float, float]:
    """Round a block of 400 m at 2 m/s, standing 20 s of every minute."""
    driven_m = 2.0 * (second // 60 * 40 + min(second % 60, 40))
    turn = driven_m / 400 * 2 * math.pi
    return 43.7384 + 0.0006 * math.sin(turn), 7.4246 + 0.0008 * math.cos(turn)


@contextmanager
def fed_by_gpsd(folder: Path) -> Iterator[list[str]]:
    gpsd, stop = Gpsd(folder), threading.Event()
    gpsd.start()

    def feed() -> None:
        second = 0
        while not stop.wait(1.0):
            second += 1
            gpsd.fix(second, *place(second))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield ["--gpsd", f"127.0.0.1:{gpsd.port}"]
    finally:
        stop.set()
        thread.join()
        gpsd.close()


@contextmanager
def recorded(folder: Path) -> Iterator[list[str]]:
    rows = ["at,lat,lon,speed_mps"]
    for s in range(3600):
        lat, lon = place(s)
        rows.append(f"{(START + timedelta(seconds=s)).isoformat()},{lat},{lon},{2.0 if s % 60 < 40 else 0.0}")
    path = folder / "drive.csv"
    path.write_text("\n".join(rows))
    yield ["--replay", str(path)]


def used(pid: int) -> tuple[float, float]:
    """Seconds of processor so far; resident megabytes."""
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(stat[11]) + int(stat[12])) / TICKS_PER_S, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measured(name: str, feed: Callable[[Path], object], seconds: float, *options: str) -> str:
    with tempfile.TemporaryDirectory() as text, fake_depot() as depot, feed(Path(text)) as source:  # type: ignore[attr-defined]
        data = Path(text) / "box"
        command = [
            sys.executable,
            "-m",
            "ripeur",
            "onboard",
            "--truck",
            "T1",
            "--depot",
            depot.url,
            "--data",
            str(data),
        ]
        agent = subprocess.Popen(
            [*command, "--always-on-duty", *source, *options],
            cwd=ROOT, env=os.environ | {"RIPEUR_TOKEN": "secret"}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(8)  # starting is not running
            before_s, _ = used(agent.pid)
            begun = time.monotonic()
            time.sleep(seconds)
            after_s, resident = used(agent.pid)
            share = (after_s - before_s) / (time.monotonic() - begun)
        finally:
            agent.kill()
            agent.wait()
        kept = sum(fact["kind"] == "position" for fact in depot.stored.values())
    return f"| {name} | {kept} in {seconds + 8:.0f} s | {resident:.1f} MB | {share * 100:.2f} % |"


def commits(folder: Path, n: int = 300) -> str:
    cells = []
    with closing(Outbox(folder / "outbox.db")) as outbox:
        for size in (1, 10, 100):
            batches: list[list[Fact]] = [
                [
                    Position(id=new_id(START), at=START, truck="T1", lat_deg=43.7, lon_deg=7.4, mode=3)
                    for _ in range(size)
                ]
                for _ in range(n)
            ]
            begun, cpu = time.perf_counter(), time.process_time()
            for batch in batches:
                outbox.put_all(batch)
            wall_ms, cpu_ms = ((t / n) * 1000 for t in (time.perf_counter() - begun, time.process_time() - cpu))
            cells.append(f"{size}: {wall_ms:.2f} ms ({cpu_ms:.2f} ms of processor)")
    return f"a durable commit of {'; of '.join(cells)}"


def week(folder: Path) -> str:
    """A week at 1 Hz, not thinned: what it takes on the disk, without a network."""
    with closing(Outbox(folder / "week.db", 2**30)) as outbox:
        at = START
        for _ in range(605):
            facts: list[Fact] = []
            for _ in range(1000):
                at += timedelta(seconds=1)
                facts.append(
                    Position(
                        id=new_id(at), at=at, box_at=at + timedelta(microseconds=123_456), truck="T1", mode=3,
                        lat_deg=43.7384123, lon_deg=7.4246123, speed_mps=3.21, heading_deg=123.4, eph_m=12.3,
                    )
                )  # fmt: skip
            outbox.put_all(facts)
        pending = outbox.counts().pending
    return f"{pending:,} positions (7 days at 1 Hz): {(folder / 'week.db').stat().st_size / 2**20:.0f} MB of 256"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    print("| fed by | positions kept | resident | of one core |\n|---|---|---|---|")
    print(measured("real gpsd, 1 Hz", fed_by_gpsd, args.seconds))
    print(measured("real gpsd, 1 Hz, every fix kept", fed_by_gpsd, args.seconds, "--every-fix"))
    print(measured("a recording, 1 Hz", recorded, args.seconds))
    with tempfile.TemporaryDirectory() as folder:
        print(commits(Path(folder)))
        print(week(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
