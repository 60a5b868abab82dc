"""Nothing lost, nothing doubled: real agents and a real depot, killed at random moments, over a network that cuts.

Both ends are counted by id. On board, SQLite itself remembers in the same transaction which facts were ever put on the
disk; the crew's side remembers which of its messages the box has acknowledged.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from depot_api.accounts.tokens import make_token
from depot_api.store.store import Store
from fleet import Fact, Lift, Position, new_id
from onboard.box.crew import ask_box
from onboard.clock import DrillClock
from onboard.outbox.outbox import Outbox
from onboard.outbox.sender import DepotClient, Sender

from .cutting_proxy import CuttingProxies, Proxy
from .gpsd_service import free_port
from .schedules import run_schedule

ROOT = Path(__file__).parent.parent
START = datetime(2026, 11, 20, 5, tzinfo=UTC)
SCHEDULES, STORM_S = 25, 10.0


@dataclass
class Truck:
    """One schedule: a box with its own chance, its own bad line, its own history."""

    seed: int
    data: Path
    proxy: Proxy
    token: str
    process: subprocess.Popen[bytes] | None = None
    acknowledged: list[str] = field(default_factory=list)
    killed: int = 0

    @property
    def name(self) -> str:
        return f"T{self.seed}"

    @property
    def quota_mb(self) -> int:
        """Every fifth box has hardly any room: what it records is thinned all the time."""
        return 1 if self.seed % 5 == 0 else 256

    @property
    def outbox(self) -> Path:
        return self.data / "outbox.db"

    def start(self, recording: Path) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "ripeur", "onboard", "--truck", self.name, "--data", self.data,
                "--always-on-duty",
                "--depot", f"http://127.0.0.1:{self.proxy.port}", "--replay", recording, "--every-fix",
                "--clock", "2026-11-22T05:00:00Z x20", "--quota-mb", str(self.quota_mb),
            ],
            cwd=ROOT, env=os.environ | {"RIPEUR_TOKEN": self.token}, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.killed += 1

    def prepare(self) -> None:
        """Two days of backlog, and a witness in the outbox's own file."""
        with closing(Outbox(self.outbox)) as outbox:
            pass
        with closing(sqlite3.connect(self.outbox)) as db:
            db.executescript(
                "CREATE TABLE witnessed(id BLOB NOT NULL, kind TEXT NOT NULL);"
                "CREATE TRIGGER witness AFTER INSERT ON facts BEGIN"
                " INSERT INTO witnessed VALUES (new.id, json_extract(new.body, '$.kind')); END;"
            )
        at = [START + timedelta(seconds=30 * k) for k in range(5760)]
        backlog: list[Fact] = [
            Lift(id=new_id(t), at=t, truck=self.name, lifter="left")
            if k % 30 == 0
            else Position(id=new_id(t), at=t, box_at=t, truck=self.name, lat_deg=43.7, lon_deg=7.4, eph_m=4.2, mode=3)
            for k, t in enumerate(at[: 5760 if self.quota_mb == 1 else 600])
        ]
        with closing(Outbox(self.outbox, self.quota_mb * 2**20)) as outbox:
            for start in range(0, len(backlog), 100):
                outbox.put_all(backlog[start : start + 100])

    def witnessed(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.outbox)) as db:
            rows = db.execute("SELECT id, kind FROM witnessed").fetchall()
        assert len(rows) == len({id for id, _ in rows}), "an id was born twice"
        return {bytes(id).hex(): kind for id, kind in rows}


class RealDepot:
    """``ripeur serve`` as a process, to be killed and started again on the same port and database."""

    def __init__(self, folder: Path) -> None:
        self.url, self.port, self.killed = f"sqlite:///{folder / 'depot.db'}", free_port(), 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ripeur", "serve", "--db", self.url, "--port", str(self.port)],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.killed += 1


def recording(path: Path) -> Path:
    rows = [f"2026-11-22T05:{s // 60:02d}:{s % 60:02d}Z,{43.7 + s / 50_000},7.4,2.2" for s in range(1800)]
    path.write_text("at,lat,lon,speed_mps\n" + "\n".join(rows))
    return path


@contextmanager
def talking_crews(trucks: list[Truck]) -> Iterator[None]:
    """Crews that write all the time, and remember what their box has said it holds."""
    stop = threading.Event()

    def talk(mine: list[Truck]) -> None:
        n = 0
        while not stop.wait(0.02):
            truck = mine[n % len(mine)]
            n += 1
            with suppress(OSError, ValueError):
                answer = ask_box(truck.data / "crew.sock", {"do": "message", "text": f"{truck.name} {n}"}, 2.0)
                if answer.get("ok"):
                    truck.acknowledged.append(answer["id"].replace("-", ""))

    threads = [threading.Thread(target=talk, args=(trucks[k::3],)) for k in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def storm(trucks: list[Truck], depot: RealDepot, drive: Path, random: Random) -> None:
    """Kill boxes and the depot at random moments, and let lines go and come back."""
    begun = time.monotonic()
    depot_at = sorted(random.uniform(3, STORM_S) for _ in range(3))
    queue = random.sample(trucks, len(trucks))
    while (gone_s := time.monotonic() - begun) < STORM_S or queue:
        time.sleep(random.uniform(0.0, STORM_S / 30))
        if queue:
            truck = queue.pop()
            truck.kill()
            truck.start(drive)
        random.choice(trucks).proxy.offline ^= True
        if depot_at and gone_s > depot_at[0]:
            depot_at.pop(0)
            depot.kill()
            time.sleep(random.uniform(0, 0.5))
            depot.start()
    for truck in trucks:
        truck.kill()


def flush(truck: Truck) -> None:
    """What a box does when a bad network is back, without the waiting: the same sender on the same file."""
    truck.proxy.offline = False
    link = DepotClient(f"http://127.0.0.1:{truck.proxy.port}", truck.token)
    with closing(Outbox(truck.outbox)) as outbox, closing(link):
        sender = Sender(outbox, link, DrillClock(START, 50), Random(truck.seed))
        until = time.monotonic() + 30
        while outbox.counts().pending:
            sender.clock.sleep(abs(sender.step()))
            assert time.monotonic() < until, sender.trouble


@pytest.mark.slow
def test_twenty_five_boxes_and_their_depot_killed_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    random = Random(20261120)
    depot = RealDepot(tmp_path)
    proxies = CuttingProxies(depot.port)
    with Store(depot.url) as store:
        trucks = [
            Truck(k, tmp_path / f"T{k}", proxies.add(k), make_token(store, "box", f"T{k}")) for k in range(SCHEDULES)
        ]
    drive = recording(tmp_path / "drive.csv")
    try:
        depot.start()
        for truck in trucks:
            truck.prepare()
            truck.start(drive)
        with talking_crews(trucks):
            storm(trucks, depot, drive, random)
        for truck in trucks:
            flush(truck)
    finally:
        for process in (depot.process, *(truck.process for truck in trucks)):
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        proxies.close()

    with Store(depot.url) as store:
        facts = list(store.facts())
        stored = {truck.name: Counter(fact.id.hex() for fact in facts if fact.who == truck.name) for truck in trucks}
    for truck in trucks:
        put, at_depot = truck.witnessed(), stored[truck.name]
        assert set(at_depot.values()) <= {1}, f"{truck.name}: doubled"
        assert set(at_depot) <= set(put), f"{truck.name}: at the depot, but never on board"
        assert set(truck.acknowledged) <= set(at_depot), f"{truck.name}: said to the crew to be recorded, and lost"
        missing = Counter(put[id] for id in set(put) - set(at_depot))
        with closing(Outbox(truck.outbox)) as outbox:
            assert missing.total() == outbox.counts().thinned, f"{truck.name}: lost {missing}"
            assert set(missing) <= {"position"}, f"{truck.name}: {missing}"
            assert outbox.counts().refused == 0
        assert bool(missing) == (truck.quota_mb == 1), "thinned where the disk was full, and nowhere else"
    assert min(truck.killed for truck in trucks) >= 2
    assert depot.killed == 3
    assert proxies.cut["answer"] > 0, "answers were lost on the way"
    assert sum(len(truck.acknowledged) for truck in trucks) > 50


@pytest.mark.parametrize("seed", range(8))
def test_a_box_s_life_with_everything_that_can_go_wrong(seed: int, tmp_path: Path) -> None:
    """A thousand of these are in tests/bench/bench_nothing_lost.py."""
    ending = run_schedule(seed, tmp_path, events=100)
    assert ending.recorded > 0
