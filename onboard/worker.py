"""A thread that a process cannot do without: it begins again whatever it dies of, and says when it does not work.

Used by box, bridge and depot alike. Whoever holds workers looks at them now and then (``revive``): a thread can be
ended at any point, even while it picks itself up. A process that is told to end does so in time (``end_within``).
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

#: Between two beginnings: the first, doubled each time it dies again at once, up to the longest.
AGAIN_S, LONGEST_AGAIN_S = 0.1, 5.0
#: A worker that has worked for so long is well: what it died of before counts no more.
WELL_S = 60.0
#: Deaths within ``WELL_S`` from which on it is in trouble, though it begins again each time.
MOST_DEATHS = 3
_log = logging.getLogger("ripeur.worker")


class Worker:
    """Runs ``work`` in a thread until that returns or ``stop`` is set; begins it again when it fails.

    ``work`` is written so that it may be begun anew at any time. ``deaths``: how often it has died so far.
    """

    def __init__(self, name: str, work: Callable[[], None], stop: threading.Event, *, again_s: float = AGAIN_S) -> None:
        self.name, self.deaths = name, 0
        self._work, self._stop, self._again_s = work, stop, again_s
        self._recent_s: list[float] = []  # monotonic times of the last deaths
        self._over = False  # it has done what it had to do
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def revive(self) -> None:
        """Begin again where the thread is no more. From any thread, as often as one likes."""
        thread = self._thread
        if thread is None or thread.is_alive() or self._over or self._stop.is_set():
            return
        with self._lock:
            if self._thread is thread:
                self._died(None)
                self.start()

    def join(self, patience_s: float | None = None) -> bool:
        """Wait for the thread to end; whether it has."""
        if self._thread is None:
            return True
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def trouble(self) -> str | None:
        """Why it does not work just now, in words; None where it does, is done or was told to end."""
        if self._thread is None or self._over or self._stop.is_set():
            return None
        if not self._thread.is_alive():
            return f"{self.name}: its thread has ended"
        recent = [at_s for at_s in self._recent_s if time.monotonic() - at_s < WELL_S]
        return f"{self.name}: died {len(recent)} times within a minute" if len(recent) >= MOST_DEATHS else None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
                self._over = True
                return
            except BaseException as error:  # noqa: BLE001 (the main loop of a thread: whatever it is, it is told)
                if not self._stop.is_set():
                    self._died(error)
            self._stop.wait(min(LONGEST_AGAIN_S, self._again_s * 2 ** max(0, len(self._recent_s) - 1)))

    def _died(self, error: BaseException | None) -> None:
        now_s = time.monotonic()
        self.deaths += 1
        self._recent_s = [*[at_s for at_s in self._recent_s if now_s - at_s < WELL_S][-9:], now_s]
        _log.critical("%s: died, begins again", self.name, exc_info=error)


def revive_all(workers: Iterable[Worker]) -> None:
    """Look after them all."""
    for worker in workers:
        worker.revive()


@contextmanager
def stop_on_signals(stop: threading.Event, end_s: float, *signals: signal.Signals) -> Iterator[None]:
    """While it lasts, these signals set ``stop``, and the process ends within ``end_s`` seconds whatever hangs.

    They are heard by a thread of its own: the main one, where Python would hear them, may be what hangs, in the disk or
    on the lock of ``stop`` itself. For the main thread.
    """
    hears, wakes = os.pipe()
    os.set_blocking(wakes, False)

    def end() -> None:
        if not stop.is_set():
            end_within(end_s)
            stop.set()

    def listen() -> None:
        while told := os.read(hears, 1):
            if told[0] in signals:
                end()
        os.close(hears)

    def hear(*_: object) -> None:  # where the main thread hears it as well: nothing that could wait for itself
        threading.Thread(target=end, name="told to end", daemon=True).start()

    before = {number: signal.signal(number, hear) for number in signals}
    woken = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    Worker("signals", listen, threading.Event()).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wakes)  # the thread's end; it reads to there


def end_within(end_s: float) -> threading.Timer:
    """From now on the process ends within ``end_s`` seconds, whatever hangs: then loudly, with what every thread does.

    For whoever was told to end: what was acknowledged is on disk, so nothing is lost by an end without manners.
    """

    def end() -> None:
        _log.critical("told to end %g s ago and still here: ends now", end_s)
        faulthandler.dump_traceback(sys.__stderr__ or 2, all_threads=True)
        os._exit(1)

    timer = threading.Timer(end_s, end)
    timer.name, timer.daemon = "end", True
    timer.start()
    return timer
