"""A drill in small: real processes, real gpsd where it is, and every fact at both ends."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import ripeur
from depot_api.drill.bridge import APART_S, crossings
from depot_api.drill.children import Children
from depot_api.drill.count import witness, witnessed_ids
from depot_api.drill.report import planned_km
from depot_api.drill.run import window_of
from fleet import Message, Plan, new_id
from onboard.clock import DrillClock
from onboard.outbox.outbox import Outbox
from onboard.simulation.drive import Unloading
from onboard.simulation.rehearsal import read_course, read_courses, sensors_of
from onboard.simulation.simulate import simulate_drive

from .gpsd_service import need_gpsd
from .test_cli import MONDAY, grid

AT = datetime(2026, 11, 23, 6, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An area of a few streets (``area``) and its plan (``plan``)."""
    folder = tmp_path_factory.mktemp("drill")
    extract = grid(folder / "grid.osm")
    area = folder / "area"
    assert ripeur.main(["area", "new", str(area), "--osm", str(extract), "--population", "4000"]) == 0
    assert ripeur.main(["plan", str(area), *MONDAY, "--out", str(folder / "plan")]) == 0
    return folder


def drill(town: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "ripeur", "drill", str(town / "plan"), "--area", str(town / "area"), "--port", "0",
        "--lang", "en", *options,
    ]  # fmt: skip


def children_of(folder: Path) -> list[str]:
    """The command lines of all processes that were told this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


def counts(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "drill" / "depot.sqlite")) as db:
        return dict(db.execute("SELECT kind, count(*) FROM facts GROUP BY kind"))


MINUTES, SPEED = 0.5, 25.0


def seed_with_a_weighing(town: Path) -> int:
    """A day on which the truck comes and leaves the site within the window."""
    plan, course = Plan.read(town / "plan" / "plan.json"), read_courses(town / "plan")[0]
    since = window_of(plan, timedelta(minutes=MINUTES * SPEED))
    until = since + timedelta(minutes=MINUTES * SPEED)
    days = ((seed, simulate_drive(course, seed).unloadings) for seed in range(1, 400))
    margin = timedelta(seconds=15)
    return next(
        seed
        for seed, visits in days
        if any(since + margin <= v.gross_at and v.gone_at < until - margin for v in visits)
    )


@pytest.mark.slow
@pytest.mark.gpsd
def test_what_boxes_and_bridges_record_in_a_drill_is_what_the_depot_has(town: Path) -> None:
    need_gpsd()
    seed = seed_with_a_weighing(town)
    options = ["--minutes", str(MINUTES), "--speed", str(SPEED), "--seed", str(seed), "--prepare", "10"]
    done = subprocess.run(drill(town, *options), capture_output=True, text=True, timeout=150, check=False)
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    assert "nothing lost, nothing doubled" in told
    facts = re.search(r"Facts: ([\d,. ]+) recorded on board and at the bridges, ([\d,. ]+) at the depot", told)
    assert facts is not None
    assert facts[1] == facts[2]
    assert re.search(r"Coverage: \d+ of \d+ streets", told)
    by_kind = counts(town / "plan")
    assert by_kind["position"] > 300
    assert by_kind["lift"] > 5
    assert by_kind["load"] > 5
    assert by_kind["vehicle"] > 5
    assert (by_kind["weighing"], by_kind["ticket"]) == (2, 1)
    assert by_kind["duty"] >= 1
    assert by_kind["health"] >= 2
    assert not children_of(town)


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_drill_leaves_no_process_behind(town: Path) -> None:
    with subprocess.Popen(drill(town, "--no-gpsd", "--prepare", "12"), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "on duty" in line:
                break
        assert len(children_of(town)) > 2
        time.sleep(3.0)
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait(30) == 130
    assert "interrupted" in said
    assert counts(town / "plan")
    assert not children_of(town)


def test_a_witness_knows_every_fact_that_was_ever_put_into_an_outbox(tmp_path: Path) -> None:
    def message(k: int) -> Message:
        at = AT + timedelta(seconds=k)
        return Message(id=new_id(at), at=at, truck="T1", sender="crew", text=str(k))

    path = tmp_path / "outbox.db"
    told = [message(k) for k in range(5)]
    with closing(Outbox(path)) as outbox:
        outbox.put_all(told[:2])
    witness(path)
    with closing(Outbox(path)) as outbox:
        outbox.put_all(told[2:])
        outbox.put(told[4])  # known already
        outbox.settle([fact.id for fact in told])
        assert outbox.counts().pending == 0
    assert witnessed_ids(path) == [fact.id.replace("-", "") for fact in told]


def test_the_window_is_the_plans_and_holds_an_unloading(town: Path) -> None:
    plan = Plan.read(town / "plan" / "plan.json")
    length = timedelta(hours=2)
    since = window_of(plan, length)
    assert since == window_of(plan, length)
    assert since.minute % 30 == 0
    tips = [leg.start_at for tour in plan.tours for leg in tour.legs if leg.kind == "unload"]
    assert any(since <= tip < since + length for tip in tips)


def test_two_trucks_never_stand_on_one_plate() -> None:
    visits = []
    for k in range(3):
        at = AT + timedelta(seconds=10 * k)
        later = at + timedelta(seconds=100)
        visits.append((f"T{k}", Unloading("S1", at, at, later, later, 15_000.0, 12_000.0, {"residual": 3_000.0})))
    found = crossings(visits)
    assert len(found) == 6
    assert {c.flux for c in found} == {"residual"}
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(found)]
    assert min(gaps) >= APART_S


def test_planned_kilometres_grow_with_the_time(town: Path) -> None:
    plan = Plan.read(town / "plan" / "plan.json")
    tour = plan.tours[0]
    times = [tour.start_at + k * (tour.end_at - tour.start_at) / 5 for k in range(6)]
    km = [planned_km(tour, at) for at in times]
    assert km[0] == 0
    assert km == sorted(km)
    assert km[-1] == pytest.approx(sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000)


def test_a_plans_folder_is_enough_to_drive_it(town: Path) -> None:
    plan = Plan.read(town / "plan" / "plan.json")
    found = read_courses(town / "plan")
    assert [course.tour for course in found] == [tour.id for tour in plan.tours]
    for course, tour in zip(found, plan.tours, strict=True):
        assert [len(leg.line) for leg in course.legs] == [len(leg.osm_nodes) for leg in tour.legs]
        assert course.streets is found[0].streets


def test_a_box_drives_its_own_trucks_tour_of_a_plan_and_no_other(town: Path) -> None:
    plan = Plan.read(town / "plan" / "plan.json")
    assert read_course(town / "plan", plan.tours[0].truck, plan.tours[0].start_at).tour == plan.tours[0].id
    with pytest.raises(ValueError, match="has no tour of truck T99"):
        read_course(town / "plan", "T99", AT)


def test_played_sensors_say_only_what_is_still_to_come_when_they_are_switched_on(town: Path) -> None:
    driven = simulate_drive(read_courses(town / "plan")[0], 1)
    middle = driven.lifts[len(driven.lifts) // 2].at
    clock = DrillClock(middle, 2_000)
    heard = list(sensors_of(driven, clock)["lifts"].readings())
    left = [lift.reading for lift in driven.lifts if lift.at >= middle]
    assert heard  # the clock runs: the very first may be over already
    assert heard == left[len(left) - len(heard) :]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    with Children(tmp_path / "logs") as found:
        yield found


def test_a_child_that_will_not_end_is_killed_with_what_it_started(children: Children, tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1]])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = children.start("stubborn", [sys.executable, "-c", stubborn, str(tmp_path)])
    while "ready" not in child.log.read_text(encoding="utf-8"):
        time.sleep(0.05)
    assert len(children_of(tmp_path)) == 2
    children.end(child, patience_s=0.3)
    assert children.started == []
    time.sleep(0.1)
    assert not children_of(tmp_path)
    assert child.last_words() == "ready"
