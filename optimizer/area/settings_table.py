"""The tables of settings in docs/area.md, written from their one declaration: ``settings.SECTIONS``.

``python -m optimizer.area.settings_table`` writes them again, between two marks; a test holds the page equal. What does
not fit a table stands around them in prose.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from optimizer.area.settings import REQUIRED, SECTIONS, Section, Setting, toml_text

PLACE = Path(__file__).parents[2] / "docs" / "area.md"
BEGIN = "<!-- settings: written by `python -m optimizer.area.settings_table` -->"
END = "<!-- end of the settings -->"


def page(now: str) -> str:
    """The page with its tables as they are declared. ValueError where it has lost the marks."""
    before, begin, rest = now.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PLACE.name}: the tables stand between {BEGIN} and {END}, of which one is missing")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    return "\n".join(line for section in SECTIONS.values() for line in _section(section)) + "\n"


def _section(section: Section) -> Iterator[str]:
    sourced = any(setting.source for setting in section.settings)
    columns = ["Key", "Unit", "Bound", "Default", "Meaning", *(["Source"] if sourced else [])]
    if section is not next(iter(SECTIONS.values())):
        yield ""
    yield from (f"### `{section.heading}`", "", section.meaning, "")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for setting in section.settings:
        cells = [f"`{setting.key}`", setting.unit, setting.bound, _default(setting), setting.meaning]
        cells += [setting.source] if sourced else []
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(setting: Setting) -> str:
    if setting.default is REQUIRED:
        return "required"
    return "–" if setting.default is None else f"`{toml_text(setting.default)}`"


if __name__ == "__main__":
    PLACE.write_text(page(PLACE.read_text(encoding="utf-8")), encoding="utf-8")
