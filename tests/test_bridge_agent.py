"""``ripeur weighbridge`` as a process: a simulated indicator on a pty, trucks, the operator's words, kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import ripeur
from onboard.clock import DrillClock
from weighbridge.bridge.agent import BridgeFiles, ask_bridge
from weighbridge.bridge.register import Register
from weighbridge.indicator.indicator import indicator_of
from weighbridge.indicator.simulator import Platform, PtyIndicator, SimulatedIndicator

ROOT = Path(__file__).parent.parent
SPEED = 20


class Site:
    """A simulated bridge and the agent that runs at it."""

    def __init__(self, folder: Path, protocol: str) -> None:
        self.files, self.protocol = BridgeFiles(folder), protocol
        start = datetime(2026, 11, 23, 6, tzinfo=UTC)
        self.clock = DrillClock(start, SPEED)
        self.text = f"2026-11-23T06:00:00Z x{SPEED} @{time.time()}"
        self.platform = Platform(self.clock)
        self.simulated = SimulatedIndicator(indicator_of(protocol), self.platform, self.clock)
        self.agent: subprocess.Popen[str] | None = None

    def start(self, port: str, *more: str) -> None:
        self.agent = subprocess.Popen(
            [sys.executable, "-m", "ripeur", "weighbridge", "--site", "S1", "--port", port, "--protocol", self.protocol,
             "--data", str(self.files.folder), "--instrument", "IT1", "--clock", self.text, *more],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "RIPEUR_TOKEN": "t" * 43},
        )  # fmt: skip
        self.wait(lambda: self.ask({"do": "status"})["kg"] is not None)

    def end(self, how: signal.Signals = signal.SIGTERM) -> str:
        assert self.agent is not None
        self.agent.send_signal(how)
        _, err = self.agent.communicate(timeout=60)
        assert how == signal.SIGKILL or self.agent.returncode == 0, err
        return err

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return ask_bridge(self.files, request)
        except OSError:
            return {"kg": None, "open": [], "plate": None}

    def wait(self, wanted: Any, seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not wanted():
            assert self.agent is None or self.agent.poll() is None, self.agent.stderr and self.agent.stderr.read()
            assert time.monotonic() < ends, self.ask({"do": "status"})
            time.sleep(0.05)

    def weigh(self, truck: str, kg: float) -> None:
        """A truck is announced, drives on, is weighed and drives off."""
        self.ask({"do": "announce", "truck": truck})
        self.platform.move(kg)
        self.wait(lambda: self.ask({"do": "status"})["plate"] == "weighed")
        self.platform.empty()
        self.wait(lambda: self.ask({"do": "status"})["plate"] == "empty")


@contextmanager
def depot() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A depot that takes whatever comes."""
    got: list[dict[str, Any]] = []

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            import gzip

            body = self.rfile.read(int(self.headers["Content-Length"]))
            facts = json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            got.extend(facts)
            answer = json.dumps({"stored": [f["id"] for f in facts], "refused": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("protocol", ["systec", "mt-continuous"])
def test_a_load_goes_from_the_plate_to_the_depot(
    tmp_path: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path, protocol)
    with PtyIndicator(site.simulated) as pty, depot() as (url, got):
        site.start(pty.port, "--depot", url)
        site.weigh("T1", 17460)
        site.weigh("T1", 12340)
        site.ask({"do": "correct", "number": "1", "reason": "it was T2", "truck": "T2"})
        site.wait(lambda: len(got) >= 4)
        with pytest.raises(ValueError, match="do = 'dance'"):
            ask_bridge(site.files, {"do": "dance"})
        assert ripeur.main(["bridge", "status", "--data", str(tmp_path)]) == 0
        site.end()
    kinds = [fact["kind"] for fact in got if fact["kind"] != "health"]
    assert sorted(kinds) == ["ticket", "ticket", "weighing", "weighing"]
    first, second = sorted((f for f in got if f["kind"] == "ticket"), key=lambda f: f["number"])
    assert (first["net_kg"], first["truck"], second["truck"], second["corrects"]) == (5120, "T1", "T2", first["id"])
    weighings = {f["id"]: f for f in got if f["kind"] == "weighing"}
    assert weighings[first["gross_weighing"]]["alibi" if protocol == "systec" else "kg"] in ("1", 17460)
    assert len(list((tmp_path / "tickets").glob("*.pdf"))) == 2
    assert ripeur.main(["bridge", "export", "--date", "2026-11-23", "--data", str(tmp_path)]) == 0
    assert "S1: plate empty" in (out := capsys.readouterr().out)
    assert out.count(";5120.0;") == 2
    copy = tmp_path / "copy.pdf"
    assert ripeur.main(["bridge", "print", "1", "--data", str(tmp_path), "--out", str(copy), "--lang", "en"]) == 0
    assert copy.read_bytes().startswith(b"%PDF")


def test_kill_9_at_any_moment_of_a_weighing_loses_and_doubles_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, "systec")
    with PtyIndicator(site.simulated) as pty:
        site.start(pty.port)
        for k, wait_s in enumerate((0.1, 0.45, 0.65, 0.8, 1.0, 1.3)):  # on its way, still, being weighed, weighed
            kg = 17000 - 1000 * (k % 2) * 5
            site.ask({"do": "announce", "truck": "T1"})
            site.platform.move(kg)
            time.sleep(wait_s)
            site.end(signal.SIGKILL)
            site.start(pty.port)
            site.wait(lambda: site.ask({"do": "status"})["plate"] == "weighed")
            site.platform.empty()
            site.wait(lambda: site.ask({"do": "status"})["plate"] == "empty")
        site.end()
    register = Register.open_read_only(site.files.register)
    assert [w.kg for w in register.weighings()] == [17000, 12000] * 3
    assert [t.net_kg for t in register.tickets()] == [5000] * 3
    assert register.open_loads() == []
    known = {w.alibi for w in register.weighings()}
    assert known <= {str(k + 1) for k in range(len(site.simulated.alibi_memory))}


def test_nobody_to_speak_to_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ripeur.main(["bridge", "announce", "T1", "--data", str(tmp_path)]) == 2
    assert "no `ripeur weighbridge` runs" in capsys.readouterr().err
    assert ripeur.main(["bridge", "print", "1", "--data", str(tmp_path)]) == 2
