"""What changed since the version before: each change once, with the first cause that applies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest

from customer_intelligence.publication.changes import CAUSES, note_changes

MONDAY, SUNDAY = dt.date(2011, 5, 2), dt.date(2011, 5, 8)
# (segment, days since the last order, R, F and M)
Customer = tuple[str, int, str]
STEADY = {f"steady-{number}": ("Regular Customers", 20 + number, "333") for number in range(8)}


def write(
    path: Path,
    customers: Mapping[str, Customer],
    as_of: dt.date,
    *,
    days: Sequence[tuple[str, str, int]] = (),
    rules: str = "rules",
    model: str = "forest",
    load: str = "0001-a",
    erased: int = 0,
    actions: Mapping[str, str] | None = None,
    risks: Mapping[str, str] | None = None,
) -> Path:
    """Write what a comparison reads of a version."""
    with duckdb.connect(str(path)) as database:
        database.execute("create schema marts; create schema evidence")
        database.execute(
            "create table _meta as select ? as version, ?::date as as_of_date, ? as rules, "
            "?::integer as erasures_known",
            [path.stem, as_of, rules, erased],
        )
        database.execute(
            "create table _meta_tables as select 'rpt_changes' as table_name, 0 as row_count"
        )
        database.execute("create table evidence.rpt_loads as select ? as load_id", [load])
        database.execute(
            "create table marts.build_info as select ? as churn_scoring_model, "
            "90 as churn_horizon_days",
            [model],
        )
        database.execute(
            "create table marts.dim_customers (customer_id varchar, segment varchar, "
            "churn_risk varchar, days_since_last_order integer, rfm_score varchar)"
        )
        database.execute(
            "create table marts.fct_customer_actions (customer_id varchar, action_label varchar)"
        )
        database.execute(
            "create table marts.fct_customer_days (customer_id varchar, activity_date date, "
            "orders integer, net_revenue decimal(38, 4))"
        )
        database.execute(
            "create table marts.rpt_changes (customer_id varchar, attribute varchar, "
            "value_before varchar, value_now varchar, cause varchar, previous_as_of_date date, "
            "previous_version varchar)"
        )
        for name, (segment, silence, score) in customers.items():
            database.execute(
                "insert into marts.dim_customers values (?, ?, ?, ?, ?)",
                [name, segment, (risks or {}).get(name, "low"), silence, score],
            )
            database.execute(
                "insert into marts.fct_customer_actions values (?, ?)",
                [name, (actions or {}).get(name, "None")],
            )
        for row in days:
            database.execute("insert into marts.fct_customer_days values (?, ?, 1, ?)", row)
    return path


def changes(before: Path | None, now: Path) -> list[tuple[str, ...]]:
    """Compare, as a publication does; return customer, attribute, before, now and cause."""
    count = note_changes(now, before)
    with duckdb.connect(str(now), read_only=True) as database:
        rows = database.execute(
            "select customer_id, attribute, value_before, value_now, cause "
            "from marts.rpt_changes order by all"
        ).fetchall()
        [(stated,)] = database.execute("select row_count from _meta_tables").fetchall()
    assert count == stated == len(rows)
    return rows


def older(customers: Mapping[str, Customer], days: int) -> dict[str, Customer]:
    return {
        name: (segment, silence + days, score)
        for name, (segment, silence, score) in customers.items()
    }


@pytest.fixture
def place(tmp_path):
    """Return a function that names a new file."""
    return lambda name: tmp_path / f"{name}.duckdb"


def test_nothing_changed_is_no_row(place):
    before = write(place("before"), STEADY, MONDAY)
    assert changes(before, write(place("now"), STEADY, MONDAY)) == []


def test_a_purchase_of_ones_own_comes_before_time(place):
    ann = {"ann": ("At Risk", 200, "144")}
    now = {"ann": ("Champions", 0, "555")}
    before = write(place("before"), STEADY | ann, MONDAY)
    after = write(place("now"), older(STEADY, 6) | now, SUNDAY, days=[("ann", "2011-05-08", 20)])
    assert changes(before, after) == [("ann", "segment", "At Risk", "Champions", "own_activity")]


def test_other_lines_of_earlier_days_are_a_correction_first_of_all(place):
    ann, now = {"ann": ("At Risk", 200, "144")}, {"ann": ("Regular Customers", 0, "533")}
    first, late = ("ann", "2010-10-14", 20), ("ann", "2011-01-03", 30)
    bought = ("ann", "2011-05-08", 20)
    before = write(place("before"), STEADY | ann, MONDAY, days=[first])
    after = write(
        place("now"), older(STEADY, 6) | now, SUNDAY, days=[first, late, bought], rules="others"
    )
    assert [row[-1] for row in changes(before, after)] == ["correction"]


def test_other_rules_come_before_time(place):
    before = write(place("before"), STEADY, MONDAY)
    moved = older(STEADY, 6) | {"steady-0": ("At Risk", 26, "133")}
    after = write(place("now"), moved, SUNDAY, rules="others")
    assert [row[-1] for row in changes(before, after)] == ["rules_or_model"]


def test_another_model_changes_risks_and_actions_and_no_segment(place):
    before = write(place("before"), STEADY, MONDAY)
    moved = STEADY | {"steady-0": ("At Risk", 20, "133")}
    after = write(
        place("now"), moved, MONDAY, model="line",
        risks={"steady-0": "high"}, actions={"steady-0": "Win back"},
    )  # fmt: skip
    assert {row[1]: row[-1] for row in changes(before, after)} == {
        "action": "rules_or_model",
        "churn_risk": "rules_or_model",
        "segment": "others",
    }


def test_silence_that_grew_into_another_score_is_time(place):
    """Ann was among the most recent, and would be among the last of the customers of before."""
    ann, now = {"ann": ("Champions", 3, "533")}, {"ann": ("Regular Customers", 90, "133")}
    before = write(place("before"), STEADY | ann, MONDAY)
    after = write(place("now"), older(STEADY, 87) | now, MONDAY + dt.timedelta(days=87))
    [row] = changes(before, after)
    assert row == ("ann", "segment", "Champions", "Regular Customers", "time")


def test_a_score_that_only_others_moved_is_theirs(place):
    """Ann is as recent among the customers of before as she was, but new ones came after her."""
    ann, now = {"ann": ("Champions", 3, "533")}, {"ann": ("Regular Customers", 4, "433")}
    later = MONDAY + dt.timedelta(days=1)
    before = write(place("before"), STEADY | ann, MONDAY)
    after = write(place("now"), older(STEADY, 1) | now, later)
    [row] = changes(before, after)
    assert row == ("ann", "segment", "Champions", "Regular Customers", "others")


def test_who_came_and_who_went_are_told(place):
    first = ("gone", "2011-01-03", 30)
    before = write(
        place("before"), STEADY | {"gone": ("At Risk", 119, "111")}, MONDAY, days=[first]
    )
    after = write(
        place("now"), older(STEADY, 6) | {"new": ("Champions", 0, "511")}, SUNDAY,
        days=[("new", "2011-05-08", 5)],
    )  # fmt: skip
    assert [row for row in changes(before, after) if row[1] == "segment"] == [
        ("gone", "segment", "At Risk", None, "correction"),
        ("new", "segment", None, "Champions", "own_activity"),
    ]


def test_changes_add_up_to_the_difference_of_the_segments(place):
    before = {**STEADY, "a": ("Champions", 1, "555"), "b": ("At Risk", 90, "144")}
    now = {**STEADY, "a": ("At Risk", 1, "155"), "c": ("Champions", 1, "511")}
    rows = [
        row
        for row in changes(write(place("before"), before, MONDAY), write(place("now"), now, MONDAY))
        if row[1] == "segment"
    ]
    for segment in {segment for segment, *_ in (*before.values(), *now.values())}:
        was = sum(found == segment for found, *_ in before.values())
        left = sum(row[2] == segment for row in rows)
        entered = sum(row[3] == segment for row in rows)
        assert was - left + entered == sum(found == segment for found, *_ in now.values())
    assert {row[-1] for row in rows} <= set(CAUSES)


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"load": "0001-b"}, "another shop"), ({"erased": 1}, "somebody was erased")],
)
def test_what_cannot_or_must_not_be_compared_is_not(place, changed, why):
    before = write(place("before"), STEADY | {"gone": ("At Risk", 9, "111")}, MONDAY)
    assert changes(before, write(place("now"), STEADY, MONDAY, **changed)) == [], why


def test_a_version_before_that_cannot_be_read_stops_nothing(place):
    broken = place("broken")
    broken.write_bytes(b"no database at all" * 1000)
    assert changes(broken, write(place("now"), STEADY, MONDAY)) == []
    assert changes(None, write(place("later"), STEADY, MONDAY)) == []


@pytest.mark.parametrize("damage", ["holes", "cut"])
def test_a_version_before_that_is_damaged_inside_stops_nothing(place, damage):
    """Its head opens; the blocks behind it cannot be read."""
    before = write(place("before"), STEADY, MONDAY)
    with duckdb.connect(str(before)) as database:
        database.execute(
            "insert into marts.dim_customers select 'x' || range, md5(range::varchar), 'low', 5, "
            "md5(range::varchar) from range(100000)"
        )
    content = bytearray(before.read_bytes())
    if damage == "cut":
        content = content[: len(content) * 2 // 3]
    else:
        for at in range(3 * 262144 + 12288, len(content) - 4 * 262144, 262144):
            content[at + 5000 : at + 9000] = b"\xff" * 4000
    before.write_bytes(content)
    assert changes(before, write(place("now"), STEADY, MONDAY)) == []


def test_a_version_of_an_earlier_release_is_not_compared(place):
    before = write(place("before"), STEADY, MONDAY)
    with duckdb.connect(str(before)) as database:
        database.execute("drop table marts.fct_customer_days")
    now = {**STEADY, "new": ("Champions", 0, "555")}
    assert changes(before, write(place("now"), now, MONDAY)) == []
