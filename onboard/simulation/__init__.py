"""A simulated truck: its own model of driving."""

from onboard.simulation.drive import BinLift, BusSample, Drive, ScaleSample, Unloading, crew_requests
from onboard.simulation.rehearsal import read_course, read_courses, sensors_of
from onboard.simulation.simulate import DrivingModel, simulate_drive

__all__ = [
    "BinLift",
    "BusSample",
    "Drive",
    "DrivingModel",
    "ScaleSample",
    "Unloading",
    "crew_requests",
    "read_course",
    "read_courses",
    "sensors_of",
    "simulate_drive",
]
