"""What the depot tells a box of its area: what may be kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AreaSettings:
    """What the depot says of the area. ``bin_tags``: the purpose for which bin tags are kept; None: none is."""

    bin_tags: str | None = None
    timezone: str | None = None


def area_settings_from(note: str | None) -> AreaSettings:
    """The area's settings as noted on the box; where there are none yet, or they do not read, the strictest."""
    try:
        said: Any = json.loads(note or "{}")
    except (ValueError, RecursionError):
        said = {}
    if not isinstance(said, dict):
        return AreaSettings()
    bin_tags, timezone = said.get("bin_tags"), said.get("timezone")
    return AreaSettings(
        bin_tags if isinstance(bin_tags, str) and bin_tags else None, timezone if isinstance(timezone, str) else None
    )
