"""Judges solutions of street formats (carp, mcarp, mcarptif) against the instance's own file."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from dataclasses import dataclass, field

Line = tuple[int, list[str]]


@dataclass
class _File:
    headers: dict[str, str] = field(default_factory=dict)
    exits: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    #: (from, to) -> required links that may be served so, by number
    required: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    serve: list[float] = field(default_factory=list)
    demand: list[float] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def number(self, *names: str) -> float:
        for name in names:
            if name in self.headers:
                return float(self.headers[name])
        raise ValueError(f"the instance says no {names[0]}")


def streets(kind: str, text: str, lines: list[Line]) -> float:
    """The cost of the solution's ``lines`` (number, tokens). ValueError: what is wrong, and in which line."""
    file = _parsed(text)
    depot = int(file.number("DEPOSITO", "DEPOT"))
    capacity = file.number("CAPACIDAD", "CAPACITY")
    dump = float(file.headers.get("DUMPING_COST", "0") or 0)
    sites = {int(node) for node in re.findall("[0-9]+", file.headers.get("DUMPING_SITES", ""))}
    if (kind == "mcarptif") != bool(sites):
        raise ValueError(f"the instance is no {kind}: its DUMPING_SITES are {sorted(sites)}")
    left = set(range(len(file.serve)))
    total = 0.0
    for number, tokens in lines:
        cost, load, at = 0.0, 0.0, depot
        for token in tokens:
            if token.startswith("U"):
                site = _node(number, token[1:])
                if site not in sites:
                    raise ValueError(f"line {number}: {token}: no unloading site, those are {sorted(sites)}")
                cost += _deadhead(file, number, at, site) + dump
                load, at = 0.0, site
                continue
            link, tail, head = _served(file, number, token, left)
            left.remove(link)
            cost += _deadhead(file, number, at, tail) + file.serve[link]
            load, at = load + file.demand[link], head
            if load > capacity + 1e-6:
                raise ValueError(f"line {number}: {token}: load = {load:g}, must be at most {capacity:g}")
        if sites and load > 0:
            raise ValueError(f"line {number}: comes home with {load:g}, must be empty")
        cost += _deadhead(file, number, at, depot) + (0.0 if sites else dump)
        if sites and cost > file.number("MAX_TRIP") + 1e-6:
            raise ValueError(f"line {number}: time = {cost:g}, must be at most {file.number('MAX_TRIP'):g}")
        total += cost
    if left:
        missing = ", ".join(file.ends[link] for link in sorted(left)[:5])
        raise ValueError(f"{len(left)} required links not served: {missing}{' …' if len(left) > 5 else ''}")
    return total


def _parsed(text: str) -> _File:
    file, section = _File(), ""
    for line in text.splitlines():
        if line.strip().startswith("("):
            ends, _, rest = line.strip()[1:].partition(")")
            tail, head = (int(node) for node in ends.split(","))
            words = rest.split()
            costs = {words[i][:4]: float(words[i + 1]) for i in range(0, len(words) - 1, 2)}  # cost(e), dema(nd[a]) …
            cross = costs["trav"] if "trav" in costs else costs["cost"]
            ways = [(tail, head)] if "ARCS" in section else list(dict.fromkeys([(tail, head), (head, tail)]))
            for a, b in ways:
                file.exits[a][b] = min(cross, file.exits[a].get(b, cross))
            if "NOREQ" not in section:
                for way in ways:
                    file.required[way].append(len(file.serve))
                file.serve.append(costs.get("serv", cross))
                file.demand.append(costs["dema"])
                file.ends.append(f"({tail},{head})")
        elif ":" in line:
            key, value = (part.strip() for part in line.split(":", 1))
            file.headers[key] = value
            if "LIST" in key:
                section = key
    return file


def _node(number: int, word: str) -> int:
    if not word.isdigit():
        raise ValueError(f"line {number}: {word!r}, must be a node's number")
    return int(word)


def _served(file: _File, number: int, token: str, left: set[int]) -> tuple[int, int, int]:
    """The link that a token serves: the next of its direction that nobody served, or the one that it numbers."""
    way, _, which = token.partition("#")
    first, arrow, second = way.partition(">")
    if not arrow:
        raise ValueError(f"line {number}: {token!r}, must be i>j, i>j#k or U<node>")
    tail, head = _node(number, first), _node(number, second)
    links = file.required.get((tail, head), [])
    if which:
        links = links[_node(number, which) - 1 : _node(number, which)]
    if not links:
        raise ValueError(f"line {number}: {token}: no such required link")
    for link in links:
        if link in left:
            return link, tail, head
    raise ValueError(f"line {number}: {token}: served before")


def _deadhead(file: _File, number: int, start: int, goal: int) -> float:
    """Dijkstra's shortest way, as far as the goal."""
    if start == goal:
        return 0.0
    best, heap = {start: 0.0}, [(0.0, start)]
    while heap:
        cost, node = heapq.heappop(heap)
        if node == goal:
            return cost
        if cost > best[node]:
            continue
        for other, more in file.exits.get(node, {}).items():
            if cost + more < best.get(other, float("inf")):
                best[other] = cost + more
                heapq.heappush(heap, (cost + more, other))
    raise ValueError(f"line {number}: no way from {start} to {goal}")
