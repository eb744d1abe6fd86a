"""Who asked to be forgotten is gone from every byte, and every penny is still there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest
from conftest import another_process_at_work, build

from customer_intelligence.cli.commands import main
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.forget import erase, verify
from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.pseudonyms import KEY_VARIABLE

HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")
CANARY = "ada.lovelace@canary.example"


def lines_of(customer: str, invoice: int = 536365) -> list[tuple[object, ...]]:
    """Two good lines and three bad ones that name the customer."""
    line = ("85123A", "HEART", 6, "2010-12-01 08:26:00", "2.55", customer)
    return [
        (invoice, *line),
        (invoice, *line),
        (invoice, *line[:2], "six", *line[3:]),
        (invoice, *line, "one field too many"),
        (invoice, "85123A", f'a "{customer}"', "", "no date", "", customer),
    ]


def write(path: Path, *tables: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *(row for table in tables for row in table)])
    return path


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """Two loads: the canary, and a customer whose id holds the canary's."""
    directory = tmp_path / "data"
    for number, customers in enumerate([(CANARY, f"x{CANARY}"), (CANARY, "17850")]):
        tables = [lines_of(customer, 536365 + number) for customer in customers]
        ingest_file(write(tmp_path / f"{number}.csv", *tables), directory)
    return directory


def raw(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    rows = data_dir / "raw" / "*" / "invoice_lines.parquet"
    return duckdb.execute(f"select {query} from read_parquet('{rows}')").fetchall()


def test_the_customer_is_gone_from_the_raw_files_and_nothing_else_is(data_dir):
    totals = "count(*), sum(quantity), sum(quantity * unit_price), sum(len(reasons))"
    before = raw(data_dir, totals)
    copies = data_dir / "build" / "logs"
    copies.mkdir(parents=True)
    (copies / "dbt.log").write_text(f"where customer_id = '{CANARY}'")
    assert len(verify(data_dir, CANARY)) >= 3

    assert erase(data_dir, CANARY) == (2, 10)

    assert verify(data_dir, CANARY) == [], "the longer id is not the canary's"
    assert raw(data_dir, totals) == before
    named = {name for (name,) in raw(data_dir, "distinct customer_id")}
    assert named == {None, f"x{CANARY}", "17850"}
    withheld = "count(*) filter (contains(raw_record, 'withheld'))"
    assert raw(data_dir, f"count(raw_record), {withheld}") == [(12, 6)]


def test_the_customer_does_not_come_back_with_another_file(data_dir, tmp_path):
    erase(data_dir, CANARY)
    again = write(tmp_path / "again.csv", lines_of(CANARY, 536400), lines_of("17851", 536401))
    result = ingest_file(again, data_dir)
    assert (result.records, result.quarantined) == (10, 6)
    assert verify(data_dir, CANARY) == []
    assert raw(data_dir, "count(*) filter (customer_id = '17851')") == [(4,)]


def test_the_list_of_the_erased_does_not_name_them(data_dir):
    erase(data_dir, CANARY)
    tombstones = (data_dir / "raw" / "tombstones.json").read_text()
    assert CANARY not in tombstones
    assert len(json.loads(tombstones)["customers"]) == 1


def test_an_erasure_can_be_repeated(data_dir):
    erase(data_dir, CANARY)
    assert erase(data_dir, f" {CANARY} ") == (0, 0)
    assert verify(data_dir, CANARY) == []


def test_who_was_never_there_is_refused_and_nothing_changes(data_dir):
    with pytest.raises(CustomerIntelligenceError) as refusal:
        erase(data_dir, "17999")
    assert refusal.value.code == "E_UNKNOWN_CUSTOMER"
    assert not (data_dir / "raw" / "tombstones.json").exists()
    with pytest.raises(CustomerIntelligenceError, match="E_UNKNOWN_CUSTOMER"):
        erase(data_dir, " ")


def test_no_erasure_beneath_a_running_build(data_dir):
    with another_process_at_work(data_dir), pytest.raises(CustomerIntelligenceError) as refusal:
        erase(data_dir, CANARY)
    assert refusal.value.code == "E_LOCKED"
    assert len(raw(data_dir, "customer_id")) == 20


def test_who_has_a_pseudonym_is_erased_by_the_name_in_the_source(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    ingest_file(write(tmp_path / "a.csv", lines_of(CANARY), lines_of("17850")), tmp_path)
    assert not [path for path in (tmp_path / "raw").rglob("*.*") if holds(path, CANARY)]
    assert erase(tmp_path, CANARY).records >= 2
    assert raw(tmp_path, "count(distinct customer_id)") == [(1,)]
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(CustomerIntelligenceError) as refusal:
        erase(tmp_path, "17850")
    assert refusal.value.code == "E_OTHER_KEY"


def holds(path: Path, text: str) -> bool:
    return path.is_file() and text.encode() in path.read_bytes()


def test_marts_of_a_forgotten_customer_are_published_without_them(data_dir, capfd):
    """Through whole builds: every byte of the data directory is searched."""
    build(data_dir)
    assert any("dim_customers" in place for place in verify(data_dir, CANARY))
    assert main(["forget", f"--data-dir={data_dir}", CANARY]) == 0
    assert "named nowhere" in capfd.readouterr().out
    assert verify(data_dir, CANARY) == []
    assert not [path for path in data_dir.rglob("*") if holds(path, f",{CANARY}")]
