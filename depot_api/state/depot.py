"""What every route reaches by ``request.app.state.depot``: the store, the town, the clock, live state, settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fastapi import Request

from depot_api.settings import DepotSettings
from depot_api.state.quotas import Quotas
from onboard.clock import Clock, SystemClock

if TYPE_CHECKING:
    from depot_api.store import Store
    from optimizer.planning import Town


@dataclass(frozen=True)
class Depot:
    """One depot. ``town``: None where no area is at hand; ``live``: the live state, None where nobody follows it.

    ``quotas``: what each account may take of it at once; ``session_uses``: of sessions, by their sum, when they were
    last used, where that is not written down yet.
    """

    store: Store
    town: Town | None = None
    clock: Clock = field(default_factory=SystemClock)
    live: Any = None
    settings: DepotSettings = field(default_factory=DepotSettings)
    quotas: Quotas = field(default_factory=Quotas)
    session_uses: dict[str, int] = field(default_factory=dict, compare=False)


def depot_of(request: Request) -> Depot:
    """The depot that a request came to."""
    depot = request.app.state.depot
    assert isinstance(depot, Depot)
    return depot


def zone_of(depot: Depot) -> tzinfo:
    """The time zone of the depot's days: its area's, else that of the plans which the live state follows, else UTC."""
    if depot.town is not None:
        return ZoneInfo(depot.town.area.timezone)
    return UTC if depot.live is None else ZoneInfo(depot.live.timezone)


def today_of(depot: Depot) -> date:
    """The local day that runs: whatever is of an earlier one is past."""
    return day_of(depot, depot.clock.now())


def day_of(depot: Depot, at: datetime) -> date:
    """The local day of an instant."""
    return at.astimezone(zone_of(depot)).date()


def minute_of(at: datetime, zone: tzinfo) -> str:
    """An instant as people read it: its local day and minute."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
