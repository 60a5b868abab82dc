"""The login page: name and password, and the identity provider where there is one."""

from __future__ import annotations

from html import escape

from dashboards.staff.people import Frame, word


def login_page(frame: Frame, *, next_page: str, name: str = "", said: str = "", provider: str | None = None) -> str:
    """``next_page``: where one goes afterwards, on this host; ``said``: why the last try failed, escaped already."""
    lang = frame.lang
    hidden = f'<input type="hidden" name="next" value="{escape(next_page)}">'
    oidc = ""
    if provider is not None:
        oidc = (
            f'<form method="get" action="/login/oidc" class="card">{hidden}'
            f'<button class="first">{word("with_oidc", lang, provider=provider)}</button></form>'
            f"<p>{word('or_password', lang)}</p>"
        )
    described = ' aria-describedby="said" aria-invalid="true"' if said else ""
    form = (
        f'<form method="post" action="/login" class="card">{hidden}'
        f'<label>{word("name", lang)}<input name="name" value="{escape(name)}" autocomplete="username" maxlength="80" '
        f'autocapitalize="none" spellcheck="false" required autofocus{described}></label>'
        f'<label>{word("password", lang)}<input name="password" type="password" autocomplete="current-password" '
        f'maxlength="200" required{described}></label>'
        f'<button class="first">{word("enter", lang)}</button></form>'
    )
    told = f'<div id="said">{frame.said(said, bad=True)}</div>' if said else ""
    body = (
        f"{told}{oidc}{form}<p class=soft>{word('forgotten', lang)}</p>"
        f'<p><a href="/privacy">{word("what_is_kept", lang)}</a></p>'
    )
    return frame.page(word("login", lang), body, narrow=True)
