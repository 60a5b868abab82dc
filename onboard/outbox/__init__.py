"""Facts on disk before anything else, and sent."""

from onboard.outbox.outbox import QUOTA_BYTES, Outbox, OutboxFull, shown
from onboard.outbox.pages import Row
from onboard.outbox.salvage import clean, finish, finished, legible, number_of, open_whole, raw, taken_over
from onboard.outbox.sender import Depot, DepotError, Sender, drain

__all__ = [
    "QUOTA_BYTES",
    "Depot",
    "DepotError",
    "Outbox",
    "OutboxFull",
    "Row",
    "Sender",
    "clean",
    "drain",
    "finish",
    "finished",
    "legible",
    "number_of",
    "open_whole",
    "raw",
    "shown",
    "taken_over",
]
