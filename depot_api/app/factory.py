"""The depot as a web application: every router, what they share, and what a failing database is answered with."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from sqlalchemy.exc import DBAPIError

from depot_api.access import admin_page, allow, caller, login, oidc
from depot_api.app import metrics
from depot_api.app.body_limit import BodyLimit
from depot_api.app.logs import RequestLog
from depot_api.app.plan_page import PLAN_POLICY, plan_file, plan_files
from depot_api.app.workers import WorkerSupervisor, workers_of
from depot_api.console import page as console_page
from depot_api.facts import FactsFastPath, intake, messages, phones, photos
from depot_api.live import STOP_S, api
from depot_api.plans import publishing, without_names
from depot_api.privacy import decisions, mailer_of, run_nightly
from depot_api.privacy import page as privacy_page
from depot_api.reports import contractor, day_report, replay
from depot_api.settings import DepotSettings, settings_of
from depot_api.state import STAFF, Depot, depot_of, retention_health, set_security_headers, store_down_response
from depot_api.store import Store, StoreDown
from onboard.clock import Clock, SystemClock
from onboard.worker import LONGEST_AGAIN_S, Worker

#: Every part that has routes.
PARTS = (
    intake, photos, publishing, messages, phones, api, day_report, console_page, replay, contractor, login, oidc,
    admin_page, privacy_page, decisions, metrics,
)  # fmt: skip

#: Threads that ``/health`` looks from, whatever holds all the others.
_HEALTH_THREADS = CapacityLimiter(2)

_WHY = {"application/json": {"schema": {"type": "object", "required": ["detail"]}}}
#: What any endpoint may answer where it does not do what it was asked: ``{"detail": why}``.
REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"description": why, "content": _WHY}
    for code, why in {
        400: "what came cannot be read",
        401: "a token or a login is needed",
        403: "not for this role, this truck or this page",
        404: "there is none",
        410: "past its term: no longer kept",
        413: "too much at once",
        415: "not a type that is taken",
        422: "what came breaks a rule",
        503: "the store cannot be used just now: nothing was kept, send it again",
        507: "the store's disk is full: nothing was kept, send it again",
    }.items()
}


def depot_app(
    store: Store,
    area_folder: Path | None = None,
    clock: Clock | None = None,
    settings: DepotSettings | None = None,
) -> FastAPI:
    """The depot's application over an open store (whoever opened it closes it).

    ``area_folder``: the area, whose streets the live state is matched on. Raises ``ValueError`` where it is unusable.
    """
    town = None
    if area_folder is not None:
        from optimizer.planning import Town  # the solver's tables: only a depot with an area loads them

        town = Town.prepare(area_folder)
    depot = Depot(
        store=store, town=town, clock=clock or SystemClock(), live=None, settings=settings or settings_of(area_folder)
    )
    app = FastAPI(
        title="Ripeur depot", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan, responses=REFUSALS,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # looked for at every request otherwise
    )  # fmt: skip
    app.state.depot = depot
    app.add_middleware(FactsFastPath)
    app.add_middleware(BodyLimit)  # around the fast path
    app.add_middleware(RequestLog)  # around the limits: what they turn away is counted too
    for part in PARTS:
        app.include_router(part.router)
    app.add_api_route("/health", health, methods=["GET"], tags=["running"])
    if depot.settings.plan_folder is not None:
        _add_plan(app, depot.settings.plan_folder)
    app.add_exception_handler(StoreDown, _store_down)
    app.add_exception_handler(DBAPIError, _store_down)
    app.add_exception_handler(UnicodeError, _no_text)
    app.add_exception_handler(RequestValidationError, _breaks_a_rule)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    stop, depot = threading.Event(), app.state.depot
    nights = partial(run_nightly, depot, stop, mailer_of(depot))
    app.state.nights = Worker("nights", nights, stop, again_s=LONGEST_AGAIN_S)
    app.state.nights.start()
    supervisor = WorkerSupervisor(partial(workers_of, app))
    supervisor.start()
    yield
    supervisor.end()
    stop.set()
    await to_thread.run_sync(app.state.nights.join, STOP_S)


async def health(request: Request) -> JSONResponse:
    """200 while facts can be stored and everything runs, else 503 and why. Open to everybody; it tells more to the
    staff alone.

    ``died``: what has died since the start and runs again, with how often (the log says of what).
    """
    depot, workers = depot_of(request), workers_of(request.app)
    trouble = await to_thread.run_sync(depot.store.trouble, limiter=_HEALTH_THREADS)
    trouble = trouble or next(filter(None, (worker.trouble() for worker in workers)), None)
    died = {worker.name: worker.deaths for worker in workers if worker.deaths}
    deaths: dict[str, Any] = {"died": died} if died else {}
    if trouble is not None:
        return JSONResponse({"status": "trouble", "why": trouble} | deaths, 503)
    return JSONResponse({"status": "ok"} | deaths | await _staff_health(request, depot))


async def _staff_health(request: Request, depot: Depot) -> dict[str, Any]:
    """What else stands: for people of the house and a monitor's token."""
    who = await caller(request)
    if who is None or who.role not in STAFF:
        return {}
    state = await to_thread.run_sync(retention_health, depot.store, depot.clock.now())
    return {"retention": state}


def _add_plan(app: FastAPI, folder: Path) -> None:
    """A plan's map and files, for those who plan and lead: the crews' sheets, which name them, stay in the folder."""
    names = plan_files(folder) - {"sheets.pdf", "plan-rejected.json"}
    allowed = [Depends(allow("planner", "crew_leader"))]

    @app.get("/plan", dependencies=allowed, include_in_schema=False)
    def plan() -> FileResponse:
        return plan_file(folder / "map.html")

    @app.get("/plan/files/{name}", dependencies=allowed, include_in_schema=False)
    def file(name: str) -> Response:
        if name not in names:
            raise HTTPException(404, "no such file")
        if name != "plan.json":
            return plan_file(folder / name)
        try:
            response = JSONResponse(without_names(json.loads((folder / name).read_bytes())))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise HTTPException(404, "plan.json is no plan") from None
        set_security_headers(response, PLAN_POLICY)
        return response


async def _breaks_a_rule(_: Request, error: Exception) -> JSONResponse:
    """422 with what is wrong where; without the value, which may be one that no JSON can hold (NaN, half a pair)."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": [{key: one[key] for key in ("type", "loc", "msg")} for one in error.errors()]}, 422)


async def _store_down(_: Request, error: Exception) -> JSONResponse:
    return store_down_response(error)


async def _no_text(_: Request, error: Exception) -> JSONResponse:
    """Half a surrogate pair, which JSON can spell and no UTF-8 can hold; a form in a character set of no text."""
    if isinstance(error, UnicodeEncodeError):
        return JSONResponse({"detail": "half a surrogate pair, must be text"}, 422)
    return JSONResponse({"detail": "in characters that cannot be read, must be text"}, 422)
