"""Magento's order items with their orders, as a query of its database gives them."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import (
    Line,
    Truth,
    clock,
    columns,
    days,
    mixed_case,
    of_preset,
    price,
    rounded,
    shares,
    write_csv,
)

HEADER = columns(
    "increment_id,created_at,status,customer_email,base_currency_code,parent_item_id,sku,name,"
    "product_type,qty_ordered,base_row_total,base_discount_amount,base_tax_amount,"
    "base_amount_refunded,base_discount_refunded"
)
STATUSES = ("processing", "complete", "complete", "pending", "holded", "closed", "canceled")
NO_SALE = ("canceled", "pending_payment")
FIRST, SPAN, ORDERS = dt.date(2023, 2, 3), 160, 60


def write(directory: Path, chance: random.Random) -> Truth:
    rows, lines, item = [], [], 0
    null = chance.choice(["", "NULL"])
    in_vienna = chance.random() < 0.5
    for number, day in enumerate(days(chance, ORDERS, FIRST, SPAN), start=1):
        is_end = number in (1, ORDERS)
        status = "complete" if is_end else chance.choice([*STATUSES, "pending_payment"])
        customer = chance.choice([None, *(f"c{at}@shop.example" for at in range(12))])
        identity = f"{number:09d}"
        # The hour before midnight in UTC is the next day in Vienna.
        time = "12:00:00" if is_end else clock(chance)
        local = day + dt.timedelta(1 if in_vienna and time >= "23" else 0)
        order = {
            "increment_id": identity,
            "created_at": f"{day} {time}",
            "status": status,
            "customer_email": mixed_case(chance, customer or ""),
            "base_currency_code": "EUR",
        }
        pieces = [chance.randint(1, 3) for _ in range(chance.randint(1, 3))]
        totals = [count * price(chance) for count in pieces]
        off = rounded(sum(totals) * chance.choice([Decimal(0), Decimal("0.2")]))
        for count, total, discount in zip(pieces, totals, shares(off, totals), strict=True):
            item += 1
            kind = chance.choice(["simple", "configurable", "bundle"])
            net = total - discount
            back = Decimal(0)
            if status == "closed":
                back = net
            elif status == "complete" and not is_end and chance.random() < 0.3:
                back = rounded(net / count)
            refunded = {
                "base_amount_refunded": f"{back + (discount if back == net else 0):.4f}",
                "base_discount_refunded": f"{discount:.4f}" if back == net and discount else null,
            }
            if not back:
                refunded = {"base_amount_refunded": "0.0000", "base_discount_refunded": null}
            line = {
                **order,
                "parent_item_id": null,
                "sku": f"SKU-{item % 7}",
                "name": "Chair",
                "product_type": kind,
                "qty_ordered": f"{count:.4f}",
                "base_row_total": f"{total:.4f}",
                "base_discount_amount": f"{discount:.4f}",
                **refunded,
            }
            rows.append(line)
            # What a bundle holds repeats its price; the variant of a product has none.
            for part in range({"bundle": 2, "configurable": 1}.get(kind, 0)):
                worth = total / 2 if kind == "bundle" else Decimal(0)
                rows.append(
                    {
                        **line,
                        **{"parent_item_id": item, "sku": f"PART-{part}", "product_type": "simple"},
                        **{"base_row_total": f"{worth:.4f}", "base_discount_amount": "0.0000"},
                    }
                )
            if status not in NO_SALE:
                amounts = [amount for amount in (net, -back) if amount]
                lines += [Line(identity, customer, local, amount) for amount in amounts]
    file = write_csv(directory / "items.csv", HEADER, rows)
    mapping = of_preset("magento_items", timezone="Europe/Vienna") if in_vienna else None
    return Truth([file], mapping, lines)
