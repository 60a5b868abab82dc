"""Nothing that is shown of a truck or a site changes by what another one may send."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depot_api.facts.intake import validated_fact
from depot_api.settings.roles import REPORTS, Caller
from depot_api.store.store import Store
from fleet import KINDS, Ticket, fields_of, instant
from weighbridge.balance.balance import close_day
from weighbridge.balance.torn_bags import samples_of

from .forgeries import NOW, SENDERS, Day, drawn, drawn_table

AT = "2026-11-23T05:00:00Z"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with Store(str(tmp_path_factory.mktemp("forgeries") / "depot.db")) as store:
        yield Day.begun(store)


@pytest.fixture(scope="module")
def truth(day: Day) -> dict[str, Any]:
    """What is shown before anybody forged anything."""
    return day.shown()


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.role)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whatever_others_send_is_shown_of_others_only(
    day: Day, truth: dict[str, Any], sender: Caller, seed: int
) -> None:
    chance = Random(seed)
    for _ in range(8):
        day.send(sender, drawn(chance, day, sender))
    if sender.role in ("box", "contractor"):
        day.send_table(sender, drawn_table(chance))
    day.followed()
    assert day.shown() == truth


def test_nor_after_a_restart(day: Day, truth: dict[str, Any]) -> None:
    chance = Random(7)
    for sender in SENDERS:
        for _ in range(20):
            day.send(sender, drawn(chance, day, sender))
    day.begun_anew()
    assert day.shown() == truth


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.role)
def test_whose_a_fact_is_its_own_kind_says(sender: Caller, kind: str) -> None:
    names = {name for name, _, _ in fields_of(KINDS[kind])}
    (mine,) = sender.bound_to[:1] or ("T1",)
    whole = {
        "kind": kind, "id": str(uuid.uuid4()), "at": AT, "lat_deg": 43.0, "lon_deg": 7.0, "mode": 3, "quantity": "net",
        "kg": 1.0, "instrument": "I", "number": "1", "net_kg": 1.0, "flux": "residual", "task": "t", "outcome": "done",
        "category": "other", "state": "start", "sender": "crew", "text": "x",
    }  # fmt: skip
    theirs = {"truck": "T2"} if "truck" in names and "site" not in names else {"site": "S2"}
    for extra in ({}, {"truck": mine}, {"site": mine}, {"truck": mine, "site": mine}, {"site": [mine]}, {"who": mine}):
        with pytest.raises(ValueError, match=kind):
            validated_fact(whole | extra | theirs, sender, 0)
    own = {"truck": mine} if "truck" in names and "site" not in names else {"site": mine}
    if kind in REPORTS.get(sender.role, ()):
        for extra in ({"truck": "T2"}, {"site": "S2"}, {"site": ["S2"]}, {"truck": {"T2": 1}}):
            if not set(extra) & names:
                assert validated_fact(whole | extra | own, sender, 0).who == mine


def test_a_planner_speaks_for_no_crew_and_a_crew_for_no_planner() -> None:
    message = {"kind": "message", "id": str(uuid.uuid4()), "at": AT, "truck": "T1", "text": "x"}
    for caller, sender in ((Caller("planner", "P"), "crew"), (Caller("box", "T1", ("T1",)), "planner")):
        with pytest.raises(ValueError, match=f"sender = '{sender}'"):
            validated_fact(message | {"sender": sender}, caller, 0)


def test_an_incident_with_another_truck_s_id_hangs_beside_it(tmp_path: Path) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        day = Day.begun(store)
        (theirs,) = day.live.board.values("incidents")
        forged = {"kind": "incident", "id": theirs["id"], "at": AT, "truck": "T1", "category": "other", "note": "ours"}
        assert day.send(SENDERS[0], forged) is not None
        day.followed()
        assert {line["truck"]: line["note"] for line in day.live.board.values("incidents")} == {
            "T1": "ours", "T2": "theirs",
        }  # fmt: skip


def test_a_ticket_corrects_its_own_site_s_only(tmp_path: Path) -> None:
    with Store(str(tmp_path / "depot.db")) as store:
        day = Day.begun(store)
        before = day.shown()
        (theirs,) = day.live.board.values("tickets")
        forged = {"kind": "ticket", "id": str(uuid.uuid4()), "at": AT, "site": "S1", "number": "1", "net_kg": 0.0,
                  "corrects": theirs["id"], "reason": "void"}  # fmt: skip
        for spelt in (str.lower, str.upper):
            forged |= {"id": str(uuid.uuid4()), "corrects": spelt(theirs["id"])}
            assert day.send(Caller("bridge", "S1", ("S1",)), forged) is not None
        day.followed()
        assert day.shown() == before


def test_nor_does_one_in_the_day_s_balance() -> None:
    from zoneinfo import ZoneInfo

    at = instant(AT)
    theirs = Ticket(id=str(uuid.uuid4()), at=at, site="S2", number="7", net_kg=5000.0, truck="T2")
    forged = Ticket(id=str(uuid.uuid4()), at=at, site="S1", number="1", net_kg=0.0, corrects=theirs.id)
    assert close_day("S2", at.date(), [theirs, forged], [], ZoneInfo("UTC")).in_kg == 5000.0


def test_a_count_is_of_its_own_site_s_load() -> None:
    from fleet import Sorting

    at = instant(AT)
    theirs = Ticket(id=str(uuid.uuid4()), at=at, site="S2", number="7", net_kg=5000.0, truck="T2")
    count = Sorting(id=str(uuid.uuid4()), at=at, site="S1", flux="food", ticket="7", bags=10, torn_bags=9)
    assert samples_of([theirs], [count], {"T2": ("18 m3", 18.0)}) == []
    assert at < NOW
