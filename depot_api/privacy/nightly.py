"""What retention does every night, and checks every minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from depot_api.known_time import (
    NEAR,
    RUN,
    ClockMonitor,
    Doubt,
    RetentionRefusal,
    clock_doubts,
    end_refusal,
    notify_administrators,
    record_doubt,
    record_refusal,
    refused_run,
    senders_ahead,
)
from depot_api.privacy.retention import judge_clock, last_run_at, run_retention
from depot_api.state import Depot
from depot_api.store import StoreDown
from onboard.clock import SystemClock

log = logging.getLogger("ripeur.retention")

#: Nights run in these hours of the depot's clock (UTC); a depot that slept through them runs when it wakes.
NIGHT_HOURS = range(1, 4)
CHECK_EVERY_S = 60.0

#: One run at a time: the night's, or the one that a person has asked for.
_ONE_RUN = threading.Lock()


def night_is_due(last: datetime | None, now: datetime) -> bool:
    """Whether a run is due: in the night's hours once, at any hour where a night was missed or lies in the future."""
    if last is None or last > now + NEAR:
        return True
    since = now - last
    return since >= timedelta(hours=30) or (since >= timedelta(hours=20) and now.hour in NIGHT_HOURS)


def run_night(depot: Depot, now: datetime, known: datetime | None = None, *, sure: bool = False) -> dict[str, int]:
    """What a night does: archive the days whose positions will go, then delete; neither by a clock in doubt."""
    from depot_api.privacy.archiving import (
        archive_due_days,  # the solver's tables: only a depot with an area loads them
    )

    if depot.town is not None and (sure or not judge_clock(depot.store, now, known)[1]):
        archive_due_days(depot, now if known is None or sure else min(now, known))
    with _ONE_RUN:
        gone = run_retention(depot.store, depot.settings.terms, now, known=known, sure=sure)
    log.info("retention", extra={"deleted": gone})
    return gone


def check_retention(
    depot: Depot, monitor: ClockMonitor, mail: Callable[[RetentionRefusal], None] | None = None
) -> None:
    """What is done every minute: the clock judged, the night run where it is due, administrators told what stands."""
    store, now = depot.store, depot.clock.now()
    last_at = last_run_at(store)
    known = monitor.update(now)
    doubts = clock_doubts(store, now, known, last_at)
    ahead = senders_ahead(store, now)
    if ahead is not None:
        doubts.append(Doubt("senders_ahead", ahead))
    refusal = refused_run(store)
    shares = [] if refusal is None else refusal.shares
    if doubts:
        record_doubt(store, now, doubts)
        record_refusal(store, doubts + shares, now)
    else:
        if refusal is not None and not shares:
            end_refusal(store, RUN, "lifted", now)
            refusal = None
        elif refusal is not None and len(shares) < len(refusal.why):
            record_refusal(store, shares, now)
        monitor.confirm(now)
        sure = now if known is None else min(now, known)
        if night_is_due(last_at if refusal is None else max(refusal.tried, last_at or refusal.tried), sure):
            run_night(depot, now, known)
    notify_administrators(store, now, mail)


def run_nightly(depot: Depot, stop: threading.Event, mail: Callable[[RetentionRefusal], None] | None = None) -> None:
    """Run until told to stop. A drill's clock deletes nothing: it may be years ahead of the facts."""
    if not isinstance(depot.clock, SystemClock):
        return
    monitor = ClockMonitor(depot.store, depot.clock)
    while not stop.is_set():
        try:
            check_retention(depot, monitor, mail)
        except StoreDown as error:
            log.warning("retention: %s", error)
        stop.wait(CHECK_EVERY_S)
