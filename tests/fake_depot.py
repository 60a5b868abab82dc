"""A depot of a few lines for the sender's tests: it stores facts by id, and fails as it is told to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeDepot:
    """``plan``: what to do with the next requests, one each: a status to answer with, ``lose`` (store, then break the
    line), ``drop`` (break the line at once), ``odd`` (answer what is no depot's). Then, and without one: do it.
    ``poison``: ids on which it fails with ``poison_status``; ``refuse``: ids that it refuses.
    """

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.batches: list[int] = []
        self.photos: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, bytes, str | None]] = {}
        self.plan: list[int | str] = []
        self.poison: set[str] = set()
        self.refuse: dict[str, str] = {}
        self.poison_status, self.largest, self.connections = 500, 10**9, 0
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def take(self, facts: Sequence[dict[str, Any]]) -> tuple[list[str], list[dict[str, str]]]:
        stored, refused = [], []
        for fact in facts:
            if fact["id"] in self.refuse:
                refused.append({"id": fact["id"], "why": self.refuse[fact["id"]]})
                continue
            if fact["id"] not in self.stored:
                self.order.append(fact["id"])
            self.stored[fact["id"]] = fact
            stored.append(fact["id"])
        return stored, refused


@contextmanager
def fake_depot() -> Iterator[FakeDepot]:
    depot = FakeDepot()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            depot.connections += 1
            super().setup()

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            depot.headers.append(dict(self.headers))
            todo = depot.plan.pop(0) if depot.plan else 200
            if todo == "drop":
                self.close_connection = True
                return None
            if isinstance(todo, int) and todo != 200:
                return self.answer(todo, b'{"detail": "as told"}')
            if len(body) > depot.largest:
                return self.answer(413, b"{}")
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            facts = json.loads(body)
            if any(fact["id"] in depot.poison for fact in facts):
                return self.answer(depot.poison_status, b"{}")
            stored, refused = depot.take(facts)
            if facts:
                depot.batches.append(len(facts))
            if todo == "lose":
                self.close_connection = True
                return None
            if todo == "odd":
                return self.answer(200, b"<html>Welcome to our hotel</html>")
            return self.answer(200, json.dumps({"stored": stored, "refused": refused}).encode())

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            todo = depot.plan.pop(0) if depot.plan else 200
            if isinstance(todo, int) and todo != 200:
                return self.answer(todo, b"{}")
            depot.photos[self.path.rsplit("/", 1)[1]] = body
            return self.answer(200, b"{}")

        def do_GET(self) -> None:
            status, body, etag = depot.answers.get(self.path.split("&since")[0], (404, b"{}", None))
            if etag and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.answer(status, body, etag)

        def answer(self, status: int, body: bytes, etag: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        depot.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield depot
        server.shutdown()
