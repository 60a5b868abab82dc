"""Who asks, and whether he may: one dependency on every route, ``Depends(allow("planner", "crew_leader"))``.

A machine shows ``Authorization: Bearer TOKEN``, a person the cookie of his session. Nobody known: 401 (a browser that
wants a page is sent to the login). Known, but of another role: 403. A change asked for with a cookie must come from
our own pages: same origin, and with the session's CSRF token in the ``X-CSRF-Token`` header or a form's ``csrf``.
"""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyCookie, HTTPBearer

from depot_api.accounts import sessions, tokens
from depot_api.settings import ROLES, Caller

#: Threads that tokens are looked up from: whoever keeps all the others busy keeps no box's facts waiting.
_TOKEN_THREADS = CapacityLimiter(2)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Declared for the API's own document; the reading is ours.
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="a machine's token")
_COOKIE = APIKeyCookie(name=sessions.COOKIE, auto_error=False, scheme_name="session", description="a person's session")


async def caller(request: Request) -> Caller | None:
    """Who asks, by token or session; ``None`` for nobody known. Raises 403 for a forged change."""
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, token = given.partition(" ")
        return await caller_of_token(request, token.strip()) if scheme.lower() == "bearer" else None
    cookie = request.cookies.get(sessions.COOKIE)
    if not cookie:
        return None
    session = await run_in_threadpool(sessions.find_session, request.app.state.depot, cookie)
    if session is None:
        return None
    if request.method not in SAFE_METHODS:
        refuse_other_origins(request)
        if not hmac.compare_digest((await _csrf_given(request)).encode(), session.csrf.encode()):
            raise HTTPException(403, "the page is out of date: load it again (CSRF token missing or wrong)")
    request.state.session = session
    return await _with_slot(request, session.caller)


async def caller_of_token(request: Request, token: str) -> Caller | None:
    """Who holds this token: for protocols that carry it elsewhere than in a Bearer header."""
    known = tokens.token_cache_of(request.app)
    token_digest = tokens.token_digest(token)
    holder = known.cached(token_digest) or await to_thread.run_sync(known.find, token_digest, limiter=_TOKEN_THREADS)
    return None if holder is None else await _with_slot(request, holder)


async def _with_slot(request: Request, who: Caller) -> Caller:
    """Wait until the account has a request slot; ``BodyLimit`` releases it when the request is answered."""
    state = request.scope.get("state", {})
    if "request_slots" in state and "request_slot" not in state:
        state["request_slot"] = await state["request_slots"].acquire(who)
    return who


class Allow:
    """The dependency that lets these roles pass, and gives the :class:`Caller` to whoever asks for it."""

    def __init__(self, *roles: str) -> None:
        unknown = set(roles) - set(ROLES)
        if unknown or not roles:
            raise ValueError(f"allow: roles = {sorted(unknown)}, must be of {', '.join(ROLES)}")
        self.roles = frozenset(roles)

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Depends(_BEARER)],
        _cookie: Annotated[object, Depends(_COOKIE)],
    ) -> Caller:
        known = await caller(request)
        return admit(request, known, self.roles)


def admit(request: Request, known: Caller | None, roles: frozenset[str]) -> Caller:
    """The caller, if he is known and of one of these roles. Raises 401 or 403; sends a browser to the login."""
    if known is None:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise HTTPException(303, "log in", headers={"Location": f"/login?next={quote(_here(request), safe='/')}"})
        raise HTTPException(401, "a token or a login is needed", headers={"WWW-Authenticate": "Bearer"})
    if known.role not in roles:
        raise HTTPException(403, f"not for the role {known.role}")
    request.state.caller = known
    return known


def allow(*roles: str) -> Allow:
    """``caller: Caller = Depends(allow("box"))``, or ``dependencies=[Depends(allow("planner"))]``."""
    return Allow(*roles)


def refuse_other_origins(request: Request) -> None:
    """Raises 403 for a change that another site's page asks this browser for."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    try:
        ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:  # "http://[": no address at all
        ours = False
    if not ours or site not in (None, "same-origin", "none"):
        raise HTTPException(403, "asked for by another site's page")


async def _csrf_given(request: Request) -> str:
    header = request.headers.get("x-csrf-token")
    if header is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        field = (await request.form()).get("csrf")
        header = field if isinstance(field, str) else None
    return header or ""


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
