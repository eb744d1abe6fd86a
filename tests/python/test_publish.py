"""Versions appear whole, one at a time, and never turn a full shop into an empty one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import another_process_at_work

from customer_intelligence import lock, open_marts
from customer_intelligence.cli.commands import main
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.marts import current_version
from customer_intelligence.publish import KEPT_VERSIONS, publish
from customer_intelligence.versions import list_versions, roll_back


@pytest.fixture
def work_database():
    """A work database of two small marts."""
    with duckdb.connect() as connection:
        connection.execute("create table orders as select range as order_id from range(3)")
        connection.execute(
            "create table info as select cast(null as varchar) as version, "
            "cast(null as timestamp) as built_at, cast(null as integer) as tests_passed, "
            "date '2011-12-09' as as_of_date, 3 as rows_in"
        )
        yield connection


def publish_version(connection, data_dir: Path, second: int, **options) -> Path:
    """Publish what the work database holds, as a build started in that second."""
    return publish(
        connection,
        data_dir,
        version=f"20260101T0000{second:02d}000000Z-abcdef01",
        built_at=f"2026-01-01 00:00:{second:02d}",
        tests_passed=7,
        relations={"fct_orders": '"orders"', "build_info": '"info"'},
        **options,
    )


def versions_on_disk(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "published").iterdir())


def test_a_version_is_read_only_states_its_rows_and_becomes_current(work_database, tmp_path):
    path = publish_version(work_database, tmp_path, 1)
    assert path.stat().st_mode & 0o222 == 0
    with open_marts(tmp_path) as marts:
        assert marts.execute("select * from _meta order by mart").fetchall() == [
            ("build_info", 1),
            ("fct_orders", 3),
        ]
        assert marts.execute("select version from build_info").fetchone() == (
            current_version(tmp_path),
        )


def test_the_newest_versions_are_kept_and_readers_of_older_ones_go_on(work_database, tmp_path):
    publish_version(work_database, tmp_path, 0)
    with open_marts(tmp_path) as reader:
        for second in range(1, KEPT_VERSIONS + 2):
            publish_version(work_database, tmp_path, second)
        assert reader.execute("select count(*) from fct_orders").fetchone() == (3,)
    names = [version.name[:15] for version in list_versions(tmp_path)]
    assert names == ["20260101T000004", "20260101T000003", "20260101T000002"]


@pytest.mark.parametrize("step", ["_copy", "verify", "make_current"])
def test_a_publication_that_fails_changes_nothing(work_database, tmp_path, monkeypatch, step):
    publish_version(work_database, tmp_path, 1)
    before = current_version(tmp_path)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"customer_intelligence.publish.{step}", fail)
    with pytest.raises(OSError, match="No space left"):
        publish_version(work_database, tmp_path, 2)
    assert current_version(tmp_path) == before
    assert not [name for name in versions_on_disk(tmp_path) if name.startswith(".building")]
    with open_marts(tmp_path) as marts:
        assert marts.execute("select count(*) from fct_orders").fetchone() == (3,)


def test_marts_without_orders_do_not_replace_others_unless_told_to(work_database, tmp_path):
    work_database.execute("create table none as from orders limit 0")
    publish_version(work_database, tmp_path, 1)
    work_database.execute("delete from orders")
    with pytest.raises(CustomerIntelligenceError, match="3") as refusal:
        publish_version(work_database, tmp_path, 2)
    assert refusal.value.code == "E_EMPTY"
    assert "publish_empty" in refusal.value.hint
    assert current_version(tmp_path).startswith("20260101T000001")
    publish_version(work_database, tmp_path, 3, publish_empty=True)
    assert current_version(tmp_path).startswith("20260101T000003")
    publish_version(work_database, tmp_path, 4)
    assert current_version(tmp_path).startswith("20260101T000004")


def test_an_erasure_ends_every_version_that_was_built_before_it(work_database, tmp_path):
    for second in (1, 2):
        publish_version(work_database, tmp_path, second)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "tombstones.json").write_text(
        json.dumps(
            {
                "salt": "00",
                "customers": [{"hash": "", "requested_at": "2026-01-01T00:00:03+00:00"}],
            }
        )
    )
    publish_version(work_database, tmp_path, 4)
    assert [version.name[:15] for version in list_versions(tmp_path)] == ["20260101T000004"]


def test_readers_can_be_sent_back_and_the_next_build_sends_them_on(work_database, tmp_path, capsys):
    first = publish_version(work_database, tmp_path, 1)
    publish_version(work_database, tmp_path, 2)
    version = first.stem.removeprefix("marts-")
    assert main(["rollback", "--data-dir", str(tmp_path), version]) == 0
    assert f"* {version}" in capsys.readouterr().out
    with open_marts(tmp_path) as marts:
        assert marts.execute("select version from build_info").fetchone() == (version,)
    publish_version(work_database, tmp_path, 3)
    assert current_version(tmp_path).startswith("20260101T000003")


def test_a_rollback_to_nothing_or_to_damage_changes_nothing(work_database, tmp_path):
    first, second = (publish_version(work_database, tmp_path, second) for second in (1, 2))
    before = current_version(tmp_path)
    with pytest.raises(CustomerIntelligenceError, match="no version 'x'"):
        roll_back(tmp_path, "x")
    first.chmod(0o644)
    with first.open("r+b") as file:
        file.seek(first.stat().st_size // 2)
        file.write(bytes(64) + b"damage")
        file.truncate(first.stat().st_size - 4096)
    with pytest.raises(CustomerIntelligenceError) as refusal:
        roll_back(tmp_path, first.stem.removeprefix("marts-"))
    assert refusal.value.code == "E_NOT_VERIFIED"
    # A file of another version under this name is damage, too.
    shutil.copy(second, tmp_path / "published" / "marts-20260101T000000.duckdb")
    with pytest.raises(CustomerIntelligenceError) as refusal:
        roll_back(tmp_path, "20260101T000000")
    assert refusal.value.code == "E_NOT_VERIFIED"
    assert current_version(tmp_path) == before


def test_no_rollback_while_a_build_is_running(work_database, tmp_path):
    path = publish_version(work_database, tmp_path, 1)
    with another_process_at_work(tmp_path) as process:
        with pytest.raises(CustomerIntelligenceError) as refusal:
            roll_back(tmp_path, path.stem.removeprefix("marts-"))
        assert refusal.value.code == "E_LOCKED"
        assert str(process) in refusal.value.what
    roll_back(tmp_path, path.stem.removeprefix("marts-"))


def test_a_lock_is_held_once_and_let_go(tmp_path):
    with lock.held(tmp_path):
        assert not lock.acquire(tmp_path)
        with lock.held(tmp_path):
            pass
        assert not lock.acquire(tmp_path)
    assert lock.acquire(tmp_path)
    lock.release(tmp_path)
