"""``PUT /photos/{sha256}``: pictures that facts name by their SHA-256; the sum of what came is verified.

They lie in the database, beside the facts that name them: one thing to back up, one commit, one term. What a camera
writes into a file (place, time, owner, device, films) is taken out before it is kept, except which side is up and which
colours are meant; the picture keeps the name under which it was sent. It is taken out once more when the picture is
given out: what an earlier version left in goes then, until the term of such pictures is over.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, insert, select

from depot_api.access import allow, audit_log
from depot_api.known_time import no_earlier
from depot_api.pictures import media_type_of, without_metadata
from depot_api.settings import Caller
from depot_api.state import Depot, day_of, depot_of, read_body, today_of
from depot_api.store import instant_of, microseconds, photos

router = APIRouter(tags=["photos"])

Sum = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, in hexadecimal")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in ("jpeg", "png", "webp")
        },
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"description": "known already"}, 201: {"description": "stored"}}


@router.put("/photos/{sha256}", openapi_extra=_BODY, responses=_ANSWERS)
async def put_photo(
    request: Request, sha256: Sum, who: Annotated[Caller, Depends(allow("box", "contractor", "planner"))]
) -> Response:
    """Store a JPEG, PNG or WebP. 201, or 200 where it is known; 413 too large, 415 no picture, 422 another sum."""
    depot = depot_of(request)
    with depot.quotas.bodies.growing(who) as more:
        body = await read_body(request, depot.settings.most_photo_bytes, more)
        known = await run_in_threadpool(
            _verified, depot, sha256, who.name, body
        )  # a second's work where it is meant badly
    return Response(status_code=200 if known else 201)


def _verified(depot: Depot, sha256: str, name: str, body: bytes) -> bool:
    """Verify and store; whether it was known already. Raises 415, 422."""
    sum_of_body = hashlib.sha256(body).hexdigest()
    if sum_of_body != sha256:
        raise HTTPException(422, f"the SHA-256 of what came is {sum_of_body}, must be {sha256}")
    media_type = media_type_of(body)
    if media_type is None:
        raise HTTPException(415, "the file is no picture, must be JPEG, PNG or WebP")
    try:
        picture = without_metadata(body)
    except ValueError as error:
        raise HTTPException(415, f"the picture is damaged: {error}") from None
    return _store_picture(depot, sha256, media_type, name, picture)


def _store_picture(depot: Depot, sha256: str, media_type: str, name: str, picture: bytes) -> bool:
    """Whether it was known already; on disk when this returns."""
    received_us = microseconds(no_earlier(depot.store, depot.clock.now()))

    def write(connection: Connection) -> bool:
        if connection.execute(select(photos.c.sha256).where(photos.c.sha256 == sha256)).first() is not None:
            return True
        connection.execute(
            insert(photos).values(
                sha256=sha256, media_type=media_type, who=name, received_us=received_us, picture=picture
            )
        )
        return False

    return depot.store.write(write)


@router.get("/photos/{sha256}")
def get_photo(
    request: Request,
    sha256: Sum,
    who: Annotated[Caller, Depends(allow("planner", "crew_leader", "phone_agent", "sworn_agent"))],
) -> Response:
    """The picture alone, without what the camera wrote into it. A look at a past day's is noted first."""
    depot = depot_of(request)
    with depot.store.read() as connection:
        row = connection.execute(
            select(photos.c.picture, photos.c.received_us).where(photos.c.sha256 == sha256)
        ).one_or_none()
    if row is None:
        raise HTTPException(404, "no such picture (it may not have arrived yet, or its term is over)")
    try:
        picture = without_metadata(row.picture)
    except ValueError as error:
        raise HTTPException(404, f"an earlier version kept this picture; it is not given out: {error}") from None
    day = day_of(depot, instant_of(row.received_us))
    if day < today_of(depot):
        audit_log.record_past_access(depot.store, who, f"photo {day} {sha256[:12]}", depot.clock.now())
    media_type = str(media_type_of(picture))
    headers = {
        # no longer than a look counts: what a browser kept would be seen again unnoted
        "Cache-Control": f"private, max-age={int(audit_log.REPEAT_AFTER.total_seconds())}",
        "Content-Disposition": f'inline; filename="{sha256[:16]}.{media_type.removeprefix("image/")}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(picture, media_type=media_type, headers=headers)
