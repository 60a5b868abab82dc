"""What stays of a day when its positions go: the proof per task for a year, and paces that name nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from depot_api.known_time.refusals import refused_run
from depot_api.privacy.archiving import day_archive, days_to_archive, save_archive
from depot_api.privacy.retention import run_retention
from depot_api.settings.retention_terms import terms_of
from depot_api.store.store import Store
from depot_api.store.tables import paces, services

from .live_day import START, driven, matcher, position, published, put
from .small_plan import small_plan

DAY = date(2026, 11, 23)
PARIS = ZoneInfo("Europe/Paris")
LATER = START + timedelta(days=62)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A day that was driven, archived twice, and whose positions are past their term."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('day')}/depot.db") as store:
        published(store)
        for tour in range(len(small_plan().tours)):
            put(store, driven(tour))
        classes = ["residential"] * len(matcher().network.lines)
        for _ in range(2):
            rows, sums = day_archive(store, matcher(), classes, PARIS, DAY)
            save_archive(store, DAY, rows, sums, START + timedelta(days=14))
        yield store


def test_each_task_of_the_day_keeps_its_state_and_evidence_and_no_track(kept: Store) -> None:
    with kept.read() as connection:
        rows = connection.execute(select(services)).all()
    tasks = {(tour.id, leg.task) for tour in small_plan().tours for leg in tour.legs if leg.task is not None}
    assert {(row.tour, row.task) for row in rows} == tasks
    assert {row.date for row in rows} == {"2026-11-23"}
    assert sum(row.state == "done" for row in rows) >= 0.9 * len(rows)
    for row in rows:
        told = json.loads(row.body)
        assert told["status"] == row.state
        assert "speed" not in row.body
        assert "lat_deg" not in row.body
        assert "coordinates" not in row.body
        if row.state == "done":
            assert told["evidence"]
            assert told["from_at"]


def test_paces_say_how_long_streets_take_and_neither_who_nor_when_nor_where(kept: Store) -> None:
    with kept.read() as connection:
        rows = connection.execute(select(paces)).all()
    assert {row.year for row in rows} == {2026}
    assert {row.what for row in rows} == {"drive", "serve"}
    assert {row.street_class for row in rows} == {"residential"}
    assert set(paces.c.keys()) == {"year", "what", "street_class", "hour", "seconds", "metres", "times"}
    driving = [row for row in rows if row.what == "drive"]
    mps = sum(row.metres for row in driving) / sum(row.seconds for row in driving)
    serving = [row for row in rows if row.what == "serve"]
    slower_mps = sum(row.metres for row in serving) / sum(row.seconds for row in serving)
    assert 2 < mps < 20
    assert slower_mps < mps
    assert {row.hour for row in rows} <= set(range(4, 16))  # local hours of a day that begins at five


def test_a_day_archived_twice_counts_once(kept: Store) -> None:
    classes = ["residential"] * len(matcher().network.lines)
    rows, sums = day_archive(kept, matcher(), classes, PARIS, DAY)
    with kept.read() as connection:
        assert len(connection.execute(select(services)).all()) == len(rows)
        assert connection.execute(select(paces.c.times)).scalars().all().__len__() == len(sums)
        total = sum(connection.execute(select(paces.c.times)).scalars())
    assert total == sum(pace.times for pace in sums.values())
    assert days_to_archive(kept, DAY + timedelta(days=1)) == []


def test_the_proof_outlives_the_positions_by_ten_months(tmp_path: Path, kept: Store) -> None:
    put(kept, [position(LATER)])
    run_retention(kept, terms_of({}), LATER)  # asks first: nearly everything is to go at once
    assert refused_run(kept) is not None
    gone = run_retention(kept, terms_of({}), LATER, sure=True)
    assert gone["positions"] > 100
    assert [f.at for f in kept.facts(kind=["position", "lift"])] == [LATER]
    with kept.read() as connection:
        assert connection.execute(select(services.c.task)).first() is not None
    assert run_retention(kept, terms_of({}), START + timedelta(days=370), sure=True)["service"] > 0
    with kept.read() as connection:
        assert connection.execute(select(services.c.task)).first() is None
        assert connection.execute(select(paces.c.year)).first() is not None
