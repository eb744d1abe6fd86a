"""Square's detail of items: a line per item and event, of tills in two zones."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, columns, days, price, rounded, write_csv

HEADER = columns(
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,"
    "Discounts,Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,"
    "Location,Dining Option,Customer ID,Customer Name,Customer Reference ID,Unit,Count,GTIN,"
    "Itemization Type,Commission,Employee,Fulfillment Note,Channel,Token,Card Brand,PAN Suffix"
)
OLDER = HEADER[: HEADER.index("Customer Reference ID") + 1]
TILLS = (("Eastern Time (US & Canada)", "Boston"), ("Pacific Time (US & Canada)", "Seattle"))
# What costs nothing here has a price of its own each time.
GOODS = (
    ("Latte", "LAT", Decimal("5.50")),
    ("Custom Amount", "", Decimal(0)),
    ("Cold brew, 1 gal", "", Decimal("1499.00")),
    ("Beans", "BN-1", Decimal("18.00")),
)
# Date and time as files of 2026 have them, and as older ones do.
CLOCKS = (("%Y-%m-%d", "%H:%M:%S"), ("%-m/%-d/%Y", "%I:%M:%S %p"), ("%m/%d/%y", "%I:%M:%S %p"))
FIRST, SPAN, SALES = dt.date(2026, 1, 14), 100, 90


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    header = chance.choice([HEADER, OLDER])
    day_form, time_form = chance.choice(CLOCKS)
    for number, day in enumerate(days(chance, SALES, FIRST, SPAN), start=1):
        is_end = number in (1, SALES)
        customer = chance.choice([None, None, None, *(f"KX{at:02d}QZ7" for at in range(10))])
        zone, place = chance.choice(TILLS)
        sale = {
            "Time Zone": zone,
            "Category": "None",
            "Transaction ID": f"Tr{number:04d}Aa{chance.randint(1000, 9999)}ZZxY",
            "Payment ID": f"p{number}",
            "Event Type": "Payment",
            "Location": place,
            "Customer ID": customer or "",
            "Customer Name": "A CARD HOLDER",
            "Itemization Type": "Physical Good",
            "Price Point Name": "Regular",
            "Date": day.strftime(day_form),
            "Time": dt.time(chance.choice([0, 8, 13, 22]), 5, 7).strftime(time_form),
        }
        after = None if is_end else chance.choice([None, None, None, "one line", "all"])
        later = day + dt.timedelta(chance.choice([0, 1, 15]))
        # Nobody known returns: what belongs together is told by the customer.
        if later > FIRST + dt.timedelta(SPAN) or (customer is None and later == day):
            after = None
        refund = {
            **sale,
            "Payment ID": f"r{number}",
            "Event Type": "Refund",
            "Date": later.strftime(day_form),
            "Time": dt.time(23, 59, 58).strftime(time_form),
        }
        invoice = sale["Transaction ID"].upper()
        for at in range(chance.randint(1, 4)):
            name, sku, unit = chance.choice(GOODS)
            count, unit = chance.randint(1, 2), unit or price(chance, 150, 140_000)
            gross = count * unit
            off = rounded(gross * chance.choice([Decimal(0), Decimal("0.1")]))
            item = {"Item": name, "SKU": sku}
            rows.append({**sale, **item, **_amounts(count, gross, off)})
            lines.append(Line(invoice, customer, day, gross - off))
            if after == "all" or (after == "one line" and at == 0):
                rows.append({**refund, **item, **_amounts(-count, -gross, -off)})
                lines.append(Line(invoice, customer, later, off - gross))
        if chance.random() < 0.1:
            card = {"Item": "eGift Card", "SKU": "", "Itemization Type": "Gift Card"}
            rows.append({**sale, **card, **_amounts(1, Decimal(25), Decimal(0))})
    # Who drinks the same every day has one back on a day of buying another: that one stands.
    for at in range(2):
        day = FIRST + dt.timedelta(10 + at)
        latte = {"Item": "Latte", "SKU": "LAT", "Customer ID": "KXDAILY", "Location": "Boston"}
        latte |= {"Time Zone": TILLS[0][0], "Transaction ID": f"TrDaily{at}"}
        morning = {"Date": day.strftime(day_form), "Time": dt.time(8, 1, 2).strftime(time_form)}
        evening = {**morning, "Time": dt.time(20, 1, 2).strftime(time_form)}
        worth = Decimal("5.50")
        rows.append({**latte, **morning, "Event Type": "Payment", **_amounts(1, worth, Decimal(0))})
        lines.append(Line(f"TRDAILY{at}", "KXDAILY", day, worth))
        if at == 1:
            back = {**latte, "Transaction ID": "TrDaily0", **evening, "Event Type": "Refund"}
            rows.append({**back, **_amounts(-1, -worth, Decimal(0))})
            lines.append(Line("TRDAILY0", "KXDAILY", day, -worth))
    # The newest are first.
    return Truth([write_csv(directory / "items.csv", header, reversed(rows))], None, lines)


def _amounts(count: int, gross: Decimal, off: Decimal) -> dict[str, str]:
    return {
        "Qty": f"{count}.0",
        "Gross Sales": _dollars(gross),
        "Discounts": _dollars(-off),
        "Net Sales": _dollars(gross - off),
        "Tax": _dollars(rounded((gross - off) / 16)),
    }


def _dollars(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"
