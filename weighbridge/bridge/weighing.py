"""Weighing a truck: wait until the plate is still, know who stands on it, weigh once; gross in, tare out, net.

A state machine without a clock or a line of its own: readings and the operator's words go in, the register keeps what
came of them. What it knows of the plate is kept on disk, so that a power cut in the middle neither weighs a truck
twice nor forgets one. Legal weights are never changed, never added up from parts, never corrected for drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fleet import Health, Ticket, new_id
from weighbridge.bridge.bridge import BridgeSettings
from weighbridge.bridge.plate import Identification, KnownTruck, truck_on_platform, with_known_truck
from weighbridge.bridge.register import OpenLoad, Register, Transaction
from weighbridge.indicator import WeightReading

#: Announcements are for one weighing; a tag read before the plate was reached is for the next truck.
TAG_VALID = timedelta(minutes=2)


@dataclass
class Weighbridge:
    """``says``: what the operator should know now (a word of ``bridge.OPERATOR_MESSAGES``), or None.

    ``ready``: a legal weighing is due.
    """

    bridge: BridgeSettings
    register: Register
    trucks: Mapping[str, KnownTruck] = field(default_factory=dict)
    says: str | None = field(default=None, init=False)
    ready: bool = field(default=False, init=False)
    last: WeightReading | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        kept = self.register.note("plate", {})
        try:
            self._said = [Identification.from_json(who) for who in kept.get("said", [])]
            taken_kg = kept.get("taken_kg")
        except (AttributeError, KeyError, TypeError, ValueError):  # it is not what was written: as if nobody had looked
            kept, self._said, taken_kg = {}, [], None
        self._taken_kg: float | None = taken_kg if isinstance(taken_kg, int | float) else None
        self._accepted: str | None = kept["accepted"] if isinstance(kept.get("accepted"), str) else None
        self._occupied = bool(kept.get("occupied"))
        self._crowded = bool(kept.get("crowded"))
        self._resumed = True  # the plate may have changed while nobody looked
        self._still: list[WeightReading] = []
        self._rested_kg: float | None = None  # where it last stood still since a truck came
        self._zero_kg: float | None = None
        self._off_zero: datetime | None = None
        self._drift_told = False
        self.register.hand_over()

    # --- what the operator, the truck or its tag says -----------------------------------------------------------------

    def name(self, who: Identification) -> Identification:
        """Somebody says which truck it is; typing again replaces what was typed. Returns it with what is known."""
        who = with_known_truck(who, self.trucks)
        same = [
            w for w in self._said if w.source == who.source and (who.source == "typed" or w.same(who.truck, who.plate))
        ]
        self._said = [w for w in self._said if w not in same] + [who]
        self._keep()
        return who

    def accept(self, reason: str) -> None:
        """The operator has looked: the weight on the plate is one truck's, whatever its papers say."""
        if not reason.strip():
            raise ValueError("accept: reason is empty, must say what was seen")
        self._accepted, self._crowded = reason.strip(), False
        self._keep()

    def close(self, who: str, now: datetime) -> Ticket:
        """Close a truck's open load with its stored tare. Raises ``ValueError`` where that is not to be had."""
        loads = [load for load in self.register.open_loads() if who in (load.truck, load.plate)]
        if not loads:
            raise ValueError(f"close: truck = {who!r}, must have an open load")
        ticket = self._closed_by_tare(loads[-1], now)
        if ticket is None:
            raise ValueError(f"close: truck = {who!r}, has no stored tare that is valid and below {loads[-1].kg:g} kg")
        return ticket

    def tare(self, truck: str, kg: float, now: datetime) -> None:
        """Store a tare that somebody types (from the truck's papers)."""
        if not self.bridge.least_kg <= kg <= self.bridge.most_kg:
            raise ValueError(f"tare: kg = {kg}, must be from {self.bridge.least_kg:g} to {self.bridge.most_kg:g}")
        with self.register.transaction() as change:
            change.tare(truck, kg, now, self.bridge.tare_days, None)

    def correct(
        self, number: str, reason: str, now: datetime, *, void: bool = False, tare_kg: float | None = None, **named: Any
    ) -> Ticket:
        """Replace a ticket by a new one that points at it. ``named``: truck, plate, product, flux. Weighings stay."""
        old = self.register.ticket(number)
        after = self.register.replaced_by(old)
        if after is not None:
            raise ValueError(f"correct: number = {number!r} was replaced by {after.number}, must be the last one")
        if not reason.strip():
            raise ValueError("correct: reason is empty, must be given")
        values = old.to_json()
        for name in ("kind", "id", "site", "number", "corrects", "reason", "box_at"):
            values.pop(name, None)
        values |= {"at": old.at, **({"in_at": old.in_at} if old.in_at else {})}
        if named.get("truck") and not named.get("plate"):  # the old plate was the other truck's
            known = self.trucks.get(named["truck"])
            values["plate"] = known.plate if known else None
        values |= {name: value for name, value in named.items() if value is not None}
        if void:
            values = {**values, "net_kg": 0.0, "gross_kg": None, "tare_kg": None}
        elif tare_kg is not None:
            if old.gross_kg is None or not 0 <= tare_kg <= old.gross_kg:
                raise ValueError(f"correct: tare_kg = {tare_kg}, must be from 0 to gross_kg = {old.gross_kg}")
            values |= {"tare_kg": tare_kg, "net_kg": round(old.gross_kg - tare_kg, 3)}
            values |= {"tare_source": "operator", "tare_weighing": None}
        with self.register.transaction() as change:
            return change.ticket(**values, corrects=old.id, reason=reason.strip(), box_at=now)

    # --- what the indicator says --------------------------------------------------------------------------------------

    def heard(self, reading: WeightReading) -> None:
        """One reading. Afterwards ``ready`` tells whether a legal weighing is to be taken, ``says`` what is amiss."""
        self.last, self.ready, self.says = reading, False, None
        if reading.fault:
            self._still, self.says = [], reading.fault
            return
        if reading.gross_kg is None:
            self._still, self.says = [], "net_shown"
            return
        if reading.gross_kg <= self.bridge.empty_kg:
            self._empty(reading, reading.gross_kg)
            return
        self._off_zero = None
        if not self._occupied:
            self._arrived(reading)
        if not reading.stable:
            self._still = []
            return
        if self._still and abs(reading.gross_kg - (self._still[0].gross_kg or 0.0)) > self.bridge.still_kg:
            self._still = []
        self._still = [*self._still[-50:], reading]
        if self._is_still():
            self._settled(reading.at, reading.gross_kg)

    def silent(self) -> None:
        """Nothing has been heard for a while: nothing is known to be still."""
        self._still, self.ready, self.says = [], False, "silent"

    def weighed(self, legal: WeightReading) -> Ticket | None:
        """Record a legal weighing of what stands on the plate; returns the ticket where it closes a load.

        A weighing of something else than what was still on the plate is kept by the indicator, and not taken here.
        """
        settled_kg = self._still[-1].gross_kg if self._still else None
        who, _ = self._who(legal.at)
        kg = legal.gross_kg
        fits = kg is not None and settled_kg is not None and abs(kg - settled_kg) <= self.bridge.still_kg
        if who is None or kg is None or not legal.stable or not fits:
            self._still, self.ready = [], False
            return None
        day = legal.date.isoformat() if legal.date else self.bridge.day(legal.at)
        with self.register.transaction() as change:
            weighing, new = change.weighing(
                day, at=legal.at, instrument=self.bridge.instrument, kg=kg, alibi=legal.alibi,
                truck=who.truck, plate=who.plate, raw=legal.raw_text,
            )  # fmt: skip
            ticket = None
            if new:
                first = self._first_weighing(who, legal.at)
                if first is not None and first.kg >= kg:
                    ticket = self._tared_out(change, first, who, weighing.id, kg, legal.at)
                else:
                    change.load(weighing, who.product, who.flux, self._accepted)
            self._said = [w for w in self._said if not w.same(who.truck, who.plate)]
            self._taken_kg, self._accepted = kg, None
            self._keep_in(change)
        self.ready = False
        return ticket

    def tick(self, now: datetime) -> list[Ticket]:
        """Close what may be closed without a second weighing, where the bridge allows it; returns the tickets."""
        if not self.bridge.stored_tares:
            return []
        made = [self._closed_by_tare(load, now) for load in self.register.open_loads() if self.left(load, now)]
        return [ticket for ticket in made if ticket is not None]

    def left(self, load: OpenLoad, now: datetime) -> bool:
        """Whether a truck is taken to have left without its second weighing."""
        return (now - load.at).total_seconds() > self.bridge.second_within_s

    # --- what there is to show ----------------------------------------------------------------------------------------

    def status(self, now: datetime) -> dict[str, Any]:
        who, unknown = self._who(now)
        return {
            "site": self.bridge.site,
            "kg": None if self.last is None else self.last.gross_kg,
            "stable": self.last is not None and self.last.stable,
            "plate": "empty" if not self._occupied else ("weighed" if self._taken_kg is not None else "truck"),
            "who": None if who is None else (who.truck or who.plate),
            "says": self.says or (unknown if self._occupied and self._taken_kg is None else None),
            "announced": [w.truck or w.plate for w in self._said if w.source == "announced"],
            "open": [
                {"truck": load.who, "kg": load.kg, "since": load.at.isoformat(), "left": self.left(load, now)}
                for load in self.register.open_loads()
            ],
        }

    # --- the plate ----------------------------------------------------------------------------------------------------

    def _empty(self, reading: WeightReading, kg: float) -> None:
        self._still, self._rested_kg = [], None
        if self._occupied:
            self._occupied, self._taken_kg, self._accepted, self._crowded = False, None, None, False
            self._said = [w for w in self._said if w.source == "announced"]
            self._keep()
        self._resumed = False
        if not reading.stable:
            return
        self._zero_kg = kg
        if abs(kg) <= self.bridge.drift_kg:
            self._off_zero, self._drift_told = None, False
            return
        self._off_zero = self._off_zero or reading.at
        if (reading.at - self._off_zero).total_seconds() >= self.bridge.drift_s:
            self.says = "zero_drift"
            if not self._drift_told:
                self._drift_told = True
                note = f"zero drift: the empty plate shows {kg:g} kg"
                with self.register.transaction() as change:
                    change.fact(Health(id=new_id(reading.at), at=reading.at, site=self.bridge.site, note=note))

    def _arrived(self, reading: WeightReading) -> None:
        self._occupied, self._resumed = True, False
        self._said = [w for w in self._said if w.source != "tag" or abs(reading.at - w.at) <= TAG_VALID]
        self._keep()

    def _is_still(self) -> bool:
        long_s = (self._still[-1].at - self._still[0].at).total_seconds()
        return len(self._still) >= self.bridge.still_readings and long_s >= self.bridge.still_s

    def _settled(self, at: datetime, kg: float) -> None:
        if self._resumed and self._taken_kg is not None and abs(kg - self._taken_kg) > 5 * self.bridge.still_kg:
            self._taken_kg, self._accepted = None, None  # another truck than before the power went
            self._keep()
        self._resumed = False
        before_kg, self._rested_kg = self._rested_kg, kg
        if before_kg is not None and abs(kg - before_kg) > self.bridge.least_kg:
            self._trucks_changed(came=kg > before_kg)
        if self._taken_kg is not None:
            if kg > self._taken_kg + self.bridge.least_kg:
                self.says = "two_trucks"
            return
        doubt = self._doubt(at, kg)
        self.says, self.ready = doubt, doubt is None

    def _trucks_changed(self, came: bool) -> None:
        """The plate stood still, then something as heavy as a truck came on, or left, and it was never empty."""
        self._crowded = came
        if not came:  # which of them is left?
            self._taken_kg, self._accepted = None, None
            self._said = [w for w in self._said if w.source == "announced"]
        self._keep()

    def _doubt(self, at: datetime, kg: float) -> str | None:
        """Why what stands still on the plate may not be weighed, or None."""
        if self._zero_kg is not None and abs(self._zero_kg) >= self.bridge.most_drift_kg:
            return "zero_drift"
        if kg > self.bridge.most_kg:
            return "over_capacity"
        who, unknown = self._who(at)
        if unknown == "two_trucks" or (self._crowded and not self._accepted):
            return "two_trucks"
        if who is None:
            return unknown
        if self._accepted:
            return None
        if kg < self.bridge.least_kg:
            return "too_light"
        truck = self.trucks.get(who.truck or "")
        return truck.doubt(kg) if truck else None

    def _who(self, now: datetime) -> tuple[Identification | None, str | None]:
        return truck_on_platform(self._said, now, timedelta(seconds=self.bridge.announced_s))

    # --- loads --------------------------------------------------------------------------------------------------------

    def _first_weighing(self, who: Identification, now: datetime) -> OpenLoad | None:
        mine = [load for load in self.register.open_loads() if who.same(load.truck, load.plate)]
        return mine[-1] if mine and not self.left(mine[-1], now) else None

    def _tared_out(
        self, change: Transaction, first: OpenLoad, who: Identification, weighing: str, kg: float, at: datetime
    ) -> Ticket:
        truck = who.truck or first.truck
        if truck is not None:
            change.tare(truck, kg, at, self.bridge.tare_days, weighing)
        return change.ticket(
            first, at=at, in_at=first.at, truck=truck, plate=who.plate or first.plate,
            product=who.product or first.product, flux=who.flux or first.flux, gross_kg=first.kg, tare_kg=kg,
            net_kg=round(first.kg - kg, 3), tare_source="weighed",
            gross_weighing=first.weighing, tare_weighing=weighing,
            reason=" · ".join(dict.fromkeys(filter(None, (first.note, self._accepted)))) or None,
        )  # fmt: skip

    def _closed_by_tare(self, load: OpenLoad, now: datetime) -> Ticket | None:
        """``at`` is the way in: when the truck left, nobody knows."""
        tare = self.register.tare_of(load.truck)
        if tare is None or tare.expires_at <= load.at or tare.kg > load.kg:
            return None
        with self.register.transaction() as change:
            return change.ticket(
                load, at=load.at, in_at=load.at, box_at=now, truck=load.truck, plate=load.plate, product=load.product,
                flux=load.flux, gross_kg=load.kg, tare_kg=tare.kg, net_kg=round(load.kg - tare.kg, 3),
                tare_source="stored" if tare.weighing else "typed", gross_weighing=load.weighing,
                tare_weighing=tare.weighing, reason=load.note,
            )  # fmt: skip

    # --- kept for after a power cut -----------------------------------------------------------------------------------

    def _keep(self) -> None:
        with self.register.transaction() as change:
            self._keep_in(change)

    def _keep_in(self, change: Transaction) -> None:
        change.note(
            "plate",
            {
                "occupied": self._occupied, "taken_kg": self._taken_kg, "accepted": self._accepted,
                "crowded": self._crowded, "said": [who.to_json() for who in self._said],
            },
        )  # fmt: skip
