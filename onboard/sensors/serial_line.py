"""A serial line that heals itself, read as bytes: a port, a pty, ``socket://``, ``rfc2217://``. Alone with pyserial.

What is plugged into a truck or a bridge comes loose, is switched off at night and comes back. A line never raises for
that: it says ``lost`` and why, and opens again by itself, waiting longer each time (half a second to half a minute).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal

import serial

Parity = Literal["none", "even", "odd"]
LineState = Literal["closed", "open", "lost"]

_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How the bits are sent. They mean nothing on ``socket://`` (the converter at the other end has its own)."""

    baud: int = 9600
    bits: int = 8
    parity: Parity = "none"
    stop: int = 1

    def __post_init__(self) -> None:
        if not 50 <= self.baud <= 4_000_000:
            raise ValueError(f"serial line: baud = {self.baud}, must be from 50 to 4000000")
        if self.bits not in (7, 8):
            raise ValueError(f"serial line: bits = {self.bits}, must be 7 or 8")
        if self.parity not in _PARITIES:
            raise ValueError(f"serial line: parity = {self.parity!r}, must be one of {', '.join(_PARITIES)}")
        if self.stop not in (1, 2):
            raise ValueError(f"serial line: stop = {self.stop}, must be 1 or 2")

    def changed_by(self, options: Mapping[str, str]) -> SerialSettings:
        """These settings with ``baud``, ``bits``, ``parity``, ``stop`` as typed on a command line; others are left."""
        numbers: dict[str, Any] = {}
        for name in ("baud", "bits", "stop"):
            if name in options:
                if not options[name].isascii() or not options[name].isdigit():
                    raise ValueError(f"serial line: {name} = {options[name]!r}, must be a whole number")
                numbers[name] = int(options[name])
        if "parity" in options:
            numbers["parity"] = options["parity"]
        return replace(self, **numbers)


class SerialLine:
    """One line, opened when it is first read.

    ``wait_s``: how long a read waits for the first byte, at most (fixed for the life of the line: changing it would
    make pyserial configure the port again). Opening a ``socket://`` whose host does not answer takes up to 5 s.
    ``state``: ``closed`` (not yet opened, or closed by us), ``open``, ``lost``; ``why``: what the last loss was.
    ``opened``: how often it was opened. Not for several threads at once, save that any may call ``close``.
    """

    def __init__(
        self,
        url: str,
        settings: SerialSettings | None = None,
        *,
        wait_s: float = 0.5,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not url:
            raise ValueError("serial line: port is empty, must be a device, socket://HOST:PORT or rfc2217://HOST:PORT")
        self.url, self.settings, self.wait_s = url, settings or SerialSettings(), wait_s
        self.state: LineState = "closed"
        self.why: str | None = None
        self.opened = 0
        self._monotonic_s, self._sleep = monotonic_s, sleep
        self._port: Any = None
        self._retry_s, self._retry_at_s = FIRST_RETRY_S, -float("inf")
        self._ended = False
        try:
            self._made()  # an unknown scheme is a fault of the command line, not of the line
        except serial.SerialException:
            pass
        except ValueError as error:
            raise ValueError(f"serial line: port = {url!r}, {error}") from None

    def read(self) -> bytes:
        """What has come, after waiting at most ``wait_s``; empty when nothing has, or while the line is lost."""
        if self._ended or not self._ready():
            return b""
        port, got = self._port, bytearray()
        try:
            got += port.read(1)
            # Never more than is known to wait: asked for more, pyserial's socket loses what came before a hang-up.
            while got and len(got) < _LONGEST_LINE and (waiting := port.in_waiting):
                got += port.read(waiting)
        except (OSError, TypeError, ValueError) as error:  # pyserial: TypeError, ValueError where closed meanwhile
            self._lose(error)
        if got:
            self._retry_s = FIRST_RETRY_S
        return bytes(got)

    def write(self, data: bytes) -> bool:
        """Send; whether it went out. False while the line is lost."""
        if self._ended or not self._ready():
            return False
        try:
            self._port.write(data)
        except (OSError, TypeError, ValueError) as error:
            self._lose(error)
            return False
        return True

    def chunks(self) -> Iterator[bytes]:
        """Until ``close``: what comes, as it comes; an empty chunk whenever ``wait_s`` passed without any."""
        while not self._ended:
            yield self.read()

    def close(self) -> None:
        self._ended = True
        self._let_go()
        self.state = "closed"

    def __enter__(self) -> SerialLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _made(self) -> Any:
        s = self.settings
        write_timeout_s = None if self.url.startswith("rfc2217:") else 5.0  # which pyserial's rfc2217 does not know
        return serial.serial_for_url(
            self.url, do_not_open=True, baudrate=s.baud, bytesize=s.bits, parity=_PARITIES[s.parity],
            stopbits=s.stop, timeout=self.wait_s, write_timeout=write_timeout_s,
        )  # fmt: skip

    def _ready(self) -> bool:
        if self._port is not None:
            return True
        left_s = self._retry_at_s - self._monotonic_s()
        if left_s > 0:
            self._sleep(min(left_s, self.wait_s))
            return False
        try:
            port = self._made()
            with contextlib.suppress(ValueError):  # a url handler without it
                port.exclusive = True if os.name == "posix" and "://" not in self.url else None
            port.open()
        except (OSError, ValueError) as error:
            self._lose(error)
            return False
        self._port, self.state = port, "open"
        self.opened += 1
        _keep_alive(port)
        return True

    def _lose(self, error: Exception) -> None:
        self._let_go()
        if self._ended:
            return
        self.state, self.why = "lost", str(error) or type(error).__name__
        self._retry_at_s = self._monotonic_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        ours = getattr(port, "_socket", None)
        with contextlib.suppress(OSError, TypeError, ValueError):
            port.close()
        if ours is not None:  # pyserial leaves the socket open where the peer hung up first
            ours.close()


def _keep_alive(port: Any) -> None:
    """Have the system notice, within two minutes, a converter that lost its power without a word."""
    ours = getattr(port, "_socket", None)
    if ours is None:
        return
    with contextlib.suppress(OSError, AttributeError):  # names that some systems lack
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
