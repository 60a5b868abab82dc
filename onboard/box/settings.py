"""What a box is told when it starts, and what the depot tells it since."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onboard.outbox import QUOTA_BYTES
from onboard.recording.thinning import ThinningRules


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """One box, as its command line gives it: read once, at the edge.

    ``gpsd``: host and port; ``lifts``, ``scale``, ``bus``: the sensors' lines, as their modules read them;
    ``replay``: a recording, ``simulate``: a plan driven, instead of the receiver. ``health_s``: how often the box
    says how it is; ``ask_s``: how often it asks the depot for its tour and messages.
    """

    truck: str
    depot_url: str
    token: str = field(repr=False)
    data: Path
    gpsd: tuple[str, int] = ("127.0.0.1", 2947)
    lifts: str | None = None
    scale: str | None = None
    bus: str | None = None
    replay: Path | None = None
    simulate: Path | None = None
    seed: int = 1
    always_on_duty: bool = False
    thinning: ThinningRules = field(default_factory=ThinningRules)
    quota_bytes: int = QUOTA_BYTES
    health_s: float = 300.0
    ask_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < len(self.truck) <= 40:
            raise ValueError(f"onboard: truck = {self.truck!r}, must be text of 1 to 40 characters")
        if self.replay is not None and self.simulate is not None:
            raise ValueError("onboard: replay and simulate are both given, must be one of them")
        for name in ("health_s", "ask_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"onboard: {name} = {getattr(self, name)!r}, must be above 0")


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


def gpsd_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``HOST`` or ``[::1]:PORT``; gpsd's port where none is given. Raises ``ValueError``."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, "2947"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"gpsd: {text!r}, must be written HOST:PORT")
    return host, int(port)
