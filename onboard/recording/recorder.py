"""From what the receiver, the sensors and the crew say to facts in the outbox: the one place where facts are born.

What is not tracked is not recorded at all (``duty``); what is recorded has its id, the best time known, and the place
of the last fix where that is young enough. Safe to call from several threads.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from fleet import Duty, Fact, Health, Incident, Lift, Load, Message, Outcome, Position, Vehicle, new_id
from onboard.clock import Clock
from onboard.duty import duty_from_note
from onboard.outbox import Outbox, OutboxFull
from onboard.recording.area_settings import AreaSettings
from onboard.recording.fix_time import BestTime, Moment
from onboard.recording.receiver import Fix
from onboard.recording.thinning import Thinning, ThinningRules, TimedFix
from onboard.sensors.readings import LiftReading, LoadReading, SensorReading

#: What a crew may ask for (``do``).
CREW_REQUESTS = ("duty", "outcome", "incident", "message", "status", "tour", "messages")
#: A fix older than this is no longer where a truck is.
YOUNG_S = 10.0
_MOST_WAITING = 2_000
_DUTY_NOTE, _TIME_NOTE = "duty", "known_at"
_log = logging.getLogger(__name__)


class Recorder:
    """Of one truck. ``area`` says whether tags may be kept; ``always_on_duty``: tracked until the crew says no.

    ``lost``: facts for which there was no room at all; ``unreadable``: readings that no fact can hold.
    """

    def __init__(
        self,
        truck: str,
        outbox: Outbox,
        clock: Clock,
        *,
        area: Callable[[], AreaSettings] = AreaSettings,
        thinning: ThinningRules | None = None,
        always_on_duty: bool = False,
    ) -> None:
        self.truck, self.outbox, self._clock, self._area = truck, outbox, clock, area
        self._lock = threading.RLock()
        self._time = BestTime(clock, _instant(outbox.note(_TIME_NOTE)))
        self._thinning = Thinning(thinning)
        self._last: TimedFix | None = None
        self._waiting: deque[tuple[Fact, bool]] = deque()
        self.lost, self.unreadable = 0, 0
        self.duty = duty_from_note(outbox.note(_DUTY_NOTE))
        if always_on_duty and not self.duty.on_service:
            self._change_duty("start", None, None)

    # --- receiver and sensors ---------------------------------------------------------------------------------------

    def on_fix(self, fix: Fix) -> None:
        """A fix, or word that there is none. Raises ``OSError`` only where the outbox cannot be used at all."""
        with self._lock:
            moment = self._time.of_fix(fix.at)  # even off duty: a time is no place
            if not self.duty.tracked:
                return
            seen = TimedFix(fix, self._clock.monotonic_s(), moment)
            if fix.placed:
                self._last = seen
            self._record([(self._position(kept), marked) for kept, marked in self._thinning.take(seen)])

    def on_reading(self, reading: SensorReading) -> None:
        """What a sensor says. The place of a lift is kept whatever the thinning makes of it."""
        with self._lock:
            if not self.duty.tracked:
                return
            facts: list[tuple[Fact, bool]] = []
            if isinstance(reading, LiftReading):
                facts = [(self._position(kept), marked) for kept, marked in self._thinning.hold()]
                if self._area().bin_tags is None:  # the frame holds the tag as well
                    reading = replace(reading, tag=None, raw=None)
            try:
                facts.append((self._fact_of(reading), False))
            except ValueError as error:
                self.unreadable += 1
                _log.warning("a reading that is no fact: %s", error)
            self._record(facts)

    def _position(self, seen: TimedFix) -> Position:
        fix = seen.fix
        return Position(
            **self._born(seen.moment),
            lat_deg=_rounded(fix.lat_deg, 7),
            lon_deg=_rounded(fix.lon_deg, 7),
            speed_mps=_rounded(fix.speed_mps, 2),
            heading_deg=_rounded(fix.heading_deg, 1),
            eph_m=_rounded(fix.eph_m, 1),
            mode=fix.mode,
            time_doubtful=True if seen.moment.doubtful else None,
        )

    def _fact_of(self, reading: SensorReading) -> Fact:
        born = self._born(self._time.now())
        if isinstance(reading, LiftReading):
            return Lift(
                **born, **self._place(), tag=reading.tag, lifter=reading.lifter, kg=reading.kg, raw=_raw(reading.raw)
            )
        if isinstance(reading, LoadReading):
            return Load(
                **born, quantity=reading.quantity, kg=reading.kg, axle=reading.axle, stable=reading.stable,
                raw=_raw(reading.raw),
            )  # fmt: skip
        return Vehicle(
            **born, speed_mps=_rounded(reading.speed_mps, 2), pto=reading.pto, fuel_l=reading.fuel_l,
            engine_h=reading.engine_h, distance_m=reading.distance_m, gross_kg=reading.gross_kg,
        )  # fmt: skip

    # --- the crew ---------------------------------------------------------------------------------------------------

    def on_crew(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the crew says (see ``crew``): on the disk when this returns its id.

        Raises ``ValueError`` for what cannot be recorded, ``OutboxFull`` where there is no room.
        """
        do = request.get("do")
        with self._lock:
            if do == "duty":
                state, tour = str(request.get("state")), _text(request, "tour")
                return {"id": self._change_duty(state, tour, _text(request, "id"))}
            pictures = _pictures(request)
            fact = self._said(do, request, tuple(hashlib.sha256(picture).hexdigest() for picture in pictures))
            for picture in pictures:  # before the fact that names them
                self.outbox.put_photo(picture)
            self.outbox.put(fact)
            return {"id": fact.id}

    def _said(self, do: object, request: Mapping[str, Any], photos: tuple[str, ...]) -> Fact:
        born = self._born(self._time.now())
        born["id"] = _text(request, "id") or born["id"]
        if do == "message":
            return Message(**born, sender="crew", text=_text(request, "text") or "", answers=_text(request, "answers"))
        born |= {**self._place(), "note": _text(request, "note"), "photos": photos or None}
        born |= {"tour": _text(request, "tour") or self.duty.tour, "task": _text(request, "task")}
        if do == "outcome":
            return Outcome(**born, outcome=_text(request, "outcome") or "")
        if do == "incident":
            return Incident(**born, category=_text(request, "category") or "")
        raise ValueError(f"request: do = {do!r}, must be {', '.join(CREW_REQUESTS)}")

    def _change_duty(self, state: str, tour: str | None, id: str | None) -> str:
        """Record the change and the state that follows in one transaction; then act by it."""
        after = self.duty.after(state, tour)
        moment = self._time.now()
        fact = Duty(**self._born(moment) | ({"id": id} if id else {}), state=state, tour=tour or self.duty.tour)
        if self.duty.tracked and not after.tracked:  # the last place inside, so that the track ends where it ended
            self._record([(self._position(kept), marked) for kept, marked in self._thinning.hold()])
        self.outbox.put_all([fact], notes={_DUTY_NOTE: after.to_note(), **self._known_time()})
        self.duty = after
        if not after.tracked:
            self._thinning.forget()
            self._last = None
        return fact.id

    # --- how the box is ---------------------------------------------------------------------------------------------

    def watch_clock(self) -> None:
        """Tell a jump of the box's clock, once. Call it every second or so."""
        with self._lock:
            jump_s = self._time.jump_s()
            if jump_s is not None:
                _log.warning("the clock has jumped by %.1f s", jump_s)
                self._record([(Health(**self._born(self._time.now()), clock_jump_s=round(jump_s, 3)), False)])

    def report(self, receiver: str | None, damaged: int, note: str | None = None) -> None:
        """A health fact. It carries no place and is given off duty as well: a silent box is not a truck at rest."""
        with self._lock:
            moment, counts = self._time.now(), self.outbox.counts()
            fact = Health(
                **self._born(moment), receiver=receiver, pending=counts.pending, refused=counts.refused,
                thinned=counts.thinned + self.lost, damaged=damaged + self.unreadable + counts.unreadable, note=note,
            )  # fmt: skip
            self._record([(fact, False)], self._known_time())

    # --- recording --------------------------------------------------------------------------------------------------

    def _born(self, moment: Moment) -> dict[str, Any]:
        return {"id": new_id(moment.at), "at": moment.at, "box_at": _clipped(moment.box_at), "truck": self.truck}

    def _known_time(self) -> dict[str, str]:
        known = self._time.known
        return {} if known is None else {_TIME_NOTE: known.isoformat()}

    def _place(self) -> dict[str, Any]:
        """Where the truck is, as far as it is known and may be told."""
        last = self._last
        if last is None or not self.duty.tracked or self._clock.monotonic_s() - last.at_s > YOUNG_S:
            return {}
        fix = last.fix
        return {
            "lat_deg": _rounded(fix.lat_deg, 7), "lon_deg": _rounded(fix.lon_deg, 7), "eph_m": _rounded(fix.eph_m, 1),
        }  # fmt: skip

    def _record(self, facts: list[tuple[Fact, bool]], notes: Mapping[str, str] | None = None) -> None:
        """Put facts on the disk. Without room there, what is no position waits in memory, as long as that may go."""
        if not facts:
            return
        facts = [*self._waiting, *facts]
        try:
            self.outbox.put_all([fact for fact, _ in facts], marked=[marked for _, marked in facts], notes=notes)
        except OutboxFull as error:
            self._record_without_positions(facts, notes, error)
            return
        self._waiting.clear()

    def _record_without_positions(
        self, facts: list[tuple[Fact, bool]], notes: Mapping[str, str] | None, error: OutboxFull
    ) -> None:
        keep = [fact for fact, _ in facts if not isinstance(fact, Position)]
        if len(keep) < len(facts):
            try:
                self.outbox.put_all(keep, notes=notes)
                self.lost += len(facts) - len(keep)
                self._waiting.clear()
                return
            except OutboxFull as still:
                error = still
        _log.error("%s: %d facts wait in memory", error, len(keep))
        self.lost += len(facts) - len(keep[-_MOST_WAITING:])
        self._waiting = deque((fact, False) for fact in keep[-_MOST_WAITING:])


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _raw(text: str | None) -> str | None:
    """A raw frame as a fact may carry it."""
    return (text or "").replace("\0", "\\0")[:2_000] or None


def _text(request: Mapping[str, Any], name: str) -> str | None:
    value = request.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise ValueError(f"request: {name} = {str(value)[:60]!r}, must be text")


def _pictures(request: Mapping[str, Any]) -> list[bytes]:
    given = request.get("photos") or []
    if not isinstance(given, list) or len(given) > 10 or not all(isinstance(one, str) for one in given):
        raise ValueError("request: photos, must be up to 10 pictures in base64")
    try:
        return [base64.b64decode(one, validate=True) for one in given]
    except ValueError:
        raise ValueError("request: photos, must be in base64") from None


def _clipped(box_at: datetime) -> datetime | None:
    """A box clock that a fact can carry; one from before 1980 says nothing."""
    return box_at if 1980 <= box_at.year < 2100 else None


def _instant(note: str | None) -> datetime | None:
    try:
        known = datetime.fromisoformat(note) if note else None
    except ValueError:
        return None
    return None if known is None or known.tzinfo is None else known
