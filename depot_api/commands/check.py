"""``ripeur check``: a plan, whoever made it, judged against the raw map."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depot_api.commands.arguments import add_language_to
from depot_api.commands.exit_codes import FAULTY, GOOD


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check`` to ``ripeur``."""
    check = subparsers.add_parser("check", help="judge a plan, whoever made it, against the raw map")
    check.add_argument("plan", type=Path, metavar="plan.json", help="the file, or the folder that holds it")
    check.add_argument("--area", type=Path, help="the area's folder (else the one that the plan names)")
    add_language_to(check, "of what is said (the area's language)")
    check.set_defaults(run=_check)


def _check(args: argparse.Namespace) -> int:
    from optimizer.area import area_of_plan, holds_area, read_area
    from optimizer.check import check_file, claimed_coverage, report_lines

    path = args.plan / "plan.json" if args.plan.is_dir() else args.plan
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file, must be a plan.json or a folder that holds one")
    folder = args.area
    if folder is None:
        folder = area_of_plan(path)  # None: the checker says what is malformed
        if folder is not None and not holds_area(folder):
            print(f"ripeur: the plan's area, {folder}, is not there; say where it is: --area DIR", file=sys.stderr)
    area = read_area(folder) if folder is not None and holds_area(folder) else None
    report = check_file(path, area, folder)
    lang = args.lang or (area.language if area else "en")
    print("\n".join(report_lines(report, lang)))
    covered = claimed_coverage(path)
    if covered is not None:
        from dashboards.shared import catalogue_text, format_number

        print(catalogue_text("t_covered_claimed", lang, covered=format_number(covered * 100, lang, 1)))
    return GOOD if report.ok else FAULTY
