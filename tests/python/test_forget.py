"""Who asked to be forgotten is gone from every byte, and every penny is still there."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path

import duckdb
import pytest
from conftest import another_process_at_work

from customer_intelligence.cli.commands import main
from customer_intelligence.erasure.forget import erase, verify
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.pseudonyms import KEY_VARIABLE, same_id, same_id_as_sql
from customer_intelligence.ingest.tombstones import add_tombstone, erasure_number
from customer_intelligence.lists.export import not_erased

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


@pytest.fixture(scope="module")
def two_loads(tmp_path_factory) -> Path:
    """Two loads: the canary, and a customer whose id holds the canary's."""
    directory = tmp_path_factory.mktemp("loads")
    for number, customers in enumerate([(CANARY, f"x{CANARY}"), (CANARY, "17850")]):
        tables = [lines_of(customer, 536365 + number) for customer in customers]
        ingest_file(write(directory / f"{number}.csv", *tables), directory / "data")
    return directory / "data"


@pytest.fixture
def data_dir(two_loads, tmp_path) -> Path:
    return Path(shutil.copytree(two_loads, tmp_path / "data"))


@pytest.fixture(scope="module")
def erased(two_loads, tmp_path_factory) -> Path:
    """The same without the canary, for tests that add what they remove again."""
    directory = Path(shutil.copytree(two_loads, tmp_path_factory.mktemp("erased") / "data"))
    erase(directory, CANARY)
    assert verify(directory, CANARY).is_clean
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
    assert len(verify(data_dir, CANARY).named) >= 3

    erasure = erase(data_dir, CANARY)
    assert erasure == (2, 10, 0, ("build/logs",), ())
    assert erasure.lines()[0].startswith("erased from 10 records of 2 loads and 0 campaigns; ")

    assert verify(data_dir, CANARY).is_clean, "the longer id is not the canary's"
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
    assert verify(data_dir, CANARY).is_clean
    assert raw(data_dir, "count(*) filter (customer_id = '17851')") == [(4,)]


def test_the_list_of_the_erased_does_not_name_them(data_dir):
    erase(data_dir, CANARY)
    tombstones = (data_dir / "raw" / "tombstones.json").read_text()
    assert CANARY not in tombstones
    assert len(json.loads(tombstones)["customers"]) == 1


def test_an_erasure_can_be_repeated(data_dir):
    erase(data_dir, CANARY)
    assert erase(data_dir, f" {CANARY} ")[:3] == (0, 0, 0)
    assert verify(data_dir, CANARY).is_clean


@pytest.mark.parametrize(("loaded", "typed"), [
    ("Ann@X.com", "ann@x.com"),
    ("ann@x.com", "ANN@x.COM"),
    ("ÄNN@x.com", "änn@x.com"),
    ("ann@x.com", "\u200b\tann@x.com\ufeff "),
    ("an\u00adn@x.com", "ann@x.com"),
    ("17850", "17850.0"),
])  # fmt: skip
def test_all_spellings_of_an_id_are_one_customer(tmp_path, loaded, typed):
    data_dir = tmp_path / "data"
    ingest_file(write(tmp_path / "a.csv", lines_of(loaded), lines_of("x-other@x.com", 2)), data_dir)
    assert verify(data_dir, typed).named
    assert erase(data_dir, typed).records == 5
    for spelling in (loaded, typed):
        assert verify(data_dir, spelling).is_clean
    again = write(tmp_path / "b.csv", lines_of(loaded, 3), lines_of(typed.upper(), 4))
    ingest_file(again, data_dir)
    named = {name for (name,) in raw(data_dir, "distinct customer_id")}
    assert named == {None, "x-other@x.com"}


def test_ids_compare_in_sql_as_in_python():
    codes = [*range(1, 0xD800), *range(0xE000, 0x1F000), *range(0xE0000, 0xE0200)]
    texts = [f"{chr(code)}x{chr(code)}y@{chr(code)}" for code in codes]
    texts += [" 12.0 ", "\u200b12.0\n", "a b", "\u0391\u03a3@x", "12.0x", "Ab.0"]
    with duckdb.connect() as connection:
        query = f"select {same_id_as_sql('text')} from (select unnest($texts) as text)"
        found = [name for (name,) in connection.execute(query, {"texts": texts}).fetchall()]
    assert found == [same_id(text) for text in texts]


def test_who_is_in_a_version_and_in_no_load_can_be_erased(tmp_path):
    database(tmp_path / "published" / "marts-2026.duckdb", f"select '{CANARY}' as customer_id")
    assert erase(tmp_path, CANARY)[:3] == (0, 0, 0)
    assert erasure_number(tmp_path / "raw") == 1


def test_an_id_that_is_no_address_keeps_its_case(tmp_path):
    ingest_file(write(tmp_path / "a.csv", lines_of("Kunde-000a")), tmp_path / "data")
    with pytest.raises(CustomerIntelligenceError, match="E_UNKNOWN_CUSTOMER"):
        erase(tmp_path / "data", "KUNDE-000A")


def test_with_a_key_an_address_in_the_case_of_the_file_or_in_small_letters_is_found(
    tmp_path, monkeypatch
):
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    lines = [lines_of("Ann@X.com"), lines_of("ann@x.com", 2)]
    ingest_file(write(tmp_path / "a.csv", *lines), tmp_path / "data")
    assert erase(tmp_path / "data", "Ann@X.com").records >= 8
    # Whatever the spelling of a later file, the customer stays erased.
    result = ingest_file(write(tmp_path / "b.csv", lines_of("aNN@X.com", 3)), tmp_path / "data")
    assert raw(tmp_path / "data", "count(customer_id)") == [(0,)]
    assert result.records == 5


def test_an_id_that_stands_twice_in_a_text_leaves_it_altogether(tmp_path):
    line = list(lines_of(CANARY)[0])
    line[2] = f"{CANARY} {CANARY} {CANARY}: heart"
    ingest_file(write(tmp_path / "a.csv", [tuple(line)]), tmp_path / "data")
    erase(tmp_path / "data", CANARY.upper())
    assert raw(tmp_path / "data", "description") == [("  : heart",)]


@pytest.mark.parametrize("act", [erase, verify])
@pytest.mark.parametrize("who", ["17999", "-h", "--help", "", " ", "\u200b"])
def test_who_was_never_there_is_refused_and_nothing_changes(data_dir, act, who):
    with pytest.raises(CustomerIntelligenceError) as refusal:
        act(data_dir, who)
    assert refusal.value.code == "E_UNKNOWN_CUSTOMER"
    assert not (data_dir / "raw" / "tombstones.json").exists()


def test_an_id_that_looks_like_an_option_is_no_help(data_dir, capsys):
    assert main(["forget", "--data-dir", str(data_dir), "--", "-h"]) == 2
    assert capsys.readouterr().err.startswith("E_UNKNOWN_CUSTOMER: ")


@pytest.mark.parametrize("act", [erase, verify])
def test_a_directory_that_is_not_there_is_refused_and_not_made(tmp_path, act):
    with pytest.raises(CustomerIntelligenceError, match="E_DATA_DIR"):
        act(tmp_path / "no", CANARY)
    assert list(tmp_path.iterdir()) == []


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


# ---------- every file below the data directory


def parquet(path: Path, query: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")


def database(path: Path, query: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table t as {query}")


def text(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


NAMED = f"select 'Some text for {CANARY.upper()}, who asked' as note, 1 as n"
SVG = base64.b64encode(f"<svg><text>{CANARY}</text></svg>".encode()).decode()


@pytest.mark.parametrize(
    ("place", "write_file", "content"),
    [
        # In every folder and under every name, by what the file holds.
        ("report.html", text, f"<td>{CANARY}</td>"),
        ("docs.html", text, f'<img src="data:image/svg+xml;base64,{SVG}">'),
        ("contacts.csv", text, f"priority,customer_id\n1,{CANARY}\n"),
        ("contacts.csv", text, f"priority,customer_id\n1,'{CANARY}\n".encode("utf-16")),
        ("published/summary.json", text, json.dumps({"best": f"\n{CANARY}"})),
        ("published/20990101T000000-x/customer_intelligence.duckdb", database, NAMED),
        ("published/marts-20990101T000000.duckdb", database, NAMED),
        ("build/warehouse.duckdb", database, f"select 1 as x, '{CANARY}' as customer_id"),
        ("build/target/manifest.json", text, r'"x\u003c' + CANARY + r'\u003e"'),
        ("build/target/partial_parse.msgpack", text, b"\x93\x00\xd9\x41" + CANARY.encode()),
        ("build/logs/dbt.log", text, f"where id = '{CANARY}'"),
        ("build/logs/dbt.log.1", text, CANARY.upper().encode("utf-16-be")),
        ("campaigns/.campaign-abc", parquet, f"select '{CANARY}' as customer_id"),
        ("campaigns/old/a.backup", parquet, f"select ['{CANARY}'] as who"),
        ("raw/notes/lines.parquet", parquet, NAMED),
        ("raw/.tombstones.json", text, CANARY),
        ("shop.yml", text, f"guests: [{CANARY.replace('@', '&#x40;')}]"),
        ("mine/url", text, f"https://shop.example/?to={CANARY.replace('@', '%40')}&x=1"),
        ("mine/json", text, CANARY.replace("@", r"\u0040")),
        ("mine/page", text, CANARY.replace("@", "&commat;")),
        (f"mine/{CANARY}.txt", text, ""),
    ],
)
def test_no_file_that_names_a_customer_is_passed_over(tmp_path, place, write_file, content):
    write_file(tmp_path / place, content)
    found = verify(tmp_path, CANARY)
    assert not found.is_clean
    assert [line for line in found.named if place in line], found


def test_a_letter_more_is_somebody_else(tmp_path):
    for name in ("a.csv", "published/summary.json"):
        text(tmp_path / name, f"customer_id\nx{CANARY}\n{CANARY}s\n")
    with pytest.raises(CustomerIntelligenceError, match="E_UNKNOWN_CUSTOMER"):
        verify(tmp_path, CANARY)


@pytest.mark.parametrize(
    ("place", "make"),
    [
        ("list.csv.gz", lambda path: text(path, gzip.compress(CANARY.encode()))),
        ("list.xlsx", lambda path: zipfile.ZipFile(path, "w").writestr("a", b"x")),
        ("picture.png", lambda path: text(path, b"\x89PNG\r\n\x1a\n\0\0")),
        ("campaigns/a.parquet", lambda path: text(path, b"PAR1 torn")),
        ("published/a.duckdb", lambda path: text(path, b"12345678DUCK torn")),
        ("pipe", os.mkfifo),
        ("elsewhere", lambda path: path.symlink_to("/usr")),
        ("campaigns/b.parquet", lambda path: path.symlink_to("/etc/hostname")),
    ],
)
def test_what_cannot_be_searched_is_said(erased, tmp_path, place, make):
    data_dir = Path(shutil.copytree(erased, tmp_path / "data"))
    (data_dir / place).parent.mkdir(exist_ok=True)
    make(data_dir / place)
    found = verify(data_dir, CANARY)
    assert not found.is_clean
    assert [line for line in found.untold if place in line]
    assert not [line for line in found.lines() if "named nowhere" in line]


def test_a_link_within_the_directory_is_no_reason_to_doubt(data_dir):
    (data_dir / "published" / "20260101").mkdir(parents=True)
    (data_dir / "published" / "current").symlink_to("20260101")
    erase(data_dir, CANARY)
    assert verify(data_dir, CANARY).is_clean


def test_an_erasure_cleans_what_killed_processes_and_reports_hold_and_names_the_rest(data_dir):
    copies = ["report.html", ".report-1", ".export-2", "published/.building-3/a.duckdb",
              "campaigns/aside/.campaign-4", "raw/.tmp-5/a", "build/tmp/a"]  # fmt: skip
    mine = ["docs.html", "mine/contacts.csv"]
    outside = data_dir.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    for place in copies + mine:
        text(data_dir / place, CANARY)
    (data_dir / "published" / ".building-6").symlink_to(outside)
    erasure = erase(data_dir, CANARY)
    assert not [place for place in copies if (data_dir / place).exists()]
    assert (outside / "kept").exists()
    assert erasure.others == tuple(mine)
    assert "report.html" in erasure.removed
    assert "docs.html, mine/contacts.csv" in erasure.lines()[-1]
    assert [
        place for place in mine if f"{data_dir / place}" in verify(data_dir, CANARY).named
    ] == mine


SHORT = "17850"


@pytest.fixture
def short_dir(erased, tmp_path) -> Path:
    """A directory out of which a customer with a number for an id was erased."""
    data_dir = Path(shutil.copytree(erased, tmp_path / "data"))
    assert erase(data_dir, SHORT).records == 5
    return data_dir


def test_of_a_number_it_is_said_what_was_searched_and_what_was_not(short_dir):
    text(short_dir / "build" / "target" / "manifest.json", f"[{SHORT}, 1]")
    text(short_dir / "list.csv", f"customer_id;orders\n17851;{SHORT}\n")
    parquet(short_dir / "mine" / "a.parquet", f"select '{SHORT}' as invoice_no, 1 as customers")
    found = verify(short_dir, SHORT)
    assert found.is_clean
    *_, claim, note = found.lines()
    assert "nowhere" not in claim
    assert "in none of the customer ids" in claim
    assert "not in descriptions" in note
    assert "build/target/manifest.json" in note
    assert "list.csv" not in note


@pytest.mark.parametrize(
    ("place", "write_file", "content", "is_sure"),
    [
        ("contacts.csv", text, f"priority;Customer ID\n1;'{SHORT}\n", True),
        ("a.parquet", parquet, f"select {SHORT} as CustomerID", True),
        ("build/a.duckdb", database, f"select {SHORT}.0::double as customer_id", True),
        ("page.html", text, f"<td>{SHORT}</td>", False),
        ("notes.txt", text, f"call {SHORT} back", False),
    ],
)
def test_a_number_is_found_in_columns_of_customers_and_doubted_in_texts(
    short_dir, place, write_file, content, is_sure
):
    write_file(short_dir / place, content)
    found = verify(short_dir, SHORT)
    assert not found.is_clean
    assert [line for line in (found.named if is_sure else found.untold) if place in line]


def test_with_a_key_the_readable_id_is_looked_for_too(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    ingest_file(write(tmp_path / "a.csv", lines_of(CANARY)), tmp_path / "data")
    erase(tmp_path / "data", CANARY)
    assert verify(tmp_path / "data", CANARY).is_clean
    text(tmp_path / "data" / "list.csv", f"customer_id\n{CANARY}\n")
    assert verify(tmp_path / "data", CANARY).named


# ---------- the list of who was erased


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b"[" * 100_000,
        b'{"salt": "zz", "customers": []}',
        b'{"salt": "00", "customers": {}, "erasures": "many"}',
        b'{"salt": "00", "customers": [{"hash": "00"}]}',
        b'{"salt": "00", "customers": [{"hash": 1, "requested_at": "2026-01-01"}]}',
        b'{"salt": "00", "customers": [{"hash": "00", "requested_at": "yesterday"}]}',
        b'{"salt": "00", "erasures": 0, '
        b'"customers": [{"hash": "00", "requested_at": "2026-01-01"}]}',
    ],
)  # fmt: skip
def test_a_damaged_list_of_the_erased_is_refused_wherever_it_is_read(data_dir, content):
    (data_dir / "raw" / "tombstones.json").write_bytes(content)
    refused_by_all(data_dir)


@pytest.mark.parametrize("make", [
    Path.mkdir, os.mkfifo, lambda path: path.symlink_to("gone"),
    lambda path: path.symlink_to("kept.json"),
])  # fmt: skip
def test_what_is_no_list_of_the_erased_is_not_taken_for_one(data_dir, make):
    (data_dir / "raw" / "kept.json").write_text('{"salt": "00", "customers": []}')
    make(data_dir / "raw" / "tombstones.json")
    refused_by_all(data_dir)


def refused_by_all(data_dir: Path) -> None:
    before = raw(data_dir, "*")
    more = write(data_dir.parent / "more.csv", lines_of("17852", 9))
    for act in (
        lambda: erase(data_dir, CANARY),
        lambda: ingest_file(more, data_dir),
        lambda: erasure_number(data_dir / "raw"),
        lambda: not_erased("customer_id", data_dir / "raw"),
    ):
        with pytest.raises(CustomerIntelligenceError) as refusal:
            act()
        assert refusal.value.code == "E_TOMBSTONES"
    assert raw(data_dir, "*") == before


def test_every_erasure_has_a_higher_number_whatever_the_clock_says(tmp_path):
    assert erasure_number(tmp_path) == 0
    numbers = []
    for year, customer in [(2030, "a"), (2026, "b"), (2020, "a")]:
        add_tombstone(tmp_path, customer, dt.datetime(year, 1, 1, tzinfo=dt.UTC))
        numbers.append(erasure_number(tmp_path))
    assert numbers == [1, 2, 3]


def test_a_list_of_an_earlier_release_counts_its_customers(tmp_path):
    entries = [{"hash": name, "requested_at": "2026-01-01T00:00:00+00:00"} for name in "ab"]
    (tmp_path / "tombstones.json").write_text(json.dumps({"salt": "00", "customers": entries}))
    assert erasure_number(tmp_path) == 2
    add_tombstone(tmp_path, "c", dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    assert erasure_number(tmp_path) == 3


def test_writing_the_list_follows_no_link(tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("kept")
    (tmp_path / ".tombstones.json").symlink_to(kept)
    add_tombstone(tmp_path, "a", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert kept.read_text() == "kept"
    assert not (tmp_path / "tombstones.json").is_symlink()


def test_an_erasure_that_cannot_be_read_through_changes_nothing(data_dir):
    text(data_dir / "campaigns" / "a.parquet", "torn")
    with pytest.raises(CustomerIntelligenceError, match=r"E_DATA_DIR: .*a\.parquet"):
        erase(data_dir, CANARY)
    assert not (data_dir / "raw" / "tombstones.json").exists()
    assert raw(data_dir, "count(*) filter (customer_id is not null)") != [(0,)]


def holds(path: Path, text: str) -> bool:
    return path.is_file() and text.encode() in path.read_bytes()
