"""Odoo's invoices: credit notes with the sign of sales, bills among them, down payments."""

import datetime as dt
import random
from pathlib import Path

from exports import Line, Truth, days, price
from exports.odoo_sales import DELIVERY, GOODS, written

HEADER = [
    *("Number", "Partner", "Invoice/Bill Date", "Due Date", "Type", "Status", "Currency"),
    *("Untaxed Amount", "Total", "Payment Status", "Invoice lines/Product"),
    *("Invoice lines/Label", "Invoice lines/Quantity", "Invoice lines/Unit Price"),
    *("Invoice lines/Taxes", "Invoice lines/Subtotal"),
]
OTHERS = [
    *(("Customer Invoice", "Draft"), ("Customer Invoice", "Cancelled"), ("Vendor Bill", "Posted")),
    *(("Vendor Credit Note", "Posted"), ("Journal Entry", "Posted")),
]


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    span = days(chance, 60, dt.date(2023, 1, 9), 300)
    for number, day in enumerate(span, start=1):
        is_end = day in (span[0], span[-1])
        kind, status = "Customer Invoice", "Posted"
        if not is_end and chance.random() < 0.3:
            kind, status = chance.choice(OTHERS)
        partner = chance.choice(["Azure Interior", "Deco Addict", "Gemini, Ann Lee", "Ready Mat"])
        items = [_line(chance.choice(GOODS), chance, 1) for _ in range(chance.randint(1, 4))]
        invoice = f"INV/{day:%Y}/{number:05d}"
        rows += _document(invoice, partner, day, kind, status, items, chance)
        if (kind, status) != ("Customer Invoice", "Posted"):
            continue
        lines += [Line(invoice, partner, day, amount) for _, amount in items]
        # What was credited later; the note as Odoo shows it has the sign of a sale.
        if chance.random() < 0.4 and day < span[-1]:
            later = min(span[-1], day + dt.timedelta(chance.randint(1, 40)))
            note, back = f"R{invoice}", items[:1]
            rows += _document(note, partner, later, "Customer Credit Note", "Posted", back, chance)
            lines += [Line(note, partner, later, -amount) for _, amount in back]
        elif chance.random() < 0.2 and day < span[-1]:
            # A down payment is invoiced first, and the last invoice takes it off.
            later = min(span[-1], day + dt.timedelta(chance.randint(1, 40)))
            last = f"INV/{day:%Y}/9{number:04d}"
            paid = _line("Down payment", chance, -1, price(chance, 100, 200))
            rest = [_line("[DESK 7] Desk", chance, 1, price(chance, 5000, 9000)), paid]
            rows += _document(last, partner, later, kind, status, rest, chance)
            lines += [Line(last, partner, later, amount) for _, amount in rest]
    return Truth([written(directory / "account_move", HEADER, rows, chance)], None, lines)


def _line(product, chance, count, unit=None):
    unit = unit or price(chance)
    count *= chance.choice([1, 2]) if count > 0 else 1
    row = {
        "Invoice lines/Product": product,
        "Invoice lines/Label": f"{product}, as agreed",
        "Invoice lines/Quantity": count,
        "Invoice lines/Unit Price": unit,
        "Invoice lines/Taxes": "15%",
        "Invoice lines/Subtotal": count * unit,
    }
    return row, count * unit


def _document(number, partner, day, kind, status, items, chance):
    first = {
        "Number": number,
        "Partner": partner,
        "Invoice/Bill Date": dt.datetime.combine(day, dt.time()),
        "Due Date": dt.datetime.combine(day + dt.timedelta(30), dt.time()),
        "Type": kind,
        "Status": status,
        "Currency": "EUR",
        "Payment Status": chance.choice(["Paid", "Not Paid"]),
    }
    shown = [row for row, _ in items]
    if chance.random() < 0.3:
        shown.insert(0, {"Invoice lines/Label": "A section"})
    if chance.random() < 0.3:
        shown.append(_line(DELIVERY[0], chance, 1)[0])
    return [{**(first if at == 0 else {}), **row} for at, row in enumerate(shown)]
