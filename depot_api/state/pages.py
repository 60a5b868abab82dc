"""What every page of the depot does alike: its language, its frame, the headers that keep others out."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from dashboards.staff import POLICY, PageFrame
from depot_api.settings import Caller

LANGUAGES = ("fr", "en")
LANGUAGE_COOKIE = "ripeur_lang"

#: Where a person's links lead, by role; the last is for everybody. The first is where the login leads.
_LINKS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("/console", "console", frozenset({"planner", "crew_leader", "phone_agent", "contractor"})),
    ("/contractor", "contractor_sheet", frozenset({"contractor", "planner"})),
    ("/contractor", "undone", frozenset({"contractor", "planner"})),
    ("/people", "people", frozenset({"administrator"})),
    ("/looks", "looks", frozenset({"staff_representative", "administrator"})),
)


def language(request: Request) -> str:
    """``?lang=``, else what was chosen before, else what the browser asks for, else French."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    for part in request.headers.get("accept-language", "").split(","):
        if part.strip()[:2].lower() in LANGUAGES:
            return part.strip()[:2].lower()
    return LANGUAGES[0]


def links_for(caller: Caller | None) -> list[tuple[str, str]]:
    """What this person may open, as the frame wants it."""
    known = [] if caller is None else [(href, key) for href, key, roles in _LINKS if caller.role in roles]
    return [*known, ("/privacy", "privacy")]


def home_of(caller_role: str) -> str:
    """Where a person of this role goes after the login."""
    return next((href for href, _, roles in _LINKS if caller_role in roles), "/account")


def frame_of(request: Request, caller: Caller | None, keep: str = "") -> PageFrame:
    """The frame around a page for this person."""
    session = getattr(request.state, "session", None)
    csrf = None if session is None else session.csrf
    return PageFrame(language(request), links_for(caller), "" if caller is None else caller.name, csrf, keep)


def html_page(request: Request, page: str, status: int = 200) -> HTMLResponse:
    """A page, never kept by anybody's cache, with the policy that forbids scripts and other people's frames."""
    response = HTMLResponse(page, status)
    set_security_headers(response)
    if request.query_params.get("lang") in LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, language(request), max_age=31_536_000, samesite="lax", secure=secure)
    return response


def set_security_headers(response: Response, policy: str = POLICY) -> None:
    """The headers of every page of people's."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
