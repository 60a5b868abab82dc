"""By which clock the depot keeps and deletes, and what it refuses when that is in doubt."""

from depot_api.known_time import refusals
from depot_api.known_time.clock import (
    FAR,
    NEAR,
    ClockMonitor,
    Doubt,
    clock_doubts,
    judge_clock_once,
    no_earlier,
    read_known_time,
    record_doubt,
    restamp_received,
    save_known_time,
    senders_ahead,
)
from depot_api.known_time.refusals import (
    RUN,
    RetentionRefusal,
    end_refusal,
    notify_administrators,
    record_refusal,
    refused_run,
)

__all__ = [
    "FAR",
    "NEAR",
    "RUN",
    "ClockMonitor",
    "Doubt",
    "RetentionRefusal",
    "clock_doubts",
    "end_refusal",
    "judge_clock_once",
    "no_earlier",
    "notify_administrators",
    "read_known_time",
    "record_doubt",
    "record_refusal",
    "refusals",
    "refused_run",
    "restamp_received",
    "save_known_time",
    "senders_ahead",
]
