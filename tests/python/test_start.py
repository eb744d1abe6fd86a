"""What a dbt command begins with: which shop it is, whole or not, and its rules as relations."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import ROOT

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file
from customer_intelligence.ingest.load import read_manifests
from customer_intelligence.publication import start
from customer_intelligence.publication.start import find_shop, start_run

SAMPLE = ROOT / "data" / "sample"
VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two loads."""
    root = tmp_path_factory.mktemp("loaded")
    for number in (1, 2):
        path = root / f"{number}.csv"
        path.write_text(
            "order_id,order_date,customer_id,sku,qty,price\n"
            f"{number},2024-01-05,a,X,{number},2.50\n{number},2024-01-05,a,POST,1,1.00\n"
        )
        rules = {"codes": {"post": "shipping"}, "cancellation_prefix": "ret"}
        ingest_file(path, root / "data", SourceMapping(currency="EUR", rules=rules))
    return root / "data"


@pytest.fixture
def shop(loaded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(loaded, tmp_path / "data")


def started(data_dir: Path, connection: duckdb.DuckDBPyConnection, **variables: object) -> str:
    (data_dir / "build").mkdir(parents=True, exist_ok=True)
    return start_run(
        connection,
        data_dir,
        project_dir=str(ROOT),
        variables={**VARS, **variables},
        given=list(variables),
        started_at="2026-01-01 00:00:00",
    ).words


def published(monkeypatch: pytest.MonkeyPatch, *rows: tuple[str, str | None]) -> None:
    """Let the published marts say which loads they were built from."""

    @contextlib.contextmanager
    def open_marts(data_dir: Path):
        with duckdb.connect() as marts:
            marts.execute("create table rpt_loads (load_id varchar, file_sha256 varchar)")
            marts.executemany("insert into rpt_loads values (?, ?)", list(rows))
            yield marts

    monkeypatch.setattr(start, "open_marts", open_marts)


# ---------------------------------------------------------------- which shop


def test_the_sample_is_the_source_only_where_nothing_was_ever_loaded(tmp_path, monkeypatch):
    found = find_shop(tmp_path, SAMPLE)
    assert found.words.startswith("the bundled sample")
    assert found.rules["currency"] == "GBP"
    # What a load that was killed left behind is no load.
    (tmp_path / "raw" / ".tmp-1").mkdir(parents=True)
    assert find_shop(tmp_path, SAMPLE).manifests == found.manifests
    published(monkeypatch, ("0001-ebe24a4859fd", found.manifests[0]["file_sha256"]))
    assert find_shop(tmp_path, SAMPLE).manifests == found.manifests


def test_loads_that_are_gone_are_not_replaced_by_the_sample(shop, monkeypatch):
    shutil.rmtree(shop / "raw")
    for _ in range(2):
        with pytest.raises(CustomerIntelligenceError, match="E_LOADS_GONE") as refusal:
            find_shop(shop, SAMPLE)
        assert "there is a shop.yml" in str(refusal.value)
        # An emptied directory is the same as none.
        (shop / "raw").mkdir(exist_ok=True)
    (shop / "shop.yml").unlink()
    for load_id, sha256 in (("0001-123456789abc", "12" * 32), ("shop.lines", None)):
        published(monkeypatch, (load_id, sha256))
        with pytest.raises(CustomerIntelligenceError, match=f"E_LOADS_GONE.*{load_id}"):
            find_shop(shop, SAMPLE)


def changed(**values: object) -> Callable[[Path], None]:
    def change(load: Path) -> None:
        path = load / "load.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def emptied(name: str) -> Callable[[Path], None]:
    return lambda load: (load / name).write_bytes(b"")


def cut(name: str) -> Callable[[Path], None]:
    def change(load: Path) -> None:
        content = (load / name).read_bytes()
        (load / name).write_bytes(content[: len(content) // 2])

    return change


def linked(name: str) -> Callable[[Path], None]:
    def change(load: Path) -> None:
        (load / name).rename(load.parents[1] / name)
        (load / name).symlink_to(load.parents[1] / name)

    return change


DAMAGE = {
    "rows are gone": lambda load: (load / "invoice_lines.parquet").unlink(),
    "manifest is gone": lambda load: (load / "load.json").unlink(),
    "both are gone": lambda load: [path.unlink() for path in load.iterdir()],
    "rows are empty": emptied("invoice_lines.parquet"),
    "rows are cut": cut("invoice_lines.parquet"),
    "rows are a link": linked("invoice_lines.parquet"),
    "rows are of another load": lambda load: shutil.copy(
        next((SAMPLE / "raw").glob("*/invoice_lines.parquet")), load / "invoice_lines.parquet"
    ),
    "manifest is empty": emptied("load.json"),
    "manifest is cut": cut("load.json"),
    "manifest is a link": linked("load.json"),
    "manifest is a list": lambda load: (load / "load.json").write_text("[]"),
    "manifest is nested": lambda load: (load / "load.json").write_text("[" * 100_000),
    "manifest is no text": lambda load: (load / "load.json").write_bytes(b"\xff"),
    "manifest is of another": changed(load_id="0001-000000000000"),
    "another number": changed(load_number=7),
    "a number as text": changed(load_number="2"),
    "a number that is a truth value": changed(load_number=True),
    "another hash": changed(file_sha256="0" * 64),
    "other records": changed(records=3),
    "records that do not add up": changed(quarantined=1),
    "negative records": changed(records=-2, accepted=-2),
    "no name": changed(source_file=None),
    "a key that is no text": changed(pseudonym_key=5),
    "no moment": changed(loaded_at="yesterday"),
    "the directory has another name": lambda load: load.rename(load.with_name(f"{load.name}-old")),
    "the directory has no number": lambda load: load.rename(load.with_name("old")),
    "the directory is a link": lambda load: (
        load.rename(load.parents[1] / "elsewhere"),
        load.symlink_to(load.parents[1] / "elsewhere"),
    ),
    "a copy beside it": lambda load: shutil.copytree(load, load.with_name("0009-0123456789ab")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_load_is_refused_by_name_with_the_way_out(shop, damage):
    load = sorted((shop / "raw").glob("[0-9]*"))[1]
    damage(load)
    for read in (lambda: find_shop(shop, SAMPLE), lambda: read_manifests(shop / "raw")):
        with pytest.raises(CustomerIntelligenceError, match="E_DAMAGED_LOAD: The load") as refusal:
            read()
        assert "add its file again" in str(refusal.value)


def test_what_people_leave_beside_the_loads_is_none(shop):
    (shop / "raw" / "notes.txt").write_text("two files of 2024")
    (shop / "raw" / ".DS_Store").write_bytes(b"x")
    (shop / "raw" / "more notes").mkdir()
    assert len(find_shop(shop, SAMPLE).manifests) == 2


def test_loads_without_rules_and_rules_that_cannot_be_read_stop_the_command(shop):
    (shop / "shop.yml").write_text("codes: {POST: postage}")
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_SHOP"):
        find_shop(shop, SAMPLE)
    (shop / "shop.yml").unlink()
    with pytest.raises(CustomerIntelligenceError, match="E_NO_SHOP"):
        find_shop(shop, SAMPLE)


# ---------------------------------------------------------------- the schema raw


def test_the_rules_of_the_shop_are_relations(shop):
    with duckdb.connect() as work:
        assert started(shop, work) == f"2 load(s) in {shop}/raw"
        assert work.execute("from raw.shop_rules").fetchall() == [
            ("EUR", "ret", None, True, False, False, False)
        ]
        assert work.execute("from raw.shop_codes order by 1").fetchall() == [
            (1, "post", None, "shipping"),
            (2, None, "", "product"),
        ]
        assert work.execute("select count(*), sum(quantity) from raw.invoice_lines").fetchone() == (
            4,
            5,
        )
        assert work.execute(
            "select load_number, source_file, records from raw.loads order by 1"
        ).fetchall() == [(1, "1.csv", 2), (2, "2.csv", 2)]
        assert work.execute("select count(*) from raw.campaign_assignments").fetchone() == (0,)


def test_the_schema_is_made_anew_whatever_an_earlier_project_left(shop):
    with duckdb.connect() as work:
        work.execute("create schema raw; create schema staging")
        work.execute("create view raw.loads as select 1 as x")
        work.execute("create view raw.previous_clusters as select 1 as x")
        work.execute("create view staging.stg as from raw.loads")
        started(shop, work)
        (shop / "shop.yml").write_text("product_code_pattern: ^[^']+$\n")
        started(shop, work)
        assert work.execute("select currency from raw.shop_rules").fetchall() == [("XXX",)]
        assert work.execute(
            "select code_pattern, stock_code_class from raw.shop_codes order by code_rule_rank"
        ).fetchall() == [("^[^']+$", "product"), ("", "unclassified")]


def test_a_data_directory_of_any_name_is_read(loaded, tmp_path):
    data_dir = shutil.copytree(loaded, tmp_path / "it's [a-z]* 100%?")
    with duckdb.connect() as work:
        started(data_dir, work)
        assert work.execute("select count(*) from raw.invoice_lines").fetchone() == (4,)


def test_a_relation_has_the_rules_of_its_data_directory(tmp_path):
    with duckdb.connect() as work:
        work.execute("create schema shop")
        work.execute(
            "create table shop.lines as select 'C1' as invoice_no, 'X' as sku, 1 as quantity, "
            "timestamp '2024-01-05' as invoice_date, 2.5 as unit_price, 'a' as customer_id"
        )
        said = started(tmp_path, work, raw_relation="shop.lines")
        assert said.startswith("the relation shop.lines (without ")
        assert work.execute("from raw.shop_rules").fetchall() == [
            ("XXX", None, None, True, False, False, False)
        ]
        (tmp_path / "shop.yml").write_text("currency: EUR\ncancellation_prefix: C\n")
        assert started(tmp_path, work, raw_relation="shop.lines") == "the relation shop.lines"
        assert work.execute("from raw.shop_rules").fetchall() == [
            ("EUR", "C", None, True, False, False, False)
        ]


def test_a_refused_command_leaves_the_schema_as_it_was(shop):
    with duckdb.connect() as work:
        started(shop, work)
        for variables in ({"offer_cost": "1"}, {"raw_relation": "no.such"}, {"currency": "GBP"}):
            with pytest.raises(CustomerIntelligenceError, match="E_BAD"):
                started(shop, work, **variables)
        assert work.execute("select currency from raw.shop_rules").fetchall() == [("EUR",)]
