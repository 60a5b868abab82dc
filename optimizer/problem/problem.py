"""The problem of one day, as the search sees it: tasks, shifts, unloading sites, travel times, prices.

A problem is self-contained: no map, no files, no clock. ``Problem.to_json`` writes it whole, so that another
program, or another machine, can solve it. Its counterpart is ``Solution``: which shift visits what in which order.

Time: seconds after local midnight of the plan's date (``float``; a night shift runs past 86,400). Travel times are
``int32`` deciseconds, so that sums are exact. ``UNREACHABLE`` stands where no way leads.

Places are the rows and columns of the travel matrices. A truck *arrives at* the beginning of a place and *leaves*
its end: for a street the place is the stretch itself in its driving direction (its own driving time is in
``Mode.drive_s``/``service_s``, not in the matrix), so that turns are part of the travel time on both sides.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fleet import BreakRule

UNREACHABLE = 2**30  # deciseconds: no way
Window = tuple[float, float]  # half-open, seconds after local midnight


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to serve a task: an orientation, or a side from which a point is approached.

    ``handling_s`` is for a full crew and is multiplied by the shift's ``crew_factor``; ``drive_s`` and ``standing_s``
    (a crane's work, say) are not.
    """

    place: int
    drive_s: float
    handling_s: float
    length_m: float
    reversals: int = 0
    standing_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ProblemTask:
    """Something to serve once, in exactly one of its modes, by one of ``shifts`` (indices), inside one of ``windows``.

    Service must *begin* inside a window and end inside it too; no windows means any time.
    ``load``: one number per load dimension of the problem. ``unserved_eur``: the price of leaving it, finite: high for
    what must be served. ``published_shift``: the shift that the task was published with, to crew and residents; by
    another one it costs ``reassignment_eur`` more.
    """

    id: str
    modes: tuple[Mode, ...]
    load: tuple[float, ...]
    windows: tuple[Window, ...]
    shifts: frozenset[int]
    unserved_eur: float
    published_shift: int | None = None
    reassignment_eur: float = 0.0


@dataclass(frozen=True, slots=True)
class ProblemSite:
    """Where a truck gets empty. ``takes``: per load dimension, whether the site accepts it.

    ``shifts``: those that may unload there (indices); None: all.
    """

    id: str
    place: int
    windows: tuple[Window, ...]
    unload_s: float
    takes: tuple[bool, ...]
    shifts: frozenset[int] | None = None

    def is_for(self, shift: int) -> bool:
        return self.shifts is None or shift in self.shifts


@dataclass(frozen=True, slots=True)
class Visit:
    """A stop of a route: a task in a mode, or an unloading (``index`` of the site, ``mode`` 0)."""

    kind: Literal["task", "unload"]
    index: int
    mode: int = 0


@dataclass(frozen=True, slots=True)
class ProblemShift:
    """A truck and its crew from start to end of service.

    ``capacity``: one bound per load dimension (``inf`` where the truck has no such bound). The shift begins at
    ``start_s`` exactly, drives out after ``start_service_s``, and ends at most ``length_s + overtime_s`` later,
    ``end_service_s`` and breaks included. It comes home empty: the last visit is an unloading when anything was loaded.
    ``travel``: which matrix is this truck's. ``most_load``, ``most_tasks``: what it may load (per dimension) and serve
    in the whole shift, unloadings or not. ``lunch``: (opens, closes, length): a rest that begins inside these hours.
    ``pinned``: its first visits, which stay as they are (what is done, or cannot be called back); a task at the end. No
    load, hours or choice of truck is asked of them any more, but the shift's length is, and that it comes home empty.
    """

    id: str
    travel: int
    depot: int
    start_s: float
    length_s: float
    overtime_s: float
    start_service_s: float
    end_service_s: float
    crew_factor: float
    capacity: tuple[float, ...]
    breaks: tuple[BreakRule, ...]
    max_work_s: float
    max_driving_s: float | None
    fixed_eur: float
    eur_per_s: float
    overtime_eur_per_s: float
    eur_per_m: float
    most_load: tuple[float, ...] | None = None
    most_tasks: int | None = None
    lunch: tuple[float, float, float] | None = None
    pinned: tuple[Visit, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A day. ``dimensions``: the names of the loads (``kg:…``, ``m3:…``); ``travel_ds``: a matrix per truck profile.

    Metres are priced at ``mean_speed_mps`` of travel, the shifts' quickest ways being what is known here.

    """

    date: date
    dimensions: tuple[str, ...]
    tasks: tuple[ProblemTask, ...]
    sites: tuple[ProblemSite, ...]
    shifts: tuple[ProblemShift, ...]
    travel_ds: tuple[NDArray[np.int32], ...]
    mean_speed_mps: float
    eur_per_reversal: float
    balance_eur_per_s: float

    def __post_init__(self) -> None:
        for k, matrix in enumerate(self.travel_ds):
            if matrix.dtype != np.int32 or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                raise ValueError(
                    f"problem: travel_ds[{k}] = {matrix.dtype} {matrix.shape}, must be a square int32 matrix"
                )
        for task in self.tasks:
            if len(task.load) != len(self.dimensions):
                raise ValueError(f"task {task.id}: load has {len(task.load)} numbers, must have {len(self.dimensions)}")
            if not task.modes:
                raise ValueError(f"task {task.id}: modes is empty, must hold at least one")
            _finite(f"task {task.id}", "load", *task.load)
            _finite(f"task {task.id}", "unserved_eur, reassignment_eur", task.unserved_eur, task.reassignment_eur)
        _finite("problem", "mean_speed_mps, eur_per_reversal, balance_eur_per_s",
                self.mean_speed_mps, self.eur_per_reversal, self.balance_eur_per_s)  # fmt: skip
        pinned: set[int] = set()
        for shift in self.shifts:
            _finite(f"shift {shift.id}", "fixed_eur, eur_per_s, overtime_eur_per_s, eur_per_m",
                    shift.fixed_eur, shift.eur_per_s, shift.overtime_eur_per_s, shift.eur_per_m)  # fmt: skip
            own = [v.index for v in shift.pinned if v.kind == "task"]
            if pinned & {*own} or len({*own}) < len(own):
                raise ValueError(f"shift {shift.id}: pinned has a task twice, or another shift's")
            if shift.pinned and shift.pinned[-1].kind != "task":
                raise ValueError(f"shift {shift.id}: pinned ends with {shift.pinned[-1].kind!r}, must end with a task")
            pinned |= {*own}
            self.check_visits(f"shift {shift.id}: pinned", shift.pinned)

    def check_visits(self, where: str, visits: Sequence[Visit]) -> None:
        """ValueError, beginning with ``where``: a visit to no task, mode or site of the problem."""
        for v in visits:
            of = self.tasks if v.kind == "task" else self.sites
            modes = len(self.tasks[v.index].modes) if v.kind == "task" and 0 <= v.index < len(of) else 1
            if not (0 <= v.index < len(of) and 0 <= v.mode < modes):
                raise ValueError(f"{where}: {v}, must be a task or a site of the problem")

    def to_json(self) -> dict[str, Any]:
        """Everything, matrices as base64 of little-endian int32 rows."""
        j: dict[str, Any] = {
            "date": self.date.isoformat(), "dimensions": list(self.dimensions),
            "tasks": [_task_to_json(task) for task in self.tasks],
            "sites": [asdict(s) | {"shifts": None if s.shifts is None else sorted(s.shifts)} for s in self.sites],
            "shifts": [asdict(s) for s in self.shifts],
            "travel_ds": [
                {"places": int(m.shape[0]), "int32le": base64.b64encode(m.astype("<i4").tobytes()).decode()}
                for m in self.travel_ds
            ],
            "mean_speed_mps": self.mean_speed_mps, "eur_per_reversal": self.eur_per_reversal,
            "balance_eur_per_s": self.balance_eur_per_s,
        }  # fmt: skip
        for shift in j["shifts"]:  # JSON has no infinity
            for name in ("capacity", "most_load"):
                if shift[name] is not None:
                    shift[name] = [None if np.isinf(q) else q for q in shift[name]]
        return j

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Problem:
        """The problem that ``to_json`` wrote. KeyError, ValueError: something that is not there, or not as it says."""
        return cls(
            date=date.fromisoformat(fields["date"]),
            dimensions=tuple(fields["dimensions"]),
            tasks=tuple(map(_task_of_json, fields["tasks"])),
            sites=tuple(map(_site_of_json, fields["sites"])),
            shifts=tuple(map(_shift_of_json, fields["shifts"])),
            travel_ds=tuple(map(_matrix_of_json, fields["travel_ds"])),
            mean_speed_mps=fields["mean_speed_mps"],
            eur_per_reversal=fields["eur_per_reversal"],
            balance_eur_per_s=fields["balance_eur_per_s"],
        )


#: Fields of a task whose name in the file is older than their name here.
_NAME_IN_FILE = {"published_shift": "told", "reassignment_eur": "moved_eur"}


def _task_to_json(task: ProblemTask) -> dict[str, Any]:
    fields = {_NAME_IN_FILE.get(name, name): value for name, value in asdict(task).items()}
    return fields | {"shifts": sorted(task.shifts)}


def _task_of_json(fields: Mapping[str, Any]) -> ProblemTask:
    return ProblemTask(
        id=fields["id"],
        modes=tuple(Mode(**mode) for mode in fields["modes"]),
        load=tuple(fields["load"]),
        windows=_windows_of_json(fields["windows"]),
        shifts=frozenset(fields["shifts"]),
        unserved_eur=fields["unserved_eur"],
        published_shift=fields.get(_NAME_IN_FILE["published_shift"]),
        reassignment_eur=fields.get(_NAME_IN_FILE["reassignment_eur"], 0.0),
    )


def _site_of_json(fields: Mapping[str, Any]) -> ProblemSite:
    return ProblemSite(
        id=fields["id"],
        place=fields["place"],
        windows=_windows_of_json(fields["windows"]),
        unload_s=fields["unload_s"],
        takes=tuple(fields["takes"]),
        shifts=None if fields.get("shifts") is None else frozenset(fields["shifts"]),
    )


def _shift_of_json(fields: Mapping[str, Any]) -> ProblemShift:
    read = {
        "capacity": _bounds_of_json(fields["capacity"]),
        "breaks": tuple(BreakRule(**rule) for rule in fields["breaks"]),
        "most_load": None if fields.get("most_load") is None else _bounds_of_json(fields["most_load"]),
        "lunch": None if fields.get("lunch") is None else tuple(fields["lunch"]),
        "pinned": tuple(Visit(**visit) for visit in fields.get("pinned", ())),
    }
    return ProblemShift(**{**fields, **read})


def _windows_of_json(pairs: Any) -> tuple[Window, ...]:
    return tuple((float(opens), float(closes)) for opens, closes in pairs)


def _bounds_of_json(loads: Any) -> tuple[float, ...]:
    return tuple(np.inf if load is None else load for load in loads)


def _matrix_of_json(matrix: Mapping[str, Any]) -> NDArray[np.int32]:
    flat = np.frombuffer(base64.b64decode(matrix["int32le"]), dtype="<i4").astype(np.int32)
    return flat.reshape(matrix["places"], matrix["places"])


def _finite(where: str, names: str, *values: float) -> None:
    if not all(0 <= value < np.inf for value in values):
        raise ValueError(f"{where}: {names} = {', '.join(map(str, values))}, must be 0 or more, and finite")


# --- what the search answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Solution:
    """``routes[k]``: the visits of shift ``k`` in order; empty when the shift stays at the depot.

    ``unserved``: (task index, reason from ``fleet.UNSERVED_REASONS``; inside the search "": still to be found).
    """

    routes: tuple[tuple[Visit, ...], ...]
    unserved: tuple[tuple[int, str], ...]


# --- a route on the clock ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of a shift's time. ``visit``: index into the route for drive (towards it), task, unload; else None."""

    kind: Literal["service", "drive", "task", "unload", "break"]
    start_s: float
    end_s: float
    visit: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A route with times. ``broken``: reason codes of what could not be kept (empty = feasible)."""

    events: tuple[Event, ...]
    broken: tuple[str, ...]

    @property
    def end_s(self) -> float:
        return self.events[-1].end_s
