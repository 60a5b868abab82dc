"""Which area a plan was made of: what ``ripeur check`` and ``ripeur publish`` need to judge a plan by its area."""

from __future__ import annotations

from pathlib import Path

from fleet import Plan


def area_of_plan(plan_file: Path) -> Path | None:
    """The area's folder, as the plan names it; None where the file is no plan.

    A relative name is looked for from here, else from where the plan lies or a folder above it. Where no such folder
    holds an area.toml, the name itself is the answer. Raises ``OSError`` where the file cannot be read.
    """
    try:
        named = Path(str(Plan.read(plan_file).area.get("path", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if named.is_absolute():
        return named
    above = (folder / named for folder in plan_file.resolve().parents)
    return next((place for place in (named, *above) if holds_area(place)), named)


def holds_area(folder: Path) -> bool:
    """Whether the folder holds an area.toml."""
    return (folder / "area.toml").is_file()
