"""Where every tour stands: a fold over the store's newest rows."""

from depot_api.live import api
from depot_api.live.api import WATCHERS, live_of, sight_of
from depot_api.live.board import Sees
from depot_api.live.day import carried_from, facts_of_turn
from depot_api.live.state import STOP_S, Live, network_of
from depot_api.live.tour import Carried, LiveTour

__all__ = [
    "STOP_S",
    "WATCHERS",
    "Carried",
    "Live",
    "LiveTour",
    "Sees",
    "api",
    "carried_from",
    "facts_of_turn",
    "live_of",
    "network_of",
    "sight_of",
]
