"""``ripeur drill``: a window of a plan driven by simulated trucks through the real programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from depot_api.commands.arguments import add_language_to, integer_between, port


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``drill`` to ``ripeur``."""
    drill = subparsers.add_parser(
        "drill", help="drive a window of a plan: simulated trucks, real boxes, bridges and depot"
    )
    drill.add_argument("plan", type=Path, metavar="PLAN", help="a folder that `ripeur plan` wrote")
    drill.add_argument("--area", type=Path, required=True, help="the area's folder")
    drill.add_argument("--minutes", type=float, default=6.0, metavar="M", help="how long it lasts (6)")
    drill.add_argument("--speed", type=float, default=20.0, metavar="X", help="times as fast as real time (20)")
    drill.add_argument("--seed", type=integer_between(0), default=1, help="of the simulated trucks")
    drill.add_argument("--trucks", type=integer_between(1), help="at most so many (all that are out)")
    drill.add_argument("--port", type=port, default=8000, help="of the depot; any other where it is taken")
    drill.add_argument("--prepare", type=float, default=30.0, metavar="S", help="to start everything, at least (30)")
    drill.add_argument("--no-gpsd", action="store_true", help="boxes replay their sentences, though gpsd is here")
    add_language_to(drill, "of what is said (the area's language)")
    drill.set_defaults(run=_drill)


def _drill(args: argparse.Namespace) -> int:
    from depot_api.drill.run import DrillSettings, run_drill
    from optimizer.area import read_area

    settings = DrillSettings(
        folder=args.plan,
        area=args.area,
        minutes=args.minutes,
        speed=args.speed,
        seed=args.seed,
        port=args.port,
        lang=args.lang or read_area(args.area).language,
        trucks=args.trucks,
        gpsd=not args.no_gpsd,
        preparation_s=args.prepare,
    )
    return run_drill(settings)
