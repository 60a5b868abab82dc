"""What every page stands on: words, colours, the map below."""

from dashboards.shared import catalogue, palette
from dashboards.shared.basemap import Basemap, LonLat, MapLabel, Road
from dashboards.shared.catalogue import (
    AreaWords,
    catalogue_text,
    format_day,
    format_distance,
    format_duration,
    format_mass,
    format_number,
    format_short_day,
    format_time,
    short_street,
    text_in,
    tour_name,
)
from dashboards.shared.palette import UNSERVED_COLOUR, ink_on, tour_colour
from dashboards.shared.streetmap import bounding_box, deltas, drawn_base, leaflet_css, leaflet_js, streetmap_js

__all__ = [
    "UNSERVED_COLOUR",
    "AreaWords",
    "Basemap",
    "LonLat",
    "MapLabel",
    "Road",
    "bounding_box",
    "catalogue",
    "catalogue_text",
    "deltas",
    "drawn_base",
    "format_day",
    "format_distance",
    "format_duration",
    "format_mass",
    "format_number",
    "format_short_day",
    "format_time",
    "ink_on",
    "leaflet_css",
    "leaflet_js",
    "palette",
    "short_street",
    "streetmap_js",
    "text_in",
    "tour_colour",
    "tour_name",
]
