"""Tokens: random, shown once, kept as a hash, revocable within seconds, cheap to check."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import select

from depot_api.accounts.tokens import CACHE_S, TokenCache, issued_tokens, make_token, revoke_token, token_digest
from depot_api.settings.roles import TOKEN_KINDS, Caller
from depot_api.store.store import Store
from depot_api.store.tables import tokens as table
from ripeur import main

from .people_depot import NOW, Scene, scene
from .services import db_url, postgres_cluster, postgres_url

__all__ = ["db_url", "postgres_cluster", "postgres_url", "scene"]


def test_a_token_is_256_random_bits_of_which_only_the_sha_256_is_kept(db_url: str) -> None:
    with Store(db_url) as store:
        token = make_token(store, "box", "T1", random_bytes=lambda n: bytes(range(n)))
        assert len(token) == 43
        with store.read() as connection:
            row = connection.execute(select(table)).one()
        assert row.sha256 == hashlib.sha256(token.encode()).hexdigest()
        assert token not in str(row)
        assert make_token(store, "box", "T1") != make_token(store, "box", "T1")
        assert [t.name for t in issued_tokens(store)] == ["T1"] * 3
        assert revoke_token(store, issued_tokens(store)[0].id, now=NOW)
        assert not revoke_token(store, issued_tokens(store)[0].id, now=NOW)
        assert issued_tokens(store)[0].revoked == NOW


@pytest.mark.parametrize(("kind", "name"), [("truck", "T1"), ("box", ""), ("box", "T" * 41), ("box", "T1\n")])
def test_a_token_for_nothing_we_know_is_refused(scene: Scene, kind: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"token: (kind|name)"):
        make_token(scene.store, kind, name)


def test_a_revoked_token_is_refused_within_seconds_even_by_another_process(scene: Scene) -> None:
    now_s = [0.0]
    book = TokenCache(scene.store, lambda: now_s[0])
    sha256 = token_digest(make_token(scene.store, "box", "T1"))
    assert book.cached(sha256) is None
    assert book.find(sha256) == Caller("box", "T1", ("T1",))
    assert book.cached(sha256) == Caller("box", "T1", ("T1",))
    revoke_token(scene.store, issued_tokens(scene.store)[0].id)
    assert book.cached(sha256) is not None
    now_s[0] = CACHE_S
    assert book.cached(sha256) is None
    assert book.find(sha256) is None


def test_guessed_tokens_fill_no_memory(scene: Scene) -> None:
    book = TokenCache(scene.store)
    for guess in range(100):
        assert book.find(token_digest(str(guess))) is None
    assert not book._known


def test_a_token_gives_the_role_it_was_made_for_and_whom_it_is_for(scene: Scene) -> None:
    for kind in TOKEN_KINDS:
        me = scene.machine(kind).get("/me").json()
        assert me["role"] == kind
        assert me["csrf"] is None
        assert bool(me["bound_to"]) == (kind not in ("planner", "monitor"))


def test_the_administrator_revokes_a_lost_box_with_one_button(scene: Scene) -> None:
    box, chief = scene.machine("box"), scene.person("administrator")
    assert "T1" in chief.get("/people").text
    assert chief.post("/tokens/1/revoke").status_code == 303
    scene.app.state.token_cache = TokenCache(scene.store)
    assert box.get("/me").status_code == 401
    assert chief.post("/tokens/1/revoke").status_code == 404


def test_the_command_prints_a_new_token_once_and_lists_it_without_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ripeur(*given: str) -> tuple[int, str]:
        return main(["token", *given, "--db", f"{tmp_path}/depot.db"]), capsys.readouterr().out

    token = ripeur("box", "T1")[1].strip()
    assert len(token) == 43
    listed = ripeur("list")[1]
    assert "T1" in listed
    assert token not in listed
    assert ripeur("revoke", "1")[0] == 0
    assert ripeur("revoke", "1")[0] == 1
    assert "revoked" in ripeur("list")[1]
    assert ripeur("box", "T" * 50)[0] == 2
