"""Step 5: the raw rows of a source as one Parquet file, with its manifest."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from customer_intelligence.ingest.alarm import LOST_DIGITS
from customer_intelligence.ingest.check import rows_query
from customer_intelligence.ingest.complete import copies_query
from customer_intelligence.ingest.derived import LINE_AMOUNT
from customer_intelligence.ingest.privacy import Privacy
from customer_intelligence.ingest.pseudonyms import key_id
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.quoting import path_literal


class Written(NamedTuple):
    """What was written for a file."""

    records: int
    quarantined: int
    reasons: dict[str, int]
    """Quarantined records per reason; one record may have several."""
    amounts: dict[str, Decimal]
    """Money of the quarantined records per reason, as far as it can be read."""
    accepted_amount: Decimal
    """Money of the records that were read, whatever its sign."""
    erased: int
    """Records that named a customer who was erased."""
    invoices_of_several: tuple[int, int] = (0, 0)
    """Invoices that name several customers, and those of several days."""

    @property
    def notes(self) -> list[str]:
        """What a person should know about the file, as predicates of it."""
        notes = []
        if self.records == 0:
            notes.append("has a header and no records")
        if self.quarantined:
            listed = ", ".join(
                f"{reason} {count:,}"
                + (f" ({self.amounts[reason]:,.2f})" if reason in self.amounts else "")
                for reason, count in self.reasons.items()
            )
            notes.append(f"has quarantined records: {listed}")
        if "R_LOST_DIGITS" in self.reasons:
            notes.append(f"has ids in exponent notation. {LOST_DIGITS}")
        if self.erased:
            notes.append(
                f"names customers who were erased, in {self.erased:,} records; they stay erased"
            )
        counts = zip(self.invoices_of_several, ("customers", "days"), strict=True)
        several = [f"of several {of} ({count:,})" for count, of in counts if count]
        if several:
            notes.append(f"has invoices {' and '.join(several)}; each of them is an order then")
        return notes


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    parameters: Mapping[str, object],
    privacy: Privacy,
    target: Path,
) -> Written:
    """Write the raw rows of the view ``source``.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the view is.
    reading : Reading
        With what `survey` found.
    parameters : mapping of str to object
        Values of `PROVENANCE`.
    privacy : Privacy
        What may not be written.
    target : Path
        File to write.
    """
    connection.execute(f"create or replace temp table copies as {copies_query(reading)}")
    query, parameters, erased = privacy.rows_query(connection, rows_query(reading), parameters)
    connection.execute(
        f"copy ({query}) to $target (format parquet, compression zstd)",
        {**parameters, "target": str(target)},
    )
    rows = f"read_parquet({path_literal(target)})"
    ((records, quarantined, accepted_amount),) = connection.execute(
        "select count(*), count(*) filter (len(reasons) > 0), "  # noqa: S608  # nosec
        f"coalesce(sum(abs({LINE_AMOUNT})) filter (len(reasons) = 0), 0) from {rows}"
    ).fetchall()
    reasons = connection.execute(
        "select reason, count(*), sum(amount) from (select unnest(reasons) as reason, "  # noqa: S608  # nosec
        f"{LINE_AMOUNT} as amount from {rows} where len(reasons) > 0) "
        "group by reason order by reason"
    ).fetchall()
    (several,) = connection.execute(
        "select count(*) filter (first_customer <> last_customer), "  # noqa: S608  # nosec
        "count(*) filter (first_day <> last_day) from ("
        "select min(trim(customer_id)) as first_customer, max(trim(customer_id)) as last_customer, "
        "min(cast(invoiced_at as date)) as first_day, max(cast(invoiced_at as date)) as last_day "
        f"from {rows} where len(reasons) = 0 group by upper(trim(invoice_no)))"
    ).fetchall()
    return Written(
        records,
        quarantined,
        {reason: count for reason, count, _ in reasons},
        {reason: amount for reason, _, amount in reasons if amount is not None},
        accepted_amount,
        erased,
        several,
    )


def manifest_of(
    reading: Reading,
    written: Written,
    provenance: Mapping[str, Any],
    privacy: Privacy,
    loaded_at: dt.datetime,
) -> dict[str, Any]:
    """Return what a load's manifest says of its file and of how it was read."""
    return {
        **provenance,
        "format": reading.format,
        "encoding": reading.encoding,
        "date_order": reading.date_order,
        "clock": reading.clock,
        "header": reading.header,
        "columns": reading.named_columns,
        "mapping": reading.mapping.as_dict(),
        "pseudonym_key": key_id(privacy.key) if privacy.key is not None else None,
        "records": written.records,
        "accepted": written.records - written.quarantined,
        "quarantined": written.quarantined,
        "reasons": written.reasons,
        "erased": written.erased,
        "notes": [*reading.notes, *written.notes],
        "loaded_at": loaded_at.isoformat(),
    }
