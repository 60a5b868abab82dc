"""What is kept of whom, why and for how long, and who looked: for the staff and their representatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dashboards.staff.people import PageFrame, audit_subject, html_table, role_text, staff_text


def term_text(days: int, lang: str) -> str:
    """A term in people's words: 61 days are two months, 1827 five years."""
    if days >= 365 and days % 365 <= days // 365:
        years = days // 365
        return staff_text("year", lang) if years == 1 else staff_text("years", lang, n=years)
    if days >= 59 and days % 30 <= days // 30 // 2 + 1:
        return staff_text("months", lang, n=days // 30)
    return staff_text("one_day", lang) if days == 1 else staff_text("days", lang, n=days)


def privacy_page(frame: PageFrame, purposes: Iterable[Mapping[str, Any]], last_run: str, refused: str = "") -> str:
    """``purposes``: purpose, kept, ground, source (in the page's language), days, and where the reader may know,
    oldest. ``last_run``: a sentence, ``refused``: what retention refuses or asks; both are HTML already."""
    lang = frame.lang
    rows = list(purposes)
    counted = any("oldest" in row for row in rows)
    keys = ["purpose", "kept", "term", "ground", "source", *(["oldest"] if counted else [])]
    cells = [
        [
            f"<b>{escape(row['purpose'])}</b>", escape(row["kept"]), term_text(row["days"], lang),
            escape(row["ground"]), escape(row["source"]), *([escape(row["oldest"])] if counted else []),
        ]
        for row in rows
    ]  # fmt: skip
    kept = html_table([staff_text(k, lang) for k in keys], cells, staff_text("privacy", lang))
    body = (
        f"{refused}<p>{staff_text('privacy_intro', lang)}</p>\n{kept}\n<p>{last_run}</p>\n"
        f"<p>{staff_text('your_rights', lang)}</p>"
    )
    return frame.page(staff_text("privacy", lang), body, here="/privacy")


def audit_log_page(frame: PageFrame, looks: Iterable[Mapping[str, str]], older: str | None) -> str:
    """``looks``: at (local time), who, role, what, why ("" where none was asked), newest first.

    ``older``: the address of the next page.
    """
    lang = frame.lang
    rows = [
        [
            escape(look["at"]), escape(look["who"]), role_text(look["role"], lang), audit_subject(look["what"], lang),
            escape(look["why"]) or staff_text("not_asked", lang),
        ]
        for look in looks
    ]  # fmt: skip
    body = f"<p>{staff_text('looks_intro', lang)}</p>\n"
    if rows:
        body += html_table(
            [staff_text(k, lang) for k in ("when", "who", "role", "what", "why")], rows, staff_text("looks", lang)
        )
    else:
        body += f"<p>{staff_text('nobody_looked', lang)}</p>"
    if older:
        body += f'<p><a class="button" href="{escape(older)}">{staff_text("older", lang)}</a></p>'
    return frame.page(staff_text("looks", lang), body, here="/looks")
