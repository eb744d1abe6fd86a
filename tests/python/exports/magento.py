"""The grid of orders of Magento: one line per order, in two currencies, with four decimals."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import SMALLEST, Line, Truth, columns, days, mixed_case, price, rounded, write_csv

HEADER = columns(
    "ID,Purchase Point,Purchase Date,Bill-to Name,Ship-to Name,Grand Total (Base),"
    "Grand Total (Purchased),Status,Billing Address,Shipping Address,Shipping Information,"
    "Customer Email,Customer Group,Subtotal,Shipping and Handling,Customer Name,Payment Method,"
    "Total Refunded"
)
RATE = Decimal("0.20")
# The website is in euros; one of its stores sells in pounds.
IN_POUNDS = Decimal("0.8")
KINDS = {
    "processing": "Processing",
    "complete": "Complete",
    "on delivery": "Pending",
    "by transfer": "On Hold",
    "part back": "Complete",
    "all back": "Closed",
    "closed by hand": "Closed",
    "unpaid": "Pending Payment",
    "canceled": "Canceled",
    "fraud": "Suspected Fraud",
}
NO_SALE = ("unpaid", "canceled", "fraud")
FIRST, SPAN, ORDERS = dt.date(2023, 9, 20), 140, 80


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    form = chance.choice(["%b %-d, %Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S"])
    for number, day in enumerate(days(chance, ORDERS, FIRST, SPAN), start=1):
        is_end = number in (1, ORDERS)
        kind = "complete" if is_end else chance.choice(list(KINDS))
        customer = chance.choice([None, *(f"c{at}@shop.example" for at in range(15))])
        store = chance.choice([1, 2])
        identity = f"{store}{number:08d}"
        discount = chance.choice([Decimal(0), Decimal("0.1")])
        subtotal = price(chance, 1_000, 30_000)
        goods = subtotal - rounded(subtotal * discount)
        goods += rounded(goods * RATE)
        shipping = chance.choice([Decimal(0), Decimal("7.50")])
        total = goods + shipping
        rate = IN_POUNDS if store == 2 else Decimal(1)
        # What is paid back is a round sum of the website, so that both currencies know it.
        refund = {"part back": Decimal(int(total / 3)), "all back": total}.get(kind, Decimal(0))
        back = goods if kind == "closed by hand" else min(goods, refund * goods / total)
        moment = dt.datetime.combine(day, dt.time(chance.choice([0, 9, 12, 23]), 30))
        rows.append(
            {
                "ID": identity,
                "Purchase Point": f"Main Website\n   Main Website Store\n      Store {store}\n",
                "Purchase Date": moment.strftime(form),
                "Grand Total (Base)": f"{total:.4f}",
                "Grand Total (Purchased)": f"{total * rate:.4f}",
                "Status": KINDS[kind],
                "Customer Email": mixed_case(chance, customer or ""),
                "Customer Group": "General" if customer else "NOT LOGGED IN",
                "Subtotal": f"{subtotal:.4f}",
                "Shipping and Handling": f"{shipping:.4f}",
                "Total Refunded": f"{refund * rate:.4f}" if refund else "",
            }
        )
        if kind not in NO_SALE:
            lines.append(Line(identity, customer, day, goods))
            if back:
                lines.append(Line(identity, customer, day, -rounded(back, SMALLEST)))
    return Truth([write_csv(directory / "export.csv", HEADER, rows)], None, lines)
