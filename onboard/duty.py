"""Duty: a truck is followed between the start and the end of service, never in breaks, and not while the crew says no.

The cut is made here, on board, before anything is recorded (CNIL, deliberation 2015-165): what happens off duty
never exists anywhere. Switching off and on is itself a fact. A box that knows nothing takes it that nobody is on duty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from fleet import DUTY_STATES


@dataclass(frozen=True, slots=True)
class DutyState:
    """On service or not, in a break or not, tracking switched off by the crew or not; the tour that was named."""

    on_service: bool = False
    in_break: bool = False
    switched_off: bool = False
    tour: str | None = None

    @property
    def tracked(self) -> bool:
        """Whether positions and what the sensors say may be recorded."""
        return self.on_service and not self.in_break and not self.switched_off

    def after(self, state: str, tour: str | None = None) -> DutyState:
        """The state that follows what the crew says. A start or an end leaves no break and no switch behind.

        Raises ``ValueError`` for a word that is not one of ``fleet.DUTY_STATES``.
        """
        if state == "start":
            return DutyState(on_service=True, tour=tour)
        if state == "end":
            return DutyState()
        if state in ("break_start", "break_end"):
            return replace(self, in_break=state == "break_start")
        if state in ("tracking_off", "tracking_on"):
            return replace(self, switched_off=state == "tracking_off")
        raise ValueError(f"duty: state = {state!r}, must be one of {', '.join(DUTY_STATES)}")

    def to_note(self) -> str:
        """As the outbox keeps it, in the same transaction as the fact."""
        return json.dumps([self.on_service, self.in_break, self.switched_off, self.tour])


def duty_from_note(note: str | None) -> DutyState:
    """The state before a restart; where it cannot be read, off duty."""
    try:
        on_service, in_break, switched_off, tour = json.loads(note or "[]")
    except (ValueError, TypeError, RecursionError):
        return DutyState()
    return DutyState(
        on_service is True, in_break is True, switched_off is True, tour if isinstance(tour, str) else None
    )
