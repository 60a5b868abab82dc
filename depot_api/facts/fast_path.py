"""The short way for ``POST /facts``: from the web server to the intake, past the framework's routing.

Five hundred boxes at 1 Hz ask this one question and wait for it; of what a request cost, the framework's own steps
were more than half (docs/benchmarks.md). The route stays declared in ``intake``, for the API's document, and everything
is decided by the same functions: who asks, whether he may, what each fact is worth.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastapi import HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError

from depot_api.access import admit, caller
from depot_api.facts.intake import post_facts
from depot_api.settings import REPORTS
from depot_api.state import store_down_response
from depot_api.store import StoreDown

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_ROLES = frozenset(REPORTS)
_ROUTE = SimpleNamespace(path="/facts")  # what logs and metrics name


class FactsFastPath:
    """The middleware, innermost: answers ``POST /facts``, hands everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/facts" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        answer = await _answer(Request(scope, receive))
        await answer(scope, receive, send)


async def _answer(request: Request) -> Response:
    try:
        return await post_facts(request, admit(request, await caller(request), _ROLES))
    except HTTPException as error:
        return await http_exception_handler(request, error)
    except (StoreDown, DBAPIError) as error:
        return store_down_response(error)
