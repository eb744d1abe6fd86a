"""The intervals of `rpt_campaign_readout` in numpy, for many campaigns at a time."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

# Contacted and held-out customers of a small, a usual and a large campaign, and of an even split.
SIZES = [(90, 10), (450, 50), (900, 100), (250, 250)]


def newcombe(a, m, b, n):
    """Interval of a/m - b/n: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10."""
    z = 1.959964

    def wilson(x, size):
        middle = (2 * x + z**2) / (2 * (size + z**2))
        half = z * np.sqrt(z**2 + 4 * x * (1 - x / size)) / (2 * (size + z**2))
        return middle - half, middle + half

    (low_a, high_a), (low_b, high_b) = wilson(a, m), wilson(b, n)
    difference = a / m - b / n
    return (
        difference - np.hypot(a / m - low_a, high_b - b / n),
        difference + np.hypot(high_a - a / m, b / n - low_b),
    )


def revenue_interval(contacted: np.ndarray, held_out: np.ndarray):
    """Interval of the difference in net revenue per customer, along the last axis."""
    both = np.concatenate([contacted, held_out], axis=-1)
    limit = np.quantile(both, 0.99, axis=-1, keepdims=True)
    x, y = np.minimum(contacted, limit), np.minimum(held_out, limit)
    n, m = x.shape[-1], y.shape[-1]
    spread = (x.var(axis=-1) * n + y.var(axis=-1) * m) / (n + m - 2)
    margin = 1.959964 * np.sqrt(spread * (1 / n + 1 / m))
    difference = x.mean(axis=-1) - y.mean(axis=-1)
    return difference - margin, difference + margin


def revenues_by_segment(data_dir: Path) -> dict[str, np.ndarray]:
    """Net revenue of 90 days after a month end of every customer known then, by segment."""
    with duckdb.connect(str(data_dir / "build" / "warehouse.duckdb"), read_only=True) as database:
        rows = database.execute(
            """
            with start as (
                select max(as_of_date) as day
                from intermediate.int_customer_snapshots
                where as_of_date <= (select as_of_date - 90 from intermediate.int_as_of)
            )
            select snapshots.segment, coalesce(sum(days.net_revenue), 0)::double
            from intermediate.int_customer_snapshots as snapshots
            inner join start on snapshots.as_of_date = start.day
            left join intermediate.int_customer_days as days
                on days.customer_id = snapshots.customer_id
                and days.activity_date > start.day and days.activity_date <= start.day + 90
            group by snapshots.segment, snapshots.customer_id
            order by all
            """
        ).fetchall()
    found: dict[str, list[float]] = {}
    for segment, revenue in rows:
        found.setdefault(segment, []).append(revenue)
        found.setdefault("everybody", []).append(revenue)
    return {segment: np.array(revenues) for segment, revenues in found.items()}


def false_alarms(revenues: np.ndarray, size: tuple[int, int], runs: int = 1_000):
    """Share of campaigns without effect that seem to have one: in the response, in revenue."""
    chance = np.random.default_rng(7)
    contacted, held_out = (chance.choice(revenues, (runs, n)) for n in size)
    response = newcombe((contacted > 0).sum(1), size[0], (held_out > 0).sum(1), size[1])
    revenue = revenue_interval(contacted, held_out)
    return [float(((low > 0) | (high < 0)).mean()) for low, high in (response, revenue)]
