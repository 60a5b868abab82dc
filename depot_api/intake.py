"""``POST /facts``: what trucks and bridges observed, each fact judged alone, on disk before the answer.

The answer names the ids: stored (or known already), and refused with the reason. The body is read as raw JSON: one bad
fact must not cost the others, and a typed body is three times slower. No fact is refused for its age.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from depot_api.access import allow
from depot_api.databases import said
from depot_api.depot import depot_of
from depot_api.fact_schema import facts_body
from depot_api.roles import REPORTS, Caller
from depot_api.store import NewFact, StoreDown, StoreFull, microseconds
from fleet import Fact, fact_from_json, fields_of

router = APIRouter(tags=["facts"])

#: Facts judged before other requests get their turn (some 5 ms).
TURN = 300
#: How long a request waits for the disk before it is told to come again.
PATIENCE_S = 30.0

_KNOWN: dict[type[Fact], frozenset[str]] = {}


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": facts_body()}}}}
_TOLD = {
    "description": "every id, exactly as it was sent",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["stored", "refused"],
                "properties": {
                    "stored": {"type": "array", "items": {"type": "string"}},
                    "refused": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"id": {}, "why": {"type": "string"}}},
                    },
                },
            }
        }
    },
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: _TOLD,
    400: {"description": "the body is no JSON array, or no gzip"},
    413: {"description": "the body is too long: send less at once"},
    415: {"description": "the body is packed otherwise than by gzip"},
    503: {"description": "the database cannot be written just now: send it again"},
    507: {"description": "the database's disk is full: send it again"},
}


@router.post("/facts", openapi_extra=_BODY, responses=_ANSWERS)
async def post_facts(request: Request, who: Annotated[Caller, Depends(allow(*REPORTS))]) -> Response:
    """Store a JSON array of facts. 200 names every id; 413: send fewer at once; 503, 507: send them again later."""
    depot = depot_of(request)
    given = read_array(await read_body(request, depot.settings.most_facts_bytes))
    rows: list[NewFact] = []
    stored: list[str] = []
    refused: list[dict[str, Any]] = []
    received_us = microseconds(depot.clock.now())
    for start in range(0, len(given), TURN):
        if start:
            await asyncio.sleep(0)
        for j in given[start : start + TURN]:
            try:
                rows.append(judged(j, who, received_us))
                stored.append(j["id"])
            except ValueError as error:
                refused.append({"id": _id_of(j), "why": str(error)})
    if rows:
        try:
            await asyncio.wait_for(asyncio.wrap_future(depot.store.submit(rows)), PATIENCE_S)
        except TimeoutError:
            raise StoreDown(f"database: no answer within {PATIENCE_S:g} s") from None
    return Response(_answer(stored, refused), media_type="application/json")


def _answer(stored: list[str], refused: list[dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps({"stored": stored, "refused": refused})
    except TypeError:  # an id or a reason that no UTF-8 can hold: escaped, as it was sent
        return json.dumps({"stored": stored, "refused": refused}).encode()


def judged(j: Any, who: Caller, received_us: int) -> NewFact:
    """A fact as it was sent, ready to be stored. Raises ``ValueError`` with the reason why it is refused."""
    fact = fact_from_json(j)
    kind = j["kind"]
    of = j.get("site") or j.get("truck")
    why = who.why_not(kind, of)
    if why is None and kind == "health" and j.get("site") is not None and j.get("truck") is not None:
        why = "health: truck and site, must be one of them: it is a box's or a bridge's"
    if why is None and kind == "message" and who.role != "planner" and j["sender"] != "crew":
        why = f"message: sender = {j['sender']!r}, must be crew from a {who.role}"
    if why is not None:
        raise ValueError(why)
    known = _KNOWN.get(type(fact)) or _names(type(fact))
    if not known.issuperset(j):
        j = {name: value for name, value in j.items() if name in known}
    try:
        body = orjson.dumps(j).decode()
        id = bytes.fromhex(j["id"].replace("-", ""))
    except (TypeError, ValueError) as error:  # half a surrogate pair, which no UTF-8 can hold
        raise ValueError(f"{kind}: {error}") from None
    return NewFact(id, kind, of, microseconds(fact.at), received_us, body)


def _names(cls: type[Fact]) -> frozenset[str]:
    _KNOWN[cls] = frozenset({"kind", *(name for name, _, _ in fields_of(cls))})
    return _KNOWN[cls]


def _id_of(j: Any) -> Any:
    """The id exactly as it was sent, so that whoever sent it knows which; None where there was none."""
    id = j.get("id") if isinstance(j, dict) else None
    return id if isinstance(id, (str, int)) else None


def read_array(body: bytes) -> list[Any]:
    """A body as a list, whatever is in it. Raises 400 where it is no JSON array."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:  # NaN, half a surrogate pair: one fact's fault, and no reason to refuse the others
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, f"the body is no JSON: {str(error)[:200]}") from None
    if not isinstance(given, list):
        raise HTTPException(
            400, f"the body is a JSON {_JSON_NAMES.get(type(given), 'value')}, must be an array of facts"
        )
    return given


_JSON_NAMES = {dict: "object", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body, unpacked where it is gzip. Raises 413 over the limit (packed or not), 400 damaged, 415 packed else."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip", ""):
        raise HTTPException(415, f"Content-Encoding {packing[:40]}, must be gzip or identity")
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most_bytes:
        raise too_long(most_bytes)
    unpacked = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    parts: list[bytes] = []
    size = packed = 0
    async for chunk in request.stream():
        part = chunk
        packed += len(chunk)
        if packed > most_bytes:  # what unpacks to nothing, too: it would never end
            raise too_long(most_bytes)
        if unpacked is not None and chunk:
            try:
                part = unpacked.decompress(chunk, most_bytes + 1 - size)
            except zlib.error as error:
                raise HTTPException(400, f"the body is no gzip: {error}") from None
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            raise too_long(most_bytes)
    if unpacked is not None and (not unpacked.eof or unpacked.unused_data):
        raise HTTPException(400, "the body is no gzip, was cut off, or has something behind it")
    return b"".join(parts)


def too_long(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"the body is longer than {most_bytes} bytes unpacked, send less at once")


def store_down(error: Exception) -> JSONResponse:
    """503 (507 when the disk is full): nothing was said to be stored, and whoever sent it may send it again."""
    down = said(error) if isinstance(error, DBAPIError) else error
    return JSONResponse({"detail": str(down)}, 507 if isinstance(down, StoreFull) else 503, {"Retry-After": "5"})
