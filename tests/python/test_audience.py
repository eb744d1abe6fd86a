"""Who entered, left and stayed: the file for marketing tools and the command that writes it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from customer_intelligence.cli.commands import main
from customer_intelligence.lists.audience import write_audience
from customer_intelligence.publication.reader import current_version, open_marts

COLUMNS = [
    *("customer_id", "segment", "movement", "from_segment", "to_segment"),
    *("historic_clv", "predicted_clv", "churn_probability", "average_order_value"),
    "expected_date_of_next_order",
]
# Four customers of two snapshots; the other columns do not matter.
DAYS = ("2011-06-30", "2011-09-30")
FEW = [
    "delete from fct_customer_snapshots",
    """
    insert into fct_customer_snapshots (customer_id, as_of_date, segment, net_revenue)
    values
        ('A', '2011-06-30', 'Champions', 1), ('A', '2011-09-30', 'Champions', 1),
        ('B', '2011-06-30', 'Champions', 1), ('B', '2011-09-30', 'At Risk', 1),
        ('=C', '2011-09-30', 'At Risk', 1),
        ('D', '2011-10-31', 'At Risk', 1)
    """,
    "delete from dim_customers where customer_id not in "
    "(select customer_id from dim_customers order by customer_id limit 3)",
    "update dim_customers set customer_id = (select name from (select customer_id as id, "
    "['A', 'B', '=C'][row_number() over (order by customer_id)] as name from dim_customers) "
    "where id = customer_id)",
    "update dim_customers set net_revenue = -12.5, predicted_value_365d = 20, "
    "churn_probability = 0.25, average_order_value = 6.25, "
    "expected_next_order_date = '2012-01-31' where customer_id = 'A'",
]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_who_moved_left_one_segment_and_entered_another(copy, tmp_path):
    out = tmp_path / "audience.csv"
    assert write_audience("2011-06-30", "2011-09-30", out, data_dir=copy(*FEW)) == 4
    rows = rows_of(out)
    assert list(rows[0]) == COLUMNS
    moves = [tuple(row[column] for column in COLUMNS[:5]) for row in rows]
    assert moves == [
        ("'=C", "At Risk", "entered", "Not yet a customer", "At Risk"),
        ("A", "Champions", "stayed", "Champions", "Champions"),
        ("B", "At Risk", "entered", "Champions", "At Risk"),
        ("B", "Champions", "left", "Champions", "At Risk"),
    ]
    figures = [rows[1][column] for column in COLUMNS[5:]]
    assert figures == ["-12.5000", "20.0000", "0.25", "6.2500", "2012-01-31"]


def test_only_the_segment_and_the_movement_asked_for_are_written(copy, tmp_path):
    data_dir, out = copy(*FEW), tmp_path / "audience.csv"
    days = ("2011-06-30", "2011-09-30", out)

    def found(**choice: str) -> list[str]:
        write_audience(*days, data_dir=data_dir, **choice)
        return [row["customer_id"] for row in rows_of(out)]

    assert found(segment="Champions") == ["A", "B"]
    assert found(movement="entered") == ["'=C", "B"]
    assert found(segment="Champions", movement="left") == ["B"]
    assert found(segment="Champions", movement="entered") == []


def test_the_audience_of_a_period_is_its_migration(published_dir, tmp_path):
    """Every period of the sample, customer by customer, against the counts in the mart."""
    with open_marts(published_dir) as marts:
        periods = marts.execute(
            "select from_date::varchar, to_date::varchar, list((from_segment, to_segment, "
            "customers)) from rpt_segment_migration group by all order by all"
        ).fetchall()
    assert len(periods) > 5
    out, again = tmp_path / "audience.csv", tmp_path / "again.csv"
    for start, end, pairs in periods:
        count = write_audience(start, end, out, data_dir=published_dir)
        rows = rows_of(out)
        assert count == len(rows)
        counted = {
            movement: Counter(
                (row["from_segment"], row["to_segment"])
                for row in rows
                if row["movement"] == movement
            )
            for movement in ("entered", "left", "stayed")
        }
        migration = {(source, target): customers for source, target, customers in pairs}
        assert counted["entered"] + counted["stayed"] == migration
        assert counted["left"] == {
            pair: customers
            for pair, customers in counted["entered"].items()
            if pair[0] != "Not yet a customer"
        }
        assert all(source == target for source, target in counted["stayed"])
    write_audience(start, end, again, data_dir=published_dir)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2011-06-29", "2011-09-30"], "E_NO_SNAPSHOT: There is no snapshot of 2011-06-29. "),
        (["2011-07-15", "2011-09-30"], "nearest: 2011-06-30 and 2011-09-30."),
        (["2010-01-01", "2011-09-30"], "nearest: 2011-06-30."),
        (["2011-06-30", "2012-01-01"], "nearest: 2011-10-31."),
        (["2011-06-30", "30.9.2011"], "E_NO_DATE: '30.9.2011' is no date. "),
        (["2011-09-30", "2011-06-30"], "E_DATE_ORDER: 2011-09-30 is not before 2011-06-30. "),
        (["2011-06-30", "2011-06-30"], "E_DATE_ORDER: "),
        (["2011-06-30", "2011-09-30", "--segment=' or 1=1 --"], "Segments are: At Risk, Champions"),
        (["2011-06-30", "2011-09-30", "--movement=went"], "E_UNKNOWN_MOVEMENT: "),
        (["2011-06-30", "2011-09-30", "--out={data_dir}/published/out.csv"], "E_OWN_FOLDER: "),
    ],
)
def test_what_cannot_be_answered_is_refused_and_changes_nothing(
    copy, tmp_path, capsys, arguments, message
):
    data_dir, out = copy(*FEW), tmp_path / "kept.csv"
    out.write_text("kept")
    current = current_version(data_dir)
    given = [argument.format(data_dir=data_dir) for argument in arguments]
    assert main(["audience", f"--out={out}", f"--data-dir={data_dir}", *given]) == 2
    assert message in capsys.readouterr().err
    assert out.read_text() == "kept"
    assert current_version(data_dir) == current
    assert {path.name for path in tmp_path.iterdir()} == {data_dir.name, "kept.csv"}


def test_a_shop_without_customers_and_marts_of_an_earlier_project_say_so(copy, tmp_path, capsys):
    out = tmp_path / "audience.csv"
    empty = copy("delete from fct_customer_snapshots")
    assert main(["audience", *DAYS, f"--out={out}", f"--data-dir={empty}"]) == 2
    assert "have no customers" in capsys.readouterr().err
    old = copy(*FEW, "alter table dim_customers drop column expected_next_order_date")
    assert main(["audience", *DAYS, f"--out={out}", f"--data-dir={old}"]) == 2
    assert capsys.readouterr().err.startswith("E_OLD_MARTS: ")
    assert not out.exists()
