"""What retention does every night, and looks at every minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from depot_api.known_time import (
    NEAR,
    RUN,
    Doubt,
    Refusal,
    Watch,
    clock_doubts,
    end,
    note_doubt,
    refuse,
    refused,
    senders_ahead,
    tell,
)
from depot_api.privacy.retention import clock_judged, last_run_at, run
from depot_api.state import Depot
from depot_api.store import StoreDown
from onboard.clock import SystemClock

log = logging.getLogger("ripeur.retention")

#: Nights run in these hours of the depot's clock (UTC); a depot that slept through them runs when it wakes.
NIGHT_HOURS = range(1, 4)
LOOK_EVERY_S = 60.0

#: One run at a time: the night's, or the one that a person has asked for.
_ONE_RUN = threading.Lock()


def is_due(last: datetime | None, now: datetime) -> bool:
    """Whether a run is due: in the night's hours once, at any hour where a night was missed or lies in the future."""
    if last is None or last > now + NEAR:
        return True
    since = now - last
    return since >= timedelta(hours=30) or (since >= timedelta(hours=20) and now.hour in NIGHT_HOURS)


def night(depot: Depot, now: datetime, known: datetime | None = None, *, sure: bool = False) -> dict[str, int]:
    """What a night does: distil the days whose positions will go, then delete; neither by a clock in doubt."""
    from depot_api.privacy.archiving import distil_due  # the solver's tables: only a depot with an area loads them

    if depot.town is not None and (sure or not clock_judged(depot.store, now, known)[1]):
        distil_due(depot, now if known is None or sure else min(now, known))
    with _ONE_RUN:
        gone = run(depot.store, depot.settings.terms, now, known=known, sure=sure)
    log.info("retention", extra={"deleted": gone})
    return gone


def look(depot: Depot, watch: Watch, mail: Callable[[Refusal], None] | None = None) -> None:
    """What is done every minute: the clock judged, the night run where it is due, administrators told what stands."""
    store, now = depot.store, depot.clock.now()
    last_at = last_run_at(store)
    known = watch.known(now)
    doubts = clock_doubts(store, now, known, last_at)
    ahead = senders_ahead(store, now)
    if ahead is not None:
        doubts.append(Doubt("senders_ahead", ahead))
    standing = refused(store)
    shares = [] if standing is None else standing.shares
    if doubts:
        note_doubt(store, now, doubts)
        refuse(store, doubts + shares, now)
    else:
        if standing is not None and not shares:
            end(store, RUN, "lifted", now)
            standing = None
        elif standing is not None and len(shares) < len(standing.why):
            refuse(store, shares, now)
        watch.trust(now)
        sure = now if known is None else min(now, known)
        if is_due(last_at if standing is None else max(standing.tried, last_at or standing.tried), sure):
            night(depot, now, known)
    tell(store, now, mail)


def every_night(depot: Depot, stop: threading.Event, mail: Callable[[Refusal], None] | None = None) -> None:
    """Run until told to stop. A drill's clock deletes nothing: it may be years ahead of the facts."""
    if not isinstance(depot.clock, SystemClock):
        return
    watch = Watch(depot.store, depot.clock)
    while not stop.is_set():
        try:
            look(depot, watch, mail)
        except StoreDown as error:
            log.warning("retention: %s", error)
        stop.wait(LOOK_EVERY_S)
