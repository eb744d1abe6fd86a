"""Shopify's own export of orders: 79 columns, one line per item, the order on its first line."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, clock, days, mixed_case, price, rounded, shares, write_csv

HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,"
    "Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,"
    "Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,"
    "Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,"
    "Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
).split(",")
RATE = Decimal("0.20")
GOODS = [("MUG", "Mug"), ("TEE-S", "Tee - S"), ("", "Poster - A2 / black"), ("BOX", "Gift box")]
ORDERS = 60
FIRST = dt.date(2023, 3, 1)


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    for number, day in enumerate(days(chance, ORDERS, FIRST, 200), start=1001):
        is_end = number in (1001, 1000 + ORDERS)
        kind = "paid" if is_end else chance.choice(KINDS)
        order = _order(chance, number, day, kind)
        rows += order[0]
        lines += order[1]
    return Truth([write_csv(directory / "orders_export.csv", HEADER, rows)], None, lines)


KINDS = [
    *("paid", "paid", "pending", "authorized", "partially_paid", "part", "whole", "shipping"),
    *("voided", "cancelled", "test", "gift card"),
]


def _order(chance, number, day, kind):
    customer = chance.choice([None, *(f"c{at}@shop.example" for at in range(12))])
    items = [
        (*chance.choice(GOODS), chance.randint(1, 3), price(chance))
        for _ in range(chance.randint(1, 3))
    ]
    own_discount = [chance.choice([Decimal(0), Decimal(0), unit / 10]) for *_, unit in items]
    own_discount = [rounded(discount) for discount in own_discount]
    amounts = [
        count * unit - off for (_, _, count, unit), off in zip(items, own_discount, strict=True)
    ]
    code = rounded(sum(amounts) / 10) if chance.random() < 0.4 else Decimal(0)
    if kind == "gift card":
        items.append(("", "Gift Card - $50.00", 1, Decimal("50.00")))
        own_discount.append(Decimal(0))
        amounts.append(Decimal("50.00"))
        code = Decimal(0)
    subtotal = sum(amounts) - code
    kept = [
        amount - off for amount, off in zip(amounts, shares(code, amounts, CODE_UNIT), strict=True)
    ]
    shipping = chance.choice([Decimal(0), Decimal("4.80")])
    taxes = rounded((subtotal + shipping) * RATE)
    total = subtotal + shipping + taxes
    refunded = {"whole": total, "part": rounded(total / 3), "shipping": shipping}.get(kind, 0)
    goods = min(subtotal, refunded * subtotal / (subtotal + taxes))
    moment = f"{day} {clock(chance)} +0200"
    first = {
        "Email": mixed_case(chance, customer or ""),
        "Financial Status": STATUS.get(kind, kind),
        "Paid at": moment,
        "Accepts Marketing": chance.choice(["yes", "no"]),
        "Currency": "EUR",
        "Subtotal": subtotal,
        "Shipping": shipping,
        "Taxes": taxes,
        "Total": total,
        "Discount Amount": code,
        "Cancelled at": moment if kind in ("cancelled", "voided") else "",
        "Payment Method": "Bogus Gateway" if kind == "test" else "Shopify Payments",
        "Refunded Amount": rounded(Decimal(refunded)),
        "Billing Country": "DE",
        "Shipping Country": chance.choice(["DE", ""]),
        "Id": 5_000_000_000_000 + number,
    }
    rows = [
        {
            **(first if at == 0 else {}),
            "Name": f"#{number}",
            "Created at": moment,
            "Lineitem quantity": count,
            "Lineitem name": name,
            "Lineitem price": unit,
            "Lineitem sku": sku,
            "Lineitem discount": own_discount[at],
        }
        for at, (sku, name, count, unit) in enumerate(items)
    ]
    if kind in ("voided", "cancelled", "test"):
        return rows, []
    back = shares(rounded(goods, CODE_UNIT), kept, CODE_UNIT)
    goods_lines = [
        (amount, -given)
        for (_, name, _, _), amount, given in zip(items, kept, back, strict=True)
        if not name.startswith("Gift Card")
    ]
    invoice = f"#{number}"
    return rows, [
        Line(invoice, customer, day, amount) for pair in goods_lines for amount in pair if amount
    ]


CODE_UNIT = Decimal("0.0001")
STATUS = {
    "part": "partially_refunded",
    "shipping": "partially_refunded",
    "whole": "refunded",
    "cancelled": "paid",
    "test": "paid",
    "gift card": "paid",
}
