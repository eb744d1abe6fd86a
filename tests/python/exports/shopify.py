"""Shopify's own export of orders: one line per item, what is of the order on its first line.

Two stores whose exports were joined, two files of which the second holds again, as they stand
later, the last orders of the first.
"""

import dataclasses
import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

from exports import (
    SMALLEST,
    Line,
    Truth,
    clock,
    columns,
    days,
    mixed_case,
    price,
    rounded,
    shares,
    write_csv,
)

HEADER = columns(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,"
    "Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,"
    "Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,"
    "Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,"
    "Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)
OLDER = HEADER[: HEADER.index("Tax 5 Value") + 1]
HEADERS = (HEADER, [*HEADER, "Channel Name"], OLDER)

RATE = Decimal("0.19")
GOODS = (
    ("MUG", "Mug"),
    ("TEE-S", "Tee - S"),
    ("", "Poster - A2 / black"),
    ("", "Gift card holder"),
)
CARD = ("", "Gift Card - $50.00", 1, Decimal("50.00"))
FIRST = dt.date(2023, 3, 1)
SPAN = 200
ORDERS = 70
BUYERS = 12
AGAIN = 6

# What became of an order: Financial Status, whether it is cancelled, how it was paid.
PAID = ("paid", False, "Shopify Payments")
KINDS = {
    "paid": PAID,
    "mixed tender": ("paid", False, "Gift Card + Shopify Payments"),
    "paid by card": ("paid", False, "Gift Card"),
    "on delivery": ("pending", False, "Cash on Delivery (COD)"),
    "authorized": ("authorized", False, "Shopify Payments"),
    "part is owed": ("partially_paid", False, "Bank Deposit"),
    "part back": ("partially_refunded", False, "Shopify Payments"),
    "shipping back": ("partially_refunded", False, "Shopify Payments"),
    "all back": ("refunded", False, "PayPal Express Checkout"),
    "voided": ("voided", True, "Cash on Delivery (COD)"),
    "expired": ("expired", False, "Shopify Payments"),
    "cancelled": ("paid", True, "Shopify Payments"),
    "cancelled, back": ("refunded", True, "Shopify Payments"),
    "test": ("paid", False, "(for testing) Bogus Gateway"),
    "gift card": PAID,
    "gift card and goods": PAID,
    "free": ("paid", False, ""),
}
NO_SALE = ("voided", "expired", "cancelled", "cancelled, back", "test")


@dataclasses.dataclass(frozen=True)
class Order:
    """One order of one of the stores."""

    name: str
    identity: int
    day: dt.date
    time: str
    kind: str
    email: str
    phone: str
    items: list[tuple[str, str, int, Decimal]]
    own_discounts: list[Decimal]
    code: Decimal
    shipping: Decimal
    tip: Decimal
    is_tax_in: bool

    @property
    def amounts(self) -> list[Decimal]:
        """Each item after the discount of its line."""
        pairs = zip(self.items, self.own_discounts, strict=True)
        return [count * unit - off for (_, _, count, unit), off in pairs]

    @property
    def subtotal(self) -> Decimal:
        return sum(self.amounts) - self.code

    @property
    def taxes(self) -> Decimal:
        taxed = self.subtotal + self.shipping
        return rounded(taxed * RATE / (1 + RATE) if self.is_tax_in else taxed * RATE)

    @property
    def total(self) -> Decimal:
        on_top = Decimal(0) if self.is_tax_in else self.taxes
        return self.subtotal + self.shipping + on_top + self.tip

    @property
    def refunded(self) -> Decimal:
        """What was paid back, of goods, taxes and shipping."""
        parts = {"part back": rounded(self.total / 3), "shipping back": self.shipping}
        whole = self.total if self.kind in ("all back", "cancelled, back") else Decimal(0)
        return parts.get(self.kind, whole)

    def lines(self) -> list[Line]:
        """What counts: goods after every discount, less the goods' part of the refund."""
        if self.kind in NO_SALE:
            return []
        is_card = [item == CARD for item in self.items]
        # The code of an order takes nothing off a gift card.
        goods = [
            Decimal(0) if card else amount
            for amount, card in zip(self.amounts, is_card, strict=True)
        ]
        after = shares(sum(goods) - self.code, goods, SMALLEST)
        kept = [
            item[-1] if card else amount
            for item, amount, card in zip(self.items, after, is_card, strict=True)
        ]
        beyond = self.total - self.shipping - self.subtotal
        back = Decimal(0)
        if self.refunded:
            back = self.refunded * self.subtotal / (self.subtotal + beyond)
            back = rounded(min(back, self.subtotal), SMALLEST)
        customer = self.email or self.phone or None
        return [
            Line(self.name, customer, self.day, amount)
            for card, *pair in zip(is_card, kept, shares(-back, kept, SMALLEST), strict=True)
            for amount in pair
            if amount and not card
        ]

    def rows(self, email_is_repeated: bool) -> list[dict[str, object]]:
        status, is_cancelled, gateway = KINDS[self.kind]
        moment = f"{self.day} {self.time} +0100"
        email = mixed_case(random.Random(self.identity), self.email)
        first = {
            "Email": email,
            "Financial Status": status,
            "Paid at": "" if status == "pending" else moment,
            "Fulfillment Status": "fulfilled",
            "Accepts Marketing": "yes" if self.identity % 2 else "no",
            "Currency": "EUR",
            "Subtotal": self.subtotal,
            "Shipping": self.shipping,
            "Taxes": self.taxes,
            "Total": self.total,
            "Discount Amount": self.code,
            "Billing Country": "DE",
            "Shipping Country": "" if self.identity % 3 else "AT",
            "Cancelled at": moment if is_cancelled else "",
            "Payment Method": gateway,
            "Refunded Amount": self.refunded,
            "Outstanding Balance": 0,
            "Id": self.identity,
            "Source": "web",
        }
        return [
            {
                **(first if at == 0 else {"Email": email if email_is_repeated else ""}),
                "Name": self.name,
                "Created at": moment,
                "Lineitem quantity": count,
                "Lineitem name": name,
                "Lineitem price": unit,
                "Lineitem sku": sku,
                "Lineitem discount": self.own_discounts[at],
                "Vendor": "Mugs & Co",
                "Phone": self.phone,
            }
            for at, (sku, name, count, unit) in enumerate(self.items)
        ]


def write(directory: Path, chance: random.Random) -> Truth:
    header = chance.choice(HEADERS)
    has_phone = "Phone" in header
    dates = days(chance, ORDERS, FIRST, SPAN)
    orders = [_order(chance, number, day, 0, has_phone) for number, day in enumerate(dates)]
    # The other store counts its orders from the same number.
    orders += [
        _order(chance, number, dates[number * 2], 1, has_phone) for number in range(ORDERS // 3)
    ]
    middle = ORDERS // 2
    seen_again = orders[middle - AGAIN : middle]
    later = [dataclasses.replace(order, kind=_later(order)) for order in seen_again]
    repeats_email = chance.random() < 0.5
    files = [
        write_csv(
            directory / f"orders_export_{number}.csv",
            header,
            [row for order in part for row in order.rows(repeats_email)],
            encoding=chance.choice(["utf-8", "utf-8-sig"]),
        )
        for number, part in enumerate(
            ([*orders[:middle], *orders[ORDERS:]], [*later, *orders[middle:ORDERS]]), start=1
        )
    ]
    last = [order for order in orders if order not in seen_again] + later
    return Truth(files, None, [line for order in last for line in order.lines()])


def _later(order: Order) -> str:
    return {"paid": "all back", "on delivery": "paid", "authorized": "voided"}.get(
        order.kind, order.kind
    )


def _order(chance: random.Random, number: int, day: dt.date, store: int, has_phone: bool) -> Order:
    is_end = store == 0 and number in (0, ORDERS - 1)
    kind = "paid" if is_end else chance.choice(list(KINDS))
    buyer = chance.choice([None, None, *range(BUYERS)])
    email, phone = "", ""
    if buyer is not None:
        email = f"c{buyer}@store{store}.example"
        if has_phone:
            phone = f"+4915{store}{buyer:08d}"
            if kind == "on delivery":
                email = ""
    items = [
        (*chance.choice(GOODS), chance.randint(1, 3), price(chance))
        for _ in range(0 if kind == "gift card" else chance.randint(1, 4))
    ]
    own = [chance.choice([Decimal(0), Decimal(0), rounded(unit / 10)]) for *_, unit in items]
    goods = sum(count * unit for *_, count, unit in items) - sum(own)
    code = rounded(goods * chance.choice([Decimal(0), Decimal("0.1"), Decimal("0.125")]))
    if kind == "free":
        code = goods
    if kind in ("gift card", "gift card and goods"):
        at = chance.randint(0, len(items))
        items.insert(at, CARD)
        own.insert(at, Decimal(0))
    return Order(
        f"#{1001 + number}",
        5_000_000_000_000 + 1_000_000 * store + number,
        day,
        clock(chance),
        kind,
        email,
        phone,
        items,
        own,
        Decimal(code),
        chance.choice([Decimal(0), Decimal("4.90")]),
        Decimal("2.00") if chance.random() < 0.1 else Decimal(0),
        chance.random() < 0.5,
    )
