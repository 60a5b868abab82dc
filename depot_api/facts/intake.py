"""``POST /facts``: what trucks and bridges observed, each fact judged alone, on disk before the answer.

The answer names the ids: stored (or known already), and refused with the reason. The body is read as raw JSON: one bad
fact must not cost the others, and a typed body is three times slower. No fact is refused for its age.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from depot_api.access import allow
from depot_api.facts.json_array import Unreadable, read_array
from depot_api.facts.schema import facts_body
from depot_api.settings import REPORTS, Caller
from depot_api.state import Depot, count_values, depot_of, read_body
from depot_api.store import NewFact, StoreDown, microseconds
from fleet import Fact, Message, fact_from_json, fields_of

router = APIRouter(tags=["facts"])

#: Facts validated before other requests are let in between (some 5 ms).
YIELD_EVERY = 300
#: How long a request waits for the disk before it is told to come again.
PATIENCE_S = 30.0
#: A body is read between two other requests where it is so small, beside them where it is not.
SMALL_BYTES = 256 * 1024
#: What a value counts in its account's share, at least: small ones cost more than they weigh.
VALUE_BYTES = 25
#: What may have been meant as an id is told back up to this length.
LONGEST_ID = 100

_KNOWN: dict[type[Fact], frozenset[str]] = {}


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": facts_body()}}}}
_ANSWER_200 = {
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
    200: _ANSWER_200,
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
    with depot.quotas.bodies.growing(who) as more:
        body = await read_body(request, depot.settings.most_facts_bytes, more)
        more(max(0, min(VALUE_BYTES * count_values(body), depot.settings.most_facts_bytes) - len(body)))
        given = read_array(body) if len(body) < SMALL_BYTES else await run_in_threadpool(read_array, body)
        return await _store_valid(depot, given, who)


async def _store_valid(depot: Depot, given: list[Any], who: Caller) -> Response:
    rows: list[NewFact] = []
    stored: list[str] = []
    refused: list[dict[str, Any]] = []
    received_us = microseconds(depot.clock.now())
    for start in range(0, len(given), YIELD_EVERY):
        if start:
            await asyncio.sleep(0)
        for sent in given[start : start + YIELD_EVERY]:
            try:
                rows.append(validated_fact(sent, who, received_us))
                stored.append(sent["id"])
            except ValueError as error:
                refused.append({"id": _id_of(sent), "why": str(error)})
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


def validated_fact(sent: Any, who: Caller, received_us: int) -> NewFact:
    """A fact as it was sent, ready to be stored. Raises ``ValueError`` with the reason why it is refused."""
    if isinstance(sent, Unreadable):
        raise ValueError(sent.why)
    fact = fact_from_json(sent)
    kind, of = fact.kind, fact.who  # of the fact as it is understood: fields of other kinds say nothing of whose it is
    why = who.why_not(kind, of)
    if why is None and isinstance(fact, Message):
        sender = "planner" if who.role == "planner" else "crew"
        if fact.sender != sender:
            why = f"message: sender = {fact.sender!r}, must be {sender} from a {who.role}"
    if why is not None or of is None:
        raise ValueError(why)
    known = _KNOWN.get(type(fact)) or _names(type(fact))
    if not known.issuperset(sent):
        sent = {name: value for name, value in sent.items() if name in known}
    try:
        body = orjson.dumps(sent).decode()
        id = bytes.fromhex(sent["id"].replace("-", ""))
    except (TypeError, ValueError) as error:  # half a surrogate pair, which no UTF-8 can hold
        raise ValueError(f"{kind}: {error}") from None
    return NewFact(id, kind, of, microseconds(fact.at), received_us, body)


def _names(cls: type[Fact]) -> frozenset[str]:
    _KNOWN[cls] = frozenset({"kind", *(name for name, _, _ in fields_of(cls))})
    return _KNOWN[cls]


def _id_of(sent: Any) -> Any:
    """The id exactly as it was sent, so that whoever sent it knows which; None where there was none of any length."""
    if isinstance(sent, Unreadable):
        return sent.id
    id = sent.get("id") if isinstance(sent, dict) else None
    return id if isinstance(id, (str, int)) and len(str(id)) <= LONGEST_ID else None
