"""Mixed networks (Belenguer, Benavent, Lacomme, Prins 2006) and, with unloading sites and a limit on a vehicle's whole
time, waste collection (Willemse and Joubert 2016, doi:10.1016/j.orl.2016.06.001).

``serv_cost`` is the whole time of serving a street, ``trav_cost`` that of driving through. Without DUMPING_SITES a
vehicle unloads at the depot, once, at DUMPING_COST, and MAX_TRIP does not bind. Counts in headers may be one off.
"""

from __future__ import annotations

import re
from pathlib import Path

from optimizer.bench.instance import Instance
from optimizer.bench.network import ArcNetwork, Link, check_count, header, instance_of, parse_number

_LINK = re.compile(r"\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)(.*)")
LISTS = ("LIST_REQ_EDGES", "LIST_REQ_ARCS", "LIST_NOREQ_EDGES", "LIST_NOREQ_ARCS")


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is missing or not a number."""
    headers: dict[str, str] = {}
    links: list[Link] = []
    found = dict.fromkeys(LISTS, 0)
    section = ""
    for i, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        link = _LINK.match(line)
        if link:
            if section not in LISTS:
                raise ValueError(f"{path.name}: line {i}: {line.strip()!r}, must stand in one of {', '.join(LISTS)}")
            found[section] += 1
            links.append(_link(f"{path.name}: line {i}", section, link))
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip()
            section = key if key.startswith("LIST_") else section
            headers[key] = value.strip()
    for name, count in found.items():
        check_count(path, headers, name.removeprefix("LIST_"), count, off=1)
    depot, capacity = header(path, headers, "DEPOT"), header(path, headers, "CAPACITY", above=0)
    vehicles, unload = header(path, headers, "VEHICLES", 0), header(path, headers, "DUMPING_COST", 0)
    sites = tuple(map(int, re.findall(r"\d+", headers.get("DUMPING_SITES", ""))))
    trip_s = header(path, headers, "MAX_TRIP", above=0) if sites else None
    streets = ArcNetwork(
        name=path.stem,
        links=tuple(links),
        depot=int(depot),
        capacity=capacity,
        vehicles=int(vehicles),
        unload=unload,
        sites=sites,
        trip_s=trip_s,
    )
    return instance_of(streets, "mcarptif" if sites else "mcarp", path)


def _link(where: str, section: str, link: re.Match[str]) -> Link:
    words = link[3].split()
    value = dict(zip(words[::2], words[1::2], strict=False))
    cross = value.get("trav_cost", value.get("cost"))
    both_ways, required = section.endswith("EDGES"), "NOREQ" not in section
    if cross is None or (required and not {"serv_cost", "demand"} <= value.keys()):
        raise ValueError(f"{where}: {link[0].strip()!r}, must give costs, and a demand where required")
    serve = parse_number(where, "serv_cost", value["serv_cost"]) if required else None
    demand = parse_number(where, "demand", value["demand"]) if required else 0.0
    return Link(int(link[1]), int(link[2]), parse_number(where, "trav_cost", cross), both_ways, serve, demand)
