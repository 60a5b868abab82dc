"""Logs: JSON lines with ids, and neither places nor tokens nor passwords in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import HTTPException

from depot_api.app.logs import log_as_json

from .people_depot import PASSWORD, Scene, log_in, scene

__all__ = ["scene"]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged from here on; everything is put back afterwards."""
    root = logging.getLogger()
    names = ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "httpx")
    before = root.handlers[:], root.level
    kept = [(logging.getLogger(n), dict(vars(logging.getLogger(n)))) for n in names]
    stream = io.StringIO()
    log_as_json(stream)
    yield stream
    root.handlers[:], root.level = before
    for logger, state in kept:
        for key in ("handlers", "propagate", "disabled", "level"):
            setattr(logger, key, state[key])


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def requests(stream: io.StringIO) -> list[dict[str, Any]]:
    return [line for line in read(stream) if line["logger"] == "ripeur.requests"]


def test_a_request_is_one_line_with_its_id_which_the_answer_carries_too(scene: Scene, lines: io.StringIO) -> None:
    answer = scene.machine("box").get("/me")
    (line,) = requests(lines)
    assert line["request"] == answer.headers["x-request-id"]
    assert line | {"at": "", "ms": 0, "request": ""} == {
        "at": "", "level": "info", "logger": "ripeur.requests", "message": "GET /me 200", "request": "", "ms": 0,
        "role": "box", "who": "T1",
    }  # fmt: skip


def test_the_proxys_request_id_is_kept_where_it_is_one(scene: Scene) -> None:
    asking = scene.nobody()
    assert asking.get("/privacy.json", headers={"x-request-id": "abc-12345"}).headers["x-request-id"] == "abc-12345"
    for wrong in ("short", "x" * 65, 'a"b{}12345'):
        assert asking.get("/privacy.json", headers={"x-request-id": wrong}).headers["x-request-id"] != wrong


def test_no_log_holds_a_place_a_token_a_password_or_a_cookie(scene: Scene, lines: io.StringIO) -> None:
    box = scene.machine("box")
    asking = scene.person("administrator")
    box.get(f"/me?lat=43.7384&lon=7.4246&id={scene.tokens['box']}")
    box.get("/somewhere/43.7384/7.4246")
    log_in(scene.nobody(), "a.planner", "a wrong password")
    asking.post("/people/dora", data={"do": "disable"})
    text = lines.getvalue()
    assert len(requests(lines)) >= 4
    for secret in ("43.7384", "7.4246", scene.tokens["box"], PASSWORD, "a wrong password", "dora"):
        assert secret not in text
    assert all(value not in text for value in asking.cookies.values())


def test_what_breaks_is_logged_with_its_trace_and_answered_without(scene: Scene, lines: io.StringIO) -> None:
    @scene.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("43.7384")

    with pytest.raises(RuntimeError):
        scene.nobody().get("/broken")
    (line,) = requests(lines)
    assert (line["level"], line["message"]) == ("error", "GET /broken 500")


def test_what_machines_ask_every_second_is_told_only_when_it_goes_wrong(scene: Scene, lines: io.StringIO) -> None:
    scene.app.get("/health")(lambda: {"status": "ok"})
    scene.nobody().get("/health")
    scene.machine("monitor").get("/metrics")
    assert requests(lines) == []

    @scene.app.post("/facts")
    def facts() -> None:
        raise HTTPException(503, "no")

    scene.nobody().post("/facts")
    assert [line["message"] for line in requests(lines)] == ["POST /facts 503"]


def test_every_log_is_a_json_line_the_web_servers_too(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started %s", 'é\n"x"')
    logging.getLogger("uvicorn.access").info("GET /phones?id=TOKEN")
    try:
        raise ValueError("deep")
    except ValueError:
        logging.getLogger("ripeur.live").exception("a step failed", extra={"tour": "M1"})
    started, failed = read(lines)
    assert started["message"] == 'Started é\n"x"'
    assert failed["tour"] == "M1"
    assert failed["trace"][-1] == "ValueError"
    assert "test_logs.py" in failed["trace"][0]
    assert "deep" not in lines.getvalue()
    assert failed["at"].endswith("Z")
