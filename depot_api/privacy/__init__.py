"""What goes when its term is over, what stays of it, and who decides."""

from depot_api.privacy import desk, nightly, page, retention
from depot_api.privacy.archiving import days_to_distil
from depot_api.privacy.desk import decided
from depot_api.privacy.nightly import every_night
from depot_api.privacy.retention import last_run
from depot_api.privacy.standing import mailer_of

__all__ = ["days_to_distil", "decided", "desk", "every_night", "last_run", "mailer_of", "nightly", "page", "retention"]
