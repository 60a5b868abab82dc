"""What every route shares: the depot, its pages, bodies, fair shares."""

from depot_api.state.bodies import body_too_long, count_values, read_body, store_down_response
from depot_api.state.depot import Depot, day_of, depot_of, minute_of, today_of, zone_of
from depot_api.state.notices import OVERSEERS, STAFF, frame_with_notice, refusal_line, retention_health
from depot_api.state.pages import frame_of, home_of, html_page, language, set_security_headers
from depot_api.state.quotas import Quota

__all__ = [
    "OVERSEERS",
    "STAFF",
    "Depot",
    "Quota",
    "body_too_long",
    "count_values",
    "day_of",
    "depot_of",
    "frame_of",
    "frame_with_notice",
    "home_of",
    "html_page",
    "language",
    "minute_of",
    "read_body",
    "refusal_line",
    "retention_health",
    "set_security_headers",
    "store_down_response",
    "today_of",
    "zone_of",
]
