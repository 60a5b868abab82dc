"""A problem in, the best plan found out."""

from optimizer.search.engines import Progress, solve
from optimizer.search.ruin_recreate.kernel_arrays import SPARE_TRIPS, shifts_to_spare

__all__ = ["SPARE_TRIPS", "Progress", "shifts_to_spare", "solve"]
