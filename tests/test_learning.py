"""What weighings teach of demand: by sector and flux, drawn towards the estimate, and never of a household."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.demand.demand import estimate_demand
from optimizer.demand.learning import (
    LEAST_DWELLINGS,
    LearnedFactor,
    WeighedLoads,
    learn_factors,
    read_learned,
    write_learned,
)

from .towns import RealTown

TRUE = {("A", "residual"): 1.3, ("A", "food"): 0.8, ("B", "residual"): 0.9, ("B", "food"): 1.1}
MANY = {"A": 500, "B": 500}


def weeks(n: int, seed: int = 1, days: bool = True, noise: float = 0.08) -> list[WeighedLoads]:
    """Loads that hold the two sectors in changing parts, and the plant's day beside them."""
    random = Random(seed)
    rows = []
    for _ in range(n):
        part = random.random()
        planned = {
            ("A", "residual"): 3000 * part, ("A", "food"): 1000 * part,
            ("B", "residual"): 3000 * (1 - part), ("B", "food"): 1000 * (1 - part),
        }  # fmt: skip
        kg = {cell: value * TRUE[cell] * random.gauss(1, noise) for cell, value in planned.items()}
        rows.append(WeighedLoads(sum(kg.values()), planned))
        for flux in ("residual", "food") if days else ():
            cells = {cell: value for cell, value in planned.items() if cell[1] == flux}
            rows.append(WeighedLoads(sum(kg[cell] for cell in cells), cells, loads=0))
    return rows


def test_factors_are_found_and_their_intervals_hold_them() -> None:
    inside = total = 0
    for seed in range(30):
        for one in learn_factors(weeks(60, seed), MANY):
            truth = TRUE[one.sector, one.flux]
            assert one.factor == pytest.approx(truth, abs=0.12)
            assert one.loads == 60
            inside += one.low <= truth <= one.high
            total += 1
    assert inside / total >= 0.85  # 90 % intervals


def test_few_loads_change_little_and_say_so() -> None:
    (one,) = learn_factors([WeighedLoads(6000, {("A", "residual"): 3000.0})], MANY)
    assert 1 < one.factor < 2
    assert one.high - one.low > 0.3
    many = learn_factors([WeighedLoads(6000, {("A", "residual"): 3000.0})] * 50, MANY)[0]
    assert many.factor > one.factor
    assert many.factor == pytest.approx(2, abs=0.05)


def test_tickets_alone_cannot_tell_fluxes_apart_and_leave_them_wide() -> None:
    without = {(o.sector, o.flux): o for o in learn_factors(weeks(60, days=False), MANY)}
    with_days = {(o.sector, o.flux): o for o in learn_factors(weeks(60), MANY)}
    for cell, one in with_days.items():
        assert one.high - one.low < without[cell].high - without[cell].low


def test_nothing_is_learned_of_a_handful_of_homes() -> None:
    rows = weeks(40)
    assert {one.sector for one in learn_factors(rows, {"A": 500, "B": LEAST_DWELLINGS - 1})} == {"A"}
    assert {one.sector for one in learn_factors(rows, {"A": 500})} == {"A"}
    assert learn_factors(rows, {}) == []
    assert learn_factors([], MANY) == []


@given(
    st.lists(
        st.builds(
            WeighedLoads,
            st.floats(0, 30_000),
            st.dictionaries(st.tuples(st.sampled_from("AB"), st.sampled_from(["x", "y"])), st.floats(0, 9000)),
        ),
        max_size=12,
    )
)
def test_whatever_was_weighed_factors_stay_within_bounds(rows: list[WeighedLoads]) -> None:
    for one in learn_factors(rows, MANY):
        assert 0.3 <= one.low <= one.factor <= one.high <= 3.0


def test_what_was_learned_survives_its_file(tmp_path: Path) -> None:
    learned = [LearnedFactor("A", "food", 0.8, 0.7, 0.9, 12), LearnedFactor("B;x", "residual", 1.25, 1.1, 1.4, 3)]
    write_learned(learned, tmp_path / "l.csv")
    assert read_learned(tmp_path / "l.csv", ["A", "B;x"], ["food", "residual"]) == learned


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("C;food;1;1;1;1", "sector = 'C', must be one of A"),
        ("A;glass;1;1;1;1", "flux = 'glass'"),
        ("A;food;x;1;1;1", "factor = 'x', must be a number"),
        ("A;food;nan;1;1;1", "factor = nan, must be from 0.3 to 3"),
        ("A;food;1;1;9;1", "high = 9.0, must be from"),
        ("A;food;1;1;1;-1", "loads = '-1'"),
        ("A;food;1;1;1;1\nA;food;1;1;1;1", "must be there once"),
    ],
)
def test_a_file_that_cannot_be_right_is_said(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(f"sector;flux;factor;low;high;loads\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must") as caught:
        read_learned(path, ["A"], ["food"])
    assert said in str(caught.value)
    path.write_text("sector,flux\n", encoding="utf-8")
    with pytest.raises(ValueError, match="row 1: columns must be"):
        read_learned(path, ["A"], ["food"])


def test_the_next_plan_s_demand_follows_in_the_sectors_named_and_nowhere_else(monaco: RealTown, tmp_path: Path) -> None:
    write_learned([LearnedFactor("Monaco-Est", "residual", 1.5, 1.3, 1.7, 40)], tmp_path / "learned.csv")
    area = replace(
        monaco.area, folder=tmp_path, demand=replace(monaco.area.demand, learned="learned.csv", drop_off_points=None)
    )
    corrected = estimate_demand(area, monaco.extract, monaco.streets)
    changed = {"more": 0, "same": 0}
    for stretch, side in monaco.demand.dwellings:
        before = monaco.demand.weekly_kg(stretch, side, "bags", "blocks")
        after = corrected.weekly_kg(stretch, side, "bags", "blocks")
        assert after["food"] == before["food"]
        if before["residual"] > 0:
            ratio = after["residual"] / before["residual"]
            assert ratio == pytest.approx(1.5) or ratio == 1
            changed["same" if ratio == 1 else "more"] += 1
    assert changed["more"] > 20
    assert changed["same"] > changed["more"]
    assert "learned" in [note.code for note in corrected.notes]
