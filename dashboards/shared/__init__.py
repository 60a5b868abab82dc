"""What every page stands on: words, colours, the map below."""

from dashboards.shared import catalogue, palette
from dashboards.shared.basemap import Basemap, Label, LonLat, Road
from dashboards.shared.catalogue import (
    AreaWords,
    clock,
    day,
    distance,
    mass,
    number,
    short_day,
    span,
    street,
    text,
    tour_name,
    worded,
)
from dashboards.shared.palette import UNSERVED_COLOUR, ink_on, tour_colour
from dashboards.shared.streetmap import box, deltas, drawn_base, leaflet_css, leaflet_js, streetmap_js

__all__ = [
    "UNSERVED_COLOUR",
    "AreaWords",
    "Basemap",
    "Label",
    "LonLat",
    "Road",
    "box",
    "catalogue",
    "clock",
    "day",
    "deltas",
    "distance",
    "drawn_base",
    "ink_on",
    "leaflet_css",
    "leaflet_js",
    "mass",
    "number",
    "palette",
    "short_day",
    "span",
    "street",
    "streetmap_js",
    "text",
    "tour_colour",
    "tour_name",
    "worded",
]
