"""Streets of a published instance as a problem: a place per street and direction, deadheads by Dijkstra.

A cost of c is c seconds at 1 €/s, so that the price of a plan is the format's own objective, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, inf, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from optimizer.bench.instance import Instance
from optimizer.bench.shifts import ENDLESS_S, enough, shifts
from optimizer.bench.solution_file import Tokens
from optimizer.problem import UNREACHABLE, UNSERVED_EUR, Mode, Problem, ProblemSite, ProblemTask
from optimizer.search import shifts_to_spare

ROWS = 256  # nodes whose ways are looked for at once: what Dijkstra answers in is four times the matrix's width
DAY = date(2000, 1, 1)  # formats have no date


@dataclass(frozen=True, slots=True)
class Link:
    """A street between two nodes. ``serve``: the whole cost of serving it, None where nothing is to be served.

    ``cross``: the cost of driving through. ``both_ways``: an edge, else an arc from ``tail`` to ``head``.
    """

    tail: int
    head: int
    cross: float
    both_ways: bool
    serve: float | None = None
    demand: float = 0.0

    @property
    def directions(self) -> tuple[tuple[int, int], ...]:
        if self.both_ways and self.tail != self.head:
            return (self.tail, self.head), (self.head, self.tail)
        return ((self.tail, self.head),)


@dataclass(frozen=True, slots=True)
class ArcNetwork:
    """What the files of street formats say. ``sites``: nodes to unload at; none = at the depot, once per vehicle.

    ``trip_s``: the limit on a vehicle's whole time, None where there is none. ``vehicles``: a hint.
    """

    name: str
    links: tuple[Link, ...]
    depot: int
    capacity: float
    vehicles: int
    unload: float = 0.0
    sites: tuple[int, ...] = ()
    trip_s: float | None = None


def parse_number(where: str, name: str, text: str | None, above: float | None = None) -> float:
    """A finite number of 0 or more, or ``above`` a bound. ValueError: where it stands, its name and what it is."""
    try:
        value = float(text or "")
    except ValueError:
        value = nan
    if not (value >= 0 if above is None else value > above) or value == inf:
        bound = "of 0 or more" if above is None else f"above {above:g}"
        raise ValueError(f"{where}: {name} = {text!r}, must be a number {bound}")
    return value


def header(
    path: Path, headers: Mapping[str, str], key: str, absent: float | None = None, above: float | None = None
) -> float:
    """A header's number; ``absent`` where there is none. ValueError: the file, the key and what stands there."""
    return (
        absent if absent is not None and key not in headers else parse_number(path.name, key, headers.get(key), above)
    )


def check_count(path: Path, headers: Mapping[str, str], key: str, found: int, off: int = 0) -> None:
    """ValueError: a count in the headers that is more than ``off`` off what was found: the file is cut, or garbled."""
    stated = header(path, headers, key, found)
    if abs(stated - found) > off:
        raise ValueError(f"{path.name}: {key} = {stated:g}, but {found} in the file")


def instance_of(streets: ArcNetwork, kind: str, source: Path) -> Instance:
    """ValueError: the file has nothing to serve, or a node that no link knows."""
    tasks = [link for link in streets.links if link.serve is not None]
    if not tasks:
        raise ValueError(f"{source.name}: required links = 0, must be 1 or more")
    sites = streets.sites or (streets.depot,)
    strange = {streets.depot, *sites} - {node for link in streets.links for node in (link.tail, link.head)}
    if strange:
        raise ValueError(f"{source.name}: node = {min(strange)}, must be the end of a link")
    begins, ends = [streets.depot, *sites], [streets.depot, *sites]
    for link in tasks:
        for tail, head in link.directions:
            begins.append(tail)
            ends.append(head)
    count = _shifts_for(streets, tasks)
    everyone = frozenset(range(count))
    place = 1 + len(sites)
    problem_tasks = []
    for i, link in enumerate(tasks):
        serve = float(link.serve or 0)
        drive = min(serve, link.cross)
        modes = tuple(Mode(place + m, drive, 0.0, 0.0, standing_s=serve - drive) for m in range(len(link.directions)))
        place += len(modes)
        problem_tasks.append(
            ProblemTask(
                id=str(i), modes=modes, load=(link.demand,), windows=(), shifts=everyone, unserved_eur=UNSERVED_EUR
            )
        )
    problem = Problem(
        date=DAY,
        dimensions=("load",),
        tasks=tuple(problem_tasks),
        sites=tuple(ProblemSite(f"U{node}", 1 + i, (), streets.unload, (True,)) for i, node in enumerate(sites)),
        shifts=shifts(count, capacity=(streets.capacity,), eur_per_s=1.0, length_s=streets.trip_s or ENDLESS_S),
        travel_ds=(deadheads_ds(streets.links, begins, ends),),
        mean_speed_mps=1.0,
        eur_per_reversal=0.0,
        balance_eur_per_s=0.0,
    )
    tokens = Tokens.of(
        tuple(tuple(f"{tail}>{head}" for tail, head in link.directions) for link in tasks),
        tuple(f"U{node}" for node in streets.sites),
    )
    return Instance(streets.name, kind, source, problem, tokens)


def _shifts_for(streets: ArcNetwork, tasks: Sequence[Link]) -> int:
    """Trips bound a plan where each is a vehicle's only one; else the time to serve, doubled for the way."""
    if streets.trip_s is None:
        load = np.array([[link.demand] for link in tasks], dtype=float)
        return max(shifts_to_spare(load, np.array([streets.capacity])), enough(streets.vehicles, len(tasks)))
    trips = ceil(sum(link.demand for link in tasks) / streets.capacity)
    busy = sum(link.serve or 0.0 for link in tasks) + trips * streets.unload
    return enough(2 * busy / streets.trip_s, len(tasks))


def deadheads_ds(links: Sequence[Link], begins: Sequence[int], ends: Sequence[int]) -> NDArray[np.int32]:
    """``[a, b]``: the quickest way from node ``ends[a]`` to node ``begins[b]``, deciseconds, in row blocks."""
    cross_ds: dict[tuple[int, int], int] = {}
    for link in links:
        for way in link.directions:
            ds = ceil(10 * link.cross - 1e-6)  # in a format of whole numbers: exact
            cross_ds[way] = min(ds, cross_ds.get(way, ds))
    nodes = {node: i for i, node in enumerate(sorted({node for way in cross_ds for node in way}))}
    rows, columns = ([nodes[way[side]] for way in cross_ds] for side in (0, 1))
    graph = csr_matrix((np.fromiter(cross_ds.values(), dtype=float), (rows, columns)), shape=(len(nodes), len(nodes)))
    to = np.array([nodes[node] for node in begins])
    sources, source_of = np.unique([nodes[node] for node in ends], return_inverse=True)
    places_of = np.argsort(source_of, kind="stable")  # places in the order of their sources
    first = np.searchsorted(source_of[places_of], np.arange(len(sources) + 1))
    found = np.empty((len(ends), len(begins)), dtype=np.int32)
    for low in range(0, len(sources), ROWS):
        block = sources[low : low + ROWS]
        ways = np.minimum(dijkstra(graph, directed=True, indices=block), UNREACHABLE).astype(np.int32)
        for i, row in enumerate(ways):
            found[places_of[first[low + i] : first[low + i + 1]]] = row[to]
    return found
