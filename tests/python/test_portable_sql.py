"""What DuckDB and Spark answer differently without a word is found before a build runs."""

from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

from tools.portable_sql import ROOT, faults, rendered

TRAPS = {
    "money over customers": "select net_revenue / customers from t",
    "a product over customers": "select net_revenue * 1.0 / customers from t",
    "money over an expression": "select net_revenue / (customers + others) from t",
    "a sum over a window": "select sum(amount) over (partition by a) / sum(lines) from t",
    "a series of doubles": "select generated_number from generate_series(12)",
    "a quotient as money": "select cast(revenue * 1e0 / orders as decimal(38, 4)) from t",
    "a double as money": "select cast(exp(log_value) as decimal(18, 2)) from t",
    "a double rounded to digits": "select round(share, 3) from t",
    "a double cut off": "select cast(days * 1e0 / 7 as integer) from t",
    "a root cut off": "select cast(sqrt(days) as bigint) from t",
    "nulls in an order": "select lag(a) over (partition by b order by c) from t",
    "nulls in the second place": "select a from t order by b desc, c",
    "nulls before a frame": (
        "select sum(a) over (order by c rows between unbounded preceding and current row) from t"
    ),
    "months between days": "select datediff('month', a, b) from t",
    "a date that may be unknown": "select dateadd('day', 1, a) from t",
    "a replacement": "select regexp_replace(a, 'b', 'c') from t",
    "an escape": r"select a like '\_' from t",
    "a quoted name": 'select "a" from t',
    "the day of the week": "select extract(dow from a) from t",
    "a hash": "select hash(customer_id) from t",
}
SOUND = [
    "select net_revenue * 1e0 / nullif(customers, 0) from t",
    "select a / 7e0 / b, 1e0 / c, cast(d as double) / e, a / power(b, 2) from t",
    "select (a - b) * (c + 5e-1) / d, sum(a * 1e0) over (partition by b) / c from t",
    "select cast(sum(amount) as decimal(38, 4)), cast(count(*) as bigint) from t",
    "select cast(floor(days / 7e0) as integer), cast(a > b as integer) from t",
    "select a from t order by b desc, c nulls last, d asc nulls first",
    "select row_number() over (order by a nulls last rows between 1 preceding and 1 following)",
    "select 'a / b', day_of_week, hash_of_file -- c / d and \"e\"\nfrom t",
    "select case when a > b / 2e0 then 1 end, round(a), regexp_replaced(b) from t",
]


@pytest.mark.parametrize("trap", TRAPS)
def test_what_engines_answer_differently_is_found(trap):
    assert len(faults(TRAPS[trap])) == 1


@pytest.mark.parametrize("sql", SOUND)
def test_what_engines_agree_on_is_left_alone(sql):
    assert faults(sql) == []


def test_a_fault_is_told_by_its_line():
    assert [line for line, _ in faults("select\n    a,\n    b / c\nfrom t\norder by d")] == [3, 5]


def test_templates_are_read_as_they_are_rendered(tmp_path):
    model = Path(ROOT / "models" / "marts" / "customers" / "rpt_revenue_concentration.sql")
    (sql,) = rendered(model, Linter(config=FluffConfig.from_root()))
    assert "integer_series" not in sql
    assert "generated_number" in sql
    assert "{{" not in sql
