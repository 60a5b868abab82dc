"""What must run as long as the depot does, and who looks after it.

Threads: the store's writer, the live state's tail and its matching, the nights (``onboard/worker.py`` says what becomes
of one that dies). One task beside the web server's own and its streams: the supervisor, which begins anew by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from fastapi import FastAPI

from depot_api.live import LiveState
from onboard.worker import Worker, revive_all

LOG = logging.getLogger("ripeur.worker")
#: Between two checks of the workers.
CHECK_S = 1.0


def workers_of(app: FastAPI) -> tuple[Worker, ...]:
    """Everything that this depot cannot do without."""
    depot = app.state.depot
    live = depot.live.workers if isinstance(depot.live, LiveState) else ()
    nights = getattr(app.state, "nights", None)
    return (depot.store.writer, *live, *((nights,) if isinstance(nights, Worker) else ()))


class WorkerSupervisor:
    """Looks after the workers once a second. Ended by anything but ``end``, it begins again."""

    def __init__(self, workers: Callable[[], Iterable[Worker]]) -> None:
        self._workers = workers
        self._ended = False
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._watch(), name="supervisor")
        self.task.add_done_callback(self._again)

    def end(self) -> None:
        self._ended = True
        if self.task is not None:
            self.task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            revive_all(self._workers())

    def _again(self, task: asyncio.Task[None]) -> None:
        if not self._ended and not task.get_loop().is_closed():
            LOG.critical("supervisor: died, begins again", exc_info=None if task.cancelled() else task.exception())
            self.start()
