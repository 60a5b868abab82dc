"""The command line: ``ripeur plan|check|area|drop-off-points|serve|demo``. Wiring, nothing else."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what the planner needs is loaded only when a planner's command runs
    from fleet import Plan
    from optimizer.area import Area
    from optimizer.town import Town

GOOD, FAULTY, UNUSABLE = 0, 1, 2
DEMO_BUDGET_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 good, 1 something was found wanting, 2 the input or the call is unusable."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except (ValueError, OSError) as error:  # bad input: said plainly, without a trace
        print(f"ripeur: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("ripeur: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ripeur", description="Waste-collection planning, from the map to the crew.")
    parser.add_argument("--version", action="version", version=f"ripeur {version('ripeur')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    plan = commands.add_parser("plan", help="plan a day's tours")
    plan.add_argument("area", type=Path, metavar="AREA", help="an area's folder (data/monaco)")
    plan.add_argument("--date", type=date.fromisoformat, help="YYYY-MM-DD (the next day with something to collect)")
    plan.add_argument("--out", type=Path, required=True, help="the folder that the plan is written into")
    _search_options(plan, 60.0)
    plan.add_argument("--what-if", metavar="trucks=+1", help="also: what one truck more or less would change")
    plan.add_argument("--replace", action="store_true", help="overwrite a plan in the folder")
    plan.set_defaults(run=_plan)

    check = commands.add_parser("check", help="judge a plan, whoever made it, against the raw map")
    check.add_argument("plan", type=Path, metavar="plan.json")
    check.add_argument("--area", type=Path, help="the area's folder (else the one that the plan names)")
    check.add_argument("--lang", choices=("fr", "en"))
    check.set_defaults(run=_check)

    area = commands.add_parser("area", help="make an area from a map, or show one")
    actions = area.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="a folder with commented defaults that `ripeur plan` can run at once")
    new.add_argument("folder", type=Path)
    source = new.add_mutually_exclusive_group(required=True)
    source.add_argument("--place", help='downloaded from OpenStreetMap: "Dunkerque, France"')
    source.add_argument("--osm", type=Path, help="an OSM extract (.osm.pbf, .osm)")
    new.add_argument("--name", help="the area's name (the folder's)")
    new.add_argument("--population", type=int, help="inhabitants, where the map does not say")
    new.add_argument("--addresses", type=Path, help="the national address base's CSV (BAN)")
    new.add_argument("--timezone", help="Europe/Paris")
    new.add_argument("--holidays", help="FR, DE-BW …")
    new.add_argument("--language", choices=("fr", "en"), default="fr", help="of sheets and maps")
    new.set_defaults(run=_area_new)
    show = actions.add_parser("show", help="say what is in an area, and draw it")
    show.add_argument("folder", type=Path)
    show.add_argument("--out", type=Path, help="where the drawing goes (area.html in the area's .cache)")
    show.add_argument("--lang", choices=("fr", "en"))
    show.set_defaults(run=_area_show)

    _drop_off_parser(commands)

    serve = commands.add_parser("serve", help="serve a plan's pages on this machine")
    serve.add_argument("--plan", type=Path, required=True, help="a folder that `ripeur plan` wrote")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--host", default="127.0.0.1")
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="plan the next working day of an area, then serve the result")
    demo.add_argument("area", type=Path, nargs="?", default=Path("data/monaco"))
    demo.add_argument("--out", type=Path, default=Path("demo-plan"))
    _search_options(demo, DEMO_BUDGET_S)
    demo.add_argument("--port", type=int, default=8000)
    demo.add_argument("--no-serve", action="store_true")
    demo.set_defaults(run=_demo, host="127.0.0.1")
    return parser


def _search_options(parser: argparse.ArgumentParser, budget_s: float) -> None:
    parser.add_argument("--budget", type=_seconds, default=budget_s, metavar="S", help=f"seconds of search ({budget_s:g})")
    parser.add_argument("--seed", type=int, default=1, help="of our own search; OR-Tools has none")
    parser.add_argument("--engine", default="ortools", help="ortools: OR-Tools routing from our constructed plan")
    parser.add_argument("--lang", choices=("fr", "en"), help="of maps, sheets and messages (the area's language)")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 86_400:
        raise argparse.ArgumentTypeError(f"{text}, must be 0 or more and less than 86400 seconds")
    return value


# --- plan --------------------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> int:
    from optimizer.night import plan_day
    from optimizer.town import Town

    if (args.out / "plan.json").exists() and not args.replace:
        raise FileExistsError(f"{args.out}: holds a plan already, not overwritten (--replace, or another --out)")
    changes = _changes(args.what_if) if getattr(args, "what_if", None) else []
    teller = _Teller()
    town = Town.prepare(args.area, teller.step)
    lang = args.lang or town.area.language
    day = args.date or next_day(town.area, date.today())  # noqa: DTZ011 - the planner's own day
    asked_to_stop = _Stop()
    with asked_to_stop:
        plan = plan_day(
            town, day, budget_s=args.budget, seed=args.seed, engine=args.engine, version=version("ripeur"),
            progress=teller.search, stop=asked_to_stop,
        )  # fmt: skip
    teller.done()
    code = _judged(plan, town, args.out, lang)
    if code == GOOD:
        _written(plan, town, args.out, lang)
    for change in [] if asked_to_stop() else changes:
        _what_if(args, town, plan, change, lang)
    print(f"({teller.elapsed_s:.0f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")
    return code


def _judged(plan: Plan, town: Town, out: Path, lang: str) -> int:
    """No plan leaves unjudged: a faulty one is set aside under another name and its faults are printed."""
    from dashboards import terminal
    from dashboards.catalogue import text
    from optimizer.check import check, report_lines

    out.mkdir(parents=True, exist_ok=True)
    report = check(plan, town.area, town.area.folder)
    if not plan.tasks:
        print(terminal.nothing_due(plan, lang))
    else:
        print("\n".join([*terminal.tour_table(plan, lang), "", *terminal.figure_lines(plan, lang)]))
    if report.ok:
        print(text("t_checked", lang))
        return GOOD
    plan.write(out / "plan-rejected.json")
    print("\n".join(report_lines(report, lang)), file=sys.stderr)
    print(f"ripeur: {out / 'plan-rejected.json'}: the checker found faults, no plan.json written", file=sys.stderr)
    return FAULTY


def _written(plan: Plan, town: Town, out: Path, lang: str) -> None:
    from dashboards import exports
    from dashboards.map import write_map
    from dashboards.sheets import write_sheets
    from depot_api.base_layers import area_words, basemap_of

    basemap, words = basemap_of(town, plan), area_words(town)
    plan.write(out / "plan.json")
    exports.write_geojson(plan, basemap, out / "tours.geojson")
    for old in out.glob("*.gpx"):  # of an earlier plan in this folder
        old.unlink()
    exports.write_gpx(plan, basemap, words, out, lang)
    exports.write_tours_csv(plan, out / "tours.csv")
    exports.write_kpi_csv(plan, out / "kpi.csv")
    write_map(plan, basemap, words, out / "map.html", lang)
    write_sheets(plan, basemap, words, out / "sheets.pdf", lang)
    for path in sorted(out.iterdir()):
        print(f"  {path}")


def next_day(area: Area, today: date) -> date:
    """The first day after today on which something is collected."""
    from optimizer.collection import promise

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
    if what != "trucks" or not changes or 0 in changes:
        raise ValueError(f"--what-if {text}, must be written trucks=+1, trucks=-1 or trucks=-1,+1")
    return changes


def _what_if(args: argparse.Namespace, town: Town, before: Plan, change: int, lang: str) -> None:
    from dashboards import terminal
    from optimizer.night import plan_day, with_area, with_trucks

    teller = _Teller()
    after = plan_day(
        with_area(town, with_trucks(town.area, change)), before.date, budget_s=args.budget, seed=args.seed,
        engine=args.engine, version=version("ripeur"), progress=teller.search,
    )  # fmt: skip
    teller.done()
    print(terminal.what_if_line(change, before, after, lang))


class _Stop:
    """Ctrl-C during the search: the first asks it to end with the best plan so far, the second ends the program."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
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
        print("\nripeur: stopping with the best plan so far (Ctrl-C again to end at once)", file=sys.stderr)


class _Teller:
    """Says on stderr what is being done: a line that rewrites itself on a terminal, a line every 5 s elsewhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.began = clock()
        self.last = -10.0
        self.live = sys.stderr.isatty()

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self.began

    def step(self, what: str) -> None:
        self._say(f"[{self.elapsed_s:5.1f} s] {what} …", always=True)

    def search(self, phase: str, best_eur: float | None, left_s: float) -> None:
        cost = "" if best_eur is None else f", best so far {best_eur:,.0f} €"
        self._say(f"[{self.elapsed_s:5.1f} s] {phase}{cost}, {max(0.0, left_s):.0f} s left", always=False)

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

    folder = args.area
    if folder is None and args.plan.is_file():
        try:
            folder = Path(str(Plan.read(args.plan).area.get("path", "")))
        except (ValueError, KeyError, TypeError, AttributeError):
            folder = None  # the checker says what is malformed
    area = Area.load(folder) if folder is not None and (folder / "area.toml").is_file() else None
    report = check_file(args.plan, area, folder)
    print("\n".join(report_lines(report, args.lang or (area.language if area else "en"))))
    return GOOD if report.ok else FAULTY


# --- area --------------------------------------------------------------------------------------------------------


def _area_new(args: argparse.Namespace) -> int:
    from optimizer import founding, overpass

    extract = args.osm or overpass.download(args.place, args.folder)
    options = {"timezone": args.timezone, "holidays": args.holidays}
    made = founding.found(
        args.folder, extract, name=args.name or args.place or args.folder.name, population=args.population,
        addresses=args.addresses, language=args.language, **{k: v for k, v in options.items() if v},
    )  # fmt: skip
    print("\n".join(made.notes))
    print(f"ripeur plan {args.folder} --out {args.folder}-plan")
    return GOOD


def _area_show(args: argparse.Namespace) -> int:
    from optimizer.summary import summary
    from optimizer.town import Town

    town = Town.prepare(args.folder)
    lang = args.lang or town.area.language
    print("\n".join(summary(town.area, town.extract, town.streets, town.demand, lang)))
    return GOOD


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
    take.set_defaults(run=_drop_off_import)
    give = actions.add_parser("export", help="GeoJSON and CSV, with licence and date")
    give.add_argument("--area", type=Path, required=True)
    give.add_argument("--out", type=Path, required=True)
    give.add_argument("--licence", help="lov2, say; ODbL-1.0 where points come from OpenStreetMap")
    give.add_argument("--language", choices=("fr", "en"), help="of field names and values (the area's)")
    give.add_argument("--replace", action="store_true")
    give.set_defaults(run=_drop_off_export)
    tell = actions.add_parser("show", help="count by flux and commune")
    tell.add_argument("--area", type=Path, required=True)
    tell.set_defaults(run=_drop_off_show)


def _stored_points(area: Area) -> Path:
    return area.folder / (area.demand.drop_off_points or "drop_off_points.csv")


def _flux_labels(area: Area) -> dict[str, str]:
    return {flux.name: flux.label for flux in area.flux}


def _drop_off_import(args: argparse.Namespace) -> int:
    from optimizer import drop_off_points
    from optimizer.area import Area
    from optimizer.drop_off_files import read_town_file
    from optimizer.drop_off_listing import show, write_refused
    from optimizer.drop_off_map import FLUX_OF_OSM, extract_box, read_osm
    from optimizer.drop_off_mapping import ColumnMapping

    area = Area.load(args.area)
    stored = _stored_points(area)
    if stored.exists() and not args.replace:
        raise FileExistsError(f"{stored}: already there, not overwritten (--replace)")
    mapping = ColumnMapping.read(args.mapping) if args.mapping else ColumnMapping()
    if args.file.suffix in (".pbf", ".osm", ".bz2"):
        reading = read_osm(args.file, {**FLUX_OF_OSM, **mapping.osm})
    else:
        within = None if args.anywhere else extract_box(area.extract)
        reading = read_town_file(args.file, mapping, within, [flux.name for flux in area.flux])
    print("\n".join(show(reading, area.language, _flux_labels(area))))
    if reading.refused:
        refused = stored.with_name(f"{stored.stem}-refused.csv")
        write_refused(reading.refused, refused, area.language)
        print(refused)
    if not reading.points:
        return FAULTY  # nothing good: the area keeps what it has
    drop_off_points.write_csv(reading.points, stored)
    print(stored)
    return GOOD


def _drop_off_export(args: argparse.Namespace) -> int:
    from dashboards import open_data
    from optimizer import drop_off_points
    from optimizer.area import Area

    area = Area.load(args.area)
    points = drop_off_points.read(_stored_points(area))
    today = date.today()  # noqa: DTZ011 - the publisher's own day
    terms = open_data.publication(points, area.name, today, args.licence, args.language or area.language)
    for path in open_data.write(points, terms, args.out, args.replace):
        print(path)
    return GOOD


def _drop_off_show(args: argparse.Namespace) -> int:
    from optimizer import drop_off_points
    from optimizer.area import Area
    from optimizer.drop_off_listing import show
    from optimizer.drop_off_points import Reading

    area = Area.load(args.area)
    points = drop_off_points.read(_stored_points(area))
    print("\n".join(show(Reading(points), area.language, _flux_labels(area))))
    return GOOD


# --- serve and demo ----------------------------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    import uvicorn

    from depot_api.plan_page import plan_pages

    folder = args.plan
    app = plan_pages(folder)
    print(f"http://localhost:{args.port}/plan (Ctrl-C ends)", flush=True)
    uvicorn.run(app, host=args.host, port=args.port, log_level="warning")
    return GOOD


def _demo(args: argparse.Namespace) -> int:
    args.date, args.replace, args.what_if = None, True, None
    code = _plan(args)
    if code != GOOD or args.no_serve:
        return code
    return _serve(argparse.Namespace(plan=args.out, port=args.port, host=args.host))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
