"""Parquet files of other writers: other types, odd columns, damage."""

import datetime as dt
import io
import struct
from collections.abc import Mapping
from decimal import Decimal
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.case import (
    FIRST,
    HEADER,
    LINES,
    SECOND,
    THIRD,
    Case,
    Content,
    Line,
    Quarantined,
    bytes_case,
)

REPEATED = pa.DictionaryArray.from_arrays(np.zeros(300_000, np.int32), ["x" * 100_000])
FIELDS = dict(zip(Line._fields, HEADER, strict=True))
UTC = dt.UTC


def column(field: str, values: list[object] | None = None, kind: pa.DataType | None = None):
    """Return a column of the three lines, or other values, as an Arrow type."""
    values = [getattr(line, field) for line in LINES] if values is None else values
    if kind is not None and pa.types.is_floating(kind):
        values = [None if value is None else float(value) for value in values]
    elif kind is not None and pa.types.is_integer(kind):
        values = [None if value is None else int(value) for value in values]
    return pa.array(values, kind)


def parquet(
    columns: Mapping[str, pa.Array] | None = None, leave_out: str | None = None, **options: object
) -> bytes:
    """Return the three lines as Parquet, some columns replaced, added or left out."""
    table = {name: column(field) for field, name in FIELDS.items()} | dict(columns or {})
    table.pop(leave_out, None)
    target = io.BytesIO()
    pq.write_table(pa.table(table), target, **options)
    return target.getvalue()


def parquet_case(
    name: str, content: Content, file_name: str = "orders.parquet", **expected: object
) -> Case:
    """Return the case of a Parquet file; by default the three lines come out."""
    if "refused" not in expected:
        records = expected.setdefault("records", LINES)
        expected["line_numbers"] = [None] * len(records)
    return bytes_case(name, content, file_name, **expected)


def typed(name: str, field: str, kind: pa.DataType) -> Case:
    """Return the case of one column of another type that can hold the same values."""
    return parquet_case(name, parquet({FIELDS[field]: column(field, kind=kind)}))


def quarantined(value: str | None, field: str, *reasons: str) -> Quarantined:
    """Return the first line in quarantine, one of its values as DuckDB writes it."""
    texts = FIRST._asdict() | {
        "invoiced_at": "2010-12-01 08:26:00",
        "quantity": "6",
        "unit_price": "2.55",
        field: value,
    }
    return Quarantined(reasons, tuple(texts.values()))


def one_column(
    name: str, field: str, kind: pa.DataType | None, outcomes: list[tuple[object, object]]
) -> Case:
    """Return the case of odd values in one column of the first line, repeated.

    An outcome is the value that is accepted, or the text and the reasons in quarantine.
    """
    lines = [FIRST] * len(outcomes)
    columns = {
        FIELDS[other]: pa.array([getattr(line, other) for line in lines]) for other in FIELDS
    }
    columns[FIELDS[field]] = pa.array([value for value, _ in outcomes], kind)
    records = [
        quarantined(outcome[0], field, *outcome[1:])
        if isinstance(outcome, tuple)
        else FIRST._replace(**{field: outcome})
        for _, outcome in outcomes
    ]
    return parquet_case(name, parquet(columns), records=records)


def invalid_text() -> pa.Array:
    """Return text whose first value is not UTF-8."""
    return pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(struct.pack("<4i", 0, 2, 3, 4)), pa.py_buffer(b"\xff\xfeab")],
    )


def contradicting() -> bytes:
    """Return the three lines with a date that the file's own statistics rule out."""
    before, after = (
        struct.pack("<q", int((moment - dt.datetime(1970, 1, 1)).total_seconds()) * 1_000_000)
        for moment in (SECOND.invoiced_at, dt.datetime(2999, 1, 1))
    )
    return parquet(compression="none").replace(before, after)


def duplicated(name: str) -> bytes:
    """Return the three lines with a column twice."""
    columns = [column(field) for field in FIELDS]
    names = list(HEADER)
    columns.append(columns[names.index(name)] if name in names else pa.array(["x"] * 3))
    names.append(name)
    if name not in HEADER:
        columns.append(columns[-1])
        names.append(name)
    target = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=names), target)
    return target.getvalue()


GOOD = parquet()
NAN = float("nan")

TYPES = (
    parquet_case("plain Parquet", GOOD),
    parquet_case("Parquet named .csv", GOOD, "orders.csv"),
    parquet_case("many row groups", parquet(row_group_size=1, compression="gzip")),
    parquet_case(
        "dates of 96 bits, as Spark writes them", parquet(use_deprecated_int96_timestamps=True)
    ),
    typed("customer ids as floats with gaps", "customer_id", pa.float64()),
    typed("customer ids as whole numbers", "customer_id", pa.int32()),
    typed("quantities as floats", "quantity", pa.float64()),
    typed("quantities as decimals", "quantity", pa.decimal128(10, 2)),
    typed("quantities of 16 bits", "quantity", pa.int16()),
    typed("prices as floats", "unit_price", pa.float64()),
    typed("prices as floats of 32 bits", "unit_price", pa.float32()),
    typed("prices as decimals of two places", "unit_price", pa.decimal128(10, 2)),
    typed("prices as decimals of twelve places", "unit_price", pa.decimal128(38, 12)),
    typed("dates in nanoseconds", "invoiced_at", pa.timestamp("ns")),
    typed("dates in milliseconds", "invoiced_at", pa.timestamp("ms")),
    typed("dates in UTC", "invoiced_at", pa.timestamp("us", "UTC")),
    *(
        parquet_case(
            f"dates of the zone {zone}",
            parquet(
                {
                    "InvoiceDate": pc.assume_timezone(
                        column("invoiced_at", kind=pa.timestamp("us")), zone
                    )
                }
            ),
        )
        for zone in ("America/New_York", "Asia/Kolkata", "+02:00", "-09:30")
    ),
    typed("dates in nanoseconds of a zone", "invoiced_at", pa.timestamp("ns", "America/Lima")),
    typed("texts as bytes", "description", pa.binary()),
    typed("texts of large type", "description", pa.large_string()),
    parquet_case(
        "every column as text",
        parquet(
            {
                name: pa.array([line.fields()[at] for line in LINES])
                for at, name in enumerate(HEADER)
            }
        ),
    ),
    parquet_case(
        "texts as dictionary",
        parquet(
            {
                FIELDS[field]: column(field).dictionary_encode()
                for field in ("invoice_no", "description", "customer_id", "country")
            }
        ),
    ),
    parquet_case(
        "nobody known: customers of the type null",
        parquet({"CustomerID": pa.nulls(3)}),
        records=[line._replace(customer_id=None) for line in LINES],
    ),
    parquet_case(
        "dates without a time",
        parquet({"InvoiceDate": pa.array([line.invoiced_at.date() for line in LINES])}),
        records=[
            line._replace(invoiced_at=line.invoiced_at.replace(hour=0, minute=0)) for line in LINES
        ],
    ),
    one_column(
        "quantities that are none",
        "quantity",
        pa.float64(),
        [
            (6.0, 6),
            (-0.0, 0),
            (1.5, Decimal("1.5")),
            (0.1 + 0.2, Decimal("0.3")),
            (0.12345, ("0.12345", "R_QUANTITY_SCALE")),
            (NAN, ("nan", "R_NOT_FINITE")),
            (float("-inf"), ("-inf", "R_NOT_FINITE")),
            (1e19, ("1e+19", "R_OVERFLOW")),
            (None, (None, "R_QUANTITY")),
        ],
    ),
    one_column(
        "quantities without a sign",
        "quantity",
        pa.uint64(),
        [(6, 6), (2**64 - 1, ("18446744073709551615", "R_OVERFLOW"))],
    ),
    one_column(
        "quantities of the type boolean",
        "quantity",
        pa.bool_(),
        [(True, ("true", "R_QUANTITY"))],
    ),
    one_column(
        "prices that are none",
        "unit_price",
        pa.float64(),
        [
            (2.55, Decimal("2.55")),
            (-0.0, Decimal(0)),
            (1.1 + 2.2, Decimal("3.3")),
            (2.55555, ("2.55555", "R_UNIT_PRICE_SCALE")),
            (NAN, ("nan", "R_NOT_FINITE")),
            (1e300, ("1e+300", "R_OVERFLOW")),
            (None, (None, "R_UNIT_PRICE")),
        ],
    ),
    one_column(
        "dates out of range",
        "invoiced_at",
        pa.timestamp("us"),
        [
            (dt.datetime(1990, 1, 1), dt.datetime(1990, 1, 1)),
            (dt.datetime(1899, 12, 30), ("1899-12-30 00:00:00", "R_DATE_RANGE")),
            (dt.datetime(2999, 1, 1), ("2999-01-01 00:00:00", "R_FUTURE_DATE")),
            (None, (None, "R_INVOICE_DATE")),
        ],
    ),
    one_column(
        "dates as seconds since 1970",
        "invoiced_at",
        pa.int64(),
        [(1_291_191_960, ("1291191960", "R_INVOICE_DATE"))],
    ),
    one_column(
        "dates of the type time",
        "invoiced_at",
        pa.time64("us"),
        [(dt.time(8, 26), ("08:26:00", "R_INVOICE_DATE"))],
    ),
    one_column(
        "customer ids that no float holds",
        "customer_id",
        pa.float64(),
        [(17850.0, "17850"), (NAN, None), (17850.5, "17850.5")],
    ),
    one_column(
        "texts with NUL and of a length",
        "description",
        pa.string(),
        [
            ("lan\x00tern", ("lan\x00tern", "R_NUL")),
            ("x" * 131_073, ("x" * 131_073, "R_FIELD_LIMIT")),
            ("", None),
            (" =1+1 🎁", " =1+1 🎁"),
        ],
    ),
    one_column(
        "invoice numbers that are empty",
        "invoice_no",
        pa.string(),
        [
            ("", (None, "R_INVOICE_NO")),
            (None, (None, "R_INVOICE_NO")),
            (" ", (" ", "R_INVOICE_NO")),
        ],
    ),
)

COLUMNS = (
    parquet_case(
        "nested columns beside the table",
        parquet(
            {
                "tags": pa.array([["a"], [], None]),
                "address": pa.array([{"city": "Leeds"}, None, {"city": None}]),
                "attributes": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
            }
        ),
        says="'tags', 'address', 'attributes'",
    ),
    parquet_case(
        "columns with odd names",
        parquet(
            {
                name: pa.array([1, 2, 3])
                for name in ('a"b', "", "c0", "record_number", "file_row_number", "found_reasons")
            }
        ),
    ),
    parquet_case("an unused column twice", duplicated("Note"), says="'Note'"),
    parquet_case(
        "two columns of one name in Parquet",
        duplicated("Quantity"),
        refused="E_DUPLICATE_COLUMNS",
        says='"Quantity" and "Quantity"',
    ),
    one_column(
        "a nested column for the quantity",
        "quantity",
        pa.list_(pa.int64()),
        [([6], ("[6]", "R_QUANTITY")), ([], ("[]", "R_QUANTITY"))],
    ),
    parquet_case(
        "Parquet without rows",
        parquet({name: column(field)[:0] for field, name in FIELDS.items()}),
        records=[],
        says="has a header and no records",
    ),
    parquet_case(
        "a column too few in Parquet",
        parquet(leave_out="InvoiceDate"),
        refused="E_MISSING_COLUMNS",
        says="Found: InvoiceNo, StockCode",
    ),
)

DAMAGED = (
    parquet_case("Parquet cut off", GOOD[:-200], refused="E_UNREADABLE"),
    parquet_case(
        "Parquet that repeats one long text",
        partial(parquet, dict.fromkeys(HEADER, REPEATED), compression="zstd"),
        refused="E_TOO_BIG",
        says="would expand to 240,0",
    ),
    parquet_case(
        "Parquet of nothing, for ever",
        lambda: parquet(dict.fromkeys(HEADER, pa.nulls(140_000_000, pa.bool_()))),
        refused="E_TOO_BIG",
    ),
    parquet_case(
        "Parquet with five thousand columns",
        partial(parquet, {f"x{at}": pa.array([1, 2, 3]) for at in range(5000)}),
        refused="E_TOO_WIDE",
    ),
    parquet_case("Parquet without its end", GOOD[:1000], refused="E_UNREADABLE"),
    parquet_case("the first bytes of Parquet only", b"PAR1", refused="E_UNREADABLE"),
    parquet_case(
        "Parquet with statistics that do not hold",
        contradicting(),
        records=[
            FIRST,
            Quarantined(
                ("R_FUTURE_DATE",),
                ("C536379", "D", "Discount", "-1", "2999-01-01 00:00:00", "27.50", "14527", "UK"),
            ),
            THIRD,
        ],
    ),
    parquet_case(
        "Parquet with NUL in an unused name",
        GOOD.replace(b"Country", b"\0ountry"),
        refused="E_UNREADABLE",
    ),
    parquet_case("Parquet that lost a byte", GOOD[:4] + GOOD[5:], refused="E_UNREADABLE"),
    parquet_case(
        "Parquet with a name that is not UTF-8",
        GOOD.replace(b"Country", b"C\xf3untry"),
        refused="E_UNREADABLE",
    ),
    parquet_case(
        "Parquet with a footer of noise",
        GOOD[:-408] + b"noise" * 80 + GOOD[-8:],
        refused="E_UNREADABLE",
    ),
    parquet_case("encrypted Parquet", b"PARE" + GOOD[4:-4] + b"PARE", refused="E_UNKNOWN_FORMAT"),
    parquet_case(
        "Parquet with text that is not UTF-8",
        parquet({"Description": invalid_text()}),
        refused="E_UNREADABLE",
    ),
)

CASES = (*TYPES, *COLUMNS, *DAMAGED)
