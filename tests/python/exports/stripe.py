"""Stripe's payments: one line per attempt, in UTC, in the customer's currency and the account's."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import Line, Truth, clock, days, mixed_case, price, rounded, write_csv

DEFAULT = [
    *("id", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Captured"),
    *("Converted Amount", "Converted Amount Refunded", "Converted Currency", "Decline Reason"),
    *("Description", "Fee", "Refunded date (UTC)", "Statement Descriptor", "Status"),
    *("Seller Message", "Taxes On Fee", "Card ID", "Customer ID", "Customer Description"),
    *("Customer Email", "Invoice ID", "Transfer"),
]
ALL = [
    *DEFAULT[:10],
    "Mode",
    "PaymentIntent ID",
    *DEFAULT[10:],
    "Disputed Amount",
    "Dispute Status",
]
RATES = {"eur": Decimal(1), "usd": Decimal("0.91"), "mxn": Decimal("0.0532")}
KINDS = [
    *("paid", "paid", "paid", "part", "whole", "dearer", "failed", "canceled", "waiting"),
    *("uncaptured", "test", "pending"),
]
NOT_COUNTED = {
    "failed": ("Failed", "false"),
    "canceled": ("canceled", "false"),
    "waiting": ("requires_payment_method", "false"),
    "uncaptured": ("requires_capture", "false"),
}


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines = [], []
    header = chance.choice([DEFAULT, ALL])
    kinds = [kind for kind in KINDS if kind != "test" or header is ALL]
    span = days(chance, 70, dt.date(2023, 1, 3), 300)
    for number, day in enumerate(span):
        is_end = number in (0, len(span) - 1)
        kind = "paid" if is_end else chance.choice(kinds)
        row, counted = _payment(chance, number, day, kind, span[-1])
        rows.append(row)
        lines += counted
    # The newest come first.
    path = write_csv(
        directory / "unified_payments.csv",
        header,
        [{name: row.get(name, "") for name in header} for row in reversed(rows)],
        delimiter=chance.choice([",", ";"]),
    )
    return Truth([path], None, lines)


def _payment(chance, number, day, kind, last):
    person = chance.randint(0, 12)
    mail = f"c{person}@pay.example" if person else ""
    account = f"cus_{chance.getrandbits(48):012x}" if person % 3 or not person else ""
    if not person and chance.random() < 0.5:
        account = ""
    currency = chance.choice(list(RATES))
    amount = price(chance)
    converted = rounded(amount * RATES[currency])
    status, captured = NOT_COUNTED.get(kind, ("Paid", "true"))
    back = {
        "part": rounded(converted / 3),
        "whole": converted,
        # The rate of the day on which it was paid back gives more than was paid.
        "dearer": converted + Decimal("0.37"),
    }.get(kind, Decimal(0))
    refunded_on = min(last, day + dt.timedelta(chance.randint(1, 20)))
    invoice = f"ch_{number:05d}{chance.getrandbits(64):016x}"
    row = {
        "id": invoice,
        "Created date (UTC)": f"{day} {clock(chance)}",
        "Amount": amount,
        "Amount Refunded": rounded(back / RATES[currency]),
        "Currency": currency,
        "Captured": captured,
        "Converted Amount": converted,
        "Converted Amount Refunded": back,
        "Converted Currency": "eur",
        "Mode": "Test" if kind == "test" else "Live",
        "Description": chance.choice(["Subscription update", "Workshop, two days", ""]),
        "Fee": rounded(converted / 40),
        "Refunded date (UTC)": f"{refunded_on} {clock(chance)}" if back else "",
        "Status": {"pending": "Pending", "whole": "Refunded", "dearer": "Refunded"}.get(
            kind, status
        ),
        "Customer ID": account,
        "Customer Email": mixed_case(chance, mail),
    }
    if kind in ("failed", "waiting") and chance.random() < 0.5:
        row |= {"Converted Amount": "", "Converted Amount Refunded": "", "Converted Currency": ""}
    if kind in NOT_COUNTED or kind == "test":
        return row, []
    customer = mail or account or None
    lines = [Line(invoice, customer, day, converted)]
    if back:
        lines.append(Line(invoice, customer, refunded_on, -min(back, converted)))
    return row, lines
