"""Shopify's report of sales: each sale on its day, each return as a line of its own on its own."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, columns, days, mixed_case, rounded, write_csv

HEADER = columns(
    "Day,Order name,Order or return,Customer email,Billing country,Product title,"
    "Product variant title,Product variant SKU,Net items sold,Gross sales,Discounts,Returns,"
    "Net sales,Taxes,Total sales"
)
GOODS = (("Mug", "MUG", "9.90"), ("Tee", "TEE-S", "25.00"), ("Poster", "", "14.00"))
FIRST, SPAN, ORDERS = dt.date(2024, 1, 1), 150, 60
AFTER = (None, None, None, "part", "all", "cancelled", "amount")


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    for number, day in enumerate(days(chance, ORDERS, FIRST, SPAN), start=1001):
        is_end = number in (1001, 1000 + ORDERS)
        customer = chance.choice([None, *(f"c{at}@shop.example" for at in range(10))])
        after = None if is_end else chance.choice(AFTER)
        # A cancelled order is taken back as a whole, often on its own day.
        later = day + dt.timedelta(chance.choice([0, 0, 9] if after == "cancelled" else [3, 20]))
        if later > FIRST + dt.timedelta(SPAN) or (customer is None and later == day):
            after = None
        order = {
            "Order name": f"#{number}",
            "Customer email": mixed_case(chance, customer or ""),
            "Billing country": "Germany",
        }
        for title, sku, unit in chance.sample(GOODS, chance.randint(1, 3)):
            count, unit = chance.randint(1, 3), Decimal(unit)
            discount = chance.choice([Decimal(0), rounded(count * unit / 8)])
            net = count * unit - discount
            line = {
                **order,
                "Product title": title,
                "Product variant title": "Default Title",
                "Product variant SKU": sku,
            }
            rows.append(
                {
                    **line,
                    "Day": day,
                    "Order or return": "Order",
                    "Net items sold": count,
                    "Gross sales": count * unit,
                    "Discounts": -discount,
                    "Returns": 0,
                    "Net sales": net,
                    "Taxes": rounded(net / 5),
                    "Total sales": net + rounded(net / 5),
                }
            )
            lines.append(Line(f"#{number}", customer, day, net))
            pieces = {"part": 1, "all": count, "cancelled": count, "amount": 0}.get(after)
            if pieces is None:
                continue
            back = rounded(net * pieces / count) if pieces else Decimal("0.50")
            rows.append(
                {
                    **line,
                    "Day": later,
                    "Order or return": "Return",
                    "Net items sold": -pieces,
                    "Gross sales": 0,
                    "Discounts": 0,
                    "Returns": -back,
                    "Net sales": -back,
                    "Taxes": -rounded(back / 5),
                    "Total sales": -back - rounded(back / 5),
                }
            )
            lines.append(Line(f"#{number}", customer, later, -back))
        # Shipping is sold on a line without a product.
        rows.append({**order, "Day": day, "Order or return": "Order", **SHIPPING})
    rows.sort(key=lambda row: row["Day"], reverse=chance.random() < 0.5)
    file = write_csv(directory / "Total sales - 2024-01-01 - 2024-05-30.csv", HEADER, rows)
    return Truth([file], None, lines)


SHIPPING = {
    **{"Net items sold": 0, "Gross sales": 0, "Discounts": 0, "Returns": 0, "Net sales": 0},
    **{"Taxes": "0.98", "Total sales": "5.88"},
}
