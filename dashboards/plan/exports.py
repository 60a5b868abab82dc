"""The plan for other programs: GeoJSON (RFC 7946), GPX 1.1, and CSV (RFC 4180, UTF-8, decimal points, UTC).

Names of columns and properties carry their units and stay English in every language; what people read in a navigator
(the names of GPX points) is in the area's language.
"""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from dashboards.plan.rows import SheetRow, lonlat_distance_m, sheet_rows
from dashboards.shared import AreaWords, Basemap, LonLat, catalogue, catalogue_text
from fleet import Leg, Plan, Tour, spreadsheet_cell, utc_text

GPX = "http://www.topografix.com/GPX/1/1"

_HOURS = ("service", "drive", "collect", "unload", "break", "wait", "total", "overtime")
_EUR = ("crew", "overtime", "km", "truck", "gate", "reversals", "total")
_ENERGY = ("l", "kg", "kWh")


def write_geojson(plan: Plan, basemap: Basemap, path: Path) -> None:
    """One Feature per leg with nodes: a LineString, or a Point where the truck stands; degrees to 7 decimals."""
    tasks = plan.tasks_by_id
    features = []
    for tour in plan.tours:
        for index, leg in enumerate(tour.legs):
            if not leg.osm_nodes:
                continue
            line = [[round(lon, 7), round(lat, 7)] for lon, lat in basemap.line(leg.osm_nodes)]
            task = tasks.get(leg.task or "")
            features.append(
                {
                    "type": "Feature",
                    "id": f"{tour.id}/{index}",
                    "geometry": {"type": "Point", "coordinates": line[0]}
                    if len(line) == 1
                    else {"type": "LineString", "coordinates": line},
                    "properties": {
                        "tour": tour.id, "truck": tour.truck, "leg": index, "kind": leg.kind, "mode": leg.mode,
                        "task": leg.task, "street": task.name if task else None, "side": leg.side, "site": leg.site,
                        "start_at": utc_text(leg.start_at), "end_at": utc_text(leg.end_at),
                        "length_m": round(leg.length_m, 1), "reversing_m": round(leg.reversing_m, 1),
                        "reversals": leg.reversals, "kg": {flux: round(kg, 1) for flux, kg in leg.kg.items()},
                        "load_after_kg": {flux: round(kg, 1) for flux, kg in leg.load_after_kg.items()},
                    },
                }
            )  # fmt: skip
    found = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


# --- GPX ---------------------------------------------------------------------------------------------------------


def write_gpx(plan: Plan, basemap: Basemap, words: AreaWords, folder: Path, lang: str) -> tuple[Path, ...]:
    """One ``tour-ID.gpx`` per tour: waypoints for depot and sites, a route with named steps, a track with times."""
    names = [f"tour-{re.sub(r'[^A-Za-z0-9._-]+', '-', tour.id)}" for tour in plan.tours]
    files = []
    for i, (tour, name) in enumerate(zip(plan.tours, names, strict=True)):
        path = folder / (f"{name}.gpx" if names.count(name) == 1 else f"{name}-{i + 1}.gpx")
        truck = words.trucks.get(tour.truck)
        rows = sheet_rows(plan, tour, basemap, truck.height_m if truck else None)
        tree = ET.ElementTree(_gpx(plan, tour, rows, basemap, words, lang))
        ET.indent(tree, " ")
        tree.write(path, encoding="utf-8", xml_declaration=True)
        files.append(path)
    return tuple(files)


def _gpx(plan: Plan, tour: Tour, rows: Iterable[SheetRow], basemap: Basemap, words: AreaWords, lang: str) -> ET.Element:
    root = ET.Element("gpx", {"xmlns": GPX, "version": "1.1", "creator": f"Ripeur {plan.program_version}".strip()})
    title = f"{catalogue_text('tour', lang)} {catalogue.tour_name(tour)}, {plan.date.isoformat()}"
    metadata = ET.SubElement(root, "metadata")
    _text_element(metadata, "name", title)
    _text_element(metadata, "desc", f"{words.name}. {basemap.attribution}")
    _text_element(metadata, "time", utc_text(tour.start_at))
    for place in (*((words.depot,) if words.depot else ()), *words.sites):
        if place.osm_node in basemap.places:
            point = _point(root, "wpt", basemap.place(place.osm_node))
            _text_element(point, "name", place.label)
    route = ET.SubElement(root, "rte")
    _text_element(route, "name", title)
    at: LonLat | None = None
    for row in rows:
        at = basemap.place(row.osm_nodes[0]) if row.osm_nodes else at
        if at is None or row.kind == "wait":
            continue
        for turning in _turns(row, tour, basemap):
            _text_element(_point(route, "rtept", turning[0]), "name", turning[1])
        point = _point(route, "rtept", at)
        _text_element(point, "time", utc_text(row.start_at))
        _text_element(point, "name", _step(row, words, lang))
        if row.notes:
            _text_element(
                point,
                "cmt",
                "; ".join(catalogue.row_note_text(n.key, lang, n.m, n.seconds, n.street) for n in row.notes),
            )
    track = ET.SubElement(root, "trk")
    _text_element(track, "name", title)
    segment = ET.SubElement(track, "trkseg")
    for place_at, moment in _track(tour, basemap):
        _text_element(_point(segment, "trkpt", place_at), "time", utc_text(moment))
    return root


def _point(parent: ET.Element, tag: str, at: LonLat) -> ET.Element:
    return ET.SubElement(parent, tag, {"lat": f"{at[1]:.7f}", "lon": f"{at[0]:.7f}"})


def _text_element(parent: ET.Element, tag: str, words: str) -> None:
    # control characters that XML 1.0 cannot hold, should a name of the map have one
    ET.SubElement(parent, tag).text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", words)


def _turns(row: SheetRow, tour: Tour, basemap: Basemap) -> Iterator[tuple[LonLat, str]]:
    """Points of the route between two rows: where the way to the row enters each street that it tells."""
    if not row.via or not row.legs:
        return
    nodes: list[int] = []
    first = row.legs[0]
    while first > 0 and tour.legs[first - 1].kind == "drive":
        first -= 1
        nodes = [*tour.legs[first].osm_nodes, *nodes]
    streets = iter(row.via)
    wanted = next(streets, None)
    for a, b in pairwise(nodes):
        road = basemap.streets.roads.get((a, b))
        if wanted is not None and road is not None and road.name == wanted.street:
            yield basemap.place(a), wanted.street
            wanted = next(streets, None)


def _step(row: SheetRow, words: AreaWords, lang: str) -> str:
    if row.kind == "unload":
        return f"{catalogue_text('unload_trip', lang, trip=row.trip)}: {words.site_label(row.site)}"
    if row.kind == "depot":
        return catalogue_text("depot_start" if row.legs[0] == 0 else "depot_end", lang)
    if row.kind != "collect":
        return catalogue_text(row.kind, lang)
    name = f"{row.number}. {row.street or catalogue_text('no_name', lang)}"
    if row.on_foot:
        return f"{name} ({catalogue_text('foot', lang)})"
    if row.task_kind != "street" and row.task_kind is not None:
        return f"{name} ({catalogue_text(row.task_kind, lang)})"
    return f"{name} ({catalogue_text(row.side, lang)})" if row.side else name


def _track(tour: Tour, basemap: Basemap) -> Iterator[tuple[LonLat, datetime]]:
    """Where the truck is and when: times go with the metres inside a leg. On foot the truck stands where it is."""
    last: tuple[LonLat, datetime] | None = None
    for leg in tour.legs:
        for point in _moving(leg, basemap, last[0] if last else None):
            if point != last:
                yield point
            last = point


def _moving(leg: Leg, basemap: Basemap, standing: LonLat | None) -> list[tuple[LonLat, datetime]]:
    line = basemap.line(leg.osm_nodes) if leg.mode == "truck" else basemap.line(leg.osm_nodes[:1])
    if not line:
        line = (standing,) if standing is not None else ()
    if len(line) < 2:
        return [(at, moment) for at in line for moment in (leg.start_at, leg.end_at)]
    lengths = [0.0]
    for a, b in pairwise(line):
        lengths.append(lengths[-1] + lonlat_distance_m(a, b))
    whole = lengths[-1] or 1.0
    return [(at, leg.start_at + timedelta(seconds=leg.duration_s * m / whole))
            for at, m in zip(line, lengths, strict=True)]  # fmt: skip


# --- CSV ---------------------------------------------------------------------------------------------------------


def write_tours_csv(plan: Plan, path: Path) -> None:
    """``tours.csv``: a row per leg, in order. Columns ``kg_FLUX`` and ``load_after_kg_FLUX`` for every flux carried."""
    tasks = plan.tasks_by_id
    flux = _flux(plan)
    head = ["tour", "truck", "leg", "kind", "mode", "start_at", "end_at", "length_m", "task", "street", "side", "site",
            "reversals", "reversing_m", *(f"kg_{f}" for f in flux), *(f"load_after_kg_{f}" for f in flux),
            "osm_nodes"]  # fmt: skip
    table: list[list[Any]] = []
    for tour in plan.tours:
        for index, leg in enumerate(tour.legs):
            task = tasks.get(leg.task or "")
            table.append(
                [tour.id, tour.truck, index, leg.kind, leg.mode, utc_text(leg.start_at), utc_text(leg.end_at),
                 _fixed(leg.length_m, 1), leg.task, task.name if task else None, leg.side, leg.site, leg.reversals,
                 _fixed(leg.reversing_m, 1), *(_fixed(leg.kg.get(f), 1) for f in flux),
                 *(_fixed(leg.load_after_kg.get(f), 1) for f in flux), " ".join(map(str, leg.osm_nodes))]
            )  # fmt: skip
    _write_csv(path, head, table)


def write_kpi_csv(plan: Plan, path: Path) -> None:
    """``kpi.csv``: a row per tour and one ``total``, from ``plan.figures``; what the figures lack stays empty."""
    each: Mapping[str, Any] = plan.figures.get("tours", {})
    whole: Mapping[str, Any] = plan.figures.get("total", {})
    flux = _flux(plan)
    used = [unit for unit in _ENERGY if any(unit in f.get("energy", {}) for f in (*each.values(), whole))]
    head = ["tour", "truck", "start_at", "end_at", "km", *(f"{h}_h" for h in _HOURS), "trips",
            *(f"kg_{f}" for f in flux), "kg_total", *(f"energy_{unit}" for unit in used), "co2e_kg",
            *(f"{e}_eur" for e in _EUR), "eur_per_t", "reversals", "reversing_m", "stops", "dwellings",
            "foot_m"]  # fmt: skip

    def figures(found: Mapping[str, Any]) -> list[Any]:
        hours, kg, energy, eur = (found.get(key, {}) for key in ("hours", "kg", "energy", "eur"))
        return [
            _fixed(found.get("km"), 3), *(_fixed(hours.get(h), 3) for h in _HOURS), found.get("trips"),
            *(_fixed(kg.get(x), 1) for x in flux), _fixed(found.get("kg_total"), 1),
            *(_fixed(energy.get(u), 2) for u in used),
            _fixed(found.get("co2e_kg"), 1), *(_fixed(eur.get(e), 2) for e in _EUR), _fixed(found.get("eur_per_t"), 2),
            found.get("reversals"), _fixed(found.get("reversing_m"), 1), found.get("stops"), found.get("dwellings"),
            _fixed(found.get("foot_m"), 1),
        ]  # fmt: skip

    table = [[t.id, t.truck, utc_text(t.start_at), utc_text(t.end_at), *figures(each.get(t.id, {}))]
             for t in plan.tours]  # fmt: skip
    _write_csv(path, head, [*table, ["total", None, None, None, *figures(whole)]])


def _flux(plan: Plan) -> list[str]:
    """Every flux that a task or a leg names, in the order of first naming."""
    named = (flux for task in plan.tasks for flux in task.demand_kg)
    carried = (flux for tour in plan.tours for leg in tour.legs for flux in (*leg.kg, *leg.load_after_kg))
    return list(dict.fromkeys([*named, *carried]))


def _fixed(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus zero


def _write_csv(path: Path, head: list[str], table: Iterable[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(head)
        out.writerows(map(spreadsheet_cell, row) for row in table)
