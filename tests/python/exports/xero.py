"""Xero's sales invoices: totals repeated on each line, taxes within or on top, credit notes."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, days, price, rounded, write_csv

HEADER = [
    *("ContactName", "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3"),
    *("POAddressLine4", "POCity", "PORegion", "POPostalCode", "POCountry", "SAAddressLine1"),
    *("SAAddressLine2", "SAAddressLine3", "SAAddressLine4", "SACity", "SARegion", "SAPostalCode"),
    *("SACountry", "InvoiceNumber", "Reference", "InvoiceDate", "DueDate", "PlannedDate", "Total"),
    *("TaxTotal", "InvoiceAmountPaid", "InvoiceAmountDue", "InventoryItemCode", "Description"),
    *("Quantity", "UnitAmount", "Discount", "LineAmount", "AccountCode", "TaxType", "TaxAmount"),
    *("TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency", "Type"),
    *("Sent", "Status"),
]
GOODS = [("MUG", "Mug"), ("", "Consulting, one hour"), ("POT", "Pot"), ("", "Repair")]
RATE = Decimal("0.20")
ISSUED = ["Paid", "Paid", "Awaiting Payment"]
OTHERS = ["Draft", "Awaiting Approval", "Voided", "Deleted"]


def write(directory: Path, chance: random.Random) -> Truth:
    form = chance.choice(["%d/%m/%Y", "%m/%d/%Y"])
    is_negative, is_marked = chance.random() < 0.5, chance.random() < 0.5
    rows, lines = [], []
    span = days(chance, 60, dt.date(2023, 2, 14), 320)
    for number, day in enumerate(span, start=1):
        is_end = day in (span[0], span[-1])
        status = chance.choice(ISSUED if is_end else ISSUED + OTHERS)
        customer = f"Customer {chance.randint(1, 12)} Ltd"
        kind = "Sales invoice"
        if not is_end:
            kind = chance.choice([kind] * 5 + ["Sales overpayment"])
        items = [_item(chance, may_be_words=at > 0) for at in range(chance.randint(1, 4))]
        document = _document(chance, f"INV-{number:04d}", day, customer, kind, status, items)
        rows += _rows(document, form, 1)
        if status in ISSUED and kind == "Sales invoice":
            lines.append(Line(document["InvoiceNumber"], customer, day, document["net"]))
            # A credit note of its own, later: half of the invoice's lines.
            if chance.random() < 0.4 and day < span[-1]:
                later = min(span[-1], day + dt.timedelta(chance.randint(1, 30)))
                credit = chance.choice(["Sales Credit Note", "Sales credit note"])
                some = items[: (len(items) + 1) // 2]
                note = _document(chance, f"CN-{number:04d}", later, customer, credit, "Paid", some)
                rows += _rows(note, form, -1 if is_negative else 1)
                lines.append(Line(note["InvoiceNumber"], customer, later, -note["net"]))
    required = {"ContactName", "InvoiceNumber", "InvoiceDate", "Description", "Quantity"}
    marked = {name: f"*{name}" if is_marked and name in required else name for name in HEADER}
    path = write_csv(
        directory / "SalesInvoices.csv",
        list(marked.values()),
        [{marked[name]: value for name, value in row.items()} for row in rows],
        encoding="utf-8-sig",
    )
    return Truth([path], None, lines)


def _item(chance, *, may_be_words):
    if may_be_words and chance.random() < 0.2:
        # A line of words only.
        return {"Description": "Thank you for your order", "amount": Decimal(0)}
    code, text = chance.choice(GOODS)
    count = Decimal(chance.choice(["1", "2", "3", "1.5"]))
    unit, discount = price(chance), chance.choice(["", "", "10"])
    amount = rounded(count * unit * (100 - Decimal(discount or 0)) / 100)
    return {
        "InventoryItemCode": code,
        "Description": text,
        "Quantity": f"{count:.4f}",
        "UnitAmount": f"{unit:.4f}",
        "Discount": discount,
        "amount": amount,
    }


def _document(chance, number, day, customer, kind, status, items):
    amounts = sum(item["amount"] for item in items)
    # Of each document anew, as people choose it.
    is_inclusive = chance.random() < 0.5
    tax = rounded(amounts * RATE / (1 + RATE)) if is_inclusive else rounded(amounts * RATE)
    return {
        "ContactName": customer,
        "InvoiceNumber": number,
        "day": day,
        "Type": kind,
        "Status": status,
        "items": items,
        "tax": tax,
        "total": amounts if is_inclusive else amounts + tax,
        "net": amounts - tax if is_inclusive else amounts,
    }


def _rows(document, form, sign):
    shared = {
        "ContactName": document["ContactName"],
        "InvoiceNumber": document["InvoiceNumber"],
        "InvoiceDate": document["day"].strftime(form),
        "DueDate": (document["day"] + dt.timedelta(14)).strftime(form),
        "Total": sign * document["total"],
        "TaxTotal": sign * document["tax"],
        "InvoiceAmountPaid": sign * document["total"],
        "Currency": "GBP",
        "Type": document["Type"],
        "Sent": "Sent",
        "Status": document["Status"],
        "AccountCode": "200",
        "TaxType": "20% (VAT on Income)",
    }
    for item in document["items"]:
        stated = {name: value for name, value in item.items() if name != "amount"}
        amount = {"LineAmount": sign * item["amount"]} if "Quantity" in item else {}
        yield {**shared, **stated, **amount}
