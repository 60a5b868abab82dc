"""Real gpsd for the tests: fed with a log by its own ``gpsfake``, or by a pty that the test writes to."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import subprocess
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def need_gpsd() -> None:
    """Skip where gpsd is not installed; fail there under CI, where it must be."""
    missing = [name for name in ("gpsd", "gpsfake") if _path(name) is None]
    if missing:
        said = f"gpsd: {', '.join(missing)} not installed (apt install gpsd gpsd-clients)"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)


def _path(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def gpsfake(log: Path, port: int, reports: Path, cycle_s: float = 0.001) -> Iterator[subprocess.Popen[bytes]]:
    """gpsd on ``port``, fed with the log once by gpsfake, which writes what gpsd says to ``reports`` as well.

    gpsfake waits 1.4 s before it feeds: who connects meanwhile misses nothing.
    """
    need_gpsd()
    with reports.open("wb") as out:
        fake = subprocess.Popen(
            [str(_path("gpsfake")), "-1", "-p", "-q", "-c", str(cycle_s), "-P", str(port), str(log)],
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    try:
        yield fake
    finally:
        fake.terminate()  # it stops its gpsd
        with suppress(subprocess.TimeoutExpired):
            fake.wait(5)
        fake.kill()
        fake.wait()


class Gpsd:
    """A gpsd of our own on a pty: to be killed, started again, and its receiver pulled out and put back."""

    def __init__(self, folder: Path) -> None:
        need_gpsd()
        self.port = free_port()
        self._folder = folder
        self._daemon: subprocess.Popen[bytes] | None = None
        self._master: int | None = None
        self.device = folder / "receiver"
        self.plug()

    def plug(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(slave)
        name = os.ttyname(slave)
        os.chmod(name, 0o666)  # gpsd gives its root rights away
        self._slave = slave
        self.device.unlink(missing_ok=True)
        self.device.symlink_to(name)
        os.set_blocking(self._master, False)

    def unplug(self) -> None:
        assert self._master is not None
        os.close(self._slave)
        os.close(self._master)
        self._master = None

    def start(self) -> None:
        self._daemon = subprocess.Popen(
            [str(_path("gpsd")), "-N", "-n", "-b", "-S", str(self.port), str(self.device.resolve())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"GPSD_SHM_KEY": f"0x4770{self.port:04X}"},
        )
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise TimeoutError("gpsd does not start")

    def kill(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
        self._daemon = None

    def write(self, sentence: str) -> None:
        """A sentence without its ``$`` and checksum; what nobody reads is dropped, as a receiver does."""
        total = 0
        for char in sentence.encode():
            total ^= char
        assert self._master is not None
        with suppress(BlockingIOError):
            while os.read(self._master, 4096):  # what gpsd asks the receiver
                pass
        with suppress(BlockingIOError):
            os.write(self._master, f"${sentence}*{total:02X}\r\n".encode())

    def fix(self, second: int, lat: float = 43.7384, lon: float = 7.4246) -> None:
        """One second's sentences: a 3D fix at ``second`` after 05:00 on 20 November 2026."""
        hhmmss = f"{5 + second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.00"
        where = f"{int(lat):02d}{lat % 1 * 60:08.5f},N,{int(lon):03d}{lon % 1 * 60:08.5f},E"
        self.write(f"GPGGA,{hhmmss},{where},1,08,1.0,20.0,M,48.0,M,,")
        self.write("GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,1.8,1.0,1.5")
        self.write(f"GPRMC,{hhmmss},A,{where},6.0,90.0,201126,,,A")

    def no_fix(self, second: int) -> None:
        self.write(f"GPGGA,{5:02d}{second // 60 % 60:02d}{second % 60:02d}.00,,,,,0,00,99.9,,,,,,")
        self.write("GPGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9")
        self.write(f"GPRMC,{5:02d}{second // 60 % 60:02d}{second % 60:02d}.00,V,,,,,,,201126,,,N")

    def close(self) -> None:
        self.kill()
        if self._master is not None:
            self.unplug()
