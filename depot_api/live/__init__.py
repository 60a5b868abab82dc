"""Where every tour stands: a fold over the store's newest rows."""

from depot_api.live import api
from depot_api.live.api import WATCHERS, live_of, truck_filter_of
from depot_api.live.board import TruckFilter
from depot_api.live.day import carried_from, tour_facts
from depot_api.live.state import STOP_S, LiveState, network_of
from depot_api.live.tour import Carried, LiveTour

__all__ = [
    "STOP_S",
    "WATCHERS",
    "Carried",
    "LiveState",
    "LiveTour",
    "TruckFilter",
    "api",
    "carried_from",
    "live_of",
    "network_of",
    "tour_facts",
    "truck_filter_of",
]
