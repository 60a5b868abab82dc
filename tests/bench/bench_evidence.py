"""Served or merely driven by: a simulated week with known truth, by what the trucks are equipped with.

    python tests/bench/bench_evidence.py [--days 7] [--seed 1] [AREA …]

Plans (engine ortools, budget 0) of Monaco and, where the shared data is at hand, Böblingen. Every tour is driven by
``onboard/simulation/``, which knows neither the planner's nor the matcher's nor the evidence's model: hidden speeds and
demand, halts, detours, tunnels, receiver gaps and multipath, streets blocked, passed without service, broken off. The
crews say nothing here: their word would only help. Counted are the tasks that a tour was to serve. False done: said
done, in truth not served at all; broken off: said done, in truth left part-way; false missed: said missed, in truth
done; not told: not tracked, so neither; wrongly partly: said partly, in truth done, or not served at all.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fleet import Plan
from onboard.simulation.behaviour import DrivingModel
from onboard.simulation.course import course_of, streets_of
from onboard.simulation.simulate import simulate_drive
from optimizer.evidence.evidence import OVER_AFTER
from optimizer.evidence.follow import FollowedTour
from optimizer.matching.matching import Matcher
from optimizer.matching.network import Network
from optimizer.new_area.new_area import make_area
from optimizer.night.night import plan_day
from optimizer.planning.town import Town

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("RIPEUR_SHARED", ROOT.parent / "shared"))
#: What a truck tells, and how its crew loads.
LEVELS = {
    "GPS": (("position", "duty"), DrivingModel()),
    "GPS, hand-loaded": (("position", "duty"), DrivingModel(bins_share=0.0)),
    "GPS every 5 s": (("position", "duty"), DrivingModel()),
    "GPS + PTO": (("position", "duty", "vehicle"), DrivingModel()),
    "GPS + lifts": (("position", "duty", "lift"), DrivingModel()),
    "GPS + lifts + PTO + weights": (
        ("position", "duty", "lift", "vehicle", "load"), replace(DrivingModel(), lifter_weighs=True),
    ),
}  # fmt: skip
EVERY_S = {"GPS every 5 s": 5}
HEAD = (
    "| town | the truck tells | tasks | left in truth | false done | broken off | false missed | not told "
    "| wrongly partly | s |\n" + "|---" * 10 + "|"
)
FIRST = date(2026, 11, 23)


def towns(areas: list[Path]) -> Iterator[Town]:
    if areas:
        yield from map(Town.prepare, areas)
        return
    yield Town.prepare(ROOT / "data" / "monaco")
    pbf = SHARED / "realdata/osm/boeblingen.osm.pbf"
    if pbf.exists():
        with tempfile.TemporaryDirectory() as folder:
            make_area(Path(folder) / "boeblingen", pbf, language="en")
            yield Town.prepare(Path(folder) / "boeblingen")


def judged(town: Town, matcher: Matcher, plan: Plan, level: str, seed: int) -> Counter[tuple[str, str, str]]:
    """(kind of task, truth, what was said) of every task of the day's tours."""
    kinds, model = LEVELS[level]
    tasks, lonlat = plan.tasks_by_id, town.extract.lonlat
    streets = streets_of(leg for tour in plan.tours for leg in course_of(tour, lonlat).legs)
    counted: Counter[tuple[str, str, str]] = Counter()
    for tour in plan.tours:
        done = simulate_drive(course_of(tour, lonlat, tasks, streets), seed, model)
        followed = FollowedTour(matcher, tour, {leg.task: tasks[leg.task] for leg in tour.legs if leg.task})
        followed.add_all(done.facts(kinds, every_s=EVERY_S.get(level, 1)))
        states = followed.states(tour.end_at + OVER_AFTER)
        for task, truth in done.truth.items():
            state = states[task]
            said = "not told" if state.status == "pending" else state.status
            counted[tasks[task].kind, truth.why or truth.state, said] += 1
            if os.environ.get("SHOW") and (truth.state != state.status):
                print(tour.id, task, tasks[task].dwellings, truth, state, sep="\n   ")
    return counted


def row(town: str, level: str, counted: Counter[tuple[str, str, str]], seconds: float) -> str:
    every = sum(counted.values())
    wrong = dict.fromkeys(("false done", "broken off", "false missed", "not told", "partly"), 0)
    for (_, truth, said), count in counted.items():
        wrong["false done"] += count * (said == "done" and truth not in ("done", "broken_off"))
        wrong["broken off"] += count * (said == "done" and truth == "broken_off")
        wrong["false missed"] += count * (said == "missed" and truth == "done")
        wrong["not told"] += count * (said == "not told")
        wrong["partly"] += count * (said == "partly" and truth != "broken_off")
    left = sum(count for (_, truth, _), count in counted.items() if truth != "done")
    shares = " | ".join(f"{100 * count / every:.2f} %" for count in wrong.values())
    return f"| {town} | {level} | {every} | {left} | {shares} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("areas", type=Path, nargs="*")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--levels", default=";".join(LEVELS))
    args = parser.parse_args()
    print(
        "| town | the truck tells | tasks | left in truth | false done | false missed | not told | wrongly partly | s |"
    )
    print("|---" * 9 + "|")
    for town in towns(args.areas):
        matcher = Matcher(Network.of(town.streets, town.extract.lonlat, next(iter(town.roads.values())).turns))
        matcher.warm()
        days = [FIRST + timedelta(days=k) for k in range(args.days)]
        plans = [plan_day(town, day, budget_s=0, seed=args.seed, engine="ortools", version="bench") for day in days]
        for level in args.levels.split(";"):
            begin, counted = time.perf_counter(), Counter[tuple[str, str, str]]()
            for k, plan in enumerate(plans):
                counted += judged(town, matcher, plan, level, args.seed + k)
            print(row(town.area.name, level, counted, time.perf_counter() - begin), flush=True)
            if os.environ.get("SHOW"):
                print(sorted(counted.items()))


if __name__ == "__main__":
    main()
