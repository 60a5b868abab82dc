"""An indicator on a serial line: every protocol over a pty at its baud rate, noise, and a cable that is pulled."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import pytest

from onboard.clock import DrillClock
from onboard.sensors.serial_line import SerialSettings
from weighbridge.indicator.indicator import IndicatorLine, indicator_of
from weighbridge.indicator.protocols import PROTOCOLS, WeightReading
from weighbridge.indicator.simulator import Platform, PtyIndicator, SimulatedIndicator

START = datetime(2026, 11, 23, 6, tzinfo=UTC)


def platform_of(clock: DrillClock) -> Platform:
    return Platform(clock)


def until(readings: Iterator[WeightReading | None], wanted: object, seconds: float = 8) -> WeightReading:
    """The first reading of which ``wanted`` is true, within so many real seconds."""
    ends = time.monotonic() + seconds
    for reading in readings:
        if reading is not None and wanted(reading):  # type: ignore[operator]
            return reading
        assert time.monotonic() < ends, f"not seen; last: {reading}"
    raise AssertionError("the line ended")


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_truck_is_followed_on_and_off_the_plate_over_a_pty(name: str) -> None:
    clock = DrillClock(START, 20)
    platform = platform_of(clock)
    protocol = indicator_of(name)
    with PtyIndicator(SimulatedIndicator(protocol, platform, clock)) as pty:
        line = IndicatorLine(protocol, pty.port, SerialSettings(protocol.baud), clock)
        readings = line.readings()
        assert until(readings, lambda r: r.stable).gross_kg == 0
        platform.move(15460)
        until(readings, lambda r: not r.stable)
        still = until(readings, lambda r: r.stable and r.gross_kg > 300)
        assert still.gross_kg == 15460
        legal = line.weigh()
        assert (legal is not None) == (protocol.weigh is not None)
        if legal is not None:
            assert (legal.gross_kg, legal.alibi, legal.date) == (15460, "1", START.date())
        platform.empty()
        assert until(readings, lambda r: r.stable and r.gross_kg < 300).gross_kg == 0
        assert line.damaged == 0
        line.close()


def test_alibi_numbers_restart_every_day() -> None:
    clock = DrillClock(datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC), 1)
    protocol = indicator_of("systec")
    simulated = SimulatedIndicator(protocol, platform_of(clock), clock, "Europe/Paris")
    assert protocol.weigh is not None
    simulated.respond(protocol.weigh)
    simulated.respond(protocol.weigh)
    clock.start = datetime(2026, 11, 23, 23, 0, 1, tzinfo=UTC)
    simulated.respond(protocol.weigh)
    assert [name for name, _ in simulated.alibi_memory] == ["2026-11-23/1", "2026-11-23/2", "2026-11-24/1"]


def test_spoilt_frames_are_counted_and_the_good_ones_still_heard() -> None:
    clock = DrillClock(START, 20)
    platform = platform_of(clock)
    protocol = indicator_of("mt-continuous")
    simulated = SimulatedIndicator(protocol, platform, clock, damage=0.4)
    platform.move(12340)
    with PtyIndicator(simulated, baud=115_200) as pty:
        line = IndicatorLine(protocol, pty.port, SerialSettings(115_200), clock)
        weights = [r.gross_kg for r in islice(line.readings(), 40) if r is not None and r.stable]
        assert set(weights) == {12340}
        assert line.damaged >= 3
        line.close()


def test_a_socket_that_hangs_up_is_heard_again_when_it_is_back() -> None:
    frame = b"ST,GS,   15460,kg\r\n"
    ended = threading.Event()

    def serve() -> None:
        door.settimeout(0.2)
        while not ended.is_set():
            with suppress(OSError):
                caller, _ = door.accept()
                with caller:
                    caller.sendall(frame[3:] + frame * 3 + frame[:7])
                    ended.wait(0.2)

    with socket.create_server(("127.0.0.1", 0)) as door:
        server = threading.Thread(target=serve)
        server.start()
        port = f"socket://127.0.0.1:{door.getsockname()[1]}"
        line = IndicatorLine(indicator_of("dini-argeo"), port, None, DrillClock(START, 1))
        heard: dict[int, set[float | None]] = {}
        ends = time.monotonic() + 15
        for reading in line.readings():
            if reading is not None:
                heard.setdefault(line.opened, set()).add(reading.gross_kg)
            if len(heard) == 2 or time.monotonic() > ends:
                break
        line.close()
        ended.set()
        server.join()
    assert list(heard.values()) == [{15460.0}] * 2


def test_an_unknown_protocol_is_said() -> None:
    with pytest.raises(ValueError, match="must be one of mt-continuous"):
        indicator_of("morse")
