"""Problems that look like a town's, made from a seed: for tests (small, odd) and for measuring (thousands of tasks)."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from fleet import REGIMES
from optimizer.problem.problem import UNREACHABLE, Mode, Problem, ProblemShift, ProblemSite, ProblemTask, Window

DAY = date(2026, 11, 23)
SPEED_MPS = 7.0


def street_problem(
    n_tasks: int, n_shifts: int, seed: int = 1, windows_share: float = 0.02, mean_kg: float = 75.0
) -> Problem:
    """A jittered grid town of ``n_tasks`` street tasks: one-ways, streets done side by side, streets done in one pass.

    Travel times are turn-aware between directed streets (right turns cheap, left turns dearer, U-turns very dear).
    One shift in five is a small truck, the only kind that fits one street in twenty-five. Two unloading sites, one
    of which closes at noon; a share of the tasks must not be served from 8:00 to 9:00 (a school).
    """
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n_tasks / 2.2))) + 2
    xy = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * 110.0
    xy += rng.normal(0, 18, xy.shape)
    arcs, both, pairs = _streets(side, rng)
    travel, length_m = _turn_aware(xy.astype(np.float64), arcs)
    far = int(np.argmax(xy[arcs[:, 0]].sum(1)))
    depot, sites = 0, (far, int(rng.integers(len(arcs))))

    streets = [((a,), True) for a in both[0]] + [((a, b), True) for a, b in both[1]]
    streets += [((a,), False) for pair in pairs for a in pair]
    order = rng.permutation(len(streets))[:n_tasks]
    small = frozenset(range(0, n_shifts, 5))
    tasks = []
    for t, pick in enumerate(order):
        places, both_sides = streets[pick]
        kg = float(rng.gamma(3.0, mean_kg / 3)) * (1.6 if both_sides else 1.0)
        metres = float(length_m[places[0]])
        modes = tuple(Mode(a, metres / 3.0, 0.5 * kg, metres) for a in places)
        windows: tuple[Window, ...] = ((0.0, 8 * 3600.0), (9 * 3600.0, 30 * 3600.0))
        tasks.append(
            ProblemTask(
                f"s{t}", modes, (kg, kg / 350), windows if rng.random() < windows_share else (),
                small if rng.random() < 0.04 else frozenset(range(n_shifts)), 20.0 + 5.0 * kg,
            )
        )  # fmt: skip
    return Problem(
        DAY, ("kg", "m3:0"), tuple(tasks),
        (
            ProblemSite("plant", sites[0], ((5 * 3600.0, 20 * 3600.0),), 900.0, (True, True)),
            ProblemSite("yard", sites[1], ((6 * 3600.0, 12 * 3600.0),), 720.0, (True, True)),
        ),
        tuple(_truck(k, depot, k in small) for k in range(n_shifts)), (travel,), SPEED_MPS, 4.0, 5 / 3600,
    )  # fmt: skip


def _truck(k: int, depot: int, small: bool) -> ProblemShift:
    regime = REGIMES["public-agent" if k % 2 else "private"]
    return ProblemShift(
        f"T{k + 1}", 0, depot, 5 * 3600.0, 7 * 3600.0, 3600.0, 900.0, 900.0, 1.25 if k % 4 == 3 else 1.0,
        (3500.0, 10.0) if small else (9000.0, 22.0), regime.breaks, regime.max_work_s, regime.max_driving_s,
        180.0, 78 / 3600, 105 / 3600, 0.0009,
    )  # fmt: skip


def _streets(
    side: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], tuple[list[int], list[tuple[int, int]]], list[tuple[int, int]]]:
    """Directed arcs (n, 2) of nodes; done in one pass (one-ways; two-ways by either direction); done side by side."""
    arcs: list[tuple[int, int]] = []
    one_way: list[int] = []
    either: list[tuple[int, int]] = []
    by_side: list[tuple[int, int]] = []
    for r in range(side):
        for c in range(side):
            a = r * side + c
            for b in ([a + 1] if c + 1 < side else []) + ([a + side] if r + 1 < side else []):
                border = (r in (0, side - 1) and abs(a - b) == 1) or (c in (0, side - 1) and abs(a - b) == side)
                kind = rng.random()
                if border or kind >= 0.25:  # the border stays two-way: everything can be reached
                    arcs += [(a, b), (b, a)]
                    (by_side if kind < 0.8 else either).append((len(arcs) - 2, len(arcs) - 1))
                else:
                    arcs.append((a, b) if (r + c) % 2 else (b, a))
                    one_way.append(len(arcs) - 1)
    return np.array(arcs), (one_way, either), by_side


def _turn_aware(xy: NDArray[np.float64], arcs: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Deciseconds from the end of each arc to the beginning of each, and lengths (m)."""
    vector = xy[arcs[:, 1]] - xy[arcs[:, 0]]
    length_m = np.hypot(vector[:, 0], vector[:, 1])
    heading = np.arctan2(vector[:, 1], vector[:, 0])
    leaving: dict[int, list[int]] = {}
    for e, (a, _) in enumerate(arcs):
        leaving.setdefault(int(a), []).append(e)
    rows, cols, cost = [], [], []
    for e, (_, b) in enumerate(arcs):
        for f in leaving.get(int(b), []):
            turn = (heading[f] - heading[e] + np.pi) % (2 * np.pi) - np.pi
            u_turn = arcs[f, 1] == arcs[e, 0]
            turn_s = 90.0 if u_turn else 0.5 if abs(turn) < 0.6 else 3.0 if turn < 0 else 8.0
            rows.append(e)
            cols.append(f)
            cost.append(turn_s + length_m[f] / SPEED_MPS)
    graph = csr_matrix((cost, (rows, cols)), shape=(len(arcs), len(arcs)))
    travel = dijkstra(graph)
    travel -= (length_m / SPEED_MPS)[None, :]
    np.fill_diagonal(travel, 0.0)
    travel = np.where(np.isfinite(travel), np.maximum(travel, 0.0) * 10, UNREACHABLE)
    return np.ascontiguousarray(np.rint(travel).astype(np.int32)), length_m


def small_problem(seed: int, n_tasks: int | None = None) -> Problem:
    """A small odd problem: points in the plane, noise on every way, some ways missing, windows, hours, four regimes."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 26)) if n_tasks is None else n_tasks
    n_shifts, n_sites = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    two_fluxes = rng.random() < 0.4
    place_of_modes = []
    places = 1 + n_sites  # the depot, the sites
    for _ in range(n):
        modes = 1 if rng.random() < 0.6 else 2
        place_of_modes.append(range(places, places + modes))
        places += modes
    travel = tuple(_planar(places, rng) for _ in range(int(rng.integers(1, 3))))
    names = list(REGIMES)
    shifts = []
    for k in range(n_shifts):
        regime = REGIMES[names[int(rng.integers(4))]]
        tight = float(rng.uniform(0.5, 8.0))
        shifts.append(
            ProblemShift(
                f"shift {k}", int(rng.integers(len(travel))), 0, float(rng.integers(4, 12)) * 3600, tight * 3600,
                float(rng.choice([0.0, 3600.0])), 600.0, 300.0, float(rng.choice([1.0, 1.5])),
                (float(rng.uniform(200, 3000)), float(rng.choice([np.inf, 4.0]))),
                regime.breaks, regime.max_work_s, regime.max_driving_s, 150.0, 78 / 3600, 105 / 3600, 0.001,
            )
        )  # fmt: skip
    tasks = []
    for t in range(n):
        kg, m3 = (float(rng.gamma(2, 60)), float(rng.uniform(0, 1)) if two_fluxes and rng.random() < 0.5 else 0.0)
        windows: tuple[Window, ...] = ()
        if rng.random() < 0.25:
            opens = float(rng.integers(4, 14)) * 3600
            windows = ((opens, opens + float(rng.uniform(0.5, 4)) * 3600),)
        elif rng.random() < 0.15:
            windows = ((0.0, 8 * 3600.0), (9 * 3600.0, 40 * 3600.0))
        handling_s = float(rng.uniform(20, 2400))
        allowed = [k for k in range(n_shifts) if rng.random() < 0.8]
        tasks.append(
            ProblemTask(
                f"t{t}", tuple(Mode(p, 20.0, handling_s, 100.0, int(rng.random() < 0.1)) for p in place_of_modes[t]),
                (kg, m3), windows, frozenset(allowed), 50 + 5 * kg,
            )
        )  # fmt: skip
    sites = tuple(
        ProblemSite(
            f"site {s}", 1 + s, ((5 * 3600.0, 11 * 3600.0), (13 * 3600.0, 26 * 3600.0)) if rng.random() < 0.5 else (),
            600.0, (True, s == 0 or not two_fluxes or bool(rng.random() < 0.5)),
        )
        for s in range(n_sites)
    )  # fmt: skip
    return Problem(
        DAY,
        ("kg", "m3:0"),
        tuple(tasks),
        sites,
        tuple(shifts),
        travel,
        SPEED_MPS,
        4.0,
        float(rng.choice([0.0, 5 / 3600])),
    )


def _planar(places: int, rng: np.random.Generator) -> NDArray[np.int32]:
    at = rng.uniform(0, 6000, (places, 2))
    seconds = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) / SPEED_MPS + rng.uniform(0, 90, (places, places))
    travel = np.rint(seconds * 10).astype(np.int32)
    cut = rng.random(places) < 0.04  # some places cannot be reached, some cannot be left
    cut[0] = False
    travel[:, cut & (rng.random(places) < 0.5)] = UNREACHABLE
    travel[cut & (rng.random(places) < 0.5), :] = UNREACHABLE
    np.fill_diagonal(travel, 0)
    return np.ascontiguousarray(travel)
