"""What the terminal says is in the planner's words, and never calls waste left in the street a saving."""

import pytest

from dashboards.plan.progress import ProgressReporter
from dashboards.plan.terminal import figure_lines, what_if_line
from dashboards.shared.catalogue import TEXTS
from fleet import Unserved
from tests.small_plan import at_cost, small_plan, small_words


def test_fluxes_go_by_the_areas_names() -> None:
    labels = {flux.name: flux.label for flux in small_words().flux}
    said = figure_lines(small_plan(), "fr", labels)[0]
    assert "Ordures résiduelles" in said
    assert "residual" not in said


def test_less_work_is_said_before_the_money_that_it_spares() -> None:
    plan = small_plan()
    fewer = at_cost(plan, -1071, (*plan.unserved, Unserved("a1", "SHIFT_TIME"), Unserved("a11", "SHIFT_TIME")))
    french = what_if_line(-1, plan, fewer, "fr").replace("\u00a0", " ")
    assert french.startswith("Avec 1 camion de moins : RESTE NON COLLECTÉ +640 kg (+2 tâches), coût -1 071 € par jour")
    english = what_if_line(-1, plan, fewer, "en").replace("\u00a0", " ")
    assert english.startswith("With 1 truck less: LEFT UNCOLLECTED +640 kg (+2 tasks), cost -1,071 € a day")


@pytest.mark.parametrize(
    ("change", "said"),
    [(1, "Avec 1 camion de plus : coût +85 €"), (2, "Avec 2 camions de plus"), (-2, "Avec 2 camions de moins")],
)
def test_trucks_are_counted_in_the_singular_and_the_plural(change: int, said: str) -> None:
    plan = small_plan()
    line = what_if_line(change, plan, at_cost(plan, 85, plan.unserved[:1]), "fr").replace("\u00a0", " ")
    assert line.startswith(said)
    assert "non collecté -120 kg (-1 tâche)" in line
    assert "(s)" not in line


def test_every_text_is_there_in_french_and_english() -> None:
    assert all(set(said) == {"fr", "en"} and all(said.values()) for said in TEXTS.values())


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_while_it_compiles_no_seconds_are_told_that_do_not_run_out(
    lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ProgressReporter(lang).search("compile", None, 60.0)
    said = capsys.readouterr().err.strip()
    assert said.endswith("…")
    assert "60" not in said
    assert len(said) < 80
