"""What was wrong with an input is told in the reader's language on pages, and in English to programs."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from dashboards.staff.input_errors import SENTENCES
from dashboards.staff.words import ROLES as ROLE_WORDS
from depot_api.accounts import users
from depot_api.input_error import InputError
from depot_api.settings.roles import ROLES

from .people_depot import NOW, PASSWORD, Scene
from .people_depot import scene as scene
from .test_refusals import given, refuse_by_clock

DEPOT = Path(__file__).parent.parent / "depot_api"
RAISED = ("InputError", "LoginRefused")


def test_every_sentence_names_the_same_values_in_both_languages() -> None:
    for code, sentence in SENTENCES.items():
        assert sentence.keys() == {"fr", "en"}, code
        named = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in sentence.values()]
        assert named[0] == named[1], code


def test_every_code_that_is_raised_has_a_sentence_with_its_values_and_no_sentence_is_left_over() -> None:
    raised: set[str] = set()
    for path in DEPOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) in RAISED
                and isinstance(node.args[0], ast.Constant)
            ):
                code = str(node.args[0].value)
                values = {keyword.arg for keyword in node.keywords}
                named = {field for _, field, _, _ in Formatter().parse(SENTENCES[code]["en"]) if field}
                assert values == named, code
                raised.add(code)
    assert raised == SENTENCES.keys()


def test_an_error_is_its_english_sentence_with_field_value_and_bound() -> None:
    error = InputError("password_length", length=5, shortest=12, longest=200)
    assert str(error) == "password: 5 characters, must be from 12 to 200"
    assert error.text("fr") == "Mot de passe de 5 caractères : il en faut de 12 à 200"
    assert (error.code, error.values) == ("password_length", {"length": 5, "shortest": 12, "longest": 200})


def test_a_decision_that_is_refused_is_told_on_the_page_in_the_reader_s_language(scene: Scene) -> None:
    chief = scene.person("administrator")
    refuse_by_clock(scene.store)
    form = given(scene, chief.get("/privacy").text, "right") | {"why": "no"}
    for lang, text in (("fr", "Motif de 2 caractères : il en faut de 5 à 300"), ("en", "why: 2 characters, must be")):
        answer = chief.post(f"/privacy/decisions?lang={lang}", data=form)
        assert answer.status_code == 422
        assert text in answer.text
        assert 'name="refusal"' in answer.text, "the form is there to be filled in again"


def test_a_program_gets_the_english_sentence_of_the_same_error(scene: Scene) -> None:
    with pytest.raises(ValueError, match=r"account: role = 'pope', must be one of planner, crew_leader"):
        users.add_account(scene.store, "ben", "pope", password=PASSWORD, now=NOW)


def test_every_role_has_its_words() -> None:
    assert set(ROLE_WORDS) == set(ROLES)
