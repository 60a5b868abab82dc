"""The store, on SQLite and on PostgreSQL: durable before it is said, first content stays, the tail skips nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from depot_api.store import databases
from depot_api.store.databases import database_url
from depot_api.store.store import NewFact, Store, StoreDown, StoreFull, instant_of, microseconds, new_fact
from depot_api.store.tables import metadata, tokens
from fleet import Duty, new_id

from .services import Cluster, wait_until

DAY = datetime(2026, 11, 20, 5, tzinfo=UTC)


@pytest.fixture
def store(db_url: str) -> Iterator[Store]:
    with Store(db_url) as opened:
        yield opened


def fact(k: int, truck: str = "T1", kind: str = "position", at: datetime | None = None, body: str = "{}") -> NewFact:
    return NewFact(k.to_bytes(16), kind, truck, microseconds(at or DAY + timedelta(seconds=k)), 0, body)


def test_facts_come_back_as_they_went_in(store: Store) -> None:
    duty = Duty(id=new_id(DAY), at=DAY, truck="T1", state="start")
    store.add([new_fact(duty, DAY + timedelta(seconds=5))])
    (stored,) = store.after(0)
    assert stored.fact() == duty
    assert stored.json() == duty.to_json()
    assert (stored.kind, stored.who, stored.at) == ("duty", "T1", DAY)
    assert instant_of(stored.received_us) == DAY + timedelta(seconds=5)


def test_a_known_id_is_not_stored_again_and_its_first_content_stays(store: Store) -> None:
    store.add([fact(1, body='"first"'), fact(1, body='"twice in a batch"')])
    store.add([fact(1, body='"later"'), fact(2)])
    assert [row.body for row in store.after(0)] == ['"first"', "{}"]
    assert (store.new_facts, store.known_facts) == (2, 2)
    assert store.known([k.to_bytes(16) for k in range(1000)]) == {fact(1).id, fact(2).id}


def test_the_tail_goes_on_where_it_was_left(store: Store) -> None:
    store.add([fact(k) for k in range(10)])
    first = store.after(0, 4)
    assert [row.id for row in store.after(first[-1].seq, 100)] == [fact(k).id for k in range(4, 10)]
    assert store.last_seq() == store.after(0)[-1].seq
    assert store.after(store.last_seq()) == []


def test_a_number_is_never_used_twice_even_when_the_newest_fact_is_gone(store: Store) -> None:
    store.add([fact(1), fact(2)])
    last = store.last_seq()
    store.write(lambda connection: connection.execute(text("DELETE FROM facts")))
    store.add([fact(3)])
    assert store.after(0)[0].seq > last


def test_facts_are_found_by_kind_truck_and_time_in_the_order_of_observation(store: Store) -> None:
    store.add([fact(5), fact(3), fact(4, "T2"), fact(1, kind="lift"), fact(2)])
    assert [row.id for row in store.facts()] == [fact(k).id for k in (1, 2, 3, 4, 5)]
    assert [row.id for row in store.facts("position", "T1")] == [fact(k).id for k in (2, 3, 5)]
    assert [row.id for row in store.facts(["lift", "duty"])] == [fact(1).id]
    since, until = DAY + timedelta(seconds=2), DAY + timedelta(seconds=4)
    assert [row.id for row in store.facts(since=since, until=until)] == [fact(2).id, fact(3).id]
    assert list(store.facts("ticket")) == []


def test_what_else_is_written_is_there_on_return_or_not_at_all(store: Store) -> None:
    row = {"kind": "box", "name": "T1", "sha256": "x", "created_us": 1}
    store.write(lambda connection: connection.execute(insert(tokens).values(row)))

    def half(connection: databases.Connection) -> None:
        connection.execute(insert(tokens).values(row | {"sha256": "y"}))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.write(half)
    with store.read() as connection:
        assert [found.sha256 for found in connection.execute(select(tokens.c.sha256))] == ["x"]


def test_many_at_once_share_commits_and_none_is_lost(store: Store) -> None:
    waiting = [store.submit([fact(100 * k + i) for i in range(100)]) for k in range(50)]
    for future in waiting:
        future.result(timeout=30)
    assert store.count() == 5_000
    assert [row.seq for row in store.after(0)] == sorted(row.seq for row in store.after(0))
    assert store.waiting_rows == 0


def test_a_live_fix_goes_before_a_backlog(store: Store) -> None:
    told: Queue[str] = Queue()  # a future tells who waits for it before its callbacks: wait for what they say
    gate = threading.Event()
    blocker = threading.Thread(target=store.write, args=(lambda _: gate.wait(120),))
    blocker.start()
    backlogs = [store.submit([fact(10_000 * k + i) for i in range(8_000)]) for k in range(1, 4)]
    live = store.submit([fact(1)])
    for name, future in (("backlog", backlogs[-1]), ("live", live)):
        future.add_done_callback(lambda _, name=name: told.put(name))
    gate.set()
    blocker.join()
    assert [told.get(timeout=60), told.get(timeout=60)] == ["live", "backlog"]
    assert not any(future.exception(timeout=60) for future in (*backlogs, live))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=8))
def test_whatever_is_sent_again_in_whatever_order_is_stored_once(store: Store, batches: list[list[int]]) -> None:
    store.write(lambda connection: connection.execute(text("DELETE FROM facts")))
    for future in [store.submit([fact(k) for k in batch]) for batch in batches]:
        future.result(timeout=30)
    assert sorted(row.id for row in store.after(0)) == sorted({fact(k).id for batch in batches for k in batch})


def test_the_migrations_make_exactly_the_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    assert found == []


def test_opening_a_database_again_keeps_what_is_in_it(db_url: str) -> None:
    for k in range(2):
        with Store(db_url) as opened:
            opened.add([fact(k)])
    with Store(db_url) as opened:
        assert opened.count() == 2


def test_several_processes_may_open_a_new_database_at_once(db_url: str) -> None:
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store(db_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for store in opened:
        store.close()


def test_a_reader_of_the_tail_misses_nothing_while_several_stores_write(db_url: str) -> None:
    """Numbers are handed out before their commit: without the writers' lock a later one could be seen first."""
    seen: list[int] = []
    stores = [Store(db_url) for _ in range(4)]
    done = threading.Event()

    def follow() -> None:
        with Store(db_url) as reader:
            while True:
                ended = done.is_set()
                while rows := reader.after(seen[-1] if seen else 0):
                    seen.extend(row.seq for row in rows)
                if ended:
                    return

    def write(n: int) -> None:
        for k in range(60):
            stores[n].add([fact(100_000 * n + 10 * k + i, f"T{n}") for i in range(10)])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    follower = threading.Thread(target=follow)
    for thread in [*threads, follower]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    assert len(seen) == stores[0].count() == 4 * 60 * 10
    for store in stores:
        store.close()


# --- trouble -----------------------------------------------------------------------------------------------------


def test_a_locked_database_is_trouble_and_nothing_is_said_to_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_S", 0.2)
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        with closing(sqlite3.connect(tmp_path / "depot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreDown, match="database is locked"):
                store.add([fact(2)])
            assert store.trouble() == "database: database is locked"
            other.execute("ROLLBACK")
        store.add([fact(2)])
        assert store.trouble() is None
        assert store.count() == 2


def test_a_full_disk_is_said_to_be_full_and_what_was_stored_stays(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        pages = store.write(lambda connection: connection.execute(text("PRAGMA page_count")).scalar_one())
        store.write(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {pages + 2}")))
        with pytest.raises(StoreFull, match="database or disk is full"):
            store.add([fact(k, body="x" * 1000) for k in range(100, 200)])
        assert "full" in (store.trouble() or "")
        assert store.count() == 1
        store.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 100000")))
        store.add([fact(k, body="x" * 1000) for k in range(100, 200)])
        assert store.count() == 101


def test_too_much_that_waits_is_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("depot_api.store.store.MOST_WAITING_ROWS", 1_000)
    with Store(f"{tmp_path}/depot.db") as store:
        gate = threading.Event()
        blocker = threading.Thread(target=store.write, args=(lambda _: gate.wait(20),))
        blocker.start()
        wait_until(lambda: not store._live, "the writer to be busy")
        taken = store.submit([fact(k) for k in range(900)])
        with pytest.raises(StoreDown, match="900 facts wait"):
            store.submit([fact(k) for k in range(900, 1_800)])
        gate.set()
        taken.result(timeout=20)
        blocker.join()
        assert store.count() == 900


def test_a_closed_store_has_written_all_it_took(tmp_path: Path) -> None:
    store = Store(f"{tmp_path}/depot.db")
    futures = [store.submit([fact(k)]) for k in range(200)]
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(StoreDown, match="closing"):
        store.submit([fact(1)])
    with Store(f"{tmp_path}/depot.db") as again:
        assert again.count() == 200


@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql_killed_and_back_loses_nothing_that_was_said_to_be_stored(postgres_cluster: Cluster) -> None:
    said: set[bytes] = set()
    with Store(postgres_cluster.new_database()) as store:
        stop = threading.Event()
        troubles: list[str] = []

        def write() -> None:
            k = 0
            while not stop.is_set():
                batch = [fact(k + i) for i in range(20)]
                try:
                    store.add(batch)
                except StoreDown as error:
                    troubles.append(str(error))
                    time.sleep(0.02)
                    continue  # sends the same again, as a box does
                said.update(row.id for row in batch)
                k += 20

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(2):
            before = len(said)
            wait_until(lambda before=before: len(said) > before + 100, "facts")
            postgres_cluster.kill()
            postgres_cluster.start()
        before = len(said)
        wait_until(lambda: len(said) > before, "facts after the restart")
        stop.set()
        writer.join()
        assert troubles
        assert store.trouble() is None
        ids = [row.id for row in store.after(0, 1_000_000)]
        assert len(ids) == len(set(ids))
        assert said <= set(ids)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("mysql://host/name", "must be a file"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("postgresql://me:secret@host:port/x", "cannot be read"),
    ],
)
def test_a_url_that_names_no_database_is_said_to(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        database_url(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_opened_is_said_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match=r"127\.0\.0\.1") as caught:
        Store("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        Store(f"sqlite:///{tmp_path}/nowhere/depot.db")
    with pytest.raises(FileNotFoundError, match="no such database"):
        Store(f"{tmp_path}/depot.db", make=False)
    (tmp_path / "notes.txt").write_text("no database, but longer than the header of one would be" * 100)
    with pytest.raises(StoreDown, match="not a database"):
        Store(f"{tmp_path}/notes.txt")
