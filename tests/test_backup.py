"""Backup and restore: taken while the depot runs, killed and its disk lost, nothing acknowledged before is missing."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from http.client import HTTPException
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert, select

from depot_api.accounts.tokens import make_token
from depot_api.store.backup import back_up, restore
from depot_api.store.store import Store
from depot_api.store.tables import photos, tokens

from .depot_clients import depot, position
from .services import Cluster, DepotProcess, asked
from .test_photos import picture
from .test_store import fact


def test_a_restored_depot_is_the_one_that_was_backed_up(db_url: str, tmp_path: Path) -> None:
    body = picture("PNG")
    with depot(db_url) as client:
        client.post_facts([position() for _ in range(50)])
        client.ask("PUT", f"/photos/{hashlib.sha256(body).hexdigest()}", "box T1", content=body)
        assert back_up(db_url, tmp_path / "backup.db") == 50
        before = client.store.after(0)
    target = f"{tmp_path}/new.db"
    assert restore(tmp_path / "backup.db", target) == 50
    with Store(target) as store:
        assert store.after(0) == before
        with store.read() as connection:
            assert connection.execute(select(photos.c.sha256)).scalar_one() == hashlib.sha256(body).hexdigest()
            assert connection.execute(select(tokens.c.name)).scalars().all() == ["T1"]
        store.add([fact(1)])
        assert store.last_seq() > before[-1].seq


@pytest.mark.postgres
def test_a_depot_moves_from_sqlite_to_postgresql_and_back(postgres_cluster: Cluster, tmp_path: Path) -> None:
    source, target = f"{tmp_path}/depot.db", postgres_cluster.new_database()
    with Store(source) as store:
        store.add([fact(k) for k in range(20)])
        token = make_token(store, "box", "T1")
        before = store.after(0)
    back_up(source, tmp_path / "backup.db")
    assert restore(tmp_path / "backup.db", target) == 20
    with Store(target) as store:
        assert store.after(0) == before
        store.add([fact(100)])
        assert store.after(before[-1].seq)[0].id == fact(100).id
        row = {"kind": "box", "name": "T2", "sha256": token, "created_us": 1}
        store.write(lambda connection: connection.execute(insert(tokens).values(row)))
    with pytest.raises(ValueError, match="must be empty"):
        restore(tmp_path / "backup.db", target)
    back_up(target, tmp_path / "again.db")
    assert restore(tmp_path / "again.db", f"{tmp_path}/back.db") == 21


def test_a_backup_is_one_private_file_and_overwrites_nothing_unasked(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        out = tmp_path / "out" / "backup.db"
        out.parent.mkdir()
        back_up(f"{tmp_path}/depot.db", out)
        assert list(out.parent.iterdir()) == [out]
        assert out.stat().st_mode & 0o077 == 0
        with pytest.raises(FileExistsError, match="--replace"):
            back_up(f"{tmp_path}/depot.db", out)
        store.add([fact(2)])
        assert back_up(f"{tmp_path}/depot.db", out, replace=True) == 2


def test_a_database_or_its_journal_in_the_way_is_never_overwritten(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
    back_up(f"{tmp_path}/depot.db", tmp_path / "backup.db")
    with pytest.raises(FileExistsError, match="move it away first"):
        restore(tmp_path / "backup.db", f"{tmp_path}/depot.db")
    (tmp_path / "lost.db-wal").write_bytes(b"another database's journal")
    with pytest.raises(FileExistsError, match=r"lost\.db-wal"):
        restore(tmp_path / "backup.db", f"{tmp_path}/lost.db")


def test_a_damaged_backup_is_said_to_be_and_restores_nothing(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(k, body="x" * 500) for k in range(2_000)])
    back_up(f"{tmp_path}/depot.db", tmp_path / "backup.db")
    whole = (tmp_path / "backup.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "holed.db").write_bytes(whole[:8192] + b"\xa5" * 200_000 + whole[208_192:])
    (tmp_path / "text.db").write_text("no database")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE notes (text)")
    for name in ("cut.db", "holed.db", "text.db", "other.db"):
        with pytest.raises(ValueError, match=name):
            restore(tmp_path / name, f"{tmp_path}/new.db")
        assert not (tmp_path / "new.db").exists()
    with pytest.raises(FileNotFoundError, match="no such file"):
        restore(tmp_path / "nowhere.db", f"{tmp_path}/new.db")
    with pytest.raises(FileNotFoundError, match="no such database"):
        back_up(f"{tmp_path}/nowhere.db", tmp_path / "out.db")
    assert not (tmp_path / "out.db").exists()


@pytest.mark.slow
def test_after_kill_9_and_a_lost_disk_nothing_acknowledged_before_the_backup_is_missing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    url = f"sqlite:///{disk}/depot.db"
    with Store(url) as store:
        token = make_token(store, "box", "T1")
    named: list[str] = []
    stop = threading.Event()
    with DepotProcess(url) as process:

        def post() -> None:
            while not stop.is_set():
                batch = orjson.dumps([position() for _ in range(20)])
                try:
                    status, answer, _ = asked(process.port, "POST", "/facts", token, batch)
                except (OSError, HTTPException):
                    return
                assert status == 200
                named.extend(answer["stored"])

        poster = threading.Thread(target=post)
        poster.start()
        time.sleep(0.5)
        before = list(named)
        back_up(url, tmp_path / "backup.db")
        time.sleep(0.2)
        process.kill()
        stop.set()
        poster.join()
    shutil.rmtree(disk)
    disk.mkdir()
    restore(tmp_path / "backup.db", url)
    with Store(url) as store:
        there = {row.json()["id"] for row in store.after(0, 1_000_000)}
        assert before
        assert set(before) <= there
        with DepotProcess(url) as process:
            assert asked(process.port, "POST", "/facts", token, b"[]")[0] == 200, "tokens are in it too"
