"""``ripeur publish``: a plan put in force at the depot, over the network as any client does it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from depot_api.commands.exit_codes import FAULTY, GOOD


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``publish`` to ``ripeur``."""
    publish = subparsers.add_parser("publish", help="put a plan in force at the depot (token in RIPEUR_TOKEN)")
    publish.add_argument("folder", type=Path, metavar="DIR", help="a folder that `ripeur plan` wrote")
    publish.add_argument("--depot", required=True, metavar="URL", help="https://depot.example")
    publish.add_argument("--area", type=Path, help="the area's folder (else the one that the plan names)")
    publish.add_argument("--why", default="", help="why there is a new version: told to the crews")
    publish.add_argument("--anyway", action="store_true", help="publish it though the checker finds faults")
    publish.set_defaults(run=_publish)


def _publish(args: argparse.Namespace) -> int:
    from depot_api.plans import faults_of, publication, send

    body = publication(args.folder, args.area, args.why)
    faults = faults_of(args.folder, args.area)
    if faults is None:
        print("the plan's area is not at hand (--area DIR): published without the checker", file=sys.stderr)
    elif faults:
        print("\n".join(faults), file=sys.stderr)
        if not args.anyway:
            print("ripeur: the checker found faults, nothing published (--anyway publishes it)", file=sys.stderr)
            return FAULTY
    answer = send(body, args.depot, os.environ.get("RIPEUR_TOKEN", ""))
    print(f"{answer['date']}: version {answer['version']} is in force")
    return GOOD
