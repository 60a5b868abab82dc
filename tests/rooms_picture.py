"""The pictures of the rooms in docs/tour-of-the-code.md, drawn from the table of arrows in ``test_structure.py``.

``python -m tests.rooms_picture`` draws them again. Of arrows only those that no chain of others says already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from .test_structure import MAY, PARTS

PAGE = Path(__file__).parent.parent / "docs" / "tour-of-the-code.md"
BEGIN, END = "<!-- rooms: python -m tests.rooms_picture -->\n", "<!-- /rooms -->"


def page(text: str) -> str:
    """The page with the pictures as they should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    drawn = "\n".join(f"{title}\n\n```mermaid\n" + "\n".join(lines) + "\n```\n" for title, lines in pictures(MAY))
    return f"{before}{BEGIN}{drawn}{END}{after}"


def pictures(arrows: Mapping[str, Set[str]]) -> Iterator[tuple[str, list[str]]]:
    """A title, and Mermaid's lines: the parts, then the rooms of each. ``A --> B``: A imports B."""
    parts: dict[str, set[str]] = {part: set() for part in PARTS}
    for room, used in arrows.items():
        parts[room.split(".")[0]] |= {name.split(".")[0] for name in used} - {room.split(".")[0]}
    for part in PARTS - {"fleet"}:
        parts[part] |= {"fleet"}
    yield "The parts:", ["flowchart TD", *(f"  {a} --> {b}" for a, b in reduced(parts))]
    for part in ("optimizer", "depot_api", "onboard", "weighbridge", "dashboards"):
        inside = {
            room: {used for used in own if used.startswith(f"{part}.")}
            for room, own in arrows.items()
            if room.startswith(f"{part}.")
        }
        rooms = sorted({*inside, *(used for own in inside.values() for used in own)})
        alone = [room for room in rooms if not any(room in pair for pair in reduced(inside))]
        lines = [f"  {a.split('.')[1]} --> {b.split('.')[1]}" for a, b in reduced(inside)]
        yield f"`{part}/`:", ["flowchart TD", *lines, *(f"  {room.split('.')[1]}" for room in alone)]


def reduced(arrows: Mapping[str, Set[str]]) -> Iterator[tuple[str, str]]:
    """Arrows that no chain of others says already; the table has no circle."""

    def reached(room: str) -> set[str]:
        return set(arrows.get(room, set())).union(*(reached(used) for used in arrows.get(room, set())))

    for room in sorted(arrows):
        further = set[str]().union(*(reached(used) for used in arrows[room]))
        yield from ((room, used) for used in sorted(arrows[room] - further))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
