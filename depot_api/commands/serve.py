"""``ripeur serve``: the depot, or only a plan's pages."""

from __future__ import annotations

import argparse
import os
import socket
from contextlib import suppress
from pathlib import Path

from depot_api.commands.arguments import port
from depot_api.commands.db_option import DB_HELP
from depot_api.commands.exit_codes import GOOD


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``serve`` to ``ripeur``."""
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


def _serve(args: argparse.Namespace) -> int:
    if args.db is None:
        if args.plan is None:
            raise ValueError("serve: give --db URL to run the depot, or --plan DIR to show a plan")
        return serve_plan(args.plan, args.host, args.port)
    from depot_api.app.serving import serve_depot

    with listening_socket(args.host, args.port) as listener:
        return serve_depot(args.db, listener, args.area, args.clock, args.plan, args.settings)


def serve_plan(folder: Path, host: str, port: int) -> int:
    """Show a plan's pages until Ctrl-C."""
    import uvicorn

    from depot_api.app.plan_page import plan_pages

    app = plan_pages(folder)
    with listening_socket(host, port) as listener:
        print(f"http://localhost:{listener.getsockname()[1]}/plan (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
    return GOOD


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ``OSError`` with what to do instead."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        raise OSError(f"{host}, port {port}: cannot be served on ({error.strerror}); another --port?") from None
