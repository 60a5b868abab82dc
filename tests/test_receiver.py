"""The receiver behind gpsd: what it says is taken as it is, what it does not say is unknown, and nothing stops it."""

from __future__ import annotations

import json
import math
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.clock import DrillClock
from onboard.recording.fix_time import fix_time_fault
from onboard.recording.receiver import NO_REPORT, Fix, GpsdReceiver, fix_of

from .gpsd_service import Gpsd, free_port, gpsfake

LOGS = (
    "bt451", "bu303-moving", "garmin-10x", "gp-320fw-2019-04-06-overflow", "haicom-305N", "nl2008u", "telit-he910",
    "unicore-um621",
)  # fmt: skip
TPV = {"class": "TPV", "device": "/dev/ttyUSB0", "mode": 3, "time": "2026-11-20T05:00:00.000Z"}


def quick() -> DrillClock:
    return DrillClock(datetime(2026, 11, 20, 5, tzinfo=UTC), 40)


def test_what_gpsd_does_not_say_is_unknown_not_zero() -> None:
    fix = fix_of({**TPV, "lat": 43.7, "lon": 7.4})
    assert fix == Fix(datetime(2026, 11, 20, 5, tzinfo=UTC), 43.7, 7.4, None, None, None, 3)
    assert fix_of({**TPV, "lat": 0.0, "lon": 0.0, "speed": 0.0, "track": 0.0, "eph": 0.0}).speed_mps == 0.0


def test_a_fix_without_a_place_is_no_fix() -> None:
    assert fix_of(TPV) == Fix(datetime(2026, 11, 20, 5, tzinfo=UTC), None, None, None, None, None, 1)
    assert fix_of({**TPV, "lat": 43.7}).mode == 1
    assert fix_of({"class": "TPV", "mode": 1}) == Fix(None, None, None, None, None, None, 1)
    assert fix_of({"class": "TPV"}) == NO_REPORT


def test_an_error_is_the_larger_of_both_axes_and_unknown_when_one_is() -> None:
    placed = {**TPV, "lat": 43.7, "lon": 7.4}
    assert fix_of({**placed, "eph": 3.0, "epx": 9.0, "epy": 9.0}).eph_m == 3.0
    assert fix_of({**placed, "epx": 2.0, "epy": 5.0}).eph_m == 5.0
    assert fix_of({**placed, "epx": 2.0}).eph_m is None


def test_a_leap_second_and_a_time_without_zone_are_no_time() -> None:
    assert fix_of({**TPV, "time": "2026-12-31T23:59:60.000Z"}).at is None
    assert fix_of({**TPV, "time": "2026-12-31T23:59:59"}).at is None


odd = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(st.sampled_from(["mode", "time", "lat", "lon", "speed", "track", "eph", "epx", "epy", "alt"]), odd)
)
def test_whatever_a_report_holds_a_fix_is_within_bounds(report: dict[str, Any]) -> None:
    fix = fix_of({"class": "TPV", **report})
    assert (fix.mode >= 2) == fix.placed
    if fix.lat_deg is not None and fix.lon_deg is not None:
        assert -90 <= fix.lat_deg <= 90
        assert -180 <= fix.lon_deg <= 180
    assert all(value is None or math.isfinite(value) for value in (fix.speed_mps, fix.heading_deg, fix.eph_m))


def test_without_gpsd_the_receiver_says_so_and_goes_on() -> None:
    receiver = GpsdReceiver(port=free_port(), clock=quick())
    fixes = receiver.fixes()
    assert [next(fixes) for _ in range(3)] == [NO_REPORT] * 3
    assert receiver.state() == "no_gpsd"


def listening(answer: Callable[[socket.socket], None]) -> int:
    """A server of one connection at a time that is not gpsd, or a strange one."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            while True:
                link, _ = server.accept()
                with link:
                    answer(link)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def test_a_line_that_is_cut_or_no_json_costs_itself_only() -> None:
    def odd_gpsd(link: socket.socket) -> None:
        link.recv(100)
        link.sendall(b'{"class":"TPV","mode"\n\xff\xfe\n[1]\n"TPV"\n{"class":"SKY"}\n')
        link.sendall(b'{"class":"TPV","mode":3,"lat":43.7,')
        time.sleep(0.05)
        link.sendall(b'"lon":7.4}\n')
        time.sleep(1)

    fixes = GpsdReceiver(port=listening(odd_gpsd), clock=quick()).fixes()
    assert next(fix for fix in fixes if fix.mode).lat_deg == 43.7


def test_a_gpsd_that_says_nothing_at_all_is_left_and_asked_again() -> None:
    calls = queue.Queue[float]()

    def mute(link: socket.socket) -> None:
        calls.put(time.monotonic())
        link.settimeout(0.5)
        while link.recv(100):
            pass

    receiver = GpsdReceiver(port=listening(lambda link: _quietly(mute, link)), clock=quick(), silence_s=0.05)
    fixes = receiver.fixes()
    for _ in range(6):
        assert next(fixes) == NO_REPORT
    assert calls.qsize() >= 2, "the dead line was given up and opened again"


def _quietly(serve: Callable[[socket.socket], None], link: socket.socket) -> None:
    try:
        serve(link)
    except OSError:
        return


def test_what_is_not_gpsd_does_not_fill_the_memory() -> None:
    def torrent(link: socket.socket) -> None:
        for _ in range(100):
            link.sendall(b"x" * 65536)

    receiver = GpsdReceiver(port=listening(lambda link: _quietly(torrent, link)), clock=quick())
    assert next(receiver.fixes()) == NO_REPORT
    assert receiver.state() == "no_gpsd"


# --- real gpsd ---------------------------------------------------------------------------------------------------


def played(log: Path, reports: Path) -> list[Fix]:
    """What the box's receiver makes of a log that gpsfake plays to gpsd once."""
    port = free_port()
    receiver = GpsdReceiver(port=port, clock=quick(), silence_s=5)
    got: list[Fix] = []
    with gpsfake(log, port, reports) as fake:
        for fix in receiver.fixes():
            if receiver.state() == "no_gpsd":
                if got or fake.poll() is not None:
                    break
            elif fix != NO_REPORT:
                got.append(fix)
    return got


def as_gpsd_says(lines: Iterator[str]) -> list[dict[str, Any]]:
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    return [report for report in reports if report["class"] == "TPV"]


@pytest.mark.gpsd
@pytest.mark.parametrize("log", LOGS)
def test_every_report_of_real_gpsd_arrives_as_it_was_said(log: str, shared: Path, tmp_path: Path) -> None:
    folder = shared / "realdata" / "gpsd"
    fixes = played(folder / f"{log}.log", tmp_path / "reports")
    check = folder / f"{log}.log.chk"  # what gpsd 3.22 makes of it, as recorded; where there is none, what it says now
    with (check if check.exists() else tmp_path / "reports").open(encoding="utf-8", errors="replace") as lines:
        said = as_gpsd_says(iter(lines))
    assert len(fixes) == len(said) > 0
    for fix, report in zip(fixes, said, strict=True):
        assert (fix.lat_deg, fix.lon_deg) == (report.get("lat"), report.get("lon"))
        assert fix.mode == report["mode"]
        if fix.placed:
            assert (fix.speed_mps, fix.heading_deg) == (report.get("speed"), report.get("track"))
            assert fix.eph_m == report.get("eph")
        if log != "haicom-305N":  # no date in it: gpsd takes the day from this machine
            assert fix.at == (datetime.fromisoformat(report["time"]) if "time" in report else None)


@pytest.mark.gpsd
def test_a_day_of_2015_that_gpsd_moves_to_2035_is_not_believed(shared: Path, tmp_path: Path) -> None:
    fixes = played(shared / "realdata" / "gpsd" / "nl2008u.log", tmp_path / "reports")
    assert {fix.at.year for fix in fixes if fix.at} == {2035}, "recorded on 10 October 2015"
    assert all(fix_time_fault(fix.at, datetime(2026, 11, 20, tzinfo=UTC)) for fix in fixes)


@pytest.fixture
def gpsd(tmp_path: Path) -> Iterator[Gpsd]:
    service = Gpsd(tmp_path)
    yield service
    service.close()


@pytest.mark.gpsd
def test_gpsd_killed_started_again_and_its_receiver_pulled_out(gpsd: Gpsd) -> None:
    """Through all of it the same iterator goes on, and the state says each time what is the matter."""
    receiver = GpsdReceiver(port=gpsd.port, clock=quick(), silence_s=0.4)
    got = queue.Queue[Fix]()
    threading.Thread(target=lambda: [got.put(fix) for fix in receiver.fixes()], daemon=True).start()
    second = 0

    def until(state: str, feed: Callable[[int], None] = lambda _: None) -> Fix:
        nonlocal second
        while not got.empty():
            got.get()
        for _ in range(200):
            second += 1
            feed(second)
            try:
                fix = got.get(timeout=0.05)
            except queue.Empty:
                continue
            if receiver.state() == state and fix.placed == (state == "fix"):
                return fix
        raise TimeoutError(f"not {state}, but {receiver.state()}")

    until("no_gpsd")
    gpsd.start()
    first = until("fix", gpsd.fix)
    while first.at is None:  # gpsd places it before it knows the day
        first = until("fix", gpsd.fix)
    assert (first.lat_deg, first.lon_deg) == (pytest.approx(43.7384, abs=1e-5), pytest.approx(7.4246, abs=1e-5))
    assert first.at.date().isoformat() == "2026-11-20"
    assert until("no_fix", gpsd.no_fix).lat_deg is None
    until("fix", gpsd.fix)
    gpsd.kill()
    until("no_gpsd")
    gpsd.start()
    until("fix", gpsd.fix)
    gpsd.unplug()
    until("no_data")
    gpsd.kill()
    gpsd.plug()  # udev starts gpsd again with what was put in
    gpsd.start()
    until("fix", gpsd.fix)
