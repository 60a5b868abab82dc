"""Accounts of people: a name, a role, for whom (a contractor's trucks, a town's commune), a password or an OIDC login.

An account is ended, not deleted, so that the log of who looked at what keeps its name; the retention run deletes it
later. Every change of role, trucks or password ends the account's sessions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from depot_api.accounts import passwords, sessions
from depot_api.input_error import InputError
from depot_api.known_time import no_earlier
from depot_api.settings import BOUND, PEOPLE
from depot_api.store import Store, instant_of, microseconds, users

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_NAME = re.compile(r"[\w.@+-]{1,80}\Z")
MOST_BOUND = 200


@dataclass(frozen=True, slots=True)
class Account:
    """``has_password``: else the account logs in by OIDC only. ``disabled``: since when nobody may log in to it."""

    name: str
    role: str
    bound_to: tuple[str, ...]
    has_password: bool
    created: datetime
    disabled: datetime | None


def add_account(
    store: Store,
    name: str,
    role: str,
    *,
    password: str | None,
    now: datetime,
    bound_to: Sequence[str] = (),
    subject: str | None = None,
) -> Account:
    """A new account. Raises ``InputError`` for a name that is taken, an unknown role, a weak password."""
    if not _NAME.match(name):
        raise InputError("account_name", name=name[:90])
    row = {
        "name": name,
        "role": _role(role),
        "bound_to": _bound(role, bound_to),
        "password": None if password is None else passwords.hash_password(password),
        "subject": subject,
        "created_us": microseconds(now),
    }

    def insert_new(connection: Connection) -> None:
        if connection.execute(select(users.c.name).where(users.c.name == name)).one_or_none():
            raise InputError("account_taken", name=name)
        connection.execute(insert(users).values(row))

    store.write(insert_new)
    return account_named(store, name)


def change_account(
    store: Store,
    name: str,
    *,
    role: str | None = None,
    bound_to: Sequence[str] | None = None,
    password: str | None = None,
) -> Account:
    """Another role, other trucks, a new password; its sessions end. Raises ``InputError``."""
    before = account_named(store, name)
    new_role = _role(role if role is not None else before.role)
    bound = before.bound_to if bound_to is None else bound_to
    values: dict[str, Any] = {"role": new_role, "bound_to": _bound(new_role, bound if new_role in BOUND else ())}
    if password is not None:
        values["password"] = passwords.hash_password(password)
    _set(store, name, values)
    return account_named(store, name)


def disable_account(store: Store, name: str, now: datetime) -> None:
    """Nobody may log in to the account any more; its sessions end. Raises ``InputError`` where there is none."""
    account_named(store, name)
    _set(store, name, {"disabled_us": microseconds(no_earlier(store, now))})


def enable_account(store: Store, name: str) -> None:
    """The account may be used again."""
    account_named(store, name)
    _set(store, name, {"disabled_us": None})


def account_named(store: Store, name: str) -> Account:
    """The account of this name. Raises ``InputError`` where there is none."""
    with store.read() as connection:
        row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    if row is None:
        raise InputError("account_missing", name=name)
    return _account(row)


def all_accounts(store: Store) -> list[Account]:
    """All accounts, by name."""
    with store.read() as connection:
        return [_account(row) for row in connection.execute(select(users).order_by(users.c.name))]


def password_opens(store: Store, name: str, password: str) -> bool:
    """Whether this name and password open an account in force; as long in the saying whoever is asked for."""
    with store.read() as connection:
        row = connection.execute(
            select(users.c.password).where(users.c.name == name, users.c.disabled_us.is_(None))
        ).one_or_none()
    kept = None if row is None else row.password
    if not passwords.matches(kept, password):
        return False
    if kept is not None and passwords.needs_rehash(kept):
        stronger = update(users).where(users.c.name == name).values(password=passwords.hash_password(password))
        store.write(lambda connection: connection.execute(stronger))
    return True


def account_of_subject(
    store: Store, subject: str, name: str, role: str, bound_to: Sequence[str], now: datetime
) -> Account:
    """The account of an OIDC login, made at its first; role and trucks follow the provider. Raises ``InputError``.

    ``subject``: issuer and subject, by which the provider knows the person; a local account of the same name is
    another person's. An account that the administrator disabled stays so.
    """
    with store.read() as connection:
        row = connection.execute(select(users).where(users.c.subject == subject)).one_or_none()
    if row is None:
        return add_account(store, name, role, password=None, now=now, bound_to=bound_to, subject=subject)
    known = _account(row)
    if known.disabled is not None:
        raise InputError("account_disabled", name=known.name)
    if (known.role, known.bound_to) != (role, tuple(bound_to)):
        return change_account(store, known.name, role=role, bound_to=bound_to)
    return known


def _set(store: Store, name: str, values: dict[str, Any]) -> None:
    changed = update(users).where(users.c.name == name).values(**values)

    def change_and_end(connection: Connection) -> None:
        """In one commit: a depot killed between the two would leave the old sessions open."""
        connection.execute(changed)
        sessions.end_sessions_of(connection, name)

    store.write(change_and_end)


def _role(role: str) -> str:
    if role not in PEOPLE:
        raise InputError("account_role", role=role, roles=", ".join(PEOPLE))
    return role


def _bound(role: str, bound_to: Sequence[str]) -> str | None:
    if bound_to and role not in BOUND:
        raise InputError("account_unbound", role=role, roles=", ".join(sorted(BOUND & set(PEOPLE))))
    if len(bound_to) > MOST_BOUND or any(not 0 < len(b) <= 40 or not b.isprintable() for b in bound_to):
        raise InputError("account_bound_to", bound_to=list(bound_to)[:5], most=MOST_BOUND)
    return "\n".join(bound_to) or None


def _account(row: Row[Any]) -> Account:
    disabled = None if row.disabled_us is None else instant_of(row.disabled_us)
    bound_to = tuple((row.bound_to or "").splitlines())
    return Account(row.name, row.role, bound_to, row.password is not None, instant_of(row.created_us), disabled)
