"""The plant's files, and the day closed over tours."""

from weighbridge.balance.balance import DayBalance, TourShare, close_day, sampled_loads, tour_shares
from weighbridge.balance.sorting_file import read_sorting, sorting_format
from weighbridge.balance.ticket_file import read_tickets, ticket_format
from weighbridge.balance.torn_bags import TornBags, fit_torn_bags, samples_of
from weighbridge.balance.trips import Pairing, Trip, match_tickets, trips_of
from weighbridge.bridge import local_day_bounds

__all__ = [
    "DayBalance",
    "Pairing",
    "TornBags",
    "TourShare",
    "Trip",
    "close_day",
    "fit_torn_bags",
    "local_day_bounds",
    "match_tickets",
    "read_sorting",
    "read_tickets",
    "sampled_loads",
    "samples_of",
    "sorting_format",
    "ticket_format",
    "tour_shares",
    "trips_of",
]
