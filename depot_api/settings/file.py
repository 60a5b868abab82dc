"""The depot's own settings file (``ripeur serve --settings depot.toml``): identity provider, terms of retention, mail.

What an operator decides and a town's map does not; secrets stay out of it (they come from the environment or a file
of their own). ``docs/run/depot.toml`` is a commented example.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from depot_api.settings.mail import Mail
from depot_api.settings.retention_terms import PURPOSES, terms_of
from depot_api.settings.roles import PEOPLE


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider. ``roles``: our role by a value of ``role_claim``, the first that fits.

    ``public_url``: the depot's own address as browsers know it, to which the provider sends people back.
    ``bound_claim``: where a contractor's trucks or a town's commune stand; None where no such person logs in by it.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    roles: Mapping[str, str]
    role_claim: str = "groups"
    name_claim: str = "preferred_username"
    bound_claim: str | None = None

    def __post_init__(self) -> None:
        for key in ("issuer", "public_url"):
            url = urlsplit(getattr(self, key))
            local = url.hostname in ("localhost", "127.0.0.1", "::1")
            if url.scheme != "https" and not (url.scheme == "http" and local):
                raise ValueError(f"[oidc] {key} = {getattr(self, key)!r}, must be an https:// address")
        for value, role in self.roles.items():
            if role not in PEOPLE:
                raise ValueError(f"[oidc.roles] {value} = {role!r}, must be one of {', '.join(PEOPLE)}")
        if not self.roles:
            raise ValueError("[oidc.roles] is empty, must name a role for a value of the claim")


def read_depot_file(path: Path) -> dict[str, Any]:
    """Keywords of ``DepotSettings``: ``oidc``, ``terms`` and ``mail``. Raises ``ValueError``, ``OSError``."""
    with path.open("rb") as file:
        try:
            tables = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from None
    unknown = set(tables) - {"oidc", "retention", "mail"}
    if unknown:
        raise ValueError(f"{path}: [{min(unknown)}] is unknown, must be [oidc], [retention] or [mail]")
    oidc, mail = tables.get("oidc"), tables.get("mail")
    days = tables.get("retention", {})
    known = {purpose.key for purpose in PURPOSES}
    if not isinstance(days, dict) or set(days) - known:
        raise ValueError(f"{path}: [retention] must hold days of {', '.join(sorted(known))}")
    return {
        "oidc": None if oidc is None else _provider(path, oidc),
        "terms": terms_of(days),
        "mail": None if mail is None else _mail(path, mail),
    }


def _mail(path: Path, given: Any) -> Mail:
    types = {"host": str, "from": str, "to": list, "port": int, "tls": str, "user": str, "password_file": str}
    if not isinstance(given, dict) or set(given) - set(types) or {"host", "from", "to"} - set(given):
        raise ValueError(f"{path}: [mail] must hold host, from, to, and may hold port, tls, user, password_file")
    for key, value in given.items():
        if type(value) is not types[key] or not value:
            raise ValueError(f"{path}: [mail] {key} = {value!r}, must be {_SHAPES[types[key]]}")
    if not all(isinstance(address, str) for address in given["to"]):
        raise ValueError(f"{path}: [mail] to must be a list of mail addresses")
    rest = {key: given[key] for key in ("host", "port", "tls", "user") if key in given}
    if "password_file" in given:
        rest["password"] = (path.parent / given["password_file"]).read_text(encoding="utf-8").strip()
    return Mail(sender=given["from"], to=tuple(given["to"]), **rest)


_SHAPES: Mapping[type, str] = {str: "text", list: "a list of mail addresses", int: "a whole number"}


def _provider(path: Path, given: Any) -> Provider:
    known = set(Provider.__dataclass_fields__) - {"client_secret"} | {"client_secret_file"}
    needed = {"name", "issuer", "client_id", "client_secret_file", "public_url", "roles"}
    if not isinstance(given, dict) or set(given) - known or needed - set(given):
        wrong = sorted(set(given) - known) or sorted(needed - set(given))
        raise ValueError(
            f"{path}: [oidc] {', '.join(wrong)}: unknown or missing, must hold {', '.join(sorted(needed))}"
        )
    for key, value in given.items():
        if key == "roles":
            if not isinstance(value, dict) or not all(isinstance(role, str) for role in value.values()):
                raise ValueError(f"{path}: [oidc.roles] must be a table of texts")
        elif not isinstance(value, str) or not value:
            raise ValueError(f"{path}: [oidc] {key} = {value!r}, must be text")
    secret = (path.parent / given["client_secret_file"]).read_text(encoding="utf-8").strip()
    rest = {key: value for key, value in given.items() if key != "client_secret_file"}
    return Provider(client_secret=secret, **rest)
