"""What one truck more or less would change on a day: another fleet, a search from the day's plan, a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fleet import Plan, Truck
from optimizer.area import Area
from optimizer.check import Report, check
from optimizer.night.night import SearchSettings, solve_day
from optimizer.planning import Day, Town
from optimizer.problem import Solution
from optimizer.search import Progress

MAX_FLEET_CHANGE = 100  # trucks more, or fewer, than the fleet


def fleet_changes(option: str) -> list[int]:
    """How many trucks more or fewer ``trucks=-1,+1`` asks for; ``ValueError`` where it is written otherwise."""
    what, _, numbers = option.partition("=")
    try:
        changes = [int(number) for number in numbers.split(",")]
    except ValueError:
        changes = []
    if what != "trucks" or not changes or 0 in changes or max(map(abs, changes)) > MAX_FLEET_CHANGE:
        raise ValueError(
            f"--what-if {option}, must be written trucks=+1, trucks=-1 or trucks=-1,+1, by {MAX_FLEET_CHANGE} at most"
        )
    return changes


@dataclass(frozen=True, slots=True)
class Alternative:
    """A day's plan with so many trucks more or fewer (0: the same fleet), and what the checker says of it."""

    change: int
    plan: Plan
    report: Report


def search_alternative(
    base: Day,
    solution: Solution,
    change: int,
    settings: SearchSettings,
    progress: Progress,
    stop: Callable[[], bool],
) -> Alternative | None:
    """Another fleet's plan, searched from the day's own for as long as that was; None where ``stop`` ended it.

    ``change`` 0 is the plan itself, given the same second search: else a longer search would pass for a truck's gain.
    """
    town = with_area(base.town, with_trucks(base.town.area, change)) if change else base.town
    day = Day.of(town, base.date)
    searched = solve_day(day, warm_start(solution, base, day), settings, progress, stop)
    if stop():  # a search cut short would say what an impatient planner costs, not a truck
        return None
    plan = settings.plan_of(day, searched)
    return Alternative(change, plan, check(plan, town.area, town.area.folder))


def comparisons(plans: Mapping[int, Plan], changes: Iterable[int]) -> Iterator[tuple[int, Plan, Plan]]:
    """(change, plan before, plan after) of every change that can be compared. ``plans``: by change, 0 the fleet itself.

    What fewer trucks can do, more can do too: a smaller fleet's better plan is only the longer search's luck.
    """
    for change in changes if 0 in plans else ():
        before = [plan for trucks, plan in plans.items() if trucks <= 0]
        after = [plan for trucks, plan in plans.items() if trucks <= change]
        if after:
            yield change, min(before, key=_left_and_cost), min(after, key=_left_and_cost)


def _left_and_cost(plan: Plan) -> tuple[float, float]:
    """What is left in the street first (kg), then the cost (€): the less the better."""
    tasks = plan.tasks_by_id
    return sum(tasks[u.task].total_kg for u in plan.unserved), plan.figures["total"]["eur"]["total"]


def warm_start(solution: Solution, before: Day, after: Day) -> Solution:
    """The routes of one fleet given to another on the same day: the search's warm start for a what-if.

    Shifts that are gone leave their tasks unserved, for the search to place.
    """
    index = {task.id: k for k, task in enumerate(after.tasks)}
    route_of = {shift.id: route for shift, route in zip(before.shifts, solution.routes, strict=True)}
    routes = []
    served: set[int] = set()
    for shift in after.shifts:
        visits = [
            v if v.kind == "unload" else replace(v, index=index[before.tasks[v.index].id])
            for v in route_of.get(shift.id, ())
        ]
        served.update(v.index for v in visits if v.kind == "task")
        routes.append(tuple(visits))
    left = tuple((k, "SHIFT_TIME") for k in range(len(after.tasks)) if k not in served)
    return Solution(tuple(routes), left)


def with_trucks(area: Area, change: int) -> Area:
    """The area with so many trucks more, or fewer, of the kind that most regular shifts drive.

    More: copies with crews of their own. Fewer: the last of the kind go, with all their shifts. Raises ``ValueError``
    where that kind would be left without a truck.
    """
    regular = [s for s in area.shifts if not s.catch_up]
    kinds = Counter(_kind(area.truck(s.truck)) for s in regular)
    kind = kinds.most_common(1)[0][0]
    mine = list(dict.fromkeys(s.truck for s in regular if _kind(area.truck(s.truck)) == kind))
    if change <= -len(mine):
        raise ValueError(f"what-if: trucks = {change:+d}, must leave at least 1 of {len(mine)} truck(s) of the kind")
    if change < 0:
        gone = set(mine[change:])
        return replace(area, shifts=tuple(s for s in area.shifts if s.truck not in gone))
    model = mine[0]
    trucks, shifts = list(area.trucks), list(area.shifts)
    for k in range(1, change + 1):
        trucks.append(replace(area.truck(model), id=f"{model}+{k}"))
        shifts += [
            replace(s, id=f"{s.id}+{k}", truck=f"{model}+{k}", driver=f"{s.driver}+{k}")
            for s in area.shifts
            if s.truck == model
        ]
    return replace(area, trucks=tuple(trucks), shifts=tuple(shifts))


def _kind(truck: Truck) -> tuple[float, bool, frozenset[str]]:
    return truck.payload_kg, truck.crane, frozenset(f for part in truck.compartments for f in part.flux)


def with_area(town: Town, area: Area) -> Town:
    """The same streets under another fleet of the same kinds of trucks."""
    profiles = dict(town.profiles)
    for truck in area.trucks:
        profiles.setdefault(truck.id, profiles[truck.id.split("+")[0]])
    return replace(town, area=area, profiles=profiles)
