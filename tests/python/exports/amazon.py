"""Amazon's report of all orders: tab-separated, quotes mean nothing, prices are of whole lines."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, clock, days, price, rounded

HEADER = [
    *("amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date"),
    *("order-status", "fulfillment-channel", "sales-channel", "order-channel"),
    *("ship-service-level", "product-name", "sku", "asin", "item-status", "quantity", "currency"),
    *("item-price", "item-tax", "shipping-price", "shipping-tax", "gift-wrap-price"),
    *("gift-wrap-tax", "item-promotion-discount", "ship-promotion-discount", "ship-city"),
    *("ship-state", "ship-postal-code", "ship-country", "promotion-ids", "cpf"),
    *("is-business-order", "purchase-order-number", "price-designation"),
]
# Names of products have quotes in them, which mean inches or nothing at all.
GOODS = [
    ("MUG-1", "Mug, blue"),
    ("RULER-12", '12" Ruler'),
    ("BEST", '"Best" Pan 10"'),
    ("QUOTE", '"Unended name'),
    ("CAFÉ", "Café crème 250 g"),
]
COUNTING = [
    "Shipped",
    "Shipped",
    "Unshipped",
    "Shipping",
    "Shipped - Returned to Seller",
    "Pending",
]


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    span = days(chance, 70, dt.date(2022, 11, 2), 250)
    for number, day in enumerate(span):
        is_end = number in (0, len(span) - 1)
        order = f"{number:03d}-{chance.randint(0, 9999999):07d}-{chance.randint(0, 9999999):07d}"
        status = "Shipped" if is_end else chance.choice([*COUNTING, "Cancelled"])
        channel = "Amazon.de" if is_end else chance.choice(["Amazon.de", "Amazon.fr", "Non-Amazon"])
        for _ in range(chance.choice([1, 1, 2, 3])):
            row, amount = _item(chance, status, channel, is_end=is_end)
            row |= {
                "amazon-order-id": order,
                "purchase-date": f"{day}T{clock(chance)}+00:00",
                "last-updated-date": f"{day + dt.timedelta(1)}T08:00:00+00:00",
            }
            # Two items of a kind are equal lines.
            for _ in range(chance.choice([1, 1, 1, 2])):
                rows.append(row)
                if amount:
                    lines.append(Line(order, None, day, amount))
    text = "\r\n".join(
        "\t".join(values)
        for values in (HEADER, *([str(row.get(name, "")) for name in HEADER] for row in rows))
    )
    path = directory / "all-orders.txt"
    path.write_bytes(f"{text}\r\n".encode())
    return Truth([path], None, lines)


def _item(chance, status, channel, *, is_end):
    sku, name = chance.choice(GOODS)
    item = status
    if status == "Shipped" and not is_end:
        item = chance.choice(["Shipped", "Shipped", "Unshipped", "Cancelled"])
    count, cost = chance.randint(1, 4), price(chance)
    discount = chance.choice(["", "0.00", rounded(cost / 10)])
    row = {
        "order-status": status,
        "fulfillment-channel": chance.choice(["Amazon", "Merchant"]),
        "sales-channel": channel,
        "product-name": name,
        "sku": sku,
        "item-status": item,
        "quantity": count,
        "currency": "EUR",
        "item-price": cost,
        "item-tax": rounded(cost * 19 / 119),
        "shipping-price": chance.choice(["", "4.99"]),
        "item-promotion-discount": discount,
        "ship-city": "Köln",
        "ship-country": chance.choice(["DE", "FR"]),
        "is-business-order": "false",
    }
    if status == "Pending" or channel == "Non-Amazon" or (item == "Cancelled" and count > 2):
        row |= dict.fromkeys(["currency", "item-price", "item-tax", "item-promotion-discount"], "")
        return row, Decimal(0)
    if "Cancelled" in (status, item):
        return {**row, "quantity": chance.choice([0, count])}, Decimal(0)
    return row, cost - Decimal(discount or 0)
