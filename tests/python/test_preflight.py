"""What a build cannot work with is said before it starts, by the name of the thing."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from conftest import another_process_at_work, run_dbt

from customer_intelligence.data_dir import lock, preflight
from customer_intelligence.data_dir.layout import SET_ASIDE, UNFINISHED, WORK_DATABASE
from customer_intelligence.errors import CustomerIntelligenceError


@pytest.fixture
def work_database(tmp_path) -> Path:
    """The work database of a data directory, with a table of many blocks."""
    (tmp_path / "build").mkdir()
    path = tmp_path / "build" / WORK_DATABASE
    with duckdb.connect(str(path)) as database:
        database.execute("create table t as select range as a, hash(range) as b from range(300000)")
    return path


def refused(data_dir: Path) -> CustomerIntelligenceError:
    with pytest.raises(CustomerIntelligenceError) as refusal:
        preflight.run(data_dir)
    return refusal.value


def damage(path: Path, where: int) -> None:
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xa5" * 1000)


def test_a_sound_work_database_stays_as_it_is(work_database, capfd):
    before = work_database.read_bytes()
    for is_sound in (True, False):
        preflight.begin_run(work_database.parents[1])
        preflight.end_run(work_database.parents[1], is_sound=is_sound)
        preflight.run(work_database.parents[1])
        assert work_database.read_bytes() == before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fault", ["header", "cut short", "another version", "no database"])
def test_a_work_database_that_cannot_be_opened_is_set_aside_once(work_database, capfd, fault):
    content = work_database.read_bytes()
    if fault == "header":
        damage(work_database, 4096)
        damage(work_database, 8192)
    elif fault == "cut short":
        work_database.write_bytes(content[: len(content) // 3])
    elif fault == "another version":
        # The storage version stands behind the checksum and the magic bytes of the file.
        work_database.write_bytes(content[:12] + (255).to_bytes(8, "little") + content[20:])
    else:
        work_database.write_bytes(b"not a database" * 1000)
    damaged = work_database.read_bytes()
    preflight.run(work_database.parents[1])
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "could not be read" in said
    assert "from the raw files" in said
    assert not work_database.exists()
    aside = work_database.with_name(SET_ASIDE)
    assert aside.read_bytes() == damaged
    preflight.run(work_database.parents[1])
    assert capfd.readouterr().err == ""


def test_all_of_it_is_read_where_the_last_run_did_not_end_in_order(work_database, capfd):
    data_dir = work_database.parents[1]
    damage(work_database, work_database.stat().st_size // 2)
    preflight.run(data_dir)
    assert work_database.exists(), "the catalogue alone does not show this damage"
    preflight.begin_run(data_dir)
    preflight.end_run(data_dir, is_sound=False)
    preflight.run(data_dir)
    assert not work_database.exists()
    assert "checksum" in capfd.readouterr().err


def test_another_build_is_named(work_database):
    with another_process_at_work(work_database.parents[1]) as process:
        refusal = refused(work_database.parents[1])
    assert refusal.code == "E_LOCKED"
    assert str(process) in refusal.what


def test_whoever_has_the_work_database_open_is_named(work_database):
    with duckdb.connect(str(work_database)):
        refusal = refused(work_database.parents[1])
    assert refusal.code == "E_LOCKED"
    assert str(os.getpid()) in refusal.what
    assert str(work_database) in refusal.what


def test_three_times_the_work_database_must_be_free(work_database, monkeypatch):
    data_dir = work_database.parents[1]
    needed = 3 * max(work_database.stat().st_size, preflight.SMALLEST_WORK_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed - 1))
    refusal = refused(data_dir)
    assert refusal.code == "E_NO_SPACE"
    assert f"{needed / 1e6:,.0f} MB" in refusal.what
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed))
    preflight.run(data_dir)


def test_before_the_first_build_the_raw_files_tell_the_space(tmp_path, monkeypatch):
    rows = tmp_path / "raw" / "0001-0123456789ab" / "invoice_lines.parquet"
    rows.parent.mkdir(parents=True)
    rows.write_bytes(bytes(10_000_000))
    needed = 3 * preflight.WORK_BYTES_PER_RAW_BYTE * 10_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed - 1))
    assert refused(tmp_path).code == "E_NO_SPACE"


def test_the_temporary_directory_must_take_a_file(tmp_path, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    refusal = refused(tmp_path)
    assert refusal.code == "E_NO_TEMP"
    assert "TMPDIR" in refusal.hint


def test_a_file_in_place_of_the_data_directory_is_refused(tmp_path):
    (tmp_path / "build").write_text("")
    assert refused(tmp_path).code == "E_DATA_DIR"


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
@pytest.mark.parametrize("name", [WORK_DATABASE, f"{WORK_DATABASE}.wal"])
def test_a_work_database_is_a_file_of_its_own(tmp_path, kind, name):
    path, victim = tmp_path / "build" / name, tmp_path / "victim"
    path.parent.mkdir()
    victim.write_text("precious")
    {
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "link": lambda: path.symlink_to(victim),
    }[kind]()
    refusal = refused(tmp_path)
    assert refusal.code == "E_DATA_DIR"
    assert str(path) in refusal.what
    assert victim.read_text() == "precious"


def test_what_was_set_aside_before_makes_room_and_marks_are_not_followed(work_database, capfd):
    build, victim = work_database.parent, work_database.parents[1] / "victim"
    (build / SET_ASIDE).mkdir()
    work_database.write_bytes(b"not a database" * 1000)
    preflight.run(work_database.parents[1])
    assert "set aside" in capfd.readouterr().err
    assert (build / SET_ASIDE).is_file()
    (build / UNFINISHED).symlink_to(victim)
    with pytest.raises(CustomerIntelligenceError, match="E_DATA_DIR"):
        preflight.begin_run(work_database.parents[1])
    lock.release(work_database.parents[1])
    assert not victim.exists()


def test_dbt_itself_refuses_in_words_and_touches_nothing(published_dir):
    work_database = published_dir / "build" / WORK_DATABASE
    before = work_database.stat().st_mtime_ns
    with another_process_at_work(published_dir) as process:
        result = run_dbt(published_dir, "build", "--select", "rpt_kpis")
    assert result.returncode != 0
    assert f"E_LOCKED: Another process ({process}" in result.stdout
    assert "readers still see version " in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert work_database.stat().st_mtime_ns == before
