"""Versions appear whole, one at a time, in order, and never turn a full shop into an empty one."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import another_process_at_work
from faults.small_marts import build, fill, tables_of

from customer_intelligence import open_marts
from customer_intelligence.cli.commands import main
from customer_intelligence.data_dir import files, lock
from customer_intelligence.data_dir.layout import DATABASE, SUMMARY, version_names
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication import publish
from customer_intelligence.publication.publish import KEPT_VERSIONS, Table, next_number
from customer_intelligence.publication.reader import (
    current_version,
    cursor,
    previous_clusters,
    previous_horizon,
)
from customer_intelligence.publication.summary import as_lines, summarise
from customer_intelligence.publication.versions import list_versions, roll_back


@pytest.fixture
def work_database():
    """A work database of small marts, with three orders."""
    with duckdb.connect() as connection:
        fill(connection, 3)
        yield connection


def publish_version(connection, data_dir: Path, number: int | None = None, **options) -> Path:
    """Publish what the work database holds; returns the directory of the version."""
    number = next_number(data_dir) if number is None else number
    version = publish.publish(connection, data_dir, build(number, **options), tables_of(connection))
    return data_dir / "published" / version


def refused(code: str, function, *arguments, **options) -> CustomerIntelligenceError:
    with pytest.raises(CustomerIntelligenceError) as refusal:
        function(*arguments, **options)
    assert refusal.value.code == code
    return refusal.value


def numbers(data_dir: Path) -> list[int]:
    return [int(name.partition("-")[0]) for name in version_names(data_dir)]


def erase_somebody(data_dir: Path, *days: str) -> None:
    (data_dir / "raw").mkdir(exist_ok=True)
    customers = [{"hash": day, "requested_at": f"{day}T00:00:00+00:00"} for day in days]
    (data_dir / "raw" / "tombstones.json").write_text(
        json.dumps({"salt": "00", "customers": customers})
    )


# --- the layout ------------------------------------------------------------------------------


def test_the_path_of_the_published_file_stays(work_database, tmp_path):
    path = tmp_path / "published" / "current" / DATABASE
    seen = []
    for orders in (3, 4):
        fill(work_database, orders)
        publish_version(work_database, tmp_path)
        with duckdb.connect(str(path), read_only=True) as reader:
            seen += reader.execute(
                "select count(*), any_value(current_database()) "
                "from customer_intelligence.marts.fct_orders"
            ).fetchall()
    assert seen == [(3, "customer_intelligence"), (4, "customer_intelligence")]
    target = (tmp_path / "published" / "current").readlink()
    assert target == Path(current_version(tmp_path)), "a relative link to the directory beside it"
    assert oct(path.stat().st_mode & 0o777) == "0o444"


def test_a_version_states_what_it_is_and_its_rows_and_keys(work_database, tmp_path):
    described = Table(
        "fct_orders",
        '"marts"."fct_orders"',
        "One row per order.",
        {"amount": 'Money; it\'s "net".', "no_column": "Nothing."},
        ["order_id"],
        ["customer_id -> dim_customers.customer_id"],
    )
    tables = [table for table in tables_of(work_database) if table.name != "fct_orders"]
    version = publish.publish(work_database, tmp_path, build(1), [*tables, described])
    with open_marts(tmp_path) as marts:
        assert marts.execute(
            "select version, version_number, strftime(built_at, '%c'), as_of_date::varchar, "
            "schema_version, invocation_id, tests_passed, erasures_known from _meta"
        ).fetchall() == [
            (version, 1, "2026-01-01 00:00:01", "2011-12-09", 4,
             "00000001-0000-0000-0000-000000000000", 7, 0)
        ]  # fmt: skip
        assert marts.execute(
            "select table_schema, row_count, keys, foreign_keys from _meta_tables "
            "where table_name = 'fct_orders'"
        ).fetchall() == [("marts", 3, ["order_id"], ["customer_id -> dim_customers.customer_id"])]
        assert marts.execute("select version from build_info").fetchall() == [(version,)]
        (comment,) = marts.execute(
            "select comment from duckdb_tables() where table_name = 'fct_orders'"
        ).fetchone()
        assert comment.startswith("One row per order.")
        assert "Key: order_id." in comment
        assert "customer_id -> dim_customers.customer_id" in comment
        assert marts.execute(
            "select comment from duckdb_columns() "
            "where table_name = 'fct_orders' and column_name = 'amount'"
        ).fetchall() == [('Money; it\'s "net".',)]
        with cursor(marts) as another:
            assert another.execute("select count(*) from fct_orders").fetchone() == (3,)


def test_each_version_has_its_own_summary(work_database, tmp_path, capsys):
    first = publish_version(work_database, tmp_path)
    fill(work_database, 4)
    second = publish_version(work_database, tmp_path, tests_passed=8)
    assert json.loads((first / SUMMARY).read_text())["rows_in"] == 3
    written = json.loads((tmp_path / "published" / "current" / SUMMARY).read_text())
    assert (written["version"], written["rows_in"], written["tests_passed"]) == (second.name, 4, 8)
    assert summarise(tmp_path) == written
    assert f"{tmp_path}/published/current/{DATABASE}" in "\n".join(as_lines(written, tmp_path))
    (second / SUMMARY).chmod(0o644)
    (second / SUMMARY).write_text("[" * 100_000)
    refusal = refused("E_DAMAGED", summarise, tmp_path)
    assert first.name in refusal.hint


def test_the_newest_versions_are_kept_and_readers_of_older_ones_go_on(work_database, tmp_path):
    publish_version(work_database, tmp_path)
    with open_marts(tmp_path) as reader:
        for _ in range(KEPT_VERSIONS + 1):
            publish_version(work_database, tmp_path)
        assert reader.execute("select count(*) from fct_orders").fetchone() == (3,)
    assert numbers(tmp_path) == [5, 4, 3]


def test_marts_of_the_old_layout_are_named_and_renewed_by_the_next_build(work_database, tmp_path):
    published = tmp_path / "published"
    published.mkdir()
    old = "20260101T000000000000Z-abcdef01"
    with duckdb.connect(str(published / f"marts-{old}.duckdb")) as file:
        file.execute("create table fct_orders as select range as order_id from range(3)")
        file.execute(
            "create table rpt_cluster_profiles as select 7 as cluster_id, "
            "1.0 as centroid_days_since_last_order, 2.0 as centroid_orders, "
            "3.0 as centroid_net_revenue"
        )
    for name, text in {"CURRENT": f"{old}\n", "summary.json": "{}", "notes.txt": "mine"}.items():
        (published / name).write_text(text)
    for read in (open_marts, current_version, list_versions):
        refusal = refused("E_OLD_LAYOUT", read, tmp_path)
        assert f"make build DATA_DIR={tmp_path}" in refusal.hint
    # Their centroids have other names: the clusters get fresh ids.
    assert previous_clusters(tmp_path) == []
    work_database.execute("delete from marts.fct_orders")
    refused("E_EMPTY", publish_version, work_database, tmp_path)
    fill(work_database, 4)
    version = publish_version(work_database, tmp_path).name
    assert sorted(path.name for path in published.iterdir()) == sorted(
        [".last-number", version, "current", "notes.txt"]
    )


# --- what fails ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", ["_copy", "_write_summary", "verify", "versions_to_prune", "_write_through",
             "make_current"],
)  # fmt: skip
def test_a_publication_that_fails_changes_nothing(work_database, tmp_path, monkeypatch, step):
    publish_version(work_database, tmp_path)
    before = current_version(tmp_path)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish, step, fail)
    refusal = refused("E_CANNOT_PUBLISH", publish_version, work_database, tmp_path)
    assert "No space left on device" in refusal.what
    assert current_version(tmp_path) == before
    assert not list((tmp_path / "published").glob(".building*"))
    monkeypatch.undo()
    publish_version(work_database, tmp_path)
    assert current_version(tmp_path) != before


def test_a_damaged_list_of_erased_customers_stops_the_build_before_it_publishes(
    work_database, tmp_path
):
    publish_version(work_database, tmp_path)
    before = files_below(tmp_path)
    erase_somebody(tmp_path, "2026-01-01")
    whole = (tmp_path / "raw" / "tombstones.json").read_text()
    (tmp_path / "raw" / "tombstones.json").write_text(whole[: len(whole) // 2])
    refused("E_TOMBSTONES", publish_version, work_database, tmp_path)
    (tmp_path / "raw" / "tombstones.json").unlink()
    assert files_below(tmp_path) == before


def files_below(directory: Path) -> dict[str, object]:
    return {
        str(path): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in directory.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }


def test_what_fails_after_the_commit_point_can_only_log(
    work_database, tmp_path, monkeypatch, caplog
):
    for _ in range(KEPT_VERSIONS):
        publish_version(work_database, tmp_path)
    remove, sync = files.remove, files.sync

    def refuse_to_remove(path: Path) -> None:
        if not path.name.startswith("."):
            raise PermissionError(13, "Permission denied", str(path))
        remove(path)

    def refuse_to_sync(path: Path) -> None:
        if (path / "current").is_symlink() and current_version(tmp_path).startswith("000004"):
            raise OSError(5, "Input/output error", str(path))
        sync(path)

    monkeypatch.setattr(files, "remove", refuse_to_remove)
    monkeypatch.setattr(files, "sync", refuse_to_sync)
    with caplog.at_level(logging.WARNING):
        publish_version(work_database, tmp_path)
    assert "cannot be removed" in caplog.text
    assert "could not be synced" in caplog.text
    assert numbers(tmp_path) == [4, 3, 2, 1]
    monkeypatch.undo()
    publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [5, 4, 3]


def test_marts_without_orders_do_not_replace_others_unless_told_to(work_database, tmp_path):
    first = publish_version(work_database, tmp_path)
    work_database.execute("delete from marts.fct_orders")
    refusal = refused("E_EMPTY", publish_version, work_database, tmp_path)
    assert "has 3" in refusal.what
    assert "publish_empty" in refusal.hint
    assert current_version(tmp_path) == first.name
    empty = publish_version(work_database, tmp_path, publish_empty=True)
    assert current_version(tmp_path) == empty.name
    again = publish_version(work_database, tmp_path)
    assert current_version(tmp_path) == again.name


def test_a_damaged_current_version_neither_blocks_a_build_nor_hides_the_orders_there_were(
    work_database, tmp_path
):
    publish_version(work_database, tmp_path)
    second = publish_version(work_database, tmp_path)
    (second / DATABASE).unlink()
    work_database.execute("delete from marts.fct_orders")
    refused("E_EMPTY", publish_version, work_database, tmp_path)
    fill(work_database, 5)
    publish_version(work_database, tmp_path)
    with open_marts(tmp_path) as marts:
        assert marts.execute("select count(*) from fct_orders").fetchone() == (5,)


# --- order -----------------------------------------------------------------------------------


def test_a_clock_set_back_makes_no_version_older(work_database, tmp_path):
    publish_version(work_database, tmp_path, started_at="2030-01-01 00:00:00")
    later = publish_version(work_database, tmp_path, started_at="2020-01-01 00:00:00")
    assert current_version(tmp_path) == later.name
    assert list_versions(tmp_path)[0].name == later.name
    for _ in range(KEPT_VERSIONS):
        publish_version(work_database, tmp_path, started_at="2019-01-01 00:00:00")
    assert numbers(tmp_path) == [5, 4, 3], "the one dated ahead was the oldest"


def test_a_build_that_began_earlier_never_replaces_a_later_one(work_database, tmp_path):
    earlier, later = 7, 8
    newest = publish_version(work_database, tmp_path, later)
    for number in (earlier, later):
        refusal = refused("E_SUPERSEDED", publish_version, work_database, tmp_path, number)
        assert newest.name in refusal.what
    assert current_version(tmp_path) == newest.name


def test_a_number_is_never_given_twice(work_database, tmp_path):
    for _ in range(2):
        publish_version(work_database, tmp_path)
    for name in version_names(tmp_path):
        shutil.rmtree(tmp_path / "published" / name)
    (tmp_path / "published" / "current").unlink()
    assert next_number(tmp_path) == 3
    publish_version(work_database, tmp_path)
    # Without the mark, what is published tells.
    mark = tmp_path / "published" / ".last-number"
    for damage in (mark.unlink, lambda: mark.write_text("many"), lambda: os.mkfifo(mark)):
        damage()
        assert next_number(tmp_path) == 4
        mark.unlink(missing_ok=True)
    publish_version(work_database, tmp_path)


def test_an_erasure_ends_every_version_that_does_not_know_of_it_whatever_the_clocks(
    work_database, tmp_path
):
    publish_version(work_database, tmp_path, started_at="2035-01-01 00:00:00")
    publish_version(work_database, tmp_path, started_at="2020-01-01 00:00:00")
    erase_somebody(tmp_path, "2026-01-01")
    publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [3]
    publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [4, 3]
    # One that is dated before all others: a clock was wrong.
    erase_somebody(tmp_path, "2026-01-01", "2001-01-01")
    publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [5]
    publish_version(work_database, tmp_path)
    (tmp_path / "published" / version_names(tmp_path)[0] / DATABASE).unlink()
    publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [7, 5], "what cannot say whom it names goes, too"


# --- the way back ----------------------------------------------------------------------------


def test_readers_can_be_sent_back_and_the_next_build_sends_them_on(work_database, tmp_path, capsys):
    first = publish_version(work_database, tmp_path)
    publish_version(work_database, tmp_path)
    assert main(["rollback", "--data-dir", str(tmp_path), first.name]) == 0
    assert f"* {first.name}" in capsys.readouterr().out
    with open_marts(tmp_path) as marts:
        assert marts.execute("select version from build_info").fetchone() == (first.name,)
    third = publish_version(work_database, tmp_path)
    assert current_version(tmp_path) == third.name


@pytest.fixture(scope="module")
def three_versions(tmp_path_factory) -> Path:
    """The folder of three published versions, with rows enough for blocks of their own."""
    data_dir = tmp_path_factory.mktemp("versions")
    with duckdb.connect() as connection:
        fill(connection, 20_000)
        for _ in range(3):
            publish_version(connection, data_dir)
    return data_dir / "published"


def damage(kind: str, folder: Path, other: Path) -> None:
    """Make something of a version's directory that is no whole version."""
    path = folder / DATABASE
    if kind in ("link to another", "file in its place"):
        shutil.rmtree(folder)
        folder.symlink_to(other.name) if kind == "link to another" else folder.write_text("")
    elif kind == "empty directory":
        shutil.rmtree(folder)
        folder.mkdir()
    elif kind == "no summary":
        (folder / SUMMARY).unlink()
    elif kind == "blocks":
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(os.urandom(path.stat().st_size // 3))
    else:
        whole = path.read_bytes()
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "symbolic link":
            path.symlink_to(other / DATABASE)
        elif kind == "cut short":
            path.write_bytes(whole[: len(whole) // 2])
        elif kind == "text":
            path.write_text("no database")
        elif kind == "another version":
            path.write_bytes((other / DATABASE).read_bytes())
        elif kind == "another database":
            with duckdb.connect(str(path)) as database:
                database.execute("create table t as select 1 as a")


@pytest.mark.parametrize(
    "kind",
    ["missing", "cut short", "text", "blocks", "fifo", "directory", "symbolic link",
     "another version", "another database", "no summary", "empty directory", "link to another",
     "file in its place"],
)  # fmt: skip
def test_a_damaged_version_is_listed_and_never_gone_back_to(
    three_versions, work_database, tmp_path, capsys, kind
):
    is_current = kind in ("missing", "blocks", "link to another", "file in its place")
    shutil.copytree(three_versions, tmp_path / "published", symlinks=True)
    newest, middle, oldest = (tmp_path / "published" / name for name in version_names(tmp_path))
    broken, sound = newest if is_current else middle, oldest
    before = current_version(tmp_path)
    damage(kind, broken, sound)
    assert main(["versions", "--data-dir", str(tmp_path)]) == 0
    lines = {line[2:].split(" ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "damaged: " in lines[broken.name]
    assert "built " in lines[sound.name]
    assert ("* " in lines[broken.name]) == is_current
    refusal = refused("E_NOT_VERIFIED", roll_back, tmp_path, broken.name)
    assert "nothing was changed" in refusal.what
    refusal = refused("E_NO_VERSION", roll_back, tmp_path, "x")
    assert broken.name not in refusal.hint
    assert sound.name in refusal.hint
    assert current_version(tmp_path) == before
    # And the next build heals.
    if is_current:
        publish_version(work_database, tmp_path)
        with open_marts(tmp_path) as marts:
            assert marts.execute("select count(*) from fct_orders").fetchone() == (3,)


def test_a_rollback_to_a_version_that_was_removed_by_hand_is_refused(work_database, tmp_path):
    shutil.rmtree(publish_version(work_database, tmp_path))
    (listed,) = list_versions(tmp_path)
    assert (listed.is_current, listed.problem) == (True, "Its directory is missing")


def test_a_directory_in_place_of_the_link_is_refused_before_anything_is_built(
    work_database, tmp_path
):
    version = publish_version(work_database, tmp_path)
    current = tmp_path / "published" / "current"
    current.unlink()
    shutil.copytree(version, current)
    refusal = refused("E_CANNOT_PUBLISH", publish_version, work_database, tmp_path)
    assert "Move it away" in refusal.hint
    refused("E_CANNOT_PUBLISH", roll_back, tmp_path, version.name)
    assert (current / DATABASE).exists()
    shutil.rmtree(current)
    publish_version(work_database, tmp_path)


def test_links_planted_among_the_versions_are_removed_and_not_followed(work_database, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / DATABASE).write_text("precious")
    publish_version(work_database, tmp_path, 50)
    published = tmp_path / "published"
    for name in ("000001-20200101T000000Z-00000001", "000002-20200101T000000Z-00000002",
                 ".building-000051-20260101T000051Z-00000033", "marts-x.duckdb", "CURRENT",
                 ".current.0.tmp"):  # fmt: skip
        (published / name).symlink_to(victim)
    (published / ".last-number").unlink()
    (published / ".last-number").symlink_to(victim / "number")
    for _ in range(KEPT_VERSIONS):
        publish_version(work_database, tmp_path)
    assert numbers(tmp_path) == [53, 52, 51]
    assert [path.name for path in victim.iterdir()] == [DATABASE]
    assert (victim / DATABASE).read_text() == "precious"
    assert files.is_regular(published / ".last-number")


# --- the lock --------------------------------------------------------------------------------


def test_no_rollback_while_a_build_is_running(work_database, tmp_path):
    folder = publish_version(work_database, tmp_path)
    with another_process_at_work(tmp_path) as process:
        refusal = refused("E_LOCKED", roll_back, tmp_path, folder.name)
        assert str(process) in refusal.what
    roll_back(tmp_path, folder.name)


def test_a_lock_is_held_once_and_let_go(tmp_path):
    with lock.held(tmp_path):
        assert not lock.acquire(tmp_path)
        with lock.held(tmp_path):
            pass
        assert not lock.acquire(tmp_path)
    assert lock.acquire(tmp_path)
    lock.release(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_a_lock_is_a_file_of_its_own(tmp_path, kind):
    (tmp_path / "build").mkdir()
    path, victim = tmp_path / "build" / ".lock", tmp_path / "victim"
    victim.write_text("precious")
    {
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "link": lambda: path.symlink_to(victim),
    }[kind]()
    refusal = refused("E_DATA_DIR", lock.acquire, tmp_path)
    assert str(path) in refusal.what
    assert victim.read_text() == "precious"


def test_the_next_build_knows_the_window_of_a_version_of_the_same_shop(work_database, tmp_path):
    assert previous_horizon(tmp_path, ["0001-abc"]) == []
    publish_version(work_database, tmp_path)
    published = [(90, dt.date(2011, 12, 9))]
    assert previous_horizon(tmp_path, ["0002-def", "0001-abc"]) == published
    # The bundled sample, or another file in the same place, is another shop.
    assert previous_horizon(tmp_path, ["0002-def"]) == []
    assert previous_horizon(tmp_path, []) == []
    # Who named the window and then does not wants the rule's again.
    work_database.execute("update marts.rpt_churn_horizon set chosen_by = 'variable'")
    publish_version(work_database, tmp_path)
    assert previous_horizon(tmp_path, ["0001-abc"]) == []
    work_database.execute("alter table marts.rpt_churn_horizon drop chosen_by")
    publish_version(work_database, tmp_path)
    assert previous_horizon(tmp_path, ["0001-abc"]) == [], "of an earlier form"
