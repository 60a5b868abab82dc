"""A small hand-made plan on real streets of Monaco, for the tests of maps, sheets and exports.

Streets and buildings: © OpenStreetMap contributors, ODbL 1.0 (March 2016). Trucks, crews, weights: invented.
Two tours with what a crew meets: one side at a time, a reversing manoeuvre, a dead end on foot, a presentation point,
a drop-off point, two unloadings, breaks, a wait; and two tasks that nobody serves.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from dashboards.plan.rows import lonlat_distance_m
from dashboards.shared.basemap import Basemap, MapLabel, Road
from dashboards.shared.catalogue import AreaWords
from fleet import Compartment, Flux, Hours, Leg, Place, Plan, Site, Task, Tour, Truck, Unserved

BAGS = {"residual": 0.7, "packaging": 0.15, "food": 0.15}
DEPOT, SITE, GLASS = 3425778200, 258072016, 258071990


def roads() -> tuple[Road, ...]:
    found = []
    for row in (Path(__file__).parent / "small_plan_ways.txt").read_text(encoding="utf-8").splitlines():
        _, highway, name, oneway, written = row.split("|")
        nodes = [part.split(",") for part in written.split()]
        found.append(
            Road(
                highway, name, tuple((float(lon), float(lat)) for _, lon, lat in nodes),
                tuple(int(id) for id, _, _ in nodes), oneway == "yes", 3.8 if name == "Rue des Genêts" else None,
            )
        )  # fmt: skip
    return tuple(found)


class Network:
    """Shortest ways by length over roads (no turn costs: it is for drawing, not for driving)."""

    def __init__(self, roads: Iterable[Road]):
        self.places = {n: p for road in roads for n, p in zip(road.osm_nodes, road.points, strict=True)}
        self.out: dict[int, list[tuple[int, float]]] = {}
        for road in roads:
            for a, b in pairwise(road.osm_nodes):
                length = lonlat_distance_m(self.places[a], self.places[b])
                self.out.setdefault(a, []).append((b, length))
                if not road.oneway:
                    self.out.setdefault(b, []).append((a, length))

    def length(self, nodes: Iterable[int]) -> float:
        return sum(lonlat_distance_m(self.places[a], self.places[b]) for a, b in pairwise(nodes))

    def way(self, start: int, goal: int) -> tuple[int, ...]:
        best = {start: (0.0, start)}
        queue = [(0.0, start)]
        while queue:
            so_far, node = heapq.heappop(queue)
            if node == goal:
                break
            for to, length in self.out.get(node, ()):
                if to not in best or so_far + length < best[to][0]:
                    best[to] = (so_far + length, node)
                    heapq.heappush(queue, (so_far + length, to))
        nodes = [goal]
        while nodes[-1] != start:
            nodes.append(best[nodes[-1]][1])
        return tuple(reversed(nodes))


class TourMaker:
    """Writes a tour's legs one after another, with plausible times."""

    def __init__(self, network: Network, start_at: datetime, depot: int):
        self.network, self.at, self.node, self.depot = network, start_at, depot, depot
        self.legs: list[Leg] = []
        self.tasks: list[Task] = []
        self.load: dict[str, float] = {}
        self._leg("depot", 900, nodes=(depot,))

    def _leg(self, kind: Any, seconds: float, nodes: tuple[int, ...] = (), **more: Any) -> None:
        end_at = self.at + timedelta(seconds=round(seconds))
        length_m = self.network.length(nodes)
        self.legs.append(Leg(kind, self.at, end_at, length_m, nodes, load_after_kg=dict(self.load), **more))
        self.at = end_at

    def drive(self, node: int) -> TourMaker:
        if node != self.node:
            nodes = self.network.way(self.node, node)
            self._leg("drive", self.network.length(nodes) / 6, nodes)
            self.node = node
        return self

    def collect(self, task: Task, *, foot: bool = False, backs_out: bool = False) -> TourMaker:
        self.drive(task.osm_nodes[0])
        self.tasks.append(task)
        for flux, kg in task.demand_kg.items():
            self.load[flux] = self.load.get(flux, 0.0) + kg
        goes_back = foot or backs_out
        nodes = task.osm_nodes + tuple(reversed(task.osm_nodes[:-1])) if goes_back else task.osm_nodes
        one_way_m = self.network.length(task.osm_nodes)
        self._leg(
            "collect", 20 + 1.1 * task.total_kg + one_way_m / 2.5 + (one_way_m if backs_out else 0), nodes,
            task=task.id, side=task.side, mode="foot" if foot else "truck", kg=task.demand_kg,
            reversing_m=one_way_m if backs_out else 0.0, reversals=int(backs_out),
        )  # fmt: skip
        self.node = nodes[-1]
        return self

    def unload(self, node: int, site: str) -> TourMaker:
        self.drive(node)
        kg, self.load = self.load, {}
        self._leg("unload", 720, (node,), site=site, kg=kg)
        return self

    def rest(self, minutes: int = 20) -> TourMaker:
        self._leg("break", 60 * minutes)
        return self

    def wait(self, minutes: int) -> TourMaker:
        self.at += timedelta(minutes=minutes)
        return self

    def done(self, id: str, truck: str, driver: str | None = "C. Martin", loaders: int = 2) -> Tour:
        self.drive(self.depot)
        self._leg("depot", 900, nodes=(self.depot,))
        return Tour(id, id, truck, "public-agent", driver, loaders, tuple(self.legs))


def figures(tours: Iterable[tuple[Tour, TourMaker]]) -> dict[str, Any]:
    """The figures of a plan in their published shape, from plain sums."""
    each = {tour.id: _figures(tour, maker) for tour, maker in tours}
    total: dict[str, Any] = _added(list(each.values()))
    total["eur_per_t"] = round(1000 * total["eur"]["total"] / total["kg_total"], 2)
    return {"tours": each, "total": total, "shares": {"covered": 0.991, "served": 0.985}}


def _figures(tour: Tour, maker: TourMaker) -> dict[str, Any]:
    hours = dict.fromkeys(("service", "drive", "collect", "unload", "break", "wait", "total", "overtime"), 0.0)
    names = {"depot": "service"}
    kg: dict[str, float] = {}
    for leg in tour.legs:
        hours[names.get(leg.kind, leg.kind)] += leg.duration_s / 3600
        for flux, value in leg.kg.items() if leg.kind == "collect" else ():
            kg[flux] = kg.get(flux, 0.0) + value
    hours["total"] = (tour.end_at - tour.start_at).total_seconds() / 3600
    hours["wait"] = hours["total"] - sum(hours[k] for k in ("service", "drive", "collect", "unload", "break"))
    km = sum(leg.length_m for leg in tour.legs if leg.mode == "truck") / 1000
    litres = 0.45 * km + 4 * hours["collect"]
    reversals = sum(leg.reversals for leg in tour.legs)
    eur = {"crew": 78 * hours["total"], "overtime": 0.0, "km": 0.9 * km, "truck": 180.0,
           "gate": 0.12 * sum(kg.values()), "reversals": 4.0 * reversals}  # fmt: skip
    eur["total"] = sum(eur.values())
    return {
        "km": km, "hours": hours, "trips": sum(leg.kind == "unload" for leg in tour.legs), "kg": kg,
        "kg_total": sum(kg.values()), "energy": {"l": litres}, "co2e_kg": 3.1 * litres, "eur": eur,
        "eur_per_t": 1000 * eur["total"] / sum(kg.values()), "reversals": reversals,
        "reversing_m": sum(leg.reversing_m for leg in tour.legs), "stops": len(maker.tasks),
        "dwellings": sum(task.dwellings for task in maker.tasks),
        "foot_m": sum(leg.length_m for leg in tour.legs if leg.mode == "foot"),
    }  # fmt: skip


def _added(parts: list[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        keys = dict.fromkeys(key for part in parts for key in part)
        return {key: _added([part[key] for part in parts if key in part]) for key in keys}
    return round(sum(parts), 3)


def street(network: Network, id: str, name: str, start: int, goal: int, side: Any, kg: float) -> Task:
    nodes = network.way(start, goal)
    demand = {flux: round(share * kg, 1) for flux, share in BAGS.items()}
    return Task(id, "street", 1, nodes, side, demand, round(kg / 4), name, "Carré d'Or", ("bags",))


def small_plan() -> Plan:
    """Monday 23 November 2026, two tours."""
    net = Network(roads())
    start = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def s(id: str, name: str, start: int, goal: int, side: str, kg: float) -> Task:
        return street(net, id, name, start, goal, side, kg)

    bpc, lilas = "Boulevard Princesse Charlotte", "Rue des Lilas"
    first = TourMaker(net, start, DEPOT)
    first.collect(s("a1", bpc, 21917628, 1774994951, "right", 310))
    first.collect(s("a2", bpc, 1774994951, 252458631, "right", 190))
    first.collect(s("a3", "Avenue du Berceau", 252458631, 252458680, "both", 260))
    first.collect(s("a4", "Avenue du Berceau", 252458680, 252458682, "both", 120))
    first.collect(s("a5", "Avenue de Roqueville", 252458682, 21917628, "both", 205))
    first.collect(s("a6", lilas, 21917586, 252474584, "right", 140))
    first.collect(s("a7", lilas, 252474584, 1759785856, "both", 90), backs_out=True)
    first.collect(s("a8", "Avenue Saint-Michel", 252474584, 1699777780, "right", 75))
    first.collect(s("a9", "Rue des Genêts", 1699777780, 1699777828, "both", 240))
    first.collect(s("a10", "Avenue Sainte-Cécile", 1699777828, 252474588, "both", 150))
    first.collect(s("a11", "Rue des Roses", 252474588, 252474589, "both", 330))
    first.unload(SITE, "S1").rest()
    first.collect(s("a12", bpc, 258072016, 21917586, "right", 180))
    first.collect(s("a13", bpc, 21917586, 252458631, "right", 220)).unload(SITE, "S1")

    second = TourMaker(net, start + timedelta(minutes=30), DEPOT)
    foch, source = "Avenue du Maréchal Foch", "Place de la Source"
    second.collect(s("b1", foch, DEPOT, 268125184, "right", 280))
    second.collect(s("b2", source, 268125184, 2993560652, "right", 60))
    second.collect(s("b3", source, 2993560652, 2993560651, "both", 45), foot=True)
    second.collect(s("b4", source, 2993560652, 268125181, "right", 40))
    second.collect(s("b5", "Rue de la Source", 268125181, 268125179, "right", 110))
    second.collect(s("b6", "Avenue de Roqueville", 268125179, 252474752, "both", 70))
    second.collect(s("b7", "Rue Paradis", 252474752, 252474750, "both", 160))
    point = Task("b8", "presentation_point", None, (252474750,), "both", {"residual": 65.0, "food": 14.0}, 22,
                 "Escalier des Roses", "Carré d'Or", ("bags",))  # fmt: skip
    second.collect(point).rest(20)
    second.collect(s("b9", "Avenue Saint-Michel", 252474589, 1699777802, "both", 95))
    second.collect(s("b10", "Rue des Violettes", 1699777802, 252458680, "both", 175)).wait(7)
    glass = Task("g1", "drop_off", None, (GLASS,), "right", {"glass": 640.0}, 0, "Verre Princesse Charlotte",
                 "Carré d'Or", ("glass",), skills=("crane",), containers=2)  # fmt: skip
    second.collect(glass).unload(SITE, "S1")
    tours = (first.done("T1-matin", "T1"), second.done("T2-matin", "T2", None, 1))
    lost = (
        s("u1", "Rue des Lauriers", 3414826895, 3414826896, "both", 210),
        Task("u2", "pickup", None, (252458679,), "right", {"residual": 120.0}, 0, "Canapé, 12 avenue du Berceau"),
    )
    return Plan(
        {"path": "data/monaco", "digests": {}}, date(2026, 11, 23), "Europe/Paris", 1, "heuristic", "0.1",
        (*first.tasks, *second.tasks, *lost), tours,
        (Unserved("u1", "TIME_WINDOW"), Unserved("u2", "SKILL_MISSING")),
        figures(zip(tours, (first, second), strict=True)),
    )  # fmt: skip


def small_basemap() -> Basemap:
    found = roads()
    return Basemap(
        found, Network(found).places,
        buildings=(
            ((7.423819, 43.740485), (7.423918, 43.740582), (7.423697, 43.740686), (7.423612, 43.740601)),
            ((7.423565, 43.740041), (7.423331, 43.739957), (7.423433, 43.739788), (7.423747, 43.739904)),
            ((7.421654, 43.740449), (7.421857, 43.740323), (7.421776, 43.740255), (7.421574, 43.740381)),
            ((7.422877, 43.740717), (7.422535, 43.740369), (7.422835, 43.740215), (7.423157, 43.740573)),
        ),
        labels=(MapLabel("Monte-Carlo", (7.4232, 43.7398), 1),),
    )  # fmt: skip


def small_words() -> AreaWords:
    whole_day = tuple(Hours(day, 5 * 3600, 20 * 3600) for day in range(6))
    body = (Compartment(("residual", "packaging", "food"), 18.0, 330.0),)
    return AreaWords(
        "Monaco et environs",
        (
            Flux("residual", "Ordures résiduelles", "#6b6b6b", 450, 249, 5.0),
            Flux("packaging", "Emballages et papiers", "#f2c200", 150, 50, 1.5),
            Flux("food", "Restes alimentaires", "#2e8b57", 600, 30, 2.0),
            Flux("glass", "Verre", None, 350, 33),
        ),
        Place("D1", "Dépôt Foch", DEPOT),
        (Site("S1", "Centre de tri optique", SITE, ("residual", "packaging", "food", "glass"), whole_day, 720, 120.0),),
        {"T1": Truck("T1", 12000, 7000, 3.5, 2.5, 8.5, body), "T2": Truck("T2", 12000, 7000, 3.3, 2.4, 8.0, body)},
    )


def at_cost(plan: Plan, eur: float, unserved: tuple[Unserved, ...]) -> Plan:
    """The same plan, so many euros dearer, with these tasks unserved."""
    total = plan.figures["total"]
    total = total | {"eur": total["eur"] | {"total": total["eur"]["total"] + eur}}
    return replace(plan, figures={**plan.figures, "total": total}, unserved=unserved)
