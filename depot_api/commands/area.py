"""``ripeur area``: an area made from a map, or shown."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from depot_api.commands.arguments import add_language_to, integer_between
from depot_api.commands.exit_codes import GOOD


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``area`` to ``ripeur``."""
    area = subparsers.add_parser("area", help="make an area from a map, or show one")
    actions = area.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="a folder with commented defaults that `ripeur plan` can run at once")
    new.add_argument("folder", type=Path)
    source = new.add_mutually_exclusive_group(required=True)
    source.add_argument("--place", help='downloaded from OpenStreetMap: "Dunkerque, France"')
    source.add_argument("--osm", type=Path, help="an OSM extract (.osm.pbf, .osm)")
    new.add_argument("--name", help="the area's name (the folder's)")
    new.add_argument(
        "--population", type=integer_between(1, 100_000_000), help="inhabitants, where the map does not say"
    )
    new.add_argument("--addresses", type=Path, help="the national address base's CSV (BAN)")
    new.add_argument("--timezone", help="Europe/Paris")
    new.add_argument("--holidays", help="FR, DE-BW …")
    add_language_to(new, "of sheets and maps (fr)")
    new.set_defaults(run=_new)
    show = actions.add_parser("show", help="say what is in an area, and draw it")
    show.add_argument("folder", type=Path)
    show.add_argument("--out", type=Path, help="where the drawing goes (area.html in the area's .cache)")
    add_language_to(show, "of what is said and drawn (the area's language)")
    show.set_defaults(run=_show)


def _new(args: argparse.Namespace) -> int:
    from optimizer.new_area import make_area, overpass

    extract = args.osm or overpass.download(args.place, args.folder)
    options = {"timezone": args.timezone, "holidays": args.holidays}
    made = make_area(
        args.folder, extract, name=args.name or args.place or args.folder.name, population=args.population,
        addresses=args.addresses, language=args.lang or "fr", **{k: v for k, v in options.items() if v},
    )  # fmt: skip
    print("\n".join(made.notes))
    print(f"ripeur plan {args.folder} --out {args.folder}-plan")
    return GOOD


def _show(args: argparse.Namespace) -> int:
    from dashboards.area import write_area_map
    from depot_api.basemap import basemap_of
    from optimizer.new_area import layers, summary, with_collections
    from optimizer.planning import Town

    town = Town.prepare(args.folder)
    lang = args.lang or town.area.language
    drawn = layers(town.area, town.extract, town.streets, town.demand)
    drawn = with_collections(drawn, town.area, (point for point, _ in town.drop_offs))
    path = args.out or _drawing_path(args.folder)
    write_area_map(drawn, basemap_of(town), town.area.name, path, lang)
    print("\n".join(summary(town.area, town.extract, town.streets, town.demand, lang)))
    print(f"  {path}")
    return GOOD


def _drawing_path(folder: Path) -> Path:
    """Beside what else is made from the area, or here where that cannot be written."""
    try:
        (folder / ".cache").mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / ".cache"):
            return folder / ".cache" / "area.html"
    except OSError:
        return Path("area.html")
