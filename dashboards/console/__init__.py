"""What the console shows: its words, its scripts, the report of a day."""

from dashboards.console.day_report import DayReport, TourReport
from dashboards.console.words import SHARED, TEXTS, console_text

__all__ = ["SHARED", "TEXTS", "DayReport", "TourReport", "console_text"]
