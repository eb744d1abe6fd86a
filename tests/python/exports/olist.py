"""Olist: items, orders and customers in files of their own, and a customer_id of each order."""

import datetime as dt
import random
from pathlib import Path

from exports import Line, Truth, clock, days, price, write_csv

ITEMS = [
    *("order_id", "order_item_id", "product_id", "seller_id", "shipping_limit_date", "price"),
    "freight_value",
]
ORDERS = [
    *("order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at"),
    *("order_delivered_carrier_date", "order_delivered_customer_date"),
    "order_estimated_delivery_date",
]
CUSTOMERS = [
    *("customer_id", "customer_unique_id", "customer_zip_code_prefix", "customer_city"),
    "customer_state",
]
PAYMENTS = [
    *("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"),
]
COUNTING = ["delivered", "delivered", "delivered", "shipped", "invoiced", "processing", "approved"]
OTHERS = ["canceled", "unavailable", "created"]


def write(directory: Path, chance: random.Random) -> Truth:
    people = [_id(chance) for _ in range(25)]
    items, orders, customers, payments, lines = [], [], [], [], []
    for number, day in enumerate(days(chance, 80, dt.date(2017, 1, 5), 500)):
        is_end = number in (0, 79)
        order, customer, person = _id(chance), _id(chance), chance.choice(people)
        status = chance.choice(COUNTING if is_end else COUNTING + OTHERS)
        customers.append(
            {
                "customer_id": customer,
                "customer_unique_id": person,
                "customer_zip_code_prefix": f"{chance.randint(1000, 99999):05d}",
                "customer_city": chance.choice(["sao paulo", "rio de janeiro", "são luís"]),
                "customer_state": chance.choice(["SP", "RJ", "MA"]),
            }
        )
        bought = f"{day} {clock(chance)}"
        orders.append(
            {
                "order_id": order,
                "customer_id": customer,
                "order_status": status,
                "order_purchase_timestamp": bought,
                "order_approved_at": bought if status != "created" else "",
                "order_estimated_delivery_date": f"{day + dt.timedelta(20)} 00:00:00",
            }
        )
        count = chance.choice([0, 1]) if status in OTHERS else chance.choice([1, 1, 2, 3])
        product, unit = _id(chance), price(chance)
        for at in range(count):
            # The same product twice is two records that differ in their number.
            if chance.random() < 0.5:
                product, unit = _id(chance), price(chance)
            items.append(
                {
                    "order_id": order,
                    "order_item_id": at + 1,
                    "product_id": product,
                    "seller_id": "seller",
                    "shipping_limit_date": f"{day + dt.timedelta(5)} 10:00:00",
                    "price": unit,
                    "freight_value": price(chance, 500, 3000),
                }
            )
            if status not in ("canceled", "unavailable"):
                lines.append(Line(order, person, day, unit))
        # Several payments of an order: joined before they are added up, they would multiply.
        payments += [
            {"order_id": order, "payment_sequential": at, "payment_value": price(chance)}
            for at in (1, 2)
        ]
    for rows in (items, orders, customers):
        chance.shuffle(rows)
    path = write_csv(directory / "olist_order_items_dataset.csv", ITEMS, items)
    write_csv(directory / "olist_orders_dataset.csv", ORDERS, orders)
    write_csv(directory / "olist_customers_dataset.csv", CUSTOMERS, customers)
    write_csv(directory / "olist_order_payments_dataset.csv", PAYMENTS, payments)
    return Truth([path], None, lines)


def _id(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"
