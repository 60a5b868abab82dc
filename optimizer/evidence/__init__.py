"""What was served and on what evidence, and where a tour is against its plan."""

from optimizer.evidence.evidence import NOT_YET, State, crew_state
from optimizer.evidence.follow import FollowedTour
from optimizer.evidence.progress import Progress

__all__ = ["NOT_YET", "FollowedTour", "Progress", "State", "crew_state"]
