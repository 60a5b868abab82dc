"""``PUT /photos/{sha256}``: pictures that facts name by their SHA-256; the sum of what came is verified.

They lie in the database, beside the facts that name them: one thing to back up, one commit, one term. What a camera
writes into a file (place, time, owner, device: EXIF, XMP, comments) is taken out before it is kept, except which side
is up; the picture keeps the name under which it was sent.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, insert, select

from depot_api.access import allow
from depot_api.depot import Depot, depot_of
from depot_api.intake import read_body
from depot_api.known_time import no_earlier
from depot_api.pictures import media_type_of, without_metadata
from depot_api.roles import Caller
from depot_api.store import microseconds
from depot_api.tables import photos

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
    body = await read_body(request, depot.settings.most_photo_bytes)
    known = await run_in_threadpool(_kept, depot, sha256, who.name, body)  # a second's work where it is meant badly
    return Response(status_code=200 if known else 201)


def _kept(depot: Depot, sha256: str, name: str, body: bytes) -> bool:
    """Verify and store; whether it was known already. Raises 415, 422."""
    found = hashlib.sha256(body).hexdigest()
    if found != sha256:
        raise HTTPException(422, f"the SHA-256 of what came is {found}, must be {sha256}")
    media_type = media_type_of(body)
    if media_type is None:
        raise HTTPException(415, "the file is no picture, must be JPEG, PNG or WebP")
    try:
        picture = without_metadata(body)
    except ValueError as error:
        raise HTTPException(415, f"the picture is damaged: {error}") from None
    return _stored(depot, sha256, media_type, name, picture)


def _stored(depot: Depot, sha256: str, media_type: str, name: str, picture: bytes) -> bool:
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


@router.get("/photos/{sha256}", dependencies=[Depends(allow("planner", "crew_leader", "phone_agent", "sworn_agent"))])
def get_photo(request: Request, sha256: Sum) -> Response:
    """A picture as it is kept, without what the camera wrote into it."""
    with depot_of(request).store.read() as connection:
        row = connection.execute(
            select(photos.c.media_type, photos.c.picture).where(photos.c.sha256 == sha256)
        ).one_or_none()
    if row is None:
        raise HTTPException(404, "no such picture (it may not have arrived yet, or its term is over)")
    headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(row.picture, media_type=row.media_type, headers=headers)
