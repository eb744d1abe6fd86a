"""Shops that are not Online Retail, right to the penny: what counts, what was given back, by whom.

Each case stands for its kind; its right values are worked out by hand from its few rows.
"""

import re
from datetime import date, datetime
from decimal import Decimal

import duckdb
import openpyxl
import pytest
from conftest import ROOT
from ledger import CASES

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.publication.start import find_shop
from customer_intelligence.publication.summary import taken_for_granted

HEADER = "order,date,customer,sku,quantity,amount"
COLUMNS = {
    "invoice_no": "order",
    "invoice_date": "date",
    "customer_id": "customer",
    "stock_code": "sku",
    "quantity": "quantity",
}
AMOUNTS = {"columns": {**COLUMNS, "line_amount": "amount"}}
PRICES = {"columns": {**COLUMNS, "unit_price": "price"}}


def with_rules(mapping, **rules):
    return {**mapping, "rules": rules}


def case(name, file="orders.csv"):
    return CASES / name / file


# ---------------------------------------------------------------- copies


def test_two_equal_items_of_an_order_are_two(ledger):
    shop = ledger(case("twin-lines"))
    assert shop.net_revenue == 90
    assert shop.customers["twin@x.com"] == 40


def test_lines_that_differ_in_any_column_of_the_file_are_no_copies(ledger):
    shop = ledger(
        case("lines-that-differ-in-an-unmapped-column"), with_rules(PRICES, copies="drop")
    )
    assert shop.net_revenue == 45
    assert "exact_duplicate" not in shop.dispositions


SCANS = f"""{HEADER}
    1,2024-01-05,a,MILK,1,1.00
    1,2024-01-05,a,MILK,1,1.00
    1,2024-01-05,a,MILK,1,1.00
    1,2024-01-05,a,MILK,1,1.01
"""


def test_copies_count_and_are_told_unless_the_shop_drops_them(ledger):
    counted = ledger(SCANS, AMOUNTS)
    assert counted.net_revenue == Decimal("4.01")
    told = "select copies, copied_amount from rpt_line_dispositions"
    assert counted.rows(told) == [(2, 2)]
    dropped = ledger(SCANS, with_rules(AMOUNTS, copies="drop"))
    assert dropped.net_revenue == Decimal("2.01")
    assert dropped.dispositions["exact_duplicate"] == (2, 2)


@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0"])
def test_row_numbers_of_a_data_frame_hide_no_copy(ledger, name):
    rows = ",order,date,customer,sku,quantity,price".replace("", name, 1) + "\n"
    rows += "0,1,2024-01-05,ann,TEA,1,2.00\n1,1,2024-01-05,ann,TEA,1,2.00\n"
    shop = ledger(rows, with_rules(PRICES, copies="drop"))
    assert shop.net_revenue == 2
    assert shop.dispositions["exact_duplicate"] == (1, 2)


def test_a_line_is_a_copy_only_within_its_own_file(ledger):
    other = SCANS.replace("    1,", "    2,")
    shop = ledger([SCANS, other], with_rules(AMOUNTS, copies="drop"))
    assert shop.dispositions["exact_duplicate"] == (4, 4)


def test_loads_that_cannot_tell_copies_are_refused_where_copies_are_dropped(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(SCANS.replace("    ", ""))
    ingest_file(path, tmp_path / "data", mapping_of(with_rules(AMOUNTS, copies="drop"), "m"))
    (rows,) = (tmp_path / "data").glob("raw/*/invoice_lines.parquet")
    duckdb.execute(
        f"copy (select * exclude (copy_number) from read_parquet('{rows}')) to '{rows}.new'"
        " (format parquet)"
    )
    rows.with_name(rows.name + ".new").replace(rows)
    with pytest.raises(CustomerIntelligenceError, match="E_OLD_LOAD") as refusal:
        find_shop(tmp_path / "data", ROOT / "data" / "sample")
    assert str(rows.parent) in str(refusal.value)
    (tmp_path / "data" / "shop.yml").write_text("copies: count\n")
    find_shop(tmp_path / "data", ROOT / "data" / "sample")


# ---------------------------------------------------------------- signs


def test_a_till_counts_scans_discounts_and_refunds_under_any_sign(ledger):
    mapping = {
        "columns": {
            "invoice_no": "Receipt No",
            "invoice_date": "Sold At",
            "customer_id": "Customer",
            "unit_price": "Price",
            "quantity": "Qty",
            "stock_code": "SKU",
            "description": "Product Name",
        }
    }
    # Without the cheese that is weighed: 538.00 less 0.75 x 20.00.
    lines = case("till", "till.csv").read_text().replace("R108,CHEESE,Cheese,0.75", "R108,X,X,0")
    for rules in ({}, {"codes": {"DISCOUNT": "discount"}}):
        shop = ledger(lines, with_rules(mapping, **rules))
        assert shop.net_revenue == 523
        assert (shop.customers["pos"], shop.customers["disc"]) == (3, 90)
        assert (shop.customers["refund"], shop.customers["refund2"]) == (10, 10)


@pytest.mark.parametrize(
    ("name", "mapping", "net"),
    [
        ("negative-amount-positive-quantity", AMOUNTS, 1170),
        ("negative-quantity-control", PRICES, None),
        (
            "refund-without-quantity-control",
            {
                "columns": {
                    "invoice_no": "order",
                    "invoice_date": "date",
                    "customer_id": "customer",
                    "line_amount": "amount",
                },
                "absent": ["stock_code", "quantity"],
            },
            None,
        ),
    ],
)
def test_what_is_below_nothing_was_given_back_whatever_carries_the_sign(ledger, name, mapping, net):
    shop = ledger(case(name), mapping)
    columns = {"line_amount": "amount"}.get(next(iter({*mapping["columns"]} & {"line_amount"}), ""))
    worth = "amount" if columns else "quantity * price"
    ((total,),) = duckdb.execute(f"select sum({worth}) from read_csv('{case(name)}')").fetchall()
    assert shop.net_revenue == Decimal(str(round(total, 4)))
    assert net in (None, shop.net_revenue)
    assert shop.dispositions["return"][1] < 0
    assert set(shop.dispositions) <= {"sale", "return", "return_anonymous"}


def test_an_amount_below_nothing_is_a_return_in_each_way_of_writing_it(ledger):
    shop = ledger(
        """order,date,customer,sku,quantity,price,amount
        1,2024-01-05,a,X,2,10.00,20.00
        2,2024-01-06,b,X,2,10.00,20.00
        3,2024-01-07,c,X,2,10.00,20.00
        4,2024-01-08,d,X,0,10.00,20.00
        5,2024-02-05,a,X,-1,10.00,-10.00
        6,2024-02-06,b,X,1,-10.00,-10.00
        7,2024-02-07,c,X,-1,10.00,10.00
        8,2024-02-08,d,X,0,10.00,-5.00
        """,
        {"columns": {**COLUMNS, "unit_price": "price", "line_amount": "amount"}},
    )
    assert shop.customers == {"a": 10, "b": 10, "c": 10, "d": 15}
    assert shop.dispositions == {"sale": (4, 80), "return": (4, -35)}


def test_a_discount_taken_back_adds_to_what_was_paid(ledger):
    """Two signs below nothing are one above it, stated or worked out."""
    header = "order,date,customer,sku,quantity,price,amount"
    rules = {"codes": {"OFF": "discount"}}
    mapping = {"columns": {**COLUMNS, "unit_price": "price", "line_amount": "amount"}}
    shop = ledger(
        f"{header}\n1,2024-01-05,ann,TEA,2,10.00,20.00\n1,2024-01-05,ann,OFF,1,-5.00,-5.00\n"
        "2,2024-01-06,ann,OFF,-1,-5.00,5.00\n",
        with_rules(mapping, **rules),
    )
    assert shop.customers == {"ann": 20}


def test_amounts_of_small_currencies_have_room(ledger):
    """A lorry load of phones in dong is more than ten digits."""
    shop = ledger(
        "order,date,customer,sku,quantity,price\n1,2024-01-05,ann,PHONE,25000,31990000.00\n",
        PRICES,
    )
    assert shop.net_revenue == 799_750_000_000


def test_shipping_and_discounts_are_named_as_such(ledger):
    codes = {"SHIPPING": "shipping", "DISCOUNT": "discount"}
    shop = ledger(case("shipping-and-discount-lines"), with_rules(PRICES, codes=codes))
    assert shop.gross_revenue == 1200
    assert shop.net_revenue == 1182
    amounts = "select stock_code_class, amount from rpt_non_product_amounts order by 1"
    assert shop.rows(amounts) == [("discount", -18), ("shipping", 297)]
    unruled = ledger(case("shipping-and-discount-lines"), PRICES)
    assert unruled.net_revenue == 1479


def test_numbers_of_another_shop_mean_nothing(ledger):
    columns = {
        "invoice_no": "ORDERNUMBER",
        "invoice_date": "ORDERDATE",
        "customer_id": "CUSTOMERNAME",
        "stock_code": "PRODUCTCODE",
        "quantity": "QUANTITY",
        "unit_price": "PRICE",
    }
    shop = ledger(case("another-shops-order-numbers"), {"columns": columns})
    assert (len(shop.customers), shop.orders, shop.gross_revenue) == (20, 60, 1200)
    # C1099 takes one piece back because its quantity is below nothing, not for its C.
    assert shop.dispositions["return"] == (1, -10)
    assert set(shop.dispositions) == {"sale", "return"}


# ---------------------------------------------------------------- status

WITH_STATUS = {"columns": {**AMOUNTS["columns"], "status": "status"}}


def test_orders_that_did_not_take_place_do_not_count(ledger):
    shop = ledger(case("order-status"), WITH_STATUS)
    assert shop.net_revenue == 20
    assert shop.dispositions == {
        "sale": (2, 30),
        "cancelled_order": (2, 20),
        "refund": (1, -10),
    }
    # What was paid back in full, nobody knows when, was no purchase.
    assert shop.purchase_days == {"a": 1, "c": 0}
    assert shop.rows(
        "select order_status, status_class, lines from rpt_order_statuses order by 1"
    ) == [
        ("cancelled", "cancelled", 1),
        ("completed", "counts", 1),
        ("failed", "cancelled", 1),
        ("refunded", "refunded", 1),
    ]


def test_a_plugin_of_woocommerce_counts_what_the_shop_says(ledger):
    mapping = {
        "columns": {
            "invoice_no": "Order ID",
            "invoice_date": "Order Date",
            "customer_id": "Customer Email",
            "stock_code": "Item SKU",
            "description": "Item Name",
            "quantity": "Item Quantity",
            "line_amount": "Order Line Subtotal",
            "status": "Order Status",
        }
    }
    unpaid = {"cancelled": ["pending", "on-hold", "processing"]}
    shop = ledger(case("woocommerce"), with_rules(mapping, statuses=unpaid))
    statuses = dict(
        duckdb.execute(
            'select "Order Status", sum("Order Line Subtotal") '
            f"from read_csv('{case('woocommerce')}') group by all"
        ).fetchall()
    )
    assert shop.net_revenue == 250 == statuses["completed"]
    assert shop.gross_revenue == Decimal(str(statuses["completed"] + statuses["refunded"]))
    assert shop.dispositions["refund"][1] == -Decimal(str(statuses["refunded"]))


STATUSES = """order,date,status,customer,sku,quantity,amount
    1,2024-01-05,wc-Completed,a,X,1,1.00
    2,2024-01-05,On_Hold,b,X,1,2.00
    3,2024-01-05,Storniert,c,X,1,4.00
    4,2024-01-05,{own},d,X,1,8.00
    5,2024-01-05,,e,X,1,16.00
    6,2024-01-05,remboursée,f,X,1,32.00
    7,2024-01-05,CANCELADO,g,X,1,64.00
"""


def test_common_words_are_known_in_several_languages_and_others_are_told(ledger):
    shop = ledger(STATUSES.format(own="Galaxy"), WITH_STATUS)
    assert shop.customers == {"a": 1, "b": 2, "d": 8, "e": 16, "f": 0}
    told = "select order_status, amount from rpt_order_statuses where status_class = '{}'"
    assert shop.rows(told.format("unknown")) == [("Galaxy", 8)]
    assert shop.rows(told.format("pending")) == [("On_Hold", 2)]


def test_the_words_of_the_shop_come_first(ledger):
    rules = {
        "statuses": {
            "cancelled": ["galaxy", "on hold"],
            "counts": ["storniert"],
            "test": ["completed"],
        }
    }
    shop = ledger(STATUSES.format(own="Galaxy"), WITH_STATUS, shop=rules)
    assert shop.customers == {"c": 4, "e": 16, "f": 0}
    assert shop.dispositions["test_order"] == (1, 1)


# ---------------------------------------------------------------- refunds


def test_only_the_goods_of_a_refund_lower_revenue(ledger):
    shop = ledger(case("refund-with-tax"))
    assert shop.customers["part@x.com"] == 50
    assert round(shop.customers["ship@x.com"], 2) == Decimal("91.67")
    assert shop.gross_revenue == 250
    assert shop.dispositions["refund"] == (2, Decimal("-58.3333"))
    assert shop.value("select count(*) from fct_returns where is_estimated") == 2
    # The half of two scarves is one of them.
    assert shop.rows("select quantity, match_tier from fct_returns where amount = 50") == [
        (1, "stated")
    ]


ORDER_REFUNDS = """order,date,customer,sku,quantity,amount,subtotal,tax,refund
    1,2024-01-05,a,X,1,10.00,30.00,6.00,18.00
    1,2024-01-05,a,Y,1,20.01,,,
    1,2024-01-05,a,OFF,1,-0.01,,,
    2,2024-01-06,b,X,3,30.00,30.00,6.00,36.00
    3,2024-01-07,c,X,1,10.00,10.00,0.00,-99.00
    4,2024-01-08,d,X,1,10.00,10.00,0.00,0.00
    4,2024-01-08,d,X,1,10.00,10.00,0.00,
"""


def test_the_goods_of_an_order_share_its_refund_to_the_last_penny(ledger):
    mapping = {
        **with_rules(AMOUNTS, codes={"OFF": "discount"}),
        "order_refund": {"amount": "refund", "subtotal": "subtotal", "tax": "tax"},
    }
    shop = ledger(ORDER_REFUNDS, mapping)
    assert shop.customers == {"a": 15, "b": 0, "c": 0, "d": 20}
    assert shop.purchase_days == {"a": 1, "b": 0, "c": 0, "d": 1}
    assert shop.rows("select distinct customer_id from fct_returns where is_estimated") == [("a",)]


LINE_REFUNDS = """order,date,status,customer,sku,quantity,amount,back,back_on
    1,2024-01-05,,a,X,2,20.00,10.00,2024-02-05
    1,2024-01-05,,a,Y,1,5.00,,
    2,2024-01-06,partially refunded,b,X,1,10.00,10.00,2024-03-06
    3,2024-01-07,refunded,,X,1,10.00,10.00,2024-01-07
    4,2024-01-08,refunded,d,X,1,10.00,4.00,2023-12-01
    4,2024-01-08,refunded,d,Y,1,7.00,,
    5,2024-01-09,,e,X,2,20.00,10.00,2024-01-20
    6,2024-01-25,,e,X,-1,-10.00,,
    7,2024-03-10,,z,X,1,1.00,,
"""


def test_what_was_paid_back_of_a_line_counts_on_its_own_day(ledger):
    columns = {**WITH_STATUS["columns"], "refunded_amount": "back", "refunded_at": "back_on"}
    shop = ledger(LINE_REFUNDS, {"columns": columns})
    # An order whose refund states an amount is refunded by no more than that.
    assert shop.customers == {"a": 15, "b": 0, "d": 13, "e": 0, "z": 1}
    # A purchase that was paid back later was a purchase.
    assert shop.purchase_days == {"a": 1, "b": 1, "d": 1, "e": 1, "z": 1}
    days = "select customer_id, return_date, amount from fct_returns where match_tier = 'stated'"
    assert sorted(shop.rows(days)) == [
        ("a", date(2024, 2, 5), 10),
        ("b", date(2024, 3, 6), 10),
        # Nothing is paid back before it is sold.
        ("d", date(2024, 1, 8), 4),
        ("e", date(2024, 1, 20), 10),
    ]
    assert shop.dispositions["refund_anonymous"] == (1, -10)
    # The second piece came back as a return, and takes the piece that was left.
    assert shop.rows(
        "select match_tier, units from int_returns_matched where customer_id = 'e'"
    ) == [
        ("exact_line", 1),
        ("stated", 1),
    ]


def test_a_refund_that_cannot_be_read_sets_its_line_apart(ledger):
    columns = {**WITH_STATUS["columns"], "refunded_amount": "back", "refunded_at": "back_on"}
    shop = ledger(LINE_REFUNDS.replace("10.00,2024-02-05", "ten,2024-02-05"), {"columns": columns})
    assert shop.rows("select distinct reasons from stg_retail__invoice_lines order by 1") == [
        ([],),
        (["R_REFUND"],),
    ]


def test_the_summary_counts_what_is_estimated_unpaid_or_unknown(ledger):
    refunds = taken_for_granted(ledger(case("refund-with-tax")).connection)
    assert refunds == {"refunds_estimated": {"count": 2, "amount": 58.3333}}
    statuses = taken_for_granted(ledger(STATUSES.format(own="Galaxy"), WITH_STATUS).connection)
    assert statuses == {
        "orders_not_paid": {"count": 1, "amount": 2},
        "orders_of_unknown_status": {"count": 1, "amount": 8, "statuses": ["Galaxy"]},
    }
    assert taken_for_granted(ledger(SCANS, AMOUNTS).connection) == {}


# ---------------------------------------------------------------- what orders state once

JOINED = """order,date,customer,phone,id,sku,quantity,amount
    1,2024-01-05,a@x.com,+1,11,X,1,1.00
    1,,,+1,,Y,1,2.00
    2,2024-01-06,,+2,12,X,1,4.00
    1,2024-02-05,b@y.com,+3,21,X,1,8.00
    1,,,+3,,Y,1,16.00
"""


def test_orders_of_one_number_are_told_apart_by_another_column(ledger):
    mapping = {
        "columns": {**AMOUNTS["columns"], "customer_id": ["customer", "phone"]},
        "once_per_order": ["invoice_date", "customer_id"],
        "order_id": "id",
    }
    shop = ledger(JOINED, mapping)
    # The address on an order's first line comes before the telephone on all of them.
    assert shop.customers == {"a@x.com": 3, "+2": 4, "b@y.com": 24}
    assert shop.rows("select count(distinct order_date) from fct_orders") == [(3,)]
    # A file may lack the column.
    assert ledger(ORDER_REFUNDS, {**AMOUNTS, "order_id": "id"}).orders == 4


ORDER_DISCOUNTS = """order,date,customer,sku,quantity,amount,off
    1,2024-01-05,repeated,X,1,10.00,3.00
    1,2024-01-05,repeated,Y,2,20.00,3.00
    2,2024-01-06,first line,X,1,10.00,3.00
    2,2024-01-06,first line,Y,2,20.00,
    3,2024-01-07,each its own,X,1,10.00,1.00
    3,2024-01-07,each its own,Y,2,20.00,2.00
    4,2024-01-08,whole price,X,1,10.00,0.00
    5,2024-01-09,card,X,1,10.00,2.50
    5,2024-01-09,card,CARD,1,50.00,2.50
"""


def test_the_discount_of_an_order_is_taken_off_once_however_it_is_stated(ledger):
    mapping = {**with_rules(AMOUNTS, codes={"CARD": "gift_voucher"}), "order_discount": "off"}
    shop = ledger(ORDER_DISCOUNTS, mapping)
    assert shop.customers == {
        **{"repeated": 27, "first line": 27, "each its own": 27, "whole price": 10},
        # Nothing is taken off a gift card.
        "card": Decimal("7.5"),
    }
    assert shop.dispositions["non_product"] == (1, 50)


ITEMS_ONLY = {"only": {"type": ["Item", ""]}}
MIXED_RECORDS = """order,date,customer,type,sku,quantity,amount
    1,2024-01-05,a,Item,X,1,10.00
    1,2024-01-05,a,Payment,,,10.00
    1,2024-01-05,a, item ,Y,1,5.00
    2,2024-01-06,b,,Z,1,2.00
"""


def test_records_of_other_words_are_no_lines_and_are_told(ledger):
    shop = ledger(MIXED_RECORDS, {**AMOUNTS, **ITEMS_ONLY})
    assert shop.customers == {"a": 15, "b": 2}
    assert shop.rows("select reason, records from rpt_quarantine") == [("R_NO_LINE", 1)]


def test_a_file_of_few_lines_among_other_records_is_read_without_alarm(tmp_path):
    path = tmp_path / "orders.csv"
    payments = "1,2024-01-05,a,Payment,,,10.00\n" * 9
    path.write_text(re.sub("^ +", "", MIXED_RECORDS, flags=re.M) + payments)
    result = ingest_file(path, tmp_path / "data", mapping_of({**AMOUNTS, **ITEMS_ONLY}, "m"))
    assert (result.records, result.reasons, result.warning) == (13, {"R_NO_LINE": 10}, None)


def test_an_optional_column_may_be_absent_and_others_may_not(ledger, tmp_path):
    columns = {**AMOUNTS["columns"], "customer_id": ["phone", "customer"], "country": "land"}
    mapping = {"columns": columns, "optional": ["phone", "land"]}
    assert ledger(SCANS, mapping).customers == {"a": Decimal("4.01")}
    with pytest.raises(CustomerIntelligenceError, match="E_MISSING_COLUMNS"):
        ledger(SCANS, {**mapping, "optional": ["phone"]})
    workbook = openpyxl.Workbook()
    for sheet in (workbook.active, workbook.create_sheet("More")):
        sheet.append(HEADER.split(","))
        sheet.append(["1" + sheet.title, datetime(2024, 1, 5), "a", "MILK", 1, 2])
    workbook.save(tmp_path / "sheets.xlsx")
    assert ledger(tmp_path / "sheets.xlsx", mapping).customers == {"a": 4}


TWO_REFUNDS = """order,date,customer,sku,quantity,amount,line refund,order refund
    1,2024-01-05,by line,X,1,10.00,4.00,6.00
    1,2024-01-05,by line,Y,1,10.00,,
    2,2024-01-06,by order,X,1,10.00,0.00,5.00
    2,2024-01-06,by order,Y,1,10.00,,
    3,2024-01-07,kept,X,1,10.00,,
"""


def test_what_a_line_says_of_its_refund_comes_before_what_the_order_says(ledger):
    mapping = {
        "columns": {**AMOUNTS["columns"], "refunded_amount": "line refund"},
        "order_refund": {"amount": '"order refund"'},
    }
    shop = ledger(TWO_REFUNDS, mapping)
    assert shop.customers == {"by line": 16, "by order": 15, "kept": 10}
    estimated = "select customer_id, count(*) from fct_returns where is_estimated group by 1"
    assert shop.rows(estimated) == [("by order", 2)]


def test_nobody_known_can_void_an_order_that_the_source_says_was_paid_back(ledger):
    columns = {**AMOUNTS["columns"], "refunded_amount": "back"}
    shop = ledger(
        """order,date,customer,sku,quantity,amount,back
        1,2024-01-05,,X,1,10.00,10.00
        2,2024-01-06,,X,1,10.00,4.00
        3,2024-01-07,a,X,1,10.00,
        """,
        {"columns": columns},
    )
    assert (shop.orders, shop.net_revenue) == (2, 16)
    assert shop.rows("select net_revenue from fct_orders order by order_id") == [(0,), (6,), (10,)]


# ---------------------------------------------------------------- gift cards, tests, nobody


def test_a_gift_card_counts_once_and_tests_and_voided_orders_do_not(ledger):
    shop = ledger(case("gift-test-unpaid"))
    assert shop.customers == {f"f{number}@x.com": 10 for number in range(1, 6)} | {
        "gift@x.com": 100
    }
    assert shop.dispositions["non_product"] == (1, 100)
    assert shop.dispositions["test_order"] == (1, 999)
    assert shop.dispositions["cancelled_order"] == (1, 20)


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        *((text, True) for text in ("Gift Card", "e-Gift card - $50.00", "Our Gift Card 100 EUR")),
        *((text, True) for text in ("Geschenkgutschein", "Carte cadeau", "Tarjeta regalo")),
        *((text, True) for text in ("Vale-presente", "Cartão presente", "GIFT VOUCHER (digital)")),
        *((text, False) for text in ("Gift card holder", "Gift box", "Card with a gift", "Mug")),
    ],
)
def test_words_of_gift_cards_are_told_from_goods(text, is_card):
    from customer_intelligence.ingest.presets import preset

    (pattern,) = preset("shopify").rules["description_patterns"].values()
    ((found,),) = duckdb.execute("select regexp_matches(?, ?, 'i')", [text, pattern]).fetchall()
    assert found == is_card


def test_a_guest_is_nobody_where_the_shop_says_so(ledger):
    mapping = {
        "columns": {
            "invoice_no": "order_id",
            "invoice_date": "date_created",
            "customer_id": "customer_id",
            "stock_code": "sku",
            "quantity": "quantity",
            "line_amount": "line_total",
            "status": "status",
        }
    }
    shop = ledger(case("guest-customer"), with_rules(mapping, nobody=[0, "Guest"]))
    assert shop.net_revenue == 385
    assert shop.dispositions["sale_anonymous"][1] == 210
    assert "0" not in shop.customers


def test_an_address_in_another_case_is_the_same_customer(ledger):
    shop = ledger(case("email-case"))
    assert shop.customers["ann@x.com"] == 40
    assert shop.purchase_days["ann@x.com"] == 2
    assert len(shop.customers) == 6


def test_behind_pseudonyms_nobody_stays_nobody_and_one_customer_one(ledger, monkeypatch):
    """A hash could not be told from another later."""
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", "k" * 32)
    lines = """order,date,customer,sku,quantity,amount
        1,2024-01-05, GUEST,X,1,1.00
        2,2024-01-06,Ann@X.com,X,1,2.00
        3,2024-01-07,ann@x.com,X,1,4.00
        4,2024-01-08,b,X,1,8.00
    """
    shop = ledger(lines, with_rules(AMOUNTS, nobody=["Guest"]))
    assert sorted(shop.customers.values()) == [6, 8]
    assert shop.dispositions["sale_anonymous"] == (1, 1)
