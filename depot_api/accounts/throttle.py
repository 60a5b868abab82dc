"""How often a login may be tried: counted in the store, so that a restart forgives nothing.

Three limits in a sliding quarter of an hour: on one account from one address (few), on one account from anywhere and
from one address on any account (more: a town hall shares an address, and nobody shall lock a planner out by typing
wrong passwords from his desk). An account that is none counts like any other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import Connection, delete, func, insert, select

from depot_api.store import Store, attempts, microseconds

WINDOW = timedelta(minutes=15)
MOST_PAIR, MOST_ACCOUNT, MOST_ADDRESS = 5, 50, 50


class _TooMany(Exception):
    pass


def may_try(store: Store, account: str, address: str, now: datetime) -> bool:
    """Note that this account is tried from this address; False where it was tried too often (then not noted)."""
    limits = dict(zip(_keys(account, address), (MOST_PAIR, MOST_ACCOUNT, MOST_ADDRESS), strict=True))
    at, since = microseconds(now), microseconds(now - WINDOW)

    def note(connection: Connection) -> None:
        rows = connection.execute(
            select(attempts.c.key, func.count())
            .where(attempts.c.key.in_(limits), attempts.c.at_us > since, attempts.c.at_us <= at)
            .group_by(attempts.c.key)
        )
        if any(count >= limits[key] for key, count in rows):
            raise _TooMany
        connection.execute(insert(attempts), [{"key": key, "at_us": at} for key in limits])

    try:
        store.write(note)
    except _TooMany:
        return False
    return True


def forgive(store: Store, account: str, address: str, now: datetime) -> None:
    """The login was right: what was tried before on this account from this address counts no more."""
    pair, *shared = _keys(account, address)

    def forget(connection: Connection) -> None:
        connection.execute(delete(attempts).where(attempts.c.key == pair))
        for key in shared:  # the try that was right, not the wrong ones of others
            last = select(func.max(attempts.c.id)).where(attempts.c.key == key, attempts.c.at_us == microseconds(now))
            connection.execute(delete(attempts).where(attempts.c.id == last.scalar_subquery()))

    store.write(forget)


def _keys(account: str, address: str) -> tuple[str, str, str]:
    """What is counted: hashed, so that the table names neither. An IPv6 customer has a /64, and counts as one."""
    try:
        ip = ip_address(address)
        if isinstance(ip, IPv6Address):
            address = str(IPv6Address(int(ip) >> 64 << 64))
    except ValueError:
        pass
    texts = (f"pair\0{account}\0{address}", f"account\0{account}", f"address\0{address}")
    pair, one, other = (hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts)
    return pair, one, other
