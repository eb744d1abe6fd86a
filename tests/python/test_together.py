"""Files that belong together: every line is given what its order and customer say, and counts once.

The shop of these tests: order 1 of Ada (3.50), order 2 of Bob (1.50 and 4.00), and an order without
a line.
"""

import datetime as dt
import logging
import os
import random
from decimal import Decimal

import dispositions
import duckdb
import openpyxl
import pytest
import yaml
from exports import olist

from customer_intelligence import check_data
from customer_intelligence.check_data.draft_file import draft_text
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.ingest.recognise import known_preset

ITEMS = "order_id,sku,price,status\n1,MUG,3.50,new\n2,MUG,1.50,new\n2,POT,4.00,used\n"
ORDERS = (
    "order_id,client,created,status\n1,7,2024-01-05 10:00,paid\n2,8,2024-01-06,paid\n"
    "3,8,2024-01-07,paid\n"
)
CLIENTS = "id,mail\n7,ada@x.com\n8,bob@x.com\n"
MAPPING = {
    "files": {
        "lines": {"file": "items.csv"},
        "orders": {"file": "orders.csv", "key": "order_id"},
        "clients": {"file": "clients.csv", "key": "id", "matches": "client"},
    },
    "columns": {
        "invoice_no": "order_id",
        "invoice_date": "created",
        "customer_id": "mail",
        "stock_code": "sku",
        "line_amount": "price",
        "status": "orders.status",
    },
    "absent": ["quantity"],
}
RIGHT = {"ada@x.com": Decimal("3.50"), "bob@x.com": Decimal("5.50")}


@pytest.fixture
def export(tmp_path):
    """Return a function that writes the three files, some of them otherwise."""
    directory = tmp_path / "export"

    def write(**texts):
        directory.mkdir(exist_ok=True)
        files = {"items": ITEMS, "orders": ORDERS, "clients": CLIENTS, **texts}
        for name, text in files.items():
            (directory / f"{name}.csv").write_text(text, encoding="utf-8")
        return directory

    return write


def changed(**files):
    """Return the mapping with other things said of its files."""
    return {
        **MAPPING,
        "files": {name: {**said, **files.get(name, {})} for name, said in MAPPING["files"].items()},
    }


def loaded(path, data_dir, mapping=MAPPING):
    return ingest_file(path, data_dir, mapping_of(mapping, "mapping.yml"))


def refusal(path, data_dir, mapping=MAPPING):
    with pytest.raises(CustomerIntelligenceError) as error:
        ingest_file(path, data_dir, mapping and mapping_of(mapping, "mapping.yml"))
    assert not list(data_dir.glob("raw/*"))
    return error.value


def test_lines_orders_and_customers_are_one_export(ledger, export):
    shop = ledger(export(), MAPPING)
    assert shop.customers == RIGHT
    assert shop.orders == 2
    assert (
        shop.rows("select order_status from staging.stg_retail__invoice_lines") == [("paid",)] * 3
    )


def test_the_others_lie_beside_the_file_of_the_lines_whatever_it_is_called(ledger, export):
    directory = export()
    (directory / "items.csv").rename(directory / "may.csv")
    assert ledger(directory / "may.csv", MAPPING).customers == RIGHT


def test_a_star_in_a_name_stands_for_what_changes(ledger, export):
    directory = export()
    (directory / "orders.csv").rename(directory / "orders-2024.csv")
    mapping = changed(orders={"file": "orders-*.csv"})
    assert ledger(directory, mapping).customers == RIGHT
    (directory / "orders-2023.csv").write_text(ORDERS)
    error = refusal(directory, directory / "data", mapping)
    assert error.code == "E_BAD_MAPPING"
    assert "'orders-2023.csv', 'orders-2024.csv'" in error.what


def test_each_file_may_be_of_another_format(ledger, export):
    """Numbers of a workbook and of Parquet are the texts of a CSV, and true dates are dates."""
    directory = export()
    book = openpyxl.Workbook()
    book.active.append(["Orders of the shop"])
    book.active.append(["order_id", "client", "created", "status", "shipped"])
    for number, client, day in ((1, 7, 5), (2, 8, 6), (3, 8, 7)):
        sold, shipped = dt.datetime(2024, 1, day), dt.datetime(2024, 1, 9)
        book.active.append([number, client, sold, "paid", shipped])
    book.create_sheet("Open").append(["order_id", "client", "note"])
    book.save(directory / "orders.xlsx")
    duckdb.execute(
        f"copy (select id::double as id, mail from '{directory}/clients.csv') "
        f"to '{directory}/clients.parquet'"
    )
    (directory / "items.csv").write_text(ITEMS.replace(",", ";"), encoding="utf-16")
    mapping = changed(orders={"file": "orders.xlsx"}, clients={"file": "clients.parquet"})
    shop = ledger(directory, mapping)
    assert shop.customers == RIGHT
    assert shop.rows("select min(order_date), max(order_date) from fct_orders") == shop.rows(
        "select date '2024-01-05', date '2024-01-06'"
    )


def test_sheets_of_a_workbook_belong_together(ledger, export):
    directory = export()
    book = openpyxl.Workbook()
    book.active.append(["A shop's own book"])
    for name, text in (("Lines", ITEMS), ("Orders", ORDERS), ("Clients", CLIENTS)):
        sheet = book.create_sheet(name)
        for line in text.splitlines():
            sheet.append(line.split(","))
    book.save(directory / "shop.xlsx")
    sheets = {"lines": "Lines", "orders": "Orders", "clients": "Clients"}
    mapping = changed(
        **{name: {"file": "shop.xlsx", "sheet": sheet} for name, sheet in sheets.items()}
    )
    for path in (directory, directory / "shop.xlsx"):
        assert ledger(path, mapping).customers == RIGHT
    error = refusal(
        directory, directory / "data", changed(orders={"file": "shop.xlsx", "sheet": "O"})
    )
    assert error.code == "E_BAD_MAPPING"
    assert "'Lines', 'Orders', 'Clients'" in error.what


def test_a_key_of_pseudonyms_hides_customers_of_all_files(export, tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", "k" * 40)
    directory = export()
    # A damaged record of each file, with what names a customer in it.
    (directory / "items.csv").write_text(ITEMS + "2,x,ada@x.com\n")
    (directory / "orders.csv").write_text(ORDERS.replace("8,2024-01-06", "8,ada@x.com,2024-01-06"))
    clients = f"{CLIENTS}9,für ada@x.com \udcff\n"
    (directory / "clients.csv").write_bytes(clients.encode("utf-8", "surrogateescape"))
    loaded(directory, tmp_path / "data")
    (rows,) = (tmp_path / "data").glob("raw/*/invoice_lines.parquet")
    held = duckdb.execute(f"select * from '{rows}'").fetchall()
    assert len(held) == 4
    assert "ada@x.com" not in str(held)
    assert "ada@x.com" not in (rows.parent / "load.json").read_text()


def test_a_line_never_counts_twice(export, tmp_path):
    twice = ORDERS + "2,8,2024-01-06,paid\n"
    error = refusal(export(orders=twice), tmp_path / "data")
    assert error.code == "E_REPEATED_KEY"
    assert "orders.csv has 1 values of order_id on more than one record, such as '2'" in error.what
    # Where each till numbers its own orders, the till belongs to the key.
    tills = {
        "items": "till,order_id,sku,price\n1,1,MUG,3.50\n2,1,POT,5.50\n",
        "orders": "shop,order_id,client,created,status\n1,1,7,2024-01-05,a\n2,1,8,2024-01-06,a\n",
    }
    several = {"key": ["shop", "order_id"], "matches": ["till", "order_id"]}
    mapping = changed(orders=several)
    mapping["columns"] = {**mapping["columns"], "status": "status"}
    assert loaded(export(**tills), tmp_path / "data", mapping).accepted == 2


def test_what_finds_no_partner_is_told(export, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    result = loaded(export(items=ITEMS + "9,POT,2.00,new\n"), tmp_path / "data")
    assert "has 1 line whose order_id is not in orders.csv" in result.notes
    assert "is joined with orders.csv, where 1 record found no line" in result.notes
    assert "clients.csv" not in " ".join(result.notes)
    assert result.reasons == {"R_INVOICE_DATE": 1}
    assert result.amounts == {"R_INVOICE_DATE": 2}
    # The key is used, if for no field.
    assert "has columns that are not used: 'lines.status', 'shipped'" not in result.notes
    assert "has columns that are not used: 'lines.status'" in result.notes


def test_a_blank_key_is_that_of_nobody(ledger, export):
    blank = {
        "orders": ORDERS.replace("2,8,", "2,,"),
        "clients": CLIENTS + ",nobody@x.com\n ,noone@x.com\n",
    }
    shop = ledger(export(**blank), MAPPING)
    assert shop.customers == {"ada@x.com": Decimal("3.50")}
    assert shop.net_revenue == 9


def test_files_of_which_nothing_fits_are_refused(export, tmp_path):
    error = refusal(export(), tmp_path / "data", changed(clients={"matches": "order_id"}))
    assert error.code == "E_NO_PARTNER"
    assert "No line finds its record in clients.csv by id" in error.what


def test_the_spellings_of_a_code_are_one_key(ledger, export):
    assert ledger(export(clients="id,mail\n7.0,ada@x.com\n 8\u200b,bob@x.com\n"), MAPPING).customers


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        (ORDERS.replace("2,8,2024-01-06,paid", "2,8,2024-01-06"), "R_INVOICE_DATE"),
        (ORDERS.replace("paid\n2", "bezahlt für\n2").replace("06", "06\udcff"), "R_ENCODING"),
    ],
)
def test_a_damaged_record_of_a_further_file_is_told_and_takes_no_line_along(
    export, tmp_path, orders, reason
):
    directory = export()
    (directory / "orders.csv").write_bytes(orders.encode("utf-8", "surrogateescape"))
    result = loaded(directory, tmp_path / "data")
    assert (result.records, result.accepted) == (3, 1)
    assert reason in result.reasons
    assert "is joined with orders.csv, where 1 record could not be read" in result.notes


def test_quoted_lines_of_several_files_are_counted_each_on_its_own(export, tmp_path):
    """Records over several lines are numbered by a function of their file."""
    texts = {
        "items": ITEMS.replace("MUG", '"MUG\nred"'),
        "orders": ORDERS.replace("paid", '"paid\n\n"'),
        "clients": CLIENTS.replace("\n8", "\n\n8"),
    }
    loaded(export(**texts), tmp_path / "data")
    rows = duckdb.execute(
        f"select line_number from '{tmp_path}/data/raw/*/invoice_lines.parquet' order by all"
    ).fetchall()
    assert rows == [(2,), (4,), (6,)]


def test_the_same_files_again_are_skipped_and_a_changed_one_replaces(ledger, export, tmp_path):
    directory = export()
    assert loaded(directory, tmp_path / "data").first_source_file is None
    assert loaded(directory / "items.csv", tmp_path / "data").first_source_file == "export"
    export(orders=ORDERS.replace("2024-01-06,paid", "2024-01-06,cancelled"))
    result = loaded(directory, tmp_path / "data")
    assert result.first_source_file is None
    assert "replaces 2 invoices (3 lines) of load 1: 9.00" in result.notes


def test_the_bounds_of_files_hold_for_each(export, tmp_path, monkeypatch):
    directory, data_dir = export(), tmp_path / "data"
    clients = directory / "clients.csv"
    clients.rename(tmp_path / "elsewhere.csv")
    assert refusal(directory, data_dir).code == "E_NOT_FOUND"
    clients.symlink_to(tmp_path / "elsewhere.csv")
    assert refusal(directory, data_dir).code == "E_SYMLINK"
    clients.unlink()
    os.mkfifo(clients)
    assert refusal(directory, data_dir).code == "E_NOT_A_FILE"
    clients.unlink()
    clients.touch()
    assert refusal(directory, data_dir).code == "E_EMPTY_FILE"
    clients.write_text(CLIENTS + " " * 1_000)
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES", "500")
    assert refusal(directory, data_dir).code == "E_TOO_BIG"
    clients.write_bytes(b"%PDF-1.4")
    assert refusal(directory, data_dir).code == "E_UNKNOWN_FORMAT"
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_INPUT_ROOT", str(tmp_path / "other"))
    assert refusal(directory, data_dir).code == "E_OUTSIDE_ROOT"


def test_a_file_that_changes_meanwhile_is_refused(export, tmp_path, monkeypatch):
    from customer_intelligence.ingest import pipeline

    directory, survey = export(), pipeline.survey

    def meddled(*arguments):
        (directory / "clients.csv").write_text(CLIENTS + "9,eve@x.com\n")
        return survey(*arguments)

    monkeypatch.setattr(pipeline, "survey", meddled)
    error = refusal(directory, tmp_path / "data")
    assert (error.code, "clients.csv" in error.what) == ("E_CHANGED", True)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (["orders.csv"], "files"),
        ({"lines": {"file": "a.csv"}}, "files"),
        ({"lines": {"file": "a.csv"}, "orders": {"file": "b.csv"}}, "files.orders"),
        ({"lines": {"key": "id"}, "orders": {"file": "b.csv", "key": "id"}}, "files.lines"),
        ({"lines": {}, "orders": {"file": "../b.csv", "key": "id"}}, "files.orders.file"),
        ({"lines": {}, "orders": {"file": "..", "key": "id"}}, "files.orders.file"),
        ({"lines": {}, "orders": {"file": "b.csv", "key": 7}}, "files.orders.key"),
        ({"lines": {}, "my orders": {"file": "b.csv", "key": "id"}}, "files"),
        (
            {"lines": {}, "orders": {"file": "b.csv", "key": "a", "matches": ["a", "b"]}},
            "files.orders.matches",
        ),
    ],
)
def test_what_a_mapping_says_of_files_is_checked(files, told):
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_MAPPING") as error:
        mapping_of({**MAPPING, "files": files}, "mapping.yml")
    assert f"mapping's {told} does not allow" in str(error.value)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"orders": {"key": "number"}}, "items.csv has no column, or several, for 'number'"),
        ({"clients": {"matches": "customer"}}, 'can be "customer"'),
        ({"clients": {"matches": "status"}}, 'can be "status"'),
        ({"clients": {"file": "orders.csv", "key": "client"}}, "not all different"),
    ],
)
def test_a_key_that_is_no_column_is_refused_with_what_was_found(export, tmp_path, files, told):
    error = refusal(export(), tmp_path / "data", changed(**files))
    assert error.code == "E_BAD_MAPPING"
    assert told in error.what


def test_check_data_drafts_which_files_belong_together(export, tmp_path, ledger):
    notes = "order_id,note\n1,a\n1,b\n2,c\n"
    directory = export(notes=notes, clients=CLIENTS.replace("mail", "email"))
    (directory / "readme.pdf").write_bytes(b"%PDF-1.4")
    draft = check_data.draft_of(directory)
    assert draft.content["files"] == {
        "items": {"file": "items.csv"},
        "orders": {"file": "orders.csv", "key": "order_id"},
        "clients": {"file": "clients.csv", "key": "id", "matches": "client"},
    }
    assert draft.content["columns"]["invoice_date"] == "created"
    assert draft.content["columns"]["customer_id"] == "email"
    assert any(note.startswith("notes.csv is not joined") for note in draft.notes)
    path = tmp_path / "mapping.yml"
    path.write_text(draft_text(draft, directory), encoding="utf-8")
    assert ledger(directory, yaml.safe_load(path.read_text())).customers == RIGHT


def test_check_data_says_that_a_file_may_need_those_beside_it(export):
    draft = check_data.draft_of(export() / "items.csv")
    assert any("'orders.csv' beside it" in note for note in draft.notes)
    assert "files" not in draft.content


def test_files_that_do_not_belong_together_are_no_export(tmp_path):
    (directory := tmp_path / "months").mkdir()
    for month in ("may", "june"):
        lines = "order_id,created,email,sku,price\n1,2024-05-01,a@x.com,MUG,1.00\n"
        (directory / f"{month}.csv").write_text(lines)
    with pytest.raises(CustomerIntelligenceError, match="E_NOT_A_FILE"):
        check_data.draft_of(directory)


def test_a_directory_without_a_mapping_says_what_is_missing(export, tmp_path):
    with pytest.raises(CustomerIntelligenceError, match="E_NOT_A_FILE") as error:
        ingest_file(export(), tmp_path / "data")
    assert "`files:` in mapping.yml" in str(error.value)


def test_check_data_tells_what_a_build_makes_of_them(export, tmp_path):
    mapping, shown = tmp_path / "mapping.yml", []
    mapping.write_text(yaml.safe_dump(MAPPING, sort_keys=False))
    assert check_data.check(export(), str(mapping), build=dispositions.run, show=shown.append)
    report = "\n".join(shown)
    assert "export: csv, utf-8, 3 records" in report
    assert "2 customers, 2 invoices, lines add up to 9.00" in report
    assert "note: the file is joined with orders.csv, where 1 record found no line" in report


def test_a_directory_leads_to_its_preset_as_the_file_of_its_lines_does(ledger, tmp_path):
    (directory := tmp_path / "olist").mkdir()
    truth = olist.write(directory, random.Random(4))
    assert known_preset(directory) == "olist"
    shop = ledger(directory)
    assert shop.net_revenue == sum(line.amount for line in truth.lines)
    (directory / "olist_orders_dataset.csv").unlink()
    error = refusal(directory, tmp_path / "data", None)
    assert error.code == "E_NOT_FOUND"
    assert "no file '*orders*'" in error.what
