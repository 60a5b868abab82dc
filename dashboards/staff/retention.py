"""What people read where retention refuses or asks: the line on their pages, the part of /privacy, the mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape, unescape
from typing import Any

from dashboards.staff.people import Frame, table, word

#: How many records are counted exactly; from there on "at least".
MOST_COUNTED = 100_000


def notice_line(lang: str, since: str, overdue: bool) -> str:
    """One line, escaped. ``overdue``: a person must decide."""
    return word("refused_overdue" if overdue else "refused_since", lang, when=since)


def short_line(lang: str, overdue: bool) -> str:
    """The same for the console's head, which is narrow; escaped."""
    return word("refused_short_overdue" if overdue else "refused_short", lang)


def refusals_part(frame: Frame, standing: Iterable[Mapping[str, Any]], names: Mapping[str, str], may: bool) -> str:
    """What stands, each with its reasons and numbers, and the forms for who ``may`` decide.

    ``standing``: id, subject, since, clock, shown, overdue, why, counts, until, and of what asks oldest and newest;
    ``names``: of the purposes.
    """
    return "".join(_one(frame, one, names, may) for one in standing)


def _one(frame: Frame, one: Mapping[str, Any], names: Mapping[str, str], may: bool) -> str:
    lang = frame.lang
    is_run = one["subject"] == "run"
    title = word("refused", lang) if is_run else word("asks_for", lang, purpose=names[one["subject"]])
    if is_run:
        said = notice_line(lang, one["since"], one["overdue"])
        why = "".join(f"<li>{reason(doubt, lang, names)}</li>" for doubt in one["why"])
        body = f"<p>{word('clock_says', lang, when=one['clock'])}</p><ul>{why}</ul>"
        alarm = frame.said(said, bad=True)
    else:
        alarm = frame.said(word("asks_since", lang, when=one["since"]), bad=one["overdue"])
        body = f"<p>{word('asks_why', lang)}</p>"
    rows = [[escape(names[key]), _number(n, lang)] for key, n in one["counts"].items()]
    heads = [word("purpose", lang), word("would_go", lang)]
    if "oldest" in one:
        rows = [[*row, escape(one["oldest"]), escape(one["newest"])] for row in rows]
        heads += [word("oldest", lang), word("newest", lang)]
    counts = table(heads, rows, word("would_go_now", lang)) if rows else f"<p>{word('nothing_would_go', lang)}</p>"
    form = _form(frame, one, is_run) if may else f"<p>{word('who_decides', lang)}</p>"
    return f'<section class="refusal"><h2>{title}</h2>{alarm}{body}{counts}{form}</section>\n'


def _form(frame: Frame, one: Mapping[str, Any], is_run: bool) -> str:
    lang = frame.lang
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(one[key]))}">'
        for name, key in (("refusal", "id"), ("shown", "shown"), ("until", "until"))
    )
    why = (
        f"<label>{word('why', lang)}<br><small>{word('decision_hint', lang)}</small>"
        '<input name="why" minlength="5" maxlength="300" autocomplete="off" required></label>'
    )
    if not is_run:
        buttons = (("wrong", "not_yet"), ("yes", "yes"))
    elif all(doubt["code"] == "share" for doubt in one["why"]):
        buttons = (("wrong", "share_wrong"), ("right", "share_right"))
    else:
        buttons = (("wrong", "clock_wrong"), ("right", "clock_right"))
    asked = "".join(
        f'<button name="how" value="{how}"{" class=grave" if how != "wrong" else ""}>{word(key, lang)}</button> '
        for how, key in buttons
    )
    return frame.form("/privacy/decisions", f"{hidden}{why}{asked}")


def reason(doubt: Mapping[str, Any], lang: str, names: Mapping[str, str]) -> str:
    """One reason in people's words, escaped."""
    values = {key: doubt[key] for key in ("when", "n", "of")}
    return word(f"doubt_{doubt['code']}", lang, **values, purpose=names.get(doubt["purpose"], word("all_of_it", lang)))


def plain_reason(code: str, when: str, purpose: str, n: int, of: int) -> str:
    """One reason for a terminal, in English."""
    return unescape(word(f"doubt_{code}", "en", when=when, purpose=purpose, n=n, of=of))


def _number(count: int, lang: str) -> str:
    return word("at_least_n", lang, n=count) if count >= MOST_COUNTED else str(count)


def mail_text(subject: str, since: str, clock: str, why: Iterable[Mapping[str, Any]], overdue: bool) -> tuple[str, str]:
    """Subject and text of the mail, French and English. It names no truck and no person."""
    lines = []
    for lang in ("fr", "en"):
        said = notice_line(lang, since, overdue) if subject == "run" else word("asks_since", lang, when=since)
        lines += [said]
        if subject == "run":
            lines += [word("clock_says", lang, when=clock), *(f"- {reason(doubt, lang, {})}" for doubt in why)]
        lines += [word("mail_where", lang), ""]
    head = "mail_refused" if subject == "run" else "mail_asks"
    return unescape(f"{word(head, 'fr')} / {word(head, 'en')}"), unescape("\n".join(lines))
