"""A night's work: a date's plan, and what one truck more would change."""

from optimizer.night.night import carried_over, solved, with_area, with_trucks

__all__ = ["carried_over", "solved", "with_area", "with_trucks"]
