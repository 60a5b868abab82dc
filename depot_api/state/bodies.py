"""A request's body, read up to a bound, and the answer where the database takes nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from depot_api.store import StoreFull, is_down, store_down_of


async def read_body(request: Request, most_bytes: int, more: Callable[[int], None] = lambda _: None) -> bytes:
    """The body, unpacked where it is gzip. Raises 413 over the limit (packed or not), 400 damaged, 415 packed else.

    ``more``: told of every bit before it is kept; raises where that is over the sender's share.
    """
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip", ""):
        raise HTTPException(415, f"Content-Encoding {packing[:40]}, must be gzip or identity")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > most_bytes:
        raise body_too_long(most_bytes)
    unpacked = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    body = bytearray()
    packed = 0
    async for chunk in request.stream():
        part = chunk
        packed += len(chunk)
        if packed > most_bytes:  # what unpacks to nothing, too: it would never end
            raise body_too_long(most_bytes)
        if unpacked is not None and chunk:
            try:
                part = unpacked.decompress(chunk, most_bytes + 1 - len(body))
            except zlib.error as error:
                raise HTTPException(400, f"the body is no gzip: {error}") from None
        if len(body) + len(part) > most_bytes:
            raise body_too_long(most_bytes)
        more(len(part))
        body += part
    if unpacked is not None and (not unpacked.eof or unpacked.unused_data):
        raise HTTPException(400, "the body is no gzip, was cut off, or has something behind it")
    return bytes(body)


def body_too_long(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"the body is longer than {most_bytes} bytes unpacked, send less at once")


def count_values(body: bytes) -> int:
    """About how many values a body holds, before anything is made of it."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def store_down_response(error: Exception) -> JSONResponse:
    """503 (507 when the disk is full): nothing was said to be stored, and whoever sent it may send it again. 422 where
    the database works, and takes what this request holds for no value of its own."""
    if isinstance(error, DBAPIError) and not is_down(error):
        return JSONResponse({"detail": "holds what the database does not keep, must be text and numbers"}, 422)
    down = store_down_of(error) if isinstance(error, DBAPIError) else error
    return JSONResponse({"detail": str(down)}, 507 if isinstance(down, StoreFull) else 503, {"Retry-After": "5"})
