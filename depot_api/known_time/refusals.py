"""When retention refuses or asks: written down, told at once and every day, ended by a person or when its reason ends.

A refusal is no way to keep for ever: administrators are told until it is over, and after ``DECIDE_WITHIN`` every page
says that a person must decide. What a person decides stands in the audit log, with who, when and why.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, insert, select, update

from depot_api.known_time.clock import Doubt
from depot_api.store import Store, instant_of, microseconds, refusals
from fleet import instant, instant_text

if TYPE_CHECKING:
    from sqlalchemy import Row

log = logging.getLogger("ripeur.retention")

#: The refused run; any other subject is the key of a purpose that asks.
RUN = "run"
DECIDE_WITHIN = timedelta(days=7)
#: How often administrators are told of a refusal; of what only asks for a yes.
NOTIFY_EVERY, ASK_EVERY = timedelta(days=1), timedelta(days=30)
#: Told again this soon where the mail could not be sent.
RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetentionRefusal:
    """One that stands. ``tried``: when the run was refused last; ``notified``: administrators, None: not yet."""

    id: int
    subject: str
    at: datetime
    why: tuple[Doubt, ...]
    tried: datetime
    notified: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether a person must decide."""
        return now - self.at >= DECIDE_WITHIN

    @property
    def until(self) -> datetime:
        """Of what asks: nothing observed later goes by a yes."""
        when = self.why[0].when
        assert when is not None
        return when

    @property
    def shares(self) -> list[Doubt]:
        """What a person must look at whatever the clock shows; the rest ends by itself once the clock is right."""
        return [doubt for doubt in self.why if doubt.code == "share"]


def open_refusals(store: Store) -> list[RetentionRefusal]:
    """What stands now, the refused run first."""
    query = select(refusals).where(refusals.c.ended_us.is_(None)).order_by(refusals.c.subject != RUN, refusals.c.id)
    with store.read() as connection:
        return [_refusal(row) for row in connection.execute(query)]


def refused_run(store: Store) -> RetentionRefusal | None:
    """The run that is refused, if one is."""
    return next((one for one in open_refusals(store) if one.subject == RUN), None)


def record_refusal(store: Store, why: Sequence[Doubt], now: datetime, subject: str = RUN) -> None:
    """Write down that retention refuses, or still does, for these reasons: since now, where the clock went back."""
    reasons, now_us = json.dumps([_doubt_json(doubt) for doubt in why]), microseconds(now)
    open_row = update(refusals).where(refusals.c.subject == subject, refusals.c.ended_us.is_(None))

    earlier = case((refusals.c.at_us > now_us, now_us), else_=refusals.c.at_us)

    def write(connection: Any) -> None:
        if not connection.execute(open_row.values(why=reasons, tried_us=now_us, at_us=earlier)).rowcount:
            connection.execute(insert(refusals).values(subject=subject, at_us=now_us, why=reasons, tried_us=now_us))

    store.write(write)


def end_refusal(store: Store, subject: str, how: str, now: datetime, who: str | None = None) -> None:
    """It stands no more. ``how``: ``lifted`` (its reason is gone), ``right``, ``wrong``, ``yes`` (a person's word)."""
    of = update(refusals).where(refusals.c.subject == subject, refusals.c.ended_us.is_(None))
    ended = of.values(ended_us=microseconds(now), how=how, ended_by=who)
    store.write(lambda connection: connection.execute(ended))


def keep_and_ask_again(store: Store, refusal: RetentionRefusal, now: datetime, who: str) -> None:
    """A person says that the clock was wrong: nothing goes, and the days to decide begin anew."""
    end_refusal(store, refusal.subject, "wrong", now, who)
    record_refusal(store, refusal.why, now, refusal.subject)
    _record_notified(store, refusal.subject, now)


def notify_administrators(store: Store, now: datetime, mail: Callable[[RetentionRefusal], None] | None) -> None:
    """Tell administrators of what stands: at once, then daily (monthly what only asks), in the log and by mail."""
    for refusal in open_refusals(store):
        every = NOTIFY_EVERY if refusal.subject == RUN else ASK_EVERY
        if refusal.notified is not None and timedelta(0) <= now - refusal.notified < every:
            continue
        log.error(
            "retention refused" if refusal.subject == RUN else "retention asks",
            extra={
                "subject": refusal.subject,
                "since": instant_text(refusal.at),
                "why": list(map(_doubt_json, refusal.why)),
                "overdue": refusal.is_overdue(now),
            },
        )
        notified_at = now
        if mail is not None:
            try:
                mail(refusal)
            except OSError as error:  # SMTPException is one
                log.warning("retention: the mail was not sent: %s", type(error).__name__)
                notified_at = now - every + RETRY
        _record_notified(store, refusal.subject, notified_at)


def _record_notified(store: Store, subject: str, at: datetime) -> None:
    noted = update(refusals).where(refusals.c.subject == subject, refusals.c.ended_us.is_(None))
    store.write(lambda connection: connection.execute(noted.values(told_us=microseconds(at))))


def _doubt_json(doubt: Doubt) -> dict[str, Any]:
    when = None if doubt.when is None else instant_text(doubt.when)
    fields = {"code": doubt.code, "when": when, "purpose": doubt.purpose, "records": doubt.records, "of": doubt.of}
    return {key: value for key, value in fields.items() if value}


def _refusal(row: Row[Any]) -> RetentionRefusal:
    why = tuple(
        Doubt(d["code"], instant(d["when"]) if "when" in d else None, d.get("purpose", ""), d.get("records", 0),
              d.get("of", 0))
        for d in json.loads(row.why)
    )  # fmt: skip
    notified = None if row.told_us is None else instant_of(row.told_us)
    return RetentionRefusal(row.id, row.subject, instant_of(row.at_us), why, instant_of(row.tried_us), notified)
