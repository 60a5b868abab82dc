"""CARPLIB ``.dat`` (Belenguer and Benavent's keywords, in Spanish) and the same in English: undirected streets.

The cost of a street is what driving through it takes, served or not. VEHICULOS is a hint, as in most papers.
"""

from __future__ import annotations

import re
from pathlib import Path

from optimizer.bench.instance import Instance
from optimizer.bench.network import ArcNetwork, Link, check_count, header, instance_of, parse_number

ENGLISH = {
    "ARISTAS_REQ": "EDGES_REQ", "ARISTAS_NOREQ": "EDGES_NOREQ", "VEHICULOS": "VEHICLES", "CAPACIDAD": "CAPACITY",
    "DEPOSITO": "DEPOT", "LISTA_ARISTAS_REQ": "EDGE_REQ_LIST", "LISTA_ARISTAS_NOREQ": "EDGE_NOREQ_LIST",
    "coste": "cost", "demanda": "demand",
}  # fmt: skip
_LINK = re.compile(r"\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)(.*)")


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is missing or not a number."""
    headers: dict[str, str] = {}
    links: list[Link] = []
    section = ""
    for i, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        link = _LINK.match(line)
        if link:
            words = link[3].split()
            costs = {ENGLISH.get(word, word): value for word, value in zip(words[::2], words[1::2], strict=False)}
            where, required = f"{path.name}: line {i}", section == "EDGE_REQ_LIST"
            if "cost" not in costs or section not in ("EDGE_REQ_LIST", "EDGE_NOREQ_LIST"):
                raise ValueError(f"{where}: {line.strip()!r}, must be a street with a cost, in a list")
            cost = parse_number(where, "cost", costs["cost"])
            demand = parse_number(where, "demand", costs.get("demand")) if required else 0.0
            links.append(Link(int(link[1]), int(link[2]), cost, True, cost if required else None, demand))
        elif ":" in line:
            key, _, value = line.partition(":")
            key = ENGLISH.get(key.strip(), key.strip())
            section = key if key.endswith("_LIST") else section
            headers[key] = value.strip()
    served = sum(link.serve is not None for link in links)
    check_count(path, headers, "EDGES_REQ", served)
    check_count(path, headers, "EDGES_NOREQ", len(links) - served)
    depot, capacity = header(path, headers, "DEPOT"), header(path, headers, "CAPACITY", above=0)
    vehicles = header(path, headers, "VEHICLES", 0)
    return instance_of(
        ArcNetwork(name=path.stem, links=tuple(links), depot=int(depot), capacity=capacity, vehicles=int(vehicles)),
        "carp",
        path,
    )
