"""Judges any plan against the raw map; knows neither the search nor the road graph."""

from optimizer.check.checker import check, check_file, document_faults, report_lines
from optimizer.check.claims import claimed_coverage
from optimizer.check.faults import Report

__all__ = ["Report", "check", "check_file", "claimed_coverage", "document_faults", "report_lines"]
