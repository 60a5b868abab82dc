"""What lies near what: each task's neighbours, an order of all tasks along the map, corners in place of places."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order, minimum_spanning_tree

from optimizer.problem import UNREACHABLE
from optimizer.search.problem_arrays import Flags, Floats

Int32s = NDArray[np.int32]
Indices = NDArray[np.uint32]  # without sign: compiled code need not ask whether to count from the end

NEIGHBOURS = 100


def nearest(
    roads: Sequence[tuple[Int32s, int]], place: Indices, usable: Flags, allowed: Flags
) -> tuple[Indices, Int32s, Floats]:
    """Per task the nearest ones that a truck could serve together with it, itself first, by the shortest link between
    any of their modes, either way round, by any truck's roads (travel times and depot); these links (-1: itself); and
    how far the depot is. Deciseconds.

    ``place`` (n, M): of modes; ``usable`` (n, M): which of them some truck may serve; ``allowed``: (n, shifts).
    """
    n, modes = place.shape
    count = min(n, NEIGHBOURS)
    neighbours, link_ds = np.empty((n, count), dtype=np.uint32), np.empty((n, count), dtype=np.int32)
    depot_ds = np.full(n, np.inf)
    trucks = allowed.T.astype(np.float32)
    for travel_ds, depot in roads:
        for a in range(modes):
            depot_ds = np.minimum(depot_ds, np.where(usable[:, a], travel_ds[depot, place[:, a]], UNREACHABLE))
    for begin in range(0, n, 256):
        rows = slice(begin, min(n, begin + 256))
        best = np.full((rows.stop - begin, n), UNREACHABLE, dtype=np.int32)
        for travel_ds, _ in roads:
            for a in range(modes):
                for b in range(modes):
                    np.minimum(best, travel_ds[np.ix_(place[rows, a], place[:, b])], out=best)
                    np.minimum(best, travel_ds[np.ix_(place[:, b], place[rows, a])].T, out=best)
        best[(allowed[rows].astype(np.float32) @ trucks) == 0] = UNREACHABLE
        best[np.arange(len(best)), np.arange(rows.start, rows.stop)] = -1
        part = np.argpartition(best, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(best, part, 1), axis=1, kind="stable")
        neighbours[rows] = np.take_along_axis(part, order, 1)
        link_ds[rows] = np.take_along_axis(best, neighbours[rows], 1)
    return neighbours, link_ds, depot_ds


def spatial_order_of(neighbours: Indices, link_ds: Int32s, depot_ds: Floats) -> Indices:
    """All tasks, each followed by one that is near: the shortest tree that joins them to their neighbours, from the
    depot on, small branches before large ones, so that any stretch of it is a compact part of the map."""
    n = len(neighbours)
    task, other = np.repeat(np.arange(n), neighbours.shape[1]), neighbours.ravel()
    tree = minimum_spanning_tree(csr_array((link_ds.ravel() + 2.0, (task, other)), shape=(n, n)))
    _, part = connected_components(tree, directed=False)
    by_part = np.lexsort((depot_ds, part))
    roots = by_part[np.unique(part[by_part], return_index=True)[1]]
    ordered: list[int] = []
    for root in roots[np.argsort(depot_ds[roots], kind="stable")].tolist():
        order, before = depth_first_order(tree, root, directed=False)
        size = np.ones(n, dtype=np.intp)
        branches: dict[int, list[int]] = {}
        for node in order[:0:-1].tolist():
            size[before[node]] += size[node]
            branches.setdefault(int(before[node]), []).append(node)
        ahead = [root]
        while ahead:
            ordered.append(node := ahead.pop())
            ahead += sorted(branches.get(node, ()), key=lambda branch: -int(size[branch]))
    return np.array(ordered, dtype=np.uint32)


def corners(travel: Int32s, places: NDArray[Any]) -> tuple[list[int], Indices, list[int], Indices]:
    """Where turns cost nothing, places that end at the same corner have the same way to everywhere, and one row of the
    matrix is enough. One place for each corner left, each place's corner so, and likewise for corners entered, in the
    order of ``places``: what is near on the map is near in memory."""
    places = np.concatenate((places, np.arange(travel.shape[1])))
    places = places[np.sort(np.unique(places, return_index=True)[1])]
    return *_unlike(travel, places), *_unlike(travel.transpose(0, 2, 1), places)


def _unlike(travel: Int32s, places: NDArray[Any]) -> tuple[list[int], Indices]:
    """Places whose rows are unlike those of all before them, and per place which of them has its row."""
    digests: list[bytes] = []
    for begin in range(0, len(places), 64):  # a copy of so many rows, not of the matrix
        rows = np.ascontiguousarray(travel[:, begin : begin + 64].transpose(1, 0, 2))
        digests += [blake2b(row.data, digest_size=16).digest() for row in rows]
    known: dict[bytes, int] = {}
    kept: list[int] = []
    row_of = np.empty(len(places), np.uint32)
    for place in places.tolist():
        row_of[place] = known.setdefault(digests[place], len(kept))
        if row_of[place] == len(kept):
            kept.append(place)
    return kept, row_of
