"""The plant's files, and the day closed over tours."""

from weighbridge.balance.balance import DayBalance, TourShare, bounds, close_day, sampled_loads, spread
from weighbridge.balance.sorting_file import read_sorting, sorting_format
from weighbridge.balance.ticket_file import read_tickets, ticket_format
from weighbridge.balance.torn_bags import TornBags, samples_of, torn_bags
from weighbridge.balance.trips import Pairing, Trip, matched, trips_of

__all__ = [
    "DayBalance",
    "Pairing",
    "TornBags",
    "TourShare",
    "Trip",
    "bounds",
    "close_day",
    "matched",
    "read_sorting",
    "read_tickets",
    "sampled_loads",
    "samples_of",
    "sorting_format",
    "spread",
    "ticket_format",
    "torn_bags",
    "trips_of",
]
