"""Judges any plan against the raw map; knows neither the search nor the road graph."""

from optimizer.check.checker import check, check_file, malformed, report_lines
from optimizer.check.claims import claimed_coverage
from optimizer.check.faults import Report

__all__ = ["Report", "check", "check_file", "claimed_coverage", "malformed", "report_lines"]
