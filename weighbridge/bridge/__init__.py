"""The bridge at work: still, who, credible, once, on paper."""

from weighbridge.bridge.agent import BridgeFiles, ask_bridge, ticket_sheet
from weighbridge.bridge.bridge import BridgeSettings, local_day_bounds, status_lines
from weighbridge.bridge.plate import KnownTruck, normalized_plate, trucks_of
from weighbridge.bridge.register import ID_NAMESPACE, Register
from weighbridge.bridge.service import BridgeInputs, run_bridge
from weighbridge.bridge.ticket import day_csv, write_pdf

__all__ = [
    "ID_NAMESPACE",
    "BridgeFiles",
    "BridgeInputs",
    "BridgeSettings",
    "KnownTruck",
    "Register",
    "ask_bridge",
    "day_csv",
    "local_day_bounds",
    "normalized_plate",
    "run_bridge",
    "status_lines",
    "ticket_sheet",
    "trucks_of",
    "write_pdf",
]
