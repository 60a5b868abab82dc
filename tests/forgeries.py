"""What one truck or site may send, against what is shown of another: drawn facts of every kind, from every role.

Used by the test (a few hundred draws) and by ``tests/bench/bench_forgeries.py`` (20,000).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from depot_api.duty.day_plan import plan_in_force
from depot_api.facts.intake import validated_fact
from depot_api.live.api import truck_filter_of
from depot_api.live.state import LiveState
from depot_api.reports.contractor import RefusedRow, read_positions
from depot_api.reports.day_report import day_report
from depot_api.settings.roles import REPORTS, Caller
from depot_api.store.store import NewFact, Store, microseconds
from fleet import KINDS, RULES, Incident, Message, Outcome, Ticket, Weighing, fields_of, instant_text, new_id

from .live_day import START, caught_up, driven, live_at, matcher, published, put

#: Whoever sends; T2 (a truck with a tour of its own) and S2 (a bridge that weighed it) are none of theirs.
SENDERS = (
    Caller("box", "T1", ("T1",)), Caller("bridge", "S1", ("S1",)), Caller("plant", "S1", ("S1",)),
    Caller("contractor", "acme", ("T1", "T3")), Caller("town", "Monaco", ("Monaco",)), Caller("monitor", "M"),
    Caller("crew_leader", "L"), Caller("administrator", "A"),
)  # fmt: skip
#: Sees what is theirs only.
VICTIM = Caller("contractor", "other", ("T2",))
NOW = START + timedelta(hours=3)


@dataclass
class Day:
    """A day in which T2 has done half of its tour, said this and that, and was weighed at S2."""

    store: Store
    live: LiveState
    ids: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def begun(cls, store: Store) -> Day:
        published(store)
        theirs = [fact for fact in driven(1) if fact.at < NOW]
        at = START + timedelta(hours=2)
        task = theirs_tasks(store)[0]
        weighed = [
            Weighing(id=new_id(at), at=at, site="S2", instrument="I", kg=kg, truck="T2") for kg in (17000, 12000)
        ]
        said = [
            Incident(id=new_id(at), at=at, truck="T2", category="damage", note="theirs"),
            Message(id=new_id(at), at=at, truck="T2", sender="crew", text="theirs"),
            Outcome(id=new_id(at), at=at, truck="T2", task=task, outcome="partly", tour="tour-2"),
            *weighed,
            Ticket(id=new_id(at), at=at, site="S2", number="7", net_kg=5000, truck="T2", gross_weighing=weighed[0].id,
                   tare_weighing=weighed[1].id),
        ]  # fmt: skip
        put(store, theirs)
        put(store, said)
        ids = tuple(fact.id for fact in (*said, theirs[0], theirs[-1], *[f for f in theirs if f.kind == "duty"]))
        live = live_at(store, NOW)
        assert live.day is not None
        return cls(store, live, ids, ("T1", "T2", "S1", "S2", "7", *live.day.slots, *theirs_tasks(store)))

    def shown(self) -> dict[str, Any]:
        """Everything that is shown of T2, and of S2."""
        live, may_see = self.live, truck_filter_of(VICTIM)
        snapshot = live.snapshot(may_see)
        ours = {"S1", "P1"}  # a bridge weighs whoever stands on it: its own tickets are its own
        for table in ("tickets", "weighings"):
            snapshot[table] = [line for line in snapshot[table] if line["site"] not in ours]
        slots = [] if live.day is None else [s for s in live.day.slots.values() if s.live.tour.truck == "T2"]
        report = day_report(self.store, None, START.date(), NOW, matcher(), live)
        return {
            "board": {name: snapshot[name] for name in
                      ("trucks", "tours", "incidents", "tickets", "weighings", "messages", "tasks")},
            "of the site": [line for table in ("tickets", "weighings") for line in live.board.values(table)
                            if line["site"] == "S2"],
            "streets": [slot.live.streets() for slot in slots],
            "evidence": [slot.live.street(task) for slot in slots for task in slot.live.tasks],
            "way": [slot.live.followed.way() for slot in slots if slot.live.followed is not None],
            "report": [{key: value for key, value in tour.items() if "weighed" not in key and "ticket" not in key}
                       for tour in report.json()["tours"] if tour["truck"] == "T2"],
            "messages": [row.json() for row in self.store.facts("message", "T2")],
            "stored": [row[:7] for row in self.store.facts(who="T2")],
        }  # fmt: skip

    def send(self, sender: Caller, given: Mapping[str, Any]) -> NewFact | None:
        """One fact by the depot's own way in; what was stored, None where it was refused."""
        try:
            row = validated_fact(dict(given), sender, microseconds(NOW))
        except ValueError:
            return None
        self.store.add([row])
        return row

    def send_table(self, sender: Caller, text: str) -> None:
        self.store.add([row for row in read_positions(text, sender, NOW) if not isinstance(row, RefusedRow)])

    def followed(self) -> None:
        caught_up(self.live)

    def begun_anew(self) -> None:
        """As after a restart: read whole from the store."""
        self.live = live_at(self.store, NOW)


def theirs_tasks(store: Store) -> list[str]:
    day = plan_in_force(store, START.date())
    assert day is not None
    return [leg.task for tour in day.plan.tours if tour.truck == "T2" for leg in tour.legs if leg.task][:3]


def drawn(chance: Random, day: Day, sender: Caller) -> dict[str, Any]:
    """A fact that this sender could well send, with fields of other kinds, others' names and ids, and nonsense."""
    own = chance.choice(sender.bound_to or ("T1",))
    kinds = sorted(REPORTS.get(sender.role) or KINDS)
    kind = chance.choice(kinds if chance.random() < 0.9 else sorted(KINDS))
    fact: dict[str, Any] = {"kind": kind}
    for name, needed, _ in fields_of(KINDS[kind]):
        if needed or chance.random() < 0.25:
            fact[name] = value_of(chance, day, name, own)
    for name in ("truck", "site"):
        if any(field == name for field, _, _ in fields_of(KINDS[kind])) and chance.random() < 0.85:
            fact[name] = own
    for name in chance.sample(sorted(RULES), chance.randint(0, 4)):
        fact[name] = value_of(chance, day, name, own)
    if chance.random() < 0.2:
        fact[chance.choice(["who", "kind ", "Truck", "TRUCK", "trucks", "site\0", "", "received_us", "seq"])] = "T2"
    return fact


def value_of(chance: Random, day: Day, name: str, own: str) -> Any:
    rule = RULES[name]
    if chance.random() < 0.03:
        return chance.choice([None, [], ["T2"], {}, {"T2": 1}, "", "\0", "\ud800", 0, -1, 1e308, True, "T2 ", "t2"])
    match rule.type:
        case "uuid":
            id = chance.choice(day.ids) if chance.random() < 0.7 else str(uuid.UUID(int=chance.getrandbits(128)))
            return id.upper() if chance.random() < 0.3 else id
        case "instant":
            return instant_text(START + timedelta(seconds=chance.randint(-3600, 5 * 3600)))
        case "number":
            return {"lat_deg": 43.74, "lon_deg": 7.42}.get(name, round(chance.uniform(0, 100), 2))
        case "whole":
            return chance.randint(0, 3)
        case "flag":
            return chance.random() < 0.5
        case "choice":
            return chance.choice(rule.choices)
        case "sha256s":
            return ["0" * 64]
    if name in ("truck", "site"):
        return chance.choice([own, "T2", "S2", "T1", "S1"])
    return chance.choice(day.words)


def drawn_table(chance: Random) -> str:
    trucks = ["T1", "T2", "T3", "", '"T2"', "T1,T2"]
    rows = [
        f"{chance.choice(trucks)},{instant_text(START + timedelta(seconds=chance.randint(0, 7200)))},43.74,7.42"
        for _ in range(5)
    ]
    return "truck,at,lat_deg,lon_deg\n" + "\n".join(rows)
