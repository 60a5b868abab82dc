"""What goes when its term is over, what stays of it, and who decides."""

from depot_api.privacy import decisions, nightly, page, retention
from depot_api.privacy.archiving import days_to_archive
from depot_api.privacy.decisions import record_decision
from depot_api.privacy.nightly import run_nightly
from depot_api.privacy.refusal_notices import mailer_of
from depot_api.privacy.retention import last_run

__all__ = [
    "days_to_archive",
    "decisions",
    "last_run",
    "mailer_of",
    "nightly",
    "page",
    "record_decision",
    "retention",
    "run_nightly",
]
