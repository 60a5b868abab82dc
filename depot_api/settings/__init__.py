"""What is set once: roles, terms of retention, the settings file."""

from depot_api.settings.depot import Settings, settings_of
from depot_api.settings.file import Provider, read_depot_file
from depot_api.settings.retention_terms import PURPOSES, Purpose, purposes, terms_of
from depot_api.settings.roles import BOUND, MACHINES, PEOPLE, REPORTS, ROLES, Caller

__all__ = [
    "BOUND",
    "MACHINES",
    "PEOPLE",
    "PURPOSES",
    "REPORTS",
    "ROLES",
    "Caller",
    "Provider",
    "Purpose",
    "Settings",
    "purposes",
    "read_depot_file",
    "settings_of",
    "terms_of",
]
