"""A bad network in between: a TCP proxy that cuts lines: no request, half a request, no answer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from random import Random


class CuttingProxies:
    """Proxies to one port, each with its own chance, in one thread of their own."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._all: list[Proxy] = []
        self.cut = {"offline": 0, "request": 0, "answer": 0, "carried": 0}

    def add(self, seed: int, bad: float = 0.3) -> Proxy:
        """One more; ``bad``: the share of exchanges that are cut, half of them on the way back."""
        proxy = Proxy(self, Random(seed), bad)
        asyncio.run_coroutine_threadsafe(proxy.open(self._target_port), self._loop).result(5)
        self._all.append(proxy)
        return proxy

    def close(self) -> None:
        async def end() -> None:
            for proxy in self._all:
                proxy.server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class Proxy:
    """``offline``: every call is closed at once."""

    def __init__(self, all: CuttingProxies, random: Random, bad: float) -> None:
        self._all, self._random, self.bad = all, random, bad
        self.offline, self.port = False, 0
        self._answers = 0

    async def open(self, target_port: int) -> None:
        async def serve(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
            far_out: asyncio.StreamWriter | None = None
            with contextlib.suppress(OSError, asyncio.CancelledError):
                if self.offline:
                    self._all.cut["offline"] += 1
                else:
                    far_in, far_out = await asyncio.open_connection("127.0.0.1", target_port)
                    there = asyncio.ensure_future(self._carry(near_in, far_out, "request"))
                    back = asyncio.ensure_future(self._carry(far_in, near_out, "answer"))
                    await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                    for way in (there, back):
                        way.cancel()
                    await asyncio.gather(there, back, return_exceptions=True)
            for out in (near_out, far_out):
                if out is not None:
                    out.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self.server = server

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str) -> None:
        while chunk := await source.read(65_536):
            self._answers += way == "answer"
            always = self.bad > 0 and way == "answer" and self._answers == 1  # that one is cut, however chance falls
            if self.offline or always or self._random.random() < self.bad / 2:
                self._all.cut[way] += 1
                if way == "request" and len(chunk) > 1:
                    sink.write(chunk[: self._random.randrange(len(chunk))])
                    await sink.drain()
                return
            self._all.cut["carried"] += 1
            sink.write(chunk)
            await sink.drain()
