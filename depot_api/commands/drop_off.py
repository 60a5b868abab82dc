"""``ripeur drop-off-points``: an area's drop-off points (glass banks …) imported, exported, shown."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from depot_api.commands.arguments import add_language_to
from depot_api.commands.exit_codes import FAULTY, GOOD


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``drop-off-points`` to ``ripeur``."""
    parser = subparsers.add_parser("drop-off-points", help="import, export or show drop-off points (glass banks …)")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    importing = actions.add_parser("import", help="from an OSM extract, or a town's CSV or GeoJSON")
    importing.add_argument("file", type=Path)
    importing.add_argument("--area", type=Path, required=True)
    importing.add_argument(
        "--mapping", type=Path, help="TOML: what the columns and words mean (docs/drop-off-points.md)"
    )
    importing.add_argument("--anywhere", action="store_true", help="keep points outside the area's extract")
    importing.add_argument("--replace", action="store_true", help="overwrite the area's points")
    add_language_to(importing, "of what is said (the area's language)")
    importing.set_defaults(run=_import)
    exporting = actions.add_parser("export", help="GeoJSON and CSV, with licence and date")
    exporting.add_argument("--area", type=Path, required=True)
    exporting.add_argument("--out", type=Path, required=True)
    exporting.add_argument("--licence", help="lov2, say; ODbL-1.0 where points come from OpenStreetMap")
    add_language_to(exporting, "of field names and values (the area's language)")
    exporting.add_argument("--replace", action="store_true")
    exporting.set_defaults(run=_export)
    showing = actions.add_parser("show", help="count by flux and commune")
    showing.add_argument("--area", type=Path, required=True)
    add_language_to(showing, "of what is said (the area's language)")
    showing.set_defaults(run=_show)


def _import(args: argparse.Namespace) -> int:
    from optimizer.area import read_area
    from optimizer.drop_off import (
        ColumnMapping,
        listing_lines,
        points_file,
        read_points,
        unnamed_file_hint,
        write_points_csv,
        write_refused_rows,
    )

    area = read_area(args.area)
    lang = args.lang or area.language
    stored = points_file(area)
    if stored.exists() and not args.replace:
        raise FileExistsError(f"{stored}: already there, not overwritten (--replace)")
    mapping = ColumnMapping.read(args.mapping) if args.mapping else ColumnMapping()
    reading = read_points(args.file, area, mapping, anywhere=args.anywhere)
    print("\n".join(listing_lines(reading, lang, area.flux_labels)))
    refused = write_refused_rows(reading, area, lang)
    if refused is not None:
        print(refused)
    if not reading.points:
        return FAULTY  # nothing good: the area keeps what it has
    write_points_csv(reading.points, stored)
    print(stored)
    if area.demand.drop_off_points is None:
        print(unnamed_file_hint(stored.name, lang))
    return GOOD


def _export(args: argparse.Namespace) -> int:
    from dashboards.area import open_data
    from optimizer.area import read_area
    from optimizer.drop_off import stored_points

    area = read_area(args.area)
    points = stored_points(area)
    today = date.today()  # noqa: DTZ011 - the publisher's own day
    terms = open_data.publication_terms(points, area.name, today, args.licence, args.lang or area.language)
    for path in open_data.write_open_data(points, terms, args.out, args.replace):
        print(path)
    return GOOD


def _show(args: argparse.Namespace) -> int:
    from optimizer.area import read_area
    from optimizer.drop_off import ImportResult, listing_lines, stored_points

    area = read_area(args.area)
    reading = ImportResult(points=tuple(stored_points(area)))
    print("\n".join(listing_lines(reading, args.lang or area.language, area.flux_labels)))
    return GOOD
