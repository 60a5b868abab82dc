"""The command line of other people's files: ``ripeur tickets import`` and ``ripeur sorting import``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet import Fact, Ticket


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the imports to ``ripeur``."""
    _tickets_parser(subparsers.add_parser("tickets", help="import a plant operator's ticket file"))
    _sorting_parser(subparsers.add_parser("sorting", help="import a sorting plant's report or a sampling campaign"))


def _file_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--mapping", type=Path, required=True, help="TOML: what the columns mean (docs/weighbridge.md)")
    parser.add_argument("--site", required=True)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--depot", metavar="URL", help="send them; the token is read from RIPEUR_TOKEN")
    where.add_argument("--out", type=Path, help="write them as JSON lines")


def _tickets_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    take = actions.add_parser("import", help="CSV: ticket, in, out, plate, product, gross, tare, net")
    _file_options(take)
    take.add_argument("--trucks", type=Path, metavar="area.toml", help="to match number plates to trucks")
    take.add_argument("--plan", type=Path, metavar="plan.json", help="to match tickets to its trips by truck and time")
    take.set_defaults(run=_tickets_import)


def _sorting_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    take = actions.add_parser("import", help="CSV: a day's or shift's report, or samples of single loads")
    _file_options(take)
    take.set_defaults(run=_sorting_import)


def _tickets_import(args: argparse.Namespace) -> int:
    from weighbridge.balance import match_tickets, read_tickets, ticket_format, trips_of
    from weighbridge.bridge import trucks_of

    trucks = trucks_of(args.trucks) if args.trucks else {}
    reading = read_tickets(args.file, ticket_format(args.mapping), args.site, trucks)
    _print_faults(reading.refused, reading.doubtful)
    for code, count in reading.unknown_products.items():
        print(f"product {code}: no flux of ours, {count} tickets")
    for ticket in reading.strangers if trucks else ():
        print(f"no truck of ours: {_ticket_line(ticket)}")
    if args.plan is not None:
        from fleet import Plan

        pairing = match_tickets(reading.tickets, trips_of(Plan.read(args.plan), args.site))
        for ticket in pairing.tickets_alone:
            print(f"no trip of the plan: {_ticket_line(ticket)}")
        for trip in pairing.trips_alone:
            print(f"no ticket: {trip.tour}, {trip.truck}, {trip.at.isoformat()}")
    return _hand_over(reading.tickets, args, refused=len(reading.refused))


def _print_faults(refused: tuple[str, ...], doubtful: tuple[str, ...]) -> None:
    for line in refused:
        print(f"refused: {line}")
    for line in doubtful:
        print(f"doubtful: {line}")


def _ticket_line(ticket: Ticket) -> str:
    return f"{ticket.number}, plate {ticket.plate or '-'}, {ticket.at.isoformat()}, {ticket.net_kg:g} kg"


def _sorting_import(args: argparse.Namespace) -> int:
    from weighbridge.balance import read_sorting, sorting_format

    reading = read_sorting(args.file, sorting_format(args.mapping), args.site)
    _print_faults(reading.refused, reading.doubtful)
    return _hand_over(reading.facts, args, refused=len(reading.refused))


def _hand_over(facts: Sequence[Fact], args: argparse.Namespace, refused: int) -> int:
    """Hand facts to the depot, or a file, or count them. 1 where a row or a fact was refused."""
    import json

    from onboard.outbox import DepotClient

    known = [fact.to_json() for fact in facts]
    if args.out is not None:
        args.out.write_text("".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in known), encoding="utf-8")
    elif args.depot is not None:
        depot = DepotClient(args.depot, os.environ.get("RIPEUR_TOKEN", ""))
        for id, why in depot.send_all(known):
            print(f"refused by the depot: {id}: {why}")
            refused += 1
    print(f"{len(known)} read, {refused} refused")
    return 1 if refused else 0
