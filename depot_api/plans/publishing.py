"""Plans in force and the trucks' tours: ``POST /plans``, ``GET /tours/{truck}?date=``, ``GET /settings/{truck}``.

A day's plan has versions: publishing another puts it in force, and every tour says what changed from the version
before and why. A plan that is sent again unchanged keeps its version.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, func, insert, select

from depot_api.access import allow, audit_log
from depot_api.duty import misdated_legs, read_plan
from depot_api.plans.changes import tour_changes
from depot_api.plans.nameless import without_names
from depot_api.settings import Caller
from depot_api.state import Depot, count_values, depot_of, read_body, today_of
from depot_api.store import Store, instant_of, microseconds, plans, tours
from fleet import Plan, Tour, instant_text

router = APIRouter(tags=["plans"])

#: A plan's values (its commas and brackets) have some 13 bytes each; shorter ones would cost far more than they weigh.
FREE_VALUES, LEAST_VALUE_BYTES = 600_000, 12
#: Faults of a plan that are told at once.
MOST_FAULTS = 20
LONGEST_WHY = 500

#: An OSM node as the name of a place.
_NODE = re.compile(r"-?[0-9]{1,18}")

Nodes = Mapping[str, tuple[float, float]]


def _newest(connection: Connection, date: str) -> int:
    return int(connection.execute(select(func.max(plans.c.version)).where(plans.c.date == date)).scalar() or 0)


# --- publishing --------------------------------------------------------------------------------------------------

_PLAN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["plan", "nodes"],
                    "properties": {
                        "plan": {"type": "object", "description": "plan.json, by data/schemas/plan.schema.json"},
                        "nodes": {
                            "type": "object",
                            "description": "[lon, lat] of every OSM node that a leg names",
                            "additionalProperties": {
                                "type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2,
                            },
                        },
                        "why": {"type": "string", "maxLength": LONGEST_WHY, "description": "told to the crews"},
                    },
                }
            }
        },
    }
}  # fmt: skip


@router.post("/plans", openapi_extra=_PLAN_BODY)
async def post_plan(request: Request, who: Annotated[Caller, Depends(allow("planner"))]) -> dict[str, Any]:
    """Put a day's plan in force. Answers its date and version; 422 with the path of every fault."""
    depot = depot_of(request)
    body = await read_body(request, depot.settings.most_plan_bytes)
    return await run_in_threadpool(_published, depot, body, who.name)


def _published(depot: Depot, body: bytes, by: str) -> dict[str, Any]:
    plan, nodes, why = read_publication(body)
    return publish(depot.store, plan, nodes, why, by, microseconds(depot.clock.now()))


def publish(store: Store, plan: Plan, nodes: Nodes, why: str, by: str, now_us: int) -> dict[str, Any]:
    """Store a plan, without anybody's name, as its day's next version; the version in force where it is the same.

    Raises ``StoreDown``.
    """
    date, nodes_json = plan.date.isoformat(), orjson.dumps(nodes)
    plan_json = orjson.dumps(without_names(plan.to_json()))
    digest = hashlib.sha256(plan_json + nodes_json).hexdigest()

    def written(connection: Connection) -> int:
        version = _newest(connection, date)
        newest = (plans.c.date == date) & (plans.c.version == version)
        before = connection.execute(select(plans.c.sha256, plans.c.body).where(newest)).one_or_none()
        if before is not None and before.sha256 == digest:
            return version
        earlier = None if before is None else read_plan(before.body)
        version += 1
        connection.execute(
            insert(plans).values(
                date=date, version=version, published_us=now_us, published_by=by, why=why, sha256=digest,
                body=plan_json.decode(), nodes=nodes_json.decode(),
            )
        )  # fmt: skip
        head = {"date": date, "version": version, "published_at": instant_text(instant_of(now_us)), "why": why or None}
        rows = [
            {
                "date": date, "version": version, "tour": tour.id, "truck": tour.truck,
                "start_us": microseconds(tour.start_at), "end_us": microseconds(tour.end_at),
                "body": orjson.dumps(_tour_json(head, plan, tour, nodes, tour_changes(earlier, plan, tour))).decode(),
            }
            for tour in plan.tours
        ]  # fmt: skip
        if rows:
            connection.execute(insert(tours), rows)
        return version

    return {"date": date, "version": store.write(written)}


def _tour_json(
    head: Mapping[str, Any], plan: Plan, tour: Tour, nodes: Nodes, changes: list[dict[str, Any]]
) -> dict[str, Any]:
    tasks = plan.tasks_by_id
    legs = []
    for leg in tour.legs:
        j = leg.to_json()
        j["coordinates"] = [nodes[str(node)] for node in j.pop("osm_nodes")]
        task = tasks.get(leg.task or "")
        if task is not None:
            j |= {"name": task.name, "task_kind": task.kind, "dwellings": task.dwellings, "containers": task.containers}
        legs.append(j)
    others = sorted(other.id for other in plan.tours if other.truck == tour.truck and other.id != tour.id)
    return {
        "truck": tour.truck, **head, "timezone": plan.timezone, "tour": tour.id, "shift": tour.shift,
        "regime": tour.regime, "loaders": tour.loaders, "start_at": legs[0]["start_at"],
        "end_at": legs[-1]["end_at"], "changed": changes, "legs": legs, "others": others,
    }  # fmt: skip


def read_publication(body: bytes) -> tuple[Plan, dict[str, tuple[float, float]], str]:
    """A publication's plan, nodes and reason. Raises 400 for what is no JSON, 422 with the path of every fault."""
    from optimizer.check import document_faults  # with the map's libraries: only who publishes pays for them

    values = count_values(body)
    if values > max(FREE_VALUES, len(body) // LEAST_VALUE_BYTES):
        raise HTTPException(413, f"the body holds {values} values in {len(body)} bytes, which is no plan")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("plan"), dict):
        raise _wrong([("$.plan", "is missing, must be the object that plan.json holds")])
    nodes, why = document.get("nodes"), document.get("why") or ""
    if not isinstance(why, str) or len(why) > LONGEST_WHY or "\0" in why:
        raise _wrong([("$.why", f"must be text of up to {LONGEST_WHY} characters")])
    faults: list[tuple[str, str]] = []
    for fault in document_faults(document["plan"]):
        faults.append((f"$.plan{(fault.place or '').removeprefix('$')}", fault.reason("en")))
        if len(faults) == MOST_FAULTS:
            break
    if faults:
        raise _wrong(faults)
    plan = Plan.from_json(document["plan"])
    faults = [*_references(plan), *_node_faults(plan, nodes)]
    if faults:
        raise _wrong(faults[:MOST_FAULTS])
    assert isinstance(nodes, dict)
    return plan, nodes, why


def _references(plan: Plan) -> list[tuple[str, str]]:
    """What the schema cannot say: every tour once, a time zone that exists, tasks that are there."""
    faults = []
    try:
        ZoneInfo(plan.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.append(("$.plan.timezone", f"{plan.timezone[:60]!r} is no time zone"))
    ids = [tour.id for tour in plan.tours]
    tasks = plan.tasks_by_id
    for k, tour in enumerate(plan.tours):
        if ids.index(tour.id) != k:
            faults.append((f"$.plan.tours[{k}].id", f"{tour.id[:60]!r} is another tour's already"))
        for name, value in (("id", tour.id), ("truck", tour.truck)):
            if not 0 < len(value) <= 80 or "\0" in value:
                faults.append((f"$.plan.tours[{k}].{name}", "must be text of 1 to 80 characters"))
        faults += [(f"$.plan.tours[{k}].legs[{n}]", why) for n, why in misdated_legs(plan.date, tour)]
        for n, leg in enumerate(tour.legs):
            if leg.task is not None and leg.task not in tasks:
                faults.append((f"$.plan.tours[{k}].legs[{n}].task", f"{leg.task[:60]!r} is no task of the plan"))
    return faults


def _node_faults(plan: Plan, nodes: Any) -> list[tuple[str, str]]:
    if not isinstance(nodes, dict):
        return [("$.nodes", "is missing, must be an object: [lon, lat] by OSM node")]
    faults = [
        (f"$.nodes.{node[:40]}", "must be [lon, lat] in degrees") for node, at in nodes.items() if not _is_place(at)
    ]
    faults += [(f"$.nodes.{node[:40]}", "must be named by an OSM node") for node in nodes if not _NODE.fullmatch(node)]
    for k, tour in enumerate(plan.tours):
        for n, leg in enumerate(tour.legs):
            missing = [node for node in leg.osm_nodes if str(node) not in nodes]
            if missing:
                faults.append((f"$.plan.tours[{k}].legs[{n}].osm_nodes", f"{missing[:3]}, not among $.nodes"))
    return faults


def _is_place(at: Any) -> bool:
    if not isinstance(at, list) or len(at) != 2 or any(type(value) not in (int, float) for value in at):
        return False
    lon, lat = at
    return bool(-180 <= lon <= 180 and -90 <= lat <= 90)


def _wrong(faults: list[tuple[str, str]]) -> HTTPException:
    return HTTPException(422, [{"path": path, "why": why[:300]} for path, why in faults])


# --- tours -------------------------------------------------------------------------------------------------------


@router.get("/tours/{truck}")
def get_tour(
    request: Request,
    truck: str,
    who: Annotated[Caller, Depends(allow("box", "planner", "crew_leader", "contractor"))],
    date: Annotated[dt.date | None, Query(description="YYYY-MM-DD; today where it is left out")] = None,
    tour: Annotated[str | None, Query(description="one of the truck's tours of that day")] = None,
) -> Response:
    """A truck's tour in force, legs with coordinates. 304 by ETag; 404 where it has none that day.

    Of several tours of a day: the one asked for, else the first that has not ended yet, else the last. A person's look
    at a past day's is noted first.
    """
    depot = depot_of(request)
    if not who.is_for(truck):
        raise HTTPException(403, f"{truck[:40]} is not what this token is bound to")
    asked = date or _today(depot)
    day = asked.isoformat()
    with depot.store.read() as connection:
        version = _newest(connection, day)
        mine = (tours.c.date == day) & (tours.c.version == version) & (tours.c.truck == truck)
        rows = connection.execute(
            select(tours.c.tour, tours.c.end_us).where(mine).order_by(tours.c.start_us, tours.c.tour)
        ).all()
        if tour is not None:
            rows = [row for row in rows if row.tour == tour]
        if not rows:
            in_force = f"version {version} of its plan is in force" if version else "no plan was published for it"
            raise HTTPException(404, f"no tour {f'{tour[:40]} ' if tour else ''}for {truck[:40]} on {day}: {in_force}")
        now_us = microseconds(depot.clock.now())
        chosen = next((row.tour for row in rows if row.end_us > now_us), rows[-1].tour)
        if asked < today_of(depot):
            audit_log.record_past_access(depot.store, who, f"tour {day} {truck} {chosen}", depot.clock.now())
        # (nameless: what boxes fetched before drivers' names were left out is fetched again)
        # the version alone would not do: after a restore the same number is given to another plan
        of_version = select(plans.c.published_us).where(plans.c.date == day, plans.c.version == version)
        published_us = connection.execute(of_version).scalar()
        etag = f'"{hashlib.sha256(f"nameless {day} {version} {published_us} {chosen}".encode()).hexdigest()[:24]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
        if same_etag(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        body = connection.execute(select(tours.c.body).where(mine & (tours.c.tour == chosen))).scalar_one().encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


def same_etag(given: str | None, etag: str) -> bool:
    """Whether an ``If-None-Match`` names this entity (RFC 9110 13.1.2: a list, compared weakly, or ``*``)."""
    if given is None:
        return False
    return given.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in given.split(","))


def _today(depot: Depot) -> dt.date:
    zone = ZoneInfo(depot.town.area.timezone) if depot.town is not None else None
    return depot.clock.now().astimezone(zone).date() if zone else depot.clock.now().date()


# --- settings ----------------------------------------------------------------------------------------------------


@router.get("/settings/{truck}")
def get_settings(
    request: Request, truck: str, who: Annotated[Caller, Depends(allow("box", "planner", "administrator"))]
) -> dict[str, Any]:
    """What a box must know of its area. ``bin_tags``: the purpose for which tags may be kept; null: none may."""
    depot = depot_of(request)
    if not who.is_for(truck):
        raise HTTPException(403, f"{truck[:40]} is not what this token is bound to")
    zone = depot.town.area.timezone if depot.town is not None else None
    return {"truck": truck, "bin_tags": depot.settings.bin_tags, "timezone": zone}
