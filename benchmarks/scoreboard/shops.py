"""The logs: two that others have published on, two with money, one with its truth."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.scoreboard.protocol import Shop
from tools.simulate import Shop as Simulation
from tools.simulate import calendar, draw_customers
from tools.simulate.orders import draw_order_days

ROOT = Path(__file__).parents[2]
SEED = 7
ONLINE_RETAIL = """
    select
        CustomerID::varchar as customer_id,
        InvoiceDate::date::timestamp as day,
        bool_or(Quantity > 0) as is_purchase,
        sum(Quantity * UnitPrice) as amount
    from read_parquet(?)
    where CustomerID is not null and UnitPrice > 0
    group by all
"""
GROCERY = """
    select customer_id::varchar as customer_id, order_date::timestamp as day, true as is_purchase,
        cast('nan' as double) as amount
    from read_parquet(?)
"""


def cdnow() -> Shop | None:
    """Return CDNOW's sample of 2,357 customers out of the lifetimes wheel, None without it."""
    try:
        files = importlib.metadata.files("lifetimes") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    path = next(file.locate() for file in files if file.name == "CDNOW_sample.txt")
    names = ["master_id", "customer_id", "day", "quantity", "amount"]
    log = pd.read_csv(path, sep=r"\s+", names=names, dtype={"day": "string", "customer_id": str})
    log["day"] = pd.to_datetime(log["day"], format="%Y%m%d")
    return Shop(
        "CDNOW",
        "Music, 2,357 customers who first bought in the first quarter of 1997, until June 1998"
        " (Fader and Hardie; the file of the lifetimes wheel).",
        _by_day(log.assign(is_purchase=True)),
        _days("1998-04-02", "1998-01-02"),
        (
            pd.Timestamp("1997-10-01"),
            273,
            "Published: 1,882 purchases came, BG/NBD forecast 1,653 (−12 %; Fader, Hardie and Lee"
            " 2005). `tests/python/test_lifetime_value.py` repeats that; here ages end with the"
            " cutoff, a day later.",
        ),
    )


def grocery(shared: Path) -> Shop | None:
    """Return the grocery log of BTYDplus, None without it."""
    return _from_parquet(
        shared / "grocery_events.parquet",
        GROCERY,
        "Grocery",
        "An online grocery, 1,525 customers, 2006 and 2007, days only (BTYDplus, Platzer).",
        _days("2007-10-02", "2007-07-04", "2007-04-05"),
        (
            pd.Timestamp("2007-01-01"),
            364,
            "Published on this holdout (BTYDplus): Pareto/GGG .621, MBG/CNBD-k .644, Pareto/NBD"
            " (HB) .688. Its MAE is Σ|error| ÷ Σ purchases: the column MAE ÷ mean. The first two"
            " know that purchases may be regular, which no model here does.",
        ),
    )


def online_retail(shared: Path) -> Shop | None:
    """Return UCI Online Retail, None without it."""
    return _from_parquet(
        shared / "online_retail.parquet",
        ONLINE_RETAIL,
        "Online Retail",
        "A gift wholesaler, December 2010 to December 2011 (UCI, Chen 2015). All priced lines of"
        " customers count, cancellations as negative revenue; a build of the project sorts out"
        " more, so its own figures differ a little.",
        _days("2011-09-10", "2011-06-12"),
    )


def simulated() -> Shop:
    """Return a simulated shop, like the bundled sample, with what its customers were made of."""
    shop, rng = Simulation(), np.random.default_rng(SEED)
    people = draw_customers(shop, rng)
    customer, day, _ = draw_order_days(shop, people, rng)
    amount = people["mean_order_value"][customer] * rng.gamma(
        shop.value_shape, 1 / shop.value_shape, len(customer)
    )
    start = pd.Timestamp(shop.start)
    ids = np.array([f"c{i:05d}" for i in range(shop.customers)])
    log = pd.DataFrame({"customer_id": ids[customer], "amount": amount, "is_purchase": True})
    log["day"] = start + pd.to_timedelta(day, unit="D")
    weight, bump = calendar(shop)

    def truth(cutoff: pd.Timestamp, days: int) -> pd.DataFrame:
        first = (cutoff - start).days
        window = slice(first, first + days)
        season = 1 + np.outer(people["season_amplitude"], bump[window])
        daily = people["purchase_rate_per_week"][:, None] * weight[window] / 7 * season
        # Alive through day d with probability S(d); it can still order on its last day.
        there = np.exp(-np.outer(people["dropout_rate_per_week"], np.arange(days) / 7))
        is_alive = (people["end_day"] >= first)[:, None]
        leaves = there - np.column_stack([there[:, 1:], np.zeros(len(there))])
        silent = (leaves * np.exp(-np.cumsum(daily, axis=1))).sum(axis=1)
        purchases = (is_alive * there * -np.expm1(-daily)).sum(axis=1)
        orders = (is_alive * there * daily).sum(axis=1)
        return pd.DataFrame(
            {
                "purchases": purchases,
                "revenue": orders * people["mean_order_value"],
                "churn": np.where(is_alive[:, 0], silent, 1.0),
            },
            index=ids,
        )

    return Shop(
        "Simulated shop",
        f"{shop.customers:,} customers over two years with a season (`tools.simulate`). Its truth"
        " knows each customer's rate, season, mean order value and rate of leaving, and who had"
        " left by the cutoff; not the day on which anybody leaves later. No model can know that"
        " much: the row shows where chance begins.",
        _by_day(log),
        _days("2011-09-10", "2011-06-12", "2011-03-14"),
        truth=truth,
    )


def _from_parquet(
    path: Path,
    query: str,
    name: str,
    about: str,
    windows: tuple[pd.Timestamp, ...],
    published: tuple[pd.Timestamp, int, str] | None = None,
) -> Shop | None:
    if not path.exists():
        return None
    with duckdb.connect() as memory:
        events = memory.execute(query, [str(path)]).df()
    return Shop(name, about, _by_day(events), windows, published)


def _days(*days: str) -> tuple[pd.Timestamp, ...]:
    return tuple(pd.Timestamp(day) for day in days)


def _by_day(log: pd.DataFrame) -> pd.DataFrame:
    """Return one row per customer and day, sorted."""
    days = log.groupby(["customer_id", "day"], as_index=False)
    table = days.agg(is_purchase=("is_purchase", "any"), amount=("amount", "sum"))
    if log["amount"].isna().any():
        table["amount"] = np.nan
    table["customer_id"] = table["customer_id"].astype(object)
    return table.astype({"day": "datetime64[us]"})
