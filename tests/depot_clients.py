"""A depot for tests: the application in a thread of this process, asked over HTTP, with a token of each kind."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.app.http_limits import LimitedHttp
from depot_api.settings.depot import DepotSettings
from depot_api.store.store import Store
from onboard.clock import Clock

MANY = httpx.Limits(max_connections=300)


@dataclass
class Client:
    """``tokens``: by kind and name (``box T1``), made when they are first asked for."""

    store: Store
    http: httpx.Client
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, who: str | None = None, **given: Any) -> httpx.Response:
        headers = dict(given.pop("headers", {}))
        if who is not None:
            if who not in self.tokens:
                self.tokens[who] = make_token(self.store, *who.split())
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return self.http.request(method, path, headers=headers, **given)

    def post_facts(self, facts: Any, who: str = "box T1", **given: Any) -> httpx.Response:
        return self.ask("POST", "/facts", who, json=facts, **given)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """An application on a port of its own; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, http=LimitedHttp, log_level="warning", timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def depot(
    url: str | Path, area: Path | None = None, clock: Clock | None = None, settings: DepotSettings | None = None
) -> Iterator[Client]:
    with Store(str(url)) as store:
        app = depot_app(store, area, clock, settings)
        with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=60, limits=MANY) as http:
            yield Client(store, http, app)


def position(truck: str = "T1", **change: Any) -> dict[str, Any]:
    """A good position with an id of its own."""
    return {
        "kind": "position", "id": str(uuid.uuid4()), "truck": truck, "at": "2026-11-20T05:00:00Z", "lat_deg": 43.74,
        "lon_deg": 7.42, "speed_mps": 3.0, "heading_deg": 90.0, "eph_m": 4.0, "mode": 3, **change,
    }  # fmt: skip
