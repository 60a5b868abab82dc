"""Weighing indicators: five protocols on a serial line."""

from weighbridge.indicator.indicator import IndicatorLine, indicator_of
from weighbridge.indicator.protocols import KG_PER, PROTOCOLS, FrameInterpreter, WeightReading
from weighbridge.indicator.simulator import Platform, PtyIndicator, SimulatedIndicator

__all__ = [
    "KG_PER",
    "PROTOCOLS",
    "FrameInterpreter",
    "IndicatorLine",
    "Platform",
    "PtyIndicator",
    "SimulatedIndicator",
    "WeightReading",
    "indicator_of",
]
