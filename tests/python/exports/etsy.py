"""Etsy's sold order items: an order's discount beside its items, in both wordings of the site."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import SMALLEST, Line, Truth, columns, days, price, rounded, shares, write_csv

HEADER = columns(
    "Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Coupon Details,Discount Amount,"
    "Shipping Discount,Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,"
    "Listing ID,Date Paid,Date Shipped,Ship Name,Ship Address1,Ship Address2,Ship City,Ship State,"
    "Ship Zipcode,Ship Country,Order ID,Variations,Order Type,Listings Type,Payment Type,"
    "InPerson Discount,InPerson Location,VAT Paid by Buyer,SKU"
)
# What Britain reads, in years before there were codes of products.
BRITISH = [
    name.replace("Ship ", "Delivery ").replace("Date Shipped", "Date Posted") for name in HEADER
]
BRITISH = BRITISH[: BRITISH.index("VAT Paid by Buyer")]
FIRST, SPAN, ORDERS = dt.date(2024, 1, 5), 330, 70


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines, item = [], [], 0
    header = chance.choice([HEADER, BRITISH])
    layout = chance.choice(["repeated", "first line", "each its own"])
    form = chance.choice(["%m/%d/%y", "%m/%d/%Y"])
    sign = chance.choice(["", "$"])
    for number, day in enumerate(days(chance, ORDERS, FIRST, SPAN), start=3_000_000_001):
        buyer = chance.choice([None, *(f"buyer{at}" for at in range(14))])
        pieces = [chance.randint(1, 3) for _ in range(chance.randint(1, 4))]
        units = [price(chance, 300, 8_000) for _ in pieces]
        totals = [count * unit for count, unit in zip(pieces, units, strict=True)]
        off = rounded(sum(totals) * chance.choice([Decimal(0), Decimal("0.1"), Decimal("0.25")]))
        stated = {
            "repeated": [off for _ in pieces],
            "first line": [off, *(Decimal(0) for _ in pieces[1:])],
            "each its own": shares(off, totals),
        }[layout]
        if len(set(stated)) == 1 and len(stated) > 1 and layout == "each its own":
            # Equal amounts on all lines are one of the order.
            off = stated[0]
        kept = shares(sum(totals) - off, totals, SMALLEST)
        for at, (count, unit, total) in enumerate(zip(pieces, units, totals, strict=True)):
            item += 1
            row = {
                "Sale Date": day.strftime(form),
                "Item Name": f"Print, No. {item % 9} | A5",
                "Buyer": buyer or "",
                "Quantity": count,
                "Price": f"{sign}{unit}",
                "Coupon Code": "WELCOME" if off else "",
                "Discount Amount": f"{sign}{stated[at]}",
                "Order Shipping": f"{sign}4.50" if at == 0 else f"{sign}0.00",
                "Order Sales Tax": f"{sign}0.62",
                "Item Total": f"{sign}{total}",
                "Currency": "USD",
                "Transaction ID": 4_000_000_000 + item,
                "Listing ID": 1_500_000_000 + item % 9,
                "Date Paid": day.strftime("%m/%d/%Y"),
                "Order ID": number,
                "Ship Country": "United States",
                "Delivery Country": "United Kingdom",
                "SKU": "" if item % 3 else f"PRINT-{item % 9}",
            }
            rows.append(row)
            lines.append(Line(str(number), buyer, day, kept[at]))
    return Truth([write_csv(directory / "EtsySoldOrderItems2024.csv", header, rows)], None, lines)
