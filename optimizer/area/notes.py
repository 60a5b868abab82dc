"""What a part of the program wants the planner to know, as data; put into words at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """``code`` names a text, ``values`` fill it: ``summary.TEXTS`` (``note_<code>``) or ``new_area_notes.TEXTS``."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)


def number_text(value: float, language: str) -> str:
    """Grouped by thousands as the language does: ``12 345,6`` or ``12,345.6``."""
    written = f"{value:,.1f}" if isinstance(value, float) and value != round(value) else f"{round(value):,}"
    return written.translate({ord(","): "\u202f", ord("."): ","}) if language == "fr" else written
