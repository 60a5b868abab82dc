"""What a part of the program wants the planner to know, as data; put into words at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """``code`` names a text of ``summary.TEXTS`` (``note_<code>``); ``values`` fill it."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)
