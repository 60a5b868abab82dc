"""Who lives on which side of which street, and how many kilos."""

from optimizer.demand.communes import PEOPLE_PER_KM, mapped_communes
from optimizer.demand.demand import Demand, estimate_demand
from optimizer.demand.learning import LEAST_DWELLINGS, WeighedLoads, learn_factors, read_learned, write_learned

__all__ = [
    "LEAST_DWELLINGS",
    "PEOPLE_PER_KM",
    "Demand",
    "WeighedLoads",
    "estimate_demand",
    "learn_factors",
    "mapped_communes",
    "read_learned",
    "write_learned",
]
