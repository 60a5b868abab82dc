"""Logs as JSON lines, and one line per request in place of the web server's own.

A line names the route, never the address asked for: that may carry a place or a token (an ordinary phone's does). Of
facts their number is told, never what is in them; of who asks, the role and the account's or token's name.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, TextIO

from starlette.requests import ClientDisconnect

from depot_api.app.metrics import metrics_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("ripeur.requests")

#: Ids of requests: this process', then counted (a system's random number for each costs as much as ten facts).
_PROCESS, _NUMBER = secrets.token_hex(4), count(1)
_ID = re.compile(rb"[A-Za-z0-9_.-]{8,64}\Z")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
#: What stands in the log for a request whose sender hung up before all of it was here (nginx's number for it).
HUNG_UP = 499
#: Asked for every second by machines: told only when something is wrong, counted by the metrics.
QUIET = frozenset({"/health", "/metrics", "/facts"})


class JsonLines(logging.Formatter):
    """One JSON object per line: ``at level logger message``, the fields given as ``extra``, a trace."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = _trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def _trace(error: BaseException) -> list[str]:
    """Where it happened, innermost last, of the error and what caused it: without the messages, which quote values."""
    steps: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)[-20:]
        steps = [*(f"{f.filename}:{f.lineno} {f.name}" for f in frames), type(cause).__name__, *steps]
        cause = cause.__cause__ or cause.__context__
    return steps


def log_as_json(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log, the web server's too, to ``stream`` (standard error) as JSON lines, its access log excepted."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = name != "uvicorn.access"
    for talkative in ("alembic", "httpx"):  # every opening; every address asked for
        logging.getLogger(talkative).setLevel(logging.WARNING)


class RequestLog:
    """The middleware: a request's id (a proxy's, else ours) into the answer's head, its end into log and metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        request_id = next((v for k, v in scope["headers"] if k == b"x-request-id" and _ID.match(v)), None)
        request_id = request_id or f"{_PROCESS}{next(_NUMBER):08x}".encode()
        status = 500
        head_s: float | None = None

        async def sending(message: Message) -> None:
            nonlocal status, head_s
            if message["type"] == "http.response.start":
                status = message["status"]
                head_s = time.perf_counter() - started_s
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request_id)]}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:  # hung up while still sending: nobody is there to be answered
            status = HUNG_UP
        finally:
            whole_s = time.perf_counter() - started_s
            self._tell(scope, status, whole_s if head_s is None else head_s, whole_s, request_id.decode())

    def _tell(self, scope: Scope, status: int, head_s: float, whole_s: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", None) or "(none)"
        metrics = metrics_of(scope["app"])
        metrics.requests.labels(_method(scope["method"]), route, str(status)).inc()
        metrics.seconds.labels(route).observe(head_s)
        if route in QUIET and status < 400:
            return
        caller = scope.get("state", {}).get("caller")
        who = {} if caller is None else {"role": caller.role, "who": caller.name}
        log.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "%s %s %d", _method(scope["method"]), route, status,
            extra={"request": request_id, "ms": round(whole_s * 1000, 1), **who},
        )  # fmt: skip


def _method(method: str) -> str:
    """The method where it is one of HTTP's: anything else would make a label of its own."""
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "OTHER"
