"""Who lives on which side of which street, and how many kilos."""

from optimizer.demand.communes import PEOPLE_PER_KM, mapped
from optimizer.demand.demand import Demand, estimate
from optimizer.demand.learning import LEAST_DWELLINGS, Weighed, learn, read_learned, write_learned

__all__ = [
    "LEAST_DWELLINGS",
    "PEOPLE_PER_KM",
    "Demand",
    "Weighed",
    "estimate",
    "learn",
    "mapped",
    "read_learned",
    "write_learned",
]
