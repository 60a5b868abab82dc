"""A plan to look at: map, sheets, files, the terminal."""

from dashboards.plan import exports, terminal
from dashboards.plan.map import Literal, OfflineMap, Page, map_data, map_head, sealed, write_map
from dashboards.plan.progress import ProgressReporter
from dashboards.plan.sheets import write_sheets

__all__ = [
    "Literal",
    "OfflineMap",
    "Page",
    "ProgressReporter",
    "exports",
    "map_data",
    "map_head",
    "sealed",
    "terminal",
    "write_map",
    "write_sheets",
]
