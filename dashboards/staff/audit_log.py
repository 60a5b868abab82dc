"""What is kept of whom, why and for how long, and who looked: for the staff and their representatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dashboards.staff.people import Frame, audit_subject, role_word, table, word


def term(days: int, lang: str) -> str:
    """A term in people's words: 61 days are two months, 1827 five years."""
    if days >= 365 and days % 365 <= days // 365:
        years = days // 365
        return word("year", lang) if years == 1 else word("years", lang, n=years)
    if days >= 59 and days % 30 <= days // 30 // 2 + 1:
        return word("months", lang, n=days // 30)
    return word("one_day", lang) if days == 1 else word("days", lang, n=days)


def privacy_page(frame: Frame, purposes: Iterable[Mapping[str, Any]], last_run: str, refused: str = "") -> str:
    """``purposes``: purpose, kept, ground, source (in the page's language), days, and where the reader may know,
    oldest. ``last_run``: a sentence, ``refused``: what retention refuses or asks; both are HTML already."""
    lang = frame.lang
    rows = list(purposes)
    counted = any("oldest" in row for row in rows)
    keys = ["purpose", "kept", "term", "ground", "source", *(["oldest"] if counted else [])]
    cells = [
        [
            f"<b>{escape(row['purpose'])}</b>", escape(row["kept"]), term(row["days"], lang), escape(row["ground"]),
            escape(row["source"]), *([escape(row["oldest"])] if counted else []),
        ]
        for row in rows
    ]  # fmt: skip
    kept = table([word(k, lang) for k in keys], cells, word("privacy", lang))
    body = (
        f"{refused}<p>{word('privacy_intro', lang)}</p>\n{kept}\n<p>{last_run}</p>\n<p>{word('your_rights', lang)}</p>"
    )
    return frame.page(word("privacy", lang), body, here="/privacy")


def audit_log_page(frame: Frame, looks: Iterable[Mapping[str, str]], older: str | None) -> str:
    """``looks``: at (local time), who, role, what, why ("" where none was asked), newest first.

    ``older``: the address of the next page.
    """
    lang = frame.lang
    rows = [
        [
            escape(look["at"]), escape(look["who"]), role_word(look["role"], lang), audit_subject(look["what"], lang),
            escape(look["why"]) or word("not_asked", lang),
        ]
        for look in looks
    ]  # fmt: skip
    body = f"<p>{word('looks_intro', lang)}</p>\n"
    if rows:
        body += table([word(k, lang) for k in ("when", "who", "role", "what", "why")], rows, word("looks", lang))
    else:
        body += f"<p>{word('nobody_looked', lang)}</p>"
    if older:
        body += f'<p><a class="button" href="{escape(older)}">{word("older", lang)}</a></p>'
    return frame.page(word("looks", lang), body, here="/looks")
