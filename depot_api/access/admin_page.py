"""The administrator's page: accounts and tokens. Every change is a form with the session's CSRF token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from dashboards.staff import people_page, staff_text
from depot_api.access.authorization import allow
from depot_api.accounts import passwords, tokens, users
from depot_api.input_error import InputError
from depot_api.settings import PEOPLE, Caller
from depot_api.state import depot_of, frame_with_notice, html_page, zone_of

router = APIRouter(tags=["people"])

Administrator = Annotated[Caller, Depends(allow("administrator"))]


@router.get("/people", include_in_schema=False)
async def people_html(request: Request, who: Administrator) -> Response:
    """Everybody's accounts, and the tokens of machines."""
    return await _page(request, who)


@router.post("/people", include_in_schema=False)
async def post_account(request: Request, who: Administrator) -> Response:
    """A new account, its password shown this once."""
    given = await request.form(max_files=0, max_fields=10)
    name, role, bound_to = (str(given.get(key, ""))[:10_000] for key in ("name", "role", "bound_to"))
    depot = depot_of(request)
    password = passwords.new_password()
    add = partial(users.add_account, depot.store, name.strip(), role, password=password, now=depot.clock.now())
    try:
        await to_thread.run_sync(partial(add, bound_to=_names(bound_to)))
    except InputError as error:
        return await _page(request, who, error)
    return await _page(request, who, name=name.strip(), password=password)


@router.post("/people/{name}", include_in_schema=False)
async def post_account_change(request: Request, name: str, who: Administrator) -> Response:
    """``do``: change (role, bound_to), password, disable, enable. Nobody disables himself or leaves his own role."""
    given = await request.form(max_files=0, max_fields=10)
    do, role, bound_to = (str(given.get(key, ""))[:10_000] for key in ("do", "role", "bound_to"))
    depot = depot_of(request)
    password = passwords.new_password()
    if name == who.name and do in ("change", "disable"):
        return await _page(request, who, InputError("account_own", name=name, action=do))
    changes: dict[str, Callable[[], object]] = {
        "change": partial(users.change_account, depot.store, name, role=role, bound_to=_names(bound_to)),
        "password": partial(users.change_account, depot.store, name, password=password),
        "disable": partial(users.disable_account, depot.store, name, depot.clock.now()),
        "enable": partial(users.enable_account, depot.store, name),
    }
    if do not in changes:
        return await _page(request, who, InputError("account_action", action=do[:20], actions=", ".join(changes)))
    try:
        await to_thread.run_sync(changes[do])
    except InputError as error:
        return await _page(request, who, error)
    if do == "password":
        return await _page(request, who, name=name, password=password)
    return RedirectResponse("/people", 303)


@router.post("/tokens/{token_id}/revoke", include_in_schema=False)
async def post_token_revocation(
    request: Request, token_id: Annotated[int, Path(ge=1, le=2**53)], _: Administrator
) -> Response:
    """Refuse a token from now on."""
    depot = depot_of(request)
    if not await to_thread.run_sync(partial(tokens.revoke_token, depot.store, token_id, now=depot.clock.now())):
        raise HTTPException(404, f"token: no {token_id} in force")
    return RedirectResponse("/people", 303)


async def _page(
    request: Request, who: Caller, error: InputError | None = None, *, name: str = "", password: str = ""
) -> Response:
    """``error``: what was wrong with the last form; ``password``: a new one of ``name``, shown this once."""
    depot = depot_of(request)
    zone = zone_of(depot)
    frame = await frame_with_notice(request, who)
    accounts = [
        {
            "name": a.name, "role": a.role, "bound_to": ", ".join(a.bound_to),
            "disabled": f"{a.disabled.astimezone(zone):%Y-%m-%d}" if a.disabled else "",
            "password": "yes" if a.has_password else "",
        }
        for a in await to_thread.run_sync(users.all_accounts, depot.store)
    ]  # fmt: skip
    issued_tokens = [
        {
            "id": str(t.id), "kind": t.kind, "name": t.name, "made": f"{t.created.astimezone(zone):%Y-%m-%d}",
            "revoked": f"{t.revoked.astimezone(zone):%Y-%m-%d}" if t.revoked else "",
        }
        for t in await to_thread.run_sync(tokens.issued_tokens, depot.store)
    ]  # fmt: skip
    if error is not None:
        message = escape(error.text(frame.lang))
    else:
        message = staff_text("shown_once", frame.lang, name=name, password=password) if password else ""
    bad = error is not None
    return html_page(
        request, people_page(frame, accounts, issued_tokens, PEOPLE, message=message, bad=bad), 400 if bad else 200
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))))
