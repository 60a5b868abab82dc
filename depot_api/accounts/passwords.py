"""Passwords, kept as argon2id (RFC 9106): the only file that knows argon2."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from depot_api.input_error import InputError

#: OWASP's second choice (19 MiB, two passes): some 20 ms of one core, and ten logins at once fit a small server.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
SHORTEST = 12
LONGEST = 200
#: Letters and digits that nobody takes for another, read out on the telephone.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def hash_password(password: str) -> str:
    """What is stored of a password. Raises ``InputError`` for one too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError("password_length", length=len(password), shortest=SHORTEST, longest=LONGEST)
    return _HASHER.hash(password)


def matches(stored_hash: str | None, password: str) -> bool:
    """Whether this is the password. An account without one, or none at all, takes the same time to say no."""
    try:
        return _HASHER.verify(stored_hash or _hash_of_nobody(), password[: LONGEST + 1]) and stored_hash is not None
    except (VerificationError, ValueError):  # a hash that is none, a password that is no text
        return False


def needs_rehash(stored_hash: str) -> bool:
    """Whether the password was kept with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored_hash)


def new_password() -> str:
    """A password to be printed once: four groups of five, 100 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


_HASH_OF_NOBODY: list[str] = []


def _hash_of_nobody() -> str:
    if not _HASH_OF_NOBODY:
        _HASH_OF_NOBODY.append(_HASHER.hash(secrets.token_urlsafe()))
    return _HASH_OF_NOBODY[0]
