"""A small town for the checker's tests: its map as an OSM file, its area, and a good plan driven by hand.

Nodes ``rc`` (row, column) lie about 111 m apart; traffic keeps right::

    30 ==> 31 ==> 32 ==> 33 ==> 34 --- 902     row 3: wide one-way, two sides;  34-902: dead end of 150 m
    20 --- 21 --- 22 --- 23 --- 24 --- 903     903: turning circle, 80 m
    10 --> 11 --> 12 --> 13 --> 14 --- 904     row 1: narrow one-way;  14-904: dead end of 100 m, bins come to 14
    00 --- 01 --- 02 --- 03 --- 04 --- 901     02-12: living street;  04-901: dead end of 30 m, served on foot

00 is the depot, 03 the unloading sites. Beside the street 00-10 run others (``BESIDE``) that no collection truck may
drive: each is a fault to plant. West of 30 hangs a dead-end tree: 30-951, 951-952, 951-953.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from fleet import Compartment, Flux, Hours, Leg, LegMode, Plan, Shift, Side, Site, Task, Tour, Truck
from optimizer.area.area import Area, DemandRules, PlaceAt, Prices, ServiceTimes, StreetRules, TurnRules
from optimizer.check.rawmap import RawMap, read_map

DAY = date(2026, 11, 23)  # a Monday; Paris is at UTC+1
Tags = Mapping[str, str]

LAT_DEG, LON_DEG = 0.001, 0.0015  # steps of the grid at 48° N, 111 m each
#: Nodes beside the street 00-10, with what is wrong with the way 00-N-10 or with the node itself.
BESIDE: dict[int, tuple[str, Tags, Tags]] = {
    911: ("TOO_HIGH", {"maxheight": "3.0"}, {}),
    912: ("TOO_HEAVY", {"maxweight": "7.5 t"}, {}),
    913: ("TOO_WIDE", {"width": "2,2"}, {}),
    914: ("NO_ACCESS", {"access": "private"}, {}),
    915: ("NO_ACCESS", {}, {"barrier": "bollard"}),
    916: ("NO_SUCH_STREET", {"highway": "track"}, {}),
    917: ("AGAINST_ONE_WAY", {"oneway": "-1"}, {}),
    918: ("NO_ACCESS", {"motor_vehicle": "yes", "hgv": "no"}, {}),
    919: ("TOO_HIGH", {}, {"barrier": "height_restrictor", "maxheight": "10'6\""}),
    920: ("TOO_LONG", {"maxlength": "7"}, {}),
    921: ("AGAINST_ONE_WAY", {"junction": "roundabout", "order": "back"}, {}),
    922: ("NO_ACCESS", {}, {"barrier": "gate", "access": "private"}),
}
#: The same, but a collection truck may pass.
BESIDE_FINE: dict[int, tuple[Tags, Tags]] = {
    931: ({"access": "destination"}, {}),
    932: ({"vehicle": "no", "motor_vehicle": "permissive"}, {}),
    933: ({"maxheight": "default", "maxweight": "none"}, {}),
    934: ({"oneway": "-1", "oneway:hgv": "no"}, {}),
    935: ({}, {"barrier": "gate"}),
    936: ({}, {"barrier": "bollard", "motor_vehicle": "yes"}),
    937: ({"maxweight": "7.5", "maxweight:conditional": "none @ delivery"}, {}),
}
RESTRICTIONS: list[tuple[Tags, int, int | tuple[int, int], int]] = [
    ({"restriction": "no_left_turn"}, 1011, 11, 1121),
    ({"restriction": "only_straight_on"}, 2223, 22, 2122),
    ({"restriction": "no_u_turn"}, 2434, (2324, -1), 1323),
    ({"restriction": "no_right_turn", "except": "bicycle;hgv"}, 2131, 21, 2021),
    ({"restriction:conditional": "no_right_turn @ (07:00-09:00)"}, 111, 11, 1112),
]


def _nodes() -> dict[int, tuple[float, float, Tags]]:
    at: dict[int, tuple[float, float, Tags]] = {
        10 * r + c: (48 + r * LAT_DEG, 2 + c * LON_DEG, {}) for r in range(4) for c in range(5)
    }
    for node, end_row, metres in ((901, 0, 30), (902, 3, 150), (903, 2, 80), (904, 1, 100)):
        room: Tags = {"highway": "turning_circle"} if node == 903 else {}
        at[node] = (48 + end_row * LAT_DEG, 2 + (4 + metres / 111.7) * LON_DEG, room)
    for k, node in enumerate([*BESIDE, *BESIDE_FINE], start=1):
        tags = BESIDE[node][2] if node in BESIDE else BESIDE_FINE[node][1]
        at[node] = (48 + LAT_DEG / 2, 2 - k * LON_DEG / 20, tags)
    for node, row, column in ((951, 3, -0.5), (952, 3.2, -1.0), (953, 2.8, -1.0)):
        at[node] = (48 + row * LAT_DEG, 2 + column * LON_DEG, {})
    return at


def way_id(a: int, b: int) -> int:
    """Ways are named by their two ends, the smaller first: 10-11 is 1011."""
    return 100 * min(a, b) + max(a, b) if max(a, b) < 100 else 1000 * min(a, b) + max(a, b)


def _ways() -> dict[int, tuple[list[int], Tags]]:
    ways: dict[int, tuple[list[int], Tags]] = {}
    for r in range(4):
        for c in range(4):
            a, b = 10 * r + c, 10 * r + c + 1
            tags: Tags = {"highway": "residential"}
            if r == 1:
                tags = {"highway": "residential", "oneway": "yes"}
            elif r == 3:
                tags = {"highway": "secondary", "oneway": "yes", "lanes": "2", "maxspeed": "30"}
            ways[way_id(a, b)] = ([a, b], tags)
    for r in range(3):
        for c in range(5):
            a, b = 10 * r + c, 10 * r + c + 10
            ways[way_id(a, b)] = ([a, b], {"highway": "living_street" if (a, b) == (2, 12) else "residential"})
    for a, b in ((4, 901), (34, 902), (24, 903), (14, 904), (30, 951), (951, 952), (951, 953)):
        ways[way_id(a, b)] = ([a, b], {"highway": "residential"})
    for node in [*BESIDE, *BESIDE_FINE]:
        own = dict(BESIDE[node][1] if node in BESIDE else BESIDE_FINE[node][0])
        nodes = [10, node, 0] if own.pop("order", "") else [0, node, 10]
        ways[5000 + node] = (nodes, {"highway": "residential", **own})
    return ways


def write_map(path: Path) -> None:
    """The town as OSM XML (OSM ids must not be 0, so every node is written 1,000 up, see ``osm``)."""

    def lines(tags: Tags) -> str:
        return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())

    text = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
    for node, (lat, lon, tags) in sorted(_nodes().items()):
        text.append(f'<node id="{osm(node)}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">{lines(tags)}</node>')
    for way, (nodes, tags) in sorted(_ways().items()):
        refs = "".join(f'<nd ref="{osm(n)}"/>' for n in nodes)
        text.append(f'<way id="{way}" version="1">{refs}{lines(tags)}</way>')
    for k, (tags, from_way, via, to_way) in enumerate(RESTRICTIONS, start=1):
        via_type, ref = ("way", via[0]) if isinstance(via, tuple) else ("node", osm(via))
        members = (
            f'<member type="way" ref="{from_way}" role="from"/><member type="{via_type}" ref="{ref}" role="via"/>'
            f'<member type="way" ref="{to_way}" role="to"/>'
        )
        text.append(f'<relation id="{k}" version="1">{members}{lines({"type": "restriction", **tags})}</relation>')
    path.write_text("\n".join([*text, "</osm>"]), encoding="utf-8")


def osm(node: int) -> int:
    """The id in the file of a node as this page names it."""
    return 1000 + node


# --- the area ----------------------------------------------------------------------------------------------------

_WEEK = tuple(Hours(day, 5 * 3600, 20 * 3600) for day in range(6))
_STREETS = ("residential", "unclassified", "living_street", "road")
_TRUCK = Truck(
    "T1", 12000, 7000, 3.5, 2.5, 8.5, (Compartment(("residual", "packaging"), 18, 330), Compartment(("paper",), 2))
)
_SHIFT = Shift("T1-am", "T1", "Ada", "C", 2, 5 * 3600, 8 * 3600, 3600, 900, 900, "public-agent")


def _site(id: str, accepts: tuple[str, ...], hours: tuple[Hours, ...]) -> tuple[PlaceAt, Site]:
    lon = 2 + 3 * LON_DEG
    return PlaceAt(id, id, 48.0, lon, None), Site(id, id, 0, accepts, hours, 720)


def town_area(folder: Path) -> Area:
    return Area(
        folder=folder, name="Town", extract=folder / "town.osm", attribution="made up", timezone="Europe/Paris",
        language="en", crs="EPSG:32631", traffic_side="right", holidays=None,
        second_holiday="free",
        depot=PlaceAt("D", "Depot", 48.0, 2.0, None),
        sites=(
            _site("S1", ("residual", "packaging", "paper", "glass"), _WEEK),
            _site("S-night", ("residual", "packaging", "paper", "glass"), (Hours(0, 0, 3600),)),
            _site("S-paper", ("paper",), _WEEK),
        ),
        flux=tuple(
            Flux(name, name, None, density, 1.0)
            for name, density in (("residual", 450), ("packaging", 150), ("paper", 200), ("glass", 350))
        ),
        services=(), communes=(), demand=DemandRules(2.2, 3),
        trucks=(_TRUCK, replace(_TRUCK, id="T2", compartments=(Compartment(("glass", "residual"), 15),), crane=True)),
        shifts=(
            _SHIFT,
            replace(
                _SHIFT, id="T2-am", truck="T2", driver="Bo", loaders=0, length_s=4 * 3600, regime="eu561",
                skills=("crane",),
            ),
        ),
        streets=StreetRules(
            collected=("secondary", *_STREETS), both_sides_highway=("living_street",), both_sides_oneway_max_lanes=1,
            both_sides_oneway_highway=_STREETS, both_sides_max_width_m=5.0, both_sides_two_way_highway=_STREETS,
            max_task_m=400, foot_max_m=40, presentation_max_m=120, reversing="priced", reversing_max_m=200,
            three_point_m=25, turning_places=("turning_circle", "turning_loop", "mini_roundabout"),
        ),
        speeds_kmh={"secondary": 36, "residential": 24, "living_street": 12, "service": 12},
        turns=TurnRules(6, 2, 0, 8, 25, 45, 1.0),
        service_times=ServiceTimes(9.0, 1.1, 0.8, 360, 30, 240, (2.2, 1.5, 1.0)),
        closed=(), prices=Prices(78, 105, 4, 60, 5, 5000), rules=(), exceptions=(), sectors=(),
    )  # fmt: skip


# --- the plan ----------------------------------------------------------------------------------------------------


def street(id: str, a: int, b: int, side: Side, kg: float = 100.0) -> Task:
    return Task(id, "street", way_id(a, b), (osm(a), osm(b)), side, {"residual": kg, "packaging": kg / 5}, 12)


def point(id: str, kind: str, node: int, flux: str, kg: float, **more: object) -> Task:
    task = Task(id, "presentation_point", None, (osm(node),), "both", {flux: kg}, 8)
    return replace(task, kind=kind, **more)  # type: ignore[arg-type]


TASKS = (
    street("00-01", 0, 1, "right"),
    street("01-00", 1, 0, "right"),
    street("row1 west", 10, 11, "both"),
    street("row1 middle", 11, 12, "both"),
    replace(street("living", 2, 12, "both"), windows=((0, 8 * 3600), (9 * 3600, 24 * 3600))),
    street("wide right", 30, 31, "right"),
    street("wide left", 30, 31, "left"),
    street("circle out", 24, 903, "right"),
    street("circle back", 903, 24, "right"),
    street("dead end", 34, 902, "both"),
    street("on foot", 4, 901, "both", kg=40),
    point("bins of 904", "presentation_point", 14, "residual", 60),
    point("bottles", "drop_off", 21, "glass", 700, containers=2, skills=("crane",)),
    point("sofa", "pickup", 33, "residual", 50),
)


class Driver:
    """Writes a tour leg by leg, at a pace that is always slow enough."""

    def __init__(self, raw: RawMap, shift: Shift, at: datetime):
        self.raw, self.shift, self.at = raw, shift, at
        self.legs: list[Leg] = []
        self.load: dict[str, float] = {}
        self._leg("depot", shift.start_service_s)

    def _leg(self, kind: str, seconds: float, nodes: tuple[int, ...] = (), **more: object) -> None:
        end = self.at + timedelta(seconds=round(seconds))
        ids = tuple(map(osm, nodes))
        leg = Leg("depot", self.at, end, self.raw.length_m(ids), ids, load_after_kg=dict(self.load))
        self.legs.append(replace(leg, kind=kind, **more))  # type: ignore[arg-type]
        self.at = end

    def drive(self, *nodes: int) -> Driver:
        self._leg("drive", 60 * len(nodes), nodes)
        return self

    def collect(self, id: str, *nodes: int, mode: LegMode = "truck", reversing_m: float = 0.0) -> Driver:
        task = {task.id: task for task in TASKS}[id]
        for flux, kg in task.demand_kg.items():
            self.load[flux] = self.load.get(flux, 0.0) + kg
        self._leg(
            "collect", 1200, nodes, task=id, side=task.side, mode=mode, kg=dict(task.demand_kg),
            reversing_m=reversing_m, reversals=1 if reversing_m else 0,
        )  # fmt: skip
        return self

    def rest(self, minutes: float) -> Driver:
        self._leg("break", 60 * minutes)
        return self

    def wait(self, minutes: float) -> Driver:
        self.at += timedelta(minutes=minutes)
        return self

    def unload(self, site: str) -> Driver:
        kg, self.load = self.load, {}
        self._leg("unload", 900, site=site, kg=kg)
        return self

    def home(self, id: str) -> Tour:
        self._leg("depot", self.shift.end_service_s)
        shift = self.shift
        return Tour(id, shift.id, shift.truck, shift.regime, shift.driver, shift.loaders, tuple(self.legs))


def good_plan(area: Area) -> Plan:
    """Two tours that serve every task of the town without a fault."""
    raw = read_map(area.extract)
    bags, glass = (Driver(raw, shift, datetime(2026, 11, 23, 4, tzinfo=UTC)) for shift in area.shifts)
    bags.collect("00-01", 0, 1).drive(1, 11).collect("row1 middle", 11, 12).collect("living", 12, 2).drive(2, 1)
    bags.collect("01-00", 1, 0).drive(0, 10).collect("row1 west", 10, 11).drive(11, 12, 13, 14)
    bags.collect("bins of 904", 14).drive(14, 24).collect("circle out", 24, 903).collect("circle back", 903, 24)
    bags.rest(20).drive(24, 34).collect("dead end", 34, 902, 34, reversing_m=150).drive(34, 24, 23, 22, 21, 20, 30)
    bags.collect("wide right", 30, 31).drive(31, 21, 20, 30).collect("wide left", 30, 31)
    bags.drive(31, 32, 33, 34, 24, 14, 4).collect("on foot", 4, 901, 4, mode="foot").drive(4, 3).wait(60)
    bags.unload("S1").drive(3, 2, 1, 0)
    glass.drive(0, 10, 20, 21).collect("bottles").drive(21, 22, 23, 33).collect("sofa", 33)
    glass.drive(33, 34, 24, 14, 4, 3).unload("S1").drive(3, 2, 1, 0)
    files = sorted(path for path in area.folder.iterdir() if path.is_file())
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return Plan(
        {"path": str(area.folder), "digests": digests}, DAY, area.timezone, 1, "by hand", "0", TASKS,
        (bags.home("A"), glass.home("B")), (),
    )  # fmt: skip
