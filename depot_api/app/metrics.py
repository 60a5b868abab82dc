"""``/metrics`` for Prometheus: requests, facts, the disk's health. For a ``monitor`` token or an administrator.

No truck, crew or person is in a label: a time series of where a truck is silent would be a track of its crew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from depot_api.access import allow
from depot_api.app.workers import workers_of
from depot_api.known_time import refusals
from depot_api.privacy import last_run
from depot_api.settings import ROLES

if TYPE_CHECKING:
    from depot_api.store import Store

router = APIRouter(tags=["running"])

#: Seconds; 0.25 s is what a batch of 10,000 facts may take, 2 s what a person notices.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """One app's counters, in a registry of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ripeur_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ripeur_request_seconds", "Time to the answer's head.", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.registry.register(_StoreCollector(app.state.depot.store))
        self.registry.register(_WorkerCollector(app))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)


class _StoreCollector(Collector):
    """What the store counts itself, read when somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        store = self._store
        facts = CounterMetricFamily(
            "ripeur_facts", "Facts taken in since the start, by what they were.", labels=["what"]
        )
        facts.add_metric(["new"], store.new_facts)
        facts.add_metric(["known"], store.known_facts)
        yield facts
        yield GaugeMetricFamily("ripeur_facts_waiting", "Facts that wait for the disk.", value=store.waiting_rows)
        trouble = store.trouble()
        yield GaugeMetricFamily(
            "ripeur_store_up", "1 where the store can be written and read.", value=int(trouble is None)
        )
        if trouble is None:
            yield GaugeMetricFamily("ripeur_facts_last_seq", "Number of the newest fact.", value=store.last_seq())
            yield from _retention(store)

    def describe(self) -> list[Metric]:
        return []


class _WorkerCollector(Collector):
    """What runs in the background."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("ripeur_worker_up", "1 where a thread of the depot does its work.", labels=["worker"])
        deaths = CounterMetricFamily("ripeur_worker_deaths", "How often it died and began again.", labels=["worker"])
        for worker in workers_of(self._app):
            up.add_metric([worker.name], int(worker.trouble() is None))
            deaths.add_metric([worker.name], worker.deaths)
        yield up
        yield deaths

    def describe(self) -> list[Metric]:
        return []


def _retention(store: Store) -> Iterator[Metric]:
    """Whether deletion is held back, and when it last took place: what a depot that keeps for ever is seen by."""
    run = refusals.refused_run(store)
    asked = [one for one in refusals.open_refusals(store) if one.subject != refusals.RUN]
    yield GaugeMetricFamily(
        "ripeur_retention_refused",
        "1 where the retention run is refused until a person decides.",
        value=run is not None,
    )
    yield GaugeMetricFamily(
        "ripeur_retention_refused_since_seconds", "Since when (Unix time), 0 where it is not.",
        value=0 if run is None else run.at.timestamp(),
    )  # fmt: skip
    yield GaugeMetricFamily(
        "ripeur_retention_asked", "Purposes that wait for an administrator's yes.", value=len(asked)
    )
    last = last_run(store)
    if last is not None:
        yield GaugeMetricFamily(
            "ripeur_retention_last_run_seconds", "When the last retention run was (Unix time).",
            value=last[0].timestamp(),
        )  # fmt: skip


def metrics_of(app: FastAPI) -> Metrics:
    """The app's counters."""
    metrics = getattr(app.state, "metrics", None)
    if not isinstance(metrics, Metrics):
        metrics = app.state.metrics = Metrics(app)
    return metrics


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(allow(*ROLES))])
async def openapi(request: Request) -> JSONResponse:
    """The API's own document, for whoever is known: programs are written against it."""
    return JSONResponse(request.app.openapi())


@router.get(
    "/metrics",
    dependencies=[Depends(allow("monitor", "administrator"))],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}},
)
async def metrics(request: Request) -> Response:
    """Counters of the depot, for Prometheus."""
    text = await run_in_threadpool(metrics_of(request.app).text)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
