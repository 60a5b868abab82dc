"""Log in with an OpenID Connect provider: authorization code, PKCE, state, nonce. The only file that knows Authlib.

What is trusted of the provider: who somebody is (issuer and subject) and, by the settings' table, in which role. No
role in the table: no login. The passwords of ``login.py`` stay as the fallback.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from dataclasses import dataclass
from time import monotonic, time
from typing import Any
from urllib.parse import quote

import requests
from anyio import CapacityLimiter, to_thread
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dashboards.staff import input_error_text, login_page, staff_text
from depot_api.access.login import let_in, own_page
from depot_api.accounts import users
from depot_api.input_error import InputError
from depot_api.settings import BOUND, Provider
from depot_api.state import depot_of, frame_of, html_page

router = APIRouter(tags=["people"])

BACK = "/login/oidc/back"
COOKIE = "ripeur_oidc"
#: How long somebody may take at the provider's.
PATIENCE_S = 600
TIMEOUT_S = 10
#: Signatures by a key of the provider's alone: never "none", never a secret shared with us.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
LEEWAY_S = 60
#: The provider's addresses and keys are asked for again after this long.
_FRESH_S = 3600.0
#: Signs what a browser carries to the provider's and back; a login begun before a restart begins again.
_COOKIE_KEY = secrets.token_bytes(32)


#: Logins that wait for the provider at once: when it hangs, the depot's other threads go on.
_PROVIDER_THREADS = CapacityLimiter(4)


class LoginRefused(Exception):
    """Why nobody is let in: a code and its values, as ``InputError`` has them; words come last, for whoever tried."""

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(code, values)
        self.code, self.values = code, values


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider says it is, in our words."""

    subject: str
    name: str
    role: str
    bound_to: tuple[str, ...]


@router.get("/login/oidc", include_in_schema=False)
async def to_provider(request: Request) -> Response:
    """Send the browser to the provider."""
    provider = _provider(request)
    wanted = own_page(request.query_params.get("next"))
    carried = {key: secrets.token_urlsafe(32) for key in ("state", "nonce", "verifier")} | {"next": wanted}
    try:
        address = await to_thread.run_sync(_address, provider, carried, limiter=_PROVIDER_THREADS)
    except LoginRefused as why:
        return _refused(request, provider, why)
    response = RedirectResponse(address, 303)
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, _signed(carried), max_age=PATIENCE_S, path=BACK, httponly=True, samesite="lax", secure=secure
    )
    return response


@router.get(BACK, include_in_schema=False)
async def from_provider(request: Request) -> Response:
    """The browser comes back with a code: ask the provider whose it is, and let that person in."""
    provider = _provider(request)
    depot = depot_of(request)
    try:
        carried = _unsigned(request.cookies.get(COOKIE, ""))
        state = request.query_params.get("state", "")
        if not hmac.compare_digest(state.encode("utf-8", "replace"), carried["state"].encode()):
            raise LoginRefused("login_state")
        code = request.query_params.get("code")
        if not code:
            given = request.query_params.get("error")
            raise LoginRefused("login_no_code") if given is None else LoginRefused("login_failed", error=given[:80])
        identity = await to_thread.run_sync(_identity, provider, code, carried, limiter=_PROVIDER_THREADS)
        now = depot.clock.now()
        try:
            account = await to_thread.run_sync(
                users.account_of_subject,
                depot.store,
                identity.subject,
                identity.name,
                identity.role,
                identity.bound_to,
                now,
            )
        except InputError as error:
            raise LoginRefused(error.code, **error.values) from None
    except LoginRefused as why:
        return _refused(request, provider, why)
    response = await let_in(request, depot, account.name, carried["next"])
    response.delete_cookie(COOKIE, path=BACK)
    return response


def identity_of(provider: Provider, claims: dict[str, Any]) -> Identity:
    """Whom verified claims name. Raises ``LoginRefused`` where the settings give no role for them."""
    groups = claims.get(provider.role_claim)
    have = {groups} if isinstance(groups, str) else set(filter(_is_text, groups)) if isinstance(groups, list) else set()
    role = next((role for value, role in provider.roles.items() if value in have), None)
    if role is None:
        raise LoginRefused("login_no_role", claim=provider.role_claim)
    name = next((claims[k] for k in (provider.name_claim, "email", "sub") if _is_text(claims.get(k))), "")
    bound: Any = claims.get(provider.bound_claim) if provider.bound_claim and role in BOUND else None
    trucks = (bound,) if isinstance(bound, str) else tuple(filter(_is_text, bound)) if isinstance(bound, list) else ()
    return Identity(f"{provider.issuer} {claims['sub']}", name, role, trucks)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _provider(request: Request) -> Provider:
    provider = depot_of(request).settings.oidc
    if provider is None:
        raise HTTPException(404, "no identity provider is set")
    return provider


def _refused(request: Request, provider: Provider, why: LoginRefused) -> Response:
    frame = frame_of(request, None)
    message = staff_text("no_oidc", frame.lang, why=input_error_text(why.code, frame.lang, **why.values))
    response = html_page(request, login_page(frame, next_page="", message=message, provider=provider.name), 401)
    response.delete_cookie(COOKIE, path=BACK)
    return response


# --- what is asked of the provider -----------------------------------------------------------------------------------


class _ProviderCache:
    """The provider's addresses and keys, asked for once an hour, and when it signs with a key not seen before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, dict[str, Any]]] = {}

    def get(self, url: str, *, again: bool = False) -> dict[str, Any]:
        with self._lock:
            asked_s, answer = self._answers.get(url, (-_FRESH_S, {}))
            if again or not answer or monotonic() - asked_s > _FRESH_S:
                try:
                    answer = _json_from(url)
                except (requests.RequestException, ValueError) as error:
                    raise LoginRefused("login_unreachable", url=url, error=type(error).__name__) from None
                self._answers[url] = (monotonic(), answer)
            return answer

    def addresses(self, provider: Provider) -> dict[str, Any]:
        answer = self.get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if answer.get("issuer") != provider.issuer:
            raise LoginRefused("login_issuer")
        return answer


_PROVIDER_CACHE = _ProviderCache()


def _json_from(url: str) -> dict[str, Any]:
    answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError(f"{url}: no JSON object")
    return document


def _keys(addresses: dict[str, Any], *, again: bool = False) -> KeySet:
    key_set: Any = _PROVIDER_CACHE.get(addresses["jwks_uri"], again=again)
    return KeySet.import_key_set(key_set)


def _session(provider: Provider) -> OAuth2Session:
    return OAuth2Session(
        provider.client_id,
        provider.client_secret,
        scope="openid profile email",
        redirect_uri=provider.public_url.rstrip("/") + BACK,
        code_challenge_method="S256",
        default_timeout=TIMEOUT_S,
    )


def _address(provider: Provider, carried: dict[str, str]) -> str:
    """Where the provider asks people who they are."""
    endpoint = _PROVIDER_CACHE.addresses(provider)["authorization_endpoint"]
    with _session(provider) as session:
        url, _ = session.create_authorization_url(
            endpoint, state=carried["state"], nonce=carried["nonce"], code_verifier=carried["verifier"]
        )
    return str(url)


def _identity(provider: Provider, code: str, carried: dict[str, str]) -> Identity:
    """Exchange the code, verify the ID token: signature, issuer, audience, nonce, times. Raises ``LoginRefused``."""
    addresses = _PROVIDER_CACHE.addresses(provider)
    try:
        with _session(provider) as session:
            answer = session.fetch_token(
                addresses["token_endpoint"],
                code=code,
                code_verifier=carried["verifier"],
                grant_type="authorization_code",
            )
        token = answer["id_token"]
        try:
            decoded = jwt.decode(token, _keys(addresses), list(ALGORITHMS))
        except (JoseError, ValueError):  # a key made since
            keys = _keys(addresses, again=True)
            decoded = jwt.decode(token, keys, list(ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
            },
            params={
                "nonce": carried["nonce"],
                "client_id": provider.client_id,
                "access_token": answer.get("access_token"),
            },
        )
        claims.validate(now=int(time()), leeway=LEEWAY_S)
    except (AuthlibBaseError, JoseError, requests.RequestException, KeyError, ValueError, TypeError) as error:
        raise LoginRefused("login_failed", error=type(error).__name__) from None
    return identity_of(provider, dict(claims))


# --- what the browser carries there and back -------------------------------------------------------------------------


def _signed(carried: dict[str, str]) -> str:
    body = base64.urlsafe_b64encode(json.dumps({**carried, "at": int(time())}).encode()).decode()
    return f"{body}.{_mac(body)}"


def _unsigned(cookie: str) -> dict[str, str]:
    body, _, mac = cookie.partition(".")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(body).encode()):
        raise LoginRefused("login_cookie")
    carried = json.loads(base64.urlsafe_b64decode(body))
    if time() - carried.pop("at") > PATIENCE_S:
        raise LoginRefused("login_too_late")
    return dict(carried)


def _mac(body: str) -> str:
    return hmac.new(_COOKIE_KEY, quote(body).encode(), hashlib.sha256).hexdigest()
