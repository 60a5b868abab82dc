"""A night's work: a date's plan, and what one truck more would change."""

from optimizer.night.night import SearchSettings, solve_day
from optimizer.night.what_if import comparisons, fleet_changes, search_alternative, with_trucks

__all__ = ["SearchSettings", "comparisons", "fleet_changes", "search_alternative", "solve_day", "with_trucks"]
