"""By which clock the depot keeps and deletes, and what it refuses when that is in doubt."""

from depot_api.known_time import refusals
from depot_api.known_time.clock import (
    FAR,
    NEAR,
    Doubt,
    Watch,
    clock_doubts,
    judged_without_watch,
    keep_known,
    kept,
    no_earlier,
    note_doubt,
    senders_ahead,
    settle,
)
from depot_api.known_time.refusals import RUN, Refusal, end, refuse, refused, tell

__all__ = [
    "FAR",
    "NEAR",
    "RUN",
    "Doubt",
    "Refusal",
    "Watch",
    "clock_doubts",
    "end",
    "judged_without_watch",
    "keep_known",
    "kept",
    "no_earlier",
    "note_doubt",
    "refusals",
    "refuse",
    "refused",
    "senders_ahead",
    "settle",
    "tell",
]
