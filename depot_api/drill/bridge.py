"""One weighbridge of a drill: a simulated plate and indicator on a pty, read by a real ``ripeur weighbridge``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from depot_api.drill.children import Child, Children
from depot_api.drill.truck import Event, discard
from onboard.clock import Clock
from onboard.outbox import read_outbox
from onboard.simulation import Unloading
from weighbridge.bridge import BridgeFiles, ask_bridge
from weighbridge.indicator import PROTOCOLS, Platform, PtyIndicator, SimulatedIndicator

#: Each site speaks another protocol, in turn: one that sends by itself, one that is asked and has an alibi memory.
SPOKEN = ("mt-continuous", "systec")
#: A truck stands on the plate for so long, and the next one may not come before; half of it passes at twenty times.
ON_PLATE_S, APART_S = 45.0, 75.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """A truck on the plate: how heavy; ``flux``: of its load, where it is one alone."""

    at: datetime
    truck: str
    kg: float
    flux: str | None


def crossings(visits: Iterable[tuple[str, Unloading]]) -> list[Crossing]:
    """Who stands on a site's plate when, one truck after the other: who comes too early waits."""
    wanted = []
    for truck, visit in visits:
        flux = next(iter(visit.kg)) if len(visit.kg) == 1 else None
        wanted += [
            Crossing(visit.gross_at, truck, visit.gross_kg, flux),
            Crossing(visit.tare_at, truck, visit.tare_kg, flux),
        ]
    spaced: list[Crossing] = []
    for crossing in sorted(wanted, key=lambda crossing: crossing.at):
        free = spaced[-1].at + timedelta(seconds=APART_S) if spaced else crossing.at
        spaced.append(replace(crossing, at=max(crossing.at, free)))
    return spaced


@dataclass
class DrillBridge:
    site: str
    protocol: str
    clock: Clock
    crossings: list[Crossing]
    data: Path
    platform: Platform = field(init=False)
    line: PtyIndicator = field(init=False)
    agent: Child | None = None
    lost: int = 0

    def __post_init__(self) -> None:
        self.platform = Platform(clock=self.clock, random=Random(self.site))
        indicator = SimulatedIndicator(
            protocol=PROTOCOLS[self.protocol], platform=self.platform, clock=self.clock, random=Random(self.site + "!")
        )
        self.line = PtyIndicator(indicator)

    @property
    def login(self) -> str:
        """Whose token it sends with."""
        return f"bridge {self.site}"

    def start(self, children: Children, url: str, token: str, clock: str, area: Path) -> None:
        self.line.__enter__()
        self.agent = children.ripeur(
            f"bridge-{self.site}", "weighbridge", "--site", self.site, "--port", self.line.port,
            "--protocol", self.protocol, "--depot", url, "--data", str(self.data),
            "--trucks", str(area / "area.toml"), "--clock", clock, token=token,
        )  # fmt: skip

    def events(self, crews: ThreadPoolExecutor) -> Iterator[Event]:
        for crossing in self.crossings:
            yield crossing.at - timedelta(seconds=20), lambda c=crossing: discard(crews.submit(self._announce, c))  # type: ignore[misc]
            yield crossing.at, lambda c=crossing: self.platform.move(c.kg)  # type: ignore[misc]
            yield crossing.at + timedelta(seconds=ON_PLATE_S), self.platform.empty

    def _announce(self, crossing: Crossing) -> None:
        """Tell the bridge who comes, as a truck's crew or a lane camera would."""
        about = {"do": "announce", "truck": crossing.truck}
        try:
            ask_bridge(BridgeFiles(self.data), about | ({"flux": crossing.flux} if crossing.flux else {}))
        except (OSError, ValueError):
            self.lost += 1

    def pending(self) -> int:
        """Facts that the bridge has not been able to hand over yet."""
        return read_outbox(self.data / "outbox.db")[0].pending

    def close(self) -> None:
        self.line.__exit__()
