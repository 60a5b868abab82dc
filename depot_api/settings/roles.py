"""Who there is: people and machines, and for whom each may speak.

A role says what one may do; ``bound_to`` says for whom: a box for its truck, a bridge for its site, a town for its
commune, a contractor for his trucks. What each role may reach is the table in ``docs/access.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Roles that people log in with.
PEOPLE = (
    "planner",
    "crew_leader",
    "phone_agent",
    "town",
    "sworn_agent",
    "contractor",
    "staff_representative",
    "administrator",
)
#: Roles that machines hold a token for; monitor is who scrapes /metrics. A planner's own scripts hold a planner's
#: token, a town's a town's.
MACHINES = ("box", "bridge", "plant", "monitor")
ROLES = (*PEOPLE, *MACHINES)
#: What a token may be for: its kind is the role that it gives.
TOKEN_KINDS = ("box", "bridge", "plant", "town", "planner", "monitor")

#: The kinds of fact that a role may report. A phone that stands in for a box is a box.
REPORTS: Mapping[str, frozenset[str]] = {
    "box": frozenset({"position", "lift", "load", "vehicle", "outcome", "incident", "duty", "message", "health"}),
    "bridge": frozenset({"weighing", "ticket", "sorting", "health"}),
    "plant": frozenset({"ticket", "sorting", "health"}),
    "contractor": frozenset({"position", "lift", "load", "vehicle", "outcome", "incident", "duty", "message"}),
    "planner": frozenset({"message"}),
}
#: Roles that see and speak for nobody but those they are bound to.
BOUND = frozenset({"box", "bridge", "plant", "town", "contractor"})
#: Of whom a refusal names as many.
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: ``bound_to`` are trucks, sites or communes; it counts for the roles in ``BOUND`` only."""

    role: str
    name: str
    bound_to: tuple[str, ...] = ()

    def is_for(self, who: str) -> bool:
        """Whether this truck, site or commune is the caller's business."""
        return self.role not in BOUND or who in self.bound_to

    def why_not(self, kind: str, who: str | None) -> str | None:
        """Why the caller may not report a fact of this kind for this truck or site; ``None`` where it may."""
        if kind not in REPORTS.get(self.role, frozenset()):
            return f"{kind}: not reported by a {self.role}"
        if who is None or not self.is_for(who):
            more = ", …" if len(self.bound_to) > MOST_NAMED else ""  # of 200 trucks, 50,000 times
            return f"{kind}: {who} is not what this token is bound to ({', '.join(self.bound_to[:MOST_NAMED])}{more})"
        return None
