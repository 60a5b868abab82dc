"""Logging in with an identity provider, against a real one on this machine; and what it must not be believed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from depot_api.accounts import users
from depot_api.settings import file as depot_file
from depot_api.settings.depot import DepotSettings
from depot_api.settings.file import read_depot_file

from .asking import Asking
from .openid_provider import Provider
from .people_depot import NOW, PASSWORD, Scene, log_in, people_app, scene

__all__ = ["scene"]

ROLES = {"waste-admins": "administrator", "waste": "planner", "hauliers": "contractor"}


@pytest.fixture(scope="module")
def one_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(one_provider: Provider) -> Provider:
    """The provider, as it was when it began."""
    fresh = Provider()
    one_provider.claims, one_provider.spoil, one_provider.algorithm = dict(fresh.claims), {}, fresh.algorithm
    one_provider.signing = one_provider.key
    return one_provider


@pytest.fixture
def town_hall(scene: Scene, provider: Provider) -> Scene:
    """The depot, with that provider."""
    oidc = depot_file.Provider(
        name="Mairie", issuer=provider.issuer, client_id=provider.client_id, client_secret=provider.client_secret,
        public_url="http://localhost:8000", roles=ROLES, bound_claim="trucks",
    )  # fmt: skip
    scene.app = people_app(scene.store, scene.clock, DepotSettings(oidc=oidc))
    return scene


def through(town_hall: Scene, provider: Provider, next_page: str = "") -> tuple[Asking, httpx.Response]:
    """Log in by the provider: there and back."""
    asking = Asking(town_hall.app, base_url="http://localhost:8000")
    there = asking.get(f"/login/oidc?next={next_page}")
    assert there.status_code == 303
    return asking, asking.get(provider.ask(there.headers["location"]))


def test_whom_the_provider_knows_is_let_in_with_the_role_of_his_group(town_hall: Scene, provider: Provider) -> None:
    asking, answer = through(town_hall, provider, "/looks")
    assert (answer.status_code, answer.headers["location"]) == (303, "/looks")
    me = asking.get("/me").json()
    assert (me["name"], me["role"]) == ("anna", "planner")
    assert not users.account_named(town_hall.store, "anna").has_password


def test_the_first_role_of_the_settings_that_fits_is_given(town_hall: Scene, provider: Provider) -> None:
    provider.claims["groups"] = ["waste", "waste-admins", "others"]
    asking, _ = through(town_hall, provider)
    assert asking.get("/me").json()["role"] == "administrator"


def test_a_new_group_or_truck_at_the_provider_counts_from_the_next_login(town_hall: Scene, provider: Provider) -> None:
    before, _ = through(town_hall, provider)
    provider.claims |= {"groups": "hauliers", "trucks": ["T8", "T9"]}
    after, _ = through(town_hall, provider)
    assert after.get("/me").json() | {"csrf": ""} == {
        "name": "anna", "role": "contractor", "bound_to": ["T8", "T9"], "csrf": "",
    }  # fmt: skip
    assert before.get("/me").status_code == 401


def test_somebody_without_a_group_of_ours_is_not_let_in(town_hall: Scene, provider: Provider) -> None:
    provider.claims["groups"] = ["parks"]
    asking, answer = through(town_hall, provider)
    assert answer.status_code == 401
    assert "groups : aucun rôle" in answer.text
    assert asking.get("/me").status_code == 401
    assert users.all_accounts(town_hall.store) == []


def test_an_account_disabled_here_stays_out_whatever_the_provider_says(town_hall: Scene, provider: Provider) -> None:
    through(town_hall, provider)
    users.disable_account(town_hall.store, "anna", NOW)
    _, answer = through(town_hall, provider)
    assert answer.status_code == 401


def test_the_provider_takes_over_no_local_account_of_the_same_name(town_hall: Scene, provider: Provider) -> None:
    users.add_account(town_hall.store, "anna", "administrator", password=PASSWORD, now=NOW)
    asking, answer = through(town_hall, provider)
    assert answer.status_code == 401
    assert asking.get("/me").status_code == 401


def test_the_password_stays_the_fallback(town_hall: Scene, provider: Provider) -> None:
    users.add_account(town_hall.store, "ben", "planner", password=PASSWORD, now=NOW)
    page = town_hall.nobody().get("/login").text
    assert "Mairie" in page
    assert log_in(town_hall.nobody(), "ben", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"exp": int(time.time()) - 300},
        {"exp": None},
        {"sub": None},
        {"iat": None},
    ],
)
def test_an_id_token_that_is_not_for_this_login_is_refused(
    town_hall: Scene, provider: Provider, spoil: dict[str, Any]
) -> None:
    provider.spoil = spoil
    _, answer = through(town_hall, provider)
    assert answer.status_code == 401


def test_a_signature_that_is_not_the_providers_is_refused(town_hall: Scene, provider: Provider) -> None:
    provider.signing = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    assert through(town_hall, provider)[1].status_code == 401
    provider.signing = OctKey.import_key(provider.client_secret * 3, parameters={"kid": "k1"})
    provider.algorithm = "HS256"
    assert through(town_hall, provider)[1].status_code == 401


def test_a_key_that_the_provider_made_since_is_fetched(town_hall: Scene, provider: Provider) -> None:
    assert through(town_hall, provider)[1].status_code == 303
    provider.new_key()
    assert through(town_hall, provider)[1].status_code == 303


def test_a_code_without_the_browser_that_began_it_is_refused(town_hall: Scene, provider: Provider) -> None:
    asking = Asking(town_hall.app, base_url="http://localhost:8000")
    back = provider.ask(asking.get("/login/oidc").headers["location"])
    stranger = Asking(town_hall.app, base_url="http://localhost:8000")
    assert stranger.get(back).status_code == 401
    stranger.get("/login/oidc")
    assert stranger.get(back).status_code == 401
    assert asking.get(back).status_code == 303
    assert asking.get(back).status_code == 401  # a second time


def test_a_changed_cookie_is_refused(town_hall: Scene, provider: Provider) -> None:
    asking = Asking(town_hall.app, base_url="http://localhost:8000")
    there = asking.get("/login/oidc")
    back = provider.ask(there.headers["location"])
    cookie = there.headers["set-cookie"].split("=", 1)[1].split(";")[0].strip('"')
    for spoilt in ("", "x", cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), "é"):
        headers = {"cookie": f"ripeur_oidc={spoilt}".encode()}
        assert Asking(town_hall.app, base_url="http://localhost:8000").get(back, headers=headers).status_code == 401


def test_the_provider_out_of_reach_is_said_and_the_password_works(scene: Scene) -> None:
    oidc = depot_file.Provider(
        name="Mairie", issuer="http://127.0.0.1:9", client_id="x", client_secret="x",
        public_url="http://localhost:8000", roles=ROLES,
    )  # fmt: skip
    scene.app = people_app(scene.store, scene.clock, DepotSettings(oidc=oidc))
    answer = scene.nobody().get("/login/oidc")
    assert answer.status_code == 401
    assert 'name="password"' in answer.text
    assert "evil" not in repr(oidc)
    assert "client_secret" not in repr(oidc)


def test_without_a_provider_there_is_no_such_page(scene: Scene) -> None:
    assert scene.nobody().get("/login/oidc").status_code == 404
    assert scene.nobody().get("/login/oidc/back").status_code == 404


# --- the settings file ------------------------------------------------------------------------------------------------

GOOD = """
[oidc]
name = "Mairie"
issuer = "https://id.example"
client_id = "ripeur"
client_secret_file = "secret"
public_url = "https://depot.example"
[oidc.roles]
waste = "planner"
[retention]
photos = 30
"""


def test_the_settings_file_is_read_with_its_secret_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3\n")
    (tmp_path / "depot.toml").write_text(GOOD)
    found = read_depot_file(tmp_path / "depot.toml")
    assert found["oidc"].client_secret == "s3"
    assert found["terms"]["photos"] == 30
    assert found["terms"]["positions"] == 61


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('issuer = "https://id.example"', 'issuer = "http://id.example"'),
        ('"planner"', '"king"'),
        ('waste = "planner"', ""),
        ("photos = 30", "photos = 5000"),
        ("photos = 30", "photos = true"),
        ("photos = 30", "pictures = 30"),
        ('client_id = "ripeur"', ""),
        ('client_id = "ripeur"', "client_id = 3"),
        ('client_id = "ripeur"', 'client_id = "ripeur"\nscope = "x"'),
        ("[retention]", "[retentoin]"),
        ("[oidc]", "[oidc"),
    ],
)
def test_a_settings_file_that_cannot_be_meant_is_refused_with_the_reason(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "secret").write_text("s3\n")
    (tmp_path / "depot.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ValueError, match=r"depot\.toml|\[oidc|\[retention"):
        read_depot_file(tmp_path / "depot.toml")
