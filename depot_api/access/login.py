"""Log in, log out, one's own account; by password here, by an identity provider in ``oidc.py``."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from urllib.parse import parse_qsl, quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from dashboards.staff import STYLE, account_page, login_page, staff_text
from depot_api.access.authorization import allow, caller, refuse_other_origins
from depot_api.accounts import passwords, sessions, throttle, users
from depot_api.settings import PEOPLE, ROLES, Caller
from depot_api.state import Depot, depot_of, frame_of, home_of, html_page, read_body

router = APIRouter(tags=["people"])

#: Passwords judged at once: each takes a core for some 20 ms and 19 MiB.
_PASSWORD_THREADS = CapacityLimiter(2)
#: Tries written down at once: where the database is locked, whoever logs in waits, and keeps nobody else waiting.
_THROTTLE_THREADS = CapacityLimiter(4)
MOST_FORM_BYTES = 16_384


@router.get("/", include_in_schema=False)
async def front_door(request: Request) -> Response:
    """Where one goes from the depot's bare address: to one's own work, or to the login."""
    who = await caller(request)
    return RedirectResponse("/login" if who is None else home_of(who.role), 303)


@router.get("/people.css", include_in_schema=False)
async def style() -> Response:
    """The style sheet of the pages about people."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/login", include_in_schema=False)
async def login_form(request: Request) -> Response:
    """The login page."""
    return html_page(request, _form(request, own_page(request.query_params.get("next"))))


@router.post("/login", include_in_schema=False)
async def log_in(request: Request) -> Response:
    """Judge a name and a password; the same words, after the same time, whatever was wrong."""
    refuse_other_origins(request)
    body = await read_body(request, MOST_FORM_BYTES)  # from anybody at all: not however much he likes to send
    given = dict(parse_qsl(body.decode("utf-8", "replace")))
    # no account has a zero character in its name, and PostgreSQL takes none in a question
    name, password, next_page = (
        given.get(key, "")[:300].replace("\0", "\ufffd") for key in ("name", "password", "next")
    )
    depot = depot_of(request)
    address = request.client.host if request.client else ""
    now = depot.clock.now()
    lang_frame = partial(_form, request, own_page(next_page), name)
    if not await to_thread.run_sync(throttle.may_try, depot.store, name, address, now, limiter=_THROTTLE_THREADS):
        minutes = int(throttle.WINDOW.total_seconds() // 60)
        page = html_page(request, lang_frame("too_often", minutes=minutes), 429)
        page.headers["Retry-After"] = str(minutes * 60)
        return page
    right = await to_thread.run_sync(users.password_opens, depot.store, name, password, limiter=_PASSWORD_THREADS)
    if not right:
        return html_page(request, lang_frame("wrong"), 401)
    await to_thread.run_sync(throttle.forgive, depot.store, name, address, now)
    return await let_in(request, depot, name, own_page(next_page))


async def let_in(request: Request, depot: Depot, name: str, next_page: str) -> Response:
    """Begin a session (a new one: a cookie from before the login opens nothing) and go where one wanted to go."""
    account = await to_thread.run_sync(users.account_named, depot.store, name)
    cookie = await to_thread.run_sync(sessions.begin_session, depot, name)
    before = request.cookies.get(sessions.COOKIE)
    if before:
        await to_thread.run_sync(sessions.end_session, depot.store, before)
    response = RedirectResponse(next_page or home_of(account.role), 303)
    sessions.set_session_cookie(request, response, cookie)
    return response


@router.post("/logout", include_in_schema=False)
async def log_out(request: Request, _: Annotated[Caller, Depends(allow(*PEOPLE))]) -> Response:
    """End the session."""
    cookie = request.cookies.get(sessions.COOKIE, "")
    await to_thread.run_sync(sessions.end_session, depot_of(request).store, cookie)
    response = RedirectResponse("/login", 303)
    sessions.clear_session_cookie(request, response)
    return response


@router.get("/me")
async def me(request: Request, who: Annotated[Caller, Depends(allow(*ROLES))]) -> dict[str, str | list[str] | None]:
    """Who one is here: ``name``, ``role``, ``bound_to``; and for a person's pages the ``csrf`` token of the session."""
    session = getattr(request.state, "session", None)
    csrf = None if session is None else session.csrf
    return {"name": who.name, "role": who.role, "bound_to": list(who.bound_to), "csrf": csrf}


@router.get("/account", include_in_schema=False)
async def account(request: Request, who: Annotated[Caller, Depends(allow(*PEOPLE))]) -> Response:
    """One's own account."""
    return await _account(request, who)


@router.post("/account/password", include_in_schema=False)
async def change_password(request: Request, who: Annotated[Caller, Depends(allow(*PEOPLE))]) -> Response:
    """A new password, for whoever knows the present one; every session ends, this one begins anew."""
    depot = depot_of(request)
    given = await request.form(max_files=0, max_fields=10)
    old, new, again = (str(given.get(key, ""))[:300] for key in ("old", "new", "again"))
    address = request.client.host if request.client else ""
    if new != again:
        return await _account(request, who, "not_the_same", 400)
    if not passwords.SHORTEST <= len(new) <= passwords.LONGEST:
        return await _account(request, who, "too_short", 400)
    now = depot.clock.now()
    if not await to_thread.run_sync(throttle.may_try, depot.store, who.name, address, now, limiter=_THROTTLE_THREADS):
        minutes = int(throttle.WINDOW.total_seconds() // 60)
        return await _account(request, who, "too_often", 429, minutes=minutes)
    if not await to_thread.run_sync(users.password_opens, depot.store, who.name, old, limiter=_PASSWORD_THREADS):
        return await _account(request, who, "wrong", 400)
    await to_thread.run_sync(throttle.forgive, depot.store, who.name, address, now)
    await to_thread.run_sync(
        partial(users.change_account, depot.store, who.name, password=new), limiter=_PASSWORD_THREADS
    )
    return await let_in(request, depot, who.name, "/account?said=done")


async def _account(request: Request, who: Caller, said: str = "", status: int = 200, **values: object) -> Response:
    frame = frame_of(request, who)
    bad = bool(said)
    if not said and request.query_params.get("said") == "done":
        said = "done"
    if getattr(request.state, "session", None) is None:  # a planner's or a town's token: a program, without account
        has_password = False
    else:
        has_password = (await to_thread.run_sync(users.account_named, depot_of(request).store, who.name)).has_password
    page = account_page(
        frame, who.name, who.role, who.bound_to, has_password=has_password, shortest=passwords.SHORTEST,
        message=staff_text(said, frame.lang, **values) if said else "", bad=bad,
    )  # fmt: skip
    return html_page(request, page, status)


def _form(request: Request, next_page: str, name: str = "", said: str = "", **values: object) -> str:
    frame = frame_of(request, None, keep=f"next={quote(next_page, safe='')}&" if next_page else "")
    oidc = depot_of(request).settings.oidc
    told = staff_text(said, frame.lang, **values) if said else ""
    return login_page(frame, next_page=next_page, name=name, message=told, provider=oidc.name if oidc else None)


def own_page(wanted: str | None) -> str:
    """Where the login may lead: a page of this host, or nothing. ``//host`` and ``/\\host`` are other hosts."""
    if not wanted or len(wanted) > 500 or not wanted.startswith("/") or wanted[1:2] in ("/", "\\"):
        return ""
    return wanted if wanted.isprintable() and "\\" not in wanted else ""
