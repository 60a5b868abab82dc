"""The API asked what its own document allows, and some of what it does not: no role brings it to a 500."""

from __future__ import annotations

import copy
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from depot_api.app.factory import depot_app
from depot_api.settings.roles import MACHINES, PEOPLE, ROLES
from depot_api.store.store import Store

from .clocks import ToldClock
from .people_depot import NOW, Scene

CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip
#: Streams that never end: their heads are asked for by test_roles_matrix.py.
ENDLESS = "/live/stream"
EXAMPLES = 40


class Served:
    """The depot as an application on a socket, with one caller of every role."""

    def __init__(self, store: Store) -> None:
        self.scene = Scene(store, depot_app(store, clock=ToldClock(NOW)), ToldClock(NOW))
        self.headers: dict[str | None, dict[str, str]] = {None: {}}
        for role in MACHINES:
            self.headers[role] = self.scene.machine(role).client["headers"]
        for role in PEOPLE:
            asking = self.scene.person(role)
            cookie = "; ".join(f"{name}={value}" for name, value in asking.cookies.items())
            self.headers[role] = {**asking.client["headers"], "cookie": cookie}
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        config = uvicorn.Config(self.scene.app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]})

    def __enter__(self) -> Served:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.door.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Store(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/depot.db") as store, Served(store) as depot:
        yield depot


@pytest.fixture(scope="module")
def cases(served: Served) -> Any:
    """Requests to every endpoint of the document, good ones and bad ones."""
    document = copy.deepcopy(served.scene.app.openapi())
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)  # we show credentials ourselves; made-up ones would all be 401
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig())
    return schema.exclude(path=ENDLESS).as_strategy()


@pytest.mark.parametrize("role", [*ROLES, None])
def test_no_request_of_a_role_ends_in_a_500_or_in_an_answer_that_is_not_declared(
    served: Served, cases: Any, role: str | None
) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def holds(case: Case) -> None:
        answer = case.call(base_url=served.url, headers=served.headers[role])
        case.validate_response(answer, checks=CHECKS)

    holds()
