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
