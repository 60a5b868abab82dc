"""People, tokens and sessions, as the store keeps them."""

from depot_api.accounts import passwords, sessions, throttle, tokens, users
from depot_api.accounts.passwords import new_password
from depot_api.accounts.tokens import issued, make_token, revoke

__all__ = ["issued", "make_token", "new_password", "passwords", "revoke", "sessions", "throttle", "tokens", "users"]
