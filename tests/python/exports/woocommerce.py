"""WooCommerce's order items by Advanced Order Export: its own labels, in its own order."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import (
    SMALLEST,
    Line,
    Truth,
    clock,
    columns,
    days,
    mixed_case,
    price,
    rounded,
    shares,
    write_csv,
)

ORDER = columns(
    "Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),"
    "Company (Billing),Address 1&2 (Billing),City (Billing),State Code (Billing),"
    "Postcode (Billing),Country Code (Billing),Email (Billing),Phone (Billing),"
    "First Name (Shipping),Last Name (Shipping),Address 1&2 (Shipping),City (Shipping),"
    "State Code (Shipping),Postcode (Shipping),Country Code (Shipping),Payment Method Title,"
    "Cart Discount Amount,Order Subtotal Amount,Shipping Method Title,Order Shipping Amount,"
    "Order Refund Amount,Order Total Amount,Order Total Tax Amount"
)
ITEM = columns(
    "SKU,Item #,Item Name,Quantity,Quantity (- Refund),Item Cost,Order Line Total,"
    "Order Line Total Refunded,Coupon Code,Discount Amount,Discount Amount Tax"
)
RATE = Decimal("0.21")
GOODS = (("TEA-1", "Tea"), ("", "Cup, blue"), ("POT", "Pot"))
FIRST, SPAN, ORDERS = dt.date(2023, 5, 1), 120, 70
# Statuses as labels or as WooCommerce stores them.
KINDS = {
    "completed": "Completed",
    "processing": "wc-processing",
    "waits for a transfer": "On hold",
    "lines back": "Completed",
    "amount back": "Completed",
    "all lines back": "Refunded",
    "refunded by hand": "wc-refunded",
    "left the checkout": "Pending payment",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
NO_SALE = ("left the checkout", "failed", "cancelled")


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    repeats_order = chance.random() < 0.5
    comma = chance.random() < 0.5
    for number, day in enumerate(days(chance, ORDERS, FIRST, SPAN), start=501):
        is_end = number in (501, 500 + ORDERS)
        kind = "completed" if is_end else chance.choice(list(KINDS))
        first, items, counted = _order(chance, number, day, kind)
        for at, item in enumerate(items):
            rows.append({**(first if repeats_order or at == 0 else {}), **item})
        lines += [] if kind in NO_SALE else counted
    rows = [{name: _shown(value, comma) for name, value in row.items()} for row in rows]
    header = [*ORDER, *ITEM]
    if chance.random() < 0.5:
        header.append("Order Currency")
    file = write_csv(directory / "orders.csv", header, rows, delimiter=";" if comma else ",")
    return Truth([file], None, lines)


def _shown(value: object, comma: bool) -> object:
    """Write amounts with two decimals, and with a comma where the shop does."""
    if not isinstance(value, Decimal):
        return value
    return f"{value:.2f}".replace(".", ",") if comma else f"{value:.2f}"


def _order(chance, number, day, kind):
    customer = chance.choice([None, *(f"c{at}@shop.example" for at in range(12))])
    pieces = [chance.randint(1, 4) for _ in range(chance.randint(1, 4))]
    units = [price(chance) for _ in pieces]
    full = [count * unit for count, unit in zip(pieces, units, strict=True)]
    coupon = rounded(sum(full) * chance.choice([Decimal(0), Decimal("0.15")]))
    totals = [amount - off for amount, off in zip(full, shares(coupon, full), strict=True)]
    goods = sum(totals)
    shipping = chance.choice([Decimal(0), Decimal("5.50")])
    taxes = rounded((goods + shipping) * RATE)
    back = [Decimal(0) for _ in pieces]
    refund = Decimal(0)
    if kind == "lines back":
        back = [rounded(total / count) for total, count in zip(totals, pieces, strict=True)]
        back[1:] = [Decimal(0) for _ in back[1:]]
        refund = rounded(sum(back) * (1 + RATE))
    if kind == "all lines back":
        back, refund = totals, goods + shipping + taxes
    counted_back = back
    if kind == "amount back":
        refund = rounded(goods / 4)
        of_goods = rounded(refund * goods / (goods + taxes), SMALLEST)
        counted_back = shares(of_goods, totals, SMALLEST)
    if kind == "refunded by hand":
        counted_back = totals
    first = {
        "Order Number": number,
        "Order Status": KINDS[kind],
        "Order Date": f"{day} {clock(chance)[:5]}",
        "Country Code (Billing)": "ES",
        "Email (Billing)": mixed_case(chance, customer or ""),
        "Cart Discount Amount": coupon,
        "Order Subtotal Amount": sum(full),
        "Order Shipping Amount": shipping,
        "Order Refund Amount": refund,
        "Order Total Amount": goods + shipping + taxes,
        "Order Total Tax Amount": taxes,
        "Order Currency": "EUR",
    }
    items = []
    for at, (count, total, returned) in enumerate(zip(pieces, totals, back, strict=True), start=1):
        sku, name = chance.choice(GOODS)
        items.append(
            {
                "SKU": sku,
                "Item #": at,
                "Item Name": name,
                "Quantity": count,
                "Quantity (- Refund)": count - (1 if returned else 0),
                "Item Cost": total / count,
                "Order Line Total": total,
                "Order Line Total Refunded": returned,
            }
        )
    invoice = str(number)
    counted = [
        Line(invoice, customer, day, amount)
        for total, returned in zip(totals, counted_back, strict=True)
        for amount in (total, -returned)
        if amount
    ]
    return first, items, counted
