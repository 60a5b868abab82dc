"""The depot's own settings file (``ripeur serve --settings depot.toml``): identity provider, terms of retention.

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

from depot_api.retention_terms import PURPOSES, terms_of
from depot_api.roles import PEOPLE


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
    """The file as keywords of ``Settings``: ``oidc`` and ``terms``. Raises ``ValueError``, ``OSError``."""
    with path.open("rb") as file:
        try:
            tables = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from None
    unknown = set(tables) - {"oidc", "retention"}
    if unknown:
        raise ValueError(f"{path}: [{min(unknown)}] is unknown, must be [oidc] or [retention]")
    oidc = tables.get("oidc")
    days = tables.get("retention", {})
    known = {purpose.key for purpose in PURPOSES}
    if not isinstance(days, dict) or set(days) - known:
        raise ValueError(f"{path}: [retention] must hold days of {', '.join(sorted(known))}")
    return {"oidc": None if oidc is None else _provider(path, oidc), "terms": terms_of(days)}


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
