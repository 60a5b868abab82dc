"""``ripeur plan``: a day's tours searched, judged and written; what one truck more or less would change."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from depot_api.commands.arguments import add_language_to, calendar_day, duration_s, integer_between
from depot_api.commands.exit_codes import FAULTY, GOOD
from depot_api.commands.graceful_stop import GracefulStop
from optimizer.engine_names import ENGINE_HELP, ENGINE_NAMES

if TYPE_CHECKING:  # what the planner needs is loaded only when a planner's command runs
    from dashboards.plan import ProgressReporter
    from depot_api.plan_folder import PlanFolder
    from fleet import Plan
    from optimizer.area import Area
    from optimizer.night import SearchSettings
    from optimizer.planning import Day, Town
    from optimizer.problem import Solution

BUDGET_S = 60.0


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``plan`` to ``ripeur``."""
    plan = subparsers.add_parser("plan", help="plan a day's tours")
    plan.add_argument("area", type=Path, metavar="AREA", help="an area's folder (data/monaco)")
    plan.add_argument("--date", type=calendar_day, help="YYYY-MM-DD (the next day with something to collect)")
    plan.add_argument("--out", type=Path, required=True, help="the folder that the plan is written into")
    add_search_options_to(plan, BUDGET_S)
    plan.add_argument("--what-if", metavar="trucks=+1", help="also: what one truck more or less would change")
    plan.add_argument("--replace", action="store_true", help="overwrite a plan in the folder")
    plan.set_defaults(run=run_plan)


def add_search_options_to(parser: argparse.ArgumentParser, budget_s: float) -> None:
    """The options of whoever searches. ``budget_s``: where none is given."""
    parser.add_argument(
        "--budget", type=duration_s, default=budget_s, metavar="S", help=f"seconds of search ({budget_s:g})"
    )
    parser.add_argument("--seed", type=integer_between(0), default=1, help="of our own search; OR-Tools has none")
    parser.add_argument(
        "--cores", type=integer_between(1, 64), default=len(os.sched_getaffinity(0)), metavar="N",
        help="searches side by side",
    )  # fmt: skip
    engines = "; ".join(
        f"{name}{' (the default)' if name == ENGINE_NAMES[0] else ''}: {what}" for name, what in ENGINE_HELP.items()
    )
    parser.add_argument("--engine", default=ENGINE_NAMES[0], metavar="ENGINE", help=engines)
    add_language_to(parser, "of maps, sheets and messages (the area's language)")


def run_plan(args: argparse.Namespace) -> int:
    """Plan a day as the arguments say: area, date, out, replace, what_if, and those of ``add_search_options_to``."""
    if args.engine not in ENGINE_NAMES:  # said before the long work, not after
        raise ValueError(f"--engine {args.engine}, must be one of {', '.join(ENGINE_NAMES)}")
    from depot_api.plan_folder import locked_plan_folder
    from optimizer.night import fleet_changes

    changes = fleet_changes(args.what_if) if args.what_if else []
    with locked_plan_folder(args.out, replace=args.replace) as folder:
        return _plan(args, changes, folder)


def _plan(args: argparse.Namespace, changes: Sequence[int], folder: PlanFolder) -> int:
    from dashboards.plan import ProgressReporter
    from dashboards.shared import catalogue_text
    from optimizer.area import read_area
    from optimizer.night import SearchSettings, solve_day, with_trucks
    from optimizer.planning import Day, Town

    area = read_area(args.area)
    for change in changes:
        with_trucks(area, change)  # more trucks gone than there are: said before the long work
    lang = args.lang or area.language
    reporter = ProgressReporter(lang)
    town = Town.prepare(args.area, reporter.step)
    settings = SearchSettings(
        budget_s=args.budget, seed=args.seed, engine=args.engine, version=version("ripeur"), cores=args.cores
    )
    day = _day_to_plan(args.date, town, reporter)
    stop = GracefulStop(catalogue_text("stopping", lang))
    with stop:
        prepared = Day.of(town, day)
        solution = solve_day(prepared, None, settings, reporter.search, stop)
        plan = settings.plan_of(prepared, solution)
        reporter.clear()
        code = _write_and_print(plan, town, folder, lang)  # Ctrl-C now must not cost the plan either
        if changes:
            _print_what_if(prepared, solution, changes, settings, stop, lang)
    print(f"({reporter.elapsed_s:.0f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")
    return code


def _day_to_plan(asked: date | None, town: Town, reporter: ProgressReporter) -> date:
    """The day asked for, else the next with something to collect; notes what the planner should know of it."""
    from dashboards.shared import catalogue_text, format_day
    from optimizer.area import next_collection_day

    today = date.today()  # noqa: DTZ011 - the planner's own day
    day = asked or next_collection_day(town.area, today)
    if day < today:
        reporter.note(catalogue_text("day_past", reporter.lang, day=format_day(day, reporter.lang)))
    for row in town.demand.refused:
        reporter.note(catalogue_text("row_unused", reporter.lang, row=row))
    return day


def _write_and_print(plan: Plan, town: Town, folder: PlanFolder, lang: str) -> int:
    from dashboards.plan import terminal
    from dashboards.shared import catalogue_text
    from optimizer.check import report_lines

    # written before a word is printed: the reader of our output may be gone
    report, written = folder.write_checked(plan, town, lang)
    if not plan.tasks:
        print(terminal.nothing_due(plan, lang))
    else:
        figures = terminal.figure_lines(plan, lang, town.area.flux_labels)
        print("\n".join([*terminal.tour_table(plan, lang), "", *figures]))
    for line in terminal.different_lines(_unusual_collections(town.area, plan.date), lang):
        print(line)
    if report.ok:
        print(catalogue_text("t_checked", lang))
        print("\n".join(f"  {path}" for path in written))
        return GOOD
    print("\n".join(report_lines(report, lang)), file=sys.stderr)
    print(f"ripeur: {written[0]}: the checker found faults, no plan.json written", file=sys.stderr)
    return FAULTY


def _unusual_collections(area: Area, day: date) -> Iterator[tuple[str, str, str, date | None, str]]:
    """What is not collected as usual on a day: sector, service as people read it, reason, the other day, note."""
    from optimizer.area import promise

    for (sector, service, _), why in promise(area).different(day):
        yield sector, area.service_named(service).label, why.key, why.other, why.note


def _print_what_if(
    day: Day, solution: Solution, changes: Sequence[int], settings: SearchSettings, stop: GracefulStop, lang: str
) -> None:
    """What each change of the fleet would bring: searches from the plan, as long as the plan's own search went on."""
    from dashboards.plan import ProgressReporter, terminal
    from optimizer.check import report_lines
    from optimizer.night import comparisons, search_alternative

    plans: dict[int, Plan] = {}
    for change in (0, *changes):  # 0: the plan itself, given the same second search
        reporter = ProgressReporter(lang)
        alternative = search_alternative(day, solution, change, settings, reporter.search, stop)
        reporter.clear()
        if alternative is None:
            return
        if alternative.report.ok:
            plans[change] = alternative.plan
        else:
            print("\n".join(report_lines(alternative.report, lang)), file=sys.stderr)
    for change, before, after in comparisons(plans, changes):
        print(terminal.what_if_line(change, before, after, lang))
