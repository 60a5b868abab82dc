"""The command line: ``ripeur plan|check|area|drop-off-points|demo|drill|…``. Wiring, nothing else."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import onboard.box.commands
import optimizer.bench.commands
import weighbridge.commands
from depot_api.commands import add_demos_to, add_depot_to, add_planning_to

GOOD, FAULTY, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = (
    "exit codes: 0 good (a plan of a day on which nothing is due is good too, and empty); 1 the checker found faults; "
    "2 the input or the call is unusable; 130 interrupted, nothing written"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; see ``EXIT_CODES``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no € must not cost the plan
    words = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(words or ["--help"])
    try:
        return int(args.run(args))
    except BrokenPipeError:  # whoever read our output has had enough of it; what was to be written is
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except ModuleNotFoundError as error:  # the bare distribution is what a truck or a bridge needs
        print(f"ripeur: {error.name} is not installed: this command needs pip install 'ripeur[all]'", file=sys.stderr)
        return UNUSABLE
    except (ValueError, OSError, RecursionError) as error:  # bad input (nested too deep, too): said without a trace
        print(f"ripeur: {_message(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("ripeur: interrupted", file=sys.stderr)
        return INTERRUPTED


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ripeur", description="Waste-collection planning, from the map to the crew.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"ripeur {version('ripeur')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # in the order in which --help lists them
    add_planning_to(commands)
    onboard.box.commands.add_to(commands)
    weighbridge.commands.add_to(commands)
    add_depot_to(commands)
    optimizer.bench.commands.add_to(commands)
    add_demos_to(commands)
    return parser


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
