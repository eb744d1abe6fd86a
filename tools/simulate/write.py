"""The two files: the shop's lines, and the truth behind them."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tools.simulate.lines import CHUNK_LINES, SCHEMA, line_chunks
from tools.simulate.plan import Plan, plan_shop
from tools.simulate.shop import Shop
from tools.simulate.vocabulary import COUNTRIES, FIRST_CUSTOMER

ROW_GROUP, PROGRESS_SECONDS = 122_880, 10.0


def truth_table(plan: Plan) -> pa.Table:
    """Return one row a customer: the parameters drawn for them and what came of it.

    ``lifetime_end_date`` is the last day on which the customer could order, null for those
    alive at the end. A customer need not order in the period. ``expected_orders`` is the mean of
    ``orders`` given rate, season, lifetime and first order. ``orders`` leaves out
    ``void_orders``: keyed in wrongly and reversed.
    """
    customers, shop = plan.customers, plan.shop
    start = np.datetime64(shop.start, "D")
    none = customers["orders"] == 0
    minutes = {
        name: np.datetime64(shop.start, "us") + np.where(none, 0, customers[name]).astype("m8[m]")
        for name in ("first_minute", "last_minute")
    }
    is_alive = customers["end_day"] >= shop.days - 1
    columns: dict[str, object] = {
        "customer_id": (FIRST_CUSTOMER + np.arange(shop.customers)).astype("i4"),
        "country": pa.array([*COUNTRIES]).take(pa.array(customers["country"])),
        "acquired_date": start + customers["acquired_day"],
        "is_left_censored": customers["acquired_day"] < 0,
        "lifetime_end_date": pa.array(
            start + np.minimum(customers["end_day"], shop.days), mask=is_alive
        ),
        "first_order_at": pa.array(minutes["first_minute"], mask=none),
        "last_order_at": pa.array(minutes["last_minute"], mask=none),
    }
    for name in (
        "orders", "void_orders", "expected_orders", "purchase_rate_per_week",
        "dropout_rate_per_week", "season_amplitude", "mean_order_value", "return_probability",
    ):  # fmt: skip
        columns[name] = customers[name]
    return pa.table(columns)


def write_shop(
    shop: Shop,
    seed: int,
    out: Path,
    truth: Path,
    *,
    chunk_lines: int = CHUNK_LINES,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Write a shop's lines and its truth as Parquet (zstd) and return the number of lines.

    Parameters
    ----------
    shop, seed
        What to draw; the same pair always gives the same rows.
    out, truth
        Files to write, replaced when they exist.
    chunk_lines
        Lines held in memory at a time; it does not change the result.
    progress
        Called with one line of text about every ten seconds.
    """
    plan = plan_shop(shop, seed)
    pq.write_table(truth_table(plan), truth, compression="zstd")
    written, said = 0, time.monotonic()
    with pq.ParquetWriter(out, SCHEMA, compression="zstd", compression_level=9) as writer:
        for table in line_chunks(plan, chunk_lines):
            writer.write_table(table, row_group_size=ROW_GROUP)
            written += table.num_rows
            if progress and time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                progress(f"simulate: {written:,} lines written …")
    return written
