"""How a bridge is run: what counts as empty, as still, as one truck; and what its operator is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

#: What ``says`` may hold beside an indicator's own faults, as the operator reads it.
OPERATOR_MESSAGES: Mapping[str, str] = {
    "who": "which truck is it? announce it or type its plate",
    "several_announced": "several trucks are announced: type which one stands on the plate",
    "two_trucks": "two trucks on the plate: one must leave it",
    "too_light": "lighter than this truck can be: is all of it on the plate?",
    "too_heavy": "heavier than this truck can be: is another one on the plate?",
    "over_capacity": "more than the bridge may weigh",
    "net_shown": "the indicator shows a net weight: clear its tare",
    "zero_drift": "the empty plate does not show zero: clean it, then zero it",
    "silent": "the indicator says nothing",
    "dummy_zeros": "are the display's last zeros in the frames? compare once, then say --dummy-zeros",
    "never_zeroed": "the indicator was not zeroed since it was switched on",
}


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """How a bridge is run. ``instrument``: the indicator's name in every weighing. Weights below ``empty_kg`` are an
    empty plate; a truck weighs from ``least_kg`` to ``most_kg``. Still: ``still_s`` long within ``still_kg``.

    ``second_within_s``: a truck that has not been weighed a second time by then has left without. ``stored_tares``:
    whether such a load may be closed with the truck's stored tare, which is valid for ``tare_days``. An empty plate
    that shows more than ``drift_kg`` for ``drift_s`` is said to drift; from ``most_drift_kg`` on, nothing is weighed.
    """

    site: str
    instrument: str = "bridge"
    timezone: str = "Europe/Paris"
    empty_kg: float = 300.0
    least_kg: float = 800.0
    most_kg: float = 60_000.0
    still_s: float = 2.0
    still_readings: int = 3
    still_kg: float = 20.0
    announced_s: float = 3_600.0
    second_within_s: float = 4 * 3_600.0
    stored_tares: bool = False
    tare_days: float = 90.0
    drift_kg: float = 60.0
    drift_s: float = 60.0
    most_drift_kg: float = 200.0

    def __post_init__(self) -> None:
        if not 0 < self.most_drift_kg < self.empty_kg < self.least_kg < self.most_kg:
            raise ValueError(
                f"bridge: most_drift_kg = {self.most_drift_kg}, empty_kg = {self.empty_kg}, least_kg = "
                f"{self.least_kg}, most_kg = {self.most_kg}, must rise from above 0"
            )
        for name in ("still_s", "still_kg", "announced_s", "second_within_s", "tare_days", "drift_kg", "drift_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"bridge: {name} = {getattr(self, name)}, must be above 0")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"bridge: timezone = {self.timezone!r}, must be one of the tz database") from None

    def day(self, at: datetime) -> str:
        return at.astimezone(ZoneInfo(self.timezone)).date().isoformat()


def operator_message(word: str | None) -> str:
    """A word of ``says`` in the operator's words."""
    return "" if word is None else OPERATOR_MESSAGES.get(word, word.replace("_", " "))


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """A bridge's ``status`` (see ``Weighbridge.status``) as the operator reads it in a terminal."""
    kg = "-" if status["kg"] is None else f"{status['kg']:g} kg{'' if status['stable'] else ' (moving)'}"
    lines = [f"{status['site']}: plate {status['plate']}, {kg}, {status['who'] or 'no truck named'}"]
    if status["says"]:
        lines.append(f"  {operator_message(status['says'])}")
    if status["announced"]:
        lines.append(f"  announced: {', '.join(status['announced'])}")
    for load in status["open"]:
        left = ", left without its second weighing" if load["left"] else ""
        lines.append(f"  open: {load['truck']}, {load['kg']:g} kg since {load['since']}{left}")
    return lines


def local_day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local day's instants in UTC, half-open: 23 to 25 hours of it."""
    begins, ends = (datetime.combine(on, time(), zone) for on in (day, day + timedelta(days=1)))
    return begins.astimezone(UTC), ends.astimezone(UTC)
