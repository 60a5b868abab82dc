"""Mixed networks (Belenguer, Benavent, Lacomme, Prins 2006) and, with unloading sites and a limit on a vehicle's whole
time, waste collection (Willemse and Joubert 2016, doi:10.1016/j.orl.2016.06.001).

``serv_cost`` is the whole time of serving a street, ``trav_cost`` that of driving through. Without DUMPING_SITES a
vehicle unloads at the depot, once, at DUMPING_COST, and MAX_TRIP does not bind. Counts in headers may be one off.
"""

from __future__ import annotations

import re
from pathlib import Path

from optimizer.bench.instance import Instance
from optimizer.bench.network import Link, Streets, header, instance_of

_LINK = re.compile(r"\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)(.*)")
LISTS = ("LIST_REQ_EDGES", "LIST_REQ_ARCS", "LIST_NOREQ_EDGES", "LIST_NOREQ_ARCS")


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is missing or not a number."""
    headers: dict[str, str] = {}
    links: list[Link] = []
    section = ""
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        link = _LINK.match(line)
        if link:
            if section not in LISTS:
                raise ValueError(
                    f"{path.name}: line {number}: {line.strip()!r}, must stand in one of {', '.join(LISTS)}"
                )
            links.append(_link(path, number, section, link))
        elif ":" in line:
            key, _, value = line.partition(":")
            section = key.strip() if key.startswith("LIST_") else section
            headers[key.strip()] = value.strip()
    depot, capacity = header(path, headers, "DEPOT"), header(path, headers, "CAPACITY")
    vehicles, unload = header(path, headers, "VEHICLES", 0), header(path, headers, "DUMPING_COST", 0)
    sites = tuple(map(int, re.findall(r"\d+", headers.get("DUMPING_SITES", ""))))
    trip_s = header(path, headers, "MAX_TRIP") if sites else None
    streets = Streets(path.stem, tuple(links), int(depot), capacity, int(vehicles), unload, sites, trip_s)
    return instance_of(streets, "mcarptif" if sites else "mcarp", path)


def _link(path: Path, number: int, section: str, link: re.Match[str]) -> Link:
    words = link[3].split()
    value = dict(zip(words[::2], words[1::2], strict=False))
    cross = value.get("trav_cost", value.get("cost"))
    both_ways, required = section.endswith("EDGES"), "NOREQ" not in section
    if cross is None or (required and not {"serv_cost", "demand"} <= value.keys()):
        raise ValueError(
            f"{path.name}: line {number}: {link[0].strip()!r}, must give costs, and a demand where required"
        )
    serve = float(value["serv_cost"]) if required else None
    return Link(int(link[1]), int(link[2]), float(cross), both_ways, serve, float(value.get("demand", 0)))
