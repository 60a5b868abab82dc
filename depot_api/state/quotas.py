"""Quotas: what one account may take of the depot at once, so that none keeps the others out.

An account is a role and a name: all of its connections count together. What is over its quota is turned away at once
(429), and holds neither memory nor a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import HTTPException

from depot_api.settings import BOUND, Caller

MIB = 1 << 20
#: Bytes of bodies, unpacked, that are being read and judged for one account.
BODY_BYTES = 32 * MIB
#: Answers that take a core for seconds (a day read again from its facts) for one account.
HEAVY = 2
#: Requests of one account that are answered at once (streams excepted); more wait.
REQUESTS = 8
#: Live streams of one account; of all accounts that see their own trucks only; of everybody.
STREAMS, STREAMS_BOUND, STREAMS_ALL = 10, 100, 200


class Quota:
    """How much of one thing each account holds just now."""

    def __init__(self, what: str, each: int, bound: int | None = None, all: int | None = None) -> None:
        self.what, self._each, self._bound, self._all = what, each, bound, all
        self._held: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def acquire(self, who: Caller, amount: int = 1) -> None:
        """Hold so much more. Raises 429 over the account's own quota, 503 where all is taken."""
        key = (who.role, who.name)
        with self._lock:
            mine = self._held.get(key, 0) + amount
            if mine > self._each:
                raise HTTPException(429, f"{self.what}: more than {self._each} at once", {"Retry-After": "5"})
            held = sum(self._held.values()) + amount if self._all is not None else 0
            of_bound = sum(n for (role, _), n in self._held.items() if role in BOUND) + amount if self._bound else 0
            if (self._all is not None and held > self._all) or (
                self._bound is not None and who.role in BOUND and of_bound > self._bound
            ):
                raise HTTPException(503, f"{self.what}: too many at once, try again later", {"Retry-After": "10"})
            self._held[key] = mine

    def release(self, who: Caller, amount: int = 1) -> None:
        """Let go of so much."""
        key = (who.role, who.name)
        with self._lock:
            left = self._held.get(key, 0) - amount
            if left > 0:
                self._held[key] = left
            else:
                self._held.pop(key, None)

    @contextmanager
    def held(self, who: Caller) -> Iterator[None]:
        """Hold one for a while. Raises 429, 503."""
        self.acquire(who)
        try:
            yield
        finally:
            self.release(who)

    @contextmanager
    def growing(self, who: Caller) -> Iterator[Callable[[int], None]]:
        """Hold what is asked for bit by bit, and let go of all of it at the end. What it gives raises 429, 503."""
        total = 0

        def more(amount: int) -> None:
            nonlocal total
            self.acquire(who, amount)
            total += amount

        try:
            yield more
        finally:
            if total:
                self.release(who, total)


class RequestSlots:
    """Requests of one account that are answered at once; more of them wait until one of these is done.

    For the event loop's own thread. ``app.BodyLimit`` releases what ``access`` has acquired.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._places: dict[tuple[str, str], asyncio.Semaphore] = {}
        self._asked: Counter[tuple[str, str]] = Counter()

    async def acquire(self, who: Caller) -> tuple[str, str]:
        """Wait for a slot; what to ``release``."""
        key = (who.role, who.name)
        self._asked[key] += 1
        try:
            await self._places.setdefault(key, asyncio.Semaphore(self._each)).acquire()
        except asyncio.CancelledError:  # hung up while waiting
            self._forget(key)
            raise
        return key

    def release(self, key: tuple[str, str]) -> None:
        self._places[key].release()
        self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self._asked[key] -= 1
        if not self._asked[key]:
            del self._asked[key], self._places[key]


class Quotas:
    """A depot's quotas, one of each kind."""

    def __init__(self) -> None:
        self.bodies = Quota("bytes sent", BODY_BYTES)
        self.request_slots = RequestSlots(REQUESTS)
        self.heavy = Quota("reports of past days", HEAVY)
        self.streams = Quota("live streams", STREAMS, STREAMS_BOUND, STREAMS_ALL)
