"""What is set once, when the depot starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depot_api.settings.retention_terms import terms_of

if TYPE_CHECKING:
    from depot_api.settings.file import Provider
    from depot_api.settings.mail import Mail

MIB = 1 << 20


@dataclass(frozen=True)
class DepotSettings:
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


def settings_of(area_folder: Path | None, **given: Any) -> DepotSettings:
    """The settings, with what the area's file says of telematics. Raises ``ValueError``, ``OSError``."""
    if area_folder is None:
        return DepotSettings(**given)
    with (area_folder / "area.toml").open("rb") as file:
        telematics = tomllib.load(file).get("telematics", {})
    purpose = telematics.get("bin_tags") if isinstance(telematics, dict) else None
    if purpose is not None and (not isinstance(purpose, str) or not purpose):
        raise ValueError(f"area.toml: [telematics] bin_tags = {purpose!r}, must be the purpose, as text (billing)")
    return DepotSettings(bin_tags=purpose, **given)
