"""Colours of tours, the same on map and sheets, told apart by colour-blind eyes as far as 24 colours can be.

Chosen one after another so that each is as far as possible (CIELAB) from those before it and from the red of what is
not served, in the worst of three views: full colour, deuteranopia, protanopia (matrices of Machado et al. 2009). The
first eight stay 20 apart in every view. Beyond that colour alone cannot do: maps and sheets also write the tour's name.
"""

from __future__ import annotations

TOUR_COLOURS = (
    "#0055cc", "#dd8800", "#881133", "#00aaaa", "#661166", "#77aa66", "#00aaee", "#cc4477",
    "#0066aa", "#771100", "#2200bb", "#aa9944", "#661144", "#0099bb", "#aa4433", "#336655",
    "#5588ff", "#993377", "#558855", "#332288", "#aa1199", "#0055ff", "#cc8888", "#0000ff",
)  # fmt: skip
UNSERVED_COLOUR = "#d40000"


def tour_colour(index: int) -> str:
    """The colour of the tour with this place in the plan; colours come again after the last."""
    return TOUR_COLOURS[index % len(TOUR_COLOURS)]


_NAMED = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080", "white": "#ffffff",
    "maroon": "#800000", "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000",
    "lime": "#00ff00", "olive": "#808000", "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff",
    "teal": "#008080", "aqua": "#00ffff", "orange": "#ffa500", "brown": "#a52a2a", "pink": "#ffc0cb",
}  # fmt: skip


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green, blue of ``#rgb``, ``#rrggbb`` or one of the basic CSS names; ``ValueError`` for another."""
    digits = _NAMED.get(colour.strip().lower(), colour.strip()).removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * d for d in digits)
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"colour = {colour!r}, must be #rgb, #rrggbb or a basic CSS name") from None
    return red, green, blue


def ink_on(colour: str) -> tuple[int, int, int]:
    """White or black, whichever is read better on this colour (WCAG relative luminance)."""
    red, green, blue = ((c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in rgb(colour))
    # at 0.179 white and black have the same contrast, (1.05 / (0.179 + 0.05)) = ((0.179 + 0.05) / 0.05)
    return (255, 255, 255) if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else (0, 0, 0)
