"""Tables in place of files: of an attached database, of Parquet files, of a connector."""

import datetime as dt
import random
import re
import shutil
from decimal import Decimal

import duckdb
import fivetran
import pytest
from conftest import ROOT
from exports import assert_exact
from ledger import Ledger

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.relation import find_relation

LATEST = dt.datetime(2030, 1, 1)


class Example:
    """A worked example of docs/your-data.md, with its files in a place of its own."""

    def __init__(self, heading, place):
        text = (ROOT / "docs" / "your-data.md").read_text("utf-8")
        section = re.split(r"^#+ ", text.partition(f"### {heading}\n")[2], flags=re.M)[0]
        section = section.replace("/data/", f"{place}/")
        self.sql, *_ = re.findall(r"^```sql\n(.*?)^```", section, flags=re.M | re.S)
        self.yaml = re.findall(r"^```yaml\n(.*?)^```", section, flags=re.M | re.S)
        (self.relation,) = re.findall(r"raw_relation: (\S+)}", section)


@pytest.fixture()
def lake():
    with duckdb.connect() as connection:
        yield connection


def rows(connection, relation, columns, stated=None):
    query = find_relation(connection, relation, LATEST, stated).query
    found = connection.execute(f"select {columns} from ({query}) order by record_number")
    return found.fetchall()


def data_dir(place, **files):
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.yml").write_text(text, encoding="utf-8")
    return place


# ---------------------------------------------------------------- a table


def test_the_example_of_a_table_of_another_database(tmp_path):
    example = Example("A table of another database", tmp_path)
    attach, mapping, rules = example.yaml
    path = tmp_path / "till.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(example.sql)
    assert f"path: {path}, alias: till, read_only: true" in attach
    shop = Ledger(
        data_dir(tmp_path / "data", mapping=mapping, shop=rules),
        {"raw_relation": example.relation},
        f"attach '{path}' as till (read_only)",
    )
    assert shop.net_revenue == Decimal("13.60")
    assert (shop.customers, shop.purchase_days) == ({"anna": Decimal("11.20")}, {"anna": 2})
    assert shop.dispositions == {
        "sale": (3, Decimal("11.20")),
        "sale_anonymous": (1, Decimal("2.40")),
        "cancelled_order": (1, Decimal("2.40")),
        "non_product": (1, Decimal("0.50")),
    }
    assert shop.value("select currency from raw.shop_rules") == "EUR"


def test_a_build_sees_a_relation_as_it_was_when_it_began(tmp_path):
    """Whoever owns it goes on writing: what one model counted, the next one must find."""
    row = "('1', 'A', 1, date '2024-01-05', 2.5, 'a')"
    named = "invoice_no, sku, quantity, invoice_date, unit_price, customer_id"
    shop = Ledger(
        tmp_path / "data",
        {"raw_relation": "lines"},
        f"create table lines as from (values {row}) as lines({named})",
    )
    shop.connection.execute(f"insert into warehouse.main.lines values {row}")
    assert shop.value("select count(*) from raw.invoice_lines") == 1


def test_a_preset_knows_a_relation_by_its_columns_as_it_knows_a_file(lake):
    lake.execute(
        "create table sales as select 'C1' as InvoiceNo, '85123A' as StockCode, "
        "'LAMP' as Description, -1 as Quantity, timestamp '2011-01-05' as InvoiceDate, "
        "2.5 as UnitPrice, 17850 as CustomerID, 'France' as Country"
    )
    reading = find_relation(lake, "sales", LATEST).reading
    assert reading.mapping.rules["cancellation_prefix"] == "C"
    assert "preset online_retail" in reading.notes[0]


def test_the_columns_of_a_relation_are_named_as_those_of_a_file(lake):
    lake.execute(
        "create table sales as select 1 as record_number, 'R1' as receipt, '5/1/2024' as day, "
        "'10:30' as hour, 'a' as member, 'X' as sku, 'EUR 1.234,50' as paid, null as staff "
        "union all select 2, null, null, null, null, 'Y', '2,00', null"
    )
    stated = {
        "columns": {
            "invoice_no": "receipt",
            "invoice_date": ["day", "hour"],
            "customer_id": ["member", "staff"],
            "line_amount": "paid",
        },
        "absent": ["quantity"],
        "once_per_order": ["invoice_no", "invoice_date", "customer_id"],
        "dates": "dmy",
        "decimal": ",",
        "thousands": ".",
        "currency": "EUR",
    }
    columns = "invoice_no, invoiced_at, customer_id, line_amount, quantity, reasons"
    moment = dt.datetime(2024, 1, 5, 10, 30)
    assert rows(lake, "sales", columns, stated) == [
        ("R1", moment, "a", Decimal("1234.50"), 1, []),
        ("R1", moment, "a", Decimal("2.00"), 1, []),
    ]
    # Without numbers nobody knows which line followed which.
    lake.execute("alter table sales drop record_number")
    with pytest.raises(CustomerIntelligenceError, match=r"E_BAD_RELATION.*record_number"):
        rows(lake, "sales", columns, stated)


def test_lines_without_invoice_numbers_make_orders_in_a_relation_too(lake):
    lake.execute(
        "create table sales as from (values ('a', timestamp '2024-01-05', 1), "
        "('a', timestamp '2024-01-05', 2), ('a', timestamp '2024-01-06', 3)) "
        "as sales(customer_id, invoice_date, line_total)"
    )
    stated = {"absent": ["invoice_no", "stock_code", "quantity"]}
    columns = "line_amount, dense_rank() over (order by invoice_no)"
    found = dict(rows(lake, "sales", columns, stated))
    assert found == {1: 1, 2: 1, 3: 2}


def test_types_that_only_databases_have_are_read_as_what_they_show(lake):
    lake.execute(
        "create table sales as select 'NULL'::enum('NULL', 'a') as customer_id, "
        "uuid '6a6c7e58-9f7c-4d5b-8f3e-2d9d7c1a0b11' as invoice_no, 'X' as sku, 1::hugeint as qty, "
        "timestamptz '2024-01-05 23:30:00+00' as invoice_date, 2.5::decimal(38, 10) as price"
    )
    columns = "customer_id, invoice_no, invoiced_at, quantity, unit_price, reasons"
    invoice = "6a6c7e58-9f7c-4d5b-8f3e-2d9d7c1a0b11"
    moment = dt.datetime(2024, 1, 5, 23, 30)
    assert rows(lake, "sales", columns) == [(None, invoice, moment, 1, Decimal("2.5"), [])]
    assert find_relation(lake, "sales", LATEST).reading.clock.startswith("UTC. If the shop is")
    berlin = {"timezone": "Europe/Berlin"}
    assert rows(lake, "sales", "invoiced_at", berlin) == [(dt.datetime(2024, 1, 6, 0, 30),)]


@pytest.mark.parametrize("numbers", ["1, 1", "1, null", "-1, 2", "'a', 'b'"])
def test_numbers_of_records_that_are_none_are_refused(lake, numbers):
    lake.execute(
        f"create table sales as select unnest([{numbers}]) as record_number, '1' as invoice_no, "
        "'X' as sku, 1 as qty, date '2024-01-05' as invoice_date, 2.5 as price, 'a' as customer_id"
    )
    with pytest.raises(CustomerIntelligenceError, match=r"E_BAD_RELATION.*record_number"):
        rows(lake, "sales", "*")


def test_the_currency_of_a_relation_is_that_of_its_shop(tmp_path):
    table = (
        "create table sales as select '1' as invoice_no, 'X' as sku, 1 as qty, "
        "date '2024-01-05' as invoice_date, '€ 2.50' as price, 'a' as customer_id"
    )
    variables = {"raw_relation": "sales"}
    shop = Ledger(tmp_path / "data", variables, table)
    assert shop.value("select currency from raw.shop_rules") == "EUR"
    pounds = data_dir(tmp_path / "pounds", shop="currency: GBP")
    with pytest.raises(CustomerIntelligenceError, match="E_MIXED_CURRENCIES"):
        Ledger(pounds, variables, table)


# ---------------------------------------------------------------- Parquet files


def test_the_example_of_a_folder_of_parquet_files(tmp_path):
    example = Example("A folder of Parquet files", tmp_path)
    (tmp_path / "lake").mkdir()
    with duckdb.connect() as connection:
        connection.execute(example.sql)
    (mapping,) = example.yaml
    shop = Ledger(data_dir(tmp_path / "data", mapping=mapping), {"raw_relation": example.relation})
    assert shop.net_revenue == Decimal("28.50")
    assert shop.rows("select first_invoice_date, as_of_date from int_as_of") == [
        (dt.date(2024, 3, 2), dt.date(2024, 4, 2))
    ]
    assert shop.purchase_days == {"c1": 2, "c2": 1}
    assert shop.rows("select distinct country from fct_orders order by 1") == [("DE",), ("FR",)]
    assert shop.value("select currency from raw.shop_rules") == "EUR"


def parquet(lake, path, values, names="invoice_no, sku, qty, invoice_date, price, customer_id"):
    path.parent.mkdir(parents=True, exist_ok=True)
    lake.execute(f"copy (from (values {values}) as sales({names})) to '{path}' (format parquet)")


def test_parquet_files_keep_order_zeros_and_columns_of_their_own(tmp_path, lake):
    folder = tmp_path / "sales"
    names = "invoice_no, sku, qty, invoice_date, price"
    second = "('2', 'A', 1, date '2024-02-01', 3), ('1', 'B', 1, date '2024-02-01', 1)"
    parquet(lake, folder / "customer_id=007" / "b.parquet", second, names)
    first = "('9', 'Z', 1, date '2024-01-01', 2, 'FR')"
    parquet(lake, folder / "customer_id=007" / "a.parquet", first, f"{names}, country")
    (folder / "notes.txt").write_text("x")
    right = [("9", "007", "FR"), ("2", "007", None), ("1", "007", None)]
    columns = "invoice_no, customer_id, country"
    assert rows(lake, str(folder), columns) == right
    assert rows(lake, f"{folder}/*/*.parquet", columns) == right
    assert rows(lake, f"{folder}/customer_id=007/a.parquet", columns) == right[:1]


def test_parquet_files_show_the_clock_that_they_name(tmp_path, lake):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(name, zone):
        moment = dt.datetime(2024, 1, 5, 23, 30, tzinfo=dt.UTC)
        kinds = {"invoice_date": pa.timestamp("us", zone)}
        values = {
            "invoice_no": ["1"],
            "sku": ["X"],
            "qty": [1],
            "price": [2.5],
            "customer_id": ["a"],
        }
        columns = {name: pa.array(column) for name, column in values.items()}
        columns["invoice_date"] = pa.array([moment], kinds["invoice_date"])
        pq.write_table(pa.table(columns), tmp_path / name)

    write("a.parquet", "Europe/Berlin")
    assert rows(lake, str(tmp_path), "invoiced_at") == [(dt.datetime(2024, 1, 6, 0, 30),)]
    write("b.parquet", "America/New_York")
    with pytest.raises(CustomerIntelligenceError, match=r"several clocks.*Europe/Berlin"):
        rows(lake, str(tmp_path), "invoiced_at")
    tokyo = {"timezone": "Asia/Tokyo"}
    assert (
        rows(lake, str(tmp_path), "invoiced_at", tokyo) == [(dt.datetime(2024, 1, 6, 8, 30),)] * 2
    )


def test_what_is_no_parquet_file_is_refused(tmp_path, lake):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "empty").mkdir()
    for relation in ("bad", "bad/x.parquet", "empty", "nowhere/*.parquet"):
        with pytest.raises(CustomerIntelligenceError, match="E_BAD_RELATION"):
            rows(lake, f"{tmp_path}/{relation}", "*")


# ---------------------------------------------------------------- refunds


def test_a_refund_after_the_last_sale_counts_and_is_the_last_day_of_trade(ledger):
    shop = ledger(
        """order_id,order_date,customer_id,sku,qty,price,back,back_on
        1,2024-01-05,a,X,1,9.00,,
        2,2024-01-08,b,X,0.75,8.00,6.00,2024-01-12
        """,
        {"columns": {"refunded_amount": "back", "refunded_at": "back_on"}},
    )
    assert shop.customers == {"a": 9, "b": 0}
    assert shop.value("select as_of_date from int_as_of") == dt.date(2024, 1, 12)
    # Three quarters of a unit came back, and no whole one.
    assert shop.value("select units from int_returns_matched") == Decimal("0.75")


# ---------------------------------------------------------------- the tables of a connector


@pytest.mark.parametrize(("seed", "tax_inside"), [(1, False), (2, True), (3, True), (4, False)])
def test_the_tables_of_fivetran_count_to_the_penny(tmp_path, seed, tax_inside):
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(str(path)) as database:
        lines = fivetran.write(database, "shopify", random.Random(seed), tax_inside=tax_inside)
    shop = Ledger(
        tmp_path / "data",
        {"raw_relation": "lake.shopify"},
        f"attach '{path}' as lake (read_only)",
    )
    assert_exact(shop, lines)
    assert shop.value("select count(*) from rpt_quarantine") == 0
    assert shop.value("select currency from raw.shop_rules") == "USD"


@pytest.fixture(scope="module")
def connected_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("fivetran") / "lake.duckdb"
    with duckdb.connect(str(path)) as connection:
        fivetran.write(connection, "shopify", random.Random(3), tax_inside=True)
    return path


@pytest.fixture()
def connected(connected_once, tmp_path):
    """A shop of Fivetran's tables, whose prices include tax."""
    with duckdb.connect(shutil.copy(connected_once, tmp_path)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("drop table shopify.tax_line", "table tax_line is missing"),
        ("drop table shopify.discount_allocation", "table discount_allocation is missing"),
        ("drop table shopify.refund", "table refund is missing"),
        ("drop table shopify.order_line_refund", "table order_line_refund is missing"),
        ('alter table shopify."order" drop test', "table order has no column test"),
        ("drop table shopify.shop", "shop.iana_timezone does not name the shop's one zone"),
        ("insert into shopify.shop values (2, 'Asia/Tokyo', 'USD')", "does not name the shop's"),
        ("update shopify.shop set iana_timezone = 'Mars'", "does not name the shop's"),
        ("drop table shopify.order_line", "cannot be read: Catalog Error"),
    ],
)
def test_tables_without_which_money_would_be_wrong_are_missed(connected, change, words):
    connected.execute(change)
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_RELATION") as refusal:
        find_relation(connected, "shopify", LATEST)
    assert words in str(refusal.value)


def test_tables_that_were_never_needed_may_be_missing(connected):
    for table in ("tax_line", "discount_allocation", "refund", "order_line_refund", "customer"):
        connected.execute(f"drop table shopify.{table}")
    connected.execute(
        'drop table shopify.order_adjustment; update shopify."order" set total_tax = 0, '
        "total_discounts = 0, financial_status = 'paid'"
    )
    query = find_relation(connected, "shopify", LATEST).query
    lines = connected.execute(f"select count(*), sum(line_amount) from ({query})").fetchone()
    right = "select count(*), sum(quantity * price)::decimal(18, 4) from shopify.order_line"
    assert lines == connected.execute(right).fetchone()


def test_what_the_shop_says_goes_before_what_the_connector_says(connected):
    def first_day(stated):
        query = find_relation(connected, "shopify", LATEST, stated).query
        return connected.execute(f"select min(invoiced_at)::date from ({query})").fetchone()[0]

    assert first_day(None) == dt.date(2024, 1, 9)
    assert first_day({"timezone": "UTC"}) == dt.date(2024, 1, 10)
    assert first_day({"columns": {"invoice_date": "processed_at"}}) == dt.date(2024, 1, 6)


def test_a_customer_who_refused_is_told_by_the_customers_table(connected):
    query = find_relation(connected, "shopify", LATEST).query
    found = connected.execute(
        f"select distinct customer_id, consent from ({query}) where customer_id not like '%@%'"
    ).fetchall()
    right = connected.execute(
        "select id::varchar, email_marketing_consent_state from shopify.customer"
    ).fetchall()
    assert set(found) <= set(right)
    assert "not_subscribed" in {word for _, word in found}


def test_an_edited_price_with_tax_is_told_by_its_arithmetic(connected):
    """The example of the documentation: 119.00 with 19.00 of tax inside, one of two came back."""
    with duckdb.connect() as shop:
        shop.execute("create schema shopify")
        for table, columns in fivetran.TABLES.items():
            shop.execute(f'create table shopify."{table}" ({columns})')
        shop.execute(
            "insert into shopify.shop values (1, 'Europe/Berlin', 'EUR');"
            'insert into shopify."order" by name select 1 as id, timestamptz '
            "'2024-05-01 22:30:00+00' as created_at, 7 as customer_id, 'EUR' as currency, "
            "'partially_refunded' as financial_status, true as taxes_included, 38 as total_tax;"
            "insert into shopify.order_line by name select 11 as id, 1 as order_id, 'X' as sku, "
            "2 as quantity, 119 as price, false as gift_card;"
            "insert into shopify.tax_line by name select 11 as order_line_id, 38 as price;"
            "insert into shopify.refund by name select 5 as id, 1 as order_id, timestamptz "
            "'2024-05-03 10:00:00+00' as created_at"
        )
        columns = "line_amount, refunded_amount, invoiced_at::date, refunded_at::date, quantity"
        for subtotal in (119, 100):
            shop.execute(
                "delete from shopify.order_line_refund;"
                "insert into shopify.order_line_refund by name select 6 as id, 5 as refund_id, "
                f"11 as order_line_id, 1 as quantity, {subtotal} as subtotal, 19 as total_tax"
            )
            days = (dt.date(2024, 5, 2), dt.date(2024, 5, 3))
            assert rows(shop, "shopify", columns) == [(200, 100, *days, 2)]
