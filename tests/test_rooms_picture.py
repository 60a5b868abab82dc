"""The pictures of the rooms in the tour are those of the imports."""

from .rooms_picture import PAGE, page


def test_the_pictures_of_the_rooms_are_those_of_the_imports() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m tests.rooms_picture"
