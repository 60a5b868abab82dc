"""Pictures that facts name: the sum verified, what the camera wrote about place and people taken out."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import insert

from depot_api.pictures.metadata import media_type_of, without_metadata
from depot_api.settings.depot import DepotSettings
from depot_api.store.backup import back_up
from depot_api.store.store import microseconds
from depot_api.store.tables import photos

from .depot_clients import Client, depot

SECRET = b"43.7384N Zoe's phone"


def picture(kind: str, orientation: int | None = None) -> bytes:
    """A small picture in which the camera wrote a secret wherever the format lets it."""
    image = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # ImageDescription
    if orientation is not None:
        exif[0x0112] = orientation
    out = io.BytesIO()
    match kind:
        case "JPEG":
            image.save(out, "JPEG", exif=exif, comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
        case "PNG":
            info = PngInfo()
            info.add_text("Comment", SECRET.decode())
            image.save(out, "PNG", exif=exif, pnginfo=info)
        case "WEBP":
            image.save(out, "WEBP", exif=exif, xmp=SECRET)
    return out.getvalue()


def name_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = DepotSettings(most_photo_bytes=50_000)
    with depot(tmp_path_factory.mktemp("photos") / "depot.db", settings=settings) as made:
        yield made


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_kept_without_what_the_camera_wrote(kind: str) -> None:
    body = picture(kind)
    assert SECRET in body
    kept = without_metadata(body)
    assert SECRET not in kept
    assert media_type_of(kept) == f"image/{kind.lower()}"
    before, after = Image.open(io.BytesIO(body)), Image.open(io.BytesIO(kept))
    assert before.tobytes() == after.tobytes()
    assert without_metadata(kept) == kept


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_which_side_of_a_picture_is_up_stays_known(orientation: int) -> None:
    kept = without_metadata(picture("JPEG", orientation))
    assert SECRET not in kept
    assert dict(Image.open(io.BytesIO(kept)).getexif()) == ({0x0112: orientation} if orientation > 1 else {})


def test_what_hangs_behind_a_picture_goes_too() -> None:
    assert SECRET not in without_metadata(picture("JPEG") + SECRET)
    assert SECRET not in without_metadata(picture("PNG") + SECRET)
    assert SECRET not in without_metadata(picture("WEBP") + SECRET)


@given(kind=st.sampled_from(["JPEG", "PNG", "WEBP"]), data=st.data())
def test_a_damaged_picture_is_refused_or_read_but_breaks_nothing(kind: str, data: st.DataObject) -> None:
    body = bytearray(picture(kind, 6))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(3, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(3, len(body)))])
    with suppress(ValueError):  # refused with a reason; anything else fails
        without_metadata(cut)


def test_a_picture_that_was_sent_can_be_seen(db_url: str) -> None:
    body = picture("JPEG")
    path = f"/photos/{name_of(body)}"
    with depot(db_url) as client:
        assert client.ask("PUT", path, "box T1", content=body).status_code == 201
        assert client.ask("PUT", path, "box T1", content=body).status_code == 200, "known already"
        got = client.ask("GET", path, "planner P")
        assert (got.status_code, got.headers["Content-Type"]) == (200, "image/jpeg")
        assert got.content == without_metadata(body)
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Disposition"] == f'inline; filename="{name_of(body)[:16]}.jpeg"'


def test_what_was_sent_lies_nowhere_on_the_disk(tmp_path: Path) -> None:
    """Nor in the journal, nor in a backup, which copies what is kept."""
    place = tmp_path / "depot.db"
    with depot(place) as client:
        for kind in ("JPEG", "PNG", "WEBP"):
            body = picture(kind) + SECRET
            assert client.ask("PUT", f"/photos/{name_of(body)}", "box T1", content=body).status_code == 201
        back_up(str(place), tmp_path / "backup.db")
        files = [path for path in tmp_path.iterdir() if path.is_file()]
        assert len(files) >= 2
        assert not [path.name for path in files if SECRET in path.read_bytes()]


def test_what_an_earlier_version_left_in_a_picture_is_not_given_out(client: Client) -> None:
    now_us = microseconds(datetime.now(UTC))  # not past its term: the night's run would take it
    bodies = {kind: picture(kind) + SECRET for kind in ("JPEG", "PNG", "WEBP")} | {"cut off": picture("JPEG")[:-9]}
    kept = [
        {"sha256": name_of(body), "media_type": "image/png", "who": "T1", "received_us": now_us, "picture": body}
        for body in bodies.values()
    ]
    client.store.write(lambda connection: connection.execute(insert(photos), kept))
    for kind, body in bodies.items():
        got = client.ask("GET", f"/photos/{name_of(body)}", "planner P")
        assert SECRET not in got.content
        if kind == "cut off":
            assert got.status_code == 404
            assert "no end" in got.json()["detail"]
            continue
        assert got.content == without_metadata(body)
        assert got.headers["Content-Type"] == f"image/{kind.lower()}", "as the bytes are"


def test_another_sum_than_the_name_is_refused(client: Client) -> None:
    body = picture("PNG")
    answer = client.ask("PUT", f"/photos/{'0' * 64}", "box T1", content=body)
    assert answer.status_code == 422
    assert name_of(body) in answer.json()["detail"]
    assert client.ask("PUT", f"/photos/{name_of(body).upper()}", "box T1", content=body).status_code == 422
    assert client.ask("GET", f"/photos/{'0' * 64}", "planner P").status_code == 404


@pytest.mark.parametrize("body", [b"", b"<svg/>", b"GIF89a", b"%PDF-1.7", b"\xff\xd8\xff\xe1\xff\xff"])
def test_what_is_no_picture_is_refused(client: Client, body: bytes) -> None:
    assert client.ask("PUT", f"/photos/{name_of(body)}", "box T1", content=body).status_code == 415


def test_a_picture_over_the_limit_is_a_413(client: Client) -> None:
    body = picture("JPEG") + b"\0" * 50_000
    assert client.ask("PUT", f"/photos/{name_of(body)}", "box T1", content=body).status_code == 413


def test_pictures_are_for_those_who_work_with_them(client: Client) -> None:
    path = f"/photos/{'1' * 64}"
    assert client.ask("GET", path).status_code == 401
    assert client.ask("GET", path, "bridge S1").status_code == 403
    assert client.ask("PUT", path, "bridge S1", content=b"x").status_code == 403
