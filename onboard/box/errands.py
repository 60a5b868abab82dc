"""What a box asks of the depot now and then: its settings, its tour of the day, messages to the crew. All kept on disk.

Without a network the last known of each stays in force; the crew's screen is served from here, never from the depot.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from onboard.clock import Clock
from onboard.outbox import DepotClient, DepotError, Outbox
from onboard.recording import AreaSettings, area_settings_from

TOUR_NOTE, SETTINGS_NOTE, MESSAGES_NOTE = "tour", "settings", "messages"
_MOST_MESSAGES = 50
_log = logging.getLogger(__name__)


class DepotPoller:
    """Asks in turn, every ``every_s`` seconds; a depot that does not answer is asked again the next time."""

    def __init__(self, truck: str, outbox: Outbox, depot: DepotClient, clock: Clock, every_s: float = 30.0) -> None:
        self._truck, self._outbox, self._depot, self._clock, self._every_s = truck, outbox, depot, clock, every_s
        self._next_s = clock.monotonic_s()
        self._said: str | None = None

    def run(self) -> None:
        """Do what is due; returns at once where nothing is."""
        if self._clock.monotonic_s() < self._next_s:
            return
        self._next_s = self._clock.monotonic_s() + self._every_s
        try:
            self._fetch_settings()
            self._fetch_tour()
            self._fetch_messages()
            self._said = None
        except DepotError as error:
            if str(error) != self._said:
                _log.warning("%s", error)
            self._said = str(error)

    def area(self) -> AreaSettings:
        return area_settings_from(self._outbox.note(SETTINGS_NOTE))

    def tour(self) -> dict[str, Any] | None:
        """The tour last fetched, as the depot gave it."""
        tour = self._kept_tour().get("tour")
        return tour if isinstance(tour, dict) else None

    def messages(self) -> list[dict[str, Any]]:
        """The planner's last messages to this truck, oldest first."""
        return [message for message in self._kept_messages() if message.get("sender") == "planner"]

    def _kept_tour(self) -> dict[str, Any]:
        """What was noted of the tour; nothing where that does not read any more."""
        kept = _read(self._outbox.note(TOUR_NOTE))
        return kept if isinstance(kept, dict) else {}

    def _kept_messages(self) -> list[dict[str, Any]]:
        kept = _read(self._outbox.note(MESSAGES_NOTE))
        return [message for message in kept if isinstance(message, dict)] if isinstance(kept, list) else []

    def _fetch_settings(self) -> None:
        said = self._depot.get(f"/settings/{quote(self._truck, safe='')}").json()
        self._note(SETTINGS_NOTE, json.dumps(said))

    def _fetch_tour(self) -> None:
        kept = self._kept_tour()
        date = self._clock.now().astimezone(self._zone()).date().isoformat()
        etag = kept.get("etag") if kept.get("date") == date else None
        try:
            reply = self._depot.get(f"/tours/{quote(self._truck, safe='')}?date={date}", etag)
        except DepotError as error:
            if error.status != 404:
                raise
            if kept.get("date") != date:  # nothing today; of a day before, nothing is in force either
                self._note(TOUR_NOTE, json.dumps({"date": date}))
            return
        if reply.status != 304:
            self._note(TOUR_NOTE, json.dumps({"date": date, "etag": reply.etag, "tour": reply.json()}))

    def _fetch_messages(self) -> None:
        kept = self._kept_messages()
        path = f"/messages?truck={quote(self._truck, safe='')}"
        if kept and isinstance(kept[-1].get("at"), str):
            path += f"&since={quote(kept[-1]['at'])}"
        try:
            got = self._depot.get(path).json()
        except DepotError as error:
            if error.status != 404:
                raise
            return
        known = [message.get("id") for message in kept]
        new = [m for m in got if isinstance(m, dict) and m.get("id") not in known and m.get("sender") == "planner"]
        if new:
            self._note(MESSAGES_NOTE, json.dumps([*kept, *new][-_MOST_MESSAGES:]))

    def _zone(self) -> Any:
        try:
            return ZoneInfo(self.area().timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            return UTC

    def _note(self, name: str, value: str) -> None:
        if self._outbox.note(name) != value:
            self._outbox.put_all([], notes={name: value})


def _read(note: str | None) -> Any:
    try:
        return json.loads(note or "null")
    except (ValueError, RecursionError):
        return None
