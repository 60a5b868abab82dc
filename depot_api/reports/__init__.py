"""A past day told again: report, replay, the contractor."""

from depot_api.reports import contractor, day_report, replay

__all__ = ["contractor", "day_report", "replay"]
