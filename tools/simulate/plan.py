"""Everything but the lines: customers, catalogue, and all invoices in time order."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from tools.simulate.cancellations import draw_cancellations
from tools.simulate.catalogue import Catalogue, make_catalogue
from tools.simulate.customers import draw_customers
from tools.simulate.events import RETURN, SALE
from tools.simulate.orders import draw_anonymous, draw_orders
from tools.simulate.shop import Shop
from tools.simulate.single_lines import draw_singles


@dataclass(frozen=True)
class Plan:
    """Everything but the lines: customers, invoices in time order, and the catalogue."""

    shop: Shop
    seed: int
    customers: dict[str, np.ndarray]  # (customers,) each
    events: np.ndarray  # (invoices,) of EVENT
    singles: np.ndarray  # (single lines,) of SINGLE_LINE
    catalogue: Catalogue


def count_orders(shop: Shop, orders: np.ndarray) -> dict[str, np.ndarray]:
    """Return each customer's number of orders and the minutes of the first and the last."""
    who, minute = orders["customer"], orders["minute"]
    first = np.full(shop.customers, np.iinfo("i4").max, "i4")
    last = np.full(shop.customers, -1, "i4")
    np.minimum.at(first, who, minute)
    np.maximum.at(last, who, minute)
    count = np.bincount(who, minlength=shop.customers)
    return {"orders": count, "first_minute": first, "last_minute": last}


def plan_shop(shop: Shop, seed: int) -> Plan:
    """Draw customers, catalogue and all invoices in time order; deterministic in the seed.

    Raises
    ------
    ValueError
        When there are so few customers that none of them orders anything.
    """
    rng = np.random.default_rng(seed)
    catalogue = make_catalogue(shop, rng)
    customers = draw_customers(shop, rng)
    orders, customers["expected_orders"] = draw_orders(shop, customers, rng)
    if not len(orders):
        raise ValueError(f"customers: none of {shop.customers} orders in the period, ask for more")
    customers |= count_orders(shop, orders)
    orders = np.concatenate([orders, draw_anonymous(shop, int(orders["n_lines"].sum()), rng)])
    orders["content"] = np.arange(len(orders))
    returns, earlier, wrong, reversals = draw_cancellations(shop, customers, orders, rng)
    single_events, singles = draw_singles(shop, customers, orders, catalogue, rng)
    customers["void_orders"] = np.bincount(wrong["customer"], minlength=shop.customers)
    customers["void_orders"][single_events["customer"][-1]] += 1  # the giant order
    events = np.concatenate([orders, returns, earlier, wrong, reversals, single_events])
    del orders  # as large as what follows
    events = events[np.argsort(events["minute"], kind="stable")]
    # Only the last invoice of a minute may run into the next one: the file stays in time order.
    is_last = np.append(events["minute"][1:] > events["minute"][:-1], True)
    may_split = (events["kind"] == SALE) & (events["n_lines"] >= 3) & is_last
    events["two_times"] = may_split & (rng.random(len(events)) < shop.two_times_share)
    return Plan(shop, seed, customers, events, singles, catalogue)


def shop_of_lines(shop: Shop, lines: int, seed: int) -> Shop:
    """Return the shop with as many customers as give about so many lines.

    The lines per customer are taken from the plan of a shop of 20,000 customers.
    """
    if lines < 1:
        raise ValueError(f"lines must be positive, not {lines}")
    pilot = plan_shop(dataclasses.replace(shop, customers=20_000), seed).events
    # A return repeats only some of its order's lines, on average about one and a half.
    per_pilot = pilot["n_lines"][pilot["kind"] != RETURN].sum() + (pilot["extra"] >= 0).sum()
    per_pilot += 1.5 * (pilot["kind"] == RETURN).sum()
    return dataclasses.replace(shop, customers=max(1, round(20_000 * lines / float(per_pilot))))
