"""What documents of a business say: credit notes, blanks of numbers, currencies, no customers."""

from decimal import Decimal

import pytest

from customer_intelligence.check_data import stated
from customer_intelligence.check_data.draft import Draft
from customer_intelligence.check_data.draft_file import draft_text
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.mapping import mapping_of, read_mapping
from customer_intelligence.ingest.presets import preset, preset_names

COLUMNS = {"invoice_no": "no", "invoice_date": "date", "customer_id": "who", "stock_code": "sku"}


def mapped(columns, **said):
    return {"columns": {**COLUMNS, **columns}, "absent": ["quantity"], **said}


@pytest.mark.parametrize(("sign", "word"), [("", "CREDIT_NOTE"), ("-", "Credit-Note")])
def test_a_credit_note_takes_back_whichever_sign_it_has(ledger, sign, word):
    other = "-" if not sign else ""
    file = f"""no,date,who,sku,kind,total
        1,2024-01-05,a,MUG,invoice,10.00
        2,2024-01-06,b,MUG,invoice,7.00
        C1,2024-02-05,a,MUG,{word},{sign}4.00
        C1,2024-02-05,a,REBATE,{word},{other}1.00
    """
    mapping = mapped(
        {"line_amount": "total", "status": "kind"},
        credit_notes=["credit note"],
        rules={"codes": {"REBATE": "discount"}},
    )
    shop = ledger(file, mapping)
    assert shop.customers == {"a": 7, "b": 7}
    assert shop.orders == 2
    returned = "select cast(return_date as varchar), count(*) from fct_returns group by all"
    assert shop.rows(returned) == [("2024-02-05", 1)]


def test_a_credit_note_by_price_and_quantity_takes_its_units_back(ledger):
    file = """no,date,who,sku,kind,price,qty
        1,2024-01-05,a,MUG,invoice,2.50,4
        2,2024-01-06,b,MUG,invoice,2.50,1
        C1,2024-02-05,a,MUG,credit,2.50,1
    """
    mapping = mapped({"unit_price": "price", "quantity": "qty", "status": "kind"})
    del mapping["absent"]
    shop = ledger(file, {**mapping, "credit_notes": ["Credit"]})
    assert shop.customers == {"a": Decimal("7.50"), "b": Decimal("2.50")}


def test_the_word_of_a_credit_note_may_stand_on_its_first_line_only(ledger):
    file = """no,date,who,sku,kind,total
        1,2024-01-05,a,MUG,invoice,10.00
        C1,2024-02-05,a,MUG,credit,4.00
        ,,,POT,,3.00
    """
    once = ["invoice_no", "invoice_date", "customer_id", "status"]
    mapping = mapped(
        {"line_amount": "total", "status": "kind"}, credit_notes=["credit"], once_per_order=once
    )
    assert ledger(file, mapping).customers == {"a": 3}


def test_a_blank_discount_is_none(ledger):
    file = """no,date,who,sku,list,off
        1,2024-01-05,a,MUG,10.00,
        1,2024-01-05,a,POT,8.00,1.50
        2,2024-01-06,a,POT,,
        3,2024-01-07,b,POT,x,
    """
    mapping = mapped({}, derived={"line_amount": "list - off"}, zero_if_blank=["list", "off"])
    shop = ledger(file, mapping)
    assert shop.customers == {"a": Decimal("16.50")}
    assert shop.rows("select reason, records from rpt_quarantine") == [("R_LINE_AMOUNT", 1)]
    mapping = mapped({"line_amount": "list"}, zero_if_blank=["list"])
    assert ledger(file, mapping).customers == {"a": 18}


def test_lines_in_another_currency_are_set_apart_and_told(ledger, tmp_path):
    file = """no,date,who,sku,total,money
        1,2024-01-05,a,MUG,10.00,EUR
        2,2024-01-06,a,MUG,9.00,gbp
        3,2024-01-07,a,MUG,8.00,
        4,2024-01-07,a,MUG,1.00,AUD
    """
    columns = {"line_amount": "total", "currency": "money"}
    shop = ledger(file, mapped(columns, currency="EUR"))
    assert shop.customers == {"a": 18}
    assert shop.rows("select reason, records from rpt_quarantine") == [("R_CURRENCY", 2)]
    for other in (None, "USD"):
        with pytest.raises(CustomerIntelligenceError, match="E_MIXED_CURRENCIES") as error:
            ledger(file, mapped(columns, currency=other))
        assert "`currency: EUR`" in str(error.value)


def test_sales_to_nobody_known_are_sales(ledger):
    file = "no,date,sku,total\n1,2024-01-05,MUG,10.00\n2,2024-01-06,MUG,2.00\n"
    columns = {name: column for name, column in COLUMNS.items() if name != "customer_id"}
    mapping = {
        "columns": {**columns, "line_amount": "total"},
        "absent": ["quantity", "customer_id"],
    }
    shop = ledger(file, mapping)
    assert (shop.net_revenue, shop.orders, shop.customers) == (12, 2, {})


def test_a_column_that_calls_itself_utc_is_told(tmp_path):
    path = tmp_path / "payments.csv"
    path.write_text("no,Created (UTC),who,sku,total\n1,2024-01-05 23:30:00,a,MUG,1.00\n")
    mapping = mapped({"line_amount": "total", "invoice_date": "Created (UTC)"})
    result = ingest_file(path, tmp_path / "data", mapping_of(mapping, "mapping.yml"))
    text = (result.path / "load.json").read_text()
    assert "UTC, by the name of the column" in text
    berlin = mapping_of({**mapping, "timezone": "Europe/Berlin"}, "mapping.yml")
    result = ingest_file(path, tmp_path / "other", berlin)
    assert "by the name of the column" not in (result.path / "load.json").read_text()


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_that_is_written_as_a_mapping_says_the_same(tmp_path, name):
    """People change one key of it then, such as the time zone."""
    known = Draft()
    known.content = stated(preset(name))
    path = tmp_path / "mapping.yml"
    path.write_text(draft_text(known, path), encoding="utf-8")
    assert read_mapping(path) == preset(name)


@pytest.mark.parametrize(
    "said",
    [
        {"zero_if_blank": "price"},
        {"zero_if_blank": [""]},
        {"credit_notes": ["credit"]},
        {"credit_notes": "credit"},
    ],
)
def test_what_a_mapping_says_of_words_is_checked(said):
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_MAPPING"):
        mapping_of(mapped({"line_amount": "total"}, **said), "mapping.yml")
