"""Pages of accounts, logins, the audit log and what is kept."""

from dashboards.staff.audit_log import audit_log_page, privacy_page
from dashboards.staff.input_errors import input_error_text
from dashboards.staff.login import login_page
from dashboards.staff.people import POLICY, STYLE, PageFrame, account_page, html_table, people_page, staff_text
from dashboards.staff.retention import MOST_COUNTED, mail_text, notice_line, plain_reason, refusals_part, short_line

__all__ = [
    "MOST_COUNTED",
    "POLICY",
    "STYLE",
    "PageFrame",
    "account_page",
    "audit_log_page",
    "html_table",
    "input_error_text",
    "login_page",
    "mail_text",
    "notice_line",
    "people_page",
    "plain_reason",
    "privacy_page",
    "refusals_part",
    "short_line",
    "staff_text",
]
