"""From the outbox to the depot: peek, send, let go of exactly the facts named, else back off.

``DepotClient`` is the depot as a box, a bridge or the command line sees it: one kept-alive connection of the standard
library's ``http.client``, with a token, a timeout and gzip. ``Sender`` empties an outbox into it. A lost answer
costs a second sending and nothing else: the depot knows a fact by its id.
"""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from random import Random
from typing import Any
from urllib.parse import urlsplit

from onboard.clock import Clock
from onboard.outbox.outbox import Outbox

BATCH, LONGEST_WAIT_S, HOLD_S = 500, 30.0, 600.0
_LARGEST_ANSWER = 64 * 2**20
#: Answers that speak of what was sent. Of any other the depot, the way to it or the token is the cause.
_OF_THE_BODY = {400, 413, 422, 500}
#: Answers that judge what was sent, and will be the same the next time.
_FOR_GOOD = {400, 415, 422}
_log = logging.getLogger(__name__)


class DepotError(OSError):
    """The depot did not do it. ``status``: its answer's, or None where none came; ``sent``: it may have been read."""

    def __init__(self, why: str, status: int | None = None, *, sent: bool = True, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.status, self.sent, self.retry_after_s = status, sent, retry_after_s

    @property
    def not_allowed(self) -> bool:
        """The depot answers, but not to this token."""
        return self.status in (401, 403)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the depot answered: 2xx or 304 (then without a body)."""

    status: int
    body: bytes
    etag: str | None

    def json(self) -> Any:
        """Raises ``DepotError`` where the body is not JSON: it was not the depot that answered."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise DepotError(f"depot: the answer is not JSON: {self.body[:60]!r}", self.status) from None


class DepotClient:
    """The depot at ``url`` (``https://depot.example/ripeur``), spoken to with one token. For one thread at a time.

    Raises ``ValueError`` for a URL that is none; its methods raise ``DepotError`` only.
    """

    def __init__(self, url: str, token: str, timeout_s: float = 20.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError(f"depot: {url!r}, must be written http[s]://HOST[:PORT][/PATH]")
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("depot: the token is missing or unreadable, must be given in RIPEUR_TOKEN")
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base, self._token, self.timeout_s = parts.path.rstrip("/"), token, timeout_s
        self._kept: HTTPConnection | None = None

    def send(self, facts: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, str]]:
        """Hand facts over; returns the ids that are stored and, by id, why others are refused."""
        answer = self.post("/facts", list(facts)).json()
        try:
            stored = [str(id) for id in answer["stored"]]
            return stored, {str(no["id"]): str(no["why"]) for no in answer["refused"] if no.get("id")}
        except (KeyError, TypeError, AttributeError):
            raise DepotError("depot: the answer names no ids", 200) from None

    def send_all(self, facts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """Hand any number of facts over, a batch at a time, and give as they come the ids that are refused, with why.

        Goes on only while it is iterated over.
        """
        for start in range(0, len(facts), BATCH):
            yield from self.send(facts[start : start + BATCH])[1].items()

    def post(self, path: str, value: Any) -> Reply:
        """Send a JSON value, compressed."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if len(body) > 1_000:
            body, headers["Content-Encoding"] = gzip.compress(body, 3), "gzip"
        return self._ask("POST", path, body, headers)

    def get(self, path: str, etag: str | None = None) -> Reply:
        """Fetch a path; status 304 where what ``etag`` names is still true."""
        return self._ask("GET", path, None, {"If-None-Match": etag} if etag else {})

    def put_photo(self, name: str, picture: bytes) -> None:
        kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        self._ask("PUT", f"/photos/{name}", picture, {"Content-Type": kind})

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """One request. What breaks on a connection kept from before is asked once more on a new one: it may have
        been closed over there while it was idle, and every request here may come twice."""
        headers = {**headers, "Authorization": f"Bearer {self._token}", "Accept-Encoding": "gzip"}
        for fresh in (self._kept is None, True):
            connection = self._connection()
            try:
                connection.request(method, self._base + path, body, headers)
                with connection.getresponse() as response:
                    return self._reply(response)
            except DepotError:
                raise
            except (OSError, HTTPException) as error:
                self.close()
                if fresh or isinstance(error, TimeoutError):
                    raise DepotError(f"depot: {type(error).__name__}: {error}") from error
        raise AssertionError("unreachable")

    def _connection(self) -> HTTPConnection:
        if self._kept is None:
            cls = HTTPSConnection if self._https else HTTPConnection
            made = cls(self._host, self._port, timeout=self.timeout_s)
            try:
                made.connect()
            except OSError as error:
                made.close()
                raise DepotError(f"depot: {error}", sent=False) from error
            self._kept = made
        return self._kept

    def _reply(self, response: HTTPResponse) -> Reply:
        body = response.read(_LARGEST_ANSWER + 1)
        if len(body) > _LARGEST_ANSWER:
            self.close()
            raise DepotError(f"depot: an answer of more than {_LARGEST_ANSWER} bytes", response.status)
        if response.getheader("Content-Encoding") == "gzip":
            with suppress(OSError, EOFError):
                body = gzip.decompress(body)
        if 200 <= response.status < 300 or response.status == 304:
            return Reply(response.status, body, response.getheader("ETag"))
        said = body[:200].decode("utf-8", "replace")
        wait = response.getheader("Retry-After", "")
        raise DepotError(
            f"depot: {response.status} {response.reason}: {said}",
            response.status,
            retry_after_s=min(float(wait), HOLD_S) if wait.isdigit() else 0.0,
        )


@dataclass
class Sender:
    """Empties an outbox into the depot. ``step`` does one thing and says how long to rest before the next.

    ``trouble``: why nothing goes at present, in words, or None. ``sent``: how many facts the depot has named so far.
    """

    outbox: Outbox
    depot: DepotClient
    clock: Clock
    random: Random = field(default_factory=Random)
    batch: int = BATCH
    rest_s: float = 1.0
    trouble: str | None = field(default=None, init=False)
    sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._n = self.batch
        self._failures = 0
        self._suspects: list[list[dict[str, Any]]] = []  # parts of a batch that failed for what is in it
        #: What failed alone: until when it is left, how many times it failed, how many had been sent at the first.
        self._held: dict[str, tuple[float, int, int]] = {}
        self._held_in_a_row = 0
        self._photos_held: dict[str, float] = {}  # until when

    def run(self, stop: threading.Event, chores: Callable[[], None] = lambda: None) -> None:
        """Send until ``stop`` is set. ``chores``: what else is asked of the depot, called after each step."""
        while not stop.is_set():
            self.outbox.arrived.clear()
            rest_s = self.step()
            chores()
            if rest_s > 0:
                self.clock.wait(stop, rest_s)
            elif rest_s < 0:  # nothing to send: until something comes
                self.clock.wait(self.outbox.arrived, -rest_s)

    def step(self) -> float:
        """Send one batch. Returns how long to rest: 0 not at all; below 0: until something comes, at most so long."""
        now_s = self.clock.monotonic_s()
        held = [id for id, (until_s, _, _) in self._held.items() if until_s > now_s]
        facts = self._suspects.pop() if self._suspects else self.outbox.peek(self._n, held)
        if not facts:
            return self._send_photo(-5.0)
        try:
            stored, refused = self.depot.send(facts)
        except DepotError as error:
            return self._failed(facts, error)
        asked = {str(fact["id"]).lower() for fact in facts}
        stored = [id for id in stored if id.lower() in asked]
        refused = {id: why for id, why in refused.items() if id.lower() in asked}
        if not stored and not refused:
            return self._failed(facts, DepotError("depot: the answer names none of the facts sent", 200))
        self.outbox.settle(stored, refused)
        for id, why in refused.items():
            _log.warning("the depot refuses %s, set aside: %s", id, why)
        for id in (*stored, *refused):
            self._held.pop(id, None)
        self.sent += len(stored)
        self._worked()
        full = len(facts) == self._n
        self._n = min(self.batch, self._n * 2)
        return self._send_photo(0.0 if full or self._suspects else self.rest_s)

    def _worked(self) -> None:
        if self.trouble is not None:
            _log.info("the depot answers again")
        self.trouble, self._failures, self._held_in_a_row = None, 0, 0

    def _failed(self, facts: list[dict[str, Any]], error: DepotError) -> float:
        """Back off; but where the cause is in the batch, halve it until the one that does it stands alone."""
        if str(error) != self.trouble:
            _log.warning("%s (%d facts stay here)", error, len(facts))
        self.trouble = str(error)
        self._failures += 1
        unanswered = error.status is None and error.sent
        if error.status in _OF_THE_BODY or (unanswered and self._failures >= 3 and len(facts) <= 10):
            half = len(facts) // 2
            if error.status == 413:
                self._n = max(1, half)
            if half:
                self._suspects += [facts[half:], facts[:half]]
                return 0.0
            if self._answers_otherwise():
                self._hold(str(facts[0]["id"]), error)
                return 0.0 if self._held_in_a_row < 3 else self._wait_s(error)
        elif unanswered and self._failures > 1:
            self._n = max(10, len(facts) // 2)  # what a bad line carries before it breaks
        self._suspects.clear()
        return LONGEST_WAIT_S if error.not_allowed else self._wait_s(error)

    def _wait_s(self, error: DepotError) -> float:
        wait_s = min(LONGEST_WAIT_S, 2.0 ** min(self._failures - 1, 10)) * self.random.uniform(0.5, 1.0)
        return max(wait_s, error.retry_after_s)

    def _answers_otherwise(self) -> bool:
        """Whether the depot takes an empty batch: then what failed alone is the cause, not the depot."""
        try:
            self.depot.send([])
        except DepotError:
            return False
        return True

    def _hold(self, id: str, error: DepotError) -> None:
        """One fact is the cause: set aside where the depot has judged it, else left for later, behind the others."""
        self._held_in_a_row += 1
        _, times, sent = self._held.pop(id, (0.0, 0, self.sent))
        others_pass = self.sent > sent
        if error.status in _FOR_GOOD or (error.status is not None and times >= 2 and others_pass):
            self.outbox.settle([], {id: str(error)})
            _log.warning("the depot cannot take %s, set aside: %s", id, error)
        else:
            self._held[id] = (self.clock.monotonic_s() + HOLD_S, times + 1, sent)

    def _send_photo(self, rest_s: float) -> float:
        now_s = self.clock.monotonic_s()
        waiting = [name for name in self.outbox.photos() if self._photos_held.get(name, 0.0) <= now_s]
        if not waiting:
            return rest_s
        name = waiting[0]
        try:
            self.depot.put_photo(name, self.outbox.photo(name))
        except KeyError:  # it is not what was taken any more, and set aside
            return 0.0
        except DepotError as error:
            if error.status is None:  # the line, not this picture
                self.trouble, self._failures = str(error), self._failures + 1
                return self._wait_s(error)
            self._photos_held[name] = now_s + HOLD_S
            if error.status in _FOR_GOOD and self._answers_otherwise():
                self.outbox.photo_refused(name, str(error))
                _log.warning("the depot refuses picture %s, set aside: %s", name, error)
            return rest_s
        self.outbox.photo_stored(name)
        self._photos_held.pop(name, None)
        self._worked()
        return 0.0 if len(waiting) > 1 else rest_s


def drain(
    outbox: Outbox,
    depot: DepotClient,
    clock: Clock,
    *,
    stop: threading.Event,
    random: Random | None = None,
    chores: Callable[[], None] = lambda: None,
) -> None:
    """Send what the outbox holds, and what comes, until ``stop`` is set."""
    Sender(outbox, depot, clock, random or Random()).run(stop, chores)
