"""What is killed, torn or out of space leaves readers a whole version, and heals by itself.

The fast part of `tests/faults`, which kills hundreds of times and at random (`make test-faults`).
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import dbt_process
import duckdb
import pytest
from conftest import dbt_environment, one_more_build, parse
from faults.kills import INGEST_POINTS, every_step, named
from faults.lab import LATER_DAYS, Lab, copied_project, published_state
from faults.readers import KINDS, polling
from faults.shop_directory import Fault, ShopDirectory
from faults.small_marts import fill, tables_of

from customer_intelligence import open_marts
from customer_intelligence.data_dir.files import link_durably
from customer_intelligence.data_dir.layout import BUILD, DBT_TARGET

LINES = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "900001,85123A,Hanging heart,6,2011-12-09 12:50,2.55,17850,France\n"
    "900002,22139,Retro spot,1,2011-12-09 12:55,9.95,17850,France\n"
)


def test_the_long_proof_has_what_it_builds_from(tmp_path):
    """It runs seldom: what it needs of the rest of the project must not go unnoticed."""
    first, later = Lab(tmp_path).files()
    days = "select min(InvoiceDate::date), max(InvoiceDate::date) from '{}'"
    ((begins, ends),) = duckdb.execute(days.format(first)).fetchall()
    ((begins_again, ends_again),) = duckdb.execute(days.format(later)).fetchall()
    assert begins < ends <= begins_again < ends_again
    assert (ends_again - ends).days <= LATER_DAYS + 1
    project = copied_project(tmp_path / "project")
    result = dbt_process.run(
        ("parse", "--warn-error"),
        cwd=project,
        environment={**dbt_environment(tmp_path), "CUSTOMER_INTELLIGENCE_ROOT": str(project)},
        parsed=parse() / BUILD / DBT_TARGET / dbt_process.PARSED,
    )
    assert result.returncode == 0, result.stdout


def test_the_long_proof_publishes_what_a_build_does(shop):
    with duckdb.connect(str(shop.work_database), read_only=True) as work:
        copied = {(table.schema, table.name) for table in tables_of(work)}
    with open_marts(shop.path) as marts:
        published = marts.execute("select table_schema, table_name from _meta_tables").fetchall()
    assert copied == set(published)


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory) -> ShopDirectory:
    """A data directory without dbt: only what a publication needs."""
    shop = ShopDirectory(tmp_path_factory.mktemp("faults") / "shop")
    (shop.path / "build").mkdir(parents=True)
    return shop


@pytest.fixture(scope="module")
def databases(small_shop):
    """Two work databases whose marts differ, and the marts of each as they are published."""
    work, generations = [], {}
    for name, orders in (("many", 20_000), ("few", 10_000)):
        work.append(small_shop.path / "build" / f"{name}.duckdb")
        with duckdb.connect(str(work[-1])) as database:
            fill(database, orders)
        published = small_shop.publish(work[-1])
        assert published.returncode == 0, published.tail()
        generations[name] = published_state(small_shop)
    return work, generations


def test_readers_see_whole_versions_wherever_a_publication_is_killed(small_shop, databases):
    shop, (work, generations) = small_shop, databases
    shop.publish(work[0], times=2)
    traced = shop.publish(work[0], fault=Fault("step", do="trace"), under="published")
    steps = every_step(len(traced.met))
    commit = next(number for number, step in enumerate(traced.met) if "rename .current" in step)
    faults = [
        *steps[: commit - 2 : 3],
        *steps[commit - 2 : commit + 3],
        Fault("customer_intelligence.publication.publish:_copy", "after"),
        Fault("customer_intelligence.publication.publish:verify", "after"),
    ]
    assert len(faults) >= 10
    with polling(shop, generations, readers=1) as seen:
        for number, fault in enumerate(faults):
            ended = shop.publish(work[number % 2], fault=fault, under="published")
            assert ended.was_killed, f"{fault}: {ended.tail()}"
            assert published_state(shop) in generations.values(), fault
        healed = shop.publish(work[1])
    assert healed.returncode == 0
    assert published_state(shop) == generations["few"]
    assert shop.leftovers() == []
    assert seen.failures() == []
    assert seen.reads > 20
    # Each reader met the first and the last; how many in between depends on its speed.
    assert seen.versions >= 2 * len(KINDS)


def test_a_publication_without_space_leaves_the_version_that_was(small_shop, databases):
    shop, (work, _) = small_shop, databases
    traced = shop.publish(work[1], fault=Fault("step", do="trace"), under="published")
    commit = next(number for number, step in enumerate(traced.met, 1) if "rename .current" in step)
    assert commit > 8, traced.met
    before = shop.current()
    # The first one only asks whether the folder is there.
    for step in sorted({*range(2, commit, 4), commit - 1, commit}):
        ended = shop.publish(
            work[0], fault=Fault("step", call=step, do="no_space"), under="published"
        )
        assert ended.returncode == 1, ended.met
        assert "No space left on device" in ended.output, ended.tail()
        assert shop.current() == before, ended.met
    assert shop.publish(work[0]).returncode == 0
    assert shop.leftovers() == []


def test_readers_notice_what_is_not_whole(small_shop, databases):
    """The proof can fail: each kind of fault is seen."""
    shop, (work, generations) = small_shop, databases
    assert shop.publish(work[0], work[1], times=2).returncode == 0
    current, newest, older = shop.published / "current", shop.current(), shop.versions()[0]
    with polling(shop, {"many": generations["many"]}) as seen:
        time.sleep(1)
        for target in (older, "000001-20260101T000000Z-00000000", newest):
            link_durably(current, target)
            time.sleep(1)
    assert seen.inconsistent
    assert "dim_customers" in seen.inconsistent[0]
    assert seen.backwards
    assert seen.errors


def test_a_killed_load_is_there_whole_or_not_at_all_and_loads_again(tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text(LINES)
    undisturbed = ShopDirectory(tmp_path / "undisturbed")
    traced = undisturbed.ingest(file, fault=Fault("step", do="trace"), under="raw")
    whole = undisturbed.loaded_rows()
    # Every third step and all named points; every one in `make test-faults`.
    faults = [*every_step(len(traced.met))[::3], *named(INGEST_POINTS)]

    def kill_and_heal(number: int, fault: Fault) -> None:
        shop = ShopDirectory(tmp_path / str(number))
        ended = shop.ingest(file, fault=fault, under="raw")
        assert ended.was_killed, f"{fault}: {ended.tail()}"
        assert shop.loaded_rows() in ({}, whole), fault
        assert shop.ingest(file).returncode == 0
        assert shop.loaded_rows() == whole, fault
        assert shop.leftovers() == [], fault

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill_and_heal, range(len(faults)), faults))


@pytest.fixture
def shop(published_dir, tmp_path) -> ShopDirectory:
    """A data directory in which the bundled sample was built and published."""
    return ShopDirectory(published_dir).copied_to(tmp_path / "shop")


@one_more_build
def test_an_interrupted_build_is_not_published(shop):
    before = shop.publication()
    interrupted = shop.build(after_line="START sql", kill_after=1, kill_with=signal.SIGINT)
    assert interrupted.returncode != 0
    assert shop.publication() == before


@one_more_build
def test_a_torn_work_database_is_set_aside_and_a_part_of_the_project_is_not_published(shop):
    before = shop.publication()
    torn = shop.work_database.read_bytes()[: shop.work_database.stat().st_size // 2]
    shop.work_database.write_bytes(torn)
    part = shop.build(environment={"DBT_RESOURCE_TYPES": "seed"})
    assert part.returncode == 0, part.tail()
    assert "set aside" in part.output
    assert shop.work_database.with_name("warehouse.unreadable.duckdb").read_bytes() == torn
    assert "not published: this build was a part of the project" in part.output
    assert shop.publication() == before
