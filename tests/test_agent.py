"""The box as a whole: what it records, what it never records, what the crew can do, and how it starts and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet import DUTY_STATES, Fact, Health, Lift, Load, Position, Vehicle, fact_from_json
from onboard.box.crew import CrewSocket, ask_box
from onboard.box.settings import BoxSettings, gpsd_address
from onboard.outbox.outbox import Outbox
from onboard.recording.area_settings import AreaSettings, area_settings_from
from onboard.recording.receiver import Fix
from onboard.recording.recorder import Recorder
from onboard.recording.thinning import EVERY_FIX
from onboard.sensors.readings import LiftReading, LoadReading, VehicleReading
from ripeur import main

from .clocks import ToldClock
from .fake_depot import FakeDepot, fake_depot
from .gpsd_service import Gpsd, free_port
from .test_fix_time import BOX

ROOT = Path(__file__).parent.parent


class Box:
    """A recorder whose clock and outbox the test holds."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.clock, self.outbox = ToldClock(BOX), Outbox(path)
        self.recorder = Recorder("T1", self.outbox, self.clock, thinning=EVERY_FIX, **options)

    def fix(self, lat_deg: float = 43.7, at: datetime | None = None, speed_mps: float | None = 2.0) -> None:
        self.clock.sleep(1)
        self.recorder.on_fix(Fix(at or self.clock.now(), lat_deg, 7.4, speed_mps, 90.0, 4.0, 3))

    def say(self, **request: Any) -> dict[str, Any]:
        return self.recorder.on_crew(request)

    def facts(self, kind: type[Fact] = Fact) -> list[Any]:
        """In the order in which they were recorded."""
        read = [fact_from_json(fact) for fact in self.outbox.peek(100_000)[::-1]]
        return [fact for fact in read if isinstance(fact, kind)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "outbox.db")
    yield made
    made.outbox.close()


def on_duty(box: Box) -> Box:
    box.say(do="duty", state="start", tour="tour 1")
    return box


# --- duty ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], ["start", "break_start"], ["start", "tracking_off"], ["start", "end"]])
def test_off_duty_nothing_of_the_receiver_or_the_sensors_is_recorded(box: Box, before: list[str]) -> None:
    for state in before:
        box.say(do="duty", state=state)
        if state == "start":
            box.fix(1.0)
    box.fix(2.0)
    box.recorder.on_reading(LiftReading(lifter="left"))
    box.recorder.on_reading(LoadReading("net", 1000.0))
    box.recorder.on_reading(VehicleReading(speed_mps=3.0))
    box.say(do="incident", category="damage")
    box.fix(2.0)
    box.recorder.report("fix", 0)
    for fact in box.facts():
        assert not isinstance(fact, Lift | Load | Vehicle)
        assert getattr(fact, "lat_deg", None) in (None, 1.0)
    assert b"2.0,7.4" not in b"".join(path.read_bytes() for path in box.outbox.path.parent.glob("outbox.db*"))


def test_a_place_from_before_a_break_does_not_come_back_after_it(box: Box) -> None:
    on_duty(box)
    box.fix()
    box.say(do="duty", state="break_start")
    box.say(do="duty", state="break_end")
    box.recorder.on_reading(LiftReading())
    box.say(do="outcome", task="s1", outcome="done")
    assert [getattr(fact, "lat_deg", None) for fact in box.facts()][-2:] == [None, None]


def test_duty_and_its_state_survive_a_restart_together(box: Box, tmp_path: Path) -> None:
    on_duty(box)
    box.outbox.close()
    again = Box(tmp_path / "outbox.db")
    assert again.recorder.duty.tracked
    assert again.recorder.duty.tour == "tour 1"
    again.fix()
    assert len(again.facts(Position)) == 1
    again.outbox.close()


def test_a_box_always_on_duty_starts_once_and_the_crew_can_still_switch_it_off(tmp_path: Path) -> None:
    for _ in range(2):
        with closing((box := Box(tmp_path / "outbox.db", always_on_duty=True)).outbox):
            assert box.recorder.duty.tracked
            assert [fact.state for fact in box.facts()] == ["start"]
    with closing((box := Box(tmp_path / "outbox.db", always_on_duty=True)).outbox):
        box.say(do="duty", state="tracking_off")
        box.fix()
        assert box.facts(Position) == []


def test_every_change_of_duty_is_a_fact_without_a_place(box: Box) -> None:
    for state in DUTY_STATES:
        box.say(do="duty", state=state, tour="tour 1")
    written = [fact.to_json() for fact in box.facts()]
    assert [fact["state"] for fact in written] == list(DUTY_STATES)
    assert not any("lat_deg" in fact for fact in written)


# --- what is recorded ----------------------------------------------------------------------------------------------


def test_a_position_keeps_its_quality_its_own_time_and_the_box_s(box: Box) -> None:
    on_duty(box)
    box.fix(at=BOX + timedelta(seconds=31))
    (position,) = box.facts(Position)
    assert (position.at, position.box_at) == (BOX + timedelta(seconds=31), BOX + timedelta(seconds=1))
    assert (position.mode, position.eph_m, position.speed_mps, position.heading_deg) == (3, 4.0, 2.0, 90.0)
    assert position.time_doubtful is None


def test_a_fix_of_2046_is_recorded_under_the_box_s_time_and_flagged(box: Box) -> None:
    on_duty(box)
    box.fix(at=BOX + timedelta(weeks=1024))
    (position,) = box.facts(Position)
    assert (position.at, position.time_doubtful) == (BOX + timedelta(seconds=1), True)


def test_a_fix_without_speed_is_recorded_without_speed(box: Box) -> None:
    on_duty(box)
    box.fix(speed_mps=None)
    assert "speed_mps" not in box.facts(Position)[0].to_json()


def test_an_hour_without_a_fix_is_told_and_ends_no_iterator(box: Box) -> None:
    on_duty(box)
    box.fix()
    for _ in range(3600):
        box.clock.sleep(1)
        box.recorder.on_fix(Fix(None, None, None, None, None, None, 1))
    box.fix()
    modes = [fact.mode for fact in box.facts(Position)]
    assert modes[0] == modes[-1] == 3
    assert set(modes[1:-1]) == {1}


def test_a_lift_takes_the_place_of_a_fix_of_the_last_seconds_only(box: Box) -> None:
    on_duty(box)
    box.fix(43.5)
    box.recorder.on_reading(LiftReading(lifter="left", kg=12.5))
    box.clock.sleep(60)
    box.recorder.on_reading(LiftReading(lifter="right"))
    first, second = box.facts(Lift)
    assert (first.lat_deg, first.lifter, first.kg) == (43.5, "left", 12.5)
    assert second.lat_deg is None


def test_a_bin_s_tag_stays_on_board_unless_a_purpose_is_declared(tmp_path: Path) -> None:
    for purpose in (None, "billing"):
        area = AreaSettings(bin_tags=purpose)
        with closing((box := Box(tmp_path / f"{purpose}.db", area=lambda area=area: area)).outbox):
            on_duty(box).recorder.on_reading(LiftReading(tag="985-000100012135", raw="54 15 14"))
            (lift,) = box.facts(Lift)
            assert (lift.tag, lift.raw) == ((None, None) if purpose is None else ("985-000100012135", "54 15 14"))


def test_a_reading_that_no_fact_can_hold_is_counted_not_recorded(box: Box) -> None:
    on_duty(box)
    box.recorder.on_reading(LoadReading("net", 1e9))
    box.recorder.on_reading(LoadReading("net", 500.0, raw="x" * 5000 + "\0"))
    box.recorder.report(None, 2)
    assert [load.kg for load in box.facts(Load)] == [500.0]
    assert box.facts(Health)[0].damaged == 3


def test_a_clock_that_jumps_neither_reorders_nor_loses_and_is_told(box: Box) -> None:
    on_duty(box)
    for k in range(10):
        box.fix(43.0 + k / 100, at=BOX + timedelta(seconds=k + 1))
        box.recorder.watch_clock()
        if k == 4:
            box.clock.at = BOX - timedelta(days=3)
        if k == 7:
            box.clock.at = BOX + timedelta(days=2)
    positions = box.facts(Position)
    assert [fact.lat_deg for fact in positions] == [43.0 + k / 100 for k in range(10)]
    assert [fact.at for fact in positions] == [BOX + timedelta(seconds=k + 1) for k in range(10)]
    jumps = [fact.clock_jump_s for fact in box.facts(Health)]
    assert jumps == pytest.approx([-3 * 86_400 - 5, 5 * 86_400 - 3], abs=1)


def test_when_the_disk_is_full_a_lift_waits_in_memory_and_comes_when_there_is_room(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_duty(box)
    whole = Outbox.put_all

    def full(self: Outbox, *args: Any, **named: Any) -> None:
        from onboard.outbox.outbox import OutboxFull

        raise OutboxFull("no room")

    monkeypatch.setattr(Outbox, "put_all", full)
    box.recorder.on_reading(LiftReading(lifter="left"))
    box.fix()
    with pytest.raises(OSError, match="no room"):
        box.say(do="incident", category="damage")
    monkeypatch.setattr(Outbox, "put_all", whole)
    box.fix()
    assert len(box.facts(Lift)) == 1
    box.recorder.report(None, 0)
    assert box.facts(Health)[0].thinned == 1, "the position that had to go is counted"


# --- the crew ------------------------------------------------------------------------------------------------------


def test_what_the_crew_says_comes_with_the_place_and_its_pictures(box: Box) -> None:
    on_duty(box)
    box.fix(43.6)
    box.say(do="outcome", task="way 7 left", outcome="not_presented", note="Rien dehors")
    box.say(do="incident", category="illegal_dumping", photos=["cGljdHVyZQ=="])
    box.say(do="message", text="Route barrée, on passe par le port")
    outcome, incident, message = box.facts()[-3:]
    assert (outcome.task, outcome.tour, outcome.lat_deg, outcome.note) == ("way 7 left", "tour 1", 43.6, "Rien dehors")
    assert incident.photos == tuple(box.outbox.photos())
    assert message.sender == "crew"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "do = None, must be"),
        ({"do": "dance"}, "do = 'dance', must be"),
        ({"do": "duty", "state": "lunch"}, "state = 'lunch'"),
        ({"do": "outcome", "outcome": "done"}, "task is missing"),
        ({"do": "outcome", "task": "a", "outcome": "eaten"}, "outcome = 'eaten'"),
        ({"do": "incident", "category": 5}, "category = '5', must be text"),
        ({"do": "incident", "category": "damage", "photos": ["*"]}, "base64"),
        ({"do": "incident", "category": "damage", "photos": "a"}, "up to 10 pictures"),
        ({"do": "message", "text": ""}, "text = ''"),
        ({"do": "message", "text": "a", "id": "7"}, "must be a UUID"),
    ],
)
def test_what_cannot_be_recorded_is_told_with_the_reason(box: Box, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        box.say(**request_)
    assert said in str(caught.value)
    assert box.facts() == []
    assert box.outbox.photos() == []


def test_a_request_that_the_tablet_sends_twice_is_recorded_once(box: Box) -> None:
    id = "0197a8c0-0000-7000-8000-000000000001"
    for _ in range(2):
        assert box.say(do="incident", category="bin", id=id) == {"id": id}
        box.say(do="duty", state="start", id="0197a8c0-0000-7000-8000-000000000002")
    assert len(box.facts()) == 2


def test_the_crew_s_door_answers_every_line_and_outlives_nonsense(tmp_path: Path) -> None:
    def handle(request: Any) -> dict[str, Any]:
        if "bad" in request:
            raise ValueError("bad = 1, must be absent")
        return {"got": request}

    path = tmp_path / "crew.sock"
    path.write_text("left by a box that was killed")
    door = CrewSocket(path, handle)
    thread = threading.Thread(target=door.run)
    thread.start()
    assert ask_box(path, {"a": 1}) == {"ok": True, "got": {"a": 1}}
    assert ask_box(path, {"bad": 1}) == {"ok": False, "why": "bad = 1, must be absent"}
    assert path.stat().st_mode & 0o777 == 0o660
    for line in (b"{\n", b"[1]\n", b"[" * 100_000 + b"\n", b"\xff\n", b"cut"):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            link.sendall(line)
            link.shutdown(socket.SHUT_WR)
            with link.makefile() as answers:
                assert json.loads(answers.readline())["ok"] is False
    door.close()
    thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(OSError, match="no box answers"):
        ask_box(path, {})


# --- the process ---------------------------------------------------------------------------------------------------


@pytest.fixture
def depot() -> Iterator[FakeDepot]:
    with fake_depot() as there:
        yield there


def started(data: Path, depot: FakeDepot, *options: str) -> subprocess.Popen[bytes]:
    with (data.parent / "agent.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ripeur",
                "onboard",
                "--truck",
                "T1",
                "--depot",
                depot.url,
                "--data",
                data,
                *options,
            ],
            cwd=ROOT,
            env=os.environ | {"RIPEUR_TOKEN": "secret"},
            stderr=log,
        )


def until(done: Any, process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert process.poll() is None, "the agent has ended"
        assert time.monotonic() < end, "in vain"
        time.sleep(0.05)


def crew(data: Path, *words: str) -> int:
    with suppress(OSError):
        return main(["crew", "--socket", str(data / "crew.sock"), *words])
    return 2


def test_a_recording_is_played_recorded_and_sent_and_the_agent_ends(tmp_path: Path, depot: FakeDepot) -> None:
    recording = tmp_path / "drive.csv"
    rows = [f"2026-11-20T05:{s // 60:02d}:{s % 60:02d}Z,{43.7 + s / 50_000},7.4,2.2" for s in range(600)]
    recording.write_text("at,lat,lon,speed_mps\n" + "\n".join(rows))
    agent = started(
        tmp_path / "box", depot, "--replay", str(recording), "--clock", "2026-11-20T05:00:00Z x300", "--always-on-duty"
    )
    assert agent.wait(30) == 0, (tmp_path / "agent.log").read_text()
    kinds = [fact["kind"] for fact in depot.stored.values()]
    assert kinds.count("duty") == 1
    assert 80 <= kinds.count("position") <= 400
    assert "health" in kinds


def test_a_plan_is_driven_with_its_crew_and_its_sensors(tmp_path: Path, depot: FakeDepot) -> None:
    """The tour as the depot publishes it, driven by the box itself."""
    leg = {"kind": "collect", "start_at": "2026-11-23T05:02:00Z", "end_at": "2026-11-23T05:20:00Z", "task": "s1"}
    line = [[7.42, 43.735 + k / 10_000] for k in range(30)]
    tour = {
        "tour": "A", "truck": "T1",
        "legs": [
            {"kind": "depot", "start_at": "2026-11-23T05:00:00Z", "end_at": "2026-11-23T05:02:00Z"},
            {**leg, "coordinates": line, "side": "right", "kg": {"residual": 300.0}, "dwellings": 20},
        ],
    }  # fmt: skip
    (tmp_path / "tour.json").write_text(json.dumps(tour))
    agent = started(
        tmp_path / "box", depot, "--simulate", str(tmp_path / "tour.json"), "--clock", "2026-11-23T04:59:50Z x300"
    )
    assert agent.wait(60) == 0, (tmp_path / "agent.log").read_text()
    facts = sorted(depot.stored.values(), key=lambda fact: str(fact["at"]))
    kinds = [fact["kind"] for fact in facts]
    assert [fact["state"] for fact in facts if fact["kind"] == "duty"] == ["start", "end"]
    assert kinds.count("position") > 20
    assert "load" in kinds or "lift" in kinds or "vehicle" in kinds


@pytest.mark.gpsd
def test_a_day_with_real_gpsd_and_a_crew(tmp_path: Path, depot: FakeDepot, capsys: pytest.CaptureFixture[str]) -> None:
    gpsd = Gpsd(tmp_path)
    gpsd.start()
    data = tmp_path / "box"
    agent = started(data, depot, "--gpsd", f"127.0.0.1:{gpsd.port}", "--every-fix")
    stop = threading.Event()

    def drive() -> None:
        for second in range(3000):
            if stop.wait(0.05):
                return
            gpsd.fix(second)

    driver = threading.Thread(target=drive)
    driver.start()

    def of(kind: str) -> list[dict[str, Any]]:
        return [fact for fact in list(depot.stored.values()) if fact["kind"] == kind]

    try:
        until(lambda: crew(data, "status") == 0, agent)
        time.sleep(0.5)
        assert of("position") == [], "nobody is on duty yet"
        assert crew(data, "duty", "start", "--tour", "tour 1") == 0
        until(lambda: len(of("position")) > 5, agent)
        picture = tmp_path / "dump.jpg"
        picture.write_bytes(b"a heap")
        assert crew(data, "incident", "illegal_dumping", "--photo", str(picture), "--note", "Matelas") == 0
        until(lambda: depot.photos, agent)
        assert of("incident")[0]["photos"] == list(depot.photos)
        assert of("incident")[0]["lat_deg"] == pytest.approx(43.7384, abs=1e-4)
        assert crew(data, "duty", "break_start") == 0
        until(lambda: len(of("duty")) == 2, agent)
        time.sleep(0.3)
        before = len(of("position"))
        time.sleep(0.5)
        assert len(of("position")) == before
        capsys.readouterr()
        assert crew(data, "status") == 0
        assert json.loads(capsys.readouterr().out)["tracked"] is False
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(10) == 0
    finally:
        stop.set()
        driver.join()
        agent.kill()
        agent.wait()
        gpsd.close()


def test_two_agents_do_not_share_a_folder(tmp_path: Path, depot: FakeDepot) -> None:
    data = tmp_path / "box"
    port = f"127.0.0.1:{free_port()}"
    agent = started(data, depot, "--gpsd", port)
    try:
        until(lambda: crew(data, "status") == 0, agent)
        second = started(data, depot, "--gpsd", port)
        assert second.wait(20) == 2
        assert "another agent runs on this folder" in (tmp_path / "agent.log").read_text()
    finally:
        agent.kill()
        agent.wait()


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [None, "", "[]", "3", "{", '{"bin_tags": 5}', '{"bin_tags": ""}'])
def test_settings_that_do_not_read_are_the_strictest(note: str | None) -> None:
    assert area_settings_from(note) == AreaSettings(None, None)


def test_the_token_is_never_shown(tmp_path: Path) -> None:
    assert "secret" not in repr(BoxSettings(truck="T1", depot_url="http://depot", token="secret", data=tmp_path))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("box", ("box", 2947)),
        ("10.0.0.7:3000", ("10.0.0.7", 3000)),
        ("[::1]:2948", ("::1", 2948)),
        ("[::1]", ("::1", 2947)),
    ],
)
def test_gpsd_s_address(text: str, read: tuple[str, int]) -> None:
    assert gpsd_address(text) == read


@pytest.mark.parametrize("text", ["", ":2947", "box:", "box:0", "box:70000", "box:gps"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        gpsd_address(text)


@pytest.mark.parametrize(
    ("named", "said"),
    [({"truck": ""}, "truck = ''"), ({"replay": Path("a"), "simulate": Path("b")}, "replay"), ({"ask_s": 0}, "ask_s")],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, named: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BoxSettings(**{"truck": "T1", "depot_url": "http://depot", "token": "s", "data": tmp_path} | named)


def test_what_a_box_loads_at_rest_is_small() -> None:
    """No sensor's library, no recording's, no planner's: only what it uses."""
    code = "import sys, json, onboard.box.agent; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT).stdout)
    heavy = {"serial", "can", "numpy", "xml", "fpdf", "requests", "httpx", "asyncio", "onboard.recording.replay"}
    assert not heavy & set(loaded)
