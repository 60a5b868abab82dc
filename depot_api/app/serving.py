"""The depot as a process: the store opened, the application served on a socket until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn

from depot_api.app.factory import depot_app
from depot_api.app.http_limits import LimitedHttp
from depot_api.app.logs import log_as_json
from depot_api.settings import read_depot_file, settings_of
from depot_api.store import Store
from onboard.clock import clock_from
from onboard.worker import end_within

#: What a console's open streams and a batch on its way to the disk get after SIGTERM.
GRACE_S = 5
#: After SIGTERM the process is gone at the latest, whatever hangs. systemd's own patience is longer.
END_S = 9.0


class _Server(uvicorn.Server):
    """uvicorn, whose end comes in time."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            end_within(END_S)
        super().handle_exit(sig, frame)


def serve_depot(
    url: str,
    listener: socket.socket,
    area: Path | None,
    clock_text: str | None,
    plan: Path | None,
    settings: Path | None,
) -> int:
    """Serve until SIGTERM or Ctrl-C. Raises ``ValueError`` or ``OSError`` for what cannot be used, before it serves."""
    given = read_depot_file(settings) if settings is not None else {}
    clock = clock_from(clock_text)
    with Store(url) as store:
        app = depot_app(store, area, clock, settings_of(area, plan_folder=plan, **given))
        config = uvicorn.Config(
            app, http=LimitedHttp, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S
        )
        log_as_json()
        # uvicorn ends on SIGTERM, then hands it on: as Ctrl-C it lets the store close behind it
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"http://localhost:{listener.getsockname()[1]}/ (Ctrl-C ends)", flush=True)  # noqa: T201
        with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_Server(config).serve(sockets=[listener]))
    return 0
