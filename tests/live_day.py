"""A small day at a depot: the hand-made plan published, its two tours driven by the simulator, its own streets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

from depot_api.live.state import LiveState
from depot_api.plans.publishing import publish
from depot_api.store.store import Store, microseconds, new_fact
from fleet import Duty, Fact, Plan, Position, new_id
from onboard.simulation.course import course_of
from onboard.simulation.drive import Drive
from onboard.simulation.simulate import simulate_drive
from optimizer.matching.matching import Matcher
from optimizer.matching.network import Line, Network
from tests.clocks import ToldClock
from tests.small_plan import small_basemap, small_plan

#: The tours begin at 4:00 and 4:30 UTC.
START = datetime(2026, 11, 23, 4, tzinfo=UTC)


@cache
def matcher() -> Matcher:
    """The streets of the small plan, cut where they meet."""
    base = small_basemap()
    ends = {n for road in base.roads for n in (road.osm_nodes[0], road.osm_nodes[-1])}
    uses: dict[int, int] = {}
    for road in base.roads:
        for n in road.osm_nodes:
            uses[n] = uses.get(n, 0) + 1
    lines = []
    for road in base.roads:
        part = [road.osm_nodes[0]]
        for n in road.osm_nodes[1:]:
            part.append(n)
            if n in ends or uses[n] > 1:
                lines.append(Line(tuple(part), 1 if road.oneway else 0))
                part = [n]
    found = Matcher(Network.of_lines(lines, base.places))
    found.warm()  # on a new machine the kernels are compiled first: no test should wait for that in the middle
    return found


@cache
def drives() -> tuple[Drive, ...]:
    plan, places = small_plan(), small_basemap().places
    return tuple(simulate_drive(course_of(tour, places, plan.tasks_by_id), 3) for tour in plan.tours)


@cache
def driven(tour: int, every_s: int = 3) -> tuple[Fact, ...]:
    """What the box of a tour's truck reports of the whole day."""
    return tuple(drives()[tour].facts(every_s=every_s))


def put(store: Store, facts: Iterable[Fact], received_at: datetime | None = None) -> None:
    """Facts into the store; they arrive when they happen unless another time is given."""
    store.add([new_fact(fact, received_at or fact.at) for fact in facts])


def published(store: Store, plan: Plan | None = None, at: datetime = START - timedelta(hours=8)) -> int:
    plan = plan or small_plan()
    nodes = {str(n): place for n, place in small_basemap().places.items()}
    return int(publish(store, plan, nodes, "", "night", microseconds(at))["version"])


def live_at(store: Store, at: datetime, *, streets: bool = True) -> LiveState:
    """The live state at a time, begun from the store and worked to its end; its threads are not running."""
    live = LiveState(store, ToldClock(at), None, matcher() if streets else None, "Europe/Paris")
    live.renew()
    caught_up(live)
    return live


def caught_up(live: LiveState) -> None:
    """Follow the tail to its end, and judge every tour once more."""
    live._plans_s = 0.0
    while live.follow():
        pass
    assert live.day is not None
    for slot in live.day.slots.values():
        slot.judged_s = slot.cost_s = slot.poured_s = 0.0
    while live.work():
        pass


def position(at: datetime, truck: str = "T1", lat: float = 43.74, lon: float = 7.42) -> Position:
    return Position(id=new_id(at), at=at, truck=truck, lat_deg=lat, lon_deg=lon, speed_mps=4.0, heading_deg=90, mode=3)


def duty(at: datetime, state: str, truck: str = "T1", tour: str | None = None) -> Duty:
    return Duty(id=new_id(at), at=at, truck=truck, state=state, tour=tour)
