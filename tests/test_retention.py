"""Retention: each purpose's own term, kept to by the store, on both databases, while facts come in."""

from __future__ import annotations

import html
import re
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select

from dashboards.staff.audit_log import term_text
from depot_api.access import audit_log
from depot_api.accounts import sessions, users
from depot_api.accounts.throttle import may_try
from depot_api.accounts.tokens import make_token, revoke_token
from depot_api.privacy import nightly, retention
from depot_api.privacy.archiving import days_to_archive
from depot_api.privacy.nightly import night_is_due
from depot_api.privacy.retention import BATCH, kept_from, last_run, oldest_records, run_retention
from depot_api.settings.retention_terms import PURPOSES, terms_of
from depot_api.settings.roles import Caller
from depot_api.state.depot import Depot
from depot_api.store.store import NewFact, Store, microseconds
from depot_api.store.tables import (
    archived_days,
    deletions,
    facts,
    known_time,
    metadata,
    paces,
    photos,
    plans,
    services,
    tours,
)
from fleet import KINDS, new_id
from ripeur import main

from .clocks import ToldClock
from .people_depot import NOW, PASSWORD, Scene, scene
from .services import db_url, postgres_cluster, postgres_url, wait_until

__all__ = ["db_url", "postgres_cluster", "postgres_url", "scene"]

TERMS = terms_of({})
DAY = timedelta(days=1)


def fact(kind: str, at: datetime, who: str = "T1", received: datetime | None = None) -> NewFact:
    id = bytes.fromhex(new_id(at).replace("-", ""))
    return NewFact(id, kind, who, microseconds(at), microseconds(received or at), "{}")


def kinds(store: Store) -> Counter[str]:
    return Counter(f.kind for f in store.facts())


def test_every_kind_of_fact_and_every_table_with_people_in_it_has_a_term() -> None:
    listed = [kind for purpose in PURPOSES for kind in purpose.kinds]
    assert sorted(listed) == sorted(KINDS)
    tables = {purpose.table for purpose in PURPOSES}
    with_them = {
        "tours",
        "objections",
        "deletions",
        "attempts",
        "tokens",
        "refusals",
    }  # go with another of their purpose
    aside = {"facts", "sources", "distilled", "known_time", "alembic_version"}  # facts by kind; no person in the others
    assert set(metadata.tables) <= tables | with_them | aside


def test_positions_stay_two_months_outcomes_a_year_and_weighings_until_somebody_says_yes(db_url: str) -> None:
    with Store(db_url) as store:
        for days in (1828, 1826, 366, 364, 62, 60, 30, 0):
            store.add([fact(kind, NOW - days * DAY) for kind in ("position", "lift", "outcome", "duty", "ticket")])
        gone = run_retention(store, TERMS, NOW)
        assert kinds(store) == {"position": 3, "lift": 3, "outcome": 5, "duty": 8, "ticket": 8}
        assert gone == {"positions": 10, "service": 3}
        assert run_retention(store, TERMS, NOW) == {}
        assert last_run(store) == (NOW, 0)


def test_the_other_tables_have_their_terms_too(db_url: str) -> None:
    old, new = NOW - 400 * DAY, NOW - DAY / 2
    with Store(db_url) as store:
        depot = Depot(store, None, ToldClock(old))
        for at, name in ((old, "old"), (new, "new")):
            users.add_account(store, name, "planner", password=PASSWORD, now=at)
            audit_log.record_access(store, Caller("planner", name), "replay 2026-11-20", "a complaint", at)
            may_try(store, name, "10.0.0.7", at)
            make_token(store, "box", name, now=at)
        users.disable_account(store, "old", old)
        sessions.begin_session(depot, "old")
        revoke_token(store, 1, now=old)
        rows: list[tuple[Any, dict[str, Any]]] = []
        for at in (old, new):
            day, us = at.date().isoformat(), microseconds(at)
            rows += [
                (photos, {"sha256": day, "media_type": "image/png", "who": "T1", "received_us": us, "picture": b""}),
                (services, {"date": day, "tour": "a", "task": "b", "truck": "T1", "state": "done", "body": "{}"}),
                (plans, {"date": day, "version": 1, "published_us": us, "published_by": "", "why": "", "sha256": "",
                         "body": "", "nodes": ""}),
                (tours, {"date": day, "version": 1, "tour": "a", "truck": "T1", "start_us": us, "end_us": us,
                         "body": ""}),
            ]  # fmt: skip
        for year in (2020, 2026):
            row = {"year": year, "what": "drive", "street_class": "residential", "hour": 6}
            rows.append((paces, row | {"seconds": 1, "metres": 1, "times": 1}))
        store.write(lambda connection: [connection.execute(insert(table).values(**row)) for table, row in rows])
        store.add([fact("position", NOW)])
        assert run_retention(store, TERMS, NOW) == {
            "service": 1, "photos": 1, "plans": 2, "paces": 1, "looks": 1, "sessions": 3 + 1, "accounts": 2,
        }  # fmt: skip
        assert [a.name for a in users.all_accounts(store)] == ["new"]
        assert [check_retention["who"] for check_retention in audit_log.recorded_entries(store)] == ["new"]


def test_a_dry_run_counts_the_same_and_deletes_nothing(db_url: str) -> None:
    with Store(db_url) as store:
        store.add([fact("position", NOW - days * DAY) for days in (*range(69, 54, -1), 0)])
        counted = run_retention(store, TERMS, NOW, dry=True)
        assert counted == {"positions": 8}
        assert store.count() == 16
        assert last_run(store) is None
        assert run_retention(store, TERMS, NOW) == counted


def test_the_depot_stores_a_fact_past_its_term_and_it_goes_with_the_next_run(scene: Scene) -> None:
    scene.store.add([fact("position", NOW), fact("position", NOW - 100 * DAY, received=NOW)])
    assert scene.store.count() == 2
    run_retention(scene.store, TERMS, NOW)
    assert [f.at for f in scene.store.facts()] == [NOW]


def test_a_clock_that_cannot_be_true_neither_costs_a_fact_its_term_nor_lengthens_it(scene: Scene) -> None:
    store, long_ago, to_come = scene.store, datetime(1980, 1, 6, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
    for at in (long_ago, to_come):
        store.add([fact(kind, at, received=NOW - 100 * DAY) for kind in ("position", "ticket")])
    for at in (long_ago, to_come):
        store.add([fact(kind, at, received=NOW - DAY) for kind in ("position", "ticket")])
    store.add([fact("position", NOW)])
    run_retention(store, TERMS, NOW)
    assert kinds(store) == {"position": 3, "ticket": 4}


def test_a_fact_dated_in_the_future_is_kept_no_longer_than_one_that_was_dated_right(db_url: str) -> None:
    """Also once the day that it is dated has come."""
    with Store(db_url) as store:
        store.add([fact("ticket", NOW)])  # somebody agrees with the depot's clock
        store.add([fact("position", NOW + 60 * DAY, received=NOW), fact("position", NOW + DAY / 24, received=NOW)])
        store.add([fact("position", NOW + 61 * DAY)])
        assert run_retention(store, TERMS, NOW + 61 * DAY) == {}
        for dry in (True, False):
            assert run_retention(store, TERMS, NOW + 61 * DAY + DAY / 12, dry=dry) == {"positions": 2}
        assert [f.at for f in store.facts("position")] == [NOW + 61 * DAY]


def test_what_is_past_its_term_is_found_by_an_index(scene: Scene) -> None:
    """Not by reading everything that is kept."""
    parts = retention._fact_parts(scene.store, PURPOSES[0], NOW)
    assert parts == []
    scene.store.add([fact("position", NOW)])
    used = []
    with scene.store.read() as connection:
        for table, past in retention._fact_parts(scene.store, PURPOSES[0], NOW):
            query = select(table.c.seq).where(past).compile(connection, compile_kwargs={"literal_binds": True})
            used.append(" ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")))
    assert [plan.split("USING INDEX ")[1] for plan in used] == [
        "facts_by_who (who=? AND kind=? AND at_us>? AND at_us<?)",
        "facts_by_who (who=? AND kind=? AND at_us<?)",
        "facts_ahead (who=? AND kind=? AND received_us<?)",
    ]


def test_what_goes_is_exactly_what_is_past_its_term(scene: Scene) -> None:
    terms = {kind: timedelta(days=purpose.days) for purpose in PURPOSES for kind in purpose.kinds if not purpose.asks}
    aged = st.tuples(st.sampled_from(sorted(terms)), st.integers(0, 2_500), st.integers(-2_000, 90))

    @settings(max_examples=25, deadline=None)
    @given(st.lists(aged, max_size=19))
    def holds(drawn: list[tuple[str, int, int]]) -> None:
        store = scene.store
        store.write(lambda connection: [connection.execute(delete(table)) for table in (facts, known_time)])
        rows = [fact(k, NOW - age * DAY, f"T{age % 3}", NOW - age * DAY + late * DAY / 24) for k, age, late in drawn]
        agreed = fact("ticket", NOW - 2_600 * DAY, "T9")  # somebody has agreed with the clock from the beginning
        store.add([agreed, *sorted(rows, key=lambda row: row.received_us), fact("position", NOW, "T9")])
        gone = sum(run_retention(store, TERMS, NOW).values())
        wanted = [
            row.id
            for row, (k, age, late) in zip(rows, drawn, strict=True)
            if age * DAY - min(0, late) * DAY / 24 <= terms[k]
        ]
        assert sorted(f.id for f in store.facts() if f.who != "T9") == sorted(wanted)
        assert gone == len(rows) - len(wanted)

    holds()


def test_a_big_night_is_deleted_in_small_batches_while_facts_come_in(scene: Scene) -> None:
    store = scene.store
    store.add([fact("position", NOW - 70 * DAY + timedelta(seconds=i)) for i in range(3 * BATCH + 10)])
    store.add([fact("position", NOW - DAY + timedelta(seconds=i)) for i in range(3 * BATCH + 10)])
    store.write(lambda connection: connection.execute(insert(deletions).values(at_us=microseconds(NOW - 12 * DAY),
                                                                               purpose="all", records=0)))  # fmt: skip
    slowest_s: list[float] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            begin = datetime.now(UTC)
            store.add([fact("position", NOW)])
            slowest_s.append((datetime.now(UTC) - begin).total_seconds())

    sender = threading.Thread(target=send)
    sender.start()
    pauses: list[float] = []
    gone = run_retention(store, TERMS, NOW, pause=pauses.append)
    stop.set()
    sender.join()
    assert gone == {"positions": 3 * BATCH + 10}
    assert len(pauses) == 3
    assert store.count() == 3 * BATCH + 10 + len(slowest_s) > 3 * BATCH + 10
    assert max(slowest_s) < 2.0


def test_the_run_is_nightly_and_makes_up_for_a_night_that_was_missed() -> None:
    night, noon = NOW.replace(hour=2), NOW.replace(hour=12)
    assert night_is_due(None, noon)
    assert night_is_due(night - DAY, night)
    assert not night_is_due(night, noon)
    assert not night_is_due(night - timedelta(hours=2), night)
    assert night_is_due(night - 2 * DAY, noon)
    assert night_is_due(night + 2000 * DAY, noon)  # by a clock that was ahead


def test_a_drills_clock_deletes_nothing(scene: Scene) -> None:
    scene.store.add([fact("position", NOW - 100 * DAY)])
    nightly.run_nightly(scene.app.state.depot, threading.Event())
    assert scene.store.count() == 1


def test_a_serving_depot_runs_by_itself(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "SystemClock", ToldClock)
    scene.store.add([fact("position", NOW - 100 * DAY), fact("position", NOW)])

    stop = threading.Event()
    nights = threading.Thread(target=nightly.run_nightly, args=(scene.app.state.depot, stop))
    nights.start()
    wait_until(lambda: last_run(scene.store) is not None, "a night")
    stop.set()
    nights.join()
    assert scene.store.count() == 1


def test_an_authority_may_shorten_every_term_and_lengthen_none_beyond_its_bound() -> None:
    for purpose in PURPOSES:
        assert terms_of({purpose.key: 1})[purpose.key] == 1
        assert terms_of({purpose.key: purpose.most})[purpose.key] == purpose.most
        for wrong in (0, -1, purpose.most + 1, True, "61", 1.5):
            with pytest.raises(ValueError, match=purpose.key):
                terms_of({purpose.key: wrong})
    assert kept_from(PURPOSES[0], terms_of({"positions": 30}), NOW) == NOW - 30 * DAY


def test_a_day_is_archived_once_and_only_where_there_was_a_plan(scene: Scene) -> None:
    store = scene.store

    def put(day: str) -> None:
        row = {"date": day, "version": 1, "published_us": 0, "published_by": "", "why": "", "sha256": "", "body": "",
               "nodes": ""}  # fmt: skip
        store.write(lambda connection: connection.execute(insert(plans).values(row)))

    for day in ("2026-11-01", "2026-11-02", "2026-11-20"):
        put(day)
    assert days_to_archive(store, date(2026, 11, 10)) == [date(2026, 11, 1), date(2026, 11, 2)]
    store.write(lambda connection: connection.execute(insert(archived_days).values(date="2026-11-01", at_us=0)))
    assert days_to_archive(store, date(2026, 11, 10)) == [date(2026, 11, 2)]


# --- shown ------------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_table_that_is_enforced(scene: Scene) -> None:
    told = scene.nobody().get("/privacy.json").json()["purposes"]
    assert [(p["key"], p["days"]) for p in told] == [(p.key, p.days) for p in PURPOSES]
    for lang, words in (("fr", ("2 mois", "1 an", "5 ans")), ("en", ("2 months", "1 year", "5 years"))):
        page = scene.nobody().get(f"/privacy?lang={lang}").text
        assert all(word in page for word in words)
        for purpose in PURPOSES:
            assert re.search(re.escape(purpose.why[lang]), page.replace("&#x27;", "'"))


def test_staff_representatives_see_how_old_the_oldest_record_is(scene: Scene) -> None:
    scene.store.add([fact("position", NOW - 3 * DAY), fact("position", NOW), fact("ticket", NOW - 900 * DAY)])
    assert oldest_records(scene.store)["positions"] == NOW - 3 * DAY
    run_retention(scene.store, TERMS, NOW)
    page = scene.person("staff_representative").get("/privacy").text
    assert "2026-11-20" in page
    assert "2024-06-06" in page
    assert "Dernier effacement" in page
    assert "2026-11-20" not in scene.nobody().get("/privacy").text
    assert "2026-11-20" not in scene.person("planner").get("/privacy").text


def test_staff_representatives_see_who_looked_and_why_newest_first(scene: Scene) -> None:
    who = Caller("planner", "anna")
    for n in range(audit_log.ENTRIES_PER_PAGE + 5):
        audit_log.record_access(scene.store, who, f"replay 2026-11-20 T{n}", "complaint <12>", NOW)
    representative = scene.person("staff_representative")
    page = representative.get("/looks").text
    assert f"T{audit_log.ENTRIES_PER_PAGE + 4}" in page
    assert "complaint &lt;12&gt;" in page
    older = re.search(r'href="(/looks\?before=\d+)"', page)
    assert older is not None
    assert "replay 2026-11-20 T0" in representative.get(older[1]).text
    first = representative.get("/looks.json").json()["looks"]
    rest = representative.get(f"/looks.json?before={first[-1]['id']}").json()["looks"]
    assert (len(first), len(rest)) == (audit_log.ENTRIES_PER_PAGE, 5)
    assert first[0] | {"id": 0} == {
        "id": 0, "at": "2026-11-23T06:00:00Z", "who": "anna", "role": "planner",
        "what": f"replay 2026-11-20 T{audit_log.ENTRIES_PER_PAGE + 4}", "why": "complaint <12>",
    }  # fmt: skip


@pytest.mark.parametrize("why", ["", "    ", "a", "x" * 301])
def test_nobody_looks_without_a_reason(scene: Scene, why: str) -> None:
    with pytest.raises(ValueError, match="why"):
        audit_log.record_access(scene.store, Caller("planner", "anna"), "replay 2026-11-20", why, NOW)
    assert audit_log.recorded_entries(scene.store) == []


def test_the_command_says_what_goes_and_takes_the_authoritys_terms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{tmp_path}/depot.db"
    now = datetime.now(UTC)
    with Store(url) as store:
        store.add([fact("position", now - days * DAY) for days in (100, 40, 1)])
    (tmp_path / "depot.toml").write_text("[retention]\npositions = 30\n")

    def ripeur(*given: str) -> str:
        assert main(["retention", "--db", url, *given]) == 0
        return capsys.readouterr().out

    assert re.search(r"positions +61 days +1 past it", ripeur("--dry-run"))
    assert "2 deleted" in ripeur("--settings", f"{tmp_path}/depot.toml")
    with Store(url) as store, store.read() as connection:
        assert connection.execute(select(func.count()).select_from(metadata.tables["facts"])).scalar() == 1


def test_the_register_entry_that_authorities_complete_has_the_terms_that_are_enforced() -> None:
    page = (Path(__file__).parent.parent / "docs" / "privacy" / "registre.md").read_text(encoding="utf-8")
    for purpose in PURPOSES:
        cells = (
            purpose.why,
            purpose.what,
            {"fr": html.unescape(term_text(purpose.days, "fr"))},
            purpose.ground,
            purpose.source,
        )
        assert f"| {' | '.join(cell['fr'] for cell in cells)} |" in page


@pytest.mark.parametrize(
    ("days", "french", "english"),
    [(1, "1 jour", "1 day"), (30, "30 jours", "30 days"), (61, "2 mois", "2 months"), (365, "1 an", "1 year"),
     (1827, "5 ans", "5 years"), (3653, "10 ans", "10 years"), (100, "100 jours", "100 days")],
)  # fmt: skip
def test_a_term_is_told_as_people_say_it(days: int, french: str, english: str) -> None:
    assert (html.unescape(term_text(days, "fr")), term_text(days, "en")) == (french, english)
