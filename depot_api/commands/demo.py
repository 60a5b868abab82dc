"""``ripeur demo``: the next working day of an area planned, then served, or driven."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from depot_api.commands.arguments import port
from depot_api.commands.exit_codes import GOOD
from depot_api.commands.plan import add_search_options_to, run_plan
from depot_api.commands.serve import listening_socket, serve_plan

DEMO_BUDGET_S = 60.0


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``demo`` to ``ripeur``."""
    demo = subparsers.add_parser("demo", help="plan the next working day of an area, then serve the result")
    demo.add_argument("area", type=Path, nargs="?", default=Path("data/monaco"))
    demo.add_argument("--out", type=Path, default=Path("demo-plan"))
    add_search_options_to(demo, DEMO_BUDGET_S)
    demo.add_argument("--port", type=port, default=8000)
    demo.add_argument("--no-serve", action="store_true")
    demo.add_argument("--drive", action="store_true", help="then drive two hours of the plan in six minutes, and end")
    demo.set_defaults(run=_demo, host="127.0.0.1", date=None, replace=True, what_if=None)


def _demo(args: argparse.Namespace) -> int:
    if not (args.no_serve or args.drive):
        listening_socket(args.host, args.port).close()  # said before the long work, not after
    code = run_plan(args)
    if code == GOOD and args.drive:
        _become_drill(args)
    if code != GOOD or args.no_serve:
        return code
    return serve_plan(args.out, args.host, args.port)


def _become_drill(args: argparse.Namespace) -> None:
    """Start ``ripeur drill`` in this process's place: a planner's memory is not needed any more."""
    sys.stdout.flush()
    lang = ["--lang", args.lang] if args.lang else []
    drill = ["drill", str(args.out), "--area", str(args.area), "--port", str(args.port), *lang]
    os.execv(sys.executable, [sys.executable, "-m", "ripeur", *drill])
