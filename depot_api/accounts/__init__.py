"""People, tokens and sessions, as the store keeps them."""

from depot_api.accounts import passwords, sessions, throttle, tokens, users
from depot_api.accounts.passwords import new_password
from depot_api.accounts.tokens import issued_tokens, make_token, revoke_token

__all__ = [
    "issued_tokens",
    "make_token",
    "new_password",
    "passwords",
    "revoke_token",
    "sessions",
    "throttle",
    "tokens",
    "users",
]
