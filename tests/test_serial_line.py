"""The serial line: over a real pty, a socket and RFC 2217, through losses and returns."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from onboard.sensors.serial_line import LAST_RETRY_S, SerialLine, SerialSettings

from .clocks import ToldClock


def read_until(line: SerialLine, wanted: bytes, tries: int = 100) -> bytes:
    got = b""
    for _ in range(tries):
        got += line.read()
        if len(got) >= len(wanted):
            break
    return got


@contextlib.contextmanager
def plugged(link: Path) -> Iterator[int]:
    """A pty whose far end stands at ``link``, as a udev name would; unplugged on leaving."""
    near, far = pty.openpty()
    tty.setraw(far)
    link.symlink_to(os.ttyname(far))
    try:
        yield near
    finally:
        link.unlink()
        os.close(far)
        os.close(near)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(10)
        yield server


def test_a_port_at_the_indicators_own_settings_is_read_and_written(tmp_path: Path) -> None:
    with (
        plugged(tmp_path / "scale") as near,
        SerialLine(str(tmp_path / "scale"), SerialSettings(4800, 7, "even"), wait_s=0.05) as line,
    ):
        assert (line.state, line.read()) == ("closed", b"")
        assert line.state == "open"
        os.write(near, b"24580 kg\r\n")
        assert read_until(line, b"24580 kg\r\n") == b"24580 kg\r\n"
        assert line.write(b"W\r")
        assert os.read(near, 10) == b"W\r"


def test_a_port_unplugged_says_so_and_is_read_again_once_back(tmp_path: Path) -> None:
    clock = ToldClock()
    line = SerialLine(str(tmp_path / "lift"), wait_s=0.05, monotonic_s=clock.monotonic_s, sleep=clock.sleep)
    with plugged(tmp_path / "lift") as near:
        line.read()
        os.write(near, b"one")
        assert read_until(line, b"one") == b"one"
    assert line.read() == b""
    assert line.state == "lost"
    assert line.why
    assert not line.write(b"W")
    with plugged(tmp_path / "lift") as near:
        while line.state == "lost":
            line.read()
        os.write(near, b"two")
        assert read_until(line, b"two") == b"two"
    assert line.opened == 2
    line.close()


def test_a_port_that_is_not_there_is_tried_less_and_less_often(tmp_path: Path) -> None:
    clock = ToldClock()
    line = SerialLine(str(tmp_path / "none"), wait_s=LAST_RETRY_S, monotonic_s=clock.monotonic_s, sleep=clock.sleep)
    for _ in range(20):
        assert line.read() == b""
    assert clock.slept[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert line.state == "lost"
    line.close()


def test_two_programs_never_share_a_port(tmp_path: Path) -> None:
    with plugged(tmp_path / "port"), SerialLine(str(tmp_path / "port"), wait_s=0.01) as first:
        first.read()
        with SerialLine(str(tmp_path / "port"), wait_s=0.01) as second:
            assert second.read() == b""
            assert second.state == "lost"
            assert "lock" in (second.why or "")


def test_what_a_converter_sent_before_it_hung_up_is_not_lost(listener: socket.socket) -> None:
    clock = ToldClock()
    host, port = listener.getsockname()
    with SerialLine(f"socket://{host}:{port}", wait_s=0.2, monotonic_s=clock.monotonic_s, sleep=clock.sleep) as line:
        line.read()
        peer, _ = listener.accept()
        peer.sendall(b"\x02 24580 \r")
        peer.close()
        assert read_until(line, b"\x02 24580 \r") == b"\x02 24580 \r"
        assert line.read() == b""
        assert line.state == "lost"
        while line.state == "lost":
            line.read()
        again, _ = listener.accept()
        with again:
            again.sendall(b"back")
            assert read_until(line, b"back") == b"back"


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial 3.5 starts its reader the old way
def test_a_port_served_by_rfc_2217_gets_the_settings_asked_for(listener: socket.socket) -> None:
    """pyserial's own server side, around a looped-back port, as ``rfc2217_server`` does."""
    host, port = listener.getsockname()
    seen: list[tuple[int, str]] = []

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, serial.serial_for_url("loop://", timeout=0.05) as looped:
            peer.settimeout(0.1)
            writer = type("Peer", (), {"write": lambda self, data: peer.sendall(data)})()
            manager = serial.rfc2217.PortManager(looped, writer)
            while True:
                try:
                    data = peer.recv(1024)
                except TimeoutError:
                    data = None
                except OSError:
                    return
                if data == b"":
                    return
                if data:
                    looped.write(b"".join(manager.filter(data)))
                seen.append((looped.baudrate, looped.parity))
                if waiting := looped.in_waiting:
                    peer.sendall(b"".join(manager.escape(looped.read(waiting))))

    server = threading.Thread(target=serve)
    server.start()
    with SerialLine(f"rfc2217://{host}:{port}", SerialSettings(38400, 8, "even"), wait_s=0.2) as line:
        assert line.write(b"\xff there and back")
        assert read_until(line, b"\xff there and back") == b"\xff there and back"
    server.join(10)
    assert seen[-1] == (38400, serial.PARITY_EVEN)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"baud": "fast"}, "baud = 'fast'"),
        ({"baud": "7"}, "baud = 7"),
        ({"bits": "5"}, "bits = 5"),
        ({"parity": "mark"}, "parity = 'mark'"),
        ({"stop": "3"}, "stop = 3"),
    ],
)
def test_settings_that_no_line_has_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        SerialSettings().changed_by(options)
    assert said in str(caught.value)


def test_settings_are_changed_by_what_is_typed() -> None:
    typed = {"baud": "4800", "bits": "7", "parity": "odd", "stop": "2", "side": "left"}
    assert SerialSettings().changed_by(typed) == SerialSettings(4800, 7, "odd", 2)


@pytest.mark.parametrize("url", ["", "gopher://127.0.0.1:70"])
def test_a_port_that_cannot_be_meant_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="port"):
        SerialLine(url)
