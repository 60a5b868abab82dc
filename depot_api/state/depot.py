"""What every route reaches by ``request.app.state.depot``: the store, the town, the clock, live state, settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fastapi import Request

from depot_api.settings.retention_terms import terms_of
from depot_api.state.fair_share import FairShares
from onboard.clock import Clock, SystemClock

if TYPE_CHECKING:
    from depot_api.settings.mail import Mail
    from depot_api.settings.settings_file import Provider
    from depot_api.store.store import Store
    from optimizer.planning.town import Town

MIB = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What is set once, when the depot starts. Limits are of a request's body, unpacked.

    ``bin_tags``: the purpose for which bins' tags may be read (area.toml, ``[telematics]``); None: none is kept.
    ``plan_folder``: a folder that ``ripeur plan`` wrote, shown at ``/plan`` to planners.
    ``oidc``: the identity provider, None where people log in by password alone; ``terms``: days of retention;
    ``mail``: where administrators are told by mail too that retention refuses.
    """

    bin_tags: str | None = None
    most_facts_bytes: int = 16 * MIB
    most_photo_bytes: int = 8 * MIB
    most_plan_bytes: int = 96 * MIB
    plan_folder: Path | None = None
    oidc: Provider | None = None
    terms: Mapping[str, int] = field(default_factory=lambda: terms_of({}))
    mail: Mail | None = None


@dataclass(frozen=True)
class Depot:
    """One depot. ``town``: None where no area is at hand; ``live``: the live state, None where nobody follows it.

    ``shares``: what each account may take of it at once; ``uses``: of sessions, by their sum, when they were last
    used, where that is not written down yet.
    """

    store: Store
    town: Town | None = None
    clock: Clock = field(default_factory=SystemClock)
    live: Any = None
    settings: Settings = field(default_factory=Settings)
    shares: FairShares = field(default_factory=FairShares)
    uses: dict[str, int] = field(default_factory=dict, compare=False)


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


def settings_of(area_folder: Path | None, **given: Any) -> Settings:
    """The settings, with what the area's file says of telematics. Raises ``ValueError``, ``OSError``."""
    if area_folder is None:
        return Settings(**given)
    with (area_folder / "area.toml").open("rb") as file:
        telematics = tomllib.load(file).get("telematics", {})
    purpose = telematics.get("bin_tags") if isinstance(telematics, dict) else None
    if purpose is not None and (not isinstance(purpose, str) or not purpose):
        raise ValueError(f"area.toml: [telematics] bin_tags = {purpose!r}, must be the purpose, as text (billing)")
    return Settings(bin_tags=purpose, **given)
