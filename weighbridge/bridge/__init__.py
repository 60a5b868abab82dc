"""The bridge at work: still, who, credible, once, on paper."""

from weighbridge.bridge.agent import Agent, Files, ask, sheet_of
from weighbridge.bridge.bridge import Bridge, shown
from weighbridge.bridge.plate import KnownTruck, plain_plate, trucks_of
from weighbridge.bridge.register import NAMES, Register
from weighbridge.bridge.ticket import day_csv, write_pdf
from weighbridge.bridge.weighing import Weighbridge

__all__ = [
    "NAMES",
    "Agent",
    "Bridge",
    "Files",
    "KnownTruck",
    "Register",
    "Weighbridge",
    "ask",
    "day_csv",
    "plain_plate",
    "sheet_of",
    "shown",
    "trucks_of",
    "write_pdf",
]
