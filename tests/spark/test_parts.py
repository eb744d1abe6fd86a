"""The parts that stand between the project and Spark, each by itself."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.spark import python_models
from customer_intelligence.spark.arrow import from_spark, to_spark
from customer_intelligence.spark.raw import file_address
from customer_intelligence.spark.relation import shop_of_table

LATEST = dt.datetime(2026, 1, 2)


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def schema(session):
    session.sql("create schema if not exists parts")
    yield "parts"
    session.sql("drop schema parts cascade")


def test_a_table_comes_back_from_spark_as_it_went(session, connection):
    rows = connection.sql(
        "select * from (values "
        "('it''s \\ \"so\"', 1, 12.3400::decimal(18, 4), timestamp '2020-02-29 23:30:00', "
        "date '2020-02-29', true, 0.1::double, ['a', 'b']), "
        "(null, null, null, null, null, null, null, [])) "
        "as t(word, number, money, moment, day, is_so, share, words)"
    )
    returned = from_spark(to_spark(session, rows))
    assert connection.from_arrow(returned).fetchall() == rows.fetchall()
    assert connection.from_arrow(returned).types == rows.types


def test_a_table_without_rows_keeps_its_types(session, connection):
    rows = connection.sql("select 1 as a, timestamp '2020-01-01' as b, 'x' as c where false")
    returned = connection.from_arrow(from_spark(to_spark(session, rows)))
    assert (returned.columns, returned.types) == (rows.columns, rows.types)


def test_a_python_model_orders_filters_and_joins_as_on_duckdb(session, schema):
    session.sql(f"create table {schema}.customers as select * from values "
                "('b', 2.5, timestamp '2020-01-01 10:00:00'), ('a', null, null), ('c', 1.0, null) "
                "as t(customer_id, value, seen_at)")  # fmt: skip
    session.sql(f"create table {schema}.chosen as select 'a' as customer_id union all select 'b'")
    code = f"""
def model(dbt, session):
    chosen = dbt.ref("chosen").filter("customer_id is not null").project("customer_id")
    found = dbt.ref("customers").join(chosen, "customer_id").order("customer_id").df()
    assert list(found.customer_id) == ["a", "b"]
    assert dbt.ref("customers").max("value").fetchall()[0][0] == 2.5
    assert str(found.seen_at.dtype).startswith("datetime64[")
    return found.assign(place=range(len(found)))

class dbtObj:
    def __init__(self, load):
        self.ref = lambda name: load("{schema}." + name)
"""
    python_models.run(session, code, f"{schema}.returned")
    rows = session.sql(f"select * from {schema}.returned order by place").collect()
    assert [tuple(row) for row in rows] == [
        ("a", None, None, 0),
        ("b", 2.5, dt.datetime(2020, 1, 1, 10), 1),
    ]


LINES = (
    "select * from values "
    "(1, '536365', timestamp '2020-01-01 10:00:00', 2, 2.5, 'Anna@Example.org'), "
    "(2, ' ', timestamp '2020-01-01 10:00:00', 2, 2.5, 'ben'), "
    "(3, '7', timestamp '1970-01-01 00:00:00', null, null, null), "
    "(4, '8', timestamp '2030-01-01 00:00:00', 1, 1.0, 'ben') "
    "as t(record_number, invoice_no, invoiced_at, quantity, unit_price, customer_id)"
)


def test_a_table_of_spark_is_the_shops_lines(session, schema, connection, tmp_path):
    session.sql(f"create table {schema}.lines as {LINES}")
    relation = f"{schema}.lines"
    shop, lines = shop_of_table(connection, session, tmp_path, relation, LATEST)
    rows = {row.record_number: row for row in lines.collect()}
    assert rows[1].quantity == Decimal("2.0000")
    assert (rows[1].load_id, rows[1].stock_code, rows[1].reasons) == (relation, None, [])
    assert {number: row.reasons for number, row in rows.items() if number > 1} == {
        2: ["R_INVOICE_NO"],
        3: ["R_QUANTITY", "R_UNIT_PRICE", "R_DATE_RANGE"],
        4: ["R_FUTURE_DATE"],
    }
    assert shop.manifests[0]["load_id"] == relation
    assert connection.sql(shop.lines).fetchall() == []


def test_files_of_spark_are_the_shops_lines_and_a_list_names_those_they_know(
    session, connection, tmp_path
):
    session.sql(LINES).write.parquet(f"file:{tmp_path}/lake")
    (tmp_path / "do_not_contact.csv").write_text("customer_id\nben\n")
    shop, lines = shop_of_table(connection, session, tmp_path, f"file:{tmp_path}/lake", LATEST)
    assert lines.count() == 4
    known = connection.sql(shop.lines).fetchall()
    assert {name for (name,) in known} == {"Anna@Example.org", None, "ben"}


def test_a_table_of_spark_without_the_columns_is_refused_with_their_names(
    session, schema, connection, tmp_path
):
    session.sql(f"create table {schema}.lines as select 1 as record_number, 'a' as invoice_no")
    with pytest.raises(CustomerIntelligenceError) as refused:
        shop_of_table(connection, session, tmp_path, f"{schema}.lines", LATEST)
    assert refused.value.code == "E_BAD_RELATION"
    assert "invoiced_at, quantity, unit_price" in refused.value.what
    with pytest.raises(CustomerIntelligenceError) as refused:
        shop_of_table(connection, session, tmp_path, f"{schema}.nothing", LATEST)
    assert refused.value.code == "E_SPARK"
    assert "nothing" in str(refused.value)


def test_spark_opens_a_file_whatever_its_name_holds(session, connection, tmp_path):
    path = tmp_path / "a [b] {c} *.parquet"
    connection.execute(f"copy (select 7 as n) to '{path}' (format parquet)")
    (tmp_path / "a b c x.parquet").write_text("no Parquet")
    assert session.read.parquet(file_address(Path(path))).collect()[0].n == 7
