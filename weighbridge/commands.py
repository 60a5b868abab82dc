"""The command line of ``weighbridge``: what its commands take, and which function runs them."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge import file_commands
from weighbridge.protocol_names import INDICATOR_PROTOCOLS

if TYPE_CHECKING:
    from weighbridge.bridge import Register

DATA = Path("bridge-data")


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this package's commands to ``ripeur``."""
    _weighbridge_parser(subparsers.add_parser("weighbridge", help="run at a bridge: weigh trucks, print tickets"))
    _bridge_parser(subparsers.add_parser("bridge", help="speak to a running bridge, reprint, export"))
    file_commands.add_to(subparsers)


def _weighbridge_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", required=True, help="the site's id (S1)")
    parser.add_argument("--port", required=True, help="/dev/ttyUSB0, socket://HOST:PORT or rfc2217://HOST:PORT")
    parser.add_argument("--protocol", required=True, choices=INDICATOR_PROTOCOLS)
    parser.add_argument("--baud", type=int, help="of the indicator (9600)")
    parser.add_argument("--bits", type=int, choices=(7, 8), default=8)
    parser.add_argument("--parity", choices=("none", "even", "odd"), default="none")
    parser.add_argument("--unit", choices=("kg", "t", "lb"), default="kg", help="of frames that name none (Rinstrum A)")
    parser.add_argument("--dummy-zeros", choices=("sent", "not-sent"), help="MT: whether the frames hold painted zeros")
    parser.add_argument("--date-format", default="%d.%m.%y", help="SysTec: as set at the instrument (%%d.%%m.%%y)")
    parser.add_argument("--instrument", default="bridge", help="its name in every weighing")
    parser.add_argument("--trucks", type=Path, metavar="area.toml", help="the trucks' plates, tags and weights")
    parser.add_argument("--tags", metavar="KIND:PORT", help="a tag reader at the plate (fdxb-long:/dev/ttyUSB1)")
    parser.add_argument("--timezone", default="Europe/Paris")
    parser.add_argument("--stored-tares", action="store_true", help="close loads of trucks that left with their tare")
    parser.add_argument("--second-within", type=float, default=4.0, metavar="HOURS", help="then a truck has left (4)")
    parser.add_argument("--depot", metavar="URL", help="where facts go; the token is read from RIPEUR_TOKEN")
    parser.add_argument("--data", type=Path, default=DATA, help="the bridge's own folder (bridge-data)")
    parser.add_argument("--lang", choices=("fr", "en"), default="fr", help="of tickets")
    parser.add_argument("--clock", help="for drills: 2026-11-23T05:00:00Z x20")
    parser.set_defaults(run=_weighbridge)


def _weighbridge(args: argparse.Namespace) -> int:
    import logging

    from onboard.clock import clock_from
    from onboard.outbox import DepotClient
    from onboard.sensors.serial_line import SerialSettings
    from weighbridge.bridge import BridgeFiles, BridgeInputs, BridgeSettings, run_bridge, trucks_of
    from weighbridge.indicator import FrameInterpreter, IndicatorLine, indicator_of

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    clock, files, protocol = clock_from(args.clock), BridgeFiles(args.data), indicator_of(args.protocol)
    inputs = BridgeInputs(
        depot=DepotClient(args.depot, os.environ.get("RIPEUR_TOKEN", "")) if args.depot else None,
        settings=BridgeSettings(
            site=args.site, instrument=args.instrument, timezone=args.timezone, stored_tares=args.stored_tares,
            second_within_s=args.second_within * 3600,
        ),
        files=files,
        trucks=trucks_of(args.trucks) if args.trucks else {},
        tags=args.tags,
        language=args.lang,
    )  # fmt: skip
    serial = SerialSettings(args.baud or protocol.baud, args.bits, args.parity)
    zeros = None if args.dummy_zeros is None else args.dummy_zeros == "sent"
    line = IndicatorLine(protocol, args.port, serial, clock, FrameInterpreter(args.unit, zeros, args.date_format))
    run_bridge(inputs, line, clock, _say)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


# --- ripeur bridge --------------------------------------------------------------------------------------------------


def _bridge_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, help: str, run: Any) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help)
        made.add_argument("--data", type=Path, default=DATA, help="the bridge's own folder (bridge-data)")
        made.set_defaults(run=run, do=name)
        return made

    action("status", "what stands on the plate, which loads are open", _bridge_status)
    for name, help in (("announce", "a truck is on its way"), ("type", "which truck stands on the plate")):
        made = action(name, help, _bridge_say)
        made.add_argument("truck", nargs="?")
        for option in ("--plate", "--product", "--flux"):
            made.add_argument(option)
    action("accept", "weigh it all the same: its papers are wrong", _bridge_say).add_argument("reason")
    action("close", "close an open load with the truck's stored tare", _bridge_say).add_argument("truck")
    tare = action("tare", "store a tare from a truck's papers", _bridge_say)
    tare.add_argument("truck")
    tare.add_argument("kg", type=float)
    correct = action("correct", "replace a ticket by a new one that points at it", _bridge_say)
    correct.add_argument("number")
    correct.add_argument("--reason", required=True)
    for option in ("--truck", "--plate", "--product", "--flux"):
        correct.add_argument(option)
    correct.add_argument("--tare-kg", type=float)
    correct.add_argument("--void", action="store_true")
    reprint = action("print", "a ticket's PDF once more", _bridge_print)
    reprint.add_argument("number")
    export = action("export", "a day's tickets as CSV", _bridge_export)
    export.add_argument("--date", type=date.fromisoformat, required=True)
    for made in (reprint, export):
        made.add_argument("--out", type=Path)
        made.add_argument("--timezone", default="Europe/Paris")
    reprint.add_argument("--lang", choices=("fr", "en"), default="fr")
    drill = actions.add_parser("drill", help="an indicator that is not there, on a pty; trucks are typed")
    drill.add_argument("--protocol", choices=INDICATOR_PROTOCOLS, required=True)
    drill.add_argument("--baud", type=int)
    drill.add_argument("--clock")
    drill.set_defaults(run=_bridge_drill)


def _bridge_say(args: argparse.Namespace) -> int:
    from weighbridge.bridge import BridgeFiles, ask_bridge

    given = {
        k: v for k, v in vars(args).items() if k not in ("run", "data", "clock") and v is not None and v is not False
    }
    answer = ask_bridge(BridgeFiles(args.data), given)
    if "number" in answer:
        print(f"{answer['number']}: {answer['net_kg']:g} kg net")
    return 0


def _bridge_status(args: argparse.Namespace) -> int:
    from weighbridge.bridge import BridgeFiles, ask_bridge, status_lines

    for line in status_lines(ask_bridge(BridgeFiles(args.data), {"do": "status"})):
        print(line)
    return 0


def _register(args: argparse.Namespace) -> Register:
    from weighbridge.bridge import BridgeFiles, Register

    path = BridgeFiles(args.data).register
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file, must be a bridge's register")
    return Register.open_read_only(path)


def _bridge_print(args: argparse.Namespace) -> int:
    from weighbridge.bridge import ticket_sheet, write_pdf

    register = _register(args)
    ticket = register.ticket(args.number)
    path = args.out or Path(f"{ticket.number}.pdf")
    write_pdf(ticket_sheet(register, ticket, args.timezone, copy=True), path, args.lang)
    print(path)
    return 0


def _bridge_export(args: argparse.Namespace) -> int:
    from zoneinfo import ZoneInfo

    from weighbridge.bridge import day_csv, local_day_bounds, ticket_sheet

    since, until = local_day_bounds(args.date, ZoneInfo(args.timezone))
    register = _register(args)
    text = day_csv([ticket_sheet(register, ticket, args.timezone) for ticket in register.tickets(since, until)])
    if args.out is None:
        print(text, end="")
    else:
        args.out.write_text(text, encoding="utf-8")
        print(args.out)
    return 0


def _bridge_drill(args: argparse.Namespace) -> int:
    from onboard.clock import clock_from
    from weighbridge.indicator import Platform, PtyIndicator, SimulatedIndicator, indicator_of

    clock = clock_from(args.clock)
    platform = Platform(clock=clock)
    indicator = SimulatedIndicator(protocol=indicator_of(args.protocol), platform=platform, clock=clock)
    with PtyIndicator(indicator, args.baud) as pty:
        print(f"{pty.port}  (on KG, off, drift KG; Ctrl-D ends)", flush=True)
        with suppress(KeyboardInterrupt):
            for line in sys.stdin:
                if not platform.obey(line):
                    print("on KG, off or drift KG")
    return 0
