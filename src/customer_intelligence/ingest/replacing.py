"""Invoices that a load replaces, and invoice numbers that earlier loads use for other invoices.

The rule is that of the model `int_invoices_replaced`: invoices are the same if number and
customer agree (an unknown customer agrees with any) and the days lie within a week.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir.layout import ROWS_FILE, SHOP_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.derived import LINE_AMOUNT
from customer_intelligence.quoting import path_literal

WITHIN_DAYS = 7
_LINES = f"""
    select
        load_number,
        upper(trim(invoice_no)) as number,
        lower(nullif(trim(customer_id), '')) as customer,
        cast(invoiced_at as date) as day,
        count(*) as lines,
        min(trim(customer_id)) as shown,
        sum({LINE_AMOUNT}) as amount
    from read_parquet({{files}}, union_by_name = true)
    where len(reasons) = 0
    {{condition}}
    group by all
"""  # noqa: S608  # nosec
_SAME = f"""
    select distinct earlier.rowid as same
    from earlier inner join {{later}} as later
        on earlier.number = later.number and earlier.load_number < later.load_number
        and abs(earlier.day - later.day) <= {WITHIN_DAYS}
        and coalesce(earlier.customer = later.customer, true)
"""  # noqa: S608  # nosec


def compare(
    connection: duckdb.DuckDBPyConnection,
    rows: Path,
    manifests: Sequence[Mapping[str, Any]],
    rules: Mapping[str, Any],
    name: str,
) -> list[str]:
    """Return in words which invoices of earlier loads a new load replaces.

    Parameters
    ----------
    connection : DuckDBPyConnection
        That may spill.
    rows : Path
        Of the new load, in ``raw/<load>/``.
    manifests : sequence of mapping
        Of the earlier loads.
    rules : mapping
        Of the shop.
    name : str
        Of the file.

    Returns
    -------
    list of str
        Predicates of the file.

    Raises
    ------
    CustomerIntelligenceError
        E_INVOICE_NUMBERS where numbers of earlier loads stand for other invoices.
    """
    if not manifests:
        return []
    raw = rows.parent.parent
    files = ", ".join(
        path_literal(raw / str(manifest["load_id"]) / ROWS_FILE) for manifest in manifests
    )
    fresh = _LINES.format(files=path_literal(rows), condition="")
    connection.execute(f"create temp table fresh as {fresh}")
    known = _LINES.format(
        files=f"[{files}]",
        condition="and upper(trim(invoice_no)) in (select number from fresh)",
    )
    connection.execute(f"create temp table earlier as {known}")
    # What an earlier load has replaced already is not replaced again.
    again = _SAME.format(later="earlier")
    connection.execute(f"delete from earlier where rowid in ({again})")  # noqa: S608  # nosec
    connection.execute(f"create temp table same as {_SAME.format(later='fresh')}")
    if rules.get("invoice_numbers") == "restart":
        return _words(
            connection,
            "holds {invoices} of load {load} with the same number and customer within a week, "
            "which count again ({amount}), because numbers of invoices restart",
        )
    _refuse_others(connection, raw, manifests, name)
    return _words(connection, "replaces {invoices} of load {load}: {amount}")


def _words(connection: duckdb.DuckDBPyConnection, sentence: str) -> list[str]:
    found = connection.execute(
        "select load_number, count(distinct number), sum(lines), sum(amount) from earlier "
        "where rowid in (select same from same) group by load_number order by load_number"
    ).fetchall()
    return [
        sentence.format(
            load=load,
            invoices=f"{invoices:,} invoice{'s' * (invoices != 1)} "
            f"({lines:,} line{'s' * (lines != 1)})",
            amount=f"{amount:,.2f}",
        )
        for load, invoices, lines, amount in found
    ]


def _refuse_others(
    connection: duckdb.DuckDBPyConnection,
    raw: Path,
    manifests: Sequence[Mapping[str, Any]],
    name: str,
) -> None:
    others = (
        "select number from earlier except "
        "select number from earlier where rowid in (select same from same)"
    )
    ((count, amount),) = connection.execute(
        f"select count(distinct number), sum(amount) from fresh where number in ({others})"  # noqa: S608  # nosec
    ).fetchall()
    if not count:
        return
    ((number, load, *rest),) = connection.execute(
        "select earlier.number, earlier.load_number, earlier.shown, earlier.day, "  # noqa: S608  # nosec
        "fresh.shown, fresh.day from earlier inner join fresh using (number) "
        f"where number in ({others}) order by all limit 1"
    ).fetchall()
    before, now = (f"of {customer or 'nobody'} on {day}" for customer, day in (rest[:2], rest[2:]))
    directory = next(
        raw / str(manifest["load_id"]) for manifest in manifests if manifest["load_number"] == load
    )
    has = "number of an invoice that is" if count == 1 else "numbers of invoices that are"
    raise CustomerIntelligenceError(
        "E_INVOICE_NUMBERS",
        f"{name} has {count:,} {has} in earlier loads for another customer or day "
        f"({amount:,.2f} in {name}): {number} is {before} in load {load}, and {now} here.",
        f"If numbers restart each month, year or till, write `invoice_numbers: restart` "
        f"into {raw.parent / SHOP_FILE} and load the file again: all of them count. Where the file "
        f"corrects an earlier one, remove {directory} first.",
    )
