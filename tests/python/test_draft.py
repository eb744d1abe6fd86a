"""What is drafted for a file of which nothing was said: right, or said to be unsure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from customer_intelligence.check_data import draft_of
from customer_intelligence.check_data.draft import Column, Draft, draft_mapping
from customer_intelligence.check_data.draft_file import draft_text
from customer_intelligence.ingest.columns import is_unique
from customer_intelligence.ingest.fields import FIELDS
from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.ingest.names import code_class, points, said
from customer_intelligence.ingest.yaml_files import parse_yaml

# Headers of exports as their documentation and public files show them, with invented rows.
HEADERS = yaml.load(
    Path(__file__).with_name("headers.yml").read_text("utf-8"),
    Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
)


def drafted(*lines: str, separator: str = ",") -> Draft:
    """Draft a mapping for lines of text, the first of which is the header."""
    header, *rows = [line.split(separator) for line in lines]
    return draft_mapping(
        [Column(name, [row[at] for row in rows]) for at, name in enumerate(header)]
    )


def chosen(draft: Draft) -> dict[str, str]:
    return {field: proposal.columns[0] for field, proposal in draft.proposals.items()}


def notes(draft: Draft) -> str:
    return "\n".join(draft.notes)


# ---------------------------------------------------------------- exports of many shops


def draft_of_entry(entry: dict[str, Any]) -> Draft:
    header = [name.strip() for name in entry["header"]]
    return draft_mapping(
        [
            Column(name, [row[at].strip() for row in entry["rows"]])
            for at, name in enumerate(header)
            if name and is_unique(name, header)
        ]
    )


def texts(value: str | list[str] | None) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [text.strip() for text in several if text is not None]


def is_right(entry: dict[str, Any], field: str, draft: Draft) -> bool:
    """Tell whether a field is taken from a right column, or rightly from none."""
    expected, others = texts(entry["fields"][field]), entry.get("also", {}).get(field, [])
    allowed = [*expected[:1], *texts(others)]
    proposal = draft.proposals.get(field)
    if proposal is None:
        # Without a quantity, what one unit costs is what the line costs.
        money = draft.proposals.get("line_amount")
        is_same = field == "unit_price" and entry["fields"]["quantity"] is None
        is_elsewhere = is_same and money is not None and money.columns[0] in allowed
        return not expected or None in others or is_elsewhere
    further = [*expected, *allowed, *texts(entry.get("also_fallback", {}).get(field, []))]
    return proposal.columns[0] in allowed and all(name in further for name in proposal.columns[1:])


def measured(use: str) -> tuple[Counter[bool], list[str]]:
    """Return how many fields are right, and those that are wrong and called ok."""
    found: Counter[bool] = Counter()
    certain_and_wrong = []
    for entry in HEADERS:
        if entry["use"] != use or entry["kind"] != "order_lines":
            continue
        draft = draft_of_entry(entry)
        for field in entry["fields"]:
            right = is_right(entry, field, draft)
            found[right] += 1
            proposal = draft.proposals.get(field)
            if not right and proposal is not None and proposal.verdict == "ok":
                certain_and_wrong.append(f"{entry['name']}.{field}: {proposal}")
    return found, certain_and_wrong


@pytest.mark.parametrize(("use", "share"), [("tune", 0.98), ("held_out", 0.97)])
def test_columns_of_real_exports_are_known(use, share):
    found, certain_and_wrong = measured(use)
    assert found[True] >= share * found.total(), found
    assert not certain_and_wrong


def test_what_are_no_lines_of_orders_is_said():
    for entry in HEADERS:
        if entry["kind"] == "not_order_lines":
            draft = draft_of_entry(entry)
            assert not draft.is_lines, (entry["name"], chosen(draft))
            assert "not like lines of orders" in notes(draft)


def test_nobody_is_named_in_the_headers():
    text = Path(__file__).with_name("headers.yml").read_text("utf-8")
    addresses = {word.strip('",[]') for word in text.split() if "@" in word}
    assert all("example" in address or address == "@" for address in addresses), addresses


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "meanings"),
    [
        ("Rechnungsnummer", {"invoice", "number"}),
        ("ORDERDATE", {"order", "date"}),
        ("N° de commande", {"number", "order"}),
        ("BelegePositionenID", {"invoice", "line", "id"}),
        ("Preço unitário", {"price", "unit"}),
        ("billing_city", {"billing", "place"}),
        ("Zwischensumme", {"subtotal"}),
    ],
)
def test_names_are_cut_into_meanings(name, meanings):
    assert said(name).meanings == meanings


def test_a_place_or_a_label_is_no_identity():
    for name in (
        "Billing City",
        "Customer type",
        "customer_segment",
        "Kundengruppe",
        "Buyer State",
    ):
        assert points("customer_id", name) < 5
        assert points("invoice_no", name) < 5


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("POST", "shipping"),
        ("SHIP-2", "shipping"),
        ("Frais de port", "shipping"),
        ("DISCOUNT", "discount"),
        ("GIFT-CARD-50", "gift_voucher"),
        ("TIP", "tip"),
        ("POSTER-1", None),
        ("SHIPPING CRATE", None),
        ("GIFT BOX", None),
        ("C2", None),
        ("22001", None),
    ],
)
def test_codes_are_no_merchandise_where_all_their_words_say_so(code, kind):
    assert code_class(code) == kind


# ---------------------------------------------------------------- values and arithmetic


def test_an_empty_column_is_never_drafted():
    draft = drafted(
        "Sale Date,Item Name,Buyer,Quantity,Price,Order ID,SKU,Customer ID",
        "12/26/21,Mug,buyer a,1,4.50,1001,,",
        "12/27/21,Pen,buyer b,2,3.00,1002,,",
        "12/28/21,Cup,buyer a,1,5.00,1003,,",
    )
    found = chosen(draft)
    assert found["stock_code"] == found["description"] == "Item Name"
    assert found["customer_id"] == "Buyer"
    firm = drafted(
        "*ContactName,EmailAddress,*InvoiceNumber,*InvoiceDate,*Description,*Quantity,*UnitAmount",
        "Firm A,,INV-001,31/01/2021,Widget,2,50.00",
        "Firm B,,INV-002,05/02/2021,Gadget,4,50.00",
    )
    assert chosen(firm)["customer_id"] == "*ContactName"
    assert chosen(firm)["unit_price"] == "*UnitAmount"


def test_an_order_is_not_named_by_the_city_of_its_bill():
    draft = drafted(
        "Name,Email,Total,Created at,Billing City,Billing Country",
        "#1001,a@example.org,10.00,2021-01-13 10:00:00,Paris,FR",
        "#1002,b@example.org,20.00,2021-01-14 10:00:00,Paris,FR",
        "#1003,a@example.org,15.00,2021-02-14 10:00:00,Lyon,FR",
    )
    assert chosen(draft) == {
        "invoice_no": "Name",
        "invoice_date": "Created at",
        "customer_id": "Email",
        "line_amount": "Total",
        "country": "Billing Country",
    }


def test_without_a_customer_all_the_rest_is_drafted():
    draft = drafted(
        "invoice id,date,customer type,product line,unit price,quantity",
        "1,2021-01-01,Member,Food,10.00,2",
        "2,2021-01-02,Normal,Food,12.00,1",
    )
    found = chosen(draft)
    assert "customer_id" not in found
    assert found["invoice_no"] == "invoice id"
    assert found["unit_price"] == "unit price"
    assert "customer_id" not in draft.content["columns"]
    assert "no column is known to say who bought" in notes(draft)


def test_arithmetic_tells_a_price_from_a_total():
    head = "order,date,customer,sku,qty,price,value"
    lines = [f"{n},2024-01-{n:02d},c{n},A,{n},{2 * n}.00,2.00" for n in range(1, 9)]
    # The names would have it the other way round.
    draft = drafted("order,date,customer,sku,qty,value,price", *lines)
    assert chosen(draft)["line_amount"] == "value"
    proven = [f"{n},2024-01-{n:02d},c{n},A,{n},2.00,{2 * n}.00" for n in range(1, 9)]
    draft = drafted(head, *proven)
    assert (chosen(draft)["unit_price"], chosen(draft)["line_amount"]) == ("price", "value")
    assert draft.proposals["line_amount"].verdict == "ok"
    assert "quantity x price gives the total" in " ".join(draft.proposals["line_amount"].reasons)


def test_a_price_that_grows_with_the_quantity_is_what_the_line_costs():
    lines = [f"{n},2024-01-{n:02d},c{n},A,{n},{n * 3}.50" for n in (2, 4, 8)]
    exact = [f"{n},2024-01-{n:02d},c{n},A,{n},{n * 3}.00" for n in (2, 4, 8)]
    head = "order,date,customer,sku,qty,price"
    assert "unit_price" in chosen(drafted(head, *lines))
    assert chosen(drafted(head, *exact)).get("line_amount") == "price"


def test_two_columns_that_claim_to_be_the_amount_are_said():
    draft = drafted(
        "order,date,customer,sku,qty,line total,line amount",
        "1,2024-01-01,a,A,2,20.00,18.00",
        "2,2024-01-02,b,B,1,5.00,5.00",
    )
    assert "may both be the amount, and differ on 1 of 2 lines" in notes(draft)
    assert "(23.00 against 25.00)" in notes(draft)


def test_an_amount_of_the_order_is_no_amount_of_its_lines():
    head = "order,date,customer,sku,qty,price,subtotal"
    single = [f"{n},2024-01-{n:02d},c{n},A,2,5.00,10.00" for n in range(1, 9)]
    once = ["9,2024-01-09,d,A,2,5.00,13.00", "9,2024-01-09,d,B,1,3.00,"]
    same = ["9,2024-01-09,d,A,2,5.00,13.00", "9,2024-01-09,d,B,1,3.00,13.00"]
    more = ["10,2024-01-09,d,A,1,5.00,8.00", "10,2024-01-09,d,B,1,3.00,8.00"]
    for draft in (drafted(head, *single, *once), drafted(head, *single, *same, *more)):
        assert chosen(draft)["unit_price"] == "price"
        assert "line_amount" not in chosen(draft)
    assert "'subtotal' stands once per order" in notes(drafted(head, *single, *once))


def test_a_discount_of_the_order_counts_where_its_total_proves_it():
    head = "order,date,customer,sku,qty,price,subtotal,discount,shipping,total"
    lines = [f"{n},2024-01-{n:02d},c{n},A,2,5.00,10.00,1.50,4.00,12.50" for n in range(1, 7)]
    lines += ["7,2024-01-07,d,A,2,5.00,13.00,3.00,0.00,10.00", "7,2024-01-07,d,B,1,3.00,,,,"]
    draft = drafted(head, *lines)
    assert draft.content["order_amount"] == '"subtotal" - "discount"'
    assert "'discount' takes 12.00 off 'subtotal'" in notes(draft)
    unproven = drafted(head, *(line.replace("12.50", "14.00") for line in lines))
    assert "order_amount" not in unproven.content
    assert "'discount' says of discounts, and does not count" in notes(unproven)
    rate = ["1,2024-01-01,a,A,2,5.00,0.15", "2,2024-01-02,b,A,1,5.00,0"]
    way_out = """derived: {line_amount: '"qty" * "price" * (1 - "discount")'}"""
    assert way_out in notes(drafted("order,date,customer,sku,qty,price,discount", *rate))


def test_the_number_of_a_line_is_no_product():
    draft = drafted(
        "order_id,order_date,customer_id,line_item_id,product_id,unit_price,quantity",
        "2354,14-JUL-08,104,6,3143,16,53",
        "2354,14-JUL-08,104,3,3123,79,47",
    )
    assert chosen(draft)["stock_code"] == "product_id"


def test_a_guest_and_two_spellings_of_a_customer_are_said():
    head = "order_id,order_date,customer_id,sku,qty,line_total"
    guests = [f"{n},2024-01-{n:02d},0,A,1,2.00" for n in range(1, 11)]
    others = [f"{n},2024-01-{n:02d},c{n},A,1,2.00" for n in range(11, 25)]
    assert "one customer, '0', has 10 of 24 orders" in notes(drafted(head, *guests, *others))
    twins = ["30,2024-02-01,0017,A,1,2.00", "31,2024-02-02,17,A,1,2.00"]
    assert "'0017' and '17'" in notes(drafted(head, *others, *twins))
    assert "one customer" not in notes(drafted(head, *others))


def test_the_status_of_an_order_is_proposed_with_its_column():
    draft = drafted(
        "Order ID,Order Status,Order Date,Customer Email,Item SKU,Item Quantity,Item Cost,"
        "Order Line Subtotal,Order Total",
        "5001,completed,2023-01-01 12:00,c0@x.com,TEA-1,1,10.00,10.00,10.00",
        "5002,failed,2023-01-03 12:00,c1@x.com,TEA-1,2,10.00,20.00,24.00",
        "5003,cancelled,2023-01-05 12:00,c2@x.com,TEA-1,2,10.00,20.00,24.00",
    )
    found = chosen(draft)
    assert found["status"] == "Order Status"
    assert found["line_amount"] == "Order Line Subtotal"
    assert found["customer_id"] == "Customer Email"


def test_a_price_is_certain_only_where_something_proves_that_it_is_of_one_unit():
    lines = [f"{n},2024-01-{n:02d},c{n},A{n},{n},9.50" for n in range(1, 9)]
    bare = drafted("order,date,customer,sku,qty,item price", *lines)
    assert bare.proposals["unit_price"].verdict == "likely"
    unit = drafted("order,date,customer,sku,qty,unit price", *lines)
    assert unit.proposals["unit_price"].verdict == "ok"


def test_what_nothing_else_says_is_taken_from_a_last_resort():
    draft = drafted(
        "referencia,fecha,telefono,producto,cantidad,list price",
        "R7,2024-01-01,600000001,Vela,2,5.00",
        "R8,2024-01-02,600000002,Vela,1,5.00",
    )
    found = chosen(draft)
    assert (found["invoice_no"], found["customer_id"]) == ("referencia", "telefono")
    assert found["unit_price"] == "list price"
    for field in ("invoice_no", "customer_id", "unit_price"):
        assert draft.proposals[field].verdict == "look here"
    counted = drafted(
        "no;date;client;product;total",
        "1;2024-01-01;a;X;2.00",
        "2;2024-01-02;b;X;3.00",
        separator=";",
    )
    assert "invoice_no" not in chosen(counted)


@pytest.mark.parametrize(
    ("written", "currency"),
    [("10 000 FCFA", None), ("12,50 zł", "PLN"), ("R$ 12,50", "BRL"), ("$12.50", "USD")],
)
def test_amounts_may_carry_any_sign(written, currency):
    draft = drafted(
        "order;date;customer;sku;qty;line total",
        f"1;2024-01-01;a;A;2;{written}",
        f"2;2024-01-02;b;B;1;{written}",
        separator=";",
    )
    assert chosen(draft)["line_amount"] == "line total"
    assert draft.content.get("currency") == currency
    assert currency or "several currencies, XAF/XOF" in notes(draft)


def test_the_day_of_shipping_is_better_than_none():
    lines = [f"2016-11-{n:02d};Claire;Bookcase;261,96;2" for n in range(11, 14)]
    draft = drafted("Ship Date;Customer Name;Product Name;Sales;Quantity", *lines, separator=";")
    assert draft.proposals["invoice_date"].columns == ["Ship Date"]
    assert draft.proposals["invoice_date"].verdict == "look here"
    assert draft.is_lines


def test_goods_without_amounts_are_said():
    draft = drafted(
        "order,date,customer,product id,qty", "1,2024-01-01,a,A-1,2", "2,2024-01-02,b,B-2,1"
    )
    assert "have no amounts" in notes(draft)
    assert "description" not in chosen(draft)


# ---------------------------------------------------------------- the file


def test_the_drafted_file_is_a_mapping_with_its_reasons(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        "order,date,customer,sku,quantity,price\n"
        + "".join(
            f"R{n},2021-01-{n:02d},K{n},SKU{n},2,10.00\nR{n},2021-01-{n:02d},K{n},SHIPPING,1,4.95\n"
            for n in range(1, 9)
        )
        + "R1,2021-01-01,K1,DISCOUNT,1,-3.00\n"
    )
    draft = draft_of(path)
    text = draft_text(draft, path)
    content = parse_yaml(text.encode(), "mapping.yml", "E_BAD_MAPPING")
    assert content == draft.content
    assert content["rules"] == {"codes": {"SHIPPING": "shipping", "DISCOUNT": "discount"}}
    mapping_of(content, "mapping.yml")
    for line in text.split("columns:\n")[1].split("rules:")[0].splitlines():
        assert "# ok: " in line or "# likely: " in line or "# look here: " in line


def test_words_for_the_status_and_for_nobody_are_proposed_with_reasons(tmp_path):
    path = tmp_path / "o.csv"
    states = ["Completed", "pending", "Failed", "wc-refunded", "Test order", "Galaxy"]
    buyers = ["a@example.org", "Walk-in Customer", "Público en general", "0", "Guest Smith", "b"]
    lines = zip(states, buyers, strict=True)
    path.write_text(
        "order,date,customer,order status,sku,quantity,line total\n"
        + "".join(
            f"{n},2021-01-{n:02d},{buyer},{state},SKU{n},1,10.00\n"
            for n, (state, buyer) in enumerate(lines, 1)
        ),
        encoding="utf-8",
    )
    draft = draft_of(path)
    assert draft.content["rules"] == {
        "statuses": {
            "counts": ["Completed"],
            "cancelled": ["Failed"],
            "refunded": ["wc-refunded"],
            "test": ["Test order"],
        },
        "nobody": ["0", "Público en general", "Walk-in Customer"],
    }
    text = notes(draft)
    assert "by their status, orders 'Failed' (1) did not take place" in text
    assert "orders 'pending' (1) count, payment is pending" in text
    assert "orders 'Galaxy' (1) are not known: they count, unless" in text
    assert "taken for nobody and not for a customer (lines): '0' (1)" in text
    mapping_of(draft.content, "mapping.yml")


def test_a_column_of_those_who_refused_is_no_consent(tmp_path):
    head = "order,date,customer,sku,quantity,line total"
    lines = [f"{n},2021-01-{n:02d},c{n},S,1,10.00,{said}" for n, said in ((1, "yes"), (2, "no"))]
    assert chosen(drafted(f"{head},Accepts Marketing", *lines))["consent"] == "Accepts Marketing"
    assert "consent" not in chosen(drafted(f"{head},Unsubscribed from newsletter", *lines))


def test_names_of_columns_cannot_break_the_file(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        '"order: #1 ""no""",date,"customer\n# id",sku,qty,price\n1,2024-01-01,a,A,1,2.00\n'
    )
    draft = draft_of(path)
    content = parse_yaml(draft_text(draft, path).encode(), "mapping.yml", "E_BAD_MAPPING")
    assert content == draft.content


def test_what_cannot_be_said_in_a_mapping_stands_there_as_a_remark(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("order,date,customer,sku,qty,price\n1,2024-01-01,a,A,1,2.00\n")
    draft = draft_of(path)
    assert set(draft.content["columns"]) <= set(FIELDS)
