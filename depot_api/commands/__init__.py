"""The commands that need more than one part: what each takes, and which function runs it.

What a command works with is loaded when it runs: a truck's box parses the same command line without a solver.
Three groups, for ``ripeur --help`` lists commands in the order in which they are added, other parts' between these.
"""

from __future__ import annotations

import argparse

from depot_api.commands import area, balance, check, demo, drill, drop_off, facts, people, plan, publish, serve

__all__ = ["add_demos_to", "add_depot_to", "add_planning_to"]


def add_planning_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the planner's commands to ``ripeur``: plan, check, area, drop-off-points."""
    for command in (plan, check, area, drop_off):
        command.add_to(subparsers)


def add_depot_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the depot's commands to ``ripeur``, from serve to compare."""
    for command in (serve, facts, publish):
        command.add_to(subparsers)
    facts.add_backup_to(subparsers)
    for command in (people, balance):
        command.add_to(subparsers)


def add_demos_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add demo and drill to ``ripeur``."""
    for command in (demo, drill):
        command.add_to(subparsers)
