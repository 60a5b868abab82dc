"""The board as server-sent events: at most two a second, only what changed, no queue for anybody.

A reader is given what changed since the number that he has seen; while his line is slow nothing piles up for him, and
after ``SLOW_S`` in which not one event went out he is dropped. Whoever comes back with ``Last-Event-ID`` is given what
he missed, or everything where the board is another one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson
from fastapi import HTTPException, Response
from fastapi.responses import JSONResponse

from depot_api.live.board import Board, TruckFilter
from depot_api.settings import Caller
from depot_api.state import Quota

LOG = logging.getLogger("ripeur.live")
#: Real seconds: between two events, between two looks for news, between signs of life, until a slow reader is dropped.
EVERY_S, LOOK_S, HEARTBEAT_S, SLOW_S = 0.5, 0.1, 10.0, 20.0
#: How often it is asked whether the reader may still read.
RIGHTS_S = 60.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def event(change: int, epoch: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event with its id (WHATWG HTML, 9.2)."""
    return b"event: live\nid: %s-%d\ndata: %s\n\n" % (epoch.encode(), change, orjson.dumps(data))


def seen_change(last_event_id: str | None, board: Board) -> int:
    """The change that a returning reader has seen of this board; 0 for one that has seen another or none."""
    epoch, _, change = (last_event_id or "").rpartition("-")
    if epoch != board.epoch or not (change.isascii() and change.isdecimal() and len(change) < 19):
        return 0
    return int(change) if int(change) <= board.change else 0


async def events(
    board: Callable[[], Board],
    header: Callable[[], Mapping[str, Any]],
    last_event_id: str | None,
    may_see: TruckFilter | None,
) -> AsyncIterator[bytes]:
    """The news of the board. ``board``: the one that hangs now; ``header``: what stands in every event (the time)."""
    shown = board()
    seen = seen_change(last_event_id, shown)
    yield b"retry: 2000\n\n"
    first, sent_s = True, 0.0
    while True:
        if shown is not board():
            shown, seen, first = board(), 0, True
        gone_s = time.monotonic() - sent_s
        if first or (shown.change != seen and gone_s >= EVERY_S) or gone_s >= HEARTBEAT_S:
            full = first and seen == 0
            before, (seen, news) = seen, shown.since(seen, may_see)
            first, sent_s = False, time.monotonic()
            if news or full or gone_s >= HEARTBEAT_S or before == seen:
                yield event(seen, shown.epoch, {**header(), "full": full, **news})
        await asyncio.sleep(LOOK_S)


class EventStream(Response):
    """Sends what ``chunks`` gives for as long as the reader reads and ``may_read`` says so.

    ``quota``: of the streams that are open at once (each costs some memory and a look for news ten times a second),
    ``who`` holds one while this is open; is turned away where that is too much.
    """

    media_type = "text/event-stream"

    def __init__(
        self, chunks: AsyncIterator[bytes], may_read: Callable[[], Awaitable[bool]], quota: Quota, who: Caller
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.chunks, self.may_read, self.quota, self.who = chunks, may_read, quota, who

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            with self.quota.held(self.who):
                await self._send_all(receive, send)
        except HTTPException as over:
            await JSONResponse({"detail": over.detail}, over.status_code, over.headers)(scope, receive, send)

    async def _send_all(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.create_task(_gone(receive))
        asked_s = time.monotonic()
        try:
            async for chunk in self.chunks:
                if gone.done():
                    return
                if time.monotonic() - asked_s > RIGHTS_S:
                    asked_s = time.monotonic()
                    if not await self.may_read():
                        break
                await asyncio.wait_for(
                    send({"type": "http.response.body", "body": chunk, "more_body": True}), SLOW_S
                )  # fmt: skip
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            LOG.info("live stream: a reader too slow to follow was dropped")
        except asyncio.CancelledError:
            LOG.info("live stream: ended with the depot")  # uvicorn's way to end what is still open
        finally:
            gone.cancel()


async def _gone(receive: Receive) -> None:
    """Done when the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
