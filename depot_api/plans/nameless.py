"""A plan as it leaves the planner: trucks, shifts and streets; no driver's name, which stays in the planner's folder.

Everything that is published, stored or shown by the depot goes through here, whoever sends it: an older publisher, or
another program, may still name people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What a plan's ``area`` says; the rest of that object is anybody's.
_OF_THE_AREA = ("name", "path", "digests")


def without_names(plan: Mapping[str, Any]) -> dict[str, Any]:
    """``plan.json`` without its drivers, and without words where the format leaves room for any (area, figures).

    The plan must be one: what breaks the format raises ``KeyError``, ``TypeError`` or ``AttributeError``.
    """
    area = {key: value for key, value in plan["area"].items() if key in _OF_THE_AREA}
    named = {**plan, "area": area, "tours": [{**tour, "driver": None} for tour in plan["tours"]]}
    if "figures" in named:
        named["figures"] = _numbers(named["figures"])
    return named


def _numbers(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a tree of objects."""
    return {
        key: _numbers(value) if isinstance(value, Mapping) else value
        for key, value in figures.items()
        if value is None or isinstance(value, (int, float, Mapping))
    }
