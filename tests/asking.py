"""Asking an application without a server: each request in an event loop of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Asking:
    """``httpx``'s own way to an ASGI application, from code that is not async; cookies are kept."""

    def __init__(self, app: FastAPI, **client: Any) -> None:
        self.app = app
        self.client = {"base_url": "http://depot", **client}
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, cookies=self.cookies, **self.client) as client:
                answer = await client.request(method, path, **given)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)
