"""Pages about people: the frame that they share, one's own account, everybody's accounts and tokens.

Plain HTML forms: no script at all, so that the page's policy forbids every script; words in ``words.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from dashboards.shared import text_in
from dashboards.staff.words import AUDIT_SUBJECTS, ROLES, TEXTS

STYLE = (Path(__file__).parent / "people.css").read_text(encoding="utf-8")
#: What a page of ours may load and do: its own style sheet and forms, nothing else, from nobody else.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def staff_text(key: str, lang: str, **values: object) -> str:
    """A text of these pages, escaped for HTML, values too."""
    return escape(text_in(TEXTS, key, lang, **values))


def role_text(role: str, lang: str) -> str:
    """A role in people's words, escaped."""
    return escape(ROLES.get(role, {}).get(lang, role))


def audit_subject(what: str, lang: str) -> str:
    """What was looked at (``report 2026-11-20``), and its first word in people's words; escaped."""
    words = AUDIT_SUBJECTS.get(what.partition(" ")[0], {}).get(lang)
    return escape(what if words is None else f"{what} ({words})")


@dataclass(frozen=True, slots=True)
class PageFrame:
    """What every page has around it.

    ``links``: (address, key of the word); ``csrf``: None where nobody is logged in; ``keep``: the part of the page's
    query that stays when the language is changed; ``notice``: a line above everything, escaped already.
    """

    lang: str
    links: Sequence[tuple[str, str]] = ()
    who: str = ""
    csrf: str | None = None
    keep: str = ""
    notice: str = ""

    def page(self, title: str, body: str, *, here: str = "", narrow: bool = False) -> str:
        """A whole page; ``title`` is escaped already, as ``staff_text`` gives it."""
        links = "".join(
            f'<a href="{escape(href)}"{" aria-current=page" if href == here else ""}>{staff_text(key, self.lang)}</a>'
            for href, key in self.links
        )
        out = (
            ""
            if self.csrf is None
            else self.form("/logout", f"<button>{staff_text('log_out', self.lang)}</button>", "")
        )
        who = f'<a href="/account">{escape(self.who)}</a>' if self.who else ""
        other = "en" if self.lang == "fr" else "fr"
        switch = f'<a href="?{escape(self.keep)}lang={other}" lang="{other}" hreflang="{other}">{_LANGUAGE[other]}</a>'
        notice = f'<p class="notice" role="alert"><a href="/privacy">{self.notice}</a></p>\n' if self.notice else ""
        return (
            f'<!doctype html>\n<html lang="{self.lang}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="same-origin">\n'
            f'<title>{title} – Ripeur</title>\n<link rel="stylesheet" href="/people.css">\n</head>\n<body>\n'
            f'<a class="skip" href="#content">{staff_text("skip", self.lang)}</a>\n'
            f"<header><b>Ripeur</b><nav>{links}{who}{switch}</nav>{out}</header>\n"
            f"{notice}"
            f'<main id="content" tabindex="-1"{" class=narrow" if narrow else ""}>\n<h1>{title}</h1>\n{body}\n</main>\n'
            "</body>\n</html>\n"
        )

    def form(self, action: str, inside: str, css: str = "card") -> str:
        """A form that changes something, with the session's CSRF token."""
        hidden = "" if self.csrf is None else f'<input type="hidden" name="csrf" value="{escape(self.csrf)}">'
        named = f' class="{css}"' if css else ""
        return f'<form method="post" action="{escape(action)}"{named}>{hidden}{inside}</form>'

    def message(self, text: str, *, bad: bool = False) -> str:
        """What came of the last request; read out at once. ``text`` is escaped already."""
        return (
            f'<p class="said{" bad" if bad else ""}" role="{"alert" if bad else "status"}">{text}</p>' if text else ""
        )


_LANGUAGE = {"fr": "Français", "en": "English"}


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table that stacks on a phone; cells are HTML already."""
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    body = "".join(
        "<tr>" + "".join(f'<td data-head="{h}">{cell}</td>' for h, cell in zip(heads, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="table"><table class="stack"><caption class="soft">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


def account_page(
    frame: PageFrame,
    name: str,
    role: str,
    bound_to: Sequence[str],
    *,
    has_password: bool,
    shortest: int,
    message: str,
    bad: bool,
) -> str:
    """One's own account: who one is here, and the form for a new password."""
    lang = frame.lang
    colon = " : " if lang == "fr" else ": "
    about = f"<p>{staff_text('name', lang)}{colon}<b>{escape(name)}</b>"
    about += f"<br>{staff_text('role', lang)}{colon}{role_text(role, lang)}"
    if bound_to:
        about += f"<br>{staff_text('bound_to', lang)}{colon}{escape(', '.join(bound_to))}"
    about += "</p>"
    if has_password:
        change = frame.form(
            "/account/password",
            _field("old_password", lang, "old", "password", "current-password")
            + _field("new_password", lang, "new", "password", "new-password", staff_text("at_least", lang, n=shortest))
            + _field("new_password_again", lang, "again", "password", "new-password")
            + f'<button class="first">{staff_text("change_password", lang)}</button>',
        )
    else:
        change = f"<p>{staff_text('login_by_provider', lang)}</p>"
    return frame.page(
        staff_text("account", lang),
        f"{frame.message(message, bad=bad)}{about}\n<h2>{staff_text('change_password', lang)}</h2>\n{change}",
        here="/account",
        narrow=True,
    )


def people_page(
    frame: PageFrame,
    accounts: Iterable[Mapping[str, str]],
    tokens: Iterable[Mapping[str, str]],
    roles: Sequence[str],
    *,
    message: str,
    bad: bool,
) -> str:
    """Everybody's accounts, and the tokens of machines.

    ``accounts``: name, role, bound_to (with commas), disabled (the day, or empty), password ("yes" or empty);
    ``tokens``: id, kind, name, made, revoked (days).
    """
    lang = frame.lang
    heads = [staff_text(key, lang) for key in ("name", "role", "bound_to", "state", "change")]
    rows = [_account_row(frame, account, roles) for account in accounts]
    add = frame.form(
        "/people",
        _field("name", lang, "name", "text", "off")
        + _role_field(lang, roles, "planner")
        + _field("bound_to", lang, "bound_to", "text", "off", staff_text("bound_hint", lang), needed=False)
        + f'<button class="first">{staff_text("add", lang)}</button>',
    )
    token_heads = [staff_text(key, lang) for key in ("kind", "name", "made", "state")]
    token_rows = [_token_row(frame, token) for token in tokens]
    return frame.page(
        staff_text("people", lang),
        f"{frame.message(message, bad=bad)}<p>{staff_text('people_intro', lang)}</p>\n"
        f"{html_table(heads, rows, staff_text('people', lang))}\n<h2>{staff_text('add', lang)}</h2>\n{add}\n"
        f"<h2>{staff_text('machines', lang)}</h2>\n<p class=soft>{staff_text('token_hint', lang)}</p>\n"
        f"{html_table(token_heads, token_rows, staff_text('machines', lang))}",
        here="/people",
    )


def _account_row(frame: PageFrame, account: Mapping[str, str], roles: Sequence[str]) -> list[str]:
    lang = frame.lang
    to = f"/people/{quote(account['name'], safe='')}"
    state = (
        staff_text("disabled", lang, day=account["disabled"]) if account["disabled"] else staff_text("in_force", lang)
    )
    change = (
        f'<details><summary>{staff_text("change", lang)}<span class="soft"> {escape(account["name"])}</span></summary>'
        + frame.form(
            to,
            _role_field(lang, roles, account["role"])
            + _field("bound_to", lang, "bound_to", "text", "off", value=account["bound_to"], needed=False)
            + f'<button name="do" value="change">{staff_text("save", lang)}</button> '
            + (
                f'<button name="do" value="password">{staff_text("give_password", lang)}</button> '
                if account["password"]
                else ""
            )
            + (
                f'<button name="do" value="enable">{staff_text("enable", lang)}</button>'
                if account["disabled"]
                else f'<button name="do" value="disable">{staff_text("disable", lang)}</button>'
            ),
        )
        + "</details>"
    )
    return [escape(account["name"]), role_text(account["role"], lang), escape(account["bound_to"]), state, change]


def _token_row(frame: PageFrame, token: Mapping[str, str]) -> list[str]:
    lang = frame.lang
    if token["revoked"]:
        state = staff_text("revoked", lang, day=token["revoked"])
    else:
        label = f'aria-label="{staff_text("revoke", lang)} {escape(token["kind"])} {escape(token["name"])}"'
        state = frame.form(
            f"/tokens/{token['id']}/revoke", f"<button {label}>{staff_text('revoke', lang)}</button>", ""
        )
    return [role_text(token["kind"], lang), escape(token["name"]), escape(token["made"]), state]


def _field(
    key: str,
    lang: str,
    name: str,
    type: str,
    autocomplete: str,
    hint: str = "",
    *,
    value: str = "",
    needed: bool = True,
) -> str:
    small = f"<br><small>{hint}</small>" if hint else ""
    return (
        f'<label>{staff_text(key, lang)}{small}<input name="{name}" type="{type}" autocomplete="{autocomplete}" '
        f'maxlength="200" autocapitalize="none" spellcheck="false" value="{escape(value)}"'
        f"{' required' if needed else ''}></label>"
    )


def _role_field(lang: str, roles: Sequence[str], chosen: str) -> str:
    options = "".join(
        f'<option value="{role}"{" selected" if role == chosen else ""}>{role_text(role, lang)}</option>'
        for role in roles
    )
    return f'<label>{staff_text("role", lang)}<select name="role">{options}</select></label>'
