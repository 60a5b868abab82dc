"""The login page: name and password, and the identity provider where there is one."""

from __future__ import annotations

from html import escape

from dashboards.staff.people import PageFrame, staff_text


def login_page(
    frame: PageFrame, *, next_page: str, name: str = "", message: str = "", provider: str | None = None
) -> str:
    """``next_page``: where one goes afterwards, on this host; ``message``: why the last try failed, escaped."""
    lang = frame.lang
    hidden = f'<input type="hidden" name="next" value="{escape(next_page)}">'
    oidc = ""
    if provider is not None:
        oidc = (
            f'<form method="get" action="/login/oidc" class="card">{hidden}'
            f'<button class="first">{staff_text("with_oidc", lang, provider=provider)}</button></form>'
            f"<p>{staff_text('or_password', lang)}</p>"
        )
    described = ' aria-describedby="said" aria-invalid="true"' if message else ""
    form = (
        f'<form method="post" action="/login" class="card">{hidden}'
        f'<label>{staff_text("name", lang)}<input name="name" value="{escape(name)}" autocomplete="username" '
        f'maxlength="80" autocapitalize="none" spellcheck="false" required autofocus{described}></label>'
        f'<label>{staff_text("password", lang)}<input name="password" type="password" autocomplete="current-password" '
        f'maxlength="200" required{described}></label>'
        f'<button class="first">{staff_text("enter", lang)}</button></form>'
    )
    told = f'<div id="said">{frame.message(message, bad=True)}</div>' if message else ""
    body = (
        f"{told}{oidc}{form}<p class=soft>{staff_text('forgotten', lang)}</p>"
        f'<p><a href="/privacy">{staff_text("what_is_kept", lang)}</a></p>'
    )
    return frame.page(staff_text("login", lang), body, narrow=True)
