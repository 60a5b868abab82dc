"""What was served and on what evidence, and where a tour is against its plan."""

from optimizer.evidence.evidence import NOT_YET, TaskState, crew_state
from optimizer.evidence.follow import FollowedTour
from optimizer.evidence.progress import TourProgress

__all__ = ["NOT_YET", "FollowedTour", "TaskState", "TourProgress", "crew_state"]
