"""What a box is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from onboard.outbox import QUOTA_BYTES
from onboard.recording import ThinningRules


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


def gpsd_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``HOST`` or ``[::1]:PORT``; gpsd's port where none is given. Raises ``ValueError``."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, "2947"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"gpsd: {text!r}, must be written HOST:PORT")
    return host, int(port)
