"""What administrators, who decide (``decisions.py``), are told of what stands: the page's part, the mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from dashboards.staff import MOST_COUNTED, mail_text
from depot_api.known_time import RUN, Doubt, RetentionRefusal, refusals
from depot_api.privacy import retention
from depot_api.state import Depot, minute_of, zone_of
from fleet import instant_text


def refusals_on_page(depot: Depot) -> list[dict[str, Any]]:
    """What stands, for the page: why, what would go, from when until when; instants in local time."""
    store, now, zone = depot.store, depot.clock.now(), zone_of(depot)
    rows = []
    for refusal in refusals.open_refusals(store):
        row: dict[str, Any] = {
            "id": refusal.id, "subject": refusal.subject, "since": minute_of(refusal.at, zone),
            "shown": instant_text(now), "clock": minute_of(now, zone), "overdue": refusal.is_overdue(now),
            "why": [_reason(doubt, zone) for doubt in refusal.why], "until": "",
        }  # fmt: skip
        if refusal.subject == RUN:
            row["counts"] = retention.count_to_delete(store, depot.settings.terms, now, MOST_COUNTED)
        else:
            span = retention.waiting_for_yes(store, refusal.why[0])
            row |= {"until": instant_text(refusal.until), "counts": {}}
            if span is not None:
                count, oldest, newest = span
                row |= {
                    "counts": {refusal.subject: count},
                    "oldest": minute_of(oldest, zone),
                    "newest": minute_of(newest, zone),
                }
        rows.append(row)
    return rows


def mailer_of(depot: Depot) -> Callable[[RetentionRefusal], None] | None:
    """How administrators get mail of a refusal; None where no mail is set."""
    mail, zone = depot.settings.mail, zone_of(depot)
    if mail is None:
        return None

    def send(refusal: RetentionRefusal) -> None:
        now = depot.clock.now()
        why = [_reason(doubt, zone) for doubt in refusal.why]
        mail.send(
            *mail_text(refusal.subject, minute_of(refusal.at, zone), minute_of(now, zone), why, refusal.is_overdue(now))
        )

    return send


def _reason(doubt: Doubt, zone: tzinfo) -> dict[str, Any]:
    when = "" if doubt.when is None else minute_of(doubt.when, zone)
    return {"code": doubt.code, "when": when, "purpose": doubt.purpose, "n": doubt.records, "of": doubt.of}
