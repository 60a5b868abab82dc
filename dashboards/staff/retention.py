"""What people read where retention refuses or asks: the line on their pages, the part of /privacy, the mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape, unescape
from typing import Any

from dashboards.staff.people import PageFrame, html_table, staff_text

#: How many records are counted exactly; from there on "at least".
MOST_COUNTED = 100_000


def notice_line(lang: str, since: str, overdue: bool) -> str:
    """One line, escaped. ``overdue``: a person must decide."""
    return staff_text("refused_overdue" if overdue else "refused_since", lang, when=since)


def short_line(lang: str, overdue: bool) -> str:
    """The same for the console's head, which is narrow; escaped."""
    return staff_text("refused_short_overdue" if overdue else "refused_short", lang)


def refusals_part(frame: PageFrame, standing: Iterable[Mapping[str, Any]], names: Mapping[str, str], may: bool) -> str:
    """What stands, each with its reasons and numbers, and the forms for who ``may`` decide.

    ``standing``: id, subject, since, clock, shown, overdue, why, counts, until, and of what asks oldest and newest;
    ``names``: of the purposes.
    """
    return "".join(_one(frame, one, names, may) for one in standing)


def _one(frame: PageFrame, one: Mapping[str, Any], names: Mapping[str, str], may: bool) -> str:
    lang = frame.lang
    is_run = one["subject"] == "run"
    title = staff_text("refused", lang) if is_run else staff_text("asks_for", lang, purpose=names[one["subject"]])
    if is_run:
        line = notice_line(lang, one["since"], one["overdue"])
        why = "".join(f"<li>{reason_text(doubt, lang, names)}</li>" for doubt in one["why"])
        body = f"<p>{staff_text('clock_says', lang, when=one['clock'])}</p><ul>{why}</ul>"
        alarm = frame.message(line, bad=True)
    else:
        alarm = frame.message(staff_text("asks_since", lang, when=one["since"]), bad=one["overdue"])
        body = f"<p>{staff_text('asks_why', lang)}</p>"
    rows = [[escape(names[key]), _number(n, lang)] for key, n in one["counts"].items()]
    heads = [staff_text("purpose", lang), staff_text("would_go", lang)]
    if "oldest" in one:
        rows = [[*row, escape(one["oldest"]), escape(one["newest"])] for row in rows]
        heads += [staff_text("oldest", lang), staff_text("newest", lang)]
    counts = (
        html_table(heads, rows, staff_text("would_go_now", lang))
        if rows
        else f"<p>{staff_text('nothing_would_go', lang)}</p>"
    )
    form = _form(frame, one, is_run) if may else f"<p>{staff_text('who_decides', lang)}</p>"
    return f'<section class="refusal"><h2>{title}</h2>{alarm}{body}{counts}{form}</section>\n'


def _form(frame: PageFrame, one: Mapping[str, Any], is_run: bool) -> str:
    lang = frame.lang
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(one[key]))}">'
        for name, key in (("refusal", "id"), ("shown", "shown"), ("until", "until"))
    )
    why = (
        f"<label>{staff_text('why', lang)}<br><small>{staff_text('decision_hint', lang)}</small>"
        '<input name="why" minlength="5" maxlength="300" autocomplete="off" required></label>'
    )
    if not is_run:
        buttons = (("wrong", "not_yet"), ("yes", "yes"))
    elif all(doubt["code"] == "share" for doubt in one["why"]):
        buttons = (("wrong", "share_wrong"), ("right", "share_right"))
    else:
        buttons = (("wrong", "clock_wrong"), ("right", "clock_right"))
    asked = "".join(
        f'<button name="how" value="{how}"{" class=grave" if how != "wrong" else ""}>{staff_text(key, lang)}</button> '
        for how, key in buttons
    )
    return frame.form("/privacy/decisions", f"{hidden}{why}{asked}")


def reason_text(doubt: Mapping[str, Any], lang: str, names: Mapping[str, str]) -> str:
    """One reason in people's words, escaped."""
    values = {key: doubt[key] for key in ("when", "n", "of")}
    return staff_text(
        f"doubt_{doubt['code']}", lang, **values, purpose=names.get(doubt["purpose"], staff_text("all_of_it", lang))
    )


def plain_reason(code: str, when: str, purpose: str, n: int, of: int) -> str:
    """One reason for a terminal, in English."""
    return unescape(staff_text(f"doubt_{code}", "en", when=when, purpose=purpose, n=n, of=of))


def _number(count: int, lang: str) -> str:
    return staff_text("at_least_n", lang, n=count) if count >= MOST_COUNTED else str(count)


def mail_text(subject: str, since: str, clock: str, why: Iterable[Mapping[str, Any]], overdue: bool) -> tuple[str, str]:
    """Subject and text of the mail, French and English. It names no truck and no person."""
    lines = []
    for lang in ("fr", "en"):
        lines.append(
            notice_line(lang, since, overdue) if subject == "run" else staff_text("asks_since", lang, when=since)
        )
        if subject == "run":
            lines += [
                staff_text("clock_says", lang, when=clock),
                *(f"- {reason_text(doubt, lang, {})}" for doubt in why),
            ]
        lines += [staff_text("mail_where", lang), ""]
    head = "mail_refused" if subject == "run" else "mail_asks"
    return unescape(f"{staff_text(head, 'fr')} / {staff_text(head, 'en')}"), unescape("\n".join(lines))
