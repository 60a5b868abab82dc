"""The limits before every route: a body's length, no zero character in the address, requests at once per account.

A route with a typed body has it read before anybody asks who sends it: without a limit here, whoever reaches the port
could fill the memory. The routes in ``OWN_LIMITS`` read their bodies themselves, after the token, and stop at limits of
their own. A zero character stands in no name of ours, and PostgreSQL takes none in a question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.responses import JSONResponse

from depot_api.state import body_too_long

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 256 * 1024
#: Routes (with what is under them) that read with ``bodies.read_body``.
OWN_LIMITS = ("/facts", "/photos/", "/plans", "/contractor/positions")


class BodyLimit:
    """The middleware: 400 for a zero character in path or query, 413 for a body over ``MOST_BYTES``.

    It releases the request slot that ``access`` acquired for whoever asks.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
                await JSONResponse({"detail": "a zero character, must be text"}, 400)(scope, receive, send)
                return
            if not scope["path"].startswith(OWN_LIMITS):
                receive = _limited(receive)
            if scope["path"] != "/live/stream":  # open for hours: it has a quota of its own
                await self._with_slots(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _with_slots(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_slots = scope["app"].state.depot.quotas.request_slots
        state = scope.setdefault("state", {})
        state["request_slots"] = request_slots
        try:
            await self._app(scope, receive, send)
        finally:
            if "request_slot" in state:
                request_slots.release(state["request_slot"])


def _limited(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            raise _TOO_LONG
        return message

    return limited


_TOO_LONG: HTTPException = body_too_long(MOST_BYTES)
