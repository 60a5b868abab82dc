"""Which area a plan was made of: found from another folder, told apart from one that is gone."""

import json
from pathlib import Path

import pytest

from optimizer.area.plan_area import area_of_plan, holds_area
from tests.small_plan import small_plan


def plan_of(area: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = small_plan().to_json() | {"area": {"path": area}}
    (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "plan.json"


def area_at(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "area.toml").touch()
    return folder


@pytest.mark.parametrize("place", ["here/town", "plans/town", "plans/monday/town", "town"])
def test_a_relative_name_is_looked_for_from_here_and_from_where_the_plan_lies_upwards(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of("town", tmp_path / "plans" / "monday")
    area = area_at(tmp_path / place)
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    found = area_of_plan(plan)
    assert found is not None
    assert found.resolve() == area.resolve()
    assert holds_area(found)


def test_an_area_that_is_gone_is_still_named(tmp_path: Path) -> None:
    for name in ("gone", str(tmp_path / "gone")):
        assert area_of_plan(plan_of(name, tmp_path)) == Path(name)
        assert not holds_area(Path(name))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"area": 7}'])
def test_what_is_no_plan_names_no_area(content: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="utf-8")
    assert area_of_plan(path) is None


def test_a_plan_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        area_of_plan(tmp_path / "plan.json")
