"""Trucks at 1 Hz live on one machine: from a fix to the console's screen, and what it costs.

    python -m tests.bench.bench_live [--area data/monaco] [--trucks 500] [--seconds 60] [--every 1] [--seed 1]
        [--budget 5] [--chromium] [--no-area]

The day's plan of the area is copied until there are as many tours as trucks, and each truck drives its own by the
simulator, from 90 minutes into the day. A depot serves as a process of its own; each truck's fixes are sent as its box
sends them, one request for each ``--every`` seconds, spread over the second. Measured per fix that was seen: from the
fix's own time to the event read by a client of ``/live/stream``; with ``--chromium`` also until the second animation
frame after it in the console opened in headless Chromium. One core is 100 %.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from depot_api.accounts import sessions, users
from depot_api.accounts.tokens import make_token
from depot_api.plans.publishing import publish
from depot_api.state.depot import Depot
from depot_api.store.store import Store, microseconds, new_fact
from fleet import Duty, Fact, Plan, Tour, instant_text, new_id
from onboard.clock import DrillClock
from onboard.simulation.course import course_of
from onboard.simulation.drive import Drive
from onboard.simulation.simulate import simulate_drive
from optimizer.night.night import plan_day
from optimizer.planning.plan import plan_nodes
from optimizer.planning.town import Town
from tests.chromium import Chromium

DAY = datetime(2026, 11, 23, tzinfo=UTC).date()
P95_WITHIN_S = 2.0
SENDERS = 2
LINES = 125  # connections of each sender: a box has one of its own, and waits for the disk by itself

#: Counts the seconds from each truck's fix to the second animation frame after its event, in the page.
HOOK = """(() => { window.seenMs = []; const Plain = window.EventSource;
  window.EventSource = function (url) { const source = new Plain(url);
    source.addEventListener("live", (event) => { const told = JSON.parse(event.data);
      const trucks = told.full ? [] : Object.values(told.trucks || {});
      requestAnimationFrame(() => requestAnimationFrame(() => { const now = Date.now() + OFFSET;
        for (const truck of trucks) if (truck && truck.at) window.seenMs.push(now - Date.parse(truck.at)); })); });
    return source; }; Object.assign(window.EventSource, { CLOSED: 2, OPEN: 1, CONNECTING: 0 }); })()"""


def copied(plan: Plan, trucks: int) -> Plan:
    """The plan's tours again and again, each with a truck and tasks of its own."""
    tours, tasks = [], []
    known = plan.tasks_by_id
    for k in range(trucks):
        tour = plan.tours[k % len(plan.tours)]
        legs = tuple(replace(leg, task=f"{leg.task}~{k}") if leg.task else leg for leg in tour.legs)
        tasks += [replace(known[leg.task], id=f"{leg.task}~{k}") for leg in tour.legs if leg.task]
        tours.append(replace(tour, id=f"tour-{k}", shift=f"S{k:03}", truck=f"B{k:03}", legs=legs))
    return replace(plan, tours=tuple(tours), tasks=tuple(tasks), unserved=(), figures={})


def _line(
    port: int, tokens: list[str], numbers: list[int], drives: list[Drive], begin: datetime, zero_s: float, args: Any
) -> None:
    """One connection: the fixes of its trucks, each at its own moment of the second."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    waiting: dict[int, list[dict[str, Any]]] = {n: [] for n in numbers}
    for second in range(args.seconds):
        for k, (n, token) in enumerate(zip(numbers, tokens, strict=True)):
            due_s = zero_s + second + (k + numbers[0] / (SENDERS * LINES)) / len(tokens)
            time.sleep(max(0.0, due_s - time.time()))
            waiting[n].append(_fix(drives[n % len(drives)], f"B{n:03}", begin, zero_s))
            if (second + n) % args.every:
                continue
            head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/facts", json.dumps(waiting[n]), head)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            waiting[n].clear()


def _fix(driven: Drive, truck: str, begin: datetime, zero_s: float) -> dict[str, Any]:
    """The truck's place at this moment: the fix's time is the drill's."""
    now = begin + timedelta(seconds=time.time() - zero_s)
    index = int((now - driven.start_at).total_seconds())
    fix = driven.fixes[index % len(driven.fixes)]  # an evening's tour drives its own evening
    return {
        "kind": "position", "id": new_id(now), "truck": truck, "at": now.isoformat(), "lat_deg": fix.lat_deg,
        "lon_deg": fix.lon_deg, "speed_mps": fix.speed_mps, "heading_deg": fix.heading_deg, "eph_m": fix.eph_m,
        "mode": fix.mode,
    }  # fmt: skip


def _own(fact: Fact, tour: Tour) -> Fact:
    """The same fact of another truck."""
    more = {"tour": tour.id} if isinstance(fact, Duty) else {}
    return replace(fact, id=new_id(fact.at), truck=tour.truck, **more)  # type: ignore[call-arg]


def watch(port: int, token: str, begin: datetime, zero_s: float, until_s: float, seen_s: list[float]) -> None:
    """A console's client: seconds from each fix to the event that showed it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/live/stream", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    full = True
    while time.time() < until_s:
        line = answer.readline()
        if not line.startswith(b"data: "):
            continue
        arrived = begin + timedelta(seconds=time.time() - zero_s)
        trucks = json.loads(line[6:]).get("trucks", {})
        if not full:
            moved = [datetime.fromisoformat(truck["at"]) for truck in trucks.values() if truck["at"]]
            seen_s += [(arrived - at).total_seconds() for at in moved]
        full = False


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", type=Path, default=Path("data/monaco"))
    parser.add_argument("--trucks", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--every", type=int, default=1, help="seconds between a truck's requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds of search for the plan")
    parser.add_argument("--chromium", action="store_true", help="also to the screen of a console in headless Chromium")
    parser.add_argument("--no-area", action="store_true", help="a depot without streets: places only")
    args = parser.parse_args()
    town = Town.prepare(args.area)
    once = plan_day(town, DAY, budget_s=args.budget, seed=args.seed, engine="ripeur", version="bench")
    plan = copied(once, args.trucks)
    nodes = {n: town.extract.lonlat[n] for n in plan_nodes(plan)}
    originals = plan.tours[: len(once.tours)]
    drives = [simulate_drive(course_of(tour, nodes, plan.tasks_by_id), args.seed) for tour in originals]
    begin = min(d.start_at for d in drives) + timedelta(minutes=90)
    with tempfile.TemporaryDirectory() as folder:
        db = str(Path(folder) / "depot.db")
        with Store(db) as store:
            publish(store, plan, {str(n): at for n, at in nodes.items()}, "", "bench", microseconds(begin) - 10**10)
            tokens = [make_token(store, "box", f"B{k:03}") for k in range(args.trucks)]
            planner = make_token(store, "planner", "bench")
            users.add_account(store, "bench", "planner", password="correct horse battery", now=begin)
            for k, tour in enumerate(plan.tours):  # each has driven since its start, a fix every 10 s
                store.add([
                    new_fact(_own(fact, tour), fact.at)
                    for fact in drives[k % len(drives)].facts(("position", "duty"), until=begin, every_s=10)
                ])  # fmt: skip
        measure(args, db, begin, tokens, planner, drives)


def measure(args: Any, db: str, begin: datetime, tokens: list[str], planner: str, drives: list[Drive]) -> None:
    zero_s = time.time() + (60 if not args.no_area else 10)
    with Store(db) as store:
        before = store.count()
    clock = f"{instant_text(begin)} x1 @{zero_s:.3f}"
    command = [sys.executable, "-m", "ripeur", "serve", "--db", db, "--port", "0", "--clock", clock]
    if not args.no_area:
        command += ["--area", str(args.area)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr) as depot:
        assert depot.stdout is not None
        port = int(depot.stdout.readline().decode().split(":")[2].split("/")[0])
        if time.time() > zero_s - 5:
            raise SystemExit("the depot took too long to start: no measure")
        senders = [
            multiprocessing.Process(target=_sender, args=(port, tokens, k, drives, begin, zero_s, args))
            for k in range(SENDERS)
        ]
        until_s = zero_s + args.seconds
        seen_s: list[float] = []
        reader = threading.Thread(target=watch, args=(port, planner, begin, zero_s, until_s, seen_s))
        for sender in senders:
            sender.start()
        time.sleep(max(0.0, zero_s - 3 - time.time()))
        reader.start()
        page = _page(port, db, begin, zero_s) if args.chromium else None
        time.sleep(max(0.0, zero_s - time.time()))
        used_s = cpu_s(depot.pid)
        time.sleep(max(0.0, until_s - time.time()))
        used_s = cpu_s(depot.pid) - used_s
        screen_s = [ms / 1000 for ms in page.run("window.seenMs")] if page is not None else []
        reader.join()
        for sender in senders:
            sender.join()
        if page is not None:
            page.__exit__(None, None, None)
        depot.terminate()
    with Store(db) as store:
        stored = store.count() - before
    print(
        "| trucks | asked posts/s | s | fixes/s stored | shown | event p50 s | p95 s | max s | screen p95 s | CPU % |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {args.trucks} | {args.trucks / args.every:.0f} | {args.seconds} | {stored / args.seconds:.0f} "
        f"| {len(seen_s)} | {share(seen_s, 0.5):.2f} "
        f"| {share(seen_s, 0.95):.2f} | {max(seen_s, default=float('nan')):.2f} "
        f"| {f'{share(screen_s, 0.95):.2f}' if screen_s else '-'} | {100 * used_s / args.seconds:.0f} |"
    )
    if share(seen_s, 0.95) > P95_WITHIN_S or not seen_s:
        raise SystemExit(1)


def _sender(
    port: int, tokens: list[str], k: int, drives: list[Drive], begin: datetime, zero_s: float, args: Any
) -> None:
    """One of the sending processes: every ``SENDERS``-th truck."""
    threads = []
    for line in range(LINES):
        numbers = list(range(k + SENDERS * line, len(tokens), SENDERS * LINES))
        own = [tokens[n] for n in numbers]
        if own:
            threads.append(threading.Thread(target=_line, args=(port, own, numbers, drives, begin, zero_s, args)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _page(port: int, db: str, begin: datetime, zero_s: float) -> Chromium:
    """The console, opened by a planner."""
    url = f"http://127.0.0.1:{port}"
    with Store(db) as store:
        cookie = sessions.begin_session(Depot(store, clock=DrillClock(begin)), "bench")
    page = Chromium(Path(db).parent / "profile")
    page.cookie(url, "ripeur_session", cookie)
    hook = HOOK.replace("OFFSET", str((begin.timestamp() - zero_s) * 1000))
    page("Page.addScriptToEvaluateOnNewDocument", source=hook)
    page.open(f"{url}/console")
    return page


if __name__ == "__main__":
    main()
