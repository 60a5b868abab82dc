"""Real services for the tests: a private PostgreSQL, and ``ripeur`` as a process of its own."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def absent(service: str) -> None:
    """Skip by name where a service is missing; where every service must be there (CI), fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{service} is not installed (tests/services.sh installs it)")
    pytest.skip(f"{service} is not installed (tests/services.sh installs it)")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def wait_until(done: Any, what: str, within_s: float = 20.0) -> None:
    """Wait for ``done()`` to be true; fail with ``what`` was waited for."""
    end_s = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end_s, f"waited {within_s:g} s in vain for {what}"
        time.sleep(0.02)


# --- PostgreSQL --------------------------------------------------------------------------------------------------


def _postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    there = shutil.which("postgres")
    return Path(there).resolve().parent if there else None


@dataclass
class Cluster:
    """A PostgreSQL of our own: a folder, a port, no password, nobody else's data. It refuses to run as root."""

    folder: Path
    bin: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _names: Any = field(default_factory=count)

    def _as_user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        if os.geteuid() == 0:
            os.chown(self.folder, self._as_user()["user"], self._as_user()["group"])
        subprocess.run(
            [self.bin / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "depot", "-E", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._as_user(),
        )  # fmt: skip

    def start(self) -> None:
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), *options],
                stdout=log, stderr=log, cwd=self.folder, **self._as_user(),
            )  # fmt: skip
        ready = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "depot"]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL", 60)

    def kill(self) -> None:
        """As if the power went: no clean end."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        # its workers notice that it is gone; a new server waits for them
        pid = self.folder / "data" / "postmaster.pid"
        time.sleep(0.2)
        with suppress(FileNotFoundError):
            pid.unlink()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"depot{next(self._names)}"
        subprocess.run(
            [self.bin / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "depot", name], check=True
        )
        return f"postgresql://depot@127.0.0.1:{self.port}/{name}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL in a folder that goes away with it."""
    bin = _postgres_bin()
    if bin is None:
        absent("PostgreSQL")
        raise AssertionError
    with tempfile.TemporaryDirectory(prefix="ripeur-postgres-") as folder:
        made = Cluster(Path(folder), bin)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> str:
    """An empty database of our own, as ``--db`` takes it."""
    return postgres_cluster.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/depot.db"
    return str(request.getfixturevalue("postgres_url"))


# --- the depot as a process --------------------------------------------------------------------------------------


@dataclass
class DepotProcess:
    """``ripeur serve`` as it runs for real; ``kill`` is kill -9."""

    db: str
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, within_s: float = 60.0) -> None:
        command = [sys.executable, "-m", "ripeur", "serve", "--db", self.db, "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        wait_until(self.answers, "ripeur serve", within_s)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "ripeur serve has ended"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def __enter__(self) -> DepotProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def asked(
    port: int, method: str, path: str, token: str | None = None, body: bytes | None = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """One request over a connection of its own: status, JSON (or bytes), headers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        content = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        is_json = found.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(content) if is_json and content else content, found
    finally:
        connection.close()
