"""A Shopify shop that does not exist, as the tables that Fivetran's connector leaves of it.

`write` makes the shop up and says what counts in it; that is worked out from the shop, never from
the tables.
"""

import datetime as dt
import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

CENT = Decimal("0.01")
ZONE = ZoneInfo("America/New_York")
TABLES = {
    "order": "id bigint, name varchar, created_at timestamptz, processed_at timestamptz, "
    "cancelled_at timestamptz, customer_id bigint, email varchar, currency varchar, "
    "financial_status varchar, taxes_included boolean, test boolean, total_discounts double, "
    "total_tax double, total_tip_received double, buyer_accepts_marketing boolean, "
    "shipping_address_country varchar, billing_address_country varchar, "
    "_fivetran_deleted boolean, _fivetran_synced timestamptz",
    "order_line": "id bigint, order_id bigint, index bigint, product_id bigint, "
    "variant_id bigint, sku varchar, title varchar, name varchar, quantity bigint, price double, "
    "gift_card boolean, _fivetran_synced timestamptz",
    "tax_line": "order_line_id bigint, index bigint, price double, rate double, title varchar",
    "discount_allocation": "order_line_id bigint, index bigint, amount double",
    "refund": "id bigint, order_id bigint, created_at timestamptz, processed_at timestamptz",
    "order_line_refund": "id bigint, refund_id bigint, order_line_id bigint, quantity bigint, "
    "subtotal double, total_tax double",
    "order_adjustment": "id bigint, order_id bigint, refund_id bigint, amount double, "
    "tax_amount double, kind varchar",
    "customer": "id bigint, email varchar, email_marketing_consent_state varchar",
    "shop": "id bigint, iana_timezone varchar, currency varchar",
}


class Line(NamedTuple):
    """One amount that counts, on the day that it counts."""

    invoice: str
    customer: str | None
    day: dt.date
    amount: Decimal


def write(
    database: duckdb.DuckDBPyConnection, schema: str, chance: random.Random, *, tax_inside: bool
) -> list[Line]:
    """Make the tables; return what counts."""
    rows: dict[str, list[dict]] = defaultdict(list)
    truth: list[Line] = []
    rows["shop"].append({"id": 1, "iana_timezone": ZONE.key, "currency": "USD"})
    people = [(9_000_000_000 + n, f"Person{n}@Example.com") for n in range(25)]
    for person, email in people:
        state = chance.choice(["subscribed", "not_subscribed", None])
        rows["customer"].append(
            {"id": person, "email": email, "email_marketing_consent_state": state}
        )
    start = dt.datetime(2024, 1, 10, 2, 30, tzinfo=dt.UTC)
    orders = 150
    for number in range(orders):
        # Half past two at night in UTC is the evening before in New York.
        moment = start + dt.timedelta(days=number, hours=chance.choice([0, 1, 3, 12, 20]))
        is_plain = number in (0, orders - 1)
        _order(rows, truth, chance, 5_000_000_000 + number, moment, people, tax_inside, is_plain)
    database.execute(f"create schema {schema}")
    for table, columns in TABLES.items():
        database.execute(f'create table {schema}."{table}" ({columns})')
        if rows[table]:
            made = pa.Table.from_pylist(
                [{name: _plain(value) for name, value in row.items()} for row in rows[table]]
            )
            names = [column.split()[0] for column in columns.split(", ")]
            known = ", ".join(name for name in names if name in made.column_names)
            into = f'{schema}."{table}" ({known})'
            database.execute(f"insert into {into} select {known} from made")
    return truth


def _order(rows, truth, chance, order_id, moment, people, tax_inside, is_plain):
    person, email = chance.choice(people)
    kind = (
        "customer" if is_plain else chance.choice(["customer"] * 5 + ["known guest", "guest", ""])
    )
    customer = {"guest": f"guest{order_id % 4}@x.com", "": None}.get(kind, str(person))
    fate = "paid" if is_plain else chance.choice(
        ["paid"] * 4 + ["pending", "authorized", "voided", "cancelled", "test", "deleted"]
        + ["refunded", "lines back", "lines back", "amount back", "less back", "shipping back"]
    )  # fmt: skip
    lines = [_line(rows, chance, order_id, at, tax_inside) for at in range(chance.randint(1, 4))]
    goods = [line for line in lines if line["is_goods"]]
    tips = sum(line["price"] for line in lines if line["title"] == "Tip")
    order = {
        "id": order_id,
        "name": f"#{1000 + order_id % 40}",
        "created_at": moment,
        "processed_at": moment - dt.timedelta(days=3),
        "customer_id": person if kind == "customer" else None,
        "email": {
            "": None, "guest": f"Guest{order_id % 4}@x.com", "known guest": email.upper(),
        }.get(kind, email),
        "currency": "USD",
        "financial_status": fate if fate in ("pending", "authorized", "voided") else "paid",
        "taxes_included": tax_inside,
        "test": fate == "test",
        "total_discounts": sum(line["discount"] for line in lines),
        "total_tax": sum(line["tax"] for line in lines) + Decimal("0.80"),
        "total_tip_received": tips,
        "shipping_address_country": chance.choice(["United States", None]),
        "billing_address_country": "Canada",
        "_fivetran_deleted": fate == "deleted",
        "cancelled_at": moment if fate in ("cancelled", "voided") else None,
    }  # fmt: skip
    rows["order"].append(order)
    if fate not in ("voided", "cancelled", "test", "deleted"):
        day = moment.astimezone(ZONE).date()
        for line in goods:
            truth.append(Line(str(order_id), customer, day, line["goods"]))
    counted = truth if fate != "cancelled" else []
    if fate in ("refunded", "cancelled"):
        order["financial_status"] = "refunded"
        back = [(line, line["quantity"]) for line in lines if line["title"] != "Tip"]
        days = 0 if fate == "cancelled" else chance.choice([0, 0, 5])
        _refund(rows, counted, chance, order, customer, days, back)
    if fate in ("lines back", "less back") and goods:
        order["financial_status"] = "partially_refunded"
        line = max(goods, key=lambda line: line["quantity"])
        # One unit now, another later; of money, less or more than that.
        for later in range(min(line["quantity"], chance.randint(1, 3))):
            less = CENT * chance.randint(1, 60) if fate == "less back" else 0
            days = chance.choice([0, 4 * later])
            _refund(rows, counted, chance, order, customer, days, [(line, 1)], less)
    if fate == "amount back" and sum(line["goods"] for line in goods) > 5:
        order["financial_status"] = "partially_refunded"
        for _ in range(2):
            amount = CENT * chance.randint(1, 250)
            _refund(rows, counted, chance, order, customer, chance.choice([0, 9]), [], -amount)
    if fate == "shipping back":
        order["financial_status"] = "partially_refunded"
        refund = _refund(rows, [], chance, order, customer, 2, [])
        rows["order_adjustment"].append(
            {
                "id": refund,
                "order_id": order_id,
                "refund_id": refund,
                "amount": -5,
                "tax_amount": Decimal("-0.40"),
                "kind": "shipping_refund",
            }
        )


def _line(rows, chance, order_id, at, tax_inside):
    line_id = order_id * 10 + at
    kind = chance.choice(["goods"] * 8 + ["gift card", "tip"]) if at else "goods"
    quantity = chance.randint(1, 4) if kind == "goods" else 1
    price = CENT * chance.randint(300, 5000)
    discount = Decimal(0)
    if kind == "goods":
        for index in range(chance.choice([0, 0, 1, 2])):
            part = CENT * chance.randint(1, 90)
            discount += part
            rows["discount_allocation"].append(
                {"order_line_id": line_id, "index": index, "amount": part}
            )
    paid = quantity * price - discount
    rate = Decimal("0.20") if kind == "goods" else Decimal(0)
    tax = (paid * rate / (1 + rate) if tax_inside else paid * rate).quantize(CENT, ROUND_HALF_UP)
    # Of a state and of a county.
    for index, part in enumerate((CENT * (tax // CENT // 3), tax - CENT * (tax // CENT // 3))):
        if tax:
            rows["tax_line"].append({"order_line_id": line_id, "index": index, "price": part})
    line = {
        "id": line_id,
        "order_id": order_id,
        "index": at,
        "product_id": None if kind == "tip" else 1 + line_id % 7,
        "variant_id": None if kind == "tip" else 100 + line_id % 7,
        "sku": chance.choice([f"SKU-{line_id % 7}", None, ""]) if kind == "goods" else None,
        "title": {"tip": "Tip", "gift card": "Card"}.get(kind, f"Thing {line_id % 7}"),
        "name": f"Thing {line_id % 7} - blue",
        "quantity": quantity,
        "price": price,
        "gift_card": kind == "gift card",
    }
    rows["order_line"].append(line)
    return {
        **line,
        "discount": discount,
        "tax": tax,
        "paid": paid,
        "goods": paid - tax if tax_inside else paid,
        "is_goods": kind == "goods",
        "left": quantity,
    }


def _refund(rows, counted, chance, order, customer, days, back, less=0):
    moment = order["created_at"] + dt.timedelta(days=days, minutes=1)
    refund = 7_000_000_000 + len(rows["refund"])
    rows["refund"].append(
        {
            "id": refund,
            "order_id": order["id"],
            "created_at": moment,
            "processed_at": moment + dt.timedelta(days=1),
        }
    )
    amount = Decimal(0)
    for line, units in back:
        paid, tax = _part(line, units, "paid"), _part(line, units, "tax")
        goods = _part(line, units, "goods")
        rows["order_line_refund"].append(
            {
                "id": len(rows["order_line_refund"]),
                "refund_id": refund,
                "order_line_id": line["id"],
                "quantity": units,
                "subtotal": paid if chance.random() < 0.5 else goods,
                "total_tax": tax,
            }
        )
        line["left"] -= units
        if line["is_goods"]:
            amount += goods
    if less:
        rows["order_adjustment"].append(
            {
                "id": refund,
                "order_id": order["id"],
                "refund_id": refund,
                "amount": less,
                "tax_amount": 0,
                "kind": "refund_discrepancy",
            }
        )
        rows["order_adjustment"].append(
            {
                "id": refund + 1,
                "order_id": order["id"],
                "refund_id": refund,
                "amount": -less,
                "tax_amount": 0,
                "kind": "pending_refund_discrepancy",
            }
        )
        amount -= less
    if amount:
        day = moment.astimezone(ZONE).date()
        counted.append(Line(str(order["id"]), customer, day, -amount))
    return refund


def _part(line, units, name):
    """What falls to some of the units that are left: differences of rounded sums add up."""

    def of(units):
        return (line[name] * units / line["quantity"]).quantize(CENT, ROUND_HALF_UP)

    if name == "goods":
        tax = _part(line, units, "tax")
        return _part(line, units, "paid") - (tax if line["goods"] != line["paid"] else 0)
    return of(line["left"]) - of(line["left"] - units)


def _plain(value):
    return float(value) if isinstance(value, Decimal) else value
