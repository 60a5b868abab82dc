"""The command line of ``depot_api``: what its commands take, and which function runs them."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from depot_api.commands.db_option import DB_HELP, add_db_to
from fleet import KINDS, instant

GOOD, FAULTY = 0, 1


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this package's commands to ``ripeur``."""
    _add_serve(subparsers)
    facts = subparsers.add_parser("facts", help="print stored facts as JSON lines, oldest first: nothing seen off duty")
    add_db_to(facts)
    facts.add_argument("--kind", action="append", choices=tuple(KINDS), help="only of this kind (may be repeated)")
    facts.add_argument("--truck", "--site", dest="who", help="only of this truck, or site")
    facts.add_argument("--since", type=_instant, help="only observed from this instant on (2026-11-20T05:00:00Z)")
    facts.add_argument("--until", type=_instant, help="only observed before this instant")
    facts.add_argument(
        "--off-duty", action="store_true", help="what was seen off duty too: all that is kept, for whom it is about"
    )
    facts.set_defaults(run=_facts)

    publish = subparsers.add_parser("publish", help="put a plan in force at the depot (token in RIPEUR_TOKEN)")
    publish.add_argument("folder", type=Path, metavar="DIR", help="a folder that `ripeur plan` wrote")
    publish.add_argument("--depot", required=True, metavar="URL", help="https://depot.example")
    publish.add_argument("--area", type=Path, help="the area's folder (else the one that the plan names)")
    publish.add_argument("--why", default="", help="why there is a new version: told to the crews")
    publish.add_argument("--anyway", action="store_true", help="publish it though the checker finds faults")
    publish.set_defaults(run=_publish)

    backup = subparsers.add_parser("backup", help="copy the depot's database into one file, while it runs")
    add_db_to(backup)
    backup.add_argument("--out", type=Path, required=True, help="the file to write (a SQLite database)")
    backup.add_argument("--replace", action="store_true", help="overwrite the file")
    backup.set_defaults(run=_backup)
    restore = subparsers.add_parser("restore", help="fill a new database from a backup")
    restore.add_argument("backup", type=Path, metavar="FILE", help="what `ripeur backup` wrote")
    add_db_to(restore)
    restore.set_defaults(run=_restore)
    if find_spec("depot_api.commands.people") is not None:
        import_module("depot_api.commands.people").add_to(subparsers)
    import_module("depot_api.commands.balance").add_to(subparsers)


def _add_serve(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = subparsers.add_parser("serve", help="run the depot (--db), or only show a plan's pages (--plan)")
    serve.add_argument("--db", default=os.environ.get("RIPEUR_DB"), metavar="URL", help=DB_HELP)
    serve.add_argument("--area", type=Path, help="the area's folder: its streets are what tours are followed on")
    serve.add_argument("--plan", type=Path, help="a folder that `ripeur plan` wrote, shown at /plan")
    serve.add_argument(
        "--settings", type=Path, metavar="depot.toml", help="identity provider, terms of retention, mail"
    )
    serve.add_argument("--clock", metavar="TEXT", help="for drills: '2026-11-23T05:00:00Z x20'")
    serve.add_argument("--port", type=port, default=8000)
    serve.add_argument("--host", default="127.0.0.1")
    serve.set_defaults(run=_serve)


def port(text: str) -> int:
    """A port, 0 for any that is free."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r}, must be a whole number, 0 to 65535")
    return value


def _instant(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# --- serve -------------------------------------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    if args.db is None:
        if args.plan is None:
            raise ValueError("serve: give --db URL to run the depot, or --plan DIR to show a plan")
        return serve_plan(args.plan, args.host, args.port)
    from depot_api.app.serving import serve_depot

    with listening(args.host, args.port) as door:
        return serve_depot(args.db, door, args.area, args.clock, args.plan, args.settings)


def serve_plan(folder: Path, host: str, port: int) -> int:
    """Show a plan's pages until Ctrl-C."""
    import uvicorn

    from depot_api.app.plan_page import plan_pages

    app = plan_pages(folder)
    with listening(host, port) as door:
        print(f"http://localhost:{door.getsockname()[1]}/plan (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[door])
    return GOOD


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ``OSError`` with what to do instead."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        raise OSError(f"{host}, port {port}: cannot be served on ({error.strerror}); another --port?") from None


# --- facts, publish, backup --------------------------------------------------------------------------------------


def _facts(args: argparse.Namespace) -> int:
    from depot_api.duty import Roster
    from depot_api.store import Store

    left_out = 0
    with Store(args.db, make=False) as store:
        roster = Roster(store)
        for fact in store.facts(args.kind, args.who, args.since, args.until):
            body = fact.body if args.off_duty else roster.releasable_body(fact)
            if body is None:
                left_out += 1
            else:
                sys.stdout.write(body + "\n")
        sys.stdout.flush()
    if left_out:
        print(f"{left_out} facts left out: seen off duty, or by a wrong clock (--off-duty)", file=sys.stderr)
    return GOOD


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
    answer: dict[str, Any] = send(body, args.depot, os.environ.get("RIPEUR_TOKEN", ""))
    print(f"{answer['date']}: version {answer['version']} is in force")
    return GOOD


def _backup(args: argparse.Namespace) -> int:
    from depot_api.store import back_up

    print(f"{args.out}: {back_up(args.db, args.out, args.replace)} facts")
    return GOOD


def _restore(args: argparse.Namespace) -> int:
    from depot_api.store import restore

    print(f"{restore(args.backup, args.db)} facts restored")
    return GOOD
