"""An ordinary phone in a truck stands in for a box: Traccar Client (OsmAnd protocol) and OwnTracks (HTTP mode).

Each protocol as its own documentation gives it (traccar.org/osmand, owntracks.org/booklet/tech/http and /json). The
box's token is Traccar's device identifier, or OwnTracks' password (user: the truck). What comes is stored as positions
like a box's own. The same fix has the same id, made from its truck and time: an upload repeated is known already.

Both apps keep a fix until it is taken, and send it again for ever where it is refused: a fix that cannot be used is
answered 200 with the reason, so that it does not block those behind it. Only an unknown token is refused (401).
Neither app knows when a crew is off duty: a fix from off duty, as far as that is known when it comes, is not kept.

Traccar's token stands in the query, with the place: the query is taken off the request once read, so that whatever
logs the request when it is answered has neither. A proxy in front must be told to log no queries (docs/phones.md).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from depot_api.access import Allow, admit, caller_of_token
from depot_api.duty import DAY, FORTNIGHT, Roster
from depot_api.facts.intake import PATIENCE_S
from depot_api.known_time import no_earlier
from depot_api.settings import Caller
from depot_api.state import Depot, depot_of, read_body, zone_of
from depot_api.store import NewFact, StoreDown, new_fact
from fleet import RULES, Position, instant

MOST_BYTES = 64 * 1024
MPS_PER_KNOT = 1852 / 3600
MPS_PER_KMH = 1 / 3.6
#: A fix from further ahead of the depot's clock, or from before, cannot be true.
AHEAD, BEFORE = timedelta(minutes=10), datetime(2000, 1, 1, tzinfo=UTC)
_IDS = UUID("5a2c9d34-6f0e-5b1a-9c37-0e8d4f61b7a2")  # drawn once: the name space of ids made from truck and time

Given = Mapping[str, Any]


# --- the fix, whoever sends it -------------------------------------------------------------------------------------


def position_id(truck: str, at: datetime) -> str:
    """The id of a position that comes without one: the same for the same truck and time."""
    return str(uuid5(_IDS, f"{truck} {at.astimezone(UTC).isoformat()}"))


def finite_number(value: object) -> float | None:
    """A number, or text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def _scaled(value: object, field: str, scale: float = 1.0) -> float | None:
    """A measure as the field takes it, else None: the apps send -1 for unknown, and no fix is lost for its heading."""
    read = finite_number(value)
    measure = None if read is None else round(read * scale, 4)
    return measure if measure is not None and RULES[field].low <= measure <= RULES[field].high else None


def fix_time(value: object) -> datetime | None:
    """Unix seconds or milliseconds, or an ISO instant (UTC where it names no zone); None where it is neither."""
    read = finite_number(value)
    try:
        if read is not None:
            return datetime.fromtimestamp(read if abs(read) < 1 << 31 else read / 1000, UTC)
        if isinstance(value, str) and len(value) <= 40:
            at = datetime.fromisoformat(value.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else instant(value.strip())
    except (ValueError, OverflowError, OSError):
        pass
    return None


def phone_position(
    truck: str,
    now: datetime,
    at: datetime | None,
    lat_deg: object,
    lon_deg: object,
    *,
    speed_mps: float | None = None,
    heading_deg: float | None = None,
    accuracy_m: float | None = None,
    valid: bool = True,
    box_at: datetime | None = None,
) -> Position:
    """One fix as a position. Raises ``ValueError`` naming what is wrong with it.

    No coordinates, or 0 and 0 (what the apps send for none), or ``valid`` false: no fix (``mode`` 1). A time that is
    missing or cannot be true is replaced by the depot's, and flagged.
    """
    doubtful = at is None or not BEFORE <= at <= now + AHEAD
    when = now if at is None or doubtful else at
    box_at = box_at if box_at is not None and BEFORE <= box_at <= now + AHEAD else None
    lat, lon = finite_number(lat_deg), finite_number(lon_deg)
    if (lat is None) != (lon is None) or (lat is None and lat_deg not in (None, "")):
        raise ValueError(f"position: lat = {str(lat_deg)[:20]!r}, lon = {str(lon_deg)[:20]!r}, must be two numbers")
    fixed = valid and lat is not None and (lat, lon) != (0.0, 0.0)
    return Position(
        id=position_id(truck, when),
        at=when,
        box_at=box_at,
        truck=truck,
        lat_deg=lat if fixed else None,
        lon_deg=lon if fixed else None,
        speed_mps=speed_mps if fixed else None,
        heading_deg=heading_deg if fixed else None,
        eph_m=(accuracy_m or None) if fixed else None,
        mode=None if fixed else 1,
        time_doubtful=True if doubtful else None,
    )


# --- Traccar Client ------------------------------------------------------------------------------------------------


def traccar_position(truck: str, given: Given, now: datetime) -> Position:
    """A fix as query or form parameters: speed in knots, ``accuracy`` in metres, time in any of three forms."""
    lat, lon = given.get("lat"), given.get("lon")
    if "location" in given:
        lat, _, lon = str(given["location"]).partition(",")
    return phone_position(
        truck, now, fix_time(given.get("timestamp")), lat, lon,
        speed_mps=_scaled(given.get("speed"), "speed_mps", MPS_PER_KNOT),
        heading_deg=_scaled(given.get("bearing", given.get("heading")), "heading_deg"),
        accuracy_m=_scaled(given.get("accuracy"), "eph_m"),
        valid=str(given.get("valid", "true")).lower() in ("true", "1"),
    )  # fmt: skip


def traccar_json_position(truck: str, location: object, now: datetime) -> Position:
    """A fix as Traccar Client 9 and later send it: JSON, speed in m/s, ISO time."""
    if not isinstance(location, dict) or not isinstance(location.get("coords"), dict):
        raise ValueError("position: location.coords is missing, must be given")
    coords = location["coords"]
    return phone_position(
        truck, now, fix_time(location.get("timestamp")), coords.get("latitude"), coords.get("longitude"),
        speed_mps=_scaled(coords.get("speed"), "speed_mps"),
        heading_deg=_scaled(coords.get("heading"), "heading_deg"),
        accuracy_m=_scaled(coords.get("accuracy"), "eph_m"),
    )  # fmt: skip


# --- OwnTracks -----------------------------------------------------------------------------------------------------


def owntracks_position(truck: str, given: Given, now: datetime) -> Position:
    """A ``_type: location``: ``vel`` in km/h, ``acc`` in metres, ``tst`` the fix, ``created_at`` the phone's clock."""
    return phone_position(
        truck, now, fix_time(given.get("tst")), given.get("lat"), given.get("lon"),
        speed_mps=_scaled(given.get("vel"), "speed_mps", MPS_PER_KMH),
        heading_deg=_scaled(given.get("cog"), "heading_deg"),
        accuracy_m=_scaled(given.get("acc"), "eph_m"),
        box_at=fix_time(given.get("created_at")),
    )  # fmt: skip


# --- who sends -----------------------------------------------------------------------------------------------------


class _TraccarToken(Allow):
    """A box's token as the device identifier: ``id`` or ``deviceid`` of the query or form, ``device_id`` in JSON."""

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]  # no Bearer header here
        given = await _traccar_given(request)
        token = given.get("id") or given.get("deviceid") or given.get("device_id")
        known = await caller_of_token(request, token) if isinstance(token, str) else None
        request.state.given = given
        return admit(request, known, self.roles)


class _OwnTracksToken(Allow):
    """HTTP Basic: the truck, and a box's token as its password."""

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]  # no Bearer header here
        user, token = _basic(request.headers.get("authorization", ""))
        known = await caller_of_token(request, token) if token else None
        if known is not None and not known.is_for(user):
            raise HTTPException(403, f"{user[:40]} is not what this token is bound to")
        return admit(request, known, self.roles)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


async def _traccar_given(request: Request) -> dict[str, Any]:
    """The parameters, wherever they stand; the query is then taken off the request, as it holds the token."""
    given: dict[str, Any] = dict(request.query_params)
    request.scope["query_string"] = b""
    if request.method != "POST":
        return given
    body = await read_body(request, MOST_BYTES)
    if body.lstrip()[:1] == b"{":
        given.update(_object(body))
    elif body:
        try:
            given.update(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=100))
        except ValueError as error:
            raise HTTPException(400, f"the body is no form: {error}") from None
    return given


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is no JSON: {str(error)[:200]}") from None
    if not isinstance(given, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return given


# --- routes --------------------------------------------------------------------------------------------------------


router = APIRouter(tags=["phones"])

_TRACCAR = "A box's token stands in `id` (query or form) or `device_id` (JSON), not in a header."


@router.get("/phones/traccar", description=f"One fix from Traccar Client as query parameters. {_TRACCAR}")
async def get_traccar(request: Request, who: Annotated[Caller, Depends(_TraccarToken("box"))]) -> Response:
    return await _traccar(request, who)


@router.post("/phones/traccar", description=f"One fix from Traccar Client as query, form or JSON. {_TRACCAR}")
async def post_traccar(request: Request, who: Annotated[Caller, Depends(_TraccarToken("box"))]) -> Response:
    return await _traccar(request, who)


async def _traccar(request: Request, who: Caller) -> Response:
    """200 ``{"stored": [ids], "refused": [{"why"}]}``; the app looks at the 200 only."""
    depot, given = depot_of(request), request.state.given
    locations = given.get("location")
    in_json = isinstance(locations, (dict, list))
    read = traccar_json_position if in_json else traccar_position
    sent = locations if isinstance(locations, list) else [locations if in_json else given]
    rows, refused = await to_thread.run_sync(_judged, depot, read, sent, who)
    await _store(depot, [row for _, row in rows])
    return _json({"stored": [id for id, _ in rows], "refused": [{"why": why} for why in refused]})


@router.post("/phones/owntracks")
async def post_owntracks(request: Request, who: Annotated[Caller, Depends(_OwnTracksToken("box"))]) -> Response:
    """One message of OwnTracks: a location is stored, the others are not; the answer is ``[]``, as the app expects.

    The app counts a message as delivered whatever the answer's status. Encrypted payloads are refused (400).
    """
    body = await read_body(request, MOST_BYTES)
    if not body.strip():
        return _json([])
    given, depot = _object(body), depot_of(request)
    if given.get("_type") == "encrypted":
        raise HTTPException(400, "encrypted: switch the app's own encryption off, and use https")
    if given.get("_type") == "location":
        rows, refused = await to_thread.run_sync(_judged, depot, owntracks_position, [given], who)
        if refused:
            return Response("[]", media_type="application/json", headers={"X-Refused": _header(refused[0])})
        await _store(depot, [row for _, row in rows])
    return _json([])


def _judged(
    depot: Depot, read: Callable[[str, Any, datetime], Position], sent: list[Any], who: Caller
) -> tuple[list[tuple[str, NewFact]], list[str]]:
    """Each fix judged alone: those to be stored with their ids, and why the others are not."""
    now, rows, refused = no_earlier(depot.store, depot.clock.now()), [], []
    roster = Roster(depot.store, DAY if len(sent) == 1 else FORTNIGHT, zone_of(depot))
    for one in sent:
        try:
            fact = read(who.bound_to[0], one, now)
            why = who.why_not("position", fact.truck) or roster.why_not_stored(fact.truck, fact.at)
            if why is not None:
                raise ValueError(why)
            rows.append((fact.id, new_fact(fact, now)))
        except ValueError as error:
            refused.append(str(error))
    return rows, refused


async def _store(depot: Depot, rows: list[NewFact]) -> None:
    """On disk on return. Raises ``StoreDown`` (503: the app sends it again)."""
    if not rows:
        return
    try:
        await asyncio.wait_for(asyncio.wrap_future(depot.store.submit(rows)), PATIENCE_S)
    except TimeoutError:
        raise StoreDown(f"database: no answer within {PATIENCE_S:g} s") from None


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _header(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")[:300]
