"""The command line: ``ripeur plan|check|area|drop-off-points|demo|drill|…``. Wiring, nothing else."""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import depot_api.commands.depot
import onboard.box.commands
import optimizer.bench.commands
import weighbridge.commands

if TYPE_CHECKING:  # what the planner needs is loaded only when a planner's command runs
    from fleet import Plan
    from optimizer.area import Area
    from optimizer.drop_off import DropOffPoint
    from optimizer.planning import Day, Town
    from optimizer.problem import Solution

GOOD, FAULTY, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = (
    "exit codes: 0 good (a plan of a day on which nothing is due is good too, and empty); 1 the checker found faults; "
    "2 the input or the call is unusable; 130 interrupted, nothing written"
)
DEMO_BUDGET_S = 60.0
#: Those of optimizer.search, which is not loaded for a --help.
ENGINES = ("ripeur", "ortools", "ortools-alone", "plain", "pyvrp")
MOST_TRUCKS = 100  # more, or fewer, than the fleet in a what-if


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; see ``EXIT_CODES``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no € must not cost the plan
    given = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(given or ["--help"])
    try:
        return int(args.run(args))
    except BrokenPipeError:  # whoever read our output has had enough of it; what was to be written is
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except ModuleNotFoundError as error:  # the bare distribution is what a truck or a bridge needs
        print(f"ripeur: {error.name} is not installed: this command needs pip install 'ripeur[all]'", file=sys.stderr)
        return UNUSABLE
    except (ValueError, OSError, RecursionError) as error:  # bad input (nested too deep, too): said without a trace
        print(f"ripeur: {_said(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("ripeur: interrupted", file=sys.stderr)
        return INTERRUPTED


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ripeur", description="Waste-collection planning, from the map to the crew.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"ripeur {version('ripeur')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    plan = commands.add_parser("plan", help="plan a day's tours")
    plan.add_argument("area", type=Path, metavar="AREA", help="an area's folder (data/monaco)")
    plan.add_argument("--date", type=_day, help="YYYY-MM-DD (the next day with something to collect)")
    plan.add_argument("--out", type=Path, required=True, help="the folder that the plan is written into")
    _search_options(plan, 60.0)
    plan.add_argument("--what-if", metavar="trucks=+1", help="also: what one truck more or less would change")
    plan.add_argument("--replace", action="store_true", help="overwrite a plan in the folder")
    plan.set_defaults(run=_plan)

    check = commands.add_parser("check", help="judge a plan, whoever made it, against the raw map")
    check.add_argument("plan", type=Path, metavar="plan.json", help="the file, or the folder that holds it")
    check.add_argument("--area", type=Path, help="the area's folder (else the one that the plan names)")
    _language_option(check, "of what is said (the area's language)")
    check.set_defaults(run=_check)

    area = commands.add_parser("area", help="make an area from a map, or show one")
    actions = area.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="a folder with commented defaults that `ripeur plan` can run at once")
    new.add_argument("folder", type=Path)
    source = new.add_mutually_exclusive_group(required=True)
    source.add_argument("--place", help='downloaded from OpenStreetMap: "Dunkerque, France"')
    source.add_argument("--osm", type=Path, help="an OSM extract (.osm.pbf, .osm)")
    new.add_argument("--name", help="the area's name (the folder's)")
    new.add_argument("--population", type=_whole(1, 100_000_000), help="inhabitants, where the map does not say")
    new.add_argument("--addresses", type=Path, help="the national address base's CSV (BAN)")
    new.add_argument("--timezone", help="Europe/Paris")
    new.add_argument("--holidays", help="FR, DE-BW …")
    _language_option(new, "of sheets and maps (fr)")
    new.set_defaults(run=_area_new)
    show = actions.add_parser("show", help="say what is in an area, and draw it")
    show.add_argument("folder", type=Path)
    show.add_argument("--out", type=Path, help="where the drawing goes (area.html in the area's .cache)")
    _language_option(show, "of what is said and drawn (the area's language)")
    show.set_defaults(run=_area_show)

    _drop_off_parser(commands)
    for package in (onboard.box.commands, weighbridge.commands, depot_api.commands.depot, optimizer.bench.commands):
        package.add_to(commands)

    demo = commands.add_parser("demo", help="plan the next working day of an area, then serve the result")
    demo.add_argument("area", type=Path, nargs="?", default=Path("data/monaco"))
    demo.add_argument("--out", type=Path, default=Path("demo-plan"))
    _search_options(demo, DEMO_BUDGET_S)
    demo.add_argument("--port", type=_whole(0, 65_535), default=8000)
    demo.add_argument("--no-serve", action="store_true")
    demo.add_argument("--drive", action="store_true", help="then drive two hours of the plan in six minutes, and end")
    demo.set_defaults(run=_demo, host="127.0.0.1")
    drill = commands.add_parser(
        "drill", help="drive a window of a plan: simulated trucks, real boxes, bridges and depot"
    )
    drill.add_argument("plan", type=Path, metavar="PLAN", help="a folder that `ripeur plan` wrote")
    drill.add_argument("--area", type=Path, required=True, help="the area's folder")
    drill.add_argument("--minutes", type=float, default=6.0, metavar="M", help="how long it lasts (6)")
    drill.add_argument("--speed", type=float, default=20.0, metavar="X", help="times as fast as real time (20)")
    drill.add_argument("--seed", type=_whole(0), default=1, help="of the simulated trucks")
    drill.add_argument("--trucks", type=_whole(1), help="at most so many (all that are out)")
    drill.add_argument("--port", type=_whole(0, 65_535), default=8000, help="of the depot; any other where it is taken")
    drill.add_argument("--prepare", type=float, default=30.0, metavar="S", help="to start everything, at least (30)")
    drill.add_argument("--no-gpsd", action="store_true", help="boxes replay their sentences, though gpsd is here")
    _language_option(drill, "of what is said (the area's language)")
    drill.set_defaults(run=_drill)
    return parser


def _search_options(parser: argparse.ArgumentParser, budget_s: float) -> None:
    parser.add_argument(
        "--budget", type=_seconds, default=budget_s, metavar="S", help=f"seconds of search ({budget_s:g})"
    )
    parser.add_argument("--seed", type=_whole(0), default=1, help="of our own search; OR-Tools has none")
    parser.add_argument(
        "--cores", type=_whole(1, 64), default=len(os.sched_getaffinity(0)), metavar="N", help="searches side by side"
    )
    parser.add_argument(
        "--engine", default=ENGINES[0], metavar="ENGINE",
        help="ripeur (the default): our search; ortools: OR-Tools behind a first search; ortools-alone: OR-Tools only; "
        "plain: ruin and recreate without compiled code; pyvrp: to compare with (an extra)",
    )  # fmt: skip
    _language_option(parser, "of maps, sheets and messages (the area's language)")


def _language_option(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--lang", "--language", dest="lang", choices=("fr", "en"), help=help)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r}, must be a number of seconds, 0 or more and less than 86400")
    return value


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            bound = f"{least} or more" if most is None else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r}, must be a whole number, {bound}")
        return value

    return read


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}, must be a day of the calendar, YYYY-MM-DD") from None
    if not 2000 <= day.year <= 2100:
        raise argparse.ArgumentTypeError(f"{text!r}, must lie in the years 2000 to 2100")
    return day


# --- plan --------------------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> int:
    if args.engine not in ENGINES:  # said before the long work, not after
        raise ValueError(f"--engine {args.engine}, must be one of {', '.join(ENGINES)}")
    changes = _changes(args.what_if) if args.what_if else []
    with _held(args.out, args.replace) as stage:
        return _planned(args, changes, stage)


def _planned(args: argparse.Namespace, changes: list[int], stage: Path) -> int:
    from dashboards.shared import day as day_text
    from dashboards.shared import text
    from optimizer.area import Area
    from optimizer.night import solved, with_trucks
    from optimizer.planning import Day, Town, plan_of

    area = Area.load(args.area)
    for change in changes:
        with_trucks(area, change)  # more trucks gone than there are: said before the long work
    lang = args.lang or area.language
    teller = _Teller(lang)
    town = Town.prepare(args.area, teller.step)
    today = date.today()  # noqa: DTZ011 - the planner's own day
    day = args.date or next_day(town.area, today)
    teller.note(text("day_past", lang, day=day_text(day, lang))) if day < today else None
    for row in town.demand.refused:
        teller.note(text("row_unused", lang, row=row))
    asked_to_stop = _Stop(text("stopping", lang))
    with asked_to_stop:
        found = Day.of(town, day)
        solution = solved(found, None, args.budget, args.seed, args.engine, teller.search, asked_to_stop, args.cores)
        plan = plan_of(found, solution, seed=args.seed, engine=args.engine, version=version("ripeur"))
        teller.done()
        code = _judged(plan, town, args.out, stage, lang)  # Ctrl-C now must not cost the plan either
        _what_if(args, found, solution, changes, lang, asked_to_stop)
    print(f"({teller.elapsed_s:.0f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")
    return code


@contextmanager
def _held(out: Path, replace: bool) -> Iterator[Path]:
    """The folder for a plan, held until it is written: no plan gets lost in it, another's or ours.

    Yields a folder inside it for the files: they move out together, when all are there.
    """
    ours = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    held = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{out}: another plan is being written into it (another --out)") from None
        except OSError:
            pass  # a network disk without locks: as before there were any
        if (out / "plan.json").exists() and not replace:
            raise FileExistsError(f"{out}: holds a plan already, not overwritten (--replace, or another --out)")
        with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as stage:
            yield Path(stage)
    finally:
        os.close(held)
        if ours:
            with suppress(OSError):  # it holds something: as it should
                out.rmdir()


def _judged(plan: Plan, town: Town, out: Path, stage: Path, lang: str) -> int:
    """No plan leaves unjudged: a faulty one is set aside under another name and its faults are printed."""
    from dashboards.plan import terminal
    from dashboards.shared import text
    from optimizer.check import check, report_lines

    report = check(plan, town.area, town.area.folder)
    # written before a word is printed: the reader of our output may be gone
    written = _written(plan, town, out, stage, lang) if report.ok else [out / "plan-rejected.json"]
    if not report.ok:
        plan.write(written[0])
    if not plan.tasks:
        print(terminal.nothing_due(plan, lang))
    else:
        print(
            "\n".join(
                [*terminal.tour_table(plan, lang), "", *terminal.figure_lines(plan, lang, _flux_labels(town.area))]
            )
        )
    for line in terminal.different_lines(_different(town.area, plan.date), lang):
        print(line)
    if report.ok:
        print(text("t_checked", lang))
        print("\n".join(f"  {path}" for path in written))
        return GOOD
    print("\n".join(report_lines(report, lang)), file=sys.stderr)
    print(f"ripeur: {written[0]}: the checker found faults, no plan.json written", file=sys.stderr)
    return FAULTY


def _different(area: Area, day: date) -> Iterator[tuple[str, str, str, date | None, str]]:
    """What is not collected as usual on a day: sector, service as people read it, reason, the other day, note."""
    from optimizer.area import promise

    for (sector, service, _), why in promise(area).different(day):
        yield sector, area.service_named(service).label, why.key, why.other, why.note


def _written(plan: Plan, town: Town, out: Path, stage: Path, lang: str) -> list[Path]:
    """The plan's files together; what an earlier plan left here is gone."""
    from dashboards.plan import exports, write_map, write_sheets
    from depot_api.basemap import area_words, basemap_of

    plan.write(stage / "plan.json")
    try:
        basemap, words = basemap_of(town, plan), area_words(town)
        exports.write_geojson(plan, basemap, stage / "tours.geojson")
        exports.write_gpx(plan, basemap, words, stage, lang)
        exports.write_tours_csv(plan, stage / "tours.csv")
        exports.write_kpi_csv(plan, stage / "kpi.csv")
        write_map(plan, basemap, words, stage / "map.html", lang)
        write_sheets(plan, basemap, words, stage / "sheets.pdf", lang)
        for old in (*out.glob("*.gpx"), out / "plan-rejected.json"):
            old.unlink(missing_ok=True)
        for path in sorted(stage.iterdir()):
            if path.name != "plan.json":
                path.replace(out / path.name)
    finally:  # the plan itself last, and whatever befell its pictures: it took the longest to make
        (stage / "plan.json").replace(out / "plan.json")
    return sorted(path for path in out.iterdir() if path != stage)


def next_day(area: Area, today: date) -> date:
    """The first day after today on which something is collected."""
    from optimizer.area import promise

    promised = promise(area)
    for k in range(1, 29):
        if promised.due(today + timedelta(days=k)):
            return today + timedelta(days=k)
    raise ValueError(f"{area.folder / 'collection.csv'}: nothing is collected in the four weeks after {today}")


def _changes(text: str) -> list[int]:
    what, _, number = text.partition("=")
    try:
        changes = [int(part) for part in number.split(",")]
    except ValueError:
        changes = []
    if what != "trucks" or not changes or 0 in changes or max(map(abs, changes)) > MOST_TRUCKS:
        raise ValueError(
            f"--what-if {text}, must be written trucks=+1, trucks=-1 or trucks=-1,+1, by {MOST_TRUCKS} at most"
        )
    return changes


def _what_if(
    args: argparse.Namespace, base: Day, solution: Solution, changes: list[int], lang: str, stop: _Stop
) -> None:
    """What each change of the fleet would bring: searches from the plan, as long as the plan's own search went on."""
    from dashboards.plan import terminal
    from optimizer.check import check, report_lines
    from optimizer.night import carried_over, solved, with_area, with_trucks
    from optimizer.planning import Day, plan_of

    said = {"seed": args.seed, "engine": args.engine, "version": version("ripeur")}
    plans: dict[int, Plan] = {}
    for change in (0, *changes) if changes else ():  # 0: the plan itself, given the same second search
        teller = _Teller(lang)
        town = with_area(base.town, with_trucks(base.town.area, change)) if change else base.town
        other = Day.of(town, base.date)
        start = carried_over(solution, base, other)
        after = solved(other, start, args.budget, args.seed, args.engine, teller.search, stop, args.cores)
        teller.done()
        if stop():  # a search cut short would say what an impatient planner costs, not a truck
            return
        plan = plan_of(other, after, **said)
        report = check(plan, town.area, town.area.folder)
        if not report.ok:
            print("\n".join(report_lines(report, lang)), file=sys.stderr)
        else:
            plans[change] = plan
    for change in changes if 0 in plans else ():
        # what fewer trucks can do, more can do too: a smaller fleet's better plan is only the longer search's luck
        known = [plan for had, plan in plans.items() if had <= change]
        fleet = [plan for had, plan in plans.items() if had <= 0]
        if known:
            print(terminal.what_if_line(change, min(fleet, key=_worth), min(known, key=_worth), lang))


def _worth(plan: Plan) -> tuple[float, float]:
    """What is left in the street first, then the cost: the less the better."""
    left = plan.tasks_by_id
    return sum(left[u.task].total_kg for u in plan.unserved), plan.figures["total"]["eur"]["total"]


class _Stop:
    """Ctrl-C during the search: the first asks it to end with the best plan so far, the second ends the program."""

    def __init__(self, said: str) -> None:
        self.asked, self.said = False, said

    def __call__(self) -> bool:
        if signal.getsignal(signal.SIGINT) != self._hear:
            # the search holds Ctrl-C back by itself, but without a word, and keeps it to itself: ours comes over it
            signal.signal(signal.SIGINT, self._hear)
        return self.asked

    def __enter__(self) -> _Stop:
        self._before: Any = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _hear(self, _: int, __: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print(f"\nripeur: {self.said}", file=sys.stderr)


class _Teller:
    """Says on stderr what is being done: a line that rewrites itself on a terminal, a line every 5 s elsewhere."""

    def __init__(self, lang: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.lang = lang
        self.clock = clock
        self.began = clock()
        self.last = -10.0
        self.live = sys.stderr.isatty()

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self.began

    def step(self, what: str) -> None:
        """``what``: one of the words of ``Town.prepare``."""
        from dashboards.shared import text

        self._say(f"[{self.elapsed_s:5.1f} s] {text(f'step_{what}', self.lang)} …", always=True)

    def note(self, what: str) -> None:
        self.done()
        print(f"ripeur: {what}", file=sys.stderr, flush=True)

    def search(self, phase: str, best_eur: float | None, left_s: float) -> None:
        """``phase``: one of the words of ``optimizer.search.engines``."""
        from dashboards.shared import number, text

        left, step = number(max(0.0, left_s), self.lang), text(f"step_{phase}", self.lang)
        if phase == "compile":
            said = f"{step} …"
        elif best_eur is None:
            said = text("step_left", self.lang, step=step, left=left)
        else:
            said = text("step_best", self.lang, step=step, left=left, eur=number(best_eur, self.lang))
        self._say(f"[{self.elapsed_s:5.1f} s] {said}", always=False)

    def _say(self, line: str, always: bool) -> None:
        if not (always or self.elapsed_s - self.last >= (0.5 if self.live else 5.0)):
            return
        self.last = self.elapsed_s
        print(f"\r\x1b[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)

    def done(self) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# --- check -------------------------------------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> int:
    from fleet import Plan
    from optimizer.area import Area
    from optimizer.check import check_file, report_lines

    path = args.plan / "plan.json" if args.plan.is_dir() else args.plan
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file, must be a plan.json or a folder that holds one")
    folder = args.area
    if folder is None:
        try:
            folder = _found_again(Path(str(Plan.read(path).area.get("path", ""))), path)
        except (ValueError, KeyError, TypeError, AttributeError):
            folder = None  # the checker says what is malformed
        if folder is not None and not (folder / "area.toml").is_file():
            print(f"ripeur: the plan's area, {folder}, is not there; say where it is: --area DIR", file=sys.stderr)
    area = Area.load(folder) if folder is not None and (folder / "area.toml").is_file() else None
    report = check_file(path, area, folder)
    lang = args.lang or (area.language if area else "en")
    print("\n".join(report_lines(report, lang)))
    covered = _claimed_cover(path)
    if covered is not None:
        from dashboards.shared import number, text

        print(text("t_covered_claimed", lang, covered=number(covered * 100, lang, 1)))
    return GOOD if report.ok else FAULTY


def _found_again(folder: Path, plan: Path) -> Path:
    """The area as the plan names it: from here, else from where the plan lies or a folder above it."""
    if folder.is_absolute():
        return folder
    above = (up / folder for up in plan.resolve().parents)
    return next((place for place in (folder, *above) if (place / "area.toml").is_file()), folder)


def _claimed_cover(path: Path) -> float | None:
    """The share of the streets that the promised weeks cover, as the plan says: one day's plan cannot prove it."""
    from fleet import Plan

    try:
        return float(Plan.read(path).figures["shares"]["covered"])
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None


# --- area --------------------------------------------------------------------------------------------------------


def _area_new(args: argparse.Namespace) -> int:
    from optimizer.new_area import founding, overpass

    extract = args.osm or overpass.download(args.place, args.folder)
    options = {"timezone": args.timezone, "holidays": args.holidays}
    made = founding.found(
        args.folder, extract, name=args.name or args.place or args.folder.name, population=args.population,
        addresses=args.addresses, language=args.lang or "fr", **{k: v for k, v in options.items() if v},
    )  # fmt: skip
    print("\n".join(made.notes))
    print(f"ripeur plan {args.folder} --out {args.folder}-plan")
    return GOOD


def _area_show(args: argparse.Namespace) -> int:
    from dashboards.area import write_area_map
    from depot_api.basemap import basemap_of
    from optimizer.new_area import layers, summary
    from optimizer.planning import Town

    town = Town.prepare(args.folder)
    lang = args.lang or town.area.language
    drawn = layers(town.area, town.extract, town.streets, town.demand)
    path = args.out or _drawing_place(args.folder)
    write_area_map(_with_days_and_points(town, drawn), basemap_of(town), town.area.name, path, lang)
    print("\n".join(summary(town.area, town.extract, town.streets, town.demand, lang)))
    print(f"  {path}")
    return GOOD


def _drawing_place(folder: Path) -> Path:
    """Beside what else is made from the area, or here where that cannot be written."""
    try:
        (folder / ".cache").mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / ".cache"):
            return folder / ".cache" / "area.html"
    except OSError:
        return Path("area.html")


def _with_days_and_points(town: Town, drawn: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The area's layers with each sector's weekdays, and the drop-off points beside them."""
    from optimizer.area import DROP_OFF

    for feature in drawn["sectors"]["features"]:
        mine = (r for r in town.area.rules if r.sector == feature["properties"]["name"] and r.dwelling != DROP_OFF)
        feature["properties"]["weekdays"] = sorted({rule.weekday for rule in mine})
    points = [
        {
            "type": "Feature",
            "properties": {"name": point.name or point.address},
            "geometry": {"type": "Point", "coordinates": [point.lon_deg, point.lat_deg]},
        }
        for point, _ in town.drop_offs
    ]
    return drawn | {"drop_off_points": {"type": "FeatureCollection", "features": points}}


# --- drop-off points ---------------------------------------------------------------------------------------------


def _drop_off_parser(commands: Any) -> None:
    parser = commands.add_parser("drop-off-points", help="import, export or show drop-off points (glass banks …)")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    take = actions.add_parser("import", help="from an OSM extract, or a town's CSV or GeoJSON")
    take.add_argument("file", type=Path)
    take.add_argument("--area", type=Path, required=True)
    take.add_argument("--mapping", type=Path, help="TOML: what the columns and words mean (docs/drop-off-points.md)")
    take.add_argument("--anywhere", action="store_true", help="keep points outside the area's extract")
    take.add_argument("--replace", action="store_true", help="overwrite the area's points")
    _language_option(take, "of what is said (the area's language)")
    take.set_defaults(run=_drop_off_import)
    give = actions.add_parser("export", help="GeoJSON and CSV, with licence and date")
    give.add_argument("--area", type=Path, required=True)
    give.add_argument("--out", type=Path, required=True)
    give.add_argument("--licence", help="lov2, say; ODbL-1.0 where points come from OpenStreetMap")
    _language_option(give, "of field names and values (the area's language)")
    give.add_argument("--replace", action="store_true")
    give.set_defaults(run=_drop_off_export)
    tell = actions.add_parser("show", help="count by flux and commune")
    tell.add_argument("--area", type=Path, required=True)
    _language_option(tell, "of what is said (the area's language)")
    tell.set_defaults(run=_drop_off_show)


def _stored_points(area: Area) -> Path:
    return area.folder / (area.demand.drop_off_points or "drop_off_points.csv")


def _points(area: Area) -> list[DropOffPoint]:
    from optimizer.drop_off import points as drop_off_points

    stored = _stored_points(area)
    if not stored.is_file():
        raise FileNotFoundError(f"{stored}: no such file; `ripeur drop-off-points import` makes it")
    return list(drop_off_points.read(stored))


def _flux_labels(area: Area) -> dict[str, str]:
    return {flux.name: flux.label for flux in area.flux}


def _drop_off_import(args: argparse.Namespace) -> int:
    from optimizer.area import Area
    from optimizer.drop_off import (
        FLUX_OF_OSM,
        ColumnMapping,
        extract_box,
        not_named,
        read_osm,
        read_town_file,
        show,
        write_refused,
    )
    from optimizer.drop_off import points as drop_off_points

    area = Area.load(args.area)
    lang = args.lang or area.language
    stored = _stored_points(area)
    if stored.exists() and not args.replace:
        raise FileExistsError(f"{stored}: already there, not overwritten (--replace)")
    mapping = ColumnMapping.read(args.mapping) if args.mapping else ColumnMapping()
    if args.file.suffix in (".pbf", ".osm", ".bz2"):
        reading = read_osm(args.file, {**FLUX_OF_OSM, **mapping.osm})
    else:
        within = None if args.anywhere else extract_box(area.extract)
        reading = read_town_file(args.file, mapping, within, [flux.name for flux in area.flux])
    print("\n".join(show(reading, lang, _flux_labels(area))))
    refused = stored.with_name(f"{stored.stem}-refused.csv")
    if reading.refused:
        write_refused(reading.refused, refused, lang)
        print(refused)
    else:
        refused.unlink(missing_ok=True)  # of an earlier import: what it complains of is mended
    if not reading.points:
        return FAULTY  # nothing good: the area keeps what it has
    drop_off_points.write_csv(reading.points, stored)
    print(stored)
    if area.demand.drop_off_points is None:
        print(not_named(stored.name, lang))
    return GOOD


def _drop_off_export(args: argparse.Namespace) -> int:
    from dashboards.area import open_data
    from optimizer.area import Area

    area = Area.load(args.area)
    points = _points(area)
    today = date.today()  # noqa: DTZ011 - the publisher's own day
    terms = open_data.publication(points, area.name, today, args.licence, args.lang or area.language)
    for path in open_data.write(points, terms, args.out, args.replace):
        print(path)
    return GOOD


def _drop_off_show(args: argparse.Namespace) -> int:
    from optimizer.area import Area
    from optimizer.drop_off import Reading, show

    area = Area.load(args.area)
    points = _points(area)
    print("\n".join(show(Reading(tuple(points)), args.lang or area.language, _flux_labels(area))))
    return GOOD


# --- demo --------------------------------------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> int:
    args.date, args.replace, args.what_if = None, True, None
    if not (args.no_serve or args.drive):
        depot_api.commands.depot.listening(args.host, args.port).close()  # said before the long work, not after
    code = _plan(args)
    if code == GOOD and args.drive:  # in this process's place: a planner's memory is not needed any more
        sys.stdout.flush()
        lang = ["--lang", args.lang] if args.lang else []
        drill = ["drill", str(args.out), "--area", str(args.area), "--port", str(args.port), *lang]
        os.execv(sys.executable, [sys.executable, "-m", "ripeur", *drill])
    if code != GOOD or args.no_serve:
        return code
    return depot_api.commands.depot.serve_plan(args.out, args.host, args.port)


def _drill(args: argparse.Namespace) -> int:
    from depot_api.drill.run import DrillSettings, run_drill
    from optimizer.area import Area

    lang = args.lang or Area.load(args.area).language
    gpsd = not args.no_gpsd
    return run_drill(
        DrillSettings(
            folder=args.plan,
            area=args.area,
            minutes=args.minutes,
            speed=args.speed,
            seed=args.seed,
            port=args.port,
            lang=lang,
            trucks=args.trucks,
            gpsd=gpsd,
            preparation_s=args.prepare,
        )
    )


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
