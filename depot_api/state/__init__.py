"""What every route shares: the depot, its pages, bodies, fair shares."""

from depot_api.state.bodies import read_body, store_down, too_long, values_of
from depot_api.state.depot import Depot, day_of, depot_of, minute_of, today_of, zone_of
from depot_api.state.notices import OVERSEERS, STAFF, line_of, noticed, retention_health
from depot_api.state.pages import frame_of, guard, home_of, html, language
from depot_api.state.quotas import Share

__all__ = [
    "OVERSEERS",
    "STAFF",
    "Depot",
    "Share",
    "day_of",
    "depot_of",
    "frame_of",
    "guard",
    "home_of",
    "html",
    "language",
    "line_of",
    "minute_of",
    "noticed",
    "read_body",
    "retention_health",
    "store_down",
    "today_of",
    "too_long",
    "values_of",
    "zone_of",
]
