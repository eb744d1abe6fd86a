"""Odoo's sales orders: XLSX or CSV, order cells on the first line, sections and notes between."""

import datetime as dt
import random
from pathlib import Path

import openpyxl

from exports import Line, Truth, clock, days, price, rounded, write_csv

HEADER = [
    *("Order Reference", "Order Date", "Customer", "Salesperson", "Order Lines/Product"),
    *("Order Lines/Description", "Order Lines/Quantity", "Order Lines/Unit Price"),
    *("Order Lines/Discount (%)", "Order Lines/Taxes", "Order Lines/Subtotal"),
    *("Order Lines/Total", "Untaxed Amount", "Taxes", "Total", "Status", "Invoice Status"),
    "Currency",
]
GOODS = ["[MUG] Mug", "[MUG-B] Mug (Blue, Large)", "Consulting", "[DESK 7] Desk"]
DELIVERY = ["[Delivery_007] Standard delivery", "Free delivery charges"]
STATUSES = ["Sales Order", "Sales Order", "Locked", "Quotation", "Quotation Sent", "Cancelled"]


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    span = days(chance, 60, dt.date(2023, 1, 9), 300)
    for number, day in enumerate(span, start=1):
        is_end = day in (span[0], span[-1])
        status = STATUSES[0] if is_end else chance.choice(STATUSES)
        customer = chance.choice(
            ["Azure Interior", "Deco Addict", "Deco Addict, Ann Lee", "Gemini"]
        )
        order = f"S{number:05d}"
        items = [_item(chance) for _ in range(chance.randint(1, 4))]
        first = {
            "Order Reference": order,
            "Order Date": dt.datetime.fromisoformat(f"{day} {clock(chance)}"),
            "Customer": "False" if chance.random() < 0.1 and not is_end else customer,
            "Salesperson": "Mitchell Admin",
            "Untaxed Amount": sum(amount for _, amount in items),
            "Status": status,
            "Invoice Status": "Fully Invoiced",
            "Currency": "EUR",
        }
        shown = [row for row, _ in items]
        if chance.random() < 0.3:
            shown.insert(chance.randint(0, len(shown)), {"Order Lines/Description": "A section"})
        if chance.random() < 0.4:
            fee = price(chance, 0, 900)
            shown.append(_line(chance.choice(DELIVERY), 1, fee, "", fee))
        rows += [{**(first if at == 0 else {}), **row} for at, row in enumerate(shown)]
        if status in ("Sales Order", "Locked"):
            known = None if first["Customer"] == "False" else customer
            lines += [Line(order, known, day, amount) for _, amount in items]
    return Truth([written(directory / "sale_order", HEADER, rows, chance)], None, lines)


def written(stem, header, rows, chance):
    """Write what Odoo writes: a workbook of true dates and numbers, or a text."""
    if chance.random() < 0.5:
        return write_csv(stem.with_suffix(".csv"), header, rows)
    book = openpyxl.Workbook()
    book.active.append(header)
    for row in rows:
        book.active.append([row.get(name) for name in header])
    book.save(stem.with_suffix(".xlsx"))
    return stem.with_suffix(".xlsx")


def _item(chance):
    count, unit, discount = chance.choice([1, 2, 5]), price(chance), chance.choice([0, 0, 15])
    amount = rounded(count * unit * (100 - discount) / 100)
    return _line(chance.choice(GOODS), count, unit, discount, amount), amount


def _line(product, count, unit, discount, amount):
    return {
        "Order Lines/Product": product,
        "Order Lines/Description": f"{product}\nas agreed",
        "Order Lines/Quantity": count,
        "Order Lines/Unit Price": unit,
        "Order Lines/Discount (%)": discount,
        "Order Lines/Taxes": "15%",
        "Order Lines/Subtotal": amount,
        "Order Lines/Total": rounded(amount * 115 / 100),
    }
