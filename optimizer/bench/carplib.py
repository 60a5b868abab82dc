"""CARPLIB ``.dat`` (Belenguer and Benavent's keywords, in Spanish) and the same in English: undirected streets.

The cost of a street is what driving through it takes, served or not. VEHICULOS is a hint, as in most papers.
"""

from __future__ import annotations

import re
from pathlib import Path

from optimizer.bench.instance import Instance
from optimizer.bench.network import Link, Streets, header, instance_of

ENGLISH = {
    "NOMBRE": "NAME", "ARISTAS_REQ": "EDGES_REQ", "VEHICULOS": "VEHICLES", "CAPACIDAD": "CAPACITY",
    "DEPOSITO": "DEPOT", "LISTA_ARISTAS_REQ": "EDGE_REQ_LIST", "LISTA_ARISTAS_NOREQ": "EDGE_NOREQ_LIST",
    "coste": "cost", "demanda": "demand",
}  # fmt: skip
_LINK = re.compile(r"\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)(.*)")


def read(path: Path) -> Instance:
    """ValueError: the file, the line and what is missing or not a number."""
    headers: dict[str, str] = {}
    links: list[Link] = []
    section = ""
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        link = _LINK.match(line)
        if link:
            words = link[3].split()
            costs = {ENGLISH.get(word, word): value for word, value in zip(words[::2], words[1::2], strict=False)}
            if "cost" not in costs or section not in ("EDGE_REQ_LIST", "EDGE_NOREQ_LIST"):
                raise ValueError(
                    f"{path.name}: line {number}: {line.strip()!r}, must be a street with a cost, in a list"
                )
            cost = float(costs["cost"])
            serve = cost if section == "EDGE_REQ_LIST" else None
            links.append(Link(int(link[1]), int(link[2]), cost, True, serve, float(costs.get("demand", 0))))
        elif ":" in line:
            key, _, value = line.partition(":")
            key = ENGLISH.get(key.strip(), key.strip())
            section = key if key.endswith("_LIST") else section
            headers[key] = value.strip()
    depot, capacity = header(path, headers, "DEPOT"), header(path, headers, "CAPACITY")
    vehicles = header(path, headers, "VEHICLES", 0)
    return instance_of(Streets(path.stem, tuple(links), int(depot), capacity, int(vehicles)), "carp", path)
