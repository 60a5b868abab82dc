"""Who asks, and whether he may: logins, roles by route, the audit log."""

from depot_api.access import admin_page, audit_log, login, oidc
from depot_api.access.audit_log import ENTRIES_PER_PAGE
from depot_api.access.authorization import Allow, admit, allow, caller, caller_of_token

__all__ = [
    "ENTRIES_PER_PAGE",
    "Allow",
    "admin_page",
    "admit",
    "allow",
    "audit_log",
    "caller",
    "caller_of_token",
    "login",
    "oidc",
]
