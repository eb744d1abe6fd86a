"""Records that were read one at a time, staged as Parquet so that one query can check them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from customer_intelligence.ingest.formats.text import (
    Record,
    Separator,
    has_kept_bytes,
    read_records,
    show_bytes,
)
from customer_intelligence.ingest.formats.workbook import Row

BATCH_RECORDS = 50_000

# A raw record holds this many characters, and a thousand of each value at least.
RAW_RECORD_CHARS = 1 << 21
RAW_VALUE_CHARS = 1_000

# Reasons that leave no field of the record to be trusted.
UNREADABLE_REASONS = ("R_FIELD_COUNT", "R_QUOTE", "R_FIELD_LIMIT")


class StagedRecord(NamedTuple):
    """One source record as text fields, with the faults found so far."""

    fields: Sequence[str | None]
    reasons: Sequence[str] = ()
    raw_record: str | None = None
    date: Any = None
    line_number: int | None = None


def write_stage(path: Path, records: Iterable[StagedRecord], width: int) -> int:
    """Write records, numbered from 1, as columns ``c0``, ``c1``, … of a Parquet file.

    Parameters
    ----------
    path : Path
        File to write.
    records : iterable of StagedRecord
        Each with `width` fields.
    width : int
        Number of source columns.

    Returns
    -------
    int
        Records written.
    """
    schema = pa.schema(
        [
            ("record_number", pa.int64()),
            ("line_number", pa.int64()),
            ("found_reasons", pa.list_(pa.string())),
            ("found_raw_record", pa.string()),
            ("date_cell", pa.timestamp("us")),
            *((f"c{position}", pa.string()) for position in range(width)),
        ]
    )
    written = 0
    iterator = iter(records)
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        while batch := list(islice(iterator, BATCH_RECORDS)):
            columns = [
                range(written + 1, written + len(batch) + 1),
                [record.line_number for record in batch],
                [record.reasons for record in batch],
                [record.raw_record for record in batch],
                [record.date for record in batch],
                *zip(*(record.fields for record in batch), strict=True),
            ]
            arrays = [
                pa.array(column, type=field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += len(batch)
    return written


def text_records(
    stream: TextIO,
    separator: Separator,
    keys: Sequence[str],
    *,
    may_be_damaged: bool,
    skipped: int = 0,
    is_quoted: bool = True,
) -> Iterator[StagedRecord]:
    """Read the records of a delimited text after its header.

    Parameters
    ----------
    stream : TextIO
        The text from its header on.
    separator : str or tuple
        Between fields, see `read_records`.
    keys : sequence of str
        One name per column for ``raw_record``.
    may_be_damaged : bool
        Whether the text may hold undecodable bytes.
    skipped : int
        Lines above the header.
    is_quoted : bool
        Whether quotes may hold a field together, see `read_records`.

    Yields
    ------
    StagedRecord
    """
    width = len(keys)
    records = read_records(stream, separator, width, skipped=skipped, is_quoted=is_quoted)
    next(records)
    for record in records:
        reasons = [] if record.reason is None else [record.reason]
        fields: Sequence[str | None] = record.fields
        if may_be_damaged and has_kept_bytes(record.fields):
            reasons.append("R_ENCODING")
            fields = [None if has_kept_bytes([field]) else field for field in record.fields]
        if record.reason in UNREADABLE_REASONS:
            fields = [None] * width
        yield StagedRecord(
            fields,
            reasons,
            _raw_record(record, keys) if reasons else None,
            line_number=record.line_number,
        )


def workbook_records(rows: Iterable[Row], keys: Sequence[str]) -> Iterator[StagedRecord]:
    """Read the records of a workbook's sheets, with one name per column for ``raw_record``."""
    width = len(keys)
    for row in rows:
        reasons = []
        fields: Sequence[str | None] = row.fields
        if len(fields) > width:
            reasons.append("R_FIELD_COUNT")
            fields = [None] * width
        if row.errors:
            reasons.append("R_CELL_ERROR")
            fields = [None if at in row.errors else text for at, text in enumerate(fields)]
        raw = _raw_record(Record(row.fields), keys) if reasons else None
        yield StagedRecord(fields, reasons, raw, row.date, row.number)


def record_keys(header: Sequence[str]) -> list[str]:
    """Return one distinct name per column: the header's, numbered where empty or repeated."""
    keys: dict[str, None] = {}
    for position, name in enumerate(header, start=1):
        key = name or f"column {position}"
        keys[key if key not in keys else f"{key} (column {position})"] = None
    return list(keys)


def raw_value_chars(width: int) -> int:
    """Return the length at which a value of a raw record is cut."""
    return max(RAW_VALUE_CHARS, RAW_RECORD_CHARS // max(width, 1))


def _raw_record(record: Record, keys: Sequence[str]) -> str:
    """Return the source values as JSON: by name, or as a list when names do not fit them."""
    limit = raw_value_chars(len(record.fields))
    values = [
        show_bytes(field if len(field) <= limit else field[:limit] + "…") or None
        for field in record.fields
    ]
    named = record.reason is None and len(values) == len(keys)
    content: object = dict(zip(keys, values, strict=True)) if named else values
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
