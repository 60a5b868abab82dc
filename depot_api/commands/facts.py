"""``ripeur facts``, ``ripeur backup`` and ``ripeur restore``: what the depot's database holds, shown and copied."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depot_api.commands.arguments import utc_instant
from depot_api.commands.db_option import add_db_to
from depot_api.commands.exit_codes import GOOD
from fleet import KINDS


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``facts`` to ``ripeur``."""
    facts = subparsers.add_parser("facts", help="print stored facts as JSON lines, oldest first: nothing seen off duty")
    add_db_to(facts)
    facts.add_argument("--kind", action="append", choices=tuple(KINDS), help="only of this kind (may be repeated)")
    facts.add_argument("--truck", "--site", dest="who", help="only of this truck, or site")
    facts.add_argument("--since", type=utc_instant, help="only observed from this instant on (2026-11-20T05:00:00Z)")
    facts.add_argument("--until", type=utc_instant, help="only observed before this instant")
    facts.add_argument(
        "--off-duty", action="store_true", help="what was seen off duty too: all that is kept, for whom it is about"
    )
    facts.set_defaults(run=_facts)


def add_backup_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``backup`` and ``restore`` to ``ripeur``."""
    backup = subparsers.add_parser("backup", help="copy the depot's database into one file, while it runs")
    add_db_to(backup)
    backup.add_argument("--out", type=Path, required=True, help="the file to write (a SQLite database)")
    backup.add_argument("--replace", action="store_true", help="overwrite the file")
    backup.set_defaults(run=_backup)
    restore = subparsers.add_parser("restore", help="fill a new database from a backup")
    restore.add_argument("backup", type=Path, metavar="FILE", help="what `ripeur backup` wrote")
    add_db_to(restore)
    restore.set_defaults(run=_restore)


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


def _backup(args: argparse.Namespace) -> int:
    from depot_api.store import back_up

    print(f"{args.out}: {back_up(args.db, args.out, args.replace)} facts")
    return GOOD


def _restore(args: argparse.Namespace) -> int:
    from depot_api.store import restore

    print(f"{restore(args.backup, args.db)} facts restored")
    return GOOD
