"""A simulated truck: its own model of driving."""

from onboard.simulation.drive import BinLifted, BusRead, Drive, ScaleRead, Unloading
from onboard.simulation.rehearsal import course_from, courses, sensors_of
from onboard.simulation.simulate import Model, drive

__all__ = [
    "BinLifted",
    "BusRead",
    "Drive",
    "Model",
    "ScaleRead",
    "Unloading",
    "course_from",
    "courses",
    "drive",
    "sensors_of",
]
