"""The depot's file: for its owner alone whatever the umask, and never taken for a depot where it is none."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import ripeur
from depot_api.store.backup import back_up, restore
from depot_api.store.store import Store, StoreDown

from .services import Cluster, DepotProcess, asked
from .test_store import fact

ROOT = Path(ripeur.__file__).parent


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_of(folder: Path) -> dict[str, int]:
    return {path.name: mode(path) for path in folder.iterdir()}


def ripeur_says(*arguments: object, mask: int = 0) -> subprocess.CompletedProcess[str]:
    """A command as an operator runs it, under an umask that forbids nothing."""
    return subprocess.run(
        [sys.executable, "-m", "ripeur", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "RIPEUR_DB": ""}, capture_output=True, text=True, umask=mask, check=False,
    )  # fmt: skip


# --- whose it is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_a_depot_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask), Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        assert files_of(tmp_path) == dict.fromkeys(("depot.db", "depot.db-wal", "depot.db-shm"), 0o600)
        back_up(f"{tmp_path}/depot.db", tmp_path / "backup.db")
        restore(tmp_path / "backup.db", f"{tmp_path}/again.db")
        with Store(f"{tmp_path}/again.db") as again:
            again.add([fact(2)])
            assert set(files_of(tmp_path).values()) == {0o600}
    assert files_of(tmp_path) == dict.fromkeys(("depot.db", "backup.db", "again.db"), 0o600)


def test_every_command_that_makes_a_depot_makes_it_private(tmp_path: Path) -> None:
    made = ripeur_says("token", "box", "T1", "--db", tmp_path / "by_token.db")
    assert made.returncode == 0, made.stderr
    made = ripeur_says("user", "add", "anna", "--role", "planner", "--generate", "--db", tmp_path / "by_user.db")
    assert made.returncode == 0, made.stderr
    assert files_of(tmp_path) == {"by_token.db": 0o600, "by_user.db": 0o600}
    assert ripeur_says("backup", "--db", tmp_path / "by_token.db", "--out", tmp_path / "b.db").returncode == 0
    assert ripeur_says("restore", tmp_path / "b.db", "--db", tmp_path / "r.db").returncode == 0
    assert set(files_of(tmp_path).values()) == {0o600}


def test_a_served_depot_s_journals_are_private_too(tmp_path: Path) -> None:
    with umask(0), DepotProcess(f"sqlite:///{tmp_path}/depot.db") as process:
        assert asked(process.port, "GET", "/health")[0] == 200
        assert {name: m for name, m in files_of(tmp_path).items() if m != 0o600} == {}
        assert {"depot.db", "depot.db-wal", "depot.db-shm"} <= set(files_of(tmp_path))


def test_a_depot_of_before_that_others_could_read_is_closed_to_them_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "depot.db"
    with Store(str(place)) as store:
        store.add([fact(1)])
        for path in tmp_path.iterdir():  # as an older Ripeur left it
            path.chmod(0o664)
        with caplog.at_level(logging.WARNING, "ripeur.store"), Store(str(place), make=False) as again:
            assert again.count() == 1
            assert set(files_of(tmp_path).values()) == {0o600}
    assert "was open to others (664)" in caplog.text
    caplog.clear()
    Store(str(place)).close()
    assert caplog.text == ""


def test_a_depot_behind_a_link_is_private_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "depot.db").symlink_to(tmp_path / "disk" / "real.db")
    with umask(0), Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        assert set(files_of(tmp_path / "disk").values()) == {0o600}
    shutil.rmtree(tmp_path / "disk")  # not mounted
    with pytest.raises(FileNotFoundError, match="disk: no such folder"):
        Store(f"{tmp_path}/depot.db")


# --- what it is not ------------------------------------------------------------------------------------------------


def test_an_empty_file_is_not_taken_for_a_new_depot(tmp_path: Path) -> None:
    place = tmp_path / "depot.db"
    place.touch()
    for make in (True, False):
        with pytest.raises(ValueError, match=r"depot\.db: an empty file and no depot: move it away .*ripeur restore"):
            Store(str(place), make)
    for command in (
        ("serve", "--port", 0, "--db", place), ("token", "box", "T1", "--db", place), ("facts", "--db", place),
        ("user", "list", "--db", place), ("retention", "--dry-run", "--db", place),
        ("backup", "--out", tmp_path / "b.db", "--db", place),
    ):  # fmt: skip
        said = ripeur_says(*command)
        assert said.returncode == 2, command
        assert "Traceback" not in said.stderr, said.stderr
        assert "depot.db" in said.stderr or command[0] == "backup", said.stderr
    assert place.stat().st_size == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["depot.db"], "nothing was made"


@pytest.mark.parametrize("content", [b"\0", b"\0" * 8192, b"no database", b"SQLite format 3", b"\xff" * 100_000])
def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "depot.db"
    place.write_bytes(content)
    with pytest.raises((StoreDown, ValueError), match=r"move it away .*ripeur restore"):
        Store(str(place))
    assert place.read_bytes() == content


def test_another_program_s_database_is_not_taken_for_a_depot(tmp_path: Path) -> None:
    for name, statements in {
        "none.db": ("PRAGMA user_version = 1",),
        "other.db": ("CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('keep me')"),
        "alembic.db": ("CREATE TABLE alembic_version (version_num TEXT)", "CREATE TABLE notes (text)"),
    }.items():
        with closing(sqlite3.connect(tmp_path / name)) as other:
            for statement in statements:
                other.execute(statement)
            other.commit()
        with pytest.raises(ValueError, match="holds no depot's tables: move it away"):
            Store(f"{tmp_path}/{name}")
        with closing(sqlite3.connect(tmp_path / name)) as other:
            tables = {row[0] for row in other.execute("SELECT name FROM sqlite_master")}
        assert "facts" not in tables


def test_a_newer_ripeur_s_depot_is_said_to_be_one(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ValueError, match=r"of a newer Ripeur or another program \(revision 9999\)"):
        Store(f"{tmp_path}/depot.db")


def test_a_journal_without_its_database_is_not_played_into_a_new_one(tmp_path: Path) -> None:
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
        shutil.copy(tmp_path / "depot.db-wal", tmp_path / "lost.db-wal")
    with pytest.raises(FileExistsError, match=r"lost\.db-wal: of a database that is gone"):
        Store(f"{tmp_path}/lost.db")
    assert not (tmp_path / "lost.db").exists()


def test_a_folder_is_no_depot(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file"):
        Store(str(tmp_path))


# --- made whole ----------------------------------------------------------------------------------------------------


def test_a_depot_that_could_not_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("depot_api.store.files.fsync_path", full)
    with pytest.raises(OSError, match="No space left"):
        Store(f"{tmp_path}/depot.db")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_hard_links_holds_a_depot_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with Store(f"{tmp_path}/depot.db") as store:
        store.add([fact(1)])
    assert files_of(tmp_path) == {"depot.db": 0o600}


def _opened(url: str) -> int:
    with Store(url) as store:
        store.add([fact(os.getpid())])
        return store.count()


def test_processes_that_make_a_depot_at_the_same_moment_share_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/depot.db"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(_opened, [url] * 3, chunksize=1)
    with Store(url) as store:
        assert 1 <= store.count() <= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["depot.db"]


@pytest.mark.postgres
def test_a_backup_of_postgresql_is_private_too(postgres_cluster: Cluster, tmp_path: Path) -> None:
    url = postgres_cluster.new_database()
    with umask(0), Store(url) as store:
        store.add([fact(1)])
        back_up(url, tmp_path / "backup.db")
    assert files_of(tmp_path) == {"backup.db": 0o600}
