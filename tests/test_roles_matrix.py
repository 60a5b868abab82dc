"""The table of ``docs/access.md``, cell by cell: every role at every endpoint, and nobody at all."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from depot_api.access.authorization import Allow
from depot_api.accounts import sessions, users
from depot_api.accounts.tokens import make_token
from depot_api.app.factory import depot_app
from depot_api.settings.depot import DepotSettings
from depot_api.settings.roles import BOUND, MACHINES, PEOPLE, ROLES
from depot_api.store.store import Store

from .clocks import ToldClock
from .people_depot import BOUND_TO, NOW

PAGE = Path(__file__).parent.parent / "docs" / "access.md"
#: What stands in a path, by its parameter; a role that is bound asks for its own.
GIVEN = {
    "truck": "T1",
    "date": "2026-11-23",
    "day": "2026-11-23",
    "name": "nobody",
    "token_id": "999",
    "sha256": "0" * 64,
}


@cache
def table() -> dict[str, set[str]]:
    """``"GET /live"`` -> the roles that may, or ``{"open"}`` for everybody."""
    rows = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")]
        for line in PAGE.read_text(encoding="utf-8").split("## Every endpoint")[1].split("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    heads = [head.strip("` ") for head in rows[0]]
    assert heads[0] == "endpoint"
    assert heads[1] == "open"
    assert tuple(heads[2:]) == ROLES
    found: dict[str, set[str]] = {}
    for row in rows[2:]:
        name = row[0].strip("`")
        assert name not in found, f"{name} stands there twice"
        assert set(row[1:]) <= {"", "x"}, row
        found[name] = {head for head, cell in zip(heads[1:], row[1:], strict=True) if cell}
    return found


def routes_of(routes: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Every endpoint as the table names it, whatever router it came with."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        elif getattr(route, "app", None) is not None and not hasattr(route, "methods"):
            yield f"MOUNT {route.path}", route
        else:
            yield from ((f"{method} {route.path}", route) for method in sorted(route.methods - {"HEAD"}))


class Matrix:
    """A depot with one caller of every role, and a way to ask that waits for an answer's head only."""

    def __init__(self, store: Store, plan_folder: Path) -> None:
        self.app: FastAPI = depot_app(store, clock=ToldClock(NOW), settings=DepotSettings(plan_folder=plan_folder))
        self.depot = self.app.state.depot
        self.tokens = {role: make_token(store, role, BOUND_TO.get(role, (role,))[0]) for role in MACHINES}
        for role in PEOPLE:
            bound_to = BOUND_TO[role] if role in BOUND else ()
            users.add_account(store, role, role, password=None, now=self.depot.clock.now(), bound_to=bound_to)

    def status(self, endpoint: str, role: str | None) -> int:
        """What an endpoint answers to a caller of this role, or to nobody."""
        method, path = endpoint.split(" ", 1)
        own = {"truck": BOUND_TO[role][0]} if role in ("box", "contractor") else {}
        path = re.sub(r"{(\w+)(:\w+)?}", lambda m: {**GIVEN, **own}.get(m[1], "1"), path)
        headers: list[tuple[bytes, bytes]] = [(b"host", b"depot"), (b"content-length", b"0")]
        query = ""
        if role in MACHINES:
            token = self.tokens[role]
            if path.startswith("/phones/owntracks"):  # it knows names and passwords only
                basic = base64.b64encode(f"{BOUND_TO.get(role, (role,))[0]}:{token}".encode())
                headers.append((b"authorization", b"Basic " + basic))
            elif path.startswith("/phones/traccar"):  # and this one, queries
                query = f"id={token}"
            else:
                headers.append((b"authorization", f"Bearer {token}".encode()))
        elif role is not None:
            cookie = sessions.begin_session(self.depot, role)
            session = sessions.find_session(self.depot, cookie)
            assert session is not None
            headers += [(b"cookie", f"{sessions.COOKIE}={cookie}".encode()), (b"x-csrf-token", session.csrf.encode())]
        return asyncio.run(self._head(method, path, query, headers))

    async def _head(self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]]) -> int:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("depot", 80),
        }  # fmt: skip
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start" and not status.done():
                status.set_result(message["status"])

        answering = asyncio.create_task(self.app(scope, receive, send))  # type: ignore[arg-type]
        await asyncio.wait([answering, status], timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if not status.done():
            answering.result()
        if not answering.done():  # a stream, which would never end
            answering.cancel()
            await asyncio.wait([answering])
        return status.result()


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("depot")
    (folder / "plan").mkdir()
    (folder / "plan" / "map.html").write_text("<!doctype html>")
    with Store(f"sqlite:///{folder}/depot.db") as store:
        yield Matrix(store, folder / "plan")


def test_the_table_has_every_endpoint_and_no_other(matrix: Matrix) -> None:
    there = {name for name, _ in routes_of(matrix.app.routes)}
    missing = sorted(there - set(table()))
    assert not missing, "not in docs/access.md:\n" + "\n".join(row_of(matrix, name) for name in missing)
    assert not set(table()) - there, "in docs/access.md, but not in the application"


def row_of(matrix: Matrix, endpoint: str) -> str:
    """The row that the code would have: to be judged, not only pasted."""
    route = next(route for name, route in routes_of(matrix.app.routes) if name == endpoint)
    roles = roles_of(route)
    cells = ["" if roles else "x", *("x" if role in roles else "" for role in ROLES)]
    return f"| `{endpoint}` | " + " | ".join(cells) + " |"


def roles_of(route: Any) -> set[str]:
    """The roles that a route's dependencies let pass; none: it is open."""
    roles: set[str] = set()
    waiting = [route.dependant] if hasattr(route, "dependant") else []
    while waiting:
        dependant = waiting.pop()
        roles |= set(getattr(dependant.call, "roles", ())) if isinstance(dependant.call, Allow) else set()
        waiting += dependant.dependencies
    return roles


def test_nobody_comes_in_where_the_table_does_not_say_open(matrix: Matrix) -> None:
    for endpoint, roles in table().items():
        status = matrix.status(endpoint, None)
        if endpoint != "POST /login":  # 401 is what it says to an empty form
            assert (status == 401) == (roles != {"open"}), f"{endpoint}: {status} to nobody"
        assert status < 500 or endpoint.endswith("/health"), f"{endpoint}: {status}"


@pytest.mark.parametrize("role", ROLES)
def test_every_cell_of_a_roles_column_holds(matrix: Matrix, role: str) -> None:
    for endpoint, roles in table().items():
        status = matrix.status(endpoint, role)
        if endpoint == "POST /login":
            continue
        if role in roles or roles == {"open"}:
            assert status not in (401, 403), f"{endpoint}: {status} to {role}, who may"
        elif endpoint.split()[1].startswith("/phones/"):
            assert status in (401, 403), f"{endpoint}: {status} to {role}, who may not"
        else:
            assert status == 403, f"{endpoint}: {status} to {role}, who may not"


def test_what_is_open_is_little_and_known() -> None:
    assert {name for name, roles in table().items() if roles == {"open"}} == {
        "GET /",
        "GET /health",
        "GET /login",
        "POST /login",
        "GET /login/oidc",
        "GET /login/oidc/back",
        "GET /people.css",
        "GET /privacy",
        "GET /privacy.json",
    }


def test_a_contractor_is_told_nothing_of_another_ones_truck(matrix: Matrix) -> None:
    for endpoint, roles in table().items():
        if "contractor" in roles and "{truck}" in endpoint:
            own = matrix.status(endpoint, "contractor")
            other = matrix.status(endpoint.replace("{truck}", "T1"), "contractor")
            assert other in (403, 404), f"{endpoint}: {other} for another's truck"
            assert own not in (401, 403)
