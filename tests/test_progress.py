"""Where a tour stands against its plan, from the states of its streets alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fleet import Leg, LegKind, Tour
from optimizer.evidence.evidence import TaskState
from optimizer.evidence.progress import SiteVisit, tour_progress

START = datetime(2026, 11, 23, 5, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def leg(kind: LegKind, begin: float, end: float, task: str | None = None, site: str | None = None) -> Leg:
    return Leg(kind, at(begin), at(end), 100.0, (), task, None, "truck", site)


#: Streets a, b, c of ten minutes each, unloading at S1, then d.
TOUR = Tour(
    "T1-morning", "s", "T1", "private", None, 2,
    (
        leg("depot", 0, 0), leg("collect", 0, 10, "a"), leg("collect", 10, 20, "b"), leg("collect", 20, 30, "c"),
        leg("unload", 30, 45, site="S1"), leg("collect", 45, 55, "d"), leg("depot", 60, 60),
    ),
)  # fmt: skip


def served(begin: float, end: float) -> TaskState:
    return TaskState("done", "collected", 1.0, at(begin), at(end))


def test_a_street_passed_again_later_is_not_where_the_tour_is() -> None:
    states = {"a": served(0, 52), "b": served(10, 20), "c": served(20, 30), "d": served(45, 53)}
    visit = SiteVisit("S1", at(31), at(44))
    now = tour_progress(TOUR, states, at(54), began_at=at(0), ended_at=None, at_sites=(visit,))
    assert now.late_s is not None
    assert abs(now.late_s) < 300
    assert not now.expected_at


def test_streets_collected_beside_a_site_are_no_unloading() -> None:
    states = {"a": served(0, 10), "b": served(10, 20)}
    beside = SiteVisit("S1", at(6), at(20))
    now = tour_progress(TOUR, states, at(21), began_at=at(0), ended_at=None, at_sites=(beside,))
    assert now.late_s is not None
    assert abs(now.late_s) < 300
    assert set(now.expected_at) == {"c", "d"}
