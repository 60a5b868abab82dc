"""What was served and on what evidence, and where a tour is against its plan."""

from optimizer.evidence.evidence import Evidence, State
from optimizer.evidence.follow import FollowedTour
from optimizer.evidence.progress import Progress

__all__ = ["Evidence", "FollowedTour", "Progress", "State"]
