"""Weighing indicators: five protocols on a serial line."""

from weighbridge.indicator.indicator import IndicatorLine, indicator_of
from weighbridge.indicator.protocols import KG_PER, PROTOCOLS, Reader, Reading
from weighbridge.indicator.simulator import Plate, PtyIndicator, SimulatedIndicator

__all__ = [
    "KG_PER",
    "PROTOCOLS",
    "IndicatorLine",
    "Plate",
    "PtyIndicator",
    "Reader",
    "Reading",
    "SimulatedIndicator",
    "indicator_of",
]
