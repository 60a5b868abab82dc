"""A depot with people and machines in it: its store, a clock that tests set, and whoever asks it something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from depot_api.access import admin_page, login, oidc
from depot_api.accounts import users
from depot_api.accounts.tokens import make_token
from depot_api.app import metrics
from depot_api.app.logs import RequestLog
from depot_api.privacy import decisions, page
from depot_api.settings.depot import DepotSettings
from depot_api.settings.roles import BOUND, MACHINES, PEOPLE
from depot_api.state.depot import Depot
from depot_api.store.store import Store

from .asking import Asking
from .clocks import ToldClock

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
PASSWORD = "correct horse battery"
#: Whom the roles that are bound to somebody are bound to here.
BOUND_TO = {"contractor": ("T8",), "town": ("Monaco",), "box": ("T1",), "bridge": ("S1",), "plant": ("P1",)}


@dataclass
class Scene:
    store: Store
    app: FastAPI
    clock: ToldClock
    tokens: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def nobody(self, **headers: str) -> Asking:
        return Asking(self.app, headers=headers)

    def machine(self, role: str) -> Asking:
        """Whoever holds a token of this role."""
        if role not in self.tokens:
            name = BOUND_TO.get(role, (role,))[0]
            self.tokens[role] = make_token(self.store, role, name)
        return Asking(self.app, headers={"authorization": f"Bearer {self.tokens[role]}"})

    def person(self, role: str) -> Asking:
        """Somebody of this role who has just logged in, with his CSRF token in every request."""
        name = f"a.{role}"
        if role not in self.names:
            bound_to = BOUND_TO[role] if role in BOUND else ()
            users.add_account(self.store, name, role, password=PASSWORD, now=self.clock.now(), bound_to=bound_to)
            self.names[role] = name
        asking = self.nobody()
        answer = log_in(asking, name, PASSWORD)
        assert answer.status_code == 303, answer.text
        csrf = asking.get("/me").json()["csrf"]
        asking.client["headers"] = {"x-csrf-token": csrf}
        return asking

    def anybody(self, role: str) -> Asking:
        return self.person(role) if role in PEOPLE else self.machine(role)


def people_app(store: Store, clock: ToldClock, settings: DepotSettings | None = None) -> FastAPI:
    """The depot's routes that are about people, alone."""
    app = FastAPI()
    app.state.depot = Depot(store, None, clock, None, settings or DepotSettings())
    app.add_middleware(RequestLog)
    for part in (login, oidc, admin_page, page, decisions, metrics):
        app.include_router(part.router)
    return app


def log_in(asking: Asking, name: str, password: str, **fields: str) -> httpx.Response:
    return asking.post("/login", data={"name": name, "password": password, **fields})


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """An empty depot."""
    with Store(f"sqlite:///{tmp_path}/depot.db") as store:
        clock = ToldClock(NOW)
        yield Scene(store, people_app(store, clock), clock)


EVERYBODY = (*PEOPLE, *MACHINES)
