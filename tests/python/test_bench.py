"""The benchmark of speed: copies are shops, peers do the same work, and ratios are ratios."""

import re
import subprocess
import sys

import duckdb
import pytest
import yaml
from conftest import ROOT, SAMPLE

from benchmarks.speed import generate, measure, page
from benchmarks.speed.__main__ import BENCH_BIN, shop
from benchmarks.speed.peers import duckdb_sql, pandas_notebook
from customer_intelligence.data_dir.layout import RAW, ROWS_FILE
from customer_intelligence.ingest.load import read_manifests

FACTS = """
    select count(*), count(CustomerID), count(distinct CustomerID), count(distinct InvoiceNo),
        sum(Quantity * UnitPrice::decimal(18, 4))
    from '{}'
"""
# Ids that would meet where a copy's number was only written behind them.
TEXTS = "('1', '2'), ('1-1', 'C2'), ('11', 'C2-1'), ('1', '22'), (null, '2--1'), (null, null)"
NUMBERS = "(1, 2), (10, 12), (11, 3), (1, 22), (null, 23), (-5, null)"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The bundled sample as one file with the columns of Online Retail."""
    file = tmp_path_factory.mktemp("bench") / "sample.parquet"
    generate.flatten(SAMPLE, file)
    return file


def rows(query):
    with duckdb.connect() as database:
        return database.execute(query).fetchall()


def test_copies_repeat_a_shop_to_the_penny_with_customers_and_invoices_of_their_own(
    sample, tmp_path
):
    files = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    for file in files:
        generate.replicate(sample, file, 3)
    ((*of_one,),) = rows(FACTS.format(sample))
    assert rows(FACTS.format(files[0])) == [tuple(3 * fact for fact in of_one)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("ids", "kind"), [(TEXTS, "varchar"), (NUMBERS, "integer"), (NUMBERS, "double")]
)
def test_no_id_is_in_two_copies_and_nobody_stays_nobody(tmp_path, ids, kind):
    source, out = tmp_path / "source.parquet", tmp_path / "out.parquet"
    columns = f"customer::{kind} as customer_id, invoice::{kind} as invoice_no, 1 as quantity"
    rows(f"copy (select {columns} from (values {ids}) t(customer, invoice)) to '{source}'")
    generate.replicate(source, out, 12)
    for column in ("customer_id", "invoice_no"):
        query = f"select count(*), count({column}), count(distinct {column}) from '{{}}'"
        ((lines, named, different),) = rows(query.format(source))
        assert rows(query.format(out)) == [(12 * lines, 12 * named, 12 * different)]
        assert rows(f"from '{source}' except from '{out}'") == []


def test_a_data_directory_is_replicated_as_loads_that_can_be_built(tmp_path):
    out = tmp_path / "shop"
    generate.replicate(SAMPLE, out, 2)
    (manifest,), (before,) = read_manifests(out / RAW), read_manifests(SAMPLE / RAW)
    assert manifest["records"] == 2 * before["records"]
    assert (out / "shop.yml").read_text() == (SAMPLE / "shop.yml").read_text()
    file = out / RAW / manifest["load_id"] / ROWS_FILE
    query = f"select count(*), count(distinct record_number) from '{file}'"
    assert rows(query) == [(manifest["records"], manifest["records"])]
    with pytest.raises(SystemExit, match="exists"):
        generate.replicate(SAMPLE, out, 2)
    with pytest.raises(SystemExit, match="neither a file nor a data directory"):
        generate.replicate(tmp_path / "nothing", tmp_path / "other", 2)


def test_the_new_day_and_the_days_before_it_are_all_lines(sample, tmp_path):
    folder = shop(sample, tmp_path, 1)
    query = "select count(*), min(InvoiceDate)::date, max(InvoiceDate)::date from '{}'"
    (before,), (last,), (everything,) = (
        rows(query.format(file))
        for file in (folder / "lines.parquet", folder / "last_day.parquet", sample)
    )
    assert before[0] + last[0] == everything[0]
    assert before[2] < last[1] == last[2] == everything[2]


@pytest.mark.slow
def test_peers_write_the_same_tables_to_the_penny(sample, tmp_path):
    outs = {name: tmp_path / name for name in ("sql", "pandas", "polars")}
    for out in outs.values():
        out.mkdir()
    duckdb_sql.main(str(sample), outs["sql"])
    pandas_notebook.tables(str(sample), outs["pandas"])
    if (BENCH_BIN / "python").exists():
        script = ROOT / "benchmarks" / "speed" / "peers" / "polars_pipeline.py"
        subprocess.run([BENCH_BIN / "python", script, sample, outs["polars"]], check=True)
    else:
        del outs["polars"]  # its environment is made by `make bench`
    for table, columns in {
        "customers": "customer_id, cohort_month::date, days_since_last_order, orders",
        "cohorts": "cohort_month::date, activity_month::date, active_customers, orders",
        "months": "month::date, customers, orders",
    }.items():
        query = f"select {columns}, round(net_revenue, 2) from '{{}}/{table}.parquet' order by all"
        found = {name: rows(query.format(out)) for name, out in outs.items()}
        assert len(found["sql"]) > 20
        assert all(of_peer == found["sql"] for of_peer in found.values()), table


def test_the_selector_names_models_that_exist_and_fits_none():
    (selector,) = yaml.safe_load((ROOT / "selectors.yml").read_text("utf-8"))["selectors"]
    files = {path.stem: path for path in (ROOT / "models").rglob("*.sql")}
    ahead = {part["value"] for part in selector["definition"]["union"] if part.get("parents")}
    others = {part["value"] for part in selector["definition"]["union"]} - ahead
    assert others <= files.keys()
    built = set()
    while ahead:
        name = ahead.pop()
        built.add(name)
        if name in files:
            refs = re.findall(r'ref\("(\w+)"\)', files[name].read_text("utf-8"))
            ahead |= set(refs) - built
    seeds = {path.stem for path in (ROOT / "seeds").glob("*.csv")}
    assert built <= files.keys() | seeds
    assert "stg_retail__invoice_lines" in built
    assert not [name for name in built if name.startswith("ml_")]


def test_what_grandchildren_take_counts(tmp_path):
    burn = "import time; b = b'x' * 200_000_000; e = time.process_time() + 0.4\n"
    burn += "while time.process_time() < e: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    took = measure.used([sys.executable, "-c", code], tmp_path / "log")
    assert 0.4 < took.cpu < 5
    assert took.wall > 0.4
    assert 0.2 < took.peak < 1
    with pytest.raises(SystemExit, match="no such shop"):
        measure.used([sys.executable, "-c", "raise SystemExit('no such shop')"], tmp_path / "log")


def test_a_ratio_is_of_the_same_run_and_an_exponent_of_two_sizes():
    assert page.ratio([10, 40, 90], [10, 20, 30]) == (2, 1, 3)
    assert page.exponent((10, 5), (1000, 500)) == pytest.approx(1)
    assert page.exponent((10, 5), (1000, 50)) == pytest.approx(0.5)
    assert page.exponent((10, 5), (100, 500)) == pytest.approx(2)


def measurements():
    """Two sizes, two runs; the second takes twice as long in everything."""
    cpu = {page.WHOLE: 40, page.DAY: 20, page.LOAD: 5, page.TABLES: 16, page.START: 9}
    cpu |= {page.POLARS: 4, page.DUCKDB: 3, page.PANDAS: 10, page.SCAN: 1, page.COPY: 2}
    for copies in (1, 10):
        for run in (1, 2):
            for step, seconds in cpu.items():
                node = {"model.shop.int_orders": 2.0 * copies, "test.shop.t": 0.5}
                yield {
                    **{"copies": copies, "lines": 540_000 * copies, "customers": 4_300 * copies},
                    **{"run": str(run), "step": step, "cpu": seconds * run * copies, "peak": 1.25},
                    **{"wall": 3, "nodes": node if step in (page.WHOLE, page.DAY) else {}},
                }


def test_the_page_says_what_was_measured():
    text = page.figures(list(measurements()), "About.")
    # (5 + 16 - 9) ÷ 3, whichever run.
    made, day, whole, notebook = (
        page.WORDS[step] for step in (page.CUSTOMER_TABLES, page.DAY, page.WHOLE, page.PANDAS)
    )
    assert f"| {made} ÷ the faster of polars and DuckDB | 4.00 | 4.00–4.00 |" in text
    assert f"| {day} ÷ {whole} | 0.50 | 0.50–0.50 |" in text
    assert f"| {notebook} | 15.0 (10.0–20.0) | 1.25 | 3 |" in text
    assert "| `int_orders` | 2.0 | 2.0 | 20.0 | 20.0 | 1.00 |" in text
    assert "540,000 lines, 4,300 customers (2 runs)" in text
    # What was not measured is left out.
    few = [row for row in measurements() if row["copies"] == 1 and row["step"] == page.WHOLE]
    text = page.figures(few, "About.")
    assert notebook not in text
    assert "exponent" not in text.lower()


def test_growth_is_measured_within_a_run():
    """What else the machine does changes from run to run; it would pass for growth."""
    apart = [{**row, "run": f"{row['run']} of {row['copies']}"} for row in measurements()]
    text = page.figures(apart, "About.")
    assert "### Growth" not in text
    assert "| `int_orders` | 2.0 | 2.0 | 20.0 | 20.0 |  |" in text
    assert "### Growth" in page.figures([*apart, *measurements()], "About.")


def test_what_is_written_by_hand_stays_on_the_page():
    written = f"By hand.\n{page.BEGIN}\nold\n{page.END}\nBy hand, too.\n"
    once = page.filled(written, "new")
    assert once.startswith("By hand.\n") and once.endswith("\nBy hand, too.\n")
    assert "new" in once and "old" not in once
    assert page.filled(once, "new") == once
    with pytest.raises(SystemExit, match="once each"):
        page.filled("no markers", "new")
    page.filled((ROOT / "docs" / "performance.md").read_text("utf-8"), "new")
