"""A contractor's sheet of a day."""

from dashboards.contractor.sheet import (
    LONGEST_NOTE,
    SCRIPT,
    SHEET_POLICY,
    UNDONE,
    LineNote,
    Sheet,
    UndoneLine,
    sheet_csv,
    sheet_page,
)

__all__ = [
    "LONGEST_NOTE",
    "SCRIPT",
    "SHEET_POLICY",
    "UNDONE",
    "LineNote",
    "Sheet",
    "UndoneLine",
    "sheet_csv",
    "sheet_page",
]
