"""Plans and tours in force: published, changed, versioned."""

from depot_api.plans import publishing
from depot_api.plans.nameless import without_names
from depot_api.plans.publisher import faults_of, publication, send

__all__ = ["faults_of", "publication", "publishing", "send", "without_names"]
