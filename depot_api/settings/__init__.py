"""What is set once: roles, terms of retention, the settings file."""

from depot_api.settings.depot import DepotSettings, settings_of
from depot_api.settings.file import Provider, read_depot_file
from depot_api.settings.retention_terms import PURPOSES, Purpose, purposes_with_terms, terms_of
from depot_api.settings.roles import BOUND, MACHINES, PEOPLE, REPORTS, ROLES, TOKEN_KINDS, Caller

__all__ = [
    "BOUND",
    "MACHINES",
    "PEOPLE",
    "PURPOSES",
    "REPORTS",
    "ROLES",
    "TOKEN_KINDS",
    "Caller",
    "DepotSettings",
    "Provider",
    "Purpose",
    "purposes_with_terms",
    "read_depot_file",
    "settings_of",
    "terms_of",
]
