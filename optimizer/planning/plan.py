"""From the search's answer to the plan: visits become legs on the map, with nodes, times, loads and figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fleet import Leg, LegKind, LegMode, Plan, Side, Task, Tour, Unserved
from optimizer.planning.day import Day
from optimizer.planning.figures import plan_figures
from optimizer.planning.sides import Pass
from optimizer.planning.town import Town
from optimizer.problem import Event, Solution, Visit, schedule
from optimizer.streets import RoadPath, Stand, TruckRoads, arc_nodes


def plan_of(day: Day, solution: Solution, *, seed: int, engine: str, version: str) -> Plan:
    """The whole plan of a day. Raises ``ValueError`` where the solution does not fit its own problem."""
    area = day.town.area
    tours = []
    for k, visits in enumerate(solution.routes):
        if visits:
            tours.append(_TourBuilder(day, k, visits).tour(f"{day.date.isoformat()}-{day.shifts[k].id}"))
    unserved = [Unserved(task, reason) for task, reason in day.excluded]
    unserved += [Unserved(day.tasks[index].id, reason) for index, reason in solution.unserved]
    plan = Plan(
        area={"name": area.name, "path": str(area.folder), "digests": area.digests()},
        date=day.date,
        timezone=area.timezone,
        seed=seed,
        engine=engine,
        program_version=version,
        tasks=day.all_tasks,
        tours=tuple(tours),
        unserved=tuple(sorted(unserved, key=lambda u: (u.reason, u.task))),
    )
    counted = plan_figures(plan, area, covered_share(day.town))
    return replace(plan, figures=counted)


def covered_share(town: Town) -> float:
    """Length of street sides with waste that a truck or its crew on foot gets to, of all that one could reach.

    A side counts as one that could be reached when its stretch, or the node its residents carry to, is on the way of a
    truck from the depot and back.
    """
    lengths = {s.id: s.length_m for s in town.streets.stretches}
    with_waste = set(town.demand.dwellings) | {(stretch, side) for stretch, side, _ in town.demand.known_kg}
    served = {(one.stretch, one.side) for a_pass in town.passes if a_pass.reachable for one in a_pass.stretch_sides}
    reached = {(s.id, side) for s in town.streets.stretches for side in ("left", "right") if town.reaches(s)}
    due = with_waste & (reached | served)
    covered = sum(lengths[stretch] for stretch, _ in due & served)
    return covered / max(1e-9, sum(lengths[stretch] for stretch, _ in due)) if due else 1.0


class _TourBuilder:
    """One route on the map."""

    def __init__(self, day: Day, index: int, visits: tuple[Visit, ...]):
        self.day, self.visits = day, visits
        self.index = index
        self.shift = day.shifts[index]
        self.truck = day.town.area.truck(self.shift.truck)
        self.roads: TruckRoads = day.town.roads[day.town.profiles[self.truck.id]]
        self.load: dict[str, float] = {f: 0.0 for part in self.truck.compartments for f in part.flux}
        self.depot = day.stands[day.problem.shifts[index].depot]
        self.at: Stand = self.depot

    def tour(self, id_: str) -> Tour:
        timed = schedule(self.day.problem, self.index, self.visits)
        if timed.broken:
            raise ValueError(f"tour {id_}: its schedule breaks {', '.join(timed.broken)}")
        legs: list[Leg] = []
        for k, event in enumerate(timed.events):
            if event.kind == "service":
                legs.append(self._service(event))
            elif event.kind == "break":
                legs.append(self._leg("break", event))
            elif event.kind == "drive":
                legs.extend(self._drive(event))
            else:
                assert event.visit is not None
                if k == 0 or timed.events[k - 1].visit != event.visit:  # no driving between: still, the truck is there
                    legs.extend(self._drive(Event("drive", event.start_s, event.start_s, event.visit)))
                legs.append(self._task(event) if event.kind == "task" else self._unload(event))
        s = self.shift
        return Tour(
            id=id_, shift=s.id, truck=s.truck, regime=s.regime, driver=s.driver, loaders=s.loaders, legs=tuple(legs)
        )

    def _instant(self, seconds: float) -> datetime:
        return self.day.midnight + timedelta(seconds=round(seconds))

    def _leg(self, kind: LegKind, event: Event, nodes: tuple[int, ...] = ()) -> Leg:
        load = {f: round(kg, 3) for f, kg in self.load.items()}
        return Leg(
            kind=kind,
            start_at=self._instant(event.start_s),
            end_at=self._instant(event.end_s),
            length_m=0.0,
            osm_nodes=nodes,
            load_after_kg=load,
        )

    def _service(self, event: Event) -> Leg:
        return self._leg("depot", event, (self.depot.node_in,))

    def _stand(self, visit: int | None) -> Stand:
        if visit is None:
            return self.depot
        v, problem = self.visits[visit], self.day.problem
        place = problem.sites[v.index].place if v.kind == "unload" else problem.tasks[v.index].modes[v.mode].place
        return self.day.stands[place]

    def _drive(self, event: Event) -> list[Leg]:
        goal = self._stand(event.visit)
        path = self.roads.path(self.at, goal)
        if path is None:
            raise ValueError(f"shift {self.shift.id}: no way from node {self.at.node_out} to node {goal.node_in}")
        self.at = goal
        if len(path.nodes) < 2 and event.end_s - event.start_s < 0.5:
            return []
        return [self._driven(event, path)]

    def _driven(self, event: Event, path: RoadPath) -> Leg:
        leg = self._leg("drive", event, path.nodes)
        return replace(leg, length_m=path.length_m, reversing_m=path.reversing_m, reversals=path.reversals)

    def _task(self, event: Event) -> Leg:
        assert event.visit is not None
        index = self.visits[event.visit].index
        task, one = self.day.tasks[index], self.day.passes[index]
        for flux, kg in task.demand_kg.items():
            self.load[flux] = self.load.get(flux, 0.0) + kg
        nodes, side = self._along(task, one)
        metres = one.foot_m if one.foot_nodes else one.length_m if task.kind == "street" else 0.0
        leg = self._leg("collect", event, nodes)
        mode: LegMode = "foot" if one.foot_nodes else "truck"
        return replace(leg, length_m=metres, task=task.id, side=side, mode=mode, kg=dict(task.demand_kg))

    def _along(self, task: Task, one: Pass) -> tuple[tuple[int, ...], Side]:
        """The nodes as driven (or walked), and the side as seen in that direction."""
        if one.foot_nodes:
            return one.foot_nodes, task.side
        if task.kind != "street":
            return task.osm_nodes, task.side
        first = int(self.roads.turns.arc[self.at.arrive])
        start = arc_nodes(self.roads.streets.segments[first // 2], first)
        same = task.osm_nodes[: len(start)] == start
        return (task.osm_nodes if same else task.osm_nodes[::-1]), task.side

    def _unload(self, event: Event) -> Leg:
        assert event.visit is not None
        site = self.day.town.sites[self.visits[event.visit].index]
        tipped = {f: round(kg, 3) for f, kg in self.load.items() if kg > 0 and f in site.accepts}
        for flux in tipped:
            self.load[flux] = 0.0
        return replace(self._leg("unload", event, (site.osm_node,)), site=site.id, kg=tipped)


def plan_nodes(plan: Plan) -> set[int]:
    """Every node that a plan speaks of."""
    found = {n for task in plan.tasks for n in task.osm_nodes}
    return found | {n for tour in plan.tours for leg in tour.legs for n in leg.osm_nodes}
