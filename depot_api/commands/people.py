"""``ripeur token``, ``ripeur user`` and ``ripeur retention``: who may come in, and what goes out."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from depot_api.commands.db_option import add_db_to
from depot_api.commands.exit_codes import FAULTY, GOOD
from depot_api.settings import PEOPLE, TOKEN_KINDS

if TYPE_CHECKING:
    from depot_api.known_time import Doubt, RetentionRefusal
    from depot_api.state import Depot


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these commands to ``ripeur``."""
    token = subparsers.add_parser(
        "token", help="a new token of a box, bridge, plant, town, planner or monitor; list or revoke them"
    )
    actions = token.add_subparsers(required=True, metavar="KIND|list|revoke")
    for kind in TOKEN_KINDS:
        new = actions.add_parser(kind, help=f"print a new token of a {kind}, once")
        new.add_argument("name", metavar="NAME", help=_NAMES[kind])
        add_db_to(new)
        new.set_defaults(run=_token_new, kind=kind)
    shown = actions.add_parser("list", help="all tokens ever made, without the tokens themselves")
    add_db_to(shown)
    shown.set_defaults(run=_token_list)
    revoke_token = actions.add_parser("revoke", help="refuse a token from now on (at once; a running depot within 2 s)")
    revoke_token.add_argument("id", type=int, metavar="ID", help="as `ripeur token list` shows it")
    add_db_to(revoke_token)
    revoke_token.set_defaults(run=_token_revoke)
    _user_parser(subparsers)
    retention = subparsers.add_parser("retention", help="delete what is past its term (the depot does it nightly)")
    add_db_to(retention)
    retention.add_argument("--dry-run", action="store_true", help="only count it")
    retention.add_argument("--settings", type=Path, metavar="FILE", help="the depot's settings, with its [retention]")
    retention.add_argument("--area", type=Path, metavar="DIR", help="distil proof of service first, on this area")
    word = retention.add_mutually_exclusive_group()
    word.add_argument("--clock-is-right", metavar="WHY", help="decide a refusal: delete by this clock, all that is due")
    word.add_argument("--clock-was-wrong", metavar="WHY", help="decide a refusal: keep, ask again in seven days")
    word.add_argument("--yes", nargs=2, metavar=("PURPOSE", "WHY"), help="delete what asks (weighings, working_time)")
    retention.set_defaults(run=_retention)


_NAMES = {
    "box": "the truck",
    "bridge": "the site",
    "plant": "the site",
    "town": "the commune",
    "planner": "who or what uses it",
    "monitor": "who or what uses it",
}


def _user_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    user = subparsers.add_parser("user", help="people who log in: add, change, disable, enable, list")
    actions = user.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="a new account")
    change = actions.add_parser("change", help="another role, other trucks, a new password; the sessions end")
    for parser in (add, change):
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--role", choices=PEOPLE, required=parser is add)
        parser.add_argument("--for", dest="bound_to", action="append", metavar="TRUCK|COMMUNE",
                            help="a contractor's truck, a town's commune (again for more)")  # fmt: skip
    add.add_argument("--generate", action="store_true", help="make the password and print it once, instead of asking")
    new = change.add_mutually_exclusive_group()
    new.add_argument("--generate", action="store_true", help="make a new password and print it once")
    new.add_argument("--password", action="store_true", help="ask for a new password")
    add_db_to(add)
    add_db_to(change)
    add.set_defaults(run=_user_add)
    change.set_defaults(run=_user_change)
    for action, says in (("disable", "nobody logs in to it any more"), ("enable", "it may be used again")):
        parser = actions.add_parser(action, help=says)
        parser.add_argument("name", metavar="NAME")
        add_db_to(parser)
        parser.set_defaults(run=_user_switch, action=action)
    shown = actions.add_parser("list", help="all accounts")
    add_db_to(shown)
    shown.set_defaults(run=_user_list)


def _token_new(args: argparse.Namespace) -> int:
    from depot_api.accounts import make_token
    from depot_api.store import Store

    with Store(args.db) as store:
        print(make_token(store, args.kind, args.name))
    print(f"token of {args.kind} {args.name}, shown this once: give it as RIPEUR_TOKEN", file=sys.stderr)
    return GOOD


def _token_list(args: argparse.Namespace) -> int:
    from depot_api.accounts import issued_tokens
    from depot_api.store import Store

    with Store(args.db) as store:
        for token in issued_tokens(store):
            state = f"revoked {token.revoked:%Y-%m-%d %H:%M}Z" if token.revoked else "in force"
            print(f"{token.id:5} {token.kind:8} {token.name:24} made {token.created:%Y-%m-%d} {state}")
    return GOOD


def _token_revoke(args: argparse.Namespace) -> int:
    from depot_api.accounts import revoke_token
    from depot_api.store import Store

    with Store(args.db) as store:
        done = revoke_token(store, args.id)
    print(f"token {args.id}: {'revoked' if done else 'none in force has this number'}")
    return GOOD if done else FAULTY


def _user_add(args: argparse.Namespace) -> int:
    from depot_api.accounts import users
    from depot_api.store import Store

    password = _password(ask=not args.generate)
    with Store(args.db) as store:
        users.add_account(
            store, args.name, args.role, password=password, now=datetime.now(UTC), bound_to=args.bound_to or ()
        )
    _print_change(args, password)
    return GOOD


def _user_change(args: argparse.Namespace) -> int:
    from depot_api.accounts import users
    from depot_api.store import Store

    password = _password(ask=not args.generate) if args.generate or args.password else None
    with Store(args.db) as store:
        users.change_account(store, args.name, role=args.role, bound_to=args.bound_to, password=password)
    _print_change(args, password)
    return GOOD


def _user_switch(args: argparse.Namespace) -> int:
    from depot_api.accounts import users
    from depot_api.store import Store

    with Store(args.db) as store:
        if args.action == "disable":
            users.disable_account(store, args.name, datetime.now(UTC))
        else:
            users.enable_account(store, args.name)
    print(f"account {args.name}: {args.action}d")
    return GOOD


def _user_list(args: argparse.Namespace) -> int:
    from depot_api.accounts import users
    from depot_api.store import Store

    with Store(args.db) as store:
        for account in users.all_accounts(store):
            state = f"disabled {account.disabled:%Y-%m-%d}" if account.disabled else "in force"
            bound = f" for {', '.join(account.bound_to)}" if account.bound_to else ""
            print(f"{account.name:24} {account.role:20} {state}{bound}")
    return GOOD


def _retention(args: argparse.Namespace) -> int:
    from depot_api.known_time import refusals
    from depot_api.privacy import nightly, retention
    from depot_api.settings import PURPOSES, DepotSettings, read_depot_file, terms_of
    from depot_api.state import Depot
    from depot_api.store import Store

    terms = read_depot_file(args.settings)["terms"] if args.settings else terms_of({})
    now = datetime.now(UTC)
    with Store(args.db) as store:
        town = None
        if args.area is not None and not args.dry_run:
            from optimizer.planning import Town

            town = Town.prepare(args.area)
        depot = Depot(store=store, town=town, settings=DepotSettings(terms=terms))
        word = _word(args)
        if args.dry_run:
            gone = retention.run_retention(store, terms, now, dry=True)
        else:
            gone = nightly.run_night(depot, now) if word is None else _decided(*word, depot, now)
        stands = refusals.open_refusals(store)
        doubts = retention.run_doubts(store, terms, now) if args.dry_run else []
    for purpose in PURPOSES:
        print(f"{purpose.key:14} {terms[purpose.key]:5} days  {gone.get(purpose.key, 0):9} past it")
    print("nothing was deleted (--dry-run)" if args.dry_run else f"{sum(gone.values())} deleted")
    for line in refusal_lines(stands, doubts):
        print(line, file=sys.stderr)
    refused = any(one.subject == refusals.RUN for one in stands)
    return FAULTY if refused and not args.dry_run else GOOD


def _word(args: argparse.Namespace) -> tuple[str, str, str] | None:
    """A person's decision: what of, how, why; None where he gives none."""
    if args.clock_is_right is not None:
        return "run", "right", args.clock_is_right
    if args.clock_was_wrong is not None:
        return "run", "wrong", args.clock_was_wrong
    return None if args.yes is None else (args.yes[0], "yes", args.yes[1])


def _decided(subject: str, how: str, why: str, depot: Depot, now: datetime) -> dict[str, int]:
    """Decide what stands, as on the page; noted with the name of whoever is logged in to this machine."""
    from depot_api.known_time import refusals
    from depot_api.privacy import record_decision
    from depot_api.settings import Caller
    from fleet import instant_text

    one = next((one for one in refusals.open_refusals(depot.store) if one.subject == subject), None)
    if one is None:
        raise ValueError(f"retention: {subject} is not refused and asks for nothing, so there is nothing to decide")
    given = {"refusal": str(one.id), "how": how, "why": why}
    if how == "yes":
        given["until"] = instant_text(one.until)
    who = Caller("administrator", f"{getpass.getuser()} (ripeur retention)")
    todo = record_decision(depot, who, given, now)
    return {} if todo is None else todo()


def refusal_lines(stands: Sequence[RetentionRefusal], doubts: Sequence[Doubt]) -> list[str]:
    """What stands, and what a run would be refused for now."""
    from dashboards.staff import plain_reason

    def plain(doubt: Doubt) -> str:
        when = f"{doubt.when:%Y-%m-%d %H:%M}Z" if doubt.when else ""
        return f"  {plain_reason(doubt.code, when, doubt.purpose, doubt.records, doubt.of)}"

    lines = []
    for one in stands:
        state = "REFUSED" if one.subject == "run" else f"{one.subject} waits for an administrator's yes"
        lines.append(f"{state} since {one.at:%Y-%m-%d %H:%M}Z:")
        lines += map(plain, one.why)
    if doubts and not any(one.subject == "run" for one in stands):
        lines += ["a run would be REFUSED now:", *map(plain, doubts)]
    return lines


def _password(*, ask: bool) -> str:
    """Typed twice at a terminal, else the first line of what is piped in; or made."""
    from depot_api.accounts import new_password

    if not ask:
        return new_password()
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("the same again: ") != password:
        raise ValueError("password: the two differ")
    return password


def _print_change(args: argparse.Namespace, password: str | None) -> None:
    if args.generate:
        print(password)
        print(f"password of {args.name}, shown this once", file=sys.stderr)
    else:
        print(f"account {args.name}: done")
