"""Write who entered, left and stayed in each segment between two days, for marketing tools."""

from __future__ import annotations

import os
from bisect import bisect
from collections.abc import Sequence
from datetime import date

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.lists.export import export_query
from customer_intelligence.publication.reader import reading

MOVEMENTS = ("entered", "left", "stayed")
# Nobody leaves the snapshots, so all who were customers on the first day are among those of the
# last. A missing from_segment is a customer who was none yet: entered, and left nothing.
_QUERY = """
    with moves as (

        select
            ends.customer_id,
            starts.segment as from_segment,
            ends.segment as to_segment
        from fct_customer_snapshots as ends
        left join fct_customer_snapshots as starts
            on ends.customer_id = starts.customer_id and starts.as_of_date = $from_date
        where ends.as_of_date = $to_date

    ),

    movements as (

        select *, to_segment as segment, 'stayed' as movement from moves
        where from_segment = to_segment
        union all
        select *, to_segment as segment, 'entered' as movement from moves
        where from_segment is distinct from to_segment
        union all
        select *, from_segment as segment, 'left' as movement from moves
        where from_segment <> to_segment

    )

    select
        movements.customer_id,
        movements.segment,
        movements.movement,
        coalesce(movements.from_segment, 'Not yet a customer') as from_segment,
        movements.to_segment,
        customers.net_revenue as historic_clv,
        customers.predicted_value_365d as predicted_clv,
        customers.churn_probability,
        customers.average_order_value,
        customers.expected_next_order_date as expected_date_of_next_order
    from movements
    left join dim_customers as customers on movements.customer_id = customers.customer_id
    where
        coalesce(customers.may_be_contacted, true)
        and ($segment is null or movements.segment = $segment)
        and ($movement is null or movements.movement = $movement)
"""


def write_audience(
    from_date: str,
    to_date: str,
    path: str | os.PathLike[str],
    segment: str | None = None,
    movement: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> int:
    """Write the customers who moved between two snapshots, or stayed, to a CSV file.

    Who moved from A to B has two rows, left A and entered B. Segments are those of the two
    days; value and probability are those of the build's as-of date. Customers who refused to be
    contacted are left out.

    Parameters
    ----------
    from_date, to_date : str
        Days of two snapshots, such as 2011-06-30, the earlier first.
    path : path
        Where to write, outside the folders that the project keeps its own files in.
    segment, movement : str, optional
        Only the rows of this segment, and of this movement (`entered`, `left` or `stayed`).
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_DATE`, `E_NO_SNAPSHOT`, `E_DATE_ORDER`, `E_UNKNOWN_SEGMENT`,
        `E_UNKNOWN_MOVEMENT`, `E_OLD_MARTS`, and those of `export_query` and `reading`.
    """
    if movement is not None and movement not in MOVEMENTS:
        raise CustomerIntelligenceError(
            "E_UNKNOWN_MOVEMENT",
            f"There is no movement {movement!r}.",
            f"Movements are: {', '.join(MOVEMENTS)}.",
        )
    with reading(data_dir) as marts:
        days = [
            day
            for (day,) in marts.execute(
                "select distinct as_of_date from fct_customer_snapshots order by as_of_date"
            ).fetchall()
        ]
        start, end = (_snapshot(text, days) for text in (from_date, to_date))
        if start >= end:
            raise CustomerIntelligenceError(
                "E_DATE_ORDER",
                f"{start} is not before {end}.",
                "Name the earlier day first.",
            )
        known = [
            name
            for (name,) in marts.execute(
                "select distinct segment from fct_customer_snapshots "
                "where as_of_date in ($start, $end) order by segment",
                {"start": start, "end": end},
            ).fetchall()
        ]
        if segment is not None and segment not in known:
            raise CustomerIntelligenceError(
                "E_UNKNOWN_SEGMENT",
                f"On neither day was any customer in a segment {segment!r}.",
                f"Segments are: {', '.join(known)}.",
            )
        parameters = {
            "from_date": start,
            "to_date": end,
            "segment": segment,
            "movement": movement,
        }
        try:
            return export_query(marts, _QUERY, parameters, path, data_dir, is_contact="true")
        except duckdb.BinderException:
            raise CustomerIntelligenceError(
                "E_OLD_MARTS",
                "The published marts come from an earlier version of the project.",
                "Run `make build` first.",
            ) from None


def _snapshot(text: str, days: Sequence[date]) -> date:
    """Return the day that a text names, if it is one of the sorted days of snapshots."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CustomerIntelligenceError(
            "E_NO_DATE", f"{text!r} is no date.", "Write it as in 2011-06-30."
        ) from None
    if day in days:
        return day
    if not days:
        hint = "The published marts have no customers, and so no snapshots."
    else:
        place = bisect(days, day)
        nearest = " and ".join(str(near) for near in days[max(place - 1, 0) : place + 1])
        hint = f"Snapshots are month ends and the as-of date; nearest: {nearest}."
    raise CustomerIntelligenceError("E_NO_SNAPSHOT", f"There is no snapshot of {day}.", hint)
