"""The command line of ``onboard``: what its commands take, and which function runs them."""

from __future__ import annotations

import argparse
import base64
import json
import os
from pathlib import Path
from typing import Any

import fleet

GOOD, REFUSED = 0, 1


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this package's commands to ``ripeur``."""
    _add_onboard(subparsers)
    _add_crew(subparsers)
    outbox = subparsers.add_parser("outbox", help="show what an outbox holds, and what the depot refused")
    outbox.add_argument("file", type=Path, help="outbox.db of a box or a bridge")
    outbox.add_argument("--json", action="store_true", help="one refused fact a line, with why, for programs")
    outbox.set_defaults(run=_outbox)


def _add_onboard(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    box = subparsers.add_parser(
        "onboard", help="run a truck's box", description="The token is read from RIPEUR_TOKEN. See docs/onboard.md."
    )
    box.add_argument("--truck", required=True, help="the truck's name in area.toml")
    box.add_argument("--depot", required=True, metavar="URL", help="where the depot is")
    box.add_argument("--data", type=Path, default=Path("box-data"), help="what the box keeps (default: %(default)s)")
    box.add_argument("--gpsd", metavar="HOST:PORT", default="127.0.0.1:2947", help="default: %(default)s")
    box.add_argument("--lifts", metavar="SOURCES", help="tag readers and lift contacts; see docs/sensors.md")
    box.add_argument("--scale", metavar="SOURCE", help="an on-board scale")
    box.add_argument("--bus", "--can", metavar="SOURCE", help="the vehicle's bus, for speed, power take-off, totals")
    instead = box.add_mutually_exclusive_group()
    instead.add_argument("--replay", type=Path, metavar="FILE", help="play a recording (GPX, NMEA, CSV …), not gpsd")
    instead.add_argument("--simulate", type=Path, metavar="PLAN", help="drive the truck's tour of a plan's folder")
    box.add_argument("--seed", type=int, default=1, help="chance of --simulate (default: %(default)s)")
    box.add_argument("--clock", metavar="TEXT", help="a drill: '2026-11-23T05:00:00Z x20'")
    box.add_argument("--always-on-duty", action="store_true", help="track from the start: no crew speaks to this box")
    box.add_argument("--every-fix", action="store_true", help="record every fix, unthinned")
    box.add_argument("--quota-mb", type=float, default=256.0, help="the most the outbox takes (default: %(default)g)")
    box.set_defaults(run=_onboard)


def _add_crew(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    crew = subparsers.add_parser("crew", help="speak to a truck's box as its crew does")
    crew.add_argument("--socket", type=Path, default=Path("box-data/crew.sock"), help="default: %(default)s")
    does = crew.add_subparsers(required=True, metavar="WHAT", dest="do")
    duty = does.add_parser("duty", help="service, breaks, tracking on and off")
    duty.add_argument("state", choices=fleet.DUTY_STATES)
    outcome = does.add_parser("outcome", help="what came of a street or a point")
    outcome.add_argument("task")
    outcome.add_argument("outcome", choices=fleet.OUTCOMES)
    incident = does.add_parser("incident", help="what was met on the way")
    incident.add_argument("category", choices=fleet.INCIDENTS)
    incident.add_argument("--task")
    message = does.add_parser("message", help="a line to the planner")
    message.add_argument("text")
    message.add_argument("--answers", metavar="ID", help="the message that this replies to")
    for parser in (duty, outcome, incident):
        parser.add_argument("--tour")
    for parser in (outcome, incident):
        parser.add_argument("--note")
        parser.add_argument("--photo", type=Path, action="append", default=[])
    does.add_parser("status", help="how the box is, and whether it tracks")
    does.add_parser("tour", help="the tour in force")
    does.add_parser("messages", help="what the planner wrote")
    crew.set_defaults(run=_crew)


def _onboard(args: argparse.Namespace) -> int:
    import logging

    from onboard.box.agent import run_box
    from onboard.box.settings import BoxSettings, gpsd_address
    from onboard.clock import clock_from
    from onboard.recording import EVERY_FIX, ThinningRules

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = BoxSettings(
        truck=args.truck,
        depot_url=args.depot,
        token=os.environ.get("RIPEUR_TOKEN", ""),
        data=args.data,
        gpsd=gpsd_address(args.gpsd),
        lifts=args.lifts,
        scale=args.scale,
        bus=args.bus,
        replay=args.replay,
        simulate=args.simulate,
        seed=args.seed,
        always_on_duty=args.always_on_duty,
        thinning=EVERY_FIX if args.every_fix else ThinningRules(),
        quota_bytes=int(args.quota_mb * 2**20),
    )
    return run_box(settings, clock_from(args.clock))


def _crew(args: argparse.Namespace) -> int:
    from onboard.box.crew import ask_box

    names = ("do", "state", "task", "outcome", "category", "text", "answers", "tour", "note")
    request: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
    photos = [base64.b64encode(path.read_bytes()).decode() for path in getattr(args, "photo", ())]
    answer = ask_box(args.socket, request | ({"photos": photos} if photos else {}))
    print(json.dumps(answer, ensure_ascii=False, indent=None if args.do in ("duty", "message") else 2))
    return GOOD if answer.get("ok") else REFUSED


def _outbox(args: argparse.Namespace) -> int:
    from onboard.outbox import read_outbox

    counts, refused = read_outbox(args.file)
    if args.json:
        for fact, why in refused:
            print(json.dumps({"why": why, "fact": fact}, ensure_ascii=False))
        return REFUSED if refused else GOOD
    print(
        f"{args.file}: {counts.pending} facts and {counts.photos} photos wait for the depot, "
        f"{counts.thinned} positions were thinned for want of room, {counts.refused} are refused, "
        f"{counts.unreadable} cannot be read"
    )
    for aside in sorted(args.file.parent.glob(f"{args.file.name}.damaged-*")):
        print(f"  {aside}: was damaged; what could be read of it was taken over")
    for fact, why in refused:
        print(f"  {fact.get('at', '')}  {fact.get('kind')} {fact.get('id')}: {why}")
    return REFUSED if refused else GOOD
