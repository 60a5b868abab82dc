"""Judges any plan against the raw map; knows neither the search nor the road graph."""

from optimizer.check.checker import check, check_file, document_faults, report_lines

__all__ = ["check", "check_file", "document_faults", "report_lines"]
