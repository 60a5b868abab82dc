"""Facts on disk before anything else, and sent."""

from onboard.outbox.outbox import QUOTA_BYTES, Outbox, OutboxFull, read_outbox
from onboard.outbox.pages import TableRow
from onboard.outbox.salvage import (
    encodable,
    mark_salvaged,
    open_checked,
    raw_bytes,
    readable_fact,
    row_number,
    salvage_rows,
    swap_in_salvaged,
)
from onboard.outbox.sender import DepotClient, DepotError, Sender, drain

__all__ = [
    "QUOTA_BYTES",
    "DepotClient",
    "DepotError",
    "Outbox",
    "OutboxFull",
    "Sender",
    "TableRow",
    "drain",
    "encodable",
    "mark_salvaged",
    "open_checked",
    "raw_bytes",
    "read_outbox",
    "readable_fact",
    "row_number",
    "salvage_rows",
    "swap_in_salvaged",
]
