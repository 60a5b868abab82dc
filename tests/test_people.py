"""Accounts and the login: passwords, throttling that a restart does not forgive, one answer for every wrong try."""

from __future__ import annotations

import io
import statistics
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depot_api.access.login import own_page
from depot_api.accounts import passwords, throttle, users
from depot_api.accounts.throttle import MOST_ACCOUNT, MOST_PAIR, WINDOW, forgive, may_try
from depot_api.store.store import Store
from depot_api.store.tables import users as table
from ripeur import main

from .asking import Asking
from .people_depot import NOW, PASSWORD, Scene, csrf_in, log_in, people_app, scene
from .services import db_url, postgres_cluster, postgres_url

__all__ = ["db_url", "postgres_cluster", "postgres_url", "scene"]


def test_a_password_is_kept_as_argon2id_and_opens_its_account_alone(db_url: str) -> None:
    with Store(db_url) as store:
        users.add_account(store, "anna", "planner", password=PASSWORD, now=NOW)
        users.add_account(store, "ben", "town", password="another password", now=NOW, bound_to=["Monaco"])
        with store.read() as connection:
            kept = connection.execute(select(table.c.password).where(table.c.name == "anna")).scalar_one()
        assert kept.startswith("$argon2id$")
        assert users.password_opens(store, "anna", PASSWORD)
        assert not users.password_opens(store, "ben", PASSWORD)
        assert not users.password_opens(store, "nobody", PASSWORD)
        users.disable_account(store, "anna", NOW)
        assert not users.password_opens(store, "anna", PASSWORD)
        users.enable_account(store, "anna")
        assert users.password_opens(store, "anna", PASSWORD)
        assert [a.name for a in users.all_accounts(store)] == ["anna", "ben"]


def test_a_password_kept_with_weaker_parameters_is_kept_anew(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add_account(scene.store, "anna", "planner", password=PASSWORD, now=NOW)
    monkeypatch.setattr(passwords, "needs_rehash", lambda _: True)

    def kept() -> str:
        with scene.store.read() as connection:
            return str(connection.execute(select(table.c.password)).scalar_one())

    before = kept()
    assert users.password_opens(scene.store, "anna", PASSWORD)
    assert kept() != before
    assert users.password_opens(scene.store, "anna", PASSWORD)


@pytest.mark.parametrize(
    ("name", "role", "password", "bound_to"),
    [
        ("", "planner", PASSWORD, ()),
        ("a b", "planner", PASSWORD, ()),
        ("<b>", "planner", PASSWORD, ()),
        ("anna", "box", PASSWORD, ()),
        ("anna", "planner", "short", ()),
        ("anna", "planner", "x" * 201, ()),
        ("anna", "planner", PASSWORD, ("T1",)),
        ("anna", "contractor", PASSWORD, ("T" * 41,)),
        ("anna", "contractor", PASSWORD, ("T1\nT2",)),
        ("taken", "planner", PASSWORD, ()),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_the_reason(
    scene: Scene, name: str, role: str, password: str, bound_to: tuple[str, ...]
) -> None:
    users.add_account(scene.store, "taken", "planner", password=PASSWORD, now=NOW)
    with pytest.raises(ValueError, match=r"account|password"):
        users.add_account(scene.store, name, role, password=password, now=NOW, bound_to=bound_to)
    assert len(users.all_accounts(scene.store)) == 1


def test_a_made_password_is_long_enough_and_never_the_same() -> None:
    made = {passwords.new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(p) >= passwords.SHORTEST and not set(p) & set("0O1lI") for p in made)


# --- the login -------------------------------------------------------------------------------------------------------


def test_whatever_is_wrong_the_login_says_the_same(scene: Scene) -> None:
    users.add_account(scene.store, "anna", "planner", password=PASSWORD, now=NOW)
    users.add_account(scene.store, "gone", "planner", password=PASSWORD, now=NOW)
    users.disable_account(scene.store, "gone", NOW)
    users.add_account(scene.store, "other", "planner", password=None, now=NOW, subject="issuer other")
    answers = {
        name: log_in(scene.nobody(), name, password)
        for name, password in [
            ("anna", "wrong password!"),
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("other", PASSWORD),
        ]
    }
    assert {a.status_code for a in answers.values()} == {401}
    assert len({a.text.replace(f'value="{name}"', "") for name, a in answers.items()}) == 1


def test_it_takes_as_long_to_refuse_nobody_as_somebody(scene: Scene) -> None:
    users.add_account(scene.store, "anna", "planner", password=PASSWORD, now=NOW)
    users.password_opens(scene.store, "nobody", PASSWORD)

    def seconds(name: str) -> float:
        begin = time.perf_counter()
        users.password_opens(scene.store, name, "wrong password!")
        return time.perf_counter() - begin

    ratios = [seconds("anna") / seconds("nobody") for _ in range(15)]  # in turn: the machine is busy for both
    assert 0.4 < statistics.median(ratios) < 2.5


def test_after_a_few_wrong_tries_an_account_waits_a_quarter_of_an_hour_even_with_the_right_password(
    scene: Scene,
) -> None:
    users.add_account(scene.store, "anna", "planner", password=PASSWORD, now=NOW)
    for _ in range(MOST_PAIR):
        assert log_in(scene.nobody(), "anna", "wrong password!").status_code == 401
    refused = log_in(scene.nobody(), "anna", PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) == WINDOW.total_seconds()
    restarted = Asking(people_app(scene.store, scene.clock))
    assert log_in(restarted, "anna", PASSWORD).status_code == 429
    scene.clock.at += WINDOW + timedelta(seconds=1)
    assert log_in(restarted, "anna", PASSWORD).status_code == 303


def test_a_right_login_forgives_the_wrong_ones_before_it(scene: Scene) -> None:
    users.add_account(scene.store, "anna", "planner", password=PASSWORD, now=NOW)
    for _ in range(3):
        for _ in range(MOST_PAIR - 1):
            log_in(scene.nobody(), "anna", "wrong password!")
        assert log_in(scene.nobody(), "anna", PASSWORD).status_code == 303


def test_a_stranger_elsewhere_does_not_lock_anna_out(db_url: str) -> None:
    with Store(db_url) as store:
        for _ in range(MOST_PAIR):
            assert may_try(store, "anna", "203.0.113.9", NOW)
        assert not may_try(store, "anna", "203.0.113.9", NOW)
        assert may_try(store, "anna", "10.0.0.7", NOW)
        forgive(store, "anna", "10.0.0.7", NOW)
        assert not may_try(store, "anna", "203.0.113.9", NOW)


def test_many_addresses_together_do_not_try_one_account_for_ever(scene: Scene) -> None:
    tried = [may_try(scene.store, "anna", f"203.0.113.{i}", NOW) for i in range(MOST_ACCOUNT + 5)]
    assert sum(tried) == MOST_ACCOUNT


def test_an_ipv6_customers_addresses_count_as_one(scene: Scene) -> None:
    tried = [may_try(scene.store, "anna", f"2001:db8::{i}", NOW) for i in range(MOST_PAIR + 1)]
    assert tried == [True] * MOST_PAIR + [False]


def test_the_attempts_name_neither_account_nor_address(scene: Scene) -> None:
    may_try(scene.store, "anna", "203.0.113.9", NOW)
    with scene.store.read() as connection:
        kept = str(connection.execute(select(throttle.attempts)).all())
    assert "anna" not in kept
    assert "203.0" not in kept


@pytest.mark.parametrize(
    ("wanted", "page"),
    [
        ("/console", "/console"), ("/looks?before=3", "/looks?before=3"), ("", ""), (None, ""),
        ("//evil.example", ""), ("/\\evil.example", ""), ("https://evil.example", ""), ("/x\r\nset-cookie: a", ""),
        ("javascript:alert(1)", ""), ("/" + "x" * 600, ""),
    ],
)  # fmt: skip
def test_the_login_leads_only_to_pages_of_its_own(wanted: str | None, page: str) -> None:
    assert own_page(wanted) == page


def test_the_bare_address_leads_to_the_login_and_then_to_ones_work(scene: Scene) -> None:
    assert scene.nobody().get("/").headers["location"] == "/login"
    assert scene.person("administrator").get("/").headers["location"] == "/people"


@pytest.mark.parametrize(
    ("role", "page"),
    [("planner", "/console"), ("administrator", "/people"), ("staff_representative", "/looks"), ("town", "/account")],
)
def test_the_login_leads_to_what_the_role_does(scene: Scene, role: str, page: str) -> None:
    scene.person(role)
    assert log_in(scene.nobody(), f"a.{role}", PASSWORD).headers["location"] == page
    assert log_in(scene.nobody(), f"a.{role}", PASSWORD, next="/account").headers["location"] == "/account"


def test_nobody_fills_the_memory_through_the_login(scene: Scene) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert scene.nobody().post("/login", content=b"name=" + b"a" * 20_000, headers=kind).status_code == 413
    assert scene.nobody().post("/login", content=b"\xff=%ff&name&password=%00", headers=kind).status_code == 401
    assert scene.nobody().post("/login", content=b"{}", headers={"content-type": "application/json"}).status_code == 401


# --- one's own account, and everybody's ------------------------------------------------------------------------------


def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(scene: Scene) -> None:
    here, there = scene.person("planner"), scene.person("planner")
    form = {"old": PASSWORD, "new": "a longer password", "again": "a longer password"}
    assert here.post("/account/password", data=form | {"old": "wrong"}).status_code == 400
    assert here.post("/account/password", data=form | {"again": "other"}).status_code == 400
    assert here.post("/account/password", data=form | {"new": "short", "again": "short"}).status_code == 400
    assert here.post("/account/password", data=form).status_code == 303
    assert here.get("/me").status_code == 200
    assert there.get("/me").status_code == 401
    assert log_in(scene.nobody(), "a.planner", PASSWORD).status_code == 401
    assert log_in(scene.nobody(), "a.planner", "a longer password").status_code == 303


def test_the_administrator_adds_an_account_whose_password_is_shown_once(scene: Scene) -> None:
    chief = scene.person("administrator")
    page = chief.post("/people", data={"name": "ben", "role": "contractor", "bound_to": "T8, T9"}).text
    password = page.split("affiché une seule fois : ")[1].split("<")[0]
    asking = scene.nobody()
    assert log_in(asking, "ben", password).status_code == 303
    assert asking.get("/me").json()["bound_to"] == ["T8", "T9"]
    assert password not in chief.get("/people").text
    assert chief.post("/people", data={"name": "ben", "role": "planner"}).status_code == 400


def test_the_administrator_changes_disables_and_enables_others_but_not_himself(scene: Scene) -> None:
    chief, planner = scene.person("administrator"), scene.person("planner")
    change = {"do": "change", "role": "phone_agent", "bound_to": ""}
    assert chief.post("/people/a.planner", data=change).status_code == 303
    assert planner.get("/me").status_code == 401
    assert users.account_named(scene.store, "a.planner").role == "phone_agent"
    assert chief.post("/people/a.planner", data={"do": "disable"}).status_code == 303
    assert log_in(scene.nobody(), "a.planner", PASSWORD).status_code == 401
    assert chief.post("/people/a.planner", data={"do": "enable"}).status_code == 303
    assert chief.post("/people/a.planner", data={"do": "password"}).status_code == 200
    assert log_in(scene.nobody(), "a.planner", PASSWORD).status_code == 401
    for form in ({"do": "disable"}, change):
        assert chief.post("/people/a.administrator", data=form).status_code == 400
    assert chief.post("/people/nobody", data={"do": "disable"}).status_code == 400
    assert chief.post("/people/a.planner", data={"do": "promote"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "form", "french"),
    [
        ("", {"name": "a b", "role": "planner"}, "80 lettres"),
        ("", {"name": "a.planner", "role": "planner"}, "déjà pris"),
        ("", {"name": "ben", "role": "king"}, "Rôle"),
        ("", {"name": "ben", "role": "planner", "bound_to": "T1"}, "lié à rien"),
        ("", {"name": "ben", "role": "contractor", "bound_to": "T" * 41}, "40 caractères"),
        ("/nobody", {"do": "disable"}, "pas de ce nom"),
        ("/a.administrator", {"do": "disable"}, "le sien"),
        ("/a.planner", {"do": "promote"}, "Action"),
    ],
)
def test_a_refused_input_is_told_in_the_language_of_the_page(
    scene: Scene, name: str, form: dict[str, str], french: str
) -> None:
    chief = scene.person("administrator")
    scene.person("planner")
    refused = chief.post(f"/people{name}", data=form)
    assert refused.status_code == 400
    assert french in refused.text
    assert "must be" not in refused.text
    chief.get("/people?lang=en")
    assert french not in chief.post(f"/people{name}?lang=en", data=form).text


def test_what_people_typed_is_shown_as_text(scene: Scene) -> None:
    chief = scene.person("administrator")
    page = chief.post("/people", data={"name": '<script>"', "role": "planner"}).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    login = log_in(scene.nobody(), '"><img src=x>', "x").text
    assert "<img" not in login
    assert csrf_in(chief.get("/people").text)


def test_the_command_adds_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ripeur(*given: str, typed: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["user", *given, "--db", f"{tmp_path}/depot.db"])
        return code, capsys.readouterr().out

    made = ripeur("add", "anna", "--role", "planner", "--generate")[1].strip()
    assert ripeur("add", "ben", "--role", "contractor", "--for", "T8", typed=f"{PASSWORD}\n")[0] == 0
    assert ripeur("add", "anna", "--role", "planner", "--generate")[0] == 2
    assert ripeur("change", "ben", "--for", "T9")[0] == 0
    assert ripeur("disable", "ben")[0] == 0
    listed = ripeur("list")[1]
    assert "T9" in listed
    assert "disabled" in listed
    with Store(f"{tmp_path}/depot.db") as store:
        assert users.password_opens(store, "anna", made)
        assert not users.password_opens(store, "ben", PASSWORD)
        users.enable_account(store, "ben")
        assert users.password_opens(store, "ben", PASSWORD)
