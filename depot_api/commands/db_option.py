"""``--db``: which database a command works on."""

from __future__ import annotations

import argparse
import os

DB_HELP = "the database: a file (sqlite:///FILE) or postgresql://USER@HOST/NAME (default: RIPEUR_DB)"


def add_db_to(parser: argparse.ArgumentParser) -> None:
    """``--db``, which the environment may give: a password on a command line is seen by everybody on the machine."""
    given = os.environ.get("RIPEUR_DB")
    parser.add_argument("--db", default=given, required=given is None, metavar="URL", help=DB_HELP)
