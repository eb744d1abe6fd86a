"""When a build reads only what is new, and when all lines."""

import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT

from customer_intelligence.ingest.raw_schema import Shop
from customer_intelligence.publication.already_read import leave_note, lines_now, take_note

RULES = {"currency": "GBP", "cancellation_prefix": "C"}
VARS = {"as_of_date": None, "cleaning_policy": "net"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project of one model, and a data directory with two loads."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "lines.sql").write_text("select 1")
    for number in (1, 2):
        add_load(tmp_path, number)
    return tmp_path


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute(
            "create table as_of as select date '2024-01-01' as first_invoice_date, "
            "date '2024-03-01' as last_invoice_date, date '2024-02-01' as as_of_date"
        )
        yield connection


def add_load(place: Path, number: int) -> None:
    load = place / "raw" / f"{number:04d}-abc"
    load.mkdir(parents=True)
    (load / "invoice_lines.parquet").write_text(str(number))


def found(place: Path, *, rules=RULES, variables=VARS, is_relation=False):
    manifests = [
        {"load_id": path.name, "load_number": int(path.name[:4])}
        for path in sorted((place / "raw").iterdir())
    ]
    return lines_now(
        place, Shop("", "", manifests, rules, None if is_relation else place), variables
    )


def test_a_build_goes_on_where_the_last_one_ended(place, warehouse):
    assert take_note(warehouse, found(place)) == (None, "")
    leave_note(warehouse, found(place), "as_of")
    add_load(place, 3)
    already, words = take_note(warehouse, found(place))
    assert already.last_load_number == 2
    assert str(already.last_invoice_date) == "2024-03-01"
    assert str(already.as_of_date) == "2024-02-01"
    assert words == "1 new since the last build"


def test_a_note_is_good_for_one_build_and_without_new_loads_too(place, warehouse):
    leave_note(warehouse, found(place), "as_of")
    already, words = take_note(warehouse, found(place))
    assert (already.last_load_number, words) == (2, "none new since the last build")
    # Whatever ends that build early, the next one finds no note.
    assert take_note(warehouse, found(place)) == (None, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"rules": {**RULES, "cancellation_prefix": "R"}},
        {"variables": {**VARS, "as_of_date": "2024-01-31"}},
        {"variables": {**VARS, "cleaning_policy": "classic"}},
    ],
)
def test_with_other_rules_or_vars_all_lines_are_read(place, warehouse, changed):
    leave_note(warehouse, found(place), "as_of")
    already, words = take_note(warehouse, found(place, **changed))
    assert already is None
    assert words == "all lines are read: rules, vars or code have changed"


def test_with_other_code_all_lines_are_read(place, warehouse):
    leave_note(warehouse, found(place), "as_of")
    (place / "models" / "lines.sql").write_text("select 2")
    assert take_note(warehouse, found(place))[0] is None


def test_a_load_that_was_rewritten_removed_or_put_in_between_means_all_lines(place, warehouse):
    def removed():
        shutil.rmtree(place / "raw" / "0001-abc")

    def rewritten():
        (place / "raw" / "0002-abc" / "invoice_lines.parquet").write_text("without somebody")

    def put_in_between():
        (place / "raw" / "0003-abc").rename(place / "raw" / "0002-abd")

    add_load(place, 3)
    for change in (rewritten, put_in_between, removed):
        leave_note(warehouse, found(place), "as_of")
        change()
        already, words = take_note(warehouse, found(place))
        assert already is None, change
        assert words == "all lines are read: loads of before have changed"


def test_a_relation_is_read_anew_each_time(place, warehouse):
    leave_note(warehouse, found(place, is_relation=True), "as_of")
    assert take_note(warehouse, found(place, is_relation=True)) == (None, "")


def test_only_models_of_lines_keep_what_they_hold():
    """Each of them adds what is new and, where that can change what is there, forgets it first."""
    adding = {"int_descriptions", "int_invoice_days", "int_order_statuses", "int_stock_codes"}
    models = {path.stem: path.read_text("utf-8") for path in (ROOT / "models").rglob("*.sql")}
    kept = {name: sql for name, sql in models.items() if "materialized=table_of_lines()" in sql}
    assert adding | {"int_invoices_replaced"} < kept.keys()
    for name, sql in kept.items():
        forgets = "forget_changed(" in sql
        assert forgets == ("of_changed(" in sql), name
        assert forgets or "last_load_read()" in sql, name
