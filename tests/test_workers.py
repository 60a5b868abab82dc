"""No thread and no task dies unseen: each of depot, box and bridge is killed here, and whoever is told to end does."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from depot_api.app.factory import depot_app
from depot_api.app.workers import WorkerSupervisor, workers_of
from depot_api.live.state import LiveState
from depot_api.store.store import Store, StoreDown, new_fact
from fleet import Position, instant
from onboard.box.agent import BoxAgent, BoxInputs
from onboard.box.crew import ask_box
from onboard.box.settings import BoxSettings
from onboard.clock import SystemClock
from onboard.recording.receiver import Fix
from onboard.sensors.framing import LineListeners
from onboard.sensors.readings import LiftReading
from onboard.sensors.serial_line import SerialLine
from onboard.worker import MOST_DEATHS, Worker

from .depot_clients import Client, depot, position
from .fake_depot import fake_depot
from .services import asked, free_port, wait_until
from .test_bridge_agent import Site
from .test_bridge_agent import depot as bridge_depot

ROOT = Path(__file__).parent.parent


def kill(worker: Worker) -> None:
    """End a worker's thread at whatever point it is, as nothing but a fault in the program would."""
    thread = worker._thread
    assert thread is not None
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))


# --- a worker alone --------------------------------------------------------------------------------------------------


def test_a_worker_begins_again_whatever_it_dies_of(caplog: pytest.LogCaptureFixture) -> None:
    begun, stop = [], threading.Event()
    errors: Iterator[BaseException] = iter([ValueError("x"), SystemExit(), KeyboardInterrupt(), GeneratorExit()])

    def work() -> None:
        begun.append(1)
        error = next(errors, None)
        if error is not None:
            raise error
        stop.wait(60)

    worker = Worker("a worker", work, stop, again_s=0.001)
    worker.start()
    wait_until(lambda: len(begun) == 5, "the fifth beginning")
    assert worker.deaths == 4
    assert worker.trouble() == "a worker: died 4 times within a minute", f"from {MOST_DEATHS} on"
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL] * 4
    stop.set()
    assert worker.join(10)
    assert worker.trouble() is None


def test_a_worker_whose_thread_is_gone_says_so_and_is_begun_again_by_whoever_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, held = threading.Event(), threading.Event()
    worker = Worker("a worker", lambda: held.wait(60) and None, stop)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_run", lambda: None)
        worker.start()
        assert worker.join(10)
    assert worker.trouble() == "a worker: its thread has ended"
    worker.revive()
    assert worker.is_alive
    assert worker.deaths == 1
    held.set()
    assert worker.join(10)
    worker.revive()
    assert (worker.is_alive, worker.trouble()) == (False, None), "what is done is not begun again"


# --- the depot -------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with depot(tmp_path / "depot.db") as made:
        yield made


DEPOT_THREADS = ("store-writer", "live-tail", "live-tours", "nights")


@pytest.mark.parametrize("name", DEPOT_THREADS)
def test_every_thread_of_the_depot_begins_again_and_health_tells(client: Client, name: str) -> None:
    kill(next(worker for worker in workers_of(client.app) if worker.name == name))

    def goes_on() -> bool:  # a thread that waits dies when it is next given something to do
        client.post_facts([position(at=_now())])
        return client.ask("GET", "/health").json().get("died", {}).get(name, 0) > 0

    wait_until(goes_on, f"{name} to die and begin again", 90)
    wait_until(lambda: client.ask("GET", "/health").json()["status"] == "ok", "everything to run", 90)
    fact = position("T7", at=_now())
    assert client.post_facts([fact], "box T7").json()["stored"] == [fact["id"]]
    wait_until(lambda: any(t["truck"] == "T7" for t in client.ask("GET", "/live", "planner P").json()["trucks"]),
               "the truck on the board", 90)  # fmt: skip
    assert f'ripeur_worker_deaths_total{{worker="{name}"}} 1.0' in client.ask("GET", "/metrics", "monitor M").text


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_those_are_all_the_depot_s_threads(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with depot(tmp_path / "depot.db") as client:
        client.ask("GET", "/health")
        found = {thread.name for thread in set(threading.enumerate()) - before}
    web = {
        name for name in found if name.startswith(("AnyIO", "asyncio", "Thread-"))
    }  # the framework's, and the test's
    assert found - web == set(DEPOT_THREADS)


@pytest.mark.parametrize("how", ["cancelled", "a fault"])
def test_the_supervisor_begins_again_itself(tmp_path: Path, how: str) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        app = depot_app(store)
        looked, fails = [0], [how == "a fault"]

        def workers() -> Any:
            looked[0] += 1
            if fails.pop() if fails else False:
                raise ValueError("x")
            return workers_of(app)

        async def killed() -> None:
            supervisor = WorkerSupervisor(workers)
            supervisor.start()
            first = supervisor.task
            assert first is not None
            if how == "cancelled":
                await asyncio.sleep(0)
                first.cancel()
            while looked[0] < (2 if how == "a fault" else 1):
                await asyncio.sleep(0.05)
            assert supervisor.task is not first
            supervisor.end()
            await asyncio.sleep(0)

        asyncio.run(asyncio.wait_for(killed(), 60))


def test_what_the_writer_had_in_its_hands_is_said_not_to_be_stored(tmp_path: Path) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        entered, go = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            entered.set()
            go.wait(60)

        held = threading.Thread(target=lambda: _refused(store, hold))
        held.start()
        assert entered.wait(60)
        fact = Position(id=str(uuid.uuid4()), at=instant("2026-11-20T05:00:00Z"), truck="T1", lat_deg=43.0, lon_deg=7.0)
        waiting = store.submit([new_fact(fact, fact.at)])
        kill(store.writer)
        go.set()
        held.join(60)
        assert not held.is_alive()
        waiting.result(60)
        assert store.count() == 1


def _refused(store: Store, task: Any) -> None:
    with pytest.raises(StoreDown, match="the writer died"):
        store.write(task)


# --- whatever a request holds, it fails alone ------------------------------------------------------------------------

ODD = (
    b'{"kind":"message","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","sender":"planner","text":"x","site":["a"]}',
    b'{"kind":"message","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","sender":"planner","text":"x","site":{}}',
    b'{"kind":"message","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","sender":"planner","text":"x","site":"\\ud800"}',
    b'{"kind":"message","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","sender":"planner","text":"x","site":"\\u0000"}',
    b'{"kind":"message","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","sender":"planner","text":"x","site":1e9}',
)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_field_of_another_kind_is_dropped_before_anything_is_made_of_it(db_url: str, odd: bytes) -> None:
    with depot(db_url) as client:
        id = str(uuid.uuid4())
        answer = client.ask("POST", "/facts", "planner P", content=b"[%s]" % (odd % id.encode()))
        assert (answer.status_code, answer.json()) == (200, {"stored": [id], "refused": []})
        good = position()
        assert client.post_facts([good]).json()["stored"] == [good["id"]]
        assert [row.who for row in client.store.facts("message")] == ["T1"]


def test_rows_that_the_database_does_not_take_cost_no_others_that_share_their_commit(db_url: str) -> None:
    at = instant("2026-11-20T05:00:00Z")
    with Store(db_url) as store:
        entered, go = threading.Event(), threading.Event()
        blocked = threading.Thread(target=lambda: store.write(lambda _: (entered.set(), go.wait(60))))
        blocked.start()
        assert entered.wait(60)
        good = [
            new_fact(Position(id=str(uuid.uuid4()), at=at, truck=f"T{k}", lat_deg=43.0, lon_deg=7.0), at)
            for k in range(4)
        ]
        bad = [
            good[0]._replace(id=b"1" * 16, body=None),  # type: ignore[arg-type]
            good[0]._replace(id=b"2" * 16, who=None),  # type: ignore[arg-type]
            good[0]._replace(id=b"3" * 16, kind=None),  # type: ignore[arg-type]
            good[0]._replace(id=b"4" * 16, at_us=1 << 80),
        ]
        done = [store.submit([row]) for pair in zip(good, bad, strict=True) for row in pair]
        go.set()
        blocked.join(60)
        for k, future in enumerate(done):
            assert (future.exception(60) is None) == (k % 2 == 0), k
        assert store.count() == 4
        assert store.trouble() is None


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//[", "http://]", "\x80", "null"])
def test_an_origin_that_is_no_address_is_another_site_s(client: Client, origin: str) -> None:
    headers = {"Origin": origin.encode("latin-1")}
    answer = client.ask("POST", "/login", headers=headers, data={"name": "a", "password": "b"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/messages", '{"truck": "\\ud800", "text": "x"}'),
        ("/messages", '{"truck": "T1", "text": "\\udfff"}'),
        ("/messages", '{"truck": "T1", "text": "x", "answers": "\\ud800"}'),
        ("/replay", '{"date": "2026-11-20", "tour": "\\ud800", "reason": "a claim"}'),
        ("/replay", '{"date": "2026-11-20", "tour": "t", "reason": "\\ud800 a claim"}'),
    ],
)
def test_half_a_surrogate_pair_is_that_request_s_fault(db_url: str, path: str, body: str) -> None:
    with depot(db_url) as client:
        answer = client.ask("POST", path, "planner P", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text
        assert client.post_facts([position()]).status_code == 200


# --- the box ---------------------------------------------------------------------------------------------------------


class _Endless:
    """A receiver, and a lifter, that always have something to say."""

    damaged = 0

    def fixes(self) -> Iterator[Fix]:
        while True:
            time.sleep(0.05)
            yield Fix(SystemClock().now(), 43.7, 7.4, 2.0, 90.0, 4.0, 3)

    def readings(self) -> Iterator[LiftReading]:
        while True:
            time.sleep(0.05)
            yield LiftReading(lifter="left")

    def state(self) -> Any:
        return "fix"


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_thread_of_the_box_begins_again(tmp_path: Path) -> None:
    with fake_depot() as there:
        settings = BoxSettings("T1", there.url, "t" * 43, tmp_path, always_on_duty=True)
        agent = BoxAgent(settings, SystemClock(), BoxInputs(_Endless(), {"lifts": _Endless()}))
        runs = threading.Thread(target=agent.run, name="the box's own")
        runs.start()
        try:
            names = ("sender", "receiver", "crew's door", "lifts")
            wait_until(lambda: {worker.name for worker in agent.workers} == set(names), "the box's threads")
            wait_until(lambda: len(there.stored) > 3, "facts", 60)
            for name in names:
                worker = next(worker for worker in agent.workers if worker.name == name)
                kill(worker)

                def is_back(worker: Worker = worker) -> bool:
                    if worker.name == "crew's door":  # it waits in the system's call until somebody comes
                        with contextlib.suppress(OSError):
                            ask_box(tmp_path / "crew.sock", {"do": "status"}, 2)
                    return worker.deaths > 0 and worker.is_alive

                wait_until(is_back, f"{name} to begin again", 90)
            for kind in ("position", "lift"):
                before = sum(fact["kind"] == kind for fact in there.stored.values())
                wait_until(
                    lambda kind=kind, n=before: sum(f["kind"] == kind for f in there.stored.values()) > n + 2, kind, 90
                )
            wait_until(lambda: ask_box(tmp_path / "crew.sock", {"do": "status"})["tracked"], "the crew's door", 90)
        finally:
            agent.stop.set()
            runs.join(60)
        assert not runs.is_alive()
    gc.collect()  # the line that the sender held when it was killed


def test_the_thread_of_each_line_begins_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as converter:
        listeners = LineListeners([SerialLine(f"socket://127.0.0.1:{converter.getsockname()[1]}", wait_s=0.05)])
        heard = queue.SimpleQueue[bytes]()
        hears = threading.Thread(
            target=lambda: [heard.put(chunk) for _, chunk in listeners.chunks(0.05) if chunk], daemon=True
        )
        hears.start()
        wire, _ = converter.accept()
        with wire:

            def is_heard(what: bytes) -> bool:  # what comes while a port opens, or a thread dies, is gone with it
                wire.sendall(what)
                time.sleep(0.05)
                return not heard.empty() and heard.get() == what

            wait_until(lambda: is_heard(b"a"), "the line", 60)
            kill(listeners._workers[0])
            wait_until(lambda: listeners._workers[0].deaths > 0, "the line's thread to die", 60)
            wait_until(lambda: is_heard(b"b"), "the line again", 60)
        listeners.close()
        hears.join(60)


# --- the bridge ------------------------------------------------------------------------------------------------------

#: Runs `ripeur` and, on SIGUSR1, ends every thread but the first.
KILLABLE = """
import ctypes, signal, sys, threading
import ripeur
def kill(*_):
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
signal.signal(signal.SIGUSR1, kill)
sys.exit(ripeur.main(sys.argv[1:]))
"""


def test_every_thread_of_the_bridge_begins_again(tmp_path: Path) -> None:
    from weighbridge.indicator.simulator import PtyIndicator

    site = Site(tmp_path, "systec")
    with PtyIndicator(site.simulated) as pty, bridge_depot() as (url, got):
        site.agent = subprocess.Popen(
            [sys.executable, "-c", KILLABLE, "weighbridge", "--site", "S1", "--port", pty.port, "--protocol", "systec",
             "--data", str(tmp_path), "--depot", url, "--clock", site.text],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "RIPEUR_TOKEN": "t" * 43},
        )  # fmt: skip
        site.wait(lambda: site.ask({"do": "status"})["kg"] is not None, 60)
        site.weigh("T1", 17460)
        site.wait(lambda: any(fact["kind"] == "weighing" for fact in got), 60)
        site.agent.send_signal(signal.SIGUSR1)
        time.sleep(1.0)  # each dies where it next wakes
        site.wait(lambda: site.ask({"do": "status"})["kg"] is not None, 60)
        site.weigh("T1", 12340)
        site.wait(lambda: any(fact["kind"] == "ticket" for fact in got), 60)
        err = site.end()
        assert "door: died, begins again" in err
        assert "sender: died, begins again" in err


#: Hears no signal in its main thread, as one that waits for a disk does not, and says so when it is ready.
DEAF = """
import ctypes, signal, sys, threading
from onboard.worker import stop_on_signals
stop = threading.Event()
with stop_on_signals(stop, 1.0 if sys.argv[1] == "hangs" else 60.0, signal.SIGTERM):
    print("ready", flush=True)
    libc = ctypes.CDLL(None)
    while True:
        libc.poll(None, 0, 1000)  # begun again in C whenever a signal ends it
        if sys.argv[1] == "hears" and stop.is_set():
            break
print("ended")
"""


@pytest.mark.parametrize(("how", "code"), [("hears", 0), ("hangs", 1)])
def test_who_is_stop_on_signals_ends_in_time_whether_he_hears_it_or_not(how: str, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, how], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code
        assert ("ended" in out) == (how == "hears")
        assert ("told to end 1 s ago and still here" in err) == (how == "hangs")


# --- told to end -----------------------------------------------------------------------------------------------------

#: `ripeur serve` whose writer hangs in the disk as soon as a fact comes.
HANGS = """
import sys, time
import depot_api.store, ripeur
depot_api.store.store._Group.__call__ = lambda self, connection: time.sleep(10**6)
sys.exit(ripeur.main(sys.argv[1:]))
"""


def test_a_depot_that_is_stop_on_signals_ends_whatever_hangs(tmp_path: Path) -> None:
    from depot_api.accounts.tokens import make_token

    with Store(str(tmp_path / "depot.db")) as store:
        token = make_token(store, "box", "T1")
    port = free_port()
    serve = ["serve", "--db", str(tmp_path / "depot.db"), "--port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HANGS), *serve], cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: _answers(port), "ripeur serve", 90)
            body = b'[{"kind":"duty","id":"%s","truck":"T1","at":"2026-11-20T05:00:00Z","state":"start"}]'
            sender = threading.Thread(
                target=lambda: _ignored(port, token, body % str(uuid.uuid4()).encode()), daemon=True
            )
            sender.start()
            time.sleep(1.0)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == 1
        assert "told to end 9 s ago and still here" in err
        assert "store-writer" in err or "time.sleep" in err or "File" in err, "what hangs is named"


def _answers(port: int) -> bool:
    try:
        return asked(port, "GET", "/health")[0] == 200
    except OSError:
        return False


def _ignored(port: int, token: str, body: bytes) -> None:
    from http.client import HTTPException

    with contextlib.suppress(OSError, HTTPException):
        asked(port, "POST", "/facts", token, body)


def test_a_live_state_whose_every_step_fails_is_in_trouble(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.http.get("/health").status_code == 200

    def fails(_: object) -> bool:
        raise ValueError("every time")

    monkeypatch.setattr(LiveState, "renew", fails)
    wait_until(lambda: client.http.get("/health").status_code == 503, "the trouble", 60)
    assert client.http.get("/health").json()["why"].startswith("live-tail: died")
    monkeypatch.undo()
    wait_until(lambda: client.http.get("/health").status_code == 200, "its end", 120)


def test_logins_at_a_locked_database_keep_neither_health_nor_pages_waiting(tmp_path: Path) -> None:
    form = {"name": "nobody", "password": "a password"}
    with depot(tmp_path / "depot.db") as client:
        assert client.ask("GET", "/live", "planner P").status_code == 200
        lock = sqlite3.connect(tmp_path / "depot.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        tries = [threading.Thread(target=client.http.post, args=("/login",), kwargs={"data": form}) for _ in range(60)]
        for one in tries:
            one.start()
        wait_until(lambda: client.store._live, "tries that wait")
        answered = [client.ask("GET", path, "planner P").status_code for path in ("/live", "/console", "/health")]
        waiting = any(one.is_alive() for one in tries)
        lock.close()
        for one in tries:
            one.join()
        assert answered[:2] == [200, 200]
        assert waiting  # they were answered meanwhile
